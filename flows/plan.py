"""The digitisation plan: lists come in, progress is told, what is missing is listed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from flows.list_columns import columns_of, is_heading, is_running_number
from flows.list_files import read_table
from flows.list_rows import Reader, Rules
from flows.plan_units import Offices
from ocr.forms import Forms, load_forms
from schemas.errors import NotFound
from schemas.people import Actor, Right
from schemas.plan import Case, Finding, Level, ListImport, ListKind, Period, PlanLine, Severity, Target, Total
from schemas.plan_errors import ListRefused
from schemas.settings import Settings
from schemas.zone import VIETNAM
from storage.catalogue import Catalogue
from storage.fold import fold_words
from storage.objects import ObjectStore
from storage.plan.lists import CaseRow, PlanLists
from storage.plan.progress import PlanTotals, Reached, listed, reached, target_for

Told = Callable[[str, int], None]
"""(stage, how many so far): progress of anything longer than a second."""


def _quiet(stage: str, count: int) -> None:
    pass


@dataclass
class Plan:
    """What the plan is worked on with. One a process."""

    settings: Settings
    catalogue: Catalogue
    store: ObjectStore
    who: str
    actor: Actor | None = None
    """Whose rights bound what is seen and done; None: the software itself."""

    @cached_property
    def offices(self) -> Offices:
        return Offices(self.catalogue, self.settings)

    def allowed(self, right: Right = Right.REPORT) -> frozenset[str] | None:
        """Codes of the agencies whose plan may be seen; None: all. Raises NotAllowed."""
        return self.offices.allowed(self.actor, right)

    def sees_personal(self, unit_code: str) -> bool:
        """Whether names in rows of this agency are shown."""
        if unit_code not in self._seen:
            ids = self.offices.ids(frozenset({unit_code})) or {unit_code}
            self._seen[unit_code] = self.actor is None or any(self.actor.may(Right.SEE_PERSONAL, unit) for unit in ids)
        return self._seen[unit_code]

    @cached_property
    def _seen(self) -> dict[str, bool]:
        return {}

    @cached_property
    def forms(self) -> Forms:
        return load_forms()

    @cached_property
    def _kinds(self) -> dict[str, str]:
        """Kind of paper by its folded name, titles and code."""
        found: dict[str, str] = {}
        for form in self.forms:
            for text in (form.code, form.name, *form.titles):
                found.setdefault(fold_words(text.replace("_", " ")), form.code)
        return found

    def kind_of(self, text: str) -> str | None:
        """Kind of paper that a list means by a name; None when it means none that is known."""
        folded = fold_words(text.replace("_", " "))
        if not folded:
            return None
        if folded in self._kinds:
            return self._kinds[folded]
        # „Cấp giấy phép xây dựng nhà ở riêng lẻ“ names a kind within a longer name; the longest name decides.
        within = [name for name in self._kinds if f" {name} " in f" {folded} " and " " in name]
        return self._kinds[max(within, key=len)] if within else None

    def kind_name(self, kind: str) -> str:
        form = self.forms.get(kind)
        return form.name if form else "Giấy tờ khác"

    def sector_of(self, text: str) -> str:
        """The spelling under which a sector is kept: `HỘ TỊCH` and `hộ tịch` are one."""
        return self._sectors.setdefault(fold_words(text), text)

    @cached_property
    def _sectors(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for sector in PlanLists(self.catalogue).sectors():
            found.setdefault(fold_words(sector), sector)
        return found

    # --- lists -------------------------------------------------------------------------------------------------------
    def import_list(
        self,
        path: Path,
        kind: ListKind,
        *,
        columns: Mapping[str, str] | None = None,
        unit: str | None = None,
        period: Period | None = None,
        old_encodings: bool = False,
        complete: bool = False,
        told: Told = _quiet,
    ) -> ListImport:
        """A file of a one-stop system, whole or not at all; its bytes are kept. `complete`: the file names everything of its
        agencies (and of its period), so that what it no longer names counts no longer.

        Raises ListRefused (with `.findings`) when anything in it is wrong, ListUnreadable, ColumnsUnknown, TooLarge, WrongUse,
        NotAllowed.
        """
        lists = PlanLists(self.catalogue)
        digest = sha256_of(path)
        named, before = dict(columns or {}), lists.known(digest, kind)
        if before and not complete and not named and not unit:
            return ListImport(id=before[0], name=path.name, sha256=digest, kind=kind, rows=0, added=0, changed=0, same=0)
        table = read_table(path, knower(named))
        places = columns_of(table.headings, lists.remembered(table.headings) | named)
        headings = {thing: heading_at(table.headings, at) for thing, at in places.items()}
        if before and not complete and not unit and before[1] == headings:
            return ListImport(id=before[0], name=path.name, sha256=digest, kind=kind, rows=0, added=0, changed=0, same=0)
        rules = Rules(
            kind=kind,
            unit_of=self.offices.of,
            kind_of=self.kind_of,
            sector_of=self.sector_of,
            default_unit=unit,
            own_unit=self.offices.own_code or None,
            allowed=self.allowed(),
            period=period,
            old_encodings=old_encodings,
            today=datetime.now(VIETNAM).date(),
        )
        reader = Reader(table, places, rules)
        taken = lists.take(
            _all_or_none(reader, told),
            name=path.name,
            sha256=digest,
            kind=kind,
            headings=table.headings,
            columns=headings,
            keep=lambda: self.store.put(f"lists/{digest}", path, sha256=digest).model_dump(),
            period=(period.first, period.last) if period else None,
            who=self.who,
            named=headings if named else None,
            complete=complete,
            instead_of=before[0] if before else None,
        )
        findings = [*reader.findings, *self._gone(taken.gone_shown), *self._more_than_totals(kind)]
        return ListImport(
            id=taken.list,
            name=path.name,
            sha256=digest,
            kind=kind,
            rows=reader.rows,
            added=taken.added,
            changed=taken.changed,
            same=taken.same,
            gone=taken.gone,
            unread=unread_of(table.headings, places),
            findings=tuple(findings),
            findings_left_out=reader.left_out + max(0, taken.gone - len(taken.gone_shown)),
        )

    @staticmethod
    def _gone(shown: Sequence[str]) -> Iterator[Finding]:
        for name in shown:
            yield Finding(
                severity=Severity.WARNING, code="row_gone", row=None, column=None, value=name,
                vi="Danh sách trước có, danh sách này không còn; từ nay không tính.",
            )  # fmt: skip

    def _more_than_totals(self, kind: ListKind) -> Iterator[Finding]:
        """Approved totals that are smaller than the lists they are the sum of."""
        if kind is not ListKind.RESULTS:
            return
        for line in self.lines(datetime.now(VIETNAM).year):
            if line.listed is not None and line.in_force is not None and line.in_force < line.listed:
                yield Finding(
                    severity=Severity.WARNING, code="total_smaller", row=None, column=None, value=str(line.in_force),
                    vi=f"{line.unit_name}, {line.kind_name}: tổng số đã duyệt {line.in_force} nhỏ hơn {line.listed} dòng của danh sách.",
                )  # fmt: skip

    # --- progress ----------------------------------------------------------------------------------------------------
    def lines(self, year: int, as_of: datetime | None = None) -> list[PlanLine]:
        """Progress of every unit, sector and kind that has a total, a list or a record. The backlog of an agency that ended
        stands with who carries it on. Only of agencies that `actor` may see."""
        as_of = as_of or datetime.now(UTC)
        day = min(as_of.astimezone(VIETNAM).date(), date(year, 12, 31))
        totals = PlanTotals(self.catalogue)
        book = _Book(self, year, totals.targets(year, as_of))
        with self.catalogue.read() as connection:
            in_lists = listed(connection, as_of)
            for (unit, kind), by_sector in _in_force(totals.totals(year, as_of), in_lists).items():
                book.part(self.offices.carrying(unit, day, as_of), kind).add_in_force(by_sector)
            for (unit, sector, kind), counts in in_lists.items():
                book.part(self.offices.carrying(unit, day, as_of), kind).add_list(sector, counts)
            for (unit, _, kind), counts in reached(connection, as_of).items():
                carried = self.offices.carrying(self.offices.code(unit), day, as_of)
                book.part(carried, kind).records += counts
            if divided := {kind for (_, kind), part in book.parts.items() if part.divided}:
                for (unit, sector, kind), counts in reached(connection, as_of, by_sector=divided).items():
                    carried = self.offices.carrying(self.offices.code(unit), day, as_of)
                    book.part(carried, kind).add_of_sector(sector, counts)
        allowed = self.allowed()
        return [line for line in book.lines() if allowed is None or line.unit in allowed]

    def default_targets(self, year: int) -> dict[Level, tuple[float, str]]:
        """Percent of each level in a year, by QĐ 468/QĐ-TTg as the settings have it."""
        plan = self.settings.plan
        years = year - plan.first_year
        if years < 0:
            return {}
        return {
            level: (min(100.0, first + plan.yearly_step * years), "QĐ 468/QĐ-TTg")
            for level, first in plan.first_percent.items()
        }

    def missing(self, kind: ListKind = ListKind.RESULTS, unit: str | None = None) -> Iterator[CaseRow]:
        """Rows without a record: what one can scan from. Raises WrongUse, NotAllowed."""
        units = self.offices.wanted((unit,) if unit else (), self.allowed())
        return PlanLists(self.catalogue).cases(kind=kind, units=units, unmatched=True)


_Listed = tuple[int, int]
"""Rows of lists, and those of them without a record."""


def _in_force(
    totals: Sequence[Total], in_lists: Mapping[tuple[str, str, str], _Listed]
) -> dict[tuple[str, str], dict[str, int]]:
    """(unit, kind) → sector → how many are in force: as approved, else as many as lists name. A total without a sector is the
    whole, of which those of sectors are parts."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for total in totals:
        found.setdefault((total.unit, total.kind), {})[total.sector] = total.count
    for by_sector in found.values():
        if "" in by_sector and len(by_sector) > 1:
            by_sector[""] = max(0, 2 * by_sector[""] - sum(by_sector.values()))
    approved = set(found)
    for (unit, sector, kind), (count, _) in in_lists.items():
        if (unit, kind) not in approved:
            found.setdefault((unit, kind), {})[sector] = count
    return found


class _Part:
    """One unit and kind: what is in force, what lists and what records say, by sector."""

    def __init__(self, spelled: Callable[[str], str]) -> None:
        self._spelled = spelled
        self.in_force: dict[str, int] = {}
        self.lists: dict[str, _Listed] = {}
        self.records = Reached()
        self.by_sector: dict[str, Reached] = {}

    def add_in_force(self, by_sector: Mapping[str, int]) -> None:
        for sector, count in by_sector.items():
            sector = self._sector(sector)
            self.in_force[sector] = self.in_force.get(sector, 0) + count

    def add_list(self, sector: str, counts: _Listed) -> None:
        before = self.lists.get(sector := self._sector(sector), (0, 0))
        self.lists[sector] = (before[0] + counts[0], before[1] + counts[1])

    def add_of_sector(self, sector: str, counts: Reached) -> None:
        sector = self._sector(sector)
        self.by_sector[sector] = self.by_sector.get(sector, Reached()) + counts

    def _sector(self, text: str) -> str:
        return self._spelled(text) if text else ""

    @property
    def divided(self) -> bool:
        return len(self.in_force) > 1

    def split(self) -> Iterator[tuple[str, int | None, Reached, _Listed | None]]:
        """(sector, in force, records, rows of lists). Where sectors are told apart, what bears none of them is a line without."""
        if not self.divided:
            sector, in_force = next(iter(self.in_force.items()), ("", None))
            yield sector, in_force, self.records, _together(self.lists.values())
            return
        records, lists = self.records, dict(self.lists)
        for sector in sorted(filter(None, self.in_force)):
            of_sector = self.by_sector.get(sector, Reached())
            records -= of_sector
            yield sector, self.in_force[sector], of_sector, lists.pop(sector, None)
        if lists or records != Reached() or "" in self.in_force:
            yield "", self.in_force.get(""), records, _together(lists.values())


def _together(counts: Collection[_Listed]) -> _Listed | None:
    return (sum(rows for rows, _ in counts), sum(missing for _, missing in counts)) if counts else None


@dataclass
class _Book:
    """Parts on their way to lines."""

    plan: Plan
    year: int
    targets: list[Target]

    @cached_property
    def parts(self) -> dict[tuple[str, str], _Part]:
        return {}

    def part(self, unit: str, kind: str) -> _Part:
        return self.parts.setdefault((unit, kind), _Part(self.plan.sector_of))

    def lines(self) -> Iterator[PlanLine]:
        for (unit, kind), part in sorted(self.parts.items()):
            for sector, in_force, records, in_lists in part.split():
                yield self._line(unit, sector, kind, in_force, records, in_lists)

    def _line(
        self, unit: str, sector: str, kind: str, in_force: int | None, records: Reached, in_lists: _Listed | None
    ) -> PlanLine:
        offices = self.plan.offices
        level = offices.level(unit)
        percent, source = target_for(
            self.targets, year=self.year, unit=unit, level=level, sector=sector, kind=kind,
            default=self.plan.default_targets(self.year),
        )  # fmt: skip
        return PlanLine(
            year=self.year,
            unit=unit,
            unit_name=offices.names.get(unit, unit),
            level=level,
            sector=sector,
            kind=kind,
            kind_name=self.plan.kind_name(kind),
            in_force=in_force,
            target_percent=percent,
            target_source=source,
            # Whole thousandths of a percent: 0.1 + 0.2 must not ask for one record more.
            wanted=None if in_force is None or percent is None else -(-in_force * round(percent * 1000) // 100_000),
            digitised=records.digitised,
            signed=records.signed,
            archived=records.archived,
            synchronised=records.synchronised,
            reused=records.reused,
            listed=in_lists[0] if in_lists else None,
            missing=in_lists[1] if in_lists else None,
        )


def knower(named: Mapping[str, str]) -> Callable[[str], bool]:
    """Tells headings: those that were met before, and those that people name."""
    own = {fold_words(heading) for heading in named.values()}
    return lambda text: is_heading(text) or fold_words(text) in own


def unread_of(headings: Sequence[str], places: Mapping[str, int]) -> tuple[str, ...]:
    """Headings of columns that nothing is taken from, without the running number."""
    taken = set(places.values())
    return tuple(h for at, h in enumerate(headings) if h and at not in taken and not is_running_number(h))


def heading_at(headings: Sequence[str], at: int) -> str:
    """A heading as it is remembered; by its place where several columns bear it."""
    folded = [fold_words(heading) for heading in headings]
    return headings[at] if folded.count(folded[at]) == 1 else f"#{at + 1}"


def _all_or_none(reader: Reader, told: Told) -> Iterator[Case]:
    for count, case in enumerate(reader.cases(), 1):
        if count % 5_000 == 0:
            told("list", count)
        yield case
    if reader.errors:
        raise ListRefused.of(reader.findings, reader.errors, reader.left_out)
    if not reader.rows:
        raise NotFound("no rows below the heading")


def sha256_of(path: Path) -> str:
    """Raises NotFound for a file that is not there."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotFound(f"{path.name}: {error.strerror}") from error
