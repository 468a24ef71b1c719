"""Requests of the REST API that may come twice: each key of each client has one effect and one answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from schemas.errors import RequestKeyReused
from storage.catalogue.database import Database, insert
from storage.catalogue.events import now
from storage.reuse.tables import requests


@dataclass(frozen=True)
class Running:
    """A key, and who works on it."""

    client: str
    key: str
    holder: str
    mine: bool
    """False: another call works on it; ask again in a moment."""


@dataclass(frozen=True)
class Stored:
    """What was answered the first time."""

    status: int
    headers: dict[str, str]
    body: dict | list


class Requests:
    """Shares the engine of an opened catalogue. Two calls with one key may come at once, to two processes."""

    def __init__(self, database: Database, clock=now) -> None:
        self.database = database
        self.clock = clock

    def begin(self, client: str, key: str, request_hash: str, lease: timedelta) -> Running | Stored:
        """Takes the key, or says who has it, or what was answered. A key whose holder died is taken over after `lease`.

        Raises RequestKeyReused when the key was used for another request.
        """
        moment, mine = self.clock(), secrets.token_hex(16)
        r = requests.c
        taken = {"holder": mine, "begun": moment, "lease_until": moment + lease}
        with self.database.write() as connection:
            fresh = insert(connection, requests).values(client=client, key=key, request_hash=request_hash, **taken)
            if connection.scalar(fresh.on_conflict_do_nothing().returning(r.key)):
                return Running(client, key, mine, True)
            row = connection.execute(_row(client, key).with_for_update()).mappings().one()
            if row["request_hash"] != request_hash:
                raise RequestKeyReused(f"Idempotency-Key {key}")
            if row["status"] is not None:
                return Stored(row["status"], row["headers"], row["body"])
            if row["lease_until"] > moment:
                return Running(client, key, row["holder"], False)
            connection.execute(requests.update().where(r.client == client, r.key == key).values(**taken))
            return Running(client, key, mine, True)

    def finish(self, running: Running, status: int, headers: dict[str, str], body: dict | list) -> None:
        """Keeps the answer for whoever asks again."""
        with self.database.write() as connection:
            connection.execute(
                requests.update().where(*_held(running)).values(status=status, headers=headers, body=body)
            )

    def give_up(self, running: Running) -> None:
        """Nothing was done: the same key may be tried again."""
        with self.database.write() as connection:
            connection.execute(requests.delete().where(*_held(running)))

    def forget(self, before: datetime) -> int:
        """Removes what was answered before; how many."""
        with self.database.write() as connection:
            return connection.execute(requests.delete().where(requests.c.begun < before)).rowcount


def _row(client: str, key: str) -> sa.Select:
    return sa.select(requests).where(requests.c.client == client, requests.c.key == key)


def _held(running: Running) -> tuple[sa.ColumnElement[bool], ...]:
    r = requests.c
    return r.client == running.client, r.key == running.key, r.holder == running.holder, r.status.is_(None)
