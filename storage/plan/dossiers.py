"""Dossiers of a period, counted from the rows of the lists. Terms are judged on the last day of the period, or on the day of
`as_of` while the period still runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from schemas.plan import CaseState, Channel, Level, ListKind, Period
from schemas.plan_report import DossierFigures, Urgent
from schemas.zone import VIETNAM
from storage.plan import tables as t
from storage.plan.moments import count_if, counts_at

_c = t.cases.c


def judged_on(period: Period, as_of: datetime) -> date:
    """The day on which a term counts as over or not."""
    return min(period.last, as_of.astimezone(VIETNAM).date())


@dataclass(frozen=True)
class Part:
    """Dossiers of one unit, level, sector and procedure. Counted once in the database, put together here in every way that a
    report asks for: to count them again for each took four times as long."""

    unit: str
    level: str
    sector: str
    """"" where none is written."""
    procedure: str | None
    counts: Mapping[str, int]


def parts(
    connection: sa.Connection,
    period: Period,
    as_of: datetime,
    *,
    units: Collection[str] | None = None,
    nearly_late_days: int,
) -> list[Part]:
    key = (_c.unit, _c.level, _c.sector, _c.procedure)  # in the order of their index: nothing is sorted
    query = _of_period(sa.select(*key, *_counts(period, as_of, nearly_late_days)), period, as_of, units).group_by(*key)
    rows = ((*row[: len(key)], row._mapping) for row in connection.execute(query))
    return [
        Part(unit, level, sector or "", procedure, {name: int(counts[name] or 0) for name in _COUNTED})
        for unit, level, sector, procedure, counts in rows
    ]


def by_unit(found: Collection[Part], names: Mapping[str, str]) -> list[DossierFigures]:
    """Figures of each unit and level, in the order of their codes."""
    return [
        DossierFigures(unit=unit, unit_name=names.get(unit, unit), level=Level(level), **counts)
        for (unit, level), counts in _summed(found, lambda part: (part.unit, part.level))
    ]


def by_level(found: Collection[Part]) -> list[DossierFigures]:
    """Figures of each level, all its units together: procedures are counted once."""
    return [
        DossierFigures(unit="", unit_name="", level=Level(level), **counts)
        for level, counts in _summed(found, lambda part: part.level)
    ]


def by_sector(found: Collection[Part]) -> list[DossierFigures]:
    """Figures of each sector over all units."""
    return [
        DossierFigures(unit="", unit_name="", level=None, sector=sector or "(không ghi)", **counts)
        for sector, counts in _summed(found, lambda part: part.sector)
    ]


def _summed(found: Collection[Part], key: Callable[[Part], Any]) -> Iterator[tuple[Any, dict[str, int]]]:
    groups: dict[Any, list[Part]] = {}
    for part in found:
        groups.setdefault(key(part), []).append(part)
    for name, some in sorted(groups.items()):
        counts = {count: sum(part.counts[count] for part in some) for count in _COUNTED}
        yield name, counts | {"procedures": len({part.procedure for part in some} - {None})}


def urgent(
    connection: sa.Connection,
    period: Period,
    as_of: datetime,
    *,
    units: Collection[str] | None = None,
    nearly_late_days: int,
    limit: int = 200,
) -> list[Urgent]:
    """Open dossiers over their term or about to be, the most urgent first."""
    day = judged_on(period, as_of)
    soon = (day + timedelta(days=nearly_late_days)).isoformat()
    query = _of_period(sa.select(_c.dossier_code, _c.unit, _c.due), period, as_of, units).where(
        _open_at(day), _c.due <= soon, _c.dossier_code.is_not(None)
    )
    rows = connection.execute(query.order_by(_c.due, _c.dossier_code).limit(limit))
    return [Urgent(dossier_code=row.dossier_code, unit=row.unit, due=date.fromisoformat(row.due)) for row in rows]


def _of_period(
    query: sa.Select, period: Period, as_of: datetime, units: Collection[str] | None
) -> sa.Select:
    """Dossiers received until the end of the period and not finished before it began."""
    query = query.where(
        _c.kind_of_list == ListKind.DOSSIERS,
        counts_at(as_of),
        _c.received <= period.last.isoformat(),
        _c.finished.is_(None) | (_c.finished >= period.first.isoformat()),
    )
    return query if units is None else query.where(_c.unit.in_(sorted(units)))


def _open_at(last: date) -> sa.ColumnElement[bool]:
    # A dossier finished after the period was still open at its end, whatever is known of it since.
    return _c.finished.is_(None) | (_c.finished > last.isoformat())


def _counts(period: Period, as_of: datetime, nearly_late_days: int) -> list[sa.ColumnElement]:
    day = judged_on(period, as_of)
    first, last = period.first.isoformat(), day.isoformat()
    soon = (day + timedelta(days=nearly_late_days)).isoformat()
    new = _c.received >= first
    still_open = _open_at(day)
    resolved = ~still_open & (_c.state == CaseState.RESOLVED)
    conditions = (
        ~new,
        new,
        new & (_c.channel == Channel.ONLINE),
        new & (_c.channel == Channel.DIRECT),
        new & (_c.channel == Channel.POST),
        resolved & (_c.finished < _c.due),
        resolved & (_c.due.is_(None) | (_c.finished == _c.due)),
        resolved & (_c.finished > _c.due),
        ~still_open & (_c.state == CaseState.REFUSED),
        ~still_open & (_c.state == CaseState.WITHDRAWN),
        still_open & (_c.due.is_(None) | (_c.due >= last)),
        still_open & (_c.due < last),
        still_open & (_c.due >= last) & (_c.due <= soon),
    )
    return [count_if(condition).label(name) for name, condition in zip(_COUNTED, conditions, strict=True)]


_COUNTED = (
    "carried", "received", "online", "direct", "post", "resolved_early", "resolved_on_day", "resolved_late", "refused",
    "withdrawn", "in_progress_in_time", "in_progress_late", "nearly_late",
)  # fmt: skip
"""What is counted of DossierFigures, in the order of `_counts`."""
