"""Fixity, replicas, retention and disposal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"

# Spelled out here, not taken from `storage.keeping.tables`: a migration says what was, and must not change with the code.
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

KEPT = ("disposal_lists", "disposal_items", "legal_holds", "handovers", "fixity_findings", "backup_runs", "packages")
"""What happened is evidence: no row of these is ever removed."""

SETTLED = {
    "disposal_lists": "OLD.finished_at IS NOT NULL",
    "disposal_items": "OLD.done_at IS NOT NULL",
    "legal_holds": "OLD.lifted_at IS NOT NULL",
    "fixity_findings": "OLD.healed_at IS NOT NULL",
}
"""And none of these is changed once it is settled."""


def upgrade() -> None:
    _objects()
    _moves()
    _terms()
    _records()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: is kept'); END"
        )
    for table, settled in SETTLED.items():
        op.execute(
            f"CREATE TRIGGER {table}_settled BEFORE UPDATE ON {table} WHEN {settled} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: is settled'); END"
        )


def _postgresql() -> None:
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION sohoa_append_only()"
        )
    for table, settled in SETTLED.items():
        op.execute(
            f"CREATE TRIGGER {table}_settled BEFORE UPDATE ON {table} "
            f"FOR EACH ROW WHEN ({settled}) EXECUTE FUNCTION sohoa_append_only()"
        )


def _objects() -> None:
    op.create_table(
        "object_places",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("place_version", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("checked_at", TIME, nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", "version", "place", name=op.f("pk_object_places")),
    )
    op.create_index("ix_object_places_due", "object_places", ["place", "checked_at"])
    op.create_index("ix_object_places_state", "object_places", ["place", "state"])
    op.create_table(
        "fixity_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("started", TIME, nullable=False),
        sa.Column("finished", TIME, nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("due_before", TIME, nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("damaged", sa.Integer(), nullable=False),
        sa.Column("missing", sa.Integer(), nullable=False),
        sa.Column("healed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_runs")),
    )
    op.create_index(op.f("ix_fixity_runs_started"), "fixity_runs", ["started"])
    op.create_table(
        "fixity_findings",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("run", sa.String(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("found_at", TIME, nullable=False),
        sa.Column("kept_key", sa.Text(), nullable=True),
        sa.Column("healed_at", TIME, nullable=True),
        sa.Column("healed_from", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fixity_findings")),
    )
    op.create_index(op.f("ix_fixity_findings_run"), "fixity_findings", ["run"])
    open_ones = sa.text("healed_at IS NULL")
    op.create_index(
        "uq_fixity_findings_open",
        "fixity_findings",
        ["key", "version", "place"],
        unique=True,
        sqlite_where=open_ones,
        postgresql_where=open_ones,
    )


def _moves() -> None:
    op.create_table(
        "store_moves",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("started", TIME, nullable=False),
        sa.Column("switched", TIME, nullable=True),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store_moves")),
    )


def _terms() -> None:
    op.create_table(
        "retention_terms",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("class", sa.String(length=64), nullable=False),
        sa.Column("starts", sa.String(length=10), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_retention_terms")),
    )
    op.create_index(op.f("ix_retention_terms_ends"), "retention_terms", ["ends"])
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("lifted_at", TIME, nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lift_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_holds")),
    )
    op.create_index(op.f("ix_legal_holds_subject"), "legal_holds", ["subject"])
    op.create_table(
        "disposal_lists",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", TIME, nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", TIME, nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("run_by", sa.Text(), nullable=True),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("record", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disposal_lists")),
    )
    op.create_table(
        "disposal_items",
        sa.Column("list", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("class", sa.String(length=64), nullable=False),
        sa.Column("ends", sa.String(length=10), nullable=False),
        sa.Column("objects", JSON, nullable=False),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("left_out", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["list"], ["disposal_lists.id"], name=op.f("fk_disposal_items_list")),
        sa.PrimaryKeyConstraint("list", "subject", name=op.f("pk_disposal_items")),
    )


def _records() -> None:
    op.create_table(
        "handovers",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("receiver", sa.String(length=32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "receiver", name=op.f("pk_handovers")),
    )
    op.create_table(
        "backup_runs",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("objects", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.String(length=64), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_runs")),
    )
    op.create_index(op.f("ix_backup_runs_at"), "backup_runs", ["at"])
    op.create_table(
        "packages",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("subjects", JSON, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", "kind", "direction", name=op.f("pk_packages")),
    )
