"""Capturing a paper original before the certifying person: the only way into a certified copy.

NĐ 45/2020 Đ10: "kiểm tra bản chính, chụp điện tử bản chính": the paper lies there now. So a capture is opened by the certifying
person, takes files that were made within the time of the settings, and refuses whatever is not a fresh picture of paper:
bytes that were ever here, files of the archive, signed files, files that were never scanned (domain law §0.1).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pikepdf

from flows.copies_desk import CopyDesk, Job
from flows.pages import Bench, Original, ReadPage, unpacked
from ocr.intake import inspect, open_source, read_file
from ocr.pdfa import SCHEMA_URI
from ocr.searchable import make_searchable, verify_searchable
from ocr.textlayer import FONT_NAME
from schemas.copies import Capture, CapturedFile, CertifiedCopyRequest
from schemas.errors import CaptureRejected, NotFound
from schemas.page import IssueCode, PageReading
from schemas.record import RecordMetadata
from schemas.register import PublicState
from schemas.signing import Role
from schemas.source import SourceInfo
from schemas.zone import VIETNAM
from storage.catalogue.rows import short_id
from storage.objects import original_key
from storage.outbox import archived_under

UNFIT = (IssueCode.LOW_DPI, IssueCode.UNREADABLE)
"""A certified copy shows everything (NĐ 45/2020 Đ3 k9), at 200 dpi at least (NĐ 30/2020 PL I)."""
CLOCK_SLACK = timedelta(minutes=2)
"""Scanners that write to a share keep their own time."""


def open_capture(desk: CopyDesk, request_key: str) -> str:
    """Begins a capture for a request, now, by the certifying person whose key is on the desk; its id (`K-…`).

    Opening it again changes nothing: the first moment stands.
    """
    capture = short_id("K", request_key)
    certifier, moment = desk.keys.person(Role.CERTIFIER), desk.moment()
    _job(desk, capture).once(
        "opened", lambda: {"certifier": certifier, "at": moment.isoformat(), "key": request_key}
    )
    return capture


def take_capture(desk: CopyDesk, capture: str, paths: Sequence[Path]) -> Capture:
    """Keeps the files of an opened capture under their hashes. The same files again give the same capture.

    Raises CaptureRejected with the reason, NotFound for a capture that nobody opened, InputRejected for a file that cannot
    be read, DiskFull.
    """
    job = _job(desk, capture)
    opened = job.found("opened")
    if opened is None:
        raise NotFound(f"capture {capture}")
    limits, moment = desk.settings.limits, desk.moment()
    files = [(path, read_file(path, limits)) for path in paths]
    hashes = [hashlib.sha256(data).hexdigest() for _, data in files]
    known = job.found("taken")
    if known is not None:
        taken = Capture.model_validate(known)
        if [file.sha256 for file in taken.files] != hashes:
            raise CaptureRejected("bản chụp này đã có tệp khác")
        return taken
    _in_time(desk, datetime.fromisoformat(opened["at"]), moment)
    infos = [inspect(data, path.name, limits) for path, data in files]
    ours = job.found("claimed")
    for (path, data), info in zip(files, infos, strict=True):
        _fresh(desk, path, moment)
        _of_paper(desk, data, info)
        if ours is None:
            _never_seen(desk, info.sha256, path.name)
    if len(set(hashes)) != len(hashes):
        raise CaptureRejected("một tệp được đưa vào hai lần")
    # Claimed before anything is stored: a run that is killed must know its own bytes again.
    claimed = job.once("claimed", lambda: {"files": hashes})
    if claimed["files"] != hashes:
        raise CaptureRejected("bản chụp này đã có tệp khác")
    kept = [
        CapturedFile(
            sha256=info.sha256, name=info.name, size=info.size, pages=info.pages,
            object=desk.store.put(original_key(info.sha256), data, sha256=info.sha256, media_type=info.media_type),
        )
        for (_, data), info in zip(files, infos, strict=True)
    ]  # fmt: skip
    made = Capture(
        id=capture, certifier=opened["certifier"], opened_at=opened["at"], taken_at=moment, files=tuple(kept)
    )
    standing = Capture.model_validate(job.once("taken", lambda: made.model_dump(mode="json")))
    desk.catalogue.event(desk.who, "original_captured", capture, {"files": hashes})
    return standing


def capture_of(desk: CopyDesk, request: CertifiedCopyRequest, *, must_be_fresh: bool) -> Capture:
    """The capture that a request names. Raises NotFound, CaptureRejected: taken for another request, by another person, or
    (while no number is taken) too long ago."""
    job = _job(desk, request.capture)
    opened, taken = job.found("opened"), job.found("taken")
    if opened is None or taken is None:
        raise NotFound(f"capture {request.capture}")
    capture = Capture.model_validate(taken)
    if opened["key"] != request.request_key:
        raise CaptureRejected("bản chụp này thuộc yêu cầu khác")
    if not capture.certifier == request.declaration.by == desk.keys.person(Role.CERTIFIER):
        raise CaptureRejected(
            f"người chụp „{capture.certifier}“, người đối chiếu „{request.declaration.by}“ và người ký phải là một"
        )
    if must_be_fresh:
        _in_time(desk, capture.opened_at, desk.moment())
    return capture


def searchable_copy(desk: CopyDesk, capture: Capture, request: CertifiedCopyRequest) -> list[bytes]:
    """The captured pages as searchable PDF/A-2b, one part a file.

    Raises CaptureRejected when a page is not readable or the pages are not as many as declared.
    """
    bench = Bench(desk.settings, desk.store)
    try:
        parts, with_content, unfit = [], 0, []
        for file in capture.files:
            data = desk.store.get(file.object.key, file.object.version)
            info = inspect(data, file.name, desk.settings.limits)
            readings = _readings(bench, info)
            with_content += sum(not reading.quality.blank for reading in readings)
            unfit += [
                f"{file.name} trang {r.page}: {issue}"
                for r in readings
                for issue in r.quality.issues
                if issue in UNFIT
            ]
            parts.append((data, readings))
    finally:
        bench.close()
    if unfit:
        raise CaptureRejected("; ".join(unfit[:5]))
    if with_content != request.declaration.pages:
        raise CaptureRejected(
            f"bản chính có {request.declaration.pages} trang, bản chụp có {with_content} trang có nội dung"
        )
    made = []
    for file, (data, readings) in zip(capture.files, parts, strict=True):
        pages = [reading.page for reading in readings]
        pdf = make_searchable(
            data, readings, pages=pages, metadata=_metadata(desk, capture, file, request)
        ).data
        verify_searchable(pdf, readings, source=data, pages=pages)
        made.append(pdf)
    return made


def _readings(bench: Bench, info: SourceInfo) -> list[PageReading]:
    original = Original(info, original_key(info.sha256))
    seconds = bench.settings.limits.page_seconds
    return [
        unpacked(ReadPage(info.name, original, page, seconds).run(bench)) for page in range(1, info.pages + 1)
    ]


def _metadata(
    desk: CopyDesk, capture: Capture, file: CapturedFile, request: CertifiedCopyRequest
) -> RecordMetadata:
    return RecordMetadata(
        title=request.original,
        agency=desk.keys.agency,
        document_id=capture.id,
        scanned_at=capture.taken_at.astimezone(VIETNAM).isoformat(),
        source_sha256=file.sha256,
    )


# --- what is not fresh -----------------------------------------------------------------------------------------------
def _in_time(desk: CopyDesk, opened: datetime, moment: datetime) -> None:
    minutes = desk.settings.certifying.capture_minutes
    if moment - opened > timedelta(minutes=minutes):
        raise CaptureRejected(f"mở từ {opened.astimezone(VIETNAM):%d/%m/%Y %H:%M}, quá {minutes} phút")


def _fresh(desk: CopyDesk, path: Path, moment: datetime) -> None:
    written = datetime.fromtimestamp(path.stat().st_mtime, VIETNAM)
    oldest = moment - timedelta(minutes=desk.settings.certifying.capture_minutes)
    if written < oldest:
        raise CaptureRejected(f"{path.name}: tệp có từ {written:%d/%m/%Y %H:%M}, không phải chụp lúc này")
    if written > moment + CLOCK_SLACK:
        raise CaptureRejected(f"{path.name}: giờ của tệp ({written:%d/%m/%Y %H:%M}) ở sau giờ của máy")


def _never_seen(desk: CopyDesk, sha256: str, name: str) -> None:
    """Every byte that ever came in, was archived or was issued is known by its hash."""
    if (
        desk.store.exists(original_key(sha256))
        or archived_under(desk.catalogue, sha256)
        or desk.register.public_status(sha256=sha256).state is not PublicState.UNKNOWN
    ):
        raise CaptureRejected(f"{name}: tệp này đã có trong kho; không được chứng thực từ bản đã lưu")


def _of_paper(desk: CopyDesk, data: bytes, info: SourceInfo) -> None:
    if info.signed:
        raise CaptureRejected(f"{info.name}: tệp đã ký số không phải bản chụp của bản chính giấy")
    if info.media_type == "application/pdf":
        with pikepdf.open(io.BytesIO(data)) as pdf:
            ours = _made_here(pdf)
        if ours:
            raise CaptureRejected(
                f"{info.name}: tệp này lấy ra từ kho lưu trữ; không được chứng thực từ bản đã lưu"
            )
        with open_source(data, info, desk.settings.limits) as source:
            typed = [page for page in range(1, info.pages + 1) if source.born_words(page) is not None]
        if typed:
            raise CaptureRejected(
                f"{info.name}: trang {', '.join(map(str, typed[:5]))} không phải ảnh chụp giấy"
            )


def _made_here(pdf: pikepdf.Pdf) -> bool:
    """Whether the file carries our description, or our text layer where somebody took the description out."""
    if "/Metadata" in pdf.Root and SCHEMA_URI.encode() in pdf.Root.Metadata.read_bytes():
        return True
    fonts = (thing for thing in pdf.objects if isinstance(thing, pikepdf.Dictionary) and "/BaseFont" in thing)
    return any(FONT_NAME in str(font.BaseFont) for font in fonts)


def _job(desk: CopyDesk, capture: str) -> Job:
    return Job(desk, capture)
