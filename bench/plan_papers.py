"""Made papers for measuring the plan: what was issued, the list a one-stop system gives of them (with the usual noise of
spelling, dates and codes), and what was digitised (with the usual noise of reading). Everything is invented."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from samples.people import kinh_name
from storage.fold import fold

KINDS = (
    ("giay_khai_sinh", None, "Hộ tịch", 0.34),
    ("trich_luc_khai_tu", "TLKT-BS", "Hộ tịch", 0.10),
    ("giay_chung_nhan_ket_hon", None, "Hộ tịch", 0.14),
    ("giay_xac_nhan_tinh_trang_hon_nhan", "UBND-XNTTHN", "Hộ tịch", 0.14),
    ("giay_phep_xay_dung", "GPXD", "Xây dựng", 0.08),
    ("giay_chung_nhan_ho_kinh_doanh", None, "Đăng ký kinh doanh", 0.06),
    ("quyet_dinh", "QĐ-UBND", "Bảo trợ xã hội", 0.14),
)
"""Kind, symbol, sector, share."""


@dataclass(frozen=True)
class Paper:
    id: int
    unit: str
    kind: str
    sector: str
    number: str
    symbol: str | None
    issued: date
    owner: str
    owner_id: str | None
    others: tuple[str, ...]
    """Further people named on it."""
    dossier: str | None


def papers(count: int, seed: int, units: int = 12) -> Iterator[Paper]:
    """Numbers run by unit, kind and year, as registers do."""
    rng = random.Random(seed)
    weights = [kind[3] for kind in KINDS]
    last: dict[tuple, int] = {}
    serial: dict[tuple, int] = {}
    for at in range(count):
        kind, symbol, sector, _ = rng.choices(KINDS, weights)[0]
        unit = f"H26.{rng.randrange(units) + 1}"
        issued = date(2015, 1, 5) + timedelta(days=rng.randrange(3_700))
        number = last[unit, kind, issued.year] = last.get((unit, kind, issued.year), 0) + 1
        owner = kinh_name(rng, rng.random() < 0.5)
        dossier = None
        if rng.random() < 0.6:
            day = issued - timedelta(days=rng.randrange(1, 9))
            n = serial[unit, day] = serial.get((unit, day), 0) + 1
            dossier = f"{unit}-{day:%y%m%d}-{n:04d}"
        yield Paper(
            id=at,
            unit=unit,
            kind=kind,
            sector=sector,
            number=str(number) if symbol and kind == "quyet_dinh" else f"{number}/{issued.year}",
            symbol=symbol,
            issued=issued,
            owner=owner,
            owner_id=f"{rng.randrange(10**11):012d}" if rng.random() < 0.5 else None,
            others=tuple(kinh_name(rng, rng.random() < 0.5) for _ in range(rng.choice((0, 1, 2)))),
            dossier=dossier,
        )


def as_listed(paper: Paper, rng: random.Random) -> Paper:
    """As a clerk typed it into the one-stop system."""
    listed = replace(paper, owner=misspelt(paper.owner, rng), others=())
    if rng.random() < 0.03:
        listed = replace(listed, issued=wrong_day(paper.issued, rng))
    if rng.random() < 0.01:
        listed = replace(listed, number=typo(paper.number, rng))
    if rng.random() < 0.2:
        listed = replace(listed, number=paper.number.split("/")[0].zfill(rng.choice((1, 2, 3))))
    if rng.random() < 0.15:
        listed = replace(listed, symbol=None)
    if rng.random() < 0.3:
        listed = replace(listed, owner_id=None)
    elif listed.owner_id and rng.random() < 0.03:
        listed = replace(listed, owner_id=listed.owner_id.lstrip("0"))
    if rng.random() < 0.1:
        listed = replace(listed, dossier=None)
    return listed


def as_read(paper: Paper, rng: random.Random) -> Paper:
    """As a scan gave it: a value may be missing or misread, the dossier code is often unknown."""
    read = replace(paper, owner=misspelt(paper.owner, rng, 0.02))
    if rng.random() < 0.01:
        read = replace(read, number=typo(paper.number, rng))
    if rng.random() < 0.01:
        read = replace(read, issued=wrong_day(paper.issued, rng))
    if rng.random() < 0.02:
        read = replace(read, owner_id=None)
    if rng.random() < 0.5:
        read = replace(read, dossier=None)
    return read


def misspelt(name: str, rng: random.Random, share: float = 0.05) -> str:
    """Without tones, in capitals, or with one letter wrong."""
    drawn = rng.random()
    if drawn < 0.10:
        return fold(name).title()
    if drawn < 0.25:
        return name.upper()
    return typo(name, rng) if drawn < 0.25 + share else name


def typo(text: str, rng: random.Random) -> str:
    """One character doubled, dropped, replaced or swapped with its neighbour."""
    at = rng.randrange(len(text))
    letters = "0123456789" if text[at].isdigit() else "aeghinotu"
    return rng.choice(
        (
            text[:at] + text[at] + text[at:],
            text[:at] + text[at + 1 :] if len(text) > 1 else text,
            text[:at] + rng.choice(letters) + text[at + 1 :],
            text[:at] + text[at + 1 : at + 2] + text[at] + text[at + 2 :],
        )
    )


def wrong_day(day: date, rng: random.Random) -> date:
    """Day and month changed places, a day or so off, or the year before."""
    drawn = rng.random()
    if drawn < 0.4 and day.day <= 12:
        return day.replace(month=day.day, day=day.month)
    if drawn < 0.8:
        return day + timedelta(days=rng.choice((-10, -1, 1, 10)))
    return day.replace(year=day.year - 1, day=min(day.day, 28))
