"""What is put into a catalogue in tests."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

from schemas.document import DocumentReading, FieldStatus, FieldValue
from schemas.settings import Codes
from schemas.store import ObjectRef
from storage.catalogue import (
    Catalogue,
    FileRow,
    NewDocument,
    NewPage,
    NewSource,
    PageStatus,
)
from storage.codes import Coding

ROOT = Path(__file__).parent.parent
CODING = Coding(
    "H26.12",
    Codes(),
    fields={"quyet_dinh": "QĐ", "giay_phep": "GP"},
    kind_codes={"quyet_dinh": "KQ.01"},
    owner_fields=("so_dinh_danh",),
)
SHA = itertools.count(1)


def source(pages: int | None = 3) -> NewSource:
    return NewSource(
        hashlib.sha256(str(next(SHA)).encode()).hexdigest(), 1000, "application/pdf", pages=pages
    )


def field(value: str | None, status: FieldStatus = FieldStatus.ACCEPTED, **more: object) -> FieldValue:
    return FieldValue(
        value=value, printed=value, confidence=0.99, page=1, box=(1, 2.5, 3, 4), status=status, **more
    )


def paper(pages: list[int], archive: str | None = None, **more: object) -> NewDocument:
    values = {"type": "quyet_dinh", "text": "QUYẾT ĐỊNH", "fields": {"so": field("12/QĐ-UBND")}, **more}
    ref = ObjectRef(key=archive, sha256="a" * 64, size=1, version="1") if archive else None
    return NewDocument(DocumentReading(pages=pages, **values), ref)


def judged(**numbers: str) -> list[NewPage]:
    return [NewPage(int(n[1:]), PageStatus(status)) for n, status in numbers.items()]


def file_in(catalogue: Catalogue, batch: str | None = None, pages: int | None = 3) -> FileRow:
    batch = batch or catalogue.start_batch("lô").id
    return catalogue.add_file(batch, f"quét/{next(SHA)}.pdf", source(pages))


def recorded(catalogue: Catalogue, *documents: NewDocument, coding: Coding | None = None):
    file = file_in(catalogue, pages=max(p for d in documents for p in d.reading.pages))
    return catalogue.record_file(file.id, pages=[], documents=documents, coding=coding)


def waiting(catalogue: Catalogue):
    """A record with a doubtful and a missing field."""
    fields = {"so": field("12/QĐ"), "ten": field("Nguyên", FieldStatus.REVIEW, checks=["name"])}
    fields["ngay"] = field(None, FieldStatus.MISSING)
    (row,) = recorded(catalogue, paper([1], fields=fields))
    return row
