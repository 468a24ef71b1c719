"""Finding records, as the command, the API and the portal ask for it: within what the asker may see, with the names an agency
had before and after mergers, masked where the asker need not see personal data.

Writing down who looked at what is left to whoever shows it (`flows.people.looked`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING

from flows.people import masked, scope, sees_personal
from schemas.people import Actor, Right
from schemas.settings import Settings
from schemas.zone import VIETNAM
from storage.catalogue import Catalogue, Hit
from storage.fold import fold_words
from storage.people import Units
from storage.search import Found, Query, TotalIs, search
from storage.search.terms import agency_key

if TYPE_CHECKING:
    from flows.review import Desk
    from ocr.forms import Forms

ENDLESS = "Không thời hạn"
"""What a form says of a kind of paper that is in force without limit."""
PEOPLES_COMMITTEE = "uy ban nhan dan"
PLACES = ("xa ", "phuong ", "thi tran ", "dac khu ", "huyen ", "quan ", "thi xa ", "thanh pho ", "tinh ")


def find(catalogue: Catalogue, query: Query, actor: Actor) -> Found:
    """The answer to `query` among the records that the actor may search.

    Raises NotAllowed, WrongUse for a cursor of another query, CatalogueUnavailable.
    """
    return search(catalogue, completed(catalogue, query, actor))


def completed(catalogue: Catalogue, query: Query, actor: Actor) -> Query:
    """The query with what only this room knows. Raises NotAllowed."""
    seen = scope(actor, Right.SEARCH)
    names = [name for agency in query.agency for name in agency_names(catalogue, agency)]
    return query.model_copy(
        update={
            "agency": tuple(dict.fromkeys(names)),
            "without_limit": query.without_limit or kinds_without_limit(),
            "visible_units": seen.units,
            "visible_made_by": seen.made_by,
        }
    )


def kinds_without_limit(desk: Desk | None = None) -> frozenset[str]:
    """Kinds of paper that are in force without limit, as their forms say."""
    if desk is None:
        return _shipped_kinds_without_limit()
    return _without_limit(desk.forms)


@cache
def _shipped_kinds_without_limit() -> frozenset[str]:
    from ocr.forms import load_forms

    return _without_limit(load_forms())


def _without_limit(forms: Forms) -> frozenset[str]:
    return frozenset(form.code for form in forms if form.validity.scope.startswith(ENDLESS))


def today_here() -> date:
    """The day it is in Vietnam: validity ends at midnight there."""
    return datetime.now(VIETNAM).date()


def agency_names(catalogue: Catalogue, agency: str) -> list[str]:
    """Names and codes under which an agency may stand on paper: as given, those of its unit before and after mergers, and
    with the provinces that were merged on 1/7/2025 (NQ 202/2025/QH15) put for each other."""
    units = Units(catalogue)
    found = [agency]
    for unit in (unit for spelled in _spellings(agency) for unit in units.find(spelled)):
        found += [*units.names_of(unit.id), *units.codes_of(unit.id)]
    return list(dict.fromkeys(name for one in found for name in (one, *_other_provinces(one))))


def _spellings(agency: str) -> Iterator[str]:
    """As people call an agency and as the list of units does: `xã An Sơn`, `UBND xã An Sơn`, `Ủy ban nhân dân xã An Sơn`."""
    yield agency
    whole = agency_key(agency).replace("_", " ")
    place = whole.removeprefix(f"{PEOPLES_COMMITTEE} ")
    if place != whole or whole.startswith(PLACES):
        yield from dict.fromkeys((f"{PEOPLES_COMMITTEE} {place}", f"ubnd {place}", place))


def _other_provinces(name: str) -> Iterator[str]:
    from ocr.agencies import provinces

    words = f" {fold_words(name)} "
    for province in provinces():
        inside = f" {fold_words(province.name)} "
        if not words.endswith(inside):
            continue
        merged = {p.name for p in provinces() if p.merged_into == province.name}
        for other in sorted(merged | {province.merged_into} - {"", province.name}):
            yield re.sub(r"\s+", " ", words[: -len(inside)] + f" {other}").strip()


def masked_found(found: Found, actor: Actor, settings: Settings) -> Found:
    """The answer as the actor may see it: fields masked, pieces of text left out where anything may stand in them."""
    return replace(found, hits=[masked_hit(hit, actor, settings) for hit in found.hits])


def masked_hit(hit: Hit, actor: Actor, settings: Settings) -> Hit:
    """One result as the actor may see it."""
    if sees_personal(actor, hit.unit, hit.made_by):
        return hit
    fields = masked(hit.fields, hit.type, actor, settings, unit=hit.unit, made_by=hit.made_by)
    kept = tuple(s for s in hit.snippets if s.field in fields and fields[s.field] == hit.fields[s.field])
    return replace(hit, fields=fields, snippets=kept)


def found_facts(found: Found) -> dict:
    """An answer as JSON has it (schemas/find.schema.json)."""
    facts: dict = {"total": found.total, "hits": [_hit_facts(hit) for hit in found.hits]}
    if found.total_is is not TotalIs.EXACT:
        facts["total_is"] = str(found.total_is)
    if found.next_cursor is not None:
        facts["next_cursor"] = found.next_cursor
    if found.spelled:
        facts["spelled"] = list(found.spelled)
    if found.facets is not None:
        facts["facets"] = {
            "counted": found.facets.counted,
            "complete": found.facets.complete,
            **{n: dict(getattr(found.facets, n)) for n in ("kind", "agency", "year", "validity", "unit")},
        }
    return facts


def _hit_facts(hit: Hit) -> dict:
    return {
        "id": hit.id,
        "type": hit.type,
        "score": hit.score,
        "match": hit.match,
        "fields": hit.fields,
        "validity": hit.validity,
        "validity_reason": hit.validity_reason,
        "status": str(hit.status),
        "doc_code": hit.doc_code,
        "dossier_code": hit.dossier_code,
        "issued": hit.issued,
        "agency": hit.agency,
        "unit": hit.unit,
        "snippets": [
            {"field": s.field, "text": s.text, "marks": [list(m) for m in s.marks]} for s in hit.snippets
        ],
    }


def all_pages(catalogue: Catalogue, query: Query, actor: Actor, *, at_most: int) -> Iterator[Sequence[Hit]]:
    """All results of a query, a thousand at a time, as they stood when it began."""
    asked = completed(catalogue, query, actor)
    asked = asked.model_copy(
        update={
            "limit": 1_000,
            "offset": 0,
            "facets": False,
            "highlights": False,
            "total": False,
            "cursor": None,
        }
    )
    given = 0
    while given < at_most:
        found = search(catalogue, asked)
        if found.hits:
            yield found.hits[: at_most - given]
        given += len(found.hits)
        if found.next_cursor is None:
            return
        asked = asked.model_copy(update={"cursor": found.next_cursor})
