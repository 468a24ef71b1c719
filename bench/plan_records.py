"""A million records with what happened to them, for measuring reports: some thousands are made one by one, the others are
copies of these by the database itself, each month's beside the last, with ids and codes of their own."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from bench.million import Made, Record, Writer, _fast, _load, load
from schemas.people import Actor
from storage.catalogue import Catalogue
from storage.catalogue import tables as c
from storage.people import Units
from storage.plan.progress import SIGNED
from storage.register import tables as r
from storage.reuse.tables import reuses

MONTHS = 25
"""Copies, 28 days apart."""
BEGIN = datetime(2024, 12, 1, tzinfo=UTC)
UNITS = 40
_BATCH = 1_000
_CLERKS = ("lan", "minh", "huong", "tuan", "hoa", "dung")
_ID = len("D-2W20H2V5NV3A")
_MONTH = timedelta(days=28)


def code_of(unit: int) -> str:
    return f"H26.{unit + 1}"


def make(url: str, count: int) -> Made:
    """Records of 40 agencies over 25 times 28 days: of a hundred, 97 archived and signed, 2 waiting for a check, 1 rejected; 60
    handed to the Kho, 5 used again, 8 with a corrected field. Search is not asked and has no index; pages are left out."""
    started = time.perf_counter()
    each = max(1, count // MONTHS)
    with Catalogue.open(url) as catalogue:
        units = [
            Units(catalogue).add(f"UBND xã Số {n + 1}", code=code_of(n), level="commune", by=Actor.system()).id
            for n in range(UNITS)
        ]
    made: list[tuple[str, datetime, str]] = []
    load(url, _written(each, units, made), indexed=False)
    with Catalogue.open(url) as catalogue:
        with catalogue.write() as connection:
            _fast(connection)
            _lives(connection, made)
        for month in range(1, MONTHS):
            with catalogue.write() as connection:
                _fast(connection)
                for table, where in _COPIED.items():
                    connection.execute(_copy(connection, table, where, month))
        with catalogue.write() as connection:
            _copies(connection)
            if catalogue.is_sqlite:
                connection.exec_driver_sql("ANALYZE")
    if url.startswith("postgresql"):
        settle(url)
    return Made(each * MONTHS, time.perf_counter() - started, 0.0)


def settle(url: str) -> None:
    """PostgreSQL as autovacuum leaves it after some minutes."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()


def _written(each: int, units: list[str], made: list[tuple[str, datetime, str]]) -> Iterator[Record]:
    writer = Writer(3)
    for n in range(each):
        batch = n // _BATCH
        at = BEGIN + timedelta(seconds=2_200_000 * n / each)
        record = writer.record(n, f"B-PLAN{batch:06}", units[batch % UNITS])
        record = replace(record, at=at, doc_code=f"H26_{n:06}_")
        made.append((record.id, at, record.dossier or f"H26.1-{n:06}"))
        yield record


def _lives(connection: sa.Connection, made: list[tuple[str, datetime, str]]) -> None:
    rng = random.Random(9)
    events, versions, corrected, used, states = [], [], [], [], {"review": [], "rejected": []}
    for document, at, dossier in made:
        who, share = rng.choice(_CLERKS), rng.random()
        if share < 0.03:
            state = "review" if share < 0.02 else "rejected"
            states[state].append(document)
            if state == "rejected":
                events.append(_event(document, at + timedelta(days=1), who, "document_rejected"))
            continue
        closed = at + timedelta(hours=rng.randrange(1, 100))
        events += [_event(document, closed, who, "document_confirmed"), _event(document, closed, who, "archived")]
        if rng.random() < 0.6:
            events.append(_event(document, closed + timedelta(days=1), who, "synchronised"))
        versions.append(
            {"document": document, "version": 1, "archive": {}, "made": closed, "who": who, "why": SIGNED[0]}
        )
        if rng.random() < 0.08:
            corrected.append(
                {"document": document, "field": rng.choice(("so_ky_hieu", "ho_ten", "ngay_ban_hanh")), "old_value": "x",
                 "new_value": "y", "old_status": "uncertain", "new_status": "corrected", "who": who, "at": closed, "why": "",
                 "handwritten": rng.random() < 0.3}
            )  # fmt: skip
        if rng.random() < 0.05:
            used.append(
                {"id": f"R{document}", "document": document, "version": 1, "sha256": "0" * 64, "dossier": dossier,
                 "purpose": "", "actor": who, "actor_name": who, "unit": "", "right": "read", "via": "cli",
                 "at": closed + timedelta(days=9), "day": f"{closed + timedelta(days=9):%Y-%m-%d}"}
            )  # fmt: skip
    for table, rows in (
        (c.events, events), (c.document_versions, versions), (c.field_history, corrected), (reuses, used),
    ):  # fmt: skip
        if rows:
            connection.execute(table.insert(), rows)
    _mark(connection)
    for state, some in states.items():
        for document in some:
            connection.execute(c.documents.update().where(c.documents.c.id == document).values(status=state))


def _mark(connection: sa.Connection) -> None:
    """What triggers put beside records; PostgreSQL does without them while it loads."""
    d, e, v = c.documents.c, c.events.c, c.document_versions.c
    for column, query in (
        (d.signed_at, sa.select(v.document, v.made)),
        (d.synchronised_at, sa.select(e.object, e.at).where(e.what == "synchronised")),
        (d.reused_at, sa.select(reuses.c.document, reuses.c.at)),
        (d.checked_at, sa.select(e.object, e.at).where(e.what.in_(("document_confirmed", "document_rejected")))),
    ):
        rows = [{"which": document, "moment": at} for document, at in connection.execute(query)]
        mark = c.documents.update().where(d.id == sa.bindparam("which"), column.is_(None)).values({column: sa.bindparam("moment")})
        connection.execute(mark, rows)


def _event(document: str, at: datetime, who: str, what: str) -> dict:
    return {"object": document, "at": at, "who": who, "what": what, "detail": {}}


# --- the other months ------------------------------------------------------------------------------------------------
_COPIED = {
    c.batches: "length(id) = 12",
    c.sources: "length(name) = 12",
    c.documents: f"length(id) = {_ID}",
    c.fields: f"length(document) = {_ID}",
    c.document_versions: f"length(document) = {_ID}",
    c.events: f"length(object) = {_ID} AND substr(object, 1, 2) = 'D-'",
    c.field_history: f"length(document) = {_ID}",
    reuses: f"length(document) = {_ID}",
}
"""Table → its rows that were made one by one."""
_NUMBERED = {c.events: "id", c.field_history: "id"}
_ENDED = {
    c.batches: ("id",), c.documents: ("id", "batch", "doc_code", "dossier_code"), c.fields: ("document",),
    c.document_versions: ("document",), c.events: ("object",), c.field_history: ("document",),
    reuses: ("id", "document", "dossier"), c.sources: ("name",),
}  # fmt: skip
_HASHES = {c.documents: "source", c.sources: "sha256"}
_TIMES = ("created", "changed", "made", "at", "signed_at", "synchronised_at", "reused_at", "checked_at")


def _copy(connection: sa.Connection, table: sa.Table, where: str, month: int) -> sa.TextClause:
    columns, values = [], []
    for column in table.columns:
        if column.name == _NUMBERED.get(table):
            continue
        name = value = f'"{column.name}"'
        if column.name in _ENDED[table]:
            value = f"{name} || '{month:02}'"
        elif column.name == _HASHES.get(table):
            value = f"substr({name}, 1, 61) || '-{month:02}'"
        elif column.name in _TIMES and connection.dialect.name == "sqlite":
            value = f"strftime('%Y-%m-%d %H:%M:%f', {name}, '+{month * _MONTH.days} days') || '000'"
        elif column.name in _TIMES:
            value = f"{name} + interval '{month * _MONTH.days} days'"
        columns.append(name)
        values.append(value)
    # In the order of its key: pages of the index are then filled one after the other.
    order = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    statement = f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table.name} WHERE {where} "
    return sa.text((statement + f"ORDER BY {order}").replace(":%", r"\:%"))


def _copies(connection: sa.Connection) -> None:
    """A year of a register: 20,000 certified copies."""
    book = {
        "id": "so", "agency": code_of(0), "kind": "sct_bs", "year": 2026, "symbol": "SCT/BS", "shared": False,
        "first_number": 1, "last_number": 20_000, "opened": BEGIN, "opened_by": "lan", "opening_note": "", "closing_note": "",
    }  # fmt: skip
    connection.execute(r.books.insert(), book)
    volume = {
        "book": "so", "position": 1, "number": 1, "label": "01/2026", "carried": False, "first_number": 1, "opened": BEGIN,
        "opened_by": "lan",
    }  # fmt: skip
    connection.execute(r.volumes.insert(), volume)
    entries, outcomes = [], []
    for n in range(1, 20_001):
        at = datetime(2026, 1, 2, tzinfo=UTC) + timedelta(minutes=22 * n)
        entries.append(
            {"id": f"e{n}", "book": "so", "number": n, "volume": 1, "kind": "sct_bs", "symbol": "SCT/BS", "recorded_at": at,
             "day": f"{at:%Y-%m-%d}", "taken_by": "lan", "request_key": f"k{n}", "requester": "", "original": "", "signer": "",
             "signer_title": "", "copies": 2, "fee": 8_000, "note": "", "place": "", "document": "", "pages": 3}
        )  # fmt: skip
        outcomes.append({"entry": f"e{n}", "state": "completed", "at": at, "who": "lan", "reason": None, "evidence": {}})
    _load(connection, r.entries, entries)
    connection.execute(r.outcomes.insert(), outcomes)
