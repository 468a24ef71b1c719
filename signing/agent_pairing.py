"""Pairing of the agent with a portal: a short code once, a secret from then on.

The code is shown in the agent's terminal only, so whoever types it into the portal sits at this PC. The secret is bound to
the origin it was made for and kept as an scrypt hash.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.errors import BadSettings, SystemFault

TRIES = 3
"""A code is spent after so many wrong answers."""
CODES = 5
"""Spent codes in a row after which nobody pairs until the agent is started again: 15 guesses at 900,000 codes."""
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


def agent_folder() -> Path:
    """The user's own folder for the agent: pairings and log."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home())
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "sohoa-agent"


def own_folder(folder: Path) -> Path:
    """Makes the folder, for its owner alone. Raises SystemFault."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise SystemFault(f"{folder.name}: {error.strerror}") from error
    return folder


@dataclass(frozen=True)
class Pairing:
    id: str
    origin: str
    made: str
    """ISO 8601."""
    salt: str
    hash: str
    """scrypt of the secret, hexadecimal."""


class Pairings:
    """The pairings on disk. Another process (`sohoa agent revoke`) may change them at any time."""

    def __init__(self, folder: Path) -> None:
        self._path = own_folder(folder) / "pairings.json"
        self._lock = threading.Lock()
        self._proven: dict[str, tuple[str, bytes]] = {}
        """Secrets that passed scrypt in this process, as SHA-256, so that asking for progress costs nothing."""

    def all(self) -> list[Pairing]:
        """Raises BadSettings when the file is damaged."""
        try:
            return [Pairing(**entry) for entry in json.loads(self._path.read_text("utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError) as error:
            raise BadSettings(f"{self._path.name}: {type(error).__name__}") from error

    def add(self, origin: str) -> str:
        """A new secret for this origin; an older one no longer holds."""
        id, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_bytes(16)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            kept = [pairing for pairing in self.all() if pairing.origin != origin]
            self._write([*kept, Pairing(id, origin, made, salt.hex(), _hashed(secret, salt).hex())])
        return f"{id}.{secret}"

    def revoke(self, origin: str | None = None) -> int:
        """Forgets one origin or all; how many there were."""
        with self._lock:
            known = self.all()
            kept = [pairing for pairing in known if origin is not None and pairing.origin != origin]
            if len(kept) != len(known):
                self._write(kept)
            return len(known) - len(kept)

    def check(self, origin: str, bearer: str) -> bool:
        """Whether this secret was made for this origin and not revoked."""
        id, _, secret = bearer.partition(".")
        with self._lock:
            pairing = next((known for known in self.all() if hmac.compare_digest(known.id, id)), None)
            if pairing is None or not secret or pairing.origin != origin:
                return False
            quick = hashlib.sha256(secret.encode()).digest()
            proven = self._proven.get(id)
            if proven is not None and proven[0] == pairing.hash:
                return hmac.compare_digest(proven[1], quick)
            good = hmac.compare_digest(_hashed(secret, bytes.fromhex(pairing.salt)).hex(), pairing.hash)
            if good:
                self._proven[id] = (pairing.hash, quick)
            return good

    def _write(self, pairings: list[Pairing]) -> None:
        # mkstemp makes the file 0600; it appears whole or not at all.
        handle, name = tempfile.mkstemp(prefix=".pairings-", dir=self._path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump([vars(pairing) for pairing in pairings], file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, self._path)


def _hashed(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, **_SCRYPT)


class PairingRefused(Exception):
    """`code` is what the portal is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class PairingDesk:
    """One code at a time, for one origin."""

    def __init__(
        self,
        pairings: Pairings,
        show: Callable[[str, str, float], None],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pairings = pairings
        self._show = show
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._origin = ""
        self._code = ""
        self._until = 0.0
        self._tries = 0
        self._spent = 0

    def begin(self, origin: str) -> float:
        """Shows a code in the terminal; seconds it still holds. Asked again, it stays the same one.

        Raises PairingRefused: `pairing_locked`, or `pairing_busy` while another origin is being paired.
        """
        with self._lock:
            self._drop_old()
            if self._code:
                if self._origin != origin:
                    raise PairingRefused("pairing_busy")
                return self._until - self._clock()
            if self._spent >= CODES:
                raise PairingRefused("pairing_locked")
            self._origin, self._tries = origin, 0
            self._code = str(100_000 + secrets.randbelow(900_000))
            self._until = self._clock() + self._seconds
            self._show(origin, self._code, self._seconds)
            return self._seconds

    def finish(self, origin: str, code: str) -> str:
        """The secret for this origin. Raises PairingRefused: `pairing_wrong_code`, `pairing_no_code`, `pairing_locked`."""
        with self._lock:
            self._drop_old()
            if self._spent >= CODES:
                raise PairingRefused("pairing_locked")
            if not self._code or self._origin != origin:
                raise PairingRefused("pairing_no_code")
            if not hmac.compare_digest(self._code.encode(), code.encode()):
                self._tries += 1
                if self._tries >= TRIES:
                    self._code = ""
                    self._spent += 1
                raise PairingRefused("pairing_wrong_code")
            self._code, self._spent = "", 0
            return self._pairings.add(origin)

    def _drop_old(self) -> None:
        """A code that ran out after wrong answers counts as spent: waiting must not give guesses for nothing."""
        if self._code and self._clock() >= self._until:
            self._code = ""
            self._spent += self._tries > 0
