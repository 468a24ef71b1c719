"""What is said about stored bytes: where they are, how long they are kept, what the store really enforces."""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class ObjectRef(BaseModel):
    """One version of one stored object. Identity is `sha256`; `key` and `version` say where it lies."""

    model_config = ConfigDict(frozen=True)

    key: str
    """`originals/<sha256>`, `archive/<document id>/V1.pdf`, ..."""
    sha256: str
    """64 lower-case hex digits of the bytes."""
    size: int
    """Bytes."""
    version: str
    """Version id given by the store; an object lock protects a version, not a key."""


class RetentionMode(StrEnum):
    """As in S3 Object Lock. Here neither may be shortened; GOVERNANCE may be raised to COMPLIANCE."""

    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


class Retention(BaseModel):
    """How one version is protected. Without mode and hold it may be deleted."""

    model_config = ConfigDict(frozen=True)

    mode: RetentionMode | None = None
    until: AwareDatetime | None = None
    """UTC. Permanent retention ("vĩnh viễn") is a date far ahead, for example the year 9999."""
    legal_hold: bool = False


class ObjectStat(BaseModel):
    """What the store knows of one version, without its bytes."""

    model_config = ConfigDict(frozen=True)

    ref: ObjectRef
    created: AwareDatetime
    media_type: str = ""
    metadata: dict[str, str] = Field(default_factory=dict)
    retention: Retention = Field(default_factory=Retention)


class Enforcement(StrEnum):
    """Who stops a deletion under retention."""

    NONE = "none"
    APPLICATION = "application"  # this software; somebody with access to the disk is not stopped
    SERVER = "server"  # the object store itself, whoever asks


class StoreCapabilities(BaseModel):
    """What a store really does, not what its interface accepts."""

    model_config = ConfigDict(frozen=True)

    kind: str
    """folder | s3"""
    no_replace: bool
    """Two writers of one key: exactly one wins, nothing is overwritten."""
    versions: bool
    durable_writes: bool
    """`put` returns after the bytes and their name reached the disk (fsync)."""
    verified_reads: bool
    """Damage is found by re-hashing."""
    retention: Enforcement
    legal_hold: Enforcement
    proved: list[str] = Field(default_factory=list)
    """Names of the behaviours seen to work by `probe()`; empty when only declared."""

    @property
    def worm(self) -> bool:
        """May be called write-once only when the server itself enforces retention."""
        return self.retention is Enforcement.SERVER
