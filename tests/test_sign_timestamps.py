"""Timestamps over HTTP: a real RFC 3161 exchange on loopback, and the ways in which a server fails."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asn1crypto import tsp
from signing_fixtures import SETTINGS, judged, pki, prepared_scan, request, signer, validation

from schemas.signing import FIELD_NAMES, Level, Role
from schemas.signing_errors import LevelNotReached, TimestampUnavailable
from signing.levels import HttpTimeStamper
from signing.sign import foreign_errors, sign
from signing.sign_checks import run, timestamp_paths


class Authority(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault, self.asked = "", 0
        self.url = f"http://127.0.0.1:{self.server_port}/tsa"


class _Handler(BaseHTTPRequestHandler):
    server: Authority

    def log_message(self, *_) -> None:
        pass

    def do_POST(self) -> None:
        self.server.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-Type"] == "application/timestamp-query"
        fault = self.server.fault
        if fault == "slow":
            time.sleep(3)
        if fault == "down":
            return self._send(503, b"")
        if fault == "html":
            return self._send(200, b"<html></html>")
        asked = tsp.TimeStampReq.load(body)
        if fault == "another digest":
            asked["message_imprint"]["hashed_message"] = bytes(32)
        if fault == "another nonce":
            asked["nonce"] = 5
        answer = pki().timestamper().request_tsa_response(asked)
        if fault == "refused":
            answer = tsp.TimeStampResp({"status": {"status": "rejection", "fail_info": {"bad_alg"}}})
        self._send(200, answer.dump())

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass  # the client gave up waiting


@pytest.fixture
def authority():
    server = Authority()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def signed(stamper, level: Level = Level.B_LTA):
    return sign(
        prepared_scan(), request(Role.SCANNER, level), signer(Role.SCANNER),
        settings=SETTINGS, validation=validation(), timestamper=stamper,
    )  # fmt: skip


def test_over_http(authority):
    stamper = HttpTimeStamper(authority.url, 5)
    done = signed(stamper)
    assert done.evidence.level_reached is Level.B_LTA
    assert abs(done.evidence.timestamp_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert judged(done.data, FIELD_NAMES[Role.SCANNER]).bottom_line
    before = authority.asked
    signed(stamper)
    assert authority.asked - before == 2  # what the authority's chain is, is learnt once for a batch
    stamper.close()


@pytest.mark.parametrize("fault", ["down", "html", "another digest", "another nonce", "refused"])
def test_every_failure_is_ours(authority, fault):
    authority.fault = fault
    with pytest.raises(TimestampUnavailable):
        signed(HttpTimeStamper(authority.url, 5))


def test_a_failure_midway(authority):
    stamper = HttpTimeStamper(authority.url, 5)
    signed(stamper)
    authority.fault = "another digest"
    with pytest.raises(TimestampUnavailable):
        signed(stamper)


def test_slow(authority):
    authority.fault = "slow"
    begun = time.monotonic()
    with pytest.raises(TimestampUnavailable):
        signed(HttpTimeStamper(authority.url, 0.3))
    assert time.monotonic() - begun < 2.9


def test_not_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TimestampUnavailable):
        signed(HttpTimeStamper(f"http://127.0.0.1:{port}/", 2))


def test_an_authority_whose_certificate_ended():
    """Its clock runs on, its certificate does not."""
    later = datetime.now(UTC) + timedelta(days=11 * 365)
    context = pki().validation_context([signer(Role.SCANNER).certificate], moment=later)
    with pytest.raises(LevelNotReached), foreign_errors():
        run(timestamp_paths(pki().timestamper(lambda: later), context))
