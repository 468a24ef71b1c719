"""Folding of Vietnamese text for search: case, tones and đ do not matter (DESIGN decision 10)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Decomposition leaves these letters whole. Eth (Ð/ð, U+00D0/U+00F0) looks like Đ and comes from old
# keyboards.
_LETTERS = str.maketrans({"đ": "d", "ð": "d"})
_NOT_WORD = re.compile(r"[\W_]+")
_TONES = {"\u0300": "1", "\u0301": "2", "\u0309": "3", "\u0303": "4", "\u0323": "5"}


class _Folded(dict):
    """Letters folded so far. A page repeats some 200 of them, so looking one up is what folding costs."""

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFD", chr(code).casefold())
        bare = "".join(c for c in decomposed if not unicodedata.combining(c))
        folded = self[code] = unicodedata.normalize("NFC", bare).translate(_LETTERS)
        return folded


_FOLDED = _Folded()


def fold(text: str) -> str:
    """Text without case, tone marks and đ: `Hoà`, `Hòa` and `HOA` all become `hoa`."""
    return unicodedata.normalize("NFC", text).translate(_FOLDED)


def fold_words(text: str) -> str:
    """Folded words and numbers separated by single spaces: `12/2024/QĐ-UBND` becomes `12 2024 qd ubnd`."""
    return _NOT_WORD.sub(" ", fold(text)).strip()


@lru_cache(maxsize=100_000)
def accented(word: str) -> str:
    """A word as it is spelled, whatever its case and wherever its tone mark stands: `Hoà` and `hòa` become `hoa1`,
    `NGUYỄN` becomes `nguyên4`. A word without marks is its own."""
    tones, letters = "", []
    for c in unicodedata.normalize("NFD", word.casefold()):
        if c in _TONES:
            tones += _TONES[c]
        else:
            letters.append("đ" if c == "ð" else c)
    return unicodedata.normalize("NFC", "".join(letters)) + tones
