"""When a value read counts as right: the project's own rule, for its own labelled sets."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ocr.normalise import new_tones, nfc, one_dash, parse_date, parse_identity
from schemas.page import PageReading


def load_readings(path: Path) -> list[PageReading]:
    """Stored page readings of one document."""
    return [PageReading(**page) for page in json.loads(path.read_text("utf-8"))]


def _loose(text: str) -> str:
    text = re.sub(r"[“”„«»\"'’‘`]", "", one_dash(new_tones(text)))
    text = re.sub(r"\s*-\s*", "-", text)
    return " ".join(re.sub(r"[.,;:…()]+", " ", text).split())


def canonical(field: str, value: str) -> str:
    """A form in which two right readings of a field are equal."""
    value = nfc(value).strip()
    if field.startswith("ngay") or "_ngay_" in field:
        return parse_date(value) or (value if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else _loose(value))
    if field == "so_ky_hieu":
        return re.sub(r"^0+(?=\d)", "", re.sub(r"\s+", "", one_dash(value)).upper().rstrip(".,;"))
    if field in ("giay_to_tuy_than", "so_dinh_danh", "vo_giay_to", "chong_giay_to") or field.endswith(
        "_giay_to_tuy_than"
    ):
        return parse_identity(value) or _loose(value)
    if field == "von_kinh_doanh":
        return re.sub(r"\D", "", value.split("(")[0])
    text = _loose(value)
    if field == "trich_yeu":
        text = re.sub(r"^(?:về việc|v/v)\s*", "", text)
    return re.sub(r"^ubnd\b", "ủy ban nhân dân", text)


def is_right(field: str, value: str | None, truth: dict) -> bool:
    """Value against the truth of a document (`fields`, and `fields_accept` with further right writings)."""
    if not value or field not in truth["fields"]:
        return False
    wanted = [truth["fields"][field], *truth.get("fields_accept", {}).get(field, [])]
    return any(canonical(field, value) == canonical(field, other) for other in wanted)


NUMBER_AND_DAY = {"so_ky_hieu", "ngay_ban_hanh", "ngay_dang_ky"}
"""What offices write by hand into papers that are printed otherwise; such papers count in full."""


def filled_in_by_hand(truth: dict) -> bool:
    """True for a form whose entries are written by hand, and not only its number and day: no reader of print can read
    it, so its characters tell nothing about reading print."""
    return bool(set(truth.get("handwritten") or ()) - NUMBER_AND_DAY)
