# ruff: noqa: F811 - fixtures are imported and named as arguments
"""Moving and copying killed by signal 9 at random points, and at the worst ones: the same call goes on, nothing acknowledged
is lost, nothing is doubled. Few kills by default; all of them with ARCHIVE_KILLS=60 (docs/reliability.md)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.archive_copy import bring_up_to_date
from flows.archive_move import move_archive
from schemas.objects import Replica, ReplicaSettings
from schemas.settings import Settings
from schemas.store import Retention, RetentionMode
from storage.catalogue import Catalogue
from storage.objects import LocalStore, open_archive, open_store
from tests.kept_archive import KEPT, fill
from tests.s3_server import S3Server, s3_keys, s3_server, s3_url  # noqa: F401 - fixtures

ROOT = Path(__file__).parent.parent
KILLS = int(os.environ.get("ARCHIVE_KILLS", "3"))

MOVER = """
import sys
from pathlib import Path
from flows.archive_move import move_archive
from schemas.settings import Settings
{patch}
settings = Settings(home=Path(sys.argv[1]))
print("begun", flush=True)
moved = move_archive(settings, sys.argv[2], who="x")
print("switched" if moved.switched else moved.problems, flush=True)
"""
COPIER = """
import sys
from pathlib import Path
from flows.archive_copy import bring_up_to_date
from schemas.objects import Replica, ReplicaSettings
from schemas.settings import Settings
places = [Replica(label="ban-sao", url=sys.argv[2])]
settings = Settings(home=Path(sys.argv[1]), replicas=ReplicaSettings(places=places))
print("begun", flush=True)
(result,) = bring_up_to_date(settings, who="x")
print("switched" if result.error is None and not result.done.problems else result, flush=True)
"""


def begun(program: str, home: Path, to: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(home), to], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begun\n"
    return process


def killed(process: subprocess.Popen, after: float) -> bool:
    """False: it had ended before."""
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    return "switched" not in process.communicate()[0]


def sound(settings: Settings, refs: dict) -> None:
    """Every reference gives its bytes, everything is there once, protection is kept."""
    store = open_archive(settings)
    assert sorted(store.walk()) == sorted((ref.key, ref.version) for ref in refs)
    assert len([pair for pair in store.primary.walk() if not pair[0].startswith("probe/")]) == len(refs)
    for ref, data in refs.items():
        assert store.get(ref.key, ref.version) == data
        kept = store.stat(ref.key, ref.version).retention
        first = ref.key.endswith("V1.pdf") and ref == next(r for r in refs if r.key == ref.key)
        if first:
            number = int(ref.key[10:13])
            assert kept == (KEPT if number % 3 == 0 else Retention(legal_hold=number % 3 == 1))
    store.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "nhà")
    Catalogue.open(made.database).close()
    return made


def test_a_move_killed_again_and_again(settings: Settings, tmp_path: Path, s3_keys: S3Server) -> None:
    """From folder to bucket to folder …, each move killed until enough kills fell into one; people write meanwhile."""
    moments, kills, hop = random.Random(int(os.environ.get("ARCHIVE_SEED", "1"))), 0, 0
    refs = fill(open_archive(settings), 15 if KILLS < 10 else 120)
    while kills < KILLS:
        to = s3_keys.url(f"hop-{os.urandom(4).hex()}") if hop % 2 == 0 else (tmp_path / f"kho-{hop}").as_uri()
        while True:
            process = begun(MOVER.format(patch=""), settings.home, to)
            writer = open_archive(settings)
            data = os.urandom(500)
            refs[writer.put(f"live/{len(refs)}", data)] = data
            writer.close()
            if not killed(process, moments.uniform(0.0, 1.2)):
                break
            kills += 1
            if kills % 7 == 0 or kills >= KILLS:
                assert move_archive(settings, to, who="x").switched
                break
        assert open_archive(settings).url == open_store(to).url
        sound(settings, refs)
        hop += 1
    assert kills >= KILLS
    print(f"{kills} kills in {hop} moves of {len(refs)} versions")


POINTS = {
    "after the stamp": "import os, storage.keeping.copies as c\nc.Copies.switch = lambda *a, **k: os._exit(9)",
    "after the transaction": (
        "import os, storage.keeping.copies as c\nreal = c.Copies.switch\n"
        "def switch(*a, **k):\n    real(*a, **k)\n    os._exit(9)\nc.Copies.switch = switch"
    ),
    "written, not noted": (
        "import os, storage.keeping.copies as c\nreal, count = c.Copies.enter, []\n"
        "def enter(*a, **k):\n    os._exit(9)\nc.Copies.enter = enter"
    ),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_move_killed_at_the_worst_moment(settings: Settings, tmp_path: Path, point: str) -> None:
    open_before = open_archive(settings)
    refs, to = fill(open_before), (tmp_path / "kho mới").as_uri()
    process = begun(MOVER.format(patch=POINTS[point]), settings.home, to)
    assert process.wait() == 9
    for store in (open_before, open_archive(settings)):
        data = os.urandom(100)
        refs[store.put(f"live/{len(refs)}", data)] = data
        assert all(store.get(ref.key, ref.version) == data for ref, data in refs.items())
    assert move_archive(settings, to, who="x").switched
    assert sorted(open_before.walk()) == sorted((ref.key, ref.version) for ref in refs)
    sound(settings, refs)


def test_copying_killed_again_and_again(settings: Settings, tmp_path: Path, s3_url: str) -> None:
    moments, kills = random.Random(int(os.environ.get("ARCHIVE_SEED", "2"))), 0
    store = open_archive(settings)
    refs = fill(store, 10 if KILLS < 10 else 60)
    while kills < KILLS:
        places = [Replica(label="ban-sao", url=s3_url)]
        with_copy = settings.model_copy(update={"replicas": ReplicaSettings(places=places)})
        for _ in range(min(6, KILLS)):
            if killed(begun(COPIER, settings.home, s3_url), moments.uniform(0.0, 1.0)):
                kills += 1
            for _ in range(1 if KILLS < 10 else 30):
                data = os.urandom(300)
                refs[store.put(f"issued/{len(refs)}", data)] = data
        (result,) = bring_up_to_date(with_copy, who="x")
        assert result.error is None and result.done.problems == []
        there = open_store(s3_url)
        assert sorted(there.get(*pair) for pair in there.walk()) == sorted(refs.values())
        assert there.stat(
            "archive/D-000/V1.pdf", there.versions("archive/D-000/V1.pdf")[0].version
        ).retention.mode is (RetentionMode.COMPLIANCE)
    assert LocalStore(settings.home / "store").exists("issued/same-1")
    print(f"{kills} kills")
