"""Backup and restore where a server keeps the objects: it gives version ids of its own, and holds the locks."""

from __future__ import annotations

import shutil

import pytest

from flows import retention
from flows.backup import backup, restore
from flows.fixity import Archive, check_fixity, open_keeping
from flows.sanity import check_sanity
from schemas.errors import ObjectLocked
from schemas.preserve import PreserveSettings
from schemas.settings import load_settings
from schemas.store import RetentionMode
from storage.catalogue import Catalogue
from storage.objects import LocalStore
from storage.objects.s3 import S3Store
from tests.catalogue_fixtures import fresh_database
from tests.made_archive import archived, bytes_of
from tests.test_backup import Home, contents, filled, made

pytest_plugins = ["catalogue_fixtures", "s3_server"]


def test_from_a_folder_to_a_bucket_and_back(s3_url, tmp_path):
    sqlite_home = filled(Home(tmp_path, None))
    before = contents(sqlite_home.settings)[1]
    made(sqlite_home, tmp_path / "b")
    found = restore(tmp_path / "b", tmp_path / "s3", who="hoa", store_url=s3_url)
    assert found.findings == [] and found.renamed == found.objects
    with open_keeping(load_settings(tmp_path / "s3")) as archive:
        assert isinstance(archive.primary, S3Store)
        same_bytes(archive, before)
        row = archive.catalogue.documents()[0]
        kept = archive.store.stat(row.archive.key, row.archive.version).retention
        assert kept.mode is RetentionMode.COMPLIANCE
        report = check_fixity(archive, PreserveSettings(fixity_bytes_per_second=0), who="lan")
        assert report.objects == len(before) and not report.needs_person
        again = backup(archive, load_settings(tmp_path / "s3"), tmp_path / "c", who="lan")
        assert again.objects == len(before)
    back = restore(tmp_path / "c", tmp_path / "folder", who="hoa")
    assert back.findings == []
    with open_keeping(load_settings(tmp_path / "folder")) as archive:
        assert isinstance(archive.primary, LocalStore)
        same_bytes(archive, before)
        archived(archive, "sau khi phục hồi")


def test_on_postgresql_too(postgres, s3_keys, tmp_path):
    """Locks and holds kept by the server, hashing, comparing, backup, everything destroyed, restore."""
    first, second = (fresh_database(postgres, name) for name in ("keeping_one", "keeping_two"))
    home = Home(tmp_path, first)
    text = (home.home / "sohoa.toml").read_text("utf-8")
    (home.home / "sohoa.toml").write_text(f'store_url = "{s3_keys.url("keeping-one")}"\n{text}', "utf-8")
    Catalogue.open(first).close()
    with open_keeping(home.settings) as archive:
        rows = [archived(archive, name) for name in ("một", "hai")]
        retention.sweep(archive, home.settings.preserve, who="lan")
        retention.hold(archive, rows[0].id, "toà án", who="lan")
        for row in rows:
            native = archive.primary.stat(row.archive.key).ref
            with pytest.raises(ObjectLocked):
                archive.primary.delete(native.key, native.version)
        assert check_sanity(archive, hashed=True).findings == []
        assert check_fixity(archive, home.settings.preserve, who="lan").objects == 4
        assert backup(archive, home.settings, tmp_path / "b", who="lan").objects == 4
    shutil.rmtree(home.home)
    found = restore(
        tmp_path / "b", home.home, who="hoa", catalogue_url=second, store_url=s3_keys.url("keeping-two")
    )
    assert found.findings == []
    with open_keeping(home.settings) as archive:
        for row, name in zip(rows, ("một", "hai"), strict=True):
            assert archive.store.get(row.archive.key, row.archive.version) == bytes_of(f"{name} pdf")
        assert archive.store.stat(rows[0].archive.key, rows[0].archive.version).retention.legal_hold
        assert check_sanity(archive).findings == []
        assert not check_fixity(archive, home.settings.preserve, who="lan").needs_person
        archived(archive, "sau khi phục hồi")


def same_bytes(archive: Archive, before: dict) -> None:
    for (key, version), (stat, data) in before.items():
        assert archive.store.get(key, version) == data
        now = archive.store.stat(key, version)
        assert (now.media_type, now.metadata, now.ref.sha256) == (stat.media_type, stat.metadata, stat.ref.sha256)
