"""The digitisation plan: lists come in, rows are matched with records, progress is told, what is missing is listed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from flows.coding import OWNER_FIELDS
from flows.list_files import read_table
from flows.list_rows import Reader, Rules, columns_of
from flows.matching import Matcher, Side, side
from flows.plan_units import Offices
from ocr.forms import Forms, ValueKind, load_forms
from schemas.errors import NotFound, WrongUse
from schemas.plan import Case, Level, ListImport, ListKind, Match, Period, PlanLine
from schemas.plan_errors import ListRefused
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.fold import fold_words
from storage.objects import ObjectStore
from storage.plan.lists import CaseRow, PlanLists
from storage.plan.matches import PlanMatches, RecordFacts
from storage.plan.progress import PlanTotals, Reached, listed, reached, target_for

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
_NUMBERS = ("so_ky_hieu", "so_dang_ky")
_DAYS = ("ngay_ban_hanh", "ngay_dang_ky")
_ISSUERS = ("co_quan_ban_hanh", "noi_dang_ky")
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

    @cached_property
    def offices(self) -> Offices:
        return Offices(self.catalogue, self.settings)

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
        told: Told = _quiet,
    ) -> ListImport:
        """A file of a one-stop system, whole or not at all; its bytes are kept.

        Raises ListRefused (with `.findings`) when anything in it is wrong, ListUnreadable, ColumnsUnknown, TooLarge, WrongUse.
        """
        lists = PlanLists(self.catalogue)
        digest = _sha256(path)
        if before := lists.known(digest):
            return ListImport(id=before, name=path.name, sha256=digest, kind=kind, rows=0, added=0, changed=0, same=0)
        table = read_table(path)
        named = dict(columns or {})
        places = columns_of(table.headings, lists.remembered(table.headings) | named)
        rules = Rules(
            kind=kind,
            unit_of=self.offices.of,
            kind_of=self.kind_of,
            default_unit=unit,
            own_unit=self.offices.own_code or None,
            period=period,
            old_encodings=old_encodings,
            today=datetime.now(VIETNAM).date(),
        )
        reader = Reader(table, places, rules)
        object = self.store.put(f"lists/{digest}", path, sha256=digest).model_dump()
        headings = {thing: table.headings[at] for thing, at in places.items()}
        taken = lists.take(
            _all_or_none(reader, told),
            name=path.name,
            sha256=digest,
            kind=kind,
            headings=table.headings,
            columns=headings,
            object=object,
            period=(period.first, period.last) if period else None,
            who=self.who,
            named=headings if named else None,
        )
        return ListImport(
            id=taken.list,
            name=path.name,
            sha256=digest,
            kind=kind,
            rows=reader.rows,
            added=taken.added,
            changed=taken.changed,
            same=taken.same,
            findings=tuple(reader.findings),
            findings_left_out=reader.left_out,
        )

    # --- matching ----------------------------------------------------------------------------------------------------
    def match(self, kind: ListKind, told: Told = _quiet) -> tuple[int, int]:
        """Rows without a record against records without a row; how many new sure and doubtful pairs."""
        lists, matches = PlanLists(self.catalogue), PlanMatches(self.catalogue)
        records = []
        for facts in matches.free_records(kind, self._compared):
            records.append(self._of_record(facts))
            if len(records) % 5_000 == 0:
                told("records", len(records))
        if not records:
            return matches.write((), kind, self.who)
        rejected = matches.rejected(kind)
        rows = self._of_rows(lists.cases(kind=kind, unmatched=True), told)
        found = Matcher(records).match(rows)
        return matches.write(
            (match for match in found if (match.case, match.document) not in rejected), kind, self.who
        )

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(
            name for form in self.forms for name, field in form.fields.items() if field.kind is ValueKind.NAME
        )

    @cached_property
    def _ids(self) -> frozenset[str]:
        identities = {
            name for form in self.forms for name, field in form.fields.items() if field.kind is ValueKind.IDENTITY
        }
        return frozenset(identities | set(OWNER_FIELDS))

    @cached_property
    def _compared(self) -> frozenset[str]:
        return self._names | self._ids | {*_NUMBERS, *_DAYS, *_ISSUERS, "doi_tuong", "chu_ho", "chu_dau_tu"}

    def _of_record(self, facts: RecordFacts) -> Side:
        from flows.list_rows import split_number

        fields = facts.fields
        number, symbol = split_number(_first(fields, _NUMBERS) or "")
        day = _first(fields, _DAYS)
        issuer = _first(fields, _ISSUERS)
        unit = self._unit_code(issuer) if issuer else None
        return side(
            facts.id,
            dossier=facts.dossier_code,
            number=number,
            symbol=symbol,
            day=_day(day),
            issuer=unit,
            owners=[value for name, value in fields.items() if name in self._names or name in ("doi_tuong",)],
            ids=[value for name, value in fields.items() if name in self._ids],
            kind=facts.kind,
        )

    def _of_rows(self, rows: Iterator[CaseRow], told: Told) -> Iterator[Side]:
        for count, row in enumerate(rows, 1):
            if count % 5_000 == 0:
                told("rows", count)
            case = row.case
            # The record bears the day of the paper; a list of dossiers often knows only when it was handed out.
            yield side(
                row.id,
                dossier=case.dossier_code,
                number=case.number,
                symbol=case.symbol,
                day=case.issued or case.finished,
                issuer=self._unit_code(case.issuer) if case.issuer else case.unit,
                owners=[case.owner] if case.owner else (),
                ids=[case.owner_id] if case.owner_id else (),
                kind=case.kind,
            )

    def _unit_code(self, text: str) -> str | None:
        """Code of an agency named on a paper; None when it is not among the units, for then nothing can be compared."""
        if text not in self._codes:
            unit = self.offices.of(text) if self.offices.rows else None
            self._codes[text] = unit.code if unit else None
        return self._codes[text]

    @cached_property
    def _codes(self) -> dict[str, str | None]:
        return {}

    # --- progress ----------------------------------------------------------------------------------------------------
    def lines(self, year: int, as_of: datetime | None = None) -> list[PlanLine]:
        """Progress of every unit and kind that has a total, a list or a record. The backlog of an agency that ended stands
        with who carries it on."""
        as_of = as_of or datetime.now(UTC)
        day = min(as_of.astimezone(VIETNAM).date(), date(year, 12, 31))
        totals = PlanTotals(self.catalogue)
        targets, entered = totals.targets(year, as_of), totals.totals(year, as_of)
        with self.catalogue.read() as connection:
            done = {
                (self.offices.code(unit), kind): counts for (unit, kind), counts in reached(connection, as_of).items()
            }
            in_lists = listed(connection, as_of)
        wanted: dict[tuple[str, str], int] = {}
        sectors: dict[tuple[str, str], str] = {}
        for total in entered:
            key = (total.unit, total.kind)
            wanted[key] = wanted.get(key, 0) + total.count
            sectors[key] = total.sector
        for key, (count, _) in in_lists.items():
            wanted.setdefault(key, count)
        found: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for unit, kind in sorted({*wanted, *done, *in_lists}):
            found.setdefault((self.offices.carrying(unit, day), kind), []).append((unit, kind))
        return [
            self._line(year, unit, kind, keys, wanted, done, in_lists, targets, sectors)
            for (unit, kind), keys in sorted(found.items())
        ]

    def _line(self, year, unit, kind, keys, wanted, done, in_lists, targets, sectors) -> PlanLine:
        counts = [done.get(key, Reached()) for key in keys]
        totals = [wanted[key] for key in keys if key in wanted]
        missing = [in_lists[key][1] for key in keys if key in in_lists]
        level = self.offices.level(unit)
        sector = next((sectors[key] for key in keys if key in sectors), "")
        percent, source = target_for(
            targets, year=year, unit=unit, level=level, sector=sector, kind=kind, default=self.default_targets(year)
        )
        in_force = sum(totals) if totals else None
        form = self.forms.get(kind)
        return PlanLine(
            year=year,
            unit=unit,
            unit_name=self.offices.names.get(unit, unit),
            level=level,
            sector=sector,
            kind=kind,
            kind_name=form.name if form else "Giấy tờ khác",
            in_force=in_force,
            target_percent=percent,
            target_source=source,
            wanted=None if in_force is None or percent is None else -int(-in_force * percent // 100),
            digitised=sum(c.digitised for c in counts),
            signed=sum(c.signed for c in counts),
            archived=sum(c.archived for c in counts),
            synchronised=sum(c.synchronised for c in counts),
            reused=sum(c.reused for c in counts),
            missing=sum(missing) if missing else None,
        )

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

    def enter_total(self, count: int, *, kind: str, sector: str, unit: str | None, year: int) -> None:
        """A total that waits for approval. Raises WrongUse for a kind or agency that is not known, or a total smaller than
        its parts."""
        code = self.kind_of(kind)
        if code is None:
            raise WrongUse(f"--kind {kind}: không có loại giấy tờ này")
        office = self.offices.of(unit or self.offices.own_code)
        if office is None:
            raise WrongUse(f"--unit {unit or ''}: không có cơ quan này; hãy khai office.code hoặc --unit")
        line = next((x for x in self.lines(year) if x.unit == office.code and x.kind == code), None)
        if line is not None and count < line.digitised:
            raise WrongUse(f"tổng số {count} nhỏ hơn số đã số hoá {line.digitised}")
        PlanTotals(self.catalogue).enter(year, office.code, sector, code, count, source="entered", who=self.who)

    def doubts(self, limit: int = 200) -> list[Doubt]:
        """Pairs that wait for a person, with what both sides say."""
        lists = PlanLists(self.catalogue)
        found = []
        for waiting in PlanMatches(self.catalogue).doubtful(limit):
            case = lists.case(waiting.match.case).case
            record = self.catalogue.document(waiting.match.document)
            fields = {name: field.value for name, field in record.fields.items() if field.value}
            day = _first(fields, _DAYS)
            found.append(
                Doubt(
                    waiting.match,
                    _said("/".join(filter(None, (case.number, case.symbol))), case.issued or case.finished, case.owner),
                    _said(_first(fields, _NUMBERS), _day(day) or day, _first(fields, ("ho_ten", *sorted(self._names)))),
                )
            )
        return found

    def missing(self, kind: ListKind = ListKind.RESULTS, unit: str | None = None) -> Iterator[CaseRow]:
        """Rows without a record: what one can scan from."""
        return PlanLists(self.catalogue).cases(kind=kind, unit=unit, unmatched=True)


_FEATURES = {
    "dossier": "mã hồ sơ", "number": "số", "symbol": "ký hiệu", "day": "ngày", "issuer": "cơ quan", "owner": "tên",
    "owner_id": "số định danh", "kind": "loại",
}  # fmt: skip
_OUTCOMES = {"near": "gần giống", "other": "khác", "year": "cùng năm"}


@dataclass(frozen=True)
class Doubt:
    """A pair that a person decides about."""

    match: Match
    row_said: str
    record_said: str

    @property
    def reasons(self) -> str:
        """What speaks against it; where nothing does, another row or record is as near."""
        against = [
            f"{_FEATURES[e.feature]} {_OUTCOMES[e.outcome]}" for e in self.match.evidence if e.outcome in _OUTCOMES
        ]
        return ", ".join(against) or "có cặp khác cũng giống như vậy"

    def facts(self) -> dict:
        return {
            "case": self.match.case, "document": self.match.document, "score": self.match.score, "row": self.row_said,
            "record": self.record_said, "reasons": self.reasons,
        }  # fmt: skip


def _said(number: str | None, day: date | str | None, owner: str | None) -> str:
    shown = f"{day:%d/%m/%Y}" if isinstance(day, date) else day
    return "; ".join(filter(None, (number, shown, owner)))


def _all_or_none(reader: Reader, told: Told) -> Iterator[Case]:
    for count, case in enumerate(reader.cases(), 1):
        if count % 5_000 == 0:
            told("list", count)
        yield case
    if reader.errors:
        raise ListRefused.of(reader.findings, reader.errors, reader.left_out)
    if not reader.rows:
        raise NotFound("no rows below the heading")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first(fields: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((fields[name] for name in names if fields.get(name)), None)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
