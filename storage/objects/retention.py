"""The rules of retention that every store keeps, whatever the server behind it would allow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from schemas.errors import ObjectLocked, WrongUse
from schemas.store import ObjectStat, Retention, RetentionMode

_STRENGTH = {None: 0, RetentionMode.GOVERNANCE: 1, RetentionMode.COMPLIANCE: 2}


def refuse_if_locked(stat: ObjectStat) -> None:
    """Raises ObjectLocked while retention or hold stands."""
    retention = stat.retention
    if retention.legal_hold:
        raise ObjectLocked(f"{stat.ref.key} version {stat.ref.version}: legal hold")
    if in_force(retention):
        raise ObjectLocked(
            f"{stat.ref.key} version {stat.ref.version}: kept until {retention.until:%Y-%m-%d}"
        )


def in_force(retention: Retention) -> bool:
    return retention.mode is not None and retention.until is not None and retention.until > datetime.now(UTC)


def stronger(now: Retention, wanted: Retention) -> Retention:
    """`wanted` on top of `now`; ObjectLocked when it would shorten or weaken what is in force, WrongUse without a date
    or with one that is over."""
    if wanted.mode is None:
        return now.model_copy(update={"legal_hold": now.legal_hold or wanted.legal_hold})
    if wanted.until is None:
        raise WrongUse("retention needs a date")
    until = whole_second(wanted.until)
    if in_force(now) and (until < now.until or _STRENGTH[wanted.mode] < _STRENGTH[now.mode]):
        raise ObjectLocked("retention may not be shortened or weakened")
    if not in_force(now) and until <= datetime.now(UTC):
        raise WrongUse("retention must end in the future")
    return Retention(mode=wanted.mode, until=until, legal_hold=now.legal_hold or wanted.legal_hold)


def at_least(kept: Retention, wanted: Retention) -> bool:
    """Does `kept` protect as much as `wanted`?"""
    if wanted.legal_hold and not kept.legal_hold:
        return False
    if wanted.mode is None:
        return True
    return (
        kept.until is not None
        and kept.until >= whole_second(wanted.until)
        and _STRENGTH[kept.mode] >= _STRENGTH[wanted.mode]
    )


def whole_second(moment: datetime) -> datetime:
    """Rounded up: S3 servers keep seconds, and a lock must not end before what was asked for."""
    if not moment.microsecond:
        return moment
    return moment.replace(microsecond=0) + timedelta(seconds=1)
