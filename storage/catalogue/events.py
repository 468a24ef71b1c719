"""What happened, in order; the database refuses to change or remove it."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from storage.audit.chain import append
from storage.catalogue import tables as t
from storage.catalogue.database import Database
from storage.catalogue.rows import EventRow


def now() -> datetime:
    return datetime.now(UTC)


def add_event(connection: sa.Connection, who: str, what: str, object: str = "", **detail: object) -> None:
    """Part of the transaction of what it tells about, and a row of the audit chain. No personal data in `detail`: ids and
    names of fields only; `reason` or `why` in it is the chain's why."""
    connection.execute(t.events.insert().values(at=now(), who=who, what=what, object=object, detail=detail))
    why = detail.get("reason") or detail.get("why") or ""
    rest = {name: value for name, value in detail.items() if name not in ("reason", "why")}
    append(connection, who, what, object, str(why), rest)


class Events(Database):
    def event(self, who: str, what: str, object: str = "", detail: dict | None = None) -> None:
        """Write down something that happened outside the catalogue."""
        with self.write() as connection:
            add_event(connection, who, what, object, **(detail or {}))

    def events(self, object: str | None = None, limit: int = 200) -> list[EventRow]:
        """Newest first, of one object (id of a batch, file, document, ...) or of all."""
        query = sa.select(t.events).order_by(t.events.c.id.desc()).limit(limit)
        if object is not None:
            query = query.where(t.events.c.object == object)
        with self.read() as connection:
            return [EventRow(**row) for row in connection.execute(query).mappings()]
