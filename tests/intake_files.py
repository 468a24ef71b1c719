"""Small files made on the spot, for the tests of intake."""

from __future__ import annotations

import io
import subprocess
import zlib
from pathlib import Path

import img2pdf
import numpy as np
import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream
from PIL import Image, ImageDraw

from ocr.intake import inspect, open_source
from schemas.settings import Limits

ROOT = Path(__file__).resolve().parents[1]
EVAL = ROOT.parent / "shared" / "eval"
LIMITS = Limits()
WIDTH, HEIGHT, DPI = 700, 990, 120  # A5
POINTS = (WIDTH / DPI * 72, HEIGHT / DPI * 72)


def page_picture(width: int = WIDTH, height: int = HEIGHT, mode: str = "RGB") -> Image.Image:
    """A sheet with a black square near the top left and a red one near the bottom right: tells every turn apart."""
    picture = Image.new("RGB", (width, height), (250, 250, 248))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width * 0.1, height * 0.05, width * 0.3, height * 0.15), fill="black")
    draw.rectangle((width * 0.7, height * 0.8, width * 0.9, height * 0.95), fill=(200, 20, 30))
    return picture.convert(mode)


def encoded(picture: Image.Image, kind: str, **options) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def jpeg(**options) -> bytes:
    return encoded(page_picture(), "JPEG", **{"dpi": (DPI, DPI), "quality": 80} | options)


def png(**options) -> bytes:
    return encoded(page_picture(), "PNG", **{"dpi": (DPI, DPI)} | options)


def tiff(pages: int = 1, mode: str = "RGB", **options) -> bytes:
    more = [page_picture(mode=mode) for _ in range(pages - 1)]
    options = {"compression": "tiff_lzw", "dpi": (DPI, DPI)} | options
    return encoded(page_picture(mode=mode), "TIFF", save_all=True, append_images=more, **options)


def scan(pages: int = 1) -> bytes:
    return img2pdf.convert([jpeg() for _ in range(pages)])


def saved(pdf: pikepdf.Pdf, **options) -> bytes:
    target = io.BytesIO()
    pdf.save(target, **options)
    return target.getvalue()


def changed(data: bytes, change) -> bytes:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        change(pdf)
        return saved(pdf)


def raw_pdf(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A PDF with the objects 1, 2 … as they stand; object 1 is the catalogue."""
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer <</Size %d /Root 1 0 R %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        start,
    )
    return bytes(out)


def stream(body: bytes, entries: bytes = b"") -> bytes:
    return b"<</Length %d %s>> stream\n%s\nendstream" % (len(body), entries, body)


def deflated_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
ONE_PAGE = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"


def content_pdf(body: bytes, entries: bytes) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>"
    return raw_pdf([CATALOGUE, ONE_PAGE, page, stream(body, entries)])


def font_file() -> str:
    found = subprocess.run(
        ["fc-match", "-f", "%{file}", "DejaVu Sans"], capture_output=True, text=True
    ).stdout
    if not found.endswith(".ttf"):
        pytest.skip("no DejaVu font")
    return found


VIETNAMESE = [
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập - Tự do - Hạnh phúc",
    "Số: 15/QĐ-UBND",
    "Nguyễn Thị Hường",
]


def drawn_pdf(lines: list[str] = VIETNAMESE, rotate: int = 0) -> bytes:
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    pdf.add_font("body", "", font_file())
    pdf.add_page()
    pdf.set_font("body", size=13)
    for line in lines:
        pdf.cell(0, 10, line, new_x="LMARGIN", new_y="NEXT")
    data = bytes(pdf.output())
    return changed(data, lambda p: p.pages[0].obj.__setitem__("/Rotate", rotate)) if rotate else data


def seen(data: bytes, page: int = 1, dpi: int = 100):
    info = inspect(data, "x", LIMITS)
    with open_source(data, info, LIMITS) as source:
        return source.render(page, dpi)


def marks(pixels: np.ndarray) -> tuple[str, str]:
    """Corners in which the black and the red square stand: 'tl' (top left), 'br' …"""
    height, width = pixels.shape[:2]
    corners = {}
    for name, rows, columns in (
        ("tl", slice(0, height // 2), slice(0, width // 2)),
        ("tr", slice(0, height // 2), slice(width // 2, width)),
        ("bl", slice(height // 2, height), slice(0, width // 2)),
        ("br", slice(height // 2, height), slice(width // 2, width)),
    ):
        part = pixels[rows, columns].reshape(-1, 3).astype(int)
        corners[name] = (part.sum(1) < 150).sum(), ((part[:, 0] - part[:, 1]) > 100).sum()
    return max(corners, key=lambda n: corners[n][0]), max(corners, key=lambda n: corners[n][1])


def stamped(data: bytes, hidden: bool = False) -> bytes:
    """With a red stamp annotation top right, and the text 'Ký bởi' of a signature in it."""

    def change(pdf):
        look = Stream(
            pdf, b"1 0 0 rg 0 0 60 60 re f", BBox=Array([0, 0, 60, 60]), Subtype=Name.Form, Type=Name.XObject
        )
        page = pdf.pages[0]
        right, top = float(page.mediabox[2]), float(page.mediabox[3])
        page.obj["/Annots"] = Array([pdf.make_indirect(Dictionary(
            Type=Name.Annot, Subtype=Name.Stamp, Rect=Array([right - 70, top - 70, right - 10, top - 10]),
            F=2 if hidden else 4, AP=Dictionary(N=pdf.make_indirect(look))))])  # fmt: skip

    return changed(data, change)


def blank_pdf() -> bytes:
    pdf = pikepdf.new()
    pdf.add_blank_page(page_size=(595, 842))
    pdf.pages[0].obj["/Resources"] = Dictionary()
    return saved(pdf)


def ocr_layer(data: bytes, mode: int) -> bytes:
    text = b"BT /F 12 Tf %d Tr 40 300 Td (Cong hoa xa hoi chu nghia Viet Nam doc lap tu do) Tj ET" % mode

    def change(pdf):
        page = pdf.pages[0]
        page.obj["/Resources"]["/Font"] = Dictionary(
            F=Dictionary(
                Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding
            )
        )
        page.contents_add(text)

    return changed(data, change)
