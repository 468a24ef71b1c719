"""The folder store: what a folder has to survive. The contract of all stores: test_objects_contract.py."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas.errors import (
    DiskFull,
    ObjectDamaged,
    ObjectMissing,
    SetupError,
    StoreUnavailable,
    UnreadableFile,
)
from schemas.store import PROMISES, Enforcement
from storage.objects import LocalStore, open_store

ROOT = Path(__file__).parent.parent


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return open_store((tmp_path / "kho lưu trữ").as_uri())


def content_files(store: LocalStore) -> list[Path]:
    return [path for path in (store.root / "content").rglob("*") if path.is_file()]


def test_addresses() -> None:
    for url in (
        "s3://bucket",
        "s3+https://host/bucket",
        "ftp://x/y",
        "relative/path",
        "file:",
        "file://host/x",
    ):
        with pytest.raises(SetupError):
            open_store(url)


def test_it_does_not_claim_more_than_it_does(store: LocalStore) -> None:
    said = store.capabilities()
    assert said.retention is Enforcement.APPLICATION
    assert not said.worm
    assert {"server_retention", "other_machine"} <= set(said.lacks) <= PROMISES.keys()
    assert said.fit_for_archive


def test_files_are_named_by_hash_and_read_only(store: LocalStore) -> None:
    ref = store.put("k", b"x" * 100)
    (path,) = content_files(store)
    assert path.name == ref.sha256
    assert path.parent.relative_to(store.root).as_posix() == f"content/{ref.sha256[0]}/{ref.sha256[1]}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o440
    assert not list((store.root / "tmp").iterdir())


def test_same_content_lies_on_the_disk_once(store: LocalStore) -> None:
    first = store.put("a", b"x")
    second = store.put("b", b"x")
    assert len(content_files(store)) == 1
    store.delete("a", first.version)
    assert len(content_files(store)) == 1
    store.delete("b", second.version)
    assert content_files(store) == []


def test_one_damaged_byte_is_found(store: LocalStore) -> None:
    ref = store.put("k", random.Random(1).randbytes(5000))
    (path,) = content_files(store)
    path.chmod(0o640)
    with path.open("r+b") as stream:
        stream.seek(2500)
        byte = stream.read(1)[0]
        stream.seek(2500)
        stream.write(bytes([byte ^ 1]))
    with pytest.raises(ObjectDamaged):
        store.get("k")
    with pytest.raises(ObjectDamaged):
        store.verify("k", ref.version)
    assert len(store.get("k", verify=False)) == 5000


def test_good_bytes_offered_again_repair_the_damage(store: LocalStore) -> None:
    store.put("k", b"good bytes")
    (path,) = content_files(store)
    path.chmod(0o640)
    path.write_bytes(b"bad bytes!")
    store.put("k", b"good bytes")
    assert store.get("k") == b"good bytes"


def test_content_that_is_gone_is_reported(store: LocalStore) -> None:
    store.put("k", b"x")
    content_files(store)[0].unlink()
    with pytest.raises(ObjectMissing):
        store.get("k")
    with pytest.raises(ObjectMissing):
        store.verify("k")


def test_lost_index_is_not_taken_for_an_empty_store(store: LocalStore) -> None:
    store.put("k", b"x")
    store.close()
    for path in store.root.glob("index.sqlite*"):
        path.unlink()
    with pytest.raises(SetupError):
        LocalStore(store.root)


def test_unreadable_source_is_the_fault_of_the_source(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        store.put("k", tmp_path / "none.pdf")
    assert not list((store.root / "tmp").iterdir())


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        LocalStore(tmp_path / "file" / "store")


def test_bytes_and_name_are_forced_to_the_disk(store: LocalStore, monkeypatch) -> None:
    """A kill does not show a missing fsync, a power cut does: so the order of calls is checked."""
    calls = []
    for name in ("write", "fsync", "link"):
        real = getattr(os, name)

        def recorded(first, *rest, name=name, real=real):
            folder = name == "fsync" and stat.S_ISDIR(os.fstat(first).st_mode)
            calls.append("fsync folder" if folder else name)
            return real(first, *rest)

        monkeypatch.setattr(os, name, recorded)
    store.put("k", b"x")
    assert calls == ["write", "fsync", "link", "fsync folder"]
    calls.clear()
    store.put("other key", b"x")
    assert calls[-1] == "fsync folder", "the writer of the first may not have come so far"


@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_disk_full_at_any_moment_leaves_nothing_behind(store: LocalStore, monkeypatch, call: str) -> None:
    kept = store.put("kept", b"acknowledged")

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(DiskFull):
            store.put("k", b"x" * 100_000)
    assert not store.exists("k")
    assert not list((store.root / "tmp").iterdir())
    assert [path.name for path in content_files(store)] == [kept.sha256]
    assert store.put("k", b"x" * 100_000).size == 100_000


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 2 MiB, or a skip where none can be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True
    )
    if not made or made.returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    store = LocalStore(small_disk / "store")
    acknowledged = {}
    with pytest.raises(DiskFull):
        for number in range(100):
            data = random.Random(number).randbytes(100_000)
            acknowledged[f"k{number}"] = data
            store.put(f"k{number}", data)
    refused, _ = acknowledged.popitem()
    assert len(acknowledged) > 5
    assert not store.exists(refused)
    assert all(store.get(key) == data for key, data in acknowledged.items())
    assert not list((store.root / "tmp").iterdir())
    store.delete("k0", "1")
    store.delete("k1", "1")
    store.put("fits again", b"x" * 100_000)
    store.close()


WRITER = """
import random, sys
from storage.objects import LocalStore
store, numbers = LocalStore(sys.argv[1]), random.Random(int(sys.argv[2]))
while True:
    data = numbers.randbytes(numbers.choice([2_000, 300_000, 3_000_000]))
    ref = store.put(f"originals/{numbers.randrange(10**12)}", data)
    print(ref.key, ref.sha256, flush=True)
"""


def test_kill_in_the_middle_of_writing(tmp_path: Path) -> None:
    """24 kills by signal 9: what was acknowledged is whole, nothing is half written, leftovers are cleaned."""
    folder, moments, acknowledged, orphans = tmp_path / "store", random.Random(7), {}, 0
    LocalStore(folder).close()
    for start in range(0, 24, 2):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", WRITER, str(folder), str(start + n)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(2)
        ]
        for writer in writers:
            acknowledged |= dict([writer.stdout.readline().split()])
        time.sleep(moments.uniform(0.01, 0.12))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            lines = writer.communicate()[0].splitlines(keepends=True)
            acknowledged |= dict(line.split() for line in lines if line.endswith("\n"))
        orphans += len(list((folder / "tmp").iterdir()))
    store = LocalStore(folder)
    assert len(acknowledged) >= 24
    assert orphans > 0, "no kill fell into a write: the test proved nothing"
    assert not list((folder / "tmp").iterdir())
    for key, sha256 in acknowledged.items():
        assert store.verify(key).sha256 == sha256
    for path in content_files(store):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert {ref.key for ref in store.list()} >= acknowledged.keys()


def test_cleaning_leaves_living_writers_alone(store: LocalStore) -> None:
    class Slow:
        """A stream during which another process opens the store."""

        chunks = iter([b"first", b"second", b""])

        def read(self, _size: int) -> bytes:
            LocalStore(store.root).close()
            return next(self.chunks)

    assert store.put("k", Slow()).size == 11
    assert store.get("k") == b"firstsecond"


def test_many_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from storage.objects import LocalStore; LocalStore(sys.argv[1]).put(sys.argv[2], b'x')"
    )
    openers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "new"), f"k{n}"], cwd=ROOT)
        for n in range(6)
    ]
    assert [opener.wait() for opener in openers] == [0] * 6
    assert len(list(LocalStore(tmp_path / "new").list())) == 6
