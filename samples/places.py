"""Real Vietnamese places, before and after the reform of 1 July 2025 (63 -> 34 provinces, no districts any more).

The names stand in ``samples/data/places_*.txt``; ``Place`` is one commune with its whole address.
Province codes are the first three digits of identity numbers; they did not change with the mergers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STREETS = (
    "Trần Phú", "Nguyễn Thị Minh Khai", "Lạc Long Quân", "30 Tháng 4", "Tôn Đức Thắng", "Ngô Gia Tự", "Bà Triệu",
    "Phạm Ngũ Lão", "Hoàng Hoa Thám", "Cách Mạng Tháng Tám", "Âu Cơ", "Nguyễn Văn Cừ", "Đinh Tiên Hoàng", "Tố Hữu",
    "Võ Thị Sáu", "Nguyễn Công Trứ", "Huỳnh Thúc Kháng", "Y Bih Alêô", "Nơ Trang Long", "Điện Biên Phủ",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A commune, ward or township. ``district`` is empty since 1 July 2025."""

    code: str
    commune: str
    district: str
    province: str

    @property
    def address(self) -> str:
        """ "xã A, huyện B, tỉnh C" or, since 2025, "xã A, tỉnh C"."""
        return ", ".join(part for part in (self.commune, self.district, self.province) if part)

    @property
    def modern(self) -> bool:
        return not self.district


UNITS = (
    "thị trấn",
    "thành phố",
    "Thành phố",
    "thị xã",
    "phường",
    "Phường",
    "huyện",
    "quận",
    "Quận",
    "tỉnh",
    "xã",
)


def bare(name: str) -> str:
    """ "huyện Ba Vì" -> "Ba Vì"; a numbered ward keeps its unit ("Phường 3"), as it is printed before the date."""
    for unit in UNITS:
        if name.startswith(unit + " "):
            rest = name[len(unit) + 1 :]
            return name if rest.isdigit() else rest
    return name


def _rows(name: str) -> list[str]:
    lines = (Path(__file__).parent / "data" / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@cache
def old_places() -> tuple[Place, ...]:
    """Communes as they were until 30 June 2025."""
    places = []
    for line in _rows("places_before_2025.txt"):
        head, _, districts = line.split("|")
        code, province = head.split(" ", 1)
        for part in districts.split(";"):
            district, communes = part.split(":")
            places += [Place(code, name.strip(), district.strip(), province) for name in communes.split(",")]
    return tuple(places)


@cache
def new_places() -> tuple[Place, ...]:
    """Communes since 1 July 2025; the code is that of one province merged into the present one."""
    places = []
    for line in _rows("places_since_2025.txt"):
        province, codes, communes = line.split("|")
        for index, name in enumerate(communes.split(",")):
            parts = codes.split()
            places.append(Place(parts[index % len(parts)], name.strip(), "", province))
    return tuple(places)


def pick_place(rng: random.Random, modern: bool) -> Place:
    """A commune of the time before or since 1 July 2025."""
    return rng.choice(new_places() if modern else old_places())


def neighbour(rng: random.Random, place: Place) -> Place:
    """A commune of the same province (mostly) and time."""
    same = [p for p in (new_places() if place.modern else old_places()) if p.province == place.province]
    return rng.choice(same) if rng.random() < 0.75 else pick_place(rng, place.modern)


def door(rng: random.Random, place: Place) -> str:
    """Hamlet or house in the place, as written before the commune ("Thôn 4", "Số 12/3 đường Âu Cơ")."""
    town = not place.commune.startswith("xã")
    roll = rng.random()
    if town and roll < 0.75:
        number = rng.choice(
            [f"{rng.randint(1, 480)}", f"{rng.randint(2, 90)}/{rng.randint(1, 44)}", f"{rng.randint(1, 99)}B"]
        )
        street = rng.choice(STREETS)
        group = rng.choice(["", "", f", tổ dân phố {rng.randint(1, 22)}", f", khu phố {rng.randint(1, 9)}"])
        return rng.choice(["Số ", "số nhà ", ""]) + f"{number} đường {street}{group}"
    if town:
        return f"{rng.choice(['Tổ dân phố', 'Khu phố', 'Tổ', 'Khối'])} {rng.randint(1, 24)}"
    if place.code in {"062", "064", "066", "067"} and roll < 0.6:
        return rng.choice(
            ["Buôn Kmrơng Prông A", "Buôn Ea Mtá", "Làng Plei Lao", "Bon Bu Đăr", "Làng Kon Bông", "Thôn 6"]
        )
    if place.code in {"002", "004", "006", "008", "010", "011", "012", "014", "015"} and roll < 0.6:
        return rng.choice(
            [
                "Bản Nà Mười",
                "Thôn Lũng Hòa",
                "Bản Pá Khoang",
                "Thôn Séo Mý Tỷ",
                "Xóm Bó Lếch",
                "Bản Huổi Lóng",
            ]
        )
    south = int(place.code) >= 70
    kind = "Ấp" if south else rng.choice(["Thôn", "Xóm", "Thôn", "Đội"])
    tail = rng.choice(
        [
            str(rng.randint(1, 15)),
            "Bình Hòa",
            "Đông Thịnh",
            "Phú Thọ",
            "Tân Lập",
            "Trung Chánh",
            "Hạ",
            "Mỹ Phước 2",
            "Cầu Đá",
        ]
    )
    return f"{kind} {tail}"
