"""Documents that other systems send and fetch (CV 7197/BKHCN-CĐSQG): taken in, described, corrected, by their DocCode.

What comes in is never trusted: its bytes are looked at in another process within the bounds of the batch, kept as they came, and
only then recorded. A file with a DocCode is digitised already and recorded under it; one without is digitised here
(`flows.digitise`). Whatever is recorded waits for the agency's signature like every other record (DESIGN decision 3).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TypeVar

from flows.coding import coding_of
from flows.exchange_fields import checks_of, fields_of, kind_of_type
from flows.people import require, require_document
from flows.reception import Seen, look
from flows.refusals import refused
from flows.review import Desk
from ocr.checks import validity
from schemas.api import ImportMetadata, PutMetadata
from schemas.document import Check, CheckResult, DocumentReading, DocumentStatus, FieldValue
from schemas.errors import (
    BadValue,
    ChangedMeanwhile,
    NotAllowedNow,
    NotFound,
    SohoaError,
    UnsupportedFile,
    WrongUse,
)
from schemas.people import Actor, Right, working_as
from schemas.people_errors import NotAllowed
from storage.catalogue import (
    BatchStatus,
    DocumentRow,
    FileStatus,
    NewDocument,
    NewPage,
    NewSource,
    PageStatus,
    document_id,
)
from storage.codes import DocCode, doc_code, is_dossier_code, parse_doc_code
from storage.objects import archive_key, original_key
from storage.people import Units
from storage.reuse import Import, Imports
from storage.reuse.imports import NewVersion

PDF = "application/pdf"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Taken:
    """What became of a file that was sent."""

    sent: Import
    row: DocumentRow | None
    """None: it waits to be digitised."""
    new: bool
    warnings: tuple[str, ...] = ()


# --- import ----------------------------------------------------------------------------------------------------------
def take_in(desk: Desk, actor: Actor, file: Path, name: str, facts: ImportMetadata) -> Taken:
    """Takes a file in; the same file with the same description again gives what stands.

    Raises NotAllowed; BadValue and WrongUse for what is described wrongly; as `flows.reception.look` for what is wrong with the
    file; AlreadyDigitised, DocCodeTaken; DiskFull, StoreUnavailable, CatalogueUnavailable.
    """
    code, unit = _code_and_unit(desk, actor, facts)
    require(actor, Right.API_IMPORT, unit)
    if facts.Dossier is not None and not is_dossier_code(facts.Dossier):
        raise WrongUse(f"Dossier: {facts.Dossier!r}")
    kind = kind_of_type(desk.forms, facts.TypeName)
    fields = fields_of(desk.forms, kind, facts, actor)  # before anything is kept: a wrong value leaves nothing behind
    checks = checks_of(desk.forms, kind, fields, fields)
    seen = look(file, name, desk.settings.limits)
    _must_fit(seen, facts, described=code is not None)
    canonical = _written(desk, code) if code else None
    sent, new = Imports(desk.catalogue).claim(
        seen.info.sha256, code, canonical, facts.model_dump(mode="json", exclude_defaults=True),
        unit=unit, actor=actor.id, who=actor.who,
    )  # fmt: skip
    key = original_key(seen.info.sha256)
    ref = desk.store.put(key, file, sha256=seen.info.sha256, media_type=seen.info.media_type)
    notes = [note.model_dump(mode="json") for note in seen.info.signed]
    source = NewSource(
        seen.info.sha256, seen.info.size, seen.info.media_type, ref, seen.info.pages, bool(notes), notes
    )
    row = None
    with working_as(replace(actor, unit=unit or None)):
        _again(lambda: _offer(desk, sent, source, name, facts, actor))
        if code is not None:
            row = _again(lambda: _record(desk, sent, seen, kind, fields, checks, facts, actor))
            row = Imports(desk.catalogue).number(row.id, code, canonical, who=actor.who)
            if desk.catalogue.batch(sent.batch).status is BatchStatus.OPEN:
                desk.catalogue.finish_batch(sent.batch, who=actor.who)
    return Taken(sent, row, new, _warnings(row) if row else ())


def _code_and_unit(desk: Desk, actor: Actor, facts: ImportMetadata) -> tuple[DocCode | None, str]:
    """The code taken apart, and the id of the unit whose document it is: the one that the code names, else the sender's."""
    if facts.DocCode is None:
        return None, actor.unit or ""
    code = parse_doc_code(desk.settings.codes, facts.DocCode)
    if code.version != 1:
        raise WrongUse("DocCode: gửi bản V1 trước, các bản sau gửi bằng PUT")
    owners = Units(desk.catalogue).find(code.office)
    if owners:
        return code, next((u.id for u in owners if u.id == actor.unit), owners[0].id)
    if code.office != desk.settings.office.code:
        raise WrongUse(f"DocCode: không có đơn vị nào mang mã {code.office}")
    return code, actor.unit or ""


def _must_fit(seen: Seen, facts: ImportMetadata | PutMetadata, *, described: bool) -> None:
    if described and seen.info.media_type != PDF:
        raise UnsupportedFile("tài liệu đã số hoá phải là PDF (CV 7197: PDF/A hai lớp); ảnh quét thì bỏ DocCode")
    if facts.PageAmount is not None and facts.PageAmount != seen.info.pages:
        raise BadValue(f"PageAmount: {facts.PageAmount}; tệp có {seen.info.pages} trang (TT 01/2023 Điều 8)")


def _again(do: Callable[[], Result]) -> Result:
    """Two calls with the same file may write the same rows at once; to the later one the database refuses the double, and then
    it finds what the other wrote."""
    try:
        return do()
    except SohoaError as error:
        if type(error) is not SohoaError:
            raise
        return do()


def _offer(desk: Desk, sent: Import, source: NewSource, name: str, facts: ImportMetadata, actor: Actor) -> None:
    """The batch of this one file. A finished one is what an earlier call made."""
    try:
        desk.catalogue.start_batch(
            name[:200], dossier_code=facts.Dossier, settings_hash=desk.settings.reading_hash(), batch_id=sent.batch,
            legal_basis="CV 7197/BKHCN-CĐSQG", who=actor.who,
        )  # fmt: skip
        desk.catalogue.add_file(sent.batch, f"api/{sent.id}/{_plain(name)}", source)
    except NotAllowedNow:
        return


def _record(
    desk: Desk,
    sent: Import,
    seen: Seen,
    kind: str,
    fields: dict[str, FieldValue],
    checks: list[Check],
    facts: ImportMetadata,
    actor: Actor,
) -> DocumentRow:
    """One record of all pages, described by its sender; nothing is read from the picture."""
    numbers = list(range(1, seen.info.pages + 1))
    record = document_id(sent.source, numbers)
    (file,) = desk.catalogue.files(sent.batch)
    if file.status is FileStatus.DONE:
        return desk.catalogue.document(record)
    original = desk.store.stat(original_key(sent.source)).ref
    archive = desk.store.put(
        archive_key(record, 1), desk.store.get(original.key, original.version), sha256=sent.source, media_type=PDF,
        new_version=True,
    )  # fmt: skip
    about_file = [Check(code="signed_original", result=CheckResult.OK)] if seen.info.signed else []
    if not seen.pdfa:
        about_file.append(Check(code="pdfa_not_claimed", result=CheckResult.WARNING))
    reading = DocumentReading(
        pages=numbers, type=kind, type_confidence=1.0, text=seen.text, fields=fields, checks=[*about_file, *checks],
        dossier_code=facts.Dossier,
    )  # fmt: skip
    by_rule = validity(desk.forms.get(kind), reading)
    reading.valid_from = _iso(facts.ValidFrom) or by_rule[0]
    reading.valid_to = _iso(facts.ValidTo) or by_rule[1]
    pages = [NewPage(n, PageStatus.DOCUMENT) for n in numbers]
    rows = desk.catalogue.record_file(
        file.id, pages=pages, documents=[NewDocument(reading, archive, sealed=False)], who=actor.who
    )
    return rows[0]


def _warnings(row: DocumentRow) -> tuple[str, ...]:
    return tuple(c.code for c in row.checks if c.result is not CheckResult.OK)


# --- by DocCode ------------------------------------------------------------------------------------------------------
def by_code(desk: Desk, actor: Actor, code: str, right: Right) -> tuple[DocumentRow, int | None]:
    """The record of a DocCode (of any version) or of a record id, and the version that the code names; None: the newest.

    Raises NotFound also where the actor may not know that it exists.
    """
    wanted = code.strip()
    if re.fullmatch(r"D-[0-9A-Z]{12}", wanted):
        found, version = wanted, None
    else:
        try:
            named = parse_doc_code(desk.settings.codes, wanted)
        except WrongUse:
            raise NotFound(f"DocCode {wanted[:40]}") from None
        known = Imports(desk.catalogue).find(named)
        if known is None or named.version > known[1]:
            raise NotFound(f"DocCode {wanted}")
        found, version = known[0], named.version
    try:
        row = desk.catalogue.document(found)
        require_document(desk.catalogue, actor, right, row.id)
    except NotAllowed as error:
        if actor.may(right):
            refused(desk.catalogue, actor, error, asked="DocCode")  # the door sees only that there is no such thing
            raise NotFound(f"DocCode {wanted}") from None
        raise
    if row.status is DocumentStatus.REJECTED:
        raise NotFound(f"DocCode {wanted}")
    return row, version


def etag_of(row: DocumentRow) -> str:
    """Changes with every change of the record."""
    return f'"{row.id}.{row.revision}"'


# --- put -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Corrected:
    row: DocumentRow
    changed: bool


def correct(
    desk: Desk, actor: Actor, row: DocumentRow, etags: tuple[str, ...], facts: PutMetadata, file: Path | None, name: str
) -> Corrected:
    """New values, and with a file the next version V(n+1). `etags`: of If-Match, the revisions that may be changed; "*" any.

    What stands already is not done again, whatever `etags` say: a sender that never heard the answer may ask once more
    (RFC 9110 §13.1.1). Raises ChangedMeanwhile, NotAllowedNow, and as `take_in`.
    """
    kind = kind_of_type(desk.forms, facts.TypeName) if facts.TypeName is not None else None
    fields = fields_of(desk.forms, kind or row.type, facts, actor, standing=row.fields)
    checks_of(desk.forms, kind or row.type, {**row.fields, **fields}, fields)
    dates = {"valid_from": _iso(facts.ValidFrom), "valid_to": _iso(facts.ValidTo)}
    dates = {name: day for name, day in dates.items() if day is not None}
    seen = look(file, name, desk.settings.limits) if file is not None else None
    if seen is not None:
        _must_fit(seen, facts, described=True)
    same_fields = all(n in row.fields and row.fields[n].value == f.value for n, f in fields.items())
    same_file = seen is None or (row.archive is not None and row.archive.sha256 == seen.info.sha256)
    same_dates = all(getattr(row, name) == day for name, day in dates.items())
    if same_fields and same_file and same_dates and kind in (None, row.type):
        return Corrected(row, False)
    if "*" not in etags and etag_of(row) not in etags:
        raise ChangedMeanwhile(f"{row.id}: {etag_of(row)}")
    new = None
    if seen is not None and not same_file:
        data = file.read_bytes()
        desk.store.put(original_key(seen.info.sha256), data, sha256=seen.info.sha256, media_type=PDF)
        archive = desk.store.put(
            archive_key(row.id, row.version + 1), data, sha256=seen.info.sha256, media_type=PDF, new_version=True
        )
        new = NewVersion(archive, seen.info.sha256, seen.info.pages, seen.text)
    changed = Imports(desk.catalogue).correct(
        row.id, fields, facts.model_dump(mode="json", exclude_defaults=True), new, coding=coding_of(desk.settings),
        kind=kind, dates=dates, expected_revision=row.revision, actor=actor.id, who=actor.who, why=facts.Reason or "PUT",
    )  # fmt: skip
    return Corrected(changed, True)


def _written(desk: Desk, code: DocCode) -> str:
    """As the office's template writes it: six digits also where the sender dropped a zero."""
    return doc_code(desk.settings.codes, code.office, code.field, code.serial, code.version)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _plain(name: str) -> str:
    """A name that was sent, without folders and without what steers a terminal."""
    return re.sub(r"[^\w .-]+", "_", Path(name.replace("\\", "/")).name)[-120:] or "tep"
