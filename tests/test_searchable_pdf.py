"""Searchable PDF/A from PDF files of other programs: what they bring along, what must stay behind."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pikepdf
import pypdfium2
import pytest
from fontTools.ttLib import TTFont
from made_scans import HEIGHT, LINES, METADATA, WIDTH, drawn, made, sample_font, saved, scan, stored
from pikepdf import Array, Dictionary, Name, Pdf

from ocr.searchable import make_searchable, verify_searchable
from schemas.errors import DamagedFile, EncryptedFile, NotAllowedNow, WrongUse
from schemas.page import PageReading


def pdf_scan(**page_entries) -> tuple[Pdf, PageReading, bytes]:
    """A scan wrapped in a PDF by some other program, open for more damage; its reading; its JPEG."""
    picture, reading = scan()
    raw = stored(picture, quality=60)
    pdf = Pdf.new()
    image = pikepdf.Stream(
        pdf,
        raw,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=WIDTH,
        Height=HEIGHT,
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    page = Dictionary(
        Type=Name.Page,
        MediaBox=[0, 0, 595.44, 842.04],
        Resources=Dictionary(XObject=Dictionary(Im0=image)),
        Contents=pdf.make_stream(b"q 595.44 0 0 842.04 0 0 cm /Im0 Do Q"),
        **page_entries,
    )
    pdf.pages.append(pikepdf.Page(page))
    return pdf, reading, raw


def text_of(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


HELVETICA = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)


@pytest.mark.parametrize("inside_form", [False, True])
def test_an_older_text_layer_is_not_doubled(inside_form):
    pdf, reading, raw = pdf_scan()
    page = pdf.pages[0].obj
    hidden = b"BT 3 Tr /F9 12 Tf 50 700 Td (OLDLAYER) Tj 0 -20 Td [(MORE) -10 (OLD)] TJ (NEXT) ' ET"
    if inside_form:
        form = pikepdf.Stream(
            pdf,
            hidden,
            Type=Name.XObject,
            Subtype=Name.Form,
            BBox=[0, 0, 600, 850],
            Resources=Dictionary(Font=Dictionary(F9=HELVETICA)),
        )
        page.Resources.XObject["/Fm0"] = pdf.make_indirect(form)
        extra = b" /Fm0 Do"
    else:
        page.Resources["/Font"] = Dictionary(F9=HELVETICA)
        extra = b" q " + hidden + b" Q"
    page.Contents = pdf.make_stream(page.Contents.read_bytes() + extra)
    before = saved(pdf)
    assert "OLDLAYER" in text_of(before)
    data = made(before, reading)
    assert "OLD" not in text_of(data) and "NEXT" not in text_of(data)
    assert text_of(data).split("\r\n") == LINES
    assert hashlib.sha256(raw).digest() in {hashlib.sha256(s).digest() for s in _raw_streams(data)}
    assert np.array_equal(drawn(before), drawn(data))


def _raw_streams(data: bytes) -> list[bytes]:
    with Pdf.open(io.BytesIO(data)) as pdf:
        return [o.read_raw_bytes() for o in pdf.objects if isinstance(o, pikepdf.Stream)]


def test_scripts_actions_and_attachments_stay_behind_and_stamps_stay_seen():
    pdf, reading, _ = pdf_scan(AA=Dictionary(O=Dictionary(S=Name.JavaScript, JS="app.alert(1)")))
    stamp = pikepdf.Stream(
        pdf, b"1 0 0 rg 0 0 100 50 re f", Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 100, 50]
    )
    other = pdf.make_indirect(Dictionary(Type=Name.Page, Secret="another citizen"))
    pdf.pages[0].obj["/Annots"] = pdf.make_indirect(
        Array(
            [
                pdf.make_indirect(
                    Dictionary(
                        Type=Name.Annot,
                        Subtype=Name.Stamp,
                        Rect=[200, 100, 400, 200],
                        P=other,
                        AP=Dictionary(N=pdf.make_indirect(stamp)),
                        F=4,
                    )
                ),
                pdf.make_indirect(
                    Dictionary(
                        Type=Name.Annot,
                        Subtype=Name.Link,
                        Rect=[0, 0, 50, 50],
                        Border=[0, 0, 0],
                        A=Dictionary(S=Name.Launch, F="cmd.exe"),
                    )
                ),
            ]
        )
    )
    pdf.Root["/OpenAction"] = Dictionary(S=Name.JavaScript, JS="app.alert(2)")
    pdf.Root["/AcroForm"] = Dictionary(Fields=[], NeedAppearances=True, XFA="<xfa/>")
    pdf.attachments["a.txt"] = b"attached"
    before = saved(pdf)
    data = made(before, reading)
    with Pdf.open(io.BytesIO(data)) as again:
        everything = b"".join(o.unparse(resolved=True) for o in again.objects)
    for word in (
        b"/JavaScript",
        b"/Launch",
        b"/EmbeddedFile",
        b"another citizen",
        b"/AcroForm",
        b"/Annots",
        b"/AA",
    ):
        assert word not in everything, word
    assert (drawn(data)[842 - 150, 300] == (0, 0, 255)).all()  # BGR
    assert np.array_equal(drawn(before), drawn(data))


def test_a_signed_pdf_is_left_alone():
    pdf, reading, _ = pdf_scan()
    field = pdf.make_indirect(Dictionary(FT=Name.Sig, T="s1", V=Dictionary(Type=Name.Sig, Contents=b"x")))
    pdf.Root["/AcroForm"] = Dictionary(
        Fields=[pdf.make_indirect(Dictionary(T="group", Kids=[field]))], SigFlags=3
    )
    with pytest.raises(NotAllowedNow):
        make_searchable(saved(pdf), [reading], pages=[1], metadata=METADATA)


def test_encryption_and_lzw_and_cmyk_of_the_source_are_gone():
    pdf, reading, _ = pdf_scan()
    page = pdf.pages[0].obj
    page.Contents = pdf.make_stream(page.Contents.read_bytes() + b" 0 0 0 1 k 0 0 20 20 re f")
    page.Resources["/ExtGState"] = Dictionary(G0=Dictionary(Type=Name.ExtGState, TR=Name.Identity, SA=True))
    out = io.BytesIO()
    pdf.save(out, encryption=pikepdf.Encryption(owner="owner", user=""))
    data = made(out.getvalue(), reading)
    assert b"/Encrypt" not in data
    assert np.array_equal(drawn(out.getvalue()), drawn(data))
    with Pdf.open(io.BytesIO(data)) as again:
        assert "/DefaultCMYK" in again.pages[0].Resources.ColorSpace
        assert "/TR" not in again.pages[0].Resources.ExtGState.G0


def born_reading() -> PageReading:
    return scan()[1].model_copy(update={"born_digital": True})


def test_born_digital_page_with_foreign_fonts_is_made_without_the_claim():
    pdf = Pdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    pdf.pages[0].obj.Contents = pdf.make_stream(b"BT /F1 20 Tf 100 700 Td (QUYET DINH) Tj ET")
    pdf.pages[0].obj.Resources = Dictionary(Font=Dictionary(F1=HELVETICA))
    before = saved(pdf)
    result = make_searchable(before, [born_reading()], pages=[1], metadata=METADATA)
    assert not result.claims_pdfa
    assert [f.rule for f in result.findings] == ["font_not_embedded"]
    assert b"pdfaid:part>" not in result.data
    verify_searchable(result.data, [born_reading()], source=before, pages=[1])
    assert text_of(result.data) == "QUYET DINH"
    assert np.array_equal(drawn(before), drawn(result.data))


def test_born_digital_page_with_embedded_fonts_keeps_its_text_and_is_claimed():
    path = sample_font(38).path
    program = open(path, "rb").read()
    with TTFont(path) as font:
        units, names, metrics = font["head"].unitsPerEm, font.getBestCmap(), font["hmtx"]
        widths = [metrics[names[c]][0] * 1000 / units for c in range(32, 127)]
    pdf = Pdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    descriptor = Dictionary(
        Type=Name.FontDescriptor,
        FontName=Name("/Serif"),
        Flags=32,
        FontBBox=[0, -200, 1000, 900],
        ItalicAngle=0,
        Ascent=900,
        Descent=-200,
        CapHeight=700,
        StemV=80,
        FontFile2=pdf.make_stream(program),
    )
    font = Dictionary(
        Type=Name.Font,
        Subtype=Name.TrueType,
        BaseFont=Name("/Serif"),
        FirstChar=32,
        LastChar=126,
        Widths=widths,
        Encoding=Name.WinAnsiEncoding,
        FontDescriptor=pdf.make_indirect(descriptor),
    )
    pdf.pages[0].obj.Contents = pdf.make_stream(b"BT /F1 20 Tf 100 700 Td (QUYET DINH) Tj ET")
    pdf.pages[0].obj.Resources = Dictionary(Font=Dictionary(F1=pdf.make_indirect(font)))
    data = made(saved(pdf), born_reading())
    assert text_of(data) == "QUYET DINH"
    font.Widths[ord("Q") - 32] = 100
    broken = make_searchable(saved(pdf), [born_reading()], pages=[1], metadata=METADATA)
    assert [f.rule for f in broken.findings] == ["font_widths"]


def test_pages_of_a_batch_in_any_order_and_size():
    pdf, reading, _ = pdf_scan()
    second, _, _ = pdf_scan()
    second.pages[0].obj.MediaBox = [0, 0, 1190, 842]
    pdf.pages.extend(second.pages)
    readings = [reading.model_copy(update={"page": 2, "page_size_pt": (1190.0, 842.0)}), reading]
    data = made(saved(pdf), readings, [2, 1])
    with Pdf.open(io.BytesIO(data)) as out:
        assert [float(p.mediabox[2]) for p in out.pages] == [1190, 595.44]
    with pytest.raises(WrongUse):
        make_searchable(saved(pdf), [reading], pages=[3], metadata=METADATA)


def test_a_hidden_layer_stays_hidden():
    pdf, reading, _ = pdf_scan()
    group = pdf.make_indirect(Dictionary(Type=Name.OCG, Name="Draft"))
    page = pdf.pages[0].obj
    page.Resources["/Properties"] = Dictionary(L0=group)
    page.Contents = pdf.make_stream(
        page.Contents.read_bytes() + b" /OC /L0 BDC 1 0 0 rg 0 0 300 300 re f EMC"
    )
    pdf.Root["/OCProperties"] = Dictionary(OCGs=[group], D=Dictionary(OFF=[group], AS=[]))
    before = saved(pdf)
    data = made(before, reading)
    assert np.array_equal(drawn(before), drawn(data))
    assert (drawn(data)[800, 50] == 255).all()


def test_a_page_with_entries_of_wrong_types_is_damaged_not_a_crash():
    pdf, reading, _ = pdf_scan()
    pdf.pages[0].obj["/Annots"] = Array(
        [None, 5, Dictionary(Subtype=Name.Stamp, F=Name.Four, AP=Dictionary())]
    )
    with pytest.raises(DamagedFile):
        make_searchable(saved(pdf), [reading], pages=[1], metadata=METADATA)
    with pytest.raises(DamagedFile):
        make_searchable(b"%PDF-1.4 nothing", [reading], pages=[1], metadata=METADATA)


def test_a_pdf_with_a_password_is_refused():
    pdf, reading, _ = pdf_scan()
    out = io.BytesIO()
    pdf.save(out, encryption=pikepdf.Encryption(owner="owner", user="secret"))
    with pytest.raises(EncryptedFile):
        make_searchable(out.getvalue(), [reading], pages=[1], metadata=METADATA)
