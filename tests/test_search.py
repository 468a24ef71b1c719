"""Finding records on SQLite and PostgreSQL: order, typing errors, filters, pages, counts, the index after changes."""

from __future__ import annotations

import itertools
import random
import threading
from datetime import date

import pytest
import sqlalchemy as sa
from made_catalogue import CODING, field, file_in, paper, recorded, waiting

from bench.million import Writer, make
from schemas.document import DocumentStatus
from schemas.errors import WrongUse
from schemas.people import Actor, working_as
from storage.catalogue import Catalogue
from storage.search import Match, Query, TotalIs, search
from storage.search.index import index_documents
from storage.search.tables import search_rows, search_terms, search_words
from tests.catalogue_fixtures import fresh_database

pytest_plugins = ["catalogue_fixtures"]
TODAY = date(2026, 11, 22)
COUNT = 3_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory):
    """Makes catalogues that the tests of this file share: they only read them."""
    opened: list[Catalogue] = []

    def named(name: str) -> Catalogue:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp(name)}/{name}.sqlite"
        else:
            url = fresh_database(request.getfixturevalue("postgres"), name)
        opened.append(Catalogue.open(url))
        return opened[-1]

    yield named
    for catalogue in opened:
        catalogue.close()


@pytest.fixture(scope="module")
def people(databases) -> Catalogue:
    catalogue = databases("people")
    recorded(
        catalogue,
        person(1, "Nguyễn Thị Anh"),
        person(2, "Nguyễn Thị Ánh"),
        person(3, "Nguyễn Thị Ánh Tuyết"),
        person(4, text="Ánh sáng nơi bà Thị ở; ông Nguyễn"),
        person(5, "Đặng Thị Hoà"),
        person(6, "ĐẶNG THỊ HÒA"),
        person(7, "Trần Văn Nghĩa"),
    )
    return catalogue


@pytest.fixture(scope="module")
def archive(databases) -> Catalogue:
    catalogue = databases("archive")
    recorded(
        catalogue,
        person(
            1, "Nguyễn Văn Ân", type="giay_khai_sinh", dossier_code="H26.12-261005-0155",
            text="Số: 12/2024/QĐ-UBND. Thủ tục 2.000815.000.00.00.H61",
            fields={"so_ky_hieu": field("12/2024/QĐ-UBND"), "so_dinh_danh": field("079095001234"),
                    "ngay_ban_hanh": field("2024-02-29"), "co_quan_ban_hanh": field("Ủy ban nhân dân xã An Sơn")},
        ),
        person(
            2, "Nguyễn Văn Bình", type="quyet_dinh", dossier_code="000.00.12.H26-201009-0001", valid_to="2025-01-01",
            fields={"so_ky_hieu": field("012/QĐ-UBND"), "giay_to": field("CMND số 025123456 do CA cấp"),
                    "ngay_ban_hanh": field("2020-10-09"), "co_quan_ban_hanh": field("UBND phường Bến Nghé")},
        ),
        person(3, "Ân Văn Nguyễn", text="căn cước 079095001235", valid_from="2027-01-01"),
        coding=CODING,
    )  # fmt: skip
    return catalogue


@pytest.fixture(scope="module")
def many(databases) -> Catalogue:
    catalogue = databases("many")
    make(catalogue.url, COUNT, seed=7)
    return catalogue


@pytest.fixture(scope="module")
def truth() -> list:
    writer = Writer(7)
    return [writer.record(n, "B", "U") for n in range(COUNT)]


def person(number: int, name: str | None = None, text: str = "QUYẾT ĐỊNH", **more):
    fields = more.pop("fields", {})
    if name:
        fields = {"ho_ten": field(name), **fields}
    return paper([number], text=text, fields=fields, **more)


def pages(catalogue: Catalogue, text: str = "", **more) -> list[int]:
    return [hit.pages[0] for hit in search(catalogue, Query(text=text, today=TODAY, **more)).hits]


def matches(catalogue: Catalogue, text: str) -> list[tuple[int, str]]:
    return [(hit.pages[0], hit.match) for hit in search(catalogue, Query(text=text)).hits]


class TestWords:
    @pytest.mark.parametrize(
        "text", ["nguyen thi anh", "NGUYEN THI ANH", "Nguyễn Thị Ánh", "NGUYEN THI ÁNH", "Nguyễn  thị,ánh"]
    )
    def test_accents_and_case_do_not_matter(self, people: Catalogue, text: str) -> None:
        assert set(pages(people, text)) == {1, 2, 3, 4}

    def test_decomposed_letters_are_the_same(self, people: Catalogue) -> None:
        import unicodedata

        assert pages(people, unicodedata.normalize("NFD", "Nguyễn Thị Ánh"))[0] == 2

    def test_as_written_comes_first(self, people: Catalogue) -> None:
        assert matches(people, "Nguyễn Thị Ánh") == [(2, "exact"), (3, "exact"), (1, "whole"), (4, "words")]

    def test_without_accents_whole_names_come_first(self, people: Catalogue) -> None:
        assert matches(people, "nguyen thi anh") == [
            (2, "whole"),
            (1, "whole"),
            (3, "together"),
            (4, "words"),
        ]

    @pytest.mark.parametrize("text", ["Hoà", "hòa", "HOA", "đặng thị hòa", "dang thi hoa"])
    def test_both_places_of_tone_marks_and_dd(self, people: Catalogue, text: str) -> None:
        assert set(pages(people, text)) == {5, 6}

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("nguyen thi tuyt", [3]),  # a letter missing
            ("tuyyet", [3]),  # one too many
            ("tuyat", [3]),  # one wrong
            ("tuyte", [3]),  # neighbours swapped
            ("trna nghia", [7]),
            ("tr nghia", [7]),  # no: below four letters nothing is guessed
            ("nguyen thi tuy", [3]),  # a beginning
        ],
    )
    def test_small_errors(self, people: Catalogue, text: str, expected: list[int]) -> None:
        assert pages(people, text) == ([] if text == "tr nghia" else expected)

    def test_two_errors_only_in_long_words(self, catalogue: Catalogue) -> None:
        recorded(catalogue, person(1, text="công ty Vietcombank"), person(2, text="nghiêng"))
        assert pages(catalogue, "vietkombnak") == [1]
        assert pages(catalogue, "vietcmbak") == [1]
        assert pages(catalogue, "vxetcxmbxnk") == []
        assert pages(catalogue, "nghxexg") == []

    def test_errors_come_last_and_are_told(self, catalogue: Catalogue) -> None:
        recorded(catalogue, person(1, text="tuyến"), person(2, text="tuyết"), person(3, text="tuyêt dối"))
        found = search(catalogue, Query(text="tuyến"))
        assert [(h.pages[0], h.match) for h in found.hits] == [(1, "words"), (3, "spelling"), (2, "spelling")]
        assert "tuyet" in found.spelled
        assert search(catalogue, Query(text="tuyến", fuzzy=False)).total == 1

    def test_numbers_are_not_guessed(self, catalogue: Catalogue) -> None:
        recorded(catalogue, person(1, text="thửa đất 12345"))
        assert pages(catalogue, "12345") == [1]
        assert pages(catalogue, "12354") == [] and pages(catalogue, "1234") == []

    @pytest.mark.parametrize(
        "text", ['" OR 1', "a' | 'b", "* NEAR(a b)", "\\ & ! ( :*", "^nguyên4 #id:1 =x _a_b", "%", "\0"]
    )
    def test_nothing_typed_is_taken_for_a_command(self, people: Catalogue, text: str) -> None:
        assert search(people, Query(text=text)).total in (0, 4)

    def test_a_very_long_question(self, people: Catalogue) -> None:
        assert search(people, Query(text="nguyen " * 140)).total == 4

    def test_highlights(self, catalogue: Catalogue) -> None:
        text = "<b>Căn cứ</b> đơn của bà " + "x " * 300 + "Đặng Thị Hoà, trú tại thôn Hoà Bình" + " y" * 300
        recorded(catalogue, person(1, "Đặng Thị Hoà", text=text))
        (hit,) = search(catalogue, Query(text="dang thi hoa")).hits
        by_field = {s.field: s for s in hit.snippets}
        assert set(by_field) == {"ho_ten", "text"}
        shown = by_field["text"]
        assert [shown.text[a:b] for a, b in shown.marks] == ["Đặng", "Thị", "Hoà", "Hoà"]
        assert len(shown.text) <= 170 and "<b>" not in shown.text
        (hit,) = search(catalogue, Query(text="can cu")).hits
        assert hit.snippets[0].text.startswith("<b>Căn cứ</b>")  # plain text: whoever shows it escapes it


class TestFilters:
    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"id_number": "079095001234"}, [1]),
            ({"id_number": "079 095 001 234"}, [1]),
            ({"id_number": "079095001235"}, [3]),
            ({"id_number": "07909500123"}, []),  # exact only
            ({"id_number": "025123456"}, [2]),
            ({"text": "079095001234"}, [1]),
            ({"text": "0790950012"}, []),
            ({"name": "nguyen van an"}, [1, 3]),
            ({"name": "an son"}, []),  # an agency is no owner
            ({"number": "12"}, [2, 1]),
            ({"number": "12/2024/qd-ubnd"}, [1]),
            ({"symbol": "QĐ-UBND"}, [2, 1]),
            ({"kind": ("giay_khai_sinh",), "text": "nguyen"}, [1]),
            ({"agency": ("uy ban nhan dan xa an son",)}, [1]),
            ({"agency": ("UBND phường Bến Nghé",)}, [2]),
            ({"agency": ("an son",)}, [1]),
            ({"agency": ("H26.12",)}, [3, 2, 1]),
            ({"agency": ("000.00.12.H26",)}, [3, 2, 1]),
            ({"agency": ("Sở Tư pháp",)}, []),
            ({"issued_from": date(2024, 2, 29), "issued_to": date(2024, 2, 29)}, [1]),
            ({"issued_from": date(2024, 3, 1)}, []),
            ({"issued_to": date(2023, 12, 31)}, [2]),
            ({"year": (2020, 2024)}, [2, 1]),
            ({"dossier": "h26.12-261005-0155"}, [1]),
            ({"dossier": "H26.12-261005-015"}, []),
            ({"tthc": "2.000815"}, [1]),
            ({"tthc": "2.000815.000.00.00.H61"}, [1]),
            ({"tthc": "2.00081"}, []),
            ({"code": "H26.12_QĐ_000001"}, [2]),
            ({"code": "h26.12_qd_000001_V1"}, [2]),
            ({"validity": ("expired",)}, [2]),
            ({"validity": ("not_yet",)}, [3]),
            ({"validity": ("unknown",)}, [1]),
            ({"validity": ("in_force",)}, []),
            ({"validity": ("in_force",), "without_limit": frozenset({"giay_khai_sinh"})}, [1]),
            ({"status": ("checked",)}, [3, 2, 1]),
            ({"status": ("archived",)}, []),
            ({"text": "nguyen", "kind": ("khac",)}, []),
            ({}, [3, 2, 1]),
        ],
    )  # fmt: skip
    def test_typed(self, archive: Catalogue, asked: dict, expected: list[int]) -> None:
        assert pages(archive, **asked) == expected

    def test_the_same_state_from_the_database_and_from_the_record(self, catalogue: Catalogue) -> None:
        days = (None, "2026-11-21", "2026-11-22", "2026-11-23")
        papers = [
            person(n + 1, valid_from=a, valid_to=b) for n, (a, b) in enumerate(itertools.product(days, days))
        ]
        rows = recorded(catalogue, *papers)
        from storage.search import Validity, validity_of

        for endless in (frozenset(), frozenset({"quyet_dinh"})):
            for state in Validity:
                expected = {r.pages[0] for r in rows if validity_of(r, TODAY, endless) is state}
                assert set(pages(catalogue, validity=(state,), without_limit=endless)) == expected

    def test_units_and_what_may_be_seen(self, catalogue: Catalogue) -> None:
        for n, unit in enumerate(("U1", "U2", None), 1):
            actor = Actor(f"P{n}", "x", frozenset(), unit, "x", "cli")
            with working_as(actor):
                file = file_in(catalogue, pages=5)
            catalogue.record_file(file.id, pages=[], documents=[person(n, "Nguyễn An")])
        assert pages(catalogue, "an", unit=("U1",)) == [1]
        assert pages(catalogue, "an", unit=("",)) == [3]
        assert pages(catalogue, "an", visible_units=frozenset({"U1", ""})) == [3, 1]
        assert pages(catalogue, "an", visible_units=frozenset()) == []
        assert pages(catalogue, "an", visible_made_by="P2") == [2]
        assert pages(catalogue, "an", visible_units=frozenset({"U1"}), visible_made_by="P2") == [2, 1]
        facets = search(catalogue, Query(facets=True, visible_units=frozenset({"U1", "U2"}))).facets
        assert facets.unit == {"U1": 1, "U2": 1}

    def test_facets(self, archive: Catalogue) -> None:
        facets = search(archive, Query(text="van", facets=True, today=TODAY)).facets
        assert (facets.counted, facets.complete) == (3, True)
        assert facets.kind == {"quyet_dinh": 2, "giay_khai_sinh": 1}
        assert facets.year == {"2024": 1, "2020": 1, "": 1}
        assert facets.validity == {"not_yet": 1, "expired": 1, "unknown": 1}
        assert facets.agency["Ủy ban nhân dân xã An Sơn"] == 1


class TestIndex:
    def test_it_follows_every_change(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        assert pages(catalogue, "nguyen", status=("review",)) == [1]
        catalogue.set_field(row.id, "ten", "Trần", who="lan", printed="TRẦN")
        assert pages(catalogue, "nguyen", fuzzy=False) == [] and pages(catalogue, "tran") == [1]
        catalogue.confirm_document(row.id, who="lan", confirm_waiting=True, coding=CODING)
        assert pages(catalogue, "tran", status=("checked",)) == [1]
        assert pages(catalogue, "tran", status=("review",)) == []

    def test_rejected_and_replaced_records_leave_it(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        catalogue.record_file(file.id, pages=[], documents=[person(1, "An"), person(2, "An")], total=3)
        catalogue.record_documents(file.id, [paper([1, 2], text="Bình"), person(3, "An")])
        assert sorted(pages(catalogue, "an")) == [3]
        (hit,) = search(catalogue, Query(text="an")).hits
        catalogue.reject_document(hit.id, who="lan", reason="trùng")
        assert pages(catalogue, "an") == []
        with catalogue.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(search_rows)) == 1
            assert connection.scalar(sa.select(sa.func.count()).select_from(search_terms)) == 1

    def test_the_same_again_changes_nothing(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, person(1, "Nguyễn An"))
        for _ in range(3):
            with catalogue.write() as connection:
                index_documents(connection, [row.id])
        assert pages(catalogue, "nguyen an") == [1]
        if catalogue.is_sqlite:
            with catalogue.read() as connection:
                connection.exec_driver_sql("INSERT INTO search_fts (search_fts) VALUES ('integrity-check')")

    def test_a_failed_transaction_leaves_no_trace(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, person(1, "Nguyễn An"))
        with pytest.raises(RuntimeError), catalogue.write() as connection:
            connection.execute(sa.text("UPDATE documents SET text = 'zezeze'"))
            index_documents(connection, [row.id])
            raise RuntimeError
        assert pages(catalogue, "zezeze") == []
        with catalogue.write() as connection:
            connection.execute(sa.text("UPDATE documents SET text = 'zezeze'"))
            index_documents(connection, [row.id])
        assert pages(catalogue, "zezeze") == [1] and pages(catalogue, "zezexe") == [1]

    def test_an_index_that_was_emptied_is_built_again(self, catalogue: Catalogue, url: str) -> None:
        recorded(catalogue, *(person(n, f"Nguyễn {n}") for n in range(1, 6)))
        with catalogue.write() as connection:
            for table in (search_rows, search_terms, search_words):
                connection.execute(table.delete())
            if catalogue.is_sqlite:
                connection.exec_driver_sql("INSERT INTO search_fts (search_fts) VALUES ('delete-all')")
            # As an older catalogue says of itself: opening it runs what is missing and builds the index.
        assert pages(catalogue, "nguyen") == []
        catalogue.upgrade()
        assert len(pages(catalogue, "nguyen")) == 5

    def test_writers_at_once(self, catalogue: Catalogue) -> None:
        """New words of several writers never make them wait for each other in a circle."""
        files = [file_in(catalogue, pages=40) for _ in range(4)]
        failed: list[Exception] = []

        def work(number: int) -> None:
            rnd = random.Random(number)
            try:
                for n in range(1, 21):
                    words = [f"chu{rnd.choice('abcdefgh')}{rnd.choice('xyz')}o" for _ in range(30)]
                    done = [person(i, text=" ".join(words)) for i in range(1, n + 1)]
                    catalogue.record_documents(files[number].id, done, coding=CODING)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert search(catalogue, Query()).total == 80


class TestPages:
    def test_each_record_once_while_others_write(self, catalogue: Catalogue) -> None:
        recorded(catalogue, *(person(n, "Nguyễn An" if n % 3 else "Nguyễn Văn An") for n in range(1, 31)))
        expected = [h.id for h in search(catalogue, Query(text="nguyễn an", limit=100)).hits]
        assert len(expected) == 30
        seen, cursor = [], None
        while True:
            found = search(catalogue, Query(text="nguyễn an", limit=7, cursor=cursor))
            seen += [h.id for h in found.hits]
            assert found.total == 30
            cursor = found.next_cursor
            if cursor is None:
                break
            recorded(catalogue, person(1, "Nguyễn An"))
        assert seen == expected

    def test_offset_and_cursor_agree(self, catalogue: Catalogue) -> None:
        recorded(catalogue, *(person(n, "Nguyễn An", text="an " * n) for n in range(1, 12)))
        first = search(catalogue, Query(text="an", limit=4))
        second = search(catalogue, Query(text="an", limit=4, cursor=first.next_cursor))
        assert second.hits == search(catalogue, Query(text="an", limit=4, offset=4)).hits
        assert search(catalogue, Query(text="an", limit=4, offset=8)).next_cursor is None

    def test_a_cursor_belongs_to_its_question(self, catalogue: Catalogue) -> None:
        recorded(catalogue, *(person(n, "Nguyễn An") for n in range(1, 5)))
        cursor = search(catalogue, Query(text="an", limit=2)).next_cursor
        for wrong in (
            {"text": "nguyen"},
            {"text": "an", "kind": ("quyet_dinh",)},
            {"text": "an", "visible_made_by": "x"},
        ):
            with pytest.raises(WrongUse):
                search(catalogue, Query(cursor=cursor, **wrong))

    @pytest.mark.parametrize(
        "cursor", ["", "x", "é", "AAAA", "e30", "bnVsbA", "eyJxdWVyeSI6MX0", "W10", "x" * 5000]
    )
    def test_what_is_no_cursor_is_refused(self, catalogue: Catalogue, cursor: str) -> None:
        with pytest.raises(WrongUse):
            search(catalogue, Query(text="an", cursor=cursor))

    def test_errors_considered_on_the_first_page_are_on_the_next(self, catalogue: Catalogue) -> None:
        recorded(catalogue, *(person(n, text="tuyết") for n in range(1, 6)))
        first = search(catalogue, Query(text="tuyte", limit=2))
        recorded(catalogue, *(person(n, text="tuyte") for n in range(1, 15)))
        rest = search(catalogue, Query(text="tuyte", limit=50, cursor=first.next_cursor))
        assert [h.match for h in first.hits + rest.hits] == [Match.SPELLING] * 5
        assert rest.next_cursor is None


class TestMany:
    """Some thousands of made records: common words, estimates, the walk over the newest ones."""

    @pytest.mark.parametrize(
        "text", ["uy ban nhan dan", "nguyen van", "nguyen thi anh", "tro cap xa hoi", "le thi hoa"]
    )
    def test_what_is_found_is_what_there_is(self, many: Catalogue, truth, text: str) -> None:
        from storage.search.terms import words

        asked = set(words(text))
        expected = {
            r.id
            for r in truth
            if asked <= set(words(" ".join([r.text, r.kind, *r.fields.values(), r.id, r.doc_code])))
        }
        found = search(many, Query(text=text, fuzzy=False, limit=1_000))
        assert found.total_is is TotalIs.EXACT and found.total == len(expected)
        seen = {h.id for h in found.hits}
        while found.next_cursor:
            found = search(many, Query(text=text, fuzzy=False, limit=1_000, cursor=found.next_cursor))
            assert not seen & {h.id for h in found.hits}
            seen |= {h.id for h in found.hits}
        assert seen == expected

    def test_a_whole_name_comes_before_its_parts(self, many: Catalogue, truth) -> None:
        name = truth[10].fields.get("ho_ten") or truth[10].fields["vo_ho_ten"]
        hits = search(many, Query(text=name, limit=1_000)).hits
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True) and hits[0].match == Match.EXACT
        assert truth[10].id in {h.id for h in hits if h.match == Match.EXACT}

    @pytest.mark.parametrize("n", [0, 1234, 2999])
    def test_identity_numbers_and_codes(self, many: Catalogue, truth, n: int) -> None:
        record = truth[n]
        assert record.id in {h.id for h in search(many, Query(id_number=record.fields["so_dinh_danh"])).hits}
        if record.dossier:
            assert record.id in {h.id for h in search(many, Query(dossier=record.dossier)).hits}
        asked = Query(number=record.fields["so_ky_hieu"], kind=(record.kind,), limit=1_000)
        assert record.id in {h.id for h in search(many, asked).hits}

    def test_rare_filters_on_common_words(self, many: Catalogue, truth) -> None:
        expected = {r.id for r in truth if r.state == "revoked"}
        found = search(many, Query(text="uy ban nhan dan", validity=("revoked",), limit=1_000))
        assert {h.id for h in found.hits} == expected and expected
        assert all("thu hồi" in h.validity_reason for h in found.hits)

    def test_counts_are_capped_or_estimated_and_say_so(self, many: Catalogue, monkeypatch) -> None:
        from storage.search import finding as module

        monkeypatch.setattr(module, "COUNTED", 100)
        found = search(many, Query(text="uy ban nhan dan", facets=True))
        if many.is_sqlite:
            assert (found.total, found.total_is, found.total_text) == (100, TotalIs.AT_LEAST, "100+")
        else:
            assert found.total_is is TotalIs.ABOUT and found.total_text == "khoảng 3.000"
        assert not found.facets.complete and sum(found.facets.kind.values()) == found.facets.counted

    def test_made_records_are_the_same_for_the_same_seed(self, truth) -> None:
        again = Writer(7)
        assert [again.record(n, "B", "U") for n in range(50)] == truth[:50]


def test_statuses_are_those_of_records() -> None:
    assert Query(status=("archived",)).status == (DocumentStatus.ARCHIVED,)
