"""CRL and OCSP answers: those inside a file, those kept on disk, those fetched.

Nothing here decides whether an answer can be believed: signatures, responders and dates are checked where a chain is
judged (`signing.verify_chain`). What is kept on disk is only a copy that saves a fetch: a file of it that was changed
cannot make a certificate good.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from asn1crypto import algos, cms, crl, ocsp, x509
from cryptography import x509 as pyca
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp as pyca_ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError

from signing.parsed import parsed
from signing.trust import MAX_CRL_BYTES, TrustSettings

MAX_OCSP_BYTES = 1_000_000
MAX_EMBEDDED = 500
"""Answers and certificates taken from one file: many times what honest files hold."""
DEAD_SECONDS = 60.0
"""An address that did not answer is left alone for so long, so that a batch does not wait for it a thousand times."""


@dataclass
class Evidence:
    """Certificates, CRLs and OCSP answers that may help to judge a chain."""

    certificates: list[x509.Certificate] = field(default_factory=list)
    crls: list[crl.CertificateList] = field(default_factory=list)
    ocsps: list[ocsp.OCSPResponse] = field(default_factory=list)

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(
            self.certificates + other.certificates, self.crls + other.crls, self.ocsps + other.ocsps
        )

    @property
    def has_answers(self) -> bool:
        return bool(self.crls or self.ocsps)


def from_dss(document) -> Evidence:
    """What the document security store of a file, or of one of its revisions, holds. Broken parts are left out."""
    try:
        store = DocumentSecurityStore.read_dss(document)
        entries = [
            (store.certs.values(), DecodePurpose.CERTIFICATE, x509.Certificate),
            (store.crls, DecodePurpose.CRL, crl.CertificateList),
            (store.ocsps, DecodePurpose.OCSP_RESPONSE, ocsp.OCSPResponse),
        ]
    except (NoDSSFoundError, PdfError, ValueError, TypeError, KeyError, AttributeError):
        return Evidence()
    lists: list[list] = []
    for streams, purpose, kind in entries:
        found = []
        for stream in list(streams)[:MAX_EMBEDDED]:
            try:
                found.append(parsed(kind, stream.get_object().read_data(purpose)))
            except (PdfError, ValueError, TypeError, KeyError, AttributeError):
                continue
        lists.append(found)
    return Evidence(*lists)


def from_cms(signed_data: cms.SignedData, signer_info: cms.SignerInfo) -> Evidence:
    """CRLs and OCSP answers in the signature itself, as Adobe puts them (ISO 32000-2 §12.8.3.3.2) and as CMS does."""
    found = Evidence()
    try:
        for attribute in signer_info["signed_attrs"]:
            if attribute["type"].native == "adobe_revocation_info_archival":
                for value in attribute["values"]:
                    found.crls += [parsed(crl.CertificateList, each.dump()) for each in value["crl"] or ()]
                    found.ocsps += [parsed(ocsp.OCSPResponse, each.dump()) for each in value["ocsp"] or ()]
        for choice in signed_data["crls"] or ():
            if choice.name == "certificate_list":
                found.crls.append(parsed(crl.CertificateList, choice.chosen.dump()))
    except (ValueError, TypeError, KeyError):
        pass  # what was read so far counts
    return found


class _OfThread(threading.local):
    def __init__(self) -> None:
        self.lists = lru_cache(maxsize=4)(_lists)


def from_lists(ders: tuple[bytes, ...]) -> Evidence:
    """CRLs given as DER; broken ones are left out. Lists of a large authority are read once in a thread (`signing.parsed`
    says why a thread), not for every file."""
    return _of_thread.lists(ders)


def _lists(ders: tuple[bytes, ...]) -> Evidence:
    found = Evidence()
    for der in ders:
        try:
            found.crls.append(parsed(crl.CertificateList, der))
        except (ValueError, TypeError):
            continue
    return found


_of_thread = _OfThread()


def revoked_since(
    certificate: x509.Certificate, issuer: x509.Certificate, evidence: Evidence
) -> datetime | None:
    """The earliest date from which any answer that can be believed calls the certificate revoked; None: none does.

    Looked at apart from the chain because one good answer ends the search there, while another may know better: bad
    news counts whoever else has none."""
    dates = [date for each in evidence.crls if (date := _listed(certificate, issuer, each))]
    dates += [date for each in evidence.ocsps if (date := _answered(certificate, issuer, each))]
    return min(dates, default=None)


def _listed(
    certificate: x509.Certificate, issuer: x509.Certificate, each: crl.CertificateList
) -> datetime | None:
    if each.issuer != certificate.issuer:
        return None
    try:
        parsed = pyca.load_der_x509_crl(each.dump())
        entry = parsed.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and parsed.is_signature_valid(_pyca(issuer).public_key()):
            return entry.revocation_date_utc
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass
    return None


def _answered(
    certificate: x509.Certificate, issuer: x509.Certificate, each: ocsp.OCSPResponse
) -> datetime | None:
    try:
        parsed = pyca_ocsp.load_der_ocsp_response(each.dump())
        for answer in parsed.responses:
            if answer.serial_number != certificate.serial_number:
                continue
            if answer.issuer_key_hash != getattr(issuer.public_key, answer.hash_algorithm.name):
                continue
            if answer.certificate_status is pyca_ocsp.OCSPCertStatus.REVOKED and _by(issuer, parsed):
                return answer.revocation_time_utc
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        pass
    return None


def _by(issuer: x509.Certificate, answer: pyca_ocsp.OCSPResponse) -> bool:
    """Signed by the issuer, or by a responder the issuer named (RFC 6960 §4.2.2.2)."""
    for certificate in (_pyca(issuer), *answer.certificates):
        try:
            if certificate != _pyca(issuer):
                certificate.verify_directly_issued_by(_pyca(issuer))
                purposes = certificate.extensions.get_extension_for_class(pyca.ExtendedKeyUsage).value
                if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
                    continue
            _verify(certificate.public_key(), answer)
            return True
        except (InvalidSignature, pyca.ExtensionNotFound, ValueError, TypeError):
            continue
    return False


def _verify(key, answer: pyca_ocsp.OCSPResponse) -> None:
    """Raises InvalidSignature."""
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(
            answer.signature, answer.tbs_response_bytes, padding.PKCS1v15(), answer.signature_hash_algorithm
        )
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(answer.signature, answer.tbs_response_bytes, ec.ECDSA(answer.signature_hash_algorithm))
    else:
        raise InvalidSignature


def _pyca(certificate: x509.Certificate) -> pyca.Certificate:
    return pyca.load_der_x509_certificate(certificate.dump())


class RevocationCache:
    """Fetched answers on disk, by issuer and serial number; a list by its issuer and address.

    Old answers stay until a newer one takes their place: for the time of an old signature they are still right."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def find(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Evidence:
        found = Evidence()
        if self._folder is None:
            return found
        for path, kind, into in [
            (self._ocsp_path(certificate, issuer), ocsp.OCSPResponse, found.ocsps),
            *(
                (self._crl_path(issuer, url), crl.CertificateList, found.crls)
                for url in crl_urls(certificate)
            ),
        ]:
            try:
                into.append(parsed(kind, path.read_bytes()))
            except (OSError, ValueError, TypeError):
                continue
        return found

    def keep_ocsp(self, certificate: x509.Certificate, issuer: x509.Certificate, der: bytes) -> None:
        if self._folder is not None:
            _write(self._ocsp_path(certificate, issuer), der)

    def keep_crl(self, issuer: x509.Certificate, url: str, der: bytes) -> None:
        if self._folder is not None:
            _write(self._crl_path(issuer, url), der)

    def _ocsp_path(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Path:
        return self._folder / "ocsp" / f"{issuer.sha256.hex()[:32]}-{certificate.serial_number:x}.der"

    def _crl_path(self, issuer: x509.Certificate, url: str) -> Path:
        place = hashlib.sha256(url.encode()).hexdigest()[:16]
        return self._folder / "crl" / f"{issuer.sha256.hex()[:32]}-{place}.der"


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all. A cache that cannot be written costs a fetch next time, never a verdict."""
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)


# --- fetching -------------------------------------------------------------------------------------------------------
_dead: dict[str, float] = {}


def fetch(
    certificate: x509.Certificate, issuer: x509.Certificate, settings: TrustSettings, cache: RevocationCache
) -> Evidence:
    """Asks the addresses in a certificate for its state and keeps the answers. Empty when nobody answers.

    Only for certificates that lead to a trust anchor: the address in any other one is its maker's choice, and a
    verifier that calls it tells strangers who verifies what, or reaches machines behind a firewall."""
    answers = fetch_ocsp(certificate, issuer, settings, cache)
    return (
        Evidence(ocsps=answers) if answers else Evidence(crls=fetch_crl(certificate, issuer, settings, cache))
    )


def fetch_ocsp(
    certificate: x509.Certificate, issuer: x509.Certificate, settings: TrustSettings, cache: RevocationCache
) -> list[ocsp.OCSPResponse]:
    """The first answer of the responders named in a certificate that is about it, by somebody who may say so, and not out
    of date; empty when there is none, so that the list is asked."""
    for url in ocsp_urls(certificate):
        der = _get(url, settings.network_seconds, MAX_OCSP_BYTES, _ocsp_request(certificate, issuer))
        try:
            answer = parsed(ocsp.OCSPResponse, der)
        except (ValueError, TypeError):
            continue
        if not _usable(der, certificate, issuer):
            continue
        cache.keep_ocsp(certificate, issuer, der)
        return [answer]
    return []


def _usable(der: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """A chain is not judged here; but an answer that cannot count must not keep the list from being asked."""
    try:
        parsed = pyca_ocsp.load_der_ocsp_response(der)
        for answer in parsed.responses:
            ours = answer.serial_number == certificate.serial_number
            if ours and answer.certificate_status is not pyca_ocsp.OCSPCertStatus.UNKNOWN:
                ends = answer.next_update_utc
                if (ends is None or ends > datetime.now(UTC)) and _by(issuer, parsed):
                    return True
    except (ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        pass
    return False


def fetch_crl(
    certificate: x509.Certificate, issuer: x509.Certificate, settings: TrustSettings, cache: RevocationCache
) -> list[crl.CertificateList]:
    """The first list from the addresses named in a certificate; empty when none answers."""
    for url in crl_urls(certificate):
        der = _get(url, settings.network_seconds, MAX_CRL_BYTES)
        try:
            issued = parsed(crl.CertificateList, der)
        except (ValueError, TypeError):
            continue
        cache.keep_crl(issuer, url, der)
        return [issued]
    return []


def ocsp_urls(certificate: x509.Certificate) -> list[str]:
    return [url for url in certificate.ocsp_urls if _can_answer(url)]


def crl_urls(certificate: x509.Certificate) -> list[str]:
    found = []
    for point in certificate.crl_distribution_points:
        name = point["distribution_point"]
        if name.name == "full_name":
            urls = [each.native for each in name.chosen if each.name == "uniform_resource_identifier"]
            found += [url for url in urls if _can_answer(url)]
    return found


def _can_answer(url: str) -> bool:
    """`.invalid` never resolves (RFC 2606): test certificates carry it, and asking would only cost time."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and not (parts.hostname or ".invalid").endswith(".invalid")
    except ValueError:
        return False


def _ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """RFC 5019: SHA-1 names the certificate (no secret hangs on it) and no nonce, so that answers can be kept."""
    name = ocsp.CertId(
        {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": "sha1"}),
            "issuer_name_hash": issuer.subject.sha1,
            "issuer_key_hash": issuer.public_key.sha1,
            "serial_number": certificate.serial_number,
        }
    )
    return ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": name}]}}).dump()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer that sends elsewhere is no answer: the address was vouched for, where it points is not."""

    def redirect_request(self, *_):
        return None


def _get(url: str, seconds: float, most: int, body: bytes | None = None) -> bytes:
    """Empty when there is no answer within the time and size allowed."""
    if time.monotonic() < _dead.get(url, 0.0):
        return b""
    headers = {"Content-Type": "application/ocsp-request"} if body else {}
    deadline = time.monotonic() + seconds
    try:
        request = urllib.request.Request(url, data=body, headers=headers)
        data = b""
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=seconds) as answer:
            # A server that sends a byte a second never runs into the socket's own limit.
            while block := answer.read1(65_536):
                data += block
                if len(data) > most or time.monotonic() > deadline:
                    raise TimeoutError
        return data
    except (OSError, ValueError, urllib.error.URLError):
        _dead[url] = time.monotonic() + DEAD_SECONDS
        return b""
