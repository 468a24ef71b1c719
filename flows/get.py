"""Hands out one version of one record, re-hashed and compared with the catalogue before anybody gets it.

Every download is written down with who and why before the bytes leave (Luật 91/2025/QH15; domain law J).
"""

from __future__ import annotations

import hashlib
import io
import json
from datetime import date, datetime

import pikepdf

from flows.export import READY
from flows.people import downloaded, require_document
from flows.review import Desk
from flows.search import kinds_without_limit
from ocr.pdfa import has_signature
from schemas.errors import NotAllowedNow, NotFound, ObjectDamaged, ObjectMissing
from schemas.people import Actor, Right
from schemas.reuse import Got, SignatureNote
from schemas.signing import KnownStatus
from schemas.zone import VIETNAM
from storage.catalogue import DocumentRow, VersionRow
from storage.codes import doc_code, file_name, parse_doc_code
from storage.search import validity_of, why


def get(desk: Desk, actor: Actor, document: str, *, version: int | None = None, purpose: str = "") -> tuple[Got, bytes]:
    """The newest version, or the one named, with what is known of it.

    Raises NotFound, NotAllowed (a file cannot be masked: the right to see personal data is needed), NotAllowedNow before
    the record is checked, ObjectMissing, ObjectDamaged: the damage is written down once it is found.
    """
    row = desk.catalogue.document(document)
    require_document(desk.catalogue, actor, Right.SEE_PERSONAL, row.id)
    if row.status not in READY:
        raise NotAllowedNow(f"{row.id}: {row.status}")
    wanted = _version(desk, row, version)
    data = _bytes(desk, row, wanted, actor)
    got = _described(desk, row, wanted, data)
    detail = {"version": wanted.version, "sha256": wanted.archive.sha256}
    downloaded(desk.catalogue, actor, row.id, purpose, detail=detail)
    return got, data


def _version(desk: Desk, row: DocumentRow, number: int | None) -> VersionRow:
    versions = desk.catalogue.versions(row.id)
    if not versions:
        raise ObjectMissing(f"{row.id} has no archived copy")
    if number is None:
        return versions[-1]
    found = next((v for v in versions if v.version == number), None)
    if found is None:
        raise NotFound(f"{row.id} V{number}; có V1…V{versions[-1].version}")
    return found


def _bytes(desk: Desk, row: DocumentRow, wanted: VersionRow, actor: Actor) -> bytes:
    """A store with replicas heals itself while it is read; what cannot be healed is told, never handed out."""
    try:
        data = desk.store.get(wanted.archive.key, wanted.archive.version)
        if hashlib.sha256(data).hexdigest() != wanted.archive.sha256:
            raise ObjectDamaged(wanted.archive.key)
    except (ObjectDamaged, ObjectMissing) as error:
        desk.catalogue.event(actor.who, "download_refused", row.id, {"version": wanted.version, "code": error.code})
        raise
    return data


def _described(desk: Desk, row: DocumentRow, wanted: VersionRow, data: bytes) -> Got:
    newest = max(row.version, wanted.version)
    today, unlimited = datetime.now(VIETNAM).date(), kinds_without_limit()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        signed = has_signature(pdf)
    return Got(
        document=row.id,
        version=wanted.version,
        newest=newest,
        doc_code=code_of_version(desk, row, wanted.version),
        name=_name(desk, row, wanted.version),
        archive=wanted.archive,
        state=KnownStatus.ACTIVE if wanted.version == newest else KnownStatus.SUPERSEDED,
        signed=signed,
        signatures=_signatures(desk, row.id, wanted.version) if signed else (),
        validity=validity_of(row, today, unlimited),
        validity_reason=why(row, today, unlimited),
    )


def _signatures(desk: Desk, document: str, version: int) -> tuple[SignatureNote, ...]:
    """As verified when the file was archived (`flows.sign_batch`)."""
    key = f"evidence/{document}/V{version}.json"
    if not desk.store.exists(key):
        return ()
    report = json.loads(desk.store.get(key)).get("report") or {}
    return tuple(
        SignatureNote(
            signer=s.get("signer") or "", agency=s.get("agency") or "", time=s.get("time") or "",
            verdict=report.get("verdict") or "",
        )
        for s in report.get("signatures", ())
    )  # fmt: skip


def code_of_version(desk: Desk, row: DocumentRow, version: int) -> str | None:
    """DocCode of any version: the same number, another PB."""
    if row.doc_code is None or version == row.version:
        return row.doc_code
    code = parse_doc_code(desk.settings.codes, row.doc_code)
    return doc_code(desk.settings.codes, code.office, code.field, code.serial, version)


def _name(desk: Desk, row: DocumentRow, version: int) -> str:
    """A record without DocCode (the office has no code yet) goes by its id."""
    issued = row.fields.get("ngay_ban_hanh")
    try:
        day = date.fromisoformat(issued.value if issued and issued.value else "")
    except ValueError:
        day = row.created.astimezone(VIETNAM).date()
    code = code_of_version(desk, row, version) or f"{row.id}_V{version}"
    return file_name(desk.settings.codes, code, day, desk.kind_name(row.type), "pdf")
