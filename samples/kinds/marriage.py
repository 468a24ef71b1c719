"""GIẤY CHỨNG NHẬN KẾT HÔN (stacked, or wife and husband side by side) and TRÍCH LỤC KẾT HÔN."""

from __future__ import annotations

from datetime import date, timedelta

from samples import ink, marks, seals
from samples.agencies import commune_committee, signing
from samples.frame import border, date_runs, heading, number_runs, place_date, sign, state_heading, title
from samples.kinds.birth import office_of, register_number, registration
from samples.kinds.case import Case, identity_paper, paper_number, shout, slashed
from samples.page import Doc, Runs, pt, t
from samples.people import Person, kinh_name, person, random_date
from samples.places import neighbour


def _couple(case: Case, day: date) -> tuple[Person, Person]:
    rng = case.rng
    wife = person(rng, case.place, day, (18, 45), male=False)
    husband = person(
        rng, case.place if rng.random() < 0.4 else neighbour(rng, case.place), day, (20, 50), male=True
    )
    return wife, husband


def _spouse(doc: Doc, case: Case, who: Person, prefix: str, label: str, narrow: bool, entry: str) -> None:
    rng = case.rng
    doc.para(
        [t(label + " "), t(shout(rng, who.name), entry or "b", f"{prefix}_ho_ten")],
        indent=0,
        align="left",
        leader=True,
    )
    doc.set(f"{prefix}_ho_ten", who.name, who.name.upper())
    doc.para(
        [t("Ngày, tháng, năm sinh: "), t(slashed(who.born, rng), entry, f"{prefix}_ngay_sinh")],
        indent=0,
        align="left",
        leader=True,
    )
    doc.set(f"{prefix}_ngay_sinh", who.born.isoformat())
    people: Runs = [t("Dân tộc: "), t(who.people, entry, f"{prefix}_dan_toc")]
    nation: Runs = [t("Quốc tịch: "), t("Việt Nam", entry, f"{prefix}_quoc_tich")]
    if narrow and rng.random() < 0.5:
        doc.para(people, indent=0, align="left", leader=True)
        doc.para(nation, indent=0, align="left", leader=True)
    else:
        doc.row([(0.0, people), (0.5, nation)], leader=True)
    doc.set(f"{prefix}_dan_toc", who.people)
    doc.set(f"{prefix}_quoc_tich", "Việt Nam")
    lives = "Nơi cư trú:" if case.today.year >= 2016 else "Nơi thường trú/tạm trú:"
    doc.para(
        [t(lives + " "), t(who.home, entry, f"{prefix}_noi_cu_tru")], indent=0, align="left", leader=True
    )
    doc.set(f"{prefix}_noi_cu_tru", who.home)
    paper, value, also = identity_paper(case, who)
    doc.para(
        [t("Giấy tờ tùy thân: "), t(paper, entry, f"{prefix}_giay_to")], indent=0, align="left", leader=True
    )
    doc.set(f"{prefix}_giay_to", value, *also)


def _both(doc: Doc, case: Case, wife: Person, husband: Person) -> None:
    rng = case.rng
    entry = case.entry()
    new = case.today.year >= 2016
    labels = (
        ("Họ, chữ đệm, tên vợ:", "Họ, chữ đệm, tên chồng:") if new else ("Họ và tên vợ:", "Họ và tên chồng:")
    )
    pairs = [(wife, "vo", labels[0]), (husband, "chong", labels[1])]
    if not new:
        pairs.reverse()
    if rng.random() < 0.5:
        for who, prefix, label in pairs:
            _spouse(doc, case, who, prefix, label, False, entry)
            doc.skip(rng.uniform(0, 5))
        return
    top, middle, ends = doc.y, (doc.x0 + doc.x1) / 2, []
    justify, doc.style.justify = doc.style.justify, False
    for index, (who, prefix, label) in enumerate(pairs):
        doc.y = top
        doc.block()
        with doc.column(doc.x0 if index == 0 else middle + pt(6), middle - pt(6) if index == 0 else doc.x1):
            _spouse(doc, case, who, prefix, label, True, entry)
        ends.append(doc.y)
    doc.style.justify = justify
    if rng.random() < 0.4:
        doc.sheet.draw.line((middle, top, middle, max(ends)), fill=doc.style.ink, width=3)
    doc.y = max(ends) + pt(4)
    doc.block()
    doc.marks.append("two_columns")


def _spouses_sign(doc: Doc, wife: Person, husband: Person) -> None:
    rng = doc.rng
    doc.room(pt(120))
    top = doc.y + pt(4)
    third = (doc.x1 - doc.x0) / 2
    for index, (who, label) in enumerate(((wife, "Vợ"), (husband, "Chồng"))):
        doc.y = top
        with doc.column(doc.x0 + index * third, doc.x0 + (index + 1) * third):
            doc.para([t(label, "b")], align="center", after=0)
            doc.para([t("(Ký, ghi rõ họ, chữ đệm, tên)", "i", size=11)], align="center", after=0)
            picture = seals.signature(rng, ink.pen_colour(rng), rng.uniform(220, 380))
            doc.sheet.stain(picture, (doc.x0 + doc.x1 - picture.width) / 2, doc.y)
            doc.y += pt(rng.uniform(34, 46))
            doc.para([t(who.name, rng.choice(["", "h"]))], align="center", after=4)


def certificate(case: Case) -> Doc:
    """Marriage certificate."""
    rng = case.rng
    doc = case.doc("giay_chung_nhan_ket_hon")
    doc.style.leaders = doc.style.leaders or rng.random() < 0.4
    agency = commune_committee(rng, case.place)
    wife, husband = _couple(case, case.today)
    if rng.random() < 0.6:
        border(doc)
        doc.y += 40
    if rng.random() < 0.35:
        heading(doc, agency)
    else:
        state_heading(doc)
        doc.set("co_quan_ban_hanh", agency.name, *agency.accept)
    title(doc, "GIẤY CHỨNG NHẬN KẾT HÔN", size=rng.choice([16, 18, 20]))
    doc.para(
        number_runs(doc, register_number(rng, paper_number(rng, 300), case.today.year), "", case.pen),
        align="center",
        after=6,
    )
    _both(doc, case, wife, husband)
    full, entry = office_of(agency), case.entry()
    doc.para([t("Nơi đăng ký kết hôn: "), t(full, entry, "noi_dang_ky")], indent=0, align="left", leader=True)
    doc.set("noi_dang_ky", full, agency.name)
    doc.accept["co_quan_ban_hanh"] = [*agency.accept, full]
    doc.boxes.setdefault("co_quan_ban_hanh", doc.boxes["noi_dang_ky"])
    if case.pen.day or rng.random() < 0.3:
        doc.para(
            [t("Ngày, tháng, năm đăng ký: "), *date_runs(doc, case.today, case.pen, "", "ngay_dang_ky")],
            indent=0,
        )
    else:
        doc.para(
            [t("Ngày, tháng, năm đăng ký: "), t(slashed(case.today, rng), entry, "ngay_dang_ky")],
            indent=0,
            leader=True,
        )
        doc.set("ngay_dang_ky", case.today.isoformat())
    doc.set("ngay_ban_hanh", case.today.isoformat())
    doc.boxes["ngay_ban_hanh"] = doc.boxes["ngay_dang_ky"]
    if "ngay_dang_ky" in doc.handwritten:
        doc.handwritten.add("ngay_ban_hanh")
    if rng.random() < 0.75:
        _spouses_sign(doc, wife, husband)
    sign(doc, agency, signing(rng, agency, rng.random() < 0.15), kinh_name(rng, rng.random() < 0.65),
         intro=[t("NGƯỜI KÝ GIẤY CHỨNG NHẬN KẾT HÔN", "b")])  # fmt: skip
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def extract(case: Case) -> Doc:
    """Extract of the marriage register (copy)."""
    rng = case.rng
    doc = case.doc("trich_luc_ket_hon")
    if case.today.year < 2016:
        case.today = date(rng.randint(2016, 2024), case.today.month, min(28, case.today.day))
    agency = commune_committee(rng, case.place)
    married = random_date(rng, date(case.today.year - 18, 1, 3), case.today - timedelta(days=3))
    wife, husband = _couple(case, married)
    heading(doc, agency, left=[number_runs(doc, paper_number(rng, 900), "TLKH-BS", case.pen)],
            right=[place_date(doc, agency, case.today, case.pen)])  # fmt: skip
    title(doc, "TRÍCH LỤC KẾT HÔN", "(BẢN SAO)", value="TRÍCH LỤC KẾT HÔN (BẢN SAO)")
    _both(doc, case, wife, husband)
    registration(doc, case, "kết hôn", office_of(agency), paper_number(rng, 200), married, case.entry(0.1))
    doc.para(
        [t("Ghi chú: "), t(rng.choice(["Không", "Không có", "Đã ly hôn theo bản án số 12/HNGĐ-ST"]))],
        indent=0,
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
