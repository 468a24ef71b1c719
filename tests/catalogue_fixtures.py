"""Empty catalogues for tests, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.catalogue import (
    Catalogue,
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server of our own, without the name of a database."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed")
    # Not under pytest's own folder: the server runs as another user, who may not enter that one.
    with tempfile.TemporaryDirectory(prefix="sohoa-pg-") as folder:
        os.chmod(folder, 0o755)
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        Catalogue.open(server.get_uri()).close()
        yield server.get_uri()
        server.cleanup()


def fresh_database(server: str, name: str, template: str = "template0") -> str:
    """Address of a database of its own on a server; what was there under the name is gone."""
    admin = sa.create_engine(
        sa.make_url(server).set(drivername="postgresql+psycopg", database="template1"),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    admin.dispose()
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty catalogue."""
    if request.param == "sqlite":
        path = tmp_path / "danh mục.sqlite"
        Catalogue.open(f"sqlite:///{path}").close()
        yield f"sqlite:///{path}"
        return
    # A copy of the one whose tables are made already.
    yield fresh_database(request.getfixturevalue("postgres"), "one_test", "postgres")


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    with Catalogue.open(url) as opened:
        yield opened
