"""Names of places: levels (xã, huyện, tỉnh) and provinces are a closed vocabulary and may be read against it; the names
of communes and streets stay as read."""

from __future__ import annotations

import re

from ocr.agencies import provinces
from ocr.fields.syllables import is_word
from ocr.normalise import key, new_tones, nfc, similarity

_LEVELS = ("xã", "phường", "thị trấn", "huyện", "quận", "thị xã", "thành phố", "tỉnh")
_PROVINCE_LEVELS = ("tỉnh", "thành phố", "tp")
_CUT_OFF = re.compile(
    r"(?:(?:^|,\s*)(?i:xã|phường|thị|thị trấn|thị xã|huyện|quận|thành|thành phố|tp\.?|tỉnh|thành phố hồ(?: chí)?)"
    r"|\s(?:xã|phường|thị trấn|thị xã|huyện|quận|thành phố|tỉnh|thành phố Hồ(?: Chí)?))$"
)


def is_cut_off(place: str) -> bool:
    """True when the text ends where a name must follow (`…, huyện`): a row was lost."""
    return bool(_CUT_OFF.search(nfc(place)))


_SMALL_IA = re.compile(r"\b([Xx]ã|[Hh]uyện|[Tt]hị trấn|[Pp]hường|[Ll]àng|[Bb]uôn) la (?=[A-ZĐ])")


def repaired(place: str) -> tuple[str, float]:
    """Levels and the province of an address read against the closed vocabulary, with certainty 1 when nothing changed."""
    place = _SMALL_IA.sub(r"\1 Ia ", nfc(place))  # `xã la Blang`: the highland `Ia`, no name begins in a small letter
    parts = [p.strip() for p in place.split(",")]
    certainty = 1.0
    for i, part in enumerate(parts):
        fixed = _level(part) if i or len(parts) == 1 else part
        if fixed != part:
            parts[i], certainty = fixed, min(certainty, 0.9)
    if len(parts) > 1:
        last, sure = _province(parts[-1])
        if last != parts[-1]:
            parts[-1] = last
        certainty = min(certainty, sure)
    return ", ".join(p for p in parts if p), certainty


def _level(part: str) -> str:
    words = part.split()
    for size in (2, 1):
        if len(words) <= size:
            continue
        head = " ".join(words[:size])
        if head.lower() in _LEVELS:
            return part
        for level in _LEVELS:
            if len(level.split()) != size or len(level) < 3:
                continue
            same = key(head) == key(level)
            damaged = similarity(key(head), key(level)) >= 0.74 and not all(is_word(w) for w in words[:size])
            if same or damaged:
                fixed = level.capitalize() if head[:1].isupper() else level
                return " ".join([fixed, *words[size:]])
    return part


def _province(part: str) -> tuple[str, float]:
    words = part.split()
    for size in (2, 1):
        head = " ".join(words[:size]).lower().rstrip(".")
        if head in _PROVINCE_LEVELS and len(words) > size:
            name = " ".join(words[size:])
            break
    else:
        return part, 1.0
    if head == "thành phố" and not any(similarity(key(name), key(p.name)) >= 0.85 for p in provinces()):
        return part, 1.0  # a city inside a province
    scored = sorted(((similarity(key(name), key(p.name)), p.name) for p in provinces()), reverse=True)
    best, province = scored[0]
    if new_tones(name) == new_tones(province):
        return part, 1.0
    if best >= 0.99:
        return f"{part[: len(part) - len(name)]}{province}", 0.85
    if best >= 0.8 and scored[1][0] < best:
        return f"{part[: len(part) - len(name)]}{province}", 0.7
    return part, 0.4
