"""Fonts that really have every Vietnamese letter.

Old Liberation 1.x and many free fonts have no ``ắ`` or ``ợ``: they draw boxes without any error. So each file is opened
with fontTools and its character map is checked before a single page is drawn.
"""

from __future__ import annotations

import itertools
import shutil
import subprocess
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTCollection, TTFont
from PIL import ImageFont

FONT_DIRS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/Library/Fonts",
)

PACKAGES = {
    "Liberation Serif": "fonts-liberation2",
    "Liberation Sans": "fonts-liberation2",
    "Liberation Mono": "fonts-liberation2",
    "Tinos": "fonts-croscore",
    "Arimo": "fonts-croscore",
    "Cousine": "fonts-croscore",
    "Noto Serif": "fonts-noto-core",
    "Noto Sans": "fonts-noto-core",
    "DejaVu Serif": "fonts-dejavu-core",
    "DejaVu Sans": "fonts-dejavu-core",
    "Carlito": "fonts-crosextra-carlito",
}
"""Family -> Debian package, of the families that pages are printed in."""

SERIF = ("Liberation Serif", "Tinos", "Noto Serif", "DejaVu Serif")
SANS = ("Liberation Sans", "Arimo", "Noto Sans", "Carlito")
MONO = ("Liberation Mono", "Cousine")


class FontMissing(RuntimeError):
    """A font is absent or lacks Vietnamese letters; the message names the Debian package to install."""


@cache
def vietnamese_letters() -> frozenset[str]:
    """Every precomposed Vietnamese letter, both cases (NFC), đ and the basic letters: 186 characters."""
    tones = ["", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323"]
    letters = set("abcdefghijklmnopqrstuvwxyzđ")
    for vowel, tone in itertools.product("aăâeêioôơuưy", tones):
        letters.add(unicodedata.normalize("NFC", vowel + tone))
    return frozenset(letters | {letter.upper() for letter in letters})


@cache
def missing_letters(path: str) -> frozenset[str]:
    """Vietnamese letters for which the font file at ``path`` has no glyph (empty: it can be used)."""
    if path.lower().endswith((".ttc", ".otc")):
        with TTCollection(path, lazy=True) as collection:
            known = set(collection.fonts[0].getBestCmap() or {})
    else:
        with TTFont(path, lazy=True) as font:
            known = set(font.getBestCmap() or {})
    return frozenset(letter for letter in vietnamese_letters() if ord(letter) not in known)


def require(path: str | Path, family: str = "") -> str:
    """The path as text, after checking the file. Raises FontMissing naming letters and package."""
    package = PACKAGES.get(family, "fonts-liberation2")
    advice = f"Install the Debian package {package} (apt-get install {package})."
    if not Path(path).is_file():
        raise FontMissing(f"Font {family or path} was not found. {advice}")
    lacking = missing_letters(str(path))
    if lacking:
        some = " ".join(sorted(lacking)[:8])
        raise FontMissing(
            f"Font {family or path} lacks {len(lacking)} Vietnamese letters ({some} ...). {advice}"
        )
    return str(path)


@dataclass(frozen=True)
class _Face:
    family: str
    style: str
    path: str


@cache
def _faces() -> tuple[_Face, ...]:
    """All installed outline fonts: asked of fontconfig, else read from the usual folders."""
    if shutil.which("fc-list"):
        out = subprocess.run(
            ["fc-list", "--format", "%{family[0]}\t%{style[0]}\t%{file}\n"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        rows = (line.split("\t") for line in out.splitlines() if line.count("\t") == 2)
        return tuple(sorted((_Face(*row) for row in rows), key=lambda face: (face.path, face.style)))
    found = []
    for folder in FONT_DIRS:
        for path in sorted(Path(folder).expanduser().rglob("*.[to]tf")):
            name = ImageFont.truetype(str(path), 12).getname()
            found.append(_Face(name[0] or "", name[1] or "", str(path)))
    return tuple(found)


_STYLES = {
    (False, False): ("Regular", "Book", "Roman"),
    (True, False): ("Bold",),
    (False, True): ("Italic", "Oblique"),
    (True, True): ("Bold Italic", "Bold Oblique"),
}


@cache
def font_path(family: str, bold: bool = False, italic: bool = False) -> str:
    """File of one face, checked for Vietnamese. Raises FontMissing."""
    for face in _faces():
        if face.family == family and face.style in _STYLES[bold, italic]:
            return require(face.path, family)
    raise FontMissing(
        f"Font {family} was not found. Install the Debian package {PACKAGES.get(family, 'fonts-liberation2')}."
    )


@cache
def available(families: tuple[str, ...], styles: int = 4) -> tuple[str, ...]:
    """Those of ``families`` installed in the first ``styles`` faces (regular, bold, italic, bold italic) with all letters.

    Raises FontMissing when none is left.
    """
    usable = []
    for family in families:
        try:
            for bold, italic in list(_STYLES)[:styles]:
                font_path(family, bold, italic)
        except FontMissing:
            continue
        usable.append(family)
    if not usable:
        font_path(families[0])
    return tuple(usable)


@cache
def load(path: str, size: int) -> ImageFont.FreeTypeFont:
    """A Pillow font; basic layout, since NFC text needs no shaping and it is the same on every machine."""
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def face(family: str, size: int, bold: bool = False, italic: bool = False) -> ImageFont.FreeTypeFont:
    """Font of ``family`` at ``size`` pixels. Raises FontMissing."""
    return load(font_path(family, bold, italic), size)
