"""Searchable PDF/A: the words lie over the words and the picture is the one that came in."""

from __future__ import annotations

import io
import math
import pickle
import shutil
import subprocess
import sys
import unicodedata
import zlib
from types import SimpleNamespace

import numpy as np
import pdfplumber
import pikepdf
import pypdfium2
import pytest
from made_scans import DPI, LINES, METADATA, drawn, made, saved, scan, stored
from pikepdf import Dictionary, Name, Pdf
from PIL import Image, ImageOps

from ocr.searchable import make_searchable
from schemas.errors import DamagedFile, WrongUse


# --- where the words lie ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("rotation", "skew"), [(0, 0), (0, 3), (90, 0), (180, 1), (270, -2)])
def test_words_lie_over_the_words(rotation, skew):
    """pdfplumber's boxes of the extracted words against the ink, in the shown frame."""
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


def test_words_follow_a_photographed_sheet():
    """A sheet laid flat by perspective: places come from the reading's own map."""
    picture, reading = scan()
    bent = reading.model_copy(
        update={"to_points": (0.30, 0.02, 20.0, -0.01, 0.33, 30.0), "perspective": (-6e-5, 4e-5)}
    )
    data = made(stored(picture, quality=40), bent)
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        found = pdf.pages[0].extract_words(use_text_flow=True, y_tolerance=60, x_tolerance_ratio=0.25)
    for word, seen in zip(reading.words, found, strict=True):
        assert seen["text"] == word.text
        left, top, right, bottom = bent.box_to_points(word.box)
        assert seen["x0"] == pytest.approx(left, abs=3) and seen["x1"] == pytest.approx(right, abs=3)


def test_lines_copy_out_as_lines():
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
    image = pikepdf.Stream(
        source,
        raw,
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=upside.width,
        Height=upside.height,
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
        Interpolate=True,
    )
    content = f"q 2 0 0 2 0 0 cm q {width / 2} 0 0 {height / 2} 35 -25 cm /Im7 Do Q"
    page = Dictionary(
        Type=Name.Page,
        MediaBox=[0, -100, 900, 1000],
        CropBox=[70, -50, 70 + width, -50 + height],
        Rotate=turn,
        UserUnit=2,
        Contents=source.make_stream(content.encode() + b" Q"),
        Resources=Dictionary(XObject=Dictionary(Im7=image)),
    )
    source.pages.append(pikepdf.Page(page))
    before = saved(source)
    data = made(before, reading)
    with Pdf.open(io.BytesIO(data)) as pdf:
        assert pdf.pages[0].obj.Rotate == (turn - 270) % 360
        assert pdf.pages[0].Resources.XObject.Im7.read_raw_bytes() == raw
    # Turned pages are sampled at other places: compared coarsely.
    wanted, seen = (
        np.asarray(Image.fromarray(p).resize((60, 84), Image.Resampling.BOX))
        for p in (np.ascontiguousarray(np.rot90(drawn(before), 3)), drawn(data))
    )
    assert np.abs(wanted.astype(int) - seen).max() < 12
    assert wanted.std() > 10


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


TIFFS = [("1", c) for c in ("raw", "tiff_lzw", "group3", "group4", "tiff_adobe_deflate")]
TIFFS += [(mode, c) for mode in ("L", "RGB") for c in ("raw", "tiff_lzw", "jpeg", "tiff_adobe_deflate")]


@pytest.mark.parametrize(("mode", "compression"), TIFFS)
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_tiff_of_every_kind_keeps_its_pixels(compression, mode, orientation):
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


# --- the same bytes, read by others -----------------------------------------------------------------------------------
def test_the_same_input_makes_the_same_bytes():
    picture, reading = scan(0, 1)
    source = stored(picture, quality=60)
    assert made(source, reading) == made(source, reading)
    script = (
        "import sys, pickle; from ocr.searchable import make_searchable; a = pickle.load(sys.stdin.buffer);"
        "sys.stdout.buffer.write(make_searchable(a[0], [a[1]], pages=[1], metadata=a[2]).data)"
    )
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
        ghost = subprocess.run(
            ["gs", "-q", "-dBATCH", "-dNOPAUSE", "-o", "/dev/null", "-sDEVICE=nullpage", path],
            capture_output=True,
            text=True,
        )
        assert ghost.returncode == 0 and not (ghost.stdout + ghost.stderr).strip(), (
            ghost.stdout + ghost.stderr
        )
