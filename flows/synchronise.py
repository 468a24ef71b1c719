"""Handing digitised results to the Kho of their owners on Cổng DVCQG, each once: NĐ 45/2020/NĐ-CP Đ14 k3 asks that an electronic
result is synchronised under `<mã hồ sơ>-KQ<n>`.

What is not yet written down as synchronised is sent; the message has the same id every time, by which the other side knows one
that was sent before the process was killed. The interface is that of `flows.delivery_portal`: a gateway, or the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from flows.coding import OWNER_FIELDS
from flows.delivery_portal import HttpCitizenStore, SimulatedStore, Transport
from flows.people import require, unit_of
from flows.plan import Plan, Told, _quiet
from schemas.copies import Channel, Message
from schemas.errors import BadSettings, DeliveryRefused, DeliveryUnavailable
from schemas.people import Right
from schemas.zone import VIETNAM
from storage.catalogue import DocumentRow
from storage.catalogue.events import add_event
from storage.catalogue.rows import short_id
from storage.plan.progress import SYNCHRONISED, not_synchronised, synchronised


@dataclass
class Synchronised:
    """What one call did."""

    sent: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """Record → why it cannot be sent, Vietnamese."""
    later: int = 0
    """Not tried, because the Kho did not answer; the same call goes on."""
    simulated: bool = False


def kho_of(plan: Plan) -> Transport:
    """Raises BadSettings in production without a gateway."""
    settings = plan.settings
    if settings.delivery.kho_url:
        return HttpCitizenStore(settings.delivery)
    if settings.signing.production:
        raise BadSettings("delivery.kho_url")
    return SimulatedStore(settings.home / "kho-mo-phong")


def synchronise(
    plan: Plan, *, units: Iterable[str] | None = None, kho: Transport | None = None, told: Told = _quiet
) -> Synchronised:
    """Sends every archived, signed record of these agencies (all when None) that did not go yet.

    Problems of one record are in the result. Raises BadSettings, NotAllowed.
    """
    kho = kho or kho_of(plan)
    result = Synchronised(simulated=kho.simulated)
    ids = None if units is None else plan.offices.ids(frozenset(units)) | set(units)
    with plan.catalogue.read() as connection:
        waiting = not_synchronised(connection, ids, simulated_counts=kho.simulated)
    for at, document in enumerate(waiting):
        told("sync", at)
        row = plan.catalogue.document(document)
        if plan.actor is not None:
            require(plan.actor, Right.EXPORT, unit_of(plan.catalogue, document)[0])
        if why := _why_not(row):
            result.left_out[document] = why
            continue
        try:
            _send(plan, kho, row)
        except DeliveryRefused as error:
            result.left_out[document] = f"Kho không nhận: {error.detail}"
        except DeliveryUnavailable:
            result.later = len(waiting) - at
            break
        else:
            result.sent.append(document)
    return result


def _why_not(row: DocumentRow) -> str:
    if not row.result_code:
        return "chưa có mã kết quả (thiếu mã hồ sơ)"
    return "" if _owner(row) else "không có số định danh của chủ kết quả"


def _owner(row: DocumentRow) -> str:
    return next((f.value for name in OWNER_FIELDS if (f := row.fields.get(name)) and f.value), "")


def _send(plan: Plan, kho: Transport, row: DocumentRow) -> None:
    moment = datetime.now(VIETNAM)
    message = Message(
        id=short_id("M", row.id, row.archive.sha256), entry=row.id, channel=Channel.CITIZEN_STORE, address=_owner(row),
        object=row.archive, subject=f"Kết quả {row.result_code}", queued_at=moment, next_at=moment,
    )  # fmt: skip
    receipt = kho.send(message, plan.store.get(row.archive.key, row.archive.version), "", moment)
    with plan.catalogue.write() as connection:
        if not synchronised(connection, row.id, simulated_counts=kho.simulated):
            add_event(
                connection, plan.who, SYNCHRONISED, row.id, message=message.id, version=row.version,
                simulated=receipt.simulated,
            )  # fmt: skip
