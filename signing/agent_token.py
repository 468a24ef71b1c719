"""The tokens of one PC: what is plugged in, who is logged in, one signature at a time.

A login is held, never a PIN: the PIN goes from the terminal into the driver and is dropped. Drivers are not trusted to be
thread-safe and a token answers one request at a time, so every call goes through one lock.
"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pkcs11
from asn1crypto import x509
from pkcs11 import Attribute, ObjectClass, TokenFlag, exceptions

from schemas.agent import AgentCertificate, PinState
from schemas.errors import SohoaError
from schemas.signing import Role
from schemas.signing_errors import TokenUnavailable
from signing.identities import identity_of
from signing.pkcs11 import Pkcs11Signer


@dataclass(frozen=True)
class TokenKey:
    """One token, wherever it is plugged in."""

    library: str
    serial: bytes
    label: str


@dataclass
class _Login:
    signer: Pkcs11Signer
    certificate: bytes
    used: float


class Tokens:
    """`clock` gives seconds that only grow; a login unused for `idle_seconds` is closed."""

    def __init__(
        self, libraries: Sequence[str], idle_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._libraries = [str(Path(library)) for library in libraries]
        self._idle = idle_seconds
        self._clock = clock
        self._lock = threading.RLock()
        self._logins: dict[TokenKey, _Login] = {}

    def certificates(self) -> list[tuple[TokenKey, AgentCertificate]]:
        """Certificates of all tokens that are plugged in. A driver or token that fails is left out."""
        found = []
        with self._lock:
            for library in self._libraries:
                for token in self._plugged_in(library):
                    with suppress(exceptions.PKCS11Error):
                        found += self._on_token(library, token)
        return found

    def token_of(self, certificate: str) -> TokenKey:
        """The token that holds a certificate (SHA-256, hexadecimal). Raises TokenUnavailable."""
        for key, known in self.certificates():
            if known.sha256 == certificate:
                return key
        raise TokenUnavailable("no token with this certificate is plugged in")

    def present(self, key: TokenKey) -> bool:
        with self._lock:
            return any(bytes(token.serial) == key.serial for token in self._plugged_in(key.library))

    def pin_state(self, key: TokenKey) -> PinState:
        with self._lock:
            for token in self._plugged_in(key.library):
                if bytes(token.serial) == key.serial:
                    flags = token.flags
                    return PinState(
                        once_wrong=bool(flags & TokenFlag.USER_PIN_COUNT_LOW),
                        last_try=bool(flags & TokenFlag.USER_PIN_FINAL_TRY),
                        locked=bool(flags & TokenFlag.USER_PIN_LOCKED),
                    )
        return PinState()

    def logged_in(self, key: TokenKey, certificate: str) -> bool:
        """Whether this key can sign without a PIN now."""
        with self._lock:
            self.close_idle()
            login = self._logins.get(key)
            return login is not None and login.certificate.hex() == certificate

    def log_in(self, key: TokenKey, certificate: str, pin: str) -> None:
        """Raises WrongPin, PinLocked, TokenUnavailable, WeakKey. Tries the PIN once."""
        with self._lock:
            self.close(key)  # a token is logged in for one key at a time
            wanted = bytes.fromhex(certificate)
            signer = Pkcs11Signer(Path(key.library), key.label, pin, serial=key.serial, certificate=wanted)
            self._logins[key] = _Login(signer, wanted, self._clock())

    def sign(self, key: TokenKey, certificate: str, digest: bytes) -> bytes:
        """One raw signature. Raises TokenUnavailable: pulled, or not logged in; the login is over then."""
        with self._lock:
            login = self._logins.get(key)
            if login is None or login.certificate.hex() != certificate:
                raise TokenUnavailable("not logged in")
            try:
                (signature,) = login.signer.sign_digests([digest])
            except SohoaError:
                self.close(key)
                raise
            login.used = self._clock()
            return signature

    def close_idle(self) -> list[TokenKey]:
        """Logs out what was not used for long; tells which."""
        with self._lock:
            over = [k for k, login in self._logins.items() if self._clock() - login.used > self._idle]
            for key in over:
                self.close(key)
            return over

    def close(self, key: TokenKey) -> None:
        with self._lock:
            login = self._logins.pop(key, None)
            if login is not None:
                login.signer.close()

    def close_all(self) -> None:
        with self._lock:
            for key in list(self._logins):
                self.close(key)

    def _plugged_in(self, library: str) -> Iterator[pkcs11.Token]:
        try:
            driver = pkcs11.lib(library)
            if not any(key.library == library for key in self._logins):
                # Many drivers see what was plugged in later only after a fresh start, which ends every session.
                driver.reinitialize()
            slots = driver.get_slots(token_present=True)
        except (exceptions.PKCS11Error, RuntimeError):
            return
        for slot in slots:
            with suppress(exceptions.PKCS11Error):
                token = slot.get_token()
                if token.flags & TokenFlag.TOKEN_INITIALIZED:
                    yield token

    @staticmethod
    def _on_token(library: str, token: pkcs11.Token) -> list[tuple[TokenKey, AgentCertificate]]:
        key = TokenKey(library, bytes(token.serial), token.label)
        found = []
        with token.open() as session:
            for stored in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
                with suppress(ValueError, TypeError, exceptions.PKCS11Error):
                    found.append((key, _public(x509.Certificate.load(stored[Attribute.VALUE]), token.label)))
        return found


@dataclass(frozen=True)
class _Holder:
    """As much of a signer as `identity_of` needs."""

    certificate: x509.Certificate
    kind = Pkcs11Signer.kind


def _public(certificate: x509.Certificate, token: str) -> AgentCertificate:
    identity = identity_of(_Holder(certificate), Role.SCANNER)
    return AgentCertificate(
        sha256=identity.sha256,
        signer=identity.signer,
        issuer=identity.issuer,
        serial=identity.serial,
        not_before=identity.not_before.isoformat(),
        not_after=identity.not_after.isoformat(),
        key=identity.key,
        token=token,
        certificate=b64encode(certificate.dump()).decode("ascii"),
    )
