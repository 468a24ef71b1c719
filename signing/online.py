"""Judging a signer before signing, with CRL and OCSP answers asked for over the network.

pyHanko's own fetchers belong to the event loop of one call, know nothing of the time limit in the settings, and keep nothing
on disk; a desk of keys makes many calls with one context. These ask the way the verifier does (`signing.revocation`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime

from asn1crypto import crl, ocsp, x509
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import Authority
from pyhanko_certvalidator.errors import OCSPFetchError
from pyhanko_certvalidator.fetchers import CertificateFetcher, CRLFetcher, Fetchers, OCSPFetcher

from signing.revocation import RevocationCache, fetch_crl, fetch_ocsp
from signing.trust import TrustSettings, TrustStore, load_trust


def signing_validation(trust: TrustSettings, moment: datetime | None = None) -> ValidationContext:
    """A context for `signing.sign` and `signing.renew` that trusts the folder's anchors and requires revocation answers.

    They are fetched where `trust.online` allows it, once for each certificate, each within `trust.network_seconds`.
    `moment`: the time judged for; the time of this call when None."""
    store = load_trust(trust)
    lists = [crl.CertificateList.load(der) for der in store.crls]
    fetchers = None
    if trust.online:
        asked = _Asked(trust, store)
        fetchers = Fetchers(_Ocsp(asked), _Crl(asked), _NoCertificates())
    return ValidationContext(
        trust_roots=[anchor.certificate for anchor in store.anchors],
        other_certs=list(store.intermediates),
        crls=lists,
        allow_fetching=trust.online,
        fetchers=fetchers,
        moment=moment,
        revocation_mode="require",
        # An answer is given after the context was made: it says more, not less.
        retroactive_revinfo=True,
    )


class _Asked:
    """Answers by certificate; whoever is silent is asked once."""

    def __init__(self, trust: TrustSettings, store: TrustStore) -> None:
        self.trust, self.cache = trust, RevocationCache(trust.cache)
        self.ocsps: dict[bytes, list[ocsp.OCSPResponse]] = {}
        self.crls: dict[bytes, list[crl.CertificateList]] = {}
        self._issuers = [*store.intermediates, *(anchor.certificate for anchor in store.anchors)]

    def issuer(self, certificate: x509.Certificate) -> x509.Certificate:
        """Names the file in the cache; the certificate itself where its issuer is not in the trust folder."""
        found = (one for one in self._issuers if one.subject == certificate.issuer)
        return next(found, certificate)


class _Ocsp(OCSPFetcher):
    def __init__(self, asked: _Asked) -> None:
        self._asked = asked

    async def fetch(self, cert: x509.Certificate, authority: Authority) -> ocsp.OCSPResponse:
        """Raises OCSPFetchError."""
        asked = self._asked
        if cert.sha256 not in asked.ocsps:
            issuer = getattr(authority, "certificate", None) or asked.issuer(cert)
            asked.ocsps[cert.sha256] = fetch_ocsp(cert, issuer, asked.trust, asked.cache)
        if not asked.ocsps[cert.sha256]:
            raise OCSPFetchError("no answer")
        return asked.ocsps[cert.sha256][0]

    def fetched_responses(self) -> list[ocsp.OCSPResponse]:
        return [answer for answers in self._asked.ocsps.values() for answer in answers]

    def fetched_responses_for_cert(self, cert: x509.Certificate) -> list[ocsp.OCSPResponse]:
        return self._asked.ocsps.get(cert.sha256, [])


class _Crl(CRLFetcher):
    def __init__(self, asked: _Asked) -> None:
        self._asked = asked

    async def fetch(self, cert: x509.Certificate, *, use_deltas: bool = True) -> list[crl.CertificateList]:
        asked = self._asked
        asked.crls[cert.sha256] = fetch_crl(cert, asked.issuer(cert), asked.trust, asked.cache)
        return asked.crls[cert.sha256]

    def fetched_crls(self) -> list[crl.CertificateList]:
        return [issued for lists in self._asked.crls.values() for issued in lists]

    def fetched_crls_for_cert(self, cert: x509.Certificate) -> list[crl.CertificateList]:
        """Raises KeyError for a certificate nobody asked about, as pyHanko wants it."""
        return self._asked.crls[cert.sha256]


class _NoCertificates(CertificateFetcher):
    """Chains are built from the trust folder and the key's own: an address in a certificate is its maker's choice."""

    async def fetch_cert_issuers(self, cert: x509.Certificate) -> AsyncGenerator[x509.Certificate]:
        for none in ():
            yield none

    async def fetch_crl_issuers(
        self, certificate_list: crl.CertificateList
    ) -> AsyncGenerator[x509.Certificate]:
        for none in ():
            yield none

    def fetched_certs(self) -> list[x509.Certificate]:
        return []
