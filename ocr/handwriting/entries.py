"""Entries written by hand that the page's recogniser did not see at all: ink behind a printed label, and no word there.

`Dân tộc:` with a quick `Kinh` behind it often gives the next label and nothing between. Such an entry cannot be read, but
it must not be missing either: a person is shown the place.
"""

from __future__ import annotations

import statistics

import cv2
import numpy as np

from ocr.handwriting.ink import InkJudge
from ocr.handwriting.strokes import cut_out, ink_rows, marks, tight
from schemas.page import Box, GapReading, Word


def unread_entries(
    words: list[Word], rows: list[list[int]], pixels: np.ndarray, judge: InkJudge, form: bool
) -> list[GapReading]:
    """One reading of kind `muc` with an empty text for each label that has handwriting and no word behind it.

    `rows`: numbers of the words row by row, as `rows_of` gives them; `form`: most entries of the page are by hand, so less is asked of a single one.
    """
    boxes = [box for box in _places(words, rows) if _inked(box, pixels, 28.0 if form else 45.0)]
    if not boxes:
        return []
    crops = []
    for left, top, right, bottom in boxes:
        rows = ink_rows((left, top, right, bottom), pixels)
        crops.append(tight(pixels, (left, rows[0], right, rows[1])))
    sure = judge.handwritten(crops)
    return [
        GapReading(kind="muc", box=box, text="", confidence=0.0, handwritten=round(float(p), 4))
        for box, p in zip(boxes, sure, strict=True)
        if p >= (0.2 if form else 0.5)
    ]


def _places(words: list[Word], rows: list[list[int]]) -> list[Box]:
    """Room behind each label with a colon: to the next word of its row, or to the right edge of the text; and below a label
    with nothing behind it, as far as no words stand there."""
    ends = [w.box[2] for w in words]
    edge = float(np.percentile(ends, 97)) if ends else 0.0
    found = []
    for row in rows:
        high = statistics.median(words[i].box[3] - words[i].box[1] for i in row)
        # marks without a letter are leaders, or what was made of the top of an entry
        ink = [i for i in row if any(c.isalnum() for c in words[i].text)]
        for place, index in enumerate(ink):
            word = words[index]
            if not word.text.rstrip(".… ").endswith(":") or not any(c.isalpha() for c in word.text):
                continue
            following = words[ink[place + 1]].box[0] if place + 1 < len(ink) else max(edge, word.box[2])
            left, right = word.box[2] + 0.15 * high, min(following - 0.15 * high, word.box[2] + 14 * high)
            if right - left > 1.1 * high:
                found.append((left, word.box[1] - 0.1 * high, right, word.box[3] + 0.1 * high))
            behind = following if place + 1 < len(ink) else edge
            if place + 1 == len(ink) or following - word.box[2] > 1.1 * high:
                first = _label_start(words, ink[: place + 1], high)
                below = [w.box[1] for w in words if w.box[1] > word.box[3] and w.box[0] < behind and w.box[2] > first]
                floor = min(below, default=0.0)
                if 1.3 * high < floor - word.box[3] < 3.5 * high:
                    right = max(behind - 0.5 * high, word.box[2])
                    found.append((first, word.box[3] + 0.15 * high, min(right, first + 14 * high), floor - 0.1 * high))
    return found


def _label_start(words: list[Word], before: list[int], high: float) -> float:
    """Left edge of the label that ends the words `before` of a row: behind the last wide gap or colon."""
    left = words[before[-1]].box[0]
    for index, following in zip(reversed(before[:-1]), reversed(before[1:]), strict=True):
        if words[following].box[0] - words[index].box[2] > 1.2 * high or words[index].text.endswith(":"):
            break
        left = words[index].box[0]
    return left


def _inked(box: Box, pixels: np.ndarray, contrast: float) -> bool:
    """Strokes that may be an entry: more than a dot leader, a speck or the border of a table."""
    crop = cut_out(pixels, box, 0.0)
    if crop.shape[0] < 6 or crop.shape[1] < 6:
        return False
    high, wide = crop.shape[:2]
    near = np.ones((max(2, high // 12), max(2, high // 12)), np.uint8)  # thin strokes break in a black-and-white copy
    ink = cv2.morphologyEx(marks(crop, 0.08, contrast).astype(np.uint8), cv2.MORPH_CLOSE, near)
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    strokes = [
        s
        for s in stats[1:count]
        if s[cv2.CC_STAT_WIDTH] < 0.9 * wide
        and not (s[cv2.CC_STAT_HEIGHT] >= high - 1 and s[cv2.CC_STAT_WIDTH] < 0.2 * high)
        and s[cv2.CC_STAT_HEIGHT] > 0.3 * high
    ]
    return sum(int(s[cv2.CC_STAT_AREA]) for s in strokes) > 0.12 * high * high
