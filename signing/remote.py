"""Remote signing by the CSC API (Cloud Signature Consortium), versions 1 and 2.

What goes out: the credential's name, digests, and what authorises their use (PIN, one-time code). The document never does.
Source: CSC API specification v1.0.4.0 §11 and v2.0.0.2 §11; field names differ between the two.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
from asn1crypto import x509

from schemas.signing import KeyKind
from schemas.signing_errors import RemoteSigningRefused, RemoteSigningUnavailable, WeakKey
from signing.identities import key_facts

_SHA256 = "2.16.840.1.101.3.4.2.1"
_SIGN_ALGORITHM = {"rsa": "1.2.840.113549.1.1.11", "ec": "1.2.840.10045.4.3.2"}  # with SHA-256


@dataclass(frozen=True)
class CscService:
    """Where and as whom to ask. Secrets are not shown when it is printed."""

    url: str
    """Base address, up to and including `/csc/v1` or `/csc/v2`."""
    credential: str
    token: str = field(repr=False)
    """OAuth 2 bearer token."""
    version: int = 2
    pin: str = field(default="", repr=False)
    otp: str = field(default="", repr=False)
    timeout: float = 10.0
    """Seconds for one answer."""

    def __post_init__(self) -> None:
        if self.version not in (1, 2):
            raise ValueError("CSC API version 1 or 2")


class CscSigner:
    """A key in a remote signing service. Raises RemoteSigningUnavailable, RemoteSigningRefused, WeakKey."""

    kind = KeyKind.REMOTE

    def __init__(self, service: CscService, transport: httpx.BaseTransport | None = None) -> None:
        self.service = service
        self._client = httpx.Client(
            base_url=service.url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {service.token}"},
            timeout=service.timeout,
            transport=transport,
        )
        try:
            self._learn()
        except BaseException:
            self._client.close()
            raise

    def _learn(self) -> None:
        asked = {"credentialID": self.service.credential, "certificates": "chain", "certInfo": False}
        answer = self._post("credentials/info", asked)
        try:
            if answer["key"]["status"] != "enabled":
                raise RemoteSigningRefused("the credential is disabled")
            certificate = answer["cert"]
            if certificate.get("status", "valid") != "valid":
                raise RemoteSigningRefused(f"the certificate is {certificate['status']}")
            found = [x509.Certificate.load(_decoded(text)) for text in certificate["certificates"]]
            self.certificate, self.chain = found[0], tuple(found[1:])
            self._most = int(answer.get("multisign", 1))
            algorithm, _ = key_facts(self.certificate)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise RemoteSigningUnavailable(f"credentials/info: unusable answer ({error})") from error
        if algorithm not in _SIGN_ALGORITHM:
            raise WeakKey(f"{algorithm}: only RSA and ECDSA keys sign here")
        offered = answer["key"].get("algo", [])
        # Services name the key's algorithm alone or with its digest.
        if offered and not {_SIGN_ALGORITHM[algorithm], "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"} & {
            *offered
        }:
            raise WeakKey(f"the service does not sign with SHA-256: {offered}")
        self._algorithm = _SIGN_ALGORITHM[algorithm]

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One authorisation for as many digests as the service takes at once (`multisign`)."""
        signatures: list[bytes] = []
        for at in range(0, len(digests), max(1, self._most)):
            signatures += self._sign_some([*digests[at : at + max(1, self._most)]])
        return signatures

    def _sign_some(self, digests: list[bytes]) -> list[bytes]:
        hashes = [base64.b64encode(digest).decode("ascii") for digest in digests]
        allowed = self._post("credentials/authorize", self._authorisation(hashes))
        try:
            permission = allowed["SAD"]
        except (KeyError, TypeError) as error:
            raise RemoteSigningUnavailable("credentials/authorize: no SAD in the answer") from error
        wanted = {"credentialID": self.service.credential, "SAD": permission, "signAlgo": self._algorithm}
        if self.service.version == 1:
            wanted |= {"hash": hashes, "hashAlgo": _SHA256}
        else:
            wanted |= {"hashes": hashes, "hashAlgorithmOID": _SHA256, "operationMode": "S"}
        answer = self._post("signatures/signHash", wanted)
        try:
            signatures = [_decoded(text) for text in answer["signatures"]]
        except (KeyError, TypeError, ValueError) as error:
            raise RemoteSigningUnavailable("signatures/signHash: unusable answer") from error
        if len(signatures) != len(digests):
            raise RemoteSigningUnavailable(f"asked for {len(digests)} signatures, got {len(signatures)}")
        return signatures

    def _authorisation(self, hashes: list[str]) -> dict:
        service = self.service
        wanted: dict = {"credentialID": service.credential, "numSignatures": len(hashes)}
        if service.version == 1:
            wanted["hash"] = hashes
            wanted |= {name: value for name, value in (("PIN", service.pin), ("OTP", service.otp)) if value}
        else:
            wanted |= {"hashes": hashes, "hashAlgorithmOID": _SHA256}
            known = (("PIN", service.pin), ("OTP", service.otp))
            wanted["authData"] = [{"id": name, "value": value} for name, value in known if value]
        return wanted

    def _post(self, path: str, body: dict) -> dict:
        try:
            answer = self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise RemoteSigningUnavailable(f"{path}: {type(error).__name__}") from error
        if answer.status_code >= 500 or answer.status_code == 429:
            raise RemoteSigningUnavailable(f"{path}: HTTP {answer.status_code}")
        if answer.status_code != 200:
            raise RemoteSigningRefused(f"{path}: HTTP {answer.status_code} {_error_code(answer)}".strip())
        try:
            data = answer.json()
        except ValueError as error:
            raise RemoteSigningUnavailable(f"{path}: the answer is not JSON") from error
        if not isinstance(data, dict):
            raise RemoteSigningUnavailable(f"{path}: the answer is not an object")
        return data

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> CscSigner:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _error_code(answer: httpx.Response) -> str:
    """The service's own code; its free text may repeat what was sent, so it is left out of our log."""
    try:
        code = answer.json().get("error", "")
    except (ValueError, AttributeError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[\w.-]{1,60}", code) else ""
