"""SIMULATOR of the citizen's store on Cổng DVCQG: a small HTTP server that speaks what `flows.delivery_portal` speaks.

Nothing of the real portal is known beyond the decrees; this stands in for it in tests only.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        server: KhoSimulator = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.asked += 1
        status = server.answers.pop(0) if server.answers else 201
        if status == "silence":
            self.close_connection = True
            return
        if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            status = 401
        name = self.path.rsplit("/", 1)[1]
        if status in (200, 201):
            if name in server.kept:
                status = 409
            server.kept.setdefault(name, json.loads(body))
        # "lost": taken, but the answer never arrives.
        if status == "lost":
            server.kept.setdefault(name, json.loads(body))
            self.close_connection = True
            return
        answer = (
            b"<html>proxy</html>" if server.talks_html else json.dumps({"receipt": f"BN-{name}"}).encode()
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args) -> None:
        pass


class KhoSimulator(ThreadingHTTPServer):
    """A context manager. `answers`: what it says to the next calls (status, "silence", "lost"); then 201."""

    daemon_threads = True

    def __init__(self, token: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.kept, self.answers, self.asked, self.talks_html = token, {}, [], 0, False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/kho"

    def __enter__(self) -> KhoSimulator:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *details) -> None:
        self.shutdown()
        self.server_close()
