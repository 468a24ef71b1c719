"""The lock, proved: what an S3 server accepts is tried on a version of a minute's retention, with requests that go past this
software's own refusals. Some servers take a lock, answer 200, and then delete (rclone, Swift, mocks); some drop it from
objects in parts. Nothing is believed that was not seen, and what was not seen is named.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from schemas.errors import ObjectDamaged, ObjectLocked, ObjectMissing, SohoaError, WrongUse
from schemas.objects_errors import StoreUnfit
from schemas.store import Enforcement, ObjectRef, Retention, RetentionMode, StoreCapabilities
from storage.objects.retention import at_least, whole_second
from storage.objects.s3_errors import Changed
from storage.objects.s3_parts import forget_uploads

if TYPE_CHECKING:
    from storage.objects.s3 import S3Store

LOCK_SECONDS = 60
"""Long enough for a slow server to be asked within it; leftovers are removed by a later probe."""
_LOCK = (
    "retention_kept", "retention_stops_delete", "batch_delete_refused", "bypass_refused",
    "retention_not_shortened", "retention_not_weakened",
)  # fmt: skip


def prove(store: S3Store) -> StoreCapabilities:
    """What was seen to hold, and what not. Raises StoreUnavailable when the server cannot be asked, SetupError for a bucket
    that is not there or keys that are refused."""
    trial = _Trial(store)
    trial.clean()
    trial.run()
    held, seen = not trial.lacks & set(_LOCK), trial.seen
    return StoreCapabilities(
        kind="s3",
        no_replace="no_replace" in seen,
        versions="versions" in seen,
        durable_writes="read_back" in seen,
        verified_reads=True,
        retention=Enforcement.SERVER if held else Enforcement.NONE,
        legal_hold=Enforcement.SERVER if "hold_stops_delete" in seen else Enforcement.NONE,
        proved=seen,
        lacks=sorted(trial.lacks),
    )


class _Trial:
    def __init__(self, store: S3Store) -> None:
        self.store, self.wire = store, store.wire
        self.seen: list[str] = []
        self.lacks: set[str] = set()
        self.key = f"probe/{secrets.token_hex(8)}"
        self.name = store.address.prefix + self.key

    def clean(self) -> None:
        """What earlier probes had to leave under lock, and uploads that killed writers left."""
        for key, version in list(self.store.walk("probe/")):
            with suppress(ObjectLocked, ObjectMissing):
                self.store.delete(key, version)
        with suppress(SohoaError):  # not every server lists uploads
            forget_uploads(self.wire, self.store.address.prefix)

    def run(self) -> None:
        if not self.wire.versioning():
            # Without versions nothing else holds either, and a trial would overwrite.
            self.lacks |= {"versions", "hold_stops_delete", *_LOCK}
            return
        first, second = secrets.token_bytes(64), secrets.token_bytes(64)
        told = {"tên": "Nguyễn Thị Ánh"}
        ref = self.store.put(self.key, first, metadata=told)
        self.note("read_back", self.store.get(self.key) == first)
        self.note("metadata", self.store.stat(self.key).metadata == told)
        self.note("same_bytes_once", self.store.put(self.key, first) == ref)
        newer = self._conditions(ref, second)
        both = self.store.get(self.key, ref.version) == first
        self.note("versions", both and self.store.get(self.key, newer.version) == second)
        self._wrong_hash()
        self._lock(newer)
        self._hold(ref)

    def note(self, name: str, holds: bool) -> None:
        if holds:
            self.seen.append(name)
        else:
            self.lacks.add(name)

    def refused(self, name: str, kinds: tuple[type[Exception], ...], action: Callable[[], object]) -> None:
        """Holds when the server refuses; that it cannot be reached says nothing and is raised."""
        try:
            action()
        except kinds:
            self.note(name, True)
        else:
            self.note(name, False)

    def _conditions(self, ref: ObjectRef, other: bytes) -> ObjectRef:
        """A second version, after two that have to fail."""
        tag = self.wire.head(self.name, ref.version)["etag"]
        self.refused(
            "no_replace", (Changed,), lambda: self.wire.put(self.name, b"no", {"If-None-Match": "*"})
        )
        newer = self.store.put(self.key, other, new_version=True)
        self.refused("if_match", (Changed,), lambda: self.wire.put(self.name, b"no", {"If-Match": tag}))
        return newer

    def _wrong_hash(self) -> None:
        wrong = {"Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA==", "x-amz-checksum-sha256": "A" * 43 + "="}
        self.refused(
            "wrong_hash_refused", (ObjectDamaged,), lambda: self.wire.put(f"{self.name}-hash", b"x", wrong)
        )

    def _lock(self, ref: ObjectRef) -> None:
        name, version = self.name, ref.version
        until = whole_second(datetime.now(UTC)) + timedelta(seconds=LOCK_SECONDS)
        wanted = Retention(mode=RetentionMode.COMPLIANCE, until=until)
        try:
            self.note(
                "retention_kept",
                at_least(self.store.set_retention(self.key, version, *_pair(wanted)), wanted),
            )
        except (StoreUnfit, ObjectLocked, WrongUse):
            self.note("retention_kept", False)
        lock, no = self.wire.lock, (ObjectLocked,)
        weaker = wanted.model_copy(update={"mode": RetentionMode.GOVERNANCE})
        sooner = wanted.model_copy(update={"until": until - timedelta(seconds=LOCK_SECONDS / 2)})
        self.refused("retention_not_shortened", no, lambda: lock(name, version, sooner))
        self.refused("retention_not_weakened", no, lambda: lock(name, version, weaker))
        self.refused("bypass_refused", no, lambda: self.wire.delete(name, version, bypass=True))
        self.note("batch_delete_refused", not self.wire.delete_many(name, version) and self._there(version))
        self.refused("retention_stops_delete", no, lambda: self.wire.delete(name, version))
        if not self._there(version):
            # It said no and did it all the same.
            self.lacks |= {"retention_stops_delete", "bypass_refused"}
            self.seen = [name for name in self.seen if name not in self.lacks]

    def _hold(self, ref: ObjectRef) -> None:
        name, version = self.name, ref.version
        try:
            self.store.legal_hold(self.key, version, True)
        except (StoreUnfit, ObjectLocked, ObjectMissing):
            self.note("hold_stops_delete", False)
            return
        self.refused("hold_stops_delete", (ObjectLocked,), lambda: self.wire.delete(name, version))
        if self._there(version):
            self.store.legal_hold(self.key, version, False)
            self.store.delete(self.key, version)
        self.note("delete", not self._there(version))

    def _there(self, version: str) -> bool:
        try:
            self.wire.head(self.name, version)
        except ObjectMissing:
            return False
        return True


def _pair(retention: Retention) -> tuple[RetentionMode, datetime]:
    return retention.mode, retention.until
