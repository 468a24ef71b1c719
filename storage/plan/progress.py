"""How far the plan is: records by unit and kind, counted from the catalogue as it was known at a moment; totals and targets as
people entered them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow, NotFound, WrongUse
from schemas.plan import Level, ListKind, Target, Total
from storage.catalogue import tables as c
from storage.catalogue.database import Database
from storage.catalogue.events import add_event, now
from storage.plan import tables as t
from storage.plan.lists import counts_at, matched
from storage.reuse.tables import reuses

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


def reached(
    connection: sa.Connection, as_of: datetime, *, since: datetime | None = None
) -> dict[tuple[str, str], Reached]:
    """(unit, kind) → records that existed at `as_of`; with `since` only those scanned from then on."""
    d, b, v = c.documents.c, c.batches.c, c.document_versions.c
    base = sa.select(b.unit, d.type.label("kind"), sa.func.count().label("count")).select_from(
        c.documents.join(c.batches, b.id == d.batch)
    )
    if since is not None:
        base = base.where(d.created > since)
    base = base.where(in_use_at(as_of)).group_by(b.unit, d.type)
    one = {
        "digitised": base,
        "signed": base.where(sa.exists().where(v.document == d.id, v.why.in_(SIGNED), v.made <= as_of)),
        "archived": base.where(d.id.in_(_with_event("archived", as_of))),
        "synchronised": base.where(d.id.in_(_with_event(SYNCHRONISED, as_of))),
        "reused": base.where(d.id.in_(sa.select(reuses.c.document).where(reuses.c.at <= as_of))),
    }
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, query in one.items():
        for row in connection.execute(query):
            found.setdefault((row.unit or "", row.kind), {})[name] = row.count
    return {key: Reached(**counts) for key, counts in found.items()}


def in_use_at(as_of: datetime) -> sa.ColumnElement[bool]:
    """Records that existed at a moment and were not yet set aside: a later rejection does not change an earlier report."""
    d, e = c.documents.c, c.events.c
    later = sa.select(e.object).where(e.what.in_(("document_rejected", "superseded")), e.at > as_of)
    in_use = ~d.superseded & (d.status != DocumentStatus.REJECTED)
    return (d.created <= as_of) & (in_use | d.id.in_(later))


def _with_event(what: str, as_of: datetime) -> sa.Select:
    e = c.events.c
    return sa.select(e.object).where(e.what == what, e.at <= as_of)


def listed(connection: sa.Connection, as_of: datetime) -> dict[tuple[str, str], tuple[int, int]]:
    """(unit, kind) → rows of lists of results still in force that day, and those of them without a record."""
    p = t.cases.c
    day = as_of.date().isoformat()
    rows = connection.execute(
        sa.select(
            p.unit,
            p.kind,
            sa.func.count().label("count"),
            sa.func.sum(sa.case((matched(as_of), 0), else_=1)).label("missing"),
        )
        .where(
            p.kind_of_list == ListKind.RESULTS,
            counts_at(as_of),
            p.in_force_until.is_(None) | (p.in_force_until >= day),
        )
        .group_by(p.unit, p.kind)
    )
    return {(row.unit, row.kind or ""): (row.count, int(row.missing)) for row in rows}


class PlanTotals:
    """Totals in force and targets. One person enters a total, another approves it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def enter(
        self, year: int, unit: str, sector: str, kind: str, count: int, *, source: str, who: str
    ) -> None:
        """A total that waits for approval; an earlier one that waits is replaced. Raises WrongUse for less than nothing."""
        if count < 0:
            raise WrongUse(f"{count}: a total is not below 0")
        at = now()
        with self.database.write() as connection:
            x = t.totals.c
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

    def approve(self, year: int, unit: str | None = None, *, who: str) -> int:
        """Approves what waits of a year (of one unit); how many. Nobody approves what they entered themselves."""
        at = now()
        x = t.totals.c
        waiting = (x.year == year) & x.approved_at.is_(None) & x.replaced_at.is_(None)
        if unit is not None:
            waiting &= x.unit == unit
        with self.database.write() as connection:
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
            add_event(connection, who, "totals_approved", unit or "", year=year, totals=len(rows))
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
        at = now()
        x = t.targets.c
        same = sa.and_(
            *(x[name].is_not_distinct_from(getattr(target, name)) for name in ("year", "level", "unit", "sector", "kind"))
        )
        with self.database.write() as connection:
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
