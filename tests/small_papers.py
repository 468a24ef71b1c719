"""Small papers that are read in a moment: large letters, 150 dpi, one bit a pixel; and settings that suit them."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import pikepdf
from PIL import Image, ImageDraw, ImageFont

from schemas.settings import Limits, Reading, Settings, Work
from tests.made_scans import sample_font

DPI = 150
SIZE = (800, 900)


def settings_for(home: Path, *, processes: int = 1, page_seconds: float = 60, min_dpi: float = 140, **more) -> Settings:
    return Settings(
        home=home,
        reading=Reading(dpi=DPI, min_dpi=min_dpi),
        work=Work(processes=processes, settle_seconds=0.2),
        limits=Limits(page_seconds=page_seconds),
        **more,
    )


def _copies(pages: tuple[Image.Image, ...]) -> list[Image.Image]:
    # Pillow leaves the options of the last format on the picture, and the next format trips over them.
    return [page.copy() for page in pages]


def drawn(lines: list[str]) -> Image.Image:
    picture = Image.new("L", SIZE, 255)
    draw = ImageDraw.Draw(picture)
    font: ImageFont.FreeTypeFont = sample_font(30)
    for number, line in enumerate(lines):
        draw.text((60, 50 + number * 62), line, 0, font)
    return picture.convert("1")


@functools.cache
def decision(number: int, year: int = 2023) -> Image.Image:
    """First page of a decision with this number."""
    return drawn([
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "ỦY BAN NHÂN DÂN XÃ ĐẠI ĐỒNG",
        f"Số: {number}/QĐ-UBND",
        f"Đại Đồng, ngày 15 tháng 3 năm {year}",
        "QUYẾT ĐỊNH",
        "Về việc công nhận kết quả bình xét",
        "Chủ tịch Ủy ban nhân dân xã quyết định:",
    ])  # fmt: skip


@functools.cache
def continued(number: int) -> Image.Image:
    """A further page, without any heading."""
    return drawn([
        f"Điều {number}. Quyết định này có hiệu lực từ ngày ký.",
        "Văn phòng Ủy ban nhân dân và các ông bà",
        "có tên trên chịu trách nhiệm thi hành",
        "quyết định này theo đúng quy định.",
    ])  # fmt: skip


@functools.cache
def separator() -> Image.Image:
    return drawn(["PATCHT", "", "PHIẾU NGĂN CÁCH HỒ SƠ"])


@functools.cache
def blank() -> Image.Image:
    return Image.new("1", SIZE, 1)


def tiff(*pages: Image.Image) -> bytes:
    buffer, (first, *more) = io.BytesIO(), _copies(pages)
    first.save(buffer, "TIFF", save_all=True, append_images=more, compression="group4", dpi=(DPI, DPI))
    return buffer.getvalue()


def png(page: Image.Image) -> bytes:
    buffer = io.BytesIO()
    page.copy().save(buffer, "PNG", dpi=(DPI, DPI))
    return buffer.getvalue()


def pdf(*pages: Image.Image) -> bytes:
    buffer, (first, *more) = io.BytesIO(), _copies(pages)
    first.save(buffer, "PDF", save_all=True, append_images=more, resolution=DPI)
    return buffer.getvalue()


def signed_pdf(*pages: Image.Image, signer: str = "Ủy ban nhân dân xã Đại Đồng") -> bytes:
    """A PDF with a filled signature field; what is signed is nobody's business here."""
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(*pages))) as made:
        value = pikepdf.Dictionary(
            Type=pikepdf.Name.Sig,
            Filter=pikepdf.Name("/Adobe.PPKLite"),
            SubFilter=pikepdf.Name("/adbe.pkcs7.detached"),
            Contents=pikepdf.String(b"\0" * 20),
            ByteRange=pikepdf.Array([0, 10, 20, 10]),
            Name=pikepdf.String(signer),
        )
        entry = pikepdf.Dictionary(
            FT=pikepdf.Name.Sig,
            T=pikepdf.String("ChuKy1"),
            V=made.make_indirect(value),
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            Rect=pikepdf.Array([0, 0, 0, 0]),
        )
        made.Root.AcroForm = pikepdf.Dictionary(Fields=pikepdf.Array([made.make_indirect(entry)]), SigFlags=3)
        made.save(buffer)
    return buffer.getvalue()
