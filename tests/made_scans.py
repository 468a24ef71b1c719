"""Scans made on the spot: a page of text, what a scanner sees of it, and a perfect reading of that."""

from __future__ import annotations

import functools
import io
import math

import numpy as np
import pypdfium2
import pytest
from pikepdf import Pdf
from PIL import Image, ImageDraw, ImageFont

from ocr.searchable import make_searchable, verify_searchable
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
    title="Giấy xác nhận số 45/GXN-UBND",
    subject="Xác nhận cư trú <&>",
    author="UBND xã Đại Đồng",
    agency="UBND xã Đại Đồng",
    document_id="doc-000045",
    scanned_at="2026-11-22T09:15:30+07:00",
    converter="sohoa 1.0",
    source_sha256="ab" * 32,
)


@functools.cache
def sample_font(size: int) -> ImageFont.FreeTypeFont:
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
    words, font = [], sample_font(38)
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
        picture = picture.transform(
            picture.size,
            Image.Transform.AFFINE,
            tuple(back[:2].ravel()),
            Image.Resampling.BICUBIC,
            fillcolor="white",
        )
    picture = picture.rotate(-rotation, expand=True)
    points = 72 / DPI
    reading = PageReading(
        page=1,
        width=WIDTH,
        height=HEIGHT,
        dpi=DPI,
        rotation=rotation,
        skew_deg=skew,
        words=words,
        quality=PageQuality(width_px=picture.width, height_px=picture.height, dpi=DPI, colour=True),
        to_points=tuple(v * points for v in to_skewed),
        page_size_pt=(WIDTH * points, HEIGHT * points),
    )
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


def saved(pdf: Pdf) -> bytes:
    out = io.BytesIO()
    pdf.save(out, static_id=True)
    return out.getvalue()
