"""The whole catalogue into a folder and back, consistent while others write.

SQLite: the online backup API gives one file, the state of one moment. PostgreSQL: every table by COPY inside one REPEATABLE READ
transaction, which is one moment too. COPY needs no program beside the server and no matching version of one (pg_dump refuses a
server newer than itself), so it works wherever the catalogue itself works; that is why it was chosen.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from schemas.errors import WrongUse
from schemas.keeping_errors import BackupInvalid, NotEmpty
from storage.catalogue.database import Database, migrate, translated

SQLITE_FILE = "catalogue.sqlite"
TABLES_FOLDER = "tables"
REVISION_TABLE = "alembic_version"


def dump(database: Database, folder: Path) -> dict:
    """Writes the catalogue below `folder`; facts for the manifest: kind, revision, and rows of each table."""
    return _dump_sqlite(database, folder) if database.is_sqlite else _dump_postgresql(database, folder)


def load(facts: dict, folder: Path, url: str) -> None:
    """Makes a catalogue at `url` from a dump. Raises NotEmpty, BackupInvalid, WrongUse when kinds differ."""
    to_sqlite = sa.make_url(url).get_backend_name() == "sqlite"
    if to_sqlite != (facts["kind"] == "sqlite"):
        raise WrongUse(f"the backup holds a {facts['kind']} catalogue")
    with translated():
        if to_sqlite:
            _load_sqlite(folder / SQLITE_FILE, Path(sa.make_url(url).database))
        else:
            _load_postgresql(facts, folder / TABLES_FOLDER, url)


# --- SQLite ----------------------------------------------------------------------------------------------------------
def _dump_sqlite(database: Database, folder: Path) -> dict:
    target = folder / SQLITE_FILE
    with translated(), closing(_sqlite_of(database)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)  # in one step: writers go on in the WAL meanwhile
        copy.execute("PRAGMA journal_mode = DELETE")  # one file that needs no companion
        found = copy.execute("PRAGMA quick_check").fetchall()
        if found != [("ok",)]:
            raise BackupInvalid(f"the catalogue's own check: {found[0][0]}")
        names = copy.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
        virtual = copy.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL%'").fetchall()
        rows = {
            name: copy.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for (name,) in names
            if not name.startswith(tuple(v for (v,) in virtual) or ("\0",))
        }
        (revision,) = copy.execute(f"SELECT version_num FROM {REVISION_TABLE}").fetchone()
    return {"kind": "sqlite", "revision": revision, "rows": rows}


def _sqlite_of(database: Database) -> sqlite3.Connection:
    path = Path(sa.make_url(database.url).database).resolve()
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)


def _load_sqlite(source: Path, target: Path) -> None:
    if target.exists():
        raise NotEmpty(str(target))
    with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as kept, closing(
        sqlite3.connect(target)
    ) as copy:
        kept.backup(copy)
        if copy.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            raise BackupInvalid("the catalogue in the backup is damaged")
        if copy.execute("PRAGMA foreign_key_check").fetchone() is not None:
            raise BackupInvalid("rows of the catalogue in the backup point to nothing")


# --- PostgreSQL ------------------------------------------------------------------------------------------------------
def _dump_postgresql(database: Database, folder: Path) -> dict:
    folder = folder / TABLES_FOLDER
    folder.mkdir()
    rows: dict[str, int] = {}
    with database.at_one_moment() as connection:
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        columns = _columns(connection)
        raw = connection.connection.driver_connection
        for table, names in columns.items():
            with raw.cursor() as cursor, (folder / f"{table}.copy").open("wb") as file:
                with cursor.copy(f"COPY {_quoted(table)} ({_list(names)}) TO STDOUT") as copy:
                    for block in copy:
                        file.write(block)
                rows[table] = cursor.rowcount
        revision = connection.scalar(sa.text(f"SELECT version_num FROM {REVISION_TABLE}"))
        sequences = _sequences(connection)
    return {"kind": "postgresql", "revision": revision, "rows": rows, "columns": columns, "sequences": sequences}


def _load_postgresql(facts: dict, folder: Path, url: str) -> None:
    """Schema by the migrations, up to the one of the backup; rows by COPY; all in one transaction."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 10})
    try:
        with engine.begin() as connection:
            if _columns(connection):
                raise NotEmpty("the target database holds tables")
            migrate(connection, facts["revision"])
            _rows_in(connection, facts, folder)
    finally:
        engine.dispose()


def _rows_in(connection: sa.Connection, facts: dict, folder: Path) -> None:
    order = _parents_first(connection, list(facts["columns"]))
    for table in order:
        # The rows are taken as they are: rules that guard writing, and whatever follows a write, had their say before.
        connection.execute(sa.text(f"ALTER TABLE {_quoted(table)} DISABLE TRIGGER USER"))
    for table in reversed(order):  # what migrations themselves put in
        connection.execute(sa.text(f"DELETE FROM {_quoted(table)}"))
    raw = connection.connection.driver_connection
    for table in order:
        names = facts["columns"][table]
        with raw.cursor() as cursor, (folder / f"{table}.copy").open("rb") as file:
            with cursor.copy(f"COPY {_quoted(table)} ({_list(names)}) FROM STDIN") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            if cursor.rowcount != facts["rows"][table]:
                raise BackupInvalid(f"{table}: {cursor.rowcount} rows, the manifest says {facts['rows'][table]}")
    # What waits for the end of the transaction is checked now: tables with such checks pending cannot be altered.
    connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
    for table in order:
        connection.execute(sa.text(f"ALTER TABLE {_quoted(table)} ENABLE TRIGGER USER"))
    for name, (value, called) in facts["sequences"].items():
        statement = sa.text("SELECT setval(CAST(:name AS regclass), :value, :called)")
        connection.execute(statement, {"name": _quoted(name), "value": value, "called": called})


def _columns(connection: sa.Connection) -> dict[str, list[str]]:
    """Columns of every table that are stored, not generated."""
    query = sa.text(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0"
        " AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY c.relname, a.attnum"
    )
    found: dict[str, list[str]] = {}
    for table, column in connection.execute(query):
        found.setdefault(table, []).append(column)
    return found


def _sequences(connection: sa.Connection) -> dict[str, tuple[int, bool]]:
    """Where each counter stands. A sequence is not part of the moment the transaction sees: it may be ahead, never behind."""
    query = sa.text("SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'")
    return {
        name: tuple(connection.execute(sa.text(f"SELECT last_value, is_called FROM {_quoted(name)}")).one())
        for name in connection.scalars(query).all()
    }


def _parents_first(connection: sa.Connection, tables: list[str]) -> list[str]:
    """So that no row is copied in before the row it points to."""
    query = sa.text(
        "SELECT DISTINCT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint"
        " WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND conrelid <> confrelid"
    )
    parents: dict[str, set[str]] = {table: set() for table in tables}
    for child, parent in connection.execute(query):
        parents[child.strip('"')].add(parent.strip('"'))
    order: list[str] = []
    while parents:
        free = sorted(table for table, of in parents.items() if not of - set(order))
        if not free:
            raise BackupInvalid(f"tables that point to each other: {sorted(parents)}")
        order += free
        for table in free:
            del parents[table]
    return order


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _list(names: list[str]) -> str:
    return ", ".join(map(_quoted, names))
