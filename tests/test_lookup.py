"""Data before papers: national database, archive, citizen; every answer and every outage is kept. On SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from flows.lookup import lookup
from flows.lookup_national import SIMULATOR_FILE, HttpNational, national_of
from flows.review import Desk
from schemas.api_settings import ReuseSettings
from schemas.errors import BadSettings
from schemas.people import Actor, Grant, Right
from schemas.people_errors import NotAllowed
from schemas.reuse import LookupOutcome, LookupPlace, Question
from schemas.settings import Settings
from schemas.signing import SigningSettings
from storage.audit import Audit
from storage.catalogue import Catalogue
from storage.objects import open_store
from storage.reuse.tables import lookups
from storage.search import Act, record_act
from tests.made_catalogue import field, paper, recorded
from tests.national_simulator import NationalSimulator

pytest_plugins = ["catalogue_fixtures"]
NUMBER = "079087001234"
BIRTH = Question(id_number=NUMBER, kind="giay_khai_sinh", dossier="H26.12-260315-0007", purpose="Xác nhận cư trú")


@pytest.fixture
def desk(catalogue: Catalogue, tmp_path) -> Iterator[Desk]:
    store = open_store((tmp_path / "store").as_uri())
    yield Desk(Settings(home=tmp_path), catalogue, store)
    store.close()


@pytest.fixture
def national() -> Iterator[NationalSimulator]:
    with NationalSimulator(token="bi-mat") as server:
        yield server


def connected(server: NationalSimulator, **more) -> HttpNational:
    return HttpNational(ReuseSettings(national_url=server.url, national_token="bi-mat", **more))


def held(catalogue: Catalogue, number: str = NUMBER, kind: str = "giay_khai_sinh", **more):
    fields = {"so_dinh_danh": field(number), "ho_ten": field("Nguyễn Thị Ánh")}
    (row,) = recorded(catalogue, paper([1], archive="archive/a/V1.pdf", type=kind, fields=fields, **more))
    return row


OFFICIAL = Actor.local("Lan")


def steps(found) -> list[tuple[LookupPlace, LookupOutcome]]:
    return [(step.place, step.outcome) for step in found.steps]


def test_the_national_database_answers_first(desk, national) -> None:
    held(desk.catalogue)
    national.entries[NUMBER, "giay_khai_sinh"] = {"ho_ten": "NGUYỄN THỊ ÁNH", "ngay_sinh": "1987-02-03"}
    found = lookup(desk, OFFICIAL, BIRTH, national=connected(national))
    assert steps(found) == [(LookupPlace.NATIONAL, LookupOutcome.FOUND)]
    assert found.national.data["ngay_sinh"] == "1987-02-03" and not found.simulated and found.ask == ""
    (asked,) = national.asked
    assert (asked["dossier"], asked["purpose"], asked["request"]) == (BIRTH.dossier, BIRTH.purpose, found.id)


def test_then_the_archive_where_only_what_may_be_used_answers(desk, national) -> None:
    row = held(desk.catalogue)
    found = lookup(desk, OFFICIAL, BIRTH, national=connected(national))
    assert steps(found) == [
        (LookupPlace.NATIONAL, LookupOutcome.NOT_FOUND),
        (LookupPlace.ARCHIVE, LookupOutcome.FOUND),
    ]
    assert [a.document for a in found.archive] == [row.id] and found.archive[0].usable
    record_act(desk.catalogue, row.id, Act("revoked", "cấp sai", "QĐ 9/QĐ-UBND"), who="lan")
    after = lookup(desk, OFFICIAL, BIRTH, national=connected(national))
    assert after.answered_by is LookupPlace.CITIZEN
    assert steps(after)[1] == (LookupPlace.ARCHIVE, LookupOutcome.UNUSABLE) and "cấp sai" in after.archive[0].reason


def test_the_citizen_is_asked_last_and_told_why(desk, national) -> None:
    held(desk.catalogue, number="079087009999")
    found = lookup(desk, OFFICIAL, BIRTH, national=connected(national))
    assert [place for place, _ in steps(found)] == [LookupPlace.NATIONAL, LookupPlace.ARCHIVE, LookupPlace.CITIZEN]
    assert "Giấy khai sinh" in found.ask and "66.7/2025" in found.ask and found.archive == ()


@pytest.mark.parametrize("fault", [500, 503, 404, "silence", "slow", "html", "large"])
def test_an_outage_is_told_and_the_archive_asked(desk, national, fault) -> None:
    row = held(desk.catalogue)
    national.entries[NUMBER, "giay_khai_sinh"] = {"ho_ten": "x"}
    national.answers.append(fault)
    found = lookup(desk, OFFICIAL, BIRTH, national=connected(national, seconds=0.5))
    assert steps(found) == [
        (LookupPlace.NATIONAL, LookupOutcome.UNAVAILABLE),
        (LookupPlace.ARCHIVE, LookupOutcome.FOUND),
    ]
    assert found.archive[0].document == row.id


def test_in_an_outage_the_citizen_is_not_sent_home_lightly(desk, national) -> None:
    national.answers.append(503)
    found = lookup(desk, OFFICIAL, BIRTH, national=connected(national))
    assert "gián đoạn" in found.ask


def test_a_wrong_token_is_an_outage_for_the_clerk(desk, national) -> None:
    wrong = HttpNational(ReuseSettings(national_url=national.url, national_token="sai"))
    found = lookup(desk, OFFICIAL, BIRTH, national=wrong)
    assert steps(found)[0] == (LookupPlace.NATIONAL, LookupOutcome.UNAVAILABLE)


def test_the_simulator_says_so_in_every_answer(desk) -> None:
    entries = [{"id_number": NUMBER, "kind": "giay_khai_sinh", "data": {"ho_ten": "NGƯỜI MẪU"}}]
    (desk.settings.home / SIMULATOR_FILE).write_text(json.dumps(entries), "utf-8")
    found = lookup(desk, OFFICIAL, BIRTH)
    assert found.simulated and found.national.simulated and found.steps[0].simulated
    assert "MÔ PHỎNG" in found.steps[0].source and "MÔ PHỎNG" in found.steps[0].detail
    nothing = lookup(desk, OFFICIAL, BIRTH.model_copy(update={"id_number": "079087000000"}))
    assert nothing.steps[0].simulated and "MÔ PHỎNG" in nothing.steps[0].detail
    (desk.settings.home / SIMULATOR_FILE).write_text("[{]", "utf-8")
    assert lookup(desk, OFFICIAL, BIRTH).steps[0].outcome is LookupOutcome.UNAVAILABLE


def test_production_has_no_simulator_and_personal_data_goes_by_https(tmp_path) -> None:
    assert national_of(Settings(home=tmp_path, signing=SigningSettings(production=True))) is None
    with pytest.raises(BadSettings):
        HttpNational(ReuseSettings(national_url="http://csdl.example.vn"))


def test_without_a_database_for_a_kind_the_archive_is_next(desk, national) -> None:
    found = lookup(desk, OFFICIAL, BIRTH.model_copy(update={"kind": "giay_phep"}), national=connected(national))
    assert steps(found)[0] == (LookupPlace.NATIONAL, LookupOutcome.NOT_CONNECTED) and national.asked == []


def test_what_was_asked_and_answered_is_kept_and_the_number_stands_in_no_log(desk, national) -> None:
    row = held(desk.catalogue)
    found = lookup(desk, OFFICIAL, BIRTH, national=connected(national))
    with desk.catalogue.read() as connection:
        (kept,) = connection.execute(sa.select(lookups)).mappings().all()
    assert (kept["id"], kept["id_number"], kept["answered_by"]) == (found.id, NUMBER, "archive")
    assert [step["outcome"] for step in kept["steps"]] == ["not_found", "found"] and kept["documents"] == [row.id]
    log = Audit(desk.catalogue).rows(limit=100)
    assert {"looked_up", "looked"} <= {entry.action for entry in log}
    assert NUMBER not in repr(log) + repr(desk.catalogue.events())


def test_who_need_not_see_personal_data_gets_it_masked_and_others_nothing(desk, national) -> None:
    held(desk.catalogue)
    searcher = replace(OFFICIAL, grants=(Grant(frozenset({Right.SEARCH}), None),))
    assert NUMBER not in lookup(desk, searcher, BIRTH, national=connected(national)).to_json()
    national.entries[NUMBER, "giay_khai_sinh"] = {"so_dinh_danh": NUMBER}
    assert NUMBER not in lookup(desk, searcher, BIRTH, national=connected(national)).to_json()
    elsewhere = replace(OFFICIAL, grants=(Grant(frozenset({Right.SEARCH}), frozenset({"U-KHAC"})),))
    national.entries.clear()
    assert lookup(desk, elsewhere, BIRTH, national=connected(national)).archive == ()
    with pytest.raises(NotAllowed):
        lookup(desk, replace(OFFICIAL, grants=()), BIRTH, national=connected(national))
