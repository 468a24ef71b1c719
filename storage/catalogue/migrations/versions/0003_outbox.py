"""Outbox of copies on their way to whoever asked for them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

# Spelled out here, not taken from `storage.outbox`: a migration says what was, and must not change with the code.
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "outbox_messages",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("entry", sa.String(length=32), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("object", JSON, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", TIME, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("receipt", JSON, nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_messages")),
    )
    op.create_index(op.f("ix_outbox_messages_entry"), "outbox_messages", ["entry"])
    op.create_index("ix_outbox_messages_due", "outbox_messages", ["state", "next_at"])
    op.create_table(
        "outbox_attempts",
        sa.Column("message", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message"], ["outbox_messages.id"], name=op.f("fk_outbox_attempts_message_outbox_messages")
        ),
        sa.PrimaryKeyConstraint("message", "number", name=op.f("pk_outbox_attempts")),
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER outbox_attempts_no_{verb.lower()} BEFORE {verb} ON outbox_attempts "
                "BEGIN SELECT RAISE(ABORT, 'outbox_attempts: is append-only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER outbox_attempts_append_only BEFORE UPDATE OR DELETE ON outbox_attempts "
            "FOR EACH ROW EXECUTE FUNCTION sohoa_append_only()"
        )
