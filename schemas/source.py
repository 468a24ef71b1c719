"""What is known of a file that came in before a page of it is read."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SignatureNote(BaseModel):
    """A signature found in a PDF. It is only noted here: whether it holds is said by `signing.verify`."""

    model_config = ConfigDict(frozen=True)

    field: str
    """Full name of the signature field."""
    subfilter: str = ""
    """Format as the file names it, without the slash: ETSI.CAdES.detached, adbe.pkcs7.detached, ETSI.RFC3161 …"""
    digest: str = ""
    """Digest of the signer's data: sha1, sha256 …; the bare OID when unknown; empty when it cannot be parsed."""
    signer: str = ""
    """Common name of the signer's certificate, NFC; /Name when the signature carries no certificate."""
    claimed_time: str | None = None
    """ISO 8601 of /M, with zone when the file gives one. The signer's own claim, not a timestamp."""


class SourceInfo(BaseModel):
    """A file that passed the bounds of `schemas.settings.Limits` and can be opened page by page."""

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    size: int
    """Bytes."""
    media_type: str
    """application/pdf, image/tiff, image/jpeg or image/png, told from the content and not from the name."""
    pages: int
    signed: list[SignatureNote] = Field(default_factory=list)
    encrypted_empty_password: bool = False
    """Encrypted, but opens without a password: readable, yet it cannot be PDF/A as it is."""
    page_sizes_pt: list[tuple[float, float]]
    """Width and height of each page as shown (after /CropBox, /Rotate, /UserUnit, EXIF), 1/72 inch."""
