"""Lists of one-stop systems: a file goes in whole or not at all; a dossier that comes again is one dossier, and what changed
about it stays on record."""

from __future__ import annotations

import hashlib
import pickle
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice

import sqlalchemy as sa

from schemas.errors import NotAllowedNow, NotFound
from schemas.people_errors import NotAllowed
from schemas.plan import Case, Channel, Level, ListKind
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event, now
from storage.fold import fold_words
from storage.people.units import code_forms
from storage.plan import tables as t
from storage.plan.moments import counts_at, matched

CHUNK = 2_000
TOTALS = "totals"
"""Kind, in `plan_lists`, of a file of totals: its rows stand in `plan_totals`."""
_DAYS = ("issued", "received", "due", "finished", "in_force_until")
_TEXTS = (
    "unit", "level", "dossier_code", "procedure", "procedure_name", "sector", "kind", "number", "symbol", "issuer", "owner",
    "owner_id", "summary", "state", "channel",
)  # fmt: skip
_COMPARED = ("dossier_code", "number", "symbol", "issued", "finished", "owner", "owner_id", "kind")
"""A row in which one of these is now another is matched anew."""
_SPOOLED = ("seq", "row", "identity", "content", *_TEXTS, *_DAYS)
GONE_SHOWN = 50


@dataclass(frozen=True)
class CaseRow:
    """A row of a list as the catalogue keeps it."""

    id: int
    """Stays the same when the list brings the dossier again with other dates."""
    list: str
    case: Case


@dataclass(frozen=True)
class ListRow:
    """A file that was imported."""

    id: str
    name: str
    kind: ListKind
    rows: int
    counting: int
    """Of its rows those that no later list replaced."""
    imported_at: datetime
    imported_by: str


@dataclass(frozen=True)
class Taken:
    list: str
    added: int
    changed: int
    same: int
    gone: int = 0
    """Known rows that a complete list no longer has."""
    gone_shown: tuple[str, ...] = ()
    """Their dossier codes or numbers, at most GONE_SHOWN."""


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

    def known(self, sha256: str, kind: str) -> tuple[str, dict[str, str]] | None:
        """Id of the last list with these bytes that was imported as this kind, and its columns (thing → heading)."""
        with self.database.read() as connection:
            row = connection.execute(
                sa.select(t.lists.c.id, t.lists.c.columns)
                .where(t.lists.c.sha256 == sha256, t.lists.c.kind == kind, t.lists.c.withdrawn_at.is_(None))
                .order_by(t.lists.c.imported_at.desc())
                .limit(1)
            ).first()
        return (row.id, dict(row.columns)) if row is not None else None

    def sectors(self) -> list[str]:
        """Every spelling of a sector that is kept, the oldest list first."""
        p, x = t.cases.c, t.totals.c
        with self.database.read() as connection:
            rows = connection.scalars(
                sa.select(p.sector).where(p.sector.is_not(None)).group_by(p.sector).order_by(sa.func.min(p.id))
            )
            totals = connection.scalars(sa.select(x.sector).group_by(x.sector).order_by(sa.func.min(x.id)))
            return [*rows, *filter(None, totals)]

    def after(self, moment: datetime) -> int:
        """How many lists bear a later time."""
        with self.database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).where(t.lists.c.imported_at > moment)) or 0

    def take(
        self,
        cases: Iterable[Case],
        *,
        name: str,
        sha256: str,
        kind: ListKind,
        headings: Sequence[str],
        columns: Mapping[str, str],
        keep: Callable[[], dict] | None,
        period: tuple[date, date] | None,
        who: str,
        named: Mapping[str, str] | None = None,
        complete: bool = False,
        instead_of: str | None = None,
    ) -> Taken:
        """Everything of one file, in one transaction.

        `cases` may raise: nothing is then imported, and the file is not kept. `keep` puts the file where it stays. A known
        dossier with other content replaces what was known of it (the older row stays, with the moment until which it counted);
        with the same content it is left alone. `complete`: what is known of the units of the file (and of its period) and does
        not come again counts no longer. `instead_of`: a list that was read in another way; its rows that do not come again count
        no longer.
        """
        with tempfile.TemporaryFile() as spool:
            # The file is read and checked before the lock is taken, so that nobody who writes has to wait for that.
            count = _spool(cases, kind, spool)
            spool.seek(0)
            object = keep() if keep else None
            with self.database.write() as connection:
                list_id, at = uuid.uuid4().hex, now()
                insert_list(
                    connection, list_id, at, name=name, sha256=sha256, kind=kind, columns=columns, rows=count, period=period,
                    object=object, who=who, headings=headings, named=named,
                )  # fmt: skip
                taken = _Intake(connection, kind, list_id, at).take(_spooled(spool), period, complete, instead_of)
                add_event(
                    connection, who, "list_imported", list_id, kind=kind, added=taken.added, changed=taken.changed,
                    same=taken.same, gone=taken.gone,
                )  # fmt: skip
        return taken

    def lists(self) -> list[ListRow]:
        """Every list that was imported and not withdrawn, the newest first."""
        x, p = t.lists.c, t.cases.c
        counting = sa.select(sa.func.count()).where(p.list == x.id, p.replaced_at.is_(None)).scalar_subquery()
        query = sa.select(x.id, x.name, x.kind, x.rows, counting.label("counting"), x.imported_at, x.imported_by)
        with self.database.read() as connection:
            rows = connection.execute(query.where(_standing()).order_by(x.imported_at.desc(), x.id)).mappings()
            return [ListRow(**{**row, "kind": ListKind(row["kind"])}) for row in rows]

    def withdraw(self, list_id: str, units: Collection[str] | None, *, who: str, why: str) -> tuple[int, int]:
        """The rows of a list count no longer, and what it had replaced counts again: (rows ended, rows that count again). Reports
        made before keep their figures. `list_id`: the first letters do; `units`: agencies whose rows may be withdrawn, all when
        None.

        Raises NotFound, NotAllowed, NotAllowedNow when a later list already replaced some of its rows.
        """
        x, p, m = t.lists.c, t.cases.c, t.matches.c
        with self.database.write() as connection:
            found = connection.execute(
                sa.select(x.id, x.imported_at, x.kind).where(x.id.startswith(list_id, autoescape=True), _standing())
            ).all()
            if len(found) != 1:
                raise NotFound(list_id)
            (row,) = found
            list_id = row.id
            own = p.list == list_id
            if units is not None and connection.scalar(
                sa.select(p.id).where(own, p.unit.not_in(sorted(units))).limit(1)
            ):
                raise NotAllowed(list_id)
            if connection.scalar(sa.select(p.id).where(own, p.replaced_at.is_not(None)).limit(1)):
                raise NotAllowedNow("a later list replaced rows of this one; withdraw that one first")
            at = now()
            ended = m.ended_at.is_(None) & m.case.in_(sa.select(p.case).where(own))
            connection.execute(t.matches.update().where(ended).values(ended_at=at))
            gone = connection.execute(t.cases.update().where(own).values(replaced_at=at)).rowcount
            # What ended in the moment of the import ended by it. A row of its own, for it did not count in between.
            kept = [column for column in t.cases.c if column.name not in ("id", "added_at", "replaced_at")]
            before = (p.replaced_at == row.imported_at) & (p.kind_of_list == row.kind)
            again = connection.scalar(sa.select(sa.func.count()).where(before))
            rows = sa.select(sa.literal(at, p.added_at.type), *kept).where(before).order_by(p.id)
            names = ["added_at", *(column.name for column in kept)]
            connection.execute(t.cases.insert().from_select(names, rows))
            connection.execute(t.lists.update().where(x.id == list_id).values(withdrawn_at=at))
            add_event(connection, who, "list_withdrawn", list_id, why=why, gone=gone, again=again)
        return gone, again

    def cases(
        self,
        *,
        kind: ListKind | None = None,
        units: Iterable[str] | None = None,
        unmatched: bool = False,
        as_of: datetime | None = None,
    ) -> Iterator[CaseRow]:
        """Rows that count at a moment (now when None), in the order they came; `unmatched`: without a sure or confirmed record."""
        c = t.cases.c
        query = sa.select(t.cases).where(counts_at(as_of)).order_by(c.id)
        if kind is not None:
            query = query.where(c.kind_of_list == kind)
        if units is not None:
            query = query.where(c.unit.in_(sorted(units)))
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


def insert_list(
    connection: sa.Connection,
    list_id: str,
    at: datetime,
    *,
    name: str,
    sha256: str,
    kind: str,
    columns: Mapping[str, str],
    rows: int,
    object: dict | None,
    who: str,
    headings: Sequence[str],
    period: tuple[date, date] | None = None,
    named: Mapping[str, str] | None = None,
) -> None:
    """The file itself; `named`: columns that people named, kept for the next list with these headings."""
    connection.execute(
        t.lists.insert().values(
            id=list_id, name=name, sha256=sha256, object=object, kind=kind, columns=dict(columns), rows=rows,
            first=period and period[0].isoformat(), last=period and period[1].isoformat(), outcome={}, imported_at=at,
            imported_by=who,
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


# --- one file into the table of rows ---------------------------------------------------------------------------------
_incoming = sa.Table(
    "plan_incoming",
    sa.MetaData(),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("row", sa.Integer),
    *(sa.Column(name, sa.Text) for name in _SPOOLED[2:]),
    # Of the row that is known of the same dossier.
    sa.Column("case", sa.BigInteger),
    sa.Index("ix_plan_incoming_identity", "identity"),
    prefixes=["TEMPORARY"],
)


class _Intake:
    """The rows go into a table of their own first; the databases then compare them as a whole, which takes seconds where asking
    for each took minutes."""

    def __init__(self, connection: sa.Connection, kind: ListKind, list_id: str, at: datetime) -> None:
        self.connection, self.kind, self.list, self.at = connection, kind, list_id, at
        self.postgres = connection.dialect.name == "postgresql"

    def take(
        self, rows: Iterator[list[tuple]], period: tuple[date, date] | None, complete: bool, instead_of: str | None
    ) -> Taken:
        connection, i, p = self.connection, _incoming.c, t.cases.c
        if self.postgres:
            # One import after another: two at once would give the same ids, and the same dossier twice.
            connection.execute(sa.text("LOCK TABLE plan_cases IN SHARE ROW EXCLUSIVE MODE"))
        _incoming.create(connection, checkfirst=False)
        self._load(rows)
        gone, shown = self._end_gone(period, complete, instead_of) if complete or instead_of else (0, ())
        same = connection.execute(
            _incoming.delete().where(
                sa.exists().where(p.identity == i.identity, p.replaced_at.is_(None), p.content == i.content)
            )
        ).rowcount
        known = sa.select(p.case).where(p.identity == i.identity, p.replaced_at.is_(None)).scalar_subquery()
        connection.execute(_incoming.update().values(case=known))
        changed = connection.scalar(sa.select(sa.func.count()).where(i.case.is_not(None)))
        if changed:
            self._unmatch_changed()
            ended = t.cases.update().where(
                p.replaced_at.is_(None), p.identity.in_(sa.select(i.identity).where(i.case.is_not(None)))
            )
            connection.execute(ended.values(replaced_at=self.at))
        added = connection.scalar(sa.select(sa.func.count()).select_from(_incoming)) - changed
        self._insert()
        _incoming.drop(connection, checkfirst=False)
        return Taken(self.list, added, changed, same, gone, shown)

    def _load(self, chunks: Iterator[list[tuple]]) -> None:
        names = ", ".join(_SPOOLED)
        if self.postgres:
            cursor = self.connection.connection.cursor()
            with cursor.copy(f"COPY plan_incoming ({names}) FROM STDIN") as copy:  # ten times as fast as INSERT
                for chunk in chunks:
                    for row in chunk:
                        copy.write_row(row)
            self.connection.execute(sa.text("ANALYZE plan_incoming"))
            return
        places = ", ".join("?" * len(_SPOOLED))
        for chunk in chunks:
            self.connection.exec_driver_sql(f"INSERT INTO plan_incoming ({names}) VALUES ({places})", chunk)

    def _insert(self) -> None:
        i, connection = _incoming.c, self.connection
        base = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(t.cases.c.id), 0)))
        rows = sa.select(
            i.seq + base, sa.func.coalesce(i.case, i.seq + base), sa.literal(self.kind.value), sa.literal(self.list),
            sa.literal(self.at, t.cases.c.added_at.type), *(i[name] for name in _SPOOLED[1:]),
        ).order_by(i.seq)  # fmt: skip
        names = ("id", "case", "kind_of_list", "list", "added_at", *_SPOOLED[1:])
        connection.execute(t.cases.insert().from_select(names, rows))
        if self.postgres:
            # Ids were given here, so the sequence has to be told.
            last = "SELECT setval(pg_get_serial_sequence('plan_cases', 'id'), max(id)) FROM plan_cases"
            connection.execute(sa.text(last))

    def _unmatch_changed(self) -> None:
        """What the matcher found for a row that now says something else; what a person confirmed stays."""
        i, p, m = _incoming.c, t.cases.c, t.matches.c
        other = sa.or_(*(p[name].is_distinct_from(i[name]) for name in _COMPARED))
        cases = sa.select(i.case).where(p.case == i.case, p.replaced_at.is_(None), other)
        self.connection.execute(
            t.matches.update().where(m.state == "sure", m.ended_at.is_(None), m.case.in_(cases)).values(ended_at=self.at)
        )

    def _end_gone(
        self, period: tuple[date, date] | None, complete: bool, instead_of: str | None
    ) -> tuple[int, tuple[str, ...]]:
        i, p, m = _incoming.c, t.cases.c, t.matches.c
        of_units = p.unit.in_(sa.select(i.unit).distinct()) if complete else sa.false()
        if self.kind is ListKind.DOSSIERS and period is not None:
            first, last = (day.isoformat() for day in period)
            of_units &= (p.received <= last) & (p.finished.is_(None) | (p.finished >= first))
        gone = sa.and_(
            p.kind_of_list == self.kind,
            p.replaced_at.is_(None),
            p.identity.not_in(sa.select(i.identity)),
            of_units | (p.list == instead_of) if instead_of else of_units,
        )
        shown = [
            row.dossier_code or "/".join(filter(None, (row.number, row.symbol))) or f"#{row.case}"
            for row in self.connection.execute(
                sa.select(p.case, p.dossier_code, p.number, p.symbol).where(gone).order_by(p.id).limit(GONE_SHOWN)
            )
        ]
        ending = t.matches.update().where(m.ended_at.is_(None), m.case.in_(sa.select(p.case).where(gone)))
        self.connection.execute(ending.values(ended_at=self.at))
        ended = self.connection.execute(t.cases.update().where(gone).values(replaced_at=self.at))
        return ended.rowcount, tuple(shown)


def _standing() -> sa.ColumnElement[bool]:
    return t.lists.c.withdrawn_at.is_(None) & (t.lists.c.kind != TOTALS)


def _spool(cases: Iterable[Case], kind: ListKind, spool) -> int:
    count, coming = 0, iter(cases)
    while chunk := list(islice(coming, CHUNK)):
        pickle.dump([_values(case, kind, count + at) for at, case in enumerate(chunk, 1)], spool, pickle.HIGHEST_PROTOCOL)
        count += len(chunk)
    return count


def _spooled(spool) -> Iterator[list[tuple]]:
    while True:
        try:
            yield pickle.load(spool)  # noqa: S301 - written above, in a file that has no name
        except EOFError:
            return


def _headings(headings: Sequence[str]) -> str:
    return "|".join(fold_words(heading) for heading in headings)


def one_form(dossier_code: str) -> str:
    """A dossier code with its agency in the form of QĐ 20/2020/QĐ-TTg: `000.00.12.H26-201009-0001` is `H26.12-201009-0001`."""
    agency, dash, rest = dossier_code.upper().partition("-")
    return f"{code_forms(agency)[-1]}{dash}{rest}" if agency[:3].isdigit() else dossier_code.upper()


def identity_of(case: Case, kind: ListKind) -> str:
    """What makes two rows the same thing: the dossier (and in a list of results its result), else paper, day and owner."""
    if case.dossier_code:
        parts = [kind, one_form(case.dossier_code), fold_words(case.number or "") if kind is ListKind.RESULTS else ""]
    else:
        parts = [
            kind, case.unit, case.kind or "", fold_words(f"{case.number or ''} {case.symbol or ''}"), str(case.issued),
            case.owner_id or fold_words(case.owner or ""),
        ]  # fmt: skip
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _values(case: Case, kind: ListKind, seq: int) -> tuple:
    """In the order of `_SPOOLED`."""
    texts = [getattr(case, name) for name in _TEXTS]
    days = [day.isoformat() if (day := getattr(case, name)) else None for name in _DAYS]
    texts = [str(text) if text is not None else None for text in texts]
    content = hashlib.sha256("\x1f".join(text or "" for text in (*texts, *days)).encode()).hexdigest()
    return (seq, case.row, identity_of(case, kind), content, *texts, *days)


def _case(row: Mapping) -> Case:
    values = {name: row[name] for name in _TEXTS}
    values |= {name: date.fromisoformat(row[name]) if row[name] else None for name in _DAYS}
    values |= {"level": Level(row["level"]), "channel": Channel(row["channel"]), "row": row["row"]}
    return Case(**values)
