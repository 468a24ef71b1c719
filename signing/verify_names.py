"""Names and times as a verdict shows them."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from asn1crypto import x509
from pyhanko.pdf_utils.generic import parse_pdf_date
from pyhanko.sign.validation import EmbeddedPdfSignature, generic_cms

from schemas.signing import Reason, Verdict
from schemas.zone import VIETNAM
from signing.demo_mark import is_demo
from signing.verify_signer import SignerFacts
from signing.verify_structure import BROKEN


def claimed_time(signature: EmbeddedPdfSignature) -> datetime | None:
    """The signer's clock: /M of the PDF, as PAdES wants (ETSI EN 319 142-1 §5.3), else the attribute of the CMS, which
    some Vietnamese signing tools fill with local time marked as UTC."""
    for read in (
        lambda: parse_pdf_date(signature.sig_object["/M"], strict=False),
        lambda: generic_cms.extract_self_reported_ts(signature.signer_info),
    ):
        try:
            claimed = read()
            if claimed is not None:
                return claimed.replace(tzinfo=claimed.tzinfo or VIETNAM).astimezone(VIETNAM)
        except (*BROKEN, OverflowError):  # the year 9999 west of Greenwich is no time here
            continue
    return None


def names_of(certificate: x509.Certificate) -> dict[str, str]:
    return {
        "signer": common_name(certificate),
        "agency": _part(certificate.subject, "organization_name"),
        "issuer": _part(certificate.issuer, "common_name"),
        "serial": f"{certificate.serial_number:x}",
    }


def common_name(certificate: x509.Certificate | None) -> str:
    if certificate is None:
        return ""
    try:
        return _part(certificate.subject, "common_name") or certificate.subject.human_friendly
    except BROKEN:
        return ""


def _part(name: x509.Name, part: str) -> str:
    try:
        value = name.native.get(part, "")
    except BROKEN:
        return ""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return unicodedata.normalize("NFC", text)


def made_by_test_key(facts: SignerFacts, certificate: x509.Certificate) -> bool:
    return is_demo(certificate) or bool(facts.chain.anchor and facts.chain.anchor.demo)


def sub_indication(ranked: list[Reason]) -> str | None:
    against = [each for each in ranked if each.weight is not Verdict.VALID]
    return against[0].sub_indication if against else None


def shown(moment: datetime | None) -> str | None:
    return moment.astimezone(VIETNAM).isoformat(timespec="seconds") if moment is not None else None
