"""Searchable PDF/A: the words lie over the words, the picture is the one that came in, and broken files are found out."""

from __future__ import annotations

import functools
import hashlib
import io
import math
import shutil
import subprocess
import unicodedata
import zlib
from types import SimpleNamespace

import numpy as np
import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image, ImageDraw, ImageFont

from ocr.pdfa_check import check_pdfa2b
from ocr.searchable import make_searchable, verify_searchable
from schemas.errors import DamagedFile, NotAllowedNow, OutputInvalid, WrongUse
from schemas.page import PageQuality, PageReading, Word
from schemas.record import RecordMetadata

DPI = 200
WIDTH, HEIGHT = 1654, 2339
LINES = [
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập - Tự do - Hạnh phúc",
    "ỦY BAN NHÂN DÂN XÃ ĐẠI ĐỒNG",
    "Số: 45/GXN-UBND",
    "GIẤY XÁC NHẬN",
    "Họ và tên: Nguyễn Thị Bích Ngọc, sinh ngày 05 tháng 3 năm 1987",
    "Nơi cư trú: thôn Trường Thịnh, xã Đại Đồng, tỉnh Quảng Nam",
    "nam nữ xưa sau con cả em",
    "Nghề nghiệp: làm ruộng; quốc tịch: Việt Nam; dân tộc: Cơ Tu",
]
METADATA = RecordMetadata(
    title="Giấy xác nhận số 45/GXN-UBND", subject="Xác nhận cư trú <&>", author="UBND xã Đại Đồng", agency="UBND xã Đại Đồng",
    document_id="doc-000045", scanned_at="2026-11-22T09:15:30+07:00", converter="sohoa 1.0", source_sha256="ab" * 32,
)  # fmt: skip


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    for path in (
        "liberation2/LiberationSerif-Regular.ttf",
        "croscore/Tinos-Regular.ttf",
        "dejavu/DejaVuSerif.ttf",
    ):
        try:
            return ImageFont.truetype(f"/usr/share/fonts/truetype/{path}", size)
        except OSError:
            continue
    pytest.skip("no font with Vietnamese letters")


@functools.cache
def upright_page() -> tuple[Image.Image, list[Word]]:
    """A page of text at 200 dpi and its words with boxes tight around the ink, as a recogniser gives them."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(picture)
    words, font = [], _font(38)
    for number, line in enumerate(LINES):
        x, y = 180.0, 200 + number * 130
        for text in line.split():
            draw.text((x, y), text, "black", font)
            words.append(
                Word(
                    text=text,
                    box=tuple(map(float, draw.textbbox((x, y), text, font))),
                    confidence=0.95,
                    line=number,
                )
            )
            x += draw.textlength(text + " ", font)
    draw.ellipse((900, 1500, 1300, 1900), outline=(200, 30, 30), width=12)
    return picture, words


def scan(rotation: int = 0, skew: float = 0.0) -> tuple[Image.Image, PageReading]:
    """The page as a scanner sees it, turned clockwise by `rotation` and skewed, and a perfect reading of it."""
    picture, words = upright_page()
    radians = math.radians(skew)
    cos, sin, cx, cy = math.cos(radians), math.sin(radians), WIDTH / 2, HEIGHT / 2
    # read frame -> skewed upright frame: clockwise on the screen by `skew`
    to_skewed = (cos, -sin, cx - cos * cx + sin * cy, sin, cos, cy - sin * cx - cos * cy)
    if skew:
        back = np.linalg.inv(np.array([to_skewed[:3], to_skewed[3:], (0, 0, 1)]))
        picture = picture.transform(picture.size, Image.Transform.AFFINE, tuple(back[:2].ravel()), Image.Resampling.BICUBIC,
                                    fillcolor="white")  # fmt: skip
    picture = picture.rotate(-rotation, expand=True)
    points = 72 / DPI
    reading = PageReading(
        page=1, width=WIDTH, height=HEIGHT, dpi=DPI, rotation=rotation, skew_deg=skew, words=words,
        quality=PageQuality(width_px=picture.width, height_px=picture.height, dpi=DPI, colour=True),
        to_points=tuple(v * points for v in to_skewed), page_size_pt=(WIDTH * points, HEIGHT * points),
    )  # fmt: skip
    return picture, reading


def stored(picture: Image.Image, form: str = "JPEG", **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **({"dpi": (DPI, DPI)} | options))
    return out.getvalue()


def made(source: bytes, readings: PageReading | list[PageReading], pages: list[int] | None = None) -> bytes:
    readings = readings if isinstance(readings, list) else [readings]
    pages = pages or list(range(1, len(readings) + 1))
    result = make_searchable(source, readings, pages=pages, metadata=METADATA)
    assert result.claims_pdfa, result.findings
    verify_searchable(result.data, readings, source=source, pages=pages)
    return result.data


def drawn(data: bytes, page: int = 0, scale: float = 1.0) -> np.ndarray:
    document = pypdfium2.PdfDocument(data)
    try:
        return document[page].render(scale=scale).to_numpy().copy()
    finally:
        document.close()


# --- where the words lie ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("rotation", "skew"), [(0, 0), (0, 3), (90, 0), (180, 1), (270, -2)])
def test_words_lie_over_the_words(rotation, skew):
    """pdfplumber's boxes of the extracted words against the ink, in the shown frame."""
    import pdfplumber

    picture, reading = scan(rotation, skew)
    data = made(stored(picture, quality=70), reading)
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        page = pdf.pages[0]
        assert (page.width, page.height) == pytest.approx(reading.page_size_pt, abs=0.5)
        found = page.extract_words(use_text_flow=True, y_tolerance=30 if skew else 3)
    assert [w["text"] for w in found] == [w.text for w in reading.words]
    for word, seen in zip(reading.words, found, strict=True):
        left, top, right, bottom = reading.box_to_points(word.box)
        lean = (
            abs(math.sin(math.radians(skew))) * 20
        )  # a leaning letter's bounding box is wider than the letter
        assert seen["x0"] == pytest.approx(left, abs=2 + lean), word.text
        assert seen["x1"] == pytest.approx(right, abs=2 + lean), word.text
        if any(c.isalnum() for c in word.text):
            assert (seen["top"] + seen["bottom"]) / 2 == pytest.approx((top + bottom) / 2, abs=2.5), word.text


def test_lines_copy_out_as_lines():
    import pdfplumber

    picture, reading = scan(90, 0.0)
    data = made(stored(picture, quality=70), reading)
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        assert pdf.pages[0].extract_text().splitlines() == LINES
    assert all(unicodedata.is_normalized("NFC", line) for line in LINES)
    document = pypdfium2.PdfDocument(data)
    assert document[0].get_textpage().get_text_range().split("\r\n") == LINES
    document.close()


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler is not installed")
@pytest.mark.parametrize(("rotation", "skew", "mode"), [(0, 0, "-layout"), (180, 1, "-raw"), (0, 3, "-raw")])
def test_poppler_copies_the_same(rotation, skew, mode, tmp_path):
    picture, reading = scan(rotation, skew)
    (tmp_path / "a.pdf").write_bytes(made(stored(picture, quality=70), reading))
    out = subprocess.run(
        ["pdftotext", mode, tmp_path / "a.pdf", "-"], capture_output=True, check=True
    ).stdout.decode()
    assert [" ".join(line.split()) for line in out.replace("\f", "").splitlines() if line.strip()] == LINES


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_pdf_pages_with_offsets_turns_and_units(turn):
    """A scan inside a PDF with /Rotate, a CropBox away from the origin and UserUnit."""
    picture, reading = scan(270)
    upside = picture.rotate(turn, expand=True)  # stored so that /Rotate brings back what the scanner saw
    source = Pdf.new()
    raw = stored(upside, quality=70)
    width, height = (side * 36 / DPI for side in upside.size)
    image = pikepdf.Stream(source, raw, Type=Name.XObject, Subtype=Name.Image, Width=upside.width, Height=upside.height,
                           ColorSpace=Name.DeviceRGB, BitsPerComponent=8, Filter=Name.DCTDecode, Interpolate=True)  # fmt: skip
    content = f"q 2 0 0 2 0 0 cm q {width / 2} 0 0 {height / 2} 35 -25 cm /Im7 Do Q"  # never closed: state must not leak
    page = Dictionary(Type=Name.Page, MediaBox=[0, -100, 900, 1000], CropBox=[70, -50, 70 + width, -50 + height], Rotate=turn,
                      UserUnit=2, Contents=source.make_stream(content.encode() + b" Q"),
                      Resources=Dictionary(XObject=Dictionary(Im7=image)))  # fmt: skip
    source.pages.append(pikepdf.Page(page))
    before = saved(source)
    data = made(before, reading)
    with Pdf.open(io.BytesIO(data)) as pdf:
        assert pdf.pages[0].obj.Rotate == (turn - 270) % 360
        assert pdf.pages[0].Resources.XObject.Im7.read_raw_bytes() == raw
    # Turned pages are sampled at other places: compared coarsely.
    wanted, seen = (np.asarray(Image.fromarray(p).resize((60, 84), Image.Resampling.BOX)) for p in (
        np.ascontiguousarray(np.rot90(drawn(before), 3)), drawn(data)))  # fmt: skip
    assert np.abs(wanted.astype(int) - seen).max() < 12
    assert wanted.std() > 10


def saved(pdf: Pdf) -> bytes:
    out = io.BytesIO()
    pdf.save(out, static_id=True)
    return out.getvalue()


# --- the picture is the one that came in ------------------------------------------------------------------------------
def only_image(data: bytes, page: int = 0) -> SimpleNamespace:
    """The first picture of a page: stored bytes, decoded bytes where Flate, bits, keys."""
    with Pdf.open(io.BytesIO(data)) as pdf:
        image = next(iter(pdf.pages[page].Resources.XObject.as_dict().values()))
        decoded = image.read_bytes() if image.Filter == Name.FlateDecode else b""
        return SimpleNamespace(
            raw=image.read_raw_bytes(),
            decoded=decoded,
            bits=int(image.BitsPerComponent),
            keys=set(image.keys()),
        )


@pytest.mark.parametrize(
    "options", [{"quality": 60}, {"quality": 60, "progressive": True}, {"quality": 40, "subsampling": 2}]
)
def test_jpeg_stream_is_kept_byte_for_byte(options):
    picture, reading = scan()
    source = stored(picture, **options)
    assert only_image(made(source, reading)).raw == source
    grey = stored(picture.convert("L"), **options)
    assert only_image(made(grey, reading)).raw == grey


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_shown_through_rotate(orientation):
    small = Image.fromarray(
        np.kron(np.arange(6, dtype=np.uint8).reshape(2, 3) * 40, np.ones((80, 80), np.uint8))
    )
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = stored(small, quality=95, exif=exif.tobytes(), dpi=(144, 144))
    with Image.open(io.BytesIO(source)) as picture:
        from PIL import ImageOps

        wanted = np.asarray(ImageOps.exif_transpose(picture))
    size = (wanted.shape[1] / 2, wanted.shape[0] / 2)
    reading = scan()[1].model_copy(update={"words": [], "page_size_pt": size})
    seen = drawn(made(source, reading), scale=2)[:, :, 0]
    assert seen.shape == wanted.shape
    assert np.abs(seen[40::80, 40::80].astype(int) - wanted[40::80, 40::80]).max() <= 3


@pytest.mark.parametrize(
    ("dpi", "expected"),
    [((200, 200), (595.44, 842.04)), ((72, 72), (595.3, 841.9)), ((1, 1), (595.3, 841.9))],
)
def test_page_size_at_100_percent(dpi, expected):
    picture, reading = scan()
    with Pdf.open(io.BytesIO(made(stored(picture, quality=50, dpi=dpi), reading))) as pdf:
        assert [float(v) for v in pdf.pages[0].mediabox[2:]] == pytest.approx(expected, abs=0.6)


def test_cmyk_jpeg_looks_like_plain_cmyk():
    flat = Image.new("CMYK", (400, 300), (0, 200, 40, 30))
    source = stored(flat, quality=95)
    reading = scan()[1].model_copy(update={"words": [], "page_size_pt": (144.0, 108.0)})
    data = made(source, reading)
    assert only_image(data).raw == source
    c, m, y, k = 0, 200, 40, 30
    wanted = [(255 - ink) * (255 - k) / 255 for ink in (c, m, y)]
    assert drawn(data)[50, 50][::-1] == pytest.approx(wanted, abs=8)


def test_tiff_g4_of_many_pages_is_kept_byte_for_byte():
    pages = [scan(r)[0].convert("1") for r in (0, 90)]
    out = io.BytesIO()
    pages[0].save(
        out,
        "TIFF",
        compression="group4",
        save_all=True,
        append_images=pages[1:],
        dpi=(DPI, DPI),
        strip_size=2**30,
    )
    source = out.getvalue()
    data = made(source, [scan(0)[1], scan(90)[1].model_copy(update={"page": 2})])
    with Image.open(io.BytesIO(source)) as tiff:
        for number in (0, 1):
            tiff.seek(number)
            strip = source[tiff.tag_v2[273][0] :][: tiff.tag_v2[279][0]]
            assert only_image(data, number).raw == strip
    assert (only_pixels(data, 0) == np.asarray(pages[0])).all()
    second = made(source, scan(90)[1], [2])
    assert (only_pixels(second) == np.asarray(pages[1])).all()


def only_pixels(data: bytes, page: int = 0) -> np.ndarray:
    with Pdf.open(io.BytesIO(data)) as pdf:
        image = next(iter(pdf.pages[page].Resources.XObject.as_dict().values()))
        return np.asarray(pikepdf.PdfImage(image).as_pil_image())


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "group3", "group4", "jpeg", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_tiff_of_every_kind_keeps_its_pixels(compression, mode, orientation):
    if (compression in ("group3", "group4")) != (mode == "1") and compression not in (
        "raw",
        "tiff_lzw",
        "tiff_adobe_deflate",
    ):
        pytest.skip("not a kind of TIFF")
    picture, reading = scan()
    picture = picture.crop((0, 0, 800, 500)).convert(mode)
    source = stored(
        picture,
        "TIFF",
        compression=compression,
        tiffinfo={274: orientation},
        **({"quality": 80} if compression == "jpeg" else {}),
    )
    with Image.open(io.BytesIO(source)) as tiff:
        wanted = np.asarray(tiff.convert("L"))
    size = (wanted.shape[1] * 72 / DPI, wanted.shape[0] * 72 / DPI)
    data = made(source, reading.model_copy(update={"words": [], "page_size_pt": size}))
    seen = drawn(data, scale=DPI / 72)[:, :, ::-1]
    seen = np.asarray(Image.fromarray(np.ascontiguousarray(seen)).convert("L")).astype(int)
    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted.astype(int)).mean() < 1.0


def _png(pixels: np.ndarray, kind: int, bits: int, extra: bytes = b"") -> bytes:
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2" if bits == 16 else "u1").tobytes() for row in pixels)
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((bits, kind, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("opaque", [True, False])
def test_png_with_alpha_and_16_bit(kind, channels, bits, opaque):
    top = 2**bits - 1
    pixels = np.random.default_rng(1).integers(0, top + 1, (60, 80, channels))
    if kind in (4, 6):
        pixels[:, :, -1] = top
        if not opaque:
            pixels[:30, :, -1] = 0
    data = made(
        _png(pixels, kind, bits), scan()[1].model_copy(update={"words": [], "page_size_pt": (595.3, 446.4)})
    )
    image = only_image(data)
    assert image.bits == bits
    if kind in (0, 2):
        assert "/DecodeParms" in image.keys
    else:
        assert ("/SMask" in image.keys) == (not opaque)
        colours = pixels[:, :, :-1].astype(">u2" if bits == 16 else "u1").tobytes()
        assert image.decoded == colours
    top_row = drawn(data)[2, 2]
    if kind in (4, 6) and not opaque:
        assert (top_row == 255).all()


@pytest.mark.parametrize("mode", ["P", "1", "L", "RGB"])
def test_png_idat_is_kept(mode):
    picture, reading = scan()
    source = stored(picture.convert(mode), "PNG")
    assert only_image(made(source, reading)).raw == b"".join(_idat(source))


def _idat(png: bytes):
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            yield png[at + 8 : at + 8 + length]
        at += 12 + length


def test_render_is_the_same_with_and_without_the_layer():
    picture, reading = scan(0, 1)
    source = stored(picture, quality=70)
    with_layer = made(source, reading)
    without = made(source, reading.model_copy(update={"words": []}))
    assert np.array_equal(drawn(with_layer, scale=2), drawn(without, scale=2))


def test_damaged_and_wrong_calls_are_refused():
    picture, reading = scan()
    source = stored(picture, quality=50)
    with pytest.raises(DamagedFile):
        make_searchable(source[:100], [reading], pages=[1], metadata=METADATA)
    with pytest.raises(DamagedFile):
        make_searchable(source, [reading], pages=[2], metadata=METADATA)
    with pytest.raises(WrongUse):
        make_searchable(source, [reading], pages=[1, 2], metadata=METADATA)


# --- PDF sources ------------------------------------------------------------------------------------------------------
def pdf_scan(**page_entries) -> tuple[Pdf, PageReading, bytes]:
    """A scan wrapped in a PDF by some other program, open for more damage; its reading; its JPEG."""
    picture, reading = scan()
    raw = stored(picture, quality=60)
    pdf = Pdf.new()
    image = pikepdf.Stream(pdf, raw, Type=Name.XObject, Subtype=Name.Image, Width=WIDTH, Height=HEIGHT,
                           ColorSpace=Name.DeviceRGB, BitsPerComponent=8, Filter=Name.DCTDecode)  # fmt: skip
    page = Dictionary(Type=Name.Page, MediaBox=[0, 0, 595.44, 842.04], Resources=Dictionary(XObject=Dictionary(Im0=image)),
                      Contents=pdf.make_stream(b"q 595.44 0 0 842.04 0 0 cm /Im0 Do Q"), **page_entries)  # fmt: skip
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
        form = pikepdf.Stream(pdf, hidden, Type=Name.XObject, Subtype=Name.Form, BBox=[0, 0, 600, 850],
                              Resources=Dictionary(Font=Dictionary(F9=HELVETICA)))  # fmt: skip
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
    pdf.pages[0].obj["/Annots"] = pdf.make_indirect(Array([
        pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Stamp, Rect=[200, 100, 400, 200], P=other,
                                     AP=Dictionary(N=pdf.make_indirect(stamp)), F=4)),
        pdf.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=[0, 0, 50, 50], Border=[0, 0, 0],
                                     A=Dictionary(S=Name.Launch, F="cmd.exe"))),
    ]))  # fmt: skip
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
    from fontTools.ttLib import TTFont

    path = _font(38).path
    program = open(path, "rb").read()
    with TTFont(path) as font:
        units, names, metrics = font["head"].unitsPerEm, font.getBestCmap(), font["hmtx"]
        widths = [metrics[names[c]][0] * 1000 / units for c in range(32, 127)]
    pdf = Pdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    descriptor = Dictionary(Type=Name.FontDescriptor, FontName=Name("/Serif"), Flags=32, FontBBox=[0, -200, 1000, 900],
                            ItalicAngle=0, Ascent=900, Descent=-200, CapHeight=700, StemV=80,
                            FontFile2=pdf.make_stream(program))  # fmt: skip
    font = Dictionary(Type=Name.Font, Subtype=Name.TrueType, BaseFont=Name("/Serif"), FirstChar=32, LastChar=126,
                      Widths=widths, Encoding=Name.WinAnsiEncoding, FontDescriptor=pdf.make_indirect(descriptor))  # fmt: skip
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


# --- the same bytes, read by others -----------------------------------------------------------------------------------
def test_the_same_input_makes_the_same_bytes():
    picture, reading = scan(0, 1)
    source = stored(picture, quality=60)
    assert made(source, reading) == made(source, reading)
    script = (
        "import sys, pickle; from ocr.searchable import make_searchable; a = pickle.load(sys.stdin.buffer);"
        "sys.stdout.buffer.write(make_searchable(a[0], [a[1]], pages=[1], metadata=a[2]).data)"
    )
    import pickle
    import sys

    out = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps((source, reading, METADATA)),
        capture_output=True,
        check=True,
    )
    assert out.stdout == made(source, reading)


def test_the_description_is_there():
    picture, reading = scan()
    with Pdf.open(io.BytesIO(made(stored(picture, quality=40), reading))) as pdf:
        info, xmp = pdf.docinfo, pdf.Root.Metadata.read_bytes().decode()
        assert str(info.Title) == METADATA.title and str(info.CreationDate) == "D:20261122091530+07'00'"
        assert pdf.Root.Lang == "vi-VN" and len(pdf.trailer.ID) == 2
        with pdf.open_metadata() as parsed:
            assert parsed.pdfa_status == "2B"
            assert parsed["dc:title"] == METADATA.title and parsed["dc:creator"] == [METADATA.author]
    assert "Số hóa từ văn bản giấy" in xmp and "doc-000045" in xmp and METADATA.source_sha256 in xmp


@pytest.mark.skipif(
    not (shutil.which("qpdf") and shutil.which("gs")), reason="qpdf or ghostscript is not installed"
)
def test_qpdf_and_ghostscript_have_nothing_to_say(tmp_path):
    picture, reading = scan(90, 0.5)
    sources = [
        stored(picture, quality=60),
        stored(picture.convert("1"), "TIFF", compression="group4"),
        stored(picture, "PNG"),
    ]
    for number, source in enumerate(sources):
        path = tmp_path / f"{number}.pdf"
        path.write_bytes(made(source, reading))
        check = subprocess.run(["qpdf", "--check", path], capture_output=True, text=True)
        assert check.returncode == 0 and "WARNING" not in check.stdout + check.stderr
        ghost = subprocess.run(["gs", "-q", "-dBATCH", "-dNOPAUSE", "-o", "/dev/null", "-sDEVICE=nullpage", path],
                               capture_output=True, text=True)  # fmt: skip
        assert ghost.returncode == 0 and not (ghost.stdout + ghost.stderr).strip(), (
            ghost.stdout + ghost.stderr
        )


# --- the check finds what is broken -----------------------------------------------------------------------------------
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
    extra = reading.model_copy(update={"words": [*words, words[0].model_copy(update={"text": "Thêm"})]})
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
