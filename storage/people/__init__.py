"""Units, users, their roles, and how they are recognised: passwords, sessions, tokens, identities elsewhere."""

from storage.people.first_code import FirstCode
from storage.people.identities import Identities
from storage.people.lockout import Lockout
from storage.people.sessions import NewSession, Sessions
from storage.people.tokens import IssuedToken, TokenRow, Tokens
from storage.people.units import Imported, UnitRow, Units
from storage.people.users import RoleRow, UserRow, Users, UserStatus

__all__ = [
    "FirstCode",
    "Identities",
    "Imported",
    "IssuedToken",
    "Lockout",
    "NewSession",
    "RoleRow",
    "Sessions",
    "TokenRow",
    "Tokens",
    "UnitRow",
    "Units",
    "UserRow",
    "UserStatus",
    "Users",
]
