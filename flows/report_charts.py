"""Charts of a report, drawn with matplotlib for print: Vietnamese labels, no colour that grey paper loses."""

from __future__ import annotations

import io
from collections.abc import Callable

from flows.report_tables import number, shown
from schemas.plan_report import ReportFigures
from storage.print_fonts import serif_fonts

_DPI = 200
_WIDTH = 9.6  # inches, of an A4 page across
_DARK, _MIDDLE, _LIGHT, _WARN = "#1f4e79", "#7a9cc0", "#cfdbe8", "#b5651d"
_MOST = 18
"""Bars of one chart; the table has all."""


def chart(name: str, figures: ReportFigures) -> bytes | None:
    """PNG of a chart by its name; None where there is nothing to draw."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import font_manager
    from matplotlib.figure import Figure

    draw: Callable = {"plan": _plan, "dossiers": _dossiers, "months": _months}[name]
    for path in serif_fonts():
        font_manager.fontManager.addfont(path)
    family = font_manager.FontProperties(fname=serif_fonts()[0]).get_name()
    with matplotlib.rc_context({"font.family": family, "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(_WIDTH, 3.4), dpi=_DPI, layout="constrained")
        if not draw(figure, figures):
            return None
        made = io.BytesIO()
        # No moment of making inside: the same figures give the same bytes.
        figure.savefig(made, format="png", metadata={"Software": None})
    return made.getvalue()


def _plan(figure, figures: ReportFigures) -> bool:
    """Share digitised of each line, with its target as a mark."""
    lines = [line for line in figures.plan if line.in_force]
    if not lines:
        return False
    lines = sorted(lines, key=lambda line: line.in_force or 0, reverse=True)[:_MOST][::-1]
    figure.set_figheight(1.1 + 0.32 * len(lines))
    axes = figure.subplots()
    names = [f"{line.kind_name} – {line.unit_name}" for line in lines]
    shares = [min(100.0, line.share or 0) for line in lines]
    axes.barh(names, [100] * len(lines), color="#eef2f6", height=0.62)
    bars = axes.barh(names, shares, color=_DARK, height=0.62, label="đã số hoá")
    for bar, line in zip(bars, lines, strict=True):
        said = f"{shown(line.share, 'percent')} %  ({number(line.digitised)}/{number(line.in_force or 0)})"
        inside = (line.share or 0) > 55
        axes.text(
            min(bar.get_width(), 100) + (-1 if inside else 1), bar.get_y() + bar.get_height() / 2, said,
            va="center", ha="right" if inside else "left", color="white" if inside else "black", fontsize=9,
        )  # fmt: skip
    marked = [(at, line.target_percent) for at, line in enumerate(lines) if line.target_percent is not None]
    if marked:
        axes.scatter(
            [x for _, x in marked], [y for y, _ in marked], marker="|", s=260, color=_WARN, linewidths=2.4, label="chỉ tiêu"
        )
    axes.set_xlim(0, 100)
    axes.set_xlabel("% kết quả còn hiệu lực đã số hoá")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    return True


def _dossiers(figure, figures: ReportFigures) -> bool:
    """What became of the dossiers of each unit."""
    from matplotlib.ticker import MaxNLocator

    units = sorted((x for x in figures.dossiers if x.unit), key=lambda x: x.to_do, reverse=True)[:_MOST][::-1]
    if not units:
        return False
    figure.set_figheight(1.2 + 0.4 * len(units))
    axes = figure.subplots()
    names = [x.unit_name for x in units]
    parts = (
        ("đúng hạn", [x.resolved_in_time for x in units], _DARK, ""),
        ("quá hạn", [x.resolved_late + x.in_progress_late for x in units], _WARN, "//"),
        ("đang giải quyết", [x.in_progress_in_time for x in units], _MIDDLE, ""),
        ("từ chối, rút", [x.refused + x.withdrawn for x in units], _LIGHT, ".."),
    )
    left = [0] * len(units)
    for label, values, colour, hatch in parts:
        if any(values):
            axes.barh(names, values, left=left, color=colour, hatch=hatch, edgecolor="white", height=0.6, label=label)
            left = [a + b for a, b in zip(left, values, strict=True)]
    for at, total in enumerate(left):
        axes.text(total, at, f" {number(total)}", va="center", fontsize=9)
    axes.set_xlim(0, max(left) * 1.12 or 1)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: number(int(value)))
    axes.set_xlabel("hồ sơ")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return True


def _months(figure, figures: ReportFigures) -> bool:
    """Received, resolved and digitised by month."""
    from matplotlib.ticker import MaxNLocator

    months = figures.months
    if len(months) < 2 or not any(x.received or x.digitised or x.resolved_in_time for x in months):
        return False
    axes = figure.subplots()
    at = range(len(months))
    axes.bar([x - 0.27 for x in at], [x.received for x in months], 0.25, color=_MIDDLE, label="hồ sơ tiếp nhận")
    axes.bar(at, [x.resolved_in_time for x in months], 0.25, color=_DARK, label="giải quyết đúng hạn")
    if any(x.resolved_late for x in months):
        axes.bar(
            at, [x.resolved_late for x in months], 0.25, bottom=[x.resolved_in_time for x in months], color=_WARN, hatch="//",
            edgecolor="white", label="giải quyết quá hạn",
        )  # fmt: skip
    axes.bar(
        [x + 0.27 for x in at], [x.digitised for x in months], 0.25, color=_LIGHT, hatch="..", edgecolor=_DARK, label="giấy tờ số hoá"
    )
    axes.set_xticks(list(at), [f"{x.month[5:]}/{x.month[:4]}" for x in months])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: number(int(value)))
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return True
