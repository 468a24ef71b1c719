"""A file and its signatures: one bottom line of three, and everything it rests on.

`verify_file` runs from top to bottom: open, find the signatures, look at what stands around them, check each one's
mathematics, walk the timestamps over the file from the newest to the oldest (each proves the existence of what it
covers), judge each signer for the time at which the signature provably existed, say what changed afterwards. Valid is
what nothing speaks against; a missing chain or missing revocation data speaks against it (domain law G.2).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from schemas.errors import DamagedFile, SohoaError
from schemas.signing import (
    Changes,
    DocumentTimestampVerdict,
    FileVerdict,
    KnownCopy,
    KnownStatus,
    Reason,
    Revocation,
    SignatureVerdict,
    TimestampState,
)
from signing.changes import ChangesAfter, changes_after
from signing.revocation import Evidence, from_dss, from_lists
from signing.trust import TrustSettings, load_trust
from signing.verdict import bottom_line, codes, ordered, reason
from signing.verify_chain import ChainJudge
from signing.verify_names import claimed_time, common_name, made_by_test_key, names_of, shown, sub_indication
from signing.verify_signer import (
    Integrity,
    Proof,
    SignerFacts,
    check_integrity,
    judge_signer,
    reached_level,
    read_tokens,
)
from signing.verify_structure import (
    BROKEN,
    MAX_REVISIONS,
    FoundSignature,
    covered_until,
    find_signatures,
    hybrid_after,
    open_pdf,
    range_problem,
    removed_signatures,
    restless_content,
    unexplained_bytes,
    unlisted_objects,
    value_of,
)
from signing.verify_timestamp import CLOCK_SKEW, Token, TokenFacts, judge_token, read_token
from signing.verify_weakness import described, weak_key, weak_signature

# pyHanko reports every doubt as a warning with a traceback and the signer's name. A verdict says it once, in words, and
# names of persons have no place in a log.
for _name in (
    "pyhanko.sign.validation",
    "pyhanko.sign.diff_analysis",
    "pyhanko.pdf_utils",
    "pyhanko_certvalidator",
):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

CLAIM_TOLERANCE = timedelta(minutes=30)
"""A claimed time further from the timestamp than this is worth a remark."""

KnownLookup = Callable[[str, Sequence[str]], KnownCopy | None]
"""`known(sha256, codes)`: what the archive says of a file by the SHA-256 of its bytes (lower-case hexadecimal), or by a
code read from its pages (QR); None: not one of ours."""


class _OutOfTime(Exception):
    pass


def verify_file(
    data: bytes,
    name: str,
    trust: TrustSettings,
    *,
    at: datetime | None = None,
    known: KnownLookup | None = None,
    codes_on_pages: Sequence[str] = (),
) -> FileVerdict:
    """Verdict on the bytes of a file. `at`: time of checking, with offset; now when None. Never raises on what the
    bytes are; errors of `known` (an archive that cannot be reached) are passed on.

    The time limit is looked at between steps; who must be sure runs it in a process that can be ended
    (`flows.verify`)."""
    at = (at or datetime.now(UTC)).astimezone(UTC)
    sha256 = hashlib.sha256(data).hexdigest()
    started = time.monotonic()

    def in_time() -> None:
        if time.monotonic() - started > trust.seconds:
            raise _OutOfTime

    parts = _Parts()
    try:
        parts = _examined(data, trust, at, in_time)
    except _OutOfTime:
        parts.reasons.append(reason("timeout"))
    except SohoaError as error:
        traces = isinstance(error, DamagedFile) and b"/ByteRange" in data
        parts.reasons.append(reason("damaged_signed_file" if traces else error.code))
    except (MemoryError, OverflowError):
        parts.reasons.append(reason("too_large"))
    except (
        Exception
    ) as error:  # hostile bytes find ways nobody thought of; they end in a verdict, not in a traceback
        logging.getLogger(__name__).warning("verification failed: %s", type(error).__name__)
        parts.reasons.append(reason("check_failed", detail=type(error).__name__))
    ranked = ordered(parts.reasons)
    verdict = FileVerdict(
        file=name,
        verdict=bottom_line(ranked),
        reasons=codes(ranked),
        signatures=parts.signatures,
        sha256=sha256,
        explanations=ranked,
        document_timestamps=parts.timestamps,
        checked_at=shown(at),
    )
    return with_known(verdict, known(sha256, codes_on_pages)) if known is not None else verdict


def with_known(verdict: FileVerdict, copy: KnownCopy | None) -> FileVerdict:
    """The verdict with what the archive says of the file: a cancelled copy is not valid, whatever its signatures are."""
    if copy is None:
        return verdict
    if copy.status is KnownStatus.CANCELLED:
        said = [
            reason("cancelled", detail=f"ngày {copy.cancelled_on:%d/%m/%Y}." if copy.cancelled_on else "")
        ]
    else:
        said = [reason("known_copy" if copy.same_bytes else "differs_from_archive")]
    if copy.status is KnownStatus.SUPERSEDED:
        said.append(reason("superseded_version"))
    ranked = ordered([*verdict.explanations, *said])
    return verdict.model_copy(
        update={
            "known": copy,
            "verdict": bottom_line(ranked),
            "reasons": codes(ranked),
            "explanations": ranked,
        }
    )


def refused(name: str, code: str, at: datetime | None = None) -> FileVerdict:
    """A verdict on a file that could not be looked at; `code` of `signing.verdict`."""
    why = reason(code)
    return FileVerdict(
        file=name,
        verdict=bottom_line([why]),
        reasons=[code],
        explanations=[why],
        checked_at=shown(at or datetime.now(UTC)),
    )


@dataclass
class _Parts:
    signatures: list[SignatureVerdict] = field(default_factory=list)
    timestamps: list[DocumentTimestampVerdict] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)


def _examined(data: bytes, trust: TrustSettings, at: datetime, in_time: Callable[[], None]) -> _Parts:
    if not data:
        return _Parts(reasons=[reason("empty_file")])
    if len(data) > trust.max_bytes:
        return _Parts(reasons=[reason("too_large")])
    reader = open_pdf(data)
    if reader.xrefs.total_revisions > MAX_REVISIONS:
        return _Parts(reasons=[reason("too_large")])
    found = find_signatures(reader)
    in_time()
    return _run(_Examination(data, reader, found, trust, at, in_time).run())


def _run(coroutine):
    """pyHanko's validation is asynchronous; here it is not, so it gets a loop of its own, wherever it is called."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


@dataclass
class _Checked:
    """A signature or a timestamp over the file, and what its bytes say."""

    found: FoundSignature
    integrity: Integrity
    token: Token | None = None
    """Of a timestamp over the file."""
    coverage: SignatureCoverageLevel | None = None
    changes: ChangesAfter = field(default_factory=lambda: ChangesAfter(Changes.UNKNOWN))

    @property
    def signature(self) -> EmbeddedPdfSignature:
        return self.found.signature

    @property
    def revision(self) -> int:
        return self.signature.signed_revision

    @property
    def whole_file(self) -> bool:
        return self.coverage is SignatureCoverageLevel.ENTIRE_FILE


class _Examination:
    """One file being looked at; holds what several steps need."""

    def __init__(self, data: bytes, reader: PdfFileReader, found, trust: TrustSettings, at, in_time) -> None:
        self.data, self.reader, self.found, self.at, self.in_time = data, reader, found, at, in_time
        store = load_trust(trust)
        self.judge = ChainJudge(trust, store, from_lists(store.crls))
        self.parts = _Parts()
        self.stores: dict[int, Evidence] = {}

    async def run(self) -> _Parts:
        checked = [self._bytes(found) for found in self.found]
        self._surroundings([each for each in checked if each.integrity.intact])
        self.in_time()
        stamps = [each for each in checked if each.found.is_timestamp]
        proofs = await self._timestamps(stamps)
        previous: datetime | None = None
        for each in checked:
            self.in_time()
            if not each.found.is_timestamp:
                previous = await self._signature(each, proofs, stamps, previous)
        return self.parts

    # --- the bytes
    def _bytes(self, found: FoundSignature) -> _Checked:
        signature = found.signature
        if signature is None:
            return _Checked(found, Integrity(False, found.problem))
        if range_problem(signature, self.data):
            return _Checked(found, Integrity(False, "byte_range_wrong"))
        token = None
        if found.is_timestamp:
            token = read_token(signature.signed_data, signature.compute_digest)
            renamed = {
                "timestamp_hash_failure": "hash_failure",
                "timestamp_crypto_failure": "sig_crypto_failure",
            }
            integrity = Integrity(not token.problem, renamed.get(token.problem, token.problem))
        else:
            integrity = check_integrity(found)
        try:
            coverage = signature.evaluate_signature_coverage()
            signature.coverage = coverage
            changes = changes_after(self.reader, found, self.found, coverage)
        except BROKEN:
            return _Checked(found, Integrity(False, "format_failure"))
        self.in_time()
        return _Checked(found, integrity, token, coverage, changes)

    def _surroundings(self, intact: list[_Checked]) -> None:
        """Reasons about the file as a whole."""
        say = self.parts.reasons.append
        removed = removed_signatures(self.reader, self.found)
        if removed:
            say(reason("signature_removed", detail=", ".join(removed[:5]) + "."))
        if not any(not each.is_timestamp for each in self.found):
            say(reason("no_signature"))
        covered = max((covered_until(each.signature) for each in intact), default=None)
        if covered is not None and unexplained_bytes(self.reader, self.data, covered):
            say(reason("trailing_data"))
        if intact and hybrid_after(self.reader, min(each.revision for each in intact)):
            say(reason("ambiguous_structure"))
        if self.found:
            restless = restless_content(self.reader)
            if restless.runs:
                say(reason("dynamic_content"))
            if not restless.whole:
                say(reason("too_large"))
            if restless.hidden or unlisted_objects(self.reader, self.data, 0, covered or len(self.data)):
                say(reason("hidden_content"))

    # --- proof of existence
    def _store(self, revision: int) -> Evidence:
        """The document security store as of a revision."""
        if revision not in self.stores:
            newest = revision >= self.reader.xrefs.total_revisions - 1
            document = self.reader if newest else self.reader.get_historical_resolver(revision)
            self.stores[revision] = from_dss(document)
        return self.stores[revision]

    def _now(self) -> Proof:
        return Proof(self.at, self._store(self.reader.xrefs.total_revisions - 1), by_timestamp=False)

    async def _timestamps(self, stamps: list[_Checked]) -> list[tuple[int, Proof]]:
        """(revision, proof) of each timestamp over the file that can be believed, oldest first."""
        proofs: list[tuple[int, Proof]] = []
        for each in reversed(stamps):
            self.in_time()
            reasons = self._byte_reasons(each)
            facts: TokenFacts | None = None
            if each.integrity.intact:
                for proof in self._covering(proofs, each.revision):
                    facts = await judge_token(each.token, proof.at, proof.evidence, self.judge)
                    if facts.state is TimestampState.VALID:
                        break
                reasons += [reason(code, each.found.field) for code in facts.codes]
                if facts.time and each.changes.state in (Changes.NONE, Changes.ALLOWED):
                    proofs.append((each.revision, Proof(facts.time, self._store(each.revision), True)))
            self.parts.timestamps.insert(0, self._timestamp_verdict(each, facts, reasons))
            self.parts.reasons += reasons
        return proofs[::-1]

    def _covering(self, proofs: Sequence[tuple[int, Proof]], revision: int) -> list[Proof]:
        """Proofs for what stands in a revision, the earliest first; at last the time of checking."""
        covering = [proof for covered, proof in proofs if covered > revision]
        return [*sorted(covering, key=lambda proof: proof.at), self._now()]

    # --- the signatures
    async def _signature(
        self,
        each: _Checked,
        proofs: list[tuple[int, Proof]],
        stamps: list[_Checked],
        previous: datetime | None,
    ) -> datetime | None:
        """Adds the verdict on one signature; returns the proven time so far, for the order of the next."""
        name = each.found.field
        reasons = self._byte_reasons(each)
        if each.signature is None or not each.integrity.intact:
            self.parts.reasons += reasons
            self.parts.signatures.append(self._broken(each, reasons))
            return previous
        signature = each.signature
        certificate = each.found.certificate
        claimed = claimed_time(signature)
        tokens = read_tokens(signature.signer_info)
        facts = await judge_signer(
            each.found, tokens, self._covering(proofs, each.revision), claimed, self.judge
        )
        reasons += [reason(code, name) for code in facts.codes]
        weak = weak_signature(signature.signer_info, certificate)
        if weak:
            reasons.append(reason("crypto_constraints_failure", name))
        stamped = facts.timestamp.time if facts.timestamp else None
        if previous is not None and stamped is not None and stamped + CLOCK_SKEW < previous:
            reasons.append(reason("timestamp_order_failure", name))
        reasons += self._remarks(name, facts, claimed, certificate)
        archived = any(
            stamp.integrity.intact
            and stamp.revision > each.revision
            and self._store(stamp.revision).has_answers
            for stamp in stamps
        )
        newest = self._now().evidence
        level = await reached_level(each.found, tokens, facts, newest, archived, self.judge)
        ranked = ordered(reasons)
        self.parts.reasons += ranked
        self.parts.signatures.append(
            SignatureVerdict(
                **names_of(certificate),
                field=name,
                time=shown(stamped or claimed),
                intact=True,
                whole_file=each.whole_file,
                trusted=facts.chain.trusted,
                revocation=facts.chain.revocation,
                timestamp=facts.timestamp.state if facts.timestamp else TimestampState.NONE,
                level=level,
                weak_algorithm=weak,
                changes_after=each.changes.state,
                verdict=bottom_line(ranked),
                reasons=codes(ranked),
                changes=each.changes.words,
                claimed_time=shown(claimed),
                timestamp_authority=common_name(facts.timestamp.token.authority) if facts.timestamp else "",
                sub_indication=sub_indication(ranked),
                subfilter=str(value_of(signature.sig_object, "/SubFilter", "")),
                algorithm=described(signature.signer_info, certificate),
                demo=made_by_test_key(facts, certificate),
            )
        )
        return max(filter(None, (previous, stamped)), default=None)

    def _byte_reasons(self, each: _Checked) -> list[Reason]:
        name = each.found.field
        said = [reason(each.integrity.code, name)] if each.integrity.code else []
        detail = " ".join(each.changes.words[:5])
        return said + [reason(code, name, detail) for code in each.changes.codes]

    def _remarks(self, name: str, facts: SignerFacts, claimed, certificate: x509.Certificate) -> list[Reason]:
        """What is worth saying beside the verdict."""
        said = []
        if facts.timestamp is None and facts.proven is None:
            said.append("no_timestamp")
        stamped = facts.timestamp.time if facts.timestamp else None
        if stamped and claimed and abs(stamped - claimed) > CLAIM_TOLERANCE:
            said.append("claimed_time_differs")
        if facts.chain.revoked_later:
            said.append("revoked_after_signing")
        if facts.chain.anchor and not facts.chain.anchor.source:
            said.append("anchor_without_source")
        if made_by_test_key(facts, certificate):
            said.append("demo_signature")
        return [reason(code, name) for code in said]

    def _broken(self, each: _Checked, reasons: list[Reason]) -> SignatureVerdict:
        """A signature whose bytes are wrong: nothing it says about its signer can be believed, but it is shown."""
        signature = each.signature
        names, subfilter, claimed, weak, algorithm = {"signer": ""}, "", None, False, ""
        if signature is not None:
            subfilter = str(value_of(signature.sig_object, "/SubFilter", ""))
            claimed = claimed_time(signature)
            try:
                certificate = signature.signer_cert
                names = names_of(certificate)
                weak = weak_signature(signature.signer_info, certificate) or weak_key(certificate)
                algorithm = described(signature.signer_info, certificate)
            except Exception:  # of a broken signature nothing need be readable
                names = {"signer": ""}
        ranked = ordered(reasons)
        return SignatureVerdict(
            **names,
            field=each.found.field,
            time=shown(claimed),
            intact=False,
            whole_file=each.whole_file and each.integrity.code != "byte_range_wrong",
            trusted=False,
            revocation=Revocation.UNKNOWN,
            timestamp=TimestampState.NONE,
            level=None,
            weak_algorithm=weak,
            changes_after=each.changes.state,
            verdict=bottom_line(ranked),
            reasons=codes(ranked),
            changes=each.changes.words,
            claimed_time=shown(claimed),
            sub_indication=sub_indication(ranked),
            subfilter=subfilter,
            algorithm=algorithm,
        )

    def _timestamp_verdict(
        self, each: _Checked, facts: TokenFacts | None, reasons: list[Reason]
    ) -> DocumentTimestampVerdict:
        chain = facts.chain if facts else None
        ranked = ordered(reasons)
        return DocumentTimestampVerdict(
            field=each.found.field,
            authority=common_name(facts.token.authority) if facts else "",
            time=shown(facts.token.time) if facts else None,
            intact=each.integrity.intact,
            whole_file=each.whole_file,
            trusted=bool(chain and chain.trusted),
            revocation=chain.revocation if chain else Revocation.UNKNOWN,
            verdict=bottom_line(ranked),
            reasons=codes(ranked),
        )
