"""Charts drawn by a process of its own are those that would be drawn here, and a process that dies costs no report."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from flows.chart_process import CHARTS, Charts
from flows.report_charts import chart
from schemas.plan import Level, Period
from schemas.plan_report import DossierFigures, Month, ReportFigures


@pytest.fixture(scope="module")
def figures() -> ReportFigures:
    period = Period(label="Quý II/2026", first=date(2026, 4, 1), last=date(2026, 6, 30))
    before = Period(label="Cùng kỳ", first=date(2025, 4, 1), last=date(2025, 6, 30))
    unit = DossierFigures(unit="H26.1", unit_name="UBND xã Đặng Thị Ngọc Ánh", level=Level.COMMUNE, received=9, resolved_on_day=7)
    months = tuple(
        Month(month=f"2026-0{n}", digitised=n, received=3, resolved_in_time=2, resolved_late=0) for n in (4, 5, 6)
    )
    return ReportFigures(
        office="UBND xã An Bình", period=period, before=before, as_of=datetime(2026, 7, 1, tzinfo=UTC), judged_on=period.last,
        plan_year=2026, dossiers=(unit,), months=months, plan=(), sectors=(), dossiers_before=(), indicators=(), copies=(),
        copies_before=(), throughput=(), corrections=(), backlog=(), forecasts=(), digitised_before=0, urgent=(), notes=(),
    )  # fmt: skip


def test_the_pictures_are_those_drawn_here(figures):
    with Charts() as charts:
        charts.draw(figures)
        drawn = {name: charts.picture(name) for name in CHARTS}
    assert drawn == {name: chart(name, figures) for name in CHARTS}
    assert drawn["plan"] is None and drawn["dossiers"].startswith(b"\x89PNG") and drawn["months"].startswith(b"\x89PNG")


def test_charts_of_a_process_that_died_are_drawn_here(figures):
    with Charts() as charts:
        charts._process.kill()
        charts.draw(figures)
        assert charts.picture("months") == chart("months", figures)


def test_a_report_that_is_given_up_leaves_no_process():
    with pytest.raises(KeyError), Charts() as charts:
        raise KeyError
    assert charts._process.poll() is not None
