"""SIMULATOR of a gateway to national databases: a small HTTP server that speaks what `flows.lookup_national` speaks. In tests only."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: NationalSimulator = self.server
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(asked)
        answer = server.answers.pop(0) if server.answers else 200
        if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            answer = 401
        if answer == "silence":
            self.close_connection = True
            return
        if answer == "slow":
            time.sleep(3)
            answer = 200
        known = server.entries.get((asked["id_number"], asked["kind"]))
        body = json.dumps({"found": known is not None, "source": "CSDL hộ tịch điện tử", "data": known or {}}).encode()
        if answer == "html":
            answer, body = 200, b"<html>proxy</html>"
        if answer == "large":
            answer, body = 200, b'{"found": true, "data": {"x": "' + b"y" * 300_000 + b'"}}'
        self.send_response(answer)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args) -> None:
        pass


class NationalSimulator(ThreadingHTTPServer):
    """A context manager. `answers`: what it says to the next calls (status, silence, slow, html, large); then 200."""

    daemon_threads = True

    def __init__(self, token: str = "") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.token, self.answers, self.asked = token, [], []
        self.entries: dict[tuple[str, str], dict[str, str]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/csdlqg"

    def __enter__(self) -> NationalSimulator:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *details) -> None:
        self.shutdown()
        self.server_close()
