"""Who works on a file of a batch, and whether that worker still lives: a killed run gives its files back at once,
without waiting for the lease."""

from __future__ import annotations

import os
import secrets

from flows.watch import machine_name, process_started
from storage.catalogue import BatchRow, Catalogue, FileStatus

LEASE_SECONDS = 600.0
"""For workers on other machines, of which nobody here can say whether they live."""
RENEW_SECONDS = 120.0


def worker_name() -> str:
    """`<machine>~<process>~<its start>~<random>`."""
    process = os.getpid()
    return "~".join((machine_name(), str(process), process_started(process) or "0", secrets.token_hex(4)))


def is_dead(worker: str) -> bool:
    """True when the worker ran on this machine and its process is gone."""
    parts = worker.split("~")
    if len(parts) != 4 or parts[0] != machine_name() or not parts[1].isdecimal():
        return False
    return process_started(int(parts[1])) != parts[2]


def release_dead(catalogue: Catalogue, batch: BatchRow) -> int:
    """Gives files of killed runs back; how many."""
    held = {file.worker for file in catalogue.files(batch.id) if file.status is FileStatus.WORKING and file.worker}
    return sum(catalogue.release_claims(batch.id, worker) for worker in held if is_dead(worker))
