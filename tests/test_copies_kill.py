"""kill -9 after every single durable write of a certification, and two processes at once: no gap, no double, no half-issued copy."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import datetime, timedelta

from flows.copies import certified_copy, resume
from flows.copies_desk import CopyDesk
from schemas.copies import CopyState
from schemas.register import EntryState
from schemas.signing import Verdict
from schemas.zone import VIETNAM
from storage.catalogue.database import Database
from storage.objects import LocalStore
from tests.copies_office import CopyOffice
from tests.kills import child, ended

pytest_plugins = ["copies_office"]


def in_child(
    office: CopyOffice, work: Callable[[CopyDesk], None], *, die_after: int | None = None, delay: float = 0
) -> int:
    """Runs in a process of its own; killed for good right after its n-th write to disk. Process id."""

    def alone() -> None:
        time.sleep(delay)
        if die_after is not None:
            _count_writes(die_after)
        with office.desk() as desk:
            work(desk)

    return child(alone)


def _count_writes(die_after: int) -> None:
    left = die_after
    write, put = Database.write, LocalStore.put

    def one_more() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def counted_write(self):
        with write(self) as connection:
            yield connection
        one_more()

    def counted_put(self, *args, **options):
        ref = put(self, *args, **options)
        one_more()
        return ref

    Database.write, LocalStore.put = counted_write, counted_put


def certify(office: CopyOffice, key: str, number: int, received: datetime) -> Callable[[CopyDesk], None]:
    paper = office.paper(number, f"{key}.png")

    def work(desk: CopyDesk) -> None:
        certified_copy(desk, office.request(desk, key, paper, received_at=received))

    return work


def test_kill_after_every_write(copy_office):
    received = datetime.now(VIETNAM)
    killed, n, works = 0, 0, []
    while True:
        n += 1
        works.append(certify(copy_office, f"yc-{n}", n, received))
        first = ended(in_child(copy_office, works[-1], die_after=n))
        if first == 0:
            break  # there are fewer writes than that: every one of them has been the last before a kill
        assert first == -signal.SIGKILL
        killed += 1
        assert n < 60
    assert ended(in_child(copy_office, lambda desk: [work(desk) for work in works] and None)) == 0
    assert killed >= 18, "fewer writes than steps: something is not kept"
    with copy_office.desk() as desk:
        book = desk.register.books()[0]
        rows = desk.register.entries(book.id)
        assert [row.number for row in rows] == list(range(1, n + 1))
        assert {row.state for row in rows} == {EntryState.COMPLETED}
        assert desk.register.audit(book.id) == [] and desk.register.pending() == []
        hashes = [row.evidence.copies[0].sha256 for row in rows]
        assert len(set(hashes)) == n
        for row in rows[:: max(1, n // 5)]:
            data = desk.store.get(row.evidence.detail["object"], row.evidence.detail["version"])
            verdict = desk.keys.verify(data, "x.pdf")
            assert verdict.verdict is Verdict.VALID and verdict.sha256 == row.evidence.copies[0].sha256
            assert desk.register.public_status(sha256=verdict.sha256).number == row.full_number
        # Asked again after all, nothing new happens.
        assert resume(desk, "yc-3").state is CopyState.ISSUED
        assert len(desk.register.entries(book.id)) == n


def test_a_kill_leaves_nothing_issued_before_the_row_is_complete(copy_office):
    """Between the number and the completed row, nobody who asks is told that the copy is good."""
    received = datetime.now(VIETNAM)
    work = certify(copy_office, "yc", 5, received)
    seen: set[EntryState] = set()
    for n in range(10, 24, 4):
        ended(in_child(copy_office, work, die_after=n))
        with copy_office.desk() as desk:
            entry = desk.register.entry_by_key("yc")
            if entry is None:
                continue
            seen.add(entry.state)
            if entry.state is EntryState.PENDING:
                assert entry.evidence is None
                assert (
                    desk.register.public_status_of_number(
                        desk.series("chung_thuc"), entry.year, entry.number
                    ).state
                    == "unknown"
                )
    assert EntryState.PENDING in seen
    with copy_office.desk() as desk:
        resume(desk, "yc")
        assert [e.number for e in desk.register.entries(entry.book)] == [1]


def test_two_processes_with_one_request(copy_office):
    received = datetime.now(VIETNAM) - timedelta(seconds=1)
    work = certify(copy_office, "yc", 6, received)
    pids = [in_child(copy_office, work), in_child(copy_office, work, delay=0.15)]
    assert [ended(pid) for pid in pids] == [0, 0]
    with copy_office.desk() as desk:
        rows = desk.register.entries(desk.register.books()[0].id)
        assert [(row.number, row.state) for row in rows] == [(1, EntryState.COMPLETED)]


def test_two_processes_with_different_requests(copy_office):
    received = datetime.now(VIETNAM)
    pids = [in_child(copy_office, certify(copy_office, f"yc-{n}", 20 + n, received)) for n in range(2)]
    assert [ended(pid) for pid in pids] == [0, 0]
    with copy_office.desk() as desk:
        rows = desk.register.entries(desk.register.books()[0].id)
        assert [row.number for row in rows] == [1, 2]
