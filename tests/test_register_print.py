"""The printed register: every column of every row, totals, closing, and letters that are really drawn."""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pdfplumber
import pypdfium2
import pytest
from made_register import SERIES, Clock, draft, used

from ocr.pdfa_check import check_pdfa2b
from schemas.errors import WrongUse
from schemas.register import BookKind, Cancelling, Series
from schemas.settings import Copies
from storage.register import Register
from storage.register.print_pdf import money, print_sheet

AGENCY = "Ủy ban nhân dân phường Sông Cầu"


@pytest.fixture
def clock() -> Clock:
    return Clock("2026-11-23 09:00:00")


@pytest.fixture
def register(tmp_path: Path, clock: Clock) -> Iterator[Register]:
    with Register.open(f"sqlite:///{tmp_path}/x.sqlite", clock=clock) as opened:
        yield opened


def printed(register: Register, book: str, month: int | None = 11) -> bytes:
    return print_sheet(register.sheet(book, month), AGENCY, register.moment())


def tables(pdf: bytes) -> list[list[list[str]]]:
    """Cells of each page after the cover, one line each."""
    with pdfplumber.open(io.BytesIO(pdf)) as opened:
        return [
            [[(cell or "").replace("\n", " ") for cell in row] for row in page.extract_table()]
            for page in opened.pages[1:]
        ]


def text_of(pdf: bytes) -> str:
    with pdfplumber.open(io.BytesIO(pdf)) as opened:
        return "\n".join(page.extract_text() for page in opened.pages)


class TestSheet:
    def test_all_columns_of_a_row(self, register: Register) -> None:
        row = used(register, "a", note="bản màu", place="trụ sở", copies=12, fee=24_000)
        ((heads, numbers, cells, page, total),) = tables(printed(register, row.book))
        assert heads[0] == "Số thứ tự/ số chứng thực" and numbers == [f"({n})" for n in range(1, 9)]
        assert cells == [
            "01",
            "23/11/2026",
            "Lò Thị Ngân",
            "Bằng tốt nghiệp trung học phổ thông",
            "Đặng Hữu Phước, Phó Chủ tịch UBND",
            "12",
            "24.000",
            "bản màu. Thực hiện tại: trụ sở",
        ]
        assert page[0] == "Cộng trang: 1 số" and [cell for cell in page if cell][1:] == ["12", "24.000"]
        assert total[0].startswith("Tổng cộng tháng: 1 số")

    def test_cover(self, register: Register) -> None:
        row = used(register, "a")
        text = text_of(printed(register, row.book)).split("Trang 1")[0]
        for line in (
            "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
            "Độc lập - Tự do - Hạnh phúc",
            "ỦY BAN NHÂN DÂN PHƯỜNG SÔNG CẦU",
            "SỔ CHỨNG THỰC BẢN SAO TỪ BẢN CHÍNH",
            "Quyển số: 01/2026 - SCT/BS",
            "Tháng 11 năm 2026",
            "Từ số 01 đến số 01",
            "Mở ngày 23 tháng 11 năm 2026",
            "Khóa ngày …… tháng …… năm ……",
            "Bản in khi tháng chưa khóa",
        ):
            assert line in text

    def test_failed_and_cancelled_numbers_are_there(self, register: Register) -> None:
        failed = register.take_number(SERIES, draft("a"), who="lan")
        register.fail(failed.id, "mất điện", who="lan")
        cancelled = used(register, "b")
        decision = Cancelling(
            decision="15/QĐ-UBND",
            decision_date=date(2026, 11, 23),
            decided_by="Chủ tịch",
            reason="sai bản chính",
        )
        register.cancel(cancelled.id, decision, who="lan")
        ((_, _, first, second, page, total),) = tables(printed(register, failed.book))
        assert first[5:] == ["0", "0", "Số không sử dụng: mất điện"]
        assert second[5:7] == ["2", "8.000"] and second[7].startswith("Hủy theo 15/QĐ-UBND")
        assert "1 số không sử dụng, 1 số đã hủy" in total[0]

    def test_page_totals_add_up(self, register: Register) -> None:
        keys = [f"k{n}" for n in range(45)]
        papers = [draft(key, copies=1 + n % 3, fee=2_000 * (1 + n % 4)) for n, key in enumerate(keys)]
        rows = register.take_numbers(SERIES, papers, who="lan")
        pages = tables(printed(register, rows[0].book))
        assert len(pages) > 2
        seen = [row[0] for page in pages for row in page if re.fullmatch(r"\d+", row[0])]
        assert seen == [f"{n:02d}" for n in range(1, 46)]
        sums = [
            [int(cell.replace(".", "")) for cell in row[1:] if cell]
            for page in pages
            for row in page
            if row[0].startswith("Cộng trang")
        ]
        assert [sum(column) for column in zip(*sums, strict=True)] == [
            sum(paper.copies for paper in papers),
            sum(paper.fee for paper in papers),
        ]

    def test_a_row_longer_than_a_page_loses_nothing(self, register: Register) -> None:
        row = used(register, "a")
        words = [f"từ{n}" for n in range(300)]
        register.add_note(row.id, " ".join(words), who="lan")
        used(register, "b")
        pdf = printed(register, row.book)
        told = " ".join(cells[-1] for page in tables(pdf) for cells in page)
        assert [word for word in words if word not in told.split()] == []

    def test_volumes_within_a_month(self, register: Register) -> None:
        row = used(register, "a")
        register.open_volume(SERIES, who="lan")
        used(register, "b")
        ((_, _, band, first, second_band, second, *_),) = tables(printed(register, row.book))
        assert (band[0], second_band[0]) == ("Quyển số: 01/2026 - SCT/BS", "Quyển số: 02/2026 - SCT/BS")
        assert (first[0], second[0]) == ("01", "02")

    def test_months_and_year(self, register: Register, clock: Clock) -> None:
        row = used(register, "a")
        clock.set("2026-12-31 10:00:00")
        used(register, "b")
        assert [entry.number for entry in register.sheet(row.book, 11).entries] == [1]
        assert [entry.number for entry in register.sheet(row.book, 12).entries] == [2]
        register.close_book(row.book, who="hùng")
        text = text_of(printed(register, row.book, None))
        assert "Năm 2026" in text and "Khóa ngày 31 tháng 12 năm 2026" in text
        assert "Đã khóa năm ngày 31 tháng 12 năm 2026. Người khóa: hùng." in text
        assert "chưa khóa" not in text_of(printed(register, row.book, 12))
        with pytest.raises(WrongUse):
            register.sheet(row.book, 13)

    def test_a_month_without_numbers(self, register: Register) -> None:
        row = used(register, "a")
        assert "Tổng cộng tháng: 0 số" in text_of(printed(register, row.book, 10))

    def test_shared_book_shows_symbols(self, tmp_path: Path, clock: Clock) -> None:
        copies = Copies(one_series_for_copies=True)
        with Register.open(f"sqlite:///{tmp_path}/y.sqlite", copies, clock=clock) as register:
            row = used(register, "a", Series(agency="H99.12", kind=BookKind.EXTRACT))
            pdf = printed(register, row.book)
        assert "SỔ ĐĂNG KÝ BẢN SAO" in text_of(pdf)
        ((heads, _, cells, *_),) = tables(pdf)
        assert heads[0] == "Số, ký hiệu bản sao" and cells[0] == "01/TrS-UBND"


class TestFile:
    def test_pdfa_with_embedded_fonts_and_landscape(self, register: Register) -> None:
        pdf = printed(register, used(register, "a").book)
        assert check_pdfa2b(pdf) == []
        with pdfplumber.open(io.BytesIO(pdf)) as opened:
            assert {(round(page.width), round(page.height)) for page in opened.pages} == {(842, 595)}

    def test_vietnamese_letters_are_drawn(self, register: Register) -> None:
        """The same word with and without its marks must differ in the picture, and no letter may be an empty box."""
        pictures = []
        for key, name in (("a", "NGUYỄN ĐỨC DŨNG Ặ Ổ Ữ"), ("b", "NGUYEN DUC DUNG A O U")):
            row = used(register, key, requester=name)
        pdf = printed(register, row.book)
        page = pypdfium2.PdfDocument(pdf)[1]
        picture = np.asarray(page.render(scale=4, grayscale=True).to_pil())
        with pdfplumber.open(io.BytesIO(pdf)) as opened:
            marked, bare = (w for w in opened.pages[1].extract_words() if w["text"] in ("DŨNG", "DUNG"))
        for word in (marked, bare):
            x0, x1, top, bottom = (int(4 * word[side]) for side in ("x0", "x1", "top", "bottom"))
            pictures.append(int((picture[top - 8 : bottom, x0:x1] < 128).sum()))
        assert pictures[1] * 1.02 < pictures[0] < pictures[1] * 1.6

    def test_letters_the_font_lacks_are_named(self, register: Register) -> None:
        row = used(register, "a", requester="Y Bhĭm Êčăm 阮")
        ((_, _, cells, *_),) = tables(printed(register, row.book))
        assert cells[2] == "Y Bhĭm Êčăm [U+962E]"

    def test_same_sheet_same_bytes(self, register: Register) -> None:
        row = used(register, "a")
        sheet, moment = register.sheet(row.book, 11), register.moment()
        first = print_sheet(sheet, AGENCY, moment)
        time.sleep(1.1)  # the moment of writing must not show: PDF writes seconds
        assert print_sheet(sheet, AGENCY, moment) == first

    def test_every_print_is_written_down(self, register: Register) -> None:
        row = used(register, "a")
        for turn in (1, 2):
            sheet = register.sheet(row.book, 11)
            assert sheet.prints_before == turn - 1
            pdf = print_sheet(sheet, AGENCY, register.moment())
            assert f"In lần {turn}" in text_of(pdf)
            record = register.record_print(sheet, pdf, who="lan")
            assert record.sha256 == hashlib.sha256(pdf).hexdigest() and record.numbers == 1
        assert [(p.month, p.who) for p in register.prints(row.book)] == [(11, "lan")] * 2
        assert register.sheet(row.book, None).prints_before == 0

    def test_money(self) -> None:
        assert [money(0), money(999), money(1_234_567)] == ["0", "999", "1.234.567"]
