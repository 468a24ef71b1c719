"""A value found on the paper with everything known about how it was found; the confidence model judges from this."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ocr.fields.rows import Token


@dataclass(slots=True)
class Found:
    """One proposed value."""

    value: str | None
    printed: str
    tokens: list[Token] = field(default_factory=list)
    kind: str = "text"
    label: float = 1.0
    """How well the label, title or place in the layout was recognised, 0..1."""
    valid: bool = True
    """The value looks like its kind."""
    certainty: float = 1.0
    """Below 1 when a closed vocabulary or an inference was needed to read it."""
    handwritten: bool = False
    source: str = "ocr"
    agreed: int = 0
    """Independent readings of the same thing that said the same."""
    pen: float = 0.0
    """Probability that what stands in the printed gap of the value was written by hand."""
    gap_confidence: float | None = None
    """Confidence of the reader of handwritten digits, where it gave the value."""
    known: float = 0.0
    """Share of the names in a place or agency that are known districts and provinces, as written there."""

    @property
    def page(self) -> int | None:
        return self.tokens[0].page if self.tokens else None


PEN_LIKELY = 0.1
"""Probability from which an entry in a printed gap counts as written by hand. Nine in ten printed ones stay below 0.01
and as many written ones are above 0.97 (240 made papers): between the two a person loses less by looking."""
PEN_POSSIBLE = 0.03
"""And from which it is not accepted without a person."""


def may_be_accepted(item: Found) -> bool:
    """Whether a value may do without a person at all: printed, of the right form, read rather than inferred, and not
    repaired or damaged so far that it is only a proposal."""
    printed = not item.handwritten and item.pen < PEN_POSSIBLE and not (item.kind == "date" and _drawn(item.tokens))
    return printed and item.valid and item.source != "rule" and item.certainty >= 0.5


def _drawn(tokens: list[Token]) -> bool:
    """True when the numbers of a date are not of one print: one may be by hand, or one is much taller than another."""
    numbers = [t for t in tokens if any(c.isdigit() for c in t.text) and "/" not in t.text]
    heights = [t.height for t in numbers if t.text.strip(".,;:").isdigit()]
    uneven = len(heights) > 1 and max(heights) > 1.35 * min(heights)
    return uneven or any((t.handwritten or 0) >= 0.15 for t in numbers)


def is_handwritten(tokens: list[Token]) -> bool:
    """True when a number, or a good part of the words, is judged written by hand. Single marks are not asked: a dash or
    an `l` looks like a stroke of the pen."""
    judged = [t for t in tokens if t.handwritten is not None and t.key]
    numbers = [t for t in judged if any(c.isdigit() for c in t.text)]
    if any(t.handwritten >= 0.5 for t in numbers):
        return True
    if judged and all(len(t.key) == 1 for t in judged):
        return all(t.handwritten >= 0.9 for t in judged)  # strokes of which nothing but single letters was made
    letters = sum(len(t.key) for t in judged if len(t.key) > 1)
    by_hand = sum(len(t.key) for t in judged if len(t.key) > 1 and t.handwritten >= 0.5)
    return letters > 0 and by_hand >= 0.34 * letters


_JUNK = re.compile(r"^[^\w(\"“]+|[^\w).\"”]+$")


def clean_edges(tokens: list[Token]) -> list[Token]:
    """Tokens without marks that carry no letter at either end."""
    tokens = list(tokens)
    while tokens and not tokens[0].key:
        tokens.pop(0)
    while tokens and not tokens[-1].key:
        tokens.pop()
    return tokens


def strip_marks(text: str) -> str:
    return _JUNK.sub("", text)
