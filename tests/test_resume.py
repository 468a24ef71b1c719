"""Killed anywhere, called again: it finishes, repeats no finished page, loses nothing and doubles nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.pages import unpacked
from storage.catalogue import Catalogue, FileStatus
from storage.objects import open_store
from tests.small_papers import blank, continued, decision, png, separator, settings_for, tiff

ROOT = Path(__file__).resolve().parents[1]
KILLS = 30
PATIENCE = 180.0
"""Seconds for all kills on a busy machine (a quiet one needs 40); what is left after that is finished in peace."""

DRIVER = """
import os, sys
from pathlib import Path
from flows.digitise import digitise
from flows.pool import WorkerPool
from storage.catalogue import Catalogue
from tests.small_papers import settings_for

def note(path, *what):
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(log, (" ".join(map(str, what)) + chr(10)).encode())
    os.close(log)

def run(home, scans):
    log = Path(home).with_suffix(".log")
    put, submit = Catalogue.step_put, WorkerPool.submit
    def step_put(self, key, *args, **more):
        found = put(self, key, *args, **more)
        note(log, "finished", key.step, key.input_hash)
        return found
    def submitted(self, job):
        page = f"{job.original.info.sha256}/{job.page}" if hasattr(job, "page") else job.file
        note(log, "asked", type(job).__name__, page)
        return submit(self, job)
    Catalogue.step_put, WorkerPool.submit = step_put, submitted
    result = digitise([Path(scans)], settings_for(Path(home)))
    Path(home).with_suffix(".json").write_text(result.to_json(), "utf-8")

# Warm once, then one child a line: what is tried 30 times is the work, not the import of libraries.
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.setsid()
        print(os.getpid(), flush=True)
        run(*line.rstrip().split("|"))
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print("ended", status, flush=True)
"""


@dataclass
class Driver:
    process: subprocess.Popen

    def run(self, home: Path, scans: Path, kill_after: float | None) -> bool:
        """True when it finished; False when it was killed after so many seconds."""
        self.process.stdin.write(f"{home}|{scans}\n")
        self.process.stdin.flush()
        child = int(self.process.stdout.readline())
        if kill_after is not None:
            time.sleep(kill_after)
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        word, status = self.process.stdout.readline().split()
        assert word == "ended"
        killed = int(status) == signal.SIGKILL
        assert killed or int(status) == 0, "the run failed by itself"
        if killed:
            assert_gone(child)
        return not killed


def assert_gone(session: int) -> None:
    """No page process outlives the one that was killed."""
    for _ in range(100):
        if not members(session):
            return
        time.sleep(0.05)
    raise AssertionError(f"left behind: {members(session)}")


def members(session: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX" and int(fields[3]) == session:
            found.append(stat.parent.name)
    return found


@pytest.fixture
def driver():
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    yield Driver(process)
    process.stdin.close()
    process.wait(30)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "a.tif").write_bytes(tiff(decision(41), continued(2), blank(), separator(), decision(42)))
    (folder / "b.png").write_bytes(png(decision(43)))
    (folder / "c.png").write_bytes(png(decision(43)))  # the same bytes
    (folder / "d.pdf").write_bytes(b"%PDF-1.4 broken")
    (folder / "e.tif").write_bytes(tiff(decision(44), decision(45)))
    return folder


def standing(home: Path) -> dict:
    """Everything that must be the same whether it was killed or not."""
    settings = settings_for(home)
    store = open_store(settings.store)
    with Catalogue.open(settings.database, create=False) as catalogue:
        *offered_again, batch = catalogue.batches()
        for later in offered_again:  # killed when it was finished and only had to say so
            assert {f.status for f in catalogue.files(later.id)} <= {FileStatus.LINKED, FileStatus.QUARANTINED}
        files = catalogue.files(batch.id)
        documents = catalogue.documents(batch.id)
        summary = catalogue.batch_summary(batch.id)
        sources = sorted({file.source.sha256 for file in files})
        pages = [(p.number, p.status, p.reading_key) for source in sources for p in catalogue.pages(source)]
        everything = catalogue.documents()
        for document in documents:
            assert store.verify(document.archive.key, document.archive.version).sha256 == document.archive.sha256
            assert [v.version for v in catalogue.versions(document.id)] == [1]
        readings = {ref.key: unpacked(store.get(ref.key)) for ref in store.list("readings/")}
        quarantine = [(q.path, q.page, q.code, q.status) for q in catalogue.quarantine_list(batch.id)]
    refs = list(store.list())
    assert all(len(store.versions(ref.key)) == 1 for ref in refs), "written twice with other bytes"
    kept = {path.name for path in (home / "store" / "content").rglob("*") if path.is_file()}
    assert kept == {ref.sha256 for ref in refs}, "bytes that nothing names"
    return {
        "batch": (batch.id, batch.status, summary.pages_in, summary.in_documents, summary.blank, summary.separator),
        "files": [(f.path, f.source.sha256, f.status) for f in files],
        "documents": [(d.id, d.pages, d.status, d.version, d.fields, d.checks, d.archive.key) for d in documents],
        "all documents": {d.id for d in everything},
        "pages": pages,
        "readings": readings,
        "keys": {ref.key for ref in refs},
        "quarantine": quarantine,
    }


def repeated(log: Path) -> list[str]:
    """Pages that were read although their reading had been finished."""
    finished, again = set(), []
    for line in log.read_text().splitlines():
        event, what, of = line.split()
        if event == "finished" and what == "page":
            finished.add(of)
        elif event == "asked" and what == "ReadPage" and of in finished:
            again.append(of)
    return again


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_at_random_points(driver, scans, tmp_path):
    assert driver.run(tmp_path / "warm", scans, None)
    started = time.monotonic()
    assert driver.run(tmp_path / "calm", scans, None)
    whole = time.monotonic() - started
    expected = standing(tmp_path / "calm")
    assert expected["batch"][1:] == ("finished", 8, 6, 1, 1)
    assert [status for *_, status in expected["files"]].count(FileStatus.LINKED) == 1

    chance = random.Random(20261122)
    kills, homes, begin = 0, 0, time.monotonic()
    while kills < KILLS:
        home, homes = tmp_path / f"killed{homes}", homes + 1
        finished = False
        while not finished:
            calm_now = kills >= KILLS or time.monotonic() - begin > PATIENCE
            finished = driver.run(home, scans, None if calm_now else chance.uniform(0, 0.75 * whole))
            kills += not finished
        assert standing(home) == expected
        assert repeated(home.with_suffix(".log")) == []
        assert home.with_suffix(".json").read_text("utf-8").count('"D-') == 5
        if time.monotonic() - begin > PATIENCE:
            break
    assert kills >= KILLS, f"only {kills} kills in the time given"


def test_two_at_once_do_not_double_anything(scans, tmp_path):
    """A clerk who starts it twice: one batch, each file in the hands of one of them."""
    home = tmp_path / "home"
    code = DRIVER.split("# Warm once")[0] + "run(sys.argv[1], sys.argv[2])\n"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(home), str(scans)]
    both = [subprocess.Popen(command, env=environment, cwd=ROOT) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    found = standing(home)
    assert len(found["documents"]) == 5 == len(found["all documents"])
    assert found["batch"][1:] == ("finished", 8, 6, 1, 1)
