"""Totals of results in force: entered one by one or read from a file, checked against their parts, approved by another person."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import ValidationError

from flows.list_columns import is_heading, places_of
from flows.list_files import Table, read_table
from flows.plan import Plan, heading_at, sha256_of
from schemas.errors import NotFound, WrongUse
from schemas.people import Right
from schemas.people_errors import NotAllowed
from schemas.plan import Finding, ListImport, PlanLine, Severity, Target, Total
from schemas.plan_errors import ColumnsUnknown, ListRefused
from schemas.zone import VIETNAM
from storage.catalogue.events import now
from storage.fold import fold_words
from storage.plan.lists import TOTALS, PlanLists, insert_list
from storage.plan.progress import PlanTotals, enter_totals

COLUMNS: dict[str, tuple[str, ...]] = {
    "unit": ("co quan", "don vi", "ma don vi", "ma dinh danh co quan", "co quan giai quyet", "don vi giai quyet"),
    "sector": ("linh vuc", "ten linh vuc"),
    "kind": ("loai ket qua", "loai giay to", "loai van ban", "ten ket qua", "ten giay to"),
    "count": ("tong so", "so luong", "tong so con hieu luc", "con hieu luc", "tong so ket qua con hieu luc", "tong"),
}
"""What a row of totals knows, and headings under which it was met (folded)."""
_FOOT = ("tong cong", "tong", "cong")
_COUNT = re.compile(r"\d{1,3}(?:[., ]\d{3})+|\d+")


def enter_total(plan: Plan, count: int, *, kind: str, sector: str, unit: str | None, year: int) -> None:
    """A total that waits for approval. Raises WrongUse for a kind or agency that is not known, or a total smaller than its
    parts; NotAllowed."""
    code = plan.kind_of(kind)
    if code is None:
        raise WrongUse(f"--kind {kind}: không có loại giấy tờ này")
    office = plan.offices.of(unit or plan.offices.own_code)
    if office is None:
        raise WrongUse(f"--unit {unit or ''}: không có cơ quan này; hãy khai office.code hoặc --unit")
    _must_be_mine(plan, office.code)
    sector = plan.sector_of(sector.strip()) if sector.strip() else ""
    if why := Parts(plan, year).too_small(office.code, sector, code, count):
        raise WrongUse(why)
    PlanTotals(plan.catalogue).enter(year, office.code, sector, code, count, source="entered", who=plan.who)


def waiting(plan: Plan, year: int, unit: str | None = None) -> list[Total]:
    """Totals that wait for approval, of agencies that whoever works here may see. Raises WrongUse, NotAllowed."""
    units = plan.offices.wanted((unit,) if unit else (), plan.allowed())
    totals = PlanTotals(plan.catalogue).totals(year, datetime.now(UTC), waiting=True)
    return [total for total in totals if units is None or total.unit in units]


def approve(plan: Plan, year: int, unit: str | None = None) -> int:
    """Approves what waits; how many. Raises NotFound, NotAllowedNow for what one entered oneself, WrongUse for a total that is
    by now smaller than its parts, NotAllowed."""
    units, parts = plan.offices.wanted((unit,) if unit else (), plan.allowed()), Parts(plan, year)
    for total in waiting(plan, year, unit):
        if why := parts.too_small(total.unit, total.sector, total.kind, total.count):
            raise WrongUse(why)
    return PlanTotals(plan.catalogue).approve(year, units, who=plan.who)


def set_target(
    plan: Plan, percent: float, *, source: str, year: int, unit: str | None, level: str | None, sector: str | None, kind: str | None
) -> Target:
    """A target from now on. Raises WrongUse for an agency, level or kind that is not known, NotAllowed: a target for a whole level
    is set by who may see every agency."""
    allowed = plan.allowed()
    if unit is None and allowed is not None:
        raise NotAllowed("--unit")
    if unit is not None:
        (unit,) = plan.offices.wanted((unit,), allowed)
    if kind is not None and (known := plan.kind_of(kind)) is None:
        raise WrongUse(f"--kind {kind}: không có loại giấy tờ này")
    try:
        target = Target(
            year=year, level=level, unit=unit, sector=plan.sector_of(sector) if sector else None, kind=known if kind else None,
            percent=percent, source=source,
        )  # fmt: skip
    except ValidationError as error:
        raise WrongUse("; ".join(f"{e['loc'][0]}: {e['input']}" for e in error.errors())) from None
    PlanTotals(plan.catalogue).set_target(target, who=plan.who)
    return target


def import_totals(plan: Plan, path: Path, *, year: int, columns: Mapping[str, str] | None = None) -> ListImport:
    """Totals from a CSV, XLSX or JSON, whole or not at all; each waits for approval as one that was typed.

    Raises ListRefused (with `.findings`), ListUnreadable, ColumnsUnknown, TooLarge, WrongUse.
    """
    lists, digest, named = PlanLists(plan.catalogue), sha256_of(path), dict(columns or {})
    own = {fold_words(heading) for heading in named.values()} | {name for names in COLUMNS.values() for name in names}
    table = read_table(path, lambda text: fold_words(text) in own or is_heading(text))
    places = _columns_of(table.headings, lists.remembered(table.headings) | named)
    reader = _Rows(plan, table, places, Parts(plan, year))
    rows = reader.read()
    if reader.errors:
        raise ListRefused.of(sorted(reader.findings, key=lambda finding: finding.row or 0), reader.errors, 0)
    if not rows:
        raise NotFound("no rows below the heading")
    object = plan.store.put(f"lists/{digest}", path, sha256=digest).model_dump()
    headings = {thing: heading_at(table.headings, at) for thing, at in places.items()}
    list_id = uuid.uuid4().hex
    with plan.catalogue.write() as connection:
        insert_list(
            connection, list_id, now(), name=path.name, sha256=digest, kind=TOTALS, columns=headings, rows=len(rows),
            object=object, who=plan.who, headings=table.headings, named=headings if named else None,
        )  # fmt: skip
        enter_totals(connection, year, rows, source=list_id, who=plan.who)
    return ListImport(
        id=list_id, name=path.name, sha256=digest, kind=TOTALS, rows=len(rows), added=len(rows), changed=0, same=0,
        findings=tuple(reader.findings),
    )  # fmt: skip


def _must_be_mine(plan: Plan, code: str) -> None:
    allowed = plan.allowed(Right.REPORT)
    if allowed is not None and code not in allowed:
        raise NotAllowed(code)


class Parts:
    """What a total must at least be: what is digitised, what lists name, and for a whole its sectors."""

    def __init__(self, plan: Plan, year: int) -> None:
        self.year = year
        self.lines: list[PlanLine] = plan.lines(year)
        totals, moment = PlanTotals(plan.catalogue), datetime.now(UTC)
        self.totals: dict[tuple[str, str, str], int] = {}
        """(unit, sector, kind) → as approved, or as it will be once what waits is."""
        for total in (*totals.totals(year, moment), *totals.totals(year, moment, waiting=True)):
            self.totals[total.unit, total.sector, total.kind] = total.count

    def too_small(self, unit: str, sector: str, kind: str, count: int) -> str | None:
        """Why a total cannot be, Vietnamese; None when nothing speaks against it."""
        lines = [x for x in self.lines if (x.unit, x.kind) == (unit, kind) and sector in ("", x.sector)]
        digitised, listed = sum(x.digitised for x in lines), sum(x.listed or 0 for x in lines)
        by_sector = {s: n for (u, s, k), n in self.totals.items() if (u, k) == (unit, kind)}
        parts = sum(n for s, n in by_sector.items() if s) if not sector else 0
        for least, of_what in ((digitised, "số đã số hoá"), (listed, "số dòng của danh sách"), (parts, "tổng các lĩnh vực")):
            if count < least:
                return f"tổng số {count} nhỏ hơn {of_what} {least}"
        if sector and "" in by_sector:
            together = count + sum(n for s, n in by_sector.items() if s not in ("", sector))
            if together > by_sector[""]:
                return f"tổng các lĩnh vực {together} lớn hơn tổng số chung {by_sector['']}"
        return None


def _columns_of(headings: Sequence[str], named: Mapping[str, str]) -> dict[str, int]:
    found = places_of(headings, named, COLUMNS)
    if missing := {"kind", "count"} - found.keys():
        raise ColumnsUnknown(f"{', '.join(sorted(missing))}: " + ", ".join(filter(None, headings)))
    return found


@dataclass
class _Rows:
    plan: Plan
    table: Table
    places: Mapping[str, int]
    parts: Parts
    findings: list[Finding] = field(default_factory=list)
    errors: int = 0

    def read(self) -> list[tuple[str, str, str, int]]:
        """(unit, sector, kind, count)."""
        found: dict[tuple[str, str, str], tuple[int, int]] = {}
        today = datetime.now(VIETNAM).date()
        for row, cells in self.table.rows:
            text = {thing: " ".join(cells[at].split()) if at < len(cells) else "" for thing, at in self.places.items()}
            if not text["kind"] and (not text["count"] or fold_words(next(filter(None, cells))) in _FOOT):
                continue  # a sum below, or a line of text
            line = self._line(row, text, today)
            if line is None:
                continue
            *key, count = line
            if tuple(key) in found:
                self._wrong("counted_twice", row, "kind", text["kind"], f"Đã có ở dòng {found[tuple(key)][1]}.")
            found.setdefault(tuple(key), (count, row))
        self._against_parts(found)
        return [(*key, count) for key, (count, _) in found.items()]

    def _line(self, row: int, text: dict[str, str], today: date) -> tuple[str, str, str, int] | None:
        before = self.errors
        for thing, value in text.items():
            if value.startswith(("=", "+", "@")):
                self._wrong("formula", row, thing, value, "Ô chứa công thức; hãy dán giá trị thay cho công thức.")
        kind = self.plan.kind_of(text["kind"])
        if kind is None:
            self._wrong("kind_unknown", row, "kind", text["kind"], "Không có loại giấy tờ này.")
        count = re.sub(r"[., ]", "", text["count"]) if _COUNT.fullmatch(text["count"]) else ""
        if not count or len(count) > 9:
            self._wrong("count_unreadable", row, "count", text["count"], "Cần một số nguyên không âm.")
        unit = self.plan.offices.of(text.get("unit") or self.plan.offices.own_code)
        allowed = self.plan.allowed()
        if unit is None:
            self._wrong("unit_unknown", row, "unit", text.get("unit", ""), "Không có cơ quan này trong danh mục đơn vị.")
        elif allowed is not None and unit.code not in allowed:
            self._wrong("unit_not_yours", row, "unit", text.get("unit", ""), "Bạn không được nhập tổng số của cơ quan này.")
        elif unit.closed_on and unit.closed_on < min(today, date(self.parts.year, 1, 1)) and unit.successor:
            self._wrong(
                "unit_abolished", row, "unit", unit.code,
                f"Cơ quan này đã chấm dứt hoạt động ngày {unit.closed_on:%d/%m/%Y}. Đơn vị kế tục: {unit.successor}.",
            )  # fmt: skip
        if self.errors != before or unit is None or kind is None:
            return None
        sector = text.get("sector", "")
        return unit.code, self.plan.sector_of(sector) if sector else "", kind, int(count)

    def _against_parts(self, found: Mapping[tuple[str, str, str], tuple[int, int]]) -> None:
        self.parts.totals |= {key: count for key, (count, _) in found.items()}
        for (unit, sector, kind), (count, row) in found.items():
            if why := self.parts.too_small(unit, sector, kind, count):
                self._wrong("total_smaller", row, "count", str(count), f"{why[:1].upper()}{why[1:]}.")

    def _wrong(self, code: str, row: int, thing: str, value: str, vi: str) -> None:
        self.errors += 1
        at = self.places.get(thing)
        heading = self.table.headings[at] if at is not None else None
        self.findings.append(
            Finding(severity=Severity.ERROR, code=code, row=row, column=heading, value=value[:80], vi=vi)
        )
