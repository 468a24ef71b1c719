"""National databases (dân cư, hộ tịch, đất đai, đăng ký kinh doanh): an adapter, because their interface comes with an agreement.

There is no public interface (domain law J), so what is spoken here is the smallest honest one: one POST with the question, one
JSON answer. Without an address a simulator takes its place outside production; it reads made-up entries from a file, and every
answer of it says that it is a simulation.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Protocol

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.api_settings import ReuseSettings
from schemas.errors import BadSettings
from schemas.reuse import NationalAnswer, Question
from schemas.reuse_errors import NationalUnavailable
from schemas.settings import Settings

SIMULATOR = "MÔ PHỎNG"
SIMULATOR_FILE = "csdlqg-mo-phong.json"
"""In the home folder: a list of `{"id_number", "kind", "data": {name: value}}`, made up by whoever tries the software."""
_MOST_BYTES = 200_000

DATABASES = {
    "the_can_cuoc": "CSDLQG về dân cư",
    "giay_khai_sinh": "CSDL hộ tịch điện tử",
    "trich_luc_khai_sinh": "CSDL hộ tịch điện tử",
    "trich_luc_khai_tu": "CSDL hộ tịch điện tử",
    "trich_luc_ket_hon": "CSDL hộ tịch điện tử",
    "giay_chung_nhan_ket_hon": "CSDL hộ tịch điện tử",
    "giay_xac_nhan_tinh_trang_hon_nhan": "CSDL hộ tịch điện tử",
    "giay_chung_nhan_quyen_su_dung_dat": "CSDLQG về đất đai",
    "giay_chung_nhan_ho_kinh_doanh": "CSDLQG về đăng ký kinh doanh",
}
"""Where the data of a kind of paper is kept (domain law J; QĐ 3458/QĐ-BTP). Which papers each one replaces by which day is for
NQ 66.7/2025 to say; its lists were not seen [M-M], so a kind that is not here goes straight to the archive."""


class NationalDatabase(Protocol):
    """A way to the national databases."""

    simulated: bool

    def ask(self, question: Question, request_id: str) -> NationalAnswer:
        """Raises NationalUnavailable, BadSettings."""
        ...


class _Said(BaseModel):
    """The other side's answer; what is not understood counts as no answer."""

    model_config = ConfigDict(extra="ignore")

    found: bool
    source: str = Field("", max_length=200)
    data: dict[str, str] = Field(default_factory=dict, max_length=200)
    as_of: datetime | None = None
    simulated: bool = False


class HttpNational:
    """`POST <url>/lookup` with `{"request", "id_number", "kind", "dossier", "purpose"}`; 200 with
    `{"found", "source", "data", "as_of"}`, also when nothing was found."""

    simulated = False

    def __init__(self, settings: ReuseSettings, transport: httpx.BaseTransport | None = None) -> None:
        if not settings.national_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise BadSettings("reuse.national_url: personal data goes by https only")
        token = settings.national_token
        self._client = httpx.Client(
            base_url=settings.national_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=settings.seconds,
            transport=transport,
        )

    def ask(self, question: Question, request_id: str) -> NationalAnswer:
        try:
            answer = self._client.post("lookup", json={"request": request_id} | question.model_dump())
        except httpx.HTTPError as error:
            raise NationalUnavailable(type(error).__name__) from error
        if answer.status_code in (401, 403):
            raise BadSettings(f"reuse.national_token: {answer.status_code}")
        if answer.status_code != 200 or len(answer.content) > _MOST_BYTES:
            raise NationalUnavailable(str(answer.status_code))
        try:
            said = _Said.model_validate_json(answer.content)
        except ValidationError:
            raise NationalUnavailable("the answer is not what was agreed") from None
        return NationalAnswer(**said.model_dump(exclude={"source"}), source=said.source or source_of(question.kind))


class SimulatedNational:
    """Stands in where no connection is agreed. What it answers is made up."""

    simulated = True

    def __init__(self, home: Path) -> None:
        self.path = home / SIMULATOR_FILE

    def ask(self, question: Question, request_id: str) -> NationalAnswer:
        try:
            entries = json.loads(self.path.read_text("utf-8")) if self.path.exists() else []
            found = next(
                (e for e in entries if (e["id_number"], e["kind"]) == (question.id_number, question.kind)), None
            )
            data = {str(name): str(value) for name, value in found["data"].items()} if found else {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise NationalUnavailable(f"{SIMULATOR}: {SIMULATOR_FILE}: {type(error).__name__}") from error
        source = f"{SIMULATOR} {source_of(question.kind)}"
        return NationalAnswer(found=found is not None, source=source, data=data, simulated=True)


def source_of(kind: str) -> str:
    return DATABASES.get(kind, "")


def national_of(settings: Settings) -> NationalDatabase | None:
    """The connection that the settings name; the simulator without one, never in production."""
    if settings.reuse.national_url:
        return HttpNational(settings.reuse)
    return None if settings.signing.production else SimulatedNational(settings.home)
