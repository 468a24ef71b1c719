"""Finds printed labels in rows and cuts out what stands behind them.

A label is compared by its folded letters, so accents, case, colons and dotted lines do not matter and a letter read
wrongly is forgiven. Which field a label belongs to (a mother's `Dân tộc` or a father's) follows from the group opened
last, not from a fixed order, because forms of different years print the parts in different order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from ocr.fields.rows import Row, Token, capital_share, is_leader
from ocr.fields.syllables import is_syllable
from ocr.forms import FieldForm, Form, ValueKind
from ocr.normalise import fold

_BULLET = re.compile(r"^\W*(?:\d{1,2}|[a-hivx]{1,4})?\W*$", re.IGNORECASE)
_NOISE_KEY = re.compile(r"^\W*$")
_SECTION = re.compile(r"^\W*(?:\d{1,2}|[IVX]{1,4})\s?[.)]\s*[A-ZĐÀ-Ỹ]")
SHARED_STOPS = (
    "Nơi nhận", "TM. ỦY BAN NHÂN DÂN", "NGƯỜI KÝ", "KT. CHỦ TỊCH", "CHỦ TỊCH", "PHÓ CHỦ TỊCH", "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Ký, ghi rõ họ, chữ đệm, tên", "TRƯỞNG PHÒNG", "KT. TRƯỞNG PHÒNG", "GIÁM ĐỐC", "TUQ. CHỦ TỊCH",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A label seen in a row: which tokens it covers and how well it matches."""

    label: str
    row: int
    start: int
    end: int
    score: float
    colon: bool


def find_labels(rows: list[Row], labels: list[str]) -> list[Hit]:
    """Labels (by key) in the rows, in reading order, none overlapping; the longest and best match wins a place."""
    hits = []
    for number, row in enumerate(rows):
        found: list[Hit] = []
        for start in range(len(row.tokens)):
            if row.tokens[start].key:
                found += _labels_at(row, number, start, labels)
        found.sort(key=lambda h: -(len(h.label) * h.score**3))
        taken: list[Hit] = []
        for hit in found:
            if all(hit.end <= other.start or hit.start >= other.end for other in taken):
                taken.append(hit)
        hits += sorted(taken, key=lambda h: h.start)
    return hits


def _labels_at(row: Row, number: int, start: int, labels: list[str]) -> list[Hit]:
    joined, hits = "", []
    first = row.tokens[start]
    at_start = _begins(row, start)
    apart = start == 0 or first.box[0] - row.tokens[start - 1].box[2] > 0.4 * row.wide_gap
    is_value = start > 0 and row.tokens[start - 1].text.endswith(":")
    for end in range(start + 1, min(start + 22, len(row.tokens)) + 1):
        token = row.tokens[end - 1]
        if not token.key and not token.text.strip(":;.…"):
            continue
        joined += token.key
        if len(joined) > 90:
            break
        colon = token.text.rstrip(" .…").endswith((":", ";")) or (
            end < len(row.tokens) and row.tokens[end].text.startswith((":", "…", "..."))
        )
        for label in labels:
            longest = max(len(label), len(joined))
            if abs(len(label) - len(joined)) > 0.25 * longest:
                continue
            least = 0.74 if len(label) >= 12 else 0.8 if len(label) >= 7 else 0.86
            if colon and at_start and len(label) >= 12:
                least = 0.66  # writing that reaches into the first word of its label
            score = Levenshtein.normalized_similarity(label, joined, score_cutoff=least)
            if (
                score < least
                or (not colon and (is_value or not (at_start or apart)))
                or not _acceptable(label, score, at_start, colon, first)
            ):
                continue
            hits.append(Hit(label, number, start, end, score + (0.02 if colon else 0), colon))
        if token.text.endswith(":") and (end >= len(row.tokens) or not row.tokens[end].text.startswith("/")):
            break  # a label ends at its colon
    return hits


def _begins(row: Row, start: int) -> bool:
    """True at the start of the row or behind a wide gap, bullets and numbers aside."""
    before = row.tokens[:start]
    if all(_BULLET.match(t.text) for t in before) and sum(len(t.key) for t in before) <= 4:
        return True
    gap = row.tokens[start].box[0] - row.tokens[start - 1].box[2]
    return gap > row.wide_gap


def _acceptable(label: str, score: float, at_start: bool, colon: bool, first: Token) -> bool:
    if len(label) <= 4:
        return (
            colon
            and score > 0.99
            or (at_start and score > 0.99 and first.text[:1].isupper() and len(label) > 2)
        )
    if not colon and first.text[:1].islower():
        return False
    if at_start:
        return colon or score >= 0.9 or (len(label) >= 9 and score >= 0.8)
    return (colon and score >= 0.82) or (score >= 0.93 and first.text[:1].isupper())


def assign(hits: list[Hit], form: Form) -> tuple[dict[str, Hit], list[Hit]]:
    """Field of each hit by the group opened last. Returns hits by field, and every hit (all of them end values)."""
    hits = _told_apart(hits, form)
    groups: list[str] = []
    for field in form.fields.values():
        if field.group not in groups:
            groups.append(field.group)
    current, taken = "", {}
    for hit in hits:
        names = form.label_fields.get(hit.label, [])
        fields = [form.fields[n] for n in names if n]
        anchors = [f for f in fields if f.anchor and f.name not in taken]
        chosen = _choose(fields, anchors, current, taken, groups)
        if chosen is None:
            continue
        taken[chosen.name] = hit
        if chosen.group:
            current = chosen.group
    return taken, hits


def _told_apart(hits: list[Hit], form: Form) -> list[Hit]:
    """A label that opens a part and was seen twice, the worse one put to the part whose label looks nearly the same and was
    not seen (`Họ, chữ đệm, tên người the` is the mother's, not the father's, whose own follows)."""
    opening = {label for label, names in form.label_fields.items() if any(n and form.fields[n].anchor for n in names)}
    seen = {hit.label for hit in hits}
    out = list(hits)
    for label in opening & seen:
        same = [at for at, hit in enumerate(out) if hit.label == label]
        worst = min(same, key=lambda at: out[at].score)
        if len(same) < 2 or out[worst].score >= max(out[at].score for at in same):
            continue
        like = [other for other in opening - seen if Levenshtein.normalized_similarity(label, other) >= 0.8]
        if like:
            out[worst] = replace(out[worst], label=max(like, key=lambda o: Levenshtein.normalized_similarity(label, o)))
    return out


def _choose(
    fields: list[FieldForm], anchors: list[FieldForm], current: str, taken: dict[str, Hit], groups: list[str]
) -> FieldForm | None:
    if anchors:
        return anchors[0]
    free = [f for f in fields if f.name not in taken]
    for field in free:
        if field.group == current:
            return field
    if not free:
        return None
    if any(f.group == current for f in fields):
        # The label of the current group was used before: its anchor was read badly, the next part has begun.
        later = [f for f in free if f.group and groups.index(f.group) > groups.index(current)]
        return later[0] if later else None
    plain = [f for f in free if not f.group]
    if plain:
        return plain[0]
    return min(free, key=lambda f: groups.index(f.group))


def value_tokens(rows: list[Row], hit: Hit, hits: list[Hit], field: FieldForm) -> list[list[Token]]:
    """Tokens behind a label, row by row: to the next label of the row, and on into following rows while they continue it."""
    starts: dict[int, list[int]] = {}
    for other in hits:
        starts.setdefault(other.row, []).append(other.start)
    row = rows[hit.row]
    stop = min((s for s in starts.get(hit.row, []) if s >= hit.end), default=len(row.tokens))
    first = [t for t in row.tokens[hit.end : stop]]
    taken = [_without_noise(first)] if first else []
    if stop < len(row.tokens):
        return taken
    previous = row
    for number in range(
        hit.row + 1, min(len(rows), hit.row + 1 + max(0, field.rows - 1) + (0 if taken else 1))
    ):
        row = rows[number]
        if row.page != previous.page or not _continues(row, previous, starts.get(number), field):
            break
        stop = min(starts.get(number, []), default=len(row.tokens))
        bullet = row.tokens[:1] if field.kind is ValueKind.LIST and row.tokens[0].text in "-–+•*" else []
        taken.append([*bullet, *_without_noise(row.tokens[len(bullet) : stop])])
        if stop < len(row.tokens):
            break
        previous = row
    return [part for part in taken if part]


_OTHER_LABEL = re.compile(r"^\W*[A-ZĐÀ-Ỹ][^\W\d_]*(?:\s[a-zđà-ỹ]+){1,7}:(?:\s|$)")
"""A row that opens with a label of its own, known or not."""
_SHORT_KINDS = (ValueKind.NAME, ValueKind.ETHNIC, ValueKind.NATIONALITY)


def _continues(row: Row, previous: Row, label_starts: list[int] | None, field: FieldForm) -> bool:
    if label_starts and _begins(row, min(label_starts)):
        return False
    if field.kind in _SHORT_KINDS and not _ends_a_name(row, previous, label_starts):
        return False
    if field.kind in (ValueKind.PLACE, ValueKind.AGENCY) and _OTHER_LABEL.match(row.text):
        return False
    if _SECTION.match(row.text) or not any(len(t.key) > 1 for t in row.tokens):
        return False
    height = previous.wide_gap / 2.2
    if row.top - previous.bottom > 1.9 * height:
        return False
    if row.confidence < 0.35:
        return False  # what stands there could not be read: `unread_row` tells it
    if (
        field.kind is not ValueKind.LIST
        and row.text.lstrip().startswith("-")
        and not previous.text.rstrip().endswith(("-", ","))
    ):
        return False
    words = fold(row.text)
    if re.match(r"\W*(?:nguoi ky|noi nhan|tm\.|kt\.|tl\.)", words):
        return False
    if field.kind in _SHORT_KINDS:
        return True
    return not (capital_share(row.text) > 0.9 and capital_share(previous.text) < 0.6 and len(row.tokens) < 6)


def _ends_a_name(row: Row, previous: Row, label_starts: list[int] | None) -> bool:
    """The last syllables of a name that did not fit into its column stand alone in the next row, in the same case."""
    words = row.tokens[: min(label_starts)] if label_starts else row.tokens
    if not 1 <= len(words) <= 2 or any(t.confidence < 0.7 or not t.key.isalpha() for t in words):
        return False
    last = previous.tokens[-1].text.strip(".,;:")
    same_case = (
        all(t.text.isupper() for t in words) if last.isupper() else all(t.text.istitle() for t in words)
    )
    return same_case and words[0].text[:1].isupper() and not previous.tokens[-1].text.endswith(":")


def _without_noise(tokens: list[Token]) -> list[Token]:
    """Dot leaders, what was misread out of them, and marks without letters do not belong to a value."""
    kept: list[Token] = []
    led = False
    for token in tokens:
        if is_leader(token.text):
            led = bool(kept)
            continue
        if led and (token.confidence < 0.6 or not token.key):
            continue
        if token.key or (token.text in "-–—" and token.confidence > 0.5 and kept):
            kept.append(token)
    while kept and (not kept[-1].key or _is_speck(kept[-1])):
        kept.pop()
    return kept


def _is_speck(token: Token) -> bool:
    """A last word that is surely no word: hardly any confidence and not a possible syllable."""
    letters = "".join(c for c in token.text if c.isalpha())
    return (
        token.confidence < 0.3 and not token.key.isdigit() and (len(letters) < 2 or not is_syllable(letters))
    )


def unread_continuation(rows: list[Row], last: int, label_rows: set[int]) -> bool:
    """True when a row that could not be read follows directly: the value may go on there."""
    if last + 1 >= len(rows) or last + 1 in label_rows or rows[last + 1].page != rows[last].page:
        return False
    row, height = rows[last + 1], rows[last].wide_gap / 2.2
    near = row.top - rows[last].bottom < 1.2 * height
    letters = [t for t in row.tokens if t.key]
    unsure = bool(letters) and sum(t.confidence for t in letters) / len(letters) < 0.35
    return (
        near
        and unsure
        and row.box[0] < rows[last].box[0] + 6 * height
        and bool(letters)
        and row.top > rows[last].top + 0.7 * height
    )
