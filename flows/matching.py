"""Which record is the paper of which row of a list. Evidence is weighed (Fellegi and Sunter, 1969: the logarithm of how much more
often an outcome is seen for the same paper than for another); what is not sure beyond doubt waits for a person, nothing is guessed.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from rapidfuzz.distance import OSA

from schemas.plan import Evidence, Match, MatchState
from storage.fold import fold_words

SURE = 11.0
"""Score from which a pair is taken without a person, where nothing contradicts and nothing competes (docs/plan.md)."""
DOUBTFUL = 5.0
"""Below this it is no match at all."""
LEAD = 4.0
"""By so much the best must go before the second."""
MAX_BLOCK = 400
"""Records under one key; a larger block (a name everybody has) tells nothing and is left to the other keys."""

WEIGHTS: dict[tuple[str, str], float] = {
    ("dossier", "same"): 8.0, ("dossier", "other"): -5.0,
    ("number", "same"): 5.0, ("number", "near"): 0.5, ("number", "other"): -5.0,
    ("symbol", "same"): 1.5, ("symbol", "other"): -2.0,
    ("day", "same"): 5.0, ("day", "near"): 2.0, ("day", "year"): 0.0, ("day", "other"): -4.0,
    ("issuer", "same"): 2.0, ("issuer", "other"): -3.0,
    ("owner", "near"): 3.0, ("owner", "other"): -5.0,
    ("owner_id", "same"): 8.0, ("owner_id", "near"): 3.0, ("owner_id", "other"): -5.0,
    ("kind", "same"): 1.0, ("kind", "other"): -4.0,
}  # fmt: skip
_OWNER_LEAST, _OWNER_MOST = 3.0, 8.0


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared, of a row or of a record; texts folded by `side`."""

    id: int | str
    dossier: str | None
    number: str | None
    year: int | None
    """Year printed with the number (`245/2015`)."""
    symbol: str | None
    day: date | None
    issuer: str | None
    """Code of the unit, or the folded name where no code is known."""
    owners: tuple[str, ...]
    """Folded names; a record may name several people."""
    ids: tuple[str, ...]
    kind: str | None


def side(
    id: int | str,
    *,
    dossier: str | None = None,
    number: str | None = None,
    symbol: str | None = None,
    day: date | None = None,
    issuer: str | None = None,
    owners: Iterable[str] = (),
    ids: Iterable[str] = (),
    kind: str | None = None,
) -> Side:
    """Values as written, made comparable: `045/2015 ` and `45`, `QĐ - UBND` and `qđ-ubnd` are the same."""
    digits, year = _number(number)
    if symbol and (trailing := re.match(r"((?:19|20)\d\d)\b", symbol.strip())):
        year, symbol = int(trailing[1]), symbol.strip()[4:]
    return Side(
        id=id,
        dossier=re.sub(r"\s", "", dossier).upper() if dossier else None,
        number=digits,
        year=year,
        symbol=fold_words(symbol).replace(" ", "") or None if symbol else None,
        day=day,
        issuer=issuer,
        owners=tuple(dict.fromkeys(name for owner in owners if (name := fold_words(owner)))),
        ids=tuple(dict.fromkeys(_identity(i) for i in ids if i)),
        kind=kind,
    )


_LOOKALIKES = str.maketrans({"O": "0", "o": "0", "l": "1", "I": "1"})


def _number(text: str | None) -> tuple[str | None, int | None]:
    if not text:
        return None, None
    found = re.match(r"\s*([\dOolI]+)\s*([A-Za-z]?)(?:\s*/\s*((?:19|20)\d\d))?", text)
    if not found:
        return fold_words(text) or None, None
    return (found[1].translate(_LOOKALIKES).lstrip("0") or "0") + found[2].lower(), int(found[3]) if found[3] else None


def _identity(text: str) -> str:
    """Leading zeros fall off in spreadsheets."""
    return re.sub(r"[\s.]", "", text).translate(_LOOKALIKES).lstrip("0")


class Matcher:
    """Records, indexed by what rows can be looked up by. Pairs are then made in one pass over the rows."""

    def __init__(self, records: Sequence[Side], rejected: Iterable[tuple[int, str]] = ()) -> None:
        """`rejected`: (row, record) that a person said are no pair. They are as if they were not there: the next best is found."""
        self.records = records
        self._rejected: dict[int, set[str]] = defaultdict(set)
        for row, record in rejected:
            self._rejected[row].add(record)
        # By the hash of a key: a rare collision only adds a candidate, and the tuples would take most of the memory.
        self._blocks: dict[int, int | list[int]] = {}
        names: Counter[str] = Counter()
        for at, record in enumerate(records):
            names.update(record.owners)
            for key in map(hash, _keys(record)):
                block = self._blocks.setdefault(key, at)
                if isinstance(block, list):
                    block.append(at)
                elif block != at:
                    self._blocks[key] = [block, at]
        whole = max(1, len(records))
        # A name that many bear proves less (the weight of agreement is the logarithm of its rarity).
        self._owner_weight = {
            name: min(_OWNER_MOST, max(_OWNER_LEAST, math.log(whole / count))) for name, count in names.items()
        }

    def match(self, rows: Iterable[Side]) -> Iterator[Match]:
        """Sure and doubtful pairs; each record is the sure paper of one row at most. Rows without any are not given.

        Rows are read once and not held; the outcome comes best score first, then the records that are as near to a row as its
        best: whoever decides must see both.
        """
        claims = [claim for row in rows if (claim := self._claim(row)) is not None]
        claims.sort(key=lambda claim: (-claim.score, claim.row))
        rivals: dict[int, list[float]] = defaultdict(list)
        for claim in claims:
            rivals[claim.at].append(claim.score)
        taken: set[int] = set()
        for claim in claims:
            if claim.at in taken:
                continue  # surely another row's paper; this row stays without one
            others = rivals[claim.at]
            contested = len(others) > 1 and others[1] > claim.score - LEAD
            sure = (
                claim.score >= SURE
                and claim.score - claim.second >= LEAD
                and not contested
                and not _contradicted(claim.evidence)
            )
            if sure:
                taken.add(claim.at)
            yield self._made(claim.row, claim.at, MatchState.SURE if sure else MatchState.DOUBTFUL, claim.score, claim.evidence)
        for claim in claims:
            if claim.other is not None and claim.other[0] not in taken:
                at, evidence = claim.other
                yield self._made(claim.row, at, MatchState.DOUBTFUL, claim.second, evidence)

    def _made(self, row: int, at: int, state: MatchState, score: float, evidence: tuple[Evidence, ...]) -> Match:
        return Match(case=row, document=str(self.records[at].id), state=state, score=round(score, 2), evidence=evidence)

    def _claim(self, row: Side) -> _Claim | None:
        """The best record for a row, the score of the second, and the second itself where it is as near; None where nothing
        comes near."""
        best, second, best_at, second_at = -math.inf, -math.inf, -1, -1
        rejected = self._rejected.get(int(row.id), ()) if self._rejected else ()
        for at in sorted(self._candidates(row)):
            if rejected and str(self.records[at].id) in rejected:
                continue
            score = sum(self._weight(row, self.records[at], *outcome) for outcome in _outcomes(row, self.records[at]))
            if score > best:
                best, second, best_at, second_at = score, best, at, best_at
            elif score > second:
                second, second_at = score, at
        if best < DOUBTFUL:
            return None
        near = second >= DOUBTFUL and best - second < LEAD
        other = (second_at, self.compare(row, self.records[second_at])) if near else None
        return _Claim(best, second, int(row.id), best_at, self.compare(row, self.records[best_at]), other)

    def _candidates(self, row: Side) -> set[int]:
        found: set[int] = set()
        for key in map(hash, _keys(row)):
            block = self._blocks.get(key)
            if isinstance(block, int):
                found.add(block)
            elif block is not None and len(block) <= MAX_BLOCK:
                found.update(block)
        return found

    def compare(self, row: Side, record: Side) -> tuple[Evidence, ...]:
        """Every feature that both sides have, and what it weighs."""
        return tuple(
            _evidence(name, outcome, round(self._weight(row, record, name, outcome), 1))
            for name, outcome in _outcomes(row, record)
        )

    def _weight(self, row: Side, record: Side, name: str, outcome: str) -> float:
        if name == "owner" and outcome == "same":
            return max(self._owner_weight[owner] for owner in row.owners if owner in record.owners)
        return WEIGHTS[name, outcome]


@dataclass(frozen=True, slots=True)
class _Claim:
    score: float
    second: float
    row: int
    at: int
    evidence: tuple[Evidence, ...]
    other: tuple[int, tuple[Evidence, ...]] | None
    """The second record where it is as near, and what speaks for it."""


@cache
def _evidence(name: str, outcome: str, weight: float) -> Evidence:
    """A few hundred different ones serve for all rows."""
    return Evidence(feature=name, outcome=outcome, weight=weight)


def _keys(one: Side) -> Iterator[tuple]:
    """Keys under which a paper is found even when one or two of its features are misspelt."""
    year = one.day.year if one.day else one.year
    if one.dossier:
        yield ("dossier", one.dossier)
    for number in one.ids:
        yield ("id", number)
    if one.number and one.day:
        yield ("number-day", one.number, one.day)
    if one.number and year:
        yield ("number-year", one.number, year, one.kind or one.symbol, one.issuer)
    for owner in one.owners:
        if one.day:
            yield ("owner-day", owner, one.day)
        if year:
            yield ("owner-year", owner, year)
        if one.number:
            yield ("owner-number", owner, one.number)


def _outcomes(row: Side, record: Side) -> Iterator[tuple[str, str]]:
    """How each feature compares that both sides have."""
    for name, outcome in (
        ("dossier", _plain(row.dossier, record.dossier)),
        ("number", _number_outcome(row, record)),
        ("symbol", _plain(row.symbol, record.symbol)),
        ("day", _day_outcome(row.day, record.day)),
        ("issuer", _plain(row.issuer, record.issuer)),
        ("owner", _any(row.owners, record.owners, _near_name)),
        ("owner_id", _any(row.ids, record.ids, _near_digits)),
        ("kind", _plain(row.kind, record.kind)),
    ):
        if outcome != "unknown":
            yield name, outcome


def _plain(a: str | None, b: str | None) -> str:
    return "unknown" if a is None or b is None else "same" if a == b else "other"


def _number_outcome(row: Side, record: Side) -> str:
    if row.number is None or record.number is None:
        return "unknown"
    if row.number == record.number:
        if row.year and record.year and row.year != record.year:
            return "near"  # the year is printed again in the date, which is compared by itself
        return "same"
    return "near" if len(row.number) > 1 and OSA.distance(row.number, record.number, score_cutoff=1) <= 1 else "other"


def _day_outcome(a: date | None, b: date | None) -> str:
    if a is None or b is None:
        return "unknown"
    if a == b:
        return "same"
    if (a.year, a.month, a.day) == (b.year, b.day, b.month):
        return "near"  # day and month changed places
    if OSA.distance(a.strftime("%d%m%Y"), b.strftime("%d%m%Y"), score_cutoff=1) <= 1:
        return "near"  # one digit
    return "year" if a.year == b.year else "other"


def _any(ours: tuple[str, ...], theirs: tuple[str, ...], near) -> str:
    if not ours or not theirs:
        return "unknown"
    if any(one in theirs for one in ours):
        return "same"
    return "near" if any(near(a, b) for a in ours for b in theirs) else "other"


def _near_name(a: str, b: str) -> bool:
    """One letter missing, added, wrong or swapped, or a middle name left out."""
    if OSA.distance(a, b, score_cutoff=1) <= 1:
        return True
    short, long = sorted((a.split(), b.split()), key=len)
    return len(short) >= 2 and len(long) - len(short) == 1 and (short[0], short[-1]) == (long[0], long[-1]) and set(short) <= set(long)


def _near_digits(a: str, b: str) -> bool:
    return len(a) >= 8 and OSA.distance(a, b, score_cutoff=1) <= 1


def _contradicted(evidence: Sequence[Evidence]) -> bool:
    """Another number or another owner is never overruled by the rest, unless the paper's own codes agree."""
    outcome = {item.feature: item.outcome for item in evidence}
    own = "same" in (outcome.get("owner_id"), outcome.get("dossier"))
    number, owner, kind = outcome.get("number"), outcome.get("owner"), outcome.get("kind")
    if number == "other" or kind == "other" or (owner == "other" and outcome.get("owner_id") != "same"):
        return True
    if number == "near":
        return not (own and outcome.get("day") == "same")
    if outcome.get("day") == "other":
        return not own
    return False
