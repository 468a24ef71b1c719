"""From one store into another, object by object: read and compared with its hash, written, read back, noted in the book.

Killed anywhere, the same call goes on: what is noted is not looked at again; what was written and not noted is found there by
its hash and noted. Versions of a key go in their order, other keys at the same time.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, islice
from typing import BinaryIO

from schemas.errors import ObjectDamaged, ObjectLocked, ObjectMissing
from schemas.keeping import Placed
from schemas.objects_errors import StoreUnfit
from schemas.store import ObjectRef, ObjectStat, PlaceState, Retention
from storage.catalogue.events import now
from storage.keeping.copies import Copies, same
from storage.objects import ObjectStore
from storage.objects.retention import at_least, in_force

AT_ONCE = 6
"""Keys under way."""
SOME = 400
"""Keys whose rows are asked for together."""
NOTED, NOTED_SECONDS = 100, 2.0
"""Rows written together; a kill costs no more than reading these again."""
IN_MEMORY = 16_000_000
CHUNK = 1 << 20
WORKING = ("probe/", "damaged/")
Told = Callable[["Transferred"], None]


@dataclass
class Transferred:
    """How far it is. `problems`: what could not be carried over, as (key, version, code)."""

    objects: int = 0
    bytes: int = 0
    already: int = 0
    total: int = 0
    """Versions that the source had when it began."""
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def seen(self) -> int:
        return self.objects + self.already + len(self.problems)


@dataclass
class Transfer:
    """`source_place`, `target_place`: their names in the book. `without`: beginnings of keys that are left out."""

    book: Copies
    source: ObjectStore
    source_place: str
    target: ObjectStore
    target_place: str
    told: Told = lambda done: None
    without: tuple[str, ...] = WORKING
    since: datetime | None = None
    """What was noted as copied before this is read back again."""
    takes_over: bool = False
    """The target is to become the primary store: the source is entered into the book too, as a place to read from later, and
    no version comes before an older one of its key that cannot be read now, or the newest would be another."""

    def __post_init__(self) -> None:
        self.done = Transferred()
        self._rows: list[Placed] = []
        self._noted = time.monotonic()
        self._lock = threading.Lock()

    def run(self) -> Transferred:
        """Everything that the source has and the target lacks. An object that cannot be read is left out and named.

        Raises what is wrong with a store as a whole: StoreUnavailable, DiskFull, StoreUnfit, SetupError."""
        self.done.total = sum(1 for key, _ in self.source.walk() if not key.startswith(self.without))
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="archive")
        under_way: set[Future[None]] = set()
        try:
            for key, versions, known in self._keys():
                if len(under_way) >= 2 * AT_ONCE:
                    ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
                under_way.add(pool.submit(self._key, key, versions, known))
            for future in under_way:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)
            self._note(everything=True)
        self.told(self.done)
        return self.done

    def _keys(self) -> Iterator[tuple[str, list[tuple[str, str]], dict[str, Placed]]]:
        """Key, its versions as (name in the catalogue, id in the source), the target's rows by name."""
        walk = ((key, version) for key, version in self.source.walk() if not key.startswith(self.without))
        # No more than is there now: writers may be faster than the copying, and a later round takes what they add.
        walk = islice(walk, self.done.total)
        keys = (
            (key, [version for _, version in group]) for key, group in groupby(walk, key=lambda pair: pair[0])
        )
        some: list[tuple[str, list[str]]] = []
        for pair in keys:
            some.append(pair)
            if len(some) == SOME:
                yield from self._with_rows(some)
                some = []
        yield from self._with_rows(some)

    def _with_rows(self, some: list[tuple[str, list[str]]]) -> Iterator[tuple[str, list, dict[str, Placed]]]:
        names = [key for key, _ in some]
        natives = {(row.key, row.place_version): row for row in self.book.rows(self.source_place, names)}
        targets: dict[str, dict[str, Placed]] = {}
        for row in self.book.rows(self.target_place, names):
            targets.setdefault(row.key, {})[row.version] = row
        for key, versions in some:
            named = []
            for native in versions:
                row = natives.get((key, native))
                if row is None or row.state is not PlaceState.GONE:
                    named.append((row.version if row else native, native))
            yield key, named, targets.get(key, {})

    def _key(self, key: str, versions: list[tuple[str, str]], known: dict[str, Placed]) -> None:
        there: list[ObjectRef] | None = None
        taken = {row.place_version for row in known.values()}
        for name, native in versions:
            row = known.get(name)
            if row is not None and row.state is PlaceState.HERE and self._still(row):
                self._count(already=1)
                continue
            if row is not None and row.state in (PlaceState.GONE, PlaceState.DELETE):
                continue
            if there is None:
                there = self.target.versions(key)
            try:
                stat = self.source.stat(key, native)
                free = [
                    r
                    for r in there
                    if r.version not in taken or (row is not None and r.version == row.place_version)
                ]
                found = next((r for r in free if r.sha256 == stat.ref.sha256), None)
                ref = self._protected(stat, found) if found and self._is_good(found) else self._carried(stat)
            except (ObjectMissing, ObjectDamaged) as error:
                self._count(problem=(key, name, error.code))
                if self.takes_over:
                    return
                continue
            taken.add(ref.version)
            self._enter(stat, name, native, ref)

    def _still(self, row: Placed) -> bool:
        if self.since is None or (row.checked_at is not None and row.checked_at >= self.since):
            return True
        try:
            return self.target.verify(row.key, row.place_version).sha256 == row.sha256
        except (ObjectMissing, ObjectDamaged):
            return False

    def _is_good(self, found: ObjectRef) -> bool:
        try:
            self.target.verify(found.key, found.version)
        except (ObjectMissing, ObjectDamaged):
            return False
        return True

    def _carried(self, stat: ObjectStat) -> ObjectRef:
        """Written into the target and read back."""
        ref, kept = stat.ref, stat.retention
        if not in_force(kept):
            kept = Retention(legal_hold=kept.legal_hold)
        with self._bytes(ref) as data:
            written = self.target.put(
                ref.key, data, sha256=ref.sha256, media_type=stat.media_type, metadata=stat.metadata,
                retention=kept if kept != Retention() else None, new_version=True,
            )  # fmt: skip
        try:
            self.target.verify(ref.key, written.version)
        except ObjectDamaged:
            # Said to be there, and is not: good bytes once more.
            with self._bytes(ref) as data:
                written = self.target.repair(ref.key, written.version, data)
            self.target.verify(ref.key, written.version)
        return self._protected(stat, written)

    def _protected(self, stat: ObjectStat, found: ObjectRef) -> ObjectRef:
        """Retention and hold of the source on the copy too. Raises StoreUnfit when the target does not keep them."""
        kept, have = stat.retention, self.target.stat(found.key, found.version).retention
        if kept.legal_hold != have.legal_hold:
            have = self.target.legal_hold(found.key, found.version, kept.legal_hold)
        if in_force(kept) and not at_least(have, kept):
            have = self.target.set_retention(found.key, found.version, kept.mode, kept.until)
            if not at_least(have, kept):
                raise StoreUnfit(f"{found.key}: retention is not kept")
        return found

    @contextmanager
    def _bytes(self, ref: ObjectRef) -> Iterator[bytes | BinaryIO]:
        """Of one version, compared with its hash. Raises ObjectDamaged."""
        if ref.size <= IN_MEMORY:
            yield self.source.get(ref.key, ref.version)
            return
        with (
            tempfile.TemporaryFile(prefix="sohoa-") as kept,
            self.source.open(ref.key, ref.version) as stream,
        ):
            while chunk := stream.read(CHUNK):
                kept.write(chunk)
            kept.seek(0)
            # `put` hashes what it is given and refuses what is not `sha256`.
            yield kept

    def _enter(self, stat: ObjectStat, name: str, native: str, ref: ObjectRef) -> None:
        moment = now()
        with self._lock:
            self._rows.append(same(ref, name, self.target_place, place_version=ref.version, at=moment))
            if self.takes_over:
                self._rows.append(same(stat.ref, name, self.source_place, place_version=native, at=moment))
        self._count(objects=1, size=ref.size)
        self._note()

    def _count(self, *, objects: int = 0, size: int = 0, already: int = 0, problem=None) -> None:
        with self._lock:
            self.done.objects += objects
            self.done.bytes += size
            self.done.already += already
            if problem:
                self.done.problems.append(problem)
        if (objects or problem) and self.done.seen % 20 == 0:
            self.told(self.done)

    def _note(self, everything: bool = False) -> None:
        with self._lock:
            late = time.monotonic() - self._noted > NOTED_SECONDS
            if not self._rows or not (everything or late or len(self._rows) >= NOTED):
                return
            rows, self._rows, self._noted = self._rows, [], time.monotonic()
        self.book.enter(rows)


def destroy(book: Copies, store: ObjectStore, place: str) -> int:
    """What was destroyed in the primary store is destroyed here. What is still under lock stays for a later call."""
    count = 0
    for row in book.in_state(place, [PlaceState.DELETE]):
        try:
            if row.place_version is not None:
                store.delete(row.key, row.place_version)
        except ObjectMissing:
            pass
        except ObjectLocked as error:
            book.enter([row.model_copy(update={"problem": error.code})])
            continue
        book.enter([row.model_copy(update={"state": PlaceState.GONE, "problem": ""})])
        count += 1
    return count
