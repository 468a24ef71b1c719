"""An audit chain to be tampered with, by somebody who has all rights on the database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from schemas.people import Actor
from storage.audit import Audit, Stamped
from storage.audit import heads as heads_module
from storage.audit.chain import GENESIS, HASHED, row_hash
from storage.audit.tables import audit_head, audit_log
from storage.catalogue import Catalogue
from storage.objects import LocalStore

LAN = Actor("P-LAN", "Nguyễn Thị Lan", frozenset(), "U-1", "lan", "portal", (), "10.0.0.7")


@dataclass
class Book:
    catalogue: Catalogue
    store: LocalStore

    @property
    def audit(self) -> Audit:
        return Audit(self.catalogue)

    def write(self, count: int, action: str = "looked") -> None:
        for number in range(count):
            with self.catalogue.write() as connection:
                self.audit.add(connection, LAN, action, f"D-{number}", "hồ sơ 12")

    def found(self) -> list[tuple[str, int, int]]:
        return [(p.kind, p.seq, p.seq_to) for p in self.audit.check(self.store, verify).problems]

    def dba(self, *changes: sa.Executable | str) -> None:
        """Past the triggers, which stand again afterwards."""
        engine = self.catalogue._engine
        with engine.begin() as connection:
            if self.catalogue.is_sqlite:
                kept = connection.execute(
                    sa.text(
                        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
                    )
                ).all()
                for name, _ in kept:
                    connection.execute(sa.text(f"DROP TRIGGER {name}"))
            else:
                for table in ("audit_log", "audit_head"):
                    connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for change in changes:
                connection.execute(sa.text(change) if isinstance(change, str) else change)
            if self.catalogue.is_sqlite:
                for _, statement in kept:
                    connection.execute(sa.text(statement))
            else:
                for table in ("audit_log", "audit_head"):
                    connection.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))

    def rechain(self, first: int, *, head: bool = True) -> None:
        """Makes the chain fit again from row `first` on, as somebody who knows this code would."""
        a = audit_log.c
        with self.catalogue.read() as connection:
            rows = [dict(row) for row in connection.execute(sa.select(audit_log).order_by(a.seq)).mappings()]
        previous, changes = GENESIS, []
        for row in rows:
            if row["seq"] >= first:
                row["previous"] = previous
                row["hash"] = row_hash([row[name] for name in HASHED])
                new = {"previous": row["previous"], "hash": row["hash"]}
                changes.append(audit_log.update().where(a.seq == row["seq"]).values(**new))
            previous = row["hash"]
        if head:
            changes.append(audit_head.update().values(seq=rows[-1]["seq"], hash=previous))
        self.dba(*changes)

    def forget_heads(self) -> None:
        """As somebody who may also write to the home folder."""
        with self.catalogue.read() as connection:
            folder, _ = heads_module.folder_of(connection.engine.url)
        for path in folder.glob("*.log"):
            path.unlink()


def stamp(digest: bytes) -> bytes:
    """A stand-in for the authority: the real one is in test_people_flows."""
    return json.dumps({"of": digest.hex(), "at": datetime.now(UTC).isoformat()}).encode()


def verify(digest: bytes, token: bytes) -> Stamped:
    said = json.loads(token)
    problem = "" if said["of"] == digest.hex() else "timestamp_hash_failure"
    return Stamped(datetime.fromisoformat(said["at"]), problem)


def set_row(number: int, **values: object) -> sa.Update:
    return audit_log.update().where(audit_log.c.seq == number).values(**values)
