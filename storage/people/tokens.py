"""API tokens: 256 random bits shown once, kept as SHA-256, for one agency and some rights, until a day."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from schemas.errors import NotFound, WrongUse
from schemas.people import TOKEN_SCOPES, Actor, Grant, Right, Role
from schemas.people_errors import NotAllowed
from storage.audit import Audit
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.catalogue.tables import cleaned
from storage.people.sessions import digest
from storage.people.tables import api_tokens, units
from storage.people.units import reached
from storage.people.users import actor_of

PREFIX = "sohoa_"
"""So that a token in a file or a log can be recognised and withdrawn."""
USED_NOTED_EVERY = timedelta(minutes=5)
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class TokenRow:
    id: str
    name: str
    owner: str | None
    unit: str | None
    subtree: bool
    scopes: tuple[Right, ...]
    made: datetime
    made_by: str
    expires: datetime
    revoked: datetime | None
    used: datetime | None

    def holds(self, at: datetime) -> bool:
        return self.revoked is None and self.made - timedelta(minutes=5) <= at < self.expires


@dataclass(frozen=True)
class IssuedToken:
    secret: str
    """Shown once."""
    row: TokenRow


class Tokens:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit = Audit(database)

    def issue(
        self,
        name: str,
        unit: str | None,
        scopes: Iterable[Right],
        expires: datetime,
        *,
        by: Actor,
        owner: str | None = None,
        subtree: bool = True,
    ) -> IssuedToken:
        """`unit`: id of the agency; None: everywhere. `owner`: the user it acts for, with whose rights it goes; None only where
        no users are kept. Raises WrongUse, NotFound, NotAllowed when the owner has not got these rights there."""
        wanted = sorted(set(scopes))
        if not cleaned(name).strip() or not wanted or set(wanted) - TOKEN_SCOPES:
            raise WrongUse(f"phạm vi: {', '.join(sorted(TOKEN_SCOPES))}")
        if expires <= now():
            raise WrongUse("ngày hết hạn đã qua")
        secret, at = PREFIX + secrets.token_urlsafe(32), now()
        token = "T-" + "".join(secrets.choice(_ALPHABET) for _ in range(10))
        with self._database.write() as connection:
            if (
                unit is not None
                and connection.scalar(sa.select(units.c.id).where(units.c.id == unit)) is None
            ):
                raise NotFound(f"đơn vị {unit}")
            if owner is not None:
                acting = actor_of(connection, owner, via="api")
                lacking = [right for right in wanted if acting is None or not acting.may(right, unit)]
                if lacking:
                    raise NotAllowed(f"chủ của token không có quyền {', '.join(lacking)}")
            connection.execute(
                api_tokens.insert().values(
                    id=token, secret=digest(secret), name=cleaned(name).strip(), owner=owner, unit=unit,
                    subtree=subtree, scopes=wanted, made=at, made_by=by.id, expires=expires,
                )
            )  # fmt: skip
            detail = {"owner": owner or "", "unit": unit or "", "scopes": list(wanted)}
            self._audit.add(connection, by, "token_issued", token, detail=detail)
            return IssuedToken(secret, _row(connection, api_tokens.c.id == token))

    def of(self, secret: str, *, address: str = "") -> Actor | None:
        """Who shows this token, with scopes ∩ the owner's rights of this moment. None: unknown, revoked, expired, owner gone."""
        with self._database.read() as connection:
            row = _row(connection, api_tokens.c.secret == digest(secret))
            if row is None or not row.holds(now()):
                return None
            actor = _acting(connection, row, address)
        if actor is not None and (row.used is None or now() - row.used > USED_NOTED_EVERY):
            with self._database.write() as connection:
                connection.execute(api_tokens.update().where(api_tokens.c.id == row.id).values(used=now()))
        return actor

    def revoke(self, token: str, *, by: Actor) -> TokenRow:
        """At once; again changes nothing. Raises NotFound."""
        with self._database.write() as connection:
            row = _row(connection, api_tokens.c.id == token)
            if row is None:
                raise NotFound(f"token {token}")
            if row.revoked is None:
                connection.execute(api_tokens.update().where(api_tokens.c.id == token).values(revoked=now()))
                self._audit.add(connection, by, "token_revoked", token)
            return _row(connection, api_tokens.c.id == token)

    def get(self, token: str) -> TokenRow:
        """Raises NotFound."""
        with self._database.read() as connection:
            row = _row(connection, api_tokens.c.id == token)
        if row is None:
            raise NotFound(f"token {token}")
        return row

    def list(self) -> list[TokenRow]:
        """Newest first."""
        query = sa.select(api_tokens).order_by(api_tokens.c.made.desc(), api_tokens.c.id)
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(query).mappings()]


def _acting(connection: sa.Connection, row: TokenRow, address: str) -> Actor | None:
    scopes = frozenset(row.scopes)
    own = reached(connection, row.unit, row.subtree) if row.unit else None
    if row.owner is None:
        grants = (Grant(scopes, own),)
        return Actor(
            row.id, row.name, frozenset({Role.API_CLIENT}), row.unit, "", "api", grants, address, row.id
        )
    owner = actor_of(connection, row.owner, via="api", address=address)
    if owner is None:
        return None
    grants = tuple(
        Grant(
            grant.rights & scopes,
            own if grant.units is None else grant.units if own is None else grant.units & own,
        )
        for grant in owner.grants
        if grant.rights & scopes
    )
    return replace(owner, grants=grants, unit=row.unit or owner.unit, token=row.id)


def _row(connection: sa.Connection, where: sa.ColumnElement) -> TokenRow | None:
    row = connection.execute(sa.select(api_tokens).where(where)).mappings().first()
    return _token(row) if row else None


def _token(row: sa.RowMapping) -> TokenRow:
    values = {name: row[name] for name in row if name not in ("secret", "scopes")}
    return TokenRow(**values, scopes=tuple(Right(scope) for scope in row["scopes"]))
