"""Which files of a home folder go into a backup, and what is left out of them: private keys and secrets.

QCVN 12:2026/BCA: keys are kept apart from backups [V]. They are named in the manifest, so that whoever restores knows what to
bring. The demo PKI goes along: its keys sign nothing of value, and without it test files would no longer verify.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

SETTINGS = "sohoa.toml"
NOT_FILES_OF_THE_OFFICE = ("catalogue.sqlite", "store", "prefect", "sohoa.log", "revocation")
"""Handled apart, or made again by themselves."""
DEMO = "demo-pki"
_KEY_SUFFIXES = {".p12", ".pfx", ".key", ".jks", ".p8"}
_SECRET = re.compile(
    r"^(\s*)(\w*(?:password|token|secret|access_key)\w*|(?:\w+_)?pin)(\s*=)(?!\s*(?:\"\"|'')\s*(?:#|$))(.+)$", re.IGNORECASE
)
_LARGEST = 50_000_000


def files_of(home: Path) -> Iterator[tuple[Path, bool]]:
    """Path below `home`, and whether it may go into a backup."""
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home)
        if path.is_symlink() or not path.is_file() or inside.parts[0].startswith((*NOT_FILES_OF_THE_OFFICE, ".")):
            continue
        yield inside, inside.parts[0] == DEMO or not holds_private_key(path)


def holds_private_key(path: Path) -> bool:
    if path.suffix.lower() in _KEY_SUFFIXES or path.stat().st_size > _LARGEST:
        return True
    return b"PRIVATE KEY" in path.read_bytes()


def without_secrets(text: str) -> tuple[str, list[str]]:
    """Settings with the values of secrets taken out, and the names of these."""
    left_out: list[str] = []
    lines = []
    for line in text.splitlines():
        found = None if line.lstrip().startswith("#") else _SECRET.match(line)
        if found:
            left_out.append(found[2])
            line = f"{found[1]}# {found[2]}: không có trong bản sao lưu / left out of the backup"
        lines.append(line)
    return "\n".join(lines) + "\n", left_out


def moved(text: str, *, catalogue_url: str, store_url: str) -> str:
    """Settings for a home whose catalogue and store lie elsewhere than before; empty: inside the home."""
    lines, top = [], True
    for line in text.splitlines():
        top = top and not line.lstrip().startswith("[")
        if top and re.match(r"\s*(catalogue_url|store_url)\s*=", line):
            line = f"# {line}"
        lines.append(line)
    new = [
        f'{name} = "{url}"'
        for name, url in (("catalogue_url", catalogue_url), ("store_url", store_url))
        if url
    ]
    return "\n".join([*new, *lines]) + "\n"
