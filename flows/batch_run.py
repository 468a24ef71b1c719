"""One run over a batch: capture, read, cut, assemble, record, side by side. `flows.digitise` is the way in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import monotonic

from flows.claims import LEASE_SECONDS, RENEW_SECONDS, release_dead, worker_name
from flows.coding import coding_of
from flows.pages import (
    ASSEMBLY_VERSION,
    READING_VERSION,
    Archiving,
    Cut,
    Made,
    MakeDocument,
    Original,
    PageFacts,
    ReadPage,
)
from flows.pool import Outcome, WorkerPool, process_count
from flows.progress import Meter, Progress
from ocr.intake import inspect, read_file
from ocr.separate import Separation
from schemas.document import DocumentStatus
from schemas.errors import InputRejected, NotAllowedNow, NotFound, OutputInvalid, SohoaError, UnreadableFile
from schemas.settings import Settings
from schemas.source import SourceInfo
from schemas.store import ObjectRef
from schemas.zone import VIETNAM
from storage.catalogue import (
    BatchRow,
    Catalogue,
    FileRow,
    FileStatus,
    NewDocument,
    NewPage,
    NewSource,
    PageStatus,
    QuarantineStatus,
    StepKey,
    document_id,
)
from storage.objects import ObjectStore, archive_key, original_key


@dataclass
class OpenFile:
    """A file being worked on."""

    row: FileRow
    info: SourceInfo
    captured: str
    readings: dict[int, str] = field(default_factory=dict)
    """Key of the stored reading by page."""
    failed: set[int] = field(default_factory=set)
    """Pages in quarantine."""
    to_read: set[int] = field(default_factory=set)
    cut: Separation | None = None
    facts: list[PageFacts] = field(default_factory=list)
    made: dict[int, Made] = field(default_factory=dict)
    refused: dict[int, SohoaError] = field(default_factory=dict)


class BatchRun:
    """One run over a batch. Nothing is kept here that the catalogue would need after a kill."""

    def __init__(
        self,
        batch: BatchRow,
        settings: Settings,
        catalogue: Catalogue,
        store: ObjectStore,
        who: str,
        progress: Progress | None,
    ) -> None:
        self.batch, self.settings, self.catalogue, self.store, self.who = batch, settings, catalogue, store, who
        self.worker = worker_name()
        self.meter = Meter(progress, process_count(settings))
        self.messages: list[str] = []
        self._infos: dict[str, SourceInfo] = {}
        self._open: dict[str, OpenFile] = {}
        self._counted: set[str] = set()
        self._may_wait = True
        self._renewed = monotonic()

    def work(self, offered: Iterable[tuple[Path, str]]) -> None:
        """Takes in what is offered and works until nothing waits. Intake, reading and assembly go on side by side."""
        release_dead(self.catalogue, self.batch)
        self._try_unread_again()
        coming: Iterator | None = iter(offered)
        try:
            with WorkerPool(self.settings, self.store) as pool:
                self._pool = pool
                while True:
                    if coming is not None:
                        if (offer := next(coming, None)) is not None:
                            self._take_in(*offer)
                        else:
                            coming = None
                            self.meter.intake_done = True
                    while pool.hungry and (row := self._claim()) is not None:
                        self._begin(row)
                    if coming is None and not self._open and not self._may_wait:
                        break
                    for outcome in pool.wait(0 if coming is not None else 1.0):
                        self._take_outcome(outcome)
                    self._renew_claims()
                    self.meter.tell()
        finally:
            with suppress(SohoaError):  # whatever stopped us is the news
                self.catalogue.release_claims(self.batch.id, self.worker)
            self.meter.tell(now=True)

    # --- 1. capture: bytes first, then everything else ----------------------------------------------------------------
    def _take_in(self, path: Path, shown: str) -> None:
        """Keeps the bytes of a file, checks its bounds and enters it. Refused files are entered with the reason."""
        self.meter.files_seen += 1
        try:
            data = read_file(path, self.settings.limits)
        except InputRejected as error:
            self._set_aside(self.catalogue.add_file(self.batch.id, shown, None), error)
            return
        sha256 = hashlib.sha256(data).hexdigest()
        key = original_key(sha256)
        ref = self.store.stat(key).ref if self.store.exists(key) else self.store.put(key, data, sha256=sha256)
        try:
            info = inspect(data, path.name, self.settings.limits)
        except InputRejected as error:
            source = NewSource(sha256, len(data), object=ref)
            self._set_aside(self.catalogue.add_file(self.batch.id, shown, source), error)
            return
        notes = [note.model_dump(mode="json") for note in info.signed]
        source = NewSource(sha256, info.size, info.media_type, ref, info.pages, bool(notes), notes)
        self._enter(self.catalogue.add_file(self.batch.id, shown, source), info)

    def _enter(self, row: FileRow, info: SourceInfo) -> None:
        """Counts a file, and has it read again when it was read under other settings."""
        if row.status in (FileStatus.DONE, FileStatus.LINKED) and not self._finished(info.sha256):
            waits = (FileStatus.WAITING, FileStatus.WORKING)
            twin = any(
                f.source and f.source.sha256 == info.sha256 and f.status in waits and f.id != row.id
                for f in self.catalogue.files(self.batch.id)
            )
            if not twin:
                self.catalogue.requeue_file(row.id, self.who)
                row = self.catalogue.file(row.id)
        if row.status is FileStatus.WAITING:
            self._infos[info.sha256] = info
            self._count(row.id, info.pages)
            self._may_wait = True
        elif row.status is not FileStatus.WORKING:
            self._count(row.id, info.pages, done=True)

    def _set_aside(self, row: FileRow, error: SohoaError) -> None:
        self.catalogue.quarantine_add(row.id, error.code, error.detail, who=self.who)
        self._count(row.id, 0, done=True)

    def _count(self, file_id: str, pages: int, *, done: bool = False) -> None:
        if file_id in self._counted:
            return
        self._counted.add(file_id)
        self.meter.pages_seen += pages
        if done:
            self.meter.files_done += 1
            self.meter.pages_known += pages
            self.meter.pages_recorded += pages

    def _try_unread_again(self) -> None:
        """Files whose bytes could not be read and that a person gave back."""
        for row in self.catalogue.files(self.batch.id):
            if row.source is None and row.status is FileStatus.WAITING:
                self._take_in(Path(row.path), row.path)

    # --- 2. pages -----------------------------------------------------------------------------------------------------
    def _claim(self) -> FileRow | None:
        if not self._may_wait:
            return None
        row = self.catalogue.claim_file(self.batch.id, self.worker, LEASE_SECONDS)
        self._may_wait = row is not None
        return row

    def _renew_claims(self) -> None:
        if monotonic() - self._renewed > RENEW_SECONDS:
            self._renewed = monotonic()
            for file_id in list(self._open):
                try:
                    self.catalogue.renew_claim(file_id, self.worker, LEASE_SECONDS)
                except NotAllowedNow:
                    self._taken_away(self._open.pop(file_id))

    def _taken_away(self, file: OpenFile) -> None:
        """This machine slept longer than the lease, and another worker went on with the file."""
        self.messages.append(f"Tệp {file.row.path} đã được tiến trình khác nhận xử lý.")

    def _begin(self, row: FileRow) -> None:
        """Finds which pages are read already and has the others read."""
        if row.source is None:
            self._set_aside(row, UnreadableFile(row.path))
            return
        sha256, key = row.source.sha256, original_key(row.source.sha256)
        info = self._infos.pop(sha256, None)
        if info is None:
            try:
                info = inspect(self.store.get(key), row.source.name, self.settings.limits)
            except InputRejected as error:
                self._set_aside(row, error)
                return
        self._count(row.id, info.pages)
        captured = self.store.stat(key).created.astimezone(VIETNAM).isoformat(timespec="seconds")
        file = self._open[row.id] = OpenFile(row, info, captured)
        file.failed = self._failed_before(row)
        self.meter.pages_quarantined += len(file.failed)
        for page in range(1, info.pages + 1):
            if page in file.failed:
                continue
            if (known := self.catalogue.step_get(self._page_step(sha256, page))) is not None:
                file.readings[page] = known.result_key
                self.meter.pages_known += 1
                continue
            file.to_read.add(page)
        for page in sorted(file.to_read):
            seconds = self.settings.limits.page_seconds
            self._pool.submit(ReadPage(row.id, Original(info, key), page, seconds))
        if not file.to_read:
            self._cut(file)

    def _failed_before(self, row: FileRow) -> set[int]:
        entries = self.catalogue.quarantine_list(self.batch.id, QuarantineStatus.OPEN)
        # Documents that could not be made are set aside under this code; their pages are fine.
        return {e.page for e in entries if e.file == row.id and e.page and e.code != OutputInvalid.code}

    def _take_outcome(self, outcome: Outcome) -> None:
        file = self._open.get(outcome.job.file)
        if file is None:  # taken away meanwhile
            return
        self.meter.current = file.info.name
        error = outcome.error
        if error is not None and not isinstance(error, InputRejected | OutputInvalid):
            raise error  # the disk, the store, the set-up: no paper is at fault
        if isinstance(outcome.job, ReadPage):
            self._page_done(file, outcome.job.page, outcome)
        elif isinstance(outcome.job, Cut):
            self._cut_done(file, outcome)
        else:
            self._document_done(file, outcome)

    def _page_done(self, file: OpenFile, page: int, outcome: Outcome) -> None:
        file.to_read.discard(page)
        if outcome.error is not None:
            code, detail = outcome.error.code, outcome.error.detail
            self.catalogue.quarantine_add(file.row.id, code, detail, page=page, who=self.who)
            file.failed.add(page)
            self.meter.pages_quarantined += 1
        else:
            step = self._page_step(file.info.sha256, page)
            key = f"readings/{file.info.sha256}/{step.version}-{step.settings_hash}/{page}.json.gz"
            # The first reading stands: a killed run may have stored it without having written down the step.
            if not self.store.exists(key):
                self.store.put(key, outcome.result, media_type="application/gzip")
            self.catalogue.step_put(step, result_key=key)
            file.readings[page] = key
            self.meter.page_read(outcome.seconds)
        if not file.to_read:
            self._cut(file)

    def _page_step(self, sha256: str, page: int) -> StepKey:
        return StepKey(f"{sha256}/{page}", "page", READING_VERSION, self.settings.reading_hash())

    # --- 3. documents -------------------------------------------------------------------------------------------------
    def _cut(self, file: OpenFile) -> None:
        """All pages of a file are read: where does each document begin?"""
        file.readings = dict(sorted(file.readings.items()))
        if not file.readings:
            self._record(file)
            return
        self._pool.submit(Cut(file.row.id, file.readings, bool(file.info.signed), self._seconds(file.readings)))

    def _cut_done(self, file: OpenFile, outcome: Outcome) -> None:
        if outcome.error is not None:
            del self._open[file.row.id]
            self.catalogue.quarantine_add(file.row.id, outcome.error.code, outcome.error.detail, who=self.who)
            self.meter.files_done += 1
            return
        file.cut, file.facts = outcome.result
        for index in range(len(file.cut.documents)):
            self._make(file, index)
        if not file.cut.documents:
            self._record(file)

    def _make(self, file: OpenFile, index: int) -> None:
        """Has one document put together. A record that a person decided on, or that is archived, keeps its copy."""
        pages, sha256 = file.cut.documents[index], file.info.sha256
        record = document_id(sha256, pages)
        standing, following, keep = self._standing(record)
        archiving = Archiving(
            document=record,
            key=archive_key(record, following),
            captured=file.captured,
            agency=self.settings.office.name,
            converter=_converter(),
            standing=standing,
        )
        job = MakeDocument(
            file=file.row.id,
            index=index,
            original=Original(file.info, original_key(sha256)),
            readings={page: file.readings[page] for page in pages},
            archiving=None if keep else archiving,
            seconds=self._seconds(pages),
            dossier_code=file.cut.dossier_codes.get(index),
            neighbours_missing=doubtful_pages(file.cut, file.failed).get(index, ()),
        )
        self._pool.submit(job)

    def _standing(self, record: str) -> tuple[ObjectRef | None, int, bool]:
        """(archive copy in the catalogue, number of the next one, keep it whatever is read)."""
        try:
            row = self.catalogue.document(record)
        except NotFound:
            return None, 1, False
        decided = row.status is DocumentStatus.ARCHIVED or row.confirmed_by is not None
        return row.archive, row.version + 1, decided and row.archive is not None

    def _document_done(self, file: OpenFile, outcome: Outcome) -> None:
        index = outcome.job.index
        if outcome.error is not None:
            file.refused[index] = outcome.error
        else:
            file.made[index] = outcome.result
            self.meter.assembled(len(outcome.job.readings), outcome.seconds)
        if len(file.made) + len(file.refused) == len(file.cut.documents):
            self._record(file)

    def _record(self, file: OpenFile) -> None:
        """Archive first (done), then the catalogue in one transaction, then forget."""
        del self._open[file.row.id]
        for index, error in file.refused.items():
            pages = file.cut.documents[index]
            detail = f"{error.code}: {error.detail}; pages {', '.join(map(str, pages))}"
            self.catalogue.quarantine_add(file.row.id, OutputInvalid.code, detail, page=pages[0], who=self.who)
        records = [document_id(file.info.sha256, file.cut.documents[i]) for i in sorted(file.made)]
        # Before the record: after a kill in between, the file still waits and is recorded then, without reading again.
        self.catalogue.step_put(self._file_step(file.info.sha256), {"documents": records})
        made = [file.made[index] for index in sorted(file.made)]
        try:
            rows = self.catalogue.record_file(
                file.row.id,
                pages=self._new_pages(file),
                documents=[NewDocument(m.reading, m.archive, sealed=False) for m in made],
                coding=self._coding,
                worker=self.worker,
                who=self.who,
            )
        except NotAllowedNow:
            self._taken_away(file)
            return
        self.meter.files_done += 1
        self.meter.pages_recorded += file.info.pages
        self.meter.documents += len(rows)

    def _new_pages(self, file: OpenFile) -> list[NewPage]:
        """What became of each page; all of them, so that the account closes."""
        facts = {fact.page: fact for fact in file.facts}
        status = dict.fromkeys(range(1, file.info.pages + 1), PageStatus.QUARANTINED)
        if file.cut is not None:
            status |= dict.fromkeys(file.cut.blank, PageStatus.BLANK)
            status |= dict.fromkeys(file.cut.separators, PageStatus.SEPARATOR)
            for index in file.made:
                status |= dict.fromkeys(file.cut.documents[index], PageStatus.DOCUMENT)
        return [
            NewPage(
                page,
                status[page],
                facts[page].rotation if page in facts else 0,
                facts[page].quality if page in facts else None,
                file.readings.get(page),
            )
            for page in status
        ]

    @cached_property
    def _coding(self):
        return coding_of(self.settings)

    def _finished(self, sha256: str) -> bool:
        """These bytes went through the whole job as it is now."""
        return self.catalogue.step_get(self._file_step(sha256)) is not None

    def _file_step(self, sha256: str) -> StepKey:
        made_by = f"{READING_VERSION}.{ASSEMBLY_VERSION}"
        return StepKey(sha256, "documents", made_by, self.settings.reading_hash())

    def _seconds(self, pages: Sequence[int] | dict) -> float:
        return self.settings.limits.page_seconds * max(1, len(pages))


def doubtful_pages(cut: Separation, failed: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Unread pages by index of the document they may belong to: the one before them, or, at the start of a stack or
    after a separator sheet, the one that follows."""
    found: dict[int, tuple[int, ...]] = {}
    for page in sorted(failed):
        before = [i for i, pages in enumerate(cut.documents) if pages[0] < page]
        last = max((p for p in cut.documents[before[-1]] if p < page), default=0) if before else 0
        if before and not any(last < sheet < page for sheet in cut.separators):
            index = before[-1]
        elif len(before) < len(cut.documents):
            index = len(before)
        else:
            continue
        found[index] = (*found.get(index, ()), page)
    return found


def _converter() -> str:
    try:
        return f"sohoa {version('sohoa')}"
    except PackageNotFoundError:
        return "sohoa"
