"""A large batch is signed in several lanes: the same files as one after the other, nothing lost by errors or kill -9, and only one
lane at a time where keys and catalogue are."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
from multiprocessing import forkserver
from pathlib import Path

import pytest

from bench.signing_batch import _checked as checked_batch
from flows import sign_lanes
from flows.sign_batch import sign_batch
from flows.sign_lanes import Lanes, OneLane, lanes_for
from schemas.document import DocumentStatus
from schemas.errors import OutputInvalid
from schemas.settings import Settings, Work
from schemas.signing import Verdict
from schemas.signing_errors import TimestampUnavailable
from signing.trust import TrustSettings
from tests.copies_office import CopyOffice
from tests.kills import ended
from tests.signing_fixtures import scanned
from tests.test_copies_kill import in_child

pytest_plugins = ["copies_office"]
COUNT = 7


@pytest.fixture
def office(keys_of_a_module, tmp_path, monkeypatch) -> CopyOffice:
    shutil.copytree(keys_of_a_module, tmp_path / "home")
    monkeypatch.setattr(sign_lanes, "WORTH_IT", 3)
    made = CopyOffice(tmp_path / "home")
    two = Work(processes=2)
    plain = made.settings
    monkeypatch.setattr(
        CopyOffice, "settings", lambda self, **more: plain(**more).model_copy(update={"work": two})
    )
    return made


def archived(desk, batch) -> list:
    return [row for row in desk.catalogue.documents(batch) if row.status is DocumentStatus.ARCHIVED]


def all_sound(desk, batch) -> bool:
    for row in archived(desk, batch):
        verdict = desk.keys.verify(desk.store.get(row.archive.key, row.archive.version), "x.pdf")
        assert verdict.verdict is Verdict.VALID and len(verdict.signatures) == 2 and row.version == 2
        assert [v.version for v in desk.catalogue.versions(row.id)] == [1, 2]
    return len(archived(desk, batch)) == COUNT


def test_in_order_and_told(office):
    told = []
    with office.desk() as desk:
        batch = checked_batch(desk, scanned(), COUNT, "lô")
        result = sign_batch(desk, batch, approved_by="lan", progress=lambda *step: told.append(step))
        rows = [row.id for row in desk.catalogue.documents(batch)]
        assert result.scanned == result.archived == rows
        assert told == [(number, COUNT) for number in range(1, COUNT + 1)]
        assert all_sound(desk, batch) and list(desk.store.list("signing/")) == []
        again = sign_batch(desk, batch, approved_by="lan")
        assert again.done_before == rows and not again.archived


def test_an_authority_that_goes_down_stops_all_lanes_and_the_call_goes_on(office):
    with office.desk() as desk:
        batch = checked_batch(desk, scanned(), COUNT, "lô")
        stamper, answers = desk.keys._timestamper, []
        ask = stamper.request_tsa_response

        def sometimes(request):
            answers.append(1)
            if len(answers) > 21:
                raise TimestampUnavailable("down")
            return ask(request)

        stamper.request_tsa_response = sometimes
        with pytest.raises(TimestampUnavailable):
            sign_batch(desk, batch, approved_by="lan")
        assert 0 < len(archived(desk, batch)) < COUNT and len(answers) <= 21 + 2 * sign_lanes.LANES_A_CORE
        stamper.request_tsa_response = ask
        sign_batch(desk, batch, approved_by="lan")
        assert all_sound(desk, batch)


def test_a_file_that_is_not_sound_stops_nobody(office):
    with office.desk() as desk:
        batch = checked_batch(desk, scanned(), COUNT, "lô")
        bad = desk.catalogue.documents(batch)[2].id
        sign = desk.keys.sign

        def spoilt(pdf, request, moment=None):
            made = sign(pdf, request, moment)
            return type(made)(made.data + b"%", made.evidence) if request.document_id == bad else made

        desk.keys.sign = spoilt
        result = sign_batch(desk, batch, approved_by="lan")
        assert list(result.failed) == [bad] and isinstance(result.failed[bad], OutputInvalid)
        assert len(result.archived) == COUNT - 1


@pytest.mark.parametrize("after", [5, 17])
def test_killed_and_called_again(office, after):
    with office.desk() as desk:
        batch = checked_batch(desk, scanned(), COUNT, "lô")

    def sign(desk) -> None:
        os.environ["SOHOA_TEST_KILLED"] = str(os.getpid())
        forkserver._forkserver.__init__()  # this test's own: a forked child cannot use its parent's
        sign_batch(desk, batch, approved_by="lan")

    pid = in_child(office, sign, die_after=after)
    assert ended(pid) == -signal.SIGKILL
    until = time.monotonic() + 20
    while left := descendants(pid):  # its checking processes end with it
        assert time.monotonic() < until, left
        time.sleep(0.1)
    with office.desk() as desk:
        sign_batch(desk, batch, approved_by="lan")
        assert all_sound(desk, batch)


def descendants(pid: int) -> list[str]:
    """Command lines of processes that were started by a process that is gone; they carry its number in the environment."""
    mark = f"SOHOA_TEST_KILLED={pid}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in place.read_bytes().split(b"\0"):
                found.append((place.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:80])
    return found


def settings(processes: int) -> Settings:
    return Settings(work=Work(processes=processes))


def test_one_lane_at_a_time_but_for_what_is_done_away(tmp_path):
    inside, most, away, most_away = [0], [0], [0], [0]

    def work(row: int) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.002)
        inside[0] -= 1
        with lanes.away():
            away[0] += 1
            most_away[0] = max(most_away[0], away[0])
            time.sleep(0.03)
            away[0] -= 1
        done.append(row)

    done: list[int] = []
    with Lanes(TrustSettings(tmp_path), settings(2)) as lanes:
        lanes.each(range(20), work)
    assert sorted(done) == list(range(20)) and most[0] == 1 and most_away[0] > 1


def test_the_first_error_ends_it_and_nothing_new_is_begun(tmp_path):
    begun: list[int] = []

    def work(row: int) -> None:
        begun.append(row)
        with lanes.away():
            time.sleep(0.01)
        if row == 3:
            raise ValueError("three")

    with Lanes(TrustSettings(tmp_path), settings(2)) as lanes, pytest.raises(ValueError, match="three"):
        lanes.each(range(1000), work)
    assert len(begun) < 20 and threading.active_count() < 20


def test_a_few_files_or_one_core_take_one_lane(tmp_path):
    for count, processes in ((sign_lanes.WORTH_IT - 1, 4), (1000, 1)):
        with lanes_for(count, TrustSettings(tmp_path), settings(processes)) as lanes:
            assert type(lanes) is OneLane
