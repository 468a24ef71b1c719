"""What a hostile or broken caller can do to the REST API: nothing that others would notice."""

from __future__ import annotations

import json
import socket
import time
import zlib
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from portal.api.buckets import Buckets
from schemas.errors import StoreUnavailable
from storage.objects import open_store
from tests.api_server import ApiOffice, api_office, described, paper, serving
from tests.intake_files import content_pdf, deflated_zeros

LARGEST = 300_000


def bomb() -> bytes:
    """Far more zeros than may be unpacked in a few kilobytes: packed twice."""
    return content_pdf(zlib.compress(deflated_zeros(100 << 20), 9), b"/Filter[/FlateDecode/FlateDecode]")


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[ApiOffice]:
    limits = {"upload_bytes": LARGEST, "idle_seconds": 1.0, "slowest_bytes_a_second": 50_000, "connections": 30}
    home = tmp_path_factory.mktemp("limits") / "home"
    with serving(api_office(home, decompressed_bytes=50_000_000, **limits)) as made:
        yield made


@pytest.fixture(scope="module")
def secret(office: ApiOffice) -> str:
    return office.token()


@pytest.fixture(scope="module")
def client(office: ApiOffice, secret: str) -> Iterator[httpx.Client]:
    with office.client(secret) as opened:
        yield opened


def raw(office: ApiOffice, *pieces: bytes, pause: float = 0.0, seconds: float = 15.0) -> tuple[bytes, float]:
    """Sends pieces over a bare connection; what came back, and after how long the other side closed."""
    host, port = office.url.removeprefix("http://").split(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=seconds) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause)
        except OSError:
            pass  # the other side has had enough
        answer = b""
        try:
            while part := line.recv(65_536):
                answer += part
        except OSError:
            pass
    return answer, time.monotonic() - began


def head(secret: str, path: str = "/api/v1/verify", **more: object) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {secret}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


FORM = "multipart/form-data; boundary=b"
BEGIN = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n'


class TestTooMuch:
    def test_a_file_over_the_limit_is_refused_before_it_is_sent(self, office, secret) -> None:
        answer, seconds = raw(office, head(secret, Content_Type=FORM, Content_Length=10**12) + BEGIN)
        assert b" 413 " in answer and b"too_large" in answer and seconds < 5

    def test_a_body_without_length_is_cut_off_while_it_comes(self, office, secret) -> None:
        chunk = b"%x\r\n" % 65_536 + b"x" * 65_536 + b"\r\n"
        start = head(secret, Content_Type=FORM, Transfer_Encoding="chunked") + b"%x\r\n%s\r\n" % (len(BEGIN), BEGIN)
        answer, seconds = raw(office, start, *([chunk] * 200))
        assert b" 413 " in answer and seconds < 10
        assert list((office.settings.home / "incoming").iterdir()) == []

    def test_json_is_bounded_far_lower(self, office, client) -> None:
        large = client.post("/search", json={"text": "x" * 70_000})
        assert (large.status_code, large.json()["code"]) == (413, "too_large")

    def test_metadata_beside_a_file_is_bounded(self, office, client) -> None:
        sent = client.post(
            "/documents/import", files={"file": paper(1)}, data={"metadata": "x" * 70_000}, headers=office.key()
        )
        assert sent.status_code in (400, 413)

    @pytest.mark.parametrize(
        "parts",
        [
            [("file", ("a.pdf", b"x")), ("file", ("b.pdf", b"x"))],
            [("other", ("a.pdf", b"x"))],
            [("metadata", (None, "{}"))],
            [("file", (None, "text, no file"))],
            [("metadata", (None, "{")), ("file", ("a.pdf", b"x"))],
            [("metadata", (None, "[1]")), ("file", ("a.pdf", b"x"))],
            [(f"part{n}", (None, "x")) for n in range(50)],
        ],
    )
    def test_odd_forms_are_refused(self, office, client, parts) -> None:
        refused = client.post("/documents/import", files=parts, headers=office.key())
        assert refused.status_code in (400, 422), refused.text
        assert refused.headers["content-type"] == "application/problem+json"

    def test_a_head_without_end_is_refused(self, office) -> None:
        answer, _ = raw(office, b"GET /health HTTP/1.1\r\nX: " + b"x" * 40_000)
        assert b" 400 " in answer or b" 431 " in answer

    def test_deep_json_is_refused(self, office, client) -> None:
        deep = client.post(
            "/search", content=b'{"text":' + b"[" * 20_000 + b"]" * 20_000 + b"}", headers={"Content-Type": "application/json"}
        )
        assert deep.status_code in (400, 422)


class TestTooSlow:
    def test_a_head_that_trickles_is_closed(self, office) -> None:
        answer, seconds = raw(office, *[b"GET /health HTTP/1.1\r\n", *[b"X: 1\r\n"] * 30], pause=0.2)
        assert seconds < 8 and (b" 408 " in answer or answer == b"")

    def test_a_silent_connection_is_closed(self, office) -> None:
        _, seconds = raw(office)
        assert 0.5 < seconds < 5

    def test_a_body_that_trickles_is_cut_off(self, office, secret) -> None:
        start = head(secret, Content_Type=FORM, Content_Length=100_000) + BEGIN
        answer, seconds = raw(office, start, *[b"x"] * 60, pause=0.25)
        assert b" 408 " in answer and seconds < 20

    def test_a_body_that_stops_is_cut_off(self, office, secret) -> None:
        answer, seconds = raw(office, head(secret, Content_Type=FORM, Content_Length=100_000) + BEGIN)
        assert b" 408 " in answer and b"request_too_slow" in answer and seconds < 5

    def test_others_are_served_meanwhile(self, office, client) -> None:
        host, port = office.url.removeprefix("http://").split(":")
        lines = [socket.create_connection((host, int(port))) for _ in range(20)]
        try:
            for line in lines:
                line.sendall(b"GET /health HTTP/1.1\r\nX")
            assert client.get("/documents/x").status_code == 404
        finally:
            for line in lines:
                line.close()


class TestHostileFiles:
    @pytest.mark.parametrize(
        ("data", "problem"),
        [
            (b"", "empty_file"),
            (b"<html><script>", "unsupported_file"),
            (b"%PDF-1.7\n%%EOF", "damaged_file"),
            (b"\x89PNG\r\n\x1a\n" + b"\xff" * 100, "damaged_file"),
        ],
    )
    def test_what_is_no_scan_is_refused_and_leaves_nothing(self, office, client, data, problem) -> None:
        refused = client.post("/documents/import", files={"file": ("a.pdf", data)}, headers=office.key())
        assert refused.status_code in (415, 422)
        assert refused.json()["code"] in (problem, "truncated_file"), refused.text
        store = open_store(office.settings.store)
        assert not list(store.list("originals/"))
        store.close()

    def test_a_bomb_goes_off_nowhere(self, office, client) -> None:
        data, began = bomb(), time.monotonic()
        for path in ("/documents/import", "/verify"):
            answer = client.post(path, files={"file": ("bom.pdf", data)}, headers=office.key())
            assert answer.status_code in (200, 413), answer.text
            assert "decompression_bomb" in answer.text or answer.json()["file"]["verdict"] != "valid"
        assert time.monotonic() - began < 30
        assert client.get("/documents/x").status_code == 404

    def test_a_name_that_climbs_stays_where_it_is(self, office, client) -> None:
        sent = client.post(
            "/documents/import",
            files={"file": ("../../etc/pas\u202ewd.pdf", paper(70))},
            data={"metadata": json.dumps(described(70))},
            headers=office.key(),
        )
        assert sent.status_code == 201, sent.text
        given = client.get(f"/documents/download/{quote(described(70)['DocCode'])}")
        assert "etc" not in given.headers["content-disposition"]


class TestRate:
    def test_a_token_that_comes_too_often_waits_and_others_do_not(self, tmp_path) -> None:
        with serving(api_office(tmp_path / "home", requests_a_minute=60, burst=5)) as office:
            busy, calm = office.client(office.token()), office.client(office.token())
            answers = [busy.get("/documents/x") for _ in range(8)]
            assert [a.status_code for a in answers[:5]] == [404] * 5
            refused = answers[-1]
            assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
            assert 1 <= int(refused.headers["retry-after"]) <= 2
            assert calm.get("/documents/x").status_code == 404
            time.sleep(1.2)
            assert busy.get("/documents/x").status_code == 404

    def test_a_stranger_who_guesses_is_slowed_down(self, tmp_path) -> None:
        with serving(api_office(tmp_path / "home")) as office:
            guesses = [office.client(f"sohoa_{n}").get("/documents/x").status_code for n in range(40)]
            assert guesses[0] == 401 and guesses[-1] == 429
            assert office.client(office.token()).get("/documents/x").status_code == 404

    def test_a_bucket_fills_evenly_and_forgets_the_oldest(self) -> None:
        moment = [0.0]
        buckets = Buckets(60, 2, clock=lambda: moment[0])
        assert [buckets.take("a"), buckets.take("a")] == [0, 0]
        assert buckets.take("a") == pytest.approx(1.0)
        moment[0] = 0.5
        assert buckets.take("a") == pytest.approx(0.5)
        moment[0] = 1.1
        assert buckets.take("a") == 0
        moment[0] = 1000.0
        assert [buckets.take("a"), buckets.take("a"), buckets.take("a") > 0] == [0, 0, True]


class TestAnswers:
    def test_every_answer_is_safe_to_show(self, office, client) -> None:
        for answer in (client.get("/documents/x"), httpx.get(f"{office.url}/health"), office.client().get("/nothing")):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert "server" not in answer.headers and "access-control-allow-origin" not in answer.headers

    def test_another_site_gets_no_leave(self, office, client) -> None:
        asked = {"Origin": "https://la.example", "Access-Control-Request-Method": "PUT"}
        answer = client.options("/documents/x", headers=asked)
        assert answer.status_code == 405 and "access-control-allow-origin" not in answer.headers

    def test_problems_say_what_to_do_and_never_what_was_sent(self, office, client) -> None:
        number = "079087001234"
        answer = client.post("/search", json={"id_number": [number], "secret": number})
        told = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, told["status"], told["code"]) == (422, 422, "wrong_use")
        assert told["type"] == "urn:sohoa:error:wrong_use" and told["title"] and told["advice"]
        assert {place["where"] for place in told["errors"]} == {"body.id_number", "body.secret"}
        assert number not in answer.text

    def test_a_request_id_goes_through_when_it_is_one(self, office, client) -> None:
        mine = "0f8fad5b-d9cb-469f-a165-70867728950e"
        answer = client.get("/documents/x", headers={"X-Request-ID": mine})
        assert answer.headers["x-request-id"] == mine and answer.json()["instance"] == f"urn:uuid:{mine}"
        forged = client.get("/documents/x", headers={"X-Request-ID": "a\tb"})
        assert len(forged.headers["x-request-id"]) == 36

    def test_versions_of_the_interface_have_their_own_address(self, office, client) -> None:
        with httpx.Client(base_url=office.url, headers=client.headers) as any_version:
            assert any_version.get("/api/v2/documents/x").json()["code"] == "not_found"
            assert any_version.get("/api/v1/documents/x").status_code == 404

    def test_the_description_needs_no_token_and_no_network_of_others(self, office) -> None:
        described = httpx.get(f"{office.url}/api/v1/openapi.json")
        paths = described.json()["paths"]
        four = {
            "/api/v1/documents/import": "post",
            "/api/v1/documents/{code}": "get",
            "/api/v1/documents/download/{code}": "get",
        }
        assert all(method in paths[path] for path, method in four.items()) and "put" in paths["/api/v1/documents/{code}"]
        for operations in paths.values():
            assert all(" / " in operation["summary"] for operation in operations.values())
        assert httpx.get(f"{office.url}/docs").status_code == 401
        assert "cdn" not in described.text

    def test_damage_is_told_and_nothing_damaged_is_handed_out(self, office, client) -> None:
        office.send(client, 80)
        path = f"/documents/download/{quote(described(80)['DocCode'])}"
        assert client.get(path).status_code == 200
        (kept,) = [p for p in (office.settings.home / "store").rglob("*") if p.is_file() and p.read_bytes() == paper(80)]
        kept.chmod(0o600)
        kept.write_bytes(paper(80)[:-1] + b"X")
        refused = client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (500, "object_damaged")
        assert refused.json()["detail"] == "" and "archive/" not in refused.text
        used = client.post(
            f"/documents/{quote(described(80)['DocCode'])}/reuse",
            json={"dossier": "H26.12-260315-0007", "purpose": "x"},
            headers=office.key(),
        )
        assert (used.status_code, used.json()["code"]) == (500, "object_damaged")

    def test_ready_says_when_the_store_is_away(self, tmp_path, monkeypatch) -> None:
        def away(key: str) -> bool:
            raise StoreUnavailable("share is gone")

        with serving(api_office(tmp_path / "home")) as office:
            assert httpx.get(f"{office.url}/ready").json() == {"ready": True, "catalogue": True, "store": True}
            monkeypatch.setattr(office.api.desk.store, "exists", away)
            answer = httpx.get(f"{office.url}/ready")
            assert answer.status_code == 503
            assert answer.json() == {"ready": False, "catalogue": True, "store": False}
            assert httpx.get(f"{office.url}/health").status_code == 200
