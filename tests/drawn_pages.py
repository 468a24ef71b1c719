"""Pictures of pages with known words at known places, and the ways in which scans spoil them."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from ocr.intake import PageImage
from samples.fonts import available, face

A4 = (595.0, 842.0)
DPI = 200
LINES = [
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập - Tự do - Hạnh phúc",
    "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
    "Xét đề nghị của Trưởng phòng Lao động - Thương binh và Xã hội huyện,",
    "Ủy ban nhân dân xã quyết định trợ cấp cho bà Đặng Thị Ngọc Ánh,",
    "sinh ngày 02 tháng 9 năm 1945, nơi ở: thôn Đồng Khởi, xã Bình Thạnh.",
    "Quyết định này có hiệu lực kể từ ngày ký và thay thế các quyết định trước.",
    "Chánh Văn phòng, Trưởng phòng Tài chính và bà Ánh chịu trách nhiệm thi hành.",
    "Khoản tiền được chi trả hằng tháng theo quy định của pháp luật hiện hành.",
    "Nguyễn Quốc Khuyến nghiêng mình thưởng thức khoảnh khắc giữa trưa hè.",
]


def page(lines: list[str] = LINES, *, top: int = 260, size: int = 36) -> np.ndarray:
    """RGB A4 page at 200 dpi with the lines in black, the first at (180, `top`), 90 pixels apart."""
    picture = Image.new("RGB", (1654, 2339), "white")
    draw = ImageDraw.Draw(picture)
    font = face(available(("Liberation Serif", "Noto Serif", "DejaVu Serif"))[0], size)
    for row, line in enumerate(lines):
        draw.text((180, top + row * 90), line, fill=(15, 15, 20), font=font)
    return np.asarray(picture).copy()


def image(pixels: np.ndarray, *, dpi: float = DPI, native_dpi: float | None = None) -> PageImage:
    """The picture as intake hands it on."""
    height, width = pixels.shape[:2]
    return PageImage(
        pixels=np.ascontiguousarray(pixels),
        dpi=dpi,
        native_dpi=native_dpi or dpi,
        page_size_pt=(width * 72 / dpi, height * 72 / dpi),
        colour=pixels.ndim == 3,
        bilevel=False,
    )


def skewed(pixels: np.ndarray, degrees: float) -> np.ndarray:
    """The page fed crookedly: turned clockwise by `degrees`."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    return cv2.warpAffine(pixels, matrix, (width, height), borderValue=(255, 255, 255))


def sealed(
    pixels: np.ndarray, centre: tuple[int, int], radius: int = 130, colour: tuple[int, int, int] = (215, 45, 50)
) -> np.ndarray:
    """A round seal over whatever is there, ink let through as a real seal does."""
    layer = np.full_like(pixels, 255)
    for ring in (radius, radius - 12, radius // 2):
        cv2.circle(layer, centre, ring, colour, 7)
    for angle in range(0, 360, 12):
        x = centre[0] + (radius - 40) * np.cos(np.radians(angle))
        y = centre[1] + (radius - 40) * np.sin(np.radians(angle))
        cv2.putText(layer, "A", (int(x) - 10, int(y) + 10), cv2.FONT_HERSHEY_SIMPLEX, 1, colour, 3)
    return (pixels.astype(np.uint16) * layer // 255).astype(np.uint8)
