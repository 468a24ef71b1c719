"""Words of archive packages (TT 05/2025/TT-BNV: SIP, AIP, DIP)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.store import ObjectRef, Retention


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PackageKind(StrEnum):
    AIP = "aip"  # what the archive keeps
    SIP = "sip"  # what is handed over
    DIP = "dip"  # what a reader gets
    BAGIT = "bagit"  # an AIP inside a bag (RFC 8493)


class PackagedFile(_Frozen):
    """One file of a package."""

    path: str
    """Below the package's folder, `/` between parts."""
    sha256: str
    size: int
    media_type: str
    created: AwareDatetime
    group: str
    """`data/rep1`, `data/rep2`, `documentation`, `schemas`, `descriptive`, `preservation`, `other`."""
    document: str | None = None


class PackagedObject(_Frozen):
    """Where an object of the store lies in the package, and how it stood."""

    path: str
    ref: ObjectRef
    created: AwareDatetime
    media_type: str = ""
    metadata: dict[str, str] = Field(default_factory=dict)
    retention: Retention = Field(default_factory=Retention)


class PackagedRecord(_Frozen):
    """What descriptions say of one record, in the words of TT 05/2025/TT-BNV and CV 7197/BKHCN-CĐSQG."""

    id: str
    title: str
    kind: str
    code: str
    number: str
    issued: str
    agency: str
    subject: str
    language: str
    pages: int
    valid_to: str
    retention: str
    values: list[tuple[str, str]]
    """Name of the field in Vietnamese, value."""
    versions: list[PackagedFile]
    events: list[PackagedEvent]


class PackagedEvent(_Frozen):
    """Something that happened to a record (PREMIS event)."""

    id: str
    kind: str
    at: AwareDatetime
    who: str
    detail: str = ""


class PackageInfo(_Frozen):
    """What a package says about itself."""

    id: str
    """UUID."""
    kind: PackageKind
    fonds: str
    """Mã phông."""
    office: str
    title: str
    dossier_code: str
    created: datetime
    software: str


class Packaged(_Frozen):
    """A package as made."""

    id: str
    kind: PackageKind
    path: str
    records: list[str]
    files: int
    bytes: int
    sha256: str
    """Of METS.xml, or of the tag manifest of a bag."""


class PackageCheck(_Frozen):
    """Is a package whole and well-formed? No problems: it is."""

    path: str
    kind: str
    id: str
    files: int
    records: list[str]
    problems: list[str] = Field(default_factory=list)


class TakenIn(_Frozen):
    id: str
    records: list[str]
    already_here: list[str]
    objects: int


PackagedRecord.model_rebuild()
