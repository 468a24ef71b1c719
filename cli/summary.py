"""The end of `sohoa digitise`, as a clerk reads it: what came in, what it became, what waits for whom, where it is,
what to type next."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cli.terminal import clean, place, say, table, where

if TYPE_CHECKING:
    from schemas.results import DigitiseResult
    from schemas.settings import Settings

WAITING_SHOWN = 12
QUARANTINE_SHOWN = 20


def print_summary(result: DigitiseResult, settings: Settings) -> None:
    """Prints it to stdout."""
    from flows.review import open_desk, reasons
    from schemas.document import DocumentStatus

    with open_desk(settings) as desk:
        rows = desk.catalogue.documents(result.batch)
        kinds = Counter(desk.kind_name(row.type) for row in rows)
        waiting = [row for row in rows if row.status is DocumentStatus.REVIEW]
        waits = Counter(desk.kind_name(row.type) for row in waiting)
        why = [
            (row, desk.kind_name(row.type), "; ".join(reasons(desk, row))) for row in waiting[:WAITING_SHOWN]
        ]
    say()
    say(f"Lô {clean(result.name)} ({result.batch})")
    say(accounting(result))
    for message in result.messages:
        say(f"  {clean(message)}")
    if kinds:
        say()
        lines = [(kind, count, waits[kind] or "") for kind, count in kinds.most_common()]
        table(
            ("Loại giấy tờ", "Số lượng", "Cần người xem"), [*lines, ("Tổng", len(rows), len(waiting) or "")]
        )
    if waiting:
        say()
        say(f"Cần người xem: {len(waiting)} giấy tờ, vì:")
        for row, kind, reason in why:
            say(f"  {row.id}  {kind} (trang {_pages(row.pages)}): {clean(reason)}")
        if len(waiting) > len(why):
            say(f"  … và {len(waiting) - len(why)} giấy tờ nữa")
    if result.quarantine:
        say()
        say(f"Cách ly: {len(result.quarantine)} mục (không mất; chờ người quyết định)")
        for item in result.quarantine[:QUARANTINE_SHOWN]:
            page = f", trang {item.page}" if item.page else ""
            say(f"  {item.id}  {place(item.source)}{page}: {clean(item.reason)}")
        if len(result.quarantine) > QUARANTINE_SHOWN:
            say(f"  … và {len(result.quarantine) - QUARANTINE_SHOWN} mục nữa")
    say()
    say(f"Bản gốc, bản PDF tìm kiếm được và dữ liệu nằm trong: {clean(settings.home)}")
    say("Lệnh tiếp theo:")
    for command, meaning in _next(result, bool(waiting), len(waiting) < len(rows)):
        say(f"  sohoa {command}{where(settings.home)}   # {meaning}")


def accounting(result: DigitiseResult) -> str:
    """`22 trang = 17 trong giấy tờ + 3 trắng + 2 phân cách + 0 cách ly (khớp)`"""
    pages = result.pages
    text = (
        f"{pages.in_} trang = {pages.in_documents} trong giấy tờ + {pages.blank} trắng + {pages.separator} phân cách"
        f" + {pages.quarantined} cách ly"
    )
    text += " (khớp)" if pages.adds_up else " (CHƯA KHỚP)"
    if pages.declared is not None:
        same = pages.declared == pages.in_
        text += f"; khai báo {pages.declared} trang: {'khớp' if same else 'KHÔNG KHỚP'}"
    return text


def _pages(pages: list[int]) -> str:
    """`3`, `2–4`; `2, 4` where a blank back was passed over."""
    whole = len(pages) > 1 and pages == list(range(pages[0], pages[-1] + 1))
    return f"{pages[0]}–{pages[-1]}" if whole else ", ".join(map(str, pages))


def _next(result: DigitiseResult, waiting: bool, ready: bool) -> list[tuple[str, str]]:
    steps = []
    if result.pages.declared not in (None, result.pages.in_):
        steps.append((f'batch close {result.batch} --reason "LÝ DO"', "sau khi đối chiếu số trang khai báo"))
    if waiting:
        steps.append((f"review list --batch {result.batch}", "xem và xác nhận những gì máy chưa chắc"))
    if result.quarantine:
        steps.append((f"quarantine list --batch {result.batch}", "xử lý tệp bị cách ly"))
    if result.documents:
        steps.append(('find "từ cần tìm"', "tìm lại, gõ không dấu cũng được"))
    if ready:
        steps.append((f"export --batch {result.batch} --to xuat", "lấy PDF và dữ liệu ra thư mục khác"))
    return steps
