"""Which checks and backups were made, when and by whom: the yearly and quarterly minutes are read from here."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from storage.catalogue.database import Database
from storage.catalogue.events import add_event
from storage.catalogue.rows import short_id
from storage.keeping import tables as t


@dataclass(frozen=True)
class BackupRun:
    id: str
    kind: str
    at: datetime
    who: str
    objects: int
    bytes: int
    manifest: str
    detail: dict


class Runs:
    """Shares the engine of an opened catalogue."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin_fixity(self, who: str, at: datetime, due_before: datetime) -> str:
        """Id of the run. One that was killed is simply never finished."""
        run = short_id("F", secrets.token_hex(16))
        with self.database.write() as connection:
            connection.execute(
                t.fixity_runs.insert().values(
                    id=run, started=at, who=who, due_before=due_before,
                    objects=0, bytes=0, damaged=0, missing=0, healed=0,
                )
            )  # fmt: skip
        return run

    def count_fixity(self, run: str, *, finished: datetime | None = None, who: str = "system", **counts: int) -> None:
        """How far it is; with `finished` the end of it, told by an event."""
        with self.database.write() as connection:
            connection.execute(
                t.fixity_runs.update().where(t.fixity_runs.c.id == run).values(finished=finished, **counts)
            )
            if finished is not None:
                add_event(connection, who, "fixity_checked", run, **counts)

    def add_backup(
        self, kind: str, who: str, at: datetime, *, objects: int, bytes: int, manifest: str, **detail: object
    ) -> str:
        """`kind`: backup or restore."""
        run = short_id("K", secrets.token_hex(16))
        with self.database.write() as connection:
            connection.execute(
                t.backup_runs.insert().values(
                    id=run, kind=kind, at=at, who=who, objects=objects, bytes=bytes, manifest=manifest, detail=detail
                )
            )
            add_event(connection, who, f"{kind}_made", run, objects=objects, bytes=bytes, manifest=manifest)
        return run

    def last_backup(self, kind: str) -> BackupRun | None:
        b = t.backup_runs.c
        query = sa.select(t.backup_runs).where(b.kind == kind).order_by(b.at.desc()).limit(1)
        with self.database.read() as connection:
            row = connection.execute(query).mappings().first()
        return BackupRun(**row) if row else None
