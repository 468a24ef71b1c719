"""Making a report, filing it in the archive like any other document, and making it again later from the same data."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Thread

from flows.chart_process import Charts
from flows.locks import REPORT, lock_of, put_locked
from flows.plan import Plan, Told, _quiet
from flows.plan_figures import figures
from flows.report_tables import Picture
from schemas.errors import NotFound, ObjectDamaged, WrongUse
from schemas.people_errors import NotAllowed
from schemas.plan import Period, PlanSettings
from schemas.plan_report import ReportFigures
from schemas.store import ObjectRef
from storage.fold import fold_words
from storage.plan.moments import settled_moment
from storage.plan.reports import PlanReports, ReportRow, new_report_id

FORMATS = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
_ORDER = ("csv", "pdf", "xlsx", "html")
"""In which formats are written while their charts are being drawn: a page needs them one after the other."""
_NEEDS = {"pdf": ("flows.report_pdf", "fpdf"), "xlsx": ("flows.report_xlsx", "openpyxl"), "html": ("flows.report_page", "jinja2")}
DATA = "json"
"""Filed with every report: its figures, and the settings they were made with."""


@dataclass(frozen=True)
class Made:
    row: ReportRow
    figures: ReportFigures
    files: dict[str, bytes]


def render(made: ReportFigures, form: str, picture: Picture | None = None) -> bytes:
    """One of FORMATS; charts are drawn here without `picture`. Raises WrongUse, MissingProgram without a font."""
    if form == "csv":
        from flows.report_csv import report_csv

        return report_csv(made)
    if picture is None:
        from flows.report_charts import chart

        picture = partial(chart, figures=made)
    if form == "pdf":
        from flows.report_pdf import report_pdf as write
    elif form == "xlsx":
        from flows.report_xlsx import report_xlsx as write
    elif form == "html":
        from flows.report_page import report_page as write
    else:
        raise WrongUse(f"--format {form}: {', '.join(FORMATS)}")
    return write(made, picture)


def _load(formats: Sequence[str]) -> None:
    """What `render` imports for these formats."""
    for form in formats:
        for module in _NEEDS.get(form, ()):
            with suppress(ImportError):  # told by `render`, where it is missed
                import_module(module)


def make_report(
    plan: Plan,
    period: Period,
    *,
    units: Collection[str] | None = None,
    as_of: datetime | None = None,
    formats: Sequence[str] = tuple(FORMATS),
    charts: Charts | None = None,
    told: Told = _quiet,
) -> Made:
    """Figures of a period in the wanted formats, filed under `reports/` in the store, locked as `[preserve] retention_of` has it
    for reports, and in the catalogue. Killed before the end, nothing is filed. `charts`: what draws them, where it was started
    before; it is ended here.

    Raises WrongUse, NotAllowed, CatalogueUnavailable when others write for longer than a minute.
    """
    if unknown := set(formats) - set(FORMATS):
        raise WrongUse(f"--format {', '.join(sorted(unknown))}: {', '.join(FORMATS)}")
    units = plan.allowed() if units is None else units
    as_of = as_of or settled_moment(plan.catalogue)
    report_id = new_report_id()
    files, objects = {}, {}
    if charts is None and set(formats) != {"csv"}:
        charts = Charts()
    with charts or nullcontext():
        # Loaded while the counting threads wait for the database.
        Thread(target=_load, args=(formats,), daemon=True).start()
        found = figures(plan, period, as_of=as_of, units=units, told=told)
        if charts:
            charts.draw(found)
        for form in sorted(formats, key=_ORDER.index):
            told(form, 0)
            files[form] = render(found, form, charts and charts.picture)
    lock = lock_of(plan.settings.preserve, REPORT, datetime.now(UTC))
    for form, data in (*files.items(), (DATA, _data(plan, found))):
        key = f"reports/{report_id}/{file_name(found)}.{form}"
        objects[form] = put_locked(plan.store, key, data, lock, media_type=FORMATS.get(form, "application/json")).model_dump()
    row = PlanReports(plan.catalogue).filed(
        period, units, as_of, fingerprint(found), objects, report_id=report_id, who=plan.who
    )
    return Made(row, found, files)


def again(plan: Plan, row: ReportRow) -> tuple[ReportFigures, bool]:
    """The figures of a filed report computed anew for its moment, with the settings of that time, and whether they are the same."""
    may_see(plan, row)
    period = Period.model_validate({"label": row.label, "first": row.first, "last": row.last})
    if DATA in row.objects:
        ref = ObjectRef(**row.objects[DATA])
        then = PlanSettings.model_validate(json.loads(plan.store.get(ref.key, ref.version))["settings"])
        plan = replace(plan, settings=plan.settings.model_copy(update={"plan": then}))
    found = figures(plan, period, as_of=row.as_of, units=row.units or None)
    return found, fingerprint(found) == row.figures_sha256


def fetch(plan: Plan, row: ReportRow, folder: Path) -> list[Path]:
    """The files of a filed report as they were filed: each is hashed and compared with what the catalogue says. Raises
    NotAllowed, ObjectDamaged, ObjectMissing."""
    may_see(plan, row)
    files = {}
    for ref in (ObjectRef(**value) for value in row.objects.values()):
        data = plan.store.get(ref.key, ref.version)
        if hashlib.sha256(data).hexdigest() != ref.sha256:
            raise ObjectDamaged(ref.key)
        files[Path(ref.key).name] = data
    return _written(files, folder, row.id)


def visible(plan: Plan, rows: Sequence[ReportRow]) -> list[ReportRow]:
    """Reports that whoever works here may see."""
    allowed = plan.allowed()
    return [row for row in rows if allowed is None or (row.units and set(row.units) <= allowed)]


def may_see(plan: Plan, row: ReportRow) -> None:
    """A report over all agencies is for those who may see all. Raises NotAllowed."""
    if not visible(plan, [row]):
        raise NotAllowed(row.id)


def fingerprint(found: ReportFigures) -> str:
    """SHA-256 of the counts. Names of offices and kinds may be written otherwise later and do not count."""
    unnamed = {"__all__": {"unit_name", "kind_name"}}
    bare = found.model_dump_json(
        exclude={
            "office": True, "notes": True, "plan": unnamed, "dossiers": unnamed, "dossiers_before": unnamed,
            "forecasts": unnamed, "corrections": unnamed,
        }
    )  # fmt: skip
    return hashlib.sha256(bare.encode()).hexdigest()


def _data(plan: Plan, found: ReportFigures) -> bytes:
    settings = plan.settings.plan.model_dump(mode="json")
    facts = {"settings": settings, "figures": found.model_dump(mode="json")}
    return json.dumps(facts, ensure_ascii=False, indent=1).encode()


def file_name(found: ReportFigures) -> str:
    """`bao-cao-quy-ii-2022`: readable, ASCII."""
    return "bao-cao-" + fold_words(found.period.label).replace(" ", "-")


def write_files(made: Made, folder: Path) -> list[Path]:
    """The files beside each other; none is overwritten with other content without a new name."""
    name = file_name(made.figures)
    return _written({f"{name}.{form}": data for form, data in made.files.items()}, folder, made.row.id)


def _written(files: dict[str, bytes], folder: Path, report_id: str) -> list[Path]:
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            path = folder / name
            if path.exists() and path.read_bytes() != data:
                path = path.with_stem(f"{path.stem}-{report_id[:8]}")
            # Whole or not there: whoever sends the report on must not send half of it.
            fresh = folder / f".{path.name}.{os.getpid()}"
            fresh.write_bytes(data)
            os.replace(fresh, path)
            paths.append(path)
    except OSError as error:
        raise NotFound(f"--to {folder}: {error.strerror}") from error
    return paths

