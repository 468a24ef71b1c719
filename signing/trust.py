"""Whom this installation trusts: a folder a person can read.

    <trust folder>/anchors/*.crt|cer|pem        roots that are trusted, each with a note beside it that says where it
                                                came from: NAME.toml (`source = "…"`, `demo = true`) or NAME.txt
    <trust folder>/intermediates/*.crt|cer|pem  certificates that help to build a chain; not trusted by themselves
    <trust folder>/crls/*.crl                   revocation lists brought by hand, for an office without a network
    <cache folder>/                             CRL and OCSP answers that were fetched (`signing.revocation`)

TT 15/2025/TT-BKHCN Đ5 k2 asks for a chain to the root of the national centre; NĐ 68/2024 for the one of the Government's
service. Neither is shipped: whoever installs the software puts them here and says from where.
"""

from __future__ import annotations

import threading
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from asn1crypto import pem, x509

from schemas.signing import SigningSettings

CERTIFICATE_SUFFIXES = (".crt", ".cer", ".pem", ".der")
MAX_CERTIFICATE_BYTES = 200_000
MAX_CRL_BYTES = 64_000_000


@dataclass(frozen=True)
class TrustSettings:
    """What a verification may rely on and how much it may cost."""

    folder: Path
    """Holds anchors/, intermediates/, crls/; need not exist."""
    cache: Path | None = None
    """CRL and OCSP answers that were fetched; None: nothing is kept."""
    online: bool = False
    """May CRL and OCSP be fetched? Only from addresses in certificates that lead to an anchor."""
    network_seconds: float = 10.0
    """Limit for one answer."""
    accept_demo: bool = True
    """May a chain end in a test root? Never in production."""
    max_bytes: int = 250_000_000
    seconds: float = 60.0
    """After so long a verification gives up, with `timeout` as the reason."""

    @classmethod
    def of(cls, settings: SigningSettings, home: Path) -> TrustSettings:
        """The settings of an installation."""
        return cls(
            folder=settings.trust_folder or home / "trust",
            cache=settings.cache_folder or home / "revocation",
            online=not settings.offline,
            network_seconds=settings.network_seconds,
            accept_demo=not settings.production,
        )


@dataclass(frozen=True)
class Anchor:
    certificate: x509.Certificate
    path: Path
    source: str
    """Where the certificate came from; empty: nobody said."""
    demo: bool


@dataclass(frozen=True)
class TrustProblem:
    """Something in the trust folder that a person should mend."""

    code: str
    path: Path


@dataclass(frozen=True)
class TrustStore:
    anchors: tuple[Anchor, ...]
    intermediates: tuple[x509.Certificate, ...]
    crls: tuple[bytes, ...]
    """DER."""
    problems: tuple[TrustProblem, ...]

    def anchor_of(self, certificate: x509.Certificate) -> Anchor | None:
        return next((a for a in self.anchors if a.certificate.sha256 == certificate.sha256), None)


def load_trust(settings: TrustSettings) -> TrustStore:
    """Everything in the trust folder; read again when a file in it changed. Broken files become problems, never errors."""
    files = sorted(
        path for name in ("anchors", "intermediates", "crls") for path in _files(settings.folder / name)
    )
    state = tuple((path, stat.st_mtime_ns, stat.st_size) for path in files if (stat := _stat(path)))
    return _of_thread.load(settings.folder, settings.accept_demo, state)


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def _stat(path: Path):
    try:
        return path.stat()
    except OSError:
        return None


class _OfThread(threading.local):
    """Certificates of asn1crypto are read late and in steps: no two threads may meet in one."""

    def __init__(self) -> None:
        self.load = lru_cache(maxsize=8)(_load)


def _load(folder: Path, accept_demo: bool, state: tuple[tuple[Path, int, int], ...]) -> TrustStore:
    problems: list[TrustProblem] = []
    anchors: list[Anchor] = []
    intermediates: list[x509.Certificate] = []
    crls: list[bytes] = []
    for path, _, size in state:
        room = path.parent.name
        if room == "crls":
            if path.suffix.lower() == ".crl" and size <= MAX_CRL_BYTES:
                crls += _ders(path, problems)
        elif path.suffix.lower() in CERTIFICATE_SUFFIXES:
            found = _certificates(path, size, problems)
            if room == "intermediates":
                intermediates += found
                continue
            source, demo = _note(path, problems)
            if demo and not accept_demo:
                problems.append(TrustProblem("demo_anchor_in_production", path))
                continue
            anchors += [Anchor(certificate, path, source, demo) for certificate in found]
    return TrustStore(tuple(anchors), tuple(intermediates), tuple(crls), tuple(problems))


_of_thread = _OfThread()


def _ders(path: Path, problems: list[TrustProblem]) -> list[bytes]:
    try:
        data = path.read_bytes()
        if pem.detect(data):
            return [der for _, _, der in pem.unarmor(data, multiple=True)]
        return [data]
    except (OSError, ValueError):
        problems.append(TrustProblem("unreadable_trust_file", path))
        return []


def _certificates(path: Path, size: int, problems: list[TrustProblem]) -> list[x509.Certificate]:
    if size > MAX_CERTIFICATE_BYTES:
        problems.append(TrustProblem("unreadable_trust_file", path))
        return []
    certificates = []
    for der in _ders(path, problems):
        try:
            certificate = x509.Certificate.load(der)
            # asn1crypto parses late: what is asked of it in every verification is asked of it here.
            _ = certificate.subject.native, certificate.public_key.algorithm, certificate.not_valid_after
            certificates.append(certificate)
        except (ValueError, TypeError):
            problems.append(TrustProblem("unreadable_trust_file", path))
    return certificates


def _note(path: Path, problems: list[TrustProblem]) -> tuple[str, bool]:
    """Source and whether it is a test root, from the note beside a certificate."""
    try:
        toml = path.with_suffix(".toml")
        if toml.exists():
            values = tomllib.loads(toml.read_text("utf-8"))
            source, demo = str(values.get("source", "")).strip(), values.get("demo") is True
        else:
            text = path.with_suffix(".txt")
            source, demo = (text.read_text("utf-8").strip() if text.exists() else ""), False
    except (OSError, ValueError):
        problems.append(TrustProblem("unreadable_trust_file", path))
        return "", False
    if not source:
        problems.append(TrustProblem("anchor_without_source", path))
    return source, demo
