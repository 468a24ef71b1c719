"""A proxy in front of the real S3 server that lies, breaks or dawdles as a test tells it.

Each request goes through `behave`, which may change it (it is signed again with the real keys), answer by itself, or say what
happens to the answer. What it does not touch goes to the server and back unchanged.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.s3_server import S3Server

HTML = b"<!DOCTYPE html><html><body><h1>Dang nhap mang noi bo</h1></body></html>"


@dataclass
class Request:
    """What came in; the fields may be changed by `behave`."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    changed: bool = False

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query, keep_blank_values=True)

    @property
    def is_object(self) -> bool:
        """About an object (not the bucket), and not about its lock."""
        return urlsplit(self.path).path.count("/") > 2 and not {"retention", "legal-hold"} & set(self.query)

    def drop(self, *starts: str) -> None:
        """Takes headers away, as a server that does not know them would."""
        kept = {n: v for n, v in self.headers.items() if not n.lower().startswith(starts)}
        self.changed = self.changed or kept != self.headers
        self.headers = kept


@dataclass
class Answer:
    """What goes back. `cut`: so many bytes of the body, then the connection breaks (-1: all); `wait`: seconds before."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int = -1
    wait: float = 0.0


Behaviour = Callable[[Request, Callable[[], Answer]], Answer | None]
"""`behave(request, forward)`: the answer, None to break the connection without one."""


class Proxy:
    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.behave: Behaviour = lambda request, forward: forward()
        self.seen: list[Request] = []
        self.cut_upload: int | None = None
        """Take so many bytes of the body of the next object put, then hang up; once."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                proxy._handle(self)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_one  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None  # a client that hangs up is what many tests want
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, prefix: str) -> str:
        return self.server.url(prefix, port=self.port)

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        if self.cut_upload is not None and handler.command == "PUT":
            size, self.cut_upload = self.cut_upload, None
            handler.rfile.read(size)
            _break(handler)
            return
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        request = Request(handler.command, handler.path, dict(handler.headers.items()), body)
        self.seen.append(request)
        answer = self.behave(request, lambda: self.forward(request))
        if answer is None:
            _break(handler)
            return
        time.sleep(answer.wait)
        handler.send_response(answer.status)
        lengths = {n.lower() for n in answer.headers}
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "content-length" not in lengths:
            handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if request.method != "HEAD":
            handler.wfile.write(answer.body if answer.cut < 0 else answer.body[: answer.cut])
            handler.wfile.flush()
        if answer.cut >= 0:
            _break(handler)

    def forward(self, request: Request) -> Answer:
        """Asks the real server."""
        headers = self._signed(request) if request.changed else request.headers
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            connection.request(request.method, request.path, request.body, headers)
            got = connection.getresponse()
            body = got.read()
            kept = {n: v for n, v in got.getheaders() if n.lower() not in ("transfer-encoding", "connection")}
            if request.method != "HEAD":
                kept["Content-Length"] = str(len(body))
            return Answer(got.status, kept, body)
        finally:
            connection.close()

    def _signed(self, request: Request) -> dict[str, str]:
        from minio.credentials import Credentials
        from minio.signer import sign_v4_s3

        headers = {
            n: v for n, v in request.headers.items() if n.lower() not in ("authorization", "content-length")
        }
        given = {n.lower(): v for n, v in headers.items()}
        return sign_v4_s3(
            method=request.method,
            url=urlsplit(f"http://{headers['Host']}{request.path}"),
            region="us-east-1",
            headers=headers,
            credentials=Credentials(self.server.access_key, self.server.secret_key),
            content_sha256=given["x-amz-content-sha256"],
            date=datetime.strptime(given["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC),
        ) | {"Content-Length": str(len(request.body))}


def _break(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    try:
        handler.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@contextmanager
def proxied(server: S3Server) -> Iterator[Proxy]:
    proxy = Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()


# --- servers that lie ------------------------------------------------------------------------------------------------
def no_lock(request: Request, forward: Callable[[], Answer]) -> Answer:
    """Takes every lock, says 200, keeps none (rclone, s3rver)."""
    if request.method == "PUT" and {"retention", "legal-hold"} & set(request.query):
        return Answer(200)
    request.drop("x-amz-object-lock")
    return forward()


def boasting(kept: dict[str, dict[str, str]]) -> Behaviour:
    """Takes every lock, shows it on asking, and deletes all the same (as a mock does). `kept`: what it remembers."""

    def behave(request: Request, forward: Callable[[], Answer]) -> Answer:
        path, version = urlsplit(request.path).path, request.query.get("versionId", [""])[0]
        lock = {n.lower(): v for n, v in request.headers.items() if n.lower().startswith("x-amz-object-lock")}
        if request.method == "PUT" and "retention" in request.query:
            text = request.body.decode()
            mode, until = (
                text.partition(f"<{tag}>")[2].partition("<")[0] for tag in ("Mode", "RetainUntilDate")
            )
            kept.setdefault(path + version, {}).update(
                {"x-amz-object-lock-mode": mode, "x-amz-object-lock-retain-until-date": until}
            )
            return Answer(200)
        if request.method == "PUT" and "legal-hold" in request.query:
            held = "ON" if b"<Status>ON" in request.body else "OFF"
            kept.setdefault(path + version, {})["x-amz-object-lock-legal-hold"] = held
            return Answer(200)
        request.drop("x-amz-object-lock")
        answer = forward()
        given = {n.lower(): v for n, v in answer.headers.items()}.get("x-amz-version-id", "")
        if request.method == "PUT" and lock:
            kept[path + given] = lock
        if request.method == "HEAD" and answer.status == 200:
            answer.headers |= kept.get(path + given, {})
        return answer

    return behave


def drops_lock_on_upload(request: Request, forward: Callable[[], Answer]) -> Answer:
    """Keeps a lock that is set by itself, forgets one that comes with the bytes (Ceph RGW, objects in parts)."""
    if request.method in ("PUT", "POST") and not {"retention", "legal-hold"} & set(request.query):
        request.drop("x-amz-object-lock")
    return forward()


def no_conditions(request: Request, forward: Callable[[], Answer]) -> Answer:
    """Does not know If-None-Match and If-Match."""
    request.drop("if-none-match", "if-match")
    return forward()


def no_checksums(request: Request, forward: Callable[[], Answer]) -> Answer:
    request.drop("x-amz-checksum", "x-amz-sdk-checksum", "content-md5")
    return forward()


def no_metadata(request: Request, forward: Callable[[], Answer]) -> Answer:
    request.drop("x-amz-meta-")
    return forward()
