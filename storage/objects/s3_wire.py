"""Requests to one S3 server through the `minio` SDK: signed, bounded in time, tried again a few times, errors translated.

The SDK's own call for putting knows no condition (If-None-Match) and no checksum, so requests go through its signing core
(`Minio._execute`; the version is pinned below 8). One client a process: the SDK's pool must not be shared after a fork.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from xml.etree import ElementTree

import certifi
import urllib3
from minio import Minio
from minio.datatypes import parse_list_objects

from schemas.errors import SetupError, StoreUnavailable
from schemas.objects import S3Settings
from schemas.objects_errors import StoreUnfit
from schemas.store import Retention, RetentionMode
from storage.objects.s3_address import S3Address
from storage.objects.s3_errors import translated

Answer = TypeVar("Answer")
FIRST_WAIT = 0.2
"""Seconds before the second attempt; then four times as long, with some chance in it."""
KEPT_OPEN = 32
PAGE = 1000
"""Rows of a listing; S3 gives no more."""
SLOWEST = 20_000
"""Bytes a second; a download that is slower over a minute counts as broken."""
_XML = "http://s3.amazonaws.com/doc/2006-03-01/"


class _Pool(urllib3.PoolManager):
    def urlopen(self, method: str, url: str, redirect: bool = True, **more: Any):  # type: ignore[override]
        # urllib3 sends bytes in one call whose limit is the one for connecting; in pieces each has that limit for itself.
        if isinstance(body := more.get("body"), bytes) and body:
            more["body"] = io.BytesIO(body)
        return super().urlopen(method, url, redirect=False, **more)


@dataclass(frozen=True)
class Listed:
    """One row of a listing of versions."""

    key: str
    version: str
    deleted: bool
    """A delete marker: somebody hid the key, its versions are still there."""


class Wire:
    """Speaks of keys as the bucket has them, with the prefix."""

    def __init__(self, address: S3Address, settings: S3Settings) -> None:
        if not settings.access_key or not settings.secret_key:
            raise SetupError("S3 store: no keys; set SOHOA_S3__ACCESS_KEY and SOHOA_S3__SECRET_KEY")
        self.address, self.settings = address, settings
        self._clients: dict[int, Minio] = {}

    def __repr__(self) -> str:
        return f"Wire({self.address.url})"

    def close(self) -> None:
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client._http.clear()

    # --- objects ----------------------------------------------------------------------------------------------------
    def head(self, key: str, version: str | None = None) -> Mapping[str, str]:
        """Headers of an object. Raises ObjectMissing."""

        def ask() -> Mapping[str, str]:
            headers = self.ask("HEAD", key, {"versionId": version}).headers
            if "etag" not in headers:
                raise StoreUnavailable(f"not the answer of an S3 server {key}")
            return headers

        return self.again(ask)

    def open(self, key: str, version: str | None = None, start: int = 0) -> urllib3.BaseHTTPResponse:
        """Answer whose body is still to be read. Not tried again: the reader goes on where it broke."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        answer = self.ask("GET", key, {"versionId": version}, headers=headers, stream=True)
        if "etag" not in answer.headers or (start and answer.status != 206):
            answer.close()
            raise StoreUnavailable(f"not the answer of an S3 server {key}")
        return answer

    def put(self, key: str, data: bytes, headers: Mapping[str, str]) -> str | None:
        """Version id. Sent once: who asks has to look what became of it. Raises Changed, ObjectDamaged."""
        checked = {"Content-MD5": md5(data)} | dict(headers)
        answer = self.ask("PUT", key, body=data, headers=checked)
        if "etag" not in answer.headers:
            raise StoreUnavailable(f"not the answer of an S3 server {key}")
        return answer.headers.get("x-amz-version-id")

    def delete(self, key: str, version: str, *, bypass: bool = False) -> None:
        """Raises ObjectLocked when the server refuses."""
        headers = {"x-amz-bypass-governance-retention": "true"} if bypass else {}
        self.again(lambda: self.ask("DELETE", key, {"versionId": version}, headers=headers, locks=True))

    def lock(self, key: str, version: str, retention: Retention, *, bypass: bool = False) -> None:
        """`bypass`: what stands is GOVERNANCE, and S3 wants to be told that changing it is meant, even to strengthen it.
        Raises ObjectLocked when the server refuses to shorten or weaken."""
        until = xml_time(retention.until)
        self._put_xml(
            key, version, "retention",
            f"<Retention><Mode>{retention.mode.upper()}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>",
            {"x-amz-bypass-governance-retention": "true"} if bypass else {},
        )  # fmt: skip

    def hold(self, key: str, version: str, on: bool) -> None:
        status = "ON" if on else "OFF"
        self._put_xml(key, version, "legal-hold", f"<LegalHold><Status>{status}</Status></LegalHold>")

    def retention(self, key: str, version: str) -> Retention:
        """Asked by itself, for servers that do not say it with the object (and cut times finer than the SDK reads)."""
        with translated(key):
            try:
                answer = self.again(lambda: self.ask("GET", key, {"versionId": version, "retention": ""}))
            except StoreUnfit:
                return Retention()  # none was ever set
            root = ElementTree.fromstring(answer.data.decode())
            found = {child.tag.rpartition("}")[2]: child.text or "" for child in root}
            return Retention(
                mode=RetentionMode(found["Mode"].lower()),
                until=datetime.fromisoformat(found["RetainUntilDate"]),
            )

    def delete_many(self, key: str, version: str) -> bool:
        """Whether the server said that it deleted, through the request for many at once."""
        body = f"<Delete><Object><Key>{key}</Key><VersionId>{version}</VersionId></Object></Delete>".encode()
        with translated(key):
            answer = self.ask("POST", None, {"delete": ""}, body=body, headers={"Content-MD5": md5(body)})
            return b"<Deleted>" in answer.data and b"<Error>" not in answer.data

    # --- bucket -----------------------------------------------------------------------------------------------------
    def versions(self, prefix: str) -> Iterator[Listed]:
        """All versions of all keys that start with `prefix`, keys in order, of a key the newest first."""
        key, version = None, None
        while True:
            query = {
                "versions": "", "prefix": prefix, "max-keys": str(PAGE), "encoding-type": "url",
                "key-marker": key, "version-id-marker": version,
            }  # fmt: skip
            with translated(prefix):
                answer = self.again(lambda query=query: self.ask("GET", None, query))
                rows, more, key, version = parse_list_objects(answer)
            for row in rows:
                yield Listed(row.object_name, row.version_id or "null", row.is_delete_marker)
            if not more:
                return

    def versioning(self) -> bool:
        """Raises SetupError when there is no such bucket."""
        with translated(self.address.bucket):
            answer = self.again(lambda: self.ask("GET", None, {"versioning": ""}))
            root = ElementTree.fromstring(answer.data.decode())
            return any(c.tag.endswith("Status") and c.text == "Enabled" for c in root)

    def presigned(self, key: str, version: str, seconds: int) -> str:
        with translated(key):
            return self._client().presigned_get_object(
                self.address.bucket, key, expires=timedelta(seconds=seconds), version_id=version
            )

    # --- underneath -------------------------------------------------------------------------------------------------
    def ask(
        self,
        method: str,
        key: str | None,
        query: Mapping[str, str | None] | None = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        locks: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """One request, once."""
        versioned = bool(query and query.get("versionId"))
        with translated(key or self.address.bucket, locks=locks, versioned=versioned):
            return self._client()._execute(
                method,
                self.address.bucket,
                object_name=key,
                body=body,
                headers=dict(headers or {}),
                query_params={name: value for name, value in (query or {}).items() if value is not None},
                preload_content=not stream,
            )

    def again(self, action: Callable[[], Answer]) -> Answer:
        """`action`, repeated while the store cannot be reached, a few times."""
        wait = FIRST_WAIT
        for attempt in range(1, self.settings.attempts + 1):
            try:
                return action()
            except StoreUnavailable:
                if attempt == self.settings.attempts:
                    raise
                time.sleep(wait * random.uniform(0.7, 1.3))
                wait *= 4
        raise AssertionError

    def _put_xml(
        self, key: str, version: str, what: str, text: str, more: Mapping[str, str] | None = None
    ) -> None:
        body = text.replace(">", f' xmlns="{_XML}">', 1).encode()
        query = {"versionId": version, what: ""}
        headers = {"Content-MD5": md5(body), **(more or {})}
        self.again(lambda: self.ask("PUT", key, query, body=body, headers=headers, locks=True))

    def _client(self) -> Minio:
        client = self._clients.get(os.getpid())
        if client is None:
            # A parent's client is kept, never closed here: its connections are the parent's.
            client = self._clients[os.getpid()] = Minio(
                endpoint=self.address.host,
                access_key=self.settings.access_key,
                secret_key=self.settings.secret_key,
                secure=self.address.secure,
                region=self.address.region or None,
                http_client=_Pool(
                    # Kept open, not a bound: more threads than that make connections of their own.
                    maxsize=max(KEPT_OPEN, self.settings.connections),
                    timeout=urllib3.Timeout(
                        connect=self.settings.connect_seconds, read=self.settings.answer_seconds
                    ),
                    cert_reqs="CERT_REQUIRED",
                    ca_certs=self.settings.ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where(),
                    retries=False,
                ),
            )
        return client


def md5(data: bytes) -> str:
    """As Content-MD5 wants it: against damage on the way; no proof of anything."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def xml_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
