"""Prefect for real: a server, a worker, the deployments of prefect.yaml; and what happens when the server is away."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from storage.catalogue import Catalogue
from tests.small_papers import DPI, continued, decision, png, settings_for, tiff

ROOT = Path(__file__).resolve().parents[1]
LONG = 240
"""Seconds; on a quiet machine each step needs under 20."""


def make_home(folder: Path) -> Path:
    home = folder / "home"
    home.mkdir()
    (home / "sohoa.toml").write_text(
        f"[reading]\ndpi = {DPI}\nmin_dpi = 140\n[work]\nprocesses = 1\nsettle_seconds = 0.2\n", "utf-8"
    )
    return home


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Engine:
    """A Prefect server of our own, in its own folder, and the processes started for it."""

    folder: Path
    port: int = field(default_factory=free_port)
    groups: list[subprocess.Popen] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": str(ROOT),
            "PWD": str(ROOT),
        }

    def start(self, *arguments: str) -> subprocess.Popen:
        log = (self.folder / f"{arguments[0]}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            env=self.environment(),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.groups.append(process)
        return process

    def command(self, *arguments: str) -> None:
        process = self.start(*arguments)
        code = process.wait(LONG)
        assert code == 0, (self.folder / f"{arguments[0]}.log").read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        for process in reversed(self.groups):
            try:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def wait_until_up(self) -> None:
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.api}/health", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.5)
        raise AssertionError((self.folder / "server.log").read_text(errors="replace")[-3000:])

    def call(self, method: str, path: str, **body) -> dict | list:
        answer = httpx.request(method, f"{self.api}{path}", json=body or None, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def run(self, deployment: str, **parameters) -> dict:
        """Runs a deployment; the finished flow run."""
        found = self.call("GET", f"/deployments/name/{deployment}")
        run = self.call("POST", f"/deployments/{found['id']}/create_flow_run", parameters=parameters)
        end = time.monotonic() + LONG
        while run["state"]["type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            assert time.monotonic() < end, (self.folder / "worker.log").read_text(errors="replace")[-3000:]
            time.sleep(0.5)
            run = self.call("GET", f"/flow_runs/{run['id']}")
        return run

    def artifacts(self, run: dict) -> dict[str, str]:
        found = self.call("POST", "/artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})
        return {artifact["key"]: artifact["data"] for artifact in found}


@pytest.fixture(scope="module")
def engine(tmp_path_factory) -> Iterator[Engine]:
    made = Engine(tmp_path_factory.mktemp("prefect"))
    try:
        made.start("server", "start", "--host", "127.0.0.1", "--port", str(made.port))
        made.wait_until_up()
        made.command("work-pool", "create", "sohoa", "--type", "process")
        made.command("--no-prompt", "deploy", "--all")
        made.start("worker", "start", "--pool", "sohoa")
        yield made
    finally:
        made.stop()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_deployed_and_run_by_a_worker(engine, tmp_path):
    home, scans = make_home(tmp_path), tmp_path / "scans"
    scans.mkdir()
    (scans / "a.tif").write_bytes(tiff(decision(51), continued(2)))
    (scans / "b.pdf").write_bytes(b"")
    run = engine.run("digitise/on-demand", paths=[str(scans)], home=str(home), declared_pages=2)
    assert run["state"]["type"] == "COMPLETED", run["state"]
    with Catalogue.open(settings_for(home).database, create=False) as catalogue:
        (batch,) = catalogue.batches()
        (document,) = catalogue.documents(batch.id)
    artifacts = engine.artifacts(run)
    assert batch.id in artifacts["sohoa-batch"] and "| Trang vào | 2 |" in artifacts["sohoa-batch"]
    assert "empty_file" in artifacts["sohoa-batch"]
    (row,) = json.loads(artifacts["sohoa-documents"])
    assert (row["id"], row["type"], row["pages"]) == (document.id, "quyet_dinh", 2)
    assert "Chủ tịch" not in str(artifacts), "nothing of what is written on the papers"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_watched_folder_as_a_deployment(engine, tmp_path):
    home, inbox = make_home(tmp_path), tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "a.png").write_bytes(png(decision(52)))
    run = engine.run("watch/watch-folder", inbox=str(inbox), home=str(home), minutes=0.2)
    assert run["state"]["type"] == "COMPLETED", run["state"]
    assert "| Hồ sơ | 1 |" in engine.artifacts(run)["sohoa-batch"]
    assert [path.name for path in inbox.iterdir()] == [".sohoa"]


ALONE = """
import sys, time
from pathlib import Path
from flows.deploy import digitise_with_prefect
from schemas.errors import EngineServerUnavailable
from schemas.settings import load_settings
settings = load_settings(Path(sys.argv[1]))
import prefect
start = time.monotonic()
try:
    result = digitise_with_prefect([Path(sys.argv[2])], settings)
    print("documents", len(result.documents), result.finished)
except EngineServerUnavailable as error:
    print("away", time.monotonic() - start, error.message_vi)
"""


def alone(home: Path, path: Path, **environment: str) -> list[str]:
    """`digitise_with_prefect` in a process of its own; the words it prints last."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(home), str(path)],
        env=os.environ | {"PREFECT_HOME": str(home / "prefect"), "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=LONG,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1].split(maxsplit=2)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_that_is_away_is_said_at_once(tmp_path):
    home = make_home(tmp_path)
    (tmp_path / "a.png").write_bytes(png(decision(53)))
    word, seconds, message = alone(home, tmp_path / "a.png", PREFECT_API_URL=f"http://127.0.0.1:{free_port()}/api")
    assert word == "away" and float(seconds) < 10
    assert message == "Không kết nối được máy chủ điều phối (Prefect)."


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_without_any_server_it_brings_its_own(tmp_path):
    home = make_home(tmp_path)
    (tmp_path / "a.png").write_bytes(png(decision(54)))
    assert alone(home, tmp_path / "a.png") == ["documents", "1", "True"]
    # The batch was begun before the flow; the flow joined it, told of it and did nothing a second time.
    with Catalogue.open(settings_for(home).database, create=False) as catalogue:
        assert len(catalogue.batches()) == 1
    with closing(sqlite3.connect(home / "prefect" / "prefect.db")) as kept:
        runs = "SELECT flow.name, flow_run.state_type FROM flow_run JOIN flow ON flow.id = flow_run.flow_id"
        assert kept.execute(runs).fetchall() == [("digitise", "COMPLETED")]
        assert kept.execute("SELECT state_type FROM task_run").fetchall() == [("COMPLETED",)]
        keys = {key for (key,) in kept.execute("SELECT key FROM artifact")}
        assert keys == {"sohoa-batch", "sohoa-documents"}
