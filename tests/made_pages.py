"""Page readings put together from lines of text, as an engine would give them: for tests of what follows the reading."""

from __future__ import annotations

from schemas.page import Barcode, GapReading, PageQuality, PageReading, Word

LETTER, HEIGHT, PITCH = 13.0, 28.0, 48.0
"""Pixels at 200 dpi: width of a letter, height and pitch of lines of 14 point print."""


def words_of(
    x: float, y: float, text: str, line: int, confidence: float = 0.96, handwritten: float | None = None
) -> list[Word]:
    """Words of a line that begins at x, y."""
    words, at = [], x
    for part in text.split():
        width = LETTER * len(part)
        words.append(
            Word(
                text=part,
                box=(at, y, at + width, y + HEIGHT),
                confidence=confidence,
                line=line,
                handwritten=handwritten,
            )
        )
        at += width + 0.8 * LETTER
    return words


def page(
    lines: list[tuple[float, float, str]],
    number: int = 1,
    gaps: list[GapReading] | None = None,
    barcodes: list[Barcode] | None = None,
    blank: bool = False,
    weak: dict[str, float] | None = None,
    by_hand: set[str] = frozenset(),
) -> PageReading:
    """A page of 1654 × 2339 pixels; lines are (x, y, text). `weak` gives words a confidence, `by_hand` marks written ones."""
    words = []
    for index, (x, y, text) in enumerate(lines):
        for word in words_of(x, y, text, index):
            changes: dict = {"handwritten": 0.95 if word.text in by_hand else 0.02}
            if weak and word.text in weak:
                changes["confidence"] = weak[word.text]
            words.append(word.model_copy(update=changes))
    return PageReading(
        page=number, width=1654, height=2339, dpi=200, words=words, gaps=gaps or [], barcodes=barcodes or [],
        quality=PageQuality(width_px=1654, height_px=2339, dpi=200, colour=True, sharpness=0.8, contrast=0.8, blank=blank),
        to_points=(0.36, 0, 0, 0, 0.36, 0), page_size_pt=(595.4, 842.0), engine="made",
        text="\n".join(text for _, _, text in lines),
    )  # fmt: skip


def stacked(top: float, left: float, *texts: str) -> list[tuple[float, float, str]]:
    """Lines one below the other."""
    return [(left, top + i * PITCH, text) for i, text in enumerate(texts)]


STATE = [(800.0, 150.0, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"), (880.0, 198.0, "Độc lập - Tự do - Hạnh phúc")]


def birth_certificate(**words: str) -> PageReading:
    """A birth certificate; keyword arguments replace parts of the text (`ngay`, `bang_chu`, `so_dinh_danh`, `ho_ten`)."""
    facts = {
        "ho_ten": "TRẦN GIA BẢO", "ngay": "14/03/2022", "so_dinh_danh": "036222004512", "gioi_tinh": "Nam",
        "bang_chu": "Ngày mười bốn, tháng ba, năm hai nghìn không trăm hai mươi hai", **words,
    }  # fmt: skip
    return page([
        (560.0, 150.0, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"), (640.0, 198.0, "Độc lập - Tự do - Hạnh phúc"),
        (720.0, 300.0, "GIẤY KHAI SINH"), (780.0, 360.0, "Số: 57"),
        *stacked(
            440.0, 220.0,
            f"Họ, chữ đệm, tên: {facts['ho_ten']}",
            f"Ngày, tháng, năm sinh: {facts['ngay']}",
            f"Ghi bằng chữ: {facts['bang_chu']}",
            f"Giới tính: {facts['gioi_tinh']} Dân tộc: Kinh Quốc tịch: Việt Nam",
            "Nơi sinh: Bệnh viện Đa khoa huyện Ý Yên, tỉnh Nam Định",
            "Quê quán: xã Yên Chính, huyện Ý Yên, tỉnh Nam Định",
            f"Số định danh cá nhân: {facts['so_dinh_danh']}",
            "Họ, chữ đệm, tên người mẹ: PHẠM THỊ THANH HÀ",
            "Năm sinh: 1996 Dân tộc: Tày Quốc tịch: Việt Nam",
            "Nơi cư trú: Xóm 4, xã Yên Chính, huyện Ý Yên,",
            "tỉnh Nam Định",
            "Họ, chữ đệm, tên người cha: TRẦN VĂN SƠN",
            "Năm sinh: 1993 Dân tộc: Kinh Quốc tịch: Việt Nam",
            "Nơi cư trú: Xóm 4, xã Yên Chính, huyện Ý Yên, tỉnh Nam Định",
            "Họ, chữ đệm, tên người đi khai sinh: Trần Văn Sơn",
            "Giấy tờ tùy thân: Thẻ CCCD số 036093001234, cấp ngày 01/02/2021",
            "Nơi đăng ký khai sinh: Ủy ban nhân dân xã Yên Chính, huyện Ý Yên, tỉnh Nam Định",
            "Ngày, tháng, năm đăng ký: 21/03/2022",
        ),
        (900.0, 1380.0, "NGƯỜI KÝ GIẤY KHAI SINH"), (1010.0, 1430.0, "KT. CHỦ TỊCH"),
        (980.0, 1480.0, "PHÓ CHỦ TỊCH"), (985.0, 1760.0, "Đỗ Minh Tuấn"),
    ])  # fmt: skip


def decision(
    number: str = "Số: 125/QĐ-UBND", date_line: str = "Yên Chính, ngày 07 tháng 8 năm 2023", **more
) -> PageReading:  # noqa: ANN003
    """A decision of a commune in the layout of NĐ 30/2020."""
    return page([
        (260.0, 150.0, "ỦY BAN NHÂN DÂN"), (300.0, 198.0, "XÃ YÊN CHÍNH"), *STATE,
        (280.0, 260.0, number), (860.0, 262.0, date_line),
        (740.0, 350.0, "QUYẾT ĐỊNH"),
        (420.0, 400.0, "Về việc trợ cấp xã hội hàng tháng đối với bà Lê Thị Mùi"),
        (480.0, 480.0, "CHỦ TỊCH ỦY BAN NHÂN DÂN XÃ YÊN CHÍNH"),
        *stacked(
            540.0, 220.0,
            "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
            "Căn cứ Nghị định số 20/2021/NĐ-CP ngày 15 tháng 3 năm 2021 của Chính phủ;",
        ),
        (730.0, 660.0, "QUYẾT ĐỊNH:"),
        *stacked(
            720.0, 220.0,
            "Điều 1. Trợ cấp xã hội hàng tháng đối với bà Lê Thị Mùi, sinh ngày: 02/09/1941,",
            "mức trợ cấp: 720.000 đồng/tháng (Bằng chữ: Bảy trăm hai mươi nghìn đồng).",
            "Điều 2. Quyết định này có hiệu lực kể từ ngày ký.",
        ),
        (220.0, 960.0, "Nơi nhận:"), (220.0, 1000.0, "- Như Điều 2;"), (220.0, 1040.0, "- Lưu: VT."),
        (1000.0, 960.0, "KT. CHỦ TỊCH"), (970.0, 1008.0, "PHÓ CHỦ TỊCH"), (970.0, 1290.0, "Ngô Quang Vinh"),
    ], **more)  # fmt: skip
