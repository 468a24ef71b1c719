"""A right that was refused is written down: who, from where, what they wanted, of which unit or record.

Written at the doors (command, API), when the refusal has ended whatever was begun: the transactions of the caller are over. The
same refused again within a minute is one row, and one person makes at most sixty a minute, so that nobody fills the chain by
asking. What cannot be written down never turns a refusal into something else.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from flows.people import open_people, os_login
from schemas.errors import SohoaError
from schemas.people import Actor, Right
from schemas.people_errors import NotAllowed
from schemas.settings import load_settings
from storage.audit import Audit
from storage.catalogue import Catalogue

REFUSED, TOKEN_REFUSED = "refused", "token_refused"
WITHIN = timedelta(minutes=1)
MOST = 60


def refused(catalogue: Catalogue, actor: Actor, error: NotAllowed, asked: str) -> bool:
    """`asked`: the command or the address of the request, without what was typed or sent. Whether a row was written; False
    also when that failed."""
    # Of the words of the error only names of rights: the others may have been typed by somebody.
    rights = [str(right) for right in Right if right in re.findall(r"[a-z_]+", error.detail)]
    detail = {"asked": asked, "right": ", ".join(rights)}
    if error.unit is not None:
        detail["unit"] = error.unit
    return _written(catalogue, actor, REFUSED, error.object, detail)


def refused_here(home: Path, actor: Actor | None, error: NotAllowed, asked: str) -> bool:
    """As `refused`, at the command. `actor` None: the login of this computer belongs to nobody."""
    try:
        with open_people(load_settings(home)) as people:
            return refused(people.catalogue, actor or _nobody(os_login(), "cli"), error, asked)
    except (SohoaError, OSError):
        return False


def token_refused(catalogue: Catalogue, address: str, asked: str) -> bool:
    """A token that does not hold: nobody knows whose it is. What was shown is not written down."""
    return _written(catalogue, _nobody("", "api", address), TOKEN_REFUSED, "", {"asked": asked})


def _nobody(login: str, via: str, address: str = "") -> Actor:
    return Actor("", "", frozenset(), None, login, via, (), address)


def _written(catalogue: Catalogue, actor: Actor, action: str, object: str, detail: dict) -> bool:
    try:
        return Audit(catalogue).add_unless(actor, action, object, detail, within=WITHIN, most=MOST)
    except (SohoaError, OSError):
        return False
