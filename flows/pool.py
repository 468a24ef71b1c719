"""Processes that do jobs: one engine each, replaced when they crash, hang, grow or have done their share.

A job that takes a process down is tried once more in a fresh one, then given back as failed; one that takes too long is
given back at once. No other job is affected.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Protocol, Self

from schemas.errors import PageTimeout, SetupError, SohoaError
from schemas.settings import Settings
from storage.objects import ObjectStore

AHEAD = 2
"""Jobs a process holds: the one it does and the next, so that it never waits for the coordinator."""
START_SECONDS = 120.0
RECYCLE_BYTES = 280_000_000
"""A process that holds more between jobs is replaced: a page takes up to 80 MB more while it is read, and no process
should pass 350 MB."""
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {
    "OMP_THREAD_LIMIT": "1",  # more threads than cores cost three times the CPU
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Coloured page pictures go back to the system at once instead of staying in the heap (60 MB less a process).
    # Smaller ones stay: fetching them anew cost 70 ms a page (1 MB: 75,000 page faults, 5 MB: 22,000).
    "MALLOC_MMAP_THRESHOLD_": "5000000",
    "MALLOC_TRIM_THRESHOLD_": "60000000",
    # Large pages of memory for the heap (glibc 2.35 and later; others do not heed it): a third of the page faults.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Of a page process: set before any library in C is loaded."""


class Job(Protocol):
    """What a process can do; crosses the pipe. `urgent` jobs go first, because they let a file be finished."""

    seconds: float
    """Allowed wall time."""
    urgent: bool
    failure: type[SohoaError]
    """What an error that is none of ours becomes."""

    def run(self, bench: Any) -> object: ...


@dataclass(frozen=True)
class Outcome:
    """A job and what came of it."""

    job: Any
    result: Any = None
    error: SohoaError | None = None
    seconds: float = 0.0
    """CPU seconds in the process."""


@dataclass
class _Process:
    popen: subprocess.Popen
    pipe: Connection
    noise: Any
    """What its libraries wrote to stderr."""
    since: float
    """When it began what it does now."""
    ready: bool = False
    retiring: bool = False
    done: int = 0
    jobs: deque = field(default_factory=deque)


def python_path() -> str:
    """PYTHONPATH with which another process finds these packages, wherever it is started."""
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def process_count(settings: Settings) -> int:
    """Page processes: as set, else one for each core this process may use."""
    if settings.work.processes:
        return settings.work.processes
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class WorkerPool:
    """Use it in a `with` block. Processes are started as they are needed, and never more than `process_count`."""

    def __init__(self, settings: Settings, store: ObjectStore | None) -> None:
        """`store`: where originals and readings lie; None when they are files."""
        self._settings = settings
        self._start_with = (settings, store)
        self._most = process_count(settings)
        self._queue: deque = deque()
        self._urgent: deque = deque()
        self._processes: list[_Process] = []
        self._attempts: dict[int, int] = {}
        self._finished: list[Outcome] = []
        self.crashes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def hungry(self) -> bool:
        """True while more jobs should be found, so that no process stands idle."""
        return len(self._queue) + len(self._urgent) < AHEAD * self._most

    @property
    def busy(self) -> bool:
        return bool(self._queue or self._urgent or self._finished or any(p.jobs for p in self._processes))

    def submit(self, job: Job) -> None:
        (self._urgent if job.urgent else self._queue).append(job)
        self._dispatch()

    def wait(self, seconds: float) -> list[Outcome]:
        """Outcomes that are there, at the latest after `seconds`.

        Raises SetupError (or the process's own error) when processes cannot start at all.
        """
        self._dispatch()
        if not self._finished and self._processes:
            pipes = {p.pipe: p for p in self._processes}
            until = min([time.monotonic() + seconds, *self._deadlines()])
            for pipe in wait(list(pipes), max(0.0, until - time.monotonic())):
                self._receive(pipes[pipe])
            self._stop_overdue()
            self._dispatch()
        found, self._finished = self._finished, []
        return found

    def close(self) -> None:
        """Ends all processes, working or not."""
        for process in self._processes:
            process.pipe.close()
        for process in self._processes:
            if process.jobs or not process.ready:
                process.popen.kill()
        for process in self._processes:
            self._reap(process)
        self._processes.clear()

    # --- giving ------------------------------------------------------------------------------------------------------
    def _dispatch(self) -> None:
        for process in list(self._processes):
            if process.retiring and not process.jobs:
                self._remove(process)
        while self._queue or self._urgent:
            process = self._next_process()
            if process is None:
                return
            job = (self._urgent or self._queue).popleft()
            if not process.jobs:
                process.since = time.monotonic()
            process.jobs.append(job)
            try:
                process.pipe.send(job)
            except (BrokenPipeError, ConnectionResetError):
                self._crashed(process)

    def _next_process(self) -> _Process | None:
        open_ones = [p for p in self._processes if not p.retiring]
        idle = next((p for p in open_ones if not p.jobs), None)
        if idle is not None:
            return idle
        if len(self._processes) < self._most:
            return self._start()
        with_room = [p for p in open_ones if len(p.jobs) < AHEAD]
        return min(with_room, key=lambda p: len(p.jobs), default=None)

    def _start(self) -> _Process:
        ours, theirs = Pipe()
        noise = tempfile.TemporaryFile()
        environment = os.environ | ENVIRONMENT | {"PYTHONPATH": python_path()}
        command = [sys.executable, "-P", "-m", "flows.worker", str(theirs.fileno()), str(os.getpid())]
        popen = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL, stdout=noise, stderr=noise
        )
        theirs.close()
        process = _Process(popen, ours, noise, time.monotonic())
        self._processes.append(process)
        try:
            ours.send(self._start_with)
        except (BrokenPipeError, ConnectionResetError):
            self._crashed(process)
        return process

    # --- taking ------------------------------------------------------------------------------------------------------
    def _receive(self, process: _Process) -> None:
        try:
            message = process.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._crashed(process)
            return
        now = time.monotonic()
        if not process.ready:
            if isinstance(message, SohoaError):
                raise message
            process.ready, process.since = True, now
            return
        result, seconds, resident = message
        job = process.jobs.popleft()
        process.since = now
        process.done += 1
        self._attempts.pop(id(job), None)
        failed = isinstance(result, SohoaError)
        self._finished.append(
            Outcome(job, None if failed else result, result if failed else None, seconds)
        )
        if process.done >= self._settings.work.pages_a_process or resident > RECYCLE_BYTES:
            process.retiring = True  # no more jobs; gone when what it holds is done

    def _crashed(self, process: _Process) -> None:
        """The process is gone: what it did is tried again once, what it held is innocent."""
        if process not in self._processes:
            return
        process.popen.kill()
        self._remove(process)
        how = _how_it_ended(process.popen.returncode)
        if not process.ready:
            raise SetupError(f"a page process could not start ({how}): {_tail(process.noise)}")
        self.crashes += 1
        if not process.jobs:
            return
        job = process.jobs.popleft()
        self._give_back(process.jobs)
        tries = self._attempts.pop(id(job), 0) + 1
        if tries < 2:
            self._attempts[id(job)] = tries
            self._urgent.append(job)
        else:
            self._finished.append(Outcome(job, error=job.failure(f"the page process ended twice ({how})")))

    def _stop_overdue(self) -> None:
        now = time.monotonic()
        for process in list(self._processes):
            if not process.ready:
                if now - process.since > START_SECONDS:
                    raise SetupError(f"a page process did not start within {START_SECONDS:.0f} s")
            elif process.jobs and now - process.since > process.jobs[0].seconds:
                process.popen.kill()
                self._remove(process)
                job = process.jobs.popleft()
                self._give_back(process.jobs)
                self._attempts.pop(id(job), None)
                late = PageTimeout(f"more than {job.seconds:g} s")
                self._finished.append(Outcome(job, error=late, seconds=job.seconds))

    def _deadlines(self) -> list[float]:
        return [
            p.since + (p.jobs[0].seconds if p.ready else START_SECONDS)
            for p in self._processes
            if p.jobs or not p.ready
        ]

    def _give_back(self, jobs: deque) -> None:
        for job in reversed(jobs):
            (self._urgent if job.urgent else self._queue).appendleft(job)

    def _remove(self, process: _Process) -> None:
        self._processes.remove(process)
        process.pipe.close()
        self._reap(process)

    def _reap(self, process: _Process) -> None:
        try:
            process.popen.wait(5)
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit status {code}"


def _tail(noise) -> str:
    noise.seek(0, os.SEEK_END)
    noise.seek(max(0, noise.tell() - 2000))
    return noise.read().decode(errors="replace").strip().replace("\n", " | ")[-800:]
