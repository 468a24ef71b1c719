"""The unseen layer of text over a scan: its font, its drawing operators, and taking an older such layer away.

Text is drawn in rendering mode 3 with a font whose glyphs have no area. One `cm` carries the whole page from the read
frame (where rows are straight) into PDF user space, so the layer follows skew and turning without arithmetic per word.
"""

from __future__ import annotations

import functools
import io
import statistics
import unicodedata
import zlib
from collections.abc import Iterable

import pikepdf
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables._g_l_y_f import Glyph
from pikepdf import Dictionary, Name, Operator, Pdf

from schemas.page import Word

FONT_NAME = "SohoaGlyphless"
FONT_DATE = 3_850_000_000  # seconds since 1904; fixed, so that the bytes are
ADVANCE, ASCENT, DESCENT = 500, 760, 240
"""Thousandths of the font size. The band from ascent to descent is what a reader paints when text is selected."""
X_HEIGHT_ONLY = frozenset("acemnorsuvwxzı")
BELOW_LINE = frozenset("gjpqyQ,;()[]{}")
WIDE_GAP = 6
"""A gap of so many letter heights separates columns."""
DOT_BELOW = "\u0323"

Matrix = tuple[float, float, float, float, float, float]
"""PDF order: x' = a*x + c*y + e, y' = b*x + d*y + f."""


# --- font -------------------------------------------------------------------------------------------------------------
@functools.cache
def glyphless_font() -> bytes:
    """TrueType program of .notdef and one glyph for every letter; neither paints. 660 bytes, the same in every run."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "any"])
    builder.setupCharacterMap({0x20: "any"})
    # A line there and back: no area, so nothing could ever be painted, but a bounding box. With an empty glyph pdfium
    # (Chrome, Edge) drops every word of one letter and every space.
    pen = TTGlyphPen(None)
    pen.moveTo((0, -DESCENT))
    pen.lineTo((ADVANCE, ASCENT))
    pen.lineTo((0, -DESCENT))
    pen.closePath()
    builder.setupGlyf({".notdef": Glyph(), "any": pen.glyph(dropImpliedOnCurves=False)})
    builder.setupHorizontalMetrics({".notdef": (ADVANCE, 0), "any": (ADVANCE, 0)})
    builder.setupHorizontalHeader(ascent=ASCENT, descent=-DESCENT)
    builder.setupNameTable({"familyName": FONT_NAME, "styleName": "Regular", "psName": FONT_NAME})
    builder.setupOS2(
        sTypoAscender=ASCENT, sTypoDescender=-DESCENT, usWinAscent=ASCENT, usWinDescent=DESCENT, fsType=0
    )
    builder.setupPost(keepGlyphNames=False)
    builder.setupHead(unitsPerEm=1000, created=FONT_DATE, modified=FONT_DATE)
    builder.font.recalcTimestamp = False
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


@functools.cache
def _every_code_to_glyph_1() -> bytes:
    return zlib.compress(b"\0\1" * 0x10000, 9)


def add_font(pdf: Pdf, letters: Iterable[str]) -> pikepdf.Object:
    """Adds the font to `pdf`; `letters` are those that occur. Codes are UTF-16 code units, all shown by glyph 1.

    ISO 19005-2, 6.2.11: embedded, CIDToGIDMap present, widths equal to the program's, .notdef never shown.
    """
    program = glyphless_font()
    font_file = pdf.make_stream(program, Length1=len(program))
    gid_map = pikepdf.Stream(pdf, _every_code_to_glyph_1(), Filter=Name.FlateDecode)
    descriptor = Dictionary(
        Type=Name.FontDescriptor, FontName=Name("/" + FONT_NAME), Flags=5, ItalicAngle=0, StemV=80,
        FontBBox=[0, -DESCENT, ADVANCE, ASCENT], Ascent=ASCENT, Descent=-DESCENT, CapHeight=ASCENT,
        FontFile2=font_file,
    )  # fmt: skip
    descendant = Dictionary(
        Type=Name.Font, Subtype=Name.CIDFontType2, BaseFont=Name("/" + FONT_NAME), DW=ADVANCE,
        CIDSystemInfo=Dictionary(Registry=pikepdf.String("Adobe"), Ordering=pikepdf.String("Identity"), Supplement=0),
        FontDescriptor=pdf.make_indirect(descriptor), CIDToGIDMap=gid_map,
    )  # fmt: skip
    return pdf.make_indirect(
        Dictionary(
            Type=Name.Font, Subtype=Name.Type0, BaseFont=Name("/" + FONT_NAME), Encoding=Name("/Identity-H"),
            DescendantFonts=[pdf.make_indirect(descendant)], ToUnicode=pdf.make_stream(_to_unicode(letters)),
        )
    )  # fmt: skip


def _to_unicode(letters: Iterable[str]) -> bytes:
    """CMap of the letters that occur: a whole-plane range takes readers such as pdfminer 0.1 s a document."""
    codes = sorted({ord(letter) for letter in letters} | {0x20})
    parts = [
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        b"/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        b"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
    ]
    for start in range(0, len(codes), 100):
        some = codes[start : start + 100]
        rows = "".join(f"<{code:04X}> <{code:04X}>\n" for code in some)
        parts.append(f"{len(some)} beginbfchar\n{rows}endbfchar\n".encode())
    parts.append(b"endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
    return b"".join(parts)


# --- drawing ----------------------------------------------------------------------------------------------------------
def layer_text(text: str) -> str:
    """`text` as the layer can carry it: NFC, no controls, letters outside the basic plane as U+FFFD, one word."""
    kept = "".join(
        c
        for c in unicodedata.normalize("NFC", text)
        if unicodedata.category(c) not in ("Cc", "Cs", "Cf", "Co", "Cn")
    )
    return "".join("\ufffd" if ord(c) > 0xFFFF else c for c in kept).strip()


def draw_words(
    words: list[Word], to_user_space: Matrix, perspective: tuple[float, float], font: str
) -> bytes:
    """Content stream of a page's words; empty when there is nothing to write.

    `to_user_space` maps the read frame (y down) to PDF user space, each coordinate divided by 1 + g*x + h*y with
    (g, h) = `perspective`; `font` is the name in the page's resources, without slash.
    """
    lines = _lines(words)
    if not lines:
        return b""
    flat = perspective == (0.0, 0.0)
    out = [f"q {_numbers(to_user_space)} cm BT 3 Tr" if flat else "q BT 3 Tr"]
    for line in lines:
        baseline, size = _baseline_and_size([word for word, _ in line])
        out.append(f"/{font} {_number(size)} Tf")
        for i, (word, text) in enumerate(line):
            left, right = word.box[0], word.box[2]
            stretch = 100_000 * (right - left) / (len(text) * ADVANCE * size)
            # y points down in the read frame: the letters are mirrored back upright.
            place = f"1 0 0 -1 {_number(left)} {_number(baseline)}" if flat else _numbers(
                _word_matrix(to_user_space, perspective, left, right, baseline, size)
            )  # fmt: skip
            out.append(f"{place} Tm {_number(stretch)} Tz <{text.encode('utf-16-be').hex()}> Tj")
            if i + 1 < len(line):
                gap = max(line[i + 1][0].box[0] - right, 0.1 * size)
                out.append(f"{_number(100_000 * gap / (ADVANCE * size))} Tz <0020> Tj")
    out.append("ET Q\n")
    return "\n".join(out).encode("ascii")


def _word_matrix(
    to_user_space: Matrix,
    perspective: tuple[float, float],
    left: float,
    right: float,
    baseline: float,
    size: float,
) -> Matrix:
    """Text matrix of one word on a photographed sheet: PDF has no perspective, a word is small enough to do without."""
    a, b, c, d, e, f = to_user_space

    def at(x: float, y: float) -> tuple[float, float]:
        w = 1 + perspective[0] * x + perspective[1] * y
        return (a * x + c * y + e) / w, (b * x + d * y + f) / w

    start, end, top = at(left, baseline), at(right, baseline), at(left, baseline - size)
    width = right - left
    return ((end[0] - start[0]) / width, (end[1] - start[1]) / width,
            (top[0] - start[0]) / size, (top[1] - start[1]) / size, *start)  # fmt: skip


def _lines(words: list[Word]) -> list[list[tuple[Word, str]]]:
    """Words as lines, in the order given. A word that does not stand beside its predecessor starts a new line even if
    the engine gave it the same number: no text is drawn where nothing stands, columns are not tied together."""
    lines: list[list[tuple[Word, str]]] = []
    last: Word | None = None
    for word in words:
        text = layer_text(word.text)
        if not text or word.box[2] - word.box[0] <= 0 or word.box[3] - word.box[1] <= 0:
            continue
        if last is None or (word.block, word.line) != (last.block, last.line) or not _beside(last, word):
            lines.append([])
        lines[-1].append((word, text))
        last = word
    return lines


def _beside(left: Word, right: Word) -> bool:
    overlap = min(left.box[3], right.box[3]) - max(left.box[1], right.box[1])
    low, high = sorted((left.box[3] - left.box[1], right.box[3] - right.box[1]))
    gap = right.box[0] - left.box[2]
    return overlap > 0.2 * low and right.box[0] > left.box[0] and -high < gap < WIDE_GAP * high


def _baseline_and_size(line: list[Word]) -> tuple[float, float]:
    """Baseline and font size of a line in the read frame. One of each for the whole line: readers group letters to
    lines by their tops and sizes, and words such as `nam` and `Ngày` have quite different boxes."""
    resting, hanging, tall, all_tops = [], [], [], []
    for word in line:
        letters = unicodedata.normalize("NFD", word.text)
        if not any(c.isalnum() for c in letters) and len(line) > 1:
            continue
        hangs = any(c in BELOW_LINE or c == DOT_BELOW for c in letters)
        (hanging if hangs else resting).append(word.box[3])
        all_tops.append(word.box[1])
        if any(c not in X_HEIGHT_ONLY for c in letters):
            tall.append(word.box[1])
    if not all_tops:
        all_tops, resting = [w.box[1] for w in line], [w.box[3] for w in line]
    top = statistics.median(tall or all_tops)
    bottom = statistics.median(resting or hanging)
    height = max(bottom - top, 1e-3)
    share = ASCENT / 1000
    # Boxes that hang below the line, or that are as low for `nam` as for `gà` (boxes of the font, not of the ink),
    # already hold the descender.
    if not resting or (hanging and statistics.median(hanging) - bottom < 0.08 * height):
        return top + height * share, height
    if not tall:
        height *= 1.5
    return bottom, height / share


def _numbers(matrix: Matrix) -> str:
    return " ".join(_number(value, 6) for value in matrix)


def _number(value: float, places: int = 2) -> str:
    text = f"{value:.{places}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


# --- an older layer ---------------------------------------------------------------------------------------------------
def drop_unseen_text(
    page_like: pikepdf.Object, resources: pikepdf.Object | None, pdf: Pdf, seen: dict | None = None
) -> bool:
    """Takes text of rendering mode 3 out of a page and the form XObjects it draws, in place.

    Pages without such text keep their content streams byte for byte. Returns whether anything was taken out.
    """
    seen = {} if seen is None else seen
    changed = False
    source = page_like if isinstance(page_like, pikepdf.Stream) else pikepdf.Page(page_like)
    raw = page_like.read_bytes() if isinstance(page_like, pikepdf.Stream) else _joined(page_like)
    if b"Tr" in raw:
        kept, dropped = _without_unseen(pikepdf.parse_content_stream(source))
        if dropped:
            data = pikepdf.unparse_content_stream(kept)
            if isinstance(page_like, pikepdf.Stream):
                page_like.write(data)
            else:
                page_like["/Contents"] = pdf.make_stream(data)
            changed = True
    forms = resources.get("/XObject") if resources is not None else None
    for name in list(forms.keys()) if forms is not None else []:
        form = forms[name]
        if form.get("/Subtype") != Name.Form:
            continue
        if form.objgen not in seen:
            seen[form.objgen] = form
            changed |= drop_unseen_text(form, form.get("/Resources"), pdf, seen)
    return changed


def _joined(page: pikepdf.Object) -> bytes:
    contents = page.get("/Contents")
    if contents is None:
        return b""
    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    return b"\n".join(stream.read_bytes() for stream in streams)


def _without_unseen(instructions) -> tuple[list, bool]:
    kept, stack, mode, dropped = [], [], 0, False
    for instruction in instructions:
        operator = str(instruction.operator)
        if operator == "q":
            stack.append(mode)
        elif operator == "Q":
            mode = stack.pop() if stack else mode
        elif operator == "Tr":
            mode = int(instruction.operands[0])
        elif mode == 3 and operator in ("Tj", "TJ", "'", '"'):
            dropped = True
            if operator in ("'", '"'):  # these also move to the next line
                if operator == '"':
                    kept.append(([instruction.operands[0]], Operator("Tw")))
                    kept.append(([instruction.operands[1]], Operator("Tc")))
                kept.append(([], Operator("T*")))
            continue
        kept.append(instruction)
    return kept, dropped
