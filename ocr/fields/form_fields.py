"""Fields of a kind by its labels and patterns."""

from __future__ import annotations

import re

from ocr.classify import Kind
from ocr.fields.evidence import PEN_LIKELY, Found, is_handwritten
from ocr.fields.labels import SHARED_STOPS, Hit, assign, find_labels, unread_continuation, value_tokens
from ocr.fields.rows import Row, RunningText, Sheet, Token, is_leader
from ocr.fields.unread_rows import find_unread_rows
from ocr.fields.values import Parsed, parse, text_of
from ocr.forms import FieldForm, Form, ValueKind
from ocr.normalise import key, parse_date
from schemas.page import GapReading

LINE_MARKS = frozenset(("-", "–", "—", "/", ":", ".", ",", "-/-"))
"""Printed where nothing is to be said."""


def read_form_fields(sheets: list[Sheet], kind: Kind, form: Form) -> dict[str, Found]:
    """Values of the fields of a form; a label with nothing behind it gives nothing."""
    if not form.fields:
        return {}
    first_body = kind.title.last + 1 if kind.title else 0
    rows = [
        row for i, sheet in enumerate(sheets) for row in (sheet.rows[first_body:] if i == 0 else sheet.rows)
    ]
    labels = list(dict.fromkeys([*form.label_fields, *(key(s) for s in SHARED_STOPS)]))
    if form.columns:
        rows = _columns_in_order(rows, form, labels)
    hits = find_labels(rows, labels)
    taken, hits = assign(hits, form)
    found: dict[str, Found] = {}
    label_rows = {h.row for h in hits}
    for name, hit in taken.items():
        field = form.fields[name]
        parts = value_tokens(rows, hit, hits, field)
        item = _found(field, parts, hit.score) if parts else None
        if item is None and (unread := _unread_entry(field, rows, hit, hits, sheets)):
            found[name] = unread
            if field.kind is ValueKind.DATE:
                _date_by_hand(unread, sheets, rows[hit.row], rows[hit.row].tokens[hit.end - 1].box[2])
        elif item is not None:
            last = next(i for i, row in enumerate(rows) if parts[-1][-1] in row.tokens)
            if field.rows > 1 and unread_continuation(rows, last, label_rows):
                item.certainty = min(item.certainty, 0.4)
            left = rows[hit.row].tokens[hit.end - 1].box[2]
            if field.kind is ValueKind.DATE:
                _date_by_hand(item, sheets, rows[hit.row], left)
            elif field.kind is ValueKind.CODE:
                _code_by_hand(item, sheets, rows[hit.row], left)
            found[name] = item
    _doubt_lost_groups(form, taken, found)
    text = RunningText.of([t for row in rows for t in row.tokens])
    for name, field in form.fields.items():
        if field.patterns and (field.first or name not in found or not found[name].valid):
            item = _by_pattern(field, text, rows, taken.get(field.after), hits)
            if item is None and name not in found:
                item = _written_behind_word(field, rows, taken.get(field.after), sheets)
            if item is not None:
                found[name] = item
    return found | find_unread_rows(form, rows, taken, found)


def _doubt_lost_groups(form: Form, taken: dict[str, Hit], found: dict[str, Found]) -> None:
    """Values of a part whose opening label was not read (the wife's or the husband's) may be those of another part."""
    lost = {f.group for f in form.fields.values() if f.anchor and f.name not in taken}
    if lost & set(form.columns):
        lost |= set(form.columns)
    for name, item in found.items():
        if form.fields[name].group in lost:
            item.certainty = min(item.certainty, 0.4)


_NUMBER_LEADS = ("so", "s6", "s0")
_LEADS = {ValueKind.DATE: "ngay", ValueKind.NUMBER: "so", ValueKind.CODE: "so"}


def _written_behind_word(field: FieldForm, rows: list[Row], after: Hit | None, sheets: list[Sheet]) -> Found | None:
    """An entry by hand that no pattern fits, behind its printed word in the rows of a label (`Số: 2?6 ngày 1/-2~20`), or in
    a row that begins so where the label itself was lost."""
    lead = _LEADS.get(field.kind)
    if lead is None or not field.after:
        return None
    if after is None:
        near, start = [row for row in rows if row.tokens[0].key in _NUMBER_LEADS and row.tokens[0].text.endswith(":")], 0
    else:
        near = rows[after.row : after.row + 4]
        start = near[0].tokens.index(near[0].tokens[after.end - 1]) + 1
    tokens = [t for row in near for t in row.tokens]
    for at in range(start, len(tokens)):
        if tokens[at].key != lead and not (lead == "so" and tokens[at].key in _NUMBER_LEADS):
            continue
        behind: list[Token] = []
        for token in tokens[at + 1 :]:
            if token.key in _LEADS.values() or token.text.endswith(":") or token.box[1] > tokens[at].box[3]:
                break
            behind.append(token)
        if not behind and at + 1 < len(tokens):
            row = next(r for r in near if tokens[at] in r.tokens)
            sheet = next(s for s in sheets if s.reading.page == row.page)
            boxes = [g for g in _gaps_beside(sheet, row, "muc", tokens[at].box[2]) if g.box[0] < tokens[at + 1].box[0]]
            behind = [Token("", "", g.box, 0.0, row.page, g.handwritten) for g in boxes[:1]]
        if any((t.handwritten or 0) >= 0.5 and t.text not in LINE_MARKS for t in behind):
            printed = " ".join(t.text for t in behind)
            parsed = parse(field, printed)
            return Found(parsed.value, printed, behind, str(field.kind), label=0.7, valid=False, certainty=0.1, handwritten=True)
    return None


def _found(field: FieldForm, parts: list[list[Token]], score: float) -> Found | None:
    parsed = _parsed(field, parts)
    if parsed.value is None and not key(parsed.printed):
        return None
    tokens = _tokens_of_value(parts, parsed)
    cut = field.kind is ValueKind.DECIMAL and bool(tokens) and re.search(r"\d[.,]$", tokens[-1].text) is not None
    return Found(
        parsed.value, parsed.printed, tokens, str(field.kind), label=min(1.0, score), valid=parsed.valid and not cut,
        certainty=parsed.certainty, handwritten=is_handwritten(tokens),
    )  # fmt: skip


def _unread_entry(
    field: FieldForm, rows: list[Row], hit: Hit, hits: list[Hit], sheets: list[Sheet]
) -> Found | None:
    """An entry by hand of which nothing could be read: strokes taken for marks, or ink without a word. It has no value,
    but a place, and a person is asked."""
    row = rows[hit.row]
    stop = min((h.start for h in hits if h.row == hit.row and h.start >= hit.end), default=len(row.tokens))
    tokens = [t for t in row.tokens[hit.end : stop] if not is_leader(t.text) and t.text not in LINE_MARKS]
    if not any((t.handwritten or 0) >= 0.5 for t in tokens):
        sheet = next(s for s in sheets if s.reading.page == row.page)
        left = row.tokens[hit.end - 1].box[2]
        right = row.tokens[stop].box[0] if stop < len(row.tokens) else float("inf")
        kinds = ("ngay_thang_nam", "muc") if field.kind is ValueKind.DATE else ("muc",)
        boxes = [g for kind in kinds for g in _gaps_beside(sheet, row, kind, left) if (g.box[0] + g.box[2]) / 2 < right]
        boxes = [g for g in boxes if g.handwritten >= PEN_LIKELY]
        boxes = boxes or _gaps_below(sheet, row, row.tokens[hit.start].box[0], right)
        tokens = [Token("", "", g.box, 0.0, row.page, g.handwritten) for g in boxes[:1]]
    if not tokens:
        return None
    printed = " ".join(t.text for t in tokens if t.text)
    return Found(None, printed, tokens, str(field.kind), label=min(1.0, hit.score), valid=False, certainty=0.1,
                 handwritten=True)  # fmt: skip


def _gaps_beside(sheet: Sheet, row: Row, kind: str, left: float) -> list[GapReading]:
    """Gaps of a kind in a row, right of an abscissa, from left to right."""
    middle, reach = (row.top + row.bottom) / 2, 0.8 * sheet.line_height
    found = [
        g
        for g in sheet.reading.gaps
        if g.kind == kind and g.box[2] > left and abs((g.box[1] + g.box[3]) / 2 - middle) < reach
    ]
    return sorted(found, key=lambda g: g.box[0])


def _gaps_below(sheet: Sheet, row: Row, left: float, right: float) -> list[GapReading]:
    """Entries without a word just below a label that stands between two abscissas."""
    slack = sheet.line_height
    return [
        g
        for g in sheet.reading.gaps
        if g.kind == "muc" and left - slack < g.box[0] < min(right, left + slack) and -slack < g.box[1] - row.bottom < slack
    ]


def _date_by_hand(item: Found, sheets: list[Sheet], row: Row, left: float) -> None:
    """A date written by hand behind its label is taken from the reader of digits, for a person to confirm."""
    if item.value is not None and not item.handwritten:
        return
    sheet = next(s for s in sheets if s.reading.page == row.page)
    whole = [(g, value) for g in _gaps_beside(sheet, row, "ngay_thang_nam", left) if (value := parse_date(g.text))]
    if whole:
        gap, item.value = whole[0]
        item.valid, item.source, item.handwritten, item.gap_confidence = True, "digits", True, gap.confidence
        return
    trio = [_gaps_beside(sheet, row, kind, left)[:1] for kind in ("ngay", "thang", "nam")]
    if all(trio) and any(g.handwritten >= 0.5 for [g] in trio):
        item.source, item.handwritten = "digits", True
        item.gap_confidence = min(g.confidence for [g] in trio)


def _code_by_hand(item: Found, sheets: list[Sheet], row: Row, left: float) -> None:
    """`Số vào sổ cấp GCN: ..../GCN` with the number written in: only its printed end was read, or nothing one could use."""
    sheet = next(s for s in sheets if s.reading.page == row.page)
    gap = next((g for g in _gaps_beside(sheet, row, "so", left) if g.handwritten >= PEN_LIKELY), None)
    if gap is not None:
        item.handwritten, item.pen = True, gap.handwritten
        if gap.text and (item.value is None or item.value.startswith("/")):
            end = re.search(r"/\s*(\D\S*)$", item.printed)
            item.value, item.source = gap.text + (f"/{end.group(1)}" if end else ""), "digits"
            item.gap_confidence = gap.confidence
    elif item.value is None:
        item.handwritten = True  # letters alone were made of a number: writing, or print that a person must see


def _parsed(field: FieldForm, parts: list[list[Token]]) -> Parsed:
    """The value of all rows; of a closed vocabulary the first row alone when it is enough."""
    if field.kind in (ValueKind.ETHNIC, ValueKind.NATIONALITY) and len(parts) > 1:
        first = parse(field, text_of(field, parts[:1]))
        if first.valid:
            return first
    return parse(field, text_of(field, parts))


def _tokens_of_value(parts: list[list[Token]], parsed: Parsed) -> list[Token]:
    """Tokens that carry the printed value: an ending cut off by the form is left out."""
    tokens = [t for part in parts for t in part]
    length, kept = len(parsed.printed.replace(" ", "")), []
    seen = 0
    for token in tokens:
        if kept and seen >= length:
            break
        kept.append(token)
        seen += len(token.text)
    return kept


def _by_pattern(
    field: FieldForm, text: RunningText, rows: list[Row], after: Hit | None, hits: list[Hit]
) -> Found | None:
    begin, end = 0, len(text.folded)
    if field.after:
        if after is None:
            return None
        begin = _offset(text, rows, after)
        following = next((h for h in hits if (h.row, h.start) > (after.row, after.start)), None)
        end = min(begin + 400, _offset(text, rows, following) if following else end)
    matches = [m for p in field.patterns if (m := re.compile(p).search(text.folded, begin, end))]
    if field.after:
        matches.sort(key=lambda m: m.start())
    if field.every:
        return _every(field, text, begin, end)
    for match in matches:
        tokens = text.tokens_between(match.start(1), match.end(1))
        parsed = parse(field, text.text[match.start(1) : match.end(1)])
        if field.kind is ValueKind.DATE and field.first and not parsed.valid:
            # patterns stand in order of preference: the date that counts is there and could not be read
            return Found(None, text.text[match.start(1) : match.end(1)], tokens, str(field.kind), label=0.9, valid=False,
                         certainty=0.1, handwritten=True)  # fmt: skip
        if parsed.value is not None and parsed.valid:
            return Found(
                parsed.value, text.text[match.start(1) : match.end(1)], tokens, str(field.kind), label=0.9, valid=parsed.valid,
                certainty=parsed.certainty, handwritten=is_handwritten(tokens),
            )  # fmt: skip
    return None


def _offset(text: RunningText, rows: list[Row], hit: Hit) -> int:
    first = rows[hit.row].tokens[hit.start]
    return text.starts[next(i for i, t in enumerate(text.tokens) if t is first)]


def _every(field: FieldForm, text: RunningText, begin: int, end: int) -> Found | None:
    spans = sorted(
        {m.span(1) for p in field.patterns for m in re.compile(p).finditer(text.folded, begin, end)}
    )
    if not spans:
        return None
    values = [parse(field, text.text[a:b]).value or "" for a, b in spans]
    tokens = [t for a, b in spans for t in text.tokens_between(a, b)]
    printed = "; ".join(values)
    return Found(
        printed,
        printed,
        tokens,
        str(field.kind),
        label=0.9,
        valid=all(values),
        handwritten=is_handwritten(tokens),
    )


def _columns_in_order(rows: list[Row], form: Form, labels: list[str]) -> list[Row]:
    """Rows of two blocks printed side by side (wife and husband) put one block after the other."""
    hits = find_labels(rows, labels)
    anchors: dict[str, Hit] = {}
    for hit in hits:
        for name in form.label_fields.get(hit.label, []):
            if name and form.fields[name].anchor and form.fields[name].group in form.columns:
                anchors.setdefault(form.fields[name].group, hit)
    if len(anchors) < 2:
        return rows
    left, right = sorted(anchors.values(), key=lambda h: rows[h.row].tokens[h.start].box[0])[:2]
    at_left, at_right = rows[left.row].tokens[left.start].box, rows[right.row].tokens[right.start].box
    height = rows[left.row].wide_gap / 2.2
    if abs(at_left[1] - at_right[1]) > 2.5 * height or at_right[0] - at_left[0] < 8 * height:
        return rows
    first = min(left.row, right.row)
    split = at_right[0] - 0.5 * height
    last = len(rows)
    for hit in hits:
        names = [n for n in form.label_fields.get(hit.label, []) if n]
        outside = [n for n in names if form.fields[n].group not in form.columns]
        if hit.row > first and outside and rows[hit.row].tokens[hit.start].box[0] < split:
            last = hit.row
            break
    lefts = [r for row in rows[first:last] if (r := row.between(-1e9, split))]
    rights = [r for row in rows[first:last] if (r := row.between(split, 1e9))]
    return [*rows[:first], *lefts, *rights, *rows[last:]]
