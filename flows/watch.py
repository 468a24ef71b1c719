"""A watched folder: what was dropped in is taken once, when it is whole, and can be found again after a crash.

Works by looking and renaming only, so that it works on network shares, where nobody tells of changes and no lock holds.
Everything of ours lies in `<inbox>/.sohoa`, on the same file system, because only there a rename is atomic:

    .sohoa/taken/<claim>/<name>          being worked on; <claim> names the worker, its machine and process
    .sohoa/done/<date>/<claim>/<name>    archived; date in Asia/Ho_Chi_Minh
    .sohoa/refused/<date>/<claim>/<name> in quarantine

What a person drops is one thing: a file, or a folder with all that is in it (one batch).
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import stat
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from ocr.intake import natural_key, skipped_name
from schemas.errors import NotFound, SystemFault
from schemas.zone import VIETNAM

OURS = ".sohoa"
_EMPTY_PATIENCE = 10
"""Scanners make the file first and write it later: an empty one is given so many times the usual wait."""

Fingerprint = tuple[tuple[str, int, int], ...]
"""Path below the thing, size and mtime in ns, of the thing and of all that is in it."""


@dataclass
class Sightings:
    """What was seen of each thing in the inbox, and since when it has looked like this (monotonic seconds: neither a
    clock that is set nor a share whose clock differs can make a half-written file look old)."""

    _seen: dict[Path, tuple[Fingerprint, float]] = field(default_factory=dict)

    def settled(self, path: Path, seconds: float, now: float) -> bool:
        """True when `path` has not changed for `seconds`; looking is what starts the wait."""
        looks = fingerprint(path)
        if looks is None:
            self._seen.pop(path, None)
            return False
        before = self._seen.get(path)
        if before is None or before[0] != looks or now < before[1]:
            self._seen[path] = before = (looks, now)
        return now - before[1] >= seconds * (_EMPTY_PATIENCE if _is_empty(looks) else 1)

    def last(self, path: Path) -> Fingerprint | None:
        """How `path` looked when it was last looked at."""
        return self._seen[path][0] if path in self._seen else None

    def keep(self, paths: list[Path]) -> None:
        """Forgets all but `paths`."""
        wanted = set(paths)
        self._seen = {path: seen for path, seen in self._seen.items() if path in wanted}


def fingerprint(path: Path) -> Fingerprint | None:
    """How a file or folder looks, links never followed; None when it is gone or cannot be looked at."""
    try:
        facts = os.lstat(path)
        found = [("", facts.st_size, facts.st_mtime_ns)]
        if stat.S_ISDIR(facts.st_mode):
            # The size of a folder is the file system's own affair and may change by a rename.
            found = [("/", 0, 0)]
            for root, folders, files in os.walk(path):
                folders.sort()
                for name in [*folders, *sorted(files)]:
                    inner = os.lstat(os.path.join(root, name))
                    size = 0 if stat.S_ISDIR(inner.st_mode) else inner.st_size
                    when = 0 if stat.S_ISDIR(inner.st_mode) else inner.st_mtime_ns
                    found.append((os.path.relpath(os.path.join(root, name), path), size, when))
        return tuple(found)
    except OSError:
        return None


def _is_empty(looks: Fingerprint) -> bool:
    """An empty file, a folder without files, or a folder in which some file is still empty."""
    if looks[0][0] == "/":
        return len(looks) == 1 or any(size == 0 and when for _, size, when in looks[1:])
    return looks[0][1] == 0


def scan_inbox(inbox: Path, seconds: float, sightings: Sightings, now: float | None = None) -> list[Path]:
    """Things in the inbox that have not changed for `seconds`, in the order a person expects.

    To be called again and again with the same `sightings`; temporary, hidden and system files are not looked at. Raises
    SystemFault (try again) when the inbox cannot be reached.
    """
    now = time.monotonic() if now is None else now
    try:
        names = os.listdir(inbox)
    except OSError as error:
        raise SystemFault(f"{inbox}: {error.strerror}") from None
    paths = [inbox / name for name in sorted(names, key=natural_key) if not skipped_name(name)]
    sightings.keep(paths)
    return [path for path in paths if sightings.settled(path, seconds, now)]


def claim(path: Path, inbox: Path, worker: str, sightings: Sightings | None = None) -> Path | None:
    """Takes a thing out of the inbox by one rename; the new path, or None when it is not ours to take: another watcher
    was first, it is gone, it cannot be moved now, or it changed since `sightings` saw it settled (it is put back).

    Raises SystemFault when `.sohoa` cannot be written.
    """
    looked = sightings.last(path) if sightings else None
    folder = _taken(inbox) / _claim_name(worker)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise SystemFault(f"{folder}: {error.strerror}") from None
    target = folder / path.name
    try:
        os.rename(path, target)
    except OSError:
        folder.rmdir()
        return None
    if looked is not None and fingerprint(target) != looked:
        # Somebody put another file in its place after it was seen whole, or went on writing.
        give_back(target, inbox)
        return None
    return target


def give_back(claimed: Path, inbox: Path) -> Path:
    """Puts a claimed thing back into the inbox, to be taken again when it is whole; under another name when its own is
    in use by now. Nothing is overwritten. Raises NotFound."""
    number = 1
    while True:
        name = claimed.name if number == 1 else f"{claimed.stem} ({number}){claimed.suffix}"
        try:
            if claimed.is_dir() and not claimed.is_symlink():
                # A rename onto a folder succeeds only when that folder is empty: nothing can be lost.
                os.rename(claimed, inbox / name)
            else:
                _move_file(claimed, inbox / name)
            break
        except FileNotFoundError:
            raise NotFound(claimed.name) from None
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            number += 1
        except OSError as error:
            if not (inbox / name).exists():
                raise SystemFault(f"{claimed.name}: {error.strerror}") from None
            number += 1
    claimed.parent.rmdir()
    return inbox / name


def _move_file(source: Path, target: Path) -> None:
    """Rename that never overwrites. Raises FileExistsError."""
    try:
        os.link(source, target, follow_symlinks=False)
        os.unlink(source)
    except FileExistsError:
        raise
    except OSError:
        # Shares without hard links. The moment between looking and renaming is all that is left to chance there.
        if target.exists():
            raise FileExistsError(target) from None
        os.rename(source, target)


def finish(claimed: Path, inbox: Path, outcome: Literal["done", "refused"] = "done") -> Path:
    """Puts a claimed thing aside once it is archived (or quarantined); its new path. The bytes are never deleted here.

    Raises NotFound when it is not claimed (any more), SystemFault when it cannot be moved.
    """
    day = inbox / OURS / outcome / datetime.now(VIETNAM).date().isoformat()
    if claimed.parent.parent != _taken(inbox) or not os.path.lexists(claimed):
        raise NotFound(str(claimed.name))
    try:
        day.mkdir(parents=True, exist_ok=True)
        os.rename(claimed.parent, day / claimed.parent.name)
    except FileNotFoundError:
        raise NotFound(claimed.name) from None
    except OSError as error:
        raise SystemFault(f"{claimed.name}: {error.strerror}") from None
    return day / claimed.parent.name / claimed.name


def unfinished(inbox: Path, other_machines: bool = False) -> list[Path]:
    """Claimed things whose worker is dead, oldest first. Take one over by `adopt` before working on it.

    Whether a worker on another machine lives cannot be seen from here: its claims are given only when asked for.
    """
    found = []
    taken = _taken(inbox)
    for folder in sorted(taken.iterdir() if taken.is_dir() else ()):
        if not _is_dead(folder.name, other_machines):
            continue
        try:
            things = list(folder.iterdir())
            if not things:
                folder.rmdir()  # killed between making the folder and the rename
            found += things
        except OSError:
            continue  # another watcher took it over just now
    return found


def adopt(claimed: Path, inbox: Path, worker: str) -> Path | None:
    """Takes over a claim of a dead worker; its new path, or None when another watcher was first."""
    folder = _taken(inbox) / _claim_name(worker, since=claimed.parent.name.split("~")[0])
    try:
        os.rename(claimed.parent, folder)
    except OSError:
        return None
    return folder / claimed.name


# --- who claims ------------------------------------------------------------------------------------------------------
def _taken(inbox: Path) -> Path:
    return inbox / OURS / "taken"


def _claim_name(worker: str, since: str = "") -> str:
    """`<time>~<worker>~<machine>~<process>~<its start>~<random>`: all in the name, so that one call makes the claim."""
    since = since or datetime.now(VIETNAM).strftime("%Y%m%dT%H%M%S.%f")
    who = re.sub(r"[^\w.-]+", "_", worker)[:60] or "worker"
    return "~".join(
        (since, who, machine_name(), str(os.getpid()), process_started(os.getpid()) or "0", secrets.token_hex(4))
    )


def machine_name() -> str:
    return re.sub(r"[^\w.-]+", "_", socket.gethostname())[:80]


def process_started(process: int) -> str | None:
    """When a process started, ticks since boot; "0" when the system does not tell; None when it does not live."""
    try:
        # The name in brackets may hold spaces and brackets itself; the fields after it do not (proc(5)).
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]  # killed, and only its parent has not looked yet
    except OSError:
        pass
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "0"


def _is_dead(claim_name: str, other_machines: bool) -> bool:
    parts = claim_name.split("~")
    if len(parts) != 6 or not parts[3].isdecimal():
        return False
    _, _, machine, process, started, _ = parts
    if machine != machine_name():
        return other_machines
    return process_started(int(process)) != started
