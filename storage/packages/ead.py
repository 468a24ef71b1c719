"""EAD.xml: what a dossier and each of its records are about (EAD 2002; data of *hồ sơ* as TT 05/2025/TT-BNV lists them)."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from schemas.packages import PackagedRecord, PackageInfo
from storage.packages.mets import XSI, stamp

EAD = "urn:isbn:1-931666-22-9"
_NAMES = {None: EAD, "xsi": XSI}


def ead(info: PackageInfo, records: Sequence[PackagedRecord], schema: str) -> bytes:
    """The dossier, with one component for each record. `schema`: where ead.xsd lies, relative."""
    root, description = _begun(info, info.id, info.title, "file", schema)
    did = _did(description, info.dossier_code or info.id, info.title, _span(records), sum(r.pages for r in records))
    _text(_sub(did, "repository"), "corpname", info.office)
    facts = [
        ("Mã hồ sơ", info.dossier_code or info.id),
        ("Mã phông", info.fonds),
        ("Tiêu đề", info.title),
        ("Thời hạn lưu trữ", ", ".join(sorted({r.retention for r in records}))),
        ("Ngôn ngữ", "Tiếng Việt"),
        ("Tổng số tài liệu", str(len(records))),
        ("Số lượng trang", str(sum(r.pages for r in records))),
        ("Chế độ dự phòng", "Có"),
    ]
    _facts(description, facts)
    contents = _sub(description, "dsc")
    for record in records:
        component = _sub(contents, "c01")
        component.set("level", "item")
        component.set("id", f"d-{record.id}")
        _did(component, record.code or record.id, record.title, record.issued, record.pages)
    return _bytes(root)


def ead_of(info: PackageInfo, record: PackagedRecord, schema: str) -> bytes:
    """One record with its fields."""
    root, description = _begun(info, record.id, record.title, "item", schema)
    did = _did(description, record.code or record.id, record.title, record.issued, record.pages)
    if record.agency:
        _text(_sub(did, "origination"), "corpname", record.agency)
    facts = [
        ("Mã định danh văn bản", record.code),
        ("Tên loại văn bản", record.kind),
        ("Số, ký hiệu", record.number),
        ("Ngày, tháng, năm văn bản", record.issued),
        ("Cơ quan ban hành", record.agency),
        ("Trích yếu nội dung", record.subject),
        ("Ngôn ngữ", record.language),
        ("Số lượng trang", str(record.pages)),
        ("Thời hạn có hiệu lực", record.valid_to),
        ("Thời hạn lưu trữ", record.retention),
    ]
    _facts(description, [*facts, *record.values])
    return _bytes(root)


def _begun(info: PackageInfo, identity: str, title: str, level: str, schema: str) -> tuple[etree._Element, etree._Element]:
    root = etree.Element(f"{{{EAD}}}ead", nsmap=_NAMES)
    root.set(f"{{{XSI}}}schemaLocation", f"{EAD} {schema}")
    header = _sub(root, "eadheader")
    _text(header, "eadid", identity)
    statement = _sub(_sub(header, "filedesc"), "titlestmt")
    _text(statement, "titleproper", title)
    profile = _sub(_sub(header, "profiledesc"), "creation")
    profile.text = f"sohoa {info.software}, {stamp(info.created)}"
    description = _sub(root, "archdesc")
    description.set("level", level)
    return root, description


def _did(parent: etree._Element, identity: str, title: str, dates: str, pages: int) -> etree._Element:
    did = _sub(parent, "did")
    _text(did, "unitid", identity)
    _text(did, "unittitle", title)
    if dates:
        _text(did, "unitdate", dates)
    _text(_sub(did, "physdesc"), "extent", f"{pages} trang")
    language = _sub(_sub(did, "langmaterial"), "language")
    language.set("langcode", "vie")
    language.text = "Tiếng Việt"
    return did


def _facts(parent: etree._Element, facts: Sequence[tuple[str, str]]) -> None:
    listed = _sub(_sub(parent, "odd"), "list")
    listed.set("type", "deflist")
    for name, value in facts:
        if value:
            item = _sub(listed, "defitem")
            _text(item, "label", name)
            _text(item, "item", value)


def _span(records: Sequence[PackagedRecord]) -> str:
    days = sorted(record.issued for record in records if record.issued)
    return "" if not days else days[0] if days[0] == days[-1] else f"{days[0]}/{days[-1]}"


def _text(parent: etree._Element, name: str, text: str) -> None:
    _sub(parent, name).text = text


def _sub(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{EAD}}}{name}")


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
