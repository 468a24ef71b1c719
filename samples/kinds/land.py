"""GIẤY CHỨNG NHẬN QUYỀN SỬ DỤNG ĐẤT: the form of 2014 and the one with a QR code since 1 August 2024."""

from __future__ import annotations

from datetime import date

import segno
from PIL import Image

from samples import marks
from samples.agencies import Agency, commune_committee, department, district_committee, signing
from samples.frame import border, number_runs, place_date, sign, state_heading, title
from samples.kinds.building import comma
from samples.kinds.case import Case, identity_paper, paper_number
from samples.page import HEIGHT, Doc, pt, t
from samples.people import kinh_name, number_words, person

USES = (
    "Đất ở tại nông thôn",
    "Đất ở tại đô thị",
    "Đất trồng cây lâu năm",
    "Đất trồng lúa",
    "Đất nuôi trồng thủy sản",
    "Đất rừng sản xuất",
)
SOURCES = (
    "Công nhận quyền sử dụng đất như giao đất có thu tiền sử dụng đất", "Nhận chuyển nhượng đất được Nhà nước giao đất có thu tiền sử dụng đất",
    "Được tặng cho đất được công nhận quyền sử dụng đất", "Nhà nước giao đất không thu tiền sử dụng đất",
)  # fmt: skip


def certificate(case: Case) -> Doc:
    """Land-use certificate, old or new form."""
    rng = case.rng
    doc = case.doc("giay_chung_nhan_quyen_su_dung_dat")
    if case.today.year < 2010:
        case.today = date(rng.randint(2010, 2023), case.today.month, min(28, case.today.day))
    new = case.today >= date(2024, 8, 1)
    agency: Agency
    if case.place.modern:
        agency = commune_committee(rng, case.place)
    else:
        agency = (
            district_committee(rng, case.place)
            if rng.random() < 0.7
            else department(rng, case.place, "Tài nguyên")
        )
    owner = person(rng, case.place, case.today, (28, 75))
    serial = f"{rng.choice('ABCD')}{rng.choice('ABCDEHKLMNPQSTUVXY')} {rng.randint(10**5, 10**6 - 1) if not new else rng.randint(10**7, 10**8 - 1)}"
    border(doc)
    doc.y += 50
    state_heading(doc)
    whole = "GIẤY CHỨNG NHẬN QUYỀN SỬ DỤNG ĐẤT, QUYỀN SỞ HỮU TÀI SẢN GẮN LIỀN VỚI ĐẤT" if new else (
        "GIẤY CHỨNG NHẬN QUYỀN SỬ DỤNG ĐẤT, QUYỀN SỞ HỮU NHÀ Ở VÀ TÀI SẢN KHÁC GẮN LIỀN VỚI ĐẤT")  # fmt: skip
    title(doc, "GIẤY CHỨNG NHẬN", value=whole, size=18)
    for line in whole.removeprefix("GIẤY CHỨNG NHẬN ").split(", "):
        doc.para(
            [t(line + ("," if line.startswith("QUYỀN SỬ DỤNG") else ""), "b", "loai_van_ban")],
            align="center",
            after=0,
        )
    doc.set("loai_van_ban", whole, "GIẤY CHỨNG NHẬN QUYỀN SỬ DỤNG ĐẤT", "GIẤY CHỨNG NHẬN")
    doc.skip(8)
    if new:
        _qr(doc, serial)
    _owner(doc, case, owner, new)
    _plot(doc, case, new)
    if not new and rng.random() < 0.5:
        doc.new_sheet()
        _sketch(doc, "III. Sơ đồ thửa đất, nhà ở và tài sản khác gắn liền với đất")
    elif rng.random() < 0.5:
        _sketch(doc, "4. Sơ đồ thửa đất, tài sản gắn liền với đất:" if new else "III. Sơ đồ thửa đất")
    doc.set("co_quan_ban_hanh", agency.name, *agency.accept)
    dated = place_date(doc, agency, case.today, case.pen)
    label = "Số vào sổ cấp Giấy chứng nhận:" if new else "Số vào sổ cấp GCN:"
    if rng.random() < 0.5:
        book = f"{rng.choice(['CS', 'CH', 'VP'])}{rng.randint(100, 99999):05d}"
        doc.para([t(label + " "), t(book, "h" if case.pen.number else "", "so_ky_hieu")], indent=0)
        doc.set("so_ky_hieu", book)
    else:
        doc.para(number_runs(doc, paper_number(rng, 900), "GCN", case.pen, label=label), indent=0)
    sign(doc, agency, signing(rng, agency, True), kinh_name(rng, rng.random() < 0.75), date_line=dated,
         intro=[t(agency.name.upper(), "b", "co_quan_ban_hanh", size=12)])  # fmt: skip
    doc.y = HEIGHT - doc.style.bottom - pt(34)
    doc.para(
        [t(rng.choice(["", "Số phát hành: ", "Số: "])), t(serial, "b", "so_phat_hanh", size=16)],
        indent=0,
        after=2,
    )
    doc.set("so_phat_hanh", serial, serial.replace(" ", ""))
    marks.spoil(doc, agency, case.today, False, rng)
    return doc


def _qr(doc: Doc, serial: str) -> None:
    code = segno.make(f"GCN|{serial.replace(' ', '')}|{doc.rng.randint(10**11, 10**12 - 1)}", error="m")
    matrix = [[0 if cell else 255 for cell in row] for row in code.matrix_iter(border=0)]
    side = len(matrix)
    picture = Image.new("L", (side, side))
    picture.putdata([value for row in matrix for value in row])
    big = picture.resize((side * 9, side * 9), Image.Resampling.NEAREST)
    doc.sheet.image.paste(big.convert("RGB"), (doc.sheet.image.width - 160 - big.width, 190))


def _owner(doc: Doc, case: Case, owner, new: bool) -> None:  # noqa: ANN001
    rng = case.rng
    lead = (
        "1. Người sử dụng đất, chủ sở hữu tài sản gắn liền với đất:"
        if new
        else "I. Người sử dụng đất, chủ sở hữu nhà ở và tài sản khác gắn liền với đất"
    )
    doc.para([t(lead, "b")], indent=0, align="left")
    entry = case.entry(0.5)
    who = [
        t(f"{owner.title} ".replace("Ông", rng.choice(["Ông", "Ông:"])) if rng.random() < 0.9 else "Hộ ông "),
        t(owner.name, entry or "b", "chu_su_dung"),
    ]
    doc.para([*who, t(f", sinh năm {owner.born.year}"), t("")], indent=60)
    doc.set("chu_su_dung", owner.name, f"{owner.title} {owner.name}", owner.name.upper())
    paper, value, also = identity_paper(case, owner, issued=False)
    doc.para([t(paper, entry, "giay_to_tuy_than")], indent=60)
    doc.set("giay_to_tuy_than", value, *also)
    doc.para([t("Địa chỉ thường trú: "), t(owner.home, entry, "dia_chi_thuong_tru")], indent=60, align="left")
    doc.set("dia_chi_thuong_tru", owner.home)


def _plot(doc: Doc, case: Case, new: bool) -> None:
    rng = case.rng
    entry = case.entry(0.3)
    area, plot, sheet = comma(rng.uniform(40, 4000)), str(rng.randint(1, 1500)), str(rng.randint(1, 140))
    use, source = rng.choice(USES), rng.choice(SOURCES)
    term = "Lâu dài" if "ở" in use else f"Đến ngày 15/10/20{rng.randint(43, 69)}"
    doc.para(
        [t("2. Thông tin thửa đất:" if new else "II. Thửa đất, nhà ở và tài sản khác gắn liền với đất", "b")],
        indent=0,
        align="left",
    )
    if not new:
        doc.para([t("1. Thửa đất:", "b")], indent=0)
    letter = iter("abcdefgh")

    def label(text: str) -> str:
        return f"{text} " if new else f"{next(letter)}) {text} "

    doc.row(
        [
            (0.0, [t(label("Thửa đất số:")), t(plot, entry, "thua_dat"), t(";")]),
            (0.42, [t("tờ bản đồ số: " if not new else "Tờ bản đồ số: "), t(sheet, entry, "to_ban_do")]),
        ]
    )
    doc.para([t(label("Địa chỉ:")), t(case.place.address, entry, "dia_chi_thua_dat")], indent=0, align="left")
    unit = rng.choice(["m2", "m²"])
    words = number_words(int(area.split(",")[0]))
    tail = (
        f" {unit}, (bằng chữ: {words[0].upper() + words[1:]} phẩy {number_words(int(area.split(',')[1]))} mét vuông)"
        if not new
        else f" {unit}"
    )
    doc.para([t(label("Diện tích:")), t(area, entry, "dien_tich"), t(tail)], indent=0, align="left")
    doc.para(
        [
            t(label("Hình thức sử dụng:" if not new else "Hình thức sử dụng đất:")),
            t(f"riêng: {area} {unit}; chung: không", entry),
        ],
        indent=0,
    )
    doc.para(
        [t(label("Mục đích sử dụng:" if not new else "Loại đất:")), t(use, entry, "muc_dich_su_dung")],
        indent=0,
    )
    doc.para(
        [
            t(label("Thời hạn sử dụng:" if not new else "Thời hạn sử dụng đất:")),
            t(term, entry, "thoi_han_su_dung"),
        ],
        indent=0,
    )
    doc.para(
        [
            t(label("Nguồn gốc sử dụng:" if not new else "Nguồn gốc sử dụng đất:")),
            t(source, entry, "nguon_goc_su_dung"),
        ],
        indent=0,
        align="left",
    )
    for name, value in (("thua_dat", plot), ("to_ban_do", sheet), ("dia_chi_thua_dat", case.place.address), ("muc_dich_su_dung", use),
                        ("thoi_han_su_dung", term), ("nguon_goc_su_dung", source)):  # fmt: skip
        doc.set(name, value)
    doc.set("dien_tich", area, f"{area} m2", f"{area} m²")
    rest = "3. Thông tin tài sản gắn liền với đất: -/-" if new else "2. Nhà ở: -/-"
    doc.para([t(rest)], indent=0)
    if not new:
        for text in (
            "3. Công trình xây dựng khác: -/-",
            "4. Rừng sản xuất là rừng trồng: -/-",
            "5. Cây lâu năm: -/-",
            "6. Ghi chú: Không",
        ):
            doc.para([t(text)], indent=0, after=1)


def _sketch(doc: Doc, lead: str) -> None:
    """A plan of the plot with corner numbers and side lengths (not text of the page)."""
    rng = doc.rng
    doc.para([t(lead, "b")], indent=0, align="left")
    doc.room(560)
    x, y, w, h = doc.x0 + 500, doc.y + 40, rng.uniform(420, 700), rng.uniform(320, 440)
    corners = [
        (x + rng.uniform(0, 80), y),
        (x + w, y + rng.uniform(0, 60)),
        (x + w - rng.uniform(0, 80), y + h),
        (x, y + h - rng.uniform(0, 50)),
    ]
    doc.sheet.draw.polygon(corners, outline=doc.style.ink, width=4)
    font = doc.font(t("1", size=10))
    for k, (cx, cy) in enumerate(corners):
        nx, ny = corners[(k + 1) % 4]
        length = comma(((nx - cx) ** 2 + (ny - cy) ** 2) ** 0.5 / 40, 2)
        for text, px, py in (
            (str(k + 1), cx + (-40 if k in (0, 3) else 20), cy + (-14 if k < 2 else 44)),
            (
                length,
                (cx + nx) / 2 + (20 if k == 1 else -120 if k == 3 else 0),
                (cy + ny) / 2 + (-12 if k == 0 else 44),
            ),
        ):
            doc.sheet.draw.text((px, py), text, font=font, fill=doc.style.ink, anchor="ls")
            doc.sheet.optional.append(text)
    doc.y += 540
