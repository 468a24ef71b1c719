"""`sohoa get`, `reuse` and `lookup`: results handed out, used again, looked for before anybody is asked for paper."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, print_json, say, shown, table
from schemas.errors import WrongUse

_HELD = ("ban_goc", "ban_chinh", "ban_sao_y")
_PLACES = {"national": "CSDL quốc gia", "archive": "Kho của cơ quan", "citizen": "Công dân"}
_OUTCOMES = {
    "found": "có",
    "not_found": "không có",
    "unusable": "có, không dùng được",
    "unavailable": "không trả lời",
    "not_connected": "chưa kết nối",
    "ask": "cần yêu cầu",
}
_STATES = {"active": "bản hiện hành", "superseded": "đã có bản mới hơn", "cancelled": "đã huỷ"}


def add_to(app: typer.Typer) -> None:
    app.command(help="Lấy tệp của một giấy tờ, đã kiểm tra mã băm. / Hand out a record's file, verified.")(get)
    app.command(
        help="Ghi nhận dùng lại một kết quả cho một hồ sơ. / Use a result again for a dossier, written down."
    )(reuse)
    app.command(
        help="Tra trước khi yêu cầu giấy tờ (NQ 66.7/2025): CSDL quốc gia, kho, công dân. / Look up before asking for paper."
    )(lookup)


def get(
    context: typer.Context,
    document: str = typer.Argument(..., metavar="MÃ", help="Mã giấy tờ hoặc DocCode. / Record id or DocCode."),
    version: int = typer.Option(
        None, "--version", min=1, metavar="SỐ", help="Phiên bản; để trống: mới nhất. / Version; newest."
    ),
    to: Path = typer.Option(
        Path(), "--to", metavar="NƠI", help="Tệp hoặc thư mục để ghi. / File or folder to write to."
    ),
    purpose: str = typer.Option(
        "", "--purpose", metavar="CHỮ", help="Mục đích, ghi vào nhật ký. / Purpose, for the log."
    ),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> None:
    from flows.exchange import by_code
    from flows.export import write_new
    from flows.get import get as handed_out
    from flows.review import open_desk
    from schemas.people import Right

    call: Call = context.obj
    actor = call.actor((Right.SEE_PERSONAL, Right.SCAN), who)
    with open_desk(call.settings()) as desk:
        if "_" in document:
            row, named = by_code(desk, actor, document, Right.SEE_PERSONAL)
            document, version = row.id, version or named
        got, data = handed_out(desk, actor, document, version=version, purpose=purpose)
        path = to / got.name if to.is_dir() else to
        path.parent.mkdir(parents=True, exist_ok=True)
        write_new(path, data)
    if as_json:
        print_json(got.model_dump(mode="json") | {"file": str(path)})
        return
    say(f"{clean(path)}")
    state = _STATES[got.state]
    say(f"Phiên bản V{got.version}/{got.newest} ({state}); SHA-256 khớp: {got.archive.sha256}")
    for note in got.signatures:
        say(f"Chữ ký: {clean(note.signer)} · {clean(note.agency)} · {clean(note.time)} · {clean(note.verdict)}")
    if not got.signed:
        say("Tệp chưa có chữ ký số.")
    say(f"Hiệu lực: {clean(got.validity_reason or got.validity)}")


def reuse(
    context: typer.Context,
    document: str = typer.Argument(..., metavar="MÃ", help="Mã giấy tờ. / Record id."),
    dossier: str = typer.Option(
        ..., "--dossier", metavar="MÃ", help="Mã hồ sơ TTHC dùng giấy tờ này. / Dossier that uses it."
    ),
    purpose: str = typer.Option(..., "--purpose", metavar="CHỮ", help="Dùng để làm gì. / What for."),
    copy: bool = typer.Option(False, "--copy", help="Cấp kèm bản sao y điện tử. / Also issue a true copy."),
    held: str = typer.Option(
        "", "--held", metavar="BẢN", help="Cơ quan đang giữ: ban_goc, ban_chinh; cho --copy. / What is held."
    ),
    requester: str = typer.Option(
        "", "--requester", metavar="TÊN", help="Người nhận bản sao y. / Who gets the copy."
    ),
    original: str = typer.Option(
        "", "--original", metavar="TÊN", help="Tên, số, ngày của văn bản, ghi vào sổ. / Name of the văn bản."
    ),
    to: Path = typer.Option(None, "--to", metavar="TỆP", help="Ghi bản sao y ra đây. / Write the copy here."),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> None:
    from cli.sign import ask_pin
    from flows.copies_desk import open_copy_desk
    from flows.export import write_new
    from flows.reuse import reuse as used
    from flows.review import open_desk
    from schemas.people import Right
    from schemas.reuse import CopyWanted

    call: Call = context.obj
    actor = call.actor(Right.REUSE, who)
    if not copy:
        if held or requester or original or to is not None:
            raise WrongUse("--held, --requester, --original, --to đi cùng --copy")
        with open_desk(call.settings()) as desk:
            done = used(desk, actor, document, dossier, purpose)
    else:
        if held not in _HELD or not requester.strip() or not original.strip():
            raise WrongUse("--copy cần --held ban_goc|ban_chinh, --requester và --original")
        wanted = CopyWanted(held_as=held, requester=requester, original=original)
        with open_copy_desk(call.settings(), who=actor.who, ask_pin=ask_pin) as desk:
            done = used(desk, actor, document, dossier, purpose, copy=wanted)
            issued = done.copy_issued
            if to is not None:
                write_new(to, desk.store.get(issued.archive.key, issued.archive.version))
    if as_json:
        print_json(done.model_dump(mode="json"))
        return
    use = done.reuse
    say(
        f"{'Đã ghi nhận' if done.new else 'Đã ghi nhận từ trước'}: {use.document} V{use.version} cho hồ sơ "
        f"{clean(use.dossier)} · {clean(use.purpose)} · {clean(use.actor_name)}"
    )
    if done.copy_issued is not None:
        say(f"Bản sao y số {clean(done.copy_issued.number)}, mã tra cứu {clean(done.copy_issued.code)}.")
        if done.copy_issued.demo:
            say("Đã ký bằng khoá thử nghiệm: bản sao không có giá trị pháp lý.")


def lookup(
    context: typer.Context,
    id_number: str = typer.Option(
        ..., "--id-number", metavar="SỐ", help="Số định danh, CMND hoặc MST. / Number of the owner."
    ),
    kind: str = typer.Option(
        ..., "--kind", metavar="LOẠI", help="Loại giấy tờ, ví dụ giay_khai_sinh. / Kind of paper."
    ),
    dossier: str = typer.Option("", "--dossier", metavar="MÃ", help="Mã hồ sơ TTHC. / Dossier."),
    purpose: str = typer.Option("", "--purpose", metavar="CHỮ", help="Tra để làm gì. / What for."),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from pydantic import ValidationError

    from flows.lookup import lookup as looked_up
    from flows.review import open_desk
    from schemas.people import Right
    from schemas.reuse import Question

    call: Call = context.obj
    actor = call.actor(Right.SEARCH, who)
    number = id_number.replace(" ", "").upper()
    try:
        question = Question(id_number=number, kind=kind, dossier=dossier, purpose=purpose)
    except ValidationError:
        raise WrongUse("--id-number: 6-20 chữ số hoặc chữ cái; --kind: mã loại giấy tờ, ví dụ giay_khai_sinh") from None
    with open_desk(call.settings()) as desk:
        if kind not in desk.forms:
            raise WrongUse(f"--kind {clean(kind)}: không có loại giấy tờ này")
        found = looked_up(desk, actor, question)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return NEEDS_PERSON if found.ask else 0
    rows = [(_PLACES[s.place], clean(s.source), _OUTCOMES[s.outcome], clean(s.detail)) for s in found.steps]
    table(("Nơi tra", "Nguồn", "Kết quả", "Chi tiết"), rows)
    if found.national is not None:
        for name, value in found.national.data.items():
            say(f"  {clean(name)}: {shown(value)}")
    for answer in found.archive:
        say(f"  {answer.document}: {'dùng lại được' if answer.usable else clean(answer.reason)}")
    if found.simulated:
        say("Câu trả lời là MÔ PHỎNG, không được dùng để giải quyết hồ sơ.")
    if found.ask:
        say(clean(found.ask))
    return NEEDS_PERSON if found.ask else 0
