"""Words of a page put into rows and segments, and one running text that remembers where each letter stands.

A row is what a person reads from left to right; a segment is a part of a row with no wide gap inside, so that the two
columns of a heading or of a signature block stay apart.
"""

from __future__ import annotations

import re
import statistics
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ocr.normalise import fold, key, nfc
from schemas.page import Box, PageReading, Word

_AFTER_COLON = re.compile(r"(?<=[^\W\d_]):(?=[^\s:/])|(?<=[\d)]):(?=[^\W\d_])")
_LEADER = re.compile(r"(?:[.…·_‥]\W?){3,}|…|_{2,}|[-—]{3,}")


@dataclass(frozen=True, slots=True)
class Token:
    """A word, or the part of a word before or after a colon; box in the read frame of its page."""

    text: str
    key: str
    box: Box
    confidence: float
    page: int
    handwritten: float | None = None

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> float:
        return (self.box[0] + self.box[2]) / 2


def bounds(boxes: Iterable[Box]) -> Box:
    boxes = list(boxes)
    return (
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    )


@dataclass(slots=True)
class Row:
    """Tokens of one line of sight, sorted from left to right."""

    tokens: list[Token]
    page: int
    wide_gap: float
    """Pixels; a gap wider than this separates two segments."""

    @property
    def box(self) -> Box:
        return bounds(t.box for t in self.tokens)

    @property
    def text(self) -> str:
        return " ".join(t.text for t in self.tokens)

    @property
    def key(self) -> str:
        return "".join(t.key for t in self.tokens)

    @property
    def top(self) -> float:
        return min(t.box[1] for t in self.tokens)

    @property
    def bottom(self) -> float:
        return max(t.box[3] for t in self.tokens)

    @property
    def confidence(self) -> float:
        return sum(t.confidence for t in self.tokens) / len(self.tokens)

    def segments(self) -> list[Row]:
        """Parts of the row with no gap wider than `wide_gap` inside."""
        parts: list[list[Token]] = [[self.tokens[0]]]
        for previous, token in zip(self.tokens, self.tokens[1:], strict=False):
            if token.box[0] - previous.box[2] > self.wide_gap:
                parts.append([])
            parts[-1].append(token)
        return [Row(part, self.page, self.wide_gap) for part in parts]

    def between(self, left: float, right: float) -> Row | None:
        """The part of the row whose tokens have their middle between two abscissas."""
        inside = [t for t in self.tokens if left <= t.middle < right]
        return Row(inside, self.page, self.wide_gap) if inside else None


def capital_share(text: str) -> float:
    """Share of capitals among the letters, 0 when there are none."""
    letters = [c for c in text if c.isalpha()]
    return sum(c.isupper() for c in letters) / len(letters) if letters else 0.0


def _tokens_of(word: Word, page: int) -> list[Token]:
    """A word split after colons (`tên:VÕ`) and around dot leaders (`TOÀN......`), so that labels, values and lines to be
    written on can be told apart."""
    text = nfc(word.text).replace("\u2044", "/")
    parts, start = [], 0
    for cut in sorted({m.end() for m in _AFTER_COLON.finditer(text)} | _leader_ends(text)):
        if start < cut < len(text):
            parts.append((start, cut))
            start = cut
    parts.append((start, len(text)))
    left, top, right, bottom = word.box
    width = (right - left) / max(1, len(text))
    return [
        Token(text[a:b], key(text[a:b]), (left + a * width, top, left + b * width, bottom), word.confidence, page,
              word.handwritten)
        for a, b in parts
    ]  # fmt: skip


def _leader_ends(text: str) -> set[int]:
    return {at for match in _LEADER.finditer(text) for at in match.span()}


def is_leader(text: str) -> bool:
    """Dots or strokes printed to be written on."""
    return bool(_LEADER.fullmatch(text))


def rows_of(reading: PageReading) -> list[Row]:
    """Rows of a page from top to bottom. Lines of the engine that stand at one height and beside each other are joined."""
    lines: dict[tuple[int, int], list[Token]] = {}
    for word in reading.words:
        if not word.text.strip():
            continue
        lines.setdefault((word.block, word.line), []).extend(_tokens_of(word, reading.page))
    if not lines:
        return []
    heights = [t.height for tokens in lines.values() for t in tokens if len(t.key) > 1]
    usual = statistics.median(heights) if heights else 20.0
    pieces = [piece for tokens in lines.values() for piece in _split_by_height(tokens, usual)]
    pieces.sort(key=lambda tokens: _middle(tokens))
    rows: list[list[Token]] = []
    for piece in pieces:
        for row in reversed(rows[-4:]):
            if _same_row(row, piece, usual):
                row.extend(piece)
                break
        else:
            rows.append(list(piece))
    made = [Row(sorted(row, key=lambda t: t.box[0]), reading.page, 2.2 * usual) for row in rows]
    made.sort(key=lambda r: _middle(r.tokens))
    return made


def _split_by_height(tokens: list[Token], usual: float) -> list[list[Token]]:
    """An engine line whose words jump in height (two lines read as one) is cut in two."""
    tokens = sorted(tokens, key=lambda t: t.box[0])
    parts = [[tokens[0]]]
    for previous, token in zip(tokens, tokens[1:], strict=False):
        jump = abs((token.box[1] + token.box[3]) - (previous.box[1] + previous.box[3])) / 2
        if jump > 1.1 * max(usual, min(previous.height, token.height)):
            parts.append([])
        parts[-1].append(token)
    return parts


def _middle(tokens: Sequence[Token]) -> float:
    return statistics.median((t.box[1] + t.box[3]) / 2 for t in tokens)


def _same_row(row: list[Token], piece: list[Token], usual: float) -> bool:
    a, b = bounds(t.box for t in row), bounds(t.box for t in piece)
    if min(a[2], b[2]) - max(a[0], b[0]) > 0.6 * usual:
        near = [
            t for t in row for p in piece if min(t.box[2], p.box[2]) - max(t.box[0], p.box[0]) > 0.3 * usual
        ]
        if near:
            return False
    facing = sorted(row, key=lambda t: min(abs(t.box[0] - b[2]), abs(t.box[2] - b[0])))[:3]
    beside = sorted(piece, key=lambda t: min(abs(t.box[0] - a[2]), abs(t.box[2] - a[0])))[:3]
    return abs(_middle(facing) - _middle(beside)) < 0.5 * usual


@dataclass(slots=True)
class RunningText:
    """Tokens joined by spaces, folded, with the way back from an offset to its token."""

    tokens: list[Token]
    text: str = ""
    folded: str = ""
    starts: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, tokens: list[Token]) -> RunningText:
        made = cls(tokens)
        parts, at = [], 0
        for token in tokens:
            made.starts.append(at)
            parts.append(token.text)
            at += len(token.text) + 1
        made.text = " ".join(parts)
        made.folded = fold(made.text)
        return made

    def tokens_between(self, start: int, end: int) -> list[Token]:
        first = max(0, bisect_right(self.starts, start) - 1)
        last = bisect_right(self.starts, max(start, end - 1))
        return self.tokens[first:last]


@dataclass
class Sheet:
    """A page as rows, with what the heading and label readers ask again and again."""

    reading: PageReading
    rows: list[Row]

    @classmethod
    def of(cls, reading: PageReading) -> Sheet:
        return cls(reading, rows_of(reading))

    @cached_property
    def line_height(self) -> float:
        heights = [t.height for row in self.rows for t in row.tokens if len(t.key) > 1]
        return statistics.median(heights) if heights else 20.0

    @cached_property
    def left_edge(self) -> float:
        """Where body rows usually begin."""
        starts = sorted(row.box[0] for row in self.rows if len(row.tokens) > 4)
        return starts[len(starts) // 4] if starts else 0.0

    @cached_property
    def right_edge(self) -> float:
        ends = sorted(row.box[2] for row in self.rows if len(row.tokens) > 4)
        return ends[(3 * len(ends)) // 4] if ends else float(self.reading.width)
