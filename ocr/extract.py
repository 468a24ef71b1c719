"""From the words of a document's pages to its kind and fields, each with evidence (DESIGN decision 4).

`read_document` is a straight line: rows → kind → heading and signer → labelled fields → tables → checks → confidence.
"""

from __future__ import annotations

from ocr.calibration import Model, load_model
from ocr.checks import validity
from ocr.extract_evidence import Gathered, gather
from ocr.fields.evidence import Found, may_be_accepted
from ocr.fields.rows import bounds
from ocr.forms import Form, Forms
from ocr.normalise import nfc
from schemas.document import DocumentReading, FieldStatus, FieldValue
from schemas.page import PageReading
from schemas.settings import Settings


def read_document(
    readings: list[PageReading], *, forms: Forms, settings: Settings, dossier_code: str | None = None
) -> DocumentReading:
    """Kind, fields and tables of the pages of one document, in order.

    Every value carries page, box (shown frame, points), confidence (calibrated probability that it is right) and
    status; nothing is guessed silently: what was inferred, repaired, written by hand or failed a check is for review.
    """
    gathered = gather(readings, forms)
    model = load_model()
    fields = {
        name: _field_value(name, item, gathered, readings, model, settings)
        for name, item in gathered.found.items()
    }
    for name in _required(gathered.form):
        if name not in fields or (fields[name].value is None and not fields[name].handwritten):
            fields[name] = FieldValue(value=None, status=FieldStatus.MISSING, checks=["required"])
    reading = DocumentReading(
        pages=[r.page for r in readings],
        type=gathered.kind.code,
        type_confidence=round(gathered.kind.confidence, 4),
        rotation=readings[0].rotation if readings else 0,
        text="\n".join(nfc(r.text) for r in readings),
        fields=fields,
        tables={name: table.rows for name, table in gathered.tables.items() if table.rows},
        checks=gathered.report.checks,
        dossier_code=dossier_code,
    )
    reading.valid_from, reading.valid_to = validity(gathered.form, reading)
    return reading


def _required(form: Form | None) -> list[str]:
    names = [name for name, field in form.fields.items() if field.required] if form else []
    return [*(form.heading if form else []), *names, *(["trich_yeu"] if form and form.subject else [])]


def _field_value(
    name: str, item: Found, gathered: Gathered, readings: list[PageReading], model: Model, settings: Settings
) -> FieldValue:
    reading = next((r for r in readings if r.page == item.page), readings[0] if readings else None)
    confidence = model.probability(name, item, gathered.kind, reading, gathered.report)
    failed = gathered.report.failed(name)
    box = None
    if item.tokens and reading is not None:
        box = reading.box_to_points(bounds(t.box for t in item.tokens if t.page == item.page))
    status = FieldStatus.REVIEW
    trusted = not failed and may_be_accepted(item)
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
