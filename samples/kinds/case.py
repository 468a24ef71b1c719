"""The circumstances a paper is made in: when, where, by which office, with which habits."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from samples.frame import Pen
from samples.page import Doc, Style
from samples.people import Person, random_date
from samples.places import Place, pick_place

REFORM = date(2025, 7, 1)


@dataclass
class Case:
    """``today``: day of issue; ``whole_hand``: the entries of the form are written by pen."""

    rng: random.Random
    today: date
    place: Place
    pen: Pen
    whole_hand: bool

    @property
    def modern(self) -> bool:
        return self.today >= REFORM

    def doc(self, kind: str) -> Doc:
        doc = Doc(kind, self.rng, Style.pick(self.rng), self.place)
        if self.whole_hand:  # who fills in forms all day writes legibly
            doc.hand.messy *= 0.6
            doc.hand.width = min(doc.hand.width, 0.09)
        return doc

    def entry(self, bold: float = 0.4) -> str:
        """Style letters of the form's entries on this paper."""
        if self.whole_hand:
            return "h"
        return "b" if self.rng.random() < bold else ""


Maker = Callable[[Case], Doc]


def new_case(rng: random.Random, official: bool = False) -> Case:
    """A random case; most papers are of 2013-2026, some older, a fifth of after the reform of July 2025."""
    roll = rng.random()
    if roll < 0.22:
        today = random_date(rng, REFORM, date(2026, 11, 20))
    elif roll < 0.88:
        today = random_date(rng, date(2013, 1, 5), date(2025, 6, 28))
    else:
        today = random_date(rng, date(1997, 1, 5), date(2012, 12, 28))
    place = pick_place(rng, today >= REFORM)
    pen = Pen.pick(rng, 0.75 if official else 0.55)
    return Case(rng, today, place, pen, not official and rng.random() < 0.14)


def paper_number(rng: random.Random, highest: int = 900) -> str:
    """A running number; small ones are the most common; below 10 with a leading zero in most offices."""
    number = min(highest, max(1, round(rng.lognormvariate(4.6, 1.3))))
    return f"{number:02d}" if rng.random() < 0.85 else str(number)


def identity_paper(case: Case, who: Person, issued: bool = True) -> tuple[str, str, list[str]]:
    """Which paper proves who somebody is -> (printed text, number, further accepted values)."""
    rng = case.rng
    if case.today.year >= 2022 or (case.today.year >= 2016 and rng.random() < 0.4):
        kinds = ["Căn cước công dân", "CCCD", "Thẻ căn cước công dân", "Thẻ CCCD"]
        if case.today >= date(2024, 7, 1):
            kinds += ["Căn cước", "Thẻ căn cước"]
        kind, number = rng.choice(kinds), who.identity
        by = rng.choice(
            ["Cục Cảnh sát quản lý hành chính về trật tự xã hội", "Cục CS QLHC về TTXH", "Bộ Công an"]
        )
        first = max(date(2016, 2, 1), date(who.born.year + 14, 1, 2))
    else:
        kind, number = rng.choice(["CMND", "Giấy chứng minh nhân dân", "Chứng minh nhân dân"]), who.old_card
        by = f"Công an {who.place.province}"
        first = date(max(2001, who.born.year + 15), 1, 2)
    first = min(first, case.today)
    short = f"{kind} số {number}" if rng.random() < 0.75 else f"{kind}: {number}"
    if not issued or rng.random() < 0.3:
        return short, number, [short]
    day = random_date(rng, max(first, date(max(2001, case.today.year - 12), 1, 1)), case.today)
    full = rng.choice([f"{short}, cấp ngày {day:%d/%m/%Y}", f"{short} do {by} cấp ngày {day:%d/%m/%Y}",
                       f"{short}, {by} cấp ngày {day:%d/%m/%Y}"])  # fmt: skip
    return full, number, [short, full]


def slashed(day: date, rng: random.Random) -> str:
    """15/08/2021, or 15-8-2021 in some offices."""
    return f"{day:%d/%m/%Y}" if rng.random() < 0.85 else f"{day.day}-{day.month}-{day.year}"


def shout(rng: random.Random, name: str, share: float = 0.6) -> str:
    """Names on forms are often in capitals."""
    return name.upper() if rng.random() < share else name
