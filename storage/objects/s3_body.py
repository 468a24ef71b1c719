"""What is to be sent: its hash and size are known before the first byte goes out, and what goes out is what was hashed."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from schemas.errors import UnreadableFile
from storage.objects.protocol import Data

CHUNK = 1 << 20


@dataclass(frozen=True)
class Body:
    sha256: str
    size: int
    whole: bytes | None
    """All of it, when it is small enough for one request."""
    file: BinaryIO | None = None
    """Else where it is read from, again and again."""

    @property
    def checksum(self) -> str:
        """As the header `x-amz-checksum-sha256` wants it."""
        return base64.b64encode(bytes.fromhex(self.sha256)).decode()


@contextmanager
def body_of(data: Data, most_in_memory: int) -> Iterator[Body]:
    """Raises UnreadableFile for a path that cannot be read."""
    if isinstance(data, bytes | bytearray | memoryview):
        whole = bytes(data)
        small = len(whole) <= most_in_memory
        sha256 = hashlib.sha256(whole).hexdigest()
        yield Body(sha256, len(whole), whole if small else None, None if small else io.BytesIO(whole))
        return
    if isinstance(data, Path):
        try:
            stream = data.open("rb")
        except OSError as error:
            raise UnreadableFile(f"{data.name}: {error.strerror}") from error
        with stream, _read(stream, most_in_memory) as body:
            yield body
        return
    with _read(data, most_in_memory) as body:
        yield body


@contextmanager
def _read(stream: BinaryIO, most_in_memory: int) -> Iterator[Body]:
    start = bytearray()
    while len(start) <= most_in_memory:
        chunk = stream.read(CHUNK)
        if not chunk:
            whole = bytes(start)
            yield Body(hashlib.sha256(whole).hexdigest(), len(whole), whole)
            return
        start += chunk
    # A copy of our own: a file that grows or changes meanwhile must not be sent under the hash of what it was.
    with tempfile.TemporaryFile(prefix="sohoa-") as kept:
        digest, size = hashlib.sha256(start), len(start)
        kept.write(start)
        del start
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            kept.write(chunk)
        kept.flush()
        yield Body(digest.hexdigest(), size, None, kept)
