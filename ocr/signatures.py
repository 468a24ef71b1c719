"""Notes the signatures a PDF came with, so that nobody rewrites a signed file (DESIGN decision 3). Verifies nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pikepdf

from schemas.source import SignatureNote

_MOST_FIELDS = 10_000
_DEEPEST_BER = 32
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_COMMON_NAME = "2.5.4.3"
_DIGESTS = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.8": "sha3-256",
    "2.16.840.1.101.3.4.2.9": "sha3-384",
    "2.16.840.1.101.3.4.2.10": "sha3-512",
}
_STRINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_PDF_TIME = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:(Z)|([+-])(\d\d)'?(\d\d)?)?")


def find_signatures(pdf: pikepdf.Pdf) -> list[SignatureNote]:
    """Filled signature fields in the order of the form, then those that hang on a page only.

    A field that is broken is noted with what could be read of it: a signed file must never pass for an unsigned one.
    """
    notes: dict[tuple[int, int] | int, SignatureNote] = {}
    for name, field in _fields(pdf):
        value = field.get("/V")
        if not isinstance(value, pikepdf.Dictionary) or "/Contents" not in value:
            continue
        key = value.objgen if value.is_indirect else len(notes) + 1
        if key not in notes:
            notes[key] = _note(name, value)
    return list(notes.values())


def _fields(pdf: pikepdf.Pdf) -> Iterator[tuple[str, pikepdf.Dictionary]]:
    """Signature fields with their full names; bounded, and a cycle is walked once."""
    form = pdf.Root.get("/AcroForm")
    roots = form.get("/Fields") if isinstance(form, pikepdf.Dictionary) else None
    waiting: list[tuple[str, object, object]] = []
    if isinstance(roots, pikepdf.Array):
        waiting = [("", node, None) for node in reversed(list(roots)[:_MOST_FIELDS])]
    # Some signers only hang the widget on a page and forget the form.
    widgets = []
    for page in pdf.pages:
        annotations = page.obj.get("/Annots")
        if isinstance(annotations, pikepdf.Array):
            widgets += [("", node, None) for node in list(annotations)[:_MOST_FIELDS]]
    waiting = widgets[::-1] + waiting
    seen: set[tuple[int, int]] = set()
    for _ in range(_MOST_FIELDS * 4):
        if not waiting:
            return
        prefix, node, inherited = waiting.pop()
        if not isinstance(node, pikepdf.Dictionary) or (node.is_indirect and node.objgen in seen):
            continue
        if node.is_indirect:
            seen.add(node.objgen)
        own = _text(node.get("/T"))
        name = f"{prefix}.{own}" if prefix and own else own or prefix
        kind = node.get("/FT", inherited)
        if kind == pikepdf.Name.Sig:
            yield name, node
        kids = node.get("/Kids")
        if isinstance(kids, pikepdf.Array):
            waiting += [(name, kid, kind) for kid in reversed(list(kids)[:_MOST_FIELDS])]


def _note(name: str, value: pikepdf.Dictionary) -> SignatureNote:
    contents = value.get("/Contents")
    digest, signer = _read_cms(bytes(contents)) if isinstance(contents, pikepdf.String) else ("", "")
    subfilter = value.get("/SubFilter")
    return SignatureNote(
        field=name,
        subfilter=str(subfilter).lstrip("/") if isinstance(subfilter, pikepdf.Name) else "",
        digest=digest,
        signer=signer or _text(value.get("/Name")),
        claimed_time=_iso_time(_text(value.get("/M"))),
    )


def _text(value: object) -> str:
    if not isinstance(value, pikepdf.String):
        return ""
    try:
        return unicodedata.normalize("NFC", str(value)).strip("\0 ")
    except UnicodeError:
        return bytes(value).decode("latin-1").strip("\0 ")


def _iso_time(value: str) -> str | None:
    """ISO 8601 of a PDF date (ISO 32000-1, 7.9.4)."""
    found = _PDF_TIME.match(value)
    if not found:
        return None
    year, month, day, hour, minute, second = (
        int(part or least) for part, least in zip(found.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
    )
    zulu, sign, zone_hours, zone_minutes = found.groups()[6:]
    try:
        zone = None
        if zulu:
            zone = UTC
        elif sign:
            offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes or 0))
            zone = timezone(-offset if sign == "-" else offset)
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).isoformat()
    except ValueError:
        return None


# --- CMS (RFC 5652), only as far as the name of the signer ------------------------------------------------------------
class _NotDer(ValueError):
    pass


def _element(data: bytes, at: int, depth: int = 0) -> tuple[int, int, int, int]:
    """Tag, start and end of the content, start of the next element. BER with indefinite length is understood too."""
    try:
        tag, length = data[at], data[at + 1]
    except IndexError:
        raise _NotDer from None
    start = at + 2
    if length == 0x80:
        if depth > _DEEPEST_BER:
            raise _NotDer
        inner = start
        while data[inner : inner + 2] != b"\0\0":
            inner = _element(data, inner, depth + 1)[3]
        return tag, start, inner, inner + 2
    if length > 0x80:
        count = length & 0x7F
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise _NotDer
    return tag, start, start + length, start + length


def _children(data: bytes, start: int, end: int) -> list[tuple[int, int, int, int]]:
    """Tag, start and end of the content, and where the element itself starts."""
    found = []
    while start < end:
        tag, inner, stop, after = _element(data, start)
        found.append((tag, inner, stop, start))
        start = after
    return found


def _oid(raw: bytes) -> str:
    if not raw:
        raise _NotDer
    numbers = [min(raw[0] // 40, 2), raw[0] - 40 * min(raw[0] // 40, 2)]
    value = 0
    for byte in raw[1:]:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    return ".".join(map(str, numbers))


def _read_cms(data: bytes) -> tuple[str, str]:
    """Digest algorithm and common name of the first signer; what cannot be read is empty."""
    try:
        return _first_signer(data)
    except (ValueError, IndexError):
        return "", ""


def _first_signer(data: bytes) -> tuple[str, str]:
    _, start, end, _ = _element(data, 0)
    content_type, wrapped = _children(data, start, end)[:2]
    if _oid(data[content_type[1] : content_type[2]]) != _SIGNED_DATA:
        raise _NotDer
    signed_data = _children(data, wrapped[1], wrapped[2])[0]
    parts = _children(data, signed_data[1], signed_data[2])
    signers = _children(data, *parts[-1][1:3])
    _, identifier, algorithm = _children(data, *signers[0][1:3])[:3]
    algorithm_oid = _children(data, *algorithm[1:3])[0]
    digest = _oid(data[algorithm_oid[1] : algorithm_oid[2]])
    certificates = [part for part in parts[3:-1] if part[0] == 0xA0]
    signer = ""
    if certificates:
        signer = _signer_name(data, _children(data, *certificates[0][1:3]), identifier)
    return _DIGESTS.get(digest, digest), signer


def _signer_name(
    data: bytes, certificates: list[tuple[int, int, int, int]], identifier: tuple[int, int, int, int]
) -> str:
    """Common name of the certificate that the signer points at by issuer and serial; of the only one otherwise."""
    wanted = (
        [data[start:stop] for _, start, stop, _ in _children(data, *identifier[1:3])]
        if identifier[0] == 0x30
        else []
    )
    names = []
    for certificate in certificates:
        body = _children(data, *certificate[1:3])[0]
        parts = _children(data, *body[1:3])
        parts = parts[1:] if parts[0][0] == 0xA0 else parts  # the version is optional
        serial, _, issuer, _, subject = parts[:5]
        name = _common_name(data, subject)
        if wanted == [data[issuer[1] : issuer[2]], data[serial[1] : serial[2]]]:
            return name
        names.append(name)
    return names[0] if len(names) == 1 else ""


def _common_name(data: bytes, subject: tuple[int, int, int, int]) -> str:
    for relative in _children(data, *subject[1:3]):
        for pair in _children(data, *relative[1:3]):
            kind, value = _children(data, *pair[1:3])[:2]
            if _oid(data[kind[1] : kind[2]]) == _COMMON_NAME:
                raw = data[value[1] : value[2]]
                text = raw.decode(_STRINGS.get(value[0], "utf-8"), "replace")
                return unicodedata.normalize("NFC", text).strip()
    return ""
