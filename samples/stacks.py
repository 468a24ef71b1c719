"""Stacks as they come from the scanner: several documents in one file, with blanks, separator sheets and pages upside down.

``samples/stacks/`` holds a few of them with their truth; ``python -m samples stacks`` makes exactly the same again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from samples import dirt
from samples.kinds import KINDS, new_case
from samples.page import Doc, Sheet
from samples.sets import make_document, page_truth, save_json
from samples.sheets import blank, dossier_code, separator


@dataclass
class Item:
    """One document of a stack. ``separator``: the sheet before it ('' for none); ``blanks``: empty pages after it."""

    kind: str
    separator: str = ""
    blanks: int = 0
    duplex: bool = False  # printed on one side, scanned on both: an empty back after every page
    turn: int = 0
    skew: float = 0.0  # more than usual, degrees
    pages: int = 0  # wanted number of pages; 0 = any


@dataclass
class Plan:
    """One file of the samples."""

    name: str
    suffix: str
    items: list[Item] = field(default_factory=list)
    look: str = "colour"  # colour, grey, bilevel, phone
    seed: str = ""


PLANS = (
    Plan("chong_01_ho_tich", ".pdf", [
        Item("giay_khai_sinh", "barcode"), Item("trich_luc_khai_tu", "qr", blanks=1), Item("giay_chung_nhan_ket_hon", "barcode", turn=180),
        Item("giay_xac_nhan_tinh_trang_hon_nhan", "text"), Item("trich_luc_khai_sinh", "patch", skew=3.2),
    ], "colour"),
    Plan("chong_02_hai_mat", ".pdf", [
        Item("quyet_dinh", "barcode", duplex=True, pages=2), Item("giay_chung_nhan_ho_kinh_doanh", "barcode", duplex=True),
        Item("giay_phep_xay_dung", "qr", duplex=True), Item("cong_van", "barcode", duplex=True, turn=90),
    ], "grey"),
    Plan("chong_03_van_ban", ".tif", [
        Item("thong_bao"), Item("quyet_dinh", blanks=1), Item("bao_cao", "patch"), Item("to_trinh", blanks=1), Item("nghi_quyet", "text"),
    ], "bilevel"),
    Plan("anh_04_khai_sinh", ".jpg", [Item("giay_khai_sinh", pages=1)], "phone"),
    Plan("anh_05_dat_dai", ".jpg", [Item("giay_chung_nhan_quyen_su_dung_dat", pages=1)], "phone"),
)  # fmt: skip


def _look(name: str, rng: random.Random) -> dirt.Dirt:
    """A small file and an everyday scan: 200 dpi."""
    base = dirt.Dirt(
        name, dpi=200, skew=0.8, quality=rng.randint(34, 44), noise=rng.uniform(0.5, 2.0), blur=0.4, ink=0.95
    )
    if name == "grey":
        return replace(base, mode="grey", quality=38)
    if name == "bilevel":
        return replace(base, mode="bilevel", speckle=40, threshold=160.0, noise=3.0)
    if name == "phone":
        return replace(base, phone=True, light=0.05, quality=62, noise=3.0)
    return base


def _document(item: Item, rng: random.Random) -> Doc:
    """A document with the number of pages that the plan wants."""
    if not item.pages:
        return make_document(item.kind, rng)
    while True:
        doc = KINDS[item.kind](new_case(rng, item.kind == "quyet_dinh"))
        if len(doc.sheets) == item.pages:
            return doc


def make_stack(plan: Plan) -> tuple[list[dirt.Scan], dict[str, Any]]:
    """All scanned pages of a plan and the truth (layout of the evaluation set's stacks)."""
    rng = random.Random(plan.seed or plan.name)
    scans: list[dirt.Scan] = []
    pages: list[dict[str, Any]] = []
    documents: list[dict[str, Any]] = []

    def add(sheet: Sheet, kind: str, turn: int = 0, skew: float = 0.0, **more: Any) -> None:
        look = _look(plan.look, rng)
        scan = dirt.scan_page(np.asarray(sheet.image), replace(look, skew=look.skew + skew), rng, None, turn)
        scans.append(scan)
        pages.append(
            {
                "page": len(scans),
                "kind": kind,
                "doc": None,
                **page_truth(scan),
                "lines": [],
                "optional_lines": [],
                **more,
            }
        )

    for number, item in enumerate(plan.items, 1):
        if item.separator:
            code = dossier_code(rng)
            sheet = separator(item.separator, code, rng)
            add(sheet, "separator", lines=sheet.lines(60), separator=item.separator, value=code)
        doc = _document(item, rng)
        truth = doc.truth(f"{plan.name}_{number}", "office")
        mine = []
        for page, sheet in zip(truth["pages"], doc.sheets, strict=True):
            add(
                sheet,
                "content",
                item.turn,
                item.skew,
                doc=number,
                lines=page["lines"],
                optional_lines=page["optional_lines"],
            )
            mine.append(len(scans))
            if item.duplex:
                add(blank(rng, sheet), "blank")
        for _ in range(item.blanks):
            add(blank(rng), "blank")
        documents.append({"doc": number, "pages": mine, **{key: truth[key] for key in (
            "type", "fields", "fields_accept", "handwritten_fields", "handwritten", "boxes", "marks", "text")},
            "rotation_cw": item.turn})  # fmt: skip
    return scans, {"id": plan.name, "file": plan.name + plan.suffix, "level": "office", "page_count": len(scans),
                   "documents": documents, "pages": pages}  # fmt: skip


def make_stacks(out: Path) -> list[Path]:
    """Write every plan's file into ``out`` and its truth into ``truth`` beside it -> the files.

    The stacks stand alone in their folder, as a scanner leaves them: the whole folder is what a clerk hands over.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out.parent / "truth").mkdir(exist_ok=True)
    files = []
    for plan in PLANS:
        scans, truth = make_stack(plan)
        path = out / truth["file"]
        if plan.suffix == ".pdf":
            dirt.write_pdf(scans, path)
        elif plan.suffix == ".tif":
            dirt.write_tiff(scans, path)
        else:
            dirt.write_image(scans[0], path)
        save_json(out.parent / "truth" / f"{plan.name}.json", truth)
        files.append(path)
    return files
