"""Pictures of a scan file as PDF images: the same pixels, and the same compressed bytes wherever PDF can hold them.

| stored as | in the PDF |
|---|---|
| JPEG (grey, colour, CMYK) | the JPEG stream byte for byte (DCTDecode) |
| PNG without alpha and interlace, 1 to 16 bit | its IDAT bytes (FlateDecode, PNG predictor) |
| PNG with alpha or interlace | decoded, Flate; alpha that is not all opaque as a soft mask |
| TIFF, CCITT G4, one strip | the G4 bytes (bit order turned where FillOrder is 2) |
| TIFF, JPEG, one strip | the JPEG stream (with its tables put back in front) |
| TIFF, anything else | decoded; 1 bit as CCITT G4, the rest Flate |
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field

import cv2
import numpy as np
import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf
from PIL import Image, TiffImagePlugin

from ocr.colour_profiles import plain_cmyk, profile_fault
from ocr.intake_headers import stored_dpi
from schemas.errors import DamagedFile, DecompressionBomb, InputRejected, UnsupportedFile

DEVICE = {1: "/DeviceGray", 3: "/DeviceRGB", 4: "/DeviceCMYK"}
TURNS = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 180),
    4: (True, 180),
    5: (True, 270),
    6: (False, 90),
    7: (True, 90),
    8: (False, 270),
}
"""EXIF orientation -> (stored picture is mirrored first, then turned clockwise by so many degrees)."""
FLIP_BITS = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))


@dataclass
class ScanImage:
    """One picture, ready for a PDF. `orientation` is the EXIF/TIFF value 1..8; `dpi` as stored in the file or None."""

    width: int
    height: int
    data: bytes
    filter: str
    bits: int = 8
    channels: int = 3
    dpi: tuple[float, float] | None = None
    orientation: int = 1
    parms: dict = field(default_factory=dict)
    palette: bytes | None = None
    icc: bytes | None = None
    decode: list[int] | None = None
    alpha: bytes | None = None
    """Deflated 8-bit or 16-bit (as `bits`) soft mask."""

    @property
    def size_pt(self) -> tuple[float, float]:
        """Points of the stored picture (not turned) at 100 % (NĐ 30/2020 Phụ lục I); the same rule as intake's."""
        x, y = stored_dpi(self.width, self.height, self.dpi)
        return self.width * 72 / x, self.height * 72 / y


def read_images(source: bytes, pages: list[int]) -> list[ScanImage]:
    """The pictures with these 1-based numbers in a JPEG, PNG or TIFF file.

    Raises UnsupportedFile for other formats, DamagedFile when the file does not hold what it promises.
    """
    try:
        if source[:3] == b"\xff\xd8\xff":
            return [_only(pages, read_jpeg(source))]
        if source[:8] == b"\x89PNG\r\n\x1a\n":
            return [_only(pages, _read_png(source))]
        if source[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return _read_tiff(source, pages)
    except InputRejected:
        raise
    except Image.DecompressionBombError as error:
        raise DecompressionBomb(str(error)) from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        struct.error,
        zlib.error,
        cv2.error,
        EOFError,
        KeyError,
        IndexError,
    ) as error:
        raise DamagedFile(f"{type(error).__name__}: {error}") from error
    raise UnsupportedFile(source[:8].hex())


def add_image(pdf: Pdf, image: ScanImage) -> pikepdf.Object:
    """Writes the picture into `pdf` and returns the image XObject."""
    stream = pikepdf.Stream(pdf, image.data)
    stream.stream_dict = Dictionary(
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=image.width,
        Height=image.height,
        BitsPerComponent=image.bits,
        ColorSpace=_colour_space(pdf, image),
        Filter=Name("/" + image.filter),
    )
    if image.parms:
        stream["/DecodeParms"] = Dictionary({f"/{key}": value for key, value in image.parms.items()})
    if image.decode:
        stream["/Decode"] = Array(image.decode)
    if image.alpha is not None:
        mask = pikepdf.Stream(pdf, image.alpha)
        mask.stream_dict = Dictionary(
            Type=Name.XObject,
            Subtype=Name.Image,
            Width=image.width,
            Height=image.height,
            BitsPerComponent=image.bits,
            ColorSpace=Name.DeviceGray,
            Filter=Name.FlateDecode,
        )
        stream["/SMask"] = pdf.make_indirect(mask)
    return pdf.make_indirect(stream)


def _colour_space(pdf: Pdf, image: ScanImage) -> pikepdf.Object:
    if image.palette is not None:
        return Array(
            [Name.Indexed, Name.DeviceRGB, len(image.palette) // 3 - 1, pikepdf.String(image.palette)]
        )
    profile = image.icc if image.icc and profile_fault(image.icc, image.channels) is None else None
    if image.channels == 4 and profile is None:
        profile = plain_cmyk()
    if profile is None:
        return Name(DEVICE[image.channels])
    icc = pdf.make_stream(profile, N=image.channels, Alternate=Name(DEVICE[image.channels]))
    return Array([Name.ICCBased, icc])


def _only(pages: list[int], image: ScanImage) -> ScanImage:
    if pages != [1]:
        raise DamagedFile(f"pages {pages} asked of a file with one picture")
    return image


# --- JPEG -------------------------------------------------------------------------------------------------------------
def read_jpeg(data: bytes) -> ScanImage:
    """Reads the headers only; the stream itself is kept as it is."""
    at, size, adobe, icc, orientation, dpi = 2, None, None, {}, 1, None
    while size is None:
        while data[at] != 0xFF:
            at += 1
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        at += 1
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        length = struct.unpack(">H", data[at : at + 2])[0]
        body = data[at + 2 : at + length]
        at += length
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            precision, height, width, channels = struct.unpack(">BHHB", body[:6])
            size = (width, height)
            if precision != 8 or channels not in DEVICE or marker > 0xC2 or height == 0:
                raise UnsupportedFile(f"JPEG process {marker:#x}, {precision} bit, {channels} channels")
        elif marker == 0xE0 and body[:5] == b"JFIF\0":
            unit, x, y = struct.unpack(">BHH", body[7:12])
            if unit in (1, 2) and x and y:
                dpi = (x, y) if unit == 1 else (x * 2.54, y * 2.54)
        elif marker == 0xE1 and body[:6] == b"Exif\0\0":
            orientation, exif_dpi = _exif(body[6:])
            dpi = dpi or exif_dpi
        elif marker == 0xE2 and body[:12] == b"ICC_PROFILE\0":
            icc[body[12]] = body[14:]
        elif marker == 0xEE and body[:5] == b"Adobe":
            adobe = body[11]
        elif marker in (0xD9, 0xDA):
            raise DamagedFile("JPEG without a frame header")
    # Adobe writes CMYK upside down; readers only know when told.
    inverted = [1, 0] * 4 if channels == 4 and adobe is not None else None
    profile = b"".join(icc[i] for i in sorted(icc)) or None
    return ScanImage(
        *size,
        data,
        "DCTDecode",
        channels=channels,
        dpi=dpi,
        orientation=orientation,
        icc=profile,
        decode=inverted,
    )


def _exif(tiff: bytes) -> tuple[int, tuple[float, float] | None]:
    """Orientation and resolution; an EXIF block that cannot be read says nothing."""
    try:
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + tiff)
        orientation = exif.get(0x0112, 1)
        unit = 2.54 if exif.get(0x0128, 2) == 3 else 1.0
        x, y = float(exif.get(0x011A, 0) or 0), float(exif.get(0x011B, 0) or 0)
    except (SyntaxError, ValueError, TypeError, struct.error, OSError, KeyError, ZeroDivisionError):
        return 1, None
    return (orientation if orientation in range(1, 9) else 1), (
        (x * unit, y * unit) if x > 0 and y > 0 else None
    )


# --- PNG --------------------------------------------------------------------------------------------------------------
def _read_png(data: bytes) -> ScanImage:
    at, idat, palette, clear, icc, dpi, orientation = 8, [], None, None, None, None, 1
    width = height = bits = kind = interlace = 0
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        at += 12 + length
        if name == b"IHDR":
            width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", body)
        elif name == b"PLTE":
            palette = body
        elif name == b"tRNS":
            clear = body
        elif name == b"IDAT":
            idat.append(body)
        elif name == b"pHYs" and body[8] == 1:
            dpi = tuple(value * 0.0254 for value in struct.unpack(">II", body[:8]))
        elif name == b"eXIf":
            orientation, _ = _exif(body)
        elif name == b"iCCP":
            icc = zlib.decompressobj().decompress(body[body.index(b"\0") + 2 :], 4_000_000)
    if not idat or not width or not height:
        raise DamagedFile("PNG without picture")
    dpi = dpi if dpi and min(dpi) > 0 else None
    if kind in (0, 2, 3) and not interlace and clear is None:
        channels = 3 if kind == 2 else 1
        parms = {"Predictor": 15, "Colors": channels, "BitsPerComponent": bits, "Columns": width}
        return ScanImage(
            width,
            height,
            b"".join(idat),
            "FlateDecode",
            bits,
            channels,
            dpi,
            orientation,
            parms,
            palette if kind == 3 else None,
            icc if kind != 3 else None,
        )
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DamagedFile("PNG picture does not decode")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    if kind in (0, 4) and pixels.ndim == 3:  # grey with alpha comes decoded as four channels
        pixels = pixels[:, :, [0, 3]] if pixels.shape[2] == 4 else pixels[:, :, 0]
    return _from_pixels(pixels, dpi, orientation, icc)


def _from_pixels(pixels: np.ndarray, dpi, orientation: int, icc: bytes | None = None) -> ScanImage:
    """Flate picture of (H,W), (H,W,2 grey+alpha), (H,W,3) or (H,W,4 RGB+alpha) with 8 or 16 bit."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    alpha = None
    if channels in (2, 4):
        mask = pixels[:, :, -1]
        if mask.min() < np.iinfo(mask.dtype).max:
            alpha = _deflate(mask)
        pixels = pixels[:, :, 0] if channels == 2 else pixels[:, :, :3]
        channels -= 1
    return ScanImage(
        width,
        height,
        _deflate(pixels),
        "FlateDecode",
        pixels.dtype.itemsize * 8,
        channels,
        dpi,
        orientation,
        icc=icc,
        alpha=alpha,
    )


def _deflate(pixels: np.ndarray) -> bytes:
    return zlib.compress(np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(">")).tobytes(), 6)


# --- TIFF -------------------------------------------------------------------------------------------------------------
def _read_tiff(source: bytes, pages: list[int]) -> list[ScanImage]:
    images = []
    with Image.open(io.BytesIO(source)) as tiff:
        if not isinstance(tiff, TiffImagePlugin.TiffImageFile):
            raise UnsupportedFile(str(tiff.format))
        shown = _frames_that_are_pages(tiff)
        for page in pages:
            if not 1 <= page <= len(shown):
                raise DamagedFile(f"no page {page} in the TIFF")
            tiff.seek(shown[page - 1])
            images.append(_tiff_frame(source, tiff))
    return images


def _frames_that_are_pages(tiff: TiffImagePlugin.TiffImageFile) -> list[int]:
    """Frame numbers without thumbnails (NewSubfileType bit 0, SubfileType 2), as intake counts pages."""
    frames = []
    for number in range(tiff.n_frames):
        tiff.seek(number)
        if not tiff.tag_v2.get(254, 0) & 1 and tiff.tag_v2.get(255) != 2:
            frames.append(number)
    return frames


def _tiff_frame(source: bytes, tiff: TiffImagePlugin.TiffImageFile) -> ScanImage:
    tags = tiff.tag_v2
    width, height = tags[256], tags[257]
    orientation = tags.get(274, 1) if tags.get(274, 1) in range(1, 9) else 1
    unit = 2.54 if tags.get(296, 2) == 3 else 1.0
    x, y = float(tags.get(282, 0) or 0) * unit, float(tags.get(283, 0) or 0) * unit
    dpi = (x, y) if x > 0 and y > 0 and tags.get(296, 2) != 1 else None
    offsets, counts = tags.get(273, ()), tags.get(279, ())
    strip = source[offsets[0] : offsets[0] + counts[0]] if len(offsets) == 1 and len(counts) == 1 else None
    compression, photometric = tags.get(259, 1), tags.get(262)
    icc = tags.get(34675)
    icc = bytes(icc) if icc else None
    if strip and compression == 4 and photometric in (0, 1) and not tags.get(293, 0):
        data = strip.translate(FLIP_BITS) if tags.get(266, 1) == 2 else strip
        parms = {"K": -1, "Columns": width, "Rows": height, "BlackIs1": photometric == 1}
        return ScanImage(width, height, data, "CCITTFaxDecode", 1, 1, dpi, orientation, parms)
    if strip and compression == 7:
        jpeg = _whole_jpeg(strip, tags.get(347))
        found = read_jpeg(jpeg)
        if (found.width, found.height) == (width, height) and found.channels in (1, 3):
            found.dpi, found.orientation, found.icc = dpi, orientation, icc
            if found.channels == 3:  # the stream itself does not say whether it is YCbCr; the TIFF does
                found.parms = {"ColorTransform": int(photometric == 6)}
            return found
    tiff.load()  # Pillow turns the pixels as the orientation says
    if orientation >= 5 and dpi:
        dpi = dpi[::-1]
    return _decoded_frame(tiff, dpi, icc)


def _decoded_frame(tiff: Image.Image, dpi, icc: bytes | None) -> ScanImage:
    """A frame that has to be decoded: 1 bit is packed as CCITT G4 again, the rest as Flate, without any loss."""
    size = tiff.size
    if tiff.mode == "1":
        out = io.BytesIO()
        tiff.save(out, "TIFF", compression="group4", strip_size=2**31 - 1)
        with Image.open(io.BytesIO(out.getvalue())) as again:
            return _tiff_frame_of_g4(out.getvalue(), again, dpi)
    if tiff.mode == "P":
        tiff = tiff.convert("RGB")
    if tiff.mode == "CMYK":
        pixels = np.asarray(tiff)
        return ScanImage(*size, _deflate(pixels), "FlateDecode", 8, 4, dpi, icc=icc)
    if tiff.mode.startswith("I;16"):
        return _from_pixels(np.asarray(tiff).astype(np.uint16), dpi, 1, icc)
    if tiff.mode not in ("L", "LA", "RGB", "RGBA"):
        tiff = tiff.convert("RGB")
    return _from_pixels(np.asarray(tiff), dpi, 1, icc)


def _tiff_frame_of_g4(data: bytes, tiff: Image.Image, dpi) -> ScanImage:
    tags = tiff.tag_v2
    if len(tags[273]) != 1:
        raise DamagedFile("G4 encoder made several strips")
    strip = data[tags[273][0] : tags[273][0] + tags[279][0]]
    parms = {"K": -1, "Columns": tiff.width, "Rows": tiff.height, "BlackIs1": tags.get(262) == 1}
    return ScanImage(tiff.width, tiff.height, strip, "CCITTFaxDecode", 1, 1, dpi, 1, parms)


def _whole_jpeg(strip: bytes, tables: bytes | None) -> bytes:
    """A strip of new-style JPEG in TIFF with its quantisation and Huffman tables put back in front."""
    if not tables:
        return strip
    return strip[:2] + bytes(tables)[2:-2] + strip[2:]
