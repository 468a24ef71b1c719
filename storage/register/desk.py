"""What every part of the register stands on: the catalogue's database, the rules, and a clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from schemas.register import BookKind
from schemas.settings import Copies
from schemas.zone import VIETNAM
from storage.catalogue.database import Database
from storage.catalogue.events import now

"""Days and years of a register are those of Viet Nam, wherever the machine stands (DESIGN decision 7)."""

COPIES_UNDER_ND30 = (BookKind.TRUE_COPY, BookKind.COPY_OF_COPY, BookKind.EXTRACT)
SHARED_KIND = BookKind.TRUE_COPY
"""Under which the shared book of SY, SL and TrS is kept, when the settings ask for one."""


class Desk:
    """Shares the engine of an opened catalogue; every method that changes something is one transaction."""

    def __init__(
        self, database: Database, copies: Copies | None = None, clock: Callable[[], datetime] = now
    ) -> None:
        """`clock` gives aware times; another one is for tests and for trying a year's end."""
        self.database = database
        self.copies = copies or Copies()
        self.clock = clock

    def moment(self) -> datetime:
        """Now, +07:00."""
        return self.clock().astimezone(VIETNAM)

    def shared(self, kind: BookKind) -> bool:
        """Whether this kind takes its numbers from one run with others."""
        return self.copies.one_series_for_copies and kind in COPIES_UNDER_ND30

    def book_kind(self, kind: BookKind) -> BookKind:
        """Kind of the book that gives numbers to this kind of copy."""
        return SHARED_KIND if self.shared(kind) else kind

    def symbol(self, kind: BookKind) -> str:
        return self.copies.symbols[kind].format(agency=self.copies.agency_symbol)
