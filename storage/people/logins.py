"""Names to log in with: one spelling each, and none that a person would take for another."""

from __future__ import annotations

import re
import unicodedata

from schemas.people_errors import LoginTaken

MAX_LENGTH = 64
_ALLOWED = re.compile(r"[0-9a-z._@\\\-àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ ]+")
"""Latin letters as Vietnamese uses them, digits, and what logins of operating systems have. Letters of other scripts that
look the same (Cyrillic а, Greek ο) are not among them."""
_LOOKS_LIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "j": "l", "5": "s", "đ": "d"})


def login_of(text: str) -> str:
    """The one spelling of a login: NFKC, lower case. Raises LoginTaken for one that may not be used."""
    login = folded(text)
    if not login or len(login) > MAX_LENGTH or not _ALLOWED.fullmatch(login):
        raise LoginTaken("letters")
    return login


def folded(text: str) -> str:
    """How a login is looked up, whatever was typed."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).strip()


def skeleton(login: str) -> str:
    """What a login looks like at a glance; two users never share one. In the manner of Unicode TS 39 §4, for Latin letters."""
    plain = "".join(c for c in unicodedata.normalize("NFD", login) if not unicodedata.combining(c))
    plain = plain.translate(_LOOKS_LIKE).replace("rn", "m").replace("vv", "w")
    return re.sub(r"[ ._\-]+", "", plain)
