"""Files named by their SHA-256, written so that neither kill nor power cut leaves half a file under a final
name.

temporary file -> write -> fsync -> link under the final name (never replaces) -> fsync of the folder. Folders
are made beforehand: making them on the fly doubled the number of fsyncs and halved the rate.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from schemas.errors import (
    DiskFull,
    ObjectDamaged,
    ObjectMissing,
    SohoaError,
    StoreUnavailable,
    UnreadableFile,
)

log = logging.getLogger(__name__)
CHUNK = 1 << 20
_HEX = "0123456789abcdef"


def os_error(error: OSError) -> SohoaError:
    """The one place where errors of the operating system become ours."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(error.strerror or "")
    return StoreUnavailable(f"{error.strerror}: {error.filename or ''}")


class ContentFolder:
    """`<root>/content/a/b/<sha256>` and `<root>/tmp`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tmp = root / "tmp"

    def create(self) -> None:
        """Make every folder. Safe to repeat."""
        self.tmp.mkdir(parents=True, exist_ok=True)
        top = self.root / "content"
        for first in _HEX:
            for second in _HEX:
                (top / first / second).mkdir(parents=True, exist_ok=True)
            _sync_folder(top / first)
        _sync_folder(top)
        _sync_folder(self.root)

    def path(self, sha256: str) -> Path:
        return self.root / "content" / sha256[0] / sha256[1] / sha256

    def write(self, data: bytes | Path | BinaryIO) -> tuple[str, int]:
        """Store bytes durably; (sha256, size)."""
        with self._temporary() as (fd, name):
            sha256, size = _copy(data, fd)
            os.fchmod(fd, 0o440)
            os.fsync(fd)
            final = self.path(sha256)
            try:
                os.link(name, final)
            except FileExistsError:
                if _hash_file(final) != sha256:
                    # The name promises these bytes and we hold good ones: bring the damaged file back to its
                    # promise.
                    log.warning(
                        "content %s was damaged on disk and is repaired from the bytes offered again", sha256
                    )
                    os.replace(name, final)
            # Also when the file was there: its writer may not have synced the folder yet.
            _sync_folder(final.parent)
        return sha256, size

    def read(self, sha256: str, *, verify: bool) -> bytes:
        with self.open(sha256) as stream:
            data = stream.read()
        if verify and hashlib.sha256(data).hexdigest() != sha256:
            raise ObjectDamaged(sha256)
        return data

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError as error:
            raise ObjectMissing(f"content {sha256}") from error

    def verify(self, sha256: str) -> None:
        """Raises ObjectDamaged or ObjectMissing."""
        try:
            found = _hash_file(self.path(sha256))
        except FileNotFoundError as error:
            raise ObjectMissing(f"content {sha256}") from error
        if found != sha256:
            raise ObjectDamaged(sha256)

    def remove(self, sha256: str) -> None:
        path = self.path(sha256)
        path.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def any_content(self) -> bool:
        return any(files for _, _, files in os.walk(self.root / "content"))

    def clean_temporary(self) -> int:
        """Remove what killed writers left. A living writer holds a lock on its file, so it is never
        disturbed."""
        removed = 0
        for path in self.tmp.iterdir():
            try:
                fd = os.open(path, os.O_RDWR)
            except OSError:
                continue  # gone meanwhile, or not ours
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                removed += 1
            except BlockingIOError:
                pass
            finally:
                os.close(fd)
        return removed

    @contextmanager
    def _temporary(self) -> Iterator[tuple[int, Path]]:
        while True:
            name = self.tmp / secrets.token_hex(16)
            fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                break
            os.close(fd)  # a cleaner took it between creation and lock
        try:
            yield fd, name
        finally:
            name.unlink(missing_ok=True)
            os.close(fd)


def _copy(data: bytes | Path | BinaryIO, fd: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(data):
        digest.update(chunk)
        size += len(chunk)
        view = memoryview(chunk)
        while view:
            view = view[os.write(fd, view) :]
    return digest.hexdigest(), size


def _chunks(data: bytes | Path | BinaryIO) -> Iterator[bytes]:
    if isinstance(data, bytes | bytearray | memoryview):
        view = memoryview(data)
        for start in range(0, len(view), CHUNK):
            yield view[start : start + CHUNK]
    elif isinstance(data, Path):
        try:
            stream = data.open("rb")
        except OSError as error:
            raise UnreadableFile(f"{data.name}: {error.strerror}") from error
        with stream:
            yield from _chunks(stream)
    else:
        while chunk := data.read(CHUNK):
            yield chunk


def _hash_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
