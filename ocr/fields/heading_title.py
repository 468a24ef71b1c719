"""Title and subject (trích yếu) of a paper: centred under the heading, or `V/v …` under the number of a letter."""

from __future__ import annotations

import re

from rapidfuzz.distance import Levenshtein

from ocr import agencies
from ocr.classify import Kind
from ocr.fields.compounds import repaired
from ocr.fields.evidence import Found, clean_edges, strip_marks
from ocr.fields.layout import Heading
from ocr.fields.rows import Row, Sheet, Token, capital_share
from ocr.fields.syllables import is_word
from ocr.forms import Forms
from ocr.normalise import fold, key, tidy_sentence

_BODY = re.compile(
    r"^\W*(?:can\W?cu|kinh (?:gui|moi)|tran trong (?:kinh )?moi|dieu\s*\d|xet\b|theo de nghi|thuc hien\b|chuong\s+[ivx1]+|phan\s+[ivx]+|i\s?[.,]|1\s?[.,]|a\s?[.)]|"
    r"de\s+(?:bao|dam|tang|trien|co)|ngay\s+\d|hom nay|ho va ten|ho, chu|noi nhan|quyet nghi|quyet dinh\s*:|thanh phan|"
    r"nham\b|tren co so|thoi gian qua|sau khi|de nghi|ban hanh kem theo|trong thoi gian|ke tinh|uy ban nhan dan (?:tinh|huyen|xa) \w+ (?:bao cao|thong bao|ban hanh))"
)


def read_title(heading: Heading, sheet: Sheet, kind: Kind, forms: Forms) -> None:
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
    heading.fields["loai_van_ban"] = Found(
        value, title.printed, tokens, "title", label=title.score, certainty=title.score
    )


def read_subject(heading: Heading, sheet: Sheet, kind: Kind) -> None:
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
        if (
            row.box[2] < centre - 0.05 * sheet.reading.width
            or row.box[0] > centre + 0.1 * sheet.reading.width
        ):
            continue  # a stamp in the margin
        text = fold(row.text)
        opening = next((c for t in row.tokens if t.confidence > 0.5 for c in t.text if c.isalnum()), "")
        if (_BODY.match(text) and not opening.islower()) or row.top - previous.bottom > (
            2.0 if taken else 3.2
        ) * sheet.line_height:
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
    value, certainty = repaired(text)
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
            lead = tokens[:at]  # `Họp về việc …` keeps its first word
            whole = at == 1 and lead[0].confidence > 0.8 and lead[0].text.istitle() and is_word(lead[0].text)
            if fold(tokens[at].text) in ("ve", "v/v") and fold(tokens[at + 1].text).startswith("viec") and not whole:
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


def read_untitled_subject(heading: Heading, sheet: Sheet) -> None:
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


def read_letter_subject(heading: Heading, sheet: Sheet) -> None:
    """`V/v …` under the number of a letter, in the left column."""
    rows = sheet.rows
    start = None
    for index, row in enumerate(rows):
        if row.top > 0.6 * sheet.reading.height:
            break
        at = _vv(row)
        if (
            at is None
            and heading.split
            and row.box[0] < heading.split
            and re.match(r"\W*ve viec\b", fold(row.text))
        ):
            at = 0
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
    previous, cut = rows[index], False
    for offset, row in enumerate(rows[index : index + 9]):
        tokens = row.tokens[at:] if offset == 0 else row.tokens
        column = _column_run(tokens, right, sheet.line_height, heading.fields.get("so_ky_hieu"))
        if not column:
            continue
        text = fold(" ".join(t.text for t in column))
        if offset and (
            re.search(r"kinh gui|^\W*thuc hien\b|^\W*can cu\b", fold(row.text))
            or row.top - previous.bottom > 1.7 * sheet.line_height
        ):
            break
        box_left = column[0].box[0]
        cut = bool(offset) and (box_left > right or column[-1].box[2] > right + 0.12 * sheet.reading.width)
        cut = cut or sum(t.confidence for t in column) / len(column) < 0.3
        if cut:
            break  # what follows directly could not be told apart from its neighbour, or not be read
        taken.append(column)
        previous = row
    tokens = [t for column in taken for t in clean_edges(column)]
    text = tidy_sentence(" ".join(t.text for t in tokens))
    text = re.sub(r"^\W*[vV]\w?\s?[^\w\s]{1,2}\s?[vVwW]?\s+", "V/v ", text)
    if len(text) > 6:
        value, certainty = repaired(strip_marks(text))
        certainty = min(certainty, 0.4) if cut else certainty
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
        if re.match(r"^\W*v\s?[^\w\s]{1,2}\s?v\b", text) or (
            at == 0 and re.fullmatch(r"v\w?[^\w\s]{1,2}\w?", text)  # the second v hardly shows
        ):
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
    return [t for before, t in zip([None, *run], run, strict=False) if t.key or t.text in "-–,&" and not _on(before, t)]


def _on(before: Token | None, mark: Token) -> bool:
    """True for a mark that lies over the end of the word before it: a speck, no dash."""
    return before is not None and mark.box[0] < before.box[2] - 4
