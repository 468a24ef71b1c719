"""Reads every page of a labelled set and stores the page readings, for scoring and for calibration.

    python bench/read_set.py SET OUT [--only TEXT ...] [--processes 2]

SET holds PDF, TIFF, JPEG or PNG files (searched in all its folders); OUT gets `<id>.json`, a list of PageReading dumps.
Prints CPU seconds a page.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ocr.engines import open_engine
from ocr.intake import inspect, open_source
from ocr.reading import read_page
from schemas.page import PageReading
from schemas.settings import Limits, Reading

ENDINGS = {".pdf", ".tif", ".tiff", ".jpg", ".jpeg", ".png"}
_ENGINE = []


def read_file(path: Path, out: Path) -> tuple[str, int, float]:
    """Stores the readings of one file; (id, pages, CPU seconds)."""
    settings = Reading()
    if not _ENGINE:
        _ENGINE.append(open_engine(settings))
    start = time.process_time()
    data = path.read_bytes()
    readings: list[PageReading] = []
    with open_source(data, inspect(data, path.name, Limits()), Limits()) as source:
        for number in range(1, source.page_count + 1):
            image = source.render(page=number, dpi=settings.dpi)
            readings.append(read_page(number, image, source.born_words(number), _ENGINE[0], settings))
    seconds = time.process_time() - start
    (out / f"{path.stem}.json").write_text(
        json.dumps([r.model_dump(mode="json") for r in readings], ensure_ascii=False), "utf-8"
    )
    return path.stem, len(readings), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    files = [p for p in sorted(arguments.set.rglob("*")) if p.suffix.lower() in ENDINGS]
    if arguments.only:
        files = [p for p in files if any(text in p.stem for text in arguments.only)]
    with ProcessPoolExecutor(arguments.processes) as pool:
        done = list(pool.map(read_file, files, [arguments.out] * len(files)))
    pages = sum(count for _, count, _ in done)
    print(f"{len(done)} files, {pages} pages, {sum(s for *_, s in done) / max(1, pages):.3f} CPU s a page")


if __name__ == "__main__":
    main()
