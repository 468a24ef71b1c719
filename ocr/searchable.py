"""From a stored scan and what was read of it to a searchable PDF/A-2b, and the check that it is one.

The picture stays as it came in; turning is left to /Rotate; the words lie unseen over the words. Where conformance
cannot be claimed honestly (a born-digital page with fonts left out, say) the file is made without the claim, and the
result says why.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import unicodedata
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pikepdf
import pypdfium2
import pypdfium2.raw as pdfium_c
from pikepdf import Array, Dictionary, Name, Pdf

from ocr import pdfa, textlayer
from ocr.pdfa_check import check_pdfa2b
from ocr.pdfa_finding import Finding
from ocr.scan_images import TURNS, ScanImage, add_image, read_images
from ocr.textlayer import Matrix
from schemas.errors import DamagedFile, EncryptedFile, NotAllowedNow, OutputInvalid, WrongUse
from schemas.page import PageReading, Word
from schemas.record import RecordMetadata

POSITION_TOLERANCE_PT = 2.0
SAMPLE_WORDS = 12
REPACKED_FILTERS = ("/LZWDecode", "/ASCII85Decode", "/ASCIIHexDecode", "/RunLengthDecode")
"""Filters whose streams are packed anew without loss: LZW is barred by ISO 19005-2, 6.1.7.2, the rest ride along."""


@dataclass(frozen=True)
class SearchablePdf:
    """What was made. `claims_pdfa` is written in the file too; `findings` says why not where it is False."""

    data: bytes
    claims_pdfa: bool
    findings: list[Finding] = field(default_factory=list)


def make_searchable(
    source: bytes, readings: list[PageReading], *, pages: list[int], metadata: RecordMetadata
) -> SearchablePdf:
    """One document as searchable PDF/A-2b. The same input gives the same bytes.

    `source` is a PDF, TIFF, JPEG or PNG as stored; `pages` are its 1-based pages that form the document, in order, and
    `readings` what was read of each. Raises NotAllowedNow for a signed PDF (it is evidence as it is), EncryptedFile,
    DamagedFile, UnsupportedFile.
    """
    if not pages or len(pages) != len(readings):
        raise WrongUse(f"{len(pages)} pages, {len(readings)} readings")
    digitised = not all(reading.born_digital for reading in readings)
    with ExitStack() as open_files:
        out = open_files.enter_context(Pdf.new())
        is_pdf = b"%PDF-" in source[:1024]
        if is_pdf:
            # Stays open until the last save: copied streams are read from it then.
            opened = open_files.enter_context(_open_unsigned(source))
            _copy_pdf_pages(out, opened, pages, readings)
        else:
            for image in read_images(source, pages):
                _add_image_page(out, image)
        _turn_and_write(out, readings)
        pdfa.describe(out, metadata, claim=True, digitised=digitised)
        data = _saved(out)
        # Pages made here from a picture hold nothing foreign; `verify_searchable` checks them once, after this.
        findings = check_pdfa2b(data) if is_pdf else []
        if any(f.rule == "device_colour" and "CMYK" in f.detail for f in findings):
            pdfa.add_default_cmyk(out)
            data = _saved(out)
            findings = check_pdfa2b(data)
        if findings:
            pdfa.describe(out, metadata, claim=False, digitised=digitised)
            data = _saved(out)
    return SearchablePdf(data, not findings, findings)


def _saved(pdf: Pdf) -> bytes:
    buffer = io.BytesIO()
    # 1.7 because PDF/A-2 builds on it; a classic table because incremental signatures of every tool can follow it.
    # fix_metadata_version would write the XMP anew, against the document information.
    pdf.save(buffer, force_version="1.7", deterministic_id=True, fix_metadata_version=False,
             object_stream_mode=pikepdf.ObjectStreamMode.disable)  # fmt: skip
    return buffer.getvalue()


# --- pages ------------------------------------------------------------------------------------------------------------
def _open_unsigned(source: bytes) -> Pdf:
    try:
        opened = Pdf.open(io.BytesIO(source), suppress_warnings=True)
    except pikepdf.PasswordError as error:
        raise EncryptedFile(str(error)) from error
    except pikepdf.PdfError as error:
        raise DamagedFile(str(error)) from error
    if pdfa.has_signature(opened):
        opened.close()
        raise NotAllowedNow("the PDF is signed and is kept as it is")
    return opened


def _copy_pdf_pages(out: Pdf, opened: Pdf, pages: list[int], readings: list[PageReading]) -> None:
    if max(pages) > len(opened.pages) or min(pages) < 1:
        raise WrongUse(f"pages {pages} of a PDF with {len(opened.pages)}")
    form = opened.Root.get("/AcroForm")
    if isinstance(form, Dictionary) and bool(form.get("/NeedAppearances", False)):
        opened.generate_appearance_streams()
    seen: dict = {}
    try:
        for number, reading in zip(pages, readings, strict=True):
            page = pdfa.copy_page(out, opened, number)
            if not reading.born_digital:
                textlayer.drop_unseen_text(page, page["/Resources"], out, seen)
        if any("/Annots" in page.obj for page in out.pages):
            out.flatten_annotations("all")
            for page in out.pages:
                if "/Annots" in page.obj:
                    del page.obj["/Annots"]
        pdfa.keep_layers(out, opened)
        pdfa.sanitise(out)
    except (
        pikepdf.PdfError,
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
    ) as error:
        # Entries of another type than the standard names: whatever other programs wrote, the batch goes on.
        raise DamagedFile(f"{type(error).__name__}: {error}") from error


def _add_image_page(out: Pdf, image: ScanImage) -> None:
    width, height = (round(side, 3) for side in image.size_pt)
    mirrored, turn = TURNS[image.orientation]
    placed = f"q {-width if mirrored else width} 0 0 {height} {width if mirrored else 0} 0 cm /Im0 Do Q\n"
    page = Dictionary(
        Type=Name.Page, MediaBox=Array([0, 0, width, height]), Rotate=turn,
        Resources=Dictionary(XObject=Dictionary(Im0=add_image(out, image))), Contents=out.make_stream(placed.encode()),
    )  # fmt: skip
    out.pages.append(pikepdf.Page(page))


def _turn_and_write(out: Pdf, readings: list[PageReading]) -> None:
    """Sets /Rotate so that the content stands upright and puts the words in front of the page's own content, where no
    graphics state of the page can reach them."""
    font: pikepdf.Object | None = None
    for page, reading in zip(out.pages, readings, strict=True):
        turn = (int(page.obj.get("/Rotate", 0)) - reading.rotation) % 360
        page.obj["/Rotate"] = turn
        if reading.born_digital or not reading.words:
            continue
        if font is None:
            letters = chain.from_iterable(
                textlayer.layer_text(w.text) for r in readings if not r.born_digital for w in r.words
            )
            font = textlayer.add_font(out, set(letters))
        resources = page.obj["/Resources"]
        if "/Font" not in resources:
            resources["/Font"] = Dictionary()
        fonts = resources["/Font"]
        name = next(n for n in (f"Sohoa{i or ''}" for i in range(len(fonts) + 1)) if f"/{n}" not in fonts)
        layer = textlayer.draw_words(
            reading.words, _to_user_space(page, turn, reading), reading.perspective, name
        )
        if not layer:
            continue
        fonts[f"/{name}"] = font
        own = page.obj.get("/Contents", Array())
        page.obj["/Contents"] = Array([out.make_stream(layer), *(own if isinstance(own, Array) else [own])])


def _to_user_space(page: pikepdf.Page, turn: int, reading: PageReading) -> Matrix:
    """Read frame (pixels, y down) -> user space of the page, each to be divided by 1 + g*x + h*y as in the reading.
    Fractions of the page carry the scale, so UserUnit and a page size rounded elsewhere do not matter."""
    left, bottom, right, top = _visible_box(page)
    width, height = right - left, top - bottom
    # Where the shown page's origin (top left) and its right and down edges lie in user space.
    origin, along, down = {
        0: ((left, top), (width, 0), (0, -height)),
        90: ((left, bottom), (0, height), (width, 0)),
        180: ((right, bottom), (-width, 0), (0, height)),
        270: ((right, top), (0, -height), (-width, 0)),
    }[turn]
    shown_width, shown_height = reading.page_size_pt
    a, b, c, d, e, f = reading.to_points
    g, h = reading.perspective
    a, b, c = a / shown_width, b / shown_width, c / shown_width
    d, e, f = d / shown_height, e / shown_height, f / shown_height
    (x0, y0), x, y = origin, *((along[i], down[i]) for i in (0, 1))
    return (
        a * x[0] + d * x[1] + g * x0, a * y[0] + d * y[1] + g * y0,
        b * x[0] + e * x[1] + h * x0, b * y[0] + e * y[1] + h * y0,
        c * x[0] + f * x[1] + x0, c * y[0] + f * y[1] + y0,
    )  # fmt: skip


def _visible_box(page: pikepdf.Page) -> tuple[float, float, float, float]:
    """CropBox within MediaBox, sides in order."""
    boxes = []
    for box in (page.mediabox, page.cropbox):
        x0, y0, x1, y1 = (float(value) for value in box)
        boxes.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))
    (a, b, c, d), (e, f, g, h) = boxes
    both = (max(a, e), max(b, f), min(c, g), min(d, h))
    return both if both[0] < both[2] and both[1] < both[3] else boxes[0]


# --- check ------------------------------------------------------------------------------------------------------------
def verify_searchable(
    data: bytes, readings: list[PageReading], *, source: bytes | None = None, pages: list[int] | None = None
) -> None:
    """Opens what was made again, with two readers, and compares; with `source` and `pages` the pictures too.

    Raises OutputInvalid: wrong number of pages, words missing or out of place, pictures changed, or a claim of PDF/A-2b
    beside a finding of `check_pdfa2b`.
    """
    try:
        with Pdf.open(io.BytesIO(data), suppress_warnings=True) as pdf:
            if len(pdf.pages) != len(readings):
                raise OutputInvalid(f"{len(pdf.pages)} pages, {len(readings)} expected")
            claims = b"<pdfaid:part>" in pdf.Root.Metadata.read_bytes()
            if source is not None:
                _same_pictures(pdf, source, pages or list(range(1, len(readings) + 1)))
    except pikepdf.PdfError as error:
        raise OutputInvalid(str(error)) from error
    findings = check_pdfa2b(data) if claims else []
    if findings:
        raise OutputInvalid("; ".join(f"{f.clause} {f.rule}: {f.detail}" for f in findings[:5]))
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise OutputInvalid(str(error)) from error
    try:
        if len(document) != len(readings):
            raise OutputInvalid(f"pdfium sees {len(document)} pages, {len(readings)} expected")
        for number, reading in enumerate(readings, 1):
            if not reading.born_digital:
                _same_words(document, number, reading)
    finally:
        document.close()


def _same_words(document: pypdfium2.PdfDocument, number: int, reading: PageReading) -> None:
    words = [(word, _bare(textlayer.layer_text(word.text))) for word in reading.words]
    words = [
        (word, text)
        for word, text in words
        if text and word.box[2] > word.box[0] and word.box[3] > word.box[1]
    ]
    page = document[number - 1]
    text_page = page.get_textpage()
    raw = text_page.get_text_range()
    found = _bare(raw)
    sure, twice = _apart(words)
    lost = Counter(chain.from_iterable(text for _, text in words)) - Counter(found) - twice
    lost_words = [text for text in set(sure) if text not in found]
    if lost or lost_words:
        raise OutputInvalid(f"page {number}: text lost: {lost_words[:5]} {''.join(lost.elements())[:20]!r}")
    whole = [
        (word, text)
        for word, text in words
        if len(text) > 2 and text == textlayer.layer_text(word.text) and any(c.isalnum() for c in text)
    ]
    unique = [(word, text) for word, text in whole if found.count(text) == 1]
    step = max(1, len(unique) // SAMPLE_WORDS)
    if not unique:
        return
    index = _indices(text_page)
    if len(index) != len(found):
        raise OutputInvalid(f"page {number}: pdfium counts {len(index)} letters, its text has {len(found)}")
    for word, text in unique[::step]:
        at = found.index(text)
        _in_place(page, text_page, index[at], index[at + len(text) - 1], word, reading, number)


def _apart(words: list[tuple[Word, str]]) -> tuple[list[str], Counter]:
    """Texts of words that no other word lies over, and the letters that two words have in common where one does: pdfium
    takes equal letters for one printed twice to look bold and gives out only one of them."""
    if not words:
        return [], Counter()
    left, top, right, bottom = np.array([word.box for word, _ in words], float).T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    down = np.minimum(bottom[:, None], bottom) - np.maximum(top[:, None], top)
    overlaid = (across > 0) & (down > 0.2 * (bottom - top)[:, None])
    np.fill_diagonal(overlaid, False)
    either = overlaid | overlaid.T
    twice: Counter = Counter()
    for one, other in np.argwhere(np.triu(either)):
        twice += Counter(words[one][1]) & Counter(words[other][1])
    return [text for (_, text), hidden in zip(words, either.any(axis=1), strict=True) if not hidden], twice


def _in_place(page, text_page, first: int, last: int, word: Word, reading: PageReading, number: int) -> None:
    """The middle of the word as pdfium shows it lies on the middle of the word as read, and its width agrees."""
    corners = []
    for i in (first, last):
        left, bottom, right, top = text_page.get_charbox(i, loose=True)
        corners += [_shown(page, x, y, reading.page_size_pt) for x in (left, right) for y in (bottom, top)]
    seen = (
        min(x for x, _ in corners),
        min(y for _, y in corners),
        max(x for x, _ in corners),
        max(y for _, y in corners),
    )
    read = reading.box_to_points(word.box)
    height = read[3] - read[1]
    for axis in (0, 1):
        off = abs((seen[axis] + seen[axis + 2]) / 2 - (read[axis] + read[axis + 2]) / 2)
        if off > POSITION_TOLERANCE_PT + (0.5 * height if axis else 0):
            raise OutputInvalid(f"page {number}: {word.text!r} is {off:.1f} pt away from where it was read")


def _shown(page, x: float, y: float, size: tuple[float, float]) -> tuple[float, float]:
    """User space -> shown frame by pdfium's own arithmetic, independent of `_to_user_space`."""
    scale = 64
    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium_c.FPDF_PageToDevice(page, 0, 0, int(size[0] * scale), int(size[1] * scale), 0, x, y, across, down)
    return across.value / scale, down.value / scale


IGNORED = frozenset("-\u00ad\u2010\u0002\ufffe")
"""Hyphens at the end of a line come out of pdfium as marks of their own."""


def _bare(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFC", text) if not c.isspace() and c not in IGNORED)


def _indices(text_page) -> list[int]:
    """pdfium's number of each letter that `_bare` keeps."""
    letters = (chr(pdfium_c.FPDFText_GetUnicode(text_page, i)) for i in range(text_page.count_chars()))
    return [i for i, c in enumerate(letters) if c != "\0" and not c.isspace() and c not in IGNORED]


def _same_pictures(pdf: Pdf, source: bytes, pages: list[int]) -> None:
    made = [_picture_hashes(page) for page in pdf.pages]
    if b"%PDF-" in source[:1024]:
        with Pdf.open(io.BytesIO(source), suppress_warnings=True) as opened:
            stored = [_picture_hashes(opened.pages[number - 1]) for number in pages]
    else:
        stored = [{hashlib.sha256(image.data).digest()} for image in read_images(source, pages)]
    for number, (before, after) in enumerate(zip(stored, made, strict=True), 1):
        if not before <= after:
            raise OutputInvalid(f"page {number}: a picture is not the one that was stored")


def _picture_hashes(page: pikepdf.Page) -> set[bytes]:
    """Hashes of the stored bytes of a page's pictures, also inside forms."""
    hashes, pending, seen = set(), [page.resources], set()
    while pending:
        objects = pending.pop().get("/XObject", Dictionary())
        for item in objects.as_dict().values():
            if not isinstance(item, pikepdf.Stream) or item.objgen in seen:
                continue
            seen.add(item.objgen)
            if item.get("/Subtype") == Name.Image:
                filters = item.get("/Filter", Array())
                names = [str(filters)] if isinstance(filters, Name) else [str(f) for f in filters]
                if names and not set(names) & set(REPACKED_FILTERS):
                    hashes.add(hashlib.sha256(item.get_raw_stream_buffer()).digest())
            elif "/Resources" in item:
                pending.append(item["/Resources"])
    return hashes
