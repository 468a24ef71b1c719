"""When a record was first signed, handed to the Kho and reused, and last checked, stands beside it, put there by the database
itself from its versions, events and uses: to look for them a million times took longer than the rest of a report."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_TIME = sa.DateTime(timezone=True)
_SIGNED = "why IN ('signed by scanning clerk and agency', 'arrived signed')"
_MARKS = (
    ("signed_at", "document_versions", "document", "made", _SIGNED, "min", ">"),
    ("synchronised_at", "events", "object", "at", "what = 'synchronised'", "min", ">"),
    ("reused_at", "reuses", "document", "at", "document IS NOT NULL", "min", ">"),
    ("checked_at", "events", "object", "at", "what IN ('document_confirmed', 'document_rejected')", "max", "<"),
)
"""Column of the record; table, its column with the record's id, its time, its rows; the first or the last of them."""


def upgrade() -> None:
    op.add_column("plan_lists", sa.Column("withdrawn_at", _TIME))  # a list imported for the wrong kind or office
    op.add_column("field_history", sa.Column("handwritten", sa.Boolean))
    op.drop_index("ix_events_what_at", "events")
    sqlite = op.get_bind().dialect.name == "sqlite"
    for column, table, owner, time, rows, which, later in _MARKS:
        op.add_column("documents", sa.Column(column, _TIME))
        # Joined: asked for each record, SQLite takes the index on `what` and goes through all of them a million times.
        found = f"SELECT {owner} AS record, {which}({time}) AS time FROM {table} WHERE {rows} GROUP BY {owner}"
        op.execute(f"UPDATE documents SET {column} = found.time FROM ({found}) AS found WHERE found.record = documents.id")
        mark = (
            f"UPDATE documents SET {column} = NEW.{time} WHERE id = NEW.{owner} AND ({column} IS NULL OR {column} {later} NEW.{time})"
        )
        when, name = f"NEW.{rows}", f"documents_{column}"
        if sqlite:
            op.execute(f"CREATE TRIGGER {name} AFTER INSERT ON {table} WHEN {when} BEGIN {mark}; END")
        else:
            op.execute(
                f"CREATE FUNCTION sohoa_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {mark}; RETURN NULL; END $$"
            )
            op.execute(
                f"CREATE TRIGGER {name} AFTER INSERT ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION sohoa_{name}()"
            )
    # Counting reads these alone: records with their texts are many times as large.
    marks, in_use = ["signed_at", "synchronised_at"], ["status", "superseded", "created"]
    op.create_index("ix_documents_counted", "documents", ["batch", "type", *in_use, *marks, "reused_at", "id"])
    op.create_index("ix_documents_dossier", "documents", ["dossier_code", *in_use, *marks, "id"])
    op.create_index("ix_documents_created", "documents", ["created", "status", "superseded", "batch", "type", "checked_at", "id"])
    op.create_index("ix_document_versions_why", "document_versions", ["why", "who", "made", "document"])
    set_aside = sa.text("(superseded OR status = 'rejected')")
    op.create_index("ix_documents_not_in_use", "documents", ["id"], sqlite_where=set_aside, postgresql_where=set_aside)
    counted = "unit level sector procedure received finished due state channel kind in_force_until added_at replaced_at dossier_code"
    op.create_index("ix_plan_cases_counted", "plan_cases", ["kind_of_list", *counted.split(), "case"])
    # By who before when: SQLite then counts the work of each person without sorting.
    op.create_index("ix_events_what_who", "events", ["what", "who", "at", "object"])
    op.create_index(
        "ix_events_simulated",
        "events",
        ["what", "at", "object"],
        sqlite_where=sa.text("what = 'synchronised' AND json_extract(detail, '$.simulated')"),
        postgresql_where=sa.text("what = 'synchronised' AND (detail ->> 'simulated') = 'true'"),
    )
