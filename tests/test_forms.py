"""Kinds of paper are data: every file shipped is sound, and a new kind is a new file."""

from __future__ import annotations

import re

import pytest

from ocr.extract import read_document
from ocr.forms import Form, load_form, load_forms
from ocr.normalise import key
from schemas.errors import BadSettings
from schemas.settings import Settings
from tests.made_pages import STATE, page, stacked

FORMS = load_forms()

ND30 = """nghi_quyet quyet_dinh chi_thi quy_che quy_dinh thong_cao thong_bao huong_dan chuong_trinh ke_hoach phuong_an de_an
du_an bao_cao bien_ban to_trinh hop_dong cong_dien ban_ghi_nho ban_thoa_thuan giay_uy_quyen giay_moi giay_gioi_thieu
giay_nghi_phep phieu_gui phieu_chuyen phieu_bao cong_van thu_cong""".split()
"""The 29 kinds of NĐ 30/2020 Điều 7."""

RESULTS = """giay_khai_sinh trich_luc_khai_sinh giay_chung_nhan_ket_hon trich_luc_ket_hon giay_xac_nhan_tinh_trang_hon_nhan
trich_luc_khai_tu trich_luc_nhan_cha_me_con trich_luc_giam_ho trich_luc_thay_doi_cai_chinh_ho_tich giay_chung_nhan_nuoi_con_nuoi
giay_chung_nhan_ho_kinh_doanh giay_phep_xay_dung giay_chung_nhan_quyen_su_dung_dat""".split()


@pytest.mark.parametrize("code", [*ND30, *RESULTS])
def test_the_usual_kinds_are_there(code):
    assert code in FORMS


@pytest.mark.parametrize("form", list(FORMS), ids=lambda form: form.code)
def test_a_form_is_sound(form: Form):
    assert re.fullmatch(r"[a-z][a-z0-9_]+", form.code)
    assert form.source.strip()
    assert form.valid_from is None or form.valid_to is None or form.valid_from <= form.valid_to
    names = set(form.fields)
    for field in form.fields.values():
        assert not field.after or field.after in names
        assert field.labels or field.patterns or any(field.name in t.fields for t in form.tables.values())
        assert not field.anchor or field.group
    for table in form.tables.values():
        assert set(table.fields) <= names
        assert set(table.fields.values()) <= set(table.columns)
    assert set(form.fallbacks.values()) <= names


def test_no_two_kinds_bear_the_same_title():
    seen: dict[str, str] = {}
    for form in FORMS:
        for title in form.titles:
            assert seen.setdefault(key(title), form.code) == form.code, title


def test_one_file_reads_a_new_kind(tmp_path):
    (tmp_path / "the_xe_dap.toml").write_text(
        """
name = "Thẻ xe đạp"
titles = ["THẺ XE ĐẠP"]
source = "made for this test"
anchors = ["Số khung xe"]
[validity]
months = 24
[fields.chu_xe]
kind = "name"
labels = ["Chủ xe", "Người sở hữu"]
required = true
[fields.so_khung]
kind = "code"
labels = ["Số khung xe"]
[fields.mau_son]
kind = "text"
labels = ["Màu sơn"]
""",
        "utf-8",
    )
    made = page([
        (250.0, 150.0, "ỦY BAN NHÂN DÂN"), (280.0, 198.0, "PHƯỜNG HÒA MINH"), *STATE,
        (280.0, 270.0, "Số: 18/TXĐ"), (850.0, 270.0, "Hòa Minh, ngày 02 tháng 5 năm 2024"),
        (740.0, 360.0, "THẺ XE ĐẠP"),
        *stacked(450.0, 220.0, "Chủ xe: NGUYỄN THỊ KIM LIÊN", "Số khung xe: XD-20431 Màu sơn: xanh lá cây"),
        (1010.0, 800.0, "CHỦ TỊCH"), (980.0, 1050.0, "Hồ Văn Phúc"),
    ])  # fmt: skip
    reading = read_document([made], forms=load_forms(tmp_path), settings=Settings())
    assert reading.type == "the_xe_dap"
    assert reading.fields["chu_xe"].value == "Nguyễn Thị Kim Liên"
    assert reading.fields["so_khung"].value == "XD-20431"
    assert reading.fields["mau_son"].value == "xanh lá cây"
    assert reading.fields["co_quan_ban_hanh"].value == "Ủy ban nhân dân phường Hòa Minh"
    assert (reading.valid_from, reading.valid_to) == ("2024-05-02", "2026-05-02")
    assert read_document([made], forms=FORMS, settings=Settings()).type != "the_xe_dap"


@pytest.mark.parametrize(
    "text",
    [
        'name = "x"\ntitles = ["X"]\nsource = "s"\n[fields.a]\nkind = "no such kind"',
        'name = "x"\ntitles = ["X"]\nsource = "s"\n[fields.a]\nkind = "text"\npatterns = ["(unclosed"]',
        'name = "x"\ntitles = ["X"]\nsource = "s"\ncode = "other"',
        'name = "x"\ntitles = ["X"]\nsource = "s"\nlabel = 1',
        "name = ",
    ],
    ids=["kind", "pattern", "code", "unknown key", "toml"],
)
def test_a_wrong_form_is_named(tmp_path, text):
    path = tmp_path / "hong.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadSettings, match="hong.toml"):
        load_form(path)
