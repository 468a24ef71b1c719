"""Keys, versions, metadata and retention of the folder store: one SQLite file beside the content.

Files first, then the row: a row never names bytes that are not on the disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from schemas.errors import DiskFull, SohoaError, StoreUnavailable
from schemas.store import ObjectRef, ObjectStat, Retention, RetentionMode

_SCHEMA = """
CREATE TABLE IF NOT EXISTS versions (
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    created TEXT NOT NULL,
    media_type TEXT NOT NULL,
    metadata TEXT NOT NULL,
    mode TEXT,
    until TEXT,
    legal_hold INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (key, version)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS versions_by_content ON versions (sha256);
-- The highest number ever given to a key: a version id is never used twice, even after a deletion.
CREATE TABLE IF NOT EXISTS last_version (key TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_COLUMNS = "key, version, sha256, size, created, media_type, metadata, mode, until, legal_hold"
PAGE = 500


def sqlite_error(error: sqlite3.Error) -> SohoaError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return DiskFull(str(error)) if code == sqlite3.SQLITE_FULL else StoreUnavailable(f"index: {error}")


class Index:
    """One connection a process, used under a lock; a forked child opens its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._connections: dict[int, sqlite3.Connection] = {}

    def create(self) -> None:
        """Make the tables. Safe to repeat, and when two processes do it at once."""
        with self._lock:
            if self._connection().execute("PRAGMA user_version").fetchone() == (0,):
                self._connection().executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")

    def close(self) -> None:
        with self._lock:
            connection = self._connections.pop(os.getpid(), None)
            if connection:
                connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; other writers, in any process, wait."""
        with self._lock:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def stat(self, key: str, version: str | None) -> ObjectStat | None:
        with self._lock:
            return find(self._connection(), key, version)

    def versions(self, key: str) -> list[ObjectRef]:
        with self._lock:
            rows = self._connection().execute(
                f"SELECT {_COLUMNS} FROM versions WHERE key = ? ORDER BY version", (key,)
            )
            return [_stat(row).ref for row in rows]

    def newest(self, prefix: str) -> Iterator[ObjectRef]:
        """In key order, read a page at a time so that no transaction stays open while the caller works."""
        query = (
            f"SELECT {_COLUMNS} FROM versions v WHERE key >= ? AND key < ? AND key <> ?"
            " AND version = (SELECT max(version) FROM versions w WHERE w.key = v.key) ORDER BY key LIMIT ?"
        )
        after, end = "", prefix + chr(sys.maxunicode)
        while True:
            with self._lock:
                found = self._connection().execute(query, (max(after, prefix), end, after, PAGE)).fetchall()
            for row in found:
                yield _stat(row).ref
            if len(found) < PAGE:
                return
            after = found[-1][0]

    def walk(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Key and version of everything, keys in order, of a key the oldest first; a page at a time."""
        query = "SELECT key, version FROM versions WHERE key < ? AND (key, version) > (?, ?) ORDER BY key, version LIMIT ?"
        key, version, end = prefix, -1, prefix + chr(sys.maxunicode)
        while True:
            with self._lock:
                found = self._connection().execute(query, (end, key, version, PAGE)).fetchall()
            for row in found:
                yield row[0], str(row[1])
            if len(found) < PAGE:
                return
            key, version = found[-1]

    def _connection(self) -> sqlite3.Connection:
        connection = self._connections.get(os.getpid())
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            # A parent's connection is kept, never closed here: closing it in a child would drop the parent's
            # locks.
            self._connections[os.getpid()] = connection
        return connection


def find(connection: sqlite3.Connection, key: str, version: str | None) -> ObjectStat | None:
    """A version, the newest when `version` is None."""
    if version is not None and not version.isdecimal():
        return None
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM versions WHERE key = ? AND (? IS NULL OR version = ?)"
        " ORDER BY version DESC LIMIT 1",
        (key, version, int(version or 0)),
    ).fetchone()
    return _stat(row) if row else None


def insert(
    connection: sqlite3.Connection,
    key: str,
    sha256: str,
    size: int,
    media_type: str,
    metadata: dict[str, str],
) -> ObjectStat:
    """A further version of a key, without retention."""
    (number,) = connection.execute(
        "INSERT INTO last_version VALUES (?, 1)"
        " ON CONFLICT (key) DO UPDATE SET version = version + 1 RETURNING version",
        (key,),
    ).fetchone()
    created = datetime.now(UTC)
    connection.execute(
        f"INSERT INTO versions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0)",
        (
            key,
            number,
            sha256,
            size,
            created.isoformat(),
            media_type,
            json.dumps(metadata, ensure_ascii=False),
        ),
    )
    ref = ObjectRef(key=key, sha256=sha256, size=size, version=str(number))
    return ObjectStat(ref=ref, created=created, media_type=media_type, metadata=metadata)


def take_in(connection: sqlite3.Connection, stat: ObjectStat) -> ObjectRef:
    """A version as it was elsewhere, with its time and protection; under its number where that is a further one of its key."""
    known = connection.execute("SELECT version FROM last_version WHERE key = ?", (stat.ref.key,)).fetchone()
    last = known[0] if known else 0
    wanted = int(stat.ref.version) if stat.ref.version.isdecimal() else 0
    ref = stat.ref.model_copy(update={"version": str(wanted if wanted > last else last + 1)})
    connection.execute("INSERT OR REPLACE INTO last_version VALUES (?, ?)", (ref.key, int(ref.version)))
    described = json.dumps(stat.metadata, ensure_ascii=False)
    connection.execute(
        f"INSERT INTO versions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, 0)",
        (
            ref.key,
            int(ref.version),
            ref.sha256,
            ref.size,
            stat.created.isoformat(),
            stat.media_type,
            described,
        ),
    )
    protect(connection, ref, stat.retention)
    return ref


def protect(connection: sqlite3.Connection, ref: ObjectRef, retention: Retention) -> None:
    until = retention.until.astimezone(UTC).isoformat() if retention.until else None
    connection.execute(
        "UPDATE versions SET mode = ?, until = ?, legal_hold = ? WHERE key = ? AND version = ?",
        (retention.mode, until, int(retention.legal_hold), ref.key, int(ref.version)),
    )


def remove(connection: sqlite3.Connection, ref: ObjectRef) -> None:
    connection.execute("DELETE FROM versions WHERE key = ? AND version = ?", (ref.key, int(ref.version)))


def is_used(connection: sqlite3.Connection, sha256: str) -> bool:
    return (
        connection.execute("SELECT 1 FROM versions WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone()
        is not None
    )


def _stat(row: tuple) -> ObjectStat:
    key, version, sha256, size, created, media_type, metadata, mode, until, legal_hold = row
    return ObjectStat(
        ref=ObjectRef(key=key, sha256=sha256, size=size, version=str(version)),
        created=datetime.fromisoformat(created),
        media_type=media_type,
        metadata=json.loads(metadata),
        retention=Retention(
            mode=RetentionMode(mode) if mode else None,
            until=datetime.fromisoformat(until) if until else None,
            legal_hold=bool(legal_hold),
        ),
    )
