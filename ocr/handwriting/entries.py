"""Entries written by hand that the page's recogniser did not see at all: ink behind a printed label, and no word there.

`Dân tộc:` with a quick `Kinh` behind it often gives the next label and nothing between. Such an entry cannot be read, but
it must not be missing either: a person is shown the place.
"""

from __future__ import annotations

import statistics

import cv2
import numpy as np

from ocr.handwriting.gaps import rows_of
from ocr.handwriting.ink import InkJudge
from ocr.handwriting.strokes import cut_out, ink_rows, marks, tight
from schemas.page import Box, GapReading, Word


def unread_entries(words: list[Word], pixels: np.ndarray, judge: InkJudge, form: bool) -> list[GapReading]:
    """One reading of kind `muc` with an empty text for each label that has handwriting and no word behind it.

    `form`: most entries of the page are by hand, so less is asked of a single one.
    """
    boxes = [box for box in _places(words) if _inked(box, pixels)]
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


def _places(words: list[Word]) -> list[Box]:
    """Room behind each label with a colon: to the next word of its row, or to the right edge of the text."""
    ends = [w.box[2] for w in words]
    edge = float(np.percentile(ends, 97)) if ends else 0.0
    found = []
    for row in rows_of(words):
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
    return found


def _inked(box: Box, pixels: np.ndarray) -> bool:
    """Strokes that may be an entry: more than a dot leader, a speck or the border of a table."""
    crop = cut_out(pixels, box, 0.0)
    if crop.shape[0] < 6 or crop.shape[1] < 6:
        return False
    high, wide = crop.shape[:2]
    count, _, stats, _ = cv2.connectedComponentsWithStats(marks(crop).astype(np.uint8), connectivity=8)
    strokes = [
        s
        for s in stats[1:count]
        if s[cv2.CC_STAT_WIDTH] < 0.9 * wide
        and not (s[cv2.CC_STAT_HEIGHT] >= high - 1 and s[cv2.CC_STAT_WIDTH] < 0.2 * high)
        and s[cv2.CC_STAT_HEIGHT] > 0.3 * high
    ]
    return sum(int(s[cv2.CC_STAT_AREA]) for s in strokes) > 0.12 * high * high
