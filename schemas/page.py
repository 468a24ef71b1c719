"""What is known of one page: its picture, its quality, the words read from it and where they stand.

Two frames of coordinates are used, and only these:

* **read frame**: pixels of the upright, deskewed picture that is read (origin top left, x right, y down). Words, lines
  and gaps stand in it, because rows are straight there.
* **shown frame**: PDF points (1/72 inch) of the page as a reader shows it, upright, origin top left. `PageReading.to_points`
  maps the first to the second; public JSON and the catalogue carry shown-frame boxes.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

Box = tuple[float, float, float, float]
"""left, top, right, bottom."""


class Word(BaseModel):
    """One word: NFC text, box in the read frame, confidence 0..1, numbers of its line and block on the page."""

    model_config = ConfigDict(frozen=True)

    text: str
    box: Box
    confidence: float
    line: int = 0
    block: int = 0
    handwritten: float | None = None
    """Probability that the word is written by hand; None where nobody looked (born-digital pages)."""


class GapReading(BaseModel):
    """What stands in a printed gap such as `Số: ...../QĐ-UBND` or `ngày .... tháng .... năm`."""

    kind: str
    """so | ngay | thang | nam | ngay_thang_nam, or muc: an entry behind a label of which no word was read"""
    box: Box
    text: str
    """Digits as read, empty when the gap holds nothing."""
    confidence: float
    handwritten: float
    """Probability that the entry is written by hand."""


class Barcode(BaseModel):
    """A machine-readable mark on the page, text as stored in it."""

    text: str
    format: str
    box: Box


class IssueCode(StrEnum):
    """Why a page needs a person's eye. Stable; translated in `schemas.texts`."""

    LOW_DPI = "low_dpi"
    BLURRED = "blurred"
    LOW_CONTRAST = "low_contrast"
    CUT_EDGE = "cut_edge"
    SKEWED = "skewed"
    UNREADABLE = "unreadable"
    NEEDS_COLOUR = "needs_colour"
    STICKY_NOTE = "sticky_note"


class PageQuality(BaseModel):
    """Image check of one page (TT 01/2023 Đ8 k2, CV 7197: dpi, skew, blur, black edges)."""

    width_px: int
    height_px: int
    dpi: float
    """True resolution of the stored image: pixels over page size."""
    colour: bool
    """The stored image has colour (not grey, not bilevel)."""
    bilevel: bool = False
    sharpness: float = 0.0
    """Width of a black-white edge turned into 0..1; 1 is crisp."""
    contrast: float = 0.0
    """Paper minus ink grey level, 0..1."""
    skew_deg: float = 0.0
    ink: float = 0.0
    """Share of the page covered by ink, 0..1."""
    seal: bool = False
    """Reddish seal found: colour must be kept (CV 7197)."""
    blank: bool = False
    issues: list[IssueCode] = Field(default_factory=list)


class PageReading(BaseModel):
    """Everything read from one page."""

    page: int
    """1-based number in the source."""
    width: int
    height: int
    """Size of the read frame, pixels."""
    dpi: float
    """Resolution of the read frame."""
    rotation: int = 0
    """By how many degrees clockwise the content was found turned: 0, 90, 180, 270. Turning it back makes it upright."""
    skew_deg: float = 0.0
    words: list[Word] = Field(default_factory=list)
    gaps: list[GapReading] = Field(default_factory=list)
    barcodes: list[Barcode] = Field(default_factory=list)
    quality: PageQuality
    to_points: tuple[float, float, float, float, float, float]
    """Affine map read frame -> shown frame: x' = a*x + b*y + c, y' = d*x + e*y + f as (a, b, c, d, e, f), each divided
    by 1 + g*x + h*y with (g, h) = `perspective`."""
    perspective: tuple[float, float] = (0.0, 0.0)
    """Non-zero only for a photographed sheet that was laid flat."""
    page_size_pt: tuple[float, float]
    """Shown page size, points, after turning."""
    born_digital: bool = False
    """The text came with the file and was not recognised."""
    engine: str = ""
    text: str = ""
    """Lines in reading order, separated by newlines, NFC."""

    def to_shown(self, x: float, y: float) -> tuple[float, float]:
        """A point of the read frame in the shown frame."""
        a, b, c, d, e, f = self.to_points
        w = 1 + self.perspective[0] * x + self.perspective[1] * y
        return ((a * x + b * y + c) / w, (d * x + e * y + f) / w)

    def box_to_points(self, box: Box) -> Box:
        """Bounding box in the shown frame of a box in the read frame."""
        corners = [self.to_shown(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return (min(xs), min(ys), max(xs), max(ys))
