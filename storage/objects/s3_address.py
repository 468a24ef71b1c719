"""`s3://bucket/prefix?endpoint=https://host:port&region=…`: where a bucket is, without any key to it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from schemas.errors import BadSettings

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass(frozen=True)
class S3Address:
    bucket: str
    prefix: str
    """Ends with a slash, or is empty."""
    host: str
    """`host` or `host:port`."""
    secure: bool
    region: str
    """Empty: asked of the server."""

    @property
    def url(self) -> str:
        """The same address in one form, to be kept and shown; it holds no secret."""
        place = f"s3://{self.bucket}/{quote(self.prefix.removesuffix('/'))}".removesuffix("/")
        region = f"&region={self.region}" if self.region else ""
        return f"{place}?endpoint={'https' if self.secure else 'http'}://{self.host}{region}"

    @classmethod
    def parse(cls, url: str) -> S3Address:
        """Raises BadSettings, in words that repeat no key which somebody put into the address."""
        try:
            parts = urlsplit(url)
            given = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
            endpoint = urlsplit(given.pop("endpoint", ""))
            host, port = endpoint.hostname, endpoint.port
        except ValueError as error:
            raise BadSettings("the address of the S3 store cannot be read") from error
        region = given.pop("region", "")
        if "@" in parts.netloc or "@" in endpoint.netloc:
            raise BadSettings("keys do not belong into the address: give SOHOA_S3__ACCESS_KEY and SECRET_KEY")
        if given or parts.fragment:
            raise BadSettings("an S3 address takes endpoint=… and region=… only")
        if not _BUCKET.fullmatch(parts.netloc):
            raise BadSettings("the S3 address names no bucket: s3://bucket/prefix?endpoint=https://host")
        if endpoint.scheme not in ("http", "https") or not host or endpoint.path not in ("", "/"):
            raise BadSettings("the S3 address names no server: add ?endpoint=https://host")
        if not re.fullmatch(r"[a-z0-9-]*", region):
            raise BadSettings("region: letters, digits and hyphens")
        secure = endpoint.scheme == "https"
        if not secure and not _loopback(host):
            raise BadSettings(
                f"endpoint {host}: without TLS only a server on this machine is used (https://)"
            )
        steps = [unquote(step) for step in parts.path.split("/") if step]
        if any(step in (".", "..") for step in steps):
            raise BadSettings("the prefix of the S3 address has a step that leads elsewhere")
        named = f"[{host}]" if ":" in host else host
        return cls(
            bucket=parts.netloc,
            prefix="".join(f"{step}/" for step in steps),
            host=f"{named}:{port}" if port else named,
            secure=secure,
            region=region,
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
