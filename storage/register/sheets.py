"""What is printed of a month or a year, and the record of every print (NĐ 23/2015 Đ13: printed and bound monthly)."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from schemas.errors import WrongUse
from schemas.register import PrintRecord, Sheet, Totals
from storage.catalogue.events import add_event
from storage.register import tables as t
from storage.register.books import in_month
from storage.register.desk import Desk
from storage.register.rows import load_book, load_entries, load_month, local


class Sheets(Desk):
    def sheet(self, book_id: str, month: int | None = None) -> Sheet:
        """Rows and totals of a month, or of the year. Raises NotFound, WrongUse."""
        if month is not None and not 1 <= month <= 12:
            raise WrongUse(f"month {month}")
        with self.database.read() as connection:
            book = load_book(connection, book_id)
            entries = load_entries(connection, *in_month(book, month))
            p = t.prints.c
            same = p.month.is_(None) if month is None else p.month == month
            before = connection.scalar(
                sa.select(sa.func.count()).select_from(t.prints).where(p.book == book_id, same)
            )
            return Sheet(
                book=book,
                month=month,
                entries=tuple(entries),
                totals=Totals.of(entries),
                closing=None if month is None else load_month(connection, book_id, month),
                prints_before=before,
            )

    def record_print(self, sheet: Sheet, pdf: bytes, *, who: str) -> PrintRecord:
        """Write down that a sheet was printed; to be called before the file is handed out. Printing again is allowed,
        and is written down again."""
        record = PrintRecord(
            book=sheet.book.id,
            month=sheet.month,
            at=self.moment(),
            who=who,
            sha256=hashlib.sha256(pdf).hexdigest(),
            numbers=len(sheet.entries),
        )
        with self.database.write() as connection:
            book = sheet.book.id
            connection.execute(sa.select(t.books.c.id).where(t.books.c.id == book).with_for_update())
            p = t.prints.c
            last = connection.scalar(sa.select(sa.func.max(p.position)).where(p.book == book)) or 0
            connection.execute(t.prints.insert().values(position=last + 1, **record.model_dump()))
            add_event(connection, who, "register_printed", book, month=sheet.month, sha256=record.sha256)
        return record

    def prints(self, book_id: str) -> list[PrintRecord]:
        """Oldest first."""
        p = t.prints.c
        query = sa.select(t.prints).where(p.book == book_id).order_by(p.position)
        with self.database.read() as connection:
            return [
                PrintRecord(**{k: v for k, v in row.items() if k != "position"} | {"at": local(row["at"])})
                for row in connection.execute(query).mappings()
            ]
