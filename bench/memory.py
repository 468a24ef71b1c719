"""Memory of one page process over many pages: the process and the jobs of `sohoa digitise`, never recycled.

A set of papers is gone through again and again, every reading cut, understood and made into a PDF/A in a store.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.report_rows import Result, Row
from bench.versus_ocrmypdf import MIX
from flows import pool as pool_module
from flows.pages import Archiving, Cut, MakeDocument, Original, ReadPage
from ocr.intake import inspect
from samples.sets import make_set
from schemas.errors import OutputInvalid
from schemas.settings import Settings, Work
from storage.objects import archive_key, open_store, original_key

SEED = 550_301
EVERY = 50
MEGABYTE = 1_000_000
SECONDS = 300.0
"""Allowed for a job; generous, because others use the machine too."""
WARM = 300
"""Pages below which a trend says nothing: the largest page comes late and the heap still settles."""
FLAT = 10.0
"""MB a thousand pages by which the trend of the second half may rise."""


def measure(work: Path, *, pages: int, papers: int = 20, every: int = EVERY) -> Result:
    """Curve of resident memory over `pages` pages of `papers` different papers."""
    folder = work / "memory"
    shutil.rmtree(folder, ignore_errors=True)
    for level in dict.fromkeys(MIX):
        make_set(level, max(1, papers * MIX.count(level) // len(MIX)), SEED, folder)
    points = work_through(folder, pages, every)
    return summary(points, len(list(folder.glob("input/*.pdf"))))


def summary(points: list[dict], papers: int) -> Result:
    """Rows from samples {"pages", "rss", "peak", "refused"} (bytes)."""
    read = [p["pages"] for p in points]
    rss = [p["rss"] / MEGABYTE for p in points]
    half = len(points) // 2
    trend = None
    if read[-1] >= WARM and len(points) - half >= 3:
        trend = float(np.polyfit(read[half:], rss[half:], 1)[0]) * 1000
    of = f"{read[-1]} pages, one process, {papers} papers in turn"
    rows = [
        Row(
            "memory of a page process, at most between pages",
            "own mixed papers",
            max(rss),
            "MB",
            350,
            True,
            of,
        ),
        Row(
            "memory of a page process, peak within a page",
            "own mixed papers",
            points[-1]["peak"] / MEGABYTE,
            "MB",
            350,
            True,
            of,
        ),
        Row(
            "trend of the second half, per 1,000 pages",
            "own mixed papers",
            trend,
            "MB",
            FLAT,
            True,
            f"{len(points) - half} samples",
        ),
    ]
    refused = points[-1]["refused"]
    method = [
        f"One process does the jobs of `sohoa digitise` (read, cut, understand, PDF/A, store) over {of}; without the recycling "
        f"that the software has on top. Resident memory every few pages; the peak is the system's high-water mark. "
        f"{refused} documents were refused by a check on the way.",
    ]
    return Result("memory", rows, method, {"pages": read, "rss": rss})


# --- the process that is measured ------------------------------------------------------------------------------------
def work_through(folder: Path, pages: int, every: int) -> list[dict]:
    """Has one page process of `flows.pool` do the jobs; a sample after every `every` pages and at the end."""
    settings = Settings(home=folder / "home", work=Work(processes=1, pages_a_process=10**9))
    store = open_store(settings.store)
    originals = []
    for path in sorted((folder / "input").glob("*.pdf")):
        data = path.read_bytes()
        info = inspect(data, path.name, settings.limits)
        store.put(original_key(info.sha256), data)
        originals.append(Original(info, original_key(info.sha256)))
    points: list[dict] = []
    done = refused = round_ = 0
    recycle, pool_module.RECYCLE_BYTES = (
        pool_module.RECYCLE_BYTES,
        sys.maxsize,
    )  # recycling would hide what is looked for
    try:
        with pool_module.WorkerPool(settings, store) as pool:
            while done < pages:
                original = originals[round_ % len(originals)]
                keys = {}
                for page in range(1, original.info.pages + 1):
                    keys[page] = f"readings/{round_}/{page}"
                    store.put(keys[page], _result(pool, ReadPage("", original, page, SECONDS)))
                    done += 1
                    if done % every == 0:
                        points.append(sample(pool, done, refused))
                cut, _ = _result(pool, Cut("", keys, False, SECONDS))
                for index, numbers in enumerate(cut.documents):
                    name = f"D-{round_}-{index}"
                    archiving = Archiving(name, archive_key(name), "2026-01-01T08:00:00+07:00", "", "bench")
                    mine = {n: keys[n] for n in numbers}
                    try:
                        _result(pool, MakeDocument("", index, original, mine, archiving, SECONDS))
                    except OutputInvalid:
                        refused += 1
                for item in store.list("readings/"):  # archived copies are kept under lock, here as anywhere
                    store.delete(item.key, item.version)
                round_ += 1
            points.append(sample(pool, done, refused))
    finally:
        pool_module.RECYCLE_BYTES = recycle
    return points


def _result(pool: pool_module.WorkerPool, job: pool_module.Job) -> Any:
    """Waits for the one job; raises what it raised."""
    pool.submit(job)
    while not (outcomes := pool.wait(1.0)):
        pass
    if outcomes[0].error is not None:
        raise outcomes[0].error
    return outcomes[0].result


def sample(pool: pool_module.WorkerPool, pages: int, refused: int) -> dict:
    """Resident bytes of its one process now and at most so far, from the system."""
    (process,) = pool._processes
    status = Path(f"/proc/{process.popen.pid}/status").read_text("utf-8")
    facts = dict(line.split(":", 1) for line in status.splitlines())
    rss, peak = (int(facts[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    if pool.crashes:
        raise RuntimeError("the page process crashed: its memory began anew")
    return {"pages": pages, "rss": rss, "peak": peak, "refused": refused}
