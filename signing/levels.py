"""PAdES levels (ETSI EN 319 142-1): what each asks pyHanko for, and which one a finished file really has.

The reached level is read from the file, never from what was asked: a server that answers nothing must not turn into a note.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

import httpx
from asn1crypto import cms, crl, ocsp, tsp, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import ValidationInfoReadingError
from pyhanko_certvalidator import ValidationContext

import signing.pdf_strings  # noqa: F401  what was signed is read again, and its strings are long
from schemas.errors import OutputInvalid
from schemas.signing import Level
from schemas.signing_errors import LevelNotReached, TimestampUnavailable
from signing.identities import is_signature


class RecordWriter(IncrementalPdfFileWriter):
    """Adds to a file and leaves its description alone.

    pyHanko would rewrite the XMP with itself as producer and without the extension schemas, and the file would no longer be
    PDF/A; the description is part of what is signed.
    """

    def _update_meta(self) -> None:
        pass


class HttpTimeStamper(TimeStamper):
    """An RFC 3161 authority over HTTP. Raises TimestampUnavailable whatever goes wrong."""

    def __init__(
        self,
        url: str,
        seconds: float = 10.0,
        transport: httpx.BaseTransport | None = None,
        waiting: Callable[[], AbstractContextManager] = nullcontext,
    ) -> None:
        """`waiting()` is entered while an answer is waited for."""
        super().__init__()
        self._waiting = waiting
        self._url = url
        self._client = httpx.Client(timeout=seconds, transport=transport)

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        try:
            with self._waiting():
                answer = self._client.post(self._url, content=req.dump(), headers=headers)
            answer.raise_for_status()
            return tsp.TimeStampResp.load(answer.content, strict=True)
        except httpx.HTTPError as error:
            raise TimestampUnavailable(type(error).__name__) from error
        except ValueError as error:
            raise TimestampUnavailable("the answer is not a timestamp response") from error

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            imprint = token["content"]["encap_content_info"]["content"].parsed["message_imprint"]
            if imprint["hashed_message"].native != message_digest:
                raise TimestampUnavailable("the timestamp is over something else")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TimestampUnavailable(f"{type(error).__name__}: {error}") from error
        return token

    def close(self) -> None:
        self._client.close()


async def extend(
    stream,
    level: Level,
    paths: Sequence[Iterable[x509.Certificate]],
    validation: ValidationContext,
    timestamper: TimeStamper | None,
    digest: str,
) -> None:
    """Adds to a signed file, in place, what B-LT and B-LTA ask beyond B-T.

    Chains and answers go in before the document timestamp, which so covers them and is the last thing in the file.
    """
    if not level.reaches(Level.B_LT):
        return
    writer = RecordWriter(stream, strict=False)
    ocsps, crls = _about(paths, validation)
    DocumentSecurityStore.supply_dss_in_writer(writer, None, paths=paths, ocsps=ocsps, crls=crls)
    if level is Level.B_LTA:
        await PdfTimeStamper(timestamper).async_timestamp_pdf(writer, digest, in_place=True)
    else:
        writer.write_in_place()


def _about(paths: Iterable[Iterable[x509.Certificate]], validation: ValidationContext):
    """Of all that a context knows, the answers about certificates of these paths: a batch shares one context."""
    certificates = [certificate for path in paths for certificate in path]
    serials = {certificate.serial_number for certificate in certificates}
    issuers = {certificate.issuer.hashable for certificate in certificates}
    ocsps = [
        answer
        for answer in validation.ocsps
        if {one["cert_id"]["serial_number"].native for one in answer.response_data["responses"]} & serials
    ]
    return ocsps, [issued for issued in validation.crls if issued.issuer.hashable in issuers]


@dataclass(frozen=True)
class Reached:
    level: Level
    timestamp_at: datetime | None
    """Of the signature's own timestamp."""


def check_level(
    data: bytes | io.IOBase, field: str, wanted: Level, paths: Iterable[Iterable[x509.Certificate]]
) -> Reached:
    """What the signature in `field` has. `paths`: certificates of signer and timestamp authority, leaf to anchor or back.

    Raises LevelNotReached when it is below `wanted`, OutputInvalid when the signature is not one: devices fail too.
    """
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    try:
        reader = PdfFileReader(stream, strict=False)
        signature = next((found for found in reader.embedded_signatures if found.field_name == field), None)
    except PdfError as error:
        raise LevelNotReached(f"the signed file does not open: {error}") from error
    if signature is None:
        raise LevelNotReached(f"no signature in {field}")
    if signature.sig_object.get("/SubFilter") != "/ETSI.CAdES.detached":
        raise LevelNotReached("not a PAdES signature")
    _check_intact(signature)
    level, stamped = Level.B_B, _signature_timestamp(signature.signer_info)
    if stamped is not None:
        level = Level.B_T
        if _has_validation_data(reader, paths):
            level = Level.B_LT
            if _last_is_document_timestamp(reader, stream):
                level = Level.B_LTA
    if not level.reaches(wanted):
        raise LevelNotReached(f"wanted {wanted}, reached {level}")
    return Reached(level, stamped)


def _check_intact(signature: EmbeddedPdfSignature) -> None:
    """The file's bytes are the signed ones and the signature is the certificate's."""
    attributes = signature.signer_info["signed_attrs"]
    digest = next(one["values"][0].native for one in attributes if one["type"].native == "message_digest")
    if signature.compute_digest() != digest:
        raise OutputInvalid(f"{signature.field_name}: the digest is not the file's")
    value = signature.signer_info["signature"].native
    if not is_signature(signature.signer_cert, attributes.untag().dump(), value):
        raise OutputInvalid(f"{signature.field_name}: the signature is not the certificate's")


def _signature_timestamp(signer_info: cms.SignerInfo) -> datetime | None:
    """Time of a timestamp that is over this signature's value."""
    expected = signer_info["signature"].native
    for attribute in signer_info["unsigned_attrs"] or ():
        if attribute["type"].native != "signature_time_stamp_token":
            continue
        for token in attribute["values"]:
            info = token["content"]["encap_content_info"]["content"].parsed
            imprint = info["message_imprint"]
            algorithm = imprint["hash_algorithm"]["algorithm"].native
            if imprint["hashed_message"].native == hashlib.new(algorithm, expected).digest():
                return info["gen_time"].native
    return None


def _has_validation_data(reader: PdfFileReader, paths: Iterable[Iterable[x509.Certificate]]) -> bool:
    """Every certificate below an anchor stands in the document security store with an answer about it."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except ValidationInfoReadingError:
        return False
    held = {certificate.sha256 for certificate in store.load_certs()}
    answers = [ocsp.OCSPResponse.load(reference.get_object().data) for reference in store.ocsps]
    lists = [crl.CertificateList.load(reference.get_object().data) for reference in store.crls]
    answered = {
        single["cert_id"]["serial_number"].native
        for answer in answers
        if answer["response_status"].native == "successful"
        for single in answer.response_data["responses"]
    }
    listed = {issued.issuer.hashable for issued in lists}
    for path in paths:
        for certificate in path:
            if certificate.issuer == certificate.subject:
                continue
            if certificate.sha256 not in held:
                return False
            if certificate.serial_number not in answered and certificate.issuer.hashable not in listed:
                return False
    return True


def _last_is_document_timestamp(reader: PdfFileReader, stream) -> bool:
    stamps = reader.embedded_timestamp_signatures
    if not stamps:
        return False
    end = stream.seek(0, io.SEEK_END)
    ranges = stamps[-1].byte_range
    return int(ranges[2]) + int(ranges[3]) == end
