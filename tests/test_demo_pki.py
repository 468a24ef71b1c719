"""The demo PKI: made once, private, marked, and its answers hold in pyHanko and in openssl."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import stat
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko_certvalidator import CertificateValidator
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError, RevokedError

from schemas.signing import Role
from signing.demo_mark import MARK, is_demo, without_mark
from signing.demo_pki import PEOPLE, DemoPki
from signing.identities import common_name
from signing.pkcs12 import Pkcs12Signer
from signing.trust import TrustSettings, load_trust


@pytest.fixture(scope="module")
def pki(tmp_path_factory) -> DemoPki:
    return DemoPki.open(tmp_path_factory.mktemp("home") / "demo-pki")


def judge(pki: DemoPki, certificate, context):
    validator = CertificateValidator(certificate, intermediate_certs=[pki.ca], validation_context=context)
    return asyncio.run(validator.async_validate_usage({"non_repudiation"}))


def test_keys_are_for_the_owner_alone(pki):
    assert stat.S_IMODE(pki.folder.stat().st_mode) == 0o700
    secret = [*pki.folder.glob("*.key"), *pki.folder.glob("*.p12"), pki.folder / "password"]
    assert len(secret) == 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_opening_again_changes_nothing(pki):
    before = {path.name: path.read_bytes() for path in pki.folder.iterdir()}
    again = DemoPki.open(pki.folder)
    assert again.root.sha256 == pki.root.sha256
    assert {path.name: path.read_bytes() for path in pki.folder.iterdir()} == before


def _open_and_name(folder):
    return DemoPki.open(folder).root.sha256


def test_two_processes_at_once_get_the_same(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.map(_open_and_name, [tmp_path / "demo-pki"] * 2)
    assert first == second
    assert [path.name for path in tmp_path.iterdir()] == ["demo-pki"]


@pytest.mark.parametrize("role", Role)
def test_each_certificate_says_that_it_is_a_test(pki, role):
    certificate = pki.certificate(role)
    assert MARK in certificate.subject.native["common_name"]
    assert MARK in certificate.issuer.native["common_name"]
    assert is_demo(certificate)
    assert without_mark(certificate.subject.native["common_name"])
    assert MARK not in without_mark(certificate.subject.native["common_name"])


def test_long_names_keep_the_mark(pki):
    certificate, _ = pki.issue(
        "Ủy ban nhân dân phường Nguyễn Thị Minh Khai thuộc thành phố Nơi Xa", public_key=_public(pki)
    )
    assert is_demo(certificate)
    assert len(certificate.subject.native["common_name"]) == 64


def _public(pki):
    key, _, _ = pkcs12.load_key_and_certificates(pki.p12(Role.SCANNER).read_bytes(), pki.password.encode())
    return key.public_key()


def test_signers_are_valid_with_fresh_answers(pki):
    for role in Role:
        certificate = pki.certificate(role)
        path = judge(pki, certificate, pki.validation_context([certificate]))
        assert path.pkix_len == 2


def test_another_demo_pki_is_not_trusted(pki, tmp_path):
    other = DemoPki.open(tmp_path / "other")
    with pytest.raises(PathBuildingError):
        judge(pki, pki.certificate(Role.SCANNER), other.validation_context([]))


def test_revoked_from_its_moment_on(pki):
    certificate, _ = pki.issue("Người bị thu hồi", public_key=_public(pki))
    now = datetime.now(UTC)
    pki.revoke(certificate, now - timedelta(hours=1), "key_compromise")
    with pytest.raises(RevokedError):
        judge(pki, certificate, pki.validation_context([certificate]))
    earlier = now - timedelta(hours=2)
    assert judge(pki, certificate, pki.validation_context([certificate], moment=earlier))
    assert certificate.serial_number in {
        entry["user_certificate"].native for entry in pki.crl()["tbs_cert_list"]["revoked_certificates"]
    }


def test_expired_is_expired(pki):
    now = datetime.now(UTC)
    certificate, _ = pki.issue(
        "Hết hạn",
        not_before=now - timedelta(days=20),
        not_after=now - timedelta(days=2),
        public_key=_public(pki),
    )
    with pytest.raises(PathValidationError):
        judge(pki, certificate, pki.validation_context([certificate]))


def test_openssl_agrees(pki, tmp_path):
    chain = tmp_path / "crl-and-ca.pem"
    lists = [pki.crl(of_root=True), pki.crl()]
    parts = [(pki.folder / "ca.pem").read_bytes()]
    for entry in lists:
        der = subprocess.run(
            ["openssl", "crl", "-inform", "DER"], input=entry.dump(), capture_output=True, check=True
        )
        parts.append(der.stdout)
    chain.write_bytes(b"".join(parts))
    done = subprocess.run(
        ["openssl", "verify", "-crl_check_all", "-CAfile", str(pki.folder / "root.pem"), "-untrusted", str(chain),
         "-CRLfile", str(chain), str(pki.folder / "agency.pem")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_timestamps_hold_in_openssl_and_follow_the_clock(pki, tmp_path):
    moment = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
    stamper = pki.timestamper(lambda: moment)
    data = b"what is stamped"
    _, request = stamper.request_cms(hashlib.sha256(data).digest(), "sha256")
    answer = stamper.request_tsa_response(request)
    token = answer["time_stamp_token"]["content"]["encap_content_info"]["content"].parsed
    assert token["gen_time"].native == moment
    (tmp_path / "data").write_bytes(data)
    (tmp_path / "answer.tsr").write_bytes(answer.dump())
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", str(tmp_path / "data"), "-in", str(tmp_path / "answer.tsr"),
         "-CAfile", str(pki.folder / "root.pem"), "-untrusted", str(pki.folder / "ca.pem"),
         "-attime", str(int(moment.timestamp()))],
        capture_output=True, text=True,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout + done.stderr, done.stderr


def test_published_where_a_verifier_looks(pki, tmp_path):
    for _ in range(2):
        pki.publish(tmp_path / "trust")
    store = load_trust(TrustSettings(tmp_path / "trust"))
    (anchor,) = store.anchors
    assert anchor.certificate.sha256 == pki.root.sha256 and anchor.demo and anchor.source
    assert [certificate.sha256 for certificate in store.intermediates] == [pki.ca.sha256]
    assert len(store.crls) == 2 and not store.problems
    assert load_trust(TrustSettings(tmp_path / "trust", accept_demo=False)).anchors == ()


def test_an_office_gets_its_name_later(tmp_path):
    """The demo PKI is made by `sohoa init`, before the office has written its name down."""
    made = DemoPki.open(tmp_path / "pki")
    before = made.p12(Role.AGENCY).read_bytes()
    made.rename("Ủy ban nhân dân phường Mới")
    again = DemoPki.open(tmp_path / "pki")
    for role in Role:
        signer = Pkcs12Signer.open(again.p12(role), again.password)
        assert signer.certificate.dump() == again.certificate(role).dump() and is_demo(signer.certificate)
        assert again.p12(role).stat().st_mode & 0o077 == 0
    assert common_name(again.certificate(Role.AGENCY)) == "Ủy ban nhân dân phường Mới"
    assert common_name(again.certificate(Role.CERTIFIER)) == PEOPLE[Role.CERTIFIER]
    assert (again.root.dump(), again.tsa.dump()) == (made.root.dump(), made.tsa.dump())
    assert again.p12(Role.AGENCY).read_bytes() != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pki"]
