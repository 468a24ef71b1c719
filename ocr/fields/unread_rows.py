"""Rows written by hand whose printed label was lost under the writing: the order of the form tells which field they are.

`Nơi thường trú: 70B đường …` whose label became `Nơi th ta` belongs to no label; between the father's nationality and the
mother's name stands nothing else than where he lives. Such a field has no value to propose, but a person is shown its place.
"""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

from ocr.fields.evidence import Found, is_handwritten
from ocr.fields.labels import Hit
from ocr.fields.rows import Row
from ocr.forms import FieldForm, Form, ValueKind
from ocr.normalise import key

_LIKE_LABEL = 0.6


def find_unread_rows(
    form: Form, rows: list[Row], taken: dict[str, Hit], found: dict[str, Found]
) -> dict[str, Found]:
    """Fields without a value whose place in the form holds a row by hand that no other field took."""
    owners = {id(token): name for name, item in found.items() for token in item.tokens}
    labelled = {hit.row for hit in taken.values()}
    order = [name for name, field in form.fields.items() if field.labels and field.kind is not ValueKind.LIST]
    places = {name: hit.row for name, hit in taken.items() if name in found}
    at_row = {id(token): number for number, row in enumerate(rows) for token in row.tokens}
    for name, item in found.items():
        if item.tokens and id(item.tokens[0]) in at_row:
            places.setdefault(name, at_row[id(item.tokens[0])])
    made: dict[str, Found] = {}
    used: set[int] = set()
    for at, name in enumerate(order):
        if name in found and (found[name].value is not None or found[name].handwritten):
            continue
        own = taken.get(name)  # its label was read, but nothing that looks like its value behind it
        above = own.row if own else next((places[n] for n in reversed(order[:at]) if n in places), None)
        below = next((places[n] for n in order[at + 1 :] if n in places), None)
        if above is None or below is None:
            continue
        for number in range(above + 1, below):
            row = rows[number]
            if number in used or number in labelled or not _by_hand(row):
                continue
            free = not any(id(token) in owners for token in row.tokens)
            if free or _likeness(form.fields[name], row) >= _LIKE_LABEL:
                used.add(number)
                tokens = [t for t in row.tokens if (t.handwritten or 0) >= 0.5]
                made[name] = Found(None, " ".join(t.text for t in tokens), tokens, str(form.fields[name].kind), label=0.2,
                                   valid=False, certainty=0.1, handwritten=True)  # fmt: skip
                break
    return made


def _by_hand(row: Row) -> bool:
    words = [t for t in row.tokens if len(t.key) > 1]
    return len(words) > 1 and is_handwritten(row.tokens)


def _likeness(field: FieldForm, row: Row) -> float:
    """How much the beginning of a row looks like a label of the field, 0..1."""
    best = 0.0
    for label in map(key, field.labels):
        joined = ""
        for token in row.tokens:
            joined += token.key
            if len(joined) >= 0.6 * len(label):
                best = max(best, Levenshtein.normalized_similarity(label, joined))
            if len(joined) > 1.3 * len(label):
                break
    return best
