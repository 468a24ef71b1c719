# ruff: noqa: F811 - fixtures are imported and named as arguments
"""The archive over several stores: copies, healing, what is where; references stay good through all of it."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import pytest

from flows.archive_copy import bring_up_to_date, what_is_where
from schemas.errors import (
    ObjectDamaged,
    ObjectLocked,
    ObjectMissing,
    StoreUnavailable,
)
from schemas.objects import Replica, ReplicaSettings, S3Settings
from schemas.objects_errors import StoreUnfit
from schemas.settings import Settings
from schemas.store import RetentionMode
from storage.catalogue import Catalogue
from storage.objects import LocalStore, open_archive, open_store
from tests.catalogue_fixtures import postgres, url  # noqa: F401 - fixtures
from tests.kept_archive import KEPT, UNTIL, damage, events, fill, home, replica, settings, spoil, whole  # noqa: F401
from tests.s3_proxy import no_lock, proxied
from tests.s3_server import S3Server, s3_keys, s3_server, s3_url  # noqa: F401 - fixtures


class TestOneStore:
    def test_nothing_is_asked_of_the_catalogue(self, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path, catalogue_url="sqlite:////nowhere/at/all.sqlite")
        store = open_archive(settings)
        ref = store.put("k", b"x", retention=KEPT)
        assert (store.get("k"), store.get("k", ref.version)) == (b"x", b"x")
        assert list(store.list()) == [ref] and list(store.walk()) == [("k", ref.version)]
        with pytest.raises(ObjectMissing):
            store.get("other")
        with pytest.raises(ObjectLocked):
            store.delete("k", ref.version)

    def test_it_crosses_into_other_processes_without_keys(
        self, settings: Settings, s3_url: str, s3_keys
    ) -> None:
        store = open_archive(settings.model_copy(update={"store_url": s3_url}))
        store.put("k", b"x")
        packed = pickle.dumps(store)
        assert s3_keys.secret_key.encode() not in packed
        assert pickle.loads(packed).get("k") == b"x"

    def test_a_store_that_does_not_hold_locks_takes_nothing(self, settings: Settings, s3_keys) -> None:
        with proxied(s3_keys) as proxy:
            store = open_archive(
                settings.model_copy(update={"store_url": proxy.url(f"u-{os.urandom(4).hex()}")})
            )
            store.primary.put("before", b"x")
            proxy.behave = no_lock
            with pytest.raises(StoreUnfit):
                store.put("k", b"x")
            assert store.get("before") == b"x", "reading is never refused"
            assert not store.exists("k")


class TestCopies:
    def test_everything_is_copied_read_back_and_noted(self, settings: Settings, tmp_path: Path) -> None:
        store = open_archive(settings)
        refs = fill(store)
        store.put("probe/left", b"x")
        results = bring_up_to_date(settings, who="ai đó")
        assert [(r.label, r.done.objects, r.error) for r in results] == [
            ("dia-1", len(refs), None),
            ("dia-2", len(refs), None),
        ]
        copy = LocalStore(tmp_path / "dia-1")
        assert sorted(copy.get(k, v) for k, v in copy.walk()) == sorted(refs.values())
        for ref in store.list("archive/"):
            assert copy.stat(ref.key).retention == store.stat(ref.key).retention
            assert copy.stat(ref.key).metadata == store.stat(ref.key).metadata
        again = bring_up_to_date(settings, who="ai đó")
        assert [(r.done.objects, r.done.already) for r in again] == [(0, len(refs))] * 2
        assert len(events(settings, "replica_brought_up_to_date")) == 2, "nothing done, nothing told"

    def test_only_what_is_new_is_copied(self, settings: Settings) -> None:
        store = open_archive(settings)
        refs = fill(store, 3)
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        store.put("issued/new", b"new")
        (first,) = bring_up_to_date(settings, labels=["dia-1"], who="x")
        assert (first.done.objects, first.done.already) == (1, len(refs))

    def test_what_was_written_and_not_noted_is_not_doubled(self, settings: Settings, tmp_path: Path) -> None:
        store = open_archive(settings)
        refs = fill(store)
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        with Catalogue.open(settings.database) as catalogue, catalogue.write() as connection:
            connection.exec_driver_sql("DELETE FROM object_places")
        (again,) = bring_up_to_date(settings, labels=["dia-1"], who="x")
        assert again.done.objects == len(refs) and not again.done.problems
        assert len(list(LocalStore(tmp_path / "dia-1").walk())) == len(refs)

    def test_protection_given_later_follows(self, settings: Settings, tmp_path: Path) -> None:
        store = open_archive(settings)
        ref = store.put("issued/k", b"x")
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        store.set_retention(ref.key, ref.version, RetentionMode.COMPLIANCE, UNTIL)
        store.legal_hold(ref.key, ref.version, True)
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        copy = LocalStore(tmp_path / "dia-1")
        assert copy.stat(ref.key).retention == KEPT.model_copy(update={"legal_hold": True})
        store.legal_hold(ref.key, ref.version, False)
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        assert copy.stat(ref.key).retention == KEPT

    def test_what_is_destroyed_is_destroyed_everywhere(self, settings: Settings, tmp_path: Path) -> None:
        store = open_archive(settings)
        ref, other = store.put("issued/k", b"x"), store.put("issued/other", b"y")
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        store.delete(ref.key, ref.version)
        with pytest.raises(ObjectMissing):
            store.get(ref.key, ref.version)
        assert not store.exists(ref.key), "a copy that waits for its end is no copy"
        (done,) = bring_up_to_date(settings, labels=["dia-1"], who="x")
        assert done.destroyed == 1
        assert list(LocalStore(tmp_path / "dia-1").walk()) == [(other.key, other.version)]

    def test_a_damaged_original_is_named_and_the_rest_copied(self, settings: Settings) -> None:
        store = open_archive(settings)
        refs = fill(store)
        bad = next(iter(refs))
        damage(settings.home / "store", bad, spoil)
        (result,) = bring_up_to_date(settings, labels=["dia-1"], who="x")
        assert result.done.problems == [(bad.key, bad.version, "object_damaged")]
        assert result.done.objects == len(refs) - 1

    def test_a_disk_that_is_not_plugged_in(self, settings: Settings, tmp_path: Path) -> None:
        store = open_archive(settings)
        store.put("issued/k", b"x")
        bring_up_to_date(settings, who="x")
        for label in ("dia-1", "dia-2"):
            (tmp_path / label).rename(tmp_path / f"{label}-away")
        online, offline = bring_up_to_date(settings, who="x")
        assert online.away and isinstance(online.error, StoreUnavailable)
        assert offline.away and offline.error is None
        assert not (tmp_path / "dia-1").exists(), "no empty store is made in its place"

    def test_to_s3_with_lock(self, settings: Settings, s3_url: str, s3_keys: S3Server) -> None:
        away = Replica(label="tinh", url=s3_url, medium="máy chủ tỉnh")
        settings = settings.model_copy(update={"replicas": ReplicaSettings(places=[away])})
        store = open_archive(settings)
        refs = fill(store)
        (result,) = bring_up_to_date(settings, who="x")
        assert (result.done.objects, result.error) == (len(refs), None)
        there = open_store(s3_url)
        assert (
            there.stat("archive/D-000/V1.pdf", there.versions("archive/D-000/V1.pdf")[0].version).retention
            == KEPT
        )
        shutil.rmtree(settings.home / "store" / "content")
        (settings.home / "store" / "index.sqlite").unlink()
        for suffix in ("-wal", "-shm"):
            (settings.home / "store" / f"index.sqlite{suffix}").unlink(missing_ok=True)
        empty = open_archive(settings)
        for ref, data in refs.items():
            assert empty.get(ref.key, ref.version) == data, (
                "the whole primary store is gone, and everything is read"
            )


class TestHealing:
    @pytest.mark.parametrize("action", [spoil, Path.unlink])
    def test_reading_heals(self, settings: Settings, action) -> None:
        store = open_archive(settings)
        refs = fill(store)
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        hurt = [ref for ref in refs if ref.key.startswith("archive/")][:4]
        for ref in hurt:
            damage(settings.home / "store", ref, action)
        whole(store, refs)
        for ref in hurt:
            assert store.primary.get(ref.key, ref.version) == refs[ref], "put back"
        assert len(events(settings, "object_healed")) == len(hurt)
        assert len(events(settings, "object_damaged") + events(settings, "object_missing")) == len(hurt)
        whole(store, refs)
        assert len(events(settings, "object_healed")) == len(hurt), "told once"

    def test_a_bad_copy_heals_nothing(self, settings: Settings, tmp_path: Path) -> None:
        store = open_archive(settings)
        ref = store.put("issued/k", b"good bytes")
        bring_up_to_date(settings, who="x")
        damage(settings.home / "store", ref, spoil)
        damage(tmp_path / "dia-1", ref, spoil)
        assert store.get(ref.key) == b"good bytes", "from the second replica"
        damage(settings.home / "store", ref, spoil)
        damage(tmp_path / "dia-2", ref, spoil)
        with pytest.raises(ObjectDamaged):
            store.get(ref.key)

    def test_without_a_copy_the_first_error_is_told(self, settings: Settings) -> None:
        store = open_archive(settings)
        ref = store.put("issued/k", b"x")
        damage(settings.home / "store", ref, Path.unlink)
        with pytest.raises(ObjectMissing):
            store.get(ref.key, ref.version)
        with pytest.raises(ObjectMissing):
            store.get("issued/never-there")

    def test_s3_heals_by_a_further_version_and_references_stay(
        self,
        settings: Settings,
        s3_url: str,
        monkeypatch,
    ) -> None:
        settings = settings.model_copy(update={"store_url": s3_url})
        store = open_archive(settings)
        ref = store.put("issued/k", b"good bytes", retention=KEPT)
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        real, bad = type(store.primary).get, []

        def get(self, key, version=None, **more):
            if version == ref.version or (version is None and not bad):
                bad.append(key)
                raise ObjectDamaged(key)
            return real(self, key, version, **more)

        monkeypatch.setattr(type(store.primary), "get", get)
        assert store.get(ref.key, ref.version) == b"good bytes"
        assert len(store.primary.versions(ref.key)) == 2
        before = len(bad)
        again = open_archive(settings)
        assert again.get(ref.key, ref.version) == b"good bytes" and len(bad) == before, (
            "from the new version at once"
        )
        assert again.versions(ref.key) == [ref] and list(again.walk()) == [(ref.key, ref.version)]
        assert again.stat(ref.key, ref.version).retention == KEPT

    def test_a_store_that_is_away_is_read_elsewhere(self, settings: Settings, s3_keys: S3Server) -> None:
        with proxied(s3_keys) as proxy:
            keys = S3Settings(
                access_key=s3_keys.access_key, secret_key=s3_keys.secret_key, attempts=1, connect_seconds=1
            )
            settings = settings.model_copy(
                update={"store_url": proxy.url(f"w-{os.urandom(4).hex()}"), "s3": keys}
            )
            store = open_archive(settings)
            ref = store.put("issued/k", b"x")
            bring_up_to_date(settings, labels=["dia-1"], who="x")
            proxy.behave = lambda request, forward: None
            assert store.get(ref.key, ref.version) == b"x" and store.get(ref.key) == b"x"
            assert store.stat(ref.key, ref.version).ref == ref
            assert events(settings, "object_healed") == [], "an outage is no damage"
            with pytest.raises(StoreUnavailable):
                store.put("issued/new", b"y")


class TestPlaces:
    def test_what_the_law_wants(self, settings: Settings, tmp_path: Path) -> None:
        store = open_archive(settings)
        refs = fill(store)
        before = what_is_where(settings)
        assert (before.archive_objects, before.sets, before.enough) == (len(refs), 0, False)
        bring_up_to_date(settings, who="x")
        after = what_is_where(settings)
        assert (after.sets, after.offline_sets, after.enough) == (2, 1, True)
        assert [place.objects for place in after.places] == [len(refs)] * 3
        store.put("issued/new", b"new")
        assert [place.lacking for place in what_is_where(settings).places] == [0, 1, 1]
        (tmp_path / "dia-2").rename(tmp_path / "away")
        later = what_is_where(settings)
        assert [place.reachable for place in later.places] == [True, True, False]

    def test_one_medium_is_one_set(self, settings: Settings, tmp_path: Path) -> None:
        same = [replica(tmp_path, label).model_copy(update={"medium": "đĩa A"}) for label in ("a", "b")]
        settings = settings.model_copy(update={"replicas": ReplicaSettings(places=same)})
        open_archive(settings).put("issued/k", b"x")
        bring_up_to_date(settings, who="x")
        report = what_is_where(settings)
        assert (report.sets, report.offline_sets, report.enough) == (1, 0, False)
