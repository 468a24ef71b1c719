"""`sohoa api`: starts the REST API."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

import typer

from cli.call import Call
from cli.terminal import clean, say
from schemas.errors import SetupError, SystemFault, WrongUse

LARGEST_HEAD = 16_384
"""Bytes of the head of a request."""
KEEP_ALIVE_SECONDS = 5
LEAVE_SECONDS = 30
"""Requests that run when the server is told to stop are waited for so long."""


def add_to(app: typer.Typer) -> None:
    app.command(help="Chạy REST API (CV 7197/BKHCN-CĐSQG). / Serve the REST API.")(api)


def api(
    context: typer.Context,
    host: str = typer.Option("127.0.0.1", "--host", metavar="ĐỊA_CHỈ", help="Địa chỉ nghe. / Address."),
    port: int = typer.Option(8750, "--port", min=0, max=65535, metavar="SỐ", help="Cổng. / Port."),
    certificate: Path = typer.Option(
        None, "--tls-cert", metavar="TỆP", help="Chứng thư TLS (PEM). / TLS certificate."
    ),
    key: Path = typer.Option(None, "--tls-key", metavar="TỆP", help="Khoá TLS (PEM). / TLS key."),
    behind_proxy: bool = typer.Option(
        False,
        "--behind-proxy",
        help="Đứng sau máy chủ trung gian có TLS trên máy này. / Behind a proxy on this machine that does TLS.",
    ),
    processes: int = typer.Option(
        1, "--processes", min=1, max=16, metavar="SỐ", help="Số tiến trình. / Processes."
    ),
) -> None:
    import uvicorn

    call: Call = context.obj
    settings = call.settings()
    if not settings.catalogue_url and not (call.home / "catalogue.sqlite").is_file():
        from schemas.errors import NoHome

        raise NoHome(str(call.home))
    if (certificate is None) != (key is None):
        raise WrongUse("--tls-cert và --tls-key đi cùng nhau")
    for path in filter(None, (certificate, key)):
        if not path.is_file():
            raise SetupError(f"{path.name}: không có tệp này")
    if not is_loopback(host) and certificate is None and not behind_proxy:
        raise WrongUse(
            f"--host {clean(host)}: dữ liệu cá nhân không được đi qua mạng mà không mã hoá; thêm --tls-cert và --tls-key, hoặc --behind-proxy"
        )
    os.environ["SOHOA_HOME"] = str(call.home.resolve())
    scheme = "https" if certificate else "http"
    say(f"API: {scheme}://{clean(host)}:{port}/api/v1 · Ctrl-C để dừng")
    try:
        uvicorn.run(
            "portal.app:create",
            factory=True,
            host=host,
            port=port,
            workers=processes if processes > 1 else None,
            http="portal.serving:BoundedHttp",
            ws="none",
            lifespan="on",
            # The line of each request would hold what was asked for; what was done stands in the audit.
            access_log=False,
            log_level="warning",
            server_header=False,
            proxy_headers=behind_proxy,
            forwarded_allow_ips="127.0.0.1,::1",
            limit_concurrency=settings.api.connections,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=LEAVE_SECONDS,
            h11_max_incomplete_event_size=LARGEST_HEAD,
            ssl_certfile=str(certificate) if certificate else None,
            ssl_keyfile=str(key) if key else None,
        )
    except SystemExit as stopped:
        if stopped.code:
            raise SystemFault(f"máy chủ không chạy được trên {clean(host)}:{port}") from None


def is_loopback(host: str) -> bool:
    """Only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
