"""What a call of the command carries beside its own arguments: where, in which language, by whom."""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import WrongUse

if TYPE_CHECKING:
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


def user(named: str | None) -> str:
    """Who makes a change: as named, else the user of the operating system. Raises WrongUse when nobody can be named."""
    who = (named if named is not None else os.environ.get("SOHOA_USER") or "").strip()
    if who:
        return who
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise WrongUse("không biết ai đang làm; hãy thêm --user TÊN") from None
