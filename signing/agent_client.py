"""The other end of the agent: what a portal on the same PC, or a test, asks it.

A portal elsewhere asks from the page in the official's browser (docs/agent.md); the requests are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from schemas.agent import AgentCertificate, AgentJobState, AgentProgress
from schemas.errors import SohoaError, all_errors
from schemas.signing import JobAnswers, SigningJob
from schemas.signing_errors import AgentRefused, AgentUnavailable

POLL_SECONDS = 0.2
Model = TypeVar("Model", bound=BaseModel)


class AgentClient:
    """`url`: for example http://127.0.0.1:17817; `origin`: the portal's own; `secret`: from `finish_pairing`.

    Every method raises AgentUnavailable, AgentRefused (its detail is the agent's code) or the error the agent names.
    """

    def __init__(self, url: str, origin: str, secret: str = "", timeout: float = 10.0) -> None:
        self._client = httpx.Client(
            base_url=url,
            headers={"Origin": origin},
            timeout=timeout,
            trust_env=False,  # a proxy has no business between a PC and itself
            # The agent drops idle connections, perhaps in the moment in which one is used again.
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._use(secret)

    def status(self) -> dict:
        return self._ask("GET", "/v1/status")

    def begin_pairing(self) -> float:
        """The agent's terminal shows a code; seconds it holds."""
        return float(self._ask("POST", "/v1/pairing", {})["seconds"])

    def finish_pairing(self, code: str) -> str:
        """The secret, to be kept by the portal; this client uses it from now on."""
        secret = self._ask("POST", "/v1/pairing/finish", {"code": code})["secret"]
        self._use(secret)
        return secret

    def end_pairing(self) -> None:
        self._ask("DELETE", "/v1/pairing")

    def certificates(self) -> list[AgentCertificate]:
        """Of the tokens that are plugged in."""
        found = self._ask("GET", "/v1/certificates")["certificates"]
        return [_valid(AgentCertificate, entry) for entry in found]

    def submit(self, job: SigningJob) -> AgentProgress:
        """Hands a batch in; the same one again is not signed twice."""
        return _valid(AgentProgress, self._ask("POST", "/v1/jobs", job.model_dump(mode="json")))

    def progress(self, id: str) -> AgentProgress:
        return _valid(AgentProgress, self._ask("GET", f"/v1/jobs/{id}"))

    def answers(self, id: str) -> JobAnswers:
        """What is signed so far."""
        return _valid(JobAnswers, self._ask("GET", f"/v1/jobs/{id}/answers"))

    def cancel(self, id: str) -> AgentProgress:
        return _valid(AgentProgress, self._ask("DELETE", f"/v1/jobs/{id}"))

    def wait(
        self, id: str, seconds: float, show: Callable[[AgentProgress], None] | None = None
    ) -> AgentProgress:
        """Until the job is finished or `seconds` are over; `show` is called on every change."""
        until, last = time.monotonic() + seconds, None
        while True:
            now = self.progress(id)
            if show is not None and now != last:
                show(now)
            if now.state.finished or time.monotonic() >= until:
                return now
            last = now
            time.sleep(POLL_SECONDS)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> AgentClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _use(self, secret: str) -> None:
        if secret:
            self._client.headers["Authorization"] = f"Bearer {secret}"

    def _ask(self, method: str, path: str, body: dict | None = None) -> dict:
        try:
            answer = self._client.request(method, path, json=body)
            data = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise AgentUnavailable(f"{path}: {type(error).__name__}") from error
        if not isinstance(data, dict):
            raise AgentUnavailable(f"{path}: the answer is not an object")
        if answer.status_code < 400:
            return data
        raise error_of(str(data.get("error", answer.status_code)))


def error_of(code: str) -> SohoaError:
    """The error an agent's code stands for."""
    known = all_errors().get(code)
    return known() if known is not None and known is not SohoaError else AgentRefused(code[:60])


def failure_of(progress: AgentProgress) -> SohoaError | None:
    """Why a job has not come to its end; None when it has."""
    if progress.state is AgentJobState.DONE:
        return None
    return error_of(progress.error or progress.state.value)


def _valid(model: type[Model], data: object) -> Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise AgentUnavailable(f"unusable answer for {model.__name__}") from error
