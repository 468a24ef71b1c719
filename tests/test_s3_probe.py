# ruff: noqa: F811 - fixtures are imported and named as arguments
"""The lock is proved: a real server passes, servers that lie are found out, each by its lie."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.errors import SetupError, StoreUnavailable
from schemas.objects_errors import StoreUnfit
from schemas.store import PROMISES, Enforcement, Retention, RetentionMode
from storage.objects import open_store
from storage.objects.proof import FILE, need_fit, proved
from storage.objects.s3 import S3Store
from tests.s3_proxy import (
    Answer,
    Proxy,
    boasting,
    drops_lock_on_upload,
    no_checksums,
    no_conditions,
    no_lock,
    no_metadata,
    proxied,
)
from tests.s3_server import S3Server, s3_keys, s3_server, s3_url  # noqa: F401 - fixtures

LOCKS = {
    "retention_kept",
    "retention_stops_delete",
    "batch_delete_refused",
    "bypass_refused",
    "retention_not_shortened",
    "retention_not_weakened",
}


@pytest.fixture
def proxy(s3_keys: S3Server):
    with proxied(s3_keys) as opened:
        yield opened


@pytest.fixture
def behind(proxy: Proxy) -> S3Store:
    return open_store(proxy.url(f"p-{os.urandom(5).hex()}"))


def test_a_real_server_proves_everything(s3_url: str) -> None:
    store = open_store(s3_url)
    assert store.capabilities().lacks == ["unproven"], "nothing is claimed before it was seen"
    seen = store.probe()
    assert seen.lacks == [] and seen.worm and seen.fit_for_archive
    assert LOCKS | {"no_replace", "if_match", "wrong_hash_refused", "hold_stops_delete", "delete"} <= set(
        seen.proved
    )
    assert set(seen.proved) <= PROMISES.keys()
    left = list(store.walk("probe/"))
    assert len(left) == 1, "only the version under lock stays"
    store.probe()
    assert left[0] in list(store.walk("probe/")), "the lock of the first probe still holds"


def test_a_proxy_that_changes_nothing_proves_everything(behind: S3Store) -> None:
    assert behind.probe().lacks == []


def test_a_store_that_takes_locks_and_forgets_them(proxy: Proxy, behind: S3Store) -> None:
    proxy.behave = no_lock
    seen = behind.probe()
    assert LOCKS - {"retention_not_shortened"} <= set(seen.lacks) and "hold_stops_delete" in seen.lacks
    assert not seen.fit_for_archive and not seen.worm and seen.retention is Enforcement.NONE
    with pytest.raises(StoreUnfit) as refused:
        need_fit(seen)
    assert "khoá" in refused.value.message_vi and "Object Lock" in refused.value.advice_vi
    until = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(StoreUnfit):
        behind.put("k", b"x", retention=Retention(mode=RetentionMode.COMPLIANCE, until=until))


def test_a_store_that_shows_a_lock_and_deletes_all_the_same(proxy: Proxy, behind: S3Store) -> None:
    proxy.behave = boasting({})
    seen = behind.probe()
    assert "retention_kept" in seen.proved, "it does say so"
    assert {"retention_stops_delete", "bypass_refused", "hold_stops_delete"} <= set(seen.lacks)
    assert not seen.fit_for_archive


def test_a_lock_dropped_on_upload_is_set_again(proxy: Proxy, behind: S3Store) -> None:
    proxy.behave = drops_lock_on_upload
    until = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    wanted = Retention(mode=RetentionMode.COMPLIANCE, until=until, legal_hold=True)
    ref = behind.put("k", b"x", retention=wanted)
    assert behind.stat("k", ref.version).retention == wanted
    behind.settings = behind.settings.model_copy(update={"single_put_bytes": 1_000_000})
    large = behind.put("large", os.urandom(6_000_000), retention=wanted)
    assert behind.stat("large", large.version).retention == wanted
    assert behind.probe().lacks == []


@pytest.mark.parametrize(
    ("behaviour", "lacks", "fit"),
    [
        (no_conditions, {"no_replace", "if_match"}, True),
        (no_checksums, {"wrong_hash_refused"}, True),
    ],
)
def test_what_is_missing_is_named(
    proxy: Proxy, behind: S3Store, behaviour, lacks: set[str], fit: bool
) -> None:
    proxy.behave = behaviour
    seen = behind.probe()
    assert set(seen.lacks) == lacks and seen.fit_for_archive is fit
    assert seen.no_replace is ("no_replace" not in lacks)


def test_a_store_that_loses_what_is_said_with_the_bytes(proxy: Proxy, behind: S3Store) -> None:
    proxy.behave = no_metadata
    with pytest.raises(StoreUnfit):
        behind.put("k", b"x")
    with pytest.raises(StoreUnfit):
        behind.probe()


def test_a_bucket_without_versions(s3_keys: S3Server, tmp_path: Path) -> None:
    client = s3_keys.client()
    if not client.bucket_exists("khong-phien-ban"):
        client.make_bucket("khong-phien-ban")
    store = open_store(s3_keys.url("x", bucket="khong-phien-ban"))
    with pytest.raises(StoreUnfit):
        store.put("k", b"x")
    seen = proved(store, tmp_path)
    assert "versions" in seen.lacks and not seen.fit_for_archive
    assert not (tmp_path / FILE).exists(), "an unfit store is tried again the next time"


def test_a_bucket_with_versions_but_without_lock(s3_keys: S3Server) -> None:
    from minio.commonconfig import ENABLED
    from minio.versioningconfig import VersioningConfig

    client = s3_keys.client()
    if not client.bucket_exists("khong-khoa"):
        client.make_bucket("khong-khoa")
        client.set_bucket_versioning("khong-khoa", VersioningConfig(ENABLED))
    seen = open_store(s3_keys.url("x", bucket="khong-khoa")).probe()
    assert LOCKS & set(seen.lacks) and not seen.fit_for_archive
    assert {"versions", "no_replace", "read_back"} <= set(seen.proved)


def test_no_bucket_and_wrong_keys_are_setup_errors(s3_keys: S3Server, monkeypatch) -> None:
    with pytest.raises(SetupError, match="no such bucket"):
        open_store(s3_keys.url("x", bucket="khong-co")).probe()
    monkeypatch.setenv("SOHOA_S3__SECRET_KEY", "wrong")
    with pytest.raises(SetupError, match="secret key"):
        open_store(s3_keys.url("x")).probe()
    monkeypatch.setenv("SOHOA_S3__ACCESS_KEY", "nobody")
    with pytest.raises(SetupError, match="access key"):
        open_store(s3_keys.url("x")).probe()


class TestRemembered:
    def test_for_a_day(self, proxy: Proxy, behind: S3Store, tmp_path: Path) -> None:
        now = datetime.now(UTC)
        first = proved(behind, tmp_path, clock=lambda: now)
        asked = len(proxy.seen)
        assert proved(behind, tmp_path, clock=lambda: now + timedelta(hours=23)) == first
        assert len(proxy.seen) == asked, "not asked again"
        proved(behind, tmp_path, clock=lambda: now + timedelta(hours=25))
        assert len(proxy.seen) > asked

    def test_not_when_the_clock_was_set_back(self, proxy: Proxy, behind: S3Store, tmp_path: Path) -> None:
        now = datetime.now(UTC)
        proved(behind, tmp_path, clock=lambda: now + timedelta(days=400))
        asked = len(proxy.seen)
        proved(behind, tmp_path, clock=lambda: now)
        assert len(proxy.seen) > asked

    def test_no_key_is_written(self, behind: S3Store, tmp_path: Path, s3_keys: S3Server) -> None:
        proved(behind, tmp_path)
        text = (tmp_path / FILE).read_text()
        assert s3_keys.access_key not in text and s3_keys.secret_key not in text
        assert json.loads(text).keys() == {behind.url}

    def test_a_damaged_file_is_no_proof(self, behind: S3Store, tmp_path: Path) -> None:
        for text in ("{", "[]", json.dumps({behind.url: {"at": "soon"}}), json.dumps({behind.url: 5})):
            (tmp_path / FILE).write_text(text)
            assert proved(behind, tmp_path).lacks == []

    def test_a_folder_is_asked_too(self, tmp_path: Path) -> None:
        store = open_store((tmp_path / "store").as_uri())
        seen = proved(store, tmp_path)
        assert seen.fit_for_archive and not seen.worm and "server_retention" in seen.lacks

    def test_a_store_that_is_away_is_no_verdict(self, proxy: Proxy, behind: S3Store, tmp_path: Path) -> None:
        behind.settings.attempts = 1
        proxy.behave = lambda request, forward: Answer(503, {"Content-Type": "application/xml"}, b"")
        with pytest.raises(StoreUnavailable):
            proved(behind, tmp_path)
