"""Who somebody is at another issuer: the ground on which OpenID Connect will stand.

The seam: a portal that has verified an ID token (signature, issuer, audience, nonce, time) asks `user_of(iss, sub)` and begins a
session for that user (`storage.people.sessions.Sessions.begin`). It never makes a user by itself and never goes by an e-mail
address or a name, which issuers reuse: an administrator links each identity once. Neither a client nor a simulator of an
issuer is here, for VNeID and the issuers of provinces each need an agreement first.
"""

from __future__ import annotations

import sqlalchemy as sa

from schemas.errors import NotAllowedNow, WrongUse
from schemas.people import Actor
from storage.audit import Audit
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.people.tables import identities


class Identities:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit = Audit(database)

    def link(self, issuer: str, subject: str, user: str, *, by: Actor) -> None:
        """`issuer` and `subject` exactly as in the token (`iss`, `sub`). Raises NotAllowedNow when it is somebody else's."""
        if not issuer.startswith("https://") or not subject:
            raise WrongUse("issuer phải bắt đầu bằng https://, subject không được để trống")
        with self._database.write() as connection:
            known = _user_of(connection, issuer, subject)
            if known not in (None, user):
                raise NotAllowedNow("danh tính này đã gắn với người khác")
            if known is None:
                values = {"issuer": issuer, "subject": subject, "user": user, "made": now()}
                connection.execute(identities.insert().values(**values))
                self._audit.add(connection, by, "identity_linked", user, detail={"issuer": issuer})

    def unlink(self, issuer: str, subject: str, *, by: Actor) -> bool:
        i = identities.c
        with self._database.write() as connection:
            user = _user_of(connection, issuer, subject)
            if user is None:
                return False
            connection.execute(identities.delete().where(i.issuer == issuer, i.subject == subject))
            self._audit.add(connection, by, "identity_unlinked", user, detail={"issuer": issuer})
            return True

    def user_of(self, issuer: str, subject: str) -> str | None:
        """Id of the user; None: nobody has linked this identity."""
        with self._database.read() as connection:
            return _user_of(connection, issuer, subject)


def _user_of(connection: sa.Connection, issuer: str, subject: str) -> str | None:
    i = identities.c
    return connection.scalar(sa.select(i.user).where(i.issuer == issuer, i.subject == subject))
