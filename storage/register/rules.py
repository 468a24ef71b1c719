"""When a copy is due and what it costs; every figure is a setting with its source (`schemas.settings.Copies`)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from schemas.errors import WrongUse
from schemas.register import Due
from schemas.settings import Copies
from schemas.zone import VIETNAM


def due(
    received_at: datetime, copies: Copies, *, delayed: bool = False, agreed_until: date | None = None
) -> Due:
    """When the result is to be given: the same day, or the next working day when received after the cut-off
    (NĐ 23/2015 Đ7). What comes in on a day without work counts as received on the next working day.

    `delayed`: many papers, pages or copies, or hard to compare: up to two working days more (Đ21). `agreed_until`: a
    later day agreed in writing (Đ21). Raises WrongUse when the day agreed is earlier than the law's own.
    """
    moment = received_at.astimezone(VIETNAM)
    day = moment.date()
    reason = ""
    if not is_working_day(day, copies):
        day = _working_days_after(day, 1, copies)
        reason = "Tiếp nhận ngoài ngày làm việc"
    elif moment.time() > copies.cut_off:
        day = _working_days_after(day, 1, copies)
        reason = f"Tiếp nhận sau {copies.cut_off:%H} giờ {copies.cut_off:%M} (Điều 7 NĐ 23/2015/NĐ-CP)"
    if delayed:
        day = _working_days_after(day, copies.extension_days, copies)
        reason = f"Kéo dài không quá {copies.extension_days:02d} ngày làm việc (Điều 21 NĐ 23/2015/NĐ-CP)"
    if agreed_until is not None:
        if agreed_until < day:
            raise WrongUse(f"the day agreed is before {day}")
        day = agreed_until
        reason = "Theo thỏa thuận bằng văn bản với người yêu cầu (Điều 21 NĐ 23/2015/NĐ-CP)"
    same_day = day == moment.date()
    return Due(
        date=day,
        by=copies.return_by,
        same_day=same_day,
        slip_needed=not same_day,
        reason=reason or "Trả kết quả trong ngày",
        calendar_known=same_day or {moment.year, day.year} <= {holiday.year for holiday in copies.holidays},
    )


def is_working_day(day: date, copies: Copies) -> bool:
    if day in copies.extra_working_days:
        return True
    return (
        day.isoweekday() not in copies.weekend
        and f"{day:%m-%d}" not in copies.fixed_holidays
        and day not in copies.holidays
    )


def _working_days_after(day: date, number: int, copies: Copies) -> date:
    for _ in range(number):
        day += timedelta(days=1)
        while not is_working_day(day, copies):
            day += timedelta(days=1)
    return day


def fee(pages_of_original: int, number_of_copies: int, copies: Copies, *, electronic: bool = False) -> int:
    """Whole đồng for all copies: so much a page for the first pages, less for the rest, never more than the most a copy
    may cost (TT 226/2016/TT-BTC). Pages are those of the original. Raises WrongUse below one page or copy."""
    if pages_of_original < 1 or number_of_copies < 1:
        raise WrongUse("a fee needs at least one page and one copy")
    if electronic and not copies.charge_electronic:
        return 0
    first = min(pages_of_original, copies.fee_first_pages)
    a_copy = first * copies.fee_first + (pages_of_original - first) * copies.fee_next
    return min(a_copy, copies.fee_max) * number_of_copies
