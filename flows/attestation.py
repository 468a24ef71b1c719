"""What is written on a copy by the office: wording from versioned templates, set in Times metrics, PDF/A.

The attestation (lời chứng, NĐ 23/2015 Đ12) goes on the last page of the copy where there is room, else on a page of its own
(Đ20). Whole pages (extract from the sổ gốc, appointment slip, refusal notice) are set here as well.
"""

from __future__ import annotations

import io
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

import pikepdf
import pypdfium2
from fpdf import FPDF
from pikepdf import Array, Dictionary, Name, Pdf

from ocr.pdfa_check import check_pdfa2b
from schemas.errors import BadSettings, DamagedFile, OutputInvalid
from schemas.page import Box
from signing.appearance_room import page_room
from storage.print_fonts import serif_fonts

FOLDER = Path(__file__).parent / "templates"
_SIZE, _LEADING = 12.0, 15.0
_WIDTH = 330.0
"""Points of the attestation block: two signatures of 230 points never stand side by side in it."""
_TURN = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


@dataclass(frozen=True)
class Wording:
    """A text of the office. A new wording is a new version with the day from which it is used; old ones stay."""

    name: str
    version: int
    valid_from: date
    source: str
    lines: tuple[tuple[str, str], ...]
    """Style and text. b: bold; h: bold heading; l: left; sign: room for a signature; rows: label and value."""

    @property
    def label(self) -> str:
        return f"{self.name}/{self.version}"

    def filled(self, **facts: object) -> list[tuple[str, str]]:
        """Lines with the facts in their places. Raises BadSettings when the wording asks for one that is not there."""
        try:
            return [(style, text.format(**facts)) for style, text in self.lines]
        except (KeyError, ValueError, IndexError) as error:
            raise BadSettings(f"template {self.label}: {error}") from error


@lru_cache(maxsize=4)
def _wordings(folder: Path) -> tuple[Wording, ...]:
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            facts = tomllib.loads(path.read_text("utf-8"))
            lines = tuple((style, text) for style, text in facts.pop("lines"))
            wording = Wording(lines=lines, **facts)
        except (tomllib.TOMLDecodeError, TypeError, KeyError, ValueError, OSError) as error:
            raise BadSettings(f"template {path.name}: {error}") from error
        if not wording.source.strip():
            raise BadSettings(f"template {path.name} does not say its source")
        found.append(wording)
    return tuple(found)


def wording(name: str, day: date, own: Path | None = None) -> Wording:
    """The newest version in use on that day; the office's own folder (`<home>/templates`) wins over ours.

    Raises BadSettings when there is none.
    """
    for folder in (own, FOLDER):
        fitting = (
            [w for w in _wordings(folder) if w.name == name and w.valid_from <= day]
            if folder and folder.is_dir()
            else []
        )
        if fitting:
            return max(fitting, key=lambda w: (w.valid_from, w.version))
    raise BadSettings(f"no template {name} in use on {day}")


# --- setting text ----------------------------------------------------------------------------------------------------
class _Paper(FPDF):
    def __init__(self, size: tuple[float, float], margin: float, moment: datetime) -> None:
        super().__init__(unit="pt", format=size, enforce_compliance="PDF/A-2B")
        regular, bold = serif_fonts()
        self.add_font("Serif", "", regular)
        self.add_font("Serif", "B", bold)
        self.set_margins(margin, margin, margin)
        self.set_auto_page_break(True, margin)
        self.set_lang("vi")
        self.set_creator("sohoa")
        self.set_creation_date(moment)

    def write_lines(
        self,
        lines: list[tuple[str, str]],
        rows: tuple[tuple[str, str], ...] = (),
        hole: tuple[float, float] = (0, 0),
    ) -> Box | None:
        """The lines from here down; box of the room for the signature, points from the top left."""
        box = None
        for style, text in lines:
            if style == "sign":
                left = (self.w - hole[0]) / 2
                box = (left, self.y + 2, left + hole[0], self.y + 2 + hole[1])
                self.set_y(self.y + hole[1] + 4)
                continue
            if style == "rows":
                for label, value in rows:
                    self._line("l", f"{label}: {value or '(sổ gốc để trống)'}")
                continue
            for part in text.split("\n"):
                self._line(style, part)
        return box

    def _line(self, style: str, text: str) -> None:
        if not text.strip():
            self.ln(_LEADING)
            return
        self.set_font("Serif", "B" if style in ("b", "h") else "", 14 if style == "h" else _SIZE)
        self.multi_cell(
            0,
            _LEADING * (1.2 if style == "h" else 1),
            text,
            align="L" if style == "l" else "C",
            new_x="LMARGIN",
            new_y="NEXT",
        )


def paper(
    text: Wording, moment: datetime, *, title: str, rows: tuple[tuple[str, str], ...] = (), **facts: object
) -> bytes:
    """A4 pages of a wording as PDF/A-2b. Raises BadSettings, MissingProgram without a font, OutputInvalid."""
    made = _Paper((595.28, 841.89), 64.0, moment)
    made.set_title(title)
    made.add_page()
    made.write_lines(text.filled(title=title, **facts), rows)
    data = bytes(made.output())
    must_be_pdfa(data)
    return data


# --- the attestation -------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Attested:
    """A copy with its attestation, not yet signed."""

    data: bytes
    page: int
    """1-based: where the attestation and the certifying person's signature stand."""
    box: Box
    """Of the signature; shown frame, points, origin top left."""
    added_page: bool


def attest(
    pdf: bytes,
    text: Wording,
    moment: datetime,
    hole: tuple[float, float],
    *,
    words: tuple[Box, ...] = (),
    **facts: object,
) -> Attested:
    """Writes the attestation on the last page where a place is free, else on an added page of the same size.

    `hole`: size of the certifying person's signature, points; `words`: boxes on the last page that must stay visible
    (shown frame). Raises DamagedFile, OutputInvalid when the result is no PDF/A any more although it claims it.
    """
    lines = text.filled(**facts)
    trial = _Paper((_WIDTH, 1000), 4.0, moment)
    trial.add_page()
    trial.write_lines(lines, hole=hole)
    height = trial.y + 4
    block = _Paper((_WIDTH, height), 4.0, moment)
    block.set_auto_page_break(False)
    block.add_page()
    within = block.write_lines(lines, hole=hole)
    if within is None:
        raise BadSettings(f"template {text.label} has no room for the signature")
    try:
        shown = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError as error:
        raise DamagedFile(str(error)) from error
    try:
        count = len(shown)
        width, tall = shown[count - 1].get_size()
        room = page_room(shown, count - 1, (width, tall), words)
    finally:
        shown.close()
    # Foot and head stay free for the marks that follow.
    place = room.find((_WIDTH, height), (0.0, tall * 0.2, width, tall - 40.0), bottom=True)
    added = place is None
    if place is None:
        width, tall = max(width, _WIDTH + 40), max(tall, height + 160)
        left = (width - _WIDTH) / 2
        place = (left, 90.0, left + _WIDTH, 90.0 + height)
    with Pdf.open(io.BytesIO(pdf)) as out, Pdf.open(io.BytesIO(bytes(block.output()))) as stamp:
        if added:
            out.add_blank_page(page_size=(width, tall))
        _stamp(out, stamp, place)
        data = _saved(out)
    must_be_pdfa(data)
    box = (place[0] + within[0], place[1] + within[1], place[0] + within[2], place[1] + within[3])
    return Attested(data, count + added, box, added)


def joined(parts: list[bytes]) -> bytes:
    """Pages of several PDF/A files one after another, described as the first."""
    if len(parts) == 1:
        return parts[0]
    with Pdf.open(io.BytesIO(parts[0])) as out:
        for part in parts[1:]:
            with Pdf.open(io.BytesIO(part)) as more:
                out.pages.extend(more.pages)
        data = _saved(out)
    must_be_pdfa(data)
    return data


def chosen(pdf: bytes, pages: tuple[int, ...]) -> bytes:
    """Only these pages (1-based), in the order given, described as the whole."""
    with Pdf.open(io.BytesIO(pdf)) as out:
        kept = [out.pages[number - 1] for number in pages]
        del out.pages[:]
        out.pages.extend(kept)
        data = _saved(out)
    must_be_pdfa(data)
    return data


def _stamp(out: Pdf, stamp: Pdf, place: Box) -> None:
    """Draws the stamp's page at `place` (shown frame) of the last page, upright however that page is turned."""
    page = out.pages[-1]
    crop = [float(side) for side in page.cropbox]
    left, bottom, right, top = (
        min(crop[0], crop[2]),
        min(crop[1], crop[3]),
        max(crop[0], crop[2]),
        max(crop[1], crop[3]),
    )
    turn = int(page.obj.get("/Rotate", 0)) % 360
    origin = {0: (left, bottom), 90: (right, bottom), 180: (right, top), 270: (left, top)}[turn]
    tall = (right - left) if turn in (90, 270) else (top - bottom)
    a, b, c, d = _TURN[turn]
    x, y = place[0], tall - place[3]
    e, f = a * x + c * y + origin[0], b * x + d * y + origin[1]
    form = out.copy_foreign(stamp.pages[0].as_form_xobject())
    # Set by itself, for the page's own content may leave a moved frame behind.
    page.contents_add(b"q", prepend=True)
    resources = page.obj.get("/Resources")
    page.obj.Resources = Dictionary(resources) if resources is not None else Dictionary()
    held = page.obj.Resources.get("/XObject")
    page.obj.Resources.XObject = Dictionary(held) if held is not None else Dictionary()
    page.obj.Resources.XObject[Name.SohoaLoiChung] = form
    page.contents_add(f"Q q {a} {b} {c} {d} {e:.3f} {f:.3f} cm /SohoaLoiChung Do Q".encode())
    if "/MediaBox" not in page.obj:
        page.obj.MediaBox = Array(crop)


def _saved(pdf: Pdf) -> bytes:
    """As `ocr.searchable` saves: description untouched, a classic table that incremental signatures can follow."""
    buffer = io.BytesIO()
    pdf.save(
        buffer, force_version="1.7", deterministic_id=True, fix_metadata_version=False,
        object_stream_mode=pikepdf.ObjectStreamMode.disable,
    )  # fmt: skip
    return buffer.getvalue()


def must_be_pdfa(data: bytes) -> None:
    """Where PDF/A is claimed it has to hold. Raises OutputInvalid."""
    with Pdf.open(io.BytesIO(data)) as pdf:
        claims = "/Metadata" in pdf.Root and b"pdfaid:part" in pdf.Root.Metadata.read_bytes()
    findings = check_pdfa2b(data) if claims else []
    if findings:
        raise OutputInvalid("; ".join(f"{f.clause} {f.rule}: {f.detail}" for f in findings[:5]))
