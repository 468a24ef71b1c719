"""Writers of one home folder follow a move: each put holds a shared lock, the switch to another store an exclusive one.

A file beside the lock changes before the switch; who sees another stamp than before asks the catalogue. So a put costs a lock
and a stat, no query, and none can land in the old store after the switch.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.objects_errors import MoveRunning

GATE, LOCK, STAMP, WORK = ".store.gate", ".store.lock", ".store.switch", ".archive-work.lock"


def stamp(home: Path) -> int:
    """Changes with every switch; 0 before the first."""
    try:
        return (home / STAMP).stat().st_mtime_ns
    except OSError:
        return 0


def touch(home: Path) -> None:
    """A switch is about to be written into the catalogue."""
    path = home / STAMP
    path.touch(mode=0o600)
    os.utime(path)


@contextmanager
def held(home: Path, *, exclusive: bool = False) -> Iterator[None]:
    """Shared by putters, exclusive for the switch. Given back by the system when a process dies. A home folder that cannot
    be written has no mover either."""
    try:
        gate, room = (os.open(home / name, os.O_RDWR | os.O_CREAT, 0o600) for name in (GATE, LOCK))
    except OSError:
        yield
        return
    try:
        # Everybody comes through the gate; a mover keeps it shut, or putters without end would never let it in.
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        if not exclusive:
            fcntl.flock(gate, fcntl.LOCK_UN)
        yield
    finally:
        os.close(room)
        os.close(gate)


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """One copying or moving process a home folder. Raises MoveRunning."""
    fd = os.open(home / WORK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MoveRunning(home.name) from error
        yield
    finally:
        os.close(fd)
