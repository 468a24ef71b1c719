"""docs/benchmarks-plan.md with its picture, from one measurement."""

from __future__ import annotations

from pathlib import Path

from bench.report_rows import Result, table

PICTURE = "bench-plan.png"
_DATABASES = {"sqlite": ("SQLite", "#1f5fa8"), "postgresql": ("PostgreSQL", "#b06a20")}
_CURVES = (("match", "rows of the list", "seconds, imported and matched", 60), ("report", "records", "seconds, any report", 5))


def write(result: Result, page: Path) -> None:
    """The page and, beside it in `images`, how times grow."""
    facts = "; ".join(f"{name}: {said}" for name, said in result.facts.items() if said)
    (page.parent / "images").mkdir(parents=True, exist_ok=True)
    _draw(result, page.parent / "images" / PICTURE)
    held = [row for row in result.rows if row.passed is not None]
    text = [
        "# Measurements of the plan", "",
        "Made by `.venv/bin/python -m bench plan`; do not edit: measure again. How it works: [plan](plan.md). Seconds come from a "
        "machine that does other things too.", "",
        *result.method, "", f"![How lists and reports grow](images/{PICTURE})", "", "## Targets", "", table(held), "",
        "## Each report, and its stages in seconds", "", table([row for row in result.rows if row.passed is None]), "", facts + ".",
    ]  # fmt: skip
    page.write_text("\n".join(text) + "\n", "utf-8")


def _draw(result: Result, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for axes, (name, below, beside, limit) in zip(both, _CURVES, strict=True):
        for database, (called, colour) in _DATABASES.items():
            counts = result.series.get(f"{database} {name} count", [])
            axes.plot(counts, result.series.get(f"{database} {name}", []), "o-", color=colour, label=called)
        axes.axhline(limit, color="#b02020", linewidth=1, linestyle="--", label="limit")
        axes.set(xlabel=below, ylabel=beside, xlim=(0, None), ylim=(0, None))
        axes.ticklabel_format(axis="x", style="plain")
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
