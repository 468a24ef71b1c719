"""Batches and the files offered to them; who works on which file."""

from __future__ import annotations

import secrets
from datetime import timedelta

import sqlalchemy as sa

from schemas.errors import NotAllowedNow, NotFound, WrongUse
from schemas.people import current_actor
from schemas.store import ObjectRef
from schemas.zone import VIETNAM
from storage.catalogue import tables as t
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event, now
from storage.catalogue.rows import (
    BatchRow,
    BatchStatus,
    FileRow,
    FileStatus,
    NewSource,
    SourceRow,
    short_id,
)
from storage.catalogue.tables import cleaned

_ID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Batches(Database):
    def start_batch(
        self,
        name: str,
        *,
        dossier_code: str | None = None,
        declared_pages: int | None = None,
        settings_hash: str = "",
        legal_basis: str = "",
        batch_id: str | None = None,
        who: str = "system",
    ) -> BatchRow:
        """A new batch, or the open one called `batch_id`, to go on with it.

        `declared_pages`: how many pages the clerk counted on paper (TT 01/2023/TT-VPCP Đ8 k2). `legal_basis`:
        why papers of restricted kinds may be digitised (CV 7197/BKHCN-CĐSQG asks for it a batch). Raises
        NotAllowedNow when that batch is finished. It belongs to the unit of whoever this process works for.
        """
        actor = current_actor()
        with self.write() as connection:
            if batch_id is not None and (found := _batch(connection, batch_id)) is not None:
                if found.status is BatchStatus.FINISHED:
                    raise NotAllowedNow(f"batch {batch_id} is finished")
                return found
            batch_id = batch_id or _new_batch_id()
            connection.execute(
                t.batches.insert().values(
                    id=batch_id,
                    name=name,
                    dossier_code=dossier_code,
                    declared_pages=declared_pages,
                    settings_hash=settings_hash,
                    legal_basis=legal_basis,
                    status=BatchStatus.OPEN,
                    created=now(),
                    unit=actor.unit if actor else None,
                    made_by=actor.id if actor else None,
                )
            )
            add_event(connection, who, "batch_started", batch_id, declared_pages=declared_pages)
            return _batch(connection, batch_id)

    def batch(self, batch_id: str) -> BatchRow:
        """Raises NotFound."""
        with self.read() as connection:
            return known_batch(connection, batch_id)

    def batches(self, status: BatchStatus | None = None, limit: int = 100) -> list[BatchRow]:
        """Newest first."""
        query = sa.select(t.batches).order_by(t.batches.c.created.desc(), t.batches.c.id).limit(limit)
        if status is not None:
            query = query.where(t.batches.c.status == status)
        with self.read() as connection:
            return [_batch_row(row) for row in connection.execute(query).mappings()]

    def add_file(self, batch_id: str, path: str, source: NewSource | None) -> FileRow:
        """Take a file into a batch; again for the same path and bytes changes nothing.

        `source` is None for a file whose bytes could not be read (put it into quarantine next). Status
        LINKED: these bytes are done in another batch, or were offered to this one already; there is nothing
        to do. Raises NotFound, NotAllowedNow when the batch is finished.
        """
        with self.write() as connection:
            if known_batch(connection, batch_id).status is BatchStatus.FINISHED:
                raise NotAllowedNow(f"batch {batch_id} is finished")
            if source is not None:
                _keep_source(connection, source, path)
            f = t.batch_files.c
            path = cleaned(path)
            file_id = short_id("F", batch_id, path, source.sha256 if source else "")
            if (found := _file(connection, file_id)) is not None:
                return found
            if source is not None:
                unread = connection.scalar(
                    sa.select(f.id).where(f.batch == batch_id, f.path == path, f.source.is_(None))
                )
                if unread is not None and _file(connection, unread).status is FileStatus.WAITING:
                    # It could not be read before and is tried again: now its bytes are known.
                    connection.execute(
                        t.batch_files.update().where(f.id == unread).values(source=source.sha256)
                    )
                    return _file(connection, unread)
            last = connection.scalar(sa.select(sa.func.max(f.position)).where(f.batch == batch_id)) or 0
            linked = source is not None and _handled(connection, batch_id, source.sha256)
            connection.execute(
                t.batch_files.insert().values(
                    id=file_id,
                    batch=batch_id,
                    position=last + 1,
                    path=path,
                    source=source.sha256 if source else None,
                    status=FileStatus.LINKED if linked else FileStatus.WAITING,
                )
            )
            return _file(connection, file_id)

    def files(self, batch_id: str) -> list[FileRow]:
        """In the order offered."""
        with self.read() as connection:
            known_batch(connection, batch_id)
            rows = connection.execute(
                _files().where(t.batch_files.c.batch == batch_id).order_by(t.batch_files.c.position)
            )
            return [_file_row(row) for row in rows.mappings()]

    def file(self, file_id: str) -> FileRow:
        """Raises NotFound."""
        with self.read() as connection:
            return known_file(connection, file_id)

    def claim_file(self, batch_id: str, worker: str, lease_seconds: float = 600) -> FileRow | None:
        """Take the next waiting file, or one whose worker let its lease run out. No two workers get the same
        one.

        None when there is nothing to take now.
        """
        f, at = t.batch_files.c, now()
        free = sa.or_(
            f.status == FileStatus.WAITING, sa.and_(f.status == FileStatus.WORKING, f.lease_until < at)
        )
        with self.write() as connection:
            file_id = connection.scalar(
                sa.select(f.id)
                .where(f.batch == batch_id, free)
                .order_by(f.position)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if file_id is None:
                return None
            _claim(connection, file_id, worker, lease_seconds)
            return _file(connection, file_id)

    def renew_claim(self, file_id: str, worker: str, lease_seconds: float = 600) -> None:
        """Raises NotAllowedNow when the file went to somebody else."""
        with self.write() as connection:
            must_hold(connection, file_id, worker)
            _claim(connection, file_id, worker, lease_seconds)

    def release_claims(self, batch_id: str, worker: str | None = None) -> int:
        """Give claimed files back without waiting for the lease; how many.

        Without `worker` all of them: only when it is certain that nobody works on this batch.
        """
        f = t.batch_files.c
        held = sa.and_(f.batch == batch_id, f.status == FileStatus.WORKING)
        if worker is not None:
            held = sa.and_(held, f.worker == worker)
        with self.write() as connection:
            done = connection.execute(
                t.batch_files.update()
                .where(held)
                .values(status=FileStatus.WAITING, worker=None, lease_until=None)
            )
            return done.rowcount

    def finish_file(
        self, file_id: str, status: FileStatus = FileStatus.DONE, *, worker: str | None = None
    ) -> None:
        """Close a file. With `worker`: only while its claim holds, else NotAllowedNow."""
        with self.write() as connection:
            close_file(connection, file_id, status, worker)

    def requeue_file(self, file_id: str, who: str) -> None:
        """Have a finished file read again; what people corrected is kept when it is recorded."""
        with self.write() as connection:
            file = known_file(connection, file_id)
            close_file(connection, file_id, FileStatus.WAITING, None)
            reopen(connection, file.batch)
            add_event(connection, who, "file_requeued", file_id)


def known_batch(connection: sa.Connection, batch_id: str) -> BatchRow:
    found = _batch(connection, batch_id)
    if found is None:
        raise NotFound(f"batch {batch_id}")
    return found


def known_file(connection: sa.Connection, file_id: str) -> FileRow:
    found = _file(connection, file_id)
    if found is None:
        raise NotFound(f"file {file_id}")
    return found


def must_hold(connection: sa.Connection, file_id: str, worker: str) -> None:
    """The claim stands and stays while this transaction lasts."""
    f = t.batch_files.c
    row = connection.execute(
        sa.select(f.status, f.worker).where(f.id == file_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(f"file {file_id}")
    if row.status != FileStatus.WORKING or row.worker != worker:
        raise NotAllowedNow(f"file {file_id} is no longer claimed by {worker}")


def close_file(connection: sa.Connection, file_id: str, status: FileStatus, worker: str | None) -> None:
    if status in (FileStatus.WORKING, FileStatus.LINKED):
        raise WrongUse(f"a file cannot be finished as {status}")
    if worker is not None:
        must_hold(connection, file_id, worker)
    connection.execute(
        t.batch_files.update()
        .where(t.batch_files.c.id == file_id)
        .values(status=status, worker=None, lease_until=None)
    )


def reopen(connection: sa.Connection, batch_id: str) -> None:
    """Work has come back to a batch: it is no longer finished."""
    connection.execute(
        t.batches.update().where(t.batches.c.id == batch_id).values(status=BatchStatus.OPEN, finished=None)
    )


def _claim(connection: sa.Connection, file_id: str, worker: str, lease_seconds: float) -> None:
    until = now() + timedelta(seconds=lease_seconds)
    connection.execute(
        t.batch_files.update()
        .where(t.batch_files.c.id == file_id)
        .values(status=FileStatus.WORKING, worker=worker, lease_until=until)
    )


def _handled(connection: sa.Connection, batch_id: str, sha256: str) -> bool:
    f = t.batch_files.c
    by_another = sa.or_(f.batch == batch_id, f.status == FileStatus.DONE)
    return connection.scalar(sa.select(f.id).where(f.source == sha256, by_another).limit(1)) is not None


def _keep_source(connection: sa.Connection, source: NewSource, path: str) -> None:
    stored = source.object.model_dump() if source.object else None
    connection.execute(
        insert(connection, t.sources)
        .values(
            sha256=source.sha256,
            name=path.replace("\\", "/").rsplit("/", 1)[-1],
            size=source.size,
            media_type=source.media_type,
            object=stored,
            pages=source.pages,
            signed=source.signed,
            signature_notes=source.signature_notes,
        )
        .on_conflict_do_nothing()
    )
    for column, value in ((t.sources.c.pages, source.pages), (t.sources.c.object, stored)):
        if value is not None:  # known now, perhaps not when the bytes first came
            connection.execute(
                t.sources.update()
                .where(t.sources.c.sha256 == source.sha256, column.is_(None))
                .values({column.name: value})
            )


def _new_batch_id() -> str:
    letters = "".join(secrets.choice(_ID_ALPHABET) for _ in range(6))
    return f"B-{now().astimezone(VIETNAM):%y%m%d}-{letters}"


def _batch(connection: sa.Connection, batch_id: str) -> BatchRow | None:
    row = connection.execute(sa.select(t.batches).where(t.batches.c.id == batch_id)).mappings().first()
    return _batch_row(row) if row else None


def _batch_row(row: sa.RowMapping) -> BatchRow:
    return BatchRow(**{**row, "status": BatchStatus(row["status"])})


def _files() -> sa.Select:
    s = t.sources.c
    extra = [c.label(f"source_{c.name}") for c in s]
    return sa.select(t.batch_files, *extra).select_from(t.batch_files.outerjoin(t.sources))


def _file(connection: sa.Connection, file_id: str) -> FileRow | None:
    row = connection.execute(_files().where(t.batch_files.c.id == file_id)).mappings().first()
    return _file_row(row) if row else None


def _file_row(row: sa.RowMapping) -> FileRow:
    source = None
    if row["source"] is not None:
        values = {c.name: row[f"source_{c.name}"] for c in t.sources.c}
        stored = values.pop("object")
        source = SourceRow(**values, object=ObjectRef(**stored) if stored else None)
    return FileRow(
        id=row["id"],
        batch=row["batch"],
        path=row["path"],
        source=source,
        status=FileStatus(row["status"]),
        worker=row["worker"],
        lease_until=row["lease_until"],
    )
