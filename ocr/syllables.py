"""Is a read word a word at all? Vietnamese syllables, abbreviations, numbers and punctuation against marks of pen and seal."""

from __future__ import annotations

import re
import unicodedata

from ocr.fields.syllables import KNOWN_FOREIGN, is_syllable

_CAPITALS = "A-ZĐĂÂÊÔƠƯÀÁẢÃẠẰẮẲẴẶẦẤẨẪẬÈÉẺẼẸỀẾỂỄỆÌÍỈĨỊÒÓỎÕỌỒỐỔỖỘỜỚỞỠỢÙÚỦŨỤỪỨỬỮỰỲÝỶỸỴ"
_ABBREVIATION = re.compile(f"^[{_CAPITALS}]+$")
_TOKEN = re.compile(rf"^[\W_]*(?:\d[\d.,:/\-]*|[{_CAPITALS}0-9&.\-/]{{2,}}|[a-zđ]\))[\W_]*$")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def without_marks(word: str) -> str:
    """Lower case letters without tone and vowel marks, đ as d."""
    parts = unicodedata.normalize("NFD", word.lower().replace("đ", "d"))
    return "".join(c for c in parts if not unicodedata.combining(c))


def is_plausible(word: str) -> bool:
    """True for what can stand in a Vietnamese paper: syllables (also joined), numbers, symbols such as 15/QĐ-UBND."""
    if _TOKEN.match(word):
        return True
    parts = [p for p in re.split(r"[-/.,()\"':;&]+", _EDGES.sub("", word)) if p]
    return bool(parts) and all(is_syllable(p) or p.lower() in KNOWN_FOREIGN or p.isdigit() or _ABBREVIATION.match(p) for p in parts)
