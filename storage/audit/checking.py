"""Reads the whole chain and says where it does not fit. Nothing here believes the database: rows are hashed again, compared
with the lines kept outside it and with the seals in the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from schemas.zone import VIETNAM
from storage.audit import seals
from storage.audit.chain import GENESIS, HASHED, HEAD
from storage.audit.heads import witnessed
from storage.audit.tables import audit_log
from storage.catalogue.database import Database
from storage.objects.protocol import ObjectStore

NOTICES = frozenset({"unwitnessed", "clock_back", "seal_untrusted"})
"""Worth knowing; no sign that a row was touched."""
MOST_PROBLEMS = 1000
CLOCK_TOLERANCE = timedelta(minutes=5)
SETTLED = timedelta(minutes=1)
"""A row younger than this may still wait for its line outside the database."""
TRIGGERS = {
    "sqlite": {"audit_log_no_update", "audit_log_no_delete", "audit_head_no_delete", "audit_head_forward"},
    "postgresql": {
        "audit_log_append_only", "audit_log_no_truncate", "audit_head_no_truncate", "audit_head_no_delete",
        "audit_head_forward",
    },
}  # fmt: skip


@dataclass(frozen=True)
class AuditProblem:
    """`kind`:

    changed          the row does not hash to what stands in it
    link             row `seq` is not the one that row `seq_to` was written after: one of the two was made anew
    removed          rows `seq` to `seq_to` are not there
    removed_end      rows after the last one were known outside the database, or to the head
    inserted         rows that the head does not know
    rechained        rows between `seq` and `seq_to` were made anew: the hash written outside the database is another
    seal_differs     the same, told by a seal
    seal_broken, seal_missing, seal_replaced, seal_late     the seal itself
    guard_missing    the database no longer refuses changes (a trigger is gone)
    unwitnessed, clock_back, seal_untrusted                 notices
    """

    kind: str
    seq: int
    seq_to: int
    day: date | None = None
    detail: str = ""


@dataclass
class AuditCheck:
    rows: int = 0
    head: str = GENESIS
    problems: list[AuditProblem] = field(default_factory=list)
    """By kind and number; at most `MOST_PROBLEMS`."""
    seals: int = 0
    sealed_to: int = 0
    unsealed_days: list[date] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return all(problem.kind in NOTICES for problem in self.problems)


def check(
    database: Database, store: ObjectStore | None, verify: seals.Verify | None, told: Callable[[int], None]
) -> AuditCheck:
    # Before the rows: what is known outside by then must be among them.
    heads = _heads(database)
    known, faults = seals.load(store, verify) if store else ([], [])
    walk = _Walk(heads, known)
    with database.read() as connection:
        if not database.is_sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ")
        head_seq, head_hash = connection.execute(HEAD).one()
        for row in _rows(connection):
            walk.take(row)
            if walk.rows % 50_000 == 0:
                told(walk.rows)
        missing = TRIGGERS[connection.dialect.name] - _triggers(connection)
    walk.end(head_seq, head_hash)
    for name in sorted(missing):
        walk.problem("guard_missing", 0, 0, name)
    problems = [AuditProblem(kind, seal.seq, seal.seq, seal.day, detail) for seal, kind, detail in faults]
    return AuditCheck(
        walk.rows,
        walk.hash,
        (problems + walk.problems)[:MOST_PROBLEMS],
        len(known),
        known[-1].seq if known else 0,
        walk.unsealed,
    )


def chain_problem(database: Database, after: int, expected: str) -> tuple[int, str] | AuditProblem:
    """The rows after number `after`, which hashes to `expected`: the last number and hash, or the first thing wrong."""
    walk = _Walk({n: found for n, found in _heads(database).items() if n > after}, [], after, expected)
    with database.read() as connection:
        if not database.is_sqlite:
            connection.execution_options(isolation_level="REPEATABLE READ")
        head_seq, head_hash = connection.execute(HEAD).one()
        if (
            after
            and connection.scalar(sa.select(audit_log.c.hash).where(audit_log.c.seq == after)) != expected
        ):
            return AuditProblem("seal_differs", after, after)
        for row in _rows(connection, after):
            walk.take(row)
            if walk.problems:
                break
    if not walk.problems:
        walk.end(head_seq, head_hash)
    serious = [problem for problem in walk.problems if problem.kind not in NOTICES]
    return serious[0] if serious else (walk.seq, walk.hash)


def _heads(database: Database) -> dict[int, set[str]]:
    """What was written down outside the database: number of a row, its hash."""
    heads: dict[int, set[str]] = {}
    with database.read() as connection:
        for seq, found in witnessed(connection.engine.url):
            heads.setdefault(seq, set()).add(found)
    return heads


def _rows(connection: sa.Connection, after: int = 0) -> Iterator[sa.Row]:
    columns = [audit_log.c[name] for name in HASHED] + [audit_log.c.hash]
    query = sa.select(*columns).where(audit_log.c.seq > after).order_by(audit_log.c.seq)
    if not after:  # a row with a number below one has no place in the chain either
        query = sa.select(*columns).order_by(audit_log.c.seq)
    return iter(connection.execution_options(yield_per=5_000).execute(query))


def _triggers(connection: sa.Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        return set(connection.scalars(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))
    wanted = (
        "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A') "
        "AND tgrelid IN ('audit_log'::regclass, 'audit_head'::regclass)"
    )
    return set(connection.scalars(sa.text(wanted)))


class _Walk:
    """Along the rows, in the order of their numbers."""

    def __init__(
        self, heads: dict[int, set[str]], known: list[seals.Seal], seq: int = 0, row_hash: str = GENESIS
    ) -> None:
        self.rows, self.seq, self.hash = 0, seq, row_hash
        self.problems: list[AuditProblem] = []
        self._heads = heads
        self._seals = {seal.seq: seal for seal in known}
        self._sealed_to = known[-1].seq if known else 0
        self._good = seq  # the last number that something outside the database vouches for
        self._last_head = max(heads, default=0)
        self._hour, self.day, self._at = "", None, ""
        self._latest = ""
        self._today = datetime.now(VIETNAM).date()
        self.unsealed: list[date] = []
        self._plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

    def problem(self, kind: str, seq: int, seq_to: int, detail: str = "") -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(AuditProblem(kind, seq, seq_to, self.day, detail))

    def take(self, row: sa.Row) -> None:
        *values, stored = row
        action, _, _, at, _, _, previous, seq, *_ = values
        self._when(at)
        if seq != self.seq + 1:
            if seq > self.seq + 1:
                self.problem("removed", self.seq + 1, seq - 1)
                self._vouched_for_lost(self.seq + 1, seq - 1)
            else:
                self.problem("inserted", seq, seq)
        elif previous != self.hash:
            self.problem("link", self.seq, seq)
        text = self._plain(dict(zip(HASHED, values, strict=True)))
        if hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != stored:
            self.problem("changed", seq, seq)
        self._vouch(seq, stored)
        if seq > self._sealed_to and action != seals.ACTION and self.day and self.day < self._today:
            if not self.unsealed or self.unsealed[-1] != self.day:
                self.unsealed.append(self.day)
        self.rows, self.seq, self.hash = self.rows + 1, seq, stored

    def end(self, head_seq: int, head_hash: str) -> None:
        """The last row against the head and against all that is known outside the database."""
        beyond = max(
            [head_seq, *(n for n in self._heads if n > self.seq), *(n for n in self._seals if n > self.seq)]
        )
        if beyond > self.seq:
            self.problem("removed_end", self.seq + 1, beyond)
        elif head_seq < self.seq:
            self.problem("inserted", head_seq + 1, self.seq)
        elif head_hash != self.hash:
            self.problem("link", self.seq, self.seq, "head")
        if self._last_head and self._last_head < self.seq and self._settled():
            self.problem("unwitnessed", self._last_head + 1, self.seq)

    def _when(self, at: str) -> None:
        """The day of a row (Asia/Ho_Chi_Minh); clocks that were set back."""
        self._at = at
        try:
            if at[:13] != self._hour:
                self._hour, self.day = at[:13], datetime.fromisoformat(at).astimezone(VIETNAM).date()
            if at < self._latest:
                if datetime.fromisoformat(self._latest) - datetime.fromisoformat(at) > CLOCK_TOLERANCE:
                    self.problem("clock_back", self.seq + 1, self.seq + 1, at)
                    self._latest = at
            else:
                self._latest = at
        except ValueError:  # not a time: the row is found as changed
            self._hour = ""

    def _settled(self) -> bool:
        try:
            return datetime.now(UTC) - datetime.fromisoformat(self._at) > SETTLED
        except ValueError:
            return True

    def _vouch(self, seq: int, stored: str) -> None:
        vouched = False
        if seq in self._heads:
            vouched = True
            if self._heads[seq] != {stored}:
                self.problem("rechained", self._good + 1, seq)
        if (seal := self._seals.get(seq)) is not None:
            vouched = True
            if seal.hash != stored:
                self.problem("seal_differs", self._good + 1, seq, seal.key)
        if vouched:
            self._good = seq

    def _vouched_for_lost(self, first: int, last: int) -> None:
        for seal in self._seals.values():
            if first <= seal.seq <= last:
                self.problem("seal_differs", first, last, seal.key)
