"""One page, picture to words: clean, turn upright, straighten, recognise. A straight line, top to bottom."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import zxingcpp

from ocr import cleanup, orientation, page_edges, quality, second_look
from ocr.engines import Engine
from ocr.handwriting.annotate import annotate
from ocr.intake import PageImage
from schemas.page import Barcode, PageQuality, PageReading, Word
from schemas.settings import Reading

cv2.setNumThreads(1)  # one process a core; more threads only fight each other

SURE_UPRIGHT = 0.25  # upright_score from which nobody asks the recogniser
SURE_LYING = 0.95  # sideways_ratio below: rows lie; above SURE_STANDING: rows stand
SURE_STANDING = 1.35


@dataclass(slots=True)
class Frame:
    """A picture brought into the read frame."""

    clean: np.ndarray
    """uint8 grey (H, W), upright, straight, cleaned for reading."""
    pixels: np.ndarray
    """The picture as it came, in the same geometry, for colour and handwriting."""
    from_picture: np.ndarray
    """3x3 matrix, source pixels -> frame pixels."""
    rotation: int
    skew_deg: float
    sheet: tuple[int, int] | None
    """Width and height in source pixels of the sheet found in a photograph."""


def read_page(number: int, image: PageImage, born: list[Word] | None, engine: Engine, settings: Reading) -> PageReading:
    """Reads one page.

    number: 1-based page in the source; image: the picture at about `settings.dpi`; born: words that came with a
    born-digital page (boxes in points), None for a scan. Raises PageFailed when the recogniser fails.
    """
    if born is not None:
        return _born_reading(number, image, born, settings)
    picture, dpi = image.pixels, int(round(image.dpi))
    if quality.is_blank(picture, dpi):
        return _blank_reading(number, image, settings)
    frame = upright_frame(picture, dpi, engine)
    words = engine.read(frame.clean, dpi)
    words = second_look.without_noise(second_look.look_again(frame.pixels, words, dpi, engine))
    if quality.is_show_through(picture, words, dpi):
        return _blank_reading(number, image, settings)
    checked = quality.check(image, frame.pixels, frame.clean, words, frame.skew_deg, frame.sheet, settings)
    size, to_points, perspective = _shown_frame(image, frame)
    reading = PageReading(
        page=number,
        width=frame.clean.shape[1],
        height=frame.clean.shape[0],
        dpi=dpi,
        rotation=frame.rotation,
        skew_deg=frame.skew_deg,
        words=words,
        barcodes=find_barcodes(frame.clean),
        quality=checked,
        to_points=to_points,
        perspective=perspective,
        page_size_pt=size,
        engine=engine.name,
    )
    reading = annotate(reading, frame.pixels)
    return reading.model_copy(update={"text": text_of(reading.words)})


def upright_frame(pixels: np.ndarray, dpi: int, engine: Engine) -> Frame:
    """Lays a photographed sheet flat, cleans, turns upright and straightens."""
    to_frame = np.eye(3)
    sheet = None
    corners = page_edges.find_sheet(pixels)
    if corners is not None:
        to_frame, sheet = page_edges.flat_matrix(corners)
        pixels = cv2.warpPerspective(pixels, to_frame, sheet, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    clean = cleanup.clean(pixels, dpi)
    rotation, angle = find_turn(clean, dpi, engine)
    if rotation:
        to_frame = _turn_matrix(rotation, clean.shape) @ to_frame
        turns = rotation // 90  # np.rot90 turns anticlockwise, which undoes a clockwise turn
        clean, pixels = np.ascontiguousarray(np.rot90(clean, turns)), np.ascontiguousarray(np.rot90(pixels, turns))
    if abs(angle) >= 0.1:
        height, width = clean.shape
        level = _level_matrix(clean.shape, angle)
        clean = cv2.warpAffine(clean, level, (width, height), flags=cv2.INTER_CUBIC, borderValue=cleanup.PAPER)
        pixels = cv2.warpAffine(pixels, level, (width, height), borderMode=cv2.BORDER_REPLICATE)
        to_frame = np.vstack([level, [0, 0, 1]]) @ to_frame
    return Frame(cleanup.clear_leaders(clean, dpi), pixels, to_frame, rotation, angle, sheet)


def find_turn(clean: np.ndarray, dpi: int, engine: Engine) -> tuple[int, float]:
    """(rotation, skew): clockwise degrees by which the content is turned, and what is left after turning it back.

    The picture alone answers for nearly every upright page; where it does not, a few rows are read both ways.
    """
    ink = orientation.ink_map(clean)
    ratio = orientation.sideways_ratio(ink)
    candidates: list[int] = []
    if ratio < SURE_STANDING:
        candidates += [0, 180]
    if ratio > SURE_LYING:
        candidates += [90, 270]
    angles: dict[int, float] = {}
    for rotation in candidates:
        if rotation % 180 in angles:
            angles[rotation] = angles[rotation % 180]
            continue
        turned = np.ascontiguousarray(np.rot90(ink, rotation // 90))
        angles[rotation], _ = orientation.skew(turned)
        if rotation == 0 and len(candidates) == 2:
            level = cv2.warpAffine(turned, _level_matrix(turned.shape, angles[0]), turned.shape[::-1])
            if orientation.upright_score(level) > SURE_UPRIGHT:
                return 0, angles[0]
    scores = {r: _reading_sense(clean, r, angles[r], dpi, engine) for r in candidates}
    best = max(candidates, key=lambda r: scores[r])
    return (best, angles[best]) if scores[best] > 0 else (0, angles.get(0, 0.0))


def _reading_sense(clean: np.ndarray, rotation: int, angle: float, dpi: int, engine: Engine) -> float:
    """How much sense the fullest rows make when the picture is turned back by `rotation`."""
    page = np.ascontiguousarray(np.rot90(clean, rotation // 90))
    height, width = page.shape
    page = cv2.warpAffine(page, _level_matrix(page.shape, angle), (width, height), borderValue=cleanup.PAPER)
    rows = (page < 140).sum(axis=1).astype(np.float32)
    strip = int(dpi * 0.9)  # about four lines
    if height <= strip:
        return _sense(engine.read(page, dpi, layout="block"))
    sums = np.convolve(rows, np.ones(strip, np.float32), "valid")
    starts: list[int] = []
    for start in np.argsort(-sums):
        if all(abs(int(start) - taken) > strip for taken in starts):
            starts.append(int(start))
        if len(starts) == 2:
            break
    return sum(_sense(engine.read(page[s : s + strip], dpi, layout="block")) for s in starts)


def _sense(words: list[Word]) -> float:
    """Letters read with confidence; noise read as short or doubtful words counts for nothing."""
    return sum(max(0.0, w.confidence - 0.3) * len(w.text) for w in words if len(w.text) > 1)


def _level_matrix(shape: tuple[int, ...], angle: float) -> np.ndarray:
    height, width = shape[:2]
    return cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)


def _turn_matrix(rotation: int, shape: tuple[int, ...]) -> np.ndarray:
    """Pixel map of turning a picture of `shape` anticlockwise by `rotation`, as np.rot90 does."""
    height, width = shape[:2]
    return {
        90: np.array([[0, 1, 0], [-1, 0, width], [0, 0, 1]], float),
        180: np.array([[-1, 0, width], [0, -1, height], [0, 0, 1]], float),
        270: np.array([[0, -1, height], [1, 0, 0], [0, 0, 1]], float),
    }[rotation]


def _shown_frame(image: PageImage, frame: Frame) -> tuple[tuple[float, float], tuple, tuple[float, float]]:
    """Size of the page as shown upright, and the map read frame -> its points (affine part, perspective part)."""
    height, width = image.pixels.shape[:2]
    width_pt, height_pt = image.page_size_pt
    to_points = np.diag([width_pt / width, height_pt / height, 1.0])
    if frame.rotation:
        # Turn in points: the archived page is shown upright through /Rotate.
        to_points = _turn_matrix(frame.rotation, (height_pt, width_pt)) @ to_points
    matrix = to_points @ np.linalg.inv(frame.from_picture)
    matrix /= matrix[2, 2]
    size = (height_pt, width_pt) if frame.rotation % 180 else (width_pt, height_pt)
    return size, tuple(matrix[:2].ravel()), tuple(matrix[2, :2])


def find_barcodes(clean: np.ndarray) -> list[Barcode]:
    """Bar and QR codes on an upright page, text as UTF-8."""
    found = []
    half = cv2.resize(clean, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    for code in zxingcpp.read_barcodes(half, try_invert=False) or zxingcpp.read_barcodes(clean, try_invert=False):
        corners = [(p.x, p.y) for p in (code.position.top_left, code.position.bottom_right,
                                         code.position.top_right, code.position.bottom_left)]
        xs, ys = [2.0 * x for x, _ in corners], [2.0 * y for _, y in corners]
        found.append(Barcode(text=code.text, format=str(code.format), box=(min(xs), min(ys), max(xs), max(ys))))
    return found


def _blank_reading(number: int, image: PageImage, settings: Reading) -> PageReading:
    height, width = image.pixels.shape[:2]
    width_pt, height_pt = image.page_size_pt
    return PageReading(
        page=number,
        width=width,
        height=height,
        dpi=image.dpi,
        quality=quality.of_blank(image, settings),
        to_points=(width_pt / width, 0.0, 0.0, 0.0, height_pt / height, 0.0),
        page_size_pt=image.page_size_pt,
    )


def _born_reading(number: int, image: PageImage, born: list[Word], settings: Reading) -> PageReading:
    """Words that came with the file, brought to the read frame's resolution."""
    scale = image.dpi / 72
    words = [w.model_copy(update={"box": tuple(v * scale for v in w.box)}) for w in born]
    height, width = image.pixels.shape[:2]
    return PageReading(
        page=number,
        width=width,
        height=height,
        dpi=image.dpi,
        words=words,
        quality=PageQuality(
            width_px=width, height_px=height, dpi=settings.wanted_dpi, colour=image.colour, sharpness=1.0, contrast=1.0
        ),
        to_points=(1 / scale, 0.0, 0.0, 0.0, 1 / scale, 0.0),
        page_size_pt=image.page_size_pt,
        born_digital=True,
        engine="born-digital",
        text=text_of(words),
    )


def text_of(words: list[Word]) -> str:
    """Lines of words in reading order, separated by newlines."""
    lines: dict[int, list[str]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word.text)
    return "\n".join(" ".join(parts) for parts in lines.values())
