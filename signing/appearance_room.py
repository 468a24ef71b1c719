"""Free room on a page: where nothing is written, drawn or stamped.

Two witnesses are heard: the boxes of the words that were read, and the ink of the page itself, because reading misses seals,
handwriting and faint print.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pypdfium2

from schemas.page import Box

EDGE = 8.0
"""Points kept free at the edge of the sheet: printers cut there and scanners leave shadows."""
GAP = 3.0
"""Points between what is placed and anything else."""
_SCALE = 0.5
"""Pixels a point when looking for ink."""
_DARKER = 45
"""Grey levels below the paper that count as ink."""
_SPECKS = 0.002
"""Share of a place that may be ink: dust."""


@dataclass
class Room:
    """What is taken on one page. Shown frame, points."""

    width: float
    height: float
    taken: list[Box] = field(default_factory=list)
    ink: np.ndarray | None = None
    """Summed-area table of ink at `_SCALE`, one row and column longer than the picture."""

    def is_free(self, box: Box) -> bool:
        left, top, right, bottom = box[0] - GAP, box[1] - GAP, box[2] + GAP, box[3] + GAP
        if any(left < b[2] and b[0] < right and top < b[3] and b[1] < bottom for b in self.taken):
            return False
        return self._inked(left, top, right, bottom) <= _SPECKS

    def _inked(self, left: float, top: float, right: float, bottom: float) -> float:
        if self.ink is None:
            return 0.0
        rows, columns = self.ink.shape[0] - 1, self.ink.shape[1] - 1
        x0, x1 = (min(max(round(x * _SCALE), 0), columns) for x in (left, right))
        y0, y1 = (min(max(round(y * _SCALE), 0), rows) for y in (top, bottom))
        area = (x1 - x0) * (y1 - y0)
        if area <= 0:
            return 0.0
        table = self.ink
        return float(table[y1, x1] - table[y0, x1] - table[y1, x0] + table[y0, x0]) / area

    def find(
        self, size: tuple[float, float], within: Box, *, right: bool = False, bottom: bool = False
    ) -> Box | None:
        """The free place of `size` in `within` nearest to its top left corner (or the right, the bottom one)."""
        width, height = size
        xs = _steps(max(within[0], EDGE), min(within[2], self.width - EDGE) - width, right)
        ys = _steps(max(within[1], EDGE), min(within[3], self.height - EDGE) - height, bottom)
        for y in ys:
            for x in xs:
                if self.is_free((x, y, x + width, y + height)):
                    return (x, y, x + width, y + height)
        return None

    def take(self, box: Box) -> None:
        self.taken.append(box)


def _steps(first: float, last: float, backwards: bool, step: float = 4.0) -> list[float]:
    if last < first:
        return []
    found = [first + step * number for number in range(int((last - first) / step) + 1)]
    if found[-1] != last:
        found.append(last)
    return found[::-1] if backwards else found


def page_room(
    document: pypdfium2.PdfDocument,
    index: int,
    size: tuple[float, float],
    words: Iterable[Sequence[float]] = (),
) -> Room:
    """What is free on a page (0-based) of `size` points as shown; `words` are boxes in the shown frame."""
    page = document[index]
    try:
        picture = page.render(scale=_SCALE, grayscale=True, may_draw_forms=False).to_numpy()
    finally:
        page.close()
    grey = picture.reshape(picture.shape[0], picture.shape[1])
    paper = float(np.percentile(grey, 75))
    dark = np.pad((grey < paper - _DARKER).astype(np.int64), ((1, 0), (1, 0)))
    return Room(size[0], size[1], [tuple(word) for word in words], dark.cumsum(0).cumsum(1))
