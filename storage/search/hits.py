"""Records as an answer shows them: read without their evidence, which nobody sees in a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from schemas.document import DocumentStatus
from storage.catalogue import tables as t
from storage.catalogue.rows import Hit
from storage.search.query import Match, Query
from storage.search.snippets import LOOKED_AT, marked
from storage.search.tables import search_rows
from storage.search.terms import AGENCIES, ISSUED
from storage.search.validity import validity_of, why
from storage.search.vocabulary import among

SCORES = {
    Match.EXACT: 1.0, Match.WHOLE: 0.9, Match.TOGETHER: 0.8, Match.WORDS: 0.6, Match.BEGINNING: 0.4,
    Match.SPELLING: 0.2, Match.FILTER: 1.0,
}  # fmt: skip
_SHOWN = (
    "id", "type", "status", "doc_code", "source", "pages", "batch", "dossier_code", "valid_from", "valid_to",
    "validity_state", "validity_until", "validity_reason", "validity_changed", "replaced_by",
)  # fmt: skip


@dataclass(frozen=True)
class Record:
    """A record of an answer. `row`: columns of `documents` and its batch, with the beginning of the text."""

    row: sa.Row
    values: dict[str, str | None]


def found_records(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, Record]:
    """By row number; one that was taken out of the index a moment ago is missing."""
    if not numbers:
        return {}
    d, f, r, b = t.documents.c, t.fields.c, search_rows.c, t.batches.c
    text = sa.func.substr(d.text, 1, LOOKED_AT).label("text")
    query = sa.select(r.id.label("number"), text, b.unit, b.made_by, *(d[name] for name in _SHOWN))
    query = query.join_from(search_rows, t.documents, r.document == d.id).join(t.batches, b.id == d.batch)
    rows = {
        row.number: row for row in connection.execute(query.where(among(connection, r.id, numbers))).all()
    }
    ids = [row.id for row in rows.values()]
    values: dict[str, dict[str, str | None]] = {i: {} for i in ids}
    query = sa.select(f.document, f.name, f.value).where(among(connection, f.document, ids))
    for document, name, value in connection.execute(query.order_by(f.document, f.position, f.name)).all():
        values[document][name] = value
    return {number: Record(row, values[row.id]) for number, row in rows.items()}


def hit(
    record: Record, match: Match, today: date, query: Query, words: Sequence[str], beginnings: Sequence[str]
) -> Hit:
    """As it is shown, with the `words` (and words with such `beginnings`) that were found marked."""
    row, values = record.row, record.values
    return Hit(
        id=row.id,
        type=row.type,
        score=SCORES[match],
        fields=values,
        validity=str(validity_of(row, today, query.without_limit)),
        status=DocumentStatus(row.status),
        doc_code=row.doc_code,
        source=row.source,
        pages=row.pages,
        match=str(match),
        snippets=marked(row.text, values, words, beginnings) if query.highlights else (),
        validity_reason=why(row, today, query.without_limit),
        batch=row.batch,
        unit=row.unit or "",
        made_by=row.made_by or "",
        dossier_code=row.dossier_code,
        issued=next((values[name] for name in ISSUED if values.get(name)), None),
        agency=next((values[name] for name in AGENCIES if values.get(name)), None),
    )
