"""What administrators do with units, users and tokens. Used by the command and the portal.

Nobody hands out more than they have: an administrator of a province manages its communes, one of a commune only that
commune, and neither can touch a user whose roles reach further than their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from flows.people import People
from schemas.people import Actor, Right, Role
from schemas.people_errors import LoginRefused, NotAllowed
from storage.catalogue.events import now
from storage.people import Imported, IssuedToken, TokenRow, UnitRow, UserRow, UserStatus


# --- who may manage what ---------------------------------------------------------------------------------------------
def must_manage(people: People, actor: Actor, unit: str | None, subtree: bool = True) -> None:
    """`unit`: id; None: everywhere. Raises NotAllowed."""
    reaches = [grant.units for grant in actor.grants if Right.MANAGE_USERS in grant.rights]
    if None in reaches:
        return
    if unit is None or not reaches:
        raise NotAllowed(str(Right.MANAGE_USERS))
    if not people.units.reach(unit, subtree) <= frozenset().union(*reaches):
        raise NotAllowed(str(Right.MANAGE_USERS), unit=unit)


def must_manage_user(people: People, actor: Actor, user: UserRow) -> None:
    """All of the user's roles, and their home, lie within reach. Raises NotAllowed."""
    must_manage(people, actor, user.unit, subtree=False)
    for role in user.roles:
        must_manage(people, actor, role.unit or None, role.subtree)


# --- units -----------------------------------------------------------------------------------------------------------
def add_unit(
    people: People,
    actor: Actor,
    name: str,
    *,
    code: str = "",
    parent: str | None = None,
    level: str = "",
    valid_from: date | None = None,
    valid_to: date | None = None,
) -> UnitRow:
    """As `Units.add`."""
    must_manage(people, actor, people.units.get(parent).id if parent else None)
    return people.units.add(
        name, by=actor, code=code, parent=parent, level=level, valid_from=valid_from, valid_to=valid_to
    )


def close_unit(people: People, actor: Actor, unit: str, day: date, successors: Sequence[str] = ()) -> UnitRow:
    """As `Units.close`. The successors are reached by whoever manages them: both sides must be the actor's to manage."""
    row = people.units.get(unit)
    following = [people.units.get(successor, day + timedelta(days=1)).id for successor in successors]
    for one in (row.id, *following):
        must_manage(people, actor, one)
    return people.units.close(row.id, day, successors=following, by=actor)


def import_units(people: People, actor: Actor, path: Path) -> Imported:
    """As `Units.import_csv`; only for who manages everything."""
    must_manage(people, actor, None)
    return people.units.import_csv(path, by=actor)


# --- users -----------------------------------------------------------------------------------------------------------
def add_user(
    people: People,
    actor: Actor,
    name: str,
    login: str,
    *,
    unit: str | None = None,
    roles: Iterable[Role] = (),
    subtree: bool = True,
    password: str | None = None,
) -> UserRow:
    """`unit`: id or code; home and, for the roles, where they hold. Raises NotAllowed, LoginTaken, WeakPassword, NotFound."""
    home = people.units.get(unit).id if unit else None
    must_manage(people, actor, home, subtree)
    user = people.users.add(name, login, by=actor, unit=home, password=password)
    for role in dict.fromkeys(roles):
        user = people.users.give_role(user.id, role, by=actor, unit=home, subtree=subtree)
    return user


def give_role(
    people: People, actor: Actor, user: str, role: Role, *, unit: str | None = None, subtree: bool = True
) -> UserRow:
    row = people.users.get(user)
    must_manage_user(people, actor, row)
    where = people.units.get(unit).id if unit else None
    must_manage(people, actor, where, subtree)
    return people.users.give_role(row.id, role, by=actor, unit=where, subtree=subtree)


def take_role(people: People, actor: Actor, user: str, role: Role, *, unit: str | None = None) -> UserRow:
    row = people.users.get(user)
    must_manage_user(people, actor, row)
    where = people.units.get(unit).id if unit else None
    return people.users.take_role(row.id, role, by=actor, unit=where)


def set_status(people: People, actor: Actor, user: str, status: UserStatus, why: str = "") -> UserRow:
    row = people.users.get(user)
    must_manage_user(people, actor, row)
    done = people.users.set_status(row.id, status, by=actor, why=why)
    if status is UserStatus.ACTIVE:
        people.lockout.forget(row.login)
    return done


def set_password(people: People, actor: Actor, user: str, password: str) -> UserRow:
    """One's own, or that of somebody whom one manages. Raises NotAllowed, WeakPassword, NotFound."""
    row = people.users.get(user)
    if row.id != actor.id or actor.token:
        must_manage_user(people, actor, row)
    return people.users.set_password(row.id, password, by=actor)


def change_own_password(people: People, actor: Actor, current: str, new: str) -> UserRow:
    """From a session: an unattended screen must not be enough. All sessions end. Raises LoginRefused, TooManyAttempts,
    WeakPassword."""
    people.lockout.must_wait(actor.login, actor.address, known_address=True)
    found = people.users.secret_of(actor.login)
    if not people.users.passwords.matches(found[2] if found else None, current):
        people.lockout.failed(actor.login, actor.address)
        raise LoginRefused
    return people.users.set_password(actor.id, new, by=actor)


# --- tokens ----------------------------------------------------------------------------------------------------------
def issue_token(
    people: People,
    actor: Actor,
    name: str,
    scopes: Iterable[Right],
    *,
    unit: str | None = None,
    subtree: bool = True,
    owner: str | None = None,
    expires: datetime | None = None,
) -> IssuedToken:
    """`unit`: id or code; `owner`: id or login, needed once there are users: a token outlives nobody. Raises NotAllowed, WrongUse,
    NotFound."""
    where = people.units.get(unit).id if unit else None
    must_manage(people, actor, where, subtree)
    holder = None
    if people.users.count():
        row = people.users.get(owner or actor.login)
        must_manage_user(people, actor, row)
        holder = row.id
    ends = expires or now() + timedelta(days=people.settings.people.token_days)
    return people.tokens.issue(name, where, scopes, ends, by=actor, owner=holder, subtree=subtree)


def revoke_token(people: People, actor: Actor, token: str) -> TokenRow:
    row = people.tokens.get(token)
    must_manage(people, actor, row.unit, row.subtree)
    return people.tokens.revoke(token, by=actor)
