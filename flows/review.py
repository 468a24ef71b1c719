"""What people do with records after reading: look, correct, confirm, reject, note. Used by the command and the
portal.

Every change says who makes it and which `revision` of the record that person looked at; when somebody else was
faster, ChangedMeanwhile is raised and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from schemas.document import Check, CheckResult, DocumentReading, DocumentStatus, FieldStatus, FieldValue
from schemas.errors import NoHome, NotFound
from schemas.page import IssueCode, PageReading
from schemas.settings import Settings
from schemas.texts import check_text, field_name
from storage.catalogue import Catalogue, DocumentRow, NewPage, PageRow, QuarantineRow
from storage.objects import ObjectStore, open_archive, original_key

if TYPE_CHECKING:
    from flows.picture import Mark

# Pictures and kinds of paper are loaded where they are used: a search must answer at once.
WAITING = (FieldStatus.REVIEW, FieldStatus.MISSING)
NAMES_SHOWN = 4
"""Fields named in one reason; the record itself shows all."""
BY_PERSON = (FieldStatus.CONFIRMED, FieldStatus.CORRECTED)


@dataclass
class Desk:
    """What is needed to look at records and to change them. One a process; not across fork."""

    settings: Settings
    catalogue: Catalogue
    store: ObjectStore

    @cached_property
    def forms(self):
        from ocr.forms import load_forms

        return load_forms()

    def kind_name(self, kind: str) -> str:
        """Name of a kind of paper, Vietnamese."""
        form = self.forms.get(kind)
        return form.name if form else "Giấy tờ khác" if kind == "khac" else kind

    def field_name(self, kind: str, name: str) -> str:
        """Name of a field, Vietnamese; a field of an office's own form is called by its printed label."""
        form = self.forms.get(kind)
        labels = form.fields[name].labels if form and name in form.fields else []
        return field_name(name, labels[0] if labels else "")


@contextmanager
def open_desk(settings: Settings) -> Iterator[Desk]:
    """Opens catalogue and store of a home folder that is already there. Raises NoHome, SetupError,
    CatalogueUnavailable."""
    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").is_file():
        raise NoHome(str(settings.home))
    catalogue = Catalogue.open(settings.database, create=False)
    try:
        store = open_archive(settings, catalogue)
        try:
            yield Desk(settings, catalogue, store)
        finally:
            store.close()
    finally:
        catalogue.close()


# --- looking ------------------------------------------------------------
def reasons(desk: Desk, document: DocumentRow) -> list[str]:
    """Why a record waits for a person, Vietnamese, the heaviest first; empty when it does not."""
    if document.status is not DocumentStatus.REVIEW:
        return []
    waiting = {name: field for name, field in document.fields.items() if field.status in WAITING}
    by_hand = [n for n, f in waiting.items() if f.handwritten]
    missing = [n for n, f in waiting.items() if f.status is FieldStatus.MISSING]
    doubtful = [n for n in waiting if n not in by_hand and n not in missing]
    said = []
    for text, names in (("viết tay", by_hand), ("không tìm thấy", missing), ("đọc chưa chắc", doubtful)):
        if names:
            more = f" và {len(names) - NAMES_SHOWN} trường nữa" if len(names) > NAMES_SHOWN else ""
            said.append(
                f"{text}: {', '.join(desk.field_name(document.type, n) for n in names[:NAMES_SHOWN])}{more}"
            )
    for check in unsettled(document):
        if check.code != "required":
            # Checks of fields name them; checks of pages carry the page numbers.
            said.append(
                (f"trang {check.detail}: " if check.detail and not check.fields else "")
                + check_text(check.code)
            )
    return list(dict.fromkeys(said)) or ["chờ người kiểm tra xác nhận"]


def pages_of(desk: Desk, document: DocumentRow) -> list[PageRow]:
    """The pages of a record, in its order."""
    by_number = {page.number: page for page in desk.catalogue.pages(document.source)}
    return [by_number[n] for n in document.pages if n in by_number]


def marks_of(desk: Desk, document: DocumentRow, page: int | None = None) -> list[Mark]:
    """Fields with their names; of one page (number in the source) or of all. Those without a place count to page
    one."""
    from flows.picture import Mark

    first = document.pages[0]
    return [
        Mark(desk.field_name(document.type, name), field)
        for name, field in document.fields.items()
        if page is None or (field.page or first) == page
    ]


def page_reading(desk: Desk, document: DocumentRow, page: int) -> PageReading:
    """What was read of a page. Raises NotFound when the page is not of this record or its reading was not kept."""
    row = next((p for p in pages_of(desk, document) if p.number == page), None)
    if row is None or row.reading_key is None:
        raise NotFound(f"page {page} of {document.id}")
    from flows.pages import unpacked  # loads what opens and cuts files, which a list of records does not need

    return unpacked(desk.store.get(row.reading_key))


def page_image(desk: Desk, document: DocumentRow, reading: PageReading, dpi: float):
    """The page as shown: from the archived copy where there is one, else from the scan as it came in."""
    from flows.picture import shown_page

    limits = desk.settings.limits
    if document.archive is not None and document.archive.sha256 != document.source:
        data = desk.store.get(document.archive.key, document.archive.version)
        return shown_page(data, document.pages.index(reading.page) + 1, limits, dpi=dpi)
    # A signed file is kept as it came, turned or not.
    data = desk.store.get(original_key(document.source))
    return shown_page(data, reading.page, limits, dpi=dpi, rotation=reading.rotation)


def page_png(desk: Desk, document: DocumentRow, page: int) -> bytes:
    """Picture of a page with its words and fields drawn in."""
    from flows.picture import PICTURE_DPI, draw_page

    reading = page_reading(desk, document, page)
    place = f"trang {document.pages.index(page) + 1}/{len(document.pages)}"
    title = f"{desk.kind_name(document.type)} · {document.id} · {place}"
    return draw_page(
        page_image(desk, document, reading, PICTURE_DPI),
        reading.page_size_pt,
        [reading.box_to_points(word.box) for word in reading.words],
        marks_of(desk, document, page),
        title,
    )


def crops(desk: Desk, document: DocumentRow) -> Iterator[tuple[str, bytes]]:
    """Name and zoomed PNG of each field that waits and has a place on a page."""
    from flows.picture import CROP_DPI, Mark, draw_crop

    for page in document.pages:
        waiting = [
            (name, field)
            for name, field in document.fields.items()
            if field.status in WAITING and field.box is not None and (field.page or document.pages[0]) == page
        ]
        if not waiting:
            continue
        reading = page_reading(desk, document, page)
        image = page_image(desk, document, reading, CROP_DPI)
        for name, field in waiting:
            yield (
                name,
                draw_crop(image, reading.page_size_pt, Mark(desk.field_name(document.type, name), field)),
            )


# --- changing ------------------------------------------------------------
def set_value(
    desk: Desk,
    document_id: str,
    name: str,
    text: str,
    *,
    who: str,
    why: str = "",
    expected_revision: int | None = None,
) -> DocumentRow:
    """A person's value for a field, in its normal form, and the checks made anew with it; with the last field that
    waited the record is checked and gets its codes.

    Empty text says that the paper has none. Raises BadValue, NotFound for a field that neither the record nor its
    form has, ChangedMeanwhile, NotAllowedNow.
    """
    from flows.typed import kind_of, typed_value

    document = desk.catalogue.document(document_id)
    form = desk.forms.get(document.type)
    if name not in document.fields and (form is None or name not in form.fields):
        raise NotFound(f"trường {name}; giấy này có: {', '.join(document.fields)}")
    value = typed_value(kind_of(form, name), text)
    before = document.fields.get(name, FieldValue(value=None))
    fields = document.fields | {name: before.model_copy(update={"value": value})}
    checks, failed, validity = _check(desk, document, fields, name)
    expected = document.revision if expected_revision is None else expected_revision
    document = desk.catalogue.set_field(
        document.id, name, value, who=who, why=why, checks=failed, all_checks=checks, validity=validity,
        expected_revision=expected,
    )  # fmt: skip
    return _close(desk, document, who, document.revision) if is_ready(document) else document


def _check(
    desk: Desk, document: DocumentRow, fields: dict[str, FieldValue], name: str
) -> tuple[list[Check], list[str], tuple[str | None, str | None]]:
    """All checks with these values, codes of those that the named field fails, and the days between which the paper
    is in force."""
    from ocr import checks as rules
    from ocr.fields.evidence import Found

    form = desk.forms.get(document.type)
    found = {n: Found(f.value, f.printed or "", handwritten=f.handwritten) for n, f in fields.items()}
    report = rules.check(document.type, form, found, desk.forms)
    of_pages = [check for check in document.checks if not check.fields]
    reading = DocumentReading(pages=document.pages, type=document.type, fields=fields)
    return of_pages + report.checks, report.failed(name), rules.validity(form, reading)


def confirm(
    desk: Desk,
    document_id: str,
    names: Sequence[str] = (),
    *,
    everything: bool = False,
    who: str,
    expected_revision: int | None = None,
) -> DocumentRow:
    """A person agrees with the values of these fields; with the last one that waits the record is checked and gets
    its codes.

    `everything`: with all that waits, knowingly also where a check failed. Raises NotFound, ChangedMeanwhile,
    NotAllowedNow.
    """
    document = desk.catalogue.document(document_id)
    revision = document.revision if expected_revision is None else expected_revision
    unknown = [name for name in names if name not in document.fields]
    if unknown:
        raise NotFound(f"trường {', '.join(unknown)}; giấy này có: {', '.join(document.fields)}")
    for name in names:
        document = desk.catalogue.confirm_field(document.id, name, who=who, expected_revision=revision)
        revision = document.revision
    return _close(desk, document, who, revision) if everything or is_ready(document) else document


def _close(desk: Desk, document: DocumentRow, who: str, revision: int) -> DocumentRow:
    """The record is checked. What still waits, or failed, is what this person has settled or has asked to pass over."""
    from flows.coding import coding_of

    return desk.catalogue.confirm_document(
        document.id,
        who=who,
        confirm_waiting=True,
        coding=coding_of(desk.settings, desk.forms),
        expected_revision=revision,
    )


def is_ready(document: DocumentRow) -> bool:
    """In review, and nothing waits any more."""
    waiting = any(field.status in WAITING for field in document.fields.values())
    return document.status is DocumentStatus.REVIEW and not waiting and not unsettled(document)


def unsettled(document: DocumentRow) -> list[Check]:
    """Failed checks about which no person has spoken: a check is settled when a person set or confirmed each of its
    fields; one of the page pictures, which names none, only together with the whole record."""
    by_person = {name for name, field in document.fields.items() if field.status in BY_PERSON}
    return [
        check
        for check in document.checks
        if check.result is CheckResult.FAILED and not (check.fields and by_person.issuperset(check.fields))
    ]


def reject(
    desk: Desk, document_id: str, *, reason: str, who: str, expected_revision: int | None = None
) -> DocumentRow:
    """A person says that this is not a record. Raises WrongUse without a reason, NotAllowedNow, ChangedMeanwhile."""
    return desk.catalogue.reject_document(
        document_id, who=who, reason=reason, expected_revision=expected_revision
    )


def note_sticky(desk: Desk, document_id: str, page: int, *, twin: int | None = None, who: str) -> DocumentRow:
    """Notes that a page bore a sticky note and was captured twice, with it and without it (TT 01/2023/TT-VPCP Đ8
    k2d).

    page: number in the source of the capture with the note; twin: of the one without. Raises NotFound.
    """
    document = desk.catalogue.document(document_id)
    rows = {row.number: row for row in desk.catalogue.pages(document.source)}
    if (
        page not in document.pages
        or page not in rows
        or (twin is not None and (twin not in rows or twin == page))
    ):
        of_record = ", ".join(map(str, document.pages))
        raise NotFound(f"trang {page if twin is None else f'{page}, {twin}'}; giấy này gồm trang {of_record}")
    row = rows[page]
    quality = dict(row.quality or {})
    quality["issues"] = list(dict.fromkeys([*quality.get("issues", []), IssueCode.STICKY_NOTE]))
    desk.catalogue.record_pages(
        document.source, [NewPage(page, row.status, row.rotation, quality, row.reading_key)]
    )
    desk.catalogue.event(who, "page_captured_twice", document.id, {"page": page, "without_note": twin})
    return document


# --- quarantine ------------------------------------------------------------
def quarantine_entry(desk: Desk, entry_id: str) -> QuarantineRow:
    """By id or its beginning, in any case. Raises NotFound, also when several begin so."""
    wanted = entry_id.strip().upper()
    found = [
        entry for entry in desk.catalogue.quarantine_list() if wanted and entry.id.upper().startswith(wanted)
    ]
    if len(found) != 1:
        raise NotFound(f"{entry_id}: {len(found)}")
    return found[0]
