"""The outbox on both databases: two senders never hold one message, archived bytes are known by their hash."""

from __future__ import annotations

import threading
from datetime import timedelta

from schemas.copies import Channel, DeliveryState, Receipt
from schemas.store import ObjectRef
from storage.catalogue import Catalogue
from storage.catalogue.events import now
from storage.outbox import Outbox, archived_under

pytest_plugins = ["catalogue_fixtures"]
COPY = ObjectRef(key="issued/C-1.pdf", sha256="a" * 64, size=1, version="1")


def test_many_senders_share_the_work(catalogue: Catalogue):
    box = Outbox(catalogue)
    for number in range(20):
        box.queue(f"C-{number}", Channel.EMAIL, f"{number}@example.vn", COPY, subject="", who="lan")
    taken: list[str] = []

    def send(worker: str) -> None:
        while (message := box.claim(worker, timedelta(minutes=5))) is not None:
            taken.append(message.id)
            receipt = Receipt(at=now(), message_id=message.id, response="250 OK")
            box.delivered(message.id, worker, receipt, who="lan")

    senders = [threading.Thread(target=send, args=(f"w{n}",)) for n in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    # A sender that found the last free row locked may have ended early; nothing is lost by that.
    send("last")
    assert len(taken) == len(set(taken)) == 20
    assert {message.state for message in box.messages()} == {DeliveryState.DELIVERED}
    assert box.messages()[0].receipt.response == "250 OK"


def test_unknown_bytes_are_archived_nowhere(catalogue: Catalogue):
    assert archived_under(catalogue, "b" * 64) is None
