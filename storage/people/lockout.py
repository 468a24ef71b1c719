"""Waiting after wrong passwords, growing and bounded.

Counted for each pair of name and address, for each address, and, much more patiently, for each name. So whoever guesses from
one place is stopped, guessing from many places is slowed, and nobody can keep somebody else out: the longest wait is
bounded, and the count of a name alone does not hold for an address from which that user has logged in before.

A wait is measured on the clock that runs since the machine started, where there is one and the machine has not been
restarted, so setting the clock forward gains nothing. Else by the date, and then setting the clock back costs no more than one
full wait.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa

from schemas.people import PeopleSettings
from schemas.people_errors import TooManyAttempts
from storage.catalogue.database import Database, insert
from storage.catalogue.events import now
from storage.people.tables import login_failures

ADDRESS_FREE = 20
"""Wrong attempts from one address, whatever the names: an office behind one address has several people."""
NAME_FREE = 100
NAME_LONGEST = 60.0
"""Seconds: a name alone never waits longer."""
FORGOTTEN = timedelta(hours=24)


@dataclass(frozen=True)
class _Counted:
    key: str
    free: int
    longest: float


class Lockout:
    def __init__(self, database: Database, settings: PeopleSettings) -> None:
        self._database = database
        self._settings = settings

    def must_wait(self, name: str, address: str, *, known_address: bool = False) -> None:
        """Raises TooManyAttempts with the whole seconds in `detail`."""
        keys = [
            c.key for c in self._counted(name, address) if not (known_address and c.key == _key("n", name))
        ]
        with self._database.write() as connection:
            f = login_failures.c
            rows = connection.execute(sa.select(login_failures).where(f.key.in_(keys))).mappings().all()
            left = 0.0
            for row in rows:
                rest, anew = _left(row)
                if anew:  # the clock was set back: from here the wait runs anew, once
                    connection.execute(
                        login_failures.update().where(f.key == row["key"]).values(at=now(), **_boot_now())
                    )
                left = max(left, rest)
        if left > 0:
            raise TooManyAttempts(str(math.ceil(left)))

    def failed(self, name: str, address: str) -> None:
        """One more wrong attempt. Two at once both count."""
        f = login_failures.c
        with self._database.write() as connection:
            for counted in sorted(self._counted(name, address), key=lambda c: c.key):
                values = {"at": now(), "wait": 0.0, **_boot_now()}
                connection.execute(
                    insert(connection, login_failures)
                    .values(key=counted.key, count=0, **values)
                    .on_conflict_do_nothing()
                )
                row = connection.execute(
                    sa.select(f.count, f.at).where(f.key == counted.key).with_for_update()
                ).one()
                count = 1 if now() - row.at > FORGOTTEN else row.count + 1
                over = count - counted.free
                wait = 0.0
                if over >= 0:
                    wait = min(counted.longest, self._settings.first_wait_seconds * 2.0 ** min(over, 30))
                connection.execute(
                    login_failures.update()
                    .where(f.key == counted.key)
                    .values(count=count, **values | {"wait": wait})
                )

    def succeeded(self, name: str, address: str) -> None:
        """Forgets the failures of this name from this address. Those of the address stay: one good password must not
        open the way for guessing others."""
        f = login_failures.c
        with self._database.write() as connection:
            done = sa.or_(f.key == _key("p", name, address), f.at < now() - FORGOTTEN)
            connection.execute(login_failures.delete().where(done))

    def forget(self, name: str) -> None:
        """An administrator lets a name try again at once."""
        with self._database.write() as connection:
            connection.execute(login_failures.delete().where(login_failures.c.key == _key("n", name)))

    def _counted(self, name: str, address: str) -> list[_Counted]:
        longest = self._settings.longest_wait_seconds
        return [
            _Counted(_key("p", name, address), self._settings.failures_free, longest),
            _Counted(_key("a", address), ADDRESS_FREE, longest),
            _Counted(_key("n", name), NAME_FREE, min(NAME_LONGEST, longest)),
        ]


def _key(*parts: str) -> str:
    """Hashed: people type their password into the field of the name."""
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def _left(row: sa.RowMapping) -> tuple[float, bool]:
    """Seconds still to wait; whether the clock was set back, so that the wait has to begin anew."""
    if row["wait"] <= 0:
        return 0.0, False
    boot = _boot_now()
    if row["boot"] and row["boot"] == boot["boot"]:
        return row["boot_seconds"] + row["wait"] - boot["boot_seconds"], False
    left = (row["at"] - now()).total_seconds() + row["wait"]
    return (row["wait"], True) if left > row["wait"] else (left, False)


def _boot_now() -> dict[str, object]:
    boot = _boot_id()
    return {"boot": boot, "boot_seconds": _since_boot() if boot else 0.0}


def _since_boot() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@lru_cache(maxsize=1)
def _boot_id() -> str:
    """Of this start of this machine; empty where the system does not say (then the date has to do)."""
    if not hasattr(time, "CLOCK_BOOTTIME"):
        return ""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
