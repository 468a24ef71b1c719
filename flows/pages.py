"""What page processes do: read a page, cut a file into documents, put one document together. One job class each.

Jobs are small and cross a pipe; originals and readings are fetched by key where they are needed. What does the work is
imported where it is done: the coordinator, and every command, knows these jobs without loading a recogniser.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from flows.locks import lock_of, put_locked
from ocr.forms import UNKNOWN_KIND, Forms, load_forms
from ocr.intake import Source, open_source, read_file
from ocr.separate import Separation, separate
from schemas.document import Check, CheckResult, DocumentReading, FieldStatus
from schemas.errors import InputRejected, OutputInvalid, PageFailed, SohoaError, TruncatedFile
from schemas.page import IssueCode, PageQuality, PageReading
from schemas.record import RecordMetadata
from schemas.settings import Settings
from schemas.source import SourceInfo
from schemas.store import ObjectRef
from storage.objects import ObjectStore

READING_VERSION = "1"
"""Raise it when the code reads pages differently: they are then read again when their file is offered again."""
ASSEMBLY_VERSION = "1"
"""Raise it when documents are cut, understood or made differently."""


@dataclass(frozen=True)
class Original:
    """A file that came in, and where its bytes are: an object key, or a path where nothing is stored."""

    info: SourceInfo
    place: str | Path


class Bench:
    """What a page process keeps between jobs: its engine, the open file, the store."""

    def __init__(self, settings: Settings, store: ObjectStore | None) -> None:
        """`store`: None when originals and readings are files. Raises MissingProgram."""
        from ocr.engines import open_engine

        self.settings = settings
        self.engine = open_engine(settings.reading)
        self.store = store
        self._sha256 = ""
        self._data = b""
        self._source: Source | None = None

    def close(self) -> None:
        self._close_source()
        self.engine.close()
        if self.store:
            self.store.close()

    @cached_property
    def forms(self) -> Forms:
        return load_forms()

    def data(self, original: Original) -> bytes:
        """Bytes of a file; those of the last one are kept."""
        if original.info.sha256 != self._sha256:
            self._close_source()
            self._data, self._sha256 = self._fetch(original), original.info.sha256
        return self._data

    def source(self, original: Original) -> Source:
        """The file, open; the last one stays open."""
        data = self.data(original)
        if self._source is None:
            self._source = open_source(data, original.info, self.settings.limits)
        return self._source

    def readings(self, places: Sequence[str | Path]) -> list[PageReading]:
        return [unpacked(p.read_bytes() if isinstance(p, Path) else self._stored(p)) for p in places]

    def _fetch(self, original: Original) -> bytes:
        if isinstance(original.place, str):
            return self._stored(original.place)
        data = read_file(original.place, self.settings.limits)
        if len(data) != original.info.size:
            raise TruncatedFile(f"{original.place.name} changed while it was worked on")
        return data

    def _stored(self, key: str) -> bytes:
        if self.store is None:
            raise SohoaError(f"no store to fetch {key} from")
        return self.store.get(key)

    def _close_source(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source, self._data, self._sha256 = None, b"", ""


def packed(reading: PageReading) -> bytes:
    """Compact and deterministic: the same reading gives the same bytes."""
    return gzip.compress(reading.model_dump_json(exclude_defaults=True).encode(), compresslevel=5, mtime=0)


def unpacked(data: bytes) -> PageReading:
    return PageReading.model_validate_json(gzip.decompress(data))


# --- jobs ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class ReadPage:
    """One page, picture to words. Result: the packed PageReading."""

    file: str
    original: Original
    page: int
    seconds: float
    urgent = False
    failure = PageFailed

    def run(self, bench: Bench) -> bytes:
        from ocr.reading import read_page

        source = bench.source(self.original)
        image = source.render(self.page, bench.settings.reading.dpi)
        born = source.born_words(self.page)
        return packed(read_page(self.page, image, born, bench.engine, bench.settings.reading))


@dataclass(frozen=True)
class PageFacts:
    """What the catalogue keeps of a page."""

    page: int
    rotation: int
    quality: PageQuality


@dataclass(frozen=True, eq=False)
class Cut:
    """All pages of a file into documents. Result: (Separation, [PageFacts])."""

    file: str
    readings: dict[int, str | Path]
    """Places of the readings by page, in order."""
    whole: bool
    """The file is one document however it looks: it was signed as one."""
    seconds: float
    urgent = True
    failure = OutputInvalid

    def run(self, bench: Bench) -> tuple[Separation, list[PageFacts]]:
        readings = bench.readings(list(self.readings.values()))
        cut = Separation(documents=[list(self.readings)]) if self.whole else separate(readings, bench.forms)
        return cut, [PageFacts(r.page, r.rotation, r.quality) for r in readings]


@dataclass(frozen=True)
class Made:
    """A document put together. `archive` is None where nothing was to be made."""

    reading: DocumentReading
    archive: ObjectRef | None


@dataclass(frozen=True)
class Archiving:
    """How the archive copy of a document is to be made."""

    document: str
    key: str
    """Where other bytes than the standing ones are put."""
    captured: str
    """ISO 8601 with offset."""
    agency: str
    converter: str
    standing: ObjectRef | None = None
    """The copy that is in the catalogue. The same bytes again: nothing new is stored."""


@dataclass(frozen=True, eq=False)
class MakeDocument:
    """One document: image check, PDF/A, fields. Result: Made."""

    file: str
    index: int
    original: Original
    readings: dict[int, str | Path]
    archiving: Archiving | None
    """None: fields only."""
    seconds: float
    dossier_code: str | None = None
    neighbours_missing: tuple[int, ...] = ()
    """Pages beside or within it that could not be read."""
    urgent = True
    failure = OutputInvalid

    def run(self, bench: Bench) -> Made:
        from ocr.extract import read_document

        readings = bench.readings(list(self.readings.values()))
        signed = self.original.info.signed
        found = read_document(
            readings, forms=bench.forms, settings=bench.settings, dossier_code=self.dossier_code
        )
        # Read ahead, because the PDF/A says what it is; the record does not advance before its PDF/A stands.
        found.checks = image_checks(readings) + missing_pages(self.neighbours_missing) + found.checks
        if not signed:
            found.checks += colour_check(found, readings)
        archive = None
        if self.archiving is not None:
            archive = self._signed_copy(bench, found) if signed else self._searchable_copy(bench, readings, found)
        return Made(found, archive)

    def _signed_copy(self, bench: Bench, found: DocumentReading) -> ObjectRef:
        """A PDF that came signed is kept as it is: rewriting it would break what makes it valid."""
        names = "; ".join(note.signer or note.field for note in self.original.info.signed)
        found.checks.append(Check(code="signed_original", result=CheckResult.OK, detail=names))
        return self._stored(bench, bench.data(self.original), found.type)

    def _searchable_copy(self, bench: Bench, readings: list[PageReading], found: DocumentReading) -> ObjectRef:
        from ocr.searchable import make_searchable, verify_searchable

        source, pages = bench.data(self.original), list(self.readings)
        metadata = describe(found, self.original.info, self.archiving, bench.forms)
        try:
            made = make_searchable(source, readings, pages=pages, metadata=metadata)
            verify_searchable(made.data, readings, source=source, pages=pages)
        except InputRejected as error:
            raise OutputInvalid(f"{error.code}: {error.detail}") from error
        if not made.claims_pdfa:
            why = "; ".join(f"{f.clause} {f.rule}" for f in made.findings[:5])
            found.checks.append(Check(code="pdfa_not_claimed", result=CheckResult.WARNING, detail=why))
        return self._stored(bench, made.data, found.type)

    def _stored(self, bench: Bench, data: bytes, kind: str) -> ObjectRef:
        sha256, standing = hashlib.sha256(data).hexdigest(), self.archiving.standing
        if standing is not None and standing.sha256 == sha256:
            return standing
        metadata = {"document": self.archiving.document, "source": self.original.info.sha256}
        lock = lock_of(bench.settings.preserve, kind, datetime.now(UTC))
        # A killed run may have left other bytes under this key; the catalogue knows the version that counts.
        return put_locked(
            bench.store, self.archiving.key, data, lock, sha256=sha256, media_type="application/pdf", metadata=metadata
        )


# --- checks that need the pages --------------------------------------------------------------------------------------
def image_checks(readings: Sequence[PageReading]) -> list[Check]:
    """Reasons of the image check (TT 01/2023/TT-VPCP Đ8 k2; CV 7197/BKHCN-CĐSQG) why a person must look at it, one a
    kind, with the pages."""
    pages: dict[IssueCode, list[int]] = {}
    for reading in readings:
        for issue in reading.quality.issues:
            pages.setdefault(issue, []).append(reading.page)
    return [
        Check(
            code=str(issue),
            result=CheckResult.WARNING if issue is IssueCode.NEEDS_COLOUR else CheckResult.FAILED,
            detail=", ".join(map(str, found)),
        )
        for issue, found in pages.items()
    ]


def missing_pages(pages: Sequence[int]) -> list[Check]:
    """A page that could not be read may belong to this document."""
    detail = ", ".join(map(str, pages))
    return [Check(code="page_missing", result=CheckResult.FAILED, detail=detail)] if pages else []


def colour_check(found: DocumentReading, readings: Sequence[PageReading]) -> list[Check]:
    """Results bear red seals and are scanned in colour (NĐ 30/2020 PL I; CV 7197/BKHCN-CĐSQG). A warning: an old record
    may only exist as a copy."""
    scanned = [r for r in readings if not r.born_digital and not r.quality.blank]
    known = any(c.code == IssueCode.NEEDS_COLOUR for c in found.checks)
    if found.type == UNKNOWN_KIND or known or not scanned or any(r.quality.colour for r in scanned):
        return []
    return [Check(code=str(IssueCode.NEEDS_COLOUR), result=CheckResult.WARNING)]


def describe(found: DocumentReading, info: SourceInfo, archiving: Archiving, forms: Forms) -> RecordMetadata:
    """What the PDF/A says of itself. Only what was accepted goes in: the archived file cannot be corrected later."""
    sure = {n: f.value for n, f in found.fields.items() if f.status is FieldStatus.ACCEPTED and f.value}
    form = forms.get(found.type) if "loai_van_ban" in sure else None
    parts = [form.name if form else "", sure.get("so_ky_hieu", ""), sure.get("ngay_ban_hanh", "")]
    pages = found.pages[0] if len(found.pages) == 1 else f"{found.pages[0]}-{found.pages[-1]}"
    return RecordMetadata(
        title=" ".join(filter(None, parts)) or f"{info.name}, trang {pages}",
        subject=sure.get("trich_yeu", ""),
        author=sure.get("co_quan_ban_hanh", ""),
        agency=archiving.agency,
        document_id=archiving.document,
        scanned_at=archiving.captured,
        converter=archiving.converter,
        source_sha256=info.sha256,
    )
