"""How long the store is told to lock what is archived. Loads nothing but words, because page workers use it."""

from __future__ import annotations

from datetime import date, datetime, time

from schemas.errors import ObjectLocked
from schemas.preserve import PreserveSettings
from schemas.store import ObjectRef, Retention
from schemas.zone import VIETNAM
from storage.objects.protocol import Data, ObjectStore

CERTIFIED, OTHER_COPY = "ban-sao-chung-thuc", "ban-sao"
"""Kinds of issued copies in `retention_of`."""
REPORT = "bao-cao"
"""Kind of filed reports of the plan."""


def class_of(settings: PreserveSettings, kind: str) -> str:
    return settings.retention_of.get(kind, settings.retention_default)


def end_of(settings: PreserveSettings, record_class: str, starts: date) -> date | None:
    """First day on which a record may be destroyed; None: never. Years are counted in full calendar years after the one in
    which it starts, so that nothing ends too early. Unknown classes are permanent."""
    years = settings.retention_years.get(record_class, 0)
    return date(starts.year + years + 1, 1, 1) if years else None


def lock_until(settings: PreserveSettings, ends: date | None, today: date) -> date:
    """How far the lock reaches now; the sweep lengthens it while the record stays."""
    farthest = date(today.year + settings.lock_years, 1, 1)
    return farthest if ends is None else min(ends, farthest)


def lock_of(settings: PreserveSettings, kind: str, now: datetime) -> Retention | None:
    """Lock for a file of this kind that is archived now; None when its class would end at once."""
    today = now.astimezone(VIETNAM).date()
    return retention(settings, end_of(settings, class_of(settings, kind), today), now)


def retention(settings: PreserveSettings, ends: date | None, now: datetime) -> Retention | None:
    until = datetime.combine(lock_until(settings, ends, now.astimezone(VIETNAM).date()), time(), VIETNAM)
    return Retention(mode=settings.lock_mode, until=until) if until > now else None


def put_locked(store: ObjectStore, key: str, data: Data, lock: Retention | None, **more: object) -> ObjectRef:
    """Stores and locks in one step. Where the same bytes are there under a stronger lock, as after a clock that ran ahead,
    that one stays."""
    try:
        return store.put(key, data, retention=lock, new_version=True, **more)
    except ObjectLocked:
        return store.put(key, data, new_version=True, **more)
