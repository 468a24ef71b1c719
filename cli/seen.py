"""Which revision of a record a person looked at last, so that what they then save does not undo what somebody else
saved in between. Kept per person in the home folder; holds ids and numbers only."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.catalogue import DocumentRow

REMEMBERED = 500
"""Records a person; the oldest are forgotten."""


def revision_seen(home: Path, who: str, row: DocumentRow) -> int:
    """The revision this person looked at, or the standing one when they never did."""
    return _load(_path(home, who)).get(row.id, row.revision)


def saw(home: Path, who: str, row: DocumentRow) -> None:
    """This person has the record before them as it stands."""
    path = _path(home, who)
    seen = _load(path)
    seen.pop(row.id, None)
    seen[row.id] = row.revision
    path.parent.mkdir(mode=0o700, exist_ok=True)
    new = path.with_suffix(f".{secrets.token_hex(4)}")
    new.write_text(json.dumps(dict(list(seen.items())[-REMEMBERED:])), "utf-8")
    os.replace(new, path)


def _path(home: Path, who: str) -> Path:
    # Hashed: a person's name may hold any letter, a file name may not.
    return home / "seen" / f"{hashlib.sha256(who.encode()).hexdigest()[:16]}.json"


def _load(path: Path) -> dict[str, int]:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
