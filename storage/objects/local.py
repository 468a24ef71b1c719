"""Object store in a folder: content by hash, keys and versions in an index beside it.

Retention is enforced by this software only; somebody with access to the disk is not stopped, and
`capabilities()` says so. Needs a file system with hard links and working fsync (ext4, xfs, ...), on this
machine, not a network share.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from schemas.errors import ObjectDamaged, ObjectExists, ObjectMissing, SetupError
from schemas.objects_errors import NoPresignedLinks
from schemas.store import Enforcement, ObjectRef, ObjectStat, Retention, RetentionMode, StoreCapabilities
from storage.objects import index as rows
from storage.objects.content import ContentFolder, os_error
from storage.objects.index import Index, sqlite_error
from storage.objects.probe import probe_store
from storage.objects.protocol import Data, checked_key
from storage.objects.retention import refuse_if_locked, stronger


class LocalStore:
    """`ObjectStore` in a folder. May be used by many threads and processes at once; can be pickled."""

    def __init__(self, folder: str | Path) -> None:
        """Open, or make, the store. Raises StoreUnavailable, DiskFull, SetupError (content without its
        index)."""
        self.root = Path(folder).resolve()
        self.url = self.root.as_uri()
        self._content = ContentFolder(self.root)
        self._index = Index(self.root / "index.sqlite")
        self._proved: list[str] = []
        with _translated():
            if not self._index.path.exists():
                self._content.create()
                if self._content.any_content() and not self._index.path.exists():
                    # An empty new index would make everything that is kept here invisible.
                    raise SetupError("index.sqlite of the object store is gone; restore it from a backup")
            self._index.create()
            self._content.clean_temporary()

    def __reduce__(self):
        return (LocalStore, (str(self.root),))

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
        key = checked_key(key)
        with _translated():
            found, size = self._content.write(data)
            if sha256 is not None and found != sha256:
                self._drop_unused(found)
                raise ObjectDamaged(f"expected {sha256}, got {found}")
            with self._index.write() as connection:
                if not self._content.path(found).exists():
                    # Between writing and here another process deleted the last version with these bytes.
                    self._content.write(data if isinstance(data, bytes | Path) else _rewound(data))
                stat = rows.find(connection, key, None)
                if stat is None or (stat.ref.sha256 != found and new_version):
                    stat = rows.insert(connection, key, found, size, media_type, dict(metadata or {}))
                if stat.ref.sha256 == found:
                    if retention is not None:
                        rows.protect(connection, stat.ref, stronger(stat.retention, retention))
                    return stat.ref
            self._drop_unused(found)
        raise ObjectExists(key)

    def get(self, key: str, version: str | None = None, *, verify: bool = True) -> bytes:
        with _translated():
            return self._content.read(self.stat(key, version).ref.sha256, verify=verify)

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        with _translated():
            return self._content.open(self.stat(key, version).ref.sha256)

    def verify(self, key: str, version: str | None = None) -> ObjectRef:
        ref = self.stat(key, version).ref
        with _translated():
            self._content.verify(ref.sha256)
        return ref

    def stat(self, key: str, version: str | None = None) -> ObjectStat:
        key = checked_key(key)
        with _translated():
            stat = self._index.stat(key, version)
        if stat is None:
            raise ObjectMissing(key if version is None else f"{key} version {version}")
        return stat

    def exists(self, key: str) -> bool:
        with _translated():
            return self._index.stat(checked_key(key), None) is not None

    def versions(self, key: str) -> list[ObjectRef]:
        with _translated():
            return self._index.versions(checked_key(key))

    def walk(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        with _translated():
            yield from self._index.walk(unicodedata.normalize("NFC", prefix))

    def take_in(self, stat: ObjectStat, data: Data) -> ObjectRef:
        """A version as it was in another store, with its time, number and protection; versions of a key come oldest first.
        Raises ObjectDamaged when `data` is not what its hash says."""
        checked_key(stat.ref.key)
        with _translated():
            found, _ = self._content.write(data)
            if found != stat.ref.sha256:
                self._drop_unused(found)
                raise ObjectDamaged(f"expected {stat.ref.sha256}, got {found}")
            with self._index.write() as connection:
                return rows.take_in(connection, stat)

    def repair(self, key: str, version: str, data: Data) -> ObjectRef:
        key = checked_key(key)
        with _translated():
            stat = self._index.stat(key, version)
            if stat is None:
                # Its row is gone with the index it stood in: the bytes get a further version.
                return self.put(key, data, new_version=True)
            found, _ = self._content.write(data)
            if found != stat.ref.sha256:
                self._drop_unused(found)
                raise ObjectDamaged(f"expected {stat.ref.sha256}, got {found}")
        return self.verify(key, version)

    def presigned(self, key: str, version: str, seconds: int) -> str:
        raise NoPresignedLinks(key)

    def set_retention(self, key: str, version: str, mode: RetentionMode, until: datetime) -> Retention:
        wanted = Retention(mode=mode, until=until)
        return self._protect(key, version, lambda now: stronger(now, wanted))

    def legal_hold(self, key: str, version: str, on: bool) -> Retention:
        return self._protect(key, version, lambda now: now.model_copy(update={"legal_hold": on}))

    def delete(self, key: str, version: str) -> None:
        key = checked_key(key)
        with _translated():
            with self._index.write() as connection:
                stat = rows.find(connection, key, version)
                if stat is None:
                    raise ObjectMissing(f"{key} version {version}")
                refuse_if_locked(stat)
                rows.remove(connection, stat.ref)
            # Row first, bytes after: a kill between the two leaves unnamed bytes, never a name without bytes.
            self._drop_unused(stat.ref.sha256)

    def capabilities(self) -> StoreCapabilities:
        return StoreCapabilities(
            kind="folder",
            no_replace=True,
            versions=True,
            durable_writes=True,
            verified_reads=True,
            retention=Enforcement.APPLICATION,
            legal_hold=Enforcement.APPLICATION,
            proved=self._proved,
            lacks=["server_retention", "other_machine", "presigned"],
        )

    def probe(self) -> StoreCapabilities:
        self._proved = probe_store(self)
        return self.capabilities()

    def close(self) -> None:
        self._index.close()

    def list(self, prefix: str = "") -> Iterator[ObjectRef]:
        with _translated():
            yield from self._index.newest(unicodedata.normalize("NFC", prefix))

    def _protect(self, key: str, version: str, change) -> Retention:
        key = checked_key(key)
        with _translated(), self._index.write() as connection:
            stat = rows.find(connection, key, version)
            if stat is None:
                raise ObjectMissing(f"{key} version {version}")
            retention = change(stat.retention)
            rows.protect(connection, stat.ref, retention)
            return retention

    def _drop_unused(self, sha256: str) -> None:
        # Under the write lock, so that no put can take up these bytes between the question and the removal.
        with self._index.write() as connection:
            if not rows.is_used(connection, sha256):
                self._content.remove(sha256)


def _rewound(stream: BinaryIO) -> BinaryIO:
    stream.seek(0)
    return stream


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise os_error(error) from error
    except sqlite3.Error as error:
        raise sqlite_error(error) from error
