"""Taking numbers and saying what became of them (NĐ 23/2015 Đ13, Đ20; DESIGN decision 7).

A number is taken in the transaction that writes its row: when that fails, the number was never taken. What follows
(signing, archiving) happens outside; the row waits as pending, and ends as completed or failed. The number stays either
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from pydantic import ValidationError

from schemas.errors import BookClosed, NotAllowedNow, RequestKeyReused, WrongUse
from schemas.register import (
    Book,
    Cancelling,
    Draft,
    EntryState,
    Evidence,
    Note,
    RegisterEntry,
    Series,
)
from storage.catalogue.database import insert
from storage.catalogue.events import add_event
from storage.catalogue.rows import short_id
from storage.register import tables as t
from storage.register.books import Books, in_month
from storage.register.rows import load_book, load_entries, load_entry, load_month


class _KeyTakenMeanwhile(Exception):
    """Another process wrote the same request into another book; ours is rolled back with its number."""


class Numbers(Books):
    def take_number(self, series: Series, draft: Draft, *, who: str) -> RegisterEntry:
        """The next number of this year's book, written with its row as pending. The same request again gives the same
        row, in whatever state it is by then.

        Raises BookClosed; ClockWentBack; RequestKeyReused when the key stands for another row.
        """
        return self.take_numbers(series, [draft], who=who)[0]

    def take_numbers(self, series: Series, drafts: Sequence[Draft], *, who: str) -> list[RegisterEntry]:
        """Numbers for the originals of one visit, in their order: all of them or none."""
        keys = [draft.request_key for draft in drafts]
        if not drafts or len(set(keys)) != len(keys):
            raise WrongUse("every original needs a request key of its own")
        try:
            return self._take(series, drafts, who)
        except _KeyTakenMeanwhile:
            return self._take(series, drafts, who)

    def _take(self, series: Series, drafts: Sequence[Draft], who: str) -> list[RegisterEntry]:
        with self.database.write() as connection:
            done = _requested(connection, series, drafts)
            if len(done) < len(drafts):
                book, moment = self.lock_current(connection, series, who)
                # Looked up again: another process may have taken it while this one waited for the book.
                done = _requested(connection, series, drafts)
                missing = [draft for draft in drafts if draft.request_key not in done]
                if missing:
                    self._write_rows(connection, series, book, missing, moment, who)
                    done = _requested(connection, series, drafts)
            return [done[draft.request_key] for draft in drafts]

    def _write_rows(
        self,
        connection: sa.Connection,
        series: Series,
        book: Book,
        drafts: Sequence[Draft],
        moment: datetime,
        who: str,
    ) -> None:
        if book.closed is not None:
            raise BookClosed(f"book {book.id}")
        if load_month(connection, book.id, moment.month) is not None:
            raise BookClosed(f"month {moment.month}/{book.year} of book {book.id}")
        last = book.last_number + len(drafts)
        connection.execute(
            t.books.update().where(t.books.c.id == book.id).values(last_number=last, floor=moment)
        )
        symbol = self.symbol(series.kind) if book.shared else book.symbol
        for number, draft in enumerate(drafts, book.last_number + 1):
            entry = short_id("C", book.id, number)
            statement = insert(connection, t.entries).values(
                id=entry,
                book=book.id,
                number=number,
                volume=book.volumes[-1].position,
                kind=series.kind,
                symbol=symbol,
                recorded_at=moment,
                day=moment.date().isoformat(),
                taken_by=who,
                **draft.model_dump(),
            )
            kept = statement.on_conflict_do_nothing(index_elements=["request_key"])
            if connection.scalar(kept.returning(t.entries.c.id)) is None:
                raise _KeyTakenMeanwhile
            add_event(connection, who, "number_taken", entry, book=book.id, number=number)

    def complete(self, entry_id: str, evidence: Evidence, *, who: str) -> RegisterEntry:
        """The number was used: the copy is signed, verified and archived. The same evidence again changes nothing.

        Raises NotFound; NotAllowedNow when the number ended otherwise; WrongUse when a copy is under another number.
        """
        with self.database.write() as connection:
            entry = load_entry(connection, entry_id)
            kept = evidence.model_dump(mode="json")
            if not self._end(connection, entry, EntryState.COMPLETED, who, evidence=kept):
                entry = load_entry(connection, entry_id)  # it may have ended since it was read
                if entry.evidence != evidence:
                    raise NotAllowedNow(f"register entry {entry_id} is {entry.state}")
                return entry
            for position, copy in enumerate(evidence.copies, 1):
                facts = {"sha256": copy.sha256 or None, "code": copy.code or None}
                statement = insert(connection, t.issued).values(
                    entry=entry_id, position=position, electronic=copy.electronic, **facts
                )
                if connection.scalar(statement.on_conflict_do_nothing().returning(t.issued.c.entry)) is None:
                    raise WrongUse("a copy with this hash or code is in the register already")
            return load_entry(connection, entry_id)

    def fail(self, entry_id: str, reason: str, *, who: str) -> RegisterEntry:
        """The number could not be used; it stays in the book with the reason and is never given again.

        Raises NotFound; NotAllowedNow when it was completed.
        """
        if not reason.strip():
            raise WrongUse("a number that is not used needs a reason")
        with self.database.write() as connection:
            entry = load_entry(connection, entry_id)
            if not self._end(connection, entry, EntryState.FAILED, who, reason=reason):
                entry = load_entry(connection, entry_id)
                if entry.state is not EntryState.FAILED:
                    raise NotAllowedNow(f"register entry {entry_id} is {entry.state}")
                return entry
            return load_entry(connection, entry_id)

    def _end(
        self, connection: sa.Connection, entry: RegisterEntry, state: EntryState, who: str, **facts: object
    ) -> bool:
        """Write how it ended; False when that was settled before."""
        statement = insert(connection, t.outcomes).values(
            entry=entry.id, state=state, at=self.moment(), who=who, **facts
        )
        new = connection.scalar(statement.on_conflict_do_nothing().returning(t.outcomes.c.entry))
        if new is not None:
            add_event(connection, who, f"number_{state}", entry.id, book=entry.book, number=entry.number)
        return new is not None

    def add_note(self, entry_id: str, text: str, *, who: str) -> RegisterEntry:
        """A remark or correction, with day and writer, beside what was written first; also in closed books. Raises
        NotFound, and WrongUse when it is empty or too long."""
        with self.database.write() as connection:
            entry = load_entry(connection, entry_id)
            try:
                note = Note(at=self.moment(), who=who, text=text)
            except ValidationError as error:
                raise WrongUse("a note has one to 2,000 letters") from error
            connection.execute(sa.select(t.books.c.id).where(t.books.c.id == entry.book).with_for_update())
            n = t.notes.c
            last = connection.scalar(sa.select(sa.func.max(n.position)).where(n.entry == entry_id)) or 0
            connection.execute(
                t.notes.insert().values(
                    entry=entry_id, position=last + 1, at=note.at, who=who, text=note.text
                )
            )
            add_event(connection, who, "register_note", entry_id, position=last + 1)
            return load_entry(connection, entry_id)

    def cancel(self, entry_id: str, cancelling: Cancelling, *, who: str) -> RegisterEntry:
        """Cancel what was issued under a number, by a written decision (TT 01/2020 Đ7); the row stays. The same
        decision again changes nothing. Raises NotFound; NotAllowedNow when nothing was issued."""
        with self.database.write() as connection:
            entry = load_entry(connection, entry_id)
            if entry.state not in (EntryState.COMPLETED, EntryState.CANCELLED):
                raise NotAllowedNow(f"register entry {entry_id} is {entry.state}")
            statement = insert(connection, t.cancellations).values(
                entry=entry_id, at=self.moment(), who=who, **cancelling.model_dump(mode="json")
            )
            if connection.scalar(statement.on_conflict_do_nothing().returning(t.cancellations.c.entry)):
                add_event(connection, who, "copy_cancelled", entry_id, decision=cancelling.decision)
            entry = load_entry(connection, entry_id)
            if entry.cancellation.decision != cancelling.decision:
                raise NotAllowedNow(
                    f"register entry {entry_id} is cancelled by {entry.cancellation.decision}"
                )
            return entry

    def entry(self, entry_id: str) -> RegisterEntry:
        """Raises NotFound."""
        with self.database.read() as connection:
            return load_entry(connection, entry_id)

    def entry_by_key(self, request_key: str) -> RegisterEntry | None:
        with self.database.read() as connection:
            found = load_entries(connection, t.entries.c.request_key == request_key)
            return found[0] if found else None

    def entries(self, book_id: str, month: int | None = None) -> list[RegisterEntry]:
        """Rows of a book, or of one month of it, in order. Raises NotFound."""
        with self.database.read() as connection:
            return load_entries(connection, *in_month(load_book(connection, book_id), month))

    def pending(self, agency: str | None = None) -> list[RegisterEntry]:
        """Numbers that neither were used nor failed: to be gone on with after a stop."""
        waiting: list[sa.ColumnElement[bool]] = [t.outcomes.c.entry.is_(None)]
        if agency is not None:
            waiting.append(t.books.c.agency == agency)
        with self.database.read() as connection:
            return load_entries(connection, *waiting)

    def audit(self, book_id: str) -> list[str]:
        """What is wrong with a book: gaps, dates that go back, rows in the wrong year. Empty when it is sound."""
        with self.database.read() as connection:
            book = load_book(connection, book_id)
            rows = load_entries(connection, t.entries.c.book == book_id)
        problems = []
        numbers = [row.number for row in rows]
        if numbers != list(range(book.first_number, book.last_number + 1)):
            problems.append(f"numbers are not {book.first_number} to {book.last_number} without a gap")
        for before, after in zip(rows, rows[1:], strict=False):
            if after.day < before.day:
                problems.append(f"number {after.number} is dated before number {before.number}")
        problems += [f"number {row.number} is dated {row.day}" for row in rows if row.day.year != book.year]
        return problems


def _requested(
    connection: sa.Connection, series: Series, drafts: Sequence[Draft]
) -> dict[str, RegisterEntry]:
    """Rows that these requests have already, by key. Raises RequestKeyReused."""
    keys = [draft.request_key for draft in drafts]
    found = {
        entry.draft.request_key: entry
        for entry in load_entries(connection, t.entries.c.request_key.in_(keys))
    }
    for draft in drafts:
        entry = found.get(draft.request_key)
        if entry is not None and (entry.draft, entry.agency, entry.kind) != (
            draft,
            series.agency,
            series.kind,
        ):
            raise RequestKeyReused(f"register entry {entry.id}")
    return found
