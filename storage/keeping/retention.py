"""Terms, legal holds, disposal lists and handing over. A hold and a list are evidence: the database keeps every row."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa

from schemas.errors import NotAllowedNow, NotFound
from schemas.keeping import DisposalItem, DisposalList, DisposalState, Hold, Term
from schemas.keeping_errors import SamePerson
from schemas.store import ObjectRef
from storage.catalogue import tables as catalogue
from storage.catalogue.database import Database, insert
from storage.catalogue.events import add_event
from storage.catalogue.rows import short_id
from storage.keeping import tables as t

CHUNK = 500


class Terms:
    """Shares the engine of an opened catalogue; every method that changes something is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, terms: Sequence[Term], *, who: str, at: datetime) -> None:
        """First terms of records. One that is there stays: it is changed by `change` only, with a reason."""
        rows = [_term_row(term) | {"who": who, "at": at} for term in terms]
        if rows:
            with self.database.write() as connection:
                connection.execute(insert(connection, t.retention_terms).on_conflict_do_nothing(), rows)

    def change(self, term: Term, *, who: str, at: datetime) -> None:
        """Another class for one record, told by an event."""
        values = _term_row(term) | {"who": who, "at": at}
        with self.database.write() as connection:
            statement = insert(connection, t.retention_terms).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["subject"], set_=values))
            add_event(
                connection, who, "retention_changed", term.subject, to=term.record_class, ends=values["ends"], reason=term.why
            )

    def get(self, subject: str) -> Term | None:
        with self.database.read() as connection:
            row = connection.execute(_term_query().where(t.retention_terms.c.subject == subject)).mappings().first()
        return _term(row) if row else None

    def of(self, subjects: Sequence[str]) -> dict[str, Term]:
        """Those that have one."""
        found: dict[str, Term] = {}
        with self.database.read() as connection:
            for start in range(0, len(subjects), CHUNK):
                chunk = subjects[start : start + CHUNK]
                query = _term_query().where(t.retention_terms.c.subject.in_(chunk))
                found |= {row["subject"]: _term(row) for row in connection.execute(query).mappings()}
        return found

    def over(self, today: date) -> list[Term]:
        """Terms that have ended and whose records were not destroyed, the earliest first."""
        r, i = t.retention_terms.c, t.disposal_items.c
        gone = sa.exists().where(i.subject == r.subject, i.done_at.is_not(None))
        query = _term_query().where(r.ends <= today.isoformat(), ~gone).order_by(r.ends, r.subject)
        with self.database.read() as connection:
            return [_term(row) for row in connection.execute(query).mappings()]

    def counts(self) -> dict[str, int]:
        """Class -> records."""
        column = t.retention_terms.c["class"]
        with self.database.read() as connection:
            query = sa.select(column, sa.func.count()).group_by(column).order_by(column)
            return dict(connection.execute(query).all())


class Holds:
    def __init__(self, database: Database) -> None:
        self.database = database

    def set(self, subject: str, reason: str, *, who: str, at: datetime) -> Hold:
        """A further hold; several may stand at once, each is lifted by itself."""
        hold = short_id("H", secrets.token_hex(16))
        with self.database.write() as connection:
            connection.execute(
                t.legal_holds.insert().values(id=hold, subject=subject, reason=reason, who=who, at=at, lift_reason="")
            )
            add_event(connection, who, "hold_set", subject, hold=hold, reason=reason)
            return _hold_row(connection, hold)

    def lift(self, hold_id: str, reason: str, *, who: str, at: datetime) -> Hold:
        """Raises NotFound, NotAllowedNow when it is lifted already."""
        h = t.legal_holds.c
        with self.database.write() as connection:
            found = _hold_row(connection, hold_id)
            if found.lifted_at is not None:
                raise NotAllowedNow(f"hold {hold_id} is lifted")
            connection.execute(
                t.legal_holds.update().where(h.id == hold_id).values(lifted_at=at, lifted_by=who, lift_reason=reason)
            )
            add_event(connection, who, "hold_lifted", found.subject, hold=hold_id, reason=reason)
            return _hold_row(connection, hold_id)

    def standing(self, subject: str | None = None) -> list[Hold]:
        """Not lifted, oldest first."""
        h = t.legal_holds.c
        query = sa.select(t.legal_holds).where(h.lifted_at.is_(None)).order_by(h.at, h.id)
        if subject is not None:
            query = query.where(h.subject == subject)
        with self.database.read() as connection:
            return [Hold(**row) for row in connection.execute(query).mappings()]


class Disposals:
    def __init__(self, database: Database) -> None:
        self.database = database

    def propose(self, items: Sequence[DisposalItem], reason: str, *, who: str, at: datetime) -> DisposalList:
        """Raises NotAllowedNow when a record stands on another list that waits or is approved."""
        found = short_id("L", secrets.token_hex(16))
        waiting = (DisposalState.PROPOSED, DisposalState.APPROVED)
        with self.database.write() as connection:
            i, lists = t.disposal_items.c, t.disposal_lists.c
            for start in range(0, len(items), CHUNK):
                subjects = [item.subject for item in items[start : start + CHUNK]]
                query = sa.select(i.subject).join(t.disposal_lists, lists.id == i.list)
                taken = connection.scalar(query.where(i.subject.in_(subjects), lists.state.in_(waiting)).limit(1))
                if taken:
                    raise NotAllowedNow(f"{taken} stands on another list")
            connection.execute(
                t.disposal_lists.insert().values(
                    id=found, state=DisposalState.PROPOSED, reason=reason, proposed_by=who, proposed_at=at, decision=""
                )
            )
            connection.execute(t.disposal_items.insert(), [_item_row(found, item) for item in items])
            add_event(connection, who, "disposal_proposed", found, records=len(items), reason=reason)
            return _list(connection, found)

    def decide(self, list_id: str, *, approve: bool, decision: str, who: str, at: datetime) -> DisposalList:
        """Somebody else than who proposed it approves, or refuses. Raises NotFound, NotAllowedNow, SamePerson."""
        state = DisposalState.APPROVED if approve else DisposalState.REFUSED
        with self.database.write() as connection:
            found = _locked(connection, list_id)
            if found.state is not DisposalState.PROPOSED:
                raise NotAllowedNow(f"list {list_id} is {found.state}")
            if found.proposed_by.casefold() == who.casefold():
                raise SamePerson(f"list {list_id} was proposed by {who}")
            connection.execute(
                t.disposal_lists.update()
                .where(t.disposal_lists.c.id == list_id)
                .values(state=state, approved_by=who, approved_at=at, decision=decision)
            )
            add_event(connection, who, f"disposal_{state}", list_id, decision=decision)
            return _list(connection, list_id)

    def left_out(self, list_id: str, subject: str, why: str) -> None:
        """This record may not be destroyed now; it stays, and can be proposed again."""
        i = t.disposal_items.c
        with self.database.write() as connection:
            connection.execute(
                t.disposal_items.update().where(i.list == list_id, i.subject == subject).values(left_out=why)
            )

    def item_done(self, connection: sa.Connection, list_id: str, subject: str, at: datetime) -> None:
        """Part of the transaction that takes the record out of the catalogue."""
        i = t.disposal_items.c
        connection.execute(
            t.disposal_items.update()
            .where(i.list == list_id, i.subject == subject, i.done_at.is_(None))
            .values(done_at=at, left_out="")
        )

    def finish(self, list_id: str, record: ObjectRef, *, who: str, at: datetime) -> DisposalList:
        with self.database.write() as connection:
            found = _locked(connection, list_id)
            if found.state is DisposalState.APPROVED:
                connection.execute(
                    t.disposal_lists.update()
                    .where(t.disposal_lists.c.id == list_id)
                    .values(state=DisposalState.DONE, run_by=who, finished_at=at, record=record.model_dump())
                )
                done = sum(item.done_at is not None for item in found.items)
                add_event(connection, who, "disposal_done", list_id, destroyed=done, left_out=len(found.items) - done)
            return _list(connection, list_id)

    def get(self, list_id: str) -> DisposalList:
        """Raises NotFound."""
        with self.database.read() as connection:
            return _list(connection, list_id)

    def lists(self) -> list[DisposalList]:
        """Newest first."""
        with self.database.read() as connection:
            query = sa.select(t.disposal_lists.c.id).order_by(t.disposal_lists.c.proposed_at.desc())
            return [_list(connection, found) for found in connection.scalars(query).all()]


class Handovers:
    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, subject: str, receiver: str, *, package: str, minutes: str, who: str, at: datetime) -> bool:
        """False when it was handed over to them before."""
        with self.database.write() as connection:
            statement = insert(connection, t.handovers).values(
                subject=subject, receiver=receiver, at=at, who=who, package=package, minutes=minutes
            )
            new = connection.scalar(statement.on_conflict_do_nothing().returning(t.handovers.c.subject))
            if new:
                add_event(
                    connection, who, "handed_over", subject, receiver=receiver, package=package, minutes=minutes
                )
            return new is not None

    def missing(self, receiver: str, before: datetime) -> list[tuple[str, datetime]]:
        """Archived records completed before a moment and not handed over: id and when, the oldest first."""
        d, v, h = catalogue.documents.c, catalogue.document_versions.c, t.handovers.c
        done = (
            sa.select(v.document, sa.func.max(v.made).label("made")).group_by(v.document).subquery()
        )
        given = sa.exists().where(h.subject == d.id, h.receiver == receiver)
        query = (
            sa.select(d.id, done.c.made)
            .join(done, done.c.document == d.id)
            .where(d.status == "archived", ~d.superseded, done.c.made < before, ~given)
            .order_by(done.c.made, d.id)
        )
        with self.database.read() as connection:
            return [(found, made) for found, made in connection.execute(query)]


def _term_query() -> sa.Select:
    return sa.select(t.retention_terms)


def _term(row: sa.RowMapping) -> Term:
    return Term(
        subject=row["subject"],
        record_class=row["class"],
        starts=date.fromisoformat(row["starts"]),
        ends=date.fromisoformat(row["ends"]) if row["ends"] else None,
        why=row["why"],
    )


def _term_row(term: Term) -> dict:
    return {
        "subject": term.subject,
        "class": term.record_class,
        "starts": term.starts.isoformat(),
        "ends": term.ends.isoformat() if term.ends else None,
        "why": term.why,
    }


def _hold_row(connection: sa.Connection, hold_id: str) -> Hold:
    query = sa.select(t.legal_holds).where(t.legal_holds.c.id == hold_id).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"hold {hold_id}")
    return Hold(**row)


def _item_row(list_id: str, item: DisposalItem) -> dict:
    return {
        "list": list_id,
        "subject": item.subject,
        "title": item.title,
        "class": item.record_class,
        "ends": item.ends.isoformat(),
        "objects": [ref.model_dump() for ref in item.objects],
        "left_out": "",
    }


def _locked(connection: sa.Connection, list_id: str) -> DisposalList:
    connection.execute(
        sa.select(t.disposal_lists.c.id).where(t.disposal_lists.c.id == list_id).with_for_update()
    )
    return _list(connection, list_id)


def _list(connection: sa.Connection, list_id: str) -> DisposalList:
    row = connection.execute(sa.select(t.disposal_lists).where(t.disposal_lists.c.id == list_id)).mappings().first()
    if row is None:
        raise NotFound(f"list {list_id}")
    i = t.disposal_items.c
    items = connection.execute(
        sa.select(t.disposal_items).where(i.list == list_id).order_by(i.subject)
    ).mappings()
    return DisposalList(
        **{**row, "record": ObjectRef(**row["record"]) if row["record"] else None},
        items=[
            DisposalItem(
                subject=item["subject"],
                title=item["title"],
                record_class=item["class"],
                ends=date.fromisoformat(item["ends"]),
                objects=[ObjectRef(**ref) for ref in item["objects"]],
                done_at=item["done_at"],
                left_out=item["left_out"],
            )
            for item in items
        ],
    )
