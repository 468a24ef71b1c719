"""Results used again instead of asked for on paper: what is handed out, who used it for what, where it was looked for."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.copies import CopyResult, HeldAs, RecordId
from schemas.register import FilledLine, Line, Sha256
from schemas.signing import KnownStatus
from schemas.store import ObjectRef


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


# --- handed out ------------------------------------------------------------------------------------------------------
class SignatureNote(_Frozen):
    """A signature as it was verified when it was made or taken in."""

    signer: str
    agency: str = ""
    time: str = ""
    verdict: str = ""


class Got(_Frozen):
    """A version of a record as handed out: re-hashed and equal to what the catalogue says."""

    document: RecordId
    version: int
    newest: int
    """Number of the newest version."""
    doc_code: str | None
    name: str
    """File name, CODE_YYYYMMDD_DESC.EXT (CV 7197/BKHCN-CĐSQG)."""
    archive: ObjectRef
    state: KnownStatus
    """superseded: there is a newer version."""
    signed: bool
    signatures: tuple[SignatureNote, ...] = ()
    """Of the report kept with this version; empty where none was kept."""
    validity: str
    validity_reason: str = ""


# --- used ------------------------------------------------------------------------------------------------------------
class CopyWanted(_Frozen):
    """A sao y asked for together with the reuse (NĐ 30/2020 Đ25)."""

    held_as: HeldAs
    requester: FilledLine
    original: FilledLine
    """Kind, number and day of the văn bản."""


class Reuse(_Frozen):
    """A record used for a dossier, once a purpose. Rows are never changed (indicator 4.3 of QĐ 766/QĐ-TTg is counted
    from them)."""

    id: str
    document: RecordId
    version: int
    sha256: Sha256
    """Of the version that was used."""
    dossier: FilledLine
    purpose: FilledLine
    actor: str
    """Id of who used it."""
    actor_name: Line
    unit: str
    """Of who used it."""
    right: str
    """Under which it was allowed."""
    via: str
    at: AwareDatetime


class Reused(_Frozen):
    """What came of one call."""

    reuse: Reuse
    new: bool
    """False: this record had been used for this dossier and purpose before."""
    copy_issued: CopyResult | None = None


class ReuseCount(_Frozen):
    """Raw counts of one kind of paper; formulas of QĐ 766 were not seen, so only what was counted is given."""

    unit: str
    kind: str
    uses: int
    records: int
    dossiers: int


class ReuseCounts(_Frozen):
    """Indicator 4.3 (REUSED_DIGITIZED_DATA) in raw counts, both days included (Asia/Ho_Chi_Minh)."""

    first: date
    last: date
    unit: str
    """Empty: all units."""
    uses: int
    records: int
    """Different records used."""
    dossiers: int
    """Different dossiers that used at least one record: the numerator."""
    by_kind: tuple[ReuseCount, ...] = ()


# --- looked up (NQ 66.7/2025/NQ-CP) ----------------------------------------------------------------------------------
class LookupPlace(StrEnum):
    """In this order."""

    NATIONAL = "national"
    ARCHIVE = "archive"
    CITIZEN = "citizen"


class LookupOutcome(StrEnum):
    FOUND = "found"
    NOT_FOUND = "not_found"
    UNUSABLE = "unusable"  # found, but may not be used; the reason stands with it
    UNAVAILABLE = "unavailable"  # an outage: nothing is known
    NOT_CONNECTED = "not_connected"  # no connection is agreed
    ASK = "ask"  # the citizen


class Question(_Frozen):
    """Which paper of whom is wanted, and why."""

    id_number: str = Field(pattern=r"^[0-9A-Z.-]{6,20}$")
    """Số định danh cá nhân, CMND, MST or code of an organisation."""
    kind: str = Field(pattern=r"^[a-z0-9_]{2,60}$")
    """Kind of paper, as in `ocr/forms`."""
    dossier: Line = ""
    purpose: Line = ""


class NationalAnswer(_Frozen):
    """What a national database said."""

    found: bool
    source: Line
    """Name of the database."""
    data: dict[str, str] = Field(default_factory=dict)
    as_of: datetime | None = None
    simulated: bool = False
    """True: made up by the simulator, no data of the State."""


class ArchiveAnswer(_Frozen):
    """A record of the archive that answers, or why it may not."""

    document: RecordId
    kind: str
    validity: str
    usable: bool
    reason: Line = ""
    fields: dict[str, str | None] = Field(default_factory=dict)
    """Masked for whoever may not see personal data."""


class LookupStep(_Frozen):
    """One place asked."""

    place: LookupPlace
    outcome: LookupOutcome
    source: Line = ""
    detail: Line = ""
    """Vietnamese."""
    simulated: bool = False
    at: AwareDatetime
    milliseconds: int = 0


class Lookup(_Frozen):
    """What `sohoa lookup --json` prints. The first place that has a usable answer ends the search."""

    id: str
    kind: str
    answered_by: LookupPlace
    simulated: bool
    """True: the answer comes from the simulator and may be used for nothing."""
    steps: tuple[LookupStep, ...]
    national: NationalAnswer | None = None
    archive: tuple[ArchiveAnswer, ...] = ()
    ask: str = ""
    """What to ask the citizen for, and why; empty when nobody has to be asked. Vietnamese."""

    def to_json(self) -> str:
        return self.model_dump_json(indent=2) + "\n"
