"""Bounds and integrity of a PDF before a page of it is opened: page tree, streams, pictures, encryption, signatures."""

from __future__ import annotations

import base64
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pikepdf
import pypdfium2 as pdfium
from pikepdf import settings as qpdf_settings

from ocr.intake_headers import bounded, jpeg_ends_early, jpeg_is_whole, jpeg_size
from ocr.signatures import find_signatures
from schemas.errors import (
    DamagedFile,
    DecompressionBomb,
    EncryptedFile,
    InputRejected,
    TooManyPages,
    TruncatedFile,
)
from schemas.settings import Limits
from schemas.source import SourceInfo

_STREAM_BYTES = 100_000_000
"""Most that a stream which is no picture may inflate to; the largest drawings seen stay below half of it."""
_MOST_INFLATION = 1032
"""Deflate cannot do better; a stream shorter than the bound by this factor need not be inflated to be safe."""
_LZW_INFLATION = 4096
_TAIL = 2048
_MENDED = re.compile("damaged|reconstruct|recover|expected endstream|unexpected EOF|parse error")
_TEXT_FILTERS = ("/ASCII85Decode", "/A85", "/ASCIIHexDecode", "/AHx")


def inspect_pdf(data: bytes, facts: dict, limits: Limits) -> SourceInfo:
    """`SourceInfo` of a PDF; `facts` holds its name, sha256, size and media type.

    A file with a broken index is accepted when all its pages are there and whole. Raises TruncatedFile, DamagedFile,
    EncryptedFile, TooManyPages, TooManyPixels, DecompressionBomb.
    """
    # A file that was not written to its end is told from one that is broken inside, as the advice differs.
    broken = DamagedFile if b"%%EOF" in data[-_TAIL:] else TruncatedFile
    try:
        with _strict_qpdf(limits), pikepdf.open(io.BytesIO(data), password="") as pdf:
            pages = _pages(pdf, limits)
            _check_streams(pdf, limits)
            _check_contents(pages, limits)
            # Objects are read when asked for: only now has qpdf told all it had to mend.
            if any(_MENDED.search(warning) for warning in pdf.get_warnings()):
                _check_pages_are_whole(pages)
                _check_streams_are_whole(pdf, limits)
            units = [_user_unit(page) for page in pages]
            signed = find_signatures(pdf)
            encrypted = pdf.is_encrypted
    except pikepdf.PasswordError:
        raise EncryptedFile(facts["name"]) from None
    except InputRejected as error:
        raise broken(error.detail) if type(error) is DamagedFile else error from None
    except MemoryError:
        raise
    except Exception as error:  # qpdf reports broken files by many types, RecursionError among them
        raise broken(f"{type(error).__name__}: {error}") from None
    sizes = _shown_sizes(data, units, broken)
    return SourceInfo(
        **facts, pages=len(sizes), signed=signed, encrypted_empty_password=encrypted, page_sizes_pt=sizes
    )


@contextmanager
def _strict_qpdf(limits: Limits) -> Iterator[None]:
    """Bounds what qpdf inflates by itself (object and index streams) while a file is looked at; past them the file is
    broken to it. The limits are process-wide, so they are put back: what runs later in this process may need more.
    """
    bound = min(_STREAM_BYTES, limits.decompressed_bytes)
    previous = qpdf_settings.set_qpdf_limits(
        flate_max_memory=bound,
        png_max_memory=bound,
        tiff_max_memory=bound,
        run_length_max_memory=bound,
        doc_max_warnings=4 * limits.pages + 1000,
    )
    try:
        yield
    finally:
        qpdf_settings.set_qpdf_limits(**previous)


def _pages(pdf: pikepdf.Pdf, limits: Limits) -> list[pikepdf.Dictionary]:
    """Leaves of the page tree, walked by hand: qpdf and pdfium trust its shape more than a stranger's file deserves."""
    if "/Collection" in pdf.Root:
        raise DamagedFile("a portfolio: attached files, no pages of its own")
    root = pdf.Root.get("/Pages")
    if not isinstance(root, pikepdf.Dictionary):
        raise DamagedFile("no page tree")
    leaves: list[pikepdf.Dictionary] = []
    seen = {root.objgen}
    waiting = [iter(_kids(root))]
    while waiting:
        node = next(waiting[-1], None)
        if node is None:
            waiting.pop()
            continue
        if not isinstance(node, pikepdf.Dictionary):
            raise DamagedFile(f"page {len(leaves) + 1} is missing")
        if "/Kids" not in node:
            leaves.append(node)
            if len(leaves) > limits.pages:
                raise TooManyPages(f"more than {limits.pages} pages")
            continue
        if node.objgen in seen and node.is_indirect:
            raise DamagedFile("the page tree has a loop")
        seen.add(node.objgen)
        if len(seen) > 4 * limits.pages + 1000:
            raise TooManyPages("the page tree has too many nodes")
        waiting.append(iter(_kids(node)))
    if not leaves:
        raise DamagedFile("no pages")
    return leaves


def _kids(node: pikepdf.Dictionary) -> Iterator[pikepdf.Object]:
    """Children one by one: a list of millions must not become as many Python objects. A missing one is False."""
    kids = node.get("/Kids")
    if not isinstance(kids, pikepdf.Array):
        raise DamagedFile("the page tree is broken")
    for index in range(len(kids)):
        yield kids[index] if kids[index] is not None else False


def _user_unit(page: pikepdf.Dictionary) -> float:
    try:
        unit = float(page.get("/UserUnit", 1))
    except (TypeError, ValueError):
        return 1.0
    return unit if 0.001 <= unit <= 100_000 else 1.0


def _shown_sizes(data: bytes, units: list[float], broken: type[InputRejected]) -> list[tuple[float, float]]:
    """Page sizes as pdfium will draw them; it must see the same pages as qpdf did."""
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        raise broken(str(error)) from None
    try:
        if len(document) != len(units):
            raise broken(f"{len(units)} pages in the tree, {len(document)} can be opened")
        sizes = []
        for index, unit in enumerate(units):
            width, height = document.get_page_size(index)
            if not (0 < width < 1e6 and 0 < height < 1e6):
                raise broken(f"page {index + 1} has no size")
            sizes.append((width * unit, height * unit))
        return sizes
    except pdfium.PdfiumError as error:
        raise broken(str(error)) from None
    finally:
        document.close()


# --- streams ---------------------------------------------------------------------------------------------------------
def _check_streams(pdf: pikepdf.Pdf, limits: Limits) -> None:
    """Bounds of every stream of the file, used or not: what is not drawn today another program may ask for."""
    for thing in pdf.objects:
        if not isinstance(thing, pikepdf.Stream):
            continue
        filters, most = _filters(thing), _most_bytes(thing, limits)
        if not filters:
            continue
        raw = memoryview(thing.get_raw_stream_buffer())
        if _worst_bytes(len(raw), filters) > most:
            _inflate(raw, filters, most)
        if filters == ["/DCTDecode"]:
            size = jpeg_size(bytes(raw))
            if size:  # the picture's own header may tell of more pixels than the PDF does
                bounded(*size, limits)
                if jpeg_ends_early(bytes(raw)):
                    raise TruncatedFile(f"picture {thing.objgen[0]} is cut")


def _check_streams_are_whole(pdf: pikepdf.Pdf, limits: Limits) -> None:
    """After mending: raises DamagedFile when a stream ends before its data does."""
    for thing in pdf.objects:
        if not isinstance(thing, pikepdf.Stream):
            continue
        filters = _filters(thing)
        raw = bytes(thing.get_raw_stream_buffer())
        whole = bool(raw) or not filters
        if filters == ["/DCTDecode"]:
            whole = jpeg_is_whole(raw)
        elif raw and filters:
            whole = _inflate(raw, filters, _most_bytes(thing, limits))
        if not whole:
            raise DamagedFile(f"stream {thing.objgen[0]} is cut")


def _most_bytes(stream: pikepdf.Stream, limits: Limits) -> int:
    """Most that a stream may expand to: twice what a picture's size asks for, a fixed bound for all else."""
    most = _STREAM_BYTES
    if stream.get("/Subtype") == pikepdf.Name.Image:
        width, height, bits = (_number(stream, key) for key in ("/Width", "/Height", "/BitsPerComponent"))
        if width and height:
            bounded(width, height, limits)
        most = 2 * width * height * max(1, bits * 4 // 8) + 1_000_000
    return min(most, limits.decompressed_bytes)


def _worst_bytes(size: int, filters: list[str]) -> int:
    for name in filters:
        size *= {"/FlateDecode": _MOST_INFLATION, "/LZWDecode": _LZW_INFLATION, "/RunLengthDecode": 64}.get(
            name, 1
        )
    return size


def _filters(stream: pikepdf.Stream) -> list[str]:
    names = stream.get("/Filter")
    names = list(names) if isinstance(names, pikepdf.Array) else [names]
    short = {"/Fl": "/FlateDecode", "/LZW": "/LZWDecode", "/RL": "/RunLengthDecode", "/DCT": "/DCTDecode"}
    found = [str(name) for name in names if isinstance(name, pikepdf.Name)]
    if len(found) > 8:
        raise DecompressionBomb(f"{len(found)} filters on one stream")
    return [short.get(name, name) for name in found]


def _number(picture: pikepdf.Stream, key: str) -> int:
    try:
        return max(0, int(picture.get(key, 0)))
    except (TypeError, ValueError):
        return 0


def _inflate(raw: bytes | memoryview, filters: list[str], most: int) -> bool:
    """Follows a stream through its filters, in pieces that go nowhere. Raises DecompressionBomb past `most` bytes.
    False when it ends too early. Picture codecs are left alone: their width and height bound them."""
    stages = []
    for name in filters:
        if name in _TEXT_FILTERS and not stages:
            raw = _from_text(name, bytes(raw))
        elif name in _STAGES and not any(isinstance(stage, _LzwDecode) for stage in stages):
            stages.append(_STAGES[name]())
        elif name in _STAGES or name in _TEXT_FILTERS:
            raise DecompressionBomb(f"filters {' '.join(filters)}")
        else:
            break
    if not stages:
        return True
    total = 0
    for piece in _run(stages, raw):
        total += len(piece)
        if total > most:
            raise DecompressionBomb(f"a stream of {len(raw)} bytes expands past {most}")
    return all(stage.ended for stage in stages)


def _run(stages: list, raw: bytes | memoryview) -> Iterator[bytes]:
    """What comes out of the last stage, piece by piece."""
    pieces: Iterator = (raw[start : start + 65536] for start in range(0, len(raw), 65536))
    for stage in stages:
        pieces = stage.decode(pieces)
    return pieces


class _Inflate:
    """Deflate; ends early, and says so, where the data is broken."""

    def __init__(self) -> None:
        self.ended = False

    def decode(self, pieces: Iterator) -> Iterator[bytes]:
        inflater = zlib.decompressobj()
        for piece in pieces:
            while piece and not inflater.eof:
                try:
                    out = inflater.decompress(piece, 1 << 20)
                except zlib.error:
                    return
                piece = inflater.unconsumed_tail
                if out:
                    yield out
                elif not piece:
                    break
            if inflater.eof:
                self.ended = True
                return


class _RunLengthDecode:
    """ISO 32000-1, 7.4.5. Only the lengths matter."""

    def __init__(self) -> None:
        self.ended = False

    def decode(self, pieces: Iterator) -> Iterator[bytes]:
        held = b""
        for piece in pieces:
            held += bytes(piece)
            out, at = [], 0
            while at < len(held):
                length = held[at]
                if length == 128:
                    self.ended = True
                    break
                step = 2 if length > 128 else length + 2
                if at + step > len(held):
                    break
                out.append(
                    held[at + 1 : at + 2] * (257 - length) if length > 128 else held[at + 1 : at + step]
                )
                at += step
            yield b"".join(out)
            if self.ended:
                return
            held = held[at:]


class _LzwDecode:
    """ISO 32000-1, 7.4.4, early change. Gives as many zero bytes as would come out: enough for the count."""

    def __init__(self) -> None:
        self.ended = False

    def decode(self, pieces: Iterator) -> Iterator[bytes]:
        lengths = [1] * 258
        width, bits, held, last = 9, 0, 0, 0
        for piece in pieces:
            total = 0
            for byte in bytes(piece):
                held = (held << 8 | byte) & 0xFFFFFF
                bits += 8
                if bits < width:
                    continue
                bits -= width
                code = held >> bits & (1 << width) - 1
                if code == 256:
                    lengths, width, last = [1] * 258, 9, 0
                    continue
                if code == 257 or code > len(lengths):
                    self.ended = code == 257
                    yield bytes(total)
                    return
                if last and len(lengths) < 4096:
                    lengths.append(last + 1)
                last = lengths[code] if code < len(lengths) else last + 1
                total += last
                width = 9 + (len(lengths) >= 511) + (len(lengths) >= 1023) + (len(lengths) >= 2047)
                if total > 1 << 24:
                    yield bytes(total)
                    total = 0
            yield bytes(total)


_STAGES = {"/FlateDecode": _Inflate, "/LZWDecode": _LzwDecode, "/RunLengthDecode": _RunLengthDecode}


def _from_text(name: str, raw: bytes) -> bytes:
    """Hexadecimal or base 85 to bytes; what is broken gives nothing. Hardly grows, so it is done at once."""
    text = b"".join(raw.split())
    try:
        if name in ("/ASCIIHexDecode", "/AHx"):
            text = text.partition(b">")[0]
            return bytes.fromhex((text + b"0" * (len(text) % 2)).decode("ascii"))
        return base64.a85decode(text.removeprefix(b"<~").partition(b"~")[0])
    except ValueError:
        return b""


def _check_contents(pages: list[pikepdf.Dictionary], limits: Limits) -> None:
    """A page may name one content stream a thousand times: the sum is what counts (raises DecompressionBomb)."""
    most = min(_STREAM_BYTES, limits.decompressed_bytes)
    for number, page in enumerate(pages, 1):
        contents = page.get("/Contents")
        if not isinstance(contents, pikepdf.Array):
            continue
        total = 0
        sizes: dict[tuple[int, int], int] = {}
        for part in (contents[index] for index in range(len(contents))):
            if not isinstance(part, pikepdf.Stream):
                continue
            if part.objgen not in sizes:
                raw = memoryview(part.get_raw_stream_buffer())
                deflated = "/FlateDecode" in _filters(part)
                sizes[part.objgen] = len(raw)
                if deflated:
                    sizes[part.objgen] = sum(map(len, _Inflate().decode(iter([raw]))))
            total += sizes[part.objgen]
            if total > most:
                raise DecompressionBomb(f"content of page {number}")


def _check_pages_are_whole(pages: list[pikepdf.Dictionary]) -> None:
    """After recovery: content and pictures that a page names must exist (raises DamagedFile)."""
    for number, page in enumerate(pages, 1):
        contents = page.get("/Contents")
        parts = (
            list(contents)
            if isinstance(contents, pikepdf.Array)
            else [contents]
            if "/Contents" in page
            else []
        )
        resources = pikepdf.Page(page).resources if "/Resources" in page else page.get("/Resources")
        pictures = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
        if isinstance(pictures, pikepdf.Dictionary):
            parts += [pictures[name] for name in pictures.keys()]
        if not all(isinstance(part, pikepdf.Stream) for part in parts):
            raise DamagedFile(f"page {number} is not whole")
