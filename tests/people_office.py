"""People of an office for tests, with hashes that need not be slow, and a clock of the wall that can be set."""

from __future__ import annotations

from datetime import timedelta

import pytest

from flows import people as door
from flows.people import People
from schemas.people import Actor, PeopleSettings, Role
from schemas.people_errors import LoginRefused, TooManyAttempts
from storage.catalogue import events as clock
from storage.people import lockout, sessions, tokens

GOOD, OTHER = "con trâu ăn cỏ ven sông", "bảy chiếc thuyền thúng đỏ"
QUICK = PeopleSettings(hash_time=1, hash_kib=1024, hash_lanes=1)
"""The hash need not be slow where nobody guesses."""
ROOT = Actor.system()


class Clock:
    """The clock of the wall, set as one likes; that of the machine goes on."""

    def __init__(self, monkeypatch) -> None:
        self.ahead = timedelta(0)
        real = clock.now
        for module in (lockout, sessions, tokens, "storage.people.first_code", "storage.people.users"):
            where = f"{module}.now" if isinstance(module, str) else f"{module.__name__}.now"
            monkeypatch.setattr(where, lambda: real() + self.ahead)

    def restarted(self, monkeypatch) -> None:
        """No clock of the machine that could be compared."""
        monkeypatch.setattr(lockout, "_boot_id", lambda: "")


def lan(people: People, *roles: Role) -> str:
    user = people.users.add("Nguyễn Thị Lan", "lan", by=ROOT, password=GOOD)
    for role in roles or (Role.CHECKER,):
        people.users.give_role(user.id, role, by=ROOT)
    return user.id


def refused(people: People, login: str, password: str = "sai bét nhè ra rồi", address: str = "a") -> type:
    with pytest.raises((LoginRefused, TooManyAttempts)) as error:
        door.login(people, login, password, address=address)
    return error.type
