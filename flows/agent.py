"""The signing agent: run on the official's PC, and asked for the signatures of a reviewed batch.

A batch takes three steps: `signing.deferred.prepare_job` makes every file ready, `sign_with_agent` gets the signatures with
one approval and one PIN, `signing.deferred.finish_job` puts them into the files. Whatever stops the middle step, signatures
that were made are in its answers and the same job handed in again asks for the rest only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from schemas.agent import AgentProgress, AgentSettings, exact_origin
from schemas.errors import BadSettings, SohoaError, WrongUse
from schemas.signing import JobAnswers, SigningJob
from signing.agent import Agent, Terminal
from signing.agent_client import AgentClient, failure_of
from signing.agent_http import AgentServer
from signing.agent_pairing import Pairing, Pairings, agent_folder


@dataclass(frozen=True)
class Ready:
    """What the agent found when it started."""

    port: int
    paired: tuple[str, ...]
    """Origins."""
    folder: Path
    """Where pairings and the log of signatures are."""


def run_agent(
    settings: AgentSettings,
    terminal: Terminal,
    ready: Callable[[Ready], None],
    stop: Callable[[], bool] = lambda: False,
    folder: Path | None = None,
) -> None:
    """Serves until `stop` or Ctrl-C, in the caller's thread, which must have the terminal.

    Raises BadSettings (no origin, no driver, a driver that is not there), SetupError (port taken).
    """
    if not settings.origins:
        raise BadSettings(
            "[agent] origins: name the portal that may ask, for example https://sohoa.example.vn"
        )
    if not settings.libraries:
        raise BadSettings("[agent] libraries: name the PKCS#11 driver of the token")
    for library in settings.libraries:
        if not Path(library).is_file():
            raise BadSettings(f"[agent] libraries: {library} is not there")
    _no_core_dumps()
    folder = folder or agent_folder()
    agent = Agent(settings, folder, terminal)
    paired = tuple(pairing.origin for pairing in agent.pairings.all())
    with AgentServer(agent) as server:
        ready(Ready(server.port, paired, folder))
        agent.run(stop)


def _no_core_dumps() -> None:
    """A PIN passes through this process: a crash must not write its memory to disk."""
    if sys.platform == "win32":
        return  # Windows writes none unless the administrator asks for them
    import resource

    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def pairings(folder: Path | None = None) -> list[Pairing]:
    """Portals this user's agent is paired with."""
    return Pairings(folder or agent_folder()).all()


def revoke_pairings(origin: str | None, folder: Path | None = None) -> int:
    """Ends the pairing with one portal, or with all; holds for a running agent at once. Raises WrongUse."""
    try:
        exact = exact_origin(origin) if origin is not None else None
    except ValueError as error:
        raise WrongUse(str(error)) from error
    return Pairings(folder or agent_folder()).revoke(exact)


def sign_with_agent(
    client: AgentClient,
    job: SigningJob,
    *,
    seconds: float,
    show: Callable[[AgentProgress], None] | None = None,
) -> tuple[JobAnswers, SohoaError | None]:
    """Signatures of a batch, and why some are missing (None: all are there). Waits `seconds` at most; handing the job in
    again goes on where it stood. Raises AgentUnavailable, AgentRefused, SigningJobRejected, TokenUnavailable."""
    begun = client.submit(job)
    progress = client.wait(begun.id, seconds, show)
    return client.answers(begun.id), failure_of(progress)
