"""GIẤY KHAI SINH and TRÍCH LỤC KHAI SINH (labels: TT 15/2015/TT-BTP, TT 04/2020/TT-BTP, older forms)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from samples import marks
from samples.agencies import Agency, commune_committee, signing
from samples.frame import border, date_runs, heading, number_runs, place_date, sign, state_heading, title
from samples.kinds.case import Case, identity_paper, paper_number, shout, slashed
from samples.page import Doc, t
from samples.people import Person, date_words, kinh_name, person, random_date
from samples.places import bare, neighbour, pick_place

LABELS_2015 = {
    "name": "Họ, chữ đệm, tên:", "born": "Ngày, tháng, năm sinh:", "words": "Ghi bằng chữ:", "where": "Nơi sinh:",
    "mother": "Họ, chữ đệm, tên người mẹ:", "father": "Họ, chữ đệm, tên người cha:", "lives": "Nơi cư trú:",
    "year": "Năm sinh:", "declarant": "Họ, chữ đệm, tên người đi khai sinh:", "sex": "Giới tính:",
    "origin": "Quê quán:",
}  # fmt: skip
LABELS_2005 = {
    "name": "Họ và tên:", "born": "Ngày, tháng, năm sinh:", "words": "(Ghi bằng chữ):", "where": "Nơi sinh:",
    "mother": "Họ và tên mẹ:", "father": "Họ và tên cha:", "lives": "Nơi thường trú/tạm trú:", "year": "Năm sinh:",
    "declarant": "Họ và tên người đi khai sinh:", "sex": "Giới tính:", "origin": "Quê quán:",
}  # fmt: skip


@dataclass
class Birth:
    """A child, the parents and the register entry."""

    child: Person
    mother: Person
    father: Person | None
    registered: date
    born_at: str
    origin: str
    number: str


def make(case: Case, latest: date) -> Birth:
    """A birth registered not later than ``latest``."""
    rng = case.rng
    born = latest - timedelta(days=rng.randint(8, 120) if rng.random() < 0.7 else rng.randint(120, 9000))
    child = person(rng, case.place, latest, (0, 1))
    mother = person(rng, case.place, born, (19, 42), male=False)
    father = person(rng, case.place, born, (20, 50), male=True) if rng.random() < 0.93 else None
    surname = (father or mother).name.split()[0]
    rest = child.name.split()[1:] if len(child.name.split()) > 2 else child.name.split()
    highland = "'" in child.name or child.name.startswith(("Y ", "A ", "H ", "K' "))
    name = child.name if highland else " ".join([surname, *rest])
    identity = (
        child.identity[:3]
        + str((born.year // 100 - 19) * 2 + (0 if child.male else 1))
        + f"{born:%y}"
        + child.identity[6:]
    )
    people = rng.choice([mother.people, (father or mother).people])
    child = Person(name, child.male, born, people, identity, child.old_card, mother.home, case.place)
    district, province = case.place.district, case.place.province
    hospital = rng.choice(
        [
            "Bệnh viện Đa khoa",
            "Trung tâm Y tế",
            "Bệnh viện Phụ sản",
            "Bệnh viện Sản - Nhi",
            "Phòng khám đa khoa khu vực",
        ]
    )
    born_at = rng.choice(
        [f"{hospital} {district or bare(province)}, {province}", f"{hospital} tỉnh {bare(province)}" if province.startswith("tỉnh") else f"{hospital} {province}",
         f"Trạm y tế {case.place.address}", f"Tại nhà, {case.place.address}"]
    )  # fmt: skip
    if "Đa khoa" in born_at and rng.random() < 0.3:
        born_at = born_at.replace("Bệnh viện Đa khoa", "BVĐK")
    origin = case.place.address if rng.random() < 0.7 else neighbour(rng, case.place).address
    registered = max(latest, born + timedelta(days=1))
    return Birth(child, mother, father, registered, born_at, origin, paper_number(rng, 400))


def _child(doc: Doc, case: Case, birth: Birth, words: dict[str, str], kind: str) -> None:
    rng, child = case.rng, birth.child
    entry = case.entry()
    doc.para(
        [t(words["name"] + " "), t(shout(rng, child.name), entry or "b", "ho_ten")], indent=0, leader=True
    )
    doc.set("ho_ten", child.name, child.name.upper())
    in_words = date_words(rng, child.born)
    printed = slashed(child.born, rng)
    doc.set("ngay_sinh", child.born.isoformat())
    doc.set("ngay_sinh_bang_chu", in_words)
    if len(in_words) < 42 and rng.random() < 0.3:
        doc.para([t(words["born"] + " "), t(printed, entry, "ngay_sinh"), t(" " + words["words"] + " "), t(in_words, entry, "ngay_sinh_bang_chu")],
                 indent=0, align="left", leader=True)  # fmt: skip
    else:
        doc.para([t(words["born"] + " "), t(printed, entry, "ngay_sinh")], indent=0, leader=True)
        doc.para(
            [t(words["words"] + " "), t(in_words, entry, "ngay_sinh_bang_chu")],
            indent=0,
            align="left",
            leader=True,
        )
    doc.set("gioi_tinh", child.sex)
    doc.set("dan_toc", child.people)
    doc.set("quoc_tich", "Việt Nam")
    cells = [
        (0.0, [t(words["sex"] + " "), t(child.sex, entry, "gioi_tinh")]),
        (rng.uniform(0.30, 0.38), [t("Dân tộc: "), t(child.people, entry, "dan_toc")]),
        (rng.uniform(0.62, 0.70), [t("Quốc tịch: "), t("Việt Nam", entry, "quoc_tich")]),
    ]
    doc.row(cells, leader=True)
    doc.para(
        [t(words["where"] + " "), t(birth.born_at, entry, "noi_sinh")], indent=0, align="left", leader=True
    )
    doc.set("noi_sinh", birth.born_at)
    doc.para(
        [t(words["origin"] + " "), t(birth.origin, entry, "que_quan")], indent=0, align="left", leader=True
    )
    doc.set("que_quan", birth.origin)
    if case.today.year >= 2016:
        number = child.identity if kind == "giay_khai_sinh" or rng.random() < 0.6 else ""
        doc.para(
            [t("Số định danh cá nhân: "), *([t(number, entry, "so_dinh_danh")] if number else [])],
            indent=0,
            leader=True,
        )
        if number:
            doc.set("so_dinh_danh", number)


def _parent(doc: Doc, case: Case, who: Person, prefix: str, words: dict[str, str], label: str) -> None:
    rng, entry = case.rng, case.entry()
    doc.para(
        [t(label + " "), t(shout(rng, who.name), entry or "b", f"{prefix}_ho_ten")], indent=0, leader=True
    )
    doc.set(f"{prefix}_ho_ten", who.name, who.name.upper())
    cells = [
        (0.0, [t(words["year"] + " "), t(str(who.born.year), entry, f"{prefix}_nam_sinh")]),
        (rng.uniform(0.30, 0.38), [t("Dân tộc: "), t(who.people, entry, f"{prefix}_dan_toc")]),
        (rng.uniform(0.62, 0.70), [t("Quốc tịch: "), t("Việt Nam", entry, f"{prefix}_quoc_tich")]),
    ]
    doc.row(cells, leader=True)
    doc.para(
        [t(words["lives"] + " "), t(who.home, entry, f"{prefix}_noi_cu_tru")],
        indent=0,
        align="left",
        leader=True,
    )
    doc.set(f"{prefix}_nam_sinh", str(who.born.year))
    doc.set(f"{prefix}_dan_toc", who.people)
    doc.set(f"{prefix}_quoc_tich", "Việt Nam")
    doc.set(f"{prefix}_noi_cu_tru", who.home)


def _parents(doc: Doc, case: Case, birth: Birth, words: dict[str, str]) -> None:
    pairs = [(birth.mother, "me", words["mother"])]
    if birth.father:
        pairs.append((birth.father, "cha", words["father"]))
    if words is LABELS_2005 and case.rng.random() < 0.7:
        pairs.reverse()
    for who, prefix, label in pairs:
        _parent(doc, case, who, prefix, words, label)


def register_number(rng: random.Random, number: str, year: int) -> str:
    """ "87" or "87/2019", as registers are kept."""
    return f"{number}/{year}" if rng.random() < 0.5 else number


def office_of(agency: Agency) -> str:
    """The agency with its whole place, as the place of registration is printed."""
    return ", ".join(part for part in (agency.name, agency.place.district, agency.place.province) if part)


def certificate(case: Case) -> Doc:
    """Birth certificate; entries printed or by hand; agency heading on some forms only."""
    rng = case.rng
    doc = case.doc("giay_khai_sinh")
    doc.style.leaders = doc.style.leaders or rng.random() < 0.4
    words = LABELS_2015 if case.today.year >= 2016 else LABELS_2005
    agency = commune_committee(rng, case.place)
    birth = make(case, case.today)
    if rng.random() < 0.6:
        border(doc)
        doc.y += 40
    number = register_number(rng, birth.number, case.today.year)
    if rng.random() < 0.45:
        heading(doc, agency)
    else:
        state_heading(doc)
        doc.set("co_quan_ban_hanh", agency.name, *agency.accept)
    title(
        doc,
        "GIẤY KHAI SINH",
        *([rng.choice(["(BẢN CHÍNH)", "(Bản chính)"])] if rng.random() < 0.15 else []),
        size=rng.choice([16, 18, 20]),
    )
    doc.para(number_runs(doc, number, "", case.pen), align="center", after=6)
    if rng.random() < 0.25:
        doc.para([t(f"Quyển số: 01/{case.today.year}")], align="center", after=4)
    _child(doc, case, birth, words, "giay_khai_sinh")
    _parents(doc, case, birth, words)
    declarant = birth.father or birth.mother
    if rng.random() < 0.3:
        declarant = birth.mother
    entry = case.entry()
    doc.para(
        [t(words["declarant"] + " "), t(declarant.name, entry, "nguoi_di_khai_sinh")], indent=0, leader=True
    )
    doc.set("nguoi_di_khai_sinh", declarant.name, declarant.name.upper())
    paper, value, also = identity_paper(case, declarant)
    doc.para(
        [t("Giấy tờ tùy thân: "), t(paper, entry, "giay_to_tuy_than")], indent=0, align="left", leader=True
    )
    doc.set("giay_to_tuy_than", value, *also)
    full = office_of(agency)
    doc.para(
        [t(rng.choice(["Nơi đăng ký khai sinh:", "Nơi đăng ký:"]) + " "), t(full, entry, "noi_dang_ky")],
        indent=0,
        align="left",
        leader=True,
    )
    doc.set("noi_dang_ky", full, agency.name)
    doc.accept["co_quan_ban_hanh"] = [*agency.accept, full]
    doc.boxes.setdefault("co_quan_ban_hanh", doc.boxes["noi_dang_ky"])
    label = rng.choice(["Ngày, tháng, năm đăng ký:", "Ngày, tháng, năm đăng ký:", "Đăng ký ngày"])
    if case.pen.day or rng.random() < 0.3:
        doc.para(
            [t(label + " "), *date_runs(doc, case.today, case.pen, "", "ngay_dang_ky", "ngày")],
            indent=0,
            leader=True,
        )
    else:
        doc.para([t(label + " "), t(slashed(case.today, rng), entry, "ngay_dang_ky")], indent=0, leader=True)
        doc.set("ngay_dang_ky", case.today.isoformat())
    doc.set("ngay_ban_hanh", case.today.isoformat())
    doc.boxes["ngay_ban_hanh"] = doc.boxes["ngay_dang_ky"]
    if "ngay_dang_ky" in doc.handwritten:
        doc.handwritten.add("ngay_ban_hanh")
    how = signing(rng, agency, rng.random() < 0.15)
    sign(doc, agency, how, kinh_name(rng, rng.random() < 0.65), intro=[t("NGƯỜI KÝ GIẤY KHAI SINH", "b")],
         note="(Ký, ghi rõ họ, chữ đệm, tên, chức vụ, đóng dấu)" if rng.random() < 0.2 else "")  # fmt: skip
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def extract(case: Case) -> Doc:
    """Extract of the birth register (copy)."""
    rng = case.rng
    doc = case.doc("trich_luc_khai_sinh")
    if case.today.year < 2016:
        case.today = date(rng.randint(2016, 2024), case.today.month, min(28, case.today.day))
    agency = commune_committee(rng, case.place)
    registered = random_date(rng, date(max(1996, case.today.year - 25), 1, 3), case.today - timedelta(days=3))
    birth = make(case, registered)
    number = number_runs(doc, paper_number(rng, 3000), "TLKS-BS", case.pen)
    heading(doc, agency, left=[number], right=[place_date(doc, agency, case.today, case.pen)])
    copy = "(BẢN SAO)" if rng.random() < 0.8 else "(Bản sao)"
    title(doc, "TRÍCH LỤC KHAI SINH", copy, value="TRÍCH LỤC KHAI SINH (BẢN SAO)")
    _child(doc, case, birth, LABELS_2015, "trich_luc_khai_sinh")
    _parents(doc, case, birth, LABELS_2015)
    entry = case.entry(0.1)
    other = commune_committee(rng, neighbour(rng, case.place)) if rng.random() < 0.15 else agency
    registration(doc, case, "khai sinh", office_of(other), birth.number, registered, entry)
    source = rng.choice(
        [
            "Sổ đăng ký khai sinh",
            "Cơ sở dữ liệu hộ tịch điện tử",
            "Sổ hộ tịch",
            "Bản sao Sổ đăng ký khai sinh",
        ]
    )
    if rng.random() < 0.75:
        doc.para(
            [
                t(rng.choice(["Thực hiện trích lục từ:", "Trích lục từ:"]) + " "),
                t(source, entry, "nguon_trich_luc"),
            ],
            indent=0,
        )
        doc.set("nguon_trich_luc", source)
    if rng.random() < 0.5:
        doc.para(
            [t("Ghi chú: "), t(rng.choice(["Không", "/", "Đăng ký lại", "Trích lục lần 2"]), entry)], indent=0
        )
    sign(
        doc,
        agency,
        signing(rng, agency, False),
        kinh_name(rng, rng.random() < 0.6),
        intro=[t("NGƯỜI KÝ TRÍCH LỤC", "b")],
    )
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def registration(doc: Doc, case: Case, what: str, office: str, number: str, day: date, entry: str) -> None:
    """ "Đăng ký khai sinh tại: ... Số: ... ngày ..." in one paragraph or two lines."""
    rng = case.rng
    doc.set("noi_dang_ky", office)
    doc.set("so_dang_ky", number, f"{number}/{day.year}")
    lead = rng.choice([f"Đăng ký {what} tại:", f"Đã đăng ký {what} tại:", f"Nơi đăng ký {what}:"])
    tail = [t(rng.choice(["Số:", "số:", "Số"]) + " "), t(number, entry, "so_dang_ky")]
    if rng.random() < 0.5:
        tail += [t(rng.choice([" ngày ", ", ngày "])), t(slashed(day, rng), entry, "ngay_dang_ky")]
        doc.set("ngay_dang_ky", day.isoformat())
    else:
        tail += [
            t(" "),
            *date_runs(doc, day, case.pen.__class__(False, False, False, 0.0), "", "ngay_dang_ky"),
        ]
    if rng.random() < 0.5:
        doc.para([t(lead + " "), t(office, entry, "noi_dang_ky"), t(" "), *tail], indent=0, align="left")
    else:
        doc.para([t(lead + " "), t(office, entry, "noi_dang_ky")], indent=0, align="left")
        doc.para(tail, indent=0, align="left")


def elsewhere(case: Case) -> str:
    """An address in another commune, often in another province."""
    place = pick_place(case.rng, case.modern)
    return person(case.rng, place, case.today).home
