"""`sohoa api` killed by signal 9 at random moments while other systems import and correct: what it acknowledged is there, nothing is
doubled, and a sender that never heard the answer asks again and gets it.

`API_KILLS=50 pytest tests/test_api_kills.py` for the full count (docs/reliability.md).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from flows.fixity import open_keeping
from flows.sanity import check_sanity
from schemas.people import TOKEN_SCOPES, Actor
from schemas.settings import Settings, load_settings
from storage.audit import Audit
from storage.catalogue import Catalogue
from storage.people import Tokens, Units
from tests.api_server import CODE, described, paper
from tests.sohoa_command import ROOT, small_office

pytest_plugins = ["catalogue_fixtures"]
KILLS = int(os.environ.get("API_KILLS", "2"))
SENDERS = 3
PATIENCE_SECONDS = 900
"""One request may be cut off many times."""
# A key whose request was killed holds for five minutes; here for three seconds.
SERVE = (
    "import sys; from datetime import timedelta; import portal.api.once as once; once.LEASE = timedelta(seconds=3);"
    "from cli.main import main; main(sys.argv[1:])"
)


@dataclass
class Server:
    home: Path
    port: int
    process: subprocess.Popen | None = None

    def start(self) -> None:
        words = [sys.executable, "-c", SERVE, "api", "--home", str(self.home), "--port", str(self.port)]
        with (self.home / "api.log").open("ab") as log:
            self.process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)})
        late = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/ready", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if self.process.poll() is not None or time.monotonic() > late:
                raise RuntimeError((self.home / "api.log").read_text("utf-8", "replace")[-2000:])
            time.sleep(0.05)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Sender:
    """Another system: sends one request after the other, each until it has heard the answer."""

    number: int
    url: str
    token: str
    stop: threading.Event
    luck: random.Random
    imported: dict[int, dict] = field(default_factory=dict)
    corrected: set[int] = field(default_factory=set)
    etag: str = ""
    """Of the last answer."""
    unheard: int = 0
    wrong: list[str] = field(default_factory=list)

    def run(self) -> None:
        count = 0
        while not self.stop.is_set():
            count += 1
            document = self.number * 10_000 + count
            self.imported[document] = self._until_heard(lambda client, key, n=document: self._import(client, n, key), 201)
            if self.luck.random() < 0.5 and not self.stop.is_set():
                self._correct(document)

    def _correct(self, document: int) -> None:
        self._until_heard(lambda client, _: client.get(f"/documents/{quote(code(document))}"), 200)
        etag = self.etag
        self._until_heard(lambda client, key: self._put(client, document, etag, key), 200)
        self.corrected.add(document)

    def _import(self, client: httpx.Client, number: int, key: str) -> httpx.Response:
        return client.post(
            "/documents/import",
            files={"file": ("quyết định.pdf", bytes_of(number), "application/pdf")},
            data={"metadata": json.dumps(described(number))},
            headers={"Idempotency-Key": key},
        )

    def _put(self, client: httpx.Client, number: int, etag: str, key: str) -> httpx.Response:
        return client.put(
            f"/documents/{quote(code(number))}",
            files={"file": ("mới.pdf", bytes_of(number, 2), "application/pdf")},
            data={"metadata": json.dumps({"Keyword": "đính chính", "Reason": "quét lại"})},
            headers={"Idempotency-Key": key, "If-Match": etag},
        )

    def _until_heard(self, ask, status: int) -> dict:
        """Asks again under the same key; now and then under another, as a sender that lost its own memory would."""
        key = f"khoa-{self.luck.getrandbits(60):016d}"
        late = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < late:
            try:
                with httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=60) as client:
                    answer = ask(client, key)
            except httpx.TransportError:
                self.unheard += 1
                key = key if self.luck.random() < 0.7 else f"khoa-{self.luck.getrandbits(60):016d}"
                time.sleep(0.2)
                continue
            if answer.status_code == status:
                self.etag = answer.headers.get("etag", "")
                return answer.json()
            if answer.status_code not in (409, 503):
                break
            time.sleep(0.3)
        self.wrong.append(answer.text)
        self.stop.set()
        raise RuntimeError(answer.text)


def bytes_of(number: int, version: int = 1) -> bytes:
    return paper(1) + f"% {number} {version}\n".encode()


def code(number: int, version: int = 1) -> str:
    return f"{CODE}_QĐ_{number:06d}_V{version}"


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_the_api_acknowledged_outlives_its_death(url: str, tmp_path: Path, monkeypatch):
    home = small_office(tmp_path / "sohoa-data")
    for name, value in {"REQUESTS_A_MINUTE": "60000", "BURST": "10000", "LOOKS_AT_ONCE": "3"}.items():
        monkeypatch.setenv(f"SOHOA_API__{name}", value)
    if url.startswith("postgres"):
        monkeypatch.setenv("SOHOA_CATALOGUE_URL", url)
    settings = load_settings(home)
    with Catalogue.open(settings.database) as catalogue:
        unit = Units(catalogue).add("Ủy ban nhân dân xã Đại Đồng", code=CODE, by=Actor.system()).id
        ends = datetime.now(UTC) + timedelta(days=1)
        token = Tokens(catalogue).issue("một cửa", unit, TOKEN_SCOPES, ends, by=Actor.system()).secret
    luck, stop, server = random.Random(), threading.Event(), Server(home, free_port())
    address = f"http://127.0.0.1:{server.port}/api/v1"
    senders = [Sender(n, address, token, stop, random.Random(n)) for n in range(1, SENDERS + 1)]
    threads = [threading.Thread(target=sender.run, daemon=True) for sender in senders]
    server.start()
    try:
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(luck.uniform(0.3, 5))
            server.kill()
            server.start()
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert [sender.wrong for sender in senders] == [[]] * SENDERS
        assert not any(thread.is_alive() for thread in threads)
        with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            for sender in senders:
                for number in sender.imported:
                    all_versions_are_there(client, number, 2 if number in sender.corrected else 1)
    finally:
        server.kill()
    imports = sum(len(sender.imported) for sender in senders)
    corrections = sum(len(sender.corrected) for sender in senders)
    unheard = sum(sender.unheard for sender in senders)
    print(f"{KILLS} kills, {imports} imports and {corrections} corrections acknowledged, {unheard} calls without an answer")
    assert imports >= KILLS
    nothing_is_doubled(settings, imports, corrections)


def all_versions_are_there(client: httpx.Client, number: int, newest: int) -> None:
    given = client.get(f"/documents/{quote(code(number, newest))}").json()
    assert given["version"] == newest and len(given["versions"]) == newest, (number, given)
    for version in range(1, newest + 1):
        file = client.get(f"/documents/download/{quote(code(number, version))}")
        assert file.status_code == 200 and file.content == bytes_of(number, version), (number, version)


def nothing_is_doubled(settings: Settings, imports: int, corrections: int) -> None:
    with open_keeping(settings) as archive:
        rows = archive.catalogue.documents()
        assert len(rows) == len({row.doc_code for row in rows}) == imports
        assert sum(row.version == 2 for row in rows) == corrections and max(row.version for row in rows) <= 2
        for row in rows:
            keys = [version.archive.key for version in archive.catalogue.versions(row.id)]
            assert [len(archive.store.versions(key)) for key in keys] == [1] * row.version, row.id
        found = [finding for finding in check_sanity(archive).findings if finding.severity == "error"]
        assert found == []
        assert Audit(archive.catalogue).check().whole


def free_port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
