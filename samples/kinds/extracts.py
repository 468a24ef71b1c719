"""Other civil-status extracts: recognition of parents and children, guardianship, correction."""

from __future__ import annotations

from datetime import date

from samples import marks
from samples.agencies import Agency, commune_committee, signing
from samples.frame import heading, number_runs, place_date, sign, title
from samples.kinds.birth import office_of, registration
from samples.kinds.case import Case, identity_paper, paper_number, shout, slashed
from samples.page import Doc, t
from samples.people import Person, kinh_name, person


def _open(case: Case, kind: str, symbol: str, name: str, *more: str) -> tuple[Doc, Agency]:
    rng = case.rng
    if case.today.year < 2016:
        case.today = date(rng.randint(2016, 2024), case.today.month, min(28, case.today.day))
    doc = case.doc(kind)
    agency = commune_committee(rng, case.place)
    copy = rng.random() < 0.5
    heading(doc, agency, left=[number_runs(doc, paper_number(rng, 120), symbol + ("-BS" if copy else ""), case.pen)],
            right=[place_date(doc, agency, case.today, case.pen)])  # fmt: skip
    whole = " ".join([name, *more])
    lines = [*more, *(["(BẢN SAO)"] if copy else [])]
    title(doc, name, *lines, value=f"{whole} (BẢN SAO)" if copy else whole)
    doc.accept["loai_van_ban"] = [whole]
    return doc, agency


def _close(doc: Doc, case: Case, agency: Agency) -> Doc:
    rng = case.rng
    if rng.random() < 0.4:
        doc.para([t("Ghi chú: "), t("Không")], indent=0)
    sign(
        doc,
        agency,
        signing(rng, agency, False),
        kinh_name(rng, rng.random() < 0.6),
        intro=[t("NGƯỜI KÝ TRÍCH LỤC", "b")],
    )
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def _person(doc: Doc, case: Case, who: Person, lead: str, prefix: str, entry: str) -> None:
    rng = case.rng
    mark = f"{prefix}_" if prefix else ""
    if lead:
        doc.para([t(lead, "b")], indent=0)
    doc.para(
        [t("Họ, chữ đệm, tên: "), t(shout(rng, who.name), entry or "b", f"{mark}ho_ten")],
        indent=0,
        leader=True,
    )
    doc.set(f"{mark}ho_ten", who.name, who.name.upper())
    doc.para(
        [t("Ngày, tháng, năm sinh: "), t(slashed(who.born, rng), entry, f"{mark}ngay_sinh")],
        indent=0,
        leader=True,
    )
    doc.set(f"{mark}ngay_sinh", who.born.isoformat())
    doc.row([(0.0, [t("Giới tính: "), t(who.sex, entry)]), (0.33, [t("Dân tộc: "), t(who.people, entry)]),
             (0.66, [t("Quốc tịch: "), t("Việt Nam", entry)])], leader=True)  # fmt: skip
    doc.para(
        [t("Nơi cư trú: "), t(who.home, entry, f"{mark}noi_cu_tru")], indent=0, align="left", leader=True
    )
    doc.set(f"{mark}noi_cu_tru", who.home)
    paper, value, also = identity_paper(case, who)
    doc.para(
        [t("Giấy tờ tùy thân: "), t(paper, entry, f"{mark}giay_to_tuy_than")],
        indent=0,
        align="left",
        leader=True,
    )
    doc.set(f"{mark}giay_to_tuy_than", value, *also)


def recognition(case: Case) -> Doc:
    """TRÍCH LỤC ĐĂNG KÝ NHẬN CHA, MẸ, CON."""
    rng = case.rng
    doc, agency = _open(case, "trich_luc_nhan_cha_me_con", "TLCMC", "TRÍCH LỤC", "ĐĂNG KÝ NHẬN CHA, MẸ, CON")
    parent = person(rng, case.place, case.today, (24, 50))
    child = person(rng, case.place, case.today, (1, 17))
    entry = case.entry(0.3)
    _person(doc, case, parent, "Người nhận là " + ("cha:" if parent.male else "mẹ:"), "nguoi_nhan", entry)
    _person(doc, case, child, "Người được nhận là con:", "nguoi_duoc_nhan", entry)
    registration(doc, case, "nhận cha, mẹ, con", office_of(agency), paper_number(rng, 40), case.today, entry)
    return _close(doc, case, agency)


def guardianship(case: Case) -> Doc:
    """TRÍCH LỤC ĐĂNG KÝ GIÁM HỘ."""
    rng = case.rng
    doc, agency = _open(case, "trich_luc_giam_ho", "TLGH", "TRÍCH LỤC", "ĐĂNG KÝ GIÁM HỘ")
    entry = case.entry(0.3)
    _person(
        doc, case, person(rng, case.place, case.today, (30, 70)), "Người giám hộ:", "nguoi_giam_ho", entry
    )
    _person(
        doc,
        case,
        person(rng, case.place, case.today, (3, 17)),
        "Người được giám hộ:",
        "nguoi_duoc_giam_ho",
        entry,
    )
    reason = rng.choice(
        [
            "Cha, mẹ đều đã chết",
            "Người được giám hộ không còn cha mẹ",
            "Cha mẹ bị hạn chế năng lực hành vi dân sự",
        ]
    )
    doc.para([t("Lý do giám hộ: "), t(reason, entry)], indent=0)
    registration(doc, case, "giám hộ", office_of(agency), paper_number(rng, 40), case.today, entry)
    return _close(doc, case, agency)


def correction(case: Case) -> Doc:
    """TRÍCH LỤC THAY ĐỔI, CẢI CHÍNH, BỔ SUNG HỘ TỊCH, XÁC ĐỊNH LẠI DÂN TỘC."""
    rng = case.rng
    doc, agency = _open(case, "trich_luc_thay_doi_cai_chinh_ho_tich", "TLTĐ-CC", "TRÍCH LỤC",
                        rng.choice(["THAY ĐỔI, CẢI CHÍNH, BỔ SUNG HỘ TỊCH", "CẢI CHÍNH HỘ TỊCH", "THAY ĐỔI HỘ TỊCH"]))  # fmt: skip
    entry = case.entry(0.3)
    who = person(rng, case.place, case.today, (5, 60))
    _person(doc, case, who, "", "", entry)
    before = slashed(who.born.replace(year=who.born.year - 1, day=min(28, who.born.day)), rng)
    change = rng.choice(
        [
            f"Ngày, tháng, năm sinh từ {before} thành {who.born:%d/%m/%Y}",
            f"Chữ đệm từ “{kinh_name(rng, True).split()[1]}” thành “{who.name.split()[min(1, len(who.name.split()) - 1)]}”",
        ]
    )
    doc.para([t("Đã đăng ký việc: "), t(change, entry)], indent=0)
    doc.para(
        [
            t(
                f"Trong Giấy khai sinh số {rng.randint(4, 300)}, đăng ký tại {office_of(agency)} ngày {who.born:%d/%m/%Y}."
            )
        ],
        indent=0,
    )
    registration(doc, case, "cải chính hộ tịch", office_of(agency), paper_number(rng, 60), case.today, entry)
    return _close(doc, case, agency)
