"""Tables from files that other systems export: CSV in any encoding met in offices, XLSX, JSON. Nothing is interpreted here;
every cell is text, with the row it stands in."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from schemas.errors import TooLarge
from schemas.plan_errors import ListUnreadable

FILE_BYTES = 300_000_000
UNPACKED_BYTES = 2_000_000_000
"""An XLSX of 200,000 rows unpacks to about 200 MB."""
ROWS = 1_000_000
COLUMNS = 200
CELL = 5_000
"""Characters."""
_HEADING_WITHIN = 20
"""Rows above the heading (name of the office, title of the list) that are passed over."""
_DELIMITERS = ",;\t|"


@dataclass
class Table:
    """Rows below a heading. `rows` gives (1-based row in the file, cells); it can be read once."""

    headings: list[str]
    heading_row: int
    rows: Iterator[tuple[int, list[str]]]


def read_table(path: Path) -> Table:
    """The first table of a file.

    Raises ListUnreadable when there is none, TooLarge beyond the bounds (also while rows are read).
    """
    try:
        size = path.stat().st_size
        if size > FILE_BYTES:
            raise TooLarge(f"{size} bytes, at most {FILE_BYTES}")
        with path.open("rb") as file:
            start = file.read(8)
        if start.startswith(b"PK"):
            return _headed(_xlsx(path))
        data = path.read_bytes()
    except OSError as error:
        raise ListUnreadable(f"{error.strerror}") from error
    text = _text(data)
    if text.lstrip("\ufeff \r\n\t")[:1] in ("[", "{"):
        return _json(text)
    return _headed(_csv(text))


def _headed(rows: Iterator[tuple[int, list[str]]]) -> Table:
    """The heading is the first row with at least three filled cells, all of them text."""
    for number, cells in rows:
        filled = [cell for cell in cells if cell]
        if len(filled) >= 3 and not any(cell.replace(".", "").isdigit() for cell in filled):
            return Table(cells, number, _bounded(rows, number))
        if number >= _HEADING_WITHIN:
            break
    raise ListUnreadable("no row with headings found")


def _bounded(rows: Iterator[tuple[int, list[str]]], heading: int) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        if number - heading > ROWS:
            raise TooLarge(f"more than {ROWS} rows")
        if any(cells):
            yield number, cells


# --- CSV -------------------------------------------------------------------------------------------------------------
def _text(data: bytes) -> str:
    """Text of bytes in UTF-8, UTF-16 or, line by line, in a one-byte encoding: one file often mixes two."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise ListUnreadable(f"not {encoding} as its first bytes say") from error
    if b"\0" in data[:4096]:
        raise ListUnreadable("not a text file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(map(_line, data.splitlines(keepends=True)))


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    # TCVN3 and VNI bytes are Latin-1 letters here; flows.legacy_text tells them cell by cell. Windows-1258 writes tones apart.
    from flows.legacy_text import modern, plausible

    as_latin, as_windows = line.decode("latin-1"), line.decode("cp1258", "replace")
    words = as_latin.replace(",", " ").replace(";", " ")
    if modern(words)[1]:
        return as_latin
    return as_windows if plausible(as_windows) >= plausible(as_latin) else as_latin


def _csv(text: str) -> Iterator[tuple[int, list[str]]]:
    first = [line for line in text[:20_000].splitlines()[:_HEADING_WITHIN] if line.strip()]
    if not first:
        raise ListUnreadable("empty")
    delimiter = max(_DELIMITERS, key=lambda d: max(line.count(d) for line in first))
    csv.field_size_limit(1_000_000)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        # Counted as a spreadsheet shows them: a record is a row, whatever line breaks its cells hold.
        for number, cells in enumerate(reader, 1):
            yield number, _cells(cells)
    except csv.Error as error:
        raise ListUnreadable(f"line {reader.line_num}: {error}") from error


def _cells(cells: list[str]) -> list[str]:
    if len(cells) > COLUMNS:
        raise TooLarge(f"more than {COLUMNS} columns")
    return [cell.strip().replace("\0", "")[:CELL] for cell in cells]


# --- XLSX ------------------------------------------------------------------------------------------------------------
def _xlsx(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet that holds any. A formula is given as its text (`=…`), so that it is seen as what it is."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as package:
            unpacked = sum(entry.file_size for entry in package.infolist())
            if unpacked > UNPACKED_BYTES:
                raise TooLarge(f"{unpacked} bytes unpacked, at most {UNPACKED_BYTES}")
            if "xl/workbook.xml" not in package.namelist():
                raise ListUnreadable("a zip file, but no workbook")
        book = load_workbook(path, read_only=True, keep_links=False)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ListUnreadable(f"not a workbook: {type(error).__name__}") from error
    try:
        for sheet in book.worksheets:
            empty = True
            for number, row in enumerate(sheet.iter_rows(max_col=COLUMNS, values_only=True), 1):
                cells = [_shown(value) for value in row]
                empty = empty and not any(cells)
                yield number, cells
            if not empty:
                return
    finally:
        book.close()


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().replace("\0", "")[:CELL]


# --- JSON ------------------------------------------------------------------------------------------------------------
def _json(text: str) -> Table:
    """A list of flat objects, alone or under the first key that holds one (`data`, `items` …). Rows count from 1."""
    try:
        given = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ListUnreadable("not valid JSON") from error
    if isinstance(given, dict):
        given = next((value for value in given.values() if isinstance(value, list)), None)
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        raise ListUnreadable("no list of objects in the JSON")
    headings = list(dict.fromkeys(key for item in given for key in item))
    if len(headings) > COLUMNS:
        raise TooLarge(f"more than {COLUMNS} columns")
    rows = ((number, [_plain(item.get(key)) for key in headings]) for number, item in enumerate(given, 1))
    return Table(headings, 0, _bounded(rows, 0))


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value, ensure_ascii=False)[:CELL] if isinstance(value, dict | list) else _shown(value)
