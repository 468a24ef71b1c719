"""A page being printed, and what is printed on it.

``Doc`` is one document under construction: kinds write paragraphs, rows, tables and hand-written entries on it, and it
notes every visual line, every field's box and what was written by hand. All measures are pixels of an A4 sheet at 300 dpi.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from samples import fonts, ink
from samples.places import Place

WIDTH, HEIGHT = 2480, 3508
DPI = 300


def pt(points: float) -> int:
    """Printer's points -> pixels."""
    return round(points * DPI / 72)


@dataclass(frozen=True)
class Run:
    """A piece of text in one style. ``hand``: written by pen; ``gap``: width (in ems) of the printed gap it stands in."""

    text: str
    bold: bool = False
    italic: bool = False
    field: str = ""
    hand: bool = False
    gap: float = 0.0
    size: float = 0.0  # points; 0 = the style's
    sans: bool = False


def t(text: str, style: str = "", field: str = "", gap: float = 0.0, size: float = 0.0) -> Run:
    """Short form: ``style`` holds any of b (bold), i (italic), h (hand), s (sans serif)."""
    text = unicodedata.normalize("NFC", text)
    return Run(text, "b" in style, "i" in style, field, "h" in style, gap, size, "s" in style)


Runs = list[Run]


@dataclass
class Style:
    """How one office prints: fonts, sizes (points), spacing, margins (pixels)."""

    family: str
    sans: str
    size: float
    leading: float
    left: int
    right: int
    top: int
    bottom: int
    ink: tuple[int, int, int]
    indent: int
    justify: bool
    leaders: bool

    @classmethod
    def pick(cls, rng: random.Random) -> Style:
        """A random office: mostly Times-like at 13-14 points, with the margins of Decree 30/2020 or near them."""
        serif = fonts.available(fonts.SERIF)
        weights = [
            {"Liberation Serif": 5, "Tinos": 4, "Noto Serif": 1, "DejaVu Serif": 0.4}[name] for name in serif
        ]
        shade = rng.randint(5, 45)
        return cls(
            family=rng.choices(serif, weights)[0],
            sans=rng.choice(fonts.available(fonts.SANS)),
            size=rng.choice([12, 12.5, 13, 13, 13.5, 14, 14]),
            leading=rng.uniform(1.12, 1.42),
            left=round(rng.uniform(22, 35) * DPI / 25.4),
            right=round(rng.uniform(12, 22) * DPI / 25.4),
            top=round(rng.uniform(13, 24) * DPI / 25.4),
            bottom=round(rng.uniform(14, 24) * DPI / 25.4),
            ink=(shade, shade, shade + rng.randint(0, 10)),
            indent=rng.choice([0, 118, 118, 150]),
            justify=rng.random() < 0.75,
            leaders=rng.random() < 0.25,
        )


@dataclass
class Segment:
    """One piece of a visual line. ``table`` pieces of a row are read as one line, others one by one."""

    y: float
    x: float
    text: str
    block: int
    table: bool = False


class Sheet:
    """One page: a white image and what stands on it."""

    def __init__(self, width: int = WIDTH, height: int = HEIGHT) -> None:
        self.image = Image.new("RGB", (width, height), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.segments: list[Segment] = []
        self.optional: list[str] = []
        self.block = 0

    def stain(self, picture: Image.Image, x: float, y: float) -> None:
        """Put translucent ink (RGBA) on the paper: it darkens what is there and never hides it."""
        left, top = round(x), round(y)
        box = (max(0, left), max(0, top), min(self.image.width, left + picture.width),
               min(self.image.height, top + picture.height))  # fmt: skip
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        part = (
            np.asarray(picture.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top)), np.float32)
            / 255
        )
        under = np.asarray(self.image.crop(box), np.float32)
        alpha = part[..., 3:]
        self.image.paste(
            Image.fromarray((under * (1 - alpha + alpha * part[..., :3])).astype(np.uint8)), box[:2]
        )

    def note(self, y: float, x: float, text: str, table: bool = False) -> None:
        if text.strip():
            self.segments.append(Segment(y, x, " ".join(text.split()), self.block, table))

    def lines(self, row_height: float) -> list[str]:
        """Visual lines in reading order: blocks in turn; in a block from top to bottom, pieces of a row left to right."""
        out: list[str] = []
        for block in sorted({segment.block for segment in self.segments}):
            here = sorted((s for s in self.segments if s.block == block), key=lambda s: (s.y, s.x))
            rows: list[list[Segment]] = []
            for segment in here:
                if rows and segment.y - rows[-1][0].y < 0.4 * row_height:
                    rows[-1].append(segment)
                else:
                    rows.append([segment])
            for row in rows:
                row.sort(key=lambda s: s.x)
                if row[0].table:
                    out.append(" ".join(s.text for s in row))
                else:
                    out += [s.text for s in row]
        return out


@dataclass
class _Piece:
    text: str
    run: Run
    width: float
    picture: Image.Image | None = None
    baseline: int = 0


_Word = list[_Piece]


@dataclass
class Doc:
    """A document being made. ``y`` is the next line's top on the current sheet; ``x0``/``x1`` bound the text."""

    kind: str
    rng: random.Random
    style: Style
    place: Place
    fields: dict[str, str] = field(default_factory=dict)
    accept: dict[str, list[str]] = field(default_factory=dict)
    handwritten: set[str] = field(default_factory=set)
    boxes: dict[str, list[float]] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hand = ink.Hand.pick(self.rng)
        self.pen = ink.pen_colour(self.rng)
        self.page_numbers = self.rng.random() < 0.85
        self.new_sheet()

    # ---- sheets and space -------------------------------------------------------------------------------------------
    @property
    def sheet(self) -> Sheet:
        return self.sheets[-1]

    def new_sheet(self) -> None:
        """Start the next page; from the second on a page number stands in the top margin."""
        self.sheets.append(Sheet())
        style = self.style
        self.x0, self.x1, self.y = float(style.left), float(WIDTH - style.right), float(style.top)
        if len(self.sheets) > 1 and self.page_numbers:
            font = self.font(t(str(len(self.sheets))))
            y = style.top - pt(6)
            self.sheet.draw.text(
                (WIDTH / 2, y), str(len(self.sheets)), font=font, fill=style.ink, anchor="ms"
            )
            self.sheet.note(y, WIDTH / 2, str(len(self.sheets)))
            self.sheet.block += 1
            self.y += pt(8)

    def room(self, height: float) -> None:
        """Turn the page when less than ``height`` pixels are left."""
        if self.y + height > HEIGHT - self.style.bottom and self.y > self.style.top + pt(40):
            self.new_sheet()

    def skip(self, points: float) -> None:
        self.y += pt(points)

    def block(self) -> None:
        """What follows is read after all that was printed before."""
        self.sheet.block += 1

    @contextmanager
    def column(self, x0: float, x1: float) -> Iterator[None]:
        """Print between x0 and x1 (pixels) from the present height; the caller decides where to go on below."""
        before = self.x0, self.x1
        self.x0, self.x1 = x0, x1
        try:
            yield
        finally:
            self.x0, self.x1 = before

    # ---- truth ------------------------------------------------------------------------------------------------------
    def set(self, name: str, value: str, *accept: str) -> None:
        """Note a field's value and what else counts as right."""
        self.fields[name] = value
        others = [text for text in dict.fromkeys(accept) if text and text != value]
        if others:
            self.accept[name] = others

    def _mark(self, run: Run, box: tuple[float, float, float, float]) -> None:
        page = len(self.sheets)
        known = self.boxes.get(run.field)
        if known and known[0] == page:
            box = (min(box[0], known[1]), min(box[1], known[2]), max(box[2], known[3]), max(box[3], known[4]))
        elif known:
            return
        self.boxes[run.field] = [page, *box]
        if run.hand:
            self.handwritten.add(run.field)

    # ---- text -------------------------------------------------------------------------------------------------------
    def font(self, run: Run) -> Any:
        family = self.style.sans if run.sans else self.style.family
        return fonts.face(family, pt(run.size or self.style.size), run.bold, run.italic)

    def _piece(self, text: str, run: Run) -> _Piece:
        size = pt(run.size or self.style.size)
        if not run.hand:
            return _Piece(text, run, max(self.font(run).getlength(text), run.gap * size))
        height = size * (
            self.rng.uniform(0.78, 0.98) if any(map(str.isalpha, text)) else self.rng.uniform(0.66, 0.94)
        )
        picture, baseline = ink.write(text, height, self.rng, self.pen, self.hand)
        if run.gap:
            return _Piece(text, run, run.gap * size, picture, baseline)
        return _Piece(text, run, picture.width + size * 0.06, picture, baseline)

    def words(self, runs: Runs) -> list[_Word]:
        """Runs cut at spaces; pieces without a space between them stay one word."""
        words: list[_Word] = [[]]
        for run in runs:
            for part in re.split(r"( +)", run.text):
                if part.startswith(" "):
                    if words[-1]:
                        words.append([])
                elif part:
                    words[-1].append(self._piece(part, run))
        return [word for word in words if word]

    def space(self, run: Run) -> float:
        return self.font(run).getlength(" ")

    def put(
        self,
        words: list[_Word],
        x: float,
        baseline: float,
        gap: float,
        table: bool = False,
        note: bool = True,
    ) -> float:
        """Print one line from x with ``gap`` between words -> x after it."""
        start = x
        texts = []
        for index, word in enumerate(words):
            if index:
                x += gap
            for piece in word:
                self._print(piece, x, baseline)
                x += piece.width
            texts.append("".join(piece.text for piece in word))
        if note:
            self.sheet.note(baseline, start, " ".join(texts), table)
        return x

    def _print(self, piece: _Piece, x: float, baseline: float) -> None:
        size = pt(piece.run.size or self.style.size)
        left, right = x, x + piece.width
        if piece.picture is None:
            self.sheet.draw.text(
                (x, baseline), piece.text, font=self.font(piece.run), fill=self.style.ink, anchor="ls"
            )
            top, bottom = baseline - 0.78 * size, baseline + 0.22 * size
        else:
            left = x + (piece.width - piece.picture.width) / 2
            if piece.run.gap:
                left += self.rng.uniform(-0.15, 0.15) * size
            top = baseline - piece.baseline + self.rng.uniform(-0.16, 0.08) * size
            self.sheet.stain(piece.picture, left, top)
            right, bottom = left + piece.picture.width, top + piece.picture.height
        if piece.run.field:
            self._mark(piece.run, (left, top, right, bottom))

    def wrap(self, words: list[_Word], width: float, first: float, gap: float) -> list[list[_Word]]:
        """Words -> lines no wider than ``width`` (the first one shorter by ``first``)."""
        lines: list[list[_Word]] = [[]]
        used = first
        for word in words:
            wide = sum(piece.width for piece in word)
            if lines[-1] and used + gap + wide > width:
                lines.append([])
                used = 0.0
            used += (gap if lines[-1] else 0.0) + wide
            lines[-1].append(word)
        return lines

    def para(
        self, runs: Runs, *, indent: float | None = None, align: str = "", after: float = 3.0, leader: bool = False,
        leading: float = 0.0,
    ) -> float:  # fmt: skip
        """A paragraph; ``align`` is left, center, right or justify ('' = the style's) -> width of the longest line."""
        if not runs:
            return 0.0
        align = align or ("justify" if self.style.justify else "left")
        indent = self.style.indent if indent is None else indent
        if align in ("center", "right"):
            indent = 0
        size = pt(max(run.size or self.style.size for run in runs))
        height = size * (leading or self.style.leading)
        gap = self.space(runs[0])
        width = self.x1 - self.x0
        lines = self.wrap(self.words(runs), width, indent, gap)
        longest = 0.0
        for index, line in enumerate(lines):
            self.room(height)
            natural = sum(piece.width for word in line for piece in word) + gap * (len(line) - 1)
            longest = max(longest, natural)
            x, between = self.x0 + (indent if index == 0 else 0), gap
            if align == "center":
                x = (self.x0 + self.x1 - natural) / 2
            elif align == "right":
                x = self.x1 - natural
            elif align == "justify" and index < len(lines) - 1 and len(line) > 1:
                room = width - (indent if index == 0 else 0) - natural
                between = gap + room / (len(line) - 1)
            baseline = self.y + 0.80 * size
            end = self.put(line, x, baseline, between)
            if leader and self.style.leaders and index == len(lines) - 1:
                self.dots(end + gap * 0.5, self.x1, baseline)
            self.y += height
        self.y += pt(after)
        return longest

    def row(self, cells: list[tuple[float, Runs]], *, after: float = 3.0, leader: bool = False) -> None:
        """Several entries on one line, each from its share (0..1) of the width; the whole is one visual line."""
        size = pt(self.style.size)
        height = size * self.style.leading
        self.room(height)
        baseline = self.y + 0.80 * size
        x = self.x0
        texts = []
        for index, (share, runs) in enumerate(cells):
            gap = self.space(runs[0])
            x = max(x + (2 * gap if index else 0), self.x0 + share * (self.x1 - self.x0))
            start, words = x, self.words(runs)
            x = self.put(words, x, baseline, gap, note=False)
            texts.append(" ".join("".join(piece.text for piece in word) for word in words))
            stop = (
                self.x1
                if index == len(cells) - 1
                else self.x0 + cells[index + 1][0] * (self.x1 - self.x0) - gap
            )
            if leader and self.style.leaders:
                self.dots(x + gap * 0.5, stop, baseline)
            if index == 0:
                first = start
        self.sheet.note(baseline, first, " ".join(texts))
        self.y += height + pt(after)

    def dots(self, x0: float, x1: float, baseline: float) -> None:
        """Dot leader; not part of the truth, as it is no text."""
        step = self.font(t(".")).getlength(".") * 1.02
        count = int((x1 - x0) / step)
        if count > 3:
            self.sheet.draw.text(
                (x0, baseline), "." * count, font=self.font(t(".")), fill=self.style.ink, anchor="ls"
            )

    def rule(self, x0: float, x1: float, y: float, width: int = 3) -> None:
        self.sheet.draw.line((x0, y, x1, y), fill=self.style.ink, width=width)

    def table(
        self, shares: list[float], rows: list[list[Runs]], *, size: float = 0.0, middle: bool = True
    ) -> None:
        """A ruled table; ``shares`` are column widths (sum 1). Cells wrap; the first row is the heading."""
        size_pt = size or self.style.size - 1
        em = pt(size_pt)
        height = em * max(1.12, self.style.leading * 0.92)
        pad = em * 0.28
        full = self.x1 - self.x0
        edges = [self.x0 + full * sum(shares[:k]) for k in range(len(shares) + 1)]
        for number, row in enumerate(rows):
            cells = []
            for k, runs in enumerate(row):
                sized = [replace(run, size=run.size or size_pt) for run in runs]
                gap = self.space(sized[0]) if sized else 0.0
                cells.append(
                    (
                        self.wrap(self.words(sized), edges[k + 1] - edges[k] - 2 * pad, 0, gap)
                        if sized
                        else [],
                        gap,
                    )
                )
            depth = max(1, max(len(lines) for lines, _ in cells)) * height + pad
            self.room(depth)
            top = self.y
            for k, (lines, gap) in enumerate(cells):
                lift = (depth - pad - len(lines) * height) / 2 if middle else 0.0
                for index, line in enumerate(lines):
                    natural = sum(piece.width for word in line for piece in word) + gap * (len(line) - 1)
                    x = edges[k] + pad
                    short = edges[k + 1] - edges[k] < full * 0.14 or number == 0
                    if short:
                        x = (edges[k] + edges[k + 1] - natural) / 2
                    baseline = top + pad * 0.5 + lift + index * height + 0.82 * em
                    self.put(line, x, baseline, gap, table=True)
            for edge in edges:
                self.sheet.draw.line((edge, top, edge, top + depth), fill=self.style.ink, width=3)
            self.rule(edges[0], edges[-1], top)
            self.rule(edges[0], edges[-1], top + depth)
            self.y = top + depth
        self.y += pt(5)

    # ---- result -----------------------------------------------------------------------------------------------------
    def truth(self, ident: str, level: str) -> dict[str, Any]:
        """The labelled truth in the layout of the evaluation set, with ``handwritten`` and ``boxes`` besides."""
        row = pt(self.style.size) * 1.1
        pages = [
            {"page": number, "lines": sheet.lines(row), "optional_lines": sheet.optional}
            for number, sheet in enumerate(self.sheets, 1)
        ]
        return {
            "id": ident,
            "level": level,
            "type": self.kind,
            "fields": self.fields,
            "fields_accept": self.accept,
            "rotation_cw": 0,
            "handwritten_fields": bool(self.handwritten),
            "handwritten": sorted(self.handwritten),
            "boxes": {
                name: [
                    box[0],
                    *(round(v / s, 4) for v, s in zip(box[1:], (WIDTH, HEIGHT, WIDTH, HEIGHT), strict=True)),
                ]
                for name, box in self.boxes.items()
            },
            "marks": self.marks,
            "pages": pages,
            "text": "\n".join(line for page in pages for line in page["lines"]),
            "font": self.style.family,
        }
