"""Tells writing by hand from print, word by word.

A very small convolutional network looks at each word at 24 pixels of height. Colour counts where there is any (blue
ink), but the shapes decide: grey scans and black-and-white copies are read too. Weights: `ink.onnx` beside this file,
made by `bench/train_ink.py` from drawn material only.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

HEIGHT = 24
WIDTH = 72
_CHANNELS = np.array([0, 256, 512])
WEIGHTS = Path(__file__).with_name("ink.onnx")


def windows(crop: np.ndarray) -> list[np.ndarray]:
    """Crop (H, W) or (H, W, 3) uint8 -> one or two (3, 24, 72) float32 pictures, 0 paper .. 1 ink.

    A word too long for one window gives its two ends.
    """
    if crop.ndim == 2:
        crop = np.repeat(crop[..., None], 3, axis=2)
    height, width = crop.shape[:2]
    target = max(4, min(4 * WIDTH, round(width * HEIGHT / height)))
    method = cv2.INTER_AREA if height > HEIGHT else cv2.INTER_LINEAR
    small = cv2.resize(crop[..., :3], (target, HEIGHT), interpolation=method)
    # white balance and stretch: the paper of this word becomes 0, its darkest ink about 1
    count = HEIGHT * target
    high, low = int(0.85 * count), int(0.02 * count)
    # counting the levels of all three channels at once is many times faster than sorting them
    levels = np.bincount((small.reshape(count, 3) + _CHANNELS).ravel(), minlength=768).reshape(3, 256).cumsum(axis=1)
    paper, ink = (levels <= high).sum(axis=1, dtype=np.float32), (levels <= low).sum(axis=1, dtype=np.float32)
    scale = max(50.0, float((paper - ink).max()))
    dark = np.clip((paper - small) / scale, 0.0, 1.2).transpose(2, 0, 1)
    if target <= WIDTH:
        out = np.zeros((3, HEIGHT, WIDTH), np.float32)
        out[..., :target] = dark
        return [out]
    return [np.ascontiguousarray(dark[..., :WIDTH]), np.ascontiguousarray(dark[..., -WIDTH:])]


class InkJudge:
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

    def odds(self, crops: list[np.ndarray]) -> np.ndarray:
        """Calibrated log odds, (n,) float, that each word crop is written by hand."""
        pictures: list[np.ndarray] = []
        owners: list[int] = []
        for index, crop in enumerate(crops):
            if crop.shape[0] < 3 or crop.shape[1] < 3:
                continue
            found = windows(crop)
            pictures += found
            owners += [index] * len(found)
        out = np.full(len(crops), -8.0)
        if not pictures:
            return out
        raw = self._session.run(None, {"words": np.stack(pictures)})[0].reshape(-1)
        sums = np.bincount(owners, raw, len(crops))
        counts = np.bincount(owners, minlength=len(crops))
        seen = counts > 0
        slope, offset = self._calibration
        out[seen] = slope * sums[seen] / counts[seen] + offset
        return out

    def handwritten(self, crops: list[np.ndarray]) -> np.ndarray:
        """Probability, (n,) float 0..1, that each word crop (H, W) or (H, W, 3) uint8 is written by hand.

        Crops under 3 pixels a side count as print.
        """
        return 1 / (1 + np.exp(-self.odds(crops)))
