"""What is still missing, as a list one can scan from."""

from __future__ import annotations

import csv
from pathlib import Path

from flows.masking import HIDDEN
from flows.plan import Plan
from flows.plan_match import name_shown
from flows.report_csv import safe
from schemas.plan import ListKind
from storage.plan.lists import CaseRow

_COLUMNS = {
    "case": "Dòng",
    "unit_name": "Cơ quan",
    "sector": "Lĩnh vực",
    "kind_name": "Loại giấy tờ",
    "number": "Số, ký hiệu",
    "issued": "Ngày cấp",
    "owner": "Chủ hồ sơ",
    "dossier_code": "Mã hồ sơ",
    "procedure": "Mã TTHC",
    "summary": "Trích yếu",
}


def facts_of(plan: Plan, row: CaseRow) -> dict[str, str | int]:
    """A row as whoever works here may see it: without names and summaries where they may not see personal data."""
    case = row.case
    return {
        "case": row.id,
        "unit": case.unit,
        "unit_name": plan.offices.names.get(case.unit, case.unit),
        "sector": case.sector or "",
        "kind": case.kind or "",
        "kind_name": plan.kind_name(case.kind) if case.kind else case.procedure_name or "",
        "number": "/".join(filter(None, (case.number, case.symbol))),
        "issued": case.issued.isoformat() if case.issued else "",
        "owner": name_shown(plan, case.owner, case.unit) or "",
        "dossier_code": case.dossier_code or "",
        "procedure": case.procedure or "",
        "summary": (case.summary or "") if plan.sees_personal(case.unit) or not case.summary else HIDDEN,
    }


def write_missing(plan: Plan, kind: ListKind, unit: str | None, path: Path) -> int:
    """CSV for spreadsheets, by agency, kind and day, as the binders stand on the shelf; how many rows."""
    rows = sorted(
        (facts_of(plan, row) for row in plan.missing(kind, unit)),
        key=lambda f: (f["unit"], f["kind_name"], f["issued"], f["number"]),
    )
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS.values())
        for facts in rows:
            shown = (facts[name] for name in _COLUMNS)
            writer.writerow(safe(value) if isinstance(value, str) else value for value in shown)
    return len(rows)
