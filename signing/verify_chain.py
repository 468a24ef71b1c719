"""Is a certificate to be believed at a moment: chain to a trust anchor, purpose, revocation. Two separate facts, so that
a verdict can say "trusted, revocation unknown".

pyHanko's certvalidator walks the chain (RFC 5280) and checks CRLs and OCSP answers; here is decided for which moment and
with which evidence it is asked (ETSI EN 319 102-1 §5.2.6).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from asn1crypto import x509
from pyhanko.sign.ades.report import AdESIndeterminate
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    DisallowWeakAlgorithmsPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)

from schemas.signing import Revocation
from signing.revocation import Evidence, RevocationCache, fetch, revoked_since
from signing.trust import Anchor, TrustSettings, TrustStore
from signing.verify_structure import BROKEN

SIGNER_USAGE = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
"""Certificates of Vietnamese agencies carry one of the two or both."""
TSA_USAGE = KeyUsageConstraints(key_usage=set(), extd_key_usage={"time_stamping"})
_NOT_FOR_DOCUMENTS = {"server_auth", "code_signing", "time_stamping", "ocsp_signing"}
"""Purposes that do not speak for signing a document; a certificate with nothing else is not a signer's."""

_CHECK = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
_NOT_NOW = CertRevTrustPolicy(
    RevocationCheckingPolicy(RevocationCheckingRule.NO_CHECK, RevocationCheckingRule.NO_CHECK)
)
# Answers given later than the moment asked about say more about it, not less: hence retroactive.
_REQUIRED = CertRevTrustPolicy(RevocationCheckingPolicy(_CHECK, _CHECK), retroactive_revinfo=True)
_STRENGTH = DisallowWeakAlgorithmsPolicy()


@dataclass(frozen=True)
class ChainFacts:
    """What is known of a certificate at a moment."""

    trusted: bool
    """A chain leads to an anchor, with the right purpose, all certificates in time."""
    revocation: Revocation
    problem: str | None
    """ETSI sub-indication; None: trusted and not revoked."""
    revoked_on: datetime | None = None
    """Before or after the moment asked about."""
    anchor: Anchor | None = None
    path: tuple[x509.Certificate, ...] = field(default=())
    """Anchor first; empty when there is none."""

    @property
    def revoked_later(self) -> bool:
        """Revoked, but after the moment asked about."""
        return self.revocation is Revocation.GOOD and self.revoked_on is not None


@dataclass
class ChainJudge:
    """Judges certificates with the trust of this installation. One for each verification: it fetches an answer once."""

    settings: TrustSettings
    store: TrustStore
    dropped: Evidence
    """Lists brought by hand."""

    def __post_init__(self) -> None:
        self._cache = RevocationCache(self.settings.cache)
        self._fetched: dict[bytes, Evidence] = {}

    async def judge(
        self,
        certificate: x509.Certificate,
        moment: datetime,
        embedded: Evidence,
        usage: KeyUsageConstraints = SIGNER_USAGE,
        *,
        alone: bool = False,
    ) -> ChainFacts:
        """The certificate at a moment (with offset). `alone`: with nothing but what is embedded in the file, which is
        how B-LT is told from B-T."""
        if not certificate.not_valid_before <= moment <= certificate.not_valid_after:
            problem = AdESIndeterminate.OUT_OF_BOUNDS_NO_POE.name
            # Still worth knowing whether it was ever anybody's: the message differs.
            inside = min(max(moment, certificate.not_valid_before), certificate.not_valid_after)
            path, chain_problem = await self._path(certificate, inside, embedded, usage)
            facts = self._facts(path, Revocation.UNKNOWN, chain_problem or problem)
            return ChainFacts(facts.trusted, facts.revocation, facts.problem, None, facts.anchor, facts.path)
        path, problem = await self._path(certificate, moment, embedded, usage)
        if path is None or problem:
            return self._facts(path, Revocation.UNKNOWN, problem)
        certificates = tuple(path.iter_certs(include_root=True))
        known = embedded if alone else embedded + self.dropped + self._cached(certificates)
        facts = await self._revocation(path, certificate, moment, known, usage)
        if facts.revocation is Revocation.UNKNOWN and self.settings.online and not alone:
            facts = await self._revocation(
                path, certificate, moment, known + self._fetch(certificates), usage
            )
        return facts

    async def _path(
        self, certificate: x509.Certificate, moment: datetime, evidence: Evidence, usage: KeyUsageConstraints
    ) -> tuple[ValidationPath | None, str | None]:
        """A chain without a look at revocation, and what is wrong with it."""
        if usage is SIGNER_USAGE and (extended := certificate.extended_key_usage_value) is not None:
            if set(extended.native) <= _NOT_FOR_DOCUMENTS:
                return None, AdESIndeterminate.CHAIN_CONSTRAINTS_FAILURE.name
        result = await self._validate(certificate, moment, evidence, usage, _NOT_NOW)
        path = result.success_result or result.error_path
        return path, result.error_subindic.name if result.error_subindic else None

    async def _revocation(
        self,
        path: ValidationPath,
        certificate: x509.Certificate,
        moment: datetime,
        evidence: Evidence,
        usage: KeyUsageConstraints,
    ) -> ChainFacts:
        issuers = tuple(path.iter_certs(include_root=True))
        since = None
        if len(issuers) > 1:
            since = revoked_since(certificate, issuers[-2], evidence)
            if since is not None and since <= moment:
                return self._facts(path, Revocation.REVOKED, AdESIndeterminate.REVOKED_NO_POE.name, since)
        if len(issuers) > 1 and not evidence.has_answers:
            return self._facts(path, Revocation.UNKNOWN, AdESIndeterminate.TRY_LATER.name)
        result = await self._validate(certificate, moment, evidence, usage, _REQUIRED)
        if result.error_subindic is None:
            return self._facts(path, Revocation.GOOD, None, since)
        if result.revo_details is not None:
            since = result.revo_details.revocation_date
            return self._facts(path, Revocation.REVOKED, result.error_subindic.name, since)
        # The chain itself was found sound: what is missing is an answer that holds for this moment.
        return self._facts(path, Revocation.UNKNOWN, AdESIndeterminate.TRY_LATER.name)

    async def _validate(self, certificate, moment, evidence: Evidence, usage, policy: CertRevTrustPolicy):
        try:
            context = ValidationContext(
                trust_roots=[anchor.certificate for anchor in self.store.anchors],
                other_certs=_once([*evidence.certificates, *self.store.intermediates]),
                crls=_once(evidence.crls),
                ocsps=_once(evidence.ocsps),
                moment=moment,
                revinfo_policy=policy,
                algorithm_usage_policy=_STRENGTH,
            )
            paths = context.path_builder.async_build_paths_lazy(certificate)
            return await generic_cms.validate_cert_usage(certificate, context, usage, paths)
        except BROKEN:  # a certificate, list or answer in the file that cannot be parsed to its end
            failure = AdESIndeterminate.CERTIFICATE_CHAIN_GENERAL_FAILURE
            return generic_cms.CertvalidatorOperationResult(success_result=None, error_subindic=failure)

    def _cached(self, path: tuple[x509.Certificate, ...]) -> Evidence:
        found = Evidence()
        for issuer, certificate in zip(path, path[1:], strict=False):
            found += self._cache.find(certificate, issuer)
        return found

    def _fetch(self, path: tuple[x509.Certificate, ...]) -> Evidence:
        found = Evidence()
        for issuer, certificate in zip(path, path[1:], strict=False):
            if certificate.sha256 not in self._fetched:
                answers = fetch(certificate, issuer, self.settings, self._cache)
                self._fetched[certificate.sha256] = answers
            found += self._fetched[certificate.sha256]
        return found

    def _facts(
        self,
        path: ValidationPath | None,
        revocation: Revocation,
        problem: str | None,
        revoked_on: datetime | None = None,
    ) -> ChainFacts:
        certificates = tuple(path.iter_certs(include_root=True)) if path else ()
        anchor = self.store.anchor_of(certificates[0]) if certificates else None
        untrusted = {
            "NO_CERTIFICATE_CHAIN_FOUND",
            "CERTIFICATE_CHAIN_GENERAL_FAILURE",
            "CHAIN_CONSTRAINTS_FAILURE",
        }
        untrusted |= {"CRYPTO_CONSTRAINTS_FAILURE", "CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "NO_POE"}
        trusted = path is not None and problem not in untrusted
        return ChainFacts(trusted, revocation, problem, revoked_on, anchor, certificates)


def _once(values: list) -> list:
    """Without repetitions: the same list stands in the signature, in the file and in the trust folder, and each costs a
    check of its own. Values of equal bytes are the same object (`signing.parsed`), or count as two."""
    return list({id(value): value for value in values}.values())
