"""What other systems are told of a document: the metadata of CV 7197/BKHCN-CĐSQG, masked by the rights of whoever asks."""

from __future__ import annotations

from datetime import datetime

from flows.batch_report import quarantine_item
from flows.exchange_fields import metadata_of
from flows.get import code_of_version
from flows.people import looked, masked, sees_personal, unit_of
from flows.refusals import refused
from flows.review import Desk
from flows.search import kinds_without_limit
from schemas.api import DocumentGiven, ImportedDocument, ImportState, RefusedPart, VersionGiven
from schemas.document import DocumentStatus
from schemas.errors import NotFound
from schemas.people import Actor, Right
from schemas.people_errors import NotAllowed
from schemas.zone import VIETNAM
from storage.catalogue import BatchStatus, DocumentRow, QuarantineStatus
from storage.reuse import Imports
from storage.search import validity_of, why


def described(desk: Desk, actor: Actor, row: DocumentRow, version: int | None) -> DocumentGiven:
    """A document as this actor may see it; that they looked is written down before it is told."""
    unit, made_by = unit_of(desk.catalogue, row.id)
    values = {name: field.value for name, field in row.fields.items()}
    shown = masked(values, row.type, actor, desk.settings, unit=unit, made_by=made_by)
    asked = version or row.version
    pages = Imports(desk.catalogue).pages(row.id, asked) or len(row.pages)
    today, unlimited = datetime.now(VIETNAM).date(), kinds_without_limit()
    looked(desk.catalogue, actor, row.id, "API")
    versions = tuple(
        VersionGiven(
            version=v.version, DocCode=code_of_version(desk, row, v.version), sha256=v.archive.sha256,
            size=v.archive.size, made=v.made,
        )
        for v in desk.catalogue.versions(row.id)
    )  # fmt: skip
    return DocumentGiven(
        **metadata_of(row, shown, desk.kind_name(row.type), pages),
        DocCode=code_of_version(desk, row, asked),
        id=row.id,
        kind=row.type,
        status=row.status,
        version=asked,
        newest=row.version,
        validity=validity_of(row, today, unlimited),
        validity_reason=why(row, today, unlimited),
        dossier=row.dossier_code,
        result_code=row.result_code,
        masked=not sees_personal(actor, unit, made_by),
        fields=shown,
        versions=versions,
    )


def import_state(desk: Desk, actor: Actor, import_id: str) -> ImportState:
    """How far an import is. Raises NotFound, also for another agency's."""
    sent = Imports(desk.catalogue).one(import_id)
    if not actor.may(Right.API_IMPORT, sent.unit):
        error = NotAllowed(str(Right.API_IMPORT), unit=sent.unit, object=sent.id)
        refused(desk.catalogue, actor, error, asked="import")
        raise NotFound(f"import {import_id}")
    batch = desk.catalogue.batch(sent.batch)
    rows = desk.catalogue.documents(sent.batch)
    set_aside = desk.catalogue.quarantine_list(sent.batch, QuarantineStatus.OPEN)
    if batch.status is BatchStatus.OPEN and not set_aside:
        state = "waiting"
    elif not rows:
        state = "refused"
    elif set_aside or any(row.status is DocumentStatus.REVIEW for row in rows):
        state = "needs_person"
    else:
        state = "done"
    items = [quarantine_item(entry, "") for entry in set_aside]
    return ImportState(
        import_id=sent.id,
        state=state,
        DocCode=sent.doc_code,
        received=sent.at,
        documents=tuple(
            ImportedDocument(id=r.id, DocCode=r.doc_code, kind=r.type, status=r.status) for r in rows
        ),
        refused=tuple(RefusedPart(page=i.page, code=i.code, reason=i.reason) for i in items),
    )
