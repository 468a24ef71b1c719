"""Pictures for people: a page with its words and fields drawn in, and zoomed crops of doubtful fields.

Boxes are in the shown frame (points of the upright page, `schemas.page`), so every picture is first brought into
that frame.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ocr.intake import inspect, open_source
from schemas.document import FieldStatus, FieldValue
from schemas.errors import MissingProgram, NotFound
from schemas.page import Box
from schemas.settings import Limits
from schemas.texts import FIELD_STATUSES, shown_value

PICTURE_DPI = 110
CROP_DPI = 250
CROP_MARGIN_PT = 14.0
"""About one line of text around the field, so that a person sees what stands beside it."""
MARGIN_PX = 12

COLOURS: dict[FieldStatus, tuple[int, int, int]] = {
    FieldStatus.ACCEPTED: (0, 130, 60),
    FieldStatus.REVIEW: (205, 90, 0),
    FieldStatus.CONFIRMED: (20, 90, 200),
    FieldStatus.CORRECTED: (130, 30, 170),
    FieldStatus.MISSING: (190, 0, 0),
}
WORD_COLOUR = (120, 160, 200)
INK = (30, 30, 30)

VIETNAMESE = "ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ"
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "C:/Windows/Fonts")
FONT_NAMES = (
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Carlito-Regular.ttf",
    "Arial.ttf", "arial.ttf",
)  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """A field on a page."""

    name: str
    """As shown to people, Vietnamese."""
    field: FieldValue


@lru_cache(maxsize=1)
def vietnamese_font() -> str:
    """Path of an installed font that really holds every Vietnamese letter (Liberation 1.x, for one, does not).

    Raises MissingProgram.
    """
    for name in FONT_NAMES:
        for folder in FONT_FOLDERS:
            for path in sorted(Path(folder).rglob(name)):
                if _has_letters(path):
                    return str(path)
    raise MissingProgram("no font with Vietnamese letters; install fonts-dejavu-core")


def _has_letters(path: Path) -> bool:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, lazy=True) as font:
            letters = font.getBestCmap()
    except (TTLibError, OSError):
        return False
    return all(ord(c) in letters for c in VIETNAMESE + VIETNAMESE.upper())


def shown_page(data: bytes, page: int, limits: Limits, *, dpi: float, rotation: int = 0) -> Image.Image:
    """One page (1-based) of a PDF, TIFF, JPEG or PNG as RGB picture, turned back by `rotation` clockwise degrees.

    `rotation` is 0 for archived files, which say themselves how they are shown. Raises NotFound, InputRejected.
    """
    info = inspect(data, "page", limits)
    if not 1 <= page <= info.pages:
        raise NotFound(f"page {page} of {info.pages}")
    with open_source(data, info, limits) as source:
        pixels = source.render(page=page, dpi=dpi).pixels
    # rot90 turns anticlockwise, which undoes a clockwise turn.
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels, rotation // 90))).convert("RGB")


def draw_page(
    page: Image.Image, size_pt: tuple[float, float], words: Sequence[Box], marks: Sequence[Mark], title: str
) -> bytes:
    """PNG of the page with word boxes (thin) and numbered field boxes (thick, coloured by status); beside it what
    each number is, what was read there, and a legend.

    page: as `shown_page` gives it; size_pt: its width and height in points; boxes in points.
    """
    scale = page.width / size_pt[0], page.height / size_pt[1]
    font = ImageFont.truetype(vietnamese_font(), max(12, min(page.size) // 70))
    picture = page.copy()
    draw = ImageDraw.Draw(picture, "RGBA")
    for box in words:
        draw.rectangle(_pixels(box, scale, 1), outline=(*WORD_COLOUR, 220), width=1)
    seen = [mark for mark in marks if mark.field.box is not None]
    numbers: dict[Box, list[int]] = {}
    for number, mark in enumerate(seen, 1):
        numbers.setdefault(mark.field.box, []).append(number)
    for mark in seen:
        colour = COLOURS[mark.field.status]
        draw.rectangle(_pixels(mark.field.box, scale, 3), outline=colour, width=3)
    for mark in seen:
        _write_number(draw, numbers.pop(mark.field.box, []), mark, scale, font)
    return _png(_with_panel(picture, seen, marks, title, font))


def _pixels(box: Box, scale: tuple[float, float], grow: int) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1]
    return x0 - grow, y0 - grow, max(x1, x0) + grow, max(y1, y0) + grow


def _write_number(draw, numbers: list[int], mark: Mark, scale: tuple[float, float], font) -> None:
    """On the left edge of the box, where lines of text leave it room. Fields that share a box share the tag."""
    if not numbers:
        return
    text = ",".join(str(n) for n in numbers)
    left, top, right, _ = _pixels(mark.field.box, scale, 3)
    width, height = draw.textlength(text, font=font) + 6, font.size + 4
    x = left - width if left >= width else right
    draw.rectangle((x, top, x + width, top + height), fill=COLOURS[mark.field.status])
    draw.text((x + 3, top + 1), text, font=font, fill=(255, 255, 255))


def _with_panel(
    picture: Image.Image, seen: Sequence[Mark], marks: Sequence[Mark], title: str, font
) -> Image.Image:
    width = max(340, round(picture.width * 0.42))
    lines: list[tuple[str, tuple[int, int, int]]] = [
        (line, INK) for line in _wrapped(title, font, width - 2 * MARGIN_PX)
    ]
    lines.append(("", INK))
    for number, mark in enumerate(seen, 1):
        text = f"{number}. {mark.name}: {shown_value(mark.field.value)}" + (
            " (viết tay)" if mark.field.handwritten else ""
        )
        colour = COLOURS[mark.field.status]
        lines += [(line, colour) for line in _wrapped(text, font, width - 2 * MARGIN_PX)]
    missing = [mark.name for mark in marks if mark.field.status is FieldStatus.MISSING]
    if missing:
        text = f"Còn thiếu: {', '.join(missing)}"
        lines += [
            ("", INK),
            *((line, COLOURS[FieldStatus.MISSING]) for line in _wrapped(text, font, width - 2 * MARGIN_PX)),
        ]
    legend = [(WORD_COLOUR, "từ đọc được")]
    legend += [(COLOURS[s], FIELD_STATUSES[s]) for s in FieldStatus if any(m.field.status is s for m in seen)]
    row = font.size + 7
    height = max(picture.height, (len(lines) + len(legend) + 1) * row + 2 * MARGIN_PX)
    whole = Image.new("RGB", (picture.width + width, height), (255, 255, 255))
    whole.paste(picture)
    draw = ImageDraw.Draw(whole)
    draw.line((picture.width, 0, picture.width, height), fill=(150, 150, 150), width=2)
    x, y = picture.width + MARGIN_PX, MARGIN_PX
    for line, colour in lines:
        draw.text((x, y), line, font=font, fill=colour)
        y += row
    y = height - MARGIN_PX - len(legend) * row
    for colour, text in legend:
        draw.rectangle((x, y + 2, x + font.size, y + font.size + 2), outline=colour, width=3)
        draw.text((x + row + 2, y), text, font=font, fill=INK)
        y += row
    return whole


def _wrapped(text: str, font, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def draw_crop(page: Image.Image, size_pt: tuple[float, float], mark: Mark) -> bytes:
    """PNG of one field with what stands around it, and the proposal in letters below. Raises NotFound without a box."""
    if mark.field.box is None:
        raise NotFound(f"no place on the page for {mark.name}")
    scale = page.width / size_pt[0], page.height / size_pt[1]
    left, top, right, bottom = mark.field.box
    wide = _pixels(
        (left - CROP_MARGIN_PT, top - CROP_MARGIN_PT, right + CROP_MARGIN_PT, bottom + CROP_MARGIN_PT),
        scale,
        0,
    )
    edges = (max(0, wide[0]), max(0, wide[1]), min(page.width, wide[2]), min(page.height, wide[3]))
    if edges[0] >= edges[2] or edges[1] >= edges[3]:
        raise NotFound(f"the place of {mark.name} lies outside the page")
    crop = page.crop(tuple(round(v) for v in edges))
    colour = COLOURS[mark.field.status]
    box = tuple(v - edges[i % 2] for i, v in enumerate(_pixels(mark.field.box, scale, 4)))
    ImageDraw.Draw(crop).rectangle(box, outline=colour, width=2)
    font = ImageFont.truetype(vietnamese_font(), 26)
    proposal = shown_value(mark.field.value) if mark.field.value else "(chưa đọc được)"
    kind = "máy đề xuất, CHỮ VIẾT TAY" if mark.field.handwritten else "máy đề xuất"
    lines = [mark.name, f"{kind}: {proposal}"]
    width = max(crop.width, *(round(font.getlength(line)) + 2 * MARGIN_PX for line in lines))
    whole = Image.new("RGB", (width, crop.height + len(lines) * 36 + MARGIN_PX), (255, 255, 255))
    whole.paste(crop)
    draw = ImageDraw.Draw(whole)
    for i, line in enumerate(lines):
        draw.text((MARGIN_PX, crop.height + 6 + 36 * i), line, font=font, fill=colour if i else INK)
    return _png(whole)


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
