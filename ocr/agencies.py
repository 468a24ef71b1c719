"""Names of agencies and provinces: read from capitals into usual writing, with the days between which they existed.

Data stands in `agencies.toml`. OCR errors are repaired only in the safe vocabulary (`Ủy ban nhân dân`, names of
departments, provinces); names of communes stay as read.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from ocr.normalise import fold, key, nfc, one_dash, similarity, tidy, title_name

DATA = Path(__file__).with_name("agencies.toml")
_LEVELS = (
    "đặc khu", "thành phố", "thị trấn", "thị xã", "huyện", "quận", "phường", "tỉnh", "xã", "tp",
)  # fmt: skip
_LEVEL_KEYS = {key(level): level for level in _LEVELS}
_PROVINCIAL = ("tinh", "thanhpho", "tp", "huyen", "quan", "thixa")


@dataclass(frozen=True, slots=True)
class Province:
    """A province or city under the government."""

    name: str
    valid_from: date
    valid_to: date | None
    id_code: str
    """First three digits of identity numbers registered there; empty for provinces formed after 2021."""
    merged_into: str


@dataclass(frozen=True, slots=True)
class Agency:
    """An issuing agency and the one above it, as written in running text."""

    name: str
    parent: str
    certainty: float
    """1 when nothing had to be repaired."""


@cache
def _data() -> dict:
    return tomllib.loads(DATA.read_text("utf-8"))


@cache
def provinces() -> tuple[Province, ...]:
    """Old (to 30/6/2025) and new (from 1/7/2025, NQ 202/2025/QH15) provinces."""
    return tuple(
        Province(p["name"], p["from"], p.get("to"), p.get("id", ""), p.get("into", ""))
        for p in _data()["province"]
    )


@cache
def id_codes() -> frozenset[str]:
    return frozenset(p.id_code for p in provinces() if p.id_code)


def provinces_on(day: date | None) -> list[Province]:
    return [
        p
        for p in provinces()
        if day is None or (p.valid_from <= day and (p.valid_to is None or day <= p.valid_to))
    ]


def nearest_province(text: str, least: float = 0.8) -> tuple[str, float] | None:
    """The province whose name is nearest to the text."""
    wanted = key(re.sub(r"^(?:tỉnh|thành phố|tp\.?)\s+", "", tidy(text), flags=re.IGNORECASE))
    scored = sorted(((similarity(wanted, key(p.name)), p.name) for p in provinces()), reverse=True)
    return (scored[0][1], scored[0][0]) if scored and scored[0][0] >= least else None


@cache
def _heads() -> tuple[tuple[str, str], ...]:
    """Beginnings of agency names by key, longest first."""
    heads = [(key(h), h) for h in _data()["heads"]]
    return tuple(sorted(heads, key=lambda h: -len(h[0])))


@cache
def _known() -> tuple[tuple[str, str], ...]:
    return tuple((key(name), name) for name in _data()["known"])


def head_of(line: str) -> tuple[str, str, float] | None:
    """Beginning of an agency name in a line: (usual writing, rest of the line, similarity)."""
    words = one_dash(nfc(line)).split()
    best: tuple[float, int, str, str] | None = None
    for head_key, head in _heads():
        size = len(head.split())
        for count in (size, size - 1, size + 1):
            if not 0 < count <= len(words):
                continue
            joined = key("".join(words[:count]))
            score = similarity(joined, head_key)
            least = 0.99 if len(head_key) <= 5 else 0.8
            if score >= least and (best is None or (score * len(head_key)) > best[0] * best[1]):
                best = (score, len(head_key), head, " ".join(words[count:]))
    return (best[2], best[3], best[0]) if best else None


def starts_agency(line: str) -> bool:
    """True when a line of the heading begins a new agency rather than continuing the one above."""
    found = head_of(line)
    if found is None:
        return False
    head, rest, _ = found
    return bool(rest) or len(head.split()) > 1


def from_lines(lines: list[str]) -> Agency | None:
    """Issuing agency and its superior from the lines of a heading, top to bottom, as printed in capitals."""
    groups: list[list[str]] = []
    for line in (_unfused(tidy(one_dash(text))) for text in lines):
        if not any(c.isalpha() for c in line):
            continue
        runs_on = bool(groups) and (_awaits_place(groups[-1][-1]) or _goes_on(groups[-1], line))
        if groups and (runs_on or (not _is_known(line) and not starts_agency(line))):
            groups[-1].append(line)
        else:
            groups.append([line])
    groups = _join_heads(groups)
    if not groups:
        return None
    names = [written(_own_level(group), whole=number == len(groups) - 1) for number, group in enumerate(groups)]
    names = [_whole_department(*_whole_province(*name)) for name in names]
    name, certainty = names[-1]
    certainty = min(certainty, *(sure for _, sure in names))
    parents = ", ".join(parent for parent, _ in reversed(names[:-1]))
    return Agency(name, parents, certainty) if name else None


_FUSED = re.compile(r"(?<!\S)(XÃ|PHƯỜNG|HUYỆN|QUẬN|TỈNH|THỊ TRẤN)(?=[^\W\d_]{2})")


def _unfused(line: str) -> str:
    """`XÃTẢN LĨNH` → `XÃ TẢN LĨNH`: the space after a level was not seen."""
    return _FUSED.sub(r"\1 ", line)


def _whole_province(name: str, certainty: float) -> tuple[str, float]:
    """`… tỉnh Cao` → `… tỉnh Cao Bằng` when only one province begins so: a line of the heading was lost."""
    before, level, rest = name.rpartition("tỉnh ")
    if not level:
        return name, certainty
    begun = {p.name for p in provinces() if p.name.startswith(f"{rest} ")}
    if len(begun) == 1 and not any(p.name == rest for p in provinces()):
        return f"{before}{level}{begun.pop()}", min(certainty, 0.5)
    return name, certainty


def is_closed_name(name: str) -> bool:
    """True for names that leave nothing to be misread: a known department, perhaps of a province, or a province's committee
    or council."""
    for province in provinces():
        for tail in (f" tỉnh {province.name}", f" thành phố {province.name}"):
            name = name.removesuffix(tail)
    return name in ("Ủy ban nhân dân", "Hội đồng nhân dân", "UBND", "HĐND") or any(name == known for _, known in _known())


def _whole_department(name: str, certainty: float) -> tuple[str, float]:
    """`Sở Tài nguyên và Môi` → `Sở Tài nguyên và Môi trường`: the last line was lost."""
    wanted = key(name)
    if len(wanted) < 8 or any(wanted == known for known, _ in _known()):
        return name, certainty
    count = len(name.split())
    whole = [n for _, n in _known() if len(n.split()) > count and key(" ".join(n.split()[:count])) == wanted]
    return (whole[0], min(certainty, 0.5)) if len(whole) == 1 else (name, certainty)


def _goes_on(lines: list[str], line: str) -> bool:
    """True when a line ends the name of a department begun above (`SỞ NÔNG NGHIỆP VÀ MÔI` / `TRƯỜNG TỈNH HÀ NAM`)."""
    begun = key(" ".join(lines))
    words = line.split()
    return any(
        known.startswith(begun) and similarity(key("".join([begun, *words[:n]])), known) >= 0.97
        for known, _ in _known()
        for n in (1, 2)
        if len(begun) < len(known)
    )


def _is_known(line: str) -> bool:
    return any(similarity(key(line), known) >= 0.9 for known, _ in _known())


def _awaits_place(line: str) -> bool:
    """True when a line ends in `XÃ`, `PHƯỜNG` …: its name stands in the next line, whatever that looks like."""
    words = line.lower().split()
    return any(" ".join(words[-n:]) in _LEVELS for n in (1, 2) if len(words) > n)


def _join_heads(groups: list[list[str]]) -> list[list[str]]:
    """A committee's name without its place takes the place from a group that is only a place."""
    joined: list[list[str]] = []
    for group in groups:
        first = key(group[0].split()[0]) if group[0].split() else ""
        if joined and first in _LEVEL_KEYS:
            joined[-1] += group
        else:
            joined.append(group)
    return joined


def _own_level(lines: list[str]) -> str:
    """`XÃ HÒA KHÁNH, HUYỆN CÁI BÈ` / `TỈNH TIỀN GIANG` → without the places above."""
    kept = [lines[0]]
    for line in lines[1:]:
        above = key(line.split()[0]) in _PROVINCIAL or key("".join(line.split()[:2])) in _PROVINCIAL
        placed = any(
            key(word) in _LEVEL_KEYS or key(word) in ("thanh", "thi") for word in " ".join(kept).split()[1:]
        )
        if above and placed:
            break
        kept.append(line)
    text = " ".join(kept)
    if head_of(text) and head_of(text)[0] in ("Ủy ban nhân dân", "Hội đồng nhân dân"):
        text = text.split(",")[0]
    return text


def written(text: str, whole: bool = True) -> tuple[str, float]:
    """Usual writing of an agency printed in capitals: `UBND XÃ AN SƠN` → (`Ủy ban nhân dân xã An Sơn`, certainty). The
    agency above is named as it is printed: not `whole`, the abbreviation stays."""
    text = tidy(one_dash(text))
    known = max(((similarity(key(text), k), name) for k, name in _known()), default=(0.0, ""))
    if known[0] >= 0.88:
        return known[1], known[0]
    found = head_of(text)
    if found is None:
        return (place_name(text) if text.isupper() else text), 0.8
    head, rest, score = found
    longest = max(
        ((similarity(key(" ".join(text.split()[:n])), k), len(k), name, n)
         for k, name in _known() for n in range(len(name.split()), len(name.split()) + 1) if n <= len(text.split())),
        default=(0.0, 0, "", 0), key=lambda x: (x[0] >= 0.88, x[1]),
    )  # fmt: skip
    if longest[0] >= 0.88 and longest[1] > len(key(head)):
        head, rest, score = longest[2], " ".join(text.split()[longest[3] :]), longest[0]
    if whole:
        head = {"UBND": "Ủy ban nhân dân", "HĐND": "Hội đồng nhân dân"}.get(head, head)
    return f"{head} {place_name(rest)}".strip() if rest else head, score


def place_name(text: str) -> str:
    """`XÃ EA KPAM` → `xã Ea Kpam`; `PHƯỜNG 7` → `Phường 7` (numbered units keep the capital); mixed case stays."""
    if not text:
        return ""
    if not text.isupper() and sum(c.isupper() for c in text) < 0.6 * sum(c.isalpha() for c in text):
        return text
    text = re.sub(r"\b(phường|quận)(\d)", r"\1 \2", text, flags=re.IGNORECASE)
    words = text.split()
    out, i = [], 0
    while i < len(words):
        for size in (2, 1):
            part = " ".join(words[i : i + size]).lower().strip(".,")
            level = part if part in _LEVELS else None
            if level is None and i == 0:
                level = _LEVEL_KEYS.get(key(part))
            if level and i + size <= len(words) and fold("".join(words[i : i + size])).isalpha():
                following = words[i + size] if i + size < len(words) else ""
                out.append(level.capitalize() if following[:1].isdigit() else level)
                i += size
                break
        else:
            out.append(_SMALL.get(key(words[i]), title_name(words[i]) or words[i]))
            i += 1
    name = " ".join(out)
    for province in provinces():
        if name.endswith(title_name(province.name)) and name != province.name:
            return name[: -len(province.name)] + province.name
    return name


_SMALL = {"va": "và", "cua": "của", "ve": "về"}
