"""`sohoa preserve`: timestamps of archived files, until when they hold, and renewing them in time."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

import typer

from cli import dispose, keeping
from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, print_json, say, show_error, table
from schemas.people import Right

if TYPE_CHECKING:
    from schemas.preserve import Due

app = typer.Typer(
    no_args_is_help=True,
    help="Bảo quản: kiểm tra toàn vẹn, thời hạn lưu trữ, gia hạn dấu thời gian. / Keeping the archive whole and provable.",
)
keeping.add_to(app)
app.add_typer(dispose.app, name="dispose")
_STATES = {
    "later": "chưa đến hạn",
    "due": "ĐẾN HẠN",
    "too_late": "QUÁ HẠN, không gia hạn được",
    "no_timestamp": "không có dấu thời gian",
}
_SHOWN = 40


@app.command("plan", help="Tệp nào phải gia hạn, khi nào. / What must be renewed, and when.")
def show_plan(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from flows.copies_desk import open_copy_desk
    from flows.preserve import held, plan

    call: Call = context.obj
    settings = call.settings()
    name = call.actor((Right.PRESERVE, Right.REPORT)).who
    with open_copy_desk(settings, who=name) as desk:
        found = plan(held(desk), desk.moment(), settings.preserve)
    if as_json:
        print_json([due.model_dump(mode="json") for due in found])
    else:
        _show(found)
    return NEEDS_PERSON if any(due.state != "later" for due in found) else 0


def _show(found: list[Due]) -> None:
    if not found:
        say("Chưa có tệp đã ký nào trong kho lưu trữ.")
        return
    rows = [
        (due.document, f"{due.due:%d/%m/%Y}", moment(due.ends), _why(due), _STATES[due.state])
        for due in found[:_SHOWN]
    ]
    table(("Mã", "Gia hạn từ", "Hết hạn", "Vì", "Tình trạng"), rows, unbroken=("Mã",))
    if len(found) > _SHOWN:
        say(f"… và {len(found) - _SHOWN} tệp nữa; xem hết với --json.")
    years = Counter(due.due.year for due in found)
    say("Theo năm: " + ", ".join(f"{year}: {count} tệp" for year, count in sorted(years.items())) + ".")
    if any(due.state == "due" for due in found):
        say("Gia hạn: sohoa preserve renew")


def _why(due: Due) -> str:
    kind = "chứng thư" if due.because == "certificate" else "thuật toán"
    return f"{kind} {clean(due.what)}"


@app.command("renew", help="Gia hạn những tệp đến hạn. / Renew what is due.")
def renew(
    context: typer.Context,
    documents: list[str] = typer.Argument(
        None, metavar="[MÃ…]", help="Chỉ những tệp này, dù chưa đến hạn. / Only these, due or not."
    ),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
) -> int:
    from flows.copies_desk import open_copy_desk
    from flows.preserve import renew_due

    call: Call = context.obj
    name = call.actor(Right.PRESERVE, who).who
    with open_copy_desk(call.settings(), who=name) as desk:
        result = renew_due(desk, documents=documents or (), told=_told)
    if sys.stderr.isatty() and (result.renewed or result.failed):
        say(file=sys.stderr)
    if result.renewed:
        say(f"Đã gia hạn, kiểm tra lại và lưu bản mới: {len(result.renewed)} tệp.")
    if result.not_due:
        say(f"Chưa đến hạn: {len(result.not_due)} tệp.")
    if not (result.renewed or result.not_due or result.failed):
        say("Không có tệp nào phải gia hạn.")
    for document, error in result.failed.items():
        say(f"Không gia hạn được {document}:")
        show_error(error, call.language)
    return NEEDS_PERSON if result.failed else 0


def _told(done: int, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\rĐang gia hạn: {done}/{count}", end="", file=sys.stderr, flush=True)
