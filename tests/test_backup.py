"""Backup and restore of everything: destroyed and made again, while others write, killed, on a full disk, damaged."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from flows import backup as flow
from flows.backup import backup, restore
from flows.fixity import Archive, check_fixity
from flows.home_files import moved, without_secrets
from flows.sanity import check_sanity
from schemas.errors import ChangedMeanwhile, DiskFull, NotAllowedNow, SohoaError, WrongUse
from schemas.keeping_errors import BackupInvalid, NotEmpty
from schemas.preserve import PreserveSettings
from schemas.settings import Settings, load_settings
from schemas.store import RetentionMode
from storage.catalogue import Catalogue
from storage.catalogue.tables import metadata
from storage.keeping.backup_folder import BackupFolder
from storage.keeping.runs import Runs
from storage.objects import LocalStore
from storage.register import Register
from tests.catalogue_fixtures import fresh_database
from tests.kills import Killer, child, ended
from tests.made_archive import archived, damage
from tests.made_register import SERIES, draft, evidence

pytest_plugins = ["catalogue_fixtures"]

KILLS = int(os.environ.get("KEEPING_KILLS", "4"))


class Home:
    """A home folder with records, a register and files of its own; the catalogue may lie on PostgreSQL."""

    def __init__(self, root: Path, url: str | None) -> None:
        self.root, self.home, self.url = root, root / "home", url
        self.home.mkdir(mode=0o700)
        text = f'catalogue_url = "{url}"\n' if url else ""
        (self.home / "sohoa.toml").write_text(text + '[delivery]\nsmtp_password = "bí mật"\n', "utf-8")
        (self.home / "trust").mkdir()
        (self.home / "trust" / "root.pem").write_text("-----BEGIN CERTIFICATE-----\n", "utf-8")
        (self.home / "keys").mkdir()
        (self.home / "keys" / "agency.p12").write_bytes(b"secret")
        (self.home / "keys" / "agent").write_text("-----BEGIN EC PRIVATE KEY-----\n", "utf-8")

    @property
    def settings(self) -> Settings:
        return load_settings(self.home)

    def open(self) -> Archive:
        return opened(self.settings)


class _Opened(Archive):
    def __enter__(self) -> _Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        self.catalogue.close()


def opened(settings: Settings) -> _Opened:
    return _Opened(Catalogue.open(settings.database), LocalStore(settings.home / "store"))


@pytest.fixture
def sqlite_home(tmp_path) -> Home:
    return filled(Home(tmp_path, None))


@pytest.fixture
def any_home(tmp_path, url) -> Home:
    return filled(Home(tmp_path, None if url.startswith("sqlite") else url))


def filled(home: Home) -> Home:
    with home.open() as archive:
        for number in range(4):
            archived(archive, str(number))
        row = archive.catalogue.documents()[0]
        again = archive.store.put(f"archive/{row.id}/V2.pdf", b"signed again")
        archive.catalogue.mark_archived(row.id, again, who="lan", why="renewed")
        archive.store.set_retention(
            again.key, again.version, RetentionMode.COMPLIANCE, datetime.now(UTC) + timedelta(days=99)
        )
        archive.store.legal_hold(row.archive.key, row.archive.version, True)
        extra = archive.store.put("evidence/x/V1.json", b"one")
        archive.store.put("evidence/x/V1.json", b"two", new_version=True)
        archive.store.put("evidence/x/V1.json", b"three", new_version=True)
        archive.store.delete(extra.key, "2")
        register = Register(archive.catalogue)
        entry = register.take_number(SERIES, draft("a"), who="lan")
        register.complete(entry.id, evidence("a"), who="lan")
        register.take_number(SERIES, draft("b"), who="lan")
    return home


def contents(settings: Settings) -> tuple[dict, dict]:
    """Everything: rows of every table, and every version of every object with its facts and bytes."""
    with opened(settings) as archive:
        with archive.catalogue.read() as connection:
            rows = {
                table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
                for table in metadata.sorted_tables
                if table.name not in ("backup_runs", "events", "object_places")
                and not table.name.startswith("audit_")
            }
        objects = {}
        for key, version in archive.store.walk():
            stat = archive.store.stat(key, version)
            objects[key, version] = (stat, archive.store.get(key, version))
    return rows, objects


def made(home: Home, target: Path, **more):
    with home.open() as archive:
        return backup(archive, home.settings, target, who="lan", **more)


@pytest.fixture
def empty_database(request, any_home) -> Iterator[str]:
    """Where a PostgreSQL catalogue is restored to; nothing for SQLite."""
    if any_home.url is None:
        yield ""
        return
    yield fresh_database(request.getfixturevalue("postgres"), "restored")


class TestEverything:
    def test_destroyed_and_made_again(self, any_home, empty_database, tmp_path):
        before = contents(any_home.settings)
        report = made(any_home, tmp_path / "sao lưu")
        assert report.new_objects == report.objects > 9 and report.damaged == []
        shutil.rmtree(any_home.home)
        found = restore(tmp_path / "sao lưu", any_home.home, who="hoa", catalogue_url=empty_database)
        assert found.findings == [] and found.renamed == 0 and found.objects == report.objects
        assert contents(any_home.settings) == before
        with any_home.open() as archive:
            register = Register(archive.catalogue)
            (book,) = register.books()
            assert register.audit(book.id) == []
            third = register.take_number(SERIES, draft("c"), who="lan")
            assert third.number == 3  # counters go on where they stood
            assert check_fixity(archive, PreserveSettings(fixity_bytes_per_second=0), who="lan").damaged == 0
            assert Runs(archive.catalogue).last_backup("restore").who == "hoa"
            archived(archive, "sau khi phục hồi")

    def test_a_backup_during_writes_is_consistent(self, any_home, empty_database, tmp_path):
        """A writer archives all the time; whatever the restored catalogue names is there, byte for byte."""
        stop, written = threading.Event(), []

        def write() -> None:
            with any_home.open() as archive:
                while not stop.is_set():
                    written.append(archived(archive, f"w{len(written)}").id)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            while len(written) < 3:
                time.sleep(0.01)
            report = made(any_home, tmp_path / "b")
            during = len(written)
        finally:
            stop.set()
            writer.join()
        shutil.rmtree(any_home.home)
        found = restore(tmp_path / "b", any_home.home, who="hoa", catalogue_url=empty_database)
        assert found.findings == [] and report.damaged == []
        with any_home.open() as archive:
            ids = {row.id for row in archive.catalogue.documents()}
            assert len(ids) >= 4 + 3 and set(written[:3]) <= ids <= {*written[: during + 1], *ids}
            assert check_sanity(archive, hashed=True).sound

    def test_the_next_one_copies_only_what_is_new(self, sqlite_home, tmp_path):
        target = tmp_path / "b"
        first = made(sqlite_home, target)
        with sqlite_home.open() as archive:
            archived(archive, "mới")
        second = made(sqlite_home, target)
        assert second.new_objects == 2 and second.objects == first.objects + 2
        assert second.sets == [first.set, second.set]
        old = tmp_path / "old"
        assert restore(target, old, who="hoa", wanted=first.set).objects == first.objects
        assert restore(target, tmp_path / "new", who="hoa").objects == second.objects

    def test_keys_and_secrets_stay_out_and_are_named(self, sqlite_home, tmp_path):
        report = made(sqlite_home, tmp_path / "b")
        assert report.left_out == ["keys/agency.p12", "keys/agent", "sohoa.toml: smtp_password"]
        everything = b"".join(p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file())
        assert b"PRIVATE KEY" not in everything and "bí mật".encode() not in everything
        restore(tmp_path / "b", tmp_path / "new", who="hoa")
        assert (tmp_path / "new" / "trust" / "root.pem").exists()
        assert load_settings(tmp_path / "new").delivery.smtp_password == ""

    def test_old_sets_go_and_bytes_that_nobody_names_with_them(self, sqlite_home, tmp_path):
        target = tmp_path / "b"
        with sqlite_home.open() as archive:
            gone = archive.store.put("evidence/gone.json", b"will be destroyed")
        made(sqlite_home, target)
        with sqlite_home.open() as archive:
            archive.store.delete(gone.key, gone.version)
        report = made(sqlite_home, target, keep=1)
        assert len(report.sets) == 1
        folder = BackupFolder(target)
        assert not folder.path(gone.sha256).exists()
        assert restore(target, tmp_path / "new", who="hoa").objects == report.objects


def test_a_restore_that_was_tried_elsewhere_is_known_at_home(sqlite_home, tmp_path):
    made(sqlite_home, tmp_path / "b")
    restore(tmp_path / "b", tmp_path / "try", who="hoa")
    for _ in range(2):
        made(sqlite_home, tmp_path / "b")
    with sqlite_home.open() as archive:
        assert Runs(archive.catalogue).last_backup("restore").who == "hoa"
        with archive.catalogue.read() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM backup_runs WHERE kind = 'restore'")) == 1


class TestRefused:
    def test_nothing_is_overwritten(self, sqlite_home, tmp_path):
        made(sqlite_home, tmp_path / "b")
        with pytest.raises(NotEmpty):
            restore(tmp_path / "b", sqlite_home.home, who="hoa")
        with pytest.raises(WrongUse):
            made(sqlite_home, sqlite_home.home / "backup")
        with pytest.raises(WrongUse):
            made(sqlite_home, tmp_path)
        (tmp_path / "full").mkdir()
        LocalStore(tmp_path / "full" / "store").put("a", b"x")
        with pytest.raises(NotEmpty):
            restore(
                tmp_path / "b", tmp_path / "new", who="hoa", store_url=(tmp_path / "full" / "store").as_uri()
            )
        assert not (tmp_path / "new").exists()

    def test_no_backup_there(self, tmp_path):
        with pytest.raises(BackupInvalid):
            restore(tmp_path / "nothing", tmp_path / "new", who="hoa")

    @pytest.mark.parametrize("what", ["object", "object lost", "catalogue", "list", "manifest"])
    def test_a_damaged_backup_is_refused_whole(self, sqlite_home, tmp_path, what):
        report = made(sqlite_home, tmp_path / "b")
        folder = BackupFolder(tmp_path / "b")
        place = folder.root / "sets" / report.set
        one = next(iter(folder.objects(report.set))).ref.sha256
        target = {
            "catalogue": place / "catalogue.sqlite", "list": place / "objects.jsonl", "manifest": place / "manifest.json",
        }.get(what, folder.path(one))  # fmt: skip
        if what == "object lost":
            target.unlink()
        else:
            data = bytearray(target.read_bytes())
            data[len(data) // 2] ^= 1
            target.write_bytes(data)
        with pytest.raises(BackupInvalid):
            restore(folder.root, tmp_path / "new", who="hoa")
        assert not (tmp_path / "new").exists() and not list(tmp_path.glob(".new*"))

    def test_full_finds_damage_in_the_backup_and_mends_it(self, sqlite_home, tmp_path):
        report = made(sqlite_home, tmp_path / "b")
        folder = BackupFolder(tmp_path / "b")
        one = next(iter(folder.objects(report.set))).ref
        folder.path(one.sha256).write_bytes(b"x" * one.size)
        assert made(sqlite_home, tmp_path / "b").new_objects == 0
        assert made(sqlite_home, tmp_path / "b", full=True).new_objects == 1
        assert restore(tmp_path / "b", tmp_path / "new", who="hoa").findings == []

    def test_damage_in_the_store_is_told_and_the_rest_is_kept(self, sqlite_home, tmp_path):
        with sqlite_home.open() as archive:
            ref = archive.catalogue.documents()[2].archive
            damage(archive.store, ref.sha256)
        report = made(sqlite_home, tmp_path / "b")
        assert report.damaged == [ref.key]
        found = restore(tmp_path / "b", tmp_path / "new", who="hoa")
        assert f"object_missing: {ref.key}" in found.findings

    def test_destruction_meanwhile(self, sqlite_home, tmp_path, monkeypatch):
        def destroyed_then(database, folder):
            facts = real(database, folder)
            database.event("lan", "destroyed", "D-1")
            return facts

        real = flow.dump
        monkeypatch.setattr(flow, "dump", destroyed_then)
        with pytest.raises(ChangedMeanwhile):
            made(sqlite_home, tmp_path / "b")
        assert BackupFolder(tmp_path / "b").sets() == []


class TestInterrupted:
    def test_two_at_once(self, sqlite_home, tmp_path):
        with BackupFolder(tmp_path / "b").for_writing(), pytest.raises(NotAllowedNow):
            made(sqlite_home, tmp_path / "b")
        made(sqlite_home, tmp_path / "b")

    def test_killed_at_any_moment(self, sqlite_home, tmp_path):
        """Every set that exists can be restored; the next backup goes on with what is there."""
        target = tmp_path / "b"
        with sqlite_home.open() as archive:
            for number in range(30):
                archived(archive, f"k{number}", size=40_000)
        killer = Killer(_measured(sqlite_home, tmp_path))
        while killer.kills < KILLS and killer.turn < 40 + 6 * KILLS:
            killed = killer.killed(lambda: made(sqlite_home, target))
            folder = BackupFolder(target)
            for name in folder.sets():
                folder.manifest(name)
            if not killed or killer.turn % 3 == 0:
                shutil.rmtree(target, ignore_errors=True)
        report = made(sqlite_home, target)
        assert not list((target / "objects").glob("*/.new-*")) and report.damaged == []
        assert all(
            (target / "sets" / name / "manifest.json").exists() for name in os.listdir(target / "sets")
        )
        assert restore(target, tmp_path / "new", who="hoa").findings == []
        assert contents(load_settings(tmp_path / "new"))[1] == contents(sqlite_home.settings)[1]
        assert killer.kills == KILLS

    def test_restore_killed_at_any_moment(self, sqlite_home, tmp_path):
        made(sqlite_home, tmp_path / "b")
        new, killer = tmp_path / "new", Killer(0.3)
        while killer.kills < KILLS and killer.turn < 40 + 6 * KILLS:
            killer.killed(lambda: restore(tmp_path / "b", new, who="hoa"))
            if new.exists():
                assert contents(load_settings(new))[1] == contents(sqlite_home.settings)[1]
                shutil.rmtree(new)
        assert restore(tmp_path / "b", new, who="hoa").findings == []
        assert killer.kills == KILLS

    def test_the_disk_is_full(self, sqlite_home, tmp_path, monkeypatch):
        """Nothing is left but what was there; with room again the same call succeeds."""
        first = made(sqlite_home, tmp_path / "b")
        with sqlite_home.open() as archive:
            archived(archive, "mới")
        room = [2000]

        def writing(self, sha256, stream):
            room[0] -= 1500
            if room[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(self, sha256, stream)

        real = BackupFolder.add
        monkeypatch.setattr(BackupFolder, "add", writing)
        with pytest.raises(DiskFull):
            made(sqlite_home, tmp_path / "b")
        assert BackupFolder(tmp_path / "b").sets() == [first.set]
        monkeypatch.undo()
        assert made(sqlite_home, tmp_path / "b").new_objects == 1  # one of the two was kept already

    def test_no_more_bytes_may_be_written(self, sqlite_home, tmp_path):
        """The real thing: the kernel refuses to let a file grow."""

        def work() -> None:
            import resource

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            with sqlite_home.open() as archive:
                resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
                try:
                    backup(archive, sqlite_home.settings, tmp_path / "b", who="lan")
                except SohoaError:
                    os._exit(7)

        assert ended(child(work)) == 7
        assert BackupFolder(tmp_path / "b").sets() == []
        assert made(sqlite_home, tmp_path / "b").damaged == []

    def test_the_catalogue_is_locked_by_somebody(self, sqlite_home, tmp_path):
        """A writer that does not let go does not keep a backup from reading."""
        other = sqlite3.connect(sqlite_home.home / "catalogue.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with sqlite_home.open() as archive:
            folder = BackupFolder(tmp_path / "b")
            with folder.for_writing():
                place = folder.new_set("x")
                assert flow.dump(archive.catalogue, place)["rows"]["documents"] == 4
        other.execute("ROLLBACK")
        other.close()


def _measured(home: Home, tmp_path: Path) -> float:
    start = time.monotonic()
    made(home, tmp_path / "measured")
    shutil.rmtree(tmp_path / "measured")
    return time.monotonic() - start


def test_secrets_of_settings():
    text = '# smtp_password = "x"\n[delivery]\nsmtp_password = "a"\nkho_token="b"\nsmtp_host = "c"\n[s3]\nsecret_key = ""\n'
    without, names = without_secrets(text)
    assert names == ["smtp_password", "kho_token"] and '"a"' not in without and 'smtp_host = "c"' in without


def test_addresses_of_settings():
    text = 'catalogue_url = "postgresql://x"\nstore_url = "s3://y"\n[a]\nstore_url = "kept"\n'
    after = moved(text, catalogue_url="", store_url="file:///z")
    assert after.splitlines() == [
        'store_url = "file:///z"', '# catalogue_url = "postgresql://x"', '# store_url = "s3://y"', "[a]", 'store_url = "kept"',
    ]  # fmt: skip


def test_a_manifest_can_be_read_by_people(sqlite_home, tmp_path):
    report = made(sqlite_home, tmp_path / "b")
    manifest = json.loads((tmp_path / "b" / "sets" / report.set / "manifest.json").read_text("utf-8"))
    assert manifest["catalogue"]["rows"]["documents"] == 4 and manifest["who"] == "lan"
