"""How results fall into kinds, agencies, years, validity and units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from storage.search.query import Facets, Query
from storage.search.tables import search_rows
from storage.search.validity import IN_FORCE, derived
from storage.search.vocabulary import among

MOST = 50
"""Values of one sort that are told, the most frequent ones."""


def count_facets(
    connection: sa.Connection, numbers: Sequence[int], complete: bool, query: Query, today: date
) -> Facets:
    """Counts over these rows. `complete`: they are all results, not only the newest."""
    r = search_rows.c
    chosen = (r.kind, r.agency, sa.func.substr(r.issued, 1, 4).label("year"), r.unit, r.state, r.valid_from, r.valid_to)
    grouped = sa.select(*chosen, sa.func.count()).where(among(connection, r.id, numbers)).group_by(*chosen)
    kinds, agencies, years, validities, units = (Counter() for _ in range(5))
    for kind, agency, year, unit, state, begins, ends, n in connection.execute(grouped):
        endless = state == IN_FORCE or kind in query.without_limit
        kinds[kind] += n
        agencies[agency or ""] += n
        years[year or ""] += n
        units[unit] += n
        validities[str(derived(state, begins, ends, endless, today))] += n
    told = (dict(counter.most_common(MOST)) for counter in (kinds, agencies, years, validities, units))
    return Facets(len(numbers), complete, *told)
