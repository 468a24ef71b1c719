"""`sohoa backup` and `sohoa restore`: everything of an installation, by two commands."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, place, print_json, say

_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")


def add_to(app: typer.Typer) -> None:
    app.command(help="Sao lưu toàn bộ: danh mục, kho, cấu hình, sổ. / Back up everything.")(backup)
    app.command(help="Phục hồi từ bản sao lưu vào thư mục mới (--home). / Restore into a new home.")(restore)


def backup(
    context: typer.Context,
    to: Path = typer.Option(..., "--to", metavar="THƯ_MỤC", help="Nơi để bản sao lưu. / Where."),
    full: bool = typer.Option(False, "--full", help="Băm lại cả phần đã có. / Hash again what is there already."),
    keep: int = typer.Option(None, "--keep", min=1, metavar="SỐ", help="Chỉ giữ từng này bản mới nhất. / Keep the newest."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows.backup import backup as make
    from flows.fixity import open_keeping
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        report = make(archive, settings, to, who=actor.who, full=full, keep=keep, told=_told)
    _end_of_line()
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        say(f"Bản sao lưu {report.set}: {report.objects} tệp, mới chép {report.new_objects}; {report.seconds:.1f} giây.")
        say(f"Trong {place(to)} có {len(report.sets)} bản.")
        _show_left_out(report.left_out)
        for key in report.damaged:
            say(f"✗ không sao lưu được, dữ liệu trong kho hỏng hoặc mất: {clean(key)}")
    return NEEDS_PERSON if report.damaged else 0


def restore(
    context: typer.Context,
    source: Path = typer.Argument(..., metavar="THƯ_MỤC", help="Nơi để bản sao lưu. / Where the backup is."),
    wanted: str = typer.Option(None, "--set", metavar="BẢN", help="Bản nào; bỏ trống: mới nhất. / Which; none: newest."),
    database: str = typer.Option("", "--database", metavar="ĐỊA_CHỈ", help="Cơ sở dữ liệu trống. / An empty database."),
    store: str = typer.Option("", "--store", metavar="ĐỊA_CHỈ", help="Kho trống. / An empty store."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows.backup import restore as make
    from schemas.people import Right
    from schemas.settings import Settings

    call: Call = context.obj
    # A home that is yet to be made keeps no users; a database named in the environment may be the one that was lost.
    actor = call.actor(Right.PRESERVE, who, settings=Settings(home=call.home, catalogue_url=""))
    report = make(
        source, call.home, who=actor.who, wanted=wanted, catalogue_url=database, store_url=store, told=_told
    )
    _end_of_line()
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        say(f"Đã phục hồi bản {report.set} (lập {moment(report.made)}): {report.objects} tệp, {report.rows} dòng danh mục.")
        _show_left_out(report.left_out)
        if report.findings:
            say("Danh mục và kho chưa khớp; xem: sohoa preserve sanity")
            for finding in report.findings[:20]:
                say(f"✗ {clean(finding)}")
        else:
            say("Danh mục và kho khớp nhau; mọi tệp đã được kiểm tra mã băm.")
    return NEEDS_PERSON if report.findings else 0


def _show_left_out(names: list[str]) -> None:
    if names:
        say("Khoá bí mật và mật khẩu không nằm trong bản sao lưu; cất giữ riêng: " + ", ".join(clean(n) for n in names))


def _told(objects: int, size: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{objects} tệp, {size / 1e6:.0f} MB … ", end="", file=sys.stderr, flush=True)


def _end_of_line() -> None:
    if sys.stderr.isatty():
        say(file=sys.stderr)
