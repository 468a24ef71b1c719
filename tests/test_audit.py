"""The audit chain: what is written, by whom, under concurrency; and every way of touching it is found and located.

Tampering is done as somebody with all rights on the database would: triggers dropped first, put back afterwards.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from made_catalogue import ROOT, paper, recorded, waiting

from schemas.errors import SohoaError
from schemas.people import Actor, working_as
from schemas.people_errors import AuditBroken
from storage.audit import Audit, Stamped
from storage.audit import heads as heads_module
from storage.audit.chain import GENESIS, HASHED, append, row_hash
from storage.audit.seals import PREFIX
from storage.audit.tables import audit_head, audit_log
from storage.catalogue import Catalogue
from storage.objects import LocalStore

pytest_plugins = ["catalogue_fixtures"]
LAN = Actor("P-LAN", "Nguyễn Thị Lan", frozenset(), "U-1", "lan", "portal", (), "10.0.0.7")


@pytest.fixture(autouse=True)
def heads_of_this_test(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(heads_module, "_home", tmp_path)


@dataclass
class Book:
    catalogue: Catalogue
    store: LocalStore

    @property
    def audit(self) -> Audit:
        return Audit(self.catalogue)

    def write(self, count: int, action: str = "looked") -> None:
        for number in range(count):
            with self.catalogue.write() as connection:
                self.audit.add(connection, LAN, action, f"D-{number}", "hồ sơ 12")

    def found(self) -> list[tuple[str, int, int]]:
        return [(p.kind, p.seq, p.seq_to) for p in self.audit.check(self.store, verify).problems]

    def dba(self, *changes: sa.Executable | str) -> None:
        """Past the triggers, which stand again afterwards."""
        engine = self.catalogue._engine
        with engine.begin() as connection:
            if self.catalogue.is_sqlite:
                kept = connection.execute(
                    sa.text(
                        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit%'"
                    )
                ).all()
                for name, _ in kept:
                    connection.execute(sa.text(f"DROP TRIGGER {name}"))
            else:
                for table in ("audit_log", "audit_head"):
                    connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for change in changes:
                connection.execute(sa.text(change) if isinstance(change, str) else change)
            if self.catalogue.is_sqlite:
                for _, statement in kept:
                    connection.execute(sa.text(statement))
            else:
                for table in ("audit_log", "audit_head"):
                    connection.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))

    def rechain(self, first: int, *, head: bool = True) -> None:
        """Makes the chain fit again from row `first` on, as somebody who knows this code would."""
        a = audit_log.c
        with self.catalogue.read() as connection:
            rows = [dict(row) for row in connection.execute(sa.select(audit_log).order_by(a.seq)).mappings()]
        previous, changes = GENESIS, []
        for row in rows:
            if row["seq"] >= first:
                row["previous"] = previous
                row["hash"] = row_hash([row[name] for name in HASHED])
                new = {"previous": row["previous"], "hash": row["hash"]}
                changes.append(audit_log.update().where(a.seq == row["seq"]).values(**new))
            previous = row["hash"]
        if head:
            changes.append(audit_head.update().values(seq=rows[-1]["seq"], hash=previous))
        self.dba(*changes)

    def forget_heads(self) -> None:
        """As somebody who may also write to the home folder."""
        with self.catalogue.read() as connection:
            folder, _ = heads_module.folder_of(connection.engine.url)
        for path in folder.glob("*.log"):
            path.unlink()


@pytest.fixture
def book(catalogue: Catalogue, tmp_path: Path) -> Iterator[Book]:
    store = LocalStore(tmp_path / "store")
    yield Book(catalogue, store)
    store.close()


def stamp(digest: bytes) -> bytes:
    """A stand-in for the authority: the real one is in test_people_flows."""
    return json.dumps({"of": digest.hex(), "at": datetime.now(UTC).isoformat()}).encode()


def verify(digest: bytes, token: bytes) -> Stamped:
    said = json.loads(token)
    problem = "" if said["of"] == digest.hex() else "timestamp_hash_failure"
    return Stamped(datetime.fromisoformat(said["at"]), problem)


def set_row(number: int, **values: object) -> sa.Update:
    return audit_log.update().where(audit_log.c.seq == number).values(**values)


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
        today = datetime.now(heads_module._ZONE).date()
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


class TestSeals:
    def test_a_seal_covers_what_is_there_and_names_the_one_before(self, book: Book) -> None:
        book.write(2)
        first = book.audit.seal(book.store, stamp, actor=LAN)
        book.write(1)
        second = book.audit.seal(book.store, stamp)
        assert (first.seq, first.previous, second.previous) == (2, GENESIS, first.sha256)
        found = book.audit.check(book.store, verify)
        assert found.whole and found.problems == [] and (found.seals, found.sealed_to) == (2, second.seq)
        kept = book.store.stat(first.key).retention
        assert kept.mode == "compliance" and kept.until > datetime.now(UTC) + timedelta(days=365 * 19)

    def test_nothing_new_needs_no_seal(self, book: Book) -> None:
        assert book.audit.seal(book.store, stamp) is None
        book.write(1)
        assert book.audit.seal(book.store, stamp) is not None
        assert book.audit.seal(book.store, stamp) is None

    def test_what_does_not_fit_is_not_sealed(self, book: Book) -> None:
        book.write(3)
        book.dba(set_row(2, who="khác"))
        with pytest.raises(AuditBroken):
            book.audit.seal(book.store, stamp)
        assert not list(book.store.list(PREFIX))
        assert book.audit.check_since_seal(book.store).kind == "changed"

    def test_what_was_sealed_and_changed_is_not_sealed_again(self, book: Book) -> None:
        book.write(3)
        book.audit.seal(book.store, stamp)
        book.dba(set_row(2, who="khác"))
        book.rechain(2)
        book.write(1)
        with pytest.raises(AuditBroken, match="seal_differs"):
            book.audit.seal(book.store, stamp)

    def test_a_forged_seal_a_replaced_and_a_missing_one(self, book: Book) -> None:
        seals = []
        for _ in range(3):
            book.write(1)
            seals.append(book.audit.seal(book.store, stamp))
        second = book.store.get(seals[1].key)
        book.store.put(seals[1].key, second.replace(b'"token":"', b'"token":"AAAA'), new_version=True)
        assert [k for k, *_ in book.found()] == ["seal_replaced"]
        wrong = Audit(book.catalogue).check(book.store, lambda digest, token: verify(b"x", token))
        assert {p.kind for p in wrong.problems} >= {"seal_broken"} and not wrong.whole
        late = book.audit.check(book.store, lambda d, t: Stamped(datetime.now(UTC) + timedelta(days=2)))
        assert "seal_late" in {p.kind for p in late.problems}

    def test_a_seal_that_is_gone_is_missed_by_the_next(self, book: Book, tmp_path: Path) -> None:
        seals = []
        for _ in range(3):
            book.write(1)
            seals.append(book.audit.seal(book.store, stamp))
        with LocalStoreCopy(book.store, tmp_path / "other", leave=seals[1].key) as other:
            found = book.audit.check(other, verify)
        assert [(p.kind, p.seq) for p in found.problems] == [("seal_missing", seals[2].seq)]

    def test_days_without_a_seal(self, book: Book) -> None:
        book.write(2)
        old = datetime.now(UTC) - timedelta(days=3)
        book.dba(set_row(1, at=old.isoformat(timespec="microseconds")))
        assert book.audit.unsealed_days(book.store) == [old.astimezone(heads_module._ZONE).date()]
        assert book.audit.check(book.store).unsealed_days == [old.astimezone(heads_module._ZONE).date()]

    def test_a_killed_call_between_store_and_chain_is_finished_by_the_next(self, book: Book) -> None:
        book.write(2)

        class Stopped(Exception):
            pass

        def stopped(digest: bytes) -> bytes:
            raise Stopped

        with pytest.raises(Stopped):
            book.audit.seal(book.store, stopped)
        assert book.audit.seal(book.store, stamp).seq == 2 and book.found() == []

    def test_old_lines_outside_the_database_are_forgotten_after_sealing(self, book: Book) -> None:
        book.write(1)
        with book.catalogue.read() as connection:
            folder, stem = heads_module.folder_of(connection.engine.url)
        (folder / f"{stem}-2026-01-01.log").write_text(f"1 {book.audit.head()[1]}\n")
        book.audit.seal(book.store, stamp)
        assert [p.name for p in folder.glob("*2026-01-01*")] == []
        assert len(list(folder.glob("*.log"))) >= 1


class LocalStoreCopy:
    """A store with all seals but one, as a store would be from which somebody could remove one."""

    def __init__(self, source: LocalStore, folder: Path, leave: str) -> None:
        self._store = LocalStore(folder)
        for ref in source.list(PREFIX):
            if ref.key != leave:
                self._store.put(ref.key, source.get(ref.key))

    def __enter__(self) -> LocalStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


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
