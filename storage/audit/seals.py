"""Seals: an RFC 3161 timestamp over the head of the chain, kept in the object store under retention.

A seal is one JSON object: `statement`, the canonical JSON that was stamped (number and hash of the last row, the day, the hash of
the seal before), and `token`, the timestamp token (DER, base64). Whoever owns the database cannot make one for a day that
is past; whoever owns the store cannot remove one without the next one telling.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from schemas.errors import ObjectDamaged, ObjectExists
from schemas.people_errors import AuditBroken
from schemas.store import Retention, RetentionMode
from schemas.zone import VIETNAM
from storage.audit.chain import GENESIS
from storage.audit.heads import forget
from storage.audit.tables import audit_log
from storage.catalogue.database import Database
from storage.objects.protocol import ObjectStore

PREFIX = "audit/seals/"
ACTION = "audit_sealed"
FORMAT = "sohoa-audit-seal-1"
LATE = timedelta(hours=1)
"""How far the time of the timestamp may be from the one in the statement."""

Stamp = Callable[[bytes], bytes]
"""`stamp(sha256)`: the DER of a timestamp token over this digest."""


@dataclass(frozen=True)
class Stamped:
    """What is known of the timestamp of a seal."""

    at: datetime | None
    problem: str = ""
    """Code; empty: sound, and over this statement."""
    trusted: bool = True
    """Its maker can be believed now."""


Verify = Callable[[bytes, bytes], Stamped]
"""`verify(sha256, token)`."""


@dataclass(frozen=True)
class Seal:
    key: str
    seq: int
    hash: str
    day: date
    """On which it was made, Asia/Ho_Chi_Minh."""
    made: datetime
    previous: str
    """SHA-256 of the seal object before; `GENESIS` of the first."""
    statement: bytes
    token: bytes
    sha256: str


Fault = tuple[Seal, str, str]
"""A seal, the kind of problem, a detail."""


def seal(
    database: Database, store: ObjectStore, stamp: Stamp, years: int, heads_kept_days: int
) -> Seal | None:
    """See `storage.audit.log.Audit.seal`."""
    from storage.audit.checking import AuditProblem, chain_problem

    known, faults = load(store, None)
    if faults:
        raise AuditBroken(f"{faults[0][1]}: {faults[0][0].key}")
    last = known[-1] if known else None
    if not _anything_new(database, last.seq if last else 0):
        return None
    found = chain_problem(database, last.seq if last else 0, last.hash if last else GENESIS)
    if isinstance(found, AuditProblem):
        raise AuditBroken(f"{found.kind}: {found.seq}-{found.seq_to}")
    seq, row_hash = found
    now = datetime.now(UTC)
    statement = _canonical(
        {
            "day": now.astimezone(VIETNAM).date().isoformat(),
            "format": FORMAT,
            "hash": row_hash,
            "made": now.isoformat(timespec="seconds"),
            "previous": last.sha256 if last else GENESIS,
            "seq": seq,
        }
    )
    token = stamp(hashlib.sha256(statement).digest())
    data = _canonical({"statement": statement.decode(), "token": base64.b64encode(token).decode()})
    key = f"{PREFIX}{seq:012d}.json"
    until = now.replace(year=min(now.year + years, 9999), day=min(now.day, 28))
    keep = Retention(mode=RetentionMode.COMPLIANCE, until=until)
    try:
        store.put(key, data, media_type="application/json", retention=keep)
    except ObjectExists:
        data = store.get(key)  # another call sealed the same head a moment ago
    with database.read() as connection:
        forget(connection.engine.url, now.astimezone(VIETNAM).date() - timedelta(days=heads_kept_days))
    return _parsed(key, data)


def load(store: ObjectStore, verify: Verify | None) -> tuple[list[Seal], list[Fault]]:
    """All seals by number, and what is wrong with them. Raises those of the store."""
    found: list[Seal] = []
    faults: list[Fault] = []
    previous = GENESIS
    for ref in sorted(store.list(PREFIX), key=lambda ref: ref.key):
        versions = store.versions(ref.key)
        first = versions[0] if versions else ref
        try:
            one = _parsed(ref.key, store.get(first.key, first.version))
        except (ObjectDamaged, ValueError, KeyError, TypeError) as error:
            faults.append((_unreadable(ref.key), "seal_broken", type(error).__name__))
            continue
        if len({version.sha256 for version in versions}) > 1:
            faults.append((one, "seal_replaced", ref.key))
        if one.previous != previous:
            faults.append((one, "seal_missing", ref.key))
        if verify is not None:
            stamped = verify(hashlib.sha256(one.statement).digest(), one.token)
            if stamped.problem:
                faults.append((one, "seal_broken", stamped.problem))
            elif stamped.at is None or abs(stamped.at - one.made) > LATE:
                faults.append((one, "seal_late", f"{stamped.at or ''}"))
            elif not stamped.trusted:
                faults.append((one, "seal_untrusted", ref.key))
        found.append(one)
        previous = one.sha256
    return found, faults


def unsealed_days(database: Database, store: ObjectStore) -> list[date]:
    known, _ = load(store, None)
    after = known[-1].seq if known else 0
    a, today = audit_log.c, datetime.now(VIETNAM).date()
    with database.read() as connection:
        hours = connection.scalars(
            sa.select(sa.func.substr(a.at, 1, 13)).where(a.seq > after, a.action != ACTION).distinct()
        ).all()
    days = {datetime.fromisoformat(f"{hour}:00:00+00:00").astimezone(VIETNAM).date() for hour in hours}
    return sorted(day for day in days if day < today)


def _anything_new(database: Database, after: int) -> bool:
    a = audit_log.c
    query = sa.select(a.seq).where(a.seq > after, a.action != ACTION).limit(1)
    with database.read() as connection:
        return connection.scalar(query) is not None


def _canonical(value: dict) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _parsed(key: str, data: bytes) -> Seal:
    """Raises ValueError, KeyError, TypeError for what is not a seal."""
    outer = json.loads(data)
    statement = outer["statement"].encode()
    said = json.loads(statement)
    if said["format"] != FORMAT or key != f"{PREFIX}{said['seq']:012d}.json":
        raise ValueError("not a seal of this place")
    return Seal(
        key, said["seq"], said["hash"], date.fromisoformat(said["day"]), datetime.fromisoformat(said["made"]),
        said["previous"], statement, base64.b64decode(outer["token"], validate=True),
        hashlib.sha256(data).hexdigest(),
    )  # fmt: skip


def _unreadable(key: str) -> Seal:
    digits = "".join(c for c in key.rpartition("/")[2] if c.isdigit())
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Seal(key, int(digits or 0), "", epoch.date(), epoch, "", b"", b"", "")
