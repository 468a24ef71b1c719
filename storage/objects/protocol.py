"""What every object store must do. Versions and retention are in the protocol from the first day, because
adding them later would change every caller; what an adapter really enforces is said by `capabilities()`
and proved by `probe()`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from schemas.errors import WrongUse
from schemas.store import ObjectRef, ObjectStat, Retention, RetentionMode, StoreCapabilities

Data = bytes | Path | BinaryIO
_SHA256 = re.compile(r"[0-9a-f]{64}")
MAX_KEY_BYTES = 1024
"""The limit of S3, so that every key fits every adapter."""


class ObjectStore(Protocol):
    """Bytes under keys, in versions. Errors: ObjectMissing, ObjectDamaged, ObjectExists, ObjectLocked,
    DiskFull, StoreUnavailable; WrongUse for a key that is not allowed."""

    url: str

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
        """Store bytes; on return they are on the disk.

        Nothing is ever replaced. Same bytes as the newest version of the key: that version is returned (a run
        that was killed may come again). Other bytes: ObjectExists, or a further version with `new_version`.
        `sha256`: what the bytes must hash to; ObjectDamaged when they do not.
        """
        ...

    def get(self, key: str, version: str | None = None, *, verify: bool = True) -> bytes:
        """All bytes of a version (newest when None), re-hashed unless `verify` is False."""
        ...

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        """Stream for reading, not re-hashed. The caller closes it."""
        ...

    def verify(self, key: str, version: str | None = None) -> ObjectRef:
        """Re-hash without holding the bytes in memory. Raises ObjectDamaged."""
        ...

    def stat(self, key: str, version: str | None = None) -> ObjectStat: ...

    def exists(self, key: str) -> bool: ...

    def versions(self, key: str) -> list[ObjectRef]:
        """Every version of a key, oldest first; empty when the key is not known."""
        ...

    def set_retention(self, key: str, version: str, mode: RetentionMode, until: datetime) -> Retention:
        """Protect a version. May only lengthen and tighten: ObjectLocked otherwise."""
        ...

    def legal_hold(self, key: str, version: str, on: bool) -> Retention:
        """Set or lift a hold that has no end date."""
        ...

    def delete(self, key: str, version: str) -> None:
        """Remove one version. Raises ObjectLocked under retention or hold."""
        ...

    def capabilities(self) -> StoreCapabilities:
        """What is enforced, as declared by the adapter or proved by the last `probe()`."""
        ...

    def probe(self) -> StoreCapabilities:
        """Try each behaviour for real under the prefix `probe/`. Raises StoreUnavailable when one does not
        hold."""
        ...

    def walk(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Key and version of everything that starts with `prefix`: keys in order, of a key the oldest version first.
        Cheap: nothing is asked for each object, unlike `list` and `versions`, which give references."""
        ...

    def repair(self, key: str, version: str, data: Data) -> ObjectRef:
        """Bring the bytes of a version back that is damaged or gone; where they are now. A folder puts them back in their
        place; S3 makes a further version with the same metadata and retention, because a lock stays with the damaged one.
        Raises ObjectDamaged when `data` does not hash to what the version is known to promise."""
        ...

    def presigned(self, key: str, version: str, seconds: int) -> str:
        """Link by which anybody may fetch one version for some seconds; never to be logged. Raises NoPresignedLinks
        (a folder), ObjectMissing, WrongUse for more than a day."""
        ...

    def close(self) -> None: ...

    def list(self, prefix: str = "") -> Iterator[ObjectRef]:
        """Newest version of each key that starts with `prefix`, in key order."""
        ...


def checked_key(key: str) -> str:
    """NFC key that every adapter and every file manager can show. Raises WrongUse.

    Folder steps (`..`), absolute keys and control characters are refused, so that a key from outside cannot
    reach a place that it was not meant for.
    """
    key = unicodedata.normalize("NFC", key)
    parts = key.split("/")
    bad_part = any(p in ("", ".", "..") for p in parts)
    bad_character = any(not (c.isalnum() or c in "._-/ ") for c in key)
    if bad_part or bad_character or len(key.encode()) > MAX_KEY_BYTES:
        raise WrongUse(f"object key not allowed: {key[:80]!r}")
    return key


def original_key(sha256: str) -> str:
    """Key of bytes as they came in."""
    if not _SHA256.fullmatch(sha256):
        raise WrongUse("a SHA-256 is 64 lower-case hex digits")
    return f"originals/{sha256}"


def archive_key(document: str, version: int = 1, extension: str = "pdf") -> str:
    """Key of version V<n> of a record (CV 7197/BKHCN-CĐSQG: V1 is the first scan)."""
    return checked_key(f"archive/{document}/V{version}.{extension}")
