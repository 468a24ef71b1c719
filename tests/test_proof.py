"""Files signed here, held against programs that know nothing of us: poppler, OpenSSL, qpdf, pdfplumber."""

from __future__ import annotations

import functools
import io
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pdfplumber
import pytest
from asn1crypto import cms
from pyhanko.pdf_utils.reader import PdfFileReader
from signing_fixtures import (
    SETTINGS,
    pki,
    prepared_scan,
    request,
    scanned,
    signer,
    timestamper,
    validation,
)

from ocr.pdfa_check import check_pdfa2b
from schemas.signing import FIELD_NAMES, Level, Role
from signing.renew import renew
from signing.sign import sign
from signing.verify_timestamp import tokens_of

CLERK, OFFICE = FIELD_NAMES[Role.SCANNER], FIELD_NAMES[Role.AGENCY]


def needs(program: str):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def signed(role: Role, pdf: bytes, level: Level) -> bytes:
    return sign(
        pdf, request(role, level), signer(role), settings=SETTINGS, validation=validation(role), timestamper=timestamper()
    ).data  # fmt: skip


@functools.cache
def steps() -> dict[str, bytes]:
    """Every file that comes into being on the way, by what was done last."""
    base = signed(Role.SCANNER, prepared_scan(), Level.B_B)
    first = signed(Role.SCANNER, prepared_scan(), Level.B_LTA)
    both = signed(Role.AGENCY, first, Level.B_LTA)
    return {
        "one B-B": base,
        "two B-B": signed(Role.AGENCY, base, Level.B_B),
        "one B-LTA": first,
        "two B-LTA": both,
        "two B-LTA, renewed": renew(both, pki().validation_context(), timestamper()),
    }


STEPS = ("one B-B", "two B-B", "one B-LTA", "two B-LTA", "two B-LTA, renewed")
AFTER_THE_SECOND = ("two B-B", "two B-LTA", "two B-LTA, renewed")


def flipped(data: bytes) -> bytes:
    """One bit of the scan changed."""
    return data[:3000] + bytes([data[3000] ^ 1]) + data[3001:]


# --- poppler ---------------------------------------------------------------------------------------------------------
def poppler(data: bytes, folder: Path) -> list[tuple[str, str, bool]]:
    """(field, what pdfsig says of it, whether it covers the whole file) in the order of pdfsig."""
    path = folder / "signed.pdf"
    path.write_bytes(data)
    said = subprocess.run(["pdfsig", "-nocert", path], capture_output=True, text=True).stdout
    found = []
    for block in said.split("Signature #")[1:]:
        field, said_of_it = re.search(r"Field Name: (.*)", block), re.search(r"Validation: (.*)", block)
        if said_of_it:  # a field that still waits for its signature has no such line
            found.append((field[1], said_of_it[1], "- Total document signed" in block))
    return found


@needs("pdfsig")
@pytest.mark.parametrize("step", STEPS)
def test_poppler_finds_every_signature_valid_and_the_last_over_everything(step, tmp_path):
    found = poppler(steps()[step], tmp_path)
    ours = {field: said for field, said, _ in found if not field.startswith("Timestamp-")}
    expected = [CLERK, OFFICE] if step in AFTER_THE_SECOND else [CLERK]
    assert ours == dict.fromkeys(expected, "Signature is Valid.")
    whole = [field for field, _, everything in found if everything]
    assert len(whole) == 1
    # With B-LTA that is the timestamp over the file, which this program lists and cannot check: OpenSSL does, below.
    assert whole[0].startswith("Timestamp-") if "LTA" in step else whole == expected[-1:]
    assert sum(field.startswith("Timestamp-") for field, *_ in found) == {"one B-LTA": 1, "two B-LTA": 2}.get(
        step, 3 if "renewed" in step else 0
    )


@needs("pdfsig")
def test_poppler_would_have_noticed(tmp_path):
    assert [said for _, said, _ in poppler(flipped(steps()["two B-B"]), tmp_path)] == ["Digest Mismatch."] * 2
    assert not any(everything for *_, everything in poppler(steps()["two B-B"] + b"\n%%EOF more", tmp_path))


# --- OpenSSL ---------------------------------------------------------------------------------------------------------
def openssl(folder: Path, *arguments: str, **files: bytes) -> tuple[bool, str]:
    """Runs it with files given as bytes; arguments name them with @."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    line = [str(folder / word[1:]) if word.startswith("@") else word for word in arguments]
    done = subprocess.run(["openssl", *line], capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def covered(data: bytes, byte_range) -> bytes:
    start, length, again, rest = (int(number) for number in byte_range)
    return data[start : start + length] + data[again : again + rest]


def by_openssl(data: bytes, folder: Path) -> dict[str, bool]:
    """Each signature, timestamp of a signature and timestamp over the file: does OpenSSL accept it, chain included?"""
    root, ca = str(pki().folder / "root.pem"), str(pki().folder / "ca.pem")
    reader, found = PdfFileReader(io.BytesIO(data), strict=False), {}
    stamp = (
        "ts",
        "-verify",
        "-token_in",
        "-in",
        "@token",
        "-data",
        "@data",
        "-CAfile",
        root,
        "-untrusted",
        ca,
    )
    for signature in reader.embedded_regular_signatures:
        name, content = signature.field_name, covered(data, signature.byte_range)
        found[name], said = openssl(
            folder, "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", "@cms", "-content", "@content",
            "-CAfile", root, "-purpose", "any", "-out", "@out", cms=signature.pkcs7_content, content=content,
        )  # fmt: skip
        assert found[name] == ("CAdES Verification successful" in said), said
        for token in tokens_of(signature.signer_info):
            value = signature.signer_info["signature"].native
            found[f"{name} timestamp"], _ = openssl(folder, *stamp, token=enclosed(token), data=value)
    for timestamp in reader.embedded_timestamp_signatures:
        content = covered(data, timestamp.byte_range)
        found[timestamp.field_name], _ = openssl(folder, *stamp, token=timestamp.pkcs7_content, data=content)
    return found


def enclosed(token: cms.SignedData) -> bytes:
    return cms.ContentInfo({"content_type": "signed_data", "content": token}).dump()


@needs("openssl")
@pytest.mark.parametrize("step", STEPS)
def test_openssl_accepts_every_signature_and_every_timestamp(step, tmp_path):
    found = by_openssl(steps()[step], tmp_path)
    assert all(found.values()), found
    assert len(found) == {"one B-B": 1, "two B-B": 2, "one B-LTA": 3, "two B-LTA": 6}.get(step, 7)


@needs("openssl")
def test_openssl_would_have_noticed(tmp_path):
    found = by_openssl(flipped(steps()["two B-LTA"]), tmp_path)
    assert {name for name, accepted in found.items() if accepted} == {
        f"{CLERK} timestamp",
        f"{OFFICE} timestamp",
    }


# --- the file itself -------------------------------------------------------------------------------------------------
@needs("qpdf")
@pytest.mark.parametrize("step", STEPS)
def test_qpdf_finds_nothing(step, tmp_path):
    (tmp_path / "signed.pdf").write_bytes(steps()[step])
    done = subprocess.run(["qpdf", "--check", tmp_path / "signed.pdf"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No syntax or stream encoding errors found" in done.stdout


@pytest.mark.parametrize("step", STEPS)
def test_still_pdfa_after_every_signature(step):
    assert check_pdfa2b(steps()[step]) == []


def words(data: bytes) -> list[tuple[str, int, int]]:
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        return [(w["text"], round(w["x0"]), round(w["top"])) for w in pdf.pages[0].extract_words()]


def test_the_same_text_is_read_before_and_after():
    before, ready = words(scanned()), words(prepared_scan())
    assert len(before) > 30
    # The marks are added; every word of the paper stands as often as before, in the same order.
    assert not Counter(text for text, *_ in before) - Counter(text for text, *_ in ready)
    for step in STEPS:
        assert words(steps()[step]) == ready, step


def test_every_step_only_adds():
    made = steps()
    for earlier, later in [
        ("one B-B", "two B-B"),
        ("one B-LTA", "two B-LTA"),
        ("two B-LTA", "two B-LTA, renewed"),
    ]:
        assert made[later].startswith(made[earlier])
    assert made["one B-B"].startswith(prepared_scan()) and made["one B-LTA"].startswith(prepared_scan())
