"""In front of every request: who is it, how often, how much, how slowly. All of it before a byte of the body is read.

Plain ASGI, so that nothing is held in memory and a body is cut off while it comes.
"""

from __future__ import annotations

import asyncio
import math
import re
import uuid
from time import monotonic

from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.refusals import token_refused
from portal.api.problems import Refused, problem, unexpected
from portal.api.state import Api
from schemas.errors import SohoaError, TooLarge
from schemas.people import Actor, working_as
from schemas.reuse_errors import RateLimited, TokenNeeded, TooSlow

OPEN = re.compile(r"/(?:health|ready|api/v\d+/openapi\.json)")
"""Answered without a token; nothing of the archive is in them."""
UPLOADS = re.compile(r"/api/v\d+/(?:documents/.*|verify)")
_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FORM_BYTES = 100_000
"""Around the file: boundaries, heads of parts."""
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
YEAR = 31_536_000
SEND_SECONDS = 60.0
"""A reader that takes nothing for so long is let go."""


class Gate:
    def __init__(self, app: ASGIApp, api: Api) -> None:
        self.app, self.api = app, api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "").lower()
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id, https=scope["scheme"] == "https")
        try:
            await self._inside(scope, headers, receive, answer)
        except SohoaError as error:
            await self._failed(scope, receive, answer, problem(error, request_id, headers={"Connection": "close"}))
        except _Gone:
            pass
        except Exception as error:
            await self._failed(scope, receive, answer, unexpected(error, request_id))

    async def _inside(self, scope: Scope, headers: Headers, receive: Receive, answer: _Answer) -> None:
        path = scope["path"]
        if OPEN.fullmatch(path):
            await self.app(scope, _Body(receive, 0, self.api), answer)
            return
        address = (scope.get("client") or ("",))[0]
        wait = self.api.strangers.take(address) if not headers.get("authorization") else 0.0
        if wait:
            raise_after(wait)
        actor = await run_sync(self._actor, headers, address)
        scope["state"]["actor"] = actor
        wait = self.api.callers.take(actor.token or actor.id)
        if wait:
            raise_after(wait)
        limit = self._limit(path)
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise TooLarge(f"{length} bytes, limit {limit}")
        with working_as(actor):
            await self.app(scope, _Body(receive, limit, self.api), answer)

    def _actor(self, headers: Headers, address: str) -> Actor:
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        actor = self.api.actor_of(secret.strip(), address) if scheme.lower() == "bearer" else None
        if actor is None:
            wait = self.api.strangers.take(address) if scheme else 0.0
            if wait:
                raise_after(wait)
            if secret:
                token_refused(self.api.desk.catalogue, address, "API")
            raise TokenNeeded()
        return actor

    def _limit(self, path: str) -> int:
        api = self.api.settings.api
        return api.upload_bytes + api.json_bytes + _FORM_BYTES if UPLOADS.fullmatch(path) else api.json_bytes

    async def _failed(self, scope: Scope, receive: Receive, answer: _Answer, response) -> None:
        if not answer.begun:
            await response(scope, receive, answer)


def raise_after(seconds: float) -> None:
    raise RateLimited(str(math.ceil(seconds)))


class _Gone(Exception):
    """The reader is not there any more."""


class _Body:
    """A body that is cut off when it is too large or too slow."""

    def __init__(self, receive: Receive, limit: int, api: Api) -> None:
        self._receive, self._limit = receive, limit
        self._idle, self._rate = api.settings.api.idle_seconds, api.settings.api.slowest_bytes_a_second
        self._taken, self._began, self._whole = 0, monotonic(), False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the reader to leave, however long
        left = self._began + self._idle + self._taken / self._rate - monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), min(self._idle, max(left, 0.001)))
        except TimeoutError:
            raise Refused(TooSlow()) from None
        self._taken += len(message.get("body", b""))
        if self._taken > self._limit:
            raise Refused(TooLarge(f"limit {self._limit} bytes"))
        self._whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message


class _Answer:
    """Adds what every answer carries, and lets a reader go that takes nothing."""

    def __init__(self, send: Send, request_id: str, *, https: bool) -> None:
        self._send, self._request_id, self._https, self.begun = send, request_id, https, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Request-ID"] = self._request_id
            if self._https:
                headers["Strict-Transport-Security"] = f"max-age={YEAR}"
        try:
            await asyncio.wait_for(self._send(message), SEND_SECONDS)
        except TimeoutError:
            raise _Gone from None
