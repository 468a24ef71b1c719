"""PDF + identity -> signed PDF. Incremental only: the bytes before stay as they are."""

from __future__ import annotations

import contextlib
import hashlib
import io
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.signers.pdf_signer import PdfSigningSession, PdfTBSDocument
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath

from schemas.errors import DamagedFile, EncryptedFile
from schemas.signing import Level, SignatureEvidence, SignatureRequest, SigningSettings
from schemas.signing_errors import (
    DemoKeyRefused,
    DemoMarkMissing,
    FieldNotReady,
    LevelNotReached,
    TimestampUnavailable,
)
from schemas.zone import VIETNAM
from signing.appearance import SignatureStyle, looks_of
from signing.appearance_page import PageFrame, entry
from signing.demo_mark import is_demo
from signing.identities import DIGEST, SeamSigner, Signer, agency_name, common_name
from signing.levels import RecordWriter, check_level, extend
from signing.sign_checks import check_signer, run, timestamp_paths
from signing.sign_prepare import TEST_MARK, replacing


@dataclass(frozen=True)
class Signed:
    data: bytes
    evidence: SignatureEvidence


def sign(
    pdf: bytes,
    request: SignatureRequest,
    signer: Signer,
    *,
    settings: SigningSettings,
    validation: ValidationContext,
    timestamper: TimeStamper | None = None,
    moment: datetime | None = None,
) -> Signed:
    """Signs the field of the request's role in a prepared file.

    `validation` says whom to trust and where revocation is asked; reuse it for a batch. `timestamper` is needed from B-T on.
    `moment` (now) is the claimed time. The first signature certifies the file: from then on only signatures may be added.

    Raises the refusals of `signing.sign_checks`, FieldNotReady, DemoMarkMissing, LevelNotReached, TimestampUnavailable,
    the errors of the key's device, OutputInvalid, DamagedFile, EncryptedFile. Nothing is kept of a signature that failed.
    """
    stream = io.BytesIO(pdf)
    evidence = sign_stream(
        stream,
        request,
        signer,
        settings=settings,
        validation=validation,
        timestamper=timestamper,
        moment=moment,
    )
    return Signed(stream.getvalue(), evidence)


def sign_file(
    source: Path, target: Path, request: SignatureRequest, signer: Signer, **options
) -> SignatureEvidence:
    """As `sign`, on files, in little memory. `target` appears whole or not at all and may be `source`."""
    with replacing(source, target) as stream:
        return sign_stream(stream, request, signer, **options)


def sign_stream(
    stream,
    request: SignatureRequest,
    signer: Signer,
    *,
    settings: SigningSettings,
    validation: ValidationContext,
    timestamper: TimeStamper | None = None,
    moment: datetime | None = None,
) -> SignatureEvidence:
    """Signs in place a stream that can be read, written and sought; after an error its content is of no use."""
    moment = (moment or datetime.now(VIETNAM)).astimezone(VIETNAM)
    path = check_signer(signer, request, settings, validation, moment)
    before = file_sha256(stream)
    with foreign_errors():
        session = open_session(
            stream, request, signer, settings=settings, timestamper=timestamper, moment=moment
        )
        paths = run(_finished(session, stream, request.level, path, validation, settings))
    return evidence_of(stream, request, signer, moment, before, paths)


async def _finished(
    session: PdfSigningSession,
    stream,
    level: Level,
    path: ValidationPath,
    validation: ValidationContext,
    settings: SigningSettings,
) -> list[ValidationPath]:
    """Runs the session to its end; returns the paths of signer and timestamp authority."""
    paths = await all_paths(path, session.timestamper, validation, settings)
    document = await prepared_document(session)
    digest, _ = document.digest_tbs_document(in_place=True)
    await document.perform_signature(digest.document_digest, PdfCMSSignedAttributes(session.system_time))
    await extend(stream, level, paths, validation, session.timestamper, DIGEST)
    return paths


async def all_paths(
    path: ValidationPath,
    timestamper: TimeStamper | None,
    validation: ValidationContext,
    settings: SigningSettings,
) -> list[ValidationPath]:
    """The authority is judged before it is asked: a timestamp nobody trusts is no timestamp. Raises DemoKeyRefused."""
    stamps = await timestamp_paths(timestamper, validation) if timestamper else []
    if settings.production and any(is_demo(certificate) for found in stamps for certificate in found):
        raise DemoKeyRefused("the timestamp authority is a test one")
    return [path, *stamps]


async def prepared_document(session: PdfSigningSession) -> PdfTBSDocument:
    """The file with everything but the signature value in it."""
    reserved = await session.estimate_signature_container_size(None)
    return session.prepare_tbs_document(None, bytes_reserved=reserved)


def open_session(
    stream,
    request: SignatureRequest,
    signer: Signer,
    *,
    settings: SigningSettings,
    timestamper: TimeStamper | None,
    moment: datetime,
) -> PdfSigningSession:
    """pyHanko's signing session on an empty field that exists, with level, looks and time set."""
    level = request.level
    if level is not Level.B_B and timestamper is None:
        raise LevelNotReached(f"{level} needs a timestamp authority, none is set")
    writer = RecordWriter(stream, strict=False)
    if writer.prev.encrypted:
        raise EncryptedFile("an encrypted file is not signed here")
    demo = is_demo(signer.certificate)
    if demo:
        _check_marks(writer)
    frame = _frame_of_field(writer, request.field)
    metadata = PdfSignatureMetadata(
        field_name=request.field,
        md_algorithm=DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        # A certified file tells readers that nothing but signatures may follow.
        certify=not writer.prev.embedded_signatures,
        docmdp_permissions=MDPPerm.FILL_FORMS,
        name=common_name(signer.certificate),
    )
    style = SignatureStyle(looks=looks_of(request, moment, settings, demo), frame=frame)
    used = timestamper if level is not Level.B_B else None
    pdf_signer = PdfSigner(metadata, SeamSigner(signer), timestamper=used, stamp_style=style)
    session = pdf_signer.init_signing_session(writer, existing_fields_only=True)
    session.system_time = moment
    return session


def _check_marks(writer: RecordWriter) -> None:
    for number in range(int(writer.root["/Pages"]["/Count"])):
        reference, _ = writer.prev.find_page_for_modification(number)
        resources = entry(reference.get_object(), "/Resources", {})
        if TEST_MARK not in entry(resources, "/XObject", {}):
            raise DemoMarkMissing(f"page {number + 1}")


def _frame_of_field(writer: RecordWriter, field: str) -> PageFrame:
    """Frame of the page that shows the empty field. Raises FieldNotReady."""
    found = {name: (value, reference) for name, value, reference in enumerate_sig_fields(writer)}
    if field not in found:
        raise FieldNotReady(f"no field {field}")
    value, reference = found[field]
    if value is not None:
        raise FieldNotReady(f"{field} is signed already")
    page = entry(reference.get_object(), "/P")
    if page is None:
        raise FieldNotReady(f"{field} is on no page")
    return PageFrame.of(page)


def evidence_of(
    stream,
    request: SignatureRequest,
    signer: Signer,
    moment: datetime,
    before: str,
    paths: list[ValidationPath],
) -> SignatureEvidence:
    """What is kept of a finished signature. Raises LevelNotReached."""
    reached = check_level(stream, request.field, request.level, [list(path) for path in paths])
    certificate = signer.certificate
    return SignatureEvidence(
        document_id=request.document_id,
        field=request.field,
        role=request.role,
        product=request.product,
        signer=common_name(certificate),
        agency=request.agency or agency_name(certificate, request.role),
        person=request.person,
        certificate_serial=f"{certificate.serial_number:x}",
        certificate_sha256=certificate.sha256.hex(),
        signed_at=moment,
        timestamp_at=reached.timestamp_at,
        digest=DIGEST,
        level_wanted=request.level,
        level_reached=reached.level,
        sha256_before=before,
        sha256_after=file_sha256(stream),
        bytes_after=stream.seek(0, io.SEEK_END),
        delegation=request.delegation.number if request.delegation else "",
        demo=is_demo(certificate),
    )


def file_sha256(stream) -> str:
    stream.seek(0)
    return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def foreign_errors():
    """pyHanko's exceptions as ours."""
    try:
        yield
    except TimestampRequestError as error:
        raise TimestampUnavailable(str(error)) from error
    except (
        PathBuildingError,
        PathError,
        ValidationError,
    ) as error:  # of the timestamp authority: the signer's is known
        raise LevelNotReached(f"timestamp authority: {error}") from error
    except SigningError as error:
        raise LevelNotReached(str(error)) from error
    except PdfError as error:
        raise DamagedFile(f"{type(error).__name__}: {error}") from error
