"""Read files and write their fields as JSON: the same reading as `digitise`, but nothing is kept or recorded."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.pages import Cut, MakeDocument, Original, ReadPage
from flows.pool import Outcome, WorkerPool, process_count
from flows.progress import Meter, Progress
from ocr.intake import inspect, list_files, read_file
from ocr.separate import Separation
from schemas.document import DocumentReading
from schemas.errors import InputRejected, OutputInvalid, SetupError, SohoaError, WrongUse
from schemas.results import ExtractedDocument, ExtractResult, FieldSummary, QuarantineItem
from schemas.settings import Settings
from schemas.source import SourceInfo


def extract_files(
    paths: Sequence[Path], out_dir: Path, settings: Settings, *, progress: Progress | None = None
) -> ExtractResult:
    """Reads files and folders; writes one JSON a document into `out_dir` (made when it is not there).

    `<stem>.json` when the file holds one document, else `<stem>-<n>.json`; a stem that two files share gets the rest of
    the path's end before it. Bad files and pages are in the result, never raised. Raises WrongUse when no path exists,
    SetupError.
    """
    paths = [Path(path) for path in paths]
    if not any(os.path.lexists(path) for path in paths):
        raise WrongUse(f"no such file or folder: {', '.join(map(str, paths)) or 'no path given'}")
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{out_dir}: {error.strerror}") from error
    with tempfile.TemporaryDirectory(prefix="sohoa-") as folder:
        run = _Extraction(out_dir, Path(folder), settings, progress)
        run.work(list(list_files(paths, settings.limits)))
    return run.result


@dataclass
class _File:
    path: Path
    info: SourceInfo
    name: str
    """Stem of what is written."""
    readings: dict[int, Path] = field(default_factory=dict)
    to_read: set[int] = field(default_factory=set)
    cut: Separation | None = None
    made: dict[int, DocumentReading | None] = field(default_factory=dict)


class _Extraction:
    def __init__(self, out_dir: Path, scratch: Path, settings: Settings, progress: Progress | None) -> None:
        self.out_dir, self.scratch, self.settings = out_dir, scratch, settings
        self.result = ExtractResult()
        self.meter = Meter(progress, process_count(settings))
        self._open: dict[str, _File] = {}
        self._names: set[str] = set()

    def work(self, paths: Sequence[Path]) -> None:
        """Reads all files, the next one while documents of the last are put together."""
        coming = iter(paths)
        self.meter.files_seen = len(paths)
        with WorkerPool(self.settings, None) as pool:
            self._pool = pool
            while True:
                while not self.meter.intake_done and pool.hungry:
                    if (path := next(coming, None)) is None:
                        self.meter.intake_done = True
                    else:
                        self._begin(path)
                if self.meter.intake_done and not self._open:
                    break
                for outcome in pool.wait(1.0):
                    self._take_outcome(outcome)
                self.meter.tell()
        self.meter.tell(now=True)

    def _begin(self, path: Path) -> None:
        limits = self.settings.limits
        try:
            info = inspect(read_file(path, limits), path.name, limits)
        except InputRejected as error:
            self._refuse(path, None, error)
            self.meter.files_done += 1
            return
        file = self._open[str(path)] = _File(path, info, self._free_name(path))
        self.meter.pages_seen += info.pages
        file.to_read = set(range(1, info.pages + 1))
        for page in range(1, info.pages + 1):
            self._pool.submit(ReadPage(str(path), Original(info, path), page, limits.page_seconds))

    def _take_outcome(self, outcome: Outcome) -> None:
        job, error = outcome.job, outcome.error
        file = self._open[job.file]
        self.meter.current = file.path.name
        if error is not None and not isinstance(error, InputRejected | OutputInvalid):
            raise error
        if isinstance(job, ReadPage):
            self._page_done(file, job.page, outcome)
        elif isinstance(job, Cut):
            if error is not None:
                self._refuse(file.path, None, error)
                self._close(file)
                return
            file.cut, _ = outcome.result
            for index, pages in enumerate(file.cut.documents):
                self._pool.submit(self._document_job(file, index, pages))
            if not file.cut.documents:
                self._close(file)
        else:
            if error is not None:
                self._refuse(file.path, file.cut.documents[job.index][0], error)
            file.made[job.index] = None if error is not None else outcome.result.reading
            self.meter.assembled(len(job.readings), outcome.seconds)
            if len(file.made) == len(file.cut.documents):
                self._write(file)

    def _page_done(self, file: _File, page: int, outcome: Outcome) -> None:
        file.to_read.discard(page)
        if outcome.error is not None:
            self._refuse(file.path, page, outcome.error)
            self.meter.pages_quarantined += 1
        else:
            file.readings[page] = self.scratch / f"{file.name}-{page}.json.gz"
            file.readings[page].write_bytes(outcome.result)
            self.meter.page_read(outcome.seconds)
        if file.to_read:
            return
        file.readings = dict(sorted(file.readings.items()))
        if not file.readings:
            self._close(file)
            return
        seconds = self.settings.limits.page_seconds * len(file.readings)
        self._pool.submit(Cut(str(file.path), file.readings, bool(file.info.signed), seconds))

    def _document_job(self, file: _File, index: int, pages: list[int]) -> MakeDocument:
        return MakeDocument(
            file=str(file.path),
            index=index,
            original=Original(file.info, file.path),
            readings={page: file.readings[page] for page in pages},
            archiving=None,
            seconds=self.settings.limits.page_seconds * len(pages),
            dossier_code=file.cut.dossier_codes.get(index),
        )

    def _write(self, file: _File) -> None:
        alone = len(file.made) == 1
        for index, found in sorted(file.made.items()):
            if found is None:
                continue
            target = self.out_dir / (f"{file.name}.json" if alone else f"{file.name}-{index + 1}.json")
            document = ExtractedDocument(
                source=str(file.path),
                pages=found.pages,
                type=found.type,
                rotation=found.rotation,
                text=found.text,
                fields={name: FieldSummary.of(value) for name, value in found.fields.items()},
            )
            try:
                target.write_text(document.to_json(), "utf-8")
            except OSError as error:
                raise SetupError(f"{target}: {error.strerror}") from error
            self.result.written.append(target)
            self.result.waiting += found.needs_person()
            self.meter.documents += 1
        self._close(file)

    def _close(self, file: _File) -> None:
        del self._open[str(file.path)]
        for reading in file.readings.values():
            reading.unlink(missing_ok=True)
        self.meter.files_done += 1
        self.meter.pages_recorded += file.info.pages

    def _refuse(self, path: Path, page: int | None, error: SohoaError) -> None:
        item = QuarantineItem(source=str(path), page=page, code=error.code, reason=error.message_vi)
        self.result.refused.append(item)

    def _free_name(self, path: Path) -> str:
        """The stem, or `folder_stem` and so on where an earlier file had it."""
        parts = Path(os.path.abspath(path)).with_suffix("").parts[1:]
        for depth in range(1, len(parts) + 1):
            name = "_".join(parts[-depth:])
            if name not in self._names:
                break
        else:
            name = f"{name}_{len(self._names)}"
        self._names.add(name)
        return name
