"""The catalogue: opening, errors, batches and claims, steps, events."""

from __future__ import annotations

import itertools
import pickle
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from made_catalogue import ROOT, field, file_in, paper, recorded, source

from schemas.errors import (
    BadSettings,
    CatalogueUnavailable,
    DiskFull,
    NotAllowedNow,
    NotFound,
    SetupError,
)
from schemas.store import ObjectRef
from storage.catalogue import (
    BatchStatus,
    Catalogue,
    FileStatus,
    NewPage,
    NewSource,
    PageStatus,
    StepKey,
)
from storage.catalogue import database as database_module
from storage.catalogue.tables import metadata

pytest_plugins = ["catalogue_fixtures"]


class TestOpening:
    # SQLAlchemy says that it cannot compare this one index; it is left out below, and tests/test_known_files.py sees it used.
    @pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index ix_document_versions_sha256")
    def test_migrations_make_the_tables_of_the_code(self, catalogue: Catalogue) -> None:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext
        from alembic.script import ScriptDirectory

        def ours(_object, name, kind, _reflected, _other) -> bool:
            # What SQLAlchemy cannot say: FTS5 on SQLite, the GIN index on PostgreSQL, an index on an expression.
            unsaid = ("ix_search_terms_terms", "ix_document_versions_sha256")
            return not (kind == "table" and name.startswith("search_fts")) and name not in unsaid

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
        assert min(seconds) < 0.5  # 0.03 s where nothing else runs

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
