"""How far the work is: plain counters, told to whoever shows them. All of it comes from finished pages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

TELL_EVERY = 0.1
"""Seconds between two calls, so that showing never costs what is shown."""


@dataclass(frozen=True)
class Counts:
    """How far a run is at one moment."""

    files_seen: int = 0
    files_done: int = 0
    """Recorded, linked or in quarantine."""
    pages_seen: int = 0
    pages_done: int = 0
    """Read in this run or found finished from an earlier one; quarantined pages count too."""
    pages_quarantined: int = 0
    documents: int = 0
    seconds: float = 0.0
    """Since the start."""
    pages_per_second: float | None = None
    """Pages really read in this run; None before the second one."""
    seconds_left: float | None = None
    """None while it is not known: files are still coming in, or fewer than two pages were read."""
    intake_done: bool = False
    current: str = ""
    """Name of the file that was worked on last."""


class Progress(Protocol):
    """Whoever wants to know."""

    def update(self, counts: Counts) -> None:
        """Called at most about ten times a second, and once at the end."""


class Meter:
    """Keeps the counters of one run and tells them."""

    def __init__(self, listener: Progress | None, processes: int) -> None:
        self._listener = listener
        self._processes = processes
        self._start = time.monotonic()
        self._told = 0.0
        self._first_read: float | None = None
        self._last_read = self._start
        self._read = 0
        self._read_seconds = 0.0
        self._assembled = 0
        self._assembly_seconds = 0.0
        self.files_seen = 0
        self.files_done = 0
        self.pages_seen = 0
        self.pages_known = 0
        """Finished in an earlier run."""
        self.pages_quarantined = 0
        self.pages_recorded = 0
        self.documents = 0
        self.intake_done = False
        self.current = ""

    def page_read(self, seconds: float) -> None:
        """A page was read by this run in `seconds` of one process."""
        self._last_read = time.monotonic()
        self._first_read = self._first_read or self._last_read
        self._read += 1
        self._read_seconds += seconds

    def assembled(self, pages: int, seconds: float) -> None:
        """A document of `pages` pages was put together in `seconds` of one process."""
        self._assembled += pages
        self._assembly_seconds += seconds

    def counts(self) -> Counts:
        done = self.pages_known + self._read + self.pages_quarantined
        return Counts(
            files_seen=self.files_seen,
            files_done=self.files_done,
            pages_seen=self.pages_seen,
            pages_done=done,
            pages_quarantined=self.pages_quarantined,
            documents=self.documents,
            seconds=time.monotonic() - self._start,
            pages_per_second=self._speed(),
            seconds_left=self._left(done),
            intake_done=self.intake_done,
            current=self.current,
        )

    def tell(self, *, now: bool = False) -> None:
        """Tells the listener, unless it was told a moment ago."""
        if self._listener is None:
            return
        moment = time.monotonic()
        if now or moment - self._told >= TELL_EVERY:
            self._told = moment
            self._listener.update(self.counts())

    def _speed(self) -> float | None:
        # From the first finished page on: the start of the processes says nothing of the pages to come.
        if self._read < 2 or self._first_read is None or self._last_read <= self._first_read:
            return None
        return (self._read - 1) / (self._last_read - self._first_read)

    def _left(self, done: int) -> float | None:
        speed = self._speed()
        if not self.intake_done or speed is None:
            return None
        left = max(0, self.pages_seen - done) / speed
        if self._assembled:
            to_assemble = max(0, self.pages_seen - self.pages_recorded)
            left += to_assemble * self._assembly_seconds / self._assembled / self._processes
        return left
