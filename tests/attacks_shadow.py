"""Shadow attacks: what is prepared before signing and called up later, without one new object."""

from __future__ import annotations

import re
from io import BytesIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from tests import attacks


def paper_with_a_shadow() -> bytes:
    """A paper that holds a second catalog with another page, used by nothing, and a second object of the number of the
    first page's content, listed in no table."""
    data = attacks.paper()
    twin = b"\n%d 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        attacks.contents_number(data),
        len(_EVIL),
        _EVIL,
    )
    reader = PdfFileReader(BytesIO(data))
    data = _appended_table(data + twin, {}, reader.root_ref.idnum)
    writer = IncrementalPdfFileWriter(BytesIO(data))
    hidden = generic.DictionaryObject(
        {key: attacks.page_of(writer).raw_get(key) for key in attacks.page_of(writer) if key != "/Contents"}
    )
    hidden[pdf_name("/Contents")] = writer.add_object(generic.StreamObject(stream_data=_EVIL))
    pages = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Pages"),
            pdf_name("/Kids"): generic.ArrayObject([writer.add_object(hidden)]),
            pdf_name("/Count"): generic.NumberObject(1),
        }
    )
    catalog = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Catalog"),
            pdf_name("/Pages"): writer.add_object(pages),
            pdf_name("/AcroForm"): writer.root.raw_get("/AcroForm"),
        }
    )
    writer.root[pdf_name("/PieceInfo")] = writer.add_object(catalog)
    writer.update_root()
    return attacks.written(writer)


_EVIL = b"BT /F1 12 Tf 72 700 Td (So tien: 999 dong) Tj ET"


def _appended_table(data: bytes, rows: dict[int, int], root: int) -> bytes:
    """An update of nothing but a table of objects, all of them inside what is signed."""
    reader = PdfFileReader(BytesIO(data))
    previous = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    listing = b"".join(b"%d 1\n%010d 00000 n \n" % row for row in sorted(rows.items())) or b"0 0\n"
    size = int(reader.trailer_view["/Size"])
    table = b"xref\n%strailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return data + table % (listing, size, root, previous, len(data))


def catalog_switched(data: bytes) -> bytes:
    """Hide and replace: not one new object, only another catalog named in the trailer; the form with the signature is
    the same."""
    return _appended_table(data, {}, PdfFileReader(BytesIO(data)).root.raw_get("/PieceInfo").idnum)


def content_repointed(data: bytes) -> bytes:
    """Hide and replace: the number of the page's content now points to its hidden twin, which was signed with the
    rest."""
    number = attacks.contents_number(data)
    twin = [match.start() for match in re.finditer(rb"(?<=\n)%d 0 obj" % number, data)][-1]
    return _appended_table(data, {number: twin}, PdfFileReader(BytesIO(data)).root_ref.idnum)


def history_cut(data: bytes) -> bytes:
    """The newest table leads past the signed revision to the one before it; the signature is listed again by hand."""
    previous = [int(each) for each in re.findall(rb"startxref\s+(\d+)", data)]
    reader = PdfFileReader(BytesIO(data))
    last = reader.xrefs.total_revisions - 1
    rows = {
        ref.idnum: reader.xrefs.get_historical_ref(ref, last)
        for ref in reader.xrefs.explicit_refs_in_revision(last)
    }
    listing = b"".join(b"%d 1\n%010d 00000 n \n" % row for row in sorted(rows.items()))
    size, root = int(reader.trailer_view["/Size"]), reader.root_ref.idnum
    table = b"xref\n%strailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return data + table % (listing, size, root, previous[-2], len(data))
