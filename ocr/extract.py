"""From the words of a document's pages to its kind and fields, each with evidence (DESIGN decision 4).

`read_document` is a straight line: rows → kind → heading and signer → labelled fields → tables → checks → confidence.
"""

from __future__ import annotations

from ocr import checks as rules
from ocr.calibration import Model, load_model
from ocr.classify import Kind, classify
from ocr.fields.consistency import completed_agency, place_of_issue, reconcile, respelled_agency
from ocr.fields.evidence import Found
from ocr.fields.form_fields import read_form_fields
from ocr.fields.heading import read_heading
from ocr.fields.layout import find_phrase
from ocr.fields.rows import Row, Sheet, bounds
from ocr.fields.signer import read_signer
from ocr.fields.tables import read_tables
from ocr.forms import Form, Forms, ValueKind
from ocr.normalise import date_from_words, nfc
from schemas.document import CheckResult, DocumentReading, FieldStatus, FieldValue
from schemas.page import PageReading
from schemas.settings import Settings


def read_document(
    readings: list[PageReading], *, forms: Forms, settings: Settings, dossier_code: str | None = None
) -> DocumentReading:
    """Kind, fields and tables of the pages of one document, in order.

    Every value carries page, box (shown frame, points), confidence (calibrated probability that it is right) and
    status; nothing is guessed silently: what was inferred, repaired, written by hand or failed a check is for review.
    """
    sheets = [Sheet.of(reading) for reading in readings]
    kind = classify(sheets, forms)
    form = forms.get(kind.code)
    found = _find_fields(sheets, kind, form, forms)
    tables = read_tables(sheets, form) if form else {}
    if form:
        _fields_of_tables(form, tables, found)
    rows = [row for sheet in sheets for row in sheet.rows]
    doubtful = _agree(found, rows)
    report = rules.check(kind.code, form, found, forms)
    for name, told in doubtful.items():
        report.add("spelling", CheckResult.OK if told else CheckResult.FAILED, [name])
    model = load_model()
    fields = {
        name: _field_value(name, item, kind, readings, report, model, settings)
        for name, item in found.items()
    }
    for name in _required(form):
        if name not in fields or fields[name].value is None:
            fields[name] = FieldValue(value=None, status=FieldStatus.MISSING, checks=["required"])
    reading = DocumentReading(
        pages=[r.page for r in readings],
        type=kind.code,
        type_confidence=round(kind.confidence, 4),
        rotation=readings[0].rotation if readings else 0,
        text="\n".join(nfc(r.text) for r in readings),
        fields=fields,
        tables={name: table.rows for name, table in tables.items() if table.rows},
        checks=report.checks,
        dossier_code=dossier_code,
    )
    reading.valid_from, reading.valid_to = rules.validity(form, reading)
    return reading


def _find_fields(sheets: list[Sheet], kind: Kind, form: Form | None, forms: Forms) -> dict[str, Found]:
    first = next((s for s in sheets if s.rows), None)
    if first is None:
        return {}
    last = next(s for s in reversed(sheets) if s.rows)
    heading = read_heading(first, last, kind, forms)
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
        if begun and find_phrase(sheet.rows, "conghoaxahoichunghiavietnam", 0.75, 0.3 * sheet.reading.height):
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


def _agree(found: dict[str, Found], rows: list[Row]) -> dict[str, bool]:
    """Values held against each other and against the rest of the text: True where they agree, False where in doubt."""
    told: dict[str, bool] = {}
    if agency := found.get("co_quan_ban_hanh"):
        respelled_agency(agency, rows)
        completed_agency(agency, found.get("dia_danh"))
    told |= {name: False for name in reconcile(found, rows)}
    same_place = place_of_issue(found)
    if same_place is not None:
        told.setdefault("dia_danh", same_place)
    return told


def _fields_of_tables(form: Form, tables: dict, found: dict[str, Found]) -> None:
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


def _required(form: Form | None) -> list[str]:
    names = [name for name, field in form.fields.items() if field.required] if form else []
    return [*(form.heading if form else []), *names, *(["trich_yeu"] if form and form.subject else [])]


def _field_value(
    name: str,
    item: Found,
    kind: Kind,
    readings: list[PageReading],
    report: rules.Report,
    model: Model,
    settings: Settings,
) -> FieldValue:
    reading = next((r for r in readings if r.page == item.page), readings[0] if readings else None)
    confidence = model.probability(name, item, kind, reading, report)
    failed = report.failed(name)
    box = None
    if item.tokens and reading is not None:
        box = reading.box_to_points(bounds(t.box for t in item.tokens if t.page == item.page))
    status = FieldStatus.REVIEW
    trusted = not item.handwritten and not failed and item.valid and item.source != "rule"
    if name == "loai_van_ban":
        trusted = not failed
    if item.value and trusted and confidence >= settings.reading.accept_confidence:
        status = FieldStatus.ACCEPTED
    source = "born" if item.source == "ocr" and reading is not None and reading.born_digital else item.source
    return FieldValue(
        value=nfc(item.value) if item.value else None,
        printed=nfc(item.printed) or None,
        confidence=round(confidence, 4),
        page=item.page,
        box=box,
        status=status,
        source=source,
        handwritten=item.handwritten,
        checks=failed,
    )
