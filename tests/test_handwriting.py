"""Handwriting: digits read, writing told from print, gaps found and read. Everything is drawn here."""

from __future__ import annotations

import random

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from ocr.handwriting.annotate import annotate
from ocr.handwriting.digits import DigitReader
from ocr.handwriting.gaps import find_gaps
from ocr.handwriting.ink import InkJudge
from samples import fonts, ink
from schemas.page import PageQuality, PageReading, Word

BLACK_PEN = (25, 25, 28)


class Paper:
    """A white page on which printed words and hand-written entries are put; remembers the words as an engine would."""

    def __init__(self, width: int = 1654, height: int = 2339) -> None:
        self.image = Image.new("RGB", (width, height), "white")
        self.words: list[Word] = []
        self.line = 0

    def type(self, text: str, x: float, base: float, size: int = 36, *, bold=False, italic=False) -> float:
        """Prints words, returns the right end."""
        font = fonts.face("Liberation Serif", size, bold, italic)
        pen = ImageDraw.Draw(self.image)
        for text_word in text.split():
            box = pen.textbbox((x, base), text_word, font=font, anchor="ls")
            pen.text((x, base), text_word, font=font, fill=(20, 20, 20), anchor="ls")
            self.words.append(Word(text=text_word, box=box, confidence=0.95, line=self.line))
            x = box[2] + 0.25 * size
        return x - 0.25 * size

    def write(
        self, text: str, x: float, base: float, rng: random.Random, colour, read_as: str | None = None
    ) -> float:
        """Writes by hand; `read_as` is what the engine made of it (None: it saw nothing)."""
        picture, drop = ink.write(text, 34, rng, colour)
        top = round(base) - drop
        self.image.paste(picture, (round(x), top), picture)
        right = x + picture.width
        if read_as is not None:
            box = (x, top, right, top + picture.height)
            self.words.append(Word(text=read_as, box=box, confidence=0.3, line=self.line))
        return right

    def merge(self, first: int, last: int, text: str) -> None:
        """Makes one word of several, as engines do."""
        parts = self.words[first : last + 1]
        boxes = np.array([w.box for w in parts])
        box = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        self.words[first : last + 1] = [Word(text=text, box=box, confidence=0.5, line=parts[0].line)]

    def reading(self) -> PageReading:
        width, height = self.image.size
        return PageReading(
            page=1, width=width, height=height, dpi=200, words=self.words,
            quality=PageQuality(width_px=width, height_px=height, dpi=200, colour=True),
            to_points=(0.36, 0, 0, 0, 0.36, 0), page_size_pt=(595, 842),
        )  # fmt: skip

    def pixels(self) -> np.ndarray:
        return np.asarray(self.image).copy()


def heading(rng, number, day, colour=ink.BLUE, number_read="Z5", day_read="4%") -> Paper:
    """Head of a letter with a hand-written number and day (None: the gap is empty)."""
    paper = Paper()
    paper.type("ỦY BAN NHÂN DÂN", 300, 180, bold=True)
    paper.line = 1
    x = paper.type("Số:", 300, 260)
    x = paper.write(number, x + 12, 260, rng, colour, number_read) if number else x + 90
    paper.type("/QĐ-UBND", x + 14, 260)
    x = paper.type("Bình An, ngày", 860, 260, italic=True)
    x = paper.write(day, x + 12, 260, rng, colour, day_read) if day else x + 70
    paper.type("tháng 02 năm 2024", x + 14, 260, italic=True)
    paper.line = 2
    paper.type("QUYẾT ĐỊNH", 700, 380, bold=True)
    paper.line = 3
    paper.type("Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;", 250, 460, italic=True)
    return paper


def drawn(text: str, rng: random.Random, size: int = 30) -> np.ndarray:
    picture = ink.draw_digits(text, size, rng, ink.pen_colour(rng))
    page = Image.new("RGB", (picture.width + 24, picture.height + 12), (248, 247, 243))
    page.paste(picture, (12, 6), picture)
    return np.asarray(page)


def typed(text: str, rng: random.Random, size: int = 34) -> np.ndarray:
    font = fonts.face("Liberation Serif", size, rng.random() < 0.3, rng.random() < 0.3)
    page = Image.new("RGB", (int(font.getlength(text)) + 16, int(1.35 * size)), (250, 250, 250))
    ImageDraw.Draw(page).text((8, size), text, font=font, fill=(25, 25, 25), anchor="ls")
    return np.asarray(page)


@pytest.fixture(scope="module")
def reader() -> DigitReader:
    return DigitReader()


@pytest.fixture(scope="module")
def judge() -> InkJudge:
    return InkJudge()


def test_hand_written_digits_are_read(reader):
    rng = random.Random(41)
    texts = [str(rng.randint(1, 4000)) for _ in range(60)] + [f"{rng.randint(1, 31):02d}" for _ in range(60)]
    found = [reader.read(drawn(t, rng)) for t in texts]
    right = [f.text == t for f, t in zip(found, texts, strict=True)]
    assert np.mean(right) >= 0.90
    # the confidence means something: what is right is given with more of it
    sure = np.array([f.confidence for f in found])
    assert sure[np.array(right)].mean() > 0.8
    assert all(len(f.per_char) == len(f.text) == len(f.spans) for f in found)


def test_printed_digits_are_read(reader):
    rng = random.Random(42)
    texts = [str(rng.randint(1, 99999)) for _ in range(30)] + ["30/2020", "01/10/2011"]
    assert np.mean([reader.read(typed(t, rng)).text == t for t in texts]) >= 0.9


def test_letters_around_an_entry_are_passed_over(reader):
    rng = random.Random(43)
    assert reader.read(typed("830/TLKS-BS", rng)).text == "830/"
    assert reader.read(typed("ngày 24 tháng", rng)).text == "24"


@pytest.mark.parametrize("shape", [(40, 90), (2, 2), (30, 1, 3)])
def test_nothing_to_read(reader, shape):
    found = reader.read(np.full(shape, 230, np.uint8))
    assert (found.text, found.confidence) == ("", 0.0)


def test_print_and_writing_are_told_apart(judge):
    rng = random.Random(44)
    by_hand = [drawn(str(rng.randint(10, 9999)), rng) for _ in range(60)]
    words = "Nguyễn quyết định 2024 ngày UBND tỉnh Hạnh phúc thửa đất cộng hòa".split()
    printed = [typed(rng.choice(words), rng) for _ in range(120)]
    printed += [cv2.GaussianBlur(c, (0, 0), 1.0) for c in printed[:30]]
    for grey in (False, True):
        change = (lambda c: cv2.cvtColor(c, cv2.COLOR_RGB2GRAY)) if grey else (lambda c: c)
        assert (judge.handwritten([change(c) for c in by_hand]) > 0.5).mean() >= 0.95
        assert (judge.handwritten([change(c) for c in printed]) > 0.5).mean() <= 0.02


def test_judge_takes_none_and_specks(judge):
    assert judge.handwritten([]).shape == (0,)
    assert judge.handwritten([np.zeros((1, 1), np.uint8)])[0] < 0.01


def found_gaps(paper: Paper, pixels: np.ndarray | None = None):
    out = annotate(paper.reading(), paper.pixels() if pixels is None else pixels)
    return out, {g.kind: g for g in out.gaps}


@pytest.mark.parametrize("look", ["colour", "grey", "bilevel"])
def test_number_and_day_written_by_hand(look):
    entries = [("575", "04"), ("1326", "17"), ("38", "25"), ("3006", "19"), ("86", "06"), ("412", "12")]
    right = 0
    for seed, (number, day) in enumerate(entries):
        paper = heading(random.Random(seed), number, day, ink.BLUE if look == "colour" else BLACK_PEN)
        pixels = paper.pixels()
        if look != "colour":
            pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        if look == "bilevel":
            pixels = np.where(pixels > 150, 255, 0).astype(np.uint8)
        out, gaps = found_gaps(paper, pixels)
        right += (gaps["so"].text == number) + (gaps["ngay"].text == day)
        assert gaps["so"].handwritten > 0.5 and gaps["ngay"].handwritten > 0.5
        assert gaps["thang"].handwritten < 0.5 and gaps["nam"].handwritten < 0.5
        assert (gaps["thang"].text, gaps["nam"].text) == ("02", "2024")
        flagged = {w.text for w in out.words if w.handwritten > 0.5}
        assert flagged == {gaps["so"].text + "/QĐ-UBND", gaps["ngay"].text}, "what was read stands in the words"
        assert all(w.handwritten is not None for w in out.words)
    assert right >= 10


def test_entries_the_engine_did_not_see():
    _, gaps = found_gaps(heading(random.Random(3), "575", "24", number_read=None, day_read=None))
    assert (gaps["so"].text, gaps["ngay"].text) == ("575", "24")


def test_words_joined_to_their_labels():
    paper = heading(random.Random(5), "575", "24")
    texts = [w.text for w in paper.words]
    day = texts.index("ngày")
    paper.merge(day, day + 2, "ngày4%tháng")
    number = texts.index("Số:")
    paper.merge(number, number + 2, "Số:S7S/QĐ-UBND")
    _, gaps = found_gaps(paper)
    assert (gaps["so"].text, gaps["ngay"].text, gaps["thang"].text) == ("575", "24", "02")


def test_date_in_a_registration_row():
    paper = heading(random.Random(8), "31", "05")
    paper.line = 4
    x = paper.type("Ngày, tháng, năm đăng ký: ngày", 250, 900)
    x = paper.write("29", x + 12, 900, random.Random(4), ink.BLUE, "^2f")
    x = paper.type("tháng", x + 14, 900)
    x = paper.write("3", x + 12, 900, random.Random(4), ink.BLUE)
    paper.type("năm 2024", x + 14, 900)
    out, _ = found_gaps(paper)
    assert [g.text for g in out.gaps if abs(g.box[3] - 900) < 40] == ["29", "3", "2024"]
    row = " ".join(w.text for w in out.words if abs(w.box[3] - 900) < 40)
    assert row.endswith("đăng ký: ngày 29 tháng 3 năm 2024")


def test_an_entry_of_which_no_word_was_read():
    paper = Paper()
    x = paper.type("Giới tính: Nữ Dân tộc:", 230, 700)
    paper.write("Kinh", x + 14, 700, random.Random(9), ink.BLUE)
    paper.type("Quốc tịch:", 800, 700)
    paper.type("........", 1000, 700)
    paper.words.pop()
    out, _ = found_gaps(paper)
    entry = [g for g in out.gaps if g.kind == "muc"]
    assert len(entry) == 1 and entry[0].text == "" and entry[0].handwritten > 0.5
    assert x < entry[0].box[0] < entry[0].box[2] < 800, "neither the print nor the dots are an entry"


def test_empty_gaps():
    _, gaps = found_gaps(heading(random.Random(6), None, None))
    for kind in ("so", "ngay"):
        assert gaps[kind].text == "" and gaps[kind].handwritten < 0.5


def test_printed_number():
    paper = Paper()
    paper.type("Số: 830/TLKS-BS", 300, 260)
    paper.type("Bình An, ngày 24 tháng 07 năm 2020", 860, 260, italic=True)
    out, gaps = found_gaps(paper)
    assert [gaps[k].text for k in ("so", "ngay", "thang", "nam")] == ["830", "24", "07", "2020"]
    assert all(g.handwritten < 0.5 and g.confidence > 0.8 for g in gaps.values())
    assert all(w.handwritten < 0.5 for w in out.words)


def test_date_of_a_form_written_by_hand():
    paper = Paper()
    x = paper.type("Ngày, tháng, năm sinh:", 230, 700)
    paper.write("19/01/2000", x + 14, 700, random.Random(9), ink.BLUE, "77/0")
    _, gaps = found_gaps(paper)
    assert gaps["ngay_thang_nam"].text == "19/01/2000"


def test_running_text_holds_no_gap():
    paper = Paper()
    paper.type("Căn cứ Quyết định số 42 ngày 13 tháng 8 năm 2007 của Bộ", 250, 400)
    paper.line = 1
    paper.type("ngày 25 tháng 9 năm 2010.", 250, 520)
    paper.line = 2
    paper.type("Số định danh cá nhân: 036054979190", 250, 460)
    assert find_gaps(paper.words, 2339) == []


def test_no_words():
    paper = Paper(400, 300)
    out, gaps = found_gaps(paper)
    assert out.words == [] and gaps == {}


def test_wrong_picture_is_refused():
    with pytest.raises(ValueError, match="uint8"):
        annotate(Paper(50, 50).reading(), np.zeros((50, 50), np.float32))


def test_boxes_over_each_other_and_over_the_edge_do_no_harm():
    """Engines give boxes that overlap, are empty or run over the edge of the picture."""
    rng = random.Random(11)
    texts = ["Số:", "/QĐ-UBND", "Hà", "Nội,", "ngày", "tháng", "năm", "2024", "Ngày,", "tháng,", "năm", "sinh:", "4%", "Số:575/UB-VP"]
    for colours in ((300, 420), (300, 420, 3)):
        pixels = np.full(colours, 250, np.uint8)
        for _ in range(150):
            words = []
            for line in range(3):
                x = rng.randint(-30, 100)
                for text in rng.sample(texts, 6):
                    x += rng.randint(-60, 70)
                    y = rng.choice([-4, 20, 60, 292])
                    box = (x, y, x + rng.choice([0, 0.4, 30, 80]), y + rng.choice([0, 1, 14]))
                    words.append(Word(text=text, box=box, confidence=rng.random(), line=line))
            reading = PageReading(
                page=1, width=420, height=300, dpi=200, words=words, to_points=(0.36, 0, 0, 0, 0.36, 0), page_size_pt=(151, 108),
                quality=PageQuality(width_px=420, height_px=300, dpi=200, colour=True),
            )  # fmt: skip
            marked = annotate(reading, pixels)
            assert len(marked.words) == len(words) and all(0 <= w.handwritten <= 1 for w in marked.words)
