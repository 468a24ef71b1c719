"""What people ask an archive, made from what is in it: a fixed mix, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from storage.catalogue import Catalogue
from storage.catalogue import tables as t
from storage.fold import fold
from storage.search import Query
from storage.search.tables import search_rows
from storage.search.vocabulary import among

MIX = {
    "name": 14, "name without tones": 14, "part of a name": 6, "name misspelled": 9, "name begun": 5,
    "identity number": 9, "number and symbol": 7, "dossier code": 6, "code of a record": 4, "common words": 8,
    "words of the text": 9, "filters": 5, "filters and words": 6, "with facets": 6, "nothing to find": 2,
}  # fmt: skip
"""Shares in 110."""
COMMON = (
    "nguyen van", "uy ban nhan dan", "uy ban nhan dan xa", "nguyen thi", "quyet dinh", "giay khai sinh", "viet nam",
    "doc lap tu do hanh phuc", "ho khau xa", "van thi", "ngay thang nam", "an", "xa", "tran", "dan toc kinh",
)  # fmt: skip
"""Words that a third to all of the records have, alone and together; some of these pairs hardly ever meet."""


@dataclass(frozen=True)
class Question:
    sort: str
    query: Query


@dataclass(frozen=True)
class Sample:
    """A record as far as questions are made of it."""

    kind: str
    agency: str | None
    issued: str | None
    text: str
    dossier: str | None
    code: str | None
    fields: dict[str, str]

    @property
    def name(self) -> str:
        return self.fields.get("ho_ten") or self.fields.get("vo_ho_ten") or self.fields["nguoi_ky"]


def questions(catalogue: Catalogue, count: int, seed: int = 1) -> list[Question]:
    """`count` questions in the mix of MIX."""
    rnd = random.Random(seed)
    samples = _samples(catalogue, rnd, count)
    sorts = rnd.choices(list(MIX), list(MIX.values()), k=count)
    return [
        Question(sort, Query(**_ASKED[sort](rnd, sample)))
        for sort, sample in zip(sorts, samples, strict=False)
    ]


def _samples(catalogue: Catalogue, rnd: random.Random, count: int) -> list[Sample]:
    r, d, f = search_rows.c, t.documents.c, t.fields.c
    with catalogue.read() as connection:
        newest = connection.scalar(sa.select(sa.func.max(r.id)))
        numbers = [rnd.randint(1, newest) for _ in range(2 * count)]
        rows = connection.execute(
            sa.select(r.document, r.kind, r.agency, r.issued, d.text, d.dossier_code, d.doc_code)
            .join(t.documents, d.id == r.document)
            .where(among(connection, r.id, numbers))
        ).all()
        rnd.shuffle(rows := list(rows))
        rows = rows[:count]
        values: dict[str, dict[str, str]] = {row.document: {} for row in rows}
        for document, name, value in connection.execute(
            sa.select(f.document, f.name, f.value).where(among(connection, f.document, list(values)))
        ):
            values[document][name] = value
    return [
        Sample(
            row.kind, row.agency, row.issued, row.text, row.dossier_code, row.doc_code, values[row.document]
        )
        for row in rows
    ]


def _misspelled(rnd: random.Random, name: str) -> str:
    words = fold(name).split()
    long = [n for n, word in enumerate(words) if len(word) >= 4]
    if not long:
        return " ".join(words)
    at = rnd.choice(long)
    word = words[at]
    i = rnd.randrange(1, len(word) - 1)
    words[at] = rnd.choice(
        [
            word[:i] + word[i + 1 :],
            word[:i] + word[i + 1] + word[i] + word[i + 2 :],
            word[:i] + "x" + word[i + 1 :],
        ]
    )
    return " ".join(words)


def _words(rnd: random.Random, sample: Sample) -> str:
    words = [w.strip(".,:;") for w in sample.text.split()]
    words = [w for w in words if w and not any(c.isdigit() for c in w)]
    at = rnd.randrange(max(1, len(words) - 5))
    return " ".join(words[at : at + rnd.randint(2, 5)])


_ASKED: dict[str, Callable[[random.Random, Sample], dict]] = {
    "name": lambda rnd, s: {"text": s.name},
    "name without tones": lambda rnd, s: {"text": fold(s.name)},
    "part of a name": lambda rnd, s: {"text": " ".join(s.name.split()[-2:])},
    "name misspelled": lambda rnd, s: {"text": _misspelled(rnd, s.name)},
    "name begun": lambda rnd, s: {"text": fold(s.name)[:-1]},
    "identity number": lambda rnd, s: {"id_number": s.fields["so_dinh_danh"]},
    "number and symbol": lambda rnd, s: {"number": s.fields["so_ky_hieu"]},
    "dossier code": lambda rnd, s: {"dossier": s.dossier or "H01.1-200101-0001"},
    "code of a record": lambda rnd, s: {"code": s.code},
    "common words": lambda rnd, s: {"text": rnd.choice(COMMON)},
    "words of the text": lambda rnd, s: {"text": _words(rnd, s)},
    "filters": lambda rnd, s: {"kind": (s.kind,), "agency": (s.agency,), "year": (int(s.issued[:4]),)},
    "filters and words": lambda rnd, s: rnd.choice(
        [
            {
                "text": fold(s.name.split()[-1]),
                "kind": (s.kind,),
                "issued_from": s.issued,
                "issued_to": s.issued,
            },
            {"text": "nguyen van", "agency": (s.agency,)},
            {"text": "uy ban nhan dan", "validity": ("revoked",)},
            {"text": "nguyen thi", "validity": ("in_force",)},
            {"name": fold(s.name), "year": (int(s.issued[:4]),)},
        ]
    ),
    "with facets": lambda rnd, s: {
        "text": rnd.choice((fold(s.name), "nguyen van", _words(rnd, s))),
        "facets": True,
    },
    "nothing to find": lambda rnd, s: {
        "text": f"{rnd.choice('bcdghklmn')}uzzwq {rnd.randrange(10**7, 10**8)}"
    },
}


def by_sort(found: list[tuple[Question, float]]) -> Iterator[tuple[str, list[float]]]:
    """Times of each sort of question."""
    for sort in MIX:
        if times := sorted(seconds for question, seconds in found if question.sort == sort):
            yield sort, times
