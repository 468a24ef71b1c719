"""The way from here to Prefect: is its server there, and a batch run through it. Prefect is imported only when asked."""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from flows.pool import python_path
from schemas.errors import EngineServerUnavailable, SohoaError
from schemas.results import DigitiseResult
from schemas.settings import Settings

START_SECONDS = 120.0
"""An old office PC takes its time to start a server for the first time."""
WHO = "prefect"
"""Who did it, where a flow did."""
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}


def prepare(settings: Settings) -> None:
    """No telemetry, and Prefect's own files in the home folder. Has effect only before Prefect is imported; what the
    environment says already stays."""
    for name, value in (QUIET | {"PREFECT_HOME": str((settings.home / "prefect").absolute())}).items():
        os.environ.setdefault(name, value)


def server_available(seconds: float = 3.0) -> bool | None:
    """Whether the configured Prefect server answers within `seconds`; None when none is configured."""
    url = os.environ.get("PREFECT_API_URL")
    if not url:  # perhaps in a profile of Prefect's own; to ask for that takes half a second
        from prefect.settings import get_current_settings

        url = get_current_settings().api.url
    if not url:
        return None
    with httpx.Client(timeout=seconds) as client:
        return _healthy(client, url.rstrip("/"))


def digitise_with_prefect(
    paths: Sequence[Path],
    settings: Settings,
    *,
    name: str | None = None,
    dossier_code: str | None = None,
    declared_pages: int | None = None,
) -> DigitiseResult:
    """`digitise` as a Prefect flow of this process: seen on the server that is configured, else on one that lives as
    long as the flow. Prefect takes seconds to start, with such a server more; the batch is begun meanwhile and the flow joins it.

    Raises EngineServerUnavailable within seconds when the configured server is away, and as `digitise`.
    """
    prepare(settings)
    configured = server_available()
    if configured is False:
        raise EngineServerUnavailable("no answer from the server of PREFECT_API_URL")
    facts = {"name": name, "dossier_code": dossier_code, "declared_pages": declared_pages}
    from flows.digitise import digitise

    begun: Future[DigitiseResult] = Future()
    # Prefect has the thread, and this one the batch: it owns the page processes and is the one that Ctrl-C reaches.
    with ThreadPoolExecutor(1) as beside:
        told = beside.submit(_flow if configured else _flow_with_own_server, paths, settings, facts, begun)
        try:
            begun.set_result(digitise(paths, settings, who=WHO, **facts))
        except SohoaError as error:  # the task says whether to try again
            begun.set_exception(error)
        except BaseException as error:
            begun.set_exception(error)
            raise
        return told.result()


def _flow_with_own_server(
    paths: Sequence[Path], settings: Settings, facts: dict, begun: Future
) -> DigitiseResult:
    with own_server() as (url, _):
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with temporary_settings({PREFECT_API_URL: url}):
            return _flow(paths, settings, facts, begun)


_NEEDLESS = (
    "SCHEDULER", "LATE_RUNS", "FOREMAN", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "REPOSSESSOR", "TRIGGERS",
)  # fmt: skip
_IDLE = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in _NEEDLESS}
"""Services for deployments and workers, which a server for one flow does not have; half of what it takes while it waits."""
_START = {"PREFECT_UI_ENABLED": "0", "PREFECT_API_BLOCKS_REGISTER_ON_START": "false"}
"""Neither pages nor blocks are asked for."""


@contextmanager
def own_server() -> Iterator[tuple[str, int]]:
    """Address and process number of a Prefect server that lives as long as the block, with its database in PREFECT_HOME.

    Prefect would start just such a one, but imports the whole server here too for that: 1.3 of 5.5 CPU seconds. Raises
    EngineServerUnavailable when it does not come up.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    noise = tempfile.TemporaryFile()
    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "flows.own_server", str(port)],
        env=os.environ | _IDLE | _START | {"PYTHONPATH": python_path()},
        stdin=subprocess.DEVNULL,
        stdout=noise,
        stderr=noise,
    )
    try:
        url, until = f"http://127.0.0.1:{port}/api", time.monotonic() + START_SECONDS
        with httpx.Client(timeout=3.0) as client:
            while not _healthy(client, url):
                if server.poll() is not None or time.monotonic() > until:
                    noise.seek(0)
                    why = noise.read().decode(errors="replace").strip()[-300:]
                    raise EngineServerUnavailable(f"the server of the flow did not start: {why}")
                time.sleep(0.1)
        yield url, server.pid
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        noise.close()


def _healthy(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/health").status_code == 200
    except httpx.HTTPError:
        return False


def _flow(paths: Sequence[Path], settings: Settings, facts: dict, begun: Future) -> DigitiseResult:
    gc.disable()  # nothing that an import makes is garbage; looking for some takes a quarter of the 1.7 CPU seconds
    try:
        from flows import prefect_flows
    finally:
        gc.enable()

    prefect_flows.begun_here = begun
    try:
        told = prefect_flows.digitise_flow(
            [os.path.abspath(path) for path in paths], home=str(settings.home.absolute()), **facts
        )
    except httpx.TransportError as error:
        raise EngineServerUnavailable(f"{type(error).__name__}: {error}") from error
    except RuntimeError as error:  # Prefect has no type of its own for it
        if "API" not in str(error):
            raise
        raise EngineServerUnavailable(str(error)) from error
    return DigitiseResult.model_validate(told)
