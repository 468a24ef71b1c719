"""Checks XML against the published schemas in `schemas/`, without a network."""

from __future__ import annotations

import functools
from pathlib import Path

from lxml import etree

FOLDER = Path(__file__).parent / "schemas"
NAMES = ("mets.xsd", "premis.xsd", "ead.xsd", "xlink.xsd", "DILCISExtensionMETS.xsd", "DILCISExtensionSIPMETS.xsd")
_BY_NAMESPACE = {
    "http://www.loc.gov/METS/": "mets.xsd",
    "http://www.loc.gov/premis/v3": "premis.xsd",
    "urn:isbn:1-931666-22-9": "ead.xsd",
}
LARGEST = 200_000_000


class _Here(etree.Resolver):
    def resolve(self, url: str, _public: str | None, context: object):
        return self.resolve_filename(str(FOLDER / Path(url).name), context)


def safe_parser() -> etree.XMLParser:
    """For XML from outside: no entities, no network, no DTD."""
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)


@functools.cache
def _schema(name: str) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_Here())
    return etree.XMLSchema(etree.parse(str(FOLDER / name), parser))


def problems_of(data: bytes) -> list[str]:
    """What is wrong with a METS, PREMIS or EAD file; empty when it is valid."""
    if len(data) > LARGEST:
        return ["too large to be a description"]
    try:
        root = etree.fromstring(data, safe_parser())
    except etree.XMLSyntaxError as error:
        return [f"not XML: {error.msg}"]
    name = _BY_NAMESPACE.get(etree.QName(root).namespace or "")
    if name is None:
        return [f"unknown kind of XML: {root.tag}"]
    if root.getroottree().docinfo.doctype:
        return ["a document type declaration is not allowed"]
    schema = _schema(name)
    if schema.validate(root):
        return []
    return [f"line {error.line}: {error.message}" for error in schema.error_log][:20]
