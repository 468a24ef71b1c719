"""Long hexadecimal strings of PDF files, read in blocks.

A signature is such a string: 16 to 40 kB of digits. pyHanko reads it byte by byte through a generator, and that is a third of
what the verification of a signed file costs. What is read here is what pyHanko would have read: whatever is not plain digits
and white space up to the `>` (a comment, nonsense, the end of the file) is put back and left to pyHanko with its errors.

pyHanko has no seam for its tokens, so one public function of its parser is replaced, and only in the release it was compared
with (`KNOWN`); under any other the verification is right and slow. tests/test_pdf_strings.py holds the two against each other.
"""

from __future__ import annotations

import binascii
from importlib.metadata import version

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PDF_WHITESPACE

KNOWN = ("0.38.0",)
"""Releases of pyHanko whose reader of strings was compared with this one."""
_BLOCKS = (256, 65_536)
"""Most such strings are identifiers of 32 digits; those that are not are signatures."""

by_pyhanko = generic.read_hex_string_from_stream


def read_hex_string_from_stream(stream) -> generic.ByteStringObject | generic.TextStringObject:
    """The string that begins at the `<` where the stream stands; leaves it behind the `>`. Raises PdfStreamError."""
    start = stream.tell()
    read = b""
    for size in _BLOCKS:
        read += stream.read(size)
        end = read.find(b">")
        if end >= 0:
            break
    else:
        end = 0
    digits = read[1:end].translate(None, PDF_WHITESPACE)
    try:
        found = binascii.unhexlify(digits + b"0" * (len(digits) % 2)) if end else None
    except binascii.Error:
        found = None
    if found is None:
        stream.seek(start)
        return by_pyhanko(stream)
    stream.seek(start + end + 1)
    return generic.pdf_string(found)


if version("pyHanko") in KNOWN:
    generic.read_hex_string_from_stream = read_hex_string_from_stream
