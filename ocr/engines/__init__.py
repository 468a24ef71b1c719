"""Recognition behind a small seam: an engine turns a clean grey picture into words with boxes and confidence."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from schemas.errors import MissingProgram
from schemas.page import Word
from schemas.settings import Reading


class Engine(Protocol):
    """Reads upright grey pictures. One thread an engine, one process a core."""

    name: str

    def read(self, picture: np.ndarray, dpi: int, *, layout: str = "page") -> list[Word]:
        """Words of a grey uint8 picture (height, width), in reading order, boxes in its pixels, text NFC.

        layout: `page` (find columns and blocks), `block` (one block of lines) or `line` (a single line).
        """

    def close(self) -> None: ...


def open_engine(reading: Reading) -> Engine:
    """The engine that the settings name; the in-process one falls back to the program where its package is missing.

    Raises MissingProgram when neither can run or the language data is not there.
    """
    from ocr.engines.tessdata import find_tessdata

    folder = find_tessdata(reading.tessdata, reading.language)
    if reading.engine == "tesserocr":
        try:
            from ocr.engines.in_process import InProcessTesseract
        except ImportError:
            pass
        else:
            return InProcessTesseract(folder, reading.language)
    elif reading.engine != "pytesseract":
        raise MissingProgram(f"no engine named {reading.engine!r}")
    from ocr.engines.program import TesseractProgram

    return TesseractProgram(folder, reading.language)
