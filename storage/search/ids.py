"""Row numbers of what an expression finds, newest first: the one place where the two databases differ in reading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from storage.search.index import unpacked
from storage.search.match import Expression, fts5, holds, needed, tsquery
from storage.search.tables import search_rows, search_terms
from storage.search.vocabulary import among, common

COMMON = 0.01
"""Share of records from which a word is common enough to be met by walking the newest records."""
TOGETHER = 0.002
"""What the shares of all words, multiplied, must come to. Words of names go together more often than that says."""
ENOUGH_MET = 15
"""Matches among the newest records from which their number is estimated."""
WINDOW = 1_500
"""Newest records that are walked on PostgreSQL before its index is asked for all that match."""
SOME_MET, MUCH_FARTHER = 3, 6
"""With so few met a page is worth walking so many times as far."""
FACETED = 2_000
"""Newest results that are looked at to count kinds, agencies, years."""


@dataclass(frozen=True)
class Wanted:
    """What rows must be. `rows`: conditions on `search_rows` that no term can say exactly."""

    expression: Expression | None
    rows: Sequence[sa.ColumnElement[bool]] = ()


@dataclass(frozen=True)
class Counted:
    """How many there are: exactly, at least (`more`), or by estimate."""

    number: int
    more: bool = False
    estimated: bool = False

    @property
    def many(self) -> bool:
        return self.more or self.estimated


class Reader:
    """Reads row numbers within one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.is_sqlite = connection.dialect.name == "sqlite"
        self._shares: dict[str, float] = {}
        if not self.is_sqlite:
            # Plans are made here, not guessed: statistics know nothing about words that go together, and one wrong
            # guess reads a million rows.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")

    def newest(self) -> int:
        return self.connection.scalar(sa.select(sa.func.max(search_rows.c.id))) or 0

    def ids(self, wanted: Wanted, *, below: int, limit: int) -> list[int]:
        """Numbers lower than `below`, highest first."""
        if wanted.expression is None:
            r = search_rows.c
            query = sa.select(r.id).where(r.id < below, *wanted.rows).order_by(r.id.desc())
            return list(self.connection.scalars(query.limit(limit)).all())
        if self.is_sqlite:
            return list(self.connection.scalars(self._fts(wanted, below).limit(limit)).all())
        if self._is_common(wanted.expression):
            found = self._walk(wanted, below, limit)
            if SOME_MET <= len(found) < limit <= 10 * len(found):
                # Some are there: going on costs less than asking the index for all there are.
                found = self._walk(wanted, below, limit, MUCH_FARTHER * WINDOW)
            if len(found) >= limit:
                return found
        found = self._gin(wanted, below)
        query = sa.select(found.c.id).order_by(found.c.id.desc()).limit(limit)
        return list(self.connection.scalars(query).all())

    def first(self, wanted: Wanted, *, below: int, limit: int, at_most: int) -> tuple[list[int], Counted]:
        """The newest that match, and how many there are: exactly where they are all given."""
        if self.is_sqlite or wanted.expression is None:
            found = self.ids(wanted, below=below, limit=limit + 1)
            if len(found) <= limit:
                return found, Counted(len(found))
            return found[:limit], self.count(wanted, below=below, at_most=at_most)
        met = self._estimated(wanted, below, at_most)
        if met is not None:
            return met[0][:limit], met[1]
        matching = self._gin(wanted, below)
        counting = sa.select(sa.literal(1)).select_from(matching).limit(at_most + 1).subquery()
        number = sa.select(sa.func.count()).select_from(counting).scalar_subquery()
        query = sa.select(matching.c.id, number).order_by(matching.c.id.desc()).limit(limit)
        rows = self.connection.execute(query).all()
        total = rows[0][1] if rows else 0
        return [row.id for row in rows], Counted(min(total, at_most), more=total > at_most)

    def sorted_out(self, numbers: Sequence[int], steps: Sequence[Expression]) -> dict[int, int]:
        """For each of these rows the first step that it answers."""
        s = search_terms.c
        if not self.is_sqlite:
            step = sa.case(
                *((s.terms.op("@@")(_parsed(e)), n) for n, e in enumerate(steps)), else_=len(steps)
            )
            query = sa.select(s.id, step).where(among(self.connection, s.id, numbers))
            return dict(self.connection.execute(query).all())
        query = sa.select(s.id, s.terms).where(among(self.connection, s.id, numbers))
        found = {}
        for number, packed in self.connection.execute(query).all():
            terms = frozenset(unpacked(packed).split(" "))
            found[number] = next((n for n, e in enumerate(steps) if holds(e, terms)), len(steps))
        return found

    def count(self, wanted: Wanted, *, below: int, at_most: int) -> Counted:
        if wanted.expression is None:
            query = (
                sa.select(search_rows.c.id).where(search_rows.c.id < below, *wanted.rows).limit(at_most + 1)
            )
        elif self.is_sqlite:
            query = self._fts(wanted, below).limit(at_most + 1)
        else:
            if (met := self._estimated(wanted, below, at_most)) is not None:
                return met[1]
            query = sa.select(self._gin(wanted, below)).limit(at_most + 1)
        found = self.connection.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
        return Counted(min(found, at_most), more=found > at_most)

    def _estimated(self, wanted: Wanted, below: int, at_most: int) -> tuple[list[int], Counted] | None:
        """Of the newest records those that match, and how many match by the share among them; None: too few to say."""
        if not self._is_common(wanted.expression):
            return None
        met = self._walk(wanted, below, WINDOW)
        share = len(met) / max(1, min(WINDOW, below - 1))
        if len(met) < ENOUGH_MET or share * below <= 1.3 * at_most:
            return None
        return met, Counted(_rounded(share * below), estimated=True)

    def newest_matching(self, wanted: Wanted, *, below: int) -> tuple[list[int], bool]:
        """The newest that match, FACETED at most, and whether that is all of them."""
        if wanted.expression is not None and not self.is_sqlite and self._is_common(wanted.expression):
            met = self._walk(wanted, below, FACETED)
            if len(met) >= ENOUGH_MET:
                return met, below - 1 <= WINDOW
        found = self.ids(wanted, below=below, limit=FACETED + 1)
        return found[:FACETED], len(found) <= FACETED

    def _fts(self, wanted: Wanted, below: int) -> sa.Select:
        fts = sa.table("search_fts", sa.column("rowid", sa.BigInteger))
        # Row ids are negative there (`index._ADD`): upwards is newest first.
        number = fts.c.rowid
        matching = sa.literal_column("search_fts").op("MATCH")(fts5(wanted.expression))
        query = sa.select((-number).label("id")).where(matching, number > -below).order_by(number)
        if not wanted.rows:
            return query.select_from(fts)
        # With the sign before it SQLite cannot walk the rows and ask the index about each of them.
        joined = sa.join(fts, search_rows, search_rows.c.id == sa.literal_column("-search_fts.rowid"))
        return query.select_from(joined).where(*wanted.rows)

    def _walk(self, wanted: Wanted, below: int, limit: int, window: int = WINDOW) -> list[int]:
        """Of the newest records those that match."""
        s = search_terms.c
        newest = sa.select(s.id, s.terms).where(s.id < below).order_by(s.id.desc()).limit(window).subquery()
        query = sa.select(newest.c.id).where(newest.c.terms.op("@@")(_parsed(wanted.expression)))
        if wanted.rows:
            query = query.join(search_rows, search_rows.c.id == newest.c.id).where(*wanted.rows)
        return list(self.connection.scalars(query.order_by(newest.c.id.desc()).limit(limit)).all())

    def _gin(self, wanted: Wanted, below: int) -> sa.CTE:
        """All that match. Apart, and with a sum instead of the column, so that the planner cannot choose to walk the rows
        downwards in the hope of meeting enough of them soon."""
        s = search_terms.c
        query = sa.select(s.id).where(s.terms.op("@@")(_parsed(wanted.expression)), s.id + 0 < below)
        if wanted.rows:
            query = query.join(search_rows, search_rows.c.id == s.id).where(*wanted.rows)
        return query.cte("found").prefix_with("MATERIALIZED", dialect="postgresql")

    def _is_common(self, expression: Expression) -> bool:
        """Whether all terms are so common that the newest records will have them together."""
        terms = set()
        for term in needed(expression):
            if term.startswith("_"):
                terms.update(word for word in term[1:].split("_") if word)
            elif not term.startswith("^"):
                terms.add(term)
        if any(term.startswith(("#", "=")) for term in terms):
            return False
        unknown = [term for term in terms if term not in self._shares]
        if unknown:
            self._shares |= dict.fromkeys(unknown, 0.0) | common(self.connection, unknown)
        shares = [self._shares[term] for term in terms]
        return all(share >= COMMON for share in shares) and math.prod(shares) >= TOGETHER


def _parsed(expression: Expression) -> sa.ColumnElement:
    return sa.cast(sa.literal(tsquery(expression)), TSQUERY)


def _rounded(number: float) -> int:
    """Two digits are all an estimate is good for."""
    step = 10 ** max(0, len(str(int(number))) - 2)
    return int(number) // step * step
