"""Image check of one page: is the scan good enough to be evidence and to be read (TT 01/2023/TT-VPCP Đ8 k2; CV 7197)."""

from __future__ import annotations

import cv2
import numpy as np

from ocr import cleanup
from ocr.intake import PageImage
from schemas.page import IssueCode, PageQuality, Word
from schemas.settings import Reading

BLANK_INK = 0.00008
"""Share of ink below which a page is blank: 1/15 of a page number line; made blanks with show-through have < 0.00003."""
BLURRED = 0.25
LOW_CONTRAST = 0.22
SKEWED = 5.0
UNREADABLE = 0.55
A4_INCHES = (8.27, 11.69)


def is_blank(clean: np.ndarray, dpi: float) -> bool:
    """True when a cleaned picture holds nothing: dirt at the edges and show-through are gone from it already."""
    ink = ink_share(clean)
    if BLANK_INK <= ink < 20 * BLANK_INK:  # little enough to be the dust of a copier
        ink = ink_share(cleanup.clear_dots(clean, dpi))
    return ink < BLANK_INK


def is_show_through(picture: np.ndarray, words: list[Word], dpi: int) -> bool:
    """True when the only ink is pale and does not make sense: the print of the other side, mirrored."""
    sure = sum(len(w.text) for w in words if w.confidence > 0.75 and len(w.text) > 1)
    if sure >= 0.4 * sum(len(w.text) for w in words) and sure > 0:
        return False
    return cleanup.is_faint(picture, dpi)


def ink_share(clean: np.ndarray) -> float:
    """Share of ink inside the margins (the outer 4 % hold holes, shadows and lid edges)."""
    height, width = clean.shape
    inner = clean[height // 25 : height - height // 25, width // 25 : width - width // 25]
    return float((inner < 140).mean())


def trusted(words: list[Word]) -> float:
    """Mean confidence weighted by length: how far the reading can be trusted as text, 0..1."""
    weight = sum(len(w.text) for w in words)
    return sum(w.confidence * len(w.text) for w in words) / weight if weight else 0.0


def check(
    image: PageImage,
    pixels: np.ndarray,
    clean: np.ndarray,
    words: list[Word],
    skew_deg: float,
    sheet: tuple[int, int] | None,
    settings: Reading,
) -> PageQuality:
    """Everything the image check finds. `pixels` and `clean` in the read frame; `sheet` as ocr.reading.Sheet.size."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    dpi = true_dpi(image, sheet)
    contrast, sharpness = contrast_and_sharpness(grey, words)
    issues = []
    if dpi < settings.min_dpi * 0.985:  # scanners round 200 dpi down to 197 and the like
        issues.append(IssueCode.LOW_DPI)
    if words and contrast < LOW_CONTRAST:
        issues.append(IssueCode.LOW_CONTRAST)
    if words and sharpness < BLURRED:
        issues.append(IssueCode.BLURRED)
    if abs(skew_deg) > SKEWED:
        issues.append(IssueCode.SKEWED)
    if _cut(words, clean.shape):
        issues.append(IssueCode.CUT_EDGE)
    if trusted(words) < UNREADABLE:
        issues.append(IssueCode.UNREADABLE)
    return PageQuality(
        width_px=image.pixels.shape[1],
        height_px=image.pixels.shape[0],
        dpi=dpi,
        colour=image.colour,
        bilevel=image.bilevel,
        sharpness=sharpness,
        contrast=contrast,
        skew_deg=skew_deg,
        ink=ink_share(clean),
        seal=cleanup.redness_share(pixels) > 0.002,
        issues=issues,
    )


def of_blank(image: PageImage, settings: Reading) -> PageQuality:
    """Quality of a page that holds nothing."""
    height, width = image.pixels.shape[:2]
    return PageQuality(
        width_px=width,
        height_px=height,
        dpi=true_dpi(image, None),
        colour=image.colour,
        bilevel=image.bilevel,
        blank=True,
    )


def true_dpi(image: PageImage, sheet: tuple[int, int] | None) -> float:
    """Stored pixels over page size; for a photograph, over A4, since the sheet's own size is not known."""
    stored = image.native_dpi or image.dpi
    if sheet is None:
        return stored
    longer = max(sheet) / image.dpi * stored  # in stored pixels
    return longer / A4_INCHES[1]


def contrast_and_sharpness(grey: np.ndarray, words: list[Word]) -> tuple[float, float]:
    """(paper minus ink in 0..1, steepness of letter edges in 0..1), over the words read.

    Steepness: how much of the step from paper to ink happens within one pixel at the reading resolution, at the
    steepest tenth of all edge pixels.
    """
    chosen = [w for w in words if w.confidence > 0.5 and len(w.text) > 1][:50]
    steps, contrasts = [], []
    for word in chosen:
        left, top, right, bottom = (int(v) for v in word.box)
        crop = grey[max(0, top - 2) : bottom + 2, max(0, left - 2) : right + 2]
        if crop.size < 60:
            continue
        low, high = np.percentile(crop, (5, 90))
        if high - low < 8:
            continue
        contrasts.append((high - low) / 255)
        jump = np.abs(np.diff(crop.astype(np.int16), axis=1))
        steps.append(np.percentile(jump, 97) / (high - low))
    if not contrasts:
        return 0.0, 0.0
    return float(np.median(contrasts)), float(min(1.0, np.median(steps)))


def _cut(words: list[Word], shape: tuple[int, ...]) -> bool:
    """Confident words run over the edge of the picture: part of the paper was not captured."""
    height, width = shape
    sure = [w.box for w in words if w.confidence > 0.7 and len(w.text) > 1]
    sides = (
        sum(box[0] <= 2 for box in sure),
        sum(box[1] <= 2 for box in sure),
        sum(box[2] >= width - 3 for box in sure),
        sum(box[3] >= height - 3 for box in sure),
    )
    return max(sides) >= 3
