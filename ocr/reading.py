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
SURE_READING = 0.87  # four rows read with that confidence are the right way up; upside down they stay below 0.7
FEW_WORDS = 60  # also letters: fewer do not tell which way up a page is


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page as it lies: the picture, cut out of a photograph where it was one."""

    pixels: np.ndarray
    from_picture: np.ndarray
    """3x3 matrix, source pixels -> these pixels."""
    size: tuple[int, int] | None
    """Width and height of the sheet found in a photograph, None for a scan."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Turns:
    """Ways in which a page may be turned: (rotation clockwise, skew in degrees), likeliest first."""

    ways: list[tuple[int, float]]
    rows_known: bool
    """Whether rows lie or stand is known, only up and down may be mistaken."""
    certain: bool


def read_page(number: int, image: PageImage, born: list[Word] | None, engine: Engine, settings: Reading) -> PageReading:
    """Reads one page.

    number: 1-based page in the source; image: the picture at about `settings.dpi`; born: words that came with a
    born-digital page (boxes in points), None for a scan. Raises PageFailed when the recogniser fails.
    """
    if born is not None:
        return _born_reading(number, image, born, settings)
    picture, dpi = image.pixels, int(round(image.dpi))
    sheet = lay_flat(picture)
    clean = cleanup.clean(sheet.pixels, dpi)
    if quality.is_blank(clean, dpi):
        return _blank_reading(number, image, settings)
    frame, words = read_upright(sheet, clean, dpi, engine)
    words = second_look.without_noise(second_look.look_again(frame.pixels, words, dpi, engine))
    if quality.is_show_through(picture, words, dpi):
        return _blank_reading(number, image, settings)
    checked = quality.check(image, frame.pixels, frame.clean, words, frame.skew_deg, sheet.size, settings)
    size, to_points, perspective = _shown_frame(image, frame)
    reading = PageReading(
        page=number,
        width=frame.clean.shape[1],
        height=frame.clean.shape[0],
        dpi=dpi,
        rotation=frame.rotation,
        skew_deg=frame.skew_deg,
        words=words,
        barcodes=find_barcodes(frame.clean, thorough=len(words) < FEW_WORDS),
        quality=checked,
        to_points=to_points,
        perspective=perspective,
        page_size_pt=size,
        engine=engine.name,
    )
    reading = annotate(reading, frame.pixels)
    return reading.model_copy(update={"text": text_of(reading.words)})


def lay_flat(pixels: np.ndarray) -> Sheet:
    """The sheet in a photograph, seen from above; a scan as it is."""
    corners = page_edges.find_sheet(pixels)
    if corners is None:
        return Sheet(pixels, np.eye(3), None)
    matrix, size = page_edges.flat_matrix(corners)
    flat = cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return Sheet(flat, matrix, size)


def read_upright(sheet: Sheet, clean: np.ndarray, dpi: int, engine: Engine) -> tuple[Frame, list[Word]]:
    """The frame in which the content stands upright and straight, and the words read from it.

    The picture alone tells for most pages which way up they are. Where it does not, the likeliest way is read, and only
    when that makes no sense are a few rows read every other way.
    """
    turns = likely_turns(clean)
    way = turns.ways[0]
    if not turns.rows_known:  # the engine reads standing columns too, so a reading of the page would prove nothing
        way = _best_way(clean, turns.ways, dpi, engine)
    frame = _frame(sheet, clean, *way, dpi)
    words = engine.read(frame.clean, dpi)
    if turns.certain or not turns.rows_known or _makes_sense(words):
        return frame, words
    better = _best_way(clean, turns.ways, dpi, engine)
    if better != way:
        frame = _frame(sheet, clean, *better, dpi)
        words = engine.read(frame.clean, dpi)
    return frame, words


def _best_way(clean: np.ndarray, ways: list[tuple[int, float]], dpi: int, engine: Engine) -> tuple[int, float]:
    """The way in which the fullest rows make most sense; the likeliest when none does."""
    scores = {way: _reading_sense(clean, *way, dpi, engine) for way in ways}
    return max(ways, key=lambda way: scores[way])


def _makes_sense(words: list[Word]) -> bool:
    return sum(len(w.text) for w in words) >= FEW_WORDS and quality.trusted(words) > SURE_READING


def _frame(sheet: Sheet, clean: np.ndarray, rotation: int, angle: float, dpi: int) -> Frame:
    """Turns and levels the clean picture and the sheet alike."""
    pixels, to_frame = sheet.pixels, sheet.from_picture
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
    return Frame(cleanup.clear_dots(clean, dpi), pixels, to_frame, rotation, angle)


def likely_turns(clean: np.ndarray) -> Turns:
    """By how many degrees clockwise the content may be turned, with the skew that is left, likeliest first."""
    ink = orientation.ink_map(clean)
    ratio = orientation.sideways_ratio(ink)
    ways: list[tuple[int, float]] = []
    if ratio < SURE_STANDING:
        angle, _ = orientation.skew(ink)
        level = cv2.warpAffine(ink, _level_matrix(ink.shape, angle), ink.shape[::-1])
        score = orientation.upright_score(level)
        if score > SURE_UPRIGHT and ratio <= SURE_LYING:
            return Turns([(0, angle)], rows_known=True, certain=True)
        ways += [(0, angle), (180, angle)] if score > -SURE_UPRIGHT else [(180, angle), (0, angle)]
    if ratio > SURE_LYING:
        angle, _ = orientation.skew(np.ascontiguousarray(np.rot90(ink)))
        ways += [(90, angle), (270, angle)]
    return Turns(ways, rows_known=ratio <= SURE_LYING or ratio >= SURE_STANDING, certain=False)


def _reading_sense(clean: np.ndarray, rotation: int, angle: float, dpi: int, engine: Engine) -> float:
    """How much sense the fullest rows make when the picture is turned back by `rotation`."""
    page = np.ascontiguousarray(np.rot90(clean, rotation // 90))
    height, width = page.shape
    page = cv2.warpAffine(page, _level_matrix(page.shape, angle), (width, height), borderValue=cleanup.PAPER)
    strip = int(dpi * 0.9)  # about four lines
    starts = [0]
    if height > strip:
        rows = (page < 140).sum(axis=1).astype(np.float32)
        sums = np.convolve(rows, np.ones(strip, np.float32), "valid")
        starts = [int(np.argmax(sums))]
        elsewhere = np.abs(np.arange(sums.size) - starts[0]) > strip
        if elsewhere.any():
            starts.append(int(np.argmax(np.where(elsewhere, sums, -1))))
    words = [w for start in starts for w in engine.read(page[start : start + strip], dpi, layout="block")]
    # Letters read with confidence; noise read as short or doubtful words counts for nothing.
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


def find_barcodes(clean: np.ndarray, *, thorough: bool = True) -> list[Barcode]:
    """Bar and QR codes on an upright page, text as UTF-8. Not thorough: one quick pass, as a page full of text deserves
    (a separator sheet holds few words)."""
    found = []
    half = cv2.resize(clean, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    codes = zxingcpp.read_barcodes(half, try_invert=False, try_rotate=thorough, try_downscale=thorough)
    scale = 2.0
    if not codes and thorough:
        codes, scale = zxingcpp.read_barcodes(clean, try_invert=False), 1.0
    for code in codes:
        corners = [(p.x, p.y) for p in (code.position.top_left, code.position.bottom_right,
                                         code.position.top_right, code.position.bottom_left)]
        xs, ys = [scale * x for x, _ in corners], [scale * y for _, y in corners]
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
