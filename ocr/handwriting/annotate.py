"""Marks the words of a page that are written by hand and reads the digits in its printed gaps."""

from __future__ import annotations

import math
import re
from functools import cache

import cv2
import numpy as np

from ocr.handwriting.digits import DigitReader, DigitString, to_grey
from ocr.handwriting.gaps import Gap, find_gaps, rows_of
from ocr.handwriting.ink import InkJudge
from schemas.page import Box, GapReading, PageReading, Word

_SWITCH = 0.12  # how often print and hand change places from one word to the next
_MANY = 12  # words behind labels from which on a page counts as a form
_FORM_ODDS = 4.0
_SIZES = {"ngay": (1, 2), "thang": (1, 2), "nam": (2, 4), "so": (1, 14), "ngay_thang_nam": (6, 10)}


@cache
def _reader() -> DigitReader:
    return DigitReader()


@cache
def _judge() -> InkJudge:
    return InkJudge()


def annotate(reading: PageReading, pixels: np.ndarray) -> PageReading:
    """`reading` with `Word.handwritten` filled for every word and a `GapReading` for each printed gap found.

    `pixels` is the upright, straightened picture of the page, uint8 (H, W) grey or (H, W, 3) RGB, in the read frame of
    the words and about 200 dpi, with its colours as scanned (seals and blue ink help). A gap that holds nothing has an
    empty text; one that holds print has `handwritten` low and the text as printed. Words that were there keep their
    order. Raises ValueError for a picture of another shape.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"need uint8 (H, W) or (H, W, 3), got {pixels.dtype} {pixels.shape}")
    words = reading.words
    odds = _judge().odds([_crop(pixels, box, 0.08 * (box[3] - box[1])) for box in _boxes_in_rows(words)])
    for index, word in enumerate(words):
        if not any(c.isalnum() for c in word.text):
            odds[index] = (
                min(odds[index], 0.0) - 1.0
            )  # a dash or a speck has no hand of its own; its neighbours tell
    hand = _smooth(words, odds)
    filled = _filled_in(words)
    form = len(filled) >= _MANY and bool(np.mean(hand[filled] > 0.5) > 0.5)
    if form:
        # a form filled in by hand: what follows its labels is written, though some of it may look like print
        odds[filled] += _FORM_ODDS
        hand = _smooth(words, odds)
    gaps = []
    for gap in find_gaps(words, pixels.shape[0]):
        if not _crop(pixels, gap.box, 0.0).size:
            continue  # labels printed over each other leave no room between them
        found = _read_gap(gap, pixels, _FORM_ODDS if form else 0.0)
        if gap.kind == "ngay_thang_nam" and (not found.text or found.handwritten < 0.5):
            continue  # printed dates of a form are the page recogniser's own
        gaps.append(found)
        for index in gap.inside:
            if found.text:
                hand[index] = found.handwritten
    marked = [
        w.model_copy(update={"handwritten": round(float(p), 4)}) for w, p in zip(words, hand, strict=True)
    ]
    return reading.model_copy(update={"words": marked, "gaps": gaps})


def _boxes_in_rows(words: list[Word]) -> list[Box]:
    """Boxes of the words, cut to their row: near rules of tables the boxes of an engine swell."""
    boxes = [w.box for w in words]
    for row in rows_of(words):
        tops, bottoms = [boxes[i][1] for i in row], [boxes[i][3] for i in row]
        top, bottom = float(np.median(tops)), float(np.median(bottoms))
        slack = 0.4 * (bottom - top)
        for i in row:
            left, above, right, below = boxes[i]
            cut = (left, max(above, top - slack), right, min(below, bottom + slack))
            if cut[3] - cut[1] > 0.5 * (bottom - top):
                boxes[i] = cut
    return boxes


def _crop(pixels: np.ndarray, box: Box, margin: float) -> np.ndarray:
    height, width = pixels.shape[:2]
    left, top = max(0, int(box[0] - margin)), max(0, int(box[1] - margin))
    return pixels[
        top : min(height, round(box[3] + margin) + 1), left : min(width, round(box[2] + margin) + 1)
    ]


def _filled_in(words: list[Word]) -> list[int]:
    """Numbers of the words that stand behind a label with a colon: up to the next wide gap, and on the row below."""
    out: list[int] = []
    inside = False
    for row in rows_of(words):
        labels = any(words[i].text.endswith(":") for i in row)
        inside = inside and not labels
        for place, index in enumerate(row):
            word = words[index]
            if place:
                last = words[row[place - 1]]
                if word.box[0] - last.box[2] > 2.5 * (last.box[3] - last.box[1]):
                    inside = False
                inside = inside or last.text.endswith(":")
            if word.text.endswith(":"):
                inside = False
            elif inside and any(c.isalnum() for c in word.text):
                out.append(index)
        inside = inside and labels
    return out


def _smooth(words: list[Word], odds: np.ndarray) -> np.ndarray:
    """Probability of handwriting of each word given its own look and its neighbours in the row (two-state chain)."""
    out = np.zeros(len(words))
    odds = np.clip(odds, -5.0, 5.0)  # no single look is surer than its neighbours together
    for row in rows_of(words):
        seen = np.stack([np.zeros(len(row)), odds[row]], axis=1)
        weights = np.exp(seen - seen.max(axis=1, keepdims=True))
        stay = []
        for a, b in zip(row, row[1:], strict=False):
            apart = words[b].box[0] - words[a].box[2] > 1.5 * (words[a].box[3] - words[a].box[1])
            # a label ends, or another column begins: the next word says nothing about the last one
            loose = apart or words[a].text.endswith(":")
            stay.append(0.5 if loose else 1 - _SWITCH)
        forward = weights.copy()
        backward = np.ones_like(weights)
        for k in range(1, len(row)):
            move = np.array([[stay[k - 1], 1 - stay[k - 1]], [1 - stay[k - 1], stay[k - 1]]])
            forward[k] *= move @ forward[k - 1]
            forward[k] /= forward[k].sum()
        for k in range(len(row) - 2, -1, -1):
            move = np.array([[stay[k], 1 - stay[k]], [1 - stay[k], stay[k]]])
            backward[k] = move @ (weights[k + 1] * backward[k + 1])
            backward[k] /= backward[k].sum()
        both = forward * backward
        out[row] = both[:, 1] / both.sum(axis=1)
    return out


# --- one gap ---------------------------------------------------------------------------------------------------------
def _read_gap(gap: Gap, pixels: np.ndarray, prior: float) -> GapReading:
    """Reads one gap; `prior` is added to the log odds that it was filled in by hand."""
    top, bottom = _ink_rows(gap.box, pixels)
    free = (gap.free[0], top, gap.free[1], bottom)
    if (
        free[2] - free[0] > 0.6 * (bottom - top)
        and not _marks(_without_slivers(_crop(pixels, free, 0.0))).any()
    ):
        return GapReading(kind=gap.kind, box=free, text="", confidence=0.95, handwritten=0.0)
    box = (gap.box[0], top, gap.box[2], bottom)
    crop = _crop(pixels, box, 0.0)
    found = _reader().read(_without_slivers(crop))
    text, confidence = _plausible(gap.kind, found)
    if not text:
        return _unread(gap, pixels)
    high = bottom - top
    left = box[0] + min(a for a, _ in found.spans) - 0.12 * high
    right = box[0] + max(b for _, b in found.spans) + 0.12 * high
    entry = (max(box[0], left), top, min(box[2], right), bottom)
    hand = _by_hand(gap, text, _tight(pixels, entry), prior)
    text, confidence = _agree(gap, text, confidence, hand)
    return GapReading(
        kind=gap.kind, box=entry, text=text, confidence=round(confidence, 4), handwritten=round(hand, 4)
    )


def _by_hand(gap: Gap, text: str, crop: np.ndarray, prior: float) -> float:
    """Probability that the entry is written by hand, from its look and from how the page's recogniser fared with it.

    A recogniser made for print reads print; where it failed or read something else, writing is likelier.
    """
    prior += 1.5 if not gap.printed else -1.0 * gap.printed_confidence if gap.printed == text else 0.5
    return 1 / (1 + math.exp(-(float(_judge().odds([crop])[0]) + prior)))


def _unread(gap: Gap, pixels: np.ndarray) -> GapReading:
    """A gap with ink in which the reader saw no digits; print may still be known from the page's recogniser."""
    hand = float(_judge().handwritten([_tight(pixels, gap.box)])[0])
    sure = 0.5 * gap.printed_confidence if gap.printed else 0.0
    return GapReading(
        kind=gap.kind, box=gap.box, text=gap.printed, confidence=sure, handwritten=round(hand, 4)
    )


def _plausible(kind: str, found: DigitString) -> tuple[str, float]:
    """The likeliest reading that can stand in a gap of this kind, and its confidence."""
    readings = [
        (found.text, found.confidence),
        *((t, share * found.confidence) for t, share in found.alternatives),
    ]
    low, high = _SIZES[kind]
    for raw, confidence in readings:
        if kind == "so":
            text = _number(raw)
        elif kind == "ngay_thang_nam":
            text = re.sub(r"[-.]", "/", raw.strip("/.-"))
        else:
            text = re.sub(r"\D", "", raw)
        if low <= len(text) <= high and _possible(kind, text):
            return text, confidence
    return "", 0.0


def _number(text: str) -> str:
    """`575/` -> `575`, `12/2019/` -> `12/2019`; a part behind a slash that is no year belongs to the code."""
    head, *tail = text.strip(".-").split("/")
    if tail and re.fullmatch(r"(19|20)\d\d", tail[0]):
        head = f"{head}/{tail[0]}"
    return head.strip("/.-")


def _possible(kind: str, text: str) -> bool:
    if kind == "ngay":
        return 1 <= int(text) <= 31
    if kind == "thang":
        return 1 <= int(text) <= 12
    if kind == "nam":
        return len(text) == 2 or re.fullmatch(r"(18|19|20)\d\d", text) is not None
    if kind == "ngay_thang_nam":
        return re.fullmatch(r"(0?[1-9]|[12]\d|3[01])/(0?[1-9]|1[0-2])/((18|19|20)\d\d)", text) is not None
    return True


def _agree(gap: Gap, text: str, confidence: float, hand: float) -> tuple[str, float]:
    """Two readers of one entry: agreement lifts the confidence; on print the page's recogniser may win."""
    other, sure = gap.printed, gap.printed_confidence
    if not other:
        return text, confidence
    if other == text:
        return text, min(0.995, 1 - (1 - confidence) * (1 - 0.8 * sure))
    if hand < 0.5 and (sure > (0.5 if hand < 0.1 else 1.0) * confidence or any(c.isalpha() for c in other)):
        # print is the page recogniser's own ground, and it knows letters
        return other, sure * (0.9 if any(c.isalpha() for c in other) else 1 - 0.5 * confidence)
    return text, confidence * (1 - 0.3 * sure)


# --- ink -------------------------------------------------------------------------------------------------------------
def _marks(crop: np.ndarray) -> np.ndarray:
    """Ink of a crop without rules, dot leaders and dust, bool (H, W)."""
    grey = to_grey(crop)
    if not grey.size:
        return np.zeros(grey.shape, bool)
    paper = float(np.percentile(grey, 85))
    ink = grey < paper - max(45.0, 0.4 * (paper - float(grey.min())))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    high = crop.shape[0]
    keep = np.zeros(count, bool)
    keep[1:] = stats[1:, cv2.CC_STAT_HEIGHT] > 0.22 * high
    return keep[labels]


def _without_slivers(crop: np.ndarray) -> np.ndarray:
    """Grey crop without the slivers of neighbouring letters at its left and right edge, which look like a 1."""
    grey = to_grey(crop).copy()
    if not grey.size:
        return grey
    paper = float(np.percentile(grey, 85))
    ink = (grey < paper - max(30.0, 0.25 * (paper - float(grey.min())))).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    for n in range(1, count):
        left, width = stats[n, cv2.CC_STAT_LEFT], stats[n, cv2.CC_STAT_WIDTH]
        if (left == 0 or left + width == grey.shape[1]) and width <= 0.12 * grey.shape[0]:
            grey[cv2.dilate((labels == n).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = int(paper)
    return grey


def _ink_rows(box: Box, pixels: np.ndarray) -> tuple[float, float]:
    """Top and bottom of a gap, widened to the strokes that reach out of the printed row but have their middle in it."""
    left, top, right, bottom = box
    reach = 0.45 * (bottom - top)
    window = _crop(pixels, (left, top - reach, right, bottom + reach), 0.0)
    if window.shape[0] < 4 or window.shape[1] < 4:
        return top, bottom
    start = max(0, int(top - reach))
    ink = _marks(window).astype(np.uint8)
    count, _, stats, centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    for n in range(1, count):
        y, height = start + stats[n, cv2.CC_STAT_TOP], stats[n, cv2.CC_STAT_HEIGHT]
        inside = min(y + height, bottom) - max(y, top)
        if inside > 0.6 * height and height < 1.6 * (bottom - top):
            top, bottom = min(top, y - 1.0), max(bottom, y + height + 1.0)
    return top, bottom


def _tight(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Crop of the ink in a box, as tight as the boxes of words are."""
    crop = _crop(pixels, box, 0.0)
    ink = _marks(crop)
    rows, cols = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) < 3 or len(cols) < 2:
        return crop
    margin = max(1, int(0.08 * (rows[-1] - rows[0])))
    return crop[
        max(0, rows[0] - margin) : rows[-1] + margin + 1, max(0, cols[0] - margin) : cols[-1] + margin + 1
    ]
