"""Renewing timestamps: what protects a signed file until when, and one more timestamp over the file before that ends.

A B-LTA file stays provable for as long as each timestamp is covered by a later one made while it could still be believed
(ETSI EN 319 142-1 §5.5, RFC 4998's idea). Renewal adds, incrementally, the chain of the timestamp that stands with fresh answers
about it, and then a document timestamp over everything.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime

from asn1crypto import cms, x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.validation import EmbeddedPdfSignature
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.path import ValidationPath

from schemas.errors import DamagedFile, OutputInvalid
from schemas.preserve import Proof, ProofKind, Standing
from schemas.signing import Level
from schemas.signing_errors import (
    CertificateOutOfTime,
    CertificateRevoked,
    CertificateUntrusted,
    RenewalImpossible,
)
from signing.identities import DIGEST, common_name, key_facts
from signing.levels import extend
from signing.revocation import from_dss
from signing.sign import foreign_errors
from signing.sign_checks import run, timestamp_paths, trusted_path
from signing.verify_timestamp import tokens_of

_BROKEN = (PdfError, ValueError, TypeError, KeyError, AttributeError, IndexError)


def standing(pdf: bytes) -> Standing:
    """What protects the file now. Only read, not judged: `signing.verify` says whether it holds. Raises DamagedFile."""
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=False)
        return Standing(proofs=tuple(_proof(reader, found, token) for found, token in _uncovered(reader)))
    except _BROKEN as error:
        raise DamagedFile(f"{type(error).__name__}: {error}") from error


def renew(pdf: bytes, validation: ValidationContext, timestamper: TimeStamper) -> bytes:
    """The file with fresh validation data and one more document timestamp; its bytes before stay as they are.

    `validation` judges the authority of the timestamp that stands and the one asked now, revocation required, at the time of
    renewal. Raises RenewalImpossible (no timestamp, or one whose authority can no longer be believed: then it is too late),
    RevocationUnknown, LevelNotReached, TimestampUnavailable, OutputInvalid, DamagedFile.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf), strict=False)
        uncovered = _uncovered(reader)
        authorities = [_authority(token) for _, token in uncovered if token is not None]
        known = tuple(from_dss(reader).certificates)
    except _BROKEN as error:
        raise DamagedFile(f"{type(error).__name__}: {error}") from error
    if not authorities or len(authorities) < len(uncovered):
        raise RenewalImpossible("a signature without a timestamp: nothing proves when it was made")
    standing_paths = [_path(one, (*others, *known), validation) for one, others in authorities]
    stream = io.BytesIO(pdf)
    with foreign_errors():
        run(_stamped(stream, standing_paths, validation, timestamper))
    data = stream.getvalue()
    _check_added(pdf, data, len(reader.embedded_timestamp_signatures))
    return data


async def _stamped(
    stream, paths: list[ValidationPath], validation: ValidationContext, timestamper: TimeStamper
) -> None:
    fresh = await timestamp_paths(timestamper, validation)
    await extend(stream, Level.B_LTA, [*paths, *fresh], validation, timestamper, DIGEST)


def _path(
    certificate: x509.Certificate, others: tuple[x509.Certificate, ...], validation: ValidationContext
) -> ValidationPath:
    try:
        return trusted_path(certificate, others, validation)
    except (CertificateOutOfTime, CertificateRevoked, CertificateUntrusted) as error:
        raise RenewalImpossible(f"{common_name(certificate)}: {error}") from error


def _check_added(before: bytes, after: bytes, count: int) -> None:
    """Nothing but one more timestamp, over everything. Whether it is believed is for `signing.verify`."""
    stamps = PdfFileReader(io.BytesIO(after), strict=False).embedded_timestamp_signatures
    if not after.startswith(before) or len(stamps) != count + 1:
        raise OutputInvalid("the renewal did not add one timestamp")
    ranges = stamps[-1].byte_range
    info = stamps[-1].signed_data["encap_content_info"]["content"].parsed
    if int(ranges[2]) + int(ranges[3]) != len(after):
        raise OutputInvalid("the new timestamp does not cover the whole file")
    if info["message_imprint"]["hashed_message"].native != stamps[-1].compute_digest():
        raise OutputInvalid("the new timestamp is over something else")


# --- what stands -----------------------------------------------------------------------------------------------------
def _uncovered(reader: PdfFileReader) -> list[tuple[EmbeddedPdfSignature, cms.SignedData | None]]:
    """The last timestamp over the file and all signatures after it, each with the token that protects it."""
    stamps = reader.embedded_timestamp_signatures
    last = stamps[-1] if stamps else None
    covered = last.signed_revision if last else -1
    found = [(last, last.signed_data)] if last else []
    for signature in reader.embedded_regular_signatures:
        if signature.signed_revision > covered:
            found.append((signature, next(tokens_of(signature.signer_info), None)))
    return found


def _authority(token: cms.SignedData) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    certificates = extract_certificate_info(token)
    return certificates.signer_cert, tuple(certificates.other_certs)


def _proof(reader: PdfFileReader, found: EmbeddedPdfSignature, token: cms.SignedData | None) -> Proof:
    signed = token if token is not None else found.signed_data
    certificate, others = _authority(signed)
    chain = _chain(certificate, [*others, *from_dss(reader).certificates])
    below = [one for one in chain if one.issuer != one.subject] or chain
    info = signed["encap_content_info"]["content"].parsed if token is not None else None
    hashes = {signed["signer_infos"][0]["digest_algorithm"]["algorithm"].native}
    hashes |= {one["signature_algorithm"].hash_algo for one in below}
    if info is not None:
        hashes.add(info["message_imprint"]["hash_algorithm"]["algorithm"].native)
    keys = {"{}-{}".format(*key_facts(one)) for one in chain}
    return Proof(
        field=found.field_name,
        kind=ProofKind.NONE
        if info is None
        else ProofKind.DOCUMENT
        if found.sig_object.get("/Type") == "/DocTimeStamp"
        else ProofKind.SIGNATURE,
        authority=common_name(certificate),
        at=info["gen_time"].native.astimezone(UTC) if info is not None else None,
        certificate_ends=min(_ends(one) for one in below),
        algorithms=tuple(sorted(hashes | keys)),
    )


def _chain(certificate: x509.Certificate, others: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Upwards by names, with what the file itself holds; for planning, where nothing hangs on a signature."""
    chain = [certificate]
    while chain[-1].issuer != chain[-1].subject:
        issuer = next((one for one in others if one.subject == chain[-1].issuer and one not in chain), None)
        if issuer is None:
            break
        chain.append(issuer)
    return chain


def _ends(certificate: x509.Certificate) -> datetime:
    return certificate["tbs_certificate"]["validity"]["not_after"].native.astimezone(UTC)
