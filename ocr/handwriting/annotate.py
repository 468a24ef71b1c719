"""Marks the words of a page that are written by hand and reads the digits in its printed gaps."""

from __future__ import annotations

import math
import re
import statistics
from functools import cache

import numpy as np

from ocr.handwriting.digits import DigitReader, DigitString
from ocr.handwriting.entries import unread_entries
from ocr.handwriting.gaps import Gap, find_gaps, rows_of
from ocr.handwriting.ink import InkJudge
from ocr.handwriting.strokes import blueness, cut_out, ink_rows, marks, tight, without_slivers
from ocr.handwriting.unread_number import unread_number
from ocr.handwriting.written_out import write_out
from schemas.page import Box, GapReading, PageReading, Word

_SWITCH = 0.12  # how often print and hand change places from one word to the next
_MANY = 12  # words behind labels from which on a page counts as a form
_FORM_ODDS = 4.0
_PEN_ODDS = 3.0  # for ink that is bluer than the print beside it
_LEADER = re.compile(r"[\s.…·,:;'’_–—-]*")
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
    empty text; one that holds print has `handwritten` low and the text as printed. What was read in a number or date
    written by hand takes the place of the words that the page's recogniser made of it; all others stay, in their order.
    Raises ValueError for a picture of another shape.
    """
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        raise ValueError(f"need uint8 (H, W) or (H, W, 3), got {pixels.dtype} {pixels.shape}")
    words = reading.words
    rows = rows_of(words)
    odds = _judge().odds([cut_out(pixels, box, 0.08 * (box[3] - box[1])) for box in _boxes_in_rows(words, rows)])
    for index, word in enumerate(words):
        if not any(c.isalnum() for c in word.text):
            odds[index] = (
                min(odds[index], 0.0) - 1.0
            )  # a dash or a speck has no hand of its own; its neighbours tell
    hand = _smooth(words, rows, odds)
    filled = _filled_in(words, rows)
    form = len(filled) >= _MANY and bool(np.mean(hand[filled] > 0.5) > 0.5)
    if form:
        # a form filled in by hand: what follows its labels is written, though some of it may look like print
        odds[filled] += _FORM_ODDS
        hand = _smooth(words, rows, odds)
    gaps: list[tuple[Gap, GapReading]] = []
    for group in _grouped(find_gaps(words, pixels.shape[0], rows)):
        read = [(gap, _read_gap(gap, pixels, _FORM_ODDS if form else 0.0)) for gap in group]
        by_hand = any(found.text and found.handwritten >= 0.5 for _, found in read)
        if not by_hand and (group[0].kind == "ngay_thang_nam" or any(g.kind == group[0].kind for g, _ in gaps)):
            continue  # printed dates in the rows of a form are the page recogniser's own
        gaps += read
        for gap, found in read:
            for index in gap.inside:
                if found.text:
                    hand[index] = found.handwritten
    marked = [
        w.model_copy(update={"handwritten": round(float(p), 4)}) for w, p in zip(words, hand, strict=True)
    ]
    entries = unread_entries(words, rows, pixels, _judge(), form)
    if not any(gap.kind == "so" for gap, _ in gaps) and (number := unread_number(words, pixels, _judge())):
        entries.append(number)
    return reading.model_copy(
        update={"words": write_out(marked, gaps), "gaps": [*(found for _, found in gaps), *entries]}
    )


def _boxes_in_rows(words: list[Word], rows: list[list[int]]) -> list[Box]:
    """Boxes of the words, cut to their row: near rules of tables the boxes of an engine swell."""
    boxes = [w.box for w in words]
    for row in rows:
        top = statistics.median(boxes[i][1] for i in row)
        bottom = statistics.median(boxes[i][3] for i in row)
        slack = 0.4 * (bottom - top)
        for i in row:
            left, above, right, below = boxes[i]
            cut = (left, max(above, top - slack), right, min(below, bottom + slack))
            if cut[3] - cut[1] > 0.5 * (bottom - top):
                boxes[i] = cut
    return boxes


def _filled_in(words: list[Word], rows: list[list[int]]) -> list[int]:
    """Numbers of the words that stand behind a label with a colon: up to the next wide gap, and on the row below."""
    out: list[int] = []
    inside = False
    for row in rows:
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
            elif inside and not _LEADER.fullmatch(word.text):
                out.append(index)
        inside = inside and labels
    return out


def _smooth(words: list[Word], rows: list[list[int]], odds: np.ndarray) -> np.ndarray:
    """Probability of handwriting of each word given its own look and its neighbours in the row (two-state chain)."""
    out = np.zeros(len(words))
    odds = np.clip(odds, -5.0, 5.0)  # no single look is surer than its neighbours together
    for row in rows:
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


def _grouped(gaps: list[Gap]) -> list[list[Gap]]:
    """Gaps that are read together: day, month and year of one date, any other by itself. Where labels printed over each
    other leave no room between them nothing is read."""
    groups: list[list[Gap]] = []
    for gap in gaps:
        if gap.kind in ("thang", "nam"):
            groups[-1].append(gap)
        else:
            groups.append([gap])
    return [group for group in groups if all(g.box[2] - g.box[0] >= 2 and g.box[3] - g.box[1] >= 2 for g in group)]


# --- one gap ---------------------------------------------------------------------------------------------------------
def _read_gap(gap: Gap, pixels: np.ndarray, prior: float) -> GapReading:
    """Reads one gap; `prior` is added to the log odds that it was filled in by hand."""
    top, bottom = ink_rows(gap.box, pixels)
    free = (gap.free[0], top, gap.free[1], bottom)
    if (
        not gap.printed
        and free[2] - free[0] > 0.6 * (bottom - top)
        and not marks(without_slivers(cut_out(pixels, free, 0.0))).any()
    ):
        return GapReading(kind=gap.kind, box=free, text="", confidence=0.95, handwritten=0.0)
    box = (gap.box[0], top, gap.box[2], bottom)
    crop = cut_out(pixels, box, 0.0)
    found = _reader().read(without_slivers(crop))
    text, confidence = _plausible(gap.kind, found)
    if not text:
        return _unread(gap, pixels)
    high = bottom - top
    left = box[0] + min(a for a, _ in found.spans) - 0.12 * high
    right = box[0] + max(b for _, b in found.spans) + 0.12 * high
    entry = (max(box[0], left), top, min(box[2], right), bottom)
    if pixels.ndim == 3 and blueness(pixels, entry) - blueness(pixels, (box[0] - 2 * high, top, box[0], bottom)) > 10:
        prior += _PEN_ODDS
    hand = _by_hand(gap, text, confidence, tight(pixels, entry), prior)
    text, confidence = _agree(gap, text, confidence, hand)
    return GapReading(
        kind=gap.kind, box=entry, text=text, confidence=round(confidence, 4), handwritten=round(hand, 4)
    )


def _by_hand(gap: Gap, text: str, confidence: float, crop: np.ndarray, prior: float) -> float:
    """Probability that the entry is written by hand, from its look and from how the page's recogniser fared with it.

    A recogniser made for print reads print; where it failed, or read something else of which it is less sure than the
    reader of digits, writing is likelier.
    """
    if not gap.printed:
        prior += 2.5
    elif gap.printed == text:
        prior -= gap.printed_confidence
    else:
        prior += 0.8 + 1.5 * max(0.0, confidence - gap.printed_confidence)
    return 1 / (1 + math.exp(-(float(_judge().odds([crop])[0]) + prior)))


def _unread(gap: Gap, pixels: np.ndarray) -> GapReading:
    """A gap with ink in which the reader saw no digits; print may still be known from the page's recogniser."""
    hand = float(_judge().handwritten([tight(pixels, gap.box)])[0])
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
