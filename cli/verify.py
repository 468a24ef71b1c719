"""`sohoa verify`: are the signatures of these files good, and why not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.call import Call
from cli.terminal import clean, coloured, moment, place, say
from schemas.errors import NoHome
from schemas.people import Right
from schemas.verify_texts import KNOWN, REVOCATION, TIMESTAMP, VERDICTS

if TYPE_CHECKING:
    from flows.verify_known import KnownCopies
    from schemas.settings import Settings
    from schemas.signing import DocumentTimestampVerdict, FileVerdict, SignatureVerdict, VerifyResult

_COLOURS = {"valid": "32", "invalid": "31", "indeterminate": "33"}


def add_to(app: typer.Typer) -> None:
    app.command(help="Kiểm tra chữ ký số của tệp PDF. / Check the signatures of PDF files.")(verify)


def verify(
    context: typer.Context,
    files: list[Path] = typer.Argument(..., metavar="TỆP…", help="Tệp PDF. / PDF files."),
    report: Path = typer.Option(
        None,
        "--report",
        metavar="THƯ_MỤC",
        help="Ghi báo cáo kiểm tra (JSON, PDF) vào đây. / Write reports here.",
    ),
    store: bool = typer.Option(
        False,
        "--store",
        help="Lưu báo cáo cùng hồ sơ, nếu tệp là của cơ quan này. / Keep the report with the record.",
    ),
    who: str = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from flows.verify import verify_paths

    call: Call = context.obj
    settings = call.settings()
    with _ours(settings) as ours:
        if store and ours is None:
            raise NoHome(str(settings.home))
        result = verify_paths(files, settings, ours=ours, seen=_counted(len(files)) if as_json else _show)
    if report is not None or store:
        _reports(result, settings, report, call.actor(Right.SEARCH, who).who if store else None)
    if as_json:
        sys.stdout.write(result.to_json())
        return result.exit_code()
    if len(result.files) > 1:
        counts = {key: sum(file.verdict == key for file in result.files) for key in VERDICTS}
        say(
            f"{len(result.files)} tệp: {counts['valid']} hợp lệ, {counts['invalid']} không hợp lệ, "
            f"{counts['indeterminate']} chưa xác định."
        )
    return result.exit_code()


def _reports(result: VerifyResult, settings: Settings, folder: Path | None, keeper: str | None) -> None:
    """What was written is told on stderr: stdout may hold the JSON of the verdicts. `keeper`: who stores them, or None."""
    from flows.verify_report import report_of, store_report, write_report

    for file in result.files:
        made = report_of(file, settings)
        if folder is not None:
            for path in write_report(made, folder):
                say(f"Báo cáo: {place(path)}", file=sys.stderr)
        if keeper is None:
            continue
        if file.known is None or not file.known.same_bytes:
            say(
                f"Không lưu báo cáo: {clean(file.file)} không trùng bản lưu nào của cơ quan này.",
                file=sys.stderr,
            )
            continue
        for ref in store_report(made, settings, keeper):
            say(f"Đã lưu báo cáo cùng hồ sơ: {ref.key}", file=sys.stderr)


@contextmanager
def _ours(settings: Settings) -> Iterator[KnownCopies | None]:
    """The archive of the home; None where there is none, as anybody may verify a file anywhere."""
    from flows.verify_known import has_catalogue, known_copies

    if not has_catalogue(settings):
        yield None
        return
    with known_copies(settings) as ours:
        yield ours


def _counted(count: int) -> Callable[[FileVerdict], None]:
    """With --json everything is said at the end; whoever waits at a terminal sees how far it is."""
    done = 0

    def seen(file: FileVerdict) -> None:
        nonlocal done
        done += 1
        if count > 1 and sys.stderr.isatty():
            end = "\n" if done == count else ""
            print(f"\rĐang kiểm tra: {done}/{count}", end=end, file=sys.stderr, flush=True)

    return seen


def _show(file: FileVerdict) -> None:
    say(f"{_line(file.verdict)}: {clean(file.file)}")
    fields: dict[tuple[str, str, str], list[str]] = {}
    for reason in file.explanations:
        mark = "-" if reason.code in file.reasons else "·"
        where = fields.setdefault((mark, reason.text, reason.sub_indication or reason.code), [])
        where += [reason.field] if reason.field else []
    for (mark, text, code), where in fields.items():
        place = f" [{clean(', '.join(where))}]" if where else ""
        say(f"  {mark} {clean(text)}{place} ({code})")
    for signature in file.signatures:
        _show_signature(signature)
    for stamp in file.document_timestamps:
        _show_timestamp(stamp)
    if file.known:
        entry = f", số {clean(file.known.register_entry)}" if file.known.register_entry else ""
        state = KNOWN[file.known.status] if file.known.same_bytes else "tệp này KHÁC bản lưu"
        say(f"  Của cơ quan này: {clean(file.known.record)}{entry}; {state}")
    say()


def _show_signature(signature: SignatureVerdict) -> None:
    signer = clean(signature.signer) or "không rõ"
    agency = (
        f" ({clean(signature.agency)})" if signature.agency and signature.agency != signature.signer else ""
    )
    say(f"  Chữ ký „{clean(signature.field)}“: {_line(signature.verdict)}")
    say(f"    Người ký: {signer}{agency}")
    if signature.time:
        proven = "theo dấu thời gian" if signature.timestamp == "valid" else "theo máy của người ký"
        say(f"    Lúc ký: {_moment(signature.time)} ({proven})")
    say(f"    Nội dung: {'nguyên vẹn' if signature.intact else 'KHÔNG nguyên vẹn'}")
    issuer = f", do {clean(signature.issuer)} cấp" if signature.issuer else ""
    trusted = "dẫn tới gốc tin cậy" if signature.trusted else "chưa dẫn tới gốc tin cậy"
    say(f"    Chứng thư: {trusted}, {REVOCATION[signature.revocation]}{issuer}")
    facts = [f"dấu thời gian {TIMESTAMP[signature.timestamp]}"]
    facts += [f"mức {signature.level}"] if signature.level else []
    facts += (
        [signature.algorithm + (" (yếu)" if signature.weak_algorithm else "")] if signature.algorithm else []
    )
    say(f"    Khác: {clean('; '.join(facts))}")
    for change in signature.changes:
        say(f"    Sau khi ký: {clean(change)}")


def _show_timestamp(stamp: DocumentTimestampVerdict) -> None:
    when = f", {_moment(stamp.time)}" if stamp.time else ""
    say(
        f"  Dấu thời gian cho cả tệp: {_line(stamp.verdict)}{when}, {clean(stamp.authority) or 'không rõ nơi cấp'}"
    )


def _line(verdict: str) -> str:
    return coloured(VERDICTS[verdict].upper(), _COLOURS[verdict])


def _moment(text: str) -> str:
    return f"{moment(datetime.fromisoformat(text))} +07:00"
