"""What is seen of a signature: its lines, its seal, and how they are drawn.

NĐ 30/2020 PL I: form of copy, agency, time with the Vietnamese time zone, Times New Roman 10 black upright, no image.
TT 01/2023/TT-VPCP Đ8 k1: name of who captured and when, top left. CV 7197/BKHCN-CĐSQG: agency and time, top right.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.stamp import BaseStampStyle

from schemas.errors import BadSettings
from schemas.signing import FORM_OF_COPY, Role, SignatureRequest, SigningSettings
from schemas.zone import VIETNAM
from signing.appearance_font import Face, embedded, face
from signing.appearance_page import PageFrame
from signing.demo_mark import MARK

SIZE = 10.0
LEADING = 12.0
PADDING = 3.0
WIDEST = 230.0
"""Points a line may take before it is wrapped: two signatures stand side by side on A4."""
SEAL = 36 / 25.4 * 72
"""A seal is shown in its true size: 36 mm."""


@dataclass(frozen=True)
class Looks:
    """What a signature shows."""

    lines: tuple[str, ...]
    seal: Path | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        font = face()
        width = max(font.width(line, SIZE) for line in self.lines) + 2 * PADDING
        height = LEADING * len(self.lines) + 2 * PADDING
        if self.seal is None:
            return (width, height)
        return (width + SEAL + PADDING, max(height, SEAL + 2 * PADDING))


def clock(moment: datetime) -> str:
    """`22/11/2026 09:15:30 +07:00`. Raises ValueError for a time without an offset."""
    if moment.tzinfo is None:
        raise ValueError("the time needs an offset from UTC")
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M:%S +07:00")


def looks_of(request: SignatureRequest, moment: datetime, settings: SigningSettings, demo: bool) -> Looks:
    """What the signature of this request shows when made at `moment`."""
    if request.role is Role.SCANNER:
        lines = [f"Người sao chụp: {request.person}", f"Sao chụp lúc: {clock(request.captured_at or moment)}"]
    elif request.role is Role.CERTIFIER:
        lines = [f"Người thực hiện chứng thực: {request.person}", f"Ký lúc: {clock(moment)}"]
    else:
        lines = [FORM_OF_COPY[request.product], request.agency, clock(moment)]
    if demo:
        lines.append(MARK)
    shown = [part for line in lines if line for part in wrapped(line, WIDEST, SIZE)]
    seal = request.role is Role.AGENCY and settings.seal_image.get(request.product, False)
    if seal and settings.seal_file is None:
        raise BadSettings("signing.seal_file: this product shows the seal, but no picture of it is set")
    return Looks(tuple(shown), settings.seal_file if seal else None)


def wrapped(text: str, width: float, size: float) -> list[str]:
    """Lines no wider than `width` points; a word that is wider stands alone."""
    font, lines = face(), [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.width(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def text_commands(
    lines: Sequence[str], font: Face, x: float, top: float, size: float, leading: float
) -> bytes:
    """Drawing commands of black lines below `top`; the font is the resource `/F`."""
    begin = top - (leading - size) / 2 - font.ascent * size / 1000 * 0.96
    parts = [b"BT /F %.2f Tf %.2f TL %.3f %.3f Td" % (size, leading, x, begin)]
    parts += [b"%s Tj T*" % font.shown(line) for line in lines]
    return b" ".join([*parts, b"ET"])


def form_object(
    commands: bytes, size: tuple[float, float], resources: dict[str, dict[str, generic.PdfObject]]
) -> generic.StreamObject:
    """A form XObject with its own resources."""
    made = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): generic.ArrayObject(
                [generic.FloatObject(round(side, 3)) for side in (0, 0, *size)]
            ),
            pdf_name("/Resources"): generic.DictionaryObject(
                {
                    pdf_name(kind): generic.DictionaryObject(
                        {pdf_name(name): value for name, value in held.items()}
                    )
                    for kind, held in resources.items()
                }
            ),
        },
        stream_data=commands,
    )
    made.compress()
    return made


def drawn(
    writer: BasePdfFileWriter, looks: Looks, size: tuple[float, float], frame: PageFrame
) -> generic.IndirectObject:
    """The picture of a signature in a field of `size` (as shown). Shrinks, never grows, to fit."""
    font = face()
    width, height = size
    wanted = looks.size
    scale = min(1.0, width / wanted[0], height / wanted[1])
    commands = [b"q %.4f 0 0 %.4f 0 %.3f cm 0 g" % (scale, scale, height - wanted[1] * scale)]
    resources: dict[str, dict] = {"/Font": {"/F": embedded(writer, font)}}
    left = PADDING
    if looks.seal is not None:
        commands.append(
            b"q %.3f 0 0 %.3f %.3f %.3f cm /Seal Do Q" % (SEAL, SEAL, PADDING, wanted[1] - PADDING - SEAL)
        )
        resources["/XObject"] = {"/Seal": _seal_object(writer, looks.seal)}
        left += SEAL + PADDING
    commands.append(text_commands(looks.lines, font, left, wanted[1] - PADDING, SIZE, LEADING))
    made = form_object(b" ".join([*commands, b"Q"]), size, resources)
    made[pdf_name("/Matrix")] = frame.form_matrix
    return writer.add_object(made)


@lru_cache(maxsize=8)
def _seal_pixels(path: Path, changed: int) -> tuple[int, int, bytes, bytes]:
    """Width, height, deflated RGB and deflated alpha of the seal."""
    try:
        with Image.open(io.BytesIO(path.read_bytes())) as opened:
            picture = opened.convert("RGBA")
    except (OSError, UnidentifiedImageError) as error:
        raise BadSettings(f"signing.seal_file: {path.name} is not a picture") from error
    if picture.width > 2000 or picture.height > 2000:
        picture.thumbnail((1000, 1000))
    colour = zlib.compress(picture.convert("RGB").tobytes(), 9)
    return picture.width, picture.height, colour, zlib.compress(picture.getchannel("A").tobytes(), 9)


def _seal_object(writer: BasePdfFileWriter, path: Path) -> generic.IndirectObject:
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise BadSettings(f"signing.seal_file: {path.name}: {error.strerror}") from error
    width, height, colour, alpha = _seal_pixels(path, changed)

    def image(data: bytes, space: str) -> generic.StreamObject:
        return generic.StreamObject(
            {
                pdf_name("/Type"): pdf_name("/XObject"),
                pdf_name("/Subtype"): pdf_name("/Image"),
                pdf_name("/Width"): generic.NumberObject(width),
                pdf_name("/Height"): generic.NumberObject(height),
                pdf_name("/ColorSpace"): pdf_name(space),
                pdf_name("/BitsPerComponent"): generic.NumberObject(8),
                pdf_name("/Filter"): pdf_name("/FlateDecode"),
            },
            encoded_data=data,
        )

    seal = image(colour, "/DeviceRGB")
    seal[pdf_name("/SMask")] = writer.add_object(image(alpha, "/DeviceGray"))
    return writer.add_object(seal)


@dataclass(frozen=True)
class SignatureStyle(BaseStampStyle):
    """How pyHanko is told to draw `looks` on a page with this frame."""

    looks: Looks | None = None
    frame: PageFrame | None = None

    def create_stamp(self, writer, box, text_params):
        width, height = (box.height, box.width) if self.frame.turn in (90, 270) else (box.width, box.height)
        return _Drawing(drawn(writer, self.looks, (width, height), self.frame))


@dataclass(frozen=True)
class _Drawing:
    reference: generic.IndirectObject

    def apply_appearance(self, annotation: generic.DictionaryObject) -> None:
        annotation[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): self.reference})
