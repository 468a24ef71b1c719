"""A timestamp authority, OCSP and CRL over HTTP on loopback: at work, silent, wrong and slow. The right error or level each
time, never a lower one without a word.

The certificates are real ones of a PKI whose addresses lead to the server here; it is asked through the desk of keys that an
office with real keys uses, and by the verifier.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from asn1crypto import ocsp, tsp
from signing_fixtures import prepared_scan, request

from flows import sign_desk
from flows.sign_desk import SignDesk
from schemas.settings import Settings
from schemas.signing import Level, Revocation, Role, SigningSettings, Verdict
from schemas.signing_errors import CertificateRevoked, RevocationUnknown, TimestampUnavailable
from signing import demo_pki, revocation
from signing.demo_pki import DemoPki
from signing.trust import TrustSettings
from signing.verify import verify_file

SLOW, PATIENCE, AMPLE = 6.0, 0.8, 10.0
"""Seconds a slow server takes, seconds anybody waits for it, and for one that will answer on the busiest machine."""


class Responder(ThreadingHTTPServer):
    """`faults`: service (ocsp, crl, tsa) -> what is wrong with it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.faults: dict[str, str] = {}
        self.asked: list[str] = []
        self.pki: DemoPki | None = None
        self.stranger: DemoPki | None = None
        self.released = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: Responder

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("crl", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer("tsa" if self.path == "/tsa" else "ocsp", body)

    def _answer(self, service: str, body: bytes) -> None:
        self.server.asked.append(service)
        fault = self.server.faults.get(service, "")
        if fault == "down":
            return self._send(503, b"")
        if fault == "page":
            return self._send(200, b"<html>Welcome to the hotel</html>")
        if fault == "slow":
            self.server.released.wait(SLOW)
        pki = self.server.stranger if fault == "stranger" else self.server.pki
        with contextlib.suppress(OSError):  # the other side may have given up waiting
            self._send(200, getattr(self, f"_{service}")(pki, body), trickle=fault == "trickle")

    def _crl(self, pki: DemoPki, _: bytes) -> bytes:
        return pki.crl(of_root=self.path == "/root.crl").dump()

    def _ocsp(self, pki: DemoPki, body: bytes) -> bytes:
        fault = self.server.faults.get("ocsp")
        if fault == "stale":
            return pki.ocsp(pki.certificate(Role.SCANNER), datetime.now(UTC) - 10 * demo_pki.FRESH).dump()
        if fault == "about another":
            return pki.ocsp(pki.certificate(Role.CERTIFIER)).dump()
        (asked,) = ocsp.OCSPRequest.load(body)["tbs_request"]["request_list"]
        serial = asked["req_cert"]["serial_number"].native
        ours = [pki.tsa, *(pki.certificate(role) for role in Role)]
        return pki.ocsp(next((one for one in ours if one.serial_number == serial), pki.tsa)).dump()

    def _tsa(self, pki: DemoPki, body: bytes) -> bytes:
        return pki.timestamper().request_tsa_response(tsp.TimeStampReq.load(body)).dump()

    def _send(self, status: int, data: bytes, trickle: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        for at in range(0, len(data), 20) if trickle else ():  # never silent for long, never done
            self.wfile.write(data[at : at + 20])
            self.wfile.flush()
            if self.server.released.wait(PATIENCE / 4):
                return
        if not trickle:
            self.wfile.write(data)


@pytest.fixture(scope="module")
def pki_online(tmp_path_factory):
    """A PKI whose certificates name the server, and the server."""
    server, before = Responder(), demo_pki.BASE_URL
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    folder = tmp_path_factory.mktemp("online")
    try:
        demo_pki.BASE_URL = server.url
        server.pki = DemoPki.open(folder / "pki")
        server.stranger = DemoPki.open(folder / "stranger")  # the same names, other keys
    finally:
        demo_pki.BASE_URL = before
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(pki_online):
    pki_online.faults, pki_online.asked = {}, []
    pki_online.released.clear()
    revocation._dead.clear()  # addresses are left alone for a minute after a failure; each test begins anew
    (pki_online.pki.folder / "revoked.json").write_text("{}")
    yield pki_online
    pki_online.released.set()


def office(home: Path, server: Responder, **signing) -> Settings:
    """An office whose keys, authority and trust are named in its settings, as in production."""
    home.mkdir(exist_ok=True)
    shutil.copy(server.pki.p12(Role.SCANNER), home / "clerk.p12")
    (home / "keys.toml").write_text(
        '[scanner]\nkind = "pkcs12"\nfile = "clerk.p12"\nperson = "Nguyễn Thị Quét"\n'
    )
    for room, name in (("anchors", "root"), ("intermediates", "ca")):
        (home / "trust" / room).mkdir(parents=True, exist_ok=True)
        shutil.copy(server.pki.folder / f"{name}.pem", home / "trust" / room)
    (home / "trust" / "anchors" / "root.toml").write_text('source = "test"\ndemo = true\n')
    patience = PATIENCE if {"slow", "trickle"} & set(server.faults.values()) else AMPLE
    facts = {"tsa_url": f"{server.url}/tsa", "network_seconds": patience} | signing
    return Settings(home=home, signing=SigningSettings(**facts))


def signed(home: Path, server: Responder, level: Level = Level.B_LTA, **signing):
    with SignDesk(office(home, server, **signing), lambda *_: server.pki.password) as desk:
        return desk.sign(prepared_scan(), request(Role.SCANNER, level))


def verified(data: bytes, home: Path, server: Responder, **changes):
    trust = TrustSettings.of(office(home, server).signing, home)
    return verify_file(data, "x.pdf", replace(trust, **{"cache": None} | changes))


# --- signing ---------------------------------------------------------------------------------------------------------
def test_all_at_work(server, tmp_path):
    done = signed(tmp_path / "a", server)
    assert done.evidence.level_reached is Level.B_LTA
    assert {"ocsp", "crl", "tsa"} == set(server.asked)
    found = verified(done.data, tmp_path / "b", server, online=False)  # what was fetched stands in the file
    assert found.verdict is Verdict.VALID and found.signatures[0].level is Level.B_LTA


@pytest.mark.parametrize("fault", ["down", "page", "stranger", "slow"])
def test_one_source_of_revocation_fails_the_other_serves(server, tmp_path, fault):
    server.faults = {"ocsp": fault}
    assert signed(tmp_path / "a", server).evidence.level_reached is Level.B_LTA


@pytest.mark.parametrize("fault", ["down", "page", "stranger", "slow"])
def test_no_revocation_no_signature(server, tmp_path, fault):
    server.faults = {"ocsp": fault, "crl": fault}
    begun = time.monotonic()
    with pytest.raises(RevocationUnknown):
        signed(tmp_path / "a", server, Level.B_B)  # even where the level would not carry the answers
    assert "tsa" not in server.asked
    assert time.monotonic() - begun < SLOW - 0.5, "nobody waits longer than the settings say"


def test_revoked_is_heard_over_the_network(server, tmp_path):
    server.pki.revoke(server.pki.certificate(Role.SCANNER))
    with pytest.raises(CertificateRevoked):
        signed(tmp_path / "a", server)


def test_a_desk_open_all_day_asks_again(server, tmp_path, monkeypatch):
    """Revoked at noon, a key signs no longer at five past, whatever was learnt in the morning."""
    passed = [1000.0]
    monkeypatch.setattr(sign_desk, "monotonic", lambda: passed[0])
    settings = office(tmp_path / "a", server)
    with SignDesk(settings, lambda *_: server.pki.password) as desk:
        sign = lambda: desk.sign(prepared_scan(), request(Role.SCANNER, Level.B_T))  # noqa: E731
        sign()
        asked = server.asked.count("ocsp")
        passed[0] += sign_desk.REFRESH_SECONDS - 1
        sign()
        assert server.asked.count("ocsp") == asked, "one look serves a batch"
        server.pki.revoke(server.pki.certificate(Role.SCANNER))
        passed[0] += 2
        with pytest.raises(CertificateRevoked):
            sign()
        server.faults = {"ocsp": "down", "crl": "down"}
        passed[0] += sign_desk.REFRESH_SECONDS + 1
        with pytest.raises(RevocationUnknown):  # and not what was true before the network went
            sign()


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LT, Level.B_LTA])
@pytest.mark.parametrize("fault", ["down", "page", "slow"])
def test_no_timestamp_no_lower_level(server, tmp_path, fault, level):
    server.faults = {"tsa": fault}
    begun = time.monotonic()
    with pytest.raises(TimestampUnavailable):
        signed(tmp_path / "a", server, level)
    assert time.monotonic() - begun < SLOW - 0.5


def test_a_timestamp_of_a_stranger_is_none(server, tmp_path):
    """It is sound and of the right name; its chain ends in another root."""
    from schemas.signing_errors import LevelNotReached

    server.faults = {"tsa": "stranger"}
    with pytest.raises(LevelNotReached):
        signed(tmp_path / "a", server)


# --- verifying -------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def at_b_t(pki_online, tmp_path_factory):
    """A file that carries no answers: whoever checks it has to ask."""
    pki_online.faults = {}
    return signed(tmp_path_factory.mktemp("signing"), pki_online, Level.B_T).data


def test_a_verifier_asks_and_keeps_the_answers(at_b_t, server, tmp_path):
    cache = tmp_path / "cache"
    found = verified(at_b_t, tmp_path / "a", server, cache=cache)
    assert found.verdict is Verdict.VALID and found.signatures[0].level is Level.B_T
    assert server.asked
    server.asked.clear()
    server.faults = {"ocsp": "down", "crl": "down"}
    again = verified(at_b_t, tmp_path / "a", server, cache=cache)
    assert again.verdict is Verdict.VALID and server.asked == []


@pytest.mark.parametrize("fault", ["down", "page", "stranger", "slow", "trickle"])
def test_never_valid_without_an_answer(at_b_t, server, tmp_path, fault):
    server.faults = {"ocsp": fault, "crl": fault}
    begun = time.monotonic()
    found = verified(at_b_t, tmp_path / "a", server)
    assert found.verdict is Verdict.INDETERMINATE
    assert found.signatures[0].revocation is Revocation.UNKNOWN and found.signatures[0].intact
    assert time.monotonic() - begun < 8 * PATIENCE + 1


@pytest.mark.parametrize("fault", ["stranger", "stale", "about another"])
def test_an_answer_that_cannot_count_makes_nobody_forget_the_list(at_b_t, server, tmp_path, fault):
    """Nor is it kept: next time the responder may be well again."""
    server.faults = {"ocsp": fault}
    cache = tmp_path / "cache"
    found = verified(at_b_t, tmp_path / "a", server, cache=cache)
    assert found.verdict is Verdict.VALID and "crl" in server.asked
    assert not (cache / "ocsp").exists()
    server.pki.revoke(server.pki.certificate(Role.SCANNER), datetime.now(UTC) - timedelta(days=1))
    found = verified(at_b_t, tmp_path / "a", server)
    assert found.signatures[0].revocation is Revocation.REVOKED


def test_a_silent_responder_is_not_asked_a_thousand_times(at_b_t, server, tmp_path):
    server.faults = {"ocsp": "down", "crl": "down"}
    verified(at_b_t, tmp_path / "a", server)
    server.asked.clear()
    verified(at_b_t, tmp_path / "a", server)
    assert server.asked == []


def test_revoked_since_then(at_b_t, server, tmp_path):
    signing_time = verified(at_b_t, tmp_path / "a", server).signatures[0].time

    at = datetime.fromisoformat(signing_time)
    server.pki.revoke(server.pki.certificate(Role.SCANNER), at - timedelta(hours=1))
    found = verified(at_b_t, tmp_path / "b", server)
    assert found.verdict is Verdict.INVALID and found.signatures[0].revocation is Revocation.REVOKED
