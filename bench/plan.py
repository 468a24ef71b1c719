"""The plan at the size of a province: a list of 200,000 rows matched with 200,000 records, reports over 1,000,000 records.

    python -m bench plan [--rows 200000] [--records 1000000] [--only match|report] [--database sqlite|postgresql]
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa

from bench.million import CHUNK, UNITS, Made, Record, Writer, load
from bench.plan_papers import KINDS, Paper, as_listed, as_read, papers
from bench.report_rows import ROOT, Result, Row
from storage.catalogue import Catalogue, document_id

DATABASES = ("sqlite", "postgresql")
_KIND_NAMES = {kind: kind.replace("_", " ") for kind, *_ in KINDS}
_HEADINGS = (
    "STT", "Mã hồ sơ", "Loại kết quả", "Số, ký hiệu", "Ngày cấp", "Cơ quan giải quyết", "Chủ hồ sơ", "Số định danh", "Lĩnh vực",
)  # fmt: skip


def measure(
    work: Path, *, rows: int = 200_000, records: int = 1_000_000, only: str | None = None, databases: tuple[str, ...] = DATABASES
) -> Result:
    found: list[Row] = []
    for database in databases:
        if only in (None, "match"):
            found += _matching(database, rows)
        if only in (None, "report"):
            found += _reports(database, records)
    return Result("plan", found, [_NOTE])


_NOTE = (
    "Lists and records are made with the usual noise: names without tones, in capitals or with one letter wrong, days and months "
    "that changed places, leading zeros, lost symbols and identity numbers, dossier codes half unknown (bench/plan_papers.py)."
)


# --- import and matching ---------------------------------------------------------------------------------------------
def _matching(database: str, count: int) -> list[Row]:
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
    return [
        Row("list imported and matched", where, told["seconds"], "s", 60, of=f"{told['cpu']:.0f} CPU s"),
        Row("memory of it", where, told["rss"], "MB", 600),
        Row("sure matches that are right", where, right / max(1, len(told["sure"])), target=0.995, at_most=False, of=f"{len(told['sure'])} sure"),
        Row("papers found", where, right / both, target=0.98, at_most=False, of=f"{both} papers on both sides, {told['doubtful']} for a person"),
    ]  # fmt: skip


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
def _reports(database: str, count: int) -> list[Row]:
    from flows.plan import Plan
    from flows.plan_figures import figures, period_of
    from flows.plan_report import FORMATS, render
    from samples.one_stop import Shape, dossiers, write_csv
    from schemas.plan import ListKind
    from schemas.settings import Settings
    from storage.objects import open_store

    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sohoa-bench-plan-")))
        folder.chmod(0o755)
        url = _database(stack, database, folder)
        made = _records(url, count)
        settings = Settings(home=folder / "home", catalogue_url=url)
        catalogue = stack.enter_context(Catalogue.open(url))
        store = stack.enter_context(closing(open_store(settings.store)))
        plan = Plan(settings, catalogue, store, "bench")
        path = folder / "ho-so.csv"
        shape = Shape("H26.1", date(2025, 7, 1), date(2026, 6, 30), new=count // 5, in_time=count // 5 - 900, late=300)
        write_csv(dossiers(shape, 1), path)
        plan.import_list(path, ListKind.DOSSIERS)
        where = f"{count:,} records, {count // 5:,} dossiers, {database}".replace(",", " ")
        for text in ("2026Q1", "2026H1", "2026"):
            started = time.perf_counter()
            found = figures(plan, period_of(text))
            rows.append(Row(f"all figures of {text}", where, time.perf_counter() - started, "s"))
        for form in FORMATS:
            started = time.perf_counter()
            render(found, form)
            rows.append(Row(f"… written as {form}", where, time.perf_counter() - started, "s"))
        slowest = max(row.reached for row in rows[:3]) + max(row.reached for row in rows[3:])
        rows.insert(0, Row("any report", where, slowest, "s", 5, of=f"loaded in {made.seconds:.0f} s"))
    return rows


def _records(url: str, count: int) -> Made:
    """Archived, signed records with what happened to them; search is not asked here and has no index."""
    writer = Writer(3)
    batches = ((n, f"B-PLAN{n // CHUNK:06}", f"U{(n // CHUNK) % UNITS:02}") for n in range(count))
    made = load(url, (writer.record(*one) for one in batches), indexed=False)
    versions = (
        "INSERT INTO document_versions (document, version, archive, made, who, why) "
        "SELECT id, 1, coalesce(archive, '{}'), created, 'lan', 'signed by scanning clerk and agency' FROM documents"
    )
    happened = "INSERT INTO events (at, who, what, object, detail) SELECT created, 'lan', '{}', id, '{{}}' FROM documents"
    with Catalogue.open(url) as catalogue:
        with catalogue.write() as connection:
            connection.exec_driver_sql(versions)
            for what in ("document_confirmed", "archived"):
                connection.exec_driver_sql(happened.format(what))
            if catalogue.is_sqlite:
                connection.exec_driver_sql("ANALYZE")
        if not catalogue.is_sqlite:
            # As autovacuum leaves it after some minutes.
            engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
            engine.dispose()
    return made


def _database(stack: ExitStack, kind: str, folder: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'catalogue.sqlite'}"
    import pgserver

    server = pgserver.get_server(folder / "pg", cleanup_mode="stop")
    stack.callback(server.cleanup)
    return server.get_uri()


if __name__ == "__main__":
    _match(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
