"""Records that came by the REST API of CV 7197/BKHCN-CĐSQG: taken in, numbered by their DocCode, corrected into V2…Vn.

Every step is one transaction and may be done again: a request killed in between is repeated by its sender and goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.document import DocumentStatus, FieldStatus, FieldValue
from schemas.errors import NotAllowedNow, NotFound
from schemas.reuse_errors import AlreadyDigitised, DocCodeTaken
from schemas.store import ObjectRef
from storage.catalogue import tables as t
from storage.catalogue.changes import add_history, field_values, lock, touch
from storage.catalogue.database import Database, insert
from storage.catalogue.documents import load_one
from storage.catalogue.events import add_event, now
from storage.catalogue.numbering import NUMBERED, renumbered_version
from storage.catalogue.rows import BatchStatus, DocumentRow, short_id
from storage.codes import Coding, DocCode
from storage.register.rows import local
from storage.reuse.tables import imports, put_versions
from storage.search.index import index_documents


@dataclass(frozen=True)
class Import:
    """One file that was taken in."""

    id: str
    source: str
    doc_code: str | None
    """None: the office digitises it and gives the code."""
    batch: str
    facts: dict
    """As the sender described it."""
    unit: str
    actor: str
    at: datetime


@dataclass(frozen=True)
class NewVersion:
    """A corrected file of a record."""

    archive: ObjectRef
    source: str
    pages: int
    text: str


class Imports:
    """Shares the engine of an opened catalogue."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def claim(
        self, source: str, code: DocCode | None, doc_code: str | None, facts: dict, *, unit: str, actor: str, who: str
    ) -> tuple[Import, bool]:
        """Reserves bytes and code for one record; the same again gives what stands, and False.

        Raises AlreadyDigitised when these bytes are in the archive, DocCodeTaken when the code stands for others.
        """
        i = imports.c
        with self.database.write() as connection:
            import_id = short_id("I", source)
            values = {
                "id": import_id, "source": source, "doc_code": doc_code, "batch": short_id("B", "api", import_id),
                "facts": facts, "unit": unit, "actor": actor, "at": now(),
            }  # fmt: skip
            # Written first: whoever comes with the same at the same moment waits here for the outcome.
            fresh = insert(connection, imports).values(**values).on_conflict_do_nothing().returning(i.id)
            if connection.scalar(fresh):
                _must_be_new(connection, source, code, doc_code)
                add_event(connection, who, "import_taken", import_id, doc_code=doc_code or "", source=source)
                return Import(**values), True
            standing = _load(connection, i.source == source)
            if standing is None:
                raise DocCodeTaken(doc_code or "")
            if (standing.doc_code, standing.facts, standing.unit) != (doc_code, facts, unit):
                raise AlreadyDigitised(standing.doc_code if standing.unit == unit and standing.doc_code else "")
            return standing, False

    def one(self, import_id: str) -> Import:
        """Raises NotFound."""
        with self.database.read() as connection:
            found = _load(connection, imports.c.id == import_id)
        if found is None:
            raise NotFound(f"import {import_id}")
        return found

    def waiting(self) -> list[str]:
        """Batches of files that still have to be read, oldest first."""
        b, i = t.batches.c, imports.c
        query = (
            sa.select(b.id)
            .join(imports, i.batch == b.id)
            .where(b.status == BatchStatus.OPEN, i.doc_code.is_(None))
            .order_by(b.created, b.id)
        )
        with self.database.read() as connection:
            return list(connection.scalars(query))

    def number(self, document: str, code: DocCode, doc_code: str, *, who: str) -> DocumentRow:
        """Gives a record the code that it came with; numbers of that series given here go on after it.

        Raises DocCodeTaken, NotAllowedNow before the record is checked.
        """
        series = f"doc_code/{code.office}/{code.field}"
        with self.database.write() as connection:
            row = lock(connection, document, None)
            if row["doc_code"] == doc_code:
                return load_one(connection, row["id"])
            if row["status"] not in NUMBERED:
                raise NotAllowedNow(f"document {row['id']} is {row['status']}; codes are given after the check")
            if row["doc_code"] is not None or _document_of(connection, code) is not None:
                raise DocCodeTaken(doc_code)
            raised = insert(connection, t.counters).values(name=series, value=code.serial)
            value = t.counters.c.value
            connection.execute(
                raised.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"value": sa.case((value < code.serial, code.serial), else_=value)},
                )
            )
            touch(
                connection, row["id"], doc_code=doc_code, code_office=code.office, code_field=code.field,
                serial=code.serial,
            )  # fmt: skip
            index_documents(connection, [row["id"]])
            add_event(connection, who, "codes_given", row["id"], doc_code=doc_code)
            return load_one(connection, row["id"])

    def correct(
        self,
        document: str,
        fields: Mapping[str, FieldValue],
        facts: dict,
        new: NewVersion | None,
        *,
        coding: Coding,
        kind: str | None,
        dates: Mapping[str, str],
        expected_revision: int,
        actor: str,
        who: str,
        why: str,
    ) -> DocumentRow:
        """New values, and with a file the next version: it waits for the agency's signature like any other. `dates`: those of
        `valid_from` and `valid_to` that change.

        Raises NotFound, ChangedMeanwhile; NotAllowedNow for a record that is not checked.
        """
        with self.database.write() as connection:
            row = lock(connection, document, expected_revision)
            if row["status"] not in NUMBERED:
                raise NotAllowedNow(f"document {row['id']} is {row['status']}")
            before = load_one(connection, row["id"])
            values: dict[str, object] = {**dates, **({"type": kind} if kind else {})}
            if new is not None:
                version = row["version"] + 1
                values |= {"version": version, "archive": new.archive.model_dump(), "status": DocumentStatus.CHECKED}
                values |= {"text": new.text} if new.text else {}
                if row["serial"] is not None:
                    values["doc_code"] = renumbered_version(row, coding, version)
                at = now()
                connection.execute(
                    t.document_versions.insert().values(
                        document=row["id"], version=version, archive=new.archive.model_dump(), made=at, who=who, why=why
                    )
                )
                connection.execute(
                    put_versions.insert().values(
                        document=row["id"], version=version, source=new.source, pages=new.pages, facts=facts,
                        actor=actor, at=at,
                    )
                )  # fmt: skip
            _set_fields(connection, before, fields, who, why)
            touch(connection, row["id"], **values)
            index_documents(connection, [row["id"]])
            named = sorted(fields)
            add_event(connection, who, "corrected", row["id"], fields=named, version=values.get("version", row["version"]))
            return load_one(connection, row["id"])

    def find(self, code: DocCode) -> tuple[str, int] | None:
        """Record of a DocCode of any version, and the number of its newest version."""
        with self.database.read() as connection:
            return _document_of(connection, code)

    def pages(self, document: str, version: int) -> int | None:
        """Pages of a version that was put; None for one that was scanned here."""
        p = put_versions.c
        query = sa.select(p.pages).where(p.document == document, p.version <= version).order_by(p.version.desc()).limit(1)
        with self.database.read() as connection:
            return connection.scalar(query)


def _must_be_new(connection: sa.Connection, source: str, code: DocCode | None, doc_code: str | None) -> None:
    d = t.documents.c
    if connection.scalar(sa.select(d.id).where(d.source == source, ~d.superseded).limit(1)):
        raise AlreadyDigitised()
    if code is not None and _document_of(connection, code) is not None:
        raise DocCodeTaken(doc_code or "")


def _document_of(connection: sa.Connection, code: DocCode) -> tuple[str, int] | None:
    d = t.documents.c
    query = sa.select(d.id, d.version).where(
        d.code_office == code.office, d.code_field == code.field, d.serial == code.serial
    )
    row = connection.execute(query.order_by(d.superseded, d.id).limit(1)).first()
    return (row.id, row.version) if row else None


def _set_fields(
    connection: sa.Connection, before: DocumentRow, fields: Mapping[str, FieldValue], who: str, why: str
) -> None:
    """Only those that change, each with its history; new ones at the end."""
    f, following = t.fields.c, len(before.fields)
    for name, field in fields.items():
        old = before.fields.get(name)
        if old is not None and old.value == field.value and old.status is not FieldStatus.MISSING:
            continue
        add_history(connection, before.id, name, old, field, who, why)
        row = field_values(before.id, name, following, field)
        if old is None:
            connection.execute(t.fields.insert().values(**row))
            following += 1
        else:
            row.pop("position")
            connection.execute(t.fields.update().where(f.document == before.id, f.name == name).values(**row))


def _load(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Import | None:
    row = connection.execute(sa.select(imports).where(condition)).mappings().first()
    return Import(**{**row, "at": local(row["at"])}) if row else None
