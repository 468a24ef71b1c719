"""The made papers: same seed, same bytes; the truth says what is drawn; every kind and every separator comes out."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph
from PIL import Image

from samples import dirt, fonts, ink
from samples.__main__ import main
from samples.kinds import KINDS, new_case
from samples.letters import variants
from samples.page import HEIGHT, WIDTH
from samples.people import date_words, identity_fits, number_words, person, tax_code
from samples.places import new_places, old_places, pick_place
from samples.sets import make_document, make_one, make_set
from samples.sheets import SEPARATORS, separator
from samples.stacks import PLANS, make_stack

STACKS = Path(__file__).parents[1] / "samples" / "stacks"
TRUTH = STACKS.parent / "truth"


# ---- handwriting ----------------------------------------------------------------------------------------------------
def test_digits_are_the_same_for_the_same_seed_and_differ_between_seeds() -> None:
    first, again, other = (ink.draw_digits("2735/QĐ"[:5], 40, random.Random(seed)) for seed in (4, 4, 5))
    assert first.tobytes() == again.tobytes()
    assert first.size != other.size or first.tobytes() != other.tobytes()


@pytest.mark.parametrize("char", "0123456789/-.")
def test_every_digit_has_ink_and_several_forms(char: str) -> None:
    pictures = {ink.draw_digits(char, 36, random.Random(seed)).tobytes() for seed in range(6)}
    assert len(pictures) == 6
    alpha = np.asarray(ink.draw_digits(char, 36, random.Random(1)))[..., 3]
    assert alpha.max() > 120
    assert len(variants(char)) >= 2


def test_digit_height_is_as_asked() -> None:
    heights = [ink.draw_digits("0", 60, random.Random(seed)).height for seed in range(30)]
    assert 55 <= np.median(heights) <= 80


def test_draw_digits_refuses_letters() -> None:
    with pytest.raises(ValueError, match="not a digit"):
        ink.draw_digits("12a", 30, random.Random(1))


def test_every_vietnamese_letter_can_be_written() -> None:
    for letter in fonts.vietnamese_letters():
        assert variants(letter)
    ink.write("Đặng Thị Ngọc Ánh, H'Hen Niê (2024); “ẵ”", 30, random.Random(2))


# ---- fonts ----------------------------------------------------------------------------------------------------------
def _font_with(letters: str, path: Path) -> Path:
    builder = FontBuilder(1000, isTTF=True)
    names = [".notdef", *(f"g{ord(letter)}" for letter in letters)]
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): f"g{ord(letter)}" for letter in letters})
    builder.setupGlyf({name: Glyph() for name in names})
    builder.setupHorizontalMetrics({name: (500, 0) for name in names})
    builder.setupHorizontalHeader()
    builder.setupNameTable({"familyName": "Test", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(str(path))
    return path


def test_a_font_without_one_letter_is_refused_with_the_package(tmp_path: Path) -> None:
    letters = "".join(sorted(fonts.vietnamese_letters()))
    assert len(letters) == 186
    fonts.require(_font_with(letters, tmp_path / "full.ttf"))
    with pytest.raises(fonts.FontMissing, match=r"lacks 1 Vietnamese letters \(ợ .*fonts-liberation2"):
        fonts.require(_font_with(letters.replace("ợ", ""), tmp_path / "lacking.ttf"))


def test_a_font_that_is_not_there_names_its_package() -> None:
    with pytest.raises(fonts.FontMissing, match="fonts-croscore"):
        fonts.require("/nonexistent/Tinos.ttf", "Tinos")


# ---- people and places ----------------------------------------------------------------------------------------------
def test_identity_numbers_fit_sex_birth_year_and_province() -> None:
    rng = random.Random(3)
    for _ in range(300):
        place = pick_place(rng, rng.random() < 0.5)
        who = person(rng, place, date(2026, 1, 1), (0, 90))
        assert identity_fits(who.identity, who.male, who.born.year), who
        assert who.identity.startswith(place.code)
        assert not identity_fits(who.identity, not who.male, who.born.year)
        assert len(who.old_card) == 9


def test_places_follow_the_reform_of_2025() -> None:
    assert len({place.province for place in old_places()}) == 63
    assert len({place.province for place in new_places()}) == 34
    assert all(place.address.count(",") == 2 for place in old_places())
    assert all(place.address.count(",") == 1 for place in new_places())


def test_numbers_in_words() -> None:
    assert number_words(21) == "hai mươi mốt"
    assert number_words(24) == "hai mươi tư"
    assert number_words(105) == "một trăm linh năm"
    assert number_words(2005) == "hai nghìn không trăm linh năm"
    assert number_words(540_000) == "năm trăm bốn mươi nghìn"
    assert date_words(random.Random(0), date(2021, 6, 23)).lower().startswith("ngày hai mươi ba")


def test_tax_codes_have_a_check_digit() -> None:
    code = [int(digit) for digit in tax_code(random.Random(9))]
    assert (
        10 - sum(w * d for w, d in zip((31, 29, 23, 19, 17, 13, 7, 5, 3), code, strict=False)) % 11 == code[9]
    )


# ---- documents ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_out_with_its_truth(kind: str) -> None:
    doc = make_document(kind, random.Random(f"kind {kind}"))
    truth = doc.truth("x", "clean")
    assert truth["type"] == kind
    for name in ("loai_van_ban", "so_ky_hieu", "ngay_ban_hanh", "co_quan_ban_hanh", "nguoi_ky", "chuc_vu"):
        assert truth["fields"][name], name
    date.fromisoformat(truth["fields"]["ngay_ban_hanh"])
    assert truth["text"] == "\n".join(line for page in truth["pages"] for line in page["lines"])
    # the number and the signer stand on the paper as the truth says
    assert truth["fields"]["so_ky_hieu"] in truth["text"]
    assert truth["fields"]["nguoi_ky"] in truth["text"]
    for name, (page, x0, y0, x1, y1) in truth["boxes"].items():
        assert 1 <= page <= len(doc.sheets), name
        assert -0.02 <= x0 < x1 <= 1.02 and 0 <= y0 < y1 <= 1, name
    assert set(truth["handwritten"]) <= set(truth["fields"])
    for sheet in doc.sheets:
        assert sheet.image.size == (WIDTH, HEIGHT)
        assert np.asarray(sheet.image.convert("L")).min() < 90


def test_fields_are_where_their_boxes_say() -> None:
    doc = make_document("quyet_dinh", random.Random("boxes"))
    truth = doc.truth("x", "clean")
    page, x0, y0, x1, y1 = truth["boxes"]["so_ky_hieu"]
    grey = np.asarray(doc.sheets[page - 1].image.convert("L"))
    part = grey[int(y0 * HEIGHT) : int(y1 * HEIGHT), int(x0 * WIDTH) : int(x1 * WIDTH)]
    assert (part < 140).mean() > 0.04


def test_official_papers_often_have_number_and_day_by_hand() -> None:
    count = sum(
        "so_ky_hieu" in make_document("thong_bao", random.Random(f"hand {n}")).handwritten for n in range(24)
    )
    assert 9 <= count <= 23


def test_marriage_certificates_come_in_both_layouts() -> None:
    layouts = {
        "two_columns" in KINDS["giay_chung_nhan_ket_hon"](new_case(random.Random(f"wed {n}"))).marks
        for n in range(10)
    }
    assert layouts == {True, False}


def test_birth_certificate_agrees_with_itself() -> None:
    for n in range(6):
        fields = make_document("giay_khai_sinh", random.Random(f"birth {n}")).fields
        born = date.fromisoformat(fields["ngay_sinh"])
        assert born < date.fromisoformat(fields["ngay_dang_ky"])
        assert born.year - int(fields["me_nam_sinh"]) >= 18
        if "so_dinh_danh" in fields:
            assert identity_fits(fields["so_dinh_danh"], fields["gioi_tinh"] == "Nam", born.year)


# ---- scans ----------------------------------------------------------------------------------------------------------
def test_a_set_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    make_set("office", 2, 7, tmp_path / "a")
    make_set("office", 3, 7, tmp_path / "b")
    for name in (
        "input/office_0001.pdf",
        "input/office_0002.pdf",
        "gt/office_0001.json",
        "gt/office_0002.json",
    ):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    make_set("office", 1, 8, tmp_path / "c")
    assert (tmp_path / "a/input/office_0001.pdf").read_bytes() != (
        tmp_path / "c/input/office_0001.pdf"
    ).read_bytes()


@pytest.mark.parametrize("level", dirt.LEVELS)
def test_scans_keep_their_promises(level: str) -> None:
    scans, truth = make_one(level, "chi_thi", "x", random.Random(f"scan {level}"))
    assert len(scans) == len(truth["pages"])
    for scan, page in zip(scans, truth["pages"], strict=True):
        assert scan.pixels.dtype == np.uint8
        assert scan.dpi in (200, 300)
        assert page["rotation_cw"] == scan.rotation_cw == truth["rotation_cw"]
        assert scan.pixels.std() > 5
        if scan.bilevel:
            assert set(np.unique(scan.pixels)) <= {0, 255}


def test_turned_pages_are_turned_clockwise() -> None:
    page = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    page[:600, :600] = 0  # top left
    plain = dirt.Dirt("plain", skew=0.0)
    turned = dirt.scan_page(page, plain, random.Random(1), None, 90).pixels
    assert turned.shape[:2] == (WIDTH, HEIGHT)
    assert turned[300, -300].mean() < 60 and turned[300, 300].mean() > 200  # now top right


def test_files_hold_every_page(tmp_path: Path) -> None:
    page = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    rng = random.Random(1)
    colour = dirt.scan_page(page, dirt.Dirt("c", dpi=200), rng)
    black = dirt.scan_page(page, dirt.Dirt("b", dpi=200, mode="bilevel"), rng)
    dirt.write_tiff([black, black, black], tmp_path / "g4.tif")
    dirt.write_tiff([colour, black], tmp_path / "lzw.tif")
    dirt.write_image(colour, tmp_path / "one.jpg")
    dirt.write_image(black, tmp_path / "one.png")
    dirt.write_pdf([colour, black], tmp_path / "two.pdf")
    assert Image.open(tmp_path / "g4.tif").n_frames == 3
    assert Image.open(tmp_path / "g4.tif").info["compression"] == "group4"
    assert Image.open(tmp_path / "lzw.tif").n_frames == 2
    for name in ("one.jpg", "one.png"):
        assert round(Image.open(tmp_path / name).info["dpi"][0]) == 200
    data = (tmp_path / "two.pdf").read_bytes()
    assert b"/CCITTFaxDecode" in data and b"/DCTDecode" in data


# ---- stacks ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["barcode", "qr"])
def test_separator_codes_can_be_read(kind: str) -> None:
    sheet = separator(kind, "HS-2024-012345", random.Random(1))
    scan = dirt.scan_page(
        np.asarray(sheet.image), dirt.Dirt("s", dpi=200, skew=1.5, noise=3), random.Random(2)
    )
    assert [code.text for code in zxingcpp.read_barcodes(scan.pixels)] == ["HS-2024-012345"]
    assert "HS-2024-012345" in sheet.lines(60)


def test_patch_sheet_has_the_four_bars_of_patch_t() -> None:
    sheet = separator("patch", "HS-2024-012345", random.Random(1))
    column = np.asarray(sheet.image.convert("L"))[:400, WIDTH // 5] < 128
    edges = np.flatnonzero(np.diff(column.astype(int)))
    inches = np.diff(edges) / 300
    assert np.allclose(inches, [0.08, 0.08, 0.20, 0.08, 0.08, 0.08, 0.20], atol=0.01)
    with pytest.raises(ValueError, match="unknown separator"):
        separator("none", "HS-2024-012345", random.Random(1))


def test_a_stack_is_accounted_for() -> None:
    plan = next(plan for plan in PLANS if plan.suffix == ".tif")
    scans, truth = make_stack(plan)
    _accounted(truth, len(scans))
    assert len(truth["documents"]) == len(plan.items)


def _accounted(truth: dict, count: int) -> None:
    kinds = [page["kind"] for page in truth["pages"]]
    assert truth["page_count"] == count == len(kinds)
    content = [page["page"] for page in truth["pages"] if page["kind"] == "content"]
    assert content == [number for doc in truth["documents"] for number in doc["pages"]]
    assert len(content) + kinds.count("blank") + kinds.count("separator") == count
    for page in truth["pages"]:
        assert (page["kind"] == "content") == (page["doc"] is not None)
        assert page["kind"] != "blank" or not page["lines"]


def test_the_committed_stacks_cover_what_they_are_for() -> None:
    truths = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(TRUTH.glob("*.json"))]
    documents = [doc for truth in truths for doc in truth["documents"]]
    pages = [page for truth in truths for page in truth["pages"]]
    assert len(truths) == len(PLANS) and len(documents) >= 12
    for truth in truths:
        _accounted(truth, truth["page_count"])
    assert {page.get("separator") for page in pages} >= set(SEPARATORS)
    assert {doc["rotation_cw"] for doc in documents} >= {0, 90, 180}
    assert any(abs(page["skew_deg"]) > 1.5 for page in pages)
    assert any(len(doc["pages"]) == 2 and doc["type"] == "quyet_dinh" for doc in documents)
    assert {Path(truth["file"]).suffix for truth in truths} == {".pdf", ".tif", ".jpg"}
    files = [STACKS / truth["file"] for truth in truths]
    assert sum(path.stat().st_size for path in files) < 6_000_000


def test_the_committed_files_are_those_of_the_code() -> None:
    """Fonts differ between machines in small ways, so the picture is compared, not the bytes."""
    plan = next(plan for plan in PLANS if plan.name == "anh_04_khai_sinh")
    scans, truth = make_stack(plan)
    assert json.loads((TRUTH / f"{plan.name}.json").read_text(encoding="utf-8"))["documents"] == json.loads(
        json.dumps(truth["documents"])
    )
    stored = np.asarray(Image.open(STACKS / f"{plan.name}.jpg").convert("L").resize((210, 290)), np.float32)
    made = cv2.cvtColor(scans[0].pixels, cv2.COLOR_RGB2GRAY)
    assert np.abs(stored - np.asarray(Image.fromarray(made).resize((210, 290)), np.float32)).mean() < 4


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "set",
                "--level",
                "clean",
                "--count",
                "1",
                "--seed",
                "3",
                "--out",
                str(tmp_path),
                "--kind",
                "giay_moi",
            ]
        )
        == 0
    )
    assert "1 documents" in capsys.readouterr().out
    assert json.loads((tmp_path / "gt/clean_0001.json").read_text(encoding="utf-8"))["type"] == "giay_moi"
    with pytest.raises(SystemExit) as stop:
        main(["set", "--level", "filthy", "--count", "1", "--out", str(tmp_path)])
    assert stop.value.code == 2
