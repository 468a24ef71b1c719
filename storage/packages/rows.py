"""The rows of a record as they stand, out of one catalogue and into another.

Descriptions in METS, EAD and PREMIS are for everybody; these rows are what makes a record taken in equal to the one that was
packed, field by field, with its history. What belongs to one installation only stays out: search index, readings, work steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

import sqlalchemy as sa

from schemas.keeping_errors import AlreadyHere
from schemas.store import ObjectRef
from storage.catalogue import tables as t
from storage.catalogue.database import insert
from storage.keeping.references import renamed
from storage.keeping.tables import retention_terms
from storage.search.index import index_documents
from storage.search.tables import validity_acts

OF_RECORD = (t.fields, t.document_checks, t.document_pages, t.document_versions, t.field_history, validity_acts)
NUMBERED = {t.field_history.name, validity_acts.name, t.events.name}
"""Their ids are the order in which this catalogue wrote them."""
Rows = dict[str, list[dict]]


def rows_of(connection: sa.Connection, documents: Sequence[str]) -> Rows:
    """Everything the catalogue says of these records, as JSON has it; parents before children."""
    d = t.documents.c
    found: Rows = {}
    records = _load(connection, t.documents, d.id.in_(documents))
    sources = sorted({row["source"] for row in records})
    found[t.batches.name] = _load(connection, t.batches, t.batches.c.id.in_(sorted({r["batch"] for r in records})))
    found[t.sources.name] = _load(connection, t.sources, t.sources.c.sha256.in_(sources))
    numbers = sa.select(t.document_pages.c.page).where(
        t.document_pages.c.document.in_(documents), t.document_pages.c.source == t.pages.c.source
    )
    found[t.pages.name] = _load(connection, t.pages, t.pages.c.source.in_(sources), t.pages.c.number.in_(numbers))
    found[t.documents.name] = records
    for table in OF_RECORD:
        found[table.name] = _load(connection, table, table.c.document.in_(documents))
    found[t.events.name] = _load(connection, t.events, t.events.c.object.in_(documents))
    found[retention_terms.name] = _load(connection, retention_terms, retention_terms.c.subject.in_(documents))
    for row in found[t.pages.name]:
        row["reading_key"] = None  # what the machine read is made again where it is wanted
    return found


def take_in(
    connection: sa.Connection, rows: Rows, name: Callable[[ObjectRef], ObjectRef]
) -> tuple[list[str], list[str]]:
    """Writes the rows of records that are not here; ids taken in, and ids that are here already and equal.

    `name` says what an object is called in the new store. Raises AlreadyHere for a record that is here with other contents."""
    tables = {table.name: table for table in _all()}
    wanted = [row["id"] for row in rows[t.documents.name]]
    here = set(connection.scalars(sa.select(t.documents.c.id).where(t.documents.c.id.in_(wanted))))
    for document in sorted(here):
        if not _equal(connection, rows, document):
            raise AlreadyHere(document)
    new = [document for document in wanted if document not in here]
    for table_name, table in tables.items():
        column = _owner(table)
        for row in rows.get(table_name, []):
            if column is not None and row[column] not in new:
                continue
            values = {key: _value(table, key, value, name) for key, value in row.items() if key in table.c}
            if table_name in NUMBERED:
                values.pop("id", None)
            statement = insert(connection, table).values(values)
            # Batches, scans and pages are shared by records: another package may have brought them.
            connection.execute(statement if column else statement.on_conflict_do_nothing())
    _counters(connection, [row for row in rows[t.documents.name] if row["id"] in new])
    index_documents(connection, new)
    return new, sorted(here)


def _all() -> tuple[sa.Table, ...]:
    return (t.batches, t.sources, t.pages, t.documents, *OF_RECORD, t.events, retention_terms)


def _owner(table: sa.Table) -> str | None:
    """Column with the id of the record; None for what records share."""
    return {t.documents.name: "id", t.events.name: "object", retention_terms.name: "subject"}.get(
        table.name, "document" if "document" in table.c else None
    )


def _equal(connection: sa.Connection, rows: Rows, document: str) -> bool:
    """The same record: values of its fields, and hashes of its versions. That somebody looked at it since does not count."""
    standing = rows_of(connection, [document])
    return all(_core(standing, document, part) == _core(rows, document, part) for part in ("fields", "document_versions"))


def _core(rows: Rows, document: str, part: str) -> list:
    mine = [row for row in rows[part] if row["document"] == document]
    if part == "fields":
        return sorted((row["name"], row["value"], row["status"]) for row in mine)
    return sorted((row["version"], row["archive"]["sha256"]) for row in mine)


def _counters(connection: sa.Connection, documents: Sequence[dict]) -> None:
    """Numbers that came with records are not given again."""
    highest: dict[str, int] = {}
    for row in documents:
        if row.get("serial") is not None:
            name = f"doc_code/{row['code_office']}/{row['code_field']}"
            highest[name] = max(highest.get(name, 0), row["serial"])
        dossier = row.get("dossier_code")
        ordinal = re.search(r"(\d+)\D*$", (row.get("result_code") or "").removeprefix(dossier or ""))
        if dossier and ordinal:
            name = f"result/{dossier}"
            highest[name] = max(highest.get(name, 0), int(ordinal[1]))
    for name, value in sorted(highest.items()):
        statement = insert(connection, t.counters).values(name=name, value=value)
        kept = sa.case((t.counters.c.value < value, value), else_=t.counters.c.value)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": kept}))


def _load(connection: sa.Connection, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> list[dict]:
    query = sa.select(table).where(*conditions).order_by(*table.primary_key.columns)
    return [{key: _plain(value) for key, value in row.items()} for row in connection.execute(query).mappings()]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _value(table: sa.Table, key: str, value: object, name: Callable[[ObjectRef], ObjectRef]) -> object:
    kind = table.c[key].type
    if isinstance(kind, t.UtcTime):
        return datetime.fromisoformat(value) if value else None
    if isinstance(kind, sa.JSON):
        return renamed(value, name)
    return value
