"""Everything found in the pages of one document, before it is judged: kind, values with their evidence, tables, checks."""

from __future__ import annotations

from dataclasses import dataclass

from ocr import checks as rules
from ocr.classify import Kind, classify
from ocr.fields.consistency import (
    completed_agency,
    count_repeats,
    place_of_issue,
    read_against_known,
    reconcile,
    respelled_agency,
)
from ocr.fields.evidence import Found
from ocr.fields.form_fields import read_form_fields
from ocr.fields.heading import read_heading
from ocr.fields.layout import MOTTO, find_phrase
from ocr.fields.rows import Row, Sheet
from ocr.fields.signer import read_signer
from ocr.fields.tables import Table, read_tables
from ocr.forms import Form, Forms, ValueKind
from ocr.normalise import date_from_words
from schemas.document import CheckResult
from schemas.page import PageReading


@dataclass(slots=True)
class Gathered:
    """What the pages say."""

    kind: Kind
    form: Form | None
    found: dict[str, Found]
    tables: dict[str, Table]
    report: rules.Report


def gather(readings: list[PageReading], forms: Forms) -> Gathered:
    """Kind, values, tables and checks of the pages of one document, in order."""
    sheets = [Sheet.of(reading) for reading in readings]
    kind = classify(sheets, forms)
    form = forms.get(kind.code)
    found = _find_fields(sheets, kind, form, forms)
    tables = read_tables(sheets, form) if form else {}
    if form:
        _fields_of_tables(form, tables, found)
    rows = [row for sheet in sheets for row in sheet.rows]
    _whole_agency(found, rows)
    places = read_against_known(found)
    doubtful = _agree(found, rows)
    report = rules.check(kind.code, form, found, forms)
    for name, (well, detail) in places.items():
        report.add("known_place", CheckResult.WARNING if well else CheckResult.FAILED, [name], detail)
    for name, told in doubtful.items():
        report.add("spelling", CheckResult.OK if told else CheckResult.FAILED, [name])
    return Gathered(kind, form, found, tables, report)


def _find_fields(sheets: list[Sheet], kind: Kind, form: Form | None, forms: Forms) -> dict[str, Found]:
    filled = [s for s in sheets if s.rows]
    if not filled:
        return {}
    heading = read_heading(filled[0], filled[1:], kind, forms)
    signer = read_signer(_main_part(sheets), form)
    found = {**signer, **heading.fields}
    if form is None:
        return found
    for name, item in read_form_fields(sheets, kind, form).items():
        if name in found and not form.fields[name].first:
            continue
        found[name] = item
    _from_registration(form, found)
    _dates_from_words(found)
    return found


def _main_part(sheets: list[Sheet]) -> list[Sheet]:
    """Pages before an enclosed paper with a heading of its own (a draft sent along has its own signer)."""
    for number, sheet in enumerate(sheets):
        begun = any(s.rows for s in sheets[:number])
        if begun and find_phrase(sheet.rows, MOTTO, 0.75, 0.3 * sheet.reading.height):
            return sheets[:number]
    return sheets


def _from_registration(form: Form, found: dict[str, Found]) -> None:
    """Civil-status papers print no date or agency in the heading: the registration tells them (form data says which)."""
    for name, other in form.fallbacks.items():
        if name not in found and other in found:
            found[name] = found[other]
    if form.issuing_agency and "co_quan_ban_hanh" not in found and (source := found.get(form.issuing_agency)):
        if source.value:
            own = source.value.split(",")[0].strip()
            found["co_quan_ban_hanh"] = Found(
                own,
                source.printed,
                source.tokens,
                "agency",
                label=source.label,
                valid=source.valid,
                certainty=source.certainty,
            )


def _dates_from_words(found: dict[str, Found]) -> None:
    """A date whose digits cannot be read is proposed from its words."""
    for digits, words in rules.WORDED_DATES:
        item, written = found.get(digits), found.get(words)
        if written is None or not written.value or (item is not None and item.value):
            continue
        if read := date_from_words(written.value):
            found[digits] = Found(
                read, written.printed, written.tokens, "date", label=written.label, certainty=0.6, source="rule",
                handwritten=written.handwritten,
            )  # fmt: skip


def _whole_agency(found: dict[str, Found], rows: list[Row]) -> None:
    if agency := found.get("co_quan_ban_hanh"):
        respelled_agency(agency, rows)
        completed_agency(agency, found.get("dia_danh"), rows)


def _agree(found: dict[str, Found], rows: list[Row]) -> dict[str, bool]:
    """Values held against each other and against the rest of the text: True where they agree, False where in doubt."""
    told: dict[str, bool] = {}
    told |= {name: False for name in reconcile(found, rows)}
    count_repeats(found, rows)
    same_place = place_of_issue(found)
    if same_place is not None:
        told.setdefault("dia_danh", same_place)
    return told


def _fields_of_tables(form: Form, tables: dict[str, Table], found: dict[str, Found]) -> None:
    for name, table_form in form.tables.items():
        table = tables.get(name)
        if table is None or not table.rows:
            continue
        for field, column in table_form.fields.items():
            cells = [row.get(column, "") for row in table.rows]
            if all(cells):
                tokens = [t for row in table.tokens for t in row.get(column, [])]
                text = "; ".join(cells)
                valid = form.fields[field].kind is not ValueKind.CODE or all(c.isdigit() for c in cells)
                found[field] = Found(text, text, tokens, "text", label=table.score, valid=valid)
