# ruff: noqa: F811 - fixtures are imported and named as arguments
"""The archive over several stores: copies, healing, what is where, and moving it; references stay good through all of it."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.archive_copy import bring_up_to_date, what_is_where
from flows.archive_move import move_archive
from flows.archive_transfer import Transfer
from schemas.errors import (
    ObjectDamaged,
    ObjectExists,
    ObjectLocked,
    ObjectMissing,
    StoreUnavailable,
    WrongUse,
)
from schemas.keeping import PRIMARY
from schemas.objects import Replica, ReplicaSettings, S3Settings
from schemas.objects_errors import MoveRunning, StoreUnfit
from schemas.settings import Settings
from schemas.store import ObjectRef, PlaceState, Retention, RetentionMode
from storage.catalogue import Catalogue
from storage.keeping.copies import Copies
from storage.objects import LocalStore, open_archive, open_store, switch
from tests.catalogue_fixtures import postgres, url  # noqa: F401 - fixtures
from tests.s3_proxy import no_lock, proxied
from tests.s3_server import S3Server, s3_keys, s3_server, s3_url  # noqa: F401 - fixtures

UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=900)
KEPT = Retention(mode=RetentionMode.COMPLIANCE, until=UNTIL)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "nhà").mkdir()
    return tmp_path / "nhà"


def replica(tmp_path: Path, label: str, **more) -> Replica:
    return Replica(label=label, url=(tmp_path / label).as_uri(), medium=f"đĩa {label}", **more)


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> Settings:
    made = Settings(
        home=home,
        replicas=ReplicaSettings(
            places=[replica(tmp_path, "dia-1"), replica(tmp_path, "dia-2", offline=True)]
        ),
    )
    Catalogue.open(made.database).close()
    return made


def fill(store, count: int = 12) -> dict[ObjectRef, bytes]:
    """Objects of all sorts: several versions, equal bytes, retention, hold, Vietnamese metadata."""
    numbers, refs = random.Random(4), {}
    for number in range(count):
        data = numbers.randbytes(numbers.choice([10, 3_000, 60_000]))
        kept = KEPT if number % 3 == 0 else Retention(legal_hold=True) if number % 3 == 1 else None
        ref = store.put(
            f"archive/D-{number:03}/V1.pdf", data, media_type="application/pdf",
            metadata={"tên": f"Quyết định {number}"}, retention=kept,
        )  # fmt: skip
        refs[ref] = data
        if number % 4 == 0:
            for text in (b"second", b"third", data):
                refs[store.put(ref.key, text + bytes([number]), new_version=True)] = text + bytes([number])
    refs[store.put("issued/same-1", b"same")] = b"same"
    refs[store.put("issued/same-2", b"same")] = b"same"
    return refs


def whole(store, refs: dict[ObjectRef, bytes]) -> None:
    """Every reference ever given still gives its bytes."""
    for ref, data in refs.items():
        assert store.get(ref.key, ref.version) == data
        assert store.stat(ref.key, ref.version).ref == ref
    assert sorted(store.walk()) == sorted((ref.key, ref.version) for ref in refs)
    for key in {ref.key for ref in refs}:
        assert set(store.versions(key)) == {ref for ref in refs if ref.key == key}
        assert store.get(key) == refs[list(ref for ref in refs if ref.key == key)[-1]]
    assert {ref for ref in store.list()} <= set(refs)


def damage(root: Path, ref: ObjectRef, action: Callable[[Path], None]) -> None:
    path = root / "content" / ref.sha256[0] / ref.sha256[1] / ref.sha256
    path.chmod(0o640)
    action(path)


def spoil(path: Path) -> None:
    path.write_bytes(b"spoilt")


def events(settings: Settings, what: str) -> list:
    with Catalogue.open(settings.database) as catalogue:
        return [event for event in catalogue.events() if event.what == what]


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


class TestMove:
    @pytest.fixture
    def plain(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"replicas": ReplicaSettings()})

    def test_folder_to_s3_and_back_and_to_another_folder(
        self, plain: Settings, s3_url: str, tmp_path: Path
    ) -> None:
        store = open_archive(plain)
        refs = fill(store)
        first = (plain.home / "store").as_uri()
        for number, to in enumerate([s3_url, first, (tmp_path / "khác").as_uri(), s3_url + "2"], 1):
            to = to.replace("us-east-12", "us-east-1") if to.endswith("2") else to
            moved = move_archive(plain, to, who="x")
            assert moved.switched and moved.problems == []
            assert moved.objects + moved.already >= len(refs)
            whole(store, refs)  # opened before the move
            fresh = open_archive(plain)
            assert fresh.url == open_store(to).url
            whole(fresh, refs)
            for ref in refs:
                kept = fresh.stat(ref.key, ref.version).retention
                number_of = int(ref.key[10:13]) if ref.key.startswith("archive/") else -1
                if (
                    number_of % 3 == 0
                    and len(refs[ref]) > 8
                    and ref == next(r for r in refs if r.key == ref.key)
                ):
                    assert kept == KEPT
            new = fresh.put("issued/after", f"move {number}".encode(), new_version=True)
            refs[new] = f"move {number}".encode()
            assert fresh.put("issued/after", f"move {number}".encode()) == new
        assert len(events(plain, "archive_moved")) == 4

    def test_version_numbers_given_twice_are_told_apart(self, plain: Settings, tmp_path: Path) -> None:
        store = open_archive(plain)
        gone = store.put("k", b"gone")
        one = store.put("k", b"one", new_version=True)
        store.delete("k", gone.version)
        move_archive(plain, (tmp_path / "b").as_uri(), who="x")
        fresh = open_archive(plain)
        assert fresh.primary.versions("k")[0].version == "1" and one.version == "2"
        two = fresh.put("k", b"two", new_version=True)
        assert two.version not in (one.version, gone.version)
        assert (fresh.get("k", one.version), fresh.get("k", two.version)) == (b"one", b"two")
        assert fresh.versions("k") == [one, two] and fresh.put("k", b"two") == two
        with pytest.raises(ObjectExists):
            fresh.put("k", b"three")
        assert fresh.stat("k").ref == two

    def test_writers_follow_in_the_middle(self, plain: Settings, s3_url: str) -> None:
        """Four writers and a reader with stores opened before, while the archive moves: nothing is lost or left behind."""
        store = open_archive(plain)
        refs, stop, failed = fill(store), threading.Event(), []

        def write(number: int) -> None:
            own, count = pickle.loads(pickle.dumps(store)), 0
            while not stop.is_set():
                data = f"{number}-{count}".encode()
                ref = own.put(f"live/{number}-{count % 7}", data, new_version=True)
                refs[ref] = data
                count += 1
                stop.wait(0.004)

        def read() -> None:
            own = pickle.loads(pickle.dumps(store))
            while not stop.is_set():
                for ref, data in list(refs.items()):
                    try:
                        assert own.get(ref.key, ref.version) == data
                    except Exception as error:
                        failed.append((ref, error))
                        return

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        threads.append(threading.Thread(target=read))
        for thread in threads:
            thread.start()
        try:
            moved = move_archive(plain, s3_url, who="x")
            after = set(refs)
            while len(refs) < len(after) + 20 and all(thread.is_alive() for thread in threads):
                stop.wait(0.02)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert moved.switched and not failed and len(refs) > 30
        shutil.rmtree(plain.home / "store")
        fresh = open_archive(plain)
        for ref, data in refs.items():
            assert fresh.get(ref.key, ref.version) == data, "nothing was left in the old store alone"

    def test_writers_without_end_let_the_mover_in(self, home: Path) -> None:
        stop, waits = threading.Event(), threading.Barrier(5)

        def put() -> None:
            waits.wait()
            while not stop.is_set():
                with switch.held(home):
                    stop.wait(0.003)

        threads = [threading.Thread(target=put) for _ in range(4)]
        for thread in threads:
            thread.start()
        waits.wait()
        try:
            for _ in range(20):
                with switch.held(home, exclusive=True):
                    pass
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def test_a_damaged_object_stops_the_switch(self, plain: Settings, s3_url: str) -> None:
        store = open_archive(plain)
        refs = fill(store)
        bad = next(iter(refs))
        damage(plain.home / "store", bad, spoil)
        moved = move_archive(plain, s3_url, who="x")
        assert not moved.switched and moved.problems == [(bad.key, bad.version, "object_damaged")]
        assert open_archive(plain).url == store.url
        store.primary.repair(bad.key, bad.version, refs[bad])
        again = move_archive(plain, s3_url, who="x")
        assert again.switched and again.objects == 4, "with the later versions, which had to wait"
        whole(open_archive(plain), refs)

    def test_what_was_destroyed_does_not_come_back(self, plain: Settings, tmp_path: Path) -> None:
        store = open_archive(plain)
        ref, other = store.put("issued/k", b"x"), store.put("issued/other", b"y")
        first, second = (plain.home / "store").as_uri(), (tmp_path / "b").as_uri()
        move_archive(plain, second, who="x")
        moved = open_archive(plain)
        moved.delete(ref.key, ref.version)
        with pytest.raises(ObjectMissing):
            moved.get(ref.key, ref.version)
        move_archive(plain, first, who="x")
        back = open_archive(plain)
        assert not back.exists(ref.key) and list(back.walk()) == [(other.key, other.version)]

    def test_a_target_that_does_not_hold_locks(self, plain: Settings, s3_keys: S3Server) -> None:
        fill(open_archive(plain), 2)
        with proxied(s3_keys) as proxy:
            proxy.behave = no_lock
            with pytest.raises(StoreUnfit):
                move_archive(plain, proxy.url(f"m-{os.urandom(4).hex()}"), who="x")
        assert open_archive(plain).url.endswith("/store")

    def test_wrong_use(self, plain: Settings, tmp_path: Path) -> None:
        fill(open_archive(plain), 1)
        with pytest.raises(WrongUse):
            move_archive(plain, (tmp_path / "b").as_uri(), source=(tmp_path / "c").as_uri(), who="x")
        same = move_archive(plain, (plain.home / "store").as_uri(), who="x")
        assert same.switched and same.objects == 0
        with switch.alone(plain.home), pytest.raises(MoveRunning):
            move_archive(plain, (tmp_path / "b").as_uri(), who="x")

    def test_a_home_folder_carried_elsewhere_knows_where_its_archive_is(
        self, plain: Settings, tmp_path: Path
    ) -> None:
        refs = fill(open_archive(plain), 3)
        move_archive(plain, (tmp_path / "b").as_uri(), who="x")
        plain.home.rename(tmp_path / "elsewhere")
        whole(open_archive(plain.model_copy(update={"home": tmp_path / "elsewhere"})), refs)

    def test_replicas_know_their_objects_after_a_move(
        self, settings: Settings, tmp_path: Path, s3_url: str
    ) -> None:
        store = open_archive(settings)
        refs = fill(store)
        bring_up_to_date(settings, labels=["dia-1"], who="x")
        move_archive(settings, s3_url, who="x")
        (again,) = bring_up_to_date(settings, labels=["dia-1"], who="x")
        assert (again.done.objects, again.done.already) == (0, len(refs))
        assert what_is_where(settings).places[0].objects == len(refs)


class TestBook:
    """The book of places on SQLite and on PostgreSQL."""

    def test_the_chain_of_moves(self, url: str) -> None:
        with Catalogue.open(url) as catalogue:
            book = Copies(catalogue)
            assert book.primary("") == ("", [])
            first = book.begin_move("", "b", "x")
            assert book.begin_move("", "b", "x") == first and book.primary("") == ("", [])
            book.switch(first, "x", 5, 50)
            assert book.primary("") == ("b", [""]) and book.primary("c") == ("c", [""])
            book.switch(book.begin_move("b", "", "x"), "x", 5, 50)
            assert book.primary("") == ("", ["b"])
            book.switch(book.begin_move("", "b", "x"), "x", 5, 50)
            assert book.primary("") == ("b", [""])

    def test_transfer_and_switch(self, url: str, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path, catalogue_url=url)
        store = open_archive(settings)
        refs = fill(store, 6)
        move_archive(settings, (tmp_path / "b").as_uri(), who="x")
        whole(open_archive(settings), refs)
        with Catalogue.open(url) as catalogue:
            book = Copies(catalogue)
            tallies = {tally.place: tally.objects for tally in book.tallies()}
            assert tallies[PRIMARY] == len(refs) and len(tallies) == 2
            assert book.in_state(PRIMARY, [PlaceState.DAMAGED]) == []

    def test_a_broken_transfer_keeps_what_it_noted(self, url: str, tmp_path: Path, monkeypatch) -> None:
        settings = Settings(home=tmp_path, catalogue_url=url)
        refs = fill(open_archive(settings))
        real, count = LocalStore.put, []

        def put(self, *arguments, **more):
            if self.root.name == "b":
                count.append(1)
                if len(count) > 8:
                    raise StoreUnavailable("gone")
            return real(self, *arguments, **more)

        monkeypatch.setattr(LocalStore, "put", put)
        with Catalogue.open(url) as catalogue:
            transfer = Transfer(
                Copies(catalogue), LocalStore(tmp_path / "store"), PRIMARY, LocalStore(tmp_path / "b"), "b"
            )
            with pytest.raises(StoreUnavailable):
                transfer.run()
            noted = sum(tally.objects for tally in Copies(catalogue).tallies() if tally.place == "b")
            assert 0 < noted <= 8
            monkeypatch.setattr(LocalStore, "put", real)
            again = Transfer(
                Copies(catalogue), LocalStore(tmp_path / "store"), PRIMARY, LocalStore(tmp_path / "b"), "b"
            ).run()
            assert again.already == noted and again.objects + noted == len(refs)
        assert len(list(LocalStore(tmp_path / "b").walk())) == len(refs)
