"""A page process: takes one job after the other from its pipe until the pipe ends. `flows.pool` starts it.

A program of its own, and not a fork or a re-run of the caller's main module: libraries in C may crash, hang or leak
here without harm, the caller's script needs no guard, and the environment is set before any of them is loaded.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection

from schemas.errors import SohoaError

TIDY_BYTES = 250_000_000
"""More than a tidied process holds (240 MB): else every page would be followed by tidying for nothing."""


def main() -> None:
    pipe, parent = Connection(int(sys.argv[1])), int(sys.argv[2])
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent decides
    try:
        from flows.pages import Bench

        bench = Bench(*pipe.recv())
    except EOFError:
        return
    except SohoaError as error:
        pipe.send(error)
        return
    try:
        pipe.send(os.getpid())
        while True:
            pipe.send(_outcome(pipe.recv(), bench))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody wants more
    finally:
        bench.close()


def _outcome(job, bench) -> tuple[object, float, int]:
    """(result or SohoaError, CPU seconds, resident bytes). Whatever goes wrong concerns this job alone."""
    start = time.process_time()
    try:
        result = job.run(bench)
    except SohoaError as error:
        result = error
    except MemoryError:
        result = job.failure("out of memory")
    except Exception as error:
        result = job.failure(f"{type(error).__name__}: {error}")
    return result, time.process_time() - start, tidied()


def tidied() -> int:
    """Resident bytes, after what the last page left in the heap was given back: one coloured page leaves up to 100 MB
    in pieces that the next does not fit into."""
    resident = resident_bytes()
    if resident > TIDY_BYTES:
        with suppress(OSError, AttributeError):  # glibc's own
            ctypes.CDLL(None).malloc_trim(0)
            resident = resident_bytes()
    return resident


def resident_bytes() -> int:
    """Memory of this process now; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as facts:
            return int(facts.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _die_with(parent: int) -> None:
    """Linux kills this process when its parent is killed; elsewhere it ends at the next look into the pipe."""
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


if __name__ == "__main__":
    main()
