"""A watched folder, as scanners, people and crashes treat it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from flows.watch import Sightings, adopt, claim, finish, give_back, machine_name, scan_inbox, unfinished
from schemas.errors import NotFound, SystemFault

ROOT = Path(__file__).resolve().parents[1]


def take_all(inbox: Path, worker: str = "w", seconds: float = 2) -> list[Path]:
    """Looks twice, `seconds` apart by the given clock, and claims what is settled."""
    sightings = Sightings()
    scan_inbox(inbox, seconds, sightings, now=100)
    settled = scan_inbox(inbox, seconds, sightings, now=100 + seconds)
    return [taken for path in settled if (taken := claim(path, inbox, worker, sightings))]


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_a_file_is_taken_when_it_stopped_changing(tmp_path):
    path, sightings = tmp_path / "a.pdf", Sightings()
    path.write_bytes(b"first half")
    assert scan_inbox(tmp_path, 2, sightings, now=10) == []
    path.write_bytes(b"first half and more")
    assert scan_inbox(tmp_path, 2, sightings, now=12.5) == []
    assert scan_inbox(tmp_path, 2, sightings, now=14) == []
    assert scan_inbox(tmp_path, 2, sightings, now=14.6) == [path]
    taken = claim(path, tmp_path, "w", sightings)
    assert taken.read_bytes() == b"first half and more" and taken.name == "a.pdf"
    assert not path.exists() and scan_inbox(tmp_path, 2, sightings, now=30) == []


def test_the_clock_of_the_file_does_not_matter(tmp_path):
    """A share whose clock is a year behind or ahead, or a clock that is set: only what changes counts."""
    for name, when in (("old.pdf", 0), ("future.pdf", 4_000_000_000)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (when, when))
    sightings = Sightings()
    assert scan_inbox(tmp_path, 2, sightings, now=50) == []
    assert scan_inbox(tmp_path, 2, sightings, now=40) == []  # a new boot starts another count: waits again
    assert names(scan_inbox(tmp_path, 2, sightings, now=42)) == ["future.pdf", "old.pdf"]


def test_same_size_written_again_is_seen(tmp_path):
    path, sightings = tmp_path / "a.pdf", Sightings()
    path.write_bytes(b"aaaa")
    scan_inbox(tmp_path, 2, sightings, now=0)
    path.write_bytes(b"bbbb")
    os.utime(path, ns=(1, 1))
    assert scan_inbox(tmp_path, 2, sightings, now=2) == []


def test_an_empty_file_is_given_time_but_not_for_ever(tmp_path):
    (tmp_path / "a.pdf").touch()
    sightings = Sightings()
    assert scan_inbox(tmp_path, 2, sightings, now=0) == []
    assert scan_inbox(tmp_path, 2, sightings, now=10) == []
    assert names(scan_inbox(tmp_path, 2, sightings, now=21)) == ["a.pdf"]


def test_what_is_not_meant_is_left(tmp_path):
    for name in (".hidden", "scan.pdf.part", "~$x.pdf", "Thumbs.db", "scan10.pdf", "scan9.pdf"):
        (tmp_path / name).write_bytes(b"x")
    assert names(take_all(tmp_path)) == ["scan9.pdf", "scan10.pdf"]
    assert take_all(tmp_path) == []
    assert (tmp_path / "scan.pdf.part").exists()


def test_a_folder_is_one_batch(tmp_path):
    batch, sightings = tmp_path / "Hồ sơ tháng 5", Sightings()
    (batch / "more").mkdir(parents=True)
    (batch / "1.pdf").write_bytes(b"x")
    assert scan_inbox(tmp_path, 2, sightings, now=0) == []
    (batch / "more" / "2.pdf").write_bytes(b"x")  # deep inside, the folder's own time does not tell
    assert scan_inbox(tmp_path, 2, sightings, now=3) == []
    (batch / "more" / "2.pdf").write_bytes(b"xy")
    assert scan_inbox(tmp_path, 2, sightings, now=6) == []
    assert scan_inbox(tmp_path, 2, sightings, now=8) == [batch]
    taken = claim(batch, tmp_path, "w", sightings)
    assert names(sorted(taken.rglob("*.pdf"))) == ["1.pdf", "2.pdf"] and not batch.exists()


def test_the_same_name_twice_is_two_things(tmp_path):
    done = []
    for content in (b"one", b"two"):
        (tmp_path / "scan.pdf").write_bytes(content)
        (taken,) = take_all(tmp_path)
        done.append(finish(taken, tmp_path))
    assert [path.read_bytes() for path in done] == [b"one", b"two"]
    assert all(path.name == "scan.pdf" for path in done)


def test_a_file_replaced_after_it_was_seen_is_put_back(tmp_path):
    path, sightings = tmp_path / "a.pdf", Sightings()
    path.write_bytes(b"whole")
    scan_inbox(tmp_path, 2, sightings, now=0)
    assert scan_inbox(tmp_path, 2, sightings, now=2) == [path]
    path.unlink()
    path.write_bytes(b"half of the ne")
    assert claim(path, tmp_path, "w", sightings) is None
    assert path.read_bytes() == b"half of the ne"
    assert list((tmp_path / ".sohoa" / "taken").iterdir()) == []


def test_putting_back_overwrites_nothing(tmp_path):
    for make in (lambda p, t: p.write_text(t), lambda p, t: (p.mkdir(), (p / "in").write_text(t))):
        inbox = tmp_path / str(len(list(tmp_path.iterdir())))
        inbox.mkdir()
        make(inbox / "a.pdf", "old")
        (taken,) = take_all(inbox)
        make(inbox / "a.pdf", "new")
        back = give_back(taken, inbox)
        assert back.name == "a (2).pdf"
        texts = {p.relative_to(inbox).parts[0]: p.read_text() for p in inbox.rglob("*") if p.is_file()}
        assert texts == {"a.pdf": "new", "a (2).pdf": "old"}
        with pytest.raises(NotFound):
            give_back(taken, inbox)


def test_links_and_pipes_are_moved_not_followed(tmp_path):
    inbox, outside = tmp_path / "in", tmp_path / "outside.pdf"
    inbox.mkdir()
    outside.write_bytes(b"secret")
    (inbox / "link.pdf").symlink_to(outside)
    os.mkfifo(inbox / "pipe.pdf")
    taken = {path.name: path for path in take_all(inbox, seconds=0)}
    assert taken["link.pdf"].is_symlink() and outside.read_bytes() == b"secret"


def test_an_inbox_that_cannot_be_reached_is_tried_again(tmp_path):
    with pytest.raises(SystemFault) as caught:
        scan_inbox(tmp_path / "share that is off", 2, Sightings())
    assert caught.value.retry


def test_finish_keeps_the_original_and_happens_once(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"x")
    (tmp_path / "b.pdf").write_bytes(b"y")
    good, bad = take_all(tmp_path)
    kept, refused = finish(good, tmp_path), finish(bad, tmp_path, "refused")
    assert kept.read_bytes() == b"x" and kept.relative_to(tmp_path).parts[:2] == (".sohoa", "done")
    assert refused.read_bytes() == b"y" and refused.relative_to(tmp_path).parts[:2] == (".sohoa", "refused")
    with pytest.raises(NotFound):
        finish(good, tmp_path)
    with pytest.raises(NotFound):
        finish(kept, tmp_path)
    assert unfinished(tmp_path, other_machines=True) == []


def test_a_living_worker_keeps_its_claim(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"x")
    (taken,) = take_all(tmp_path)
    assert unfinished(tmp_path) == []
    parts = taken.parent.name.split("~")
    parts[2] = "another-machine"
    other = taken.parent.with_name("~".join(parts))
    os.rename(taken.parent, other)
    assert unfinished(tmp_path) == []
    assert unfinished(tmp_path, other_machines=True) == [other / "a.pdf"]


def started(body: str) -> subprocess.Popen:
    script = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n" + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)


def test_killed_between_taking_and_finishing(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"x")
    worker = started(f"""
        import time
        from pathlib import Path
        from flows.watch import claim
        inbox = Path({str(tmp_path)!r})
        print(claim(inbox / "a.pdf", inbox, "w"), flush=True)
        (inbox / ".sohoa" / "taken" / "left").mkdir()
        time.sleep(60)
    """)
    taken = Path(worker.stdout.readline().strip())
    assert taken.read_bytes() == b"x" and unfinished(tmp_path) == []
    os.kill(worker.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while not unfinished(tmp_path) and time.monotonic() < deadline:  # dead, and its parent has not looked yet
        time.sleep(0.01)
    assert unfinished(tmp_path) == [taken]
    worker.wait()
    worker.stdout.close()
    assert unfinished(tmp_path) == [taken]
    mine = adopt(taken, tmp_path, "next")
    assert mine.read_bytes() == b"x" and adopt(taken, tmp_path, "third") is None
    assert unfinished(tmp_path) == []
    assert finish(mine, tmp_path).read_bytes() == b"x"


def test_killed_before_the_rename_leaves_nothing(tmp_path):
    gone = started("import os; print(os.getpid())")
    gone.wait()
    pid = gone.stdout.read().strip()
    gone.stdout.close()
    empty = tmp_path / ".sohoa" / "taken" / f"20250101T000000.0~w~{machine_name()}~{pid}~1~abcd"
    empty.mkdir(parents=True)
    assert unfinished(tmp_path) == [] and not empty.exists()


def test_two_watchers_take_each_file_once(tmp_path):
    inbox = tmp_path / "in"
    inbox.mkdir()
    for number in range(50):
        (inbox / f"scan{number}.pdf").write_text(str(number))
    start = tmp_path / "go"
    body = f"""
        import os, time
        from pathlib import Path
        from flows.watch import Sightings, claim, finish, scan_inbox
        inbox, start = Path({str(inbox)!r}), Path({str(start)!r})
        print("ready", flush=True)
        while not start.exists():
            time.sleep(0.001)
        sightings, idle = Sightings(), 0
        while idle < 5:
            settled = scan_inbox(inbox, 0, sightings)
            for path in settled:
                taken = claim(path, inbox, "w", sightings)
                if taken:
                    print(taken.read_text(), flush=True)
                    finish(taken, inbox)
            idle = 0 if settled else idle + 1
    """
    watchers = [started(body) for _ in range(2)]
    for watcher in watchers:
        assert watcher.stdout.readline() == "ready\n"
    start.touch()
    taken = [watcher.communicate(timeout=20)[0].split() for watcher in watchers]
    assert all(watcher.returncode == 0 for watcher in watchers)
    assert sorted(map(int, taken[0] + taken[1])) == list(range(50))
    assert len(list((inbox / ".sohoa" / "done").rglob("*.pdf"))) == 50
    assert list((inbox / ".sohoa" / "taken").iterdir()) == []
