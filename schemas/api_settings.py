"""Settings of reuse and of the REST API; apart from their words, which the command need not load."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReuseSettings(BaseModel):
    """Section `[reuse]`: where data is looked for before anybody is asked for paper."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    national_url: str = ""
    """Gateway (LGSP/NDXP) to the national databases; its interface is agreed with whoever runs it. Empty: the simulator,
    outside production."""
    national_token: str = Field("", repr=False)
    """Better given as SOHOA_REUSE__NATIONAL_TOKEN than written here."""
    seconds: float = Field(5.0, gt=0)
    """Limit for the answer of a national database; after it the archive is asked."""


class ApiSettings(BaseModel):
    """Section `[api]`: the REST API that `sohoa api` serves."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    upload_bytes: int = Field(100_000_000, ge=1_000)
    """Largest file taken by import, put and verify."""
    json_bytes: int = Field(65_536, ge=1_000)
    """Largest JSON body, and largest metadata beside a file."""
    head_seconds: float = Field(10.0, gt=0)
    """A connection has to have sent the head of its request by then."""
    idle_seconds: float = Field(15.0, gt=0)
    """Longest pause between two pieces of a body."""
    slowest_bytes_a_second: int = Field(8_192, ge=1)
    """A body may take its size divided by this, and `idle_seconds` on top."""
    requests_a_minute: int = Field(120, ge=1)
    """Per token, in each process of the server."""
    burst: int = Field(40, ge=1)
    """So many at once before the rate counts."""
    strangers_a_minute: int = Field(30, ge=1)
    """Requests without a token that holds, from one address."""
    connections: int = Field(200, ge=1)
    """Open at once in each process; more are answered 503."""
    looks_at_once: int = Field(2, ge=1, le=4)
    """Uploaded files looked at side by side in each process; others wait their turn, and nobody else does."""
    keep_answers_hours: int = Field(48, ge=1)
    """An Idempotency-Key gives the first answer for so long."""
