"""What catalogue, store, processes and Prefect cost beside the work itself, on one batch.

    python -m bench.overhead MODE FOLDER OUT PROCESSES       the process that is measured; prints one JSON line

Four ways of doing the same batch: `bare` (a plain process pool that reads each file and writes its PDFs into a folder;
nothing is stored, recorded or resumable), `flow` (`flows.digitise`), `server` (the same as a Prefect flow, on a server that
runs already, as in a province) and `prefect` (on a server that is started for this batch and ends with it).

Two answers, because the clock of a shared machine is not steady: the difference to `bare`, and the CPU time that each
spends outside its work ("read a page", "cut", "make a document").
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import pikepdf

from bench.report_rows import Result, Row
from bench.versus_ocrmypdf import MIX, timed
from flows.deploy import own_server
from flows.pool import ENVIRONMENT
from samples.sets import make_set
from schemas.settings import Settings, Work

SEED = 440_401
NAMES = {
    "flow": "plain flow",
    "server": "Prefect flow, running server",
    "prefect": "Prefect flow, own server",
}
MODES = ("bare", *NAMES)


def measure(
    work: Path,
    *,
    pages: int,
    rounds: int,
    processes: int = 2,
    papers: int = 24,
    modes: tuple[str, ...] = MODES,
) -> Result:
    """Shares of wall and CPU time on a batch of at least `pages` pages."""
    folder = work / "overhead"
    count, files = make_batch(folder, pages, papers)
    wall: dict[str, list[float]] = {mode: [] for mode in modes}
    cpu: dict[str, list[float]] = {mode: [] for mode in modes}
    outside: dict[str, list[float]] = {mode: [] for mode in modes}
    _run(
        "prefect", folder / "warm", work, processes
    )  # a new database is made once an installation; not counted
    for _ in range(rounds):
        for mode in modes:
            seconds, used, facts = _run(mode, folder / "batch", work, processes)
            if facts["pages"] != count:
                raise RuntimeError(f"{mode}: {facts['pages']} of {count} pages done")
            wall[mode].append(seconds)
            cpu[mode].append(used)
            outside[mode].append(used - facts["jobs"])
    of = f"{count} pages in {files} files, {processes} processes, {rounds} rounds"
    rows = []
    for mode in modes[1:]:
        name = NAMES[mode]
        outside_share = statistics.median(
            (own - bare) / used
            for own, bare, used in zip(outside[mode], outside["bare"], cpu[mode], strict=True)
        )
        rows += [
            Row(f"{what}, {name}", "own batch", share, "%", 0.05, True, of)
            for what, share in (
                ("wall time beyond the bare work", _beyond(wall, mode)),
                ("CPU time beyond the bare work", _beyond(cpu, mode)),
                ("CPU time of orchestration", outside_share),
            )
        ]
    for mode in modes:
        rows += [
            Row(
                f"{what} seconds a page, {mode}",
                "own batch",
                statistics.median(spent[mode]) / count,
                "s",
                of=of,
            )
            for what, spent in (("wall", wall), ("CPU", cpu))
        ]
    method = [
        f"The same batch ({of}; {papers} made papers, written again and again as different files) done four ways in turn: a "
        "plain process pool that reads and writes PDFs within the same bound on memory; `flows.digitise` with store, catalogue, resume and page processes; the "
        "same as a Prefect flow on a server that runs already (its CPU time counted too); the same with a server that is started "
        "for it and stopped. Databases were made before, as an installation does once; start of all other processes included. `CPU time of orchestration` is steadier than the differences, because work that takes a little "
        "longer by chance does not count: what a run spends outside the jobs (read, cut, make a document), less what `bare` "
        "spends outside its work (process start, imports), as a share of the run.",
    ]
    return Result("overhead", rows, method, {f"wall {mode}": wall[mode] for mode in modes})


def _run(mode: str, batch: Path, work: Path, processes: int) -> tuple[float, float, dict]:
    """(wall seconds, CPU seconds, what the measured process said)."""
    from storage.catalogue.catalogue import Catalogue

    out = work / "overhead-out"
    shutil.rmtree(out, ignore_errors=True)
    if mode != "bare":
        Catalogue.open(Settings(home=out).database).close()
    command = [sys.executable, "-m", "bench.overhead", mode, str(batch), str(out), str(processes)]
    environment = ENVIRONMENT | {  # the bare processes under the same conditions
        # A Prefect flow reads the settings of the home folder itself.
        "SOHOA_WORK__PROCESSES": str(processes),
        "PREFECT_HOME": str(work / "overhead-prefect"),
        "PREFECT_LOGGING_TO_CONSOLE": "false",
    }
    with running_server(environment) if mode == "server" else nullcontext() as server:
        before = 0.0
        if server is not None:
            environment |= {"PREFECT_API_URL": server.url}
            before = server.cpu_seconds()
        seconds, used, said = timed(command, environment, allowed=(0,))
        if server is not None:
            used += server.cpu_seconds() - before
    return seconds, used, json.loads(said.splitlines()[-1])


def _beyond(seconds: dict[str, list[float]], mode: str) -> float:
    """Median over the rounds of what `mode` needs more than `bare`, as a share of `mode`."""
    return statistics.median((a - b) / a for a, b in zip(seconds[mode], seconds["bare"], strict=True))


def make_batch(folder: Path, pages: int, papers: int) -> tuple[int, int]:
    """Files in `folder`/batch with `pages` pages or a few more, no two of the same bytes -> (pages, files)."""
    shutil.rmtree(folder, ignore_errors=True)
    for level in dict.fromkeys(MIX):
        make_set(level, max(1, papers * MIX.count(level) // len(MIX)), SEED, folder)
    sources = sorted((folder / "input").glob("*.pdf"))
    (folder / "batch").mkdir()
    count = files = 0
    while count < pages:
        with pikepdf.open(sources[files % len(sources)]) as document:
            document.docinfo["/Keywords"] = (
                f"copy {files}"  # the same bytes again would be linked and not read
            )
            count += len(document.pages)
            document.save(folder / "batch" / f"{files:04d}.pdf")
        files += 1
    (folder / "warm").mkdir()
    shutil.copy(sources[0], folder / "warm")
    return count, files


@dataclass(frozen=True)
class Server:
    url: str
    pid: int

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")  # utime, stime: proc(5)


@contextmanager
def running_server(environment: dict[str, str]) -> Iterator[Server]:
    """A Prefect server of its own process, up before anything is measured."""
    with patch.dict(os.environ, environment), own_server() as (url, pid):
        yield Server(url, pid)


# --- the process that is measured ------------------------------------------------------------------------------------
def do_bare(folder: Path, out: Path, processes: int) -> tuple[int, float]:
    """(pages, CPU seconds of the work itself)."""
    out.mkdir(parents=True)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        done = list(pool.map(partial(_one_file, out=out), sorted(folder.glob("*.pdf"))))
    return sum(pages for pages, _ in done), sum(seconds for _, seconds in done)


def _one_file(path: Path, out: Path) -> tuple[int, float]:
    """Reads a file and writes its documents, with the functions that the flow uses."""
    from flows.worker import tidied
    from ocr.extract import read_document
    from ocr.intake import inspect, open_source
    from ocr.reading import read_page
    from ocr.searchable import make_searchable, verify_searchable
    from ocr.separate import separate
    from schemas.errors import SohoaError
    from schemas.record import RecordMetadata

    engine, forms, settings = _kept()
    start = time.process_time()
    data = path.read_bytes()
    with open_source(data, inspect(data, path.name, settings.limits), settings.limits) as source:
        readings = []
        for n in range(1, source.page_count + 1):
            image = source.render(n, settings.reading.dpi)
            readings.append(read_page(n, image, source.born_words(n), engine, settings.reading))
            tidied()  # within the same bound on memory
    for index, pages in enumerate(separate(readings, forms).documents):
        mine = [r for r in readings if r.page in pages]
        found = read_document(mine, forms=forms, settings=settings)
        metadata = RecordMetadata(
            title=found.type, document_id=f"{path.stem}-{index}", scanned_at="2026-01-01T08:00:00+07:00"
        )
        try:
            made = make_searchable(data, mine, pages=pages, metadata=metadata)
            verify_searchable(made.data, mine, source=data, pages=pages)
            tidied()
        except SohoaError:
            continue  # the flow sets such a document aside; here it is only not written
        (out / f"{path.stem}-{index}.pdf").write_bytes(made.data)
    return len(readings), time.process_time() - start


_KEPT: list = []


def _kept() -> tuple:
    """Engine, forms and settings of this process."""
    if not _KEPT:
        from ocr.engines import open_engine
        from ocr.forms import load_forms

        settings = Settings()
        _KEPT.append((open_engine(settings.reading), load_forms(), settings))
    return _KEPT[0]


def do_flow(folder: Path, out: Path, processes: int, prefect: bool) -> tuple[int, float]:
    """(pages taken in, CPU seconds of all jobs)."""
    from flows.pool import WorkerPool

    jobs = 0.0
    waited = WorkerPool.wait

    def wait(pool: WorkerPool, seconds: float) -> list:
        nonlocal jobs
        outcomes = waited(pool, seconds)
        jobs += sum(outcome.seconds for outcome in outcomes)
        return outcomes

    WorkerPool.wait = wait
    settings = Settings(home=out, work=Work(processes=processes))
    if prefect:
        from flows.deploy import digitise_with_prefect as digitise
    else:
        from flows.digitise import digitise
    result = digitise([folder], settings)
    return result.pages.in_, jobs


def main() -> None:
    mode, folder, out, processes = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    os.environ["OMP_THREAD_LIMIT"] = "1"
    if mode == "bare":
        pages, jobs = do_bare(folder, out, processes)
    else:
        pages, jobs = do_flow(folder, out, processes, mode in ("prefect", "server"))
    print(json.dumps({"pages": pages, "jobs": jobs}))


if __name__ == "__main__":
    main()
