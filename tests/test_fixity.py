"""Everything is hashed in time, damage is found, healed from a replica and told once."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from flows.fixity import Archive, Throttle, check_fixity
from schemas.errors import StoreUnavailable
from schemas.keeping import PRIMARY
from schemas.preserve import PreserveSettings
from storage.keeping.places import Places
from storage.objects import LocalStore
from tests.kills import Killer, child, ended
from tests.made_archive import archived, bytes_of, damage, file_of, small_archive

pytest_plugins = ["catalogue_fixtures"]

FAST = PreserveSettings(fixity_bytes_per_second=0)
KILLS = int(os.environ.get("KEEPING_KILLS", "4"))


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment


def check(archive: Archive, settings: PreserveSettings = FAST, **more):
    return check_fixity(archive, settings, who="lan", **more)


class TestHashing:
    def test_everything_within_the_period_and_not_more_often(self, tmp_path, url):
        clock = Clock()
        with small_archive(tmp_path, url, records=3, clock=clock) as archive:
            first = check(archive)
            assert (first.objects, first.damaged, first.missing, first.overdue) == (6, 0, 0, 0)
            assert first.complete and not first.needs_person and first.bytes == 6 * 3000
            assert check(archive).objects == 0
            clock.moment += timedelta(days=29)
            archived(archive, "mới")
            assert check(archive).objects == 2
            clock.moment += timedelta(days=2)
            assert check(archive).objects == 6
            assert check(archive, everything=True).objects == 8

    def test_the_longest_unchecked_comes_first(self, tmp_path):
        clock = Clock()
        with small_archive(tmp_path, records=1, clock=clock) as archive:
            check(archive)
            clock.moment += timedelta(days=10)
            archived(archive, "mới")
            check(archive)
            clock.moment += timedelta(days=40)
            due = Places(archive.catalogue).due([PRIMARY], clock(), clock(), 10)
            assert [placed.checked_at for placed in due] == sorted(placed.checked_at for placed in due)
            assert due[0].checked_at < due[-1].checked_at - timedelta(days=9)

    def test_the_rate_is_bounded(self, tmp_path):
        with small_archive(tmp_path, records=4) as archive:
            start = time.monotonic()
            check(archive, PreserveSettings(fixity_bytes_per_second=40_000))
            assert time.monotonic() - start > 0.5  # 24,000 bytes
        throttle = Throttle(0)
        start = time.monotonic()
        throttle.took(10**12)
        assert time.monotonic() - start < 10

    def test_it_stops_at_its_time_limit_and_goes_on(self, tmp_path):
        with small_archive(tmp_path, records=5) as archive:
            slow = PreserveSettings(fixity_bytes_per_second=15_000)
            part = check(archive, slow, seconds=0.5)
            assert not part.complete and 0 < part.objects < 10 and part.needs_person
            assert part.objects + check(archive).objects == 10

    def test_progress_is_told(self, tmp_path):
        heard = []
        with small_archive(tmp_path, records=2) as archive:
            check(archive, told=lambda *numbers: heard.append(numbers))
        assert heard[-1][0] == 4 and heard[-1][2] == 0

    def test_a_clock_that_ran_ahead_does_not_hide_anything(self, tmp_path):
        clock = Clock()
        with small_archive(tmp_path, records=2, clock=clock) as archive:
            clock.moment += timedelta(days=3650)
            check(archive)
            clock.moment -= timedelta(days=3650)
            assert check(archive).objects == 4  # their times lie in the future and prove nothing
            assert check(archive).objects == 0

    def test_a_clock_set_back_while_it_runs_does_not_make_it_endless(self, tmp_path):
        clock = Clock()
        with small_archive(tmp_path, records=2, clock=clock) as archive:

            def back(*_: int) -> None:
                clock.moment -= timedelta(days=900)

            assert check(archive, told=back).objects == 4


class TestDamage:
    def test_healed_from_a_replica_told_once_and_set_aside(self, tmp_path, url):
        with small_archive(tmp_path, url, records=2) as archive:
            row = archive.catalogue.documents()[0]
            damage(archive.store, row.archive.sha256)
            report = check(archive)
            assert (report.damaged, report.healed) == (1, 1) and not report.needs_person
            (finding,) = report.findings
            assert finding.code == "object_damaged" and finding.key == row.archive.key
            assert finding.healed_from == "replica"
            assert archive.store.get(row.archive.key, row.archive.version) == bytes_of("0 pdf")
            assert archive.store.get(finding.kept_key) != bytes_of("0 pdf")
            told = [event.what for event in archive.catalogue.events(row.archive.key)]
            assert told == ["object_healed", "object_damaged"]
            assert check(archive, everything=True).damaged == 0

    def test_without_a_good_copy_it_stays_open_and_is_told_once(self, tmp_path):
        with small_archive(tmp_path, records=1) as archive:
            archive.replicas = {}
            ref = archive.catalogue.documents()[0].archive
            damage(archive.store, ref.sha256)
            assert check(archive).needs_person
            again = check(archive, everything=True)
            assert again.damaged == 1 and len(again.still_open) == 1
            assert [e.what for e in archive.catalogue.events(ref.key)] == ["object_damaged"]
            archive.store.repair(ref.key, ref.version, bytes_of("0 pdf"))
            after = check(archive, everything=True)
            assert after.still_open == [] and after.damaged == 0

    def test_a_damaged_replica_is_not_taken(self, tmp_path):
        with small_archive(tmp_path, records=1) as archive:
            ref = archive.catalogue.documents()[0].archive
            damage(archive.store, ref.sha256)
            damage(archive.replicas["replica"], ref.sha256)
            report = check(archive)
            assert report.damaged == 1 and report.healed == 0 and report.needs_person

    @pytest.mark.parametrize("how", ["file", "row"])
    def test_lost_objects_are_missed_and_come_back(self, tmp_path, how):
        with small_archive(tmp_path, records=1) as archive:
            check(archive)
            ref = archive.catalogue.documents()[0].archive
            if how == "file":
                file_of(archive.store, ref.sha256).unlink()
            else:
                archive.store.delete(ref.key, ref.version)
            report = check(archive, everything=True)
            assert (report.missing, report.healed) == (1, 1)
            assert archive.store.get(ref.key) == bytes_of("0 pdf")

    def test_half_made_files_may_go(self, tmp_path):
        with small_archive(tmp_path) as archive:
            ref = archive.store.put("signing/D-1/x.pdf", b"x")
            check(archive)
            archive.store.delete(ref.key, ref.version)
            report = check(archive, everything=True)
            assert report.missing == 0 and report.known == 0

    def test_a_replica_is_hashed_and_healed_too(self, tmp_path):
        with small_archive(tmp_path, records=1) as archive:
            replica = archive.replicas["replica"]
            Places(archive.catalogue).seen("replica", replica.list())
            ref = archive.catalogue.documents()[0].archive
            damage(replica, ref.sha256)
            report = check(archive)
            assert report.objects == 4
            assert [(f.place, f.healed_from) for f in report.findings] == [("replica", PRIMARY)]
            assert replica.get(ref.key) == bytes_of("0 pdf")


class Unreadable:
    """A store whose reading breaks off, `times` times."""

    def __init__(self, store: LocalStore, code: int, times: int) -> None:
        self.store, self.code, self.times = store, code, times

    def __getattr__(self, name: str):
        return getattr(self.store, name)

    def open(self, key: str, version: str | None = None):
        if self.times and key.startswith("archive/"):
            self.times -= 1
            raise OSError(self.code, os.strerror(self.code))
        return self.store.open(key, version)


class TestReadingBreaksOff:
    def test_once_is_tried_again(self, tmp_path):
        with small_archive(tmp_path, records=1) as archive:
            archive.store = Unreadable(archive.store, 104, 1)
            assert check(archive).damaged == 0

    def test_an_outage_is_no_damage(self, tmp_path):
        with small_archive(tmp_path, records=1) as archive:
            archive.store = Unreadable(archive.store, 104, 2)
            with pytest.raises(StoreUnavailable):
                check(archive)
            assert Places(archive.catalogue).findings() == []
            assert check(archive).complete

    def test_a_bad_sector_is_damage(self, tmp_path):
        with small_archive(tmp_path, records=1) as archive:
            archive.store = Unreadable(archive.store, 5, 3)
            report = check(archive)
            assert (report.damaged, report.healed) == (1, 1) and report.findings[0].kept_key is None


def test_two_at_once(tmp_path, url):
    with small_archive(tmp_path, url, records=6) as archive:
        damage(archive.store, archive.catalogue.documents()[3].archive.sha256)

    def work() -> None:
        with small_archive(tmp_path, url) as archive:
            check(archive, PreserveSettings(fixity_bytes_per_second=200_000))

    assert [ended(pid) for pid in [child(work), child(work)]] == [0, 0]
    with small_archive(tmp_path, url) as archive:
        places = Places(archive.catalogue)
        assert len(places.findings()) == 1 and places.findings(open_only=True) == []
        assert check(archive).objects <= 1  # the copy of the damaged bytes


def test_killed_at_any_moment_it_goes_on(tmp_path):
    """Each run is killed somewhere on its way; no object is forgotten, no finding is doubled, no healing is half done."""
    with small_archive(tmp_path, records=12) as archive:
        rows = archive.catalogue.documents()
    settings = PreserveSettings(fixity_bytes_per_second=150_000)
    killer, healed = Killer(0.5), 0
    while killer.kills < KILLS and killer.turn < 40 + 4 * KILLS:
        with small_archive(tmp_path) as archive:
            damage(archive.store, rows[killer.turn % 12].archive.sha256)

        def work() -> None:
            with small_archive(tmp_path) as archive:
                check(archive, settings, everything=True)

        killer.killed(work)
        with small_archive(tmp_path) as archive:
            report = check(archive, everything=True)
            assert report.still_open == [] and report.missing == 0
            healed += 1
            for row in rows:
                archive.store.verify(row.archive.key, row.archive.version)
    assert killer.kills == KILLS
    with small_archive(tmp_path) as archive:
        findings = Places(archive.catalogue).findings()
        assert len(findings) == healed == killer.turn  # each damage told once
