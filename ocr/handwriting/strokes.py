"""The ink in a part of a page: marks without rules and dust, the height of an entry, what belongs to neighbours."""

from __future__ import annotations

import cv2
import numpy as np

from ocr.handwriting.digits import to_grey
from ocr.handwriting.levels import percentiles
from schemas.page import Box


def cut_out(pixels: np.ndarray, box: Box, margin: float) -> np.ndarray:
    """The part of a picture in a box, `margin` pixels wider on every side; empty where the box lies outside."""
    height, width = pixels.shape[:2]
    left, top = max(0, int(box[0] - margin)), max(0, int(box[1] - margin))
    return pixels[
        top : min(height, round(box[3] + margin) + 1), left : min(width, round(box[2] + margin) + 1)
    ]


def marks(crop: np.ndarray, least: float = 0.22, contrast: float = 45.0) -> np.ndarray:
    """Ink of a crop without rules, dot leaders and dust, bool (H, W): what is higher than a share `least` of the crop, and
    darker than its paper by `contrast` grey levels."""
    grey = to_grey(crop)
    if not grey.size:
        return np.zeros(grey.shape, bool)
    [paper] = percentiles(grey, 85)
    ink = grey < paper - max(contrast, 0.4 * (paper - float(grey.min())))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    high = crop.shape[0]
    keep = np.zeros(count, bool)
    keep[1:] = stats[1:, cv2.CC_STAT_HEIGHT] > least * high
    return keep[labels]


def without_slivers(crop: np.ndarray) -> np.ndarray:
    """Grey crop without the slivers of neighbouring letters at its left and right edge, which look like a 1."""
    grey = to_grey(crop).copy()
    if not grey.size:
        return grey
    [paper] = percentiles(grey, 85)
    ink = (grey < paper - max(30.0, 0.25 * (paper - float(grey.min())))).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    for n in range(1, count):
        left, width = stats[n, cv2.CC_STAT_LEFT], stats[n, cv2.CC_STAT_WIDTH]
        if (left == 0 or left + width == grey.shape[1]) and width <= 0.12 * grey.shape[0]:
            grey[cv2.dilate((labels == n).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = int(paper)
    return grey


def ink_rows(box: Box, pixels: np.ndarray) -> tuple[float, float]:
    """Top and bottom of a gap, widened to the strokes that reach out of the printed row but have their middle in it."""
    left, top, right, bottom = box
    reach = 0.45 * (bottom - top)
    window = cut_out(pixels, (left, top - reach, right, bottom + reach), 0.0)
    if window.shape[0] < 4 or window.shape[1] < 4:
        return top, bottom
    start = max(0, int(top - reach))
    ink = marks(window).astype(np.uint8)
    count, _, stats, centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    for n in range(1, count):
        y, height = start + stats[n, cv2.CC_STAT_TOP], stats[n, cv2.CC_STAT_HEIGHT]
        inside = min(y + height, bottom) - max(y, top)
        if inside > 0.6 * height and height < 1.6 * (bottom - top):
            top, bottom = min(top, y - 1.0), max(bottom, y + height + 1.0)
    return top, bottom


def tight(pixels: np.ndarray, box: Box) -> np.ndarray:
    """Crop of the ink in a box, as tight as the boxes of words are."""
    crop = cut_out(pixels, box, 0.0)
    ink = marks(crop)
    rows, cols = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) < 3 or len(cols) < 2:
        return crop
    margin = max(1, int(0.08 * (rows[-1] - rows[0])))
    return crop[
        max(0, rows[0] - margin) : rows[-1] + margin + 1, max(0, cols[0] - margin) : cols[-1] + margin + 1
    ]


def blueness(pixels: np.ndarray, box: Box) -> float:
    """By how many grey levels the ink in a box of a colour picture is bluer than it is red; 0 where there is none."""
    crop = cut_out(pixels, box, 0.0)
    if not crop.size:
        return 0.0
    ink = marks(crop)
    if ink.sum() < 12:
        return 0.0
    inked = crop[ink].astype(np.float32)
    return float(np.median(inked[:, 2] - inked[:, 0]))
