"""A report as a spreadsheet: one sheet a table; sums and shares are formulas, figures are numbers, texts are only texts."""

from __future__ import annotations

import io
from functools import lru_cache

from flows.report_tables import (
    COUNT,
    DAY,
    DECIMAL,
    MONEY,
    PERCENT,
    TEXT,
    Cell,
    Picture,
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
_ONE_PAGE = 20
"""Rows of a table that is printed on one page with its chart."""
_SUM = "F0F0F0"


def report_xlsx(figures: ReportFigures, chart: Picture) -> bytes:
    """A workbook; opens without a question in Excel and LibreOffice."""
    from openpyxl import Workbook

    book = Workbook()
    # Creator and times would otherwise be those of the library and of this moment.
    book.properties.creator, book.properties.title = "sohoa", title(figures)
    book.properties.created = book.properties.modified = figures.as_of.replace(tzinfo=None)
    for style in _styles():
        book.add_named_style(style)
    _summary(book.active, figures)
    for section in sections(figures):
        _sheet(book.create_sheet(_sheet_name(section)), section, figures, chart)
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


def _sheet(sheet, section: Section, figures: ReportFigures, chart: Picture) -> None:
    from openpyxl.drawing.image import Image
    from openpyxl.styles import Alignment, PatternFill
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.pagebreak import Break

    head = PatternFill("solid", fgColor="DEE6F0")
    _text(sheet.cell(1, 1), section.title).font = _font(bold=True, size=13)
    if section.note:
        _text(sheet.cell(2, 1), section.note).font = _font(italic=True)
    for at, column in enumerate(section.columns, 1):
        cell = _text(sheet.cell(_HEADING_ROW, at), column.heading)
        cell.font, cell.fill, cell.border = _font(bold=True), head, _border()
        cell.alignment = Alignment(wrap_text=True, horizontal="center", vertical="center")
        sheet.column_dimensions[get_column_letter(at)].width = max(_UNIT, _UNIT * column.width)
    lines = max(1 + len(column.heading) // int(_UNIT * column.width) for column in section.columns)
    sheet.row_dimensions[_HEADING_ROW].height = _LINE * max(2, lines + 1)
    first = _HEADING_ROW + 1
    for row, cells in enumerate(section.rows, first):
        _row(sheet, row, section, cells)
    last = first + len(section.rows) - 1
    row = last + 1
    if sums(section) is not None:
        _text(sheet.cell(row, 1), "Cộng")
        for at, column in enumerate(section.columns, 1):
            cell = sheet.cell(row, at)
            cell.style = _style_of(column.kind, strong=True)
            if column.sum:
                letter = get_column_letter(at)
                cell.value = f"=SUM({letter}{first}:{letter}{last})"
        for share, part, whole in section.shares:
            if section.columns[part].sum and section.columns[whole].sum:
                _share(sheet, row, (share, part, whole), (first, last))
        row += 1
    for cells in section.extra:
        _row(sheet, row, section, cells, strong=True)
        row += 1
    sheet.freeze_panes = sheet.cell(first, 2)
    if section.rows:
        sheet.auto_filter.ref = f"A{_HEADING_ROW}:{get_column_letter(len(section.columns))}{last}"
    _printed(sheet)
    sheet.print_title_rows = f"{_HEADING_ROW}:{_HEADING_ROW}"
    if section.chart and (picture := chart(section.chart)):
        image = Image(io.BytesIO(picture))
        image.width, image.height = image.width * 0.45, image.height * 0.45
        sheet.add_image(image, f"A{row + 2}")
        # A chart is not cut by the end of a page: on one page with a short table, on the next after a long one.
        if len(section.rows) <= _ONE_PAGE:
            sheet.page_setup.fitToHeight = 1
        else:
            sheet.row_breaks.append(Break(id=row))


def _printed(sheet) -> None:
    sheet.page_setup.orientation, sheet.page_setup.paperSize = "landscape", sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True


@lru_cache
def _border():
    from openpyxl.styles import Border, Side

    thin = Side(style="thin", color="BFC7D1")
    return Border(left=thin, right=thin, top=thin, bottom=thin)


@lru_cache
def _font(**more):
    from openpyxl.styles import Font

    return Font(name=_FONT, **({"size": 11} | more))


def _styles() -> list:
    """Of the cells of a table: given by name, which takes a quarter of the time of font, border and format one by one."""
    from openpyxl.styles import Alignment, NamedStyle, PatternFill

    found = []
    for strong in (False, True):
        for kind in (TEXT, *_FORMATS):
            style = NamedStyle(_style_of(kind, strong), font=_font(bold=strong), border=_border())
            if kind == TEXT:  # indented, for the number before it stands at the border
                style.alignment = Alignment(wrap_text=True, vertical="center", horizontal="left", indent=1)
            else:
                style.alignment = Alignment(vertical="center")
                style.number_format = _FORMATS[kind]
            if strong:
                style.fill = PatternFill("solid", fgColor=_SUM)
            found.append(style)
    return found


def _style_of(kind: str, strong: bool) -> str:
    return f"sohoa {kind} {'cộng' if strong else ''}".strip()


def _row(sheet, row: int, section: Section, cells: tuple[Cell, ...], *, strong: bool = False) -> None:
    for at, (value, column) in enumerate(zip(cells, section.columns, strict=True), 1):
        cell = sheet.cell(row, at)
        if column.kind == TEXT:
            _text(cell, "" if value is None else str(value))
        else:
            cell.value = value
        cell.style = _style_of(column.kind, strong)
    lines = max(
        1 + len(str(value or "")) // max(1, int(_UNIT * column.width))
        for value, column in zip(cells, section.columns, strict=True)
        if column.kind == TEXT
    )
    if lines > 1:
        sheet.row_dimensions[row].height = _LINE * lines
    for share, part, whole in section.shares:
        if cells[share] is not None:
            _share(sheet, row, (share, part, whole))


def _share(sheet, row: int, columns: tuple[int, int, int], summed: tuple[int, int] | None = None) -> None:
    """`columns`: the share, the part, the whole. `summed`: first and last row that a row of sums sums; as `report_tables.sums`
    its share is that of the rows whose whole is known."""
    from openpyxl.utils import get_column_letter

    share, part, whole = (get_column_letter(at + 1) for at in columns)
    above = f"{part}{row}"
    if summed is not None:
        first, last = summed
        above = f'SUMIF({whole}{first}:{whole}{last},">=0",{part}{first}:{part}{last})'
    cell = sheet[f"{share}{row}"]
    cell.value = f'=IF({whole}{row}=0,"",100*{above}/{whole}{row})'
    cell.number_format = _FORMATS[PERCENT]


def _text(cell, text: str):
    """Written as text whatever it begins with: a name from a list must not become a formula (OWASP: CSV injection)."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
    cell.data_type = "s"
    return cell
