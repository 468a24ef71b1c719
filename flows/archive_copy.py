"""Replicas: bringing them up to date, and what lies where against what the law wants.

Law: TT 05/2025/TT-BNV as restated by QĐ 3999/QĐ-BTC (2025): at least two backup sets on independent media [V2]; CV
7197/BKHCN-CĐSQG: the same; QCVN 12:2026/BCA from level 3 on: one copy that cannot be overwritten and is cut off [V].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flows.archive_transfer import WORKING, Transfer, Transferred, destroy
from schemas.errors import NotFound, SohoaError, StoreUnavailable
from schemas.keeping import PRIMARY
from schemas.objects import Replica
from schemas.settings import Settings
from schemas.store import PlaceState
from storage.catalogue import Catalogue
from storage.keeping.copies import Tally
from storage.objects import switch
from storage.objects.archive import ArchiveStore, open_archive

HALF_MADE = (*WORKING, "copies/", "signing/")
"""Removed when the work is done; a copy that nobody may take away again is no place for them."""


@dataclass
class Brought:
    """What became of one replica."""

    label: str
    done: Transferred = field(default_factory=Transferred)
    destroyed: int = 0
    away: bool = False
    """Not connected; no fault for one that is kept offline."""
    error: SohoaError | None = None


def bring_up_to_date(
    settings: Settings,
    *,
    labels: Sequence[str] = (),
    who: str,
    told: Callable[[str, Transferred], None] = lambda label, done: None,
) -> list[Brought]:
    """Copies to every replica (or to `labels`) what it lacks, and destroys there what was destroyed by an approved list.

    One replica that fails does not stop the others. Raises NotFound for a label that is not in the settings, MoveRunning."""
    replicas = {place.label: place for place in settings.replicas.places}
    for label in labels:
        if label not in replicas:
            raise NotFound(label)
    results = []
    with switch.alone(settings.home), Catalogue.open(settings.database, create=False) as catalogue:
        archive = open_archive(settings, catalogue)
        try:
            for label in labels or replicas:
                results.append(_one(archive, replicas[label], who, told))
        finally:
            archive.close()
    return results


def _one(
    archive: ArchiveStore, replica: Replica, who: str, told: Callable[[str, Transferred], None]
) -> Brought:
    result, book = Brought(replica.label), archive.book
    first_time = not any(tally.place == replica.label for tally in book.tallies())
    try:
        target = archive.place(replica.label, new=first_time)
    except StoreUnavailable as error:
        result.away, result.error = True, None if replica.offline else error
        return result
    except SohoaError as error:
        result.error = error
        return result
    transfer = Transfer(
        book, archive.primary, PRIMARY, target, replica.label,
        told=lambda done: told(replica.label, done), without=HALF_MADE,
    )  # fmt: skip
    result.done = transfer.done
    try:
        result.destroyed = destroy(book, target, replica.label)
        transfer.run()
    except SohoaError as error:
        result.error = error
    if result.done.objects or result.destroyed or result.done.problems or result.error:
        book.event(
            who, "replica_brought_up_to_date", replica.label, objects=result.done.objects, bytes=result.done.bytes,
            destroyed=result.destroyed, problems=len(result.done.problems),
            error=result.error.code if result.error else "",
        )  # fmt: skip
    return result


# --- what is where ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class PlaceReport:
    label: str
    address: str
    medium: str
    site: str
    offline: bool
    reachable: bool
    objects: int
    """Read back there and right, when they were copied or last hashed."""
    bytes: int
    lacking: int
    """In the archive and not (rightly) here."""
    to_destroy: int
    oldest_check: datetime | None
    worm: bool

    @property
    def complete(self) -> bool:
        return self.lacking == 0


@dataclass(frozen=True)
class PlacesReport:
    """`sets`, `offline_sets`: complete ones, each medium counted once; what the primary store stands on is none."""

    archive_objects: int
    places: list[PlaceReport]
    sets: int
    wanted_sets: int
    offline_sets: int
    wanted_offline: int

    @property
    def enough(self) -> bool:
        return self.sets >= self.wanted_sets and self.offline_sets >= self.wanted_offline


def what_is_where(settings: Settings) -> PlacesReport:
    """Counts the primary store itself, the others by the book. Raises StoreUnavailable, CatalogueUnavailable."""
    with Catalogue.open(settings.database, create=False) as catalogue:
        archive = open_archive(settings, catalogue)
        try:
            return _report(settings, archive)
        finally:
            archive.close()


def _report(settings: Settings, archive: ArchiveStore) -> PlacesReport:
    tallies = archive.book.tallies()
    total = sum(1 for key, _ in archive.walk() if not key.startswith(HALF_MADE))
    bad = _sum(tallies, PRIMARY, PlaceState.MISSING, PlaceState.DAMAGED)
    seen = archive.capabilities()
    missing = _sum(tallies, PRIMARY, PlaceState.MISSING).objects
    places = [
        PlaceReport(
            PRIMARY, archive.url, "", "", False, True, total - bad.objects + missing,
            _sum(tallies, PRIMARY, PlaceState.HERE).bytes, bad.objects, 0,
            _oldest(tallies, PRIMARY), seen.worm,
        )
    ]  # fmt: skip
    for replica in settings.replicas.places:
        here = _sum(tallies, replica.label, PlaceState.HERE)
        reachable = _reachable(archive, replica)
        places.append(
            PlaceReport(
                replica.label, _shown(replica.url), replica.medium, replica.site, replica.offline, reachable,
                here.objects, here.bytes, max(total + missing - here.objects, 0),
                _sum(tallies, replica.label, PlaceState.DELETE).objects, _oldest(tallies, replica.label),
                reachable and archive.place(replica.label).capabilities().worm,
            )
        )  # fmt: skip
    full = [place for place in places[1:] if place.complete]
    return PlacesReport(
        archive_objects=total + missing,
        places=places,
        sets=len({place.medium or place.label for place in full}),
        wanted_sets=settings.replicas.backup_sets,
        offline_sets=len({place.medium or place.label for place in full if place.offline}),
        wanted_offline=settings.replicas.offline_sets,
    )


def _reachable(archive: ArchiveStore, replica: Replica) -> bool:
    try:
        next(archive.place(replica.label).walk(), None)
    except SohoaError:
        return False
    return True


def _sum(tallies: Sequence[Tally], place: str, *states: PlaceState) -> Tally:
    rows = [tally for tally in tallies if tally.place == place and tally.state in states]
    return Tally(place, PlaceState.HERE, sum(r.objects for r in rows), sum(r.bytes for r in rows), None)


def _oldest(tallies: Sequence[Tally], place: str) -> datetime | None:
    times = [t.checked for t in tallies if t.place == place and t.state is PlaceState.HERE and t.checked]
    return min(times, default=None)


def _shown(url: str) -> str:
    from storage.objects.s3_address import S3Address

    return S3Address.parse(url).url if url.startswith("s3:") else url
