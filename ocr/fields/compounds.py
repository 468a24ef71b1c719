"""Common words of two syllables: what was read with their letters but other accents is one of them misread.

The list (`ocr/compounds.txt`) is short on purpose: only words that every office writes, so that a name or a rare word is
never drawn towards them unless it has exactly their letters.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from ocr.normalise import key, new_tones, nfc, repair_phrases

DATA = Path(__file__).parent.parent / "compounds.txt"
_CORE = re.compile(r"^(\W*)(.*?)(\W*)$")


@cache
def _known() -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    """Writings by the letters of the two syllables."""
    known: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for line in DATA.read_text("utf-8").splitlines():
        for entry in line.split(",") if not line.startswith("#") else ():
            a, b = new_tones(entry).split()
            known.setdefault((key(a), key(b)), set()).add((a, b))
    return {letters: frozenset(writings) for letters, writings in known.items()}


def within_compounds(text: str) -> set[int]:
    """Places (in `text.split()`) of the syllables that stand in a known word, as it is written."""
    words = [_CORE.match(w) for w in nfc(text).split()]
    found: set[int] = set()
    for at, (a, b) in enumerate(zip(words, words[1:], strict=False)):
        pair = new_tones(a.group(2)), new_tones(b.group(2))
        if not a.group(3) and not b.group(1) and pair in _known().get((key(pair[0]), key(pair[1])), ()):
            found |= {at, at + 1}
    return found


def repaired(text: str) -> tuple[str, float]:
    """`repair_phrases`, and known words whose accents were misread (`tôn đọng` → `tồn đọng`), with certainty below 1 when
    something changed. One syllable must differ and the other be right; what belongs to a word read rightly stays."""
    text, certainty = repair_phrases(text)
    words = text.split()
    right = within_compounds(text)
    for at in range(len(words) - 1):
        a, b = _CORE.match(words[at]), _CORE.match(words[at + 1])
        if a.group(3) or b.group(1):
            continue
        known = _known().get((key(a.group(2)), key(b.group(2))), ())
        if len(known) != 1 or not a.group(2).isalpha() or not b.group(2).isalpha():
            continue
        [(first, second)] = known
        same = new_tones(a.group(2)) == first, new_tones(b.group(2)) == second
        if not any(same) or all(same) or (at in right and not same[0]) or (at + 1 in right and not same[1]):
            continue  # both syllables otherwise (`báo về`, not `bảo vệ`): two words that only have the letters
        capitals = [p[:1].isupper() for p in (a.group(2), b.group(2))]
        if all(capitals) or b.group(2)[:1].isupper() or a.group(2).isupper():
            continue  # a name
        words[at] = f"{a.group(1)}{first.capitalize() if capitals[0] else first}"
        words[at + 1] = f"{second}{b.group(3)}"
        right |= {at, at + 1}
        certainty = min(certainty, 0.9)
    return " ".join(words), certainty
