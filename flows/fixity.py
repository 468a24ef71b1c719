"""Hashing everything again, the longest unchecked first, so that no object goes unlooked at for longer than the period.

    enter       every object that the store lists goes into the book of places (one that vanished is then missed)
    hash        what is due is read at a bounded rate and compared with the hash that is kept outside the object
    heal        damaged or lost bytes come back from a replica; the damaged ones are set aside first
    tell        each fault once, by an event and in the report

Killed anywhere, the same call goes on: what was hashed is written down in the book. Law: TT 05/2025/TT-BNV as restated by QĐ
3999/QĐ-BTC (2025): everything within three years [V2]; QCVN 12:2026/BCA: automatic recovery when integrity is lost [V].
"""

from __future__ import annotations

import errno
import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from schemas.errors import NoHome, ObjectDamaged, ObjectMissing, SohoaError, StoreUnavailable
from schemas.keeping import PRIMARY, FixityReport, Placed
from schemas.preserve import PreserveSettings
from schemas.settings import Settings
from schemas.store import ObjectRef
from storage.catalogue import Catalogue
from storage.catalogue.events import now
from storage.keeping.places import Places
from storage.keeping.runs import Runs
from storage.objects import ObjectStore, open_archive

log = logging.getLogger(__name__)
CHUNK = 1 << 20
SAVE_OBJECTS, SAVE_SECONDS = 200, 5.0
"""What was hashed is written down after so many objects or seconds; a kill costs no more than hashing these again."""
WORKING = ("copies/", "signing/", "probe/")
"""Half-made files, removed when the work is done: their going is no loss."""
NOT_LISTED = ("probe/", "damaged/")
Told = Callable[[int, int, int], None]
"""`told(objects, bytes, still due)`."""


@dataclass
class Archive:
    """Catalogue and stores, as keeping needs them."""

    catalogue: Catalogue
    store: ObjectStore
    """As everybody uses it: versions are those of the catalogue."""
    replicas: Mapping[str, ObjectStore] = field(default_factory=dict)
    """Further stores by themselves, with their own version ids."""
    clock: Callable[[], datetime] = now
    primary: ObjectStore | None = None
    """The primary store by itself; None: `store` is that."""

    def at(self, place: str) -> ObjectStore:
        """One place by itself: what heals behind the back would hide what is looked for."""
        return (self.primary or self.store) if place == PRIMARY else self.replicas[place]

    @property
    def places(self) -> list[str]:
        return [PRIMARY, *self.replicas]


@contextmanager
def open_keeping(settings: Settings, *, clock: Callable[[], datetime] = now) -> Iterator[Archive]:
    """The archive of a home folder that is there, with every replica that can be reached now.

    Raises NoHome, SetupError, StoreUnavailable, CatalogueUnavailable."""
    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").is_file():
        raise NoHome(str(settings.home))
    with Catalogue.open(settings.database, create=False) as catalogue:
        store = open_archive(settings, catalogue)
        try:
            wanted = [replica.label for replica in settings.replicas.places]
            places = store.places()
            replicas = {label: places[label] for label in wanted if label in places}
            yield Archive(catalogue, store, replicas, clock, primary=places[PRIMARY])
        finally:
            store.close()


def check_fixity(
    archive: Archive,
    settings: PreserveSettings,
    *,
    who: str,
    everything: bool = False,
    seconds: float | None = None,
    told: Told = lambda objects, size, left: None,
) -> FixityReport:
    """Hashes what is due (`everything`: all of it), for at most `seconds`.

    Raises StoreUnavailable, CatalogueUnavailable, DiskFull: what was hashed before stays written down."""
    places, runs = Places(archive.catalogue), Runs(archive.catalogue)
    started = archive.clock()
    before = started if everything else started - timedelta(days=settings.fixity_days)
    run = runs.begin_fixity(who, started, before)
    # Replicas have their rows from whoever copies to them.
    places.seen(PRIMARY, not_in_the_book(archive, places))
    due = places.standing(archive.places, before, started + timedelta(seconds=1)).overdue
    work = _Work(archive, places, run, before, Throttle(settings.fixity_bytes_per_second), told, due, started)
    complete = work.go(None if seconds is None else time.monotonic() + seconds)
    finished = work.moment()
    counts = work.counts
    runs.count_fixity(run, finished=finished, who=who, **counts)
    overdue_before = finished - timedelta(days=settings.fixity_days)
    standing = places.standing(archive.places, overdue_before, finished + timedelta(seconds=1))
    return FixityReport(
        run=run,
        started=started,
        finished=finished,
        complete=complete,
        period_days=settings.fixity_days,
        **counts,
        findings=places.findings(run=run),
        still_open=places.findings(open_only=True),
        known=standing.known,
        overdue=standing.overdue,
        oldest=standing.oldest,
    )


def not_in_the_book(archive: Archive, places: Places) -> Iterator[ObjectRef]:
    """Versions of the primary store that have no row yet, as that store names them. Asks the store for no more than names of
    what is known."""
    pairs = (pair for pair in archive.at(PRIMARY).walk() if not pair[0].startswith(NOT_LISTED))
    while some := list(islice(pairs, SAVE_OBJECTS)):
        known = places.natives(PRIMARY, {key for key, _ in some})
        for key, version in some:
            if (key, version) not in known:
                with suppress(ObjectMissing):  # removed since it was listed
                    yield archive.at(PRIMARY).stat(key, version).ref


class Throttle:
    """No more than so many bytes a second over the whole run; 0: no bound. Uses a clock that cannot be set."""

    def __init__(self, bytes_per_second: int) -> None:
        self.rate, self.size, self.start = bytes_per_second, 0, time.monotonic()

    def took(self, size: int) -> None:
        self.size += size
        if self.rate:
            ahead = self.size / self.rate - (time.monotonic() - self.start)
            if ahead > 0:
                time.sleep(ahead)


@dataclass
class _Work:
    archive: Archive
    places: Places
    run: str
    before: datetime
    throttle: Throttle
    told: Told
    due: int
    latest: datetime
    good: list[Placed] = field(default_factory=list)
    saved: float = field(default_factory=time.monotonic)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("objects", "bytes", "damaged", "missing", "healed"), 0)
    )

    def go(self, until: float | None) -> bool:
        """False: the time was over first."""
        try:
            while due := self._next():
                for placed in due:
                    if until is not None and time.monotonic() >= until:
                        return False
                    self._one(placed)
                    if len(self.good) >= SAVE_OBJECTS or time.monotonic() - self.saved > SAVE_SECONDS:
                        self._save()
                self._save()
            return True
        finally:
            self._save()

    def _next(self) -> list[Placed]:
        later = self.moment() + timedelta(seconds=1)
        return self.places.due(self.archive.places, self.before, later, SAVE_OBJECTS)

    def _save(self) -> None:
        if self.good:
            self.places.checked(self.good, self.moment())
            self.good = []
            Runs(self.archive.catalogue).count_fixity(self.run, **self.counts)
        self.saved = time.monotonic()
        done = self.counts["objects"]
        self.told(done, self.counts["bytes"], max(self.due - done, 0))

    def _one(self, placed: Placed) -> None:
        self.counts["objects"] += 1
        self.counts["bytes"] += placed.size
        began = self.moment()
        try:
            found = self._hash(placed)
        except ObjectMissing:
            self._lost(placed, began)
            return
        if found == placed.sha256:
            if placed.problem:  # somebody put it right by hand
                self.places.healed(placed, placed.place, self.moment(), place_version=_version(placed))
            else:
                self.good.append(placed)
            return
        self.counts["damaged"] += 1
        kept = self._set_aside(placed)
        self.places.found(self.run, placed, ObjectDamaged.code, f"read {found}", kept, self.moment(), since=began)
        self._heal(placed)

    def _lost(self, placed: Placed, began: datetime) -> None:
        if placed.key.startswith(WORKING):
            self.places.forget([placed])
            return
        self.counts["missing"] += 1
        self.places.found(self.run, placed, ObjectMissing.code, "", None, self.moment(), since=began)
        self._heal(placed)

    def _hash(self, placed: Placed) -> str:
        """Hash of the bytes as they are read now. A reading that breaks off is tried once more, then the disk is asked: a bad
        sector is damage, everything else an outage."""
        for attempt in (1, 2):
            digest = hashlib.sha256()
            try:
                with self.archive.at(placed.place).open(placed.key, _version(placed)) as stream:
                    while chunk := stream.read(CHUNK):
                        digest.update(chunk)
                        self.throttle.took(len(chunk))
                return digest.hexdigest()
            except OSError as error:
                if attempt == 2 and error.errno == errno.EIO:
                    return "nothing: the disk cannot read it"
                if attempt == 2:
                    raise StoreUnavailable(f"{placed.key}: {error.strerror or error}") from error
        raise AssertionError("unreachable")

    def _set_aside(self, placed: Placed) -> str | None:
        """A copy of the damaged bytes, for whoever has to explain them. Losing it must not stop the healing."""
        key = f"damaged/{placed.sha256}/{placed.place}"
        try:
            with self.archive.at(placed.place).open(placed.key, _version(placed)) as stream:
                self.archive.store.put(key, stream, metadata={"of": placed.key}, new_version=True)
            return key
        except (SohoaError, OSError):
            log.warning("damaged bytes of %s could not be set aside", placed.key)
            return None

    def _heal(self, placed: Placed) -> None:
        for name, data in self._good_bytes(placed):
            store = self.archive.at(placed.place)
            try:
                ref = store.repair(placed.key, _version(placed), data)
            except ObjectMissing:
                ref = store.put(placed.key, data, sha256=placed.sha256, new_version=True)
            self.places.healed(placed, name, self.moment(), place_version=ref.version)
            self.counts["healed"] += 1
            return

    def _good_bytes(self, placed: Placed) -> Iterator[tuple[str, bytes]]:
        """From every other place that holds the right bytes, verified."""
        for name in self.archive.places:
            if name == placed.place:
                continue
            with suppress(ObjectMissing, ObjectDamaged, StoreUnavailable):
                other = self.archive.at(name)
                for ref in reversed(other.versions(placed.key)):
                    if ref.sha256 == placed.sha256:
                        yield name, other.get(ref.key, ref.version)
                        break

    def moment(self) -> datetime:
        """Now, never before what was said last: a clock set back during the run would make it endless."""
        self.latest = max(self.archive.clock(), self.latest)
        return self.latest


def _version(placed: Placed) -> str:
    return placed.place_version or placed.version
