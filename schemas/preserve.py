"""Keeping proof alive: what protects a signed file, until when, and what has to be done before."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from schemas.store import ObjectRef


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
    """When timestamps are renewed; section `[preserve]` of the settings."""

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
