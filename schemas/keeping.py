"""Words of keeping: where objects lie, what a check of them found, how long records stay, what was destroyed."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from schemas.store import ObjectRef, PlaceState

PRIMARY = "primary"
"""Name of the place that the catalogue's references lead to."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Placed(_Frozen):
    """One object version at one place."""

    key: str
    version: str
    """As the catalogue knows it."""
    place: str
    sha256: str
    size: int
    place_version: str | None = None
    state: PlaceState = PlaceState.HERE
    checked_at: datetime | None = None
    """When its bytes were last hashed; None: never."""
    problem: str = ""


class FixityFinding(_Frozen):
    """Damage met by hashing."""

    key: str
    version: str
    place: str
    code: str
    """object_damaged | object_missing"""
    detail: str
    found_at: datetime
    kept_key: str | None = None
    """Where the damaged bytes were set aside."""
    healed_at: datetime | None = None
    healed_from: str | None = None


class FixityReport(_Frozen):
    """What one call of fixity did, and how the whole archive stands."""

    run: str
    started: datetime
    finished: datetime
    complete: bool
    """False: it ended at its time limit; the same call goes on."""
    period_days: int
    objects: int
    bytes: int
    damaged: int
    missing: int
    healed: int
    findings: list[FixityFinding] = Field(default_factory=list)
    """Of this call, healed or not."""
    still_open: list[FixityFinding] = Field(default_factory=list)
    """All damage that is not healed, whenever it was found."""
    known: int
    """Objects at all places."""
    overdue: int
    """Not hashed within the period."""
    oldest: datetime | None = None
    """The longest time since an object was hashed; None: some never were, or there are none."""

    @property
    def needs_person(self) -> bool:
        return bool(self.still_open) or not self.complete


class Severity(StrEnum):
    ERROR = "error"  # something that was promised is not there
    WARNING = "warning"  # a person should look
    INFO = "info"  # explained, nothing to do


class SanityFinding(_Frozen):
    """One thing that does not agree between catalogue and store. Nothing is repaired by finding it."""

    code: str
    """Stable, see `SANITY`."""
    severity: Severity
    object: str
    """Key of the object, or id of the record."""
    detail: str = ""


SANITY: dict[str, tuple[Severity, str, str]] = {
    "object_missing": (Severity.ERROR, "danh mục nói có, kho không có", "the catalogue names it, the store has no such key"),
    "version_missing": (Severity.ERROR, "kho có khoá này nhưng không có phiên bản mà danh mục ghi", "the store has the key, not that version"),
    "hash_differs": (Severity.ERROR, "mã băm trong kho khác mã băm trong danh mục", "store and catalogue promise different hashes"),
    "size_differs": (Severity.ERROR, "dung lượng trong kho khác trong danh mục", "store and catalogue say different sizes"),
    "bytes_differ": (Severity.ERROR, "dữ liệu không khớp mã băm", "the bytes do not match their hash"),
    "versions_disagree": (Severity.ERROR, "hồ sơ và danh sách phiên bản của nó không khớp nhau", "a record and its list of versions disagree"),
    "archived_without_file": (Severity.ERROR, "hồ sơ đã lưu trữ mà không có tệp", "an archived record without a file"),
    "disposed_still_there": (Severity.ERROR, "đã tiêu huỷ theo danh mục nhưng dữ liệu vẫn còn", "destroyed by a list, the bytes are still there"),
    "retention_missing": (Severity.WARNING, "tệp lưu trữ chưa có thời hạn bảo vệ trong kho", "an archived file without retention in the store"),
    "orphan": (Severity.WARNING, "kho có, danh mục không nhắc đến", "the store has it, the catalogue does not know it"),
    "left_over": (Severity.INFO, "bước trung gian đang chờ (ký tiếp) hoặc của lượt chạy bị ngắt; vô hại", "a step that waits (for the next signature) or of a run that was cut short; harmless"),
}  # fmt: skip
"""Code -> severity, Vietnamese, English."""


class SanityReport(_Frozen):
    started: datetime
    finished: datetime
    records: int
    references: int
    """Places in the catalogue that name an object."""
    objects: int
    """Keys in the store."""
    hashed: bool
    findings: list[SanityFinding] = Field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not any(f.severity is Severity.ERROR for f in self.findings)


# --- retention ------------------------------------------------------------------------------------------------------
class Term(_Frozen):
    """How long one record stays."""

    subject: str
    """Id of a record, or of the register's row for an issued copy."""
    record_class: str
    starts: date
    ends: date | None
    """First day on which it may be destroyed; None: permanent ("vĩnh viễn")."""
    why: str = ""


class Hold(_Frozen):
    id: str
    subject: str
    reason: str
    who: str
    at: datetime
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    lift_reason: str = ""


class DisposalState(StrEnum):
    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    DONE = "done"


class DisposalItem(_Frozen):
    subject: str
    title: str
    record_class: str
    ends: date
    objects: list[ObjectRef]
    done_at: datetime | None = None
    left_out: str = ""
    """Why it was not destroyed when the list was run: hold, retention, changed."""


class DisposalList(_Frozen):
    """One proposes, another approves, then it is run. Its rows are never removed."""

    id: str
    state: DisposalState
    reason: str
    proposed_by: str
    proposed_at: datetime
    approved_by: str | None = None
    approved_at: datetime | None = None
    decision: str = ""
    """Number and date of the decision, or why it was refused."""
    run_by: str | None = None
    finished_at: datetime | None = None
    record: ObjectRef | None = None
    """The record of destruction in the store."""
    items: list[DisposalItem] = Field(default_factory=list)


class Reminder(_Frozen):
    """A record that has to be handed over to the archive (NĐ 30/2020 Đ30; TT 13/2023/TT-BNV Đ5: within one year)."""

    subject: str
    completed: date
    until: date
    overdue: bool
