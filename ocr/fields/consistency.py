"""One paper prints the same names again and again (place of birth, residence, registration; a name in the subject and in
the article). Two neighbouring words with the same letters but different accents are then a reading error in one of them.

Where the readings disagree the better supported one is proposed and the field goes to a person; nothing is accepted.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

from ocr.agencies import provinces
from ocr.fields.evidence import Found
from ocr.fields.places import is_cut_off
from ocr.fields.rows import Row, Token
from ocr.fields.syllables import is_word
from ocr.gazetteer import judge, province_like, same_writing
from ocr.normalise import key, new_tones, nfc, similarity, title_name

_KINDS = frozenset({"name", "place", "agency", "text", "subject"})
_TRUSTED = frozenset(
    tuple(_pair.split())
    for _pair in (
        "ủy ban", "ban nhân", "nhân dân", "hội đồng", "đồng nhân", "thành phố", "thị trấn", "thị xã", "việt nam",
        *(new_tones(p.name) for p in provinces() if len(p.name.split()) == 2),
    )
)  # fmt: skip
"""Pairs that are right whatever was read elsewhere: the closed vocabulary."""
_Support = dict[tuple[str, str], dict[tuple[str, str], float]]


def _plain(word: str) -> str:
    return re.sub(r"[^\w'’]", "", new_tones(word))


def support_of(rows: list[Row]) -> _Support:
    """How often, weighted by confidence, each pair of neighbouring words was read in which writing."""
    found: _Support = defaultdict(lambda: defaultdict(float))
    for row in rows:
        for a, b in zip(row.tokens, row.tokens[1:], strict=False):
            if not _paired(a, b):
                continue
            found[a.key, b.key][_plain(a.text), _plain(b.text)] += min(a.confidence, b.confidence)
    return found


def _paired(a: Token, b: Token) -> bool:
    return (
        len(a.key) > 1
        and len(b.key) > 1
        and a.key.isalpha()
        and b.key.isalpha()
        and not a.text.endswith((",", ";", ":"))
    )


def read_against_known(found: dict[str, Found]) -> dict[str, tuple[bool, str]]:
    """Districts and provinces take the writing of the one known place with their letters; by field whether all is well now,
    and what was read and is known."""
    told: dict[str, tuple[bool, str]] = {}
    for name, item in found.items():
        if item.kind not in ("place", "agency") or not item.value:
            continue
        if name == "dia_danh" and (province := province_like(item.value)) and not same_writing(province, item.value):
            # a commune may have the letters of a province: a person looks
            told[name] = False, f"{item.value} → {province}"
            item.value, item.certainty = province, min(item.certainty, 0.5)
            continue
        judged = judge(item.value)
        item.known = judged.share
        if judged.changed:
            item.value, item.certainty = judged.value, min(item.certainty, KNOWN_CERTAINTY)
        if judged.changed or judged.strange:
            told[name] = not judged.strange, "; ".join(" → ".join(pair) for pair in judged.changed)
    return told


KNOWN_CERTAINTY = 0.9
"""Of a value with a known place put right: on 480 made papers every such repair was right."""


def reconcile(found: dict[str, Found], rows: list[Row]) -> list[str]:
    """Puts the better supported writing into values that disagree with it; returns the fields concerned."""
    support = support_of(rows)
    doubtful = []
    for name, item in found.items():
        if item.kind not in _KINDS or not item.value:
            continue
        known = judge(item.value).spans if item.kind in ("place", "agency") else []
        value, doubt = _reconciled(item.value, support, known)
        if doubt:
            item.value = title_name(value) if item.kind == "name" else value
            item.certainty = min(item.certainty, 0.5)
            doubtful.append(name)
    return doubtful


def _reconciled(value: str, support: _Support, known: list[tuple[int, int]]) -> tuple[str, bool]:
    words = nfc(value).split()
    doubt = False
    for at in range(len(words) - 1):
        if any(first <= at < last for first, last in known):
            continue  # the engine repeats the accent it prefers: a known place outweighs any number of readings
        a, b = words[at], words[at + 1]
        keys = key(a), key(b)
        if keys not in support or a.endswith((",", ";", ":")):
            continue
        writings = support[keys]
        if len(writings) < 2:
            continue
        own = (_plain(a), _plain(b))
        if own in _TRUSTED:
            continue
        best = max(writings, key=lambda w: writings[w] * (1.0 if all(is_word(x) for x in w) else 0.4))
        if best == own:
            others = sum(weight for writing, weight in writings.items() if writing != own)
            doubt = doubt or others > 0.6 * writings.get(own, 0.0)
            continue
        doubt = True
        if writings[best] > 1.5 * writings.get(own, 0.0) or not all(is_word(x) for x in own):
            words[at], words[at + 1] = _like(a, best[0]), _like(b, best[1])
    return " ".join(words), doubt


def _like(word: str, plain: str) -> str:
    """The writing `plain` with the capitals and marks around it that `word` has."""
    match = re.match(r"^(\W*)(.*?)(\W*)$", word)
    core = match.group(2)
    if _plain(core) == plain:
        return word
    if core.isupper() and len(core) > 1:
        plain = plain.upper()
    elif core[:1].isupper():
        plain = plain[:1].upper() + plain[1:]
    return f"{match.group(1)}{plain}{match.group(3)}"


def count_repeats(found: dict[str, Found], rows: list[Row]) -> None:
    """A name or place read the same way twice in one paper is more likely right: errors seldom repeat."""
    text = " ".join(_plain(t.text) for row in rows for t in row.tokens if t.key)
    for item in found.values():
        if item.kind not in ("name", "place", "agency") or not item.value:
            continue
        words = [_plain(w) for w in item.value.split() if key(w)]
        if len(words) > 1 and text.count(" ".join(words)) > 1:
            item.agreed += 1
        elif item.kind == "agency" and (own := _own_name(item.value)) and text.count(own) > 1:
            item.agreed += 1


_LEVEL = re.compile(r"\b(?:xã|phường|thị trấn|huyện|quận|thị xã|thành phố|tỉnh)\s+")


def _own_name(agency: str) -> str:
    """Name of the place an agency is called by, as it stands in text: `Ủy ban nhân dân huyện Lạc Sơn` → `lạc sơn`."""
    parts = _LEVEL.split(agency)
    words = [_plain(w) for w in parts[-1].split(",")[0].split() if key(w)] if len(parts) > 1 else []
    return " ".join(words) if len(words) > 1 else ""


def place_of_issue(found: dict[str, Found]) -> bool | None:
    """Place in the date line against the agency's own place: True when it agrees, False when it was read differently (the
    agency's writing is then proposed), None when they say different things (a department is dated from its province)."""
    place, agency = found.get("dia_danh"), found.get("co_quan_ban_hanh")
    if place is None or agency is None or not place.value or not agency.value:
        return None
    head = agency.value.split()[: -len(place.value.split())]
    tail = " ".join(agency.value.split()[len(head) :])
    if new_tones(tail) == new_tones(place.value):
        return True
    if similarity(key(tail), key(place.value)) < 0.7:
        return None
    if agency.known and key(tail) == key(place.value) and len(judge(agency.value).spans) == 1:
        place.value, place.certainty = tail, min(place.certainty, KNOWN_CERTAINTY)
        return True
    # Accents and letters get lost rather than added: the richer writing is the likelier one.
    better = max((tail, place.value), key=lambda text: (_accents(text), len(text)))
    place.value, place.certainty = better, min(place.certainty, 0.5)
    agency.value, agency.certainty = " ".join([*head, better]), min(agency.certainty, 0.5)
    return False


def _accents(text: str) -> int:
    return sum(len(unicodedata.normalize("NFD", c)) - 1 + (c in "đĐ") for c in text)


def completed_agency(agency: Found, place: Found | None, rows: list[Row]) -> None:
    """An agency whose place was lost (`Ủy ban nhân dân thị trấn`) takes it from the date line, for a person to confirm."""
    if not agency.value:
        return
    _completed_province(agency, place)
    if key(agency.value) in _BARE_HEADS:
        agency.valid = False
        return
    if place is not None and place.value and (whole := _longer_name(agency.value, place.value)):
        agency.value, agency.certainty = whole, min(agency.certainty, 0.5)
    if not is_cut_off(agency.value) and agency.value not in ("Ủy ban nhân dân", "Hội đồng nhân dân"):
        return
    agency.valid = False
    if place is None or not place.value or not place.valid:
        return
    level = "" if is_cut_off(agency.value) else _level_of(place.value, rows)
    if level is not None:
        agency.value, agency.certainty, agency.valid = (
            " ".join(f"{agency.value} {level} {place.value}".split()),
            0.4,
            True,
        )


_BARE_HEADS = frozenset({"ban", "so", "phong", "bo", "cuc", "chicuc", "doi", "truong", "vien", "trungtam", "hoidong", "uyban", "dai", "bao"})
"""Beginnings that name no agency without what follows."""


def _longer_name(agency: str, place: str) -> str | None:
    """`… xã Đại` in a paper dated from Đại An: the last word of the heading was lost."""
    before, level, rest = agency.rpartition(" xã ") if " xã " in agency else agency.rpartition(" phường ")
    if level and new_tones(place).startswith(f"{new_tones(rest)} "):
        return f"{before}{level}{place}"
    return None


def _completed_province(agency: Found, place: Found | None) -> None:
    """`Ủy ban nhân dân tỉnh Bắc`: no province is called so; the place of the date line may tell which was meant."""
    before, level, rest = agency.value.rpartition("tỉnh ")
    names = [p.name for p in provinces()]
    if not level or any(new_tones(rest) == new_tones(name) for name in names):
        return
    begun = [name for name in names if new_tones(name).startswith(f"{new_tones(rest)} ")]
    if not begun:
        return
    meant = [n for n in begun if place is not None and place.value and new_tones(n) == new_tones(place.value)]
    agency.valid = bool(meant)
    if meant:
        agency.value, agency.certainty = f"{before}{level}{meant[0]}", min(agency.certainty, 0.5)


def _level_of(place: str, rows: list[Row]) -> str | None:
    """The level most often written before a place's name in the text: `xã` for `xã Na Dương`."""
    text = " ".join(row.text for row in rows)
    levels = re.findall(
        rf"(xã|phường|thị trấn|huyện|quận|thị xã|thành phố|tỉnh)\s+{re.escape(place)}\b", text, re.IGNORECASE
    )
    return (
        max(set(level.lower() for level in levels), key=[level.lower() for level in levels].count)
        if levels
        else None
    )


def respelled_agency(agency: Found, rows: list[Row]) -> None:
    """An agency in damaged capitals takes its place name from running text with the same letters (`Xãbäcthành` →
    `xã Bắc Thành`)."""
    if (
        not agency.value
        or agency.certainty > 0.97
        and all(is_word(w) for w in re.findall(r"[^\W\d_]+", agency.value))
    ):
        return
    words = agency.value.split()
    for at in range(len(words)):
        if (
            len(key(words[at])) >= 6
            and not is_word(words[at])
            and (writing := _written_elsewhere(key(words[at]), rows))
        ):
            words[at] = writing
            agency.certainty = min(agency.certainty, 0.6)
    agency.value = " ".join(words)
    words = agency.value.split()
    for start in range(3, len(words)):
        wanted = key("".join(words[start:]))
        if len(wanted) < 5:
            break
        if writing := _written_elsewhere(wanted, rows):
            agency.value = " ".join([*words[:start], writing])
            agency.certainty = min(agency.certainty, 0.6)
            return


def _written_elsewhere(wanted: str, rows: list[Row]) -> str | None:
    counted: dict[str, float] = defaultdict(float)
    for row in rows:
        for start in range(len(row.tokens)):
            joined = ""
            for end in range(start, min(len(row.tokens), start + 6)):
                joined += row.tokens[end].key
                if joined == wanted:
                    tokens = row.tokens[start : end + 1]
                    text = " ".join(t.text.strip(",.;:") for t in tokens)
                    if not text.isupper():
                        counted[text] += min(t.confidence for t in tokens)
                if len(joined) >= len(wanted):
                    break
    return max(counted, key=lambda text: counted[text]) if counted else None
