"""What spoils a scan is taken out of the picture that is read, and nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ocr import cleanup, orientation, page_edges, second_look
from ocr.syllables import is_plausible
from schemas.page import Word
from tests import drawn_pages


@pytest.fixture(scope="module")
def page() -> np.ndarray:
    return drawn_pages.page()


def ink(grey: np.ndarray) -> np.ndarray:
    return grey < 128


def test_a_red_seal_fades_and_the_text_under_it_stays(page):
    sealed = drawn_pages.sealed(page, (600, 640))
    plain_grey = cv2.cvtColor(sealed, cv2.COLOR_RGB2GRAY)
    clean = cleanup.clean(sealed, 200)
    truth = ink(cleanup.clean(page, 200))
    assert (ink(plain_grey) & ~truth).sum() > 3000, "the seal is dark in luma"
    around = cv2.dilate(truth.astype(np.uint8), np.ones((3, 3), np.uint8)) == 1
    assert (ink(clean) & ~around).sum() < 60
    assert (ink(clean) & truth).sum() > 0.93 * truth.sum()


def test_grey_pictures_pass_through():
    grey = np.full((50, 50), 77, np.uint8)
    assert cleanup.reading_plane(grey) is grey
    assert cleanup.redness_share(grey) == 0.0


def test_uneven_light_and_yellow_paper_become_white(page):
    height, width = page.shape[:2]
    light = np.linspace(0.55, 1.0, width)[None, :, None] * np.array([1.0, 0.93, 0.75])
    spoiled = (page * light).astype(np.uint8)
    clean = cleanup.clean(spoiled, 200)
    assert np.median(clean[:, :200]) > 245 and np.median(clean[:, -200:]) > 245
    truth = ink(cleanup.clean(page, 200))
    assert (ink(clean) & truth).sum() > 0.9 * truth.sum()


def test_noise_is_measured_on_paper_and_removed(page):
    noisy = np.clip(page + np.random.default_rng(1).normal(0, 16, page.shape), 0, 255).astype(np.uint8)
    assert cleanup.noise_level(cleanup.reading_plane(page)) < 1
    assert cleanup.noise_level(cleanup.reading_plane(noisy)) > cleanup.NOISY
    assert ink(cleanup.clean(noisy, 200)).sum() < 1.2 * ink(cleanup.clean(page, 200)).sum()


def test_black_edges_and_lid_are_cleared_but_text_is_not(page):
    spoiled = page.copy()
    spoiled[:70], spoiled[:, -40:] = 25, 60
    clean = cleanup.clean(spoiled, 200)
    assert not ink(clean[:60]).any() and not ink(clean[:, -35:]).any()
    assert ink(clean[250:1200, 100:-100]).sum() > 0.95 * ink(cleanup.clean(page, 200)[250:1200, 100:-100]).sum()


def test_lonely_specks_go_and_dashes_dots_and_marks_stay():
    page = drawn_pages.page(["- Như trên;", "- Lưu: VT, TP.", "Kế hoạch số 5 ở Sơn Mỹ."] + drawn_pages.LINES[2:6])
    grey = page[:, :, 0].copy()
    rng = np.random.default_rng(2)
    spots = [(int(x), int(y)) for x, y in zip(rng.integers(60, 1600, 150), rng.integers(1300, 2300, 150), strict=True)]
    for x, y in spots:
        grey[y : y + 2, x : x + 2] = 0
    clean = cleanup.clear_dots(grey, 200)
    assert ink(clean[1290:]).sum() < 0.05 * ink(grey[1290:]).sum()
    assert (ink(clean[:1200]) == ink(grey[:1200])).all()


def test_dot_leaders_go_and_full_stops_stay(page):
    grey = page[:, :, 0].copy()
    for x in range(900, 1400, 9):
        grey[1500:1503, x : x + 3] = 0
    clean = cleanup.clear_dots(grey, 200)
    assert not ink(clean[1490:1512, 880:1420]).any()
    assert (clean[:1400] == grey[:1400]).all()


@pytest.mark.parametrize("degrees", [-6.0, -2.35, -0.4, 0.0, 1.3, 4.1])
def test_skew_is_found_to_a_tenth_of_a_degree(page, degrees):
    clean = cleanup.clean(drawn_pages.skewed(page, degrees), 200)
    found, _ = orientation.skew(orientation.ink_map(clean))
    assert found == pytest.approx(degrees, abs=0.15)


def test_standing_rows_and_upside_down_rows_are_noticed(page):
    upright = orientation.ink_map(cleanup.clean(page, 200))
    assert orientation.sideways_ratio(upright) < 0.95
    assert orientation.sideways_ratio(np.ascontiguousarray(np.rot90(upright))) > 1.05
    assert orientation.upright_score(upright) > 0.25
    assert orientation.upright_score(np.ascontiguousarray(np.rot90(upright, 2))) < -0.1


def test_the_fullest_rows_are_boxed_with_their_marks(page):
    clean = cleanup.clean(page, 200)
    ink = orientation.ink_map(clean)
    scale = clean.shape[0] / ink.shape[0]
    boxes = orientation.fullest_rows(ink, 3)
    assert len(boxes) == 3
    for left, top, right, bottom in boxes:
        row = round((scale * (top + bottom) / 2 - 260) / 90)
        assert row >= 2  # the two headings hold least ink
        text = page[260 + 90 * row : 260 + 90 * row + 50, :, 0] < 100
        columns, rows = np.flatnonzero(text.any(axis=0)), np.flatnonzero(text.any(axis=1)) + 260 + 90 * row
        assert scale * left <= columns[0] + 4 and columns[-1] - 4 <= scale * right
        assert scale * top <= rows[0] + 2 and rows[-1] - 2 <= scale * bottom
    assert orientation.fullest_rows(np.zeros((900, 640), np.float32), 3) == []


def test_a_photographed_sheet_is_found_and_a_scan_is_not(page):
    assert page_edges.find_sheet(page) is None
    photo = np.full((2700, 2100, 3), (96, 74, 55), np.uint8)
    corners = np.float32([[210, 190], [1830, 160], [1900, 2500], [160, 2440]])
    matrix = cv2.getPerspectiveTransform(np.float32([[0, 0], [1654, 0], [1654, 2339], [0, 2339]]), corners)
    cv2.warpPerspective(page, matrix, (2100, 2700), dst=photo, borderMode=cv2.BORDER_TRANSPARENT)
    found = page_edges.find_sheet(photo)
    assert found is not None and np.abs(found - corners).max() < 25
    strip = page.copy()
    strip[:, :60] = 20  # a lid on one side is no photograph
    assert page_edges.find_sheet(strip) is None


def test_dark_ink_keeps_print_and_drops_grey_seal_and_blue_pen():
    page = drawn_pages.page()
    cv2.circle(page, (600, 640), 120, (120, 120, 120), 8)  # a seal in a grey scan
    cv2.line(page, (300, 950), (1200, 954), (40, 60, 190), 5)  # a pen
    dark = second_look.dark_ink(page)
    assert not ink(dark[944:962, 1100:1190]).any()
    assert ink(page[582:612, 470:520, 0]).sum() > 150 and not ink(dark[582:612, 470:520]).any()
    assert ink(dark[350:400]).sum() > 500


def _word(text: str, confidence: float, line: int, box=(0, 0, 10, 10)) -> Word:
    return Word(text=text, box=box, confidence=confidence, line=line)


def test_noise_words_go_and_doubtful_real_words_stay():
    words = [_word("Ï_7Ỷ—.T", 0.3, 0), _word("⁄⁄/f#,ENU", 0.2, 0), _word("Ngyễn", 0.4, 1), _word("Thị", 0.9, 1), _word("12", 0.5, 2), _word("Tổ", 0.5, 2)]
    assert [w.text for w in second_look.without_noise(words)] == ["Ngyễn", "Thị", "12", "Tổ"]


@pytest.mark.parametrize("word", "Nguyễn nghiêng khuya gì quyết 15/QĐ-UBND 20/11/2020 UBND Krông (Ký, 3.500.000 XIII a)".split())
def test_words_of_vietnamese_papers_are_plausible(word):
    assert is_plausible(word)


@pytest.mark.parametrize("word", ["sEtrx", "cEEeEtrxekrrxerrree", "—", "⁄⁄/f#"])
def test_marks_of_pens_are_not(word):
    assert not is_plausible(word)
