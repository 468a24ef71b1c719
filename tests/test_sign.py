"""Signing as a whole: levels, two signatures, PDF/A kept, and what other programs say about the files."""

from __future__ import annotations

import asyncio
import hashlib
import io
import re
import subprocess

import pdfplumber
import pikepdf
import pypdfium2
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from signing_fixtures import (
    AGENCY,
    CAPTURED,
    PEOPLE,
    QR,
    SETTINGS,
    judged,
    pki,
    prepared,
    prepared_scan,
    request,
    scanned,
    signer,
    timestamper,
    validation,
)

from ocr.pdfa_check import check_pdfa2b
from schemas.errors import DamagedFile, OutputInvalid
from schemas.signing import FIELD_NAMES, Level, Role, SigningSettings
from schemas.signing_errors import (
    DemoKeyRefused,
    DemoMarkMissing,
    FieldNotReady,
    LevelNotReached,
    SignedAlready,
    TimestampUnavailable,
)
from signing.demo_pki import DemoPki
from signing.sign import Signed, all_paths, sign, sign_file
from signing.sign_checks import run
from signing.sign_prepare import Conversion, prepare_file

CLERK, OFFICE = FIELD_NAMES[Role.SCANNER], FIELD_NAMES[Role.AGENCY]


def signed_by(role: Role, pdf: bytes, level: Level = Level.B_B, **changes) -> Signed:
    return sign(
        pdf, request(role, level, **changes), signer(role),
        settings=SETTINGS, validation=validation(role), timestamper=timestamper(),
    )  # fmt: skip


@pytest.fixture(scope="module", params=list(Level), ids=str)
def both(request) -> tuple[Level, Signed, Signed]:
    """A file signed by the clerk, then by the agency, at each level."""
    first = signed_by(Role.SCANNER, prepared_scan(), request.param)
    return request.param, first, signed_by(Role.AGENCY, first.data, request.param)


def test_both_signatures_are_valid_at_the_end(both):
    _, _, last = both
    for field in (CLERK, OFFICE):
        status = judged(last.data, field)
        assert status.bottom_line, (field, status.pretty_print_details())
        assert status.intact and status.valid and status.trusted
    first = judged(last.data, CLERK)
    assert first.modification_level in (ModificationLevel.FORM_FILLING, ModificationLevel.LTA_UPDATES)
    assert first.docmdp_ok


def test_the_first_signature_certifies_that_only_signatures_may_follow(both):
    _, first, last = both
    for data in (first.data, last.data):
        reader = PdfFileReader(io.BytesIO(data))
        assert reader.root["/Perms"]["/DocMDP"] == reader.embedded_signatures[0].sig_object
        assert reader.embedded_signatures[0].docmdp_level is MDPPerm.FILL_FORMS
    assert PdfFileReader(io.BytesIO(last.data)).embedded_regular_signatures[1].docmdp_level is None


def test_signing_only_adds(both):
    _, first, last = both
    assert first.data.startswith(prepared_scan())
    assert last.data.startswith(first.data)
    assert prepared_scan().startswith(scanned())


def test_evidence_tells_what_was_done(both):
    level, first, last = both
    evidence = last.evidence
    assert evidence.level_wanted is evidence.level_reached is level
    assert evidence.sha256_before == hashlib.sha256(first.data).hexdigest() == first.evidence.sha256_after
    assert evidence.sha256_after == hashlib.sha256(last.data).hexdigest()
    assert evidence.bytes_after == len(last.data)
    assert (evidence.timestamp_at is not None) == level.reaches(Level.B_T)
    assert evidence.signer == evidence.agency == AGENCY
    assert evidence.signed_at.utcoffset().total_seconds() == 7 * 3600
    assert evidence.delegation == "12/QĐ-UBND"
    assert evidence.demo


def test_pdfa_is_kept(both):
    _, first, last = both
    for data in (prepared_scan(), first.data, last.data):
        assert check_pdfa2b(data) == []


def test_pdfsig_finds_every_signature_valid(both, tmp_path):
    level, _, last = both
    path = tmp_path / "signed.pdf"
    path.write_bytes(last.data)
    out = subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True).stdout
    parts = re.split(r"^Signature #\d+:", out, flags=re.MULTILINE)[1:]
    ours = [part for part in parts if "ETSI.CAdES.detached" in part]
    assert len(ours) == 2
    assert all("Signature is Valid." in part for part in ours)
    if level is not Level.B_LT:  # there the validation data comes after the signature
        last_ranges = [part for part in parts if "Total document signed" in part]
        assert len(last_ranges) == 1


def test_qpdf_finds_nothing(both):
    """pikepdf's check is qpdf's own."""
    with pikepdf.open(io.BytesIO(both[2].data)) as pdf:
        assert pdf.check_pdf_syntax() == []


def test_openssl_verifies_the_signature_and_its_timestamp(both, tmp_path):
    level, _, last = both
    reader = PdfFileReader(io.BytesIO(last.data))
    for found in reader.embedded_regular_signatures:
        start, length, again, rest = (int(number) for number in found.byte_range)
        content = last.data[start : start + length] + last.data[again : again + rest]
        (tmp_path / "content").write_bytes(content)
        (tmp_path / "cms").write_bytes(found.pkcs7_content)
        done = subprocess.run(
            ["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", str(tmp_path / "cms"),
             "-content", str(tmp_path / "content"), "-CAfile", str(pki().folder / "root.pem"),
             "-purpose", "any", "-out", str(tmp_path / "out")],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        if not level.reaches(Level.B_T):
            continue
        (token,) = [
            attribute["values"][0]
            for attribute in found.signer_info["unsigned_attrs"]
            if attribute["type"].native == "signature_time_stamp_token"
        ]
        (tmp_path / "token").write_bytes(token.dump())
        (tmp_path / "value").write_bytes(found.signer_info["signature"].native)
        done = subprocess.run(
            ["openssl", "ts", "-verify", "-token_in", "-in", str(tmp_path / "token"),
             "-data", str(tmp_path / "value"), "-CAfile", str(pki().folder / "root.pem"),
             "-untrusted", str(pki().folder / "ca.pem")],
            capture_output=True, text=True,
        )  # fmt: skip
        assert "Verification: OK" in done.stdout + done.stderr


def test_text_and_scan_are_the_same_before_and_after(both):
    with (
        pdfplumber.open(io.BytesIO(prepared_scan())) as before,
        pdfplumber.open(io.BytesIO(both[2].data)) as after,
    ):
        assert before.pages[0].extract_text() == after.pages[0].extract_text()
        assert (before.pages[0].width, before.pages[0].height) == (
            after.pages[0].width,
            after.pages[0].height,
        )
    pictures = []
    for data in (scanned(), both[2].data):
        with pikepdf.open(io.BytesIO(data)) as pdf:
            pictures.append([image.read_raw_bytes() for image in pdf.pages[0].get_images().values()])
    assert pictures[0] and pictures[0][0] in pictures[1]


def test_long_term_levels_need_nothing_from_outside(both):
    """With what stands in the file alone, and the root, the path holds and revocation is known."""
    level, _, last = both
    reader = PdfFileReader(io.BytesIO(last.data))
    if not level.reaches(Level.B_LT):
        assert "/DSS" not in reader.root
        return
    store = DocumentSecurityStore.read_dss(reader)
    context = store.as_validation_context({"trust_roots": [pki().root], "revocation_mode": "require"})
    for found in reader.embedded_regular_signatures:
        validator = CertificateValidator(
            found.signer_cert, intermediate_certs=list(store.load_certs()), validation_context=context
        )
        assert run(validator.async_validate_usage(set()))


def test_claimed_time_is_local():
    done = signed_by(Role.SCANNER, prepared_scan())
    written = str(PdfFileReader(io.BytesIO(done.data)).embedded_signatures[0].sig_object["/M"])
    assert written == done.evidence.signed_at.strftime("D:%Y%m%d%H%M%S+07'00'")


# --- refusals --------------------------------------------------------------------------------------------------------
def test_a_field_is_signed_once():
    first = signed_by(Role.SCANNER, prepared_scan())
    with pytest.raises(FieldNotReady):
        signed_by(Role.SCANNER, first.data)


def test_a_file_without_fields_is_not_signed():
    with pytest.raises((FieldNotReady, DemoMarkMissing)):
        signed_by(Role.SCANNER, scanned())


def test_test_keys_sign_only_marked_files():
    with pytest.raises(DemoMarkMissing):
        signed_by(Role.SCANNER, prepared(demo=False).data)


def test_a_signed_file_is_not_prepared():
    first = signed_by(Role.SCANNER, prepared_scan())
    with pytest.raises(SignedAlready):
        prepared(first.data)


def test_a_file_is_prepared_once():
    with pytest.raises(FieldNotReady):
        prepared(prepared_scan())


def test_rubbish_is_not_prepared():
    with pytest.raises(DamagedFile):
        prepared(b"%PDF-1.7 nothing here")


def test_no_timestamp_authority_is_an_error_not_a_note():
    with pytest.raises(LevelNotReached):
        sign(
            prepared_scan(), request(Role.SCANNER, Level.B_T), signer(Role.SCANNER),
            settings=SETTINGS, validation=validation(),
        )  # fmt: skip


def test_an_untrusted_timestamp_authority_is_an_error(tmp_path):
    stranger = DemoPki.open(tmp_path / "other").timestamper()
    with pytest.raises(LevelNotReached):
        sign(
            prepared_scan(), request(Role.SCANNER, Level.B_T), signer(Role.SCANNER),
            settings=SETTINGS, validation=validation(), timestamper=stranger,
        )  # fmt: skip


def failing_stamper():
    """The authority answers the first time and then no more."""
    stamper = pki().timestamper()
    ask, asked = stamper.request_tsa_response, []

    def answer(req):
        asked.append(req)
        if len(asked) > 1:
            raise TimestampUnavailable("gone")
        return ask(req)

    stamper.request_tsa_response = answer
    return stamper


def test_a_timestamp_that_fails_midway_leaves_the_file_alone(tmp_path):
    path = tmp_path / "record.pdf"
    path.write_bytes(prepared_scan())
    with pytest.raises(TimestampUnavailable):
        sign_file(
            path, path, request(Role.SCANNER, Level.B_LTA), signer(Role.SCANNER),
            settings=SETTINGS, validation=validation(), timestamper=failing_stamper(),
        )  # fmt: skip
    assert path.read_bytes() == prepared_scan()
    assert [entry.name for entry in tmp_path.iterdir()] == ["record.pdf"]


def test_missing_revocation_data_is_not_b_lt():
    """The path is trusted, but nothing says that the certificate is not revoked."""
    bare = ValidationContext(
        trust_roots=[pki().root], other_certs=[pki().ca], allow_fetching=False, revocation_mode="soft-fail"
    )
    with pytest.raises(LevelNotReached, match="reached B-T"):
        sign(
            prepared_scan(), request(Role.SCANNER, Level.B_LT), signer(Role.SCANNER),
            settings=SETTINGS, validation=bare, timestamper=timestamper(),
        )  # fmt: skip


def test_a_device_that_signs_something_else_is_found_out(tmp_path):
    class Broken:
        kind, certificate, chain = (
            getattr(signer(Role.SCANNER), name) for name in ("kind", "certificate", "chain")
        )

        def sign_digests(self, digests):
            return signer(Role.AGENCY).sign_digests(digests)

    path = tmp_path / "record.pdf"
    path.write_bytes(prepared_scan())
    with pytest.raises(OutputInvalid):
        sign_file(path, path, request(Role.SCANNER), Broken(), settings=SETTINGS, validation=validation())
    assert path.read_bytes() == prepared_scan()


def test_production_refuses_a_test_timestamp_authority():
    with pytest.raises(DemoKeyRefused):
        run(all_paths(None, timestamper(), validation(), SigningSettings(production=True)))


def test_prepared_on_files_as_in_memory(tmp_path):
    (tmp_path / "scan.pdf").write_bytes(scanned())
    conversion = Conversion(CAPTURED, PEOPLE[Role.SCANNER], AGENCY)
    wanted = [request(Role.SCANNER), request(Role.AGENCY)]
    placed = prepare_file(
        tmp_path / "scan.pdf",
        tmp_path / "ready.pdf",
        wanted,
        settings=SETTINGS,
        conversion=conversion,
        qr=QR,
        demo=True,
    )
    assert placed.places == prepared().places
    data = (tmp_path / "ready.pdf").read_bytes()
    assert signed_by(Role.SCANNER, data).evidence.level_reached is Level.B_B
    with pytest.raises(FieldNotReady):
        prepare_file(
            tmp_path / "ready.pdf",
            tmp_path / "ready.pdf",
            wanted,
            settings=SETTINGS,
            conversion=conversion,
            demo=True,
        )
    assert (tmp_path / "ready.pdf").read_bytes() == data


def test_on_files_and_inside_a_running_loop(tmp_path):
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    source.write_bytes(prepared_scan())

    async def as_a_server_would():
        return sign_file(
            source, target, request(Role.SCANNER, Level.B_T), signer(Role.SCANNER),
            settings=SETTINGS, validation=validation(), timestamper=timestamper(),
        )  # fmt: skip

    evidence = asyncio.run(as_a_server_would())
    assert hashlib.sha256(target.read_bytes()).hexdigest() == evidence.sha256_after
    assert judged(target.read_bytes(), CLERK).bottom_line
    assert source.read_bytes() == prepared_scan()


def test_three_roles_on_one_file():
    """A certified copy: who certifies and the agency; here with the clerk before them."""
    data = prepared(None, Role.SCANNER, Role.CERTIFIER, Role.AGENCY).data
    for role in (Role.SCANNER, Role.CERTIFIER, Role.AGENCY):
        data = signed_by(role, data).data
    for role in Role:
        assert judged(data, FIELD_NAMES[role]).bottom_line
    assert (
        PEOPLE[Role.CERTIFIER]
        in judged(data, FIELD_NAMES[Role.CERTIFIER]).signing_cert.subject.human_friendly
    )


def test_pages_still_open_in_another_reader(both):
    document = pypdfium2.PdfDocument(both[2].data)
    assert len(document) == 1
