"""Finds the printed gaps of a page from the printed words around them, though the entry itself was misread.

`Số: ...../QĐ-UBND` (number) and `ngày .... tháng .... năm ....` (place and date line, NĐ 30/2020 Annex I). What stands
in the gap is usually written by hand, so the recogniser may have dropped it, split it, or joined it to a label
(`Số:575/UBND-KTTH`, `ngày4%tháng`); only the labels are relied on.
"""

from __future__ import annotations

import re
import statistics
import unicodedata
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from schemas.page import Box, Word

_NUMBER_LABEL = re.compile(
    r"^[^\w$]{0,2}[s$5](?:[ốôóòỏõọồổỗộơớờởỡợo6ö]\s*[:;.,]*|[aáàãảạăâeéèẽêếềểễệuúùủũụưứừửữự]\s*[:;])", re.IGNORECASE
)
_SLASH_CODE = re.compile(r"[/⁄1lí|i]?[/⁄]\s*[A-ZĐÐ][A-ZĐÐa-z]")
_DASH_CODE = re.compile(r"[A-ZĐÐ]{2,}[A-Za-z]?\s?[-–—][A-ZĐÐ]")
_BARE_CODE = re.compile(r"[A-ZĐÐ]{2,}")
_UPPER_PART = 0.5


@dataclass(frozen=True)
class Gap:
    """Region (read frame) that holds one entry, perhaps with the labels around it when they could not be cut off.

    ``inside`` are the numbers of the words between the labels; ``printed`` the digits that the recogniser saw there,
    empty when it saw anything else, and ``printed_confidence`` how sure it was.
    """

    kind: str
    box: Box
    printed: str
    printed_confidence: float
    inside: tuple[int, ...]
    free: tuple[float, float]
    """Left and right end of the part of the region in which no printed label can stand."""
    span: tuple[int, ...]
    """Numbers of the words from the one with the label before the entry to the one with the label behind it, in order;
    the gaps of one date share their labels."""
    labels: tuple[str, str]
    """The printed words around the entry as they should read; behind a number its code, '' where nothing follows."""


@dataclass(frozen=True)
class _Item:
    index: int
    word: Word
    plain: str

    @property
    def left(self) -> float:
        return self.word.box[0]

    @property
    def right(self) -> float:
        return self.word.box[2]


def plain(text: str) -> str:
    """Lower-case letters only, without accents."""
    bare = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(c for c in bare if c.isalpha() and c.isascii())


def rows_of(words: list[Word]) -> list[list[int]]:
    """Numbers of the words row by row, each from left to right; engine lines side by side at one height are joined."""
    lines: dict[tuple[int, int], list[int]] = {}
    for index, word in enumerate(words):
        lines.setdefault((word.block, word.line), []).append(index)
    rows: list[tuple[float, float, list[int]]] = []  # middle, height, members
    for members in lines.values():
        boxes = [words[i].box for i in members]
        middle = statistics.median((b[1] + b[3]) / 2 for b in boxes)
        height = statistics.median(b[3] - b[1] for b in boxes)
        left, right = min(b[0] for b in boxes), max(b[2] for b in boxes)
        for number, (other, other_height, group) in enumerate(rows):
            apart = all(words[i].box[2] <= left + height or words[i].box[0] >= right - height for i in group)
            if abs(other - middle) < 0.45 * min(height, other_height) and apart:
                rows[number] = (other, other_height, group + members)
                break
        else:
            rows.append((middle, height, list(members)))
    return [sorted(group, key=lambda i: words[i].box[0]) for _, _, group in sorted(rows, key=lambda r: r[0])]


def find_gaps(words: list[Word], height: float, in_rows: list[list[int]] | None = None) -> list[Gap]:
    """Gaps of a page `height` pixels high, none without labels: at most one of a number; day, month and year of the line
    of place and date, and of other dates that may be filled in; one of kind `ngay_thang_nam` for
    each `Ngày, tháng, năm ...:` row. The line of place and date comes before the other dates."""
    rows = [[_Item(i, words[i], plain(words[i].text)) for i in row] for row in in_rows or rows_of(words)]
    gaps: list[Gap] = []
    numbers = [found for row in rows for found in _number_gaps(row, height)]
    numbers = numbers or [found for row in rows for found in _unlabelled_numbers(row, height)]
    if numbers:
        gaps.append(max(numbers, key=lambda n: n[0])[1])
    text_right = max((w.box[2] for w in words), default=0.0)
    dates = [found for row in rows for found in _date_gaps(row, height, text_right)]
    heading = max(dates, key=lambda d: d[0], default=None)
    if heading:
        gaps += heading[1]
    for found in dates:
        if found is not heading:
            gaps += found[1]
    for row in rows:
        gaps += _full_dates(row)
    return gaps


def _height(items: list[_Item]) -> float:
    return statistics.median(i.word.box[3] - i.word.box[1] for i in items)


def _band(items: list[_Item]) -> tuple[float, float]:
    """Top and bottom of the printed row around the labels, a quarter line of margin."""
    top = statistics.median(i.word.box[1] for i in items)
    bottom = statistics.median(i.word.box[3] for i in items)
    margin = 0.2 * (bottom - top)
    return top - margin, bottom + margin


# --- number ----------------------------------------------------------------------------------------------------------
def _number_gaps(row: list[_Item], page_height: float) -> list[tuple[float, Gap]]:
    out = []
    high = _height(row)
    for place, item in enumerate(row):
        label = _NUMBER_LABEL.match(item.word.text)
        middle = (item.word.box[1] + item.word.box[3]) / 2
        if not label or middle > _UPPER_PART * page_height:
            continue
        speck = place == 1 and len(row[0].plain) < 2 and (row[0].word.confidence < 0.5 or not row[0].plain)
        if place and not speck and item.left - row[place - 1].right < 1.2 * high:
            continue  # a number in running text, "Quyển số"
        rest = _run(row, place, 5 * high)
        code = _code(item.word.text[label.end() :], rest)
        colon = ":" in label.group() or ";" in label.group() or bool(rest and rest[0].word.text[:1] in ":;")
        following = rest[0].plain if rest else ""
        if code is None and (not colon or (len(following) > 3 and following.isalpha())):
            continue
        score = 1.5 * (code is not None) + 0.5 * colon - 2 * middle / page_height
        more = 0  # `Số vào sổ cấp …`: the label goes on
        while more < min(len(rest), len(rest) if code is None else code) and _is_print(rest[more]):
            more += 1
        if more:
            rest, code = rest[more - 1 :], None if code is None else code - more
            gap = _number_gap(rest[0], re.match(r".*", rest[0].word.text), rest[1:], code, high)
            out.append((score, replace(gap, labels=("", gap.labels[1]))))
        else:
            out.append((score, _number_gap(item, label, rest, code, high)))
    return out


def _unlabelled_numbers(row: list[_Item], page_height: float) -> list[tuple[float, Gap]]:
    """A code in the heading before which neither a label nor a number was read (`/GUQ-UBND`)."""
    high = _height(row)
    for place, item in enumerate(row):
        if not re.match(r"[/⁄]\s*[A-ZĐÐ]{2}", item.word.text) or item.word.box[3] > 0.4 * page_height:
            continue
        before = [i for i in row[:place] if item.left - i.right < 4 * high]
        if any(i.word.confidence > 0.6 for i in before):
            continue  # a number in running text
        left = min([item.left - 4 * high, *(i.left for i in before)])
        top, bottom = _band([item])
        span = (*(i.index for i in before), item.index)
        gap = Gap("so", (max(0.0, left), top, item.left, bottom), "", 0.0, span[:-1], (left, left), span,
                  ("", _printed_code(item.word.text)))  # fmt: skip
        return [(0.0, gap)]
    return []


def _is_print(item: _Item) -> bool:
    """A word in small letters that was surely read."""
    return item.word.text.isalpha() and item.word.text.islower() and item.word.confidence > 0.7


def _run(row: list[_Item], place: int, reach: float) -> list[_Item]:
    """Words after `place` until a gap wider than `reach` or the start of a place-and-date line."""
    out: list[_Item] = []
    right = row[place].right
    for item in row[place + 1 :]:
        if item.left - right > reach or _is(item, "ngay"):
            break
        out.append(item)
        right = item.right
    return out


def _code(tail: str, rest: list[_Item]) -> int | None:
    """Which word holds the agency code after the number: -1 the label's own word, 0.. in `rest`, None none."""
    texts = [tail, *(i.word.text for i in rest)]
    for pattern in (_SLASH_CODE, _DASH_CODE):
        for number, text in enumerate(texts):
            if pattern.search(text):
                return number - 1
    for number in range(1, min(4, len(texts))):
        if _BARE_CODE.fullmatch(texts[number].strip(".,")) and number >= 2:
            return number - 1
    return None


def _number_gap(item: _Item, label: re.Match[str], rest: list[_Item], code: int | None, high: float) -> Gap:
    merged = bool(item.word.text[label.end() :].strip(" .…_-")) or item.right - item.left > 2.6 * high
    left = item.left if merged else item.right
    if code is None:
        # a form without a code: the entry ends at the first wide gap
        end, right = 0, item.right
        while end < len(rest) and rest[end].left - right < 2.5 * high:
            right, end = rest[end].right, end + 1
        members, last = rest[:end], item if merged else None
        right = max(right, item.right + (2.5 * high if not members and not merged else 0))
    else:
        members, last = rest[: code + 1], item if code < 0 else rest[code]
        right = last.left if code >= 0 and _is_code_alone(last, high) else last.right
    top, bottom = _band([item, *([last] if last else [])])
    text = " ".join(i.word.text for i in members)
    text = f"{item.word.text[label.end() :]} {text}".strip()
    sure = min([i.word.confidence for i in members], default=item.word.confidence if merged else 0.0)
    inside = tuple(i.index for i in members if i is not last)
    stop = last.left if last and last is not item and last.word.text[:1] in "/⁄" else right
    free = (item.right, stop) if not merged and (code is None or stop < right) else (left, left)
    span = (item.index, *(i.index for i in members))
    labels = (label.group().strip(), _printed_code(last.word.text) if code is not None else "")
    return Gap("so", (left, top, right, bottom), _before_code(text), sure, inside, free, span, labels)


def _printed_code(text: str) -> str:
    """`2/QĐ-UBND` -> `/QĐ-UBND`; a code whose slash was lost in the writing gets it back."""
    if slashed := re.search(r"[/⁄]\s*([A-ZĐÐ].*)$", text):
        return f"/{slashed.group(1)}"
    bare = re.search(r"[A-ZĐÐ]{2,}.*$", text)
    return f"/{bare.group()}" if bare else ""


def _is_code_alone(item: _Item, high: float) -> bool:
    """A code in capitals whose slash was lost, in a box no wider than its letters: the entry ends before it."""
    text = item.word.text
    return bool(re.match(r"[A-ZĐÐ]{2,}[^/⁄]*$", text)) and item.right - item.left < 0.8 * high * len(text)


def _before_code(text: str) -> str:
    """`575 /UBND-KTTH` -> `575`; empty when what stands there is not a plain number."""
    found = re.match(r"^[\s.…_]*(\d[\dA-Z/\-. ]*?)\s*(?:[/⁄]\s*[A-ZĐÐ].*)?$", text)
    return re.sub(r"\s", "", found.group(1)).strip("/.-") if found else ""


# --- date ------------------------------------------------------------------------------------------------------------
def _is(item: _Item, label: str) -> bool:
    if item.plain == label:
        return True
    return abs(len(item.plain) - len(label)) <= 1 and fuzz.ratio(item.plain, label) >= 75


def _holds(item: _Item, label: str) -> bool:
    return label in item.plain or _is(item, label)


def _stretched(item: _Item, label: str, char_width: float) -> bool:
    """The box of a label is too wide for its letters: it swallowed its neighbour."""
    return (
        len(item.plain) <= len(label) + 1
        and item.right - item.left > (len(item.word.text) + 1.3) * char_width
    )


def _ends(item: _Item, label: str, char_width: float) -> bool:
    """Nothing but the label stands at the right end of the word."""
    bare = re.sub(r"[\s,.:;_…'’\-]", "", item.word.text)
    return not _stretched(item, label, char_width) and (
        plain(bare[-len(label) :]) == label or len(bare) <= len(label)
    )


def _begins(item: _Item, label: str, char_width: float) -> bool:
    """Nothing but the label stands at the left end of the word."""
    bare = re.sub(r"[\s,.:;_…'’\-]", "", item.word.text)
    return not _stretched(item, label, char_width) and (
        plain(bare[: len(label)]) == label or len(bare) <= len(label)
    )


def _date_gaps(row: list[_Item], page_height: float, text_right: float) -> list[tuple[float, list[Gap]]]:
    """Gaps of the dates in a row, each with how much it looks like the line of place and date; 0: one in a registration
    row, behind its label, or one that the page's recogniser did not read surely."""
    out = []
    for place, item in enumerate(row):
        if not _holds(item, "ngay") or item.word.text.endswith((",", ";", ":")):
            continue  # "Ngày, tháng, năm sinh:" is a label
        months = [k for k in range(place, min(place + 5, len(row))) if _holds(row[k], "thang")]
        if not months:
            continue
        years = [k for k in range(months[0], min(months[0] + 5, len(row))) if _is_year_label(row, k)]
        if not years:
            continue
        high = _height(row)
        before = row[place - 1] if place else None
        # a wrapped line of running text may begin with a date; a place-and-date line does not begin at the left
        alone = before is None and (item.left > 0.35 * text_right or item.word.text[:1] == "N")
        opening = alone or (
            before is not None
            and (before.word.text.endswith((",", ".")) or item.left - before.right > 2 * high)
        )
        where = (item.word.box[1] + item.word.box[3]) / 2 / page_height
        closing = len(row) - 1 - years[0] <= 3 and not row[-1].word.text.endswith(":")
        trio = _trio(row, place, months[0], years[0], high)
        if opening and closing:
            score = (1.0 if before is not None else 0.2) + (1.5 if where < _UPPER_PART else 0.0) - where
            out.append((max(score, 0.01), trio))
        elif _may_be_filled_in(before) and (_odd(trio) or (before is not None and before.word.text.endswith((":", ",")))):
            out.append((0.0, trio))
    return out


def _odd(trio: list[Gap]) -> bool:
    """The page's recogniser saw something else than a day and a month there, or was not sure."""
    return any(not g.printed or g.printed_confidence < 0.8 for g in trio[:2])


def _is_year_label(row: list[_Item], place: int) -> bool:
    """`năm`, or something like it in front of a year."""
    item = row[place]
    if _holds(item, "nam"):
        return True
    year = place + 1 < len(row) and re.match(r"(?:19|20)\d\d\b", row[place + 1].word.text)
    return bool(year) and len(item.plain) == 3 and fuzz.ratio(item.plain, "nam") >= 66


def _may_be_filled_in(before: _Item | None) -> bool:
    """A date behind a label or a number, and not one in running text (`Nghị định … ngày 8 tháng 4 năm 2004`)."""
    if before is None:
        return True
    text = before.word.text
    return text.endswith((":", ",", ".", ";")) or before.plain == "ngay" or any(c.isdigit() for c in text)


def _trio(row: list[_Item], day: int, month: int, year: int, high: float) -> list[Gap]:
    solid = [(i.right - i.left) / len(i.plain) for i in row if len(i.plain) >= 3 and i.word.text.isalpha()]
    char_width = statistics.median(solid) if solid else 0.5 * high
    band = _band([row[day], row[month], row[year]])
    gaps = [
        _between(row, "ngay", day, "thang", month, "ngay", band, char_width),
        _between(row, "thang", month, "nam", year, "thang", band, char_width),
    ]
    label = row[year]
    tidy = _ends(label, "nam", char_width)
    members = [i for i in row[year + 1 : year + 3] if i.left - label.right < 3 * high]
    left = label.right if tidy else label.left
    right = max([label.right + (2.6 * high if tidy and not members else 0), *(i.right for i in members)])
    text = " ".join(["" if tidy else label.word.text, *(i.word.text for i in members)])
    gaps.append(_gap("nam", (left, band[0], right, band[1]), text, members, label, tidy, None))
    return gaps


def _between(
    row, first, a: int, second, b: int, kind: str, band: tuple[float, float], char_width: float
) -> Gap:
    head, tail = row[a], row[b]
    ends = head is not tail and _ends(head, first, char_width)
    begins = head is not tail and _begins(tail, second, char_width)
    left = head.right if ends else head.left
    right = tail.left if begins else tail.right
    members = row[a + 1 : b]
    texts = ["" if ends else head.word.text, *(i.word.text for i in members)]
    if not begins and tail is not head:
        texts.append(tail.word.text)
    return _gap(kind, (left, band[0], right, band[1]), " ".join(texts), members, head, ends and begins, tail)


_LABELS = {"ngay": ("ngày", "tháng"), "thang": ("tháng", "năm"), "nam": ("năm", "")}


def _gap(
    kind: str, box: Box, text: str, members: list[_Item], label: _Item, tidy: bool, closing: _Item | None
) -> Gap:
    digits = re.fullmatch(r"[^\W\d_]*[\s.,…_]*(\d{1,4})[\s.,…_]*[^\W\d_]*", text.strip())
    printed = digits.group(1) if digits else ""
    joined = [] if tidy else [i.word.confidence for i in (label, closing) if i]  # `2tháng`
    sure = min([*(i.word.confidence for i in members), *joined], default=label.word.confidence if printed else 0.0)
    free = (box[0], box[2] if tidy else box[0])
    inside = tuple(i.index for i in members)
    span = (label.index, *inside, *([closing.index] if closing and closing is not label else []))
    return Gap(kind, box, printed, sure, inside, free, span, _LABELS[kind])


# --- whole dates of civil-status forms -------------------------------------------------------------------------------
def _full_dates(row: list[_Item]) -> list[Gap]:
    """`Ngày, tháng, năm sinh: ..../..../........`: the entry after the colon."""
    head = "".join(i.plain for i in row[:3])
    if fuzz.ratio(head, "ngaythangnam") < 85:
        return []
    colons = [k for k, i in enumerate(row[2:6], 2) if i.word.text.endswith((":", ";"))]
    if not colons:
        return []
    label, members, right = row[colons[0]], [], row[colons[0]].right
    high = _height(row[: colons[0] + 1])
    for item in row[colons[0] + 1 :]:
        if item.left - right > 2 * high or item.left - label.right > 9 * high:
            break
        members.append(item)
        right = item.right
    top, bottom = _band(row[: colons[0] + 1])
    right = min(right, label.right + 10 * high) if members else label.right + 8 * high
    text = "".join(i.word.text for i in members).strip("._… ")
    printed = text if re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}", text) else ""
    sure = min([i.word.confidence for i in members], default=0.0) if printed else 0.0
    inside = tuple(i.index for i in members if i.left - label.right < 6 * high)
    box, free = (label.right, top, right, bottom), (label.right, right)
    return [Gap("ngay_thang_nam", box, printed, sure, inside, free, (label.index, *inside), ("", ""))]
