"""The verification report: a verdict with everything it rests on, as JSON for programs and PDF/A for the file of the case.

ETSI TS 119 102-2 asks a report to name the file by its hash, the time, the trust anchors and the evidence; TT 15/2025/TT-BKHCN Đ6
that people are told in Vietnamese. A report proves nothing by itself: whoever has the file can check it again.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from asn1crypto import crl, ocsp, x509
from pydantic import BaseModel, ConfigDict

from flows.verify import trust_of
from flows.verify_report_pdf import print_report
from schemas.errors import DiskFull, NotAllowedNow, SohoaError, WrongUse
from schemas.settings import Settings
from schemas.signing import FileVerdict
from schemas.store import ObjectRef
from signing.revocation import Evidence, RevocationCache, from_cms, from_dss, from_lists
from signing.trust import TrustSettings, load_trust
from signing.verify_names import common_name, shown
from signing.verify_structure import BROKEN, find_signatures, open_pdf
from signing.verify_timestamp import tokens_of
from storage.catalogue import Catalogue
from storage.objects import open_archive

MAX_CERTIFICATES = 100
"""Of one file: many times what honest files hold."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnchorUsed(_Part):
    """A root that the check was allowed to end a chain in."""

    name: str
    sha256: str
    """Fingerprint of the certificate."""
    source: str
    """Where it came from; empty: nobody said."""
    demo: bool


class RevocationAnswer(_Part):
    """A CRL or OCSP answer about a certificate of the file that the check could look at."""

    kind: Literal["crl", "ocsp"]
    origin: Literal["file", "trust_folder", "cache"]
    issuer: str
    """Who made the list; of an OCSP answer: who issued the certificates it is about."""
    serials: tuple[str, ...] = ()
    """Certificates an OCSP answer is about, lower-case hexadecimal."""
    this_update: str
    next_update: str | None
    """ISO 8601, +07:00."""
    sha256: str
    """Of the DER bytes."""


class VerificationReport(_Part):
    format: Literal["sohoa-verification-report/1"] = "sohoa-verification-report/1"
    software: str
    """Name and version."""
    checked_at: str
    """ISO 8601, +07:00."""
    file: str
    """Name without folder."""
    sha256: str
    """Of the file; empty when it could not be read."""
    verdict: FileVerdict
    anchors: tuple[AnchorUsed, ...]
    evidence: tuple[RevocationAnswer, ...]

    def to_json(self) -> str:
        """One JSON document in UTF-8 letters, with a line feed at the end."""
        return self.model_dump_json(indent=2) + "\n"

    def to_pdf(self) -> bytes:
        """PDF/A-2b in Vietnamese. Raises MissingProgram without a font."""
        return print_report(self)


def report_of(verdict: FileVerdict, settings: Settings) -> VerificationReport:
    """The report of a verdict on a file of this machine; `verdict.file` is its path. The file is read again for the evidence
    in it: when it is gone or another one by now, there is none from it."""
    trust, path = trust_of(settings), Path(verdict.file)
    name = path.name.encode("utf-8", "replace").decode()  # old disks hold names that are no text
    anchors = {anchor.certificate.sha256: anchor for anchor in load_trust(trust).anchors}
    return VerificationReport(
        software=_software(),
        checked_at=verdict.checked_at,
        file=name,
        sha256=verdict.sha256,
        verdict=verdict.model_copy(update={"file": name}),
        anchors=tuple(
            AnchorUsed(
                name=common_name(anchor.certificate),
                sha256=fingerprint.hex(),
                source=anchor.source,
                demo=anchor.demo,
            )
            for fingerprint, anchor in sorted(anchors.items())
        ),
        evidence=_evidence(_same_file(path, verdict), trust),
    )


def write_report(report: VerificationReport, folder: Path) -> list[Path]:
    """JSON and PDF in a folder, made where it is missing; named after the file and its hash, so that files of one name
    do not meet. Raises WrongUse when the folder cannot be written, DiskFull, MissingProgram."""
    mark = report.sha256 or hashlib.sha256(report.to_json().encode()).hexdigest()
    name = f"{Path(report.file).stem}-{mark[:12]}-kiem-tra"
    contents = {".json": report.to_json().encode(), ".pdf": report.to_pdf()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}{extension}" for extension in contents]
        for path, data in zip(paths, contents.values(), strict=True):
            path.write_bytes(data)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise (DiskFull if full else WrongUse)(f"{folder}: {error.strerror}") from error
    return paths


def store_report(report: VerificationReport, settings: Settings, who: str) -> list[ObjectRef]:
    """Keeps the report with the record: `reports/<record>/<time>.json|pdf`, and an event. Nothing is replaced.

    Raises NotAllowedNow for a file that is not, byte for byte, one of ours: a code on a page is anybody's to copy.
    """
    known = report.verdict.known
    if known is None or not known.same_bytes:
        raise NotAllowedNow(
            "tệp không trùng bản lưu nào của cơ quan này nên báo cáo không gắn được vào hồ sơ"
        )
    at = datetime.fromisoformat(report.checked_at).astimezone(UTC)
    with Catalogue.open(settings.database, create=False) as catalogue:
        store = open_archive(settings, catalogue)
        try:
            kept = [
                store.put(
                    f"reports/{known.record}/{at:%Y%m%dT%H%M%SZ}.{extension}",
                    data,
                    media_type=media_type,
                    new_version=True,
                )
                for extension, media_type, data in (
                    ("json", "application/json", report.to_json().encode()),
                    ("pdf", "application/pdf", report.to_pdf()),
                )
            ]
        finally:
            store.close()
        detail = {
            "verdict": report.verdict.verdict,
            "sha256": report.sha256,
            "reports": [ref.key for ref in kept],
        }
        catalogue.event(who, "verified", known.record, detail)
    return kept


def _software() -> str:
    try:
        return f"sohoa {version('sohoa')}"
    except PackageNotFoundError:
        return "sohoa"


def _same_file(path: Path, verdict: FileVerdict) -> bytes:
    """Bytes of the file that was checked; empty when there is nothing in it to look for."""
    if not verdict.signatures and not verdict.document_timestamps:
        return b""
    try:
        data = path.read_bytes()
    except OSError:
        return b""
    return data if hashlib.sha256(data).hexdigest() == verdict.sha256 else b""


# --- evidence ----------------------------------------------------------------------------------------------------------
def _evidence(data: bytes, trust: TrustSettings) -> tuple[RevocationAnswer, ...]:
    """Answers about certificates of the file: those in it, those brought by hand, those kept from earlier."""
    if not data:
        return ()
    inside, store = _inside(data), load_trust(trust)
    known = [*store.intermediates, *(each.certificate for each in store.anchors)]
    found: dict[str, RevocationAnswer] = {}
    try:
        chain = _chain(inside.certificates, known)
        cache, kept = RevocationCache(trust.cache), Evidence()
        for certificate in chain:
            for issuer in chain:
                if certificate.issuer == issuer.subject and certificate != issuer:
                    kept += cache.find(certificate, issuer)
        places = (("file", inside), ("trust_folder", from_lists(store.crls)), ("cache", kept))
        for origin, evidence in places:
            for answer in _about(chain, evidence, origin):
                found.setdefault(answer.sha256, answer)
    except (*BROKEN, OverflowError):
        pass  # a malformed certificate: the verdict says what is wrong with it, what was listed so far is right
    return tuple(found.values())


def _inside(data: bytes) -> Evidence:
    """What the file carries: in its document security store, its signatures and its timestamps."""
    try:
        reader = open_pdf(data)
        signatures = [each.signature for each in find_signatures(reader) if each.signature is not None]
    except (SohoaError, *BROKEN):
        return Evidence()
    found = from_dss(reader)
    for signature in signatures:
        try:
            for signed in (signature.signed_data, *tokens_of(signature.signer_info)):
                carried = [each.chosen for each in signed["certificates"] if each.name == "certificate"]
                _ = [(each.subject.native, each.issuer.native, each.serial_number) for each in carried]
                found += Evidence(carried) + from_cms(signed, signed["signer_infos"][0])
        except BROKEN:
            continue  # its verdict says what is wrong with it
    return found


def _chain(start: list[x509.Certificate], at_hand: list[x509.Certificate]) -> list[x509.Certificate]:
    """The certificates of the file and those from the trust folder that stand above them."""
    found = {each.sha256: each for each in start[:MAX_CERTIFICATES]}
    waiting = list(found.values())
    while waiting:
        issuer = waiting.pop().issuer
        above = [each for each in at_hand if each.subject == issuer and each.sha256 not in found]
        found |= {each.sha256: each for each in above}
        waiting += above
    return list(found.values())


def _about(chain: list[x509.Certificate], evidence: Evidence, origin: str) -> Iterator[RevocationAnswer]:
    issuers, serials = [each.issuer for each in chain], {each.serial_number for each in chain}
    for each in evidence.crls:
        if each.issuer in issuers:
            yield _list(each, origin)
    for each in evidence.ocsps:
        answers = each.response_data["responses"]
        about = {answer["cert_id"]["serial_number"].native for answer in answers} & serials
        if about:
            named = next(cert for cert in chain if cert.serial_number in about)
            yield _answer(each, origin, named, sorted(about))


def _list(each: crl.CertificateList, origin: str) -> RevocationAnswer:
    body = each["tbs_cert_list"]
    return RevocationAnswer(
        kind="crl",
        origin=origin,
        issuer=_name(each.issuer),
        this_update=shown(body["this_update"].native),
        next_update=shown(body["next_update"].native),
        sha256=hashlib.sha256(each.dump()).hexdigest(),
    )


def _answer(
    each: ocsp.OCSPResponse, origin: str, about: x509.Certificate, serials: list[int]
) -> RevocationAnswer:
    first = each.response_data["responses"][0]
    return RevocationAnswer(
        kind="ocsp",
        origin=origin,
        issuer=_name(about.issuer),
        serials=tuple(f"{serial:x}" for serial in serials),
        this_update=shown(first["this_update"].native),
        next_update=shown(first["next_update"].native),
        sha256=hashlib.sha256(each.dump()).hexdigest(),
    )


def _name(name: x509.Name) -> str:
    said = name.native.get("common_name") or name.human_friendly
    return str(said)
