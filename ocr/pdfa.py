"""What makes a PDF a PDF/A-2b (ISO 19005-2:2011): description, output intent, and pages free of what the standard bars.

Pages are copied into a new file key by key from a list of what is allowed, so scripts, actions, attachments, forms and
structure of the source never come along, whatever they hang on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String

from ocr.colour_profiles import plain_cmyk, srgb
from schemas.record import RecordMetadata

SCHEMA_URI = "urn:x-sohoa:record:1.0:"
PAGE_KEYS = (
    "/MediaBox",
    "/CropBox",
    "/BleedBox",
    "/TrimBox",
    "/ArtBox",
    "/Rotate",
    "/UserUnit",
    "/Contents",
    "/Group",
)
INHERITED = ("/MediaBox", "/CropBox", "/Rotate", "/Resources")
INTENTS = ("/RelativeColorimetric", "/AbsoluteColorimetric", "/Perceptual", "/Saturation")
BARRED_XOBJECT_KEYS = (
    "/OPI",
    "/Alternates",
    "/Metadata",
    "/PieceInfo",
    "/StructParent",
    "/StructParents",
    "/AF",
    "/Ref",
)
BARRED_STATE_KEYS = ("/TR", "/HTP")

_SCHEMA = (
    ("documentId", "internal", "Identity of the record in the catalogue"),
    ("agency", "external", "Agency that digitised the paper"),
    ("scannedAt", "external", "When the paper was digitised, ISO 8601"),
    ("origin", "external", "How this file came to be: digitised from paper, or born digital"),
    ("sourceSha256", "internal", "SHA-256 of the stored scan"),
)
DIGITISED = "Số hóa từ văn bản giấy"
BORN_DIGITAL = "Văn bản điện tử"


# --- description ------------------------------------------------------------------------------------------------------
def describe(pdf: Pdf, metadata: RecordMetadata, *, claim: bool, digitised: bool) -> None:
    """Writes XMP, document information, language and output intent. `claim` says whether PDF/A-2b is claimed.

    6.6.2.3 (extension schemas are described), 6.6.4 (identification), 6.2.3 (output intent); the document
    information repeats the XMP word for word.
    """
    author = metadata.author or metadata.agency
    moment = datetime.fromisoformat(metadata.scanned_at)
    pdf_date = moment.strftime("D:%Y%m%d%H%M%S") + _pdf_offset(moment)
    info = {"/Title": metadata.title, "/Author": author, "/Subject": metadata.subject, "/Creator": metadata.converter,
            "/Producer": metadata.converter, "/CreationDate": pdf_date, "/ModDate": pdf_date}  # fmt: skip
    # A new dictionary each time: a second description (claim withdrawn) must not leave traces of the first.
    pdf.trailer["/Info"] = pdf.make_indirect(
        Dictionary({key: String(value) for key, value in info.items() if value})
    )
    xmp = pdf.make_stream(xmp_packet(metadata, claim=claim, digitised=digitised))
    xmp.stream_dict = Dictionary(Type=Name.Metadata, Subtype=Name.XML)
    pdf.Root["/Metadata"] = xmp
    pdf.Root["/Lang"] = String(metadata.language)
    pdf.Root["/MarkInfo"] = Dictionary(Marked=False)
    pdf.Root["/ViewerPreferences"] = Dictionary(DisplayDocTitle=True)
    profile = pdf.make_stream(srgb(), N=3, Alternate=Name.DeviceRGB)
    pdf.Root["/OutputIntents"] = Array(
        [Dictionary(Type=Name.OutputIntent, S=Name.GTS_PDFA1, OutputConditionIdentifier=String("sRGB"),
                    RegistryName=String("http://www.color.org"), Info=String("sRGB IEC61966-2.1"),
                    DestOutputProfile=profile)]
    )  # fmt: skip


def xmp_packet(metadata: RecordMetadata, *, claim: bool, digitised: bool) -> bytes:
    """XMP of a record, UTF-8, the same bytes for the same record."""
    when = metadata.scanned_at
    author = metadata.author or metadata.agency
    values = {"documentId": metadata.document_id, "agency": metadata.agency, "scannedAt": when,
              "origin": DIGITISED if digitised else BORN_DIGITAL, "sourceSha256": metadata.source_sha256}  # fmt: skip
    part = "<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" if claim else ""
    lines = [
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"'
        f' xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:sohoa="{SCHEMA_URI}"'
        ' xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
        ' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"'
        ' xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">',
        part,
        "<dc:format>application/pdf</dc:format>",
        _alternatives("dc:title", metadata.title),
        _alternatives("dc:description", metadata.subject),
        _sequence("dc:creator", "Seq", author),
        _sequence("dc:date", "Seq", when),
        _sequence("dc:language", "Bag", metadata.language),
        f"<dc:identifier>{_xml(metadata.document_id)}</dc:identifier>",
        f"<xmp:CreateDate>{when}</xmp:CreateDate><xmp:ModifyDate>{when}</xmp:ModifyDate>",
        f"<xmp:MetadataDate>{when}</xmp:MetadataDate><xmp:CreatorTool>{_xml(metadata.converter)}</xmp:CreatorTool>",
        f"<pdf:Producer>{_xml(metadata.converter)}</pdf:Producer>",
        "".join(
            f"<sohoa:{name}>{_xml(values[name])}</sohoa:{name}>" for name, _, _ in _SCHEMA if values[name]
        ),
        _schema_description(),
        "</rdf:Description></rdf:RDF></x:xmpmeta>",
        '<?xpacket end="w"?>',
    ]
    return "\n".join(line for line in lines if line).encode("utf-8")


def _schema_description() -> str:
    properties = "".join(
        f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
        f"<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>{category}</pdfaProperty:category>"
        f"<pdfaProperty:description>{meaning}</pdfaProperty:description></rdf:li>"
        for name, category, meaning in _SCHEMA
    )
    return (
        '<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">'
        f"<pdfaSchema:schema>Digitised record</pdfaSchema:schema><pdfaSchema:namespaceURI>{SCHEMA_URI}"
        "</pdfaSchema:namespaceURI><pdfaSchema:prefix>sohoa</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>"
        "</rdf:li></rdf:Bag></pdfaExtension:schemas>"
    )


def _alternatives(name: str, value: str) -> str:
    return (
        f'<{name}><rdf:Alt><rdf:li xml:lang="x-default">{_xml(value)}</rdf:li></rdf:Alt></{name}>'
        if value
        else ""
    )


def _sequence(name: str, kind: str, value: str) -> str:
    return f"<{name}><rdf:{kind}><rdf:li>{_xml(value)}</rdf:li></rdf:{kind}></{name}>" if value else ""


def _xml(text: str) -> str:
    return escape("".join(c for c in text if c >= " " or c in "\t\n"))


def _pdf_offset(moment: datetime) -> str:
    minutes = int(moment.utcoffset().total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}'{abs(minutes) % 60:02d}'"


# --- pages ------------------------------------------------------------------------------------------------------------
def has_signature(pdf: Pdf) -> bool:
    """True when a signature field of the file holds a signature (then the file is evidence and is never rewritten)."""
    form = pdf.Root.get("/AcroForm")
    pending = [(field, None) for field in form.get("/Fields", [])] if isinstance(form, Dictionary) else []
    seen: set = set()
    while pending:
        field, kind = pending.pop()
        if not isinstance(field, Dictionary) or (field.is_indirect and field.objgen in seen):
            continue
        seen.add(field.objgen)
        kind = field.get("/FT", kind)
        if kind == Name.Sig and "/V" in field:
            return True
        pending.extend((kid, kind) for kid in field.get("/Kids", []))
    return False


def copy_page(out: Pdf, source: Pdf, number: int) -> pikepdf.Object:
    """Appends page `number` (1-based) of `source` to `out` and returns the new page dictionary.

    Content and image streams come over byte for byte. Annotations with an appearance are painted into the page, as they
    print; the rest of them, and everything not in PAGE_KEYS, stays behind. Resources become the page's own.
    """
    page = source.pages[number - 1].obj
    inherited = {key: _inherited(page, key) for key in INHERITED}
    fresh = Dictionary(Type=Name.Page)
    for key in (*PAGE_KEYS, "/Resources"):
        value = inherited.get(key, page.get(key))
        if value is not None:
            fresh[key] = value
    if "/Resources" not in fresh:
        fresh["/Resources"] = Dictionary()
    annotations = [bare for bare in map(_bare_annotation, page.get("/Annots", [])) if bare is not None]
    if annotations:
        fresh["/Annots"] = Array(annotations)
    # qpdf copies between files only pages that stand in the source's page tree or plain objects; a plain one is enough.
    copied = out.copy_foreign(source.make_indirect(fresh))
    out.pages.append(pikepdf.Page(copied))
    copied = out.pages[-1].obj
    copied["/Resources"] = _own(copied["/Resources"])
    return copied


def _inherited(page: pikepdf.Object, key: str) -> pikepdf.Object | None:
    for _ in range(64):
        if key in page:
            return page[key]
        if "/Parent" not in page:
            return None
        page = page["/Parent"]
    return None


def _bare_annotation(annotation: pikepdf.Object) -> pikepdf.Object | None:
    """The annotation reduced to what it paints: nothing that could run, link or pull other pages along."""
    if not isinstance(annotation, Dictionary):
        return None
    flags = int(annotation.get("/F", 0))
    if flags & (2 | 32) or annotation.get("/Subtype") in (Name.Popup, Name.Link) or "/AP" not in annotation:
        return None
    bare = Dictionary(Type=Name.Annot, F=4)
    for key in ("/Subtype", "/Rect", "/AP", "/AS"):
        if key in annotation:
            bare[key] = annotation[key]
    return bare


def _own(resources: pikepdf.Object) -> pikepdf.Object:
    """Shallow copy of a resource dictionary and its categories, so that a change for one page stays with that page."""
    return Dictionary(
        {
            key: Dictionary(dict(value.items())) if isinstance(value, Dictionary) else value
            for key, value in resources.items()
        }
    )


def keep_layers(out: Pdf, source: Pdf) -> None:
    """Brings the optional content settings along when the source has some: they say what is seen (6.9)."""
    layers = source.Root.get("/OCProperties")
    used = any(
        category == "/Properties" or (isinstance(value, Dictionary | pikepdf.Stream) and "/OC" in value)
        for category, value in _resources_of(out)
    )
    if not used or not isinstance(layers, Dictionary) or "/D" not in layers:
        return
    settings = out.copy_foreign(source.make_indirect(layers))
    settings["/D"]["/Name"] = String("Default")
    for key in ("/AS", "/Order", "/RBGroups"):
        if key in settings["/D"]:
            del settings["/D"][key]
    if "/Configs" in settings:
        del settings["/Configs"]
    out.Root["/OCProperties"] = settings


def _resources_of(pdf: Pdf) -> Iterator[tuple[str, pikepdf.Object]]:
    """(category, object) of every named resource of the pages and the forms they draw."""
    pending = [page.obj.get("/Resources") for page in pdf.pages]
    seen: set = set()
    while pending:
        resources = pending.pop()
        if not isinstance(resources, Dictionary):
            continue
        for category, named in resources.items():
            if not isinstance(named, Dictionary):
                continue
            for value in named.as_dict().values():
                if not isinstance(value, pikepdf.Object):
                    continue
                if value.is_indirect:
                    if value.objgen in seen:
                        continue
                    seen.add(value.objgen)
                yield category, value
                if isinstance(value, (Dictionary, pikepdf.Stream)) and "/Resources" in value:
                    pending.append(value["/Resources"])


def sanitise(pdf: Pdf) -> None:
    """Takes away what PDF/A-2 bars and no eye misses: interpolation and its kin, transfer functions, foreign metadata.

    6.2.5 (graphics state), 6.2.8 (images), 6.2.9 (XObjects), 6.2.11.3.2 (CIDToGIDMap said aloud). What remains is left
    to the check that follows.
    """
    for category, value in list(_resources_of(pdf)):
        if not isinstance(value, Dictionary | pikepdf.Stream):
            continue
        if category == "/XObject":
            for key in BARRED_XOBJECT_KEYS:
                if key in value:
                    del value[key]
            if value.get("/Interpolate") is not None:
                del value["/Interpolate"]
            if "/Intent" in value and value["/Intent"] not in INTENTS:
                del value["/Intent"]
            if (
                "/SMask" in value
                and isinstance(value["/SMask"], pikepdf.Stream)
                and "/Interpolate" in value["/SMask"]
            ):
                del value["/SMask"]["/Interpolate"]
        elif category == "/ExtGState":
            for key in BARRED_STATE_KEYS:
                if key in value:
                    del value[key]
            if "/TR2" in value and value["/TR2"] != Name.Default:
                del value["/TR2"]
        elif category == "/Font" and "/DescendantFonts" in value:
            for descendant in value["/DescendantFonts"]:
                if descendant.get("/Subtype") == Name.CIDFontType2 and "/CIDToGIDMap" not in descendant:
                    descendant["/CIDToGIDMap"] = Name.Identity  # what it means when it is left out
        elif category == "/Properties" and "/Metadata" in value:
            del value["/Metadata"]
    for page in pdf.pages:
        if "/Rotate" in page.obj and int(page.obj["/Rotate"]) % 90:
            del page.obj["/Rotate"]


def add_default_cmyk(pdf: Pdf) -> None:
    """Gives every page and form with CMYK in device terms a device-independent reading of it (6.2.4.3)."""
    space = pdf.make_indirect(
        Array([Name.ICCBased, pdf.make_stream(plain_cmyk(), N=4, Alternate=Name.DeviceCMYK)])
    )
    holders = [page.obj for page in pdf.pages]
    holders += [
        value
        for category, value in _resources_of(pdf)
        if "/Resources" in value and isinstance(value, pikepdf.Stream)
    ]
    for holder in holders:
        spaces = holder["/Resources"].get("/ColorSpace")
        if spaces is None:
            holder["/Resources"]["/ColorSpace"] = spaces = Dictionary()
        if "/DefaultCMYK" not in spaces:
            holder["/Resources"]["/ColorSpace"]["/DefaultCMYK"] = space
