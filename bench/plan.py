"""The plan at the size of a province: a list of 200,000 rows matched with 200,000 records, reports over 1,000,000 records.

    python -m bench plan [--rows 20000 200000] [--records 100000 1000000] [--only match|report] [--database sqlite|postgresql]
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa

from bench import plan_records
from bench.million import Record, load
from bench.plan_papers import KINDS, Paper, as_listed, as_read, papers
from bench.report_rows import ROOT, Result, Row
from flows.report import FORMATS
from storage.catalogue import Catalogue, document_id
from storage.catalogue import tables as t

DATABASES = ("sqlite", "postgresql")
_KIND_NAMES = {kind: kind.replace("_", " ") for kind, *_ in KINDS}
_HEADINGS = (
    "STT", "Mã hồ sơ", "Loại kết quả", "Số, ký hiệu", "Ngày cấp", "Cơ quan giải quyết", "Chủ hồ sơ", "Số định danh", "Lĩnh vực",
)  # fmt: skip


def measure(
    work: Path,
    *,
    rows: Sequence[int] = (20_000, 200_000),
    records: Sequence[int] = (100_000, 1_000_000),
    only: str | None = None,
    databases: tuple[str, ...] = DATABASES,
) -> Result:
    """`rows`, `records`: sizes, smallest first. `only`: match or report."""
    found: list[Row] = []
    series: dict[str, list[float]] = {}
    for database in databases:
        for count in rows if only != "report" else ():
            _matching(database, count, found, series)
        for count in records if only != "match" else ():
            _reports(database, count, found, series)
    return Result("plan", found, _METHOD, series)


_METHOD = [
    "Lists and records are made with the usual noise: names without tones, in capitals or with one letter wrong, days and months "
    "that changed places, leading zeros, lost symbols and identity numbers, dossier codes half unknown (`bench/plan_papers.py`). "
    "Of the papers listed and of those scanned four fifths are the same. Lists are imported and matched by a process of its own.",
    "",
    "Records of 40 agencies over 25 times 28 days, with their versions, events, corrected fields, uses and a register "
    "(`bench/plan_records.py`), a list of results with records for nine in ten, lists of dossiers of each agency (four of five "
    "with a record), approved totals of every agency and kind. Each report is made by `sohoa plan report`, from the start of the "
    "command to its end: figures, page, XLSX, PDF/A and CSV, hashed, filed in the store and written to a folder. Its stages are those "
    "of another report of the same period, made just before: the pages of the database are in memory, as where they are in use.",
]


# --- import and matching ---------------------------------------------------------------------------------------------
def _matching(database: str, count: int, found: list[Row], series: dict[str, list[float]]) -> None:
    """A fifth of the papers is only listed, another fifth only scanned."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sohoa-bench-plan-")))
        folder.chmod(0o755)
        url = _database(stack, database, folder)
        made = list(papers(count * 6 // 5, 11))
        rng = random.Random(5)
        listed, scanned = made[:count], made[-count:]
        both = len(made) - 2 * (len(made) - count)
        load(url, (_record(as_read(paper, rng)) for paper in scanned), indexed=False)
        path = folder / "danh-sach.csv"
        _write(path, (as_listed(paper, rng) for paper in listed))
        ran = subprocess.run(
            [sys.executable, "-m", "bench.plan", "match", url, str(path), str(folder / "home")],
            stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT,
        )  # fmt: skip
        told = json.loads(ran.stdout)
        right = sum(document == _id(listed[row - 2].id) for row, document in told["sure"])
        where = f"{count:,} rows, {count:,} records, {database}".replace(",", " ")
    found += [
        Row("list imported and matched", where, told["seconds"], "s", 60, of=f"{told['cpu']:.0f} CPU s"),
        Row("memory of it", where, told["rss"], "MB", 600),
        Row("sure matches that are right", where, right / max(1, len(told["sure"])), target=0.995, at_most=False, of=f"{len(told['sure'])} sure"),
        Row("papers found", where, right / both, target=0.98, at_most=False, of=f"{both} papers on both sides, {told['doubtful']} for a person"),
    ]  # fmt: skip
    _grown(series, f"{database} match", count, told["seconds"])
    _grown(series, f"{database} memory", count, told["rss"])


def _record(paper: Paper) -> Record:
    number = "/".join(filter(None, (paper.number, paper.symbol)))
    fields = {"so_ky_hieu": number, "ngay_ban_hanh": paper.issued.isoformat(), "ho_ten": paper.owner}
    if paper.owner_id:
        fields["so_dinh_danh"] = paper.owner_id
    for name, other in zip(("cha_ho_ten", "me_ho_ten"), paper.others, strict=False):
        fields[name] = other
    return Record(
        id=_id(paper.id), source=_source(paper.id), page=1, kind=paper.kind, text=number, fields=fields, dossier=paper.dossier,
        doc_code=f"P{paper.id}", serial=paper.id, unit="", valid_to=None, state=None, batch=f"B-PLAN{paper.id // 10_000:06}",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def _source(paper: int) -> str:
    return hashlib.sha256(f"plan {paper}".encode()).hexdigest()


def _id(paper: int) -> str:
    return document_id(_source(paper), [1])


def _write(path: Path, listed: Iterator[Paper]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADINGS)
        for at, paper in enumerate(listed, 1):
            number = "/".join(filter(None, (paper.number, paper.symbol)))
            writer.writerow(
                (at, paper.dossier, _KIND_NAMES[paper.kind], number, f"{paper.issued:%d/%m/%Y}", paper.unit, paper.owner, paper.owner_id, paper.sector)
            )  # fmt: skip


def _match(url: str, path: Path, home: Path) -> None:
    """In a process of its own, so that its memory is its own."""
    from flows.plan import Plan
    from flows.plan_match import match
    from schemas.plan import ListKind, MatchState
    from schemas.plan_errors import ListRefused
    from schemas.settings import Settings
    from storage.objects import open_store
    from storage.plan.matches import PlanMatches

    settings = Settings(home=home, catalogue_url=url)
    started = time.perf_counter()
    with Catalogue.open(url) as catalogue, closing(open_store(settings.store)) as store:
        plan = Plan(settings, catalogue, store, "bench")
        try:
            plan.import_list(path, ListKind.RESULTS)
        except ListRefused as refused:
            sys.exit("\n".join(map(str, refused.findings[:5])))
        _, doubtful = match(plan, ListKind.RESULTS)
        seconds, cpu = time.perf_counter() - started, time.process_time()
        rss = _most_memory()
        pairs = PlanMatches(catalogue).pairs(ListKind.RESULTS, MatchState.SURE)
    json.dump({"seconds": seconds, "cpu": cpu, "rss": rss, "doubtful": doubtful, "sure": pairs}, sys.stdout)


def _most_memory() -> float:
    """MB that this process ever held. Not `ru_maxrss`: a child begins with what its parent held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# --- reports ---------------------------------------------------------------------------------------------------------
REPORTS = ("2026-03", "2026Q1", "2026H1", "2026-9M", "2026", "2025-02-10..2026-08-20")
"""A month, a quarter, six and nine months, a year, any days."""


def _reports(database: str, count: int, found: list[Row], series: dict[str, list[float]]) -> None:
    """Every sort of report, made by the command as a clerk would: figures, page, XLSX, PDF and CSV, filed and written."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sohoa-bench-plan-")))
        folder.chmod(0o755)
        url = _database(stack, database, folder)
        made = plan_records.make(url, count)
        _lists(url, folder, count)
        os.sync()  # what loading left to be written to the disk is not the reports'
        where = f"{count:,} records, {count // 5:,} results, {count // 5:,} dossiers, {database}".replace(",", " ")
        told = {name: _made_by_itself(url, folder / "home", name) for name in REPORTS}
        told["2026Q1 of three agencies"] = _made_by_itself(url, folder / "home", "2026Q1", *map(plan_records.code_of, range(3)))
    slowest = max(one["seconds"] for one in told.values())
    found.append(Row("any report, whole", where, slowest, "s", 5, of=f"records made in {made.seconds:.0f} s"))
    found.append(Row("… worked on by the program", where, max(one["cpu"] for one in told.values()), "s"))
    found.append(Row("… memory", where, max(one["rss"] for one in told.values()), "MB"))
    for name, one in told.items():
        of = "; ".join(f"{stage} {seconds:.2f}" for stage, seconds in one["stages"].items())
        found.append(Row(f"{name}, whole", where, one["seconds"], "s", of=of))
    _grown(series, f"{database} report", count, slowest)


_BELONGING = """UPDATE documents SET dossier_code = c.dossier_code FROM
    (SELECT id, row_number() OVER (ORDER BY id) AS n FROM documents WHERE status = 'archived') AS d
    JOIN (SELECT dossier_code, row_number() OVER (ORDER BY "case") AS n FROM plan_cases WHERE kind_of_list = 'dossiers') AS c
        ON c.n = d.n
    WHERE d.id = documents.id AND d.n - d.n / 5 * 5 <> 0"""
"""Four of five dossiers have their record."""


def _lists(url: str, folder: Path, count: int) -> None:
    """A list of results with records for nine in ten, a list of dossiers, and approved totals of every agency and kind."""
    from flows.plan import Plan
    from samples.one_stop import Shape, dossiers, write_csv
    from schemas.plan import ListKind, Match, MatchState
    from schemas.settings import Settings
    from storage.catalogue.events import now
    from storage.objects import open_store
    from storage.plan.lists import PlanLists
    from storage.plan.matches import PlanMatches
    from storage.plan.progress import PlanTotals, enter_totals

    with Catalogue.open(url) as catalogue:
        settings = Settings(home=folder / "home", catalogue_url=url)
        with closing(open_store(settings.store)) as store:
            plan = Plan(settings, catalogue, store, "lan")
            each = count // 5 // plan_records.UNITS
            for n in range(plan_records.UNITS):
                path = folder / f"ho-so-{n}.csv"
                shape = Shape(
                    plan_records.code_of(n), date(2025, 7, 1), date(2026, 6, 30), new=each, in_time=each - each // 9, late=each // 20
                )  # fmt: skip
                write_csv(dossiers(shape, 1), path)
                plan.import_list(path, ListKind.DOSSIERS)
            with catalogue.read() as connection:
                d, b = t.documents.c, t.batches.c
                query = sa.select(d.id, d.type, d.valid_from, b.unit).select_from(t.documents.join(t.batches, b.id == d.batch))
                some = connection.execute(query.where(d.status == "archived").order_by(d.id).limit(count // 5)).all()
            path = folder / "ket-qua.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(("Loại kết quả", "Số, ký hiệu", "Ngày cấp", "Cơ quan giải quyết", "Chủ hồ sơ", "Lĩnh vực"))
                for n, row in enumerate(some):
                    kind = plan.kind_name(row.type) if plan.forms.get(row.type) else "Quyết định"
                    sector = ("Hộ tịch", "Đất đai", "Xây dựng")[n % 3]
                    unit = plan.offices.code(row.unit)
                    writer.writerow((kind, f"{n + 1}/QĐ-UBND", f"{date.fromisoformat(row.valid_from):%d/%m/%Y}", unit, "", sector))
            plan.import_list(path, ListKind.RESULTS)
            pairs = zip(PlanLists(catalogue).cases(kind=ListKind.RESULTS), some, strict=True)
            sure = (Match(case=case.id, document=row.id, state=MatchState.SURE, score=20.0) for case, row in pairs)
            PlanMatches(catalogue).write(
                (match for n, match in enumerate(sure) if n % 10), ListKind.RESULTS, "lan", began=now()
            )
            lines = sorted({(plan.offices.code(row.unit), "", row.type, count) for row in some})
            with catalogue.write() as connection:
                enter_totals(connection, 2026, lines, source="entered", who="lan")
            PlanTotals(catalogue).approve(2026, who="minh")
        with catalogue.write() as connection:
            connection.exec_driver_sql("ANALYZE")  # without it SQLite joins row by row
            connection.exec_driver_sql(_BELONGING)
            if catalogue.is_sqlite:
                connection.exec_driver_sql("ANALYZE")
    if url.startswith("postgresql"):
        plan_records.settle(url)


def _made_by_itself(url: str, home: Path, period: str, *units: str) -> dict:
    """First in a process that tells its stages, then by the command that people type, which is what counts."""
    told = [sys.executable, "-m", "bench.plan", "report", url, str(home), period, *units]
    stages = subprocess.run(told, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT).stdout
    command = [sys.executable, "-m", "cli.main", "plan", "report", "--period", period, "--home", str(home), "--to", str(home)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ran = subprocess.run(
        [*command, *(word for unit in units for word in ("--unit", unit))], env=os.environ | {"SOHOA_CATALOGUE_URL": url},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode not in (0, 1):  # 1: dossiers are urgent
        raise RuntimeError(ran.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu": cpu, **json.loads(stages)}


def _report(url: str, home: Path, period: str, *units: str) -> None:
    from flows.plan import Plan
    from flows.plan_figures import period_of
    from flows.report import make_report
    from schemas.settings import Settings
    from storage.objects import open_store

    settings = Settings(home=home, catalogue_url=url)
    begun: dict[str, float] = {}
    with Catalogue.open(url) as catalogue, closing(open_store(settings.store)) as store:
        plan = Plan(settings, catalogue, store, "lan")
        make_report(
            plan, period_of(period), units=units or None,
            told=lambda stage, _: begun.setdefault(stage if stage in FORMATS else "figures", time.perf_counter()),
        )  # fmt: skip
    ended = [*list(begun.values())[1:], time.perf_counter()]
    stages = {stage: end - begin for (stage, begin), end in zip(begun.items(), ended, strict=True)}
    json.dump({"stages": stages, "rss": _most_memory()}, sys.stdout)


def _grown(series: dict[str, list[float]], name: str, count: int, value: float) -> None:
    """One more point of a curve."""
    series.setdefault(f"{name} count", []).append(count)
    series.setdefault(name, []).append(value)


def _database(stack: ExitStack, kind: str, folder: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'catalogue.sqlite'}"
    import pgserver

    server = pgserver.get_server(folder / "pg", cleanup_mode="stop")
    stack.callback(server.cleanup)
    return server.get_uri()


if __name__ == "__main__":
    if sys.argv[1] == "match":
        _match(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        _report(sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
