"""Finding records: a question in, one page of the answer out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from storage.catalogue.batches import VIETNAM
from storage.catalogue.database import Database
from storage.catalogue.events import now
from storage.catalogue.rows import Hit
from storage.search import cursor
from storage.search.facets import count_facets
from storage.search.filters import filtered
from storage.search.hits import found_records, hit
from storage.search.ids import Reader, Wanted
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
        return {TotalIs.EXACT: number, TotalIs.AT_LEAST: f"{number}+", TotalIs.ABOUT: f"khoảng {number}"}[self.total_is]


def search(catalogue: Database, query: Query) -> Found:
    """The page of results that `query` asks for, best first, newest first among equals.

    Raises WrongUse for a cursor of another query, CatalogueUnavailable.
    """
    with catalogue.read() as connection:
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
    nothing = wanted is None or (asked is not None and not asked.words)
    if place is None:
        newest = reader.newest()
        place = cursor.Place(0, newest + 1, newest, today.isoformat(), Spelled(), 0, TotalIs.EXACT)
        if not nothing:
            place = _begun(connection, reader, query, asked, wanted, place)
    if nothing:
        empty = count_facets(connection, [], True, query, today) if query.facets else None
        return Page([], None, empty, ()), place
    tiers = _tiers(asked, place.spelled)
    numbers, following = _page(reader, tiers, wanted, place, query)
    facets = None
    if query.facets:
        newest_ones = reader.newest_matching(_with(wanted, _widest(asked, place.spelled)), below=place.newest + 1)
        facets = count_facets(connection, *newest_ones, query, today)
    others = dict.fromkeys(w for words in place.spelled.others for w in words)
    return Page(numbers, following, facets, tuple(others)), place


def _begun(
    connection: sa.Connection, reader: Reader, query: Query, asked: Asked | None, wanted: Wanted, place: cursor.Place
) -> cursor.Place:
    """The beginning of an answer: how many there are, and whether beginnings and typing errors are needed."""
    below, spelled = place.below, Spelled()
    if asked is not None and query.fuzzy:
        counted = reader.count(_with(wanted, asked.all_words), below=below, at_most=COUNTED)
        spelled.beginnings = beginnings(connection, asked) if not counted.many else []
        begun = beginning_of(asked, spelled)
        if begun is not None:
            further = reader.count(_with(wanted, but(begun, [asked.all_words])), below=below, at_most=FEW)
            few = counted.number + further.number < FEW
        else:
            few = counted.number < FEW
        if few:
            spelled.others = others_near(connection, asked)
    if asked is not None and query.fuzzy and not spelled.beginnings and not any(spelled.others):
        all_of_it = counted
    elif not query.total:
        return cursor.Place(0, below, place.newest, place.today, spelled, 0, TotalIs.AT_LEAST)
    else:
        all_of_it = reader.count(_with(wanted, _widest(asked, spelled)), below=below, at_most=COUNTED)
    total_is = TotalIs.ABOUT if all_of_it.estimated else TotalIs.AT_LEAST if all_of_it.more else TotalIs.EXACT
    return cursor.Place(0, below, place.newest, place.today, spelled, all_of_it.number, total_is)


def _tiers(asked: Asked | None, spelled: Spelled) -> list[Tier | None]:
    if asked is None:
        return [None]
    tiers: list[Tier | None] = list(exact_tiers(asked))
    earlier = [asked.all_words]
    begun, wrong = beginning_of(asked, spelled), misspelled(asked, spelled)
    if begun is not None:
        tiers.append(Tier(Match.BEGINNING, but(begun, earlier)))
        earlier.append(begun)
    if wrong is not None:
        tiers.append(Tier(Match.SPELLING, but(wrong, earlier)))
    return tiers


def _widest(asked: Asked | None, spelled: Spelled) -> Expression | None:
    """What all steps together find."""
    if asked is None:
        return None
    parts = (asked.all_words, beginning_of(asked, spelled), misspelled(asked, spelled))
    return any_of(part for part in parts if part is not None)


def _page(
    reader: Reader, tiers: Sequence[Tier | None], wanted: Wanted, place: cursor.Place, query: Query
) -> tuple[list[tuple[int, Match]], cursor.Place | None]:
    """Results from a place on, and the place after them."""
    found: list[tuple[int, int]] = []
    end = query.offset + query.limit
    for number in range(place.tier, len(tiers)):
        tier = tiers[number]
        below = place.below if number == place.tier else place.newest + 1
        step = _with(wanted, tier.expression if tier else None)
        # One more than asked for tells whether there is a next page.
        found += [(row, number) for row in reader.ids(step, below=below, limit=end + 1 - len(found))]
        if len(found) > end:
            break
    page = [(row, tiers[n].match if tiers[n] else Match.FILTER) for row, n in found[query.offset : end]]
    if len(found) <= end:
        return page, None
    row, number = found[end - 1]
    following = cursor.Place(
        number, row, place.newest, place.today, place.spelled, place.total, place.total_is
    )
    return page, following


def _with(wanted: Wanted, expression: Expression | None) -> Wanted:
    parts = [part for part in (expression, wanted.expression) if part is not None]
    return Wanted(every(parts) if parts else None, wanted.rows)


