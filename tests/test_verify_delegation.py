"""Who certified, held against the office's list of authorisations: a remark with the day, never a verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.verify import verify_paths
from flows.verify_delegation import with_delegation
from schemas.roster import Roster
from schemas.settings import Office, Settings
from schemas.signing import FIELD_NAMES, Revocation, Role, SigningSettings, TimestampState, Verdict
from signing.verdict import CATALOGUE
from tests import attacks
from tests.attack_pki import Pki

CODE = "delegation_not_in_force"
OFFICE, PERSON = "Ủy ban nhân dân xã An Thử", "Trần Văn Chứng"
SEAT = {"kind": "pkcs12", "file": "x.p12", "person": PERSON}


def decision(**changes) -> dict:
    facts = {"kind": "uy_quyen", "number": "1/QĐ", "person": PERSON, "agency": OFFICE, "roles": ["certifier"]}
    return facts | {"products": ["chung_thuc"], "valid_from": "2026-01-01"} | changes


@pytest.fixture(scope="module")
def signed() -> tuple[bytes, Pki]:
    pki = Pki()
    return attacks.signed(
        attacks.paper(), pki.signer(pki.issue(PERSON, OFFICE)), FIELD_NAMES[Role.CERTIFIER]
    ), pki


@pytest.fixture(scope="module")
def verdict(signed, tmp_path_factory):
    data, pki = signed
    [found] = checked(data, pki, tmp_path_factory.mktemp("trust"), "")
    [signature] = found.signatures
    assert (signature.signer, signature.agency, signature.trusted) == (PERSON, OFFICE, True)
    return found.model_copy(
        update={"signatures": [signature.model_copy(update={"time": "2026-06-30T23:30:00+07:00"})]}
    )


def checked(data: bytes, pki: Pki, folder: Path, roster: str):
    pki.trust(folder / "trust", pki.crls())
    (folder / "x.pdf").write_bytes(data)
    if roster:
        (folder / "keys.toml").write_text(roster, "utf-8")
    signing = SigningSettings(trust_folder=folder / "trust", offline=True)
    settings = Settings(home=folder, signing=signing, office=Office(name="UBND xã An Thử"))
    return verify_paths([folder / "x.pdf"], settings).files


def said(verdict, roster: dict, office: str = OFFICE) -> list[str]:
    found = with_delegation(verdict, Roster(**roster), office)
    assert found.verdict is verdict.verdict and found.reasons == verdict.reasons, "a remark, never a verdict"
    return [each.text for each in found.explanations if each.code == CODE]


@pytest.mark.parametrize(
    "roster",
    [
        {"certifier": SEAT, "delegation": [decision()]},
        {"delegation": [decision(valid_to="2026-06-30")]},  # the last day counts, in Viet Nam
        {"delegation": [decision(withdrawn_on="2026-07-01")]},
        {"delegation": [decision(valid_to="2026-02-01"), decision(number="2/QĐ", valid_from="2026-02-02")]},
        {"certifier": SEAT | {"own_right": True}},
        {"delegation": [decision(person="Người Khác", valid_to="2026-01-02")]},  # does not know this signer
        {"agency": SEAT},
    ],
)
def test_authorised_or_unknown_says_nothing(verdict, roster):
    assert said(verdict, roster) == []


@pytest.mark.parametrize(
    "roster",
    [
        {"certifier": SEAT},
        {"delegation": [decision(valid_to="2026-06-29")]},
        {"delegation": [decision(valid_from="2026-07-01")]},
        {"delegation": [decision(withdrawn_on="2026-06-30")]},
        {"delegation": [decision(roles=["agency"])]},
        {"delegation": [decision(products=["sao_y"])]},
    ],
)
def test_not_authorised_on_that_day(verdict, roster):
    [text] = said(verdict, roster)
    assert "30/06/2026" in text and "1/QĐ" not in text and PERSON not in text


def test_other_offices_demo_keys_and_doubtful_signers_are_not_judged(verdict):
    roster = {"certifier": SEAT}
    assert said(verdict, roster, "Ủy ban nhân dân phường Khác") == []
    for changes in (
        {"demo": True},
        {"trusted": False},
        {"intact": False},
        {"field": "CoQuan"},
        {"time": None},
    ):
        [signature] = verdict.signatures
        other = verdict.model_copy(update={"signatures": [signature.model_copy(update=changes)]})
        assert said(other, roster) == []


def test_asked_where_files_are_verified(signed, tmp_path):
    data, pki = signed
    [found] = checked(
        data, pki, tmp_path, f'[certifier]\nkind = "pkcs12"\nfile = "x.p12"\nperson = "{PERSON}"\n'
    )
    assert [each.code for each in found.explanations].count(CODE) == 1
    assert found.verdict is Verdict.VALID and found.signatures[0].revocation is Revocation.GOOD
    assert found.signatures[0].timestamp is TimestampState.NONE and CATALOGUE[CODE].weight is Verdict.VALID
    [found] = checked(data, pki, tmp_path, "not toml at all")  # said by `sohoa doctor`, not by a verification
    assert found.verdict is Verdict.VALID and CODE not in [each.code for each in found.explanations]
