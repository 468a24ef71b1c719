"""Reads a short row of digits, written by hand or printed, from a picture crop.

A small convolutional network with CTC (Graves et al., 2006) over the columns of the crop, run by ONNX Runtime on one
CPU thread. Weights: `digits.onnx` beside this file, made by `bench/train_digits.py` from drawn material only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from ocr.handwriting.levels import percentiles

CHARS = "0123456789/-.?"
"""What the network spells; class 0 of its output is the CTC blank. ``?`` stands for any letter."""
HEIGHT = 32
STRIDE = 4
MAX_WIDTH = 480
WEIGHTS = Path(__file__).with_name("digits.onnx")
_LETTER = CHARS.index("?") + 1
_BEAMS = 8


@dataclass(frozen=True)
class DigitString:
    """``text`` holds digits and ``/ - .``; letters before and behind the digits are passed over.

    ``confidence`` 0..1 is calibrated: of the strings given with 0.9, about nine in ten are right as a whole.
    ``per_char`` one probability per character of ``text``; ``spans`` its (left, right) in the crop, pixels;
    ``alternatives`` other readings with their share of the probability, most likely first.
    """

    text: str
    confidence: float
    per_char: list[float]
    alternatives: list[tuple[str, float]] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)


def to_grey(crop: np.ndarray) -> np.ndarray:
    """(H, W) or (H, W, 3) uint8 -> (H, W) uint8 that shows ink best: red light hides seals and darkens blue ink."""
    if crop.ndim == 2:
        return crop
    red = crop[..., 0]
    if not red.size:
        return red
    luma = cv2.cvtColor(np.ascontiguousarray(crop[..., :3]), cv2.COLOR_RGB2GRAY)
    # an entry written in red would vanish in red light
    return red if _contrast(red) >= 0.6 * _contrast(luma) else luma


def _contrast(grey: np.ndarray) -> float:
    high, low = percentiles(grey, 90, 1)
    return high - low


def prepare(crop: np.ndarray) -> np.ndarray:
    """Crop uint8 -> (HEIGHT, W) float32, 0 paper .. 1 ink, W a multiple of STRIDE."""
    grey = to_grey(crop)
    height, width = grey.shape
    scale = HEIGHT / height
    target = min(MAX_WIDTH, max(4 * STRIDE, math.ceil(width * scale / STRIDE) * STRIDE))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(grey, (target, HEIGHT), interpolation=method).astype(np.float32)
    paper, ink = np.percentile(small, 88), np.percentile(small, 1)
    return np.clip((paper - small) / max(float(paper - ink), 40.0), 0.0, 1.0)


class DigitReader:
    """Loads the weights once. Safe to keep for the life of a process; not shared between processes."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self._weights = weights

    @cached_property
    def _session(self) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        return ort.InferenceSession(self._weights, options, providers=["CPUExecutionProvider"])

    @cached_property
    def _calibration(self) -> tuple[float, float]:
        meta = self._session.get_modelmeta().custom_metadata_map
        return float(meta["calibration_slope"]), float(meta["calibration_offset"])

    def read(self, crop: np.ndarray) -> DigitString:
        """Read ``crop`` (H, W) or (H, W, 3) uint8, dark on light, one row, digits about 40-95 % of its height.

        A crop narrower than 3 or lower than 6 pixels, or without ink, gives an empty text with confidence 0.
        """
        if crop.shape[0] < 6 or crop.shape[1] < 3 or _contrast(to_grey(crop)) < 12:
            return DigitString("", 0.0, [])
        picture = prepare(crop)
        log_probs = self._session.run(None, {"row": picture[None, None]})[0][0]
        return self.spell(log_probs, crop.shape[1] / log_probs.shape[0])

    def spell(self, log_probs: np.ndarray, step: float) -> DigitString:
        """Log probabilities (T, classes) -> string; ``step`` is the width of one column in crop pixels."""
        first, last = _core(log_probs)
        if first == last:
            return DigitString("", 0.0, [])
        core = log_probs[first:last].copy()
        core[:, _LETTER] = -20.0
        core -= np.logaddexp.reduce(core, axis=1, keepdims=True)
        beams = _beam_search(core)
        text, score = beams[0]
        spans, per_char = _align(core, text)
        total = float(np.logaddexp.reduce([s for _, s in beams]))
        # both must be high: the winner's share among the readings, and its own likelihood
        odds = _logit(min(math.exp(score - total), math.exp(min(0.0, score))))
        slope, offset = self._calibration
        return DigitString(
            text,
            1 / (1 + math.exp(-(slope * odds + offset))) if text else 0.0,
            per_char,
            [(other, math.exp(s - total)) for other, s in beams[1:4]],
            [((first + a) * step, (first + b) * step) for a, b in spans],
        )


def _core(log_probs: np.ndarray) -> tuple[int, int]:
    """Columns of the entry: the stretch free of letters that holds most digits (the first of equals).

    One letter with digits on both sides counts as a misread digit and does not part them.
    """
    path = log_probs.argmax(axis=1)
    marks = [(t, int(k)) for t, k in enumerate(path) if k and (t == 0 or path[t - 1] != k)]
    letter = [k == _LETTER for _, k in marks]
    digit = [0 < k <= 10 for _, k in marks]
    for n in range(1, len(marks) - 1):
        if letter[n] and digit[n - 1] and digit[n + 1]:
            letter[n] = False
    best, found = (0, 0), 0
    n = 0
    while n < len(marks):
        if letter[n]:
            n += 1
            continue
        end = n
        while end < len(marks) and not letter[end]:
            end += 1
        count = sum(digit[n:end])
        if count > found:
            found = count
            before = marks[n - 1][0] if n else -1
            start = 0 if n == 0 else _after(path, before)
            stop = marks[end][0] if end < len(marks) else len(path)
            best = (start, stop)
        n = end
    return best


def _after(path: np.ndarray, column: int) -> int:
    """First column behind the run of equal classes that starts at ``column``."""
    end = column
    while end < len(path) and path[end] == path[column]:
        end += 1
    return end


def _logit(p: float) -> float:
    p = min(max(p, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


def _beam_search(log_probs: np.ndarray) -> list[tuple[str, float]]:
    """CTC prefix beam search -> up to `_BEAMS` (text, log probability), best first."""
    beams: dict[str, tuple[float, float]] = {
        "": (0.0, -math.inf)
    }  # text -> ends in blank, ends in its last character
    for column in log_probs:
        likely = np.flatnonzero(column > -9.0)
        grown: dict[str, list[float]] = {}
        for text, (blank, char) in beams.items():
            both = np.logaddexp(blank, char)
            for index in likely:
                p = float(column[index])
                if index == 0:
                    entry = grown.setdefault(text, [-math.inf, -math.inf])
                    entry[0] = np.logaddexp(entry[0], both + p)
                    continue
                letter = CHARS[index - 1]
                longer = grown.setdefault(text + letter, [-math.inf, -math.inf])
                if text.endswith(letter):
                    entry = grown.setdefault(text, [-math.inf, -math.inf])
                    entry[1] = np.logaddexp(entry[1], char + p)
                    longer[1] = np.logaddexp(longer[1], blank + p)
                else:
                    longer[1] = np.logaddexp(longer[1], both + p)
        best = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))[:_BEAMS]
        beams = {text: (scores[0], scores[1]) for text, scores in best}
    return [(text, float(np.logaddexp(*scores))) for text, scores in beams.items()]


def _align(log_probs: np.ndarray, text: str) -> tuple[list[tuple[int, int]], list[float]]:
    """Best CTC path of ``text`` -> columns (first, last + 1) and highest probability of each character."""
    if not text:
        return [], []
    labels = [0]
    for char in text:
        labels += [CHARS.index(char) + 1, 0]
    steps, states = len(log_probs), len(labels)
    score = np.full((steps, states), -np.inf)
    back = np.zeros((steps, states), int)
    score[0, 0], score[0, 1] = log_probs[0, 0], log_probs[0, labels[1]]
    for t in range(1, steps):
        for s in range(states):
            options = [s, s - 1] if s else [s]
            if s > 1 and labels[s] and labels[s] != labels[s - 2]:
                options.append(s - 2)
            back[t, s] = max(options, key=lambda o: score[t - 1, o])
            score[t, s] = score[t - 1, back[t, s]] + log_probs[t, labels[s]]
    s = states - 1 if score[-1, -1] > score[-1, -2] else states - 2
    columns: list[list[int]] = [[] for _ in text]
    for t in range(steps - 1, -1, -1):
        if s % 2:
            columns[s // 2].append(t)
        s = back[t, s]
    spans = [(min(c), max(c) + 1) if c else (0, 0) for c in columns]
    peaks = []
    for char, where in zip(text, columns, strict=True):
        peaks.append(float(np.exp(log_probs[where, CHARS.index(char) + 1].max())) if where else 0.0)
    return spans, peaks
