"""The agent's door: who may ask, how much, and how a portal is let in. Real HTTP on loopback; no token is needed here."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import pytest
from agent_at_work import OTHER_PORTAL, PORTAL, attributes_of, certificate, item, job, text
from pydantic import ValidationError
from signing_fixtures import pki

from schemas.agent import MAX_DOCUMENTS, AgentJobState, AgentSettings
from schemas.errors import BadSettings, SetupError
from schemas.settings import load_settings
from schemas.signing import Role
from schemas.signing_errors import AgentRefused, SigningJobRejected, TokenUnavailable
from signing import agent_http
from signing.agent import Agent
from signing.agent_client import AgentClient
from signing.agent_http import MAX_BODY, AgentServer, bind
from signing.agent_jobs import MAX_OPEN, AgentJobs, QueueFull
from signing.agent_pairing import CODES, TRIES, PairingDesk, PairingRefused, Pairings
from signing.agent_token import TokenKey

SECRET_WORD = "khong-duoc-lap-lai"


class Screen:
    """What the official is shown; nobody answers."""

    def __init__(self) -> None:
        self.codes: list[tuple[str, str]] = []

    def show_code(self, origin: str, code: str, seconds: float) -> None:
        self.codes.append((origin, code))


@contextmanager
def served(folder):
    settings = AgentSettings(origins=[PORTAL, OTHER_PORTAL], port=0)
    agent = Agent(settings, folder, Screen())
    with AgentServer(agent) as server:
        server.agent = agent
        yield server


@pytest.fixture
def door(tmp_path):
    with served(tmp_path / "agent") as server:
        yield server


@pytest.fixture(scope="module")
def closed_door(tmp_path_factory):
    """For requests that must leave no trace: nobody ever pairs here."""
    with served(tmp_path_factory.mktemp("agent")) as server:
        yield server
        assert not server.agent.terminal.codes and not server.agent.pairings.all()


def ask(door, method="GET", path="/v1/status", body=None, drop=(), **headers):
    """Status, headers and JSON of one request, as a browser page of the portal sends it unless told otherwise."""
    sent = {"Host": f"127.0.0.1:{door.port}", "Origin": PORTAL} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    if body is not None:
        sent = {"Content-Type": "application/json", "Content-Length": str(len(body))} | sent
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.items():
        if name not in drop:
            for one in value if isinstance(value, list) else [value]:
                connection.putheader(name, one)
    connection.endheaders(body)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(data) if data else {}


def paired(door, origin=PORTAL) -> AgentClient:
    client = AgentClient(f"http://127.0.0.1:{door.port}", origin)
    client.begin_pairing()
    client.finish_pairing(door.agent.terminal.codes[-1][1])
    return client


# --- where it listens
@pytest.mark.parametrize("address", ["0.0.0.0", "::", "localhost", "192.168.1.10", "127.0.0.2", ""])
def test_listens_nowhere_but_on_loopback(address):
    with pytest.raises(BadSettings):
        bind(0, ["127.0.0.1", address])


def test_listens_on_both_loopbacks_and_tells_a_taken_port(door, tmp_path):
    addresses = {listener.getsockname()[0] for listener in door._sockets}
    assert "127.0.0.1" in addresses <= {"127.0.0.1", "::1"}
    assert len({listener.getsockname()[1] for listener in door._sockets}) == 1
    if "::1" in addresses:
        connection = http.client.HTTPConnection("::1", door.port, timeout=5)
        connection.request("GET", "/v1/status", headers={"Host": f"[::1]:{door.port}", "Origin": PORTAL})
        assert connection.getresponse().status == 200
    with pytest.raises(SetupError):
        bind(door.port)


@pytest.mark.parametrize(
    "origin", ["*", "null", "http://cong.vi-du.vn", "https://a.vn/path", "cong.vi-du.vn", "https://*.vn"]
)
def test_an_origin_is_one_exact_address(origin, tmp_path):
    with pytest.raises(ValidationError):
        AgentSettings(origins=[origin])
    (tmp_path / "sohoa.toml").write_text(f'[agent]\norigins = ["{origin}"]\n')
    with pytest.raises(BadSettings):
        load_settings(tmp_path)


def test_origins_as_browsers_send_them():
    settings = AgentSettings(origins=["HTTPS://Cong.Vi-Du.vn:443/", "http://localhost:8000"])
    assert settings.origins == [PORTAL, "http://localhost:8000"]


# --- who may ask
@pytest.mark.parametrize(
    "host", ["cong.vi-du.vn", "127.0.0.1", "127.0.0.1:1", "evil.vn:{port}", "127.0.0.1.evil.vn:{port}", ""]
)
def test_wrong_host(closed_door, host):
    status, headers, said = ask(closed_door, Host=host.format(port=closed_door.port))
    assert (status, said) == (421, {"error": "host_refused"})
    assert "access-control-allow-origin" not in headers


def test_localhost_is_a_name_of_it(closed_door):
    assert ask(closed_door, Host=f"localhost:{closed_door.port}")[0] == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.vn", "null", PORTAL + ".evil.vn", "http://cong.vi-du.vn", PORTAL + ":8443", ""]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_wrong_origin(closed_door, origin, method):
    status, headers, said = ask(
        closed_door, method, "/v1/pairing", b"{}" if method == "POST" else None, Origin=origin
    )
    assert (status, said) == (403, {"error": "origin_refused"})
    assert not [name for name in headers if name.lower().startswith("access-control")]


def test_no_origin_or_two_of_anything(closed_door):
    assert ask(closed_door, drop=("Origin",))[2] == {"error": "origin_refused"}
    assert ask(closed_door, Origin=[PORTAL, "https://evil.vn"])[2] == {"error": "header_twice"}
    with socket.create_connection(("127.0.0.1", closed_door.port), timeout=5) as raw:
        hosts = f"Host: 127.0.0.1:{closed_door.port}\r\nHost: evil.vn\r\n"
        raw.sendall(f"GET /v1/status HTTP/1.1\r\n{hosts}Origin: {PORTAL}\r\n\r\n".encode())
        assert b" 400 " in raw.recv(4096).split(b"\r\n")[0]


def test_preflight_is_answered_to_portals_only(closed_door):
    wanted = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Private_Network": "true"}
    status, headers, _ = ask(closed_door, "OPTIONS", "/v1/jobs", **wanted)
    assert status == 204 and headers["access-control-allow-origin"] == PORTAL
    assert headers["access-control-allow-private-network"] == "true"
    assert "authorization" in headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in headers
    assert (
        "access-control-allow-private-network"
        not in ask(closed_door, "OPTIONS", Access_Control_Request_Method="GET")[1]
    )


def test_nothing_is_cached_and_nothing_told_of_the_server(closed_door):
    for path, status in (
        ("/v1/status", 200),
        ("/v1/certificates", 401),
        ("/docs", 404),
        ("/openapi.json", 404),
    ):
        got, headers, _ = ask(closed_door, path=path)
        assert got == status
        assert headers["cache-control"] == "no-store" and headers["vary"] == "Origin"
        assert headers["x-content-type-options"] == "nosniff" and "server" not in headers
        assert headers["access-control-allow-origin"] == PORTAL


@pytest.mark.parametrize(
    "method, path",
    [("GET", "/v1/certificates"), ("POST", "/v1/jobs"), ("GET", "/v1/jobs/x"), ("GET", "/v1/jobs/x/answers"),
     ("DELETE", "/v1/jobs/x"), ("DELETE", "/v1/pairing")],
)  # fmt: skip
@pytest.mark.parametrize("bearer", [None, "Bearer ", "Bearer x.y", "Basic eDp5", "Bearer " + "9" * 5000])
def test_not_paired(closed_door, method, path, bearer):
    headers = {"Authorization": bearer} if bearer else {}
    body = job(item("a.pdf")).model_dump_json().encode() if method == "POST" else None
    assert ask(closed_door, method, path, body, **headers)[::2] == (401, {"error": "not_paired"})


def test_a_secret_holds_for_its_origin_until_revoked(door):
    client = paired(door)
    secret = client._client.headers["Authorization"]
    assert client.certificates() == [] and client.status()["paired"] is True
    other = AgentClient(f"http://127.0.0.1:{door.port}", OTHER_PORTAL, secret.removeprefix("Bearer "))
    assert other.status()["paired"] is False
    with pytest.raises(AgentRefused, match="not_paired"):
        other.certificates()
    again = paired(door)
    with pytest.raises(AgentRefused, match="not_paired"):
        client.certificates()
    again.end_pairing()
    with pytest.raises(AgentRefused, match="not_paired"):
        again.certificates()


# --- how much
def test_too_large_is_refused_before_it_is_read(closed_door):
    status, _, said = ask(closed_door, "POST", "/v1/jobs", b"", Content_Length=str(MAX_BODY + 1))
    assert (status, said) == (413, {"error": "body_too_large"})


def test_too_large_without_a_length(closed_door):
    with socket.create_connection(("127.0.0.1", closed_door.port), timeout=10) as raw:
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1:{closed_door.port}\r\nOrigin: {PORTAL}\r\n"
        raw.sendall((head + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        sent, part = 0, b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        with suppress(OSError):  # it hangs up on us
            while sent < 3 * MAX_BODY:
                raw.sendall(part)
                sent += 0x10000
        with suppress(ConnectionResetError):
            assert b" 413 " in raw.recv(4096).split(b"\r\n")[0]
    assert sent < 3 * MAX_BODY
    assert ask(closed_door)[0] == 200


def test_a_body_that_never_comes(closed_door, monkeypatch):
    monkeypatch.setattr(agent_http, "BODY_SECONDS", 0.2)
    assert ask(closed_door, "POST", "/v1/jobs", b"{", Content_Length="100")[::2] == (
        408,
        {"error": "too_slow"},
    )


def test_json_only_and_what_was_sent_is_not_repeated(door):
    form = {"Content_Type": "text/plain"}
    assert ask(door, "POST", "/v1/pairing", b"{}", **form)[::2] == (415, {"error": "not_json"})
    body = json.dumps({"code": 1, "pin": SECRET_WORD}).encode()
    assert ask(door, "POST", "/v1/pairing/finish", body)[::2] == (400, {"error": "bad_request"})
    for broken in (
        b"",
        b"[",
        b"[]",
        b"\xff\xfe",
        b'{"code": ["' + SECRET_WORD.encode() + b'"]}',
        b"[" * 100_000,
    ):
        status, headers, said = ask(door, "POST", "/v1/pairing/finish", broken)
        assert (status, said) == (400, {"error": "bad_request"}), broken[:20]
        assert SECRET_WORD not in f"{headers} {said}"


# --- pairing
def test_guessing_the_code_is_locked(door):
    """Three guesses spend a code, five spent codes lock the pairing: also for who knows the code."""
    client = AgentClient(f"http://127.0.0.1:{door.port}", PORTAL)
    screen = door.agent.terminal
    for spent in range(CODES):
        client.begin_pairing()
        assert len(screen.codes) == spent + 1
        for _ in range(TRIES):
            client.begin_pairing()
            with pytest.raises(AgentRefused, match="pairing_wrong_code"):
                client.finish_pairing("000000")
        with pytest.raises(AgentRefused, match="pairing_(no_code|locked)"):
            client.finish_pairing(screen.codes[-1][1])
    assert len({code for _, code in screen.codes}) == CODES
    for ask_for in (client.begin_pairing, lambda: client.finish_pairing(screen.codes[-1][1])):
        with pytest.raises(AgentRefused, match="pairing_locked"):
            ask_for()
    assert ask(door, "POST", "/v1/pairing", b"{}")[0] == 429
    assert door.agent.pairings.all() == []


def test_many_guesses_at_once_count_as_many(door):
    client = AgentClient(f"http://127.0.0.1:{door.port}", PORTAL)
    client.begin_pairing()
    said: list[str] = []

    def guess() -> None:
        said.append(ask(door, "POST", "/v1/pairing/finish", b'{"code": "000000"}')[2]["error"])

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["pairing_no_code"] * 9 + ["pairing_wrong_code"] * 3


def test_a_code_is_for_its_origin_for_a_while_and_once(tmp_path):
    now, shown = [0.0], []
    pairings = Pairings(tmp_path)
    desk = PairingDesk(pairings, lambda *facts: shown.append(facts), 120, lambda: now[0])
    assert desk.begin(PORTAL) == 120
    now[0] = 50
    assert desk.begin(PORTAL) == 70 and len(shown) == 1
    with pytest.raises(PairingRefused, match="pairing_busy"):
        desk.begin(OTHER_PORTAL)
    with pytest.raises(PairingRefused, match="pairing_no_code"):
        desk.finish(OTHER_PORTAL, shown[0][1])
    now[0] = 121
    with pytest.raises(PairingRefused, match="pairing_no_code"):
        desk.finish(PORTAL, shown[0][1])
    desk.begin(OTHER_PORTAL)
    secret = desk.finish(OTHER_PORTAL, shown[1][1])
    assert pairings.check(OTHER_PORTAL, secret) and not pairings.check(PORTAL, secret)
    assert Pairings(tmp_path).check(OTHER_PORTAL, secret), "a new process knows it from the file"
    assert not pairings.check(OTHER_PORTAL, secret[:-1]) and not pairings.check(
        OTHER_PORTAL, secret.partition(".")[0]
    )
    with pytest.raises(PairingRefused, match="pairing_no_code"):
        desk.finish(OTHER_PORTAL, shown[1][1])


def test_guesses_are_not_forgotten_by_waiting(tmp_path):
    now, shown = [0.0], []
    desk = PairingDesk(Pairings(tmp_path), lambda *facts: shown.append(facts), 120, lambda: now[0])
    for _ in range(CODES):
        desk.begin(PORTAL)
        for _ in range(TRIES - 1):
            with pytest.raises(PairingRefused, match="pairing_wrong_code"):
                desk.finish(PORTAL, "000000")
        now[0] += 200
    with pytest.raises(PairingRefused, match="pairing_locked"):
        desk.begin(PORTAL)


def test_damaged_pairings_are_no_pairings(tmp_path):
    pairings = Pairings(tmp_path)
    (tmp_path / "pairings.json").write_text("{")
    with pytest.raises(BadSettings):
        pairings.check(PORTAL, "a.b")


# --- what is taken
def test_only_signatures_of_pdf_files_by_the_named_certificate(door):
    client = paired(door)
    with pytest.raises(TokenUnavailable):
        client.submit(job(item("đúng.pdf")))  # all is well but the token
    digest = hashlib.sha256(b"x").digest()
    challenge = hashlib.sha256(b"a login").digest()
    others = pki().certificate(Role.CERTIFIER)
    wrong = {
        "digest of something else": item("a.pdf", digest=text(challenge)),
        "not signed attributes": item("a.pdf", attributes=b"\x30\x82 certificate request"),
        "another certificate": item("a.pdf", attributes=attributes_of(others, digest)),
        "no PDF": item("a.pdf", attributes=attributes_of(certificate(), digest, "tst_info")),
        "SHA-1": item("a.pdf", digest=text(hashlib.sha1(b"x").digest())),
        "not base64": item("a.pdf", digest="!!"),
        "a name that moves the cursor": item("a\x1b[2A.pdf"),
        "a name that turns around": item("a\u202efdp.exe"),
        "a long name": item("a" * 300),
    }
    for why, one in wrong.items():
        with pytest.raises(SigningJobRejected):
            client.submit(job(item("đúng.pdf"), one))
            pytest.fail(why)
    with pytest.raises(SigningJobRejected):
        client.submit(job(item("a.pdf"), item("a.pdf")))
    with pytest.raises(SigningJobRejected):
        client.submit(job().model_copy(update={"items": ()}))
    with pytest.raises(SigningJobRejected):
        client.submit(job(item("a.pdf")).model_copy(update={"certificate": text(b"none")}))


def test_the_largest_batch_fits_and_no_larger_one():
    attributes = attributes_of(certificate(), bytes(32))
    name = "Giấy chứng nhận quyền sử dụng đất của hộ gia đình"
    items = [item(f"{name} {number}.pdf", attributes) for number in range(MAX_DOCUMENTS)]
    largest = job(*items).model_dump_json()
    assert len(largest.encode()) < MAX_BODY * 0.7


def test_a_queue_has_an_end():
    jobs, token = AgentJobs(), TokenKey("driver", b"1", "a")
    for number in range(MAX_OPEN):
        jobs.add(PORTAL, job(item(f"{number}.pdf")), "00", token)
    with pytest.raises(QueueFull):
        jobs.add(PORTAL, job(item("more.pdf")), "00", token)
    jobs.add(OTHER_PORTAL, job(item("more.pdf")), "00", token)


def test_a_pulled_token_does_not_hold_up_another():
    jobs = AgentJobs()
    first, second = TokenKey("driver", b"1", "a"), TokenKey("driver", b"2", "b")
    pulled = jobs.add(PORTAL, job(item("1.pdf")), "00", first)
    waiting = jobs.add(PORTAL, job(item("2.pdf")), "00", first)
    other = jobs.add(PORTAL, job(item("3.pdf")), "00", second)
    jobs.move(pulled, AgentJobState.NO_TOKEN)
    assert jobs.next(lambda token: False, 0) is other
    jobs.move(other, AgentJobState.DONE)
    began = time.monotonic()
    assert jobs.next(lambda token: False, 0.05) is None and time.monotonic() - began < 1
    assert jobs.next(lambda token: True, 0) is pulled
    jobs.cancel(pulled)
    assert jobs.next(lambda token: True, 0) is waiting
