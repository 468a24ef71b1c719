# ruff: noqa: F811 - fixtures are imported and named as arguments
"""Moving the archive while people read and write; references given before stay good."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
from pathlib import Path

import pytest

from flows.archive_copy import bring_up_to_date, what_is_where
from flows.archive_move import move_archive
from flows.archive_transfer import Transfer
from schemas.errors import (
    ObjectExists,
    ObjectMissing,
    StoreUnavailable,
    WrongUse,
)
from schemas.keeping import PRIMARY
from schemas.objects import ReplicaSettings
from schemas.objects_errors import MoveRunning, StoreUnfit
from schemas.settings import Settings
from schemas.store import PlaceState
from storage.catalogue import Catalogue
from storage.keeping.copies import Copies
from storage.objects import LocalStore, open_archive, open_store, switch
from tests.catalogue_fixtures import postgres, url  # noqa: F401 - fixtures
from tests.kept_archive import KEPT, damage, events, fill, home, replica, settings, spoil, whole  # noqa: F401
from tests.s3_proxy import no_lock, proxied
from tests.s3_server import S3Server, s3_keys, s3_server, s3_url  # noqa: F401 - fixtures


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
                stop.wait(0.01)

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
