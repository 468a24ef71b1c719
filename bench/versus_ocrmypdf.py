"""Seconds and characters against `ocrmypdf --rotate-pages --deskew -l vie --jobs 2`, the same pages in the same run.

Our side is the whole main job, `sohoa digitise` into a fresh home: intake, reading, fields, PDF/A, checks, catalogue. The two
take turns, so that what else the machine does meets both; each process and all its children are counted by the system.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pikepdf

from bench.accuracy_score import text_errors
from bench.report_rows import ROOT, Result, Row
from samples.sets import make_set
from schemas.settings import Settings
from storage.objects import open_store

SEED = 660_101
MIX = ("office", "office", "clean", "hard")
"""Levels in turn: what an office scans, with some good and some bad pages."""


@dataclass
class Stack:
    """One PDF and what is printed on its pages."""

    path: Path
    pages: list[tuple[list[str], list[str]]]
    """(lines, optional lines) of each page."""


def measure(work: Path, *, pages: int, rounds: int, jobs: int = 2, evaluation: Path | None = None) -> Result:
    """Seconds a page of both, as medians over `rounds`, and their ratio; once more on the papers of an evaluation set."""
    stack = make_mixed_stack(work / "versus", pages)
    first = make_mixed_stack(work / "versus-warm", 1)
    for run in (digitise, with_ocrmypdf):  # files and bytecode into the cache; not counted
        run(first.path, work / "out", jobs)
    wall: dict[str, list[float]] = {"sohoa": [], "ocrmypdf": []}
    cpu: dict[str, list[float]] = {"sohoa": [], "ocrmypdf": []}
    errors: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in (("sohoa", digitise), ("ocrmypdf", with_ocrmypdf)):
            seconds, used, texts = run(stack.path, work / "out", jobs)
            wall[name].append(seconds / len(stack.pages))
            cpu[name].append(used / len(stack.pages))
            errors[name] = character_error_rate(stack, texts)
    count = f"{len(stack.pages)} pages, median of {rounds} rounds"
    rows = [
        Row("CPU time against ocrmypdf", "own mixed stack", _ratio(cpu), "×", 1 / 3, True, count),
        Row(
            "wall time against ocrmypdf",
            "own mixed stack",
            _ratio(wall),
            "×",
            1 / 3,
            True,
            f"{count}, {jobs} processes",
        ),
    ]
    for name in ("sohoa", "ocrmypdf"):
        rows += [
            Row(
                f"CPU seconds a page, {name}", "own mixed stack", statistics.median(cpu[name]), "s", of=count
            ),
            Row(
                f"wall seconds a page, {name}",
                "own mixed stack",
                statistics.median(wall[name]),
                "s",
                of=count,
            ),
            Row(
                f"character error rate of the PDF, {name}",
                "own mixed stack",
                errors[name],
                "%",
                of=f"{len(stack.pages)} pages",
            ),
        ]
    method = [
        f"`sohoa digitise --json` into a fresh home and `ocrmypdf --rotate-pages --deskew -l vie --jobs {jobs}` "
        f"(`OMP_THREAD_LIMIT=1`) on one PDF of {len(stack.pages)} made pages (levels {', '.join(MIX)} in turn, seed {SEED}), "
        "taking turns after one uncounted page each; process start included. CPU: user and system time of the process and "
        "its children. Characters: `pdftotext -layout` on what each of them made.",
    ]
    if evaluation is not None:
        rows += _on_evaluation(work, evaluation, jobs)
    series = {
        f"{kind} {name}": values[name] for kind, values in (("cpu", cpu), ("wall", wall)) for name in values
    }
    return Result("versus", rows, method, series)


def _on_evaluation(work: Path, evaluation: Path, jobs: int) -> list[Row]:
    """Both on one PDF of every second made paper of the set, one round."""
    folder = work / "versus-eval"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "papers.pdf"
    with pikepdf.Pdf.new() as merged:
        for paper in sorted(evaluation.glob("made/input/*.pdf"))[::2]:
            with pikepdf.Pdf.open(paper) as pdf:
                merged.pages.extend(pdf.pages)
        pages = len(merged.pages)
        merged.save(path)
    wall, cpu, _ = digitise(path, work / "out", jobs)
    their_wall, their_cpu, _ = with_ocrmypdf(path, work / "out", jobs)
    count = f"{pages} pages, one round"
    return [
        Row("CPU time against ocrmypdf", "eval made", cpu / their_cpu, "×", 1 / 3, True, count),
        Row("wall time against ocrmypdf", "eval made", wall / their_wall, "×", 1 / 3, True, f"{count}, {jobs} processes"),
        Row("CPU seconds a page, sohoa", "eval made", cpu / pages, "s", of=count),
        Row("CPU seconds a page, ocrmypdf", "eval made", their_cpu / pages, "s", of=count),
    ]


def _ratio(seconds: dict[str, list[float]]) -> float:
    """Median over the rounds of ours over theirs: the two of a round met the same load."""
    return statistics.median(a / b for a, b in zip(seconds["sohoa"], seconds["ocrmypdf"], strict=True))


def make_mixed_stack(folder: Path, pages: int) -> Stack:
    """A PDF of exactly `pages` made pages."""
    shutil.rmtree(folder, ignore_errors=True)
    path, truth = folder / "stack.pdf", []
    counts = {level: -(-pages * MIX.count(level) // len(MIX)) + 1 for level in MIX}
    for level, count in counts.items():
        make_set(level, count, SEED, folder)
    sources = {level: iter(sorted((folder / "gt").glob(f"{level}_*.json"))) for level in counts}
    with pikepdf.new() as made:
        while len(truth) < pages:
            truth_path = next(sources[MIX[len(truth) % len(MIX)]])
            with pikepdf.open(folder / "input" / f"{truth_path.stem}.pdf") as document:
                made.pages.extend(document.pages)
            truth += [
                (p["lines"], p["optional_lines"]) for p in json.loads(truth_path.read_text("utf-8"))["pages"]
            ]
        del made.pages[pages:]
        made.save(path)
    return Stack(path, truth[:pages])


# --- the two ---------------------------------------------------------------------------------------------------------
def digitise(path: Path, out: Path, jobs: int) -> tuple[float, float, dict[int, str]]:
    """(wall seconds, CPU seconds, text of each page) of `sohoa digitise` into a fresh home."""
    shutil.rmtree(out, ignore_errors=True)
    home = out / "home"
    command = [sys.executable, "-m", "cli.main", "digitise", str(path), "--home", str(home), "--json"]
    wall, cpu, said = timed(command, {"SOHOA_WORK__PROCESSES": str(jobs)}, allowed=(0, 1))
    texts: dict[int, str] = {}
    store = open_store(Settings(home=home).store)
    for document in json.loads(said)["documents"]:
        archived = out / "archived.pdf"
        archived.write_bytes(store.get(document["archive"]["key"], document["archive"]["version"]))
        texts |= {page: pdf_text(archived, at) for at, page in enumerate(document["pages"], 1)}
    store.close()
    return wall, cpu, texts


def with_ocrmypdf(path: Path, out: Path, jobs: int) -> tuple[float, float, dict[int, str]]:
    """The same for ocrmypdf."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    made = out / "ocrmypdf.pdf"
    options = ["--rotate-pages", "--deskew", "-l", "vie", "--jobs", str(jobs), "--quiet"]
    wall, cpu, _ = timed([sys.executable, "-m", "ocrmypdf", *options, str(path), str(made)], {}, allowed=(0,))
    with pikepdf.open(made) as document:
        pages = len(document.pages)
    return wall, cpu, {page: pdf_text(made, page) for page in range(1, pages + 1)}


def timed(
    command: Sequence[str], environment: dict[str, str], allowed: Sequence[int]
) -> tuple[float, float, str]:
    """(wall seconds, CPU seconds of it and all its children, what it said). Raises RuntimeError for another exit code."""
    environment = os.environ | {"OMP_THREAD_LIMIT": "1", "PYTHONPATH": str(ROOT)} | environment
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in allowed:
        raise RuntimeError(f"{' '.join(command[1:4])} ended with {done.returncode}: {done.stderr[-800:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used, done.stdout


def pdf_text(path: Path, page: int) -> str:
    """Text of one page as poppler copies it out, visual lines kept together: the truth knows lines, not columns."""
    command = ["pdftotext", "-layout", "-enc", "UTF-8", "-f", str(page), "-l", str(page), str(path), "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")


def character_error_rate(stack: Stack, texts: dict[int, str]) -> float:
    """Over all pages; a page that is nowhere counts as wholly wrong."""
    counts = [
        text_errors(lines, texts.get(n, ""), optional) for n, (lines, optional) in enumerate(stack.pages, 1)
    ]
    return sum(wrong for wrong, _ in counts) / max(1, sum(all_ for _, all_ in counts))
