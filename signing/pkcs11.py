"""Keys on a PKCS#11 token or HSM.

One queue a token: a token has one session state, and most USB tokens answer one request at a time. The PIN is used to open
the session and is not kept.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pkcs11
from asn1crypto import x509
from pkcs11 import Attribute, Mechanism, ObjectClass, exceptions
from pkcs11.util.ec import encode_ecdsa_signature

from schemas.signing import KeyKind
from schemas.signing_errors import PinLocked, TokenUnavailable, WeakKey, WrongPin
from signing.identities import digest_info, key_facts

_QUEUES: dict[tuple[str, str], threading.Lock] = {}
_QUEUES_LOCK = threading.Lock()


def _queue(library: str, serial: str) -> threading.Lock:
    with _QUEUES_LOCK:
        return _QUEUES.setdefault((library, serial), threading.Lock())


@contextmanager
def _foreign_errors(what: str):
    try:
        yield
    except exceptions.PinLocked as error:
        raise PinLocked(what) from error
    except (exceptions.PinIncorrect, exceptions.PinInvalid, exceptions.PinLenRange) as error:
        raise WrongPin(what) from error
    except (exceptions.PKCS11Error, RuntimeError) as error:  # a library that is not there is a RuntimeError
        raise TokenUnavailable(f"{what}: {type(error).__name__} {error}".strip()) from error


def look_again(library: Path) -> None:
    """Starts a driver anew, which ends all its sessions: many see only so what was plugged in meanwhile."""
    with suppress(exceptions.PKCS11Error, RuntimeError):
        pkcs11.lib(str(library)).reinitialize()


class Pkcs11Signer:
    """A key on a token. A context manager: the session is closed at the end.

    `library`: the driver's shared object; `token`: its label; `key`: label of key and certificate, needed where the token
    holds several; `serial` (of the token) and `certificate` (SHA-256) pick exactly one. Raises WrongPin, PinLocked,
    TokenUnavailable, WeakKey.
    """

    kind = KeyKind.PKCS11

    def __init__(
        self,
        library: Path,
        token: str,
        pin: str,
        key: str | None = None,
        chain: Sequence[x509.Certificate] = (),
        *,
        serial: bytes | None = None,
        certificate: bytes | None = None,
    ) -> None:
        with _foreign_errors(f"token {token}"):
            # Labels are set by the maker and often the same on all its tokens; serial numbers are not.
            known = {"token_serial": serial} if serial is not None else {}
            found = pkcs11.lib(str(library)).get_token(token_label=token, **known)
            self._queue = _queue(str(library), bytes(found.serial).hex())
            with self._queue:
                self._session = found.open(user_pin=pin)
        try:
            with self._queue, _foreign_errors(f"token {token}"):
                self._load(key, chain, certificate)
        except BaseException:
            self.close()
            raise

    def _load(
        self, label: str | None, chain: Sequence[x509.Certificate], wanted_sha256: bytes | None
    ) -> None:
        wanted = {Attribute.LABEL: label} if label else {}
        certificates = {}
        for stored in self._session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
            certificates[bytes(stored[Attribute.ID])] = x509.Certificate.load(stored[Attribute.VALUE])
        keys = list(self._session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, **wanted}))
        pairs = [(key, certificates[bytes(key.id)]) for key in keys if bytes(key.id) in certificates]
        if wanted_sha256 is not None:
            pairs = [pair for pair in pairs if pair[1].sha256 == wanted_sha256]
        if not pairs:
            raise TokenUnavailable(
                "no key with its certificate on the token" + (f": {label}" if label else "")
            )
        if len(pairs) > 1:
            raise TokenUnavailable("several keys on the token; name one")
        self._key, self.certificate = pairs[0]
        algorithm, _ = key_facts(self.certificate)
        if algorithm not in ("rsa", "ec"):
            raise WeakKey(f"{algorithm}: only RSA and ECDSA keys sign here")
        self.chain = tuple(chain)

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        algorithm, _ = key_facts(self.certificate)
        with self._queue, _foreign_errors("signing on the token"):
            if algorithm == "rsa":
                return [
                    self._key.sign(digest_info(digest), mechanism=Mechanism.RSA_PKCS) for digest in digests
                ]
            return [
                encode_ecdsa_signature(self._key.sign(digest, mechanism=Mechanism.ECDSA))
                for digest in digests
            ]

    def close(self) -> None:
        """Ends the session; the PIN has to be given again. A token that was pulled took its session along."""
        with self._queue, suppress(exceptions.PKCS11Error):
            self._session.close()

    def __enter__(self) -> Pkcs11Signer:
        return self

    def __exit__(self, *_) -> None:
        self.close()
