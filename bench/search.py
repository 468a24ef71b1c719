"""How fast records are found among 10⁴, 10⁵ and 10⁶, on SQLite and PostgreSQL, while one writer takes in 50 documents a second
(docs/benchmarks-search.md).

    python -m bench.search write URL SECONDS      the writer, a process by itself; prints one JSON line
    python -m bench.search ask URL COUNT          the searcher; prints one JSON line

Wall time is what a person waits. On a machine that does other things as well it says little; beside it stands the time in
which a search was really worked on: CPU of the asking process and of its PostgreSQL backend.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from bench.million import Made, Writer, make
from bench.report_rows import Result, Row
from storage.catalogue import Catalogue, NewDocument, NewSource

COUNTS = (10_000, 100_000, 1_000_000)
RATE = 50
"""Documents a second that the writer takes in."""
STACK = 5
WARM_UP = 60
TYPICAL, WORST = 50.0, 300.0
"""Milliseconds: 95 % of searches, and every search."""
_SEARCH_TABLES = ("search_rows", "search_terms", "search_words", "search_word_parts")


@dataclass(frozen=True)
class Times:
    """Milliseconds of many searches."""

    typical: float
    middle: float
    worst: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Times:
        ordered = sorted(milliseconds)
        return cls(ordered[int(len(ordered) * 0.95)], ordered[len(ordered) // 2], ordered[-1])


@dataclass(frozen=True)
class Measured:
    """One database of one size."""

    database: str
    count: int
    made: Made
    index_bytes: int
    all_bytes: int
    wall: Times
    busy: Times
    alone: Times
    """Wall times without the writer."""
    sorts: dict[str, tuple[Times, Times]]
    """Wall and busy, by sort of question."""
    written: float
    """Documents a second that the writer managed."""


def measure(work: Path, *, counts: Sequence[int] = COUNTS, asked: int = 600, keep: bool = False) -> Result:
    """Everything, smallest first; what was made is deleted."""
    found: list[Measured] = []
    for count in counts:
        for database in ("sqlite", "postgresql"):
            with _empty(work, database) as url:
                found.append(_measured(url, database, count, asked))
            print(json.dumps(asdict(found[-1])), file=sys.stderr, flush=True)
    return result(found, asked)


def _measured(url: str, database: str, count: int, asked: int) -> Measured:
    made = make(url, count)
    index, everything = sizes(url)
    alone = _ask(url, asked)
    seconds = max(60, asked // 4)
    writer = subprocess.Popen(
        [sys.executable, "-m", "bench.search", "write", url, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    try:
        time.sleep(3)
        beside = _ask(url, asked)
    finally:
        writer.terminate()
    written = json.loads(writer.communicate()[0] or "{}").get("rate", 0.0)
    wall, busy = ([answer[n] for answers in beside.values() for answer in answers] for n in (0, 1))
    return Measured(
        database,
        count,
        made,
        index,
        everything,
        Times.of(wall),
        Times.of(busy),
        Times.of([answer[0] for answers in alone.values() for answer in answers]),
        {
            s: (Times.of([a[0] for a in answers]), Times.of([a[1] for a in answers]))
            for s, answers in beside.items()
        },
        written,
    )


def _ask(url: str, count: int) -> dict[str, list[list[float]]]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.search", "ask", url, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def ask(url: str, count: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and busy milliseconds by sort of question, after some questions that warm up."""
    from bench.search_questions import questions
    from storage.search import search

    found: dict[str, list[tuple[float, float]]] = {}
    with Catalogue.open(url) as catalogue:
        backend = _backend(catalogue)
        for n, question in enumerate(questions(catalogue, count + WARM_UP, seed=3)):
            started, worked = time.perf_counter(), time.process_time() + _on_cpu(backend)
            search(catalogue, question.query)
            busy = time.process_time() + _on_cpu(backend) - worked
            wall = time.perf_counter() - started
            if n >= WARM_UP:
                found.setdefault(question.sort, []).append((1000 * wall, 1000 * busy))
    return found


def _backend(catalogue: Catalogue) -> int | None:
    """Process of PostgreSQL that answers this one: the pool holds one connection."""
    if catalogue.is_sqlite:
        return None
    with catalogue.read() as connection:
        return connection.scalar(sa.text("SELECT pg_backend_pid()"))


def _on_cpu(process: int | None) -> float:
    if process is None:
        return 0.0
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def write(url: str, seconds: float) -> float:
    """Takes in documents as a batch does, STACK at a time, RATE a second; gives how many a second it managed."""
    import signal

    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    made, taken, started = Writer(99), 0, time.monotonic()
    with Catalogue.open(url) as catalogue:
        batch = catalogue.start_batch("beside", who="bench").id
        while not stopped and time.monotonic() < started + seconds:
            records = [made.record(taken + n, batch, "") for n in range(STACK)]
            source = NewSource(os.urandom(32).hex(), 1, "application/pdf", pages=STACK)
            file = catalogue.add_file(batch, f"{taken}.pdf", source)
            documents = [_document(record, n + 1) for n, record in enumerate(records)]
            catalogue.record_file(file.id, pages=[], documents=documents, total=STACK)
            taken += STACK
            time.sleep(max(0.0, started + taken / RATE - time.monotonic()))
    return taken / (time.monotonic() - started)


def _document(record, page: int) -> NewDocument:
    from schemas.document import DocumentReading, FieldStatus, FieldValue

    fields = {
        name: FieldValue(value=value, printed=value, confidence=0.99, page=page, status=FieldStatus.ACCEPTED)
        for name, value in record.fields.items()
    }
    return NewDocument(
        DocumentReading(
            pages=[page], type=record.kind, type_confidence=1.0, text=record.text, fields=fields,
            dossier_code=record.dossier, valid_from=record.fields["ngay_ban_hanh"], valid_to=record.valid_to,
        )
    )  # fmt: skip


def sizes(url: str) -> tuple[int, int]:
    """Bytes of what search keeps, and of the whole catalogue."""
    with Catalogue.open(url) as catalogue, catalogue.read() as connection:
        if catalogue.is_sqlite:
            query = "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"
            tables = dict(connection.exec_driver_sql(query).all())
            index = sum(
                size
                for name, size in tables.items()
                if name.removeprefix("sqlite_autoindex_").startswith("search_")
            )
            pages, size = (
                connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("page_count", "page_size")
            )
            return index, pages * size
        index = sum(
            connection.scalar(
                sa.text("SELECT pg_total_relation_size(CAST(:name AS regclass))"), {"name": name}
            )
            for name in _SEARCH_TABLES
        )
        return index, connection.scalar(sa.text("SELECT pg_database_size(current_database())"))


@contextmanager
def _empty(work: Path, database: str) -> Iterator[str]:
    """Address of an empty catalogue that is deleted afterwards."""
    if database == "sqlite":
        folder = work / "search"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield f"sqlite:///{folder}/catalogue.sqlite"
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    import pgserver

    # Not in the scratch folder: the server runs as another user, who may not enter that one.
    with tempfile.TemporaryDirectory(prefix="sohoa-pg-") as folder:
        os.chmod(folder, 0o755)
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def result(found: Sequence[Measured], asked: int) -> Result:
    """Rows and the figures of the picture."""
    rows, series = [], {}
    for m in found:
        on = f"{m.database}, {m.count:,} records"
        rows += [
            Row(
                "95 % of searches beside a writer", on, m.wall.typical, "ms", TYPICAL, of=f"{asked} searches"
            ),
            Row("slowest search beside a writer", on, m.wall.worst, "ms", WORST, of=f"{asked} searches"),
            Row("95 % of searches beside a writer, worked on", on, m.busy.typical, "ms", TYPICAL),
            Row("slowest search beside a writer, worked on", on, m.busy.worst, "ms", WORST),
            Row("half of searches beside a writer", on, m.wall.middle, "ms"),
            Row("95 % of searches, no writer", on, m.alone.typical, "ms"),
            Row("slowest search, no writer", on, m.alone.worst, "ms"),
            Row(
                "documents a second taken in meanwhile",
                on,
                m.written,
                "/s",
                float(RATE) * 0.98,
                at_most=False,
            ),
            Row("loading", on, m.made.seconds, "s"),
            Row("loading, the part of search", on, m.made.index_seconds, "s"),
            Row("size of what search keeps", on, m.index_bytes / 1e6, "MB"),
            Row("size of the catalogue", on, m.all_bytes / 1e6, "MB"),
        ]
        for name, value in (
            ("count", m.count), ("typical", m.wall.typical), ("worst", m.wall.worst), ("busy", m.busy.typical),
            ("busy worst", m.busy.worst), ("index", m.index_bytes / 1e6), ("load", m.made.seconds),
        ):  # fmt: skip
            series.setdefault(f"{m.database} {name}", []).append(float(value))
        for sort, (wall, busy) in m.sorts.items():
            series[f"{m.database} {m.count} {sort}"] = [wall.typical, wall.worst, busy.typical, busy.worst]
    method = [
        f"Made records (`bench/million.py`) and {asked} questions drawn from them in a fixed mix (`bench/search_questions.py`): "
        "names with and without tones, misspelled, begun; identity numbers, numbers, codes; words that most records have; "
        "sentences; filters, counts by kind and year. Each answer is what a person gets: 20 results with marked words, their "
        f"number, and the next page's cursor. A writer in a process of its own takes in {RATE} documents a second, "
        f"{STACK} a transaction, through the same code as a batch. Default settings of both databases, cold of nothing: "
        f"{WARM_UP} questions go before. `worked on`: CPU of the searching process and of its PostgreSQL backend, which is "
        "what a search takes on a machine that does nothing else; wall times stand beside it with the load of the machine.",
    ]
    return Result("search", rows, method, series)


def main() -> None:
    mode, url, amount = sys.argv[1:4]
    if mode == "write":
        print(json.dumps({"rate": write(url, float(amount))}))
    else:
        print(json.dumps(ask(url, int(amount))))


if __name__ == "__main__":
    main()
