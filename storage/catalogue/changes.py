"""Changing a document: held while it is changed, counted, and with the history of each field."""

from __future__ import annotations

import sqlalchemy as sa

from schemas.document import FieldStatus, FieldValue
from schemas.errors import ChangedMeanwhile
from storage.catalogue import tables as t
from storage.catalogue.documents import resolve
from storage.catalogue.events import now

BY_PERSON = (FieldStatus.CONFIRMED, FieldStatus.CORRECTED)
WAITING = (FieldStatus.REVIEW, FieldStatus.MISSING)


def lock(connection: sa.Connection, document: str, expected_revision: int | None) -> sa.RowMapping:
    """The stored row, held until the end of the transaction. Raises NotFound, ChangedMeanwhile."""
    found = resolve(connection, document)
    row = (
        connection.execute(sa.select(t.documents).where(t.documents.c.id == found).with_for_update())
        .mappings()
        .one()
    )
    if expected_revision is not None and row["revision"] != expected_revision:
        raise ChangedMeanwhile(f"document {found}: revision {row['revision']}, expected {expected_revision}")
    return row


def touch(connection: sa.Connection, document: str, **values: object) -> None:
    """Change a document and count the change."""
    d = t.documents.c
    connection.execute(
        t.documents.update().where(d.id == document).values(changed=now(), revision=d.revision + 1, **values)
    )


def field_values(document: str, name: str, position: int, field: FieldValue) -> dict[str, object]:
    """A row of the table of fields."""
    values = field.model_dump()
    values["box"] = list(field.box) if field.box else None
    return {"document": document, "name": name, "position": position, **values}


def add_history(
    connection: sa.Connection,
    document: str,
    name: str,
    before: FieldValue | None,
    after: FieldValue | None,
    who: str,
    why: str,
) -> None:
    connection.execute(
        t.field_history.insert().values(
            document=document,
            field=name,
            old_value=before.value if before else None,
            new_value=after.value if after else None,
            old_status=before.status if before else None,
            new_status=after.status if after else FieldStatus.MISSING,
            who=who,
            at=now(),
            why=why,
            handwritten=bool(before and before.handwritten),
        )
    )
