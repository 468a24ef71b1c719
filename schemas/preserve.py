"""Keeping proof alive: what protects a signed file, until when, and what has to be done before."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.store import ObjectRef, RetentionMode


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProofKind(StrEnum):
    """What proves that a signature existed at a time."""

    DOCUMENT = "document_timestamp"  # over the whole file, PAdES B-LTA
    SIGNATURE = "signature_timestamp"  # over one signature, PAdES B-T
    NONE = "signature"  # the certificate alone: nothing proves the time


class Proof(_Frozen):
    """A timestamp (or a bare signature) that no later timestamp over the file covers."""

    field: str
    kind: ProofKind
    authority: str
    """Common name in the certificate of who made it."""
    at: datetime | None
    """None: not proven."""
    certificate_ends: datetime
    """The first certificate of its chain to end; anchors do not count."""
    algorithms: tuple[str, ...]
    """All it rests on, for example sha256 and rsa-2048."""


class Standing(_Frozen):
    """What protects a file now. No proofs: it is not signed."""

    proofs: tuple[Proof, ...] = ()


class Because(StrEnum):
    """What ends first."""

    CERTIFICATE = "certificate"
    ALGORITHM = "algorithm"


class DueState(StrEnum):
    LATER = "later"
    DUE = "due"
    TOO_LATE = "too_late"  # ended without renewal: a new timestamp cannot restore what it would have proven
    NO_TIMESTAMP = "no_timestamp"  # nothing to renew: the signature was made below B-T


class Held(_Frozen):
    """An archived file and what protects it."""

    document: str
    """Id of the record, or of the register's row for an issued copy."""
    object: ObjectRef
    standing: Standing


class Due(_Frozen):
    """When the protection of one file has to be renewed."""

    document: str
    object: ObjectRef
    state: DueState
    due: date
    """From this day on (Asia/Ho_Chi_Minh) it is renewed."""
    ends: datetime
    because: Because
    what: str
    """Name of the authority, or of the algorithm, that ends."""


class PreserveSettings(BaseModel):
    """When timestamps are renewed, everything is hashed again, and how long records stay; section `[preserve]`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    renew_before_days: int = Field(365, ge=1)
    """So many days before a timestamp ends it is renewed. Engineering practice (ETSI EN 319 142-1 §5.5; ETSI TS 119 511), no
    rule found in Vietnamese law [M-M]."""
    algorithm_ends: dict[str, date] = {
        "sha256": date(2040, 12, 31),
        "sha384": date(2040, 12, 31),
        "sha512": date(2040, 12, 31),
        "rsa-2048": date(2030, 12, 31),
        "rsa-3072": date(2035, 12, 31),
        "ec-256": date(2035, 12, 31),
    }
    """Last day an algorithm is relied on; a key size holds up to the next one named, what is not named is not relied on.
    NIST SP 800-57 Part 1 Rev. 5 Table 4 (112 bits until 2030), NIST IR 8547 draft (RSA and ECDSA until 2035); for SHA-2 no end
    is published, the day is when to look again. Not a Vietnamese rule [M-M]."""
    fixity_days: int = Field(30, ge=1, le=1095)
    """Every object is hashed again within so many days. Upper bound: three years, TT 05/2025/TT-BNV as restated by QĐ 3999/QĐ-BTC
    (2025) [V2]."""
    fixity_bytes_per_second: int = Field(20_000_000, ge=0)
    """What hashing may take from disk or network; 0: no bound."""
    retention_years: dict[str, int] = {
        "vinh-vien": 0,
        "70-nam": 70,
        "50-nam": 50,
        "20-nam": 20,
        "10-nam": 10,
        "05-nam": 5,
        "02-nam": 2,
    }
    """Classes and their years; 0: permanent. Luật Lưu trữ 33/2024/QH15 Đ15: permanent, or 2 to 70 years [V2]."""
    retention_of: dict[str, str] = {"ban-sao-chung-thuc": "10-nam", "ban-sao": "10-nam"}
    """Kind of paper -> class. Periods of single dossiers come from TT 10/2022/TT-BNV or its successor and sector rules, not
    checked [M-M]. Issued copies: NĐ 23/2015 Đ14 does not ask to keep them; ten years is a decision of this system."""
    retention_default: str = "vinh-vien"
    """Class of every kind not named: nothing is destroyed before somebody decided that it may be."""
    retention_starts: dict[str, str] = {}
    """Kind of paper -> event from which its years run: archived (default) or validity_end."""
    lock_mode: RetentionMode = RetentionMode.COMPLIANCE
    """How the store locks archived files (S3 Object Lock)."""
    lock_years: int = Field(10, ge=1, le=100)
    """A lock reaches at most so far and is lengthened in time: a class that nobody confirmed must not bind for ever. It never
    reaches past the end of the record's class."""
    hand_over_days: int = Field(365, ge=1)
    """Records go to the archive within so many days of completion. NĐ 30/2020 Đ30; TT 13/2023/TT-BNV Đ5: 01 year."""
    hand_over_notice_days: int = Field(60, ge=0)
    """So many days before, the reminder begins."""
    fonds_code: str = Field("", pattern=r"^[0-9A-Za-z.]*$")
    """Mã phông, in every package (TT 05/2025/TT-BNV PL I: OBJID, IDENTIFICATIONCODE); empty: the code of the office."""
    backup_test_days: int = Field(92, ge=1)
    """A restore is tried at least so often. QĐ 3999/QĐ-BTC (2025): every quarter [V2]."""

    @field_validator("retention_years")
    @classmethod
    def _as_the_law_has_it(cls, value: dict[str, int]) -> dict[str, int]:
        for name, years in value.items():
            if years != 0 and not 2 <= years <= 70:
                raise ValueError(f"retention class {name}: 0 (permanent) or 2 to 70 years")
        return value

    @field_validator("retention_starts")
    @classmethod
    def _known_events(cls, value: dict[str, str]) -> dict[str, str]:
        for kind, event in value.items():
            if event not in ("archived", "validity_end"):
                raise ValueError(f"retention_starts {kind}: archived or validity_end")
        return value

    @model_validator(mode="after")
    def _classes_exist(self) -> PreserveSettings:
        for name in (self.retention_default, *self.retention_of.values()):
            if name not in self.retention_years:
                raise ValueError(f"retention class {name} is not in retention_years")
        return self
