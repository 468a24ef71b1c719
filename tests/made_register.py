"""Registers for tests: a clock that is set by hand, rows of invented people."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from schemas.register import BookKind, Draft, Evidence, IssuedCopy, RegisterEntry, Series
from storage.register import Register

SERIES = Series(agency="H99.12", kind=BookKind.CERTIFIED)


class Clock:
    """Local (+07:00) time of Viet Nam, given as text, answered in UTC as a server would."""

    def __init__(self, local: str) -> None:
        self.set(local)

    def set(self, local: str) -> None:
        self.now = datetime.fromisoformat(f"{local}+07:00").astimezone(UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


def draft(key: str, **facts) -> Draft:
    defaults = {
        "requester": "Lò Thị Ngân",
        "original": "Bằng tốt nghiệp trung học phổ thông",
        "signer": "Đặng Hữu Phước",
        "signer_title": "Phó Chủ tịch UBND",
        "copies": 2,
        "fee": 8_000,
    }
    return Draft(request_key=key, **defaults | facts)


def used(register: Register, key: str, series: Series = SERIES, **facts) -> RegisterEntry:
    """A number that was taken and completed."""
    entry = register.take_number(series, draft(key, **facts), who="lan")
    return register.complete(entry.id, evidence(key), who="lan")


def evidence(key: str) -> Evidence:
    return Evidence(copies=(IssuedCopy(sha256=hashlib.sha256(key.encode()).hexdigest(), code=f"code-{key}"),))
