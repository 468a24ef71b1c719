"""From the words behind a label to a value: as printed, normalised, and whether it looks right for its kind."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ocr import normalise as n
from ocr.fields import compounds, places
from ocr.fields.rows import Token
from ocr.fields.syllables import split_fused
from ocr.forms import FieldForm, ValueKind


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value of a kind: `valid` is False when the text does not look like the kind at all."""

    value: str | None
    printed: str
    valid: bool
    certainty: float = 1.0
    """1 when the text needed no repair; below when a closed vocabulary was used to read it."""


ITEM = "\x1f"
"""Stands between the items of a list in the text given to `parse`."""
_BULLET = re.compile(r"^(?:[-–+•*]|\d{1,2}[.)/])$")


def text_of(field: FieldForm, parts: list[list[Token]]) -> str:
    """Words of the rows joined; in a list every row that starts with a bullet begins an item."""
    if field.kind is not ValueKind.LIST:
        return " ".join(t.text for part in parts for t in part)
    rows = []
    for part in parts:
        bullet = bool(_BULLET.match(part[0].text)) and len(part) > 1
        rows.append((ITEM if bullet or not rows else " ") + " ".join(t.text for t in part[bullet:]))
    return "".join(rows)


def parse(field: FieldForm, text: str) -> Parsed:
    """Value of the text behind a label of the field."""
    printed = text if field.kind is ValueKind.LIST else _cut(text, field.until)
    return _PARSERS[field.kind](field, printed)


def _cut(text: str, endings: list[str]) -> str:
    folded = n.fold(text)
    ends = [m.start() for e in endings if (m := re.search(e, folded)) and m.start() > 0]
    return n.tidy_sentence(text[: min(ends)] if ends else text)


def _name(_: FieldForm, text: str) -> Parsed:
    value = n.personal_name(text)
    parted = " ".join(p for word in value.split() for p in (split_fused(word) if len(word) > 7 else [word]))
    repaired, certainty = n.repair_surname(n.title_name(parted))
    if parted != value:
        certainty = min(certainty, 0.6)
    return Parsed(repaired or None, text, n.looks_like_name(repaired), certainty)


def _first(parser: Callable[[str], str | None]) -> Callable[[FieldForm, str], Parsed]:
    def read(_: FieldForm, text: str) -> Parsed:
        value = parser(text)
        return Parsed(value if value is not None else (n.tidy(text) or None), text, value is not None)

    return read


def _date(_: FieldForm, text: str) -> Parsed:
    value = n.parse_date(text)
    if value is None:
        return Parsed(None, text, False, 0.1)
    return Parsed(value, text, True)


def _date_words(_: FieldForm, text: str) -> Parsed:
    value = n.repair_number_words(n.tidy(text))
    return Parsed(value or None, text, n.date_from_words(value) is not None)


def _year(_: FieldForm, text: str) -> Parsed:
    whole = n.parse_date(text)
    value = whole[:4] if whole else n.parse_year(text)
    return Parsed(value, text, value is not None)


def _identity(_: FieldForm, text: str) -> Parsed:
    value = n.parse_identity(text)
    if value is None:
        return Parsed(n.tidy(text) or None, text, False, 0.2)
    return Parsed(value, text, len(value) in (9, 12) or value[0].isalpha())


_BROKEN_DECIMAL = re.compile(r"\d\s?[/:;'’|]\s?\d")


def _decimal(_: FieldForm, text: str) -> Parsed:
    """A number whose decimal comma was read as another mark (`12/31 m`) is proposed with the comma and not trusted."""
    broken = _BROKEN_DECIMAL.search(text)
    value = n.parse_decimal(re.sub(r"(?<=\d)\s?[/:;'’|]\s?(?=\d)", ",", text, count=1) if broken else text)
    if value is None:
        return Parsed(n.tidy(text) or None, text, False)
    return Parsed(value, text, not broken)


def _place(_: FieldForm, text: str) -> Parsed:
    value, sure = compounds.repaired(n.tidy(text))
    value, certainty = places.repaired(value)
    certainty = min(certainty, sure)
    return Parsed(value or None, text, len(n.key(value)) >= 4 and not places.is_cut_off(value), certainty)


def _agency(_: FieldForm, text: str) -> Parsed:
    value = n.tidy(text)
    value = re.sub(r"^(?:UBND|U\.B\.N\.D\.?)\b", "Ủy ban nhân dân", value)
    value, phrases = n.repair_phrases(value)
    value, certainty = places.repaired(value)
    return Parsed(
        value or None, text, len(n.key(value)) >= 6 and not places.is_cut_off(value), min(certainty, phrases)
    )


def _number(_: FieldForm, text: str) -> Parsed:
    match = re.search(r"\d+[A-Za-z]?(?:\s?[-/,]\s?\d+)*", text)
    return Parsed(match.group().replace(" ", "") if match else None, text, bool(match))


def _code(_: FieldForm, text: str) -> Parsed:
    joined = re.sub(r"\s*([-/.])\s*", r"\1", n.one_dash(text))
    words = [w for w in joined.split() if any(c.isdigit() for c in w)]
    if words and re.fullmatch(r"[A-Za-z]{1,2}", joined.split()[0]) and len(joined.split()) > 1:
        words = ["".join(joined.split()[:2])]
    value = n.tidy(words[0]).upper() if words else ""
    return Parsed(value or None, text, bool(value))


def _closed(words: tuple[str, ...], least: float) -> Callable[[FieldForm, str], Parsed]:
    def read(_: FieldForm, text: str) -> Parsed:
        plain = n.tidy(re.sub(r"[^\w\s'’-]|_", " ", text))
        found = n.closest(plain, words, least) or _leading(plain, words)
        if found is None:
            return Parsed(plain or None, text, False, 0.2)
        return Parsed(found[0], text, True, found[1])

    return read


def _leading(text: str, words: tuple[str, ...]) -> tuple[str, float] | None:
    """A vocabulary word at the start of a text that runs on (a seal or the next label read into it)."""
    parts = text.split()
    for size in (3, 2, 1):
        candidate = " ".join(parts[:size])
        for word in words:
            if len(parts) > size and n.new_tones(candidate) == n.new_tones(word):
                return word, 0.9
    return None


def _text(field: FieldForm, text: str) -> Parsed:
    value = re.sub(r"^[^\W\d_]{1,4}\s*:\s+", "", n.tidy_sentence(text))  # `để: …`: the tail of the label
    if field.vocabulary:
        found = n.closest(value, tuple(field.vocabulary), 0.85)
        if found:
            return Parsed(found[0], text, True, 1.0 if found[1] > 0.99 else 0.9)
    value, certainty = compounds.repaired(value)
    return Parsed(value or None, text, len(n.key(value)) >= 2, certainty)


def _list(field: FieldForm, text: str) -> Parsed:
    folded = n.fold(text)
    cuts = sorted((m.span() for e in field.drop for m in re.finditer(e, folded)), reverse=True)
    for start, end in cuts:
        text = text[:start] + text[end:]
    read = [compounds.repaired(n.tidy_sentence(item)) for item in text.split(ITEM)]
    value = "; ".join(item for item, _ in read if n.key(item))
    return Parsed(value or None, text.replace(ITEM, " "), bool(value) and not n.key(value).startswith("stt"), min(sure for _, sure in read))


_PARSERS: dict[ValueKind, Callable[[FieldForm, str], Parsed]] = {
    ValueKind.NAME: _name,
    ValueKind.DATE: _date,
    ValueKind.DATE_WORDS: _date_words,
    ValueKind.YEAR: _year,
    ValueKind.TIME: _first(n.parse_time),
    ValueKind.IDENTITY: _identity,
    ValueKind.NUMBER: _number,
    ValueKind.PLACE: _place,
    ValueKind.AGENCY: _agency,
    ValueKind.MONEY: _first(n.parse_money),
    ValueKind.DECIMAL: _decimal,
    ValueKind.INTEGER: _first(n.parse_integer),
    ValueKind.PHONE: _first(n.parse_phone),
    ValueKind.CODE: _code,
    ValueKind.SEX: _closed(n.SEXES, 0.6),
    ValueKind.ETHNIC: _closed(n.ETHNIC_GROUPS, 0.6),
    ValueKind.NATIONALITY: _closed(n.NATIONALITIES, 0.7),
    ValueKind.TEXT: _text,
    ValueKind.LIST: _list,
}
