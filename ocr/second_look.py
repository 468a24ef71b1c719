"""Reads again what a seal, a stamp or a signature made doubtful, in a picture that holds only the darkest ink.

Print is darker than seals, stamps and pens, in colour and in grey scans alike: of the three channels the brightest is
taken, and what is not nearly black becomes paper. Faint print would be lost with it, so only doubtful places are read
this way and a line replaces another only when the engine is surer of it.
"""

from __future__ import annotations

import re
import unicodedata

import cv2
import numpy as np

from ocr import cleanup
from ocr.engines import Engine
from ocr.syllables import is_plausible, without_marks
from schemas.page import Box, Word

DOUBTFUL = 0.55
_SPECKS = frozenset("ˆ˜¨´`~^¬")  # specks of dust; no word is made of these alone
_NUMBER_LABEL = re.compile(r"(?i)s[ốóòôỗồ](?:[:.;]|$)")
_NUMBER = re.compile(r"S[ốóòôỗồ]\s?[:.;]|[/⁄][A-ZĐ]{2}")
"""The label or the code of a number and symbol (`Số: 15/QĐ-UBND`)."""
_COARSE = 8  # pixels of the page in one of the map of unread ink
_TITLE = re.compile(r"^(chu|tich|giam|doc|truong|phong|chanh|hieu|vien|tm|kt|tl|tuq|phap|pho)$")
"""Words of the titles of who signs, without accents: a signature or a seal lies under such a line."""


def dark_ink(pixels: np.ndarray) -> np.ndarray:
    """Grey uint8 (H, W) in which only ink near black is left of `pixels` (RGB or grey)."""
    brightest = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    flat = cleanup.stretch(cleanup.flatten_paper(np.ascontiguousarray(brightest)))
    table = np.clip((np.arange(256) - 20.0) * (255 / 110), 0, 255).astype(np.uint8)
    return cv2.LUT(flat, table)


def look_again(pixels: np.ndarray, words: list[Word], dpi: int, engine: Engine) -> list[Word]:
    """`words` with doubtful lines replaced where the dark ink alone reads better; order and numbering kept sensible.

    `pixels` in the read frame of the words.
    """
    regions = doubtful_regions(words, pixels.shape, dpi)
    dark = _dark(pixels)
    unread = unread_regions(words, dark, dpi)
    for region in dict.fromkeys([*regions, *unread]):
        left, top, right, bottom = region
        picture = dark_ink(pixels[top:bottom, left:right])
        words = _merge(words, _read_at(engine, picture, dpi, "page", left, top))
        if region in unread and not _signer_read(words, region):
            # row by row the engine reads through strokes that it takes for a picture otherwise; a name of which only a
            # part is sure is still a proposal
            words = _merge(words, _read_at(engine, picture, dpi, "block", left, top), 0.3)
    return _with_unread_lines(pixels, without_noise(words), dark, dpi, engine)


def _read_at(engine: Engine, picture: np.ndarray, dpi: int, layout: str, left: int, top: int) -> list[Word]:
    """Words of a picture that was cut out of the page at (left, top)."""
    found = engine.read(picture, dpi, layout=layout)
    return [w.model_copy(update={"box": (w.box[0] + left, w.box[1] + top, w.box[2] + left, w.box[3] + top)}) for w in found]


def doubtful_regions(words: list[Word], shape: tuple[int, ...], dpi: int, most: int = 3) -> list[tuple[int, int, int, int]]:
    """Pixel boxes worth a second look: round groups of doubtful words, and under the title of who signs."""
    height, width = shape[:2]
    scale = 8
    mask = np.zeros((height // scale + 1, width // scale + 1), np.uint8)

    def paint(left: float, top: float, right: float, bottom: float) -> None:
        x1, y1 = max(0, int(left / scale)), max(0, int(top / scale))
        mask[y1 : max(0, int(bottom / scale)) + 1, x1 : max(0, int(right / scale)) + 1] = 1

    trust = _line_trust(words)
    for word in words:
        left, top, right, bottom = word.box
        # One odd word in a good line is no seal; entries by hand in the heading are read by ocr.handwriting.
        if word.confidence < DOUBTFUL and bottom - top < dpi and trust[word.line] < 0.8 and top > 0.25 * height:
            paint(left - 0.6 * dpi, top - 0.25 * dpi, right + 0.6 * dpi, bottom + 0.25 * dpi)
        if top > 0.3 * height and left > 0.4 * width and _is_title(word.text):
            paint(left - 0.9 * dpi, top - 0.2 * dpi, right + 0.9 * dpi, bottom + 1.9 * dpi)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    order = sorted(range(1, count), key=lambda i: -stats[i, cv2.CC_STAT_AREA])[:most]
    regions = []
    for i in order:
        x, y, w, h = (int(v) * scale for v in stats[i, :4])
        regions.append((x, y, min(width, x + w), min(height, y + h)))
    return regions


def _dark(pixels: np.ndarray) -> np.ndarray:
    """Coarse map of dark ink, uint8 0/1, one cell for eight pixels each way."""
    height, width = pixels.shape[:2]
    small = cv2.resize(pixels, (width // _COARSE, height // _COARSE), interpolation=cv2.INTER_AREA)
    grey = small if small.ndim == 2 else small.max(axis=2)
    return (grey < float(np.percentile(grey, 80)) - 40).astype(np.uint8)


def _unread_ink(words: list[Word], dark: np.ndarray, dpi: int) -> np.ndarray:
    """The dark ink that no word covers."""
    ink = dark.copy()
    margin = max(1, round(0.03 * dpi / _COARSE))
    for word in words:
        left, top, right, bottom = (int(v / _COARSE) for v in word.box)
        ink[max(0, top - margin) : bottom + margin + 1, max(0, left - margin) : right + margin + 1] = 0
    return ink


def _with_unread_lines(
    pixels: np.ndarray, words: list[Word], dark: np.ndarray, dpi: int, engine: Engine, most: int = 4
) -> list[Word]:
    """`words` with short lines in the upper half of the page that the engine passed over: a title between rules, the date
    line, or the line of the number, under the agency or under the title of a certificate, whose number is by hand."""
    height, width = pixels.shape[:2]
    numbered = any(_NUMBER.match(w.text) for w in words if w.box[3] < 0.4 * height)
    first = 0.3 if numbered else 0.12  # under the agency nothing but the number is worth the reading
    ink = _unread_ink(words, dark, dpi)
    row = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, round(0.3 * dpi / _COARSE)), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(row, connectivity=8)
    places = []
    for x, y, w, h, _ in stats[1:count].tolist():
        left, top, right, bottom = x * _COARSE, y * _COARSE, (x + w) * _COARSE, (y + h) * _COARSE
        line = 0.06 * dpi < bottom - top < 0.4 * dpi and 0.18 * dpi < right - left < 4.2 * dpi
        if line and 0.05 * height < top < 0.45 * height and first * width < (left + right) / 2 < 0.8 * width:
            places.append((left, top, right, bottom))
    margin = round(0.08 * dpi)
    for left, top, right, bottom in sorted(places, key=lambda p: p[0] - p[2])[:most]:
        left, top = max(0, left - 2 * margin), max(0, top - margin)
        picture = dark_ink(pixels[top : bottom + margin, left : right + 2 * margin])
        found = _read_at(engine, picture, dpi, "line", left, top)
        found = [w for w in found if not any(_overlap(w.box, other.box) > 0.3 for other in words)]
        sure = [w for w in found if w.confidence >= 0.6 and is_plausible(w.text)]
        if found and _NUMBER_LABEL.match(found[0].text):
            # what is written behind the label is read by ocr.handwriting, up to the code
            found = [found[0], *(w for w in found[1:] if _NUMBER.search(w.text))]
        elif _letters(sure) < max(4, 0.7 * _letters(found)):
            continue
        number = max((word.line for word in words), default=-1) + 1
        fresh = [w.model_copy(update={"line": number, "block": 2000 + number}) for w in found if w.confidence > 0.3]
        if fresh:
            place = _place(words, fresh[0])
            words = [*words[:place], *fresh, *words[place:]]
    return words


def unread_regions(words: list[Word], dark: np.ndarray, dpi: int, most: int = 2) -> list[tuple[int, int, int, int]]:
    """Pixel boxes around a lot of dark ink without a word, right of the middle: the engine takes a grey seal for a picture
    and passes over the title and the name printed under it."""
    ink = _unread_ink(words, dark, dpi)
    size = ink.shape[::-1]
    width, height = (v * _COARSE for v in size)
    if any(word.box[3] < 0.25 * height for word in words):
        ink[: int(0.25 * size[1])] = 0  # a heading and the stamps beside it; a last page may begin with who signs
    near = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    least, largest = 0.45 * dpi / _COARSE, 2.6 * dpi / _COARSE
    found = []
    for x, y, w, h, area in stats[1:count]:
        if least < w < largest and least < h < largest and area > 0.2 * w * h and x + w / 2 > 0.4 * size[0]:
            found.append((area, x, y, w, h))
    regions = []
    for _, x, y, w, h in sorted(found, reverse=True)[:most]:
        left, top, right, bottom = x * _COARSE - 0.8 * dpi, y * _COARSE - 0.35 * dpi, (x + w) * _COARSE + dpi, (y + h) * _COARSE + 0.35 * dpi
        region = (max(0, int(left)), max(0, int(top)), min(width, int(right)), min(height, int(bottom)))
        if not _signer_read(words, region):
            regions.append(region)
    return regions


def _signer_read(words: list[Word], region: tuple[int, int, int, int]) -> bool:
    """Nothing to be gained: a title was read in the upper half of the region and a name in the lower one."""
    left, top, right, bottom = region
    middle = (top + bottom) / 2
    inside = [
        w
        for w in words
        if w.confidence > 0.75 and w.text[:1].isupper() and left < (w.box[0] + w.box[2]) / 2 < right and top < w.box[3] and w.box[1] < bottom
    ]
    titled = any(w.box[3] < middle and _is_title(w.text) for w in inside)
    return titled and sum(w.box[1] > middle and not w.text.isupper() and is_plausible(w.text) for w in inside) >= 2


def _is_title(text: str) -> bool:
    letters = "".join(c for c in without_marks(text) if c.isalpha())
    return text.isupper() and bool(_TITLE.match(letters))


def _line_trust(words: list[Word]) -> dict[int, float]:
    lines: dict[int, list[Word]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    return {number: _trust(line) for number, line in lines.items()}


def _merge(old: list[Word], new: list[Word], least: float = 0.6) -> list[Word]:
    """Lines of `new` that are surer than what they cover take its place; the rest of `new` is dropped, and lines of which
    less than a share of `least` was read surely."""
    lines: dict[int, list[Word]] = {}
    for word in new:
        lines.setdefault(word.line, []).append(word)
    next_line = max((w.line for w in old), default=-1) + 1
    result = list(old)
    for line in lines.values():
        # A word cut by the edge of the region must not replace a whole one.
        sure = [w for w in line if w.confidence >= 0.6 and is_plausible(w.text)]
        if not sure or sum(len(w.text) for w in sure) < least * sum(len(w.text) for w in line):
            continue
        fresh = [w for w in line if w.confidence > 0.3]
        if least < 0.5:
            fresh = [w for w in line if len(w.text) > 1 and w.text.isalpha() and (w.confidence > 0.3 or is_plausible(w.text))]
        covered = [w for w in result if any(_overlap(w.box, f.box) > 0.3 for f in fresh)]
        gain = 0.03 if _letters(sure) < 1.15 * _letters(covered) else -0.02  # `V hanh Sương` was sure of what is left
        if covered and _trust(covered) >= _trust(sure) - gain:
            continue
        if not _keeps_all(result, covered, sure) or _loses_marks(covered, fresh):
            continue
        if covered:
            place = result.index(covered[0])
            number, block = covered[0].line, covered[0].block
        else:
            place, number, block = _place(result, sure[0]), next_line, line[0].block + 1000
            next_line += 1
        gone = {id(w) for w in covered}
        fresh = [w.model_copy(update={"line": number, "block": block}) for w in fresh]
        result = [w for w in result[:place] if id(w) not in gone] + fresh + [w for w in result[place:] if id(w) not in gone]
    return result


def _keeps_all(words: list[Word], covered: list[Word], sure: list[Word]) -> bool:
    """False when a real word, or the end of one, would vanish: the new line must hold as much as the old one."""
    left, right = min(s.box[0] for s in sure), max(s.box[2] for s in sure)
    lines, gone = {w.line for w in covered}, {id(w) for w in covered}
    if any(w.line in lines and id(w) not in gone and left < (w.box[0] + w.box[2]) / 2 < right for w in words):
        return False  # old and new words would stand in turn
    if _letters(sure) < _letters([w for w in covered if w.confidence > 0.5 and is_plausible(w.text)]):
        return False
    return not any(
        word.confidence > 0.8 and is_plausible(word.text) and max(_overlap(word.box, s.box) for s in sure) < 0.6
        for word in covered
    )


def _loses_marks(old: list[Word], new: list[Word]) -> bool:
    """The same letters with fewer accents: the thin marks go first when faint ink is taken away."""
    before, after = ("".join(sorted(unicodedata.normalize("NFD", "".join(w.text for w in words)))) for words in (old, new))
    plain = [[c for c in text if c.isalnum()] for text in (before, after)]
    return plain[0] == plain[1] and len(before) > len(after)


def _letters(words: list[Word]) -> int:
    return sum(c.isalnum() for w in words for c in w.text)


def _place(words: list[Word], word: Word) -> int:
    """Where a new line goes: behind the last word that stands above it in the same half of the page."""
    best = 0
    for index, other in enumerate(words):
        if other.box[3] <= word.box[1] + 4:
            best = index + 1
    return best


def _trust(words: list[Word]) -> float:
    """Mean confidence by length; what is not a word counts half."""
    weight = sum(len(w.text) for w in words)
    return sum(w.confidence * len(w.text) * (1.0 if is_plausible(w.text) else 0.5) for w in words) / max(1, weight)


def _overlap(a: Box, b: Box) -> float:
    """Shared area over the smaller box."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / max(1.0, min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])))


def without_noise(words: list[Word]) -> list[Word]:
    """Drops what the engine made of pen strokes and seal rings: doubtful non-words in lines that hold no sure word."""
    lines: dict[int, list[Word]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    noise: set[int] = set()
    for line in lines.values():
        if any(w.confidence > 0.8 and len(w.text) > 1 and is_plausible(w.text) for w in line):
            continue
        doubtful = [w for w in line if w.confidence < DOUBTFUL and not (is_plausible(w.text) and len(w.text) > 1)]
        if sum(len(w.text) for w in doubtful) >= 0.5 * sum(len(w.text) for w in line):
            noise.update(id(w) for w in doubtful)
    return [w for w in words if id(w) not in noise and not set(w.text) <= _SPECKS]
