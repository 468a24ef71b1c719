"""Memory of one page process over many pages: the jobs of `flows.pages`, one after the other, never recycled.

    python -m bench.memory FOLDER PAGES          the process that is measured; prints one JSON line every few pages

FOLDER holds the papers; they are gone through again and again, every reading cut, understood and made into a PDF/A in a
store, as the page processes of `sohoa digitise` do.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from bench.report_rows import ROOT, Result, Row
from bench.versus_ocrmypdf import MIX
from samples.sets import make_set
from schemas.errors import SohoaError

SEED = 550_301
EVERY = 50
MEGABYTE = 1_000_000
FLAT = 10.0
"""MB a thousand pages by which the trend of the second half may rise."""


def measure(work: Path, *, pages: int, papers: int = 20, every: int = EVERY) -> Result:
    """Curve of resident memory over `pages` pages of `papers` different papers."""
    folder = work / "memory"
    shutil.rmtree(folder, ignore_errors=True)
    for level in dict.fromkeys(MIX):
        make_set(level, max(1, papers * MIX.count(level) // len(MIX)), SEED, folder)
    command = [sys.executable, "-m", "bench.memory", str(folder), str(pages), str(every)]
    environment = os.environ | {"OMP_THREAD_LIMIT": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the measured process ended with {done.returncode}: {done.stderr[-800:]}")
    points = [json.loads(line) for line in done.stdout.splitlines()]
    return summary(points, len(list(folder.glob("input/*.pdf"))))


def summary(points: list[dict], papers: int) -> Result:
    """Rows from samples {"pages", "rss", "peak", "refused"} (bytes)."""
    read = [p["pages"] for p in points]
    rss = [p["rss"] / MEGABYTE for p in points]
    half = len(points) // 2
    trend = float(np.polyfit(read[half:], rss[half:], 1)[0]) * 1000 if len(points) - half >= 3 else None
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
def work_through(folder: Path, pages: int, every: int) -> None:
    """Does the jobs and prints a sample after every `every` pages and at the end."""
    from flows.pages import Archiving, Bench, Cut, MakeDocument, Original, ReadPage
    from ocr.intake import inspect
    from schemas.settings import Settings
    from storage.objects import archive_key, open_store, original_key

    settings = Settings(home=folder / "home")
    store = open_store(settings.store)
    originals = []
    for path in sorted((folder / "input").glob("*.pdf")):
        data = path.read_bytes()
        info = inspect(data, path.name, settings.limits)
        store.put(original_key(info.sha256), data)
        originals.append(Original(info, original_key(info.sha256)))
    bench = Bench(settings, store)
    done = refused = round_ = 0
    while done < pages:
        original = originals[round_ % len(originals)]
        keys = {}
        for page in range(1, original.info.pages + 1):
            keys[page] = f"readings/{round_}/{page}"
            store.put(keys[page], ReadPage("", original, page, 60).run(bench))
            done += 1
            if done % every == 0:
                sample(done, refused)
        cut, _ = Cut("", keys, False, 60).run(bench)
        for index, numbers in enumerate(cut.documents):
            name = f"D-{round_}-{index}"
            archiving = Archiving(name, archive_key(name), "2026-01-01T08:00:00+07:00", "", "bench")
            try:
                MakeDocument("", index, original, {n: keys[n] for n in numbers}, archiving, 60).run(bench)
            except SohoaError:
                refused += 1
        for item in [*store.list("readings/"), *store.list("archive/")]:
            store.delete(item.key, item.version)  # a thousand pages must not fill a disk
        round_ += 1
    sample(done, refused)
    bench.close()


def sample(pages: int, refused: int) -> None:
    """Resident bytes now and at most so far, from the system."""
    facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("utf-8").splitlines())
    rss, peak = (int(facts[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    print(json.dumps({"pages": pages, "rss": rss, "peak": peak, "refused": refused}), flush=True)


if __name__ == "__main__":
    work_through(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
