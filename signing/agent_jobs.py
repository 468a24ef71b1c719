"""Jobs of the agent: what the portals asked for, in order, one queue a token."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.agent import AgentJobState, AgentProgress
from schemas.signing import JobAnswers, JobItem, SigningJob
from signing.agent_token import TokenKey

MAX_OPEN = 10
"""Unfinished jobs of one origin."""
KEEP_SECONDS = 3600.0
"""How long the signatures of a finished job can be fetched."""


@dataclass
class AgentJob:
    """One batch. Signatures are added by the signing loop alone."""

    origin: str
    job: SigningJob
    certificate: str
    """SHA-256, hexadecimal."""
    token: TokenKey
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    state: AgentJobState = AgentJobState.WAITING
    error: str = ""
    signatures: dict[str, str] = field(default_factory=dict)
    """Item id -> raw signature, base64."""
    approved: bool = False
    active: float = 0.0
    """When it was approved or last made a signature."""
    finished_at: float = 0.0

    @property
    def left(self) -> list[JobItem]:
        return [item for item in self.job.items if item.id not in self.signatures]

    def progress(self) -> AgentProgress:
        return AgentProgress(
            id=self.id,
            state=self.state,
            total=len(self.job.items),
            done=len(self.signatures),
            error=self.error,
        )

    def answers(self) -> JobAnswers:
        return JobAnswers(job=self.job.id, signatures=dict(self.signatures))


class QueueFull(Exception):
    """This origin has as many unfinished jobs as it may have."""


class AgentJobs:
    """Safe to use from several threads; one of them takes jobs with `next`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._jobs: dict[str, AgentJob] = {}

    def add(self, origin: str, job: SigningJob, certificate: str, token: TokenKey) -> AgentJob:
        """The same batch of the same origin again is the same job, unless it was refused, cancelled or failed: then it is a
        new one, which begins with the signatures that were made. Raises QueueFull."""
        with self._changed:
            self._forget_old()
            same = [known for known in self._jobs.values() if known.origin == origin and known.job == job]
            for known in same:
                if not known.state.finished or known.state is AgentJobState.DONE:
                    return known
            mine = [k for k in self._jobs.values() if k.origin == origin and not k.state.finished]
            if len(mine) >= MAX_OPEN:
                raise QueueFull
            added = AgentJob(origin, job, certificate, token)
            for known in same:
                added.signatures |= known.signatures
            self._jobs[added.id] = added
            self._changed.notify_all()
            return added

    def get(self, origin: str, id: str) -> AgentJob | None:
        with self._changed:
            job = self._jobs.get(id)
            return job if job is not None and job.origin == origin else None

    def cancel(self, job: AgentJob) -> None:
        """The rest is not signed; what is signed stays."""
        self.move(job, AgentJobState.CANCELLED)

    def move(self, job: AgentJob, state: AgentJobState, error: str = "") -> bool:
        """Changes the state of an unfinished job; False when it is finished already."""
        with self._changed:
            if job.state.finished:
                return False
            job.state, job.error = state, error
            if state.finished:
                job.finished_at = self._clock()
            self._changed.notify_all()
            return True

    def open_count(self) -> int:
        with self._changed:
            return sum(not job.state.finished for job in self._jobs.values())

    def next(self, present: Callable[[TokenKey], bool], timeout: float) -> AgentJob | None:
        """The oldest job whose token has no older one unfinished; a job whose token was pulled only when it is back. Waits
        `timeout` seconds at most."""
        heads = self._heads()
        found = next((j for j in heads if j.state is not AgentJobState.NO_TOKEN or present(j.token)), None)
        if found is None:
            with self._changed:
                self._changed.wait(timeout)
        return found

    def _heads(self) -> list[AgentJob]:
        with self._changed:
            heads: dict[TokenKey, AgentJob] = {}
            for job in self._jobs.values():
                if not job.state.finished:
                    heads.setdefault(job.token, job)
            return list(heads.values())

    def _forget_old(self) -> None:
        over = [
            id for id, job in self._jobs.items()
            if job.state.finished and self._clock() - job.finished_at > KEEP_SECONDS
        ]  # fmt: skip
        for id in over:
            del self._jobs[id]
