"""Red round seals and signatures, as they stand over a signer's title and name."""

from __future__ import annotations

import math
import random
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw

from samples import fonts, ink

_SS = 2


def _ring_text(mask: Image.Image, text: str, centre: float, radius: float, size: int, start: float, stop: float,
               inward: bool = False) -> None:  # fmt: skip
    """Letters along an arc from angle ``start`` to ``stop`` (degrees, 0 = right, clockwise), tops outwards."""
    font = fonts.face(fonts.available(fonts.SANS, 2)[0], size, bold=True)
    widths = [font.getlength(char) + size * 0.10 for char in text]
    arc = math.radians(abs(stop - start)) * radius
    squeeze = min(1.0, arc / sum(widths))
    spread = 1.0 if sum(widths) * squeeze < arc * 0.75 else arc / (sum(widths) * squeeze)
    turn = math.radians((start + stop) / 2)
    step = -1 if inward else 1
    angle = turn - step * sum(widths) * squeeze * spread / radius / 2
    for char, width in zip(text, widths, strict=True):
        angle += step * width * squeeze * spread / radius / 2
        tile = Image.new("L", (size * 2, size * 2), 0)
        ImageDraw.Draw(tile).text((size, size * 1.38), char, font=font, fill=255, anchor="ms")
        if squeeze < 0.95:
            narrow = tile.resize((max(1, round(size * 2 * squeeze)), size * 2))
            tile = Image.new("L", (size * 2, size * 2), 0)
            tile.paste(narrow, ((size * 2 - narrow.width) // 2, 0))
        degrees = -math.degrees(angle) - 90 + (180 if inward else 0)
        tile = tile.rotate(degrees, resample=Image.Resampling.BILINEAR)
        x, y = centre + radius * math.cos(angle) - size, centre + radius * math.sin(angle) - size
        mask.paste(255, (round(x), round(y)), tile)
        angle += step * width * squeeze * spread / radius / 2


def _star(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    points = []
    for k in range(10):
        r = radius if k % 2 == 0 else radius * 0.40
        points.append((x + r * math.sin(k * math.pi / 5), y - r * math.cos(k * math.pi / 5)))
    draw.polygon(points, fill=255)


def _emblem(draw: ImageDraw.ImageDraw, centre: float, radius: float) -> None:
    """The national emblem, as little as a stamp shows of it: star, wreath of rice, cog wheel, ribbon."""
    _star(draw, centre, centre - radius * 0.34, radius * 0.30)
    for side in (-1, 1):
        for k in range(9):
            angle = math.radians(-62 + k * 17)
            x, y = centre + side * radius * 0.80 * math.cos(angle), centre + radius * 0.80 * math.sin(angle)
            draw.ellipse(
                (x - radius * 0.09, y - radius * 0.12, x + radius * 0.09, y + radius * 0.12), fill=255
            )
    box = (centre - radius * 0.28, centre + radius * 0.18, centre + radius * 0.28, centre + radius * 0.74)
    draw.ellipse(box, outline=255, width=max(2, round(radius * 0.11)))
    for k in range(8):
        angle = k * math.pi / 4
        x, y = (
            centre + radius * 0.34 * math.cos(angle),
            centre + radius * 0.46 + radius * 0.34 * math.sin(angle),
        )
        draw.ellipse((x - radius * 0.05, y - radius * 0.05, x + radius * 0.05, y + radius * 0.05), fill=255)
    draw.rectangle(
        (centre - radius * 0.55, centre + radius * 0.72, centre + radius * 0.55, centre + radius * 0.92),
        fill=255,
    )


@lru_cache(maxsize=64)
def _seal_mask(ring: str, bottom: str, middle: tuple[str, ...], diameter: int) -> np.ndarray:
    side = diameter * _SS
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    centre, radius = side / 2, side / 2
    draw.ellipse((4, 4, side - 4, side - 4), outline=255, width=round(side * 0.016))
    draw.ellipse(
        (side * 0.035, side * 0.035, side * 0.965, side * 0.965), outline=255, width=round(side * 0.006)
    )
    inner = 0.60 if middle else 0.64
    edge = centre - radius * inner
    draw.ellipse((edge, edge, side - edge, side - edge), outline=255, width=round(side * 0.008))
    size = round(side * (0.085 if len(ring) < 34 else 0.072))
    track = radius * (inner + 0.93) / 2
    if bottom:
        _ring_text(mask, ring, centre, track, size, 170, 370)
        _ring_text(mask, bottom, centre, track, round(size * 0.95), 45, 135, inward=True)
        for angle in (152, 28):
            _star(draw, centre + track * math.cos(math.radians(angle)), centre + track * math.sin(math.radians(angle)),
                  side * 0.025)  # fmt: skip
    else:
        _ring_text(mask, ring, centre, track, size, 115, 425)
        _star(draw, centre, centre + track, side * 0.035)
    if middle:
        for k, line in enumerate(middle):
            letters = round(side * min(0.10, 0.86 / max(6, len(line))))
            font = fonts.face(fonts.available(fonts.SANS, 2)[0], letters, bold=True)
            draw.text(
                (centre, centre + (k - (len(middle) - 1) / 2) * side * 0.105),
                line,
                font=font,
                fill=255,
                anchor="mm",
            )
    else:
        _emblem(draw, centre, radius * inner)
    return np.asarray(mask)


def seal(
    rng: random.Random, ring: str, bottom: str, middle: tuple[str, ...], millimetres: float = 36
) -> Image.Image:
    """A seal as stamped: uneven ink, slightly turned -> RGBA. ``middle`` empty: the national emblem."""
    mask = _seal_mask(ring, bottom, middle, round(millimetres / 25.4 * 300))
    side = mask.shape[0]
    noise = np.random.default_rng(rng.getrandbits(32))
    coarse = cv2.resize(noise.random((9, 9), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(noise.random((side // 2, side // 2), np.float32), (0, 0), 1.0)
    fine = cv2.resize(fine, (side, side))
    wear = rng.uniform(0.0, 0.55)
    strength = np.clip(1.25 - wear * coarse * 1.5, 0.15, 1) * np.clip(
        1.1 - (fine - 0.42) * rng.uniform(0.5, 3.0), 0.35, 1
    )
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.gauss(0, 9), 1.0)
    turned = cv2.warpAffine(mask.astype(np.float32) * strength, matrix, (side, side))
    soft = cv2.GaussianBlur(turned, (0, 0), rng.uniform(0.4, 1.5))
    small = cv2.resize(soft, (side // _SS, side // _SS), interpolation=cv2.INTER_AREA)
    out = np.empty((*small.shape, 4), np.uint8)
    out[..., :3] = (rng.randint(190, 228), rng.randint(25, 70), rng.randint(40, 85))
    out[..., 3] = np.clip(small * rng.uniform(0.70, 0.98), 0, 255)
    return Image.fromarray(out, "RGBA")


def signature(rng: random.Random, colour: ink.Colour, width: float) -> Image.Image:
    """A made-up signature about ``width`` pixels wide -> RGBA: loops, a few letters' worth of zigzag, a long tail."""
    hand = ink.Hand.pick(rng)
    hand.width = rng.uniform(0.018, 0.035)
    hand.nib = 0.0
    points: list[tuple[float, ...]] = []
    x = 0.0
    parts = rng.choices(
        ["loop", "initial", "zigzag", "wave", "letters"], [4, 3, 4, 2, 2], k=rng.randint(2, 4)
    )
    for part in parts:
        tall, wide = rng.uniform(0.4, 1.0), rng.uniform(0.10, 0.34)
        if part == "loop":
            points += [(x, rng.uniform(0.4, 0.7)), (x + wide * 0.7, 0.75 - tall * 0.7), (x + wide * 0.2, 0.8 - tall * 0.75),
                       (x + wide * rng.uniform(-0.2, 0.3), rng.uniform(0.7, 1.0))]  # fmt: skip
        elif part == "initial":
            points += [(x + wide, 0.8 - tall * 0.7), (x + wide * 0.3, 0.75 - tall * 0.5), (x, 0.9), (x + wide * 0.6, 1.0),
                       (x + wide * 1.2, rng.uniform(0.4, 0.7))]  # fmt: skip
        elif part == "zigzag":
            for _ in range(rng.randint(2, 6)):
                points += [(x, rng.uniform(0.35, 0.6)), (x + 0.04, rng.uniform(0.6, 0.85))]
                x += rng.uniform(0.05, 0.14)
        elif part == "wave":
            points += [(x + wide * k / 3, 0.62 + 0.10 * (-1) ** k) for k in range(5)]
            x += wide
        else:
            points += [(x, 0.75), (x + wide * 0.4, 0.85 - tall * 0.4), (x + wide * 0.5, 0.8), (x + wide * 0.3, rng.uniform(0.9, 1.3)),
                       (x + wide * 0.8, 0.7)]  # fmt: skip
        x += wide * rng.uniform(0.5, 1.2)
    if rng.random() < 0.7:
        points += [(x + 0.3, rng.uniform(0.2, 0.6)), (x - rng.uniform(0.3, 1.0), rng.uniform(0.7, 1.1)),
                   (x + rng.uniform(0.4, 1.1), rng.uniform(0.5, 0.8))]  # fmt: skip
    else:
        points += [(x + rng.uniform(0.5, 1.2), rng.uniform(0.1, 0.8))]
    strokes = [ink.trace(points, 0.03, rng, per_piece=12)]
    if rng.random() < 0.4:
        strokes.append(
            ink.trace(
                [(rng.uniform(0, 0.4), 1.0), (x * 0.6, 0.9), (x + 0.4, rng.uniform(0.7, 1.0))], 0.02, rng
            )
        )
    across = max(path[:, 0].max() for path in strokes) - min(path[:, 0].min() for path in strokes)
    return ink.ink_paths(strokes, width / across, hand, rng, colour)[0]
