"""Recording what was read, again and after kills; numbers without gaps."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made_catalogue import CODING, ROOT, field, file_in, judged, paper, recorded, waiting

from schemas.document import Check, CheckResult, DocumentStatus, FieldStatus
from schemas.errors import (
    BadSettings,
    NotAllowedNow,
    WrongUse,
)
from schemas.settings import Codes
from schemas.store import ObjectRef
from storage.catalogue import (
    Catalogue,
    FileRow,
    NewPage,
    NewSource,
    PageStatus,
    document_id,
)
from storage.catalogue import recording as recording_module
from storage.codes import Coding

pytest_plugins = ["catalogue_fixtures"]


class TestRecording:
    def test_everything_comes_back(self, catalogue: Catalogue) -> None:
        checks = [Check(code="date_order", result=CheckResult.WARNING, fields=["ngay"], detail="x")]
        new = paper(
            [2, 3],
            archive="archive/D/V1.pdf",
            type_confidence=0.75,
            rotation=90,
            tables={"con": [{"Họ tên": "Đỗ Ân"}]},
            checks=checks,
            dossier_code="H26.12-261122-0001",
            valid_from="2026-01-01",
            valid_to="2027-01-01",
        )
        (row,) = recorded(catalogue, new)
        read = new.reading
        assert row.id == document_id(row.source, [2, 3])
        assert (row.pages, row.type, row.rotation, row.text) == ([2, 3], read.type, 90, read.text)
        assert (row.fields, row.checks, row.tables) == (read.fields, checks, read.tables)
        assert (row.dossier_code, row.valid_from, row.valid_to) == (
            read.dossier_code,
            "2026-01-01",
            "2027-01-01",
        )
        assert (row.status, row.version, row.archive) == (DocumentStatus.ARCHIVED, 1, new.archive)
        assert catalogue.document(row.id) == row
        assert [v.archive for v in catalogue.versions(row.id)] == [new.archive]

    def test_status_follows_what_waits(self, catalogue: Catalogue) -> None:
        failed = [Check(code="x", result=CheckResult.FAILED)]
        doubt = {"so": field("1", FieldStatus.REVIEW)}
        rows = recorded(
            catalogue,
            paper([1]),
            paper([2], archive="a/2"),
            paper([3], archive="a/3", fields=doubt),
            paper([4], checks=failed),
        )
        assert [row.status for row in rows] == ["checked", "archived", "review", "review"]
        assert [row.pages for row in catalogue.review_list()] == [[3], [4]]

    def test_recording_again_changes_nothing(self, catalogue: Catalogue) -> None:
        file, documents = file_in(catalogue), [paper([1], archive="a"), paper([2, 3])]
        pages = judged(p1="document", p2="document", p3="document")
        first = catalogue.record_file(file.id, pages=pages, documents=documents, coding=CODING)
        events = len(catalogue.events())
        assert catalogue.record_file(file.id, pages=pages, documents=documents, coding=CODING) == first
        assert catalogue.documents(file.batch) == first
        assert len(catalogue.events()) == events
        assert all(catalogue.history(row.id) == [] for row in first)

    def test_all_or_nothing(self, catalogue: Catalogue, monkeypatch) -> None:
        file = file_in(catalogue)

        def fail(*_args: object) -> None:
            raise RuntimeError("power cut")

        with monkeypatch.context() as patch:
            patch.setattr(recording_module, "close_file", fail)
            with pytest.raises(RuntimeError):
                catalogue.record_file(
                    file.id, pages=judged(p1="document"), documents=[paper([1])], coding=CODING
                )
        assert catalogue.documents(file.batch) == [] and catalogue.pages(file.source.sha256) == []
        (row,) = catalogue.record_file(file.id, pages=[], documents=[paper([1])], coding=CODING)
        assert row.doc_code == "H26.12_QĐ_000001_V1"

    def test_reading_again_keeps_what_a_person_said(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        catalogue.set_field(row.id, "ten", "Nguyễn", who="lan")
        catalogue.set_field(row.id, "them", "tự thêm", who="lan")
        catalogue.confirm_field(row.id, "ngay", who="lan")
        file = catalogue.files(row.batch)[0]
        better = paper(
            [1],
            text="MỚI",
            fields={"so": field("21/QĐ"), "ten": field("Nguyen"), "ngay": field("2026-01-01")},
        )
        catalogue.requeue_file(file.id, who="lan")
        (again,) = catalogue.record_file(file.id, pages=[], documents=[better])
        assert again.id == row.id and again.text == "MỚI"
        values = {name: (f.value, f.status.value) for name, f in again.fields.items()}
        assert values == {
            "so": ("21/QĐ", "accepted"),
            "ten": ("Nguyễn", "corrected"),
            "ngay": (None, "confirmed"),
            "them": ("tự thêm", "corrected"),
        }
        assert again.status is DocumentStatus.REVIEW
        last = catalogue.history(row.id)[-1]
        assert (last.field, last.old_value, last.new_value, last.who) == ("so", "12/QĐ", "21/QĐ", "system")
        assert catalogue.record_documents(file.id, [better]) == [again]

    @pytest.mark.parametrize("decision", ["confirm", "reject"])
    def test_reading_again_leaves_decided_records_alone(self, catalogue: Catalogue, decision: str) -> None:
        row = waiting(catalogue)
        if decision == "confirm":
            decided = catalogue.confirm_document(row.id, who="lan", confirm_waiting=True)
        else:
            decided = catalogue.reject_document(row.id, who="lan", reason="trang bìa")
        file = catalogue.files(row.batch)[0]
        assert catalogue.record_documents(file.id, [paper([1], text="khác")]) == [decided]

    def test_pages_cut_otherwise_replace_what_nobody_touched(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        before = catalogue.record_file(
            file.id, pages=[], documents=[paper([1, 2]), paper([3])], coding=CODING
        )
        after = catalogue.record_file(file.id, pages=[], documents=[paper([1]), paper([2, 3])], coding=CODING)
        assert [row.pages for row in after] == [[1], [2, 3]] == [r.pages for r in catalogue.documents()]
        assert catalogue.finish_batch(file.batch).in_documents == 3
        replaced = catalogue.document(before[0].id)
        assert replaced.doc_code == "H26.12_QĐ_000001_V1", "a number stays in the book"
        assert [row.doc_code[-9:-3] for row in after] == ["000003", "000004"]
        back = catalogue.record_file(file.id, pages=[], documents=[paper([1, 2]), paper([3])], coding=CODING)
        assert [(row.id, row.doc_code, row.status) for row in back] == [
            (row.id, row.doc_code, row.status) for row in before
        ]

    def test_pages_cut_otherwise_yield_to_a_person(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        first, _ = catalogue.record_file(file.id, pages=[], documents=[paper([1, 2]), paper([3])])
        catalogue.set_field(first.id, "so", "99", who="lan", why="in mờ")
        rows = catalogue.record_file(file.id, pages=[], documents=[paper([1]), paper([2, 3])])
        assert [row.pages for row in rows] == [[1, 2]]
        assert catalogue.batch_summary(file.batch).unaccounted == 1
        assert "reading_set_aside" in [event.what for event in catalogue.events()]

    def test_documents_need_their_own_pages(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        for wrong in ([paper([])], [paper([1]), paper([1])]):
            with pytest.raises(WrongUse):
                catalogue.record_documents(file.id, wrong)

    def test_archived_record_gets_versions(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1]), coding=CODING)
        ref = ObjectRef(key="archive/x/V1.pdf", sha256="b" * 64, size=9, version="7")
        first = catalogue.mark_archived(row.id, ref, who="văn thư")
        assert (first.status, first.version, first.archive) == (DocumentStatus.ARCHIVED, 1, ref)
        assert catalogue.mark_archived(row.id, ref) == first
        second = ref.model_copy(update={"key": "archive/x/V2.pdf"})
        with pytest.raises(WrongUse):
            catalogue.mark_archived(row.id, second)
        changed = catalogue.mark_archived(row.id, second, why="sửa ngày", coding=CODING)
        assert (changed.version, changed.doc_code) == (2, "H26.12_QĐ_000001_V2")
        assert [v.version for v in catalogue.versions(row.id)] == [1, 2]

    def test_nothing_is_archived_before_the_check(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(NotAllowedNow):
            catalogue.mark_archived(row.id, ObjectRef(key="a", sha256="b" * 64, size=1, version="1"))

    def test_two_hundred_documents_in_a_moment(self, catalogue: Catalogue) -> None:
        fields = {f"truong_{n}": field(f"giá trị {n}") for n in range(10)}
        documents = [paper([n], text="nội dung " * 200, fields=fields) for n in range(1, 201)]
        file = file_in(catalogue, pages=200)
        pages = [NewPage(n, PageStatus.DOCUMENT, quality={"dpi": 300}) for n in range(1, 201)]
        start = time.process_time()
        catalogue.record_file(file.id, pages=pages, documents=documents, coding=CODING)
        assert time.process_time() - start < 2  # 0.3 s; CPU time, because a busy machine has clocks of its own

    def test_kill_while_recording(self, tmp_path: Path) -> None:
        """Killed 8 times in the middle of its work and then run to the end: every row once, no gaps."""
        url, program = f"sqlite:///{tmp_path}/x.sqlite", [sys.executable, __file__]
        here = os.environ | {"PYTHONPATH": str(ROOT)}
        Catalogue.open(url).close()
        done, moments = set(), random.Random(3)
        for kill in range(8):
            runner = subprocess.Popen([*program, url], env=here, stdout=subprocess.PIPE, text=True)
            for _ in range(1 + kill % 3):
                assert runner.stdout.readline() == "recording\n"
            time.sleep(moments.uniform(0, 0.04))
            runner.send_signal(signal.SIGKILL)
            runner.communicate()
            with Catalogue.open(url) as opened, opened.read() as connection:
                done.add(connection.exec_driver_sql("SELECT count(DISTINCT source) FROM documents").scalar())
        assert done - {0, KILLED_FILES}, "no kill fell into the work: the test proved nothing"
        subprocess.run([*program, url], env=here, check=True, stdout=subprocess.DEVNULL)
        with Catalogue.open(url) as opened:
            rows = opened.documents(KILLED_BATCH)
            assert [row.pages for row in rows] == [[n] for n in range(1, 21)] * KILLED_FILES
            assert sorted(row.doc_code for row in rows) == [
                f"H26.12_QĐ_{n:06d}_V1" for n in range(1, 20 * KILLED_FILES + 1)
            ]
            assert opened.finish_batch(KILLED_BATCH).in_documents == 20 * KILLED_FILES
            with opened.read() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


KILLED_BATCH, KILLED_FILES = "B-KILLED", 40


def run_to_be_killed(url: str) -> None:
    """What a digitising run does with the catalogue; started again after each kill."""
    opened = Catalogue.open(url)
    opened.start_batch("lô", batch_id=KILLED_BATCH)
    opened.release_claims(KILLED_BATCH)
    for number in range(KILLED_FILES):
        sha256 = hashlib.sha256(f"killed {number}".encode()).hexdigest()
        opened.add_file(KILLED_BATCH, f"{number}.pdf", NewSource(sha256, 1, pages=20))
    while (file := opened.claim_file(KILLED_BATCH, "w")) is not None:
        documents = [paper([n]) for n in range(1, 21)]
        print("recording", flush=True)
        opened.record_file(file.id, pages=[], documents=documents, coding=CODING, worker="w")


class TestNumbers:
    def test_codes_of_a_checked_record(self, catalogue: Catalogue) -> None:
        fields = {"so_dinh_danh": field("001085012345")}
        rows = recorded(
            catalogue,
            paper([1], dossier_code="H26.12-261122-0001", fields=fields),
            paper([2], dossier_code="H26.12-261122-0001"),
            paper([3], type="giay_phep"),
            paper([4], type="la"),
            coding=CODING,
        )
        assert [row.doc_code for row in rows] == [
            "H26.12_QĐ_000001_V1",
            "H26.12_QĐ_000002_V1",
            "H26.12_GP_000001_V1",
            "H26.12_KHAC_000001_V1",
        ]
        assert [row.result_code for row in rows] == [
            "H26.12-261122-0001-KQ1",
            "H26.12-261122-0001-KQ2",
            None,
            None,
        ]
        assert [row.digitised_code for row in rows] == ["001085012345.KQ.01", ".KQ.01", None, None]
        assert catalogue.assign_codes(rows[0].id, CODING) == rows[0]

    def test_no_code_before_the_check(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        assert row.doc_code is None
        with pytest.raises(NotAllowedNow):
            catalogue.assign_codes(row.id, CODING)
        confirmed = catalogue.confirm_document(row.id, who="lan", confirm_waiting=True, coding=CODING)
        assert confirmed.doc_code == "H26.12_QĐ_000001_V1"

    def test_without_an_agency_code_there_is_no_doc_code(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1], dossier_code="H26-261122-0001"), coding=Coding("", Codes()))
        assert (row.doc_code, row.result_code) == (None, "H26-261122-0001-KQ1")

    def test_a_number_that_could_not_be_used_is_not_taken(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        with pytest.raises(BadSettings):
            catalogue.record_documents(file.id, [paper([1])], coding=Coding("H" * 40, Codes()))
        assert catalogue.documents(file.batch) == []
        rows = catalogue.record_documents(file.id, [paper([1])], coding=CODING)
        assert rows[0].doc_code == "H26.12_QĐ_000001_V1"

    def test_no_gaps_and_no_doubles_under_a_crowd(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô").id
        files = [file_in(catalogue, batch) for _ in range(12)]

        def record(job: tuple[int, FileRow]) -> None:
            number, file = job
            kinds = ["quyet_dinh", "giay_phep", "giay_phep"]
            documents = [paper([n + 1], type=kind) for n, kind in enumerate(kinds[:: 1 - 2 * (number % 2)])]
            bad = Coding("H26.12", Codes(result="{nothing}"), CODING.fields)
            if number % 3 == 0:
                documents[-1].reading.dossier_code = "H26-261122-0001"
                with pytest.raises(BadSettings):
                    catalogue.record_documents(file.id, documents, coding=bad)
            catalogue.record_documents(file.id, documents, coding=CODING)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(record, enumerate(files)))
        rows = catalogue.documents(batch)
        for field_code, last in (("QĐ", 12), ("GP", 24)):
            found = sorted(row.doc_code for row in rows if f"_{field_code}_" in row.doc_code)
            assert found == [f"H26.12_{field_code}_{n:06d}_V1" for n in range(1, last + 1)]
        results = sorted(row.result_code for row in rows if row.result_code)
        assert results == [f"H26-261122-0001-KQ{n}" for n in range(1, 5)]


if __name__ == "__main__":
    run_to_be_killed(sys.argv[1])
