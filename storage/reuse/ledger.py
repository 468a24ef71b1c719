"""Reuse of records, written down once a record, dossier and purpose; and where papers were looked for.

Indicator 4.3 of QĐ 766/QĐ-TTg is counted from these rows, so they are never changed: the database refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import sqlalchemy as sa

from schemas.reuse import Lookup, Question, Reuse, ReuseCount, ReuseCounts
from schemas.zone import VIETNAM
from storage.catalogue import tables as t
from storage.catalogue.changes import lock
from storage.catalogue.database import Database
from storage.catalogue.events import add_event
from storage.catalogue.rows import short_id
from storage.fold import fold_words
from storage.register.rows import local
from storage.reuse.tables import lookups, reuses


def reuse_id(document: str, dossier: str, purpose: str) -> str:
    """The same record for the same dossier and purpose is one reuse, however the purpose is typed."""
    return short_id("T", document, dossier, fold_words(purpose))


class Reuses:
    """Shares the engine of an opened catalogue."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def record(
        self, use: Reuse, *, who: str, allowed: Callable[[sa.Connection], None] = lambda connection: None
    ) -> tuple[Reuse, bool]:
        """The reuse as it stands, and whether it is new.

        `allowed` is asked in the same transaction, with the record held, so that a paper revoked a moment before is not
        used; it raises what forbids. A reuse that stands is given back without asking. Raises NotFound.
        """
        with self.database.write() as connection:
            lock(connection, use.document, None)
            standing = _load(connection, reuses.c.id == use.id)
            if standing:
                return standing[0], False
            allowed(connection)
            values = use.model_dump(exclude={"at"}) | {"at": use.at, "day": _day(use.at).isoformat()}
            connection.execute(reuses.insert().values(**values))
            add_event(connection, who, "reused", use.document, reuse=use.id, dossier=use.dossier, version=use.version)
            return use, True

    def found(self, reuse_id: str) -> Reuse | None:
        with self.database.read() as connection:
            return next(iter(_load(connection, reuses.c.id == reuse_id)), None)

    def of(self, *, document: str | None = None, dossier: str | None = None) -> list[Reuse]:
        """Oldest first, of a record or of a dossier."""
        wanted = [] if document is None else [reuses.c.document == document]
        wanted += [] if dossier is None else [reuses.c.dossier == dossier]
        with self.database.read() as connection:
            return _load(connection, *wanted)

    def counts(self, first: date, last: date, unit: str = "") -> ReuseCounts:
        """Raw counts of the days `first` to `last`, both included; of one unit or, without one, of all."""
        r, d = reuses.c, t.documents.c
        within = [r.day.between(first.isoformat(), last.isoformat())] + ([r.unit == unit] if unit else [])
        numbers = (
            sa.func.count().label("uses"),
            sa.func.count(r.document.distinct()).label("records"),
            sa.func.count(r.dossier.distinct()).label("dossiers"),
        )
        whole = sa.select(*numbers).where(*within)
        parts = (
            sa.select(r.unit, d.type.label("kind"), *numbers)
            .join(t.documents, d.id == r.document)
            .where(*within)
            .group_by(r.unit, d.type)
            .order_by(r.unit, d.type)
        )
        with self.database.read() as connection:
            total = connection.execute(whole).mappings().one()
            by_kind = tuple(ReuseCount(**row) for row in connection.execute(parts).mappings())
        return ReuseCounts(first=first, last=last, unit=unit, by_kind=by_kind, **total)

    def keep_lookup(self, question: Question, lookup: Lookup, *, actor: str, unit: str, at: datetime, who: str) -> None:
        """Where a paper was looked for and what each place said; the number searched for goes into no event."""
        with self.database.write() as connection:
            connection.execute(
                lookups.insert().values(
                    id=lookup.id, id_number=question.id_number, kind=question.kind, dossier=question.dossier,
                    purpose=question.purpose, actor=actor, unit=unit, at=at, answered_by=lookup.answered_by,
                    simulated=lookup.simulated, steps=[s.model_dump(mode="json") for s in lookup.steps],
                    documents=[a.document for a in lookup.archive],
                )
            )  # fmt: skip
            steps = {str(s.place): str(s.outcome) for s in lookup.steps}
            add_event(connection, who, "looked_up", lookup.id, kind=question.kind, dossier=question.dossier, **steps)


def _load(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Reuse]:
    query = sa.select(reuses).where(*conditions).order_by(reuses.c.at, reuses.c.id)
    return [
        Reuse(**{name: row[name] for name in Reuse.model_fields} | {"at": local(row["at"])})
        for row in connection.execute(query).mappings()
    ]


def _day(at: datetime) -> date:
    return at.astimezone(VIETNAM).date()
