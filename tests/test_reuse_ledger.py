"""Reuses are counted once, never changed; keys of the API have one effect: on SQLite and on PostgreSQL."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from schemas.errors import NotAllowedNow, RequestKeyReused, SohoaError
from schemas.reuse import Reuse
from schemas.reuse_errors import AlreadyDigitised, DocCodeTaken
from storage.catalogue import Catalogue
from storage.codes import parse_doc_code
from storage.reuse import Imports, Requests, Reuses, Running, Stored, reuse_id
from storage.reuse.tables import imports, lookups, put_versions, reuses
from tests.made_catalogue import CODING, paper, recorded

DOSSIER = "H26.12-260315-0007"
pytest_plugins = ["catalogue_fixtures"]
NOON = datetime(2026, 3, 15, 5, tzinfo=UTC)


def used(row, dossier: str = DOSSIER, purpose: str = "Xác nhận hộ nghèo", at: datetime = NOON, unit: str = "U1") -> Reuse:
    return Reuse(
        id=reuse_id(row.id, dossier, purpose), document=row.id, version=1, sha256="a" * 64, dossier=dossier,
        purpose=purpose, actor="lan", actor_name="Lan", unit=unit, right="reuse", via="cli", at=at,
    )  # fmt: skip


class TestReuses:
    def test_the_same_reuse_counts_once_however_its_purpose_is_typed(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1], archive="archive/a/V1.pdf"))
        ledger = Reuses(catalogue)
        first, new = ledger.record(used(row), who="lan")
        again, renewed = ledger.record(used(row, purpose="XAC NHAN  hộ nghèo"), who="minh")
        assert (new, renewed) == (True, False)
        assert again == first
        assert len(ledger.of(document=row.id)) == len(ledger.of(dossier=DOSSIER)) == 1

    def test_what_forbids_is_asked_in_the_same_transaction_and_leaves_nothing(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1], archive="archive/a/V1.pdf"))

        def no(_) -> None:
            raise NotAllowedNow("thu hồi")

        with pytest.raises(NotAllowedNow):
            Reuses(catalogue).record(used(row), who="lan", allowed=no)
        assert Reuses(catalogue).of(document=row.id) == []

    def test_many_at_once_write_one_row(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1], archive="archive/a/V1.pdf"))
        news = []
        threads = [
            threading.Thread(target=lambda: news.append(Reuses(catalogue).record(used(row), who="lan")[1])) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(news) == [False] * 7 + [True]

    def test_counts_of_a_quarter_by_unit_with_days_cut_in_vietnam(self, catalogue: Catalogue) -> None:
        rows = recorded(catalogue, paper([1], archive="archive/a/V1.pdf"), paper([2], archive="archive/b/V1.pdf"))
        ledger = Reuses(catalogue)
        ledger.record(used(rows[0]), who="lan")
        ledger.record(used(rows[1]), who="lan")
        ledger.record(used(rows[0], dossier="H26.12-260316-0001"), who="lan")
        ledger.record(used(rows[0], purpose="Khác", unit="U2"), who="lan")
        # 31 March, 18:00 UTC is 1 April in Vietnam.
        late = datetime(2026, 3, 31, 18, tzinfo=UTC)
        ledger.record(used(rows[0], dossier="H26.12-260331-0001", at=late), who="lan")
        quarter = ledger.counts(date(2026, 1, 1), date(2026, 3, 31))
        assert (quarter.uses, quarter.records, quarter.dossiers) == (4, 2, 2)
        own = ledger.counts(date(2026, 1, 1), date(2026, 3, 31), "U1")
        assert (own.uses, own.records, own.dossiers) == (3, 2, 2)
        assert [(c.unit, c.kind, c.uses) for c in quarter.by_kind] == [("U1", "quyet_dinh", 3), ("U2", "quyet_dinh", 1)]
        april = ledger.counts(date(2026, 4, 1), date(2026, 6, 30))
        assert (april.uses, april.dossiers) == (1, 1)

    @pytest.mark.parametrize("verb", ["update", "delete"])
    def test_rows_are_never_changed(self, catalogue: Catalogue, verb: str) -> None:
        (row,) = recorded(catalogue, paper([1], archive="archive/a/V1.pdf"))
        Reuses(catalogue).record(used(row), who="lan")
        change = reuses.delete() if verb == "delete" else reuses.update().values(purpose="khác")
        with pytest.raises(SohoaError, match="append-only"), catalogue.write() as connection:
            connection.execute(change)

    def test_every_table_of_what_happened_is_append_only(self, catalogue: Catalogue) -> None:
        with catalogue.read() as connection:
            if catalogue.is_sqlite:
                found = connection.scalars(sa.text("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'")).all()
            else:
                found = connection.scalars(sa.text("SELECT event_object_table FROM information_schema.triggers")).all()
        assert {t.name for t in (reuses, lookups, imports, put_versions)} <= set(found)


class TestRequests:
    LEASE = timedelta(minutes=5)

    def test_a_key_gives_its_first_answer(self, catalogue: Catalogue) -> None:
        requests = Requests(catalogue)
        mine = requests.begin("t", "khoa-0001", "a" * 64, self.LEASE)
        assert isinstance(mine, Running) and mine.mine
        assert not requests.begin("t", "khoa-0001", "a" * 64, self.LEASE).mine
        requests.finish(mine, 201, {"Location": "/x"}, {"id": "Ở"})
        assert requests.begin("t", "khoa-0001", "a" * 64, self.LEASE) == Stored(201, {"Location": "/x"}, {"id": "Ở"})

    def test_a_key_serves_one_request_of_one_client(self, catalogue: Catalogue) -> None:
        requests = Requests(catalogue)
        requests.begin("t", "khoa-0001", "a" * 64, self.LEASE)
        with pytest.raises(RequestKeyReused):
            requests.begin("t", "khoa-0001", "b" * 64, self.LEASE)
        assert requests.begin("another", "khoa-0001", "b" * 64, self.LEASE).mine

    def test_what_failed_may_be_tried_again(self, catalogue: Catalogue) -> None:
        requests = Requests(catalogue)
        requests.give_up(requests.begin("t", "khoa-0001", "a" * 64, self.LEASE))
        assert requests.begin("t", "khoa-0001", "b" * 64, self.LEASE).mine

    def test_the_key_of_a_dead_process_is_taken_over_and_its_late_answer_lost(self, catalogue: Catalogue) -> None:
        moment = [NOON]
        requests = Requests(catalogue, clock=lambda: moment[0])
        dead = requests.begin("t", "khoa-0001", "a" * 64, self.LEASE)
        moment[0] += timedelta(minutes=6)
        living = requests.begin("t", "khoa-0001", "a" * 64, self.LEASE)
        assert living.mine and living.holder != dead.holder
        requests.finish(dead, 201, {}, {"by": "dead"})
        requests.give_up(dead)
        requests.finish(living, 201, {}, {"by": "living"})
        assert requests.begin("t", "khoa-0001", "a" * 64, self.LEASE).body == {"by": "living"}

    def test_one_of_many_at_once_gets_the_key(self, catalogue: Catalogue) -> None:
        got = []
        requests = Requests(catalogue)
        threads = [
            threading.Thread(target=lambda: got.append(requests.begin("t", "khoa-0001", "a" * 64, self.LEASE).mine))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got.count(True) == 1 and len(got) == 8

    def test_old_answers_are_forgotten(self, catalogue: Catalogue) -> None:
        requests = Requests(catalogue)
        requests.begin("t", "khoa-0001", "a" * 64, self.LEASE)
        assert requests.forget(datetime.now(UTC) - timedelta(hours=1)) == 0
        assert requests.forget(datetime.now(UTC) + timedelta(seconds=1)) == 1


class TestImports:
    CODE = "H26.12_QĐ_000021_V1"

    def claim(self, catalogue: Catalogue, source: str = "b" * 64, code: str | None = CODE, unit: str = "U1"):
        parsed = parse_doc_code(CODING.templates, code) if code else None
        return Imports(catalogue).claim(source, parsed, code, {"Subject": "x"}, unit=unit, actor="t", who="t")

    def test_the_same_again_is_the_same(self, catalogue: Catalogue) -> None:
        first, new = self.claim(catalogue)
        again, renewed = self.claim(catalogue)
        assert (new, renewed) == (True, False) and again.id == first.id

    def test_a_code_stands_for_one_file_and_a_file_for_one_record(self, catalogue: Catalogue) -> None:
        self.claim(catalogue)
        with pytest.raises(DocCodeTaken):
            self.claim(catalogue, source="c" * 64)
        with pytest.raises(AlreadyDigitised) as refused:
            self.claim(catalogue, code="H26.12_QĐ_000022_V1", unit="U2")
        assert refused.value.detail == "", "another agency does not learn the code"
        (row,) = recorded(catalogue, paper([1], archive="archive/a/V1.pdf"))
        with pytest.raises(AlreadyDigitised):
            self.claim(catalogue, source=row.source, code=None)

    def test_of_many_at_once_one_gets_the_code(self, catalogue: Catalogue) -> None:
        outcomes = []

        def try_it(source: str) -> None:
            try:
                outcomes.append(self.claim(catalogue, source=source)[1])
            except DocCodeTaken:
                outcomes.append("taken")

        threads = [threading.Thread(target=try_it, args=(letter * 64,)) for letter in "abcdef"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes.count(True) == 1 and outcomes.count("taken") == 5

    def test_numbers_given_here_go_on_after_those_that_came(self, catalogue: Catalogue) -> None:
        rows = recorded(catalogue, paper([1], archive="archive/a/V1.pdf"), paper([2], archive="archive/b/V1.pdf"))
        parsed = parse_doc_code(CODING.templates, self.CODE)
        named = Imports(catalogue).number(rows[0].id, parsed, self.CODE, who="t")
        assert named.doc_code == self.CODE
        assert Imports(catalogue).number(rows[0].id, parsed, self.CODE, who="t") == named
        with pytest.raises(DocCodeTaken):
            Imports(catalogue).number(rows[1].id, parsed, self.CODE, who="t")
        assert catalogue.assign_codes(rows[1].id, CODING).doc_code == "H26.12_QĐ_000022_V1"
        assert Imports(catalogue).find(parsed) == (rows[0].id, 1)
