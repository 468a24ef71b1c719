"""The end that all three paths share: number -> text of the office -> signatures -> verified -> archived -> row completed.

Nothing here knows where the pages came from; each path brings its own pages (`flows.copies`). A number is taken only when the
pages are ready and every key may sign; what is made afterwards is verified before it counts (DESIGN decisions 7, 8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from flows.attestation import Attested, attest, must_be_pdfa, wording
from flows.copies_desk import CopyDesk, Job, Kept
from flows.locks import CERTIFIED, OTHER_COPY, lock_of, put_locked
from schemas.copies import CopyResult, CopyState, Requester
from schemas.errors import NotAllowedNow, ObjectMissing, OutputInvalid
from schemas.page import Box
from schemas.register import BookKind, Draft, EntryState, Evidence, IssuedCopy, RegisterEntry
from schemas.signing import Product, Role, SignatureRequest, Verdict
from schemas.store import ObjectRef
from signing.appearance import looks_of
from signing.sign_prepare import Conversion, prepare
from storage.catalogue.rows import short_id

TTHC = {Product.CERTIFIED_COPY: "2.000815", Product.REGISTER_COPY: "2.000908"}
"""Codes of the procedures, QĐ 3152/QĐ-BTP; copies under NĐ 30 are no administrative procedure."""


@dataclass(frozen=True)
class Dressed:
    """Pages with everything the office writes on them, before fields and marks."""

    data: bytes
    at: dict[Role, tuple[int, Box]] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What one path brings."""

    product: Product
    requester: Requester
    original: str
    document: str
    """Id of the capture or record; no personal data."""
    roles: tuple[Role, ...]
    """Who signs, in this order."""
    signer: str
    signer_title: str
    captured_at: datetime
    converter: str
    """Who turned paper into the picture."""
    pages: Callable[[], tuple[bytes, int]]
    """Makes the pages and counts those of the original; called once, before a number is taken."""
    dress: Callable[[bytes, RegisterEntry], Dressed]
    """Writes what needs the number."""
    copies: int = 1
    fee: Callable[[int], int] = lambda pages: 0
    """Đồng for all copies, from the pages of the original."""
    note: str = ""
    place: str = ""


def issue(job: Job, request_key: str, plan: Plan) -> CopyResult:
    """Issues the copy, or goes on where an earlier call stopped; the same call again gives the same copy.

    Raises NotAllowedNow when the number of this request ended otherwise; BookClosed, ClockWentBack; OutputInvalid when the
    signed file is not sound: then the number stays in the book as failed. After any other error the number waits, and the
    same call goes on with it.
    """
    desk = job.desk
    done = job.found("result")
    if done is not None:
        job.tidy()
        return CopyResult.model_validate(done)
    for role in plan.roles:
        desk.keys.check(_signature(desk, plan, role), desk.moment())
    pages = job.file("pages", lambda: _counted(plan))
    entry = desk.register.take_number(
        desk.series(plan.product), _draft(request_key, plan, pages), who=desk.who
    )
    if entry.state in (EntryState.FAILED, EntryState.CANCELLED):
        raise NotAllowedNow(f"số {entry.full_number}: {entry.failure or 'đã huỷ'}; hãy tạo yêu cầu mới")
    try:
        return _finished(job, request_key, plan, pages, entry)
    except ObjectMissing:
        done = job.found("result")
        if done is None:
            raise
        return CopyResult.model_validate(done)  # another process issued it meanwhile and tidied up
    except OutputInvalid as error:
        desk.register.fail(entry.id, f"{error.vi} ({error.detail})"[:1900], who=desk.who)
        raise


def _finished(job: Job, request_key: str, plan: Plan, pages: Kept, entry: RegisterEntry) -> CopyResult:
    desk = job.desk
    code = job.once(
        "code", lambda: {"code": short_id("V", job.id, entry.id), "at": desk.moment().isoformat()}
    )
    signed = job.file("prepared", lambda: _prepared(desk, plan, pages, entry, code))
    for role in plan.roles:
        signed = job.file(
            f"signed-{role}", lambda role=role, before=signed: _signed(desk, plan, role, before)
        )
    data = signed.data
    verdict = job.once("verified", lambda: _verified(desk, plan, data))
    archive = _archived(job, entry, data)
    evidence = Evidence(
        copies=(IssuedCopy(sha256=archive.sha256, code=code["code"]),),
        signed_at=signed.facts["signed_at"],
        detail={
            "document": plan.document,
            "object": archive.key,
            "version": archive.version,
            "certificates": ", ".join(verdict["serials"]),
            "level": signed.facts["level_reached"],
        },
    )
    entry = desk.register.complete(entry.id, evidence, who=desk.who)
    result = CopyResult(
        state=CopyState.ISSUED,
        request_key=request_key,
        product=plan.product,
        entry=entry.id,
        number=entry.full_number,
        code=code["code"],
        archive=archive,
        verdict=Verdict.VALID,
        fee=entry.draft.fee,
        demo=desk.keys.demo(*plan.roles),
        signed_at=evidence.signed_at,
    )
    standing = CopyResult.model_validate(job.once("result", lambda: result.model_dump(mode="json")))
    job.tidy()
    return standing


# --- steps -----------------------------------------------------------------------------------------------------------
def _counted(plan: Plan) -> tuple[bytes, dict]:
    data, pages = plan.pages()
    return data, {"pages": pages}


def _draft(request_key: str, plan: Plan, pages: Kept) -> Draft:
    counted = pages.facts["pages"]
    return Draft(
        request_key=request_key, requester=plan.requester.name, original=plan.original, signer=plan.signer,
        signer_title=plan.signer_title, copies=plan.copies, fee=plan.fee(counted), note=plan.note, place=plan.place,
        document=plan.document, pages=counted,
    )  # fmt: skip


def _prepared(
    desk: CopyDesk, plan: Plan, pages: Kept, entry: RegisterEntry, code: dict
) -> tuple[bytes, dict]:
    dressed = plan.dress(pages.data, entry)
    made = prepare(
        dressed.data,
        [_signature(desk, plan, role) for role in plan.roles],
        settings=desk.settings.signing,
        conversion=Conversion(plan.captured_at, plan.converter, desk.keys.agency),
        qr=qr_payload(desk, plan, entry, code),
        demo=desk.keys.demo(*plan.roles),
        at=dressed.at,
    )
    return made.data, {"fields": [place.model_dump(mode="json") for place in made.places]}


def _signed(desk: CopyDesk, plan: Plan, role: Role, before: Kept) -> tuple[bytes, dict]:
    """One more incremental update: the bytes before stay as they are."""
    original = before.data
    made = desk.keys.sign(original, _signature(desk, plan, role), desk.moment())
    if not made.data.startswith(original):
        raise OutputInvalid("the signature rewrote what was there before")
    return made.data, made.evidence.model_dump(mode="json")


def _verified(desk: CopyDesk, plan: Plan, data: bytes) -> dict:
    found = desk.keys.must_be_valid(data, f"{plan.document}.pdf", len(plan.roles))
    must_be_pdfa(data)
    return {
        "verdict": found.verdict,
        "serials": [s.serial for s in found.signatures],
        "report": found.model_dump(mode="json"),
    }


def _archived(job: Job, entry: RegisterEntry, data: bytes) -> ObjectRef:
    """Under the row's id; read back and compared before the row is completed."""

    def kept() -> dict:
        store, key = job.desk.store, f"issued/{entry.id}.pdf"
        kind = CERTIFIED if entry.kind is BookKind.CERTIFIED else OTHER_COPY
        lock = lock_of(job.desk.settings.preserve, kind, job.desk.moment())
        ref = put_locked(store, key, data, lock, media_type="application/pdf")
        store.verify(ref.key, ref.version)
        return ref.model_dump()

    return ObjectRef(**job.once("archived", kept))


def _signature(desk: CopyDesk, plan: Plan, role: Role) -> SignatureRequest:
    return desk.keys.request(role, plan.product, plan.document, plan.captured_at)


# --- what is written on the pages ------------------------------------------------------------------------------------
def attested(desk: CopyDesk, plan_role: Role, product: Product, data: bytes, entry: RegisterEntry) -> Dressed:
    """The lời chứng on the last page or an added one, with the certifying person's signature in it (NĐ 23/2015 Đ20)."""
    request = desk.keys.request(plan_role, product, entry.draft.document)
    moment = desk.moment()
    hole = looks_of(request, moment, desk.settings.signing, desk.keys.demo(plan_role)).size
    text = wording("loi-chung-ban-sao", entry.day, desk.settings.home / "templates")
    made: Attested = attest(
        data, text, entry.recorded_at, hole,
        number=entry.full_number, day=entry.day, signer=entry.draft.signer, title=entry.draft.signer_title,
    )  # fmt: skip
    return Dressed(made.data, {plan_role: (made.page, made.box)})


def qr_payload(desk: CopyDesk, plan: Plan, entry: RegisterEntry, code: dict) -> str:
    """TT 01/2023/TT-VPCP: mã hồ sơ, mã TTHC, mã định danh, tên giấy tờ, tên hệ thống, thời điểm; and the code to verify by.

    As a link where the settings name the verify page, so that a telephone opens it.
    """
    certifying = desk.settings.certifying
    facts = {
        "ma": code["code"],
        "hs": entry.full_number,
        "tt": TTHC.get(plan.product, ""),
        "dd": plan.requester.identity,
        "ten": plan.original[:80],
        "ht": certifying.system_name,
        "luc": code["at"],
    }
    if not certifying.verify_url:
        return "|".join(facts.values())
    joint = "&" if "?" in certifying.verify_url else "?"
    return certifying.verify_url + joint + urlencode({name: value for name, value in facts.items() if value})
