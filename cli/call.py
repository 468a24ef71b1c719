"""What a call of the command carries beside its own arguments: where, in which language, by whom."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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

    def actor(
        self, right: Right | tuple[Right, ...], named: str | None = None, *, settings: Settings | None = None
    ) -> Actor:
        """Who types this command, known by the login of the computer, with the right to it (of several, any); `named` as
        given with --user. What the command then does is written down as theirs. `settings`: where they are not those of the home.

        Raises NotAllowed."""
        from flows.people import actor_here
        from schemas.people import work_as
        from schemas.people_errors import NotAllowed

        unnamed = os.environ.get("SOHOA_USER", "").strip()
        # Set before the question: also what is refused is written down as theirs.
        actor = work_as(actor_here(settings or self.settings(), named.strip() if named else None, unnamed=unnamed))
        rights = right if isinstance(right, tuple) else (right,)
        if not any(actor.may(one) for one in rights):
            raise NotAllowed(", ".join(rights))
        return actor
