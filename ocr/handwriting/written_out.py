"""Puts what was read in numbers and dates written by hand into the words of the page.

A recogniser made for print leaves `Số:ÑÑh /UBND-TH` and `ngày }9*háng 01 năm 2022`; with the digits read the words become
`Số: 104/UBND-TH` and `ngày 29 tháng 01 năm 2022`, in the text of the page and in the searchable file too. They keep the
mark that they are written by hand and the confidence of the reader of digits.
"""

from __future__ import annotations

import re

from ocr.handwriting.gaps import Gap, plain
from schemas.page import Box, GapReading, Word

_LABEL = re.compile(r"(?i)ng[aàáâãạả]y")
_Pair = tuple[Gap, GapReading]


def write_out(words: list[Word], gaps: list[_Pair]) -> list[Word]:
    """`words` with those of each entry by hand replaced by what was read there; the others as they were."""
    made: dict[int, list[Word]] = {}
    for index, (gap, found) in enumerate(gaps):
        if gap.kind == "so":
            made |= _number(words, gap, found)
        elif gap.kind == "ngay":
            made |= _date(words, gaps[index : index + 3])
    return [new for index, word in enumerate(words) for new in made.get(index, [word])]


def _number(words: list[Word], gap: Gap, found: GapReading) -> dict[int, list[Word]]:
    label, code = gap.labels
    if not found.text or found.handwritten < 0.5 or not label:
        return {}
    if not code and any(len(plain(words[i].text)) > 2 for i in gap.inside):
        return {}  # words of print stand in what was taken for the entry
    first, last = words[gap.span[0]], words[gap.span[-1]]
    right = last.box[2] if code else found.box[2]
    head = _word(first, label, (first.box[0], first.box[1], min(first.box[2], found.box[0]), first.box[3]))
    head = head.model_copy(update={"handwritten": 0.0, "confidence": first.confidence})
    entry = _word(first, found.text + code, (found.box[0], found.box[1], max(right, found.box[2]), found.box[3]), found)
    return _replaced(gap.span, [head, entry])


def _date(words: list[Word], trio: list[_Pair]) -> dict[int, list[Word]]:
    """Day, month and year of one date with their labels."""
    if [gap.kind for gap, _ in trio] != ["ngay", "thang", "nam"]:
        return {}
    texts = [gap.printed if found.handwritten < 0.5 and gap.printed else found.text for gap, found in trio]
    if not all(texts) or len(texts[2]) != 4 or all(found.handwritten < 0.5 for _, found in trio):
        return {}
    span = list(dict.fromkeys(index for gap, _ in trio for index in gap.span))
    first = words[span[0]]
    said = _LABEL.search(first.text)
    out, left = [], first.box[0]
    if said and said.start():  # `An,ngày`
        edge = left + (first.box[2] - left) * said.start() / len(first.text)
        out.append(_word(first, first.text[: said.start()], (left, first.box[1], edge, first.box[3])))
        left = edge
    for (gap, found), text in zip(trio, texts, strict=True):
        label = gap.labels[0].capitalize() if first.text[:1] == "N" and gap.kind == "ngay" else gap.labels[0]
        printed = words[gap.span[0]]
        edge = max(left + 1.0, min(found.box[0], printed.box[2]) if printed.box[2] > left else found.box[0])
        sign = _word(printed, label, (left, printed.box[1], edge, printed.box[3]))
        out.append(sign.model_copy(update={"handwritten": 0.0}))
        by_hand = found.handwritten >= 0.5
        confidence = found.confidence if by_hand or not gap.printed else gap.printed_confidence
        box = (max(edge, found.box[0]), found.box[1], max(edge + 1.0, found.box[2]), found.box[3])
        out.append(_word(printed, text, box, found).model_copy(update={"confidence": confidence}))
        left = box[2]
    return _replaced(tuple(span), out)


def _replaced(span: tuple[int, ...], new: list[Word]) -> dict[int, list[Word]]:
    return {span[0]: new, **{index: [] for index in span[1:]}}


def _word(like: Word, text: str, box: Box, found: GapReading | None = None) -> Word:
    update: dict[str, object] = {"text": text, "box": box}
    if found is not None:
        update |= {"confidence": found.confidence, "handwritten": found.handwritten}
    return like.model_copy(update=update)
