"""Kinds of paper as data: one TOML file each in this folder. A new kind of paper needs a new file, not new code.

`load_forms()` reads the folder shipped with the program and any further folders (an office's own forms); files are
checked when loaded, and a wrong one is reported with its name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ocr.normalise import key
from schemas.errors import BadSettings

UNKNOWN_KIND = "khac"
LETTER_KIND = "cong_van"
"""The one kind of NĐ 30/2020 that bears no title."""


class ValueKind(StrEnum):
    """What stands behind a label; decides how it is normalised, checked and how many rows it may fill."""

    NAME = "name"
    DATE = "date"
    DATE_WORDS = "date_words"
    YEAR = "year"
    TIME = "time"
    IDENTITY = "identity"
    NUMBER = "number"
    PLACE = "place"
    AGENCY = "agency"
    MONEY = "money"
    DECIMAL = "decimal"
    INTEGER = "integer"
    PHONE = "phone"
    CODE = "code"
    SEX = "sex"
    ETHNIC = "ethnic"
    NATIONALITY = "nationality"
    TEXT = "text"
    LIST = "list"


_LINES = {ValueKind.PLACE: 3, ValueKind.AGENCY: 3, ValueKind.TEXT: 4, ValueKind.DATE_WORDS: 2, ValueKind.IDENTITY: 2,
          ValueKind.NAME: 2, ValueKind.ETHNIC: 2, ValueKind.NATIONALITY: 2, ValueKind.LIST: 30}  # fmt: skip


class FieldForm(BaseModel):
    """One field of a kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    kind: ValueKind = ValueKind.TEXT
    labels: list[str] = Field(default_factory=list)
    """Printed labels, newest first. Case, accents, colons and dotted lines do not matter."""
    group: str = ""
    """Part of the paper the field belongs to (mother, father, wife …); the same label may occur in several."""
    anchor: bool = False
    """This label opens its group."""
    required: bool = False
    lines: int = 0
    """Rows the value may fill; 0: by kind."""
    until: list[str] = Field(default_factory=list)
    """Regular expressions on folded text (lower case, no accents) that end the value."""
    vocabulary: list[str] = Field(default_factory=list)
    """Usual values of a text field, against which reading errors are repaired; others are kept as read."""
    patterns: list[str] = Field(default_factory=list)
    """Regular expressions on the folded running text, first group is the value; used where no label gave one."""
    every: bool = False
    """All matches of the patterns, joined by `; `, instead of the first."""
    drop: list[str] = Field(default_factory=list)
    """Regular expressions on folded text that are cut out of the items of a list."""
    after: str = ""
    """`patterns` look only behind the label of this field."""
    first: bool = False
    """`patterns` are tried before the labels."""

    @property
    def rows(self) -> int:
        return self.lines or _LINES.get(self.kind, 1)

    @field_validator("until", "patterns", "drop")
    @classmethod
    def _compiles(cls, expressions: list[str]) -> list[str]:
        for expression in expressions:
            re.compile(expression)
        return expressions


class Validity(BaseModel):
    """How long the paper is in force."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    months: int | None = None
    """From the day of issue; None: without limit."""
    scope: str = ""
    """What the time is for, in Vietnamese."""
    source: str = ""


class TableForm(BaseModel):
    """A table of the paper: printed column headings by column name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: dict[str, list[str]]
    after: list[str] = Field(default_factory=list)
    """Labels above the table; empty: the column headings alone tell."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Fields made of a column: all its cells joined by `; `."""


class Form(BaseModel):
    """A kind of paper."""

    model_config = ConfigDict(extra="forbid")

    code: str
    name: str
    titles: list[str]
    """Titles as printed, over the years; a line break in the print is a space here."""
    subtitles: list[str] = Field(default_factory=list)
    """Lines under the title that belong to it, such as `(BẢN SAO)`."""
    abbreviation: str = ""
    """In the number and symbol: NĐ 30/2020 Phụ lục III, or as the sector's forms print it."""
    result_code: str = ""
    """Mã loại kết quả in CSDLQG về TTHC; empty until imported from there."""
    anchors: list[str] = Field(default_factory=list)
    """Phrases that only this kind prints; they decide when the title cannot be read."""
    stops: list[str] = Field(default_factory=list)
    """Labels that end a value without being fields."""
    fields: dict[str, FieldForm] = Field(default_factory=dict)
    columns: list[str] = Field(default_factory=list)
    """Groups that may stand side by side."""
    tables: dict[str, TableForm] = Field(default_factory=dict)
    subject: bool = False
    """Bears a trích yếu (NĐ 30/2020 Điều 8)."""
    heading: list[str] = Field(default=["so_ky_hieu", "ngay_ban_hanh", "co_quan_ban_hanh", "nguoi_ky"])
    """Fields of the heading and the signature that this kind always bears."""
    named_signer_line: list[str] = Field(default_factory=list)
    """Line above the signer such as `NGƯỜI KÝ GIẤY KHAI SINH`."""
    fallbacks: dict[str, str] = Field(default_factory=dict)
    """Field of the heading that another field stands for when the heading prints none: the day of issue of a birth
    certificate is its day of registration."""
    issuing_agency: str = ""
    """Field whose agency issued the paper when the heading prints none."""
    validity: Validity = Field(default_factory=Validity)
    valid_from: date | None = None
    valid_to: date | None = None
    """Days between which this form was printed."""
    source: str

    @cached_property
    def title_keys(self) -> list[str]:
        return [key(title) for title in self.titles]

    @cached_property
    def anchor_keys(self) -> list[str]:
        return [key(anchor) for anchor in self.anchors]

    @cached_property
    def label_fields(self) -> dict[str, list[str]]:
        """Names of the fields by the key of their label; stops have the name ''."""
        found: dict[str, list[str]] = {}
        for name, form in self.fields.items():
            for label in form.labels:
                found.setdefault(key(label), []).append(name)
        for stop in self.stops:
            found.setdefault(key(stop), []).append("")
        return found


class Forms:
    """All kinds by code."""

    def __init__(self, forms: Iterable[Form]) -> None:
        self.by_code: dict[str, Form] = {}
        for form in forms:
            self.by_code[form.code] = form

    def __iter__(self):
        return iter(self.by_code.values())

    def __getitem__(self, code: str) -> Form:
        return self.by_code[code]

    def __contains__(self, code: str) -> bool:
        return code in self.by_code

    def get(self, code: str) -> Form | None:
        return self.by_code.get(code)

    def codes(self) -> list[str]:
        return list(self.by_code)

    @cached_property
    def abbreviations(self) -> dict[str, str]:
        """Code of the kind by its abbreviation in number and symbol."""
        return {form.abbreviation: form.code for form in self if form.abbreviation}


HERE = Path(__file__).parent


def load_form(path: Path) -> Form:
    """One kind from its file. Raises BadSettings naming the file when it is not valid."""
    try:
        facts = tomllib.loads(path.read_text("utf-8"))
        for name, field in facts.get("fields", {}).items():
            field["name"] = name
        facts.setdefault("code", path.stem)
        form = Form(**facts)
    except (ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError, re.error) as error:
        raise BadSettings(f"form {path.name}: {error}") from error
    if form.code != path.stem:
        raise BadSettings(f"form {path.name}: code {form.code!r} differs from the file name")
    return form


def load_forms(*folders: Path) -> Forms:
    """The kinds shipped with the program, then those of further folders, which may replace them by name."""
    paths = [path for folder in (HERE, *folders) for path in sorted(folder.glob("*.toml"))]
    return Forms(load_form(path) for path in paths)
