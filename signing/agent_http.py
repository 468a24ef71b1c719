"""The agent's HTTP door: loopback only, known portals only, JSON only.

A browser page of the portal speaks to it, so what protects it is what browsers enforce: the Host header (against DNS
rebinding), the Origin header, CORS and Private Network Access preflights, and a secret from the pairing.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import BadSettings, SetupError, SohoaError
from schemas.signing import SigningJob
from schemas.signing_errors import SigningJobRejected, TokenUnavailable
from signing.agent import Agent
from signing.agent_jobs import AgentJob, QueueFull
from signing.agent_pairing import PairingRefused

ADDRESSES = ("127.0.0.1", "::1")
MAX_BODY = 4_000_000
"""Bytes: 2,000 documents take about half of it."""
BODY_SECONDS = 10.0
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type"),
    (b"access-control-max-age", b"60"),
)
_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Origin"),
)


def bind(port: int, addresses: Sequence[str] = ADDRESSES) -> list[socket.socket]:
    """Listening sockets, the same port on each address. An address this PC does not have (no IPv6) is left out.

    Raises BadSettings for anything but 127.0.0.1 and ::1, SetupError when the port is taken.
    """
    for address in addresses:
        if address not in ADDRESSES:
            raise BadSettings(f"the agent listens on 127.0.0.1 and ::1 only, not on {address}")
    made: list[socket.socket] = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            listener = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue
        try:
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # No SO_REUSEADDR: on Windows it would let another program share the port.
            listener.bind((address, port))
            listener.listen(16)
        except OSError as error:
            listener.close()
            if made and family == socket.AF_INET6 and error.errno not in _TAKEN:
                continue
            for other in made:
                other.close()
            raise SetupError(f"port {port} on {address}: {error.strerror}") from error
        made.append(listener)
        port = listener.getsockname()[1]
    if not made:
        raise SetupError("no loopback address on this machine")
    return made


_TAKEN = (98, 48, 10048, 13, 10013)
"""EADDRINUSE on Linux, macOS, Windows; EACCES."""


@dataclass(frozen=True)
class Refused(Exception):
    status: int
    code: str


class Guard:
    """Looks at every request before anything else does."""

    def __init__(self, app, origins: Sequence[str], port: int) -> None:
        self.app = app
        self.origins = frozenset(origins)
        self.hosts = frozenset(f"{host}:{port}" for host in ("127.0.0.1", "[::1]", "localhost"))

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        allowed = ""
        try:
            headers = _single(scope["headers"])
            if scope["client"] is None or scope["client"][0] not in ADDRESSES:
                raise Refused(403, "not_loopback")
            if headers.get("host", "").lower() not in self.hosts:
                raise Refused(421, "host_refused")
            origin = headers.get("origin", "")
            if origin not in self.origins:
                raise Refused(403, "origin_refused")
            allowed = origin
            if scope["method"] == "OPTIONS":
                await _preflight(headers, allowed, send)
                return
            body = await asyncio.wait_for(_body(scope, headers, receive), BODY_SECONDS)
        except Refused as refused:
            await _send(send, refused.status, {"error": refused.code}, allowed)
            return
        except TimeoutError:
            await _send(send, 408, {"error": "too_slow"}, allowed)
            return

        async def replay():
            return {"type": "http.request", "body": body, "more_body": False}

        async def answer(message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_ALWAYS, *_cors(allowed)]
            await send(message)

        await self.app(scope, replay, answer)


def _single(raw: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name; what decides anything may stand there once only."""
    found: dict[str, str] = {}
    for name, value in raw:
        key = name.decode("latin-1").lower()
        if key in found and key in ("host", "origin", "authorization", "content-type", "content-length"):
            raise Refused(400, "header_twice")
        found[key] = value.decode("latin-1")
    return found


async def _body(scope, headers: dict[str, str], receive) -> bytes:
    if scope["method"] != "POST":
        return b""
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(415, "not_json")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY:
        raise Refused(413, "body_too_large")
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Refused(400, "gone")
        size += len(message.get("body", b""))
        if size > MAX_BODY:
            raise Refused(413, "body_too_large")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _cors(origin: str) -> list[tuple[bytes, bytes]]:
    return [(b"access-control-allow-origin", origin.encode("latin-1"))] if origin else []


async def _preflight(headers: dict[str, str], origin: str, send) -> None:
    if "access-control-request-method" not in headers:
        raise Refused(400, "bad_request")
    extra = list(_PREFLIGHT)
    if headers.get("access-control-request-private-network") == "true":
        extra.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": [*_ALWAYS, *_cors(origin), *extra]})
    await send({"type": "http.response.body", "body": b""})


async def _send(send, status: int, document: dict, origin: str) -> None:
    body = json.dumps(document).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"), *_ALWAYS, *_cors(origin),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Code(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=16)


def agent_app(agent: Agent, port: int):
    """The ASGI application; docs/agent.md describes what it answers."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def paired(request: Request) -> str:
        """The origin that asks, if it shows its secret."""
        origin = request.headers["origin"]
        kind, _, secret = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not agent.pairings.check(origin, secret.strip()):
            raise Refused(401, "not_paired")
        return origin

    def job_of(request: Request, id: str) -> AgentJob:
        job = agent.jobs.get(paired(request), id)
        if job is None:
            raise Refused(404, "unknown_job")
        return job

    @app.exception_handler(Refused)
    def refused(_, error: Refused) -> JSONResponse:
        return JSONResponse({"error": error.code}, error.status)

    @app.exception_handler(PairingRefused)
    def pairing_refused(_, error: PairingRefused) -> JSONResponse:
        return JSONResponse({"error": error.code}, 429 if error.code == "pairing_locked" else 403)

    @app.exception_handler(SohoaError)
    def ours(_, error: SohoaError) -> JSONResponse:
        status = {SigningJobRejected: 422, TokenUnavailable: 409}.get(type(error), 500)
        return JSONResponse({"error": error.code, "message": error.message_vi}, status)

    @app.exception_handler(404)
    @app.exception_handler(405)
    def nowhere(_, error) -> JSONResponse:
        return JSONResponse({"error": "unknown_address"}, error.status_code)

    @app.exception_handler(Exception)
    def broken(_, error: Exception) -> JSONResponse:
        return JSONResponse({"error": SohoaError.code}, 500)

    @app.get("/v1/status")
    def status(request: Request) -> JSONResponse:
        """Also before pairing: that the agent is there, and whether this portal is paired."""
        try:
            paired(request)
        except Refused:
            return JSONResponse({"agent": "sohoa", "version": 1, "paired": False})
        return JSONResponse(
            {"agent": "sohoa", "version": 1, "paired": True, "open_jobs": agent.jobs.open_count()}
        )

    @app.post("/v1/pairing")
    def begin_pairing(request: Request) -> JSONResponse:
        return JSONResponse({"seconds": int(agent.pairing.begin(request.headers["origin"]))})

    @app.post("/v1/pairing/finish")
    async def finish_pairing(request: Request) -> JSONResponse:
        code = _parsed(_Code, await request.body()).code
        # scrypt takes a while: not in the event loop
        secret = await asyncio.to_thread(agent.pairing.finish, request.headers["origin"], code)
        return JSONResponse({"secret": secret})

    @app.delete("/v1/pairing")
    def end_pairing(request: Request) -> JSONResponse:
        return JSONResponse({"revoked": agent.pairings.revoke(paired(request))})

    @app.get("/v1/certificates")
    def certificates(request: Request) -> JSONResponse:
        paired(request)
        return JSONResponse(
            {"certificates": [known.model_dump() for _, known in agent.tokens.certificates()]}
        )

    @app.post("/v1/jobs")
    async def take(request: Request) -> JSONResponse:
        body = await request.body()

        def taken() -> JSONResponse:
            try:
                job = agent.take(paired(request), _parsed(SigningJob, body))
            except QueueFull:
                raise Refused(429, "queue_full") from None
            return JSONResponse(job.progress().model_dump(mode="json"), 202)

        return await asyncio.to_thread(taken)

    @app.get("/v1/jobs/{id}")
    def progress(request: Request, id: str) -> JSONResponse:
        return JSONResponse(job_of(request, id).progress().model_dump(mode="json"))

    @app.get("/v1/jobs/{id}/answers")
    def answers(request: Request, id: str) -> JSONResponse:
        return JSONResponse(job_of(request, id).answers().model_dump(mode="json"))

    @app.delete("/v1/jobs/{id}")
    def cancel(request: Request, id: str) -> JSONResponse:
        job = job_of(request, id)
        agent.jobs.cancel(job)
        return JSONResponse(job.progress().model_dump(mode="json"))

    return Guard(app, agent.settings.origins, port)


def _parsed(model: type[BaseModel], body: bytes):
    """Pydantic's own message would repeat what was sent; nobody needs it."""
    try:
        return model.model_validate_json(body)
    except ValidationError:
        raise Refused(400, "bad_request") from None


class AgentServer:
    """The HTTP door in a thread of its own. A context manager."""

    def __init__(self, agent: Agent, addresses: Sequence[str] = ADDRESSES) -> None:
        self._sockets = bind(agent.settings.port, addresses)
        self.port: int = self._sockets[0].getsockname()[1]
        config = uvicorn.Config(
            agent_app(agent, self.port), log_config=None, access_log=False, server_header=False,
            proxy_headers=False, ws="none", lifespan="off", log_level="critical", limit_concurrency=32, timeout_keep_alive=5,
            h11_max_incomplete_event_size=16_384, http="h11", timeout_graceful_shutdown=2,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": self._sockets}, name="agent-http", daemon=True
        )

    def __enter__(self) -> AgentServer:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        for listener in self._sockets:
            listener.close()
