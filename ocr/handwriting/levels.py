"""Order statistics of grey levels by counting: many times faster than sorting for pictures of eight bits."""

from __future__ import annotations

import numpy as np


def percentiles(grey: np.ndarray, *shares: float) -> list[float]:
    """Grey levels of a uint8 picture, not empty, below which `shares` per cent of its pixels lie (the nearest rank)."""
    counted = np.bincount(grey.ravel(), minlength=256).cumsum()
    places = [round(share / 100 * (grey.size - 1)) for share in shares]
    return [float(level) for level in np.searchsorted(counted, places, side="right")]
