"""What has to hold before a key is used: each refusal by its own error, each by a certificate that really has the fault."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, timedelta

import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import ValidationError
from pyhanko_certvalidator import ValidationContext
from signing_fixtures import AGENCY, PEOPLE, SETTINGS, delegation, pki, prepared_scan, request, signer

from schemas.errors import SohoaError, all_errors
from schemas.signing import DelegationKind, Product, Role, SigningSettings
from schemas.signing_errors import (
    CertificateOutOfTime,
    CertificateRevoked,
    CertificateUntrusted,
    DemoKeyRefused,
    NoDelegation,
    RevocationUnknown,
    WeakKey,
    WrongHolder,
    WrongKeyUsage,
)
from signing.delegation import check_delegation, same_name
from signing.demo_pki import DemoPki
from signing.pkcs12 import Pkcs12Signer
from signing.sign import sign
from signing.sign_checks import check_key

CLERK = PEOPLE[Role.SCANNER]
TODAY = date(2026, 11, 22)


@functools.cache
def spare_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def holder(key=None, **facts) -> Pkcs12Signer:
    key = key or spare_key()
    certificate, _ = pki().issue(CLERK, AGENCY, public_key=key.public_key(), **facts)
    return Pkcs12Signer(key, certificate, pki().chain)


def attempt(used: Pkcs12Signer, context=None, settings=SETTINGS, **changes):
    return sign(
        prepared_scan(), request(Role.SCANNER, **changes), used,
        settings=settings, validation=context or pki().validation_context([used.certificate]),
    )  # fmt: skip


def test_a_good_certificate_signs():
    assert attempt(holder()).evidence.signer == CLERK


def test_an_elliptic_key_signs():
    assert attempt(holder(ec.generate_private_key(ec.SECP256R1()))).evidence.signer == CLERK


def test_expired():
    now = datetime.now(UTC)
    with pytest.raises(CertificateOutOfTime):
        attempt(holder(not_before=now - timedelta(days=30), not_after=now - timedelta(days=1)))


def test_not_yet_valid():
    now = datetime.now(UTC)
    with pytest.raises(CertificateOutOfTime):
        attempt(holder(not_before=now + timedelta(days=1), not_after=now + timedelta(days=30)))


@pytest.mark.parametrize("reason", ["key_compromise", "certificate_hold"])
def test_revoked_or_suspended(reason):
    used = holder()
    pki().revoke(used.certificate, datetime.now(UTC) - timedelta(minutes=5), reason)
    with pytest.raises(CertificateRevoked):
        attempt(used)


def test_revoked_issuer_is_found_by_the_list_alone():
    used = holder()
    pki().revoke(used.certificate, datetime.now(UTC) - timedelta(minutes=5))
    with pytest.raises(CertificateRevoked):
        attempt(used, pki().validation_context([]))


def test_unknown_revocation_is_a_refusal():
    silent = ValidationContext(
        trust_roots=[pki().root], other_certs=[pki().ca], crls=[], ocsps=[], revocation_mode="require"
    )
    with pytest.raises(RevocationUnknown):
        attempt(holder(), silent)


def test_foreign_root(tmp_path):
    other = DemoPki.open(tmp_path / "other")
    with pytest.raises(CertificateUntrusted):
        attempt(holder(), other.validation_context([]))


@pytest.mark.parametrize("usage", [("key_encipherment",), ("key_agreement",)])
def test_wrong_key_usage(usage):
    with pytest.raises(WrongKeyUsage):
        attempt(holder(usage=usage))


@pytest.mark.parametrize("usage", [("digital_signature",), ("content_commitment",)])
def test_either_of_the_two_usages_will_do(usage):
    assert attempt(holder(usage=usage)).evidence.signer == CLERK


def test_a_timestamp_certificate_signs_no_documents():
    with pytest.raises(WrongKeyUsage):
        attempt(holder(timestamping=True))


def test_short_rsa_key():
    with pytest.raises(WeakKey):
        attempt(holder(rsa.generate_private_key(public_exponent=65537, key_size=1024)))


def test_short_elliptic_key():
    with pytest.raises(WeakKey):
        attempt(holder(ec.generate_private_key(ec.SECP192R1())))


def test_a_certificate_signed_with_sha1_is_weak():
    certificate = x509.Certificate.load(holder().certificate.dump())
    certificate["signature_algorithm"]["algorithm"] = "sha1_rsa"
    with pytest.raises(WeakKey):
        check_key(certificate)


def test_production_refuses_test_keys():
    with pytest.raises(DemoKeyRefused):
        attempt(signer(Role.SCANNER), settings=SigningSettings(production=True))


# --- whose certificate it is -----------------------------------------------------------------------------------------
def test_another_persons_certificate():
    with pytest.raises(WrongHolder):
        attempt(holder(), person="Nguyễn Thị Quát")


def test_another_agencys_certificate():
    with pytest.raises(WrongHolder):
        sign(
            prepared_scan(),
            request(Role.AGENCY, agency="Ủy ban nhân dân xã Khác", delegation=None, own_right=True),
            signer(Role.AGENCY),
            settings=SETTINGS, validation=pki().validation_context([pki().certificate(Role.AGENCY)]),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nguyễn Thị Hòa", "NGUYỄN THỊ HOÀ"),
        ("Uỷ ban nhân dân xã Đại Đồng", "Ủy ban nhân dân xã Đại Đồng"),
        ("UBND xã Đại Đồng", "Ủy ban nhân dân  xã Đại Đồng"),
        ("Thúy Hằng", "Thuý Hằng"),
        ("Trần Văn An", "Tr\u00e2\u0300n V\u0103n An"),
    ],
)
def test_one_name_in_two_spellings(one, other):
    assert same_name(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Nguyễn Thị Hoa", "Nguyễn Thị Hòa"),
        ("Nguyễn Văn Đa", "Nguyễn Văn Da"),
        ("Trần Thị Lan", "Trần Thị Lân"),
        ("UBND xã Đại Đồng", "UBND xã Đại Đông"),
        ("", ""),
    ],
)
def test_two_names(one, other):
    assert not same_name(one, other)


# --- on whose behalf -------------------------------------------------------------------------------------------------
def test_the_certifying_person_needs_a_delegation_unless_competent():
    with pytest.raises(NoDelegation):
        check_delegation(request(Role.CERTIFIER, own_right=False), TODAY)
    check_delegation(request(Role.CERTIFIER, own_right=True), TODAY)


def test_who_operates_the_agency_key_needs_one():
    with pytest.raises(NoDelegation):
        check_delegation(request(Role.AGENCY, delegation=None), TODAY)
    check_delegation(request(Role.AGENCY), TODAY)


def test_the_last_day_counts_and_the_day_of_withdrawal_does_not():
    day = date(2026, 6, 30)
    record = delegation(Role.AGENCY, valid_to=day)
    check_delegation(request(Role.AGENCY, delegation=record), day)
    with pytest.raises(NoDelegation):
        check_delegation(request(Role.AGENCY, delegation=record), day + timedelta(days=1))
    record = delegation(Role.AGENCY, withdrawn_on=day)
    check_delegation(request(Role.AGENCY, delegation=record), day - timedelta(days=1))
    with pytest.raises(NoDelegation):
        check_delegation(request(Role.AGENCY, delegation=record), day)


@pytest.mark.parametrize(
    "changes",
    [
        {"person": "Người Khác"},
        {"agency": "UBND xã Khác"},
        {"roles": (Role.SCANNER,)},
        {"products": (Product.TRUE_COPY,)},
        {"valid_from": TODAY + timedelta(days=1)},
    ],
    ids=str,
)
def test_a_delegation_for_something_else(changes):
    with pytest.raises(NoDelegation):
        check_delegation(request(Role.AGENCY, delegation=delegation(Role.AGENCY, **changes)), TODAY)


def test_a_clerks_delegation_is_checked_when_given():
    record = delegation(Role.SCANNER, person=CLERK, kind=DelegationKind.AUTHORISATION, valid_to=TODAY)
    check_delegation(request(Role.SCANNER, delegation=record), TODAY)
    with pytest.raises(NoDelegation):
        check_delegation(request(Role.SCANNER, delegation=record), TODAY + timedelta(days=1))


def test_a_delegation_cannot_end_before_it_begins():
    with pytest.raises(ValidationError):
        delegation(Role.AGENCY, valid_from=TODAY, valid_to=TODAY - timedelta(days=1))


def test_every_error_of_signing_is_in_the_tree_once():
    known = all_errors()
    ours = [cls for cls in known.values() if cls.__module__ == "schemas.signing_errors"]
    assert len(ours) >= 20

    def below(cls):
        return [cls] + [found for child in cls.__subclasses__() for found in below(child)]

    everything = [cls for cls in below(SohoaError) if cls.__module__.startswith("schemas.")]
    assert len({cls.code for cls in everything}) == len(everything)
