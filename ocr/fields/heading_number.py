"""Number and symbol of a paper (`Số: 15/QĐ-UBND`), printed or with the number written into a gap."""

from __future__ import annotations

import re

from ocr.classify import Kind
from ocr.fields.evidence import PEN_LIKELY, Found, is_handwritten
from ocr.fields.layout import Heading, gap_of
from ocr.fields.rows import Row, Sheet, Token
from ocr.forms import Forms
from ocr.normalise import fold, key, nfc, normal_number, normal_symbol, one_dash, tidy
from schemas.page import GapReading


def read_number(
    heading: Heading, sheet: Sheet, kind: Kind, forms: Forms, title_row: int | None
) -> int | None:
    """Row of the number line, with the number put into the heading."""
    best: tuple[float, int, list[Token]] | None = None
    top = sheet.rows[heading.motto_row].top if heading.motto_row is not None else 0.0
    for number, row in enumerate(sheet.rows):
        if row.top > 0.62 * sheet.reading.height:
            break
        for at, token in enumerate(row.tokens):
            if not _is_number_label(row, at):
                continue
            tail = _number_tail(row, at)
            score = _number_score(heading, sheet, row, token, tail, kind, forms, title_row, number)
            score -= 0.6 * (row.top < top - sheet.line_height)
            if best is None or score > best[0]:
                best = (score, number, tail)
    gap = gap_of(sheet, "so")
    if best is None or best[0] < 0.35:
        return _unlabelled_number(heading, sheet, gap)
    _, number, tail = best
    heading.fields["so_ky_hieu"] = _number_found(tail, sheet.rows[number], gap)
    return number


def _unlabelled_number(heading: Heading, sheet: Sheet, gap: GapReading | None) -> int | None:
    """A number whose label was not read: the place that ocr.handwriting found for it, or a code in the heading."""
    place = gap or next((g for g in sheet.reading.gaps if g.kind == "so"), None)
    if place is None:
        return _beside_date(heading, sheet)
    middle, reach = (place.box[1] + place.box[3]) / 2, 0.7 * sheet.line_height
    near = [n for n, row in enumerate(sheet.rows) if abs((row.top + row.bottom) / 2 - middle) < reach]
    number = min(near, key=lambda n: abs((sheet.rows[n].top + sheet.rows[n].bottom) / 2 - middle), default=None)
    here = sheet.rows[number].tokens if number is not None else []
    tail = [t for t in here if t.box[0] > place.box[0] - sheet.line_height and _in_code(t, here)]
    if tail or gap is not None:
        tail = tail or [Token("", "", place.box, 0.0, sheet.reading.page, place.handwritten)]
        item = _number_found(tail, sheet.rows[number] if number is not None else sheet.rows[0], gap)
    else:
        token = Token("", "", place.box, 0.0, sheet.reading.page, place.handwritten)
        item = Found(None, "", [token], "number", label=0.3, valid=False, certainty=0.1)
    item.handwritten = item.handwritten or place.handwritten >= PEN_LIKELY or not place.text
    heading.fields["so_ky_hieu"] = item
    return number


def _beside_date(heading: Heading, sheet: Sheet) -> int | None:
    """The number stands left of the place and date, on their row (NĐ 30/2020 Annex I): what was made of it there though a
    stamp or the writing hides its label. It is no more than a proposal."""
    for number, row in enumerate(sheet.rows):
        if row.top > 0.4 * sheet.reading.height or heading.motto_row is None:
            break
        if number <= heading.motto_row or not re.search(r"ng[a-z]y\b.{1,12}\bth[a-z]ng\b.{1,10}\bn[a-z]m\b", fold(row.text)):
            continue
        left = [t for t in row.tokens if t.box[2] < heading.split and t.key]
        text = " ".join(t.text for t in left)
        if not re.search(r"\d|[^\W\d_a-zđ]\s?[-–]\s?[A-ZĐÐ]{2}|/", text) or min(t.confidence for t in left) > 0.6:
            continue  # a line of the agency
        tail = left[-2:]
        item = _number_found(tail, row, None)
        item.valid, item.certainty, item.handwritten = False, 0.1, True
        heading.fields["so_ky_hieu"] = item
        return number
    return None


def _in_code(token: Token, row: list[Token]) -> bool:
    """The code of a number, or a part of it behind its slash."""
    return "/" in token.text or any("/" in t.text and 0 <= token.box[0] - t.box[2] < 0.3 * t.height for t in row)


def _is_number_label(row: Row, at: int) -> bool:
    token = row.tokens[at]
    text = fold(token.text)
    if not re.match(r"^\W*s(?:[o06]\s*[:.;,]*|[aeu]\s*[:;])$", text):
        return False
    colon = token.text.rstrip().endswith((":", ".", ";")) or (
        at + 1 < len(row.tokens) and row.tokens[at + 1].text[:1] in ":.;"
    )
    before = key(row.tokens[at - 1].text) if at else ""
    if before in ("quyen", "van", "dinh", "luat", "to", "thua", "nghidinh", "trinh", "mau", "ban", "tu"):
        return False
    if at and not all(len(t.key) <= 2 for t in row.tokens[:at]):
        gap = token.box[0] - row.tokens[at - 1].box[2]
        return colon and gap > 1.0 * row.wide_gap / 2.2
    return colon or (at + 1 < len(row.tokens) and any("/" in t.text for t in row.tokens[at + 1 : at + 4]))


def _number_tail(row: Row, at: int) -> list[Token]:
    """Tokens of the number and symbol behind `Số:`, up to a wide gap or a word of another kind."""
    taken: list[Token] = []
    height = row.wide_gap / 2.2
    for token in row.tokens[at + 1 :]:
        text = token.text
        previous = taken[-1] if taken else row.tokens[at]
        slashed = any("/" in t.text or "⁄" in t.text for t in taken)
        symbolic = (
            any(c in text for c in "/⁄") or any(c.isdigit() for c in text) or not token.key or is_symbol(text)
        )
        joined = previous.text.endswith(("-", "/", "–")) or text.startswith(("-", "/", "–"))
        close = token.box[0] - previous.box[2] < (1.6 if slashed else 4.5) * height
        if not close:
            break
        if slashed and not joined and not (symbolic and text[:1] in "-–/"):
            break
        if not slashed and not symbolic and not joined and (text[:1].islower() or len(token.key) > 6):
            if key(text) in ("ngay", "thang") or any("/" in t.text for t in row.tokens[at + 1 :]) is False:
                break
        if key(text) == "ngay":
            break
        taken.append(token)
    return taken


def is_symbol(text: str) -> bool:
    """Capitals joined by a dash as in `QĐ-UBND`: the symbol of a number whose slash was lost in the handwriting."""
    return bool(re.fullmatch(r"\W*[A-ZĐ][\w&]{0,11}-[A-ZĐ][\w&-]*\W*", nfc(text)))


def _number_score(heading, sheet, row, token, tail, kind, forms, title_row, number) -> float:
    text = "".join(t.text for t in tail)
    score = 0.4
    score += 0.35 * ("/" in text or "⁄" in text)
    score += 0.15 * any(c.isdigit() for c in text)
    if heading.motto_row is not None:
        distance = (row.top - sheet.rows[heading.motto_row].top) / sheet.reading.height
        score += 0.25 if 0 <= distance < 0.16 else 0.0
        score -= 0.2 if distance > 0.3 else 0.0
        score += 0.1 * (token.box[0] < heading.split)
    if title_row is not None:
        score += 0.25 * (0 <= number - title_row <= 4) + 0.1 * (-6 <= number - title_row < 0)
    form = forms.get(kind.code)
    if form and form.abbreviation and key(form.abbreviation) in key(text):
        score += 0.2
    if token.box[0] < 0.06 * sheet.reading.width:
        score -= 0.2
    return score


def _number_found(tail: list[Token], row: Row, gap: GapReading | None) -> Found:
    printed = " ".join(t.text for t in tail)
    text = one_dash("".join(t.text for t in tail)).replace("⁄", "/").replace("\\", "/")
    text = re.sub(r"^[.…_:;,~'\"`|*]+", "", re.sub(r"[…_]+|\.{3,}", "", text))
    tokens = list(tail)
    if "/" not in text and len(tail) > 1 and is_symbol(tail[-1].text):
        text = f"{''.join(t.text for t in tail[:-1])}/{tail[-1].text}"
    if "/" not in text:
        text = normal_number(text)
    written = is_handwritten([t for t in tail if any(c.isdigit() for c in t.text) or "/" not in t.text][:2])
    pen = gap.handwritten if gap is not None else 0.0
    written = written or pen >= PEN_LIKELY
    if "/" in text:
        parts = [p for p in text.split("/") if p]
        head = parts[0] if parts else ""
        years = [p for p in parts[1:-1] if re.fullmatch(r"(?:19|20)\d\d", p)]
        symbol = (
            normal_symbol(parts[-1]) if len(parts) > 1 or not text.startswith("/") else normal_symbol(head)
        )
        if text.startswith("/") and len(parts) == 1:
            head = ""
        if len(parts) > 1 and re.fullmatch(r"(?:19|20)\d\d", parts[-1]):
            symbol = parts[-1]
        digits = _digits(head)
        plausible = bool(re.fullmatch(r"\d{1,6}[a-zA-Z]?", digits))
        if gap is not None and gap.text and (gap.handwritten >= 0.5 or not plausible):
            value = "/".join([gap.text.split("/")[0], *years, symbol])
            return Found(value, printed, tokens or row.tokens, "number", valid=True, handwritten=written or not plausible, pen=pen,
                         source="digits", gap_confidence=gap.confidence)  # fmt: skip
        value = normal_number("/".join([digits or head, *years, symbol]))
        lettered = (
            len(symbol) > 1 and not re.search(r"\d", symbol) or bool(re.fullmatch(r"(?:19|20)\d\d", symbol))
        )
        return Found(value or None, printed, tokens, "number", valid=plausible and lettered,
                     handwritten=written or not plausible, pen=pen,
                     certainty=1.0 if digits == head else 0.6, agreed=_agrees(gap, digits))  # fmt: skip
    value = normal_number(tidy(text))
    plausible = bool(re.fullmatch(r"\d{1,6}(?:/\d{4})?|\d{2}[A-Z]\d{6,8}|\d{8,13}(?:-\d{3})?", value))
    if gap is not None and gap.text and (gap.handwritten >= 0.5 or not plausible):
        return Found(gap.text, printed, tokens or row.tokens, "number", handwritten=written or not plausible, pen=pen,
                     source="digits", gap_confidence=gap.confidence)  # fmt: skip
    return Found(
        value or None,
        printed,
        tokens,
        "number",
        valid=plausible,
        handwritten=written or not plausible,
        pen=pen,
        agreed=_agrees(gap, value),
    )


def _agrees(gap: GapReading | None, digits: str) -> int:
    """1 when the reader of digits, which looks at the picture by itself, read the same printed number."""
    return int(gap is not None and gap.text == digits and gap.confidence >= 0.95)


def _digits(text: str) -> str:
    """Letters between digits read for digits (`12O5` → `1205`); anything stranger stays."""
    if not re.search(r"\d", text):
        return text
    fixed = text.translate(str.maketrans("OoQlI|", "000111"))
    return fixed if re.fullmatch(r"\d{1,6}[a-zA-Z]?", fixed) else text
