"""Books of a year, their volumes, and closing them (NĐ 23/2015 Đ13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from schemas.errors import BadSettings, BookClosed, ClockWentBack, NotAllowedNow, WrongUse
from schemas.register import Book, MonthClose, Series, Totals, Volume
from storage.catalogue.database import insert
from storage.catalogue.events import add_event
from storage.catalogue.rows import short_id
from storage.register import tables as t
from storage.register.desk import COPIES_UNDER_ND30, Desk
from storage.register.rows import load_book, load_books, load_entries, load_month, local

FIRST_YEAR = 2026
"""An earlier year on the clock is a dead battery, not a date."""


@dataclass(frozen=True)
class Opening:
    """How a book begins, when it is not by its number 01 in a volume 1."""

    first_number: int = 1
    first_volume: int = 1
    note: str = ""
    carry_volume: bool = False


class Books(Desk):
    def open_book(
        self,
        series: Series,
        *,
        who: str,
        first_number: int = 1,
        first_volume: int = 1,
        note: str = "",
        carry_volume: bool = False,
    ) -> Book:
        """Open this year's book. Only needed for what the first number cannot know: numbers and volumes already used on
        paper (`first_number`, `first_volume`, said in `note`), or last year's volume written on (`carry_volume`: same
        cover, numbers from 01 again, Đ13). Opening it again with the same facts changes nothing.

        Raises NotAllowedNow when the book is open with other facts, or there is no volume to carry over.
        """
        if min(first_number, first_volume) < 1 or (max(first_number, first_volume) > 1 and not note.strip()):
            raise WrongUse(
                "a book that does not begin with 01 needs a note saying where the numbers before are"
            )
        with self.database.write() as connection:
            book, _ = self.lock_current(
                connection, series, who, Opening(first_number, first_volume, note, carry_volume)
            )
            if (book.first_number, book.opening_note, book.volumes[0].carried) != (
                first_number,
                note,
                carry_volume,
            ):
                raise NotAllowedNow(f"book {book.id} was opened otherwise")
            return book

    def book(self, book_id: str) -> Book:
        """Raises NotFound."""
        with self.database.read() as connection:
            return load_book(connection, book_id)

    def books(self, agency: str | None = None) -> list[Book]:
        """By agency, kind and year."""
        with self.database.read() as connection:
            return load_books(connection, *([] if agency is None else [t.books.c.agency == agency]))

    def open_volume(self, series: Series, *, who: str) -> Volume:
        """Close the volume in use and open the next one; numbers run on (Đ13)."""
        with self.database.write() as connection:
            book, moment = self.lock_current(connection, series, who)
            if book.closed is not None:
                raise BookClosed(f"book {book.id}")
            current = book.volumes[-1]
            _close_volume(connection, book, moment, who)
            position, first = current.position + 1, book.last_number + 1
            _add_volume(connection, book.id, position, self._next_cover(book), moment, who, first)
            add_event(connection, who, "volume_opened", book.id, position=position)
            return load_book(connection, book.id).volumes[-1]

    def close_month(self, book_id: str, month: int, *, who: str) -> MonthClose:
        """Close a month that is over: its totals are fixed, no number can fall into it any more. Closing it again
        changes nothing. Raises NotAllowedNow before its end or while one of its numbers is pending."""
        with self.database.write() as connection:
            book = self._lock(connection, book_id)
            moment = self.moment()
            if not 1 <= month <= 12:
                raise WrongUse(f"month {month}")
            if book.closed is None and (moment.year, moment.month) <= (book.year, month):
                raise NotAllowedNow(f"month {month}/{book.year} is not over")
            return _close_month(connection, book, month, moment, who)

    def close_book(self, book_id: str, *, who: str, note: str = "") -> Book:
        """Close the year with its totals, its months and its volume. Closing it again changes nothing.

        Before 31/12 (an agency that ends) a note saying why is required. Raises NotAllowedNow while numbers are
        pending: each must be completed or failed first.
        """
        with self.database.write() as connection:
            book = self._lock(connection, book_id)
            if book.closed is not None:
                return book
            moment = self.moment()
            if moment.date() < date(book.year, 12, 31) and not note.strip():
                raise WrongUse("closing a book before 31/12 needs a note")
            entries = load_entries(connection, t.entries.c.book == book.id)
            totals = Totals.of(entries)
            if totals.pending:
                raise NotAllowedNow(f"book {book.id}: {totals.pending} numbers are pending")
            for month in sorted({entry.day.month for entry in entries}):
                _close_month(connection, book, month, moment, who)
            _close_volume(connection, book, moment, who)
            connection.execute(
                t.books.update()
                .where(t.books.c.id == book.id)
                .values(closed=moment, closed_by=who, closing_note=note, totals=totals.model_dump())
            )
            add_event(connection, who, "book_closed", book.id, **totals.model_dump())
            return load_book(connection, book.id)

    def accept_clock(self, series: Series, *, who: str, reason: str) -> None:
        """A person confirms that the clock is right now and was ahead when the newest rows were written: numbers are
        taken again, dated today. The rows keep their dates; notes on them should say what was wrong."""
        if not reason.strip():
            raise WrongUse("accepting the clock needs a reason")
        with self.database.write() as connection:
            moment = self.moment()
            changed = connection.execute(
                t.books.update()
                .where(*self._of(series), t.books.c.floor > moment, t.books.c.closed.is_(None))
                .values(floor=moment)
                .returning(t.books.c.id)
            ).scalars()
            for book in changed.all():
                add_event(connection, who, "clock_accepted", book, reason=reason)

    def lock_current(
        self,
        connection: sa.Connection,
        series: Series,
        who: str,
        opening: Opening | None = None,
    ) -> tuple[Book, datetime]:
        """Book of the current year, opened when there is none, held until the end of the transaction; and the
        moment, which is read after the wait for the lock, so that rows are dated in the order of their numbers.

        Raises ClockWentBack when the day is before that of the newest row of the series.
        """
        opening = opening or Opening()
        moment = self.moment()
        while True:
            year = moment.year
            if year < FIRST_YEAR:
                raise ClockWentBack(f"the clock says {moment:%Y-%m-%d}")
            self._floor(connection, series, moment)
            self._same_sharing(connection, series, year)
            kind = self.book_kind(series.kind)
            book_id = short_id("S", series.agency, kind, year)
            statement = insert(connection, t.books).values(
                id=book_id,
                agency=series.agency,
                kind=kind,
                year=year,
                symbol="" if self.shared(kind) else self.symbol(kind),
                shared=self.shared(kind),
                first_number=opening.first_number,
                last_number=opening.first_number - 1,
                opened=moment,
                opened_by=who,
                opening_note=opening.note,
                closing_note="",
            )
            new = connection.scalar(statement.on_conflict_do_nothing().returning(t.books.c.id))
            if new:
                cover = self._first_cover(connection, series, year, opening)
                _add_volume(
                    connection,
                    book_id,
                    1,
                    cover,
                    moment,
                    who,
                    opening.first_number,
                    carried=opening.carry_volume,
                )
                add_event(connection, who, "book_opened", book_id, first_number=opening.first_number)
            book = self._lock(connection, book_id)
            moment = self.moment()
            if moment.year == year:
                return book, self._floor(connection, series, moment)

    def _floor(self, connection: sa.Connection, series: Series, moment: datetime) -> datetime:
        """The moment, or that of the newest row when a clock is a little behind it on the same day."""
        floor = local(connection.scalar(sa.select(sa.func.max(t.books.c.floor)).where(*self._of(series))))
        if floor is None or floor <= moment:
            return moment
        if floor.date() > moment.date():
            raise ClockWentBack(f"newest row {floor:%Y-%m-%d}, clock {moment:%Y-%m-%d}")
        return floor

    def _of(self, series: Series) -> tuple[sa.ColumnElement[bool], ...]:
        return (t.books.c.agency == series.agency, t.books.c.kind == self.book_kind(series.kind))

    def _lock(self, connection: sa.Connection, book_id: str) -> Book:
        connection.execute(sa.select(t.books.c.id).where(t.books.c.id == book_id).with_for_update())
        return load_book(connection, book_id)

    def _same_sharing(self, connection: sa.Connection, series: Series, year: int) -> None:
        """Whether SY, SL and TrS share numbers is settled by the first book of a year: a change within it would give
        the same number and symbol twice."""
        if series.kind not in COPIES_UNDER_ND30:
            return
        b = t.books.c
        kept = connection.scalars(
            sa.select(b.shared).where(
                b.agency == series.agency, b.year == year, b.kind.in_(COPIES_UNDER_ND30)
            )
        )
        if any(shared != self.shared(series.kind) for shared in kept):
            raise BadSettings("copies.one_series_for_copies may change only when a new year begins")

    def _first_cover(
        self, connection: sa.Connection, series: Series, year: int, opening: Opening
    ) -> tuple[int, str]:
        """Number and label of a book's first volume."""
        if not opening.carry_volume:
            number = opening.first_volume
            return number, self.copies.volume_label.format(volume=number, year=year)
        before = load_books(connection, *self._of(series), t.books.c.year == year - 1)
        if not before:
            raise NotAllowedNow(f"there is no book of {year - 1} to carry a volume over from")
        return before[0].volumes[-1].number, before[0].volumes[-1].label

    def _next_cover(self, book: Book) -> tuple[int, str]:
        """Number and label. After a volume carried over from last year, this year's covers begin at 1."""
        current = book.volumes[-1]
        number = 1 if current.carried else current.number + 1
        return number, self.copies.volume_label.format(volume=number, year=book.year)


def _add_volume(
    connection: sa.Connection,
    book_id: str,
    position: int,
    cover: tuple[int, str],
    moment: datetime,
    who: str,
    first_number: int,
    carried: bool = False,
) -> None:
    connection.execute(
        t.volumes.insert().values(
            book=book_id,
            position=position,
            number=cover[0],
            label=cover[1],
            carried=carried,
            first_number=first_number,
            opened=moment,
            opened_by=who,
        )
    )


def _close_volume(connection: sa.Connection, book: Book, moment: datetime, who: str) -> None:
    connection.execute(
        t.volumes.update()
        .where(t.volumes.c.book == book.id, t.volumes.c.closed.is_(None))
        .values(closed=moment, closed_by=who, last_number=book.last_number)
    )


def _close_month(connection: sa.Connection, book: Book, month: int, moment: datetime, who: str) -> MonthClose:
    done = load_month(connection, book.id, month)
    if done is not None:
        return done
    totals = Totals.of(load_entries(connection, *in_month(book, month)))
    if totals.pending:
        raise NotAllowedNow(f"month {month}/{book.year}: {totals.pending} numbers are pending")
    connection.execute(
        t.months.insert().values(book=book.id, month=month, at=moment, who=who, totals=totals.model_dump())
    )
    add_event(connection, who, "month_closed", book.id, month=month, **totals.model_dump())
    return MonthClose(book=book.id, month=month, at=moment, who=who, totals=totals)


def in_month(book: Book, month: int | None) -> tuple[sa.ColumnElement[bool], ...]:
    """Rows of a month of a book, or of all of it."""
    rows: tuple[sa.ColumnElement[bool], ...] = (t.entries.c.book == book.id,)
    if month is not None:
        rows += (t.entries.c.day.startswith(f"{book.year}-{month:02d}-"),)
    return rows
