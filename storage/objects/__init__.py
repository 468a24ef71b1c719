"""Stored bytes: one small protocol, adapters behind it."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import url2pathname

from schemas.errors import SetupError
from schemas.objects import S3Settings
from storage.objects.archive import ArchiveStore, open_archive
from storage.objects.local import LocalStore
from storage.objects.protocol import ObjectStore, archive_key, original_key

__all__ = [
    "ArchiveStore",
    "LocalStore",
    "ObjectStore",
    "archive_key",
    "open_archive",
    "open_store",
    "original_key",
]


def open_store(url: str, s3: S3Settings | None = None) -> ObjectStore:
    """Store at `url`: `file:///folder`, made on first use, or `s3://bucket/prefix?endpoint=https://host&region=…`.

    `s3`: keys and time limits for the latter; from the environment (SOHOA_S3__…) when None. No request is made yet.
    Raises SetupError for an address that no adapter serves or without keys, BadSettings for one that is not allowed,
    StoreUnavailable when the folder cannot be used.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return LocalStore(url2pathname(parts.path))
    if parts.scheme == "s3":
        from storage.objects.s3 import S3Store  # the SDK takes time to load, and a folder needs none

        return S3Store(url, s3)
    raise SetupError(
        f"object store address must start with file:/// or s3://, got {parts.scheme or 'no scheme'!r}"
    )
