"""Work in a process of its own, killed by signal 9 somewhere on its way."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable

KILLED = -signal.SIGKILL


def child(work: Callable[[], None]) -> int:
    """Start a process of its own; it ends by the work's end, by its failure (1), or by a kill."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(status)


def ended(pid: int) -> int:
    """Exit status; minus the signal when killed."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Killer:
    """Kills at moments spread over `seconds`, what the work takes at most. How long it takes is another thing on every machine:
    each time the work was done before its kill came, the next ones come sooner."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.turn, self.kills = seconds, 0, 0

    def killed(self, work: Callable[[], None]) -> bool:
        """False: the work had come to its end before."""
        self.turn += 1
        pid = child(work)
        time.sleep(self.seconds * (self.turn * 0.618 % 1))
        os.kill(pid, signal.SIGKILL)
        killed = ended(pid) == KILLED
        self.kills += killed
        if not killed:
            self.seconds *= 0.8
        return killed
