"""Pages of a PDF as pictures, one at a time, drawn by pdfium with signatures and stamps (annotations) on them.

Full-page JPEG scans of at least twice the wanted resolution are decoded straight from the file instead, at a half or a
quarter size (A4 read at 200 dpi: 0.06 for 0.13 CPU s at 400 dpi, 0.12 for 0.20 at 600). At 300 dpi both cost
the same.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ocr.intake_headers import jpeg_size
from ocr.intake_images import HALF, PageImage, decode_jpeg, fit, has_colour, target_size
from ocr.intake_words import born_words
from schemas.errors import DamagedFile, EncryptedFile, InputRejected, PageFailed
from schemas.page import Box, Word
from schemas.settings import Limits
from schemas.source import SourceInfo

_PAGE_COVER = 0.8
"""From this share of the page on, its pictures are the page (scanners leave margins, cut edges, strips)."""
_PICTURE_HEAVY = 0.3
"""From this share on, words may stand in the pictures: the page is read, even if it has text of its own."""
_PART_OF_PAGE = 0.02
_MOST_OBJECTS = 50_000
_DEEPEST_FORM = 8
_INVISIBLE_TEXT = (pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium_c.FPDF_TEXTRENDERMODE_CLIP)
_UNSEEN_ANNOTATIONS = (pdfium_c.FPDF_ANNOT_POPUP, pdfium_c.FPDF_ANNOT_LINK)
_NOT_SHOWN = 2 | 32  # Hidden, NoView (ISO 32000-1, table 165)
_GREY_SPACES = (pdfium_c.FPDF_COLORSPACE_DEVICEGRAY, pdfium_c.FPDF_COLORSPACE_CALGRAY)
_PLAIN_COLOURS = ("/DeviceRGB", "/DeviceGray", "/CalRGB", "/CalGray", "/ICCBased")

Matrix = tuple[float, float, float, float, float, float]


@dataclass(slots=True)
class _Picture:
    """A picture on the page and where it stands: the matrix maps the unit square to PDF space."""

    width: int
    height: int
    bits: int
    grey: bool
    matrix: Matrix

    @property
    def box(self) -> Box:
        a, b, c, d, e, f = self.matrix
        xs, ys = (e, e + a, e + c, e + a + c), (f, f + b, f + d, f + b + d)
        return min(xs), min(ys), max(xs), max(ys)

    def dpi(self) -> float:
        """Stored pixels over size on the page, the smaller axis."""
        a, b, c, d, _, _ = self.matrix
        wide, high = (a * a + b * b) ** 0.5, (c * c + d * d) ** 0.5
        return min(72 * self.width / max(wide, 1e-6), 72 * self.height / max(high, 1e-6))


@dataclass(slots=True)
class _Layout:
    """What stands on a page."""

    pictures: list[_Picture] = field(default_factory=list)
    cover: float = 0.0
    """Share of the page under pictures, 0..1."""
    other: bool = False
    """Something visible that is no picture: text, lines, shading."""
    annotated: bool = False
    """A stamp, signature or comment is shown on top."""

    @property
    def scanned(self) -> bool:
        return self.cover >= _PAGE_COVER

    @property
    def only_pictures(self) -> bool:
        return not self.other and not self.annotated

    @property
    def grey(self) -> bool:
        """Nothing on the page can have colour."""
        return self.only_pictures and bool(self.pictures) and all(p.grey for p in self.pictures)


class PdfSource:
    """Pages of a PDF; holds the bytes and one open page at a time."""

    def __init__(self, data: bytes, info: SourceInfo, limits: Limits) -> None:
        self._data = data
        self._limits = limits
        self._sizes = info.page_sizes_pt
        self._pikepdf: pikepdf.Pdf | None = None
        try:
            self._document = pdfium.PdfDocument(data)
        except pdfium.PdfiumError as error:
            raise (EncryptedFile if "password" in str(error).lower() else DamagedFile)(str(error)) from None
        if len(self._document) != info.pages:
            self.close()
            raise DamagedFile("not the file that was inspected")

    def __enter__(self) -> PdfSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._document.close()
        if self._pikepdf is not None:
            self._pikepdf.close()
            self._pikepdf = None

    @property
    def page_count(self) -> int:
        return len(self._sizes)

    def born_words(self, page: int) -> list[Word] | None:
        """Words of a born-digital page, boxes in points of the shown frame, texts of stamps and signatures included;
        None when the page must be read from its picture. Raises PageFailed."""
        with self._page(page) as opened:
            layout = _layout(opened)
        if layout.cover >= _PICTURE_HEAVY:
            return None
        try:
            return born_words(
                self._data, page - 1, self._sizes[page - 1], [picture.box for picture in layout.pictures]
            )
        except pdfium.PdfiumError as error:
            raise PageFailed(f"page {page}: {error}") from None

    def render(self, page: int, dpi: int) -> PageImage:
        """Page `page` (1-based) at `dpi`, as a reader shows it. Raises PageFailed."""
        with self._page(page) as opened:
            try:
                layout = _layout(opened)
                size = self._sizes[page - 1]
                width, height, real = target_size(size, dpi, self._limits)
                parts = layout.pictures if layout.scanned else []
                unit = size[0] / opened.get_width()
                native = max((picture.dpi() / unit for picture in parts), default=None)
                bilevel = bool(parts) and all(picture.bits == 1 for picture in parts)
                pixels = None
                if len(parts) == 1 and layout.only_pictures and native and native >= HALF * real:
                    pixels = self._stored(page, opened, parts[0], width, height)
                if pixels is None:
                    pixels = _draw(opened, width, height, layout.grey)
                colour = not bilevel and has_colour(pixels)
                if colour and parts and layout.annotated:
                    # A red digital seal on a grey scan is no colour of the scan.
                    colour = has_colour(
                        _draw(opened, *target_size(size, 60, self._limits)[:2], False, stamps=False)
                    )
            except (InputRejected, MemoryError):
                raise
            except Exception as error:
                raise PageFailed(f"page {page}: {type(error).__name__}: {error}") from None
        return PageImage(pixels, real, native, size, colour, bilevel)

    @contextmanager
    def _page(self, page: int) -> Iterator[pdfium.PdfPage]:
        if not 1 <= page <= len(self._sizes):
            raise PageFailed(f"no page {page}")
        try:
            opened = self._document[page - 1]
        except pdfium.PdfiumError as error:
            raise PageFailed(f"page {page}: {error}") from None
        try:
            yield opened
        finally:
            opened.close()

    def _stored(
        self, page: int, opened: pdfium.PdfPage, picture: _Picture, width: int, height: int
    ) -> np.ndarray | None:
        """The page's JPEG decoded small; None when the outcome could differ from what a reader shows."""
        a, b, c, d, e, f = picture.matrix
        left, bottom, right, top = opened.get_bbox()
        tolerance = 0.5 * (right - left) / min(width, height)
        if max(abs(b), abs(c)) > 1e-3 or max(abs(e - left), abs(f - bottom)) > tolerance:
            return None
        if max(abs(e + a - right), abs(f + d - top)) > tolerance:
            return None
        raw = self._plain_jpeg(page, picture)
        if raw is None:
            return None
        turns = opened.get_rotation() // 90 % 4
        stored = (width, height) if turns % 2 == 0 else (height, width)
        pixels = decode_jpeg(raw, min(picture.width / stored[0], picture.height / stored[1]))
        if pixels is None:
            return None
        return np.ascontiguousarray(np.rot90(fit(pixels, *stored), -turns))

    def _plain_jpeg(self, page: int, picture: _Picture) -> bytes | None:
        """Bytes of the only picture of a page if it is a JPEG that needs no masks, mapping or colour conversion."""
        if self._pikepdf is None:
            self._pikepdf = pikepdf.open(io.BytesIO(self._data))
        try:
            pictures = [
                x
                for x in self._pikepdf.pages[page - 1].get_images(recursive=False).values()
                if isinstance(x, pikepdf.Stream)
            ]
            if len(pictures) != 1:
                return None
            (stream,) = pictures
            if any(key in stream for key in ("/Decode", "/SMask", "/Mask", "/ImageMask", "/SMaskInData")):
                return None
            space, filters = stream.get("/ColorSpace"), stream.get("/Filter")
            name = space[0] if isinstance(space, pikepdf.Array) and len(space) else space
            single = filters[0] if isinstance(filters, pikepdf.Array) and len(filters) == 1 else filters
            if str(name) not in _PLAIN_COLOURS or str(single) != "/DCTDecode":
                return None
            raw = stream.read_raw_bytes()
        except (pikepdf.PdfError, TypeError, ValueError):
            return None
        return raw if jpeg_size(raw) == (picture.width, picture.height) else None


def _draw(page: pdfium.PdfPage, width: int, height: int, grey: bool, stamps: bool = True) -> np.ndarray:
    """The page drawn by pdfium to exactly width x height: (H, W) grey or (H, W, 3) RGB, a copy of its own; with
    annotations when `stamps`."""
    form = pdfium_c.FPDFBitmap_Gray if grey else pdfium_c.FPDFBitmap_BGRx
    flags = pdfium_c.FPDF_GRAYSCALE if grey else pdfium_c.FPDF_REVERSE_BYTE_ORDER
    if stamps:
        flags |= pdfium_c.FPDF_ANNOT
    bitmap = pdfium.PdfBitmap.new_native(width, height, form, rev_byteorder=not grey)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        pdfium_c.FPDF_RenderPageBitmap(bitmap.raw, page.raw, 0, 0, width, height, 0, flags)
        drawn = bitmap.to_numpy()
        if not grey:
            return cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB)
        return np.array(drawn).reshape(height, width)
    finally:
        bitmap.close()


# --- what stands on a page -------------------------------------------------------------------------------------------
def _layout(page: pdfium.PdfPage) -> _Layout:
    layout = _Layout(annotated=_has_annotations(page))
    count = 0
    waiting: list[tuple[object, Matrix, int]] = []
    for index in range(pdfium_c.FPDFPage_CountObjects(page.raw)):
        waiting.append((pdfium_c.FPDFPage_GetObject(page.raw, index), (1, 0, 0, 1, 0, 0), 0))
        if len(waiting) > _MOST_OBJECTS:
            break
    while waiting and count < _MOST_OBJECTS:
        thing, outer, depth = waiting.pop()
        count += 1
        kind = pdfium_c.FPDFPageObj_GetType(thing)
        if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
            layout.other |= pdfium_c.FPDFTextObj_GetTextRenderMode(thing) not in _INVISIBLE_TEXT
        elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE:
            layout.pictures.append(_picture(page, thing, outer))
        elif kind == pdfium_c.FPDF_PAGEOBJ_FORM and depth < _DEEPEST_FORM:
            inner = _times(_matrix(thing), outer)
            for index in range(min(pdfium_c.FPDFFormObj_CountObjects(thing), _MOST_OBJECTS - len(waiting))):
                waiting.append((pdfium_c.FPDFFormObj_GetObject(thing, index), inner, depth + 1))
        else:
            layout.other = True
    _keep_parts(layout, page.get_bbox())
    return layout


def _picture(page: pdfium.PdfPage, thing: object, outer: Matrix) -> _Picture:
    facts = pdfium_c.FPDF_IMAGEOBJ_METADATA()
    pdfium_c.FPDFImageObj_GetImageMetadata(thing, page.raw, facts)
    grey = facts.colorspace in _GREY_SPACES or (
        facts.colorspace == pdfium_c.FPDF_COLORSPACE_ICCBASED and facts.bits_per_pixel == 8
    )
    return _Picture(facts.width, facts.height, facts.bits_per_pixel, grey, _times(_matrix(thing), outer))


def _keep_parts(layout: _Layout, shown: Box) -> None:
    """Measures the share of the page under pictures, and drops those too small to be part of a scan.

    Scanners store a page in strips, tiles or layers, so the share is that of their union, on a grid of 100 x 100.
    """
    left, bottom, right, top = shown
    grid = np.zeros((100, 100), bool)
    kept = []
    for picture in layout.pictures:
        x0, y0, x1, y1 = picture.box
        columns = [round(100 * (x - left) / (right - left)) for x in (max(left, x0), min(right, x1))]
        rows = [round(100 * (y - bottom) / (top - bottom)) for y in (max(bottom, y0), min(top, y1))]
        if columns[0] < columns[1] and rows[0] < rows[1]:
            grid[rows[0] : rows[1], columns[0] : columns[1]] = True
            if (columns[1] - columns[0]) * (rows[1] - rows[0]) >= _PART_OF_PAGE * grid.size:
                kept.append(picture)
    layout.cover = float(grid.mean())
    if layout.cover >= _PAGE_COVER:
        layout.pictures = kept


def _has_annotations(page: pdfium.PdfPage) -> bool:
    for index in range(min(pdfium_c.FPDFPage_GetAnnotCount(page.raw), _MOST_OBJECTS)):
        annotation = pdfium_c.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            area = pdfium_c.FS_RECTF()
            pdfium_c.FPDFAnnot_GetRect(annotation, area)
            shown = not pdfium_c.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN
            # An invisible signature has an empty rectangle.
            if shown and abs((area.right - area.left) * (area.top - area.bottom)) > 1:
                if pdfium_c.FPDFAnnot_GetSubtype(annotation) not in _UNSEEN_ANNOTATIONS:
                    return True
        finally:
            pdfium_c.FPDFPage_CloseAnnot(annotation)
    return False


def _matrix(thing: object) -> Matrix:
    matrix = pdfium_c.FS_MATRIX()
    if not pdfium_c.FPDFPageObj_GetMatrix(thing, ctypes.byref(matrix)):
        return (1, 0, 0, 1, 0, 0)
    return (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    """The map that does `inner` first, `outer` then (ISO 32000-1, 8.3.4)."""
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)
