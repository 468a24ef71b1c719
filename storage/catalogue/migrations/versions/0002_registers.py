"""Registers of copies: books, volumes, rows and what became of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

# Spelled out here, not taken from `tables`: a migration says what was, and must not change with the code.
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

APPEND_ONLY = (
    "register_entries",
    "register_outcomes",
    "register_copies",
    "register_cancellations",
    "register_notes",
    "register_months",
    "register_prints",
    "register_refusals",
)
"""A row of a register is never rewritten, whatever the code above tries; corrections are new notes."""

KEPT = ("register_books", "register_volumes")
"""Changed while open, never removed, never changed once closed."""

NUMBERS_GO_UP = "NEW.last_number < OLD.last_number"


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            _refuse(table, verb, "", "is append-only")
    for table in KEPT:
        _refuse(table, "DELETE", "", "is kept")
        _refuse(table, "UPDATE", "WHEN OLD.closed IS NOT NULL", "is closed")
    _refuse("register_books", "UPDATE", f"WHEN {NUMBERS_GO_UP}", "numbers go up only", name="numbers")


def _refuse(table: str, verb: str, when: str, why: str, name: str = "no") -> None:
    op.execute(
        f"CREATE TRIGGER {table}_{name}_{verb.lower()} BEFORE {verb} ON {table} {when} "
        f"BEGIN SELECT RAISE(ABORT, '{table}: {why}'); END"
    )


def _postgresql() -> None:
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION sohoa_append_only()"
        )
    op.execute(
        "CREATE FUNCTION sohoa_closed() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is closed', TG_TABLE_NAME; END $$"
    )
    op.execute(
        "CREATE FUNCTION sohoa_numbers_go_up() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '%: numbers go up only', TG_TABLE_NAME; END $$"
    )
    for table in KEPT:
        op.execute(
            f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION sohoa_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_closed BEFORE UPDATE ON {table} "
            "FOR EACH ROW WHEN (OLD.closed IS NOT NULL) EXECUTE FUNCTION sohoa_closed()"
        )
    op.execute(
        "CREATE TRIGGER register_books_numbers BEFORE UPDATE ON register_books "
        f"FOR EACH ROW WHEN ({NUMBERS_GO_UP}) EXECUTE FUNCTION sohoa_numbers_go_up()"
    )


def _tables() -> None:
    op.create_table(
        "register_books",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("first_number", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("floor", TIME, nullable=True),
        sa.Column("opened", TIME, nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("opening_note", sa.Text(), nullable=False),
        sa.Column("closed", TIME, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.Column("closing_note", sa.Text(), nullable=False),
        sa.Column("totals", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_books")),
        sa.UniqueConstraint("agency", "kind", "year", name=op.f("uq_register_books_agency_kind_year")),
    )
    op.create_table(
        "register_refusals",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("reasons", JSON, nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("officer", sa.Text(), nullable=False),
        sa.Column("officer_title", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_refusals")),
        sa.UniqueConstraint("request_key", name=op.f("uq_register_refusals_request_key")),
    )
    op.create_table(
        "register_months",
        sa.Column("book", sa.String(length=32), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("totals", JSON, nullable=False),
        sa.ForeignKeyConstraint(["book"], ["register_books.id"], name=op.f("fk_register_months_book")),
        sa.PrimaryKeyConstraint("book", "month", name=op.f("pk_register_months")),
    )
    op.create_table(
        "register_prints",
        sa.Column("book", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["book"], ["register_books.id"], name=op.f("fk_register_prints_book")),
        sa.PrimaryKeyConstraint("book", "position", name=op.f("pk_register_prints")),
    )
    op.create_table(
        "register_volumes",
        sa.Column("book", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("carried", sa.Boolean(), nullable=False),
        sa.Column("first_number", sa.Integer(), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=True),
        sa.Column("opened", TIME, nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("closed", TIME, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["book"], ["register_books.id"], name=op.f("fk_register_volumes_book")),
        sa.PrimaryKeyConstraint("book", "position", name=op.f("pk_register_volumes")),
    )
    op.create_table(
        "register_entries",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("book", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("volume", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("request_key", sa.Text(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("signer", sa.Text(), nullable=False),
        sa.Column("signer_title", sa.Text(), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("fee", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book", "volume"],
            ["register_volumes.book", "register_volumes.position"],
            name=op.f("fk_register_entries_book_volume"),
        ),
        sa.ForeignKeyConstraint(["book"], ["register_books.id"], name=op.f("fk_register_entries_book")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_entries")),
        sa.UniqueConstraint("book", "number", name=op.f("uq_register_entries_book_number")),
        sa.UniqueConstraint("request_key", name=op.f("uq_register_entries_request_key")),
    )
    op.create_table(
        "register_cancellations",
        sa.Column("entry", sa.String(length=32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("decision_date", sa.String(length=10), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry"], ["register_entries.id"], name=op.f("fk_register_cancellations_entry")
        ),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_register_cancellations")),
    )
    op.create_table(
        "register_copies",
        sa.Column("entry", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("electronic", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["register_entries.id"], name=op.f("fk_register_copies_entry")),
        sa.PrimaryKeyConstraint("entry", "position", name=op.f("pk_register_copies")),
        sa.UniqueConstraint("code", name=op.f("uq_register_copies_code")),
        sa.UniqueConstraint("sha256", name=op.f("uq_register_copies_sha256")),
    )
    op.create_table(
        "register_notes",
        sa.Column("entry", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["register_entries.id"], name=op.f("fk_register_notes_entry")),
        sa.PrimaryKeyConstraint("entry", "position", name=op.f("pk_register_notes")),
    )
    op.create_table(
        "register_outcomes",
        sa.Column("entry", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", JSON, nullable=True),
        sa.ForeignKeyConstraint(["entry"], ["register_entries.id"], name=op.f("fk_register_outcomes_entry")),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_register_outcomes")),
    )
