"""From a stack of scans to recorded documents: the main job, top to bottom, as plain functions.

    capture -> image check -> searchable PDF/A -> fields -> checks -> recorded as `review` or `checked`

The order is law (DESIGN decision 3): the bytes are kept before anything looks at them, a record stands in the
catalogue only when its PDF/A was made, opened again and stored, and nothing here goes beyond `checked`: signatures and
the archive under lock are other jobs. Pages are read ahead; that moves no record.

No Prefect here: its import alone takes two seconds and a task 25-90 ms, while reading a page takes 700 ms on two cores.
Pages and documents are done by `flows.pool`, which also bounds time and memory; `flows.prefect_flows` wraps whole
batches.

Kill it anywhere and call it again: originals, readings and records are each written once, under names made from their
content, so what is finished is found and not repeated.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flows.batch_report import report
from flows.batch_run import BatchRun
from flows.progress import Progress
from ocr.intake import list_files
from schemas.errors import NotAllowedNow, SetupError, WrongUse
from schemas.results import DigitiseResult
from schemas.settings import Settings
from storage.catalogue import BatchRow, BatchStatus, Catalogue
from storage.catalogue.rows import short_id
from storage.objects import ObjectStore, open_archive

SYSTEM = "system"


def digitise(
    paths: Sequence[Path],
    settings: Settings,
    *,
    name: str | None = None,
    dossier_code: str | None = None,
    declared_pages: int | None = None,
    legal_basis: str = "",
    who: str = SYSTEM,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
    store: ObjectStore | None = None,
    request: str = "",
    shown_as: Callable[[Path], str] = os.path.abspath,
) -> DigitiseResult:
    """Takes files and folders in as one batch, reads them, makes and records their documents.

    The same call again goes on with the batch while it is open; when it is finished a new one begins, in which known
    bytes are linked and not redone. `declared_pages`: counted on paper (TT 01/2023/TT-VPCP Đ8 k2). `request` names the
    call where its paths change between two tries; `shown_as` gives the path under which a file is recorded.

    Bad files and pages go into quarantine and never raise. Raises WrongUse when none of the paths exists, SetupError,
    DiskFull (nothing acknowledged is lost), StoreUnavailable, CatalogueUnavailable, ObjectDamaged.
    """
    paths = [Path(path) for path in paths]
    if not any(os.path.lexists(path) for path in paths):
        raise WrongUse(f"no such file or folder: {', '.join(map(str, paths)) or 'no path given'}")
    with _opened(settings, catalogue, store) as (catalogue, store):
        offer = request or "\n".join(sorted(os.path.abspath(path) for path in paths))
        identity = (offer, name, dossier_code, declared_pages)
        batch = _open_batch(
            catalogue,
            identity,
            name or _name_of(paths),
            dossier_code=dossier_code,
            declared_pages=declared_pages,
            settings_hash=settings.reading_hash(),
            legal_basis=legal_basis,
            who=who,
        )
        run = BatchRun(batch, settings, catalogue, store, who, progress)
        run.work((path, shown_as(path)) for path in list_files(paths, settings.limits))
        return report(catalogue, batch.id, who, run.messages)


def continue_batch(
    batch_id: str,
    settings: Settings,
    *,
    who: str = SYSTEM,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
    store: ObjectStore | None = None,
) -> DigitiseResult:
    """Reads what waits in a batch (after a quarantine entry was given back, or a file was asked for again) from the
    stored originals; a batch in which nothing waits is only reported. Raises NotFound, and as `digitise`."""
    with _opened(settings, catalogue, store) as (catalogue, store):
        batch = catalogue.batch(batch_id)
        run = BatchRun(batch, settings, catalogue, store, who, progress)
        if batch.status is BatchStatus.OPEN:
            run.work(())
        return report(catalogue, batch.id, who, run.messages)


# --- the batch -------------------------------------------------------------------------------------------------------
@contextmanager
def _opened(
    settings: Settings, catalogue: Catalogue | None, store: ObjectStore | None
) -> Iterator[tuple[Catalogue, ObjectStore]]:
    """Catalogue and store: the caller's, or opened here and closed again."""
    with ExitStack() as ours:
        try:
            settings.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"{settings.home}: {error.strerror}") from error
        if catalogue is None:
            catalogue = ours.enter_context(Catalogue.open(settings.database))
        if store is None:
            store = open_archive(settings, catalogue)
            ours.callback(store.close)
        yield catalogue, store


def _open_batch(catalogue: Catalogue, identity: tuple, name: str, **facts) -> BatchRow:
    """The batch of this request that is still open, else a new one. Its id is made from the request, so a killed run is
    found again without anything having been written down about it."""
    number = 1
    while True:
        batch_id = short_id("B", *identity, number)
        try:
            return catalogue.start_batch(name, batch_id=batch_id, **facts)
        except NotAllowedNow:
            number += 1


def _name_of(paths: Sequence[Path]) -> str:
    first = Path(os.path.abspath(paths[0])).name
    return first if len(paths) == 1 else f"{first} (+{len(paths) - 1})"
