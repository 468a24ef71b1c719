"""One page, picture to words: clean, turn upright, straighten, recognise. A straight line, top to bottom."""

from __future__ import annotations

import cv2
import numpy as np

from ocr import cleanup, orientation, page_edges
from ocr.engines import Engine
from schemas.page import PageQuality, PageReading, Word

cv2.setNumThreads(1)  # one process a core; more threads only fight each other


def trusted(words: list[Word]) -> float:
    """Mean confidence weighted by length: how far the reading can be trusted as text, 0..1."""
    weight = sum(len(w.text) for w in words)
    return sum(w.confidence * len(w.text) for w in words) / weight if weight else 0.0


def text_of(words: list[Word]) -> str:
    """Lines of words in reading order, separated by newlines."""
    lines: dict[int, list[str]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word.text)
    return "\n".join(" ".join(parts) for parts in lines.values())


def upright_frame(pixels: np.ndarray, dpi: float, engine: Engine) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, float]:
    """Turns, flattens and cleans a picture.

    Returns (clean grey, pixels in the same frame, 3x3 matrix source pixels -> frame, rotation clockwise, skew degrees).
    """
    to_frame = np.eye(3)
    corners = page_edges.find_sheet(pixels)
    if corners is not None:
        matrix, size = page_edges.flat_matrix(corners)
        pixels = cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
        to_frame = matrix
    clean = cleanup.clean(pixels, dpi)
    ink = orientation.ink_map(clean)
    rotation = 0
    if orientation.sideways(ink):
        rotation = 90
        turn = _turn_matrix(90, clean.shape)
        clean, pixels = np.rot90(clean), np.rot90(pixels)
        ink = np.ascontiguousarray(np.rot90(ink))
        to_frame = turn @ to_frame
    angle, _ = orientation.skew(ink)
    height, width = ink.shape
    level = cv2.warpAffine(ink, cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1), (width, height))
    score = orientation.upright_score(level)
    if score < 0.25 and _reads_better_upside_down(clean, angle, dpi, engine):
        rotation += 180
        to_frame = _turn_matrix(180, clean.shape) @ to_frame
        clean, pixels = np.rot90(clean, 2), np.rot90(pixels, 2)
    clean, pixels = np.ascontiguousarray(clean), np.ascontiguousarray(pixels)
    if abs(angle) >= 0.1:
        height, width = clean.shape
        level_matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
        clean = cv2.warpAffine(clean, level_matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=255)
        pixels = cv2.warpAffine(pixels, level_matrix, (width, height), flags=cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE)
        to_frame = np.vstack([level_matrix, [0, 0, 1]]) @ to_frame
    return cleanup.clear_leaders(clean, dpi), pixels, to_frame, rotation, angle


def _turn_matrix(degrees: int, shape: tuple[int, ...]) -> np.ndarray:
    """What np.rot90 does (anticlockwise) to pixel coordinates of a picture of `shape`."""
    height, width = shape[:2]
    if degrees == 90:
        return np.array([[0, 1, 0], [-1, 0, width - 1], [0, 0, 1]], float)
    return np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]], float)


def _reads_better_upside_down(clean: np.ndarray, angle: float, dpi: float, engine: Engine) -> bool:
    """Reads the three fullest rows both ways up and compares how sure the engine is."""
    height, width = clean.shape
    level = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    page = cv2.warpAffine(clean, level, (width, height), borderValue=255)
    body = (page < 140).sum(axis=1).astype(np.float32)
    body = cv2.blur(body.reshape(-1, 1), (1, 3)).ravel()
    row = int(dpi * 0.9)  # about four lines
    sums = np.convolve(body, np.ones(row), "valid")
    if sums.size == 0:
        return False
    best: list[int] = []
    for start in np.argsort(-sums):
        if all(abs(int(start) - s) > row for s in best):
            best.append(int(start))
        if len(best) == 2:
            break
    up = down = 0.0
    for start in best:
        strip = page[start : start + row]
        up += _sense(engine.read(strip, int(dpi), layout="block"))
        down += _sense(engine.read(np.ascontiguousarray(np.rot90(strip, 2)), int(dpi), layout="block"))
    return down > up


def _sense(words: list[Word]) -> float:
    return sum(max(0.0, w.confidence - 0.3) * len(w.text) for w in words if len(w.text) > 1)
