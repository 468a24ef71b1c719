"""Pieces of a record that show why it was found: plain text with the places of the words, safe to put anywhere once it is
escaped."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from storage.fold import fold
from storage.search.query import Snippet

LENGTH = 160
"""Characters of a piece of running text."""
SNIPPETS = 3
MARKS = 20
LOOKED_AT = 20_000
"""Characters of the text of one record that are searched for words to show."""


class _Letters(dict):
    """One letter for one letter, so that places in the folded text are places in the text."""

    def __missing__(self, code: int) -> str:
        folded = fold(chr(code))
        self[code] = letter = folded if len(folded) == 1 else chr(code)
        return letter


_LETTERS = _Letters()


def marked(
    text: str, values: Mapping[str, str | None], words: Sequence[str], beginnings: Sequence[str] = ()
) -> tuple[Snippet, ...]:
    """Fields that hold one of the words, those with most of them first, then the text around them."""
    sought = _sought(words, beginnings)
    if sought is None:
        return ()
    found = []
    for name, value in values.items():
        if value and (marks := _marks(sought, whole := _nfc(value))):
            found.append(_cut(name, whole, marks))
    found.sort(key=lambda snippet: -len(snippet.marks))
    text = _nfc(text)
    if marks := _marks(sought, text):
        found = [*found[: SNIPPETS - 1], _cut("text", text, _densest(marks))]
    return tuple(found[:SNIPPETS])


def _sought(words: Sequence[str], beginnings: Sequence[str]) -> re.Pattern | None:
    plain = sorted({w.removeprefix("#id:") for w in [*words, *beginnings]} - {""}, key=len, reverse=True)
    if not plain:
        return None
    # Numbers of up to four digits are found with leading zeros as well (`storage.search.terms`).
    alternatives = "|".join(f"0*{w}" if w.isdigit() and len(w) <= 4 else re.escape(w) for w in plain)
    return re.compile(rf"(?<![^\W_])(?:{alternatives})(?![^\W_])")


def _marks(sought: re.Pattern, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in sought.finditer(text.translate(_LETTERS))]


def _densest(marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The marks that fit into one piece, where there are most of them."""
    best: Sequence[tuple[int, int]] = ()
    last = 0
    for first, (start, _) in enumerate(marks):
        while last < len(marks) and marks[last][1] - start <= LENGTH:
            last += 1
        if last - first > len(best):
            best = marks[first:last]
    return list(best or marks[:1])


def _cut(name: str, text: str, marks: Sequence[tuple[int, int]]) -> Snippet:
    """A piece around the marks, between words, in one line."""
    if len(text) <= LENGTH:
        start, end = 0, len(text)
    else:
        room = max(0, LENGTH - (marks[-1][1] - marks[0][0])) // 2
        start, end = max(0, marks[0][0] - room), min(len(text), marks[0][0] - room + LENGTH)
        end = max(end, marks[0][1])
        start = start if start == 0 else text.find(" ", start, marks[0][0]) + 1 or marks[0][0]
        end = end if end == len(text) else max(text.rfind(" ", marks[0][1], end), marks[0][1])
    inside = [(a - start, b - start) for a, b in marks if a >= start and b <= end][:MARKS]
    return Snippet(name, re.sub(r"\s", " ", text[start:end]), tuple(inside))


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
