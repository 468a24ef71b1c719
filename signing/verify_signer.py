"""One signature: is it intact, when was it made, can the signer be believed at that time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from asn1crypto import cms, core, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko.sign.general import CMSExtractionError
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.errors import SignatureValidationError

from schemas.signing import Level, Revocation, TimestampState, Verdict
from signing.revocation import Evidence, from_cms
from signing.verdict import CATALOGUE, code_of
from signing.verify_chain import ChainFacts, ChainJudge
from signing.verify_structure import BROKEN, FoundSignature, value_of
from signing.verify_timestamp import (
    Token,
    TokenFacts,
    judge_token,
    read_token,
    signature_digest,
    tokens_of,
)


@dataclass(frozen=True)
class Integrity:
    """The mathematics of a signature; no trust in it."""

    intact: bool
    code: str = ""
    """Of `signing.verdict`; empty: intact."""


def check_integrity(found: FoundSignature) -> Integrity:
    """Digest of the signed bytes and signature over the signed attributes (ETSI EN 319 102-1 §5.2.7)."""
    signature = found.signature
    try:
        content = signature.signed_data["encap_content_info"]
        if content["content_type"].native != "data" or content["content"] is not core.VOID:
            if content["content"].native is not None:
                return Integrity(
                    False, "format_failure"
                )  # what is signed must be the file, not something inside
        intact, valid = generic_cms.validate_sig_integrity(
            signature.signer_info,
            found.certificate,
            content["content_type"].native,
            signature.compute_digest(),
        )
    except SignatureValidationError as error:
        sub_indication = error.ades_subindication
        return Integrity(False, code_of(sub_indication.name) if sub_indication else "format_failure")
    except CMSExtractionError:
        return Integrity(False, "no_signing_certificate_found")
    except (InvalidSignature, UnsupportedAlgorithm):
        return Integrity(False, "sig_crypto_failure")
    except (*BROKEN, NotImplementedError):
        return Integrity(False, "format_failure")
    if not intact:
        return Integrity(False, "hash_failure")
    return Integrity(valid, "" if valid else "sig_crypto_failure")


@dataclass(frozen=True)
class Proof:
    """A time at which what came before it in the file is known to exist, and the evidence that was there then."""

    at: datetime
    evidence: Evidence
    by_timestamp: bool
    """False: it is the time of checking, which proves nothing about earlier."""


@dataclass
class SignerFacts:
    """What is known of signer and time."""

    chain: ChainFacts
    timestamp: TokenFacts | None
    proven: datetime | None
    """No later than this the signature existed; None: nothing proves when."""
    codes: list[str] = field(default_factory=list)


def own_evidence(found: FoundSignature) -> Evidence:
    """What the signature itself carries."""
    _, others = found.certificates
    return Evidence(others) + from_cms(found.signature.signed_data, found.signature.signer_info)


def read_tokens(signer_info: cms.SignerInfo) -> list[Token]:
    """All signature timestamps; one that cannot be found its way into counts as a broken one."""
    try:
        return [read_token(token, signature_digest(signer_info)) for token in tokens_of(signer_info)]
    except BROKEN:
        return [Token(None, None, Evidence(), problem="timestamp_format_failure")]


async def judge_signer(
    found: FoundSignature,
    tokens: Sequence[Token],
    proofs: Sequence[Proof],
    claimed: datetime | None,
    judge: ChainJudge,
) -> SignerFacts:
    """Signer and time, with the earliest proof that makes both good; else as the strongest proof shows them.

    ETSI EN 319 102-1 §5.5 and §5.6: the certificate is judged for the time at which the signature provably existed, the
    timestamp for the time at which it is itself covered."""
    best: SignerFacts | None = None
    for proof in proofs:
        facts = await _judge(found, tokens, proof, claimed, judge)
        if all(CATALOGUE[code].weight is Verdict.VALID for code in facts.codes):
            return facts
        if best is None or _rank(facts) > _rank(best):
            best = facts
    return best


def _rank(facts: SignerFacts) -> tuple:
    return (facts.chain.trusted, facts.proven is not None, facts.chain.revocation is not Revocation.UNKNOWN)


async def _judge(
    found: FoundSignature,
    tokens: Sequence[Token],
    proof: Proof,
    claimed: datetime | None,
    judge: ChainJudge,
) -> SignerFacts:
    evidence = proof.evidence + own_evidence(found)
    stamped = [await judge_token(token, proof.at, evidence, judge) for token in tokens]
    # A second, broken token beside a good one is still a sign of tampering: the worst one speaks.
    stamp = min(stamped, key=_soundness, default=None)
    if stamp is not None and stamp.time:
        proven = min(facts.time for facts in stamped if facts.time)
    else:
        proven = proof.at if proof.by_timestamp else None
    moment = proven or proof.at
    certificate = found.certificate
    chain = await judge.judge(certificate, moment, evidence)
    codes = list(stamp.codes) if stamp else []
    codes += _codes(chain, certificate, moment if proven else None, claimed)
    if chain.problem is None and proof.at > certificate.not_valid_after:
        codes.append("revocation_out_of_bounds_no_poe")
    return SignerFacts(chain, stamp, proven, codes)


_SOUNDNESS = [TimestampState.INVALID, TimestampState.UNTRUSTED, TimestampState.VALID, TimestampState.NONE]


def _soundness(facts: TokenFacts) -> int:
    return _SOUNDNESS.index(facts.state)


def _codes(
    chain: ChainFacts, certificate: x509.Certificate, proven: datetime | None, claimed: datetime | None
) -> list[str]:
    """What a problem of the chain means for the signature. Without a proven time the signer's own claim counts only
    against the signature: nobody gains by claiming to have signed with a dead certificate."""
    moment = proven or claimed
    if chain.problem is None:
        return []
    if chain.problem == "OUT_OF_BOUNDS_NO_POE":
        if moment is not None and moment > certificate.not_valid_after:
            return ["expired"]
        if proven is not None and proven < certificate.not_valid_before:
            return ["not_yet_valid"]
        return ["out_of_bounds_no_poe"]
    if chain.problem == "REVOKED_NO_POE":
        late = moment is not None and moment >= chain.revoked_on
        return ["revoked" if late else "revoked_no_poe"]
    if not chain.path and certificate.self_signed != "no":
        return ["self_signed"]
    return [code_of(chain.problem)]


async def reached_level(
    found: FoundSignature,
    tokens: Sequence[Token],
    facts: SignerFacts,
    embedded: Evidence,
    archived: bool,
    judge: ChainJudge,
) -> Level | None:
    """PAdES baseline level (ETSI EN 319 142-1) of an intact signature. `embedded`: the security store of the newest
    revision; `archived`: a sound timestamp over the file covers that store and the signature."""
    signature = found.signature
    if value_of(signature.sig_object, "/SubFilter") != "/ETSI.CAdES.detached":
        return None
    if generic_cms.get_signing_cert_attr(signature.signer_info["signed_attrs"]) is None:
        return None
    sound = [token for token in tokens if not token.problem]
    if not sound:
        return Level.B_B
    evidence = embedded + own_evidence(found)
    moment = (facts.proven or min(token.time for token in sound)).astimezone(UTC)
    alone = await judge.judge(found.certificate, moment, evidence, alone=True)
    if not embedded.has_answers or alone.problem is not None:
        return Level.B_T
    return Level.B_LTA if archived else Level.B_LT
