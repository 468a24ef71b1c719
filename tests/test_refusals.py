"""Refused rights are in the audit chain, once and not a thousand times, and a refusal stays one whatever becomes of its row."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made_catalogue import waiting
from people_office import ROOT, lan

from cli.home import make_home
from cli.main import main
from flows import people as door
from flows import refusals
from flows.people import People
from schemas.errors import CatalogueUnavailable
from schemas.people import Actor, Right, Role, _acting, working_as
from schemas.people_errors import NotAllowed
from schemas.settings import load_settings
from storage.audit import Audit, AuditRow
from storage.audit import log as audit_log

pytest_plugins = ["catalogue_fixtures", "people_fixtures"]


@pytest.fixture(autouse=True)
def nobody_acting():
    token = _acting.set(None)
    yield
    _acting.reset(token)


def operator(people: People, login: str = "lan") -> Actor:
    if people.users.count() == 0:
        people.users.add("Người quản trị", "quan-tri", by=ROOT)
    user = lan(people, Role.OPERATOR) if login == "lan" else people.users.add(login, login, by=ROOT).id
    return people.users.actor(user, via="portal", address="10.0.0.7")


def told(people: People, action: str = refusals.REFUSED) -> list[AuditRow]:
    return people.audit.rows(action=action, limit=None)


def refuse(people: People, actor: Actor, right: Right = Right.CERTIFY, unit: str | None = None, asked: str = "x") -> bool:
    with pytest.raises(NotAllowed) as error:
        door.require(actor, right, unit)
    return refusals.refused(people.catalogue, actor, error.value, asked)


def test_who_wanted_what_of_which_record_and_unit(people):
    actor = operator(people)
    with working_as(Actor.system()):
        record = waiting(people.catalogue).id
    with pytest.raises(NotAllowed) as error:
        door.require_document(people.catalogue, actor, Right.SEE_PERSONAL, record)
    same = pickle.loads(pickle.dumps(error.value))
    assert (same.detail, same.unit, same.object) == ("see_personal", "", record)
    assert refusals.refused(people.catalogue, actor, same, "sohoa get")
    (row,) = told(people)
    assert (row.who, row.actor, row.via, row.address, row.object) == ("lan", actor.id, "portal", "10.0.0.7", record)
    assert row.detail == {"asked": "sohoa get", "right": "see_personal", "unit": ""}
    assert people.audit.check().whole


def test_the_same_within_a_minute_is_one_row(people, monkeypatch):
    actor, other = operator(people), operator(people, "binh")
    assert refuse(people, actor) and not refuse(people, actor)
    with ThreadPoolExecutor(4) as pool:
        assert not any(pool.map(lambda _: refuse(people, actor), range(8)))
        assert sum(pool.map(lambda _: refuse(people, other), range(8))) == 1
    assert refuse(people, actor, Right.REGISTER) and refuse(people, actor, unit="U-1") and refuse(people, actor, asked="y")
    assert len(told(people)) == 5
    monkeypatch.setattr(refusals, "WITHIN", refusals.WITHIN * 0)
    assert refuse(people, actor), "a minute later it is written again"


def test_nobody_fills_the_chain_by_asking(people, monkeypatch):
    monkeypatch.setattr(refusals, "MOST", 5)
    actor = operator(people)
    written = [refuse(people, actor, asked=f"sohoa {number}") for number in range(20)]
    assert written == [True] * 5 + [False] * 15
    assert [row.detail.get("and_more", False) for row in told(people)] == [True] + [False] * 4
    assert refuse(people, operator(people, "binh")), "what one does hides nobody else"


@pytest.mark.parametrize("fault", [CatalogueUnavailable("locked"), OSError(28, "full")])
def test_a_refusal_stays_one_when_it_cannot_be_written_down(quick, monkeypatch, fault):
    def broken(*_, **__):
        raise fault

    actor = operator(quick)
    monkeypatch.setattr(audit_log.Audit, "add", broken)
    assert refuse(quick, actor) is False


def test_a_token_that_does_not_hold(people):
    assert refusals.token_refused(people.catalogue, "10.0.0.9", "API")
    assert not refusals.token_refused(people.catalogue, "10.0.0.9", "API")
    assert refusals.token_refused(people.catalogue, "10.0.0.10", "API")
    assert [(r.who, r.actor, r.via, r.address) for r in told(people, refusals.TOKEN_REFUSED)] == [
        ("", "", "api", "10.0.0.10"), ("", "", "api", "10.0.0.9"),
    ]  # fmt: skip


def test_at_the_command(url: str, tmp_path: Path, monkeypatch, capsys):
    """A login that belongs to nobody, a name that is another's, a right that the role has not got: each is told, nothing of what
    was typed is kept."""
    monkeypatch.setenv("SOHOA_CATALOGUE_URL", url)
    monkeypatch.setenv("SOHOA_PEOPLE__HASH_KIB", "1024")
    home = tmp_path / "sohoa-data"
    make_home(home)

    def run(*arguments: str, code: int = 3) -> str:
        _acting.set(None)  # each command is a process of its own
        with pytest.raises(SystemExit) as left:
            main(["--home", str(home), *arguments])
        said = capsys.readouterr()
        assert left.value.code == code, said.err
        return said.err

    certify = ("--requester", "Nguyễn Thị Ánh", "--original", "Giấy khai sinh", "--answers", "kkkkkk", "--all-pages", "--compared")
    with door.open_people(load_settings(home)) as people:
        people.users.add("Người quản trị", "quan-tri", by=ROOT)
        assert "not_allowed" in run("find", "Nguyễn Thị Ánh")
        me = people.users.add("Trần Văn Bình", door.os_login(), by=ROOT)
        people.users.give_role(me.id, Role.OPERATOR, by=ROOT)
        for _ in range(2):
            assert "not_allowed" in run("copy", "certify", "079090001234.png", "--pages", "1", *certify)
        run("user", "add", "Ai Đó", "--login", "ai-do")
        run("backup", "--to", str(tmp_path / "sao-luu"), "--user", "binh")
        rows = told(people)[::-1]
        assert [(r.actor, r.detail["asked"], r.detail["right"]) for r in rows] == [
            ("", "sohoa find", ""),
            (me.id, "sohoa copy certify", "certify"),
            (me.id, "sohoa user add", "manage_users"),
            ("", "sohoa backup", ""),
        ]
        assert {(r.who, r.via) for r in rows} == {(door.os_login(), "cli")}
        written = json.dumps([r.detail for r in rows])
        assert all(typed not in written for typed in ("Ánh", "0790", "Ai Đó", "binh"))
        assert Audit(people.catalogue).check().whole


def test_settings_that_cannot_be_read_do_not_hide_the_refusal(tmp_path):
    (tmp_path / "sohoa.toml").write_text("[people]\nkhông = 1\n", "utf-8")
    assert refusals.refused_here(tmp_path, None, NotAllowed("certify"), "sohoa copy") is False
    assert refusals.refused_here(tmp_path / "không-có", None, NotAllowed("certify"), "sohoa copy") is False
