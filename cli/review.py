"""`sohoa review`: what a checker does with doubtful records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.seen import revision_seen, saw
from cli.terminal import clean, moment, print_json, say, shown, table
from schemas.people import Right, current_actor

if TYPE_CHECKING:
    from flows.review import Desk
    from schemas.document import FieldValue
    from schemas.people import Scope
    from storage.catalogue import DocumentRow

app = typer.Typer(
    help="Xem, sửa, xác nhận những gì máy chưa chắc. / Look at, correct and confirm what is doubtful.",
    no_args_is_help=True,
)
_ID = typer.Argument(
    ..., metavar="MÃ", help="Mã giấy tờ (đủ hoặc vài ký tự đầu). / Record id or its beginning."
)
_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
_REVISION = typer.Option(
    None,
    "--revision",
    metavar="SỐ",
    help="Lần sửa đã xem; mặc định là lần „review show“ gần nhất. / Revision looked at.",
)
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")


@app.command("list", help="Giấy tờ đang chờ người xem. / Records that wait for a person.")
def list_waiting(
    context: typer.Context,
    batch: str = typer.Option(None, "--batch", metavar="LÔ", help="Chỉ một lô. / One batch only."),
    as_json: bool = _JSON,
) -> int:
    from flows.people import scope
    from flows.review import open_desk, reasons

    within = scope(context.obj.actor(Right.CHECK), Right.CHECK)
    with open_desk(context.obj.settings()) as desk:
        found = [
            (row, reasons(desk, row))
            for row in desk.catalogue.review_list(batch)
            if _within(desk, row, within)
        ]
        kinds = [desk.kind_name(row.type) for row, _ in found]
    if as_json:
        documents = [
            {
                "id": row.id,
                "batch": row.batch,
                "type": row.type,
                "pages": row.pages,
                "revision": row.revision,
                "reasons": why,
            }
            for row, why in found
        ]
        print_json({"total": len(found), "documents": documents})
    elif not found:
        say("Không có giấy tờ nào chờ xem.")
    else:
        rows = [
            (row.id, kind, ", ".join(map(str, row.pages)), "; ".join(why))
            for (row, why), kind in zip(found, kinds, strict=True)
        ]
        table(("Mã", "Loại giấy tờ", "Trang", "Vì sao"), rows)
        say(f"{len(found)} giấy tờ. Xem từng giấy: sohoa review show {found[0][0].id}")
    return NEEDS_PERSON if found else 0


@app.command(help="Các trường của một giấy tờ, kèm chứng cứ. / Fields of a record with their evidence.")
def show(
    context: typer.Context,
    document: str = _ID,
    crops: Path = typer.Option(
        None, "--crops", metavar="THƯ_MỤC", help="Ghi ảnh phóng to từng trường chờ xem. / Zoomed crops."
    ),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows.export import record_facts
    from flows.people import looked
    from flows.review import crops as crops_of
    from flows.review import open_desk, reasons
    from schemas.document import DocumentStatus

    call: Call = context.obj
    actor = call.actor(Right.CHECK, who)
    with open_desk(call.settings()) as desk:
        row = _record(desk, document)
        looked(desk.catalogue, actor, row.id)
        written = {}
        if crops is not None:
            crops.mkdir(parents=True, exist_ok=True)
            for name, data in crops_of(desk, row):
                written[name] = crops / f"{row.id}.{name}.png"
                written[name].write_bytes(data)
        saw(call.home, actor.who, row)
        if as_json:
            print_json(
                record_facts(row)
                | {"reasons": reasons(desk, row), "crops": {n: str(p) for n, p in written.items()}}
            )
        else:
            print_record(desk, row)
            for name, path in written.items():
                say(f"Ảnh phóng to {desk.field_name(row.type, name)}: {clean(path)}")
            if row.status is DocumentStatus.REVIEW:
                say(f'Sửa: sohoa review set {row.id} TRƯỜNG "GIÁ TRỊ"')
                say(f"Đồng ý: sohoa review confirm {row.id} TRƯỜNG… (hoặc --all: mọi trường còn chờ)")
    return NEEDS_PERSON if row.status is DocumentStatus.REVIEW else 0


@app.command("set", help='Sửa một trường; để trống "" nếu giấy không có. / Correct a field.')
def set_field(
    context: typer.Context,
    document: str = _ID,
    field: str = typer.Argument(..., metavar="TRƯỜNG", help="Tên trường, ví dụ ngay_ban_hanh. / Field."),
    value: str = typer.Argument(..., metavar="GIÁ_TRỊ", help="Ngày viết dd/mm/yyyy. / Dates as dd/mm/yyyy."),
    why: str = typer.Option(
        "", "--why", metavar="LÝ_DO", help="Lý do; bắt buộc khi giấy đã kiểm tra. / Reason."
    ),
    who: str = _WHO,
    revision: int = _REVISION,
) -> int:
    from flows.review import open_desk, set_value
    from schemas.texts import check_text

    call: Call = context.obj
    name = call.actor(Right.CHECK, who).who
    with open_desk(call.settings()) as desk:
        row = _record(desk, document)
        expected = revision if revision is not None else revision_seen(call.home, name, row)
        row = set_value(desk, row.id, field, value, who=name, why=why, expected_revision=expected)
        saw(call.home, name, row)
        say(f"Đã lưu {desk.field_name(row.type, field)}: {shown(row.fields[field].value)}")
        for code in row.fields[field].checks:
            say(f"  Lưu ý: {check_text(code)}")
        return _what_is_left(desk, row)


@app.command(help="Đồng ý với các trường. / Agree with fields.")
def confirm(
    context: typer.Context,
    document: str = _ID,
    fields: list[str] = typer.Argument(None, metavar="[TRƯỜNG…]", help="Các trường. / Fields."),
    everything: bool = typer.Option(
        False, "--all", help="Mọi trường còn chờ, kể cả kiểm tra không đạt. / All that waits."
    ),
    who: str = _WHO,
    revision: int = _REVISION,
) -> int:
    from flows.review import confirm as confirm_fields
    from flows.review import open_desk
    from schemas.errors import WrongUse

    if not fields and not everything:
        raise WrongUse("nêu tên trường, hoặc --all")
    call: Call = context.obj
    name = call.actor(Right.CHECK, who).who
    with open_desk(call.settings()) as desk:
        row = _record(desk, document)
        expected = revision if revision is not None else revision_seen(call.home, name, row)
        row = confirm_fields(
            desk, row.id, fields or [], everything=everything, who=name, expected_revision=expected
        )
        saw(call.home, name, row)
        return _what_is_left(desk, row)


@app.command(help="Loại: đây không phải giấy tờ cần lưu. / This is not a record.")
def reject(
    context: typer.Context,
    document: str = _ID,
    reason: str = typer.Option(..., "--reason", metavar="LÝ_DO", help="Lý do. / Reason."),
    who: str = _WHO,
    revision: int = _REVISION,
) -> None:
    from flows.review import open_desk
    from flows.review import reject as reject_record

    call: Call = context.obj
    name = call.actor(Right.CHECK, who).who
    with open_desk(call.settings()) as desk:
        row = _record(desk, document)
        expected = revision if revision is not None else revision_seen(call.home, name, row)
        row = reject_record(desk, row.id, reason=reason, who=name, expected_revision=expected)
        say(f"Đã loại {row.id}. Các trang của nó vẫn được tính và giữ lại.")


@app.command(help="Ghi chú về một trang. / Note something about a page.")
def note(
    context: typer.Context,
    document: str = _ID,
    page: int = typer.Argument(..., metavar="TRANG", help="Số trang trong tệp. / Page number in the file."),
    sticky: bool = typer.Option(
        False,
        "--sticky",
        help="Trang có giấy ghi chú, đã chụp hai lần (TT 01/2023 Đ8 k2d). / Sticky note, captured twice.",
    ),
    twin: int = typer.Option(
        None, "--twin", metavar="TRANG", help="Trang chụp không có giấy ghi chú. / Capture without it."
    ),
    who: str = _WHO,
) -> None:
    from flows.review import note_sticky, open_desk
    from schemas.errors import WrongUse

    if not sticky:
        raise WrongUse("nêu loại ghi chú: --sticky")
    name = context.obj.actor(Right.CHECK, who).who
    with open_desk(context.obj.settings()) as desk:
        row = note_sticky(desk, _record(desk, document).id, page, twin=twin, who=name)
        say(f"Đã ghi: trang {page} của {row.id} được chụp hai lần, có và không có giấy ghi chú.")


def _record(desk: Desk, document: str) -> DocumentRow:
    """A record that whoever types this may check. Raises NotFound, NotAllowed."""
    from flows.people import require_document

    row = desk.catalogue.document(document)
    require_document(desk.catalogue, current_actor(), Right.CHECK, row.id)
    return row


def _within(desk: Desk, row: DocumentRow, within: Scope) -> bool:
    return within.units is None or (desk.catalogue.batch(row.batch).unit or "") in within.units


def print_record(desk: Desk, row: DocumentRow, *, history: bool = True) -> None:
    """A record for people: codes, fields with evidence, checks, tables, history (which holds values)."""
    from schemas.document import CheckResult
    from schemas.texts import DOCUMENT_STATUSES, check_text

    say(f"{desk.kind_name(row.type)}  {row.id}  ({DOCUMENT_STATUSES[row.status]}, lần sửa {row.revision})")
    say(f"Lô {row.batch}, trang {', '.join(map(str, row.pages))} của tệp {row.source[:12]}…")
    codes = {
        "Mã văn bản": row.doc_code,
        "Mã kết quả": row.result_code,
        "Mã số hoá": row.digitised_code,
        "Hồ sơ": row.dossier_code,
    }
    for title, code in codes.items():
        if code:
            say(f"{title}: {clean(code)}")
    if row.valid_from:
        end = shown(row.valid_to) if row.valid_to else "không ghi thời hạn"
        issued = row.fields.get("ngay_ban_hanh")
        doubt = " (theo ngày chưa được xác nhận)" if issued is not None and issued.status == "review" else ""
        say(f"Hiệu lực: {shown(row.valid_from)} – {end}{doubt}")
    colours = {"review": "yellow", "missing": "red", "confirmed": "blue", "corrected": "magenta"}
    waiting = [item for item in row.fields.items() if item[1].status in ("review", "missing")]
    others = [item for item in row.fields.items() if item not in waiting]
    table(
        ("Trường", "Tên trường", "Giá trị", "In trên giấy", "Tin cậy", "Tr.", "Trạng thái", "Lưu ý"),
        [_line(desk, row, name, field) for name, field in waiting + others],
        colours=[colours.get(field.status) for _, field in waiting + others],
        unbroken=("Tên trường", "Trạng thái"),
    )
    for check in row.checks:
        if check.result is not CheckResult.OK and check.code != "required":
            mark = "Không đạt" if check.result is CheckResult.FAILED else "Lưu ý"
            names = ", ".join(desk.field_name(row.type, n) for n in check.fields)
            detail = f" ({clean(check.detail)})" if check.detail else ""
            say(f"{mark}: {check_text(check.code)}{detail}{f' [{names}]' if names else ''}")
    for title, cells in row.tables.items():
        if cells:
            say(f"Bảng {title.replace('_', ' ')}:")
            table(list(cells[0]), [list(cell.values()) for cell in cells])
    changes = [change for change in desk.catalogue.history(row.id) if change.who != "system" and history]
    if changes:
        say("Đã sửa:")
        for change in changes:
            said = f"{shown(change.old_value)} → {shown(change.new_value)}"
            if change.old_value == change.new_value:
                said = f"đồng ý với {shown(change.new_value)}"
            why = f" ({clean(change.why)})" if change.why else ""
            say(
                f"  {moment(change.at)} {clean(change.who)}: {desk.field_name(row.type, change.field)}: {said}{why}"
            )


def _line(desk: Desk, row: DocumentRow, name: str, field: FieldValue) -> tuple:
    """A field as a row of the table; the print is shown where it says more than the value."""
    from schemas.texts import FIELD_STATUSES, check_text

    value = "" if field.value is None else shown(field.value)
    if field.handwritten and field.status == "review":
        value += " [VIẾT TAY, máy chỉ đề xuất]"
    printed = field.printed or ""
    if printed.casefold() in ((field.value or "").casefold(), shown(field.value).casefold()):
        printed = ""
    notes = "; ".join(check_text(code) for code in field.checks)
    confidence = f"{field.confidence:.3f}".replace(".", ",")
    return (
        desk.field_name(row.type, name),
        name,
        value,
        printed,
        confidence,
        field.page or "",
        FIELD_STATUSES[field.status],
        notes,
    )


def _what_is_left(desk: Desk, row: DocumentRow) -> int:
    from flows.review import reasons
    from schemas.document import DocumentStatus

    if row.status is not DocumentStatus.REVIEW:
        code = f", mã {row.doc_code}" if row.doc_code else ""
        say(f"{row.id} đã kiểm tra xong{code}.")
        return 0
    say(f"{row.id} còn chờ: {clean('; '.join(reasons(desk, row)))}")
    return NEEDS_PERSON
