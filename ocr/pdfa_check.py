"""Rules of ISO 19005-2:2011 (PDF/A-2b) as checks. Finds what breaks them; does not replace a conformance validator.

This module looks at the file, its trailer, its description and its dictionaries; `pdfa_content` at what pages draw.
"""

from __future__ import annotations

import io
import re
from datetime import datetime
from itertools import pairwise

import pikepdf
from lxml import etree
from pikepdf import Array, Dictionary, Name, Pdf, Stream

from ocr.colour_profiles import CHANNELS, profile_fault
from ocr.pdfa_content import check_content
from ocr.pdfa_finding import Finding

NS = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "pdf": "http://ns.adobe.com/pdf/1.3/",
    "pdfaid": "http://www.aiim.org/pdfa/ns/id/",
    "ext": "http://www.aiim.org/pdfa/ns/extension/",
    "schema": "http://www.aiim.org/pdfa/ns/schema#",
    "property": "http://www.aiim.org/pdfa/ns/property#",
}
PREDEFINED = {NS[p] for p in ("rdf", "dc", "xmp", "pdf", "pdfaid", "ext", "schema", "property")} | {
    "http://ns.adobe.com/xap/1.0/mm/", "http://ns.adobe.com/xap/1.0/rights/", "http://ns.adobe.com/xap/1.0/bj/",
    "http://ns.adobe.com/xap/1.0/t/pg/", "http://ns.adobe.com/photoshop/1.0/", "http://ns.adobe.com/tiff/1.0/",
    "http://ns.adobe.com/exif/1.0/", "http://www.w3.org/XML/1998/namespace",
}  # fmt: skip
FILTERS = {"/ASCIIHexDecode", "/ASCII85Decode", "/RunLengthDecode", "/FlateDecode", "/CCITTFaxDecode", "/JBIG2Decode",
           "/DCTDecode", "/JPXDecode"}  # fmt: skip
ACTIONS = {"/GoTo", "/GoToR", "/GoToE", "/Thread", "/URI", "/Named", "/SubmitForm"}
NAMED_ACTIONS = {"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"}
ANNOTATIONS = {
    "/Text",
    "/Link",
    "/FreeText",
    "/Line",
    "/Square",
    "/Circle",
    "/Polygon",
    "/PolyLine",
    "/Highlight",
    "/Underline",
    "/Squiggly",
    "/StrikeOut",
    "/Stamp",
    "/Caret",
    "/Ink",
    "/Popup",
    "/FileAttachment",
    "/Widget",
    "/PrinterMark",
    "/TrapNet",
    "/Watermark",
    "/Redact",
}
INFO_TO_XMP = {
    "/Title": "dc:title",
    "/Author": "dc:creator",
    "/Subject": "dc:description",
    "/Creator": "xmp:CreatorTool",
    "/Producer": "pdf:Producer",
    "/CreationDate": "xmp:CreateDate",
    "/ModDate": "xmp:ModifyDate",
}
PAGE_BOXES = ("/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox")


def check_pdfa2b(data: bytes) -> list[Finding]:
    """Everything found against PDF/A-2b in a file, in no promised order; empty when nothing was found.

    A file that does not open yields one finding of clause 6.1.2 rather than an exception.
    """
    found = _file_structure(data)
    try:
        with Pdf.open(io.BytesIO(data), suppress_warnings=True) as pdf:
            if pdf.is_encrypted:
                found.append(Finding("encrypted", "6.1.3", "/Encrypt in the trailer"))
            found += [Finding("syntax", "6.1.4", str(warning)) for warning in pdf.get_warnings()]
            found += _trailer(pdf)
            found += _catalog(pdf)
            found += _objects(pdf)
            intent, problems = _output_intent(pdf)
            found += problems
            found += _metadata(pdf)
            found += _forms(pdf)
            found += _pages(pdf)
            found += check_content(pdf, intent)
    except pikepdf.PasswordError:
        found.append(Finding("encrypted", "6.1.3", "needs a password"))
    except pikepdf.PdfError as error:
        found.append(Finding("syntax", "6.1.2", str(error)))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
        # An entry of another type than the standard names: ISO 32000-1, on which PDF/A-2 rests, is broken.
        found.append(Finding("object_type", "6.1.1", f"{type(error).__name__}: {error}"))
    return list(dict.fromkeys(found))


# --- bytes ------------------------------------------------------------------------------------------------------------
def _file_structure(data: bytes) -> list[Finding]:
    found = []
    if not re.match(rb"%PDF-1\.[0-7](\r\n|\r|\n)", data[:12]):
        found.append(Finding("header", "6.1.2", repr(data[:10])))
    second = re.split(rb"\r\n|\r|\n", data[:256], maxsplit=2)[1:2]
    if not second or not re.match(rb"%[\x80-\xff]{4}", second[0]):
        found.append(
            Finding("header_binary_comment", "6.1.2", "no comment of four bytes above 127 after the header")
        )
    if not re.search(rb"%%EOF(\r\n|\r|\n)?\Z", data[-16:]):
        found.append(Finding("after_eof", "6.1.3", "data after the last %%EOF"))
    start = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*\Z", data[-64:])
    at = int(start.group(1)) if start else -1
    if at < 0 or at >= len(data):
        found.append(Finding("xref", "6.1.4", "startxref does not point into the file"))
    elif data[at : at + 4] == b"xref":
        if not re.match(
            rb"xref(\r\n|\r|\n)\d+ \d+ ?(\r\n|\r|\n)(\d{10} \d{5} [nf](\r\n| \r| \n))*", data[at:]
        ):
            found.append(Finding("xref", "6.1.4", "cross reference table is not in the required form"))
    elif not re.match(rb"\d+ \d+ obj", data[at : at + 24]):
        found.append(Finding("xref", "6.1.4", "startxref points to neither a table nor a stream"))
    return found


def _trailer(pdf: Pdf) -> list[Finding]:
    ident = pdf.trailer.get("/ID")
    if not isinstance(ident, Array) or len(ident) != 2 or not all(bytes(part) for part in ident):
        return [Finding("file_id", "6.1.3", "trailer without /ID of two strings")]
    return []


# --- catalogue and objects --------------------------------------------------------------------------------------------
def _catalog(pdf: Pdf) -> list[Finding]:
    root, found = pdf.Root, []
    if "/AA" in root:
        found.append(Finding("additional_actions", "6.5.2", "catalog /AA"))
    if "/Requirements" in root:
        found.append(Finding("requirements", "6.11", "catalog /Requirements"))
    if "/Perms" in root and set(root["/Perms"].keys()) - {"/UR3", "/DocMDP"}:
        found.append(Finding("permissions", "6.1.12", "unknown key in /Perms"))
    names = root.get("/Names", Dictionary())
    for key, rule, clause in (("/JavaScript", "javascript", "6.5.1"), ("/EmbeddedFiles", "embedded_files", "6.8"),
                              ("/AlternatePresentations", "alternate_presentations", "6.10")):  # fmt: skip
        if key in names:
            found.append(Finding(rule, clause, f"catalog /Names {key}"))
    layers = root.get("/OCProperties")
    if layers is not None:
        for config in [layers.get("/D", Dictionary()), *layers.get("/Configs", [])]:
            if "/Name" not in config:
                found.append(Finding("optional_content", "6.9", "configuration without /Name"))
            if "/AS" in config:
                found.append(Finding("optional_content", "6.9", "configuration with /AS"))
    if "/Lang" in root and not re.fullmatch(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", str(root["/Lang"])):
        found.append(Finding("language", "6.7.4", f"/Lang {root['/Lang']}"))
    return found


def _objects(pdf: Pdf) -> list[Finding]:
    """Rules that hold for every object wherever it stands."""
    found: list[Finding] = []
    if len(pdf.objects) > 8_388_607:
        found.append(Finding("limit_objects", "6.1.13", str(len(pdf.objects))))
    for item in pdf.objects:
        pending = [item]
        where = f"object {item.objgen[0]}" if isinstance(item, pikepdf.Object) else "object"
        while pending:
            value = pending.pop()
            if isinstance(value, Stream):
                found += _stream(value, where)
                value = value.stream_dict
            if isinstance(value, Dictionary):
                found += _dictionary(value, where)
                members = [*value.as_dict().values()]
                if any(len(key.encode()) > 128 for key in value.keys()):
                    found.append(Finding("limit_name", "6.1.13", where))
            elif isinstance(value, Array):
                members = list(value)
            else:
                found += _scalar(value, where)
                continue
            pending += [m for m in members if not (isinstance(m, pikepdf.Object) and m.is_indirect)]
    return found


def _scalar(value, where: str) -> list[Finding]:
    if isinstance(value, pikepdf.String) and len(bytes(value)) > 32767:
        return [Finding("limit_string", "6.1.13", where)]
    if isinstance(value, Name):
        try:
            if len(str(value).encode()) > 128:
                return [Finding("limit_name", "6.1.13", where)]
        except UnicodeError:
            return [Finding("name_utf8", "6.1.8", where)]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**31) <= value < 2**31:
        return [Finding("limit_integer", "6.1.13", where)]
    return []


def _stream(stream: Stream, where: str) -> list[Finding]:
    found = []
    if any(key in stream for key in ("/F", "/FFilter", "/FDecodeParms")):
        found.append(Finding("external_stream", "6.1.7.1", where))
    filters = stream.get("/Filter", Array())
    for name in [filters] if isinstance(filters, Name) else list(filters):
        if str(name) not in FILTERS:
            found.append(Finding("filter", "6.1.7.2", f"{where}: {name}"))
    return found


def _dictionary(value: Dictionary, where: str) -> list[Finding]:
    found = []
    kind = value.get("/S")
    if isinstance(kind, Name) and (
        value.get("/Type") == Name.Action or str(kind) in ("/JavaScript", "/Launch")
    ):
        if str(kind) not in ACTIONS:
            found.append(Finding("action", "6.5.1", f"{where}: {kind}"))
        elif kind == Name.Named and str(value.get("/N")) not in NAMED_ACTIONS:
            found.append(Finding("action", "6.5.1", f"{where}: named {value.get('/N')}"))
    if "/EF" in value:
        found.append(Finding("embedded_files", "6.8", where))
    return found


# --- output intent ----------------------------------------------------------------------------------------------------
def _output_intent(pdf: Pdf) -> tuple[int, list[Finding]]:
    """(channels of the output profile, 0 without one; findings)."""
    intents = [i for i in pdf.Root.get("/OutputIntents", []) if i.get("/S") == Name.GTS_PDFA1]
    profiles = [
        i["/DestOutputProfile"] for i in pdf.Root.get("/OutputIntents", []) if "/DestOutputProfile" in i
    ]
    if not intents:
        return 0, [Finding("output_intent", "6.2.3", "no output intent GTS_PDFA1")]
    found = []
    if len({p.objgen for p in profiles}) > 1:
        found.append(Finding("output_intent", "6.2.3", "several different destination profiles"))
    if "/DestOutputProfileRef" in intents[0]:
        found.append(Finding("output_intent", "6.2.3", "profile by reference"))
    if "/DestOutputProfile" not in intents[0]:
        return 0, [*found, Finding("output_intent", "6.2.3", "no embedded profile")]
    stream = intents[0]["/DestOutputProfile"]
    profile = stream.read_bytes()
    fault = profile_fault(profile, int(stream.get("/N", 0)))
    if fault is None and profile[12:16] not in (b"mntr", b"prtr"):
        fault = "destination profile is neither of a display nor of a printer"
    if fault:
        return 0, [*found, Finding("output_intent_profile", "6.2.3", fault)]
    return CHANNELS[profile[16:20]], found


# --- description ------------------------------------------------------------------------------------------------------
def _metadata(pdf: Pdf) -> list[Finding]:
    stream = pdf.Root.get("/Metadata")
    if not isinstance(stream, Stream):
        return [Finding("xmp_missing", "6.6.2.1", "catalog without /Metadata")]
    raw = stream.read_bytes()
    found = []
    header = re.match(rb"\s*<\?xpacket\s([^?]*)\?>", raw)
    if header and re.search(rb"\b(bytes|encoding)\s*=", header.group(1)):
        found.append(Finding("xmp_packet", "6.6.2.1", "bytes or encoding in the packet header"))
    try:
        tree = etree.fromstring(raw, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, ValueError) as error:
        return [*found, Finding("xmp_wellformed", "6.6.2.1", str(error))]
    rdf = tree if tree.tag == f"{{{NS['rdf']}}}RDF" else tree.find("rdf:RDF", NS)
    if rdf is None:
        return [*found, Finding("xmp_wellformed", "6.6.2.1", "no rdf:RDF")]
    part, conformance = _property(rdf, "pdfaid:part"), _property(rdf, "pdfaid:conformance")
    if part != "2" or conformance not in ("B", "U", "A"):
        found.append(Finding("pdfa_identification", "6.6.4", f"part {part}, conformance {conformance}"))
    return found + _extensions(rdf) + _info_consistency(pdf, rdf)


def _property(rdf: etree._Element, name: str) -> str | None:
    """Text of a top property: element or attribute; alternatives give x-default, lists their items joined."""
    prefix, local = name.split(":")
    tag = f"{{{NS[prefix]}}}{local}"
    for description in rdf.findall("rdf:Description", NS):
        if tag in description.attrib:
            return description.attrib[tag]
        element = description.find(tag)
        if element is not None:
            items = element.findall(".//rdf:li", NS)
            default = [i for i in items if i.get("{http://www.w3.org/XML/1998/namespace}lang") == "x-default"]
            return "; ".join((i.text or "") for i in (default or items)) if items else (element.text or "")
    return None


def _extensions(rdf: etree._Element) -> list[Finding]:
    """Every property outside the predefined schemas is described (6.6.2.3.1), and that wholly (6.6.2.3.3)."""
    described: dict[str, set[str]] = {}
    found = []
    for schema in rdf.iterfind(".//ext:schemas/rdf:Bag/rdf:li", NS):
        uri = schema.findtext("schema:namespaceURI", None, NS)
        if (
            not uri
            or not schema.findtext("schema:schema", None, NS)
            or not schema.findtext("schema:prefix", None, NS)
        ):
            found.append(Finding("xmp_extension", "6.6.2.3.3", "schema description is not whole"))
            continue
        names = described.setdefault(uri, set())
        for item in schema.iterfind("schema:property/rdf:Seq/rdf:li", NS):
            fields = {
                key: item.findtext(f"property:{key}", None, NS)
                for key in ("name", "valueType", "category", "description")
            }
            if not all(fields.values()) or fields["category"] not in ("internal", "external"):
                found.append(Finding("xmp_extension", "6.6.2.3.3", f"property {fields['name']} of {uri}"))
            names.add(fields["name"] or "")
    for description in rdf.findall("rdf:Description", NS):
        tags = [child.tag for child in description if isinstance(child.tag, str)] + list(description.attrib)
        for tag in tags:
            uri, _, local = tag[1:].partition("}") if tag.startswith("{") else ("", "", tag)
            if uri not in PREDEFINED and local not in described.get(uri, set()):
                found.append(Finding("xmp_extension", "6.6.2.3.1", f"{local} of {uri} is not described"))
    return found


def _info_consistency(pdf: Pdf, rdf: etree._Element) -> list[Finding]:
    info = pdf.trailer.get("/Info")
    found = []
    for key, name in INFO_TO_XMP.items() if isinstance(info, Dictionary) else ():
        if key not in info:
            continue
        stored, described = str(info[key]), _property(rdf, name)
        same = _moment_of_pdf(stored) == _moment(described) if key.endswith("Date") else stored == described
        if not same:
            found.append(Finding("info_differs", "6.6.2.1", f"{key} {stored!r}, {name} {described!r}"))
    return found


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "")
    except ValueError:
        return None


def _moment_of_pdf(text: str) -> datetime | None:
    digits = re.fullmatch(r"D:(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(Z|[+-]\d\d'?\d\d)?'?", text)
    if not digits:
        return None
    year, month, day, hour, minute, second, zone = digits.groups()
    zone = "" if zone is None else "+00:00" if zone == "Z" else f"{zone[:3]}:{zone[-2:]}"
    return _moment(f"{year}-{month}-{day}T{hour}:{minute}:{second}{zone}")


# --- forms and pages --------------------------------------------------------------------------------------------------
def _forms(pdf: Pdf) -> list[Finding]:
    form = pdf.Root.get("/AcroForm")
    if not isinstance(form, Dictionary):
        return []
    found = []
    if bool(form.get("/NeedAppearances", False)):
        found.append(Finding("need_appearances", "6.4.1", "/NeedAppearances true"))
    if "/XFA" in form:
        found.append(Finding("xfa", "6.4.2", "AcroForm /XFA"))
    if bool(pdf.Root.get("/NeedsRendering", False)):
        found.append(Finding("xfa", "6.4.2", "catalog /NeedsRendering"))
    return found


def _pages(pdf: Pdf) -> list[Finding]:
    found = []
    for number, page in enumerate(pdf.pages, 1):
        where = f"page {number}"
        for key in PAGE_BOXES:
            if key not in page.obj and key != "/MediaBox":
                continue
            x0, y0, x1, y1 = (float(v) for v in (page.mediabox if key == "/MediaBox" else page.obj[key]))
            if not all(3 <= side <= 14400 for side in (abs(x1 - x0), abs(y1 - y0))):
                found.append(Finding("page_boundary", "6.1.13", f"{where} {key}"))
        if "/AA" in page.obj:
            found.append(Finding("additional_actions", "6.5.2", where))
        if "/PresSteps" in page.obj:
            found.append(Finding("alternate_presentations", "6.10", where))
        for annotation in page.obj.get("/Annots", []):
            found += [f._replace(detail=f"{where}: {f.detail}") for f in _annotation(annotation)]
    return found


def _annotation(annotation: Dictionary) -> list[Finding]:
    kind = str(annotation.get("/Subtype"))
    flags = int(annotation.get("/F", 0))
    found = []
    if kind not in ANNOTATIONS:
        found.append(Finding("annotation_type", "6.3.1", kind))
    if kind != "/Popup" and ("/F" not in annotation or not flags & 4 or flags & (1 | 2 | 32 | 256)):
        found.append(Finding("annotation_flags", "6.3.2", f"{kind} /F {flags}"))
    if kind == "/Widget" and ("/A" in annotation or "/AA" in annotation):
        found.append(Finding("widget_action", "6.4.1", kind))
    rect = [float(v) for v in annotation.get("/Rect", [0, 0, 0, 0])]
    empty = all(abs(a - b) < 1e-6 for a, b in pairwise((rect[0], rect[2]))) and rect[1] == rect[3]
    appearance = annotation.get("/AP")
    if kind not in ("/Popup", "/Link") and not empty:
        if not isinstance(appearance, Dictionary) or "/N" not in appearance:
            found.append(Finding("annotation_appearance", "6.3.3", f"{kind} without /AP /N"))
    if isinstance(appearance, Dictionary) and set(appearance.keys()) - {"/N"}:
        found.append(Finding("annotation_appearance", "6.3.3", f"{kind} has other appearances than /N"))
    return found
