"""Tables of the plan, in the catalogue's database. Every row says from when to when it counted, so that a report about a past
moment comes out the same later; nothing is overwritten."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue import tables as t
from storage.catalogue.tables import BigId, Json, Text, UtcTime, metadata

SIMULATED = {"sqlite": "json_extract(detail, '$.simulated')", "postgresql": "(detail ->> 'simulated') = 'true'"}
"""Events of what only the simulator of the Kho took, as their index has it: in other words a database does not find the index."""

NOT_IN_USE = "(superseded OR status = 'rejected')"
"""Records that were set aside, as their index has it."""

lists = sa.Table(
    "plan_lists",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", Text, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("object", Json),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("columns", Json, nullable=False),
    sa.Column("first", sa.String(10)),
    sa.Column("last", sa.String(10)),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("outcome", Json, nullable=False),
    sa.Column("imported_at", UtcTime, nullable=False),
    sa.Column("imported_by", Text, nullable=False),
    sa.Column("withdrawn_at", UtcTime),
)

columns = sa.Table(
    "plan_columns",
    metadata,
    # Folded headings of a list, joined: the next list with the same ones is read the same way.
    sa.Column("headings", Text, primary_key=True),
    sa.Column("columns", Json, nullable=False),
    sa.Column("named_at", UtcTime, nullable=False),
    sa.Column("named_by", Text, nullable=False),
)

cases = sa.Table(
    "plan_cases",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    # The same through all versions of a row: id of the first.
    sa.Column("case", BigId, nullable=False, index=True),
    sa.Column("identity", sa.String(64), nullable=False),
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("list", sa.ForeignKey("plan_lists.id"), nullable=False),
    sa.Column("row", sa.Integer, nullable=False),
    sa.Column("kind_of_list", sa.String(16), nullable=False),
    sa.Column("unit", sa.String(40), nullable=False),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("dossier_code", Text),
    sa.Column("procedure", Text),
    sa.Column("procedure_name", Text),
    sa.Column("sector", Text),
    sa.Column("kind", Text),
    sa.Column("number", Text),
    sa.Column("symbol", Text),
    sa.Column("issued", sa.String(10)),
    sa.Column("issuer", Text),
    sa.Column("owner", Text),
    sa.Column("owner_id", Text),
    sa.Column("summary", Text),
    sa.Column("received", sa.String(10)),
    sa.Column("due", sa.String(10)),
    sa.Column("finished", sa.String(10)),
    sa.Column("state", sa.String(16)),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("in_force_until", sa.String(10)),
    sa.Column("added_at", UtcTime, nullable=False),
    sa.Column("replaced_at", UtcTime),
    sa.Index("ix_plan_cases_received", "kind_of_list", "received", "unit"),
    sa.Index("ix_plan_cases_finished", "kind_of_list", "finished"),
    # Reports read this alone, not the rows with their texts.
    sa.Index(
        "ix_plan_cases_counted", "kind_of_list", "unit", "level", "sector", "procedure", "received", "finished", "due", "state",
        "channel", "kind", "in_force_until", "added_at", "replaced_at", "dossier_code", "case",
    ),
    sa.Index(
        "ix_plan_cases_current",
        "identity",
        unique=True,
        sqlite_where=sa.text("replaced_at IS NULL"),
        postgresql_where=sa.text("replaced_at IS NULL"),
    ),
)

matches = sa.Table(
    "plan_matches",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("case", BigId, nullable=False, index=True),
    # A record may be the paper of a row of each kind of list.
    sa.Column("kind_of_list", sa.String(16), nullable=False),
    sa.Column("document", sa.ForeignKey("documents.id"), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("made_by", Text, nullable=False),
    sa.Column("why", Text, nullable=False),
    sa.Column("ended_at", UtcTime),
    # One paper, one row: two clerks at once, or a match made twice, cannot say otherwise.
    *(
        sa.Index(
            f"ix_plan_matches_one_{name}",
            "kind_of_list",
            name,
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL AND state IN ('sure', 'confirmed')"),
            postgresql_where=sa.text("ended_at IS NULL AND state IN ('sure', 'confirmed')"),
        )
        for name in ("case", "document")
    ),
    sa.Index("ix_plan_matches_state", "state", "ended_at"),
)

totals = sa.Table(
    "plan_totals",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("year", sa.Integer, nullable=False),
    sa.Column("unit", sa.String(40), nullable=False),
    sa.Column("sector", Text, nullable=False),
    sa.Column("kind", Text, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("source", Text, nullable=False),
    sa.Column("entered_by", Text, nullable=False),
    sa.Column("entered_at", UtcTime, nullable=False),
    sa.Column("approved_by", Text),
    sa.Column("approved_at", UtcTime),
    sa.Column("replaced_at", UtcTime),
    sa.Index("ix_plan_totals_line", "year", "unit", "sector", "kind"),
)

targets = sa.Table(
    "plan_targets",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("year", sa.Integer, nullable=False, index=True),
    sa.Column("level", sa.String(16)),
    sa.Column("unit", sa.String(40)),
    sa.Column("sector", Text),
    sa.Column("kind", Text),
    sa.Column("percent", sa.Float, nullable=False),
    sa.Column("source", Text, nullable=False),
    sa.Column("entered_by", Text, nullable=False),
    sa.Column("entered_at", UtcTime, nullable=False),
    sa.Column("replaced_at", UtcTime),
)

reports = sa.Table(
    "plan_reports",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("label", Text, nullable=False),
    sa.Column("first", sa.String(10), nullable=False),
    sa.Column("last", sa.String(10), nullable=False),
    sa.Column("units", Json, nullable=False),
    # The moment it speaks of; the same figures come out for it later.
    sa.Column("as_of", UtcTime, nullable=False),
    sa.Column("figures_sha256", sa.String(64), nullable=False),
    sa.Column("objects", Json, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("made_by", Text, nullable=False),
)

sa.Index("ix_events_what_who", t.events.c.what, t.events.c.who, t.events.c.at, t.events.c.object)
sa.Index(
    "ix_events_simulated",
    t.events.c.what,
    t.events.c.at,
    t.events.c.object,
    sqlite_where=sa.text(f"what = 'synchronised' AND {SIMULATED['sqlite']}"),
    postgresql_where=sa.text(f"what = 'synchronised' AND {SIMULATED['postgresql']}"),
)

# Counting a million records reads these alone, not the records with their texts.
_d, _v = t.documents.c, t.document_versions.c
_in_use = (_d.status, _d.superseded, _d.created)
sa.Index("ix_documents_counted", _d.batch, _d.type, *_in_use, _d.signed_at, _d.synchronised_at, _d.reused_at, _d.id)
sa.Index("ix_documents_dossier", _d.dossier_code, *_in_use, _d.signed_at, _d.synchronised_at, _d.id)
sa.Index("ix_documents_created", _d.created, _d.status, _d.superseded, _d.batch, _d.type, _d.checked_at, _d.id)
sa.Index("ix_documents_not_in_use", _d.id, sqlite_where=sa.text(NOT_IN_USE), postgresql_where=sa.text(NOT_IN_USE))
sa.Index("ix_document_versions_why", _v.why, _v.who, _v.made, _v.document)
