"""Which record is the paper of which row: what the matcher found, and what people decided."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby, islice
from operator import itemgetter

import sqlalchemy as sa

from schemas.errors import ChangedMeanwhile, NotAllowedNow, NotFound
from schemas.plan import Evidence, ListKind, Match, MatchState
from storage.catalogue import tables as c
from storage.catalogue.database import Database
from storage.catalogue.events import add_event, now
from storage.plan import tables as t
from storage.plan.moments import in_use_at, taken_at

_CHUNK = 1_000
_MARGIN = timedelta(minutes=1)
"""Between the time that a decision bears and its commit."""
_TAKEN = (MatchState.SURE, MatchState.CONFIRMED)


@dataclass(frozen=True)
class RecordFacts:
    """What of a record is compared with rows."""

    id: str
    kind: str
    dossier_code: str | None
    fields: dict[str, str]


@dataclass(frozen=True)
class MatchRow:
    id: int
    match: Match
    made_by: str
    why: str


class PlanMatches:
    def __init__(self, database: Database) -> None:
        self.database = database

    def free_records(self, kind: ListKind, names: Collection[str]) -> Iterator[RecordFacts]:
        """Records in use that are not yet the paper of a row of such a list, with their fields of these names."""
        d, f, m = c.documents.c, c.fields.c, t.matches.c
        taken = sa.select(m.document).where(m.kind_of_list == kind, taken_at(None))
        query = (
            sa.select(d.id, d.type, d.dossier_code, f.name, f.value)
            .select_from(
                c.documents.outerjoin(
                    c.fields, (f.document == d.id) & f.name.in_(sorted(names)) & f.value.is_not(None)
                )
            )
            .where(in_use_at(None), d.id.not_in(taken))
            .order_by(d.id)
        )
        with self.database.read() as connection:
            rows = connection.execution_options(stream_results=True, yield_per=5_000).execute(query)
            for (document, kind_of_paper, dossier), of_one in groupby(rows, key=itemgetter(0, 1, 2)):
                yield RecordFacts(
                    document, kind_of_paper, dossier, {name: value for *_, name, value in of_one if name is not None}
                )

    def rejected(self, kind: ListKind) -> set[tuple[int, str]]:
        """Pairs that a person said are none; the matcher does not come back to them."""
        m = t.matches.c
        query = sa.select(m.case, m.document).where(
            m.kind_of_list == kind, m.state == MatchState.REJECTED, m.ended_at.is_(None)
        )
        with self.database.read() as connection:
            return {(case, document) for case, document in connection.execute(query)}

    def release_corrected(self, kind: ListKind, names: Collection[str]) -> int:
        """Ends what the matcher was sure of where one of these fields of the record was corrected or read anew since: the record
        says something else now and is compared again. What a person confirmed stays. How many."""
        m, h = t.matches.c, c.field_history.c
        other = sa.exists().where(
            h.document == m.document, h.at > m.made_at, h.field.in_(sorted(names)), h.old_value.is_distinct_from(h.new_value)
        )
        corrected = (m.kind_of_list == kind) & (m.state == MatchState.SURE) & m.ended_at.is_(None) & other
        with self.database.read() as connection:
            if not connection.scalar(sa.select(sa.exists().where(corrected))):
                return 0
        with self.database.write() as connection:
            return connection.execute(t.matches.update().where(corrected).values(ended_at=now())).rowcount

    def write(self, found: Iterable[Match], kind: ListKind, who: str, *, began: datetime) -> tuple[int, int]:
        """What a run of the matcher found, in one transaction; earlier doubts are replaced. How many sure, how many doubtful.

        `began`: when rows and records were read. A row or record that got its partner since is left as it is.
        """
        m, d = t.matches.c, c.documents.c
        sure = doubtful = 0
        # With the first all are found, before the lock is taken: nobody who writes has to wait for the comparing.
        coming = iter(found)
        coming = chain(list(islice(coming, 1)), coming)
        with self.database.write() as connection:
            if not self.database.is_sqlite:
                # Two runs at once would both give the same rows their records.
                connection.execute(sa.text("LOCK TABLE plan_matches IN SHARE ROW EXCLUSIVE MODE"))
            at = now()
            # A record that was set aside since is nobody's paper; its row is missing again.
            aside = sa.select(d.id).where(~in_use_at(None))
            connection.execute(
                t.matches.update()
                .where(
                    m.kind_of_list == kind,
                    m.ended_at.is_(None),
                    (m.state == MatchState.DOUBTFUL) | (m.state.in_(_TAKEN) & m.document.in_(aside)),
                )
                .values(ended_at=at)
            )
            taken = _taken_since(connection, kind, began - _MARGIN)
            while chunk := list(islice(coming, _CHUNK)):
                rows = [
                    {
                        "case": match.case,
                        "kind_of_list": kind,
                        "document": match.document,
                        "state": match.state,
                        "score": match.score,
                        "evidence": [[e.feature, e.outcome, e.weight] for e in match.evidence],
                        "made_at": at,
                        "made_by": who,
                        "why": "",
                    }
                    for match in chunk
                    if ("case", match.case) not in taken and ("document", match.document) not in taken
                ]
                if rows:
                    connection.execute(t.matches.insert(), rows)
                sure += sum(row["state"] == MatchState.SURE for row in rows)
                doubtful += sum(row["state"] == MatchState.DOUBTFUL for row in rows)
            if sure or doubtful:
                add_event(connection, who, "list_matched", "", kind=kind, sure=sure, doubtful=doubtful)
        return sure, doubtful

    def doubtful(self, limit: int = 200, units: Collection[str] | None = None) -> list[MatchRow]:
        """What waits for a person, best score first; rows of these agencies only."""
        m, p = t.matches.c, t.cases.c
        query = (
            sa.select(t.matches)
            .where(m.state == MatchState.DOUBTFUL, m.ended_at.is_(None))
            .order_by(m.score.desc(), m.id)
            .limit(limit)
        )
        if units is not None:
            query = query.where(
                sa.exists().where(p.case == m.case, p.replaced_at.is_(None), p.unit.in_(sorted(units)))
            )
        with self.database.read() as connection:
            return [_row(row) for row in connection.execute(query).mappings()]

    def pairs(self, kind: ListKind, state: MatchState) -> list[tuple[int, str]]:
        """(row in its file, record) of every pair in this state."""
        m, p = t.matches.c, t.cases.c
        query = (
            sa.select(p.row, m.document)
            .select_from(t.matches.join(t.cases, (p.case == m.case) & p.replaced_at.is_(None)))
            .where(m.kind_of_list == kind, m.state == state, m.ended_at.is_(None))
            .order_by(m.id)
        )
        with self.database.read() as connection:
            return [(row.row, row.document) for row in connection.execute(query)]

    def of_case(self, case: int) -> list[MatchRow]:
        """Every match ever made of a row, oldest first."""
        with self.database.read() as connection:
            query = sa.select(t.matches).where(t.matches.c.case == case).order_by(t.matches.c.id)
            return [_row(row) for row in connection.execute(query).mappings()]

    def decide(self, case: int, document: str, confirmed: bool, *, who: str, why: str = "") -> MatchRow:
        """A person says whether a record is the paper of a row; also for a pair nobody proposed, and against a sure one.

        Raises NotFound, NotAllowedNow when the row or the record already has another partner.
        """
        m = t.matches.c
        state = MatchState.CONFIRMED if confirmed else MatchState.REJECTED
        with self.database.write() as connection:
            at = now()
            kind = connection.scalar(
                sa.select(t.cases.c.kind_of_list)
                .where(t.cases.c.case == case, t.cases.c.replaced_at.is_(None))
                .with_for_update(key_share=True)
            )
            # Both sides are locked: two people at once must not give one record to two rows.
            known = connection.scalar(
                sa.select(c.documents.c.id)
                .where(c.documents.c.id == document, in_use_at(None))
                .with_for_update(key_share=True)
            )
            if kind is None or known is None:
                raise NotFound(f"row {case}" if kind is None else document)
            before = (
                connection.execute(
                    sa.select(t.matches).where(m.case == case, m.document == document, m.ended_at.is_(None))
                )
                .mappings()
                .first()
            )
            if before is not None and before["state"] == state:
                raise ChangedMeanwhile("decided already")
            if confirmed:
                other = connection.scalar(
                    sa.select(m.id).where(
                        m.kind_of_list == kind, m.ended_at.is_(None), m.state.in_(_TAKEN),
                        (m.case == case) | (m.document == document), (m.case != case) | (m.document != document),
                    )
                )  # fmt: skip
                if other is not None:
                    raise NotAllowedNow("the row or the record already has another partner; reject that one first")
                # Its other proposals have lost their ground.
                connection.execute(
                    t.matches.update()
                    .where(
                        m.kind_of_list == kind, m.state == MatchState.DOUBTFUL, m.ended_at.is_(None),
                        (m.case == case) | (m.document == document),
                    )
                    .values(ended_at=at)
                )  # fmt: skip
            if before is not None:
                connection.execute(t.matches.update().where(m.id == before["id"]).values(ended_at=at))
            made = connection.execute(
                t.matches.insert().values(
                    case=case, kind_of_list=kind, document=document, state=state, made_at=at, made_by=who, why=why,
                    score=before["score"] if before else 0.0, evidence=before["evidence"] if before else [],
                )
            ).inserted_primary_key[0]  # fmt: skip
            add_event(connection, who, f"match_{state}", document, case=case, reason=why)
            row = connection.execute(sa.select(t.matches).where(m.id == made)).mappings().one()
            return _row(row)


def _taken_since(connection: sa.Connection, kind: ListKind, moment: datetime) -> set[tuple[str, int | str]]:
    m = t.matches.c
    query = sa.select(m.case, m.document).where(m.kind_of_list == kind, taken_at(None), m.made_at >= moment)
    return {side for row in connection.execute(query) for side in (("case", row.case), ("document", row.document))}


def _row(row: sa.RowMapping) -> MatchRow:
    evidence = tuple(Evidence(feature=a, outcome=b, weight=w) for a, b, w in row["evidence"])
    match = Match(
        case=row["case"], document=row["document"], state=MatchState(row["state"]), score=row["score"], evidence=evidence
    )
    return MatchRow(row["id"], match, row["made_by"], row["why"])
