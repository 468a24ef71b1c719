"""Labelled sets in the layout of the evaluation folder: DIR/input/<id>.pdf and DIR/gt/<id>.json."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from samples import dirt
from samples.kinds import KINDS, new_case
from samples.page import Doc

# the kinds that offices digitise first come most often
WEIGHTS = {
    "giay_khai_sinh": 9, "trich_luc_khai_sinh": 7, "giay_chung_nhan_ket_hon": 8, "giay_xac_nhan_tinh_trang_hon_nhan": 7,
    "trich_luc_khai_tu": 7, "giay_chung_nhan_ho_kinh_doanh": 8, "giay_phep_xay_dung": 7, "quyet_dinh": 11, "cong_van": 9,
    "trich_luc_ket_hon": 3, "giay_chung_nhan_quyen_su_dung_dat": 3, "to_trinh": 3, "thong_bao": 3, "bao_cao": 3, "ke_hoach": 3,
    "nghi_quyet": 2, "chi_thi": 2, "giay_moi": 2,
}  # fmt: skip
_FORMS = {"giay_khai_sinh", "giay_chung_nhan_ket_hon", "giay_chung_nhan_quyen_su_dung_dat", "giay_xac_nhan_tinh_trang_hon_nhan",
          "giay_chung_nhan_ho_kinh_doanh"}  # fmt: skip


def make_document(kind: str, rng: random.Random) -> Doc:
    """A new document of a kind. Raises KeyError for an unknown one."""
    official = kind not in _FORMS and not kind.startswith("trich_luc")
    return KINDS[kind](new_case(rng, official))


def page_truth(scan: dirt.Scan) -> dict[str, Any]:
    """What is noted about a scanned page besides its text."""
    encoding = "g4" if scan.bilevel else f"jpeg q{scan.quality}"
    return {
        "profile": scan.profile,
        "skew_deg": scan.skew,
        "rotation_cw": scan.rotation_cw,
        "dpi": scan.dpi,
        "encoding": encoding,
    }


def make_one(level: str, kind: str, ident: str, rng: random.Random) -> tuple[list[dirt.Scan], dict[str, Any]]:
    """One scanned document and its truth."""
    doc = make_document(kind, rng)
    style = dirt.LEVELS[level](rng)
    back = None
    if style.through and len(doc.sheets) == 1:
        back = np.asarray(make_document(rng.choice(["cong_van", "quyet_dinh", kind]), rng).sheets[0].image)
    scans = dirt.scan([np.asarray(sheet.image) for sheet in doc.sheets], level, rng, back=back, dirt=style)
    truth = doc.truth(ident, level)
    truth["rotation_cw"] = scans[0].rotation_cw
    for page, scan in zip(truth["pages"], scans, strict=True):
        page.update(page_truth(scan))
    return scans, truth


def make_set(level: str, count: int, seed: int, out: Path, kinds: list[str] | None = None) -> list[str]:
    """Write ``count`` documents -> their ids. Document n depends on (seed, level, n) only, not on ``count``.

    Raises KeyError for an unknown level or kind.
    """
    (out / "input").mkdir(parents=True, exist_ok=True)
    (out / "gt").mkdir(exist_ok=True)
    names = kinds or list(KINDS)
    weights = [WEIGHTS.get(name, 1) for name in names]
    idents = []
    for number in range(1, count + 1):
        rng = random.Random(f"{seed}/{level}/{number}")
        ident = f"{level}_{number:04d}"
        scans, truth = make_one(level, rng.choices(names, weights)[0], ident, rng)
        truth["seed"] = f"{seed}/{level}/{number}"
        dirt.write_pdf(scans, out / "input" / f"{ident}.pdf")
        save_json(out / "gt" / f"{ident}.json", truth)
        idents.append(ident)
    return idents


def save_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
