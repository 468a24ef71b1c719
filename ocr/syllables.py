"""Is a read word a word at all? Vietnamese syllables, abbreviations, numbers and punctuation against marks of pen and seal."""

from __future__ import annotations

import re
import unicodedata

from ocr.fields.syllables import KNOWN_FOREIGN, is_syllable

_TONES = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}
_TOKEN = re.compile(r"^[\W_]*(?:\d[\d.,:/\-]*|[A-ZĐÀ-Ỹ0-9&.\-/]{2,}|[IVXLC]+|[a-zđ]\))[\W_]*$")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def without_tone(word: str) -> str:
    """Lower case, tone mark taken off, vowel quality (ă â ê ô ơ ư đ) kept."""
    parts = unicodedata.normalize("NFD", word.lower())
    return unicodedata.normalize("NFC", "".join(c for c in parts if c not in _TONES))


def is_plausible(word: str) -> bool:
    """True for what can stand in a Vietnamese paper: syllables (also joined), numbers, symbols such as 15/QĐ-UBND."""
    if _TOKEN.match(word):
        return True
    parts = [p for p in re.split(r"[-/.,()\"':;&]+", _EDGES.sub("", word)) if p]
    return bool(parts) and all(is_syllable(p) or p.lower() in KNOWN_FOREIGN or p.isdigit() or p.isupper() for p in parts)
