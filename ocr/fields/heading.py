"""Reads the heading of an official paper by its layout (NĐ 30/2020 Phụ lục I): agencies on the left, Quốc hiệu on the
right, number and symbol, place and date, title and subject."""

from __future__ import annotations

import re

from ocr import agencies
from ocr.classify import Kind
from ocr.fields.evidence import Found, clean_edges
from ocr.fields.heading_date import read_date
from ocr.fields.heading_number import read_number
from ocr.fields.heading_title import read_letter_subject, read_subject, read_title, read_untitled_subject
from ocr.fields.layout import MOTTO, MOTTO2, Heading, Phrase, find_phrase
from ocr.fields.rows import Row, Sheet, Token, capital_share
from ocr.forms import LETTER_KIND, Forms
from ocr.normalise import fold

_STAMP = re.compile(
    r"^\W*(?:ban (?:sao|chinh)|sao (?:y|luc))\b|van thu\b|v[aă]n b[aả]n d[eé]n|cong van den|so den|ngay den|\bden\s*:|chuyen\s*:|^\W*den\W*$"
)
"""Words of the stamp that an office puts on what it receives."""


def read_heading(sheet: Sheet, others: list[Sheet], kind: Kind, forms: Forms) -> Heading:
    """Heading of a document: its first page, and the pages behind it for a date printed above the signature."""
    heading = Heading()
    rows = sheet.rows
    motto = find_phrase(rows, MOTTO, 0.62, 0.6 * sheet.reading.height)
    second = find_phrase(rows, MOTTO2, 0.65, 0.6 * sheet.reading.height)
    anchor = motto or second
    title_row = kind.title.first if kind.title else None
    if anchor:
        heading.motto_row = anchor.row
        heading.split = min(m.left for m in (motto, second) if m) - 0.4 * sheet.line_height
        if motto:
            heading.split = motto.left - 0.4 * sheet.line_height
    else:
        heading.split = 0.47 * sheet.reading.width
    number_row = read_number(heading, sheet, kind, forms, title_row)
    read_date(heading, sheet, others, title_row)
    _read_agency(heading, sheet, anchor, number_row, title_row)
    form = forms.get(kind.code)
    if kind.title and kind.title.first < len(rows):
        read_title(heading, sheet, kind, forms)
        if form and form.subject:
            read_subject(heading, sheet, kind)
    elif kind.code == LETTER_KIND:
        heading.fields["loai_van_ban"] = Found(
            "CÔNG VĂN", "", kind="title", source="rule", certainty=kind.confidence
        )
    elif form:
        heading.fields["loai_van_ban"] = Found(
            form.titles[0], "", kind="title", source="rule", certainty=kind.confidence * 0.8
        )
    if "trich_yeu" not in heading.fields and form and form.subject:
        if kind.code != LETTER_KIND:
            read_untitled_subject(heading, sheet)
        if "trich_yeu" not in heading.fields:
            read_letter_subject(heading, sheet)
    return heading


def _read_agency(
    heading: Heading, sheet: Sheet, anchor: Phrase | None, number_row: int | None, title_row: int | None
) -> None:
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
        run = _main_run(left, sheet.line_height)
        tokens = clean_edges([t for t in run if _belongs(t) or t.text.strip() in "-–&,"])
        if not tokens:
            continue
        lost = lost or any(t.key and t not in tokens and t.box[0] > tokens[0].box[0] for t in run)
        text = " ".join(t.text for t in tokens)
        letters = sum(c.isalpha() for c in text)
        if (
            letters < (1 if lines else 2)
            or capital_share(text) < 0.72
            or any(len(t.key) > 3 and t.text.islower() for t in tokens)
        ):
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
        if re.match(r"(?:so\s*[:.;]|v/v)", fold(text)) or re.search(r"\d\s*/|/\s*[A-ZĐ]", text):
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
        agency.name,
        printed,
        tokens,
        "agency",
        label=anchor.score if anchor else 0.5,
        valid=known,
        certainty=certainty,
    )
    if agency.parent:
        heading.fields["co_quan_chu_quan"] = Found(
            agency.parent,
            printed,
            tokens,
            "agency",
            label=anchor.score if anchor else 0.5,
            certainty=certainty,
        )


def _belongs(token: Token) -> bool:
    """A word, and no speck: one or two letters of hardly any confidence beside a line are none."""
    return bool(token.key) and not (token.confidence < 0.3 and len(token.key) <= 2)


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
