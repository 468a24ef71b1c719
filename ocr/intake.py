"""From a path to page pictures: what is taken in, what is refused and why. The file is never trusted: its kind is told
from its content, and every bound is checked before anything is inflated or decoded."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, Self

from ocr.intake_headers import frames_of
from ocr.intake_images import ImageSource, PageImage
from ocr.intake_pdf import PdfSource
from ocr.intake_pdf_check import inspect_pdf
from schemas.errors import (
    DamagedFile,
    EmptyFile,
    InputRejected,
    NotARegularFile,
    TooLarge,
    TruncatedFile,
    UnreadableFile,
    UnsupportedFile,
)
from schemas.page import Word
from schemas.settings import Limits
from schemas.source import SourceInfo

__all__ = [
    "PageImage",
    "Source",
    "inspect",
    "list_files",
    "media_type_of",
    "natural_key",
    "open_source",
    "read_file",
    "skipped_name",
]

_CHUNK = 1 << 20
_SYSTEM_NAMES = {
    "thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    "__macosx",
    "$recycle.bin",
    "system volume information",
}
_TEMPORARY = (".part", ".partial", ".crdownload", ".tmp", ".temp", ".filepart", ".swp", ".download", "~")


class Source(Protocol):
    """An open file, read page by page. Not thread-safe: one a process."""

    @property
    def page_count(self) -> int: ...

    def render(self, page: int, dpi: int) -> PageImage:
        """Page `page` (1-based) at `dpi`. Raises PageFailed."""

    def born_words(self, page: int) -> list[Word] | None:
        """Words that came with the page, boxes in points of the shown frame; None when it must be read."""

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


# --- from disk -------------------------------------------------------------------------------------------------------
def read_file(path: Path, limits: Limits) -> bytes:
    """All bytes of a regular file. Links, pipes, sockets and devices are refused before they are opened, and again
    after, so that one put in place meanwhile cannot block or mislead.

    Raises NotARegularFile, UnreadableFile, EmptyFile, TooLarge, TruncatedFile (it changed while it was read).
    """
    try:
        before = os.lstat(path)
        _regular(path, before)
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _refusal(path, error) from None
    try:
        opened = os.fstat(handle)
        _regular(path, opened)
        if opened.st_size == 0:
            raise EmptyFile(path.name)
        if opened.st_size > limits.file_bytes:
            raise TooLarge(f"{path.name}: {opened.st_size} bytes, limit {limits.file_bytes}")
        pieces, total = [], 0
        while total <= opened.st_size:
            piece = os.read(handle, _CHUNK)
            if not piece:
                break
            pieces.append(piece)
            total += len(piece)
        after = os.fstat(handle)
    except OSError as error:
        raise _refusal(path, error) from None
    finally:
        os.close(handle)
    if total != opened.st_size or (after.st_size, after.st_mtime_ns) != (opened.st_size, opened.st_mtime_ns):
        raise TruncatedFile(f"{path.name} changed while it was read")
    return b"".join(pieces)


def _regular(path: Path, facts: os.stat_result) -> None:
    if stat.S_ISDIR(facts.st_mode) and not os.access(path, os.R_OK | os.X_OK):
        raise UnreadableFile(f"{path.name}: folder")
    if not stat.S_ISREG(facts.st_mode):
        raise NotARegularFile(path.name)


def _refusal(path: Path, error: OSError) -> InputRejected:
    # ELOOP: a link where a file stood a moment ago; ENXIO, ENODEV: a socket or a device.
    if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENODEV):
        return NotARegularFile(path.name)
    return UnreadableFile(f"{path.name}: {error.strerror or error}")


def list_files(
    paths: list[Path], limits: Limits, on_skip: Callable[[Path, str], None] | None = None
) -> Iterator[Path]:
    """Files among `paths` and in the folders among them, in the order a person expects (scan2 before scan10).

    In folders, hidden, temporary and system files are left out and told to `on_skip(path, why)`, `why` being hidden,
    temporary or system. All else is given out, links and unreadable folders too (never followed), so that `read_file`
    refuses them with a reason and the count adds up. Raises TooLarge past `limits.batch_files`.
    """
    given = 0
    waiting = [(path, True) for path in reversed(paths)]
    while waiting:
        path, named = waiting.pop()
        why = None if named else skipped_name(path.name)
        if why:
            if on_skip:
                on_skip(path, why)
            continue
        entries = _entries(path)
        if entries is not None:
            waiting += [(entry, False) for entry in reversed(entries)]
            continue
        given += 1
        if given > limits.batch_files:
            raise TooLarge(f"more than {limits.batch_files} files")
        yield path


def _entries(path: Path) -> list[Path] | None:
    """Sorted content of a real folder; None for anything else."""
    if path.is_symlink():
        return None
    try:
        return sorted(path.iterdir(), key=lambda entry: natural_key(entry.name))
    except OSError:
        return None


def natural_key(name: str) -> tuple:
    """Sorts numbers in names by value; case folds first, the name itself settles ties."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts), name


def skipped_name(name: str) -> str | None:
    """Why a file of this name in a folder is no paper of anybody: system, temporary, hidden; None when it may be."""
    if name.casefold() in _SYSTEM_NAMES:
        return "system"
    if name.startswith(("~$", ".~")) or name.casefold().endswith(_TEMPORARY):
        return "temporary"
    return "hidden" if name.startswith(".") else None


# --- from bytes ------------------------------------------------------------------------------------------------------
def media_type_of(data: bytes) -> str:
    """Kind of file by its content. Raises EmptyFile, UnsupportedFile."""
    if not data:
        raise EmptyFile()
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "image/tiff"
    head = data[:1024]
    # Mail gateways and scanners put bytes before the header; readers look in the first 1024 (ISO 32000-1, annex H).
    if b"%PDF-" in head and not head.lstrip().startswith((b"<", b"PK\x03\x04")):
        return "application/pdf"
    raise UnsupportedFile(f"starts with {data[:8]!r}")


def inspect(data: bytes, name: str, limits: Limits) -> SourceInfo:
    """Facts of a file, after every bound was checked; no page is decoded.

    Raises EmptyFile, UnsupportedFile, TruncatedFile, DamagedFile, EncryptedFile, TooLarge, TooManyPages,
    TooManyPixels, DecompressionBomb.
    """
    if len(data) > limits.file_bytes:
        raise TooLarge(f"{name}: {len(data)} bytes, limit {limits.file_bytes}")
    media_type = media_type_of(data)
    facts = {
        "name": name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "media_type": media_type,
    }
    try:
        if media_type == "application/pdf":
            return inspect_pdf(data, facts, limits)
        sizes = [frame.size_pt for frame in frames_of(data, media_type, limits)]
        return SourceInfo(**facts, pages=len(sizes), page_sizes_pt=sizes)
    except (InputRejected, MemoryError):
        raise
    except Exception as error:
        raise DamagedFile(f"{name}: {type(error).__name__}: {error}") from error


def open_source(data: bytes, info: SourceInfo, limits: Limits) -> Source:
    """Opens inspected bytes for reading page by page; use it in a `with` block. Raises DamagedFile, EncryptedFile."""
    return (PdfSource if info.media_type == "application/pdf" else ImageSource)(data, info, limits)
