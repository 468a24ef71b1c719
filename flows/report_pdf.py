"""A report on paper: A4 across, PDF/A, fonts embedded, charts as pictures. The same figures give the same pages."""

from __future__ import annotations

import io

from fpdf import FPDF

from flows.report_tables import (
    COUNT,
    DAY,
    DECIMAL,
    MONEY,
    PERCENT,
    TEXT,
    Column,
    Picture,
    Section,
    headline,
    sections,
    shown,
    spoken_of,
    sums,
    title,
)
from schemas.plan_report import ReportFigures
from storage.print_fonts import drawable, serif_fonts

_MARGIN, _FOOT = 15.0, 14.0  # mm
_LINE = 4.6  # mm, of 9 pt text
_PADDING = 0.7  # mm, above and below the lines of a cell
_ALIGN = {TEXT: "L", COUNT: "R", MONEY: "R", PERCENT: "R", DAY: "C", DECIMAL: "C"}
_HEAD = (222, 230, 240)
_SUM = (240, 240, 240)


def report_pdf(figures: ReportFigures, chart: Picture) -> bytes:
    """Raises MissingProgram without a font."""
    return _Paper(figures, chart).made()


class _Paper(FPDF):
    def __init__(self, figures: ReportFigures, chart: Picture) -> None:
        super().__init__(orientation="landscape", unit="mm", format="A4", enforce_compliance="PDF/A-2B")
        self.figures, self.chart = figures, chart
        regular, bold = serif_fonts()
        self.add_font("Serif", "", regular)
        self.add_font("Serif", "B", bold)
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(True, _FOOT)
        self.set_lang("vi")
        self.set_title(title(figures))
        self.set_creator("sohoa")
        self.set_creation_date(figures.as_of)

    def made(self) -> bytes:
        self.add_page()
        self._head()
        for section in sections(self.figures):
            self._section(section)
        self._notes()
        return bytes(self.output())

    def footer(self) -> None:
        self.set_y(-_FOOT + 4)
        self.set_font("Serif", "", 8)
        self.cell(self.epw * 0.8, 4, drawable(spoken_of(self.figures)))
        self.cell(0, 4, f"Trang {self.page_no()}", align="R")

    def _head(self) -> None:
        self.set_font("Serif", "B", 16)
        self.multi_cell(0, 8, drawable(title(self.figures)), align="C", new_x="LMARGIN", new_y="NEXT")
        self.set_font("Serif", "", 10)
        self.multi_cell(0, 6, drawable(spoken_of(self.figures)), align="C", new_x="LMARGIN", new_y="NEXT")
        self.ln(3)
        cards = headline(self.figures)
        width = self.epw / 3
        for start in range(0, len(cards), 3):
            top = self.get_y()
            for at, (name, value) in enumerate(cards[start : start + 3]):
                self.set_xy(self.l_margin + at * width, top)
                self.set_fill_color(*_SUM)
                self.rect(self.get_x() + 0.8, top, width - 1.6, 15, style="F")
                self.set_xy(self.l_margin + at * width + 3, top + 1.5)
                self.set_font("Serif", "", 9)
                self.cell(width - 6, 5, name)
                self.set_xy(self.l_margin + at * width + 3, top + 6.5)
                self.set_font("Serif", "B", 13)
                self.cell(width - 6, 7, drawable(value))
            self.set_xy(self.l_margin, top + 17)

    def _section(self, section: Section) -> None:
        picture = self.chart(section.chart) if section.chart else None
        # A heading with at least the head and two rows of its table below it; with its chart where one page holds them all
        # and less than half a page stays white for that.
        whole = 26 + (_LINE + 1.4) * min(len(section.rows) + len(section.extra) + 1, section.on_paper) + self._height(picture)
        left = self.h - self.b_margin - self.get_y()
        if left < 40 or (left < whole <= self.eph and left < self.eph / 2):
            self.add_page()
        self.ln(4)
        self.set_font("Serif", "B", 12)
        self.multi_cell(0, 7, drawable(section.title), new_x="LMARGIN", new_y="NEXT")
        self._table(section)
        if section.note:
            self.set_font("Serif", "", 8.5)
            self.multi_cell(0, 4.5, drawable(section.note), new_x="LMARGIN", new_y="NEXT")
        if picture:
            self._picture(picture)

    def _height(self, picture: bytes | None) -> float:
        """mm, as wide as the page."""
        from PIL import Image

        if picture is None:
            return 0.0
        with Image.open(io.BytesIO(picture)) as image:
            return self.epw * image.height / image.width

    def _picture(self, data: bytes) -> None:
        if self.get_y() + self._height(data) > self.h - self.b_margin:
            self.add_page()
        self.ln(1)
        self.image(io.BytesIO(data), w=self.epw)

    def _table(self, section: Section) -> None:
        rows = section.rows[: section.on_paper]
        total = sums(section)
        aligns = [_ALIGN[column.kind] for column in section.columns]
        whole = sum(column.width for column in section.columns)
        widths = [self.epw * column.width / whole for column in section.columns]
        head = [drawable(column.heading) for column in section.columns]
        self._row(head, widths, aligns, "B", _HEAD)
        for cells, style, colour in (
            *((cells, "", None) for cells in rows),
            *((cells, "B", _SUM) for cells in (*((total,) if total else ()), *section.extra)),
        ):
            texts = [self._shown(cell, column) for cell, column in zip(cells, section.columns, strict=True)]
            if not self._row(texts, widths, aligns, style, colour):
                self.add_page()
                self._row(head, widths, aligns, "B", _HEAD)
                self._row(texts, widths, aligns, style, colour, always=True)
        if len(section.rows) > len(rows):
            self.set_font("Serif", "", 8.5)
            left = len(section.rows) - len(rows)
            self.multi_cell(0, 4.5, f"… và {left} dòng nữa trong tệp XLSX, CSV.", new_x="LMARGIN", new_y="NEXT")

    def _row(
        self, texts: list[str], widths: list[float], aligns: list[str], style: str, colour: tuple | None, always: bool = False
    ) -> bool:
        """One row as high as its highest cell; False, and nothing drawn, where the page has no room for it. Drawn here:
        the tables of fpdf break every text twice, which took two thirds of a report."""
        self.set_font("Serif", style, 8.5)
        cells = [self._lines(text, width) for text, width in zip(texts, widths, strict=True)]
        height = max(map(len, cells)) * _LINE + 2 * _PADDING
        if not always and self.will_page_break(height):
            return False
        left, top = self.l_margin, self.get_y()
        if colour:
            self.set_fill_color(*colour)
        for lines, width, align in zip(cells, widths, aligns, strict=True):
            self.rect(left, top, width, height, style="DF" if colour else "D")
            first = top + (height - len(lines) * _LINE) / 2
            for n, line in enumerate(lines):
                if line:
                    self.set_xy(left, first + n * _LINE)
                    self.cell(width, _LINE, line, align=align)
            left += width
        self.set_xy(self.l_margin, top + height)
        return True

    def _lines(self, text: str, width: float) -> list[str]:
        if self.get_string_width(text) <= width - 2 * self.c_margin and "\n" not in text:
            return [text]
        return self.multi_cell(width, _LINE, text, dry_run=True, output="LINES") or [""]

    @staticmethod
    def _shown(cell, column: Column) -> str:
        return drawable(shown(cell, column.kind))

    def _notes(self) -> None:
        if not self.figures.notes:
            return
        self.ln(4)
        self.set_font("Serif", "B", 12)
        self.multi_cell(0, 7, "Điều chưa tính được", new_x="LMARGIN", new_y="NEXT")
        self.set_font("Serif", "", 9.5)
        for note in self.figures.notes:
            self.multi_cell(0, 5, drawable(f"– {note}"), new_x="LMARGIN", new_y="NEXT")
