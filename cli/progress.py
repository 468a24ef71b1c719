"""How far a run is, for a person who waits: a moving line on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from cli.terminal import clean, say

if TYPE_CHECKING:
    from flows.progress import Counts

PLAIN_EVERY = 5.0
"""Seconds between two plain lines."""
NAME_LENGTH = 30


class Shown:
    """Shows counters on stderr, so that stdout stays for the result. To be used as a context manager."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._told = 0.0
        self._length = 0

    def __enter__(self) -> Shown:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live and self._length:
            sys.stderr.write("\r" + " " * self._length + "\r")
            sys.stderr.flush()

    def update(self, counts: Counts) -> None:
        if self._live:
            # A line that wraps could not be written over.
            line = text(counts)[: max(20, shutil.get_terminal_size().columns - 1)]
            sys.stderr.write("\r" + line + " " * max(0, self._length - len(line)))
            sys.stderr.flush()
            self._length = len(line)
        elif time.monotonic() - self._told >= PLAIN_EVERY:
            self._told = time.monotonic()
            say(text(counts), file=sys.stderr)


def text(counts: Counts) -> str:
    """`Tệp 3/12 · trang 17/57 · 2,4 trang/giây · còn khoảng 1 phút · scan3.pdf`"""
    more = "" if counts.intake_done else "+"
    parts = [
        f"Tệp {counts.files_done}/{counts.files_seen}{more}",
        f"trang {counts.pages_done}/{counts.pages_seen}{more}",
    ]
    if counts.pages_per_second:
        parts.append(f"{counts.pages_per_second:.1f} trang/giây".replace(".", ","))
    if counts.seconds_left is not None:
        parts.append(f"còn khoảng {duration(counts.seconds_left)}")
    if counts.pages_quarantined:
        parts.append(f"cách ly {counts.pages_quarantined} trang")
    if counts.current:
        name = clean(counts.current)
        parts.append(name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """`45 giây`, `3 phút`, `2 giờ 5 phút`."""
    if seconds < 90:
        return f"{seconds:.0f} giây"
    minutes = round(seconds / 60)
    return f"{minutes} phút" if minutes < 60 else f"{minutes // 60} giờ {minutes % 60} phút"
