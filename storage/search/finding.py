"""Finding records: a question in, one page of the answer out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import sqlalchemy as sa

from schemas.zone import VIETNAM
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.catalogue.rows import Hit
from storage.search import cursor
from storage.search.facets import count_facets
from storage.search.filters import filtered
from storage.search.hits import found_records, hit
from storage.search.ids import Counted, Reader, Wanted
from storage.search.match import Expression, any_of, but, every
from storage.search.query import COUNTED, Facets, Match, Query, TotalIs
from storage.search.tiers import (
    Asked,
    Spelled,
    Tier,
    beginning_of,
    beginnings,
    exact_tiers,
    misspelled,
    others_near,
)

FEW_ENOUGH = 100
"""So few results with the words as typed that all of them are sorted out at once, and that the last word is taken for a
beginning as well."""
FEW = 10
"""So few results with the words as typed (or as beginnings) that typing errors are considered."""


@dataclass(frozen=True)
class Found:
    """One page of an answer."""

    total: int
    total_is: TotalIs
    hits: list[Hit]
    facets: Facets | None
    next_cursor: str | None
    """None: there is no more."""
    spelled: tuple[str, ...] = ()
    """Other words that were tried for misspelled ones."""

    @property
    def total_text(self) -> str:
        """`12`, `10.000+`, `khoảng 380.000`."""
        number = f"{self.total:,}".replace(",", ".")
        return {TotalIs.EXACT: number, TotalIs.AT_LEAST: f"{number}+", TotalIs.ABOUT: f"khoảng {number}"}[
            self.total_is
        ]


def search(catalogue: Database, query: Query) -> Found:
    """The page of results that `query` asks for, best first, newest first among equals.

    Raises WrongUse for a cursor of another query, CatalogueUnavailable.
    """
    with catalogue.at_one_moment() as connection:
        page, place = matching(connection, query)
        records = found_records(connection, [number for number, _ in page.numbers])
    asked = Asked.of(f"{query.text} {query.name or ''}")
    today = date.fromisoformat(place.today)
    marking = [*asked.words, *page.spelled]
    hits = [
        hit(records[number], match, today, query, marking, place.spelled.beginnings)
        for number, match in page.numbers
        if number in records
    ]
    return Found(
        total=place.total,
        total_is=TotalIs(place.total_is),
        hits=hits,
        facets=page.facets,
        next_cursor=cursor.written(page.following, query) if page.following else None,
        spelled=page.spelled,
    )


@dataclass
class Page:
    """Row numbers of a page with how each was found."""

    numbers: list[tuple[int, Match]]
    following: cursor.Place | None
    facets: Facets | None
    spelled: tuple[str, ...]


def matching(connection: sa.Connection, query: Query) -> tuple[Page, cursor.Place]:
    """Row numbers of the page asked for, and the place at which it begins."""
    reader = Reader(connection)
    place = cursor.read(query) if query.cursor is not None else None
    today = date.fromisoformat(place.today) if place else query.today or now().astimezone(VIETNAM).date()
    asked = Asked.of(query.text) if query.text.strip() else None
    wanted = filtered(connection, query, today)
    if asked is None and query.name:
        # A name alone is looked for like free words: whole names first, then beginnings and typing errors.
        asked = Asked.of(query.name, "n:")
        wanted = filtered(connection, query.model_copy(update={"name": None}), today)
    first_page = place is None
    if place is None:
        newest = reader.newest()
        place = cursor.Place(0, newest + 1, newest, today.isoformat(), Spelled(), 0, TotalIs.EXACT)
    if wanted is None or (asked is not None and not asked.words):
        empty = count_facets(connection, [], True, query, today) if query.facets else None
        return Page([], None, empty, ()), place
    as_typed = _with(wanted, asked.all_words if asked else None)
    few, counted = _as_typed(reader, as_typed, place.newest + 1, query, first_page)
    first: dict[Match, tuple[int, ...]] = {}
    if first_page:
        place, first = _begun(connection, reader, query, asked, wanted, place, counted)
    tiers = _tiers(reader, asked, place.spelled, few, first)
    numbers, following = _page(reader, tiers, wanted, place, query)
    facets = None
    if query.facets:
        newest_ones = reader.newest_matching(
            _with(wanted, _widest(asked, place.spelled)), below=place.newest + 1
        )
        facets = count_facets(connection, *newest_ones, query, today)
    others = dict.fromkeys(w for words in place.spelled.others for w in words)
    return Page(numbers, following, facets, tuple(others)), place


def _as_typed(
    reader: Reader, wanted: Wanted, below: int, query: Query, first_page: bool
) -> tuple[list[int] | None, Counted]:
    """Results with every word as typed: all of them where they are FEW_ENOUGH, else None; and how many."""
    if first_page and query.total:
        found, counted = reader.first(wanted, below=below, limit=FEW_ENOUGH, at_most=COUNTED)
    else:
        found = reader.ids(wanted, below=below, limit=FEW_ENOUGH + 1)
        counted = Counted(len(found), more=len(found) > FEW_ENOUGH)
    return (found if counted.number <= FEW_ENOUGH and not counted.many else None), counted


def _begun(
    connection: sa.Connection,
    reader: Reader,
    query: Query,
    asked: Asked | None,
    wanted: Wanted,
    place: cursor.Place,
    counted: Counted,
) -> tuple[cursor.Place, dict[Match, tuple[int, ...]]]:
    """The beginning of an answer: whether beginnings and typing errors are needed, how many results there are, and the
    first of those beside the words as typed."""
    spelled, numbers, first = Spelled(), [counted], {}

    def look(match: Match, expression: Expression | None) -> None:
        if expression is not None:
            step = _with(wanted, but(expression, tried))
            limit, at_most = query.offset + query.limit + 1, COUNTED if query.total else FEW
            rows, number = reader.first(step, below=place.below, limit=limit, at_most=at_most)
            first[match] = tuple(rows)
            numbers.append(number)
            tried.append(expression)

    if asked is not None and query.fuzzy and counted.number <= FEW_ENOUGH and not counted.many:
        tried = [asked.all_words]
        spelled.beginnings = beginnings(connection, asked)
        look(Match.BEGINNING, beginning_of(asked, spelled))
        if sum(n.number for n in numbers) < FEW:
            others_near(connection, asked, spelled)
            look(Match.SPELLING, misspelled(asked, spelled))
    total = sum(n.number for n in numbers)
    if any(n.estimated for n in numbers):
        total_is = TotalIs.ABOUT
    elif any(n.more for n in numbers) or not query.total:
        total, total_is = min(total, COUNTED), TotalIs.AT_LEAST
    else:
        total_is = TotalIs.EXACT
    return replace(place, spelled=spelled, total=total, total_is=total_is), first


def _tiers(
    reader: Reader, asked: Asked | None, spelled: Spelled, few: list[int] | None, first: dict[Match, tuple[int, ...]]
) -> list[Tier]:
    """The steps of an answer. `few`: all results with the words as typed; `first`: those read already of other steps, as
    many as a page needs."""
    if asked is None:
        return [Tier(Match.FILTER, None)]
    tiers = exact_tiers(asked)
    if few is not None:
        steps = reader.sorted_out(few, [tier.expression for tier in tiers]) if few else {}
        tiers = [
            replace(tier, known=tuple(number for number in few if steps.get(number) == n))
            for n, tier in enumerate(tiers)
        ]
    earlier = [asked.all_words]
    begun, wrong = beginning_of(asked, spelled), misspelled(asked, spelled)
    if begun is not None:
        tiers.append(Tier(Match.BEGINNING, but(begun, earlier), first.get(Match.BEGINNING)))
        earlier.append(begun)
    if wrong is not None:
        tiers.append(Tier(Match.SPELLING, but(wrong, earlier), first.get(Match.SPELLING)))
    return tiers


def _widest(asked: Asked | None, spelled: Spelled) -> Expression | None:
    """What all steps together find."""
    if asked is None:
        return None
    parts = (asked.all_words, beginning_of(asked, spelled), misspelled(asked, spelled))
    return any_of(part for part in parts if part is not None)


def _page(
    reader: Reader, tiers: Sequence[Tier], wanted: Wanted, place: cursor.Place, query: Query
) -> tuple[list[tuple[int, Match]], cursor.Place | None]:
    """Results from a place on, and the place after them."""
    found: list[tuple[int, int]] = []
    end = query.offset + query.limit
    for number in range(place.tier, len(tiers)):
        tier = tiers[number]
        below = place.below if number == place.tier else place.newest + 1
        # One more than asked for tells whether there is a next page.
        missing = end + 1 - len(found)
        if tier.known is not None:
            rows = [row for row in tier.known if row < below][:missing]
        else:
            rows = reader.ids(_with(wanted, tier.expression), below=below, limit=missing)
        found += [(row, number) for row in rows]
        if len(found) > end:
            break
    page = [(row, tiers[n].match) for row, n in found[query.offset : end]]
    if len(found) <= end:
        return page, None
    row, number = found[end - 1]
    return page, replace(place, tier=number, below=row)


def _with(wanted: Wanted, expression: Expression | None) -> Wanted:
    parts = [part for part in (expression, wanted.expression) if part is not None]
    return Wanted(every(parts) if parts else None, wanted.rows)
