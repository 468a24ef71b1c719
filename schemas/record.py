"""What an archived file says about itself: the description that is written into the PDF/A."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator


class RecordMetadata(BaseModel):
    """Description of one record. All that may change between two runs is given here, so equal input makes equal bytes.

    Sources: Luật Lưu trữ 33/2024/QH15 Đ34 (a digitised record carries a sign showing that it is digitised);
    TT 05/2025/TT-BNV (PDF/A with two layers).
    """

    model_config = ConfigDict(frozen=True)

    title: str
    """As found in lists: kind, number and date, or the subject of the paper."""
    subject: str = ""
    author: str = ""
    """The person or agency that issued the paper; falls back to `agency`."""
    agency: str = ""
    """The office that digitised it."""
    document_id: str
    """Identity of the record in the catalogue."""
    scanned_at: str
    """ISO 8601 with offset, for example 2026-11-22T09:15:30+07:00."""
    converter: str = "sohoa"
    """Name and version of the software."""
    source_sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")
    """Hash of the stored scan this file was made from."""
    language: str = Field(default="vi-VN", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")

    @field_validator("scanned_at")
    @classmethod
    def _has_offset(cls, value: str) -> str:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("the time needs an offset from UTC")
        return moment.replace(microsecond=0).isoformat()
