"""Taking in what other systems send, without HTTP between: twice at once, killed in between, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import exchange
from flows.exchange import take_in
from flows.review import Desk
from ocr.intake import inspect
from schemas.api import ImportMetadata
from schemas.errors import DiskFull, WrongUse
from schemas.people import Actor
from schemas.settings import Codes, Limits, Office, Settings
from storage.catalogue import BatchStatus, Catalogue
from storage.codes import DocCode, parse_doc_code
from storage.objects import open_store
from storage.reuse import Imports
from tests.api_server import described, paper

pytest_plugins = ["catalogue_fixtures"]
SENDER = Actor.local("Hệ thống một cửa")


@pytest.fixture
def desk(catalogue: Catalogue, tmp_path, monkeypatch) -> Iterator[Desk]:
    def seen_at_once(path: Path, name: str, limits: Limits):
        return exchange.Seen(inspect(path.read_bytes(), name, limits), "", True)

    # What is tried here is the order of writing; files are looked at in processes of their own in tests/test_api.py.
    monkeypatch.setattr(exchange, "look", seen_at_once)
    store = open_store((tmp_path / "store").as_uri())
    yield Desk(Settings(home=tmp_path, office=Office(code="H26.12")), catalogue, store)
    store.close()


def offered(desk: Desk, number: int) -> Path:
    path = desk.settings.home / f"{number}.pdf"
    if not path.exists():
        path.write_bytes(paper(number))
    return path


def sent(desk: Desk, number: int):
    path = offered(desk, number)
    return take_in(desk, SENDER, path, path.name, ImportMetadata(**described(number)))


def test_the_same_at_once_is_one_record_every_time(desk: Desk) -> None:
    for number in range(1, 7):
        offered(desk, number)
        gate, rows, errors = threading.Barrier(6), [], []

        def one(number=number, gate=gate, rows=rows, errors=errors) -> None:
            gate.wait()
            try:
                rows.append(sent(desk, number).row)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=one) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors
        assert len({row.id for row in rows}) == 1 and {row.doc_code for row in rows} == {described(number)["DocCode"]}
    assert len(desk.catalogue.documents()) == 6


STEPS = ("store.put", "catalogue.start_batch", "catalogue.add_file", "catalogue.record_file", "catalogue.finish_batch")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_stopped_at_any_step_the_same_call_goes_on(desk: Desk, monkeypatch, step: str, after: bool) -> None:
    room, name = step.split(".")
    whole = getattr(type(getattr(desk, room)), name)
    stopped = []

    def stops(self, *arguments, **named):
        if not stopped and not after:
            stopped.append(step)
            raise DiskFull
        done = whole(self, *arguments, **named)
        if not stopped:
            stopped.append(step)
            raise DiskFull
        return done

    monkeypatch.setattr(type(getattr(desk, room)), name, stops)
    with pytest.raises(DiskFull):
        sent(desk, 1)
    taken = sent(desk, 1)
    assert stopped and taken.row.doc_code == described(1)["DocCode"] and taken.row.status == "checked"
    assert len(desk.catalogue.documents()) == 1 and len(desk.catalogue.versions(taken.row.id)) == 1
    assert desk.catalogue.batch(taken.sent.batch).status is BatchStatus.FINISHED
    assert Imports(desk.catalogue).waiting() == []


def test_a_doc_code_is_taken_apart_by_the_template_of_the_office() -> None:
    usual = Codes()
    assert parse_doc_code(usual, "H26.12_QĐ_000021_V2") == DocCode("H26.12", "QĐ", 21, 2)
    assert parse_doc_code(usual, "G06.01_CV_00021_V1").serial == 21, "the letter's own example drops a zero"
    own = Codes(doc_code="{office}-{serial:06d}.{field}.V{version}")
    assert parse_doc_code(own, "H26.12-000007.GP.V1") == DocCode("H26.12", "GP", 7, 1)
    for wrong in ("", "H26.12_QĐ_000000_V1", "H26.12_QĐ_000021_V0", "H26.12_QĐ_21", "h26_QĐ_000021_V1", "x" * 99):
        with pytest.raises(WrongUse):
            parse_doc_code(usual, wrong)
