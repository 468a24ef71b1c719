"""How results fall into kinds, agencies, years, validity and units."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from storage.search.filters import state_on
from storage.search.query import Facets, Query
from storage.search.tables import search_rows
from storage.search.vocabulary import among

MOST = 50
"""Values of one sort that are told, the most frequent ones."""


def count_facets(
    connection: sa.Connection, numbers: Sequence[int], complete: bool, query: Query, today: date
) -> Facets:
    """Counts over these rows. `complete`: they are all results, not only the newest."""
    r = search_rows.c
    validity = state_on(today, query.without_limit)
    chosen = (
        r.kind,
        sa.func.coalesce(r.agency, ""),
        sa.func.coalesce(sa.func.substr(r.issued, 1, 4), ""),
        validity,
        r.unit,
    )
    rows = connection.execute(sa.select(*chosen).where(among(connection, r.id, numbers))).all()
    # By columns, not by groups in the database: agencies times units times years are as many as rows.
    counters = [Counter(column) for column in zip(*rows, strict=True)] or [Counter()] * len(chosen)
    told = (dict(counter.most_common(MOST)) for counter in counters)
    return Facets(len(numbers), complete, *told)
