"""A file that somebody outside sent is looked at in a process of its own, which may be ended at any moment.

The bounds are those of the batch (`ocr.intake`); here the clock and the memory are bounded too, from outside, so that a file
made to stop its reader stops that process and nothing else.
"""

from __future__ import annotations

import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

from schemas.errors import DamagedFile
from schemas.settings import Limits
from schemas.source import SourceInfo

SECONDS = 30.0
"""Of the clock, for one file."""
_MEMORY = 3_000_000_000
"""Address space of the process."""
_TEXT_PAGES = 200
"""Text is taken from so many pages; an index needs no more."""


@dataclass(frozen=True)
class Seen:
    """Facts of a file within its bounds."""

    info: SourceInfo
    text: str
    """Of the file's own text layer; empty for pictures."""
    pdfa: bool
    """It claims PDF/A and keeps what it claims (CV 7197: PDF/A, hai lớp)."""


def look(path: Path, name: str, limits: Limits, *, seconds: float = SECONDS) -> Seen:
    """Raises as `ocr.intake.read_file` and `inspect`; DamagedFile when the file takes its reader down or keeps it busy."""
    method = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"
    context = get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["ocr.intake", "ocr.pdfa_check", "flows.reception", "flows.verify"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_look, path, name, limits, seconds).result()
        except BrokenProcessPool:
            raise DamagedFile(f"{name}: could not be looked at within {seconds:g} s and {_MEMORY >> 20} MiB") from None


def _look(path: Path, name: str, limits: Limits, seconds: float) -> Seen:
    from ocr.intake import inspect, open_source, read_file
    from ocr.pdfa_check import check_pdfa2b

    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    # The default action ends the process also where it is deep in a library, which no handler of Python could.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    data = read_file(path, limits)
    info = inspect(data, name, limits)
    if info.media_type != "application/pdf":
        return Seen(info, "", False)
    pages: list[str] = []
    with open_source(data, info, limits) as source:
        for number in range(1, min(info.pages, _TEXT_PAGES) + 1):
            pages.append(" ".join(word.text for word in source.born_words(number) or ()))
    return Seen(info, "\n".join(filter(None, pages)), not check_pdfa2b(data))
