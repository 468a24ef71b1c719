"""The register on paper: cover and the eight columns, A4 landscape, PDF/A-2b.

Columns and cover follow the form of NĐ 23/2015; the form of NĐ 280/2025 was not seen. Nothing is left out: a row that does not
fit goes on over the next page.
"""

from __future__ import annotations

from datetime import datetime

from fpdf import FPDF

from schemas.register import BOOK_TITLES, BookKind, RegisterEntry, Sheet
from schemas.zone import VIETNAM
from storage.print_fonts import drawable, serif_fonts
from storage.register.print_description import describe

_COLUMNS: tuple[tuple[float, str], ...] = (
    (27, "C"),
    (23, "C"),
    (40, "L"),
    (55, "L"),
    (38, "L"),
    (19, "R"),
    (22, "R"),
    (36, "L"),
)
"""Width in mm and alignment."""
_ALIGNS = [align for _, align in _COLUMNS]
_HEADS = (
    "Số thứ tự/ số chứng thực",
    "Ngày, tháng, năm chứng thực",
    "Họ tên của người yêu cầu chứng thực",
    "Tên của bản chính giấy tờ, văn bản",
    "Họ tên, chức danh người ký chứng thực",
    "Số bản sao đã được chứng thực",
    "Lệ phí/ Phí chứng thực (đồng)",
    "Ghi chú",
)
_HEADS_OF_COPIES = (
    "Số, ký hiệu bản sao",
    "Ngày, tháng, năm",
    "Họ tên của người yêu cầu",
    "Tên của giấy tờ, văn bản",
    "Họ tên, chức danh người ký",
    "Số bản sao",
    "Lệ phí/ Phí (đồng)",
    "Ghi chú",
)
"""For copies that are not certified ones: the same columns, without the word."""
_LEFT, _TOP, _RIGHT, _BOTTOM = 25.0, 12.0, 12.0, 14.0  # mm; the left margin is where it is bound
_WIDTH = 297 - _LEFT - _RIGHT
_LINE = 4.6  # mm, of 10 pt text
_PADDING = 1.2
_PAGE_LINES = 26
"""Lines of a row that has a page for itself, below the heading."""
_TOTAL_ROW = _LINE + 2 * _PADDING


def print_sheet(sheet: Sheet, agency_name: str, printed_at: datetime) -> bytes:
    """One PDF of a month, or of a year when the sheet has no month.

    The same sheet, name and time give the same bytes. Raises MissingProgram without a font.
    """
    return _Paper(sheet, agency_name, printed_at.astimezone(VIETNAM)).made()


def money(amount: int) -> str:
    """Đồng with points, as in 12.000."""
    return f"{amount:,}".replace(",", ".")


class _Paper(FPDF):
    def __init__(self, sheet: Sheet, agency_name: str, printed_at: datetime) -> None:
        super().__init__(orientation="landscape", unit="mm", format="A4", enforce_compliance="PDF/A-2B")
        self.sheet, self.agency_name, self.printed_at = sheet, agency_name, printed_at
        regular, bold = serif_fonts()
        self.add_font("Serif", "", regular)
        self.add_font("Serif", "B", bold)
        self.set_margins(_LEFT, _TOP, _RIGHT)
        self.set_auto_page_break(False)
        self.set_lang("vi")
        describe(self, f"{self._title()} {self._period().lower()}", "sohoa", printed_at)
        self.page_copies = self.page_fee = self.page_numbers = 0

    def made(self) -> bytes:
        self._cover()
        self._start_page()
        several = len({entry.volume for entry in self.sheet.entries}) > 1
        volume = None
        for entry in self.sheet.entries:
            if several and entry.volume != volume:
                self._band(f"Quyển số: {self._volume_text(entry.volume_label)}")
                volume = entry.volume
            self._row(entry)
        self._page_total()
        self._closing()
        return bytes(self.output())

    def footer(self) -> None:
        if self.page_no() == 1:
            return
        self.set_y(-_BOTTOM + 3)
        self.set_font("Serif", "", 9)
        self.cell(_WIDTH / 2, 5, f"In lúc {self._printed()}")
        self.cell(_WIDTH / 2, 5, f"Trang {self.page_no() - 1}", align="R")

    # --- cover -------------------------------------------------------------------------------------------------------
    def _cover(self) -> None:
        sheet, book = self.sheet, self.sheet.book
        self.add_page()
        self._centred("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 13, "B")
        self._centred("Độc lập - Tự do - Hạnh phúc", 13, "B")
        text_width = self.get_string_width("Độc lập - Tự do - Hạnh phúc")
        middle = _LEFT + _WIDTH / 2
        self.line(middle - text_width / 2, self.y + 0.5, middle + text_width / 2, self.y + 0.5)
        self.ln(12)
        self._centred(self.agency_name.upper(), 14, "B")
        self.ln(18)
        self._centred(self._title(), 22, "B", 12)
        self.ln(6)
        for volume in dict.fromkeys(entry.volume_label for entry in sheet.entries) or [
            book.volumes[-1].label
        ]:
            self._centred(f"Quyển số: {self._volume_text(volume)}", 14, "")
        self._centred(self._period(), 14, "B")
        totals = sheet.totals
        if totals.numbers:
            self._centred(f"Từ số {totals.first:02d} đến số {totals.last:02d}", 14, "")
        self.ln(10)
        self._centred(f"Mở {_day(book.opened)}", 13, "")
        self._centred(f"Khóa {_day(book.closed)}", 13, "")
        if book.opening_note:
            self._centred(book.opening_note, 11, "")
        self.ln(8)
        if sheet.month is not None and sheet.closing is None:
            self._centred("Bản in khi tháng chưa khóa: số liệu còn có thể thay đổi", 11, "B")
        self._centred(f"In lần {sheet.prints_before + 1}, lúc {self._printed()}", 10, "")

    def _centred(self, text: str, size: float, style: str, height: float = 7) -> None:
        self.set_font("Serif", style, size)
        self.multi_cell(_WIDTH, height, drawable(text), align="C", new_x="LMARGIN", new_y="NEXT")

    def _title(self) -> str:
        if self.sheet.book.shared:
            return "SỔ ĐĂNG KÝ BẢN SAO"
        return BOOK_TITLES[self.sheet.book.series.kind]

    def _volume_text(self, label: str) -> str:
        return f"{label} - {self.sheet.book.symbol}" if self.sheet.book.symbol else label

    def _period(self) -> str:
        year = self.sheet.book.year
        return f"Năm {year}" if self.sheet.month is None else f"Tháng {self.sheet.month:02d} năm {year}"

    def _printed(self) -> str:
        return f"{self.printed_at:%d/%m/%Y %H:%M:%S} +07:00"

    # --- rows --------------------------------------------------------------------------------------------------------
    def _start_page(self) -> None:
        self.add_page()
        self.page_copies = self.page_fee = self.page_numbers = 0
        certified = self.sheet.book.series.kind is BookKind.CERTIFIED
        names = _HEADS if certified else _HEADS_OF_COPIES
        middle = ["C"] * len(_COLUMNS)
        heads = [self._lines(name, width, "B") for name, (width, _) in zip(names, _COLUMNS, strict=True)]
        self._draw(heads, "B", middle)
        self._draw([[f"({n})"] for n in range(1, len(_COLUMNS) + 1)], "", middle)

    def _row(self, entry: RegisterEntry) -> None:
        numbered = entry.number_text if entry.kind is BookKind.CERTIFIED else entry.full_number
        signer = ", ".join(part for part in (entry.draft.signer, entry.draft.signer_title) if part)
        used = entry.failure is None
        texts = (
            numbered,
            f"{entry.day:%d/%m/%Y}",
            entry.draft.requester,
            entry.draft.original,
            signer,
            str(entry.draft.copies) if used else "0",
            money(entry.draft.fee) if used else "0",
            entry.note_text,
        )
        cells = [self._lines(text, width, "") for text, (width, _) in zip(texts, _COLUMNS, strict=True)]
        while cells:
            room = int((self._bottom() - self.y - 2 * _PADDING) / _LINE)
            height = max(len(cell) for cell in cells)
            if height > room and (room < 3 or height <= _PAGE_LINES):
                self._next_page()
                continue
            self._draw([cell[:room] for cell in cells], "", _ALIGNS)
            cells = [cell[room:] for cell in cells] if height > room else []
        self.page_numbers += 1
        if used:
            self.page_copies += entry.draft.copies
            self.page_fee += entry.draft.fee

    def _band(self, text: str) -> None:
        if self._bottom() - self.y < 3 * _TOTAL_ROW:
            self._next_page()
        self.set_font("Serif", "B", 10)
        self.cell(_WIDTH, _TOTAL_ROW, text, border=1, align="C", new_x="LMARGIN", new_y="NEXT")

    def _next_page(self) -> None:
        self._page_total()
        self._start_page()

    def _page_total(self) -> None:
        self._total(f"Cộng trang: {self.page_numbers} số", self.page_copies, self.page_fee)

    def _total(self, text: str, copies: int, amount: int) -> None:
        widths = [width for width, _ in _COLUMNS]
        self.set_font("Serif", "B", 10)
        for width, content, align in (
            (sum(widths[:5]), text, "L"),
            (widths[5], str(copies), "R"),
            (widths[6], money(amount), "R"),
        ):
            self.cell(width, _TOTAL_ROW, content, border=1, align=align)
        self.cell(widths[7], _TOTAL_ROW, "", border=1, new_x="LMARGIN", new_y="NEXT")

    def _bottom(self) -> float:
        """Lowest line for rows: the page total stands below it."""
        return self.h - _BOTTOM - _TOTAL_ROW

    def _lines(self, text: str, width: float, style: str) -> list[str]:
        self.set_font("Serif", style, 10)
        return self.multi_cell(width, _LINE, drawable(text), dry_run=True, output="LINES") or [""]

    def _draw(self, cells: list[list[str]], style: str, aligns: list[str]) -> None:
        """One row of cells, as high as the highest."""
        height = max(len(cell) for cell in cells) * _LINE + 2 * _PADDING
        top, left = self.y, _LEFT
        self.set_font("Serif", style, 10)
        for cell, (width, _), align in zip(cells, _COLUMNS, aligns, strict=True):
            self.rect(left, top, width, height)
            for position, line in enumerate(cell):
                self.set_xy(left, top + _PADDING + position * _LINE)
                self.cell(width, _LINE, line, align=align)
            left += width
        self.set_xy(_LEFT, top + height)

    # --- end ---------------------------------------------------------------------------------------------------------
    def _closing(self) -> None:
        sheet, totals = self.sheet, self.sheet.totals
        if self.h - _BOTTOM - self.y < 50:
            self.add_page()
        of = "năm" if sheet.month is None else "tháng"
        self._total(
            f"Tổng cộng {of}: {totals.numbers} số, trong đó {totals.failed} số không sử dụng, {totals.cancelled} số đã hủy",
            totals.copies,
            totals.fee,
        )
        self.ln(3)
        self.set_font("Serif", "", 11)
        closed, who = sheet.book.closed, sheet.book.closed_by
        if sheet.month is not None:
            closed, who = (sheet.closing.at, sheet.closing.who) if sheet.closing else (None, None)
        if closed is not None:
            text = drawable(f"Đã khóa {of} {_day(closed)}. Người khóa: {who}.")
            self.cell(_WIDTH, 6, text, new_x="LMARGIN", new_y="NEXT")
        self.ln(2)
        self.set_font("Serif", "B", 11)
        for text in ("Người ghi sổ", "Người đứng đầu cơ quan, tổ chức"):
            self.cell(_WIDTH / 2, 6, text, align="C")
        self.ln(6)
        self.set_font("Serif", "", 10)
        for text in ("(Ký, ghi rõ họ tên)", "(Ký, ghi rõ họ tên, đóng dấu)"):
            self.cell(_WIDTH / 2, 5, text, align="C")


def _day(moment: datetime | None) -> str:
    if moment is None:
        return "ngày …… tháng …… năm ……"
    return f"ngày {moment:%d} tháng {moment:%m} năm {moment:%Y}"
