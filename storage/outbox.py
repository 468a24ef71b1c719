"""What has to reach somebody outside: kept until it did, tried again with growing waits, never done twice on purpose.

The row is written before anything is sent. A sender claims it, sends, and writes down the receipt; killed in between, the
claim runs out and the message goes again under the same id, by which the other side knows it. Attempts are append-only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from schemas.copies import Channel, DeliveryState, Message, Receipt
from schemas.errors import NotAllowedNow, NotFound, RequestKeyReused
from schemas.register import BookKind
from schemas.store import ObjectRef
from storage.catalogue import tables as t
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event, now
from storage.catalogue.rows import short_id
from storage.catalogue.tables import Json, Text, UtcTime, metadata
from storage.register.rows import local
from storage.register.tables import entries

LONGEST_WAIT = timedelta(hours=6)

messages = sa.Table(
    "outbox_messages",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("entry", sa.String(32), nullable=False, index=True),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("address", Text, nullable=False),
    sa.Column("object", Json, nullable=False),
    sa.Column("subject", Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("queued_at", UtcTime, nullable=False),
    sa.Column("next_at", UtcTime, nullable=False),
    sa.Column("problem", Text, nullable=False),
    sa.Column("receipt", Json),
    sa.Column("worker", Text),
    sa.Column("lease_until", UtcTime),
    sa.Index("ix_outbox_messages_due", "state", "next_at"),
)

attempts = sa.Table(
    "outbox_attempts",
    metadata,
    sa.Column("message", sa.ForeignKey("outbox_messages.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("detail", Text, nullable=False),
)


class Outbox:
    """Shares the engine of an opened catalogue; every method that changes something is one transaction."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self.database = database
        self.clock = clock

    def queue(
        self, entry: str, channel: Channel, address: str, copy: ObjectRef, *, subject: str, who: str
    ) -> Message:
        """Keep a message to be sent. The same copy to the same address by the same way is one message, however often it
        is asked for. Raises RequestKeyReused when that message carries another file."""
        message_id = short_id("M", entry, channel, address)
        moment = self.clock()
        with self.database.write() as connection:
            statement = insert(connection, messages).values(
                id=message_id, entry=entry, channel=channel, address=address, object=copy.model_dump(),
                subject=subject, state=DeliveryState.WAITING, attempts=0, queued_at=moment, next_at=moment, problem="",
            )  # fmt: skip
            if connection.scalar(statement.on_conflict_do_nothing().returning(messages.c.id)):
                add_event(connection, who, "delivery_queued", entry, message=message_id, channel=channel)
            found = _load_one(connection, message_id)
            if found.object.sha256 != copy.sha256:
                raise RequestKeyReused(f"message {message_id}")
            return found

    def message(self, message_id: str) -> Message:
        """Raises NotFound."""
        with self.database.read() as connection:
            return _load_one(connection, message_id)

    def messages(self, entry: str | None = None, state: DeliveryState | None = None) -> list[Message]:
        """Oldest first."""
        m = messages.c
        conditions = [] if entry is None else [m.entry == entry]
        conditions += [] if state is None else [m.state == state]
        with self.database.read() as connection:
            return _load(connection, *conditions)

    def claim(self, worker: str, lease: timedelta) -> Message | None:
        """The message that waits longest and may go now, held for `lease`; None when there is none."""
        moment, m = self.clock(), messages.c
        free = sa.or_(m.lease_until.is_(None), m.lease_until < moment)
        query = (
            sa.select(m.id)
            .where(m.state == DeliveryState.WAITING, m.next_at <= moment, free)
            .order_by(m.next_at, m.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self.database.write() as connection:
            found = connection.scalar(query)
            if found is None:
                return None
            connection.execute(
                messages.update().where(m.id == found).values(worker=worker, lease_until=moment + lease)
            )
            return _load_one(connection, found)

    def delivered(self, message_id: str, worker: str, receipt: Receipt, *, who: str) -> Message:
        """The other side took it. Raises NotAllowedNow when somebody else holds the message by now."""
        kept = receipt.model_dump(mode="json")
        with self.database.write() as connection:
            row = _held(connection, message_id, worker)
            self._end_attempt(connection, row, "delivered", receipt.response, state=DeliveryState.DELIVERED, receipt=kept)
            add_event(
                connection, who, "copy_delivered", row["entry"], message=message_id, simulated=receipt.simulated
            )
            if row["channel"] == Channel.CITIZEN_STORE and (record := _record_of(connection, row["entry"])):
                # The owner has the result itself, as a copy from the archive (docs/plan.md).
                add_event(connection, who, "synchronised", record, message=message_id, simulated=receipt.simulated)
            return _load_one(connection, message_id)

    def not_delivered(
        self, message_id: str, worker: str, code: str, detail: str, *, wait: timedelta | None, who: str
    ) -> Message:
        """It did not work. It goes again after `wait`; None: it is given up and a person looks at it."""
        with self.database.write() as connection:
            row = _held(connection, message_id, worker)
            state = DeliveryState.FAILED if wait is None else DeliveryState.WAITING
            later = self.clock() + (wait or timedelta())
            self._end_attempt(connection, row, "failed", f"{code}: {detail}", state=state, problem=code, next_at=later)
            if wait is None:
                add_event(connection, who, "delivery_given_up", row["entry"], message=message_id, code=code)
            return _load_one(connection, message_id)

    def again(self, message_id: str, *, who: str) -> Message:
        """A person lets a message that was given up go again, now. Raises NotFound, NotAllowedNow."""
        with self.database.write() as connection:
            found = _load_one(connection, message_id)
            if found.state is not DeliveryState.FAILED:
                raise NotAllowedNow(f"message {message_id} is {found.state}")
            connection.execute(
                messages.update()
                .where(messages.c.id == message_id)
                .values(state=DeliveryState.WAITING, next_at=self.clock())
            )
            add_event(connection, who, "delivery_again", found.entry, message=message_id)
            return _load_one(connection, message_id)

    def attempts(self, message_id: str) -> list[tuple[datetime, str, str]]:
        """When, outcome, what was answered; oldest first."""
        a = attempts.c
        query = sa.select(a.at, a.outcome, a.detail).where(a.message == message_id).order_by(a.number)
        with self.database.read() as connection:
            return [(local(at), outcome, detail) for at, outcome, detail in connection.execute(query)]

    def _end_attempt(
        self, connection: sa.Connection, row: sa.RowMapping, outcome: str, detail: str, **values: object
    ) -> None:
        number = row["attempts"] + 1
        connection.execute(
            attempts.insert().values(
                message=row["id"], number=number, at=self.clock(), outcome=outcome, detail=detail[:2000]
            )
        )
        connection.execute(
            messages.update()
            .where(messages.c.id == row["id"])
            .values(attempts=number, worker=None, lease_until=None, **values)
        )


def archived_under(database: Database, sha256: str) -> str | None:
    """Id of the record of which these bytes are an archived version; None when they are none."""
    v = t.document_versions.c
    query = sa.select(v.document).where(v.archive["sha256"].as_string() == sha256).limit(1)
    with database.read() as connection:
        return connection.scalar(query)


def _record_of(connection: sa.Connection, entry: str) -> str | None:
    """The record that a copy is the whole of; None for one made of paper, or for an extract."""
    whole = entries.c.kind.in_((BookKind.TRUE_COPY, BookKind.REGISTER_COPY))
    query = sa.select(t.documents.c.id).join(entries, entries.c.document == t.documents.c.id)
    query = query.where(entries.c.id == entry, whole)
    return connection.scalar(query)


def _held(connection: sa.Connection, message_id: str, worker: str) -> sa.RowMapping:
    query = sa.select(messages).where(messages.c.id == message_id).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"message {message_id}")
    if row["worker"] != worker or row["state"] != DeliveryState.WAITING:
        raise NotAllowedNow(f"message {message_id} is held by another worker")
    return row


def _load_one(connection: sa.Connection, message_id: str) -> Message:
    found = _load(connection, messages.c.id == message_id)
    if not found:
        raise NotFound(f"message {message_id}")
    return found[0]


def _load(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Message]:
    query = sa.select(messages).where(*conditions).order_by(messages.c.queued_at, messages.c.id)
    return [
        Message(
            **{name: row[name] for name in Message.model_fields}
            | {"queued_at": local(row["queued_at"]), "next_at": local(row["next_at"])}
        )
        for row in connection.execute(query).mappings()
    ]
