"""The quick reader of hexadecimal strings against pyHanko's own; certificates read once."""

from __future__ import annotations

import io
import random
import threading
from importlib.metadata import version

import pytest
from asn1crypto import cms, x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import CMSExtractionError, extract_certificate_info
from signing_fixtures import SETTINGS, prepared_scan, request, signer, timestamper, validation

from schemas.signing import Level, Role
from signing.parsed import MAX_KEPT_BYTES, certificates_in, parsed
from signing.pdf_strings import KNOWN, by_pyhanko, read_hex_string_from_stream
from signing.sign import sign


def test_this_release_of_pyhanko_was_compared():
    """A new release: compare the two readers again (this file), then add it to `KNOWN`."""
    assert version("pyHanko") in KNOWN
    assert generic.read_hex_string_from_stream is read_hex_string_from_stream


def _outcome(read, data: bytes):
    stream = io.BytesIO(data)
    try:
        value = read(stream)
    except PdfError as error:
        return type(error), str(error)
    return type(value), value.original_bytes, stream.tell()


CASES = [
    b"<>", b"<41>", b"<4>x", b"<4 1\n4\t2\x0c\r\x00>endobj", b"<41%a comment > 42\n43>", b"<41", b"<", b"<4g>", b"<41<42>>",
    b"<feff00410111>", b"<FEFF0>", b"<e1bbaf>", b"<41\x0b42>", b"<41\xa042>", b"<\xef\xbb\xbf41>", b"<" + b" " * 70_000 + b"41>",
    b"<" + b"0a" * 20_000 + b">rest", b"<" + b"0A" * 40_000 + b">", b"<" + b"0a" * 40_000, b"<" + b"a" * 65_535 + b">",
    b"<" + b"a" * 254 + b">" + b"b" * 300, b"<" + b"a" * 255 + b">", b"<" + b"a" * 256 + b">",
]  # fmt: skip


@pytest.mark.parametrize("data", CASES, ids=range(len(CASES)))
def test_reads_what_pyhanko_reads(data):
    assert _outcome(read_hex_string_from_stream, data) == _outcome(by_pyhanko, data)


def test_reads_what_pyhanko_reads_of_anything():
    chance = random.Random(3)
    seen = set()
    for _ in range(4000):
        digits = chance.choice((b"0123456789abcdefABCDEF \n", b"0123456789abcdef<>% \r\n\x0b\x00g("))
        size = chance.choice((3, 30, 300))
        body = bytes(chance.choice(digits) for _ in range(chance.randrange(size)))
        data = b"<" + body + chance.choice((b">", b"", b"> endobj"))
        found = _outcome(read_hex_string_from_stream, data)
        assert found == _outcome(by_pyhanko, data), data
        seen.add(found[0])
    assert len(seen) >= 3  # strings, bytes and errors were all among them


@pytest.fixture(scope="module")
def signed_both() -> bytes:
    """A signature and a timestamp over the file."""
    asked = request(Role.SCANNER, Level.B_LTA)
    return sign(
        prepared_scan(), asked, signer(Role.SCANNER), settings=SETTINGS, validation=validation(), timestamper=timestamper()
    ).data  # fmt: skip


def _signed_data(signed: bytes) -> list[cms.SignedData]:
    return [each.signed_data for each in PdfFileReader(io.BytesIO(signed)).embedded_signatures]


def test_certificates_as_pyhanko_finds_them(signed_both):
    for signed_data in _signed_data(signed_both):
        own, others = certificates_in(signed_data)
        wanted = extract_certificate_info(signed_data)
        assert own.dump() == wanted.signer_cert.dump()
        assert [each.dump() for each in others] == [each.dump() for each in wanted.other_certs]


def test_a_signers_certificate_that_is_not_there(signed_both):
    signed_data = _signed_data(signed_both)[0].copy()
    own, others = certificates_in(signed_data)
    signed_data["certificates"] = cms.CertificateSet(
        [cms.CertificateChoices("certificate", each) for each in others]
    )
    with pytest.raises(CMSExtractionError):
        certificates_in(signed_data)


def test_the_serial_number_alone_makes_nobody_the_signer(signed_both):
    """Another issuer's certificate of the same number is not taken."""
    signed_data = _signed_data(signed_both)[0].copy()
    own, others = certificates_in(signed_data)
    look_alike = own.copy()
    look_alike["tbs_certificate"]["issuer"] = x509.Name.build({"common_name": "Nơi cấp khác"})
    signed_data["certificates"] = cms.CertificateSet([cms.CertificateChoices("certificate", look_alike)])
    with pytest.raises(CMSExtractionError):
        certificates_in(signed_data)


def test_equal_bytes_are_read_once_and_by_each_thread_for_itself(signed_both):
    own, _ = certificates_in(_signed_data(signed_both)[0])
    der = own.dump()
    assert parsed(x509.Certificate, bytes(bytearray(der))) is parsed(x509.Certificate, der)
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(parsed(x509.Certificate, der)))
    thread.start()
    thread.join()
    assert elsewhere[0] is not parsed(x509.Certificate, der)
    assert elsewhere[0].dump() == der
    assert len(der) < MAX_KEPT_BYTES


def test_rubbish_is_not_kept():
    for _ in range(2):
        with pytest.raises((ValueError, TypeError)):
            parsed(x509.Certificate, b"\x30\x03rub")
