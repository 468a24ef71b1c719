"""A real server of the REST API on loopback, for an office with two agencies; and files as other systems send them."""

from __future__ import annotations

import functools
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn

from portal.api.state import Api
from portal.app import create
from portal.serving import BoundedHttp
from schemas.api_settings import ApiSettings
from schemas.people import TOKEN_SCOPES, Actor, Right
from schemas.settings import Office, Settings
from storage.catalogue import Catalogue
from storage.people import Tokens, Units
from tests.small_papers import decision, pdf, settings_for

CODE, OTHER_CODE = "H26.12", "H26.13"


def described(number: int = 1, office: str = CODE, **more: object) -> dict:
    """Metadata of a decision that was digitised elsewhere."""
    return {
        "DocCode": f"{office}_QĐ_{number:06d}_V1",
        "TypeName": "Quyết định",
        "CodeNumber": str(number),
        "CodeNotation": "QĐ-UBND",
        "IssuedDate": "2023-03-15",
        "OrganName": "Ủy ban nhân dân xã Đại Đồng",
        "Subject": "Về việc công nhận kết quả bình xét",
        "ValidTo": "2099-12-31",
    } | more


@functools.cache  # the library writes the time into every file
def paper(number: int) -> bytes:
    return pdf(decision(number))


class SlowHeads(BoundedHttp):
    head_seconds = 1.0


@dataclass
class ApiOffice:
    """Tokens of two agencies, and how to ask."""

    settings: Settings
    url: str = ""
    units: dict[str, str] = field(default_factory=dict)
    keys: int = 0
    api: Api | None = None
    """What the server works with."""

    def token(self, unit: str | None = CODE, *scopes: Right, days: float = 1, name: str = "Hệ thống một cửa") -> str:
        with Catalogue.open(self.settings.database) as catalogue:
            made = Tokens(catalogue).issue(
                name,
                self.units[unit] if unit else None,
                scopes or TOKEN_SCOPES,
                datetime.now(UTC) + timedelta(days=days),
                by=Actor.system(),
            )
        return made.secret

    def client(self, token: str | None = None, **more) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=60, **more)

    def key(self) -> dict[str, str]:
        self.keys += 1
        return {"Idempotency-Key": f"khoa-{self.keys:06d}"}

    def send(self, client: httpx.Client, number: int, data: bytes | None = None, key=None, **facts) -> httpx.Response:
        """Imports a decision."""
        return client.post(
            "/documents/import",
            files={"file": (f"QD-{number}.pdf", data or paper(number), "application/pdf")},
            data={"metadata": json.dumps(described(number, **facts))},
            headers=key or self.key(),
        )


def api_office(home: Path, catalogue_url: str = "", decompressed_bytes: int = 2_000_000_000, **api) -> ApiOffice:
    home.mkdir(parents=True, exist_ok=True)
    limits = {"requests_a_minute": 60_000, "burst": 10_000, "looks_at_once": 4} | api
    settings = settings_for(
        home,
        office=Office(code=CODE, name="Ủy ban nhân dân xã Đại Đồng"),
        catalogue_url=catalogue_url,
        api=ApiSettings(**limits),
    )
    settings.limits.decompressed_bytes = decompressed_bytes
    office = ApiOffice(settings)
    with Catalogue.open(settings.database) as catalogue:
        units = Units(catalogue)
        for code, name in ((CODE, "Ủy ban nhân dân xã Đại Đồng"), (OTHER_CODE, "Ủy ban nhân dân xã Hòa Bình")):
            office.units[code] = units.add(name, code=code, by=Actor.system()).id
    return office


@contextmanager
def serving(office: ApiOffice, *, reading: bool = False) -> Iterator[ApiOffice]:
    """As `sohoa api` serves it, in a thread of this process."""
    app = create(office.settings, reading=reading)
    office.api = app.state.api
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=SlowHeads,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=office.settings.api.connections,
        h11_max_incomplete_event_size=16_384,
        timeout_graceful_shutdown=5,
    )
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    office.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    late = time.monotonic() + 20
    while not server.started:
        if not thread.is_alive() or time.monotonic() > late:
            raise RuntimeError("the server did not start")
        time.sleep(0.02)
    try:
        yield office
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
