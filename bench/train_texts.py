"""What stands on the made rows of ``train_strips``: words, numbers and gaps as Vietnamese papers have them."""

from __future__ import annotations

import random
import string

SYLLABLES = (
    "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Nông Hà Thị Văn Thanh Ngọc Minh Quốc Thuỳ "
    "Hạnh Phúc Đức Trọng Ánh Tuyết Sơn Giang Thắng Thịnh Kinh Tày Nùng Mường Việt Nam nữ nam thôn xã huyện tỉnh phường "
    "quận đường số cấp ngày tháng năm ấp khu phố thị trấn thành tổ dân Cục Cảnh sát chứng minh nhân dân căn cước công an "
    "mười hai nghìn không trăm bốn chín tám bảy sáu hộ chiếu độc lập tự do cộng hòa xã hội chủ nghĩa quyết định thông báo "
    "giấy chứng nhận kết hôn khai sinh trích lục bản sao chính quyền địa phương về việc ban hành theo đề nghị của trưởng "
    "phòng giám đốc sở chủ tịch ủy ban kế hoạch tài nguyên môi trường xây dựng đất đai luật tổ chức căn cứ nghị quyết "
    "gia đình mục đích sử dụng diện tích thửa vợ chồng cha mẹ họ chữ đệm tên nơi sinh quê quán quốc tịch dân tộc giới "
    "tính cư trú tùy thân đăng ký người ký ghi rõ chức vụ kèm đơn xin gửi kính trân trọng cảm ơn lưu hồ sơ đã kiểm tra "
    "Bình Long Hưng Yên Lộc Phước Hiệp Khánh Xuân Thới Quảng Ngãi Đà Nẵng Cần Thơ Tiền Cái Bè Tân Mỹ Vĩnh Đông Tây Bắc"
).split()
CODES = (
    "QĐ-UBND UBND-VP UBND-KTTH CT-UBND TTr-UBND BC-UBND TB-SNV GPXD TLKS-BS TLKT KH-UBND NQ-HĐND CV-STC UBND-NC QĐ-SXD "
    "SGDĐT-CTrTT GM-VP HD-SNN BTC-QLCS TB-VPCP CCTT-BN UBND BB PC XN-UBND GXN QĐ-TTg"
).split()


def number(r: random.Random) -> str:
    """Digits as they stand in gaps and entries: numbers, days, years, dates, long numbers."""
    kind = r.random()
    if kind < 0.25:
        return f"{r.randint(1, 31):02d}"
    if kind < 0.35:
        return str(r.randint(1, 12))
    if kind < 0.72:
        text = str(r.randint(1, 10 ** r.randint(1, 4)))
        return "0" + text if len(text) < 3 and r.random() < 0.5 else text
    if kind < 0.80:
        return str(r.randint(1940, 2030))
    if kind < 0.92:
        sep = r.choice("///-.")
        return f"{r.randint(1, 31):02d}{sep}{r.randint(1, 12):02d}{sep}{r.choice([r.randint(1940, 2030), r.randint(10, 30)])}"
    if kind < 0.96:
        return f"{r.randint(1, 999)}/{r.randint(2000, 2030)}"
    return "".join(r.choice(string.digits) for _ in range(r.randint(5, 12)))


def words(r: random.Random, low: int, high: int) -> str:
    """``low`` to ``high`` words as papers have them."""
    out = []
    for _ in range(r.randint(low, high)):
        word = r.choice(SYLLABLES)
        style = r.random()
        out.append(word.upper() if style < 0.12 else word.capitalize() if style < 0.45 else word)
        if r.random() < 0.1:
            out[-1] += r.choice(",.;:")
    if r.random() < 0.25:
        out.insert(r.randint(0, len(out)), number(r))
    return " ".join(out)


def plan(r: random.Random) -> list[tuple[str, str]]:
    """(style, text) of the row: style is print, hand (letters), entry (digits by hand) or typed (printed digits)."""
    entry = "entry" if r.random() < 0.8 else "typed"
    kind = r.random()
    if kind < 0.05:
        # a gap that nobody filled in
        return [
            ("print", r.choice(["Số:", "ngày"])),
            ("blank", ""),
            ("print", r.choice(["tháng", f"/{r.choice(CODES)}"])),
        ]
    if kind < 0.38:
        label = r.choice(["Số:", "Số:", "Số:", "Số", "SỐ:", "Số .", "Quyển số:", "Số vào sổ:"])
        return [("print", label), (entry, number(r)), ("print", f"/{r.choice(CODES)}")]
    if kind < 0.60:
        place = f"{r.choice(SYLLABLES).capitalize()} {r.choice(SYLLABLES).capitalize()}, ngày"
        month = f"{r.randint(1, 12):02d}" if r.random() < 0.6 else str(r.randint(1, 12))
        return [
            ("print", place),
            (entry, f"{r.randint(1, 31):02d}" if r.random() < 0.8 else str(r.randint(1, 31))),
            ("print", "tháng"),
            ("typed" if r.random() < 0.6 else entry, month),
            ("print", "năm"),
            ("typed" if r.random() < 0.8 else entry, str(r.randint(1950, 2030))),
        ]
    if kind < 0.70:
        return [("print", words(r, 1, 4) + ":"), (entry, number(r))]
    if kind < 0.90:
        row = [("print", words(r, 1, 4) + ":"), ("hand", words(r, 1, 6))]
        if r.random() < 0.4:
            row += [("print", words(r, 1, 2) + ":"), ("hand", words(r, 1, 2))]
        return row
    return [("print", words(r, 3, 9))]
