"""Files and pages that could not be handled, with a reason, until a person decides."""

from __future__ import annotations

import sqlalchemy as sa

from schemas.errors import NotAllowedNow, NotFound, WrongUse
from storage.catalogue import tables as t
from storage.catalogue.batches import close_file, known_file, reopen
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event, now
from storage.catalogue.rows import (
    FileRow,
    FileStatus,
    PageStatus,
    QuarantineRow,
    QuarantineStatus,
    short_id,
)


class Quarantine(Database):
    def quarantine_add(
        self, file_id: str, code: str, detail: str = "", *, page: int | None = None, who: str = "system"
    ) -> QuarantineRow:
        """Set a whole file, or one page of it, aside. `code` is that of the error (`schemas.errors`).

        The same again changes nothing while it is open. Without `page` the file is closed as quarantined and
        all its pages that are not in a document count as quarantined.
        """
        with self.write() as connection:
            file = known_file(connection, file_id)
            entry = short_id("Q", file_id, page, code)
            found = _entry(connection, entry)
            if found is None:
                connection.execute(
                    t.quarantine.insert().values(
                        id=entry,
                        batch=file.batch,
                        file=file_id,
                        source=file.source.sha256 if file.source else None,
                        page=page,
                        code=code,
                        detail=detail,
                        status=QuarantineStatus.OPEN,
                        created=now(),
                        reason="",
                    )
                )
            elif found.status is QuarantineStatus.RETRIED:
                _set(connection, entry, QuarantineStatus.OPEN, who, found.reason)
            _mark_pages(connection, file, page)
            if page is None:
                close_file(connection, file_id, FileStatus.QUARANTINED, None)
            if found is None or found.status is QuarantineStatus.RETRIED:
                add_event(connection, who, "quarantined", entry, file=file_id, page=page, code=code)
            return _entry(connection, entry)

    def quarantine_list(
        self, batch: str | None = None, status: QuarantineStatus | None = None
    ) -> list[QuarantineRow]:
        """Oldest first."""
        q = t.quarantine.c
        query = _entries().order_by(q.created, q.file, q.page)
        if batch is not None:
            query = query.where(q.batch == batch)
        if status is not None:
            query = query.where(q.status == status)
        with self.read() as connection:
            return [_row(row) for row in connection.execute(query).mappings()]

    def quarantine_retry(self, entry_id: str, who: str, reason: str = "") -> QuarantineRow:
        """Have the file read again; finished steps are not repeated. Raises NotFound, NotAllowedNow when
        decided."""
        with self.write() as connection:
            entry = _open_entry(connection, entry_id)
            _set(connection, entry_id, QuarantineStatus.RETRIED, who, reason)
            if entry.source is not None:
                p = t.pages.c
                these = sa.and_(p.source == entry.source, p.status == PageStatus.QUARANTINED)
                if entry.page is not None:
                    these = sa.and_(these, p.number == entry.page)
                connection.execute(t.pages.update().where(these).values(status=PageStatus.WAITING))
            close_file(connection, entry.file, FileStatus.WAITING, None)
            reopen(connection, entry.batch)
            add_event(connection, who, "quarantine_retried", entry_id, reason=reason)
            return _entry(connection, entry_id)

    def quarantine_drop(self, entry_id: str, who: str, reason: str) -> QuarantineRow:
        """Leave it out for good; its pages stay accounted for as quarantined. A reason is required."""
        if not reason.strip():
            raise WrongUse("dropping needs a reason")
        with self.write() as connection:
            _open_entry(connection, entry_id)
            _set(connection, entry_id, QuarantineStatus.DROPPED, who, reason)
            add_event(connection, who, "quarantine_dropped", entry_id, reason=reason)
            return _entry(connection, entry_id)


def settle_read_pages(connection: sa.Connection, file: FileRow, who: str) -> None:
    """Close open entries of single pages that have been read after all, for example when a killed run went on."""
    q, p = t.quarantine.c, t.pages.c
    read = sa.select(p.number).where(p.source == q.source, p.status != PageStatus.QUARANTINED)
    entries = connection.scalars(
        sa.select(q.id).where(q.file == file.id, q.status == QuarantineStatus.OPEN, q.page.in_(read))
    ).all()
    for entry in entries:
        _set(connection, entry, QuarantineStatus.RETRIED, who, "read later")
        add_event(connection, who, "quarantine_settled", entry)


def _mark_pages(connection: sa.Connection, file: FileRow, page: int | None) -> None:
    if file.source is None:
        return
    if page is not None:
        numbers = [page]
    else:
        dp = t.document_pages.c
        held = set(connection.scalars(sa.select(dp.page).where(dp.source == file.source.sha256)))
        numbers = [n for n in range(1, (file.source.pages or 0) + 1) if n not in held]
    if numbers:
        statement = insert(connection, t.pages)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["source", "number"], set_={"status": statement.excluded.status}
            ),
            [
                {"source": file.source.sha256, "number": n, "status": PageStatus.QUARANTINED, "rotation": 0}
                for n in numbers
            ],
        )


def _open_entry(connection: sa.Connection, entry_id: str) -> QuarantineRow:
    connection.execute(sa.select(t.quarantine.c.id).where(t.quarantine.c.id == entry_id).with_for_update())
    entry = _entry(connection, entry_id)
    if entry is None:
        raise NotFound(f"quarantine {entry_id}")
    if entry.status is not QuarantineStatus.OPEN:
        raise NotAllowedNow(f"quarantine {entry_id} is {entry.status}")
    return entry


def _set(connection: sa.Connection, entry_id: str, status: QuarantineStatus, who: str, reason: str) -> None:
    connection.execute(
        t.quarantine.update()
        .where(t.quarantine.c.id == entry_id)
        .values(status=status, who=who, reason=reason)
    )


def _entries() -> sa.Select:
    return sa.select(t.quarantine, t.batch_files.c.path).join(
        t.batch_files, t.batch_files.c.id == t.quarantine.c.file
    )


def _entry(connection: sa.Connection, entry_id: str) -> QuarantineRow | None:
    row = connection.execute(_entries().where(t.quarantine.c.id == entry_id)).mappings().first()
    return _row(row) if row else None


def _row(row: sa.RowMapping) -> QuarantineRow:
    return QuarantineRow(**{**row, "status": QuarantineStatus(row["status"])})
