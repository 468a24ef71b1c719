"""Values that people type: taken strictly, by the kind of their field. What a machine read may be repaired; what a
person typed is either right as it stands, or is sent back with the form it should have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from ocr import normalise as n
from ocr.forms import Form, ValueKind
from schemas.errors import BadValue

_OF_HEADING = {
    "so_ky_hieu": ValueKind.CODE, "nguoi_ky": ValueKind.NAME, "co_quan_ban_hanh": ValueKind.AGENCY,
    "co_quan_chu_quan": ValueKind.AGENCY, "dia_danh": ValueKind.PLACE,
}  # fmt: skip
LONGEST = 2_000
"""Characters; no field of any paper comes near it."""


def kind_of(form: Form | None, name: str) -> ValueKind:
    """What stands in a field: as its form says, else by its name."""
    if form is not None and name in form.fields:
        return form.fields[name].kind
    if (name.startswith("ngay") or "_ngay_" in name) and not name.endswith("_bang_chu"):
        return ValueKind.DATE
    return _OF_HEADING.get(name, ValueKind.TEXT)


def typed_value(kind: ValueKind, text: str) -> str | None:
    """The value in its normal form (ISO dates, NFC, digits only identity numbers); None for an empty one, which
    says that the paper has none. Raises BadValue with the form wanted, in Vietnamese."""
    text = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()
    if not text:
        return None
    if len(text) > LONGEST or any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") for c in text):
        raise BadValue(f"tối đa {LONGEST} ký tự, không có ký tự điều khiển")
    return _READERS.get(kind, _as_it_is)(text)


def _as_it_is(text: str) -> str:
    return text


def _date(text: str) -> str:
    iso = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text)
    plain = re.fullmatch(r"(\d{1,2})\s?[/.\-]\s?(\d{1,2})\s?[/.\-]\s?(\d{4})", text)
    worded = re.fullmatch(r"(?:ngay )?(\d{1,2}) thang (\d{1,2}) nam (\d{4})", n.fold(text))
    if iso:
        year, month, day = iso.groups()
    elif plain or worded:
        day, month, year = (plain or worded).groups()
    else:
        raise BadValue("ngày viết dạng 05/03/2020 (ngày/tháng/năm)")
    found = n.iso(int(year), int(month), int(day))
    if found is None:
        raise BadValue(f"không có ngày {int(day):02d}/{int(month):02d}/{year}")
    return found


def _year(text: str) -> str:
    if not re.fullmatch(r"1[89]\d\d|20\d\d", text):
        raise BadValue("năm gồm 4 chữ số, ví dụ 1984")
    return text


def _time(text: str) -> str:
    found = (
        n.parse_time(text)
        if re.fullmatch(r"\d{1,2}\s*(?:gio|:|h|g)\s*(?:\d{1,2})?\s*(?:phut)?", n.fold(text))
        else None
    )
    if found is None:
        raise BadValue("giờ viết dạng 21:30 hoặc 21 giờ 30")
    return found


def _identity(text: str) -> str:
    digits = re.sub(r"[ .\-]", "", text).upper()
    if not re.fullmatch(r"\d{9}|\d{12}|[A-Z]\d{7,8}", digits):
        raise BadValue("số giấy tờ gồm 9 hoặc 12 chữ số, hoặc số hộ chiếu như B1234567")
    return digits


def _money(text: str) -> str:
    digits = re.sub(r"(?:đồng|vnđ|đ|[ .,])", "", text.lower())
    if not digits.isascii() or not digits.isdecimal():
        raise BadValue("số tiền viết bằng chữ số, ví dụ 500.000.000")
    return f"{int(digits):,}".replace(",", ".")


def _decimal(text: str) -> str:
    number = re.sub(r"\s*(?:m2|m²|m|%|lần)$", "", text)
    if not re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?", number):
        raise BadValue("số viết dạng 137,7")
    return number if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", number) else number.replace(".", ",")


def _integer(text: str) -> str:
    if not text.isascii() or not text.isdecimal():
        raise BadValue("chỉ gồm chữ số, ví dụ 3")
    return str(int(text))


def _phone(text: str) -> str:
    digits = re.sub(r"[ .\-()]", "", text)
    if not re.fullmatch(r"\+?\d{8,12}", digits):
        raise BadValue("số điện thoại gồm 8 đến 12 chữ số")
    return digits


def _name(text: str) -> str:
    if re.search(r"[^\w\s'’.\-]|[\d_]", text):
        raise BadValue("họ tên chỉ gồm chữ cái, ví dụ Nguyễn Thị An")
    return n.title_name(text) if text.isupper() or text.islower() else text


def _code(text: str) -> str:
    return n.normal_number(text)


def _sex(text: str) -> str:
    found = next((sex for sex in n.SEXES if n.fold(sex) == n.fold(text)), None)
    if found is None:
        raise BadValue("Nam hoặc Nữ")
    return found


def _from_list(words: tuple[str, ...]) -> Callable[[str], str]:
    """The list's own spelling where only accents or case differ; peoples and states that the list lacks are
    believed."""

    def read(text: str) -> str:
        return next((word for word in words if n.key(word) == n.key(text)), text)

    return read


_READERS: dict[ValueKind, Callable[[str], str]] = {
    ValueKind.DATE: _date,
    ValueKind.YEAR: _year,
    ValueKind.TIME: _time,
    ValueKind.IDENTITY: _identity,
    ValueKind.MONEY: _money,
    ValueKind.DECIMAL: _decimal,
    ValueKind.INTEGER: _integer,
    ValueKind.PHONE: _phone,
    ValueKind.NAME: _name,
    ValueKind.CODE: _code,
    ValueKind.SEX: _sex,
    ValueKind.ETHNIC: _from_list(n.ETHNIC_GROUPS),
    ValueKind.NATIONALITY: _from_list(n.NATIONALITIES),
}
