"""Catalogue against store, both ways: what one says and the other does not. Collects findings; repairs nothing.

Forward: every reference of the catalogue is looked up in the store (missing key, missing version, other hash or size). Backward:
every object of the store is looked up among what the catalogue names; one that nobody names is an orphan. Records are checked
against their own list of versions. With `hashed` the bytes are read as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flows.fixity import WORKING, Archive
from schemas.document import DocumentStatus
from schemas.errors import ObjectDamaged, ObjectMissing
from schemas.keeping import PRIMARY, SANITY, SanityFinding, SanityReport
from schemas.store import ObjectRef, PlaceState
from storage.keeping.places import Places
from storage.keeping.references import Reference, references

OWN_NAME = ("originals/", "readings/", "damaged/", "probe/", "audit/", "reports/", "disposal/")
"""Kept under names that say what they are; the catalogue need not mention them one by one."""
BESIDE_RECORDS = ("evidence/", "issued/", "refusals/", "slips/")
DOCUMENTS_AT_ONCE = 500


def check_sanity(
    archive: Archive, *, hashed: bool = False, told: Callable[[int], None] = lambda looked_at: None
) -> SanityReport:
    """Raises StoreUnavailable, CatalogueUnavailable."""
    started = archive.clock()
    look = _Look(archive, hashed, told)
    look.forward()
    look.records()
    look.backward()
    return SanityReport(
        started=started,
        finished=archive.clock(),
        records=look.record_count,
        references=look.reference_count,
        objects=look.object_count,
        hashed=hashed,
        findings=look.findings,
    )


@dataclass
class _Look:
    archive: Archive
    hashed: bool
    told: Callable[[int], None]
    findings: list[SanityFinding] = field(default_factory=list)
    named: set[int] = field(default_factory=set)
    """Short hashes of keys: a million of them must fit into memory."""
    looked_up: dict[int, None] = field(default_factory=dict)
    disposed: set[tuple[str, str]] = field(default_factory=set)
    disposed_keys: set[str] = field(default_factory=set)
    record_count = reference_count = object_count = 0

    def forward(self) -> None:
        self.disposed = set(_disposed(self.archive))
        self.disposed_keys = {key for key, _ in self.disposed}
        for reference in references(self.archive.catalogue):
            self.reference_count += 1
            self.named.add(_short(reference.key))
            if not reference.key.startswith(WORKING):
                self._look_up(reference)
            self._tell()
        for key, version in sorted(self.disposed):
            if any(ref.version == version for ref in self.archive.store.versions(key)):
                self._add("disposed_still_there", key, f"version {version}")

    def _look_up(self, reference: Reference) -> None:
        ref = reference.ref
        which = _short(reference.key, ref.version if ref else "", ref.sha256 if ref else "")
        gone = (ref.key, ref.version) in self.disposed if ref else reference.key in self.disposed_keys
        if which in self.looked_up or gone:
            return
        self.looked_up[which] = None
        where = f"{reference.table} {reference.subject}"
        store = self.archive.store
        try:
            stat = store.stat(reference.key, ref.version if ref else None)
        except ObjectMissing:
            code = "version_missing" if store.exists(reference.key) else "object_missing"
            self._add(code, reference.key, where if ref is None else f"{where}, version {ref.version}")
            return
        if ref is not None:
            if stat.ref.sha256 != ref.sha256:
                self._add("hash_differs", ref.key, f"{where}: {ref.sha256}, store: {stat.ref.sha256}")
            elif stat.ref.size != ref.size:
                self._add("size_differs", ref.key, f"{where}: {ref.size}, store: {stat.ref.size}")
        if self.hashed:
            self._hash(stat.ref)

    def _hash(self, ref: ObjectRef) -> None:
        try:
            self.archive.store.verify(ref.key, ref.version)
        except ObjectDamaged:
            self._add("bytes_differ", ref.key, f"version {ref.version}")
        except ObjectMissing:
            self._add("object_missing", ref.key, f"version {ref.version}: no bytes")

    def records(self) -> None:
        """Each record with its own list of versions, and its protection in the store."""
        catalogue, offset = self.archive.catalogue, 0
        while rows := catalogue.documents(limit=DOCUMENTS_AT_ONCE, offset=offset):
            offset += len(rows)
            for row in rows:
                self.record_count += 1
                versions = catalogue.versions(row.id)
                if row.archive is None:
                    if row.status is DocumentStatus.ARCHIVED:
                        self._add("archived_without_file", row.id)
                    continue
                newest = versions[-1] if versions else None
                if newest is None or newest.version != row.version or newest.archive.key != row.archive.key:
                    self._add("versions_disagree", row.id, f"record V{row.version}, list V{newest.version if newest else 0}")
                if row.status is DocumentStatus.ARCHIVED:
                    self._protected(row.archive)

    def _protected(self, ref: ObjectRef) -> None:
        try:
            retention = self.archive.store.stat(ref.key, ref.version).retention
        except ObjectMissing:
            return  # told already
        if retention.mode is None and not retention.legal_hold:
            self._add("retention_missing", ref.key, f"version {ref.version}")

    def backward(self) -> None:
        for ref in self.archive.store.list():
            self.object_count += 1
            self._tell()
            if ref.key.startswith(WORKING):
                self._add("left_over", ref.key)
            elif not ref.key.startswith((*OWN_NAME, *BESIDE_RECORDS)) and _short(ref.key) not in self.named:
                self._add("orphan", ref.key, f"{ref.size} bytes")
            elif ref.key.startswith("originals/") and _short(ref.key) not in self.named:
                # Bytes are kept before they are entered: a run killed between the two leaves them, and the next takes them up.
                self._add("left_over", ref.key, f"{ref.size} bytes")

    def _tell(self) -> None:
        if (self.reference_count + self.object_count) % 1000 == 0:
            self.told(self.reference_count + self.object_count)

    def _add(self, code: str, what: str, detail: str = "") -> None:
        self.findings.append(SanityFinding(code=code, severity=SANITY[code][0], object=what, detail=detail))


def _disposed(archive: Archive) -> Iterator[tuple[str, str]]:
    for placed in Places(archive.catalogue).in_state(PRIMARY, PlaceState.GONE):
        yield placed.key, placed.version


def _short(*parts: str) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(parts).encode(), digest_size=8).digest(), "big")
