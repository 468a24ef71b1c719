"""What `digitise` and `extract` give back: the contract of `--json` (DESIGN), with its JSON Schema beside this file."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from schemas.document import DocumentStatus, FieldStatus, FieldValue
from schemas.page import Box


class PagesAccount(BaseModel):
    """Pages in = in documents + blank + separator + quarantined, once a batch is finished."""

    model_config = ConfigDict(populate_by_name=True)

    in_: int = Field(alias="in")
    """Counted on opening the files."""
    in_documents: int
    blank: int
    separator: int
    quarantined: int
    declared: int | None = None
    """What the clerk counted on paper; None when nobody said."""

    @property
    def adds_up(self) -> bool:
        return self.in_ == self.in_documents + self.blank + self.separator + self.quarantined


class FieldSummary(BaseModel):
    """A field with its evidence, as others see it."""

    value: str | None
    """Normalised."""
    printed: str | None
    """As it stands on the paper."""
    confidence: float
    page: int | None
    """1-based, in the source."""
    box: Box | None
    """left, top, right, bottom in points of the upright page, from its top left."""
    status: FieldStatus

    @classmethod
    def of(cls, field: FieldValue) -> FieldSummary:
        summary = cls(**field.model_dump(include=set(cls.model_fields)))
        if summary.box:  # a hundredth of a point is far below a pixel
            summary.box = tuple(round(side, 2) for side in summary.box)
        return summary


class ArchiveRef(BaseModel):
    """Where the archive copy lies."""

    key: str
    sha256: str
    version: str
    """Id of the object's version in the store."""


class DocumentSummary(BaseModel):
    """One record."""

    id: str
    type: str
    """Kind of paper; `khac` when none fits."""
    status: DocumentStatus
    source: str
    """The file as it was offered."""
    pages: list[int]
    """1-based, in the source."""
    fields: dict[str, FieldSummary]
    archive: ArchiveRef | None
    reasons: list[str] = Field(default_factory=list)
    """Codes of checks that failed or warn."""


class QuarantineItem(BaseModel):
    """A file, page or document that was set aside."""

    id: str = ""
    """Of the entry; empty where nothing is kept (extract)."""
    source: str
    page: int | None = None
    """1-based; None: the whole file."""
    code: str
    """Stable code, see `schemas.errors`."""
    reason: str
    """A sentence for the clerk, Vietnamese."""


class DigitiseResult(BaseModel):
    """What became of a batch."""

    batch: str
    name: str
    finished: bool
    """Every page is accounted for, and their number is the declared one."""
    pages: PagesAccount
    documents: list[DocumentSummary]
    quarantine: list[QuarantineItem]
    messages: list[str] = Field(default_factory=list)
    """For the clerk, Vietnamese."""

    @property
    def needs_person(self) -> bool:
        waiting = any(document.status is DocumentStatus.REVIEW for document in self.documents)
        return waiting or bool(self.quarantine) or not self.finished

    def exit_code(self) -> int:
        """0: all done; 1: something needs a person."""
        return 1 if self.needs_person else 0

    def to_json(self) -> str:
        """One JSON document in UTF-8 letters, with a line feed at the end."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


class ExtractedDocument(BaseModel):
    """One document read without archiving; a file of `sohoa extract`."""

    source: str
    pages: list[int]
    """1-based, in the source."""
    type: str
    rotation: int
    """Clockwise degrees by which the first page was found turned."""
    text: str
    fields: dict[str, FieldSummary]

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"


class ExtractResult(BaseModel):
    """What `extract` wrote and what it could not read."""

    written: list[Path] = Field(default_factory=list)
    refused: list[QuarantineItem] = Field(default_factory=list)
    waiting: int = 0
    """Documents with something for a person to look at."""

    def exit_code(self) -> int:
        """0: all done; 1: something needs a person."""
        return 1 if self.refused or self.waiting else 0


def json_schema() -> dict:
    """JSON Schema of `sohoa digitise --json` (schemas/digitise.schema.json)."""
    schema = DigitiseResult.model_json_schema(by_alias=True, mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":  # python -m schemas.results > schemas/digitise.schema.json
    print(json.dumps(json_schema(), ensure_ascii=False, indent=2))
