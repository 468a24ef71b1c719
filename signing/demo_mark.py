"""How test keys are told from real ones, and what is written on whatever they sign."""

from __future__ import annotations

import unicodedata

from asn1crypto import x509

MARK = "CHỮ KÝ THỬ NGHIỆM"
"""Stands in every name of the demo PKI."""
PAGE_MARK = f"{MARK} – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ"
"""Stands on every page that a test key signs."""


def is_demo(certificate: x509.Certificate) -> bool:
    """True for a certificate of a demo PKI: its own name or its issuer's carries the mark."""
    names = (certificate.subject.native, certificate.issuer.native)
    return any(MARK in unicodedata.normalize("NFC", str(value)) for name in names for value in name.values())


def without_mark(name: str) -> str:
    """The name of the person or agency alone."""
    return unicodedata.normalize("NFC", name).replace(f" – {MARK}", "").strip()
