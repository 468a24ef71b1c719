"""What is asked and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.document import DocumentStatus

COUNTED = 10_000
"""Results are counted exactly up to here."""
DEEPEST = 10_000
"""Results that may be left out by `offset`."""


class Validity(StrEnum):
    """Whether a record is in force on a day."""

    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REVOKED = "revoked"
    REPLACED = "replaced"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


class TotalIs(StrEnum):
    """How far the number of results may be trusted."""

    EXACT = "exact"
    AT_LEAST = "at_least"
    ABOUT = "about"  # estimated from the newest records


class Match(StrEnum):
    """How a result answers the words that were asked, best first."""

    EXACT = "exact"  # with the accents that were typed, standing together
    WHOLE = "whole"  # a whole name, number or code
    TOGETHER = "together"
    WORDS = "words"
    BEGINNING = "beginning"
    SPELLING = "spelling"
    FILTER = "filter"  # no words were asked


class Query(BaseModel):
    """What to find. All filters hold at once; of several values of one filter, one. Nothing asked: everything."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    text: str = Field("", max_length=1_000)
    """Free words. Case, tones, đ and the place of tone marks do not matter; the last word may be a beginning."""
    id_number: str | None = Field(None, max_length=40)
    """Exact: số định danh, CMND, passport, MST. Spaces, dots and dashes in it do not matter."""
    name: str | None = Field(None, max_length=200)
    """Words in the names of owners."""
    number: str | None = Field(None, max_length=100)
    """`12`, or the whole `12/2024/QĐ-UBND`."""
    symbol: str | None = Field(None, max_length=100)
    """`QĐ-UBND`."""
    kind: tuple[str, ...] = ()
    agency: tuple[str, ...] = ()
    """Names or codes of the issuing agency."""
    issued_from: date | None = None
    issued_to: date | None = None
    """Both days included."""
    year: tuple[int, ...] = ()
    """Of issue."""
    dossier: str | None = Field(None, max_length=100)
    """Mã hồ sơ, exact."""
    tthc: str | None = Field(None, max_length=60)
    """Mã TTHC, exact; the short form finds the long one as well."""
    code: str | None = Field(None, max_length=200)
    """DocCode (of any version), result code, digitised code or id of the record, exact."""
    validity: tuple[Validity, ...] = ()
    status: tuple[DocumentStatus, ...] = ()
    unit: tuple[str, ...] = ()
    """Ids; the empty one stands for records without a unit."""
    visible_units: frozenset[str] | None = None
    """Units whose records the asker may see; None: all."""
    visible_made_by: str | None = None
    """Records taken in by this user are seen as well, or alone where no units are named."""
    limit: int = Field(20, ge=1, le=1_000)
    offset: int = Field(0, ge=0, le=DEEPEST)
    cursor: str | None = Field(None, max_length=8_000)
    """Of the answer before; the rest of the query stays the same."""
    facets: bool = False
    highlights: bool = True
    total: bool = True
    fuzzy: bool = True
    """Also beginnings and small typing errors."""
    today: date | None = None
    without_limit: frozenset[str] = frozenset()
    """Kinds of paper that are in force without limit."""

    @model_validator(mode="after")
    def _one_place(self) -> Query:
        if self.cursor is not None and self.offset:
            raise ValueError("cursor and offset exclude each other")
        return self


@dataclass(frozen=True)
class Snippet:
    """A piece of a record with the words that were found. Plain text: whoever shows it escapes it."""

    field: str
    """Name of a field, or `text`."""
    text: str
    marks: tuple[tuple[int, int], ...]
    """[start, end) in characters of `text`."""


@dataclass(frozen=True)
class Facets:
    """How the results fall into kinds, agencies, years of issue, validity and units. Empty key: not known."""

    counted: int
    complete: bool
    """False: only the `counted` newest results were looked at."""
    kind: Mapping[str, int]
    agency: Mapping[str, int]
    year: Mapping[str, int]
    validity: Mapping[str, int]
    unit: Mapping[str, int]
