"""What stands in the file around its signatures: which there are, which there were, what the signed range leaves out,
what was appended, what can show itself differently in different places.

The known tricks on signed PDFs are tricks on exactly this: signature wrapping (a ByteRange that leaves more out than the
signature), universal forgery (parts missing or null), appended bytes that only some readers see
(Mladenov et al., "1 Trillion Dollar Refund", CCS 2019; Mainka et al., "Shadow Attacks", NDSS 2021).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

from asn1crypto import x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefSectionType
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import CMSStructuralError
from pyhanko.sign.validation import EmbeddedPdfSignature

import signing.pdf_strings  # noqa: F401  its import makes pyHanko read long strings in blocks
from schemas.errors import (
    DamagedFile,
    DecompressionBomb,
    EncryptedFile,
    SohoaError,
    TooLarge,
    UnsupportedFile,
)
from signing.parsed import certificates_in

MAX_SIGNATURES = 100
MAX_REVISIONS = 300
MAX_NODES = 200_000
"""Objects looked at while searching a file for content that runs; a file with more is not called valid."""
_WHITE = b"\x00\t\n\x0c\r "
_HEX = re.compile(rb"<[0-9A-Fa-f\s]*>")
_HEAD = re.compile(rb"(?<![\w.])\d{1,10}[ \t\r\n]+\d{1,5}[ \t\r\n]+\Z")
BROKEN = (
    PdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, RecursionError, ArithmeticError,
)  # fmt: skip
"""What parsers of PDF and ASN.1 raise on hostile input, translated here and nowhere shown."""


def value_of(dictionary: generic.DictionaryObject, key: str, default=None):
    """A value with its reference followed; pyHanko's own `get` follows none, and a forger likes that."""
    return dictionary[key] if key in dictionary else default


def open_pdf(data: bytes) -> PdfFileReader:
    """A reader, decrypted where an empty password opens the file.

    Raises UnsupportedFile, EncryptedFile, DecompressionBomb, DamagedFile."""
    if b"%PDF-" not in data[:1024]:
        raise UnsupportedFile("no PDF header")
    try:
        # Strict mode refuses small sins of real scanners and signers; what they allow is looked at here one by one.
        reader = PdfFileReader(BytesIO(data), strict=False)
        if reader.encrypted and reader.decrypt(b"").status.name == "FAILED":
            raise EncryptedFile
        _ = reader.root["/Pages"]
        return reader
    except SohoaError:
        raise
    except (MemoryError, OverflowError) as error:
        raise DecompressionBomb(type(error).__name__) from error
    except BROKEN as error:
        kind = DecompressionBomb if "DecodeLimit" in type(error).__name__ else DamagedFile
        raise kind(type(error).__name__) from error
    except (OSError, NotImplementedError) as error:
        raise DamagedFile(type(error).__name__) from error


@dataclass(frozen=True)
class FoundSignature:
    """A signature field with something in it."""

    field: str
    signature: EmbeddedPdfSignature | None
    """None: it cannot be read."""
    problem: str = ""
    """Code of `signing.verdict`; empty: none so far."""

    @cached_property
    def certificates(self) -> tuple[x509.Certificate, list[x509.Certificate]]:
        """The signer's and the others in the signature. Raises ValueError when the signer's is not there."""
        return certificates_in(self.signature.signed_data)

    @property
    def certificate(self) -> x509.Certificate:
        return self.certificates[0]

    @property
    def is_timestamp(self) -> bool:
        """By what it calls itself: what it then is not, it is judged for."""
        if self.signature is None:
            return False
        dictionary = self.signature.sig_object
        return (
            value_of(dictionary, "/Type") == "/DocTimeStamp"
            or value_of(dictionary, "/SubFilter") == "/ETSI.RFC3161"
        )


def find_signatures(reader: PdfFileReader) -> list[FoundSignature]:
    """All filled signature fields of the newest revision, the oldest signature first. What cannot be read is in the
    list too: a signature must not vanish because it was broken, nor because the one before it was.

    Raises TooLarge when there are more than any honest file has."""
    found: list[FoundSignature] = []
    fields = enumerate_sig_fields(reader, filled_status=True)
    while True:
        try:
            name, value, field = next(fields)
        except StopIteration:
            break
        except BROKEN:
            found.append(FoundSignature("", None, "format_failure"))
            break
        if len(found) == MAX_SIGNATURES:
            raise TooLarge(f"more than {MAX_SIGNATURES} signatures")
        found.append(_read(reader, str(name), value, field))
    return sorted(found, key=lambda each: each.signature.signed_revision if each.signature else -1)


def _read(reader: PdfFileReader, name: str, value, field) -> FoundSignature:
    try:
        dictionary = value.get_object()
        if not isinstance(dictionary, generic.DictionaryObject):
            return FoundSignature(name, None, "format_failure")
        if value_of(dictionary, "/SubFilter") not in (
            "/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/ETSI.RFC3161",
        ):  # fmt: skip
            known = isinstance(value_of(dictionary, "/SubFilter"), str) and "/ByteRange" in dictionary
            return FoundSignature(name, None, "sig_constraints_failure" if known else "format_failure")
        signature = EmbeddedPdfSignature(reader, field, name)
        _ = signature.signer_info["signature"].native, signature.md_algorithm, signature.signed_revision
        return FoundSignature(name, signature)
    except (*BROKEN, NotImplementedError, CMSStructuralError):
        return FoundSignature(name, None, "format_failure")


def range_problem(signature: EmbeddedPdfSignature, data: bytes) -> bool:
    """True unless the signed range is everything from the first byte on but for the signature itself: two pieces, the
    gap exactly the hexadecimal string that was parsed as /Contents, nothing but zeros after the signature in it."""
    try:
        numbers = [int(number) for number in signature.byte_range]
    except BROKEN:
        return True
    if len(numbers) != 4:
        return True
    start, length, second, rest = numbers
    if start != 0 or length <= 0 or rest <= 0 or second <= length or second + rest > len(data):
        return True
    gap = data[length:second]
    if not _HEX.fullmatch(gap):
        return True
    digits = b"".join(gap[1:-1].split())
    raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
    if raw != bytes(signature.pkcs7_content):
        return True
    used = len(signature.signed_data.dump())
    inner = raw.find(b"\x30")
    total = _der_length(raw)
    return inner != 0 or (total is not None and (total < used or any(raw[total:])))


def _der_length(raw: bytes) -> int | None:
    """Bytes of the first DER value; None: of indefinite length."""
    if len(raw) < 2:
        return 0
    first = raw[1]
    if first == 0x80:
        return None
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    return 2 + count + int.from_bytes(raw[2 : 2 + count], "big")


def covered_until(signature: EmbeddedPdfSignature) -> int:
    return int(signature.byte_range[2]) + int(signature.byte_range[3])


def unexplained_bytes(reader: PdfFileReader, data: bytes, covered: int) -> bool:
    """True when what follows the last signature is not made of revisions that the reader knows: objects listed in no
    cross-reference section, or bytes after the end of the last revision. Readers that repair files would show them."""
    tail = data[covered:]
    if not tail.strip(_WHITE):
        return False
    end = data.rfind(b"%%EOF")
    if end < covered or data[end + 5 :].strip(_WHITE):
        return True
    try:
        last = reader.xrefs.get_startxref_for_revision(reader.xrefs.total_revisions - 1)
    except BROKEN:
        return True
    # A newest revision inside what was signed: the tail belongs to none.
    return last < covered or unlisted_objects(reader, data, covered, len(data))


def unlisted_objects(reader: PdfFileReader, data: bytes, start: int, stop: int) -> bool:
    """True when an object stands between two places that no table of any revision lists. Inside what was signed it is
    material for a later trick ("hide and replace"); behind it, it is the trick."""
    try:
        offsets = set()
        for revision in range(reader.xrefs.total_revisions):
            offsets.add(reader.xrefs.get_xref_container_info(revision).start_location)
            for ref in reader.xrefs.explicit_refs_in_revision(revision):
                place = reader.xrefs.get_historical_ref(ref, revision)
                if isinstance(place, int):
                    offsets.add(place)
    except BROKEN:
        return True
    unknown = [at for at in _object_heads(data, start, stop) if at not in offsets]
    if not unknown:
        return False
    streams = _stream_spans(data[start:stop], start)
    starts = [first for first, _ in streams]
    for at in unknown:
        nearest = bisect_right(starts, at) - 1
        if nearest < 0 or at >= streams[nearest][1]:
            return True
    return False


def _object_heads(data: bytes, start: int, stop: int) -> Iterator[int]:
    """Places of everything that looks like `12 0 obj`. A search for the word first: over megabytes of picture data it is
    fifty times quicker than the whole expression."""
    at = data.find(b"obj", start, stop)
    while at >= 0:
        before = _HEAD.search(data, max(start, at - 24), at)
        if before:
            yield before.start()
        at = data.find(b"obj", at + 3, stop)


def _stream_spans(tail: bytes, base: int) -> list[tuple[int, int]]:
    """Where stream data lies: bytes in there may look like anything."""
    spans = []
    at = 0
    while (start := tail.find(b"stream", at)) >= 0:
        stop = tail.find(b"endstream", start)
        if stop < 0:
            break
        spans.append((base + start, base + stop))
        at = stop + 9
    return spans


def hybrid_after(reader: PdfFileReader, revision: int) -> bool:
    """True when a revision after the given one has two tables of objects, of which old and new readers each see
    another. Word writes its first revision so, under the first signature; nothing honest appends one."""
    return any(
        reader.xrefs.get_xref_container_info(later).xref_section_type is XRefSectionType.HYBRID_MAIN
        for later in range(revision + 1, reader.xrefs.total_revisions)
    )


def removed_signatures(reader: PdfFileReader, present: list[FoundSignature]) -> list[str]:
    """Names of fields that were signed in an earlier revision and are not, or otherwise, signed now."""
    now = {each.field: _contents(each.signature) for each in present}
    gone: list[str] = []
    for revision in range(min(reader.xrefs.total_revisions - 1, MAX_REVISIONS)):
        try:
            for name, value, _ in enumerate_sig_fields(
                reader.get_historical_resolver(revision), filled_status=True
            ):
                contents = value_of(value.get_object(), "/Contents")
                if contents is None or not getattr(contents, "original_bytes", b"").strip(b"\0"):
                    continue
                name = str(name)
                if now.get(name, b"") != contents.original_bytes and name not in gone:
                    gone.append(name)
        except BROKEN:
            continue
    return gone


def _contents(signature: EmbeddedPdfSignature | None) -> bytes:
    return bytes(signature.pkcs7_content) if signature is not None else b""


# --- content that is not the same everywhere ------------------------------------------------------------------------
_RUNS = {"/JavaScript", "/Launch", "/ImportData", "/RichMediaExecute", "/GoToE", "/Rendition"}


@dataclass(frozen=True)
class Restless:
    """What a file holds that may look or behave differently from one reader to the next."""

    runs: bool
    """Scripts, programs, forms of another kind, content outside the file."""
    hidden: bool
    """Layers that are off, annotations that are not shown."""
    whole: bool = True
    """All of the file was looked at."""


def restless_content(reader: PdfFileReader) -> Restless:
    """Walks the document. What cannot be read is counted as running: nobody knows what it does."""
    runs = hidden = False
    try:
        root = reader.root
        properties = value_of(root, "/OCProperties")
        if isinstance(properties, generic.DictionaryObject):
            default = value_of(properties, "/D")
            hidden = bool(isinstance(default, generic.DictionaryObject) and value_of(default, "/OFF"))
        form = value_of(root, "/AcroForm")
        runs = isinstance(form, generic.DictionaryObject) and "/XFA" in form
        seen: set = set()
        waiting: list = [root]
        while waiting and len(seen) < MAX_NODES and not runs:
            node = waiting.pop()
            if isinstance(node, generic.IndirectObject):
                if node.reference in seen:
                    continue
                seen.add(node.reference)
                node = node.get_object()
            if isinstance(node, generic.DictionaryObject):
                runs = _runs(node)
                hidden = hidden or _hidden(node)
                waiting += [node.raw_get(key) for key in node if key not in ("/Parent", "/P", "/Contents")]
            elif isinstance(node, generic.ArrayObject):
                waiting += [node.raw_get(at) for at in range(len(node))][:MAX_NODES]
    except BROKEN:
        return Restless(True, hidden)
    return Restless(runs, hidden, whole=runs or not waiting)


def _runs(node: generic.DictionaryObject) -> bool:
    if value_of(node, "/S") in _RUNS or "/JS" in node:
        return True
    return isinstance(node, generic.StreamObject) and "/F" in node  # the data lies in another file


def _hidden(node: generic.DictionaryObject) -> bool:
    if value_of(node, "/Subtype") in (None, "/Widget", "/Popup", "/Link") or "/Rect" not in node:
        return False
    flags = value_of(node, "/F", 0)
    return isinstance(flags, int) and bool(flags & 0b100010)  # Hidden, NoView
