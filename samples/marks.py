"""What comes onto a paper after it was issued: arrival stamps, urgency, copies, digital signatures, notes by pen.

Stamps and notes are optional lines of the truth; the block of a certified copy is text of the page like any other.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

from PIL import Image, ImageDraw

from samples import fonts, ink, seals
from samples.agencies import Agency, Signing, commune_committee
from samples.frame import rubber, sign, worn
from samples.page import HEIGHT, WIDTH, Doc, pt, t
from samples.people import kinh_name
from samples.places import bare, neighbour

STAMP_RED: ink.Colour = (200, 40, 50)
STAMP_VIOLET: ink.Colour = (70, 50, 150)

NOTES = (
    "Đ/c Thủy TCKH tham mưu", "Chuyển VHXH giải quyết", "Đã đối chiếu bản chính", "P. Tư pháp xử lý", "Lưu HS 2019", "Kính chuyển đ/c PCT",
    "Sao gửi các thôn", "Đã vào sổ", "VP theo dõi, đôn đốc", "Trình lãnh đạo duyệt", "Đ/c Quyết thực hiện, báo cáo", "01 bản lưu",
)  # fmt: skip


def _free_spot(doc: Doc, width: int, height: int, zones: list[tuple[float, float]]) -> tuple[int, int]:
    """Of some places on the first page the one with the least print under it (centres as shares of the page)."""
    grey = doc.sheets[0].image.convert("L").resize((WIDTH // 8, HEIGHT // 8))
    best = None
    for cx, cy in zones:
        x, y = round(cx * WIDTH - width / 2), round(cy * HEIGHT - height / 2)
        part = grey.crop((x // 8, y // 8, (x + width) // 8, (y + height) // 8))
        dark = sum(part.histogram()[:150])
        if best is None or dark < best[0]:
            best = (dark, x, y)
    assert best is not None
    return best[1], best[2]


def arrival_stamp(doc: Doc, today: date) -> None:
    """A "CÔNG VĂN ĐẾN" box with number and date filled in by hand."""
    rng = doc.rng
    receiver = commune_committee(rng, neighbour(rng, doc.place))
    owner = rng.choice([receiver.name.upper(), f"VĂN PHÒNG UBND {bare(receiver.place.commune).upper()}", "VĂN THƯ - UBND",
                        f"UBND {receiver.place.commune.upper()}"])  # fmt: skip
    word = rng.choice(["CÔNG VĂN ĐẾN", "ĐẾN", "VĂN BẢN ĐẾN"])
    labels = rng.choice(
        [("Số:", "Ngày:", "Chuyển:"), ("Số:", "Ngày:"), ("Số đến:", "Ngày đến:", "Chuyển cho:", "Lưu hồ sơ:")]
    )
    family = fonts.available(fonts.SANS, 2)[0]
    small, bold = fonts.face(family, 40, bold=False), fonts.face(family, 44, bold=True)
    width = round(max(430, bold.getlength(owner) * 0.82 + 40))
    mask = Image.new("L", (width, 130 + 78 * len(labels)), 0)
    draw = ImageDraw.Draw(mask)
    draw.rectangle((3, 3, width - 4, mask.height - 4), outline=255, width=6)
    top = fonts.face(family, 36, bold=True)
    draw.text((width / 2, 34), owner, font=top, fill=255, anchor="mm")
    draw.line((0, 66, width, 66), fill=255, width=4)
    draw.text((width / 2, 96), word, font=bold, fill=255, anchor="mm")
    for k, label in enumerate(labels):
        y = 175 + 78 * k
        draw.text((18, y), label + " ....................", font=small, fill=255, anchor="ls")
    mask = mask.crop((0, 0, width, mask.height))
    turn = rng.gauss(0, 2.2)
    picture = worn(rng, mask, rng.choice([STAMP_RED, STAMP_RED, STAMP_VIOLET]), turn)
    x, y = _free_spot(
        doc,
        picture.width,
        picture.height,
        [(0.15, 0.22), (0.15, 0.30), (0.17, 0.16), (0.13, 0.40), (0.80, 0.20)],
    )
    x = max(20, x)
    doc.sheets[0].stain(picture, x, y)
    arrived = today + timedelta(days=rng.randint(1, 9))
    number = str(rng.randint(12, 3800))
    when = f"{arrived.day}/{arrived.month}/{arrived.year % 100 if rng.random() < 0.4 else arrived.year}"
    hand, colour = ink.Hand.pick(rng), ink.pen_colour(rng)
    written = [number, when, rng.choice(["Đ/c Hà", "VHXH", "TCKH", "A. Toàn"]), "2A"]
    lines = [owner, word]
    for k, label in enumerate(labels):
        text = written[k]
        picture, baseline = ink.write(text, 40 * rng.uniform(0.9, 1.3), rng, colour, hand)
        start = x + 30 + small.getlength(label)
        doc.sheets[0].stain(picture, start, y + 172 + 78 * k - baseline + rng.uniform(-12, 6))
        lines.append(f"{label} {text}")
    doc.sheets[0].optional += lines
    doc.marks.append("arrival_stamp")


def urgent_stamp(doc: Doc) -> None:
    rng = doc.rng
    word = rng.choice(["KHẨN", "HỎA TỐC", "THƯỢNG KHẨN", "HỎA TỐC HẸN GIỜ", "MẬT"])
    picture = rubber(rng, [(word, rng.choice([60, 70, 80]))], STAMP_RED)
    x, y = _free_spot(
        doc, picture.width, picture.height, [(0.22, 0.19), (0.24, 0.23), (0.5, 0.24), (0.78, 0.05)]
    )
    doc.sheets[0].stain(picture, x, y)
    doc.sheets[0].optional.append(word)
    doc.marks.append("urgent_stamp")


def digital_signature(doc: Doc, agency: Agency, today: date) -> None:
    """What signing software prints above the heading: small sans text, perhaps beside a small seal."""
    rng = doc.rng
    clock = f"{rng.randint(7, 17):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d} +07:00"
    lines = rng.choice(
        [
            [f"Ký bởi: {agency.name}", f"Thời gian ký: {today:%d/%m/%Y} {clock}"],
            [f"Người ký: {agency.name.upper()}", "Email: vanthu@example.gov.vn", f"Cơ quan: {agency.place.province.upper()}",
             f"Ngày ký: {today:%d.%m.%Y} {clock}"],
            ["Signature Not Verified", f"Được ký bởi {agency.name}", f"Ngày ký: {today:%d-%m-%Y} {clock}"],
        ]
    )  # fmt: skip
    size = rng.choice([24, 28, 32])
    font = fonts.face(doc.style.sans, size)
    width = max(font.getlength(line) for line in lines)
    x = WIDTH - width - rng.randint(30, 160) if rng.random() < 0.8 else rng.randint(60, 300)
    y = rng.randint(14, 40)
    colour = rng.choice([(0, 0, 0), (20, 30, 200), (200, 30, 30)])
    if rng.random() < 0.35:
        stamp = seals.seal(rng, agency.ring, agency.bottom, agency.middle, 18)
        doc.sheets[0].stain(stamp, x - stamp.width - 10, y)
    for line in lines:
        doc.sheets[0].draw.text((x, y + size), line, font=font, fill=colour, anchor="ls")
        y += round(size * 1.2)
    doc.sheets[0].optional += lines
    doc.marks.append("digital_signature")


def pen_note(doc: Doc) -> None:
    rng = doc.rng
    text = rng.choice(NOTES)
    picture, _ = ink.write(
        text, rng.uniform(38, 62), rng, ink.RED if rng.random() < 0.2 else ink.pen_colour(rng)
    )
    picture = picture.rotate(rng.gauss(0, 5), expand=True, resample=Image.Resampling.BICUBIC)
    zones = [(0.25, 0.03), (0.75, 0.03), (0.3, 0.96), (0.5, 0.97), (0.14, 0.25), (0.3, 0.9)]
    x, y = _free_spot(doc, picture.width, picture.height, rng.sample(zones, 3))
    doc.sheets[0].stain(picture, max(15, x), y)
    doc.sheets[0].optional.append(text)
    doc.marks.append("pen_note")


def copy_stamp(doc: Doc) -> None:
    """ "BẢN SAO" or "SAO Y BẢN CHÍNH" in a box."""
    rng = doc.rng
    word = rng.choice(["BẢN SAO", "SAO Y BẢN CHÍNH", "SAO Y", "BẢN CHÍNH"])
    picture = rubber(rng, [(word, rng.choice([56, 68]))], rng.choice([STAMP_RED, STAMP_VIOLET, (30, 30, 35)]))
    x, y = _free_spot(
        doc, picture.width, picture.height, [(0.2, 0.045), (0.8, 0.045), (0.5, 0.045), (0.2, 0.2)]
    )
    doc.sheets[0].stain(picture, x, y)
    doc.sheets[0].optional.append(word)
    doc.marks.append("copy_stamp")


def edge_seal(doc: Doc, agency: Agency) -> None:
    """Half a seal over the right edge, as pages of one document are joined."""
    rng = doc.rng
    for sheet in doc.sheets:
        stamp = seals.seal(rng, agency.ring, agency.bottom, agency.middle, 36)
        sheet.stain(stamp, WIDTH - stamp.width * rng.uniform(0.35, 0.6), HEIGHT * rng.uniform(0.35, 0.6))
    doc.marks.append("edge_seal")


def certified_copy(doc: Doc, today: date) -> None:
    """The certification of a paper copy at the foot, with number, book, second signer and second seal."""
    rng = doc.rng
    agency = commune_committee(rng, neighbour(rng, doc.place))
    day = today + timedelta(days=rng.randint(20, 900))
    doc.room(pt(210))
    doc.block()
    doc.skip(8)
    left, right = doc.x0 + rng.uniform(0, 500), doc.x1 - rng.uniform(0, 300)
    with doc.column(left, max(left + 1300, right)):
        phrase = rng.choice(
            ["CHỨNG THỰC BẢN SAO ĐÚNG VỚI BẢN CHÍNH", "Chứng thực bản sao đúng với bản chính"]
        )
        doc.para([t(phrase, "b", size=12)], align="center", after=1)
        number, book = str(rng.randint(60, 9000)), str(rng.randint(1, 6))
        hand = "h" if rng.random() < 0.7 else ""
        doc.para([t("Số chứng thực: ", size=12), t(number, hand, size=12), t(" Quyển số: ", size=12), t(f"{book:0>2}", hand, size=12),
                  t(" - SCT/BS", size=12)], align="left", indent=0, after=1)  # fmt: skip
        doc.para([t("Ngày ", size=12), t(f"{day.day:02d}", hand, size=12), t(" tháng ", size=12), t(f"{day.month:02d}", hand, size=12),
                  t(f" năm {day.year}", size=12)], align="left", indent=0, after=1)  # fmt: skip
        how = rng.choice(
            [
                Signing((), "CHỦ TỊCH"),
                Signing(("KT. CHỦ TỊCH",), "PHÓ CHỦ TỊCH"),
                Signing(("TUQ. CHỦ TỊCH",), "CÔNG CHỨC TƯ PHÁP - HỘ TỊCH"),
            ]
        )
        sign(doc, agency, how, kinh_name(rng, rng.random() < 0.6), main=False)
    doc.marks.append("certified_copy")


def spoil(doc: Doc, agency: Agency, today: date, letter: bool, rng: random.Random) -> None:
    """Put a likely choice of marks on a finished document; ``letter``: it travels between offices."""
    if rng.random() < 0.10:
        certified_copy(doc, today)
    if letter and rng.random() < 0.25:
        arrival_stamp(doc, today)
    if letter and rng.random() < 0.10:
        urgent_stamp(doc)
    if today.year >= 2018 and rng.random() < (0.22 if letter else 0.05):
        digital_signature(doc, agency, today)
    if rng.random() < 0.15:
        pen_note(doc)
    if not letter and rng.random() < 0.08:
        copy_stamp(doc)
    if rng.random() < 0.06:
        edge_seal(doc, agency)
