"""Archive packages: made from records, checked, and taken into another system, where the records are what they were.

    AIP, SIP    METS.xml, metadata/descriptive/EAD.xml, metadata/preservation/PREMIS.xml, representations/rep1 (archived files,
                every version) and rep2 (scans as they came), schemas/, documentation/ (TT 05/2025/TT-BNV PL I–IV)
    DIP         the newest file of each record and a page to read, for whoever asked (Đ32)
    bag         an AIP inside a BagIt bag (RFC 8493)

Every file is named with its SHA-256 in METS; XML is checked against the published schemas when a package is made, checked or
taken in. `metadata/other/sohoa.json` carries the rows of the records, so that nothing is lost on the way.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import stat
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

import sqlalchemy as sa
from lxml import etree
from pydantic import ValidationError

from flows.fixity import Archive
from flows.package_facts import describe, reading_page
from schemas.document import DocumentStatus
from schemas.errors import DiskFull, NotAllowedNow, NotFound, SystemFault, TargetExists, WrongUse
from schemas.keeping_errors import PackageInvalid
from schemas.packages import (
    PackageCheck,
    Packaged,
    PackagedFile,
    PackagedObject,
    PackagedRecord,
    PackageInfo,
    PackageKind,
    TakenIn,
)
from schemas.settings import Settings
from schemas.store import ObjectRef, ObjectStat
from schemas.zone import VIETNAM
from storage.catalogue import DocumentRow
from storage.catalogue.events import add_event
from storage.catalogue.tables import documents as documents_table
from storage.catalogue.tables import sources
from storage.keeping.packages import add_package
from storage.objects import LocalStore, original_key
from storage.packages import xml_schemas
from storage.packages.bagit import check_bag, is_bag, make_bag
from storage.packages.ead import ead, ead_of
from storage.packages.mets import METS, XLINK, mets
from storage.packages.premis import premis
from storage.packages.rows import rows_of, take_in

ROWS = "metadata/other/sohoa.json"
FORMAT = 1
REP, SCANS = "rep1", "rep2"
_EXTENSIONS = {"image/tiff": "tif", "image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}
_NAMESPACE = uuid.UUID("6f9d2f0c-2a55-5c53-9a4e-6d3b7d1f0a11")
LARGEST_ZIP = 20_000_000_000
LARGEST_FILES = 200_000


# --- making ----------------------------------------------------------------------------------------------------------
def make(
    archive: Archive, settings: Settings, documents: Sequence[str], kind: PackageKind, target: Path, *, zipped: bool = False, who: str
) -> Packaged:
    """A package of these archived records in the folder `target`. The same records again give the same id.

    Raises NotFound, NotAllowedNow for a record that is not archived, TargetExists, ObjectMissing, ObjectDamaged, DiskFull."""
    rows = [_archived(archive, document) for document in dict.fromkeys(documents)]
    if not rows:
        raise WrongUse("no records")
    info = _info(archive, settings, rows, kind)
    final = target.absolute() / f"{kind}_{info.id}{'.zip' if zipped else ''}"
    if final.exists():
        raise TargetExists(final.name)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{kind}-", dir=target) as work:
            folder = Path(work) / final.name.removesuffix(".zip")
            inside = folder / "data" if kind is PackageKind.BAGIT else folder
            inside.mkdir(parents=True)
            writer = _Writer(archive, settings, info, inside)
            digest = writer.reader(rows) if kind is PackageKind.DIP else writer.whole(rows)
            if kind is PackageKind.BAGIT:
                digest = make_bag(folder, info=_bag_info(info), made=info.created.astimezone(VIETNAM).date())
            if problems := check(folder).problems:
                raise PackageInvalid("; ".join(problems[:5]))
            made = _zipped(folder) if zipped else folder
            os.replace(made, final)
    except OSError as error:
        raise (DiskFull if error.errno in (28, 122) else SystemFault)(f"{final.name}: {error.strerror}") from error
    ids = [row.id for row in rows]
    add_package(archive.catalogue, info.id, kind, "made", ids, digest, who=who, at=archive.clock())
    return Packaged(
        id=info.id, kind=kind, path=str(final), records=ids, files=len(writer.files),
        bytes=sum(file.size for file in writer.files), sha256=digest,
    )  # fmt: skip


def _archived(archive: Archive, document: str) -> DocumentRow:
    row = archive.catalogue.document(document)
    if row.archive is None or row.status is not DocumentStatus.ARCHIVED:
        raise NotAllowedNow(f"{row.id} is {row.status}; only archived records go into packages")
    return row


def of_dossier(archive: Archive, dossier_code: str) -> list[str]:
    """Archived records of a dossier. Raises NotFound."""
    d = documents_table.c
    query = sa.select(d.id).where(d.dossier_code == dossier_code, d.status == DocumentStatus.ARCHIVED, ~d.superseded)
    with archive.catalogue.read() as connection:
        found = list(connection.scalars(query.order_by(d.id)))
    if not found:
        raise NotFound(f"dossier {dossier_code}")
    return found


def _info(archive: Archive, settings: Settings, rows: Sequence[DocumentRow], kind: PackageKind) -> PackageInfo:
    hashes = sorted(v.archive.sha256 for row in rows for v in archive.catalogue.versions(row.id))
    dossiers = {row.dossier_code for row in rows if row.dossier_code}
    dossier = dossiers.pop() if len(dossiers) == 1 else ""
    return PackageInfo(
        id=str(uuid.uuid5(_NAMESPACE, "\n".join([kind, *sorted(row.id for row in rows), *hashes]))),
        kind=kind,
        fonds=settings.preserve.fonds_code or settings.office.code or "0",
        office=settings.office.name,
        title=f"Hồ sơ {dossier}" if dossier else f"Tập hồ sơ gồm {len(rows)} tài liệu",
        dossier_code=dossier,
        created=archive.clock(),
        software=importlib.metadata.version("sohoa"),
    )


def _bag_info(info: PackageInfo) -> dict[str, str]:
    return {
        "Source-Organization": info.office,
        "External-Identifier": f"urn:{info.fonds}:uuid:{info.id}",
        "External-Description": info.title,
        "Bag-Software-Agent": f"sohoa {info.software}",
    }


@dataclass
class _Writer:
    archive: Archive
    settings: Settings
    info: PackageInfo
    folder: Path
    files: list[PackagedFile] = field(default_factory=list)
    objects: list[PackagedObject] = field(default_factory=list)

    def whole(self, rows: Sequence[DocumentRow]) -> str:
        """AIP or SIP; SHA-256 of METS.xml, which names every other file."""
        records = []
        for row in rows:
            versions = [
                self._object(v.archive, f"representations/{REP}/data/{row.id}/V{v.version}.pdf", f"data/{REP}", row.id)
                for v in self.archive.catalogue.versions(row.id)
            ]
            for ref in self.archive.store.list(f"evidence/{row.id}/"):
                self._object(ref, f"documentation/{ref.key}", "documentation", row.id)
            records.append(describe(self.archive.catalogue, self.settings.preserve, row, versions))
        self._scans(rows)
        self._schemas()
        self._rows([row.id for row in rows])
        for record in records:
            path = f"representations/{REP}/metadata/descriptive/EAD_doc_{record.id}.xml"
            self._xml(path, ead_of(self.info, record, "../../../../schemas/ead.xsd"), "descriptive", record.id)
        self._part(REP, records)
        self._part(SCANS, [])
        self._xml("metadata/descriptive/EAD.xml", ead(self.info, records, "../../schemas/ead.xsd"), "descriptive")
        everything = premis(self.info, records, self._data(), "../../schemas/premis.xsd")
        self._xml("metadata/preservation/PREMIS.xml", everything, "preservation")
        return self._mets(None, parts=(REP, SCANS))

    def reader(self, rows: Sequence[DocumentRow]) -> str:
        """DIP: the newest file of each record, the page to read, METS."""
        records = []
        for row in rows:
            file = self._object(row.archive, f"representations/{REP}/data/{row.id}.pdf", f"data/{REP}", row.id)
            records.append(describe(self.archive.catalogue, self.settings.preserve, row, [file]))
        self._schemas()
        self._write("index.html", reading_page(self.info, records), "documentation", "text/html")
        self._part(REP, records)
        self._xml("metadata/descriptive/EAD.xml", ead(self.info, records, "../../schemas/ead.xsd"), "descriptive")
        return self._mets(None, parts=(REP,))

    def _scans(self, rows: Sequence[DocumentRow]) -> None:
        for sha256 in dict.fromkeys(row.source for row in rows):
            for ref in self.archive.store.versions(original_key(sha256)):
                media_type = self._media_type(sha256)
                name = f"{sha256}.{_EXTENSIONS.get(media_type, 'bin')}"
                self._object(ref, f"representations/{SCANS}/data/{name}", f"data/{SCANS}", None, media_type)

    def _media_type(self, sha256: str) -> str:
        with self.archive.catalogue.read() as connection:
            return connection.scalar(sa.select(sources.c.media_type).where(sources.c.sha256 == sha256)) or ""

    def _schemas(self) -> None:
        for name in xml_schemas.NAMES:
            self._write(f"schemas/{name}", (xml_schemas.FOLDER / name).read_bytes(), "schemas", "application/xml")

    def _rows(self, documents: list[str]) -> None:
        with self.archive.catalogue.read() as connection:
            rows = rows_of(connection, documents)
        kept = {
            "format": FORMAT,
            "package": self.info.model_dump(mode="json"),
            "rows": rows,
            "objects": [found.model_dump(mode="json") for found in self.objects],
        }
        self._write(ROWS, json.dumps(kept, ensure_ascii=False, indent=1).encode(), "other", "application/json")

    def _part(self, part: str, records: Sequence[PackagedRecord]) -> None:
        own = [file for file in self._data() if file.group == f"data/{part}"]
        path = f"representations/{part}/metadata/preservation/PREMIS_{part}.xml"
        self._xml(path, premis(self.info, records, own, "../../../../schemas/premis.xsd"), "preservation")
        self._mets(part)

    def _data(self) -> list[PackagedFile]:
        return [file for file in self.files if file.group.startswith("data/")]

    def _mets(self, part: str | None, parts: Sequence[str] = ()) -> str:
        path = "METS.xml" if part is None else f"representations/{part}/METS.xml"
        return self._xml(path, mets(self.info, self.files, part=part, parts=parts), "mets").sha256

    def _xml(self, path: str, data: bytes, group: str, document: str | None = None) -> PackagedFile:
        if problems := xml_schemas.problems_of(data):
            raise PackageInvalid(f"{path}: {problems[0]}")
        return self._write(path, data, group, "application/xml", document)

    def _object(
        self, ref: ObjectRef, path: str, group: str, document: str | None, media_type: str | None = None
    ) -> PackagedFile:
        """Re-hashed on its way out. Raises ObjectDamaged, ObjectMissing."""
        found = self.archive.store.stat(ref.key, ref.version)
        data = self.archive.store.get(ref.key, ref.version)
        facts = {name: getattr(found, name) for name in ("ref", "created", "media_type", "metadata", "retention")}
        self.objects.append(PackagedObject(path=path, **facts))
        return self._write(path, data, group, media_type or found.media_type or "application/octet-stream", document, found.created)

    def _write(
        self, path: str, data: bytes, group: str, media_type: str, document: str | None = None, created: datetime | None = None
    ) -> PackagedFile:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        written = PackagedFile(
            path=path, sha256=hashlib.sha256(data).hexdigest(), size=len(data), media_type=media_type,
            created=created or self.info.created, group=group, document=document,
        )  # fmt: skip
        self.files.append(written)
        return written


def _zipped(folder: Path) -> Path:
    made = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(made, "x", zipfile.ZIP_DEFLATED, allowZip64=True) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, f"{folder.name}/{path.relative_to(folder).as_posix()}")
    return made


# --- checking --------------------------------------------------------------------------------------------------------
def check(path: Path) -> PackageCheck:
    """Is every file there that METS names, with its hash, and nothing else; is the XML valid? Raises PackageInvalid for what
    is no package at all, NotFound."""
    with _opened(path) as folder:
        problems = check_bag(folder) if is_bag(folder) else []
        inside = folder / "data" if is_bag(folder) else folder
        root = _xml(inside, "METS.xml", problems)
        if root is None:
            raise PackageInvalid(f"{path.name}: no METS.xml")
        named = _checked_files(inside, "METS.xml", root, problems)
        found = {p.relative_to(inside).as_posix() for p in inside.rglob("*") if p.is_file()}
        problems += [f"{name}: METS does not name it" for name in sorted(found - named - {"METS.xml"})]
        header = root.find(f"{{{METS}}}metsHdr")
        kind = "" if header is None else next((v for k, v in header.attrib.items() if k.endswith("OAISPACKAGETYPE")), "")
        # A DIP has no rows to be taken in: there a record is its file.
        files = sorted(path.stem for path in (inside / "representations" / REP / "data").glob("D-*.pdf"))
        records = _records(inside) if (inside / ROWS).exists() else files
        return PackageCheck(
            path=str(path), kind=kind, id=root.get("OBJID", ""), files=len(found), records=records, problems=problems[:200]
        )


def _checked_files(folder: Path, at: str, root: etree._Element, problems: list[str]) -> set[str]:
    """Everything that a METS names, and what the METS below it name."""
    base, named = PurePosixPath(at).parent, set()
    for element in root.iter(f"{{{METS}}}file", f"{{{METS}}}mdRef"):
        link = element if element.tag.endswith("mdRef") else element.find(f"{{{METS}}}FLocat")
        href = "" if link is None else link.get(f"{{{XLINK}}}href", "")
        name = str(base / href)
        named.add(name)
        place = folder / name
        if not href or ".." in PurePosixPath(href).parts or not place.resolve().is_relative_to(folder.resolve()):
            problems.append(f"{at}: {href!r} leads out of the package")
        elif not place.is_file():
            problems.append(f"{name}: missing")
        elif _hash(place) != element.get("CHECKSUM"):
            problems.append(f"{name}: changed")
        elif str(place.stat().st_size) != element.get("SIZE"):
            problems.append(f"{name}: size differs")
        elif place.suffix == ".xml":
            below = _xml(folder, name, problems)
            if below is not None and place.name == "METS.xml":
                named |= _checked_files(folder, name, below, problems)
    return named


def _xml(folder: Path, name: str, problems: list[str]) -> etree._Element | None:
    try:
        data = (folder / name).read_bytes()
    except OSError:
        return None
    found = xml_schemas.problems_of(data)
    problems += [f"{name}: {problem}" for problem in found]
    try:
        return etree.fromstring(data, xml_schemas.safe_parser())
    except etree.XMLSyntaxError:
        return None


def _records(folder: Path) -> list[str]:
    kept = _kept(folder)
    return [row["id"] for row in kept["rows"].get("documents", [])]


def _kept(folder: Path) -> dict:
    try:
        kept = json.loads((folder / ROWS).read_text("utf-8"))
        if kept["format"] != FORMAT:
            raise PackageInvalid(f"rows of format {kept['format']}")
        kept["objects"] = [PackagedObject(**found) for found in kept["objects"]]
        return kept
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise PackageInvalid(f"{ROWS}: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[Path]:
    """The folder of a package; a ZIP is unpacked beside nothing of ours. Raises NotFound, PackageInvalid."""
    if path.is_dir():
        yield path
        return
    if not path.is_file():
        raise NotFound(str(path))
    with tempfile.TemporaryDirectory(prefix="sohoa-package-") as work:
        try:
            with zipfile.ZipFile(path) as file:
                entries = file.infolist()
                if len(entries) > LARGEST_FILES or sum(entry.file_size for entry in entries) > LARGEST_ZIP:
                    raise PackageInvalid("too large")
                for entry in entries:
                    mode = entry.external_attr >> 16
                    parts = PurePosixPath(entry.filename).parts
                    if stat.S_ISLNK(mode) or entry.filename.startswith("/") or ".." in parts or "\\" in entry.filename:
                        raise PackageInvalid(f"{entry.filename!r}: not a plain file inside the package")
                file.extractall(work)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise PackageInvalid(f"{path.name}: {error}") from error
        tops = list(Path(work).iterdir())
        yield tops[0] if len(tops) == 1 and tops[0].is_dir() else Path(work)


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# --- taking in -------------------------------------------------------------------------------------------------------
def import_package(archive: Archive, path: Path, *, who: str) -> TakenIn:
    """Records of a package into this system: same ids, fields, history, versions, hashes. Doing it again changes nothing.

    Files first, then the rows in one transaction. Raises PackageInvalid, AlreadyHere, NotFound, DiskFull, StoreUnavailable."""
    with _opened(path) as folder:
        found = check(folder)
        if found.problems:
            raise PackageInvalid("; ".join(found.problems[:5]))
        inside = folder / "data" if is_bag(folder) else folder
        if not (inside / ROWS).exists():
            raise PackageInvalid(f"{path.name}: carries no records to take in (a DIP is for reading)")
        kept = _kept(inside)
        names: dict[tuple[str, str], ObjectRef] = {}
        for one in kept["objects"]:
            place = inside / one.path
            if not place.resolve().is_relative_to(inside.resolve()):
                raise PackageInvalid(f"{one.path!r} leads out of the package")
            names[one.ref.key, one.ref.version] = _stored(archive, one, place)
        with archive.catalogue.write() as connection:
            new, here = take_in(connection, kept["rows"], lambda ref: names.get((ref.key, ref.version), ref))
            for document in new:
                add_event(connection, who, "taken_in", document, package=kept["package"]["id"])
    digest = _hash(path) if path.is_file() else _hash(path / ("tagmanifest-sha256.txt" if is_bag(path) else "METS.xml"))
    if new:
        kind = PackageKind(kept["package"]["kind"])
        add_package(archive.catalogue, kept["package"]["id"], kind, "taken_in", new, digest, who=who, at=archive.clock())
    return TakenIn(id=kept["package"]["id"], records=new, already_here=here, objects=len(names))


def _stored(archive: Archive, one: PackagedObject, place: Path) -> ObjectRef:
    store = archive.store
    for ref in store.versions(one.ref.key):
        if ref.sha256 == one.ref.sha256:
            return ref
    if isinstance(store, LocalStore):  # a folder keeps times and numbers
        facts = {name: getattr(one, name) for name in ("ref", "created", "media_type", "metadata", "retention")}
        return store.take_in(ObjectStat(**facts), place)
    return store.put(
        one.ref.key, place, sha256=one.ref.sha256, media_type=one.media_type, metadata=one.metadata, new_version=True
    )
