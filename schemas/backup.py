"""Words of backups: what one holds, and what became of making or restoring it."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from schemas.store import ObjectRef, Retention

FORMAT = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeptObject(_Frozen):
    """One object version in a backup; its bytes lie under their hash."""

    ref: ObjectRef
    created: AwareDatetime
    media_type: str = ""
    metadata: dict[str, str] = Field(default_factory=dict)
    retention: Retention = Field(default_factory=Retention)


class Manifest(_Frozen):
    """What makes a set a set: written last, so that a set without it was never finished."""

    format: int = FORMAT
    id: str
    started: datetime
    finished: datetime
    who: str
    software: str
    office: str
    catalogue: dict
    """Kind, revision, rows of each table; for PostgreSQL columns and sequences too."""
    store: str = ""
    """Name of the primary store; empty: the folder in the home folder."""
    heads_stem: str | None = None
    """Beginning of the names of the audit head files of this catalogue."""
    files: dict[str, str]
    """Path in the set -> SHA-256."""
    objects: int
    bytes: int
    damaged: list[str] = Field(default_factory=list)
    """Keys whose bytes could not be read or did not match their hash; not in the backup."""
    left_out: list[str] = Field(default_factory=list)
    """Files of the home folder that hold private keys, and settings that are secrets (QCVN 12:2026/BCA: keys apart from
    backups)."""


class BackupReport(_Frozen):
    set: str
    manifest: str
    """SHA-256 of the manifest."""
    objects: int
    new_objects: int
    bytes: int
    new_bytes: int
    seconds: float
    damaged: list[str]
    left_out: list[str]
    sets: list[str]
    """All finished sets in the folder, oldest first."""


class RestoreReport(_Frozen):
    set: str
    made: datetime
    objects: int
    bytes: int
    seconds: float
    rows: int
    """Rows of the catalogue."""
    renamed: int
    """Object versions that the new store gave another version id; the catalogue knows where they lie."""
    findings: list[str]
    """What the comparison of catalogue and store found, codes with objects; errors only."""
    left_out: list[str]
