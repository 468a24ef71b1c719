"""Tables of units, users, their roles, sessions and tokens. Secrets stand here as hashes only."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue.tables import Json, Text, UtcTime, metadata

units = sa.Table(
    "units",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("code", Text, nullable=False, index=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("folded", Text, nullable=False, index=True),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("parent", sa.ForeignKey("units.id"), index=True),
    sa.Column("valid_from", sa.String(10)),
    sa.Column("valid_to", sa.String(10)),
    sa.Column("made", UtcTime, nullable=False),
)

unit_successors = sa.Table(
    "unit_successors",
    metadata,
    sa.Column("unit", sa.ForeignKey("units.id"), primary_key=True),
    sa.Column("successor", sa.ForeignKey("units.id"), primary_key=True, index=True),
    sa.Column("day", sa.String(10), nullable=False),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("login", Text, nullable=False, unique=True),
    # Two logins that look alike to a person have the same one.
    sa.Column("skeleton", Text, nullable=False, unique=True),
    sa.Column("unit", sa.ForeignKey("units.id")),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("password", Text),
    sa.Column("password_changed", UtcTime),
    sa.Column("made", UtcTime, nullable=False),
    sa.Column("made_by", Text, nullable=False),
)

user_roles = sa.Table(
    "user_roles",
    metadata,
    sa.Column("user", sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("role", sa.String(16), primary_key=True),
    # Empty: everywhere. A part of the key cannot be NULL.
    sa.Column("unit", sa.String(32), primary_key=True),
    sa.Column("subtree", sa.Boolean, nullable=False),
    sa.Column("given", UtcTime, nullable=False),
    sa.Column("given_by", Text, nullable=False),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # SHA-256 of the token
    sa.Column("user", sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("made", UtcTime, nullable=False),
    sa.Column("seen", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("ended", UtcTime),
    sa.Column("address", Text, nullable=False),
)

api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("secret", sa.String(64), nullable=False, unique=True),  # SHA-256 of 256 random bits
    sa.Column("name", Text, nullable=False),
    sa.Column("owner", sa.ForeignKey("users.id"), index=True),
    sa.Column("unit", sa.ForeignKey("units.id")),
    sa.Column("subtree", sa.Boolean, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("made", UtcTime, nullable=False),
    sa.Column("made_by", Text, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("revoked", UtcTime),
    sa.Column("used", UtcTime),
)

identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", Text, primary_key=True),
    sa.Column("subject", Text, primary_key=True),
    sa.Column("user", sa.ForeignKey("users.id"), nullable=False, index=True),
    sa.Column("made", UtcTime, nullable=False),
)

one_time_codes = sa.Table(
    "one_time_codes",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),  # SHA-256 of the code
    sa.Column("made", UtcTime, nullable=False),
    sa.Column("expires", UtcTime, nullable=False),
    sa.Column("used", UtcTime),
)

login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("wait", sa.Float, nullable=False),  # seconds from `at`
    # The same moment on the clock that runs from the start of the machine, where it has one.
    sa.Column("boot", Text, nullable=False),
    sa.Column("boot_seconds", sa.Float, nullable=False),
)
