"""What codes a record gets, from the settings and the kinds of paper."""

from __future__ import annotations

from ocr.forms import LETTER_KIND, Forms, load_forms
from schemas.settings import Settings
from storage.codes import Coding

CERTIFICATE = "VB"
"""LV of certificates and civil-status papers ("văn bằng"), CV 7197/BKHCN-CĐSQG."""
OWN_LV = {LETTER_KIND: "CV", "giay_phep_xay_dung": "GP"}
LV_MAX = 4
"""A DocCode has 30 characters for all its parts; abbreviations of NĐ 30/2020 PL III are this short."""
OWNER_FIELDS = ("so_dinh_danh", "ma_so_ho_kinh_doanh", "giay_to_tuy_than", "chong_giay_to")
"""Fields that may hold the number of the owner of the result (TT 01/2023/TT-VPCP Đ10), the surest first."""


def coding_of(settings: Settings, forms: Forms | None = None) -> Coding:
    """Templates of the settings, LV and "mã loại kết quả" of each kind. Without an office code no DocCode is given."""
    forms = forms or load_forms()
    return Coding(
        office=settings.office.code,
        templates=settings.codes,
        fields={form.code: OWN_LV.get(form.code) or _lv(form.abbreviation) for form in forms},
        kind_codes={form.code: form.result_code for form in forms if form.result_code},
        owner_fields=OWNER_FIELDS,
    )


def _lv(abbreviation: str) -> str:
    return abbreviation if abbreviation.isalpha() and len(abbreviation) <= LV_MAX else CERTIFICATE
