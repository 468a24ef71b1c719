"""What official papers share: heading, number and date, signature block, addressees, seals and stamps."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date

import numpy as np
from PIL import Image, ImageDraw

from samples import fonts, ink, seals
from samples.agencies import Agency, Signing
from samples.page import HEIGHT, WIDTH, Doc, Runs, pt, t

MOTTO = (
    "Độc lập - Tự do - Hạnh phúc",
    "Độc lập - Tự do - Hạnh phúc",
    "Độc lập – Tự do – Hạnh phúc",
    "Độc lập - Tự do - Hạnh Phúc",
)
NATION = (
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM",
)


@dataclass(frozen=True)
class Pen:
    """Which parts of number and date are written by hand into printed gaps."""

    number: bool
    day: bool
    month: bool
    gap: float

    @classmethod
    def pick(cls, rng: random.Random, share: float = 0.7) -> Pen:
        if rng.random() >= share:
            return cls(False, False, False, 0.0)
        day = rng.random() < 0.85
        return cls(
            rng.random() < 0.92 or not day,
            day,
            day and rng.random() < 0.3,
            rng.choice([0.0, rng.uniform(1.4, 3.2)]),
        )


def number_runs(doc: Doc, number: str, symbol: str, pen: Pen, style: str = "", label: str = "Số:") -> Runs:
    """``Số: 123/QĐ-UBND`` with the number perhaps by hand; sets ``so_ky_hieu``."""
    value = f"{number}/{symbol}" if symbol else number
    doc.set("so_ky_hieu", value, f"{int(number)}/{symbol}" if number.isdigit() and symbol else "")
    tail = [t(f"/{symbol}", style, "so_ky_hieu")] if symbol else []
    label = label + " " if not pen.number or not pen.gap else label
    wide = max(pen.gap, 0.52 * len(number) + 0.3) if pen.gap else 0.0
    return [
        t(label, style),
        t(number, style + ("h" if pen.number else ""), "so_ky_hieu", gap=wide if pen.number else 0.0),
        *tail,
    ]


def month_text(rng: random.Random, month: int) -> str:
    """Months 1 and 2 have a leading zero; later ones in some offices."""
    return f"{month:02d}" if month < 3 or rng.random() < 0.45 else str(month)


def date_runs(
    doc: Doc, day: date, pen: Pen, style: str = "", name: str = "ngay_ban_hanh", head: str = "ngày"
) -> Runs:
    """``ngày 05 tháng 3 năm 2020``, day and month perhaps by hand; sets the field."""
    doc.set(name, day.isoformat())
    gap = pen.gap * 0.75
    wide = max(gap, 1.25) if gap else 0.0
    space = "" if gap else " "
    runs = [t(head + space, style, name)]
    runs.append(t(f"{day.day:02d}", style + ("h" if pen.day else ""), name, gap=wide if pen.day else 0.0))
    runs[0] = t(head + (space if pen.day else " "), style, name)
    runs.append(
        t(("" if pen.day and gap else " ") + "tháng" + ("" if pen.month and gap else " "), style, name)
    )
    month = month_text(doc.rng, day.month)
    runs.append(t(month, style + ("h" if pen.month else ""), name, gap=wide if pen.month else 0.0))
    runs.append(t(("" if pen.month and gap else " ") + f"năm {day.year}", style, name))
    return runs


def heading(
    doc: Doc, agency: Agency, *, left: list[Runs] | None = None, right: list[Runs] | None = None
) -> None:
    """Agency on the left, state name and motto on the right, then number (left) and place with date (right)."""
    rng, style = doc.rng, doc.style
    size = rng.choice([12, 12.5, 13]) if style.size >= 13 else 12
    top = doc.y
    full = doc.x1 - doc.x0
    split = doc.x0 + full * rng.uniform(0.38, 0.43)
    pad = pt(4)
    with doc.column(doc.x0 - pt(10), split - pad):
        for text, bold in agency.heading:
            doc.para(
                [t(text, "b" if bold else "", _heading_field(agency, text), size=size)],
                align="center",
                after=0,
                leading=1.15,
            )
        middle, span = (doc.x0 + doc.x1) / 2, (doc.x1 - doc.x0) * rng.uniform(0.14, 0.24)
        doc.rule(middle - span, middle + span, doc.y + pt(2), rng.choice([2, 3, 4]))
    doc.set("co_quan_ban_hanh", agency.name, *agency.accept)
    if agency.parent:
        doc.set(
            "co_quan_chu_quan",
            agency.parent,
            agency.parent.replace("UBND", "Ủy ban nhân dân"),
            agency.parent.upper(),
        )
    below_left = doc.y + pt(6)
    doc.y = top
    with doc.column(split + pad, doc.x1 + pt(10)):
        nation = rng.choice(NATION)
        doc.para(
            [t(nation, "b", size=min(size, _fit(doc, nation, doc.x1 - doc.x0)))],
            align="center",
            after=0,
            leading=1.15,
        )
        wide = doc.para(
            [t(rng.choice(MOTTO), "b", size=size + rng.choice([0, 1]))], align="center", after=0, leading=1.15
        )
        middle = (doc.x0 + doc.x1) / 2
        if rng.random() < 0.94:
            doc.rule(middle - wide / 2, middle + wide / 2, doc.y + pt(2), rng.choice([2, 3, 4]))
    below_right = doc.y + pt(6)
    line = max(below_left, below_right) if rng.random() < 0.7 else below_left
    ends = [below_left, below_right]
    if left:
        doc.y = line + pt(rng.uniform(1, 6))
        with doc.column(doc.x0 - pt(8), split - pad):
            for runs in left:
                doc.para(runs, align="center", after=1, leading=1.12)
            ends.append(doc.y)
    if right:
        doc.y = max(below_right, line) + pt(rng.uniform(1, 6))
        with doc.column(split, doc.x1 + pt(4)):
            for runs in right:
                doc.para(runs, align=rng.choice(["center", "center", "right"]), after=1, leading=1.12)
            ends.append(doc.y)
    doc.y = max(ends) + pt(rng.uniform(6, 14))
    doc.block()


def _heading_field(agency: Agency, text: str) -> str:
    return "co_quan_chu_quan" if agency.parent and text == agency.heading[0][0] else "co_quan_ban_hanh"


def _fit(doc: Doc, text: str, width: float) -> float:
    """Largest size (points) at which bold ``text`` fits in ``width``."""
    size = 14.0
    while size > 9 and doc.font(t(text, "b", size=size)).getlength(text) > width:
        size -= 0.25
    return size


def state_heading(doc: Doc) -> None:
    """State name and motto in the middle, without an agency (certificates)."""
    rng = doc.rng
    nation, motto = rng.choice(NATION), rng.choice(MOTTO)
    doc.para([t(nation, "b", size=13)], align="center", after=0)
    wide = doc.para([t(motto, "b", size=13.5)], align="center", after=2)
    middle = (doc.x0 + doc.x1) / 2
    doc.rule(middle - wide / 2, middle + wide / 2, doc.y, 3)
    doc.skip(rng.uniform(8, 16))
    doc.block()


def place_date(doc: Doc, agency: Agency, day: date, pen: Pen) -> Runs:
    """``Ba Vì, ngày 05 tháng 3 năm 2020`` in italics; sets ``dia_danh`` and ``ngay_ban_hanh``."""
    seat = agency.seat.replace(
        "Thành phố Hồ Chí Minh", doc.rng.choice(["Thành phố Hồ Chí Minh", "TP. Hồ Chí Minh"])
    )
    doc.set("dia_danh", seat, "Hồ Chí Minh" if "Hồ Chí Minh" in seat else "")
    return [t(seat, "i", "dia_danh"), t(", ", "i"), *date_runs(doc, day, pen, "i")]


def title(
    doc: Doc,
    text: str,
    *lines: str,
    size: float = 0.0,
    value: str = "",
    subject: bool = False,
    rule: bool = False,
) -> None:
    """The kind of paper in capitals, with further lines below (subject of a decision, "(BẢN SAO)")."""
    rng = doc.rng
    doc.set("loai_van_ban", value or text, text)
    doc.para(
        [t(text, "b", "loai_van_ban", size=size or rng.choice([14, 14, 15, 16]))], align="center", after=1
    )
    wide = 0.0
    margin = (doc.x1 - doc.x0) * rng.uniform(0.04, 0.14)
    with doc.column(doc.x0 + margin, doc.x1 - margin):
        for line in lines:
            wide = doc.para(
                [t(line, "b", "trich_yeu" if subject else "")], align="center", after=0, leading=1.15
            )
    if rule and wide:
        middle = (doc.x0 + doc.x1) / 2
        doc.rule(middle - wide * 0.2, middle + wide * 0.2, doc.y + pt(3))
        doc.skip(6)
    doc.skip(rng.uniform(3, 10))


def sign(
    doc: Doc, agency: Agency, how: Signing, name: str, *, receivers: list[str] | None = None, intro: Runs | None = None,
    note: str = "", date_line: Runs | None = None, main: bool = True,
) -> None:  # fmt: skip
    """Signature block on the right (authority, office, signature, seal, name), receivers on the left.

    ``main`` sets nguoi_ky, chuc_vu, quyen_han_ky; a second signer (certified copies) does not.
    """
    rng = doc.rng
    lines = len(how.lines) + (1 if intro else 0) + (1 if date_line else 0)
    gap = pt(rng.uniform(58, 86))
    # a signature is squeezed in before it goes to a page of its own
    below = HEIGHT - doc.style.bottom - doc.y - lines * pt(17) - pt(34)
    if pt(40) < below < gap:
        gap = round(below)
    doc.room(gap + lines * pt(17) + pt(24))
    doc.skip(rng.uniform(2, 10))
    doc.block()
    top = doc.y
    split = doc.x0 + (doc.x1 - doc.x0) * rng.uniform(0.44, 0.54)
    receivers_end = top
    if receivers:
        with doc.column(doc.x0, split - pt(10)):
            if date_line:
                doc.skip(18)
            doc.para([t("Nơi nhận:", "bi", size=12)], indent=0, align="left", after=0, leading=1.15)
            for line in receivers:
                doc.para([t(line, size=11)], indent=0, align="left", after=0, leading=1.15)
        receivers_end = doc.y
        doc.y = top
    with doc.column(split, doc.x1 + pt(6)):
        if date_line:
            doc.para(date_line, align="center", after=1, leading=1.15)
        if intro:
            doc.para(intro, align="center", after=1, leading=1.15)
        title_top = doc.y
        for text in how.authority:
            doc.para([t(text, "b", "quyen_han_ky" if main else "")], align="center", after=0, leading=1.15)
        doc.para([t(how.office, "b", "chuc_vu" if main else "")], align="center", after=0, leading=1.15)
        if note:
            doc.para([t(note, "i", size=11)], align="center", after=0)
        title_end = doc.y
        middle = (doc.x0 + doc.x1) / 2
        doc.y += gap
        wide = doc.para([t(name, "b", "nguoi_ky" if main else "")], align="center", after=0)
        name_y = doc.y - pt(10)
    if main:
        doc.set("nguoi_ky", name)
        doc.set("chuc_vu", how.office)
        if how.authority:
            doc.set("quyen_han_ky", " ".join(how.authority), *how.authority)
    _stamp_and_sign(doc, agency, middle, title_top, title_end, name_y, wide)
    doc.y = max(doc.y, receivers_end) + pt(6)
    doc.block()


def _stamp_and_sign(
    doc: Doc, agency: Agency, middle: float, title_top: float, title_end: float, name_y: float, wide: float
) -> None:
    rng = doc.rng
    width = rng.uniform(330, 560)
    mine = seals.signature(rng, ink.pen_colour(rng), width)
    ratio = (name_y - title_end + pt(26)) / max(1, mine.height)
    if ratio < 1:
        mine = mine.resize((max(1, round(mine.width * ratio)), max(1, round(mine.height * ratio))))
    doc.sheet.stain(
        mine,
        middle - mine.width * rng.uniform(0.35, 0.55),
        (title_end + name_y) / 2 - mine.height * rng.uniform(0.45, 0.6),
    )
    if rng.random() < 0.06:
        return
    stamp = seals.seal(rng, agency.ring, agency.bottom, agency.middle, rng.uniform(32, 38))
    # the rule: the seal covers a third of the signature on its left; in practice also the title or the name's first letters
    x = middle - stamp.width * rng.uniform(0.62, 1.02)
    y = (title_end + name_y) / 2 - stamp.height * rng.uniform(0.40, 0.62) + rng.uniform(-40, 70)
    doc.sheet.stain(stamp, x, y)
    doc.sheet.optional += [text for text in (agency.ring, agency.bottom, *agency.middle) if text]


def border(doc: Doc) -> None:
    """A frame around the page, single, double or with corner pieces."""
    rng = doc.rng
    draw = doc.sheet.draw
    inset = rng.randint(70, 150)
    box = (inset, inset, WIDTH - inset, HEIGHT - inset)
    style = rng.choice(["single", "double", "corners"])
    colour = rng.choice([doc.style.ink, doc.style.ink, (150, 60, 50), (40, 90, 140)])
    draw.rectangle(box, outline=colour, width=rng.choice([3, 5, 9]))
    if style != "single":
        step = rng.randint(14, 26)
        draw.rectangle(
            (inset + step, inset + step, WIDTH - inset - step, HEIGHT - inset - step), outline=colour, width=3
        )
    if style == "corners":
        for x in (inset, WIDTH - inset):
            for y in (inset, HEIGHT - inset):
                draw.ellipse((x - 46, y - 46, x + 46, y + 46), outline=colour, width=6)
                draw.ellipse((x - 26, y - 26, x + 26, y + 26), outline=colour, width=4)


def rubber(
    rng: random.Random, lines: list[tuple[str, int]], colour: ink.Colour, boxed: bool = True, pad: int = 22
) -> Image.Image:
    """A rubber stamp of text lines (text, pixel size) in a box -> RGBA, slightly turned."""
    family = fonts.available(fonts.SANS, 2)[0]
    faces = [fonts.face(family, size, bold=True) for _, size in lines]
    width = max(font.getlength(text) for font, (text, _) in zip(faces, lines, strict=True))
    height = sum(size * 1.25 for _, size in lines)
    mask = Image.new("L", (round(width) + 2 * pad, round(height) + 2 * pad), 0)
    draw = ImageDraw.Draw(mask)
    if boxed:
        draw.rectangle((3, 3, mask.width - 4, mask.height - 4), outline=255, width=6)
    y = float(pad)
    for font, (text, size) in zip(faces, lines, strict=True):
        draw.text((mask.width / 2, y + size * 0.62), text, font=font, fill=255, anchor="mm")
        y += size * 1.25
    return worn(rng, mask, colour)


def worn(rng: random.Random, mask: Image.Image, colour: ink.Colour, turn: float | None = None) -> Image.Image:
    """Ink of a stamp pressed unevenly -> RGBA."""
    turned = np.asarray(
        mask.rotate(
            rng.gauss(0, 2.5) if turn is None else turn, expand=True, resample=Image.Resampling.BICUBIC
        ),
        np.float32,
    )
    noise = np.random.default_rng(rng.getrandbits(32)).normal(0.95, rng.uniform(0.08, 0.3), turned.shape)
    out = np.empty((*turned.shape, 4), np.uint8)
    out[..., :3] = colour
    out[..., 3] = np.clip(turned * 0.9 * np.clip(noise, 0.2, 1.05), 0, 255)
    return Image.fromarray(out, "RGBA")
