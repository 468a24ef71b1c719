"""Entries by hand of which the page's recogniser read nothing, or lost the label: found by the layout of the paper, shown to
a person with their place, and never accepted."""

from __future__ import annotations

import random

import numpy as np
import pytest

from ocr.extract import read_document
from ocr.forms import load_forms
from ocr.handwriting.annotate import annotate
from ocr.handwriting.levels import percentiles
from samples import ink
from schemas.document import FieldStatus
from schemas.page import GapReading
from schemas.settings import Settings
from tests.made_pages import birth_certificate, decision
from tests.test_handwriting import Paper

FORMS, SETTINGS = load_forms(), Settings()


def read(*pages):
    return read_document(list(pages), forms=FORMS, settings=SETTINGS)


def letterhead(number_words: int) -> Paper:
    """A heading whose number line `Số: 72/GUQ-UBND` was read but for its first words; the number is by hand."""
    paper = Paper()
    paper.type("ỦY BAN NHÂN DÂN", 260, 180, bold=True)
    paper.type("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 800, 180, bold=True)
    paper.line = 1
    paper.type("Độc lập - Tự do - Hạnh phúc", 900, 230, bold=True)
    paper.line = 2
    before = len(paper.words)
    x = paper.type("Số:", 270, 300)
    x = paper.write("72", x + 12, 300, random.Random(4), ink.BLUE)
    paper.type("/GUQ-UBND", x + 14, 300)
    paper.words[before:] = paper.words[len(paper.words) - number_words :] if number_words else []
    paper.line = 3
    paper.type("Bình An, ngày 24 tháng 07 năm 2020", 860, 300, italic=True)
    paper.line = 4
    paper.type("GIẤY ỦY QUYỀN", 640, 400, bold=True)
    return paper


@pytest.mark.parametrize("number_words", [0, 1])
def test_a_number_whose_label_was_not_read(number_words):
    paper = letterhead(number_words)
    marked = annotate(paper.reading(), paper.pixels())
    place = next(g for g in marked.gaps if g.kind == "so")
    assert place.handwritten > 0.5 and 250 < place.box[0] < 400 and 250 < place.box[1] < 300
    field = read(marked).fields["so_ky_hieu"]
    assert field.handwritten and field.status is FieldStatus.REVIEW
    assert field.box is not None and field.box[3] < 120 and field.box[2] < 300, "the place is shown, on the left"
    if number_words:
        assert field.value.endswith("/GUQ-UBND"), "what is printed is proposed"


def test_print_in_the_heading_is_no_unread_number():
    paper = letterhead(0)
    clean = Paper()
    clean.words = paper.words  # the same words, on paper without the line of the number
    for word in paper.words:
        clean.line = word.line
    assert not any(g.kind == "so" for g in annotate(clean.reading(), clean.pixels()).gaps)


def test_a_number_behind_a_stamp_is_looked_for_beside_the_date():
    made = decision("ỦYBgãM gVĐ12QĐ-UBND")
    words = [w.model_copy(update={"confidence": 0.1}) if w.text.startswith(("ỦYB", "gVĐ")) else w for w in made.words]
    field = read(made.model_copy(update={"words": words})).fields["so_ky_hieu"]
    assert field.handwritten and field.status is FieldStatus.REVIEW and field.box[1] < 110


def test_an_entry_below_its_label():
    paper = Paper()
    paper.type("Ngày, tháng, năm sinh:", 230, 700)
    paper.line = 1
    paper.write("04/12/1981", 240, 745, random.Random(9), ink.BLUE)
    paper.type("Dân tộc: Kinh", 230, 800)
    entry = [g for g in annotate(paper.reading(), paper.pixels()).gaps if g.kind == "muc"]
    assert len(entry) == 1 and entry[0].handwritten > 0.5 and 700 < entry[0].box[1] < 730


def test_a_row_by_hand_without_its_label_is_placed_by_the_order_of_the_form():
    made = birth_certificate()
    lost = {"Nơi": "Mơ", "cư": "nh", "trú:": "Mụ"}
    line = [w for w in made.words if w.text == "trú:"][1].line  # where the father lives
    words = [
        w if w.line != line else w.model_copy(update={"text": lost.get(w.text, w.text), "handwritten": 0.95, "confidence": 0.4})
        for w in made.words
    ]
    reading = read(made.model_copy(update={"words": words}))
    field = reading.fields["cha_noi_cu_tru"]
    assert (field.value, field.handwritten, field.status) == (None, True, FieldStatus.REVIEW)
    row = next(w.box for w in words if w.line == line)
    assert field.box[1] == pytest.approx(row[1] * 0.36, abs=1)
    assert reading.fields["cha_ho_ten"].value == "Trần Văn Sơn"
    assert reading.fields["me_noi_cu_tru"].value == "Xóm 4, xã Yên Chính, huyện Ý Yên, tỉnh Nam Định"


def test_labels_that_differ_by_one_word_are_told_apart():
    made = birth_certificate()
    words = [w.model_copy(update={"text": "the:"}) if w.text == "mẹ:" else w for w in made.words]
    found = read(made.model_copy(update={"words": words})).fields
    assert (found["me_ho_ten"].value, found["cha_ho_ten"].value) == ("Phạm Thị Thanh Hà", "Trần Văn Sơn")


@pytest.mark.parametrize(("pen", "by_hand", "accepted"), [(0.005, False, True), (0.05, False, False), (0.2, True, False)])
def test_a_day_that_may_be_by_hand_is_not_accepted(pen, by_hand, accepted):
    gaps = [
        GapReading(kind=kind, box=box, text=text, confidence=0.995, handwritten=hand)
        for kind, text, box, hand in (
            ("ngay", "07", (1120, 258, 1160, 292), pen),
            ("thang", "8", (1260, 258, 1275, 292), 0.001),
            ("nam", "2023", (1340, 258, 1400, 292), 0.001),
        )
    ]
    field = read(decision(gaps=gaps)).fields["ngay_ban_hanh"]
    assert field.value == "2023-08-07"
    assert (field.handwritten, field.status is FieldStatus.ACCEPTED) == (by_hand, accepted)


def test_a_day_of_which_no_digit_was_made_is_an_entry_for_a_person():
    field = read(decision(date_line="Yên Chính, ngày “~ tháng 8 năm 2023")).fields["ngay_ban_hanh"]
    assert (field.value, field.handwritten, field.status) == (None, True, FieldStatus.REVIEW)


def test_percentiles_are_those_of_the_sorted_levels():
    grey = np.random.default_rng(3).integers(0, 256, (37, 53), dtype=np.uint8)
    ordered = np.sort(grey.ravel())
    assert percentiles(grey, 0, 1, 85, 100) == [float(ordered[round(s / 100 * (grey.size - 1))]) for s in (0, 1, 85, 100)]
