"""The digitisation plan and the lists it is measured against."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"

# Spelled out here, not taken from `storage.plan`: a migration says what was, and must not change with the code.
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TAKEN = sa.text("ended_at IS NULL AND state IN ('sure', 'confirmed')")
CURRENT = sa.text("replaced_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "plan_columns",
        sa.Column("headings", sa.Text(), nullable=False),
        sa.Column("columns", JSON, nullable=False),
        sa.Column("named_at", TIME, nullable=False),
        sa.Column("named_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("headings", name=op.f("pk_plan_columns")),
    )
    op.create_table(
        "plan_lists",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("object", JSON, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("columns", JSON, nullable=False),
        sa.Column("first", sa.String(length=10), nullable=True),
        sa.Column("last", sa.String(length=10), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("outcome", JSON, nullable=False),
        sa.Column("imported_at", TIME, nullable=False),
        sa.Column("imported_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_lists")),
    )
    op.create_index("ix_plan_lists_sha256", "plan_lists", ["sha256"])
    op.create_table(
        "plan_reports",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("first", sa.String(length=10), nullable=False),
        sa.Column("last", sa.String(length=10), nullable=False),
        sa.Column("units", JSON, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("figures_sha256", sa.String(length=64), nullable=False),
        sa.Column("objects", JSON, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_reports")),
    )
    op.create_table(
        "plan_targets",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=True),
        sa.Column("unit", sa.String(length=40), nullable=True),
        sa.Column("sector", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("percent", sa.Float(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
        sa.Column("replaced_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_targets")),
    )
    op.create_index("ix_plan_targets_year", "plan_targets", ["year"])
    op.create_table(
        "plan_totals",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("entered_by", sa.Text(), nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", TIME, nullable=True),
        sa.Column("replaced_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_totals")),
    )
    op.create_index("ix_plan_totals_line", "plan_totals", ["year", "unit", "sector", "kind"])
    op.create_table(
        "plan_cases",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("case", BIG, nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("content", sa.String(length=64), nullable=False),
        sa.Column("list", sa.String(length=32), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("kind_of_list", sa.String(length=16), nullable=False),
        sa.Column("unit", sa.String(length=40), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=True),
        sa.Column("procedure", sa.Text(), nullable=True),
        sa.Column("procedure_name", sa.Text(), nullable=True),
        sa.Column("sector", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=True),
        sa.Column("issued", sa.String(length=10), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("received", sa.String(length=10), nullable=True),
        sa.Column("due", sa.String(length=10), nullable=True),
        sa.Column("finished", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("in_force_until", sa.String(length=10), nullable=True),
        sa.Column("added_at", TIME, nullable=False),
        sa.Column("replaced_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["list"], ["plan_lists.id"], name=op.f("fk_plan_cases_list")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_cases")),
    )
    op.create_index("ix_plan_cases_case", "plan_cases", ["case"])
    op.create_index(
        "ix_plan_cases_current",
        "plan_cases",
        ["identity"],
        unique=True,
        sqlite_where=CURRENT,
        postgresql_where=CURRENT,
    )
    op.create_index("ix_plan_cases_finished", "plan_cases", ["kind_of_list", "finished"])
    op.create_index("ix_plan_cases_received", "plan_cases", ["kind_of_list", "received", "unit"])
    op.create_table(
        "plan_matches",
        sa.Column("id", BIG, autoincrement=True, nullable=False),
        sa.Column("case", BIG, nullable=False),
        sa.Column("kind_of_list", sa.String(length=16), nullable=False),
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("evidence", JSON, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_plan_matches_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_matches")),
    )
    op.create_index("ix_plan_matches_case", "plan_matches", ["case"])
    op.create_index(
        "ix_plan_matches_one_case",
        "plan_matches",
        ["kind_of_list", "case"],
        unique=True,
        sqlite_where=TAKEN,
        postgresql_where=TAKEN,
    )
    op.create_index(
        "ix_plan_matches_one_document",
        "plan_matches",
        ["kind_of_list", "document"],
        unique=True,
        sqlite_where=TAKEN,
        postgresql_where=TAKEN,
    )
    op.create_index("ix_plan_matches_state", "plan_matches", ["state", "ended_at"])
    op.create_index("ix_events_what_at", "events", ["what", "at"])
