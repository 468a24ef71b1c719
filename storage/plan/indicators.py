"""Raw counts for the indicators of QĐ 766/QĐ-TTg, group "số hoá hồ sơ". Which count is divided by which is a setting."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from schemas.plan import CaseState, ListKind, Period
from schemas.register import BookKind, EntryState
from storage.catalogue import tables as c
from storage.plan import tables as t
from storage.plan.moments import count_if, counts_at, in_use_at, taken_at
from storage.plan.work import Within
from storage.register import tables as r
from storage.reuse.tables import reuses

COUNTS = {
    "received": "Hồ sơ tiếp nhận trong kỳ",
    "resolved": "Hồ sơ đã giải quyết trong kỳ",
    "resolved_with_result": "Hồ sơ đã giải quyết có kết quả điện tử đã ký số",
    "dossiers_digitised": "Hồ sơ tiếp nhận có giấy tờ được số hoá",
    "dossiers_reusing": "Hồ sơ tiếp nhận dùng lại dữ liệu đã số hoá",
    "dossiers_synchronised": "Hồ sơ có giấy tờ số hoá đã đồng bộ về Kho trên Cổng DVCQG",
    "electronic_copies": "Bản sao chứng thực điện tử đã cấp",
}
"""Counts that an indicator may be made of, with what they are called."""


def raw_counts(
    connection: sa.Connection,
    period: Period,
    as_of: datetime,
    units: Collection[str] | None = None,
    within: Within | None = None,
) -> dict[str, int]:
    p, d = t.cases.c, c.documents.c
    first, last = period.first.isoformat(), period.last.isoformat()
    of_list = (p.kind_of_list == ListKind.DOSSIERS) & counts_at(as_of)
    if units is not None:
        of_list &= p.unit.in_(sorted(units))
    received = p.received.between(first, last)
    resolved = (p.state == CaseState.RESOLVED) & p.finished.between(first, last)
    of_period = of_list & (received | resolved)
    reused = p.dossier_code.in_(sa.select(reuses.c.dossier).where(reuses.c.at <= as_of))
    by_row = sa.select(
        count_if(received).label("received"),
        count_if(resolved).label("resolved"),
        count_if(received & reused).label("dossiers_reusing"),
    ).where(of_period)
    copies = (
        sa.select(sa.func.count())
        .select_from(r.entries.join(r.outcomes, r.outcomes.c.entry == r.entries.c.id))
        .where(
            r.entries.c.kind == BookKind.CERTIFIED,
            r.entries.c.day.between(first, last),
            r.outcomes.c.state == EntryState.COMPLETED,
            r.outcomes.c.at <= as_of,
        )
    )
    if within is not None:
        copies = copies.where(r.entries.c.book.in_(sa.select(r.books.c.id).where(within.of_book())))
    with_record = _with_record(
        of_period,
        as_of,
        resolved_with_result=resolved & (d.signed_at <= as_of),
        dossiers_digitised=received,
        dossiers_synchronised=received & (d.synchronised_at <= as_of),
    )
    counted = {"electronic_copies": connection.scalar(copies)}
    for query in (by_row, with_record):
        counted |= connection.execute(query).mappings().one()
    return {name: int(counted[name] or 0) for name in COUNTS}


def _with_record(of_period: sa.ColumnElement[bool], as_of: datetime, **conditions: sa.ColumnElement[bool]) -> sa.Select:
    """How many of these rows have a record of their dossier, by the code or by a match, of which a condition is true. Joined, not
    asked row by row: each database then begins with what is less."""
    p, d, m = t.cases.c, c.documents.c, t.matches.c
    found = [sa.case((condition, 1), else_=0).label(name) for name, condition in conditions.items()]
    wanted = (of_period, in_use_at(as_of))
    by_code = sa.select(p.case, *found).select_from(t.cases.join(c.documents, d.dossier_code == p.dossier_code)).where(*wanted)
    matched = t.cases.join(t.matches, m.case == p.case).join(c.documents, d.id == m.document)
    by_match = sa.select(p.case, *found).select_from(matched).where(taken_at(as_of), *wanted)
    pairs = by_code.union_all(by_match).subquery()
    rows = sa.select(*(sa.func.max(pairs.c[name]).label(name) for name in conditions)).group_by(pairs.c.case).subquery()
    return sa.select(*(sa.func.sum(rows.c[name]).label(name) for name in conditions))
