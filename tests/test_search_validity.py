"""Whether records are in force: dates, recorded acts, their history; what may be used again and what says why not."""

from __future__ import annotations

from datetime import date

import pytest
import sqlalchemy as sa
from made_catalogue import CODING, field, paper, recorded, waiting

from schemas.errors import ChangedMeanwhile, NotAllowedNow, NotFound, SohoaError, WrongUse
from storage.catalogue import Catalogue
from storage.search import Act, Query, acts, record_act, reusable, search, validity_of, why

pytest_plugins = ["catalogue_fixtures"]
TODAY = date(2026, 11, 22)
WHY = {"why": "cấp sai đối tượng", "source": "QĐ 15/QĐ-UBND ngày 01/10/2026"}


def states(catalogue: Catalogue, **asked) -> dict[str, str]:
    found = search(catalogue, Query(text="quyet dinh", today=TODAY, **asked)).hits
    return {hit.id: hit.validity for hit in found}


class TestStates:
    def test_acts_stand_above_dates(self, catalogue: Catalogue) -> None:
        row, other = recorded(
            catalogue, paper([1], valid_from="2026-01-01", valid_to="2026-12-31"), paper([2])
        )
        assert validity_of(row, TODAY) == "in_force"
        row = record_act(catalogue, row.id, Act("revoked", **WHY), who="lan")
        assert (
            validity_of(row, TODAY) == "revoked"
            and "thu hồi" in why(row, TODAY)
            and "cấp sai" in why(row, TODAY)
        )
        row = record_act(catalogue, row.id, Act("replaced", replaced_by=other.id, **WHY), who="lan")
        assert validity_of(row, TODAY) == "replaced" and other.id in why(row, TODAY)
        row = record_act(catalogue, row.id, Act("in_force", until=date(2026, 1, 31), **WHY), who="lan")
        assert validity_of(row, TODAY) == "expired" and "31/01/2026" in why(row, TODAY)
        row = record_act(catalogue, row.id, Act("in_force", **WHY), who="lan")
        assert validity_of(row, TODAY) == "in_force" and row.replaced_by is None
        assert [a.state for a in acts(catalogue, row.id)] == ["revoked", "replaced", "in_force", "in_force"]
        assert validity_of(other, TODAY) == "unknown"
        assert validity_of(other, TODAY, frozenset({"quyet_dinh"})) == "in_force"

    def test_search_says_the_same_at_once(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1], valid_to="2026-12-31"))
        for act, state in (
            (Act("revoked", **WHY), "revoked"),
            (Act("in_force", until=date(2026, 11, 21), **WHY), "expired"),
            (Act("in_force", **WHY), "in_force"),
        ):
            record_act(catalogue, row.id, act, who="lan")
            assert states(catalogue) == states(catalogue, validity=(state,)) == {row.id: state}
            facets = search(catalogue, Query(today=TODAY, facets=True)).facets
            assert facets.validity == {state: 1}

    def test_reading_again_does_not_undo_an_act(self, catalogue: Catalogue) -> None:
        from made_catalogue import file_in

        file = file_in(catalogue)
        (row,) = catalogue.record_file(
            file.id, pages=[], documents=[paper([1], valid_to="2026-12-31")], total=1
        )
        record_act(catalogue, row.id, Act("revoked", **WHY), who="lan")
        (row,) = catalogue.record_documents(
            file.id, [paper([1], text="QUYẾT ĐỊNH mới", valid_to="2030-01-01")]
        )
        assert validity_of(row, TODAY) == "revoked" and row.valid_to == "2030-01-01"


class TestActs:
    def test_history_and_event(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1]))
        record_act(catalogue, row.id, Act("revoked", **WHY), who="lan")
        (act,) = acts(catalogue, row.id)
        assert (act.who, act.why, act.source, act.state) == ("lan", WHY["why"], WHY["source"], "revoked")
        (event,) = [e for e in catalogue.events(row.id) if e.what == "validity_recorded"]
        assert event.detail["state"] == "revoked" and event.who == "lan"

    @pytest.mark.parametrize(
        "change", ["UPDATE validity_acts SET state = 'in_force'", "DELETE FROM validity_acts"]
    )
    def test_it_cannot_be_rewritten(self, catalogue: Catalogue, change: str) -> None:
        (row,) = recorded(catalogue, paper([1]))
        record_act(catalogue, row.id, Act("revoked", **WHY), who="lan")
        with pytest.raises(SohoaError, match="append-only"), catalogue.write() as connection:
            connection.execute(sa.text(change))

    @pytest.mark.parametrize(
        "act",
        [
            Act("revoked", why="", source="x"),
            Act("revoked", why="x", source=" "),
            Act("burnt", **WHY),
            Act("replaced", **WHY),
            Act("revoked", replaced_by="D-X", **WHY),
        ],
    )
    def test_half_said_acts_are_refused(self, catalogue: Catalogue, act: Act) -> None:
        (row,) = recorded(catalogue, paper([1]))
        with pytest.raises(WrongUse):
            record_act(catalogue, row.id, act, who="lan")

    def test_no_record_replaces_itself(self, catalogue: Catalogue) -> None:
        a, b, c = (row.id for row in recorded(catalogue, paper([1]), paper([2]), paper([3])))
        record_act(catalogue, a, Act("replaced", replaced_by=b, **WHY), who="lan")
        record_act(catalogue, b, Act("replaced", replaced_by=c, **WHY), who="lan")
        for old, new in ((c, a), (a, a)):
            with pytest.raises(NotAllowedNow):
                record_act(catalogue, old, Act("replaced", replaced_by=new, **WHY), who="lan")
        with pytest.raises(NotFound):
            record_act(catalogue, c, Act("replaced", replaced_by="D-ZZZZZZZZZZZZ", **WHY), who="lan")

    def test_somebody_else_was_faster(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1]))
        record_act(catalogue, row.id, Act("revoked", **WHY), who="lan", expected_revision=row.revision)
        with pytest.raises(ChangedMeanwhile):
            record_act(catalogue, row.id, Act("in_force", **WHY), who="mai", expected_revision=row.revision)


class TestReuse:
    @pytest.mark.parametrize(
        ("dates", "endless", "may"),
        [
            ({"valid_to": "2026-11-22"}, False, True),
            ({"valid_to": "2026-11-21"}, False, False),
            ({"valid_from": "2026-11-23", "valid_to": "2027-01-01"}, False, False),
            ({}, False, False),
            ({}, True, True),
        ],
    )
    def test_only_what_is_in_force(self, catalogue: Catalogue, dates: dict, endless: bool, may: bool) -> None:
        (row,) = recorded(catalogue, paper([1], **dates), coding=CODING)
        found = reusable(row, TODAY, frozenset({"quyet_dinh"}) if endless else frozenset())
        assert found[0] is may and bool(found[1]) is not may

    def test_what_nobody_checked_is_not_used(self, catalogue: Catalogue) -> None:
        row = waiting(catalogue)
        assert reusable(row, TODAY, frozenset({"quyet_dinh"})) == (False, "Dữ liệu chưa được kiểm tra xong.")

    def test_revoked_records_stay_findable_and_say_why(self, catalogue: Catalogue) -> None:
        (row,) = recorded(catalogue, paper([1], fields={"ho_ten": field("Nguyễn An")}))
        row = record_act(catalogue, row.id, Act("revoked", **WHY), who="lan")
        assert reusable(row, TODAY, frozenset({"quyet_dinh"}))[0] is False
        (hit,) = search(catalogue, Query(text="nguyen an")).hits
        assert hit.validity == "revoked" and "cấp sai đối tượng" in hit.validity_reason
