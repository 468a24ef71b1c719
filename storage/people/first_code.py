"""The one-time code with which the first administrator is made. 125 random bits: its SHA-256 cannot be guessed back."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

import sqlalchemy as sa

from schemas.errors import NotAllowedNow
from schemas.people import Actor, PeopleSettings, Role
from schemas.people_errors import CodeRefused
from storage.audit import Audit
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.people.tables import one_time_codes, users
from storage.people.users import UserRow, Users, serialise

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _LETTERS = 5, 5
_MISTAKEN = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})


class FirstCode:
    def __init__(self, database: Database, settings: PeopleSettings) -> None:
        self._database = database
        self._settings = settings
        self._audit = Audit(database)

    def issue(self) -> str:
        """A new code; those before it end. Raises NotAllowedNow when there are users already."""
        code = "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS)) for _ in range(_GROUPS))
        at = now()
        with self._database.write() as connection:
            serialise(connection)
            if _any_user(connection):
                raise NotAllowedNow("đã có người dùng")
            connection.execute(
                one_time_codes.update().where(one_time_codes.c.used.is_(None)).values(expires=at)
            )
            expires = at + timedelta(hours=self._settings.first_code_hours)
            connection.execute(one_time_codes.insert().values(id=_hash(code), made=at, expires=expires))
            self._audit.add(connection, "system", "first_code_issued")
        return code

    def issued(self) -> bool:
        """Was there ever one?"""
        with self._database.read() as connection:
            return connection.scalar(sa.select(one_time_codes.c.id).limit(1)) is not None

    def waiting(self) -> bool:
        """Is there a code that still holds?"""
        c = one_time_codes.c
        with self._database.read() as connection:
            query = sa.select(c.id).where(c.used.is_(None), c.expires > now()).limit(1)
            return connection.scalar(query) is not None

    def redeem(
        self, people: Users, code: str, *, login: str, name: str, password: str | None, via: str
    ) -> UserRow:
        """The first administrator. Of two at once one is made. Raises CodeRefused, WeakPassword, LoginTaken."""
        hashed = people.hash_new(password, name, login) if password is not None else None
        wanted = _hash(code)
        at, c = now(), one_time_codes.c
        with self._database.write() as connection:
            serialise(connection)
            standing = connection.scalars(
                sa.select(c.id).where(c.used.is_(None), c.expires > at, c.made <= at + timedelta(minutes=5))
            ).all()
            fits = [one for one in standing if hmac.compare_digest(one, wanted)]
            if not fits or _any_user(connection):
                raise CodeRefused
            connection.execute(one_time_codes.update().where(c.id == fits[0]).values(used=at))
            by = Actor.system().at(via)
            user = people.add_in(connection, name, login, by=by, unit=None, hashed=hashed)
            return people.give_role_in(connection, user.id, Role.ADMINISTRATOR, by=by)


def _any_user(connection: sa.Connection) -> bool:
    return connection.scalar(sa.select(users.c.id).limit(1)) is not None


def _hash(code: str) -> str:
    plain = "".join(c for c in code.upper().translate(_MISTAKEN) if c in _ALPHABET)
    return hashlib.sha256(plain.encode()).hexdigest()
