"""`sohoa digitise`, `watch` and `extract`: paper in, records out."""

from __future__ import annotations

import _thread
import shlex
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.progress import Shown, duration
from cli.terminal import clean, say, show_error
from schemas.errors import WrongUse
from schemas.people import Right

if TYPE_CHECKING:
    from schemas.errors import SohoaError
    from schemas.results import DigitiseResult

INTERRUPTED = 130


def add_to(app: typer.Typer) -> None:
    app.command(help="Số hoá tệp và thư mục ảnh quét. / Digitise files and folders of scans.")(digitise)
    app.command(help="Theo dõi thư mục, số hoá những gì được thả vào. / Watch a folder.")(watch)
    app.command(help="Chỉ đọc ra JSON, không lưu trữ gì. / Read into JSON, archive nothing.")(extract)


def digitise(
    context: typer.Context,
    paths: list[Path] = typer.Argument(
        ..., metavar="ĐƯỜNG_DẪN…", help="PDF, TIFF, JPEG, PNG hoặc thư mục. / Files, folders."
    ),
    dossier: str = typer.Option(
        None, "--dossier", metavar="MÃ", help="Mã hồ sơ của cả lô. / Dossier code of the batch."
    ),
    pages: int = typer.Option(
        None, "--pages", min=0, metavar="SỐ", help="Số trang đã đếm trên giấy. / Pages counted on paper."
    ),
    name: str = typer.Option(None, "--name", metavar="TÊN", help="Tên lô. / Name of the batch."),
    basis: str = typer.Option(
        "", "--basis", metavar="CĂN_CỨ", help="Căn cứ pháp lý của lô. / Legal basis of the batch."
    ),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    prefect: bool = typer.Option(
        False, "--prefect", help="Chạy như một flow Prefect. / Run as a Prefect flow."
    ),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from cli.summary import print_summary

    call: Call = context.obj
    settings = call.settings()
    if prefect and (basis or who):
        raise WrongUse("--basis và --user không dùng cùng --prefect")
    name_of_clerk = call.actor(Right.SCAN, who).who
    try:
        with Shown() as progress:
            if prefect:
                from flows.deploy import digitise_with_prefect

                result = digitise_with_prefect(
                    paths, settings, name=name, dossier_code=dossier, declared_pages=pages
                )
            else:
                from flows.digitise import digitise as run

                result = run(
                    paths, settings, name=name, dossier_code=dossier, declared_pages=pages, legal_basis=basis,
                    who=name_of_clerk, progress=progress,
                )  # fmt: skip
    except KeyboardInterrupt:
        say("\nĐã dừng theo yêu cầu. Những trang đã đọc được giữ lại, không mất gì.", file=sys.stderr)
        # With every option as given: they tell one batch from another.
        say(f"Để làm tiếp, gõ lại: {clean(shlex.join(['sohoa', *sys.argv[1:]]))}", file=sys.stderr)
        return INTERRUPTED
    if as_json:
        sys.stdout.write(result.to_json())
    else:
        print_summary(result, settings)
    return result.exit_code()


def watch(
    context: typer.Context,
    inbox: Path = typer.Argument(
        ..., metavar="THƯ_MỤC", help="Nơi máy quét ghi tệp. / Where the scanner writes."
    ),
) -> int:
    from flows.inbox import watch_folder

    call: Call = context.obj
    call.actor(Right.SCAN)
    stop = asked_to_stop()
    say(f"Đang theo dõi {clean(inbox)}; nhấn Ctrl-C để dừng.")
    needs_person = 0

    def on_batch(thing: Path, result: DigitiseResult) -> None:
        nonlocal needs_person
        needs_person += result.needs_person
        said = f"{clean(thing.name)}: {result.pages.in_} trang, {len(result.documents)} giấy tờ"
        if result.needs_person:
            said += f"; có việc cần người xem: sohoa review list --batch {result.batch}"
        say(said)

    def on_problem(error: SohoaError) -> None:
        show_error(error, call.language)

    handled = watch_folder(inbox, call.settings(), stop, on_batch=on_batch, on_problem=on_problem)
    say(f"Đã dừng. Đã nhận {handled} mục.")
    return NEEDS_PERSON if needs_person else 0


def asked_to_stop() -> threading.Event:
    """Set by Ctrl-C and by SIGTERM."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        # In a thread of its own: a signal that comes while this one is about to wait would wait for its own lock.
        _thread.start_new_thread(stop.set, ())

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop


def extract(
    context: typer.Context,
    files: list[Path] = typer.Argument(..., metavar="TỆP…", help="Tệp cần đọc. / Files to read."),
    out: Path = typer.Option(..., "--out", metavar="THƯ_MỤC", help="Nơi ghi JSON. / Where the JSON goes."),
) -> int:
    from time import monotonic

    from flows.extract import extract_files

    started = monotonic()
    with Shown() as progress:
        result = extract_files(files, out, context.obj.settings(), progress=progress)
    for path in result.written:
        say(clean(path))
    say(f"Đã ghi {len(result.written)} tệp JSON trong {duration(monotonic() - started)}; không lưu trữ gì.")
    for item in result.refused:
        say(f"Không đọc được {clean(item.source)}: {item.reason} ({item.code})")
    return result.exit_code()
