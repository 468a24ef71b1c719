"""A document and its fields, each with its evidence (DESIGN decision 4)."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field

from schemas.page import Box


class FieldStatus(StrEnum):
    """How a value came to stand."""

    ACCEPTED = "accepted"  # without a person
    REVIEW = "review"  # waits for a person
    CONFIRMED = "confirmed"  # a person agreed
    CORRECTED = "corrected"  # a person changed it
    MISSING = "missing"  # the form asks for it and nothing was found


class DocumentStatus(StrEnum):
    """Where a record stands. Order is law (DESIGN decision 3): a record may not advance ahead."""

    CAPTURED = "captured"  # scanned and stored, image checked
    REVIEW = "review"  # read; something waits for a person
    CHECKED = "checked"  # every field accepted, confirmed or corrected
    ARCHIVED = "archived"
    REJECTED = "rejected"  # a person said that this is not a record


class CheckResult(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Check(BaseModel):
    """One check of a field or between fields."""

    code: str
    """Stable code, translated in `schemas.texts`."""
    result: CheckResult
    fields: list[str] = Field(default_factory=list)
    detail: str = ""


class FieldValue(BaseModel):
    """A field with its evidence."""

    value: str | None
    """Normalised: ISO dates, NFC names, digits only identity numbers."""
    printed: str | None = None
    """As it stands on the paper."""
    confidence: float = 0.0
    """Calibrated probability that `value` is right."""
    page: int | None = None
    """1-based page in the source."""
    box: Box | None = None
    """Shown frame, points."""
    status: FieldStatus = FieldStatus.REVIEW
    source: str = "ocr"
    """ocr | digits | born | rule | person:<user>"""
    handwritten: bool = False
    checks: list[str] = Field(default_factory=list)
    """Codes of checks that did not pass."""


class DocumentReading(BaseModel):
    """What reading made of one document."""

    pages: list[int]
    """1-based numbers in the source."""
    type: str
    """Kind of paper: file name in `ocr/forms/`, or `khac` when none fits."""
    type_confidence: float = 0.0
    rotation: int = 0
    """Clockwise degrees of the first page."""
    text: str = ""
    fields: dict[str, FieldValue] = Field(default_factory=dict)
    tables: dict[str, list[dict[str, str]]] = Field(default_factory=dict)
    """Rows of tables by name; each row maps a column name to the value as printed."""
    checks: list[Check] = Field(default_factory=list)
    dossier_code: str | None = None
    """From a separator sheet or the batch."""
    valid_from: str | None = None
    valid_to: str | None = None
    """ISO dates of the time in force; None when without limit or not known."""

    def needs_person(self) -> bool:
        """True when a field waits or a check failed."""
        waiting = (FieldStatus.REVIEW, FieldStatus.MISSING)
        return any(f.status in waiting for f in self.fields.values()) or any(
            c.result is CheckResult.FAILED for c in self.checks
        )
