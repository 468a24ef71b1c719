"""Finding among millions of records, and their validity."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0005"
down_revision = "0004"

TIME = sa.DateTime(timezone=True)
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TERMS = sa.LargeBinary().with_variant(TSVECTOR(), "postgresql")


def upgrade() -> None:
    """The tables only: the index is built again from the records after the migration (storage/search/index.py)."""
    for name, kind in (
        ("validity_state", sa.String(length=16)),
        ("validity_until", sa.String(length=10)),
        ("validity_reason", sa.Text()),
        ("validity_changed", TIME),
        ("replaced_by", sa.String(length=32)),
    ):
        op.add_column("documents", sa.Column(name, kind, nullable=True))
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    op.execute("DROP TABLE document_fts")
    op.drop_table("document_search")
    # Which terms, not where or how often: that halves the index, and nothing asks for more. Order is by row id.
    # The ASCII tokenizer takes every other letter as part of a word; terms are folded already.
    op.execute(
        "CREATE VIRTUAL TABLE search_fts USING fts5(terms, content='', detail='none', columnsize=0, "
        "tokenize=\"ascii tokenchars '^_#:=.-'\")"
    )
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER validity_acts_no_{verb.lower()} BEFORE {verb} ON validity_acts "
            "BEGIN SELECT RAISE(ABORT, 'validity_acts is append-only'); END"
        )


def _postgresql() -> None:
    op.drop_table("document_search")
    # Terms apart from the row that points to them: an answer of the index reads thousands of rows, but hardly any terms.
    op.execute("ALTER TABLE search_terms ALTER COLUMN terms SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE search_terms SET (toast_tuple_target = 128)")
    # No list of pending entries: every search would have to read it, and some insert would have to clear it.
    op.execute("CREATE INDEX ix_search_terms_terms ON search_terms USING gin (terms) WITH (fastupdate = off)")
    op.execute(
        "CREATE TRIGGER validity_acts_append_only BEFORE UPDATE OR DELETE ON validity_acts "
        "FOR EACH ROW EXECUTE FUNCTION sohoa_append_only()"
    )


def _tables() -> None:
    op.create_table(
        "search_rows",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=True),
        sa.Column("issued", sa.String(length=10), nullable=True),
        sa.Column("valid_from", sa.String(length=10), nullable=True),
        sa.Column("valid_to", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=True),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_search_rows_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_rows")),
        sa.UniqueConstraint("document", name=op.f("uq_search_rows_document")),
    )
    op.create_table(
        "search_terms",
        sa.Column("id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("terms", TERMS, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_terms")),
    )
    op.create_table(
        "search_words",
        sa.Column("word", SORTED, nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_search_words")),
    )
    op.create_table(
        "search_word_parts",
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("part", "word", name=op.f("pk_search_word_parts")),
    )
    op.create_table(
        "validity_acts",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("until", sa.String(length=10), nullable=True),
        sa.Column("replaced_by", sa.String(length=32), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_validity_acts_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_validity_acts")),
    )
    op.create_index(op.f("ix_validity_acts_document"), "validity_acts", ["document"], unique=False)
