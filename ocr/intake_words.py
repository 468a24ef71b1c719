"""Text that came with a born-digital page: believed only when it is Vietnamese one can read and it is what is seen."""

from __future__ import annotations

import ctypes
import math
import unicodedata
from dataclasses import dataclass

import cv2
import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from schemas.page import Box, Word

_FEWEST_LETTERS = 20
_MOST_CHARACTERS = 200_000
_UNSANE_SHARE = 0.02
_FOREIGN_SHARE = 0.1
_UNCOVERED_INK = 0.35
_LOOK_DPI = 72
_COLUMN_GAP = 1.6
_VIETNAMESE = set("ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝàáâãèéêìíòóôõùúý")
_LATIN_1_SIGNS = set("\u00a0§©«»°±²³´·×÷¼½¾–\u00ad")


@dataclass(slots=True)
class _Character:
    text: str
    left: float
    top: float
    right: float
    bottom: float
    upright: bool = True
    """Written from left to right in the shown frame."""

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def born_words(
    data: bytes, index: int, size_pt: tuple[float, float], pictures: list[Box]
) -> list[Word] | None:
    """Words of page `index` (0-based), boxes in points of the shown frame, in reading order; None when the text cannot
    be trusted to be the page. `pictures` are boxes in PDF space whose ink needs no words.

    A number or a date is often filled in by a signature's appearance, so annotations are merged into the page first:
    on a copy that is opened for this alone, as merging changes it. Raises pypdfium2.PdfiumError.
    """
    document = pdfium.PdfDocument(data)
    try:
        page = document[index]
        pdfium_c.FPDFPage_Flatten(page.raw, pdfium_c.FLAT_NORMALDISPLAY)
        page.close()
        page = document[index]
        unit = size_pt[0] / page.get_width()
        characters, unsane = _characters(page, unit)
        letters = [c.text for c in characters if c.text.isalnum()]
        if (
            len(letters) < _FEWEST_LETTERS
            or unsane > _UNSANE_SHARE * len(characters)
            or _is_legacy_font(letters)
        ):
            return None
        if 2 * sum(c.upright for c in characters if c.text != " ") < len(letters):
            return None  # a page that lies on its side: reading finds that out and turns it
        if not _covers_ink(page, characters, unit, pictures):
            return None
        return _words(characters)
    finally:
        document.close()


def _characters(page: pdfium.PdfPage, unit: float) -> tuple[list[_Character], int]:
    """Visible characters with boxes in shown points, spaces among them, and how many have no sane Unicode value."""
    textpage = page.get_textpage()
    found: list[_Character] = []
    unsane = 0
    to_shown, turn = _to_shown(page, unit), page.get_rotation()
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    try:
        for i in range(min(textpage.count_chars(), _MOST_CHARACTERS)):
            code = pdfium_c.FPDFText_GetUnicode(textpage.raw, i)
            if code in (0x20, 0x0A, 0x0D, 0x09, 0xA0):
                found.append(_Character(" ", 0, 0, 0, 0))
                continue
            thing = pdfium_c.FPDFText_GetTextObject(textpage.raw, i)
            if thing and pdfium_c.FPDFTextObj_GetTextRenderMode(thing) in (3, 7):
                continue
            if not pdfium_c.FPDFText_GetCharBox(textpage.raw, i, left, right, bottom, top):
                continue
            text = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"
            unsane += unicodedata.category(text) in ("Cc", "Cn", "Co", "Cs") or text == "\ufffd"
            turned = math.degrees(pdfium_c.FPDFText_GetCharAngle(textpage.raw, i)) + turn
            upright = abs((turned + 180) % 360 - 180) < 20
            found.append(
                _Character(text, *to_shown(left.value, bottom.value, right.value, top.value), upright)
            )
    finally:
        textpage.close()
    return found, unsane


def _to_shown(page: pdfium.PdfPage, unit: float):
    """Map of a box in PDF space to left, top, right, bottom in shown points."""
    left, bottom, right, top = page.get_bbox()
    turn = page.get_rotation() % 360

    def place(x: float, y: float) -> tuple[float, float]:
        at = {
            0: (x - left, top - y),
            90: (y - bottom, x - left),
            180: (right - x, y - bottom),
            270: (top - y, right - x),
        }[turn]
        return at[0] * unit, at[1] * unit

    def box(x0: float, y0: float, x1: float, y1: float) -> Box:
        (u0, v0), (u1, v1) = place(x0, y0), place(x1, y1)
        return min(u0, u1), min(v0, v1), max(u0, u1), max(v0, v1)

    return box


def _is_legacy_font(letters: list[str]) -> bool:
    """True for text of TCVN3, VNI and the like: Vietnamese glyphs over Western codes, read as rubbish."""
    marked = [letter for letter in letters if ord(letter) >= 0x80]
    western = [c for c in marked if ord(c) < 0x100 and c not in _VIETNAMESE]
    return len(western) > _FOREIGN_SHARE * max(len(marked), 1) and len(western) > 0.01 * len(letters)


def _covers_ink(page: pdfium.PdfPage, characters: list[_Character], unit: float, pictures: list[Box]) -> bool:
    """True when most ink on the page lies under characters, pictures or ruled lines: not so when the text is drawn as
    curves, or when the words stand beside what is seen."""
    width, height = (max(1, round(side * _LOOK_DPI / 72)) for side in page.get_size())
    if width * height > 4_000_000:
        return False
    bitmap = pdfium.PdfBitmap.new_native(width, height, pdfium_c.FPDFBitmap_Gray)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        pdfium_c.FPDF_RenderPageBitmap(bitmap.raw, page.raw, 0, 0, width, height, 0, pdfium_c.FPDF_GRAYSCALE)
        ink = np.where(bitmap.to_numpy().reshape(height, width) < 200, 255, 0).astype(np.uint8)
    finally:
        bitmap.close()
    to_shown = _to_shown(page, 1.0)
    boxes = [to_shown(*box) for box in pictures]
    boxes += [
        (c.left / unit, c.top / unit, c.right / unit, c.bottom / unit) for c in characters if c.text != " "
    ]
    everything = int(np.count_nonzero(ink))
    for shape in ((1, 40), (40, 1)):
        ink[cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(shape, np.uint8)) > 0] = 0
    for left, top, right, bottom in boxes:
        # A pixel of room: glyph boxes end before the accents of some fonts do.
        ink[
            max(0, int(top) - 2) : max(0, int(bottom) + 3), max(0, int(left) - 2) : max(0, int(right) + 3)
        ] = 0
    return np.count_nonzero(ink) <= _UNCOVERED_INK * max(everything, 1)


def _words(characters: list[_Character]) -> list[Word]:
    """Characters to words, words to lines from top to bottom and left to right.

    Lines are built from where the words stand, not from the order in the file: what a signature filled in comes last
    there, yet belongs into its gap.
    """
    words: list[list[_Character]] = [[]]
    for character in characters:
        last = words[-1][-1] if words[-1] else None
        if character.text == " ":
            words.append([])
        elif last and unicodedata.combining(character.text[0]):
            words[-1].append(character)
        elif last and not _joins(last, character):
            words.append([character])
        else:
            words[-1].append(character)
    pieces: list[tuple[str, Box]] = []
    for word in filter(None, words):
        text = unicodedata.normalize("NFC", "".join(c.text for c in word)).replace("\u00ad", "-")
        box = (
            min(c.left for c in word),
            min(c.top for c in word),
            max(c.right for c in word),
            max(c.bottom for c in word),
        )
        if text.strip() and box[2] > box[0] and box[3] > box[1]:
            pieces.append((text, box))
    return [
        Word(text=text, box=box, confidence=1.0, line=number)
        for number, line in enumerate(_lines(pieces))
        for text, box in line
    ]


def _joins(last: _Character, character: _Character) -> bool:
    """True when the second character goes on where the first ended, on the same row."""
    if not (last.upright and character.upright):
        return last.upright == character.upright
    height = max(last.bottom - last.top, character.bottom - character.top, 1.0)
    gap = character.left - last.right
    return -0.6 * height < gap < 0.35 * height and abs(character.middle - last.middle) < 0.8 * height


def _lines(pieces: list[tuple[str, Box]]) -> list[list[tuple[str, Box]]]:
    """Rows of words that overlap in height by half, split where a gap is wider than a column's."""
    rows: list[list[tuple[str, Box]]] = []
    for piece in sorted(pieces, key=lambda p: (p[1][1] + p[1][3]) / 2):
        box = piece[1]
        middle = (box[1] + box[3]) / 2
        for row in reversed(rows[-8:]):
            tallest = max(row, key=lambda p: p[1][3] - p[1][1])[1]
            if tallest[1] <= middle <= tallest[3] or box[1] <= (tallest[1] + tallest[3]) / 2 <= box[3]:
                row.append(piece)
                break
        else:
            rows.append([piece])
    lines: list[list[tuple[str, Box]]] = []
    for row in rows:
        row.sort(key=lambda p: p[1][0])
        line: list[tuple[str, Box]] = []
        # The tallest word stands for the size of the type: a dash has hardly any height of its own.
        height = max(box[3] - box[1] for _, box in row)
        for piece in row:
            if line and piece[1][0] - line[-1][1][2] > _COLUMN_GAP * height:
                lines.append(line)
                line = []
            line.append(piece)
        lines.append(line)
    return lines
