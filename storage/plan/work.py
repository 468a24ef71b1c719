"""What was done in a period: copies and fees, throughput by person and stage, corrections, backlog, months."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.document import DocumentStatus, FieldStatus
from schemas.plan import CaseState, ListKind, Period
from schemas.plan_report import BacklogAge, CopyFigures, CorrectionCause, Month, Throughput
from schemas.register import EntryState
from storage.catalogue import tables as c
from storage.plan import tables as t
from storage.plan.moments import count_if, counts_at, in_use_at, midnight, standing_at
from storage.plan.progress import SIGNED
from storage.register import tables as r

RECORD_STAGES = {"document_confirmed": "checked", "match_confirmed": "matched", "match_rejected": "matched"}
"""Event of a record → stage of the work it closes."""


@dataclass(frozen=True)
class Within:
    """Only what belongs to some agencies."""

    batches: frozenset[str]
    """Ids of units as batches bear them; "" for batches without one."""
    books: frozenset[str]
    """Agencies as register books name them: codes and names."""

    def of_batch(self) -> sa.ColumnElement[bool]:
        return sa.func.coalesce(c.batches.c.unit, "").in_(sorted(self.batches))

    def of_book(self) -> sa.ColumnElement[bool]:
        return r.books.c.agency.in_(sorted(self.books))


_AGES = (("dưới 1 ngày", 0, 0), ("1–7 ngày", 1, 7), ("8–30 ngày", 8, 30), ("trên 30 ngày", 31, None))


def copies(
    connection: sa.Connection, period: Period, as_of: datetime, within: Within | None = None
) -> list[CopyFigures]:
    """Numbers of the registers taken in the period, by kind of copy. The fee of failed ones is not counted."""
    e, o, x = r.entries.c, r.outcomes.c, r.cancellations.c
    failed = sa.func.coalesce(o.state, "") == EntryState.FAILED
    cancelled = sa.exists().where(x.entry == e.id, x.at <= as_of)
    query = (
        sa.select(
            e.kind,
            count_if(~failed).label("entries"),
            sa.func.sum(sa.case((failed, 0), else_=e.copies)).label("copies"),
            sa.func.sum(sa.case((failed, 0), else_=e.pages)).label("pages"),
            count_if(cancelled).label("cancelled"),
            count_if(failed).label("failed"),
            sa.func.sum(sa.case((failed, 0), else_=e.fee)).label("fee"),
        )
        .select_from(r.entries.outerjoin(r.outcomes, (o.entry == e.id) & (o.at <= as_of)))
        .where(e.day.between(period.first.isoformat(), period.last.isoformat()), e.recorded_at <= as_of)
        .group_by(e.kind)
        .order_by(e.kind)
    )
    if within is not None:
        query = query.where(e.book.in_(sa.select(r.books.c.id).where(within.of_book())))
    return [
        CopyFigures(**{name: value if name == "kind" else int(value or 0) for name, value in row.items()})
        for row in connection.execute(query).mappings()
    ]


@dataclass(frozen=True)
class Recorded:
    """Records of one batch and kind that were made between two moments."""

    batch: str
    kind: str
    made: int
    in_use: int
    """Those of them that were not set aside until the later moment."""


def recorded(connection: sa.Connection, start: datetime, end: datetime, within: Within | None = None) -> list[Recorded]:
    """End not counted. By batch and kind, as an index has them: it need not be sorted."""
    d = c.documents.c
    made = (d.created >= start) & (d.created < end)
    query = sa.select(d.batch, d.type, count_if(made), count_if(made & in_use_at(end))).group_by(d.batch, d.type)
    if within is not None:
        query = query.where(d.batch.in_(sa.select(c.batches.c.id).where(within.of_batch())))
    return [Recorded(batch, kind, int(every), int(used)) for batch, kind, every, used in connection.execute(query) if every]


def throughput(
    connection: sa.Connection, start: datetime, end: datetime, made: Collection[Recorded], within: Within | None = None
) -> list[Throughput]:
    """Work closed between two moments (end not counted), by who did it: one for each record, or number of a book. `made`: what was
    recorded between them."""
    e, b, d, v = c.events.c, c.batches.c, c.documents.c, c.document_versions.c
    found: dict[tuple[str, str], int] = defaultdict(int)

    def of_records(query: sa.Select, document: sa.ColumnElement[str]) -> sa.Select:
        if within is None:
            return query
        return query.join(c.documents, d.id == document).join(c.batches, b.id == d.batch).where(within.of_batch())

    def by_who(who: sa.ColumnElement[str], at: sa.ColumnElement[datetime], *where: sa.ColumnElement[bool]) -> sa.Select:
        in_period = (at >= start) & (at < end)
        if within is not None:  # records are looked up one by one: only those of the period
            return sa.select(who, sa.func.count()).where(in_period, *where).group_by(who)
        # One kind of work at a time, and the period where it cannot narrow the search: so SQLite takes the people one after the
        # other from the index; it would sort them otherwise, which takes longer than to pass over the rest.
        return sa.select(who, count_if(in_period)).where(*where).group_by(who)

    for what, stage in RECORD_STAGES.items():
        for who, number in connection.execute(of_records(by_who(e.who, e.at, e.what == what), e.object)):
            found[who, stage] += int(number)
    numbers = by_who(e.who, e.at, e.what == "number_completed")
    if within is not None:
        numbers = numbers.join(r.entries, r.entries.c.id == e.object).join(r.books, r.books.c.id == r.entries.c.book)
        numbers = numbers.where(within.of_book())
    for who, number in connection.execute(numbers):
        found[who, "certified"] += int(number)
    for why in SIGNED:
        for who, number in connection.execute(of_records(by_who(v.who, v.made, v.why == why), v.document)):
            found[who, "signed"] += int(number)
    # The first one: a batch that somebody else went on with is its beginner's. Sorted here; SQLite would go through all events.
    starts = connection.execute(sa.select(e.id, e.object, e.who).where(e.what == "batch_started"))
    started = {batch: who for _, batch, who in sorted(map(tuple, starts), reverse=True)}
    for one in made:
        found[started.get(one.batch, "?"), "digitised"] += one.in_use
    return [Throughput(who=who, stage=stage, count=number) for (who, stage), number in sorted(found.items()) if number]


def corrections(
    connection: sa.Connection,
    start: datetime,
    end: datetime,
    made: Collection[Recorded],
    within: Within | None = None,
    limit: int = 30,
) -> list[CorrectionCause]:
    """Fields that people corrected, the most often corrected first, with how many records of the kind there were. `made`: what was
    recorded between the two moments."""
    h, d, f = c.field_history.c, c.documents.c, c.fields.c
    of_field = sa.exists().where(f.document == h.document, f.name == h.field, f.handwritten)
    by_hand = count_if(sa.func.coalesce(h.handwritten, of_field))
    query = (
        sa.select(d.type, h.field, sa.func.count().label("corrected"), by_hand.label("handwritten"))
        .select_from(c.field_history.join(c.documents, d.id == h.document))
        .where(h.new_status == FieldStatus.CORRECTED, h.at >= start, h.at < end)
        .group_by(d.type, h.field)
        .order_by(sa.desc("corrected"), d.type, h.field)
        .limit(limit)
    )
    mine = d.batch.in_(sa.select(c.batches.c.id).where(within.of_batch())) if within is not None else sa.true()
    corrected = connection.execute(query.where(mine)).all()
    of_kind: dict[str, int] = defaultdict(int)
    for one in made:
        of_kind[one.kind] += one.made
    return [
        CorrectionCause(
            kind=row.type,
            field=row.field,
            corrected=row.corrected,
            recorded=of_kind.get(row.type, 0),
            handwritten=int(row.handwritten or 0),
        )
        for row in corrected
    ]


def backlog(connection: sa.Connection, as_of: datetime, within: Within | None = None) -> list[BacklogAge]:
    """Records that waited for a check at `as_of`, by age. One checked since is found by the event that closed it."""
    d = c.documents.c
    waiting = (d.status == DocumentStatus.REVIEW) | (d.checked_at > as_of)
    sums = []
    for _, first, last in _AGES:
        condition = d.created <= as_of - timedelta(days=first)
        if last is not None:
            condition &= d.created > as_of - timedelta(days=last + 1)
        sums.append(count_if(condition))
    query = sa.select(*sums).select_from(c.documents).where(waiting, in_use_at(as_of))
    if within is not None:
        query = query.join(c.batches, c.batches.c.id == d.batch).where(within.of_batch())
    counts = connection.execute(query).one()
    return [
        BacklogAge(label=label, first_day=first, last_day=last, count=int(count or 0))
        for (label, first, last), count in zip(_AGES, counts, strict=True)
    ]


def months(
    connection: sa.Connection,
    period: Period,
    as_of: datetime,
    units: Collection[str] | None = None,
    within: Within | None = None,
) -> list[Month]:
    """Each month of the period, Asia/Ho_Chi_Minh."""
    p = t.cases.c
    names = _names_of_months(period)
    begins = [midnight(date(*map(int, name.split("-")), 1)) for name in names]
    begins = [max(begins[0], midnight(period.first)), *begins[1:], midnight(period.last + timedelta(days=1))]
    made = {}
    for name, begin, end in zip(names, begins[:-1], begins[1:], strict=True):
        # Each month is a part of the index; asking for the month of each of a million times takes many times as long.
        made[name] = digitised(connection, begin, end, as_of, within)
    cases = (p.kind_of_list == ListKind.DOSSIERS) & counts_at(as_of)
    if units is not None:
        cases &= p.unit.in_(sorted(units))
    first, last = period.first.isoformat(), period.last.isoformat()
    received_in, finished_in = sa.func.substr(p.received, 1, 7), sa.func.substr(p.finished, 1, 7)
    received = dict(
        connection.execute(
            sa.select(received_in, sa.func.count()).where(cases, p.received.between(first, last)).group_by(received_in)
        ).all()
    )
    resolved = {
        row[0]: row
        for row in connection.execute(
            sa.select(finished_in, sa.func.count(), count_if(p.finished > p.due))
            .where(cases, p.state == CaseState.RESOLVED, p.finished.between(first, last))
            .group_by(finished_in)
        )
    }
    found = []
    for name in names:
        _, count, late = resolved.get(name, (name, 0, 0))
        found.append(
            Month(
                month=name,
                digitised=made[name],
                received=received.get(name, 0),
                resolved_in_time=count - int(late or 0),
                resolved_late=int(late or 0),
            )
        )
    return found


def digitised(
    connection: sa.Connection, begin: datetime, end: datetime, as_of: datetime, within: Within | None = None
) -> int:
    """Records made between two moments (end not counted) that stood at `as_of`."""
    d = c.documents.c
    query = sa.select(sa.func.count()).select_from(c.documents)
    query = query.where(standing_at(as_of), d.created >= begin, d.created < min(end, as_of))
    if within is not None:
        query = query.join(c.batches, c.batches.c.id == d.batch).where(within.of_batch())
    return connection.scalar(query) or 0


def _names_of_months(period: Period) -> list[str]:
    """`YYYY-MM` of each month that the period touches."""
    first, last = (12 * day.year + day.month - 1 for day in (period.first, period.last))
    return [f"{at // 12}-{at % 12 + 1:02d}" for at in range(first, last + 1)]
