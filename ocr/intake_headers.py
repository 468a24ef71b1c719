"""What JPEG, PNG and TIFF files say of themselves before anything is decoded: size, resolution, pages; cut or whole."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from schemas.errors import (
    DamagedFile,
    DecompressionBomb,
    TooManyPages,
    TooManyPixels,
    TruncatedFile,
)
from schemas.settings import Limits

POINTS = 72.0
_A4_INCHES = (210 / 25.4, 297 / 25.4)
_A5_LONG_INCHES = 8.0
_BELIEVED_DPI = (119.0, 2400.0)
_BELIEVED_INCHES = (1.0, 50.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """Header facts of one page of an image file."""

    width: int
    height: int
    dpi_x: float
    dpi_y: float
    orientation: int = 1
    bilevel: bool = False

    @property
    def turned(self) -> bool:
        """EXIF orientation that swaps width and height."""
        return self.orientation >= 5

    @property
    def size_pt(self) -> tuple[float, float]:
        width, height = self.width / self.dpi_x * POINTS, self.height / self.dpi_y * POINTS
        return (height, width) if self.turned else (width, height)


def frames_of(data: bytes, media_type: str, limits: Limits) -> list[Frame]:
    """Header facts of each page. Decodes nothing but the header (PNG data is inflated to nowhere, in bounds).

    Raises TruncatedFile, DamagedFile, TooManyPixels, TooManyPages.
    """
    readers = {"image/jpeg": _jpeg_frames, "image/png": _png_frames, "image/tiff": _tiff_frames}
    return readers[media_type](data, limits)


def bounded(width: int, height: int, limits: Limits) -> None:
    """Raises DamagedFile for an empty picture and TooManyPixels past the limit."""
    if width <= 0 or height <= 0:
        raise DamagedFile(f"picture of {width} x {height} pixels")
    if width * height > limits.page_pixels:
        raise TooManyPixels(f"{width} x {height} pixels")


def stored_dpi(width: int, height: int, dpi: tuple[float, float] | None) -> tuple[float, float]:
    """Resolution of an image file. Files that do not say, or say what no scanner of documents does (72 or 96 dpi of
    cameras and drawing programs, a page of two metres, a sheet of A-series shape below A5), are taken to show an A4
    page that fills the picture."""
    if dpi and all(_BELIEVED_DPI[0] <= value <= _BELIEVED_DPI[1] for value in dpi):
        short, long = sorted((width / dpi[0], height / dpi[1]))
        shrunk_sheet = long < _A5_LONG_INCHES and abs(long / short / 2**0.5 - 1) < 0.05
        if _BELIEVED_INCHES[0] <= short and long <= _BELIEVED_INCHES[1] and not shrunk_sheet:
            return dpi
    # A fax has half as many rows as columns (204 x 98 dpi): its ratio is believed even where the values are low.
    ratio = dpi[0] / dpi[1] if dpi and min(dpi) > 0 and 1.5 < max(dpi) / min(dpi) < 4.5 else 1.0
    short, long = sorted((width, height * ratio))
    fitted = max(short / _A4_INCHES[0], long / _A4_INCHES[1])
    return fitted, fitted / ratio


def _jpeg_frames(data: bytes, limits: Limits) -> list[Frame]:
    size = jpeg_size(data)
    if size is None:
        raise (DamagedFile if jpeg_is_whole(data) else TruncatedFile)("no JPEG frame header")
    bounded(*size, limits)
    with opened(data) as picture:
        dpi, orientation = _metadata(picture)
    if jpeg_ends_early(data):
        raise TruncatedFile("JPEG data is cut")
    return [Frame(*size, *stored_dpi(*size, dpi), orientation)]


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the frame header; None when there is none (ITU-T T.81, B.2.2)."""
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        elif marker in (0xD9, 0xDA):
            return None
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:
            at += 2
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None


def jpeg_is_whole(data: bytes) -> bool:
    """True when the end marker stands where it should; some scanners pad a few bytes after it."""
    return b"\xff\xd9" in data[-64:]


def jpeg_ends_early(data: bytes) -> bool:
    """True when rows are missing. Scanners leave out the end marker and phones put films behind it, so where it does
    not stand at the end, decoding (at an eighth, which is quick) has to tell."""
    if jpeg_is_whole(data):
        return False
    # A few bytes more, as the decoder looks ahead: else the last row of a file without end marker counts as missing.
    with opened(data + bytes(16)) as picture:
        try:
            picture.draft("L", (picture.width // 8, picture.height // 8))
            picture.load()
        except OSError as error:
            return "truncated" in str(error)
        except Exception:
            return True
    return False


def _png_frames(data: bytes, limits: Limits) -> list[Frame]:
    """Walks the chunks (ISO/IEC 15948) and inflates the pixels to nowhere, never past what the header announces."""
    if len(data) < 33:
        raise TruncatedFile("PNG header")
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", data[16:29])
    if data[12:16] != b"IHDR" or zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        raise DamagedFile("PNG header")
    bounded(width, height, limits)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour)
    if channels is None or depth not in (1, 2, 4, 8, 16):
        raise DamagedFile("PNG colour type")
    # Interlacing adds at most a filter byte a row and a rounded-up byte a row in each of 7 passes.
    expected = height * ((width * channels * depth + 7) // 8 + 1) if not interlace else 0
    most = (height * ((width * channels * depth + 7) // 8 + 1)) + 16 * (width + height)
    inflater, inflated, at, ended = zlib.decompressobj(), 0, 8, False
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], memoryview(data)[at + 8 : at + 8 + length]
        if at + 12 + length > len(data):
            raise TruncatedFile(f"PNG chunk {kind!r} is cut")
        if zlib.crc32(body, zlib.crc32(kind)) != int.from_bytes(
            data[at + 8 + length : at + 12 + length], "big"
        ):
            raise DamagedFile(f"PNG chunk {kind!r} does not match its checksum")
        if kind == b"IDAT" and inflated <= most and not inflater.eof:
            try:
                inflated += _inflated_size(inflater, body, most - inflated + 1)
            except zlib.error as error:
                raise DamagedFile(str(error)) from None
        at += 12 + length
        if kind == b"IEND":
            ended = True
            break
    if inflated > most:
        raise DecompressionBomb(f"more data than {width} x {height} pixels")
    if not ended or inflated < max(expected, 1):
        raise TruncatedFile("PNG data is cut")
    with opened(data) as picture:
        dpi, orientation = _metadata(picture)
    return [
        Frame(
            width,
            height,
            *stored_dpi(width, height, dpi),
            orientation,
            bilevel=depth == 1 and colour in (0, 3),
        )
    ]


def _inflated_size(inflater: zlib._Decompress, body: bytes | memoryview, most: int) -> int:
    """Bytes that come out of `body`, counted up to `most`; never holds more than 1 MB of them."""
    total = 0
    while body and not inflater.eof:
        piece = len(inflater.decompress(body, 1 << 20))
        total += piece
        body = inflater.unconsumed_tail
        if total >= most or (piece == 0 and not body):
            break
    return total


def _tiff_frames(data: bytes, limits: Limits) -> list[Frame]:
    """Follows the chain of directories (TIFF 6.0; BigTIFF) without decoding, so that cuts, loops and bombs show."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    count_code, count_size, offset_code, entry_size = ("Q", 8, "Q", 20) if big else ("H", 2, "I", 12)
    offset_size = struct.calcsize(offset_code)
    try:
        (at,) = struct.unpack_from(order + offset_code, data, 8 if big else 4)
        frames: list[Frame] = []
        seen: set[int] = set()
        while at:
            if at in seen:
                raise DamagedFile("TIFF directories form a loop")
            if at >= len(data):
                raise TruncatedFile("TIFF directory is beyond the end")
            seen.add(at)
            (count,) = struct.unpack_from(order + count_code, data, at)
            if count > 4096:
                raise DamagedFile("TIFF directory is too large")
            tags = {}
            for index in range(count):
                entry = at + count_size + index * entry_size
                tag, kind, number = struct.unpack_from(order + "HH" + offset_code, data, entry)
                tags[tag] = _tiff_values(data, order, kind, number, entry + 4 + offset_size, offset_code)
            (at,) = struct.unpack_from(order + offset_code, data, at + count_size + count * entry_size)
            if (tags.get(254) or [0])[0] & 1 or (tags.get(255) or [0])[0] == 2:
                continue  # a thumbnail beside the page
            if len(frames) >= limits.pages:
                raise TooManyPages(f"more than {limits.pages} pages")
            frames.append(_tiff_frame(tags, len(data), limits))
    except struct.error:
        raise TruncatedFile("TIFF directory is cut") from None
    if not frames:
        raise DamagedFile("TIFF without a page")
    return frames


_TIFF_KINDS = {1: "B", 3: "H", 4: "I", 5: "II", 11: "f", 12: "d", 13: "I", 16: "Q", 18: "Q"}
_TIFF_OTHER_KINDS = {2: 1, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 17: 8}
"""Bytes a value of the kinds that no wanted tag has; they only must be there."""


def _tiff_values(data: bytes, order: str, kind: int, number: int, at: int, offset_code: str) -> list[float]:
    code = _TIFF_KINDS.get(kind)
    size = (struct.calcsize("=" + code) if code else _TIFF_OTHER_KINDS.get(kind, 0)) * number
    if size > struct.calcsize("=" + offset_code):
        (at,) = struct.unpack_from(order + offset_code, data, at)
    if at + size > len(data):
        raise TruncatedFile("TIFF value is beyond the end")
    if code is None or number > 4_000_000:
        return []
    if kind == 5:
        pairs = struct.unpack_from(f"{order}{2 * number}I", data, at)
        return [pairs[i] / pairs[i + 1] if pairs[i + 1] else 0.0 for i in range(0, len(pairs), 2)]
    return list(struct.unpack_from(f"{order}{number}{code}", data, at))


def _tiff_frame(tags: dict[int, list[float]], size: int, limits: Limits) -> Frame:
    width, height = (int((tags.get(tag) or [0])[0]) for tag in (256, 257))
    bounded(width, height, limits)
    offsets, counts = tags.get(273) or tags.get(324) or [], tags.get(279) or tags.get(325) or []
    if not offsets and not tags.get(513):
        raise DamagedFile("TIFF page without data")
    if any(offset >= size for offset in offsets) or any(
        o + c > size for o, c in zip(offsets, counts, strict=False)
    ):
        raise TruncatedFile("TIFF strip is beyond the end")
    unit = {2: 1.0, 3: 2.54}.get(int((tags.get(296) or [2])[0]))
    dpi = None
    if unit and tags.get(282) and tags.get(283):
        dpi = (tags[282][0] * unit, tags[283][0] * unit)
    orientation = int((tags.get(274) or [1])[0])
    bilevel = (tags.get(258) or [1])[0] == 1 and (tags.get(277) or [1])[0] == 1
    return Frame(
        width, height, *stored_dpi(width, height, dpi), orientation if 1 <= orientation <= 8 else 1, bilevel
    )


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Pillow's lazily opened picture; foreign errors become ours at this edge."""
    with warnings.catch_warnings():
        # Pillow warns of many pixels by a limit of its own; `bounded` has looked already.
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "TIFF", "MPO"))
        except Exception as error:
            raise DamagedFile(f"{type(error).__name__}: {error}") from None
        with picture:
            yield picture


def _metadata(picture: Image.Image) -> tuple[tuple[float, float] | None, int]:
    """Resolution and EXIF orientation; rubbish in them is the same as nothing."""
    dpi, orientation = None, 1
    try:
        x, y = picture.info.get("dpi") or (0, 0)
        dpi = (float(x), float(y)) if x and y else None
    except Exception:
        dpi = None
    try:
        orientation = int(picture.getexif().get(274, 1))
    except Exception:
        orientation = 1
    return dpi, orientation if 1 <= orientation <= 8 else 1


def jpeg_components(data: bytes) -> int:
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return data[at + 9]
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0
