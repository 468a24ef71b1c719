"""Digitises what was sent without a DocCode, one batch after the other, beside the requests.

The catalogue remembers what waits: a process that dies leaves it to the next, and several may work side by side.
"""

from __future__ import annotations

import logging
import threading

from flows.digitise import continue_batch
from portal.api.state import Api
from schemas.errors import SohoaError
from storage.catalogue import BatchStatus
from storage.reuse import Imports

LOOK_SECONDS = 30.0
log = logging.getLogger("sohoa.api")


class Reading(threading.Thread):
    """Runs until `api.stopping` is set; a file that is being read is finished first."""

    def __init__(self, api: Api) -> None:
        super().__init__(name="reading", daemon=True)
        self.api = api

    def run(self) -> None:
        while not self.api.stopping.is_set():
            self.api.arrived.clear()
            try:
                self._all_that_waits()
            except SohoaError as error:
                log.error("reading %s", error.code)
            self.api.arrived.wait(LOOK_SECONDS)

    def _all_that_waits(self) -> None:
        for batch in Imports(self.api.desk.catalogue).waiting():
            if self.api.stopping.is_set():
                return
            standing = self.api.desk.catalogue.batch(batch)
            if standing.status is BatchStatus.OPEN:
                continue_batch(batch, self.api.settings, who="api")
