"""Scheduled reports: the month, quarter or year that has just ended, filed in the archive."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.plan import Plan
from flows.plan_figures import period_of
from flows.report import make_report
from flows.report_tables import headline, title
from flows.review import open_desk
from schemas.errors import WrongUse
from schemas.settings import load_settings
from schemas.zone import VIETNAM


def last_ended(every: str, today: date) -> str:
    """Name of the newest month, quarter or year that is over on a day. Raises WrongUse."""
    if every == "year":
        return str(today.year - 1)
    if every == "quarter":
        quarter = (today.month - 1) // 3
        return f"{today.year}Q{quarter}" if quarter else f"{today.year - 1}Q4"
    if every == "month":
        return f"{today.year}-{today.month - 1:02d}" if today.month > 1 else f"{today.year - 1}-12"
    raise WrongUse(f"every {every}: month, quarter, year")


@flow(name="report", persist_result=False)
def report_flow(home: str = "sohoa-data", every: str = "quarter", period: str | None = None) -> str:
    """Files the report of a period (by its name, or the newest that has ended); the id of the report."""
    settings = load_settings(Path(home))
    wanted = period_of(period or last_ended(every, datetime.now(VIETNAM).date()))
    with open_desk(settings) as desk:
        made = make_report(Plan(settings, desk.catalogue, desk.store, "prefect"), wanted)
    create_table_artifact(
        [{"Số liệu": name, "Giá trị": value} for name, value in headline(made.figures)],
        key="bao-cao",
        description=title(made.figures),
    )
    return made.row.id
