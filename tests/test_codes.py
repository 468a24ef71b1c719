"""Codes made from templates and dossier codes taken apart; folding for search."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadSettings, WrongUse
from schemas.settings import Codes
from storage.codes import (
    Coding,
    DossierForm,
    digitised_code,
    doc_code,
    file_name,
    is_dossier_code,
    parse_dossier_code,
    parse_version,
    result_code,
    version_label,
)
from storage.fold import fold, fold_words

CODES = Codes()


def test_result_code_counts_the_results_of_a_dossier() -> None:
    assert result_code(CODES, "H47.06-261005-0155", 1) == "H47.06-261005-0155-KQ1"
    brackets = Codes(result="{dossier}-KQ({n})")
    assert result_code(brackets, "H47.06-261005-0155", 12) == "H47.06-261005-0155-KQ(12)"
    for dossier, n in (("", 1), ("H47.06-261005-0155", 0)):
        with pytest.raises(WrongUse):
            result_code(CODES, dossier, n)


def test_digitised_code_leaves_an_unknown_owner_blank() -> None:
    assert digitised_code(CODES, "001085012345", "KQ.G01.000123") == "001085012345.KQ.G01.000123"
    assert digitised_code(CODES, None, "KQ.G01.000123") == ".KQ.G01.000123"


def test_doc_code_as_in_the_guidance() -> None:
    assert doc_code(CODES, "G06.01", "CV", 21, 1) == "G06.01_CV_000021_V1"
    assert doc_code(CODES, "G06.01", "QĐ", 999_999, 12) == "G06.01_QĐ_999999_V12"


def test_doc_code_of_thirty_characters_and_one_more() -> None:
    assert len(doc_code(CODES, "H26.12.345.678.90", "QĐ", 1, 1)) == 30
    with pytest.raises(BadSettings):
        doc_code(CODES, "H26.12.345.678.901", "QĐ", 1, 1)


@pytest.mark.parametrize(
    ("office", "serial", "version", "error"),
    [("", 1, 1, BadSettings), ("H26", 0, 1, WrongUse), ("H26", 1_000_000, 1, WrongUse), ("H26", 1, 0, WrongUse)],
)
def test_doc_code_that_cannot_be(office: str, serial: int, version: int, error: type) -> None:
    with pytest.raises(error):
        doc_code(CODES, office, "QĐ", serial, version)


@pytest.mark.parametrize("template", ["{nothing}", "{office", "{serial.missing}", "{0}"])
def test_template_that_cannot_be_filled(template: str) -> None:
    with pytest.raises(BadSettings):
        doc_code(Codes(doc_code=template), "H26", "QĐ", 1, 1)


def test_file_name_has_no_tones_and_no_folders() -> None:
    made = file_name(CODES, "G06.01_CV_000021_V1", date(2025, 2, 2), "Số hoá tài liệu / Đợt 1", ".PDF")
    assert made == "G06.01_CV_000021_V1_20250202_SoHoaTaiLieuDot1.pdf"
    with pytest.raises(BadSettings):
        file_name(Codes(file_name="../{doc_code}"), "X", date(2025, 2, 2), "", "pdf")


def test_versions() -> None:
    assert version_label(1) == "V1"
    assert parse_version("V12") == 12
    for wrong in ("V0", "v1", "1", "V", "V01"):
        with pytest.raises(WrongUse):
            parse_version(wrong)
    with pytest.raises(WrongUse):
        version_label(0)


@pytest.mark.parametrize(
    ("text", "form", "agency", "day", "serial", "system"),
    [
        ("000.00.12.H26-201009-0001", DossierForm.OLD, "000.00.12.H26", date(2020, 10, 9), "0001", None),
        ("H47.06-261005-0155", DossierForm.CURRENT, "H47.06", date(2026, 10, 5), "0155", None),
        ("G01.899.108-250701-12345", DossierForm.CURRENT, "G01.899.108", date(2025, 7, 1), "12345", None),
        ("H26-260124-120001", DossierForm.CURRENT, "H26", date(2026, 1, 24), "120001", None),
        ("H26.12.3-260125-120001", DossierForm.CENTRALISED, "H26.12.3", date(2026, 1, 25), "0001", "12"),
        (" h47.06-261005-0155\n", DossierForm.CURRENT, "H47.06", date(2026, 10, 5), "0155", None),
    ],
)
def test_dossier_codes(text, form, agency, day, serial, system) -> None:
    code = parse_dossier_code(text)
    assert (code.form, code.agency, code.day, code.serial, code.system) == (form, agency, day, serial, system)
    assert code.text == text.strip().upper()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "H47.06-261305-0155",  # month 13
        "H47.06-260230-0155",  # 30 February
        "H47.06-261005-155",
        "Z47.06-261005-0155",
        "H47.06/261005/0155",
        "H47.06-261005-0155-KQ1",
        "00.00.12.H26-201009-0001",
        "H47.06-٢٦١٠٠٥-0155",  # digits of another script
        "H47" + ".123" * 9 + "-261005-0155",
    ],
)
def test_not_dossier_codes(text: str) -> None:
    assert not is_dossier_code(text)
    with pytest.raises(WrongUse):
        parse_dossier_code(text)


def test_field_of_a_kind() -> None:
    coding = Coding("H26", CODES, fields={"quyet_dinh": "QĐ"})
    assert coding.field_of("quyet_dinh") == "QĐ"
    assert coding.field_of("unknown") == "KHAC"


@pytest.mark.parametrize("text", ["hòa giải", "hoà giải", "HÒA GIẢI", "Hoà Giải", "hòa giải"])
def test_both_tone_placements_fold_alike(text: str) -> None:
    assert fold(text) == "hoa giai"


def test_d_with_stroke_folds() -> None:
    assert fold("Đặng Đình Đỗ") == "dang dinh do"
    assert fold("Ðặng") == "dang"  # Eth, from old keyboards


def test_every_vietnamese_letter_folds_to_ascii() -> None:
    letters = "aàáảãạăằắẳẵặâầấẩẫậeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵđ"
    assert set(fold(letters + letters.upper())) == set("aeiouyd")


def test_words() -> None:
    assert fold_words("Số: 12/2024/QĐ-UBND,  ngày 01_02") == "so 12 2024 qd ubnd ngay 01 02"
    assert fold_words("…–*\"'") == ""


@given(st.text())
def test_folding_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold_words(fold_words(text)) == fold_words(text)
