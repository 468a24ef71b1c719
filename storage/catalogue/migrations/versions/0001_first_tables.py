"""First tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

# Spelled out here, not taken from `tables`: a migration says what was, and must not change with the code.
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

APPEND_ONLY = ("events", "field_history")
"""What happened stays as it was written, whatever the code above tries."""


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite()
    else:
        _postgresql()


def _sqlite() -> None:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    # The text is kept once, in document_search; the index follows it by triggers. No diacritics to remove:
    # the text is folded already.
    op.execute(
        "CREATE VIRTUAL TABLE document_fts USING fts5(folded, content='document_search', content_rowid='id', "
        "tokenize='unicode61 remove_diacritics 0')"
    )
    insert = "INSERT INTO document_fts (rowid, folded) VALUES (new.id, new.folded);"
    remove = "INSERT INTO document_fts (document_fts, rowid, folded) VALUES ('delete', old.id, old.folded);"
    for verb, body in (("INSERT", insert), ("DELETE", remove), ("UPDATE", remove + insert)):
        op.execute(
            f"CREATE TRIGGER document_search_{verb.lower()} AFTER {verb} ON document_search BEGIN {body} END"
        )


def _postgresql() -> None:
    op.execute(
        "CREATE FUNCTION sohoa_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION sohoa_append_only()"
        )
    op.execute(
        "CREATE INDEX ix_document_search_words ON document_search USING gin (to_tsvector('simple', folded))"
    )


def _tables() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("dossier_code", sa.Text(), nullable=True),
        sa.Column("declared_pages", sa.Integer(), nullable=True),
        sa.Column("settings_hash", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("finished", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_index(op.f("ix_batches_created"), "batches", ["created"], unique=False)
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counters")),
    )
    op.create_table(
        "events",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_object"), "events", ["object"], unique=False)
    op.create_table(
        "sources",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("object", JSON, nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("signed", sa.Boolean(), nullable=False),
        sa.Column("signature_notes", JSON, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_sources")),
    )
    op.create_table(
        "steps",
        sa.Column("input_hash", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("settings_hash", sa.Text(), nullable=False),
        sa.Column("result", JSON, nullable=True),
        sa.Column("result_key", sa.Text(), nullable=True),
        sa.Column("made", TIME, nullable=False),
        sa.PrimaryKeyConstraint("input_hash", "step", "version", "settings_hash", name=op.f("pk_steps")),
    )
    op.create_table(
        "batch_files",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_batch_files_batch")),
        sa.ForeignKeyConstraint(["source"], ["sources.sha256"], name=op.f("fk_batch_files_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch_files")),
    )
    op.create_index("ix_batch_files_claim", "batch_files", ["batch", "status", "position"], unique=False)
    op.create_index(op.f("ix_batch_files_source"), "batch_files", ["source"], unique=False)
    op.create_table(
        "documents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("pages", JSON, nullable=False),
        sa.Column("first_page", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("type_confidence", sa.Float(), nullable=False),
        sa.Column("rotation", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("code_office", sa.Text(), nullable=True),
        sa.Column("code_field", sa.Text(), nullable=True),
        sa.Column("serial", sa.Integer(), nullable=True),
        sa.Column("result_code", sa.Text(), nullable=True),
        sa.Column("digitised_code", sa.Text(), nullable=True),
        sa.Column("doc_code", sa.Text(), nullable=True),
        sa.Column("dossier_code", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.String(length=10), nullable=True),
        sa.Column("valid_to", sa.String(length=10), nullable=True),
        sa.Column("archive", JSON, nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tables", JSON, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("changed", TIME, nullable=False),
        sa.Column("confirmed_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_documents_batch")),
        sa.ForeignKeyConstraint(["source"], ["sources.sha256"], name=op.f("fk_documents_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("doc_code", name=op.f("uq_documents_doc_code")),
        sa.UniqueConstraint("result_code", name=op.f("uq_documents_result_code")),
    )
    op.create_index(op.f("ix_documents_batch"), "documents", ["batch"], unique=False)
    op.create_index(op.f("ix_documents_source"), "documents", ["source"], unique=False)
    op.create_index(op.f("ix_documents_status"), "documents", ["status"], unique=False)
    op.create_table(
        "pages",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("rotation", sa.Integer(), nullable=False),
        sa.Column("quality", JSON, nullable=True),
        sa.Column("reading_key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["source"], ["sources.sha256"], name=op.f("fk_pages_source")),
        sa.PrimaryKeyConstraint("source", "number", name=op.f("pk_pages")),
    )
    op.create_table(
        "document_checks",
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("result", sa.String(length=16), nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_document_checks_document")),
        sa.PrimaryKeyConstraint("document", "position", name=op.f("pk_document_checks")),
    )
    op.create_table(
        "document_pages",
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_document_pages_document")),
        sa.ForeignKeyConstraint(
            ["source", "page"], ["pages.source", "pages.number"], name=op.f("fk_document_pages_source_page")
        ),
        sa.PrimaryKeyConstraint("document", "page", name=op.f("pk_document_pages")),
    )
    op.create_index("ix_document_pages_source_page", "document_pages", ["source", "page"], unique=False)
    op.create_table(
        "document_search",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_document_search_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_search")),
        sa.UniqueConstraint("document", name=op.f("uq_document_search_document")),
    )
    op.create_table(
        "document_versions",
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("archive", JSON, nullable=False),
        sa.Column("made", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_document_versions_document")),
        sa.PrimaryKeyConstraint("document", "version", name=op.f("pk_document_versions")),
    )
    op.create_table(
        "field_history",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("old_value", sa.Text(), nullable=True),
        sa.Column("new_value", sa.Text(), nullable=True),
        sa.Column("old_status", sa.String(length=16), nullable=True),
        sa.Column("new_status", sa.String(length=16), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_field_history_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_history")),
    )
    op.create_index(op.f("ix_field_history_document"), "field_history", ["document"], unique=False)
    op.create_table(
        "fields",
        sa.Column("document", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("printed", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("box", JSON, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("handwritten", sa.Boolean(), nullable=False),
        sa.Column("checks", JSON, nullable=False),
        sa.ForeignKeyConstraint(["document"], ["documents.id"], name=op.f("fk_fields_document")),
        sa.PrimaryKeyConstraint("document", "name", name=op.f("pk_fields")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("batch", sa.String(length=32), nullable=False),
        sa.Column("file", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_quarantine_batch")),
        sa.ForeignKeyConstraint(["file"], ["batch_files.id"], name=op.f("fk_quarantine_file")),
        sa.ForeignKeyConstraint(["source"], ["sources.sha256"], name=op.f("fk_quarantine_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(op.f("ix_quarantine_batch"), "quarantine", ["batch"], unique=False)
    op.create_index(op.f("ix_quarantine_file"), "quarantine", ["file"], unique=False)
    op.create_index(op.f("ix_quarantine_status"), "quarantine", ["status"], unique=False)
