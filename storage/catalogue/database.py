"""Connections, transactions and errors of the catalogue database (SQLite or PostgreSQL)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import postgresql, sqlite

from schemas.errors import BadSettings, CatalogueUnavailable, DiskFull, SetupError, SohoaError
from storage.catalogue.tables import cleaned

SCHEMA_VERSION = "0010"
"""Newest migration. Kept here so that opening a current catalogue need not load the migration machinery."""
BUSY_SECONDS = 30
CACHE_KIB = 32_768
"""Pages of an SQLite file that a connection keeps, where there are so many: the default of 2 MiB holds no index."""
_UPGRADE_LOCK = 0x50484F41
"""Key of the PostgreSQL advisory lock under which the schema is changed."""


class Database:
    """An engine with the two kinds of transaction used here: reading, and writing with the lock from the
    start."""

    def __init__(self, url: str, *, create: bool = True) -> None:
        self.url = url
        self._engine = _engine(url, create=create)
        self._writing = self._engine.execution_options(begin_sqlite="BEGIN IMMEDIATE")
        found = self.schema_version()
        if found != SCHEMA_VERSION:
            if found is None and not create:
                raise SetupError("there is no catalogue at the configured address")
            self.upgrade()

    @property
    def is_sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def close(self) -> None:
        self._engine.dispose()

    def schema_version(self) -> str | None:
        """Migration the database stands at; None for an empty one."""
        with self.read() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))

    def upgrade(self) -> None:
        """Bring the tables to the newest schema, in one transaction. Several processes may start at once.

        Raises SetupError when the database was made by newer software.
        """
        with self.write() as connection:
            if not self.is_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
            migrate(connection)
            from storage.search.index import rebuild_if_empty

            rebuild_if_empty(connection)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def at_one_moment(self) -> Iterator[sa.Connection]:
        """Reading, all of it as of one moment, whatever others write meanwhile."""
        engine = self._engine if self.is_sqlite else self._engine.execution_options(isolation_level="REPEATABLE READ")
        with translated(), engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction, all or nothing. On SQLite it waits for its turn at the start, so it cannot fail
        later by finding that somebody else wrote."""
        with translated():
            with self._writing.begin() as connection:
                endings: _Endings = {}
                connection.execution_options(sohoa_endings=endings)
                yield connection
                # By name, the last first: "search" changes the index, then "audit" takes the lock all writers share.
                done = [act(connection, items) for _, (act, items) in sorted(endings.items(), reverse=True)]
            for afterwards in done:
                afterwards()


def migrate(connection: sa.Connection, to: str = "head") -> None:
    """Tables as of a migration, in the transaction of `connection`. Raises SetupError for one that is not known."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise SetupError(f"the catalogue was made by newer software ({error})") from error


Ending = Callable[[sa.Connection, list], Callable[[], None]]
"""Does the last part of a transaction for everything collected; gives what remains to be done after the commit."""
_Endings = dict[str, tuple[Ending, list]]


def at_the_end(connection: sa.Connection, name: str, act: Ending, item: object) -> None:
    """Collects `item` for the last act of this name in this transaction; in one that is not ours it is done at once."""
    endings: _Endings | None = connection.get_execution_options().get("sohoa_endings")
    if endings is None:
        act(connection, [item])
    else:
        endings.setdefault(name, (act, []))[1].append(item)


def insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """INSERT with ON CONFLICT, which both databases have, each in its own class."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def _engine(url: str, *, create: bool) -> sa.Engine:
    try:
        address = sa.make_url(url)
        if address.drivername in ("postgres", "postgresql"):
            address = address.set(drivername="postgresql+psycopg")
        if address.get_backend_name() not in ("sqlite", "postgresql"):
            raise BadSettings(f"catalogue_url: {address.get_backend_name()} is not supported")
        if address.get_backend_name() == "sqlite":
            return _sqlite_engine(address, create=create)
        return sa.create_engine(
            address, pool_pre_ping=True, json_serializer=_json, connect_args={"connect_timeout": 10}
        )
    except exc.ArgumentError as error:
        raise BadSettings("catalogue_url is not an SQLAlchemy address") from error


def _sqlite_engine(address: sa.URL, *, create: bool) -> sa.Engine:
    if not address.database or address.database == ":memory:":
        raise BadSettings("catalogue_url: a catalogue in memory would be lost")
    path = Path(address.database)
    if not path.exists():
        if not create:
            raise SetupError("there is no catalogue at the configured address")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogueUnavailable(f"{path.parent}: {error.strerror}") from error
    engine = sa.create_engine(address, json_serializer=_json, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin_sqlite", "BEGIN"))

    return engine


def _json(value: object) -> str:
    return json.dumps(cleaned(value), ensure_ascii=False)


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database become ours."""
    try:
        yield
    except exc.SQLAlchemyError as error:
        raise catalogue_error(error) from error
    except sqlite3.Error as error:
        raise _by_cause(error) from error


def catalogue_error(error: exc.SQLAlchemyError) -> SohoaError:
    """The most specific error of ours. A broken rule of the schema is our mistake, not an outage."""
    if isinstance(error, exc.IntegrityError | exc.ProgrammingError | exc.DataError):
        return SohoaError(f"catalogue: {error.orig}")
    if isinstance(error, exc.DBAPIError):
        return _by_cause(error.orig)
    if isinstance(error, exc.TimeoutError):
        return CatalogueUnavailable("no free connection")
    return SohoaError(f"catalogue: {error}")


def _by_cause(cause: BaseException | None) -> SohoaError:
    sqlite_full = getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    postgres_full = getattr(cause, "sqlstate", None) == "53100"
    detail = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    return DiskFull(detail) if sqlite_full or postgres_full else CatalogueUnavailable(detail)
