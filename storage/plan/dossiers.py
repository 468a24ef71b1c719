"""Dossiers of a period, counted from the rows of the lists. Terms are judged on the last day of the period, or on the day of
`as_of` while the period still runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from schemas.plan import CaseState, Channel, Level, ListKind, Period
from schemas.plan_report import DossierFigures, Urgent
from storage.catalogue.batches import VIETNAM
from storage.plan import tables as t
from storage.plan.moments import counts_at

_c = t.cases.c


def judged_on(period: Period, as_of: datetime) -> date:
    """The day on which a term counts as over or not."""
    return min(period.last, as_of.astimezone(VIETNAM).date())


def dossiers(
    connection: sa.Connection,
    period: Period,
    as_of: datetime,
    *,
    units: Collection[str] | None = None,
    names: Mapping[str, str],
    nearly_late_days: int,
    by_sector: bool = False,
) -> list[DossierFigures]:
    """Figures of each unit and level, or of each sector over all units, in the order of their codes."""
    key = (_c.sector,) if by_sector else (_c.unit, _c.level)
    rows = connection.execute(
        _of_period(sa.select(*key, *_counts(period, as_of, nearly_late_days)), period, as_of, units).group_by(*key).order_by(*key)
    )
    return [_figures(row, names) for row in rows.mappings()]


def together(
    connection: sa.Connection,
    period: Period,
    as_of: datetime,
    *,
    units: Collection[str] | None = None,
    nearly_late_days: int,
) -> list[DossierFigures]:
    """Figures of each level, all its units together: procedures are counted once."""
    rows = connection.execute(
        _of_period(sa.select(_c.level, *_counts(period, as_of, nearly_late_days)), period, as_of, units)
        .group_by(_c.level)
        .order_by(_c.level)
    )
    return [_figures(row, {}) for row in rows.mappings()]


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
    conditions = {
        "carried": ~new,
        "received": new,
        "online": new & (_c.channel == Channel.ONLINE),
        "direct": new & (_c.channel == Channel.DIRECT),
        "post": new & (_c.channel == Channel.POST),
        "resolved_early": resolved & (_c.finished < _c.due),
        "resolved_on_day": resolved & (_c.due.is_(None) | (_c.finished == _c.due)),
        "resolved_late": resolved & (_c.finished > _c.due),
        "refused": ~still_open & (_c.state == CaseState.REFUSED),
        "withdrawn": ~still_open & (_c.state == CaseState.WITHDRAWN),
        "in_progress_in_time": still_open & (_c.due.is_(None) | (_c.due >= last)),
        "in_progress_late": still_open & (_c.due < last),
        "nearly_late": still_open & (_c.due >= last) & (_c.due <= soon),
    }
    sums = [sa.func.sum(sa.case((condition, 1), else_=0)).label(name) for name, condition in conditions.items()]
    return [*sums, sa.func.count(sa.distinct(_c.procedure)).label("procedures")]


def _figures(row: sa.RowMapping, names: Mapping[str, str]) -> DossierFigures:
    unit = row.get("unit") or ""
    counts = {name: int(row[name] or 0) for name in DossierFigures.model_fields if name in row and name not in _KEY}
    return DossierFigures(
        unit=unit,
        unit_name=names.get(unit, unit),
        level=Level(row["level"]) if row.get("level") else None,
        sector=row.get("sector") or ("(không ghi)" if "sector" in row else None),
        **counts,
    )


_KEY = {"unit", "unit_name", "level", "sector"}
