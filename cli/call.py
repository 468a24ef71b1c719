"""What a call of the command carries beside its own arguments: where, in which language, by whom."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import WrongUse

if TYPE_CHECKING:
    from schemas.people import Actor, Right
    from schemas.settings import Settings

NEEDS_PERSON = 1
"""Exit code: done, but something needs a person."""


@dataclass(frozen=True)
class Call:
    home: Path
    language: str = "vi"
    debug: bool = False

    def settings(self) -> Settings:
        """Settings of the home folder. Raises BadSettings."""
        from schemas.settings import load_settings

        return load_settings(self.home)

    def actor(self, right: Right | tuple[Right, ...], named: str | None = None) -> Actor:
        """Who types this command, known by the login of the computer, with the right to it (of several, any); `named` as
        given with --user. What the command then does is written down as theirs.

        Raises NotAllowed."""
        from flows.people import actor_here
        from schemas.people import work_as
        from schemas.people_errors import NotAllowed

        unnamed = os.environ.get("SOHOA_USER", "").strip()
        actor = actor_here(self.settings(), named.strip() if named else None, unnamed=unnamed)
        rights = right if isinstance(right, tuple) else (right,)
        if not any(actor.may(one) for one in rights):
            raise NotAllowed(", ".join(rights))
        return work_as(actor)


def user(named: str | None) -> str:
    """Who makes a change: as named, else the user of the operating system. Raises WrongUse when nobody can be named."""
    who = (named if named is not None else os.environ.get("SOHOA_USER") or "").strip()
    if who:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise WrongUse("không biết ai đang làm; hãy thêm --user TÊN") from None
