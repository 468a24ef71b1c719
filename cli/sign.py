"""`sohoa sign`: signatures on what was digitised, a batch at a time."""

from __future__ import annotations

import getpass
import sys

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, say, show_error
from schemas.errors import WrongUse
from schemas.people import Right
from schemas.signing import Role

app = typer.Typer(no_args_is_help=True, help="Ký số hồ sơ đã số hoá. / Sign digitised records.")
_ROLES = {"scanner": "người sao chụp", "certifier": "người thực hiện chứng thực", "agency": "cơ quan"}
_NEEDS = {Role.SCANNER: Right.SIGN, Role.AGENCY: Right.REGISTER}


def ask_pin(role: Role, what: str) -> str:
    """PIN or password of a key; from the terminal without showing it, else one line of stdin."""
    if sys.stdin.isatty():
        pin = getpass.getpass(
            f"Mã PIN / mật khẩu khoá của {_ROLES[role]} ({clean(what)}): ", stream=sys.stderr
        )
    else:
        pin = sys.stdin.readline().rstrip("\n")
    if not pin:
        raise WrongUse(f"chưa nhập mã PIN của {_ROLES[role]}")
    return pin


@app.command("batch", help="Ký cả lô theo đúng thứ tự luật định. / Sign a batch in the order of the law.")
def sign_a_batch(
    context: typer.Context,
    batch: str = typer.Argument(..., metavar="LÔ", help="Mã lô. / Batch id."),
    role: str = typer.Option(
        "",
        "--role",
        metavar="VAI",
        help="Chỉ ký vai này: scanner, agency. / Only this role; both when not given.",
    ),
    yes: bool = typer.Option(False, "--yes", help="Đã duyệt cả lô, không hỏi lại. / Approved; do not ask."),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người duyệt ký. / Who approves."),
) -> int:
    from flows.copies_desk import open_copy_desk
    from flows.people import require_batch
    from flows.sign_batch import ORDER, sign_batch

    call: Call = context.obj
    if role and role not in [str(r) for r in ORDER]:
        raise WrongUse(f"--role {clean(role)}: scanner, agency")
    actor = call.actor((Right.SIGN, Right.REGISTER), who)
    # Without --role: what this person may sign; the agency's key is the registrar's (NĐ 30/2020 Điều 32).
    roles = [Role(role)] if role else [r for r in ORDER if actor.may(_NEEDS[r])]
    name = actor.who
    with open_copy_desk(call.settings(), who=name, ask_pin=ask_pin) as desk:
        for one in roles:
            require_batch(desk.catalogue, actor, _NEEDS[one], batch)
        count = len(desk.catalogue.documents(desk.catalogue.batch(batch).id))
        signers = ", ".join(_ROLES[r] for r in roles)
        if not yes and not typer.confirm(
            f"Duyệt ký {count} giấy tờ của lô {clean(batch)} ({signers})?", err=True
        ):
            raise typer.Abort
        if desk.keys.demo(*roles):
            say("Đang dùng khoá thử nghiệm: chữ ký không có giá trị pháp lý.", file=sys.stderr)
        result = sign_batch(desk, batch, approved_by=name, roles=roles, progress=_shown)
    if sys.stderr.isatty():
        say(file=sys.stderr)
    if result.scanned:
        say(f"Người sao chụp đã ký: {len(result.scanned)} giấy tờ.")
    if result.archived:
        say(f"Cơ quan đã ký, đã kiểm tra lại và lưu: {len(result.archived)} giấy tờ.")
    if result.as_came:
        say(f"Tệp đã ký sẵn, lưu nguyên như lúc đến: {len(result.as_came)} giấy tờ.")
    if result.done_before:
        say(f"Đã ký và lưu từ trước: {len(result.done_before)} giấy tờ.")
    for document, why in result.waiting.items():
        say(f"Chưa ký được {document}: {why}")
    for document, error in result.failed.items():
        say(f"Không ký được {document}:")
        show_error(error, call.language)
    return NEEDS_PERSON if result.needs_person else 0


def _shown(done: int, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\rĐang ký: {done}/{count}", end="", file=sys.stderr, flush=True)
