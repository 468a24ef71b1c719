"""Tables: column headings found in a row give the columns; rows below are put into them by where their words stand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

from ocr.fields.labels import find_labels
from ocr.fields.rows import Row, Sheet, Token
from ocr.forms import Form, TableForm
from ocr.normalise import fold, key, tidy

ORDINAL = "stt"
"""Name of a column of running numbers."""
_END = re.compile(
    r"^\W*(?:\d{1,2}\s?[.)]\s*[a-z]{2,}|dieu\s*\d|noi nhan|tong cong|bang chu|von kinh doanh|ghi chu\s*:|(?:kt|tm|tl|tuq)\.|truong phong|pho truong|chu tich|giam doc)"
)


@dataclass(slots=True)
class Table:
    """Rows as printed, with their words and how well the column headings were recognised."""

    rows: list[dict[str, str]] = field(default_factory=list)
    tokens: list[dict[str, list[Token]]] = field(default_factory=list)
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    left: float
    right: float
    score: float


def read_tables(sheets: list[Sheet], form: Form) -> dict[str, Table]:
    """Tables of a form by name; a table that is not there is left out."""
    found = {}
    for name, table in form.tables.items():
        for sheet in sheets:
            made = _read_table(sheet, table, form)
            if made is not None and made.rows:
                found[name] = made
                break
    return found


def _read_table(sheet: Sheet, table: TableForm, form: Form) -> Table | None:
    rows = sheet.rows
    start = 0
    if table.after:
        hits = find_labels(rows, [key(label) for label in table.after])
        if not hits:
            return None
        start = hits[0].row + 1
    for index in range(start, min(len(rows), start + (4 if table.after else len(rows)))):
        columns = _columns(rows, index, table)
        if len(columns) >= 2 and (len(columns) >= 3 or table.after):
            below = index + 1 + (1 if _is_heading(rows, index + 1, columns, table) else 0)
            return _fill(rows, below, columns, sheet)
    return None


def _columns(rows: list[Row], index: int, table: TableForm) -> list[_Column]:
    """Columns whose headings stand in this row (and the next, for headings of two lines)."""
    row = rows[index]
    if len(row.key) > 120:
        return []
    found: list[_Column] = []
    names = [(name, key(label)) for name, labels in table.columns.items() for label in labels]
    tokens = row.tokens
    used: set[int] = set()
    candidates = []
    for first in range(len(tokens)):
        joined = ""
        for last in range(first, min(len(tokens), first + 8)):
            joined += tokens[last].key
            for name, label in names:
                score = Levenshtein.normalized_similarity(label, joined, score_cutoff=0.8)
                if score >= (0.99 if len(label) <= 3 else 0.8):
                    candidates.append((len(label) * score, score, name, first, last))
    for _, score, name, first, last in sorted(candidates, reverse=True):
        if used.isdisjoint(range(first, last + 1)) and name not in {c.name for c in found}:
            used.update(range(first, last + 1))
            found.append(_Column(name, tokens[first].box[0], tokens[last].box[2], score))
    letters = sum(len(tokens[i].key) for i in used)
    if letters < 0.6 * len(row.key):
        return []
    return sorted(found, key=lambda c: c.left)


def _is_heading(rows: list[Row], index: int, columns: list[_Column], table: TableForm) -> bool:
    """The second line of column headings: no digits, short."""
    return index < len(rows) and not any(c.isdigit() for c in rows[index].text) and len(rows[index].key) < 16


def _fill(rows: list[Row], start: int, columns: list[_Column], sheet: Sheet) -> Table:
    table = Table(score=min(c.score for c in columns))
    previous, body = rows[start - 1], []
    for row in rows[start : start + 80]:
        if row.top - previous.bottom > 3.5 * sheet.line_height or _END.match(fold(row.text)):
            break
        body.append(row)
        previous = row
    edges = _edges(body, columns, sheet)
    lines = [cells for row in body if (cells := _cells(row, columns, edges))]
    for cells in _group_lines(lines, columns):
        texts = {name: tidy(" ".join(t.text for t in tokens)) for name, tokens in cells.items()}
        if any(texts.values()):
            table.rows.append({c.name: texts.get(c.name, "") for c in columns})
            table.tokens.append(cells)
    return table


def _edges(body: list[Row], columns: list[_Column], sheet: Sheet) -> list[float]:
    """Boundaries between columns: the widest upright strip that no word crosses, between two headings."""
    words = sorted((t.box[0], t.box[2]) for row in body for t in row.tokens if t.key and t.confidence > 0.3)
    edges = []
    for left, right in zip(columns, columns[1:], strict=False):
        low, high = (left.left + left.right) / 2, (right.left + right.right) / 2
        if left.name == ORDINAL:
            low = left.left
        reach, strips = low, []
        for a, b in words:
            if a >= high:
                break
            if b <= low:
                continue
            if a > reach:
                strips.append((reach, a))
            reach = max(reach, b)
        if reach < high and any(a >= reach for a, _ in words):
            strips.append((reach, high))
        wide = [s for s in strips if s[1] - s[0] > 0.4 * sheet.line_height]
        best = max(wide, key=lambda s: s[1] - s[0], default=(left.right, right.left))
        if left.name == ORDINAL and wide:
            best = wide[1] if wide[0][0] == low and len(wide) > 1 else wide[0]
        edges.append((best[0] + best[1]) / 2)
    return edges


def _cells(row: Row, columns: list[_Column], edges: list[float]) -> dict[str, list[Token]]:
    cells: dict[str, list[Token]] = {}
    for token in row.tokens:
        if not token.key:
            continue
        index = sum(token.middle > edge for edge in edges)
        cells.setdefault(columns[index].name, []).append(token)
    return cells


def _group_lines(lines: list[dict[str, list[Token]]], columns: list[_Column]) -> list[dict[str, list[Token]]]:
    """Lines put together into table rows: a row has one number (STT) or one last-column entry; its text may stand in
    lines above and below it (cells are centred vertically)."""
    numbered = columns[0].name
    last = columns[-1].name
    heads = (
        [i for i, cells in enumerate(lines) if _is_ordinal(cells.get(numbered, []))]
        if numbered == ORDINAL
        else []
    )
    if not heads:
        heads = [i for i, cells in enumerate(lines) if len(cells) >= max(2, len(columns) - 1)]
    if not heads:
        return []
    tops = [min(t.box[1] for cell in cells.values() for t in cell) for cells in lines]
    bottoms = [max(t.box[3] for cell in cells.values() for t in cell) for cells in lines]
    owner = []
    for i, cells in enumerate(lines):
        if i in heads:
            owner.append(i)
            continue
        above = max((h for h in heads if h < i), default=None)
        below = min((h for h in heads if h > i), default=None)
        if above is None:
            owner.append(below)
        elif below is None:
            owner.append(above)
        else:
            gap_above, gap_below = tops[i] - bottoms[i - 1], tops[i + 1] - bottoms[i]
            complete = bool(lines[above].get(last)) and bool(_first_text(lines[above], columns))
            starts_new = _capital(cells) and complete and not _first_text(lines[below], columns)
            nearer_below = gap_below < 0.8 * gap_above
            owner.append(below if starts_new or nearer_below else above)
    rows = []
    for head in heads:
        merged: dict[str, list[Token]] = {}
        for i, cells in enumerate(lines):
            if owner[i] == head:
                for name, tokens in cells.items():
                    merged.setdefault(name, []).extend(tokens)
        rows.append(merged)
    return rows


def _is_ordinal(tokens: list[Token]) -> bool:
    return len(tokens) == 1 and bool(re.fullmatch(r"\W*[\dlI]{1,3}\W*", tokens[0].text))


def _first_text(cells: dict[str, list[Token]], columns: list[_Column]) -> list[Token]:
    return cells.get(columns[1].name, []) if len(columns) > 1 else []


def _capital(cells: dict[str, list[Token]]) -> bool:
    tokens = [t for cell in cells.values() for t in cell]
    return bool(tokens) and tokens[0].text[:1].isupper()
