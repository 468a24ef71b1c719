"""Rows and records: what is sure, what is for a person, what is nothing."""

from __future__ import annotations

import random
from datetime import date

import pytest

from bench.plan_papers import as_listed, as_read, papers
from flows.matching import Matcher, side
from schemas.plan import MatchState

DAY = date(2021, 3, 9)


def record(id: str = "D", **more):
    values = {"number": "45", "symbol": "QĐ-UBND", "day": DAY, "owners": ["Đặng Thị Ngọc Ánh"], "kind": "quyet_dinh"}
    return side(id, **(values | more))


def row(id: int = 1, **more):
    values = {"number": "45", "symbol": "QĐ-UBND", "day": DAY, "owners": ["Đặng Thị Ngọc Ánh"], "kind": "quyet_dinh"}
    return side(id, **(values | more))


def state(rows, records) -> list[tuple[int, str, MatchState]]:
    return sorted((m.case, m.document, m.state) for m in Matcher(records).match(rows))


SURE, DOUBT = MatchState.SURE, MatchState.DOUBTFUL


@pytest.mark.parametrize(
    "change",
    [
        {}, {"owners": ["DANG THI NGOC ANH"]}, {"number": "045"}, {"number": "45/2021"}, {"symbol": None}, {"number": "4S".replace("S", "5")},
        {"owners": ["Đặng Ngọc Ánh"]}, {"day": date(2021, 9, 3)}, {"owners": ["Đặng Thị Ngọ Ánh"]}, {"symbol": "QĐ - UBND"},
    ],
)  # fmt: skip
def test_usual_noise_is_sure(change):
    assert state([row(**change)], [record(), record("X", number="46", owners=["Lê Văn An"])]) == [(1, "D", SURE)]


@pytest.mark.parametrize(
    "change",
    [{"number": "46"}, {"owners": ["Lê Thị Hoa"]}, {"kind": "giay_khai_sinh"}, {"number": "54"}, {"day": date(2019, 7, 21)}],
)
def test_what_contradicts_is_never_sure(change):
    assert all(found[2] is not SURE for found in state([row(**change)], [record()]))


def test_two_papers_of_one_person_on_one_day():
    """The list knows both, only the second was scanned: the first row must not take it."""
    twins = [row(1, number="45"), row(2, number="46")]
    assert state(twins, [record("B", number="46")]) == [(2, "B", SURE)]


def test_two_rows_that_claim_one_record_go_to_a_person():
    found = state([row(1), row(2)], [record()])
    assert {s for *_, s in found} == {DOUBT} and len(found) == 2


def test_two_records_of_one_row_go_to_a_person():
    found = state([row()], [record("A"), record("B")])
    assert [(document, s) for _, document, s in found] == [("A", DOUBT), ("B", DOUBT)]  # who decides sees both


def test_a_rejected_pair_leaves_the_next_best():
    (found,) = Matcher([record("A"), record("B")], [(1, "A")]).match([row()])
    assert (found.document, found.state) == ("B", SURE)


def test_nothing_in_common_is_no_match():
    assert state([row(number="9", owners=["Ai Khác"], day=date(2010, 1, 1))], [record()]) == []


def test_an_identity_number_that_lost_its_zero():
    assert state(
        [row(number=None, symbol=None, ids=["87000123456"])], [record(number=None, symbol=None, ids=["087000123456"])]
    ) == [(1, "D", SURE)]


def test_a_common_name_proves_less_than_a_rare_one():
    crowd = [record(f"N{n}", number=str(n), owners=["Nguyễn Văn An"], day=date(2021, 1, 1 + n % 28)) for n in range(60)]
    rare = record("R", number="900", owners=["Vừ Bá Tểnh"])
    matcher = Matcher([*crowd, rare])
    common = matcher.compare(row(owners=["Nguyễn Văn An"]), crowd[0])
    seldom = matcher.compare(row(owners=["Vừ Bá Tểnh"]), rare)
    weight = [next(e.weight for e in found if e.feature == "owner") for found in (common, seldom)]
    assert weight[0] < weight[1]


@pytest.mark.parametrize("seed", [3, 4])
def test_made_noise_gives_the_precision_and_recall_that_are_promised(seed):
    rng = random.Random(seed)
    made = list(papers(6_000, seed))
    scanned = [paper for paper in made if rng.random() < 0.8]

    def one(paper, id):
        return side(
            id, dossier=paper.dossier, number=paper.number, symbol=paper.symbol, day=paper.issued, issuer=paper.unit,
            owners=(paper.owner, *paper.others), ids=[paper.owner_id], kind=paper.kind,
        )  # fmt: skip

    records = [one(as_read(paper, rng), str(paper.id)) for paper in scanned]
    found = list(Matcher(records).match(one(as_listed(paper, rng), paper.id) for paper in made))
    sure = [m for m in found if m.state is SURE]
    right = sum(str(m.case) == m.document for m in sure)
    assert right / len(sure) >= 0.995 and right / len(scanned) >= 0.98
