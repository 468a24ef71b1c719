"""The measurements themselves: run on a page or two, their numbers are sane and their scorer counts as it says."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import pytest

from bench import accuracy, memory, overhead, report, versus_ocrmypdf
from bench.__main__ import main
from bench.accuracy_score import split_counts, text_errors
from bench.report_rows import Result, Row, load, machine, table

SCORER = Path(__file__).parents[2] / "shared/eval/score.py"
LINES = [
    "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
    "Độc lập - Tự do - Hạnh phúc",
    "Họ tên: Nguyễn Thị Bé",
    "Số: 12/GKS",
]


# --- counting characters ---------------------------------------------------------------------------------------------
def test_the_right_text_has_no_error_in_any_order():
    assert text_errors(LINES, "\n".join(reversed(LINES))) == (0, sum(map(len, LINES)))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("\n".join(LINES).replace("Bé", "Be"), 1),
        ("\n".join(LINES) + "\nxyz", 3),  # inserted
        ("\n".join(LINES[:3]), len(LINES[3])),  # lost
        (
            "\n".join([*LINES[:3], "@@@@@@"]),
            len(LINES[3]),
        ),  # leftovers and lost lines are the same letters, counted once
        ("", sum(map(len, LINES))),
    ],
)
def test_wrong_letters_are_counted_once(text, wrong):
    assert text_errors(LINES, text)[0] == wrong


def test_layout_and_optional_lines_cost_nothing():
    text = "\n".join([*LINES[:3], "Số: ......... 12/GKS", "UBND XÃ MẪU"])
    assert text_errors(LINES, text, ["UBND XÃ MẪU"])[0] == 0
    assert text_errors(LINES, text)[0] > 0


@pytest.mark.skipif(not SCORER.is_file(), reason="the evaluation folder is not here")
def test_our_count_agrees_with_the_evaluation_scorer():
    spec = importlib.util.spec_from_file_location("score", SCORER)
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    rng = random.Random(5)
    for _ in range(20):
        letters = [c for c in "\n".join(LINES) if rng.random() > 0.05]
        text = "".join(rng.choice("aăâeêôơ") if rng.random() < 0.05 else c for c in letters)
        theirs = scorer.tolerant(LINES, scorer.clean_text(text), ())
        assert text_errors(LINES, text) == (pytest.approx(theirs["err_c"], abs=4), theirs["n_c"])


def test_a_stack_cut_in_the_wrong_place_loses_precision_and_recall():
    truth = {
        "pages": [{"page": n, "kind": "blank" if n == 3 else "content"} for n in range(1, 7)],
        "documents": [{"pages": [1, 2]}, {"pages": [4]}, {"pages": [5, 6]}],
    }
    assert split_counts(truth, [[1, 2, 3], [4], [5, 6]]) == (3, 3, 3, 0)  # a blank kept is no wrong cut
    assert split_counts(truth, [[1, 2], [4, 5], [6]]) == (2, 3, 3, 0)
    assert split_counts(truth, [[1, 2], [4]]) == (2, 2, 3, 2)


# --- targets and pages -----------------------------------------------------------------------------------------------
def test_rows_say_whether_their_target_holds():
    assert Row("a", "b", 0.97, target=0.97, at_most=False).passed is True
    assert Row("a", "b", 0.0051, target=0.005).passed is False
    assert Row("a", "b", None, target=0.005).passed is None
    assert "**no**" in table([Row("a", "b", 0.0051, target=0.005)])


def test_the_page_is_written_from_stored_results(tmp_path):
    memory_result = memory.summary(
        [{"pages": n, "rss": 2e8, "peak": 3.6e8, "refused": 0} for n in (50, 100, 150, 200)], 20
    )
    memory_result.facts = machine()
    memory_result.save(tmp_path / "results")
    assert load(tmp_path / "results/memory.json") == memory_result
    page = tmp_path / "docs/benchmarks.md"
    main(["--work", str(tmp_path), "report", "--page", str(page)])
    text = page.read_text("utf-8")
    assert "200 MB" in text and "**no**" in text and "cores" in text and str(tmp_path) not in text
    assert (page.parent / "images/bench-memory.png").stat().st_size > 1000
    with pytest.raises(FileNotFoundError):
        report.write(tmp_path / "none", page)


def test_rising_memory_is_seen():
    points = [{"pages": n, "rss": 2e8 + n * 1e5, "peak": 3e8, "refused": 0} for n in range(50, 501, 50)]
    trend = next(row for row in memory.summary(points, 5).rows if row.what.startswith("trend"))
    assert trend.reached == pytest.approx(100) and not trend.passed


# --- the measurements on a page or two -------------------------------------------------------------------------------
def by_what(result: Result) -> dict[tuple[str, str], Row]:
    return {(row.what, row.where): row for row in result.rows}


def test_accuracy_on_one_clean_paper(tmp_path, monkeypatch):
    monkeypatch.setattr(accuracy, "LEVELS", ("clean",))
    monkeypatch.setattr(accuracy, "turned_rows", lambda *_: [])
    result = accuracy.measure(tmp_path, evaluation=None, documents=1, stacks=0, processes=1, reuse=False)
    rows = by_what(result)
    assert 0 <= rows["character error rate, printed papers", "own clean"].reached < 0.05
    assert rows["kind of paper recognised", "own clean"].reached == 1
    assert rows["heading fields right or rightly proposed", "own clean"].reached > 0.5
    again = accuracy.measure(tmp_path, evaluation=None, documents=1, stacks=0, processes=1, reuse=True)
    assert again.rows == result.rows
    assert accuracy._turns_found(next(tmp_path.glob("made/input/*.pdf"))) == 4


def test_ours_is_counted_with_its_children_and_its_text_is_found(tmp_path):
    stack = versus_ocrmypdf.make_mixed_stack(tmp_path / "stack", 1)
    wall, cpu, texts = versus_ocrmypdf.digitise(stack.path, tmp_path / "out", 1)
    assert 0 < cpu and 0 < wall and list(texts) == [1]
    assert versus_ocrmypdf.character_error_rate(stack, texts) < 0.2
    assert versus_ocrmypdf.character_error_rate(stack, {}) == 1


def test_memory_of_a_page_is_sampled(tmp_path):
    result = memory.measure(tmp_path, pages=2, papers=1, every=1)
    assert len(result.series["rss"]) >= 2 and all(50 < mb < 1000 for mb in result.series["rss"])


def test_overhead_does_the_same_pages_both_ways(tmp_path, monkeypatch):
    ways = ("bare", "flow")  # Prefect's server alone takes longer than this test may
    monkeypatch.setattr(overhead, "MIX", ("clean",))
    rows = by_what(overhead.measure(tmp_path, pages=1, rounds=1, processes=1, papers=1, modes=ways))
    assert rows["CPU seconds a page, bare", "own batch"].reached > 0.1
    assert rows["CPU seconds a page, flow", "own batch"].reached > 0.1
    assert -0.2 < rows["CPU time of orchestration, plain flow", "own batch"].reached < 0.9
