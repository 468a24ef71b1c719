"""`sohoa find` and `sohoa validity`, the answer as JSON, tables for other programs, what a role sees."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import jsonschema
import pytest
from made_catalogue import CODING, field, file_in, paper, recorded

from flows.search import agency_names, all_pages, find, found_facts, kinds_without_limit, masked_found
from flows.table_export import COLUMNS, export_found
from schemas.errors import TargetExists, WrongUse
from schemas.people import Actor, Grant, Right, working_as
from schemas.people_errors import NotAllowed
from schemas.settings import load_settings
from storage.catalogue import Catalogue
from storage.people import Units
from storage.search import Query
from tests.sohoa_command import schema_of, small_office, sohoa

ALL = Actor.local("lan")
NASTY = ('=HYPERLINK("http://x")', "+1", "-2", "@SUM(A1)", "\tx", "\rx")


@pytest.fixture
def office(tmp_path: Path):
    home = small_office(tmp_path / "home")
    with Catalogue.open(load_settings(home).database) as catalogue:
        yield home, catalogue


def person(number: int, name: str, **more):
    fields = {"ho_ten": field(name), "so_dinh_danh": field(f"07909500{number:04}"), **more.pop("fields", {})}
    return paper([number], fields=fields, text=f"Ông {name} trú tại xã An Sơn", type="giay_khai_sinh", **more)


def seeing(*rights: Right, units: frozenset[str] | None = None) -> Actor:
    return Actor("P1", "Lan", frozenset(), None, "lan", "cli", (Grant(frozenset(rights), units),))


class TestAnswer:
    def test_it_is_as_the_schema_says(self, office) -> None:
        _, catalogue = office
        recorded(catalogue, *(person(n, "Nguyễn Văn Ân") for n in range(1, 5)), coding=CODING)
        for query in (
            Query(text="nguyễn văn", limit=2, facets=True),
            Query(text="nguyne van"),
            Query(text="không có"),
        ):
            jsonschema.validate(found_facts(find(catalogue, query, ALL)), schema_of("find"))
        facts = found_facts(find(catalogue, Query(text="nguyen van an", limit=2), ALL))
        assert facts["total"] == 4 and facts["next_cursor"] and facts["hits"][0]["validity"] == "in_force"
        assert {"id", "type", "score", "fields", "validity"} <= facts["hits"][0].keys()

    def test_kinds_without_limit_come_from_the_forms(self) -> None:
        kinds = kinds_without_limit()
        assert "giay_khai_sinh" in kinds and "giay_phep_xay_dung" not in kinds and "quyet_dinh" not in kinds

    def test_a_role_without_the_right_sees_masked_values(self, office) -> None:
        home, catalogue = office
        recorded(catalogue, person(1, "Nguyễn Văn Ân"))
        actor, settings = seeing(Right.SEARCH), load_settings(home)
        found = masked_found(find(catalogue, Query(text="nguyễn văn"), actor), actor, settings)
        shown = repr(found_facts(found))
        assert "0790950000" not in shown and found.hits[0].fields["so_dinh_danh"] == "•••001"
        assert {s.field for s in found.hits[0].snippets} == {
            "ho_ten"
        }  # anything may stand in the running text
        everything = masked_found(find(catalogue, Query(text="nguyễn văn"), ALL), ALL, settings)
        assert {s.field for s in everything.hits[0].snippets} == {"ho_ten", "text"}
        by_number = masked_found(find(catalogue, Query(text="079095000001"), actor), actor, settings)
        assert by_number.total == 1 and by_number.hits[0].snippets == ()

    def test_only_what_the_actor_may_see(self, office) -> None:
        _, catalogue = office
        for n, unit in enumerate(("U1", "U2"), 1):
            with working_as(Actor(f"P{n}", "x", frozenset(), unit, "x", "cli")):
                file = file_in(catalogue, pages=9)
            catalogue.record_file(file.id, pages=[], documents=[person(n, "Nguyễn Văn Ân")])
        assert find(catalogue, Query(), seeing(Right.SEARCH, units=frozenset({"U1"}))).total == 1
        assert find(catalogue, Query(), seeing(Right.SEARCH)).total == 2
        assert find(catalogue, Query(), seeing(Right.SCAN)).total == 1  # P1: what they took in themselves
        with pytest.raises(NotAllowed):
            find(catalogue, Query(), seeing(Right.AUDIT))

    def test_agencies_before_and_after_mergers(self, office) -> None:
        _, catalogue = office
        units = Units(catalogue)
        old = units.add("Ủy ban nhân dân xã Tân Lập", code="H26.12", level="commune", by=ALL)
        new = units.add("Ủy ban nhân dân xã Ba Vì", code="H26.90", level="commune", by=ALL)
        units.close(old.id, date(2025, 6, 30), successors=[new.id], by=ALL)
        agency = {"co_quan_ban_hanh": field("Ủy ban nhân dân xã Tân Lập")}
        recorded(catalogue, person(1, "Nguyễn Ân", fields=agency), person(2, "Trần Bình"))
        for asked in ("uy ban nhan dan xa ba vi", "UBND xã Ba Vì", "xa ba vi", "xã Tân Lập", "UBND xã Tân Lập", "H26.90", "000.00.90.H26"):
            assert [h.pages[0] for h in find(catalogue, Query(agency=(asked,)), ALL).hits] == [1], asked
        names = agency_names(catalogue, "Sở Tư pháp tỉnh Tuyên Quang")
        assert any("ha giang" in name.lower() or "Hà Giang" in name for name in names)


class TestTables:
    @pytest.fixture
    def nasty(self, office):
        home, catalogue = office
        recorded(
            catalogue, *(person(n, value) for n, value in enumerate(NASTY, 1)), person(9, "Nguyễn \x07Văn Ân")
        )
        return load_settings(home), catalogue

    def test_csv_has_no_formulas(self, nasty, tmp_path: Path) -> None:
        settings, catalogue = nasty
        path = tmp_path / "kết quả.csv"
        written = export_found(catalogue, Query(), path, actor=ALL, settings=settings)
        assert (written.rows, written.complete) == (len(NASTY) + 1, True)
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        assert tuple(rows[0]) == COLUMNS
        for row in rows[1:]:
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
        assert any("HYPERLINK" in cell for row in rows for cell in row)

    def test_a_paper_of_two_people_has_both_numbers_in_its_row(self, office, tmp_path: Path) -> None:
        home, catalogue = office
        both = {"vo_ho_ten": field("Lê Thị Mận"), "vo_giay_to": field("034199480001"), "chong_giay_to": field("034199480002")}
        recorded(catalogue, person(1, "Trần Văn Đào", fields=both))
        asked = {"all": ALL, "few": seeing(Right.SEARCH)}
        for name, actor in asked.items():
            export_found(catalogue, Query(), tmp_path / f"{name}.csv", actor=actor, settings=load_settings(home))
        assert "034199480001; 034199480002" in (tmp_path / "all.csv").read_text("utf-8-sig")
        assert "03419948" not in (tmp_path / "few.csv").read_text("utf-8-sig")

    def test_xlsx_has_no_formulas(self, nasty, tmp_path: Path) -> None:
        from openpyxl import load_workbook

        settings, catalogue = nasty
        path = tmp_path / "a.xlsx"
        export_found(catalogue, Query(), path, actor=ALL, settings=settings)
        rows = list(load_workbook(path).active.iter_rows())
        assert len(rows) == len(NASTY) + 2
        assert all(
            cell.data_type in ("s", "inlineStr", "n") and not (cell.data_type == "n" and cell.value)
            for r in rows
            for cell in r
        )
        assert any(cell.value == NASTY[0] for r in rows for cell in r)

    def test_nothing_is_overwritten_and_nothing_half_written(
        self, nasty, tmp_path: Path, monkeypatch
    ) -> None:
        settings, catalogue = nasty
        path = tmp_path / "a.csv"
        export_found(catalogue, Query(), path, actor=ALL, settings=settings)
        with pytest.raises(TargetExists):
            export_found(catalogue, Query(), path, actor=ALL, settings=settings)
        with pytest.raises(WrongUse):
            export_found(catalogue, Query(), tmp_path / "a.pdf", actor=ALL, settings=settings)

        def broken(*_a, **_k):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("flows.table_export.looked", broken)
        with pytest.raises(Exception, match="disk_full|full"):
            export_found(catalogue, Query(), tmp_path / "b.csv", actor=ALL, settings=settings)
        assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.csv"]

    def test_what_is_beyond_is_said(self, nasty, tmp_path: Path, monkeypatch) -> None:
        settings, catalogue = nasty
        monkeypatch.setattr("flows.table_export.ROWS_AT_MOST", 3)
        written = export_found(catalogue, Query(), tmp_path / "a.csv", actor=ALL, settings=settings)
        assert (written.rows, written.complete) == (3, False)

    def test_rows_are_written_down_as_looked_at_and_masked(self, nasty, tmp_path: Path) -> None:
        from storage.audit import Audit

        settings, catalogue = nasty
        actor = seeing(Right.SEARCH, Right.EXPORT)
        export_found(catalogue, Query(text="van an"), tmp_path / "a.csv", actor=actor, settings=settings)
        assert "0790950000" not in (tmp_path / "a.csv").read_text("utf-8")
        assert len(Audit(catalogue).rows(action="listed")) == 1

    def test_all_pages_gives_every_record_once(self, office) -> None:
        _, catalogue = office
        recorded(catalogue, *(person(n, "Nguyễn Văn Ân") for n in range(1, 40)))
        hits = [
            hit.id for hits in all_pages(catalogue, Query(text="nguyen"), ALL, at_most=30) for hit in hits
        ]
        assert len(hits) == len(set(hits)) == 30


class TestCommand:
    def test_find_with_filters_table_and_pages(self, office, tmp_path: Path) -> None:
        home, catalogue = office
        rows = recorded(catalogue, *(person(n, "Nguyễn Văn Ân") for n in range(1, 5)), coding=CODING)
        one = sohoa("find", "--id-number", "079095000003", "--json", home=home).json("find")
        assert [h["id"] for h in one["hits"]] == [rows[2].id]
        page = sohoa("find", "nguyen", "van", "--limit", "3", "--facets", "--json", home=home).json("find")
        assert page["facets"]["kind"] == {"giay_khai_sinh": 4}
        rest = sohoa("find", "nguyen", "van", "--cursor", page["next_cursor"], "--json", home=home).json(
            "find"
        )
        assert len(rest["hits"]) == 1
        for_people = sohoa("find", "nguyne", "van", "--facets", home=home)
        assert for_people.code == 0 and "nguyen" in for_people.out and "Giấy khai sinh 4" in for_people.out
        table = sohoa("find", "--kind", "giay_khai_sinh", "--export", tmp_path / "a.xlsx", home=home)
        assert table.code == 0 and "Đã ghi 4" in table.out and (tmp_path / "a.xlsx").stat().st_size > 1000
        assert sohoa("find", home=home).code == 2
        assert sohoa("find", "--validity", "maybe", home=home).code == 2
        assert sohoa("find", "nguyen", "--cursor", "xyz", home=home).code == 2

    def test_validity(self, office) -> None:
        home, catalogue = office
        old, new = recorded(catalogue, person(1, "Nguyễn Ân"), person(2, "Nguyễn Ân"), coding=CODING)
        said = sohoa("validity", old.id, home=home)
        assert said.code == 0 and "không thời hạn" in said.out
        assert sohoa("validity", old.id, "--revoked", home=home).code == 2  # why, source
        why = ("--why", "cấp lại", "--source", "TL 12/2026")
        done = sohoa("validity", old.id, "--replaced-by", new.id, *why, "--json", home=home).json()
        assert done["validity"] == "replaced" and done["replaced_by"] == new.id and len(done["acts"]) == 1
        found = sohoa("find", "--validity", "replaced", "--json", home=home).json("find")
        assert [h["id"] for h in found["hits"]] == [old.id] and new.id in found["hits"][0]["validity_reason"]
        back = sohoa("validity", old.id, "--in-force", *why, home=home)
        assert back.code == 0 and "còn hiệu lực" in back.out and "đã được thay thế" in back.out
        assert sohoa("validity", old.id, "--revoked", "--in-force", *why, home=home).code == 2
