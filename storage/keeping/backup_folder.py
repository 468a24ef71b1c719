"""A folder of backups: bytes once under their hash, and sets that name them.

    objects/ab/<sha256>      shared by all sets: the next backup writes only what is new. No links: it may be copied anywhere.
    sets/<id>/               catalogue, files of the home folder, objects.jsonl, manifest.json

A set exists when its manifest does; that is written last, under its final name in one step. What a killed backup left is
removed by the next one. One at a time: a lock is held on the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from schemas.backup import FORMAT, KeptObject, Manifest
from schemas.errors import NotAllowedNow, ObjectDamaged, UnreadableFile, WrongUse
from schemas.keeping_errors import BackupInvalid
from storage.objects.content import os_error

MARK = "sohoa-backup.json"
MANIFEST, OBJECTS = "manifest.json", "objects.jsonl"
RESTORES = "restores.jsonl"
CHUNK = 1 << 20


class BackupFolder:
    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def for_writing(self) -> Iterator[None]:
        """Makes the folder where it is new or empty. Raises WrongUse for a folder with other things in it, NotAllowedNow while
        another backup writes."""
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (self.root / MARK).exists():
                if any(self.root.iterdir()):
                    raise WrongUse(f"{self.root} holds other things than backups")
                write_durably(self.root / MARK, json.dumps({"sohoa-backup": FORMAT}).encode())
            for name in ("objects", "sets"):
                (self.root / name).mkdir(exist_ok=True, mode=0o700)
            with (self.root / MARK).open("rb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise NotAllowedNow("another backup writes into this folder") from error
                self._tidy()
                yield
        except OSError as error:
            raise os_error(error) from error

    def _tidy(self) -> None:
        for folder in (self.root / "sets").iterdir():
            if not (folder / MANIFEST).exists():
                shutil.rmtree(folder)
        for left in (self.root / "objects").glob("*/.new-*"):
            left.unlink()

    # --- objects -----------------------------------------------------------------------------------------------------
    def path(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256

    def holds(self, sha256: str, size: int, *, hashed: bool) -> bool:
        """Whether the bytes are here already; `hashed`: read again, and damaged ones do not count."""
        path = self.path(sha256)
        try:
            if path.stat().st_size != size:
                return False
            return not hashed or hash_of(path) == sha256
        except FileNotFoundError:
            return False

    def add(self, sha256: str, stream: BinaryIO) -> int:
        """Copies bytes in; how many. Raises ObjectDamaged when they are not what their name says."""
        final = self.path(sha256)
        final.parent.mkdir(exist_ok=True, mode=0o700)
        new = final.with_name(f".new-{os.getpid()}-{sha256}")
        digest, size = hashlib.sha256(), 0
        try:
            with new.open("wb") as file:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    size += file.write(chunk)
                if digest.hexdigest() != sha256:
                    raise ObjectDamaged(f"expected {sha256}, got {digest.hexdigest()}")
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, final)
        finally:
            new.unlink(missing_ok=True)
        return size

    def open(self, sha256: str) -> BinaryIO:
        """Raises BackupInvalid."""
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError as error:
            raise BackupInvalid(f"object {sha256} is missing") from error

    def settle(self) -> None:
        """Names of new objects reach the disk."""
        for folder in (self.root / "objects").iterdir():
            sync_folder(folder)
        sync_folder(self.root / "objects")

    # --- sets --------------------------------------------------------------------------------------------------------
    def new_set(self, name: str) -> Path:
        folder = self.root / "sets" / name
        folder.mkdir(mode=0o700)
        return folder

    def finish(self, manifest: Manifest) -> str:
        """From here on the set exists. SHA-256 of its manifest."""
        folder = self.root / "sets" / manifest.id
        for path in sorted(folder.rglob("*")):
            if path.is_dir():
                sync_folder(path)
        data = manifest.model_dump_json(indent=1).encode()
        write_durably(folder / MANIFEST, data)
        sync_folder(folder.parent)
        return hashlib.sha256(data).hexdigest()

    def next_number(self) -> int:
        """Sets are counted: a clock that was set back must not make the newest one look old."""
        names = self.sets()
        return int(names[-1].partition("-")[0]) + 1 if names else 1

    def sets(self) -> list[str]:
        """Finished ones, oldest first."""
        found = (self.root / "sets").glob(f"*/{MANIFEST}") if (self.root / MARK).exists() else []
        return sorted(path.parent.name for path in found)

    def manifest(self, name: str) -> Manifest:
        """Read and checked, with every file of the set. Raises BackupInvalid."""
        folder = self.root / "sets" / name
        try:
            manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValidationError) as error:
            raise BackupInvalid(f"{name}: no manifest that can be read") from error
        if manifest.format != FORMAT:
            raise BackupInvalid(f"{name}: format {manifest.format}")
        for path, sha256 in manifest.files.items():
            try:
                found = hash_of(folder / path)
            except OSError as error:
                raise BackupInvalid(f"{name}: {path} is missing") from error
            if found != sha256:
                raise BackupInvalid(f"{name}: {path} was changed")
        return manifest

    def objects(self, name: str) -> Iterator[KeptObject]:
        """In key order, versions oldest first."""
        with (self.root / "sets" / name / OBJECTS).open(encoding="utf-8") as lines:
            for line in lines:
                yield KeptObject.model_validate_json(line)

    def note_restore(self, facts: dict) -> None:
        """So that the installation that makes the backups learns at its next one that they were tried. A medium that cannot be
        written to is no reason to fail."""
        with suppress(OSError), (self.root / RESTORES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts, ensure_ascii=False) + "\n")

    def restores(self) -> list[dict]:
        """Oldest first."""
        try:
            return [json.loads(line) for line in (self.root / RESTORES).read_text("utf-8").splitlines()]
        except (OSError, ValueError):
            return []

    def prune(self, keep: int) -> list[str]:
        """Removes all but the newest `keep` sets, then bytes that no set names. What was removed, oldest first."""
        names = self.sets()
        gone = names[: max(len(names) - keep, 0)]
        for name in gone:
            (self.root / "sets" / name / MANIFEST).unlink()
            shutil.rmtree(self.root / "sets" / name)
        if gone:
            needed = {kept.ref.sha256 for name in self.sets() for kept in self.objects(name)}
            for path in (self.root / "objects").glob("*/*"):
                if path.name not in needed:
                    path.unlink()
        return gone


def hash_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_durably(path: Path, data: bytes) -> None:
    """Whole or not at all, and on the disk on return."""
    new = path.with_name(f".new-{path.name}")
    with new.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    sync_folder(path.parent)


def copy_durably(source: Path, target: Path) -> None:
    """A file of the home folder. Raises UnreadableFile."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{source.name}: {error.strerror}") from error
    write_durably(target, data)


def sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
