"""Where the parts of a heading stand: Quốc hiệu, the two columns, gaps filled in by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

from ocr.fields.evidence import Found
from ocr.fields.rows import Row, Sheet
from schemas.page import GapReading

MOTTO = "conghoaxahoichunghiavietnam"
MOTTO2 = "doclaptudohanhphuc"


@dataclass(slots=True)
class Heading:
    """What the heading says; each entry with its evidence. `split` is the abscissa between its two columns."""

    fields: dict[str, Found] = field(default_factory=dict)
    motto_row: int | None = None
    split: float = 0.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Where a phrase stands: number of its row, its edges in pixels, how well it matches."""

    row: int
    left: float
    right: float
    score: float


def find_phrase(rows: list[Row], phrase: str, least: float, top: float | None = None) -> Phrase | None:
    """Best place of a phrase (by key) among the words of single rows."""
    best: Phrase | None = None
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
                    best = Phrase(number, tokens[start].box[0], tokens[end].box[2], score)
    return best


def gap_of(sheet: Sheet, kind: str, near: Row | None = None) -> GapReading | None:
    gaps = [
        g
        for g in sheet.reading.gaps
        if g.kind == kind and re.fullmatch(r"\d+[A-Za-z]?\d*(?:-\d+)?|\d+/\d{4}", g.text)
    ]
    if near is not None:
        middle = (near.top + near.bottom) / 2
        gaps = [g for g in gaps if abs((g.box[1] + g.box[3]) / 2 - middle) < 1.8 * sheet.line_height]
        gaps.sort(key=lambda g: abs((g.box[1] + g.box[3]) / 2 - middle))
    return gaps[0] if gaps else None
