"""Try what a store promises. Several S3 servers accept a lock and then let the object be deleted, so
nothing is believed that was not seen."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from schemas.errors import (
    ObjectDamaged,
    ObjectExists,
    ObjectLocked,
    ObjectMissing,
    SohoaError,
    StoreUnavailable,
)
from schemas.store import RetentionMode

if TYPE_CHECKING:
    from storage.objects.protocol import ObjectStore

LOCK_SECONDS = 60
"""Long enough for a slow server to be asked within it; leftovers are removed by a later probe."""


def probe_store(store: ObjectStore) -> list[str]:
    """Names of the behaviours that were seen to hold, in order. Raises StoreUnavailable at the first that
    does not."""
    for ref in list(store.list("probe/")):
        for old in store.versions(ref.key):
            with suppress(ObjectLocked):
                store.delete(old.key, old.version)

    proved: list[str] = []
    key, first, second = f"probe/{secrets.token_hex(8)}", secrets.token_bytes(64), secrets.token_bytes(64)
    ref = store.put(key, first)
    _must(proved, "read_back", store.get(key, verify=True) == first)
    _must(proved, "same_bytes_once", store.put(key, first) == ref)
    _must_raise(proved, "no_replace", ObjectExists, lambda: store.put(key, second))
    _must_raise(
        proved, "wrong_hash_refused", ObjectDamaged, lambda: store.put(f"{key}-hash", second, sha256="0" * 64)
    )
    newer = store.put(key, second, new_version=True)
    _must(proved, "versions", store.get(key, ref.version) == first and store.get(key) == second)

    until = datetime.now(UTC) + timedelta(seconds=LOCK_SECONDS)
    sooner = until - timedelta(seconds=LOCK_SECONDS / 2)
    lock, version = store.set_retention, newer.version
    lock(key, version, RetentionMode.COMPLIANCE, until)
    _must_raise(proved, "retention_stops_delete", ObjectLocked, lambda: store.delete(key, version))
    _must_raise(
        proved,
        "retention_not_shortened",
        ObjectLocked,
        lambda: lock(key, version, RetentionMode.COMPLIANCE, sooner),
    )
    _must_raise(
        proved,
        "retention_not_weakened",
        ObjectLocked,
        lambda: lock(key, version, RetentionMode.GOVERNANCE, until),
    )
    store.legal_hold(key, ref.version, True)
    _must_raise(proved, "hold_stops_delete", ObjectLocked, lambda: store.delete(key, ref.version))
    store.legal_hold(key, ref.version, False)
    store.delete(key, ref.version)
    _must_raise(proved, "delete", ObjectMissing, lambda: store.get(key, ref.version))
    return proved


def _must(proved: list[str], name: str, holds: bool) -> None:
    if not holds:
        raise StoreUnavailable(f"probe failed: {name}")
    proved.append(name)


def _must_raise(
    proved: list[str], name: str, expected: type[SohoaError], action: Callable[[], object]
) -> None:
    try:
        action()
    except expected:
        proved.append(name)
        return
    raise StoreUnavailable(f"probe failed: {name}")
