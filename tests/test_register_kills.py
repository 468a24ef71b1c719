"""Numbers under several processes at once and under kill -9: neither gap nor double, on both databases."""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from kills import KILLED, child, ended
from made_register import SERIES, draft, evidence

from schemas.register import EntryState, RegisterEntry
from storage.register import Register

pytest_plugins = ["catalogue_fixtures"]


def handle(register: Register, key: str) -> None:
    """What the copies flow does with a request, new or found after a stop."""
    entry = register.take_number(SERIES, draft(key), who="lan")
    if entry.state is EntryState.PENDING:
        end(register, entry)


def end(register: Register, entry: RegisterEntry) -> None:
    """Two clerks on one request end it in the same way: that is one ending."""
    if entry.draft.request_key.endswith("7"):
        register.fail(entry.id, "không ký được", who="lan")
    else:
        register.complete(entry.id, evidence(entry.draft.request_key), who="lan")


class Steps:
    """Counts every step between which a process can die: before and after each statement and each commit."""

    def __init__(self, register: Register, kill_at: int | None = None) -> None:
        self.passed, self.kill_at = 0, kill_at
        engine = register.database._engine
        for moment in ("before_cursor_execute", "after_cursor_execute"):
            sa.event.listen(engine, moment, lambda *_: self.step())
        commit = engine.dialect.do_commit

        def do_commit(connection: object) -> None:
            self.step()
            commit(connection)
            self.step()

        engine.dialect.do_commit = do_commit

    def step(self) -> None:
        self.passed += 1
        if self.passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def sound(register: Register, keys: set[str]) -> None:
    """One row for each request, numbered from 01 without a gap, each ended."""
    (book,) = register.books()
    rows = register.entries(book.id)
    assert [row.number for row in rows] == list(range(1, len(keys) + 1)), "gap or double"
    assert sorted(row.draft.request_key for row in rows) == sorted(keys)
    assert book.last_number == len(keys) and register.audit(book.id) == []
    assert register.pending() == []
    for row in rows:
        expected = EntryState.FAILED if row.draft.request_key.endswith("7") else EntryState.COMPLETED
        assert row.state is expected
    with register.database.read() as connection:
        issued = connection.scalar(sa.text("SELECT count(*) FROM register_copies"))
    assert issued == sum(row.state is EntryState.COMPLETED for row in rows)


def resume(url: str, keys: set[str]) -> None:
    with Register.open(url) as register:
        for key in sorted(keys):
            handle(register, key)
        sound(register, keys)


def test_processes_at_once(url: str) -> None:
    own = [[f"{name}-{n}" for n in range(60)] for name in "abcd"]
    same = [f"both-{n}" for n in range(20)]

    def work(keys: list[str]) -> None:
        with Register.open(url) as register:
            for key in keys + keys:
                end(register, register.take_number(SERIES, draft(key), who="lan"))

    pids = [child(lambda keys=keys + same: work(keys)) for keys in own]
    assert [ended(pid) for pid in pids] == [0] * 4
    with Register.open(url) as register:
        sound(register, {key for keys in own for key in keys} | set(same))


def test_threads_of_one_process(url: str) -> None:
    keys = {f"t{n}" for n in range(60)}
    with Register.open(url) as register:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: handle(register, key), sorted(keys)))
        sound(register, keys)


def test_killed_between_any_two_steps(url: str) -> None:
    """Every step of taking and ending a number, each with a killed process, then the same requests again."""
    with Register.open(url) as register:
        steps = Steps(register)
        handle(register, "first")
        in_opening = steps.passed
        handle(register, "second")
        in_all = steps.passed - in_opening
    assert in_all > 30
    keys, statuses = {"first", "second"}, []
    for turn in range(max(170, in_all)):
        key, kill_at = f"k{turn}", turn % in_all + 1
        keys.add(key)

        def work(key: str = key, kill_at: int = kill_at) -> None:
            with Register.open(url) as register:
                Steps(register, kill_at)
                handle(register, key)

        statuses.append(ended(child(work)))
    # A request whose number is failed takes fewer steps than one that is completed, so few of those live on.
    assert statuses.count(KILLED) >= 160 and set(statuses) <= {KILLED, 0}
    resume(url, keys)


def test_killed_at_any_time(url: str) -> None:
    """Two processes at once, each killed from outside at a random moment."""
    chance = random.Random(2026)
    with Register.open(url) as register:
        handle(register, "first")
    keys, kills = {"first"}, 0
    for turn in range(20):
        pids = []
        for name in "ab":
            own = [f"{name}{turn}-{n}" for n in range(3)]
            keys |= set(own)
            pids.append(child(lambda own=own: endless(url, own)))
        for pid in pids:
            time.sleep(chance.uniform(0.005, 0.06))
            os.kill(pid, signal.SIGKILL)
            kills += ended(pid) == KILLED
    assert kills == 40
    resume(url, keys)


def endless(url: str, keys: list[str]) -> None:
    """Handles its requests, and again, until it is killed."""
    with Register.open(url) as register:
        while True:
            for key in keys:
                handle(register, key)


def test_opening_step_killed(url: str) -> None:
    """The very first number also opens book and volume."""
    for kill_at in range(1, 60, 3):

        def work(kill_at: int = kill_at) -> None:
            with Register.open(url) as register:
                Steps(register, kill_at)
                handle(register, "first")

        ended(child(work))
    resume(url, {"first"})


@pytest.mark.parametrize("wait", [0.0, 0.2])
def test_a_dead_holder_does_not_block(url: str, wait: float) -> None:
    """A process killed inside the transaction lets the next one in at once."""

    def work() -> None:
        with Register.open(url) as register, register.database.write() as connection:
            register.lock_current(connection, SERIES, "lan")
            time.sleep(wait)
            os.kill(os.getpid(), signal.SIGKILL)

    pid = child(work)
    start = time.perf_counter()
    with Register.open(url) as register:
        handle(register, "a")
        sound(register, {"a"})
    assert time.perf_counter() - start < 10
    assert ended(pid) == KILLED
