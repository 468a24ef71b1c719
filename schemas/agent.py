"""The agent on an official's PC that offers a PKCS#11 token to the portal: its settings and what goes over the wire.

Batches are `schemas.signing.SigningJob`, results `JobAnswers`: what is signed and public certificates travel, neither a
document nor a PIN ever does.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_DOCUMENTS = 2_000
"""In one job, that is, in one approval."""
MAX_NAME = 200
"""Letters of a document's name."""
_LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


class AgentSettings(BaseModel):
    """Section `[agent]`: how `sohoa agent` runs on this PC."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    origins: list[str] = []
    """Addresses of the portal that may ask for signatures, for example "https://sohoa.tinh.gov.vn"."""
    libraries: list[str] = []
    """PKCS#11 drivers of the tokens (.so, .dll), full paths."""
    port: int = Field(17817, ge=0, le=65535)
    """On 127.0.0.1 and ::1 only; 0: any free one."""
    code_seconds: float = Field(120.0, gt=0)
    """How long a pairing code holds."""
    idle_minutes: float = Field(15.0, gt=0)
    """Unused for so long, the token is logged out and the PIN is asked again."""
    approval_minutes: float = Field(10.0, gt=0)
    """A batch not approved for so long is dropped."""

    @field_validator("origins")
    @classmethod
    def _exact_origins(cls, value: list[str]) -> list[str]:
        return [exact_origin(text) for text in value]


def exact_origin(text: str) -> str:
    """An origin as browsers send it. Raises ValueError: no wildcard, no path, https except on this machine."""
    found = re.fullmatch(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:]+\])(?::(\d{1,5}))?/?", text.strip().lower())
    if not found:
        raise ValueError(f"not an origin such as https://host: {text!r}")
    scheme, host, port = found.groups()
    if scheme == "http" and host not in _LOOPBACK:
        raise ValueError(f"https is needed except on this machine: {text!r}")
    usual = {"http": "80", "https": "443"}[scheme]
    return f"{scheme}://{host}" + (f":{port}" if port and port != usual else "")


def one_line(name: str) -> bool:
    """Whether a document's name can be shown in an approval: it must not hide, reorder or overwrite what stands beside it."""
    hidden = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
    return 0 < len(name.strip()) <= MAX_NAME and not any(unicodedata.category(c) in hidden for c in name)


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AgentCertificate(_Wire):
    """A certificate on a token, public parts only."""

    sha256: str
    signer: str
    issuer: str
    serial: str
    not_before: str
    not_after: str
    """ISO 8601."""
    key: str
    """For example RSA-2048."""
    token: str
    """Label of the token."""
    certificate: str
    """DER, base64."""


class PinState(_Wire):
    """What a token says of its PIN. PKCS#11 has no number of tries left, only these three."""

    once_wrong: bool = False
    last_try: bool = False
    locked: bool = False


class AgentJobState(StrEnum):
    WAITING = "waiting"  # for its turn
    APPROVAL = "approval"  # for the official's yes
    PIN = "pin"
    SIGNING = "signing"
    NO_TOKEN = "no_token"  # goes on when the token is back
    DONE = "done"
    REFUSED = "refused"  # by the official, or not approved in time
    CANCELLED = "cancelled"  # by the portal
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        return self in (
            AgentJobState.DONE, AgentJobState.REFUSED, AgentJobState.CANCELLED, AgentJobState.FAILED
        )  # fmt: skip


class AgentProgress(_Wire):
    """How far a job is. Signatures that are made stay, whatever becomes of the rest."""

    id: str
    state: AgentJobState
    total: int
    done: int
    error: str = ""
    """Code from the tree of errors; empty when nothing is wrong."""
