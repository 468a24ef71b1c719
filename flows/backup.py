"""Backup of everything, and making everything again from it.

    backup      files of the home folder, then the catalogue as of one moment, then every object that is new. Objects are stored
                before rows name them, so whatever the catalogue's moment names is there: work may go on meanwhile.
    restore     into a new home: hashes checked on the way, catalogue and store compared at the end. Nothing is overwritten.

Law F (QĐ 3999/QĐ-BTC 2025): at least two sets on independent media; daily incremental, monthly full (`full`: what is there
already is hashed again); a restore tried every quarter. Killed anywhere, the folder holds the sets it held before, and the same
call begins again without copying anything twice.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from flows.fixity import WORKING, Archive
from flows.home_files import SETTINGS, files_of, moved, without_secrets
from flows.sanity import check_sanity
from schemas.backup import BackupReport, KeptObject, Manifest, RestoreReport
from schemas.errors import (
    ChangedMeanwhile,
    ObjectDamaged,
    ObjectMissing,
    WrongUse,
)
from schemas.keeping import PRIMARY, Severity
from schemas.keeping_errors import BackupInvalid, NotEmpty
from schemas.settings import Settings, load_settings
from schemas.store import ObjectRef, ObjectStat, Retention
from storage.audit.heads import FOLDER as HEADS
from storage.audit.heads import folder_of
from storage.catalogue import Catalogue
from storage.keeping.backup_folder import OBJECTS, BackupFolder, copy_durably, hash_of, write_durably
from storage.keeping.copies import Copies
from storage.keeping.dump import dump, load
from storage.keeping.places import Places
from storage.keeping.runs import Runs
from storage.objects import LocalStore, ObjectStore, open_archive, open_store
from storage.objects.archive import declared
from storage.objects.retention import in_force
from storage.objects.switch import touch

Told = Callable[[int, int], None]
"""`told(objects, bytes)`."""
ENDED_EARLY = (ObjectMissing, ObjectDamaged)


# --- backup ----------------------------------------------------------------------------------------------------------
def backup(
    archive: Archive,
    settings: Settings,
    target: Path,
    *,
    who: str,
    full: bool = False,
    keep: int | None = None,
    told: Told = lambda objects, size: None,
) -> BackupReport:
    """A further set in `target`; `keep`: only so many of the newest sets stay.

    Raises WrongUse for a folder with other things in it, NotAllowedNow while another backup runs, ChangedMeanwhile when records
    were destroyed during it, DiskFull, StoreUnavailable, CatalogueUnavailable."""
    if keep is not None and keep < 1:
        raise WrongUse("--keep: 1 or more")
    start, started = time.monotonic(), archive.clock()
    folder = BackupFolder(target.absolute())
    if settings.home.resolve() in (folder.root.resolve(), *folder.root.resolve().parents):
        raise WrongUse("a backup inside the home folder would be lost with it")
    with folder.for_writing():
        name = f"{folder.next_number():06d}-{started.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        work = _Backup(archive, settings, folder, name, full, told)
        manifest = work.make(who, started)
        digest = folder.finish(manifest)
        if keep is not None:
            folder.prune(keep)
        sets = folder.sets()
    _learn_of_restores(archive, folder)
    Runs(archive.catalogue).add_backup(
        "backup", who, archive.clock(), objects=manifest.objects, bytes=manifest.bytes, manifest=digest,
        set=name, damaged=len(manifest.damaged), full=full,
    )  # fmt: skip
    return BackupReport(
        set=name,
        manifest=digest,
        objects=manifest.objects,
        new_objects=work.new_objects,
        bytes=manifest.bytes,
        new_bytes=work.new_bytes,
        seconds=time.monotonic() - start,
        damaged=manifest.damaged,
        left_out=manifest.left_out,
        sets=sets,
    )


def _learn_of_restores(archive: Archive, folder: BackupFolder) -> None:
    """A restore is written down in the home it made; whoever makes the backups has to know of it too."""
    runs = Runs(archive.catalogue)
    last = runs.last_backup("restore")
    for facts in folder.restores():
        at = datetime.fromisoformat(facts["at"])
        if last is None or at > last.at:
            runs.add_backup("restore", facts["who"], at, **facts["run"])


@dataclass
class _Backup:
    archive: Archive
    settings: Settings
    folder: BackupFolder
    name: str
    full: bool
    told: Told
    left_out: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    objects = bytes = new_objects = new_bytes = 0

    def make(self, who: str, started: datetime) -> Manifest:
        place = self.folder.new_set(self.name)
        destroyed_before = _destroyed(self.archive)
        self._home(place / "home")  # before the catalogue: heads of the audit chain must not be ahead of it
        catalogue = dump(self.archive.catalogue, place)
        self._objects(place)
        if _destroyed(self.archive) != destroyed_before:
            raise ChangedMeanwhile("records were destroyed while the backup was made")
        self.folder.settle()
        heads = folder_of(sa.make_url(self.archive.catalogue.url))
        files = {str(p.relative_to(place)): hash_of(p) for p in sorted(place.rglob("*")) if p.is_file()}
        return Manifest(
            id=self.name,
            started=started,
            finished=self.archive.clock(),
            who=who,
            software=importlib.metadata.version("sohoa"),
            office=self.settings.office.name,
            catalogue=catalogue,
            store=Copies(self.archive.catalogue).primary(declared(self.settings))[0],
            heads_stem=heads[1] if heads else None,
            files=files,
            objects=self.objects,
            bytes=self.bytes,
            damaged=self.damaged,
            left_out=self.left_out,
        )

    def _home(self, place: Path) -> None:
        home = self.settings.home
        for inside, allowed in files_of(home):
            if not allowed:
                self.left_out.append(str(inside))
            elif inside.suffix == ".toml":
                text, secret = without_secrets((home / inside).read_text("utf-8"))
                self.left_out += [f"{inside}: {name}" for name in secret]
                (place / inside).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_durably(place / inside, text.encode())
            else:
                copy_durably(home / inside, place / inside)

    def _objects(self, place: Path) -> None:
        with (place / OBJECTS).open("w", encoding="utf-8") as lines:
            for kept in _everything(self.archive.store):
                if self._one(kept):
                    lines.write(kept.model_dump_json() + "\n")
                    self.objects += 1
                    self.bytes += kept.ref.size
                    if self.objects % 100 == 0:
                        self.told(self.objects, self.bytes)
            lines.flush()
            os.fsync(lines.fileno())
        self.told(self.objects, self.bytes)

    def _one(self, kept: KeptObject) -> bool:
        """False: its bytes are not to be had; the rest goes on, and the report says so."""
        ref = kept.ref
        if self.folder.holds(ref.sha256, ref.size, hashed=self.full):
            return True
        try:
            with self.archive.store.open(ref.key, ref.version) as stream:
                self.new_bytes += self.folder.add(ref.sha256, stream)
        except ENDED_EARLY:
            if ref.key.startswith(WORKING):
                return False  # done with meanwhile
            self.damaged.append(ref.key)
            return False
        self.new_objects += 1
        return True


def _everything(store: ObjectStore) -> Iterator[KeptObject]:
    for key, version in store.walk():
        if key.startswith("probe/"):
            continue
        try:
            stat = store.stat(key, version)
        except ObjectMissing:
            continue  # removed since it was listed
        yield KeptObject(**{name: getattr(stat, name) for name in KeptObject.model_fields})


def _destroyed(archive: Archive) -> int:
    events = sa.table("events", sa.column("what"))
    with archive.catalogue.read() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(events).where(events.c.what == "destroyed"))


# --- restore ---------------------------------------------------------------------------------------------------------
def restore(
    source: Path,
    home: Path,
    *,
    who: str,
    wanted: str | None = None,
    catalogue_url: str = "",
    store_url: str = "",
    told: Told = lambda objects, size: None,
) -> RestoreReport:
    """Makes a home from a set (`wanted`, else the newest). `catalogue_url` and `store_url`: an empty database and an empty
    store elsewhere; a PostgreSQL catalogue needs one.

    Raises BackupInvalid, NotEmpty, WrongUse, DiskFull, StoreUnavailable, CatalogueUnavailable. A home appears whole or not at
    all; a database or store elsewhere that was half filled has to be emptied before the next try."""
    start, folder = time.monotonic(), BackupFolder(source.absolute())
    names = folder.sets()
    if not names or (wanted is not None and wanted not in names):
        raise BackupInvalid(f"no finished set{f' {wanted}' if wanted else ''} in {source}")
    manifest = folder.manifest(wanted or names[-1])
    if manifest.catalogue["kind"] == "postgresql" and not catalogue_url:
        raise WrongUse("this backup holds a PostgreSQL catalogue: give --database, an empty one")
    home = home.absolute()
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise NotEmpty(str(home))
    place, new = source.absolute() / "sets" / manifest.id, home.with_name(f".{home.name}.restoring")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True, mode=0o700)
    try:
        _restore_home(place / "home", new, manifest, catalogue_url, store_url)
        settings = load_settings(new)
        load(manifest.catalogue, place, settings.database)
        report = _restore_objects(folder, manifest, settings, told, who)
        if home.exists():
            home.rmdir()
        os.replace(new, home)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    at = datetime.now(UTC)
    run = {
        "objects": report["objects"], "bytes": report["bytes"], "manifest": hash_of(place / "manifest.json"),
        "set": manifest.id, "findings": len(report["findings"]),
    }  # fmt: skip
    with Catalogue.open(load_settings(home).database, create=False) as catalogue:
        Runs(catalogue).add_backup("restore", who, at, **run)
    folder.note_restore({"at": at.isoformat(), "who": who, "run": run})
    return RestoreReport(
        set=manifest.id,
        made=manifest.finished,
        seconds=time.monotonic() - start,
        rows=sum(manifest.catalogue["rows"].values()),
        left_out=manifest.left_out,
        **report,
    )


def _restore_home(kept: Path, new: Path, manifest: Manifest, catalogue_url: str, store_url: str) -> None:
    if kept.is_dir():
        shutil.copytree(kept, new, dirs_exist_ok=True)
    settings = new / SETTINGS
    text = settings.read_text("utf-8") if settings.exists() else ""
    write_durably(settings, moved(text, catalogue_url=catalogue_url, store_url=store_url).encode())
    os.chmod(settings, 0o600)
    here = folder_of(sa.make_url(catalogue_url)) if catalogue_url else None
    if here and manifest.heads_stem:
        for path in (new / HEADS).glob(f"{manifest.heads_stem}-*"):
            path.rename(path.with_name(path.name.replace(manifest.heads_stem, here[1], 1)))


def _restore_objects(
    folder: BackupFolder, manifest: Manifest, settings: Settings, told: Told, who: str
) -> dict:
    store = open_store(settings.store, settings.s3)
    try:
        if next(store.walk(), None) is not None:
            raise NotEmpty("the target store holds objects")
        with Catalogue.open(settings.database, create=False) as catalogue:
            _new_primary(catalogue, manifest, settings, who)
            objects, size, renamed = _put_all(folder, manifest, store, catalogue, told)
            archive = open_archive(settings, catalogue)
            try:
                found = check_sanity(Archive(catalogue, archive, primary=store))
            finally:
                archive.close()
        errors = [f"{f.code}: {f.object}" for f in found.findings if f.severity is Severity.ERROR]
    finally:
        store.close()
    return {"objects": objects, "bytes": size, "renamed": renamed, "findings": errors}


def _new_primary(catalogue: Catalogue, manifest: Manifest, settings: Settings, who: str) -> None:
    """The archive lies in the new store from now on, whatever was moved where before; references stay what they are."""
    copies, name = Copies(catalogue), declared(settings)
    current = copies.primary(name)[0]
    before = current if current != name else manifest.store
    if before == name:
        Places(catalogue).all_as_named()
        return
    copies.switch(copies.begin_move(before, name, who), who, manifest.objects, manifest.bytes)
    touch(settings.home)


def _put_all(
    folder: BackupFolder, manifest: Manifest, store: ObjectStore, catalogue: Catalogue, told: Told
) -> tuple[int, int, int]:
    """Every version in its order, each re-hashed on its way; what got another version id is entered in the book of places."""
    objects = size = renamed = 0
    for kept in folder.objects(manifest.id):
        with folder.open(kept.ref.sha256) as stream:
            try:
                ref = _put(store, kept, stream)
            except ObjectDamaged as error:
                raise BackupInvalid(f"object {kept.ref.sha256} is damaged in the backup") from error
        if ref.version != kept.ref.version:
            Places(catalogue).lies_at(PRIMARY, kept.ref, ref.version)
            renamed += 1
        objects, size = objects + 1, size + kept.ref.size
        if objects % 100 == 0:
            told(objects, size)
    told(objects, size)
    return objects, size, renamed


def _put(store: ObjectStore, kept: KeptObject, stream: BinaryIO) -> ObjectRef:
    if isinstance(store, LocalStore):
        return store.take_in(ObjectStat(**dict(kept)), stream)
    lock = kept.retention
    if not in_force(lock):  # what is over protects nothing, and no store takes it
        lock = Retention(legal_hold=lock.legal_hold)
    return store.put(
        kept.ref.key, stream, sha256=kept.ref.sha256, media_type=kept.media_type, metadata=kept.metadata, retention=lock,
        new_version=True,
    )  # fmt: skip
