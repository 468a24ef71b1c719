"""Tesseract as a program (pytesseract): the portable path."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytesseract

from schemas.errors import MissingProgram, PageFailed
from schemas.page import Word

LAYOUTS = {"page": 3, "block": 6, "line": 7}


class TesseractProgram:
    """Starts `tesseract` once a picture."""

    def __init__(self, tessdata: Path, language: str) -> None:
        # More threads cost three times the CPU and are slower (measured, docs/benchmarks.md).
        os.environ["OMP_THREAD_LIMIT"] = "1"
        self._tessdata, self._language = tessdata, language
        try:
            self.name = f"tesseract {pytesseract.get_tesseract_version()}"
        except pytesseract.TesseractNotFoundError as error:
            raise MissingProgram("tesseract; install tesseract-ocr") from error

    def read(self, picture: np.ndarray, dpi: int, *, layout: str = "page") -> list[Word]:
        config = f'--tessdata-dir "{self._tessdata}" --oem 1 --psm {LAYOUTS[layout]} --dpi {dpi}'
        try:
            rows = pytesseract.image_to_data(
                picture, lang=self._language, config=config, output_type=pytesseract.Output.DICT
            )
        except pytesseract.TesseractError as error:
            raise PageFailed(str(error.message)[:300]) from error
        words: list[Word] = []
        lines: dict[tuple, int] = {}
        for i, raw in enumerate(rows["text"]):
            text = unicodedata.normalize("NFC", raw.strip())
            if not text or float(rows["conf"][i]) < 0:
                continue
            left, top = rows["left"][i], rows["top"][i]
            line = lines.setdefault((rows["block_num"][i], rows["par_num"][i], rows["line_num"][i]), len(lines))
            words.append(
                Word(
                    text=text,
                    box=(left, top, left + rows["width"][i], top + rows["height"][i]),
                    confidence=float(rows["conf"][i]) / 100,
                    line=line,
                    block=rows["block_num"][i] - 1,
                )
            )
        return words

    def close(self) -> None:
        """Nothing is kept between pages."""
