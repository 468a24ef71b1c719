"""Which letter groups can be Vietnamese syllables, and which are usual in personal names.

A syllable is an onset, a rime and a tone; rimes closed by p, t, c, ch bear only the tones sắc and nặng. Words that break
these rules are reading errors, names of other peoples (Ea Kpam), foreign words or abbreviations: they are never changed
here, only counted, so that a value with such a word goes to a person unless the word is known.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ocr.normalise import nfc

_ONSETS = frozenset("b c ch d đ g gh gi h k kh l m n ng ngh nh p ph q qu r s t th tr v x".split()) | {""}
_RIMES = frozenset(
    "a ai ao au ay ac ach am an ang anh ap at ăc ăm ăn ăng ăp ăt âc âm ân âng âp ât âu ây e ec em en eng eo ep et ê êch êm ên "
    "ênh êp êt êu i ia ich im in inh ip it iu iê iêc iêm iên iêng iêp iêt iêu y yêm yên yêng yêt yêu o oa oac oach oai oam oan oang "
    "oanh oao oap oat oay oăc oăm oăn oăng oăt oc oe oen oeo oet oi om on ong oong ooc op ot ô ôc ôi ôm ôn ông ôp ôt ơ ơi ơm ơn ơp ơt "
    "u ua uac uai uan uang uao uat uay uâ uân uâng uât uây uc ue uê uêch uên uênh uêt uêu ui um un ung uơ up ut uy uya uych uyên uyêt "
    "uyn uynh uyt uyu uôc uôi uôm uôn uông uôt uu uơn ư ưa ưc ưi ưm ưn ưng ươ ươc ươi ươm ươn ương ươp ươt ươu ưt ưu ăng ênh uit uyp"
    .split()
)  # fmt: skip
_TONES = {"\u0300": "huyền", "\u0301": "sắc", "\u0303": "ngã", "\u0309": "hỏi", "\u0323": "nặng"}

KNOWN_FOREIGN = frozenset(
    "ea kpam krông krong cư m'gar đắk lắk đăk kon tum ia pleiku h'leo kar pắc păc buôn tnhh cccd cmnd ubnd hđnd tp q p tx tt sa pa "
    "fax email website covid thpt gd đt hs sv ttatgt m2 kt vt qđst hngđ kr búk súp hleo bông m'đrắk blang grai jrai pưh chư prông sê păh "
    "kbang mang yang đức cơ plông rẫy glei glong r'lấp jút mil wer song đạ tẻh huoai bảo lộc quý iii ii iv vi vii viii ix x bsc kcn".split()
)  # fmt: skip

_NAME_SYLLABLES = (
    "Ái An Anh Ánh Ân Ấn Ẩn Ba Bá Bách Bạch Ban Bảo Bảy Băng Bằng Bắc Bích Biên Biểu Bình Bính Bông Bổn Bội Bùi Ca Cả Cam Cát Cẩm Cảnh Canh "
    "Cao Cầm Cẩn Châm Chi Chí Chiến Chiểu Chiêu Chinh Chính Chiếm Chung Chuyên Chuyền Chu Chúc Chức Chương Chước Châu Công Cung Cúc Cư Cừ Cử Cương "
    "Cường Dân Danh Diễm Diên Diễn Diện Diệp Diệu Dinh Do Doan Doanh Dung Dũng Duy Duyên Duyệt Dư Dự Dương Dưỡng Đa Đại Đan Đàn Đán Đạo Đạt Đào Đăng "
    "Đắc Đảng Đáng Đạm Đẳng Đặng Đậu Đẹp Đệ Điền Điển Điệp Điểm Đinh Đình Đính Định Đoan Đoàn Đoài Đô Đồng Đông Động Đỗ Độ Độc Đức Đường Đưởng Đương "
    "Gấm Gia Giác Giang Giao Giáp Giàu Giỏi Hà Hạ Hai Hải Hán Hàn Hàm Hạnh Hân Hãn Hào Hảo Hạo Hằng Hậu Hiên Hiến Hiền Hiển Hiệp Hiệu Hiếu Hiểu Hoa "
    "Hóa Hòa Hoan Hoàn Hoàng Hoạt Hoài Hội Hối Hồ Hồi Hồng Hợi Hợp Huân Huấn Huề Huệ Hùng Huy Huyên Huyền Huyện Huynh Huỳnh Hưng Hứa Hưởng Hương Hường "
    "Hướng Hựu Hữu Kha Khả Khái Khải Khang Khanh Khánh Khắc Khiêm Khiết Khoa Khoái Khoan Khoản Khôi Khởi Khuê Khuyên Khương Khúc Kiên Kiệm Kiệt Kiếm "
    "Kiều Kiểu Kim Kính Kỳ Kỷ Ký La Lài Lam Lan Lanh Lành Lãm Lạc Lại Lãnh Lãng Lâm Lân Lập Lê Lệ Lễ Liêm Liên Liễn Liệu Liễu Linh Lịch Lĩnh Loan Loát Long Lô Lộc "
    "Lợi Lụa Luân Luận Luật Lục Lũy Lung Lừng Lực Lưu Lương Lượng Lượm Lữ Lý Ly Lý Mạc Mai Mãi Mạnh Mẫn Mận Mậu Mến Minh Mi Mị Miên Miền Mơ Mộng Muôn Mừng Mười Mùi My Mỹ "
    "Na Nam Nết Nga Ngà Ngạn Ngát Ngân Ngần Nghi Nghị Nghĩa Nghiêm Nghiệp Ngọ Ngoan Ngoãn Ngọc Ngô Ngôn Nguyên Nguyễn Nguyệt Ngữ Nhã Nhạn Nhàn Nhan Nhân Nhẫn Nhất Nhật Nhi Nhị Nhiên "
    "Nhiệm Nhơn Nhu Nhung Như Nhựt Nhường Nhượng Ninh Nông Nở Nữ Nương Oanh Phác Pháp Phát Phán Phan Phái Phi Phiên Phó Phong Phòng Phóng Phô Phối Phu Phú Phúc Phụng Phùng Phước "
    "Phương Phượng Phường Quách Quản Quang Quảng Quân Quế Quốc Quy Quý Quỳ Quỳnh Quyên Quyền Quyến Quyết Quyển Quyệt Sa San Sang Sáng Sản Sáu Sâm Sen Sinh Sĩ Soạn Son Sóng Song Sô Sơn Sung "
    "Suốt Sương Sử Sự Sửu Tá Tạ Tài Tại Tám Tam Tâm Tân Tấn Tất Tây Tạo Tặng Tầm Tần Tập Thà Thái Thanh Thành Thạch Thạnh Thao Thảo Thạo Thăng Thắng Thắm Thắng Thân Thận Thập Thất Thậm Thế Thể Thêm Thi Thí "
    "Thị Thì Thía Thiêm Thiên Thiện Thiết Thiếp Thiệp Thiều Thiệu Thìn Thịnh Thọ Thoa Thoại Thỏa Thoan Thoàn Thông Thống Thơ Thơm Thời Thới Thu Thuần Thuận Thuật Thuấn Thục Thúc Thụ Thủ Thủy Thùy Thúy Thụy Thư Thứ "
    "Thương Thường Thưởng Thược Thức Thực Tiến Tiên Tiền Tiện Tiển Tiếp Tiệp Tín Tỉnh Tình Tịnh Tính Toán Toàn Toản Toại Tô Tố Tôn Tổng Tộ Tới Trà Trác Trai Trại Trang Tráng Tràng Trạng Trâm Trân Trần Trầm Trận Trì Trí Trị "
    "Trinh Trình Trịnh Triết Triều Triệu Triển Trong Trọng Trung Trúc Trụ Trực Trưng Trứ Trường Trưởng Trương Truyền Truyện Tú Tuân Tuấn Tuất Tuệ Tùng Tụng Túc Tư Tứ Tự Từ Tường Tưởng Tươi Tước Tửu Tuyên Tuyến Tuyền Tuyển Tuyết "
    "Tuynh Tý Tỵ Tỷ Uy Uyên Uyển Út Ứng Ước Ưng Vạn Vàng Vân Văn Vận Vấn Vẻ Vi Vĩ Vị Viên Viện Việt Viết Viễn Vịnh Vĩnh Vinh Võ Vọng Vòng Vũ Vụ Vui Vương Vượng Vượt Vy Vỹ Xa Xanh Xinh Xuân Xuất Xuyên Xuyến Xứng Xô "
    "Y Ý Yên Yến Yểu Thắng Sanh Sỹ Tiếng Tiệm Nhiễm Bửu Chánh Cẩn Đởm Huê Kiển Lễ Nhịn Oánh Phấn Phận Quới Rô Sum Tạc Thái Thời Trinh Vững Xuyền Bưởi Cúc Đào Lựu Quýt Hồng Mận Sen Súng"
)  # fmt: skip
NAME_SYLLABLES = frozenset(nfc(word).lower() for word in _NAME_SYLLABLES.split())


@lru_cache(maxsize=65536)
def is_syllable(word: str) -> bool:
    """True when the word (letters only, any case) can be a Vietnamese syllable with its tone."""
    word = nfc(word).lower()
    tone = ""
    plain = []
    for char in word:
        letters = unicodedata.normalize("NFD", char)
        marks = [m for m in letters[1:] if m in _TONES]
        if len(marks) + (1 if tone and marks else 0) > 1:
            return False
        tone = marks[0] if marks else tone
        plain.append(nfc("".join(c for c in letters if c not in _TONES)))
    text = "".join(plain)
    for size in (3, 2, 1, 0):
        onset, rime = text[:size], text[size:]
        if onset not in _ONSETS or len(onset) != size:
            continue
        if onset == "gi" and rime in ("", "n", "m", "ch", "a"):
            rime = "i" + rime
        if onset == "q":
            continue
        if onset == "qu" and ("u" + rime in _RIMES or rime in _RIMES) or rime in _RIMES:
            if rime.endswith(("p", "t", "c", "ch")) and _TONES.get(tone) not in ("sắc", "nặng"):
                return False
            return True
    return False


def is_word(word: str) -> bool:
    """A possible Vietnamese syllable, or a word known from names of places and abbreviations."""
    return is_syllable(word) or word.lower() in KNOWN_FOREIGN


def split_fused(word: str) -> list[str]:
    """Syllables of words written together (`Đặngđìnhthuần`): the fewest that are all possible, at least two letters each;
    the word itself when it cannot be parted."""
    plain = nfc(word)
    best: list[list[str] | None] = [[]] + [None] * len(plain)
    for end in range(2, len(plain) + 1):
        for start in range(max(0, end - 7), end - 1):
            before, part = best[start], plain[start:end]
            if (
                before is None
                or not is_syllable(part)
                or (best[end] is not None and len(before) + 1 >= len(best[end]))
            ):
                continue
            best[end] = [*before, part]
    return best[-1] or [word]


def odd_words(text: str) -> int:
    """Words of letters that cannot be Vietnamese and are not known otherwise; abbreviations in capitals are not counted
    within mixed text."""
    count = 0
    shouting = text.isupper()
    for word in re.findall(r"[^\W_][\w'’]*", nfc(text)):
        if any(c.isdigit() for c in word):
            count += (
                bool(re.search(r"[^\W\d_]{2,}", word))
                and word.lower() not in KNOWN_FOREIGN
                and not re.fullmatch(r"[A-ZĐ]+\d+", word)
            )
            continue
        if word.lower() in KNOWN_FOREIGN or (word.isupper() and not shouting and len(word) > 1):
            continue
        if not is_syllable(word):
            count += 1
    return count


def odd_name_syllables(name: str) -> int:
    """Syllables after the surname that are not usual in names: more often a misread accent than a rare name."""
    return sum(word.lower() not in NAME_SYLLABLES for word in nfc(name).split()[1:])


_SHARP = str.maketrans("ấếố", "ẩểổ")


def doubtful_accents(text: str) -> int:
    """Syllables with a sharp accent over a circumflex (`Hiến`, `Tố`) that with a hook would be syllables as well: at the
    size of print the two look alike, and the engine prefers the sharp one without doubting."""
    found = 0
    for word in re.findall(r"[^\W\d_]+", nfc(text)):
        hooked = word.lower().translate(_SHARP)
        # `thành phố`, `khu phố`: a word of the forms, and no name
        found += hooked != word.lower() and word != "phố" and is_syllable(hooked)
    return found


def shouted_words(text: str) -> int:
    """Words of capitals in a value that has small letters (`Đắk MII`): abbreviations, or letters taken for others."""
    if text.isupper():
        return 0
    return sum(word.isupper() and len(word) > 1 for word in re.findall(r"[^\W\d_]+", nfc(text)))
