"""Keys in a PKCS#12 file (.p12, .pfx)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asn1crypto import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from schemas.errors import UnreadableFile
from schemas.signing import KeyKind
from schemas.signing_errors import KeyFileRejected, WeakKey


class Pkcs12Signer:
    """A software key, held in memory as long as this object lives."""

    kind = KeyKind.PKCS12

    def __init__(self, key, certificate: x509.Certificate, chain: Sequence[x509.Certificate]) -> None:
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise WeakKey(f"{type(key).__name__}: only RSA and ECDSA keys sign here")
        self._key = key
        self.certificate = certificate
        self.chain = tuple(chain)

    @classmethod
    def open(cls, path: Path, password: str) -> Pkcs12Signer:
        """Raises KeyFileRejected (wrong password, damaged, no key in it), UnreadableFile, WeakKey."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UnreadableFile(f"{path.name}: {error.strerror}") from error
        try:
            key, certificate, others = pkcs12.load_key_and_certificates(data, password.encode())
        except ValueError as error:
            raise KeyFileRejected(path.name) from error
        if key is None or certificate is None:
            raise KeyFileRejected(f"{path.name}: no key with its certificate in it")
        return cls(key, _asn1(certificate), _ordered(_asn1(certificate), [_asn1(other) for other in others]))

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        ready = utils.Prehashed(hashes.SHA256())
        if isinstance(self._key, rsa.RSAPrivateKey):
            return [self._key.sign(digest, padding.PKCS1v15(), ready) for digest in digests]
        return [self._key.sign(digest, ec.ECDSA(ready)) for digest in digests]


def _asn1(certificate) -> x509.Certificate:
    return x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _ordered(certificate: x509.Certificate, others: list[x509.Certificate]) -> list[x509.Certificate]:
    """Issuers, nearest first; what does not belong to the chain is left out."""
    chain, at = [], certificate
    while at.issuer != at.subject:
        found = next((other for other in others if other.subject == at.issuer and other not in chain), None)
        if found is None:
            break
        chain.append(found)
        at = found
    return chain
