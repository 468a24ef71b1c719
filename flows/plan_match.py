"""Matching lists with records, and what people decide about pairs that are not sure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from flows.coding import OWNER_FIELDS
from flows.list_rows import split_number
from flows.masking import masked_value
from flows.matching import Matcher, Side, side
from flows.people import sees_personal, unit_of
from flows.plan import Plan, Told, _quiet
from ocr.forms import ValueKind
from schemas.people import Right
from schemas.people_errors import NotAllowed
from schemas.plan import ListKind, Match
from storage.catalogue.events import now
from storage.plan.lists import CaseRow, PlanLists, one_form
from storage.plan.matches import MatchRow, PlanMatches, RecordFacts

_NUMBERS = ("so_ky_hieu", "so_dang_ky")
_DAYS = ("ngay_ban_hanh", "ngay_dang_ky")
_ISSUERS = ("co_quan_ban_hanh", "noi_dang_ky")


def match(plan: Plan, kind: ListKind, told: Told = _quiet) -> tuple[int, int]:
    """Rows without a record against records without a row; how many new sure and doubtful pairs."""
    return _Comparing(plan).match(kind, told)


@dataclass
class _Comparing:
    plan: Plan

    def match(self, kind: ListKind, told: Told) -> tuple[int, int]:
        lists, matches = PlanLists(self.plan.catalogue), PlanMatches(self.plan.catalogue)
        matches.release_corrected(kind, self._compared)
        began, records = now(), []
        for facts in matches.free_records(kind, self._compared):
            records.append(self._of_record(facts))
            if len(records) % 5_000 == 0:
                told("records", len(records))
        if not records:
            return matches.write((), kind, self.plan.who, began=began)
        rows = self._of_rows(lists.cases(kind=kind, unmatched=True), told)
        found = Matcher(records, matches.rejected(kind)).match(rows)
        return matches.write(found, kind, self.plan.who, began=began)

    @cached_property
    def _names(self) -> frozenset[str]:
        return _names(self.plan)

    @cached_property
    def _ids(self) -> frozenset[str]:
        identities = {
            name for form in self.plan.forms for name, field in form.fields.items() if field.kind is ValueKind.IDENTITY
        }
        return frozenset(identities | set(OWNER_FIELDS))

    @cached_property
    def _compared(self) -> frozenset[str]:
        return self._names | self._ids | {*_NUMBERS, *_DAYS, *_ISSUERS, "doi_tuong", "chu_ho", "chu_dau_tu"}

    def _of_record(self, facts: RecordFacts) -> Side:
        fields = facts.fields
        number, symbol = split_number(_first(fields, _NUMBERS) or "")
        day = _day(_first(fields, _DAYS))
        issuer = _first(fields, _ISSUERS)
        return side(
            facts.id,
            dossier=one_form(facts.dossier_code) if facts.dossier_code else None,
            number=number,
            symbol=symbol,
            day=day,
            issuer=self._unit_code(issuer, day) if issuer else None,
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
            day = case.issued or case.finished
            yield side(
                row.id,
                dossier=one_form(case.dossier_code) if case.dossier_code else None,
                number=case.number,
                symbol=case.symbol,
                day=day,
                issuer=self._unit_code(case.issuer, day) if case.issuer else case.unit,
                owners=[case.owner] if case.owner else (),
                ids=[case.owner_id] if case.owner_id else (),
                kind=case.kind,
            )

    def _unit_code(self, text: str, day: date | None) -> str | None:
        """Code of an agency named on a paper; None when it is not among the units, for then nothing can be compared."""
        if (text, day) not in self._codes:
            unit = self.plan.offices.of(text, day) if self.plan.offices.rows else None
            self._codes[text, day] = unit.code if unit else None
        return self._codes[text, day]

    @cached_property
    def _codes(self) -> dict[tuple[str, date | None], str | None]:
        return {}


# --- what people decide ----------------------------------------------------------------------------------------------
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


def doubts(plan: Plan, limit: int = 200) -> list[Doubt]:
    """Pairs that wait for a person, with what both sides say; names as whoever works here may see them. Raises NotAllowed."""
    lists, names = PlanLists(plan.catalogue), sorted(_names(plan))
    found = []
    for waiting in PlanMatches(plan.catalogue).doubtful(limit, plan.allowed()):
        case = lists.case(waiting.match.case).case
        record = plan.catalogue.document(waiting.match.document)
        fields = {name: field.value for name, field in record.fields.items() if field.value}
        day = _first(fields, _DAYS)
        owner = name_shown(plan, case.owner, case.unit)
        theirs = _first(fields, ("ho_ten", *names))
        if plan.actor is not None and not sees_personal(plan.actor, *unit_of(plan.catalogue, record.id)):
            theirs = masked_value("ho_ten", theirs, plan.settings.people.masked)
        found.append(
            Doubt(
                waiting.match,
                _said("/".join(filter(None, (case.number, case.symbol))), case.issued or case.finished, owner),
                _said(_first(fields, _NUMBERS), _day(day) or day, theirs),
            )
        )
    return found


def decide(plan: Plan, case: int, document: str, confirmed: bool, why: str = "") -> MatchRow:
    """A person says whether a record is the paper of a row. Raises NotFound, NotAllowed, NotAllowedNow, ChangedMeanwhile."""
    allowed = plan.allowed(Right.CHECK)
    if allowed is not None:
        unit, _ = unit_of(plan.catalogue, document)
        for code in (PlanLists(plan.catalogue).case(case).case.unit, plan.offices.code(unit)):
            if code not in allowed:
                raise NotAllowed(code)
    document = plan.catalogue.document(document).id
    return PlanMatches(plan.catalogue).decide(case, document, confirmed, who=plan.who, why=why)


def name_shown(plan: Plan, name: str | None, unit_code: str) -> str | None:
    """The owner in a row of a list, as whoever works here may see it."""
    if not name or plan.sees_personal(unit_code):
        return name
    return masked_value("ho_ten", name, plan.settings.people.masked)


def _names(plan: Plan) -> frozenset[str]:
    return frozenset(
        name for form in plan.forms for name, field in form.fields.items() if field.kind is ValueKind.NAME
    )


def _said(number: str | None, day: date | str | None, owner: str | None) -> str:
    shown = f"{day:%d/%m/%Y}" if isinstance(day, date) else day
    return "; ".join(filter(None, (number, shown, owner)))


def _first(fields: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((fields[name] for name in names if fields.get(name)), None)


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
