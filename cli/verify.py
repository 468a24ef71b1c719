"""`sohoa verify`: are the signatures of these files good, and why not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.call import Call
from cli.terminal import clean, coloured, moment, say

if TYPE_CHECKING:
    from flows.verify_known import KnownCopies
    from schemas.settings import Settings
    from schemas.signing import DocumentTimestampVerdict, FileVerdict, SignatureVerdict

VERDICTS = {
    "valid": ("HỢP LỆ", "32"),
    "invalid": ("KHÔNG HỢP LỆ", "31"),
    "indeterminate": ("CHƯA XÁC ĐỊNH", "33"),
}
_REVOCATION = {
    "good": "chưa bị thu hồi lúc ký",
    "revoked": "đã bị thu hồi",
    "unknown": "chưa rõ có bị thu hồi không",
}
_TIMESTAMP = {
    "none": "không có",
    "valid": "đúng",
    "invalid": "sai",
    "untrusted": "chưa tin được",
}


def add_to(app: typer.Typer) -> None:
    app.command(help="Kiểm tra chữ ký số của tệp PDF. / Check the signatures of PDF files.")(verify)


def verify(
    context: typer.Context,
    files: list[Path] = typer.Argument(..., metavar="TỆP…", help="Tệp PDF. / PDF files."),
    as_json: bool = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document."),
) -> int:
    from flows.verify import verify_paths

    call: Call = context.obj
    settings = call.settings()
    with _ours(settings) as ours:
        result = verify_paths(files, settings, ours=ours, seen=_unseen if as_json else _show)
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


@contextmanager
def _ours(settings: Settings) -> Iterator[KnownCopies | None]:
    """The archive of the home; None where there is none, as anybody may verify a file anywhere."""
    from flows.verify_known import has_catalogue, known_copies

    if not has_catalogue(settings):
        yield None
        return
    with known_copies(settings) as ours:
        yield ours


def _unseen(file: FileVerdict) -> None:
    """With --json everything is said at the end."""


def _show(file: FileVerdict) -> None:
    word, colour = VERDICTS[file.verdict]
    say(f"{coloured(word, colour)}: {clean(file.file)}")
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
        say(f"  Trong sổ của cơ quan này: {clean(file.known.record)}{entry}")
    say()


def _show_signature(signature: SignatureVerdict) -> None:
    word, colour = VERDICTS[signature.verdict]
    signer = clean(signature.signer) or "không rõ"
    agency = (
        f" ({clean(signature.agency)})" if signature.agency and signature.agency != signature.signer else ""
    )
    say(f"  Chữ ký „{clean(signature.field)}“: {coloured(word, colour)}")
    say(f"    Người ký: {signer}{agency}")
    if signature.time:
        proven = "theo dấu thời gian" if signature.timestamp == "valid" else "theo máy của người ký"
        say(f"    Lúc ký: {_moment(signature.time)} ({proven})")
    say(f"    Nội dung: {'nguyên vẹn' if signature.intact else 'KHÔNG nguyên vẹn'}")
    issuer = f", do {clean(signature.issuer)} cấp" if signature.issuer else ""
    trusted = "dẫn tới gốc tin cậy" if signature.trusted else "chưa dẫn tới gốc tin cậy"
    say(f"    Chứng thư: {trusted}, {_REVOCATION[signature.revocation]}{issuer}")
    facts = [f"dấu thời gian {_TIMESTAMP[signature.timestamp]}"]
    facts += [f"mức {signature.level}"] if signature.level else []
    facts += (
        [signature.algorithm + (" (yếu)" if signature.weak_algorithm else "")] if signature.algorithm else []
    )
    say(f"    Khác: {clean('; '.join(facts))}")
    for change in signature.changes:
        say(f"    Sau khi ký: {clean(change)}")


def _show_timestamp(stamp: DocumentTimestampVerdict) -> None:
    word, colour = VERDICTS[stamp.verdict]
    when = f", {_moment(stamp.time)}" if stamp.time else ""
    say(
        f"  Dấu thời gian cho cả tệp: {coloured(word, colour)}{when}, {clean(stamp.authority) or 'không rõ nơi cấp'}"
    )


def _moment(text: str) -> str:
    return f"{moment(datetime.fromisoformat(text))} +07:00"
