"""How far the plan is: records by unit and kind, counted from the catalogue as it was known at a moment; totals and targets as
people entered them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow, NotFound, WrongUse
from schemas.plan import Level, ListKind, Target, Total
from schemas.zone import VIETNAM
from storage.catalogue import tables as c
from storage.catalogue.database import Database
from storage.catalogue.events import add_event, now
from storage.plan import tables as t
from storage.plan.moments import SET_ASIDE, count_if, counts_at, in_use_at, matched, taken_at

SIGNED = ("signed by scanning clerk and agency", "arrived signed")
"""Reasons (`document_versions.why`) of versions that bear the signatures of a digitised record."""
SYNCHRONISED = "synchronised"
"""Event of a record handed to the Kho of its owner on Cổng DVCQG (NĐ 45/2020 Đ14 k3)."""


@dataclass(frozen=True)
class Reached:
    """Records of one unit and kind."""

    digitised: int = 0
    signed: int = 0
    archived: int = 0
    synchronised: int = 0
    reused: int = 0

    def __add__(self, other: Reached) -> Reached:
        return Reached(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: Reached) -> Reached:
        return Reached(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))


def reached(
    connection: sa.Connection, as_of: datetime, *, by_sector: Collection[str] | None = None
) -> dict[tuple[str, str, str], Reached]:
    """(unit, sector, kind) → records that existed at `as_of`.

    A record bears no sector: it is "" in all, and with `by_sector` (kinds) that of the row it is matched with, of those
    kinds and with such a row only.
    """
    d = c.documents.c
    source: sa.FromClause = c.documents
    by: list[sa.ColumnElement] = [d.batch, d.type]
    if by_sector is not None:
        m, p = t.matches.c, t.cases.c
        source = source.join(
            t.matches, (m.document == d.id) & (m.kind_of_list == ListKind.RESULTS) & taken_at(as_of)
        ).join(t.cases, (p.case == m.case) & counts_at(as_of))
        by.append(sa.func.coalesce(p.sector, ""))
    # By batch, as the index has them: it need not be sorted. Units are put together below.
    base = sa.select(*by).select_from(source).where(in_use_at(as_of)).group_by(*by)
    if by_sector is not None:
        base = base.where(d.type.in_(sorted(by_sector)))
    query = base.add_columns(
        sa.func.count(),
        count_if(d.signed_at <= as_of),
        count_if(archived_at(as_of)),
        count_if(d.synchronised_at <= as_of),
        count_if(d.reused_at <= as_of),
    )
    units = dict(connection.execute(sa.select(c.batches.c.id, c.batches.c.unit)).all())
    found: dict[tuple[str, str, str], list[int]] = {}
    for batch, kind, *rest in connection.execute(query):
        sector = rest.pop(0) if by_sector is not None else ""
        line = found.setdefault((units[batch] or "", sector, kind), [0] * len(rest))
        for at, count in enumerate(rest):  # in the order of Reached
            line[at] += int(count)
    return {key: Reached(*line) for key, line in found.items()}


def recorded(connection: sa.Connection, since: datetime, as_of: datetime) -> dict[tuple[str, str], int]:
    """(unit, kind) → records in use that were recorded after `since`."""
    d, b = c.documents.c, c.batches.c
    unit = sa.func.coalesce(b.unit, "")
    query = (
        sa.select(unit, d.type, sa.func.count())
        .select_from(c.documents.join(c.batches, b.id == d.batch))
        .where(in_use_at(as_of), d.created > since)
        .group_by(unit, d.type)
    )
    return {(unit, kind): count for unit, kind, count in connection.execute(query)}


def archived_at(as_of: datetime) -> sa.ColumnElement[bool]:
    """Records that lay in the archive at a moment, told from their state now and what happened since: that is little, where
    all that ever happened is much."""
    d = c.documents.c
    later, before = (sa.alias(c.events) for _ in range(2))
    since = sa.select(later.c.object).where(later.c.what == "archived", later.c.at > as_of)
    earlier = sa.exists().where(before.c.object == later.c.object, before.c.what == "archived", before.c.at <= as_of)
    is_archived = (d.status == DocumentStatus.ARCHIVED) & d.id.not_in(since.where(~earlier))
    set_aside = sa.select(later.c.object).where(later.c.what.in_(SET_ASIDE), later.c.at > as_of)
    return is_archived | d.id.in_(set_aside.where(earlier))


def listed(connection: sa.Connection, as_of: datetime) -> dict[tuple[str, str, str], tuple[int, int]]:
    """(unit, sector, kind) → rows of lists of results still in force that day, and those of them without a record."""
    p = t.cases.c
    day = as_of.astimezone(VIETNAM).date().isoformat()
    by = (p.unit, p.sector, p.kind)
    query = (
        sa.select(*by, sa.func.count(), count_if(~matched(as_of)))
        .where(
            p.kind_of_list == ListKind.RESULTS, counts_at(as_of), p.in_force_until.is_(None) | (p.in_force_until >= day)
        )
        .group_by(*by)
    )
    found: dict[tuple[str, str, str], tuple[int, int]] = {}
    for unit, sector, kind, rows, missing in connection.execute(query):
        key = (unit, sector or "", kind or "")
        before = found.get(key, (0, 0))
        found[key] = (before[0] + rows, before[1] + int(missing))
    return found


def not_synchronised(
    connection: sa.Connection, units: Collection[str] | None = None, *, simulated_counts: bool
) -> list[str]:
    """Archived records that bear their signatures and did not reach the Kho, the oldest first; of batches of these units.
    `simulated_counts`: what the simulator took counts as sent."""
    d, b = c.documents.c, c.batches.c
    query = (
        sa.select(d.id)
        .select_from(c.documents.join(c.batches, b.id == d.batch))
        .where(
            d.status == DocumentStatus.ARCHIVED,
            in_use_at(None),
            d.signed_at.is_not(None),
            d.id.not_in(sa.select(c.events.c.object).where(_sent(simulated_counts))),
        )
        .order_by(d.created, d.id)
    )
    if units is not None:
        query = query.where(sa.func.coalesce(b.unit, "").in_(sorted(units)))
    return list(connection.scalars(query))


def synchronised(connection: sa.Connection, document: str, *, simulated_counts: bool) -> bool:
    e = c.events.c
    return connection.scalar(sa.select(e.id).where(e.object == document, _sent(simulated_counts)).limit(1)) is not None


def _sent(simulated_counts: bool) -> sa.ColumnElement[bool]:
    e = c.events.c
    sent = e.what == SYNCHRONISED
    return sent if simulated_counts else sent & ~sa.func.coalesce(e.detail["simulated"].as_boolean(), sa.false())


def simulated(connection: sa.Connection, as_of: datetime) -> int:
    """Records that only the simulator of the Kho took."""
    e = c.events.c
    real = _sent(False) & (e.at <= as_of)
    marked = sa.literal_column(f"what = '{SYNCHRONISED}'"), sa.text(t.SIMULATED[connection.dialect.name]), e.at <= as_of
    by_simulator = connection.scalars(sa.select(e.object).where(*marked).distinct()).all()
    # Asked one by one only where there is one: an office that reached the Kho has hundreds of thousands of the others.
    return sum(
        connection.scalar(sa.select(e.id).where(e.object == document, real).limit(1)) is None for document in by_simulator
    )


class PlanTotals:
    """Totals in force and targets. One person enters a total, another approves it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def enter(
        self, year: int, unit: str, sector: str, kind: str, count: int, *, source: str, who: str
    ) -> None:
        """A total that waits for approval; an earlier one that waits is replaced. Raises WrongUse for less than nothing."""
        with self.database.write() as connection:
            enter_totals(connection, year, [(unit, sector, kind, count)], source=source, who=who)

    def approve(self, year: int, units: Collection[str] | None = None, *, who: str) -> int:
        """Approves what waits of a year (of these units); how many. Nobody approves what they entered themselves."""
        x = t.totals.c
        waiting = (x.year == year) & x.approved_at.is_(None) & x.replaced_at.is_(None)
        if units is not None:
            waiting &= x.unit.in_(sorted(units))
        with self.database.write() as connection:
            at = now()
            rows = connection.execute(sa.select(t.totals).where(waiting)).mappings().all()
            if not rows:
                raise NotFound(f"no total of {year} waits for approval")
            own = [row for row in rows if row["entered_by"] == who]
            if own:
                raise NotAllowedNow(f"{who} entered {len(own)} of these totals; somebody else approves them")
            for row in rows:
                line = (
                    (x.year == year) & (x.unit == row["unit"]) & (x.sector == row["sector"]) & (x.kind == row["kind"])
                )
                connection.execute(
                    t.totals.update()
                    .where(line, x.approved_at.is_not(None), x.replaced_at.is_(None))
                    .values(replaced_at=at)
                )
                connection.execute(
                    t.totals.update().where(x.id == row["id"]).values(approved_by=who, approved_at=at)
                )
            for unit in sorted({row["unit"] for row in rows}):
                add_event(
                    connection, who, "totals_approved", unit, year=year, totals=sum(row["unit"] == unit for row in rows)
                )
        return len(rows)

    def totals(self, year: int, as_of: datetime, *, waiting: bool = False) -> list[Total]:
        """Totals that counted at a moment (or wait for approval)."""
        x = t.totals.c
        query = sa.select(t.totals).where(
            x.year == year, x.replaced_at.is_(None) | (x.replaced_at > as_of)
        )
        query = query.where(x.approved_at.is_(None)) if waiting else query.where(x.approved_at <= as_of)
        names = Total.model_fields
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(x.unit, x.sector, x.kind)).mappings()
            return [Total(**{name: row[name] for name in names}) for row in rows]

    def set_target(self, target: Target, *, who: str) -> None:
        """From now on; the earlier one of the same line stays on record."""
        x = t.targets.c
        same = sa.and_(
            *(x[name].is_not_distinct_from(getattr(target, name)) for name in ("year", "level", "unit", "sector", "kind"))
        )
        with self.database.write() as connection:
            at = now()
            connection.execute(t.targets.update().where(same, x.replaced_at.is_(None)).values(replaced_at=at))
            connection.execute(
                t.targets.insert().values(**target.model_dump(), entered_by=who, entered_at=at)
            )
            add_event(connection, who, "target_set", target.unit or "", year=target.year, percent=target.percent)

    def targets(self, year: int, as_of: datetime) -> list[Target]:
        x = t.targets.c
        query = sa.select(t.targets).where(
            x.year == year, x.entered_at <= as_of, x.replaced_at.is_(None) | (x.replaced_at > as_of)
        )
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(x.id)).mappings()
            return [Target(**{name: row[name] for name in Target.model_fields}) for row in rows]


def enter_totals(
    connection: sa.Connection, year: int, totals: Collection[tuple[str, str, str, int]], *, source: str, who: str
) -> None:
    """(unit, sector, kind, count): each waits for approval. Raises WrongUse for less than nothing."""
    x, at = t.totals.c, now()
    for unit, sector, kind, count in totals:
        if count < 0:
            raise WrongUse(f"{count}: a total is not below 0")
        line = (x.year == year) & (x.unit == unit) & (x.sector == sector) & (x.kind == kind)
        connection.execute(
            t.totals.update().where(line, x.approved_at.is_(None), x.replaced_at.is_(None)).values(replaced_at=at)
        )
        connection.execute(
            t.totals.insert().values(
                year=year, unit=unit, sector=sector, kind=kind, count=count, source=source, entered_by=who, entered_at=at
            )
        )
        add_event(connection, who, "total_entered", unit, year=year, kind=kind, count=count)


def target_for(
    targets: Collection[Target],
    *,
    year: int,
    unit: str,
    level: Level,
    sector: str,
    kind: str,
    default: Mapping[Level, tuple[float, str]],
) -> tuple[float | None, str]:
    """(percent, source) of the most particular target that fits a line; the level's default where none does."""
    fitting = [
        target
        for target in targets
        if target.year == year
        and target.unit in (None, unit)
        and target.level in (None, level)
        and target.sector in (None, sector)
        and target.kind in (None, kind)
    ]
    if fitting:
        best = max(
            fitting,
            key=lambda x: (x.unit is not None, x.kind is not None, x.sector is not None, x.level is not None),
        )
        return best.percent, best.source
    return default.get(level, (None, ""))
