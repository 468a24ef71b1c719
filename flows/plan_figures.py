"""All figures of a report, for a period and as known at a moment; the same call gives the same figures later."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from flows.plan import Plan, Told, _quiet
from schemas.errors import WrongUse
from schemas.plan import Level, Period, PlanLine
from schemas.plan_report import (
    CorrectionCause,
    DossierFigures,
    Forecast,
    Indicator,
    ReportFigures,
    Throughput,
)
from schemas.zone import VIETNAM
from storage.plan import dossiers as d
from storage.plan import work
from storage.plan.indicators import COUNTS, raw_counts
from storage.plan.lists import PlanLists
from storage.plan.moments import midnight
from storage.plan.progress import recorded, simulated

_ROMAN = ("I", "II", "III", "IV")
INDICATORS = {
    "4.1": ("Tỷ lệ hồ sơ TTHC có cấp kết quả giải quyết TTHC điện tử", 6.0),
    "4.2": ("Tỷ lệ hồ sơ TTHC thực hiện số hoá hồ sơ", 4.0),
    "4.3": ("Tỷ lệ hồ sơ khai thác, sử dụng lại thông tin, dữ liệu số hoá", 2.0),
    "4.4": ("Tỷ lệ hồ sơ TTHC được số hoá có kết nối, chia sẻ dữ liệu phục vụ tái sử dụng", 4.0),
}
"""QĐ 766/QĐ-TTg (23/6/2022), group of 22 points."""


def period_of(text: str) -> Period:
    """A period by its name: 2022Q2, 2022H1 (six months), 2022-9M (nine months), 2022, 2022-05, 2022-04-01..2022-06-30.

    Raises WrongUse.
    """
    text = text.strip().upper()
    if found := re.fullmatch(r"(\d{4})-?Q([1-4])", text):
        year, quarter = int(found[1]), int(found[2])
        return _months(year, 3 * quarter - 2, 3 * quarter, f"Quý {_ROMAN[quarter - 1]}/{year}")
    if found := re.fullmatch(r"(\d{4})-?(?:H1|6M)", text):
        return _months(int(found[1]), 1, 6, f"6 tháng đầu năm {found[1]}")
    if found := re.fullmatch(r"(\d{4})-?H2", text):
        return _months(int(found[1]), 7, 12, f"6 tháng cuối năm {found[1]}")
    if found := re.fullmatch(r"(\d{4})-?9M", text):
        return _months(int(found[1]), 1, 9, f"9 tháng đầu năm {found[1]}")
    if re.fullmatch(r"\d{4}", text):
        return _months(int(text), 1, 12, f"Năm {text}")
    if (found := re.fullmatch(r"(\d{4})-(\d{2})", text)) and 1 <= int(found[2]) <= 12:
        return _months(int(found[1]), int(found[2]), int(found[2]), f"Tháng {int(found[2])}/{found[1]}")
    first, _, last = text.partition("..")
    try:
        period = Period(label="", first=date.fromisoformat(first), last=date.fromisoformat(last))
    except ValueError:
        raise WrongUse(f"kỳ báo cáo „{text}“: 2022Q2, 2022H1, 2022-9M, 2022, 2022-05 hoặc 2022-04-01..2022-06-30") from None
    if period.last < period.first:
        raise WrongUse(f"kỳ báo cáo „{text}“: ngày cuối trước ngày đầu")
    return period.model_copy(update={"label": f"Từ {period.first:%d/%m/%Y} đến {period.last:%d/%m/%Y}"})


def _months(year: int, first: int, last: int, label: str) -> Period:
    end = calendar.monthrange(year, last)[1]
    return Period(label=label, first=date(year, first, 1), last=date(year, last, end))


def before(period: Period) -> Period:
    """The same period a year before, as reports of offices compare."""
    first, last = (_year_before(day) for day in (period.first, period.last))
    if calendar.monthrange(period.last.year, period.last.month)[1] == period.last.day:
        last = last.replace(day=calendar.monthrange(last.year, last.month)[1])
    return Period(label=f"Cùng kỳ năm {last.year}", first=first, last=last)


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def figures(
    plan: Plan,
    period: Period,
    *,
    as_of: datetime | None = None,
    units: Collection[str] | None = None,
    told: Told = _quiet,
) -> ReportFigures:
    """Everything that a report of a period says. `as_of`: the moment it speaks of, now when None; `units`: codes of agencies, all
    that whoever works here may see when None.

    Raises NotAllowed, WrongUse for an indicator that the settings make of what is not counted.
    """
    as_of = as_of or datetime.now(UTC)
    units = plan.allowed() if units is None else frozenset(units)
    soon, earlier = plan.settings.plan.nearly_late_days, before(period)
    start, end = midnight(period.first), min(midnight(period.last + timedelta(days=1)), as_of)
    year = period.last.year
    within = None if units is None else _within(plan, units)
    names = plan.offices.names
    which = {"units": units, "nearly_late_days": soon}

    def ask(count: Callable, *arguments, **more):
        with plan.catalogue.read() as connection:
            return count(connection, *arguments, **more)

    told("lines", 0)
    # Two at a time: each waits for the database, and all of them speak of the same moment.
    with ThreadPoolExecutor(2) as both:
        every = {
            "lines": both.submit(plan.lines, year, as_of),
            "worked": both.submit(ask, _worked, start, end, within),
            "months": both.submit(ask, work.months, period, as_of, units, within),
            "recent": both.submit(ask, partial(_recent, plan), as_of),
            "counts": both.submit(ask, raw_counts, period, as_of, units, within),
            "counts_before": both.submit(ask, raw_counts, earlier, as_of, units, within),
            "digitised_before": both.submit(ask, work.digitised, midnight(earlier.first), midnight(earlier.last + timedelta(days=1)), as_of, within),
            "dossiers": both.submit(ask, d.parts, period, as_of, **which),
            "dossiers_before": both.submit(ask, d.parts, earlier, as_of, **which),
            "urgent": both.submit(ask, d.urgent, period, as_of, **which),
            "backlog": both.submit(ask, work.backlog, end, within),
            "copies": both.submit(ask, work.copies, period, as_of, within),
            "copies_before": both.submit(ask, work.copies, earlier, as_of, within),
            "simulated": both.submit(ask, simulated, as_of),
        }
        found = {}
        for name, answer in every.items():
            told(_STAGE.get(name, "work"), 0)
            found[name] = answer.result()
    lines = [line for line in found["lines"] if units is None or line.unit in units]
    each = d.by_unit(found["dossiers"], names)
    throughput, corrections = found["worked"]
    causes = (cause.model_copy(update={"kind_name": plan.kind_name(cause.kind)}) for cause in corrections)
    return ReportFigures(
        office=plan.settings.office.name,
        period=period,
        before=earlier,
        as_of=as_of,
        judged_on=d.judged_on(period, as_of),
        plan_year=year,
        plan=tuple(lines),
        dossiers=(*each, *_named_levels(d.by_level(found["dossiers"]))),
        sectors=tuple(d.by_sector(found["dossiers"])),
        dossiers_before=tuple(d.by_unit(found["dossiers_before"], names)),
        indicators=tuple(_indicators(plan, found["counts"], found["counts_before"])),
        copies=tuple(found["copies"]),
        copies_before=tuple(found["copies_before"]),
        throughput=tuple(throughput),
        corrections=tuple(causes),
        backlog=tuple(found["backlog"]),
        forecasts=tuple(_forecasts(plan, lines, found["recent"], as_of, year)),
        months=tuple(found["months"]),
        digitised_before=found["digitised_before"],
        urgent=tuple(found["urgent"]),
        notes=tuple(
            _notes(plan, lines, each, found["simulated"], PlanLists(plan.catalogue).after(as_of))
        ),
    )


_STAGE = {"lines": "lines", "counts": "indicators", "dossiers": "dossiers"}
"""What is told while it is waited for."""


def _worked(
    connection: Connection, start: datetime, end: datetime, within: work.Within | None
) -> tuple[list[Throughput], list[CorrectionCause]]:
    made = work.recorded(connection, start, end, within)
    return work.throughput(connection, start, end, made, within), work.corrections(connection, start, end, made, within)


def _within(plan: Plan, units: frozenset[str]) -> work.Within:
    books = {plan.offices.names.get(unit, unit) for unit in units} | units
    return work.Within(batches=plan.offices.ids(units) | units, books=frozenset(books))


def _recent(plan: Plan, connection: Connection, as_of: datetime) -> dict[tuple[str, str], int]:
    """(agency that carries it, kind) → records of the last days."""
    since, today = as_of - timedelta(days=plan.settings.plan.pace_days), as_of.astimezone(VIETNAM).date()
    found: dict[tuple[str, str], int] = {}
    for (unit, kind), count in recorded(connection, since, as_of).items():
        carried = plan.offices.carrying(plan.offices.code(unit), today, as_of)
        found[carried, kind] = found.get((carried, kind), 0) + count
    return found


_LEVEL_NAMES = {
    Level.CENTRAL: "Cấp trung ương",
    Level.PROVINCE: "Cấp tỉnh",
    Level.DISTRICT: "Cấp huyện",
    Level.COMMUNE: "Cấp xã",
}


def _named_levels(levels: list[DossierFigures]) -> list[DossierFigures]:
    return [one.model_copy(update={"unit_name": _LEVEL_NAMES[one.level]}) for one in levels]


def _indicators(plan: Plan, counts: dict[str, int], before: dict[str, int]) -> list[Indicator]:
    found = []
    for code, (above, below) in plan.settings.plan.indicators.items():
        unknown = {above, below} - COUNTS.keys()
        if unknown:
            raise WrongUse(f"plan.indicators {code}: {', '.join(sorted(unknown))}; {', '.join(COUNTS)}")
        name, points = INDICATORS.get(code, (f"Chỉ số {code}", 0.0))
        found.append(
            Indicator(
                code=code,
                name=name,
                numerator=counts[above],
                denominator=counts[below],
                numerator_name=COUNTS[above],
                denominator_name=COUNTS[below],
                numerator_before=before[above],
                denominator_before=before[below],
                points=points,
                source="QĐ 766/QĐ-TTg; công thức do cơ quan cấu hình",
            )
        )
    return found


def _forecasts(
    plan: Plan, lines: list[PlanLine], recent: dict[tuple[str, str], int], as_of: datetime, year: int
) -> list[Forecast]:
    """One of each unit and kind with a target; then one of the unit, which meets its plan on the day the last kind does: more of
    one kind does not make up for less of another."""
    by_kind: dict[tuple[str, str], list[PlanLine]] = {}
    for line in lines:
        if line.wanted is not None:
            by_kind.setdefault((line.unit, line.kind), []).append(line)
    found: dict[str, list[Forecast]] = {}
    for (unit, kind), some in by_kind.items():
        one = _forecast(plan, some, recent.get((unit, kind), 0), as_of, year)
        found.setdefault(unit, []).append(one)
    forecasts = []
    for of_unit in found.values():
        forecasts += of_unit
        if len(of_unit) > 1:
            days = [one.day for one in of_unit]
            forecasts.append(
                of_unit[0].model_copy(
                    update={
                        "kind": "", "kind_name": "", "wanted": sum(x.wanted for x in of_unit),
                        "done": sum(x.done for x in of_unit), "pace": sum(x.pace for x in of_unit),
                        "day": None if None in days else max(days),
                    }
                )
            )  # fmt: skip
    return forecasts


def _forecast(plan: Plan, lines: list[PlanLine], recent: int, as_of: datetime, year: int) -> Forecast:
    days, today = plan.settings.plan.pace_days, as_of.astimezone(VIETNAM).date()
    wanted = sum(line.wanted or 0 for line in lines)
    done = sum(min(line.digitised, line.wanted or 0) for line in lines)
    left, pace = wanted - done, recent / days
    day = today if left <= 0 else None
    if left > 0 and pace > 0 and left / pace < _FAR_AWAY:
        day = today + timedelta(days=math.ceil(left / pace))
    return Forecast(
        unit=lines[0].unit,
        unit_name=lines[0].unit_name,
        kind=lines[0].kind,
        kind_name=lines[0].kind_name,
        wanted=wanted,
        done=done,
        pace=pace,
        pace_days=days,
        day=day,
        due=date(year, 12, 31),
    )


_FAR_AWAY = 36_500
"""Days; no plan is met after a hundred years."""
_NOTED = 10
"""Of one kind."""


def _notes(
    plan: Plan, lines: list[PlanLine], dossiers: list[DossierFigures], simulated: int, lists_to_come: int
) -> list[str]:
    notes = []
    without = sorted({line.unit_name for line in lines if line.in_force is None})
    if without:
        notes.append(
            "Chưa có tổng số kết quả còn hiệu lực nên chưa tính được tỷ lệ: " + "; ".join(without[:_NOTED]) + "."
        )
    for line in [x for x in lines if x.in_force is not None and x.digitised > x.in_force][:_NOTED]:
        notes.append(
            f"{line.unit_name}, {line.kind_name}: đã số hoá {line.digitised} nhưng tổng số còn hiệu lực chỉ {line.in_force}; "
            "hãy kiểm tra tổng số."
        )
    for line in [x for x in lines if x.in_force is not None and (x.listed or 0) > x.in_force][:_NOTED]:
        notes.append(
            f"{line.unit_name}, {line.kind_name}: danh sách có {line.listed} kết quả còn hiệu lực nhưng tổng số đã duyệt chỉ "
            f"{line.in_force}; hãy kiểm tra tổng số."
        )
    for unit in sorted({x.unit for x in lines if x.level is Level.DISTRICT}):
        if len(heirs := plan.offices.heirs(unit)) > 1:
            notes.append(
                f"{plan.offices.names.get(unit, unit)} đã chia cho {', '.join(heirs)}; phần tồn chưa rõ thuộc đơn vị nào nên để riêng."
            )
    if simulated:
        notes.append(f"{simulated} giấy tờ mới đồng bộ vào kho mô phỏng, chưa tới Kho trên Cổng DVCQG.")
    if lists_to_come:
        notes.append(f"{lists_to_come} danh sách ghi thời điểm nhập ở tương lai (đồng hồ máy đã chạy sai) nên chưa được tính.")
    if not dossiers:
        notes.append("Chưa nhập danh sách hồ sơ của kỳ này từ hệ thống một cửa.")
    return notes
