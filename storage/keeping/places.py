"""Where each object version lies and when its bytes were last hashed: the book that fixity works through.

A row is made when an object is first seen at a place. It is how a vanished object is noticed at all: a store that lost one does
not list it any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from schemas.keeping import PRIMARY, FixityFinding, Placed
from schemas.store import ObjectRef, PlaceState
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event
from storage.keeping import tables as t

_KEPT = (PlaceState.HERE, PlaceState.DAMAGED, PlaceState.MISSING)
"""What should be there, and is therefore hashed."""
ROWS = 500
"""Rows written at once: one fsync for many objects."""


@dataclass(frozen=True)
class Standing:
    """How the whole book stands."""

    known: int
    overdue: int
    oldest: datetime | None


class Places:
    """Shares the engine of an opened catalogue."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def seen(self, place: str, refs: Iterable[ObjectRef]) -> int:
        """Enters objects that are not in the book yet; how many there were to look at. Never changes a row."""
        count, batch = 0, []
        for ref in refs:
            count += 1
            batch.append(
                {
                    "key": ref.key, "version": ref.version, "place": place, "sha256": ref.sha256, "size": ref.size,
                    "place_version": ref.version, "state": PlaceState.HERE, "checked_at": None, "problem": "",
                }
            )  # fmt: skip
            if len(batch) >= ROWS:
                self._enter(batch)
                batch = []
        self._enter(batch)
        return count

    def _enter(self, rows: list[dict]) -> None:
        if rows:
            with self.database.write() as connection:
                connection.execute(insert(connection, t.object_places).on_conflict_do_nothing(), rows)

    def natives(self, place: str, keys: Collection[str]) -> set[tuple[str, str]]:
        """Key and the place's own version id of everything of these keys that has a row."""
        p, found, wanted = t.object_places.c, set(), sorted(keys)
        with self.database.read() as connection:
            for start in range(0, len(wanted), ROWS):
                query = sa.select(p.key, p.place_version).where(p.place == place, p.key.in_(wanted[start : start + ROWS]))
                found |= {(key, version) for key, version in connection.execute(query)}
        return found

    def due(self, places: Sequence[str], before: datetime, now: datetime, limit: int) -> list[Placed]:
        """Objects not hashed since `before`, the longest ago first. A time that lies after `now` was written by a clock that
        ran ahead and proves nothing: it is due too."""
        p = t.object_places.c
        query = (
            sa.select(t.object_places)
            .where(*_due(p, places, before, now))
            .order_by(p.checked_at.asc().nulls_first(), p.key, p.version, p.place)
            .limit(limit)
        )
        with self.database.read() as connection:
            return [_placed(row) for row in connection.execute(query).mappings()]

    def standing(self, places: Sequence[str], before: datetime, now: datetime) -> Standing:
        p = t.object_places.c
        here = (p.place.in_(places), p.state.in_(_KEPT))
        with self.database.read() as connection:
            known, oldest, unknown = connection.execute(
                sa.select(sa.func.count(), sa.func.min(p.checked_at), sa.func.count().filter(p.checked_at.is_(None)))
                .where(*here)
            ).one()  # fmt: skip
            overdue = connection.scalar(
                sa.select(sa.func.count()).select_from(t.object_places).where(*_due(p, places, before, now))
            )
        return Standing(known, overdue, None if unknown else oldest)

    def checked(self, objects: Sequence[Placed], at: datetime) -> None:
        """Their bytes were hashed and are right."""
        self._mark(objects, state=PlaceState.HERE, checked_at=at, problem="")

    def forget(self, objects: Sequence[Placed]) -> None:
        """Working files that were removed on purpose."""
        with self.database.write() as connection:
            for placed in objects:
                connection.execute(t.object_places.delete().where(*_this(placed)))

    def disposed(self, connection: sa.Connection, refs: Sequence[ObjectRef]) -> None:
        """Part of the transaction that writes down the destruction. Replicas destroy theirs when they are next reached."""
        p = t.object_places.c
        for ref in refs:
            here = t.object_places.update().where(p.key == ref.key, p.version == ref.version)
            connection.execute(here.where(p.place == PRIMARY).values(state=PlaceState.GONE))
            connection.execute(
                here.where(p.place != PRIMARY, p.state != PlaceState.GONE).values(state=PlaceState.DELETE)
            )

    def found(
        self, run: str, placed: Placed, code: str, detail: str, kept_key: str | None, at: datetime, *, since: datetime
    ) -> bool:
        """Writes damage down, with an event; False when it is on record already: a fault is told once. `since`: when reading
        began; what another process healed after that is the same fault."""
        f = t.fixity_findings.c
        state = PlaceState.MISSING if code == "object_missing" else PlaceState.DAMAGED
        with self.database.write() as connection:
            _hold(connection, placed)
            known = connection.scalar(
                sa.select(f.id).where(
                    f.key == placed.key, f.version == placed.version, f.place == placed.place,
                    sa.or_(f.healed_at.is_(None), f.healed_at >= since),
                )
            )  # fmt: skip
            if known is None:
                connection.execute(
                    t.fixity_findings.insert().values(
                        run=run, key=placed.key, version=placed.version, place=placed.place, code=code,
                        detail=detail, found_at=at, kept_key=kept_key,
                    )
                )  # fmt: skip
                add_event(
                    connection, "system", code, placed.key, version=placed.version, place=placed.place, sha256=placed.sha256
                )
            connection.execute(
                t.object_places.update().where(*_this(placed)).values(state=state, checked_at=at, problem=code)
            )
        return known is None

    def healed(self, placed: Placed, source: str, at: datetime, *, place_version: str) -> None:
        """The bytes are right again; `source` is the place they came from."""
        f = t.fixity_findings.c
        with self.database.write() as connection:
            _hold(connection, placed)
            connection.execute(
                t.fixity_findings.update()
                .where(f.key == placed.key, f.version == placed.version, f.place == placed.place, f.healed_at.is_(None))
                .values(healed_at=at, healed_from=source)
            )
            connection.execute(
                t.object_places.update()
                .where(*_this(placed))
                .values(state=PlaceState.HERE, checked_at=at, problem="", place_version=place_version)
            )
            add_event(
                connection, "system", "object_healed", placed.key, version=placed.version, place=placed.place, source=source
            )

    def all_as_named(self) -> None:
        """In a new primary store every version lies under the id that the catalogue knows, until `lies_at` says otherwise."""
        p = t.object_places.c
        with self.database.write() as connection:
            connection.execute(
                t.object_places.update()
                .where(p.place == PRIMARY, p.state != PlaceState.GONE)
                .values(place_version=p.version, state=PlaceState.HERE, checked_at=None, problem="")
            )

    def lies_at(self, place: str, ref: ObjectRef, place_version: str) -> None:
        """This version has another id in that store."""
        values = {"sha256": ref.sha256, "size": ref.size, "place_version": place_version, "state": PlaceState.HERE}
        values |= {"checked_at": None, "problem": ""}
        with self.database.write() as connection:
            statement = insert(connection, t.object_places).values(
                key=ref.key, version=ref.version, place=place, **values
            )
            connection.execute(
                statement.on_conflict_do_update(index_elements=["key", "version", "place"], set_=values)
            )

    def in_state(self, place: str, state: PlaceState) -> list[Placed]:
        """By key."""
        p = t.object_places.c
        query = sa.select(t.object_places).where(p.place == place, p.state == state).order_by(p.key, p.version)
        with self.database.read() as connection:
            return [_placed(row) for row in connection.execute(query).mappings()]

    def findings(self, *, run: str | None = None, open_only: bool = False) -> list[FixityFinding]:
        """Oldest first."""
        f = t.fixity_findings.c
        query = sa.select(t.fixity_findings).order_by(f.id)
        if run is not None:
            query = query.where(f.run == run)
        if open_only:
            query = query.where(f.healed_at.is_(None))
        with self.database.read() as connection:
            return [
                FixityFinding(**{name: row[name] for name in FixityFinding.model_fields})
                for row in connection.execute(query).mappings()
            ]

    def _mark(self, objects: Sequence[Placed], **values: object) -> None:
        if not objects:
            return
        p = t.object_places.c
        statement = (
            t.object_places.update()
            .where(p.key == sa.bindparam("k"), p.version == sa.bindparam("v"), p.place == sa.bindparam("p"))
            .values(**values)
        )
        rows = [{"k": o.key, "v": o.version, "p": o.place} for o in objects]
        with self.database.write() as connection:
            # In one order for all, so that two runs cannot wait for each other.
            connection.execute(statement, sorted(rows, key=lambda row: (row["k"], row["v"], row["p"])))


def _due(p: sa.ColumnCollection, places: Sequence[str], before: datetime, now: datetime) -> tuple:
    late = sa.or_(p.checked_at.is_(None), p.checked_at < before, p.checked_at > now)
    return (p.place.in_(places), p.state.in_(_KEPT), late)


def _this(placed: Placed) -> tuple:
    p = t.object_places.c
    return (p.key == placed.key, p.version == placed.version, p.place == placed.place)


def _hold(connection: sa.Connection, placed: Placed) -> None:
    """Two runs that meet one fault write it down one after the other."""
    connection.execute(sa.select(t.object_places.c.key).where(*_this(placed)).with_for_update())


def _placed(row: sa.RowMapping) -> Placed:
    return Placed(**{name: row[name] for name in Placed.model_fields})
