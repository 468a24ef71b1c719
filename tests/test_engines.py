"""Both recognition engines keep the same promises."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from ocr.engines import open_engine
from ocr.engines.tessdata import find_tessdata
from schemas.errors import MissingProgram
from schemas.settings import Reading
from tests import drawn_pages


@pytest.fixture(scope="module", params=["tesserocr", "pytesseract"])
def engine(request):
    engine = open_engine(Reading(engine=request.param))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return drawn_pages.page(drawn_pages.LINES[:5])[:900, :, 0].copy()


def test_reads_vietnamese_with_every_accent(engine, grey):
    words = engine.read(grey, 200)
    text = " ".join(w.text for w in words)
    for expected in ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA", "Đặng Thị Ngọc Ánh", "Thương binh và Xã hội"):
        assert expected in text
    assert text == unicodedata.normalize("NFC", text)


def test_words_carry_box_confidence_and_line(engine, grey):
    words = engine.read(grey, 200)
    height, width = grey.shape
    for word in words:
        left, top, right, bottom = word.box
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        assert 0 <= word.confidence <= 1
        assert (grey[int(top) : int(bottom), int(left) : int(right)] < 128).any(), "the box holds ink"
    lines = {w.line for w in words}
    assert len(lines) == 5
    first = [w for w in words if w.text == "CỘNG"][0]
    assert abs(first.box[0] - 180) < 12 and abs(first.box[1] - 262) < 14
    assert np.mean([w.confidence for w in words]) > 0.85


def test_one_line_and_nothing(engine, grey):
    line = grey[250:320]
    assert "VIỆT NAM" in " ".join(w.text for w in engine.read(line, 200, layout="line"))
    assert engine.read(np.full((300, 400), 255, np.uint8), 200) == []


def test_a_picture_that_is_a_view_is_read_too(engine, grey):
    turned = np.rot90(np.rot90(grey))  # negative strides
    back = np.rot90(turned, 2)
    assert len(engine.read(back, 200)) == len(engine.read(grey, 200))


def test_missing_language_names_the_package():
    with pytest.raises(MissingProgram, match="tesseract-ocr-xyz"):
        find_tessdata(None, "xyz")
    with pytest.raises(MissingProgram):
        open_engine(Reading(language="xyz"))
    with pytest.raises(MissingProgram, match="no engine"):
        open_engine(Reading(engine="abbyy"))
