"""Who signs: one small seam, `Signer`, with every kind of key behind it.

A key file, a token, a remote service and a key holder elsewhere differ in one thing only: how a digest becomes a raw
signature. Everything else (signed attributes, PDF, timestamps) is pyHanko's and is done once, in `signing.sign`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from asn1crypto import core, x509
from asn1crypto.algos import DigestInfo
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.sign.signers import Signer as PyHankoSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from schemas.signing import Identity, KeyKind, Role
from signing.demo_mark import is_demo, without_mark

DIGEST = "sha256"
"""What everything is signed with; SHA-1 is no longer accepted (TT 15/2025/TT-BKHCN [M-M])."""


@runtime_checkable
class Signer(Protocol):
    """A key with its certificate. Implementations: `pkcs12`, `pkcs11`, `remote`, `deferred`."""

    kind: KeyKind
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    """Issuers, nearest first; put into the signature so that others can build the path."""

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """Raw signatures of SHA-256 digests, in order: RSA PKCS#1 v1.5, or DER ECDSA-Sig-Value.

        Several at once, because a remote service asks its user once for a whole batch.
        Raises the errors of `schemas.signing_errors` that belong to the device.
        """
        ...


def key_facts(certificate: x509.Certificate) -> tuple[str, int]:
    """Algorithm (rsa, ec or what it is called) and size in bits of the public key."""
    key = certificate.public_key
    return key.algorithm, key.bit_size


def identity_of(signer: Signer, role: Role, id: str = "") -> Identity:
    """What may be shown and stored of a signer: no secret in it."""
    certificate = signer.certificate
    algorithm, bits = key_facts(certificate)
    validity = certificate["tbs_certificate"]["validity"]
    return Identity(
        id=id or certificate.sha256.hex()[:16],
        role=role,
        kind=signer.kind,
        signer=common_name(certificate),
        agency=agency_name(certificate, role),
        serial=f"{certificate.serial_number:x}",
        sha256=certificate.sha256.hex(),
        issuer=_text(certificate.issuer.native.get("common_name")),
        not_before=validity["not_before"].native,
        not_after=validity["not_after"].native,
        key=f"{'ECDSA' if algorithm == 'ec' else algorithm.upper()}-{bits}",
        demo=is_demo(certificate),
    )


def common_name(certificate: x509.Certificate) -> str:
    """Name of the person or agency, NFC, without the mark of test keys."""
    return without_mark(_text(certificate.subject.native.get("common_name")))


def agency_name(certificate: x509.Certificate, role: Role) -> str:
    """Organisation; an agency's certificate names itself in the common name."""
    if role is Role.AGENCY:
        return common_name(certificate)
    return _text(certificate.subject.native.get("organization_name"))


def _text(value) -> str:
    """A subject may carry an attribute several times: the last is the most particular one."""
    if isinstance(value, list):
        value = value[-1] if value else ""
    return unicodedata.normalize("NFC", str(value or "")).strip()


def digest_info(digest: bytes) -> bytes:
    """What a device that pads but does not hash is given for RSA PKCS#1 v1.5."""
    info = DigestInfo(
        {"digest_algorithm": {"algorithm": DIGEST, "parameters": core.Null()}, "digest": digest}
    )
    return info.dump()


class SeamSigner(PyHankoSigner):
    """Any `Signer` as pyHanko wants it."""

    def __init__(self, signer: Signer) -> None:
        store = SimpleCertificateStore()
        store.register_multiple(signer.chain)
        super().__init__(signing_cert=signer.certificate, cert_registry=store)
        self.signer = signer

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if dry_run:
            return bytes(signature_size(self.signer.certificate))
        hasher = hashes.Hash(hashes.SHA256())
        hasher.update(data)
        (signature,) = self.signer.sign_digests([hasher.finalize()])
        return signature


def signature_size(certificate: x509.Certificate) -> int:
    """Most bytes a raw signature of this key takes."""
    algorithm, bits = key_facts(certificate)
    whole = (bits + 7) // 8
    return whole if algorithm == "rsa" else 2 * whole + 16


def is_signature(certificate: x509.Certificate, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is this certificate's key's over `data`, with SHA-256, as `Signer` makes them."""
    key = serialization.load_der_public_key(certificate.public_key.dump())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True
