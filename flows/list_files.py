"""Tables from files that other systems export: CSV in any encoding met in offices, XLSX, JSON. Nothing is interpreted here;
every cell is text, with the row it stands in."""

from __future__ import annotations

import codecs
import csv
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import chain, islice
from pathlib import Path

from schemas.errors import TooLarge
from schemas.plan_errors import ListUnreadable
from storage.catalogue.tables import cleaned

FILE_BYTES = 300_000_000
JSON_BYTES = 100_000_000
"""JSON is held whole while it is read."""
UNPACKED_BYTES = 1_000_000_000
"""An XLSX of 200,000 rows unpacks to about 200 MB."""
STRINGS_BYTES = 300_000_000
"""Of one part of an XLSX that is held whole (its texts)."""
ROWS = 1_000_000
COLUMNS = 200
CELL = 5_000
"""Characters; longer cells are told, not cut."""
_HEADING_WITHIN = 20
"""Rows above the heading (name of the office, title of the list) that are passed over."""
_DELIMITERS = ",;\t|"
_BETWEEN = re.compile(b"([,;\t|\"])")
_BLOCK = 1 << 20
_OTHERWISE = (
    (b"\xd0\xcf\x11\xe0", "tệp .xls cũ (Excel 97–2003) hoặc tệp có mật khẩu; hãy lưu thành .xlsx không mật khẩu"),
    (b"<", "tệp HTML hoặc XML mang đuôi .xls; hãy mở bằng Excel, LibreOffice rồi lưu thành .xlsx"),
    (b"%PDF", "tệp PDF; cần CSV, XLSX hoặc JSON"),
)


@dataclass
class Table:
    """Rows below a heading. `rows` gives (1-based row in the file, cells); it can be read once."""

    headings: list[str]
    heading_row: int
    rows: Iterator[tuple[int, list[str]]]
    unread: list[str] = field(default_factory=list)
    """Names of further sheets that hold something."""


Known = Callable[[str], bool]
"""Whether a text is a heading that somebody has met."""


def read_table(path: Path, known: Known = lambda heading: False) -> Table:
    """The first table of a file. `known` helps to tell the heading from titles above it, and one heading over two rows.

    Raises ListUnreadable when there is none, TooLarge beyond the bounds (also while rows are read).
    """
    try:
        size = path.stat().st_size
        if size > FILE_BYTES:
            raise TooLarge(f"{size} bytes, at most {FILE_BYTES}")
        with path.open("rb") as file:
            start = file.read(4096)
        if start.startswith(b"PK"):
            return _xlsx(path, known)
        bare = start.removeprefix(codecs.BOM_UTF8).lstrip()
        for mark, why in _OTHERWISE:
            if bare.startswith(mark):
                raise ListUnreadable(why)
        if bare[:1] in (b"[", b"{"):
            if size > JSON_BYTES:
                raise TooLarge(f"{size} bytes of JSON, at most {JSON_BYTES}")
            return _json("".join(_lines(path, start)))
        return _headed(_csv(_lines(path, start)), known)
    except OSError as error:
        raise ListUnreadable(f"{error.strerror}") from error


def _headed(rows: Iterator[tuple[int, list[str]]], known: Known) -> Table:
    """The heading is the row (or two rows, where groups of columns have a name above) with the most known headings; where none
    is known, the first row with at least three filled cells, all of them text."""
    first = list(islice(rows, _HEADING_WITHIN + 1))
    best: tuple[int, int, list[str]] | None = None
    for at, (_, cells) in enumerate(first[:_HEADING_WITHIN]):
        if not _may_head(cells):
            continue
        two = first[at + 1][1] if at + 1 < len(first) and _may_head(first[at + 1][1], 1) else None
        for last, headings in ((at, cells), (at + 1, _over(cells, two) if two else None)):
            score = sum(map(known, headings)) if headings else 0
            if headings and (best is None or score > best[0]):
                best = (score, last, headings)
    if best is None:
        raise ListUnreadable("không thấy dòng tiêu đề cột (ít nhất ba cột)")
    _, last, headings = best
    number = first[last][0]
    return Table(headings, number, _bounded(chain(first[last + 1 :], rows), number))


def _may_head(cells: list[str], least: int = 3) -> bool:
    filled = [cell for cell in cells if cell]
    return len(filled) >= least and not any(_is_value(cell) for cell in filled)


def _is_value(cell: str) -> bool:
    """A number, a day or a code: nothing that stands in a heading."""
    digits = sum(map(str.isdigit, cell))
    return digits >= 4 or (digits > 0 and cell.strip("()").replace(".", "").isdigit())


def _over(above: list[str], below: list[str]) -> list[str]:
    """One heading a column; the lower row is the more exact one."""
    return [low or high for high, low in zip(_padded(above, len(below)), _padded(below, len(above)), strict=True)]


def _padded(cells: list[str], length: int) -> list[str]:
    return cells + [""] * (length - len(cells))


def _bounded(rows: Iterable[tuple[int, list[str]]], heading: int) -> Iterator[tuple[int, list[str]]]:
    for number, cells in rows:
        if number - heading > ROWS:
            raise TooLarge(f"more than {ROWS} rows")
        if any(cells):
            yield number, cells


def _tidy(text: str) -> str:
    """One more than CELL is kept of a longer cell, so that it is seen to be too long."""
    text = text.strip()
    return cleaned(text)[: CELL + 1] if text else text


# --- CSV -------------------------------------------------------------------------------------------------------------
def _lines(path: Path, start: bytes) -> Iterator[str]:
    """Lines of a text in UTF-8, UTF-16 or, cell by cell, in a one-byte encoding: one file often mixes two."""
    encoding = next(
        (name for mark, name in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")) if start.startswith(mark)),
        None,
    )
    if encoding is None and b"\0" in start:
        raise ListUnreadable("không phải tệp văn bản")
    if encoding is None and _is_utf8(path):
        encoding = "utf-8-sig"
    if encoding is None:
        with path.open("rb") as file:
            yield from map(_line, file)
        return
    with path.open(encoding=encoding, newline="") as file:
        try:
            yield from file
        except UnicodeError as error:
            raise ListUnreadable(f"not {encoding} as its first bytes say") from error


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(map(_cell_bytes, _BETWEEN.split(line)))


def _cell_bytes(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    # TCVN3 and VNI bytes are Latin-1 letters here; flows.legacy_text tells them cell by cell. Windows-1258 writes tones apart.
    from flows.legacy_text import modern, plausible

    as_latin, as_windows = data.decode("latin-1"), data.decode("cp1258", "replace")
    if modern(as_latin)[1]:
        return as_latin
    return as_windows if plausible(as_windows) >= plausible(as_latin) else as_latin


def _csv(lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    first = list(islice(lines, _HEADING_WITHIN))
    if not any(line.strip() for line in first):
        raise ListUnreadable("tệp trống")
    delimiter = max(_DELIMITERS, key=lambda d: max(line.count(d) for line in first))
    csv.field_size_limit(1_000_000)
    reader = csv.reader((line.replace("\0", "") for line in chain(first, lines)), delimiter=delimiter)
    try:
        # Counted as a spreadsheet shows them: a record is a row, whatever line breaks its cells hold.
        for number, cells in enumerate(reader, 1):
            for cell in cells:
                if "\n" in cell:
                    _closed(cell, number, delimiter, len(cells))
            yield number, _cells(cells)
    except csv.Error as error:
        raise ListUnreadable(f"dòng {reader.line_num}: {error}") from error


def _closed(cell: str, row: int, delimiter: str, columns: int) -> None:
    """Raises ListUnreadable for a cell that swallowed whole rows, because a quotation mark was opened and never closed."""
    most = max(line.count(delimiter) for line in cell.splitlines())
    if most >= max(2, columns - 1):
        raise ListUnreadable(f"dòng {row}: có dấu ngoặc kép mở mà không đóng nên nuốt cả các dòng sau")


def _cells(cells: list[str]) -> list[str]:
    if len(cells) > COLUMNS:
        raise TooLarge(f"more than {COLUMNS} columns")
    return [cell.strip()[: CELL + 1] for cell in cells]


# --- XLSX ------------------------------------------------------------------------------------------------------------
def _xlsx(path: Path, known: Known) -> Table:
    """The first visible sheet with a heading. A formula is given as its text (`=…`), so that it is seen as what it is."""
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            unpacked = sum(part.file_size for part in parts)
            strings = max((p.file_size for p in parts if not p.filename.startswith("xl/worksheets/")), default=0)
            if unpacked > UNPACKED_BYTES or strings > STRINGS_BYTES:
                raise TooLarge(f"{unpacked} bytes unpacked, at most {UNPACKED_BYTES}")
            if "xl/workbook.xml" not in package.namelist():
                raise ListUnreadable("tệp nén nhưng không phải XLSX")
        book = load_workbook(path, read_only=True, keep_links=False)
    except (TooLarge, ListUnreadable):
        raise
    except Exception as error:  # the library fails in as many ways as XML can be wrong
        raise ListUnreadable(f"không phải XLSX: {type(error).__name__}") from error
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    for at, sheet in enumerate(sheets):
        try:
            table = _headed(_sheet(sheet), known)
        except ListUnreadable:
            if at + 1 < len(sheets):
                continue  # a cover, or notes
            book.close()
            raise
        table.unread = [other.title for other in sheets[at + 1 :] if any(any(cells) for _, cells in islice(_sheet(other), 5))]
        table.rows = _closing(table.rows, book)
        return table
    raise ListUnreadable("không có trang tính nào hiển thị")


def _sheet(sheet) -> Iterator[tuple[int, list[str]]]:
    # The size that the file claims for a sheet is often wrong, and a library that believes it stops early or goes on for ever.
    sheet.reset_dimensions()
    try:
        for number, row in enumerate(sheet.iter_rows(max_col=COLUMNS, values_only=True), 1):
            yield number, [_shown(value) for value in row]
    except (ListUnreadable, TooLarge):
        raise
    except Exception as error:
        raise ListUnreadable(f"trang tính {sheet.title}: {type(error).__name__}") from error


def _closing(rows: Iterator[tuple[int, list[str]]], book) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from rows
    finally:
        book.close()


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _tidy(value)
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _tidy(str(value))


# --- JSON ------------------------------------------------------------------------------------------------------------
def _json(text: str) -> Table:
    """A list of flat objects, alone or under the first key that holds one (`data`, `items` …). Rows count from 1."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ListUnreadable("JSON không đúng") from error
    if isinstance(given, dict):
        given = next((value for value in given.values() if isinstance(value, list)), None)
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        raise ListUnreadable("không có danh sách đối tượng trong JSON")
    headings = list(dict.fromkeys(key for item in given for key in item))
    if len(headings) > COLUMNS:
        raise TooLarge(f"more than {COLUMNS} columns")
    rows = ((number, [_plain(item.get(key)) for key in headings]) for number, item in enumerate(given, 1))
    return Table([cleaned(heading) for heading in headings], 0, _bounded(rows, 0))


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return _tidy(json.dumps(value, ensure_ascii=False)) if isinstance(value, dict | list) else _shown(value)
