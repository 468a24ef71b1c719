"""From a printed page to what a scanner or a phone makes of it.

``scan`` takes clean pages (RGB, 300 dpi) and a level and returns ``Scan`` pages as they would arrive; ``write`` puts them
in a PDF (one image a page, nothing re-encoded), a multi-page TIFF, or single JPEG/PNG files.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import img2pdf
import numpy as np
from PIL import Image

SOURCE_DPI = 300
Array = np.ndarray


@dataclass
class Scan:
    """One scanned page. ``pixels``: (h, w, 3) RGB, (h, w) grey, or (h, w) of 0/255 for ``bilevel``."""

    pixels: Array
    dpi: int
    profile: str
    quality: int
    bilevel: bool = False
    skew: float = 0.0
    rotation_cw: int = 0


@dataclass
class Dirt:
    """Strengths of everything that can happen; 0 or a neutral value means it does not."""

    name: str
    dpi: int = 300
    mode: str = "rgb"  # rgb, grey, bilevel
    skew: float = 0.3
    paper: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ink: float = 1.0
    blur: float = 0.0
    noise: float = 0.0
    speckle: int = 0
    light: float = 0.0
    edges: float = 0.0
    through: float = 0.0
    folds: int = 0
    holes: bool = False
    streaks: int = 0
    threshold: float = 150.0
    copies: int = 0
    coarse: float = 1.0
    quality: int = 85
    phone: bool = False


def _clean(rng: random.Random) -> Dirt:
    name = rng.choice(["colour300", "colour200", "grey300", "contrast300"])
    dirt = Dirt(
        name,
        dpi=200 if name.endswith("200") else 300,
        skew=0.25,
        quality=rng.randint(72, 88),
        noise=rng.uniform(0, 1.5),
    )
    if name.startswith("grey"):
        dirt.mode = "grey"
    if name.startswith("contrast"):
        dirt.ink = 1.15
    return dirt


def _office(rng: random.Random) -> Dirt:
    name = rng.choices(
        [
            "colour300",
            "colour200",
            "grey200",
            "bilevel300",
            "bilevel200",
            "yellow",
            "through",
            "streaks",
            "binder",
        ],
        [3, 3, 2, 2, 1.5, 1.5, 1.5, 1, 1.5],
    )[0]
    dirt = Dirt(name, dpi=rng.choice([200, 300]), skew=1.3, quality=rng.randint(38, 75), noise=rng.uniform(1, 6),
                blur=rng.uniform(0.2, 0.8), light=rng.uniform(0, 0.08), ink=rng.uniform(0.82, 1.0))  # fmt: skip
    if name[-3:].isdigit():
        dirt.dpi = int(name[-3:])
    if name.startswith("grey"):
        dirt.mode, dirt.copies = "grey", rng.choice([0, 1])
    if name.startswith("bilevel"):
        dirt.mode, dirt.speckle, dirt.threshold = "bilevel", rng.randint(10, 300), rng.uniform(140, 185)
    if name == "yellow":
        dirt.paper = (1.0, rng.uniform(0.94, 0.97), rng.uniform(0.78, 0.88))
    if name == "through":
        dirt.through, dirt.folds = rng.uniform(0.05, 0.12), 1
    if name == "streaks":
        dirt.streaks = rng.randint(1, 4)
    if name == "binder":
        dirt.holes, dirt.edges = True, rng.uniform(0.3, 1.0)
    if rng.random() < 0.12:
        dirt.holes = True
    if rng.random() < 0.12:
        dirt.folds += 1
    return dirt


def _hard(rng: random.Random) -> Dirt:
    name = rng.choices(
        ["fax", "copy", "faded", "old", "through", "phone", "low", "edges", "dark"],
        [1.5, 2, 1.5, 2, 2, 3, 1.5, 1.5, 1],
    )[0]
    dirt = Dirt(name, dpi=rng.choice([200, 200, 300]), skew=2.8, quality=rng.randint(26, 60), noise=rng.uniform(4, 17),
                blur=rng.uniform(0.5, 1.4), light=rng.uniform(0.04, 0.2), ink=rng.uniform(0.6, 0.95))  # fmt: skip
    dirt.holes = rng.random() < 0.25
    dirt.folds = rng.choice([0, 0, 1, 2])
    if name == "fax":
        dirt.mode, dirt.dpi, dirt.coarse, dirt.speckle = (
            "bilevel",
            200,
            rng.uniform(0.55, 0.8),
            rng.randint(200, 1500),
        )
        dirt.noise, dirt.ink, dirt.threshold = rng.uniform(2, 8), rng.uniform(0.8, 1), rng.uniform(135, 180)
    elif name == "copy":
        dirt.mode, dirt.copies, dirt.speckle, dirt.edges = (
            rng.choice(["grey", "bilevel"]),
            2,
            rng.randint(150, 1200),
            rng.uniform(0.2, 1),
        )
        dirt.threshold = rng.uniform(150, 190)
    elif name == "faded":
        dirt.ink, dirt.noise = rng.uniform(0.38, 0.58), rng.uniform(3, 8)
    elif name == "old":
        dirt.paper = (rng.uniform(0.90, 0.97), rng.uniform(0.82, 0.90), rng.uniform(0.60, 0.75))
        dirt.folds, dirt.through = rng.randint(1, 3), rng.uniform(0, 0.10)
    elif name == "through":
        dirt.through = rng.uniform(0.12, 0.26)
    elif name == "phone":
        dirt.phone, dirt.dpi, dirt.quality, dirt.holes = True, 200, rng.randint(55, 82), False
    elif name == "low":
        dirt.dpi, dirt.coarse = 200, rng.uniform(0.5, 0.75)
    elif name == "edges":
        dirt.edges, dirt.streaks = rng.uniform(0.7, 1.6), rng.randint(0, 3)
    else:
        dirt.light, dirt.ink = rng.uniform(0.25, 0.45), 0.9
    return dirt


LEVELS: dict[str, Callable[[random.Random], Dirt]] = {"clean": _clean, "office": _office, "hard": _hard}
_TURNS = {"clean": [100, 0, 0, 0], "office": [86, 4, 7, 3], "hard": [74, 8, 12, 6]}


def pick_turn(rng: random.Random, level: str) -> int:
    """Clockwise quarter turns of the content in degrees, as papers lie in the feeder."""
    return rng.choices([0, 90, 180, 270], _TURNS[level])[0]


def scan(pages: list[Array], level: str, rng: random.Random, *, back: Array | None = None, turn: int | None = None,
         dirt: Dirt | None = None) -> list[Scan]:  # fmt: skip
    """Scan all pages of a document in one way; ``back`` is what may show through; ``turn`` fixes the rotation."""
    dirt = dirt or LEVELS[level](rng)
    turn = pick_turn(rng, level) if turn is None else turn
    out = []
    for index, page in enumerate(pages):
        behind = back if back is not None else pages[1 - index] if len(pages) == 2 else None
        out.append(scan_page(page, dirt, rng, behind, turn))
    return out


def scan_page(
    page: Array, dirt: Dirt, rng: random.Random, behind: Array | None = None, turn: int = 0
) -> Scan:
    """One page through ``dirt``: (h, w, 3) uint8 at 300 dpi -> Scan."""
    noise = np.random.default_rng(rng.getrandbits(63))
    scale = dirt.dpi / SOURCE_DPI
    size = (round(page.shape[1] * scale), round(page.shape[0] * scale))
    image = cv2.resize(page, size, interpolation=cv2.INTER_AREA) if scale != 1 else page.copy()
    if dirt.mode != "rgb":
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    for _ in range(dirt.copies):
        image = _copied(image, rng, noise)
    if dirt.ink != 1:
        image = _table(image, lambda v: 255 - (255 - v) * dirt.ink)
    if dirt.through and behind is not None:
        image = _through(image, behind, dirt.through, rng)
    if dirt.folds:
        image = _folds(image, dirt.folds, rng)
    if dirt.paper != (1.0, 1.0, 1.0) or dirt.light:
        image = _paper(image, dirt, rng, noise)
    if dirt.streaks:
        _streaks(image, dirt.streaks, rng)
    if dirt.phone:
        image, skew = _phone(image, rng, noise)
    else:
        if dirt.holes:
            _holes(image, dirt.dpi, rng)
        image, skew = _feed(image, dirt, rng)
        if dirt.edges:
            _edges(image, dirt.edges, rng)
    if dirt.coarse != 1:
        small = cv2.resize(image, None, fx=dirt.coarse, fy=dirt.coarse, interpolation=cv2.INTER_AREA)
        image = cv2.resize(small, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    if dirt.blur:
        image = cv2.GaussianBlur(image, (0, 0), dirt.blur * dirt.dpi / 250)
    if dirt.noise:
        image = _grain(image, dirt.noise, noise)
    if dirt.mode == "bilevel":
        image = np.where(image > dirt.threshold, 255, 0).astype(np.uint8)
    if dirt.speckle:
        _speckle(image, dirt.speckle, noise, dirt.mode == "bilevel")
    if turn:
        image = np.ascontiguousarray(np.rot90(image, -turn // 90))
    return Scan(image, dirt.dpi, dirt.name, dirt.quality, dirt.mode == "bilevel", round(skew, 2), turn)


def _table(image: Array, curve: Callable[[Array], Array]) -> Array:
    return cv2.LUT(image, np.clip(curve(np.arange(256, dtype=np.float32)), 0, 255).astype(np.uint8))


def _multiply(image: Array, factor: Array) -> Array:
    """Image times a field given at low resolution (h, w) or (h, w, 3), values about 1."""
    big = cv2.resize(
        factor.astype(np.float32), (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR
    )
    if image.ndim == 3 and big.ndim == 2:
        big = cv2.merge([big, big, big])
    return cv2.multiply(image, big, dtype=cv2.CV_8U)


def _smooth(noise: np.random.Generator, rows: int, columns: int, amount: float) -> Array:
    return 1 + cv2.GaussianBlur(noise.normal(0, amount, (rows, columns)).astype(np.float32), (0, 0), 1.2)


def _copied(image: Array, rng: random.Random, noise: np.random.Generator) -> Array:
    """A photocopier: hard contrast, thicker or thinner strokes, patches of weak toner."""
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 0.9))
    middle, gain = rng.uniform(120, 190), rng.uniform(1.6, 3.2)
    image = _table(image, lambda v: 255 / (1 + np.exp(-(v - middle) / 255 * 6 * gain)))
    weak = np.clip(_smooth(noise, 40, 28, 0.10), 0.7, 1.0)
    return 255 - _multiply(255 - image, weak)


def _through(image: Array, behind: Array, strength: float, rng: random.Random) -> Array:
    """The back of the sheet, mirrored, blurred and pale."""
    back = cv2.cvtColor(behind, cv2.COLOR_RGB2GRAY) if image.ndim == 2 else behind
    back = cv2.resize(back[:, ::-1], (image.shape[1], image.shape[0]), interpolation=cv2.INTER_AREA)
    shift = np.float32([[1, 0, rng.uniform(-25, 25)], [0, 1, rng.uniform(-40, 40)]])
    white = (255, 255, 255)
    back = cv2.warpAffine(
        cv2.GaussianBlur(back, (0, 0), rng.uniform(1.2, 2.6)),
        shift,
        (image.shape[1], image.shape[0]),
        borderValue=white,
    )
    pale = _table(back, lambda v: 255 - (255 - v) * strength)
    return cv2.multiply(image, pale, scale=1 / 255)


def _folds(image: Array, count: int, rng: random.Random) -> Array:
    """Creases: a pale line with a soft shadow on one side."""
    rows, columns = 700, 500
    fold = np.ones((rows, columns), np.float32)
    for _ in range(count):
        across = rng.random() < 0.7
        at = rng.choice([1 / 3, 1 / 2, 2 / 3]) + rng.uniform(-0.03, 0.03)
        tilt = rng.uniform(-0.01, 0.01)
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        distance = (
            (y / rows - at - tilt * x / columns) * rows
            if across
            else (x / columns - at - tilt * y / rows) * columns
        )
        fold *= 1 - rng.uniform(0.08, 0.22) * np.exp(-np.abs(distance) / 1.2)
        fold *= 1 - rng.uniform(0.03, 0.10) * np.exp(-np.abs(distance) / 18) * (distance > 0)
    return _multiply(image, fold)


def _paper(image: Array, dirt: Dirt, rng: random.Random, noise: np.random.Generator) -> Array:
    """Paper colour, its cloudy texture, and light that falls off to one side."""
    rows, columns = 70, 50
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    angle = rng.uniform(0, 6.28)
    slope = (np.cos(angle) * (x / columns - 0.5) + np.sin(angle) * (y / rows - 0.5)) * 2
    shade = 1 - dirt.light * np.clip(0.5 + 0.6 * slope, 0, 1.2)
    shade = shade * _smooth(noise, rows, columns, 0.012 + 0.05 * (1 - dirt.paper[2]))
    if image.ndim == 2:
        return _multiply(image, shade * float(np.mean(dirt.paper)))
    tint = np.array(dirt.paper, np.float32)
    return _multiply(image, shade[..., None] * tint)


def _streaks(image: Array, count: int, rng: random.Random) -> None:
    """Lines along the feed from dirt on the glass."""
    for _ in range(count):
        x = rng.randint(20, image.shape[1] - 20)
        wide = rng.randint(1, 3)
        band = image[:, x : x + wide].astype(np.float32)
        image[:, x : x + wide] = np.clip(band * rng.uniform(0.45, 0.9) + rng.uniform(0, 40), 0, 255).astype(
            np.uint8
        )


def _holes(image: Array, dpi: int, rng: random.Random) -> None:
    """Two punch holes at the left, 80 mm apart, dark because the lid is."""
    mm = dpi / 25.4
    x = round(rng.uniform(9, 14) * mm)
    middle = image.shape[0] / 2 + rng.uniform(-12, 12) * mm
    dark = rng.randint(10, 90)
    colour = (dark, dark, dark) if image.ndim == 3 else dark
    for side in (-1, 1):
        cv2.circle(
            image,
            (x + rng.randint(-2, 2), round(middle + side * 40 * mm)),
            round(3 * mm),
            colour,
            -1,
            cv2.LINE_AA,
        )


def _feed(image: Array, dirt: Dirt, rng: random.Random) -> tuple[Array, float]:
    """Skew, a little stretch and shift; what is beside the sheet is white or the dark lid."""
    skew = rng.gauss(0, dirt.skew / 2)
    skew = max(-dirt.skew * 1.4, min(dirt.skew * 1.4, skew))
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -skew, rng.uniform(0.985, 1.004))
    matrix[1, :2] *= rng.uniform(0.994, 1.006)
    matrix[:, 2] += (rng.uniform(-0.008, 0.008) * width, rng.uniform(-0.006, 0.006) * height)
    lid = 255 if rng.random() < 0.7 or dirt.name.startswith(("colour3", "contrast")) else rng.randint(0, 120)
    out = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=(lid, lid, lid))
    return out, skew


def _edges(image: Array, strength: float, rng: random.Random) -> None:
    """Black borders where the lid was open."""
    height, width = image.shape[:2]
    for side in rng.sample(["left", "right", "top", "bottom"], rng.randint(1, 3)):
        along = height if side in ("left", "right") else width
        deep = round(strength * rng.uniform(0.01, 0.035) * width) + 2
        wobble = (
            np.interp(np.arange(along), np.linspace(0, along, 12), [rng.uniform(0.5, 1.3) for _ in range(12)])
            * deep
        )
        shade = np.clip((np.arange(deep * 2)[None, :] - wobble[:, None]) / max(2, deep * 0.25), 0, 1)
        shade = np.clip(shade + rng.uniform(0, 0.2), 0, 1).astype(np.float32)
        view = {
            "left": image,
            "right": image[:, ::-1],
            "top": image.swapaxes(0, 1),
            "bottom": image[::-1].swapaxes(0, 1),
        }[side]
        part = view[:, : deep * 2]
        factor = shade[..., None] if image.ndim == 3 else shade
        view[:, : deep * 2] = (part * factor).astype(np.uint8)


def _grain(image: Array, amount: float, noise: np.random.Generator) -> Array:
    """Sensor noise, the same in all channels for two thirds of its power."""
    height, width = image.shape[:2]
    # one tile of noise shifted about is as good as fresh noise and five times as fast
    tile = noise.normal(0, amount, (height // 2 + 64, width // 2 + 64)).astype(np.int8)
    rows = [
        np.hstack(
            [
                np.roll(tile, int(noise.integers(0, 999)))[: height // 2 + 1, : width // 2 + 1]
                for _ in range(2)
            ]
        )
        for _ in range(2)
    ]
    grain = np.vstack(rows)[:height, :width]
    if image.ndim == 3:
        grain = cv2.merge([grain, np.roll(grain, 3), np.roll(grain, (5, 7))[...]])
    return cv2.add(image, grain, dtype=cv2.CV_8U)


def _speckle(image: Array, count: int, noise: np.random.Generator, bilevel: bool) -> None:
    """Toner dots and dropouts."""
    height, width = image.shape[:2]
    for x, y, size, light in zip(noise.integers(0, width, count), noise.integers(0, height, count), noise.exponential(1.1, count),
                                 noise.random(count) < 0.25, strict=True):  # fmt: skip
        value = 255 if light else 0 if bilevel else int(noise.integers(20, 120))
        cv2.circle(
            image,
            (int(x), int(y)),
            int(min(4, size)),
            (value, value, value) if image.ndim == 3 else value,
            -1,
        )


def _phone(image: Array, rng: random.Random, noise: np.random.Generator) -> tuple[Array, float]:
    """A photo of the sheet on a table: perspective, shadow, colour of the light, slight defocus at the far end."""
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    height, width = image.shape[:2]
    out_w, out_h = width, round(width * 4 / 3 * rng.uniform(1.02, 1.08))
    wood = noise.normal(0, 1, (out_h // 8, 6)).astype(np.float32)
    grain = (
        cv2.resize(wood, (out_w, out_h), interpolation=cv2.INTER_CUBIC)
        if rng.random() < 0.6
        else np.zeros((out_h, out_w), np.float32)
    )
    base = np.array(
        rng.choice([(118, 88, 62), (70, 66, 64), (150, 146, 140), (60, 78, 96), (136, 112, 92)]), np.float32
    )
    table = np.clip(base + grain[..., None] * 7 + rng.uniform(-8, 8), 0, 255).astype(np.uint8)
    fit = min(out_w * rng.uniform(0.88, 0.97) / width, out_h * rng.uniform(0.88, 0.96) / height)
    w, h = width * fit, height * fit
    cx, cy = out_w / 2 + rng.uniform(-0.02, 0.02) * out_w, out_h / 2 + rng.uniform(-0.015, 0.015) * out_h
    skew = rng.gauss(0, 1.6)
    turn = np.deg2rad(skew)
    corners = []
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x, y = (
            sx * w / 2 * (1 + sy * rng.uniform(-0.01, 0.035)),
            sy * h / 2 * (1 + sx * rng.uniform(-0.012, 0.012)),
        )
        corners.append((cx + x * np.cos(turn) - y * np.sin(turn), cy + x * np.sin(turn) + y * np.cos(turn)))
    source = np.float32([(0, 0), (width, 0), (width, height), (0, height)])
    matrix = cv2.getPerspectiveTransform(source, np.float32(corners))
    sheet = cv2.warpPerspective(image, matrix, (out_w, out_h), flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (out_w, out_h))
    shadow = cv2.GaussianBlur(np.roll(mask, (14, 10), (0, 1)), (0, 0), 16).astype(np.float32) / 255
    table = _multiply(table, 1 - 0.5 * shadow)
    photo = np.where(mask[..., None] > 127, sheet, table)
    y, x = np.mgrid[0:60, 0:45].astype(np.float32) / np.float32([[[60]], [[45]]])
    lamp = 1.02 - rng.uniform(0.15, 0.45) * (
        (x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.2, 0.8)) ** 2
    )
    if rng.random() < 0.5:  # the hand and the phone throw a soft shadow
        edge = (x * rng.uniform(-1, 1) + y) - rng.uniform(0.35, 0.9)
        lamp *= 1 - rng.uniform(0.15, 0.35) / (1 + np.exp(-edge * 14))
    cast = np.array(
        rng.choice([(1.0, 0.96, 0.86), (0.94, 0.98, 1.0), (0.97, 1.0, 0.93), (1.0, 1.0, 1.0)]), np.float32
    )
    photo = _multiply(photo, np.clip(lamp, 0.25, 1.1)[..., None] * cast)
    return cv2.GaussianBlur(photo, (0, 0), rng.uniform(0.3, 0.8)), skew


# ---- files ----------------------------------------------------------------------------------------------------------
def encoded(page: Scan) -> bytes:
    """JPEG bytes (colour, grey) or a one-page G4 TIFF (bilevel), with the resolution noted."""
    out = io.BytesIO()
    picture = Image.fromarray(page.pixels)
    if page.bilevel:
        picture.convert("1").save(out, "TIFF", compression="group4", dpi=(page.dpi, page.dpi))
    else:
        picture.save(out, "JPEG", quality=page.quality, dpi=(page.dpi, page.dpi), subsampling=2)
    return out.getvalue()


def write_pdf(pages: list[Scan], path: Path) -> None:
    """One image a page at its own size; the same input gives the same bytes."""
    path.write_bytes(
        img2pdf.convert([encoded(page) for page in pages], engine=img2pdf.Engine.internal, nodate=True)
    )


def write_tiff(pages: list[Scan], path: Path) -> None:
    """Multi-page TIFF: G4 when all pages are bilevel, else LZW."""
    frames = [Image.fromarray(page.pixels) for page in pages]
    g4 = all(page.bilevel for page in pages)
    if g4:
        frames = [frame.convert("1") for frame in frames]
    frames[0].save(path, "TIFF", save_all=True, append_images=frames[1:], compression="group4" if g4 else "tiff_lzw",
                   dpi=(pages[0].dpi, pages[0].dpi))  # fmt: skip


def write_image(page: Scan, path: Path) -> None:
    """A single JPEG or PNG, by the file's suffix."""
    picture = Image.fromarray(page.pixels)
    if path.suffix == ".png":
        (picture.convert("1") if page.bilevel else picture).save(
            path, dpi=(page.dpi, page.dpi), optimize=True
        )
    else:
        picture.save(path, quality=page.quality, dpi=(page.dpi, page.dpi), subsampling=2)
