"""Codes of records, made from the templates in `schemas.settings.Codes`; dossier codes, taken apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from string import Formatter

from schemas.errors import BadSettings, WrongUse
from schemas.settings import Codes
from storage.fold import fold_words

DOC_CODE_MAX = 30
"""Characters. CV 7197/BKHCN-CĐSQG, metadata field DocCode."""
SERIAL_MAX = 999_999
"""STT 000001-999999. CV 7197/BKHCN-CĐSQG."""
DESCRIPTION_MAX = 60
CENTRALISED_SINCE = date(2026, 1, 25)
"""TT 04/2025/TT-VPCP in force: dossier codes of nationally centralised services."""


@dataclass(frozen=True)
class Coding:
    """What is needed to give a record its codes."""

    office: str
    """Mã định danh điện tử of the agency; without one no DocCode is given."""
    templates: Codes
    fields: Mapping[str, str] = field(default_factory=dict)
    """Kind of paper -> LV of the DocCode (QĐ, GP, VB, ...)."""
    kind_codes: Mapping[str, str] = field(default_factory=dict)
    """Kind of paper -> mã loại kết quả on the national database of procedures."""
    owner_fields: tuple[str, ...] = ()
    """Fields that may hold the owner's number; the first that has a value counts."""
    default_field: str = "KHAC"

    def field_of(self, kind: str) -> str:
        return self.fields.get(kind, self.default_field)


def version_label(number: int) -> str:
    """V1 is the first scan, V2 the first correction (CV 7197)."""
    if number < 1:
        raise WrongUse(f"versions count from 1, got {number}")
    return f"V{number}"


def parse_version(label: str) -> int:
    match = re.fullmatch(r"V([1-9]\d*)", label)
    if not match:
        raise WrongUse(f"not a version: {label!r}")
    return int(match[1])


def result_code(templates: Codes, dossier: str, n: int) -> str:
    """Code of the n-th result of a dossier (NĐ 45/2020 Đ14 k3)."""
    if not dossier or n < 1:
        raise WrongUse("a result code needs a dossier code and a number from 1")
    return _fill("result", templates.result, dossier=dossier, n=n)


def digitised_code(templates: Codes, owner: str | None, kind_code: str) -> str:
    """Code of the digitised paper (TT 01/2023/TT-VPCP Đ10). The owner's part is left blank when there is
    no number."""
    return _fill("digitised", templates.digitised, owner=owner or "", kind_code=kind_code)


def doc_code(templates: Codes, office: str, field: str, serial: int, version: int) -> str:
    """DocCode `MCQ_LV_STT_PB`. Raises BadSettings over 30 characters or without an agency code."""
    if not office:
        raise BadSettings("office.code is empty; a DocCode starts with the code of the agency")
    if not 1 <= serial <= SERIAL_MAX:
        raise WrongUse(f"serial number {serial} is not within 1-{SERIAL_MAX}")
    version_label(version)
    code = _fill("doc_code", templates.doc_code, office=office, field=field, serial=serial, version=version)
    if len(code) > DOC_CODE_MAX:
        raise BadSettings(f"DocCode {code!r} has {len(code)} characters, at most {DOC_CODE_MAX} are allowed")
    return code


@dataclass(frozen=True)
class DocCode:
    """A DocCode (CV 7197) and what it says."""

    office: str
    field: str
    serial: int
    version: int


_PARTS = {
    "office": r"(?P<office>[0-9A-Z.]{1,35})",
    "field": r"(?P<field>[^\W\d_]{1,8})",
    "serial": r"(?P<serial>[0-9]{1,6})",
    "version": r"(?P<version>[1-9][0-9]{0,3})",
}


def parse_doc_code(templates: Codes, text: str) -> DocCode:
    """Take a DocCode apart by the office's template. Raises WrongUse.

    A serial with fewer digits than the template writes is understood: the example of CV 7197 itself drops a zero.
    """
    pattern = "".join(
        re.escape(literal) + (_PARTS.get(name, "") if name else "")
        for literal, name, _, _ in Formatter().parse(templates.doc_code)
    )
    match = re.fullmatch(pattern, unicodedata.normalize("NFC", text.strip()))
    if not match or not int(match["serial"]):
        raise WrongUse(f"not a DocCode: {text[:40]!r}")
    return DocCode(match["office"], match["field"], int(match["serial"]), int(match["version"]))


def file_name(templates: Codes, doc_code: str, day: date, description: str, extension: str) -> str:
    """Name of a file handed out, CODE_YYYYMMDD_DESC.EXT; the description as joined words without tones."""
    words = fold_words(description).split()
    joined = "".join(w.capitalize() for w in words)[:DESCRIPTION_MAX]
    name = _fill(
        "file_name",
        templates.file_name,
        doc_code=doc_code,
        date=f"{day:%Y%m%d}",
        description=joined,
        extension=extension.lower().lstrip("."),
    )
    if "/" in name or "\\" in name:
        raise BadSettings(f"codes.file_name makes a name with a folder in it: {name!r}")
    return name


def _fill(name: str, template: str, **values: object) -> str:
    try:
        return unicodedata.normalize("NFC", template.format(**values))
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise BadSettings(f"codes.{name}: {template!r} cannot be filled ({error})") from error


class DossierForm(StrEnum):
    OLD = "old"  # agency code reversed, TT 01/2018/TT-VPCP Đ19
    CURRENT = "current"  # agency first
    CENTRALISED = "centralised"  # TT 03/2025 Đ13 with TT 04/2025/TT-VPCP: AA of the system before the serial


@dataclass(frozen=True)
class DossierCode:
    """A dossier code (mã số hồ sơ TTHC) and what it says."""

    text: str
    form: DossierForm
    agency: str
    day: date
    serial: str
    system: str | None = None
    """Two digits of the owner of a centralised system."""


_OLD = re.compile(
    r"(?P<agency>[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Y][0-9]{2})-(?P<day>[0-9]{6})-(?P<serial>[0-9]{4,})"
)
_CURRENT = re.compile(r"(?P<agency>[A-Y][0-9]{2}(?:\.[0-9]{1,3})*)-(?P<day>[0-9]{6})-(?P<serial>[0-9]{4,})")
AGENCY_MAX = 35
"""Characters. QĐ 20/2020/QĐ-TTg."""


def parse_dossier_code(text: str) -> DossierCode:
    """Take a dossier code apart; spaces around it and lower case are forgiven. Raises WrongUse.

    A serial of six digits or more dated on or after 25/01/2026 is taken as AAXXXX; the text alone cannot tell
    it from a very long daily serial, which is far less likely.
    """
    code = text.strip().upper()
    match = _OLD.fullmatch(code) or _CURRENT.fullmatch(code)
    if not match or len(match["agency"]) > AGENCY_MAX:
        raise WrongUse(f"not a dossier code: {text!r}")
    digits = match["day"]
    try:
        day = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError as error:
        raise WrongUse(f"dossier code {text!r}: {digits} is not a date") from error
    agency, serial = match["agency"], match["serial"]
    if match.re is _OLD:
        return DossierCode(code, DossierForm.OLD, agency, day, serial)
    if len(serial) >= 6 and day >= CENTRALISED_SINCE:
        return DossierCode(code, DossierForm.CENTRALISED, agency, day, serial[2:], serial[:2])
    return DossierCode(code, DossierForm.CURRENT, agency, day, serial)


def is_dossier_code(text: str) -> bool:
    try:
        parse_dossier_code(text)
    except WrongUse:
        return False
    return True
