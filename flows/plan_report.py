"""Making a report, filing it in the archive like any other document, and making it again later from the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.plan import Plan, Told, _quiet
from flows.plan_figures import figures
from schemas.errors import WrongUse
from schemas.plan import Period
from schemas.plan_report import ReportFigures
from storage.fold import fold_words
from storage.plan.reports import PlanReports, ReportRow, new_report_id

FORMATS = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}


@dataclass(frozen=True)
class Made:
    row: ReportRow
    figures: ReportFigures
    files: dict[str, bytes]


def render(made: ReportFigures, form: str) -> bytes:
    """One of FORMATS. Raises WrongUse, MissingProgram without a font."""
    if form == "pdf":
        from flows.report_pdf import report_pdf as write
    elif form == "xlsx":
        from flows.report_xlsx import report_xlsx as write
    elif form == "html":
        from flows.report_page import report_page as write
    elif form == "csv":
        from flows.report_csv import report_csv as write
    else:
        raise WrongUse(f"--format {form}: {', '.join(FORMATS)}")
    return write(made)


def make_report(
    plan: Plan,
    period: Period,
    *,
    units: Collection[str] | None = None,
    as_of: datetime | None = None,
    formats: Sequence[str] = tuple(FORMATS),
    told: Told = _quiet,
) -> Made:
    """Figures of a period in the wanted formats, filed under `reports/` in the store and in the catalogue."""
    as_of = as_of or datetime.now(UTC)
    found = figures(plan, period, as_of=as_of, units=units, told=told)
    report_id = new_report_id()
    files, objects = {}, {}
    for form in formats:
        told(form, 0)
        files[form] = render(found, form)
        key = f"reports/{report_id}/{file_name(found)}.{form}"
        objects[form] = plan.store.put(key, files[form], media_type=FORMATS[form]).model_dump()
    row = PlanReports(plan.catalogue).filed(
        period, units, as_of, fingerprint(found), objects, report_id=report_id, who=plan.who
    )
    return Made(row, found, files)


def again(plan: Plan, row: ReportRow) -> tuple[ReportFigures, bool]:
    """The figures of a filed report computed anew for its moment, and whether they are the same."""
    period = Period.model_validate({"label": row.label, "first": row.first, "last": row.last})
    found = figures(plan, period, as_of=row.as_of, units=row.units or None)
    return found, fingerprint(found) == row.figures_sha256


def fingerprint(found: ReportFigures) -> str:
    """SHA-256 of the counts. Names of offices and kinds may be written otherwise later and do not count."""
    bare = found.model_dump_json(exclude={"office": True, "notes": True, "plan": {"__all__": {"unit_name", "kind_name"}},
                                          "dossiers": {"__all__": {"unit_name"}}, "dossiers_before": {"__all__": {"unit_name"}},
                                          "forecasts": {"__all__": {"unit_name"}}})  # fmt: skip
    return hashlib.sha256(bare.encode()).hexdigest()


def file_name(found: ReportFigures) -> str:
    """`bao-cao-quy-ii-2022`: readable, ASCII."""
    return "bao-cao-" + fold_words(found.period.label).replace(" ", "-")


def write_files(made: Made, folder: Path) -> list[Path]:
    """The files beside each other; none is overwritten with other content without a new name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for form, data in made.files.items():
        path = folder / f"{file_name(made.figures)}.{form}"
        if path.exists() and path.read_bytes() != data:
            path = folder / f"{file_name(made.figures)}-{made.row.id[:8]}.{form}"
        path.write_bytes(data)
        paths.append(path)
    return paths
