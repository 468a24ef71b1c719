"""The plan by sector, totals against their parts, units that were merged or divided, lists that come again whole, rights of a
manager, the Kho, reports as filed documents; killed in between, two at once. On SQLite and PostgreSQL where it differs."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from flows.fixity import Archive
from flows.plan import Plan
from flows.plan_figures import figures, period_of
from flows.plan_match import decide, doubts, match
from flows.plan_missing import facts_of
from flows.plan_totals import approve, enter_total, import_totals, set_target
from flows.report import again, fetch, make_report, visible
from flows.report_tables import sections
from flows.retention import sweep
from flows.synchronise import synchronise
from schemas.document import DocumentStatus
from schemas.errors import DeliveryUnavailable, NotAllowedNow, NotFound, ObjectDamaged, WrongUse
from schemas.people import Actor, Grant, Right, working_as
from schemas.people_errors import NotAllowed
from schemas.plan import ListKind, Severity
from schemas.plan_errors import ListRefused
from schemas.settings import Settings
from schemas.zone import VIETNAM
from storage.catalogue import tables as c
from storage.objects import open_store
from storage.people import Units
from storage.plan.lists import PlanLists
from storage.plan.progress import PlanTotals
from storage.plan.reports import PlanReports
from tests.made_catalogue import CODING, field, paper, recorded
from tests.plan_office import YEAR, by_sector, listed, opened, row, scanned

pytest_plugins = ["catalogue_fixtures", "plan_office"]

# --- sectors and totals ----------------------------------------------------------------------------------------------
def test_two_sectors_share_one_kind(plan: Plan, tmp_path):
    scanned(plan, 1, 2, 3, 99)
    plan.import_list(listed(tmp_path, row(1), row(2, "HỘ TỊCH"), row(3, "hộ tịch"), row(4, "Hộ tịch")), ListKind.RESULTS)
    assert match(plan, ListKind.RESULTS) == (3, 0)
    # 99 is in no list: nothing tells its sector.
    assert by_sector(plan, "digitised") == {"HỘ TỊCH": 2, "Đất đai": 1, "": 1}
    assert by_sector(plan, "in_force") == {"HỘ TỊCH": 3, "Đất đai": 1, "": None}
    assert by_sector(plan, "missing") == {"HỘ TỊCH": 1, "Đất đai": 0, "": None}
    assert sum(line.digitised for line in plan.lines(YEAR)) == 4
    made = figures(plan, period_of("2026"))
    assert [(x.kind, x.wanted) for x in made.forecasts] == [("quyet_dinh", 4)]


def test_totals_are_not_smaller_than_their_parts(plan: Plan, tmp_path):
    scanned(plan, 1, 2, 3)
    plan.import_list(listed(tmp_path, *(row(n) for n in range(1, 6))), ListKind.RESULTS)
    given = {"kind": "quyet_dinh", "unit": None, "year": YEAR}
    with pytest.raises(WrongUse, match="dòng của danh sách 5"):
        enter_total(plan, 4, sector="", **given)
    enter_total(plan, 60, sector="Đất đai", **given)
    enter_total(plan, 50, sector="Hộ tịch", **given)
    with pytest.raises(WrongUse, match="tổng các lĩnh vực 110"):
        enter_total(plan, 100, sector="", **given)
    enter_total(plan, 120, sector="", **given)
    with pytest.raises(WrongUse, match="lớn hơn tổng số chung 120"):
        enter_total(plan, 80, sector="ĐẤT ĐAI", **given)
    assert approve(Plan(plan.settings, plan.catalogue, plan.store, "minh"), YEAR) == 3
    # The whole is no fourth part.
    assert by_sector(plan, "in_force") == {"Đất đai": 60, "Hộ tịch": 50, "": 10}


def test_a_total_that_was_overtaken_is_not_approved(small: Plan):
    enter_total(small, 2, kind="quyet_dinh", sector="", unit=None, year=YEAR)
    scanned(small, 1, 2, 3)
    with pytest.raises(WrongUse, match="nhỏ hơn số đã số hoá 3"):
        approve(Plan(small.settings, small.catalogue, small.store, "minh"), YEAR)


def test_a_list_larger_than_its_approved_total_is_told(small: Plan, tmp_path):
    PlanTotals(small.catalogue).enter(date.today().year, "H26.12.5", "", "quyet_dinh", 1, source="entered", who="a")
    PlanTotals(small.catalogue).approve(date.today().year, who="b")
    taken = small.import_list(listed(tmp_path, row(1), row(2)), ListKind.RESULTS)
    assert [f.code for f in taken.findings] == ["total_smaller"]
    assert any("danh sách có 2" in note for note in figures(small, period_of(str(date.today().year))).notes)


def test_totals_from_a_file(plan: Plan, tmp_path):
    path = tmp_path / "tong.csv"
    path.write_text("TỔNG SỐ KẾT QUẢ\nCơ quan,Lĩnh vực,Loại kết quả,Tổng số\nH26.12.5,Hộ tịch,Giấy khai sinh,1.234\n,Đất đai,quyet dinh,56\nTổng cộng,,,1290\n", "utf-8")  # fmt: skip
    taken = import_totals(plan, path, year=YEAR)
    assert (taken.rows, taken.kind) == (2, "totals")
    assert plan.lines(YEAR) == []
    assert approve(Plan(plan.settings, plan.catalogue, plan.store, "minh"), YEAR) == 2
    assert [(x.kind, x.sector, x.in_force) for x in plan.lines(YEAR)] == [
        ("giay_khai_sinh", "Hộ tịch", 1234), ("quyet_dinh", "Đất đai", 56),
    ]  # fmt: skip
    (total, _) = PlanTotals(plan.catalogue).totals(YEAR, datetime.now(UTC))
    assert total.source == taken.id


def test_wrong_totals_in_a_file_are_told_and_none_goes_in(small: Plan, tmp_path):
    scanned(small, 1, 2)
    path = tmp_path / "tong.csv"
    path.write_text("Cơ quan,Lĩnh vực,Loại kết quả,Tổng số\nH26.12.5,,Giấy lạ,5\n?,,Giấy khai sinh,5\n,,Giấy khai sinh,năm\n,,Giấy khai sinh,\"1,5\"\n,,Quyết định,1\n,A,Giấy phép xây dựng,5\n,A,Giấy phép xây dựng,6\n", "utf-8")  # fmt: skip
    with pytest.raises(ListRefused) as refused:
        import_totals(small, path, year=YEAR)
    assert [(f.code, f.row, f.column) for f in refused.value.findings] == [
        ("kind_unknown", 2, "Loại kết quả"), ("unit_unknown", 3, "Cơ quan"), ("count_unreadable", 4, "Tổng số"),
        ("count_unreadable", 5, "Tổng số"), ("total_smaller", 6, "Tổng số"), ("counted_twice", 8, "Loại kết quả"),
    ]  # fmt: skip
    assert PlanTotals(small.catalogue).totals(YEAR, datetime.now(UTC), waiting=True) == []


# --- terms while the period runs -------------------------------------------------------------------------------------
def test_a_term_in_the_running_quarter_is_judged_today(small: Plan, tmp_path):
    today = datetime.now(VIETNAM).date()
    quarter = period_of(f"{today.year}Q{(today.month + 2) // 3}")
    path = tmp_path / "hs.csv"
    days = {1: today - timedelta(1), 2: today, 3: today + timedelta(2), 4: today + timedelta(40)}
    code, received = f"H26.12.5-{today - timedelta(3):%y%m%d}-000", f"{today - timedelta(3):%d/%m/%Y}"
    path.write_text("Mã hồ sơ,Ngày tiếp nhận,Hạn trả\n" + "".join(f"{code}{n},{received},{day:%d/%m/%Y}\n" for n, day in days.items()))
    small.import_list(path, ListKind.DOSSIERS)
    (one, _) = figures(small, quarter).dossiers
    assert (one.in_progress_late, one.in_progress_in_time, one.nearly_late) == (1, 3, 2)


# --- units -----------------------------------------------------------------------------------------------------------
def test_a_commune_and_the_one_it_was_merged_into_bear_one_name(catalogue, tmp_path):
    units, me = Units(catalogue), Actor.system()
    new = units.add("UBND xã An Bình", code="H26.77", level="commune", valid_from=date(2025, 7, 1), by=me)
    for code in ("H26.12.5", "H26.12.6"):
        name = "UBND xã An Bình" if code.endswith("5") else "UBND xã Khác"
        old = units.add(name, code=code, level="commune", by=me)
        units.close(old.id, date(2025, 6, 30), successors=[new.id], by=me)
    (plan,) = opened(catalogue, tmp_path, "H26.77")
    with closing(open_store(plan.settings.store)) as store:
        plan = Plan(plan.settings, catalogue, store, "lan")
        path = tmp_path / "hs.csv"
        path.write_text("Mã hồ sơ,Ngày tiếp nhận,Cơ quan\n000.06.12.H26-220405-0001,05/04/2022,UBND xã An Bình\nH26.77-260405-0001,05/04/2026,UBND xã An Bình\n000.06.12.H26-220405-0002,05/04/2022,000.06.12.H26\n")  # fmt: skip
        plan.import_list(path, ListKind.DOSSIERS)
        assert [one.case.unit for one in PlanLists(catalogue).cases()] == ["H26.12.5", "H26.77", "H26.12.6"]
        totals = PlanTotals(catalogue)
        for code, count in (("H26.12.5", 40), ("H26.12.6", 60), ("H26.77", 5)):
            totals.enter(YEAR, code, "", "quyet_dinh", count, source="entered", who="a")
        totals.approve(YEAR, who="b")
        assert [(x.unit, x.in_force) for x in plan.lines(YEAR)] == [("H26.77", 105)]


def test_a_divided_district_keeps_its_line_and_says_so(small: Plan, tmp_path):
    units, me = Units(small.catalogue), Actor.system()
    heirs = [units.add(f"UBND xã {n}", code=f"H26.8{n}", level="commune", by=me).id for n in (1, 2)]
    old = units.add("UBND huyện Cũ", code="H26.12", level="district", by=me)
    PlanTotals(small.catalogue).enter(YEAR, "H26.12", "", "quyet_dinh", 9, source="entered", who="a")
    PlanTotals(small.catalogue).approve(YEAR, who="b")
    before = make_report(small, period_of("2026"), formats=["csv"])
    units.close(old.id, date(2025, 6, 30), successors=heirs, by=me)
    made = figures(Plan(small.settings, small.catalogue, small.store, "lan"), period_of("2026"))
    assert [line.unit for line in made.plan] == ["H26.12"]
    assert any("UBND xã 1, UBND xã 2" in note for note in made.notes)
    now = Plan(small.settings, small.catalogue, small.store, "lan")
    assert again(now, before.row)[1]
    path = tmp_path / "a.csv"
    path.write_text("Mã hồ sơ,Ngày tiếp nhận,Cơ quan\nH26.12-250805-0001,05/08/2025,H26.12\n", "utf-8")
    with pytest.raises(ListRefused) as refused:
        now.import_list(path, ListKind.DOSSIERS)
    (finding,) = refused.value.findings
    assert finding.code == "unit_abolished" and "UBND xã 1 (H26.81), UBND xã 2 (H26.82)" in finding.vi


def test_the_end_of_a_unit_entered_later_does_not_change_an_earlier_report(small: Plan):
    units, me = Units(small.catalogue), Actor.system()
    heir = units.add("UBND xã Mới", code="H26.77", level="commune", by=me)
    old = units.add("UBND huyện Cũ", code="H26.12", level="district", by=me)
    PlanTotals(small.catalogue).enter(YEAR, "H26.12", "", "quyet_dinh", 9, source="entered", who="a")
    PlanTotals(small.catalogue).approve(YEAR, who="b")
    before = make_report(small, period_of("2026"), formats=["csv"])
    units.close(old.id, date(2025, 6, 30), successors=[heir.id], by=me)
    later = Plan(small.settings, small.catalogue, small.store, "lan")
    assert [line.unit for line in later.lines(YEAR)] == ["H26.77"]
    assert again(later, before.row)[1]


def test_an_office_without_a_code(catalogue, tmp_path):
    with closing(open_store(Settings(home=tmp_path / "nhà").store)) as store:
        plan = Plan(Settings(home=tmp_path / "nhà"), catalogue, store, "lan")
        scanned(plan, 1)
        with pytest.raises(ListRefused) as refused:
            plan.import_list(listed(tmp_path, row(1, unit="")), ListKind.RESULTS)
        assert [f.code for f in refused.value.findings] == ["unit_missing"]
        plan.import_list(listed(tmp_path, row(1, unit="")), ListKind.RESULTS, unit="H26.12.5")
        assert [(x.unit, x.digitised) for x in plan.lines(YEAR)] == [("", 1), ("H26.12.5", 0)]
        assert make_report(plan, period_of("2026")).files.keys() == {"pdf", "xlsx", "html", "csv"}


# --- lists that come again -------------------------------------------------------------------------------------------
def test_what_a_complete_list_no_longer_names_counts_no_longer(plan: Plan, tmp_path):
    scanned(plan, 1, 2)
    plan.import_list(listed(tmp_path, row(1), row(2), row(3), row(4, unit="H26.12.6")), ListKind.RESULTS)
    match(plan, ListKind.RESULTS)
    moment = datetime.now(UTC)
    part = plan.import_list(listed(tmp_path, row(1)), ListKind.RESULTS)
    assert (part.same, part.gone) == (1, 0)
    whole = plan.import_list(listed(tmp_path, row(1), row(5)), ListKind.RESULTS, complete=True)
    assert (whole.added, whole.same, whole.gone) == (1, 1, 2)
    assert [(f.code, f.value) for f in whole.findings] == [("row_gone", "2/QĐ-UBND"), ("row_gone", "3/QĐ-UBND")]
    assert {x.unit: (x.listed, x.missing) for x in plan.lines(YEAR)} == {"H26.12.5": (2, 1), "H26.12.6": (1, 1)}
    assert {x.unit: (x.listed, x.missing) for x in plan.lines(YEAR, moment)} == {"H26.12.5": (3, 1), "H26.12.6": (1, 1)}


def test_a_row_that_says_something_else_now_is_matched_anew(plan: Plan, tmp_path):
    scanned(plan, 1)
    path = tmp_path / "a.csv"
    head = "Mã hồ sơ,Loại kết quả,Số ký hiệu,Ngày cấp,Chủ hồ sơ\n"
    path.write_text(head + "H26.12.5-210301-0001,Quyết định,1/QĐ-UBND,09/03/2021,Người Số 1\n", "utf-8")
    plan.import_list(path, ListKind.RESULTS)
    assert match(plan, ListKind.RESULTS) == (1, 0)
    path.write_text(head + "H26.12.5-210301-0001,Quyết định,1/QĐ-UBND,17/11/2018,Người Khác Hẳn\n", "utf-8")
    assert plan.import_list(path, ListKind.RESULTS).changed == 1
    assert len(list(plan.missing())) == 1


def test_a_record_that_was_set_aside_is_nobodys_paper(plan: Plan, tmp_path):
    (first,) = scanned(plan, 1)
    plan.import_list(listed(tmp_path, row(1)), ListKind.RESULTS)
    assert match(plan, ListKind.RESULTS) == (1, 0)
    moment = datetime.now(UTC)
    plan.catalogue.reject_document(first.id, who="minh", reason="quét nhầm")
    assert [one.case.number for one in plan.missing()] == ["1"]
    assert plan.lines(YEAR, moment)[0].missing == 0
    scanned(plan, 1)
    assert match(plan, ListKind.RESULTS) == (1, 0) and list(plan.missing()) == []


# --- rights ----------------------------------------------------------------------------------------------------------
def test_a_manager_sees_the_plan_of_their_agencies_without_names(catalogue, tmp_path):
    units, me = Units(catalogue), Actor.system()
    mine, other = (units.add(f"UBND xã {n}", code=f"H26.{n}", level="commune", by=me) for n in (1, 2))
    (root,) = opened(catalogue, tmp_path, "H26.1")
    with closing(open_store(root.settings.store)) as store:
        hiding = root.settings.model_copy(update={"people": root.settings.people.model_copy(update={"masked": ["name"]})})
        root = Plan(hiding, catalogue, store, "lan")
        for unit in (mine, other):
            with working_as(Actor("u", "U", frozenset(), unit.id, "u", "cli", (Grant(frozenset(Right), None),))):
                scanned(root, 1, 7)
        root.import_list(listed(tmp_path, row(1, unit="H26.1"), row(2, unit="H26.1"), row(8, unit="H26.2")), ListKind.RESULTS)
        match(root, ListKind.RESULTS)
        manager = Actor("m", "Quản lý", frozenset(), mine.id, "m", "cli", (Grant(frozenset({Right.REPORT, Right.SEARCH}), frozenset({mine.id})),))
        plan = Plan(root.settings, catalogue, store, "m", manager)
        assert {line.unit for line in plan.lines(YEAR)} == {"H26.1"}
        rows = [facts_of(plan, one) for one in plan.missing()]
        assert {one["unit"] for one in rows} == {"H26.1"} and all("•" in one["owner"] for one in rows)
        assert all("•" not in facts_of(root, one)["owner"] for one in root.missing())
        for doubt in doubts(plan):
            assert "Người" not in doubt.row_said + doubt.record_said
        with pytest.raises(NotAllowed):
            plan.offices.wanted(("H26.2",), plan.allowed())
        with pytest.raises(NotAllowed):
            enter_total(plan, 9, kind="quyet_dinh", sector="", unit="H26.2", year=YEAR)
        with pytest.raises(NotAllowed):
            set_target(plan, 9, source="x", year=YEAR, unit=None, level=None, sector=None, kind=None)
        with pytest.raises(NotAllowed):
            decide(plan, 1, root.catalogue.documents(limit=1)[0].id, True)
        with pytest.raises(ListRefused) as refused:
            plan.import_list(listed(tmp_path, row(9, unit="H26.2")), ListKind.RESULTS)
        assert [f.code for f in refused.value.findings] == ["unit_not_yours"]
        whole, own = make_report(root, period_of("2026"), formats=["csv"]), make_report(plan, period_of("2026"), formats=["csv"])
        assert own.row.units == ["H26.1"] and {x.unit for x in own.figures.plan} == {"H26.1"}
        assert sum(x.count for x in own.figures.throughput if x.stage == "digitised") == 2
        assert sum(x.count for x in whole.figures.throughput if x.stage == "digitised") == 4
        assert visible(plan, PlanReports(catalogue).list()) == [own.row]
        with pytest.raises(NotAllowed):
            fetch(plan, whole.row, tmp_path)


# --- the Kho ---------------------------------------------------------------------------------------------------------
def archived(plan: Plan, owner: str | None, dossier: str | None = "H26.12.5-210301-0001"):
    batch = plan.catalogue.start_batch("lô", dossier_code=dossier).id
    from tests.made_catalogue import file_in, judged

    file = file_in(plan.catalogue, batch, pages=1)
    plan.catalogue.record_pages(file.source.sha256, judged(p1="document"))
    fields = {"so_ky_hieu": field("1/QĐ-UBND")} | ({"so_dinh_danh": field(owner)} if owner else {})
    file = plan.catalogue.claim_file(batch, "w")
    (document,) = plan.catalogue.record_documents(file.id, [paper([1], fields=fields)], coding=CODING)
    ref = plan.store.put(f"archive/{document.id}/V1.pdf", b"%PDF " + document.id.encode())
    return plan.catalogue.mark_archived(document.id, ref, who="thu", why="signed by scanning clerk and agency", coding=CODING)


def test_results_go_to_the_kho_once(small: Plan):
    sent, no_owner, no_dossier = (
        archived(small, "087000123456"), archived(small, None, "H26.12.5-210301-0002"), archived(small, "087000123457", None)
    )  # fmt: skip
    assert sent.status is DocumentStatus.ARCHIVED and sent.result_code
    found = synchronise(small)
    assert found.sent == [sent.id] and found.simulated and set(found.left_out) == {no_owner.id, no_dossier.id}
    (kept,) = (small.settings.home / "kho-mo-phong").iterdir()
    assert json.loads(kept.read_text())["owner"] == "087000123456"
    assert synchronise(small).sent == []
    made = figures(small, period_of("2026"))
    assert sum(line.synchronised for line in made.plan) == 1 and any("mô phỏng" in note for note in made.notes)
    assert [(x.stage, x.count) for x in made.throughput if x.who == "thu"] == [("signed", 3)]


def test_a_real_kho_gets_what_only_the_simulator_had_and_silence_is_waited_out(small: Plan):
    from schemas.copies import Receipt

    document = archived(small, "087000123456")
    synchronise(small)

    class Kho:
        simulated, silent, got = False, True, []

        def send(self, message, data, text, moment):
            if self.silent:
                raise DeliveryUnavailable("away")
            self.got.append(message.id)
            return Receipt(at=moment, message_id=message.id, response="taken")

    kho = Kho()
    assert (synchronise(small, kho=kho).later, kho.got) == (1, [])
    kho.silent = False
    assert synchronise(small, kho=kho).sent == [document.id]
    assert synchronise(small, kho=kho).sent == [] and len(kho.got) == 1
    assert not any("mô phỏng" in note for note in figures(small, period_of("2026")).notes)


def test_indicators_are_made_of_counts_that_can_be_counted_again(plan: Plan, tmp_path):
    codes = [f"H26.12.5-{date.today():%y%m%d}-000{n}" for n in range(1, 5)]
    today, day = f"{date.today():%d/%m/%Y}", date.today().isoformat()
    path = tmp_path / "hs.csv"
    ends = (today, today, today, "")
    path.write_text("Mã hồ sơ,Ngày tiếp nhận,Ngày trả\n" + "".join(f"{c},{today},{e}\n" for c, e in zip(codes, ends, strict=True)))
    plan.import_list(path, ListKind.DOSSIERS)
    signed = archived(plan, "087000123456", codes[0])
    recorded(plan.catalogue, paper([1]))
    with plan.catalogue.write() as connection:
        connection.execute(c.documents.update().where(c.documents.c.id != signed.id).values(dossier_code=codes[1]))
        from storage.reuse.tables import reuses

        for n, dossier in enumerate((codes[2], codes[2], "H26.9-220101-0001")):
            connection.execute(
                reuses.insert().values(
                    id=f"R-{n}", document=signed.id, version=1, sha256="a" * 64, dossier=dossier, purpose="x", actor="a",
                    actor_name="A", unit="", right="reuse", via="cli", at=datetime.now(UTC), day=day,
                )
            )  # fmt: skip
    synchronise(plan)
    made = figures(plan, period_of(f"{date.today():%Y-%m}"))
    assert {x.code: (x.numerator, x.denominator) for x in made.indicators} == {
        "4.1": (1, 3), "4.2": (2, 4), "4.3": (1, 4), "4.4": (1, 2),
    }  # fmt: skip
    assert {line.reused for line in made.plan} == {1}


# --- reports as documents --------------------------------------------------------------------------------------------
def test_a_filed_report_is_locked_found_and_fetched_as_it_was(small: Plan, tmp_path):
    scanned(small, 1)
    made = make_report(small, period_of("2026"), formats=["csv", "html"])
    for ref in made.row.objects.values():
        assert small.store.stat(ref["key"], ref["version"]).retention.until > datetime.now(UTC) + timedelta(days=9 * 365)
    archive = Archive(small.catalogue, small.store)
    assert sweep(archive, small.settings.preserve, who="x").classes == {"vinh-vien": 1}
    paths = fetch(small, PlanReports(small.catalogue).get(made.row.id[:8]), tmp_path / "lấy")
    assert sorted(p.suffix for p in paths) == [".csv", ".html", ".json"]
    assert (tmp_path / "lấy" / "bao-cao-nam-2026.csv").read_bytes() == made.files["csv"]
    with small.catalogue.write() as connection:
        at = sa.text("SELECT object FROM events WHERE what = 'report_filed'")
        assert connection.scalar(at) == made.row.id
    lying = dict(made.row.objects) | {"csv": made.row.objects["csv"] | {"key": made.row.objects["html"]["key"], "sha256": "0" * 64}}
    with pytest.raises(ObjectDamaged):
        fetch(small, type(made.row)(**{**made.row.__dict__, "objects": lying}), tmp_path)


def test_an_earlier_report_comes_out_again_under_other_settings(small: Plan, tmp_path):
    PlanTotals(small.catalogue).enter(YEAR, "H26.12.5", "", "quyet_dinh", 9, source="entered", who="a")
    PlanTotals(small.catalogue).approve(YEAR, who="b")
    made = make_report(small, period_of("2026"), formats=["csv"])
    other = small.settings.model_copy(update={"plan": small.settings.plan.model_copy(update={"yearly_step": 1.0, "pace_days": 7})})
    later = Plan(other, small.catalogue, small.store, "lan")
    assert later.lines(YEAR)[0].wanted != made.figures.plan[0].wanted
    assert again(later, made.row)[1]


def test_lists_that_bear_a_later_time_are_told(small: Plan, tmp_path, monkeypatch):
    """The clock ran ahead during the import and was set right."""
    from storage.plan import lists

    monkeypatch.setattr(lists, "now", lambda: datetime.now(UTC) + timedelta(days=3))
    taken = small.import_list(listed(tmp_path, row(1)), ListKind.RESULTS)
    assert taken.added == 1 and Severity.ERROR not in {f.severity for f in taken.findings}
    assert any("tương lai" in note for note in figures(small, period_of("2026")).notes)


def test_a_wish_of_ones_own_is_not_approved_by_oneself(small: Plan):
    enter_total(small, 5, kind="quyet_dinh", sector="", unit=None, year=YEAR)
    with pytest.raises(NotAllowedNow):
        approve(small, YEAR)


# --- what was read or said wrongly at first --------------------------------------------------------------------------
def test_a_corrected_record_is_compared_anew(plan: Plan, tmp_path):
    wrong, kept = scanned(plan, 1, 2)
    plan.import_list(listed(tmp_path, row(1), row(2)), ListKind.RESULTS)
    assert match(plan, ListKind.RESULTS) == (2, 0)
    moment = datetime.now(UTC)
    ids = {one.case.number: one.id for one in PlanLists(plan.catalogue).cases()}
    decide(plan, ids["2"], kept.id, True)  # what a person confirmed is left alone
    for document in (wrong.id, kept.id):
        plan.catalogue.set_field(document, "so_ky_hieu", "77/QĐ-UBND", who="minh", why="đọc nhầm số")
        plan.catalogue.set_field(document, "doi_tuong", "Người Khác Hẳn", who="minh", why="đọc nhầm tên")
    assert match(plan, ListKind.RESULTS)[0] == 0
    assert [one.case.number for one in plan.missing()] == ["1"]
    assert plan.lines(YEAR, moment)[0].missing == 0


def test_the_same_file_with_other_columns_is_read_again_and_counted_once(plan: Plan, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("TT,Loại kết quả,Số ký hiệu,Ngày cấp,Công dân\n1,Quyết định,1/QĐ-UBND,09/03/2021,Người Số 1\n", "utf-8")
    assert plan.import_list(path, ListKind.RESULTS).unread == ("Công dân",)
    taken = plan.import_list(path, ListKind.RESULTS, columns={"owner": "Công dân"})
    assert (taken.added, taken.gone, taken.unread) == (1, 1, ())
    assert [one.case.owner for one in plan.missing()] == ["Người Số 1"]
    assert plan.import_list(path, ListKind.RESULTS, columns={"owner": "Công dân"}).rows == 0
    assert plan.import_list(path, ListKind.RESULTS).rows == 0
    taken = plan.import_list(path, ListKind.RESULTS, unit="H26.12.6")  # it was not of the office that imported it
    assert (taken.added, taken.gone) == (1, 1) and [one.case.unit for one in plan.missing()] == ["H26.12.6"]


def test_a_target_that_was_met_is_not_called_late_in_a_later_report(small: Plan):
    scanned(small, 1)
    for kind, count in (("Quyết định", 2), ("Giấy khai sinh", 2)):
        enter_total(small, count, kind=kind, sector="", unit="H26.12.5", year=2022)
        set_target(small, 50, source="KH 1", year=2022, unit="H26.12.5", level=None, sector=None, kind=kind)
    approve(replace(small, who="minh"), 2022)
    (table,) = [section for section in sections(figures(small, period_of("2022Q4"))) if section.name == "du_bao"]
    assert {cells[1]: (cells[5], cells[7]) for cells in table.rows} == {
        "Quyết định": (None, "đã đạt"), "Giấy khai sinh": (None, "chưa đạt được với tốc độ này"),
    }  # fmt: skip


def test_a_list_withdrawn_counts_no_longer_and_what_it_replaced_counts_again(plan, tmp_path):
    scanned(plan, 1, 2)
    first = plan.import_list(listed(tmp_path, row(1), row(2)), ListKind.RESULTS)
    match(plan, ListKind.RESULTS)
    report = make_report(plan, period_of(str(YEAR)), formats=["csv"])
    changed = listed(tmp_path, row(1, sector="Hộ tịch"), row(3))
    second = plan.import_list(changed, ListKind.RESULTS)
    lists = PlanLists(plan.catalogue)
    assert [(x.id, x.counting) for x in lists.lists()] == [(second.id, 2), (first.id, 1)]
    with pytest.raises(NotAllowedNow):
        lists.withdraw(first.id, None, who="lan", why="nhầm")
    with pytest.raises(NotAllowed):
        lists.withdraw(second.id, frozenset({"H26.12.6"}), who="lan", why="nhầm")
    assert lists.withdraw(second.id[:12], None, who="lan", why="nhầm loại") == (2, 1)
    assert [(x.case.owner, x.case.sector) for x in lists.cases()] == [("Người Số 2", "Đất đai"), ("Người Số 1", "Đất đai")]
    match(plan, ListKind.RESULTS)
    assert list(plan.missing()) == [] and again(plan, report.row)[1]
    with pytest.raises(NotFound):
        lists.withdraw(second.id, None, who="lan", why="nhầm")
    # The same file again, for what it really is.
    assert plan.import_list(changed, ListKind.RESULTS).rows == 2
