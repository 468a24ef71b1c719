"""Pages of JPEG, PNG and TIFF files as pictures, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from ocr.intake_headers import POINTS, frames_of, jpeg_components, opened
from schemas.errors import (
    InputRejected,
    PageFailed,
)
from schemas.page import Word
from schemas.settings import Limits
from schemas.source import SourceInfo

HALF = 1.98
"""From this ratio of stored to wanted resolution on, a picture is decoded at half size; sizes are rounded, so not 2."""
_COLOUR_CHROMA = 40
_COLOUR_SHARE = 0.0005


@dataclass(slots=True)
class PageImage:
    """One page as a picture, in the shown frame (after /Rotate or EXIF)."""

    pixels: np.ndarray
    """uint8, (H, W, 3) RGB or (H, W) grey, contiguous, writable."""
    dpi: float
    """Of `pixels`."""
    native_dpi: float | None
    """Stored pixels over page size, the smaller axis; None when no image fills the page (drawn pages)."""
    page_size_pt: tuple[float, float]
    """Width, height as shown, 1/72 inch."""
    colour: bool
    """The stored picture has real colour, not only grey kept as RGB."""
    bilevel: bool
    """The stored picture has one bit a pixel."""


def has_colour(pixels: np.ndarray) -> bool:
    """True when more than one pixel in 2000 is clearly coloured.

    Looked at after shrinking by area, so that the colour noise of JPEG and of a grey scan kept as RGB averages out and
    a faint seal does not.
    """
    if pixels.ndim == 2:
        return False
    shrink = max(1, int((pixels.shape[0] * pixels.shape[1] / 250_000) ** 0.5))
    small = (
        pixels[::shrink, ::shrink]
        if shrink < 3
        else cv2.resize(
            pixels, (pixels.shape[1] // shrink, pixels.shape[0] // shrink), interpolation=cv2.INTER_AREA
        )
    )
    chroma = cv2.subtract(
        cv2.max(cv2.max(small[..., 0], small[..., 1]), small[..., 2]),
        cv2.min(cv2.min(small[..., 0], small[..., 1]), small[..., 2]),
    )
    return float(np.count_nonzero(chroma > _COLOUR_CHROMA)) > _COLOUR_SHARE * chroma.size


def target_size(size_pt: tuple[float, float], dpi: int, limits: Limits) -> tuple[int, int, float]:
    """Width and height in pixels, and the resolution: `dpi`, or less when the page would pass the pixel limit."""
    real = float(dpi)
    pixels = size_pt[0] * size_pt[1] * (real / POINTS) ** 2
    if pixels > limits.page_pixels:
        real *= (limits.page_pixels / pixels) ** 0.5
    width, height = (max(1, round(side * real / POINTS)) for side in size_pt)
    # A page that is all length (a till roll) still must not pass the 32767 limit of image codecs and OpenCV.
    longest = max(width, height)
    if longest > 32_000:
        real *= 32_000 / longest
        width, height = (max(1, round(side * real / POINTS)) for side in size_pt)
    return width, height, real


def fit(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scaled to exactly width x height: by area when it shrinks, by cubic when it grows."""
    if pixels.shape[:2] == (height, width):
        return np.ascontiguousarray(pixels)
    shrinks = width * height < pixels.shape[0] * pixels.shape[1]
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def decode_jpeg(data: bytes, scale: float) -> np.ndarray | None:
    """RGB or grey pixels of a JPEG of one or three components, at half or a quarter size when `scale` (stored over
    wanted) allows it: the decoder then skips most of the work. None when OpenCV cannot decode it."""
    grey = jpeg_components(data) == 1
    reduced = 4 if scale >= 2 * HALF else 2 if scale >= HALF else 1
    if grey:
        flag = {
            1: cv2.IMREAD_GRAYSCALE,
            2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
            4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
        }[reduced]
    else:
        flag = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}[reduced]
        flag = flag & ~cv2.IMREAD_COLOR | cv2.IMREAD_COLOR_RGB
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None


_TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
    8: lambda p: np.rot90(p),
}


class ImageSource:
    """Pages of a JPEG, PNG or TIFF file."""

    def __init__(self, data: bytes, info: SourceInfo, limits: Limits) -> None:
        self._data = data
        self._media_type = info.media_type
        self._limits = limits
        self._frames = frames_of(data, info.media_type, limits)

    def __enter__(self) -> ImageSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._data = b""

    @property
    def page_count(self) -> int:
        return len(self._frames)

    def born_words(self, page: int) -> list[Word] | None:
        """An image carries no text of its own."""
        return None

    def render(self, page: int, dpi: int) -> PageImage:
        """Page `page` (1-based) at `dpi`. Raises PageFailed when its data cannot be decoded."""
        if not 1 <= page <= len(self._frames):
            raise PageFailed(f"no page {page}")
        frame = self._frames[page - 1]
        width, height, real = target_size(frame.size_pt, dpi, self._limits)
        try:
            scale = min(frame.dpi_x, frame.dpi_y) / real
            pixels = decode_jpeg(self._data, scale) if self._media_type == "image/jpeg" else None
            if pixels is None or jpeg_components(self._data) == 4:
                pixels = self._by_pillow(page)
        except (InputRejected, MemoryError):
            raise
        except Exception as error:
            raise PageFailed(f"page {page}: {type(error).__name__}: {error}") from None
        if self._media_type != "image/tiff":  # Pillow turns TIFF pages by itself, and those alone
            pixels = _TURNS[frame.orientation](pixels)
        pixels = fit(pixels, width, height)
        return PageImage(
            pixels, real, min(frame.dpi_x, frame.dpi_y), frame.size_pt, has_colour(pixels), frame.bilevel
        )

    def _by_pillow(self, page: int) -> np.ndarray:
        with opened(self._data) as picture:
            if self._media_type == "image/tiff":
                picture.seek(self._pillow_index(picture, page))
            return _eight_bits(picture)

    def _pillow_index(self, picture: Image.Image, page: int) -> int:
        """Pillow counts thumbnails as pages; `_tiff_frames` does not."""
        if picture.n_frames == len(self._frames):
            return page - 1
        pages = []
        for index in range(picture.n_frames):
            picture.seek(index)
            if not picture.tag_v2.get(254, 0) & 1 and picture.tag_v2.get(255) != 2:
                pages.append(index)
        return pages[page - 1]


def _eight_bits(picture: Image.Image) -> np.ndarray:
    """RGB or grey bytes of any kind of picture; what is transparent shows white paper."""
    if picture.mode in ("1", "L"):
        return np.array(picture.convert("L"))
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture).astype(np.float32)
        most = 65535.0 if picture.mode.startswith("I") else float(np.nanmax(values, initial=1.0))
        return np.clip(np.nan_to_num(values) * (255.0 / max(most, 1e-6)), 0, 255).astype(np.uint8)
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        picture = picture.convert("RGBA")
        paper = Image.new("RGBA", picture.size, "white")
        return np.array(Image.alpha_composite(paper, picture).convert("RGB"))
    return np.array(picture.convert("RGB"))
