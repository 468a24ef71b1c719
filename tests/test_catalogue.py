"""The catalogue, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import hashlib
import itertools
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.document import Check, CheckResult, DocumentReading, DocumentStatus, FieldStatus, FieldValue
from schemas.errors import (
    BadSettings,
    CatalogueUnavailable,
    ChangedMeanwhile,
    DiskFull,
    NotAllowedNow,
    NotFound,
    SetupError,
    SohoaError,
    WrongUse,
)
from schemas.settings import Codes
from schemas.store import ObjectRef
from storage.catalogue import (
    BatchStatus,
    Catalogue,
    FileRow,
    FileStatus,
    NewDocument,
    NewPage,
    NewSource,
    PageStatus,
    QuarantineStatus,
    StepKey,
    document_id,
)
from storage.catalogue import database as database_module
from storage.catalogue import recording as recording_module
from storage.catalogue.find import validity
from storage.catalogue.tables import metadata
from storage.codes import Coding

ROOT = Path(__file__).parent.parent
CODING = Coding(
    "H26.12",
    Codes(),
    fields={"quyet_dinh": "QĐ", "giay_phep": "GP"},
    kind_codes={"quyet_dinh": "KQ.01"},
    owner_fields=("so_dinh_danh",),
)
SHA = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Address of a PostgreSQL server of our own, without the name of a database."""
    pgserver = pytest.importorskip("pgserver", reason="pgserver is not installed")
    # Not under pytest's own folder: the server runs as another user, who may not enter that one.
    with tempfile.TemporaryDirectory(prefix="sohoa-pg-") as folder:
        os.chmod(folder, 0o755)
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        Catalogue.open(server.get_uri()).close()
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of an empty catalogue."""
    if request.param == "sqlite":
        path = tmp_path / "danh mục.sqlite"
        Catalogue.open(f"sqlite:///{path}").close()
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres")
    admin = sa.create_engine(
        sa.make_url(server).set(drivername="postgresql+psycopg", database="template1"),
        isolation_level="AUTOCOMMIT",
    )
    with admin.connect() as connection:
        connection.execute(sa.text("DROP DATABASE IF EXISTS one_test WITH (FORCE)"))
        connection.execute(sa.text("CREATE DATABASE one_test TEMPLATE postgres"))
    admin.dispose()
    yield server.replace("/postgres?", "/one_test?")


@pytest.fixture
def catalogue(url: str) -> Iterator[Catalogue]:
    with Catalogue.open(url) as opened:
        yield opened


def source(pages: int | None = 3) -> NewSource:
    return NewSource(
        hashlib.sha256(str(next(SHA)).encode()).hexdigest(), 1000, "application/pdf", pages=pages
    )


def field(value: str | None, status: FieldStatus = FieldStatus.ACCEPTED, **more: object) -> FieldValue:
    return FieldValue(
        value=value, printed=value, confidence=0.99, page=1, box=(1, 2.5, 3, 4), status=status, **more
    )


def paper(pages: list[int], archive: str | None = None, **more: object) -> NewDocument:
    values = {"type": "quyet_dinh", "text": "QUYẾT ĐỊNH", "fields": {"so": field("12/QĐ-UBND")}, **more}
    ref = ObjectRef(key=archive, sha256="a" * 64, size=1, version="1") if archive else None
    return NewDocument(DocumentReading(pages=pages, **values), ref)


def judged(**numbers: str) -> list[NewPage]:
    return [NewPage(int(n[1:]), PageStatus(status)) for n, status in numbers.items()]


def file_in(catalogue: Catalogue, batch: str | None = None, pages: int | None = 3) -> FileRow:
    batch = batch or catalogue.start_batch("lô").id
    return catalogue.add_file(batch, f"quét/{next(SHA)}.pdf", source(pages))


def recorded(catalogue: Catalogue, *documents: NewDocument, coding: Coding | None = None):
    file = file_in(catalogue, pages=max(p for d in documents for p in d.reading.pages))
    return catalogue.record_file(file.id, pages=[], documents=documents, coding=coding)


def waiting(catalogue: Catalogue):
    """A record with a doubtful and a missing field."""
    fields = {"so": field("12/QĐ"), "ten": field("Nguyên", FieldStatus.REVIEW, checks=["name"])}
    fields["ngay"] = field(None, FieldStatus.MISSING)
    (row,) = recorded(catalogue, paper([1], fields=fields))
    return row


class TestOpening:
    def test_migrations_make_the_tables_of_the_code(self, catalogue: Catalogue) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        def ours(_object, name, kind, _reflected, _other) -> bool:
            return not (kind == "table" and name.startswith("document_fts")) and name != (
                "ix_document_search_words"
            )

        with catalogue.read() as connection:
            context = MigrationContext.configure(connection, opts={"include_object": ours})
            assert compare_metadata(context, metadata) == []
        scripts = ScriptDirectory(str(ROOT / "storage/catalogue/migrations"))
        assert scripts.get_current_head() == database_module.SCHEMA_VERSION

    def test_opening_a_current_catalogue_is_quick(self, url: str) -> None:
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            Catalogue.open(url).close()
            seconds.append(time.perf_counter() - start)
        assert min(seconds) < 0.1

    def test_nothing_is_made_without_leave(self, tmp_path: Path) -> None:
        with pytest.raises(SetupError):
            Catalogue.open(f"sqlite:///{tmp_path}/none/x.sqlite", create=False)
        assert not (tmp_path / "none").exists()

    def test_newer_schema_is_refused(self, url: str, catalogue: Catalogue) -> None:
        with catalogue.write() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
        with pytest.raises(SetupError):
            Catalogue.open(url)

    @pytest.mark.parametrize("bad", ["", "nonsense", "sqlite://", "mysql://x/y", "sqlite:///:memory:"])
    def test_bad_addresses(self, bad: str) -> None:
        with pytest.raises(BadSettings):
            Catalogue.open(bad)

    def test_server_out_of_reach(self) -> None:
        with pytest.raises(CatalogueUnavailable):
            Catalogue.open("postgresql://nobody@127.0.0.1:1/none")

    def test_file_that_is_no_database(self, tmp_path: Path) -> None:
        (tmp_path / "x.sqlite").write_bytes(b"something else entirely" * 100)
        with pytest.raises(CatalogueUnavailable):
            Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite")

    def test_safe_settings_of_sqlite(self, tmp_path: Path) -> None:
        with Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite") as opened, opened.read() as connection:
            found = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
        assert found == ["wal", 2, 1, 30_000]

    def test_several_processes_make_it_at_once(self, tmp_path: Path) -> None:
        program = "import sys; from storage.catalogue import Catalogue; Catalogue.open(sys.argv[1]).start_batch('x')"
        url = f"sqlite:///{tmp_path}/new/x.sqlite"
        openers = [subprocess.Popen([sys.executable, "-c", program, url], cwd=ROOT) for _ in range(4)]
        assert [opener.wait() for opener in openers] == [0] * 4
        assert len(Catalogue.open(url).batches()) == 4

    def test_pickling_carries_the_address(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô")
        with pickle.loads(pickle.dumps(catalogue)) as other:
            assert other.batch(batch.id) == batch


class TestErrors:
    def test_full_disk(self, tmp_path: Path) -> None:
        with Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite") as opened:
            row = recorded(opened, paper([1]))[0]
            full = sa.event.listens_for(opened._engine, "begin")(
                lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1")
            )
            with pytest.raises(DiskFull):
                opened.step_put(StepKey("a", "b", "1"), {"text": "x" * 1_000_000})
            sa.event.remove(opened._engine, "begin", full)
            assert opened.document(row.id) == row
            with opened.read() as connection:
                connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
            opened.step_put(StepKey("a", "b", "1"), {"text": "x" * 1_000_000})

    def test_locked_too_long(self, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.05)
        with Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite") as opened:
            other = sqlite3.connect(tmp_path / "x.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CatalogueUnavailable):
                opened.start_batch("lô")
            other.close()
            opened.start_batch("lô")

    def test_what_does_not_exist(self, catalogue: Catalogue) -> None:
        for action in (
            lambda: catalogue.batch("B-none"),
            lambda: catalogue.add_file("B-none", "x", None),
            lambda: catalogue.file("F-none"),
            lambda: catalogue.document("D-NONE"),
            lambda: catalogue.documents("B-none"),
            lambda: catalogue.record_documents("F-none", []),
            lambda: catalogue.record_pages("f" * 64, []),
            lambda: catalogue.quarantine_retry("Q-none", "an"),
            lambda: catalogue.set_field("D-NONE", "so", "x", who="an"),
            lambda: catalogue.renew_claim("F-none", "w"),
        ):
            with pytest.raises(NotFound):
                action()

    def test_dirty_text_is_kept_without_its_dirt(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô").id
        file = catalogue.add_file(batch, "qu\udce9t\0.pdf", source(1))
        assert file.path == "qu\ufffdt.pdf"
        new = paper([1], text="a\0b\ud800", tables={"t": [{"c\0": "x\0"}]}, fields={"so": field("1\x002")})
        quality = {"contrast": float("nan")}
        page = NewPage(1, PageStatus.DOCUMENT, quality=quality)
        (row,) = catalogue.record_file(file.id, pages=[page], documents=[new])
        assert (row.text, row.tables, row.fields["so"].value) == ("ab\ufffd", {"t": [{"c": "x"}]}, "12")
        assert catalogue.pages(file.source.sha256)[0].quality == {"contrast": None}
        assert catalogue.record_documents(file.id, [new]) == [row]


class TestBatches:
    def test_start_and_go_on(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch(
            "Lô 1", declared_pages=3, legal_basis="KH 12/KH-UBND", settings_hash="abc"
        )
        assert batch.status is BatchStatus.OPEN and batch.created.tzinfo is UTC
        assert catalogue.start_batch("other name", batch_id=batch.id) == batch
        assert catalogue.batches() == [batch]
        catalogue.finish_batch(batch.id, mismatch_reason="giấy trắng")
        with pytest.raises(NotAllowedNow):
            catalogue.start_batch("Lô 1", batch_id=batch.id)
        with pytest.raises(NotAllowedNow):
            catalogue.add_file(batch.id, "x", None)

    def test_offering_a_file_again_changes_nothing(self, catalogue: Catalogue) -> None:
        batch, new = catalogue.start_batch("lô").id, source()
        first = catalogue.add_file(batch, "a.pdf", new)
        assert catalogue.add_file(batch, "a.pdf", new) == first
        assert catalogue.files(batch) == [first]
        assert first.source.name == "a.pdf" and first.status is FileStatus.WAITING

    def test_same_bytes_done_elsewhere_are_linked(self, catalogue: Catalogue) -> None:
        new = source(1)
        done = catalogue.add_file(catalogue.start_batch("một").id, "a.pdf", new)
        second = catalogue.start_batch("hai").id
        assert not catalogue.add_file(second, "not yet done.pdf", new).linked
        rows = catalogue.record_file(done.id, pages=[], documents=[paper([1])])
        third = catalogue.start_batch("ba").id
        file = catalogue.add_file(third, "b.pdf", new)
        assert file.linked
        assert catalogue.claim_file(third, "w") is None
        assert catalogue.documents(third) == rows
        assert catalogue.batch_summary(third).in_documents == 1
        assert catalogue.finish_batch(third).adds_up

    def test_same_bytes_twice_in_a_batch_count_once(self, catalogue: Catalogue) -> None:
        batch, new = catalogue.start_batch("lô", declared_pages=1).id, source(1)
        first = catalogue.add_file(batch, "a.pdf", new)
        assert catalogue.add_file(batch, "copy of a.pdf", new).linked
        catalogue.record_file(first.id, pages=[], documents=[paper([1])])
        assert catalogue.finish_batch(batch).pages_in == 1

    def test_facts_found_later_are_added(self, catalogue: Catalogue) -> None:
        batch, first = catalogue.start_batch("lô").id, source(None)
        catalogue.add_file(batch, "a.pdf", first)
        ref = ObjectRef(key="originals/x", sha256=first.sha256, size=1, version="1")
        file = catalogue.add_file(batch, "b.pdf", NewSource(first.sha256, 1000, object=ref, pages=5))
        assert (file.source.pages, file.source.object) == (5, ref)

    def test_a_claim_is_for_one(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô").id
        offered = [file_in(catalogue, batch).id for _ in range(30)]

        def work(name: str) -> list[str]:
            taken = []
            while (file := catalogue.claim_file(batch, name)) is not None:
                taken.append(file.id)
            return taken

        with ThreadPoolExecutor(6) as pool:
            taken = list(itertools.chain(*pool.map(work, "abcdef")))
        assert sorted(taken) == sorted(offered)

    def test_files_are_claimed_in_order(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô").id
        offered = [file_in(catalogue, batch).id for _ in range(3)]
        assert [catalogue.claim_file(batch, "w").id for _ in range(3)] == offered

    def test_a_lease_that_ran_out_is_taken_over(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        assert catalogue.claim_file(file.batch, "dead", lease_seconds=-1).id == file.id
        assert catalogue.claim_file(file.batch, "alive").worker == "alive"
        for late in (
            lambda: catalogue.renew_claim(file.id, "dead"),
            lambda: catalogue.finish_file(file.id, worker="dead"),
            lambda: catalogue.record_file(file.id, pages=[], documents=[paper([1])], worker="dead"),
        ):
            with pytest.raises(NotAllowedNow):
                late()
        assert catalogue.documents(file.batch) == []
        catalogue.renew_claim(file.id, "alive", 3600)
        assert catalogue.file(file.id).lease_until - catalogue.batch(file.batch).created > timedelta(
            minutes=50
        )
        catalogue.finish_file(file.id, worker="alive")
        assert catalogue.file(file.id).status is FileStatus.DONE

    def test_claims_are_given_back(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        catalogue.claim_file(file.batch, "w")
        assert catalogue.release_claims(file.batch, "other") == 0
        assert catalogue.release_claims(file.batch, "w") == 1
        assert catalogue.claim_file(file.batch, "other").id == file.id


class TestSteps:
    def test_the_first_result_stands(self, catalogue: Catalogue) -> None:
        key = StepKey("input", "read", "1", "settings")
        assert catalogue.step_get(key) is None
        first = catalogue.step_put(key, {"text": "đã đọc"}, result_key="reading/1")
        assert catalogue.step_put(key, {"text": "later"}) == first
        assert catalogue.step_get(key) == first
        assert (first.result, first.result_key) == ({"text": "đã đọc"}, "reading/1")

    def test_another_version_or_setting_is_another_step(self, catalogue: Catalogue) -> None:
        catalogue.step_put(StepKey("input", "read", "1", "settings"))
        assert catalogue.step_get(StepKey("input", "read", "1", "settings")).result is None
        for other in (("other", "read", "1", "settings"), ("input", "x", "1", "settings")):
            assert catalogue.step_get(StepKey(*other)) is None
        assert catalogue.step_get(StepKey("input", "read", "2", "settings")) is None
        assert catalogue.step_get(StepKey("input", "read", "1", "")) is None


class TestRecording:
    def test_everything_comes_back(self, catalogue: Catalogue) -> None:
        checks = [Check(code="date_order", result=CheckResult.WARNING, fields=["ngay"], detail="x")]
        new = paper(
            [2, 3],
            archive="archive/D/V1.pdf",
            type_confidence=0.75,
            rotation=90,
            tables={"con": [{"Họ tên": "Đỗ Ân"}]},
            checks=checks,
            dossier_code="H26.12-261122-0001",
            valid_from="2026-01-01",
            valid_to="2027-01-01",
        )
        (row,) = recorded(catalogue, new)
        read = new.reading
        assert row.id == document_id(row.source, [2, 3])
        assert (row.pages, row.type, row.rotation, row.text) == ([2, 3], read.type, 90, read.text)
        assert (row.fields, row.checks, row.tables) == (read.fields, checks, read.tables)
        assert (row.dossier_code, row.valid_from, row.valid_to) == (
            read.dossier_code,
            "2026-01-01",
            "2027-01-01",
        )
        assert (row.status, row.version, row.archive) == (DocumentStatus.ARCHIVED, 1, new.archive)
        assert catalogue.document(row.id) == row
        assert [v.archive for v in catalogue.versions(row.id)] == [new.archive]

    def test_status_follows_what_waits(self, catalogue: Catalogue) -> None:
        failed = [Check(code="x", result=CheckResult.FAILED)]
        doubt = {"so": field("1", FieldStatus.REVIEW)}
        rows = recorded(
            catalogue,
            paper([1]),
            paper([2], archive="a/2"),
            paper([3], archive="a/3", fields=doubt),
            paper([4], checks=failed),
        )
        assert [row.status for row in rows] == ["checked", "archived", "review", "review"]
        assert [row.pages for row in catalogue.review_list()] == [[3], [4]]

    def test_recording_again_changes_nothing(self, catalogue: Catalogue) -> None:
        file, documents = file_in(catalogue), [paper([1], archive="a"), paper([2, 3])]
        pages = judged(p1="document", p2="document", p3="document")
        first = catalogue.record_file(file.id, pages=pages, documents=documents, coding=CODING)
        events = len(catalogue.events())
        assert catalogue.record_file(file.id, pages=pages, documents=documents, coding=CODING) == first
        assert catalogue.documents(file.batch) == first
        assert len(catalogue.events()) == events
        assert all(catalogue.history(row.id) == [] for row in first)

    def test_all_or_nothing(self, catalogue: Catalogue, monkeypatch) -> None:
        file = file_in(catalogue)

        def fail(*_args: object) -> None:
            raise RuntimeError("power cut")

        with monkeypatch.context() as patch:
            patch.setattr(recording_module, "close_file", fail)
            with pytest.raises(RuntimeError):
                catalogue.record_file(
                    file.id, pages=judged(p1="document"), documents=[paper([1])], coding=CODING
                )
        assert catalogue.documents(file.batch) == [] and catalogue.pages(file.source.sha256) == []
        (row,) = catalogue.record_file(file.id, pages=[], documents=[paper([1])], coding=CODING)
        assert row.doc_code == "H26.12_QĐ_000001_V1"

    def test_reading_again_keeps_what_a_person_said(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        catalogue.set_field(row.id, "ten", "Nguyễn", who="lan")
        catalogue.set_field(row.id, "them", "tự thêm", who="lan")
        catalogue.confirm_field(row.id, "ngay", who="lan")
        file = catalogue.files(row.batch)[0]
        better = paper(
            [1],
            text="MỚI",
            fields={"so": field("21/QĐ"), "ten": field("Nguyen"), "ngay": field("2026-01-01")},
        )
        catalogue.requeue_file(file.id, who="lan")
        (again,) = catalogue.record_file(file.id, pages=[], documents=[better])
        assert again.id == row.id and again.text == "MỚI"
        values = {name: (f.value, f.status.value) for name, f in again.fields.items()}
        assert values == {
            "so": ("21/QĐ", "accepted"),
            "ten": ("Nguyễn", "corrected"),
            "ngay": (None, "confirmed"),
            "them": ("tự thêm", "corrected"),
        }
        assert again.status is DocumentStatus.REVIEW
        last = catalogue.history(row.id)[-1]
        assert (last.field, last.old_value, last.new_value, last.who) == ("so", "12/QĐ", "21/QĐ", "system")
        assert catalogue.record_documents(file.id, [better]) == [again]

    @pytest.mark.parametrize("decision", ["confirm", "reject"])
    def test_reading_again_leaves_decided_records_alone(self, catalogue: Catalogue, decision: str) -> None:
        row = waiting(catalogue)
        if decision == "confirm":
            decided = catalogue.confirm_document(row.id, who="lan", confirm_waiting=True)
        else:
            decided = catalogue.reject_document(row.id, who="lan", reason="trang bìa")
        file = catalogue.files(row.batch)[0]
        assert catalogue.record_documents(file.id, [paper([1], text="khác")]) == [decided]

    def test_pages_cut_otherwise_replace_what_nobody_touched(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        before = catalogue.record_file(
            file.id, pages=[], documents=[paper([1, 2]), paper([3])], coding=CODING
        )
        after = catalogue.record_file(file.id, pages=[], documents=[paper([1]), paper([2, 3])], coding=CODING)
        assert [row.pages for row in after] == [[1], [2, 3]] == [r.pages for r in catalogue.documents()]
        assert catalogue.finish_batch(file.batch).in_documents == 3
        replaced = catalogue.document(before[0].id)
        assert replaced.doc_code == "H26.12_QĐ_000001_V1", "a number stays in the book"
        assert [row.doc_code[-9:-3] for row in after] == ["000003", "000004"]
        back = catalogue.record_file(file.id, pages=[], documents=[paper([1, 2]), paper([3])], coding=CODING)
        assert [(row.id, row.doc_code, row.status) for row in back] == [
            (row.id, row.doc_code, row.status) for row in before
        ]

    def test_pages_cut_otherwise_yield_to_a_person(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        first, _ = catalogue.record_file(file.id, pages=[], documents=[paper([1, 2]), paper([3])])
        catalogue.set_field(first.id, "so", "99", who="lan", why="in mờ")
        rows = catalogue.record_file(file.id, pages=[], documents=[paper([1]), paper([2, 3])])
        assert [row.pages for row in rows] == [[1, 2]]
        assert catalogue.batch_summary(file.batch).unaccounted == 1
        assert "reading_set_aside" in [event.what for event in catalogue.events()]

    def test_documents_need_their_own_pages(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        for wrong in ([paper([])], [paper([1]), paper([1])]):
            with pytest.raises(WrongUse):
                catalogue.record_documents(file.id, wrong)

    def test_archived_record_gets_versions(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1]), coding=CODING)
        ref = ObjectRef(key="archive/x/V1.pdf", sha256="b" * 64, size=9, version="7")
        first = catalogue.mark_archived(row.id, ref, who="văn thư")
        assert (first.status, first.version, first.archive) == (DocumentStatus.ARCHIVED, 1, ref)
        assert catalogue.mark_archived(row.id, ref) == first
        second = ref.model_copy(update={"key": "archive/x/V2.pdf"})
        with pytest.raises(WrongUse):
            catalogue.mark_archived(row.id, second)
        changed = catalogue.mark_archived(row.id, second, why="sửa ngày", coding=CODING)
        assert (changed.version, changed.doc_code) == (2, "H26.12_QĐ_000001_V2")
        assert [v.version for v in catalogue.versions(row.id)] == [1, 2]

    def test_nothing_is_archived_before_the_check(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(NotAllowedNow):
            catalogue.mark_archived(row.id, ObjectRef(key="a", sha256="b" * 64, size=1, version="1"))

    def test_two_hundred_documents_in_well_under_two_seconds(self, catalogue: Catalogue) -> None:
        fields = {f"truong_{n}": field(f"giá trị {n}") for n in range(10)}
        documents = [paper([n], text="nội dung " * 200, fields=fields) for n in range(1, 201)]
        file = file_in(catalogue, pages=200)
        pages = [NewPage(n, PageStatus.DOCUMENT, quality={"dpi": 300}) for n in range(1, 201)]
        start = time.perf_counter()
        catalogue.record_file(file.id, pages=pages, documents=documents, coding=CODING)
        assert time.perf_counter() - start < 2

    def test_kill_while_recording(self, tmp_path: Path) -> None:
        """Killed 8 times in the middle of its work and then run to the end: every row once, no gaps."""
        url, program = f"sqlite:///{tmp_path}/x.sqlite", [sys.executable, __file__]
        here = os.environ | {"PYTHONPATH": str(ROOT)}
        Catalogue.open(url).close()
        done, moments = set(), random.Random(3)
        for kill in range(8):
            runner = subprocess.Popen([*program, url], env=here, stdout=subprocess.PIPE, text=True)
            for _ in range(1 + kill % 3):
                assert runner.stdout.readline() == "recording\n"
            time.sleep(moments.uniform(0, 0.04))
            runner.send_signal(signal.SIGKILL)
            runner.communicate()
            with Catalogue.open(url) as opened, opened.read() as connection:
                done.add(connection.exec_driver_sql("SELECT count(DISTINCT source) FROM documents").scalar())
        assert done - {0, KILLED_FILES}, "no kill fell into the work: the test proved nothing"
        subprocess.run([*program, url], env=here, check=True, stdout=subprocess.DEVNULL)
        with Catalogue.open(url) as opened:
            rows = opened.documents(KILLED_BATCH)
            assert [row.pages for row in rows] == [[n] for n in range(1, 21)] * KILLED_FILES
            assert sorted(row.doc_code for row in rows) == [
                f"H26.12_QĐ_{n:06d}_V1" for n in range(1, 20 * KILLED_FILES + 1)
            ]
            assert opened.finish_batch(KILLED_BATCH).in_documents == 20 * KILLED_FILES
            with opened.read() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


KILLED_BATCH, KILLED_FILES = "B-KILLED", 40


def run_to_be_killed(url: str) -> None:
    """What a digitising run does with the catalogue; started again after each kill."""
    opened = Catalogue.open(url)
    opened.start_batch("lô", batch_id=KILLED_BATCH)
    opened.release_claims(KILLED_BATCH)
    for number in range(KILLED_FILES):
        sha256 = hashlib.sha256(f"killed {number}".encode()).hexdigest()
        opened.add_file(KILLED_BATCH, f"{number}.pdf", NewSource(sha256, 1, pages=20))
    while (file := opened.claim_file(KILLED_BATCH, "w")) is not None:
        documents = [paper([n]) for n in range(1, 21)]
        print("recording", flush=True)
        opened.record_file(file.id, pages=[], documents=documents, coding=CODING, worker="w")


class TestNumbers:
    def test_codes_of_a_checked_record(self, catalogue: Catalogue) -> None:
        fields = {"so_dinh_danh": field("001085012345")}
        rows = recorded(
            catalogue,
            paper([1], dossier_code="H26.12-261122-0001", fields=fields),
            paper([2], dossier_code="H26.12-261122-0001"),
            paper([3], type="giay_phep"),
            paper([4], type="la"),
            coding=CODING,
        )
        assert [row.doc_code for row in rows] == [
            "H26.12_QĐ_000001_V1",
            "H26.12_QĐ_000002_V1",
            "H26.12_GP_000001_V1",
            "H26.12_KHAC_000001_V1",
        ]
        assert [row.result_code for row in rows] == [
            "H26.12-261122-0001-KQ1",
            "H26.12-261122-0001-KQ2",
            None,
            None,
        ]
        assert [row.digitised_code for row in rows] == ["001085012345.KQ.01", ".KQ.01", None, None]
        assert catalogue.assign_codes(rows[0].id, CODING) == rows[0]

    def test_no_code_before_the_check(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        assert row.doc_code is None
        with pytest.raises(NotAllowedNow):
            catalogue.assign_codes(row.id, CODING)
        confirmed = catalogue.confirm_document(row.id, who="lan", confirm_waiting=True, coding=CODING)
        assert confirmed.doc_code == "H26.12_QĐ_000001_V1"

    def test_without_an_agency_code_there_is_no_doc_code(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1], dossier_code="H26-261122-0001"), coding=Coding("", Codes()))
        assert (row.doc_code, row.result_code) == (None, "H26-261122-0001-KQ1")

    def test_a_number_that_could_not_be_used_is_not_taken(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        with pytest.raises(BadSettings):
            catalogue.record_documents(file.id, [paper([1])], coding=Coding("H" * 40, Codes()))
        assert catalogue.documents(file.batch) == []
        rows = catalogue.record_documents(file.id, [paper([1])], coding=CODING)
        assert rows[0].doc_code == "H26.12_QĐ_000001_V1"

    def test_no_gaps_and_no_doubles_under_a_crowd(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô").id
        files = [file_in(catalogue, batch) for _ in range(12)]

        def record(job: tuple[int, FileRow]) -> None:
            number, file = job
            kinds = ["quyet_dinh", "giay_phep", "giay_phep"]
            documents = [paper([n + 1], type=kind) for n, kind in enumerate(kinds[:: 1 - 2 * (number % 2)])]
            bad = Coding("H26.12", Codes(result="{nothing}"), CODING.fields)
            if number % 3 == 0:
                documents[-1].reading.dossier_code = "H26-261122-0001"
                with pytest.raises(BadSettings):
                    catalogue.record_documents(file.id, documents, coding=bad)
            catalogue.record_documents(file.id, documents, coding=CODING)

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(record, enumerate(files)))
        rows = catalogue.documents(batch)
        for field_code, last in (("QĐ", 12), ("GP", 24)):
            found = sorted(row.doc_code for row in rows if f"_{field_code}_" in row.doc_code)
            assert found == [f"H26.12_{field_code}_{n:06d}_V1" for n in range(1, last + 1)]
        results = sorted(row.result_code for row in rows if row.result_code)
        assert results == [f"H26-261122-0001-KQ{n}" for n in range(1, 5)]


class TestReview:
    def test_a_correction_leaves_its_history(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        changed = catalogue.set_field(row.id, "ten", " Nguyễn ", who="lan", why="dấu ngã", printed="NGUYỄN")
        value = changed.fields["ten"]
        assert (value.value, value.printed, value.status) == ("Nguyễn", "NGUYỄN", FieldStatus.CORRECTED)
        assert (value.source, value.confidence, value.checks) == ("person:lan", 1.0, [])
        assert (value.page, value.box) == (1, (1, 2.5, 3, 4)), "the evidence stays"
        (entry,) = catalogue.history(row.id)
        assert (entry.old_value, entry.new_value, entry.who, entry.why) == (
            "Nguyên",
            "Nguyễn",
            "lan",
            "dấu ngã",
        )
        assert (entry.old_status, entry.new_status) == ("review", "corrected")
        assert changed.revision == row.revision + 1

    def test_two_clerks_at_once(self, catalogue: Catalogue) -> None:
        row, gate = waiting(catalogue), threading.Barrier(2)

        def correct(who: str) -> str:
            gate.wait()
            try:
                catalogue.set_field(row.id, "ten", f"của {who}", who=who, expected_revision=row.revision)
            except ChangedMeanwhile:
                return "refused"
            return who

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(correct, ["lan", "hùng"]))
        assert outcomes.count("refused") == 1
        (winner,) = [who for who in outcomes if who != "refused"]
        assert catalogue.document(row.id).fields["ten"].value == f"của {winner}"
        assert len(catalogue.history(row.id)) == 1

    def test_confirming_names_what_still_waits(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(NotAllowedNow, match="ten, ngay"):
            catalogue.confirm_document(row.id, who="lan")
        catalogue.set_field(row.id, "ten", "Nguyễn", who="lan")
        catalogue.confirm_field(row.id, "ngay", who="lan")
        catalogue.set_checks(row.id, [Check(code="date_order", result=CheckResult.FAILED)], who="lan")
        with pytest.raises(NotAllowedNow, match="date_order"):
            catalogue.confirm_document(row.id, who="lan")
        catalogue.set_checks(row.id, [], who="lan")
        confirmed = catalogue.confirm_document(row.id, who="lan")
        assert (confirmed.status, confirmed.confirmed_by) == (DocumentStatus.CHECKED, "lan")
        assert catalogue.review_list() == []

    def test_confirming_all_that_waits_at_once(self, catalogue: Catalogue) -> None:
        row = catalogue.confirm_document(waiting(catalogue).id, who="lan", confirm_waiting=True)
        assert {f.status for f in row.fields.values()} == {FieldStatus.ACCEPTED, FieldStatus.CONFIRMED}
        assert [h.field for h in catalogue.history(row.id)] == ["ten", "ngay"]

    def test_same_value_is_a_confirmation(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        assert catalogue.set_field(row.id, "ten", "Nguyên", who="lan").fields["ten"].status == "confirmed"
        assert catalogue.set_field(row.id, "ten", "", who="lan").fields["ten"].value is None

    def test_checked_records_change_only_with_a_reason(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1]))
        with pytest.raises(WrongUse):
            catalogue.set_field(row.id, "so", "13", who="lan")
        assert catalogue.set_field(row.id, "so", "13", who="lan", why="đính chính").fields["so"].value == "13"

    def test_rejecting(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(WrongUse):
            catalogue.reject_document(row.id, who="lan", reason=" ")
        rejected = catalogue.reject_document(row.id, who="lan", reason="trang bìa")
        assert (rejected.status, rejected.reason) == (DocumentStatus.REJECTED, "trang bìa")
        for action in (
            lambda: catalogue.set_field(row.id, "so", "1", who="lan", why="x"),
            lambda: catalogue.confirm_document(row.id, who="lan", confirm_waiting=True),
            lambda: catalogue.reject_document(row.id, who="lan", reason="again"),
        ):
            with pytest.raises(NotAllowedNow):
                action()
        assert catalogue.batch_summary(row.batch).in_documents == 1, "its page stays accounted for"

    def test_somebody_must_have_done_it(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        with pytest.raises(WrongUse):
            catalogue.set_field(row.id, "so", "1", who=" ")

    def test_unknown_field(self, catalogue: Catalogue) -> None:
        with pytest.raises(NotFound):
            catalogue.confirm_field(waiting(catalogue).id, "không có", who="lan")

    @pytest.mark.parametrize("table", ["events", "field_history"])
    @pytest.mark.parametrize("statement", ["UPDATE {} SET who = 'x'", "DELETE FROM {}"])
    def test_the_past_cannot_be_changed(self, catalogue: Catalogue, table: str, statement: str) -> None:
        catalogue.set_field(waiting(catalogue).id, "ten", "x", who="lan")
        with pytest.raises(SohoaError, match="append-only"), catalogue.write() as connection:
            connection.execute(sa.text(statement.format(table)))

    def test_lookup_by_the_beginning_of_an_id(self, catalogue: Catalogue) -> None:
        rows = recorded(catalogue, *(paper([n]) for n in range(1, 80)))
        assert catalogue.document(rows[0].id[:-3].lower()) == rows[0]
        assert catalogue.document(rows[0].id[2:-3]) == rows[0]
        with pytest.raises(WrongUse):
            catalogue.document("D-")
        with pytest.raises(NotFound):
            catalogue.document("D-%")


class TestAccounting:
    def test_every_page_has_its_place(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô", declared_pages=8).id
        file = file_in(catalogue, batch, pages=6)
        catalogue.quarantine_add(file.id, "page_failed", page=6)
        pages = judged(p1="separator", p2="document", p3="document", p4="blank", p5="document")
        catalogue.record_file(file.id, pages=pages, documents=[paper([2, 3]), paper([5])])
        broken = file_in(catalogue, batch, pages=2)
        catalogue.quarantine_add(broken.id, "damaged_file")
        summary = catalogue.finish_batch(batch)
        assert (summary.pages_in, summary.in_documents, summary.blank, summary.separator) == (8, 3, 1, 1)
        assert (summary.quarantined, summary.unaccounted, summary.adds_up) == (3, 0, True)
        assert summary.files == {FileStatus.DONE: 1, FileStatus.QUARANTINED: 1}
        assert summary.documents == {DocumentStatus.CHECKED: 2}
        assert summary.batch.status is BatchStatus.FINISHED and summary.batch.finished is not None
        assert catalogue.finish_batch(batch) == summary

    @pytest.mark.parametrize(
        ("pages", "documents"),
        [
            (judged(p1="document", p2="document"), [paper([1, 2])]),  # page 3 forgotten
            (judged(p1="document", p2="document", p3="document"), [paper([1, 2])]),  # in no document
            (judged(p1="blank", p2="blank", p3="blank"), [paper([4])]),  # one too many
            ([], [paper([1, 2]), paper([2, 3])]),  # in two documents
        ],
    )
    def test_a_batch_that_does_not_add_up_is_not_done(self, catalogue: Catalogue, pages, documents) -> None:
        file = file_in(catalogue)
        catalogue.record_file(file.id, pages=pages, documents=documents)
        assert catalogue.batch_summary(file.batch).problems
        with pytest.raises(NotAllowedNow):
            catalogue.finish_batch(file.batch)

    def test_a_batch_with_unfinished_files_is_not_done(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue, pages=0)
        for _ in range(2):
            with pytest.raises(NotAllowedNow):
                catalogue.finish_batch(file.batch)
            catalogue.claim_file(file.batch, "w")
        catalogue.finish_file(file.id)
        assert catalogue.finish_batch(file.batch).adds_up

    def test_another_number_than_declared_needs_a_reason(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô", declared_pages=2).id
        catalogue.record_file(file_in(catalogue, batch, pages=1).id, pages=[], documents=[paper([1])])
        assert catalogue.batch_summary(batch).declared_matches is False
        with pytest.raises(NotAllowedNow):
            catalogue.finish_batch(batch, who="lan")
        catalogue.finish_batch(batch, who="lan", mismatch_reason="một tờ để lại")
        assert catalogue.events(batch)[0].detail == {"pages": 1, "reason": "một tờ để lại"}

    def test_a_page_in_a_document_is_no_blank_page(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue, pages=2)
        catalogue.record_file(file.id, pages=judged(p1="document", p2="blank"), documents=[paper([1, 2])])
        assert catalogue.finish_batch(file.batch).in_documents == 2

    def test_pages_nobody_counted_are_those_seen(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue, pages=None)
        catalogue.record_file(file.id, pages=judged(p1="document", p2="blank"), documents=[paper([1])])
        assert catalogue.finish_batch(file.batch).pages_in == 2


class TestQuarantine:
    def test_retry_brings_the_file_back(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        entry = catalogue.quarantine_add(file.id, "damaged_file", "xref")
        assert (entry.path, entry.page, entry.status) == (file.path, None, QuarantineStatus.OPEN)
        assert catalogue.quarantine_add(file.id, "damaged_file") == entry
        catalogue.finish_batch(file.batch)
        retried = catalogue.quarantine_retry(entry.id, "lan", "đã chép lại")
        assert (retried.status, retried.who) == (QuarantineStatus.RETRIED, "lan")
        assert catalogue.batch(file.batch).status is BatchStatus.OPEN
        assert catalogue.batch_summary(file.batch).unaccounted == 3
        with pytest.raises(NotAllowedNow):
            catalogue.quarantine_retry(entry.id, "lan")
        assert catalogue.claim_file(file.batch, "w").id == file.id
        catalogue.record_file(file.id, pages=[], documents=[paper([1, 2, 3])], worker="w")
        assert catalogue.finish_batch(file.batch).quarantined == 0

    def test_failing_again_opens_it_again(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        entry = catalogue.quarantine_add(file.id, "page_failed", page=2)
        catalogue.quarantine_retry(entry.id, "lan")
        assert catalogue.quarantine_list(status=QuarantineStatus.OPEN) == []
        assert catalogue.quarantine_add(file.id, "page_failed", page=2).status is QuarantineStatus.OPEN
        assert [q.id for q in catalogue.quarantine_list(file.batch)] == [entry.id]

    def test_dropping_needs_a_reason_and_keeps_the_account(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        entry = catalogue.quarantine_add(file.id, "encrypted_file")
        with pytest.raises(WrongUse):
            catalogue.quarantine_drop(entry.id, "lan", "")
        dropped = catalogue.quarantine_drop(entry.id, "lan", "không xin được bản mở")
        assert (dropped.status, dropped.reason) == (QuarantineStatus.DROPPED, "không xin được bản mở")
        assert catalogue.finish_batch(file.batch).quarantined == 3

    def test_file_whose_bytes_could_not_be_read(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô").id
        file = catalogue.add_file(batch, "x.pdf", None)
        entry = catalogue.quarantine_add(file.id, "unreadable_file")
        assert entry.source is None
        assert catalogue.finish_batch(batch).pages_in == 0
        catalogue.quarantine_retry(entry.id, "lan")
        again = catalogue.add_file(batch, "x.pdf", source(1))
        assert again.id == file.id and again.source is not None
        catalogue.record_file(file.id, pages=[], documents=[paper([1])])
        assert catalogue.finish_batch(batch).pages_in == 1

    def test_pages_that_are_in_documents_are_not_set_aside(self, catalogue: Catalogue) -> None:
        file = file_in(catalogue)
        catalogue.record_file(file.id, pages=[], documents=[paper([1, 2])], total=3)
        catalogue.quarantine_add(file.id, "damaged_file")
        summary = catalogue.batch_summary(file.batch)
        assert (summary.in_documents, summary.quarantined, summary.adds_up) == (2, 1, True)


class TestFinding:
    @pytest.fixture
    def people(self, catalogue: Catalogue):
        return recorded(
            catalogue,
            paper([1], text="Ông Nguyễn Văn Ân, sinh năm 1980", fields={"so": field("12/2024/QĐ-UBND")}),
            paper([2], text="Bà Đặng Thị Hoà ở Nguyễn Trãi, Văn Quán, Ân Thi"),
            paper([3], text="UỶ BAN NHÂN DÂN", type="giay_phep", fields={"ten": field("Hòa, Đặng Thị")}),
        )

    @pytest.mark.parametrize(
        ("query", "pages"),
        [
            ("nguyen van an", [1, 2]),  # together first
            ("Nguyễn Văn Ân", [1, 2]),
            ("NGUYEN", [1, 2]),
            ("dang thi hoa", [2, 3]),
            ("Đặng Hòa", [2, 3]),
            ("12/2024/qd-ubnd", [1]),
            ("2024", [1]),
            ("uy ban", [3]),
            ("ủy", [3]),
            ("nguy", [1, 2]),  # the beginning of the last word
            ("nguy van", []),
            ("giay phep", [3]),
            ("không có", []),
            ("", []),
            ('" OR 1=1 --', []),
            ("' | ! & :* ( NEAR", []),
            ("%", []),
        ],
    )
    def test_words(self, catalogue: Catalogue, people, query: str, pages: list[int]) -> None:
        total, hits = catalogue.find(query)
        assert total == len(pages)
        assert sorted(h.pages[0] for h in hits) == pages
        assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
        if query.lower().startswith("nguyen van"):
            assert hits[0].pages == [1]

    def test_ids_and_codes_are_found(self, catalogue: Catalogue) -> None:
        rows = recorded(catalogue, paper([1]), paper([2]), coding=CODING)
        assert catalogue.find("H26.12_QĐ_000002")[1][0].id == rows[1].id
        assert catalogue.find(rows[0].id)[1][0].id == rows[0].id

    def test_pages_of_hits(self, catalogue: Catalogue) -> None:
        recorded(catalogue, *(paper([n]) for n in range(1, 8)))
        seen = [catalogue.find("quyet dinh", limit=3, offset=start) for start in (0, 3, 6, 9)]
        assert [(total, len(hits)) for total, hits in seen] == [(7, 3), (7, 3), (7, 1), (7, 0)]
        assert len({hit.id for _, hits in seen for hit in hits}) == 7

    def test_corrections_are_found_and_errors_no_more(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        catalogue.set_field(row.id, "ten", "Trần", who="lan", printed="TRẦN")
        assert catalogue.find("tran")[0] == 1
        assert catalogue.find("nguyen")[0] == 0

    def test_rejected_records_are_not_found(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        catalogue.reject_document(row.id, who="lan", reason="trùng")
        assert catalogue.find("quyet dinh") == (0, [])

    def test_validity(self, catalogue: Catalogue) -> None:
        rows = recorded(
            catalogue,
            paper([1], valid_from="2026-01-01", valid_to="2026-12-31"),
            paper([2], valid_from="2026-01-01"),
            paper([3]),
        )
        days = [date(2025, 12, 31), date(2026, 12, 31), date(2027, 1, 1)]
        assert [validity(rows[0], day) for day in days] == ["not_yet", "in_force", "expired"]
        assert [validity(rows[1], day) for day in days] == ["not_yet", "unknown", "unknown"]
        assert validity(rows[2], days[0]) == "unknown"


class TestEvents:
    def test_newest_first_and_by_object(self, catalogue: Catalogue) -> None:
        batch = catalogue.start_batch("lô", who="lan").id
        catalogue.event("hùng", "exported", batch, {"files": 2})
        assert [(e.who, e.what) for e in catalogue.events(batch)] == [
            ("hùng", "exported"),
            ("lan", "batch_started"),
        ]
        assert catalogue.events(batch)[0].at.tzinfo is UTC
        assert len(catalogue.events(limit=1)) == 1


if __name__ == "__main__":
    run_to_be_killed(sys.argv[1])
