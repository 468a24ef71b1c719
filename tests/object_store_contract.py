"""What every object store must do, whatever is behind it. An adapter runs it by subclassing with a `store` fixture."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import pickle
import unicodedata
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from schemas.errors import ObjectDamaged, ObjectExists, ObjectLocked, ObjectMissing, WrongUse
from schemas.objects_errors import NoPresignedLinks
from schemas.store import Retention, RetentionMode
from storage.objects import ObjectStore, archive_key, original_key

CONTENT = b"\x00\x01 n\xe1\xbb\x99i dung" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()


def soon(days: int = 30) -> datetime:
    """In whole seconds: no S3 server keeps less."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)


def _put(store: ObjectStore, key: str, data: bytes, barrier, results) -> None:
    barrier.wait()
    try:
        results.put(("ok", store.put(key, data)))
    except ObjectExists:
        results.put(("exists", None))


def at_once(store: ObjectStore, jobs: list[tuple[str, bytes]]) -> list[tuple[str, object]]:
    """Outcome of puts made by one process each, released together."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(len(jobs)), context.Queue()
    processes = [context.Process(target=_put, args=(store, *job, barrier, results)) for job in jobs]
    for process in processes:
        process.start()
    outcomes = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return outcomes


class ObjectStoreContract:
    def test_bytes_come_back(self, store: ObjectStore) -> None:
        ref = store.put(original_key(SHA), CONTENT, media_type="application/pdf")
        assert (ref.key, ref.sha256, ref.size) == (f"originals/{SHA}", SHA, len(CONTENT))
        assert store.get(ref.key) == CONTENT
        assert store.get(ref.key, ref.version) == CONTENT
        with store.open(ref.key) as stream:
            assert stream.read() == CONTENT
        assert store.verify(ref.key) == ref
        assert store.stat(ref.key).media_type == "application/pdf"
        assert store.exists(ref.key) and not store.exists("originals/other")

    def test_paths_and_streams_are_taken(self, store: ObjectStore, tmp_path) -> None:
        path = tmp_path / "quét.pdf"
        path.write_bytes(CONTENT)
        assert store.put("a/path", path).sha256 == SHA
        assert store.put("a/stream", io.BytesIO(CONTENT)).sha256 == SHA
        assert store.put("a/empty", b"").size == 0
        assert store.get("a/empty") == b""

    def test_same_bytes_again_are_one_version(self, store: ObjectStore) -> None:
        first = store.put("archive/D-1/V1.pdf", CONTENT)
        assert store.put("archive/D-1/V1.pdf", CONTENT) == first
        assert store.put("archive/D-1/V1.pdf", CONTENT, new_version=True) == first
        assert store.versions("archive/D-1/V1.pdf") == [first]

    def test_nothing_is_replaced(self, store: ObjectStore) -> None:
        store.put("archive/D-1/V1.pdf", b"first")
        with pytest.raises(ObjectExists):
            store.put("archive/D-1/V1.pdf", b"second")
        assert store.get("archive/D-1/V1.pdf") == b"first"
        assert len(store.versions("archive/D-1/V1.pdf")) == 1

    def test_versions_stay_side_by_side(self, store: ObjectStore) -> None:
        first = store.put("k", b"first")
        second = store.put("k", b"second", new_version=True)
        assert first.version != second.version
        assert store.versions("k") == [first, second]
        assert (store.get("k", first.version), store.get("k")) == (b"first", b"second")
        store.delete("k", second.version)
        assert store.get("k") == b"first"
        third = store.put("k", b"third", new_version=True)
        assert third.version not in (first.version, second.version), "a version id must not be used twice"

    def test_bytes_must_match_the_hash_promised(self, store: ObjectStore) -> None:
        with pytest.raises(ObjectDamaged):
            store.put("k", CONTENT, sha256="0" * 64)
        assert not store.exists("k")
        assert store.put("k", CONTENT, sha256=SHA).sha256 == SHA

    def test_unknown_keys_and_versions(self, store: ObjectStore) -> None:
        store.put("k", b"x")
        for action in (
            lambda: store.get("other"),
            lambda: store.stat("other"),
            lambda: store.open("other"),
            lambda: store.get("k", "999"),
            lambda: store.get("k", "no-such-version"),
            lambda: store.delete("k", "999"),
            lambda: store.legal_hold("other", "1", True),
        ):
            with pytest.raises(ObjectMissing):
                action()
        assert store.versions("other") == []

    @pytest.mark.parametrize("key", ["", "/a", "a//b", "a/../b", "./a", "a\x00b", "a\nb", "a/" + "x" * 1100])
    def test_keys_that_lead_elsewhere_are_refused(self, store: ObjectStore, key: str) -> None:
        with pytest.raises(WrongUse):
            store.put(key, b"x")

    def test_vietnamese_names(self, store: ObjectStore) -> None:
        key = "lô/Quyết định số 12 – hòa giải.pdf".replace("–", "-")
        ref = store.put(unicodedata.normalize("NFD", key), b"x", metadata={"tên": "Nguyễn Văn Đức"})
        assert ref.key == key and unicodedata.is_normalized("NFC", ref.key)
        assert store.get(key) == b"x"
        assert [r.key for r in store.list(unicodedata.normalize("NFD", "lô/Quyết"))] == [key]
        assert store.stat(key).metadata == {"tên": "Nguyễn Văn Đức"}

    def test_list_gives_the_newest_of_each_key_in_order(self, store: ObjectStore) -> None:
        for name in ("b/2", "a/1", "b/1", "b-", "c/1", "ba"):
            store.put(name, name.encode())
        newer = store.put("b/1", b"newer", new_version=True)
        assert [r.key for r in store.list("b/")] == ["b/1", "b/2"]
        assert next(iter(store.list("b/"))) == newer
        assert [r.key for r in store.list()] == ["a/1", "b-", "b/1", "b/2", "ba", "c/1"]
        assert list(store.list("none")) == []

    def test_walk_names_every_version(self, store: ObjectStore) -> None:
        first = store.put("b/1", b"first")
        second = store.put("b/1", b"second", new_version=True)
        other = store.put("a/1", b"x")
        everything = [("a/1", other.version), ("b/1", first.version), ("b/1", second.version)]
        assert list(store.walk()) == everything
        assert list(store.walk("b/")) == everything[1:]
        assert list(store.walk("none")) == []

    def test_many_keys_are_listed_whole(self, store: ObjectStore) -> None:
        """More than one page of a listing (folder: 500)."""
        names = [f"n/{number:04}" for number in range(520)]
        with ThreadPoolExecutor(8) as pool:
            refs = list(pool.map(lambda name: store.put(name, name.encode()), names))
        assert list(store.list("n/")) == refs
        assert [key for key, _ in store.walk()] == names

    def test_retention_is_kept_to_the_second_never_less(self, store: ObjectStore) -> None:
        until = soon() + timedelta(microseconds=1)
        store.put("k", b"x", retention=Retention(mode=RetentionMode.COMPLIANCE, until=until))
        assert store.stat("k").retention.until == until + timedelta(seconds=1, microseconds=-1)

    def test_put_with_a_hold(self, store: ObjectStore) -> None:
        ref = store.put("k", b"x", retention=Retention(legal_hold=True))
        with pytest.raises(ObjectLocked):
            store.delete("k", ref.version)
        store.legal_hold("k", ref.version, False)
        store.delete("k", ref.version)

    def test_protection_asked_for_later_is_added(self, store: ObjectStore) -> None:
        ref = store.put("k", b"x")
        until = soon()
        again = store.put("k", b"x", retention=Retention(mode=RetentionMode.COMPLIANCE, until=until))
        assert again == ref and store.stat("k", ref.version).retention.until == until

    def test_good_bytes_for_a_version(self, store: ObjectStore) -> None:
        until = soon()
        kept = Retention(mode=RetentionMode.COMPLIANCE, until=until)
        ref = store.put("k", CONTENT, media_type="application/pdf", metadata={"tên": "Ánh"}, retention=kept)
        with pytest.raises(ObjectDamaged):
            store.repair("k", ref.version, b"other bytes")
        now = store.repair("k", ref.version, CONTENT)
        assert (now.sha256, store.get("k", now.version)) == (SHA, CONTENT)
        stat = store.stat("k", now.version)
        assert (stat.media_type, stat.metadata, stat.retention) == ("application/pdf", {"tên": "Ánh"}, kept)
        assert store.repair("k", ref.version, CONTENT) == now, "once is enough"

    def test_a_link_or_a_clear_no(self, store: ObjectStore) -> None:
        ref = store.put("k", CONTENT)
        try:
            link = store.presigned("k", ref.version, 60)
        except NoPresignedLinks as error:
            assert "thư mục" in error.message_vi
        else:
            with urllib.request.urlopen(link) as answer:
                assert answer.read() == CONTENT

    def test_retention_stops_deletion(self, store: ObjectStore) -> None:
        ref = store.put("k", b"x", retention=Retention(mode=RetentionMode.COMPLIANCE, until=soon()))
        with pytest.raises(ObjectLocked):
            store.delete("k", ref.version)
        assert store.get("k") == b"x"
        assert store.stat("k").retention.mode is RetentionMode.COMPLIANCE

    def test_retention_only_grows(self, store: ObjectStore) -> None:
        ref = store.put("k", b"x")
        until = soon()
        store.set_retention("k", ref.version, RetentionMode.GOVERNANCE, until)
        with pytest.raises(ObjectLocked):
            store.set_retention("k", ref.version, RetentionMode.GOVERNANCE, until - timedelta(days=1))
        store.set_retention("k", ref.version, RetentionMode.COMPLIANCE, until)
        with pytest.raises(ObjectLocked):
            store.set_retention("k", ref.version, RetentionMode.GOVERNANCE, until + timedelta(days=1))
        store.set_retention("k", ref.version, RetentionMode.COMPLIANCE, until + timedelta(days=1))
        assert store.stat("k").retention.until == until + timedelta(days=1)
        with pytest.raises(ObjectLocked):  # putting the same bytes again is no way around it
            store.put("k", b"x", retention=Retention(mode=RetentionMode.GOVERNANCE, until=until))

    def test_for_ever_is_possible(self, store: ObjectStore) -> None:
        ref = store.put("k", b"x")
        store.set_retention("k", ref.version, RetentionMode.COMPLIANCE, datetime(9999, 12, 31, tzinfo=UTC))
        with pytest.raises(ObjectLocked):
            store.delete("k", ref.version)

    def test_retention_in_the_past_is_refused(self, store: ObjectStore) -> None:
        ref = store.put("k", b"x")
        with pytest.raises(WrongUse):
            store.set_retention("k", ref.version, RetentionMode.COMPLIANCE, soon(-1))

    def test_hold_stops_deletion_until_lifted(self, store: ObjectStore) -> None:
        ref = store.put("k", b"x")
        assert store.legal_hold("k", ref.version, True).legal_hold
        with pytest.raises(ObjectLocked):
            store.delete("k", ref.version)
        assert not store.legal_hold("k", ref.version, False).legal_hold
        store.delete("k", ref.version)
        assert not store.exists("k")

    def test_lock_holds_one_version_only(self, store: ObjectStore) -> None:
        locked = store.put("k", b"x", retention=Retention(mode=RetentionMode.COMPLIANCE, until=soon()))
        free = store.put("k", b"y", new_version=True)
        store.delete("k", free.version)
        assert store.versions("k") == [locked]

    def test_same_content_under_two_keys_outlives_one(self, store: ObjectStore) -> None:
        ref = store.put("a", CONTENT)
        store.put("b", CONTENT)
        store.delete("a", ref.version)
        assert store.get("b") == CONTENT

    def test_same_content_from_two_processes(self, store: ObjectStore) -> None:
        outcomes = at_once(store, [("k", CONTENT * 50), ("k", CONTENT * 50)])
        assert [kind for kind, _ in outcomes] == ["ok", "ok"]
        assert outcomes[0][1] == outcomes[1][1]
        assert store.get("k") == CONTENT * 50
        assert len(store.versions("k")) == 1

    def test_other_content_from_two_processes_has_one_winner(self, store: ObjectStore) -> None:
        outcomes = at_once(store, [("k", b"one" * 9999), ("k", b"two" * 9999)])
        assert sorted(kind for kind, _ in outcomes) == ["exists", "ok"]
        (winner,) = [ref for kind, ref in outcomes if kind == "ok"]
        assert store.verify("k") == winner

    def test_probe_proves_what_is_declared(self, store: ObjectStore) -> None:
        proved = store.probe()
        assert proved.no_replace and proved.versions
        assert {"no_replace", "retention_stops_delete", "hold_stops_delete"} <= set(proved.proved)
        assert store.capabilities() == proved

    def test_pickled_store_is_the_same_store(self, store: ObjectStore) -> None:
        store.put(archive_key("D-1"), b"x")
        other = pickle.loads(pickle.dumps(store))
        assert other.get("archive/D-1/V1.pdf") == b"x"
        other.close()
