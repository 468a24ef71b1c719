"""`sohoa unit`, `sohoa user` and `sohoa token`: agencies, people and their rights, tokens of other systems."""

from __future__ import annotations

import getpass
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, print_json, say, table
from schemas.errors import WrongUse
from schemas.people import ROLE_NAMES, TOKEN_SCOPES, Right, Role

if TYPE_CHECKING:
    from storage.people import UserRow

unit_app = typer.Typer(no_args_is_help=True, help="Cơ quan, đơn vị và thời hạn. / Agencies and their days.")
user_app = typer.Typer(no_args_is_help=True, help="Người dùng và quyền. / Users and rights.")
token_app = typer.Typer(no_args_is_help=True, help="Token cho hệ thống khác. / Tokens of other systems.")

_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")
_USER = typer.Argument(..., metavar="TÊN_ĐĂNG_NHẬP", help="Tên đăng nhập hoặc mã. / Login or id.")
_ROLE = typer.Option(None, "--role", metavar="VAI", help=f"{', '.join(Role)}.")
_UNIT = typer.Option(None, "--unit", metavar="ĐƠN_VỊ", help="Mã đơn vị. / Code or id of the unit.")
_OWN = typer.Option(
    False, "--own-only", help="Chỉ đơn vị này, không gồm đơn vị dưới. / Without the units below."
)
_REASON = typer.Option("", "--reason", metavar="LÝ_DO", help="Lý do. / Reason.")
_STDIN = typer.Option(
    False, "--password-stdin", help="Đọc mật khẩu từ một dòng stdin. / Password from a line of stdin."
)
_DAY = ["%Y-%m-%d"]


# --- units -----------------------------------------------------------------------------------------------------------
@unit_app.command("add", help="Thêm một cơ quan, đơn vị. / Add a unit.")
def add_unit(
    context: typer.Context,
    name: str = typer.Argument(..., metavar="TÊN", help="Tên đầy đủ. / Full name."),
    code: str = typer.Option(
        "", "--code", metavar="MÃ", help="Mã định danh (QĐ 20/2020/QĐ-TTg). / Code of the agency."
    ),
    parent: str = typer.Option(None, "--parent", metavar="ĐƠN_VỊ", help="Cơ quan cấp trên. / Unit above."),
    level: str = typer.Option(
        "", "--level", metavar="CẤP", help="ministry, province, district, commune, part."
    ),
    since: datetime = typer.Option(
        None, "--from", formats=_DAY, metavar="NGÀY", help="Ngày bắt đầu. / First day."
    ),
    until: datetime = typer.Option(None, "--to", formats=_DAY, metavar="NGÀY", help="Ngày cuối. / Last day."),
) -> None:
    from flows import people_manage as manage
    from flows.people import open_people

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    with open_people(call.settings()) as people:
        row = manage.add_unit(
            people, actor, name, code=code, parent=parent, level=level,
            valid_from=since.date() if since else None, valid_to=until.date() if until else None,
        )  # fmt: skip
    say(f"Đã thêm {clean(row.name)} ({row.code or row.id}).")


@unit_app.command("list", help="Các đơn vị. / Units.")
def list_units(
    context: typer.Context,
    on: datetime = typer.Option(
        None,
        "--on",
        formats=_DAY,
        metavar="NGÀY",
        help="Chỉ đơn vị có hiệu lực ngày này. / Valid on that day.",
    ),
    as_json: bool = _JSON,
) -> None:
    from dataclasses import asdict

    from flows.people import open_people

    call: Call = context.obj
    with open_people(call.settings()) as people:
        rows = people.units.list(on=on.date() if on else None)
    if as_json:
        print_json({"total": len(rows), "units": [asdict(row) for row in rows]})
        return
    if not rows:
        say("Chưa khai đơn vị nào: sohoa unit add TÊN --code MÃ")
        return
    names = {row.id: row.name for row in rows}
    table(
        ("Mã", "Tên", "Cấp", "Cấp trên", "Từ", "Đến", "Kế tiếp"),
        [
            (r.code or r.id, r.name, r.level, names.get(r.parent, ""), r.valid_from or "", r.valid_to or "",
             ", ".join(names.get(s, s) for s in r.successors))
            for r in rows
        ],
        unbroken=("Mã",),
    )  # fmt: skip


@unit_app.command("close", help="Đóng một đơn vị; đơn vị kế tiếp tiếp nhận hồ sơ. / Close; others take over.")
def close_unit(
    context: typer.Context,
    unit: str = typer.Argument(..., metavar="ĐƠN_VỊ", help="Mã đơn vị. / Code or id."),
    day: datetime = typer.Option(
        ..., "--day", formats=_DAY, metavar="NGÀY", help="Ngày cuối cùng còn hoạt động. / Last day."
    ),
    successors: list[str] = typer.Option(
        None, "--successor", metavar="ĐƠN_VỊ", help="Đơn vị tiếp nhận; nhắc lại được. / Who takes over."
    ),
) -> None:
    from flows.people import open_people
    from flows.people_manage import close_unit as close

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    with open_people(call.settings()) as people:
        row = close(people, actor, unit, day.date(), successors or ())
    say(f"Đã đóng {clean(row.name)} từ hết ngày {day:%d/%m/%Y}; {len(row.successors)} đơn vị kế tiếp.")


@unit_app.command("import", help="Nhập danh sách đơn vị từ CSV. / Import units.")
def import_units(
    context: typer.Context,
    file: Path = typer.Argument(
        ..., metavar="TỆP", help="Cột: code,name,level,parent,valid_from,valid_to,successors."
    ),
) -> int:
    from flows.people import open_people
    from flows.people_manage import import_units as take_in

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    with open_people(call.settings()) as people:
        done = take_in(people, actor, file)
    for problem in done.problems:
        say(clean(problem))
    if done.problems:
        say("Chưa nhập đơn vị nào; sửa tệp rồi nhập lại.")
        return NEEDS_PERSON
    say(f"Đã thêm {len(done.added)} đơn vị, đóng {len(done.closed)} đơn vị.")
    return 0


# --- users -----------------------------------------------------------------------------------------------------------
@user_app.command("code", help="Mã dùng một lần để tạo người quản trị đầu tiên. / One-time code.")
def first_code(context: typer.Context) -> None:
    from flows.people import open_people

    call: Call = context.obj
    call.actor(Right.MANAGE_USERS)
    with open_people(call.settings()) as people:
        show_code(people.first_code.issue(), people.settings.people.first_code_hours)


def show_code(code: str, hours: int) -> None:
    say(f"Mã dùng một lần để tạo người quản trị đầu tiên, giữ kín, hết hạn sau {hours} giờ: {code}")
    say("Mã này chỉ hiện một lần. Xin mã khác: sohoa user code")


@user_app.command("add", help="Thêm người dùng; người đầu tiên là người quản trị. / Add a user.")
def add_user(
    context: typer.Context,
    name: str = typer.Argument(..., metavar="HỌ_TÊN", help="Họ và tên. / Name."),
    login: str = typer.Option(
        ...,
        "--login",
        metavar="TÊN",
        help="Tên đăng nhập, trùng tên đăng nhập máy tính. / Login, as on the PC.",
    ),
    roles: list[str] = _ROLE,
    unit: str = _UNIT,
    own_only: bool = _OWN,
    ask: bool = typer.Option(
        False, "--with-password", help="Hỏi mật khẩu cho trang web. / Ask for a password for the portal."
    ),
    stdin: bool = _STDIN,
) -> None:
    from flows.people import first_admin, open_people, os_login
    from flows.people_manage import add_user as add
    from storage.people.logins import login_of

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    wanted = [_role(role) for role in roles or ()]
    with open_people(call.settings()) as people:
        first = people.users.count() == 0
        code = _line("Mã dùng một lần (sohoa init đã in ra): ", "mã dùng một lần") if first else ""
        password = _new_password(stdin) if ask or stdin else None
        if first:
            user = first_admin(people, code, login=login, name=name, password=password, via="cli")
            for role in wanted:
                if role is not Role.ADMINISTRATOR:
                    user = people.users.give_role(user.id, role, by=actor)
        else:
            user = add(
                people, actor, name, login, unit=unit, roles=wanted, subtree=not own_only, password=password
            )
    say(f"Đã thêm {clean(user.name)} ({user.login}), mã {user.id}: {_roles(user, {})}.")
    if first and login_of(login) != os_login().casefold():
        say(
            f"Từ nay các lệnh chỉ nhận người dùng đã khai. Tên đăng nhập máy này là {clean(os_login())}: "
            "hãy đăng nhập máy bằng tên vừa khai để dùng lệnh, hoặc làm việc trên trang web."
        )


@user_app.command("list", help="Người dùng và vai trò. / Users and roles.")
def list_users(context: typer.Context, as_json: bool = _JSON) -> None:
    from dataclasses import asdict

    from flows.people import open_people

    call: Call = context.obj
    call.actor((Right.MANAGE_USERS, Right.AUDIT))
    with open_people(call.settings()) as people:
        rows = people.users.list()
        names = {unit.id: unit.name for unit in people.units.list()}
    if as_json:
        users = [asdict(row) | {"made": row.made.isoformat()} for row in rows]
        print_json({"total": len(rows), "users": users})
        return
    if not rows:
        say(
            "Chưa có người dùng nào: ai dùng máy này cũng có mọi quyền. Thêm: sohoa user add HỌ_TÊN --login TÊN"
        )
        return
    status = {"active": "đang dùng", "locked": "đã khoá", "disabled": "đã thôi"}
    table(
        ("Tên đăng nhập", "Họ tên", "Đơn vị", "Vai trò", "Trạng thái", "Mật khẩu"),
        [
            (r.login, r.name, names.get(r.unit, ""), _roles(r, names), status[r.status], "có" if r.has_password else "")
            for r in rows
        ],
        unbroken=("Tên đăng nhập",),
    )  # fmt: skip


@user_app.command("role", help="Cho hoặc rút một vai trò. / Give or take a role.")
def change_role(
    context: typer.Context,
    user: str = _USER,
    role: str = typer.Argument(..., metavar="VAI", help=f"{', '.join(Role)}."),
    unit: str = _UNIT,
    own_only: bool = _OWN,
    take: bool = typer.Option(False, "--take", help="Rút vai trò. / Take it away."),
) -> None:
    from flows.people import open_people
    from flows.people_manage import give_role, take_role

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    with open_people(call.settings()) as people:
        if take:
            row = take_role(people, actor, user, _role(role), unit=unit)
        else:
            row = give_role(people, actor, user, _role(role), unit=unit, subtree=not own_only)
        names = {one.id: one.name for one in people.units.list()}
    say(f"{clean(row.name)} ({row.login}): {_roles(row, names)}.")


@user_app.command("lock", help="Khoá tạm thời; các phiên đang mở bị đóng. / Lock; sessions end.")
def lock(context: typer.Context, user: str = _USER, reason: str = _REASON) -> None:
    _status(context, user, "locked", reason, "Đã khoá")


@user_app.command("unlock", help="Mở khoá. / Unlock.")
def unlock(context: typer.Context, user: str = _USER, reason: str = _REASON) -> None:
    _status(context, user, "active", reason, "Đã mở khoá")


@user_app.command("disable", help="Thôi dùng (nghỉ việc, chuyển đi); lịch sử vẫn giữ. / Has left.")
def disable(context: typer.Context, user: str = _USER, reason: str = _REASON) -> None:
    _status(context, user, "disabled", reason, "Đã cho thôi dùng")


@user_app.command("password", help="Đặt mật khẩu: của mình, hoặc của người mình quản lý. / Set a password.")
def set_password(
    context: typer.Context,
    user: str = typer.Argument(None, metavar="[TÊN_ĐĂNG_NHẬP]", help="Để trống: của mình. / Own when empty."),
    stdin: bool = _STDIN,
) -> None:
    from flows.people import open_people
    from flows.people_manage import set_password as put

    call: Call = context.obj
    actor = call.actor(tuple(Right))
    with open_people(call.settings()) as people:
        row = put(people, actor, user or actor.login, _new_password(stdin))
    say(f"Đã đặt mật khẩu cho {clean(row.name)} ({row.login}); các phiên đang mở đã đóng.")


# --- tokens ----------------------------------------------------------------------------------------------------------
@token_app.command("add", help="Cấp token; bí mật chỉ hiện một lần. / Issue a token; shown once.")
def add_token(
    context: typer.Context,
    name: str = typer.Argument(..., metavar="TÊN", help="Hệ thống nào dùng. / Which system uses it."),
    scopes: list[str] = typer.Option(
        ..., "--scope", metavar="QUYỀN", help=f"{', '.join(sorted(TOKEN_SCOPES))}."
    ),
    unit: str = _UNIT,
    own_only: bool = _OWN,
    owner: str = typer.Option(
        None, "--for", metavar="TÊN_ĐĂNG_NHẬP", help="Người dùng mà token thay mặt. / For which user."
    ),
    days: int = typer.Option(
        None, "--days", min=1, max=3650, metavar="SỐ", help="Hết hạn sau. / Expires after."
    ),
) -> None:
    from flows.people import open_people
    from flows.people_manage import issue_token

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    unknown = set(scopes) - TOKEN_SCOPES
    if unknown:
        raise WrongUse(f"--scope {clean(', '.join(unknown))}: {', '.join(sorted(TOKEN_SCOPES))}")
    with open_people(call.settings()) as people:
        expires = datetime.now().astimezone() + timedelta(days=days) if days else None
        issued = issue_token(
            people, actor, name, [Right(s) for s in scopes], unit=unit, subtree=not own_only, owner=owner,
            expires=expires,
        )  # fmt: skip
    say(f"Đã cấp token {issued.row.id} cho {clean(name)}, hết hạn {moment(issued.row.expires)}.")
    say(f"Bí mật (chỉ hiện một lần): {issued.secret}")


@token_app.command("list", help="Các token đã cấp. / Tokens.")
def list_tokens(context: typer.Context, as_json: bool = _JSON) -> None:
    from flows.people import open_people
    from storage.catalogue.events import now

    call: Call = context.obj
    call.actor((Right.MANAGE_USERS, Right.AUDIT))
    with open_people(call.settings()) as people:
        rows = people.tokens.list()
        units = {unit.id: unit.name for unit in people.units.list()}
        owners = {user.id: user.login for user in people.users.list()}
    if as_json:
        print_json({"total": len(rows), "tokens": [_token_json(row) for row in rows]})
        return
    if not rows:
        say("Chưa cấp token nào.")
        return
    at = now()
    table(
        ("Mã", "Hệ thống", "Thay mặt", "Đơn vị", "Quyền", "Hết hạn", "Tình trạng", "Dùng lần cuối"),
        [
            (r.id, r.name, owners.get(r.owner, ""), units.get(r.unit, ""), ", ".join(r.scopes), moment(r.expires),
             "đã thu hồi" if r.revoked else "còn hiệu lực" if r.holds(at) else "hết hạn", moment(r.used) if r.used else "")
            for r in rows
        ],
        unbroken=("Mã",),
    )  # fmt: skip


@token_app.command("revoke", help="Thu hồi ngay một token. / Revoke at once.")
def revoke_token(
    context: typer.Context, token: str = typer.Argument(..., metavar="MÃ", help="Mã token (T-…). / Id.")
) -> None:
    from flows.people import open_people
    from flows.people_manage import revoke_token as revoke

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    with open_people(call.settings()) as people:
        row = revoke(people, actor, token)
    say(f"Đã thu hồi {row.id} ({clean(row.name)}).")


# --- shared ----------------------------------------------------------------------------------------------------------
def _status(context: typer.Context, user: str, status: str, reason: str, said: str) -> None:
    from flows.people import open_people
    from flows.people_manage import set_status
    from storage.people import UserStatus

    call: Call = context.obj
    actor = call.actor(Right.MANAGE_USERS)
    with open_people(call.settings()) as people:
        row = set_status(people, actor, user, UserStatus(status), reason)
    say(f"{said}: {clean(row.name)} ({row.login}).")


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise WrongUse(f"vai {clean(text)}: {', '.join(Role)}") from None


def _roles(user: UserRow, names: dict[str, str]) -> str:
    """Roles for people: `văn thư (UBND xã A và cấp dưới)`."""
    said = []
    for one in user.roles:
        where = names.get(one.unit, one.unit)
        said.append(
            ROLE_NAMES[one.role] + (f" ({where}{' và cấp dưới' if one.subtree else ''})" if where else "")
        )
    return clean("; ".join(said)) or "chưa có vai trò"


def _token_json(row) -> dict:
    return {
        "id": row.id, "name": row.name, "owner": row.owner, "unit": row.unit, "subtree": row.subtree,
        "scopes": list(row.scopes), "made": row.made.isoformat(), "expires": row.expires.isoformat(),
        "revoked": row.revoked.isoformat() if row.revoked else None, "used": row.used.isoformat() if row.used else None,
    }  # fmt: skip


def _new_password(stdin: bool) -> str:
    """Typed twice on a terminal; one line where it comes from a program. Never an argument: those are seen by everybody."""
    if stdin or not sys.stdin.isatty():
        return _line("", "mật khẩu")
    first = getpass.getpass("Mật khẩu mới: ", stream=sys.stderr)
    if first != getpass.getpass("Gõ lại: ", stream=sys.stderr):
        raise WrongUse("hai lần gõ không giống nhau")
    return first


def _line(prompt: str, what: str) -> str:
    if sys.stdin.isatty():
        text = getpass.getpass(prompt, stream=sys.stderr)
    else:
        text = sys.stdin.readline().rstrip("\r\n")
    if not text:
        raise WrongUse(f"chưa nhập {what}")
    return text
