"""`sohoa quarantine`: what could not be read, and what a person decides about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.progress import Shown
from cli.terminal import clean, moment, place, print_json, say, table
from schemas.people import Right, current_actor

if TYPE_CHECKING:
    from flows.review import Desk
    from storage.catalogue import QuarantineRow

app = typer.Typer(help="Tệp và trang bị cách ly. / Files and pages set aside.", no_args_is_help=True)
_ID = typer.Argument(..., metavar="MÃ", help="Mã cách ly. / Id of the entry.")
_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")


@app.command("list", help="Những gì đang bị cách ly. / What is set aside.")
def list_entries(
    context: typer.Context,
    batch: str = typer.Option(None, "--batch", metavar="LÔ", help="Chỉ một lô. / One batch only."),
    everything: bool = typer.Option(False, "--all", help="Cả những mục đã quyết định. / Decided ones too."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from flows.people import sees_batch, unit_of
    from flows.review import open_desk
    from schemas.texts import QUARANTINE_STATUSES
    from storage.catalogue import QuarantineStatus

    actor = context.obj.actor(Right.SCAN)
    with open_desk(context.obj.settings()) as desk:
        entries = desk.catalogue.quarantine_list(batch, None if everything else QuarantineStatus.OPEN)
        seen = {b: sees_batch(actor, *unit_of(desk.catalogue, b)) for b in {entry.batch for entry in entries}}
        entries = [entry for entry in entries if seen[entry.batch]]
    if as_json:
        print_json({"total": len(entries), "entries": [_json(entry) for entry in entries]})
    elif not entries:
        say("Không có gì bị cách ly.")
    else:
        rows = [
            (
                e.id,
                place(e.path),
                e.page or "",
                _reason(e.code),
                QUARANTINE_STATUSES[e.status],
                moment(e.created),
            )
            for e in entries
        ]
        table(("Mã", "Tệp", "Trang", "Vì sao", "Trạng thái", "Lúc"), rows)
        say(f"Xem cách xử lý: sohoa quarantine show {entries[0].id}")
    return NEEDS_PERSON if any(e.status is QuarantineStatus.OPEN for e in entries) else 0


@app.command(help="Một mục cách ly và cách xử lý. / One entry and what to do.")
def show(
    context: typer.Context,
    entry: str = _ID,
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> None:
    from flows.review import open_desk
    from schemas.texts import QUARANTINE_STATUSES

    context.obj.actor(Right.SCAN)
    with open_desk(context.obj.settings()) as desk:
        found = _entry(desk, entry)
    if as_json:
        print_json(_json(found))
        return
    say(f"{found.id}  {place(found.path)}" + (f", trang {found.page}" if found.page else ""))
    say(f"Vì sao: {_reason(found.code)} ({found.code})")
    if found.detail:
        say(f"Chi tiết: {clean(found.detail)}")
    say(f"Cần làm: {_error(found.code).advice_vi}")
    say(
        f"Trạng thái: {QUARANTINE_STATUSES[found.status]}"
        + (f", {clean(found.who)}: {clean(found.reason)}" if found.who else "")
    )
    say(f'Đọc lại: sohoa quarantine retry {found.id}   Bỏ: sohoa quarantine drop {found.id} --reason "LÝ DO"')


@app.command(help="Đọc lại sau khi đã sửa nguyên nhân. / Read again.")
def retry(
    context: typer.Context,
    entry: str = _ID,
    reason: str = typer.Option("", "--reason", metavar="LÝ_DO", help="Đã sửa gì. / What was repaired."),
    who: str = _WHO,
) -> int:
    from cli.summary import print_summary
    from flows.digitise import continue_batch
    from flows.review import open_desk

    call: Call = context.obj
    settings, name = call.settings(), call.actor(Right.SCAN, who).who
    with open_desk(settings) as desk:
        found = _entry(desk, entry)
        desk.catalogue.quarantine_retry(found.id, name, reason)
        with Shown() as progress:
            result = continue_batch(
                found.batch, settings, who=name, progress=progress, catalogue=desk.catalogue, store=desk.store
            )
    print_summary(result, settings)
    return result.exit_code()


@app.command(help="Bỏ hẳn, có lý do; trang vẫn được tính. / Leave out for good.")
def drop(
    context: typer.Context,
    entry: str = _ID,
    reason: str = typer.Option(..., "--reason", metavar="LÝ_DO", help="Lý do. / Reason."),
    who: str = _WHO,
) -> None:
    from flows.review import open_desk

    name = context.obj.actor(Right.SCAN, who).who
    with open_desk(context.obj.settings()) as desk:
        found = _entry(desk, entry)
        desk.catalogue.quarantine_drop(found.id, name, reason)
    say(f"Đã bỏ {found.id} ({place(found.path)}). Bản gốc nếu đã nhận vẫn được giữ.")


def _entry(desk: Desk, entry: str) -> QuarantineRow:
    """An entry of a batch that whoever types this may see. Raises NotFound, NotAllowed."""
    from flows.people import require_batch
    from flows.review import quarantine_entry

    found = quarantine_entry(desk, entry)
    require_batch(desk.catalogue, current_actor(), Right.SCAN, found.batch)
    return found


def _json(entry) -> dict:
    return {
        "id": entry.id, "batch": entry.batch, "source": entry.path, "page": entry.page, "code": entry.code,
        "reason": _reason(entry.code), "detail": entry.detail, "status": entry.status,
        "created": entry.created.isoformat(), "who": entry.who, "decision": entry.reason,
    }  # fmt: skip


def _error(code: str):
    from schemas.errors import SohoaError, all_errors

    return all_errors().get(code, SohoaError)


def _reason(code: str) -> str:
    return _error(code).vi
