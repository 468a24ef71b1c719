"""Indexes that the plan counts from alone: records with their texts are many times as large."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("ix_documents_counted", "documents", ["batch", "type", "status", "superseded", "created", "id"])
    op.create_index("ix_documents_dossier", "documents", ["dossier_code", "status", "superseded", "created", "id"])
    op.create_index("ix_document_versions_why", "document_versions", ["document", "why", "made"])
