"""Pages of a stack put into documents: separator sheets and blank pages taken out, headings begin a new document.

Everything is accounted for: pages in = pages of documents + blank + separators (DESIGN decision 5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ocr.classify import find_title, symbol_kind
from ocr.fields.layout import find_phrase
from ocr.fields.rows import Row, Sheet, capital_share
from ocr.forms import Forms
from ocr.normalise import fold, key
from ocr.syllables import is_plausible
from schemas.page import PageReading

DOSSIER_CODE = re.compile(
    r"(?<![A-Z0-9])("
    r"\d{3}\.\d{2}\.\d{2}\.[A-Y]\d{2}-\d{6}-\d{4,}"  # TT 01/2018/TT-VPCP, reversed agency code
    r"|[A-Y]\d{2}(?:\.\d{1,3})*-\d{6}-(?:[A-Z]{2})?\d{4,}"  # TT 03/2025/TT-VPCP
    r"|HS-\d{4}-\d{4,}"  # office's own counter
    r")(?![0-9])"
)
_SEPARATOR_WORDS = re.compile(
    r"patch ?t|patch ?code|to phan cach|trang phan cach|separator|phan cach ho so|patcht"
)


@dataclass(slots=True)
class Separation:
    """Page numbers of each document, of blank pages and separator sheets; dossier code by index of the document."""

    documents: list[list[int]] = field(default_factory=list)
    blank: list[int] = field(default_factory=list)
    separators: list[int] = field(default_factory=list)
    dossier_codes: dict[int, str] = field(default_factory=dict)


def separate(readings: list[PageReading], forms: Forms) -> Separation:
    """Documents of a stack in the order of its pages. A dossier code holds until the next separator sheet."""
    made = Separation()
    code: str | None = None
    fresh = True
    for reading in readings:
        sheet = Sheet.of(reading)
        if is_separator(sheet):
            made.separators.append(reading.page)
            code, fresh = dossier_code(reading), True
            continue
        if is_blank(sheet):
            made.blank.append(reading.page)
            continue
        if fresh or not made.documents or starts_document(sheet, forms):
            made.documents.append([])
            if code:
                made.dossier_codes[len(made.documents) - 1] = code
        made.documents[-1].append(reading.page)
        fresh = False
    return made


def dossier_code(reading: PageReading) -> str | None:
    """Code of the dossier on a separator sheet: from its barcode, else from its text."""
    for text in [*(b.text for b in reading.barcodes), reading.text]:
        match = DOSSIER_CODE.search(text.upper().replace(" ", ""))
        if match:
            return match.group(1)
    for barcode in reading.barcodes:
        if re.fullmatch(r"[\w.\-/]{4,60}", barcode.text):
            return barcode.text
    return None


def is_separator(sheet: Sheet) -> bool:
    """A sheet that carries nothing but a code: a few words, and a barcode, a dossier code or the word of a patch sheet."""
    reading = sheet.reading
    words = [t for row in sheet.rows for t in row.tokens if len(t.key) > 1 and t.confidence > 0.3]
    if len(words) > 25:
        return False
    text = " ".join(row.text for row in sheet.rows)
    if find_phrase(sheet.rows, "conghoaxahoichunghiavietnam", 0.75) is not None:
        return False
    if _SEPARATOR_WORDS.search(fold(text)):
        return True
    code = DOSSIER_CODE.search(text.upper().replace(" ", ""))
    if reading.barcodes and (
        len(words) <= 12 or any(DOSSIER_CODE.search(b.text.upper()) for b in reading.barcodes)
    ):
        return True
    return bool(code) and len(words) <= 15


def is_blank(sheet: Sheet) -> bool:
    """No content: judged from the picture, or only specks were read (a seal showing through from the other side)."""
    words = [t for row in sheet.rows for t in row.tokens if len(t.key) > 1 and t.confidence > 0.55]
    if sheet.reading.quality.blank:
        return len(words) < 8
    return len(words) < 4 and not sheet.reading.barcodes and not any(_surely_read(row) for row in sheet.rows)


def _surely_read(row: Row) -> bool:
    """A row of real words: the title of who signs may be all that is read of the last page of a paper."""
    words = [t for t in row.tokens if len(t.key) > 1]
    letters = sum(len(t.key) for t in words)
    return letters >= 7 and all(t.confidence > 0.8 and is_plausible(t.text) for t in words)


def starts_document(sheet: Sheet, forms: Forms) -> bool:
    """True for a page with a heading: Quốc hiệu at the top, or a title with a number, rather than a continued text."""
    upper = 0.35 * sheet.reading.height
    if find_phrase(sheet.rows, "conghoaxahoichunghiavietnam", 0.7, upper) is not None:
        return True
    motto = find_phrase(sheet.rows, "doclaptudohanhphuc", 0.75, upper) is not None
    symbol = symbol_kind(sheet, forms) is not None
    title = find_title(sheet, forms)
    titled = title is not None and title.score >= 0.85 and sheet.rows[title.first].top < upper
    if _continued(sheet):
        return motto and (symbol or titled)
    if motto and (titled or symbol):
        return True
    agency = any(
        capital_share(r.text) > 0.8 and key(r.text).startswith(("uybannhandan", "ubnd"))
        for r in sheet.rows[:3]
    )
    return titled and (symbol or agency or motto)


def _continued(sheet: Sheet) -> bool:
    """A page number above 1 alone in the first row."""
    for row in sheet.rows[:2]:
        match = re.fullmatch(r"\W*(?:trang\s*)?(\d{1,3})\W*", fold(row.text))
        if match and int(match.group(1)) > 1:
            return True
    return False
