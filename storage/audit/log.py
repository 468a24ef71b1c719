"""The audit chain for those who write to it by name, read it, check it and seal it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from schemas.people import Actor
from schemas.zone import VIETNAM
from storage.audit import chain, checking, seals
from storage.audit.tables import audit_log
from storage.catalogue.database import Database
from storage.catalogue.tables import cleaned
from storage.objects.protocol import ObjectStore


@dataclass(frozen=True)
class AuditRow:
    seq: int
    at: datetime
    who: str
    actor: str
    via: str
    unit: str
    address: str
    action: str
    object: str
    why: str
    detail: dict
    previous: str
    hash: str


class Audit:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        connection: sa.Connection,
        actor: Actor | str,
        action: str,
        object: str = "",
        why: str = "",
        detail: dict | None = None,
    ) -> None:
        """A row in the caller's transaction (`Database.write`). No personal data in `detail`: ids, names of fields, numbers."""
        who, known = (actor, None) if isinstance(actor, str) else (actor.who, actor)
        chain.append(connection, who, action, object, why, detail, actor=known)

    def add_unless(
        self, actor: Actor, action: str, object: str = "", detail: dict | None = None, *, within: timedelta, most: int
    ) -> bool:
        """A row in a transaction of its own, unless the same stands there since `within`; of one person and address at most `most`
        of this action in that time, the last of which says so. Whether it was written. For what somebody can make happen as
        often as they like: the book must not be filled by it. Raises CatalogueUnavailable, DiskFull."""
        a = audit_log.c
        since = chain.moment_text(datetime.now(UTC) - within)
        query = sa.select(a.object, a.detail).where(
            a.at >= since, a.action == action, a.who == cleaned(actor.who), a.actor == (actor.token or actor.id),
            a.address == cleaned(actor.address),
        )  # fmt: skip
        wanted = (cleaned(object), chain.detail_text(detail))

        def room(connection: sa.Connection) -> int:
            rows = [tuple(row) for row in connection.execute(query)]
            return 0 if wanted in rows else most - len(rows)

        with self._database.read() as connection:  # most of what is repeated ends here, and nobody has to wait
            if room(connection) <= 0:
                return False
        with self._database.write() as connection:
            chain.alone(connection)
            left = room(connection)
            if left > 0:
                self.add(connection, actor, action, object, detail=(detail or {}) | ({"and_more": True} if left == 1 else {}))
            return left > 0

    def rows(
        self,
        *,
        object: str | None = None,
        who: str | None = None,
        action: str | None = None,
        since: date | None = None,
        until: date | None = None,
        limit: int | None = 200,
        before: int | None = None,
    ) -> list[AuditRow]:
        """Newest first. Days are of Asia/Ho_Chi_Minh, both included; `who` is the name or id as recorded; `before`: only rows
        with a smaller number (the next page)."""
        a = audit_log.c
        query = sa.select(audit_log).order_by(a.seq.desc()).limit(limit)
        if object is not None:
            query = query.where(a.object == object)
        if who is not None:
            query = query.where(sa.or_(a.who == who, a.actor == who))
        if action is not None:
            query = query.where(a.action == action)
        if since is not None:
            query = query.where(a.at >= _begin(since))
        if until is not None:
            query = query.where(a.at < _begin(until + timedelta(days=1)))
        if before is not None:
            query = query.where(a.seq < before)
        with self._database.read() as connection:
            return [
                AuditRow(
                    **{**row, "at": datetime.fromisoformat(row["at"]), "detail": json.loads(row["detail"])}
                )
                for row in connection.execute(query).mappings()
            ]

    def head(self) -> tuple[int, str]:
        """Number and hash of the last row."""
        with self._database.read() as connection:
            return tuple(connection.execute(chain.HEAD).one())

    def check(
        self,
        store: ObjectStore | None = None,
        verify: seals.Verify | None = None,
        *,
        told: Callable[[int], None] = lambda rows: None,
    ) -> checking.AuditCheck:
        """The whole chain, row by row, against the head, the lines outside the database and the seals in `store`.

        `verify` judges the timestamp of a seal (`flows.audit`); without it seals are compared, their timestamps not. A
        million rows take some seconds and little memory. `told(rows)` now and then. Raises CatalogueUnavailable,
        StoreUnavailable.
        """
        return checking.check(self._database, store, verify, told)

    def check_since_seal(self, store: ObjectStore) -> checking.AuditProblem | None:
        """Only the rows after the last seal, against the head and the lines outside the database: quick enough for every
        morning. The first thing wrong, or None."""
        known, faults = seals.load(store, None)
        if faults:
            one, kind, detail = faults[0]
            return checking.AuditProblem(kind, one.seq, one.seq, one.day, detail)
        after, expected = (known[-1].seq, known[-1].hash) if known else (0, chain.GENESIS)
        found = checking.chain_problem(self._database, after, expected)
        return found if isinstance(found, checking.AuditProblem) else None

    def seal(
        self,
        store: ObjectStore,
        stamp: seals.Stamp,
        *,
        actor: Actor | str = "system",
        years: int = 20,
        heads_kept_days: int = 31,
    ) -> seals.Seal | None:
        """A timestamp over the head as it stands, kept under retention; None when nothing new happened since the last.

        The rows since the last seal are checked first. Raises AuditBroken when they do not fit, what `stamp` raises, and
        those of the store. Killed anywhere, the same call makes the seal again or finds it.
        """
        made = seals.seal(self._database, store, stamp, years, heads_kept_days)
        if made is not None:
            with self._database.write() as connection:
                self.add(connection, actor, seals.ACTION, made.key, detail={"seq": made.seq})
        return made

    def unsealed_days(self, store: ObjectStore) -> list[date]:
        """Days before today with rows that no seal covers, oldest first."""
        return seals.unsealed_days(self._database, store)


def _begin(day: date) -> str:
    """The first moment of a day, as times stand in the chain."""
    return chain.moment_text(datetime.combine(day, datetime.min.time(), VIETNAM))
