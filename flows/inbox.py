"""The watched folder at work: what is dropped in becomes a batch, once, and is put aside when it is recorded."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

from flows.digitise import digitise
from flows.progress import Progress
from flows.watch import Sightings, adopt, claim, finish, give_back, scan_inbox, unfinished
from schemas.errors import Fault, NotFound, SohoaError
from schemas.results import DigitiseResult
from schemas.settings import Settings

log = logging.getLogger(__name__)


def watch_folder(
    inbox: Path,
    settings: Settings,
    stop: Event,
    *,
    worker: str = "watch",
    poll_seconds: float = 1.0,
    on_batch: Callable[[Path, DigitiseResult], None] | None = None,
    on_problem: Callable[[SohoaError], None] | None = None,
    progress: Progress | None = None,
) -> int:
    """Digitises each file or folder that settles in `inbox`, one batch each, until `stop` is set; how many.

    Work of watchers that died is taken over first. When the disk, the network or the catalogue fails, it is tried again
    after a while; a thing that cannot be a batch (too many files, gone) is refused; `on_problem` is told of both. Raises
    SetupError and what else no waiting mends.
    """
    inbox = Path(os.path.abspath(inbox))
    sightings, handled = Sightings(), 0
    waiting = [found for old in unfinished(inbox) if (found := adopt(old, inbox, worker))]
    while not stop.is_set():
        try:
            while waiting and not stop.is_set():
                result = _digitise_claimed(waiting[0], inbox, settings, progress)
                claimed = waiting.pop(0)
                handled += 1
                if on_batch:
                    on_batch(inbox / claimed.name, result)
            for path in scan_inbox(inbox, settings.work.settle_seconds, sightings):
                if (claimed := claim(path, inbox, worker, sightings)) is not None:
                    waiting.append(claimed)
                    break  # one after the other: what settles meanwhile is claimed by whoever is free
        except SohoaError as error:
            again = error.retry and error.fault is Fault.SYSTEM
            if not again and error.fault not in (Fault.INPUT, Fault.USER):
                raise
            log.warning("%s", error)
            if on_problem:
                on_problem(error)
            if again:
                stop.wait(max(poll_seconds, 5.0))
            elif waiting:
                with suppress(NotFound):
                    finish(waiting.pop(0), inbox, "refused")
        if not waiting:
            stop.wait(poll_seconds)
    for claimed in waiting:  # not begun
        give_back(claimed, inbox)
    return handled


def _digitise_claimed(claimed: Path, inbox: Path, settings: Settings, progress: Progress | None) -> DigitiseResult:
    """One batch of one claimed thing, which is put aside afterwards: done, or refused when nothing could be read."""
    # The claim's folder changes its name when another watcher adopts it; the moment of the claim does not.
    since = claimed.parent.name.split("~")[0]

    def shown(path: Path) -> str:
        return str(inbox / Path(path).relative_to(claimed.parent))

    result = digitise(
        [claimed],
        settings,
        name=claimed.name,
        progress=progress,
        request=f"{inbox}\n{since}\n{claimed.name}",
        shown_as=shown,
    )
    whole = any(item.page is None for item in result.quarantine)
    finish(claimed, inbox, "refused" if whole and not result.documents else "done")
    return result
