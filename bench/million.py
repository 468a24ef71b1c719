"""Made records in any number, put into a catalogue in bulk: the same tables and the same index code as every record, only
many in one transaction and without a file behind each.

    python -m bench.million URL COUNT [SEED]
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from bench.million_words import (
    FAMILY,
    GIVEN_MEN,
    GIVEN_WOMEN,
    KINDS,
    LEVELS,
    MIDDLE_MEN,
    MIDDLE_WOMEN,
    MONTHS_IN_FORCE,
    PLACES_FIRST,
    PLACES_SECOND,
    PROVINCES,
    SENTENCES,
    SUBJECTS,
)
from storage.catalogue import Catalogue, document_id
from storage.catalogue import tables as t
from storage.search.index import add_facts
from storage.search.terms import Facts

CHUNK = 2_000
"""Records in one transaction."""
STACK = 10
"""Records of one source."""
UNITS = 40
COMMUNES = 400


@dataclass(frozen=True)
class Made:
    """What was made and how long it took, in seconds."""

    count: int
    seconds: float
    index_seconds: float
    """Part of it: rows of search, terms and vocabulary, and building the index."""


@dataclass(frozen=True)
class Record:
    """One made record."""

    id: str
    source: str
    page: int
    kind: str
    text: str
    fields: dict[str, str]
    dossier: str | None
    doc_code: str
    serial: int
    unit: str
    valid_to: str | None
    state: str | None
    batch: str
    at: datetime


class Writer:
    """Makes one record after the other; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.families = list(FAMILY)
        self.weights = list(FAMILY.values())
        self.kinds = list(KINDS)
        self.shares = [share for _, _, share in KINDS.values()]
        first = [(a, b) for a in PLACES_FIRST for b in PLACES_SECOND]
        self.random.shuffle(first)
        self.communes = [
            f"{self.random.choice(LEVELS)} {a} {b}, {self.random.choice(PROVINCES)}"
            for a, b in first[:COMMUNES]
        ]
        # A few communes bring most of the papers.
        self.commune_weights = [1 / (n + 5) for n in range(COMMUNES)]
        self.serials: dict[str, int] = {}

    def name(self) -> str:
        pick = self.random.choice
        family = self.random.choices(self.families, self.weights)[0]
        if self.random.random() < 0.5:
            return f"{family} {pick(MIDDLE_MEN)} {pick(GIVEN_MEN)}"
        return f"{family} {pick(MIDDLE_WOMEN)} {pick(GIVEN_WOMEN)}"

    def record(self, number: int, batch: str, unit: str) -> Record:
        rnd, pick = self.random, self.random.choice
        kind = rnd.choices(self.kinds, self.shares)[0]
        title, symbol, _ = KINDS[kind]
        commune = rnd.choices(self.communes, self.commune_weights)[0]
        place, province = commune.split(", ")
        day = date(2015, 1, 1) + timedelta(days=int(4_300 * rnd.random() ** 0.7))
        name, other = self.name(), self.name()
        identity = f"{rnd.randrange(1, 97):03}{rnd.randrange(4)}{rnd.randrange(40, 100):02}{rnd.randrange(1_000_000):06}"
        serial = rnd.randrange(1, 900)
        so = f"{serial}/{day.year}/{symbol}" if "-" in symbol else f"{serial}/{symbol}"
        source = hashlib.sha256(f"{self.seed}/{number // STACK}".encode()).hexdigest()
        fields = {
            "so_ky_hieu": so,
            "ngay_ban_hanh": day.isoformat(),
            "co_quan_ban_hanh": f"Ủy ban nhân dân {place}",
            "ho_ten": name,
            "so_dinh_danh": identity,
            "nguoi_ky": self.name(),
        }
        if kind == "giay_chung_nhan_ket_hon":
            del fields["ho_ten"]
            fields |= {"vo_ho_ten": other, "chong_ho_ten": name}
        elif "khai_sinh" in kind:
            fields |= {"me_ho_ten": other, "cha_ho_ten": self.name(), "noi_sinh": f"Trạm Y tế {place}"}
        elif kind in ("quyet_dinh", "cong_van"):
            fields["trich_yeu"] = f"{pick(SUBJECTS)} cho {'ông' if rnd.random() < 0.5 else 'bà'} {name}"
        elif kind == "giay_chung_nhan_ho_kinh_doanh":
            fields |= {"ten_ho_kinh_doanh": f"Hộ kinh doanh {' '.join(name.split()[1:])}", "chu_ho": name}
        body = [
            f"ỦY BAN NHÂN DÂN\n{place.upper()}\nCỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM\nĐộc lập - Tự do - Hạnh phúc",
            f"Số: {so}\n{place}, ngày {day.day:02} tháng {day.month:02} năm {day.year}\n{title}",
            f"Họ và tên: {name}, số định danh cá nhân {identity}, nơi cư trú thôn {pick(PLACES_SECOND)} {place}, {province}",
            fields.get("trich_yeu", f"Người liên quan: {other}"),
            *rnd.sample(SENTENCES, rnd.randrange(2, 7)),
            f"{fields['nguoi_ky']}",
        ]
        text = ".\n".join(body)
        if rnd.random() < 0.3:  # a misread word, as readings have them
            words = text.split(" ")
            at = rnd.randrange(len(words))
            words[at] = words[at][:-1] + pick("abcdeghiklmnopqrstuvxy") + pick("aeiou")
            text = " ".join(words)
        months = MONTHS_IN_FORCE.get(kind)
        agency = f"H{1 + hash_of(commune) % 70:02}.{1 + hash_of(place) % 90}"
        n = self.serials[agency] = self.serials.get(agency, 0) + 1
        state = rnd.choices((None, "revoked", "replaced"), (98.5, 1, 0.5))[0]
        return Record(
            id=document_id(source, [number % STACK + 1]),
            source=source,
            page=number % STACK + 1,
            kind=kind,
            text=text,
            fields=fields,
            dossier=f"{agency}-{day:%y%m%d}-{rnd.randrange(1, 400):04}" if rnd.random() < 0.7 else None,
            doc_code=f"{agency}_{symbol[:2]}_{n:06}_V1",
            serial=n,
            unit=unit,
            valid_to=(day + timedelta(days=30 * months)).isoformat() if months else None,
            state=state,
            batch=batch,
            at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        )


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def make(url: str, count: int, seed: int = 1) -> Made:
    """Fills a catalogue at this address with `count` made records, in addition to what it holds.

    Rules between tables are not checked while loading, and on PostgreSQL the index is built at the end: both are what
    makes a bulk load fast, and both hold again afterwards.
    """
    writer = Writer(seed)
    return load(
        url,
        (
            writer.record(
                n, f"B-MADE{seed}{n // CHUNK * CHUNK // 10_000:06}"[:32], f"U{(n // CHUNK) % UNITS:02}"
            )
            for n in range(count)
        ),
    )


def load(url: str, records: Iterable[Record], *, indexed: bool = True) -> Made:
    """Puts made records into a catalogue; without `indexed` they are not found by search."""
    started, indexing, count = time.perf_counter(), 0.0, 0
    coming = iter(records)
    with Catalogue.open(url) as catalogue:
        _prepare(catalogue)
        while chunk := list(islice(coming, CHUNK)):
            count += len(chunk)
            with catalogue.write() as connection:
                _fast(connection)
                for table, rows in _rows(chunk):
                    _load(connection, table, rows)
                began = time.perf_counter()
                if indexed:
                    add_facts(connection, [_facts(record) for record in chunk])()
                indexing += time.perf_counter() - began
        began = time.perf_counter()
        _finish(catalogue)
        indexing += time.perf_counter() - began
    return Made(count, time.perf_counter() - started, indexing)


def _prepare(catalogue: Catalogue) -> None:
    if not catalogue.is_sqlite:
        with catalogue.write() as connection:
            connection.exec_driver_sql("DROP INDEX IF EXISTS ix_search_terms_terms")


def _finish(catalogue: Catalogue) -> None:
    if catalogue.is_sqlite:
        with catalogue.write() as connection:
            connection.exec_driver_sql("ANALYZE")
        return
    with catalogue.write() as connection:
        connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
        connection.exec_driver_sql(
            "CREATE INDEX ix_search_terms_terms ON search_terms USING gin (terms) WITH (fastupdate = off)"
        )
    with catalogue._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _fast(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size = -1000000")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    else:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _rows(records: Sequence[Record]) -> Iterator[tuple[sa.Table, list[dict]]]:
    batches = {r.batch: r for r in records}
    sources = {r.source: r for r in records}
    yield t.batches, [
        {"id": b, "name": b, "settings_hash": "", "legal_basis": "", "status": "finished", "created": r.at,
         "unit": r.unit} for b, r in batches.items()
    ]  # fmt: skip
    yield t.sources, [
        {"sha256": s, "name": f"{s[:8]}.pdf", "size": 1, "media_type": "application/pdf", "pages": STACK,
         "signed": False, "signature_notes": []} for s in sources
    ]  # fmt: skip
    yield (
        t.batch_files,
        [
            {
                "id": f"F{s[:24]}",
                "batch": r.batch,
                "position": n,
                "path": f"{s[:8]}.pdf",
                "source": s,
                "status": "done",
            }
            for n, (s, r) in enumerate(sources.items())
        ],
    )
    yield (
        t.pages,
        [{"source": r.source, "number": r.page, "status": "document", "rotation": 0} for r in records],
    )
    yield t.documents, [
        {"id": r.id, "batch": r.batch, "source": r.source, "pages": [r.page], "first_page": r.page, "type": r.kind,
         "type_confidence": 0.99, "rotation": 0, "status": "archived", "superseded": False, "version": 1,
         "revision": 1, "serial": r.serial, "doc_code": f"{r.doc_code}{r.id[2:6]}"[:30], "dossier_code": r.dossier,
         "valid_from": r.fields["ngay_ban_hanh"], "valid_to": r.valid_to, "text": r.text, "tables": {},
         "created": r.at, "changed": r.at, "validity_state": r.state,
         "validity_reason": "ghi nhận khi tạo dữ liệu đo" if r.state else None,
         "validity_changed": r.at if r.state else None, "replaced_by": r.id if r.state == "replaced" else None}
        for r in records
    ]  # fmt: skip
    yield t.document_pages, [{"document": r.id, "source": r.source, "page": r.page} for r in records]
    yield t.fields, [
        {"document": r.id, "name": name, "position": n, "value": value, "printed": value, "confidence": 0.98,
         "page": r.page, "box": [1.0, 2.0, 3.0, 4.0], "status": "accepted", "source": "ocr", "handwritten": False,
         "checks": []} for r in records for n, (name, value) in enumerate(r.fields.items())
    ]  # fmt: skip


def _load(connection: sa.Connection, table: sa.Table, rows: list[dict]) -> None:
    columns = list(rows[0])
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        statement = f"INSERT OR IGNORE INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"
        connection.exec_driver_sql(statement, [tuple(map(_plain, row.values())) for row in rows])
        return
    # COPY knows no "unless it is there": batches reach over several chunks.
    if table is t.batches:
        there = set(
            connection.scalars(sa.select(table.c.id).where(table.c.id.in_([row["id"] for row in rows])))
        )
        rows = [row for row in rows if row["id"] not in there]
    with connection.connection.cursor() as cursor:
        with cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row([json.dumps(v) if isinstance(v, list | dict) else v for v in row.values()])


def _plain(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value)
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def _facts(record: Record) -> Facts:
    return Facts(
        id=record.id,
        kind=record.kind,
        text=record.text,
        fields=[(name, value, value) for name, value in record.fields.items()],
        status="archived",
        unit=record.unit,
        dossier_code=record.dossier,
        doc_code=f"{record.doc_code}{record.id[2:6]}"[:30],
        valid_from=record.fields["ngay_ban_hanh"],
        valid_to=record.valid_to,
        state=record.state,
    )


if __name__ == "__main__":
    made = make(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    print(f"{made.count} records in {made.seconds:.0f} s, {made.index_seconds:.0f} s of it for search")
