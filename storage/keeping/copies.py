"""Which version of which place is which version of the catalogue, and which store is the primary one: the book that makes it
possible to keep copies, to heal from them and to move the archive while every reference ever given stays good.

A reference (key, version) was given by the store that was the primary one then. Its row for a place says under which version
id that place has the same bytes; without a row the place's own id is meant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.keeping import PRIMARY, Placed
from schemas.store import ObjectRef, PlaceState
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event, now
from storage.catalogue.rows import short_id
from storage.keeping import tables as t

COPYING, SWITCHED = "copying", "switched"
AT_ONCE = 400
"""Keys asked for in one query."""


def place_of(name: str) -> str:
    """Name of a store that is not the primary one (any more, or yet) and no replica."""
    return f"store-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class Move:
    id: str
    source: str
    """Address, empty for the folder in the home folder."""
    target: str
    state: str
    who: str
    started: datetime
    switched: datetime | None
    objects: int
    bytes: int


@dataclass(frozen=True)
class Tally:
    """Objects of one place by state."""

    place: str
    state: PlaceState
    objects: int
    bytes: int
    checked: datetime | None
    """The one that was looked at the longest ago."""


class Copies:
    """Shares the engine of an opened catalogue; every method that changes something is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- versions ---------------------------------------------------------------------------------------------------
    def row(self, place: str, key: str, version: str) -> Placed | None:
        p = t.object_places.c
        query = sa.select(t.object_places).where(p.key == key, p.version == version, p.place == place)
        with self.database.read() as connection:
            found = connection.execute(query).mappings().first()
        return _placed(found) if found else None

    def rows(self, place: str, keys: Collection[str]) -> list[Placed]:
        """All rows of some keys at one place."""
        p, found, keys = t.object_places.c, [], sorted(set(keys))
        with self.database.read() as connection:
            for start in range(0, len(keys), AT_ONCE):
                some = keys[start : start + AT_ONCE]
                query = sa.select(t.object_places).where(p.place == place, p.key.in_(some))
                found += [_placed(row) for row in connection.execute(query).mappings()]
        return found

    def known(self, key: str, version: str) -> list[Placed]:
        """Where one object is said to lie."""
        p = t.object_places.c
        query = sa.select(t.object_places).where(p.key == key, p.version == version).order_by(p.place)
        with self.database.read() as connection:
            return [_placed(row) for row in connection.execute(query).mappings()]

    def taken(self, key: str, version: str) -> bool:
        """Does this version of a key name something already?"""
        return bool(self.known(key, version))

    def enter(self, rows: Iterable[Placed]) -> None:
        """Writes where objects lie; a row that is there is brought up to date."""
        values = [row.model_dump() for row in rows]
        if not values:
            return
        told = ("sha256", "size", "place_version", "state", "checked_at", "problem")
        with self.database.write() as connection:
            new = insert(connection, t.object_places)
            statement = new.on_conflict_do_update(
                index_elements=["key", "version", "place"], set_={name: new.excluded[name] for name in told}
            )
            connection.execute(statement, sorted(values, key=lambda v: (v["key"], v["version"], v["place"])))

    def mark(self, key: str, version: str, places: Sequence[str], state: PlaceState) -> None:
        """Something is to be done about one object at these places, as soon as they are reached."""
        p = t.object_places.c
        with self.database.write() as connection:
            connection.execute(
                t.object_places.update()
                .where(p.key == key, p.version == version, p.place.in_(places), p.state != PlaceState.GONE)
                .values(state=state)
            )

    def in_state(self, place: str, states: Sequence[PlaceState]) -> list[Placed]:
        p = t.object_places.c
        query = sa.select(t.object_places).where(p.place == place, p.state.in_(states))
        with self.database.read() as connection:
            return [_placed(row) for row in connection.execute(query.order_by(p.key, p.version)).mappings()]

    def tallies(self) -> list[Tally]:
        p = t.object_places.c
        query = sa.select(
            p.place,
            p.state,
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(p.size), 0),
            sa.func.min(p.checked_at),
        ).group_by(p.place, p.state)
        with self.database.read() as connection:
            return [
                Tally(place, PlaceState(state), count, int(size), checked)
                for place, state, count, size, checked in connection.execute(query)
            ]

    # --- moves ------------------------------------------------------------------------------------------------------
    def moves(self) -> list[Move]:
        """In the order in which they took effect; those under way last."""
        with self.database.read() as connection:
            rows = [Move(**row) for row in connection.execute(sa.select(t.store_moves)).mappings()]
        return sorted(rows, key=lambda move: (move.switched is None, move.switched or move.started))

    def primary(self, declared: str) -> tuple[str, list[str]]:
        """Address of the primary store, when the settings name `declared`, and those that were it before, newest first."""
        current, former = declared, []
        for move in self.moves():
            if move.state != SWITCHED:
                continue
            former.append(move.source)
            if move.source == current:
                current = move.target
        seen: list[str] = []
        for name in reversed(former):
            if name != current and name not in seen:
                seen.append(name)
        return current, seen

    def begin_move(self, source: str, target: str, who: str) -> Move:
        """The move under way from one store to another; begun when there is none."""
        for move in self.moves():
            if (move.source, move.target, move.state) == (source, target, COPYING):
                return move
        started = now()
        move = Move(short_id("M", source, target, started), source, target, COPYING, who, started, None, 0, 0)
        with self.database.write() as connection:
            connection.execute(t.store_moves.insert().values(**vars(move)))
            add_event(connection, who, "archive_move_begun", move.id)
        return move

    def switch(self, move: Move, who: str, objects: int, size: int) -> None:
        """From here on the target is the primary store: one transaction, seen by everybody at once."""
        p, m = t.object_places.c, t.store_moves.c
        with self.database.write() as connection:
            place = t.object_places.update()
            connection.execute(place.where(p.place == PRIMARY).values(place=place_of(move.source)))
            connection.execute(place.where(p.place == place_of(move.target)).values(place=PRIMARY))
            connection.execute(
                t.store_moves.update()
                .where(m.id == move.id)
                .values(state=SWITCHED, switched=now(), objects=objects, bytes=size)
            )
            add_event(connection, who, "archive_moved", move.id, objects=objects, bytes=size)

    def event(self, who: str, what: str, object: str, **detail: object) -> None:
        with self.database.write() as connection:
            add_event(connection, who, what, object, **detail)


def _placed(row: sa.RowMapping) -> Placed:
    return Placed(**{name: row[name] for name in Placed.model_fields})


def same(ref: ObjectRef, version: str, place: str, *, place_version: str, at: datetime) -> Placed:
    """A row: this object lies there, read back and right."""
    return Placed(
        key=ref.key, version=version, place=place, sha256=ref.sha256, size=ref.size, place_version=place_version,
        state=PlaceState.HERE, checked_at=at,
    )  # fmt: skip
