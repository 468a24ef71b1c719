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

LOCK, STAMP, WORK = ".store.lock", ".store.switch", ".archive-work.lock"


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
        fd = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


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
