"""Tables of the catalogue, for SQLite and PostgreSQL. A change needs a migration (tests compare the two)."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

_SURROGATE = re.compile("[\ud800-\udfff]")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def cleaned(value: object) -> object:
    """Without NUL, half characters and numbers that are none, also inside lists and mappings. Text layers of
    PDFs, file names from old disks and measures of blank pages carry them; PostgreSQL keeps none of them."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value).replace("\0", "")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {cleaned(k): cleaned(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(v) for v in value]
    return value


class Text(sa.TypeDecorator):
    """Text that every database can keep."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        return cleaned(value)


class UtcTime(sa.TypeDecorator):
    """Aware times in and out; SQLite keeps them as UTC text, which sorts by time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Json = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("dossier_code", Text),
    sa.Column("declared_pages", sa.Integer),
    sa.Column("settings_hash", Text, nullable=False),
    sa.Column("legal_basis", Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created", UtcTime, nullable=False, index=True),
    sa.Column("finished", UtcTime),
    sa.Column("unit", sa.String(32), index=True),
    sa.Column("made_by", sa.String(32), index=True),
)

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("media_type", Text, nullable=False),
    sa.Column("object", Json),
    sa.Column("pages", sa.Integer),
    sa.Column("signed", sa.Boolean, nullable=False),
    sa.Column("signature_notes", Json, nullable=False),
)

batch_files = sa.Table(
    "batch_files",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("batch", sa.ForeignKey("batches.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("path", Text, nullable=False),
    sa.Column("source", sa.ForeignKey("sources.sha256"), index=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("worker", Text),
    sa.Column("lease_until", UtcTime),
    sa.Index("ix_batch_files_claim", "batch", "status", "position"),
)

pages = sa.Table(
    "pages",
    metadata,
    sa.Column("source", sa.ForeignKey("sources.sha256"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("rotation", sa.Integer, nullable=False),
    sa.Column("quality", Json),
    sa.Column("reading_key", Text),
)

steps = sa.Table(
    "steps",
    metadata,
    sa.Column("input_hash", Text, primary_key=True),
    sa.Column("step", Text, primary_key=True),
    sa.Column("version", Text, primary_key=True),
    sa.Column("settings_hash", Text, primary_key=True),
    sa.Column("result", Json),
    sa.Column("result_key", Text),
    sa.Column("made", UtcTime, nullable=False),
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("batch", sa.ForeignKey("batches.id"), nullable=False, index=True),
    sa.Column("source", sa.ForeignKey("sources.sha256"), nullable=False, index=True),
    sa.Column("pages", Json, nullable=False),
    sa.Column("first_page", sa.Integer, nullable=False),
    sa.Column("type", Text, nullable=False),
    sa.Column("type_confidence", sa.Float, nullable=False),
    sa.Column("rotation", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("superseded", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    # What its number was taken for; V2 keeps the number even when the settings have changed since.
    sa.Column("code_office", Text),
    sa.Column("code_field", Text),
    sa.Column("serial", sa.Integer),
    sa.Column("result_code", Text, unique=True),
    sa.Column("digitised_code", Text),
    sa.Column("doc_code", Text, unique=True),
    sa.Column("dossier_code", Text),
    sa.Column("valid_from", sa.String(10)),
    sa.Column("valid_to", sa.String(10)),
    sa.Column("archive", Json),
    sa.Column("text", Text, nullable=False),
    sa.Column("tables", Json, nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("changed", UtcTime, nullable=False),
    sa.Column("confirmed_by", Text),
    sa.Column("reason", Text),
    # Newest act on validity; all of them stand in `validity_acts` (storage/search/tables.py).
    sa.Column("validity_state", sa.String(16)),
    sa.Column("validity_until", sa.String(10)),
    sa.Column("validity_reason", Text),
    sa.Column("validity_changed", UtcTime),
    sa.Column("replaced_by", sa.String(32)),
    # First signed, handed to the Kho and reused, last checked: put here by triggers on versions, events, uses (migration 0010).
    sa.Column("signed_at", UtcTime),
    sa.Column("synchronised_at", UtcTime),
    sa.Column("reused_at", UtcTime),
    sa.Column("checked_at", UtcTime),
)

document_pages = sa.Table(
    "document_pages",
    metadata,
    sa.Column("document", sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("page", sa.Integer, primary_key=True),
    sa.ForeignKeyConstraint(["source", "page"], ["pages.source", "pages.number"]),
    sa.Index("ix_document_pages_source_page", "source", "page"),
)

document_versions = sa.Table(
    "document_versions",
    metadata,
    sa.Column("document", sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("archive", Json, nullable=False),
    sa.Column("made", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("why", Text, nullable=False),
)

fields = sa.Table(
    "fields",
    metadata,
    sa.Column("document", sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("name", Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("value", Text),
    sa.Column("printed", Text),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("box", Json),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("source", Text, nullable=False),
    sa.Column("handwritten", sa.Boolean, nullable=False),
    sa.Column("checks", Json, nullable=False),
)

field_history = sa.Table(
    "field_history",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("document", sa.ForeignKey("documents.id"), nullable=False, index=True),
    sa.Column("field", Text, nullable=False),
    sa.Column("old_value", Text),
    sa.Column("new_value", Text),
    sa.Column("old_status", sa.String(16)),
    sa.Column("new_status", sa.String(16), nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("why", Text, nullable=False),
    # What was corrected had been written by hand; NULL before migration 0010, where the field itself tells.
    sa.Column("handwritten", sa.Boolean),
)

document_checks = sa.Table(
    "document_checks",
    metadata,
    sa.Column("document", sa.ForeignKey("documents.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("code", Text, nullable=False),
    sa.Column("result", sa.String(16), nullable=False),
    sa.Column("fields", Json, nullable=False),
    sa.Column("detail", Text, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("batch", sa.ForeignKey("batches.id"), nullable=False, index=True),
    sa.Column("file", sa.ForeignKey("batch_files.id"), nullable=False, index=True),
    sa.Column("source", sa.ForeignKey("sources.sha256")),
    sa.Column("page", sa.Integer),
    sa.Column("code", Text, nullable=False),
    sa.Column("detail", Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, index=True),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("who", Text),
    sa.Column("reason", Text, nullable=False),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("what", Text, nullable=False),
    sa.Column("object", Text, nullable=False, index=True),
    sa.Column("detail", Json, nullable=False),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
