"""Rows of the tables as the words of `schemas.register`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa

from schemas.errors import NotFound
from schemas.register import (
    Book,
    Cancellation,
    Draft,
    EntryState,
    Evidence,
    MonthClose,
    Note,
    RegisterEntry,
    Series,
    Totals,
    Volume,
)
from schemas.zone import VIETNAM
from storage.register import tables as t


def local(moment: datetime | None) -> datetime | None:
    return moment and moment.astimezone(VIETNAM)


def load_books(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Book]:
    """With their volumes, by agency, kind and year."""
    b = t.books.c
    rows = connection.execute(
        sa.select(t.books).where(*conditions).order_by(b.agency, b.kind, b.year)
    ).mappings()
    found = []
    for row in rows.all():
        volumes = connection.execute(
            sa.select(t.volumes).where(t.volumes.c.book == row["id"]).order_by(t.volumes.c.position)
        ).mappings()
        facts = {k: v for k, v in row.items() if k not in ("agency", "kind", "floor")}
        facts |= {"opened": local(row["opened"]), "closed": local(row["closed"])}
        found.append(
            Book(
                **facts,
                series=Series(agency=row["agency"], kind=row["kind"]),
                volumes=tuple(_volume(volume) for volume in volumes),
            )
        )
    return found


def load_book(connection: sa.Connection, book: str) -> Book:
    """Raises NotFound."""
    found = load_books(connection, t.books.c.id == book)
    if not found:
        raise NotFound(f"book {book}")
    return found[0]


def _volume(row: sa.RowMapping) -> Volume:
    facts = {k: v for k, v in row.items() if k != "book"}
    return Volume(**facts | {"opened": local(row["opened"]), "closed": local(row["closed"])})


def load_entries(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[RegisterEntry]:
    """In the order of the book."""
    e, o, c = t.entries.c, t.outcomes.c, t.cancellations.c
    rows = connection.execute(
        sa.select(
            t.entries,
            t.books.c.agency,
            t.books.c.year,
            t.volumes.c.label.label("volume_label"),
            o.state.label("outcome"),
            o.at.label("finished_at"),
            o.reason.label("failure"),
            o.evidence,
            c.at.label("cancelled_at"),
            c.who.label("cancelled_who"),
            c.decision,
            c.decision_date,
            c.decided_by,
            c.reason.label("cancel_reason"),
        )
        .join(t.books, t.books.c.id == e.book)
        .join(t.volumes, sa.and_(t.volumes.c.book == e.book, t.volumes.c.position == e.volume))
        .outerjoin(t.outcomes, o.entry == e.id)
        .outerjoin(t.cancellations, c.entry == e.id)
        .where(*conditions)
        .order_by(t.books.c.agency, t.books.c.kind, t.books.c.year, e.number)
    ).mappings()
    rows = rows.all()
    remarks = _notes(connection, [row["id"] for row in rows])
    return [_entry(row, remarks.get(row["id"], ())) for row in rows]


def load_entry(connection: sa.Connection, entry: str) -> RegisterEntry:
    """Raises NotFound."""
    found = load_entries(connection, t.entries.c.id == entry)
    if not found:
        raise NotFound(f"register entry {entry}")
    return found[0]


def _entry(row: sa.RowMapping, notes: tuple[Note, ...]) -> RegisterEntry:
    cancellation = None
    if row["cancelled_at"] is not None:
        cancellation = Cancellation(
            at=local(row["cancelled_at"]),
            who=row["cancelled_who"],
            decision=row["decision"],
            decision_date=date.fromisoformat(row["decision_date"]),
            decided_by=row["decided_by"],
            reason=row["cancel_reason"],
        )
    same = ("id", "book", "agency", "kind", "year", "number", "volume", "volume_label", "symbol", "taken_by")
    return RegisterEntry(
        **{name: row[name] for name in same},
        recorded_at=local(row["recorded_at"]),
        draft=Draft(**{name: row[name] for name in Draft.model_fields}),
        state=EntryState.CANCELLED if cancellation else EntryState(row["outcome"] or EntryState.PENDING),
        finished_at=local(row["finished_at"]),
        failure=row["failure"],
        evidence=None if row["evidence"] is None else Evidence.model_validate(row["evidence"]),
        cancellation=cancellation,
        notes=notes,
    )


def _notes(connection: sa.Connection, entries: Sequence[str]) -> dict[str, tuple[Note, ...]]:
    found: dict[str, tuple[Note, ...]] = {}
    n = t.notes.c
    for start in range(0, len(entries), 500):  # databases bound the number of values in a query
        rows = connection.execute(
            sa.select(t.notes).where(n.entry.in_(entries[start : start + 500])).order_by(n.entry, n.position)
        ).mappings()
        for row in rows:
            note = Note(at=local(row["at"]), who=row["who"], text=row["text"])
            found[row["entry"]] = (*found.get(row["entry"], ()), note)
    return found


def load_month(connection: sa.Connection, book: str, month: int) -> MonthClose | None:
    row = (
        connection.execute(sa.select(t.months).where(t.months.c.book == book, t.months.c.month == month))
        .mappings()
        .first()
    )
    if row is None:
        return None
    return MonthClose(**{**row, "at": local(row["at"]), "totals": Totals(**row["totals"])})
