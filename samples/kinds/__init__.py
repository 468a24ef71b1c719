"""Kinds of paper. Each module draws some kinds; ``KINDS`` maps the type code to the function that makes one.

A maker takes a ``Case`` and returns a finished ``Doc``.
"""

from __future__ import annotations

from samples.kinds import (
    birth,
    building,
    business,
    death,
    decision,
    extracts,
    land,
    letters,
    marriage,
    single,
)
from samples.kinds.case import Case, Maker, new_case

KINDS: dict[str, Maker] = {
    "giay_khai_sinh": birth.certificate,
    "trich_luc_khai_sinh": birth.extract,
    "giay_chung_nhan_ket_hon": marriage.certificate,
    "trich_luc_ket_hon": marriage.extract,
    "giay_xac_nhan_tinh_trang_hon_nhan": single.confirmation,
    "trich_luc_khai_tu": death.extract,
    "trich_luc_nhan_cha_me_con": extracts.recognition,
    "trich_luc_giam_ho": extracts.guardianship,
    "trich_luc_thay_doi_cai_chinh_ho_tich": extracts.correction,
    "giay_chung_nhan_ho_kinh_doanh": business.certificate,
    "giay_phep_xay_dung": building.permit,
    "giay_chung_nhan_quyen_su_dung_dat": land.certificate,
    "quyet_dinh": decision.decision,
    "cong_van": letters.official_letter,
    **letters.NAMED,
}

__all__ = ["KINDS", "Case", "Maker", "new_case"]
