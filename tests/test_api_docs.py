"""docs/api.md tells the truth: its commands run, in order, against a server that `sohoa api` started."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from portal.app import create
from schemas.people import TOKEN_SCOPES, Actor
from schemas.settings import load_settings
from storage.catalogue import Catalogue
from storage.people import Tokens
from tests.api_server import paper
from tests.small_papers import decision, png
from tests.sohoa_command import ROOT, command, environment, small_office, sohoa

DOC = (ROOT / "docs/api.md").read_text("utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return small_office(tmp_path_factory.mktemp("docs") / "home")


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@contextmanager
def api_running(home: Path, *options: str, scheme: str = "http") -> Iterator[str]:
    """`sohoa api` in a process of its own."""
    port = free_port()
    running = subprocess.Popen(
        command("api", "--port", port, *options, "--home", home),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    url, late = f"{scheme}://127.0.0.1:{port}", time.monotonic() + 40
    try:
        while True:
            try:
                httpx.get(f"{url}/health", verify=False, timeout=2)
                break
            except httpx.HTTPError:
                if running.poll() is not None or time.monotonic() > late:
                    raise RuntimeError(running.stdout.read().decode()) from None
                time.sleep(0.1)
        yield url
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=30)[0].decode()
        assert "Traceback" not in said, said
    finally:
        running.kill()
        running.wait()


def token_of(home: Path) -> str:
    with Catalogue.open(load_settings(home).database) as catalogue:
        until = datetime.now(UTC) + timedelta(days=1)
        return Tokens(catalogue).issue("Hệ thống một cửa", None, TOKEN_SCOPES, until, by=Actor.system()).secret


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="the examples are for curl")
def test_the_examples_run_in_order_and_what_waits_is_digitised(home: Path, tmp_path: Path) -> None:
    (tmp_path / "quyet-dinh.pdf").write_bytes(paper(123))
    (tmp_path / "dinh-chinh.pdf").write_bytes(paper(124))
    (tmp_path / "ban-quet.png").write_bytes(png(decision(125)))
    examples = re.findall(r"^```sh\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    assert len(examples) == 4
    # jq may be missing: the one use of it here is a name in one object.
    jq = r"""sed -E 's/.*"status_url":"([^"]+)".*/\1/'"""
    script = "set -euo pipefail\n" + "\n".join(examples).replace("jq -r .status_url", jq)
    secret = token_of(home)
    with api_running(home) as url:
        known = {"API": f"{url}/api/v1", "SERVER": url, "TOKEN": secret}
        ran = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=os.environ | known, capture_output=True, text=True, timeout=120
        )
        assert ran.returncode == 0, ran.stderr + ran.stdout
        assert (tmp_path / "ban-moi.pdf").read_bytes() == paper(124)
        with httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {secret}"}) as client:
            sent = client.post(
                "/documents/import",
                files={"file": ("ban-quet.png", png(decision(125)))},
                headers={"Idempotency-Key": "mot-cua-2026-000124"},
            )
            assert sent.headers["idempotency-replayed"] == "true"
            late = time.monotonic() + 60
            while (state := client.get(sent.json()["status_url"].removeprefix("/api/v1")).json())["state"] == "waiting":
                assert time.monotonic() < late, state
                time.sleep(0.3)
            assert state["state"] == "needs_person" and len(state["documents"]) == 1, state
            assert state["documents"][0]["kind"] == "quyet_dinh"
    first, _ = json.JSONDecoder().raw_decode(ran.stdout)
    assert (first["state"], first["DocCode"]) == ("recorded", "H26.12_QĐ_000123_V1")


def test_every_address_and_every_scope_stands_in_the_table() -> None:
    described = create(load_settings(Path("nowhere"))).openapi()["paths"]
    told = set(re.findall(r"`(GET|POST|PUT) (/[^`]*)`", DOC))
    served = {
        (method.upper(), re.sub(r"\{code\}", "{DocCode}", path).replace("{import_id}", "{id}"))
        for path, operations in described.items()
        for method in operations
    }
    assert told == served | {("GET", "/api/v1/openapi.json")}


def test_off_this_machine_only_with_encryption(home: Path) -> None:
    refused = sohoa("api", "--host", "0.0.0.0", home=home)
    assert refused.code == 2 and "--tls-cert" in refused.err
    assert sohoa("api", "--tls-cert", "x.pem", home=home).code == 2
    assert sohoa("api", "--tls-cert", "x.pem", "--tls-key", "y.pem", home=home).code == 3
    assert sohoa("api", home=home.parent / "nothing").code == 3


def test_with_tls_it_says_so_to_browsers(home: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "khoa.pem", tmp_path / "chung-thu.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1",
         "-keyout", key, "-out", certificate], capture_output=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    with api_running(home, "--host", "127.0.0.1", "--tls-cert", str(certificate), "--tls-key", str(key), scheme="https") as url:
        answer = httpx.get(f"{url}/ready", verify=ssl._create_unverified_context())
        assert answer.status_code == 200 and "max-age" in answer.headers["strict-transport-security"]
        assert "server" not in answer.headers
