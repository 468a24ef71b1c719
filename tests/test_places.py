"""Districts and provinces that were read with wrong accents, against the known ones."""

from __future__ import annotations

import pytest

from ocr import gazetteer
from ocr.agencies import provinces
from ocr.checks import check
from ocr.extract import read_document
from ocr.fields import compounds
from ocr.fields.compounds import repaired
from ocr.fields.consistency import completed_agency, read_against_known
from ocr.fields.evidence import Found, may_be_accepted
from ocr.fields.rows import Token
from ocr.fields.syllables import is_syllable
from ocr.fields.values import parse
from ocr.forms import FieldForm, ValueKind, load_forms
from ocr.normalise import nfc, parse_date, repair_phrases
from schemas.document import CheckResult
from schemas.settings import Settings
from tests.made_pages import birth_certificate


def test_every_old_province_has_its_districts_written_in_nfc():
    known = gazetteer.districts()
    old = {p.name for p in provinces() if p.valid_to is not None or p.id_code}
    assert {gazetteer._writing(name) for name in old} <= set(known)
    assert sum(len(names) for place, names in known.items() if place) > 650
    assert all(name == nfc(name) for names in known[""].values() for name in names)


@pytest.mark.parametrize(
    ("read", "known"),
    [
        ("xã Khang Ninh, huyện Ba Bế, tỉnh Bắc Kạn", "xã Khang Ninh, huyện Ba Bể, tỉnh Bắc Kạn"),
        ("Ủy ban nhân dân huyện Ân Thị", "Ủy ban nhân dân huyện Ân Thi"),
        ("phường Ba Hàng, thành phố Phố Yên, tỉnh Thái Nguyên", "phường Ba Hàng, thành phố Phổ Yên, tỉnh Thái Nguyên"),
        ("xã Đức Minh, huyện Đắk MII, tỉnh Đắk Nông", "xã Đức Minh, huyện Đắk Mil, tỉnh Đắk Nông"),
        ("Sở Y tế tỉnh Quảng Ngài", "Sở Y tế tỉnh Quảng Ngãi"),
    ],
)  # fmt: skip
def test_the_one_known_place_with_these_letters_is_proposed(read, known):
    assert gazetteer.judge(read).value == known


@pytest.mark.parametrize(
    "value",
    [
        "xã Ba Bế, tỉnh Bắc Kạn",  # a commune: too many to be known
        "huyện Cư M’gar, tỉnh Đắk Lắk", "thị xã Hương Thuỷ, tỉnh Thừa Thiên Huế", "huyện Đăk Hà, tỉnh Kon Tum",  # other right writings
        "Quận 5, thành phố Hồ Chí Minh", "Trần Văn Thới", "thành phố Huế",
    ],
)  # fmt: skip
def test_what_is_not_known_or_is_written_otherwise_stays(value):
    assert gazetteer.judge(value).value == value


def test_the_same_letters_in_two_provinces_need_the_province():
    both = [n for n in gazetteer.districts()[""].values() if len(n) > 1]
    assert both, "no two districts differ in accents alone: the case is not tested"
    for names in both:
        for name in names:
            assert gazetteer.judge(f"huyện {name}").value == f"huyện {name}"


def test_a_district_its_province_does_not_have_is_strange():
    assert gazetteer.judge("xã A, huyện Ba Be Lớn, tỉnh Bắc Kạn").strange
    assert gazetteer.judge("xã Hòa Lâm, hị hyện Ứng Hòa, thành phố Hà Nội").strange
    assert not gazetteer.judge("xã Hòa Lâm, huyện Ứng Hòa, thành phố Hà Nội").strange
    assert not gazetteer.judge("phường Thủ Đức, thành phố Hồ Chí Minh").strange


def test_a_damaged_district_is_proposed_and_still_goes_to_a_person():
    item = Found("xã Khe Mo, huyện Đồng Hỷý, tỉnh Thái Nguyên", "", kind="place")
    told = read_against_known({"noi_sinh": item})
    assert item.value == "xã Khe Mo, huyện Đồng Hỷ, tỉnh Thái Nguyên" and told["noi_sinh"][0] is False


def test_what_was_read_stays_in_the_evidence():
    item = Found("xã A, huyện Ba Bế, tỉnh Bắc Kạn", "xã A, huyện Ba Bế, tỉnh Bắc Kạn", kind="place")
    told = read_against_known({"que_quan": item})
    assert told == {"que_quan": (True, "Ba Bế → Ba Bể")}
    assert item.value == "xã A, huyện Ba Bể, tỉnh Bắc Kạn" and "Bế" in item.printed
    assert may_be_accepted(item) and item.certainty < 1


def test_a_known_place_outweighs_a_slip_that_the_engine_repeats():
    page = birth_certificate()
    words = [w.model_copy(update={"text": w.text.replace("Yên,", "Yến,")}) for w in page.words]
    reading = read_document([page.model_copy(update={"words": words})], forms=load_forms(), settings=Settings())
    field = reading.fields["me_noi_cu_tru"]
    assert field.value == "Xóm 4, xã Yên Chính, huyện Ý Yên, tỉnh Nam Định" and "Yến" in field.printed
    warned = [c for c in reading.checks if c.code == "known_place"]
    assert warned and all(c.result is CheckResult.WARNING for c in warned)


def test_an_agency_whose_last_word_was_lost_is_completed_from_the_date_line_or_waits():
    agency, place = Found("Ủy ban nhân dân xã Đại", "", kind="agency"), Found("Đại An", "", kind="place")
    completed_agency(agency, place, [])
    assert agency.value == "Ủy ban nhân dân xã Đại An" and agency.certainty < 1
    bare = Found("Ban", "", kind="agency")
    completed_agency(bare, place, [])
    assert not may_be_accepted(bare)


def test_a_place_of_issue_with_the_letters_of_a_province_is_proposed_to_a_person():
    place = Found("Quảng Ngài", "", kind="place")
    assert read_against_known({"dia_danh": place})["dia_danh"][0] is False
    assert place.value == "Quảng Ngãi"


@pytest.mark.parametrize(("text", "value", "valid"), [("12,31 m", "12,31", True), ("12/31 m", "12,31", False), ("95 m2", "95", True)])
def test_a_decimal_whose_comma_was_read_otherwise_is_not_trusted(text, value, valid):
    parsed = parse(FieldForm(kind=ValueKind.DECIMAL), text)
    assert (parsed.value, parsed.valid) == (value, valid)


def test_years_whose_dash_was_not_seen_and_the_tail_of_a_label():
    assert repair_phrases("Về bảo vệ rừng giai đoạn 2022 2030") == ("Về bảo vệ rừng giai đoạn 2022 - 2030", 0.9)
    assert repair_phrases("Kế hoạch năm 2022") == ("Kế hoạch năm 2022", 1.0)
    assert parse(FieldForm(kind=ValueKind.TEXT), "để: đăng ký kết hôn").value == "đăng ký kết hôn"


def test_a_mother_as_old_as_her_child_sends_both_to_a_person():
    found = {n: Found(v, v) for n, v in (("ngay_sinh", "2026-01-12"), ("me_nam_sinh", "2026"), ("cha_nam_sinh", "1990"))}
    report = check("giay_khai_sinh", None, found, load_forms())
    assert report.failed("me_nam_sinh") == ["date_order"] and not report.failed("cha_nam_sinh")


@pytest.mark.parametrize(
    ("read", "right", "sure"),
    [
        ("lưu trữ tôn đọng", "lưu trữ tồn đọng", 0.9), ("cơ sở thế thao", "cơ sở thể thao", 0.9), ("Ủng thư phổi", "Ung thư phổi", 0.9),
        ("Tố dân phố 17", "Tổ dân phố 17", 0.9), ("dự báo về mưa", "dự báo về mưa", 1.0), ("Nguyễn Thế Thao", "Nguyễn Thế Thao", 1.0),
        ("Tòa án nhân dân quận 1", "Tòa án nhân dân quận 1", 1.0), ("chế độ hằng tháng", "chế độ hằng tháng", 1.0),
    ],
)  # fmt: skip
def test_common_words_with_one_accent_misread(read, right, sure):
    assert repaired(read) == (right, sure)


def test_the_list_of_common_words_is_written_well():
    for pairs in compounds._known().values():
        assert len(pairs) == 1 or all("hàng" in pair or "hằng" in pair for pair in pairs)
        assert all(is_syllable(syllable) for pair in pairs for syllable in pair), pairs


def test_numbers_of_unequal_height_in_a_date_are_looked_at_by_a_person():
    def date(*tops: float) -> Found:
        tokens = [Token(text, text, (100.0 * n, top, 100.0 * n + 30, 60.0), 0.96, 1, 0.0)
                  for n, (text, top) in enumerate(zip(("02", "12", "2019"), tops, strict=True))]  # fmt: skip
        return Found("2019-12-02", "ngày 02 tháng 12 năm 2019", tokens, kind="date")

    assert may_be_accepted(date(36.0, 36.0, 35.0)) and not may_be_accepted(date(25.0, 36.0, 36.0))
    assert parse_date("ngày Z7 tháng 5 năm 2025") == "2025-05-27"
