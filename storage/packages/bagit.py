"""BagIt bags (RFC 8493): a folder that says itself what is in it, with SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from schemas.keeping_errors import PackageInvalid

DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}


def make_bag(folder: Path, *, info: Mapping[str, str], made: date) -> str:
    """Writes the tag files of a bag whose payload lies in `folder/data`; SHA-256 of its tag manifest."""
    payload = _hashes(folder, folder / "data")
    size = sum((folder / name).stat().st_size for name in payload)
    facts = {**info, "Bagging-Date": made.isoformat(), "Payload-Oxum": f"{size}.{len(payload)}"}
    tags = {
        "bagit.txt": DECLARATION,
        "bag-info.txt": "".join(f"{name}: {_one_line(value)}\n" for name, value in facts.items()),
        MANIFEST: _lines(payload),
    }
    for name, text in tags.items():
        (folder / name).write_bytes(text.encode())
    listed = {name: _hash(folder / name) for name in tags}
    (folder / TAGS).write_bytes(_lines(listed).encode())
    return _hash(folder / TAGS)


def check_bag(folder: Path) -> list[str]:
    """What is wrong with a bag; empty when it is complete and valid."""
    problems: list[str] = []
    try:
        if not (folder / "bagit.txt").read_text("utf-8").startswith("BagIt-Version: "):
            problems.append("bagit.txt: no version")
        payload, tags = _read(folder / MANIFEST), _read(folder / TAGS)
    except (OSError, UnicodeDecodeError, PackageInvalid) as error:
        return [f"not a bag: {error}"]
    found = {str(path.relative_to(folder)) for path in (folder / "data").rglob("*") if path.is_file()}
    problems += [f"{name}: in no manifest" for name in sorted(found - payload.keys())]
    for name, sha256 in {**payload, **tags}.items():
        if not _inside(folder, name):
            problems.append(f"{name}: leads out of the bag")
        elif not (folder / name).is_file():
            problems.append(f"{name}: missing")
        elif _hash(folder / name) != sha256:
            problems.append(f"{name}: changed")
    return problems


def is_bag(folder: Path) -> bool:
    return (folder / "bagit.txt").is_file() and (folder / "data").is_dir()


def _read(path: Path) -> dict[str, str]:
    found = {}
    for line in path.read_text("utf-8").splitlines():
        sha256, _, name = line.partition(" ")
        if len(sha256) != 64 or not name.strip():
            raise PackageInvalid(f"{path.name}: {line[:80]!r}")
        for plain, escaped in reversed(_ESCAPES.items()):
            name = name.replace(escaped, plain)
        found[name.strip().removeprefix("*")] = sha256.lower()
    return found


def _hashes(folder: Path, below: Path) -> dict[str, str]:
    paths = sorted(path for path in below.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): _hash(path) for path in paths}


def _lines(hashes: Mapping[str, str]) -> str:
    lines = []
    for name, sha256 in sorted(hashes.items()):
        for plain, escaped in _ESCAPES.items():
            name = name.replace(plain, escaped)
        lines.append(f"{sha256}  {name}\n")
    return "".join(lines)


def _inside(folder: Path, name: str) -> bool:
    return (folder / name).resolve().is_relative_to(folder.resolve())


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
