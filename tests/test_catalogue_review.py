"""What people do: review, accounting, quarantine, finding."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
import sqlalchemy as sa
from made_catalogue import CODING, field, file_in, judged, paper, recorded, source, waiting

from schemas.document import Check, CheckResult, DocumentStatus, FieldStatus
from schemas.errors import (
    ChangedMeanwhile,
    NotAllowedNow,
    NotFound,
    SohoaError,
    WrongUse,
)
from storage.catalogue import (
    BatchStatus,
    Catalogue,
    FileStatus,
    QuarantineStatus,
)
from storage.search import validity_of as validity

pytest_plugins = ["catalogue_fixtures"]


class TestReview:
    def test_a_correction_leaves_its_history(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        changed = catalogue.set_field(row.id, "ten", " Nguyễn ", who="lan", why="dấu ngã", printed="NGUYỄN")
        value = changed.fields["ten"]
        assert (value.value, value.printed, value.status) == ("Nguyễn", "NGUYỄN", FieldStatus.CORRECTED)
        assert (value.source, value.confidence, value.checks) == ("person:lan", 1.0, [])
        assert (value.page, value.box) == (1, (1, 2.5, 3, 4)), "the evidence stays"
        (entry,) = catalogue.history(row.id)
        assert (entry.old_value, entry.new_value, entry.who, entry.why) == (
            "Nguyên",
            "Nguyễn",
            "lan",
            "dấu ngã",
        )
        assert (entry.old_status, entry.new_status) == ("review", "corrected")
        assert changed.revision == row.revision + 1

    def test_two_clerks_at_once(self, catalogue: Catalogue) -> None:
        row, gate = waiting(catalogue), threading.Barrier(2)

        def correct(who: str) -> str:
            gate.wait()
            try:
                catalogue.set_field(row.id, "ten", f"của {who}", who=who, expected_revision=row.revision)
            except ChangedMeanwhile:
                return "refused"
            return who

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(correct, ["lan", "hùng"]))
        assert outcomes.count("refused") == 1
        (winner,) = [who for who in outcomes if who != "refused"]
        assert catalogue.document(row.id).fields["ten"].value == f"của {winner}"
        assert len(catalogue.history(row.id)) == 1

    def test_confirming_names_what_still_waits(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(NotAllowedNow, match="ten, ngay"):
            catalogue.confirm_document(row.id, who="lan")
        catalogue.set_field(row.id, "ten", "Nguyễn", who="lan")
        catalogue.confirm_field(row.id, "ngay", who="lan")
        catalogue.set_checks(row.id, [Check(code="date_order", result=CheckResult.FAILED)], who="lan")
        with pytest.raises(NotAllowedNow, match="date_order"):
            catalogue.confirm_document(row.id, who="lan")
        catalogue.set_checks(row.id, [], who="lan")
        confirmed = catalogue.confirm_document(row.id, who="lan")
        assert (confirmed.status, confirmed.confirmed_by) == (DocumentStatus.CHECKED, "lan")
        assert catalogue.review_list() == []

    def test_confirming_all_that_waits_at_once(self, catalogue: Catalogue) -> None:
        row = catalogue.confirm_document(waiting(catalogue).id, who="lan", confirm_waiting=True)
        assert {f.status for f in row.fields.values()} == {FieldStatus.ACCEPTED, FieldStatus.CONFIRMED}
        assert [h.field for h in catalogue.history(row.id)] == ["ten", "ngay"]

    def test_same_value_is_a_confirmation(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        assert catalogue.set_field(row.id, "ten", "Nguyên", who="lan").fields["ten"].status == "confirmed"
        assert catalogue.set_field(row.id, "ten", "", who="lan").fields["ten"].value is None

    def test_checked_records_change_only_with_a_reason(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1]))
        with pytest.raises(WrongUse):
            catalogue.set_field(row.id, "so", "13", who="lan")
        assert catalogue.set_field(row.id, "so", "13", who="lan", why="đính chính").fields["so"].value == "13"

    def test_rejecting(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(WrongUse):
            catalogue.reject_document(row.id, who="lan", reason=" ")
        rejected = catalogue.reject_document(row.id, who="lan", reason="trang bìa")
        assert (rejected.status, rejected.reason) == (DocumentStatus.REJECTED, "trang bìa")
        for action in (
            lambda: catalogue.set_field(row.id, "so", "1", who="lan", why="x"),
            lambda: catalogue.confirm_document(row.id, who="lan", confirm_waiting=True),
            lambda: catalogue.reject_document(row.id, who="lan", reason="again"),
        ):
            with pytest.raises(NotAllowedNow):
                action()
        assert catalogue.batch_summary(row.batch).in_documents == 1, "its page stays accounted for"

    def test_somebody_must_have_done_it(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(WrongUse):
            catalogue.set_field(row.id, "so", "1", who=" ")

    def test_unknown_field(self, catalogue: Catalogue) -> None:
        with pytest.raises(NotFound):
            catalogue.confirm_field(waiting(catalogue).id, "không có", who="lan")

    @pytest.mark.parametrize("table", ["events", "field_history"])
    @pytest.mark.parametrize("statement", ["UPDATE {} SET who = 'x'", "DELETE FROM {}"])
    def test_the_past_cannot_be_changed(self, catalogue: Catalogue, table: str, statement: str) -> None:
        catalogue.set_field(waiting(catalogue).id, "ten", "x", who="lan")
        with pytest.raises(SohoaError, match="append-only"), catalogue.write() as connection:
            connection.execute(sa.text(statement.format(table)))

    def test_lookup_by_the_beginning_of_an_id(self, catalogue: Catalogue) -> None:
        rows = recorded(catalogue, *(paper([n]) for n in range(1, 80)))
        assert catalogue.document(rows[0].id[:-3].lower()) == rows[0]
        assert catalogue.document(rows[0].id[2:-3]) == rows[0]
        with pytest.raises(WrongUse):
            catalogue.document("D-")
        with pytest.raises(NotFound):
            catalogue.document("D-%")


class TestAccounting:
    def test_every_page_has_its_place(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô", declared_pages=8).id
        file = file_in(catalogue, batch, pages=6)
        catalogue.quarantine_add(file.id, "page_failed", page=6)
        pages = judged(p1="separator", p2="document", p3="document", p4="blank", p5="document")
        catalogue.record_file(file.id, pages=pages, documents=[paper([2, 3]), paper([5])])
        broken = file_in(catalogue, batch, pages=2)
        catalogue.quarantine_add(broken.id, "damaged_file")
        summary = catalogue.finish_batch(batch)
        assert (summary.pages_in, summary.in_documents, summary.blank, summary.separator) == (8, 3, 1, 1)
        assert (summary.quarantined, summary.unaccounted, summary.adds_up) == (3, 0, True)
        assert summary.files == {FileStatus.DONE: 1, FileStatus.QUARANTINED: 1}
        assert summary.documents == {DocumentStatus.CHECKED: 2}
        assert summary.batch.status is BatchStatus.FINISHED and summary.batch.finished is not None
        assert catalogue.finish_batch(batch) == summary

    @pytest.mark.parametrize(
        ("pages", "documents"),
        [
            (judged(p1="document", p2="document"), [paper([1, 2])]),  # page 3 forgotten
            (judged(p1="document", p2="document", p3="document"), [paper([1, 2])]),  # in no document
            (judged(p1="blank", p2="blank", p3="blank"), [paper([4])]),  # one too many
            ([], [paper([1, 2]), paper([2, 3])]),  # in two documents
        ],
    )
    def test_a_batch_that_does_not_add_up_is_not_done(self, catalogue: Catalogue, pages, documents) -> None:
        file = file_in(catalogue)
        catalogue.record_file(file.id, pages=pages, documents=documents)
        assert catalogue.batch_summary(file.batch).problems
        with pytest.raises(NotAllowedNow):
            catalogue.finish_batch(file.batch)

    def test_a_batch_with_unfinished_files_is_not_done(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue, pages=0)
        for _ in range(2):
            with pytest.raises(NotAllowedNow):
                catalogue.finish_batch(file.batch)
            catalogue.claim_file(file.batch, "w")
        catalogue.finish_file(file.id)
        assert catalogue.finish_batch(file.batch).adds_up

    def test_another_number_than_declared_needs_a_reason(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô", declared_pages=2).id
        catalogue.record_file(file_in(catalogue, batch, pages=1).id, pages=[], documents=[paper([1])])
        assert catalogue.batch_summary(batch).declared_matches is False
        with pytest.raises(NotAllowedNow):
            catalogue.finish_batch(batch, who="lan")
        catalogue.finish_batch(batch, who="lan", mismatch_reason="một tờ để lại")
        assert catalogue.events(batch)[0].detail == {"pages": 1, "reason": "một tờ để lại"}

    def test_a_page_in_a_document_is_no_blank_page(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue, pages=2)
        catalogue.record_file(file.id, pages=judged(p1="document", p2="blank"), documents=[paper([1, 2])])
        assert catalogue.finish_batch(file.batch).in_documents == 2

    def test_pages_nobody_counted_are_those_seen(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue, pages=None)
        catalogue.record_file(file.id, pages=judged(p1="document", p2="blank"), documents=[paper([1])])
        assert catalogue.finish_batch(file.batch).pages_in == 2


class TestQuarantine:
    def test_retry_brings_the_file_back(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        entry = catalogue.quarantine_add(file.id, "damaged_file", "xref")
        assert (entry.path, entry.page, entry.status) == (file.path, None, QuarantineStatus.OPEN)
        assert catalogue.quarantine_add(file.id, "damaged_file") == entry
        catalogue.finish_batch(file.batch)
        retried = catalogue.quarantine_retry(entry.id, "lan", "đã chép lại")
        assert (retried.status, retried.who) == (QuarantineStatus.RETRIED, "lan")
        assert catalogue.batch(file.batch).status is BatchStatus.OPEN
        assert catalogue.batch_summary(file.batch).unaccounted == 3
        with pytest.raises(NotAllowedNow):
            catalogue.quarantine_retry(entry.id, "lan")
        assert catalogue.claim_file(file.batch, "w").id == file.id
        catalogue.record_file(file.id, pages=[], documents=[paper([1, 2, 3])], worker="w")
        assert catalogue.finish_batch(file.batch).quarantined == 0

    def test_failing_again_opens_it_again(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        entry = catalogue.quarantine_add(file.id, "page_failed", page=2)
        catalogue.quarantine_retry(entry.id, "lan")
        assert catalogue.quarantine_list(status=QuarantineStatus.OPEN) == []
        assert catalogue.quarantine_add(file.id, "page_failed", page=2).status is QuarantineStatus.OPEN
        assert [q.id for q in catalogue.quarantine_list(file.batch)] == [entry.id]

    def test_a_page_read_after_all_is_no_longer_open(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        for page in (2, 3):
            catalogue.quarantine_add(file.id, "page_timeout", page=page)
        catalogue.record_file(file.id, pages=judged(p3="quarantined"), documents=[paper([1]), paper([2])])
        (still,) = catalogue.quarantine_list(file.batch, QuarantineStatus.OPEN)
        assert still.page == 3
        assert catalogue.finish_batch(file.batch).quarantined == 1

    def test_dropping_needs_a_reason_and_keeps_the_account(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        entry = catalogue.quarantine_add(file.id, "encrypted_file")
        with pytest.raises(WrongUse):
            catalogue.quarantine_drop(entry.id, "lan", "")
        dropped = catalogue.quarantine_drop(entry.id, "lan", "không xin được bản mở")
        assert (dropped.status, dropped.reason) == (QuarantineStatus.DROPPED, "không xin được bản mở")
        assert catalogue.finish_batch(file.batch).quarantined == 3

    def test_file_whose_bytes_could_not_be_read(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô").id
        file = catalogue.add_file(batch, "x.pdf", None)
        entry = catalogue.quarantine_add(file.id, "unreadable_file")
        assert entry.source is None
        assert catalogue.finish_batch(batch).pages_in == 0
        catalogue.quarantine_retry(entry.id, "lan")
        again = catalogue.add_file(batch, "x.pdf", source(1))
        assert again.id == file.id and again.source is not None
        catalogue.record_file(file.id, pages=[], documents=[paper([1])])
        assert catalogue.finish_batch(batch).pages_in == 1

    def test_pages_that_are_in_documents_are_not_set_aside(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        catalogue.record_file(file.id, pages=[], documents=[paper([1, 2])], total=3)
        catalogue.quarantine_add(file.id, "damaged_file")
        summary = catalogue.batch_summary(file.batch)
        assert (summary.in_documents, summary.quarantined, summary.adds_up) == (2, 1, True)


class TestFinding:
    @pytest.fixture
    def people(self, catalogue: Catalogue):
        return recorded(
            catalogue,
            paper([1], text="Ông Nguyễn Văn Ân, sinh năm 1980", fields={"so": field("12/2024/QĐ-UBND")}),
            paper([2], text="Bà Đặng Thị Hoà ở Nguyễn Trãi, Văn Quán, Ân Thi"),
            paper([3], text="UỶ BAN NHÂN DÂN", type="giay_phep", fields={"ten": field("Hòa, Đặng Thị")}),
        )

    @pytest.mark.parametrize(
        ("query", "pages"),
        [
            ("nguyen van an", [1, 2]),  # together first
            ("Nguyễn Văn Ân", [1, 2]),
            ("NGUYEN", [1, 2]),
            ("dang thi hoa", [2, 3]),
            ("Đặng Hòa", [2, 3]),
            ("12/2024/qd-ubnd", [1]),
            ("2024", [1]),
            ("uy ban", [3]),
            ("ủy", [3]),
            ("nguy", [1, 2]),  # the beginning of the last word
            ("nguy van", []),
            ("giay phep", [3]),
            ("không có", []),
            ("", []),
            ('" OR 1=1 --', []),
            ("' | ! & :* ( NEAR", []),
            ("%", []),
        ],
    )
    def test_words(self, catalogue: Catalogue, people, query: str, pages: list[int]) -> None:
        total, hits = catalogue.find(query)
        assert total == len(pages)
        assert sorted(h.pages[0] for h in hits) == pages
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
        if query.lower().startswith("nguyen van"):
            assert hits[0].pages == [1]

    def test_ids_and_codes_are_found(self, catalogue: Catalogue) -> None:
        rows = recorded(catalogue, paper([1]), paper([2]), coding=CODING)
        assert catalogue.find("H26.12_QĐ_000002")[1][0].id == rows[1].id
        assert catalogue.find(rows[0].id)[1][0].id == rows[0].id

    def test_pages_of_hits(self, catalogue: Catalogue) -> None:
        recorded(catalogue, *(paper([n]) for n in range(1, 8)))
        seen = [catalogue.find("quyet dinh", limit=3, offset=start) for start in (0, 3, 6, 9)]
        assert [(total, len(hits)) for total, hits in seen] == [(7, 3), (7, 3), (7, 1), (7, 0)]
        assert len({hit.id for _, hits in seen for hit in hits}) == 7

    def test_corrections_are_found_and_errors_no_more(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        catalogue.set_field(row.id, "ten", "Trần", who="lan", printed="TRẦN")
        assert catalogue.find("tran")[0] == 1
        assert catalogue.find("nguyen")[0] == 0

    def test_rejected_records_are_not_found(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        catalogue.reject_document(row.id, who="lan", reason="trùng")
        assert catalogue.find("quyet dinh") == (0, [])

    def test_validity(self, catalogue: Catalogue) -> None:
        rows = recorded(
            catalogue,
            paper([1], valid_from="2026-01-01", valid_to="2026-12-31"),
            paper([2], valid_from="2026-01-01"),
            paper([3]),
        )
        days = [date(2025, 12, 31), date(2026, 12, 31), date(2027, 1, 1)]
        assert [validity(rows[0], day) for day in days] == ["not_yet", "in_force", "expired"]
        assert [validity(rows[1], day) for day in days] == ["not_yet", "unknown", "unknown"]
        assert validity(rows[2], days[0]) == "unknown"
