"""Checks signed files, one or a thousand: each within its time, none able to stop the others.

A few files are checked in the caller's process; many are spread over all cores. A file that never ends is cut off by
the clock of the process that looks at it, one that takes its process down is tried once more alone.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from multiprocessing import get_all_start_methods, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING

from flows.verify_delegation import roster_of, with_delegation
from schemas.errors import NotFound
from schemas.settings import Settings
from schemas.signing import FileVerdict, KnownCopy, VerifyResult
from signing.trust import TrustSettings
from signing.verify import KnownLookup, refused, verify_file, with_known

if TYPE_CHECKING:
    from flows.verify_known import KnownCopies

FEW = 4
"""Up to so many files are quicker checked here than processes are started."""
FILES_A_PROCESS = 500
"""Then a process is replaced, so that memory stays flat."""
GRACE_SECONDS = 5.0
"""The verifier looks at its own limit between steps; this much later it is cut off wherever it is."""
_MEMORY = 3_000_000_000
"""Address space of a checking process: a file that wants more is refused, and the machine stays alive."""


def trust_of(settings: Settings) -> TrustSettings:
    """Whom this installation trusts and what a check may cost."""
    trust = TrustSettings.of(settings.signing, settings.home)
    return replace(trust, max_bytes=settings.limits.file_bytes)


def verify_paths(
    paths: Sequence[Path],
    settings: Settings,
    *,
    at: datetime | None = None,
    known: Callable[[str, Sequence[str]], KnownCopy | None] | None = None,
    ours: KnownCopies | None = None,
    seen: Callable[[FileVerdict], None] = lambda verdict: None,
) -> VerifyResult:
    """Verdicts in the order of `paths`. `at`: time of checking, now when None; `known`: see `signing.verify`, asked
    here by the bytes only; `ours`: the home's own archive, asked where the file is checked, also by the codes on its
    pages. `seen` gets each verdict as soon as it is its turn. Raises NotFound for a path that is not there, and the errors
    of an archive that cannot be asked."""
    for path in paths:
        if not os.path.lexists(path):
            raise NotFound(str(path))
    trust = trust_of(settings)
    here = threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
    few = len(paths) <= FEW and here
    found = _here(paths, trust, at, ours) if few else _spread(paths, trust, at, cores(settings), ours)
    verdicts, roster = [], roster_of(settings)
    for verdict in found:
        verdict = with_delegation(_asked(verdict, known), roster, settings.office.name)
        seen(verdict)
        verdicts.append(verdict)
    return VerifyResult(files=verdicts)


def verify_bytes(
    data: bytes,
    name: str,
    settings: Settings,
    *,
    at: datetime | None = None,
    known: KnownLookup | None = None,
) -> FileVerdict:
    """Verdict on bytes already in memory, in the caller's process: for files of our own making, and where the caller
    bounds the time himself."""
    verdict = verify_file(data, name, trust_of(settings), at=at, known=known)
    return with_delegation(verdict, roster_of(settings), settings.office.name)


def _asked(verdict: FileVerdict, known: KnownLookup | None) -> FileVerdict:
    return with_known(verdict, known(verdict.sha256, ())) if known and verdict.sha256 else verdict


def cores(settings: Settings) -> int:
    """Processes that may work at once."""
    if settings.work.processes:
        return settings.work.processes
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _here(paths: Sequence[Path], trust: TrustSettings, at: datetime | None, ours: KnownCopies | None):
    for path in paths:
        yield _verify_path(path, trust, at, ours)


def _spread(
    paths: Sequence[Path],
    trust: TrustSettings,
    at: datetime | None,
    processes: int,
    ours: KnownCopies | None,
):
    with _pool(min(processes, len(paths)), ours) as pool:
        waiting: list[Future] = [pool.submit(_verify_in_pool, path, trust, at) for path in paths]
        for path, future in zip(paths, waiting, strict=True):
            try:
                yield future.result()
            except BrokenProcessPool:
                yield _alone(path, trust, at, ours)


def _alone(path: Path, trust: TrustSettings, at: datetime | None, ours: KnownCopies | None) -> FileVerdict:
    """A file whose process ended, or that waited for one that did."""
    with _pool(1, ours) as pool:
        try:
            return pool.submit(_verify_in_pool, path, trust, at).result()
        except BrokenProcessPool:
            return refused(str(path), "check_failed", at)


def _pool(processes: int, ours: KnownCopies | None) -> ProcessPoolExecutor:
    """Fresh processes, never copies of a caller that may have threads; one of them loads the libraries for all."""
    return checking_pool(processes, "flows.verify", *(["flows.verify_known"] if ours else []), ours=ours)


def checking_pool(processes: int, *modules: str, ours: KnownCopies | None = None) -> ProcessPoolExecutor:
    """Processes that look at files; each bounded in memory, and replaced after `FILES_A_PROCESS`. `modules` are loaded once
    for all of them."""
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    context = get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(list(modules))
    return ProcessPoolExecutor(
        processes,
        mp_context=context,
        initializer=_begin,
        initargs=(ours,),
        max_tasks_per_child=FILES_A_PROCESS,
    )


_ours: KnownCopies | None = None
"""Of a checking process: opened once for all its files."""


def _begin(ours: KnownCopies | None) -> None:
    global _ours
    _ours = ours
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _end_with_parent() -> None:
    """A parent that was killed tells nobody: its processes would wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class _Overdue(BaseException):
    """Not an Exception: no `except Exception` on the way may swallow it."""


@contextmanager
def _within(seconds: float):
    """Raises _Overdue in the block when its time is over. In the main thread of a process only."""

    def ring(*_: object) -> None:
        raise _Overdue

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _verify_in_pool(path: Path, trust: TrustSettings, at: datetime | None) -> FileVerdict:
    return _verify_path(path, trust, at, _ours)


def _verify_path(
    path: Path, trust: TrustSettings, at: datetime | None, ours: KnownCopies | None = None
) -> FileVerdict:
    name = str(path)
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return refused(name, "not_a_regular_file", at)
        if state.st_size > trust.max_bytes:
            return refused(name, "too_large", at)
        data = path.read_bytes()
    except OSError:
        return refused(name, "unreadable_file", at)
    known = ours.of(data) if ours else None
    if not hasattr(signal, "setitimer"):
        return verify_file(data, name, trust, at=at, known=known)
    try:
        with _within(trust.seconds + GRACE_SECONDS):
            return verify_file(data, name, trust, at=at, known=known)
    except _Overdue:
        return refused(name, "timeout", at)
