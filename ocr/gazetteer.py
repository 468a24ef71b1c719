"""Known places against what was read: districts and provinces are few, communes are not judged.

A name with the letters of exactly one known place but other accents (`huyện Ba Bế` in `tỉnh Bắc Kạn`) is a reading error:
the engine prefers some accents and repeats them, so that reading twice does not help. Data: `places.toml`, `agencies.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from ocr.agencies import provinces
from ocr.normalise import fold, new_tones, nfc, similarity

DATA = Path(__file__).with_name("places.toml")
_LEVEL = re.compile(
    r"(?<![^\W\d_])(thành phố|thị xã|thị trấn|đặc khu|huyện|quận|tỉnh|phường|xã|tp\.?)\s+(?=\w)", re.IGNORECASE
)
_DISTRICT_LEVELS = frozenset({"huyện", "quận", "thị xã", "thành phố", "tp", "tp."})
_CITY = frozenset({"thành phố", "tp", "tp."})
_ALIKE = str.maketrans("l1", "ii")  # `Đắk MII`, `la Grai`: one stroke of the pen


_SPECK = re.compile(r"\s-\w|\w-\s")


@dataclass(slots=True)
class Judged:
    """A value held against the known places."""

    value: str
    """With the known writing where it was read otherwise."""
    changed: list[tuple[str, str]] = field(default_factory=list)
    """(as read, as known)"""
    spans: list[tuple[int, int]] = field(default_factory=list)
    """First and last word (of `value.split()`) of every known place, its level included."""
    strange: int = 0
    """Districts that their province does not have: a misreading too large to be undone."""
    share: float = 0.0
    """Share of the words of names (not of levels) that are known."""


def _letters(name: str) -> str:
    return "".join(c for c in fold(name) if c.isalnum()).translate(_ALIKE)


def _writing(name: str) -> str:
    """What two right writings have in common: tone placement, apostrophes and the highland `Đắk`, `Đăk`, `Đak` aside."""
    plain = re.sub(r"[^\w ]", "", new_tones(name).replace("-", " "))
    return re.sub(r"[aăắ]([kc])\b", r"ăk", " ".join(plain.split()))


@cache
def districts() -> dict[str, dict[str, tuple[str, ...]]]:
    """By province (writing), then by letters: names of districts before 1 July 2025; "" holds the whole country."""
    known: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for province, names in tomllib.loads(DATA.read_text("utf-8"))["districts"].items():
        for name in (" ".join(n.split()) for n in names.split(",")):
            for place in (_writing(province), ""):
                known[place][_letters(name)].add(nfc(name))
    return {p: {k: tuple(sorted(v)) for k, v in names.items()} for p, names in known.items()}


@cache
def _provinces() -> dict[str, tuple[str, ...]]:
    known: dict[str, set[str]] = defaultdict(set)
    for province in provinces():
        known[_letters(province.name)].add(province.name)
    return {k: tuple(sorted(v)) for k, v in known.items()}


def province_like(name: str) -> str | None:
    """The province with exactly these letters, whatever the accents."""
    found = _provinces().get(_letters(name), ())
    return found[0] if len(found) == 1 else None


def same_writing(a: str, b: str) -> bool:
    """True when two writings differ in nothing that can be misread."""
    return _writing(a) == _writing(b)


@lru_cache(maxsize=2048)
def judge(value: str) -> Judged:
    """Places named in a value (`…, huyện Ba Bế, tỉnh Bắc Kạn`, `Ủy ban nhân dân huyện Ba Bé`) against the known ones.

    Asked several times about a value, so the answer is kept and shared: it is not to be changed.
    """
    parts = [p.strip() for p in nfc(value).split(",")]
    out = Judged(value)
    province = _province_of(parts)
    words = names = known_words = 0
    for at, part in enumerate(parts):
        level, start, name = _named(part, last=at == len(parts) - 1 and at > 0, district=at == len(parts) - 2 and at > 0)
        name_at = len(part) - len(name)
        names += len(name.split()) if level or at else 0
        if level is not None and name and not name[0].isdigit():
            found, strange = _known(level, name, province, last=at == len(parts) - 1)
            if strange:
                out.strange += 1
                found = _nearest(name, province)
            if found is not None:
                if not same_writing(found, name) or _SPECK.search(name):
                    out.changed.append((name, found))
                    parts[at] = part[:name_at] + found
                first = words + len(part[:start].split())
                out.spans.append((first, words + len(parts[at].split()) - 1))
                known_words += len(name.split())
            elif not level and _ends_in_district(name, province):
                out.strange += 1
        words += len(parts[at].split())
    if out.changed:
        out.value = ", ".join(parts)
    out.share = known_words / names if names else 0.0
    return out


def _province_of(parts: list[str]) -> str:
    """Writing of the province a value ends in; "" when it names none."""
    if len(parts) < 2:
        match = _last_level(parts[0])
        name = parts[0][match.end() :] if match and match.group(1).lower() == "tỉnh" else ""
    else:
        _, _, name = _named(parts[-1], last=True, district=False)
    like = province_like(name) if name else None
    return _writing(like) if like else ""


def _last_level(part: str) -> re.Match[str] | None:
    found = list(_LEVEL.finditer(part))
    return found[-1] if found else None


def _named(part: str, last: bool, district: bool) -> tuple[str | None, int, str]:
    """(level, where it starts, name) of a part; the tail of an address may lack its level: "" then; None: no place."""
    match = _last_level(part)
    if match:
        return match.group(1).lower(), match.start(), part[match.end() :]
    return ("" if last or district else None), 0, part


def _known(level: str, name: str, province: str, last: bool) -> tuple[str | None, bool]:
    """The one known place with the letters of the name, and whether the name is strange where it stands."""
    letters = _letters(name)
    if level == "tỉnh" or (last and level in ("", *_CITY)):
        found = _provinces().get(letters, ())
        if found or level == "tỉnh":
            return (_one(found, name), False)
    if level and level not in _DISTRICT_LEVELS:
        return None, False
    if not level and not province:
        return None, False
    there = districts().get(province)
    if there is None:
        return None, False
    found = there.get(letters, ())
    return _one(found, name), bool(province) and bool(level) and not found


def _ends_in_district(part: str, province: str) -> bool:
    """True for a district behind words that are no level (`hị hyện Ứng Hòa`): the level was misread."""
    words, there = part.split(), districts().get(province, {})
    return any(_letters(" ".join(words[n:])) in there for n in range(1, len(words)))


def _nearest(name: str, province: str) -> str | None:
    """The district of a province that a damaged name (`Hỷý`, `Ứn j Hòa`) must have been: one is much nearer than all others."""
    letters = _letters(name)
    scored = sorted(((similarity(letters, k), k) for k in districts()[province]), reverse=True)
    (best, key), (second, _) = scored[0], scored[1] if len(scored) > 1 else (0.0, "")
    return districts()[province][key][0] if best >= 0.7 and best - second >= 0.2 else None


def _one(found: tuple[str, ...], name: str) -> str | None:
    """The writing among the found that equals the name, or the only one there is."""
    for known in found:
        if same_writing(known, name):
            return known
    return found[0] if len(found) == 1 else None
