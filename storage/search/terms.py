"""By what a record is found: a set of short terms, the same on every database.

A term is a folded word, or something with a mark in front that no word can have, so that a free word never reaches it:

| term | stands for |
|---|---|
| `nguyen` | a word anywhere in the record |
| `^nguyên4` | the same as spelled (`storage.fold.accented`) |
| `_nguyen_thi` | neighbours in a field, or capitalised neighbours (names, places, agencies) in the text |
| `=nguyen_thi_anh` | a whole name, number or code |
| `n:anh` | a word in the name of an owner |
| `#id:079095001234` | an identity number; its digits are no words, so it is found whole or not at all |
| `#so: #kh: #sk:` | number, symbol, both |
| `#hs: #tt: #ma: #mb:` | dossier, procedure, code of the record, its code without version |
| `k: a: aw: ac: y: m: e: f: u: b: s: v:` | kind, agency, word and code of agency, year and month of issue, year of end and of beginning of validity, unit, who took it in, status, recorded act |
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from storage.fold import accented, fold

LONGEST_WORD = 40
LONGEST_TERM = 200
WORDS_AT_MOST = 20_000
"""Different words of one record; a book of a thousand pages has fewer."""
_LONGEST_WHOLE = 12
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]")
_WORD = re.compile(r"[^\W_]+")
_IDENTITY = re.compile(r"\d{12}|\d{9}")
_ALNUM_ID = re.compile(r"[A-Za-z]?\d{7,13}")
_TTHC = re.compile(r"(?<![\d.])\d\.\d{6}(?:\.\d{3}\.\d{2}\.\d{2}\.[A-Y]\d{2})?(?!\d)")
_VERSION = re.compile(r"_v\d{1,3}$")
_OLD_AGENCY = re.compile(r"\d{3}\.\d{2}\.\d{2}\.[a-y]\d{2}")
_AGENCY_CODE = re.compile(r"[a-y]\d{2}(\.\d{1,3})*|\d{3}\.\d{2}\.\d{2}\.[a-y]\d{2}")
_SHORT = {"ubnd": "uy_ban_nhan_dan", "hdnd": "hoi_dong_nhan_dan", "tp": "thanh_pho"}

OWNERS = frozenset((
    "ten_ho_kinh_doanh", "chu_ho", "chu_dau_tu", "ten_thuong_nhan", "ten_co_so", "doi_tuong", "nguoi_de_nghi",
    "nguoi_di_khai_sinh", "nguoi_di_khai_tu", "nguoi_su_dung_dat",
))  # fmt: skip
"""Fields that name a person or a household, beside every `…ho_ten`."""
NUMBERS = frozenset((
    "so_ky_hieu", "so", "so_dang_ky", "so_phat_hanh", "so_giay_chung_nhan_dat", "ma_so_ho_kinh_doanh", "so_vao_so",
))  # fmt: skip
"""Fields that hold a number, with or without a symbol."""
AGENCIES = ("co_quan_ban_hanh", "noi_dang_ky")
"""Who issued the paper, the first that is there."""
ISSUED = ("ngay_ban_hanh", "ngay_dang_ky")
_ID_FIELDS = ("dinh_danh", "giay_to", "ma_so", "so_cccd", "so_cmnd", "ho_chieu")


@dataclass
class Facts:
    """What the terms of a record are made of. `fields` in order: (name, value, printed)."""

    id: str
    kind: str
    text: str
    fields: Sequence[tuple[str, str | None, str | None]]
    status: str = ""
    unit: str = ""
    made_by: str = ""
    dossier_code: str | None = None
    doc_code: str | None = None
    result_code: str | None = None
    digitised_code: str | None = None
    office: str | None = None
    """Code of the agency in the DocCode."""
    valid_from: str | None = None
    valid_to: str | None = None
    """Day on which validity ends, recorded acts counted."""
    state: str | None = None
    """revoked | replaced | in_force, where an act says so."""
    _values: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._values = {name: value for name, value, _ in self.fields if value}

    @property
    def agency(self) -> str | None:
        return next((self._values[name] for name in AGENCIES if name in self._values), None)

    @property
    def issued(self) -> str | None:
        """ISO day."""
        days = (self._values.get(name, "") for name in ISSUED)
        return next((day for day in days if re.fullmatch(r"\d{4}-\d\d-\d\d", day)), None)


@lru_cache(maxsize=200_000)
def _word(raw: str) -> tuple[str, str | None]:
    """Folded form (empty: no word to be found by), and how it is spelled when it has marks."""
    folded = fold(raw)[:LONGEST_WORD]
    if folded.isdigit():
        if _IDENTITY.fullmatch(folded):
            return f"#id:{folded}", None
        if len(folded) <= 4:
            return folded.lstrip("0") or "0", None  # 05/QĐ is 5/QĐ, and 01/5 is 1/5
        return folded, None
    spelled = accented(raw)[: LONGEST_WORD + 5]
    return folded, spelled if spelled != folded else None


def words(text: str) -> list[str]:
    """Folded words; numbers of up to four digits without leading zeros, identity numbers as their own term."""
    return [w for w, _ in (_word(raw) for raw in _WORD.findall(unicodedata.normalize("NFC", text))) if w]


def spelled(text: str) -> list[tuple[str, str | None]]:
    """Folded words, each with its spelling where the text gives it marks."""
    return [w for w in (_word(raw) for raw in _WORD.findall(unicodedata.normalize("NFC", text))) if w[0]]


def joined(text: str) -> str:
    """A whole value as one term without its mark: `12/2024/QĐ-UBND` → `12_2024_qd_ubnd`."""
    return "_".join(w.removeprefix("#id:") for w in words(text))[:LONGEST_TERM]


def plain(value: str) -> str:
    """A code or id as part of a term."""
    return re.sub(r"[^\w.-]", "_", fold(value))[:LONGEST_TERM]


def identity(text: str) -> str:
    """An identity number or code of an organisation as its term, spaces, dots and dashes forgiven."""
    return "#id:" + re.sub(r"[\W_]+", "", fold(text))


def agency_key(name: str) -> str:
    """An agency's name with the usual abbreviations written out: `UBND xã An Sơn` → `uy_ban_nhan_dan_xa_an_son`."""
    return "_".join(_SHORT.get(w, w) for w in words(name))[:LONGEST_TERM]


def agency_code(code: str) -> str | None:
    """Code of an agency, agency first (QĐ 20/2020/QĐ-TTg); the reversed old form is turned round. None: no code."""
    folded = fold(code).strip()
    if not _AGENCY_CODE.fullmatch(folded):
        return None
    if _OLD_AGENCY.fullmatch(folded):
        folded = ".".join(part for part in reversed(folded.split(".")) if part.strip("0"))
    return folded


def number_parts(text: str) -> tuple[str, str]:
    """Number and symbol of `12/2024/QĐ-UBND`: (`12`, `qd_ubnd`); either may be empty."""
    found = words(text)
    number = found[0] if found and found[0][:1].isdigit() else ""
    rest = found[1:] if number else found
    if rest and re.fullmatch(r"(19|20)\d\d", rest[0]):
        rest = rest[1:]
    return number, "_".join(rest)[:LONGEST_TERM]


def code_terms(code: str) -> list[str]:
    """Terms of a code of a record; with its version left out for a DocCode."""
    whole = joined(code)
    short = _VERSION.sub("", whole)
    return [f"#ma:{whole}"] + ([f"#mb:{short}"] if short != whole else [])


def procedure_terms(text: str) -> set[str]:
    """Codes of procedures in a text, the short form of each as well."""
    found = {match.lower() for match in _TTHC.findall(text)}
    return {f"#tt:{code}" for code in found | {code[:8] for code in found}}


def terms_of(facts: Facts) -> set[str]:
    """All terms of a record."""
    terms: set[str] = set()
    _add_text(terms, facts.text)
    for name, value, printed in facts.fields:
        for text in (value, printed) if printed != value else (value,):
            if text:
                _add_value(terms, name, text)
    _add_codes(terms, facts)
    _add_filters(terms, facts)
    return terms


def _add_text(terms: set[str], text: str) -> None:
    before = ""
    for raw in _TOKEN.findall(unicodedata.normalize("NFC", text)):
        folded, spelling = _word(raw)
        if not raw[0].isalnum():
            before = ""
            continue
        if not folded:
            continue
        terms.add(folded)
        if spelling:
            terms.add("^" + spelling)
        if raw[0].isupper():
            if before:
                terms.add(f"_{before}_{folded}")
            before = folded
        else:
            before = ""
        if len(terms) > WORDS_AT_MOST:
            return
    if "." in text:
        terms |= procedure_terms(text)


def _add_value(terms: set[str], name: str, text: str) -> None:
    found = spelled(text)
    folded = [w for w, _ in found]
    terms.update(folded)
    terms.update("^" + s for _, s in found if s)
    terms.update(f"_{a}_{b}" for a, b in zip(folded, folded[1:], strict=False))
    if name.endswith("ho_ten") or name in OWNERS:
        terms.update(f"n:{w}" for w in folded)
        if len(folded) <= _LONGEST_WHOLE:
            terms.add("=" + "_".join(folded))
    elif name in NUMBERS:
        whole = joined(text)
        number, symbol = number_parts(text)
        terms.update((f"={whole}", f"#sk:{whole}"))
        terms.update(f"#so:{n}" for n in (number,) if n)
        terms.update(f"#kh:{s}" for s in (symbol,) if s)
    if any(part in name for part in _ID_FIELDS):
        for raw in _ALNUM_ID.findall(text):
            terms.add(identity(raw))
    elif name == "ma_tthc":
        terms |= procedure_terms(text)


def _add_codes(terms: set[str], facts: Facts) -> None:
    for code in (facts.id, facts.doc_code, facts.result_code, facts.digitised_code):
        if code:
            terms.update(words(code))
            terms.add("=" + joined(code))
            terms.update(code_terms(code))
    if facts.dossier_code:
        terms.update(words(facts.dossier_code))
        whole = joined(facts.dossier_code)
        terms.update((f"={whole}", f"#hs:{whole}"))
        agency = agency_code(facts.dossier_code.split("-")[0])
        if agency:
            terms.add(f"ac:{agency}")
    if facts.office and (code := agency_code(facts.office)):
        terms.add(f"ac:{code}")


def _add_filters(terms: set[str], facts: Facts) -> None:
    terms.update(words(facts.kind))
    terms.update((f"k:{plain(facts.kind)}", f"u:{plain(facts.unit)}", f"s:{plain(facts.status)}"))
    if facts.made_by:
        terms.add(f"b:{plain(facts.made_by)}")
    if facts.agency:
        key = agency_key(facts.agency)
        terms.add(f"a:{key}")
        terms.update(f"aw:{w}" for w in key.split("_"))
    if facts.issued:
        terms.update((f"y:{facts.issued[:4]}", f"m:{facts.issued[:7]}"))
    terms.add(f"e:{facts.valid_to[:4] if facts.valid_to else 'none'}")
    if facts.valid_from:
        terms.add(f"f:{facts.valid_from[:4]}")
    if facts.state:
        terms.add(f"v:{facts.state}")


def vocabulary(terms: Iterable[str]) -> set[str]:
    """Of the terms those that typing errors and beginnings are looked up among (letters only), and whole agencies."""
    return {t for t in terms if t.isalpha() or t.startswith("a:")}
