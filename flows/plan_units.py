"""Agencies as the plan sees them: by code or name, at any time; those that ended lead to who carries their work on."""

from __future__ import annotations

from datetime import date

from flows.list_rows import UnitOfRow
from schemas.errors import WrongUse
from schemas.plan import Level
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.fold import fold_words
from storage.people import Units


class Offices:
    """Every unit that was ever entered. Where none is, any agency code is taken, at the level of the settings."""

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self._default = settings.plan.default_level
        self.own_code = settings.office.code
        self.rows = {row.id: row for row in Units(catalogue).list()}
        self._by_name: dict[str, set[str]] = {}
        for row in self.rows.values():
            for text in (row.code, row.name, row.id):
                if text:
                    self._by_name.setdefault(fold_words(text), set()).add(row.id)
        self.names = {row.code or row.id: row.name for row in self.rows.values()}
        self.names.setdefault(self.own_code, settings.office.name)

    def of(self, text: str) -> UnitOfRow | None:
        """The agency that a list names by code (old or new form) or name; None when it is not known or two bear the name."""
        if not self.rows:
            return UnitOfRow(current_form(text), self._default) if _is_code(text) else None
        for form in (text, current_form(text)):
            found = self._by_name.get(fold_words(form), set())
            if len(found) == 1:
                return self._unit(next(iter(found)))
        return None

    def code(self, unit: str | None) -> str:
        """Code of a unit by the id that a batch carries; a batch without unit is the office's own."""
        row = self.rows.get(unit or "")
        return (row.code or row.id) if row else (unit or self.own_code)

    def level(self, code: str) -> Level:
        unit = self.of(code)
        return unit.level if unit else self._default

    def carrying(self, code: str, day: date) -> str:
        """Who carries the backlog of an agency on a day: itself, or its one successor when it has ended.

        An agency divided among several keeps its own line, because nothing tells whose a paper is now.
        """
        seen: set[str] = set()
        while code not in seen:
            seen.add(code)
            unit = self.of(code)
            if unit is None or unit.closed_on is None or unit.closed_on >= day or not unit.successor:
                break
            code = unit.successor
        return code

    def _unit(self, unit_id: str) -> UnitOfRow:
        row = self.rows[unit_id]
        heirs = [self.rows[heir] for heir in row.successors if heir in self.rows]
        return UnitOfRow(
            code=row.code or row.id,
            level=Level(row.level) if row.level in set(Level) else self._default,
            closed_on=date.fromisoformat(row.valid_to) if row.valid_to else None,
            successor=(heirs[0].code or heirs[0].id) if len(heirs) == 1 else None,
        )


def current_form(code: str) -> str:
    """`000.00.12.H26` (QCVN 102:2016, reversed) as `H26.12` (QĐ 20/2020/QĐ-TTg); other text as it is."""
    parts = code.strip().upper().split(".")
    if len(parts) != 4 or not _is_code(parts[3]) or not all(part.isdigit() for part in parts[:3]):
        return code.strip()
    return ".".join([parts[3], *(part for part in reversed(parts[:3]) if set(part) != {"0"})])


def _is_code(text: str) -> bool:
    from storage.codes import parse_dossier_code

    try:
        parse_dossier_code(f"{text.strip()}-200101-0001")
    except WrongUse:
        return False
    return True
