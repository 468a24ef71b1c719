"""The audit chain: what is written, by whom, under concurrency; and every way of touching it is found and located.

Tampering is done as somebody with all rights on the database would: triggers dropped first, put back afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from audit_book import LAN, Book, set_row, stamp
from made_catalogue import ROOT, paper, recorded, waiting

from schemas.errors import SohoaError
from schemas.people import working_as
from schemas.zone import VIETNAM
from storage.audit import Audit
from storage.audit.chain import GENESIS, HASHED, append, row_hash
from storage.audit.tables import audit_head, audit_log
from storage.catalogue import Catalogue

pytest_plugins = ["catalogue_fixtures", "audit_fixtures"]


class TestWriting:
    def test_every_event_of_the_catalogue_is_in_the_chain(self, book: Book) -> None:
        with working_as(LAN):
            batch = book.catalogue.start_batch("lô", who=LAN.who)
        row = book.audit.rows()[0]
        assert (row.action, row.object, row.who, row.actor, row.unit) == (
            "batch_started",
            batch.id,
            "lan",
            "P-LAN",
            "U-1",
        )
        assert (row.via, row.address) == ("portal", "10.0.0.7") and row.at.tzinfo is not None
        assert batch.unit == "U-1" and batch.made_by == "P-LAN"

    def test_a_changed_field_is_in_the_chain_without_its_value(self, book: Book) -> None:
        document = waiting(book.catalogue)
        name = next(iter(document.fields))
        book.catalogue.set_field(document.id, name, "099099000123", who="lan", why="đọc sai")
        row = next(r for r in book.audit.rows() if r.action == "field_changed")
        assert (row.object, row.why, row.detail) == (document.id, "đọc sai", {"field": name})
        assert "099099000123" not in str(book.audit.rows(limit=None))

    def test_rows_link_from_the_first_to_the_head(self, book: Book) -> None:
        book.write(3)
        rows = book.audit.rows()[::-1]
        assert rows[0].previous == GENESIS and [r.seq for r in rows] == [1, 2, 3]
        assert [r.previous for r in rows[1:]] == [r.hash for r in rows[:-1]]
        assert book.audit.head() == (3, rows[-1].hash)
        assert book.found() == []

    def test_nothing_is_written_of_what_is_rolled_back(self, book: Book) -> None:
        book.write(1)
        with pytest.raises(ZeroDivisionError), book.catalogue.write() as connection:
            book.audit.add(connection, LAN, "looked", "D-9")
            raise ZeroDivisionError
        assert [r.seq for r in book.audit.rows()] == [1] and book.found() == []

    def test_a_connection_of_somebody_else_is_served_at_once(self, book: Book) -> None:
        with book.catalogue._engine.begin() as connection:
            append(connection, "dba", "by_hand")
        assert book.audit.rows()[0].action == "by_hand" and book.found() == []

    def test_text_that_databases_do_not_keep_still_fits(self, book: Book) -> None:
        with book.catalogue.write() as connection:
            book.audit.add(
                connection, LAN, "looked", "a\0b\ud800", "lý do\0", {"x": float("nan"), "ký": ["\ud800"]}
            )
        assert book.found() == []

    def test_many_writers_make_one_chain_without_gaps(self, book: Book) -> None:
        def work(number: int) -> None:
            with Catalogue.open(book.catalogue.url) as own:
                for _ in range(15):
                    with own.write() as connection:
                        for _ in range(2):
                            Audit(own).add(connection, f"w{number}", "looked", "D")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert book.audit.head()[0] == 120
        assert book.found() == []

    def test_writers_that_meet_on_other_rows_do_not_deadlock(self, book: Book) -> None:
        """The head is taken last: two transactions that first write to the chain and then want the same batch both end."""
        batch = book.catalogue.start_batch("lô")
        document = recorded(book.catalogue, paper([1]))[0].id

        def one(_: int) -> None:
            with Catalogue.open(book.catalogue.url) as own:
                for _ in range(10):
                    with own.write() as connection:
                        Audit(own).add(connection, "a", "first", batch.id)
                        connection.execute(sa.text("UPDATE batches SET name = name"))
                        connection.execute(sa.text("UPDATE documents SET reason = reason"))
            return document

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(4)))
        assert book.found() == []

    def test_a_killed_writer_leaves_a_whole_chain(self, book: Book) -> None:
        program = (
            "import sys\nfrom storage.audit import Audit\nfrom storage.catalogue import Catalogue\n"
            "c = Catalogue.open(sys.argv[1])\nprint('ready', flush=True)\n"
            "while True:\n    with c.write() as n: Audit(c).add(n, 'x', 'looked', 'D')"
        )
        for _ in range(3):
            writer = subprocess.Popen(
                [sys.executable, "-c", program, book.catalogue.url], cwd=ROOT, stdout=subprocess.PIPE
            )
            writer.stdout.readline()
            time.sleep(0.05)
            writer.kill()
            writer.wait()
            writer.stdout.close()
        assert {kind for kind, *_ in book.found()} <= {"unwitnessed"}
        book.write(1)
        assert book.found() == []

    def test_the_database_refuses_to_change_or_remove_rows(self, book: Book) -> None:
        book.write(2)
        for statement in (
            "UPDATE audit_log SET who = 'x'", "DELETE FROM audit_log", "DELETE FROM audit_head",
            "UPDATE audit_head SET seq = 1",
            *([] if book.catalogue.is_sqlite else ["TRUNCATE audit_log", "TRUNCATE audit_head"]),
        ):  # fmt: skip
            with pytest.raises(SohoaError), book.catalogue.write() as connection:
                connection.execute(sa.text(statement))
        assert book.found() == []

    def test_rows_are_found_by_object_person_action_and_day(self, book: Book) -> None:
        book.write(3)
        book.write(1, "downloaded")
        today = datetime.now(VIETNAM).date()
        audit = book.audit
        assert [r.object for r in audit.rows(object="D-2")] == ["D-2"]
        assert len(audit.rows(who="lan", since=today, until=today)) == 4 == len(audit.rows(who="P-LAN"))
        assert len(audit.rows(action="downloaded")) == 1
        assert (
            audit.rows(since=today + timedelta(days=1)) == [] == audit.rows(until=today - timedelta(days=1))
        )
        assert [r.seq for r in audit.rows(limit=2)] == [4, 3] and [r.seq for r in audit.rows(before=3)] == [
            2,
            1,
        ]


class TestTampering:
    def test_any_column_that_is_changed(self, book: Book) -> None:
        columns = ("who", "actor", "via", "unit", "address", "action", "object", "why", "detail", "at")
        book.write(len(columns) + 2)
        for number, column in enumerate(columns, 2):
            value = "2020-01-01T00:00:00.000000+00:00" if column == "at" else "khác"
            book.dba(set_row(number, **{column: value}))
        found = [one for one in book.found() if one[0] != "clock_back"]
        assert (
            found == [("changed", n, n) for n in range(2, len(columns) + 2)] and not book.audit.check().whole
        )

    def test_a_row_that_is_changed_with_its_hash(self, book: Book) -> None:
        book.write(5)
        row = {**book.audit.rows(limit=None)[2].__dict__, "who": "khác"}
        row["at"], row["detail"] = row["at"].isoformat(timespec="microseconds"), json.dumps(row["detail"])
        fitting = row_hash([row[name] for name in HASHED])
        book.dba(set_row(3, who="khác", hash=fitting))
        assert {("link", 3, 4), ("rechained", 3, 3)} <= set(book.found())

    def test_the_first_row_that_is_changed(self, book: Book) -> None:
        book.write(2)
        book.dba(set_row(1, who="khác"))
        assert book.found() == [("changed", 1, 1)]

    def test_rows_that_are_removed_in_the_middle(self, book: Book) -> None:
        book.write(6)
        book.dba("DELETE FROM audit_log WHERE seq IN (3, 4)")
        assert book.found() == [("removed", 3, 4)]

    def test_rows_that_are_removed_at_the_beginning(self, book: Book) -> None:
        book.write(4)
        book.dba("DELETE FROM audit_log WHERE seq = 1")
        assert book.found() == [("removed", 1, 1)]

    def test_rows_that_are_removed_at_the_end(self, book: Book) -> None:
        book.write(5)
        book.dba("DELETE FROM audit_log WHERE seq > 3")
        assert book.found() == [("removed_end", 4, 5)]

    def test_rows_that_are_removed_at_the_end_with_the_head(self, book: Book) -> None:
        book.write(5)
        third = book.audit.rows(limit=None)[2]
        book.dba("DELETE FROM audit_log WHERE seq > 3", audit_head.update().values(seq=3, hash=third.hash))
        assert book.found() == [("removed_end", 4, 5)]

    def test_rows_that_are_removed_at_the_end_are_still_missing_after_new_ones(self, book: Book) -> None:
        book.write(5)
        third = book.audit.rows(limit=None)[2]
        book.dba("DELETE FROM audit_log WHERE seq > 3", audit_head.update().values(seq=3, hash=third.hash))
        book.write(4)
        assert {("rechained", 4, 4), ("rechained", 5, 5)} <= set(book.found())

    def test_everything_removed(self, book: Book) -> None:
        book.write(3)
        book.dba("DELETE FROM audit_log", audit_head.update().values(seq=0, hash=GENESIS))
        assert book.found() == [("removed_end", 1, 3)]

    def test_a_row_that_is_inserted_at_the_end(self, book: Book) -> None:
        book.write(3)
        last = {**book.audit.rows()[0].__dict__, "detail": "{}", "at": "2030-01-01T00:00:00.000000+00:00"}
        forged = last | {"seq": 4, "previous": last["hash"]}
        forged["hash"] = row_hash([forged[name] for name in HASHED])
        book.dba(audit_log.insert().values(**forged))
        assert ("inserted", 4, 4) in book.found()

    def test_a_row_that_is_inserted_in_the_middle(self, book: Book) -> None:
        book.write(5)
        forged = {
            **book.audit.rows(limit=None)[0].__dict__,
            "detail": "{}",
            "at": "2026-01-01T00:00:00.000000+00:00",
        }
        moved = [set_row(number, seq=number + 1) for number in (5, 4, 3)]
        book.dba(*moved, audit_log.insert().values(**forged | {"seq": 3}), audit_head.update().values(seq=6))
        kinds = book.found()
        assert ("changed", 3, 3) in kinds and ("changed", 4, 4) in kinds
        book.rechain(3)
        assert ("rechained", 3, 3) in book.found()

    def test_rows_that_change_places(self, book: Book) -> None:
        book.write(5)
        book.dba(set_row(2, seq=99), set_row(4, seq=2), set_row(99, seq=4))
        assert {("changed", 2, 2), ("changed", 4, 4)} <= set(book.found())

    def test_a_number_below_one_has_no_place(self, book: Book) -> None:
        book.write(2)
        first = {**book.audit.rows()[-1].__dict__, "detail": "{}", "at": "2026-01-01T00:00:00.000000+00:00"}
        book.dba(audit_log.insert().values(**first | {"seq": -1}))
        assert any(kind == "inserted" and seq == -1 for kind, seq, _ in book.found())

    def test_a_chain_made_to_fit_again_differs_from_what_was_written_down_outside(self, book: Book) -> None:
        book.write(6)
        book.dba(set_row(4, who="khác"))
        book.rechain(4)
        assert book.found()[0] == ("rechained", 4, 4)

    def test_a_chain_made_to_fit_again_differs_from_its_seal(self, book: Book) -> None:
        """Also when the lines outside the database were rewritten: only the seal is left."""
        book.write(4)
        book.audit.seal(book.store, stamp)
        book.write(3)
        second = book.audit.seal(book.store, stamp)
        book.dba(set_row(6, who="khác"))
        book.rechain(6)
        book.forget_heads()
        assert book.found() == [("seal_differs", 5, second.seq)]

    def test_rows_removed_under_a_seal(self, book: Book) -> None:
        book.write(4)
        seal = book.audit.seal(book.store, stamp)
        book.forget_heads()
        second = book.audit.rows(limit=None)[-2]
        book.dba("DELETE FROM audit_log WHERE seq > 2", audit_head.update().values(seq=2, hash=second.hash))
        assert ("removed_end", 3, seal.seq) in book.found()

    def test_dropped_triggers_are_told(self, book: Book) -> None:
        book.write(1)
        name = "audit_log_no_update" if book.catalogue.is_sqlite else "audit_log_append_only"
        table = "" if book.catalogue.is_sqlite else " ON audit_log"
        with book.catalogue._engine.begin() as connection:
            connection.execute(sa.text(f"DROP TRIGGER {name}{table}"))
        found = book.audit.check()
        assert [(p.kind, p.detail) for p in found.problems] == [("guard_missing", name)] and not found.whole

    def test_the_head_alone_is_changed(self, book: Book) -> None:
        book.write(2)
        book.dba(audit_head.update().values(hash="f" * 64))
        assert book.found() == [("link", 2, 2)]

    def test_clock_set_back_is_a_notice(self, book: Book, monkeypatch) -> None:
        from storage.audit import chain

        book.write(2)
        monkeypatch.setattr(chain, "moment_text", lambda at: "2026-01-01T00:00:00.000000+00:00")
        book.write(2)
        found = book.audit.check()
        assert found.whole and ("clock_back", 3) in [(p.kind, p.seq) for p in found.problems]


@pytest.mark.bench
def test_a_million_rows_are_checked_within_a_minute(tmp_path: Path) -> None:
    with Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite") as catalogue:
        audit = Audit(catalogue)
        for _ in range(100):
            with catalogue.write() as connection:
                for number in range(10_000):
                    audit.add(connection, LAN, "looked", f"D-{number}", "", {"masked": False})
        started = time.perf_counter()
        found = audit.check()
        seconds = time.perf_counter() - started
    print(f"{found.rows} rows in {seconds:.1f} s")
    assert found.whole and found.rows == 1_000_000 and seconds < 60
