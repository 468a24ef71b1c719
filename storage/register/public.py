"""What the verify page may ask: is this copy known, and does it still stand. No personal data leaves here."""

from __future__ import annotations

import sqlalchemy as sa

from schemas.errors import WrongUse
from schemas.register import EntryState, PublicState, PublicStatus, RegisterEntry, Series
from storage.register import tables as t
from storage.register.desk import Desk
from storage.register.rows import load_entries

_ISSUED = (EntryState.COMPLETED, EntryState.CANCELLED)


class Public(Desk):
    def public_status(self, *, code: str = "", sha256: str = "") -> PublicStatus:
        """Of a copy, by the code its QR holds or by the hash of the file. With both, they must belong to one copy."""
        asked = {t.issued.c.code: code, t.issued.c.sha256: sha256.lower()}
        conditions = [column == value for column, value in asked.items() if value]
        if not conditions:
            raise WrongUse("a code or a hash is needed")
        with self.database.read() as connection:
            entries = set(connection.scalars(sa.select(t.issued.c.entry).where(*conditions)))
            if sha256 and not entries:
                renewed = sa.select(t.renewals.c.entry).where(t.renewals.c.sha256 == sha256.lower())
                if code:
                    renewed = renewed.join(t.issued, t.issued.c.entry == t.renewals.c.entry)
                    renewed = renewed.where(t.issued.c.code == code)
                entries = set(connection.scalars(renewed))
            return _public(load_entries(connection, t.entries.c.id.in_(entries)))

    def issued_entry(self, *, code: str = "", sha256: str = "") -> RegisterEntry | None:
        """The row of a copy that was issued, by the code or the hash of its file, as issued or with later timestamps: for
        the office itself, as it holds names. None: never issued here."""
        if not code and not sha256:
            raise WrongUse("a code or a hash is needed")
        by = t.issued.c.code == code if code else t.issued.c.sha256 == sha256.lower()
        with self.database.read() as connection:
            entries = set(connection.scalars(sa.select(t.issued.c.entry).where(by)))
            if not code and not entries:
                renewed = sa.select(t.renewals.c.entry).where(t.renewals.c.sha256 == sha256.lower())
                entries = set(connection.scalars(renewed))
            found = load_entries(connection, t.entries.c.id.in_(entries))
        return found[0] if found and found[0].state in _ISSUED else None

    def public_status_of_number(self, series: Series, year: int, number: int) -> PublicStatus:
        """By what is printed on the copy. A number that was never used for a copy is unknown."""
        b, e = t.books.c, t.entries.c
        with self.database.read() as connection:
            return _public(
                load_entries(
                    connection,
                    b.agency == series.agency,
                    b.year == year,
                    e.kind == series.kind,
                    e.number == number,
                )
            )

    def cancelled(self, agency: str) -> list[PublicStatus]:
        """The list to be published (TT 01/2020 Đ7), in the order of the books."""
        with self.database.read() as connection:
            rows = load_entries(connection, t.books.c.agency == agency, t.cancellations.c.entry.is_not(None))
        return [_public([row]) for row in rows]


def _public(found: list[RegisterEntry]) -> PublicStatus:
    if len(found) != 1 or found[0].state not in _ISSUED:
        return PublicStatus(state=PublicState.UNKNOWN)
    entry = found[0]
    cancelled = entry.cancellation
    return PublicStatus(
        state=PublicState.CANCELLED if cancelled else PublicState.VALID,
        kind=entry.kind,
        agency=entry.agency,
        number=entry.full_number,
        day=entry.day,
        cancelled_on=cancelled.decision_date if cancelled else None,
        decision=cancelled.decision if cancelled else None,
    )
