"""Every place in the catalogue that names an object, and changing what it names.

An object reference is kept as JSON in many tables, also inside the outcomes of steps. They are found by their shape, so a table
added later is covered without being named here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

import storage.outbox  # noqa: F401  (a table that no one has loaded would not be asked)
import storage.plan.tables  # noqa: F401
import storage.register.tables  # noqa: F401
import storage.reuse.tables  # noqa: F401
import storage.search.tables  # noqa: F401
from schemas.store import ObjectRef
from storage.catalogue import tables as catalogue_tables
from storage.catalogue.database import Database
from storage.keeping import tables as keeping_tables

_SHAPE = {"key", "sha256", "size", "version"}
_HISTORY = {keeping_tables.disposal_items.name, keeping_tables.disposal_lists.name}
"""These say what was, not what is."""
KEYS_ONLY = ((catalogue_tables.steps, "result_key"), (catalogue_tables.pages, "reading_key"))
PAGE = 1000


@dataclass(frozen=True)
class Reference:
    table: str
    subject: str
    """Primary key of the row, for people."""
    key: str
    ref: ObjectRef | None
    """None: the catalogue knows the key only."""


def references(database: Database) -> Iterator[Reference]:
    """Table by table, in the order of their keys; a page at a time, so that no transaction stays open meanwhile."""
    for table in _tables():
        columns = [c for c in table.c if isinstance(c.type, sa.JSON)]
        named = [table.c[name] for of, name in KEYS_ONLY if of is table]
        if not columns and not named:
            continue
        identity = list(table.primary_key.columns)
        for row in _rows(database, table, [*identity, *columns, *named]):
            subject = "/".join(str(row[c.name]) for c in identity)
            for column in columns:
                for ref in refs_in(row[column.name]):
                    yield Reference(table.name, subject, ref.key, ref)
            for column in named:
                if row[column.name]:
                    yield Reference(table.name, subject, row[column.name], None)


def refs_in(value: object) -> Iterator[ObjectRef]:
    """Object references anywhere inside a JSON value."""
    if isinstance(value, dict):
        if value.keys() == _SHAPE:
            yield ObjectRef(**value)
        else:
            for item in value.values():
                yield from refs_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from refs_in(item)


def renamed(value: object, name: Callable[[ObjectRef], ObjectRef]) -> object:
    """The same value with every object reference replaced by what `name` gives for it."""
    if isinstance(value, dict):
        if value.keys() == _SHAPE:
            return name(ObjectRef(**value)).model_dump()
        return {key: renamed(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, name) for item in value]
    return value


def _tables() -> list[sa.Table]:
    return [table for table in catalogue_tables.metadata.sorted_tables if table.name not in _HISTORY]


def _rows(database: Database, table: sa.Table, columns: list[sa.Column]) -> Iterator[sa.RowMapping]:
    identity = list(table.primary_key.columns)
    after: tuple | None = None
    while True:
        query = sa.select(*columns).order_by(*identity).limit(PAGE)
        if after is not None:
            query = query.where(sa.tuple_(*identity) > sa.tuple_(*(sa.literal(v, c.type) for v, c in zip(after, identity, strict=True))))
        with database.read() as connection:
            found = connection.execute(query).mappings().all()
        yield from found
        if len(found) < PAGE:
            return
        after = tuple(found[-1][c.name] for c in identity)
