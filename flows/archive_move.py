"""Moving the archive from one store to another while people read from it.

    copy     everything, version by version, read back and compared; writers go on writing to the old store
    switch   writers wait for a moment, what came meanwhile is copied, and one transaction makes the new store the primary
    after    references stay as they are; readers still look into the old store for what the new one should lack

Killed anywhere, the same call goes on. The old store is left as it is: whoever takes it away does so by hand, when
`sohoa archive places` and a full fixity check are content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flows.archive_transfer import Transfer, Transferred, destroy
from schemas.errors import WrongUse
from schemas.keeping import PRIMARY
from schemas.objects_errors import StoreUnfit
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.keeping.copies import Copies, Move, place_of
from storage.objects import LocalStore, ObjectStore, open_store, switch
from storage.objects.archive import declared, name_of, need_there, url_of
from storage.objects.proof import need_fit

ROUNDS = 20
"""Copying again what came meanwhile, before writers are stopped for the rest."""
FEW = 50
"""So few new objects may be left for the moment in which writers wait."""
Told = Callable[[str, Transferred], None]
"""`told(stage, done)`; stage is copying, catching_up or switched."""


@dataclass(frozen=True)
class Moved:
    """Report of a move. `problems`: (key, version, code) that stopped the switch; empty when it was made."""

    source: str
    target: str
    objects: int
    bytes: int
    already: int
    problems: list[tuple[str, str, str]]
    switched: bool


def move_archive(
    settings: Settings,
    to: str,
    *,
    source: str | None = None,
    who: str,
    told: Told = lambda stage, done: None,
) -> Moved:
    """Moves everything from the primary store (which `source` must name, when given) to `to`, and makes that the primary.

    An object that the old store cannot give rightly stops the switch, never the copying of the others: heal it first.
    Raises WrongUse, StoreUnfit (the target does not hold its locks), MoveRunning, StoreUnavailable, DiskFull."""
    with switch.alone(settings.home), Catalogue.open(settings.database, create=False) as catalogue:
        book = Copies(catalogue)
        current, target = book.primary(declared(settings))[0], name_of(settings, to)
        if source is not None and name_of(settings, source) != current:
            raise WrongUse(f"--from: the archive lies at {url_of(settings, current)}")
        if target == current:
            return Moved(url_of(settings, current), url_of(settings, target), 0, 0, 0, [], True)
        old = _opened(settings, current, new=False)
        new = _opened(settings, target, new=True)
        try:
            _need_fit(old, new)
            return _Mover(settings, book, old, new, book.begin_move(current, target, who), who, told).go()
        finally:
            old.close()
            new.close()


def _opened(settings: Settings, name: str, *, new: bool) -> ObjectStore:
    url = url_of(settings, name)
    if not new:
        need_there(url)
    return open_store(url, settings.s3 if url.startswith("s3:") else None)


def _need_fit(old: ObjectStore, new: ObjectStore) -> None:
    """Tried now, not remembered: whoever moves an archive wants to know."""
    seen = new.probe()
    need_fit(seen)
    if not isinstance(new, LocalStore) and not seen.worm:
        raise StoreUnfit(", ".join(seen.lacks))


@dataclass
class _Mover:
    settings: Settings
    book: Copies
    old: ObjectStore
    new: ObjectStore
    move: Move
    who: str
    told: Told

    def go(self) -> Moved:
        total, before = Transferred(), None
        for number in range(ROUNDS):
            done = self._round("copying" if number == 0 else "catching_up", total)
            if done.problems:
                return self._moved(total, switched=False)
            if done.objects <= FEW or (before is not None and done.objects > before / 2):
                break  # little is left, or writers are faster than the copying and have to wait for the rest
            before = done.objects
        with switch.held(self.settings.home, exclusive=True):
            done = self._round("catching_up", total)
            if done.problems:
                return self._moved(total, switched=False)
            # First the stamp: who comes by before the transaction asks the catalogue, and is told the old store.
            switch.touch(self.settings.home)
            self.book.switch(self.move, self.who, done.seen, self._size())
        self.told("switched", total)
        return self._moved(total, switched=True)

    def _round(self, stage: str, total: Transferred) -> Transferred:
        started = Transferred(total.objects, total.bytes, total.already, list(total.problems))

        def told(done: Transferred) -> None:
            total.objects, total.bytes = started.objects + done.objects, started.bytes + done.bytes
            total.already = done.already if stage == "copying" else started.already
            total.problems, total.total = done.problems, done.total
            self.told(stage, total)

        destroy(self.book, self.new, place_of(self.move.target))
        transfer = Transfer(
            self.book, self.old, PRIMARY, self.new, place_of(self.move.target),
            told=told, since=self.move.started, takes_over=True,
        )  # fmt: skip
        return transfer.run()

    def _size(self) -> int:
        place = place_of(self.move.target)
        return sum(tally.bytes for tally in self.book.tallies() if tally.place == place)

    def _moved(self, total: Transferred, *, switched: bool) -> Moved:
        return Moved(
            self.old.url, self.new.url, total.objects, total.bytes, total.already, total.problems, switched
        )
