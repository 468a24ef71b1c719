"""Passwords: Argon2id, and a policy of length and guessability instead of rules of composition (NIST SP 800-63B §5.1.1)."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Sequence
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from schemas.people import PeopleSettings
from schemas.people_errors import WeakPassword
from storage.fold import fold

MAX_BYTES = 512
"""Longer ones are refused unhashed: the hash must not be a way to keep the machine busy."""
MIN_DIFFERENT = 5
COMMON = frozenset(
    "password passw0rd p@ssw0rd matkhau matkhaucuatoi admin administrator quantri quantrivien root user nguoidung "
    "sohoa ubnd uyban uybannhandan hanhchinh motcua vanthu congchuc vietnam chungnhan chungthuc qwerty qwertyuiop "
    "asdfghjkl zxcvbnm qwertyuiopasdfghjkl abc abcabc abcd abcdef abcdefgh letmein welcome iloveyou anhyeuem emyeuanh "
    "hanoi saigon tphcm danang changeme doimatkhau macdinh default test kiemtra demo thunghiem secret bimat login "
    "dangnhap iloveyouverymuch vietnamvodich motconvit hoilamgi khongbiet khongco xinchao passpass passwordpassword".split()
)
"""Words that stand at the top of published lists of leaked passwords, and of Vietnamese offices; folded."""
_RUNS = (
    "01234567890123456789",
    "98765432109876543210",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
)
_AT_ONCE = BoundedSemaphore(4)
"""Hashings at once in this process: each takes its 64 MiB."""


def check_strength(password: str, settings: PeopleSettings, known: Sequence[str] = ()) -> None:
    """`known`: what everybody knows of the person (name, login, office). Raises WeakPassword with the reason in Vietnamese."""
    password = _normal(password)
    if len(password) < settings.password_min:
        raise WeakPassword(f"ngắn hơn {settings.password_min} ký tự")
    if len(password.encode()) > MAX_BYTES:
        raise WeakPassword("quá dài")
    plain = fold(password)
    letters = "".join(c for c in plain if c.isalnum())
    if len(set(plain)) < MIN_DIFFERENT:
        raise WeakPassword("quá ít ký tự khác nhau")
    if _without_runs(letters) < settings.password_min // 2:
        raise WeakPassword("chỉ là dãy phím hoặc dãy số liền nhau")
    words = {letters, letters.strip("0123456789"), "".join(c for c in letters if not c.isdigit())}
    if words & COMMON:
        raise WeakPassword("mật khẩu ai cũng đoán được")
    half = letters[: len(letters) // 2]
    if half and half * 2 == letters and (half in COMMON or len(set(half)) < MIN_DIFFERENT):
        raise WeakPassword("lặp lại một từ")
    for one in known:
        part = "".join(c for c in fold(one) if c.isalnum())
        if len(part) >= 3 and len(letters.replace(part, "")) < settings.password_min // 2:
            raise WeakPassword("gần như chỉ gồm tên của bạn hoặc của cơ quan")


def _without_runs(letters: str) -> int:
    """How many characters remain when runs of the keyboard or of digits are taken out."""
    rest = letters
    for run in _RUNS:
        for length in range(len(run), 3, -1):
            for start in range(len(run) - length + 1):
                rest = rest.replace(run[start : start + length], "")
    return len(rest)


def _normal(password: str) -> str:
    """The same password on every keyboard: letters with tones come composed or not (NIST SP 800-63B asks for NFKC or NFKD)."""
    return unicodedata.normalize("NFKC", password)


class Passwords:
    def __init__(self, settings: PeopleSettings) -> None:
        self._hasher = PasswordHasher(
            time_cost=settings.hash_time, memory_cost=settings.hash_kib, parallelism=settings.hash_lanes
        )
        self._nobody: str | None = None

    def hash(self, password: str) -> str:
        with _AT_ONCE:
            return self._hasher.hash(_normal(password))

    def matches(self, stored: str | None, password: str) -> bool:
        """Takes as long when there is no such user or no password (`stored` None)."""
        known = stored is not None
        if not known:
            if self._nobody is None:
                self._nobody = self.hash(secrets.token_hex(16))
            stored = self._nobody
        if len(password.encode(errors="replace")) > MAX_BYTES:
            password = "x"
            known = False
        try:
            with _AT_ONCE:
                return self._hasher.verify(stored, _normal(password)) and known
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return False

    def outdated(self, stored: str) -> bool:
        """Made with other parameters than the settings have now."""
        return self._hasher.check_needs_rehash(stored)
