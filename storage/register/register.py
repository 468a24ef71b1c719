"""The register: one object with a method for everything that the copies flow and the verify page ask of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from schemas.settings import Copies
from storage.catalogue import Catalogue
from storage.catalogue.events import now
from storage.register.numbers import Numbers
from storage.register.public import Public
from storage.register.refusals import Refusals
from storage.register.renewals import Renewals
from storage.register.sheets import Sheets


class Register(Numbers, Public, Sheets, Refusals, Renewals):
    """Books of copies in the catalogue's database, on SQLite or PostgreSQL.

    Made from an opened catalogue (`Register(catalogue, settings.copies)`), whose connections it shares, or with `open`.
    Every method that changes something is one transaction. Errors: CatalogueUnavailable, DiskFull, and those named by
    the methods.
    """

    @classmethod
    def open(
        cls,
        url: str,
        copies: Copies | None = None,
        *,
        clock: Callable[[], datetime] = now,
        create: bool = True,
    ) -> Register:
        """As `Catalogue.open`, which see for the errors."""
        return cls(Catalogue.open(url, create=create), copies, clock)

    def close(self) -> None:
        """Also closes the catalogue it stands on."""
        self.database.close()

    def __enter__(self) -> Register:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
