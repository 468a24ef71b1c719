"""`sohoa archive`: where the archive lies, its copies, and moving it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, print_json, say, show_error, table
from schemas.people import Right

if TYPE_CHECKING:
    from flows.archive_copy import Brought, PlacesReport
    from flows.archive_transfer import Transferred

app = typer.Typer(
    no_args_is_help=True,
    help="Kho lưu trữ: bản sao lưu, nơi lưu, chuyển kho. / Copies of the archive, where it lies, moving it.",
)
_STAGES = {"copying": "Đang chép", "catching_up": "Đang chép phần mới", "switched": "Đã chuyển"}
_SHOWN = 20


@app.command("copy", help="Cập nhật các kho bản sao. / Bring the replicas up to date.")
def copy(
    context: typer.Context,
    labels: list[str] = typer.Argument(None, metavar="[KHO…]", help="Chỉ những kho này. / Only these."),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from flows.archive_copy import bring_up_to_date

    call: Call = context.obj
    settings = call.settings()
    if not settings.replicas.places:
        say("Chưa khai kho bản sao nào; thêm vào sohoa.toml, mục [replicas] places.")
        return NEEDS_PERSON
    results = bring_up_to_date(settings, labels=labels or (), who=call.actor(Right.PRESERVE, who).who, told=_told)
    _end_of_line()
    if as_json:
        print_json([_as_dict(result) for result in results])
    else:
        for result in results:
            _show_brought(result, call.language)
    return NEEDS_PERSON if any(result.error or result.done.problems for result in results) else 0


def _as_dict(result: Brought) -> dict:
    return {
        "place": result.label,
        "copied": result.done.objects,
        "bytes": result.done.bytes,
        "already": result.done.already,
        "destroyed": result.destroyed,
        "away": result.away,
        "problems": [
            {"key": key, "version": version, "code": code} for key, version, code in result.done.problems
        ],
        "error": result.error.code if result.error else None,
    }


def _show_brought(result: Brought, language: str) -> None:
    if result.away and result.error is None:
        say(f"{clean(result.label)}: chưa cắm (kho ngoại tuyến); lần sau cắm vào sẽ chép tiếp.")
        return
    more = f", đã huỷ {result.destroyed} tệp theo danh mục huỷ" if result.destroyed else ""
    say(
        f"{clean(result.label)}: chép và kiểm tra {result.done.objects} tệp ({_size(result.done.bytes)}), "
        f"đã có {result.done.already}{more}."
    )
    _show_problems(result.done.problems)
    if result.error is not None:
        show_error(result.error, language)


@app.command("places", help="Dữ liệu nằm ở đâu, đủ bộ sao lưu chưa. / What lies where; enough backup sets?")
def places(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from dataclasses import asdict

    from flows.archive_copy import what_is_where

    call: Call = context.obj
    report = what_is_where(call.settings())
    if as_json:
        print_json(
            asdict(report)
            | {"enough": report.enough}
            | {
                "places": [
                    asdict(place)
                    | {
                        "oldest_check": place.oldest_check and place.oldest_check.isoformat(),
                        "complete": place.complete,
                    }
                    for place in report.places
                ]
            }
        )
    else:
        _show_places(report)
    return 0 if report.enough and all(place.complete for place in report.places) else NEEDS_PERSON


def _show_places(report: PlacesReport) -> None:
    rows = [
        (
            "kho chính" if place.label == "primary" else clean(place.label),
            clean(place.medium or "–"),
            clean(place.site or "–"),
            "ngoại tuyến" if place.offline else ("có" if place.reachable else "KHÔNG TRẢ LỜI"),
            f"{place.objects}/{report.archive_objects}",
            _size(place.bytes) if place.label != "primary" else "",
            moment(place.oldest_check) if place.oldest_check else "–",
        )
        for place in report.places
    ]
    table(
        ("Kho", "Phương tiện", "Nơi đặt", "Kết nối", "Tệp", "Dung lượng", "Kiểm tra từ"),
        rows,
        unbroken=("Kho",),
    )
    for place in report.places:
        if place.lacking:
            say(f"{clean(place.label)}: còn thiếu hoặc hỏng {place.lacking} tệp.")
        if place.to_destroy:
            say(f"{clean(place.label)}: còn {place.to_destroy} tệp phải huỷ theo danh mục huỷ đã duyệt.")
    say(
        f"Bộ sao lưu đủ tệp trên phương tiện độc lập: {report.sets}, cần {report.wanted_sets} "
        "(TT 05/2025/TT-BNV; CV 7197/BKHCN-CĐSQG)."
    )
    say(f"Trong đó ngoại tuyến: {report.offline_sets}, cần {report.wanted_offline} (QCVN 12:2026/BCA).")
    if not report.enough:
        say("CHƯA ĐỦ bộ sao lưu: khai thêm kho ở mục [replicas], rồi chạy sohoa archive copy")


@app.command("move", help="Chuyển kho lưu trữ sang nơi khác. / Move the archive to another store.")
def move(
    context: typer.Context,
    to: str = typer.Option(
        ..., "--to", metavar="URL", help="Kho mới: file:///… hoặc s3://… / The new store."
    ),
    source: str = typer.Option(
        None, "--from", metavar="URL", help="Kho đang dùng (để đối chiếu). / The present one."
    ),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from dataclasses import asdict

    from flows.archive_move import move_archive

    call: Call = context.obj
    moved = move_archive(call.settings(), to, source=source, who=call.actor(Right.PRESERVE, who).who, told=_told)
    _end_of_line()
    if as_json:
        print_json(asdict(moved))
        return 0 if moved.switched else NEEDS_PERSON
    say(
        f"Đã chép và kiểm tra {moved.objects} tệp ({_size(moved.bytes)}); {moved.already} tệp đã có từ trước."
    )
    if not moved.switched:
        say("CHƯA chuyển: những tệp sau ở kho cũ bị hỏng hoặc mất; phục hồi rồi chạy lại lệnh này:")
        _show_problems(moved.problems)
        return NEEDS_PERSON
    say(f"Kho chính bây giờ: {clean(moved.target)}")
    say("Kho cũ còn nguyên và vẫn được đọc khi cần. Nên ghi địa chỉ mới vào store_url trong sohoa.toml.")
    return 0


def _show_problems(problems: list[tuple[str, str, str]]) -> None:
    for key, version, code in problems[:_SHOWN]:
        say(f"  {clean(key)} phiên bản {clean(version)}: {code}")
    if len(problems) > _SHOWN:
        say(f"  … và {len(problems) - _SHOWN} tệp nữa; xem hết với --json.")


def _told(stage: str, done: Transferred) -> None:
    if sys.stderr.isatty():
        name = _STAGES.get(stage, stage)
        line = f"{name}: {done.objects} tệp, {_size(done.bytes)}; đã có {done.already}"
        print(f"\r{line:<70}", end="", file=sys.stderr, flush=True)


def _end_of_line() -> None:
    if sys.stderr.isatty():
        say(file=sys.stderr)


def _size(size: int) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}".replace(".", ",")
    return f"{size} byte"
