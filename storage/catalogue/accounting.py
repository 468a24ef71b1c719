"""Pages in = pages in documents + blank + separator + quarantined (DESIGN decision 5)."""

from __future__ import annotations

import sqlalchemy as sa

from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow
from storage.catalogue import tables as t
from storage.catalogue.batches import known_batch
from storage.catalogue.database import Database
from storage.catalogue.events import add_event, now
from storage.catalogue.rows import BatchStatus, BatchSummary, FileStatus, PageStatus


class Accounting(Database):
    def batch_summary(self, batch_id: str) -> BatchSummary:
        """Raises NotFound."""
        with self.read() as connection:
            return _summary(connection, batch_id)

    def finish_batch(
        self, batch_id: str, *, who: str = "system", mismatch_reason: str | None = None
    ) -> BatchSummary:
        """Close a batch that adds up; again for a finished one changes nothing.

        Raises NotAllowedNow when files are not done, pages do not add up, or the number differs from what was
        declared and nobody said why (`mismatch_reason`).
        """
        with self.write() as connection:
            summary = _summary(connection, batch_id)
            if summary.batch.status is BatchStatus.FINISHED:
                return summary
            if not summary.adds_up:
                raise NotAllowedNow("; ".join(summary.problems))
            if summary.declared_matches is False and not mismatch_reason:
                raise NotAllowedNow(
                    f"{summary.declared_pages} pages were declared, {summary.pages_in} came in"
                )
            connection.execute(
                t.batches.update()
                .where(t.batches.c.id == batch_id)
                .values(status=BatchStatus.FINISHED, finished=now())
            )
            add_event(
                connection, who, "batch_finished", batch_id, pages=summary.pages_in, reason=mismatch_reason
            )
            return _summary(connection, batch_id)


def _summary(connection: sa.Connection, batch_id: str) -> BatchSummary:
    batch = known_batch(connection, batch_id)
    f, p, dp, d = t.batch_files.c, t.pages.c, t.document_pages.c, t.documents.c
    sources = sa.select(f.source).where(f.batch == batch_id, f.source.is_not(None)).distinct()
    files = _counts(connection, sa.select(f.status, sa.func.count()).where(f.batch == batch_id), f.status)
    pages = _counts(connection, sa.select(p.status, sa.func.count()).where(p.source.in_(sources)), p.status)
    documents = _counts(
        connection,
        sa.select(d.status, sa.func.count()).where(d.source.in_(sources), ~d.superseded),
        d.status,
    )
    pages_in = connection.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(t.sources.c.pages), 0)).where(t.sources.c.sha256.in_(sources))
    )
    in_documents = connection.scalar(
        sa.select(sa.func.count()).select_from(
            sa.select(dp.source, dp.page).where(dp.source.in_(sources)).distinct().subquery()
        )
    )
    summary = BatchSummary(
        batch=batch,
        files={FileStatus(k): n for k, n in files.items()},
        pages_in=pages_in,
        in_documents=in_documents,
        blank=pages.get(PageStatus.BLANK, 0),
        separator=pages.get(PageStatus.SEPARATOR, 0),
        quarantined=pages.get(PageStatus.QUARANTINED, 0),
        documents={DocumentStatus(k): n for k, n in documents.items()},
        problems=[],
    )
    summary.problems.extend(_problems(connection, sources, summary, pages))
    return summary


def _problems(
    connection: sa.Connection, sources: sa.Select, summary: BatchSummary, pages: dict[str, int]
) -> list[str]:
    dp, d = t.document_pages.c, t.documents.c
    problems = []
    if summary.unfinished:
        problems.append(f"{summary.unfinished} files are not done")
    if summary.unaccounted:
        problems.append(f"{summary.unaccounted} of {summary.pages_in} pages are unaccounted for")
    twice = connection.execute(
        sa.select(dp.source, dp.page)
        .join(t.documents, d.id == dp.document)
        .where(dp.source.in_(sources))
        .group_by(dp.source, dp.page)
        .having(sa.func.count() > 1)
    ).all()
    if twice:
        problems.append(f"{len(twice)} pages are in more than one document")
    if pages.get(PageStatus.DOCUMENT, 0) != summary.in_documents:
        marked = pages.get(PageStatus.DOCUMENT, 0)
        problems.append(f"{marked} pages are marked as document, {summary.in_documents} are in one")
    return problems


def _counts(connection: sa.Connection, query: sa.Select, column: sa.Column) -> dict[str, int]:
    return {status: count for status, count in connection.execute(query.group_by(column))}
