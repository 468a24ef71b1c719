"""Finds the sheet in a photograph and lays it flat."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = 600  # longer side of the picture that is searched
STEP = 12  # grey levels by which the sheet must be brighter than what lies around it


def find_sheet(pixels: np.ndarray) -> np.ndarray | None:
    """Corners (4, 2) float32 of the sheet, clockwise from top left, when the picture shows a sheet on a background.

    None when the picture is the sheet itself, as from a scanner: a photograph shows background on three sides at least,
    the lid of a scanner a strip along one or two.
    """
    scale = SIZE / max(pixels.shape[:2])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = small if small.ndim == 2 else cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    # Letters are closed away first; the median keeps the edge of the sheet sharp.
    smooth = cv2.medianBlur(cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8)), 5)
    edges = cv2.Canny(smooth, 12, 30)
    height, width = grey.shape
    found = cv2.HoughLinesP(edges, 1, np.pi / 360, 60, minLineLength=0.22 * min(height, width), maxLineGap=25)
    if found is None:
        return None
    segments = found.reshape(-1, 4).astype(np.float32)
    sides = [_sheet_side(segments, smooth, side) for side in ("left", "top", "right", "bottom")]
    edge_of_picture = [
        np.float32([0, 0, 0, height]),
        np.float32([0, 0, width, 0]),
        np.float32([width, 0, width, height]),
        np.float32([0, height, width, height]),
    ]
    if sum(side is not None for side in sides) < 3:
        return None
    lines = [edge_of_picture[i] if side is None else side for i, side in enumerate(sides)]
    left, top, right, bottom = lines
    quad = np.float32([_cross(left, top), _cross(right, top), _cross(right, bottom), _cross(left, bottom)])
    margins = (quad[:, 0].min(), quad[:, 1].min(), width - quad[:, 0].max(), height - quad[:, 1].max())
    if sum(margin > 0.012 * SIZE for margin in margins) < 3 or min(margins) < -0.05 * SIZE:
        return None
    if not 0.25 * width * height < cv2.contourArea(quad) < 0.96 * width * height:
        return None
    return quad / scale


def _sheet_side(segments: np.ndarray, grey: np.ndarray, side: str) -> np.ndarray | None:
    """The longest edge in one half of the picture that is dark outside and bright inside along most of its length."""
    upright = side in ("left", "right")
    dx, dy = np.abs(segments[:, 2] - segments[:, 0]), np.abs(segments[:, 3] - segments[:, 1])
    chosen = segments[(dx < 0.27 * dy) if upright else (dy < 0.27 * dx)]
    middle = (chosen[:, 0] + chosen[:, 2]) / 2 if upright else (chosen[:, 1] + chosen[:, 3]) / 2
    extent = grey.shape[1] if upright else grey.shape[0]
    near = middle < 0.45 * extent if side in ("left", "top") else middle > 0.55 * extent
    chosen, length = chosen[near], (dx + dy)[(dx < 0.27 * dy) if upright else (dy < 0.27 * dx)][near]
    inward = 1 if side in ("left", "top") else -1
    for index in np.argsort(-length):
        x1, y1, x2, y2 = chosen[index]
        t = np.linspace(0.05, 0.95, 25)
        xs, ys = x1 + (x2 - x1) * t, y1 + (y2 - y1) * t
        step = np.array([inward, 0]) if upright else np.array([0, inward])
        inside = _sample(grey, xs + 7 * step[0], ys + 7 * step[1])
        outside = _sample(grey, xs - 6 * step[0], ys - 6 * step[1])
        if np.mean(inside - outside > STEP) > 0.75 and _paper_beyond(grey, xs, ys, step):
            return chosen[index]
    return None


def _paper_beyond(grey: np.ndarray, xs: np.ndarray, ys: np.ndarray, step: np.ndarray) -> bool:
    """Bright paper goes on inwards, unlike a light stripe in the background."""
    inner = np.mean([_sample(grey, xs + d * step[0], ys + d * step[1]) for d in (10, 20, 30)], axis=0)
    outer = np.mean([_sample(grey, xs - d * step[0], ys - d * step[1]) for d in (5, 9)], axis=0)
    return float(np.median(inner - outer)) > STEP


def _sample(grey: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    height, width = grey.shape
    x = np.clip(np.round(xs), 0, width - 1).astype(int)
    y = np.clip(np.round(ys), 0, height - 1).astype(int)
    return grey[y, x].astype(np.float32)


def _cross(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Where two lines, each given by a segment, meet."""
    la = np.cross([a[0], a[1], 1], [a[2], a[3], 1])
    lb = np.cross([b[0], b[1], 1], [b[2], b[3], 1])
    x, y, w = np.cross(la, lb)
    return (x / w, y / w)


def flat_matrix(corners: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Homography that lays the sheet flat, and the (width, height) it then has, in the pixels of the picture."""
    tl, tr, br, bl = corners
    width = int(round((np.linalg.norm(tr - tl) + np.linalg.norm(br - bl)) / 2))
    height = int(round((np.linalg.norm(bl - tl) + np.linalg.norm(br - tr)) / 2))
    target = np.float32([[0, 0], [width, 0], [width, height], [0, height]])
    return cv2.getPerspectiveTransform(corners.astype(np.float32), target), (width, height)
