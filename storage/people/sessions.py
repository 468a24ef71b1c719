"""Sessions of people who logged in. The token is 256 random bits, made here and nowhere else; its SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from schemas.people import Actor, PeopleSettings
from storage.audit import Audit
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.people.tables import sessions
from storage.people.users import actor_of

NOTED_EVERY = timedelta(minutes=1)
"""So seldom is it written down that a session is in use: a look at a page must not cost a write."""
CLOCK_TOLERANCE = timedelta(minutes=5)
ADDRESS_KNOWN = timedelta(days=30)


@dataclass(frozen=True)
class NewSession:
    secret: str
    """Shown once; goes into a cookie (HttpOnly, Secure, SameSite)."""
    actor: Actor
    expires: datetime


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


class Sessions:
    def __init__(self, database: Database, settings: PeopleSettings) -> None:
        self._database = database
        self._settings = settings
        self._audit = Audit(database)

    def begin(self, actor: Actor, *, old: str = "") -> NewSession:
        """A new session with a new token, whatever the browser held before; the session of `old` ends."""
        secret = secrets.token_urlsafe(32)
        at = now()
        expires = at + timedelta(hours=self._settings.session_hours)
        with self._database.write() as connection:
            if old:
                self._end(connection, old)
            connection.execute(
                sessions.insert().values(
                    id=digest(secret), user=actor.id, made=at, seen=at, expires=expires, address=actor.address
                )
            )
            self._audit.add(connection, actor, "logged_in", actor.id)
        return NewSession(secret, actor, expires)

    def actor(self, secret: str, *, via: str = "portal", address: str = "") -> Actor | None:
        """Who this is now, with the roles of this moment. None: unknown, ended, too old, idle too long, user locked; also
        when the clock stands before the last use, for then no age can be told."""
        at, s = now(), sessions.c
        with self._database.read() as connection:
            row = connection.execute(sa.select(sessions).where(s.id == digest(secret))).mappings().first()
            if row is None or not self._holds(row, at):
                return None
            actor = actor_of(connection, row["user"], via=via, address=address)
        if actor is not None and at - row["seen"] > NOTED_EVERY:
            with self._database.write() as connection:
                connection.execute(
                    sessions.update().where(s.id == row["id"], s.ended.is_(None)).values(seen=at)
                )
        return actor

    def end(self, secret: str, actor: Actor | None = None) -> bool:
        """Whether there was one to end."""
        with self._database.write() as connection:
            ended = self._end(connection, secret)
            if ended and actor is not None:
                self._audit.add(connection, actor, "logged_out", actor.id)
            return ended

    def known_address(self, user: str, address: str) -> bool:
        """Has this user lately logged in from there?"""
        s = sessions.c
        with self._database.read() as connection:
            return (
                connection.scalar(
                    sa.select(s.id)
                    .where(s.user == user, s.address == address, s.made > now() - ADDRESS_KNOWN)
                    .limit(1)
                )
                is not None
            )

    def _holds(self, row: sa.RowMapping, at: datetime) -> bool:
        idle = timedelta(minutes=self._settings.idle_minutes)
        return (
            row["ended"] is None
            and row["seen"] - CLOCK_TOLERANCE <= at < row["expires"]
            and at - row["seen"] < idle
        )

    def _end(self, connection: sa.Connection, secret: str) -> bool:
        s = sessions.c
        done = connection.execute(
            sessions.update().where(s.id == digest(secret), s.ended.is_(None)).values(ended=now())
        )
        return bool(done.rowcount)
