"""The archive as everybody else uses it: one store, behind which stand the primary one, replicas and stores that were primary.

    writing   goes to the primary store at once; replicas are brought up to date by `sohoa archive copy`
    reading   comes from the primary store; what it lost or damaged comes from another place, is put back, and is told once
    moving    references given before `sohoa archive move` stay good (storage/keeping/copies.py), writers follow the switch

An archive of one store that was never moved asks the catalogue nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from schemas.errors import ObjectDamaged, ObjectMissing, SohoaError, StoreUnavailable
from schemas.keeping import PRIMARY, Placed
from schemas.store import ObjectRef, ObjectStat, PlaceState, Retention, RetentionMode, StoreCapabilities
from storage.objects import switch
from storage.objects.local import LocalStore
from storage.objects.proof import need_fit, proved
from storage.objects.protocol import Data, ObjectStore, checked_key

if TYPE_CHECKING:
    from schemas.settings import Settings
    from storage.catalogue import Catalogue
    from storage.keeping.copies import Copies

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")
SOME = 400
"""References translated at once."""
_HELD = (PlaceState.HERE, PlaceState.WAITING)
"""What this archive put into a place and did not destroy since."""


class ArchiveStore:
    """`ObjectStore` over all places. Pickling carries settings and addresses; connections are opened where it is used."""

    def __init__(
        self, settings: Settings, primary: str, former: tuple[str, ...], catalogue: Catalogue | None = None
    ) -> None:
        """`primary`, `former`: addresses; `former` were primary before, newest first."""
        self.settings, self._primary_name, self._former = settings, primary, former
        self._catalogue, self._ours = catalogue, catalogue is None
        self._stamp = switch.stamp(settings.home)
        self._stores: dict[str, ObjectStore] = {}
        self._fit = False
        self.primary = self._opened(PRIMARY, url_of(settings, primary))
        self.url = self.primary.url

    def __repr__(self) -> str:
        return f"ArchiveStore({self.url})"

    def __reduce__(self):
        # Keys do not travel: where it is opened again they are read anew.
        keyless = self.settings.s3.model_copy(update={"access_key": "", "secret_key": ""})
        settings = self.settings.model_copy(update={"s3": keyless})
        return (_reopened, (settings, self._primary_name, self._former))

    @property
    def mapped(self) -> bool:
        """May a version have another id in the primary store than in the catalogue? After a move, or after healing."""
        return bool(self._former or self.settings.replicas.places)

    @property
    def book(self) -> Copies:
        from storage.catalogue import Catalogue
        from storage.keeping.copies import Copies

        if self._catalogue is None:
            self._catalogue = Catalogue.open(self.settings.database, create=False)
        return Copies(self._catalogue)

    def place(self, label: str, *, new: bool = False) -> ObjectStore:
        """The store of one place by itself, with its own version ids; `new`: a folder is made when it is not there.

        Raises StoreUnavailable, SetupError, KeyError."""
        if label == PRIMARY:
            return self.primary
        return self._opened(label, self._addresses()[label], new=new)

    def places(self) -> dict[str, ObjectStore]:
        """The primary store, and every other that can be reached now."""
        found: dict[str, ObjectStore] = {PRIMARY: self.primary}
        for label in self._addresses():
            with suppress(SohoaError):
                found[label] = self.place(label)
        return found

    def _addresses(self) -> dict[str, str]:
        from storage.keeping.copies import place_of

        replicas = {place.label: place.url for place in self.settings.replicas.places}
        return replicas | {place_of(name): url_of(self.settings, name) for name in self._former}

    def _opened(self, label: str, url: str, *, new: bool = False) -> ObjectStore:
        from storage.objects import open_store

        if label not in self._stores:
            if label != PRIMARY:
                need_there(url, new=new)
            self._stores[label] = open_store(url, self.settings.s3 if url.startswith("s3:") else None)
        return self._stores[label]

    # --- writing ----------------------------------------------------------------------------------------------------
    def put(
        self,
        key: str,
        data: Data,
        *,
        sha256: str | None = None,
        media_type: str = "",
        metadata: Mapping[str, str] | None = None,
        retention: Retention | None = None,
        new_version: bool = False,
    ) -> ObjectRef:
        with switch.held(self.settings.home):
            self._follow()
            self._need_fit()
            ref = self.primary.put(
                key, data, sha256=sha256, media_type=media_type, metadata=metadata, retention=retention,
                new_version=new_version,
            )  # fmt: skip
            return self._given(ref) if self.mapped else ref

    def repair(self, key: str, version: str, data: Data) -> ObjectRef:
        key = checked_key(key)
        now = self.primary.repair(key, self._native(key, version), data)
        self._lies(now, version)
        return now.model_copy(update={"version": version})

    def set_retention(self, key: str, version: str, mode: RetentionMode, until: datetime) -> Retention:
        kept = self.primary.set_retention(key, self._native(key, version), mode, until)
        self._tell_replicas(key, version, PlaceState.WAITING)
        return kept

    def legal_hold(self, key: str, version: str, on: bool) -> Retention:
        kept = self.primary.legal_hold(key, self._native(key, version), on)
        self._tell_replicas(key, version, PlaceState.WAITING)
        return kept

    def delete(self, key: str, version: str) -> None:
        self.primary.delete(key, self._native(key, version))
        self._tell_replicas(key, version, PlaceState.DELETE)

    # --- reading ----------------------------------------------------------------------------------------------------
    def get(self, key: str, version: str | None = None, *, verify: bool = True) -> bytes:
        return self._read(key, version, lambda store, at: store.get(key, at, verify=verify))

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        return self._read(key, version, lambda store, at: store.open(key, at))

    def verify(self, key: str, version: str | None = None) -> ObjectRef:
        found, name = self._read_named(key, version, lambda store, at: store.verify(key, at))
        return self._named(found, name)

    def stat(self, key: str, version: str | None = None) -> ObjectStat:
        found, name = self._read_named(key, version, lambda store, at: store.stat(key, at))
        return found.model_copy(update={"ref": self._named(found.ref, name)})

    def exists(self, key: str) -> bool:
        try:
            self.stat(key)
        except ObjectMissing:
            return False
        return True

    def presigned(self, key: str, version: str, seconds: int) -> str:
        return self.primary.presigned(key, self._native(key, version), seconds)

    def versions(self, key: str) -> list[ObjectRef]:
        return list({ref.version: ref for ref in self._translated(self.primary.versions(key))}.values())

    def list(self, prefix: str = "") -> Iterator[ObjectRef]:
        return self._translated(ref for ref in self.primary.list(prefix) if not _trial(ref.key, prefix))

    def walk(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        last: tuple[str, str] | None = None
        names = (pair for pair in self.primary.walk(prefix) if not _trial(pair[0], prefix))
        refs = (ObjectRef(key=key, sha256="", size=0, version=version) for key, version in names)
        for ref in self._translated(refs):
            if (ref.key, ref.version) != last:
                yield ref.key, ref.version
            last = (ref.key, ref.version)

    # --- what it is -------------------------------------------------------------------------------------------------
    def capabilities(self) -> StoreCapabilities:
        return self.primary.capabilities()

    def probe(self) -> StoreCapabilities:
        return self.primary.probe()

    def close(self) -> None:
        for store in self._stores.values():
            store.close()
        if self._ours and self._catalogue is not None:
            self._catalogue.close()
            self._catalogue = None

    # --- the primary store ------------------------------------------------------------------------------------------
    def _follow(self) -> bool:
        """Has the archive been moved since it was opened? Then the new store is the primary one from here on."""
        stamp = switch.stamp(self.settings.home)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        primary, former = self.book.primary(declared(self.settings))
        if (primary, tuple(former)) == (self._primary_name, self._former):
            return False
        self._primary_name, self._former, self._fit = primary, tuple(former), False
        for store in self._stores.values():
            store.close()
        self._stores = {}
        self.primary = self._opened(PRIMARY, url_of(self.settings, primary))
        self.url = self.primary.url
        return True

    def _need_fit(self) -> None:
        """Before the first write of a process: does the lock of the server hold? (remembered for a day)"""
        if not self._fit:
            if not isinstance(self.primary, LocalStore):
                need_fit(proved(self.primary, self.settings.home))
            self._fit = True

    def _native(self, key: str, version: str, place: str = PRIMARY) -> str:
        """Version id that a place gave to a version of the catalogue."""
        if place == PRIMARY and not self.mapped:
            return version
        row = self.book.row(place, checked_key(key), version)
        return row.place_version if row and row.place_version else version

    def _given(self, ref: ObjectRef) -> ObjectRef:
        """Name under which the catalogue knows what the primary store just took, or knew already."""
        rows = self.book.rows(PRIMARY, [ref.key])
        for row in rows:
            if row.place_version == ref.version:
                return ref.model_copy(update={"version": row.version})
        name, number = ref.version, 1
        while self.book.taken(ref.key, name):
            # A folder counts 1, 2, 3 …: the same number was given by another store before.
            number += 1
            name = f"{ref.version}.{number}"
        if name != ref.version:
            self._lies(ref, name)
        return ref.model_copy(update={"version": name})

    def _lies(self, ref: ObjectRef, version: str) -> None:
        from storage.catalogue.events import now
        from storage.keeping.copies import same

        if ref.version != version:
            self.book.enter([same(ref, version, PRIMARY, place_version=ref.version, at=now())])

    def _named(self, ref: ObjectRef, version: str | None) -> ObjectRef:
        if version is not None:
            return ref.model_copy(update={"version": version})
        return next(self._translated([ref]))

    def _translated(self, refs: Iterable[ObjectRef]) -> Iterator[ObjectRef]:
        """References of the primary store as the catalogue knows them."""
        refs = iter(refs)
        if not self.mapped:
            yield from refs
            return
        while some := list(islice(refs, SOME)):
            rows = self.book.rows(PRIMARY, [ref.key for ref in some])
            names = {(row.key, row.place_version): row.version for row in rows}
            for ref in some:
                yield ref.model_copy(update={"version": names.get((ref.key, ref.version), ref.version)})

    def _tell_replicas(self, key: str, version: str, state: PlaceState) -> None:
        if others := list(self._addresses()):
            self.book.mark(checked_key(key), version, others, state)

    # --- when the primary store cannot ------------------------------------------------------------------------------
    def _read(
        self, key: str, version: str | None, action: Callable[[ObjectStore, str | None], Answer]
    ) -> Answer:
        return self._read_named(key, version, action)[0]

    def _read_named(
        self, key: str, version: str | None, action: Callable[[ObjectStore, str | None], Answer]
    ) -> tuple[Answer, str | None]:
        """The answer, and the version as the catalogue knows it where that had to be found out."""
        key = checked_key(key)
        try:
            return action(self.primary, version and self._native(key, version)), version
        except (ObjectMissing, ObjectDamaged, StoreUnavailable) as error:
            if self._follow():
                return self._read_named(key, version, action)
            if not self._addresses():
                raise
            return self._from_elsewhere(key, version, action, error)

    def _from_elsewhere(
        self,
        key: str,
        version: str | None,
        action: Callable[[ObjectStore, str | None], Answer],
        error: SohoaError,
    ) -> tuple[Answer, str]:
        """The answer of another place; what is lost or damaged here is put back and told. `error` when nobody has it."""
        version, sha256 = self._known(key, version)
        rows = {row.place: row for row in self.book.known(key, version)} if version else {}
        for label in self._addresses():
            row = rows.get(label)
            if row is None or row.state not in _HELD or row.place_version is None:
                continue
            try:
                other = self.place(label)
                found = other.verify(key, row.place_version)
                if sha256 and found.sha256 != sha256:
                    continue
                answer = action(other, found.version)
            except SohoaError:
                continue
            if not isinstance(error, StoreUnavailable):
                self._heal(key, version, found, label, error)
            return answer, version
        raise error

    def _known(self, key: str, version: str | None) -> tuple[str | None, str]:
        """Version and hash that the reference promises, from whoever still knows it; no version: nobody does."""
        try:
            ref = self.primary.stat(key, version and self._native(key, version)).ref
            return version or next(self._translated([ref])).version, ref.sha256
        except (ObjectMissing, ObjectDamaged, StoreUnavailable):
            pass
        if version is not None:
            rows = self.book.known(key, version)
            return version, rows[0].sha256 if rows else ""
        for label in self._addresses():
            with suppress(SohoaError):
                newest = self.place(label).stat(key).ref
                for row in self.book.rows(label, [key]):
                    if row.place_version == newest.version and row.state in _HELD:
                        return row.version, row.sha256
        return None, ""

    def _heal(self, key: str, version: str, good: ObjectRef, label: str, error: SohoaError) -> None:
        """Good bytes back into the primary store; told as a finding and its healing. Reading goes on when it fails."""
        from storage.catalogue.events import now
        from storage.keeping.places import Places

        places, moment = Places(self.book.database), now()
        here = self.book.row(PRIMARY, key, version)
        if here is None:
            here = Placed(
                key=key,
                version=version,
                place=PRIMARY,
                sha256=good.sha256,
                size=good.size,
                place_version=version,
            )
            self.book.enter([here])
        places.found("", here, error.code, "met while reading", None, moment, since=moment)
        try:
            with self.place(label).open(key, good.version) as stream:
                back = self.primary.repair(key, here.place_version or version, stream)
        except SohoaError as failed:
            log.warning("%s could not be put back into the primary store: %s", key, failed.code)
            return
        places.healed(here, label, now(), place_version=back.version)


def open_archive(settings: Settings, catalogue: Catalogue | None = None) -> ArchiveStore:
    """The archive of an installation: what `store_url` names, or where it was moved since.

    `catalogue`: shared when given, else opened where something has to be asked. Raises SetupError, BadSettings,
    StoreUnavailable, CatalogueUnavailable."""
    primary, former = declared(settings), []
    if catalogue is not None or switch.stamp(settings.home) or _shared(settings):
        from storage.catalogue import Catalogue
        from storage.keeping.copies import Copies

        opened = catalogue or Catalogue.open(settings.database, create=False)
        try:
            primary, former = Copies(opened).primary(primary)
        finally:
            if catalogue is None:
                opened.close()
    return ArchiveStore(settings, primary, tuple(former), catalogue)


def _trial(key: str, prefix: str) -> bool:
    """Left by a probe, under a lock of a minute; nobody's document."""
    return key.startswith("probe/") and not prefix.startswith("probe/")


def _reopened(settings: Settings, primary: str, former: tuple[str, ...]) -> ArchiveStore:
    if any(url.startswith("s3:") for url in (primary, *former, *(p.url for p in settings.replicas.places))):
        from schemas.settings import load_settings

        keys = load_settings(settings.home).s3
        settings = settings.model_copy(
            update={
                "s3": settings.s3.model_copy(
                    update={"access_key": keys.access_key, "secret_key": keys.secret_key}
                )
            }
        )
    return ArchiveStore(settings, primary, former)


def _shared(settings: Settings) -> bool:
    """A catalogue on a server: the archive may have been moved from another machine."""
    return bool(settings.catalogue_url) and not settings.catalogue_url.startswith("sqlite")


def declared(settings: Settings) -> str:
    """Name of the store that the settings name: its address in one form, empty for the folder in the home folder, so that
    a home folder may be carried elsewhere."""
    return name_of(settings, settings.store)


def name_of(settings: Settings, url: str) -> str:
    """Raises BadSettings for an S3 address that is not allowed."""
    if url.startswith("s3:"):
        from storage.objects.s3_address import S3Address

        return S3Address.parse(url).url
    uri = Path(url2pathname(urlsplit(url).path)).resolve().as_uri() if url.startswith("file:") else url
    return "" if uri == (settings.home / "store").resolve().as_uri() else uri


def url_of(settings: Settings, name: str) -> str:
    return name or (settings.home / "store").resolve().as_uri()


def need_there(url: str, *, new: bool = False) -> None:
    """A folder that is not there is a disk that is not plugged in, never an empty store to be made; `new`: only the folder
    above it has to be there. Raises StoreUnavailable."""
    if url.startswith("file:"):
        folder = Path(url2pathname(urlsplit(url).path))
        if not (folder / "index.sqlite").exists() and not (new and folder.parent.is_dir()):
            raise StoreUnavailable(f"not connected: {folder}")
