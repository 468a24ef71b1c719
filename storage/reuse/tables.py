"""Tables of reuse and of the REST API, in the catalogue's database. What was used, looked up and put is append-only."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue import tables as t
from storage.catalogue.tables import Json, Text, UtcTime, metadata

reuses = sa.Table(
    "reuses",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("document", sa.ForeignKey("documents.id"), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("dossier", Text, nullable=False, index=True),
    sa.Column("purpose", Text, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("actor_name", Text, nullable=False),
    sa.Column("unit", Text, nullable=False),
    sa.Column("right", sa.String(32), nullable=False),
    sa.Column("via", sa.String(16), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    # Local day, Asia/Ho_Chi_Minh: quarters and years are cut by it.
    sa.Column("day", sa.String(10), nullable=False),
    sa.Index("ix_reuses_day_unit", "day", "unit"),
)

lookups = sa.Table(
    "lookups",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    # In clear, so that a person can be told who looked for their papers (Luật 91/2025/QH15); never in events or logs.
    sa.Column("id_number", Text, nullable=False, index=True),
    sa.Column("kind", Text, nullable=False),
    sa.Column("dossier", Text, nullable=False),
    sa.Column("purpose", Text, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("unit", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("answered_by", sa.String(16), nullable=False),
    sa.Column("simulated", sa.Boolean, nullable=False),
    # Places asked, what each said or why it did not; ids of records, no values.
    sa.Column("steps", Json, nullable=False),
    sa.Column("documents", Json, nullable=False),
)

requests = sa.Table(
    "api_requests",
    metadata,
    sa.Column("client", Text, primary_key=True),
    sa.Column("key", Text, primary_key=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("holder", sa.String(32), nullable=False),
    sa.Column("begun", UtcTime, nullable=False, index=True),
    sa.Column("lease_until", UtcTime, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("headers", Json),
    sa.Column("body", Json),
)

imports = sa.Table(
    "api_imports",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("source", sa.String(64), nullable=False, unique=True),
    sa.Column("doc_code", Text, unique=True),
    sa.Column("batch", sa.String(32), nullable=False, index=True),
    sa.Column("facts", Json, nullable=False),
    sa.Column("unit", Text, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)

put_versions = sa.Table(
    "api_versions",
    metadata,
    sa.Column("document", sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("pages", sa.Integer, nullable=False),
    sa.Column("facts", Json, nullable=False),
    sa.Column("actor", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)

by_code = sa.Index(
    "ix_documents_code", t.documents.c.code_office, t.documents.c.code_field, t.documents.c.serial
)
"""A DocCode of an earlier version is found by what does not change in it."""
