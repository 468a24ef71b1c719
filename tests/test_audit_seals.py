"""Seals of the audit chain: what they cover, and what is noticed when one is forged, replaced or gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_book import LAN, Book, set_row, stamp, verify

from schemas.people_errors import AuditBroken
from schemas.zone import VIETNAM
from storage.audit import Audit, Stamped
from storage.audit import heads as heads_module
from storage.audit.chain import GENESIS
from storage.audit.seals import PREFIX
from storage.objects import LocalStore

pytest_plugins = ["catalogue_fixtures", "audit_fixtures"]


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
        assert book.audit.unsealed_days(book.store) == [old.astimezone(VIETNAM).date()]
        assert book.audit.check(book.store).unsealed_days == [old.astimezone(VIETNAM).date()]

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
