"""Place and date of a paper (`Nam Định, ngày 05 tháng 3 năm 2020`), printed or with day and month written by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ocr.fields.evidence import PEN_LIKELY, Found, clean_edges, is_handwritten
from ocr.fields.layout import Heading, gap_of
from ocr.fields.rows import Row, Sheet, Token
from ocr.normalise import fold, iso, key, parse_date, tidy

_DATE_ROW = re.compile(
    r"ng[aàáâã]y\W{0,3}(?P<day>\S{0,5}(?:\s\S{1,3})?)\W{0,4}\s?th[aáàâ]ng\W{0,3}(?P<month>\S{0,4})\W{0,4}\s?n[aăãâ]m\W{0,3}(?P<year>[\dOolI]{2,4}\S?)"
)


@dataclass(frozen=True, slots=True)
class _DateRow:
    score: float
    sheet: Sheet
    row: Row
    match: re.Match
    segment: Row


def read_date(heading: Heading, sheet: Sheet, others: list[Sheet], title_row: int | None) -> None:
    """From the first page, or the last one where it is printed above the signature; pages between are asked when neither
    tells (a certified copy ends with a page of its own)."""
    candidates = _date_rows(heading, sheet, title_row, first_page=True)
    for other in others[-1:]:
        candidates += _date_rows(heading, other, None, first_page=False)
    if max((c.score for c in candidates), default=0.0) < 0.4:
        for other in others[:-1]:
            candidates += _date_rows(heading, other, None, first_page=False)
    if not candidates:
        return
    best = max(candidates, key=lambda c: c.score)
    if best.score < 0.4:
        return
    _put_date(heading, best)


def _date_rows(heading: Heading, sheet: Sheet, title_row: int | None, first_page: bool) -> list[_DateRow]:
    found = []
    height = sheet.reading.height
    for number, row in enumerate(sheet.rows):
        for segment in _date_segments(row, heading, sheet):
            if re.search(r"thang\W*\S{1,3}\W*nam\W*$", fold(segment.text)):
                segment = _with_year_below(segment, sheet.rows[number + 1 : number + 3])
            folded = fold(segment.text)
            match = _DATE_ROW.search(folded)
            if not match:
                continue
            before = folded[: match.start()].rstrip()
            after = folded[match.end() :].strip(" .,;:/-_|'\"")
            placed = before.endswith((",", ".")) and len(before.split()) <= 7
            score = (
                0.45 * placed + 0.15 * (len(after) < 4) + 0.1 * (segment.box[0] > 0.38 * sheet.reading.width)
            )
            if first_page and heading.motto_row is not None:
                distance = row.top - sheet.rows[heading.motto_row].top
                score += 0.3 if 0 < distance < 0.2 * height else 0.0
                if title_row is not None and number < title_row:
                    score += 0.1
            if re.search(r"\b(?:can cu|luat|nghi dinh|cap|den|tu|sinh|thong tu|ky|so)\b[^,]{0,40}$", before):
                score -= 0.5
            if not before and first_page is False:
                score += 0.1
            found.append(_DateRow(score, sheet, row, match, segment))
    return found


def _with_year_below(segment: Row, below: list[Row]) -> Row:
    """A date line whose year did not fit in stands with the year taken from the next row."""
    for row in below:
        for token in row.tokens:
            inside = segment.box[0] < token.middle < segment.box[2] + 60
            if inside and re.fullmatch(r"\W*(?:19|20)\d\d\W*", token.text):
                return Row([*segment.tokens, token], segment.page, segment.wide_gap)
    return segment


def _date_segments(row: Row, heading: Heading, sheet: Sheet) -> list[Row]:
    """The row as a whole, and its part right of the column split where a left column stands beside."""
    segments = row.segments()
    right = row.between(heading.split - 2 * sheet.line_height, 1e9) if heading.split else None
    parts = [right] if right is not None and len(right.tokens) < len(row.tokens) else []
    if len(segments) > 1:
        parts += segments
    return [*parts, row] if not parts else parts


def _put_date(heading: Heading, best: _DateRow) -> None:
    segment, match, sheet = best.segment, best.match, best.sheet
    text = segment.text
    place = tidy(re.split(r"[,.]\s*$", text[: match.start()])[0])
    place_tokens = _tokens_in(segment, 0, match.start())
    number_end = max(
        (i for i, t in enumerate(place_tokens) if "/" in t.text or key(t.text) == "so"), default=-1
    )
    if number_end >= 0:
        place_tokens = place_tokens[number_end + 1 :]
        place = tidy(" ".join(t.text for t in place_tokens).rstrip(" ,."))
    place = re.sub(r"^[^\w(]+", "", place)
    place_tokens = clean_edges(place_tokens)
    if place and len(place.split()) <= 7 and any(c.isupper() for c in place):
        heading.fields["dia_danh"] = Found(
            place, place, place_tokens, "place", label=best.score, valid=place[0].isupper()
        )
    tokens = _tokens_in(segment, match.start(), match.end())
    parts: dict[str, str] = {}
    written, confidences, digits_used, agreeing, pen = False, [], False, 0, 0.0
    for name, gap_kind, pattern in (
        ("day", "ngay", r"\d{1,2}"),
        ("month", "thang", r"\d{1,2}"),
        ("year", "nam", r"\d{4}"),
    ):
        raw = match.group(name).strip(" .,_-…")
        clean = raw.translate(str.maketrans("OolI|i", "001111"))
        plausible = bool(re.fullmatch(pattern, clean))
        gap = gap_of(sheet, gap_kind, best.row)
        pen = max(pen, gap.handwritten if gap is not None else 0.0)
        if gap is not None and gap.text and (gap.handwritten >= 0.5 or not plausible):
            value = gap.text
            if name == "year" and len(value) == 2:
                value = "20" + value
            elif name == "year" and len(value) == 1:
                value = "20" + re.sub(r"\D", "", raw)[-1:] + value
            parts[name], digits_used = value, True
            confidences.append(gap.confidence)
            written = written or gap.handwritten >= PEN_LIKELY
        else:
            parts[name] = clean
            # a printed day is read; strokes of which no digit was made are writing, for a person to see
            written = written or not plausible
            agreeing += int(
                gap is not None and gap.text.lstrip("0") == clean.lstrip("0") and gap.confidence >= 0.95
            )
    try:
        value = iso(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    except ValueError:
        value = None
    value = value or parse_date(text[match.start() : match.end()])
    printed = text[match.start() : match.end()]
    heading.fields["ngay_ban_hanh"] = Found(
        value, printed, tokens, "date", label=min(1.0, best.score + 0.2), valid=value is not None,
        handwritten=written or pen >= PEN_LIKELY or is_handwritten([t for t in tokens if not t.key.isalpha()]), pen=pen,
        source="digits" if digits_used else "ocr", gap_confidence=min(confidences) if confidences else None,
        agreed=int(agreeing == len(parts) and not digits_used),
    )  # fmt: skip
    own, elsewhere = gap_of(sheet, "ngay", best.row), gap_of(sheet, "ngay")
    if elsewhere is not None and elsewhere.handwritten >= 0.5 and own is not elsewhere:
        # the line of place and date is filled in by hand and could not be parsed: this is a date of the text
        heading.fields["ngay_ban_hanh"].certainty = 0.4


def _tokens_in(row: Row, start: int, end: int) -> list[Token]:
    at, inside = 0, []
    for token in row.tokens:
        if at < end and at + len(token.text) > start:
            inside.append(token)
        at += len(token.text) + 1
    return inside
