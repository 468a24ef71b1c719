"""Who signs in this office: which key for which role, who holds it, under which decision; `<home>/keys.toml`.

No secret stands in it: PINs and passwords are asked for.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import BadSettings
from schemas.register import Line
from schemas.signing import DelegationRecord, KeyKind, Role

KEYS_FILE = "keys.toml"


class Seat(BaseModel):
    """A role and the key that signs in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: KeyKind
    file: Path | None = None
    """Of a PKCS#12 key; beside the settings when not absolute."""
    library: Path | None = None
    """Driver of a PKCS#11 token."""
    token: str = ""
    """Label of the token."""
    key: str = ""
    """Label of the key on the token."""
    url: str = ""
    """Base address of a CSC service."""
    credential: str = ""
    person: Line = ""
    """Who signs; for the agency's key: who operates it (NĐ 30/2020 Đ32)."""
    title: Line = ""
    own_right: bool = False
    """The competent person themselves (NĐ 280/2025): needs no delegation."""

    @model_validator(mode="after")
    def _whole(self) -> Seat:
        wanted = {
            KeyKind.PKCS12: ("file",),
            KeyKind.PKCS11: ("library", "token"),
            KeyKind.REMOTE: ("url", "credential"),
        }
        missing = [name for name in wanted.get(self.kind, ()) if not getattr(self, name)]
        if missing or self.kind not in wanted:
            raise ValueError(f"a {self.kind} key needs: {', '.join(missing) or 'another kind'}")
        return self


class Roster(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    scanner: Seat | None = None
    certifier: Seat | None = None
    agency: Seat | None = None
    delegation: tuple[DelegationRecord, ...] = Field(default=())

    def seat(self, role: Role) -> Seat | None:
        return getattr(self, role)


def load_roster(home: Path) -> Roster:
    """Empty when there is no file: then the demo keys sign. Raises BadSettings."""
    path = home / KEYS_FILE
    try:
        return Roster(**tomllib.loads(path.read_text("utf-8"))) if path.exists() else Roster()
    except (ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: {error}") from error
