"""Timestamp tokens (RFC 3161): is a token sound, is it about these bytes, can its maker be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from asn1crypto import cms, core, tsp, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator
from pyhanko_certvalidator.util import get_pyca_cryptography_hash

from schemas.signing import Revocation, TimestampState
from signing.parsed import certificates_in
from signing.revocation import Evidence, from_cms
from signing.verify_chain import TSA_USAGE, ChainFacts, ChainJudge
from signing.verify_structure import BROKEN
from signing.verify_weakness import weak_signature

MAX_TOKENS = 10
CLOCK_SKEW = timedelta(minutes=5)
"""How far clocks of honest machines may stand apart."""


@dataclass(frozen=True)
class Token:
    """A token as it stands in the file, before anybody is asked about its maker."""

    time: datetime | None
    authority: x509.Certificate | None
    evidence: Evidence
    """Certificates and lists it carries."""
    weak: bool = False
    problem: str = ""
    """Code of `signing.verdict`; empty: sound, and about these bytes."""


@dataclass(frozen=True)
class TokenFacts:
    """A token after its maker was judged."""

    token: Token
    state: TimestampState
    chain: ChainFacts | None
    codes: tuple[str, ...] = ()

    @property
    def time(self) -> datetime | None:
        """Proven time; None: the token proves nothing."""
        return self.token.time if self.state is TimestampState.VALID else None


def tokens_of(signer_info: cms.SignerInfo) -> Iterator[cms.SignedData]:
    """Signature timestamps among the unsigned attributes."""
    for attribute in signer_info["unsigned_attrs"] or ():
        if attribute["type"].native == "signature_time_stamp_token":
            for value in list(attribute["values"])[:MAX_TOKENS]:
                yield value["content"]


def read_token(signed_data: cms.SignedData, digest_of: Callable[[str], bytes]) -> Token:
    """A token held against the digest it must carry. `digest_of(name)` computes that with a hash algorithm."""
    broken = Token(None, None, Evidence(), problem="timestamp_format_failure")
    try:
        info = signed_data["encap_content_info"]["content"].parsed
        if not isinstance(info, tsp.TSTInfo):
            return broken
        time = info["gen_time"].native.astimezone(UTC)
        signer_info = signed_data["signer_infos"][0]
        if len(signed_data["signer_infos"]) != 1:
            return broken
        authority, others = certificates_in(signed_data)
        evidence = Evidence(others) + from_cms(signed_data, signer_info)
        imprint = info["message_imprint"]
        expected = digest_of(imprint["hash_algorithm"]["algorithm"].native)
        weak = weak_signature(signer_info, authority) or imprint["hash_algorithm"]["algorithm"].native in (
            "sha1",
            "md5",
        )
        if imprint["hashed_message"].native != expected:
            return Token(time, authority, evidence, weak, "timestamp_hash_failure")
        if not _signed(signed_data, signer_info, authority):
            return Token(time, authority, evidence, weak, "timestamp_crypto_failure")
        return Token(time, authority, evidence, weak)
    except (*BROKEN, SignatureValidationError, UnsupportedAlgorithm, NotImplementedError):
        return broken


def _signed(signed_data: cms.SignedData, signer_info: cms.SignerInfo, authority: x509.Certificate) -> bool:
    content = signed_data["encap_content_info"]["content"]
    if signer_info["signed_attrs"] is core.VOID:
        return False  # RFC 3161 §2.4.2 asks for them
    digest = _hash(signer_info["digest_algorithm"]["algorithm"].native, bytes(content))
    try:
        intact, valid = generic_cms.validate_sig_integrity(
            signer_info, authority, "tst_info", digest, DefaultSignatureValidator()
        )
    except InvalidSignature:
        return False
    return intact and valid


def _hash(name: str, data: bytes) -> bytes:
    digest = hashes.Hash(get_pyca_cryptography_hash(name))
    digest.update(data)
    return digest.finalize()


def signature_digest(signer_info: cms.SignerInfo) -> Callable[[str], bytes]:
    """What a signature timestamp must carry: the hash of the signature value."""
    value = signer_info["signature"].native
    return lambda name: _hash(name, value)


async def judge_token(token: Token, at: datetime, evidence: Evidence, judge: ChainJudge) -> TokenFacts:
    """Whether the maker of a token can be believed at a time `at` at which the token is known to exist.

    Revocation is asked for `at` first. An answer that is only good for the time of the token itself is accepted with a
    remark: without it no archived file could ever be checked without a network (docs/verification.md)."""
    if token.problem:
        return TokenFacts(token, TimestampState.INVALID, None, (token.problem,))
    at = max(at, min(token.time, at + CLOCK_SKEW))
    if token.time > at:
        return TokenFacts(token, TimestampState.INVALID, None, ("timestamp_order_failure",))
    if token.weak:
        return TokenFacts(token, TimestampState.UNTRUSTED, None, ("timestamp_weak",))
    known = evidence + token.evidence
    chain = await judge.judge(token.authority, at, known, TSA_USAGE)
    if chain.problem is None:
        return TokenFacts(token, TimestampState.VALID, chain)
    if chain.revocation is Revocation.REVOKED:
        return TokenFacts(token, TimestampState.UNTRUSTED, chain, ("timestamp_revoked",))
    if chain.problem == "OUT_OF_BOUNDS_NO_POE":
        return TokenFacts(token, TimestampState.UNTRUSTED, chain, ("timestamp_expired",))
    if chain.problem == "TRY_LATER":
        then = await judge.judge(token.authority, token.time, known, TSA_USAGE)
        if then.problem is None:
            return TokenFacts(token, TimestampState.VALID, then, ("timestamp_revocation_not_current",))
        chain = then if then.revocation is Revocation.REVOKED else chain
    return TokenFacts(token, TimestampState.UNTRUSTED, chain, ("timestamp_untrusted",))
