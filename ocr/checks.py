"""Checks of a field and between fields. A failed check sends its fields to a person; agreeing evidence adds confidence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date

from ocr import agencies
from ocr.fields.evidence import Found
from ocr.forms import LETTER_KIND, Form, Forms
from ocr.normalise import date_from_words, fold, key, number_from_words, similarity
from schemas.document import Check, CheckResult, DocumentReading


@dataclass(slots=True)
class Report:
    """Checks made and, by field, how many independent pieces of evidence agreed."""

    checks: list[Check] = field(default_factory=list)
    agreeing: dict[str, int] = field(default_factory=dict)

    def add(self, code: str, result: CheckResult, fields: list[str], detail: str = "") -> None:
        self.checks.append(Check(code=code, result=result, fields=fields, detail=detail))
        if result is CheckResult.OK:
            for name in fields:
                self.agreeing[name] = self.agreeing.get(name, 0) + 1

    def failed(self, name: str) -> list[str]:
        return [c.code for c in self.checks if c.result is CheckResult.FAILED and name in c.fields]


def check(code: str, form: Form | None, found: dict[str, Found], forms: Forms) -> Report:
    """All checks that the fields found allow."""
    report = Report()
    values = {name: item.value for name, item in found.items() if item.value}
    _date_words(report, values)
    _identities(report, values)
    _symbol_and_kind(report, code, values, forms)
    _date_order(report, values)
    _parents(report, values)
    _plausible_dates(report, values)
    _tax_code(report, values)
    _agency(report, values)
    _money_words(report, values, found)
    _registration(report, values, found)
    if form:
        for name, item in form.fields.items():
            if item.required and name not in values:
                report.add("required", CheckResult.FAILED, [name])
    return report


WORDED_DATES = (("ngay_sinh", "ngay_sinh_bang_chu"), ("ngay_chet", "ngay_chet_bang_chu"))
"""Dates printed in digits and in words."""


def _date_words(report: Report, values: dict[str, str]) -> None:
    """A date written out against its digits (births and deaths)."""
    for digits, words in WORDED_DATES:
        if digits not in values or words not in values:
            continue
        read = date_from_words(values[words])
        if read is None:
            report.add("date_words", CheckResult.WARNING, [words], "the words are not a date")
        elif read == values[digits]:
            report.add("date_words", CheckResult.OK, [digits, words])
        else:
            report.add("date_words", CheckResult.FAILED, [digits, words], f"{values[digits]} / {read}")


_PERSONS = (
    ("so_dinh_danh", "ngay_sinh", "gioi_tinh"), ("giay_to_tuy_than", "ngay_sinh", "gioi_tinh"),
    ("vo_giay_to", "vo_ngay_sinh", "=Nữ"), ("chong_giay_to", "chong_ngay_sinh", "=Nam"),
    ("me_so_dinh_danh", "me_nam_sinh", "=Nữ"), ("cha_so_dinh_danh", "cha_nam_sinh", "=Nam"),
)  # fmt: skip


def identity_facts(digits: str) -> tuple[int, str, str] | None:
    """Birth year, sex and province code told by a 12-digit number (TT 59/2021/TT-BCA); None for any other."""
    if not re.fullmatch(r"0\d{11}", digits):
        return None
    century, sex = divmod(int(digits[3]), 2)
    return 1900 + 100 * century + int(digits[4:6]), "Nữ" if sex else "Nam", digits[:3]


def _identities(report: Report, values: dict[str, str]) -> None:
    declarant = "nguoi_di_khai_sinh" in values or "me_ho_ten" in values
    for number, birth, sex in _PERSONS:
        if number not in values:
            continue
        facts = identity_facts(values[number])
        if facts is None:
            if not re.fullmatch(r"\d{9}|\d{12}|[A-Z]\d{7,8}", values[number]):
                report.add("identity_form", CheckResult.FAILED, [number], values[number])
            continue
        year, told_sex, province = facts
        if province not in agencies.id_codes():
            report.add("identity_province", CheckResult.FAILED, [number], province)
        if number == "giay_to_tuy_than" and declarant:
            _declarant(report, values, year, told_sex)
            continue
        if birth in values and (known := values[birth][:4]).isdigit():
            same = int(known) == year
            report.add(
                "identity_year",
                CheckResult.OK if same else CheckResult.FAILED,
                [number, birth],
                f"{year} / {known}",
            )
        wanted = sex[1:] if sex.startswith("=") else values.get(sex)
        if wanted:
            fields = [number] if sex.startswith("=") else [number, sex]
            report.add(
                "identity_sex", CheckResult.OK if wanted == told_sex else CheckResult.FAILED, fields, told_sex
            )


def _declarant(report: Report, values: dict[str, str], year: int, sex: str) -> None:
    """The declarant of a birth is often a parent: then the number must fit that parent."""
    for parent, wanted in (("me", "Nữ"), ("cha", "Nam")):
        name, birth = values.get(f"{parent}_ho_ten"), values.get(f"{parent}_nam_sinh")
        if name and birth and values.get("nguoi_di_khai_sinh") == name and birth.isdigit():
            same = int(birth) == year and sex == wanted
            report.add(
                "identity_year", CheckResult.OK if same else CheckResult.FAILED,
                ["giay_to_tuy_than", f"{parent}_nam_sinh"], f"{year} / {birth}",
            )  # fmt: skip


def _symbol_and_kind(report: Report, code: str, values: dict[str, str], forms: Forms) -> None:
    """The abbreviation in the symbol belongs to the kind: `…/QĐ-UBND` is a quyết định."""
    number = values.get("so_ky_hieu", "")
    if "/" not in number:
        return
    symbol = number.rpartition("/")[2]
    for abbreviation in sorted(forms.abbreviations, key=len, reverse=True):
        if re.match(rf"{re.escape(abbreviation)}(?![A-Za-zĐ])", symbol):
            told = forms.abbreviations[abbreviation]
            if told == code:
                report.add("symbol_kind", CheckResult.OK, ["so_ky_hieu", "loai_van_ban"])
            elif code != LETTER_KIND and forms[code].abbreviation if code in forms else False:
                report.add("symbol_kind", CheckResult.FAILED, ["so_ky_hieu", "loai_van_ban"], symbol)
            return


_ORDER = (
    ("ngay_sinh", "ngay_ban_hanh"), ("ngay_sinh", "ngay_dang_ky"), ("ngay_sinh", "ngay_chet"), ("ngay_chet", "ngay_ban_hanh"),
    ("ngay_chet", "ngay_dang_ky"), ("ngay_dang_ky", "ngay_ban_hanh"), ("vo_ngay_sinh", "ngay_dang_ky"),
    ("chong_ngay_sinh", "ngay_dang_ky"),
)  # fmt: skip


def _date_order(report: Report, values: dict[str, str]) -> None:
    for earlier, later in _ORDER:
        a, b = values.get(earlier), values.get(later)
        if a and b and _is_iso(a) and _is_iso(b) and a > b:
            report.add("date_order", CheckResult.FAILED, [earlier, later], f"{a} > {b}")


LEAST_AGE_OF_PARENT = 12
"""Years; with a younger mother or father one of the two was misread."""


def _parents(report: Report, values: dict[str, str]) -> None:
    """A parent's year of birth against the child's."""
    born = values.get("ngay_sinh", "")[:4]
    for name in ("me_nam_sinh", "cha_nam_sinh"):
        year = values.get(name, "")[:4]
        if born.isdigit() and year.isdigit() and int(born) - int(year) < LEAST_AGE_OF_PARENT:
            report.add("date_order", CheckResult.FAILED, [name, "ngay_sinh"], f"{year} / {born}")


def _is_iso(text: str) -> bool:
    return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text))


def _plausible_dates(report: Report, values: dict[str, str]) -> None:
    today = date.today().isoformat()
    for name, value in values.items():
        if name.startswith("ngay") or "_ngay_" in name:
            if name.endswith("_bang_chu"):
                continue
            if not _is_iso(value):
                report.add("date_form", CheckResult.FAILED, [name], value)
            elif value > today or value < "1900-01-01":
                report.add("date_plausible", CheckResult.FAILED, [name], value)
    year = values.get("ngay_ban_hanh", "")[:4]
    if year.isdigit() and int(year) < 1945:
        report.add("date_plausible", CheckResult.FAILED, ["ngay_ban_hanh"], year)


def tax_digit_fits(code: str) -> bool:
    """Check digit of a 10-digit tax code (weights from memory of the sector: a warning only, never a rejection)."""
    weights = (31, 29, 23, 19, 17, 13, 7, 5, 3)
    digits = [int(c) for c in code[:10]]
    return (10 - sum(w * d for w, d in zip(weights, digits, strict=False)) % 11) % 11 == digits[9] % 11


def _tax_code(report: Report, values: dict[str, str]) -> None:
    code = values.get("ma_so_ho_kinh_doanh", "")
    if re.fullmatch(r"\d{10}(?:-\d{3})?", code) and not tax_digit_fits(code):
        report.add("tax_code", CheckResult.WARNING, ["ma_so_ho_kinh_doanh"], code)


def _agency(report: Report, values: dict[str, str]) -> None:
    """The agency of the heading against the place of registration."""
    heading, place = values.get("co_quan_ban_hanh"), values.get("noi_dang_ky")
    if not heading or not place:
        return
    own = place.split(",")[0]
    if similarity(key(heading), key(own)) >= 0.9 or key(heading) in key(place):
        report.add("agency_place", CheckResult.OK, ["co_quan_ban_hanh", "noi_dang_ky"])
    else:
        report.add(
            "agency_place", CheckResult.WARNING, ["co_quan_ban_hanh", "noi_dang_ky"], f"{heading} / {own}"
        )


def _money_words(report: Report, values: dict[str, str], found: dict[str, Found]) -> None:
    """An amount against its words, where the paper prints both."""
    for name in ("von_kinh_doanh", "muc_tro_cap"):
        if name not in values:
            continue
        match = re.search(r"b[aằă]ng ch[uữ]\s*:?\s*([^)]*)", found[name].printed, re.IGNORECASE)
        if not match:
            continue
        words = [
            w
            for w in re.findall(r"\w+", match.group(1).lower())
            if w not in ("đồng", "dong", "chẵn", "chan", "việt", "nam")
        ]
        amount = number_from_words([fold(w) for w in words])
        if amount is None:
            continue
        same = str(amount) == re.sub(r"\D", "", values[name])
        report.add("money_words", CheckResult.OK if same else CheckResult.FAILED, [name], str(amount))


def _registration(report: Report, values: dict[str, str], found: dict[str, Found]) -> None:
    """Day of issue and day of registration, where both were read from different places of the paper."""
    issue, registered = found.get("ngay_ban_hanh"), found.get("ngay_dang_ky")
    if issue is None or registered is None or issue.tokens == registered.tokens:
        return
    if issue.value and issue.value == registered.value:
        report.add("date_agrees", CheckResult.OK, ["ngay_ban_hanh", "ngay_dang_ky"])


def validity(form: Form | None, reading: DocumentReading) -> tuple[str | None, str | None]:
    """Days between which the paper is in force, by the rule of its kind; (None, None) when the day of issue is unknown."""
    issued = reading.fields.get("ngay_ban_hanh")
    if form is None or issued is None or not issued.value or not _is_iso(issued.value):
        return None, None
    if form.validity.months is None:
        return issued.value, None
    return issued.value, _months_later(date.fromisoformat(issued.value), form.validity.months).isoformat()


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
