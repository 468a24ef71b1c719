"""PREMIS.xml: what the files are, how they are proven unchanged, and what happened to them (PREMIS 3.0)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lxml import etree

from schemas.packages import PackagedEvent, PackagedFile, PackagedRecord, PackageInfo
from storage.packages.mets import XSI, stamp

PREMIS = "http://www.loc.gov/premis/v3"
_NAMES = {None: PREMIS, "xsi": XSI}
FORMATS = {
    "application/pdf": "PDF/A-2",
    "image/tiff": "TIFF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "application/json": "JSON",
}


def premis(info: PackageInfo, records: Sequence[PackagedRecord], files: Iterable[PackagedFile], schema: str) -> bytes:
    """Objects, then events, then agents, as the schema has them. `schema`: where premis.xsd lies, relative."""
    root = etree.Element(f"{{{PREMIS}}}premis", nsmap=_NAMES, version="3.0")
    root.set(f"{{{XSI}}}schemaLocation", f"{PREMIS} {schema}")
    by_document: dict[str, list[PackagedFile]] = {}
    for file in files:
        by_document.setdefault(file.document or "", []).append(file)
    for record in records:
        _record(root, record)
        for file in by_document.get(record.id, []):
            _file(root, file, record)
    for file in by_document.get("", []):
        _file(root, file, None)
    agents: dict[str, None] = {}
    for record in records:
        for event in record.events:
            agents[event.who] = None
            _event(root, event, record)
    software = _agent(root, "software", f"sohoa {info.software}", "software")
    _text(software, "agentVersion", info.software)
    for who in agents:
        _agent(root, "local", who, "person")
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _record(root: etree._Element, record: PackagedRecord) -> None:
    entity = _sub(root, "object")
    entity.set(f"{{{XSI}}}type", "intellectualEntity")
    _identifier(entity, "objectIdentifier", "sohoa", record.id)
    _text(entity, "originalName", record.title)


def _file(root: etree._Element, file: PackagedFile, record: PackagedRecord | None) -> None:
    entity = _sub(root, "object")
    entity.set(f"{{{XSI}}}type", "file")
    _identifier(entity, "objectIdentifier", "path", file.path)
    facts = _sub(entity, "objectCharacteristics")
    fixity = _sub(facts, "fixity")
    _text(fixity, "messageDigestAlgorithm", "SHA-256")
    _text(fixity, "messageDigest", file.sha256)
    _text(facts, "size", str(file.size))
    designation = _sub(_sub(facts, "format"), "formatDesignation")
    _text(designation, "formatName", FORMATS.get(file.media_type, file.media_type or "application/octet-stream"))
    _text(entity, "originalName", file.path.rpartition("/")[2])
    if record is not None:
        relation = _sub(entity, "relationship")
        _text(relation, "relationshipType", "structural")
        _text(relation, "relationshipSubType", "is part of")
        _identifier(relation, "relatedObjectIdentifier", "sohoa", record.id)


def _event(root: etree._Element, event: PackagedEvent, record: PackagedRecord) -> None:
    entity = _sub(root, "event")
    _identifier(entity, "eventIdentifier", "sohoa", event.id)
    _text(entity, "eventType", event.kind)
    _text(entity, "eventDateTime", stamp(event.at))
    if event.detail:
        _text(_sub(entity, "eventDetailInformation"), "eventDetail", event.detail)
    _identifier(entity, "linkingAgentIdentifier", "local", event.who)
    _identifier(entity, "linkingObjectIdentifier", "sohoa", record.id)


def _agent(root: etree._Element, kind: str, name: str, sort: str) -> etree._Element:
    agent = _sub(root, "agent")
    _identifier(agent, "agentIdentifier", kind, name)
    _text(agent, "agentName", name)
    _text(agent, "agentType", sort)
    return agent


def _identifier(parent: etree._Element, name: str, kind: str, value: str) -> None:
    identifier = _sub(parent, name)
    _text(identifier, f"{name}Type", kind)
    _text(identifier, f"{name}Value", value)


def _text(parent: etree._Element, name: str, text: str) -> None:
    _sub(parent, name).text = text


def _sub(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{PREMIS}}}{name}")
