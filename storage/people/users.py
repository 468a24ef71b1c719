"""Users, their roles by unit, and the actor each of them is at this moment."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from schemas.errors import NotAllowedNow, NotFound, WrongUse
from schemas.people import ROLE_RIGHTS, Actor, Grant, PeopleSettings, Role
from schemas.people_errors import LoginTaken
from storage.audit import Audit
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.catalogue.tables import cleaned
from storage.people.logins import folded, login_of, skeleton
from storage.people.passwords import Passwords, check_strength
from storage.people.tables import sessions, units, user_roles, users
from storage.people.units import reached

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PEOPLE_LOCK = 0x50454F50
"""Key of the PostgreSQL advisory lock for what may happen once: the first user, the last administrator."""


class UserStatus(StrEnum):
    ACTIVE = "active"
    LOCKED = "locked"  # by an administrator, until unlocked
    DISABLED = "disabled"  # has left; stays in the book


@dataclass(frozen=True)
class RoleRow:
    role: Role
    unit: str
    """Id; empty: everywhere."""
    subtree: bool


@dataclass(frozen=True)
class UserRow:
    id: str
    name: str
    login: str
    unit: str | None
    status: UserStatus
    has_password: bool
    made: datetime
    made_by: str
    roles: tuple[RoleRow, ...]


class Users:
    def __init__(self, database: Database, settings: PeopleSettings) -> None:
        self._database = database
        self._settings = settings
        self._audit = Audit(database)
        self.passwords = Passwords(settings)

    # --- asking --------------------------------------------------------------------------------------------------------
    def count(self) -> int:
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(users))

    def get(self, user: str) -> UserRow:
        """By id or login, however it is typed. Raises NotFound."""
        with self._database.read() as connection:
            return _user(connection, user)

    def list(self) -> list[UserRow]:
        """By login."""
        with self._database.read() as connection:
            ids = connection.scalars(sa.select(users.c.id).order_by(users.c.login)).all()
            return [_user(connection, one) for one in ids]

    def actor(self, user: str, *, via: str, address: str = "") -> Actor | None:
        """As whom this user acts now; None when unknown, locked or disabled."""
        with self._database.read() as connection:
            return actor_of(connection, user, via=via, address=address)

    # --- changing ------------------------------------------------------------------------------------------------------
    def add(
        self, name: str, login: str, *, by: Actor, unit: str | None = None, password: str | None = None
    ) -> UserRow:
        """`unit`: id of the home unit. Without a password the user can only be known by the login of the operating system
        or by another issuer. Raises LoginTaken, WeakPassword, WrongUse."""
        hashed = self._hashed(password, name, login) if password is not None else None
        with self._database.write() as connection:
            return self.add_in(connection, name, login, by=by, unit=unit, hashed=hashed)

    def add_in(
        self,
        connection: sa.Connection,
        name: str,
        login: str,
        *,
        by: Actor,
        unit: str | None,
        hashed: str | None,
    ) -> UserRow:
        """As `add`, in the caller's transaction; `hashed` as made by `hash_new`."""
        name, login = cleaned(name).strip(), login_of(login)
        if not name:
            raise WrongUse("thiếu họ tên")
        look = skeleton(login)
        serialise(connection)
        if connection.scalar(
            sa.select(users.c.id).where(sa.or_(users.c.login == login, users.c.skeleton == look))
        ):
            raise LoginTaken(login)
        if unit is not None and connection.scalar(sa.select(units.c.id).where(units.c.id == unit)) is None:
            raise NotFound(f"đơn vị {unit}")
        user = "P-" + "".join(secrets.choice(_ALPHABET) for _ in range(10))
        at = now()
        connection.execute(
            users.insert().values(
                id=user, name=name, login=login, skeleton=look, unit=unit, status=UserStatus.ACTIVE,
                password=hashed, password_changed=at if hashed else None, made=at, made_by=by.id,
            )
        )  # fmt: skip
        self._audit.add(connection, by, "user_added", user, detail={"unit": unit or ""})
        return _user(connection, user)

    def hash_new(self, password: str, name: str, login: str) -> str:
        """Raises WeakPassword."""
        return self._hashed(password, name, login)

    def give_role(
        self, user: str, role: Role, *, by: Actor, unit: str | None = None, subtree: bool = True
    ) -> UserRow:
        """`unit`: id; None: everywhere, which is for an office without units. Again changes only `subtree`."""
        with self._database.write() as connection:
            return self.give_role_in(connection, user, role, by=by, unit=unit, subtree=subtree)

    def give_role_in(
        self,
        connection: sa.Connection,
        user: str,
        role: Role,
        *,
        by: Actor,
        unit: str | None = None,
        subtree: bool = True,
    ) -> UserRow:
        row = _user(connection, user)
        if unit is not None and connection.scalar(sa.select(units.c.id).where(units.c.id == unit)) is None:
            raise NotFound(f"đơn vị {unit}")
        r = user_roles.c
        same = sa.and_(r.user == row.id, r.role == role, r.unit == (unit or ""))
        connection.execute(user_roles.delete().where(same))
        connection.execute(
            user_roles.insert().values(
                user=row.id, role=role, unit=unit or "", subtree=subtree, given=now(), given_by=by.id
            )
        )
        detail = {"role": str(role), "unit": unit or "", "subtree": subtree}
        self._audit.add(connection, by, "role_given", row.id, detail=detail)
        return _user(connection, row.id)

    def take_role(self, user: str, role: Role, *, by: Actor, unit: str | None = None) -> UserRow:
        """Raises NotFound when the role was not given there, NotAllowedNow for the last administrator."""
        with self._database.write() as connection:
            serialise(connection)
            row = _user(connection, user)
            r = user_roles.c
            gone = connection.execute(
                user_roles.delete().where(r.user == row.id, r.role == role, r.unit == (unit or ""))
            )
            if not gone.rowcount:
                raise NotFound(f"vai trò {role}")
            if role is Role.ADMINISTRATOR:
                _must_have_administrator(connection)
            detail = {"role": str(role), "unit": unit or ""}
            self._audit.add(connection, by, "role_taken", row.id, detail=detail)
            return _user(connection, row.id)

    def set_status(self, user: str, status: UserStatus, *, by: Actor, why: str = "") -> UserRow:
        """Locked and disabled users lose their sessions at once. Raises NotFound, NotAllowedNow for the last administrator."""
        with self._database.write() as connection:
            serialise(connection)
            row = _user(connection, user)
            connection.execute(users.update().where(users.c.id == row.id).values(status=status))
            if status is not UserStatus.ACTIVE:
                if any(one.role is Role.ADMINISTRATOR for one in row.roles):
                    _must_have_administrator(connection)
                end_sessions(connection, row.id)
            self._audit.add(connection, by, f"user_{status}", row.id, why)
            return _user(connection, row.id)

    def set_password(self, user: str, password: str, *, by: Actor) -> UserRow:
        """All sessions of the user end. Raises NotFound, WeakPassword."""
        known = self.get(user)
        hashed = self._hashed(password, known.name, known.login)
        with self._database.write() as connection:
            connection.execute(
                users.update().where(users.c.id == known.id).values(password=hashed, password_changed=now())
            )
            end_sessions(connection, known.id)
            self._audit.add(connection, by, "password_set", known.id)
            return _user(connection, known.id)

    def rehash(self, user: str, password: str, before: str) -> None:
        """The hash with today's parameters, unless somebody set another password meanwhile."""
        hashed = self.passwords.hash(password)
        with self._database.write() as connection:
            connection.execute(
                users.update().where(users.c.id == user, users.c.password == before).values(password=hashed)
            )

    def secret_of(self, login: str) -> tuple[str, UserStatus, str | None] | None:
        """Id, status and hash for a login as typed; None: nobody."""
        u = users.c
        with self._database.read() as connection:
            row = connection.execute(
                sa.select(u.id, u.status, u.password).where(u.login == folded(login))
            ).one_or_none()
        return (row.id, UserStatus(row.status), row.password) if row else None

    def _hashed(self, password: str, name: str, login: str) -> str:
        check_strength(password, self._settings, [login, name, *name.split()])
        return self.passwords.hash(password)


def actor_of(connection: sa.Connection, user: str, *, via: str, address: str = "") -> Actor | None:
    """See `Users.actor`; inside a transaction."""
    try:
        row = _user(connection, user)
    except NotFound:
        return None
    if row.status is not UserStatus.ACTIVE:
        return None
    grants = []
    for one in row.roles:
        units_of = None if not one.unit else reached(connection, one.unit, one.subtree)
        grants.append(Grant(ROLE_RIGHTS[one.role], units_of))
    roles = frozenset(one.role for one in row.roles)
    return Actor(row.id, row.name, roles, row.unit, row.login, via, tuple(grants), address)


def serialise(connection: sa.Connection) -> None:
    """One at a time: looking whether a login is free, a first user is missing or an administrator is left, and acting on it.
    SQLite has one writer anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_PEOPLE_LOCK)))


def end_sessions(connection: sa.Connection, user: str) -> None:
    connection.execute(
        sessions.update().where(sessions.c.user == user, sessions.c.ended.is_(None)).values(ended=now())
    )


def _must_have_administrator(connection: sa.Connection) -> None:
    left = connection.scalar(
        sa.select(sa.func.count())
        .select_from(user_roles.join(users))
        .where(user_roles.c.role == Role.ADMINISTRATOR, users.c.status == UserStatus.ACTIVE)
    )
    if not left:
        raise NotAllowedNow("người quản trị cuối cùng phải còn lại")


def _user(connection: sa.Connection, user: str) -> UserRow:
    u, r = users.c, user_roles.c
    row = (
        connection.execute(sa.select(users).where(sa.or_(u.id == user, u.login == folded(user))))
        .mappings()
        .first()
    )
    if row is None:
        raise NotFound("người dùng")
    roles = connection.execute(
        sa.select(r.role, r.unit, r.subtree).where(r.user == row["id"]).order_by(r.role, r.unit)
    )
    return UserRow(
        row["id"], row["name"], row["login"], row["unit"], UserStatus(row["status"]), row["password"] is not None,
        row["made"], row["made_by"], tuple(RoleRow(Role(one.role), one.unit, one.subtree) for one in roles),
    )  # fmt: skip
