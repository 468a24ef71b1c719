"""Pen on paper: hand-written digits and words drawn stroke by stroke.

A ``Hand`` is one writer with one pen: slant, proportions, which form of each digit he uses, how even his line is.
``draw_digits`` makes a new writer on every call; keep a ``Hand`` to write several entries of one page alike.
The paths come from ``samples.skeletons`` and ``samples.letters``; nothing here is taken from a real person's writing.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image

from samples.letters import variants
from samples.skeletons import Stroke, Variant

Colour = tuple[int, int, int]

BLUE: Colour = (28, 48, 152)
BLUE_BLACK: Colour = (24, 30, 78)
BLACK: Colour = (22, 22, 26)
RED: Colour = (186, 32, 40)

ALPHABET = "0123456789/-.,: "
"""What ``draw_digits`` writes."""
_SS = 4  # drawn this many times larger, so that thin strokes keep a soft edge


@dataclass
class Hand:
    """One writer and pen. ``width`` is the pen's, as a share of the digit height; ``messy`` 0 (careful) to 1 (hasty)."""

    slant: float
    narrow: float
    gap: float
    width: float
    nib: float
    messy: float
    join: float
    cursive: float
    drift: float
    dense: float
    streaky: float
    forms: dict[str, int] = field(default_factory=dict)

    @classmethod
    def pick(cls, rng: random.Random) -> Hand:
        """A random writer: ballpoint mostly, gel or felt pens (thick, even) and broad nibs sometimes."""
        pen = rng.random()
        if pen < 0.55:
            width, nib, streaky = rng.uniform(0.055, 0.09), 0.0, rng.uniform(0.0, 0.35)
        elif pen < 0.85:
            width, nib, streaky = rng.uniform(0.08, 0.13), 0.0, rng.uniform(0.0, 0.08)
        else:
            width, nib, streaky = rng.uniform(0.10, 0.18), rng.uniform(0.2, 0.6), 0.0
        return cls(
            slant=rng.gauss(0.16, 0.14),
            narrow=rng.uniform(0.78, 1.25),
            gap=rng.uniform(0.10, 0.30),
            width=width,
            nib=nib,
            messy=rng.betavariate(1.6, 2.4),
            join=rng.choice([0.0, 0.0, 0.0, 0.15, 0.45]),
            cursive=rng.choice([0.0, 0.4, 0.9]),
            drift=rng.gauss(0.0, 0.012),
            dense=rng.uniform(0.72, 1.0),
            streaky=streaky,
        )

    def variant(self, char: str, rng: random.Random) -> Variant:
        """The form of ``char`` this writer uses; one time in eight he slips into another."""
        choices = variants(char)
        weights = [weight for weight, _ in choices]
        if char not in self.forms:
            self.forms[char] = rng.choices(range(len(choices)), weights)[0]
        if rng.random() < 0.12:
            return choices[rng.choices(range(len(choices)), weights)[0]]
        return choices[self.forms[char]]


def _spline(points: np.ndarray, per_piece: int) -> np.ndarray:
    """Catmull-Rom curve through ``points`` (n, 2) -> (m, 2); the ends are doubled so that it reaches them."""
    if len(points) < 3:
        steps = np.linspace(0.0, 1.0, per_piece)[:, None]
        return points[0] * (1 - steps) + points[-1] * steps
    padded = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0.0, 1.0, per_piece, endpoint=False)[:, None]
    pieces = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        pieces.append(
            0.5
            * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
        )
    return np.vstack([*pieces, points[-1:]])


def trace(stroke: Stroke, jitter: float, rng: random.Random, per_piece: int = 9) -> np.ndarray:
    """Points along one stroke of a skeleton, (m, 2), with its passing points shaken by ``jitter`` (in digit heights)."""
    shaken = [(p[0] + rng.gauss(0, jitter), p[1] + rng.gauss(0, jitter), len(p) > 2) for p in stroke]
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y, corner in shaken:
        runs[-1].append((x, y))
        # a hasty pen rounds its corners off
        if corner and rng.random() > 0.12:
            runs.append([(x, y)])
    return np.vstack([_spline(np.array(run), per_piece) for run in runs if len(run) > 1])


def _place(
    path: np.ndarray, hand: Hand, rng: random.Random, warp: tuple[float, ...], x: float, y: float
) -> np.ndarray:
    """Skeleton units -> writing-line units: the glyph's own stretch and turn, the writer's slant, then its position."""
    sx, sy, turn, bend = warp
    centred = path - (0.28, 0.5)
    cos, sin = math.cos(turn), math.sin(turn)
    turned = np.column_stack(
        [centred[:, 0] * cos - centred[:, 1] * sin, centred[:, 0] * sin + centred[:, 1] * cos]
    )
    turned[:, 0] += bend * (turned[:, 1] ** 2 - 0.12)
    out = turned * (sx, sy) + (0.28 * sx, 0.5 * sy + (1 - sy))
    tremor = rng.uniform(0, 0.008) * hand.messy
    phase = rng.uniform(0, 6.3)
    wave = np.sin(np.arange(len(out)) * rng.uniform(0.5, 1.2) + phase) * tremor
    out[:, 0] += wave
    out[:, 1] += wave[::-1]
    out[:, 0] += (1 - out[:, 1]) * hand.slant
    return out + (x, y)


def _layout(text: str, hand: Hand, rng: random.Random) -> list[np.ndarray]:
    """Every stroke of ``text`` as a path; unit = digit height, baseline at y = 1."""
    paths: list[np.ndarray] = []
    x = 0.0
    last_end: np.ndarray | None = None
    for index, char in enumerate(text):
        if char == " ":
            x += rng.uniform(0.30, 0.5)
            last_end = None
            continue
        _, strokes = hand.variant(char, rng)
        size = 1 + rng.gauss(0, 0.05 * (0.4 + hand.messy))
        warp = (
            hand.narrow * size * (1 + rng.gauss(0, 0.07)),
            size * (1 + rng.gauss(0, 0.04)),
            rng.gauss(0, 0.05 + 0.05 * hand.messy),
            rng.gauss(0, 0.10 * (0.3 + hand.messy)),
        )
        y = hand.drift * index + rng.gauss(0, 0.02 + 0.03 * hand.messy)
        jitter = 0.008 + 0.026 * hand.messy
        glyph = [_place(trace(s, jitter, rng), hand, rng, warp, x, y) for s in strokes]
        left = min(path[:, 0].min() for path in glyph)
        lean = (1 - 0.5) * hand.slant
        for path in glyph:
            path[:, 0] -= left - x - lean * 0.5
        link = hand.cursive if char.islower() else hand.join
        if last_end is not None and char not in ".,:-" and rng.random() < link:
            start = glyph[0][0]
            if 0.05 < float(np.hypot(*(start - last_end))) < 0.75:
                middle = (start + last_end) / 2 + (0.02, rng.uniform(0.0, 0.08))
                paths.append(_spline(np.array([last_end, middle, start]), 7))
        paths.extend(glyph)
        last_end = glyph[0][-1] if char.isalpha() else glyph[-1][-1]
        width = max(path[:, 0].max() for path in glyph) - x - max(0.0, lean)
        before_small = text[index + 1 : index + 2].islower()
        gap = hand.gap * (0.55 if char in ".,:" else 0.25 if char.islower() or before_small else 1.0)
        x += max(0.08, width) + max(0.02, rng.gauss(gap, 0.035 + 0.05 * hand.messy))
    return paths


def _stamp(
    paths: list[np.ndarray], shape: tuple[int, int], hand: Hand, pen: float, rng: random.Random
) -> np.ndarray:
    """Ink mask (h, w) uint8 of the paths (pixels of the large canvas), ``pen`` = its full line width there."""
    mask = np.zeros(shape, np.uint8)
    for path in paths:
        steps = np.diff(path, axis=0)
        length = np.hypot(steps[:, 0], steps[:, 1])
        speed = length / max(1e-6, float(length.mean()))
        angle = np.arctan2(steps[:, 1], steps[:, 0])
        along = np.linspace(0, 1, len(steps))
        taper = np.clip(np.minimum(along / 0.10, (1 - along) / 0.16), 0, 1)
        width = pen * (1 - 0.14 * np.clip(speed - 1, -0.5, 1)) * (0.72 + 0.28 * taper)
        width *= 1 - hand.nib * (0.5 + 0.5 * np.cos(2 * (angle + 0.7)))
        width *= 1 + 0.10 * np.sin(along * rng.uniform(3, 9) + rng.uniform(0, 6))
        shade = 255 * (
            1 - hand.streaky * (0.5 + 0.5 * np.sin(along * rng.uniform(8, 40) + rng.uniform(0, 6)))
        )
        corners = np.round(path * 16).astype(np.int32)
        for k in range(len(steps)):
            start, end = corners[k].tolist(), corners[k + 1].tolist()
            cv2.line(mask, start, end, int(shade[k]), max(1, round(float(width[k]))), cv2.LINE_AA, 4)
    return mask


def write(
    text: str, height: float, rng: random.Random, colour: Colour = BLUE, hand: Hand | None = None
) -> tuple[Image.Image, int]:
    """Write ``text`` by hand -> (RGBA image cropped to the ink, y of the baseline in it, in pixels).

    ``height`` is the height of a digit or capital in pixels; ``text`` is NFC. Raises ValueError for a text without ink
    and KeyError for a character that has no path.
    """
    if not text.strip():
        raise ValueError("nothing to write")
    hand = hand or Hand.pick(rng)
    # small letters fill up under a broad pen
    thickest = 0.10 if any(char.islower() for char in text) else 1.0
    return ink_paths(_layout(text, hand, rng), height, hand, rng, colour, thickest)


def ink_paths(
    paths: list[np.ndarray],
    height: float,
    hand: Hand,
    rng: random.Random,
    colour: Colour,
    thickest: float = 1.0,
) -> tuple[Image.Image, int]:
    """Draw paths given in letter heights (baseline y = 1) -> (RGBA image cropped to the ink, baseline y in it)."""
    scale = height * _SS
    pen = max(1.3 * _SS, min(hand.width, thickest) * scale)
    margin = pen + 2 * _SS
    every = np.vstack(paths)
    low, high = every.min(axis=0) * scale, every.max(axis=0) * scale
    size = np.ceil((high - low + 2 * margin) / _SS).astype(int) * _SS
    moved = [path * scale - low + margin for path in paths]
    mask = _stamp(moved, (int(size[1]), int(size[0])), hand, pen, rng)
    small = cv2.resize(mask, (int(size[0]) // _SS, int(size[1]) // _SS), interpolation=cv2.INTER_AREA)
    grain = np.random.default_rng(rng.getrandbits(32)).normal(1.0, 0.07, small.shape)
    alpha = np.clip(small * hand.dense * cv2.GaussianBlur(grain, (3, 3), 0.8), 0, 255).astype(np.uint8)
    rgba = np.empty((*alpha.shape, 4), np.uint8)
    rgba[..., :3] = colour
    rgba[..., 3] = alpha
    return Image.fromarray(rgba, "RGBA"), round(float(scale - low[1] + margin) / _SS)


def draw_digits(text: str, height: float, rng: random.Random, colour: Colour = BLUE) -> Image.Image:
    """``text`` (digits and ``/ - . , :`` and spaces) in a new random handwriting -> RGBA image cropped to the ink.

    ``height`` is that of one digit in pixels; the image is somewhat higher (overshoot, slashes, drift).
    Raises ValueError for other characters.
    """
    unknown = sorted(set(text) - set(ALPHABET))
    if unknown:
        raise ValueError(f"not a digit or sign: {unknown}; known: {ALPHABET!r}")
    return write(text, height, rng, colour)[0]


def pen_colour(rng: random.Random) -> Colour:
    """Blue most often, then blue-black and black; each pen a little different."""
    base = rng.choices([BLUE, BLUE_BLACK, BLACK], [6, 2, 3])[0]
    shade = rng.randint(-12, 14)
    r, g, b = (max(0, min(255, channel + shade + rng.randint(-5, 5))) for channel in base)
    return r, g, b
