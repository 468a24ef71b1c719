"""TRÍCH LỤC KHAI TỬ (and its copy)."""

from __future__ import annotations

from datetime import date, timedelta

from samples import marks
from samples.agencies import commune_committee, signing
from samples.frame import heading, number_runs, place_date, sign, title
from samples.kinds.birth import office_of, registration
from samples.kinds.case import Case, identity_paper, paper_number, shout, slashed
from samples.page import Doc, t
from samples.people import date_words, kinh_name, person
from samples.places import bare

CAUSES = ("Già yếu", "Bệnh", "Tai biến mạch máu não", "Nhồi máu cơ tim", "Ung thư phổi", "Tai nạn giao thông", "Bệnh lao phổi", "Đột quỵ",
          "Xơ gan cổ trướng", "Tuổi già")  # fmt: skip


def extract(case: Case) -> Doc:
    """Extract of the death register."""
    rng = case.rng
    doc = case.doc("trich_luc_khai_tu")
    if case.today.year < 2016:
        case.today = date(rng.randint(2016, 2024), case.today.month, min(28, case.today.day))
    agency = commune_committee(rng, case.place)
    copy = rng.random() < 0.6
    registered = (
        case.today if not copy else max(date(1999, 1, 5), case.today - timedelta(days=rng.randint(0, 2500)))
    )
    died = registered - timedelta(days=rng.randint(0, 25))
    who = person(rng, case.place, died, (35, 92))
    heading(doc, agency, left=[number_runs(doc, paper_number(rng, 500), "TLKT-BS" if copy else "TLKT", case.pen)],
            right=[place_date(doc, agency, case.today, case.pen)])  # fmt: skip
    if copy:
        title(doc, "TRÍCH LỤC KHAI TỬ", "(BẢN SAO)", value="TRÍCH LỤC KHAI TỬ (BẢN SAO)")
    else:
        title(doc, "TRÍCH LỤC KHAI TỬ")
    entry = case.entry(0.3)
    doc.para(
        [t("Họ, chữ đệm, tên: "), t(shout(rng, who.name), entry or "b", "ho_ten")], indent=0, leader=True
    )
    doc.set("ho_ten", who.name, who.name.upper())
    doc.para(
        [t("Ngày, tháng, năm sinh: "), t(slashed(who.born, rng), entry, "ngay_sinh")], indent=0, leader=True
    )
    doc.set("ngay_sinh", who.born.isoformat())
    doc.row([(0.0, [t("Giới tính: "), t(who.sex, entry, "gioi_tinh")]), (0.33, [t("Dân tộc: "), t(who.people, entry, "dan_toc")]),
             (0.66, [t("Quốc tịch: "), t("Việt Nam", entry, "quoc_tich")])], leader=True)  # fmt: skip
    doc.set("gioi_tinh", who.sex)
    doc.set("dan_toc", who.people)
    doc.set("quoc_tich", "Việt Nam")
    if case.today.year >= 2019 and rng.random() < 0.6:
        doc.para([t("Số định danh cá nhân: "), t(who.identity, entry, "so_dinh_danh")], indent=0, leader=True)
        doc.set("so_dinh_danh", who.identity)
    paper, value, also = identity_paper(case, who)
    doc.para(
        [t("Giấy tờ tùy thân: "), t(paper, entry, "giay_to_tuy_than")], indent=0, align="left", leader=True
    )
    doc.set("giay_to_tuy_than", value, *also)
    doc.para(
        [t("Nơi cư trú cuối cùng: "), t(who.home, entry, "noi_cu_tru_cuoi_cung")],
        indent=0,
        align="left",
        leader=True,
    )
    doc.set("noi_cu_tru_cuoi_cung", who.home)
    hour, minute = rng.randint(0, 23), rng.choice([0, 5, 10, 15, 20, 30, 35, 45, 50])
    doc.set(
        "gio_chet",
        f"{hour:02d}:{minute:02d}",
        f"{hour:02d} giờ {minute:02d} phút",
        f"{hour} giờ {minute} phút",
        f"{hour}:{minute:02d}",
    )
    doc.set("ngay_chet", died.isoformat())
    dead = [t("Đã chết vào lúc: "), t(f"{hour:02d}", entry, "gio_chet"), t(" giờ ", field="gio_chet"), t(f"{minute:02d}", entry, "gio_chet"),
            t(" phút", field="gio_chet")]  # fmt: skip
    if rng.random() < 0.5:
        dead += [t(", ngày "), t(f"{died.day:02d}", entry, "ngay_chet"), t(" tháng ", field="ngay_chet"), t(f"{died.month:02d}", entry, "ngay_chet"),
                 t(" năm ", field="ngay_chet"), t(str(died.year), entry, "ngay_chet")]  # fmt: skip
    else:
        dead += [t(", ngày: "), t(slashed(died, rng), entry, "ngay_chet")]
    doc.para(dead, indent=0, align="left")
    if rng.random() < 0.75:
        doc.para(
            [t(rng.choice(["Ghi bằng chữ:", "ghi bằng chữ:"]) + " "), t(date_words(rng, died), entry)],
            indent=0,
            align="left",
            leader=True,
        )
    place = case.place
    where = (
        who.home
        if rng.random() < 0.6
        else rng.choice(
            [
                f"Bệnh viện Đa khoa {bare(place.province)}",
                f"Trung tâm Y tế {place.district or place.commune}",
                "Tại nhà",
            ]
        )
    )
    doc.para([t("Nơi chết: "), t(where, entry, "noi_chet")], indent=0, align="left", leader=True)
    doc.set("noi_chet", where)
    cause = rng.choice(CAUSES)
    doc.para([t("Nguyên nhân chết: "), t(cause, entry, "nguyen_nhan_chet")], indent=0, leader=True)
    doc.set("nguyen_nhan_chet", cause)
    if rng.random() < 0.4:
        kin = person(rng, place, case.today, (25, 70))
        doc.para(
            [
                t(
                    f"Giấy báo tử/Giấy tờ thay thế Giấy báo tử số {rng.randint(2, 140)}/GBT do Trạm y tế {place.commune} cấp ngày {died:%d/%m/%Y}"
                )
            ],
            indent=0,
        )
        doc.para([t("Họ, chữ đệm, tên người đi khai tử: "), t(kin.name, entry)], indent=0, leader=True)
    registration(doc, case, "khai tử", office_of(agency), paper_number(rng, 200), registered, entry)
    if rng.random() < 0.4:
        doc.para([t("Ghi chú: "), t(rng.choice(["Không", "Đăng ký quá hạn"]), entry)], indent=0)
    sign(
        doc,
        agency,
        signing(rng, agency, False),
        kinh_name(rng, rng.random() < 0.6),
        intro=[t("NGƯỜI KÝ TRÍCH LỤC", "b")],
    )
    marks.spoil(doc, agency, case.today, False, rng)
    return doc
