"""The three copies, each by its own path (DESIGN decision 2, domain law §0.1). They share no input:

    true_copy       sao y, sao lục, trích sao (NĐ 30/2020 Đ25)      a record of a văn bản that the agency holds
    register_copy   from the sổ gốc (NĐ 45/2020 Đ10 route 1)        data or page of the register that the agency keeps
    certified_copy  from the original (NĐ 45/2020 Đ10 route 2)      a capture made now; records are not accepted at all

Each function takes a request type of its own (`schemas.copies`) and may be called again with the same request at any time.
"""

from __future__ import annotations

import io
from datetime import date, datetime

import pikepdf

from flows.attestation import chosen, joined, paper, wording
from flows.copies_capture import capture_of, searchable_copy
from flows.copies_desk import CopyDesk, Job, request_of
from flows.copies_issue import Dressed, Plan, attested, issue
from ocr.pdfa import has_signature
from schemas.copies import (
    Appointment,
    CertifiedCopyRequest,
    CopyResult,
    CopyState,
    RegisterCopyRequest,
    RegisterData,
    TrueCopyRequest,
)
from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow, NotFound
from schemas.register import RefusalRequest, RegisterEntry
from schemas.signing import Product, Role
from schemas.store import ObjectRef
from storage.catalogue import DocumentRow
from storage.objects import original_key
from storage.register import due, fee

HELD = (DocumentStatus.CHECKED, DocumentStatus.ARCHIVED)


def resume(desk: CopyDesk, request_key: str) -> CopyResult:
    """Goes on with a request as it was written down. Raises NotFound, and as the path it took."""
    known = request_of(desk, request_key)
    path = {
        TrueCopyRequest.__name__: (TrueCopyRequest, true_copy),
        RegisterCopyRequest.__name__: (RegisterCopyRequest, register_copy),
        CertifiedCopyRequest.__name__: (CertifiedCopyRequest, certified_copy),
    }
    kind, go_on = path[known["kind"]]
    return go_on(desk, kind.model_validate(known["request"]))


# --- 1. sao y, sao lục, trích sao ------------------------------------------------------------------------------------
def true_copy(desk: CopyDesk, request: TrueCopyRequest) -> CopyResult:
    """A copy of a văn bản that the agency holds as a digitised record; the agency alone signs, without a picture.

    Raises NotAllowedNow for a record that is not checked or arrived as a signed electronic file (that is an original, and
    this path is paper to electronic), NotFound, RequestKeyReused, and as `flows.copies_issue.issue`.
    """
    job = desk.job(request.request_key)
    job.asked(request)
    row = desk.catalogue.document(request.document)
    pages = request.pages or tuple(range(1, len(row.pages) + 1))
    if max(pages) > len(row.pages):
        raise NotFound(f"trang {max(pages)}; {row.id} có {len(row.pages)} trang")

    def taken() -> tuple[bytes, int]:
        data = _held_pages(desk, row)
        return (chosen(data, pages) if request.pages else data), len(pages)

    plan = _by_agency(desk, request, request.product, row.id, _captured_at(desk, row), taken, _as_it_is)
    return issue(job, request.request_key, plan)


# --- 2. from the sổ gốc ----------------------------------------------------------------------------------------------
def register_copy(desk: CopyDesk, request: RegisterCopyRequest) -> CopyResult:
    """A copy of what stands in the sổ gốc that the agency keeps: its data on the agency's form, or the register's page as
    digitised. The agency alone signs. Raises as `true_copy`."""
    job = desk.job(request.request_key)
    job.asked(request)
    source, product = request.source, Product.REGISTER_COPY
    if isinstance(source, RegisterData):
        at = desk.moment()

        def extract(_: bytes, entry: RegisterEntry) -> Dressed:
            return Dressed(_extract(desk, request, source, entry))

        # Set once with a stand-in for the number, so that a form that cannot be set takes no number.
        plan = _by_agency(
            desk,
            request,
            product,
            request.place.number,
            at,
            lambda: (_trial(desk, request, source), 1),
            extract,
        )
    else:
        row = desk.catalogue.document(source.document)
        count = len(row.pages)
        plan = _by_agency(
            desk,
            request,
            product,
            row.id,
            _captured_at(desk, row),
            lambda: (_held_pages(desk, row), count),
            _as_it_is,
        )
    return issue(job, request.request_key, plan)


# --- 3. certified from the original ----------------------------------------------------------------------------------
def certified_copy(desk: CopyDesk, request: CertifiedCopyRequest) -> CopyResult:
    """A copy certified from the paper original: captured now, checked against Đ22, compared, attested, signed by the
    certifying person and then by the agency, entered in the register.

    A reason of Đ22 that applies gives a written refusal and no number. Raises CaptureRejected, NotFound, NoDelegation and
    the other refusals of signing (before a number is taken), RequestKeyReused, and as `flows.copies_issue.issue`.
    """
    job = desk.job(request.request_key)
    job.asked(request)
    if request.checklist.applying:
        return _refused(desk, job, request)
    numbered = desk.register.entry_by_key(request.request_key) is not None
    capture = capture_of(desk, request, must_be_fresh=not numbered)
    keys, copies = desk.keys, desk.settings.copies
    when = due(request.received_at, copies, delayed=request.delayed, agreed_until=request.agreed_until)
    plan = Plan(
        product=Product.CERTIFIED_COPY,
        requester=request.requester,
        original=request.original,
        document=capture.id,
        roles=(Role.CERTIFIER, Role.AGENCY),
        signer=keys.person(Role.CERTIFIER),
        signer_title=keys.title(Role.CERTIFIER),
        captured_at=capture.taken_at,
        converter=capture.certifier,
        pages=lambda: (joined(searchable_copy(desk, capture, request)), request.declaration.pages),
        dress=lambda data, entry: attested(desk, Role.CERTIFIER, Product.CERTIFIED_COPY, data, entry),
        copies=request.copies,
        fee=lambda pages: fee(pages, request.copies, copies, electronic=True),
        note=request.note,
        place=request.place,
    )
    return issue(job, request.request_key, plan).model_copy(update={"due": when.date})


def _refused(desk: CopyDesk, job: Job, request: CertifiedCopyRequest) -> CopyResult:
    """NĐ 23/2015 Đ22: the reason in writing; the law gives a refusal no number."""
    if desk.register.entry_by_key(request.request_key) is not None:
        raise NotAllowedNow("yêu cầu này đã có số chứng thực")
    keys = desk.keys
    refusal = desk.register.refuse(
        RefusalRequest(
            request_key=request.request_key,
            agency=desk.series(Product.CERTIFIED_COPY).agency,
            agency_name=keys.agency,
            requester=request.requester.name,
            original=request.original,
            reasons=request.checklist.applying,
            explanation=request.explanation,
            officer=keys.person(Role.CERTIFIER),
            officer_title=keys.title(Role.CERTIFIER),
        ),
        who=desk.who,
    )

    def written() -> dict:
        text = wording("tu-choi", refusal.at.date(), desk.settings.home / "templates")
        data = paper(text, refusal.at, title="Thông báo từ chối chứng thực", notice=refusal.notice)
        key = f"refusals/{refusal.id}.pdf"
        return desk.store.put(key, data, media_type="application/pdf", new_version=True).model_dump()

    notice = ObjectRef(**job.once("refused", written))
    return CopyResult(
        state=CopyState.REFUSED,
        request_key=request.request_key,
        product=Product.CERTIFIED_COPY,
        archive=notice,
        reasons=refusal.reasons,
    )


def appointment(
    desk: CopyDesk,
    request_key: str,
    requester: str,
    original: str,
    received_at: datetime,
    *,
    delayed: bool = False,
    agreed_until: date | None = None,
) -> Appointment:
    """When the result is to be given, with a slip when that is not the same day (NĐ 23/2015 Đ7, Đ21; TT 01/2020 Đ2).

    Raises WrongUse when the day agreed is earlier than the law's own.
    """
    job = desk.job(request_key)
    when = due(received_at, desk.settings.copies, delayed=delayed, agreed_until=agreed_until)
    if not when.slip_needed:
        return Appointment(due=when.date, slip=None, reason=when.reason)

    def written() -> dict:
        text = wording("phieu-hen", received_at.date(), desk.settings.home / "templates")
        data = paper(
            text, received_at, title="Phiếu hẹn", agency=desk.keys.agency, requester=requester, original=original,
            received=received_at, by=when.by, due=when.date, reason=when.reason, officer=desk.who,
        )  # fmt: skip
        ref = desk.store.put(f"slips/{job.id}.pdf", data, media_type="application/pdf", new_version=True)
        return ref.model_dump()

    return Appointment(due=when.date, slip=ObjectRef(**job.once("slip", written)), reason=when.reason)


# --- what the agency holds -------------------------------------------------------------------------------------------
def _by_agency(
    desk: CopyDesk,
    request: TrueCopyRequest | RegisterCopyRequest,
    product: Product,
    document: str,
    at,
    pages,
    dress,
) -> Plan:
    return Plan(
        product=product,
        requester=request.requester,
        original=request.original,
        document=document,
        roles=(Role.AGENCY,),
        signer=desk.keys.person(Role.AGENCY),
        signer_title=desk.keys.title(Role.AGENCY),
        captured_at=at,
        converter="",
        pages=pages,
        dress=dress,
        copies=request.copies,
        note=request.note,
    )


def _as_it_is(data: bytes, _: RegisterEntry) -> Dressed:
    return Dressed(data)


def _held_pages(desk: CopyDesk, row: DocumentRow) -> bytes:
    """The record's newest unsigned PDF/A: a signed file is never rewritten (DESIGN decision 3)."""
    if row.status not in HELD:
        raise NotAllowedNow(f"{row.id}: {row.status}; sohoa review show {row.id}")
    for version in reversed(desk.catalogue.versions(row.id)):
        data = desk.store.get(version.archive.key, version.archive.version)
        with pikepdf.open(io.BytesIO(data)) as pdf:
            if not has_signature(pdf):
                return data
    raise NotAllowedNow(
        f"{row.id} là văn bản điện tử đã ký số; sao từ giấy sang điện tử không áp dụng (NĐ 30/2020 Điều 25)"
    )


def _captured_at(desk: CopyDesk, row: DocumentRow):
    return desk.store.stat(original_key(row.source)).created


def _extract(desk: CopyDesk, request: RegisterCopyRequest, data: RegisterData, entry: RegisterEntry) -> bytes:
    return _set(desk, request, data, entry.full_number, entry.recorded_at)


def _trial(desk: CopyDesk, request: RegisterCopyRequest, data: RegisterData) -> bytes:
    return _set(desk, request, data, "00/0000", desk.moment())


def _set(desk: CopyDesk, request: RegisterCopyRequest, data: RegisterData, number: str, moment) -> bytes:
    text = wording("trich-luc-so-goc", moment.date(), desk.settings.home / "templates")
    page = f", trang {request.place.page}" if request.place.page else ""
    return paper(
        text, moment, title=data.title, rows=data.rows, agency=desk.keys.agency, number=number, book=request.place.book,
        entry=request.place.number, page=page, day=moment.date(),
    )  # fmt: skip
