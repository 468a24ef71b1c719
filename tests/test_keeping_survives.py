"""What must survive while records are archived and kept: kill -9, a full disk, a locked or restarted database, two workers
at one record. Nothing acknowledged is lost, nothing is doubled. Counts of full runs: docs/reliability.md."""

from __future__ import annotations

import os
import random
import select
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows.backup import backup
from flows.fixity import check_fixity
from flows.sanity import check_sanity
from schemas.errors import CatalogueUnavailable, DiskFull, SohoaError, StoreUnavailable
from schemas.keeping import Severity
from schemas.preserve import PreserveSettings
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.catalogue import database as database_module
from storage.catalogue import tables as t
from storage.keeping.backup_folder import BackupFolder
from storage.objects import LocalStore
from tests.kills import KILLED, child, ended
from tests.made_archive import archived, small_archive

pytest_plugins = ["catalogue_fixtures"]

KILLS = int(os.environ.get("KEEPING_KILLS", "4"))
FAST = PreserveSettings(fixity_bytes_per_second=0)


def sound(archive, acknowledged: list[str]) -> None:
    """All that was acknowledged is there whole, each record once, each version once, and nothing is named that is not there."""
    for document in acknowledged:
        row = archive.catalogue.document(document)
        archive.store.verify(row.archive.key, row.archive.version)
        assert [v.version for v in archive.catalogue.versions(document)] == [1]
    report = check_sanity(archive, hashed=True)
    assert [f for f in report.findings if f.severity is Severity.ERROR] == []
    with archive.catalogue.read() as connection:
        scans = connection.execute(
            sa.select(t.documents.c.source, sa.func.count())
            .where(~t.documents.c.superseded)
            .group_by(t.documents.c.source)
        )
        assert all(count == 1 for _, count in scans)


def endless(folder: Path, url: str, name: str, pipe: int) -> None:
    """Archives one record after the other; says each id when it is acknowledged, and not before."""
    with small_archive(folder, url) as archive:
        number = 0
        while True:
            row = archived(archive, f"{name}-{number}")
            os.write(pipe, f"{row.id}\n".encode())
            number += 1


def test_killed_while_archiving(tmp_path, url):
    chance, kills, acknowledged = random.Random(2026), 0, []
    with small_archive(tmp_path, url):
        pass
    for turn in range(KILLS):
        reading, writing = os.pipe()
        pid = child(lambda turn=turn, writing=writing: endless(tmp_path, url, f"t{turn}", writing))
        os.close(writing)
        if turn % 2:  # on a busy machine a process may need long to begin
            select.select([reading], [], [], 20)
        time.sleep(chance.uniform(0.05, 0.4))
        os.kill(pid, signal.SIGKILL)
        kills += ended(pid) == KILLED
        with os.fdopen(reading) as said:
            acknowledged += [line.strip() for line in said if line.endswith("\n")]
    assert kills == KILLS
    with small_archive(tmp_path, url) as archive:
        sound(archive, acknowledged)
        # The same work again, from its beginning: what was half done is finished, nothing is there twice.
        for turn in range(KILLS):
            archived(archive, f"t{turn}-0")
        sound(archive, acknowledged)
        assert check_fixity(archive, FAST, who="lan").damaged == 0
    assert len(acknowledged) >= KILLS // 2


def test_two_workers_at_the_same_records(tmp_path, url):
    with small_archive(tmp_path, url):
        pass

    def work() -> None:
        with small_archive(tmp_path, url) as archive:
            for number in range(12):
                archived(archive, f"cùng-{number}")

    assert [ended(pid) for pid in [child(work), child(work)]] == [0, 0]
    with small_archive(tmp_path, url) as archive:
        rows = archive.catalogue.documents()
        assert len(rows) == 12
        sound(archive, [row.id for row in rows])
        assert len(list(archive.store.walk())) == 24


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own that really runs full."""
    with tempfile.TemporaryDirectory(prefix="sohoa-disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", folder], capture_output=True
        )
        if mounted.returncode:
            pytest.skip("no file system may be mounted here")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=False)


class TestTheDiskIsFull:
    def test_while_archiving(self, small_disk, tmp_path):
        """Catalogue and store share the disk; what was acknowledged before stays, and with room again it goes on."""
        filler, done = small_disk / "filler", []
        with small_archive(small_disk) as archive:
            with pytest.raises(SohoaError) as full:
                for number in range(500):
                    done.append(archived(archive, str(number), size=40_000).id)
            assert isinstance(full.value, DiskFull | CatalogueUnavailable), full.value
            assert done and not filler.exists()
        subprocess.run(["mount", "-o", "remount,size=24m", str(small_disk)], check=True)
        with small_archive(small_disk) as archive:
            sound(archive, done)
            again = archived(archive, str(len(done)), size=40_000)
            sound(archive, [*done, again.id])

    def test_while_hashing(self, small_disk):
        with small_archive(small_disk) as archive:
            for number in range(10):
                archived(archive, str(number), size=40_000)
            filler = os.open(small_disk / "filler", os.O_WRONLY | os.O_CREAT)
            with pytest.raises(OSError):
                while True:
                    os.write(filler, b"x" * 4096)
            os.close(filler)
            with pytest.raises(SohoaError):
                check_fixity(archive, FAST, who="lan")
            (small_disk / "filler").unlink()
            report = check_fixity(archive, FAST, who="lan")
            assert report.complete and report.damaged == report.missing == 0

    def test_while_backing_up(self, small_disk, tmp_path):
        with small_archive(tmp_path) as archive:
            for number in range(100):
                archived(archive, str(number), size=60_000)
            settings = Settings(home=tmp_path)
            with pytest.raises(SohoaError):
                backup(archive, settings, small_disk / "b", who="lan")
            assert BackupFolder(small_disk / "b").sets() == []
            subprocess.run(["mount", "-o", "remount,size=48m", str(small_disk)], check=True)
            report = backup(archive, settings, small_disk / "b", who="lan")
            assert (
                report.objects == 200 and report.new_objects < 200
            )  # what was copied before is not copied again


class TestTheDatabase:
    def test_locked_for_a_while(self, tmp_path):
        with small_archive(tmp_path, records=1) as archive:
            other = sqlite3.connect(
                tmp_path / "catalogue.sqlite", isolation_level=None, check_same_thread=False
            )
            other.execute("BEGIN IMMEDIATE")
            threading.Timer(1.0, lambda: other.execute("COMMIT")).start()
            start = time.monotonic()
            row = archived(archive, "chờ")
            assert time.monotonic() - start > 0.5
            sound(archive, [row.id])
            other.close()

    def test_locked_for_too_long_is_told_with_its_cause(self, tmp_path, monkeypatch):
        with small_archive(tmp_path, records=1):
            pass
        monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.3)
        other = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
        with small_archive(tmp_path) as archive:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(CatalogueUnavailable, match="locked"):
                check_fixity(archive, FAST, who="lan")
            with pytest.raises(CatalogueUnavailable, match="locked"):
                archived(archive, "bận")
            other.execute("ROLLBACK")
            assert check_fixity(archive, FAST, who="lan").complete
            sound(archive, [archived(archive, "bận").id])
        other.close()

    def test_postgresql_restarted(self, tmp_path):
        """Killed and started again while records are archived and hashed: what was acknowledged is there."""
        pgserver = pytest.importorskip("pgserver")
        from pgserver._commands import pg_ctl

        with tempfile.TemporaryDirectory(prefix="sohoa-pg-") as folder:
            os.chmod(folder, 0o755)
            server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
            url = server.get_uri()
            acknowledged, refused, restarts = [], 0, 0

            def restart() -> None:
                pg_ctl(
                    ["-w", "restart", "-m", "immediate"],
                    pgdata=server.pgdata,
                    user=server.system_user,
                    timeout=30,
                )

            with small_archive(tmp_path, url) as archive:
                for number in range(14):
                    if number % 6 == 3:
                        stopper = threading.Thread(target=restart)
                        stopper.start()
                        restarts += 1
                    for _ in range(100):
                        try:
                            acknowledged.append(archived(archive, str(number)).id)
                            break
                        except CatalogueUnavailable:
                            refused += 1
                            time.sleep(0.1)
                stopper.join()
                assert restarts == 2 and len(acknowledged) == 14
                sound(archive, acknowledged)
                stopper = threading.Timer(0.3, restart)
                stopper.start()
                slow = PreserveSettings(fixity_bytes_per_second=100_000)
                try:
                    check_fixity(archive, slow, who="lan")
                except CatalogueUnavailable:
                    refused += 1
                stopper.join()
                report = check_fixity(archive, FAST, who="lan")
                assert report.complete and report.overdue == 0 and not report.needs_person
            server.cleanup()


def test_a_store_that_is_gone_is_an_outage_and_no_damage(tmp_path):
    with small_archive(tmp_path, records=2) as archive:
        check_fixity(archive, FAST, who="lan")
        content = archive.store.root / "content"
        assert isinstance(archive.store, LocalStore) and content.is_dir()
        (archive.store.root / "index.sqlite").rename(tmp_path / "index")
        with pytest.raises(SohoaError) as gone:
            LocalStore(archive.store.root)
        assert gone.value.code == "setup"
        (tmp_path / "index").rename(archive.store.root / "index.sqlite")

        class Away:
            def __getattr__(self, name: str):
                raise StoreUnavailable("disk not plugged in")

        whole = archive.store
        archive.store = Away()
        with pytest.raises(StoreUnavailable):
            check_fixity(archive, FAST, who="lan", everything=True)
        archive.store = whole
        report = check_fixity(archive, FAST, who="lan", everything=True)
        assert (report.damaged, report.missing) == (0, 0)
        with Catalogue.open(archive.catalogue.url) as catalogue:
            assert [e for e in catalogue.events(limit=500) if e.what.startswith("object_")] == []
