"""Columns of a list: which one holds what, by their headings and by what people name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flows.legacy_text import modern
from schemas.errors import WrongUse
from schemas.plan_errors import ColumnsUnknown
from storage.fold import fold_words

COLUMNS: dict[str, tuple[str, ...]] = {
    "dossier_code": ("ma ho so", "so ho so", "ma so ho so", "ma ho so tthc", "so bien nhan"),
    "procedure": ("ma tthc", "ma thu tuc", "ma thu tuc hanh chinh"),
    "procedure_name": ("ten tthc", "thu tuc", "ten thu tuc", "thu tuc hanh chinh", "ten thu tuc hanh chinh"),
    "sector": ("linh vuc", "ten linh vuc"),
    "kind": ("loai giay to", "loai ket qua", "loai van ban", "ten giay to", "ten ket qua"),
    "number_symbol": ("so ky hieu", "so va ky hieu", "so hieu", "so ky hieu van ban", "so van ban", "so giay to", "so ket qua"),
    "number": ("so",),
    "symbol": ("ky hieu",),
    "issued": ("ngay ban hanh", "ngay cap", "ngay ky", "ngay cap ket qua"),
    "issuer": ("co quan ban hanh", "co quan cap", "noi cap"),
    "owner": ("ho ten", "ho va ten", "chu ho so", "ten chu ho so", "nguoi nop", "ten to chuc ca nhan", "to chuc ca nhan", "nguoi duoc cap", "chu so huu"),
    "owner_id": ("so dinh danh", "so cccd", "cccd", "so giay to tuy than", "ma dinh danh", "cmnd cccd", "so cmnd cccd", "ma so thue"),
    "summary": ("trich yeu", "noi dung", "trich yeu noi dung"),
    "received": ("ngay tiep nhan", "ngay nhan", "ngay nop", "thoi gian tiep nhan"),
    "due": ("ngay hen tra", "han tra", "han xu ly", "hen tra", "thoi han giai quyet", "ngay hen tra ket qua"),
    "finished": ("ngay tra", "ngay ket thuc", "ngay hoan thanh", "ngay co ket qua", "ngay tra ket qua", "ngay giai quyet"),
    "state": ("trang thai", "tinh trang", "tinh trang ho so", "trang thai ho so"),
    "channel": ("hinh thuc nop", "hinh thuc tiep nhan", "kenh tiep nhan", "hinh thuc"),
    "in_force_until": ("hieu luc den", "ngay het han", "co gia tri den", "thoi han hieu luc", "ngay het hieu luc"),
    "unit": ("co quan giai quyet", "don vi", "co quan", "ma don vi", "don vi giai quyet", "ma dinh danh co quan", "don vi tiep nhan"),
}
"""What a case knows, and headings under which it was met (folded). More are learned by `--column`."""


def columns_of(headings: Sequence[str], named: Mapping[str, str] | None = None) -> dict[str, int]:
    """As `places_of`. Raises ColumnsUnknown also when nothing tells one row from another."""
    found = places_of(headings, named or {}, COLUMNS)
    if not ({"dossier_code", "number_symbol", "number"} & found.keys()):
        raise ColumnsUnknown(
            "không thấy cột mã hồ sơ (dossier_code) hay số, ký hiệu (number_symbol) trong: "
            + ", ".join(filter(None, headings)) + f". TÊN là một trong: {', '.join(COLUMNS)}"
        )  # fmt: skip
    return found


def places_of(
    headings: Sequence[str], named: Mapping[str, str], columns: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Position of each known thing, by what people named (thing → heading) and by the usual headings (`columns`, folded).

    Raises ColumnsUnknown when two columns could be the same thing; WrongUse for a name that is no thing or a heading that is
    not there.
    """
    folded = [fold_words(modern(heading)[0]) for heading in headings]
    found: dict[str, int] = {}
    for thing, heading in named.items():
        if thing not in columns:
            raise WrongUse(f"--column {thing}: {', '.join(columns)}")
        found[thing] = _place(thing, heading, folded)
    taken = set(found.values())
    for thing, names in columns.items():
        places = [at for name in names for at, heading in enumerate(folded) if heading == name and at not in taken]
        if thing not in found and places:
            if len(places) > 1:
                shown = ", ".join(f"„{headings[at]}“" for at in places)
                raise ColumnsUnknown(f"{thing}: {shown}")
            found[thing] = places[0]
            taken.add(places[0])
    return found


def _place(thing: str, heading: str, folded: list[str]) -> int:
    if (by_number := re.fullmatch(r"#(\d+)", heading)) and 0 < int(by_number[1]) <= len(folded):
        return int(by_number[1]) - 1
    places = [at for at, one in enumerate(folded) if one == fold_words(heading)]
    if len(places) > 1:
        numbers = ", ".join(f"{thing}=#{at + 1}" for at in places)
        raise WrongUse(f"--column {thing}={heading}: nhiều cột cùng tiêu đề; hãy chỉ thứ tự cột: {numbers}")
    if not places:
        raise WrongUse(f"--column {thing}={heading}: không có tiêu đề này")
    return places[0]


def is_heading(text: str) -> bool:
    return fold_words(modern(text)[0]) in _HEADINGS


def is_running_number(heading: str) -> bool:
    return fold_words(modern(heading)[0]) in _RUNNING


_RUNNING = frozenset({"stt", "tt", "so thu tu"})
_HEADINGS = frozenset(name for names in COLUMNS.values() for name in names) | _RUNNING
