"""Object store in a bucket of any server that speaks S3 with versioning and object lock.

Nothing is ever replaced: a put carries the condition that the newest version is still the one seen (none: If-None-Match).
The SHA-256 stands in the caller's reference and beside the object as `x-amz-meta-sohoa-sha256`; the bytes are compared with
it, an ETag proves nothing. After each put the version is asked for again: size, hash and lock must be what was sent, and a
lock that the server dropped on the way (Ceph RGW, objects in parts) is set and looked at once more.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from itertools import groupby, islice
from operator import attrgetter
from typing import BinaryIO, TypeVar
from urllib.parse import quote, unquote

from schemas.errors import (
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    StoreUnavailable,
    WrongUse,
)
from schemas.objects import S3Settings
from schemas.objects_errors import StoreUnfit
from schemas.store import Enforcement, ObjectRef, ObjectStat, Retention, RetentionMode, StoreCapabilities
from storage.objects.protocol import Data, checked_key
from storage.objects.retention import at_least, in_force, refuse_if_locked, stronger
from storage.objects.s3_address import S3Address
from storage.objects.s3_body import CHUNK, Body, body_of
from storage.objects.s3_errors import Changed, own_fault
from storage.objects.s3_parts import put_parts
from storage.objects.s3_reader import Download
from storage.objects.s3_wire import Wire, xml_time

Answer = TypeVar("Answer")
HASH = "x-amz-meta-sohoa-sha256"
METADATA = "x-amz-meta-sohoa-metadata"
MEDIA_TYPE = "x-amz-meta-sohoa-type"
"""Beside Content-Type, which SeaweedFS forgets of an object in parts once it is locked."""
NO_TYPE = "application/octet-stream"
METADATA_BYTES = 1800
"""S3 takes 2 KB of metadata; the hash and its name need the rest."""
LONGEST_LINK = 24 * 3600
"""Seconds; a link is a key that anybody may use who sees it."""
TRIES = 5
"""How often a put looks again when somebody else wrote the same key meanwhile."""


class S3Store:
    """`ObjectStore` in a bucket. May be used by many threads; a forked process opens its own connections.

    Pickling carries the address only: the keys are read from the environment where it is opened again.
    """

    def __init__(self, url: str, settings: S3Settings | None = None) -> None:
        """No request is made yet. Raises BadSettings for the address, SetupError without keys."""
        self.address = S3Address.parse(url)
        self.url = self.address.url
        if settings is None or not settings.access_key:
            keys = S3Settings.from_environment()
            told = {"access_key": keys.access_key, "secret_key": keys.secret_key}
            settings = settings.model_copy(update=told) if settings else keys
        self.settings = settings
        self.wire = Wire(self.address, self.settings)
        self._versioned = False
        self._proof: StoreCapabilities | None = None

    def __repr__(self) -> str:
        return f"S3Store({self.url})"

    def __reduce__(self):
        return (S3Store, (self.url,))

    # --- writing ----------------------------------------------------------------------------------------------------
    def put(
        self,
        key: str,
        data: Data,
        *,
        sha256: str | None = None,
        media_type: str = "",
        metadata: Mapping[str, str] | None = None,
        retention: Retention | None = None,
        new_version: bool = False,
    ) -> ObjectRef:
        key = checked_key(key)
        described = _described(media_type, metadata or {})
        with body_of(data, self.settings.single_put_bytes) as body:
            if sha256 is not None and body.sha256 != sha256:
                raise ObjectDamaged(f"expected {sha256}, got {body.sha256}")
            return self._patiently(key, lambda: self._put(key, body, described, retention, new_version))

    def repair(self, key: str, version: str, data: Data) -> ObjectRef:
        key = checked_key(key)
        with body_of(data, self.settings.single_put_bytes) as body:
            return self._patiently(key, lambda: self._repair(key, version, body))

    def _patiently(self, key: str, action: Callable[[], ObjectRef]) -> ObjectRef:
        """`action` from its beginning, where it looks at what is there, when the network failed or somebody else wrote."""
        for attempt in range(TRIES):
            try:
                return self.wire.again(action)
            except Changed:
                time.sleep(0.02 * attempt)
        raise ObjectExists(f"{key}: other keys lie below this one, or it changes without end")

    def _put(
        self, key: str, body: Body, described: dict[str, str], retention: Retention | None, new_version: bool
    ) -> ObjectRef:
        self._need_versions()
        newest, condition = self._newest(key)
        if newest is not None:
            if newest.ref.sha256 == body.sha256:
                self._protect(newest, retention)
                return newest.ref
            if not new_version:
                raise ObjectExists(key)
        kept = stronger(Retention(), retention or Retention())
        return self._write(key, body, described, kept, condition, first=newest is None)

    def _repair(self, key: str, version: str, body: Body) -> ObjectRef:
        """A damaged version under lock cannot be taken away; the good bytes become a further one."""
        self._need_versions()
        newest, condition = self._newest(key)
        before = newest
        if newest is not None and newest.ref.version != version:
            if newest.ref.sha256 == body.sha256:
                return self.verify(key, newest.ref.version)  # repaired before
            try:
                before = self.stat(key, version)
            except ObjectMissing:
                before = None
        if (
            before is not None
            and before.ref.version == version
            and before.ref.sha256 not in ("", body.sha256)
        ):
            raise ObjectDamaged(f"expected {before.ref.sha256}, got {body.sha256}")
        described = _described(before.media_type, before.metadata) if before else _described("", {})
        kept = before.retention if before else Retention()
        if not in_force(kept):
            kept = Retention(legal_hold=kept.legal_hold)
        return self._write(key, body, described, kept, condition, first=newest is None)

    def _newest(self, key: str) -> tuple[ObjectStat | None, dict[str, str]]:
        """Newest version of a key, and the condition that no other came since.

        A version that the server does not show as the newest counts too: a delete marker hides it, or the server was killed
        before it noted which is the newest (seen with SeaweedFS), and writing it again would double it."""
        try:
            headers = self.wire.head(self._name(key))
        except ObjectMissing:
            hidden = self._hidden(key)
            stat = self._stat(key, self.wire.head(self._name(key), hidden)) if hidden else None
            return stat, {"If-None-Match": "*"}
        return self._stat(key, headers), {"If-Match": headers["etag"]}

    def _write(
        self,
        key: str,
        body: Body,
        described: dict[str, str],
        retention: Retention,
        condition: dict[str, str],
        *,
        first: bool,
    ) -> ObjectRef:
        """`first`: there was no version of the key before."""
        name = self._name(key)
        headers = {HASH: body.sha256} | described
        if body.whole is not None:
            checked = {"x-amz-checksum-sha256": body.checksum, "x-amz-sdk-checksum-algorithm": "SHA256"}
            version = self.wire.put(
                name, body.whole, headers | _lock_headers(retention) | checked | condition
            )
        else:  # locked below: what lost a race can still be taken away
            version = put_parts(self.wire, name, body, headers, condition)
        written = self._stat(key, self.wire.head(name, version))
        if body.whole is None and first and not self._alone(written.ref):
            return self._write(key, body, described, retention, condition, first=first)
        if (written.ref.sha256, written.ref.size) != (body.sha256, body.size):
            raise StoreUnfit(f"{key}: the store does not keep what it was told with the bytes")
        self._protect(written, retention)
        if body.whole is None:
            # No checksum went with the whole of it: read back once.
            self.verify(key, written.ref.version)
        return written.ref

    def _alone(self, written: ObjectRef) -> bool:
        """Some servers look at the condition before they join the parts, and two writers at once both pass (seen with
        SeaweedFS). Whoever sees another's version takes back his own: the one whose listing showed nothing else stays. False when
        both have gone: to be written again. Raises ObjectExists."""
        if self._versions_of(written.key) == [written.version]:
            return True
        self.wire.delete(self._name(written.key), written.version)
        if self._versions_of(written.key):
            raise ObjectExists(written.key)
        time.sleep(random.uniform(0, 0.5))  # not both at once again
        return False

    def _protect(self, stat: ObjectStat, wanted: Retention | None) -> Retention:
        """Brings a version under retention and hold, and looks that they are there. Raises ObjectLocked, StoreUnfit."""
        if wanted is None or wanted == Retention():
            return stat.retention
        name, version, now = self._name(stat.ref.key), stat.ref.version, stat.retention
        goal = stronger(now, wanted)
        if at_least(now, goal):
            return now
        if goal.mode is not None and (goal.mode, goal.until) != (now.mode, now.until):
            self.wire.lock(name, version, goal, bypass=now.mode is RetentionMode.GOVERNANCE)
        if goal.legal_hold and not now.legal_hold:
            self.wire.hold(name, version, True)
        kept = self._retention_of(stat.ref.key, version)
        if not at_least(kept, goal):
            raise StoreUnfit(f"{stat.ref.key}: the store took a lock and does not keep it")
        return kept

    def set_retention(self, key: str, version: str, mode: RetentionMode, until: datetime) -> Retention:
        return self._protect(self.stat(key, version), Retention(mode=mode, until=until))

    def legal_hold(self, key: str, version: str, on: bool) -> Retention:
        stat = self.stat(key, version)
        self.wire.hold(self._name(stat.ref.key), version, on)
        kept = self._retention_of(stat.ref.key, version)
        if kept.legal_hold != on:
            raise StoreUnfit(f"{key}: the store took a hold and does not keep it")
        return kept

    def delete(self, key: str, version: str) -> None:
        stat = self.stat(key, version)
        refuse_if_locked(stat)
        self.wire.delete(self._name(stat.ref.key), version)

    # --- reading ----------------------------------------------------------------------------------------------------
    def get(self, key: str, version: str | None = None, *, verify: bool = True) -> bytes:
        def read() -> bytes:
            stat, stream = self._open(key, version)
            with stream:
                data = stream.read()
            if verify and hashlib.sha256(data).hexdigest() != stat.ref.sha256:
                raise ObjectDamaged(f"{key} version {stat.ref.version}")
            return data

        with self._judged(key, version):
            return _once_more(read)

    def open(self, key: str, version: str | None = None) -> BinaryIO:
        with self._judged(key, version):
            return io.BufferedReader(self._open(key, version)[1], CHUNK)

    def verify(self, key: str, version: str | None = None) -> ObjectRef:
        def read() -> ObjectRef:
            stat, stream = self._open(key, version)
            with stream:
                digest = hashlib.sha256()
                while data := stream.read(CHUNK):
                    digest.update(data)
            if digest.hexdigest() != stat.ref.sha256:
                raise ObjectDamaged(f"{key} version {stat.ref.version}")
            return stat.ref

        with self._judged(key, version):
            return _once_more(read)

    def stat(self, key: str, version: str | None = None) -> ObjectStat:
        key = checked_key(key)
        try:
            return self._stat(key, self.wire.head(self._name(key), version))
        except ObjectMissing:
            pass
        hidden = None if version is not None else self._hidden(key)
        if hidden is None:
            raise ObjectMissing(key if version is None else f"{key} version {version}")
        return self._stat(key, self.wire.head(self._name(key), hidden))

    def exists(self, key: str) -> bool:
        try:
            self.stat(key)
        except ObjectMissing:
            return False
        return True

    def versions(self, key: str) -> list[ObjectRef]:
        key = checked_key(key)
        return list(self._refs((key, version) for version in self._versions_of(key)))

    def list(self, prefix: str = "") -> Iterator[ObjectRef]:
        return self._refs((key, versions[-1]) for key, versions in self._keys(prefix))

    def walk(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        for key, versions in self._keys(prefix):
            for version in versions:
                yield key, version

    def presigned(self, key: str, version: str, seconds: int) -> str:
        if not 1 <= seconds <= LONGEST_LINK:
            raise WrongUse(f"a link lasts from 1 second to {LONGEST_LINK // 3600} hours")
        ref = self.stat(key, version).ref
        return self.wire.presigned(self._name(ref.key), ref.version, seconds)

    # --- what it is -------------------------------------------------------------------------------------------------
    def capabilities(self) -> StoreCapabilities:
        """As the last probe saw it; before one nothing is claimed."""
        return self._proof or StoreCapabilities(
            kind="s3",
            no_replace=False,
            versions=False,
            durable_writes=False,
            verified_reads=True,
            retention=Enforcement.NONE,
            legal_hold=Enforcement.NONE,
            lacks=["unproven"],
        )

    def probe(self) -> StoreCapabilities:
        from storage.objects.s3_probe import prove

        self._proof = prove(self)
        return self._proof

    def remember(self, proof: StoreCapabilities) -> None:
        """Take over what an earlier probe of the same address saw."""
        self._proof = proof

    def close(self) -> None:
        self.wire.close()

    # --- underneath -------------------------------------------------------------------------------------------------
    def _name(self, key: str) -> str:
        return self.address.prefix + key

    def _need_versions(self) -> None:
        if not self._versioned:
            if not self.wire.versioning():
                raise StoreUnfit("versioning is not enabled for the bucket")
            self._versioned = True

    def _open(self, key: str, version: str | None) -> tuple[ObjectStat, Download]:
        key = checked_key(key)
        try:
            stream = Download(self.wire, self._name(key), version)
        except ObjectMissing:
            found = self.stat(key, version)  # hidden by a delete marker, or really not there
            stream = Download(self.wire, self._name(key), found.ref.version)
        return self._stat(key, stream.headers), stream

    @contextmanager
    def _judged(self, key: str, version: str | None) -> Iterator[None]:
        """A server that knows a version, answers for everything else and fails on its bytes has lost them: damage, which can
        be healed, not an outage."""
        try:
            yield
        except StoreUnavailable as error:
            if not own_fault(error):
                raise
            ref = self.stat(key, version).ref
            raise ObjectDamaged(f"{key} version {ref.version}: the server cannot read it") from error

    def _stat(self, key: str, headers: Mapping[str, str]) -> ObjectStat:
        try:
            version = headers.get("x-amz-version-id", "")
            if version in ("", "null"):
                raise StoreUnfit(f"{key}: the store gives no version ids")
            media_type = headers.get(MEDIA_TYPE) or headers.get("content-type", NO_TYPE)
            return ObjectStat(
                ref=ObjectRef(
                    key=key,
                    sha256=headers.get(HASH, ""),
                    size=int(headers["content-length"]),
                    version=version,
                ),
                created=parsedate_to_datetime(headers["last-modified"]),
                media_type="" if media_type == NO_TYPE else media_type,
                metadata=json.loads(unquote(headers.get(METADATA, "{}"))),
                retention=_retention(headers),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise StoreUnavailable(f"unreadable answer {key}") from error

    def _retention_of(self, key: str, version: str) -> Retention:
        name = self._name(key)
        kept = _retention(self.wire.head(name, version))
        if kept.mode is None:
            asked = self.wire.retention(name, version)
            return kept.model_copy(update={"mode": asked.mode, "until": asked.until})
        return kept

    def _keys(self, prefix: str) -> Iterator[tuple[str, list[str]]]:
        """Each key with its versions, oldest first."""
        rows = self.wire.versions(self._name(unicodedata.normalize("NFC", prefix)))
        for name, group in groupby((row for row in rows if not row.deleted), key=attrgetter("key")):
            yield name[len(self.address.prefix) :], [row.version for row in group][::-1]

    def _versions_of(self, key: str) -> list[str]:
        first = next(iter(self._keys(key)), None)
        return first[1] if first and first[0] == key else []

    def _hidden(self, key: str) -> str | None:
        """Newest version of a key that somebody "deleted": the marker hides it, nothing is gone."""
        return next(reversed(self._versions_of(key)), None)

    def _refs(self, wanted: Iterable[tuple[str, str]]) -> Iterator[ObjectRef]:
        """In order; asked for some at a time, because a listing says neither hash nor metadata."""
        wanted, at_once = iter(wanted), self.settings.connections
        with ThreadPoolExecutor(at_once, thread_name_prefix="s3-head") as pool:
            while some := list(islice(wanted, 16 * at_once)):
                yield from pool.map(lambda pair: self.stat(*pair).ref, some)


def _described(media_type: str, metadata: Mapping[str, str]) -> dict[str, str]:
    """Content type and metadata as headers: ASCII only, so Vietnamese text is percent-encoded JSON. Raises WrongUse."""
    headers = {"Content-Type": media_type or NO_TYPE, MEDIA_TYPE: media_type or NO_TYPE}
    if metadata:
        text = quote(json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True), safe=" {}[]:,._-")
        if len(text) > METADATA_BYTES:
            raise WrongUse(f"metadata of an object may have {METADATA_BYTES} bytes")
        headers[METADATA] = text
    return headers


def _lock_headers(retention: Retention) -> dict[str, str]:
    headers = {"x-amz-object-lock-legal-hold": "ON"} if retention.legal_hold else {}
    if retention.mode is not None and retention.until is not None:
        headers["x-amz-object-lock-mode"] = retention.mode.upper()
        headers["x-amz-object-lock-retain-until-date"] = xml_time(retention.until)
    return headers


def _retention(headers: Mapping[str, str]) -> Retention:
    mode, until = headers.get("x-amz-object-lock-mode"), headers.get("x-amz-object-lock-retain-until-date")
    return Retention(
        mode=RetentionMode(mode.lower()) if mode else None,
        until=datetime.fromisoformat(until) if until else None,
        legal_hold=headers.get("x-amz-object-lock-legal-hold", "OFF") == "ON",
    )


def _once_more(read: Callable[[], Answer]) -> Answer:
    """Bytes can change on a wire without TLS; only what is wrong twice is damaged."""
    try:
        return read()
    except ObjectDamaged:
        return read()
