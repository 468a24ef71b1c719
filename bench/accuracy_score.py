"""Measures of reading, by the project's own rules: works on any labelled set, needs nothing outside the repository."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

_QUOTES = str.maketrans("“”„‟«»‘’‚`´‐‑‒–—―−", '""""""' + "'''''" + "-------")
_LEADERS = re.compile(r"(?:[.…·_]\s?){3,}|…")
_USED = np.uint32(0)


def plain(text: str) -> str:
    """NFC in one line; kinds of quotes and dashes made one, dot leaders dropped: they are layout, not text."""
    return " ".join(_LEADERS.sub(" ", unicodedata.normalize("NFC", text).translate(_QUOTES)).split())


def text_errors(lines: Sequence[str], text: str, optional: Sequence[str] = ()) -> tuple[int, int]:
    """(wrong characters, characters of the truth), whatever the order in which lines were read.

    Every true line is laid over its best place in the text, the longest first. What is left of the text counts as
    inserted, and pairs up with lines that were not found. `optional` (seals, stamps, notes) costs nothing either way.
    """
    wanted = sorted(filter(None, map(plain, lines)), key=len, reverse=True)
    codes = _codes(plain(text)).copy()
    free = codes != ord(" ")
    errors = lost = 0
    for line in wanted:
        distance, start, end = best_place(_codes(line), codes)
        if end > start and distance <= max(1, len(line) // 2):
            errors += distance
            codes[start:end], free[start:end] = _USED, False
        else:
            lost += len(line)
    for line in sorted(filter(None, map(plain, optional)), key=len, reverse=True):
        distance, start, end = best_place(_codes(line), codes)
        if end > start and distance <= 0.45 * len(line):
            codes[start:end], free[start:end] = _USED, False
    return errors + max(lost, int(free.sum())), sum(map(len, wanted))


def best_place(pattern: np.ndarray, text: np.ndarray) -> tuple[int, int, int]:
    """(edit distance, start, end) of the stretch of `text` that is nearest to `pattern` (Sellers' algorithm)."""
    row = _distances(pattern, text, anchored=False)
    end = _first_lowest(row)
    back = _distances(pattern[::-1], text[:end][::-1], anchored=True)
    return int(row[end]), end - _first_lowest(back), end


def _first_lowest(row: np.ndarray) -> int:
    """The first lowest place, at the end of its run: a wrong last letter belongs to the stretch and is not left over."""
    place = int(row.argmin())
    while place + 1 < len(row) and row[place + 1] == row[place]:
        place += 1
    return place


def _distances(pattern: np.ndarray, text: np.ndarray, *, anchored: bool) -> np.ndarray:
    """Edit distance of the pattern to a stretch that ends before each position; anchored: and begins at 0."""
    places = np.arange(len(text) + 1)
    row = places.copy() if anchored else np.zeros(len(text) + 1, np.int64)
    for code in pattern:
        below = np.empty_like(row)
        below[0] = row[0] + 1
        below[1:] = np.minimum(row[1:] + 1, row[:-1] + (text != code))
        row = np.minimum.accumulate(below - places) + places  # insertions, all at once
    return row


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def split_counts(truth: dict, documents: Sequence[Sequence[int]]) -> tuple[int, int, int, int]:
    """(first pages found right, documents found, documents there, content pages lost) of one stack.

    Blank pages and separator sheets within a document are ignored: whoever keeps one has still cut in the right place.
    """
    content = {page["page"] for page in truth["pages"] if page["kind"] == "content"}
    found = [kept for pages in documents if (kept := [p for p in pages if p in content])]
    starts, true_starts = {min(p) for p in found}, {min(d["pages"]) for d in truth["documents"]}
    return len(starts & true_starts), len(found), len(true_starts), len(content.difference(*map(set, found)))
