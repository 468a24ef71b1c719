"""What the catalogue takes and gives. Times are aware, UTC; they are shown as +07:00 elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.document import Check, DocumentReading, DocumentStatus, FieldValue
from schemas.page import PageQuality
from schemas.store import ObjectRef

if TYPE_CHECKING:
    from storage.search.query import Snippet

# Crockford's letters: none that is mistaken for another when read aloud or typed.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ID_LETTERS = 12
"""60 bits: one chance in 20,000 of any clash among ten million records."""


class BatchStatus(StrEnum):
    OPEN = "open"
    FINISHED = "finished"


class FileStatus(StrEnum):
    WAITING = "waiting"
    WORKING = "working"  # claimed; waiting again when the lease runs out
    DONE = "done"
    LINKED = "linked"  # the same bytes are handled by another file
    QUARANTINED = "quarantined"


class PageStatus(StrEnum):
    WAITING = "waiting"  # to be read again after quarantine
    DOCUMENT = "document"
    BLANK = "blank"
    SEPARATOR = "separator"
    QUARANTINED = "quarantined"


class QuarantineStatus(StrEnum):
    OPEN = "open"
    RETRIED = "retried"
    DROPPED = "dropped"  # a person decided to leave it out; its pages stay accounted for


@dataclass(frozen=True)
class NewSource:
    """Bytes that came in. `pages` is counted on opening the file, independently of what is read later."""

    sha256: str
    size: int
    media_type: str = ""
    object: ObjectRef | None = None
    pages: int | None = None
    signed: bool = False
    signature_notes: list[dict] = field(default_factory=list)


@dataclass(frozen=True)
class NewPage:
    number: int
    """1-based."""
    status: PageStatus
    rotation: int = 0
    quality: PageQuality | dict | None = None
    reading_key: str | None = None
    """Object key of the stored `PageReading`."""


@dataclass(frozen=True)
class NewDocument:
    reading: DocumentReading
    archive: ObjectRef | None = None
    sealed: bool = True
    """False: `archive` is the PDF/A copy made ahead of the agency's signature, so the record is at most CHECKED (order
    is law, DESIGN decision 3)."""


@dataclass(frozen=True)
class StepKey:
    """Identity of a piece of work (DESIGN decision 6)."""

    input_hash: str
    step: str
    version: str
    settings_hash: str = ""


@dataclass(frozen=True)
class StepResult:
    key: StepKey
    result: dict | list | None
    result_key: str | None
    """Object key when the result is too large for the catalogue."""


@dataclass(frozen=True)
class BatchRow:
    id: str
    name: str
    dossier_code: str | None
    declared_pages: int | None
    settings_hash: str
    legal_basis: str
    status: BatchStatus
    created: datetime
    finished: datetime | None
    unit: str | None = None
    """Whose papers these are; a document belongs to the unit of its batch."""
    made_by: str | None = None
    """Id of the user who took them in; None: nobody was known."""


@dataclass(frozen=True)
class SourceRow:
    sha256: str
    name: str
    size: int
    media_type: str
    object: ObjectRef | None
    pages: int | None
    signed: bool
    signature_notes: list[dict]


@dataclass(frozen=True)
class FileRow:
    """One file as offered to a batch."""

    id: str
    batch: str
    path: str
    source: SourceRow | None
    status: FileStatus
    worker: str | None
    lease_until: datetime | None

    @property
    def linked(self) -> bool:
        return self.status is FileStatus.LINKED


@dataclass(frozen=True)
class PageRow:
    source: str
    number: int
    status: PageStatus
    rotation: int
    quality: dict | None
    reading_key: str | None


@dataclass(frozen=True)
class DocumentRow:
    id: str
    batch: str
    source: str
    """SHA-256 of the file it was cut from."""
    pages: list[int]
    type: str
    type_confidence: float
    rotation: int
    status: DocumentStatus
    version: int
    """n of V1..Vn; 0 while nothing is archived."""
    revision: int
    """Grows with every change; hand it back as `expected_revision`."""
    result_code: str | None
    digitised_code: str | None
    doc_code: str | None
    dossier_code: str | None
    valid_from: str | None
    valid_to: str | None
    archive: ObjectRef | None
    text: str
    tables: dict[str, list[dict[str, str]]]
    created: datetime
    changed: datetime
    confirmed_by: str | None
    reason: str | None
    """Why it was rejected."""
    fields: dict[str, FieldValue]
    checks: list[Check]
    validity_state: str | None = None
    """Newest act on validity (`storage.search.validity`): revoked | replaced | in_force; None: only the dates count."""
    validity_until: str | None = None
    """Day to which an act says that it is in force; stands above `valid_to`."""
    validity_reason: str | None = None
    validity_changed: datetime | None = None
    replaced_by: str | None = None


@dataclass(frozen=True)
class HistoryRow:
    """One change of one field, by a person or by reading again."""

    document: str
    field: str
    old_value: str | None
    new_value: str | None
    old_status: str | None
    new_status: str
    who: str
    at: datetime
    why: str


@dataclass(frozen=True)
class VersionRow:
    document: str
    version: int
    archive: ObjectRef
    made: datetime
    who: str
    why: str


@dataclass(frozen=True)
class QuarantineRow:
    id: str
    batch: str
    file: str
    path: str
    source: str | None
    page: int | None
    code: str
    """Code of the error (`schemas.errors`)."""
    detail: str
    status: QuarantineStatus
    created: datetime
    who: str | None
    reason: str


@dataclass(frozen=True)
class EventRow:
    id: int
    at: datetime
    who: str
    what: str
    object: str
    detail: dict


@dataclass(frozen=True)
class BatchSummary:
    """Everything is accounted for (DESIGN decision 5). A source counts once, however often it was offered."""

    batch: BatchRow
    files: dict[FileStatus, int]
    pages_in: int
    in_documents: int
    blank: int
    separator: int
    quarantined: int
    documents: dict[DocumentStatus, int]
    problems: list[str]
    """What keeps the batch from adding up, in English, for the log."""

    @property
    def unfinished(self) -> int:
        """Files that wait or are worked on."""
        return self.files.get(FileStatus.WAITING, 0) + self.files.get(FileStatus.WORKING, 0)

    @property
    def unaccounted(self) -> int:
        return self.pages_in - self.in_documents - self.blank - self.separator - self.quarantined

    @property
    def adds_up(self) -> bool:
        return self.unaccounted == 0 and not self.problems

    @property
    def declared_pages(self) -> int | None:
        return self.batch.declared_pages

    @property
    def declared_matches(self) -> bool | None:
        """None when nobody declared a number of pages (TT 01/2023/TT-VPCP Đ8 k2: images in = pages in)."""
        return None if self.declared_pages is None else self.declared_pages == self.pages_in


@dataclass(frozen=True)
class Hit:
    id: str
    type: str
    score: float
    fields: dict[str, str | None]
    validity: str
    """in_force | expired | revoked | replaced | not_yet | unknown (`storage.search.Validity`)"""
    status: DocumentStatus
    doc_code: str | None
    source: str
    pages: list[int]
    match: str = ""
    """How it answers (`storage.search.Match`)."""
    snippets: tuple[Snippet, ...] = ()
    validity_reason: str = ""
    """A sentence, Vietnamese."""
    batch: str = ""
    unit: str = ""
    """Of its batch; empty: none."""
    made_by: str = ""
    """Id of the user who took the batch in."""
    dossier_code: str | None = None
    issued: str | None = None
    """ISO day."""
    agency: str | None = None


def short_id(prefix: str, *parts: object) -> str:
    """Readable id derived from what it names, so that doing the same again names the same thing."""
    digest = hashlib.sha256("\x1f".join(str(p) for p in parts).encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> (64 - 5 * ID_LETTERS)
    letters = ""
    for _ in range(ID_LETTERS):
        number, rest = divmod(number, 32)
        letters = _ALPHABET[rest] + letters
    return f"{prefix}-{letters}"


def document_id(source_sha256: str, pages: Sequence[int]) -> str:
    """Id of the record made from these pages of these bytes.

    The version of the reading step is left out on purpose: reading again must land on the same record, or
    what a person corrected would be lost beside a second one.
    """
    return short_id("D", source_sha256, ",".join(str(p) for p in pages))
