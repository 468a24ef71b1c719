"""Several files of a batch on their way at once, so that no core waits for a timestamp.

Lanes take turns: whatever touches keys, catalogue and trust is done by one of them at a time, and a lane gives its turn away only
where it waits: for the timestamp authority, for the store, and for the check of what was signed, which is done by other processes
(they need no key). So nothing here has to stand two threads in one place, a PIN stays in the process that asked for it, and a
token is asked for one signature after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from flows.attestation import must_be_pdfa
from flows.sign_desk import sound
from flows.verify import checking_pool, cores
from schemas.settings import Settings
from schemas.signing import FileVerdict
from signing.trust import TrustSettings
from signing.verify import verify_file

T = TypeVar("T")
WORTH_IT = 12
"""So many files pay for starting the processes."""
LANES_A_CORE = 2
LARGE = 20_000_000
"""Bytes; larger files are checked where they are: sending them about costs more memory than time is won."""


class OneLane:
    """File after file, checked in this process."""

    def __init__(self, trust: TrustSettings) -> None:
        self.trust = trust

    @contextmanager
    def away(self) -> Iterator[None]:
        yield

    def checked(self, data: bytes, name: str, signatures: int) -> FileVerdict:
        """The verdict on a file that was just signed. Raises OutputInvalid unless it is valid, with so many signatures, and
        PDF/A where it says so."""
        return _checked(data, name, self.trust, signatures)

    def each(self, rows: Sequence[T], work: Callable[[T], None]) -> None:
        """`work` for every row; its first error ends it."""
        for row in rows:
            work(row)


class Lanes(OneLane):
    """A context manager. `each` calls `work` in threads, one at a time but for what is done `away`."""

    def __init__(self, trust: TrustSettings, settings: Settings) -> None:
        super().__init__(trust)
        self._turn = threading.Lock()
        self._stopped = False
        self._processes = cores(settings)
        self._pool: ProcessPoolExecutor = checking_pool(self._processes, "flows.sign_lanes")

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Others may work meanwhile. Only by the lane whose turn it is."""
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()

    def checked(self, data: bytes, name: str, signatures: int) -> FileVerdict:
        if len(data) > LARGE:
            return super().checked(data, name, signatures)
        try:
            with self.away():
                return self._pool.submit(_checked, data, name, self.trust, signatures).result()
        except BrokenProcessPool:
            return super().checked(data, name, signatures)

    def each(self, rows: Sequence[T], work: Callable[[T], None]) -> None:
        """As `OneLane.each`; what the other lanes have begun by then is brought to its end."""
        waiting = iter(rows)

        def lane() -> None:
            with self._turn:
                while not self._stopped and (row := next(waiting, None)) is not None:
                    try:
                        work(row)
                    except BaseException:
                        self._stopped = True
                        raise

        with ThreadPoolExecutor(LANES_A_CORE * self._processes, "sign") as threads:
            lanes = [threads.submit(lane) for _ in range(LANES_A_CORE * self._processes)]
            try:
                for one in lanes:
                    one.result()
            except BaseException:
                self._stopped = True
                raise


def _checked(data: bytes, name: str, trust: TrustSettings, signatures: int) -> FileVerdict:
    verdict = sound(verify_file(data, name, trust), signatures)
    must_be_pdfa(data)
    return verdict


@contextmanager
def lanes_for(count: int, trust: TrustSettings, settings: Settings) -> Iterator[OneLane]:
    if count < WORTH_IT or cores(settings) < 2:
        yield OneLane(trust)
        return
    with Lanes(trust, settings) as lanes:
        yield lanes
