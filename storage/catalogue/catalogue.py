"""The catalogue: one object with a method for everything that the flows, the command and the portal ask of
it."""

from __future__ import annotations

from storage.catalogue.accounting import Accounting
from storage.catalogue.batches import Batches
from storage.catalogue.documents import Documents
from storage.catalogue.events import Events
from storage.catalogue.find import Finding
from storage.catalogue.numbering import Numbering
from storage.catalogue.quarantine import Quarantine
from storage.catalogue.recording import Recording
from storage.catalogue.review import Review
from storage.catalogue.steps import Steps


class Catalogue(
    Batches, Accounting, Steps, Recording, Documents, Numbering, Review, Quarantine, Finding, Events
):
    """State of the business, on SQLite or PostgreSQL.

    May be used by many threads; a process started by fork opens its own. Pickling carries the address only.
    Every method that changes something is one transaction. Errors: CatalogueUnavailable, DiskFull, and those
    named by the methods.
    """

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> Catalogue:
        """Catalogue at an SQLAlchemy address (`sqlite:///...`, `postgresql://...`), brought to the newest
        schema.

        Raises SetupError when there is none and `create` is False, or when newer software made it;
        BadSettings for an address that is not supported; CatalogueUnavailable when it cannot be reached.
        """
        return cls(url, create=create)

    def __reduce__(self):
        return (type(self), (self.url,))

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
