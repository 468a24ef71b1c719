"""GIẤY PHÉP XÂY DỰNG (one or two pages)."""

from __future__ import annotations

from datetime import date

from samples import marks
from samples.agencies import Agency, commune_committee, department, district_committee, division, signing
from samples.frame import heading, number_runs, place_date, sign, title
from samples.kinds.case import Case, identity_paper, paper_number, shout
from samples.page import Doc, t
from samples.people import kinh_name, person, random_date
from samples.places import bare


def _office(case: Case) -> Agency:
    rng, place = case.rng, case.place
    if place.modern:
        return commune_committee(rng, place) if rng.random() < 0.6 else division(rng, place, "Kinh tế")
    roll = rng.random()
    if roll < 0.65:
        return district_committee(rng, place)
    return (
        division(rng, place, rng.choice(["đô thị", "Hạ tầng"]))
        if roll < 0.9
        else department(rng, place, "Xây dựng")
    )


def comma(value: float, digits: int = 1) -> str:
    """12.5 -> "12,5"."""
    return f"{value:.{digits}f}".replace(".", ",")


def permit(case: Case) -> Doc:
    """Building permit of a private house."""
    rng = case.rng
    doc = case.doc("giay_phep_xay_dung")
    agency = _office(case)
    owner = person(rng, case.place, case.today, (25, 68))
    number = number_runs(
        doc, paper_number(rng, 900), rng.choice(["GPXD", "GPXD", "GPXD-UBND", "GPXD-QLĐT"]), case.pen
    )
    date_above = rng.random() < 0.5
    dated = place_date(doc, agency, case.today, case.pen)
    heading(doc, agency, left=[number] if date_above else None, right=[dated] if date_above else None)
    title(doc, "GIẤY PHÉP XÂY DỰNG")
    if not date_above:
        doc.para(number, align="center", after=2)
    if rng.random() < 0.6:
        doc.para(
            [
                t(
                    "(Sử dụng cho công trình: Nhà ở riêng lẻ)"
                    if rng.random() < 0.4
                    else "(Sử dụng cho nhà ở riêng lẻ)",
                    "i",
                )
            ],
            align="center",
        )
    entry = case.entry(0.3)
    title_word = owner.title
    doc.para([t(f"1. Cấp cho: {title_word} "), t(shout(rng, owner.name), entry or "b", "chu_dau_tu")])
    doc.set("chu_dau_tu", owner.name, f"{title_word} {owner.name}", owner.name.upper())
    paper, value, also = identity_paper(case, owner)
    doc.para([t(rng.choice(["- ", ""])), t(paper, entry, "giay_to_tuy_than"), t(rng.choice(["", ".", ";"]))])
    doc.set("giay_to_tuy_than", value, *also)
    doc.para(
        [
            t(rng.choice(["- Địa chỉ thường trú:", "Địa chỉ:", "Địa chỉ thường trú:"]) + " "),
            t(owner.home, entry, "dia_chi_thuong_tru"),
            t("."),
        ]
    )
    doc.set("dia_chi_thuong_tru", owner.home)
    work = rng.choice(
        ["Nhà ở riêng lẻ", "Nhà ở gia đình", "Nhà ở kết hợp kinh doanh", "Cải tạo, nâng tầng nhà ở riêng lẻ"]
    )
    floors = rng.randint(1, 5)
    doc.para(
        [
            t("2. Được phép xây dựng công trình: "),
            t(work, entry, "cong_trinh"),
            t(rng.choice([".", f" ({floors} tầng).", ";"])),
        ]
    )
    doc.set("cong_trinh", work)
    firm = rng.choice(
        [
            "Công ty TNHH Kiến trúc Phương Nam",
            "Công ty CP Tư vấn Thiết kế An Cư",
            "Văn phòng thiết kế Hoàng Gia",
            "Công ty TNHH MTV Xây dựng Thành Đạt",
        ]
    )
    doc.para(
        [
            t(
                f"- Theo hồ sơ thiết kế có ký hiệu: {rng.choice(['KT', 'NO', 'TK'])}-{rng.randint(3, 80):02d}/{case.today.year}, do {firm} lập."
            )
        ]
    )
    doc.para([t(rng.choice(["Gồm các nội dung sau:", "- Gồm các nội dung sau đây:"]))])
    plot, sheet = str(rng.randint(2, 1200)), str(rng.randint(1, 120))
    area = rng.uniform(48, 220)
    density = rng.uniform(45, 100)
    doc.para(
        [
            t("- Vị trí xây dựng: thửa đất số "),
            t(plot, entry, "thua_dat"),
            t(", tờ bản đồ số "),
            t(sheet, entry, "to_ban_do"),
            t(f", {case.place.address};"),
        ]
    )
    doc.set("thua_dat", plot)
    doc.set("to_ban_do", sheet)
    doc.para(
        [
            t(
                f"- Cốt nền xây dựng công trình: +{comma(rng.uniform(0.15, 0.9), 2)} m so với {rng.choice(['cốt vỉa hè', 'mặt đường hiện trạng', 'cốt sân'])};"
            )
        ]
    )
    dense = comma(density)
    doc.para(
        [
            t("- Mật độ xây dựng: "),
            t(dense, entry, "mat_do_xay_dung"),
            t(f"%; hệ số sử dụng đất: {comma(rng.uniform(0.8, 4), 2)} lần;"),
        ]
    )
    doc.set("mat_do_xay_dung", dense, dense + "%", dense + " %")
    doc.para(
        [
            t(
                f"- Chỉ giới đường đỏ: cách tim đường {comma(rng.uniform(3, 15))} m; chỉ giới xây dựng: {rng.choice(['trùng chỉ giới đường đỏ', 'lùi 3,0 m so với chỉ giới đường đỏ'])};"
            )
        ]
    )
    if rng.random() < 0.5:
        doc.para(
            [
                t(
                    f"- Màu sắc công trình: {rng.choice(['màu sáng, hài hòa với xung quanh', 'theo hồ sơ thiết kế', 'vàng nhạt'])};"
                )
            ]
        )
    ground = area * density / 100
    built, total = comma(ground), comma(ground * floors * rng.uniform(0.85, 1.05))
    tall = comma(floors * 3.5 + rng.uniform(0.2, 2.4), 2)
    unit = rng.choice([" m2", " m²", "m2"])
    doc.para(
        [t("- Diện tích xây dựng tầng 1 (tầng trệt): "), t(built, entry, "dien_tich_xay_dung"), t(unit + ";")]
    )
    doc.para([t("- Tổng diện tích sàn: "), t(total, entry, "tong_dien_tich_san"), t(unit + ";")])
    story = f"{floors:02d}" if rng.random() < 0.6 else str(floors)
    doc.para(
        [
            t("- Chiều cao công trình: "),
            t(tall, entry, "chieu_cao"),
            t(" m; số tầng: "),
            t(story, entry, "so_tang"),
            t(rng.choice([" tầng.", "."])),
        ]
    )
    for name, value in (("dien_tich_xay_dung", built), ("tong_dien_tich_san", total)):
        doc.set(name, value, f"{value} m2", f"{value} m²")
    doc.set("chieu_cao", tall, f"{tall} m")
    doc.set("so_tang", str(floors), f"{floors:02d}", f"{floors:02d} tầng", f"{floors} tầng")
    serial = f"{rng.choice('ABCD')}{rng.choice('ABCDEHKLMNPQSTUVXY')} {rng.randint(100000, 999999)}"
    issued = random_date(rng, date(max(2004, case.today.year - 14), 1, 4), case.today)
    doc.para([t("3. Giấy tờ về đất đai: Giấy chứng nhận quyền sử dụng đất, quyền sở hữu nhà ở và tài sản khác gắn liền với đất số "),
              t(serial, entry, "so_giay_chung_nhan_dat"), t(f" cấp ngày {issued:%d/%m/%Y}.")])  # fmt: skip
    doc.set("so_giay_chung_nhan_dat", serial, serial.replace(" ", ""))
    doc.para([t("4. Giấy phép này có hiệu lực khởi công xây dựng trong thời hạn 12 tháng kể từ ngày cấp; quá thời hạn trên thì phải đề nghị "
                "gia hạn giấy phép xây dựng./.")])  # fmt: skip
    receivers = [
        "- Chủ đầu tư;",
        f"- UBND {bare(case.place.commune)};",
        f"- Lưu: VT, {rng.choice(['QLĐT', 'KT', 'XD'])}.",
    ]
    sign(doc, agency, signing(rng, agency, True), kinh_name(rng, rng.random() < 0.75), receivers=receivers,
         date_line=None if date_above else dated)  # fmt: skip
    if rng.random() < 0.45:
        _back(doc)
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def _back(doc: Doc) -> None:
    """The second page with the owner's duties."""
    doc.new_sheet()
    doc.para([t("CHỦ ĐẦU TƯ PHẢI THỰC HIỆN CÁC NỘI DUNG SAU:", "b")], align="center", after=6)
    duties = [
        "Chịu trách nhiệm trước pháp luật nếu xâm phạm quyền và lợi ích hợp pháp của chủ sở hữu liền kề.",
        "Thực hiện đúng quy định của pháp luật về đất đai, đầu tư xây dựng và nội dung giấy phép này.",
        "Thông báo ngày khởi công bằng văn bản cho cơ quan cấp phép trước 07 ngày làm việc.",
        "Treo biển báo công trình, bảo đảm vệ sinh môi trường và an toàn phòng cháy, chữa cháy.",
        "Khi điều chỉnh thiết kế làm thay đổi nội dung giấy phép phải đề nghị điều chỉnh và chờ quyết định.",
    ]
    for number, text in enumerate(doc.rng.sample(duties, 4), 1):
        doc.para([t(f"{number}. {text}")])
    doc.para([t("ĐIỀU CHỈNH, GIA HẠN GIẤY PHÉP", "b")], align="center", after=6)
    doc.para([t("1. Nội dung điều chỉnh, gia hạn:")])
    doc.dots(doc.x0, doc.x1, doc.y + 40)
    doc.skip(24)
    doc.para([t("2. Thời gian có hiệu lực của giấy phép:")])
