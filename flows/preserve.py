"""Keeping signatures provable: what must be renewed before its timestamp ends, and renewing it.

    plan        what protects each archived file, until when, and from which day on it is renewed (settings `[preserve]`)
    renew_due   adds a document timestamp to what falls due, verifies the file, stores it as a new version

Nothing is replaced: the version before stays in the store. Killed anywhere, the same call goes on with what is left; a file
that was renewed is not due any more. Law G.2 [M-M]: renewal is engineering practice, no rule quoted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import PurePosixPath

from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext

from flows.coding import coding_of
from flows.copies_desk import CopyDesk
from flows.locks import put_locked
from ocr.pdfa_check import check_pdfa2b
from schemas.document import DocumentStatus
from schemas.errors import NotFound, OutputInvalid, SohoaError
from schemas.preserve import Because, Due, DueState, Held, PreserveSettings, Proof, ProofKind, Standing
from schemas.signing import FileVerdict, Verdict
from schemas.signing_errors import LevelNotReached, RenewalImpossible, RevocationUnknown, TimestampUnavailable
from schemas.store import ObjectRef, Retention
from schemas.zone import VIETNAM
from signing.levels import HttpTimeStamper
from signing.online import signing_validation
from signing.renew import renew, standing
from signing.verify import verify_file
from storage.catalogue import StepKey
from storage.objects import archive_key
from storage.objects.retention import in_force

_VERSION = "1"
_OF_ALL = (TimestampUnavailable, LevelNotReached, RevocationUnknown)
"""What is wrong with the authority or the network would meet every file: it stops the call, and what is renewed stays."""


# --- what falls due --------------------------------------------------------------------------------------------------
def plan(records: Iterable[Held], now: datetime, settings: PreserveSettings) -> list[Due]:
    """When each signed file has to be renewed, the earliest first. Files without a signature are left out.

    A file ends with the first of its uncovered timestamps, each with the first certificate of its chain or the first of its
    algorithms to end."""
    found = [_due(held, now, settings) for held in records if held.standing.proofs]
    return sorted(found, key=lambda due: (due.ends, due.document))


def _due(held: Held, now: datetime, settings: PreserveSettings) -> Due:
    ends, because, what = min(_end(proof, settings) for proof in held.standing.proofs)
    day = (ends - timedelta(days=settings.renew_before_days)).astimezone(VIETNAM).date()
    if any(proof.kind is ProofKind.NONE for proof in held.standing.proofs):
        state = DueState.NO_TIMESTAMP
    elif ends <= now:
        state = DueState.TOO_LATE
    else:
        state = DueState.DUE if day <= now.astimezone(VIETNAM).date() else DueState.LATER
    return Due(
        document=held.document,
        object=held.object,
        state=state,
        due=day,
        ends=ends,
        because=because,
        what=what,
    )


def _end(proof: Proof, settings: PreserveSettings) -> tuple[datetime, Because, str]:
    """The first thing to end: a certificate of the chain or an algorithm."""
    ends = [(proof.certificate_ends, Because.CERTIFICATE, proof.authority)]
    for algorithm in proof.algorithms:
        ends.append((_relied_on_until(algorithm, settings), Because.ALGORITHM, algorithm))
    return min(ends)


def _relied_on_until(algorithm: str, settings: PreserveSettings) -> datetime:
    """End of the last day of an algorithm; of a key `rsa-N` that of the largest size named that is not above N."""
    known = settings.algorithm_ends
    family, _, size = algorithm.partition("-")
    if size:
        sizes = [int(name.partition("-")[2]) for name in known if name.startswith(f"{family}-")]
        algorithm = f"{family}-{max((s for s in sizes if s <= int(size)), default=0)}"
    if algorithm not in known:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return datetime.combine(known[algorithm], time.max, VIETNAM)


def held(desk: CopyDesk) -> Iterator[Held]:
    """Every archived record and issued copy with what protects it. Read once for each file, then remembered by its hash.

    Raises ObjectMissing, ObjectDamaged."""
    for row in desk.catalogue.documents(status=DocumentStatus.ARCHIVED):
        if row.archive is not None:
            yield Held(document=row.id, object=row.archive, standing=_standing(desk, row.archive))
    for ref in desk.store.list("issued/"):
        yield Held(document=PurePosixPath(ref.key).stem, object=ref, standing=_standing(desk, ref))


def _standing(desk: CopyDesk, ref: ObjectRef) -> Standing:
    key = StepKey(ref.sha256, "preserve/standing", _VERSION)
    known = desk.catalogue.step_get(key)
    if known is None:
        found = standing(desk.store.get(ref.key, ref.version))
        known = desk.catalogue.step_put(key, found.model_dump(mode="json"))
    return Standing.model_validate(known.result)


# --- renewing --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Authority:
    """Who gives the new timestamps, and how they and those that stand are judged."""

    stamper: TimeStamper
    validation: ValidationContext


@dataclass
class Renewals:
    """What became of a call; ids only."""

    renewed: dict[str, ObjectRef] = field(default_factory=dict)
    not_due: list[str] = field(default_factory=list)
    failed: dict[str, SohoaError] = field(default_factory=dict)


def renew_due(
    desk: CopyDesk,
    *,
    documents: Sequence[str] = (),
    authority: Authority | None = None,
    told: Callable[[int, int], None] = lambda done, all_of_them: None,
) -> Renewals:
    """Renews what is due, or only `documents` of that, whether due or not; `authority`: as the settings have it when None.

    A file that cannot be renewed does not stop the others. Raises NotFound for a document that holds no signed file, and what
    is wrong with the authority (TimestampUnavailable, LevelNotReached, RevocationUnknown): what is renewed stays renewed.
    """
    now, result = desk.moment(), Renewals()
    fate = {due.document: due for due in plan(held(desk), now, desk.settings.preserve)}
    for document in documents:
        if document not in fate:
            raise NotFound(document)
    chosen = [fate[document] for document in documents] or [
        due for due in fate.values() if due.state in (DueState.DUE, DueState.TOO_LATE)
    ]
    result.not_due = [
        due.document for due in fate.values() if due.state is DueState.LATER and due not in chosen
    ]
    for number, due in enumerate(chosen, 1):
        authority = authority or office_authority(desk)
        try:
            result.renewed[due.document] = _renewed(desk, due, authority)
        except _OF_ALL:
            raise
        except SohoaError as error:
            result.failed[due.document] = error
        told(number, len(chosen))
    return result


def office_authority(desk: CopyDesk) -> Authority:
    """The timestamp authority of the settings, judged with the trust folder; without one the demo PKI's, outside production.

    Raises RenewalImpossible in production without an authority."""
    signing, moment = desk.settings.signing, desk.moment()
    if not signing.tsa_url:
        if signing.production:
            raise RenewalImpossible("no timestamp authority is set (signing.tsa_url)")
        pki = desk.keys.demo_pki
        return Authority(pki.timestamper(desk.clock), pki.validation_context(moment=moment))
    validation = signing_validation(desk.keys.trust, moment if signing.offline else None)
    return Authority(HttpTimeStamper(signing.tsa_url, signing.network_seconds), validation)


def _renewed(desk: CopyDesk, due: Due, authority: Authority) -> ObjectRef:
    """The new version, in its place. The step is known by the bytes that were renewed: the first outcome stands."""
    if due.state is DueState.TOO_LATE:
        raise RenewalImpossible(f"{due.what} ended on {due.ends:%Y-%m-%d}")
    key = StepKey(due.object.sha256, "preserve/renew", _VERSION, due.document)
    known = desk.catalogue.step_get(key)
    if known is None:
        known = desk.catalogue.step_put(key, _stamped(desk, due, authority))
    ref = ObjectRef(**known.result["object"])
    desk.store.verify(ref.key, ref.version)
    _take_place(desk, due, ref)
    return ref


def _stamped(desk: CopyDesk, due: Due, authority: Authority) -> dict:
    before = desk.store.get(due.object.key, due.object.version)
    found = _verified(desk, before, due.document)
    after = renew(before, authority.validation, authority.stamper)
    report = _verified(desk, after, due.document)
    if len(report.signatures) != len(found.signatures):
        raise OutputInvalid("the renewal changed the signatures")
    if not check_pdfa2b(before) and (findings := check_pdfa2b(after)):
        raise OutputInvalid("; ".join(f"{f.clause} {f.rule}" for f in findings[:5]))
    fresh = Held(document=due.document, object=due.object, standing=standing(after))
    if (then := _due(fresh, desk.moment(), desk.settings.preserve)).ends <= due.ends:
        raise RenewalImpossible(f"the new timestamp ends no later: {then.what}, {then.ends:%Y-%m-%d}")
    _keep_report(desk, due, report)
    before_it = desk.store.stat(due.object.key, due.object.version).retention
    # A lock that is over protects nothing; the next sweep of retention sets a new one.
    lock = before_it if in_force(before_it) else Retention(legal_hold=before_it.legal_hold)
    ref = put_locked(
        desk.store, _key_of(desk, due), after, lock, media_type="application/pdf", metadata={"document": due.document}
    )
    return {"object": ref.model_dump()}


def _keep_report(desk: CopyDesk, due: Due, report: FileVerdict) -> None:
    """Stored before the file it is about, so that no renewed file is ever without one (domain law G.2)."""
    kept = {
        "document": due.document,
        "renewed": due.object.model_dump(),
        "report": report.model_dump(mode="json"),
    }
    data = json.dumps(kept, ensure_ascii=False, indent=2, sort_keys=True).encode()
    key = f"evidence/{due.document}/renewal-{report.sha256[:16]}.json"
    desk.store.put(key, data, media_type="application/json", new_version=True)


def _verified(desk: CopyDesk, data: bytes, document: str) -> FileVerdict:
    """A file that is not valid is not renewed: a timestamp would lend it a standing it does not have."""
    keys = desk.keys
    trust = keys.trust if desk.settings.signing.tsa_url else replace(keys.trust, online=False)
    found = verify_file(data, f"{document}.pdf", trust, at=desk.moment())
    if found.verdict is not Verdict.VALID:
        raise RenewalImpossible(f"{found.verdict}: {', '.join(found.reasons[:5])}")
    return found


def _is_copy(due: Due) -> bool:
    return due.object.key.startswith("issued/")


def _key_of(desk: CopyDesk, due: Due) -> str:
    """An issued copy keeps its key and gets one more version of it; a record gets its next archive key."""
    if _is_copy(due):
        return due.object.key
    return archive_key(due.document, desk.catalogue.document(due.document).version + 1)


def _take_place(desk: CopyDesk, due: Due, ref: ObjectRef) -> None:
    if _is_copy(due):
        desk.register.note_renewal(due.document, ref.sha256, who=desk.who)
    else:
        desk.catalogue.mark_archived(
            due.document, ref, who=desk.who, why="timestamp renewed", coding=coding_of(desk.settings)
        )
    desk.catalogue.event(
        desk.who, "timestamp_renewed", due.document, {"before": due.object.sha256, "after": ref.sha256}
    )
