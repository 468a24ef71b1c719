"""What the API works with: one a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import CapacityLimiter

from portal.api.buckets import Buckets
from schemas.errors import SohoaError
from schemas.people import Actor
from schemas.settings import Settings
from storage.catalogue.events import now
from storage.reuse import Requests

if TYPE_CHECKING:
    from flows.people import People
    from flows.review import Desk

@dataclass
class Api:
    settings: Settings
    callers: Buckets
    strangers: Buckets
    looks: CapacityLimiter
    """Threads for requests that bring a file; others never wait for these."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set when a file waits to be digitised."""
    stopping: threading.Event = field(default_factory=threading.Event)
    desk: Desk | None = None
    people: People | None = None

    @classmethod
    def of(cls, settings: Settings) -> Api:
        api = settings.api
        return cls(
            settings,
            Buckets(api.requests_a_minute, api.burst),
            Buckets(api.strangers_a_minute, api.strangers_a_minute),
            CapacityLimiter(api.looks_at_once),
        )

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Raises NoHome, SetupError, CatalogueUnavailable, StoreUnavailable."""
        from flows.people import open_people
        from flows.review import open_desk

        with open_desk(self.settings) as self.desk, open_people(self.settings) as self.people:
            self.incoming.mkdir(mode=0o700, exist_ok=True)
            yesterday = (now() - timedelta(days=1)).timestamp()
            for left in self.incoming.iterdir():  # of a process that was killed
                if left.stat().st_mtime < yesterday:
                    left.unlink(missing_ok=True)
            self.requests.forget(now() - timedelta(hours=self.settings.api.keep_answers_hours))
            yield

    @property
    def incoming(self) -> Path:
        """Where uploads lie while they are looked at."""
        return self.settings.home / "incoming"

    @property
    def requests(self) -> Requests:
        return Requests(self.desk.catalogue)

    def actor_of(self, secret: str, address: str) -> Actor | None:
        from flows.people import token_actor

        return token_actor(self.people, secret, address=address)

    def working(self) -> tuple[bool, bool]:
        """Do catalogue and store answer."""
        return _answers(self.desk.catalogue.schema_version), _answers(lambda: self.desk.store.exists("probe/ready"))


def _answers(ask) -> bool:
    try:
        ask()
    except SohoaError:
        return False
    return True
