"""Fonts of what is printed: Times-metric, with every Vietnamese letter."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError

from schemas.errors import MissingProgram

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
_FACES = ("LiberationSerif", "Tinos")
_LETTERS = "ắằẳẵặấầẩẫậếềểễệốồổỗộớờởỡợứừửữựỳỷỹỵđĐẮỆỐỢỰỸ"
"""Letters that fonts with half a Vietnamese alphabet lack; old Liberation 1.x draws boxes without an error."""


@cache
def serif_fonts() -> tuple[Path, Path]:
    """Files of the regular and the bold face. Raises MissingProgram."""
    for face in _FACES:
        found = [_find(f"{face}-{weight}.ttf") for weight in ("Regular", "Bold")]
        if all(found):
            return found[0], found[1]
    raise MissingProgram("a serif font with Vietnamese letters (Debian: fonts-liberation2 or fonts-croscore)")


@cache
def _letters() -> frozenset[int]:
    with TTFont(serif_fonts()[0], lazy=True) as font:
        return frozenset(font.getBestCmap())


def drawable(text: str) -> str:
    """The text with every letter the font lacks as [U+0000]: ugly, but neither lost nor an empty box."""
    return "".join(letter if ord(letter) in _letters() else f"[U+{ord(letter):04X}]" for letter in text)


def _find(name: str) -> Path | None:
    for folder in _FOLDERS:
        for path in sorted(Path(folder).expanduser().rglob(name)):
            if _has_letters(path):
                return path
    return None


def _has_letters(path: Path) -> bool:
    try:
        with TTFont(path, lazy=True) as font:
            known = font.getBestCmap() or {}
    except (OSError, TTLibError):
        return False
    return all(ord(letter) in known for letter in _LETTERS)
