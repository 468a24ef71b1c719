"""Registers of copies: books, numbers, what a row says, what the public may know.

Source: NĐ 23/2015/NĐ-CP Đ13, Đ20, Đ22; TT 01/2020/TT-BTP Đ4, Đ6, Đ7; NĐ 30/2020/NĐ-CP Đ15-16; the eight columns are those of
the register of NĐ 23/2015 (the form of NĐ 280/2025 was not seen).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, time
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from schemas.signing import Product

_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]+")


def _one_line(text: str) -> str:
    """NFC, one line, nothing a database or a font cannot keep: a retried request must compare equal to what was kept."""
    return " ".join(_CONTROL.sub(" ", unicodedata.normalize("NFC", text)).split())


Line = Annotated[str, AfterValidator(_one_line), Field(max_length=2_000)]
FilledLine = Annotated[str, AfterValidator(_one_line), Field(min_length=1, max_length=2_000, pattern=r"\S")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BookKind(StrEnum):
    """One kind of copy, with its own book."""

    CERTIFIED = "sct_bs"  # chứng thực bản sao từ bản chính, NĐ 23/2015 Đ13
    TRUE_COPY = "sy"  # sao y, NĐ 30/2020 Đ25
    COPY_OF_COPY = "sl"  # sao lục
    EXTRACT = "trs"  # trích sao
    REGISTER_COPY = "so_goc"  # cấp bản sao từ sổ gốc, NĐ 23/2015 Đ16-17


BOOK_OF: dict[Product, BookKind] = {
    Product.CERTIFIED_COPY: BookKind.CERTIFIED,
    Product.TRUE_COPY: BookKind.TRUE_COPY,
    Product.COPY_OF_COPY: BookKind.COPY_OF_COPY,
    Product.EXTRACT: BookKind.EXTRACT,
    Product.REGISTER_COPY: BookKind.REGISTER_COPY,
}
"""Book of each product; a plain digitised result is no copy and has none."""

BOOK_TITLES: dict[BookKind, str] = {
    BookKind.CERTIFIED: "SỔ CHỨNG THỰC BẢN SAO TỪ BẢN CHÍNH",
    BookKind.TRUE_COPY: "SỔ ĐĂNG KÝ BẢN SAO Y",
    BookKind.COPY_OF_COPY: "SỔ ĐĂNG KÝ BẢN SAO LỤC",
    BookKind.EXTRACT: "SỔ ĐĂNG KÝ BẢN TRÍCH SAO",
    BookKind.REGISTER_COPY: "SỔ CẤP BẢN SAO TỪ SỔ GỐC",
}
"""On the cover. The first is the law's; the others name the kind, as no form was seen for them."""


class Series(_Frozen):
    """A run of books: which agency, which kind. The year is that of the moment a number is taken."""

    agency: FilledLine
    kind: BookKind


class Draft(_Frozen):
    """A row before it has a number: one original, however many copies of it (TT 01/2020 Đ4; NĐ 23/2015 Đ20)."""

    request_key: FilledLine
    """Made once by the caller and kept: a request tried again with it gets the same number."""
    requester: FilledLine
    """Họ tên của người yêu cầu (3)."""
    original: FilledLine
    """Tên của bản chính giấy tờ, văn bản (4)."""
    signer: FilledLine
    """Who will sign (5)."""
    signer_title: Line = ""
    copies: int = Field(1, ge=1, le=10_000)
    """Số bản sao (6)."""
    fee: int = Field(0, ge=0)
    """Whole đồng, for all copies (7)."""
    note: Line = ""
    place: Line = ""
    """Where, when not at the office (NĐ 23/2015 Đ10)."""
    document: Line = ""
    """Our id of what was captured; not printed."""
    pages: int = Field(0, ge=0)
    """Of the original; 0: not counted. Not printed."""


class IssuedCopy(_Frozen):
    """One file or sheet that was handed out under the number."""

    sha256: Sha256 = ""
    """Of the final, signed file."""
    code: Line = ""
    """What the QR code leads to."""
    electronic: bool = True

    @model_validator(mode="after")
    def _findable(self) -> IssuedCopy:
        if not self.sha256 and not self.code:
            raise ValueError("an issued copy needs a hash or a code")
        return self


class Evidence(_Frozen):
    """What shows that a number was used."""

    copies: tuple[IssuedCopy, ...] = ()
    signed_at: AwareDatetime | None = None
    detail: dict[str, str] = Field(default_factory=dict)
    """Ids, hashes, certificate serials; no personal data."""


class EntryState(StrEnum):
    PENDING = "pending"  # has its number, not yet signed
    COMPLETED = "completed"
    FAILED = "failed"  # the number stays in the book with the reason
    CANCELLED = "cancelled"  # was completed; TT 01/2020 Đ7


class Cancelling(_Frozen):
    """A decision to cancel a certified copy that was made wrongly (TT 01/2020 Đ7: by the Chủ tịch UBND, and published)."""

    decision: FilledLine
    """Number and symbol."""
    decision_date: date
    decided_by: FilledLine
    """Name and title; TT 01/2020 Đ7: Chủ tịch UBND."""
    reason: FilledLine


class Cancellation(Cancelling):
    at: AwareDatetime
    who: str
    """Who wrote it down."""


class Note(_Frozen):
    """A remark or correction added later; what was written first stays."""

    at: AwareDatetime
    who: str
    text: FilledLine


class RegisterEntry(_Frozen):
    """One row of a book. Times are +07:00."""

    id: str
    book: str
    agency: str
    kind: BookKind
    year: int
    number: int
    volume: int
    """Position of the volume in its book, from 1."""
    volume_label: str
    symbol: str
    recorded_at: AwareDatetime
    draft: Draft
    state: EntryState
    taken_by: str
    finished_at: AwareDatetime | None = None
    failure: str | None = None
    evidence: Evidence | None = None
    cancellation: Cancellation | None = None
    notes: tuple[Note, ...] = ()

    @property
    def day(self) -> date:
        """Column (2)."""
        return self.recorded_at.date()

    @property
    def number_text(self) -> str:
        """Column (1); numbers below ten have a leading zero."""
        return f"{self.number:02d}"

    @property
    def full_number(self) -> str:
        """As on the copy: with volume and symbol for a certified copy (NĐ 23/2015 Đ13), with symbol for copies under NĐ 30."""
        if self.kind is BookKind.CERTIFIED:
            return f"{self.number_text} quyển số {self.volume_label} - {self.symbol}"
        if self.kind is BookKind.REGISTER_COPY:
            return f"{self.number_text}/{self.year}" + (f"-{self.symbol}" if self.symbol else "")
        return f"{self.number_text}/{self.symbol}"

    @property
    def note_text(self) -> str:
        """Column (8): what was written at first, what became of it, then every later note with day and writer."""
        parts = [self.draft.note]
        if self.draft.place:
            parts.append(f"Thực hiện tại: {self.draft.place}")
        if self.state is EntryState.PENDING:
            parts.append("Chưa hoàn thành")
        if self.failure is not None:
            parts.append(f"Số không sử dụng: {self.failure}")
        if self.cancellation is not None:
            cancelled = self.cancellation
            parts.append(
                f"Hủy theo {cancelled.decision} ngày {cancelled.decision_date:%d/%m/%Y} của {cancelled.decided_by}: {cancelled.reason}"
            )
        parts += [f"{note.at:%d/%m/%Y} ({note.who}): {note.text}" for note in self.notes]
        return ". ".join(part.rstrip(".") for part in parts if part)


class Totals(_Frozen):
    """What a month or a book is closed with."""

    numbers: int = 0
    first: int | None = None
    last: int | None = None
    pending: int = 0
    failed: int = 0
    cancelled: int = 0
    copies: int = 0
    """Of numbers that were used; cancelled ones were."""
    fee: int = 0
    """Đồng, of numbers that were used."""

    @classmethod
    def of(cls, entries: list[RegisterEntry]) -> Totals:
        used = [e for e in entries if e.state is not EntryState.FAILED]
        return cls(
            numbers=len(entries),
            first=min((e.number for e in entries), default=None),
            last=max((e.number for e in entries), default=None),
            pending=sum(e.state is EntryState.PENDING for e in entries),
            failed=sum(e.state is EntryState.FAILED for e in entries),
            cancelled=sum(e.state is EntryState.CANCELLED for e in entries),
            copies=sum(e.draft.copies for e in used),
            fee=sum(e.draft.fee for e in used),
        )


class Volume(_Frozen):
    """Quyển: where rows are written; numbers run on across the volumes of a year (NĐ 23/2015 Đ13)."""

    position: int
    """In this year's book, from 1."""
    number: int
    """On its cover; not the position when it was carried over from the year before."""
    label: str
    carried: bool
    first_number: int
    last_number: int | None = None
    opened: AwareDatetime
    opened_by: str
    closed: AwareDatetime | None = None
    closed_by: str | None = None


class Book(_Frozen):
    """A year of one series."""

    id: str
    series: Series
    year: int
    symbol: str
    shared: bool = False
    """One run of numbers for SY, SL and TrS."""
    first_number: int
    last_number: int
    """The last one taken; `first_number - 1` while there is none."""
    opened: AwareDatetime
    opened_by: str
    opening_note: str = ""
    closed: AwareDatetime | None = None
    closed_by: str | None = None
    closing_note: str = ""
    totals: Totals | None = None
    """Set on closing."""
    volumes: tuple[Volume, ...] = ()


class MonthClose(_Frozen):
    """A month whose numbers are all used or failed; printed and bound (NĐ 23/2015 Đ13)."""

    book: str
    month: int
    at: AwareDatetime
    who: str
    totals: Totals


class Sheet(_Frozen):
    """Everything that is printed of a month, or of a year when `month` is None."""

    book: Book
    month: int | None
    entries: tuple[RegisterEntry, ...]
    totals: Totals
    closing: MonthClose | None = None
    prints_before: int = 0


class PrintRecord(_Frozen):
    book: str
    month: int | None
    at: AwareDatetime
    who: str
    sha256: str
    """Of the PDF."""
    numbers: int


class PublicState(StrEnum):
    VALID = "valid"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"  # never issued here, as far as the register knows


class PublicStatus(_Frozen):
    """What anybody may know of a copy: no names, no reason, nothing of what is in it."""

    state: PublicState
    kind: BookKind | None = None
    agency: str | None = None
    number: str | None = None
    """Full number, as printed on the copy."""
    day: date | None = None
    cancelled_on: date | None = None
    """Day of the decision."""
    decision: str | None = None


class RefusalReason(_Frozen):
    """One reason for which an original may not be certified."""

    code: str
    text: str
    """As the law words it."""
    source: str
    exceptions: tuple[str, ...] = ()
    """Papers to which it does not apply."""
    exceptions_source: str = ""


class NoticeTemplate(_Frozen):
    """Wording of a written notice; a new wording is a new version."""

    name: str
    version: int
    source: str
    text: str


class RefusalRequest(_Frozen):
    """What is refused, why, and who signs the notice."""

    request_key: FilledLine
    agency: FilledLine
    agency_name: FilledLine
    requester: FilledLine
    original: FilledLine
    reasons: tuple[str, ...] = Field(min_length=1)
    """Codes of the checklist."""
    explanation: Line = ""
    officer: FilledLine
    officer_title: Line = ""


class Refusal(_Frozen):
    """A request that was refused, with the written notice (NĐ 23/2015 Đ22)."""

    id: str
    request_key: str
    agency: str
    at: AwareDatetime
    who: str
    requester: str
    original: str
    reasons: tuple[str, ...]
    explanation: str
    officer: str
    officer_title: str
    template: str
    """Name and version of the wording."""
    notice: str


class Due(_Frozen):
    """When the result is to be given (NĐ 23/2015 Đ7, Đ21)."""

    date: date
    by: time
    same_day: bool
    slip_needed: bool
    """Phiếu hẹn with hour and date (TT 01/2020 Đ2)."""
    reason: str
    """For the slip, in Vietnamese."""
    calendar_known: bool
    """False: no holidays are entered for a year that matters, so Tết is not known of."""
