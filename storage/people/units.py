"""Agencies and their parts: a tree with days of validity, and who followed whom.

A unit is never renamed or moved in place: it is closed on a day and its successors take over, as on 1 July 2025, when the
districts ended and communes were merged. What a closed unit has kept stays its own; its successors reach it.
"""

from __future__ import annotations

import csv
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa

from schemas.errors import NotAllowedNow, NotFound, WrongUse
from schemas.people import WITHOUT_UNIT, Actor
from storage.audit import Audit
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.catalogue.tables import cleaned
from storage.fold import fold_words
from storage.people.tables import unit_successors, units

DISTRICTS_END = date(2025, 6, 30)
"""Last day of the district level (domain law B: abolished on 1/7/2025)."""
LEVELS = ("ministry", "province", "district", "commune", "part", "")
_CODE = re.compile(r"[A-Z][0-9A-Z]{1,2}(\.[0-9A-Z]{1,9})*")
"""QĐ 20/2020/QĐ-TTg: at most 35 of `[0-9A-Z.]`, level 1 `MX1X2`, groups separated by dots."""
_OLD_CODE = re.compile(r"\d{3}\.\d{2,3}\.\d{2,3}\.[A-Z][0-9A-Z]{2}")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CSV_COLUMNS = ("code", "name", "level", "parent", "valid_from", "valid_to", "successors")


@dataclass(frozen=True)
class UnitRow:
    id: str
    code: str
    """Mã định danh điện tử; empty when it has none."""
    name: str
    level: str
    parent: str | None
    valid_from: str | None
    """ISO day; None: always."""
    valid_to: str | None
    """Last day, ISO; None: still."""
    successors: tuple[str, ...] = ()
    predecessors: tuple[str, ...] = ()

    def valid_on(self, day: date) -> bool:
        text = day.isoformat()
        return (self.valid_from or "") <= text <= (self.valid_to or "9999-12-31")


@dataclass
class Imported:
    added: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """`line n: …`; when there is one, nothing was taken in."""


def code_forms(code: str) -> list[str]:
    """A code and the same code in the other form: `H26.12` and `000.00.12.H26` (QCVN 102:2016), still printed in old dossiers."""
    if _OLD_CODE.fullmatch(code):
        groups = [group for group in reversed(code.split(".")) if group.strip("0")]
        return [code, ".".join(groups)]
    groups = code.split(".")
    if (
        _CODE.fullmatch(code)
        and len(groups) <= 4
        and len(groups[0]) == 3
        and all(len(g) <= 3 for g in groups[1:])
    ):
        empty = ("00", "00", "000")
        parts = [groups[n + 1] if n + 1 < len(groups) else empty[n] for n in range(3)]
        old = ".".join([*reversed(parts), groups[0]])
        return [code, old] if _OLD_CODE.fullmatch(old) else [code]
    return [code]


class Units:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._audit = Audit(database)

    # --- changing ------------------------------------------------------------------------------------------------------
    def add(
        self,
        name: str,
        *,
        by: Actor,
        code: str = "",
        parent: str | None = None,
        level: str = "",
        valid_from: date | None = None,
        valid_to: date | None = None,
    ) -> UnitRow:
        """`parent`: id or code. Raises WrongUse for a code or level that is none, NotFound for the parent, NotAllowedNow when
        a unit with this code is valid at the same time."""
        with self._database.write() as connection:
            unit = self._add(connection, by, name, code, parent, level, valid_from, valid_to)
            return _one(connection, unit)

    def close(self, unit: str, day: date, *, successors: Sequence[str] = (), by: Actor) -> UnitRow:
        """`day` is the last on which it exists; successors take over on the next. Raises NotFound, NotAllowedNow when it was
        closed on another day, WrongUse for a successor that is the unit itself or one of its predecessors."""
        with self._database.write() as connection:
            row = _one(connection, unit)
            if row.valid_to not in (None, day.isoformat()):
                raise NotAllowedNow(f"{row.name}: {row.valid_to}")
            self._close(connection, by, row, day, [_one(connection, s).id for s in successors])
            return _one(connection, row.id)

    def import_csv(self, path: Path, *, by: Actor) -> Imported:
        """Columns `CSV_COLUMNS`, with a heading: code, name, level, parent (code), valid_from and valid_to (YYYY-MM-DD), successors
        (codes, separated by `;`). All or nothing; a unit that is there already with code and first day is left as it is, but
        closed when the file closes it. A district without a last day ends on 30 June 2025.

        Raises WrongUse when the file cannot be read as such."""
        lines, done = _read_csv(path), Imported()
        try:
            with self._database.write() as connection:
                for take in (self._take_line, self._close_line):
                    for number, line in lines:
                        try:
                            take(connection, by, line, done)
                        except (WrongUse, NotFound, NotAllowedNow, ValueError) as error:
                            done.problems.append(f"dòng {number}: {getattr(error, 'detail', '') or error}")
                if done.problems:
                    raise _NothingTaken
        except _NothingTaken:
            return Imported(problems=done.problems)
        return done

    # --- asking --------------------------------------------------------------------------------------------------------
    def get(self, unit: str, on: date | None = None) -> UnitRow:
        """By id or code; of several with one code the one valid on that day, else the newest. Raises NotFound."""
        with self._database.read() as connection:
            return _one(connection, unit, on)

    def list(self, on: date | None = None, parent: str | None = None) -> list[UnitRow]:
        """By code and name. `on`: only those valid that day."""
        with self._database.read() as connection:
            rows = _rows(
                connection, sa.true() if parent is None else units.c.parent == _one(connection, parent).id
            )
        return [row for row in rows if on is None or row.valid_on(on)]

    def find(self, text: str, on: date | None = None) -> list[UnitRow]:
        """By code in either form, or by name; case, tones and đ do not matter."""
        u = units.c
        forms = code_forms(text.strip().upper())
        with self._database.read() as connection:
            rows = _rows(connection, sa.or_(u.folded == fold_words(text), u.code.in_(forms)))
        return [row for row in rows if on is None or row.valid_on(on)]

    def family_of(self, unit: str) -> list[str]:
        """Ids of the unit, of all it came from and all that came from it; not of its sisters in a merger."""
        with self._database.read() as connection:
            start = _one(connection, unit).id
            before = _closure(connection, {start}, unit_successors.c.successor, unit_successors.c.unit)
            after = _closure(connection, {start}, unit_successors.c.unit, unit_successors.c.successor)
        return [start, *sorted((before | after) - {start})]

    def names_of(self, unit: str) -> list[str]:
        """What the unit is and was called: its own name first, then those before and after it in time, newest first."""
        return list(dict.fromkeys(row.name for row in self._family(unit)))

    def codes_of(self, unit: str) -> list[str]:
        """Codes of the unit and of its family, each in the new and the old form."""
        return list(
            dict.fromkeys(form for row in self._family(unit) if row.code for form in code_forms(row.code))
        )

    def reach(self, unit: str, subtree: bool = True) -> frozenset[str]:
        """Ids of the units whose papers belong to this one: itself, with `subtree` all below it, and everything that these
        took over. The topmost unit also reaches what has no unit (`WITHOUT_UNIT`)."""
        with self._database.read() as connection:
            return reached(connection, unit, subtree)

    # --- inside --------------------------------------------------------------------------------------------------------
    def _family(self, unit: str) -> list[UnitRow]:
        ids = self.family_of(unit)
        with self._database.read() as connection:
            rows = {row.id: row for row in _rows(connection, units.c.id.in_(ids))}
        own = rows.pop(ids[0])
        return [own, *sorted(rows.values(), key=lambda row: (row.valid_from or "", row.id), reverse=True)]

    def _add(
        self,
        connection: sa.Connection,
        by: Actor,
        name: str,
        code: str,
        parent: str | None,
        level: str,
        valid_from: date | None,
        valid_to: date | None,
    ) -> str:
        name, code = cleaned(name).strip(), code.strip().upper()
        if not name:
            raise WrongUse("thiếu tên đơn vị")
        if level not in LEVELS:
            raise WrongUse(f"cấp {level}: {', '.join(filter(None, LEVELS))}")
        if code and (len(code) > 35 or not (_CODE.fullmatch(code) or _OLD_CODE.fullmatch(code))):
            raise WrongUse(f"mã định danh {code}: QĐ 20/2020/QĐ-TTg, ví dụ H26.12")
        if valid_from and valid_to and valid_to < valid_from:
            raise WrongUse("ngày cuối trước ngày đầu")
        first, last = _day(valid_from) or "", _day(valid_to) or "9999-12-31"
        for other in _rows(connection, units.c.code == code) if code else ():
            if (other.valid_from or "") <= last and first <= (other.valid_to or "9999-12-31"):
                raise NotAllowedNow(f"mã {code} đang là của {other.name}")
        above = _one(connection, parent).id if parent else None
        unit = "U-" + "".join(secrets.choice(_ALPHABET) for _ in range(8))
        connection.execute(
            units.insert().values(
                id=unit, code=code, name=name, folded=fold_words(name), level=level, parent=above,
                valid_from=_day(valid_from), valid_to=_day(valid_to), made=now(),
            )
        )  # fmt: skip
        self._audit.add(connection, by, "unit_added", unit, detail={"code": code, "parent": above or ""})
        return unit

    def _close(
        self, connection: sa.Connection, by: Actor, row: UnitRow, day: date, successors: Iterable[str]
    ) -> None:
        if row.valid_from and day.isoformat() < row.valid_from:
            raise WrongUse("ngày cuối trước ngày đầu")
        known = set(row.successors)
        came_from = _closure(connection, {row.id}, unit_successors.c.successor, unit_successors.c.unit)
        connection.execute(units.update().where(units.c.id == row.id).values(valid_to=day.isoformat()))
        fresh = [s for s in dict.fromkeys(successors) if s not in known]
        for successor in fresh:
            if successor in came_from:  # itself, or whatever it came from: papers would go round in a circle
                raise WrongUse("đơn vị kế tiếp không thể là chính nó hoặc đơn vị trước nó")
            next_day = (day + timedelta(days=1)).isoformat()
            connection.execute(
                unit_successors.insert().values(unit=row.id, successor=successor, day=next_day)
            )
        if fresh or row.valid_to != day.isoformat():
            detail = {"day": day.isoformat(), "successors": fresh}
            self._audit.add(connection, by, "unit_closed", row.id, detail=detail)

    def _take_line(self, connection: sa.Connection, by: Actor, line: dict[str, str], done: Imported) -> None:
        """The unit, without its last day: it is closed below, together with naming its successors."""
        first = _parsed(line["valid_from"])
        parent = _one(connection, line["parent"], first or date.today()).id if line["parent"] else None
        if _same(connection, line, parent) is None:
            last = _last_day(line)
            done.added.append(
                self._add(connection, by, line["name"], line["code"], parent, line["level"], first, last)
            )

    def _close_line(self, connection: sa.Connection, by: Actor, line: dict[str, str], done: Imported) -> None:
        last = _last_day(line)
        if last is None:
            return
        first = _parsed(line["valid_from"])
        parent = _one(connection, line["parent"], first or date.today()).id if line["parent"] else None
        row = _same(connection, line, parent)
        if row is None:
            return  # not taken in: told already
        after = last + timedelta(days=1)
        successors = [_one(connection, s, after).id for s in line["successors"].split(";") if s.strip()]
        if row.valid_to not in (None, last.isoformat()):
            raise NotAllowedNow(f"{row.name} đã đóng ngày {row.valid_to}")
        if row.valid_to is None or set(successors) - set(row.successors):
            self._close(connection, by, row, last, successors)
            done.closed.append(row.id)


class _NothingTaken(Exception):
    """Rolls the import back."""


def _same(connection: sa.Connection, line: dict[str, str], parent: str | None) -> UnitRow | None:
    """The unit of a line that is there already: with its code, else with its name in its place, from the same first day."""
    u, code = units.c, line["code"].upper()
    where = u.code == code if code else sa.and_(u.folded == fold_words(line["name"]), u.parent == parent)
    first = _day(_parsed(line["valid_from"]))
    return next((row for row in _rows(connection, where) if row.valid_from == first), None)


def reached(connection: sa.Connection, unit: str, subtree: bool) -> frozenset[str]:
    """See `Units.reach`; inside a transaction."""
    start = _one(connection, unit)
    ids = {start.id}
    while True:  # a unit below may have taken over one that has units below it, and so on
        known = len(ids)
        if subtree:
            ids = _closure(connection, ids, units.c.parent, units.c.id)
        ids = _closure(connection, ids, unit_successors.c.successor, unit_successors.c.unit)
        if len(ids) == known:
            break
    return frozenset(ids | {WITHOUT_UNIT}) if start.parent is None else frozenset(ids)


def _closure(connection: sa.Connection, ids: set[str], step_from: sa.Column, step_to: sa.Column) -> set[str]:
    found, fresh = set(ids), set(ids)
    while fresh:
        fresh = set(connection.scalars(sa.select(step_to).where(step_from.in_(fresh)))) - found
        found |= fresh
    return found


def _one(connection: sa.Connection, unit: str, on: date | None = None) -> UnitRow:
    rows = _rows(connection, units.c.id == unit)
    if not rows:
        rows = _rows(connection, units.c.code.in_(code_forms(unit.strip().upper()))) if unit.strip() else []
        if on is not None:
            rows = [row for row in rows if row.valid_on(on)] or rows
        rows.sort(key=lambda row: row.valid_from or "", reverse=True)
    if not rows:
        raise NotFound(f"đơn vị {unit}")
    return rows[0]


def _rows(connection: sa.Connection, where: sa.ColumnElement) -> list[UnitRow]:
    u, s = units.c, unit_successors.c
    found = connection.execute(sa.select(units).where(where).order_by(u.code, u.name, u.id)).mappings().all()
    ids = [row["id"] for row in found]
    after: dict[str, list[str]] = {}
    before: dict[str, list[str]] = {}
    for unit, successor in connection.execute(
        sa.select(s.unit, s.successor)
        .where(sa.or_(s.unit.in_(ids), s.successor.in_(ids)) if len(ids) < 500 else sa.true())
        .order_by(s.unit, s.successor)
    ):
        after.setdefault(unit, []).append(successor)
        before.setdefault(successor, []).append(unit)
    return [
        UnitRow(
            row["id"], row["code"], row["name"], row["level"], row["parent"], row["valid_from"], row["valid_to"],
            tuple(after.get(row["id"], ())), tuple(before.get(row["id"], ())),
        )
        for row in found
    ]  # fmt: skip


def _read_csv(path: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write the mark of UTF-8
            reader = csv.DictReader(file)
            missing = {"code", "name"} - set(reader.fieldnames or ())
            if missing or set(reader.fieldnames) - set(CSV_COLUMNS):
                raise WrongUse(f"dòng đầu của tệp CSV phải là: {','.join(CSV_COLUMNS)}")
            return [
                (number, {name: (line.get(name) or "").strip() for name in CSV_COLUMNS})
                for number, line in enumerate(reader, 2)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise WrongUse(f"{path.name}: {type(error).__name__}") from error


def _last_day(line: dict[str, str]) -> date | None:
    return _parsed(line["valid_to"]) or (DISTRICTS_END if line["level"] == "district" else None)


def _parsed(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
