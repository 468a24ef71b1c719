"""What stands beside a record for counting (signed, handed to the Kho, checked) is what its versions and events say, on SQLite and
on PostgreSQL: in a catalogue made before the columns were, and for what is written from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.catalogue import Catalogue
from storage.catalogue import tables as t
from storage.catalogue.database import migrate
from storage.plan.progress import SIGNED, recorded, simulated
from tests.catalogue_fixtures import fresh_database

pytest_plugins = ["catalogue_fixtures"]
START = datetime(2026, 3, 1, tzinfo=UTC)
SPOKEN = sa.text(
    "SELECT id, (SELECT min(made) FROM document_versions v WHERE v.document = d.id "
    "AND why IN ('signed by scanning clerk and agency', 'arrived signed')), "
    "(SELECT min(at) FROM events e WHERE e.object = d.id AND what = 'synchronised'), "
    "(SELECT max(at) FROM events e WHERE e.object = d.id AND what IN ('document_confirmed', 'document_rejected')) "
    "FROM documents d ORDER BY id"
)
KEPT = sa.text("SELECT id, signed_at, synchronised_at, checked_at FROM documents ORDER BY id")


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request, tmp_path: Path):
    """An engine on a catalogue as it was before, and its address."""
    if request.param == "sqlite":
        url = engine_url = f"sqlite:///{tmp_path}/cũ.sqlite"
    else:
        url = fresh_database(request.getfixturevalue("postgres"), "older_test")
        engine_url = sa.make_url(url).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(engine_url)
    with engine.begin() as connection:
        migrate(connection, "0009")
    yield engine, url
    engine.dispose()


def records(connection: sa.Connection, *names: str) -> None:
    common = {"pages": [1], "first_page": 1, "type": "quyet_dinh", "type_confidence": 1, "rotation": 0, "version": 1,
              "revision": 1, "text": "", "tables": {}, "created": START, "changed": START, "superseded": False}  # fmt: skip
    for name in names:
        connection.execute(t.batches.insert().values(
            id=f"B-{name}", name=name, settings_hash="", legal_basis="", status="finished", created=START
        ))  # fmt: skip
        connection.execute(t.sources.insert().values(
            sha256=name * 64, name=name, size=1, media_type="application/pdf", signed=False, signature_notes=[]
        ))  # fmt: skip
        connection.execute(t.documents.insert().values(
            **common, id=name, batch=f"B-{name}", source=name * 64, status="archived"
        ))  # fmt: skip


def happened(connection: sa.Connection, name: str, days: int, what: str, **detail: object) -> None:
    at = START + timedelta(days=days)
    connection.execute(t.events.insert().values(at=at, who="lan", what=what, object=name, detail=detail))


def version(connection: sa.Connection, name: str, number: int, days: int, why: str) -> None:
    connection.execute(t.document_versions.insert().values(
        document=name, version=number, archive={"sha256": f"{name}{number}"}, made=START + timedelta(days=days), who="lan", why=why
    ))  # fmt: skip


def everything(connection: sa.Connection, a: str, b: str, c: str) -> None:
    """Signed twice and checked twice; only archived; arrived signed and sent, first as a simulation."""
    records(connection, a, b, c)
    version(connection, a, 1, 1, "archived")
    version(connection, a, 2, 3, SIGNED[0])
    version(connection, a, 3, 5, SIGNED[0])
    happened(connection, a, 1, "document_confirmed")
    happened(connection, a, 4, "document_confirmed")
    version(connection, b, 1, 2, "archived")
    happened(connection, b, 2, "document_rejected")
    version(connection, c, 1, 1, SIGNED[1])
    happened(connection, c, 6, "synchronised", simulated=True)
    happened(connection, c, 7, "synchronised", simulated=False)
    happened(connection, a, 8, "synchronised", simulated=True)


def test_marks_are_what_versions_and_events_say(older):
    engine, url = older
    with engine.begin() as connection:
        everything(connection, "a", "b", "c")
    engine.dispose()
    with Catalogue.open(url) as catalogue:
        with catalogue.read() as connection:
            then = connection.execute(KEPT).all()
            assert then == connection.execute(SPOKEN).all()
            assert [sum(value is not None for value in column) for column in zip(*then, strict=True)] == [3, 2, 2, 2]
        with catalogue.write() as connection:
            everything(connection, "d", "e", "f")
        with catalogue.read() as connection:
            kept = connection.execute(KEPT).all()
            assert kept == connection.execute(SPOKEN).all()
            assert [row[1:] for row in kept[3:]] == [row[1:] for row in kept[:3]]
            later = START + timedelta(days=30)
            assert simulated(connection, START + timedelta(days=6, hours=1)) == 2
            assert simulated(connection, later) == 2  # a and d; c and f reached the Kho after all
            assert recorded(connection, START - timedelta(days=1), later) == {("", "quyet_dinh"): 6}
            assert recorded(connection, START, later) == {}
