"""Real Vietnamese places, before and after the reform of 1 July 2025 (63 -> 34 provinces, no districts any more).

``OLD`` and ``NEW`` are written as text to stay readable; ``Place`` is one commune with its whole address.
Province codes are the first three digits of identity numbers; they did not change with the mergers.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

# code, province | seat | district: communes ; district: communes
OLD = """
001 thành phố Hà Nội|Hà Nội|huyện Ba Vì: xã Tản Lĩnh, xã Cẩm Lĩnh, thị trấn Tây Đằng; quận Long Biên: phường Ngọc Lâm, phường Việt Hưng; huyện Ứng Hòa: xã Hòa Lâm, thị trấn Vân Đình
002 tỉnh Hà Giang|Hà Giang|huyện Đồng Văn: xã Lũng Cú, xã Sà Phìn, thị trấn Phó Bảng; huyện Quản Bạ: xã Quyết Tiến, thị trấn Tam Sơn
004 tỉnh Cao Bằng|Cao Bằng|huyện Trùng Khánh: xã Đàm Thủy, xã Ngọc Khê; huyện Bảo Lạc: xã Cô Ba, thị trấn Bảo Lạc
006 tỉnh Bắc Kạn|Bắc Kạn|huyện Ba Bể: xã Khang Ninh, xã Quảng Khê, thị trấn Chợ Rã
008 tỉnh Tuyên Quang|Tuyên Quang|huyện Na Hang: xã Năng Khả, thị trấn Na Hang; huyện Sơn Dương: xã Tân Trào, xã Ninh Lai
010 tỉnh Lào Cai|Lào Cai|thị xã Sa Pa: phường Hàm Rồng, xã Tả Van, xã Mường Hoa; huyện Bắc Hà: xã Bản Phố, xã Tả Chải
011 tỉnh Điện Biên|Điện Biên|huyện Tuần Giáo: xã Quài Tở, xã Chiềng Sinh, thị trấn Tuần Giáo; huyện Mường Nhé: xã Sín Thầu
012 tỉnh Lai Châu|Lai Châu|huyện Than Uyên: xã Mường Kim, xã Ta Gia; huyện Sìn Hồ: xã Nậm Tăm, xã Tả Phìn
014 tỉnh Sơn La|Sơn La|huyện Mộc Châu: xã Đông Sang, xã Chiềng Hắc; huyện Thuận Châu: xã Chiềng Ly, xã Phổng Lái, thị trấn Thuận Châu
015 tỉnh Yên Bái|Yên Bái|huyện Mù Cang Chải: xã Chế Cu Nha, xã La Pán Tẩn; huyện Văn Yên: xã Đông Cuông, thị trấn Mậu A
017 tỉnh Hòa Bình|Hòa Bình|huyện Mai Châu: xã Chiềng Châu, xã Hang Kia; huyện Lạc Sơn: xã Ân Nghĩa, thị trấn Vụ Bản
019 tỉnh Thái Nguyên|Thái Nguyên|huyện Đồng Hỷ: xã Hóa Thượng, xã Khe Mo, thị trấn Trại Cau; thành phố Phổ Yên: phường Ba Hàng, xã Phúc Thuận
020 tỉnh Lạng Sơn|Lạng Sơn|huyện Hữu Lũng: xã Vân Nham, xã Cai Kinh; huyện Lộc Bình: xã Tú Đoạn, thị trấn Na Dương
022 tỉnh Quảng Ninh|Quảng Ninh|thị xã Quảng Yên: phường Yên Giang, xã Hiệp Hòa; huyện Bình Liêu: xã Hoành Mô, xã Lục Hồn
024 tỉnh Bắc Giang|Bắc Giang|huyện Lục Ngạn: xã Quý Sơn, xã Hồng Giang, thị trấn Chũ; huyện Yên Thế: xã Đồng Tâm, xã Tam Tiến
025 tỉnh Phú Thọ|Phú Thọ|huyện Thanh Sơn: xã Địch Quả, xã Võ Miếu; huyện Lâm Thao: xã Tiên Kiên, thị trấn Hùng Sơn
026 tỉnh Vĩnh Phúc|Vĩnh Phúc|huyện Tam Dương: xã Đạo Tú, xã Hợp Thịnh; huyện Vĩnh Tường: xã Đại Đồng, thị trấn Thổ Tang
027 tỉnh Bắc Ninh|Bắc Ninh|huyện Lương Tài: xã Trung Kênh, xã Quảng Phú; thành phố Từ Sơn: phường Đình Bảng, phường Phù Khê
030 tỉnh Hải Dương|Hải Dương|huyện Thanh Miện: xã Ngô Quyền, xã Lam Sơn; thành phố Chí Linh: phường Sao Đỏ, xã Hưng Đạo
031 thành phố Hải Phòng|Hải Phòng|huyện Vĩnh Bảo: xã Cổ Am, xã Trấn Dương; quận Lê Chân: phường Dư Hàng Kênh, phường Cát Dài
033 tỉnh Hưng Yên|Hưng Yên|huyện Khoái Châu: xã Tân Dân, xã Dạ Trạch; huyện Ân Thi: xã Hồ Tùng Mậu, thị trấn Ân Thi
034 tỉnh Thái Bình|Thái Bình|huyện Quỳnh Phụ: xã An Vinh, xã Quỳnh Hội; huyện Tiền Hải: xã Nam Cường, xã Đông Xuyên
035 tỉnh Hà Nam|Hà Nam|huyện Lý Nhân: xã Nhân Khang, xã Hòa Hậu, thị trấn Vĩnh Trụ; huyện Kim Bảng: phường Quế, xã Thi Sơn
036 tỉnh Nam Định|Nam Định|huyện Giao Thủy: xã Giao Hương, xã Bạch Long, thị trấn Quất Lâm; huyện Ý Yên: xã Yên Khánh, xã Yên Phong
037 tỉnh Ninh Bình|Ninh Bình|huyện Nho Quan: xã Cúc Phương, xã Quỳnh Lưu; huyện Kim Sơn: xã Kim Chính, thị trấn Phát Diệm
038 tỉnh Thanh Hóa|Thanh Hóa|huyện Nông Cống: xã Vạn Thiện, xã Minh Khôi, thị trấn Nông Cống; huyện Quan Hóa: xã Phú Lệ, xã Trung Thành; thị xã Nghi Sơn: phường Hải Hòa, xã Tân Trường
040 tỉnh Nghệ An|Nghệ An|huyện Quỳ Châu: xã Châu Bình, xã Châu Tiến; huyện Đô Lương: xã Tràng Sơn, xã Thuận Sơn; huyện Kỳ Sơn: xã Mường Xén, xã Tà Cạ
042 tỉnh Hà Tĩnh|Hà Tĩnh|huyện Hương Khê: xã Phúc Trạch, xã Gia Phố; huyện Thạch Hà: xã Thạch Khê, xã Tượng Sơn
044 tỉnh Quảng Bình|Quảng Bình|huyện Lệ Thủy: xã Phong Thủy, xã Ngân Thủy, thị trấn Kiến Giang; huyện Minh Hóa: xã Dân Hóa, xã Yên Hóa
045 tỉnh Quảng Trị|Quảng Trị|huyện Hướng Hóa: xã Tân Lập, xã Húc, thị trấn Khe Sanh; huyện Gio Linh: xã Trung Giang, xã Linh Trường
046 tỉnh Thừa Thiên Huế|Thừa Thiên Huế|huyện A Lưới: xã Hồng Thượng, xã A Ngo; thị xã Hương Thủy: phường Thủy Phương, xã Dương Hòa
048 thành phố Đà Nẵng|Đà Nẵng|quận Cẩm Lệ: phường Khuê Trung, phường Hòa Phát; huyện Hòa Vang: xã Hòa Phú, xã Hòa Liên
049 tỉnh Quảng Nam|Quảng Nam|huyện Đại Lộc: xã Đại Hồng, xã Đại Quang, thị trấn Ái Nghĩa; huyện Tây Giang: xã A Tiêng, xã Bhalêê
051 tỉnh Quảng Ngãi|Quảng Ngãi|huyện Mộ Đức: xã Đức Nhuận, xã Đức Phong; huyện Trà Bồng: xã Trà Phú, xã Hương Trà
052 tỉnh Bình Định|Bình Định|huyện Tây Sơn: xã Bình Nghi, xã Tây Phú, thị trấn Phú Phong; huyện Phù Cát: xã Cát Hanh, xã Cát Tài
054 tỉnh Phú Yên|Phú Yên|huyện Sông Hinh: xã Ea Bar, xã Đức Bình Đông, thị trấn Hai Riêng; huyện Tuy An: xã An Ninh Tây, xã An Cư
056 tỉnh Khánh Hòa|Khánh Hòa|huyện Diên Khánh: xã Diên Phú, xã Suối Hiệp; huyện Khánh Vĩnh: xã Khánh Thượng, xã Giang Ly
058 tỉnh Ninh Thuận|Ninh Thuận|huyện Ninh Phước: xã An Hải, xã Phước Thuận, thị trấn Phước Dân; huyện Bác Ái: xã Phước Đại
060 tỉnh Bình Thuận|Bình Thuận|huyện Tánh Linh: xã Đức Phú, xã La Ngâu; huyện Bắc Bình: xã Sông Lũy, thị trấn Chợ Lầu
062 tỉnh Kon Tum|Kon Tum|huyện Ngọc Hồi: xã Đắk Nông, xã Sa Loong; huyện Kon Plông: xã Măng Cành, xã Đắk Tăng
064 tỉnh Gia Lai|Gia Lai|huyện Chư Sê: xã Ia Blang, xã Kông Htok; huyện Kbang: xã Krong, xã Đak Smar; thị xã Ayun Pa: phường Cheo Reo, xã Ia Rtô
066 tỉnh Đắk Lắk|Đắk Lắk|huyện Krông Năng: xã Phú Xuân, xã Ea Hồ; huyện Buôn Đôn: xã Krông Na, xã Ea Wer; thị xã Buôn Hồ: phường An Lạc, xã Bình Thuận
067 tỉnh Đắk Nông|Đắk Nông|huyện Đắk Mil: xã Đức Minh, xã Thuận An; huyện Tuy Đức: xã Quảng Trực, xã Đắk Búk So
068 tỉnh Lâm Đồng|Lâm Đồng|huyện Di Linh: xã Tân Châu, xã Gia Bắc; huyện Lạc Dương: xã Đưng K'Nớ, xã Đạ Sar; thành phố Bảo Lộc: phường Lộc Phát, xã Đam Bri
070 tỉnh Bình Phước|Bình Phước|huyện Bù Đăng: xã Thọ Sơn, xã Đắk Nhau; thị xã Bình Long: phường Hưng Chiến, xã Thanh Lương
072 tỉnh Tây Ninh|Tây Ninh|huyện Tân Biên: xã Thạnh Bình, xã Hòa Hiệp; thị xã Trảng Bàng: phường Gia Lộc, xã Đôn Thuận
074 tỉnh Bình Dương|Bình Dương|huyện Dầu Tiếng: xã Minh Tân, xã Long Hòa; thành phố Tân Uyên: phường Uyên Hưng, xã Bạch Đằng
075 tỉnh Đồng Nai|Đồng Nai|huyện Xuân Lộc: xã Suối Cát, xã Xuân Bắc; thành phố Biên Hòa: phường Trảng Dài, phường Bửu Long
077 tỉnh Bà Rịa - Vũng Tàu|Bà Rịa - Vũng Tàu|huyện Xuyên Mộc: xã Bàu Lâm, xã Hòa Hưng; thị xã Phú Mỹ: phường Hắc Dịch, xã Sông Xoài
079 Thành phố Hồ Chí Minh|Thành phố Hồ Chí Minh|Quận 6: Phường 3, Phường 11; quận Bình Tân: phường An Lạc, phường Tân Tạo; huyện Củ Chi: xã An Nhơn Tây, xã Phước Vĩnh An
080 tỉnh Long An|Long An|huyện Đức Huệ: xã Mỹ Quý Tây, xã Bình Thành; huyện Cần Giuộc: xã Long Hậu, thị trấn Cần Giuộc
082 tỉnh Tiền Giang|Tiền Giang|huyện Gò Công Đông: xã Tân Điền, xã Bình Ân; thành phố Mỹ Tho: Phường 6, xã Tân Mỹ Chánh
083 tỉnh Bến Tre|Bến Tre|huyện Giồng Trôm: xã Lương Hòa, xã Hưng Nhượng; huyện Ba Tri: xã Bảo Thuận, thị trấn Tiệm Tôm
084 tỉnh Trà Vinh|Trà Vinh|huyện Trà Cú: xã Hàm Giang, xã Đại An; huyện Cầu Ngang: xã Nhị Trường, thị trấn Mỹ Long
086 tỉnh Vĩnh Long|Vĩnh Long|huyện Trà Ôn: xã Lục Sĩ Thành, xã Vĩnh Xuân; thị xã Bình Minh: phường Cái Vồn, xã Mỹ Hòa
087 tỉnh Đồng Tháp|Đồng Tháp|huyện Lấp Vò: xã Mỹ An Hưng B, xã Tân Khánh Trung; thành phố Sa Đéc: phường Tân Quy Đông, xã Tân Khánh Đông
089 tỉnh An Giang|An Giang|huyện Tri Tôn: xã Ô Lâm, xã Lương Phi; huyện Chợ Mới: xã Kiến Thành, xã Mỹ Hội Đông
091 tỉnh Kiên Giang|Kiên Giang|huyện Gò Quao: xã Định An, xã Vĩnh Hòa Hưng Bắc; huyện Hòn Đất: xã Thổ Sơn, xã Mỹ Lâm
092 thành phố Cần Thơ|Cần Thơ|quận Cái Răng: phường Ba Láng, phường Hưng Phú; huyện Thới Lai: xã Trường Xuân, xã Định Môn
093 tỉnh Hậu Giang|Hậu Giang|huyện Long Mỹ: xã Lương Tâm, xã Xà Phiên; thị xã Long Mỹ: phường Thuận An, xã Tân Phú
094 tỉnh Sóc Trăng|Sóc Trăng|thị xã Vĩnh Châu: phường Khánh Hòa, xã Lai Hòa; huyện Kế Sách: xã Nhơn Mỹ, xã An Lạc Tây
095 tỉnh Bạc Liêu|Bạc Liêu|huyện Hồng Dân: xã Lộc Ninh, xã Ninh Thạnh Lợi A; thị xã Giá Rai: phường Láng Tròn, xã Phong Tân
096 tỉnh Cà Mau|Cà Mau|huyện Đầm Dơi: xã Tân Duyệt, xã Quách Phẩm; huyện Ngọc Hiển: xã Đất Mũi, xã Viên An Đông
"""

# province after 1 July 2025 | codes of the provinces it was made of | communes
NEW = """
thành phố Hà Nội|001|xã Vật Lại, xã Suối Hai, phường Bồ Đề, xã Vân Đình
tỉnh Tuyên Quang|002 008|xã Đồng Văn, xã Lùng Tám, xã Nà Hang, xã Sơn Thủy
tỉnh Cao Bằng|004|xã Đàm Thủy, xã Bảo Lạc, phường Thục Phán
tỉnh Lào Cai|010 015|xã Tả Van, xã Bắc Hà, xã Mù Cang Chải, phường Nghĩa Lộ
tỉnh Thái Nguyên|006 019|xã Ba Bể, xã Đồng Hỷ, phường Phổ Yên, xã Thượng Minh
tỉnh Phú Thọ|017 025 026|xã Mai Châu, xã Thanh Sơn, xã Tam Dương, xã Thổ Tang
tỉnh Bắc Ninh|024 027|xã Lục Ngạn, phường Chũ, xã Trung Kênh, phường Từ Sơn
tỉnh Hưng Yên|033 034|xã Khoái Châu, xã Ân Thi, xã Quỳnh Phụ, xã Nam Tiền Hải
thành phố Hải Phòng|030 031|xã Vĩnh Am, phường An Biên, xã Thanh Miện, phường Chu Văn An
tỉnh Ninh Bình|035 036 037|xã Giao Hưng, xã Lý Nhân, xã Cúc Phương, phường Hoa Lư
tỉnh Quảng Trị|044 045|xã Lệ Thủy, xã Khe Sanh, xã Tân Thành, phường Đồng Hới
thành phố Huế|046|xã A Lưới 2, phường Thanh Thủy, phường Phú Bài
thành phố Đà Nẵng|048 049|xã Đại Lộc, xã Tây Giang, phường Cẩm Lệ, xã Hòa Tiến
tỉnh Quảng Ngãi|051 062|xã Mỏ Cày, xã Trà Bồng, xã Măng Đen, xã Bờ Y
tỉnh Gia Lai|052 064|xã Bình Khê, xã Phù Cát, xã Chư Sê, phường Ayun Pa
tỉnh Khánh Hòa|056 058|xã Diên Lạc, xã Khánh Vĩnh, xã Ninh Phước, phường Đông Hải
tỉnh Đắk Lắk|054 066|xã Krông Năng, xã Ea Wer, phường Buôn Hồ, xã Sông Hinh
tỉnh Lâm Đồng|060 067 068|xã Di Linh, xã Đức Lập, xã Tánh Linh, phường 1 Bảo Lộc
tỉnh Đồng Nai|070 075|xã Xuân Lộc, phường Trảng Dài, xã Bù Đăng, phường Bình Long
Thành phố Hồ Chí Minh|074 077 079|phường Bình Phú, xã An Nhơn Tây, xã Dầu Tiếng, phường Tân Thành
tỉnh Tây Ninh|072 080|xã Thạnh Bình, phường Trảng Bàng, xã Mỹ Quý, xã Cần Giuộc
tỉnh Đồng Tháp|082 087|xã Tân Đông, phường Đạo Thạnh, xã Lấp Vò, phường Sa Đéc
tỉnh Vĩnh Long|083 084 086|xã Giồng Trôm, xã Trà Cú, xã Trà Ôn, phường Cái Vồn
tỉnh An Giang|089 091|xã Tri Tôn, xã Chợ Mới, xã Gò Quao, xã Hòn Đất
thành phố Cần Thơ|092 093 094|phường Cái Răng, xã Thới Lai, phường Vĩnh Châu, xã Lương Tâm
tỉnh Cà Mau|095 096|xã Hồng Dân, phường Giá Rai, xã Đầm Dơi, xã Đất Mũi
tỉnh Lai Châu|012|xã Than Uyên, xã Sìn Hồ
tỉnh Điện Biên|011|xã Tuần Giáo, xã Mường Nhé
tỉnh Sơn La|014|phường Mộc Sơn, xã Thuận Châu
tỉnh Lạng Sơn|020|xã Hữu Lũng, xã Na Dương
tỉnh Quảng Ninh|022|phường Quảng Yên, xã Bình Liêu
tỉnh Thanh Hóa|038|xã Nông Cống, xã Trung Thành, phường Nghi Sơn
tỉnh Nghệ An|040|xã Quỳ Châu, xã Đô Lương, xã Mường Xén
tỉnh Hà Tĩnh|042|xã Hương Khê, xã Thạch Khê
"""

STREETS = (
    "Trần Phú", "Nguyễn Thị Minh Khai", "Lạc Long Quân", "30 Tháng 4", "Tôn Đức Thắng", "Ngô Gia Tự", "Bà Triệu",
    "Phạm Ngũ Lão", "Hoàng Hoa Thám", "Cách Mạng Tháng Tám", "Âu Cơ", "Nguyễn Văn Cừ", "Đinh Tiên Hoàng", "Tố Hữu",
    "Võ Thị Sáu", "Nguyễn Công Trứ", "Huỳnh Thúc Kháng", "Y Bih Alêô", "Nơ Trang Long", "Điện Biên Phủ",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A commune, ward or township. ``district`` is empty since 1 July 2025."""

    code: str
    commune: str
    district: str
    province: str

    @property
    def address(self) -> str:
        """"xã A, huyện B, tỉnh C" or, since 2025, "xã A, tỉnh C"."""
        return ", ".join(part for part in (self.commune, self.district, self.province) if part)

    @property
    def modern(self) -> bool:
        return not self.district


UNITS = ("thị trấn", "thành phố", "Thành phố", "thị xã", "phường", "Phường", "huyện", "quận", "Quận", "tỉnh", "xã")


def bare(name: str) -> str:
    """"huyện Ba Vì" -> "Ba Vì"; a numbered ward keeps its unit ("Phường 3"), as it is printed before the date."""
    for unit in UNITS:
        if name.startswith(unit + " "):
            rest = name[len(unit) + 1 :]
            return name if rest.isdigit() else rest
    return name


@cache
def old_places() -> tuple[Place, ...]:
    """Communes as they were until 30 June 2025."""
    places = []
    for line in OLD.strip().splitlines():
        head, _, districts = line.split("|")
        code, province = head.split(" ", 1)
        for part in districts.split(";"):
            district, communes = part.split(":")
            places += [Place(code, name.strip(), district.strip(), province) for name in communes.split(",")]
    return tuple(places)


@cache
def new_places() -> tuple[Place, ...]:
    """Communes since 1 July 2025; the code is that of one province merged into the present one."""
    places = []
    for line in NEW.strip().splitlines():
        province, codes, communes = line.split("|")
        for index, name in enumerate(communes.split(",")):
            parts = codes.split()
            places.append(Place(parts[index % len(parts)], name.strip(), "", province))
    return tuple(places)


def pick_place(rng: random.Random, modern: bool) -> Place:
    """A commune of the time before or since 1 July 2025."""
    return rng.choice(new_places() if modern else old_places())


def neighbour(rng: random.Random, place: Place) -> Place:
    """A commune of the same province (mostly) and time."""
    same = [p for p in (new_places() if place.modern else old_places()) if p.province == place.province]
    return rng.choice(same) if rng.random() < 0.75 else pick_place(rng, place.modern)


def door(rng: random.Random, place: Place) -> str:
    """Hamlet or house in the place, as written before the commune ("Thôn 4", "Số 12/3 đường Âu Cơ")."""
    town = not place.commune.startswith("xã")
    roll = rng.random()
    if town and roll < 0.75:
        number = rng.choice([f"{rng.randint(1, 480)}", f"{rng.randint(2, 90)}/{rng.randint(1, 44)}", f"{rng.randint(1, 99)}B"])
        street = rng.choice(STREETS)
        group = rng.choice(["", "", f", tổ dân phố {rng.randint(1, 22)}", f", khu phố {rng.randint(1, 9)}"])
        return rng.choice(["Số ", "số nhà ", ""]) + f"{number} đường {street}{group}"
    if town:
        return f"{rng.choice(['Tổ dân phố', 'Khu phố', 'Tổ', 'Khối'])} {rng.randint(1, 24)}"
    if place.code in {"062", "064", "066", "067"} and roll < 0.6:
        return rng.choice(["Buôn Kmrơng Prông A", "Buôn Ea Mtá", "Làng Plei Lao", "Bon Bu Đăr", "Làng Kon Bông", "Thôn 6"])
    if place.code in {"002", "004", "006", "008", "010", "011", "012", "014", "015"} and roll < 0.6:
        return rng.choice(["Bản Nà Mười", "Thôn Lũng Hòa", "Bản Pá Khoang", "Thôn Séo Mý Tỷ", "Xóm Bó Lếch", "Bản Huổi Lóng"])
    south = int(place.code) >= 70
    kind = "Ấp" if south else rng.choice(["Thôn", "Xóm", "Thôn", "Đội"])
    tail = rng.choice(
        [str(rng.randint(1, 15)), "Bình Hòa", "Đông Thịnh", "Phú Thọ", "Tân Lập", "Trung Chánh", "Hạ", "Mỹ Phước 2", "Cầu Đá"]
    )
    return f"{kind} {tail}"
