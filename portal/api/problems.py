"""Errors as RFC 9457 has them: our stable code, Vietnamese first, never a trace of what lies inside."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from traceback import extract_tb

from anyio.to_thread import run_sync
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import compile_path

from flows.refusals import refused
from schemas.errors import (
    ChangedMeanwhile,
    DiskFull,
    Fault,
    InputRejected,
    NotAllowedNow,
    NotFound,
    RequestKeyReused,
    SohoaError,
    TooLarge,
    UnsupportedFile,
    WrongUse,
)
from schemas.people_errors import NotAllowed
from schemas.reuse_errors import (
    ConditionNeeded,
    RateLimited,
    RequestRunning,
    TokenNeeded,
    TooSlow,
    WrongMethod,
)

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("sohoa.api")

STATUSES: tuple[tuple[type[SohoaError], int], ...] = (
    (TokenNeeded, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (WrongMethod, 405),
    (TooSlow, 408),
    (RequestRunning, 409),
    (ChangedMeanwhile, 412),
    (NotAllowedNow, 409),
    (TooLarge, 413),
    (UnsupportedFile, 415),
    (RequestKeyReused, 422),
    (ConditionNeeded, 428),
    (RateLimited, 429),
    (InputRejected, 422),
    (WrongUse, 422),
    (DiskFull, 507),
)
"""The most specific first."""
OF_HTTP: dict[int, type[SohoaError]] = {404: NotFound, 405: WrongMethod, 413: TooLarge, 415: UnsupportedFile}
RETRY_SECONDS = 5


class Refused(HTTPException):
    """An error of ours on its way through a framework that passes only its own on."""

    def __init__(self, error: SohoaError) -> None:
        super().__init__(status_of(error), error.code)
        self.error = error


def status_of(error: SohoaError) -> int:
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status
    return 503 if error.retry or error.fault is Fault.SETUP else 500 if error.fault is not Fault.USER else 409


def problem(
    error: SohoaError,
    request_id: str,
    *,
    status: int | None = None,
    headers: dict[str, str] | None = None,
    places: Sequence[tuple[str, str]] = (),
) -> JSONResponse:
    """The answer to a request that failed. Facts of what lies inside (paths, addresses) stay inside."""
    status = status or status_of(error)
    told = error.fault in (Fault.INPUT, Fault.USER)
    body = {
        "type": f"urn:sohoa:error:{error.code}",
        "title": error.message_vi,
        "status": status,
        "detail": error.detail if told else "",
        "instance": f"urn:uuid:{request_id}",
        "code": error.code,
        "title_en": error.en,
        "advice": error.advice_vi,
        "retry": error.retry,
        "errors": [{"where": where, "what": what} for where, what in places],
    }
    more = dict(headers or {})
    if status == 401:
        more["WWW-Authenticate"] = 'Bearer realm="sohoa"'
    if error.retry and status in (409, 429, 503):
        more.setdefault("Retry-After", error.detail if isinstance(error, RateLimited) else str(RETRY_SECONDS))
    return JSONResponse(body, status, more, MEDIA_TYPE)


def request_id_of(request: Request) -> str:
    return request.scope["state"]["request_id"]


def unexpected(error: BaseException, request_id: str) -> JSONResponse:
    """Frames into the log, without messages: those may hold personal data."""
    frames = " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(extract_tb(error.__traceback__)))
    log.error("%s %s %s", request_id, type(error).__name__, frames)
    return problem(SohoaError(), request_id)


# --- handlers --------------------------------------------------------------------------------------------------------
async def on_ours(request: Request, error: SohoaError) -> JSONResponse:
    if isinstance(error, NotAllowed):
        await run_sync(_write_down, request, error)
    answer = problem(error, request_id_of(request))
    if answer.status_code >= 500:
        log.error("%s %s", request_id_of(request), error.code)
    return answer


def _write_down(request: Request, error: NotAllowed) -> None:
    """Which address, as it is described: what stands in its place of a code is not written down."""
    route = request.scope.get("route")
    asked = f"{request.method} {getattr(route, 'path', '')}".strip()
    refused(request.app.state.api.desk.catalogue, request.scope["state"]["actor"], error, asked)


async def on_invalid(request: Request, error: RequestValidationError | ValidationError) -> JSONResponse:
    return invalid(error.errors(), request_id_of(request))


def invalid(errors: Sequence[dict], request_id: str) -> JSONResponse:
    """Places and rules, never the values: they may be personal data."""
    places = [(".".join(str(part) for part in e["loc"])[:200], str(e["msg"])[:300]) for e in errors[:20]]
    return problem(WrongUse(), request_id, places=places)


async def on_http(request: Request, error: HTTPException) -> JSONResponse:
    headers = dict(error.headers or {})
    if isinstance(error, Refused):
        if error.status_code in (408, 413):
            headers["Connection"] = "close"  # what is still coming is not read
        return problem(error.error, request_id_of(request), headers=headers)
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
    kind = OF_HTTP.get(error.status_code, WrongUse)
    status = error.status_code if error.status_code in OF_HTTP else 400 if error.status_code < 500 else 500
    return problem(kind(), request_id_of(request), status=status, headers=headers)


def _allowed(request: Request) -> str:
    """All methods of the address; the framework names those of one route only (RFC 9110 §15.5.6)."""
    described = request.app.openapi()["paths"]
    path = request.scope["path"]
    if path not in described:  # else the address itself, not one with a part that varies
        path = next((p for p in described if compile_path(p)[0].fullmatch(path)), "")
    methods = {method.upper() for method in described.get(path, ())}
    return ", ".join(sorted(methods))
