"""How often a caller may come: a bucket of tokens each, refilled evenly. In memory, so each process of the server counts for
itself; two processes let a caller in twice as often."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

MOST_CALLERS = 10_000
"""Remembered; whoever came longest ago is forgotten, and starts with a full bucket."""


class Buckets:
    """May be used by many threads."""

    def __init__(self, a_minute: float, burst: int, clock: Callable[[], float] = monotonic) -> None:
        self._rate, self._burst, self._clock = a_minute / 60, float(burst), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> float:
        """0 when the caller may come in; else the seconds to wait."""
        with self._lock:
            now = self._clock()
            left, since = self._left.pop(caller, (self._burst, now))
            left = min(self._burst, left + (now - since) * self._rate)
            allowed = left >= 1
            self._left[caller] = (left - 1 if allowed else left, now)
            if len(self._left) > MOST_CALLERS:
                self._left.popitem(last=False)
            return 0.0 if allowed else (1 - left) / self._rate
