"""Tables of search. The index of terms itself is FTS5 on SQLite (`search_fts`) and a GIN index on PostgreSQL; see
docs/search.md and migration 0005."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSVECTOR

from storage.catalogue.tables import BigId, Text, UtcTime, metadata

Sorted = Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text in the order of its bytes, so that a beginning is a range on every database."""

search_rows = sa.Table(
    "search_rows",
    metadata,
    # Grows with the time of recording: newest first is downwards.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("document", sa.ForeignKey("documents.id"), nullable=False, unique=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("agency", Text),
    sa.Column("issued", sa.String(10)),
    sa.Column("valid_from", sa.String(10)),
    sa.Column("valid_to", sa.String(10)),
    sa.Column("state", sa.String(16)),
    sa.Column("unit", Text, nullable=False),
)
"""What results are filtered and counted by; narrow, because thousands of rows of it are read for one search."""

search_terms = sa.Table(
    "search_terms",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=False),
    sa.Column("terms", sa.LargeBinary().with_variant(TSVECTOR(), "postgresql"), nullable=False),
)
"""Terms of each record. SQLite: packed, needed to take a record out of the index again. PostgreSQL: what GIN indexes."""

search_words = sa.Table(
    "search_words",
    metadata,
    sa.Column("word", Sorted, primary_key=True),
    sa.Column("seen", sa.Integer, nullable=False),
)
"""Vocabulary. `seen`: in how many of the counted records; the row of the empty word holds how many were counted."""

search_word_parts = sa.Table(
    "search_word_parts",
    metadata,
    sa.Column("part", Text, primary_key=True),
    sa.Column("word", Text, primary_key=True),
)
"""Thirds of long words: two errors leave one third whole."""

validity_acts = sa.Table(
    "validity_acts",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("document", sa.ForeignKey("documents.id"), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("until", sa.String(10)),
    sa.Column("replaced_by", sa.String(32)),
    sa.Column("why", Text, nullable=False),
    sa.Column("source", Text, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""Who said when and why that a record is in force no more, or until when it is. Never changed."""
