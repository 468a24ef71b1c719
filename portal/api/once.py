"""A writing request has one effect, however often and by however many connections at once it is sent."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from fastapi.responses import JSONResponse
from starlette.requests import Request

from portal.api.state import Api
from schemas.people import Actor
from schemas.reuse_errors import RequestRunning
from storage.reuse import Running, Stored

LEASE = timedelta(minutes=5)
"""Longer than any request takes; after it the key of a process that died may be used again."""
WAIT_SECONDS = 20.0
"""So long the second of two calls at once waits for the first."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Done:
    """What a request did."""

    status: int
    body: dict
    headers: dict[str, str] = field(default_factory=dict)


def once(api: Api, request: Request, actor: Actor, key: str, digest: str, do: Callable[[], Done]) -> JSONResponse:
    """The answer of `do`, done now or, for a key that was used before, the one given then.

    What failed is not kept: the same key may try again. Raises RequestKeyReused, RequestRunning, and as `do`.
    """
    requests, client = api.requests, actor.token or actor.id
    asked = hashlib.sha256(f"{request.method} {request.url.path}\n{digest}".encode()).hexdigest()
    late = time.monotonic() + WAIT_SECONDS
    while not isinstance(begun := requests.begin(client, key, asked, LEASE), Stored):
        if begun.mine:
            return _first(api, begun, do)
        if time.monotonic() > late:
            raise RequestRunning(f"Idempotency-Key {key}")
        time.sleep(_LOOK_SECONDS)
    return JSONResponse(begun.body, begun.status, begun.headers | {"Idempotency-Replayed": "true"})


def _first(api: Api, running: Running, do: Callable[[], Done]) -> JSONResponse:
    try:
        done = do()
    except BaseException:
        api.requests.give_up(running)
        raise
    api.requests.finish(running, done.status, done.headers, done.body)
    return JSONResponse(done.body, done.status, done.headers)
