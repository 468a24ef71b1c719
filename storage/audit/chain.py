"""The audit chain as it is written: each row carries the SHA-256 of its canonical JSON, in which the hash of the row before
stands.

Rows are appended at the very end of their transaction. The head is one row that every writer has to lock: taken last, it
is held for two statements and cannot be part of a deadlock, and a transaction with many rows takes it once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from schemas.people import Actor, current_actor
from storage.audit.heads import witness
from storage.audit.tables import audit_head, audit_log
from storage.catalogue.database import at_the_end
from storage.catalogue.tables import cleaned

GENESIS = "0" * 64
HASHED = (
    "action",
    "actor",
    "address",
    "at",
    "detail",
    "object",
    "previous",
    "seq",
    "unit",
    "via",
    "who",
    "why",
)
"""Members of the canonical JSON, in its order: all columns but the hash, sorted by name (as RFC 8785 sorts them)."""


# Made once: building a statement anew costs more than running it.
HEAD = sa.select(audit_head.c.seq, audit_head.c.hash).where(audit_head.c.id == 1)
_TAKE = HEAD.with_for_update()
_ADD = audit_log.insert()
_MOVE = (
    audit_head.update()
    .where(audit_head.c.id == 1)
    .values(seq=sa.bindparam("to_seq"), hash=sa.bindparam("to_hash"))
)


@dataclass(frozen=True)
class Entry:
    """A row before it has its place."""

    at: str
    who: str
    actor: str
    via: str
    unit: str
    address: str
    action: str
    object: str
    why: str
    detail: str


def moment_text(at: datetime) -> str:
    """UTC with microseconds: sorts by time, and the same on every database."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def row_hash(values: Sequence[object]) -> str:
    """Of the values of `HASHED`, in its order."""
    text = json.dumps(dict(zip(HASHED, values, strict=True)), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def detail_text(detail: dict | None) -> str:
    """As it stands in its row."""
    return json.dumps(cleaned(detail or {}), ensure_ascii=False, sort_keys=True, default=str)


def alone(connection: sa.Connection) -> None:
    """Nobody else adds rows until the end of this transaction. Only for one that takes no other lock."""
    connection.execute(_TAKE)


def append(
    connection: sa.Connection,
    who: str,
    action: str,
    object: str = "",
    why: str = "",
    detail: dict | None = None,
    *,
    actor: Actor | None = None,
) -> None:
    """One more row, in the transaction of what it tells about. Unit, way and address are those of `actor`, else of whomever
    this process works for (`schemas.people.working_as`). No personal data in `detail`."""
    actor = actor or current_actor()
    entry = Entry(
        at=moment_text(datetime.now(UTC)),
        who=cleaned(who),
        actor=actor.token or actor.id if actor else "",
        via=actor.via if actor else "system",
        unit=(actor.unit or "") if actor else "",
        address=cleaned(actor.address) if actor else "",
        action=cleaned(action),
        object=cleaned(object),
        why=cleaned(why),
        detail=detail_text(detail),
    )
    at_the_end(connection, "audit", _append_all, entry)


def _append_all(connection: sa.Connection, entries: list[Entry]) -> Callable[[], None]:
    """Takes the head, adds the rows, moves the head; what remains to be done once they are committed."""
    seq, previous = connection.execute(_TAKE).one()
    rows = []
    for entry in entries:
        seq += 1
        row = {**entry.__dict__, "seq": seq, "previous": previous}
        previous = row["hash"] = row_hash([row[name] for name in HASHED])
        rows.append(row)
    connection.execute(_ADD, rows)
    connection.execute(_MOVE, {"to_seq": seq, "to_hash": previous})
    address = connection.engine.url
    return lambda: witness(address, seq, previous)
