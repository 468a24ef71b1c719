"""`sohoa copy list|save|cancel|fail|register-print` and `sohoa deliver`: the book, and handing over."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import typer

from cli.call import NEEDS_PERSON
from cli.copies import JSON, WHO, _desk, _write, app
from cli.terminal import clean, moment, print_json, say, table
from schemas.errors import NotFound, WrongUse
from schemas.people import Right

_KINDS = {"sct": "sct_bs", "sy": "sy", "sl": "sl", "trs": "trs", "so-goc": "so_goc"}
_STATES = {"pending": "đang dở", "completed": "đã cấp", "failed": "không sử dụng", "cancelled": "đã huỷ"}
_DELIVERY = {"waiting": "chờ gửi", "delivered": "đã gửi", "failed": "cần người xem"}
_CHANNELS = {"email": "thư điện tử", "kho": "Kho của công dân"}

KIND = typer.Option("sct", "--kind", metavar="SỔ", help="sct, sy, sl, trs, so-goc.")
YEAR = typer.Option(
    0, "--year", metavar="NĂM", help="Năm của sổ; để trống: năm nay. / Year of the book; this one."
)
ENTRY = typer.Argument(..., metavar="MÃ", help="Mã dòng sổ (C-…). / Id of the row.")


def add_to(root: typer.Typer) -> None:
    root.command(help="Gửi bản sao: thư điện tử, Kho của công dân. / Deliver copies.")(deliver)


@app.command("list", help="Các dòng trong sổ và việc gửi. / Rows of a book and their delivery.")
def list_copies(
    context: typer.Context,
    kind: str = KIND,
    year: int = YEAR,
    month: int = typer.Option(
        0, "--month", min=0, max=12, metavar="THÁNG", help="Chỉ tháng này. / Only this month."
    ),
    who: str = WHO,
    as_json: bool = JSON,
) -> int:
    from flows.delivery import outbox_of

    with _desk(context, who, (Right.REGISTER, Right.CERTIFY)) as desk:
        book = _book(desk, kind, year, must_be=False)
        entries = desk.register.entries(book.id, month or None) if book else []
        sent = {entry.id: outbox_of(desk).messages(entry.id) for entry in entries}
        desk.catalogue.event(desk.who, "register_seen", book.id if book else "", {"rows": len(entries)})
    pending = [entry for entry in entries if entry.state == "pending"]
    if as_json:
        print_json(
            [
                entry.model_dump(mode="json")
                | {
                    "number_text": entry.full_number,
                    "deliveries": [m.model_dump(mode="json") for m in sent[entry.id]],
                }
                for entry in entries
            ]
        )
    elif not entries:
        say("Chưa có bản sao nào trong sổ này.")
    else:
        rows = [
            (
                e.id,
                e.full_number,
                f"{e.day:%d/%m/%Y}",
                e.draft.requester,
                e.draft.original,
                _STATES[e.state],
                _sent(sent[e.id]),
            )
            for e in entries
        ]
        table(("Mã", "Số", "Ngày", "Người yêu cầu", "Giấy tờ", "Tình trạng", "Gửi"), rows, unbroken=("Mã",))
        if pending:
            say(f"{len(pending)} bản sao đang dở. Làm tiếp: sohoa copy resume")
    return NEEDS_PERSON if pending else 0


@app.command("save", help="Ghi bản sao đã cấp ra tệp. / Write an issued copy to a file.")
def save(
    context: typer.Context,
    entry: str = ENTRY,
    to: Path = typer.Option(..., "--to", metavar="TỆP", help="Ghi ra đây. / Where to."),
    who: str = WHO,
) -> None:
    from flows.delivery import issued_file

    with _desk(context, who, (Right.REGISTER, Right.CERTIFY)) as desk:
        ref = issued_file(desk, desk.register.entry(entry))
        _write(to, desk.store.get(ref.key, ref.version))
        desk.catalogue.event(desk.who, "copy_handed_out", entry, {"sha256": ref.sha256})
    say(f"Tệp: {clean(to)}")


@app.command("cancel", help="Huỷ bản sao đã cấp, theo quyết định. / Cancel an issued copy, by a decision.")
def cancel(
    context: typer.Context,
    entry: str = ENTRY,
    decision: str = typer.Option(
        ..., "--decision", metavar="SỐ", help="Số, ký hiệu quyết định. / The decision."
    ),
    day: datetime = typer.Option(
        ..., "--date", formats=["%Y-%m-%d"], metavar="NGÀY", help="Ngày quyết định. / Its day."
    ),
    by: str = typer.Option(
        ..., "--by", metavar="NGƯỜI", help="Ai quyết định, chức danh. / Who decided, title."
    ),
    reason: str = typer.Option(..., "--reason", metavar="LÝ_DO", help="Lý do. / Reason."),
    who: str = WHO,
) -> None:
    from schemas.register import Cancelling

    with _desk(context, who) as desk:
        cancelling = Cancelling(decision=decision, decision_date=day.date(), decided_by=by, reason=reason)
        row = desk.register.cancel(entry, cancelling, who=desk.who)
    say(f"Đã huỷ số {row.full_number}; trang kiểm tra sẽ báo đã huỷ.")


@app.command("fail", help="Bỏ một số đang dở, có lý do; số vẫn ở trong sổ. / Give up a pending number.")
def fail(
    context: typer.Context,
    entry: str = ENTRY,
    reason: str = typer.Option(..., "--reason", metavar="LÝ_DO", help="Lý do, ghi vào sổ. / Reason."),
    who: str = WHO,
) -> None:
    with _desk(context, who) as desk:
        row = desk.register.fail(entry, reason, who=desk.who)
    say(f"Số {row.full_number} không sử dụng: {clean(reason)}")


@app.command(
    "register-print", help="In sổ của một tháng (hoặc cả năm) ra PDF. / Print a month of a book as PDF."
)
def register_print(
    context: typer.Context,
    month: int = typer.Option(
        0, "--month", min=0, max=12, metavar="THÁNG", help="Tháng; để trống: cả năm. / Month; the year."
    ),
    kind: str = KIND,
    year: int = YEAR,
    to: Path = typer.Option(..., "--to", metavar="TỆP", help="Ghi ra đây. / Where to."),
    who: str = WHO,
) -> None:
    from storage.register.print_pdf import print_sheet

    with _desk(context, who) as desk:
        book = _book(desk, kind, year)
        sheet = desk.register.sheet(book.id, month or None)
        data = print_sheet(sheet, desk.keys.agency, desk.moment())
        desk.register.record_print(sheet, data, who=desk.who)
        _write(to, data)
    say(f"Đã in {len(sheet.entries)} dòng: {clean(to)}")


def deliver(
    context: typer.Context,
    entry: str = typer.Argument(
        "", metavar="[MÃ]", help="Mã dòng sổ cần gửi; để trống: gửi hết phần đang chờ. / Row; all due."
    ),
    email: str = typer.Option("", "--email", metavar="ĐỊA_CHỈ", help="Gửi thư điện tử tới. / By e-mail to."),
    identity: str = typer.Option(
        "", "--identity", metavar="SỐ", help="Gửi vào Kho của công dân. / To the citizen's store."
    ),
    again: str = typer.Option(
        "", "--again", metavar="MÃ", help="Gửi lại mục đã dừng (M-…). / One that was given up."
    ),
    shown: bool = typer.Option(False, "--list", help="Chỉ xem, không gửi. / Only show."),
    who: str = WHO,
    as_json: bool = JSON,
) -> int:
    from flows.delivery import deliver as send
    from flows.delivery import outbox_of, queue_delivery
    from schemas.copies import Channel, DeliveryState

    if (email or identity) and not entry:
        raise WrongUse("nêu mã dòng sổ (C-…)")
    with _desk(context, who) as desk:
        box = outbox_of(desk)
        for channel, address in ((Channel.EMAIL, email), (Channel.CITIZEN_STORE, identity)):
            if address:
                queue_delivery(desk, entry, channel, address)
        if again:
            box.again(again, who=desk.who)
        if not shown:
            send(desk)
        messages = box.messages(entry or None)
    if as_json:
        print_json([message.model_dump(mode="json") for message in messages])
    elif not messages:
        say("Không có gì để gửi.")
    else:
        rows = [
            (m.id, m.entry, _CHANNELS[m.channel], _DELIVERY[m.state], m.attempts, _evidence(m))
            for m in messages
        ]
        table(
            ("Mã", "Dòng sổ", "Cách gửi", "Tình trạng", "Lần", "Bằng chứng / lỗi"),
            rows,
            unbroken=("Mã", "Dòng sổ"),
        )
    return NEEDS_PERSON if any(m.state is not DeliveryState.DELIVERED for m in messages) else 0


def _evidence(message) -> str:
    if message.receipt is None:
        return message.problem
    label = "MÔ PHỎNG, chưa gửi thật · " if message.receipt.simulated else ""
    return f"{label}{moment(message.receipt.at)} · {message.receipt.message_id} · {message.receipt.response}"


def _sent(messages) -> str:
    return ", ".join(f"{_CHANNELS[m.channel]}: {_DELIVERY[m.state]}" for m in messages)


def _book(desk, kind: str, year: int, *, must_be: bool = True):
    """The book of a kind and year of this office. Raises WrongUse, NotFound."""
    if kind not in _KINDS:
        raise WrongUse(f"--kind {clean(kind)}: {', '.join(_KINDS)}")
    wanted = (desk.register.book_kind(_KINDS[kind]), year or desk.moment().year)
    found = [b for b in desk.register.books(desk.agency_code) if (b.series.kind, b.year) == wanted]
    if not found and must_be:
        raise NotFound(f"sổ {kind} năm {wanted[1]}")
    return found[0] if found else None
