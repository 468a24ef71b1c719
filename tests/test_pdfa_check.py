"""Each rule of the PDF/A-2b check finds its fault, and verification notices what was lost, moved or changed."""

from __future__ import annotations

import functools
import io

import pikepdf
import pytest
from made_scans import METADATA, made, scan, stored
from pikepdf import Array, Dictionary, Name, Pdf

from ocr.pdfa_check import check_pdfa2b
from ocr.searchable import make_searchable, verify_searchable
from schemas.errors import OutputInvalid


@functools.cache
def good() -> bytes:
    picture, reading = scan()
    return made(stored(picture, quality=40), reading)


def _xmp(pdf: Pdf, old: str, new: str) -> None:
    text = pdf.Root.Metadata.read_bytes().decode()
    assert old in text
    pdf.Root.Metadata.write(text.replace(old, new).encode())


def _font_of(pdf: Pdf) -> Dictionary:
    return pdf.pages[0].Resources.Font.Sohoa.DescendantFonts[0]


def _draw(pdf: Pdf, content: bytes, **resources) -> None:
    for category, entries in resources.items():
        pdf.pages[0].obj.Resources[f"/{category}"] = entries
    pdf.pages[0].contents_add(content)


def _annotate(pdf: Pdf, **entries) -> None:
    pdf.pages[0].obj.Annots = Array([Dictionary(Type=Name.Annot, Rect=[0, 0, 9, 9], **entries)])


BREAKS = {
    "xmp_missing": lambda p: p.Root.__delitem__("/Metadata"),
    "pdfa_identification": lambda p: _xmp(p, "<pdfaid:part>2<", "<pdfaid:part>7<"),
    "info_differs": lambda p: _xmp(p, "Giấy xác nhận số", "Giấy báo tử số"),
    "xmp_extension": lambda p: _xmp(p, "<pdfaProperty:name>agency<", "<pdfaProperty:name>other<"),
    "xmp_wellformed": lambda p: _xmp(p, "</rdf:RDF>", ""),
    "output_intent": lambda p: p.Root.__delitem__("/OutputIntents"),
    "output_intent_profile": lambda p: p.Root.OutputIntents[0].DestOutputProfile.write(b"not a profile"),
    "device_colour": lambda p: _draw(p, b"1 0 0 0 k 0 0 9 9 re f"),
    "font_not_embedded": lambda p: _font_of(p).FontDescriptor.__delitem__("/FontFile2"),
    "font_widths": lambda p: _font_of(p).__setitem__("/DW", 700),
    "font_cid_to_gid": lambda p: _font_of(p).__delitem__("/CIDToGIDMap"),
    "font_notdef": lambda p: _font_of(p).CIDToGIDMap.write(b"\0\0" * 65536),
    "font_cid_system": lambda p: _font_of(p).__delitem__("/CIDSystemInfo"),
    "font_cidset": lambda p: _font_of(p).FontDescriptor.__setitem__("/CIDSet", p.make_stream(b"\0")),
    "image_interpolate": lambda p: p.pages[0].Resources.XObject.Im0.__setitem__("/Interpolate", True),
    "image_alternates": lambda p: p.pages[0].Resources.XObject.Im0.__setitem__("/Alternates", Array()),
    "image_opi": lambda p: p.pages[0].Resources.XObject.Im0.__setitem__("/OPI", Dictionary()),
    "rendering_intent": lambda p: _draw(p, b"/Pretty ri"),
    "operator": lambda p: _draw(p, b"1 2 foo"),
    "content_syntax": lambda p: _draw(p, b"q"),
    "limit_q_nesting": lambda p: _draw(p, b"q " * 30 + b"Q " * 30),
    "resource_missing": lambda p: _draw(p, b"/Nowhere Do"),
    "blend_mode": lambda p: _draw(p, b"/G1 gs", ExtGState=Dictionary(G1=Dictionary(BM=Name.Strange))),
    "transfer_function": lambda p: _draw(p, b"/G1 gs", ExtGState=Dictionary(G1=Dictionary(TR=Name.Identity))),
    "postscript_xobject": lambda p: _draw(p, b"/P Do", XObject=Dictionary(
        P=pikepdf.Stream(p, b"", Type=Name.XObject, Subtype=Name.PS))),
    "annotation_flags": lambda p: _annotate(p, Subtype=Name.Link, F=2),
    "annotation_appearance": lambda p: _annotate(p, Subtype=Name.Stamp, F=4),
    "annotation_type": lambda p: _annotate(p, Subtype=Name.Movie, F=4),
    "action": lambda p: _annotate(p, Subtype=Name.Link, F=4, A=Dictionary(S=Name.Launch)),
    "additional_actions": lambda p: p.Root.__setitem__("/AA", Dictionary()),
    "javascript": lambda p: p.Root.__setitem__("/Names", Dictionary(JavaScript=Dictionary(Names=[]))),
    "embedded_files": lambda p: p.attachments.__setitem__("a.txt", b"text"),
    "need_appearances": lambda p: p.Root.__setitem__("/AcroForm", Dictionary(Fields=[], NeedAppearances=True)),
    "xfa": lambda p: p.Root.__setitem__("/AcroForm", Dictionary(Fields=[], XFA="x")),
    "optional_content": lambda p: p.Root.__setitem__("/OCProperties", Dictionary(OCGs=[], D=Dictionary(AS=[]))),
    "page_boundary": lambda p: p.pages[0].obj.__setitem__("/MediaBox", Array([0, 0, 20000, 800])),
    "limit_integer": lambda p: p.Root.__setitem__("/Odd", 2**40),
    "limit_string": lambda p: p.Root.__setitem__("/Odd", pikepdf.String("x" * 40000)),
    "external_stream": lambda p: p.pages[0].Resources.XObject.Im0.__setitem__("/F", pikepdf.String("x.jpg")),
}  # fmt: skip


@pytest.mark.parametrize("rule", BREAKS)
def test_each_rule_finds_its_fault(rule):
    assert check_pdfa2b(good()) == []
    with Pdf.open(io.BytesIO(good())) as pdf:
        BREAKS[rule](pdf)
        out = io.BytesIO()
        pdf.save(out, fix_metadata_version=False)  # pikepdf would mend the XMP
    assert rule in {f.rule for f in check_pdfa2b(out.getvalue())}


@pytest.mark.parametrize(("rule", "change"), [
    ("header", lambda d: d.replace(b"%PDF-1.7", b"%PDF-2.0", 1)),
    ("header_binary_comment", lambda d: d.replace(b"\n%\xbf\xf7\xa2\xfe", b"\n%abcd", 1)),
    ("after_eof", lambda d: d + b"more"),
    ("file_id", lambda d: d.replace(b"/ID [", b"/XX [")),
    ("xref", lambda d: d.replace(b"startxref\n", b"startxref\n9")),
    ("filter", lambda d: d.replace(b"/Filter /DCTDecode", b"/Filter /LZWDecode")),
])  # fmt: skip
def test_faults_of_the_file_itself(rule, change):
    assert rule in {f.rule for f in check_pdfa2b(change(good()))}


def test_an_encrypted_file_is_found():
    out = io.BytesIO()
    with Pdf.open(io.BytesIO(good())) as pdf:
        pdf.save(out, encryption=pikepdf.Encryption(owner="o", user=""))
    assert "encrypted" in {f.rule for f in check_pdfa2b(out.getvalue())}
    assert check_pdfa2b(b"rubbish")


def test_verification_notices_lost_moved_and_changed_things():
    picture, reading = scan()
    source = stored(picture, quality=40)
    words = reading.words
    extra = reading.model_copy(update={"words": [*words, words[0].model_copy(update={"text": "Thêm", "box": (100, 2200, 190, 2235)})]})
    with pytest.raises(OutputInvalid, match="text lost"):
        verify_searchable(good(), [extra])
    moved = reading.model_copy(update={"to_points": (0.36, 0, 30, 0, 0.36, 0)})
    with pytest.raises(OutputInvalid, match="away"):
        verify_searchable(good(), [moved])
    with pytest.raises(OutputInvalid, match="picture"):
        verify_searchable(good(), [reading], source=stored(picture, quality=41), pages=[1])
    with pytest.raises(OutputInvalid, match="pages"):
        verify_searchable(good(), [reading, reading])
    with pytest.raises(OutputInvalid):
        verify_searchable(good()[:-2000], [reading])
    verify_searchable(good(), [reading], source=source, pages=[1])


def test_words_over_each_other_lose_no_letter_but_those_they_share():
    picture, reading = scan()
    left, top, right, bottom = reading.words[0].box
    over = reading.words[0].model_copy(update={"text": "CỘNK", "box": (left, top + 2, right, bottom + 2)})
    both = reading.model_copy(update={"words": [*reading.words, over]})
    data = make_searchable(stored(picture), [both], pages=[1], metadata=METADATA).data
    verify_searchable(data, [both])
    longer = over.model_copy(update={"text": "CỘNKỲ"})
    with pytest.raises(OutputInvalid, match="text lost.*Ỳ"):
        verify_searchable(data, [reading.model_copy(update={"words": [*reading.words, longer]})])
