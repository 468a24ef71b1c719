"""A report as a spreadsheet: one sheet a table; sums and shares are formulas, figures are numbers, texts are only texts."""

from __future__ import annotations

import io
from functools import lru_cache

from flows.report_charts import chart
from flows.report_tables import (
    COUNT,
    DAY,
    DECIMAL,
    MONEY,
    PERCENT,
    TEXT,
    Cell,
    Section,
    headline,
    sections,
    spoken_of,
    sums,
    title,
)
from schemas.plan_report import ReportFigures

_FONT = "Times New Roman"
"""As papers of offices are written (NĐ 30/2020 PL I); where it is missing its metric twin is taken."""
_LINE = 15.5  # points, height of a line
_UNIT = 11.0  # characters, width of a column of counts
_FORMATS = {COUNT: "#,##0", MONEY: "#,##0", PERCENT: "0.0", DECIMAL: "0.00", DAY: "dd/mm/yyyy"}
_HEADING_ROW = 4


def report_xlsx(figures: ReportFigures) -> bytes:
    """A workbook; opens without a question in Excel and LibreOffice."""
    from openpyxl import Workbook

    book = Workbook()
    # Creator and times would otherwise be those of the library and of this moment.
    book.properties.creator, book.properties.title = "sohoa", title(figures)
    book.properties.created = book.properties.modified = figures.as_of.replace(tzinfo=None)
    _summary(book.active, figures)
    for section in sections(figures):
        _sheet(book.create_sheet(_sheet_name(section)), section, figures)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _sheet_name(section: Section) -> str:
    return section.name[:31]


def _summary(sheet, figures: ReportFigures) -> None:
    from openpyxl.styles import Alignment

    sheet.title = "tong_hop"
    _text(sheet.cell(1, 1), title(figures)).font = _font(bold=True, size=14)
    _text(sheet.cell(2, 1), spoken_of(figures)).font = _font()
    for at, (name, value) in enumerate(headline(figures), _HEADING_ROW):
        _text(sheet.cell(at, 1), name).font = _font()
        _text(sheet.cell(at, 2), value).font = _font(bold=True)
    at = _HEADING_ROW + len(headline(figures)) + 1
    for note in figures.notes:
        cell = _text(sheet.cell(at, 1), note)
        cell.alignment, cell.font = Alignment(wrap_text=True, vertical="top"), _font()
        sheet.merge_cells(start_row=at, end_row=at, start_column=1, end_column=2)
        sheet.row_dimensions[at].height = _LINE * (1 + len(note) // 80)
        at += 1
    sheet.column_dimensions["A"].width = 46
    sheet.column_dimensions["B"].width = 40
    _printed(sheet)


def _sheet(sheet, section: Section, figures: ReportFigures) -> None:
    from openpyxl.drawing.image import Image
    from openpyxl.styles import Alignment, Border, PatternFill, Side
    from openpyxl.utils import get_column_letter

    thin = Side(style="thin", color="BFC7D1")
    border = Border(left=thin, right=thin, top=thin, bottom=thin)
    head, foot = PatternFill("solid", fgColor="DEE6F0"), PatternFill("solid", fgColor="F0F0F0")
    _text(sheet.cell(1, 1), section.title).font = _font(bold=True, size=13)
    if section.note:
        _text(sheet.cell(2, 1), section.note).font = _font(italic=True)
    for at, column in enumerate(section.columns, 1):
        cell = _text(sheet.cell(_HEADING_ROW, at), column.heading)
        cell.font, cell.fill, cell.border = _font(bold=True), head, border
        cell.alignment = Alignment(wrap_text=True, horizontal="center", vertical="center")
        sheet.column_dimensions[get_column_letter(at)].width = max(_UNIT, _UNIT * column.width)
    lines = max(1 + len(column.heading) // int(_UNIT * column.width) for column in section.columns)
    sheet.row_dimensions[_HEADING_ROW].height = _LINE * max(2, lines + 1)
    first = _HEADING_ROW + 1
    for row, cells in enumerate(section.rows, first):
        _row(sheet, row, section, cells, border)
    last = first + len(section.rows) - 1
    row = last + 1
    if sums(section) is not None:
        _text(sheet.cell(row, 1), "Cộng")
        for at, column in enumerate(section.columns, 1):
            cell = sheet.cell(row, at)
            if column.sum:
                letter = get_column_letter(at)
                cell.value = f"=SUM({letter}{first}:{letter}{last})"
                cell.number_format = _FORMATS[column.kind]
            cell.font, cell.fill, cell.border = _font(bold=True), foot, border
        for share, part, whole in section.shares:
            if section.columns[part].sum and section.columns[whole].sum:
                _share(sheet, row, share, part, whole)
        row += 1
    for cells in section.extra:
        _row(sheet, row, section, cells, border, _font(bold=True), foot)
        row += 1
    sheet.freeze_panes = sheet.cell(first, 2)
    if section.rows:
        sheet.auto_filter.ref = f"A{_HEADING_ROW}:{get_column_letter(len(section.columns))}{last}"
    _printed(sheet)
    sheet.print_title_rows = f"{_HEADING_ROW}:{_HEADING_ROW}"
    if section.chart and (picture := chart(section.chart, figures)):
        image = Image(io.BytesIO(picture))
        image.width, image.height = image.width * 0.45, image.height * 0.45
        sheet.add_image(image, f"A{row + 2}")


def _printed(sheet) -> None:
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


@lru_cache
def _font(**more):
    from openpyxl.styles import Font

    return Font(name=_FONT, **({"size": 11} | more))


def _row(sheet, row: int, section: Section, cells: tuple[Cell, ...], border, font=None, fill=None) -> None:
    from openpyxl.styles import Alignment

    for at, (value, column) in enumerate(zip(cells, section.columns, strict=True), 1):
        cell = sheet.cell(row, at)
        if column.kind == TEXT:
            _text(cell, "" if value is None else str(value))
            cell.alignment = Alignment(wrap_text=True, vertical="center")
        else:
            cell.value = value
            cell.number_format = _FORMATS[column.kind]
        cell.border = border
        cell.font = font or _font()
        if fill is not None:
            cell.fill = fill
    lines = max(
        1 + len(str(value or "")) // max(1, int(_UNIT * column.width))
        for value, column in zip(cells, section.columns, strict=True)
        if column.kind == TEXT
    )
    if lines > 1:
        sheet.row_dimensions[row].height = _LINE * lines
    for share, part, whole in section.shares:
        if cells[share] is not None:
            _share(sheet, row, share, part, whole)


def _share(sheet, row: int, share: int, part: int, whole: int) -> None:
    from openpyxl.utils import get_column_letter

    above, below = (f"{get_column_letter(at + 1)}{row}" for at in (part, whole))
    cell = sheet.cell(row, share + 1)
    cell.value = f'=IF({below}=0,"",100*{above}/{below})'
    cell.number_format = _FORMATS[PERCENT]


def _text(cell, text: str):
    """Written as text whatever it begins with: a name from a list must not become a formula (OWASP: CSV injection)."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"
    return cell
