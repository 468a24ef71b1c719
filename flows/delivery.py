"""Hands issued copies over: by e-mail, or to the citizen's store (NĐ 45/2020 Đ10). Everything goes through the outbox.

What is to be sent is written down first; then whoever runs `deliver` claims, sends, and keeps the receipt. What fails goes again
with growing waits; what is refused, or failed too often, waits for a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from flows.attestation import wording
from flows.claims import worker_name
from flows.copies_desk import CopyDesk
from flows.delivery_mail import MailTransport
from flows.delivery_portal import HttpCitizenStore, SimulatedStore, Transport
from schemas.copies import Channel, CopyResult, Message
from schemas.errors import BadSettings, NotAllowedNow, SohoaError, WrongUse
from schemas.register import EntryState, RegisterEntry
from schemas.signing import FORM_OF_COPY, Product
from schemas.store import ObjectRef
from storage.outbox import LONGEST_WAIT, Outbox

LEASE = timedelta(minutes=5)
PRODUCT_OF = {"sct_bs": Product.CERTIFIED_COPY, "sy": Product.TRUE_COPY, "sl": Product.COPY_OF_COPY,
              "trs": Product.EXTRACT, "so_goc": Product.REGISTER_COPY}  # fmt: skip


@dataclass
class Delivered:
    """What one run of `deliver` did."""

    sent: list[Message] = field(default_factory=list)
    later: list[Message] = field(default_factory=list)
    given_up: list[Message] = field(default_factory=list)


def outbox_of(desk: CopyDesk) -> Outbox:
    return Outbox(desk.catalogue, desk.clock)


def queue_delivery(desk: CopyDesk, entry_id: str, channel: Channel, address: str) -> Message:
    """Writes down that an issued copy is to be sent. Asking again for the same changes nothing.

    Raises NotFound, NotAllowedNow when nothing was issued under the number or it is cancelled, WrongUse without an address.
    """
    entry = desk.register.entry(entry_id)
    if entry.state is not EntryState.COMPLETED:
        raise NotAllowedNow(f"số {entry.full_number}: {entry.state}")
    address = address.strip()
    if not address or (channel is Channel.EMAIL and "@" not in address):
        raise WrongUse("thiếu địa chỉ nhận: --email ĐỊA_CHỈ hoặc --identity SỐ_ĐỊNH_DANH")
    form = FORM_OF_COPY[PRODUCT_OF[entry.kind]].capitalize()
    subject = f"{form} số {entry.full_number}"
    return outbox_of(desk).queue(
        entry.id, channel, address, issued_file(desk, entry), subject=subject, who=desk.who
    )


def queue_for_requester(desk: CopyDesk, result: CopyResult, *, email: str, identity: str) -> list[Message]:
    """To every address that the requester gave."""
    wanted = ((Channel.EMAIL, email), (Channel.CITIZEN_STORE, identity))
    return [queue_delivery(desk, result.entry, channel, address) for channel, address in wanted if address]


def issued_file(desk: CopyDesk, entry: RegisterEntry) -> ObjectRef:
    """Where the copy of a completed row lies. Raises NotAllowedNow when it was issued on paper only."""
    evidence = entry.evidence
    if evidence is None or not evidence.copies or "object" not in evidence.detail:
        raise NotAllowedNow(f"số {entry.full_number} không có bản điện tử")
    return desk.store.stat(evidence.detail["object"], evidence.detail["version"]).ref


def transports_of(desk: CopyDesk) -> dict[Channel, Transport]:
    """The ways out that the settings name. Without a gateway the simulator stands in, never in production."""
    settings = desk.settings.delivery
    found: dict[Channel, Transport] = {}
    if settings.smtp_host:
        found[Channel.EMAIL] = MailTransport(settings, desk.keys.agency)
    if settings.kho_url:
        found[Channel.CITIZEN_STORE] = HttpCitizenStore(settings)
    elif not desk.settings.signing.production:
        found[Channel.CITIZEN_STORE] = SimulatedStore(desk.settings.home / "kho-mo-phong")
    return found


def deliver(desk: CopyDesk, transports: Mapping[Channel, Transport] | None = None) -> Delivered:
    """Sends everything that is due, each message once. May run in several processes at once.

    Problems of one message never raise; they are in the result and in the outbox. Raises CatalogueUnavailable.
    """
    transports = transports_of(desk) if transports is None else transports
    outbox, worker, result = outbox_of(desk), worker_name(), Delivered()
    while (message := outbox.claim(worker, LEASE)) is not None:
        try:
            receipt = _send(desk, message, transports)
        except SohoaError as error:
            wait = _wait(desk, message) if error.retry or isinstance(error, BadSettings) else None
            kept = outbox.not_delivered(message.id, worker, error.code, error.detail, wait=wait, who=desk.who)
            (result.later if wait is not None else result.given_up).append(kept)
            continue
        result.sent.append(outbox.delivered(message.id, worker, receipt, who=desk.who))
    return result


def _send(desk: CopyDesk, message: Message, transports: Mapping[Channel, Transport]):
    transport = transports.get(message.channel)
    if transport is None:
        raise BadSettings(f"delivery: no way is set for {message.channel}")
    entry = desk.register.entry(message.entry)
    if entry.state is not EntryState.COMPLETED:
        raise NotAllowedNow(f"số {entry.full_number}: {entry.state}")  # cancelled while it waited
    attach = message.channel is Channel.CITIZEN_STORE or desk.settings.delivery.attach
    data = desk.store.get(message.object.key, message.object.version) if attach else None
    return transport.send(message, data, _letter_text(desk, entry, attach), desk.moment())


def _letter_text(desk: CopyDesk, entry: RegisterEntry, attached: bool) -> str:
    url, code = desk.settings.certifying.verify_url, entry.evidence.copies[0].code
    link = f"{url}{'&' if '?' in url else '?'}ma={code}" if url else f"mã {code}"
    if not attached and not url:
        raise BadSettings("certifying.verify_url: a letter without the file needs the link")
    text = wording("thu-gui", desk.moment().date(), desk.settings.home / "templates")
    how = "Tệp kèm theo thư này." if attached else f"Tải bản sao tại: {link}"
    lines = text.filled(agency=desk.keys.agency, number=entry.full_number, how=how, check=link)
    return "\n".join(line for _, line in lines) + "\n"


def _wait(desk: CopyDesk, message: Message) -> timedelta | None:
    """Doubled after every attempt; None after the last one."""
    settings = desk.settings.delivery
    if message.attempts + 1 >= settings.attempts:
        return None
    return min(timedelta(seconds=settings.first_wait_seconds * 2**message.attempts), LONGEST_WAIT)
