"""A file is found by its bytes through an index, whichever database and however many files; renewed copies are found too."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from schemas.errors import SohoaError
from schemas.register import Cancelling, PublicState
from schemas.store import ObjectRef
from storage.catalogue import Catalogue
from storage.register import Register
from tests.made_catalogue import paper, recorded
from tests.made_register import Clock, used

pytest_plugins = ["catalogue_fixtures"]


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def plan_of(catalogue: Catalogue, asked) -> str:
    """How the database finds what a call asks for."""
    said = []

    def heard(connection, cursor, statement, parameters, context, many) -> None:
        said.append((statement, parameters))

    event.listen(catalogue._engine, "before_cursor_execute", heard)
    try:
        asked()
    finally:
        event.remove(catalogue._engine, "before_cursor_execute", heard)
    statement, parameters = next(each for each in said if each[0].startswith("SELECT"))
    with catalogue.read() as connection:
        if not catalogue.is_sqlite:  # with a handful of rows it would read them all, and rightly
            connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        how = "EXPLAIN QUERY PLAN " if catalogue.is_sqlite else "EXPLAIN "
        return "\n".join(str(row) for row in connection.exec_driver_sql(how + statement, parameters))


def test_an_archived_version_is_found_by_an_index(catalogue):
    [row] = recorded(catalogue, paper([1]))
    for number in range(3):
        ref = ObjectRef(key=f"archive/x/V{number}.pdf", sha256=sha(f"v{number}"), size=1, version="1")
        catalogue.mark_archived(row.id, ref)
    assert catalogue.archived_as(sha("v1").upper()).document == row.id
    assert catalogue.archived_as(sha("other")) is None
    assert "ix_document_versions_sha256" in plan_of(catalogue, lambda: catalogue.archived_as(sha("v1")))


@pytest.fixture
def register(catalogue) -> Register:
    return Register(catalogue, clock=Clock("2026-11-22T09:00:00"))


def test_an_issued_copy_is_found_by_an_index(register):
    used(register, "a")
    assert "sha256" in plan_of(register.database, lambda: register.issued_entry(sha256=sha("a")))


def test_a_renewed_copy_is_the_issued_one(register):
    entry, other = used(register, "a"), used(register, "b")
    for _ in range(2):  # the same again, as after a kill, changes nothing
        assert register.note_renewal(entry.id, sha("renewed").upper(), who="lan")
    assert register.note_renewal(entry.id, sha("renewed twice"), who="lan")
    for known in ("a", "renewed", "renewed twice"):
        assert register.issued_entry(sha256=sha(known)).id == entry.id
        assert register.public_status(sha256=sha(known)).number == entry.full_number
    assert register.public_status(sha256=sha("renewed"), code="code-a").state is PublicState.VALID
    assert register.public_status(sha256=sha("renewed"), code="code-b").state is PublicState.UNKNOWN
    assert register.issued_entry(sha256=sha("b")).id == other.id
    assert [e.what for e in register.database.events(entry.id)].count("copy_renewed") == 2


def test_a_cancelled_copy_stays_cancelled_when_renewed(register):
    entry = used(register, "a")
    register.note_renewal(entry.id, sha("renewed"), who="lan")
    day = register.moment().date()
    register.cancel(
        entry.id,
        Cancelling(decision="9/QĐ", decision_date=day, decided_by="Chủ tịch", reason="sai"),
        who="lan",
    )
    assert register.public_status(sha256=sha("renewed")).state is PublicState.CANCELLED
    assert register.issued_entry(sha256=sha("renewed")).cancellation is not None


def test_a_file_outside_the_register_is_not_noted(register):
    assert not register.note_renewal("C-NOBODY", sha("x"), who="lan")
    assert register.issued_entry(sha256=sha("x")) is None


def test_renewals_are_not_rewritten(register):
    entry = used(register, "a")
    register.note_renewal(entry.id, sha("renewed"), who="lan")
    for verb in ("UPDATE register_renewals SET who = 'x'", "DELETE FROM register_renewals"):
        with pytest.raises(SohoaError), register.database.write() as connection:
            connection.execute(sa.text(verb))
