"""From a page picture as it came in to the grey picture that is read. What is kept is never touched (DESIGN decision 1).

What each step is for, and what was measured, stands in docs/benchmarks.md; the order matters: colour first (a seal is gone
before it can skew the paper tone), then paper tone, then noise, then geometry.
"""

from __future__ import annotations

import cv2
import numpy as np

PAPER = 255
FEW_PIXELS = 500  # fewer dark pixels than one printed line has
MANY_SPECKS = 20  # a clean page has fewer
NOISY = 5.0  # grey levels; less than that does not trouble the reader


def reading_plane(pixels: np.ndarray) -> np.ndarray:
    """Grey picture in which red ink (seals, stamps) has faded into the paper and black ink has not.

    pixels: uint8 (H, W, 3) RGB or (H, W) grey. In the red channel a red seal is nearly as bright as paper while the black
    text under it stays dark; elsewhere luma has less noise.
    """
    if pixels.ndim == 2:
        return pixels
    red, green, blue = cv2.split(pixels)
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    redness = cv2.blur(cv2.subtract(red, cv2.max(green, blue)), (3, 3))
    # In bands: the pictures of fractions are four times as large as the page, and most rows bear no red.
    for top in range(0, len(luma), 128):
        band = slice(top, top + 128)
        if redness[band].max(initial=0) <= 12:
            continue
        weight = np.clip((redness[band].astype(np.float32) - 12) / 24, 0, 1)
        # Push what is bright red on towards paper, so that no grey ring is left for the reader to trip over.
        bright = red[band].astype(np.float32)
        bright += np.clip((bright - 110) / 60, 0, 1) * (PAPER - bright) * 0.7
        luma[band] = (luma[band] + weight * (bright - luma[band])).astype(np.uint8)
    return luma


def redness_share(pixels: np.ndarray) -> float:
    """Share of the page covered by strong red ink; a seal of normal size gives 0.002 and more."""
    if pixels.ndim == 2:
        return 0.0
    small = cv2.resize(pixels, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    red, green, blue = cv2.split(small)
    return float((cv2.subtract(red, cv2.max(green, blue)) > 45).mean())


def flatten_paper(grey: np.ndarray) -> np.ndarray:
    """Divides by the local paper tone: uneven light, yellow paper, shadows and grey copies become white paper."""
    small = cv2.resize(grey, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    paper = cv2.medianBlur(paper, 11)
    paper = cv2.GaussianBlur(paper, (0, 0), 5)
    paper = cv2.resize(paper, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    return cv2.divide(grey, np.maximum(paper, 40), scale=PAPER)


def noise_level(grey: np.ndarray) -> float:
    """Standard deviation of pixel noise (Immerkær 1996), over paper only so that letters do not count, from a quarter of
    the rows."""
    kernel = np.float32([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    values = []
    for top in range(0, len(grey), 256):
        band = grey[top : top + 64]
        response = np.abs(cv2.filter2D(band, cv2.CV_32F, kernel))
        paper = cv2.erode((band > 170).astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
        values.append(response[paper])
    seen = np.concatenate(values)
    return float(seen.mean() * np.sqrt(np.pi / 2) / 6) if seen.size > 250 else 0.0


def stretch(grey: np.ndarray) -> np.ndarray:
    """Spreads faded ink back to black. Levels come from the page: its darkest ink and its paper.

    A page without any dark ink is either faint print or the other side shining through: it is spread all the same, so
    that the reader can tell.
    """
    counts = np.bincount(grey.ravel(), minlength=256)
    limit, low_limit, high = 200, 140.0, 232.0
    if counts[:limit].sum() < FEW_PIXELS:
        limit, low_limit, high = 236, 222.0, 246.0
        if counts[:limit].sum() < FEW_PIXELS:
            return grey
    upto = np.cumsum(counts[:limit])
    low = min(float(np.searchsorted(upto, 0.05 * upto[-1])), low_limit)
    table = np.clip((np.arange(256) - low) * (PAPER / (high - low)), 0, PAPER).astype(np.uint8)
    return cv2.LUT(grey, table)


def is_faint(pixels: np.ndarray, dpi: float) -> bool:
    """True when a page holds no dark ink at all: faint print, or print of the other side shining through."""
    flat = clear_border(flatten_paper(reading_plane(pixels)), dpi)
    height, width = flat.shape
    inner = flat[height // 25 : height - height // 25, width // 25 : width - width // 25]
    return int((inner < 190).sum()) < FEW_PIXELS


def clear_border(grey: np.ndarray, dpi: float) -> np.ndarray:
    """Paints out dark areas that touch the edge of the page (scanner lid, neighbouring sheet, photo background)."""
    small = cv2.resize(grey, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    dark = cv2.morphologyEx((small < 180).astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    height, width = dark.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    if count < 2:
        return grey
    left, top = stats[:, cv2.CC_STAT_LEFT], stats[:, cv2.CC_STAT_TOP]
    w, h = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    touches = (left <= 1) | (top <= 1) | (left + w >= width - 1) | (top + h >= height - 1)
    big = (stats[:, cv2.CC_STAT_AREA] > (dpi / 4 * 0.12) ** 2)
    remove = touches & big
    remove[0] = False
    if not remove.any():
        return grey
    mask = cv2.dilate(remove[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    mask = cv2.resize(mask, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_NEAREST)
    cleared = grey.copy()
    cleared[mask > 0] = PAPER
    return cleared


def clear_dots(grey: np.ndarray, dpi: float) -> np.ndarray:
    """Removes what a reader takes for letters though it is none: dot leaders, and specks that stand alone.

    A leader is a row of at least eight small dots near to each other (framed certificates: 10-18 % CER with them, 3 %
    without); `grey` must be straight. A speck is up to 0.5 mm, as copies and fax leave them; within 2.3 mm of other ink it
    may be a dot, a dash or a tone mark and stays: on thin copies removing those cost 2 % CER.
    """
    dark = (grey < 160).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(dark)
    inked = (slice(top, top + height), slice(left, left + width))
    count, labels, stats, centres = cv2.connectedComponentsWithStats(dark[inked], connectivity=8)
    leaders = _leader_dots(stats, centres + (left, top), dpi)
    specks = stats[:, cv2.CC_STAT_AREA] <= max(2.0, (dpi * 0.02) ** 2)
    specks[0] = False
    if specks.sum() < MANY_SPECKS and not leaders.any():
        return grey
    kinds = np.ones(count, np.uint8)  # ink
    kinds[0] = 0
    kinds[specks] = 2
    kinds[leaders] = 3
    picture = kinds[labels]
    reach = int(dpi * 0.09) * 2 + 1
    near_ink = cv2.dilate((picture == 1).astype(np.uint8), np.ones((reach, reach), np.uint8))
    alone = (picture == 2) & (near_ink == 0)
    remove = picture == 3
    if np.unique(labels[alone]).size >= MANY_SPECKS:
        remove |= alone
    if not remove.any():
        return grey
    cleared = grey.copy()
    cleared[inked][cv2.dilate(remove.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = PAPER
    return cleared


def _leader_dots(stats: np.ndarray, centres: np.ndarray, dpi: float) -> np.ndarray:
    """Which components, bool (count,), are dots of leaders."""
    limit = dpi * 0.035
    dot = (stats[:, cv2.CC_STAT_WIDTH] <= limit) & (stats[:, cv2.CC_STAT_HEIGHT] <= limit)
    dot[0] = False
    index = np.flatnonzero(dot)
    chosen = np.zeros(len(stats), bool)
    bands = np.round(centres[index, 1] / (dpi * 0.02)).astype(int)
    for shift in (0, 1):  # a row may straddle two bands
        rows = (bands + shift) // 2
        for row in np.unique(rows):
            members = index[rows == row]
            if members.size < 8:
                continue
            members = members[np.argsort(centres[members, 0])]
            gaps = np.diff(centres[members, 0])
            for run in np.split(members, np.flatnonzero(gaps > dpi * 0.09) + 1):
                if run.size >= 8:
                    chosen[run] = True
    return chosen


def clean(pixels: np.ndarray, dpi: float) -> np.ndarray:
    """The grey picture to be read, same geometry as `pixels`."""
    plane = reading_plane(pixels)
    if noise_level(plane) > NOISY:
        plane = cv2.medianBlur(plane, 3)
    return stretch(clear_border(flatten_paper(plane), dpi))
