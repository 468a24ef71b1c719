"""Units through the merger of 1 July 2025, who reaches whose papers, who may manage whom."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from flows import people as door
from flows import people_manage as manage
from flows.people import People
from schemas.errors import NotAllowedNow, NotFound, WrongUse
from schemas.people import WITHOUT_UNIT, Actor, PeopleSettings, Right, Role, Scope, working_as
from schemas.people_errors import NotAllowed
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.people.units import code_forms

pytest_plugins = ["catalogue_fixtures"]
ROOT = Actor.system()
CSV = """code,name,level,parent,valid_from,valid_to,successors
H26,UBND tỉnh Hưng Thịnh,province,,,,
H26.5,UBND huyện An Hoà,district,H26,,,
H26.5.1,UBND xã Đại Đồng,commune,H26.5,,2025-06-30,H26.105
H26.5.2,UBND xã Đại Hoà,commune,H26.5,,2025-06-30,H26.105
H26.105,UBND xã Đại Đồng,commune,H26,2025-07-01,,
H26.106,UBND phường Bình An,commune,H26,2025-07-01,,
,Phòng Kinh tế,part,H26.105,2025-07-01,,
"""


@pytest.fixture
def people(catalogue: Catalogue, tmp_path: Path) -> People:
    quick = PeopleSettings(hash_time=1, hash_kib=1024, hash_lanes=1)
    return People(Settings(home=tmp_path, people=quick), catalogue)


@pytest.fixture
def province(people: People, tmp_path: Path) -> People:
    file = tmp_path / "đơn vị.csv"
    file.write_text("\ufeff" + CSV, "utf-8")
    done = people.units.import_csv(file, by=ROOT)
    assert done.problems == [] and len(done.added) == 7
    return people


def ids(people: People, *codes: str) -> set[str]:
    return {people.units.get(code).id for code in codes}


def clerk(people: People, login: str, unit: str | None, *roles: Role, subtree: bool = True) -> Actor:
    manage.add_user(people, ROOT, f"Cán bộ {login}", login, unit=unit, roles=roles, subtree=subtree)
    return people.users.actor(people.users.get(login).id, via="portal")


def test_the_merger_of_1_july_2025(province: People) -> None:
    units = province.units
    assert units.get("H26.5").valid_to == "2025-06-30", "districts end, also when the file does not say so"
    before = {row.code for row in units.list(on=date(2025, 6, 30))}
    after = {row.code for row in units.list(on=date(2025, 7, 1))}
    assert before == {"H26", "H26.5", "H26.5.1", "H26.5.2"}
    assert after == {"H26", "H26.105", "H26.106", ""}
    assert units.names_of("H26.105") == ["UBND xã Đại Đồng", "UBND xã Đại Hoà"]
    assert units.names_of("H26.5.2") == ["UBND xã Đại Hoà", "UBND xã Đại Đồng"]
    assert "H26.5.1" in units.codes_of("H26.105") and "000.00.105.H26" in units.codes_of("H26.105")
    assert set(units.family_of("H26.105")) == ids(province, "H26.105", "H26.5.1", "H26.5.2")
    assert units.get("H26.5.2").id not in units.family_of("H26.5.1"), "a sister in a merger is nobody's past"


def test_the_same_file_again_changes_nothing(province: People, tmp_path: Path) -> None:
    before = province.units.list()
    again = province.units.import_csv(tmp_path / "đơn vị.csv", by=ROOT)
    assert (again.added, again.closed, again.problems) == ([], [], [])
    assert province.units.list() == before


@pytest.mark.parametrize(
    "line",
    ["H26.9,X,xã,H26,,,", "h 26,X,,,,,", "H26.9,,,,,,", "H26.9,X,,H99,,,", "H26.9,X,,,31/12/2025,,", "H26.105,X,,,,,",
     "H26.9,X,,,2025-07-02,2025-07-01,", "H26.9,X,,,,2025-01-01,H99"],
)  # fmt: skip
def test_a_file_with_one_bad_line_is_not_taken_in(province: People, tmp_path: Path, line: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(
        f"code,name,level,parent,valid_from,valid_to,successors\nH26.8,Xã Tốt,commune,H26,,,\n{line}\n",
        "utf-8",
    )
    done = province.units.import_csv(file, by=ROOT)
    assert len(done.problems) >= 1 and "dòng 3" in done.problems[0] and done.added == []
    assert not province.units.find("Xã Tốt")


def test_files_that_are_no_lists(people: People, tmp_path: Path) -> None:
    for data in (b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"code,name,x\n"):
        file = tmp_path / "x.csv"
        file.write_bytes(data)
        with pytest.raises(WrongUse):
            people.units.import_csv(file, by=ROOT)


def test_units_are_found_by_any_name_and_both_codes(province: People) -> None:
    units = province.units
    assert {row.code for row in units.find("ubnd xa dai dong")} == {"H26.5.1", "H26.105"}
    assert [row.code for row in units.find("UBND XÃ ĐẠI HÒA")] == ["H26.5.2"], "both tone placements"
    assert [row.code for row in units.find("000.00.105.H26")] == ["H26.105"]
    assert [row.code for row in units.find("UBND xã Đại Đồng", on=date(2020, 1, 1))] == ["H26.5.1"]
    with pytest.raises(NotFound):
        units.get("")


@pytest.mark.parametrize(
    ("code", "other"),
    [("H26.12", "000.00.12.H26"), ("000.00.12.H26", "H26.12"), ("H26", "000.00.00.H26"), ("G01.899.108", "000.108.899.G01")],
)  # fmt: skip
def test_both_forms_of_a_code(code: str, other: str) -> None:
    assert code_forms(code) == [code, other]


def test_closing_needs_sense(province: People) -> None:
    units = province.units
    with pytest.raises(NotAllowedNow):
        units.close("H26.5.1", date(2026, 1, 1), by=ROOT)
    with pytest.raises(WrongUse):
        units.close("H26.105", date(2026, 1, 1), successors=["H26.105"], by=ROOT)
    with pytest.raises(WrongUse):  # in a circle
        units.close("H26.105", date(2026, 1, 1), successors=["H26.5.1"], by=ROOT)
    with pytest.raises(WrongUse):
        units.close("H26.106", date(2024, 1, 1), by=ROOT)
    with pytest.raises(NotAllowedNow):
        units.add("Trùng mã", code="H26.105", by=ROOT)
    assert units.get("H26.105").valid_to is None


def test_a_role_reaches_the_units_below_and_what_they_took_over(province: People) -> None:
    units = province.units
    whole = units.reach("H26")
    assert {row.id for row in units.list()} | {WITHOUT_UNIT} == whole
    commune = units.reach("H26.105")
    assert ids(province, "H26.105", "H26.5.1", "H26.5.2") < commune and WITHOUT_UNIT not in commune
    assert units.reach("H26.105", subtree=False) == frozenset(ids(province, "H26.105", "H26.5.1", "H26.5.2"))
    assert not ids(province, "H26.105") & units.reach("H26.5.1"), "the past does not reach the present"


def batch_of(people: People, actor: Actor) -> str:
    with working_as(actor):
        return people.catalogue.start_batch("lô", who=actor.who).id


def test_papers_belong_to_the_unit_that_took_them_in(province: People) -> None:
    here = clerk(province, "lan", "H26.105", Role.SCANNER, Role.CHECKER)
    old = clerk(province, "cu", "H26.5.1", Role.SCANNER)
    there = clerk(province, "binh", "H26.106", Role.SCANNER, Role.CHECKER)
    batch, inherited = batch_of(province, here), batch_of(province, old)
    assert door.unit_of(province.catalogue, batch) == (here.unit, here.id)
    door.require_document(province.catalogue, here, Right.CHECK, batch)
    door.require_document(province.catalogue, here, Right.CHECK, inherited)
    for foreign in (batch, inherited):
        with pytest.raises(NotAllowed):
            door.require_document(province.catalogue, there, Right.CHECK, foreign)
    assert not there.may(Right.CHECK, WITHOUT_UNIT), (
        "papers from before units were kept are the topmost unit's"
    )
    assert door.scope(here).units >= {here.unit, old.unit} and there.unit not in door.scope(here).units


def test_an_outsourced_operator_sees_their_own_batches_and_nothing_else(province: People) -> None:
    operator = clerk(province, "thue", "H26.105", Role.OPERATOR)
    own, foreign = (
        batch_of(province, operator),
        batch_of(province, clerk(province, "lan", "H26.105", Role.SCANNER)),
    )
    door.require_document(province.catalogue, operator, Right.SCAN, own)
    door.require_document(province.catalogue, operator, Right.SEARCH, own)
    with pytest.raises(NotAllowed):
        door.require_document(province.catalogue, operator, Right.SEARCH, foreign)
    for right in set(Right) - {Right.SCAN}:
        with pytest.raises(NotAllowed):
            door.require(operator, right)
    assert door.scope(operator) == Scope(None, operator.id)
    for right in (Right.CHECK, Right.EXPORT, Right.REGISTER):
        with pytest.raises(NotAllowed):
            door.require_document(province.catalogue, operator, right, own)


def test_own_unit_only(province: People) -> None:
    narrow = clerk(province, "hep", "H26", Role.CHECKER, subtree=False)
    wide = clerk(province, "rong", "H26", Role.CHECKER)
    commune = province.units.get("H26.105").id
    assert wide.may(Right.CHECK, commune) and not narrow.may(Right.CHECK, commune)
    assert narrow.may(Right.CHECK, province.units.get("H26").id)


def test_nobody_hands_out_more_than_they_have(province: People) -> None:
    """An administrator of a commune against the province, users who reach further, and themselves."""
    top = clerk(province, "tinh", "H26", Role.ADMINISTRATOR)
    local = clerk(province, "xa", "H26.105", Role.ADMINISTRATOR)
    everywhere = clerk(province, "goc", None, Role.ADMINISTRATOR)
    attempts = (
        lambda: manage.give_role(province, local, "xa", Role.ADMINISTRATOR),
        lambda: manage.give_role(province, local, "xa", Role.ADMINISTRATOR, unit="H26"),
        lambda: manage.give_role(province, local, "xa", Role.REGISTRAR, unit="H26.106"),
        lambda: manage.set_password(province, local, "tinh", "bảy chiếc thuyền thúng"),
        lambda: manage.take_role(province, local, "tinh", Role.ADMINISTRATOR, unit="H26"),
        lambda: manage.add_user(province, local, "Ma", "ma", unit="H26", roles=[Role.CHECKER]),
        lambda: manage.add_user(province, local, "Ma", "ma2"),
        lambda: manage.add_unit(province, local, "Xã Ma"),
        lambda: manage.close_unit(province, local, "H26.106", date(2026, 12, 31), ["H26.105"]),
        lambda: manage.import_units(province, top, Path("x.csv")),
        lambda: manage.issue_token(province, local, "ma", [Right.API_GET], owner="tinh"),
        lambda: manage.issue_token(province, local, "ma", [Right.API_GET], unit="H26"),
        lambda: manage.give_role(province, top, "goc", Role.SCANNER, unit="H26"),
        lambda: manage.set_password(
            province, clerk(province, "lan", "H26", Role.CHECKER), "xa", "bảy chiếc thuyền"
        ),
    )
    for attempt in attempts:
        with pytest.raises(NotAllowed):
            attempt()
    manage.give_role(province, local, "xa", Role.CHECKER, unit="H26.105")
    manage.give_role(province, top, "xa", Role.CHECKER, unit="H26.106")
    manage.set_password(province, everywhere, "tinh", "bảy chiếc thuyền thúng")
    assert not province.units.find("Xã Ma")


def test_a_token_of_a_commune_sees_the_commune(province: People) -> None:
    owner = clerk(province, "api", "H26", Role.API_CLIENT)
    issued = manage.issue_token(
        province, clerk(province, "tinh", "H26", Role.ADMINISTRATOR), "một cửa", [Right.API_GET], unit="H26.105",
        owner=owner.login,
    )  # fmt: skip
    actor = door.token_actor(province, issued.secret)
    assert actor.may(Right.API_GET, province.units.get("H26.5.1").id), "what the commune took over"
    assert not actor.may(Right.API_GET, province.units.get("H26.106").id)
    assert not actor.may(Right.API_GET, WITHOUT_UNIT)
    assert door.scope(actor, Right.API_GET).units == province.units.reach("H26.105")
