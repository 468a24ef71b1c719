"""GIẤY XÁC NHẬN TÌNH TRẠNG HÔN NHÂN."""

from __future__ import annotations

from datetime import date, timedelta

from samples import marks
from samples.agencies import commune_committee, signing
from samples.frame import heading, number_runs, place_date, sign, title
from samples.kinds.case import Case, identity_paper, paper_number, shout, slashed
from samples.page import Doc, t
from samples.people import kinh_name, person, random_date
from samples.places import neighbour

PURPOSES = (
    "làm thủ tục vay vốn tại ngân hàng", "bổ sung hồ sơ xin việc làm", "làm thủ tục chuyển nhượng quyền sử dụng đất",
    "công chứng hợp đồng mua bán xe ô tô", "làm thủ tục đi lao động ở nước ngoài", "nhận con nuôi", "mua nhà ở xã hội",
)  # fmt: skip


def confirmation(case: Case) -> Doc:
    """Confirmation of marital status; the statement may mention a divorce or a death."""
    rng = case.rng
    doc = case.doc("giay_xac_nhan_tinh_trang_hon_nhan")
    agency = commune_committee(rng, case.place)
    who = person(rng, case.place, case.today, (19, 60))
    asked = who if rng.random() < 0.85 else person(rng, case.place, case.today, (25, 65))
    new = case.today.year >= 2016
    symbol = (
        rng.choice(["UBND-XNTTHN", "UBND-XNTTHN", "XNTTHN-UBND"])
        if new
        else rng.choice(["UBND-XN", "XN-UBND", "XNTTHN"])
    )
    heading(doc, agency, left=[number_runs(doc, paper_number(rng, 1500), symbol, case.pen)],
            right=[place_date(doc, agency, case.today, case.pen)])  # fmt: skip
    title(doc, "GIẤY XÁC NHẬN TÌNH TRẠNG HÔN NHÂN", agency.name.upper() if rng.random() < 0.6 else "")
    entry = case.entry(0.3)
    title_word = asked.title.lower() if rng.random() < 0.6 else "ông/bà"
    doc.para([t(f"Xét đề nghị của {title_word}{rng.choice([':', ''])} "), t(asked.name, entry, "nguoi_de_nghi"),
              t(" về việc cấp Giấy xác nhận tình trạng hôn nhân cho "), t(who.name, entry), t(rng.choice([".", ",", ""]))])  # fmt: skip
    doc.set("nguoi_de_nghi", asked.name)
    doc.para([t("XÁC NHẬN:", "b")], align="center", after=4)
    name_label = "Họ, chữ đệm, tên:" if new else rng.choice(["Họ và tên:", "Ông/bà:"])
    doc.para([t(name_label + " "), t(shout(rng, who.name), entry or "b", "ho_ten")], indent=0, leader=True)
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
    paper, value, also = identity_paper(case, who)
    doc.para(
        [t("Giấy tờ tùy thân: "), t(paper, entry, "giay_to_tuy_than")], indent=0, align="left", leader=True
    )
    doc.set("giay_to_tuy_than", value, *also)
    doc.para([t("Nơi cư trú: "), t(who.home, entry, "noi_cu_tru")], indent=0, align="left", leader=True)
    doc.set("noi_cu_tru", who.home)
    if rng.random() < 0.55:
        start = random_date(rng, date(who.born.year + 18, 1, 2), case.today - timedelta(days=20))
        doc.para([t("Trong thời gian cư trú tại: "), t(who.home, entry), t(" từ ngày "), t(slashed(start, rng), entry),
                  t(rng.choice([" đến ngày ", ", đến ngày "])), t(slashed(case.today, rng), entry), t(".")], indent=0)  # fmt: skip
    status = _status(case, who.born.year, who.male)
    doc.para([t("Tình trạng hôn nhân: "), t(status, entry, "tinh_trang_hon_nhan"), t(".")], indent=0)
    doc.set("tinh_trang_hon_nhan", status)
    purpose = rng.choice(PURPOSES)
    if rng.random() < 0.45:
        other = person(rng, neighbour(rng, case.place), case.today, (20, 50), male=not who.male)
        purpose = f"đăng ký kết hôn với {other.title.lower()} {other.name}, sinh năm {other.born.year}"
    lead = rng.choice(
        ["Giấy này có giá trị sử dụng trong thời hạn 6 tháng, kể từ ngày cấp, được sử dụng để:", "Giấy này được sử dụng để:",
         "Giấy này được cấp để:"]
    )  # fmt: skip
    doc.para([t(lead + " "), t(purpose, entry, "muc_dich_su_dung"), t(".")], indent=0)
    doc.set("muc_dich_su_dung", purpose)
    sign(doc, agency, signing(rng, agency, rng.random() < 0.4), kinh_name(rng, rng.random() < 0.6),
         intro=[t("NGƯỜI KÝ GIẤY XÁC NHẬN", "b")] if rng.random() < 0.5 else None)  # fmt: skip
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def _status(case: Case, born: int, male: bool) -> str:
    rng = case.rng
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(
            ["hiện tại chưa đăng ký kết hôn với ai", "Chưa đăng ký kết hôn với ai", "chưa kết hôn lần nào"]
        )
    day = random_date(rng, date(min(born + 22, case.today.year - 1), 1, 5), case.today - timedelta(days=5))
    if roll < 0.85:
        court = f"Tòa án nhân dân {case.place.district or 'khu vực 3 - ' + case.place.province}"
        return (f"đã đăng ký kết hôn, nhưng đã ly hôn theo {rng.choice(['Quyết định', 'Bản án'])} số {rng.randint(2, 380)}/{day.year}/"
                f"QĐST-HNGĐ ngày {day:%d/%m/%Y} của {court}; hiện tại chưa đăng ký kết hôn với ai")  # fmt: skip
    dead = "vợ" if male else "chồng"
    return (f"đã đăng ký kết hôn, nhưng {dead} đã chết (Trích lục khai tử số {rng.randint(3, 90)}/TLKT ngày {day:%d/%m/%Y}); "
            f"hiện tại chưa đăng ký kết hôn với ai")  # fmt: skip
