"""Checks of fields and between fields, and the values they rest on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr import agencies
from ocr import normalise as n
from ocr.checks import check, identity_facts, tax_digit_fits
from ocr.fields.evidence import Found
from ocr.fields.places import is_cut_off, repaired
from ocr.fields.syllables import is_syllable, odd_words
from ocr.forms import load_forms
from schemas.document import CheckResult

FORMS = load_forms()


def results(code: str, **values: str) -> dict[str, CheckResult]:
    found = {name: Found(value, value) for name, value in values.items()}
    return {c.code: c.result for c in check(code, None, found, FORMS).checks}


def test_date_in_words_against_digits():
    words = "Ngày ba mươi mốt, tháng mười hai, năm một nghìn chín trăm tám mươi tư"
    assert (
        results("giay_khai_sinh", ngay_sinh="1984-12-31", ngay_sinh_bang_chu=words)["date_words"]
        is CheckResult.OK
    )
    assert (
        results("giay_khai_sinh", ngay_sinh="1984-12-30", ngay_sinh_bang_chu=words)["date_words"]
        is CheckResult.FAILED
    )


@pytest.mark.parametrize(
    ("number", "facts"),
    [
        ("001084000012", (1984, "Nam", "001")),
        ("079185000012", (1985, "Nữ", "079")),
        ("036222004512", (2022, "Nam", "036")),
        ("036322004512", (2022, "Nữ", "036")),
        ("168000111", None),
        ("136222004512", None),
    ],
)
def test_what_an_identity_number_tells(number, facts):
    assert identity_facts(number) == facts


def test_identity_against_birth_and_sex():
    good = results("giay_khai_sinh", so_dinh_danh="036222004512", ngay_sinh="2022-03-14", gioi_tinh="Nam")
    assert good["identity_year"] is good["identity_sex"] is CheckResult.OK
    bad = results("giay_khai_sinh", so_dinh_danh="036222004512", ngay_sinh="2021-03-14", gioi_tinh="Nữ")
    assert bad["identity_year"] is bad["identity_sex"] is CheckResult.FAILED
    assert results("x", so_dinh_danh="003222004512")["identity_province"] is CheckResult.FAILED
    assert results("x", so_dinh_danh="36222004")["identity_form"] is CheckResult.FAILED


def test_wife_and_husband_numbers_tell_their_sex():
    told = results("giay_chung_nhan_ket_hon", vo_giay_to="036090000012", vo_ngay_sinh="1990-01-01")
    assert told["identity_sex"] is CheckResult.FAILED


def test_symbol_against_kind():
    assert results("quyet_dinh", so_ky_hieu="12/QĐ-UBND")["symbol_kind"] is CheckResult.OK
    assert results("chi_thi", so_ky_hieu="12/QĐ-UBND")["symbol_kind"] is CheckResult.FAILED
    assert "symbol_kind" not in results("cong_van", so_ky_hieu="12/UBND-VP")


def test_dates_in_order_and_plausible():
    assert results("x", ngay_sinh="2020-05-01", ngay_dang_ky="2020-04-30")["date_order"] is CheckResult.FAILED
    assert "date_order" not in results("x", ngay_sinh="2020-05-01", ngay_dang_ky="2020-05-01")
    assert results("x", ngay_ban_hanh="2999-01-01")["date_plausible"] is CheckResult.FAILED
    assert results("x", ngay_ban_hanh="tháng ba")["date_form"] is CheckResult.FAILED


def test_a_tax_code_is_a_warning_only():
    assert tax_digit_fits("0100109106") and tax_digit_fits("0300588569")
    assert results("x", ma_so_ho_kinh_doanh="0100109107")["tax_code"] is CheckResult.WARNING
    assert "tax_code" not in results("x", ma_so_ho_kinh_doanh="0100109106")
    assert "tax_code" not in results("x", ma_so_ho_kinh_doanh="036222004512")


def test_agency_against_place_of_registration():
    heading = {"co_quan_ban_hanh": "Ủy ban nhân dân xã Yên Chính"}
    agrees = results("x", noi_dang_ky="Ủy ban nhân dân xã Yên Chính, huyện Ý Yên, tỉnh Nam Định", **heading)
    assert agrees["agency_place"] is CheckResult.OK
    differs = results("x", noi_dang_ky="Ủy ban nhân dân xã Yên Phú, huyện Ý Yên, tỉnh Nam Định", **heading)
    assert differs["agency_place"] is CheckResult.WARNING


def test_money_against_words():
    found = {"von_kinh_doanh": Found("500.000.000", "500.000.000 đồng (Bằng chữ: Năm trăm triệu đồng)")}
    assert check("x", None, found, FORMS).checks[0].result is CheckResult.OK
    found = {"von_kinh_doanh": Found("600.000.000", "600.000.000 đồng (Bằng chữ: Năm trăm triệu đồng)")}
    assert check("x", None, found, FORMS).failed("von_kinh_doanh") == ["money_words"]


DIGITS = "không một hai ba bốn năm sáu bảy tám chín".split()


def in_words(number: int) -> str:
    """A number below 10 000 as clerks write it."""
    thousands, rest = divmod(number, 1000)
    hundreds, rest = divmod(rest, 100)
    tens, ones = divmod(rest, 10)
    words = [DIGITS[thousands], "nghìn"] if thousands else []
    if thousands or hundreds:
        words += [DIGITS[hundreds], "trăm"]
    if tens == 0 and ones and words:
        words.append("linh")
    if tens == 1:
        words.append("mười")
    elif tens > 1:
        words += [DIGITS[tens], "mươi"]
    if ones:
        words.append("mốt" if ones == 1 and tens > 1 else "lăm" if ones == 5 and tens else DIGITS[ones])
    return " ".join(words)


@given(
    st.dates(
        min_value=__import__("datetime").date(1900, 1, 1), max_value=__import__("datetime").date(2099, 12, 31)
    )
)
def test_every_date_in_words_is_read_back(day):
    text = f"Ngày {in_words(day.day)}, tháng {in_words(day.month)}, năm {in_words(day.year)}"
    assert n.date_from_words(text) == day.isoformat()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("23/06/2021", "2021-06-23"), ("3 - 4 - 1999", "1999-04-03"), ("ngày 05 tháng 3 năm 2020", "2020-03-05"),
        ("O5/l2/2O19", "2019-12-05"), ("31/02/2020", None), ("không rõ", None),
    ],
)  # fmt: skip
def test_dates(text, value):
    assert n.parse_date(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01 /TTr - UBND", "01/TTr-UBND"), ("86/QĐĐ-UBND", "86/QĐ-UBND"), ("12/QÐ-UBND", "12/QĐ-UBND"),
        ("128BC-UBND", "128/BC-UBND"), ("30/2020/NĐ-CP", "30/2020/NĐ-CP"), ("84/2019", "84/2019"),
    ],
)  # fmt: skip
def test_number_and_symbol(text, value):
    assert n.normal_number(text) == value


@given(st.text(alphabet="ăâđêôơưáàảãạếềểễệốồổỗộớờởỡợứừửữựabcdeghiklmnopqrstuvxyĐÂÊÔƠƯ ,.", max_size=60))
def test_folding_keeps_the_length(text):
    assert len(n.fold(text)) == len(n.nfc(text))


@pytest.mark.parametrize("word", "nghiêng quyển khuya thuở giếng quốc xuân hoà ủy Nguyễn gì".split())
def test_syllables_that_are(word):
    assert is_syllable(word)


@pytest.mark.parametrize("word", "gôc đât csxz fabc tôt khách1 ñâa".split())
def test_syllables_that_cannot_be(word):
    assert not is_syllable(word)


def test_odd_words_are_counted():
    assert odd_words("xã Ea Kpam, huyện Cư M'gar") == 0
    assert odd_words("nguôn gôc đât") >= 2


def test_only_levels_and_provinces_are_repaired():
    assert repaired("xã Tân Lập, huyên Lục Yên, tinh Yên Bai") == (
        "xã Tân Lập, huyện Lục Yên, tỉnh Yên Bái",
        0.85,
    )
    value, certainty = repaired("Phòng khám đa khoa khu vực tỉnh Yên Bái")
    assert value == "Phòng khám đa khoa khu vực tỉnh Yên Bái" and certainty == 1.0
    assert (
        repaired("xã Bac Ha, huyện Yen Son, tỉnh Tuyên Quang")[0]
        == "xã Bac Ha, huyện Yen Son, tỉnh Tuyên Quang"
    )
    assert (
        is_cut_off("xã Tân Lập, huyện")
        and is_cut_off("Quận 8, Thành")
        and not is_cut_off("Ủy ban nhân dân huyện Yên Thành")
    )


def test_agency_from_heading_lines():
    lines = {
        ("UBND HUYỆN LỤC YÊN", "ỦY BAN NHÂN DÂN", "XÃ TÂN LẬP"): ("Ủy ban nhân dân xã Tân Lập", "UBND huyện Lục Yên"),
        ("ỦY BAN NHÂN DÂN", "XÃ TÂN LẬP, HUYỆN LỤC YÊN", "TỈNH YÊN BÁI"): ("Ủy ban nhân dân xã Tân Lập", ""),
        ("ỦY BAN NHÂN DÂN HUYỆN TRẠM", "TẤU", "PHÒNG TÀI CHÍNH - KẾ HOẠCH"):
            ("Phòng Tài chính - Kế hoạch", "Ủy ban nhân dân huyện Trạm Tấu"),
        ("UBND TỈNH YÊN BÁI", "SỞ NÔNG NGHIỆP VÀ PHÁT TRIỂN", "NÔNG THÔN"):
            ("Sở Nông nghiệp và Phát triển nông thôn", "UBND tỉnh Yên Bái"),
        ("ỦY BAN NHÂN DÂN XÃ", "PHÒNG LÁI"): ("Ủy ban nhân dân xã Phòng Lái", ""),
        ("UBND QUẬN 8", "ỦY BAN NHÂN DÂN", "PHƯỜNG 7"): ("Ủy ban nhân dân Phường 7", "UBND Quận 8"),
        ("CHÍNH PHỦ",): ("Chính phủ", ""),
    }  # fmt: skip
    for printed, (name, parent) in lines.items():
        agency = agencies.from_lines(list(printed))
        assert (agency.name, agency.parent) == (name, parent)


def test_provinces_change_on_the_first_of_july_2025():
    from datetime import date

    assert len(agencies.provinces_on(date(2024, 6, 1))) == 63
    assert len(agencies.provinces_on(date(2025, 7, 1))) == 34
