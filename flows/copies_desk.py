"""What the copies flow stands on: catalogue, store, register, keys; and a job that is written down step by step.

A job is known by its request key. Every step's outcome is kept before the next one begins, the first outcome of a step stands
for ever, and files lie in the store before a step names them: killed anywhere, the same call goes on where it stopped, and
two calls at once end with one and the same copy (DESIGN decision 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import BaseModel

from flows.sign_desk import AskPin, SignDesk, nobody_asked
from schemas.errors import NoHome, NotFound, RequestKeyReused
from schemas.register import BOOK_OF, Series
from schemas.settings import Settings
from schemas.signing import Product
from schemas.store import ObjectRef
from schemas.zone import VIETNAM
from storage.catalogue import Catalogue, StepKey
from storage.catalogue.events import now
from storage.catalogue.rows import short_id
from storage.objects import ObjectStore, open_archive
from storage.register import Register

_STEPS_VERSION = "1"


@dataclass
class CopyDesk:
    """One a process; not across fork."""

    settings: Settings
    catalogue: Catalogue
    store: ObjectStore
    register: Register
    keys: SignDesk
    who: str
    """Who works at it, for the events."""
    clock: Callable[[], datetime] = field(default=now)

    def moment(self) -> datetime:
        """Now, +07:00."""
        return self.clock().astimezone(VIETNAM)

    @property
    def agency_code(self) -> str:
        """Under which the books of this office are kept."""
        return self.settings.office.code or self.settings.office.name

    def series(self, product: Product) -> Series:
        return Series(agency=self.agency_code, kind=BOOK_OF[product])

    def job(self, request_key: str) -> Job:
        return Job(self, short_id("Y", request_key))


@contextmanager
def open_copy_desk(
    settings: Settings, *, who: str, ask_pin: AskPin = nobody_asked, clock: Callable[[], datetime] = now
) -> Iterator[CopyDesk]:
    """Opens everything of a home folder that is already there. Raises NoHome, SetupError, CatalogueUnavailable, BadSettings."""
    if not settings.catalogue_url and not (settings.home / "catalogue.sqlite").is_file():
        raise NoHome(str(settings.home))
    with Catalogue.open(settings.database, create=False) as catalogue:
        store = open_archive(settings, catalogue)
        try:
            with SignDesk(settings, ask_pin) as keys:
                register = Register(catalogue, settings.copies, clock)
                yield CopyDesk(settings, catalogue, store, register, keys, who, clock)
        finally:
            store.close()


@dataclass(frozen=True)
class Kept:
    """A file that a step made."""

    desk: CopyDesk
    object: ObjectRef
    facts: dict

    @property
    def data(self) -> bytes:
        """Re-hashed on the way. Raises ObjectMissing, ObjectDamaged."""
        return self.desk.store.get(self.object.key, self.object.version)


@dataclass(frozen=True)
class Job:
    desk: CopyDesk
    id: str

    def found(self, step: str) -> dict | None:
        known = self.desk.catalogue.step_get(self._key(step))
        return known.result if known else None

    def once(self, step: str, make: Callable[[], dict]) -> dict:
        """The step's outcome: the one that stands, else made now and written down."""
        known = self.found(step)
        return known if known is not None else self.desk.catalogue.step_put(self._key(step), make()).result

    def file(self, step: str, make: Callable[[], tuple[bytes, dict]]) -> Kept:
        """The step's file with facts about it. The bytes are in the store before the step is done."""

        def kept() -> dict:
            data, facts = make()
            key = f"copies/{self.id}/{step}.pdf"
            # A killed run may have left other bytes under this key; the step knows the version that counts.
            ref = self.desk.store.put(key, data, media_type="application/pdf", new_version=True)
            return {"object": ref.model_dump(), "facts": facts}

        outcome = self.once(step, kept)
        return Kept(self.desk, ObjectRef(**outcome["object"]), outcome["facts"])

    def asked(self, request: BaseModel) -> None:
        """Writes down what is asked for. Raises RequestKeyReused when this key was used for something else."""
        wanted = {"kind": type(request).__name__, "request": request.model_dump(mode="json")}
        if self.once("request", lambda: wanted) != wanted:
            raise RequestKeyReused(f"job {self.id}")

    def tidy(self) -> None:
        """Removes the half-made files of an issued copy: only the issued one is kept (NĐ 23/2015 Đ14)."""
        store = self.desk.store
        for ref in list(store.list(f"copies/{self.id}/")):
            for version in store.versions(ref.key):
                store.delete(version.key, version.version)

    def _key(self, step: str) -> StepKey:
        return StepKey(self.id, f"copy/{step}", _STEPS_VERSION)


def request_of(desk: CopyDesk, request_key: str) -> dict:
    """Kind and contents of what was asked for under a key. Raises NotFound."""
    known = desk.job(request_key).found("request")
    if known is None:
        raise NotFound(f"request {request_key}")
    return known
