"""Files found by their bytes: an index on the hash of archived versions, and the hashes of renewed copies."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

# Spelled out here, not taken from the code: a migration says what was, and must not change with it.
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "register_renewals",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("entry", sa.String(length=32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["register_entries.id"], name=op.f("fk_register_renewals_entry")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_register_renewals")),
    )
    op.create_index(op.f("ix_register_renewals_entry"), "register_renewals", ["entry"])
    # The hash stands inside a JSON value: an index on the expression, as `archived_as` writes it.
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE INDEX ix_document_versions_sha256 ON document_versions (json_extract(archive, '$.sha256'))")
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER register_renewals_no_{verb.lower()} BEFORE {verb} ON register_renewals "
                "BEGIN SELECT RAISE(ABORT, 'register_renewals: is append-only'); END"
            )
    else:
        op.execute("CREATE INDEX ix_document_versions_sha256 ON document_versions ((archive ->> 'sha256'))")
        op.execute(
            "CREATE TRIGGER register_renewals_append_only BEFORE UPDATE OR DELETE ON register_renewals "
            "FOR EACH ROW EXECUTE FUNCTION sohoa_append_only()"
        )
