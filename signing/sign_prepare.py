"""What is put into a file before its first signature: all signature fields, the conversion mark, the QR, the test mark.

Both fields must exist before the first signature: a field added later makes the first signature invalid. From the first
signature on nothing is added but signatures (DESIGN decision 3).
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pypdfium2
import segno
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import SigFieldSpec, append_signature_field, enumerate_sig_fields

from schemas.errors import DamagedFile, EncryptedFile
from schemas.page import Box
from schemas.signing import FieldPlace, Role, SignatureRequest, SigningSettings
from schemas.signing_errors import FieldNotReady, SignedAlready
from signing.appearance import PADDING, clock, form_object, looks_of, text_commands, wrapped
from signing.appearance_font import embedded, face, keep
from signing.appearance_page import PageFrame, entry
from signing.appearance_room import EDGE, GAP, Room, page_room
from signing.demo_mark import PAGE_MARK
from signing.levels import RecordWriter

CORNER = 0.12
"""Share of the page's height that still is its top corner: further down a signature would stand among the text."""
_MODULE = 1.0
"""Points a QR module takes at least: 0.35 mm reads from a printed page."""
_MARK_SIZE, _MARK_LEADING = 8.0, 9.6
TEST_MARK = "/SohoaTestMark"
"""Resource name of the test mark on every page that a test key may sign."""


@dataclass(frozen=True)
class Conversion:
    """The sign that the file was converted from paper (NĐ 137/2024 Đ4: "ký hiệu riêng", time, full name)."""

    at: datetime
    person: str
    agency: str

    @property
    def text(self) -> str:
        by = ", ".join(part for part in (self.person, self.agency) if part)
        return f"Bản điện tử được chuyển đổi từ văn bản giấy lúc {clock(self.at)}, bởi {by}"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Where everything was put, shown frame. Boxes known from before have to be shifted down on pages that got a band."""

    places: list[FieldPlace]
    above: dict[int, float]
    """1-based page -> points added above the scan."""
    mark: Box
    qr: Box | None
    """Both on page 1."""


@dataclass(frozen=True, kw_only=True)
class Prepared(Placed):
    """A file with its empty fields."""

    data: bytes


@dataclass
class _Sheet:
    """One page while it is being laid out."""

    frame: PageFrame
    room: Room
    above: float = 0.0
    below: float = 0.0
    drawings: list[tuple[str, Box, bytes]] = field(default_factory=list)
    """Resource name, box, commands in a frame of the box's size with its origin at the bottom left."""

    def place(self, size: tuple[float, float], *wishes: tuple[Box, bool, bool]) -> Box | None:
        """The first free place among wishes (area, from the right, from the bottom)."""
        for within, right, bottom in wishes:
            box = self.room.find(size, within, right=right, bottom=bottom)
            if box is not None:
                self.room.take(box)
                return box
        return None

    def append_below(self, size: tuple[float, float]) -> Box:
        """A place in the band under the scan."""
        width, height = self.frame.size
        top = height + self.below + GAP
        self.below += size[1] + 2 * GAP
        left = max(0.0, (width - size[0]) / 2)
        return (left, top, left + size[0], top + size[1])


def prepare(
    pdf: bytes,
    requests: Sequence[SignatureRequest],
    *,
    settings: SigningSettings,
    conversion: Conversion,
    qr: str = "",
    demo: bool = False,
    words: Mapping[int, Iterable[Box]] | None = None,
    at: Mapping[Role, tuple[int, Box]] | None = None,
) -> Prepared:
    """The file with an empty field for every request and the marks the law wants, as an incremental update.

    `words`: 1-based page -> boxes of words and whatever else must stay visible (shown frame, points, top left origin).
    `qr`: payload of the QR (TCVN 7322), drawn on page 1. `demo`: the keys are test keys, so every page is marked.
    `at`: fixed places (1-based page, box), for example beside an attestation; the others are looked for: the scanning clerk
    top left of page 1, the agency top right, the certifying person top left. Where the top of page 1 has no room for all,
    they stand in a band added above it; the scan keeps its size.

    Raises SignedAlready, FieldNotReady (prepared before), EncryptedFile, DamagedFile, MissingProgram, BadSettings.
    """
    stream = io.BytesIO(pdf)
    wanted = _Wanted(requests, settings, conversion, qr, demo, words or {}, dict(at or {}))
    placed = _prepare(stream, pdf, wanted)
    return Prepared(data=stream.getvalue(), **vars(placed))


def prepare_file(
    source: Path,
    target: Path,
    requests: Sequence[SignatureRequest],
    *,
    settings: SigningSettings,
    conversion: Conversion,
    qr: str = "",
    demo: bool = False,
    words: Mapping[int, Iterable[Box]] | None = None,
    at: Mapping[Role, tuple[int, Box]] | None = None,
) -> Placed:
    """As `prepare`, on files, in little memory. `target` appears whole or not at all and may be `source`."""
    wanted = _Wanted(requests, settings, conversion, qr, demo, words or {}, dict(at or {}))
    with replacing(source, target) as stream:
        return _prepare(stream, source, wanted)


@contextlib.contextmanager
def replacing(source: Path, target: Path):
    """A copy of `source` to read and write; at the end, and only without an error, it becomes `target`, safe on disk."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w+b") as stream:
            with source.open("rb") as original:
                shutil.copyfileobj(original, stream, 1 << 20)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise


@dataclass(frozen=True)
class _Wanted:
    requests: Sequence[SignatureRequest]
    settings: SigningSettings
    conversion: Conversion
    qr: str
    demo: bool
    words: Mapping[int, Iterable[Box]]
    at: dict[Role, tuple[int, Box]]


def _prepare(stream, readable: bytes | Path, wanted: _Wanted) -> Placed:
    """Adds to `stream` in place; `readable` holds the same file for looking at its pages."""
    writer = _opened(stream)
    frames = [PageFrame.of(_page(writer, number)) for number in range(_page_count(writer))]
    try:
        document = pypdfium2.PdfDocument(readable)
    except pypdfium2.PdfiumError as error:
        raise DamagedFile(str(error)) from error
    try:
        # Only pages that get something are looked at: rendering costs more than all the rest.
        sheets = {
            index: _Sheet(
                frames[index], page_room(document, index, frames[index].size, wanted.words.get(index + 1, ()))
            )
            for index in (range(len(frames)) if wanted.demo else range(1))
        }
    finally:
        document.close()
    return _Layout(writer, frames, sheets, wanted).run()


class _Layout:
    def __init__(self, writer, frames: list[PageFrame], sheets: dict[int, _Sheet], wanted: _Wanted) -> None:
        self.writer, self.frames, self.sheets, self.wanted = writer, frames, sheets, wanted
        self.font = face()
        self.font_reference = embedded(writer, self.font)

    def run(self) -> Placed:
        first, wanted = self.sheets[0], self.wanted
        for page, box in wanted.at.values():
            if page - 1 in self.sheets:
                self.sheets[page - 1].room.take(box)
        free = [request for request in wanted.requests if request.role not in wanted.at]
        symbol = segno.make(wanted.qr, error="m", micro=False) if wanted.qr else None
        boxes, in_band = self._top(first, free, wanted.conversion.at, symbol)
        mark = self._mark(first, wanted.conversion)
        if wanted.demo:
            for sheet in self.sheets.values():
                self._test_mark(sheet)

        final = {
            index: sheet.frame.enlarged(sheet.above, sheet.below) for index, sheet in self.sheets.items()
        }
        for index, sheet in self.sheets.items():
            self._draw(index, sheet, final[index])
        places = []
        for request in wanted.requests:
            fixed = request.role in wanted.at
            page, box = wanted.at.get(request.role) or (1, boxes[request.role])
            if fixed and page == 1:
                box = _down(box, first.above)
            self._add_field(request, page, final.get(page - 1) or self.frames[page - 1], box)
            places.append(
                FieldPlace(
                    role=request.role, field=request.field, page=page, box=box, in_band=in_band and not fixed
                )
            )
        keep(self.writer, self.font, self.font_reference)
        self.writer.write_in_place()
        above = {index + 1: sheet.above for index, sheet in self.sheets.items() if sheet.above}
        return Placed(places=places, above=above, mark=mark, qr=boxes.get("qr"))

    def _top(self, sheet: _Sheet, requests, moment: datetime, symbol) -> tuple[dict, bool]:
        """Boxes by role (and `qr`) at the top of page 1, in final coordinates; whether a band was added for them."""
        width, height = sheet.frame.size
        top = height * CORNER
        left_corner = ((0.0, 0.0, width * 0.62, top), False, False)
        right_corner = ((width * 0.38, 0.0, width, top), True, False)
        sizes = {
            request.role: looks_of(request, moment, self.wanted.settings, self.wanted.demo).size
            for request in requests
        }
        found: dict = {}
        for role, size in sizes.items():
            found[role] = sheet.place(size, right_corner if role is Role.AGENCY else left_corner)
        if symbol is not None:
            side = symbol.symbol_size(border=4)[0] * _MODULE
            anywhere = ((0.0, 0.0, width, height), False, True)
            sizes["qr"] = (side, side)
            # Top left where it fits beside the signature (TT 01/2023), else any empty place from the foot of the page up.
            found["qr"] = sheet.place((side, side), ((0.0, 0.0, width * 0.75, top), False, False), anywhere)
        if all(found.values()):
            if symbol is not None:
                self._draw_qr(sheet, found["qr"], symbol)
            return found, False

        for box in found.values():
            if box is not None:
                sheet.room.taken.remove(box)
        rows: list[list] = [[]]
        order = sorted(sizes, key=lambda key: (key is Role.AGENCY, key == "qr"))
        for key in order:
            used = sum(sizes[other][0] + 2 * GAP for other in rows[-1])
            if rows[-1] and used + sizes[key][0] + 2 * EDGE > width:
                rows.append([])
            rows[-1].append(key)
        y = EDGE
        for row in rows:
            x = EDGE
            for key in row:
                if key is Role.AGENCY:
                    x = max(x, width - EDGE - sizes[key][0])
                found[key] = (x, y, x + sizes[key][0], y + sizes[key][1])
                x += sizes[key][0] + 2 * GAP
            y += max(sizes[key][1] for key in row) + GAP
        sheet.above = y + GAP
        if symbol is not None:
            self._draw_qr(sheet, _down(found["qr"], -sheet.above), symbol)
        return found, True

    def _draw_qr(self, sheet: _Sheet, box: Box, symbol) -> None:
        """`box` in coordinates of the page before a band was added, as all drawings are."""
        side = box[2] - box[0]
        rows = list(symbol.matrix_iter(border=4))
        unit = side / len(rows)
        commands = [b"1 g 0 0 %.3f %.3f re f 0 g" % (side, side)]
        for number, row in enumerate(rows):
            y = side - (number + 1) * unit
            start = None
            for column, dark in enumerate([*row, 0]):
                if dark and start is None:
                    start = column
                elif not dark and start is not None:
                    commands.append(
                        b"%.3f %.3f %.3f %.3f re" % (start * unit, y, (column - start) * unit, unit)
                    )
                    start = None
        commands.append(b"f")
        sheet.drawings.append(("/SohoaQr", box, b" ".join(commands)))

    def _text(self, lines: Sequence[str], size: float, leading: float) -> tuple[tuple[float, float], bytes]:
        width = max(self.font.width(line, size) for line in lines) + 2 * PADDING
        height = leading * len(lines) + 2 * PADDING
        return (width, height), text_commands(lines, self.font, PADDING, height - PADDING, size, leading)

    def _mark(self, sheet: _Sheet, conversion: Conversion) -> Box:
        width, height = sheet.frame.size
        lines = wrapped(conversion.text, width - 4 * EDGE, _MARK_SIZE)
        size, commands = self._text(lines, _MARK_SIZE, _MARK_LEADING)
        foot = ((0.0, height * 0.85, width, height), False, True)
        head = ((0.0, 0.0, width, height * CORNER), False, False)
        box = sheet.place(size, foot, head) or sheet.append_below(size)
        sheet.drawings.append(("/SohoaMark", box, b"0 g " + commands))
        return _down(box, sheet.above)

    def _test_mark(self, sheet: _Sheet) -> None:
        width, height = sheet.frame.size
        fit = min(10.0, 10.0 * (width - 2 * EDGE) / (self.font.width(PAGE_MARK, 10.0) + 2 * PADDING))
        size, commands = self._text([PAGE_MARK], fit, fit * 1.2)
        middle = (width - size[0]) / 2
        head = ((middle, 0.0, width, height * 0.12), False, False)
        foot = ((middle, height * 0.85, width, height), False, True)
        box = sheet.place(size, foot, head) or sheet.append_below(size)
        sheet.drawings.append((TEST_MARK, box, b"0.8 0 0 rg " + commands))

    def _draw(self, index: int, sheet: _Sheet, final: PageFrame) -> None:
        if not sheet.drawings and not sheet.above:
            return
        page = _page(self.writer, index)
        if final != sheet.frame:
            final.write_to(page)
        content, names = [], {}
        if sheet.above or sheet.below:  # a crop box may have hidden something there
            width, height = final.size
            content.append(b"1 g 0 0 %.3f %.3f re f" % (width, sheet.below))
            content.append(b"0 %.3f %.3f %.3f re f" % (height - sheet.above, width, sheet.above))
        for name, box, commands in sheet.drawings:
            low = _down(box, sheet.above)
            size = (box[2] - box[0], box[3] - box[1])
            resources = {"/Font": {"/F": self.font_reference}} if b"/F " in commands else {}
            names[name] = self.writer.add_object(form_object(commands, size, resources))
            content.append(
                b"q 1 0 0 1 %.3f %.3f cm %s Do Q" % (low[0], final.size[1] - low[3], name.encode())
            )
        matrix = b"%.4f %.4f %.4f %.4f %.3f %.3f cm" % final.matrix
        _append_content(self.writer, page, b"Q q %s %s Q" % (matrix, b" ".join(content)))
        _add_xobjects(self.writer, page, names)
        self.writer.update_container(page)

    def _add_field(self, request: SignatureRequest, page: int, frame: PageFrame, box: Box) -> None:
        left, bottom, right, top = frame.to_user(box)
        described = {
            Role.SCANNER: "Chữ ký số của người sao chụp",
            Role.CERTIFIER: "Chữ ký số của người thực hiện chứng thực",
            Role.AGENCY: "Chữ ký số của cơ quan",
        }[request.role]
        append_signature_field(
            self.writer,
            SigFieldSpec(
                request.field,
                on_page=page - 1,
                box=tuple(round(side, 3) for side in (left, bottom, right, top)),
                readable_field_name=described,
            ),
        )


def _down(box: Box, by: float) -> Box:
    return (box[0], box[1] + by, box[2], box[3] + by)


def _opened(stream) -> RecordWriter:
    try:
        writer = RecordWriter(stream, strict=False)
        if writer.prev.encrypted:
            raise EncryptedFile("an encrypted file cannot be prepared: it would no longer be PDF/A")
        if any(True for _ in writer.prev.embedded_signatures):
            raise SignedAlready("marks and fields come before the first signature")
        if any(True for _ in enumerate_sig_fields(writer.prev)):
            raise FieldNotReady("the file has signature fields already: it was prepared before")
    except (PdfError, ValueError, KeyError, RecursionError) as error:
        raise DamagedFile(f"{type(error).__name__}: {error}") from error
    return writer


def _page_count(writer: RecordWriter) -> int:
    return int(writer.root["/Pages"]["/Count"])


def _page(writer: RecordWriter, index: int) -> generic.DictionaryObject:
    reference, _ = writer.find_page_for_modification(index)
    return reference.get_object()


def _append_content(writer: RecordWriter, page: generic.DictionaryObject, commands: bytes) -> None:
    """The page's own content stands between q and Q, so that whatever it leaves behind does not move ours."""
    before = writer.add_object(generic.StreamObject(stream_data=b"q"))
    after = generic.StreamObject(stream_data=commands)
    after.compress()
    own = []
    if "/Contents" in page:
        reference = page.raw_get("/Contents")
        held = reference.get_object() if isinstance(reference, generic.IndirectObject) else reference
        own = (
            list(held.raw_get(at) for at in range(len(held)))
            if isinstance(held, generic.ArrayObject)
            else [reference]
        )
    page[pdf_name("/Contents")] = generic.ArrayObject([before, *own, writer.add_object(after)])


def _add_xobjects(writer, page: generic.DictionaryObject, names: dict[str, generic.IndirectObject]) -> None:
    """On a copy of the page's resources: other pages may share them."""
    at, resources = page, None
    while resources is None and at is not None:
        resources = entry(at, "/Resources")
        at = entry(at, "/Parent")
    copied = generic.DictionaryObject({key: resources.raw_get(key) for key in resources} if resources else {})
    held = entry(copied, "/XObject", {})
    objects = generic.DictionaryObject({key: held.raw_get(key) for key in held})
    objects.update({pdf_name(name): reference for name, reference in names.items()})
    copied[pdf_name("/XObject")] = objects
    page[pdf_name("/Resources")] = copied
