"""Copies that are issued: what is asked for on each of the three paths, what came of it, how it was handed over.

The paths are legally different and never mix (domain law §0.1, DESIGN decision 2), and the types hold them apart: a certified
copy names a capture (`K-…`) and has no way to name a record of the archive (`D-…`); the other two name records and have
no way to name a capture. Unknown fields are refused.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.register import FilledLine, Line, Sha256
from schemas.signing import Product, Verdict
from schemas.store import ObjectRef


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


RecordId = Annotated[str, StringConstraints(pattern=r"^D-[0-9A-Z]{12}$")]
CaptureId = Annotated[str, StringConstraints(pattern=r"^K-[0-9A-Z]{12}$")]


class Requester(_Frozen):
    """Who asks for the copy, and where it may be delivered."""

    name: FilledLine
    identity: Line = ""
    """Số định danh cá nhân or mã định danh of an organisation: the address in the citizen's store."""
    email: Line = ""


# --- path 1: sao y, sao lục, trích sao (NĐ 30/2020 Đ25) --------------------------------------------------------------
class HeldAs(StrEnum):
    """What the agency holds of the văn bản (NĐ 30/2020 Đ3 k10-12)."""

    ORIGINAL = "ban_goc"
    MAIN = "ban_chinh"
    TRUE_COPY = "ban_sao_y"


class TrueCopyRequest(_Frozen):
    """A copy of a văn bản that the agency holds, signed by the agency alone."""

    request_key: FilledLine
    product: Literal[Product.TRUE_COPY, Product.COPY_OF_COPY, Product.EXTRACT]
    document: RecordId
    held_as: HeldAs
    pages: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Of the record, 1-based: what a trích sao takes. Empty for the other two, which are whole."""
    requester: Requester
    original: FilledLine
    """Kind, number and day of the văn bản."""
    copies: int = Field(1, ge=1, le=10_000)
    note: Line = ""

    @model_validator(mode="after")
    def _as_the_decree_says(self) -> TrueCopyRequest:
        of_copy = self.product is Product.COPY_OF_COPY
        if of_copy != (self.held_as is HeldAs.TRUE_COPY):
            raise ValueError("sao lục is made from a bản sao y; sao y and trích sao from the bản gốc or bản chính (NĐ 30/2020 Đ3)")
        if (self.product is Product.EXTRACT) != bool(self.pages):
            raise ValueError("a trích sao names its pages; sao y and sao lục are whole")
        return self


# --- path 2: from the sổ gốc (NĐ 45/2020 Đ10; NĐ 23/2015 Đ16-17) -----------------------------------------------------
class RegisterPlace(_Frozen):
    """Where in the sổ gốc it stands."""

    book: FilledLine
    """Name, volume and year of the sổ gốc."""
    number: FilledLine
    page: Line = ""


class RegisterData(_Frozen):
    """Data of the sổ gốc, set out on the agency's form."""

    by: Literal["data"] = "data"
    title: FilledLine
    rows: tuple[tuple[FilledLine, Line], ...] = Field(min_length=1)
    """Label and value, in the order of the form; an empty value is printed as such."""


class RegisterScan(_Frozen):
    """The page of the sổ gốc itself, digitised by the agency: a record of the archive."""

    by: Literal["scan"] = "scan"
    document: RecordId


class RegisterCopyRequest(_Frozen):
    """A copy issued from the sổ gốc that the agency keeps, signed by the agency alone."""

    request_key: FilledLine
    place: RegisterPlace
    source: RegisterData | RegisterScan = Field(discriminator="by")
    requester: Requester
    original: FilledLine
    copies: int = Field(1, ge=1, le=10_000)
    note: Line = ""


# --- path 3: certified from the original (NĐ 45/2020 Đ10; NĐ 23/2015 Đ20, Đ22) ---------------------------------------
class CapturedFile(_Frozen):
    """A file of a capture, kept under its hash before anything looked at it."""

    sha256: Sha256
    name: Line
    size: int
    pages: int
    object: ObjectRef


class Capture(_Frozen):
    """A paper original captured now, before the certifying person. Made by `flows.copies_capture` alone."""

    id: CaptureId
    certifier: FilledLine
    opened_at: AwareDatetime
    taken_at: AwareDatetime
    files: tuple[CapturedFile, ...] = Field(min_length=1)

    @property
    def pages(self) -> int:
        return sum(file.pages for file in self.files)


class Checklist(_Frozen):
    """The six reasons of NĐ 23/2015 Đ22, each answered: True where it applies. Names are the codes of
    `storage.register.CHECKLIST`."""

    altered: bool
    unreadable: bool
    secret: bool
    unlawful: bool
    foreign: bool
    private: bool

    @property
    def applying(self) -> tuple[str, ...]:
        return tuple(name for name in type(self).model_fields if getattr(self, name))


class Declaration(_Frozen):
    """What the certifying person declares; without it nothing is certified."""

    by: FilledLine
    all_pages: Literal[True]
    """Every page that carries information was captured (TT 01/2020 Đ10)."""
    compared_with_original: Literal[True]
    """The paper original was presented and compared (NĐ 23/2015 Đ20)."""
    pages: int = Field(ge=1)
    """As counted on the paper, without blank backs."""


class CertifiedCopyRequest(_Frozen):
    """A copy certified from the paper original that lies before the certifying person."""

    request_key: FilledLine
    checklist: Checklist
    capture: CaptureId | None = None
    declaration: Declaration | None = None
    """Both are needed unless a reason of the checklist applies: what is refused is neither captured nor compared."""
    requester: Requester
    original: FilledLine
    copies: int = Field(1, ge=1, le=10_000)
    place: Line = ""
    """Where, when not at the office (NĐ 23/2015 Đ10)."""
    explanation: Line = ""
    """Of a refusal."""
    note: Line = ""
    received_at: AwareDatetime
    delayed: bool = False
    """Many papers or pages, or hard to compare (Đ21)."""
    agreed_until: date | None = None
    """A later day agreed in writing (Đ21)."""

    @model_validator(mode="after")
    def _captured_and_compared(self) -> CertifiedCopyRequest:
        if not self.checklist.applying and (self.capture is None or self.declaration is None):
            raise ValueError("certifying needs a capture made now and the declaration of the certifying person")
        return self


# --- what came of it -------------------------------------------------------------------------------------------------
class CopyState(StrEnum):
    ISSUED = "issued"
    REFUSED = "refused"


class CopyResult(_Frozen):
    """What `sohoa copy … --json` prints."""

    state: CopyState
    request_key: str
    product: Product
    entry: str = ""
    """Id of the row in the register."""
    number: str = ""
    """Full number, as on the copy."""
    code: str = ""
    """What the QR leads to."""
    archive: ObjectRef | None = None
    """The issued file; the notice where it was refused."""
    verdict: Verdict | None = None
    fee: int = 0
    demo: bool = False
    signed_at: datetime | None = None
    due: date | None = None
    reasons: tuple[str, ...] = ()
    """Codes of the checklist for which it was refused."""

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"


class Appointment(_Frozen):
    """Phiếu hẹn (TT 01/2020 Đ2)."""

    due: date
    slip: ObjectRef | None
    """None: it can be given the same day, so there is none."""
    reason: str


# --- handing over ----------------------------------------------------------------------------------------------------
class Channel(StrEnum):
    EMAIL = "email"
    CITIZEN_STORE = "kho"  # Kho quản lý dữ liệu điện tử, NĐ 45/2020 Đ16


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up or refused: a person looks at it


class Receipt(_Frozen):
    """What shows that a copy was handed over."""

    at: AwareDatetime
    message_id: Line
    response: Line
    """What the other side answered."""
    simulated: bool = False
    """Handed to a stand-in, not to the real system: no delivery in law."""


class Message(_Frozen):
    """A copy on its way. The address is personal data: it is shown only to those who may see the register."""

    id: str
    entry: str
    channel: Channel
    address: FilledLine
    object: ObjectRef
    subject: Line
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    queued_at: AwareDatetime
    next_at: AwareDatetime
    problem: Line = ""
    """Code of the last error."""
    receipt: Receipt | None = None
