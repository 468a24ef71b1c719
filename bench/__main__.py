"""Measures, one command each: `python -m bench accuracy | versus | memory | overhead | signing | plan | search | all | report`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["OMP_THREAD_LIMIT"] = "1"  # before any library in C reads it

from bench import (  # noqa: E402
    accuracy,
    memory,
    overhead,
    plan,
    plan_page,
    report,
    search,
    search_page,
    signing,
    versus_ocrmypdf,
)
from bench.report_rows import ROOT, Result, machine  # noqa: E402

EVALUATION = ROOT.parent / "shared" / "eval"
FULL = {"memory": ["--pages", "1000"], "overhead": ["--rounds", "3"], "versus": ["--pages", "24"]}
"""What `all --full` asks for; about an hour on two cores."""


def main(arguments: list[str] | None = None) -> int:
    """0: every target holds; 1: one does not; 2: wrong use."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = _parser()
    chosen = parser.parse_args(given or ["all"])
    missed = 0
    if chosen.command == "all":
        for name in report.ORDER:
            more = FULL.get(name, []) if chosen.full else []
            missed += _run(
                parser.parse_args(
                    ["--work", str(chosen.work), "--processes", str(chosen.processes), name, *more]
                )
            )
    elif chosen.command != "report":
        missed = _run(chosen)
    if chosen.command in ("all", "report"):
        print(f"\n{report.write(chosen.work / 'results', chosen.page)}")
    return 1 if missed else 0


def _run(chosen: argparse.Namespace) -> int:
    """Measures, stores and shows; how many targets do not hold."""
    started = time.monotonic()
    result = _measure(chosen)
    result.facts = machine()
    result.save(chosen.work / "results")
    report.show(result, started)
    if chosen.command == "signing":
        signing.write(result, chosen.page)
    if chosen.command == "search":
        search_page.write(result, chosen.page)
    if chosen.command == "plan":
        plan_page.write(result, chosen.page)
    return sum(row.passed is False for row in result.rows)


def _measure(chosen: argparse.Namespace) -> Result:
    work, processes = chosen.work, chosen.processes
    if chosen.command == "accuracy":
        there = chosen.eval if chosen.eval.is_dir() else None
        return accuracy.measure(
            work,
            evaluation=there,
            documents=chosen.documents,
            stacks=chosen.stacks,
            processes=processes,
            reuse=chosen.reuse,
        )
    if chosen.command == "versus":
        there = chosen.eval if chosen.eval.is_dir() else None
        return versus_ocrmypdf.measure(
            work, pages=chosen.pages, rounds=chosen.rounds, jobs=processes, evaluation=there
        )
    if chosen.command == "signing":
        return signing.measure(work, files=chosen.files, rounds=chosen.rounds, processes=processes)
    if chosen.command == "plan":
        databases = (chosen.database,) if chosen.database else plan.DATABASES
        return plan.measure(work, rows=chosen.rows, records=chosen.records, only=chosen.only, databases=databases)
    if chosen.command == "search":
        return search.measure(work, counts=chosen.counts, asked=chosen.asked)
    if chosen.command == "memory":
        return memory.measure(work, pages=chosen.pages, every=chosen.every)
    return overhead.measure(work, pages=chosen.pages, rounds=chosen.rounds, processes=processes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--work", type=Path, default=ROOT / "build" / "bench", help="scratch and stored results"
    )
    parser.add_argument("--processes", type=int, default=2)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("accuracy", help=report.TITLES["accuracy"])
    command.add_argument(
        "--eval",
        type=Path,
        default=EVALUATION,
        help="evaluation folder with a score.py; left out when missing",
    )
    command.add_argument("--documents", type=int, default=40, help="made documents of each level")
    command.add_argument("--stacks", type=int, default=4, help="made stacks")
    command.add_argument("--reuse", action="store_true", help="take papers and page readings of the last run")

    command = commands.add_parser("versus", help=report.TITLES["versus"])
    command.add_argument("--pages", type=int, default=12)
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--eval", type=Path, default=EVALUATION, help="evaluation folder; left out when missing")

    command = commands.add_parser("memory", help=report.TITLES["memory"])
    command.add_argument("--pages", type=int, default=200)
    command.add_argument("--every", type=int, default=memory.EVERY, help="pages between two samples")

    command = commands.add_parser("overhead", help=report.TITLES["overhead"])
    command.add_argument("--pages", type=int, default=200)
    command.add_argument("--rounds", type=int, default=1)

    command = commands.add_parser("signing", help=report.TITLES["signing"])
    command.add_argument("--files", type=int, default=1000, help="files verified in one call")
    command.add_argument("--rounds", type=int, default=9)
    command.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks-signing.md")

    command = commands.add_parser("plan", help=report.TITLES["plan"])
    command.add_argument(
        "--rows", type=int, nargs="+", default=[20_000, 200_000], help="rows of the list, and records to match them with"
    )
    command.add_argument(
        "--records", type=int, nargs="+", default=[100_000, 1_000_000], help="records that reports are made over"
    )
    command.add_argument("--only", choices=("match", "report"))
    command.add_argument("--database", choices=plan.DATABASES)
    command.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks-plan.md")

    command = commands.add_parser("search", help=report.TITLES["search"])
    command.add_argument("--counts", type=int, nargs="+", default=list(search.COUNTS), help="records, smallest first")
    command.add_argument("--asked", type=int, default=600, help="searches of each catalogue, twice")
    command.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks-search.md")

    for name, said in (
        ("all", "everything, and docs/benchmarks.md"),
        ("report", "docs/benchmarks.md from stored results"),
    ):
        command = commands.add_parser(name, help=said)
        command.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
        command.add_argument(
            "--full", action="store_true", help="1,000 pages for memory, three rounds for overhead"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
