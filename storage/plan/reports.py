"""Reports that were made: which moment they speak of, where they lie, and what their figures hash to."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.errors import NotFound
from schemas.plan import Period
from storage.catalogue.database import Database
from storage.catalogue.events import add_event, now
from storage.plan import tables as t


@dataclass(frozen=True)
class ReportRow:
    id: str
    label: str
    first: str
    last: str
    units: list[str]
    as_of: datetime
    figures_sha256: str
    objects: dict[str, dict]
    """Format → object reference."""
    made_at: datetime
    made_by: str


class PlanReports:
    def __init__(self, database: Database) -> None:
        self.database = database

    def filed(
        self,
        period: Period,
        units: Collection[str] | None,
        as_of: datetime,
        figures_sha256: str,
        objects: Mapping[str, dict],
        *,
        report_id: str,
        who: str,
    ) -> ReportRow:
        values = {
            "id": report_id,
            "label": period.label,
            "first": period.first.isoformat(),
            "last": period.last.isoformat(),
            "units": sorted(units or ()),
            "as_of": as_of,
            "figures_sha256": figures_sha256,
            "objects": dict(objects),
            "made_at": now(),
            "made_by": who,
        }
        with self.database.write() as connection:
            connection.execute(t.reports.insert().values(**values))
            add_event(connection, who, "report_filed", report_id, first=values["first"], last=values["last"])
        return ReportRow(**values)

    def list(self, limit: int | None = 100) -> list[ReportRow]:
        """Newest first."""
        with self.database.read() as connection:
            rows = connection.execute(sa.select(t.reports).order_by(t.reports.c.made_at.desc()).limit(limit))
            return [ReportRow(**row) for row in rows.mappings()]

    def get(self, report_id: str) -> ReportRow:
        """By its id or the beginning of it. Raises NotFound."""
        with self.database.read() as connection:
            rows = connection.execute(
                sa.select(t.reports).where(t.reports.c.id.startswith(report_id, autoescape=True)).limit(2)
            ).mappings().all()  # fmt: skip
        if len(rows) != 1:
            raise NotFound(f"report {report_id}")
        return ReportRow(**rows[0])


def new_report_id() -> str:
    return uuid.uuid4().hex
