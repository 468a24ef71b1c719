"""Which packages were made and taken in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from schemas.packages import PackageKind
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event
from storage.keeping import tables as t


def add_package(
    database: Database, package: str, kind: PackageKind, direction: str, subjects: Sequence[str], sha256: str, *, who: str, at: datetime
) -> None:
    """`direction`: made or taken_in. Made again of the same records it is the same package, and the first time stands."""
    with database.write() as connection:
        statement = insert(connection, t.packages).values(
            id=package, kind=kind, direction=direction, at=at, who=who, subjects=list(subjects), sha256=sha256
        )
        connection.execute(statement.on_conflict_do_nothing())
        add_event(connection, who, f"package_{direction}", package, kind=kind, records=list(subjects)[:1000])
