"""docs/benchmarks-search.md with its picture, from one measurement."""

from __future__ import annotations

from pathlib import Path

from bench.report_rows import Result, table

PICTURE = "bench-search.png"
_DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def write(result: Result, page: Path) -> None:
    """The page and, beside it in `images`, how times and sizes grow."""
    facts = "; ".join(f"{name}: {said}" for name, said in result.facts.items() if said)
    (page.parent / "images").mkdir(parents=True, exist_ok=True)
    _draw(result, page.parent / "images" / PICTURE)
    text = [
        "# Measurements of search", "",
        "Made by `.venv/bin/python -m bench search`; do not edit: measure again. How it works: [search](search.md).", "",
        *result.method, "", f"![How search grows](images/{PICTURE})", "", "## Growth", "", *_growth(result), "",
        "## By sort of question", "", "Milliseconds with the writer beside it: 95 % / slowest by the clock; 95 % / slowest "
        "worked on.", "", *_sorts(result), "", "## All rows", "", table(result.rows), "", facts + ".",
    ]  # fmt: skip
    page.write_text("\n".join(text) + "\n", "utf-8")


def _growth(result: Result) -> list[str]:
    lines = [
        "| database | records | 95 %, ms | slowest, ms | 95 % worked on, ms | slowest worked on, ms | search keeps, MB | loaded in, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    names = ("typical", "worst", "busy", "busy worst", "index", "load")
    for database, called in _DATABASES.items():
        for n, count in enumerate(result.series.get(f"{database} count", [])):
            values = " | ".join(f"{result.series[f'{database} {name}'][n]:,.0f}" for name in names)
            lines.append(f"| {called} | {int(count):,} | {values} |")
    return lines


def _sorts(result: Result) -> list[str]:
    """Of the largest catalogue of each database."""
    from bench.search_questions import MIX

    counts = {d: int(max(result.series[f"{d} count"])) for d in _DATABASES if f"{d} count" in result.series}
    heads = [f"{_DATABASES[d]}, {count:,}" for d, count in counts.items()]
    lines = [f"| question | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    for sort in MIX:
        cells = [result.series.get(f"{d} {count} {sort}") for d, count in counts.items()]
        shown = [f"{c[0]:.0f} / {c[1]:.0f}; {c[2]:.0f} / {c[3]:.0f}" if c else "" for c in cells]
        lines.append(f"| {sort} | {' | '.join(shown)} |")
    return lines


def _draw(result: Result, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (times, sizes) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for database, colour in (("sqlite", "#1f5fa8"), ("postgresql", "#b06a20")):
        counts = result.series.get(f"{database} count", [])
        called = _DATABASES[database]
        times.plot(
            counts,
            result.series.get(f"{database} busy", []),
            "o-",
            color=colour,
            label=f"{called}, 95 % worked on",
        )
        times.plot(
            counts,
            result.series.get(f"{database} typical", []),
            "o:",
            color=colour,
            label=f"{called}, 95 % by the clock",
        )
        sizes.plot(counts, result.series.get(f"{database} index", []), "o-", color=colour, label=called)
    times.axhline(50, color="#b02020", linewidth=1, linestyle="--", label="limit")
    times.set(xscale="log", xlabel="records", ylabel="milliseconds a search", ylim=(0, None))
    sizes.set(xscale="log", yscale="log", xlabel="records", ylabel="MB kept for search")
    times.legend(fontsize=8)
    sizes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
