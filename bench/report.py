"""Stored measurements written as docs/benchmarks.md with their pictures."""

from __future__ import annotations

import time
from pathlib import Path

from bench.report_rows import ROOT, Result, load, table

ORDER = ("accuracy", "versus", "memory", "overhead")
TITLES = {
    "accuracy": "How well papers are read",
    "versus": "Time against ocrmypdf",
    "memory": "Memory of a page process",
    "overhead": "Cost of store, catalogue and Prefect",
    "plan": "The plan: lists, matching, reports",
    "signing": "Signing, verifying, certifying",
    "search": "Finding among 10,000 to 1,000,000 records",
}
PICTURES = {"memory": "bench-memory.png", "versus": "bench-versus.png"}
FACTS = ("date", "commit", "processor", "memory", "system", "python", "packages", "load")


def write(results: Path, page: Path = ROOT / "docs/benchmarks.md") -> Path:
    """The page from all measurements stored in `results`. Raises FileNotFoundError when there is none."""
    found = [load(path) for name in ORDER if (path := results / f"{name}.json").is_file()]
    if not found:
        raise FileNotFoundError(f"no measurement in {results}")
    parts = [
        "# Measurements",
        "",
        "Made by `make bench` (`.venv/bin/python -m bench all`); each part by one command of its own. Do not edit: measure again.",
        "Seconds come from a machine that does other things too: trust CPU seconds and ratios, not wall times.",
        "",
        "## At a glance",
        "",
        *_glance(found),
    ]
    for result in found:
        parts += _section(result, page.parent / "images")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts) + "\n", "utf-8")
    return page


def _glance(found: list[Result]) -> list[str]:
    held = [row for result in found for row in result.rows if row.passed is not None]
    missed = [row for row in held if not row.passed]
    lines = [f"{len(held) - len(missed)} of {len(held)} targets hold."]
    if missed:
        lines += ["", "Not reached:", "", table(missed)]
    return lines


def _section(result: Result, images: Path) -> list[str]:
    lines = ["", f"## {TITLES[result.name]}", "", f"`.venv/bin/python -m bench {result.name}`", ""]
    lines += [*result.method, "", table(result.rows), ""]
    if name := PICTURES.get(result.name):
        images.mkdir(parents=True, exist_ok=True)
        _draw(result, images / name)
        lines += [f"![{TITLES[result.name]}](images/{name})", ""]
    lines.append("; ".join(f"{fact}: {result.facts[fact]}" for fact in FACTS if result.facts.get(fact)) + ".")
    return lines


def _draw(result: Result, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.2), layout="constrained")
    if result.name == "memory":
        axes.plot(result.series["pages"], result.series["rss"], color="#1f5fa8")
        axes.axhline(350, color="#b02020", linewidth=1, linestyle="--", label="limit")
        axes.set(xlabel="pages read by one process", ylabel="resident memory, MB", ylim=(0, 400))
        axes.legend(loc="lower right")
    else:
        names = ("cpu sohoa", "cpu ocrmypdf", "wall sohoa", "wall ocrmypdf")
        values = [result.series[name] for name in names]
        middle = [sorted(v)[len(v) // 2] for v in values]
        axes.barh(names[::-1], middle[::-1], color=["#999999", "#1f5fa8"] * 2)
        axes.set(xlabel="seconds a page (median of the rounds)")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def show(result: Result, started: float) -> None:
    """A measurement for the terminal."""
    print(f"\n{TITLES[result.name]}  ({time.monotonic() - started:.0f} s)\n")
    print(table(result.rows), flush=True)
