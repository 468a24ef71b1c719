"""Tables of what is kept: where each object lies, when it was last hashed, how long it stays, what was destroyed and handed
over. In the catalogue's database; what is evidence is never removed, by triggers."""

from __future__ import annotations

import sqlalchemy as sa

from storage.catalogue.tables import BigId, Json, Text, UtcTime, metadata

object_places = sa.Table(
    "object_places",
    metadata,
    # Key and version as the catalogue knows them: those of the primary store.
    sa.Column("key", Text, primary_key=True),
    sa.Column("version", Text, primary_key=True),
    # `primary` or the name of a replica.
    sa.Column("place", sa.String(64), primary_key=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    # Version id that the place gave; None while it does not hold the object.
    sa.Column("place_version", Text),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("checked_at", UtcTime),
    sa.Column("problem", Text, nullable=False),
    sa.Index("ix_object_places_due", "place", "checked_at"),
    sa.Index("ix_object_places_state", "place", "state"),
)

fixity_runs = sa.Table(
    "fixity_runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("started", UtcTime, nullable=False, index=True),
    sa.Column("finished", UtcTime),
    sa.Column("who", Text, nullable=False),
    # What was checked before this is due in this run.
    sa.Column("due_before", UtcTime, nullable=False),
    sa.Column("objects", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("damaged", sa.Integer, nullable=False),
    sa.Column("missing", sa.Integer, nullable=False),
    sa.Column("healed", sa.Integer, nullable=False),
)

fixity_findings = sa.Table(
    "fixity_findings",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("run", sa.String(32), nullable=False, index=True),
    sa.Column("key", Text, nullable=False),
    sa.Column("version", Text, nullable=False),
    sa.Column("place", sa.String(64), nullable=False),
    # Code of the error: object_damaged, object_missing.
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("detail", Text, nullable=False),
    sa.Column("found_at", UtcTime, nullable=False),
    # Key under which the damaged bytes were set aside; None when they could not be read.
    sa.Column("kept_key", Text),
    sa.Column("healed_at", UtcTime),
    sa.Column("healed_from", sa.String(64)),
    # One open finding an object and place: a fault is told once, however often it is met.
    sa.Index(
        "uq_fixity_findings_open",
        "key",
        "version",
        "place",
        unique=True,
        sqlite_where=sa.text("healed_at IS NULL"),
        postgresql_where=sa.text("healed_at IS NULL"),
    ),
)

retention_terms = sa.Table(
    "retention_terms",
    metadata,
    # Id of a record, or of a register's row for an issued copy.
    sa.Column("subject", sa.String(32), primary_key=True),
    sa.Column("class", sa.String(64), nullable=False),
    # ISO day of the event from which it runs.
    sa.Column("starts", sa.String(10), nullable=False),
    # First ISO day on which it may be destroyed; None: permanent.
    sa.Column("ends", sa.String(10), index=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("why", Text, nullable=False),
)

legal_holds = sa.Table(
    "legal_holds",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("subject", sa.String(32), nullable=False, index=True),
    sa.Column("reason", Text, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("lifted_at", UtcTime),
    sa.Column("lifted_by", Text),
    sa.Column("lift_reason", Text, nullable=False),
)

disposal_lists = sa.Table(
    "disposal_lists",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("proposed_by", Text, nullable=False),
    sa.Column("proposed_at", UtcTime, nullable=False),
    sa.Column("approved_by", Text),
    sa.Column("approved_at", UtcTime),
    # Number and date of the decision, as the approving person gave it.
    sa.Column("decision", Text, nullable=False),
    sa.Column("run_by", Text),
    sa.Column("finished_at", UtcTime),
    # Where the record of destruction is stored.
    sa.Column("record", Json),
)

disposal_items = sa.Table(
    "disposal_items",
    metadata,
    sa.Column("list", sa.ForeignKey("disposal_lists.id"), primary_key=True),
    sa.Column("subject", sa.String(32), primary_key=True),
    sa.Column("title", Text, nullable=False),
    sa.Column("class", sa.String(64), nullable=False),
    sa.Column("ends", sa.String(10), nullable=False),
    # References of the objects as they were when the list was proposed.
    sa.Column("objects", Json, nullable=False),
    sa.Column("done_at", UtcTime),
    # Why it was left out when the list was run.
    sa.Column("left_out", Text, nullable=False),
)

handovers = sa.Table(
    "handovers",
    metadata,
    sa.Column("subject", sa.String(32), primary_key=True),
    # agency_archive | historical_archive
    sa.Column("receiver", sa.String(32), primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    # Package it went in, and number of the handing-over minutes.
    sa.Column("package", Text, nullable=False),
    sa.Column("minutes", Text, nullable=False),
)

backup_runs = sa.Table(
    "backup_runs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    # backup | restore
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("who", Text, nullable=False),
    sa.Column("objects", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    # SHA-256 of the manifest of the backup.
    sa.Column("manifest", sa.String(64), nullable=False),
    sa.Column("detail", Json, nullable=False),
)

packages = sa.Table(
    "packages",
    metadata,
    # The UUID in OBJID.
    sa.Column("id", sa.String(36), primary_key=True),
    # aip | sip | dip | bagit
    sa.Column("kind", sa.String(16), primary_key=True),
    # made | taken_in
    sa.Column("direction", sa.String(16), primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("subjects", Json, nullable=False),
    # SHA-256 of METS.xml, or of the tag manifest of a bag.
    sa.Column("sha256", sa.String(64), nullable=False),
)

store_moves = sa.Table(
    "store_moves",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    # Addresses without keys; empty: the folder in the home folder.
    sa.Column("source", Text, nullable=False),
    sa.Column("target", Text, nullable=False),
    # copying, switched
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("who", Text, nullable=False),
    sa.Column("started", UtcTime, nullable=False),
    # From here on the target is the primary store.
    sa.Column("switched", UtcTime),
    sa.Column("objects", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)
