"""A small archive of real bytes: records with their files in a store, as the flows leave them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.fixity import Archive
from schemas.document import DocumentReading
from storage.catalogue import Catalogue, DocumentRow, NewDocument, NewPage, NewSource, PageStatus
from storage.objects import LocalStore, archive_key, original_key
from tests.made_catalogue import field


def bytes_of(seed: object, size: int = 3000) -> bytes:
    return random.Random(str(seed)).randbytes(size)


def archived(archive: Archive, name: str, *, size: int = 3000, kind: str = "quyet_dinh", **more: object) -> DocumentRow:
    """A record with its scan and its archived file V1."""
    catalogue, store = archive.catalogue, archive.store
    scan = bytes_of(f"{name} scan", size)
    sha256 = hashlib.sha256(scan).hexdigest()
    ref = store.put(original_key(sha256), scan)
    batch = catalogue.start_batch("lô", batch_id=None)
    file = catalogue.add_file(batch.id, f"{name}.tif", NewSource(sha256, len(scan), "image/tiff", ref, pages=1))
    reading = DocumentReading(
        pages=[1], type=kind, text=f"QUYẾT ĐỊNH {name}", fields={"so": field(f"{name}/QĐ-UBND"), "ten": field("Nguyễn Thị Ánh")},
        **more,
    )  # fmt: skip
    (row,) = catalogue.record_file(file.id, pages=[NewPage(1, PageStatus.DOCUMENT)], documents=[NewDocument(reading)])
    pdf = store.put(archive_key(row.id), bytes_of(f"{name} pdf", size), media_type="application/pdf")
    return catalogue.mark_archived(row.id, pdf, who="lan")


@contextmanager
def small_archive(folder: Path, url: str | None = None, *, records: int = 0, **more: object) -> Iterator[Archive]:
    """A store in `folder/store` and a catalogue; with records, or where there is one already, a replica in `folder/replica`."""
    store = LocalStore(folder / "store")
    replicas = {}
    if records or (folder / "replica").exists():  # a folder store is dear to make
        replicas["replica"] = LocalStore(folder / "replica")
    with Catalogue.open(url or f"sqlite:///{folder / 'catalogue.sqlite'}") as catalogue:
        archive = Archive(catalogue, store, replicas, **more)
        for number in range(records):
            archived(archive, str(number))
        if records:
            mirror(archive)
        yield archive
    for opened in (store, *replicas.values()):
        opened.close()


def mirror(archive: Archive) -> None:
    """Every version into the replica, in order."""
    for ref in list(archive.store.list()):
        for version in archive.store.versions(ref.key):
            for replica in archive.replicas.values():
                replica.put(version.key, archive.store.get(version.key, version.version), new_version=True)


def file_of(store: LocalStore, sha256: str) -> Path:
    """The file behind the store's back."""
    return store.root / "content" / sha256[0] / sha256[1] / sha256


def damage(store: LocalStore, sha256: str) -> None:
    """One bit turned, as a bad disk does it."""
    path = file_of(store, sha256)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o640)
    path.write_bytes(data)
    path.chmod(0o440)
