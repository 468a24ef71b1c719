"""Made agencies of real places: how they call themselves in the heading, who signs for them and how their seal reads."""

from __future__ import annotations

import random
from dataclasses import dataclass

from samples.places import Place, bare

_SHORT = {
    "xã": "X.", "phường": "P.", "Phường": "P.", "thị trấn": "TT.", "huyện": "H.", "quận": "Q.", "Quận": "Q.",
    "thị xã": "TX.", "thành phố": "TP.", "Thành phố": "TP.", "tỉnh": "T.",
}  # fmt: skip


def short(name: str) -> str:
    """ "huyện Bù Đăng" -> "H. BÙ ĐĂNG", as seals read."""
    for unit in sorted(_SHORT, key=len, reverse=True):
        if name.startswith(unit + " "):
            return f"{_SHORT[unit]} {name[len(unit) + 1 :].upper()}"
    return name.upper()


@dataclass(frozen=True)
class Agency:
    """``heading``: lines with True for bold; ``parent``: the superior body when it is printed; ``seat``: place before a date."""

    name: str
    accept: tuple[str, ...]
    parent: str
    heading: tuple[tuple[str, bool], ...]
    symbol: str
    seat: str
    head: str
    deputy: str
    collective: str
    ring: str
    bottom: str
    middle: tuple[str, ...]
    level: str
    place: Place

    @property
    def officer(self) -> str:
        """Who decides, as printed over a decision: "CHỦ TỊCH ỦY BAN NHÂN DÂN XÃ A"."""
        return f"{self.head} {self.name.upper()}"


def _variants(name: str, places: list[str]) -> tuple[str, ...]:
    """Ways to write an agency with more or fewer of its places, long and abbreviated."""
    out = []
    for stem in dict.fromkeys(
        [name, name.replace("Ủy ban nhân dân", "UBND"), name.replace("Hội đồng nhân dân", "HĐND")]
    ):
        out.append(stem)
        for some in (places[:1], places, places[-1:]):
            if some:
                out += [", ".join([stem, *some]), " ".join([stem, *some])]
    return tuple(dict.fromkeys(out))[1:]


def _superior(place: Place) -> str:
    return place.district or place.province


def commune_committee(rng: random.Random, place: Place) -> Agency:
    """The people's committee of a commune, ward or township."""
    higher = _superior(place)
    name, upper = place.commune.upper(), higher.upper()
    styles = [
        ("UBND " + higher, ((f"UBND {upper}", False), ("ỦY BAN NHÂN DÂN", True), (name, True))),
        ("", (("ỦY BAN NHÂN DÂN", True), (name, True))),
        ("", ((f"ỦY BAN NHÂN DÂN {name}", True),)),
        (f"Ủy ban nhân dân {higher}", ((f"ỦY BAN NHÂN DÂN {upper}", False), (f"UBND {name}", True))),
        ("UBND " + higher, ((f"UBND {upper}", False), (f"UBND {name}", True))),
    ]
    if place.district:
        styles += [
            ("", (("ỦY BAN NHÂN DÂN", True), (f"{name}, {upper}", True), (place.province.upper(), True))),
            ("", ((f"ỦY BAN NHÂN DÂN {name}", True), (upper, True), (place.province.upper(), True))),
            ("", (("UỶ BAN NHÂN DÂN", True), (name, True), (f"{upper} - {place.province.upper()}", False))),
        ]
    parent, heading = rng.choice(styles)
    places = [part for part in (place.district, place.province) if part]
    return Agency(
        name=f"Ủy ban nhân dân {place.commune}", accept=_variants(f"Ủy ban nhân dân {place.commune}", places),
        parent=parent, heading=heading, symbol="UBND", seat=bare(place.commune),
        head="CHỦ TỊCH", deputy="PHÓ CHỦ TỊCH", collective="TM. ỦY BAN NHÂN DÂN",
        ring=f"ỦY BAN NHÂN DÂN {name}",
        bottom=f"{short(place.district)} - {short(place.province)}" if place.district else short(place.province),
        middle=(), level="commune", place=place,
    )  # fmt: skip


def district_committee(rng: random.Random, place: Place) -> Agency:
    """The people's committee of a district (only before July 2025)."""
    name, upper = place.district.upper(), place.province.upper()
    parent, heading = rng.choice(
        [
            (f"UBND {place.province}", ((f"UBND {upper}", False), ("ỦY BAN NHÂN DÂN", True), (name, True))),
            ("", (("ỦY BAN NHÂN DÂN", True), (name, True))),
            ("", ((f"ỦY BAN NHÂN DÂN {name}", True), (upper, False))),
            (f"UBND {place.province}", ((f"UBND {upper}", False), (f"UBND {name}", True))),
        ]
    )
    return Agency(
        name=f"Ủy ban nhân dân {place.district}",
        accept=_variants(f"Ủy ban nhân dân {place.district}", [place.province]),
        parent=parent, heading=heading, symbol="UBND", seat=bare(place.district), head="CHỦ TỊCH", deputy="PHÓ CHỦ TỊCH",
        collective="TM. ỦY BAN NHÂN DÂN", ring=f"ỦY BAN NHÂN DÂN {name}", bottom=short(place.province), middle=(),
        level="district", place=place,
    )  # fmt: skip


def province_committee(rng: random.Random, place: Place) -> Agency:
    """The people's committee of a province or city."""
    name = place.province.upper()
    heading = rng.choice([(("ỦY BAN NHÂN DÂN", True), (name, True)), ((f"ỦY BAN NHÂN DÂN {name}", True),)])
    stem = f"Ủy ban nhân dân {place.province}"
    return Agency(
        name=stem, accept=_variants(stem, []), parent="", heading=heading, symbol="UBND", seat=bare(place.province),
        head="CHỦ TỊCH", deputy="PHÓ CHỦ TỊCH", collective="TM. ỦY BAN NHÂN DÂN", ring=f"ỦY BAN NHÂN DÂN {name}",
        bottom="", middle=(), level="province", place=place,
    )  # fmt: skip


DEPARTMENTS = (
    ("Sở Y tế", "SYT", ("SỞ", "Y TẾ")), ("Sở Nội vụ", "SNV", ("SỞ", "NỘI VỤ")), ("Sở Xây dựng", "SXD", ("SỞ", "XÂY DỰNG")),
    ("Sở Tài nguyên và Môi trường", "STNMT", ("SỞ", "TÀI NGUYÊN", "MÔI TRƯỜNG")),
    ("Sở Tài chính", "STC", ("SỞ", "TÀI CHÍNH")), ("Sở Công Thương", "SCT", ("SỞ", "CÔNG THƯƠNG")),
    ("Sở Giáo dục và Đào tạo", "SGDĐT", ("SỞ", "GIÁO DỤC", "VÀ ĐÀO TẠO")),
    ("Sở Nông nghiệp và Môi trường", "SNNMT", ("SỞ", "NÔNG NGHIỆP", "VÀ MÔI TRƯỜNG")),
    ("Sở Khoa học và Công nghệ", "SKHCN", ("SỞ", "KHOA HỌC", "VÀ CÔNG NGHỆ")),
    ("Sở Thông tin và Truyền thông", "STTTT", ("SỞ", "THÔNG TIN", "TRUYỀN THÔNG")),
    ("Sở Kế hoạch và Đầu tư", "SKHĐT", ("SỞ", "KẾ HOẠCH", "VÀ ĐẦU TƯ")), ("Sở Tư pháp", "STP", ("SỞ", "TƯ PHÁP")),
)  # fmt: skip


def department(rng: random.Random, place: Place, about: str = "") -> Agency:
    """A department (Sở) of a province; ``about`` picks those with that word."""
    name, symbol, middle = rng.choice([row for row in DEPARTMENTS if about in row[0]])
    upper = place.province.upper()
    short_parent = rng.random() < 0.7
    parent = f"{'UBND' if short_parent else 'Ủy ban nhân dân'} {place.province}"
    return Agency(
        name=name, accept=(f"{name} {place.province}", f"{name} {bare(place.province)}"), parent=parent,
        heading=((parent.upper(), False), (name.upper(), True)), symbol=symbol, seat=bare(place.province),
        head="GIÁM ĐỐC", deputy="PHÓ GIÁM ĐỐC", collective="", ring=f"ỦY BAN NHÂN DÂN {upper}", bottom="", middle=middle,
        level="department", place=place,
    )  # fmt: skip


DIVISIONS_OLD = (
    ("Phòng Tư pháp", "PTP", ("PHÒNG", "TƯ PHÁP")), ("Phòng Nội vụ", "PNV", ("PHÒNG", "NỘI VỤ")),
    ("Phòng Tài chính - Kế hoạch", "TCKH", ("PHÒNG", "TÀI CHÍNH", "KẾ HOẠCH")),
    ("Phòng Quản lý đô thị", "QLĐT", ("PHÒNG", "QUẢN LÝ", "ĐÔ THỊ")),
    ("Phòng Kinh tế và Hạ tầng", "KTHT", ("PHÒNG", "KINH TẾ", "HẠ TẦNG")),
    ("Phòng Lao động - Thương binh và Xã hội", "LĐTBXH", ("PHÒNG", "LAO ĐỘNG", "TB VÀ XH")),
    ("Phòng Tài nguyên và Môi trường", "TNMT", ("PHÒNG", "TÀI NGUYÊN", "MÔI TRƯỜNG")),
)  # fmt: skip
DIVISIONS_NEW = (
    ("Phòng Kinh tế", "KT", ("PHÒNG", "KINH TẾ")),
    ("Phòng Văn hóa - Xã hội", "VHXH", ("PHÒNG", "VĂN HÓA", "XÃ HỘI")),
    ("Phòng Kinh tế, Hạ tầng và Đô thị", "KTHTĐT", ("PHÒNG", "KINH TẾ,", "HẠ TẦNG", "ĐÔ THỊ")),
)


def division(rng: random.Random, place: Place, about: str = "") -> Agency:
    """A division (Phòng) of a district, or since July 2025 of a commune; ``about`` picks those with that word."""
    choices = [row for row in (DIVISIONS_NEW if place.modern else DIVISIONS_OLD) if about in row[0]]
    name, symbol, middle = rng.choice(choices)
    owner = place.district or place.commune
    parent = f"{'UBND' if rng.random() < 0.5 else 'Ủy ban nhân dân'} {owner}"
    ring = f"ỦY BAN NHÂN DÂN {owner.upper()}"
    return Agency(
        name=name, accept=(f"{name} {owner}", f"{name}, {owner}"), parent=parent,
        heading=((parent.upper(), False), (name.upper(), True)), symbol=symbol, seat=bare(owner), head="TRƯỞNG PHÒNG",
        deputy="PHÓ TRƯỞNG PHÒNG", collective="", ring=ring, bottom=short(place.province), middle=middle,
        level="division", place=place,
    )  # fmt: skip


def council(rng: random.Random, place: Place) -> Agency:
    """The people's council of a commune."""
    stem = f"Hội đồng nhân dân {place.commune}"
    name = place.commune.upper()
    heading = rng.choice(
        [(("HỘI ĐỒNG NHÂN DÂN", True), (name, True)), ((f"HỘI ĐỒNG NHÂN DÂN {name}", True),)]
    )
    return Agency(
        name=stem, accept=_variants(stem, [part for part in (place.district, place.province) if part]), parent="",
        heading=heading, symbol="HĐND", seat=bare(place.commune), head="CHỦ TỊCH", deputy="PHÓ CHỦ TỊCH",
        collective=rng.choice(["TM. HỘI ĐỒNG NHÂN DÂN", "TM. THƯỜNG TRỰC HỘI ĐỒNG NHÂN DÂN"]),
        ring=f"HỘI ĐỒNG NHÂN DÂN {name}", bottom=short(place.district or place.province), middle=(), level="council",
        place=place,
    )  # fmt: skip


SCHOOLS = (
    "Trường THCS Kim Đồng",
    "Trường Tiểu học Lê Văn Tám",
    "Trường THPT Nguyễn Trãi",
    "Trường Mầm non Hoa Sen",
)


def institution(rng: random.Random, place: Place) -> Agency:
    """A school, health centre or board."""
    owner = place.district or place.commune
    rows = [
        (rng.choice(SCHOOLS), f"UBND {owner}", "HIỆU TRƯỞNG", "PHÓ HIỆU TRƯỞNG", "THCS"),
        (f"Trung tâm Y tế {owner}", f"Sở Y tế {bare(place.province)}", "GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", "TTYT"),
        ("Ban Quản lý dự án đầu tư xây dựng", f"UBND {owner}", "GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", "BQLDA"),
        ("Chi cục Kiểm lâm", f"Sở Nông nghiệp và Môi trường {place.province}", "CHI CỤC TRƯỞNG", "PHÓ CHI CỤC TRƯỞNG", "CCKL"),
        (f"Bảo hiểm xã hội {owner}", f"Bảo hiểm xã hội {place.province}", "GIÁM ĐỐC", "PHÓ GIÁM ĐỐC", "BHXH"),
    ]  # fmt: skip
    name, parent, head, deputy, symbol = rng.choice(rows)
    words = name.upper().split()
    cut = max(1, len(words) // 2)
    return Agency(
        name=name, accept=(f"{name} {owner}", f"{name}, {owner}"), parent=parent,
        heading=((parent.upper(), False), (name.upper(), True)), symbol=symbol, seat=bare(owner), head=head,
        deputy=deputy, collective="", ring=parent.upper(), bottom="",
        middle=(" ".join(words[:cut]), " ".join(words[cut:])), level="institution", place=place,
    )  # fmt: skip


@dataclass(frozen=True)
class Signing:
    """The lines over a signature: authority ("KT. CHỦ TỊCH") and the signer's own office."""

    authority: tuple[str, ...]
    office: str

    @property
    def lines(self) -> tuple[str, ...]:
        return (*self.authority, self.office)


def signing(rng: random.Random, agency: Agency, collective: bool, orders: bool = False) -> Signing:
    """Who signs: the head, or a deputy (KT.), for the collective (TM.), by order (TL.), by mandate (TUQ.) or acting (Q.).

    ``orders``: papers that an office manager may sign (letters, notices), unlike civil status and decisions.
    """
    first = (agency.collective,) if collective and agency.collective else ()
    roll = rng.random()
    if roll < 0.42:
        return Signing(first, agency.head)
    if roll < 0.84:
        return Signing((*first, f"KT. {agency.head}"), agency.deputy)
    if roll < 0.88:
        return Signing(first, f"Q. {agency.head}")
    if orders and agency.head == "CHỦ TỊCH" and agency.level in ("district", "province", "commune"):
        if roll < 0.92:
            return Signing(("TL. CHỦ TỊCH",), "CHÁNH VĂN PHÒNG")
        if roll < 0.95:
            return Signing(("TL. CHỦ TỊCH", "KT. CHÁNH VĂN PHÒNG"), "PHÓ CHÁNH VĂN PHÒNG")
        return Signing(
            (f"TUQ. {agency.head}",), "TRƯỞNG PHÒNG TƯ PHÁP" if agency.level == "district" else "PHÓ CHỦ TỊCH"
        )
    return Signing((f"KT. {agency.head}",), agency.deputy)
