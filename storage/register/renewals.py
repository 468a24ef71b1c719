"""Issued copies that got a later timestamp: the same copy, other bytes. The row keeps the hash of what was issued; what the
file is known by since then stands here."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue.database import insert
from storage.catalogue.events import add_event
from storage.register import tables as t
from storage.register.desk import Desk


class Renewals(Desk):
    def note_renewal(self, entry: str, sha256: str, *, who: str) -> bool:
        """The file of this copy now has these bytes (lower-case hexadecimal), too. The same again changes nothing; False
        for a file that is no copy of the register."""
        with self.database.write() as connection:
            if connection.scalar(sa.select(t.issued.c.entry).where(t.issued.c.entry == entry).limit(1)) is None:
                return False
            statement = insert(connection, t.renewals).values(
                sha256=sha256.lower(), entry=entry, at=self.moment(), who=who
            )
            new = connection.scalar(statement.on_conflict_do_nothing().returning(t.renewals.c.entry))
            if new is not None:
                add_event(connection, who, "copy_renewed", entry, sha256=sha256)
        return True
