"""Text and signatures that came with a PDF."""

from __future__ import annotations

import json
import random

import cv2
import numpy as np
import pikepdf
import pytest
from intake_files import (
    EVAL,
    LIMITS,
    VIETNAMESE,
    blank_pdf,
    changed,
    drawn_pdf,
    font_file,
    jpeg,
    ocr_layer,
    scan,
    seen,
    stamped,
)
from pikepdf import Array, Dictionary, Name, Stream, String
from PIL import Image, ImageDraw, ImageFont

from ocr.intake import inspect, open_source, read_file


# --- born-digital ---
def born(data: bytes, page: int = 1):
    info = inspect(data, "x", LIMITS)
    with open_source(data, info, LIMITS) as source:
        return source.born_words(page)


def lines(words) -> list[str]:
    found: dict[int, list[str]] = {}
    for word in words:
        found.setdefault(word.line, []).append(word.text)
    return [" ".join(texts) for texts in found.values()]


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_born_words_stand_where_they_are_seen(rotate):
    data = drawn_pdf()
    if rotate:  # made on its side, as wide tables are, and shown upright

        def change(pdf):
            page = pdf.pages[0]
            width, height = float(page.mediabox[2]), float(page.mediabox[3])
            turn = {
                90: [0, 1, -1, 0, height, 0],
                180: [-1, 0, 0, -1, width, height],
                270: [0, -1, 1, 0, 0, width],
            }[rotate]
            page.contents_add(b"q %g %g %g %g %g %g cm " % tuple(turn), prepend=True)
            page.contents_add(b" Q")
            page.obj["/MediaBox"] = Array([0, 0, *((height, width) if rotate != 180 else (width, height))])
            page.obj["/Rotate"] = rotate

        data = changed(data, change)
    words = born(data)
    assert {w.text for w in words} == {text for line in VIETNAMESE for text in line.split()}
    assert lines(words) == VIETNAMESE
    image = seen(data, 1, 144)
    ink = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY) < 128
    under = np.zeros_like(ink)
    for word in words:
        left, top, right, bottom = (round(2 * value) for value in word.box)
        assert ink[top:bottom, left:right].any(), word
        under[max(0, top - 3) : bottom + 3, max(0, left - 3) : right + 3] = True
    assert not (ink & ~under).any()
    assert all(w.handwritten is None and w.confidence == 1.0 for w in words)


def test_a_drawn_page_on_its_side_is_read():
    for rotate in (90, 180, 270):
        assert born(drawn_pdf(rotate=rotate)) is None


def test_decomposed_text_comes_out_composed():
    import unicodedata

    words = born(drawn_pdf([unicodedata.normalize("NFD", line) for line in VIETNAMESE]))
    if words is not None:  # a font may lack combining marks: then the page is read, which is right too
        assert all(unicodedata.is_normalized("NFC", w.text) for w in words)


def test_a_scan_with_a_text_layer_is_read():
    for mode in (3, 0):
        assert born(ocr_layer(scan(), mode)) is None
    assert born(scan()) is None and born(stamped(scan())) is None and born(jpeg()) is None


def test_invisible_text_alone_is_not_believed():
    data = blank_pdf()
    assert born(ocr_layer(data, 3)) is None
    assert born(ocr_layer(data, 0)) is not None
    assert born(data) is None


def test_rubbish_text_is_read_from_the_picture():
    legacy = "Céng hßa x· héi chñ nghÜa ViÖt Nam §éc lËp Tù do H¹nh phóc Uû ban nh©n d©n tØnh".split()
    assert born(drawn_pdf([" ".join(legacy)])) is None
    private = (
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange\n"
    )
    private += b"1 beginbfrange <20> <7e> <e020> endbfrange endcmap end"

    def change(pdf):
        font = pdf.pages[0].obj["/Resources"]["/Font"]["/F"]
        font["/ToUnicode"] = Stream(pdf, private)

    data = ocr_layer(blank_pdf(), 0)
    assert born(data) is not None and born(changed(data, change)) is None


def test_text_beside_what_is_seen_is_not_believed():
    """Letters as curves with a line of real text: the words are not the page."""
    data = drawn_pdf(["Ký bởi: Nguyễn Thị Hường, ngày 01/02/2025"])
    face = ImageFont.truetype(font_file(), 40)
    picture = Image.new("L", (1100, 1200), 255)
    for row in range(20):
        ImageDraw.Draw(picture).text((10, row * 55), "Quyết định về việc phê duyệt hồ sơ số 12", 0, font=face)
    dark = np.argwhere(np.asarray(picture)[::3, ::3] < 128)
    curves = " ".join(f"{40 + x * 1.4:.1f} {650 - y * 1.4:.1f} 1.4 1.4 re" for y, x in dark).encode() + b" f"
    assert born(data) is not None
    assert born(changed(data, lambda pdf: pdf.pages[0].contents_add(b"0 g " + curves))) is None


def test_what_a_signature_filled_in_belongs_to_its_line():
    def change(pdf):
        font = Dictionary(
            Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding
        )
        look = Stream(pdf, b"BT /F 13 Tf 0 3 Td (542) Tj ET", Type=Name.XObject, Subtype=Name.Form,
                      BBox=Array([0, 0, 40, 16]), Resources=Dictionary(Font=Dictionary(F=font)))  # fmt: skip
        baseline = 842 - 28.35 * 1 - 28.35 * 0.5
        pdf.pages[0].obj["/Annots"] = Array([pdf.make_indirect(Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Sig, T=String("S1"), F=4,
            Rect=Array([62, baseline - 7, 102, baseline + 9]), AP=Dictionary(N=pdf.make_indirect(look))))])  # fmt: skip

    data = changed(drawn_pdf(["Số:              /QĐ-UBND", *VIETNAMESE]), change)
    assert "542" in next(line for line in lines(born(data)) if line.startswith("Số:"))


# --- signatures ---
def signature_field(pdf: pikepdf.Pdf, name: str, contents: bytes = bytes(20), **more) -> pikepdf.Object:
    value = Dictionary(Type=Name.Sig, Filter=Name("/Adobe.PPKLite"), SubFilter=Name("/adbe.pkcs7.detached"),
                       Contents=String(contents), ByteRange=Array([0, 1, 2, 3]), **more)  # fmt: skip
    return pdf.make_indirect(Dictionary(
        FT=Name.Sig, T=String(name), V=pdf.make_indirect(value), Type=Name.Annot, Subtype=Name.Widget,
        Rect=Array([0, 0, 0, 0])))  # fmt: skip


def cms(name: str, digest) -> bytes:
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import pkcs7
    from cryptography.x509.oid import NameOID

    def certificate(subject: str):
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name(
            [x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"), x509.NameAttribute(NameOID.COMMON_NAME, subject)]
        )
        builder = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(
            datetime(2024, 1, 1, tzinfo=UTC)
        )
        return builder.not_valid_after(datetime(2034, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256()), key

    signer, key = certificate(name)
    other, _ = certificate("Another one of the chain")
    return (
        pkcs7.PKCS7SignatureBuilder().set_data(b"x").add_signer(signer, key, digest).add_certificate(other)
        .sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature])
    )  # fmt: skip


def test_signatures_are_noted():
    from cryptography.hazmat.primitives import hashes

    def change(pdf):
        parent = pdf.make_indirect(Dictionary(T=String("Form"), Kids=Array([
            signature_field(pdf, "A", cms("Ủy ban nhân dân xã Bình Minh", hashes.SHA384()) + bytes(500),
                            M=String("D:20250107100957+07'00'"))])))  # fmt: skip
        loose = signature_field(
            pdf, "B", b"not DER at all", Name=String("Trần Văn Bảo"), M=String("yesterday")
        )
        empty = pdf.make_indirect(Dictionary(FT=Name.Sig, T=String("C")))
        pdf.Root.AcroForm = Dictionary(Fields=Array([parent, empty]), SigFlags=3)
        parent.Kids.append(parent)  # a loop in the form
        pdf.pages[0].obj["/Annots"] = Array([loose])

    notes = inspect(changed(scan(), change), "x", LIMITS).signed
    assert [(n.field, n.signer, n.digest, n.claimed_time, n.subfilter) for n in notes] == [
        (
            "Form.A",
            "Ủy ban nhân dân xã Bình Minh",
            "sha384",
            "2025-01-07T10:09:57+07:00",
            "adbe.pkcs7.detached",
        ),
        ("B", "Trần Văn Bảo", "", None, "adbe.pkcs7.detached"),
    ]
    assert inspect(scan(), "x", LIMITS).signed == []


def test_broken_signatures_are_still_noted():
    from cryptography.hazmat.primitives import hashes

    good = cms("Phòng Tư pháp", hashes.SHA256())
    dice = random.Random(4)
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(3):
            bad[dice.randrange(len(bad))] = dice.randrange(256)

        def change(pdf):
            pdf.Root.AcroForm = Dictionary(Fields=Array([signature_field(pdf, "A", bytes(bad))]))  # noqa: B023

        assert len(inspect(changed(scan(), change), "x", LIMITS).signed) == 1


@pytest.mark.skipif(not (EVAL / "real" / "signed.json").exists(), reason="no evaluation set here")
def test_real_signatures():
    for name, facts in json.loads((EVAL / "real" / "signed.json").read_text("utf-8")).items():
        info = inspect(read_file(EVAL / "real" / name, LIMITS), name, LIMITS)
        assert [(n.field, "/" + n.subfilter, n.digest, n.signer) for n in info.signed] == [
            (s["field"], s["subfilter"], s["digest"], s["signer"]) for s in facts["signatures"]
        ]
