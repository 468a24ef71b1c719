"""Writing down what reading made of a file. Doing it again, after a kill or on purpose, never doubles a
record and never undoes what a person did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from schemas.document import CheckResult, DocumentReading, DocumentStatus
from schemas.errors import NotAllowedNow, NotFound, WrongUse
from schemas.page import PageQuality
from schemas.store import ObjectRef
from storage.catalogue import tables as t
from storage.catalogue.batches import close_file, known_batch, known_file, must_hold
from storage.catalogue.changes import BY_PERSON, WAITING, add_history, field_values, lock, touch
from storage.catalogue.database import Database, insert
from storage.catalogue.documents import load, load_one
from storage.catalogue.events import add_event, now
from storage.catalogue.find import index_documents
from storage.catalogue.numbering import give_codes, renumbered_version
from storage.catalogue.quarantine import settle_read_pages
from storage.catalogue.rows import (
    DocumentRow,
    FileRow,
    FileStatus,
    NewDocument,
    NewPage,
    PageStatus,
    document_id,
)
from storage.catalogue.tables import cleaned
from storage.codes import Coding


class Recording(Database):
    def record_pages(self, source_sha256: str, pages: Sequence[NewPage], *, total: int | None = None) -> None:
        """Write down how pages of a source were judged; again replaces it.

        `total`: pages counted on opening the file. When nobody counted, the pages given are taken as all.
        """
        with self.write() as connection:
            _record_pages(connection, source_sha256, pages, total)
            _documents_claim_their_pages(connection, source_sha256)

    def record_documents(
        self,
        file_id: str,
        documents: Sequence[NewDocument],
        *,
        coding: Coding | None = None,
        who: str = "system",
    ) -> list[DocumentRow]:
        """Write down ALL documents of a file in one transaction; returns those that stand, by page.

        A record is known by its pages. The same again changes nothing. Read differently: fields that a person
        set stay, others are updated with history; a record that a person confirmed or rejected stays whole;
        records over other pages that no person touched are replaced.
        """
        with self.write() as connection:
            return _record_documents(connection, known_file(connection, file_id), documents, coding, who)

    def record_file(
        self,
        file_id: str,
        *,
        pages: Sequence[NewPage],
        documents: Sequence[NewDocument],
        total: int | None = None,
        coding: Coding | None = None,
        worker: str | None = None,
        who: str = "system",
    ) -> list[DocumentRow]:
        """Pages, documents and the end of the work on a file in ONE transaction: all of it, or nothing.

        With `worker`: NotAllowedNow when the claim went to somebody else meanwhile.
        """
        with self.write() as connection:
            file = known_file(connection, file_id)
            if worker is not None:
                must_hold(connection, file_id, worker)
            _record_pages(connection, _source(file), pages, total)
            recorded = _record_documents(connection, file, documents, coding, who)
            settle_read_pages(connection, file, who)
            close_file(connection, file_id, FileStatus.DONE, None)
            return recorded

    def mark_archived(
        self,
        document: str,
        archive: ObjectRef,
        *,
        who: str = "system",
        why: str = "",
        coding: Coding | None = None,
        expected_revision: int | None = None,
    ) -> DocumentRow:
        """A checked record lies in the store. Under another key than before it is the next version Vn.

        `coding` is needed for V2 and later of a record with a DocCode, because that carries the version.
        Raises NotAllowedNow before it is checked, ChangedMeanwhile.
        """
        with self.write() as connection:
            row = lock(connection, document, expected_revision)
            if row["status"] not in (DocumentStatus.CHECKED, DocumentStatus.ARCHIVED):
                raise NotAllowedNow(
                    f"document {row['id']} is {row['status']}; it is archived after the check"
                )
            known = row["archive"]
            values: dict[str, object] = {"status": DocumentStatus.ARCHIVED}
            if known is None or known["key"] != archive.key:
                version = row["version"] + 1
                values |= {"version": version, "archive": archive.model_dump()}
                if row["serial"] is not None and version > 1:
                    if coding is None:
                        raise WrongUse(
                            "a further version of a record with a DocCode needs the code templates"
                        )
                    values["doc_code"] = renumbered_version(row, coding, version)
                _add_version(connection, row["id"], version, archive, who, why)
            elif row["status"] == DocumentStatus.ARCHIVED:
                return load_one(connection, row["id"])
            touch(connection, row["id"], **values)
            if coding is not None:
                give_codes(connection, [row["id"]], coding, who)
            index_documents(connection, [row["id"]])
            add_event(connection, who, "archived", row["id"], key=archive.key, sha256=archive.sha256)
            return load_one(connection, row["id"])


@dataclass(frozen=True)
class _Standing:
    """A document of this source as it stands before recording."""

    row: DocumentRow
    superseded: bool

    @property
    def decided(self) -> bool:
        """A person has spoken about the whole of it."""
        return not self.superseded and (
            self.row.confirmed_by is not None or self.row.status is DocumentStatus.REJECTED
        )

    @property
    def touched(self) -> bool:
        return self.decided or any(f.status in BY_PERSON for f in self.row.fields.values())


def _record_documents(
    connection: sa.Connection,
    file: FileRow,
    documents: Sequence[NewDocument],
    coding: Coding | None,
    who: str,
) -> list[DocumentRow]:
    source = _source(file)
    batch = known_batch(connection, file.batch)
    standing = _standing(connection, source)
    kept_pages = {
        page: s.row.id for s in standing.values() if s.touched and not s.superseded for page in s.row.pages
    }
    given: set[str] = set()
    fresh: list[tuple[str, NewDocument]] = []
    changed: list[str] = []
    for document in map(_storable, documents):
        found = document_id(source, document.reading.pages)
        if not document.reading.pages or found in given:
            raise WrongUse("every document needs its own pages")
        given.add(found)
        known = standing.get(found)
        if known is None or known.superseded:
            in_the_way = {kept_pages[p] for p in document.reading.pages if p in kept_pages}
            if in_the_way:
                add_event(connection, who, "reading_set_aside", found, kept=sorted(in_the_way))
                given.discard(found)
            elif known is None:
                fresh.append((found, document))
            else:
                _revive(connection, known.row)
                _update(connection, known.row, document, batch.dossier_code, coding, who, even_if_same=True)
                changed.append(found)
        elif not known.decided and _update(connection, known.row, document, batch.dossier_code, coding, who):
            changed.append(found)
    replaced = [
        s.row.id for s in standing.values() if s.row.id not in given and not s.superseded and not s.touched
    ]
    _supersede(connection, replaced, who)
    _insert(connection, file, fresh, batch.dossier_code, who)
    _documents_claim_their_pages(connection, source)
    new = [found for found, _ in fresh]
    index_documents(connection, new + changed + replaced)
    if coding is not None:
        give_codes(connection, [document_id(source, d.reading.pages) for d in documents], coding, who)
    if new or changed or replaced:
        add_event(connection, who, "documents_recorded", file.id, new=new, changed=changed, replaced=replaced)
    rows = _standing(connection, source).values()
    return sorted((s.row for s in rows if not s.superseded), key=lambda row: row.pages)


def _insert(
    connection: sa.Connection,
    file: FileRow,
    fresh: Sequence[tuple[str, NewDocument]],
    dossier_code: str | None,
    who: str,
) -> None:
    if not fresh:
        return
    at, source = now(), _source(file)
    numbers = sorted({page for _, document in fresh for page in document.reading.pages})
    connection.execute(
        insert(connection, t.pages).on_conflict_do_nothing(),
        [{"source": source, "number": n, "status": PageStatus.DOCUMENT, "rotation": 0} for n in numbers],
    )
    connection.execute(
        t.documents.insert(),
        [
            {
                "id": found,
                "batch": file.batch,
                "source": source,
                "pages": document.reading.pages,
                "first_page": min(document.reading.pages),
                "superseded": False,
                "version": 1 if document.archive else 0,
                "revision": 1,
                "archive": document.archive.model_dump() if document.archive else None,
                "created": at,
                "changed": at,
                **_columns(document, dossier_code),
                "status": _status(
                    document.reading.needs_person(), document.archive is not None and document.sealed
                ),
            }
            for found, document in fresh
        ],
    )
    connection.execute(
        t.document_pages.insert(),
        [
            {"document": found, "source": source, "page": page}
            for found, document in fresh
            for page in document.reading.pages
        ],
    )
    _many(
        connection,
        t.fields,
        [
            field_values(found, name, position, value)
            for found, document in fresh
            for position, (name, value) in enumerate(document.reading.fields.items())
        ],
    )
    _many(connection, t.document_checks, [row for found, doc in fresh for row in _check_rows(found, doc)])
    for found, document in fresh:
        if document.archive:
            _add_version(connection, found, 1, document.archive, who, "")


def _update(
    connection: sa.Connection,
    old: DocumentRow,
    new: NewDocument,
    dossier_code: str | None,
    coding: Coding | None,
    who: str,
    *,
    even_if_same: bool = False,
) -> bool:
    """Bring a record to a new reading; False when it says what stands already. A copy of other bytes is the next
    version, unless the agency's signed file is in the archive: that one is not replaced by reading."""
    columns = _columns(new, dossier_code)
    merged = {
        name: old.fields[name] if name in old.fields and old.fields[name].status in BY_PERSON else value
        for name, value in new.reading.fields.items()
    }
    # What a person added stays, also where the form of the new reading does not ask for it.
    merged |= {n: f for n, f in old.fields.items() if f.status in BY_PERSON and n not in merged}
    same = merged == old.fields and new.reading.checks == old.checks
    same = same and all(getattr(old, name) == value for name, value in columns.items())
    archive, version = old.archive, old.version
    archived = old.status is DocumentStatus.ARCHIVED
    if new.archive is not None and not (
        archived or (old.archive and old.archive.sha256 == new.archive.sha256)
    ):
        archive, version, same = new.archive, old.version + 1, False
        _add_version(connection, old.id, version, new.archive, who, "read again" if old.archive else "")
        _renumber(connection, old.id, coding, version)
    if same and not even_if_same:
        return False
    for name in sorted(old.fields.keys() | merged.keys()):
        before, after = old.fields.get(name), merged.get(name)
        if before is None or after is None or (before.value, before.status) != (after.value, after.status):
            add_history(connection, old.id, name, before, after, who, "read again")
    connection.execute(t.fields.delete().where(t.fields.c.document == old.id))
    connection.execute(t.document_checks.delete().where(t.document_checks.c.document == old.id))
    _many(connection, t.fields, [field_values(old.id, n, i, f) for i, (n, f) in enumerate(merged.items())])
    _many(connection, t.document_checks, _check_rows(old.id, new))
    person_has_begun = any(f.status in BY_PERSON for f in merged.values())
    archived = archived or (archive is not None and new.sealed)
    waits = any(f.status in WAITING for f in merged.values()) or any(
        c.result is CheckResult.FAILED for c in new.reading.checks
    )
    touch(
        connection,
        old.id,
        **columns,
        # Half checked by a person: that person, not the machine, says when it is done.
        status=DocumentStatus.REVIEW if person_has_begun else _status(waits, archived),
        archive=archive.model_dump() if archive else None,
        version=version,
    )
    return True


def _renumber(connection: sa.Connection, document: str, coding: Coding | None, version: int) -> None:
    """A DocCode carries the version."""
    row = connection.execute(sa.select(t.documents).where(t.documents.c.id == document)).mappings().one()
    if row["serial"] is None:
        return
    if coding is None:
        raise WrongUse("a further version of a record with a DocCode needs the code templates")
    connection.execute(
        t.documents.update()
        .where(t.documents.c.id == document)
        .values(doc_code=renumbered_version(row, coding, version))
    )


def _storable(document: NewDocument) -> NewDocument:
    """As it will come back from the database, so that the same reading is seen to be the same."""
    reading = DocumentReading.model_validate(cleaned(document.reading.model_dump()))
    return NewDocument(reading, document.archive, document.sealed)


def _columns(document: NewDocument, dossier_code: str | None) -> dict[str, object]:
    reading = document.reading
    return {
        "type": reading.type,
        "type_confidence": reading.type_confidence,
        "rotation": reading.rotation,
        "text": reading.text,
        "tables": reading.tables,
        "dossier_code": reading.dossier_code or dossier_code,
        "valid_from": reading.valid_from,
        "valid_to": reading.valid_to,
    }


def _status(needs_person: bool, archived: bool) -> DocumentStatus:
    if needs_person:
        return DocumentStatus.REVIEW
    return DocumentStatus.ARCHIVED if archived else DocumentStatus.CHECKED


def _check_rows(document: str, new: NewDocument) -> list[dict[str, object]]:
    return [
        {"document": document, "position": i, **check.model_dump()}
        for i, check in enumerate(new.reading.checks)
    ]


def _supersede(connection: sa.Connection, ids: Sequence[str], who: str) -> None:
    for found in ids:
        connection.execute(t.document_pages.delete().where(t.document_pages.c.document == found))
        # The row and its numbers stay in the book; it only no longer stands for its pages.
        values = {
            "superseded": True,
            "status": DocumentStatus.REJECTED,
            "reason": "replaced by a later reading",
        }
        touch(connection, found, **values)
        add_event(connection, who, "superseded", found)


def _revive(connection: sa.Connection, row: DocumentRow) -> None:
    """The pages were cut otherwise for a time and are cut as before again."""
    touch(connection, row.id, superseded=False, reason=None)
    _many(
        connection,
        t.document_pages,
        [{"document": row.id, "source": row.source, "page": page} for page in row.pages],
    )


def _standing(connection: sa.Connection, source: str) -> dict[str, _Standing]:
    d = t.documents.c
    query = sa.select(d.id, d.superseded).where(d.source == source).with_for_update()
    known = {found: superseded for found, superseded in connection.execute(query)}
    return {row.id: _Standing(row, known[row.id]) for row in load(connection, list(known))}


def _record_pages(
    connection: sa.Connection, source: str, pages: Sequence[NewPage], total: int | None
) -> None:
    s = t.sources.c
    known = connection.execute(sa.select(s.pages).where(s.sha256 == source)).first()
    if known is None:
        raise NotFound(f"source {source}")
    if total is not None or known.pages is None:
        connection.execute(
            t.sources.update().where(s.sha256 == source).values(pages=len(pages) if total is None else total)
        )
    if not pages:
        return
    statement = insert(connection, t.pages)
    replaced = ("status", "rotation", "quality", "reading_key")
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["source", "number"], set_={c: statement.excluded[c] for c in replaced}
        ),
        [
            {
                "source": source,
                "number": page.number,
                "status": page.status,
                "rotation": page.rotation,
                "quality": page.quality.model_dump(mode="json")
                if isinstance(page.quality, PageQuality)
                else page.quality,
                "reading_key": page.reading_key,
            }
            for page in pages
        ],
    )


def _documents_claim_their_pages(connection: sa.Connection, source: str) -> None:
    """A page in a document that stands is a document page, whatever a later look at the page alone said."""
    p, dp = t.pages.c, t.document_pages.c
    held = sa.select(dp.page).where(dp.source == source)
    connection.execute(
        t.pages.update().where(p.source == source, p.number.in_(held)).values(status=PageStatus.DOCUMENT)
    )


def _add_version(
    connection: sa.Connection, document: str, version: int, archive: ObjectRef, who: str, why: str
) -> None:
    connection.execute(
        t.document_versions.insert().values(
            document=document, version=version, archive=archive.model_dump(), made=now(), who=who, why=why
        )
    )


def _many(connection: sa.Connection, table: sa.Table, rows: list[dict[str, object]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _source(file: FileRow) -> str:
    if file.source is None:
        raise WrongUse(f"the bytes of {file.path} were never read")
    return file.source.sha256
