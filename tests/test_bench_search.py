"""The measurement of search, small: every sort of question is asked and answered, the page is written, the writer writes."""

from __future__ import annotations

from pathlib import Path

from bench import search, search_page
from bench.million import make
from bench.search_questions import MIX, questions
from storage.catalogue import Catalogue
from storage.search import Query
from storage.search import search as find


def test_questions_and_page(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.sqlite"
    made = make(url, 400, seed=2)
    with Catalogue.open(url) as catalogue:
        assert find(catalogue, Query()).total == 400
        asked = questions(catalogue, 300)
        assert {question.sort for question in asked} == set(MIX)
        found = {q.sort: find(catalogue, q.query).total for q in asked}
    assert found["nothing to find"] == 0
    assert all(
        found[sort]
        for sort in ("name", "identity number", "number and symbol", "code of a record", "filters")
    )
    times = search.ask(url, 30)
    assert sum(len(answers) for answers in times.values()) == 30
    both = search.Times.of([answer[0] for answers in times.values() for answer in answers])
    assert 0 < both.middle <= both.typical <= both.worst
    index, everything = search.sizes(url)
    assert 0 < index < everything
    sorts = {sort: (both, both) for sort in times}
    measured = search.Measured("sqlite", 400, made, index, everything, both, both, both, sorts, 50.0)
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    search_page.write(search.result([measured], 30), page)
    assert (
        "| SQLite | 400 |" in page.read_text("utf-8")
        and (page.parent / "images" / search_page.PICTURE).is_file()
    )


def test_the_writer_takes_in_as_a_batch_does(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/c.sqlite"
    Catalogue.open(url).close()
    assert search.write(url, 1.0) > 0
    with Catalogue.open(url) as catalogue:
        total = find(catalogue, Query()).total
        assert total and total % search.STACK == 0
        assert find(catalogue, Query(text="uy ban nhan dan")).total == total
