"""Values as they stand on paper turned into values a machine compares: folding, dates, numbers in words, ids, names.

Nothing here changes open text beyond spacing and Unicode form; repair of OCR errors happens only against closed
vocabularies (`closest`) and inside values whose alphabet is known (digits of a date or of an identity number).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

ETHNIC_GROUPS = (
    "Kinh", "Tày", "Thái", "Mường", "Khmer", "Khơ Me", "Hoa", "Nùng", "H'Mông", "Mông", "Dao", "Gia Rai", "Ê Đê", "Ba Na",
    "Sán Chay", "Chăm", "Cơ Ho", "Xơ Đăng", "Sán Dìu", "Hrê", "Ra Glai", "Mnông", "M'Nông", "Thổ", "Xtiêng", "Khơ Mú",
    "Bru - Vân Kiều", "Cơ Tu", "Giáy", "Tà Ôi", "Mạ", "Gié Triêng", "Co", "Chơ Ro", "Xinh Mun", "Hà Nhì", "Chu Ru", "Lào",
    "La Chí", "Kháng", "Phù Lá", "La Hủ", "La Ha", "Pà Thẻn", "Lự", "Ngái", "Chứt", "Lô Lô", "Mảng", "Cơ Lao", "Bố Y",
    "Cống", "Si La", "Pu Péo", "Rơ Măm", "Brâu", "Ơ Đu", "Cờ Lao", "Cao Lan", "Pa Cô", "Jrai", "Êđê", "Bana", "K'Ho",
)  # fmt: skip
"""The 54 peoples of Vietnam (QĐ 421-TCTK 1979) with spellings seen on papers."""

NATIONALITIES = (
    "Việt Nam", "Hoa Kỳ", "Trung Quốc", "Đài Loan", "Hàn Quốc", "Nhật Bản", "Lào", "Campuchia", "Thái Lan", "Pháp", "Đức",
    "Anh", "Úc", "Ca-na-đa", "Canada", "Nga", "Ấn Độ", "Malaysia", "Singapore", "Philippines", "Indonesia", "Mỹ",
)  # fmt: skip

SEXES = ("Nam", "Nữ")

SURNAMES = frozenset(
    "nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly dinh trinh dao doan lam mai luong ha to truong "
    "cao phung luu thai vuong ta chu kieu lo nong la tong quach chau giang mac thach son trieu than kim lu ma vi bach ha "
    "nghiem phuong tang trang tieu ton thieu dam khuc khuong ong ninh cu dong lai hua vang giap ly sung thao hang cu a "
    "hau lieu moc lang au on quan tham uong viem nhu ngan ksor rcham siu rmah nie mlo kpa y h hlong adrong ayun kbuor "
    "dieu chau cham danh son neang sa ban phu hu can ung ngac mua tho quang lung sam chung khong khau bo dinh bon".split()
)

_NUMBER_WORDS = {
    "khong": 0, "mot": 1, "hai": 2, "ba": 3, "bon": 4, "tu": 4, "nam": 5, "lam": 5, "nham": 5, "sau": 6, "bay": 7, "bẩy": 7,
    "tam": 8, "chin": 9,
}  # fmt: skip
_SCALE_WORDS = {"nghin": 1_000, "ngan": 1_000, "trieu": 1_000_000, "ty": 1_000_000_000, "ti": 1_000_000_000}
_JOIN_WORDS = {"linh", "le"}
_ALL_NUMBER_WORDS = (*_NUMBER_WORDS, *_SCALE_WORDS, *_JOIN_WORDS, "muoi", "tram")

_TONE_OLD_TO_NEW = {
    "oà": "òa", "oá": "óa", "oả": "ỏa", "oã": "õa", "oạ": "ọa", "oè": "òe", "oé": "óe", "oẻ": "ỏe", "oẽ": "õe", "oẹ": "ọe",
    "uỳ": "ùy", "uý": "úy", "uỷ": "ủy", "uỹ": "ũy", "uỵ": "ụy",
}  # fmt: skip
_TONE = re.compile("(?<!q)(" + "|".join(_TONE_OLD_TO_NEW) + r")(?![a-zà-ỹ])")
_LEADERS = re.compile(r"(?:[.…·•_‥∙,]\s*){3,}|…+|_{2,}")
_DIGIT_LOOKALIKES = str.maketrans({"O": "0", "o": "0", "Q": "0", "D": "0", "l": "1", "I": "1", "|": "1", "!": "1", "i": "1",
                                   "S": "5", "s": "5", "B": "8", "Z": "2", "z": "2", "b": "6", "g": "9", "q": "9"})  # fmt: skip
_DASHES = re.compile("[‐‑‒–—―−]")


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def fold(text: str) -> str:
    """Lower case without accents, đ as d; same length as the NFC text, so offsets can be mapped back."""
    out = []
    for char in nfc(text).lower():
        if char == "đ" or char == "ð":
            out.append("d")
            continue
        base = unicodedata.normalize("NFD", char)[0]
        out.append(base if len(char) == 1 else char)
    return "".join(out)


@lru_cache(maxsize=65536)
def key(text: str) -> str:
    """Only the folded letters and digits: what two spellings of one label have in common."""
    return "".join(char for char in fold(text) if char.isalnum())


def one_dash(text: str) -> str:
    return _DASHES.sub("-", text)


def tidy(text: str) -> str:
    """Spaces made single, leader dots and stray marks at the ends removed; the words themselves stay as read."""
    text = _LEADERS.sub(" ", nfc(text))
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,;:.)])", r"\1", text)
    text = text.strip(" .,;:-_|·•*~'\"`“”‘’=—–")
    if text.count("(") > text.count(")"):
        text += ")"
    return text


def tidy_sentence(text: str) -> str:
    """`tidy` that keeps quotation marks belonging to the text."""
    text = re.sub(r"\s+", " ", _LEADERS.sub(" ", nfc(text)))
    text = re.sub(r"\s+([,;:.)])", r"\1", text)
    return text.strip(" .,;:-_|·•*~`=—–/")


def new_tones(text: str) -> str:
    """Tone marks in one placement (hoà → hòa), lower case: for comparing, not for showing."""
    return _TONE.sub(lambda match: _TONE_OLD_TO_NEW[match.group(1)], nfc(text).lower())


def similarity(a: str, b: str) -> float:
    return Levenshtein.normalized_similarity(a, b)


def closest(text: str, words: tuple[str, ...], least: float = 0.7) -> tuple[str, float] | None:
    """The word of a closed vocabulary nearest to the text, or None when none is near enough or two are equally near."""
    wanted = new_tones(tidy(text))
    if not wanted:
        return None
    scored = sorted(((_vocabulary_score(wanted, word), word) for word in words), reverse=True)
    best, word = scored[0]
    if best < least or (len(scored) > 1 and scored[1][0] == best and best < 1):
        return None
    return word, best


def _vocabulary_score(wanted: str, word: str) -> float:
    plain = new_tones(word)
    accents = similarity(wanted, plain)
    return max(accents, 0.9 * similarity(key(wanted), key(word)) + 0.1 * accents)


def title_name(text: str) -> str:
    """A personal name with capital first letters: `VÕ TUẤN GIÁP` → `Võ Tuấn Giáp`, `H'BIA NIÊ` → `H'Bia Niê`."""
    words = []
    for word in tidy(text).split():
        parts = re.split(r"(['’-])", word)
        words.append("".join(p[:1].upper() + p[1:].lower() for p in parts))
    return " ".join(words)


_HONORIFIC = re.compile(
    r"^(?:(?:ông|bà|anh|chị|cháu|em|ong|ba|ts|ths|pgs|gs|bs|ks|cn|ckii|cki)(?:\s*[.,:/]\s*|\s+))+(?=\S)",
    re.IGNORECASE,
)


def personal_name(text: str) -> str:
    """A name without titles (ông, bà, TS, ThS …) in Title case."""
    stripped = _HONORIFIC.sub("", tidy(re.sub(r"[^\w\s'’.\-/,:]", " ", text)))
    stripped = re.sub(r"[^\w\s'’-]|\d|_", " ", stripped)
    return title_name(stripped)


COMMON_SURNAMES = (
    "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý",
    "Đinh", "Trịnh", "Đào", "Đoàn", "Lâm", "Mai", "Lương", "Hà", "Tô", "Trương", "Cao", "Phùng", "Lưu", "Thái", "Vương", "Tạ",
    "Chu", "Kiều", "Lò", "Nông", "Tống", "Quách", "Châu", "Giang", "Bạch", "Nghiêm", "Tăng", "Thân", "Khuất", "Hứa", "Đàm",
    "La", "Lại", "Ninh", "Quàng", "Vi", "Triệu", "Đồng", "Từ", "Thạch", "Sơn", "Danh", "Lục", "Mạc", "Ông", "Phương", "Doãn",
    "Văn", "Trang", "Ma", "Giàng", "Sùng", "Vàng", "Thào", "Cù", "Bế", "Hầu", "Khổng", "Tiêu", "Tôn", "Viên", "Cung", "Âu", "Lù", "Chử", "Khúc", "Tòng", "Tẩn", "Lừu", "Cứ", "Hảng", "Hờ", "Sồng", "Phàn", "Chảo", "Bàn", "Thào", "Siu", "Nay", "Rah", "Niê", "Quảng", "Mã", "Sầm", "Hoàng", "Nùng", "Lục", "Đàng", "Điểu", "Thị", "Bế", "Cà", "Cầm", "Đèo", "Ngân", "Lường", "Hàng", "Vừ", "Mùa", "Lầu", "Đinh", "Kim", "Khương", "Ngụy", "Mông", "Hoa", "Liêu", "Diệp",
    "Giáp", "Nhữ", "Quan", "Thiều", "Phó", "Phí", "Bá", "Cấn", "Chung", "Cồ", "Dư", "Đậu", "Đới", "Đường", "Hán", "Hàn", "Hình", "Khiếu", "Kha",
    "Lã", "Lăng", "Lộc", "Lữ", "Mẫn", "Nhâm", "Nhan", "Ôn", "Ông", "Phù", "Quản", "Sái", "Sử", "Tào", "Thang", "Thi", "Thiệu", "Tiết", "Tiền", "Tôn",
    "Ung", "Vạn", "Vòng", "Xa", "Đoạn", "Trà", "Trình", "Tưởng", "Uông", "Bành", "Biện", "Cáp", "Hạ", "Lạc", "Khâu", "Lỗ", "Hùng", "Tề", "Toàn",
)  # fmt: skip


def repair_surname(name: str) -> tuple[str, float]:
    """A name whose surname lost an accent (`Nguyên` → `Nguyễn`), with certainty below 1 when it was changed: the change is
    shown to a person, and the printed form stays beside it."""
    words = name.split()
    if not words or words[0] in COMMON_SURNAMES or not name:
        return name, 1.0
    same = [s for s in COMMON_SURNAMES if key(s) == key(words[0])]
    if same:  # of several (`Chứ`: Chu, Chử) the one with the most accents in common, the commonest of those
        near = min(same, key=lambda s: Levenshtein.distance(_parted(s), _parted(words[0])))
        return " ".join([near, *words[1:]]), 0.5
    return name, 1.0 if key(words[0]) in SURNAMES else 0.8


def _parted(word: str) -> str:
    """Letters and accents one by one."""
    return unicodedata.normalize("NFD", word)


_SURNAME_KEYS = SURNAMES | {key(surname) for surname in COMMON_SURNAMES}


def looks_like_name(text: str) -> bool:
    """Two to six syllables of letters, starting with a surname that exists, each syllable short."""
    words = re.findall(r"[^\W\d_]+", nfc(text))
    if not 2 <= len(words) <= 7 or any(len(word) > 7 for word in words) or words[-1].lower() == "thị":
        return False  # nobody's name ends in `Thị`: the last syllable stands in the next row
    if words[0].lower() == "thị":
        return False  # more often a surname lost before it than one of the few people who are called so
    return key(words[0]) in _SURNAME_KEYS


# --- dates -----------------------------------------------------------------------------------------------------------
_DATE_NUMERIC = re.compile(
    r"(?<![0-9])([0-9OolIQ|]{1,2})\s?[/.\-]\s?([0-9OolIQ|]{1,2})\s?[/.\-]\s?([0-9OolIQSB]{4})(?![0-9])"
)
_DATE_WORDED = re.compile(
    r"(?:ngay|ngây)?\s*[:.]?\s*(?<![0-9a-z])([0-9ol|iz]{1,2})\W{0,4}(?:thang|thg|tháng)\W{0,4}([0-9ol|i]{1,2})\W{0,4}nam\W{0,4}([0-9ols]{4})"
)


def iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if 1870 <= year <= 2100 else None
    except ValueError:
        return None


def parse_date(text: str) -> str | None:
    """ISO date of the first `dd/mm/yyyy` or `ngày d tháng m năm yyyy` in the text; None when there is none."""
    text = one_dash(_LEADERS.sub(" ", nfc(text)))
    match = _DATE_NUMERIC.search(text)
    worded = _DATE_WORDED.search(fold(text))
    if worded and (not match or worded.start() <= match.start()):
        match = worded
    if not match:
        return None
    day, month, year = (int(part.translate(_DIGIT_LOOKALIKES)) for part in match.groups())
    return iso(year, month, day)


def parse_year(text: str) -> str | None:
    match = re.search(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)", text.translate(str.maketrans("OolI", "0011")))
    return match.group(1) if match else None


def _number_word(word: str) -> str | None:
    """The number word nearest to an OCR token, at most one letter away."""
    if word in _ALL_NUMBER_WORDS:
        return word
    if len(word) < 3:
        return None
    near = [known for known in _ALL_NUMBER_WORDS if Levenshtein.distance(word, known, score_cutoff=1) <= 1]
    return near[0] if len(near) == 1 else None


def number_from_words(words: list[str]) -> int | None:
    """Value of folded Vietnamese number words (`hai muoi mot` → 21); None when a word is not one."""
    total, part, last, seen = 0, 0, None, False
    for raw in words:
        word = _number_word(raw)
        if word is None:
            return None
        seen = True
        if word in _JOIN_WORDS:
            continue
        if word == "tram":
            part, last = part + (1 if last is None else last) * 100, None
        elif word == "muoi":
            part, last = part + (10 if last is None else last * 10), None
        elif word in _SCALE_WORDS:
            value = part + (last or 0)
            total, part, last = total + max(value, 1) * _SCALE_WORDS[word], 0, None
        else:
            if last is not None:
                return None
            last = _NUMBER_WORDS[word]
    return total + part + (last or 0) if seen else None


_MONTH_NAMES = {"gieng": 1, "chap": 12}


def date_from_words(text: str) -> str | None:
    """ISO date of `Ngày hai mươi ba, tháng sáu, năm hai nghìn không trăm hai mươi mốt`; None when it cannot be read."""
    words = re.findall(r"[a-z]+", fold(text))
    if "thang" not in words:
        near = [i for i, word in enumerate(words) if Levenshtein.distance(word, "thang", score_cutoff=1) <= 1]
        if not near:
            return None
        at_month = near[0]
    else:
        at_month = words.index("thang")
    thousands = [
        i
        for i, word in enumerate(words)
        if word in ("nghin", "ngan", "nghin,", "nghan", "nghln") and i > at_month
    ]
    if not thousands:
        return None
    at_year = thousands[0] - 1
    month_words = words[at_month + 1 : at_year]
    if month_words and month_words[-1] == "nam":
        month_words = month_words[:-1]
    day_words = words[:at_month]
    while day_words and (
        day_words[0] in ("ngay", "ghi", "bang", "chu", "mung", "mong") or _number_word(day_words[0]) is None
    ):
        day_words = day_words[1:]
    month = _MONTH_NAMES.get(month_words[0]) if len(month_words) == 1 else None
    month = month or number_from_words(month_words)
    day = number_from_words(day_words)
    year_words = words[at_year:]
    year = None
    while year_words and year is None:
        year = number_from_words(year_words)
        year_words = year_words[:-1]
    if not (day and month and year):
        return None
    return iso(year, month, day)


# --- numbers and ids -------------------------------------------------------------------------------------------------
def parse_money(text: str) -> str | None:
    """Digits of an amount of đồng with points between thousands, as printed: `500.000.000`."""
    match = re.search(r"\d{1,3}(?:[.,\s]\s?\d{3})+|\d{4,}", text)
    if not match:
        return None
    digits = re.sub(r"\D", "", match.group())
    return f"{int(digits):,}".replace(",", ".")


def parse_decimal(text: str) -> str | None:
    """First number with a decimal comma, unit removed: `137,7 m2` → `137,7`."""
    match = re.search(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:[.,]\s?\d+)?", text)
    if not match:
        return None
    number = match.group().replace(" ", "")
    return number if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", number) else number.replace(".", ",")


def parse_integer(text: str) -> str | None:
    match = re.search(r"\d+", text)
    return str(int(match.group())) if match else None


def parse_identity(text: str) -> str | None:
    """Digits of the first identity number (9 or 12, or 8 for a passport with its letter) in the text."""
    joined = re.sub(r"(?<=[\dOolI])[ .](?=[\dOolI])", "", text)
    for candidate in re.findall(r"[0-9OolIQSBZ]{9,13}", joined):
        digits = candidate.translate(_DIGIT_LOOKALIKES)
        genuine = sum(char.isdigit() for char in candidate)
        if digits.isdigit() and len(digits) in (9, 12) and genuine >= len(digits) - 3:
            return digits
    passport = re.search(r"(?<![A-Z])([A-Z]\d{7,8})(?!\d)", joined)
    if passport:
        return passport.group(1)
    loose = re.search(r"\d{8,13}", joined)
    return loose.group() if loose else None


def parse_time(text: str) -> str | None:
    """`21 giờ 30 phút` or `21:30` → `21:30`."""
    match = re.search(r"(\d{1,2})\s*(?:gio|:|h|g)\s*(\d{1,2})?", fold(text))
    if not match:
        return None
    hour, minute = int(match.group(1)), int(match.group(2) or 0)
    return f"{hour:02d}:{minute:02d}" if hour < 24 and minute < 60 else None


def parse_phone(text: str) -> str | None:
    joined = re.sub(r"(?<=\d)[ .\-](?=\d)", "", text)
    match = re.search(r"\d{8,12}", joined)
    return match.group() if match else None


_NUMBER_SPELLINGS = {
    "khong": "không", "hai": "hai", "ba": "ba", "bon": "bốn", "sau": "sáu", "tam": "tám", "chin": "chín", "nghin": "nghìn",
    "ngan": "ngàn", "tram": "trăm", "linh": "linh", "ngay": "ngày", "thang": "tháng",
}  # fmt: skip


def repair_number_words(text: str) -> str:
    """Number words of a date written out with their accents put right (`trắm` → `trăm`): the vocabulary is closed."""
    words = []
    for word in nfc(text).split():
        right = _NUMBER_SPELLINGS.get(key(word))
        mark = re.search(r"\W*$", word).group()
        words.append(right_case(word, right) + mark if right and key(word) == key(right) else word)
    return " ".join(words)


def right_case(like: str, word: str) -> str:
    return word.capitalize() if like[:1].isupper() else word


_MISREAD_PAIRS = (
    ("chỉ trả", "chi trả"), ("chỉ tiết", "chi tiết"), ("thỉ hành", "thi hành"), ("thì hành", "thi hành"), ("vỉ phạm", "vi phạm"),
    ("nhỉ đồng", "nhi đồng"), ("thỉ đua", "thi đua"), ("chỉ phí", "chi phí"), ("chỉ bộ", "chi bộ"), ("chỉ cục", "chi cục"),
    ("chỉ nhánh", "chi nhánh"), ("thì công", "thi công"), ("bổ sưng", "bổ sung"), ("đề nghỉ", "đề nghị"), ("đân tộc", "dân tộc"),
)  # fmt: skip
"""Pairs of words that are no Vietnamese and what the engine read them from."""


_SAFE_PHRASES = ("Ủy ban nhân dân", "Hội đồng nhân dân", "Ủy ban Mặt trận Tổ quốc")


_YEARS = re.compile(r"\b(giai đoạn|nhiệm kỳ|năm học|niên khóa) ((?:19|20)\d\d) ((?:19|20)\d\d)\b", re.IGNORECASE)
"""`giai đoạn 2026 2030`: a span of years whose dash was not seen."""


def repair_phrases(text: str) -> tuple[str, float]:
    """Names every office uses (`Uy ban nhân đân`) put right in open text, with certainty below 1 when something changed."""
    words, certainty = text.split(), 1.0
    for phrase in _SAFE_PHRASES:
        parts = phrase.split()
        for at in range(len(words) - len(parts) + 1):
            window = " ".join(words[at : at + len(parts)])
            if window.lower() == phrase.lower() or window.isupper() or new_tones(window) == new_tones(phrase):
                continue
            if similarity(key(window), key(phrase)) >= 0.9:
                tail = re.search(r"\W*$", window).group()
                fixed = (phrase if window[:1].isupper() else phrase[0].lower() + phrase[1:]) + tail
                words[at : at + len(parts)], certainty = fixed.split(), 0.9
    repaired = " ".join(words)
    if (dashed := _YEARS.sub(r"\1 \2 - \3", repaired)) != repaired:
        repaired, certainty = dashed, min(certainty, 0.9)
    for wrong, right in _MISREAD_PAIRS:
        for a, b in ((wrong, right), (wrong.capitalize(), right.capitalize())):
            if a in repaired:
                repaired, certainty = repaired.replace(a, b), min(certainty, 0.9)
    return repaired, certainty


# --- number and symbol of a document ---------------------------------------------------------------------------------
_SYMBOL_REPAIRS = (
    (re.compile(r"^[QO0][DĐ]{1,2}(?=[-/.]|$)"), "QĐ"),
    (re.compile(r"^N[DÐ](?=[-/.]|$)"), "NĐ"),
    (re.compile(r"^(?:TTR|TTr|TTt|TTI|TTx|TIr|Tlr|TTT|Tĩr|TTrr)(?=[-/.]|$)"), "TTr"),
    (re.compile(r"-?(?:UBN[DÐ]|UBNĐ|UBNO|U8ND|[ƯỤÚÙỦŨ]BND|UBMD)"), "-UBND"),
    (re.compile(r"HĐN[DĐ]|HDND"), "HĐND"),
)


def normal_symbol(text: str) -> str:
    """Symbol part of a number (`QÐ - UBND` → `QĐ-UBND`): spacing and known abbreviations only."""
    text = re.sub(r"\s+", "", one_dash(nfc(text))).replace("Ð", "Đ").strip(".,;:-_'\"“”|")
    text = re.sub(r"-{2,}", "-", text)
    for pattern, right in _SYMBOL_REPAIRS:
        text = pattern.sub(right, text)
    return text.lstrip("-")


_LOST_SLASH = re.compile(
    r"^(\d{1,5})[.,]?((?:QĐ|NQ|CT|TB|BC|TTr|KH|HD|GM|CTr|UBND|GPXD|TLKS|TLKT|TLKH|BB)(?:[-.,].*|$))"
)


def normal_number(text: str) -> str:
    """Number and symbol: `01 /TTr - UBND` → `01/TTr-UBND`."""
    text = re.sub(r"\s+", "", one_dash(nfc(text))).strip(".,;:-_'\"“”|")
    if lost := _LOST_SLASH.match(text):
        text = f"{lost.group(1)}/{lost.group(2).replace('.', '-').replace(',', '-')}"
    if "/" not in text:
        return text
    head, _, rest = text.partition("/")
    return f"{head}/{'/'.join(normal_symbol(part) for part in rest.split('/'))}"
