"""What tests of signing share: a demo PKI made once, a scanned PDF/A, requests, a validation by pyHanko itself."""

from __future__ import annotations

import functools
import io
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from made_scans import made, scan, stored
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature

from schemas.signing import (
    DelegationKind,
    DelegationRecord,
    Level,
    Product,
    Role,
    SignatureRequest,
    SigningSettings,
)
from schemas.zone import VIETNAM
from signing.demo_pki import AGENCY, PEOPLE, DemoPki
from signing.pkcs12 import Pkcs12Signer
from signing.sign_prepare import Conversion, Prepared, prepare

CAPTURED = datetime(2026, 11, 22, 9, 15, 30, tzinfo=VIETNAM)
SETTINGS = SigningSettings()
QR = "H26.12-261122-0045-KQ1|1.001193|079087001234|Giấy xác nhận|Hệ thống số hoá xã Đại Đồng|2026-11-22T09:15:30+07:00"


@functools.cache
def pki() -> DemoPki:
    """One for the test process: keys are dear."""
    return DemoPki.open(Path(tempfile.mkdtemp(prefix="sohoa-test-pki-")) / "demo-pki")


@functools.cache
def signer(role: Role) -> Pkcs12Signer:
    return Pkcs12Signer.open(pki().p12(role), pki().password)


@functools.cache
def validation(role: Role = Role.SCANNER):
    """A context for signing, kept as a batch would keep it."""
    return pki().validation_context([pki().certificate(role)])


@functools.cache
def timestamper():
    return pki().timestamper()


def delegation(role: Role, **changes) -> DelegationRecord:
    facts = {
        "kind": DelegationKind.ASSIGNMENT,
        "number": "12/QĐ-UBND",
        "person": "Lê Thị Văn Thư",
        "agency": AGENCY,
        "roles": (role,),
        "valid_from": CAPTURED.date() - timedelta(days=300),
    }
    return DelegationRecord(**facts | changes)


def request(
    role: Role, level: Level = Level.B_B, product: Product = Product.DIGITISED, **changes
) -> SignatureRequest:
    facts: dict = {
        "document_id": "doc-000045",
        "role": role,
        "product": product,
        "agency": AGENCY,
        "level": level,
        "captured_at": CAPTURED,
    }
    if role is Role.AGENCY:
        facts |= {"person": "Lê Thị Văn Thư", "delegation": delegation(role)}
    else:
        facts |= {"person": PEOPLE[role], "own_right": True}
    return SignatureRequest(**facts | changes)


@functools.cache
def scanned(rotation: int = 0) -> bytes:
    """One scanned page as searchable PDF/A-2b."""
    picture, reading = scan(rotation)
    return made(stored(picture, quality=80), reading)


@functools.cache
def scanned_words() -> tuple:
    _, reading = scan()
    return tuple(reading.box_to_points(word.box) for word in reading.words)


def prepared(
    pdf: bytes | None = None, *roles: Role, product: Product = Product.DIGITISED, **options
) -> Prepared:
    """A file with empty fields for the roles (clerk and agency), marked as a test."""
    options = {"settings": SETTINGS, "demo": True, "qr": QR} | options
    wanted = [request(role, product=product) for role in roles or (Role.SCANNER, Role.AGENCY)]
    conversion = Conversion(CAPTURED, PEOPLE[Role.SCANNER], AGENCY)
    return prepare(pdf or scanned(), wanted, conversion=conversion, **options)


@functools.cache
def prepared_scan() -> bytes:
    return prepared().data


def judged(data: bytes, field: str, **options):
    """pyHanko's own verdict on one signature, with fresh answers of the demo PKI and nothing fetched."""
    reader = PdfFileReader(io.BytesIO(data), strict=False)
    found = next(signature for signature in reader.embedded_signatures if signature.field_name == field)
    context = pki().validation_context([found.signer_cert], **options)
    return validate_pdf_signature(found, context, context)
