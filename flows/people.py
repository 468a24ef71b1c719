"""Who is there, what they may do, and what is written down about it: the door through which the command, the portal and the
API come.

    actor_here, token_actor, session_actor, login     who is it
    require, require_document, scope                  may they
    masked, masked_record                             what they see
    looked, downloaded                                what is written down of it (what was refused: flows/refusals.py)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from flows.masking import HIDDEN, masked_value, without_numbers
from schemas.errors import NoHome, NotFound
from schemas.people import WITHOUT_UNIT, Actor, Right, Scope
from schemas.people_errors import CodeRefused, LoginRefused, NotAllowed
from schemas.settings import Settings
from storage.audit import Audit
from storage.audit.heads import witness_in
from storage.catalogue import Catalogue, DocumentRow
from storage.people import (
    FirstCode,
    Identities,
    Lockout,
    NewSession,
    Sessions,
    Tokens,
    Units,
    UserRow,
    Users,
    UserStatus,
)
from storage.people.logins import folded

_FIRST = "first administrator"
"""Under which wrong one-time codes are counted."""


@dataclass
class People:
    """One a process; threads may share it."""

    settings: Settings
    catalogue: Catalogue

    @cached_property
    def units(self) -> Units:
        return Units(self.catalogue)

    @cached_property
    def users(self) -> Users:
        return Users(self.catalogue, self.settings.people)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self.catalogue, self.settings.people)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.catalogue)

    @cached_property
    def identities(self) -> Identities:
        return Identities(self.catalogue)

    @cached_property
    def lockout(self) -> Lockout:
        return Lockout(self.catalogue, self.settings.people)

    @cached_property
    def first_code(self) -> FirstCode:
        return FirstCode(self.catalogue, self.settings.people)

    @cached_property
    def audit(self) -> Audit:
        return Audit(self.catalogue)


@contextmanager
def open_people(settings: Settings) -> Iterator[People]:
    """People of a home folder that is already there. Raises NoHome, SetupError, CatalogueUnavailable."""
    if not _has_catalogue(settings):
        raise NoHome(str(settings.home))
    witness_in(settings.home)
    with Catalogue.open(settings.database, create=False) as catalogue:
        yield People(settings, catalogue)


# --- who is it -------------------------------------------------------------------------------------------------------
def actor_here(settings: Settings, named: str | None = None, *, unnamed: str = "") -> Actor:
    """Who sits at this computer: the user with the login of the operating system.

    While an office keeps no users, whoever sits there has all rights, called `named`, else `unnamed`, else their login.
    Once there are users, `named` must be this very user. Raises NotAllowed for a login that is nobody's, or another name.
    """
    if not _has_catalogue(settings):
        return Actor.local(named or unnamed or os_login())
    with open_people(settings) as people:
        if people.users.count() == 0:
            return Actor.local(named or unnamed or os_login(), _own_unit(people))
        login = os_login()
        found = people.users.secret_of(login)
        actor = people.users.actor(found[0], via="cli") if found else None
    if actor is None:
        raise NotAllowed(f"tên đăng nhập máy „{login}“ chưa gắn với người dùng nào, hoặc đã bị khoá")
    if named is not None and folded(named) not in (folded(actor.login), folded(actor.name), folded(actor.id)):
        raise NotAllowed(f"--user {named}: bạn đang là {actor.login}")
    return actor


def os_login() -> str:
    """The login as the operating system knows it. Not from the environment, which anybody can set."""
    if hasattr(os, "geteuid"):
        import pwd

        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:  # a container without an entry for its user
            return f"uid-{os.geteuid()}"
    return os.getlogin()


def token_actor(people: People, secret: str, *, address: str = "") -> Actor | None:
    """Who shows an API token; None: it does not hold. One answer for every reason."""
    return people.tokens.of(secret, address=address) if secret else None


def session_actor(people: People, secret: str, *, address: str = "") -> Actor | None:
    """Whose session this is; None: log in again. Roles are those of this moment."""
    return people.sessions.actor(secret, address=address) if secret else None


def login(
    people: People, login: str, password: str, *, address: str = "", old_session: str = ""
) -> NewSession:
    """A new session, always with a new token; `old_session` (what the browser held) ends.

    Raises LoginRefused, the same and after the same work for an unknown name, a wrong password and a locked account;
    TooManyAttempts.
    """
    name = folded(login)
    found = people.users.secret_of(login)
    known_address = people.sessions.known_address(found[0] if found else "", address)
    people.lockout.must_wait(name, address, known_address=known_address)
    fits = people.users.passwords.matches(found[2] if found else None, password)
    if not fits or found[1] is not UserStatus.ACTIVE:
        people.lockout.failed(name, address)
        with people.catalogue.write() as connection:
            nobody = Actor("", "", frozenset(), None, "", "portal", (), address)
            # Not what was typed: it may be a password in the wrong field.
            people.audit.add(connection, nobody, "login_refused", found[0] if found else "")
        raise LoginRefused
    people.lockout.succeeded(name, address)
    if people.users.passwords.outdated(found[2]):
        people.users.rehash(found[0], password, found[2])
    actor = people.users.actor(found[0], via="portal", address=address)
    if actor is None:  # locked between the two looks
        raise LoginRefused
    return people.sessions.begin(actor, old=old_session)


def logout(people: People, secret: str) -> bool:
    """Whether there was a session to end."""
    return people.sessions.end(secret, people.sessions.actor(secret))


def first_admin(
    people: People,
    code: str,
    *,
    login: str,
    name: str,
    password: str | None,
    via: str = "portal",
    address: str = "",
) -> UserRow:
    """The first administrator, by the one-time code. Raises CodeRefused, TooManyAttempts, WeakPassword, LoginTaken."""
    people.lockout.must_wait(_FIRST, address)
    try:
        return people.first_code.redeem(
            people.users, code, login=login, name=name, password=password, via=via
        )
    except CodeRefused:
        people.lockout.failed(_FIRST, address)
        raise


# --- may they --------------------------------------------------------------------------------------------------------
def require(actor: Actor, right: Right, unit: str | None = None, *, object: str = "") -> None:
    """`unit` None: anywhere at all; an id, or `WITHOUT_UNIT`: for things of that unit. `object`: id of the record that it is about.
    Raises NotAllowed."""
    if not actor.may(right, unit):
        raise NotAllowed(str(right), unit=unit, object=object)


def scope(actor: Actor, right: Right = Right.SEARCH) -> Scope:
    """What a list may show: the units where this actor has the right; who only scans sees what they took in themselves.
    Raises NotAllowed when there is nothing at all."""
    grants = [grant.units for grant in actor.grants if right in grant.rights]
    if grants:
        return Scope(None if None in grants else frozenset().union(*grants), None)
    if actor.may(Right.SCAN):
        return Scope(None, actor.id)
    raise NotAllowed(str(right))


def unit_of(catalogue: Catalogue, document_or_batch: str) -> tuple[str, str]:
    """Unit of a batch, or of the batch of a document (`WITHOUT_UNIT` when it has none), and id of who took it in. Raises NotFound."""
    try:
        batch = catalogue.batch(document_or_batch)
    except NotFound:
        batch = catalogue.batch(catalogue.document(document_or_batch).batch)
    return batch.unit or WITHOUT_UNIT, batch.made_by or ""


_OF_OWN = frozenset({Right.SCAN, Right.SEARCH, Right.SEE_PERSONAL})
"""What people may do with the papers that they took in themselves, whoever they are."""


def require_document(catalogue: Catalogue, actor: Actor, right: Right, document: str) -> None:
    """The right for the unit of a document or batch; looking at what one took in oneself needs no more than the right to scan.
    Raises NotAllowed, NotFound."""
    unit, made_by = unit_of(catalogue, document)
    if right in _OF_OWN and made_by == actor.id and actor.may(Right.SCAN):
        return
    require(actor, right, unit, object=document)


_BEYOND_SCANNING = (Right.SEARCH, Right.CHECK, Right.REPORT)


def sees_batch(actor: Actor, unit: str = WITHOUT_UNIT, made_by: str = "") -> bool:
    """Who has nothing but the right to scan (outsourced operators) sees only the stacks that they took in themselves: names of
    files may be names of people."""
    own = bool(made_by) and made_by == actor.id and actor.may(Right.SCAN)
    return own or any(actor.may(right, unit) for right in _BEYOND_SCANNING)


def require_batch(catalogue: Catalogue, actor: Actor, right: Right, batch: str) -> None:
    """The right for the unit of a batch that the actor may see. Raises NotAllowed, NotFound."""
    unit, made_by = unit_of(catalogue, batch)
    if not sees_batch(actor, unit, made_by):
        raise NotAllowed(str(right), unit=unit, object=batch)
    require_document(catalogue, actor, right, batch)


def sees_personal(actor: Actor, unit: str = WITHOUT_UNIT, made_by: str = "") -> bool:
    """Also to be asked for pictures of pages and for PDFs: those cannot be masked."""
    own = bool(made_by) and made_by == actor.id and actor.may(Right.SCAN)
    return own or actor.may(Right.SEE_PERSONAL, unit)


# --- what they see ---------------------------------------------------------------------------------------------------
def masked(
    fields: Mapping[str, object],
    kind: str,
    actor: Actor,
    settings: Settings,
    *,
    unit: str = WITHOUT_UNIT,
    made_by: str = "",
) -> dict:
    """Fields of a record of this kind as the actor may see them: settings `[people] masked` says which classes are hidden from
    who has no right to personal data of the unit."""
    if sees_personal(actor, unit, made_by):
        return dict(fields)
    hidden = settings.people.masked
    return {name: masked_value(name, value, hidden) for name, value in fields.items()}


_MAY_HOLD_NAMES = ("text", "digitised_code", "tables", "reason")


def masked_record(
    facts: Mapping, actor: Actor, settings: Settings, *, unit: str = WITHOUT_UNIT, made_by: str = ""
) -> dict:
    """The JSON of a record (`schemas/record.schema.json`): fields masked; running text and tables, in which anything may stand,
    left out; numbers of identity papers hidden in codes."""
    if sees_personal(actor, unit, made_by):
        return dict(facts)
    shown = dict(facts)
    shown["fields"] = masked(
        facts.get("fields") or {}, facts.get("type", ""), actor, settings, unit=unit, made_by=made_by
    )
    shown["checks"] = [{**check, "detail": ""} for check in facts.get("checks") or ()]
    for name in _MAY_HOLD_NAMES:
        value = shown.get(name)
        if name == "digitised_code":
            shown[name] = without_numbers(value) if isinstance(value, str) else value
        elif value:
            shown[name] = HIDDEN if isinstance(value, str) else type(value)()
    return shown


def masked_row(catalogue: Catalogue, row: DocumentRow, actor: Actor, settings: Settings) -> DocumentRow:
    """A record as the actor may see it, as `masked_record` masks its JSON."""
    unit, made_by = unit_of(catalogue, row.batch)
    if sees_personal(actor, unit, made_by):
        return row
    fields = masked(row.fields, row.type, actor, settings, unit=unit, made_by=made_by)
    checks = [check.model_copy(update={"detail": ""}) for check in row.checks]
    code = without_numbers(row.digitised_code) if row.digitised_code else row.digitised_code
    return replace(
        row,
        fields=fields,
        checks=checks,
        digitised_code=code,
        text="",
        tables={},
        reason=row.reason and HIDDEN,
    )


# --- what is written down --------------------------------------------------------------------------------------------
def looked(
    catalogue: Catalogue,
    actor: Actor,
    objects: str | Iterable[str],
    why: str = "",
    *,
    action: str = "looked",
    detail: dict | None = None,
) -> None:
    """One row for each object, in one transaction. To be called before anything is shown: what cannot be written down is not
    shown."""
    named: Sequence[str] = [objects] if isinstance(objects, str) else list(objects)
    if not named:
        return
    audit = Audit(catalogue)
    with catalogue.write() as connection:
        for one in named:
            audit.add(connection, actor, action, one, why, detail)


def downloaded(
    catalogue: Catalogue, actor: Actor, object: str, why: str = "", *, detail: dict | None = None
) -> None:
    """To be called before the bytes are handed out."""
    looked(catalogue, actor, object, why, action="downloaded", detail=detail)


# --- inside ----------------------------------------------------------------------------------------------------------
def _has_catalogue(settings: Settings) -> bool:
    return bool(settings.catalogue_url) or (settings.home / "catalogue.sqlite").is_file()


def _own_unit(people: People) -> str | None:
    """The unit that this installation is, when it keeps units."""
    code = people.settings.office.code.strip()
    try:
        return people.units.get(code).id if code else None
    except NotFound:
        return None
