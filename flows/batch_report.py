"""What became of a batch, from the catalogue alone: the same whether it was just worked on or long ago."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.document import CheckResult
from schemas.errors import NotAllowedNow, all_errors
from schemas.results import (
    ArchiveRef,
    DigitiseResult,
    DocumentSummary,
    FieldSummary,
    PagesAccount,
    QuarantineItem,
)
from storage.catalogue import (
    BatchStatus,
    BatchSummary,
    Catalogue,
    DocumentRow,
    FileRow,
    FileStatus,
    QuarantineRow,
    QuarantineStatus,
)


def report(catalogue: Catalogue, batch_id: str, who: str, messages: Sequence[str] = ()) -> DigitiseResult:
    """Closes a batch that adds up and tells what became of it. Raises NotFound."""
    messages = list(messages)
    summary = catalogue.batch_summary(batch_id)
    if summary.batch.status is BatchStatus.OPEN:
        try:
            summary = catalogue.finish_batch(batch_id, who=who)
        except NotAllowedNow:
            messages += _why_open(summary)
    files = catalogue.files(batch_id)
    messages += _linked(files)
    return DigitiseResult(
        batch=batch_id,
        name=summary.batch.name,
        finished=summary.batch.status is BatchStatus.FINISHED,
        pages=PagesAccount(
            in_=summary.pages_in,
            in_documents=summary.in_documents,
            blank=summary.blank,
            separator=summary.separator,
            quarantined=summary.quarantined,
            declared=summary.declared_pages,
        ),
        documents=_documents(catalogue, batch_id, files),
        quarantine=_quarantine(catalogue, batch_id, files),
        messages=messages,
    )


def _why_open(summary: BatchSummary) -> list[str]:
    why = []
    if summary.unfinished:
        why.append(f"Còn {summary.unfinished} tệp chưa xong hoặc đang do tiến trình khác xử lý.")
    if summary.unaccounted:
        why.append(f"Còn {summary.unaccounted} trang chưa rõ thuộc hồ sơ nào.")
    if summary.declared_matches is False:
        why.append(
            f"Đã khai {summary.declared_pages} trang nhưng đếm được {summary.pages_in} trang: cần người đối chiếu."
        )
    return why or ["Lô chưa khép được: số trang không khớp. " + "; ".join(summary.problems)]


def _linked(files: Sequence[FileRow]) -> list[str]:
    linked = sum(file.status is FileStatus.LINKED for file in files)
    return [f"{linked} tệp trùng nội dung với tệp đã nhận: được liên kết, không làm lại."] if linked else []


def _documents(catalogue: Catalogue, batch_id: str, files: Sequence[FileRow]) -> list[DocumentSummary]:
    path = {file.source.sha256: file.path for file in reversed(files) if file.source}
    return [summary_of(row, path.get(row.source, row.source)) for row in catalogue.documents(batch_id)]


def summary_of(row: DocumentRow, source: str) -> DocumentSummary:
    """A record as `--json` shows it; `source` is the name of its file."""
    archive = row.archive
    return DocumentSummary(
        id=row.id,
        type=row.type,
        status=row.status,
        source=source,
        pages=row.pages,
        fields={name: FieldSummary.of(value) for name, value in row.fields.items()},
        archive=ArchiveRef(key=archive.key, sha256=archive.sha256, version=archive.version) if archive else None,
        reasons=[check.code for check in row.checks if check.result is not CheckResult.OK],
    )


def _quarantine(catalogue: Catalogue, batch_id: str, files: Sequence[FileRow]) -> list[QuarantineItem]:
    """Open entries of the batch, and those that other batches hold for bytes linked here."""
    linked = {file.source.sha256: file.path for file in files if file.source and file.status is FileStatus.LINKED}
    entries = catalogue.quarantine_list(batch_id, QuarantineStatus.OPEN)
    found = [quarantine_item(entry, entry.path) for entry in entries]
    if linked:
        others = catalogue.quarantine_list(status=QuarantineStatus.OPEN)
        found += [quarantine_item(e, linked[e.source]) for e in others if e.source in linked and e.batch != batch_id]
    return found


def quarantine_item(entry: QuarantineRow, source: str) -> QuarantineItem:
    """An entry with its reason in a sentence."""
    error = all_errors().get(entry.code)
    reason = error.vi if error else entry.code
    return QuarantineItem(id=entry.id, source=source, page=entry.page, code=entry.code, reason=reason)
