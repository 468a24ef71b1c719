"""METS.xml of a package and of a representation: what files there are, with size and SHA-256 (E-ARK CSIP 2, METS 1.12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lxml import etree

from schemas.packages import PackagedFile, PackageInfo, PackageKind
from schemas.zone import VIETNAM

METS = "http://www.loc.gov/METS/"
XLINK = "http://www.w3.org/1999/xlink"
CSIP = "https://DILCIS.eu/XML/METS/CSIPExtensionMETS"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
PROFILE = "https://earkcsip.dilcis.eu/profile/E-ARK-CSIP.xml"
_NAMES = {None: METS, "xlink": XLINK, "csip": CSIP, "xsi": XSI}


def stamp(moment: datetime) -> str:
    """ISO 8601 with +07:00 (TT 05/2025/TT-BNV)."""
    return moment.astimezone(VIETNAM).isoformat(timespec="seconds")


def mets(info: PackageInfo, files: Sequence[PackagedFile], *, part: str | None = None, parts: Sequence[str] = ()) -> bytes:
    """METS of the whole package, or of one representation (`part`); paths are relative to where the file lies."""
    level = "../" * (0 if part is None else 2)
    base = "" if part is None else f"representations/{part}/"
    root = etree.Element(f"{{{METS}}}mets", nsmap=_NAMES)
    objid = f"urn:{info.fonds}:uuid:{info.id}"
    root.set("OBJID", objid if part is None else f"{objid}:{part}")
    root.set("LABEL", info.title if part is None else part)
    root.set("TYPE", "Mixed")
    root.set("PROFILE", PROFILE)
    root.set(f"{{{CSIP}}}CONTENTINFORMATIONTYPE", "MIXED")
    root.set(
        f"{{{XSI}}}schemaLocation",
        f"{METS} {level}schemas/mets.xsd {XLINK} {level}schemas/xlink.xsd {CSIP} {level}schemas/DILCISExtensionMETS.xsd",
    )
    _header(root, info)
    ours = [file for file in files if _belongs(file, part)]
    described = {"descriptive": "EAD", "other": "OTHER"}
    for group, kind in described.items():
        for number, file in enumerate((f for f in ours if f.group == group), 1):
            section = _sub(root, "dmdSec", ID=f"dmd-{group}-{number}", CREATED=stamp(file.created))
            _reference(section, file, kind, base)
    preserved = [file for file in ours if file.group == "preservation"]
    if preserved:
        amd = _sub(root, "amdSec", ID="amd-1")
        for number, file in enumerate(preserved, 1):
            section = _sub(amd, "digiprovMD", ID=f"premis-{number}", CREATED=stamp(file.created))
            _reference(section, file, "PREMIS", base)
    _files(root, ours, base)
    _structure(root, info, ours, base, parts)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _belongs(file: PackagedFile, part: str | None) -> bool:
    inside = file.path.startswith("representations/")
    return not inside or file.path.endswith("/METS.xml") if part is None else file.path.startswith(f"representations/{part}/")


def _header(root: etree._Element, info: PackageInfo) -> None:
    kind = PackageKind.AIP if info.kind is PackageKind.BAGIT else info.kind
    header = _sub(root, "metsHdr", CREATEDATE=stamp(info.created), LASTMODDATE=stamp(info.created), RECORDSTATUS="NEW")
    header.set(f"{{{CSIP}}}OAISPACKAGETYPE", kind.value.upper())
    software = _sub(header, "agent", ROLE="CREATOR", TYPE="OTHER", OTHERTYPE="SOFTWARE")
    _sub(software, "name").text = "sohoa"
    _noted(software, "SOFTWARE VERSION", info.software)
    office = _sub(header, "agent", ROLE="ARCHIVIST", TYPE="ORGANIZATION")
    _sub(office, "name").text = info.office
    _noted(office, "IDENTIFICATIONCODE", info.fonds)


def _noted(agent: etree._Element, kind: str, text: str) -> None:
    note = _sub(agent, "note")
    note.set(f"{{{CSIP}}}NOTETYPE", kind)
    note.text = text


def _reference(section: etree._Element, file: PackagedFile, kind: str, base: str) -> None:
    reference = _sub(section, "mdRef", LOCTYPE="URL", MDTYPE=kind)
    if kind == "OTHER":
        reference.set("OTHERMDTYPE", "SOHOA")
    _facts(reference, file)
    _link(reference, file, base)


def _files(root: etree._Element, files: Sequence[PackagedFile], base: str) -> None:
    groups: dict[str, list[PackagedFile]] = {}
    for file in files:
        if use := _use(file, base):
            groups.setdefault(use, []).append(file)
    if not groups:
        return
    section = _sub(root, "fileSec", ID="files")
    for use, members in groups.items():
        group = _sub(section, "fileGrp", ID=f"grp-{_name(use)}", USE=use)
        for file in members:
            entry = _sub(group, "file", ID=_file_id(file))
            _facts(entry, file)
            place = _sub(entry, "FLocat", LOCTYPE="URL")
            _link(place, file, base)


def _use(file: PackagedFile, base: str) -> str | None:
    if file.path.endswith("/METS.xml") and file.path.startswith("representations/") and not base:
        return f"Representations/{file.path.split('/')[1]}"
    if file.group.startswith("data/"):
        return "Data"
    return {"documentation": "Documentation", "schemas": "Schemas"}.get(file.group)


def _structure(
    root: etree._Element, info: PackageInfo, files: Sequence[PackagedFile], base: str, parts: Sequence[str]
) -> None:
    structure = _sub(root, "structMap", ID="structure", TYPE="PHYSICAL", LABEL="CSIP")
    top = _sub(structure, "div", ID="div-top", LABEL=f"uuid-{info.id}")
    described = [f"dmd-{g}-{n}" for g in ("descriptive", "other") for n, _ in enumerate((f for f in files if f.group == g), 1)]
    preserved = ["amd-1"] if any(f.group == "preservation" for f in files) else []
    metadata = _sub(top, "div", ID="div-metadata", LABEL="Metadata")
    if preserved:
        metadata.set("ADMID", " ".join(preserved))
    if described:
        metadata.set("DMDID", " ".join(described))
    for use in ("Data", "Documentation", "Schemas"):
        members = [file for file in files if _use(file, base) == use]
        if members:
            division = _sub(top, "div", ID=f"div-{use.lower()}", LABEL=use)
            for file in members:
                _sub(division, "fptr", FILEID=_file_id(file))
    for part in parts:
        division = _sub(top, "div", ID=f"div-{part}", LABEL=f"Representations/{part}")
        pointer = _sub(division, "mptr", LOCTYPE="URL")
        pointer.set(f"{{{XLINK}}}type", "simple")
        pointer.set(f"{{{XLINK}}}href", f"representations/{part}/METS.xml")
        pointer.set(f"{{{XLINK}}}title", f"grp-{_name(f'Representations/{part}')}")


def _facts(element: etree._Element, file: PackagedFile) -> None:
    element.set("MIMETYPE", file.media_type)
    element.set("SIZE", str(file.size))
    element.set("CREATED", stamp(file.created))
    element.set("CHECKSUM", file.sha256)
    element.set("CHECKSUMTYPE", "SHA-256")


def _link(element: etree._Element, file: PackagedFile, base: str) -> None:
    element.set(f"{{{XLINK}}}type", "simple")
    element.set(f"{{{XLINK}}}href", file.path.removeprefix(base))


def _file_id(file: PackagedFile) -> str:
    return f"file-{_name(file.path)}"


def _name(text: str) -> str:
    """Letters that an XML ID may have."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-.") else "_" for c in text)


def _sub(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{METS}}}{name}", **attributes)
