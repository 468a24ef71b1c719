"""The REST API over real HTTP, on SQLite and on PostgreSQL: what it does, for whom, and once."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from schemas.people import Actor, Right
from schemas.reuse import Question
from storage.audit import Audit
from storage.catalogue import Catalogue
from storage.people import Tokens
from storage.reuse import Reuses
from storage.search import record_act
from storage.search.validity import Act
from tests.api_server import CODE, OTHER_CODE, ApiOffice, api_office, described, paper, serving
from tests.catalogue_fixtures import fresh_database
from tests.small_papers import decision, png

pytest_plugins = ["catalogue_fixtures"]
DOSSIER = "H26.12-260315-0007"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[ApiOffice]:
    home = tmp_path_factory.mktemp("api") / "home"
    address = ""
    if request.param == "postgresql":
        address = fresh_database(request.getfixturevalue("postgres"), "api_test", "postgres")
    with serving(api_office(home, address)) as made:
        yield made


@pytest.fixture(scope="module")
def client(office: ApiOffice) -> Iterator[httpx.Client]:
    with office.client(office.token()) as opened:
        yield opened


@pytest.fixture(scope="module")
def other(office: ApiOffice) -> Iterator[httpx.Client]:
    """Of another agency."""
    with office.client(office.token(OTHER_CODE)) as opened:
        yield opened


def at(code: str, more: str = "") -> str:
    return f"/documents/{quote(code)}{more}"


def code(number: int, version: int = 1, office: str = CODE) -> str:
    return f"{office}_QĐ_{number:06d}_V{version}"


def put(office: ApiOffice, client: httpx.Client, number: int, etag: str, data=None, key=None, version: int = 1, **facts):
    files = {"file": ("moi.pdf", data, "application/pdf")} if data else {"metadata": (None, json.dumps(facts))}
    fields = {"metadata": json.dumps(facts)} if data else None
    headers = (key or office.key()) | {"If-Match": etag}
    return client.put(at(code(number, version)), files=files, data=fields, headers=headers)


def rows_of(office: ApiOffice, action: str, object: str):
    with Catalogue.open(office.settings.database) as catalogue:
        return Audit(catalogue).rows(object=object, action=action)


class TestImport:
    def test_a_digitised_document_is_recorded_under_its_code_and_given_back(self, office, client) -> None:
        sent = office.send(client, 1, Keyword="bình xét", PageAmount=1, Fields={"so_dinh_danh": "079087001234"})
        assert sent.status_code == 201, sent.text
        assert (sent.json()["state"], sent.json()["DocCode"]) == ("recorded", code(1))
        got = client.get(at(code(1)))
        given = got.json()
        assert {name: given[name] for name in described(1) | {"Keyword": ""}} == described(1) | {"Keyword": "bình xét"}
        assert (given["PageAmount"], given["kind"], given["status"], given["version"]) == (1, "quyet_dinh", "checked", 1)
        assert given["fields"]["so_dinh_danh"] == "079087001234" and given["masked"] is False
        file = client.get(f"/documents/download/{quote(code(1))}", headers={"X-Purpose": "doi%20chieu"})
        assert file.content == paper(1)
        assert file.headers["etag"] == f'"{hashlib.sha256(paper(1)).hexdigest()}"'
        assert file.headers["content-type"] == "application/pdf"

    def test_who_looked_and_who_downloaded_is_in_the_audit(self, office, client) -> None:
        office.send(client, 2)
        document = client.get(at(code(2))).json()["id"]
        client.get(f"/documents/download/{quote(code(2))}", headers={"X-Purpose": quote("đối chiếu")})
        (looked,) = rows_of(office, "looked", document)
        (downloaded,) = rows_of(office, "downloaded", document)
        assert (looked.via, downloaded.via, downloaded.why) == ("api", "api", "đối chiếu")
        assert downloaded.detail["sha256"] == hashlib.sha256(paper(2)).hexdigest()
        assert looked.address == "127.0.0.1" and looked.actor

    def test_the_same_again_under_another_key_is_the_same_document(self, office, client) -> None:
        first, again = office.send(client, 3), office.send(client, 3)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()

    @pytest.mark.parametrize(
        ("change", "status", "problem"),
        [
            ({"Subject": None}, 422, "wrong_use"),
            ({"PageAmount": 2}, 422, "bad_value"),
            ({"DocCode": "H26.12_QĐ_000090_V2"}, 422, "wrong_use"),
            ({"DocCode": "A99_QĐ_000090_V1"}, 422, "wrong_use"),
            ({"Fields": {"ngay_sinh": "31/02/1999"}}, 422, "bad_value"),
            ({"Subject": "có\u0000gì"}, 422, "wrong_use"),
            ({"Unknown": "x"}, 422, "wrong_use"),
            ({"Dossier": "không phải mã"}, 422, "wrong_use"),
        ],
    )
    def test_what_is_described_wrongly_leaves_nothing(self, office, client, change, status, problem) -> None:
        refused = office.send(client, 90, **change)
        assert (refused.status_code, refused.json()["code"]) == (status, problem), refused.text
        assert client.get(at(code(90))).status_code == 404

    def test_a_code_and_a_file_stand_for_one_document(self, office, client) -> None:
        office.send(client, 4)
        other_file = office.send(client, 4, data=paper(1004))
        assert (other_file.status_code, other_file.json()["code"]) == (409, "doc_code_taken")
        other_code = office.send(client, 5, data=paper(4))
        assert (other_code.status_code, other_code.json()["code"]) == (409, "already_digitised")

    def test_a_scan_without_code_waits_to_be_digitised(self, office, client) -> None:
        sent = client.post("/documents/import", files={"file": ("quet.png", png(decision(77)))}, headers=office.key())
        assert sent.status_code == 202, sent.text
        state = client.get(sent.json()["status_url"].removeprefix("/api/v1")).json()
        assert (state["state"], state["documents"], state["refused"]) == ("waiting", [], [])

    def test_a_picture_is_no_digitised_document(self, office, client) -> None:
        sent = office.send(client, 91, data=png(decision(91)))
        assert (sent.status_code, sent.json()["code"]) == (415, "unsupported_file")

    def test_the_same_at_once_under_different_keys_is_one_document(self, office, client) -> None:
        answers = together(lambda n: office.send(client, 7), 4)
        assert {a.status_code for a in answers} == {201}, [a.text for a in answers]
        assert len({a.json()["id"] for a in answers}) == 1
        with Catalogue.open(office.settings.database) as catalogue:
            assert len(catalogue.documents(source=answers[0].json()["sha256"])) == 1

    def test_many_at_once_under_one_code_make_one_document(self, office, client) -> None:
        answers = together(lambda n: office.send(client, 6, data=paper(1006 + n)), 4)
        assert sorted(a.status_code for a in answers) == [201, 409, 409, 409], [a.text for a in answers]


class TestVersions:
    def test_put_makes_v2_and_v1_stays(self, office, client) -> None:
        office.send(client, 10)
        etag = client.get(at(code(10))).headers["etag"]
        done = put(office, client, 10, etag, paper(1010), Subject="Đính chính", Reason="sai trích yếu")
        assert (done.status_code, done.json()["state"], done.json()["DocCode"]) == (200, "corrected", code(10, 2))
        new, old = client.get(at(code(10, 2))), client.get(at(code(10)))
        assert new.headers["etag"] == done.headers["etag"] != etag
        assert (new.json()["version"], new.json()["newest"], new.json()["Subject"]) == (2, 2, "Đính chính")
        assert (old.json()["version"], old.json()["newest"], old.json()["DocCode"]) == (1, 2, code(10))
        assert [v["DocCode"] for v in new.json()["versions"]] == [code(10), code(10, 2)]
        first = client.get(f"/documents/download/{quote(code(10))}")
        second = client.get(f"/documents/download/{quote(code(10, 2))}")
        assert (first.content, first.headers["x-document-state"]) == (paper(10), "superseded")
        assert (second.content, second.headers["x-document-state"]) == (paper(1010), "active")
        assert client.get(at(code(10, 3))).status_code == 404

    def test_metadata_alone_makes_no_version(self, office, client) -> None:
        office.send(client, 11)
        etag = client.get(at(code(11))).headers["etag"]
        done = put(office, client, 11, etag, CodeNumber="12", Description="sửa số")
        assert (done.json()["DocCode"], done.json()["version"]) == (code(11), 1)
        given = client.get(at(code(11))).json()
        assert (given["CodeNumber"], given["CodeNotation"], given["Description"]) == ("12", "QĐ-UBND", "sửa số")
        with Catalogue.open(office.settings.database) as catalogue:
            (change, *_) = [h for h in catalogue.history(given["id"]) if h.field == "so_ky_hieu"]
        assert (change.old_value, change.new_value) == ("11/QĐ-UBND", "12/QĐ-UBND")

    def test_what_somebody_changed_meanwhile_is_not_overwritten(self, office, client) -> None:
        office.send(client, 12)
        etag = client.get(at(code(12))).headers["etag"]
        assert put(office, client, 12, etag, Subject="một").status_code == 200
        late = put(office, client, 12, etag, Subject="hai")
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
        assert client.get(at(code(12))).json()["Subject"] == "một"
        # What is so already is not refused: the first answer may have been lost.
        same = put(office, client, 12, etag, Subject="một")
        assert (same.status_code, same.json()["state"]) == (200, "unchanged")
        assert put(office, client, 12, "*", Subject="ba").status_code == 200

    def test_without_if_match_nothing_is_changed(self, office, client) -> None:
        office.send(client, 13)
        refused = client.put(at(code(13)), files={"metadata": (None, "{}")}, headers=office.key())
        assert (refused.status_code, refused.json()["code"]) == (428, "condition_needed")

    def test_versions_put_at_once_have_no_gap_and_no_double(self, office, client) -> None:
        office.send(client, 14)
        etag = client.get(at(code(14))).headers["etag"]
        answers = together(lambda n: put(office, client, 14, etag, paper(1400 + n)), 4)
        assert sorted(a.status_code for a in answers) == [200, 412, 412, 412], [a.text for a in answers]
        assert client.get(at(code(14, 2))).json()["newest"] == 2


class TestRights:
    def test_without_a_token_nothing_is_told(self, office) -> None:
        for path in ("/documents/x", "/search", "/nothing", "/documents/download/x"):
            asked = office.client().get(path)
            assert (asked.status_code, asked.json()["code"]) == (401, "token_needed")
            assert asked.headers["www-authenticate"].startswith("Bearer")
        assert office.client("sohoa_wrong").get("/documents/x").status_code == 401

    def test_a_revoked_token_ends_at_once(self, office) -> None:
        secret = office.token(name="thu hồi")
        assert office.client(secret).get("/documents/x").status_code == 404
        with Catalogue.open(office.settings.database) as catalogue:
            tokens = Tokens(catalogue)
            token = next(row for row in tokens.list() if row.name == "thu hồi")
            tokens.revoke(token.id, by=Actor.system())
        assert office.client(secret).get("/documents/x").status_code == 401

    @pytest.mark.parametrize(
        ("scope", "allowed"),
        [
            (Right.API_GET, {"get"}),
            (Right.API_PUT, {"put"}),
            (Right.API_DOWNLOAD, set()),  # a PDF cannot be masked: see_personal is needed as well
            (Right.API_IMPORT, {"import"}),
            (Right.SEARCH, {"search", "lookup"}),
            (Right.REUSE, {"reuse"}),
        ],
    )
    def test_a_scope_opens_its_own_door_only(self, office, client, scope, allowed) -> None:
        office.send(client, 20)
        with office.client(office.token(CODE, scope)) as narrow:
            asked = {
                "get": narrow.get(at(code(20))),
                "put": put(office, narrow, 20, "*", Subject="x"),
                "download": narrow.get(f"/documents/download/{quote(code(20))}"),
                "import": office.send(narrow, 20),
                "search": narrow.post("/search", json={"text": "quyet dinh"}),
                "lookup": narrow.post(
                    "/lookup", json={"id_number": "079087001234", "kind": "giay_phep", "dossier": DOSSIER, "purpose": "x"}
                ),
                "reuse": narrow.post(
                    at(code(20), "/reuse"), json={"dossier": DOSSIER, "purpose": "x"}, headers=office.key()
                ),
            }
        opened = {name for name, answer in asked.items() if answer.status_code != 403}
        assert opened == allowed, {name: answer.text for name, answer in asked.items()}

    def test_another_agency_neither_sees_nor_changes_nor_learns(self, office, client, other) -> None:
        office.send(client, 21)
        known, unknown = other.get(at(code(21))), other.get(at(code(999)))
        assert known.status_code == unknown.status_code == 404
        assert known.json()["title"] == unknown.json()["title"]
        assert other.get(f"/documents/download/{quote(code(21))}").status_code == 404
        assert put(office, other, 21, "*", Subject="của tôi").status_code == 404
        reused = other.post(at(code(21), "/reuse"), json={"dossier": DOSSIER, "purpose": "x"}, headers=office.key())
        assert reused.status_code == 404
        assert other.post("/search", json={"code": code(21)}).json()["hits"] == []
        assert office.send(other, 22).status_code == 403, "a code of an agency is sent by that agency"
        assert office.send(other, 23, data=paper(21), office=OTHER_CODE).status_code in (403, 409)
        mine = client.get(at(code(21))).json()["id"]
        assert other.get(f"/documents/{mine}").status_code == 404
        sent = office.send(client, 21).json()["import_id"]
        assert other.get(f"/imports/{sent}").status_code == 404

    def test_personal_data_is_masked_without_the_scope(self, office, client) -> None:
        office.send(client, 24, Fields={"so_dinh_danh": "079087001299", "ho_ten": "Nguyễn Thị Ánh"})
        with office.client(office.token(CODE, Right.API_GET, Right.SEARCH)) as narrow:
            given = narrow.get(at(code(24)))
            hits = narrow.post("/search", json={"code": code(24)})
        assert given.json()["masked"] is True
        assert "079087001299" not in given.text + hits.text
        assert hits.json()["hits"][0]["id"] == given.json()["id"]
        assert "079087001299" in client.get(at(code(24))).text


class TestOnce:
    def test_a_key_gives_the_first_answer_again(self, office, client) -> None:
        key = office.key()
        first, again = office.send(client, 30, key=key), office.send(client, 30, key=key)
        assert first.json() == again.json() and first.status_code == again.status_code == 201
        assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
        assert first.headers["location"] == again.headers["location"]

    def test_a_key_with_other_contents_is_refused(self, office, client) -> None:
        key = office.key()
        office.send(client, 31, key=key)
        refused = office.send(client, 31, key=key, Subject="khác")
        assert (refused.status_code, refused.json()["code"]) == (422, "request_key_reused")
        other_file = office.send(client, 31, data=paper(1031), key=key)
        assert (other_file.status_code, other_file.json()["code"]) == (422, "request_key_reused")

    def test_the_key_of_another_client_is_another_key(self, office, client, other) -> None:
        key = office.key()
        assert office.send(client, 32, key=key).status_code == 201
        assert office.send(other, 32, key=key, data=paper(1032), office=OTHER_CODE).status_code == 201

    def test_a_refused_request_may_be_tried_again_with_its_key(self, office, client) -> None:
        office.send(client, 33)
        etag = client.get(at(code(33))).headers["etag"]
        put(office, client, 33, etag, Subject="một")
        key = office.key()
        assert put(office, client, 33, etag, key=key, Subject="hai").status_code == 412
        assert put(office, client, 33, "*", key=key, Subject="hai").status_code == 200

    def test_many_at_once_with_one_key_have_one_effect(self, office, client) -> None:
        key = office.key()
        answers = together(lambda n: office.send(client, 34, key=key), 6)
        assert {a.status_code for a in answers} == {201}, [a.text for a in answers]
        assert all(a.json() == answers[0].json() for a in answers)
        assert sum("idempotency-replayed" in a.headers for a in answers) == 5
        document = answers[0].json()["id"]
        etag = client.get(at(code(34))).headers["etag"]
        key = office.key()
        answers = together(lambda n: put(office, client, 34, etag, paper(1034), key=key), 6)
        assert {a.status_code for a in answers} == {200}
        assert all(a.json() == answers[0].json() for a in answers)
        assert client.get(f"/documents/{document}").json()["newest"] == 2

    @pytest.mark.parametrize("key", [None, "ngắn", "a b c d e f", "x" * 101])
    def test_a_writing_request_needs_a_key(self, office, client, key) -> None:
        headers = {"Idempotency-Key": key.encode()} if key else {}
        refused = client.post("/documents/import", files={"file": paper(35)}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (422, "wrong_use")


class TestReuse:
    def use(self, office, client, number, purpose="Xác nhận hộ nghèo", dossier=DOSSIER, key=None):
        body = {"dossier": dossier, "purpose": purpose}
        return client.post(at(code(number), "/reuse"), json=body, headers=key or office.key())

    def test_a_reuse_is_written_down_once(self, office, client) -> None:
        office.send(client, 40)
        first, again = self.use(office, client, 40), self.use(office, client, 40, purpose="xac nhan ho ngheo")
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["reuse"] == again.json()["reuse"] and again.json()["new"] is False
        use = first.json()["reuse"]
        assert (use["right"], use["via"], use["dossier"]) == ("reuse", "api", DOSSIER)
        with Catalogue.open(office.settings.database) as catalogue:
            assert len(Reuses(catalogue).of(document=use["document"])) == 1
        assert len(rows_of(office, "reused", use["document"])) == 1

    def test_many_at_once_with_different_keys_write_one_row(self, office, client) -> None:
        office.send(client, 41)
        answers = together(lambda n: self.use(office, client, 41), 6)
        assert sorted(a.status_code for a in answers) == [200] * 5 + [201]

    def test_what_is_not_in_force_is_not_used_and_says_why(self, office, client) -> None:
        document = office.send(client, 42).json()["id"]
        act = Act(state="revoked", why="cấp sai đối tượng", source="QĐ 99/QĐ-UBND")
        with Catalogue.open(office.settings.database) as catalogue:
            record_act(catalogue, document, act, who="lan")
        refused = self.use(office, client, 42)
        assert (refused.status_code, refused.json()["code"]) == (409, "not_reusable")
        assert "cấp sai đối tượng" in refused.json()["detail"]
        assert client.get(at(code(42))).json()["validity"] == "revoked", "it stays findable"
        with Catalogue.open(office.settings.database) as catalogue:
            assert Reuses(catalogue).of(document=document) == []

    @pytest.mark.parametrize("body", [{"dossier": "x", "purpose": "y"}, {"dossier": DOSSIER, "purpose": " "}, {}])
    def test_dossier_and_purpose_are_needed(self, office, client, body) -> None:
        office.send(client, 43)
        refused = client.post(at(code(43), "/reuse"), json=body, headers=office.key())
        assert refused.status_code == 422

    def test_lookup_finds_it_in_the_archive_before_the_citizen_is_asked(self, office, client) -> None:
        office.send(client, 44, Fields={"so_dinh_danh": "079087004444"})
        question = {"id_number": "079087004444", "kind": "quyet_dinh", "dossier": DOSSIER, "purpose": "Trợ cấp"}
        found = client.post("/lookup", json=question).json()
        assert (found["answered_by"], found["ask"]) == ("archive", "")
        assert [s["place"] for s in found["steps"]] == ["national", "archive"]
        nobody = client.post("/lookup", json=question | {"id_number": "079087005555"}).json()
        assert (nobody["answered_by"], nobody["steps"][-1]["outcome"]) == ("citizen", "ask")
        assert "Quyết định" in nobody["ask"]
        assert Question(**question)


class TestSearch:
    def test_pages_follow_each_other_and_none_is_doubled(self, office, client) -> None:
        for number in range(50, 55):
            office.send(client, number, Subject="Về việc trồng cây xanh ven đường")
        seen, cursor = [], None
        while True:
            asked = {"text": "trong cay xanh", "limit": 2} | ({"cursor": cursor} if cursor else {})
            page = client.post("/search", json=asked).json()
            seen += [hit["DocCode"] for hit in page["hits"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert sorted(seen) == [code(n) for n in range(50, 55)]
        assert page["total"] == 5

    def test_a_cursor_of_another_search_is_refused(self, office, client) -> None:
        wrong = client.post("/search", json={"text": "x", "cursor": "abc"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_use")


class TestVerify:
    def test_an_archived_file_is_known_and_not_kept_again(self, office, client) -> None:
        office.send(client, 60)
        verdict = client.post("/verify", files={"file": ("to-khai.pdf", paper(60))}).json()
        assert verdict["known"] is True
        assert (verdict["file"]["file"], verdict["file"]["verdict"]) == ("to-khai.pdf", "indeterminate")
        assert list((office.settings.home / "incoming").iterdir()) == []

    def test_any_bytes_get_a_verdict(self, office, client) -> None:
        verdict = client.post("/verify", files={"file": ("a.pdf", b"%PDF-1.7 nothing")}).json()
        assert verdict["file"]["verdict"] != "valid" and verdict["known"] is False


def test_what_was_refused_is_in_the_audit(office, client, other) -> None:
    """No right, a document or an import of another agency, a token that does not hold: one row each, however often."""
    taken = office.send(client, 61).json()
    document, arrival = taken["id"], taken["import_id"]
    for _ in range(3):
        assert other.get(at(code(61))).status_code == 404
        assert other.get(f"/imports/{arrival}").status_code == 404
    with office.client(office.token(CODE, Right.API_GET)) as weak:
        refused = weak.post("/search", json={"text": "Nguyễn Thị Ánh"})
        assert refused.status_code == 403 and weak.get(f"/documents/download/{quote(code(61))}").status_code == 403
    assert office.send(other, 62).status_code == 403
    with office.client("sohoa_khong-co-token-nay") as stranger:
        assert [stranger.get(at(code(61))).status_code for _ in range(3)] == [401] * 3
    (hidden,) = rows_of(office, "refused", document)
    assert hidden.detail == {"asked": "DocCode", "right": "api_get", "unit": office.units[CODE]}
    assert (hidden.via, hidden.address, bool(hidden.actor)) == ("api", "127.0.0.1", True)
    assert [row.detail["asked"] for row in rows_of(office, "refused", arrival)] == ["import"]
    asked = {(row.detail["asked"], row.detail["right"]) for row in rows_of(office, "refused", "")}
    assert {
        ("POST /search", "search"),
        ("GET /documents/download/{code}", "api_download"),
        ("POST /documents/import", "api_import"),
    } <= asked
    strangers = rows_of(office, "token_refused", "")
    assert strangers and all("sohoa_" not in str(row) for row in strangers)
    with Catalogue.open(office.settings.database) as catalogue:
        assert "Ánh" not in str(Audit(catalogue).rows(action="refused")) and Audit(catalogue).check().whole


def test_what_waited_when_the_server_died_is_digitised_by_the_next(tmp_path) -> None:
    made = api_office(tmp_path / "home")
    with serving(made):
        sent = made.client(made.token()).post(
            "/documents/import", files={"file": ("quet.png", png(decision(78)))}, headers=made.key()
        )
        assert sent.json()["state"] == "waiting"
    with serving(made, reading=True), made.client(made.token()) as client:
        late = time.monotonic() + 60
        while (state := client.get(sent.json()["status_url"].removeprefix("/api/v1")).json())["state"] == "waiting":
            assert time.monotonic() < late
            time.sleep(0.2)
    assert state["state"] == "needs_person" and state["documents"][0]["kind"] == "quyet_dinh"


def together(do, count: int) -> list[httpx.Response]:
    """`do(0)` … `do(count - 1)` at once."""
    answers: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(do(n))) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers
