"""`sohoa preserve fixity|sanity|terms|class|hold|release|handover`: keeping what is archived whole, as long as it has to be."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, print_json, say, table

if TYPE_CHECKING:
    from schemas.keeping import FixityFinding, FixityReport, Hold, SanityReport

_SHOWN = 40
_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")
_REASON = typer.Option(..., "--reason", metavar="LÝ_DO", help="Lý do. / Why.")


def add_to(app: typer.Typer) -> None:
    app.command("fixity", help="Tính lại mã băm của mọi dữ liệu đến hạn. / Hash again what is due.")(fixity)
    app.command("sanity", help="Đối chiếu danh mục và kho hai chiều. / Compare catalogue and store both ways.")(sanity)
    app.command("terms", help="Gán thời hạn lưu trữ và khoá trong kho. / Give classes, put and lengthen locks.")(terms)
    app.command("class", help="Đổi thời hạn lưu trữ của một hồ sơ. / Another class for one record.")(set_class)
    app.command("hold", help="Phong toả một hồ sơ, hoặc liệt kê. / Legal hold on a record, or the list.")(hold)
    app.command("release", help="Gỡ một phong toả. / Lift a hold.")(release)
    app.command("handover", help="Hồ sơ phải nộp lưu, và ghi đã nộp. / What has to be handed over; write it down.")(handover)


def fixity(
    context: typer.Context,
    everything: bool = typer.Option(False, "--all", help="Tất cả, dù chưa đến hạn. / All, due or not."),
    seconds: float = typer.Option(None, "--seconds", min=1, metavar="GIÂY", help="Dừng sau từng này. / Stop after."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows.fixity import check_fixity, open_keeping
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        report = check_fixity(
            archive, settings.preserve, who=actor.who, everything=everything, seconds=seconds, told=_told_of_hashing
        )
    _end_of_line()
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _show_fixity(report)
    return NEEDS_PERSON if report.needs_person else 0


def _told_of_hashing(objects: int, size: int, left: int) -> None:
    if sys.stderr.isatty():
        print(f"\rĐã kiểm tra {objects} ({_size(size)}), còn {left} … ", end="", file=sys.stderr, flush=True)


def _show_fixity(report: FixityReport) -> None:
    say(f"Đã tính lại mã băm {report.objects} tệp ({_size(report.bytes)}) trong {report.known} tệp của kho.")
    if report.damaged or report.missing:
        say(f"Hỏng: {report.damaged}, mất: {report.missing}; đã phục hồi từ kho bản sao: {report.healed}.")
        _show_findings(report.findings)
    if report.still_open:
        say(f"CHƯA PHỤC HỒI ĐƯỢC: {len(report.still_open)}. Phục hồi từ bản sao lưu và báo người quản trị.")
        _show_findings(report.still_open)
    if not report.complete:
        say("Chưa xong: hết thời gian cho phép; gõ lại lệnh này để làm tiếp.")
    if report.overdue:
        say(f"Quá {report.period_days} ngày chưa kiểm tra: {report.overdue} tệp.")
    elif report.complete and not report.still_open:
        say(f"Mọi dữ liệu đều nguyên vẹn và đã được kiểm tra trong vòng {report.period_days} ngày.")


def _show_findings(findings: list[FixityFinding]) -> None:
    names = {"object_damaged": "hỏng", "object_missing": "mất"}
    rows = [
        (f.key, f.place, names.get(f.code, f.code), moment(f.found_at), f.healed_from or "chưa phục hồi")
        for f in findings[:_SHOWN]
    ]
    table(("Tệp", "Nơi", "Tình trạng", "Thấy lúc", "Phục hồi từ"), rows)


def sanity(
    context: typer.Context,
    hashed: bool = typer.Option(False, "--hash", help="Đọc lại cả dữ liệu. / Read the bytes too."),
    as_json: bool = _JSON,
) -> int:
    from flows.fixity import open_keeping
    from flows.sanity import check_sanity
    from schemas.people import Right

    call: Call = context.obj
    settings = call.settings()
    call.actor(Right.PRESERVE)
    with open_keeping(settings) as archive:
        report = check_sanity(archive, hashed=hashed)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        _show_sanity(report)
    return NEEDS_PERSON if any(f.severity != "info" for f in report.findings) else 0


def _show_sanity(report: SanityReport) -> None:
    from schemas.keeping import SANITY

    say(f"Đã đối chiếu {report.records} hồ sơ, {report.references} chỗ nhắc đến tệp, {report.objects} tệp trong kho.")
    if not report.findings:
        say("Danh mục và kho khớp nhau hoàn toàn.")
        return
    marks = {"error": "✗", "warning": "!", "info": "·"}
    rows = [
        (marks[f.severity], f.code, SANITY[f.code][1], f.object, f.detail) for f in report.findings[:_SHOWN]
    ]
    table(("", "Mã", "Là gì", "Ở đâu", "Chi tiết"), rows, unbroken=("Mã",))
    if len(report.findings) > _SHOWN:
        say(f"… và {len(report.findings) - _SHOWN} mục nữa; xem hết với --json.")
    say("Lệnh này không tự sửa gì.")


def terms(context: typer.Context, who: str = _WHO, as_json: bool = _JSON) -> int:
    from dataclasses import asdict

    from flows.fixity import open_keeping
    from flows.retention import sweep
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        swept = sweep(archive, settings.preserve, who=actor.who)
    if as_json:
        print_json(asdict(swept))
    else:
        say(f"{swept.subjects} hồ sơ và bản sao đã cấp; mới gán thời hạn: {swept.new_terms}.")
        say(f"Khoá hoặc gia hạn khoá: {swept.locked} tệp; phong toả lại: {swept.holds} tệp.")
        table(("Thời hạn lưu trữ", "Số hồ sơ"), sorted(swept.classes.items()))
    return 0


def set_class(
    context: typer.Context,
    document: str = typer.Argument(..., metavar="MÃ", help="Hồ sơ. / Record."),
    record_class: str = typer.Argument(..., metavar="THỜI_HẠN", help="Ví dụ vinh-vien, 10-nam. / Class."),
    why: str = _REASON,
    who: str = _WHO,
) -> int:
    from flows.fixity import open_keeping
    from flows.retention import set_class as change
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        term = change(archive, settings.preserve, document, record_class, why=why, who=actor.who)
    until = f"đến hết ngày trước {term.ends:%d/%m/%Y}" if term.ends else "vĩnh viễn"
    say(f"{term.subject}: {clean(term.record_class)}, lưu {until}.")
    return 0


def hold(
    context: typer.Context,
    document: str = typer.Argument(None, metavar="[MÃ]", help="Hồ sơ; bỏ trống: liệt kê. / Record; none: list."),
    reason: str = typer.Option("", "--reason", metavar="LÝ_DO", help="Ai yêu cầu, vì sao. / Who asked, why."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows import retention
    from flows.fixity import open_keeping
    from schemas.people import Right
    from storage.keeping.retention import Holds

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        if document is None:
            standing = Holds(archive.catalogue).standing()
        else:
            standing = [retention.hold(archive, document, reason, who=actor.who)]
    if as_json:
        print_json([found.model_dump(mode="json") for found in standing])
    else:
        _show_holds(standing)
    return 0


def _show_holds(standing: list[Hold]) -> None:
    if not standing:
        say("Không có hồ sơ nào bị phong toả.")
        return
    rows = [(h.id, h.subject, h.reason, h.who, moment(h.at)) for h in standing]
    table(("Mã phong toả", "Hồ sơ", "Lý do", "Người đặt", "Từ"), rows, unbroken=("Mã phong toả", "Hồ sơ"))


def release(
    context: typer.Context,
    hold_id: str = typer.Argument(..., metavar="MÃ_PHONG_TOẢ", help="Mã ghi khi phong toả. / Id of the hold."),
    reason: str = _REASON,
    who: str = _WHO,
) -> int:
    from flows import retention
    from flows.fixity import open_keeping
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        lifted = retention.release(archive, hold_id, reason, who=actor.who)
    say(f"Đã gỡ phong toả {lifted.id} của {lifted.subject}.")
    return 0


def handover(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, metavar="[MÃ…]", help="Hồ sơ đã nộp; bỏ trống: nhắc. / None: reminders."),
    minutes: str = typer.Option("", "--minutes", metavar="SỐ", help="Số biên bản giao nộp. / Number of the minutes."),
    package: str = typer.Option("", "--package", metavar="MÃ_GÓI", help="Gói SIP đã nộp. / The SIP it went in."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows.fixity import open_keeping
    from flows.retention import hand_over, reminders
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        if documents:
            done = hand_over(archive, documents, minutes=minutes, package=package, who=actor.who)
        else:
            due = reminders(archive, settings.preserve)
    if documents:
        print_json(done) if as_json else say(f"Đã ghi: nộp lưu trữ {len(done)} hồ sơ.")
        return 0
    if as_json:
        print_json([reminder.model_dump(mode="json") for reminder in due])
    elif due:
        rows = [(r.subject, f"{r.completed:%d/%m/%Y}", f"{r.until:%d/%m/%Y}", "QUÁ HẠN" if r.overdue else "") for r in due]
        table(("Hồ sơ", "Hoàn thành", "Phải nộp trước", ""), rows[:_SHOWN], unbroken=("Hồ sơ",))
        say(f"{len(due)} hồ sơ phải nộp lưu trữ cơ quan trong 01 năm (NĐ 30/2020 Đ30).")
    else:
        say("Chưa có hồ sơ nào đến hạn nộp lưu trữ.")
    return NEEDS_PERSON if due else 0


def _size(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}".replace(".", ",")
    return f"{size} B"


def _end_of_line() -> None:
    if sys.stderr.isatty():
        say(file=sys.stderr)
