"""Tables of the audit chain. Rows are only ever added; the head says which is the last."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue.tables import BigId, Text, metadata

audit_log = sa.Table(
    "audit_log",
    metadata,
    # No sequence of the database: it would leave gaps where a transaction failed, and a gap has to mean a removed row.
    sa.Column("seq", BigId, primary_key=True, autoincrement=False),
    # Text, ISO 8601, UTC, microseconds: hashed as it stands, and the same on every database.
    sa.Column("at", sa.String(32), nullable=False, index=True),
    sa.Column("who", Text, nullable=False),
    sa.Column("actor", sa.String(32), nullable=False),
    sa.Column("via", sa.String(16), nullable=False),
    sa.Column("unit", sa.String(32), nullable=False),
    sa.Column("address", Text, nullable=False),
    sa.Column("action", Text, nullable=False),
    sa.Column("object", Text, nullable=False, index=True),
    sa.Column("why", Text, nullable=False),
    # JSON as text: what was hashed must come back letter by letter.
    sa.Column("detail", Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

audit_head = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
