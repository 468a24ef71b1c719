"""Finding records by any of their words, without minding case, tones or đ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from schemas.document import DocumentStatus
from storage.catalogue import tables as t
from storage.catalogue.batches import VIETNAM
from storage.catalogue.database import Database, insert
from storage.catalogue.documents import CHUNK, load
from storage.catalogue.events import now
from storage.catalogue.rows import DocumentRow, Hit
from storage.fold import fold_words

_CODES = ("id", "type", "doc_code", "result_code", "digitised_code", "dossier_code")


class Finding(Database):
    def find(self, query: str, limit: int = 20, offset: int = 0) -> tuple[int, list[Hit]]:
        """How many records hold every word of `query`, and a page of them, best first.

        The last word may be a beginning. Records where the words stand together come first. Rejected ones are
        left out. An empty query finds nothing.
        """
        words = fold_words(query).split()
        if not words:
            return 0, []
        with self.read() as connection:
            matching, score = self._sqlite(words) if self.is_sqlite else self._postgresql(words)
            d = t.documents.c
            base = (
                matching.join(t.documents, d.id == t.document_search.c.document)
                .where(~d.superseded, d.status != DocumentStatus.REJECTED)
                .add_columns(score.label("score"))
            )
            total = connection.scalar(sa.select(sa.func.count()).select_from(base.subquery()))
            rows = connection.execute(base.order_by(sa.desc("score"), d.id).limit(limit).offset(offset)).all()
            scores = dict(rows)
            found = load(connection, [document for document, _ in rows])
        today = now().astimezone(VIETNAM).date()
        return total, [_hit(row, scores[row.id], today) for row in found]

    def _sqlite(self, words: list[str]) -> tuple[sa.Select, sa.ColumnElement[float]]:
        fts = sa.table("document_fts", sa.column("rowid"), sa.column("rank"))
        # Folded words hold letters and digits only, so quoting them is enough.
        terms = " ".join(f'"{w}"' for w in words) + "*"
        s = t.document_search
        select = (
            sa.select(s.c.document)
            .join(fts, fts.c.rowid == s.c.id)
            .where(sa.literal_column("document_fts").op("MATCH")(terms))
        )
        together = sa.func.instr(s.c.folded, " ".join(words)) > 0
        # bm25 is negative, more so for better matches; brought to 0..1 as PostgreSQL's rank is below.
        return select, sa.case((together, 1.0), else_=0.0) - fts.c.rank / (1.0 - fts.c.rank)

    def _postgresql(self, words: list[str]) -> tuple[sa.Select, sa.ColumnElement[float]]:
        s = t.document_search
        vector = sa.func.to_tsvector(sa.literal_column("'simple'"), s.c.folded)
        terms = sa.func.to_tsquery(sa.literal_column("'simple'"), " & ".join(f"'{w}'" for w in words) + ":*")
        select = sa.select(s.c.document).where(vector.op("@@")(terms))
        together = sa.func.strpos(s.c.folded, " ".join(words)) > 0
        return select, sa.case((together, 1.0), else_=0.0) + sa.func.ts_rank(vector, terms, 32)


def index_documents(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Write again the folded text by which these documents are found. Part of the transaction that changed
    them."""
    d, f = t.documents.c, t.fields.c
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        words: dict[str, list[str]] = {}
        for row in connection.execute(
            sa.select(*(d[name] for name in _CODES), d.text).where(d.id.in_(chunk))
        ):
            words[row.id] = [part for part in row if part]
        for row in connection.execute(sa.select(f.document, f.value, f.printed).where(f.document.in_(chunk))):
            words[row.document] += [part for part in (row.value, row.printed) if part]
        statement = insert(connection, t.document_search)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["document"], set_={"folded": statement.excluded.folded}
            ),
            [{"document": i, "folded": fold_words(" ".join(parts))} for i, parts in words.items()],
        )


def _hit(row: DocumentRow, score: float, today: date) -> Hit:
    return Hit(
        id=row.id,
        type=row.type,
        score=round(float(score), 4),
        fields={name: field.value for name, field in row.fields.items()},
        validity=validity(row, today),
        status=row.status,
        doc_code=row.doc_code,
        source=row.source,
        pages=row.pages,
    )


def validity(row: DocumentRow, today: date) -> str:
    """in_force | expired | not_yet | unknown. No end date may mean "for ever" or "not read": unknown."""
    day = today.isoformat()
    if row.valid_from and row.valid_from > day:
        return "not_yet"
    if row.valid_to is None:
        return "unknown"
    return "expired" if row.valid_to < day else "in_force"
