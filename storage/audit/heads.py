"""The head of the chain, written down outside the database after each transaction.

Whoever can change the database can also make the chain fit again from a row onward; these lines then do not fit. One file a
day in `audit-heads/`, one line a transaction: number of the last row, its hash. Beside an SQLite file; for PostgreSQL in the
folder that the process named (`witness_in`), which is the home folder.

The line is written after the commit: before it, a failed commit would leave a line for a row that never was. A process that is
killed between the two leaves no line; the next one speaks for those rows too.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import sqlalchemy as sa

from schemas.zone import VIETNAM

FOLDER = "audit-heads"
_home: Path | None = None


def witness_in(home: Path) -> None:
    """Where this process keeps the heads of a catalogue that is no file. A fact about the process, like its working folder."""
    global _home
    _home = home


def folder_of(address: sa.URL) -> tuple[Path, str] | None:
    """Folder and beginning of the file names for a catalogue; None: nowhere was named."""
    if address.get_backend_name() == "sqlite":
        path = Path(address.database)
        return path.parent / FOLDER, path.stem
    if _home is None:
        return None
    place = f"{address.host}:{address.port}/{address.database}?{sorted(address.query.items())}"
    return _home / FOLDER, f"pg-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def witness(address: sa.URL, seq: int, row_hash: str) -> None:
    """Adds a line. Never raises: the transaction is done, and the check tells when lines are missing."""
    place = folder_of(address)
    if place is None:
        return
    folder, stem = place
    line = f"{seq} {row_hash}\n".encode()
    path = folder / f"{stem}-{datetime.now(VIETNAM):%Y-%m-%d}.log"
    try:
        try:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except FileNotFoundError:
            folder.mkdir(mode=0o700, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line)  # one write of a short line: two processes never mix theirs
        finally:
            os.close(file)
    except OSError:
        return


def witnessed(address: sa.URL) -> Iterator[tuple[int, str]]:
    """Number and hash of every head written down, in no order. A line cut off by a crash is passed over."""
    place = folder_of(address)
    if place is None:
        return
    for _, path in _files(*place):
        with path.open("rb") as lines:
            for line in lines:
                seq, _, found = line.decode("ascii", "replace").strip().partition(" ")
                if seq.isdigit() and len(found) == 64:
                    yield int(seq), found


def forget(address: sa.URL, before: date) -> int:
    """Removes the files of days before `before`; how many."""
    place = folder_of(address)
    old = [path for day, path in _files(*place) if day < before] if place else []
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _files(folder: Path, stem: str) -> list[tuple[date, Path]]:
    found = []
    for path in folder.glob("*.log"):
        name, day = path.name[: -len("-YYYY-MM-DD.log")], path.name[-len("YYYY-MM-DD.log") : -len(".log")]
        if name == stem:
            try:
                found.append((date.fromisoformat(day), path))
            except ValueError:
                continue
    return sorted(found)
