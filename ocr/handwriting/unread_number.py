"""The line of a paper's number of which the page's recogniser read nothing, neither `Số:` nor the code behind the entry.

It stands under the agency beside the line of place and date, or under the title of a certificate (NĐ 30/2020 Annex I,
TT 04/2020/TT-BTP). Ink there without a word, part of it written by hand, is the number: a person is shown the place.
"""

from __future__ import annotations

import statistics

import cv2
import numpy as np

from ocr.handwriting.gaps import plain
from ocr.handwriting.ink import InkJudge
from ocr.handwriting.strokes import cut_out, marks, tight
from schemas.page import Box, GapReading, Word

_COARSE = 4  # pixels of the page in one of the map of unread ink
_BELOW_MOTTO = 0.15  # of the height of the page: where numbers stand


def unread_number(words: list[Word], pixels: np.ndarray, judge: InkJudge) -> GapReading | None:
    """A reading of kind `so` with an empty text where the number is written and no word was read; None without one."""
    motto = _motto(words, pixels.shape[0])
    if motto is None:
        return None
    high = statistics.median(w.box[3] - w.box[1] for w in words if len(w.text) > 1)
    best: tuple[float, Box] | None = None
    for box in _unread_ink(words, pixels, motto, high):
        sure = float(np.max(judge.handwritten(_pieces(box, pixels, high))))
        if sure >= 0.5 and (best is None or sure > best[0]):
            best = sure, box
    if best is None:
        return None
    return GapReading(kind="so", box=best[1], text="", confidence=0.0, handwritten=round(best[0], 4))


def _motto(words: list[Word], height: int) -> Box | None:
    """Box of `Độc lập - Tự do - Hạnh phúc`, below which numbers stand."""
    for last in words:
        if plain(last.text) != "phuc" or last.box[3] > 0.35 * height:
            continue
        row = [w for w in words if w.line == last.line and w.block == last.block and w.box[2] <= last.box[2]]
        first = min((w for w in row if plain(w.text) == "doc"), key=lambda w: w.box[0], default=None)
        if first is not None:
            return (first.box[0], last.box[1], last.box[2], last.box[3])
    return None


def _unread_ink(words: list[Word], pixels: np.ndarray, motto: Box, high: float) -> list[Box]:
    """Boxes as high as a line, without a word, left of the motto or in the middle under it."""
    height, width = pixels.shape[:2]
    top, bottom = int(motto[1]), min(height, int(motto[3] + _BELOW_MOTTO * height))
    band = pixels[top:bottom]
    small = cv2.resize(band, (width // _COARSE, len(band) // _COARSE), interpolation=cv2.INTER_AREA)
    grey = small if small.ndim == 2 else small.min(axis=2)
    ink = (grey < float(np.percentile(grey, 80)) - 40).astype(np.uint8)
    for word in words:
        left, above, right, below = word.box
        if below > top and above < bottom:
            rows = slice(max(0, int((above - top) / _COARSE) - 1), max(0, int((below - top) / _COARSE) + 2))
            ink[rows, max(0, int(left / _COARSE) - 1) : int(right / _COARSE) + 2] = 0
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, max(3, round(high / _COARSE))), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found = []
    for x, y, w, h, _ in stats[1:count].tolist():
        box = (
            float(x * _COARSE),
            float(top + y * _COARSE),
            float((x + w) * _COARSE),
            float(top + (y + h) * _COARSE),
        )
        wide, tall = box[2] - box[0], box[3] - box[1]
        middle, axis = (box[0] + box[2]) / 2, (motto[0] + motto[2]) / 2
        column = 0.08 * width < box[0] and box[2] < motto[0]
        centred = abs(middle - axis) < 4 * high and box[1] > motto[3] + 1.5 * high
        if 1.2 * high < wide < 12 * high and 0.5 * high < tall < 2.7 * high and (column or centred):
            found.append(box)
    return found


def _pieces(box: Box, pixels: np.ndarray, high: float) -> list[np.ndarray]:
    """The ink of a line cut into pieces as long as a short word, for the line holds print and writing."""
    left, top, right, bottom = box
    step, pieces = 1.5 * high, []
    at = left
    while at < right - 0.5 * high:
        piece = (at, top, min(right, at + 2 * high), bottom)
        if marks(cut_out(pixels, piece, 0.0)).any():
            pieces.append(tight(pixels, piece))
        at += step
    return pieces or [cut_out(pixels, box, 0.0)]
