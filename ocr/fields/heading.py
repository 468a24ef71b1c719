"""Reads the heading of an official paper by its layout (NĐ 30/2020 Phụ lục I): agencies on the left, Quốc hiệu on the
right, number and symbol, place and date, title and subject."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

from ocr import agencies
from ocr.classify import Kind
from ocr.fields.evidence import Found, clean_edges, is_handwritten, strip_marks
from ocr.fields.rows import Row, Sheet, Token, capital_share
from ocr.forms import LETTER_KIND, Forms
from ocr.normalise import fold, iso, key, nfc, normal_number, normal_symbol, one_dash, parse_date, repair_phrases, tidy, tidy_sentence
from schemas.page import GapReading

_MOTTO = "conghoaxahoichunghiavietnam"
_MOTTO2 = "doclaptudohanhphuc"
_NUMBER_LABEL = re.compile(r"^s[o0óôốồổ6ọ]\s*[:.;,]*$", re.IGNORECASE)
_DATE_ROW = re.compile(
    r"ng[aàáâã]y\W{0,3}(?P<day>\S{0,5}(?:\s\S{1,3})?)\W{0,4}\s?th[aáàâ]ng\W{0,3}(?P<month>\S{0,4})\W{0,4}\s?n[aăãâ]m\W{0,3}(?P<year>[\dOolI]{2,4}\S?)"
)
_STAMP = re.compile(r"v[aă]n b[aả]n d[eé]n|cong van den|so den|ngay den|\bden\s*:|chuyen\s*:|^\W*den\W*$")
"""Words of the stamp that an office puts on what it receives."""
_BODY = re.compile(
    r"^\W*(?:can\W?cu|kinh gui|dieu\s*\d|xet\b|theo de nghi|thuc hien\b|chuong\s+[ivx1]+|phan\s+[ivx]+|i\s?[.,]|1\s?[.,]|a\s?[.)]|"
    r"de\s+(?:bao|dam|tang|trien|co)|ngay\s+\d|hom nay|ho va ten|ho, chu|noi nhan|quyet nghi|quyet dinh\s*:|thanh phan|"
    r"nham\b|tren co so|thoi gian qua|sau khi|de nghi|ban hanh kem theo|trong thoi gian|ke tinh|uy ban nhan dan (?:tinh|huyen|xa) \w+ (?:bao cao|thong bao|ban hanh))"
)


@dataclass(slots=True)
class Heading:
    """What the heading says; each entry with its evidence. `split` is the abscissa between its two columns."""

    fields: dict[str, Found] = field(default_factory=dict)
    motto_row: int | None = None
    split: float = 0.0


@dataclass(frozen=True, slots=True)
class _Motto:
    row: int
    left: float
    right: float
    score: float


def find_phrase(rows: list[Row], phrase: str, least: float, top: float | None = None) -> _Motto | None:
    """Best place of a phrase (by key) among the words of single rows."""
    best: _Motto | None = None
    for number, row in enumerate(rows):
        if top is not None and row.top > top:
            break
        tokens = row.tokens
        for start in range(len(tokens)):
            joined = ""
            for end in range(start, min(len(tokens), start + 14)):
                joined += tokens[end].key
                if len(joined) < 0.6 * len(phrase):
                    continue
                if len(joined) > 1.35 * len(phrase):
                    break
                score = Levenshtein.normalized_similarity(phrase, joined, score_cutoff=least)
                if score >= least and (best is None or score > best.score):
                    best = _Motto(number, tokens[start].box[0], tokens[end].box[2], score)
    return best


def read_heading(sheet: Sheet, last: Sheet, kind: Kind, forms: Forms) -> Heading:
    """Heading of a document: its first page, and its last page for a date printed above the signature."""
    heading = Heading()
    rows = sheet.rows
    motto = find_phrase(rows, _MOTTO, 0.62, 0.6 * sheet.reading.height)
    second = find_phrase(rows, _MOTTO2, 0.65, 0.6 * sheet.reading.height)
    anchor = motto or second
    title_row = kind.title.first if kind.title else None
    if anchor:
        heading.motto_row = anchor.row
        heading.split = min(m.left for m in (motto, second) if m) - 0.4 * sheet.line_height
        if motto:
            heading.split = motto.left - 0.4 * sheet.line_height
    else:
        heading.split = 0.47 * sheet.reading.width
    number_row = _read_number(heading, sheet, kind, forms, title_row)
    _read_date(heading, sheet, last, title_row)
    _read_agency(heading, sheet, anchor, number_row, title_row)
    form = forms.get(kind.code)
    if kind.title and kind.title.first < len(rows):
        _read_title(heading, sheet, kind, forms)
        if form and form.subject:
            _read_subject(heading, sheet, kind)
    elif kind.code == LETTER_KIND:
        heading.fields["loai_van_ban"] = Found("CÔNG VĂN", "", kind="title", source="rule", certainty=kind.confidence)
    elif form:
        heading.fields["loai_van_ban"] = Found(form.titles[0], "", kind="title", source="rule", certainty=kind.confidence * 0.8)
    if "trich_yeu" not in heading.fields and form and form.subject:
        if kind.code != LETTER_KIND:
            _read_untitled_subject(heading, sheet)
        if "trich_yeu" not in heading.fields:
            _read_letter_subject(heading, sheet)
    return heading


# --- agency ----------------------------------------------------------------------------------------------------------
def _read_agency(heading: Heading, sheet: Sheet, anchor: _Motto | None, number_row: int | None, title_row: int | None) -> None:
    rows = sheet.rows
    if anchor is not None:
        first = max(0, anchor.row - 3)
        anchor_top = rows[anchor.row].top - 2.6 * sheet.line_height
    else:
        first, anchor_top = 0, 0.0
        if number_row is None and title_row is None:
            return
    ends = [r for r in (number_row, title_row) if r is not None and r >= first]
    stop = min(ends) if ends else min(len(rows), (anchor.row if anchor else 0) + 7)
    lines: list[list[Token]] = []
    lost = False
    limit = rows[anchor.row].bottom + 9 * sheet.line_height if anchor else 0.35 * sheet.reading.height
    for row in rows[first:stop]:
        if row.top < anchor_top or row.top > limit:
            continue
        left = row.between(-1, heading.split) if anchor else _leftmost(row, heading.split)
        if left is None:
            continue
        tokens = clean_edges([t for t in _main_run(left, sheet.line_height) if t.key or t.text.strip() in "-–&,"])
        text = " ".join(t.text for t in tokens)
        letters = sum(c.isalpha() for c in text)
        if letters < (1 if lines else 2) or capital_share(text) < 0.72 or any(len(t.key) > 3 and t.text.islower() for t in tokens):
            continue
        if sum(t.confidence for t in tokens) / len(tokens) < (0.15 if lines else 0.3):
            continue
        middle = (tokens[0].box[0] + tokens[-1].box[2]) / 2
        if lines and abs(middle - (lines[0][0].box[0] + lines[0][-1].box[2]) / 2) > 0.1 * sheet.reading.width:
            continue  # a stamp beside the heading
        if lines and row.top - lines[-1][0].box[1] > 2.3 * sheet.line_height:
            lost = True
        if lines and row.top - max(t.box[3] for t in lines[-1]) > 2.2 * sheet.line_height:
            break
        if _STAMP.search(fold(text)):
            continue
        sure = sum(t.confidence for t in tokens) / len(tokens)
        if letters < 6 and lines and not agencies.starts_agency(text) and sure < 0.6:
            lost = True
            continue
        if fold(text).startswith(("so:", "v/v", "so ")) and any(c.isdigit() for c in text):
            break
        lines.append(tokens)
    while lines and agencies.head_of(" ".join(t.text for t in lines[0])) is None and len(lines) > 1:
        lines.pop(0)
    agency = agencies.from_lines([" ".join(t.text for t in tokens) for tokens in lines])
    if agency is None:
        return
    tokens = [t for line in lines for t in line]
    printed = " ".join(t.text for t in tokens)
    known = agencies.head_of(agency.name) is not None
    certainty = min(agency.certainty, 0.5) if lost else agency.certainty
    heading.fields["co_quan_ban_hanh"] = Found(
        agency.name, printed, tokens, "agency", label=anchor.score if anchor else 0.5, valid=known, certainty=certainty
    )
    if agency.parent:
        heading.fields["co_quan_chu_quan"] = Found(
            agency.parent, printed, tokens, "agency", label=anchor.score if anchor else 0.5, certainty=certainty
        )


def _leftmost(row: Row, split: float) -> Row | None:
    parts = [p for p in row.segments() if p.box[0] < split]
    return parts[0] if parts else None


def _main_run(row: Row, height: float) -> list[Token]:
    """The longest run of words with no very wide gap: stamps in the margin fall away."""
    runs: list[list[Token]] = [[row.tokens[0]]]
    for before, token in zip(row.tokens, row.tokens[1:], strict=False):
        if token.box[0] - before.box[2] > 3.0 * height:
            runs.append([])
        runs[-1].append(token)
    return max(runs, key=lambda run: sum(len(t.key) for t in run))


# --- number and symbol -----------------------------------------------------------------------------------------------
def _read_number(heading: Heading, sheet: Sheet, kind: Kind, forms: Forms, title_row: int | None) -> int | None:
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
    gap = _gap(sheet, "so")
    if best is None or best[0] < 0.35:
        return None
    _, number, tail = best
    heading.fields["so_ky_hieu"] = _number_found(tail, sheet.rows[number], gap)
    return number


def _is_number_label(row: Row, at: int) -> bool:
    token = row.tokens[at]
    text = fold(token.text)
    if not re.match(r"^\W*s[o06]\s*[:.;,]*$", text):
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
        symbolic = any(c in text for c in "/⁄") or any(c.isdigit() for c in text) or not token.key or is_symbol(text)
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
    written = is_handwritten([t for t in tail if any(c.isdigit() for c in t.text) or "/" not in t.text][:2])
    if "/" in text:
        parts = [p for p in text.split("/") if p]
        head = parts[0] if parts else ""
        years = [p for p in parts[1:-1] if re.fullmatch(r"(?:19|20)\d\d", p)]
        symbol = normal_symbol(parts[-1]) if len(parts) > 1 or not text.startswith("/") else normal_symbol(head)
        if text.startswith("/") and len(parts) == 1:
            head = ""
        if len(parts) > 1 and re.fullmatch(r"(?:19|20)\d\d", parts[-1]):
            symbol = parts[-1]
        digits = _digits(head)
        plausible = bool(re.fullmatch(r"\d{1,6}[a-zA-Z]?", digits))
        if gap is not None and gap.text and (gap.handwritten >= 0.5 or not plausible):
            value = "/".join([gap.text, *years, symbol])
            return Found(value, printed, tokens or row.tokens, "number", valid=True, handwritten=gap.handwritten >= 0.5,
                         source="digits", gap_confidence=gap.confidence)  # fmt: skip
        value = normal_number("/".join([digits or head, *years, symbol]))
        lettered = len(symbol) > 1 and not re.search(r"\d", symbol) or bool(re.fullmatch(r"(?:19|20)\d\d", symbol))
        return Found(value or None, printed, tokens, "number", valid=plausible and lettered, handwritten=written,
                     certainty=1.0 if digits == head else 0.6)  # fmt: skip
    value = tidy(text)
    plausible = bool(re.fullmatch(r"\d{1,6}(?:/\d{4})?|\d{2}[A-Z]\d{6,8}|\d{8,13}(?:-\d{3})?", value))
    if gap is not None and gap.text and (gap.handwritten >= 0.5 or not plausible):
        return Found(gap.text, printed, tokens or row.tokens, "number", handwritten=gap.handwritten >= 0.5, source="digits",
                     gap_confidence=gap.confidence)  # fmt: skip
    return Found(value or None, printed, tokens, "number", valid=plausible, handwritten=written)


def _digits(text: str) -> str:
    """Letters between digits read for digits (`12O5` → `1205`); anything stranger stays."""
    if not re.search(r"\d", text):
        return text
    fixed = text.translate(str.maketrans("OoQlI|", "000111"))
    return fixed if re.fullmatch(r"\d{1,6}[a-zA-Z]?", fixed) else text


def _gap(sheet: Sheet, kind: str, near: Row | None = None) -> GapReading | None:
    gaps = [g for g in sheet.reading.gaps if g.kind == kind and re.fullmatch(r"\d+[A-Za-z]?\d*(?:-\d+)?|\d+/\d{4}", g.text)]
    if near is not None:
        middle = (near.top + near.bottom) / 2
        gaps = [g for g in gaps if abs((g.box[1] + g.box[3]) / 2 - middle) < 1.8 * sheet.line_height]
    return gaps[0] if gaps else None


# --- place and date --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _DateRow:
    score: float
    sheet: Sheet
    row: Row
    match: re.Match
    segment: Row


def _read_date(heading: Heading, sheet: Sheet, last: Sheet, title_row: int | None) -> None:
    candidates = _date_rows(heading, sheet, title_row, first_page=True)
    if last is not sheet:
        candidates += _date_rows(heading, last, None, first_page=False)
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
            folded = fold(segment.text)
            match = _DATE_ROW.search(folded)
            if not match:
                continue
            before = folded[: match.start()].rstrip()
            after = folded[match.end() :].strip(" .,;:/-_|'\"")
            placed = before.endswith((",", ".")) and len(before.split()) <= 7
            score = 0.45 * placed + 0.15 * (len(after) < 4) + 0.1 * (segment.box[0] > 0.38 * sheet.reading.width)
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
    number_end = max((i for i, t in enumerate(place_tokens) if "/" in t.text or key(t.text) == "so"), default=-1)
    if number_end >= 0:
        place_tokens = place_tokens[number_end + 1 :]
        place = tidy(" ".join(t.text for t in place_tokens).rstrip(" ,."))
    place = re.sub(r"^[^\w(]+", "", place)
    place_tokens = clean_edges(place_tokens)
    if place and len(place.split()) <= 7 and any(c.isupper() for c in place):
        heading.fields["dia_danh"] = Found(place, place, place_tokens, "place", label=best.score, valid=place[0].isupper())
    tokens = _tokens_in(segment, match.start(), match.end())
    parts: dict[str, str] = {}
    written, confidences, digits_used = False, [], False
    for name, gap_kind, pattern in (("day", "ngay", r"\d{1,2}"), ("month", "thang", r"\d{1,2}"), ("year", "nam", r"\d{4}")):
        raw = match.group(name).strip(" .,_-…")
        clean = raw.translate(str.maketrans("OolI|i", "001111"))
        plausible = bool(re.fullmatch(pattern, clean))
        gap = _gap(sheet, gap_kind, best.row)
        if gap is not None and gap.text and (gap.handwritten >= 0.5 or not plausible):
            value = gap.text
            if name == "year" and len(value) == 2:
                value = "20" + value
            elif name == "year" and len(value) == 1:
                value = "20" + re.sub(r"\D", "", raw)[-1:] + value
            parts[name], digits_used = value, True
            confidences.append(gap.confidence)
            written = written or gap.handwritten >= 0.5
        else:
            parts[name] = clean
    try:
        value = iso(int(parts["year"]), int(parts["month"]), int(parts["day"]))
    except ValueError:
        value = None
    value = value or parse_date(text[match.start() : match.end()])
    printed = text[match.start() : match.end()]
    heading.fields["ngay_ban_hanh"] = Found(
        value, printed, tokens, "date", label=min(1.0, best.score + 0.2), valid=value is not None,
        handwritten=written or is_handwritten([t for t in tokens if not t.key.isalpha()]),
        source="digits" if digits_used else "ocr", gap_confidence=min(confidences) if confidences else None,
    )  # fmt: skip


def _tokens_in(row: Row, start: int, end: int) -> list[Token]:
    at, inside = 0, []
    for token in row.tokens:
        if at < end and at + len(token.text) > start:
            inside.append(token)
        at += len(token.text) + 1
    return inside


# --- title and subject -----------------------------------------------------------------------------------------------
def _read_title(heading: Heading, sheet: Sheet, kind: Kind, forms: Forms) -> None:
    title = kind.title
    form = forms[kind.code]
    rows = sheet.rows[title.first : title.last + 1]
    joined = key(title.printed)
    best = max(form.titles, key=lambda t: Levenshtein.normalized_similarity(key(t), joined))
    tokens = [t for r in rows for t in r.tokens]
    value = best
    if title.last + 1 < len(sheet.rows) and form.subtitles and "(" not in best:
        below = sheet.rows[title.last + 1]
        for subtitle in form.subtitles:
            if Levenshtein.normalized_similarity(key(subtitle), below.key) >= 0.75:
                value = f"{best} {subtitle if subtitle.startswith('(') else f'({subtitle})'}"
                tokens += below.tokens
                break
    heading.fields["loai_van_ban"] = Found(value, title.printed, tokens, "title", label=title.score, certainty=title.score)


def _read_subject(heading: Heading, sheet: Sheet, kind: Kind) -> None:
    """Rows under the title, centred like it, up to the legal grounds or a gap."""
    title = kind.title
    _subject_below(heading, sheet, title.last, title.centre)


def _subject_below(heading: Heading, sheet: Sheet, above: int, centre: float) -> None:
    """Subject in the rows below a row, centred about an abscissa."""
    rows = sheet.rows
    taken: list[Row] = []
    previous = rows[above]
    capitals_first = False
    for row in rows[above + 1 : above + 12]:
        if row.box[2] < centre - 0.05 * sheet.reading.width or row.box[0] > centre + 0.1 * sheet.reading.width:
            continue  # a stamp in the margin
        text = fold(row.text)
        opening = next((c for t in row.tokens if t.confidence > 0.5 for c in t.text if c.isalnum()), "")
        if (_BODY.match(text) and not opening.islower()) or row.top - previous.bottom > (2.0 if taken else 3.2) * sheet.line_height:
            break
        if not any(len(t.key) > 1 for t in row.tokens):
            continue
        if row.confidence < 0.4 and len(row.key) < 6:
            continue
        main = _centred(_nearest_segment(row, centre, sheet), centre, sheet, not taken)
        capitals = capital_share(main.text) > 0.85
        if taken and capitals and not capitals_first:
            break
        if not taken and capitals and agencies.head_of(main.text) is not None:
            break
        if re.match(r"^\W*s[o0]\s*[:.]", text) and not taken:
            continue
        middle = (main.box[0] + main.box[2]) / 2
        if abs(middle - centre) > 0.07 * sheet.reading.width:
            break
        if taken and opening.isupper() and _fills(main, sheet) and not _fills(taken[-1], sheet):
            break
        if not taken:
            capitals_first = capitals
        taken.append(main)
        previous = row
    if not taken:
        return
    tokens = [t for row in taken for t in clean_edges(row.tokens)]
    text = tidy_sentence(" ".join(t.text for t in tokens))
    text = re.sub(r"^[^\w\"“(]+", "", text)
    starts = bool(re.match(r"(?:ve viec|ve|v/v)\b", fold(text)))
    value, certainty = repair_phrases(text)
    heading.fields["trich_yeu"] = Found(
        value, text, tokens, "subject", label=1.0 if starts else 0.7, valid=len(text) > 6, certainty=certainty
    )


def _nearest_segment(row: Row, centre: float, sheet: Sheet) -> Row:
    """The row when it is centred as a whole, else its segment nearest to the centre: a stamp stands beside it."""
    segments = [s for s in row.segments() if len(s.key) > 2] or [row]
    if len(segments) == 1 or abs((row.box[0] + row.box[2]) / 2 - centre) < 0.03 * sheet.reading.width:
        return row if len(segments) > 1 else segments[0]
    return min(segments, key=lambda s: abs((s.box[0] + s.box[2]) / 2 - centre))


def _fills(row: Row, sheet: Sheet) -> bool:
    """True for a row as wide as the body text."""
    box, height = row.box, sheet.line_height
    return box[0] < sheet.left_edge + 4.5 * height and box[2] > sheet.right_edge - 1.2 * height


def _centred(row: Row, centre: float, sheet: Sheet, first: bool) -> Row:
    """The row without what stands left of a centred line: stamps in the margin run into the first words."""
    tokens = row.tokens
    if first:
        for at in range(1, len(tokens) - 1):
            if fold(tokens[at].text) in ("ve", "v/v") and fold(tokens[at + 1].text).startswith("viec"):
                return Row(tokens[at:], row.page, row.wide_gap)
    best, off = row, abs((row.box[0] + row.box[2]) / 2 - centre)
    if off < 0.03 * sheet.reading.width:
        return row
    for at in range(1, len(tokens) - 1):
        rest = Row(tokens[at:], row.page, row.wide_gap)
        middle = abs((rest.box[0] + rest.box[2]) / 2 - centre)
        dropped = tokens[:at]
        if middle < off and min(t.confidence for t in dropped) < 0.6 and middle < 0.04 * sheet.reading.width:
            return rest
    return best


def _read_untitled_subject(heading: Heading, sheet: Sheet) -> None:
    """`Về việc …` in the middle of the page, where the title above it could not be read."""
    middle = (sheet.left_edge + sheet.right_edge) / 2
    for index, row in enumerate(sheet.rows):
        if row.top > 0.5 * sheet.reading.height:
            return
        segment = _nearest_segment(row, middle, sheet)
        centred = abs((segment.box[0] + segment.box[2]) / 2 - middle) < 0.08 * sheet.reading.width
        if index and centred and re.match(r"\W*ve viec\b", fold(segment.text)):
            _subject_below(heading, sheet, index - 1, (segment.box[0] + segment.box[2]) / 2)
            return


def _read_letter_subject(heading: Heading, sheet: Sheet) -> None:
    """`V/v …` under the number of a letter, in the left column."""
    rows = sheet.rows
    start = None
    for index, row in enumerate(rows):
        if row.top > 0.6 * sheet.reading.height:
            break
        at = _vv(row)
        if at is not None:
            start = (index, at)
            break
    if start is None:
        return
    index, at = start
    lead = rows[index].tokens[at]
    right = max(heading.split, lead.box[0] + 0.25 * sheet.reading.width)
    right = min(right, _note_beside(rows[index : index + 8], heading, right))
    taken: list[list[Token]] = []
    previous = rows[index]
    for offset, row in enumerate(rows[index : index + 9]):
        tokens = row.tokens[at:] if offset == 0 else row.tokens
        column = _column_run(tokens, right, sheet.line_height, heading.fields.get("so_ky_hieu"))
        if not column:
            continue
        text = fold(" ".join(t.text for t in column))
        if offset and (re.search(r"kinh gui|^\W*thuc hien\b|^\W*can cu\b", fold(row.text)) or row.top - previous.bottom > 1.7 * sheet.line_height):
            break
        box_left = column[0].box[0]
        if offset and (box_left > right or column[-1].box[2] > right + 0.12 * sheet.reading.width):
            break
        if sum(t.confidence for t in column) / len(column) < 0.3:
            break
        taken.append(column)
        previous = row
    tokens = [t for column in taken for t in clean_edges(column)]
    text = tidy_sentence(" ".join(t.text for t in tokens))
    text = re.sub(r"^\W*[vV]\s?[^\w\s]{1,2}\s?[vV]\W*", "V/v ", text)
    if len(text) > 6:
        value, certainty = repair_phrases(strip_marks(text))
        heading.fields["trich_yeu"] = Found(value, text, tokens, "subject", certainty=certainty)


def _note_beside(rows: list[Row], heading: Heading, right: float) -> float:
    """Left edge of a note typed beside the subject: words of three rows begin at one abscissa right of the number line."""
    number = heading.fields.get("so_ky_hieu")
    if number is None or not number.tokens:
        return right
    edge = number.tokens[-1].box[2]
    beside = []
    for row in rows:
        if "kinh gui" in fold(row.text):
            break
        beside.append(row)
    starts = [t.box[0] for row in beside for t in row.tokens if edge < t.box[0] < right + 60]
    for start in sorted(starts):
        if sum(abs(start - other) <= 5 for other in starts) >= 3:
            return start - 20
    return right


def _vv(row: Row) -> int | None:
    for at, token in enumerate(row.tokens[:6]):
        text = fold(token.text)
        if re.match(r"^\W*v\s?[^\w\s]{1,2}\s?v\b", text):
            return at
    return None


def _column_run(tokens: list[Token], right: float, height: float, number: Found | None) -> list[Token]:
    """Words of the left column: up to a gap that leads across the column boundary, or out of the symmetry that the
    subject has with the number line above it."""
    run: list[Token] = []
    mirror = right
    if number is not None and number.tokens and tokens:
        line = (number.tokens[0].box[0] - 2.2 * height + number.tokens[-1].box[2]) / 2
        mirror = max(2 * line - tokens[0].box[0], number.tokens[-1].box[2])
    for token in tokens:
        if run and token.box[0] - run[-1].box[2] > 1.1 * height and token.box[2] > 0.8 * right:
            break
        if run and token.box[0] - run[-1].box[2] > 0.75 * height and token.box[0] > mirror - height:
            break
        if token.box[0] > right + 0.5 * height:
            break
        run.append(token)
    return [t for t in run if t.key or t.text in "-–,&"]
