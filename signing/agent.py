"""The agent on an official's PC: takes batches from the portal, asks the official, signs on the token.

Everything that needs the official happens in one thread, the one that has the terminal: approval, PIN, signing. So batches
follow one another, and a batch whose token was pulled waits without holding up those of other tokens.
"""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asn1crypto import x509

from schemas.agent import MAX_DOCUMENTS, AgentCertificate, AgentJobState, AgentSettings, PinState, one_line
from schemas.errors import SohoaError, SystemFault
from schemas.signing import JobItem, KeyKind, SigningJob
from schemas.signing_errors import PinLocked, SigningJobRejected, TokenUnavailable, WrongPin
from signing.agent_jobs import AgentJob, AgentJobs
from signing.agent_log import AgentLog
from signing.agent_pairing import PairingDesk, Pairings
from signing.agent_token import TokenKey, Tokens
from signing.deferred import sign_job

PIN_TRIES = 2
"""Typed wrong so often, the batch is given up: most tokens lock at the third."""
POLL_SECONDS = 0.5


class Terminal(Protocol):
    """The official, as the agent sees them."""

    def show_code(self, origin: str, code: str, seconds: float) -> None: ...

    def approve(self, origin: str, certificate: AgentCertificate, items: Sequence[JobItem]) -> bool:
        """One question for the whole batch."""
        ...

    def pin(self, token: str, state: PinState) -> str | None:
        """Typed without being shown; None: the official does not want to."""
        ...

    def progress(self, done: int, total: int) -> None: ...

    def tell(self, event: str, error: SohoaError | None = None, state: PinState | None = None) -> None:
        """`event`: signed, refused, late, no_token, wrong_pin, failed, cancelled, logged_out."""
        ...


@dataclass(frozen=True)
class _OnToken:
    """One key on a token as the signing seam wants it."""

    tokens: Tokens
    token: TokenKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    kind = KeyKind.PKCS11

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        held = self.certificate.sha256.hex()
        return [self.tokens.sign(self.token, held, digest) for digest in digests]


@dataclass(frozen=True)
class _Unsigned:
    """Signs nothing: lets a job be judged before anybody is asked."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()
    kind = KeyKind.DEFERRED

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        return [b"" for _ in digests]


class Agent:
    """State of one running agent. `clock` gives seconds that only grow."""

    def __init__(
        self,
        settings: AgentSettings,
        folder: Path,
        terminal: Terminal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.terminal = terminal
        self.pairings = Pairings(folder)
        self.pairing = PairingDesk(self.pairings, terminal.show_code, settings.code_seconds, clock)
        self.tokens = Tokens(settings.libraries, settings.idle_minutes * 60, clock)
        self.jobs = AgentJobs(clock)
        self._log = AgentLog(folder)
        self._clock = clock

    # --- asked by the portal
    def take(self, origin: str, job: SigningJob) -> AgentJob:
        """Puts a batch into its token's queue. Nothing but signatures of PDF files by the named certificate is taken: a
        digest of anything else (a login, a certificate request) does not get past `sign_job`.

        Raises SigningJobRejected, TokenUnavailable, QueueFull.
        """
        if not 1 <= len(job.items) <= MAX_DOCUMENTS:
            raise SigningJobRejected(f"{len(job.items)} documents; from 1 to {MAX_DOCUMENTS} are taken")
        if len({item.id for item in job.items}) != len(job.items) or not all(
            one_line(item.name) for item in job.items
        ):
            raise SigningJobRejected("names that cannot be shown, or the same item twice")
        certificate = _certificate(job)
        sign_job(job, _Unsigned(certificate))
        held = certificate.sha256.hex()
        return self.jobs.add(origin, job, held, self.tokens.token_of(held))

    # --- in the terminal's thread
    def run(self, stop: Callable[[], bool]) -> None:
        """Works until `stop`. The tokens are logged out at the end, whatever ends it."""
        try:
            while not stop():
                if self.tokens.close_idle():
                    self.terminal.tell("logged_out")
                job = self.jobs.next(self.tokens.present, POLL_SECONDS)
                if job is not None:
                    self._work(job)
        finally:
            self.tokens.close_all()

    def _work(self, job: AgentJob) -> None:
        before, fresh = len(job.signatures), False
        try:
            if not job.left:
                self.jobs.move(job, AgentJobState.DONE)
                return
            if not self._approved(job):
                return
            fresh = not self.tokens.logged_in(job.token, job.certificate)
            if not fresh or self._logged_in(job):
                self._sign(job)
        except TokenUnavailable as error:
            if fresh and len(job.signatures) == before and self.tokens.present(job.token):
                # Plugged in, PIN given, and still no signature: asking for the PIN again would never end.
                self._give_up(job, error)
            elif self.jobs.move(job, AgentJobState.NO_TOKEN, error.code):
                # The approval holds: the official puts the token back and the batch goes on after the PIN.
                self.terminal.tell("no_token", error)
        except SohoaError as error:
            self._give_up(job, error)
        except BaseException:
            self.jobs.move(job, AgentJobState.FAILED, SohoaError.code)
            raise

    def _give_up(self, job: AgentJob, error: SohoaError) -> None:
        if self.jobs.move(job, AgentJobState.FAILED, error.code):
            with suppress(SystemFault):  # the log itself may be what failed
                self._log.write("failed", origin=job.origin, job=job.job.id, error=error.code)
            self.terminal.tell("failed", error)

    def _approved(self, job: AgentJob) -> bool:
        limit, asked = self.settings.approval_minutes * 60, self._clock()
        if job.approved and asked - job.active <= limit:
            return True
        job.approved = False  # given long before the token came back
        self.jobs.move(job, AgentJobState.APPROVAL)
        shown = self._shown(job)
        yes = self.terminal.approve(job.origin, shown, job.left)
        late = self._clock() - asked > limit
        if not yes or late:
            if self.jobs.move(job, AgentJobState.REFUSED, "approval_late" if yes else "approval_refused"):
                self._log.write("late" if yes else "refused", origin=job.origin, job=job.job.id)
                self.terminal.tell("late" if yes else "refused")
            return False
        if job.state.finished:  # cancelled by the portal while the question stood
            self.terminal.tell("cancelled")
            return False
        job.approved, job.active = True, self._clock()
        facts = {"certificate": job.certificate, "signer": shown.signer, "documents": len(job.left)}
        self._log.write("approved", origin=job.origin, job=job.job.id, **facts)
        return True

    def _shown(self, job: AgentJob) -> AgentCertificate:
        for _, certificate in self.tokens.certificates():
            if certificate.sha256 == job.certificate:
                return certificate
        raise TokenUnavailable("the token was pulled")

    def _logged_in(self, job: AgentJob) -> bool:
        """A PIN is tried once, as it was typed, and never again."""
        for attempt in range(PIN_TRIES):
            if not self.jobs.move(job, AgentJobState.PIN):
                self.terminal.tell("cancelled")
                return False
            state = self.tokens.pin_state(job.token)
            if state.locked:
                raise PinLocked(f"token {job.token.label}")
            typed = self.terminal.pin(job.token.label, state)
            if not typed:
                if self.jobs.move(job, AgentJobState.REFUSED, "approval_refused"):
                    self._log.write("refused", origin=job.origin, job=job.job.id)
                    self.terminal.tell("refused")
                return False
            try:
                self.tokens.log_in(job.token, job.certificate, typed)
                return True
            except PinLocked:
                raise
            except WrongPin as error:
                self.terminal.tell("wrong_pin", error, self.tokens.pin_state(job.token))
                if attempt == PIN_TRIES - 1:
                    raise
            finally:
                del typed
        return False

    def _sign(self, job: AgentJob) -> None:
        seam = _OnToken(self.tokens, job.token, _certificate(job.job))
        for item in job.left:
            if not self.jobs.move(job, AgentJobState.SIGNING):
                self.terminal.tell("cancelled")
                return
            answers = sign_job(job.job.model_copy(update={"items": (item,)}), seam)
            self._log.write(
                "signed", origin=job.origin, job=job.job.id, document=item.document_id, name=item.name,
                digest=item.digest, certificate=job.certificate,
            )  # fmt: skip
            job.signatures |= answers.signatures
            job.active = self._clock()
            self.terminal.progress(len(job.signatures), len(job.job.items))
        if self.jobs.move(job, AgentJobState.DONE):
            self.terminal.tell("signed")


def _certificate(job: SigningJob) -> x509.Certificate:
    try:
        certificate = x509.Certificate.load(b64decode(job.certificate, validate=True), strict=True)
        certificate.public_key.native  # noqa: B018 - parsed lazily; a broken one must fail here
    except (ValueError, TypeError) as error:
        raise SigningJobRejected("the certificate cannot be read") from error
    return certificate
