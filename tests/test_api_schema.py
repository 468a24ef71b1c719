"""The REST API keeps what its description promises: requests made from the whole OpenAPI document, good and bad ones, against
a real server. Fixed seed; more of them with SOHOA_API_EXAMPLES."""

from __future__ import annotations

import os
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from portal.app import create
from schemas.people import TOKEN_SCOPES
from schemas.settings import Settings
from tests.api_server import ApiOffice, api_office, serving

EXAMPLES = int(os.environ.get("SOHOA_API_EXAMPLES", "12"))
BOUNDED = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[ApiOffice]:
    with serving(api_office(tmp_path_factory.mktemp("schema") / "home", burst=1_000_000, strangers_a_minute=1_000_000)) as made:
        yield made


@pytest.fixture(scope="module")
def secret(office: ApiOffice) -> str:
    """Of a client with something to find."""
    secret = office.token(None, *TOKEN_SCOPES)
    with office.client(secret) as client:
        office.send(client, 1)
    return secret


schema = schemathesis.openapi.from_dict(create(Settings()).openapi())
"""The same that the server serves; asked for before there is one, so that each operation is a test of its own."""


@schema.parametrize()
@BOUNDED
def test_every_operation_answers_as_described(case, office: ApiOffice, secret: str) -> None:
    # Left out: that whatever fits the description is accepted. A cursor that was never handed out is not, nor a code taken twice.
    case.call_and_validate(
        base_url=office.url,
        headers={"Authorization": f"Bearer {secret}"},
        excluded_checks=[positive_data_acceptance],
    )


def test_the_description_is_a_sound_one_and_names_what_the_letter_names(office: ApiOffice) -> None:
    described = httpx.get(f"{office.url}/api/v1/openapi.json").json()
    assert described == schema.raw_schema
    metadata = described["components"]["schemas"]["ImportMetadata"]["properties"]
    letter = {
        "DocCode": 30, "TypeName": 100, "CodeNumber": 11, "CodeNotation": 30, "IssuedDate": None, "OrganName": 200,
        "Subject": 500, "Language": 100, "PageAmount": None, "Description": 500, "InforSign": 30, "Keyword": 100,
        "Mode": 20, "ConfidenceLevel": 30, "Format": 50,
    }  # fmt: skip
    for name, longest in letter.items():
        kinds = metadata[name]["anyOf"]
        assert longest is None or kinds[0]["maxLength"] == longest, name
    assert described["openapi"].startswith("3.1")
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation["security"] == ([{"token": []}] if path.startswith("/api/") else [])


def test_a_code_in_the_address_may_hold_vietnamese_letters(office: ApiOffice, secret: str) -> None:
    with office.client(secret) as client:
        assert client.get(f"/documents/{quote('H26.12_QĐ_000001_V1')}").status_code == 200
