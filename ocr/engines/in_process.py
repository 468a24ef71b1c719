"""Tesseract in this process (tesserocr): no process start a page, no files, about a third less CPU than the program."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import tesserocr
from tesserocr import OEM, PSM, RIL

from schemas.page import Word

LAYOUTS = {"page": PSM.AUTO, "block": PSM.SINGLE_BLOCK, "line": PSM.SINGLE_LINE}


class InProcessTesseract:
    """Keeps one recogniser with its model loaded. Not safe for several threads."""

    name = f"tesserocr {tesserocr.PyTessBaseAPI.Version()}"

    def __init__(self, tessdata: Path, language: str) -> None:
        self._api = tesserocr.PyTessBaseAPI(path=str(tessdata), lang=language, oem=OEM.LSTM_ONLY, psm=PSM.AUTO)

    def read(self, picture: np.ndarray, dpi: int, *, layout: str = "page") -> list[Word]:
        picture = np.ascontiguousarray(picture)
        height, width = picture.shape
        self._api.SetPageSegMode(LAYOUTS[layout])
        self._api.SetImageBytes(picture.tobytes(), width, height, 1, width)
        self._api.SetSourceResolution(dpi)
        try:
            if not self._api.Recognize():
                return []
            return self._words()
        finally:
            self._api.Clear()

    def _words(self) -> list[Word]:
        words: list[Word] = []
        line = block = -1
        iterator = self._api.GetIterator()
        if iterator is None:
            return words
        for item in tesserocr.iterate_level(iterator, RIL.WORD):
            if item.IsAtBeginningOf(RIL.BLOCK):
                block += 1
            if item.IsAtBeginningOf(RIL.TEXTLINE):
                line += 1
            try:
                text = unicodedata.normalize("NFC", item.GetUTF8Text(RIL.WORD).strip())
            except RuntimeError:  # an empty element
                continue
            box = item.BoundingBox(RIL.WORD)
            if text and box:
                confidence = item.Confidence(RIL.WORD) / 100
                words.append(Word(text=text, box=box, confidence=confidence, line=max(line, 0), block=max(block, 0)))
        return words

    def close(self) -> None:
        self._api.End()
