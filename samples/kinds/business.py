"""GIẤY CHỨNG NHẬN ĐĂNG KÝ HỘ KINH DOANH: form before and since 1 July 2025."""

from __future__ import annotations

from datetime import date

from samples import marks
from samples.agencies import division, signing
from samples.frame import border, date_runs, heading, sign, title
from samples.kinds.case import Case, shout, slashed
from samples.page import Doc, Runs, t
from samples.people import Person, kinh_name, money_words, person, random_date, tax_code

TRADES = (
    ("Bán lẻ lương thực, thực phẩm, đồ uống, thuốc lá chiếm tỷ trọng lớn trong các cửa hàng tổng hợp", "4711"),
    ("Bán buôn vật liệu, thiết bị lắp đặt khác trong xây dựng", "4663"), ("Sửa chữa mô tô, xe máy", "9521"),
    ("Bảo dưỡng, sửa chữa ô tô và xe có động cơ khác", "9531"), ("May trang phục (trừ trang phục từ da lông thú)", "1410"),
    ("Sản xuất các cấu kiện kim loại", "2511"), ("Xay xát và sản xuất bột thô", "1061"), ("Dịch vụ ăn uống khác", "5629"),
    ("Bán lẻ thuốc, dụng cụ y tế, mỹ phẩm và vật phẩm vệ sinh trong các cửa hàng chuyên doanh", "4772"),
    ("Sản xuất giường, tủ, bàn, ghế", "3100"), ("Vận tải hàng hóa bằng đường bộ", "4933"), ("Nuôi trồng thủy sản nội địa", "0322"),
    ("Bán lẻ nhiên liệu động cơ", "4730"), ("Hoạt động thú y", "7500"), ("Giáo dục mẫu giáo", "8512"), ("Sản xuất các loại bánh từ bột", "1071"),
    ("Bán lẻ hoa, cây cảnh trong các cửa hàng chuyên doanh", "4773"), ("Cho thuê xe có động cơ", "7710"), ("Hoạt động của các cơ sở thể thao", "9311"),
)  # fmt: skip
NAMES = ("TẠP HÓA", "CỬA HÀNG VLXD", "NHÀ THUỐC", "QUÁN CÀ PHÊ", "CƠ SỞ SẢN XUẤT BÁNH", "GARA Ô TÔ", "XƯỞNG MỘC", "TIỆM MAY", "ĐẠI LÝ PHÂN BÓN",
         "NHÀ NGHỈ", "TRẠI CÁ GIỐNG", "SHOP HOA")  # fmt: skip


def certificate(case: Case) -> Doc:
    """Registration of a household business; members' table when a family founded it."""
    rng = case.rng
    doc = case.doc("giay_chung_nhan_ho_kinh_doanh")
    agency = division(
        rng, case.place, "Kinh tế" if case.modern else rng.choice(["Tài chính", "Tài chính", "Kinh tế"])
    )
    owner = person(rng, case.place, case.today, (22, 65))
    if rng.random() < 0.25:
        border(doc)
        doc.y += 40
    heading(doc, agency)
    _head(doc, case, owner)
    entry = case.entry(0.5)
    number = 1
    name = f"{rng.choice(['HỘ KINH DOANH ', '', 'HKD '])}{rng.choice(NAMES)} {' '.join(owner.name.upper().split()[-2:])}"
    if rng.random() < 0.2:
        name = name.title() if "VLXD" not in name else name
    doc.para([t(f"{number}. Tên hộ kinh doanh: "), t(name, entry or "b", "ten_ho_kinh_doanh")], indent=0)
    doc.set("ten_ho_kinh_doanh", name, name.upper())
    where = rng.choice(["Địa chỉ trụ sở hộ kinh doanh:", "Địa điểm kinh doanh:", "Trụ sở hộ kinh doanh:"])
    address = owner.home if rng.random() < 0.6 else person(rng, case.place, case.today).home
    doc.para([t(f"{number + 1}. {where} "), t(address, entry, "dia_chi_tru_so")], indent=0, align="left")
    doc.set("dia_chi_tru_so", address)
    phone = f"0{rng.choice('35789')}{rng.randint(10_000_000, 99_999_999)}"
    if rng.random() < 0.25:
        phone = f"{phone[:4]} {phone[4:7]} {phone[7:]}"
    doc.row(
        [
            (0.0, [t("Điện thoại: "), t(phone, entry, "dien_thoai")]),
            (0.5, [t(rng.choice(["Fax:", "Số fax (nếu có):"]))]),
        ]
    )
    doc.set("dien_thoai", phone, phone.replace(" ", ""))
    if rng.random() < 0.7:
        doc.row([(0.0, [t("Email:")]), (0.5, [t("Website:")])])
    trades = rng.sample(TRADES, rng.randint(1, 4))
    doc.para([t(f"{number + 2}. Ngành, nghề kinh doanh:")], indent=0)
    if rng.random() < 0.65:
        rows: list[list[Runs]] = [[[t("STT", "b")], [t("Tên ngành", "b")], [t("Mã ngành", "b")]]]
        rows += [
            [[t(str(k))], [t(text, "", "nganh_nghe")], [t(code, "", "ma_nganh")]]
            for k, (text, code) in enumerate(trades, 1)
        ]
        doc.table([0.10, 0.70, 0.20], rows)
        doc.set("ma_nganh", "; ".join(code for _, code in trades))
    else:
        for text, code in trades:
            doc.para(
                [
                    t("- "),
                    t(text, entry, "nganh_nghe"),
                    t(f" (mã ngành {code})" if rng.random() < 0.5 else ""),
                ],
                indent=0,
            )
    doc.set("nganh_nghe", "; ".join(text for text, _ in trades))
    money = rng.choice([20, 30, 50, 80, 100, 120, 150, 200, 250, 300, 500, 800]) * 1_000_000
    amount = f"{money:,}".replace(",", ".")
    words = f"({rng.choice(['Bằng chữ', 'bằng chữ'])}: {money_words(money)})"
    doc.para(
        [
            t(f"{number + 3}. Vốn kinh doanh: "),
            t(amount, entry, "von_kinh_doanh"),
            t(" đồng "),
            t(words, rng.choice(["", "i"])),
        ],
        indent=0,
    )
    doc.set("von_kinh_doanh", amount, f"{amount} đồng", str(money), f"{amount} đồng {words}")
    family = rng.random() < 0.4
    founder = "Thành viên hộ gia đình" if family else "Cá nhân"
    first, second = number + 4, number + 5
    if rng.random() < 0.6:
        doc.para([t(f"{first}. Chủ thể thành lập hộ kinh doanh: {founder}")], indent=0)
        _owner(doc, case, owner, second, entry)
    else:
        _owner(doc, case, owner, first, entry)
        doc.para([t(f"{second}. Chủ thể thành lập hộ kinh doanh: {founder}")], indent=0)
    if family:
        _members(doc, case, owner, second + 1)
    sign(doc, agency, signing(rng, agency, False), kinh_name(rng, rng.random() < 0.65))
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def _head(doc: Doc, case: Case, owner: Person) -> None:
    rng = case.rng
    whole = "GIẤY CHỨNG NHẬN ĐĂNG KÝ HỘ KINH DOANH"
    if rng.random() < 0.6:
        title(doc, "GIẤY CHỨNG NHẬN", value=whole)
        doc.y -= 12
        doc.para([t("ĐĂNG KÝ HỘ KINH DOANH", "b", "loai_van_ban", size=14)], align="center", after=2)
    else:
        title(doc, whole)
    doc.set("loai_van_ban", whole)
    district_code = f"{rng.randint(11, 99)}{rng.choice('ABCDEGHKN')}8"
    number = f"{district_code}{rng.randint(0, 999999):06d}"
    code = owner.identity if case.modern else f"{tax_code(rng)}{rng.choice(['', '-001', '-002'])}"
    hand = "h" if case.pen.number and case.pen.gap else ""
    if case.modern:
        doc.para([t("Mã số hộ kinh doanh: "), t(code, "", "ma_so_ho_kinh_doanh")], align="center", after=1)
        doc.set("ma_so_ho_kinh_doanh", code)
        doc.set("so_ky_hieu", code)
        doc.boxes["so_ky_hieu"] = doc.boxes["ma_so_ho_kinh_doanh"]
    else:
        if case.today.year >= 2021 and rng.random() < 0.7:
            doc.para(
                [t("Mã số hộ kinh doanh: "), t(code, "", "ma_so_ho_kinh_doanh")], align="center", after=1
            )
            doc.set("ma_so_ho_kinh_doanh", code)
        label = "Mã số đăng ký hộ kinh doanh:" if "ma_so_ho_kinh_doanh" in doc.fields else "Số:"
        doc.para([t(label + " "), t(number, hand, "so_ky_hieu")], align="center", after=1)
        doc.set("so_ky_hieu", number)
    if rng.random() < 0.25:  # issued again for a change: the day of the change is the day of issue
        first = random_date(rng, date(case.today.year - 6, 1, 3), case.today)
        doc.para(
            [t(f"Đăng ký lần đầu, ngày {first.day:02d} tháng {first.month:02d} năm {first.year}", "i")],
            align="center",
            after=1,
        )
        lead = f"Đăng ký thay đổi lần thứ {rng.randint(1, 4)}, "
        doc.para([t(lead, "i"), *date_runs(doc, case.today, case.pen, "i")], align="center")
        doc.marks.append("changed_later")
        doc.accept["ngay_ban_hanh"] = [first.isoformat()]
    else:
        doc.para(
            [t("Đăng ký lần đầu, ", "i"), *date_runs(doc, case.today, case.pen, "i")], align="center", after=1
        )
    doc.skip(4)


def _owner(doc: Doc, case: Case, owner: Person, number: int, entry: str) -> None:
    rng = case.rng
    lead = rng.choice(
        [
            "Thông tin về chủ hộ kinh doanh",
            "Họ và tên cá nhân hoặc tên đại diện hộ gia đình:",
            "Thông tin về chủ hộ kinh doanh:",
        ]
    )
    doc.para([t(f"{number}. {lead}")], indent=0)
    doc.set("chu_ho", owner.name, owner.name.upper())
    doc.set("gioi_tinh", owner.sex)
    doc.row([(0.0, [t(rng.choice(["Họ và tên:", "Họ, chữ đệm và tên:"]) + " "), t(shout(rng, owner.name), entry or "b", "chu_ho")]),
             (0.66, [t("Giới tính: "), t(owner.sex, entry, "gioi_tinh")])])  # fmt: skip
    doc.set("ngay_sinh", owner.born.isoformat())
    doc.set("dan_toc", owner.people)
    doc.set("quoc_tich", "Việt Nam")
    doc.row([(0.0, [t("Sinh ngày: "), t(slashed(owner.born, rng), entry, "ngay_sinh")]), (0.36, [t("Dân tộc: "), t(owner.people, entry, "dan_toc")]),
             (0.66, [t("Quốc tịch: "), t("Việt Nam", entry, "quoc_tich")])])  # fmt: skip
    if case.modern:
        doc.para([t("Số định danh cá nhân: "), t(owner.identity, entry, "giay_to_tuy_than")], indent=0)
        doc.set("giay_to_tuy_than", owner.identity)
    else:
        chip = case.today.year >= 2019
        value = owner.identity if chip else owner.old_card
        kind = (
            rng.choice(["Thẻ căn cước công dân", "Căn cước công dân"]) if chip else "Giấy chứng minh nhân dân"
        )
        issued = random_date(
            rng, date(max(2006, owner.born.year + 15), 1, 3) if not chip else date(2016, 3, 1), case.today
        )
        by = (
            rng.choice(["Cục Cảnh sát QLHC về TTXH", "Cục Cảnh sát quản lý hành chính về trật tự xã hội"])
            if chip
            else f"Công an {owner.place.province}"
        )
        doc.para([t("Loại giấy tờ pháp lý của cá nhân: "), t(kind, entry)], indent=0)
        doc.para([t("Số giấy tờ pháp lý của cá nhân: "), t(value, entry, "giay_to_tuy_than")], indent=0)
        doc.row(
            [(0.0, [t("Ngày cấp: "), t(f"{issued:%d/%m/%Y}", entry)]), (0.30, [t("Nơi cấp: "), t(by, entry)])]
        )
        doc.set("giay_to_tuy_than", value)
    label = rng.choice(["Địa chỉ thường trú:", "Nơi đăng ký hộ khẩu thường trú:", "Nơi thường trú:"])
    doc.para([t(label + " "), t(owner.home, entry, "noi_thuong_tru")], indent=0, align="left")
    doc.set("noi_thuong_tru", owner.home)
    if rng.random() < 0.5:
        doc.para([t("Địa chỉ liên lạc: "), t(owner.home, entry)], indent=0, align="left")


def _members(doc: Doc, case: Case, owner: Person, number: int) -> None:
    rng = case.rng
    doc.para([t(f"{number}. Danh sách thành viên hộ gia đình đăng ký thành lập hộ kinh doanh:")], indent=0)
    rows: list[list[Runs]] = [
        [
            [t(text, "b")]
            for text in (
                "STT",
                "Họ và tên",
                "Quốc tịch",
                "Địa chỉ thường trú",
                "Số giấy tờ pháp lý",
                "Ghi chú",
            )
        ]
    ]
    for k in range(rng.randint(1, 3)):
        member = owner if k == 0 else person(rng, case.place, case.today, (18, 60))
        rows.append(
            [
                [t(str(k + 1))],
                [t(member.name)],
                [t("Việt Nam")],
                [t(owner.home)],
                [t(member.identity)],
                [t("Chủ hộ" if k == 0 else "")],
            ]
        )
    doc.table([0.07, 0.20, 0.11, 0.31, 0.20, 0.11], rows, size=11)
