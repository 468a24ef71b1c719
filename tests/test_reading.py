"""A page from picture to words, as it comes from real scanners: crooked, turned, sealed, blank, dark, photographed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import segno

from ocr.engines import open_engine
from ocr.reading import read_page
from ocr.second_look import look_again
from schemas.page import IssueCode, PageReading
from schemas.settings import Reading
from tests import drawn_pages

SETTINGS = Reading()


@pytest.fixture(scope="module")
def engine():
    engine = open_engine(SETTINGS)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    return drawn_pages.page()


def read(engine, pixels, **more) -> PageReading:
    return read_page(1, drawn_pages.image(pixels, **more), None, engine, SETTINGS)


def share_read(reading: PageReading) -> float:
    """Share of the words of the page that were read to the letter."""
    truth = " ".join(drawn_pages.LINES).split()
    read_words = reading.text.split()
    return sum(word in read_words for word in truth) / len(truth)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("degrees", [0.0, 2.5])
def test_turned_and_crooked_pages_are_put_right_and_boxes_stay_true(engine, page, turn, degrees):
    scan = np.ascontiguousarray(np.rot90(drawn_pages.skewed(page, degrees), -turn // 90))
    reading = read(engine, scan)
    assert reading.rotation == turn
    assert reading.skew_deg == pytest.approx(degrees, abs=0.2)
    assert share_read(reading) > 0.95
    assert reading.page_size_pt == pytest.approx(drawn_pages.A4, abs=1)
    word = next(w for w in reading.words if w.text == "CỘNG")
    x, y = 180 * 72 / 200, 268 * 72 / 200  # where it was printed, turned about the middle of the page by the skew
    radians, (cx, cy) = np.radians(degrees), (drawn_pages.A4[0] / 2, drawn_pages.A4[1] / 2)
    wanted = (cx + (x - cx) * np.cos(radians) - (y - cy) * np.sin(radians),
              cy + (x - cx) * np.sin(radians) + (y - cy) * np.cos(radians))  # fmt: skip
    assert reading.to_shown(word.box[0], word.box[1]) == pytest.approx(wanted, abs=4)


class Asked:
    """An engine that notes which layouts it was asked for."""

    def __init__(self, engine) -> None:
        self.engine, self.name, self.layouts = engine, engine.name, []

    def read(self, picture, dpi, *, layout="page"):
        self.layouts.append(layout)
        return self.engine.read(picture, dpi, layout=layout)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_page_whose_look_does_not_tell_is_asked_in_single_rows_and_read_once(engine, turn):
    lines = ["MOI CONG VIEC CUA XA NAM NAY", "XEM XIN VAN SAU ROI CAM ON", "NOI CONG NHAN RA VAO SOM"] * 4
    scan = np.ascontiguousarray(np.rot90(drawn_pages.page(lines), -turn // 90))
    asked = Asked(engine)
    reading = read(asked, scan)
    assert reading.rotation == turn
    assert asked.layouts.count("page") == 1 and asked.layouts.count("line") <= 12


def test_text_under_a_red_seal_is_read(engine, page):
    sealed = drawn_pages.sealed(drawn_pages.sealed(page, (600, 640)), (900, 900))
    before = sealed.copy()
    reading = read(engine, sealed)
    assert share_read(reading) > 0.95
    assert reading.quality.seal and reading.quality.colour
    assert (sealed == before).all(), "the picture that is kept is not touched"


def test_signature_over_the_name_of_the_signer(engine):
    page = drawn_pages.page(drawn_pages.LINES[:6])
    title = drawn_pages.page(["CHỦ TỊCH", "", "Nguyễn Quốc Khuyến"], top=1400)
    page[1390:, 700:] = title[1390:, 150:1104]
    rng = np.random.default_rng(5)
    points = np.cumsum(rng.normal((14, 0), (10, 30), (40, 2)), axis=0) + (720, 1570)
    cv2.polylines(page, [points.astype(np.int32)], False, (35, 45, 170), 4)
    page = drawn_pages.sealed(page, (740, 1540), 110, (150, 150, 150))  # as a grey scan shows it
    text = read(engine, page).text
    assert "CHỦ TỊCH" in text and "Nguyễn Quốc Khuyến" in text


def test_title_and_name_that_the_engine_takes_for_part_of_a_grey_seal(engine):
    page = np.full((2339, 1654, 3), 255, np.uint8)
    block = drawn_pages.page(["TRƯỞNG PHÒNG", "", "Thái Quang Trung"], top=250)
    page[200:600, 850:] = block[200:600, 150:954]
    for radius in (150, 100):
        page = drawn_pages.sealed(page, (960, 370), radius, (120, 120, 120))
    grey = np.ascontiguousarray(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY))
    words = engine.read(grey, 200)
    assert "TRƯỞNG" not in " ".join(w.text for w in words), "the engine alone must not see it, or the test says nothing"
    again = " ".join(w.text for w in look_again(grey, words, 200, engine))
    assert "TRƯỞNG PHÒNG" in again and "Trung" in again


def test_blank_pages_are_blank_and_nearly_blank_ones_are_not(engine):
    paper = np.full((2339, 1654, 3), 247, np.uint8)
    paper[:, :25] = 60  # the lid
    cv2.circle(paper, (45, 1100), 22, (30, 30, 30), -1)  # a punch hole
    assert read(engine, paper).quality.blank
    through = paper.copy()
    mirrored = drawn_pages.page()[:, ::-1]
    through[mirrored < 128] = 225
    assert read(engine, through).quality.blank, "print of the other side shining through is not text"
    note = read(engine, drawn_pages.page(["Đã nhận đủ hồ sơ."]))
    assert not note.quality.blank and "nhận đủ hồ sơ" in note.text


def test_codes_on_separator_sheets_are_read(engine, tmp_path):
    page = drawn_pages.page(["TỜ PHÂN CÁCH HỒ SƠ"])
    segno.make("HỒ SƠ H26.12-261005-0155", error="m").save(tmp_path / "code.png", scale=8)
    code = cv2.imread(str(tmp_path / "code.png"))
    page[900 : 900 + code.shape[0], 500 : 500 + code.shape[1]] = code
    for turn in (0, 2):
        found = read(engine, np.ascontiguousarray(np.rot90(page, turn))).barcodes
        assert [c.text for c in found] == ["HỒ SƠ H26.12-261005-0155"]
    left, top, right, bottom = found[0].box
    assert 480 < left < 620 and 880 < top < 1020 and right > left + 100 and bottom > top + 100


def test_a_photograph_is_laid_flat_and_boxes_point_into_the_photograph(engine, page):
    photo = np.full((2700, 2100, 3), (96, 74, 55), np.uint8)
    corners = np.float32([[210, 190], [1830, 160], [1900, 2500], [160, 2440]])
    matrix = cv2.getPerspectiveTransform(np.float32([[0, 0], [1654, 0], [1654, 2339], [0, 2339]]), corners)
    cv2.warpPerspective(page, matrix, (2100, 2700), dst=photo, borderMode=cv2.BORDER_TRANSPARENT)
    reading = read(engine, photo)
    assert share_read(reading) > 0.9
    word = next(w for w in reading.words if w.text == "CỘNG")
    wanted = cv2.perspectiveTransform(np.float32([[[180, 268]]]), matrix)[0, 0] * 72 / 200
    assert reading.to_shown(word.box[0], word.box[1]) == pytest.approx(tuple(wanted), abs=6)


def test_bad_scans_are_told_with_their_reason(engine, page):
    def issues(pixels, **more):
        return read(engine, pixels, **more).quality.issues

    assert issues(page) == []
    assert IssueCode.LOW_DPI in issues(page, native_dpi=150)
    assert IssueCode.LOW_DPI not in issues(page, native_dpi=198)
    assert IssueCode.BLURRED in issues(cv2.GaussianBlur(page, (0, 0), 5))
    assert IssueCode.LOW_CONTRAST in issues((235 - (255 - page.astype(int)) * 0.14).astype(np.uint8))
    assert IssueCode.CUT_EDGE in issues(page[:, 230:])
    assert IssueCode.SKEWED in issues(drawn_pages.skewed(page, 5.8))


def test_scribble_is_unreadable_not_silently_empty(engine):
    page = np.full((2339, 1654, 3), 255, np.uint8)
    rng = np.random.default_rng(3)
    for row in range(200, 2000, 80):
        points = np.cumsum(rng.normal((9, 0), (6, 14), (120, 2)), axis=0) + (200, row)
        cv2.polylines(page, [points.astype(np.int32)], False, (30, 30, 120), 3)
    reading = read(engine, page)
    assert not reading.quality.blank and IssueCode.UNREADABLE in reading.quality.issues


def test_bilevel_copy_without_colour(engine, page):
    grey = np.where(page[:, :, 0] > 150, 255, 0).astype(np.uint8)
    reading = read(engine, grey)
    assert share_read(reading) > 0.9 and not reading.quality.colour
