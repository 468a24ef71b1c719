"""Who does something, in which role, for which unit, and what that role may do.

`ROLE_RIGHTS` is the office's division of work, not a rule quoted from a text, except where a line names its source.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

WITHOUT_UNIT = ""
"""Stands for the unit of things that have none: taken in before units were kept."""


class Role(StrEnum):
    SCANNER = "scanner"  # công chức, nhân viên số hoá
    CHECKER = "checker"  # người kiểm tra
    REGISTRAR = "registrar"  # văn thư; operates the agency's key (NĐ 30/2020 Đ32)
    CERTIFIER = "certifier"  # người thực hiện chứng thực
    OFFICIAL = "official"  # handles dossiers: finds results and uses them again
    MANAGER = "manager"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    API_CLIENT = "api_client"  # another system
    OPERATOR = "operator"  # outsourced: scans, and nothing else (NĐ 118/2025)


class Right(StrEnum):
    SCAN = "scan"
    CHECK = "check"
    SIGN = "sign"
    CERTIFY = "certify"
    REGISTER = "register"
    SEARCH = "search"
    SEE_PERSONAL = "see_personal"
    REUSE = "reuse"
    EXPORT = "export"
    REPORT = "report"
    MANAGE_USERS = "manage_users"
    MANAGE_SETTINGS = "manage_settings"
    AUDIT = "audit"
    PRESERVE = "preserve"
    API_IMPORT = "api_import"
    API_GET = "api_get"
    API_PUT = "api_put"
    API_DOWNLOAD = "api_download"


_R = Right
ROLE_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.SCANNER: frozenset({_R.SCAN, _R.SIGN, _R.SEARCH}),
    Role.CHECKER: frozenset({_R.CHECK, _R.SEARCH, _R.SEE_PERSONAL}),
    Role.REGISTRAR: frozenset({_R.REGISTER, _R.SIGN, _R.SEARCH, _R.SEE_PERSONAL, _R.REUSE, _R.EXPORT}),
    Role.CERTIFIER: frozenset({_R.CERTIFY, _R.SIGN, _R.SEARCH, _R.SEE_PERSONAL, _R.REUSE}),
    Role.OFFICIAL: frozenset({_R.SEARCH, _R.SEE_PERSONAL, _R.REUSE}),
    Role.MANAGER: frozenset({_R.REPORT, _R.SEARCH}),
    Role.AUDITOR: frozenset({_R.AUDIT, _R.REPORT, _R.SEARCH}),
    # Keeps people and machines going and need not see anybody's papers: no search, no personal data, no audit of its own deeds.
    Role.ADMINISTRATOR: frozenset({_R.MANAGE_USERS, _R.MANAGE_SETTINGS, _R.PRESERVE, _R.REPORT}),
    Role.API_CLIENT: frozenset(
        {_R.API_IMPORT, _R.API_GET, _R.API_PUT, _R.API_DOWNLOAD, _R.SEARCH, _R.SEE_PERSONAL, _R.REUSE}
    ),
    # Enterprises and the post may be hired to scan; law.md B.2: "they may scan; they may not certify".
    Role.OPERATOR: frozenset({_R.SCAN}),
}
TOKEN_SCOPES = ROLE_RIGHTS[Role.API_CLIENT]
"""What an API token may carry at most."""
ROLE_NAMES: dict[Role, str] = {
    Role.SCANNER: "người số hoá",
    Role.CHECKER: "người kiểm tra",
    Role.REGISTRAR: "văn thư",
    Role.CERTIFIER: "người thực hiện chứng thực",
    Role.OFFICIAL: "công chức tra cứu",
    Role.MANAGER: "lãnh đạo theo dõi",
    Role.AUDITOR: "người kiểm tra nhật ký",
    Role.ADMINISTRATOR: "người quản trị",
    Role.API_CLIENT: "hệ thống khác (API)",
    Role.OPERATOR: "nhân viên số hoá thuê ngoài",
}


@dataclass(frozen=True)
class Grant:
    """Rights over the things of some units."""

    rights: frozenset[Right]
    units: frozenset[str] | None
    """Ids; `WITHOUT_UNIT` for things that have none; None: everywhere."""


@dataclass(frozen=True)
class Actor:
    """Who does something, from where. Made anew for each request: a role that was taken away is gone at once."""

    id: str
    """Of the user; `token:<id>` is not used: a token acts for its owner and is named in `token`."""
    name: str
    roles: frozenset[Role]
    unit: str | None
    """Home unit."""
    login: str
    via: str
    """cli | api | portal | system."""
    grants: tuple[Grant, ...] = ()
    address: str = ""
    token: str = ""
    """Id of the API token, when one was shown."""

    @property
    def who(self) -> str:
        """What stands in the catalogue and the register as the one who did it."""
        return self.login or self.name

    def may(self, right: Right, unit: str | None = None) -> bool:
        """`unit` None: anywhere at all; else for things of that unit."""
        return any(
            right in grant.rights and (unit is None or grant.units is None or unit in grant.units)
            for grant in self.grants
        )

    @classmethod
    def system(cls) -> Actor:
        """The software itself: schedules, repairs."""
        everything = (Grant(frozenset(Right), None),)
        return cls("system", "system", frozenset(), None, "system", "system", everything)

    @classmethod
    def local(cls, name: str, unit: str | None = None) -> Actor:
        """Whoever sits at the PC of an office that keeps no users."""
        everything = (Grant(frozenset(Right), None),)
        return cls("local", name, frozenset(Role), unit, "", "cli", everything)

    def at(self, via: str, address: str = "") -> Actor:
        return replace(self, via=via, address=address)


@dataclass(frozen=True)
class Scope:
    """What a list or a search may show: things of these units; or only what this person took in."""

    units: frozenset[str] | None
    """None: all; `WITHOUT_UNIT` in it: also things without a unit."""
    made_by: str | None
    """Id of the user whose batches alone may be shown; None: whoever's."""


_acting: ContextVar[Actor | None] = ContextVar("acting", default=None)


def current_actor() -> Actor | None:
    """For whom this thread or task works; None: nobody has said."""
    return _acting.get()


@contextmanager
def working_as(actor: Actor) -> Iterator[Actor]:
    """What happens inside is written down with unit, way and address of this actor."""
    before = _acting.set(actor)
    try:
        yield actor
    finally:
        _acting.reset(before)


def work_as(actor: Actor) -> Actor:
    """As `working_as`, for the rest of the process: a command has one actor."""
    _acting.set(actor)
    return actor


MaskedClass = Literal["identity", "birth", "name", "address", "contact", "sensitive"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class PeopleSettings(_Section):
    """Passwords, sessions, lock-out, what is masked; section `[people]` of the settings."""

    password_min: int = Field(12, ge=8, le=64)
    """Fewest characters of a password. No rules of composition and no expiry, as NIST SP 800-63B advises; not a Vietnamese rule."""
    hash_time: int = Field(3, ge=1, le=20)
    """Argon2id passes. RFC 9106 §4, second recommended option; a password is hashed anew at the next login after a change."""
    hash_kib: int = Field(65_536, ge=1_024, le=4_194_304)
    """Argon2id memory, KiB (RFC 9106 §4: 64 MiB)."""
    hash_lanes: int = Field(4, ge=1, le=64)
    """Argon2id lanes (RFC 9106 §4)."""
    failures_free: int = Field(5, ge=1, le=100)
    """So many wrong passwords for one name from one address before it has to wait."""
    first_wait_seconds: float = Field(30.0, gt=0)
    """First wait; doubled with each further failure."""
    longest_wait_seconds: float = Field(900.0, gt=0)
    """Never longer: nobody can lock somebody else out for ever."""
    idle_minutes: int = Field(30, ge=1)
    """A session ends when nothing was done for so long."""
    session_hours: int = Field(12, ge=1)
    """A session ends after so long whatever is done."""
    first_code_hours: int = Field(72, ge=1)
    """The one-time code for the first administrator holds for so long."""
    token_days: int = Field(365, ge=1, le=3650)
    """An API token without a date ends after so long."""
    masked: list[MaskedClass] = ["identity", "birth", "contact", "sensitive"]
    """Hidden from roles that need not see it: identity (numbers of identity papers), birth (dates of birth), contact
    (telephones), sensitive (health, ethnicity, cause of death), name (names of persons), address. Personal data is protected
    by Luật 91/2025/QH15 and NĐ 356/2025; which field is hidden from whom was not found there and is the office's own choice."""


class AuditSettings(_Section):
    """The audit chain; section `[audit]` of the settings."""

    seal_years: int = Field(20, ge=1, le=1000)
    """Seals are kept under retention for so long. Luật Lưu trữ 33/2024/QH15 Đ15: permanent or 2-70 years; the class of audit
    records was not found in the law."""
    heads_kept_days: int = Field(31, ge=2)
    """Lines of the head record outside the database stay for so long after the day was sealed."""
