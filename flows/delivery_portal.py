"""The citizen's store (Kho quản lý dữ liệu điện tử) on Cổng DVCQG: an adapter, because its interface comes with an agreement.

TT 01/2023/TT-VPCP Đ24 đ: the result of a certification goes into the store, with the owner's identification. There is no public
interface (domain law J), so what is here is the smallest honest one: one PUT of the file with its facts, idempotent by the
message's id. Without an address the simulator takes its place: it only writes into a folder, and every receipt says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Protocol

import httpx

from schemas.copies import Message, Receipt
from schemas.errors import BadSettings, DeliveryRefused, DeliveryUnavailable
from schemas.settings import Delivery

SIMULATOR = "MÔ PHỎNG"


class Transport(Protocol):
    """A way out of the house."""

    simulated: bool

    def send(self, message: Message, data: bytes | None, text: str, moment: datetime) -> Receipt:
        """Hands the message over; the same one again is the same delivery. Raises DeliveryUnavailable, DeliveryRefused,
        BadSettings."""
        ...


class HttpCitizenStore:
    """`PUT <url>/documents/<message id>` with JSON; 200 or 201 with `{"receipt": …}` is taken, 409 was taken before."""

    simulated = False

    def __init__(self, settings: Delivery, transport: httpx.BaseTransport | None = None) -> None:
        if not settings.kho_url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise BadSettings("delivery.kho_url: personal data goes by https only")
        self._client = httpx.Client(
            base_url=settings.kho_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {settings.kho_token}"} if settings.kho_token else {},
            timeout=settings.seconds,
            transport=transport,
        )

    def send(self, message: Message, data: bytes | None, text: str, moment: datetime) -> Receipt:
        try:
            answer = self._client.put(
                f"documents/{message.id}",
                json=package(message, data),
                headers={"Idempotency-Key": message.id},
            )
        except httpx.HTTPError as error:
            raise DeliveryUnavailable(type(error).__name__) from error
        if answer.status_code in (200, 201, 409):
            return Receipt(
                at=moment, message_id=message.id, response=f"{answer.status_code} {_receipt(answer)}"
            )
        if answer.status_code in (401, 403):
            raise BadSettings(f"delivery.kho_token: {answer.status_code}")
        refused = 400 <= answer.status_code < 500 and answer.status_code not in (408, 425, 429)
        raise (DeliveryRefused if refused else DeliveryUnavailable)(str(answer.status_code))


def _receipt(answer: httpx.Response) -> str:
    """Raises DeliveryUnavailable: a proxy that says 200 to everything has taken nothing."""
    try:
        return str(answer.json()["receipt"])[:200]
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryUnavailable("the answer holds no receipt") from error


def package(message: Message, data: bytes | None) -> dict:
    """What is handed over: the owner, the file, and its hash."""
    if data is None:
        raise DeliveryRefused("the store takes files, not links")
    return {
        "id": message.id,
        "owner": message.address,
        "title": message.subject,
        "sha256": hashlib.sha256(data).hexdigest(),
        "file": base64.b64encode(data).decode(),
        "mediaType": "application/pdf",
    }


class SimulatedStore:
    """Stands in for the store where no connection is agreed: writes into a folder, delivers nothing."""

    simulated = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, message: Message, data: bytes | None, text: str, moment: datetime) -> Receipt:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{message.id}.json"
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({"note": SIMULATOR} | package(message, data)), "utf-8")
        fresh.replace(path)
        return Receipt(at=moment, message_id=message.id, response=f"{SIMULATOR}: {path.name}", simulated=True)
