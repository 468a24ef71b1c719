"""The plan on SQLite and on PostgreSQL: lists, matches, totals, targets, figures of real offices, reports that come out again."""

from __future__ import annotations

import csv
import io
import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.plan import Plan
from flows.plan_figures import before, figures, period_of
from flows.plan_match import doubts, match
from flows.plan_totals import enter_total
from flows.report import again, make_report, render
from flows.report_tables import sections, sums
from samples.one_stop import Shape, dossiers, write_csv
from schemas.document import FieldStatus
from schemas.errors import NotAllowedNow, SohoaError, WrongUse
from schemas.people import Actor
from schemas.plan import Level, ListKind, MatchState, Target
from schemas.plan_errors import ListRefused
from schemas.settings import Settings
from schemas.zone import VIETNAM
from storage.catalogue import Catalogue
from storage.objects import open_store
from storage.people import Units
from storage.plan.lists import PlanLists
from storage.plan.matches import PlanMatches
from storage.plan.progress import PlanTotals
from tests.made_catalogue import field, paper, recorded

pytest_plugins = ["catalogue_fixtures"]
Q2 = period_of("2022Q2")
HEAD = "Mã hồ sơ,Loại kết quả,Số ký hiệu,Ngày cấp,Chủ hồ sơ,Hiệu lực đến\n"


@pytest.fixture
def plan(catalogue: Catalogue, tmp_path: Path):
    settings = Settings(home=tmp_path / "nhà", office={"code": "H26.12.5", "name": "UBND xã An Bình"})
    with closing(open_store(settings.store)) as store:
        yield Plan(settings, catalogue, store, "lan")


@pytest.fixture(scope="module")
def sqlite_plan(tmp_path_factory):
    """For what does not depend on the database."""
    home = tmp_path_factory.mktemp("nhà")
    settings = Settings(home=home, office={"code": "H26.12.5", "name": "UBND xã An Bình"})
    with Catalogue.open(settings.database) as catalogue, closing(open_store(settings.store)) as store:
        yield Plan(settings, catalogue, store, "lan")


def listed(plan: Plan, tmp_path: Path, shape: Shape, seed: int = 1, **more):
    path = tmp_path / f"{shape.unit}-{shape.first}-{seed}.csv"
    write_csv(dossiers(shape, seed), path, "DANH SÁCH HỒ SƠ")
    return plan.import_list(path, ListKind.DOSSIERS, **more)


def results(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / f"kq-{len(list(tmp_path.iterdir()))}.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def decision(number: str, owner: str, day: str = "2021-03-09", **more):
    return paper(
        [1], fields={"so_ky_hieu": field(f"{number}/QĐ-UBND"), "ngay_ban_hanh": field(day), "doi_tuong": field(owner)}, **more
    )  # fmt: skip


def own(made, unit: str):
    return next(one for one in made.dossiers if one.unit == unit)


# --- figures of real offices -----------------------------------------------------------------------------------------
def test_the_quarter_of_a_commune(plan: Plan, tmp_path):
    shape = Shape("H26.12.5", Q2.first, Q2.last, new=494, carried=1, online=6, in_time=492, procedures=117)
    taken = listed(plan, tmp_path, shape, period=Q2)
    assert (taken.rows, taken.added) == (495, 495)
    one = own(figures(plan, Q2), "H26.12.5")
    assert (one.to_do, one.received, one.online, one.carried) == (495, 494, 6, 1)
    assert (one.resolved_in_time, one.resolved_late, one.in_progress, one.procedures) == (492, 0, 3, 117)


def test_the_quarter_of_a_ward(sqlite_plan: Plan, tmp_path):
    listed(sqlite_plan, tmp_path, Shape("H29.1.7", Q2.first, Q2.last, new=1_350, online=301, in_time=1_318, late=6))
    one = own(figures(sqlite_plan, Q2, units=["H29.1.7"]), "H29.1.7")
    assert (one.received, one.resolved_in_time, one.resolved_late, one.in_progress) == (1_350, 1_318, 6, 26)


def test_sixteen_months_of_a_district_and_its_communes(catalogue, tmp_path):
    """143,533 dossiers of the communes, 27,866 of the district; a hundredth of it on PostgreSQL, where only the counting differs."""
    scale = 1 if catalogue.is_sqlite else 100
    settings = Settings(home=tmp_path / "nhà", office={"code": "H26.12", "name": "UBND huyện"})
    Units(catalogue).add("UBND huyện An Phú", code="H26.12", level="district", valid_to=date(2025, 6, 30), by=Actor.system())
    for n in range(1, 4):
        Units(catalogue).add(f"UBND xã số {n}", code=f"H26.12.{n}", level="commune", by=Actor.system())
    first, last = date(2021, 1, 1), date(2022, 4, 30)
    communes = [143_533 // scale // 3 + (1 if n <= 143_533 // scale % 3 else 0) for n in (1, 2, 3)]
    with closing(open_store(settings.store)) as store:
        plan = Plan(settings, catalogue, store, "lan")
        for n, count in enumerate(communes, 1):
            listed(plan, tmp_path, Shape(f"H26.12.{n}", first, last, new=count, in_time=count - 40, late=9))
        district = 27_866 // scale
        listed(plan, tmp_path, Shape("H26.12", first, last, new=district, in_time=district - 25, late=4))
        made = figures(plan, period_of("2021-01-01..2022-04-30"))
    levels = {one.level: one for one in made.dossiers if not one.unit}
    assert levels[Level.COMMUNE].received == 143_533 // scale
    assert levels[Level.DISTRICT].received == 27_866 // scale
    assert levels[Level.COMMUNE].resolved_late == 27 and levels[Level.DISTRICT].in_progress == 21
    assert sum(month.received for month in made.months) == 143_533 // scale + 27_866 // scale
    assert len(made.months) == 16


def test_every_dossier_is_somewhere(sqlite_plan: Plan, tmp_path):
    year = period_of("2019")
    listed(sqlite_plan, tmp_path, Shape("H30.1", year.first, year.last, new=700, carried=12, online=50, in_time=650, late=20))
    for text in ("2019Q1", "2019Q3", "2019H2", "2019-07", "2019"):
        made = figures(sqlite_plan, period_of(text), units=["H30.1"])
        for one in (*made.dossiers, *made.sectors):
            assert one.to_do == one.resolved + one.refused + one.withdrawn + one.in_progress
        assert sum(s.to_do for s in made.sectors) == own(made, "H30.1").to_do


# --- lists -----------------------------------------------------------------------------------------------------------
def test_the_same_file_again_changes_nothing_and_a_newer_one_changes_what_is_new(plan: Plan, tmp_path):
    shape = Shape("H26.12.5", Q2.first, Q2.last, new=40, in_time=35)
    rows = list(dossiers(shape, 7))
    path = tmp_path / "a.csv"
    write_csv(iter(rows), path)
    plan.import_list(path, ListKind.DOSSIERS)
    assert plan.import_list(path, ListKind.DOSSIERS).rows == 0
    still_open = next(row for row in rows if not row["Ngày trả kết quả"])
    still_open |= {"Ngày trả kết quả": "30/06/2022", "Trạng thái": "Đã giải quyết"}
    newer = tmp_path / "b.csv"
    write_csv(iter(rows), newer)
    taken = plan.import_list(newer, ListKind.DOSSIERS)
    assert (taken.added, taken.changed, taken.same) == (0, 1, 39)
    assert own(figures(plan, Q2), "H26.12.5").resolved == 36


def test_one_wrong_cell_and_nothing_is_imported(plan: Plan, tmp_path):
    rows = list(dossiers(Shape("H26.12.5", Q2.first, Q2.last, new=1_200, in_time=1_200), 7))
    rows[1_100]["Ngày trả kết quả"] = "32/06/2022"
    path = tmp_path / "a.csv"
    write_csv(iter(rows), path)
    with pytest.raises(ListRefused) as refused:
        plan.import_list(path, ListKind.DOSSIERS)
    (finding,) = [f for f in refused.value.findings if f.code == "date_unreadable"]
    assert (finding.row, finding.column, finding.value) == (1_102, "Ngày trả kết quả", "32/06/2022")
    assert list(PlanLists(plan.catalogue).cases()) == []
    assert list(plan.store.list("lists/")) == []  # nor is a file with names in it left behind
    rows[1_100]["Ngày trả kết quả"] = "30/06/2022"
    write_csv(iter(rows), path)
    assert plan.import_list(path, ListKind.DOSSIERS).added == 1_200


def test_named_columns_are_remembered(sqlite_plan: Plan, tmp_path):
    head, row = "Mã,Hôm nhận,Bao giờ\n", "H31.5-220405-000{},05/04/2022,06/04/2022\n"
    for n, columns in ((1, {"dossier_code": "Mã", "received": "Hôm nhận", "due": "Bao giờ"}), (2, None)):
        path = tmp_path / f"{n}.csv"
        path.write_text(head + row.format(n), "utf-8")
        assert sqlite_plan.import_list(path, ListKind.DOSSIERS, columns=columns).added == 1


# --- matching --------------------------------------------------------------------------------------------------------
def test_rows_find_their_records_and_the_rest_is_missing(plan: Plan, tmp_path):
    (row,) = recorded(plan.catalogue, decision("45", "Đặng Thị Ngọc Ánh"))
    plan.import_list(
        results(
            tmp_path,
            "H26.12.5-210301-0001,Quyết định,045/QĐ-UBND,09/03/2021,DANG THI NGOC ANH,",
            "H26.12.5-210301-0002,Quyết định,46/QĐ-UBND,09/03/2021,Lê Văn Tám,",
            "H26.12.5-210301-0003,Quyết định,47/QĐ-UBND,10/03/2021,Trần Bưởi,01/01/2022",
        ),
        ListKind.RESULTS,
    )
    assert match(plan, ListKind.RESULTS) == (1, 0)
    assert [row.case.number for row in plan.missing()] == ["46", "47"]
    (line,) = plan.lines(2026)
    # The one that is no longer in force is not to be digitised.
    assert (line.in_force, line.digitised, line.missing) == (2, 1, 1)
    assert match(plan, ListKind.RESULTS) == (0, 0)


def test_people_decide_what_is_doubtful_and_the_matcher_keeps_to_it(plan: Plan, tmp_path):
    (row,) = recorded(plan.catalogue, decision("45", "Đặng Thị Ngọc Ánh"))
    plan.import_list(results(tmp_path, "H26.12.5-210301-0001,Quyết định,46/QĐ-UBND,09/03/2021,Đặng Thị Ngọc Ánh,"), ListKind.RESULTS)
    assert match(plan, ListKind.RESULTS) == (0, 1)
    (doubt,) = doubts(plan)
    assert doubt.match.document == row.id and "46" in doubt.row_said and "45" in doubt.record_said
    matches = PlanMatches(plan.catalogue)
    matches.decide(doubt.match.case, row.id, False, who="minh", why="số khác")
    assert match(plan, ListKind.RESULTS) == (0, 0) and doubts(plan) == []
    matches.decide(doubt.match.case, row.id, True, who="minh", why="xem lại bản giấy")
    assert list(plan.missing()) == []
    assert [m.match.state for m in matches.of_case(doubt.match.case)] == [
        MatchState.DOUBTFUL, MatchState.REJECTED, MatchState.CONFIRMED,
    ]  # fmt: skip


def test_of_two_papers_that_are_alike_both_are_shown_and_the_one_left_is_found(plan: Plan, tmp_path):
    alike = {recorded(plan.catalogue, decision("45", "Đặng Thị Ngọc Ánh"))[0].id for _ in range(2)}
    plan.import_list(results(tmp_path, "H26.12.5-210301-0001,Quyết định,45/QĐ-UBND,09/03/2021,Đặng Thị Ngọc Ánh,"), ListKind.RESULTS)
    assert match(plan, ListKind.RESULTS) == (0, 2)
    first, second = doubts(plan)
    assert {first.match.document, second.match.document} == alike
    PlanMatches(plan.catalogue).decide(first.match.case, first.match.document, False, who="minh", why="bản nháp")
    assert match(plan, ListKind.RESULTS) == (1, 0) and list(plan.missing()) == []
    assert PlanMatches(plan.catalogue).pairs(ListKind.RESULTS, MatchState.SURE)[0][1] == second.match.document


def test_two_people_cannot_give_one_record_to_two_rows(plan: Plan, tmp_path):
    (row,) = recorded(plan.catalogue, decision("45", "Ai Đó"))
    plan.import_list(
        results(tmp_path, *(f"H26.12.5-210301-000{n},Quyết định,{n}/QĐ-UBND,01/02/2020,Người {n}," for n in (1, 2))),
        ListKind.RESULTS,
    )
    cases = [found.id for found in PlanLists(plan.catalogue).cases()]
    outcomes: list[str] = []

    def decide(case: int) -> None:
        try:
            PlanMatches(plan.catalogue).decide(case, row.id, True, who=f"người {case}")
            outcomes.append("done")
        except SohoaError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=decide, args=(case,)) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", NotAllowedNow.code]


# --- totals, targets, progress ---------------------------------------------------------------------------------------
def test_one_person_enters_a_total_and_another_approves_it(plan: Plan):
    enter_total(plan, 200, kind="Giấy khai sinh", sector="Hộ tịch", unit=None, year=2022)
    totals = PlanTotals(plan.catalogue)
    assert plan.lines(2022) == []
    with pytest.raises(NotAllowedNow):
        totals.approve(2022, who="lan")
    assert totals.approve(2022, who="minh") == 1
    (line,) = plan.lines(2022)
    # A commune in the second year: 15 + 20 % (QĐ 468/QĐ-TTg).
    assert (line.in_force, line.target_percent, line.wanted, line.target_source) == (200, 35.0, 70, "QĐ 468/QĐ-TTg")
    totals.set_target(Target(year=2022, unit="H26.12.5", percent=50.5, source="KH 12/KH-UBND"), who="minh")
    assert plan.lines(2022)[0].wanted == 101
    with pytest.raises(WrongUse):
        enter_total(plan, 5, kind="giấy lạ", sector="", unit=None, year=2022)


def test_a_total_smaller_than_its_parts_is_refused(plan: Plan):
    for n in range(3):
        recorded(plan.catalogue, decision(str(n), f"Người {n}"))
    with pytest.raises(WrongUse, match="nhỏ hơn"):
        enter_total(plan, 2, kind="quyet_dinh", sector="", unit=None, year=2026)


def test_an_earlier_report_does_not_change_when_records_are_set_aside_later(plan: Plan):
    (row,) = recorded(plan.catalogue, decision("1", "A"))
    moment = datetime.now(UTC)
    plan.catalogue.reject_document(row.id, who="minh", reason="không phải kết quả")
    assert plan.lines(2026) == []
    assert [line.digitised for line in plan.lines(2026, moment)] == [1]


def test_the_backlog_of_a_district_goes_to_its_successor(catalogue, tmp_path):
    units = Units(catalogue)
    heir = units.add("UBND xã Mới", code="H26.77", level="commune", by=Actor.system())
    old = units.add("UBND huyện Cũ", code="H26.12", level="district", by=Actor.system())
    units.close(old.id, date(2025, 6, 30), successors=[heir.id], by=Actor.system())
    settings = Settings(home=tmp_path / "nhà", office={"code": "H26.77", "name": "UBND xã Mới"})
    with closing(open_store(settings.store)) as store:
        plan = Plan(settings, catalogue, store, "lan")
        plan.import_list(results(tmp_path, "H26.12-210301-0001,Quyết định,46/QĐ-UBND,09/03/2021,Lê Văn Tám,"), ListKind.RESULTS)
        assert [(line.unit, line.level) for line in plan.lines(2024)] == [("H26.12", Level.DISTRICT)]
        assert [(line.unit, line.level, line.missing) for line in plan.lines(2026)] == [("H26.77", Level.COMMUNE, 1)]


# --- reports ---------------------------------------------------------------------------------------------------------
def test_a_report_comes_out_again_after_the_world_went_on(plan: Plan, tmp_path):
    shape = Shape("H26.12.5", Q2.first, Q2.last, new=60, carried=2, online=6, in_time=55, late=2)
    listed(plan, tmp_path, shape)
    (row,) = recorded(plan.catalogue, decision("1", "A"))
    made = make_report(plan, Q2)
    listed(plan, tmp_path, Shape("H26.12.5", Q2.first, Q2.last, new=9, in_time=9), seed=99)
    plan.catalogue.reject_document(row.id, who="minh", reason="nhầm")
    found, same = again(plan, made.row)
    assert same and own(found, "H26.12.5").to_do == 62
    assert figures(plan, Q2).dossiers != found.dossiers
    for form, data in made.files.items():
        ref = made.row.objects[form]
        assert plan.store.get(ref["key"], ref["version"]) == data


def test_the_same_period_before():
    assert (before(Q2).first, before(Q2).last) == (date(2021, 4, 1), date(2021, 6, 30))
    february = before(period_of("2024-02"))
    assert (february.first, february.last) == (date(2023, 2, 1), date(2023, 2, 28))
    assert before(period_of("2025-02")).last == date(2024, 2, 29)


@pytest.fixture(scope="module")
def full(sqlite_plan: Plan, tmp_path_factory):
    """A report in which every table has something to say."""
    tmp_path = tmp_path_factory.mktemp("đủ")
    listed(sqlite_plan, tmp_path, Shape("H26.12.5", Q2.first, Q2.last, new=90, carried=3, online=9, in_time=80, late=4), seed=5)
    listed(
        sqlite_plan, tmp_path, Shape("H26.12.6", Q2.first - timedelta(days=365), Q2.last, new=90, in_time=60, late=3), seed=6
    )
    recorded(sqlite_plan.catalogue, decision("7", "Đặng Thị Ngọc Ánh"))
    recorded(sqlite_plan.catalogue, paper([1], fields={"so_ky_hieu": field("8", FieldStatus.REVIEW)}))
    totals = PlanTotals(sqlite_plan.catalogue)
    for kind, count in (("quyet_dinh", 400), ("giay_khai_sinh", 900)):
        totals.enter(2022, "H26.12.5", "=SUM(A1)", kind, count, source="entered", who="a")
    totals.approve(2022, who="b")
    return figures(sqlite_plan, Q2)


def test_the_share_of_sums_is_that_of_known_totals(full):
    """Records of a kind whose total nobody entered are no share of the totals that are known."""
    first = full.plan[0]
    lines = [first.model_copy(update={"in_force": total, "digitised": done}) for total, done in ((100, 20), (None, 50), (100, 40))]
    (section, *_) = sections(full.model_copy(update={"plan": tuple(lines)}))
    assert sums(section)[7] == 30 and sums(section)[6] == 110


def test_indicators_and_records_are_compared_with_the_period_before(sqlite_plan):
    code, (above, below) = next(iter(sqlite_plan.settings.plan.indicators.items()))
    recorded(sqlite_plan.catalogue, decision("9", "Đặng Thị Ngọc Ánh"))
    year = datetime.now(UTC).astimezone(VIETNAM).year
    now_and_next = [figures(sqlite_plan, period_of(str(of))) for of in (year, year + 1)]
    (today, later) = ({x.code: x for x in found.indicators}[code] for found in now_and_next)
    assert (later.numerator_before, later.denominator_before) == (today.numerator, today.denominator)
    assert now_and_next[1].digitised_before == sum(x.digitised for x in now_and_next[0].months) > 0


def test_the_spreadsheet_holds_numbers_formulas_and_no_foreign_formula(full):
    from openpyxl import load_workbook

    book = load_workbook(io.BytesIO(render(full, "xlsx")))
    sheet = book["ke_hoach"]
    formulas = [cell.value for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert all(f.startswith(("=SUM(", "=IF(")) for f in formulas) and any("SUM" in f for f in formulas)
    assert [c for row in sheet.iter_rows() for c in row if c.value == "=SUM(A1)"][0].data_type == "s"
    dossiers_sheet = book["ho_so"]
    values = {row[0].value: row[1].value for row in dossiers_sheet.iter_rows(min_row=5)}
    assert values["UBND xã An Bình"] == own(full, "H26.12.5").to_do
    assert len(dossiers_sheet._images) == 1 and dossiers_sheet.page_setup.fitToHeight == 1  # a chart is not cut by a page


def test_the_csv_opens_as_a_table_with_every_figure(full):
    rows = list(csv.DictReader(io.StringIO(render(full, "csv").decode("utf-8-sig"))))
    told = {(r["bang"], r["dong"], r["cot"]): r["gia_tri"] for r in rows}
    assert told["ho_so", "UBND xã An Bình", "Tổng số"] == str(own(full, "H26.12.5").to_do)
    assert not any(value.startswith(("=", "+", "@")) for value in told.values())


def test_the_page_escapes_what_lists_bring(full):
    page = render(full.model_copy(update={"office": "<script>alert(1)</script>"}), "html").decode()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "data:image/png;base64," in page and "http" not in page.replace("http-equiv", "")


def test_the_pdf_is_pdfa_with_vietnamese_text_in_it(full, tmp_path):
    import pdfplumber
    import pikepdf

    data = render(full, "pdf")
    with pikepdf.open(io.BytesIO(data)) as pdf, pdf.open_metadata() as meta:
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "B")
        fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
        assert all("/FontFile2" in font.DescendantFonts[0].FontDescriptor for font in fonts)
    with pdfplumber.open(io.BytesIO(data)) as pdf:
        text = "\n".join(page.extract_text() for page in pdf.pages)
    for words in ("Báo cáo số hoá và giải quyết thủ tục hành chính – Quý II/2022", "UBND xã An Bình", "QĐ 468/QĐ-TTg", "Đang giải"):
        assert words in text


def test_the_same_figures_give_the_same_files(full):
    for form in ("html", "csv"):
        assert render(full, form) == render(full, form)


@pytest.mark.parametrize(
    ("every", "today", "name"),
    [
        ("quarter", date(2026, 11, 22), "2026Q3"), ("quarter", date(2026, 1, 2), "2025Q4"), ("month", date(2026, 1, 2), "2025-12"),
        ("month", date(2026, 3, 2), "2026-02"), ("year", date(2026, 1, 3), "2025"),
    ],
)  # fmt: skip
def test_the_scheduled_report_is_of_what_has_just_ended(every, today, name):
    from flows.prefect_report import last_ended

    assert last_ended(every, today) == name
    assert period_of(name).last < today


def test_the_scheduled_flow_files_its_report(sqlite_plan: Plan):
    from prefect.testing.utilities import prefect_test_harness

    from flows.prefect_report import report_flow
    from storage.plan.reports import PlanReports

    with prefect_test_harness(server_startup_timeout=120):
        report_id = report_flow(home=str(sqlite_plan.settings.home), period="2022Q2")
    row = PlanReports(sqlite_plan.catalogue).get(report_id)
    assert row.made_by == "prefect" and sorted(row.objects) == ["csv", "html", "json", "pdf", "xlsx"]
