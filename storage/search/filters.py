"""Typed filters of a query as terms of the index, with what only the rows can tell exactly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import sqlalchemy as sa

from storage.search.ids import Wanted
from storage.search.match import Expression, any_of, but, every
from storage.search.query import Query, Validity
from storage.search.tables import search_rows
from storage.search.terms import (
    agency_code,
    agency_key,
    code_terms,
    identity,
    joined,
    number_parts,
    plain,
    words,
)
from storage.search.vocabulary import common, values_of

MONTHS_AT_MOST = 36
"""A longer range of days is asked by years."""
_FIRST_YEAR = 1945


def filtered(connection: sa.Connection, query: Query, today: date) -> Wanted | None:
    """What every result has to be; None: nothing can be."""
    parts = [*_exact(query), *_chosen(connection, query)]
    rows: list[sa.ColumnElement[bool]] = []
    issued = _issued(query)
    if issued is not None:
        parts.append(issued[0])
        rows += issued[1]
    if query.validity:
        parts.append(any_of(_narrowed(connection, validity, today, query.without_limit) for validity in query.validity))
        rows.append(state_on(today, query.without_limit).in_(query.validity))
    if query.visible_units is not None or query.visible_made_by is not None:
        seen = [f"u:{plain(unit)}" for unit in sorted(query.visible_units or ())]
        if query.visible_made_by:
            seen.append(f"b:{plain(query.visible_made_by)}")
        if not seen:
            return None
        parts.append(any_of(seen))
    return Wanted(every(parts) if parts else None, rows)


def _exact(query: Query) -> Iterator[Expression]:
    if query.id_number:
        yield identity(query.id_number)
    if query.name:
        yield every(f"n:{word}" for word in words(query.name) or ["_"])
    if query.number:
        number, symbol = number_parts(query.number)
        yield f"#sk:{joined(query.number)}" if symbol or "/" in query.number else f"#so:{number}"
    if query.symbol:
        yield f"#kh:{number_parts(query.symbol)[1]}"
    if query.dossier:
        yield f"#hs:{joined(query.dossier)}"
    if query.tthc:
        yield f"#tt:{query.tthc.strip().lower()}"
    if query.code:
        yield any_of([*code_terms(query.code), f"#mb:{joined(query.code)}"])


def _chosen(connection: sa.Connection, query: Query) -> Iterator[Expression]:
    for mark, values in (("k", query.kind), ("u", query.unit), ("s", query.status), ("y", query.year)):
        if values:
            yield any_of(f"{mark}:{plain(str(value))}" for value in values)
    if query.agency:
        yield _agency(connection, query.agency)


def _agency(connection: sa.Connection, names: tuple[str, ...]) -> Expression:
    """The agencies of these names and codes; where no record has such a whole name, those whose names hold its words."""
    codes = [f"ac:{code}" for name in names if (code := agency_code(name))]
    keys = [key for name in names if not agency_code(name) and (key := agency_key(name))]
    whole = sorted(common(connection, [f"a:{key}" for key in keys]))
    by_words = [] if whole else [every(f"aw:{word}" for word in key.split("_")) for key in keys]
    return any_of([*codes, *whole, *by_words] or ["a:"])


def _issued(query: Query) -> tuple[Expression, list[sa.ColumnElement[bool]]] | None:
    if query.issued_from is None and query.issued_to is None:
        return None
    first = query.issued_from or date(_FIRST_YEAR, 1, 1)
    last = query.issued_to or date(date.today().year + 1, 12, 31)
    months = (last.year - first.year) * 12 + last.month - first.month + 1
    if months <= MONTHS_AT_MOST:
        numbers = (first.year * 12 + first.month - 1 + n for n in range(max(1, months)))
        terms = [f"m:{n // 12}-{n % 12 + 1:02}" for n in numbers]
    else:
        terms = [f"y:{year}" for year in range(first.year, last.year + 1)]
    rows = [search_rows.c.issued.between(first.isoformat(), last.isoformat())]
    return any_of(terms), rows


def state_on(today: date, without_limit: frozenset[str]) -> sa.ColumnElement[str]:
    """`validity.derived` as the database computes it from a row."""
    r, day = search_rows.c, today.isoformat()
    return sa.case(
        (r.state.in_((Validity.REVOKED, Validity.REPLACED)), r.state),
        (r.valid_from > day, Validity.NOT_YET),
        (r.valid_to < day, Validity.EXPIRED),
        (
            sa.or_(r.valid_to.is_not(None), r.state == "in_force", r.kind.in_(sorted(without_limit))),
            Validity.IN_FORCE,
        ),
        else_=Validity.UNKNOWN,
    )


def _narrowed(
    connection: sa.Connection, validity: Validity, today: date, without_limit: frozenset[str]
) -> Expression:
    """Terms that every record in that state has, and few others."""
    if validity in (Validity.REVOKED, Validity.REPLACED):
        return f"v:{validity}"
    endless = any_of(["v:in_force", *(f"k:{plain(kind)}" for kind in sorted(without_limit))])
    if validity is Validity.UNKNOWN:
        return but("e:none", [endless, "v:revoked", "v:replaced"])
    mark = "f:" if validity is Validity.NOT_YET else "e:"
    years = [term for term in values_of(connection, mark) if term != "e:none"]
    this_year = f"{mark}{today.year}"
    if validity is Validity.EXPIRED:
        return any_of([term for term in years if term <= this_year] or [this_year])
    ahead = [term for term in years if term >= this_year]
    if validity is Validity.NOT_YET:
        return any_of(ahead or [this_year])
    return any_of([*ahead, every(["e:none", endless])])
