"""Deferred signing: prepared here, signed there, finished here; broken off and taken up again anywhere."""

from __future__ import annotations

import base64
import functools
import hashlib
import shutil
from pathlib import Path

import pytest
from asn1crypto import cms
from signing_fixtures import (
    SETTINGS,
    judged,
    pki,
    prepared_scan,
    request,
    signer,
    timestamper,
    validation,
)

from schemas.signing import FIELD_NAMES, JobAnswers, Level, Role, SigningJob
from schemas.signing_errors import CertificateRevoked, FieldNotReady, SigningJobRejected, TimestampUnavailable
from signing.deferred import finish_job, prepare_job, read_answers, read_job, sign_job
from signing.pkcs12 import Pkcs12Signer
from signing.sign import sign

ROLE = Role.AGENCY
FIELD = FIELD_NAMES[ROLE]
COUNT = 3


@functools.cache
def reviewed() -> bytes:
    """Signed by the clerk, waiting for the agency."""
    return sign(
        prepared_scan(),
        request(Role.SCANNER),
        signer(Role.SCANNER),
        settings=SETTINGS,
        validation=validation(),
    ).data


class Batch:
    def __init__(self, home: Path, level: Level = Level.B_T) -> None:
        self.home, self.level = home, level
        self.folder, self.targets = home / "job", home / "signed"
        self.sources = []
        for number in range(COUNT):
            path = home / f"record-{number}.pdf"
            path.write_bytes(reviewed())
            self.sources.append((path, request(ROLE, level, document_id=f"doc-{number}")))

    def prepare(self, **changes) -> SigningJob:
        options = {
            "settings": SETTINGS,
            "validation": validation(ROLE),
            "timestamper": timestamper(),
        } | changes
        return prepare_job(self.folder, self.sources, signer(ROLE).certificate, pki().chain, **options)

    def finish(self, answers: JobAnswers, **changes):
        options = {
            "settings": SETTINGS,
            "validation": validation(ROLE),
            "timestamper": timestamper(),
        } | changes
        return finish_job(self.folder, answers, self.targets, chain=pki().chain, **options)


@pytest.fixture
def batch(tmp_path) -> Batch:
    return Batch(tmp_path)


@pytest.mark.parametrize("level", [Level.B_B, Level.B_LTA], ids=str)
def test_whole_batch(tmp_path, level):
    batch = Batch(tmp_path, level)
    batch.prepare()
    # As on two machines: only files go between them.
    job = read_job(batch.folder / "job.json")
    (tmp_path / "answers.json").write_text(sign_job(job, signer(ROLE)).model_dump_json())
    done = batch.finish(read_answers(tmp_path / "answers.json"))
    assert [finished.evidence.document_id for finished in done] == ["doc-0", "doc-1", "doc-2"]
    for finished in done:
        data = finished.path.read_bytes()
        assert data.startswith(reviewed())
        assert finished.evidence.level_reached is level
        for field in FIELD_NAMES[Role.SCANNER], FIELD:
            assert judged(data, field).bottom_line
    assert all(path.read_bytes() == reviewed() for path, _ in batch.sources)


def test_the_job_holds_no_page_and_no_secret(batch):
    batch.prepare()
    exported = (batch.folder / "job.json").read_bytes()
    assert len(exported) < 10_000
    assert pki().password.encode() not in exported


def test_one_call_to_the_device_for_the_whole_batch(batch):
    class Counting:
        kind, certificate, chain = signer(ROLE).kind, signer(ROLE).certificate, signer(ROLE).chain
        calls = 0

        def sign_digests(self, digests):
            self.calls += 1
            return signer(ROLE).sign_digests(digests)

    device = Counting()
    sign_job(batch.prepare(), device)
    assert device.calls == 1


def test_preparing_again_gives_the_same_job(batch):
    first = batch.prepare()
    kept = {path.name: path.stat().st_mtime_ns for path in batch.folder.glob("*.pdf")}
    assert batch.prepare() == first
    assert {path.name: path.stat().st_mtime_ns for path in batch.folder.glob("*.pdf")} == kept


def test_preparing_is_taken_up_where_it_broke_off(batch):
    whole = batch.prepare()
    (batch.home / "second").mkdir()
    other = Batch(batch.home / "second")
    other.sources = batch.sources
    other.folder.mkdir()
    for path in batch.folder.glob(f"{whole.items[0].id}*"):
        shutil.copy(path, other.folder)
    (other.folder / f"{whole.items[1].id}.pdf").write_bytes(
        b"half written"
    )  # killed before it was remembered
    again = other.prepare()
    assert again.id == whole.id
    assert again.items[0] == whole.items[0]
    assert len(other.finish(sign_job(again, signer(ROLE)))) == COUNT


def test_answers_may_come_in_parts(batch):
    job = batch.prepare()
    answers = sign_job(job, signer(ROLE))
    some = answers.model_copy(update={"signatures": {job.items[1].id: answers.signatures[job.items[1].id]}})
    assert [finished.item for finished in batch.finish(some)] == [job.items[1].id]
    assert len(batch.finish(answers)) == COUNT


def test_finishing_again_changes_nothing(batch):
    answers = sign_job(batch.prepare(), signer(ROLE))
    first = batch.finish(answers)
    stamps = [finished.path.stat().st_mtime_ns for finished in first]
    again = batch.finish(answers)
    assert again == first
    assert [finished.path.stat().st_mtime_ns for finished in again] == stamps


def test_finishing_is_taken_up_after_an_outage(batch):
    answers = sign_job(batch.prepare(), signer(ROLE))
    shaky, asked = pki().timestamper(), []
    ask = shaky.request_tsa_response

    def answer(req):
        asked.append(req)
        if len(asked) > 2:  # a dummy for the path, the first file, then nothing
            raise TimestampUnavailable("gone")
        return ask(req)

    shaky.request_tsa_response = answer
    with pytest.raises(TimestampUnavailable):
        batch.finish(answers, timestamper=shaky)
    assert [path.name for path in batch.targets.iterdir()] == ["record-0.pdf"]
    assert len(batch.finish(answers)) == COUNT


def test_a_damaged_result_is_made_again(batch):
    answers = sign_job(batch.prepare(), signer(ROLE))
    first = batch.finish(answers)
    first[1].path.write_bytes(b"damaged")
    again = batch.finish(answers)
    assert judged(again[1].path.read_bytes(), FIELD).bottom_line


# --- what is refused -------------------------------------------------------------------------------------------------
def test_wrong_signatures_change_no_file(batch):
    job = batch.prepare()
    answers = sign_job(job, signer(ROLE))
    swapped = dict(answers.signatures)
    first, second = job.items[0].id, job.items[1].id
    swapped[first], swapped[second] = swapped[second], swapped[first]
    for signatures in (swapped, answers.signatures | {second: base64.b64encode(bytes(256)).decode()}):
        with pytest.raises(SigningJobRejected):
            batch.finish(answers.model_copy(update={"signatures": signatures}))
    assert not batch.targets.exists() or not list(batch.targets.iterdir())


def test_answers_to_another_job(batch):
    answers = sign_job(batch.prepare(), signer(ROLE))
    with pytest.raises(SigningJobRejected):
        batch.finish(answers.model_copy(update={"job": "0" * 64}))


def test_another_key_does_not_sign_the_job(batch):
    with pytest.raises(SigningJobRejected):
        sign_job(batch.prepare(), signer(Role.SCANNER))


def test_a_digest_of_something_else_is_not_signed(batch):
    """A key holder must not be made to sign what the list does not show."""
    job = batch.prepare()
    other = base64.b64encode(bytes(32)).decode()
    forged = job.items[0].model_copy(update={"digest": other})
    with pytest.raises(SigningJobRejected):
        sign_job(job.model_copy(update={"items": (forged, *job.items[1:])}), signer(ROLE))


def test_attributes_that_name_another_certificate_are_not_signed(batch):
    job = batch.prepare()
    attributes = cms.CMSAttributes.load(base64.b64decode(job.items[0].signed_attributes))
    for attribute in attributes:
        if attribute["type"].native == "signing_certificate_v2":
            attribute["values"][0]["certs"][0]["cert_hash"] = bytes(32)
    data = attributes.dump(force=True)
    forged = job.items[0].model_copy(
        update={
            "signed_attributes": base64.b64encode(data).decode(),
            "digest": base64.b64encode(hashlib.sha256(data).digest()).decode(),
        }
    )
    with pytest.raises(SigningJobRejected):
        sign_job(job.model_copy(update={"items": (forged,)}), signer(ROLE))


def test_a_file_changed_after_it_was_made_ready(batch):
    job = batch.prepare()
    answers = sign_job(job, signer(ROLE))
    path = batch.folder / f"{job.items[0].id}.pdf"
    data = bytearray(path.read_bytes())
    data[len(reviewed()) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(SigningJobRejected, match="was changed"):
        batch.finish(answers)


def test_revoked_meanwhile(batch):
    certificate, key = pki().issue(request(ROLE).agency)
    used = Pkcs12Signer(key, certificate, pki().chain)
    job = prepare_job(
        batch.folder, batch.sources, certificate, pki().chain, settings=SETTINGS,
        validation=pki().validation_context([certificate]), timestamper=timestamper(),
    )  # fmt: skip
    answers = sign_job(job, used)
    pki().revoke(certificate)
    with pytest.raises(CertificateRevoked):
        batch.finish(answers, validation=pki().validation_context([certificate]))


def test_a_file_that_cannot_be_signed_stops_before_there_is_a_job(batch):
    done = sign(reviewed(), request(ROLE), signer(ROLE), settings=SETTINGS, validation=validation(ROLE)).data
    batch.sources[2][0].write_bytes(done)
    with pytest.raises(FieldNotReady):
        batch.prepare()
    assert not (batch.folder / "job.json").exists()


@pytest.mark.parametrize("text", ["", "{}", '{"format": "sohoa-signing-job/1"}', "[1]"])
def test_rubbish_is_no_job(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SigningJobRejected):
        read_job(tmp_path / "a.json")
    with pytest.raises(SigningJobRejected):
        read_answers(tmp_path / "a.json")
