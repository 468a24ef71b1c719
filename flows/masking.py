"""Personal data as a role sees it that need not see it. What counts as which class is known by the name of the field, so that
an office's own forms are covered when they name their fields as the shipped ones do; numbers of identity papers are hidden
wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from schemas.document import FieldValue

HIDDEN = "•••"
_CLASSES: tuple[tuple[str, re.Pattern], ...] = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("identity", r"(^|_)(so_dinh_danh|giay_to|giay_to_tuy_than|cccd|cmnd|can_cuoc|ho_chieu)$|^ma_so_ho_kinh_doanh$|ma_so_thue"),
        ("birth", r"(^|_)(ngay|nam)_sinh"),
        ("contact", r"dien_thoai|email|thu_dien_tu"),
        ("sensitive", r"khuyet_tat|nguyen_nhan_chet|(^|_)dan_toc$|ton_giao|tinh_trang_hon_nhan"),
        ("address", r"noi_cu_tru|noi_thuong_tru|dia_chi|que_quan|noi_sinh|noi_chet"),
        ("name", r"ho_ten|^chu_|^nguoi_(de_nghi|di_khai)|^doi_tuong$|_mo_dau$|ten_thuong_nhan"),
    )
)  # fmt: skip
_NOT_PERSONAL = re.compile(r"^(nguoi_ky|dia_chi_tru_so|dia_chi_thua_dat)$")
_NUMBERS = re.compile(r"(?<!\d)(?:\d[ .]?){11}\d(?!\d)|(?<!\d)(?:\d[ .]?){8}\d(?!\d)")
"""12 or 9 digits: căn cước, CMND (domain law H)."""


def personal_class(field: str) -> str | None:
    """identity, birth, contact, sensitive, address, name; None: not about a person."""
    if _NOT_PERSONAL.search(field):
        return None
    return next((name for name, pattern in _CLASSES if pattern.search(field)), None)


def masked_value(field: str, value: object, classes: Collection[str]) -> object:
    """A value of a field: text, FieldValue, or a mapping with `value` and `printed`; the same shape comes back."""
    if isinstance(value, FieldValue):
        hidden = {n: masked_value(field, getattr(value, n), classes) for n in ("value", "printed")}
        return value.model_copy(update=hidden)
    if isinstance(value, Mapping):
        hidden = {n: masked_value(field, value[n], classes) for n in ("value", "printed") if n in value}
        return {**value, **hidden}
    if not isinstance(value, str) or not value:
        return value
    found = personal_class(field)
    if found not in classes:
        return without_numbers(value) if "identity" in classes else value
    if found == "identity":
        digits = re.sub(r"\D", "", value)
        return f"{HIDDEN}{digits[-3:]}" if len(digits) >= 9 else HIDDEN
    if found == "name":
        return " ".join(f"{word[0]}•" for word in value.split())
    return HIDDEN


def without_numbers(text: str) -> str:
    """Text in which numbers of identity papers are hidden."""
    return _NUMBERS.sub(lambda found: f"{HIDDEN}{re.sub(r'[^0-9]', '', found[0])[-3:]}", text)
