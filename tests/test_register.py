"""The register: numbers, years, volumes, closing, cancelling, what the public may know."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from made_register import SERIES, Clock, draft, evidence, used

from schemas.errors import (
    BadSettings,
    BookClosed,
    ClockWentBack,
    NotAllowedNow,
    NotFound,
    RequestKeyReused,
    SohoaError,
    WrongUse,
)
from schemas.register import (
    BookKind,
    Cancelling,
    EntryState,
    Evidence,
    IssuedCopy,
    PublicState,
    PublicStatus,
    Series,
)
from schemas.settings import Copies
from storage.catalogue import Catalogue
from storage.register import Register

pytest_plugins = ["catalogue_fixtures"]


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-11-23 09:00:00")


@pytest.fixture
def register(url: str, clock: Clock) -> Iterator[Register]:
    with Register.open(url, clock=clock) as opened:
        yield opened


class TestNumbers:
    def test_from_01_in_order(self, register: Register) -> None:
        rows = [register.take_number(SERIES, draft(f"k{n}"), who="lan") for n in range(3)]
        assert [row.number_text for row in rows] == ["01", "02", "03"]
        assert rows[0].full_number == "01 quyển số 01/2026 - SCT/BS"
        assert {row.state for row in rows} == {EntryState.PENDING}
        assert register.pending(SERIES.agency) == rows == register.entries(rows[0].book)
        assert rows[0].day == date(2026, 11, 23) and rows[0].draft == draft("k0")

    def test_one_number_for_one_original(self, register: Register) -> None:
        papers = [draft(f"paper {n}", original=f"Giấy {n}", copies=5) for n in range(3)]
        rows = register.take_numbers(SERIES, papers, who="lan")
        assert [(row.number, row.draft.copies) for row in rows] == [(1, 5), (2, 5), (3, 5)]
        assert register.take_numbers(SERIES, papers, who="lan") == rows
        with pytest.raises(WrongUse):
            register.take_numbers(SERIES, [papers[0], papers[0]], who="lan")

    def test_a_request_tried_again_gets_the_same_number(self, register: Register, clock: Clock) -> None:
        first = register.take_number(SERIES, draft("k"), who="lan")
        clock.set("2027-01-02 08:00:00")
        assert register.take_number(SERIES, draft("k"), who="lan") == first
        assert [book.year for book in register.books()] == [2026]
        assert register.entry_by_key("k") == first and register.entry_by_key("other") is None
        for other in (draft("k", copies=3), draft("k", requester="Người khác")):
            with pytest.raises(RequestKeyReused):
                register.take_number(SERIES, other, who="lan")
        with pytest.raises(RequestKeyReused):
            register.take_number(Series(agency="H99.13", kind=SERIES.kind), draft("k"), who="lan")

    def test_same_text_in_other_letters_is_the_same_request(self, register: Register) -> None:
        first = register.take_number(SERIES, draft("k", requester="Lò Thị  Ngân\0"), who="lan")
        assert first.draft.requester == "Lò Thị Ngân"
        assert (
            register.take_number(SERIES, draft("k", requester="Lo\u0300 Thi\u0323 Ngân"), who="lan") == first
        )

    def test_every_agency_and_kind_has_its_own_numbers(self, register: Register) -> None:
        full = [
            register.take_number(
                Series(agency=agency, kind=kind), draft(f"{agency}{kind}"), who="lan"
            ).full_number
            for agency in ("H99.12", "H99.13")
            for kind in BookKind
        ]
        once = ["01 quyển số 01/2026 - SCT/BS", "01/SY-UBND", "01/SL-UBND", "01/TrS-UBND", "01/2026"]
        assert full == once * 2

    def test_a_failed_number_stays_with_its_reason(self, register: Register) -> None:
        first = register.take_number(SERIES, draft("a"), who="lan")
        failed = register.fail(first.id, "mất điện khi ký", who="lan")
        assert (failed.state, failed.failure) == (EntryState.FAILED, "mất điện khi ký")
        assert register.take_number(SERIES, draft("a"), who="lan") == failed
        assert register.take_number(SERIES, draft("b"), who="lan").number == 2
        assert register.fail(first.id, "another reason", who="lan") == failed
        with pytest.raises(NotAllowedNow):
            register.complete(first.id, evidence("a"), who="lan")
        with pytest.raises(WrongUse):
            register.fail(register.entry_by_key("b").id, " ", who="lan")
        assert "Số không sử dụng: mất điện khi ký" in failed.note_text

    def test_completing_twice(self, register: Register) -> None:
        row = used(register, "a")
        assert row.state is EntryState.COMPLETED and row.evidence == evidence("a")
        assert register.complete(row.id, evidence("a"), who="lan") == row
        with pytest.raises(NotAllowedNow):
            register.complete(row.id, evidence("b"), who="lan")
        with pytest.raises(NotAllowedNow):
            register.fail(row.id, "too late", who="lan")
        second = register.take_number(SERIES, draft("b"), who="lan")
        with pytest.raises(WrongUse):
            register.complete(second.id, evidence("a"), who="lan")
        assert register.entry(second.id).state is EntryState.PENDING

    def test_what_does_not_exist(self, register: Register) -> None:
        for action in (
            lambda: register.complete("C-NONE", Evidence(), who="lan"),
            lambda: register.fail("C-NONE", "x", who="lan"),
            lambda: register.entry("C-NONE"),
            lambda: register.book("S-NONE"),
            lambda: register.sheet("S-NONE", 1),
            lambda: register.add_note("C-NONE", "x", who="lan"),
        ):
            with pytest.raises(NotFound):
                action()

    def test_nothing_is_rewritten_or_removed(self, register: Register) -> None:
        row = used(register, "a")
        register.add_note(row.id, "x", who="lan")
        for statement in (
            "UPDATE register_entries SET requester = 'x'",
            "DELETE FROM register_entries",
            "UPDATE register_outcomes SET state = 'failed'",
            "DELETE FROM register_copies",
            "UPDATE register_notes SET text = 'y'",
            "UPDATE register_books SET last_number = 0",
            "DELETE FROM register_books",
            "DELETE FROM register_volumes",
        ):
            with pytest.raises(SohoaError), register.database.write() as connection:
                connection.execute(sa.text(statement))
        assert register.entry(row.id).draft == draft("a")

    def test_audit_finds_a_gap(self, register: Register) -> None:
        rows = [used(register, key) for key in "abc"]
        assert register.audit(rows[0].book) == []
        with register.database.write() as connection:
            connection.execute(sa.text("UPDATE register_books SET last_number = 5"))
        assert len(register.audit(rows[0].book)) == 1

    def test_events_name_nobody(self, url: str, register: Register) -> None:
        row = used(register, "a", requester="Tên Riêng", original="Giấy Riêng")
        register.add_note(row.id, "về Tên Riêng", who="lan")
        register.cancel(row.id, CANCELLING, who="lan")
        with Catalogue.open(url) as catalogue:
            told = json.dumps([event.detail for event in catalogue.events()], ensure_ascii=False)
            whats = {event.what for event in catalogue.events(row.id)}
        assert whats == {"number_taken", "number_completed", "register_note", "copy_cancelled"}
        assert "Riêng" not in told

    def test_shares_an_opened_catalogue_and_pickles(self, url: str) -> None:
        with Catalogue.open(url) as catalogue:
            register = Register(catalogue)
            row = used(register, "a")
            other = pickle.loads(pickle.dumps(register))
            assert other.entry(row.id) == row
            other.close()


class TestYearsAndClock:
    def test_year_ends_at_midnight_in_viet_nam(self, register: Register, clock: Clock) -> None:
        clock.set("2026-12-31 23:59:59.998")
        assert clock.now.day == 31 and clock.now.hour == 16
        old = used(register, "old")
        clock.set("2027-01-01 00:00:00")
        assert clock.now.date() == date(2026, 12, 31), "in UTC it is still the old year"
        new = used(register, "new")
        assert (old.year, old.number, old.day) == (2026, 1, date(2026, 12, 31))
        assert (new.year, new.number, new.day) == (2027, 1, date(2027, 1, 1))
        assert new.full_number == "01 quyển số 01/2027 - SCT/BS"
        assert [register.audit(book.id) for book in register.books()] == [[], []]

    def test_midnight_while_waiting_for_the_book(self, url: str) -> None:
        times = ["2026-12-31 23:59:59.999"] + ["2027-01-01 00:00:00.001"] * 9
        moments = iter(datetime.fromisoformat(f"{text}+07:00") for text in times)
        with Register.open(url, clock=lambda: next(moments)) as register:
            row = register.take_number(SERIES, draft("a"), who="lan")
        assert (row.year, row.number, row.day) == (2027, 1, date(2027, 1, 1))

    def test_small_step_back_keeps_the_order(self, register: Register, clock: Clock) -> None:
        first = used(register, "a")
        clock.set("2026-11-23 08:59:00")
        second = used(register, "b")
        assert second.recorded_at >= first.recorded_at and register.audit(first.book) == []

    def test_no_row_is_dated_before_the_one_above(self, register: Register, clock: Clock) -> None:
        used(register, "a")
        for back in ("2026-11-22 23:59:59", "2025-12-31 10:00:00", "1970-01-01 07:00:00"):
            clock.set(back)
            with pytest.raises(ClockWentBack):
                register.take_number(SERIES, draft("b"), who="lan")
        assert len(register.books()) == 1
        clock.set("2026-11-23 09:30:00")
        assert used(register, "b").number == 2

    def test_the_year_does_not_come_back(self, register: Register, clock: Clock) -> None:
        clock.set("2027-01-01 00:00:05")
        used(register, "a")
        clock.set("2026-12-31 23:59:59")
        with pytest.raises(ClockWentBack):
            register.take_number(SERIES, draft("b"), who="lan")

    def test_a_clock_that_was_ahead_is_accepted_by_a_person(self, register: Register, clock: Clock) -> None:
        clock.set("2026-12-20 09:00:00")
        ahead = used(register, "a")
        clock.set("2026-11-23 09:00:00")
        with pytest.raises(WrongUse):
            register.accept_clock(SERIES, who="lan", reason=" ")
        register.accept_clock(SERIES, who="lan", reason="máy chạy nhanh một tháng")
        assert used(register, "b").day == date(2026, 11, 23)
        assert register.audit(ahead.book) == ["number 2 is dated before number 1"]


class TestVolumes:
    def test_numbers_run_on(self, register: Register) -> None:
        first = used(register, "a")
        volume = register.open_volume(SERIES, who="lan")
        second = used(register, "b")
        assert (volume.number, volume.first_number) == (2, 2)
        assert [first.volume_label, second.volume_label] == ["01/2026", "02/2026"]
        assert second.full_number == "02 quyển số 02/2026 - SCT/BS"
        closed, current = register.book(first.book).volumes
        assert (closed.last_number, closed.closed_by, current.closed) == (1, "lan", None)

    def test_carried_into_the_next_year_restarts_at_01(self, register: Register, clock: Clock) -> None:
        used(register, "a")
        register.open_volume(SERIES, who="lan")
        used(register, "b")
        clock.set("2027-01-04 08:00:00")
        book = register.open_book(SERIES, who="lan", carry_volume=True)
        assert register.open_book(SERIES, who="lan", carry_volume=True) == book
        assert used(register, "c").full_number == "01 quyển số 02/2026 - SCT/BS"
        assert register.open_volume(SERIES, who="lan").label == "01/2027"
        assert used(register, "d").full_number == "02 quyển số 01/2027 - SCT/BS"

    def test_after_a_paper_book(self, register: Register) -> None:
        with pytest.raises(WrongUse):
            register.open_book(SERIES, who="lan", first_number=1246)
        register.open_book(
            SERIES, who="lan", first_number=1246, first_volume=3, note="01-1245: sổ giấy quyển 01, 02"
        )
        row = used(register, "a")
        assert row.full_number == "1246 quyển số 03/2026 - SCT/BS" and register.audit(row.book) == []
        with pytest.raises(NotAllowedNow):
            register.open_book(SERIES, who="lan")

    def test_nothing_to_carry(self, register: Register) -> None:
        with pytest.raises(NotAllowedNow):
            register.open_book(SERIES, who="lan", carry_volume=True)
        assert register.books() == []


class TestClosing:
    def test_year(self, register: Register, clock: Clock) -> None:
        used(register, "a")
        waiting = register.take_number(SERIES, draft("b"), who="lan")
        with pytest.raises(WrongUse):
            register.close_book(waiting.book, who="hùng")
        clock.set("2026-12-31 17:00:00")
        with pytest.raises(NotAllowedNow):
            register.close_book(waiting.book, who="hùng")
        register.fail(waiting.id, "người yêu cầu bỏ về", who="lan")
        book = register.close_book(waiting.book, who="hùng")
        assert (book.closed_by, book.closed.date()) == ("hùng", date(2026, 12, 31))
        totals = book.totals
        assert (totals.numbers, totals.first, totals.last, totals.failed) == (2, 1, 2, 1)
        assert (totals.copies, totals.fee) == (2, 8_000)
        assert register.close_book(book.id, who="someone") == book
        assert book.volumes[-1].last_number == 2
        for action in (
            lambda: register.take_number(SERIES, draft("c"), who="lan"),
            lambda: register.open_volume(SERIES, who="lan"),
        ):
            with pytest.raises(BookClosed):
                action()
        with pytest.raises(SohoaError), register.database.write() as connection:
            connection.execute(sa.text("UPDATE register_books SET last_number = 9"))
        assert register.take_number(SERIES, draft("b"), who="lan").state is EntryState.FAILED
        clock.set("2027-01-01 08:00:00")
        assert used(register, "d").full_number == "01 quyển số 01/2027 - SCT/BS"

    def test_agency_that_ends_within_the_year(self, register: Register) -> None:
        row = used(register, "a")
        assert (
            register.close_book(row.book, who="hùng", note="sáp nhập đơn vị").closing_note
            == "sáp nhập đơn vị"
        )

    def test_month(self, register: Register, clock: Clock) -> None:
        row = register.take_number(SERIES, draft("a"), who="lan")
        with pytest.raises(NotAllowedNow):
            register.close_month(row.book, 11, who="hùng")
        clock.set("2026-12-01 00:00:00")
        with pytest.raises(NotAllowedNow):
            register.close_month(row.book, 11, who="hùng")
        register.complete(row.id, evidence("a"), who="lan")
        closed = register.close_month(row.book, 11, who="hùng")
        assert (closed.totals.numbers, closed.totals.copies, closed.who) == (1, 2, "hùng")
        assert register.close_month(row.book, 11, who="someone") == closed
        for month in (0, 13):
            with pytest.raises(WrongUse):
                register.close_month(row.book, month, who="hùng")

    def test_no_number_falls_into_a_closed_month(self, register: Register, clock: Clock) -> None:
        row = used(register, "a")
        clock.set("2026-12-01 08:00:00")
        register.close_month(row.book, 11, who="hùng")
        clock.set("2026-11-30 08:00:00")
        with pytest.raises(BookClosed):
            register.take_number(SERIES, draft("b"), who="lan")

    def test_corrections_are_new_notes(self, register: Register, clock: Clock) -> None:
        row = used(register, "a", note="giấy cũ")
        clock.set("2026-12-31 18:00:00")
        register.close_book(row.book, who="hùng")
        clock.set("2027-01-05 10:00:00")
        noted = register.add_note(row.id, "Họ tên đúng là Lò Thị Ngần", who="lan")
        assert noted.draft == row.draft
        assert noted.note_text == "giấy cũ. 05/01/2027 (lan): Họ tên đúng là Lò Thị Ngần"
        with pytest.raises(WrongUse):
            register.add_note(row.id, "  ", who="lan")


CANCELLING = Cancelling(
    decision="15/QĐ-UBND",
    decision_date=date(2026, 11, 25),
    decided_by="Chủ tịch UBND phường",
    reason="Bản chính của Lò Thị Ngân bị sửa chữa",
)


class TestPublic:
    def test_valid_then_cancelled(self, register: Register) -> None:
        row = used(register, "a")
        sha256 = row.evidence.copies[0].sha256
        asked = [
            lambda: register.public_status(code="code-a"),
            lambda: register.public_status(sha256=sha256.upper()),
            lambda: register.public_status(code="code-a", sha256=sha256),
            lambda: register.public_status_of_number(SERIES, 2026, 1),
        ]
        for ask in asked:
            assert ask().state is PublicState.VALID and ask().number == row.full_number
        register.cancel(row.id, CANCELLING, who="lan")
        for ask in asked:
            assert ask() == PublicStatus(
                state=PublicState.CANCELLED,
                kind=BookKind.CERTIFIED,
                agency="H99.12",
                number="01 quyển số 01/2026 - SCT/BS",
                day=date(2026, 11, 23),
                cancelled_on=date(2026, 11, 25),
                decision="15/QĐ-UBND",
            )
        assert register.cancelled("H99.12") == [asked[0]()] and register.cancelled("H99.13") == []

    def test_no_personal_data(self, register: Register) -> None:
        row = used(register, "a")
        register.cancel(row.id, CANCELLING, who="lan")
        told = register.public_status(code="code-a").model_dump_json()
        for secret in ("Ngân", "Bằng", "Phước", "lan", "sửa chữa"):
            assert secret not in told.replace("cancelled", "")

    def test_unknown(self, register: Register) -> None:
        used(register, "a")
        register.take_number(SERIES, draft("pending"), who="lan")
        failed = register.take_number(SERIES, draft("failed"), who="lan")
        register.fail(failed.id, "x", who="lan")
        for status in (
            register.public_status(code="none"),
            register.public_status(code="code-a", sha256="0" * 64),
            register.public_status_of_number(SERIES, 2026, 2),
            register.public_status_of_number(SERIES, 2026, 3),
            register.public_status_of_number(SERIES, 2026, 4),
            register.public_status_of_number(SERIES, 2027, 1),
        ):
            assert status == PublicStatus(state=PublicState.UNKNOWN)
        with pytest.raises(WrongUse):
            register.public_status()

    def test_only_what_was_issued_is_cancelled_and_once(self, register: Register) -> None:
        row = register.take_number(SERIES, draft("a"), who="lan")
        with pytest.raises(NotAllowedNow):
            register.cancel(row.id, CANCELLING, who="lan")
        register.complete(row.id, Evidence(copies=(IssuedCopy(code="x"),)), who="lan")
        cancelled = register.cancel(row.id, CANCELLING, who="lan")
        assert register.cancel(row.id, CANCELLING, who="lan") == cancelled
        assert "Hủy theo 15/QĐ-UBND ngày 25/11/2026" in cancelled.note_text
        with pytest.raises(NotAllowedNow):
            register.cancel(row.id, CANCELLING.model_copy(update={"decision": "16/QĐ-UBND"}), who="lan")


class TestSettings:
    def test_symbol_of_a_separate_electronic_book(self, url: str, clock: Clock) -> None:
        with Register.open(url, clock=clock) as before:
            used(before, "a")
        copies = Copies(symbols={BookKind.CERTIFIED: "SCTĐT/BS"}, volume_label="{volume}")
        with Register.open(url, copies, clock=clock) as register:
            assert used(register, "b").symbol == "SCT/BS", "a book keeps the symbol it was opened with"
            clock.set("2027-01-02 08:00:00")
            assert used(register, "c").full_number == "01 quyển số 1 - SCTĐT/BS"
            series = Series(agency="H99.12", kind=BookKind.TRUE_COPY)
            assert register.take_number(series, draft("d"), who="lan").full_number == "01/SY-UBND"

    def test_one_run_of_numbers_for_copies_under_nd30(self, url: str, clock: Clock) -> None:
        kinds = (BookKind.TRUE_COPY, BookKind.EXTRACT, BookKind.COPY_OF_COPY, BookKind.TRUE_COPY)
        shared = Copies(one_series_for_copies=True)
        with Register.open(url, shared, clock=clock) as register:
            rows = [
                used(register, f"k{n}", Series(agency="H99.12", kind=kind)) for n, kind in enumerate(kinds)
            ]
            assert [row.full_number for row in rows] == [
                "01/SY-UBND",
                "02/TrS-UBND",
                "03/SL-UBND",
                "04/SY-UBND",
            ]
            assert used(register, "certified").number == 1
            status = register.public_status_of_number(Series(agency="H99.12", kind=BookKind.EXTRACT), 2026, 2)
            assert status.number == "02/TrS-UBND"
        with Register.open(url, clock=clock) as changed:
            with pytest.raises(BadSettings):
                used(changed, "x", Series(agency="H99.12", kind=BookKind.EXTRACT))
            clock.set("2027-01-02 08:00:00")
            assert used(changed, "x", Series(agency="H99.12", kind=BookKind.EXTRACT)).number == 1


def test_times_come_back_as_local(register: Register) -> None:
    row = used(register, "a")
    assert row.recorded_at.utcoffset().total_seconds() == 7 * 3600
    assert row.recorded_at.astimezone(UTC).hour == 2
