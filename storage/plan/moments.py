"""What counted at a moment. A report remembers the moment it speaks of; asked again for it, the same rows must count."""

from __future__ import annotations

import time
from datetime import date, datetime

import sqlalchemy as sa

from schemas.document import DocumentStatus
from schemas.errors import CatalogueUnavailable
from schemas.zone import VIETNAM
from storage.catalogue import tables as c
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.plan import tables as t

SETTLED_WITHIN = 60.0
"""Seconds that a report waits for transactions that were under way."""
_LOOK_AGAIN = 0.05
SET_ASIDE = ("document_rejected", "superseded", "destroyed")
"""Events after which a record no longer counts."""


def settled_moment(database: Database) -> datetime:
    """A moment before which nothing more will be written: what was under way then has ended, what began later bears a later
    time. Without this a report made during an import would come out otherwise afterwards.

    Raises CatalogueUnavailable when others do not finish in time.
    """
    if database.is_sqlite:
        with database.write():  # waits for whoever writes; there is only one
            return now()
    moment = now()
    time.sleep(_LOOK_AGAIN)  # between taking its time and its first row a transaction has no number yet
    with database.read() as connection:
        # Numbers are given in turn: whoever has a smaller one than this wrote before.
        started = connection.scalar(sa.text("SELECT pg_current_xact_id()::text::bigint"))
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        with database.read() as connection:
            oldest = connection.scalar(sa.text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"))
        if oldest >= started:
            return moment
        if time.monotonic() > deadline:
            raise CatalogueUnavailable("another transaction has been writing for over a minute")
        time.sleep(_LOOK_AGAIN)


def midnight(day: date) -> datetime:
    """When a day begins in Vietnam."""
    return datetime.combine(day, datetime.min.time(), VIETNAM)


def count_if(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """How many rows of a group; NULL where there is no row."""
    return sa.func.sum(sa.case((condition, 1), else_=0))


def counts_at(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """Rows of `plan_cases` that counted at a moment (now when None)."""
    p = t.cases.c
    if as_of is None:
        return p.replaced_at.is_(None)
    return (p.added_at <= as_of) & (p.replaced_at.is_(None) | (p.replaced_at > as_of))


def in_use_at(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """Records that existed at a moment and were not yet set aside: a later rejection does not change an earlier report."""
    return standing_at(as_of) if as_of is None else (c.documents.c.created <= as_of) & standing_at(as_of)


def standing_at(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """Records that were not set aside at a moment, whenever they were recorded. With a bound on `created` of its own beside it:
    of two upper bounds SQLite takes the first into its index, which may be the wide one."""
    d = c.documents.c
    in_use = ~d.superseded & (d.status != DocumentStatus.REJECTED)
    if as_of is None:
        return in_use
    return in_use | d.id.in_(_set_aside_later(as_of))


def _set_aside_later(as_of: datetime) -> sa.Select:
    e = c.events.c
    return sa.select(e.object).where(e.what.in_(SET_ASIDE), e.at > as_of)


def taken_at(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """Matches that said at a moment: this record is surely the paper of that row."""
    m = t.matches.c
    sure = m.state.in_(("sure", "confirmed"))
    if as_of is None:
        return sure & m.ended_at.is_(None)
    return sure & (m.made_at <= as_of) & (m.ended_at.is_(None) | (m.ended_at > as_of))


def matched(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """A row of `plan_cases` has a record that is surely its paper; one that was set aside is none. Records that are set aside
    are few, so they are left out, where to look at each of the others would take twice as long."""
    m, d = t.matches.c, c.documents.c
    set_aside = sa.select(d.id).where(sa.text(t.NOT_IN_USE))
    if as_of is not None:
        set_aside = set_aside.where(d.id.not_in(_set_aside_later(as_of)))
    return t.cases.c.case.in_(sa.select(m.case).where(taken_at(as_of), m.document.not_in(set_aside)))
