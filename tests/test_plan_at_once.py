"""The plan when several work on it at once and when they are killed in between: nothing is half, nothing is counted twice."""


from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows.plan import Plan
from flows.plan_figures import period_of
from flows.plan_match import match
from flows.report import again, fetch, make_report
from samples.one_stop import Shape, dossiers, write_csv
from schemas.plan import ListKind, MatchState
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.catalogue import tables as c
from storage.objects import open_store
from storage.plan.lists import PlanLists
from storage.plan.matches import PlanMatches
from storage.plan.reports import PlanReports
from tests.made_catalogue import ROOT
from tests.plan_office import Q2, listed, row, scanned

pytest_plugins = ["catalogue_fixtures", "plan_office"]


# --- several at once, killed in between ------------------------------------------------------------------------------
def test_a_report_waits_for_an_import_that_is_under_way(plan: Plan, tmp_path):
    """Rows bear the time at which they were written; a report made before they are there must not claim a later moment."""
    begun, go_on = threading.Event(), threading.Event()

    def write() -> None:
        with plan.catalogue.write() as connection:
            moment = datetime.now(UTC)
            connection.execute(
                c.batches.insert().values(id="B-1", name="x", settings_hash="", legal_basis="", status="open", created=moment)
            )
            begun.set()
            go_on.wait(10)

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait(10)
    threading.Timer(0.4, go_on.set).start()
    made = make_report(plan, period_of("2026"), formats=["csv"])
    assert go_on.is_set()
    writer.join()
    with plan.catalogue.read() as connection:
        assert connection.scalar(sa.select(c.batches.c.created).where(c.batches.c.id == "B-1")) <= made.row.as_of


def test_two_imports_of_one_quarter_at_once(plan: Plan, tmp_path):
    shape = Shape("H26.12.5", Q2.first, Q2.last, new=300, in_time=250)
    paths = []
    for n in (1, 2):
        paths.append(tmp_path / f"{n}.csv")
        write_csv(dossiers(shape, 3), paths[-1], f"lần {n}")
    outcomes, errors = [], []

    def take(path: Path) -> None:
        try:
            outcomes.append(plan.import_list(path, ListKind.DOSSIERS))
        except Exception as error:  # shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=take, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and sorted((x.added, x.same) for x in outcomes) == [(0, 300), (300, 0)]
    assert len(list(PlanLists(plan.catalogue).cases())) == 300


def test_two_matchings_at_once(plan: Plan, tmp_path):
    scanned(plan, *range(1, 30))
    plan.import_list(listed(tmp_path, *(row(n) for n in range(1, 30))), ListKind.RESULTS)
    found, errors = [], []

    def run() -> None:
        try:
            found.append(match(plan, ListKind.RESULTS)[0])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and sorted(found) == [0, 29]
    assert len(PlanMatches(plan.catalogue).pairs(ListKind.RESULTS, MatchState.SURE)) == 29


_WORK = """
import sys
from contextlib import closing
from pathlib import Path
from flows.plan import Plan
from flows.plan_figures import period_of
from flows.report import make_report
from schemas.plan import ListKind
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.objects import open_store
settings = Settings(home=Path(sys.argv[1]), office={"code": "H26.12.5", "name": "x"})
with Catalogue.open(settings.database) as catalogue, closing(open_store(settings.store)) as store:
    plan = Plan(settings, catalogue, store, "lan")
    print("begun", flush=True)
    if sys.argv[2] == "import":
        plan.import_list(Path(sys.argv[3]), ListKind.DOSSIERS)
    else:
        make_report(plan, period_of("2022Q2"))
    print("done", flush=True)
"""
KILLS = int(os.environ.get("PLAN_KILLS", "3"))


@pytest.mark.parametrize("what", ["import", "report"])
def test_killed_in_the_middle_nothing_is_half(tmp_path, what):
    home, path = tmp_path / "nhà", tmp_path / "a.csv"
    write_csv(dossiers(Shape("H26.12.5", Q2.first, Q2.last, new=4_000, in_time=3_900), 3), path)
    settings = Settings(home=home, office={"code": "H26.12.5", "name": "x"})
    with Catalogue.open(settings.database) as catalogue, closing(open_store(settings.store)) as store:
        plan = Plan(settings, catalogue, store, "lan")
        finished = 0
        for n in range(KILLS):
            work = subprocess.Popen(
                [sys.executable, "-c", _WORK, str(home), what, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
            )
            assert work.stdout.readline() == "begun\n"
            time.sleep(0.15 + 0.9 * n / max(1, KILLS - 1))
            work.send_signal(signal.SIGKILL)
            finished += "done" in work.stdout.read()
            work.wait()
            with catalogue.read() as connection:
                rows = connection.scalar(sa.text("SELECT count(*) FROM plan_cases"))
                lists = connection.scalar(sa.text("SELECT count(*) FROM plan_lists"))
            assert (rows, lists) in ((0, 0), (4_000, 1))
            for report in PlanReports(catalogue).list():
                fetch(plan, report, tmp_path / f"báo cáo {n}")
        if what == "import":
            assert plan.import_list(path, ListKind.DOSSIERS).rows == (0 if rows else 4_000)
        else:
            assert len(PlanReports(catalogue).list()) >= finished
            made = make_report(plan, Q2, formats=["csv"])
            assert again(plan, made.row)[1]
