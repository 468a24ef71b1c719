"""`sohoa copy true|register|certify|resume|slip`: copies are issued, each kind by its own command."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path

import typer
from pydantic import ValidationError

from cli.call import NEEDS_PERSON, Call
from cli.sign import ask_pin
from cli.terminal import clean, moment, say, show_error
from schemas.errors import SohoaError, WrongUse
from schemas.people import Right
from schemas.zone import VIETNAM

app = typer.Typer(no_args_is_help=True, help="Cấp bản sao điện tử. / Issue electronic copies.")
_KINDS = {"sy": "sao_y", "sl": "sao_luc", "trs": "trich_sao"}
_VERDICTS = {"valid": "Hợp lệ", "invalid": "Không hợp lệ", "indeterminate": "Chưa xác định"}

REQUESTER = typer.Option(..., "--requester", metavar="TÊN", help="Người yêu cầu. / Who asks for it.")
ORIGINAL = typer.Option(..., "--original", metavar="TÊN", help="Tên giấy tờ, số, ngày. / Name of the paper.")
COPIES = typer.Option(1, "--copies", min=1, metavar="SỐ", help="Số bản sao. / Number of copies.")
EMAIL = typer.Option("", "--email", metavar="ĐỊA_CHỈ", help="Gửi thư điện tử tới. / Send by e-mail to.")
IDENTITY = typer.Option(
    "", "--identity", metavar="SỐ", help="Số định danh: gửi vào Kho của công dân. / To the citizen's store."
)
KEY = typer.Option(
    "", "--key", metavar="MÃ", help="Mã yêu cầu; để trống: máy tự đặt. / Request key; made when not given."
)
NOTE = typer.Option("", "--note", metavar="CHỮ", help="Ghi chú vào sổ. / Note in the register.")
TO = typer.Option(None, "--to", metavar="TỆP", help="Ghi tệp ra đây. / Write the file here.")
WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")


@app.command(
    "true", help="Sao y, sao lục, trích sao văn bản cơ quan đang giữ. / True copy of a held document."
)
def true(
    context: typer.Context,
    document: str = typer.Argument(..., metavar="MÃ", help="Mã giấy tờ. / Record id."),
    kind: str = typer.Option("sy", "--kind", metavar="LOẠI", help="sy, sl, trs."),
    held: str = typer.Option(
        ..., "--held", metavar="BẢN", help="Cơ quan đang giữ: ban_goc, ban_chinh, ban_sao_y. / What is held."
    ),
    pages: str = typer.Option(
        "", "--pages", metavar="SỐ,SỐ", help="Trang trích sao. / Pages of a trích sao."
    ),
    requester: str = REQUESTER,
    original: str = ORIGINAL,
    copies: int = COPIES,
    email: str = EMAIL,
    identity: str = IDENTITY,
    note: str = NOTE,
    key: str = KEY,
    to: Path = TO,
    who: str = WHO,
    as_json: bool = JSON,
) -> int:
    from flows.copies import true_copy
    from flows.people import require_document
    from schemas.copies import TrueCopyRequest
    from schemas.people import current_actor

    with _desk(context, who) as desk:
        found = desk.catalogue.document(document).id
        require_document(desk.catalogue, current_actor(), Right.REGISTER, found)
        facts = {
            "product": _KINDS.get(kind, kind),
            "document": found,
            "held_as": held,
            "pages": _numbers(pages),
            "requester": {"name": requester, "email": email, "identity": identity},
            "original": original,
            "copies": copies,
            "note": note,
        }
        request = _asked(TrueCopyRequest, key or _key(desk, "true", facts), facts)
        return _given(desk, true_copy(desk, request), context, email, identity, to, as_json)


@app.command(
    "register", help="Bản sao từ sổ gốc cơ quan đang quản lý. / Copy from the register that is kept."
)
def register(
    context: typer.Context,
    book: str = typer.Option(..., "--book", metavar="TÊN", help="Tên sổ gốc, quyển, năm. / The sổ gốc."),
    number: str = typer.Option(..., "--number", metavar="SỐ", help="Số trong sổ gốc. / Number in it."),
    page: str = typer.Option("", "--page", metavar="SỐ", help="Trang sổ. / Page of it."),
    data: Path = typer.Option(
        None,
        "--data",
        metavar="TỆP",
        help='Dữ liệu sổ gốc, JSON {"title", "rows": [[nhãn, giá trị]]}. / Data of the sổ gốc.',
    ),
    scan: str = typer.Option(
        "", "--scan", metavar="MÃ", help="Trang sổ gốc đã số hoá. / Its digitised page."
    ),
    requester: str = REQUESTER,
    original: str = ORIGINAL,
    copies: int = COPIES,
    email: str = EMAIL,
    identity: str = IDENTITY,
    note: str = NOTE,
    key: str = KEY,
    to: Path = TO,
    who: str = WHO,
    as_json: bool = JSON,
) -> int:
    from flows.copies import register_copy
    from schemas.copies import RegisterCopyRequest

    if (data is None) == (not scan):
        raise WrongUse("nêu --data TỆP hoặc --scan MÃ")
    with _desk(context, who) as desk:
        source: dict = (
            {"by": "scan", "document": desk.catalogue.document(scan).id} if scan else _data_of(data)
        )
        facts = {
            "place": {"book": book, "number": number, "page": page},
            "source": source,
            "requester": {"name": requester, "email": email, "identity": identity},
            "original": original,
            "copies": copies,
            "note": note,
        }
        request = _asked(RegisterCopyRequest, key or _key(desk, "register", facts), facts)
        return _given(desk, register_copy(desk, request), context, email, identity, to, as_json)


@app.command(
    "certify", help="Chứng thực bản sao từ bản chính đang ở trước mặt. / Certify from the paper original."
)
def certify(
    context: typer.Context,
    scans: list[Path] = typer.Argument(
        ..., metavar="ẢNH…", help="Bản chụp vừa làm. / The capture just made."
    ),
    pages: int = typer.Option(
        ..., "--pages", min=1, metavar="SỐ", help="Số trang đếm trên bản chính. / Pages counted."
    ),
    requester: str = REQUESTER,
    original: str = ORIGINAL,
    answers: str = typer.Option(
        "",
        "--answers",
        metavar="KKKKKK",
        help="Trả lời sáu lý do Điều 22, theo thứ tự: k không, c có. / Six answers.",
    ),
    all_pages: bool = typer.Option(
        False, "--all-pages", help="Cam đoan đã chụp đủ trang. / All pages captured."
    ),
    compared: bool = typer.Option(False, "--compared", help="Cam đoan đã đối chiếu bản chính. / Compared."),
    explanation: str = typer.Option(
        "", "--explanation", metavar="CHỮ", help="Giải thích khi từ chối. / Of a refusal."
    ),
    place: str = typer.Option(
        "", "--place", metavar="NƠI", help="Nơi chứng thực ngoài trụ sở. / Where, if not here."
    ),
    delayed: bool = typer.Option(
        False, "--delayed", help="Nhiều trang, khó đối chiếu (Điều 21). / Needs longer."
    ),
    copies: int = COPIES,
    email: str = EMAIL,
    identity: str = IDENTITY,
    note: str = NOTE,
    key: str = KEY,
    to: Path = TO,
    who: str = WHO,
    as_json: bool = JSON,
) -> int:
    from flows.copies import certified_copy
    from flows.copies_capture import open_capture, take_capture
    from flows.copies_desk import request_of
    from schemas.copies import CertifiedCopyRequest
    from schemas.errors import NotFound
    from schemas.signing import Role

    checklist = _answered(answers)
    refused = any(checklist.values())
    if not refused:
        _must_declare(all_pages, "Đã chụp đủ mọi trang có thông tin của bản chính?", "--all-pages")
        _must_declare(compared, "Đã đối chiếu bản chụp với bản chính bằng giấy?", "--compared")
    with _desk(context, who, Right.CERTIFY) as desk:
        named = {"requester": requester, "original": original, "files": [_sha256(scan) for scan in scans]}
        key = key or _key(desk, "certify", named)
        try:  # typed again after a stop: the request is the one that was written down
            received = request_of(desk, key)["request"]["received_at"]
        except NotFound:
            received = desk.moment()
        facts = {
            "checklist": checklist,
            "requester": {"name": requester, "email": email, "identity": identity},
            "original": original,
            "copies": copies,
            "place": place,
            "explanation": explanation,
            "note": note,
            "received_at": received,
            "delayed": delayed,
        }
        if not refused:
            facts["capture"] = open_capture(desk, key)
            take_capture(desk, facts["capture"], scans)
            by = desk.keys.person(Role.CERTIFIER)
            facts["declaration"] = {
                "by": by,
                "all_pages": True,
                "compared_with_original": True,
                "pages": pages,
            }
        request = _asked(CertifiedCopyRequest, key, facts)
        return _given(desk, certified_copy(desk, request), context, email, identity, to, as_json)


@app.command("resume", help="Làm tiếp các bản sao đang dở. / Go on with copies that were interrupted.")
def resume(
    context: typer.Context,
    keys: list[str] = typer.Argument(
        None, metavar="[MÃ…]", help="Mã yêu cầu; để trống: tất cả. / Request keys; all."
    ),
    who: str = WHO,
) -> int:
    from flows.copies import resume as go_on

    call: Call = context.obj
    failed = 0
    with _desk(context, who, (Right.REGISTER, Right.CERTIFY)) as desk:
        for key in keys or [entry.draft.request_key for entry in desk.register.pending(desk.agency_code)]:
            try:
                result = go_on(desk, key)
            except SohoaError as error:
                failed += 1
                say(f"{clean(key)}:", file=sys.stderr)
                show_error(error, call.language)
                continue
            _say_result(result)
    return NEEDS_PERSON if failed else 0


@app.command(
    "slip", help="Phiếu hẹn khi không trả trong ngày. / Appointment slip when it is not the same day."
)
def slip(
    context: typer.Context,
    requester: str = REQUESTER,
    original: str = ORIGINAL,
    received: datetime = typer.Option(
        None, "--received", metavar="GIỜ", help="Lúc tiếp nhận; để trống: bây giờ. / When it came in; now."
    ),
    delayed: bool = typer.Option(
        False, "--delayed", help="Nhiều trang, khó đối chiếu (Điều 21). / Needs longer."
    ),
    until: datetime = typer.Option(
        None,
        "--until",
        formats=["%Y-%m-%d"],
        metavar="NGÀY",
        help="Ngày thoả thuận bằng văn bản. / Day agreed in writing.",
    ),
    key: str = KEY,
    to: Path = TO,
    who: str = WHO,
) -> None:
    from flows.copies import appointment

    with _desk(context, who, (Right.REGISTER, Right.CERTIFY)) as desk:
        at = received.replace(tzinfo=VIETNAM) if received else desk.moment()
        named = {"requester": requester, "original": original, "at": at.isoformat(timespec="minutes")}
        made = appointment(
            desk, key or _key(desk, "slip", named), requester, original, at,
            delayed=delayed, agreed_until=until.date() if until else None,
        )  # fmt: skip
        say(f"Trả kết quả ngày {made.due:%d/%m/%Y}: {made.reason}.")
        if made.slip is None:
            say("Trả trong ngày, không cần phiếu hẹn.")
            return
        target = to or Path(f"phieu-hen-{made.due:%Y%m%d}.pdf")
        _write(target, desk.store.get(made.slip.key, made.slip.version))
        say(f"Phiếu hẹn: {clean(target)}")


# --- shared by the commands ------------------------------------------------------------------------------------------
def _desk(context: typer.Context, who: str | None, right: Right | tuple[Right, ...] = Right.REGISTER):
    from flows.copies_desk import open_copy_desk

    name = context.obj.actor(right, who).who
    return open_copy_desk(context.obj.settings(), who=name, ask_pin=ask_pin)


def _asked(kind: type, key: str, facts: dict):
    try:
        return kind(request_key=key, **facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongUse(f"{where}: {first['msg']}" if where else first["msg"]) from error


def _key(desk, command: str, facts: dict) -> str:
    """Made from what is asked for and the day: a command that is typed again goes on with the same copy."""
    told = json.dumps([command, f"{desk.moment():%Y-%m-%d}", facts], sort_keys=True, ensure_ascii=False)
    return f"{command}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _given(
    desk, result, context: typer.Context, email: str, identity: str, to: Path | None, as_json: bool
) -> int:
    """Writes the file, puts it into the outbox, says what came of it."""
    from flows.delivery import queue_for_requester

    data = desk.store.get(result.archive.key, result.archive.version)
    if to is not None:
        _write(to, data)
    refused = result.state == "refused"
    queued = [] if refused else queue_for_requester(desk, result, email=email, identity=identity)
    if as_json:
        sys.stdout.write(result.to_json())
    else:
        _say_result(result)
        if to is not None:
            say(f"Tệp: {clean(to)}")
        for message in queued:
            say(f"Chờ gửi: {message.id}. Gửi ngay: sohoa deliver")
    return NEEDS_PERSON if refused else 0


def _say_result(result) -> None:
    if result.state == "refused":
        say(f"Từ chối chứng thực, lý do: {', '.join(result.reasons)}. Thông báo bằng văn bản đã được lưu.")
        return
    say(f"Đã cấp bản sao số {result.number} ({result.entry}). Kiểm tra chữ ký: {_VERDICTS[result.verdict]}.")
    if result.fee:
        say(f"Phí chứng thực: {result.fee:,} đồng.".replace(",", "."))
    say(f"Ký lúc {moment(result.signed_at)}; mã kiểm tra {result.code}.")
    if result.demo:
        say("CHỮ KÝ THỬ NGHIỆM – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ.")


def _answered(answers: str) -> dict[str, bool]:
    """One answer an item, in the order of the law; asked for where they are not given."""
    from storage.register import CHECKLIST

    if answers:
        letters = answers.lower().replace(",", "").replace(" ", "")
        if len(letters) != len(CHECKLIST) or set(letters) - {"k", "c"}:
            raise WrongUse(f"--answers cần {len(CHECKLIST)} chữ k (không) hoặc c (có), theo thứ tự Điều 22")
        return {item.code: letter == "c" for item, letter in zip(CHECKLIST, letters, strict=True)}
    if not sys.stdin.isatty():
        raise WrongUse("thiếu --answers: sáu lý do của Điều 22 NĐ 23/2015/NĐ-CP phải được trả lời từng mục")
    given = {}
    for item in CHECKLIST:
        say(f"{item.text} ({item.source})")
        if item.exceptions:
            say(f"  Trừ: {', '.join(item.exceptions)} ({item.exceptions_source})")
        given[item.code] = typer.confirm("  Có đúng như vậy không?", default=None)
    return given


def _must_declare(said: bool, question: str, option: str) -> None:
    if not said and not (sys.stdin.isatty() and typer.confirm(question, default=None)):
        raise WrongUse(f"người thực hiện chứng thực phải cam đoan: {option}")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise WrongUse(f"--pages {clean(text)}: ví dụ 1,3") from error


def _data_of(path: Path) -> dict:
    try:
        given = json.loads(path.read_text("utf-8"))
        return {"by": "data", "title": given["title"], "rows": given["rows"]}
    except (ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"--data {clean(path.name)}: cần JSON có title và rows") from error


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WrongUse(f"{clean(path)}: {error.strerror}") from error


def _write(path: Path, data: bytes) -> None:
    """A file that is there already is not overwritten, unless it is the same."""
    from schemas.errors import TargetExists

    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        if path.read_bytes() != data:
            raise TargetExists(str(path)) from error
