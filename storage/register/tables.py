"""Tables of the registers, in the catalogue's database. Rows of what happened are append-only by triggers; only a
book's last number, the clock floor, and the closing of books and volumes are ever updated."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue.tables import Json, Text, UtcTime, metadata

books = sa.Table(
    "register_books",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("agency", Text, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("symbol", Text, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("first_number", sa.Integer, nullable=False),
    sa.Column("last_number", sa.Integer, nullable=False),
    # No row is dated before this; normally the moment of the last row.
    sa.Column("floor", UtcTime),
    sa.Column("opened", UtcTime, nullable=False),
    sa.Column("opened_by", Text, nullable=False),
    sa.Column("opening_note", Text, nullable=False),
    sa.Column("closed", UtcTime),
    sa.Column("closed_by", Text),
    sa.Column("closing_note", Text, nullable=False),
    sa.Column("totals", Json),
    sa.UniqueConstraint("agency", "kind", "year"),
)

volumes = sa.Table(
    "register_volumes",
    metadata,
    sa.Column("book", sa.ForeignKey("register_books.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("label", Text, nullable=False),
    sa.Column("carried", sa.Boolean, nullable=False),
    sa.Column("first_number", sa.Integer, nullable=False),
    sa.Column("last_number", sa.Integer),
    sa.Column("opened", UtcTime, nullable=False),
    sa.Column("opened_by", Text, nullable=False),
    sa.Column("closed", UtcTime),
    sa.Column("closed_by", Text),
)

entries = sa.Table(
    "register_entries",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("book", sa.ForeignKey("register_books.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("volume", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("symbol", Text, nullable=False),
    sa.Column("recorded_at", UtcTime, nullable=False),
    # Local day, Asia/Ho_Chi_Minh: months and years are cut by it.
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("taken_by", Text, nullable=False),
    sa.Column("request_key", Text, nullable=False, unique=True),
    sa.Column("requester", Text, nullable=False),
    sa.Column("original", Text, nullable=False),
    sa.Column("signer", Text, nullable=False),
    sa.Column("signer_title", Text, nullable=False),
    sa.Column("copies", sa.Integer, nullable=False),
    sa.Column("fee", sa.BigInteger, nullable=False),
    sa.Column("note", Text, nullable=False),
    sa.Column("place", Text, nullable=False),
    sa.Column("document", Text, nullable=False),
    sa.Column("pages", sa.Integer, nullable=False),
    sa.UniqueConstraint("book", "number"),
    sa.ForeignKeyConstraint(["book", "volume"], ["register_volumes.book", "register_volumes.position"]),
)

outcomes = sa.Table(
    "register_outcomes",
    metadata,
    sa.Column("entry", sa.ForeignKey("register_entries.id"), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("reason", Text),
    sa.Column("evidence", Json),
)

issued = sa.Table(
    "register_copies",
    metadata,
    sa.Column("entry", sa.ForeignKey("register_entries.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("sha256", sa.String(64), unique=True),
    sa.Column("code", Text, unique=True),
    sa.Column("electronic", sa.Boolean, nullable=False),
)

renewals = sa.Table(
    "register_renewals",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("entry", sa.ForeignKey("register_entries.id"), nullable=False, index=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
)

cancellations = sa.Table(
    "register_cancellations",
    metadata,
    sa.Column("entry", sa.ForeignKey("register_entries.id"), primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("decision", Text, nullable=False),
    sa.Column("decision_date", sa.String(10), nullable=False),
    sa.Column("decided_by", Text, nullable=False),
    sa.Column("reason", Text, nullable=False),
)

notes = sa.Table(
    "register_notes",
    metadata,
    sa.Column("entry", sa.ForeignKey("register_entries.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("text", Text, nullable=False),
)

months = sa.Table(
    "register_months",
    metadata,
    sa.Column("book", sa.ForeignKey("register_books.id"), primary_key=True),
    sa.Column("month", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("totals", Json, nullable=False),
)

prints = sa.Table(
    "register_prints",
    metadata,
    sa.Column("book", sa.ForeignKey("register_books.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("month", sa.Integer),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("numbers", sa.Integer, nullable=False),
)

refusals = sa.Table(
    "register_refusals",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("request_key", Text, nullable=False, unique=True),
    sa.Column("agency", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("requester", Text, nullable=False),
    sa.Column("original", Text, nullable=False),
    sa.Column("reasons", Json, nullable=False),
    sa.Column("explanation", Text, nullable=False),
    sa.Column("officer", Text, nullable=False),
    sa.Column("officer_title", Text, nullable=False),
    sa.Column("template", Text, nullable=False),
    sa.Column("notice", Text, nullable=False),
)
