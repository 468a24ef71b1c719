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
    """Names of the behaviours seen to work by `probe()` (keys of `PROMISES`); empty when only declared."""
    lacks: list[str] = Field(default_factory=list)
    """Names of the promises that it does not keep (keys of `PROMISES`), as declared or as seen by `probe()`."""

    @property
    def worm(self) -> bool:
        """May be called write-once only when the server itself enforces retention."""
        return self.retention is Enforcement.SERVER

    @property
    def fit_for_archive(self) -> bool:
        """False when it lacks something without which archived bytes could be lost or replaced."""
        return not NEEDED & set(self.lacks)


PROMISES: dict[str, str] = {
    "read_back": "đọc lại đúng những gì đã ghi",
    "same_bytes_once": "ghi lại cùng nội dung không sinh bản thứ hai",
    "no_replace": "hai nơi cùng ghi một tên thì chỉ một nơi được (If-None-Match)",
    "if_match": "hai nơi cùng thêm phiên bản thì chỉ một nơi được (If-Match)",
    "wrong_hash_refused": "từ chối dữ liệu sai mã kiểm tra",
    "versions": "giữ mọi phiên bản",
    "metadata": "giữ nguyên thông tin mô tả tiếng Việt",
    "retention_kept": "giữ thời hạn khoá đã đặt",
    "retention_stops_delete": "không cho xoá khi còn thời hạn",
    "batch_delete_refused": "không cho xoá hàng loạt khi còn thời hạn",
    "bypass_refused": "không cho xoá bằng lệnh vượt khoá",
    "retention_not_shortened": "không cho rút ngắn thời hạn",
    "retention_not_weakened": "không cho hạ mức khoá",
    "hold_stops_delete": "không cho xoá khi đang tạm giữ (legal hold)",
    "delete": "xoá được khi hết khoá",
    "server_retention": "thời hạn lưu giữ do máy chủ kho giữ, không chỉ do phần mềm",
    "other_machine": "nằm trên máy khác, người có quyền trên máy này không sửa được",
    "presigned": "tạo liên kết tải về tạm thời",
    "unproven": "chưa được thử",
}
"""What a store may promise, in words for people."""

NEEDED = frozenset(
    {
        "read_back",
        "versions",
        "metadata",
        "retention_kept",
        "retention_stops_delete",
        "batch_delete_refused",
        "bypass_refused",
        "retention_not_shortened",
        "retention_not_weakened",
        "hold_stops_delete",
    }
)
"""Without one of these no archive; a folder keeps them by this software."""


class PlaceState(StrEnum):
    """Of one object version in one place; table `object_places`."""

    HERE = "here"  # copied and read back
    WAITING = "waiting"  # to be copied, or its protection to be copied again
    MISSING = "missing"
    DAMAGED = "damaged"
    DELETE = "delete"  # destroyed in the primary store, still to be destroyed here
    GONE = "gone"  # destroyed by an approved list; the row stays
