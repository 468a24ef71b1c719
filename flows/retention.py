"""How long records stay, holds that stop everything, destruction by an approved list, and handing over in time.

    sweep       every archived record and issued copy gets its class and its lock; locks are lengthened, holds put on again
    hold        nothing of a record may be destroyed, whatever its class; lifted with a reason
    propose     one person lists what is due; another approves or refuses; then the list is run
    reminders   records that have to go to the archive (NĐ 30/2020 Đ30; TT 13/2023/TT-BNV Đ5: within one year)

The catalogue decides: a row of a hold or a term binds at once, the store's own lock follows it. Killed between the two, the next
sweep makes them agree. Law F: Luật Lưu trữ 33/2024/QH15 Đ15; destruction only through an approved list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath

import sqlalchemy as sa

from flows.fixity import Archive
from flows.locks import CERTIFIED, OTHER_COPY, REPORT, class_of, end_of, retention
from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow, NotFound, ObjectLocked, ObjectMissing, WrongUse
from schemas.keeping import PRIMARY, DisposalItem, DisposalList, DisposalState, Hold, Reminder, Term
from schemas.keeping_errors import ClockSuspicious, NotDueForDisposal, OnHold
from schemas.preserve import PreserveSettings
from schemas.register import BookKind
from schemas.store import ObjectRef, Retention
from schemas.zone import VIETNAM
from storage.catalogue import DocumentRow
from storage.catalogue import tables as t
from storage.catalogue.changes import touch
from storage.catalogue.events import add_event
from storage.keeping.places import Places
from storage.keeping.retention import Disposals, Handovers, Holds, Terms
from storage.objects import ObjectStore, original_key
from storage.objects.retention import refuse_if_locked
from storage.plan.reports import PlanReports, ReportRow
from storage.register.tables import entries
from storage.search.index import index_documents

AT_ONCE = 500
AGENCY_ARCHIVE = "agency_archive"
GAP_DAYS = 60
"""Nothing written for so long and then a list to destroy: the clock is asked about first."""
NEWEST_EVENTS = 50
DESTROYED = "đã tiêu huỷ theo danh sách "


@dataclass(frozen=True)
class Subject:
    """A record, or an issued copy, with what retention needs to know."""

    id: str
    kind: str
    title: str
    completed: date
    valid_to: date | None
    source: str | None
    """SHA-256 of the scan; None for a copy, which has none of its own."""
    archive: ObjectRef


@dataclass
class Swept:
    subjects: int = 0
    new_terms: int = 0
    locked: int = 0
    holds: int = 0
    classes: dict[str, int] = field(default_factory=dict)


# --- the sweep -------------------------------------------------------------------------------------------------------
def sweep(archive: Archive, settings: PreserveSettings, *, who: str) -> Swept:
    """Makes catalogue and store agree. Doing it again changes nothing; one object that is missing does not stop it."""
    terms, holds, result, now = Terms(archive.catalogue), Holds(archive.catalogue), Swept(), archive.clock()
    held = {hold.subject for hold in holds.standing()}
    for some in _in_groups(subjects(archive)):
        known = terms.of([subject.id for subject in some])
        fresh = [first_term(subject, settings) for subject in some if subject.id not in known]
        terms.put(fresh, who=who, at=now)
        known |= {term.subject: term for term in fresh}
        result.subjects += len(some)
        result.new_terms += len(fresh)
        for subject in some:
            lock = retention(settings, known[subject.id].ends, now)
            for ref in protected_objects(archive.store, subject):
                with suppress(ObjectMissing):  # fixity and sanity tell that
                    result.locked += _lock(archive.store, ref, lock)
                    if subject.id in held:
                        result.holds += _hold_object(archive.store, ref)
    result.classes = terms.counts()
    return result


def first_term(subject: Subject, settings: PreserveSettings) -> Term:
    record_class = class_of(settings, subject.kind)
    event = settings.retention_starts.get(subject.kind, "archived")
    if event == "validity_end" and subject.valid_to is None:
        # In force without limit as far as is known: its years have not begun.
        return Term(subject=subject.id, record_class=record_class, starts=subject.completed, ends=None, why=event)
    starts = subject.valid_to if event == "validity_end" and subject.valid_to else subject.completed
    ends = end_of(settings, record_class, starts)
    return Term(subject=subject.id, record_class=record_class, starts=starts, ends=ends, why=event)


def set_class(archive: Archive, settings: PreserveSettings, document: str, record_class: str, *, why: str, who: str) -> Term:
    """Another class for one record. Raises NotFound, WrongUse."""
    if record_class not in settings.retention_years:
        raise WrongUse(f"class {record_class}: {', '.join(settings.retention_years)}")
    subject = one(archive, document)
    known = Terms(archive.catalogue).get(subject.id) or first_term(subject, settings)
    term = Term(
        subject=subject.id, record_class=record_class, starts=known.starts,
        ends=end_of(settings, record_class, known.starts), why=why,
    )  # fmt: skip
    Terms(archive.catalogue).change(term, who=who, at=archive.clock())
    return term


def _lock(store: ObjectStore, ref: ObjectRef, lock: Retention | None) -> int:
    """1 when the store's lock was lengthened; one that is stronger stays."""
    if lock is None or lock.mode is None or lock.until is None:
        return 0
    kept = store.stat(ref.key, ref.version).retention
    if kept.mode is not None and kept.until is not None and kept.until >= lock.until:
        return 0
    with suppress(ObjectLocked):
        store.set_retention(ref.key, ref.version, lock.mode, lock.until)
        return 1
    return 0


def _hold_object(store: ObjectStore, ref: ObjectRef) -> int:
    if store.stat(ref.key, ref.version).retention.legal_hold:
        return 0
    store.legal_hold(ref.key, ref.version, True)
    return 1


# --- what there is ---------------------------------------------------------------------------------------------------
def subjects(archive: Archive) -> Iterator[Subject]:
    """Archived records, then issued copies, then filed reports."""
    offset, catalogue = 0, archive.catalogue
    while rows := catalogue.documents(status=DocumentStatus.ARCHIVED, limit=AT_ONCE, offset=offset):
        offset += len(rows)
        for row in rows:
            if row.archive is not None:
                yield _record(archive, row)
    for ref in archive.store.list("issued/"):
        yield _copy(archive, ref)
    for row in PlanReports(archive.catalogue).list(limit=None):
        yield _report(row)


def one(archive: Archive, subject: str) -> Subject:
    """A record by id or its beginning, an issued copy by the id of its row, or a filed report. Raises NotFound."""
    key = f"issued/{subject}.pdf"
    if not subject.upper().startswith("D-") and archive.store.exists(key):
        return _copy(archive, archive.store.stat(key).ref)
    if len(subject) >= 8 and not subject.upper().startswith("D-"):
        with suppress(NotFound):
            return _report(PlanReports(archive.catalogue).get(subject.lower()))
    row = archive.catalogue.document(subject)
    if row.archive is None or row.status is not DocumentStatus.ARCHIVED:
        raise NotFound(f"{subject}: nothing archived")
    return _record(archive, row)


def _record(archive: Archive, row: DocumentRow) -> Subject:
    made = archive.catalogue.versions(row.id)[-1].made
    return Subject(
        id=row.id,
        kind=row.type,
        title=row.doc_code or row.result_code or row.type,
        completed=made.astimezone(VIETNAM).date(),
        valid_to=_day(row.valid_to),
        source=row.source,
        archive=row.archive,
    )


def _copy(archive: Archive, ref: ObjectRef) -> Subject:
    entry = PurePosixPath(ref.key).stem
    with archive.catalogue.read() as connection:
        query = sa.select(entries.c.kind, entries.c.number, entries.c.symbol, entries.c.day)
        row = connection.execute(query.where(entries.c.id == entry)).first()
    kind = CERTIFIED if row and row.kind == BookKind.CERTIFIED else OTHER_COPY
    title = f"{row.number:02d} {row.symbol}".strip() if row else entry
    day = _day(row.day) if row else None
    return Subject(
        id=entry, kind=kind, title=title, completed=day or archive.store.stat(ref.key).created.astimezone(VIETNAM).date(),
        valid_to=None, source=None, archive=ref,
    )  # fmt: skip


def _report(row: ReportRow) -> Subject:
    ref = ObjectRef(**next(iter(row.objects.values())))
    completed = row.made_at.astimezone(VIETNAM).date()
    return Subject(id=row.id, kind=REPORT, title=row.label, completed=completed, valid_to=None, source=None, archive=ref)


def protected_objects(store: ObjectStore, subject: Subject) -> Iterator[ObjectRef]:
    """What is locked for a record: the archived file in all versions, its evidence and reports, the scan it came from."""
    folder = f"archive/{subject.id}/" if subject.source else subject.archive.key
    prefixes = [f"evidence/{subject.id}/", f"reports/{subject.id}/"]
    if subject.kind != REPORT:  # all of a report lies in the last
        prefixes.insert(0, folder)
    for prefix in prefixes:
        for ref in list(store.list(prefix)):
            yield from store.versions(ref.key)
    if subject.source:
        yield from store.versions(original_key(subject.source))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _in_groups(found: Iterable[Subject]) -> Iterator[list[Subject]]:
    group: list[Subject] = []
    for subject in found:
        group.append(subject)
        if len(group) == AT_ONCE:
            yield group
            group = []
    if group:
        yield group


# --- holds -----------------------------------------------------------------------------------------------------------
def hold(archive: Archive, subject_id: str, reason: str, *, who: str) -> Hold:
    """The row first: from then on nothing destroys the record. Raises NotFound, WrongUse without a reason."""
    if not reason.strip():
        raise WrongUse("a hold needs its reason")
    subject = one(archive, subject_id)
    found = Holds(archive.catalogue).set(subject.id, reason.strip(), who=who, at=archive.clock())
    for ref in protected_objects(archive.store, subject):
        _hold_object(archive.store, ref)
    return found


def release(archive: Archive, hold_id: str, reason: str, *, who: str) -> Hold:
    """The store's holds first: killed in between, the record is still held and the call is made again. An object that another
    held record needs stays held. Raises NotFound, NotAllowedNow, WrongUse without a reason."""
    if not reason.strip():
        raise WrongUse("lifting a hold needs its reason")
    holds = Holds(archive.catalogue)
    standing = holds.standing()
    found = next((h for h in standing if h.id == hold_id.upper()), None)
    if found is None:
        return holds.lift(hold_id.upper(), reason, who=who, at=archive.clock())
    still = {h.subject for h in standing if h.id != found.id}
    subject = one(archive, found.subject)
    kept_by_others = {
        (ref.key, ref.version) for other in still for ref in protected_objects(archive.store, one(archive, other))
    }
    for ref in protected_objects(archive.store, subject):
        if (ref.key, ref.version) not in kept_by_others:
            archive.store.legal_hold(ref.key, ref.version, False)
    return holds.lift(found.id, reason.strip(), who=who, at=archive.clock())


# --- destruction -----------------------------------------------------------------------------------------------------
def due(archive: Archive) -> list[Term]:
    """Records whose term is over, the earliest first; those under hold are left out."""
    held = {h.subject for h in Holds(archive.catalogue).standing()}
    return [term for term in Terms(archive.catalogue).over(_today(archive)) if term.subject not in held]


def propose(archive: Archive, documents: Sequence[str], reason: str, *, who: str) -> DisposalList:
    """A list of records to destroy; all that is due when none is named.

    Raises NotFound, NotDueForDisposal, OnHold, NotAllowedNow (on another list), ClockSuspicious, WrongUse."""
    if not reason.strip():
        raise WrongUse("a list needs its reason")
    must_trust_the_clock(archive)
    wanted = [one(archive, document).id for document in documents] or [term.subject for term in due(archive)]
    if not wanted:
        raise NotDueForDisposal("nothing is due")
    items = [_item(archive, subject) for subject in dict.fromkeys(wanted)]
    return Disposals(archive.catalogue).propose(items, reason.strip(), who=who, at=archive.clock())


def _item(archive: Archive, subject_id: str) -> DisposalItem:
    subject = one(archive, subject_id)
    term = _may_go(archive, subject.id)
    refs = list(_objects_to_destroy(archive, subject))
    return DisposalItem(
        subject=subject.id, title=subject.title, record_class=term.record_class, ends=term.ends, objects=refs
    )


def _may_go(archive: Archive, subject: str) -> Term:
    """Its term. Raises NotDueForDisposal, OnHold."""
    if standing := Holds(archive.catalogue).standing(subject):
        raise OnHold(f"{subject}: {standing[0].reason}")
    term = Terms(archive.catalogue).get(subject)
    if term is None or term.ends is None:
        raise NotDueForDisposal(f"{subject}: kept permanently")
    if term.ends > _today(archive):
        raise NotDueForDisposal(f"{subject}: not before {term.ends:%Y-%m-%d}")
    return term


def must_trust_the_clock(archive: Archive) -> None:
    """A clock that jumped must not end anybody's term. Raises ClockSuspicious."""
    newest, now = archive.catalogue.events(limit=NEWEST_EVENTS), archive.clock()
    if newest and min(abs(now - event.at) for event in newest) > timedelta(days=GAP_DAYS):
        raise ClockSuspicious(f"newest event: {newest[0].at:%Y-%m-%d}, now: {now:%Y-%m-%d}")


def decide(archive: Archive, list_id: str, *, approve: bool, decision: str, who: str) -> DisposalList:
    """Raises NotFound, NotAllowedNow, SamePerson, WrongUse without a decision."""
    if not decision.strip():
        raise WrongUse("number and date of the decision, or why it is refused")
    disposals = Disposals(archive.catalogue)
    return disposals.decide(list_id.upper(), approve=approve, decision=decision.strip(), who=who, at=archive.clock())


def run(
    archive: Archive, list_id: str, *, who: str, told: Callable[[int, int], None] = lambda done, all_of_them: None
) -> DisposalList:
    """Destroys what an approved list names and may go at this moment; the rest is left out with the reason. Killed anywhere,
    the same call goes on. Raises NotFound, NotAllowedNow, ClockSuspicious."""
    disposals = Disposals(archive.catalogue)
    found = disposals.get(list_id.upper())
    if found.state is DisposalState.DONE:
        return found
    if found.state is not DisposalState.APPROVED:
        raise NotAllowedNow(f"list {found.id} is {found.state}")
    must_trust_the_clock(archive)
    for number, item in enumerate(found.items, 1):
        if item.done_at is None:
            _take_out(archive, disposals, found, item, who)
        if disposals.get(found.id).items[number - 1].done_at is not None:
            for ref in item.objects:
                with suppress(ObjectMissing):
                    archive.store.delete(ref.key, ref.version)
        told(number, len(found.items))
    after = disposals.get(found.id)
    record = archive.store.put(
        f"disposal/{found.id}.json", _record_of(after, who), media_type="application/json", new_version=True
    )
    return disposals.finish(found.id, record, who=who, at=archive.clock())


def _take_out(archive: Archive, disposals: Disposals, of: DisposalList, item: DisposalItem, who: str) -> None:
    """Out of the catalogue in one transaction, before any byte goes: nothing is ever named that is not there."""
    try:
        _may_go(archive, item.subject)
        refs = list(_objects_to_destroy(archive, one(archive, item.subject)))
        if {(r.key, r.version) for r in refs} - {(r.key, r.version) for r in item.objects}:
            raise NotDueForDisposal(f"{item.subject}: changed since the list was made")
        for ref in refs:
            _not_locked(archive.store, ref)
    except (NotDueForDisposal, OnHold, ObjectLocked, NotFound) as error:
        disposals.left_out(of.id, item.subject, f"{error.code}: {error.detail}")
        return
    places = Places(archive.catalogue)
    places.seen(PRIMARY, refs)
    with archive.catalogue.write() as connection:
        places.disposed(connection, item.objects)
        disposals.item_done(connection, of.id, item.subject, archive.clock())
        _wipe(connection, item, of.id)
        add_event(connection, who, "destroyed", item.subject, list=of.id, files=[ref.sha256 for ref in item.objects])


def _not_locked(store: ObjectStore, ref: ObjectRef) -> None:
    with suppress(ObjectMissing):
        refuse_if_locked(store.stat(ref.key, ref.version))


def _wipe(connection: sa.Connection, item: DisposalItem, list_id: str) -> None:
    """What the record said goes; that it was there, its codes, hashes and the history of its handling stay."""
    d = t.documents.c
    row = connection.execute(sa.select(d.id, d.source).where(d.id == item.subject)).first()
    if row is None:
        return  # an issued copy: the register keeps its row for ever (NĐ 23/2015 Đ14)
    connection.execute(t.fields.delete().where(t.fields.c.document == row.id))
    connection.execute(t.document_checks.delete().where(t.document_checks.c.document == row.id))
    touch(
        connection, row.id, status=DocumentStatus.REJECTED, superseded=True, archive=None, text="", tables={},
        reason=f"{DESTROYED}{list_id}",
    )  # fmt: skip
    index_documents(connection, [row.id])
    if original_key(row.source) in {ref.key for ref in item.objects}:
        s = t.steps.c
        connection.execute(t.steps.delete().where(s.input_hash.startswith(row.source, autoescape=True)))


def _objects_to_destroy(archive: Archive, subject: Subject) -> Iterator[ObjectRef]:
    """Everything that only this record needs; the scan and its readings go with the last record that was cut from it."""
    store = archive.store
    own = [r for r in protected_objects(store, subject) if not r.key.startswith("originals/")]
    yield from own
    if subject.source is None or _others_stand(archive, subject):
        return
    yield from store.versions(original_key(subject.source))
    for ref in list(store.list(f"readings/{subject.source}/")):
        yield from store.versions(ref.key)


def _others_stand(archive: Archive, subject: Subject) -> bool:
    d = t.documents.c
    query = sa.select(d.id).where(d.source == subject.source, d.id != subject.id, ~d.superseded)
    with archive.catalogue.read() as connection:
        return connection.scalar(query.limit(1)) is not None


def _record_of(found: DisposalList, who: str) -> bytes:
    """The record of destruction: kept for ever, names no owner."""
    facts = found.model_dump(mode="json", exclude={"state", "run_by", "finished_at", "record"}) | {"run_by": who}
    return json.dumps(facts, ensure_ascii=False, indent=2, sort_keys=True).encode()


def _today(archive: Archive) -> date:
    return archive.clock().astimezone(VIETNAM).date()


# --- handing over ----------------------------------------------------------------------------------------------------
def reminders(archive: Archive, settings: PreserveSettings) -> list[Reminder]:
    """Records that are not handed over and whose year ends within the time of notice, the most urgent first."""
    now: datetime = archive.clock()
    before = now - timedelta(days=settings.hand_over_days - settings.hand_over_notice_days)
    found = []
    for subject, made in Handovers(archive.catalogue).missing(AGENCY_ARCHIVE, before):
        completed = made.astimezone(VIETNAM).date()
        until = completed + timedelta(days=settings.hand_over_days)
        found.append(Reminder(subject=subject, completed=completed, until=until, overdue=until < _today(archive)))
    return found


def hand_over(
    archive: Archive, documents: Sequence[str], *, minutes: str, package: str = "", receiver: str = AGENCY_ARCHIVE, who: str
) -> list[str]:
    """Writes down that the archive took these over; those it had before are left out. Raises NotFound, WrongUse."""
    if not minutes.strip():
        raise WrongUse("number of the handing-over minutes")
    ids = [one(archive, document).id for document in documents]
    handovers = Handovers(archive.catalogue)
    return [
        found
        for found in ids
        if handovers.add(found, receiver, package=package, minutes=minutes.strip(), who=who, at=archive.clock())
    ]
