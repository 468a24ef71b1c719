"""Connections that send the head of a request too slowly are closed, so that nobody keeps all of them open for nothing.

The server's own limits begin with a complete head; this one begins with the connection.
"""

from __future__ import annotations

import asyncio
from functools import cache

from uvicorn.protocols.http.h11_impl import H11Protocol

from schemas.settings import load_settings

_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@cache
def _head_seconds() -> float:
    return load_settings().api.head_seconds


class BoundedHttp(H11Protocol):
    """`uvicorn.run(..., http="portal.serving:BoundedHttp")`."""

    head_seconds: float | None = None
    """None: as the settings say."""
    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._busy():
            self._stop_waiting()
        elif self._head is None:
            self._wait_for_head()  # the next head on a connection that is kept

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._busy() and self.conn.trailing_data[0]:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._head = self.loop.call_later(self.head_seconds or _head_seconds(), self._too_slow)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_SLOW)
            self.transport.close()
