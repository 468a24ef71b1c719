"""Documents as they stand: with pages, fields, checks and versions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from schemas.document import Check, DocumentStatus, FieldValue
from schemas.errors import NotFound, WrongUse
from schemas.store import ObjectRef
from storage.catalogue import tables as t
from storage.catalogue.batches import known_batch
from storage.catalogue.database import Database
from storage.catalogue.rows import DocumentRow, PageRow, PageStatus, VersionRow

CHUNK = 500
"""Ids in one query; databases bound the number of parameters."""
_PLAIN = [
    c
    for c in t.documents.c
    if c.name not in (
        "first_page", "superseded", "code_office", "code_field", "serial", "signed_at", "synchronised_at", "reused_at", "checked_at",
    )
]


class Documents(Database):
    def documents(
        self,
        batch: str | None = None,
        *,
        source: str | None = None,
        status: DocumentStatus | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[DocumentRow]:
        """In the order of files and pages. Of a batch: also those of linked files, wherever they were
        first made."""
        with self.read() as connection:
            if batch is not None:
                known_batch(connection, batch)
            query = listed(batch=batch, source=source, status=status)
            return load(connection, connection.scalars(query.limit(limit).offset(offset)).all())

    def document(self, document_id: str) -> DocumentRow:
        """By id or its beginning, in any case. Raises NotFound, WrongUse when several begin so."""
        with self.read() as connection:
            return load_one(connection, resolve(connection, document_id))

    def pages(self, source_sha256: str) -> list[PageRow]:
        """Pages of a source that have been looked at, by number."""
        query = sa.select(t.pages).where(t.pages.c.source == source_sha256).order_by(t.pages.c.number)
        with self.read() as connection:
            rows = connection.execute(query).mappings()
            return [PageRow(**{**row, "status": PageStatus(row["status"])}) for row in rows]

    def versions(self, document_id: str) -> list[VersionRow]:
        """Archived versions V1..Vn."""
        v = t.document_versions.c
        with self.read() as connection:
            found = resolve(connection, document_id)
            rows = connection.execute(
                sa.select(t.document_versions).where(v.document == found).order_by(v.version)
            )
            return [VersionRow(**{**row, "archive": ObjectRef(**row["archive"])}) for row in rows.mappings()]

    def archived_as(self, sha256: str) -> VersionRow | None:
        """The archived version whose file has these bytes, the newest when there are several; None: no such file."""
        v = t.document_versions.c
        # Word for word the expression of ix_document_versions_sha256 (migration 0009): with the path as a parameter, as
        # SQLAlchemy writes it, neither database finds the index.
        stored = (
            sa.func.json_extract(v.archive, sa.literal_column("'$.sha256'"))
            if self.is_sqlite
            else v.archive.op("->>", return_type=sa.Text())(sa.literal_column("'sha256'"))
        )
        query = sa.select(t.document_versions).where(stored == sha256.lower())
        with self.read() as connection:
            row = connection.execute(query.order_by(v.made.desc()).limit(1)).mappings().first()
        return VersionRow(**{**row, "archive": ObjectRef(**row["archive"])}) if row else None


def listed(
    *, batch: str | None = None, source: str | None = None, status: DocumentStatus | None = None
) -> sa.Select:
    """Ids of documents that stand (not replaced by a later reading), in order."""
    d = t.documents.c
    query = sa.select(d.id).where(~d.superseded)
    if batch is not None:
        f = t.batch_files.c
        order = (
            sa.select(f.source, sa.func.min(f.position).label("position"))
            .where(f.batch == batch)
            .group_by(f.source)
            .subquery()
        )
        query = query.join(order, order.c.source == d.source).order_by(order.c.position, d.first_page)
    else:
        query = query.order_by(d.created, d.source, d.first_page)
    if source is not None:
        query = query.where(d.source == source)
    if status is not None:
        query = query.where(d.status == status)
    return query.order_by(d.id)


def resolve(connection: sa.Connection, document_id: str) -> str:
    """Full id of a document from its id or a beginning of it."""
    d, wanted = t.documents.c, document_id.strip().upper()
    if not wanted:
        raise WrongUse("empty document id")
    if connection.scalar(sa.select(d.id).where(d.id == wanted)):
        return wanted
    beginning = wanted if wanted.startswith("D-") else f"D-{wanted}"
    found = connection.scalars(
        sa.select(d.id).where(d.id.startswith(beginning, autoescape=True), ~d.superseded).limit(2)
    ).all()
    if not found:
        raise NotFound(f"document {document_id}")
    if len(found) > 1:
        raise WrongUse(f"several documents begin with {document_id}")
    return found[0]


def load_one(connection: sa.Connection, document_id: str) -> DocumentRow:
    return load(connection, [document_id])[0]


def load(connection: sa.Connection, ids: Sequence[str]) -> list[DocumentRow]:
    """Documents by full id, in the order given."""
    found: dict[str, DocumentRow] = {}
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        fields = _fields(connection, chunk)
        checks = _checks(connection, chunk)
        rows = connection.execute(sa.select(*_PLAIN).where(t.documents.c.id.in_(chunk)))
        for row in rows.mappings():
            found[row["id"]] = DocumentRow(
                **{
                    **row,
                    "status": DocumentStatus(row["status"]),
                    "archive": ObjectRef(**row["archive"]) if row["archive"] else None,
                    "fields": fields[row["id"]],
                    "checks": checks[row["id"]],
                }
            )
    return [found[i] for i in ids]


def _fields(connection: sa.Connection, ids: Sequence[str]) -> dict[str, dict[str, FieldValue]]:
    f = t.fields.c
    rows = connection.execute(
        sa.select(t.fields).where(f.document.in_(ids)).order_by(f.document, f.position, f.name)
    )
    found: dict[str, dict[str, FieldValue]] = defaultdict(dict)
    for row in rows.mappings():
        values = {k: v for k, v in row.items() if k not in ("document", "name", "position")}
        found[row["document"]][row["name"]] = FieldValue(**values)
    return found


def _checks(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Check]]:
    c = t.document_checks.c
    rows = connection.execute(
        sa.select(t.document_checks).where(c.document.in_(ids)).order_by(c.document, c.position)
    )
    found: dict[str, list[Check]] = defaultdict(list)
    for row in rows.mappings():
        found[row["document"]].append(
            Check(code=row["code"], result=row["result"], fields=row["fields"], detail=row["detail"])
        )
    return found
