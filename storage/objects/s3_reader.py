"""Reading an object of an S3 store: one stream that goes on where the connection broke, and gives up on one that trickles."""

from __future__ import annotations

import io
import time

import urllib3

from schemas.errors import StoreUnavailable
from storage.objects.s3_errors import translated
from storage.objects.s3_wire import SLOWEST, Wire

GRACE = 60.0
"""Seconds after which the rate counts."""


class Download(io.RawIOBase):
    """Bytes of one version, from the first on. Raises ObjectMissing when opened, StoreUnavailable when read."""

    def __init__(self, wire: Wire, key: str, version: str | None) -> None:
        self._wire, self._key = wire, key
        self._answer: urllib3.BaseHTTPResponse | None = wire.again(lambda: wire.open(key, version))
        self.headers = self._answer.headers
        self._version = self.headers.get("x-amz-version-id") or version
        self._size = int(self.headers.get("content-length", "0"))
        self._done = 0
        self._started = time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        wanted = min(len(buffer), self._size - self._done)
        if wanted <= 0:
            return 0
        data = self._wire.again(lambda: self._piece(wanted))
        buffer[: len(data)] = data
        self._done += len(data)
        seconds = time.monotonic() - self._started
        if seconds > GRACE and self._done / seconds < SLOWEST:
            raise StoreUnavailable(f"the store answers too slowly {self._key}")
        return len(data)

    def close(self) -> None:
        if not self.closed and self._answer is not None:
            # An answer that was not read to its end cannot give its connection back.
            self._answer.close()
            self._answer.release_conn()
            self._answer = None
        super().close()

    def _piece(self, wanted: int) -> bytes:
        if self._answer is None:
            self._answer = self._wire.open(self._key, self._version, self._done)
        try:
            with translated(self._key):
                data = self._answer.read(wanted)
            if not data:
                raise StoreUnavailable(f"the answer ended too soon {self._key}")
        except StoreUnavailable:
            self._answer.close()
            self._answer = None
            raise
        if self._done + len(data) == self._size:
            self._answer.release_conn()
        return data
