"""Writing the index: part of the transaction that changes a record, once for each record of it."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from schemas.document import DocumentStatus
from storage.catalogue import tables as t
from storage.catalogue.database import at_the_end
from storage.search.tables import search_rows, search_terms
from storage.search.terms import Facts, terms_of
from storage.search.vocabulary import add_words, among

_CHUNK = 500
_known: weakref.WeakKeyDictionary[sa.Engine, set[str]] = weakref.WeakKeyDictionary()
"""Words that this process has seen committed in each database."""
_KNOWN_AT_MOST = 500_000


def index_documents(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Bring the index to what these records are when the transaction ends."""
    if ids:
        # The name decides the place among the last acts of a transaction (`Database.write`): after everything that
        # changes records, before the audit chain, whose lock all writers share.
        at_the_end(connection, "search", _index, list(ids))


def rebuild_if_empty(connection: sa.Connection) -> int:
    """Index every record that stands, newest ones highest, where none is; gives how many. A migration that changes how
    the index is made empties it."""
    d = t.documents.c
    if connection.scalar(sa.select(search_rows.c.id).limit(1)):
        return 0
    ids = connection.scalars(sa.select(d.id).where(~d.superseded).order_by(d.created, d.id)).all()
    for start in range(0, len(ids), _CHUNK):
        _index(connection, [ids[start : start + _CHUNK]])
    return len(ids)


def add_facts(connection: sa.Connection, facts: Sequence[Facts]) -> Callable[[], None]:
    """Index records that are not indexed yet, in this order; to be called after the commit: what is given back."""
    found = {f.id: terms_of(f) for f in facts}
    numbers = _numbers(connection, len(facts))
    _insert(connection, [(n, f, found[f.id]) for n, f in zip(numbers, facts, strict=True)])
    return _add_words(connection, found, set(found))


def _index(connection: sa.Connection, items: list[Sequence[str]]) -> Callable[[], None]:
    wanted = list(dict.fromkeys(i for ids in items for i in ids))
    afterwards = []
    for start in range(0, len(wanted), _CHUNK):
        chunk = wanted[start : start + _CHUNK]
        facts = _facts(connection, chunk)
        before = _before(connection, chunk)
        _remove(connection, [row for document, row in before.items() if document not in facts])
        fresh = [f for document, f in facts.items() if document not in before]
        if fresh:
            afterwards.append(add_facts(connection, fresh))
        changed = {f.id: terms_of(f) for f in facts.values() if f.id in before}
        if changed:
            _update(connection, [(before[i], facts[i], terms) for i, terms in changed.items()])
            afterwards.append(_add_words(connection, changed, set()))

    def committed() -> None:
        for act in afterwards:
            act()

    return committed


def _facts(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Facts]:
    """Of those of these records that are to be found."""
    d, f, b = t.documents.c, t.fields.c, t.batches.c
    fields: dict[str, list[tuple[str, str | None, str | None]]] = {i: [] for i in ids}
    query = sa.select(f.document, f.name, f.value, f.printed).where(among(connection, f.document, ids))
    for row in connection.execute(query.order_by(f.document, f.position, f.name)):
        fields[row.document].append((row.name, row.value, row.printed))
    query = (
        sa.select(
            d.id,
            d.type,
            d.text,
            d.status,
            d.dossier_code,
            d.doc_code,
            d.result_code,
            d.digitised_code,
            d.code_office,
            d.valid_from,
            d.valid_to,
            d.validity_state,
            d.validity_until,
            b.unit,
            b.made_by,
        )  # fmt: skip
        .join(t.batches, b.id == d.batch)
        .where(among(connection, d.id, ids), ~d.superseded, d.status != DocumentStatus.REJECTED)
    )
    rows = {row.id: row for row in connection.execute(query)}
    return {
        i: Facts(
            id=i,
            kind=row.type,
            text=row.text,
            fields=fields[i],
            status=row.status,
            unit=row.unit or "",
            made_by=row.made_by or "",
            dossier_code=row.dossier_code,
            doc_code=row.doc_code,
            result_code=row.result_code,
            digitised_code=row.digitised_code,
            office=row.code_office,
            valid_from=row.valid_from,
            # An act that says "in force" without a day takes the limit away.
            valid_to=row.validity_until or (None if row.validity_state == "in_force" else row.valid_to),
            state=row.validity_state,
        )
        for i in ids
        if (row := rows.get(i))
    }


def _before(connection: sa.Connection, ids: Sequence[str]) -> dict[str, sa.Row]:
    r, s = search_rows.c, search_terms.c
    # Only SQLite has to say what it takes out.
    terms = s.terms if connection.dialect.name == "sqlite" else sa.null().label("terms")
    query = (
        sa.select(r.id, r.document, terms)
        .join(search_terms, s.id == r.id)
        .where(among(connection, r.document, ids))
    )
    return {row.document: row for row in connection.execute(query)}


def _row(number: int, facts: Facts) -> dict[str, Any]:
    return {
        "id": number,
        "document": facts.id,
        "kind": facts.kind,
        "agency": facts.agency,
        "issued": facts.issued,
        "valid_from": facts.valid_from,
        "valid_to": facts.valid_to,
        "state": facts.state,
        "unit": facts.unit,
    }


def _insert(connection: sa.Connection, records: Sequence[tuple[int, Facts, set[str]]]) -> None:
    connection.execute(search_rows.insert(), [_row(number, facts) for number, facts, _ in records])
    if connection.dialect.name == "sqlite":
        lines = [(number, " ".join(sorted(terms))) for number, _, terms in records]
        connection.execute(search_terms.insert(), [{"id": n, "terms": _packed(line)} for n, line in lines])
        # Upwards, as FTS5 wants it: out of order it writes a segment for each row.
        connection.exec_driver_sql(_ADD, [(-number, line) for number, line in reversed(lines)])
    else:
        connection.execute(
            search_terms.insert().values(id=sa.bindparam("id"), terms=_VECTOR),
            [{"id": number, "words": list(terms)} for number, _, terms in records],
        )


def _update(connection: sa.Connection, records: Sequence[tuple[sa.Row, Facts, set[str]]]) -> None:
    r, s = search_rows.c, search_terms.c
    for row, facts, terms in records:
        values = {
            name: value for name, value in _row(row.id, facts).items() if name not in ("id", "document")
        }
        connection.execute(search_rows.update().where(r.id == row.id).values(**values))
        if connection.dialect.name != "sqlite":
            statement = search_terms.update().where(s.id == row.id, s.terms.is_distinct_from(_VECTOR))
            connection.execute(statement.values(terms=_VECTOR), {"words": list(terms)})
            continue
        line = " ".join(sorted(terms))
        if row.terms != (packed := _packed(line)):
            _take_out(connection, [row])
            connection.execute(search_terms.update().where(s.id == row.id).values(terms=packed))
            connection.exec_driver_sql(_ADD, (-row.id, line))


def _remove(connection: sa.Connection, rows: Sequence[sa.Row]) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        _take_out(connection, rows)
    ids = [row.id for row in rows]
    connection.execute(search_terms.delete().where(among(connection, search_terms.c.id, ids)))
    connection.execute(search_rows.delete().where(among(connection, search_rows.c.id, ids)))


def _take_out(connection: sa.Connection, rows: Iterable[sa.Row]) -> None:
    """FTS5 keeps no text here and has to be told what to remove, word for word."""
    connection.exec_driver_sql(
        "INSERT INTO search_fts (search_fts, rowid, terms) VALUES ('delete', ?, ?)",
        [(-row.id, unpacked(row.terms)) for row in sorted(rows, key=lambda row: -row.id)],
    )


def _numbers(connection: sa.Connection, count: int) -> list[int]:
    if connection.dialect.name == "sqlite":  # the transaction holds the lock of writing
        last = connection.scalar(sa.select(sa.func.max(search_rows.c.id))) or 0
        return list(range(last + 1, last + 1 + count))
    query = "SELECT nextval('search_rows_id_seq') FROM generate_series(1, :count)"
    return sorted(connection.scalars(sa.text(query), {"count": count}))


def _add_words(connection: sa.Connection, found: dict[str, set[str]], fresh: set[str]) -> Callable[[], None]:
    known = _known.setdefault(connection.engine, set())
    if len(known) > _KNOWN_AT_MOST:
        known.clear()
    return add_words(connection, found, fresh, known)


def _packed(line: str) -> bytes:
    return zlib.compress(line.encode(), 1)


def unpacked(terms: bytes) -> str:
    """Terms of a record on SQLite, with a space between two."""
    return zlib.decompress(terms).decode()


_ADD = "INSERT INTO search_fts (rowid, terms) VALUES (?, ?)"
"""Row ids are negative there, so that the newest record is met first: FTS5 reads upwards three times as fast as downwards."""
_VECTOR = sa.func.array_to_tsvector(sa.bindparam("words", type_=postgresql.ARRAY(sa.Text)))
