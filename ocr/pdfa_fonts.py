"""Fonts against ISO 19005-2:2011, 6.2.11: embedded, whole, with widths that agree with the program, no .notdef shown.

Where the widths of a kind of font cannot be read with certainty (Type 1, CFF by name), that itself is a finding: the
conformance of such a file is not claimed rather than guessed.
"""

from __future__ import annotations

import io

import pikepdf
from fontTools import agl
from fontTools.cffLib import CFFFontSet
from fontTools.pens.basePen import NullPen
from fontTools.ttLib import TTFont, TTLibError
from pikepdf import Array, Dictionary, Name, Stream

from ocr.pdfa_finding import Finding

PREDEFINED_CMAPS = ("/Identity-H", "/Identity-V")
TOLERANCE = 1.5
"""Thousandths of the font size by which a width may differ (the standard says 1; rounding adds a half)."""


def check_font(font: Dictionary, shown: set[bytes]) -> list[Finding]:
    """`shown` are the strings set in this font; a font that shows nothing is not used and breaks nothing."""
    if not shown or not any(shown):
        return []
    name = str(font.get("/BaseFont", "?"))
    kind = font.get("/Subtype")
    if kind == Name.Type3:
        return []
    if kind == Name.Type0:
        return _composite(font, shown, name)
    if kind not in (Name.TrueType, Name.Type1, Name.MMType1):
        return [Finding("font_type", "6.2.11.2", f"{name}: {kind}")]
    descriptor = font.get("/FontDescriptor")
    program, found = _program(descriptor, name)
    if program is None:
        return found
    if "/Widths" not in font or "/FirstChar" not in font:
        return [*found, Finding("font_widths", "6.2.11.5", f"{name}: no /Widths")]
    if kind != Name.TrueType or "/FontFile2" not in descriptor:
        return [
            *found,
            Finding("font_widths_unchecked", "6.2.11.5", f"{name}: widths of this kind of font are not read"),
        ]
    return found + _simple_truetype(font, descriptor, program, shown, name)


def _program(descriptor, name: str) -> tuple[bytes | None, list[Finding]]:
    if isinstance(descriptor, Dictionary):
        for key in ("/FontFile2", "/FontFile3", "/FontFile"):
            if isinstance(descriptor.get(key), Stream):
                try:
                    return descriptor[key].read_bytes(), []
                except pikepdf.PdfError as error:
                    return None, [Finding("font_damaged", "6.2.11.4.1", f"{name}: {error}")]
    return None, [Finding("font_not_embedded", "6.2.11.4.1", name)]


# --- composite fonts --------------------------------------------------------------------------------------------------
def _composite(font: Dictionary, shown: set[bytes], name: str) -> list[Finding]:
    descendants = font.get("/DescendantFonts", Array())
    if len(descendants) != 1:
        return [Finding("font_composite", "6.2.11.3.1", f"{name}: {len(descendants)} descendants")]
    descendant = descendants[0]
    descriptor = descendant.get("/FontDescriptor")
    program, found = _program(descriptor, name)
    if program is None:
        return found
    encoding = font.get("/Encoding")
    system = descendant.get("/CIDSystemInfo")
    if not isinstance(system, Dictionary) or not {"/Registry", "/Ordering", "/Supplement"} <= set(
        system.keys()
    ):
        found.append(Finding("font_cid_system", "6.2.11.3.1", name))
    if not (isinstance(encoding, Name) and str(encoding) in PREDEFINED_CMAPS):
        return [
            *found,
            Finding("font_cmap_unchecked", "6.2.11.3.3", f"{name}: CMaps other than Identity are not read"),
        ]
    codes = {int.from_bytes(text[i : i + 2], "big") for text in shown for i in range(0, len(text) - 1, 2)}
    if any(len(text) % 2 for text in shown):
        found.append(Finding("font_codes", "6.2.11.6", f"{name}: half a code is shown"))
    if descendant.get("/Subtype") == Name.CIDFontType2:
        glyphs, problems = _glyphs_by_map(descendant, codes, name)
        found += problems
    elif "/FontFile3" in descriptor:
        glyphs = None
    else:
        return [
            *found,
            Finding("font_widths_unchecked", "6.2.11.5", f"{name}: widths of this kind of font are not read"),
        ]
    if "/CIDSet" in descriptor:
        bits = descriptor["/CIDSet"].read_bytes()
        if any(not (c // 8 < len(bits) and bits[c // 8] & (0x80 >> c % 8)) for c in codes):
            found.append(Finding("font_cidset", "6.2.11.4.2", f"{name}: /CIDSet lacks codes that are shown"))
    try:
        real = _cff_widths(program, codes) if glyphs is None else _truetype_widths(program, glyphs)
    except (TTLibError, KeyError, ValueError, IndexError, AttributeError, AssertionError) as error:
        return [*found, Finding("font_damaged", "6.2.11.4.1", f"{name}: {type(error).__name__} {error}")]
    return found + _compare(_cid_widths(descendant, codes), real, name)


def _glyphs_by_map(
    descendant: Dictionary, codes: set[int], name: str
) -> tuple[dict[int, int], list[Finding]]:
    table = descendant.get("/CIDToGIDMap")
    if isinstance(table, Stream):
        data = table.read_bytes()
        return {c: int.from_bytes(data[2 * c : 2 * c + 2], "big") for c in codes}, []
    if table == Name.Identity:
        return {c: c for c in codes}, []
    return {c: c for c in codes}, [Finding("font_cid_to_gid", "6.2.11.3.2", f"{name}: no /CIDToGIDMap")]


def _cid_widths(descendant: Dictionary, codes: set[int]) -> dict[int, float]:
    default = float(descendant.get("/DW", 1000))
    widths = dict.fromkeys(codes, default)
    items = list(descendant.get("/W", []))
    at = 0
    while at + 1 < len(items):
        first = int(items[at])
        if isinstance(items[at + 1], Array):
            given = {first + i: float(w) for i, w in enumerate(items[at + 1])}
            at += 2
        else:
            given = {c: float(items[at + 2]) for c in codes if first <= c <= int(items[at + 1])}
            at += 3
        widths.update((c, w) for c, w in given.items() if c in widths)
    return widths


def _truetype_widths(program: bytes, glyphs: dict[int, int]) -> dict[int, float | None]:
    """Width in thousandths by code; None where the code shows .notdef or no glyph at all."""
    with TTFont(io.BytesIO(program), lazy=True, recalcTimestamp=False) as font:
        units = font["head"].unitsPerEm
        count, metrics = font["maxp"].numGlyphs, font["hhea"].numberOfHMetrics
        table = font.reader["hmtx"]
        advance = [int.from_bytes(table[4 * i : 4 * i + 2], "big") for i in range(metrics)]
    return {
        code: advance[min(glyph, metrics - 1)] * 1000 / units if 0 < glyph < count else None
        for code, glyph in glyphs.items()
    }


def _cff_widths(program: bytes, codes: set[int]) -> dict[int, float | None]:
    if program[:4] == b"OTTO":
        with TTFont(io.BytesIO(program)) as font:
            program = font.reader["CFF "]
    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(program), None)
    top = fonts.topDictIndex[0]
    order = top.charset
    if hasattr(top, "ROS"):
        by_cid = {int(name[3:]) if name.startswith("cid") else 0: name for name in order}
    else:
        by_cid = dict(enumerate(order))
    scale = top.FontMatrix[0] * 1000
    widths: dict[int, float | None] = {}
    for code in codes:
        glyph = by_cid.get(code)
        if glyph is None or code == 0:
            widths[code] = None
            continue
        string, _ = top.CharStrings.getItemAndSelector(glyph)
        string.draw(NullPen())  # drawing is how the width is found
        widths[code] = string.width * scale
    return widths


# --- simple TrueType --------------------------------------------------------------------------------------------------
def _simple_truetype(
    font: Dictionary, descriptor: Dictionary, program: bytes, shown: set[bytes], name: str
) -> list[Finding]:
    codes = {code for text in shown for code in text}
    symbolic = bool(int(descriptor.get("/Flags", 0)) & 4)
    encoding = font.get("/Encoding")
    base = encoding.get("/BaseEncoding") if isinstance(encoding, Dictionary) else encoding
    if not symbolic and base not in (Name.WinAnsiEncoding, Name.MacRomanEncoding):
        return [
            Finding("font_encoding", "6.2.11.6", f"{name}: non-symbolic TrueType without WinAnsi or MacRoman")
        ]
    try:
        with TTFont(io.BytesIO(program), lazy=True) as truetype:
            glyphs = _glyphs_of_codes(truetype, encoding, base, codes, symbolic)
            order = {glyph: i for i, glyph in enumerate(truetype.getGlyphOrder())}
        real = _truetype_widths(
            program, {c: order.get(g, 0) if isinstance(g, str) else g for c, g in glyphs.items()}
        )
    except (TTLibError, KeyError, ValueError, IndexError, AttributeError, AssertionError) as error:
        return [Finding("font_damaged", "6.2.11.4.1", f"{name}: {type(error).__name__} {error}")]
    first, widths = int(font["/FirstChar"]), list(font["/Widths"])
    missing = float(descriptor.get("/MissingWidth", 0))
    given = {c: float(widths[c - first]) if 0 <= c - first < len(widths) else missing for c in codes}
    return _compare(given, real, name)


def _glyphs_of_codes(
    truetype: TTFont, encoding, base, codes: set[int], symbolic: bool
) -> dict[int, str | int]:
    """Glyph of each code as ISO 32000-1, 9.6.6.4 finds it."""
    tables = (
        {(t.platformID, t.platEncID): t.cmap for t in truetype["cmap"].tables} if "cmap" in truetype else {}
    )
    if symbolic:
        table = tables.get((3, 0)) or tables.get((1, 0)) or next(iter(tables.values()), {})
        return {c: next((table[v] for v in (c, 0xF000 + c, 0xF100 + c) if v in table), 0) for c in codes}
    codec = "mac_roman" if base == Name.MacRomanEncoding else "cp1252"
    letters = {c: bytes([c]).decode(codec, "replace") for c in codes}
    if isinstance(encoding, Dictionary):
        at = 0
        for item in encoding.get("/Differences", []):
            if isinstance(item, Name):
                letters[at] = agl.toUnicode(str(item)[1:])
                at += 1
            else:
                at = int(item)
    unicode_table = tables.get((3, 1)) or tables.get((0, 3)) or {}
    # WinAnsi shows a no-break space as space and a soft hyphen as hyphen.
    same = {"\u00a0": " ", "\u00ad": "-"}
    return {c: unicode_table.get(ord(same.get(letters[c], letters[c])[:1] or "\0"), 0) for c in codes}


def _compare(given: dict[int, float], real: dict[int, float | None], name: str) -> list[Finding]:
    found = []
    lost = [code for code, width in real.items() if width is None]
    if lost:
        found.append(
            Finding("font_notdef", "6.2.11.8", f"{name}: code {lost[0]} shows no glyph of the program")
        )
    for code, width in real.items():
        if width is not None and abs(width - given[code]) > TOLERANCE:
            found.append(
                Finding(
                    "font_widths", "6.2.11.5", f"{name}: code {code} is {given[code]:g}, program {width:g}"
                )
            )
            break
    return found
