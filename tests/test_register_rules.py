"""When a copy is due, what it costs, and how certifying is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time

import pytest
from made_register import Clock
from pydantic import ValidationError

from schemas.errors import RequestKeyReused, WrongUse
from schemas.register import Due, RefusalRequest
from schemas.settings import Copies, Settings
from storage.register import CHECKLIST, Register, due, fee

pytest_plugins = ["catalogue_fixtures"]

HOLIDAYS_2027 = [date(2027, 2, day) for day in (5, 8, 9, 10, 11)]


def at(local: str) -> datetime:
    return datetime.fromisoformat(f"{local}+07:00")


def ready(local: str, copies: Copies | None = None, **facts) -> Due:
    return due(at(local), copies or Copies(), **facts)


class TestDue:
    @pytest.mark.parametrize(
        ("received", "day"),
        [
            ("2026-11-23 08:00:00", "2026-11-23"),
            ("2026-11-23 14:59:59.999999", "2026-11-23"),
            ("2026-11-23 15:00:00", "2026-11-23"),  # "sau 15 giờ": the hour itself is not after it
            ("2026-11-23 15:00:00.000001", "2026-11-24"),
            ("2026-11-27 16:00:00", "2026-11-30"),  # Friday
            ("2026-11-28 09:00:00", "2026-11-30"),  # Saturday
            ("2026-12-31 15:30:00", "2027-01-04"),  # new year, then a weekend
        ],
    )
    def test_cut_off_and_working_days(self, received: str, day: str) -> None:
        found = ready(received)
        assert found.date.isoformat() == day
        assert found.same_day == (received[:10] == day) and found.slip_needed != found.same_day

    def test_hour_of_viet_nam_wherever_the_machine_stands(self) -> None:
        assert due(datetime.fromisoformat("2026-11-23T08:00:00+00:00"), Copies()).same_day
        assert not due(datetime.fromisoformat("2026-11-23T08:00:01+00:00"), Copies()).same_day

    def test_extension(self) -> None:
        found = ready("2026-11-26 09:00:00", delayed=True)
        assert (found.date, found.slip_needed, found.by) == (date(2026, 11, 30), True, time(17, 0))
        assert "Điều 21" in found.reason
        assert ready("2026-11-26 16:00:00", delayed=True).date == date(2026, 12, 1)

    def test_agreed_in_writing(self) -> None:
        assert ready("2026-11-23 09:00:00", agreed_until=date(2026, 12, 8)).date == date(2026, 12, 8)
        with pytest.raises(WrongUse):
            ready("2026-11-23 16:00:00", agreed_until=date(2026, 11, 23))

    def test_holidays_of_the_year(self) -> None:
        tet = Copies(holidays=HOLIDAYS_2027, extra_working_days=[date(2027, 2, 13)])
        found = ready("2027-02-04 15:30:00", tet)
        assert (found.date, found.calendar_known) == (date(2027, 2, 12), True)
        assert ready("2027-02-12 15:30:00", tet).date == date(2027, 2, 13)
        assert not ready("2027-02-04 15:30:00").calendar_known

    def test_a_calendar_without_working_days_is_refused(self) -> None:
        for bad in ({"weekend": [1, 2, 3, 4, 5, 6, 7]}, {"weekend": [0]}, {"fixed_holidays": ["30-04"]}):
            with pytest.raises(ValidationError):
                Copies(**bad)


class TestFee:
    @pytest.mark.parametrize(
        ("pages", "copies", "dong"),
        [(1, 1, 2_000), (2, 1, 4_000), (3, 1, 5_000), (3, 4, 20_000), (198, 1, 200_000), (1000, 2, 400_000)],
    )
    def test_table(self, pages: int, copies: int, dong: int) -> None:
        assert fee(pages, copies, Copies()) == dong

    def test_the_formula_of_the_circular(self) -> None:
        for pages in range(1, 300):
            assert fee(pages, 1, Copies()) == min(200_000, 2000 * min(pages, 2) + 1000 * max(pages - 2, 0))

    def test_electronic_copies(self) -> None:
        assert fee(3, 2, Copies(), electronic=True) == 10_000
        assert fee(3, 2, Copies(charge_electronic=False), electronic=True) == 0

    def test_nothing_to_charge_for(self) -> None:
        for pages, copies in ((0, 1), (1, 0)):
            with pytest.raises(WrongUse):
                fee(pages, copies, Copies())

    def test_part_of_the_settings(self) -> None:
        assert Settings(copies={"fee_first": 3_000}).copies.fee_first == 3_000


@pytest.fixture
def register(url: str) -> Iterator[Register]:
    with Register.open(url, clock=Clock("2026-11-23 09:00:00")) as opened:
        yield opened


def request(**facts) -> RefusalRequest:
    defaults = {
        "request_key": "r1",
        "agency": "H99.12",
        "agency_name": "Ủy ban nhân dân phường Sông Cầu",
        "requester": "Lò Thị Ngân",
        "original": "Giấy chứng nhận {kết hôn}",
        "reasons": ("altered", "private"),
        "explanation": "Ngày sinh bị viết đè",
        "officer": "Đặng Hữu Phước",
        "officer_title": "Phó Chủ tịch UBND",
    }
    return RefusalRequest(**defaults | facts)


class TestRefusal:
    def test_the_six_reasons(self) -> None:
        assert [reason.source[-1] for reason in CHECKLIST] == list("123456")
        assert CHECKLIST[0].text == "Bản chính bị tẩy xóa, sửa chữa, thêm, bớt nội dung không hợp lệ."
        assert [bool(reason.exceptions) for reason in CHECKLIST] == [False] * 4 + [True, False]
        assert "Hộ chiếu" in CHECKLIST[4].exceptions

    def test_written_notice(self, register: Register) -> None:
        refusal = register.refuse(request(), who="lan")
        for told in (
            "Kính gửi: Lò Thị Ngân",
            "Giấy chứng nhận {kết hôn}",
            CHECKLIST[0].text,
            CHECKLIST[5].text,
            "Giải thích: Ngày sinh bị viết đè",
            "Ngày 23 tháng 11 năm 2026",
            "Đặng Hữu Phước",
        ):
            assert told in refusal.notice
        assert refusal.template == "tu-choi-chung-thuc/1"
        assert register.refuse(request(), who="lan") == refusal
        assert register.refusals("H99.12") == [refusal] and register.books() == [], "it takes no number"
        with pytest.raises(RequestKeyReused):
            register.refuse(request(reasons=("secret",)), who="lan")

    def test_only_reasons_of_the_law(self, register: Register) -> None:
        with pytest.raises(WrongUse):
            register.refuse(request(reasons=("ugly",)), who="lan")
        with pytest.raises(ValidationError):
            request(reasons=())
