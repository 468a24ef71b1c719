"""Made people: names of many kinds, identity numbers that fit sex and birth year, tax codes, dates in words."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from samples.places import Place, door

SURNAMES = (
    "Nguyễn Nguyễn Nguyễn Nguyễn Trần Trần Lê Lê Phạm Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Đinh Lâm Trịnh Mai Đào "
    "Đoàn Vương Tạ Thái Châu Quách Tống Thân Nghiêm Từ La Khổng Doãn Phùng Lưu Tăng Kiều Cù Thạch Triệu Hà Chử Văn Mạc Ninh"
).split()
MALE_MIDDLE = (
    "Văn Văn Hữu Đức Xuân Quang Minh Ngọc Đình Công Thanh Hoàng Gia Quốc Bá Trọng Viết Duy Khắc Tấn".split()
)
MALE_GIVEN = (
    "An Bảo Bình Chiến Chương Cường Danh Dũng Duẩn Dương Đạt Điệp Đông Giang Hải Hiển Hiệp Hòa Hoan Huấn Hùng Huy Khải Khánh Khoa "
    "Kiệt Lâm Long Luân Lực Mạnh Nghĩa Nguyên Nhân Nhật Phát Phong Phúc Quân Quyết Sang Sơn Tài Tâm Thạch Thái Thắng Thịnh Thuần "
    "Tiến Toản Trí Trung Trường Tuấn Tùng Việt Vinh Vũ Vượng Ước Đoan Khuê"
).split()
FEMALE_MIDDLE = (
    "Thị Thị Thị Thị Ngọc Thanh Thu Kim Hồng Bích Mỹ Phương Thùy Minh Diệu Cẩm Tuyết Như Khánh".split()
)
FEMALE_GIVEN = (
    "Ánh Anh Ân Bưởi Châu Chi Cúc Dung Duyên Đào Điệp Giang Gấm Hà Hạnh Hằng Hậu Hiền Hoa Hoài Hợi Huệ Hương Hường Khuyên Kiều Lài "
    "Lan Lành Liên Linh Loan Lụa Ly Mai Mận My Mỹ Nga Ngân Nguyệt Nhàn Nhung Oanh Phượng Quế Quyên Sương Tâm Thảo Thắm Thoa Thơm Thủy "
    "Thúy Thương Tình Trang Trâm Trinh Tú Tươi Tuyền Uyên Vân Xuân Xuyến Yến"
).split()

# people -> (surnames or prefixes, male given, female given, province codes where they live)
MINORITIES: dict[str, tuple[str, str, str, str]] = {
    "Tày": ("Nông Hoàng Ma Bế Lương Triệu", "Văn Thiện|Đình Tuấn|Văn Khìn", "Thị Én|Thị Slao|Hoài Thương", "002 004 006 008 019 020"),
    "Thái": ("Lò Cà Quàng Lường Tòng Lèo", "Văn Pánh|Văn Inh|Văn Hặc", "Thị Ban|Thị Xôm|Thị Inh", "011 012 014 015 040 038"),
    "Mường": ("Bùi Quách Hà Đinh Phạm", "Văn Ím|Văn Đậm|Văn Nhiển", "Thị Ẻn|Thị Dậm|Thị Nhình", "017 025 038"),
    "Mông": ("Giàng Vàng Thào Sùng Lầu Hạng Vừ", "A Páo|A Dế|Mí Sính|A Lử|Bá Tểnh", "Thị Mỷ|Thị Dợ|Thị Say|Y Mái", "002 010 011 012 015 040"),
    "Dao": ("Triệu Phàn Chảo Tẩn Đặng", "Mùi Chiêu|Láo Sử|Kiềm Phấu", "Mùi Nhạy|Tả Mẩy|Mùi Pham", "002 004 006 008 010 022"),
    "Nùng": ("Nùng Vi Lộc Hoàng Lý", "Văn Sìn|Văn Páo|Đức Lừu", "Thị Sếnh|Thị Pham|Thị Múi", "004 020 024"),
    "Khơ Me": ("Thạch Sơn Kim Danh Lâm", "Sóc Phai|Chanh Đa|Ươl|Sa Vên", "Thị Sà Rên|Thị Phô La|Na Vy", "084 094 091 089 095"),
    "Chăm": ("Thành Đàng Bá Quảng", "Văn Đại|Năng Quốc|Ngọc Thiên Hương", "Thị Mỹ Nhân|Thị Thông|Thị Kim Loan", "058 060 089"),
    "Hoa": ("Trương Lâm Quan Hứa Mã", "Quốc Hào|Chí Cường|Vĩ Minh", "Mỹ Dung|Tú Anh|Bội Linh", "079 094 095 075"),
}  # fmt: skip
HIGHLAND: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "Ê Đê": (("Y Blim Niê", "Y Thuyên Ksơr", "Y Jút Mlô", "Y Wưl Êban"), ("H'Hen Niê", "H'Lim Êban", "H Yun Niê Kdăm", "H'Ngăm Mlô"), "066 054"),
    "Gia Rai": (("Kpă Y Bluôm", "Rơ Châm Hyan", "Siu Thuyn", "Rah Lan Phưt"), ("Ksor H'Nhươn", "Rơ Mah H'Blí", "Siu H'Yer", "Nay H'Nga"), "064"),
    "Ba Na": (("Đinh Hlơn", "A Klơr", "Đinh Văn Grưm"), ("Y Byưn", "Đinh Thị Prơih", "Y Hlêh"), "062 064 052"),
    "Xơ Đăng": (("A Thút", "A Plưng", "A Rin"), ("Y Hnhiên", "Y Lăng", "Y Xuyển"), "062 049"),
    "M'Nông": (("Điểu Kré", "Y Brông Bya", "Điểu Măng"), ("H'Brai Bkrông", "Thị Mhrơi", "H'Mai"), "067 066"),
    "Cơ Ho": (("K' Brẻo", "Cil Ha Khương", "Lơ Mu Ha Poh"), ("Ka Hẹ", "Cil K' Duyên", "Ka Thủy"), "068"),
    "Cơ Tu": (("Bhling Mia", "Alăng Bhuốch", "Zơrâm Nhất"), ("Bhnước Thị Hiên", "Arất Thị Blúi", "Pơloong Thị Đơơn"), "049 046"),
}  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A made person; ``identity`` is the 12-digit number, ``old_card`` a 9-digit one."""

    name: str
    male: bool
    born: date
    people: str
    identity: str
    old_card: str
    home: str
    place: Place

    @property
    def sex(self) -> str:
        return "Nam" if self.male else "Nữ"

    @property
    def title(self) -> str:
        return "Ông" if self.male else "Bà"


def kinh_name(rng: random.Random, male: bool) -> str:
    """A Kinh name of two to five words."""
    middle, given = (MALE_MIDDLE, MALE_GIVEN) if male else (FEMALE_MIDDLE, FEMALE_GIVEN)
    words = [rng.choice(SURNAMES)]
    roll = rng.random()
    if roll < 0.12:
        words.append(rng.choice(SURNAMES))
    if roll > 0.06:
        words.append(rng.choice(middle))
    if (not male and words[-1] == "Thị" and rng.random() < 0.5) or rng.random() < 0.12:
        words.append(rng.choice([word for word in middle if word != "Thị" and word not in words]))
    last = rng.choice([word for word in given if word not in words])
    return " ".join([*words, last])


def name_and_people(rng: random.Random, male: bool, code: str) -> tuple[str, str]:
    """(name, people) likely in the province with this code."""
    if rng.random() < 0.55:
        for people, (men, women, codes) in HIGHLAND.items():
            if code in codes.split() and rng.random() < 0.6:
                return rng.choice(men if male else women), people
        for people, (surnames, men, women, codes) in MINORITIES.items():
            if code in codes.split() and rng.random() < 0.6:
                return (
                    f"{rng.choice(surnames.split())} {rng.choice((men if male else women).split('|'))}",
                    people,
                )
    return kinh_name(rng, male), "Kinh"


def identity_number(rng: random.Random, code: str, male: bool, year: int) -> str:
    """12 digits: province, century and sex (0/1 for 19xx, 2/3 for 20xx), year of birth, six at random."""
    century = (year // 100 - 19) * 2 + (0 if male else 1)
    return f"{code}{century}{year % 100:02d}{rng.randint(0, 999999):06d}"


def identity_fits(number: str, male: bool, year: int) -> bool:
    """True when a 12-digit number agrees with sex and year of birth."""
    return (
        len(number) == 12
        and number.isdigit()
        and int(number[3]) == (year // 100 - 19) * 2 + (0 if male else 1)
        and number[4:6] == f"{year % 100:02d}"
    )


def tax_code(rng: random.Random) -> str:
    """A 10-digit tax code with its check digit."""
    while True:
        digits = [rng.randint(0, 9) for _ in range(9)]
        check = 10 - sum(w * d for w, d in zip((31, 29, 23, 19, 17, 13, 7, 5, 3), digits, strict=True)) % 11
        if check < 10:
            return "".join(map(str, [*digits, check]))


def random_date(rng: random.Random, first: date, last: date) -> date:
    return first + timedelta(days=rng.randint(0, max(0, (last - first).days)))


def person(
    rng: random.Random, place: Place, today: date, ages: tuple[int, int] = (20, 70), male: bool | None = None
) -> Person:
    """Somebody living in ``place`` whose age lies in ``ages`` on ``today``."""
    male = rng.random() < 0.5 if male is None else male
    born = random_date(rng, today - timedelta(days=ages[1] * 365), today - timedelta(days=ages[0] * 365 + 5))
    born = max(born, date(1925, 1, 1))
    name, people = name_and_people(rng, male, place.code)
    home = f"{door(rng, place)}, {place.address}"
    card = f"{rng.choice('0123')}{rng.randint(10_000_000, 99_999_999)}"
    return Person(
        name, male, born, people, identity_number(rng, place.code, male, born.year), card, home, place
    )


UNITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")


def number_words(value: int, linh: str = "linh", tu: str = "tư") -> str:
    """A number from 0 to 999 999 999 999 in Vietnamese words ("hai mươi mốt", "một trăm linh năm")."""
    if value < 10:
        return UNITS[value]
    if value < 100:
        tens, unit = divmod(value, 10)
        head = "mười" if tens == 1 else f"{UNITS[tens]} mươi"
        if unit == 0:
            return head
        last = UNITS[unit]
        if unit == 5:
            last = "lăm"
        elif unit == 1 and tens > 1:
            last = "mốt"
        elif unit == 4 and tens > 1:
            last = tu
        return f"{head} {last}"
    if value < 1000:
        hundreds, rest = divmod(value, 100)
        head = f"{UNITS[hundreds]} trăm"
        if rest == 0:
            return head
        return f"{head} {linh} {UNITS[rest]}" if rest < 10 else f"{head} {number_words(rest, linh, tu)}"
    for size, name in ((10**9, "tỷ"), (10**6, "triệu"), (1000, "nghìn")):
        if value >= size:
            high, rest = divmod(value, size)
            head = f"{number_words(high, linh, tu)} {name}"
            if rest == 0:
                return head
            if rest < 10 and size == 1000:
                return f"{head} không trăm {linh} {UNITS[rest]}"
            if rest < 100 and size == 1000:
                return f"{head} không trăm {number_words(rest, linh, tu)}"
            return f"{head} {number_words(rest, linh, tu)}"
    raise ValueError(value)


def date_words(rng: random.Random, day: date) -> str:
    """A date in words; offices differ in "linh/lẻ", "tư/bốn", "nghìn/ngàn" and in how they name early years."""
    linh, tu = rng.choice(["linh", "linh", "lẻ"]), rng.choice(["tư", "tư", "bốn"])
    year = number_words(day.year, linh, tu)
    if day.year >= 2000 and rng.random() < 0.3:
        year = year.replace("nghìn không trăm", "nghìn", 1) if day.year % 100 >= 10 else year
    if rng.random() < 0.2:
        year = year.replace("nghìn", "ngàn")
    month = "tư" if day.month == 4 and rng.random() < 0.9 else number_words(day.month, linh, tu)
    sep = rng.choice([", ", ", ", " "])
    return f"Ngày {number_words(day.day, linh, tu)}{sep}tháng {month}{sep}năm {year}"


def money_words(value: int) -> str:
    """An amount of dong in words, first letter in capitals."""
    words = number_words(value) + " đồng"
    return words[0].upper() + words[1:]
