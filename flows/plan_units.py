"""Agencies as the plan sees them: by code or name, at any time; those that ended lead to who carries their work on."""

from __future__ import annotations

from datetime import date, datetime
from functools import cached_property

from flows.list_rows import UnitOfRow
from schemas.errors import WrongUse
from schemas.people import WITHOUT_UNIT, Actor, Right
from schemas.people_errors import NotAllowed
from schemas.plan import Level
from schemas.settings import Settings
from storage.audit import Audit
from storage.catalogue import Catalogue
from storage.codes import parse_dossier_code
from storage.fold import fold_words
from storage.people import Units
from storage.people.units import UnitRow, code_forms


class Offices:
    """Every unit that was ever entered. Where none is, any agency code is taken, at the level of the settings."""

    def __init__(self, catalogue: Catalogue, settings: Settings) -> None:
        self._default = settings.plan.default_level
        self._catalogue = catalogue
        self.own_code, self.own_name = settings.office.code, settings.office.name
        self.rows = {row.id: row for row in Units(catalogue).list()}
        self._by_name: dict[str, set[str]] = {}
        for row in self.rows.values():
            for text in (*map(fold_words, (*code_forms(row.code), row.name, row.id)), _unpadded(row.code)):
                if text:
                    self._by_name.setdefault(text, set()).add(row.id)
        # One code may have been two agencies one after the other: the newer name stands for both.
        in_time = sorted(self.rows.values(), key=lambda row: row.valid_from or "")
        self.names = {row.code or row.id: row.name for row in in_time}
        self.names.setdefault(self.own_code, self.own_name)

    def of(self, text: str, day: date | None = None) -> UnitOfRow | None:
        """The agency that a list names by code (old or new form) or name. Where several bore the name, as a commune and the one
        that it was merged into on 1/7/2025, the one that existed on `day` (today's when None); None when that leaves it open."""
        if not self.rows:
            return UnitOfRow(current_form(text), self._default) if _is_code(text) else None
        names = (fold_words(text), fold_words(current_form(text)), _unpadded(current_form(text)))
        found = [self.rows[one] for one in next(filter(None, map(self._by_name.get, names)), ())]
        if len(found) > 1:
            found = [row for row in found if row.valid_on(day or date.today())] or found
        if len({row.code or row.id for row in found}) != 1:
            return None
        return self._unit(max(found, key=lambda row: row.valid_from or ""))

    def code(self, unit: str | None) -> str:
        """Code of a unit by the id that a batch carries; a batch without unit is the office's own."""
        row = self.rows.get(unit or "")
        return (row.code or row.id) if row else (unit or self.own_code)

    def ids(self, codes: frozenset[str]) -> frozenset[str]:
        """Ids that batches of these agencies carry."""
        found = {row.id for row in self.rows.values() if (row.code or row.id) in codes}
        return frozenset(found | {WITHOUT_UNIT} if self.own_code in codes else found)

    def level(self, code: str) -> Level:
        unit = self.of(code)
        return unit.level if unit else self._default

    def heirs(self, code: str) -> list[str]:
        """Names of those who carry the work of an agency on."""
        return sorted(
            self.rows[heir].name
            for row in self.rows.values()
            if (row.code or row.id) == code
            for heir in row.successors
            if heir in self.rows
        )

    def carrying(self, code: str, day: date, as_of: datetime | None = None) -> str:
        """Who carries the backlog of an agency on a day: itself, or its one successor when it has ended. `as_of`: what was
        entered about its end later does not count.

        An agency divided among several keeps its own line, because nothing tells whose a paper is now.
        """
        seen: set[str] = set()
        while code not in seen:
            seen.add(code)
            unit = self.of(code, day)
            if unit is None or unit.closed_on is None or unit.closed_on >= day or not unit.successor:
                break
            if as_of is not None and self._closed_at.get(unit.id, as_of) > as_of:
                break
            code = unit.successor
        return code

    @cached_property
    def _closed_at(self) -> dict[str, datetime]:
        """When the end of an agency was last entered."""
        return {row.object: row.at for row in reversed(Audit(self._catalogue).rows(action="unit_closed", limit=None))}

    def _unit(self, row: UnitRow) -> UnitOfRow:
        heirs = [self.rows[heir] for heir in row.successors if heir in self.rows]
        return UnitOfRow(
            code=row.code or row.id,
            level=Level(row.level) if row.level in set(Level) else self._default,
            closed_on=date.fromisoformat(row.valid_to) if row.valid_to else None,
            successor=(heirs[0].code or heirs[0].id) if len(heirs) == 1 else None,
            heirs=tuple(sorted(f"{heir.name} ({heir.code})" if heir.code else heir.name for heir in heirs)),
            id=row.id,
        )

    # --- rights ------------------------------------------------------------------------------------------------------
    def allowed(self, actor: Actor | None, right: Right) -> frozenset[str] | None:
        """Codes of the agencies where somebody has a right; None: everywhere. Raises NotAllowed when nowhere."""
        if actor is None:
            return None
        grants = [grant.units for grant in actor.grants if right in grant.rights]
        if not grants:
            raise NotAllowed(str(right))
        if None in grants:
            return None
        return frozenset(self.code(unit) for unit in frozenset().union(*grants))

    def wanted(self, named: tuple[str, ...], allowed: frozenset[str] | None) -> frozenset[str] | None:
        """Codes of the agencies that somebody names; of all that they may see when they name none.

        Raises WrongUse for one that is not there, NotAllowed for one that is not theirs.
        """
        if not named:
            return allowed
        codes = set()
        for text in named:
            unit = self.of(text)
            if unit is None:
                raise WrongUse(f"--unit {text}: không có cơ quan này")
            if allowed is not None and unit.code not in allowed:
                raise NotAllowed(text)
            codes.add(unit.code)
        return frozenset(codes)


def current_form(code: str) -> str:
    """`000.00.12.H26` (QCVN 102:2016, reversed) as `H26.12` (QĐ 20/2020/QĐ-TTg); other text as it is."""
    code = code.strip().upper()
    return code_forms(code)[-1] if code[:3].isdigit() else code


def _unpadded(code: str) -> str:
    """`000.06.12.H26` has two places for a group where `H26.12.6` has as many as it needs."""
    return " ".join(part.lstrip("0") or "0" for part in fold_words(code).split()) + " unpadded" if code else ""


def _is_code(text: str) -> bool:
    try:
        parse_dossier_code(f"{text.strip()}-200101-0001")
    except WrongUse:
        return False
    return True
