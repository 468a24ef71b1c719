"""The font that is seen: a Times-metric OpenType font with every Vietnamese letter, embedded.

One subset for all texts, made once a process: cutting a font to each signature's letters costs more time than everything
else a signature does. It is put into the file when the signature fields are made, and every signature uses it from there.
Precomposed (NFC) Vietnamese needs no shaping, so letters map to glyphs one to one.
"""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
import zlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont, TTLibError
from fontTools.ttLib.reorderGlyphs import reorderGlyphs
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from schemas.errors import MissingProgram
from signing.appearance_page import entry

_BASE = "aăâeêioôơuưyAĂÂEÊIOÔƠUƯY"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
LETTERS = "".join(
    sorted(
        {unicodedata.normalize("NFC", letter + tone) for letter in _BASE for tone in _TONES}
        | {chr(code) for code in range(0x20, 0x7F)}
        | set("đĐ–—‘’“”„…°№©§«»·•×÷½²³")
    )
)
"""What a text may hold; anything else is shown as a question mark."""
_USUAL_WIDTH = 500
"""Thousandths: digits and most small letters of a Times-metric font."""

_FACES = ("LiberationSerif-Regular.ttf", "Tinos-Regular.ttf")
_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")


@dataclass(frozen=True)
class Face:
    """A subset font, ready to be embedded."""

    name: str
    """PostScript name with a subset tag."""
    data: bytes
    """Font file, deflated."""
    length: int
    """Of the font file before deflation."""
    glyphs: dict[str, int]
    widths: dict[str, float]
    """Thousandths of the font size."""
    ascent: float
    descent: float
    cap_height: float
    box: tuple[float, float, float, float]
    italic_angle: float

    @property
    def resource(self) -> str:
        """Name under which the file keeps it; equal names mean equal glyph numbers."""
        return "/Sohoa" + hashlib.sha256(self.data).hexdigest()[:12]

    def width(self, text: str, size: float) -> float:
        """Points."""
        return sum(self.widths[letter] for letter in self.known(text)) * size / 1000

    def known(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        return "".join(letter if letter in self.glyphs else "?" for letter in text)

    def shown(self, text: str) -> bytes:
        """Operand of Tj."""
        return b"<" + b"".join(b"%04X" % self.glyphs[letter] for letter in self.known(text)) + b">"


@lru_cache(maxsize=4)
def face(path: str = "") -> Face:
    """The font at `path`, or the first Times-metric one on this machine that has every Vietnamese letter.

    Raises MissingProgram when there is none (Liberation 1.x has no Vietnamese letters).
    """
    tried = []
    for candidate in [Path(path)] if path else _candidates():
        font = _opened(candidate)
        if font is None or _vietnamese() - {chr(code) for code in font.getBestCmap()}:
            tried.append(candidate.name)
            continue
        return _subset(font)
    raise MissingProgram(
        f"no Times-metric font with every Vietnamese letter; looked at: {', '.join(tried) or 'none'}"
    )


def _vietnamese() -> set[str]:
    return {
        letter for letter in LETTERS if ord(letter) > 0x7F and unicodedata.category(letter).startswith("L")
    }


def _candidates() -> list[Path]:
    found = []
    for folder in _FOLDERS:
        for where, _, names in os.walk(Path(folder).expanduser()):
            found += [Path(where) / name for name in names if name in _FACES]
    return sorted(
        found, key=lambda path: (_FACES.index(path.name), "liberation2" not in str(path), str(path))
    )


def _opened(path: Path) -> TTFont | None:
    try:
        font = TTFont(path, lazy=True)
        # A font that forbids embedding must not be embedded (OS/2 fsType, bit 1).
        return None if font["OS/2"].fsType & 0x0002 or "glyf" not in font else font
    except (OSError, TTLibError, KeyError):
        return None


def _subset(font: TTFont) -> Face:
    cmap = font.getBestCmap()
    wanted = [letter for letter in LETTERS if ord(letter) in cmap]
    options = subset.Options()
    options.hinting = False
    options.layout_features = []
    options.notdef_outline = True
    options.name_IDs = []
    options.drop_tables += ["GDEF", "GPOS", "GSUB", "kern", "DSIG", "name", "post", "OS/2", "FFTM"]
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[ord(letter) for letter in wanted])
    postscript = font["name"].getDebugName(6) or "Serif"
    cap_height = (
        getattr(font["OS/2"], "sCapHeight", 0) or 1341
    )  # of 2048: Times, where an old font says nothing
    italic = font["post"].italicAngle
    cutter.subset(font)
    _by_width(font)
    order = {name: number for number, name in enumerate(font.getGlyphOrder())}
    scale = 1000 / font["head"].unitsPerEm
    glyphs = {letter: order[cmap[ord(letter)]] for letter in wanted}
    widths = {letter: round(font["hmtx"][cmap[ord(letter)]][0] * scale, 2) for letter in wanted}
    head, hhea = font["head"], font["hhea"]
    font.recalcTimestamp = False
    out = io.BytesIO()
    font.save(out, reorderTables=False)
    data = out.getvalue()
    tag = "".join(chr(ord("A") + byte % 26) for byte in hashlib.sha256(data).digest()[:6])
    return Face(
        name=f"{tag}+{postscript}",
        data=zlib.compress(data, 9),
        length=len(data),
        glyphs=glyphs,
        widths=widths,
        ascent=hhea.ascent * scale,
        descent=hhea.descent * scale,
        cap_height=cap_height * scale,
        box=(head.xMin * scale, head.yMin * scale, head.xMax * scale, head.yMax * scale),
        italic_angle=italic,
    )


def _by_width(font: TTFont) -> None:
    """Letters of one width stand together, so that the table of widths is a tenth as long: whoever verifies a signature
    walks through it once for every place that shows the font (15 ms of a file with two signatures)."""
    first, *others = font.getGlyphOrder()  # glyph 0 is the one for missing letters, wherever it is used
    reorderGlyphs(font, [first, *sorted(others, key=lambda name: (font["hmtx"][name][0], name))])


def embedded(writer: BasePdfFileWriter, wanted: Face) -> generic.IndirectObject:
    """The font object in the file: the one already there, or a new one kept for later signatures.

    It is kept in the form's default resources. A file without a form, or whose form is under a signature already, gets the
    font without being kept there.
    """
    root = writer.root
    fonts = entry(entry(entry(root, "/AcroForm", {}), "/DR", {}), "/Font", {})
    if wanted.resource in fonts:
        return fonts.raw_get(wanted.resource)
    return writer.add_object(_font_object(writer, wanted))


def keep(writer: BasePdfFileWriter, wanted: Face, reference: generic.IndirectObject) -> None:
    """Notes the font in the form's default resources; the file must have a form."""
    form = writer.root["/AcroForm"]
    for name in ("/DR", "/Font"):
        if name not in form:
            form[pdf_name(name)] = generic.DictionaryObject()
            writer.update_container(form)
        form = form[name]
    form[pdf_name(wanted.resource)] = reference
    writer.update_container(form)


def _font_object(writer: BasePdfFileWriter, wanted: Face) -> generic.DictionaryObject:
    file = generic.StreamObject(
        {
            pdf_name("/Length1"): generic.NumberObject(wanted.length),
            pdf_name("/Filter"): pdf_name("/FlateDecode"),
        },
        encoded_data=wanted.data,
    )
    by_glyph = sorted((glyph, letter) for letter, glyph in wanted.glyphs.items())
    descriptor = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/FontDescriptor"),
            pdf_name("/FontName"): pdf_name(f"/{wanted.name}"),
            pdf_name("/Flags"): generic.NumberObject(4 + 2),  # glyphs by number, serif
            pdf_name("/FontBBox"): generic.ArrayObject(
                [generic.NumberObject(round(side)) for side in wanted.box]
            ),
            pdf_name("/ItalicAngle"): generic.NumberObject(round(wanted.italic_angle)),
            pdf_name("/Ascent"): generic.NumberObject(round(wanted.ascent)),
            pdf_name("/Descent"): generic.NumberObject(round(wanted.descent)),
            pdf_name("/CapHeight"): generic.NumberObject(round(wanted.cap_height)),
            pdf_name("/StemV"): generic.NumberObject(80),
            pdf_name("/FontFile2"): writer.add_object(file),
        }
    )
    descendant = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Font"),
            pdf_name("/Subtype"): pdf_name("/CIDFontType2"),
            pdf_name("/BaseFont"): pdf_name(f"/{wanted.name}"),
            pdf_name("/CIDSystemInfo"): generic.DictionaryObject(
                {
                    pdf_name("/Registry"): generic.pdf_string("Adobe"),
                    pdf_name("/Ordering"): generic.pdf_string("Identity"),
                    pdf_name("/Supplement"): generic.NumberObject(0),
                }
            ),
            pdf_name("/FontDescriptor"): writer.add_object(descriptor),
            pdf_name("/DW"): generic.NumberObject(_USUAL_WIDTH),
            pdf_name("/W"): _widths(wanted, by_glyph),
            pdf_name("/CIDToGIDMap"): pdf_name("/Identity"),
        }
    )
    return generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Font"),
            pdf_name("/Subtype"): pdf_name("/Type0"),
            pdf_name("/BaseFont"): pdf_name(f"/{wanted.name}"),
            pdf_name("/Encoding"): pdf_name("/Identity-H"),
            pdf_name("/DescendantFonts"): generic.ArrayObject([writer.add_object(descendant)]),
            pdf_name("/ToUnicode"): writer.add_object(_to_unicode(by_glyph)),
        }
    )


def _widths(wanted: Face, by_glyph: list[tuple[int, str]]) -> generic.ArrayObject:
    """`first last width` for each run of letters of one width (ISO 32000-2 §9.7.4.3); the usual one is said by /DW."""
    found = generic.ArrayObject()
    for width, run in groupby(by_glyph, key=lambda one: wanted.widths[one[1]]):
        glyphs = [glyph for glyph, _ in run]
        if width != _USUAL_WIDTH:
            found += [
                generic.NumberObject(glyphs[0]),
                generic.NumberObject(glyphs[-1]),
                generic.FloatObject(width),
            ]
    return found


def _to_unicode(by_glyph: list[tuple[int, str]]) -> generic.StreamObject:
    lines = [f"<{glyph:04X}> <{letter.encode('utf-16-be').hex().upper()}>" for glyph, letter in by_glyph]
    blocks = [lines[at : at + 100] for at in range(0, len(lines), 100)]  # at most 100 a block
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    text = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{body}\nendcmap CMapName currentdict /CMap defineresource pop end end"
    )
    stream = generic.StreamObject(stream_data=text.encode("ascii"))
    stream.compress()
    return stream
