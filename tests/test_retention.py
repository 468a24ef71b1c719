"""Classes, locks, holds, destruction by four eyes, handing over; with the real catalogue and the real store."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from flows import retention
from flows.fixity import check_fixity
from flows.locks import end_of, lock_of, lock_until, put_locked
from flows.sanity import check_sanity
from schemas.document import DocumentStatus
from schemas.errors import (
    BadSettings,
    NotAllowedNow,
    NotFound,
    ObjectLocked,
    ObjectMissing,
    SohoaError,
    WrongUse,
)
from schemas.keeping import DisposalState
from schemas.keeping_errors import ClockSuspicious, NotDueForDisposal, OnHold, SamePerson
from schemas.preserve import PreserveSettings
from schemas.settings import load_settings
from schemas.store import Retention, RetentionMode
from storage.keeping import tables as k
from storage.keeping.places import Places
from storage.keeping.retention import Holds, Terms
from storage.objects import original_key
from tests.kills import Killer
from tests.made_archive import archived, bytes_of, mirror, small_archive

pytest_plugins = ["catalogue_fixtures"]

TWO_YEARS = PreserveSettings(retention_of={"quyet_dinh": "02-nam"}, lock_years=2, fixity_bytes_per_second=0)
LATER = datetime(2031, 6, 1, 3, 0, tzinfo=UTC)
KILLS = int(os.environ.get("KEEPING_KILLS", "4"))


@pytest.fixture
def archive(tmp_path, url):
    with small_archive(tmp_path, url, records=2) as made:
        yield made


def grown_old(archive, settings=TWO_YEARS, who: str = "lan"):
    """Terms were given now; then years go by, with work going on."""
    retention.sweep(archive, settings, who=who)
    for row in archive.catalogue.documents():
        _lift_lock(archive, row.archive)
    for ref in list(archive.store.list("originals/")):
        _lift_lock(archive, ref)
    archive.clock = lambda: LATER
    with archive.catalogue.write() as connection:  # somebody worked yesterday
        connection.execute(
            sa.text("INSERT INTO events (at, who, what, object, detail) VALUES (:at, 'lan', 'x', '', '{}')"),
            {"at": LATER - timedelta(days=1)},
        )
    return archive.catalogue.documents()


def _lift_lock(archive, ref) -> None:
    """The store's own clock cannot be moved here; years later its locks are over."""
    with archive.store._index.write() as connection:
        connection.execute(
            "UPDATE versions SET until = '2027-01-01T00:00:00+00:00', mode = NULL WHERE key = ?", (ref.key,)
        )


class TestClasses:
    def test_years_are_counted_in_full(self):
        assert end_of(TWO_YEARS, "02-nam", date(2026, 11, 22)) == date(2029, 1, 1)
        assert end_of(TWO_YEARS, "70-nam", date(2026, 1, 1)) == date(2097, 1, 1)
        assert end_of(TWO_YEARS, "vinh-vien", date(2026, 1, 1)) is None
        assert end_of(TWO_YEARS, "never heard of", date(2026, 1, 1)) is None

    def test_a_lock_never_reaches_past_the_class(self):
        assert lock_until(TWO_YEARS, date(2027, 5, 1), date(2026, 11, 22)) == date(2027, 5, 1)
        assert lock_until(TWO_YEARS, None, date(2026, 11, 22)) == date(2028, 1, 1)

    def test_what_nobody_decided_is_permanent(self, archive):
        retention.sweep(archive, PreserveSettings(), who="lan")
        archive.clock = lambda: datetime(2126, 1, 1, tzinfo=UTC)
        assert retention.due(archive) == []
        row = archive.catalogue.documents()[0]
        assert Terms(archive.catalogue).get(row.id).ends is None

    @pytest.mark.parametrize(
        "values",
        ['retention_years = { a = 1 }', 'retention_years = { a = 71 }', 'retention_default = "nothing"',
         'retention_of = { x = "nothing" }', 'retention_starts = { x = "soon" }', "fixity_days = 1096"],
    )  # fmt: skip
    def test_what_the_law_does_not_allow_is_refused(self, tmp_path, values):
        (tmp_path / "sohoa.toml").write_text(f"[preserve]\n{values}\n", "utf-8")
        with pytest.raises(BadSettings):
            load_settings(tmp_path)

    def test_years_from_the_end_of_validity(self, tmp_path):
        settings = TWO_YEARS.model_copy(update={"retention_starts": {"quyet_dinh": "validity_end"}})
        with small_archive(tmp_path) as archive:
            limited = archived(archive, "1", valid_to="2040-06-30")
            endless = archived(archive, "2")
            retention.sweep(archive, settings, who="lan")
            terms = Terms(archive.catalogue)
            assert terms.get(limited.id).ends == date(2043, 1, 1)
            assert terms.get(endless.id).ends is None

    def test_another_class_for_one_record(self, archive):
        retention.sweep(archive, TWO_YEARS, who="lan")
        row = archive.catalogue.documents()[0]
        term = retention.set_class(archive, TWO_YEARS, row.id, "vinh-vien", why="QĐ 5/2026", who="hoa")
        assert term.ends is None and Terms(archive.catalogue).get(row.id) == term
        assert archive.catalogue.events(row.id)[0].what == "retention_changed"
        with pytest.raises(WrongUse):
            retention.set_class(archive, TWO_YEARS, row.id, "mãi mãi", why="x", who="hoa")


class TestLocks:
    def test_the_sweep_locks_file_evidence_and_scan(self, archive):
        row = archive.catalogue.documents()[0]
        evidence = archive.store.put(f"evidence/{row.id}/V1.json", b"{}")
        swept = retention.sweep(archive, TWO_YEARS, who="lan")
        assert swept.subjects == 2 and swept.new_terms == 2 and swept.locked == 5
        for key in (row.archive.key, original_key(row.source), evidence.key):
            stat = archive.store.stat(key)
            assert stat.retention.mode is RetentionMode.COMPLIANCE
            with pytest.raises(ObjectLocked):
                archive.store.delete(key, stat.ref.version)
        again = retention.sweep(archive, TWO_YEARS, who="lan")
        assert (again.new_terms, again.locked) == (0, 0)

    def test_locks_are_lengthened_in_time(self, archive):
        settings = PreserveSettings(lock_years=2)
        retention.sweep(archive, settings, who="lan")
        key = archive.catalogue.documents()[0].archive.key
        before = archive.store.stat(key).retention.until
        archive.clock = lambda: datetime.now(UTC) + timedelta(days=400)
        assert retention.sweep(archive, settings, who="lan").locked == 4
        assert archive.store.stat(key).retention.until > before

    def test_archived_and_locked_in_one_step(self, archive):
        lock = lock_of(TWO_YEARS, "quyet_dinh", datetime.now(UTC))
        ref = put_locked(archive.store, "archive/D-1/V1.pdf", b"x", lock)
        assert archive.store.stat(ref.key).retention.until == lock.until
        # The clock was ahead before and is right now: the stronger lock stays, nothing fails.
        sooner = Retention(mode=lock.mode, until=lock.until - timedelta(days=300))
        assert put_locked(archive.store, "archive/D-1/V1.pdf", b"x", sooner) == ref
        assert archive.store.stat(ref.key).retention.until == lock.until

    def test_a_missing_object_does_not_stop_the_sweep(self, archive):
        row = archive.catalogue.documents()[0]
        archive.store.delete(row.archive.key, row.archive.version)
        assert retention.sweep(archive, TWO_YEARS, who="lan").subjects == 2


class TestHolds:
    def test_held_is_held_in_catalogue_and_store(self, archive):
        row = archive.catalogue.documents()[0]
        hold = retention.hold(archive, row.id.lower()[:8], "thanh tra huyện", who="hoa")
        assert hold.subject == row.id
        with pytest.raises(ObjectLocked, match="legal hold"):
            archive.store.delete(row.archive.key, row.archive.version)
        lifted = retention.release(archive, hold.id, "đã có kết luận", who="hoa")
        assert lifted.lifted_by == "hoa"
        archive.store.delete(row.archive.key, row.archive.version)
        with pytest.raises(NotAllowedNow):
            retention.release(archive, hold.id, "lần nữa", who="hoa")
        assert [e.what for e in archive.catalogue.events(row.id)][:2] == ["hold_lifted", "hold_set"]

    def test_two_holds_are_lifted_one_by_one(self, archive):
        row = archive.catalogue.documents()[0]
        one = retention.hold(archive, row.id, "thanh tra", who="hoa")
        retention.hold(archive, row.id, "toà án", who="hoa")
        retention.release(archive, one.id, "xong", who="hoa")
        assert archive.store.stat(row.archive.key).retention.legal_hold

    def test_a_reason_is_needed(self, archive):
        row = archive.catalogue.documents()[0]
        with pytest.raises(WrongUse):
            retention.hold(archive, row.id, "  ", who="hoa")
        with pytest.raises(NotFound):
            retention.hold(archive, "D-ZZZZZZ", "x", who="hoa")

    def test_killed_before_the_store_was_told(self, archive):
        """The row alone holds; the sweep tells the store."""
        row = grown_old(archive)[0]
        Holds(archive.catalogue).set(row.id, "toà án", who="hoa", at=archive.clock())
        with pytest.raises(OnHold):
            retention.propose(archive, [row.id], "hết hạn", who="hoa")
        assert retention.sweep(archive, TWO_YEARS, who="hoa").holds == 2
        assert archive.store.stat(row.archive.key).retention.legal_hold


class TestDestruction:
    def test_one_proposes_another_approves_then_it_is_run(self, archive):
        one, two = grown_old(archive)
        assert [term.subject for term in retention.due(archive)] == sorted([one.id, two.id])
        listed = retention.propose(archive, [one.id], "hết thời hạn bảo quản", who="hoa")
        with pytest.raises(NotAllowedNow):
            retention.run(archive, listed.id, who="hoa")
        with pytest.raises(SamePerson):
            retention.decide(archive, listed.id, approve=True, decision="QĐ 12/2031", who="HOA")
        retention.decide(archive, listed.id, approve=True, decision="QĐ 12/2031", who="chủ tịch")
        done = retention.run(archive, listed.id, who="hoa")
        assert done.state is DisposalState.DONE and done.items[0].done_at is not None
        assert (
            archive.store.versions(one.archive.key) == []
            and archive.store.versions(original_key(one.source)) == []
        )
        assert archive.store.get(two.archive.key) == bytes_of("1 pdf")
        gone = archive.catalogue.document(one.id)
        assert gone.fields == {} and gone.text == "" and gone.archive is None and listed.id in gone.reason
        assert gone.status is DocumentStatus.REJECTED
        assert one.id not in [row.id for row in archive.catalogue.documents()]
        assert archive.catalogue.find("Nguyễn Thị Ánh")[0] == 1

    def test_the_record_of_destruction_stays(self, archive):
        one, _ = grown_old(archive)
        listed = retention.propose(archive, [one.id], "hết hạn", who="hoa")
        retention.decide(archive, listed.id, approve=True, decision="QĐ 12", who="bình")
        done = retention.run(archive, listed.id, who="hoa")
        kept = json.loads(archive.store.get(done.record.key))
        assert kept["decision"] == "QĐ 12" and kept["proposed_by"] == "hoa" and kept["approved_by"] == "bình"
        assert one.archive.sha256 in json.dumps(kept) and "Nguyễn" not in json.dumps(kept, ensure_ascii=False)
        for statement in ("DELETE FROM disposal_lists", "DELETE FROM disposal_items", "UPDATE disposal_lists SET reason = 'x'",
                          "UPDATE disposal_items SET title = 'x'"):  # fmt: skip
            with pytest.raises(SohoaError), archive.catalogue.write() as connection:
                connection.execute(sa.text(statement))

    def test_not_before_its_date_and_never_under_hold(self, archive):
        retention.sweep(archive, TWO_YEARS, who="lan")
        row = archive.catalogue.documents()[0]
        with pytest.raises(NotDueForDisposal):
            retention.propose(archive, [row.id], "sớm", who="hoa")
        with pytest.raises(NotDueForDisposal):
            retention.propose(archive, [], "sớm", who="hoa")

    def test_a_hold_between_approval_and_run(self, archive):
        one, two = grown_old(archive)
        listed = retention.propose(archive, [], "hết hạn", who="hoa")
        retention.decide(archive, listed.id, approve=True, decision="QĐ 12", who="bình")
        retention.hold(archive, one.id, "toà án", who="bình")
        done = retention.run(archive, listed.id, who="hoa")
        items = {item.subject: item for item in done.items}
        assert items[one.id].done_at is None and "on_hold" in items[one.id].left_out
        assert items[two.id].done_at is not None
        assert archive.store.get(one.archive.key) == bytes_of("0 pdf")

    def test_the_stores_own_lock_wins(self, archive):
        one, _ = grown_old(archive)
        archive.store.set_retention(
            one.archive.key, "1", RetentionMode.COMPLIANCE, datetime.now(UTC) + timedelta(days=9)
        )
        listed = retention.propose(archive, [one.id], "hết hạn", who="hoa")
        retention.decide(archive, listed.id, approve=True, decision="QĐ 12", who="bình")
        done = retention.run(archive, listed.id, who="hoa")
        assert "object_locked" in done.items[0].left_out
        assert archive.catalogue.document(one.id).fields

    def test_refused_lists_are_not_run_and_records_can_be_proposed_again(self, archive):
        one, _ = grown_old(archive)
        listed = retention.propose(archive, [one.id], "hết hạn", who="hoa")
        with pytest.raises(NotAllowedNow):
            retention.propose(archive, [one.id], "lần nữa", who="hoa")
        retention.decide(archive, listed.id, approve=False, decision="còn cần", who="bình")
        with pytest.raises(NotAllowedNow):
            retention.run(archive, listed.id, who="hoa")
        assert retention.propose(archive, [one.id], "lần nữa", who="hoa").state is DisposalState.PROPOSED

    @pytest.mark.parametrize("jump", [400, -400])
    def test_a_clock_that_jumped_destroys_nothing(self, archive, jump):
        one, _ = grown_old(archive)
        listed = retention.propose(archive, [one.id], "hết hạn", who="hoa")
        retention.decide(archive, listed.id, approve=True, decision="QĐ 12", who="bình")
        archive.clock = lambda: LATER + timedelta(days=jump)
        with pytest.raises(ClockSuspicious):
            retention.run(archive, listed.id, who="hoa")
        with pytest.raises(ClockSuspicious):
            retention.propose(archive, [one.id], "hết hạn", who="hoa")

    def test_fixity_and_sanity_know_it_was_wanted(self, archive):
        one, _ = grown_old(archive)
        check_fixity(archive, TWO_YEARS, who="lan")
        listed = retention.propose(archive, [one.id], "hết hạn", who="hoa")
        retention.decide(archive, listed.id, approve=True, decision="QĐ 12", who="bình")
        retention.run(archive, listed.id, who="hoa")
        report = check_fixity(archive, TWO_YEARS, who="lan", everything=True)
        assert (report.missing, report.healed) == (0, 0)
        with pytest.raises(ObjectMissing):
            archive.store.get(one.archive.key)
        errors = [f for f in check_sanity(archive).findings if f.severity == "error"]
        assert errors == []

    def test_killed_while_it_runs(self, tmp_path):
        """Killed anywhere and run again: what is destroyed is destroyed whole, what stays stays whole."""
        with small_archive(tmp_path, records=6) as archive:
            rows = grown_old(archive)
            lists = []
            for row in rows[:5]:
                listed = retention.propose(archive, [row.id], "hết hạn", who="hoa")
                lists.append(retention.decide(archive, listed.id, approve=True, decision="QĐ", who="bình").id)
        killer = Killer(0.12)
        while killer.kills < KILLS and killer.turn < 40 + 8 * KILLS:
            listed = lists[killer.turn % 5]

            def work(listed: str = listed) -> None:
                with small_archive(tmp_path, clock=lambda: LATER) as archive:
                    retention.run(archive, listed, who="hoa")

            killer.killed(work)
            with small_archive(tmp_path, clock=lambda: LATER) as archive:
                for row in rows:
                    done = archive.catalogue.document(row.id).archive is None
                    if not done:
                        archive.store.verify(row.archive.key, row.archive.version)
        with small_archive(tmp_path, clock=lambda: LATER) as archive:
            for listed in lists:
                assert retention.run(archive, listed, who="hoa").items[0].done_at is not None
            for row in rows[:5]:
                assert archive.store.versions(row.archive.key) == []
            archive.store.verify(rows[5].archive.key)
            with archive.catalogue.read() as connection:
                events = connection.scalar(sa.text("SELECT count(*) FROM events WHERE what = 'destroyed'"))
            assert events == 5
        assert killer.kills == KILLS


class TestHandingOver:
    def test_reminded_in_time_until_it_is_handed_over(self, archive):
        settings = PreserveSettings()
        one, two = archive.catalogue.documents()
        assert retention.reminders(archive, settings) == []
        archive.clock = lambda: datetime.now(UTC) + timedelta(days=320)
        assert [r.subject for r in retention.reminders(archive, settings)] == [one.id, two.id]
        assert not any(r.overdue for r in retention.reminders(archive, settings))
        archive.clock = lambda: datetime.now(UTC) + timedelta(days=370)
        assert all(r.overdue for r in retention.reminders(archive, settings))
        assert retention.hand_over(archive, [one.id, two.id[:9]], minutes="BB 03", who="lan") == [
            one.id,
            two.id,
        ]
        assert retention.hand_over(archive, [one.id], minutes="BB 04", who="lan") == []
        assert retention.reminders(archive, settings) == []
        with pytest.raises(WrongUse):
            retention.hand_over(archive, [one.id], minutes=" ", who="lan")


def test_a_mirrored_copy_is_marked_for_destruction(tmp_path):
    with small_archive(tmp_path, records=1) as archive:
        (row,) = grown_old(archive)
        mirror(archive)
        Places(archive.catalogue).seen("replica", archive.replicas["replica"].list())
        listed = retention.propose(archive, [row.id], "hết hạn", who="hoa")
        retention.decide(archive, listed.id, approve=True, decision="QĐ", who="bình")
        retention.run(archive, listed.id, who="hoa")
        with archive.catalogue.read() as connection:
            states = connection.execute(sa.select(k.object_places.c.place, k.object_places.c.state)).all()
        assert set(states) == {("primary", "gone"), ("replica", "delete")}
