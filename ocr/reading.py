"""One page, picture to words: clean, turn upright, straighten, recognise. A straight line, top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
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

SURE_UPRIGHT = 0.25  # upright_score from which only a reading that makes no sense raises doubt
LIKELY_UPRIGHT = 0.05  # from here the page is read first and asked about afterwards
SURE_LYING = 0.95  # sideways_ratio below: rows lie
SURE_ROWS = 1.8  # profile energy one way over the other from which rows are known to lie or stand (measured: 1.4 to 14)
SURE_READING = 0.87  # a page read with that confidence is the right way up
SENSELESS = 0.6  # and with less it may be upside down, whatever its look
SENSE = 0.75  # the same for a few rows: the wrong way up 204 of 204 pages stayed below 0.65
ROWS = 4  # most rows that are asked
FEW_LETTERS = 40  # fewer do not tell which way up they are
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
    ink: np.ndarray
    """Map of its letters as the page lies (`orientation.ink_map`)."""
    upright: float
    """`orientation.upright_score` of the first way; 0 where it is not even known whether rows lie or stand."""


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

    The picture alone tells for most pages which way up they are. Where it does not, a few rows are read one way after
    the other until they make sense.
    """
    turns = likely_turns(clean)
    way = turns.ways[0]
    # Sideways is asked at once: the engine reads standing columns too, so a reading of the page would prove nothing.
    asked = way[0] != 0 or turns.upright < LIKELY_UPRIGHT
    if asked:
        way = _best_way(clean, turns, dpi, engine)
    frame = _frame(sheet, clean, *way, dpi)
    words = engine.read(frame.clean, dpi)
    if asked or not _doubtful(words, turns.upright > SURE_UPRIGHT):
        return frame, words
    better = _best_way(clean, turns, dpi, engine)
    if better != way:
        frame = _frame(sheet, clean, *better, dpi)
        words = engine.read(frame.clean, dpi)
    return frame, words


def _best_way(clean: np.ndarray, turns: Turns, dpi: int, engine: Engine) -> tuple[int, float]:
    """The first way in which rows make sense; where none does, the one in which they make most."""
    senses = []
    for way in turns.ways:
        words: list[Word] = []
        for row in _rows(clean, turns.ink, *way):
            words += [w for w in engine.read(row, dpi, layout="line") if len(w.text) > 1]
            if sum(len(w.text) for w in words) >= FEW_LETTERS and quality.trusted(words) > SENSE:
                return way
        # Letters read with confidence; noise read as short or doubtful words counts for nothing.
        senses.append(sum(max(0.0, w.confidence - 0.3) * len(w.text) for w in words))
    return turns.ways[senses.index(max(senses))]


def _rows(clean: np.ndarray, ink: np.ndarray, rotation: int, angle: float) -> Iterator[np.ndarray]:
    """Pictures of the fullest rows of a page turned back by `rotation`, at most about seven tenths of it wide."""
    page, ink = (np.ascontiguousarray(np.rot90(picture, rotation // 90)) for picture in (clean, ink))
    height, width = page.shape
    level = cv2.warpAffine(ink, _level_matrix(ink.shape, angle), ink.shape[::-1])
    matrix, scale = _level_matrix(page.shape, angle), height / ink.shape[0]
    for box in orientation.fullest_rows(level, ROWS):
        left, top, right, bottom = (round(scale * v) for v in box)
        excess = max(0, right - left - int(0.7 * width)) // 2
        left, right = max(0, left + excess - 10), min(width, right - excess + 10)
        moved = matrix - np.array([[0, 0, left], [0, 0, top]])
        yield cv2.warpAffine(page, moved, (right - left, bottom - top), borderValue=cleanup.PAPER)


def _doubtful(words: list[Word], looks_upright: bool) -> bool:
    """Whether a page that was read may yet stand on its head."""
    if looks_upright:
        return quality.trusted(words) < SENSELESS
    return sum(len(w.text) for w in words) < FEW_WORDS or quality.trusted(words) < SURE_READING


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
    angle, energy = orientation.skew(ink)
    lying = _up_and_down(ink, 0, angle)
    if ratio <= SURE_LYING:
        return Turns(lying[0], ink, lying[1])
    turned = np.ascontiguousarray(np.rot90(ink))
    angle, other = orientation.skew(turned)
    standing = _up_and_down(turned, 90, angle)
    if energy > SURE_ROWS * other:
        return Turns(lying[0], ink, lying[1])
    if other > SURE_ROWS * energy:
        return Turns(standing[0], ink, standing[1])
    return Turns(lying[0] + standing[0] if energy > other else standing[0] + lying[0], ink, 0.0)


def _up_and_down(ink: np.ndarray, rotation: int, angle: float) -> tuple[list[tuple[int, float]], float]:
    """Both ways up of an ink map whose rows lie, likelier first, and the upright score of the first."""
    score = orientation.upright_score(cv2.warpAffine(ink, _level_matrix(ink.shape, angle), ink.shape[::-1]))
    ways = [(rotation, angle), (rotation + 180, angle)]
    return (ways, score) if score >= 0 else (ways[::-1], -score)


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
