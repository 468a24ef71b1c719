"""Deferred signing: the server prepares a reviewed batch, a key holder signs elsewhere, the server finishes the files.

Three steps, each safe to run again: `prepare_job` leaves finished work alone, `sign_job` needs nothing but the job and a key,
`finish_job` takes whatever answers there are and skips what is done. A job lives in one folder:

    job.json           what is exported (`schemas.signing.SigningJob`)
    <item>.json        what the server has to remember of an item
    <item>.pdf         the file with everything but the signature value
    <item>.done.json   evidence, written last
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import cms, x509
from pydantic import ValidationError
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext

from schemas.signing import (
    JobAnswers,
    JobItem,
    KeyKind,
    SignatureEvidence,
    SignatureRequest,
    SigningJob,
    SigningSettings,
)
from schemas.signing_errors import SigningJobRejected
from schemas.zone import VIETNAM
from signing.identities import DIGEST, SeamSigner, Signer, is_signature
from signing.levels import extend
from signing.sign import all_paths, evidence_of, file_sha256, foreign_errors, open_session, prepared_document
from signing.sign_checks import check_signer, run
from signing.sign_prepare import replacing


class AbsentKey:
    """The certificate of a key that is elsewhere; `answers` are its signatures by digest."""

    kind = KeyKind.DEFERRED

    def __init__(
        self,
        certificate: x509.Certificate,
        chain: Sequence[x509.Certificate] = (),
        answers: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self.certificate = certificate
        self.chain = tuple(chain)
        self._answers = dict(answers or {})

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        try:
            return [self._answers[digest] for digest in digests]
        except KeyError as error:
            raise SigningJobRejected("no answer for this digest") from error


@dataclass(frozen=True)
class Finished:
    """One file of a job that is done."""

    item: str
    path: Path
    evidence: SignatureEvidence


def prepare_job(
    folder: Path,
    documents: Iterable[tuple[Path, SignatureRequest]],
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    *,
    settings: SigningSettings,
    validation: ValidationContext,
    timestamper: TimeStamper | None = None,
    moment: datetime | None = None,
) -> SigningJob:
    """Makes every file ready in `folder` and returns the job, also written to `job.json`. Files are prepared ones
    (`signing.sign_prepare`) and are not changed. Items made ready before are kept: a broken run is taken up again.

    Raises what `signing.sign` raises before it uses the key; then there is no job.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    moment = (moment or datetime.now(VIETNAM)).astimezone(VIETNAM)
    signer = AbsentKey(certificate, chain)
    items = []
    for source, request in documents:
        with source.open("rb") as file:
            before = file_sha256(file)
        facts = "\n".join((before, certificate.sha256.hex(), request.model_dump_json()))
        id = hashlib.sha256(facts.encode()).hexdigest()
        if not (folder / f"{id}.json").exists():
            check_signer(signer, request, settings, validation, moment)
            with foreign_errors():
                _make_ready(folder, id, source, before, request, signer, settings, timestamper, moment)
        items.append(_remembered(folder, id)[0])
    if len({item.id for item in items}) != len(items):
        raise SigningJobRejected("the same signature is asked for twice")
    whole = hashlib.sha256("\n".join(item.id for item in items).encode()).hexdigest()
    job = SigningJob(id=whole, certificate=_text(certificate.dump()), items=tuple(items))
    _write(folder / "job.json", job.model_dump_json(indent=2).encode())
    return job


def _make_ready(folder, id, source, before, request, signer, settings, timestamper, moment) -> None:
    with replacing(source, folder / f"{id}.pdf") as stream:
        session = open_session(
            stream, request, signer, settings=settings, timestamper=timestamper, moment=moment
        )

        async def ready():
            document = await prepared_document(session)
            digest, _ = document.digest_tbs_document(in_place=True)
            attributes = await SeamSigner(signer).signed_attrs(
                digest.document_digest, DIGEST, PdfCMSSignedAttributes(moment), use_pades=True
            )
            return digest, attributes.dump()

        digest, attributes = run(ready())
    item = JobItem(
        id=id, document_id=request.document_id, name=source.name, field=request.field, role=request.role,
        product=request.product, sha256=before, signed_attributes=_text(attributes),
        digest=_text(hashlib.sha256(attributes).digest()),
    )  # fmt: skip
    kept = {
        "item": item.model_dump(mode="json"),
        "request": request.model_dump(mode="json"),
        "moment": moment.isoformat(),
        "document_digest": digest.document_digest.hex(),
        "reserved": [digest.reserved_region_start, digest.reserved_region_end],
    }
    _write(
        folder / f"{id}.json", json.dumps(kept, ensure_ascii=False, indent=2).encode()
    )  # last: it says that all is there


def read_job(path: Path) -> SigningJob:
    """Raises SigningJobRejected for a file that is no job."""
    try:
        return SigningJob.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SigningJobRejected(f"{path.name}: not a signing job") from error


def read_answers(path: Path) -> JobAnswers:
    """Raises SigningJobRejected for a file that holds no answers."""
    try:
        return JobAnswers.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise SigningJobRejected(f"{path.name}: no answers to a signing job") from error


def sign_job(job: SigningJob, signer: Signer) -> JobAnswers:
    """On the key holder's side: one call to the device for the whole job, so one PIN or one authorisation.

    Trusts nothing of the job but what it can check: every digest is that of signed attributes that name this certificate.
    Raises SigningJobRejected and the errors of the device.
    """
    if _bytes(job.certificate) != signer.certificate.dump():
        raise SigningJobRejected("the job is for another certificate")
    digests = []
    for item in job.items:
        attributes = _bytes(item.signed_attributes)
        digest = hashlib.sha256(attributes).digest()
        if digest != _bytes(item.digest) or not _names(attributes, signer.certificate):
            raise SigningJobRejected(f"{item.name}: the digest is not of what it claims")
        digests.append(digest)
    signatures = signer.sign_digests(digests) if digests else []
    answers = {item.id: _text(signature) for item, signature in zip(job.items, signatures, strict=True)}
    return JobAnswers(job=job.id, signatures=answers)


def _names(attributes: bytes, certificate: x509.Certificate) -> bool:
    """The signed attributes are a PDF signature's (a message digest over data) by this certificate, and nothing else."""
    try:
        parsed = cms.CMSAttributes.load(attributes, strict=True)
        found = {attribute["type"].native: attribute["values"] for attribute in parsed}
        named = found["signing_certificate_v2"][0]["certs"][0]["cert_hash"].native
        return (
            found["content_type"][0].native == "data"
            and len(found["message_digest"][0].native) == 32
            and named == certificate.sha256
        )
    except (ValueError, KeyError, IndexError, TypeError):
        return False


def finish_job(
    folder: Path,
    answers: JobAnswers,
    targets: Path,
    *,
    chain: Sequence[x509.Certificate],
    settings: SigningSettings,
    validation: ValidationContext,
    timestamper: TimeStamper | None = None,
) -> list[Finished]:
    """Puts the answers into the files and writes `<targets>/<item name>`; returns all items done so far, in order.

    All signatures are checked before the first file is touched. Each file appears whole, is opened again and has its level
    read from it; then its evidence is written. Files done before are skipped if they are still what they were.

    Raises SigningJobRejected, LevelNotReached, TimestampUnavailable, the refusals of `signing.sign_checks`.
    """
    job = read_job(folder / "job.json")
    if answers.job != job.id or not set(answers.signatures) <= {item.id for item in job.items}:
        raise SigningJobRejected("the answers are to another job")
    if len({item.name for item in job.items}) != len(job.items):
        raise SigningJobRejected("two files of the job have one name")
    certificate = x509.Certificate.load(_bytes(job.certificate))
    raw = {
        item.id: _bytes(answers.signatures[item.id]) for item in job.items if item.id in answers.signatures
    }
    for item in job.items:
        if item.id in raw and not is_signature(certificate, _bytes(item.signed_attributes), raw[item.id]):
            raise SigningJobRejected(f"{item.name}: not a signature of the job's certificate")
    targets.mkdir(parents=True, exist_ok=True)
    done = []
    for item in job.items:
        finished = _done(folder, item, targets)
        if finished is None and item.id in raw:
            signer = AbsentKey(certificate, chain, {_bytes(item.digest): raw[item.id]})
            with foreign_errors():
                finished = _finish(folder, item, targets, signer, settings, validation, timestamper)
        if finished is not None:
            done.append(finished)
    return done


def _finish(
    folder, item: JobItem, targets: Path, signer: AbsentKey, settings, validation, timestamper
) -> Finished:
    _, request, moment, digest = _remembered(folder, item.id)
    path = check_signer(signer, request, settings, validation, datetime.now(VIETNAM))
    with replacing(folder / f"{item.id}.pdf", targets / item.name) as stream:
        if _document_digest(stream, digest) != digest.document_digest:
            raise SigningJobRejected(f"{item.name}: the file made ready was changed")

        async def finish():
            used = timestamper if request.level.rank else None
            paths = await all_paths(path, used, validation, settings)
            signed = await SeamSigner(signer).async_sign_prescribed_attributes(
                DIGEST, cms.CMSAttributes.load(_bytes(item.signed_attributes)), timestamper=used
            )
            digest.fill_with_cms(stream, signed)
            await extend(stream, request.level, paths, validation, used, DIGEST)
            return paths

        evidence = evidence_of(stream, request, signer, moment, item.sha256, run(finish()))
    _write(folder / f"{item.id}.done.json", evidence.model_dump_json(indent=2).encode())
    return Finished(item.id, targets / item.name, evidence)


def _done(folder: Path, item: JobItem, targets: Path) -> Finished | None:
    """The item if it was finished and its file is still the same."""
    try:
        evidence = SignatureEvidence.model_validate_json((folder / f"{item.id}.done.json").read_bytes())
        with (targets / item.name).open("rb") as file:
            same = file_sha256(file) == evidence.sha256_after
    except (OSError, ValidationError):
        return None
    return Finished(item.id, targets / item.name, evidence) if same else None


def _remembered(folder: Path, id: str) -> tuple[JobItem, SignatureRequest, datetime, PreparedByteRangeDigest]:
    try:
        kept = json.loads((folder / f"{id}.json").read_bytes())
        return (
            JobItem.model_validate(kept["item"]),
            SignatureRequest.model_validate(kept["request"]),
            datetime.fromisoformat(kept["moment"]),
            PreparedByteRangeDigest(bytes.fromhex(kept["document_digest"]), *kept["reserved"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SigningJobRejected(f"item {id[:12]} of the job is damaged") from error


def _document_digest(stream, digest: PreparedByteRangeDigest) -> bytes:
    """Digest of everything but the room for the signature value."""
    hasher, at = hashlib.sha256(), 0
    stream.seek(0)
    while at < digest.reserved_region_start:
        part = stream.read(min(1 << 20, digest.reserved_region_start - at))
        if not part:
            return b""
        hasher.update(part)
        at += len(part)
    stream.seek(digest.reserved_region_end)
    while part := stream.read(1 << 20):
        hasher.update(part)
    return hasher.digest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SigningJobRejected("not base64") from error


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(name, path)
