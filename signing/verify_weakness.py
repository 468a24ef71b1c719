"""Strength of algorithms and keys (TT 15/2025/TT-BKHCN Phụ lục I not seen: RSA ≥ 2048, ECDSA ≥ 256, SHA-256 or better)."""

from __future__ import annotations

from asn1crypto import cms, x509

WEAK_HASHES = {"md2", "md5", "sha1"}
_LEAST_BITS = {"rsa": 2048, "rsassa_pss": 2048, "dsa": 3072, "ec": 256}


def weak_signature(signer_info: cms.SignerInfo, certificate: x509.Certificate) -> bool:
    """Is a digest, a signature algorithm or the key of a signature too weak to rule out a forgery?"""
    hashes = {signer_info["digest_algorithm"]["algorithm"].native.lower()}
    try:
        hashes.add(signer_info["signature_algorithm"].hash_algo)
    except ValueError:
        pass  # names no hash of its own (rsassa_pkcs1v15 with the hash beside it, Ed25519)
    return bool(hashes & WEAK_HASHES) or weak_key(certificate)


def weak_key(certificate: x509.Certificate) -> bool:
    key = certificate.public_key
    return key.algorithm in _LEAST_BITS and key.bit_size < _LEAST_BITS[key.algorithm]


def described(signer_info: cms.SignerInfo, certificate: x509.Certificate) -> str:
    """For example `RSA-2048 / SHA-256`."""
    key = certificate.public_key
    names = {"rsa": "RSA", "rsassa_pss": "RSA-PSS", "dsa": "DSA", "ec": "ECDSA"}
    kind = names.get(key.algorithm, key.algorithm)
    bits = f"-{key.bit_size}" if key.algorithm in _LEAST_BITS else ""
    digest = signer_info["digest_algorithm"]["algorithm"].native.upper()
    return f"{kind}{bits} / {digest.replace('SHA', 'SHA-', 1) if digest.startswith('SHA') else digest}"
