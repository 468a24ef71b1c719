"""Stored bytes: one small protocol, adapters behind it."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import url2pathname

from schemas.errors import SetupError
from storage.objects.local import LocalStore
from storage.objects.protocol import ObjectStore, archive_key, original_key

__all__ = ["LocalStore", "ObjectStore", "archive_key", "open_store", "original_key"]


def open_store(url: str) -> ObjectStore:
    """Store at `url`: `file:///folder`, made on first use.

    Raises SetupError for an address that no adapter serves, StoreUnavailable when the folder cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return LocalStore(url2pathname(parts.path))
    if parts.scheme in ("s3", "s3+http", "s3+https"):
        raise SetupError("no adapter for S3 stores is installed; use a file:/// address")
    raise SetupError(f"object store address must start with file:///, got {parts.scheme or 'no scheme'!r}")
