"""Lists of one-stop systems: a file goes in whole or not at all; a dossier that comes again is one dossier, and what changed
about it stays on record."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

import sqlalchemy as sa

from schemas.errors import NotFound
from schemas.plan import Case, Channel, Level, ListKind
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event, now
from storage.fold import fold_words
from storage.plan import tables as t

CHUNK = 500
_DAYS = ("issued", "received", "due", "finished", "in_force_until")
_TEXTS = (
    "unit", "level", "dossier_code", "procedure", "procedure_name", "sector", "kind", "number", "symbol", "issuer", "owner",
    "owner_id", "summary", "state", "channel",
)  # fmt: skip


@dataclass(frozen=True)
class CaseRow:
    """A row of a list as the catalogue keeps it."""

    id: int
    """Stays the same when the list brings the dossier again with other dates."""
    list: str
    case: Case


@dataclass(frozen=True)
class Taken:
    list: str
    added: int
    changed: int
    same: int


class PlanLists:
    """Lists and their rows. `database` is the catalogue."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def remembered(self, headings: Sequence[str]) -> dict[str, str]:
        """Thing → heading, as named for a list with these headings before; empty when it is new."""
        with self.database.read() as connection:
            found = connection.scalar(
                sa.select(t.columns.c.columns).where(t.columns.c.headings == _headings(headings))
            )
        return dict(found or {})

    def known(self, sha256: str) -> str | None:
        """Id of a list with these bytes that was imported."""
        with self.database.read() as connection:
            return connection.scalar(sa.select(t.lists.c.id).where(t.lists.c.sha256 == sha256).limit(1))

    def take(
        self,
        cases: Iterable[Case],
        *,
        name: str,
        sha256: str,
        kind: ListKind,
        headings: Sequence[str],
        columns: Mapping[str, str],
        object: dict | None,
        period: tuple[date, date] | None,
        who: str,
        named: Mapping[str, str] | None = None,
        outcome: dict | None = None,
    ) -> Taken:
        """Everything of one file, in one transaction.

        `cases` may raise: nothing is then imported. A known dossier with other content replaces what was known of it
        (the older row stays, with the moment until which it counted); with the same content it is left alone.
        """
        list_id, at = uuid.uuid4().hex, now()
        added = changed = same = 0
        with self.database.write() as connection:
            connection.execute(
                t.lists.insert().values(
                    id=list_id, name=name, sha256=sha256, object=object, kind=kind, columns=dict(columns), rows=0,
                    first=period and period[0].isoformat(), last=period and period[1].isoformat(),
                    outcome=outcome or {}, imported_at=at, imported_by=who,
                )
            )  # fmt: skip
            if named:
                statement = insert(connection, t.columns).values(
                    headings=_headings(headings), columns=dict(named), named_at=at, named_by=who
                )
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["headings"],
                        set_={"columns": statement.excluded.columns, "named_at": at, "named_by": who},
                    )
                )
            first_free = (connection.scalar(sa.select(sa.func.max(t.cases.c.id))) or 0) + 1
            coming = iter(cases)
            while chunk := list(islice(coming, CHUNK)):
                rows = [_values(case, kind) | {"list": list_id, "added_at": at} for case in chunk]
                c = t.cases.c
                current = {
                    row.identity: row
                    for row in connection.execute(
                        sa.select(c.id, c.case, c.identity, c.content).where(
                            c.identity.in_([row["identity"] for row in rows]), c.replaced_at.is_(None)
                        )
                    )
                }
                fresh, ended = [], []
                for row in rows:
                    before = current.get(row["identity"])
                    if before is not None and before.content == row["content"]:
                        same += 1
                        continue
                    if before is not None:
                        ended.append(before.id)
                        changed += 1
                    else:
                        added += 1
                    fresh.append(row | {"id": first_free, "case": before.case if before is not None else first_free})
                    first_free += 1
                if ended:
                    connection.execute(t.cases.update().where(c.id.in_(ended)).values(replaced_at=at))
                if fresh:
                    connection.execute(t.cases.insert(), fresh)
            connection.execute(
                t.lists.update().where(t.lists.c.id == list_id).values(rows=added + changed + same)
            )
            if not self.database.is_sqlite:
                # Ids were given here, so the sequence has to be told.
                connection.execute(
                    sa.text("SELECT setval(pg_get_serial_sequence('plan_cases', 'id'), :last)"), {"last": first_free}
                )
            add_event(
                connection, who, "list_imported", list_id, kind=kind, added=added, changed=changed, same=same
            )
        return Taken(list_id, added, changed, same)

    def cases(
        self, *, kind: ListKind | None = None, unit: str | None = None, unmatched: bool = False, as_of: datetime | None = None
    ) -> Iterator[CaseRow]:
        """Rows that count at a moment (now when None), in the order they came; `unmatched`: without a sure or confirmed record."""
        c = t.cases.c
        query = sa.select(t.cases).where(counts_at(as_of)).order_by(c.id)
        if kind is not None:
            query = query.where(c.kind_of_list == kind)
        if unit is not None:
            query = query.where(c.unit == unit)
        if unmatched:
            query = query.where(~matched(as_of))
        with self.database.read() as connection:
            streamed = connection.execution_options(stream_results=True, yield_per=2_000).execute(query)
            for row in streamed.mappings():
                yield CaseRow(row["case"], row["list"], _case(row))

    def case(self, case: int) -> CaseRow:
        """Raises NotFound."""
        with self.database.read() as connection:
            row = (
                connection.execute(sa.select(t.cases).where(t.cases.c.case == case, t.cases.c.replaced_at.is_(None)))
                .mappings()
                .first()
            )
        if row is None:
            raise NotFound(f"row {case} of the lists")
        return CaseRow(row["case"], row["list"], _case(row))


def counts_at(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """Rows of `plan_cases` that counted at a moment."""
    c = t.cases.c
    if as_of is None:
        return c.replaced_at.is_(None)
    return (c.added_at <= as_of) & (c.replaced_at.is_(None) | (c.replaced_at > as_of))


def matched(as_of: datetime | None) -> sa.ColumnElement[bool]:
    """A row of `plan_cases` has a record that is surely its paper."""
    m = t.matches.c
    found = sa.exists().where(m.case == t.cases.c.case, m.state.in_(("sure", "confirmed")))
    if as_of is None:
        return found.where(m.ended_at.is_(None))
    return found.where(m.made_at <= as_of, m.ended_at.is_(None) | (m.ended_at > as_of))


def _headings(headings: Sequence[str]) -> str:
    return "|".join(fold_words(heading) for heading in headings)


def identity_of(case: Case, kind: ListKind) -> str:
    """What makes two rows the same thing: the dossier (and in a list of results its result), else paper, day and owner."""
    if case.dossier_code:
        parts = [kind, case.dossier_code, fold_words(case.number or "") if kind is ListKind.RESULTS else ""]
    else:
        parts = [
            kind, case.unit, case.kind or "", fold_words(f"{case.number or ''} {case.symbol or ''}"), str(case.issued),
            case.owner_id or fold_words(case.owner or ""),
        ]  # fmt: skip
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _values(case: Case, kind: ListKind) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(case, name) for name in _TEXTS}
    values |= {name: day.isoformat() if (day := getattr(case, name)) else None for name in _DAYS}
    content = hashlib.sha256(repr(sorted(values.items(), key=lambda item: item[0])).encode()).hexdigest()
    return values | {"row": case.row, "kind_of_list": kind, "identity": identity_of(case, kind), "content": content}


def _case(row: Mapping) -> Case:
    values = {name: row[name] for name in _TEXTS}
    values |= {name: date.fromisoformat(row[name]) if row[name] else None for name in _DAYS}
    values |= {"level": Level(row["level"]), "channel": Channel(row["channel"]), "row": row["row"]}
    return Case(**values)
