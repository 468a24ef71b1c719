"""What kind of paper a document is: by its title, else by its number and symbol, else by phrases only that kind prints."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from ocr.fields.rows import Row, Sheet, capital_share
from ocr.forms import LETTER_KIND, UNKNOWN_KIND, Form, Forms
from ocr.normalise import fold, key, normal_symbol

_SYMBOL = re.compile(
    r"(?:^|\s)[sS][oốôóỗ0]\s*[:.;]?\s*\S{0,12}?\s*/\s*([A-ZĐÐ][\w&.ĐÐ]{0,12}(?:\s?-\s?[\w&.ĐÐ]+)*)"
)
_TITLE_ZONE = 0.62
"""A title stands in this upper part of the first page."""


@dataclass(frozen=True, slots=True)
class Title:
    """Rows of the first page that bear the title of a kind."""

    code: str
    first: int
    last: int
    score: float
    printed: str
    centre: float
    """Abscissa of the middle of the title."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind decided on, how sure, and the title when it was read."""

    code: str
    confidence: float
    title: Title | None


def find_title(sheet: Sheet, forms: Forms) -> Title | None:
    """The best title in the upper part of a page: whole rows (up to three) that read like a title of a kind."""
    limit = _TITLE_ZONE * sheet.reading.height
    centre = (sheet.left_edge + sheet.right_edge) / 2
    best: tuple[float, Title] | None = None
    rows = sheet.rows
    for first, row in enumerate(rows):
        if row.top > limit or len(row.key) < 4 or len(row.key) > 90:
            continue
        for last in range(first, min(first + 3, len(rows))):
            if last > first and rows[last].top - rows[last - 1].bottom > 1.8 * sheet.line_height:
                break
            whole = " ".join(r.text for r in rows[first : last + 1])
            for part in _readings(rows[first : last + 1]):
                text = " ".join(r.text for r in part)
                joined = key(text)
                capitals = capital_share(text)
                if capitals < 0.55 or len(joined) < 4:
                    continue
                middle = sum(r.box[0] + r.box[2] for r in part) / (2 * len(part))
                if text != whole and abs(middle - centre) > 0.12 * sheet.reading.width:
                    continue
                for form in forms:
                    for title in form.title_keys:
                        score = Levenshtein.normalized_similarity(title, joined, score_cutoff=0.72)
                        if not score:
                            continue
                        rank = (
                            score
                            + 0.012 * min(len(title), 40) * score
                            - 0.15 * row.top / limit
                            + 0.1 * capitals
                        )
                        rank -= 0.1 if text.rstrip().endswith(":") else 0
                        if best is None or rank > best[0]:
                            best = (rank, Title(form.code, first, last, score, text, middle))
    return best[1] if best else None


def _readings(span: list[Row]) -> list[list[Row]]:
    """What a title could be in these rows: all of it, each row's largest segment, or the first row without what a stamp
    in the margin put before it."""
    found = [span]
    largest = [max(r.segments(), key=lambda s: len(s.key)) for r in span]
    if any(a.text != b.text for a, b in zip(largest, span, strict=True)):
        found.append(largest)
    tokens = span[0].tokens
    if 2 < len(tokens) <= 9:
        for at in range(1, len(tokens) - 1):
            found.append([Row(tokens[at:], span[0].page, span[0].wide_gap), *span[1:]])
    return found


def symbol_kind(sheet: Sheet, forms: Forms) -> tuple[str, str] | None:
    """Kind told by the symbol in the upper part of the page, with the symbol: `QĐ-UBND` → quyet_dinh."""
    for row in sheet.rows:
        if row.top > 0.5 * sheet.reading.height:
            break
        match = _SYMBOL.search(row.text)
        if not match:
            continue
        symbol = normal_symbol(match.group(1))
        for abbreviation in sorted(forms.abbreviations, key=len, reverse=True):
            if re.match(rf"{re.escape(abbreviation)}(?![A-Za-zĐ])", symbol):
                return forms.abbreviations[abbreviation], symbol
        return LETTER_KIND, symbol
    return None


def anchor_share(form: Form, page_key: str) -> tuple[int, float]:
    """How many anchors of a kind stand in the text, and their share."""
    seen = sum(1 for anchor in form.anchor_keys if fuzz.partial_ratio(anchor, page_key) >= 86)
    return seen, seen / len(form.anchor_keys) if form.anchor_keys else 0.0


def classify(sheets: list[Sheet], forms: Forms) -> Kind:
    """Kind of a document from its pages."""
    sheet = next((s for s in sheets if s.rows), None)
    if sheet is None:
        return Kind(UNKNOWN_KIND, 0.0, None)
    title = find_title(sheet, forms)
    symbol = symbol_kind(sheet, forms)
    page_key = key(" ".join(row.text for s in sheets for row in s.rows))
    if title:
        _, share = anchor_share(forms[title.code], page_key)
        agrees = symbol is not None and symbol[0] == title.code
        sure = title.score >= 0.9 or agrees or share >= 0.3
        if sure:
            return Kind(title.code, min(0.999, 0.6 * title.score + 0.25 + 0.1 * max(share, agrees)), title)
    by_anchors = max(
        ((*anchor_share(form, page_key), form.code) for form in forms if form.anchors), default=(0, 0.0, "")
    )
    if by_anchors[0] >= 2 and by_anchors[1] >= 0.5:
        return Kind(by_anchors[2], 0.5 + 0.3 * by_anchors[1], None)
    if symbol and symbol[0] != LETTER_KIND and symbol[0] in forms:
        return Kind(symbol[0], 0.75, None)
    letter = LETTER_KIND in forms and _is_letter(sheet, symbol is not None)
    if title and title.score >= 0.8 and not (letter and symbol):
        return Kind(title.code, 0.6, title)
    if letter:
        return Kind(LETTER_KIND, 0.97 if symbol else 0.8, None)
    if title:
        return Kind(title.code, 0.4, title)
    return Kind(UNKNOWN_KIND, 0.3, None)


def _is_letter(sheet: Sheet, has_symbol: bool) -> bool:
    folded = [fold(row.text).strip(" .,:-") for row in sheet.rows if row.top < 0.6 * sheet.reading.height]
    subject = any(re.match(r"\W*v\s?[^\w\s]{1,2}\s?v?\b", text) for text in folded)
    addressed = any("kinh gui" in text for text in folded)
    return subject or (addressed and has_symbol) or addressed
