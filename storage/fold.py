"""Folding of Vietnamese text for search: case, tones and đ do not matter (DESIGN decision 10)."""

from __future__ import annotations

import re
import unicodedata

# Decomposition leaves these letters whole. Eth (Ð/ð, U+00D0/U+00F0) looks like Đ and comes from old
# keyboards.
_LETTERS = str.maketrans({"đ": "d", "ð": "d"})
_NOT_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """Text without case, tone marks and đ: `Hoà`, `Hòa` and `HOA` all become `hoa`."""
    lowered = unicodedata.normalize("NFC", text).casefold()
    decomposed = unicodedata.normalize("NFD", lowered)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def fold_words(text: str) -> str:
    """Folded words and numbers separated by single spaces: `12/2024/QĐ-UBND` becomes `12 2024 qd ubnd`."""
    return _NOT_WORD.sub(" ", fold(text)).strip()
