"""All figures of a report as one table for other programs: table, row, column, value."""

from __future__ import annotations

import csv
import io
from datetime import date

from flows.report_tables import TEXT, sections
from schemas.plan_report import ReportFigures


def report_csv(figures: ReportFigures) -> bytes:
    """UTF-8 with a mark, so that spreadsheets read Vietnamese; texts that look like formulas are quoted."""
    made = io.StringIO(newline="")
    writer = csv.writer(made)
    writer.writerow(("bang", "dong", "cot", "gia_tri"))
    for section in sections(figures):
        for number, cells in enumerate((*section.rows, *section.extra), 1):
            name = str(cells[0]) if section.columns[0].kind == TEXT else str(number)
            for column, value in zip(section.columns, cells, strict=True):
                if value is not None:
                    writer.writerow((section.name, safe(name), column.heading, _raw(value)))
    return b"\xef\xbb\xbf" + made.getvalue().encode()


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _raw(value: str | int | float | date) -> str | int | float:
    if isinstance(value, date):
        return value.isoformat()
    return safe(value) if isinstance(value, str) else value
