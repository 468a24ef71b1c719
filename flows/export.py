"""Hands records out: the archived PDF, the data with its evidence, and a manifest of hashes by which anybody can
check them.

Names follow CV 7197/BKHCN-CĐSQG (`storage.codes.file_name`). Only what was checked leaves the house, hashes are
verified on the way out, and nothing that already lies in the target folder is overwritten.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from flows.review import Desk
from schemas.document import DocumentStatus
from schemas.errors import DiskFull, NotAllowedNow, ObjectDamaged, ObjectMissing, SystemFault, TargetExists
from schemas.zone import VIETNAM
from storage.catalogue import DocumentRow
from storage.codes import file_name

MANIFEST = "manifest-sha256.txt"
"""`<sha256>  <name>` a line, as `sha256sum --check` reads it."""
READY = (DocumentStatus.CHECKED, DocumentStatus.ARCHIVED)
_NO_SPACE = (28, 122)  # ENOSPC, EDQUOT


@dataclass(frozen=True)
class Exported:
    """One record as written."""

    document: str
    pdf: Path
    data: Path
    sha256: str
    """Of the PDF, as in the catalogue."""


def export_record(desk: Desk, row: DocumentRow, folder: Path, *, who: str) -> Exported:
    """Writes the archived file and its data. The same again changes nothing.

    Raises NotAllowedNow for a record that nobody checked, ObjectMissing, ObjectDamaged, TargetExists, DiskFull.
    """
    if row.status not in READY:
        raise NotAllowedNow(f"{row.id}: {row.status}; sohoa review show {row.id}")
    if row.archive is None:
        raise ObjectMissing(f"{row.id} has no archived copy")
    data = desk.store.get(row.archive.key, row.archive.version)
    if hashlib.sha256(data).hexdigest() != row.archive.sha256:
        raise ObjectDamaged(row.archive.key)
    folder.mkdir(parents=True, exist_ok=True)
    name = _name(desk, row)
    pdf, facts = folder / f"{name}.pdf", folder / f"{name}.json"
    text = json.dumps(record_facts(row) | {"file": pdf.name}, ensure_ascii=False, indent=2) + "\n"
    write_new(facts, text.encode())
    write_new(pdf, data)
    _add_to_manifest(folder, [pdf, facts])
    desk.catalogue.event(who, "exported", row.id, {"sha256": row.archive.sha256})
    return Exported(row.id, pdf, facts, row.archive.sha256)


def record_facts(row: DocumentRow) -> dict:
    """A record with its evidence as JSON has it (schemas/record.schema.json)."""
    return {
        "id": row.id,
        "batch": row.batch,
        "type": row.type,
        "status": str(row.status),
        "revision": row.revision,
        "version": row.version,
        "source": row.source,
        "pages": row.pages,
        "doc_code": row.doc_code,
        "result_code": row.result_code,
        "digitised_code": row.digitised_code,
        "dossier_code": row.dossier_code,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "confirmed_by": row.confirmed_by,
        "archive": row.archive.model_dump(include={"key", "sha256", "version"}) if row.archive else None,
        "fields": {name: field.model_dump(mode="json") for name, field in row.fields.items()},
        "checks": [check.model_dump(mode="json") for check in row.checks],
        "tables": row.tables,
    }


def _name(desk: Desk, row: DocumentRow) -> str:
    """`CODE_YYYYMMDD_DESC`; a record without DocCode (the office has no code yet) goes by its id."""
    issued = row.fields.get("ngay_ban_hanh")
    try:
        day = date.fromisoformat(issued.value if issued and issued.value else "")
    except ValueError:
        day = row.created.astimezone(VIETNAM).date()
    name = file_name(desk.settings.codes, row.doc_code or row.id, day, desk.kind_name(row.type), "pdf")
    return name.removesuffix(".pdf")


def write_new(path: Path, data: bytes) -> None:
    """Whole or not at all, and never over other bytes."""
    if path.exists():
        if path.read_bytes() == data:
            return
        raise TargetExists(path.name)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # fails where a rename would replace
        except FileExistsError:
            raise TargetExists(path.name) from None
        except OSError:
            os.rename(part, path)  # a stick or share without hard links
    except OSError as error:
        raise (DiskFull if error.errno in _NO_SPACE else SystemFault)(
            f"{path.name}: {error.strerror}"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _add_to_manifest(folder: Path, paths: Iterable[Path]) -> None:
    path = folder / MANIFEST
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    known = dict(reversed(line.split("  ", 1)) for line in lines if "  " in line)
    for written in paths:
        known[written.name] = hashlib.sha256(written.read_bytes()).hexdigest()
    part = path.with_name(f".{MANIFEST}.{secrets.token_hex(4)}")
    part.write_text("".join(f"{digest}  {name}\n" for name, digest in sorted(known.items())), "utf-8")
    os.replace(part, path)
