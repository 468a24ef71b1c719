"""`get`, `reuse` and the sao y that may go with it: from a digitised paper to a copy in the register."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from cli.main import main
from flows.coding import coding_of
from flows.digitise import digitise
from flows.get import get
from flows.reuse import reuse, reuse_counts
from flows.review import open_desk
from flows.sign_batch import sign_batch
from schemas.copies import HeldAs
from schemas.errors import NotAllowedNow, NotFound, ObjectDamaged, WrongUse
from schemas.people import Actor, Grant, Right, working_as
from schemas.people_errors import NotAllowed
from schemas.reuse import CopyWanted
from schemas.reuse_errors import NotEntitled, NotReusable
from schemas.signing import KnownStatus, Verdict
from storage.audit import Audit
from storage.catalogue.tables import documents
from storage.search import Act, record_act
from tests.copies_office import CopyOffice
from tests.small_papers import decision, tiff

pytest_plugins = ["copies_office"]
DOSSIER = "H26.12-260315-0007"
LAN = Actor.local("Lan")
WANTED = CopyWanted(
    held_as=HeldAs.ORIGINAL, requester="Nguyễn Thị Bích Ngọc", original="Quyết định số 12/QĐ-UBND ngày 15/3/2023"
)


@pytest.fixture(scope="module")
def signed(keys_of_a_module: Path, tmp_path_factory) -> tuple[Path, str]:
    """A home with one decision that was digitised, confirmed, signed and archived as V2, in force without limit."""
    home = tmp_path_factory.mktemp("reused") / "home"
    shutil.copytree(keys_of_a_module, home)
    office, scan = CopyOffice(home), home.parent / "quyet-dinh.tif"
    scan.write_bytes(tiff(decision(12)))
    batch = digitise([scan], office.settings()).batch
    with office.desk() as desk:
        (row,) = desk.catalogue.documents(batch)
        desk.catalogue.set_field(row.id, "co_quan_ban_hanh", "UỶ BAN NHÂN DÂN XÃ ĐẠI ĐỒNG", who="lan")
        desk.catalogue.confirm_document(row.id, who="lan", confirm_waiting=True, coding=coding_of(desk.settings))
        sign_batch(desk, batch, approved_by="lan")
        record_act(desk.catalogue, row.id, Act("in_force", "không ghi thời hạn", "QĐ 12/QĐ-UBND"), who="lan")
    return home, row.id


@pytest.fixture
def office(signed: tuple[Path, str], tmp_path: Path) -> tuple[CopyOffice, str]:
    home = tmp_path / "home"
    shutil.copytree(signed[0], home)
    return CopyOffice(home), signed[1]


class TestGet:
    def test_the_newest_version_verified_with_what_is_known_of_it(self, office) -> None:
        with open_desk(office[0].settings()) as desk:
            got, data = get(desk, LAN, office[1], purpose="đối chiếu")
            old, first = get(desk, LAN, office[1], version=1)
            assert (got.version, got.newest, got.state, got.signed) == (2, 2, KnownStatus.ACTIVE, True)
            assert len(got.signatures) == 2 and {note.verdict for note in got.signatures} == {"valid"}
            assert (old.version, old.state, old.signed, old.signatures) == (1, KnownStatus.SUPERSEDED, False, ())
            assert got.validity == "in_force" and got.name.startswith(got.doc_code)
            assert data != first and old.doc_code != got.doc_code
            rows = Audit(desk.catalogue).rows(object=office[1], action="downloaded")
            assert [row.why for row in rows if row.why] == ["đối chiếu"] and len(rows) == 2
            with pytest.raises(NotFound):
                get(desk, LAN, office[1], version=3)

    def test_damaged_bytes_are_told_and_not_handed_out(self, office) -> None:
        with open_desk(office[0].settings()) as desk:
            _, data = get(desk, LAN, office[1])
            (kept,) = [p for p in (office[0].home / "store").rglob("*") if p.is_file() and p.read_bytes() == data]
            kept.chmod(0o600)
            kept.write_bytes(data[:-1] + b"X")
            before = len(Audit(desk.catalogue).rows(object=office[1], action="downloaded"))
            with pytest.raises(ObjectDamaged):
                get(desk, LAN, office[1])
            assert len(Audit(desk.catalogue).rows(object=office[1], action="downloaded")) == before
            (told,) = Audit(desk.catalogue).rows(object=office[1], action="download_refused")
            assert told.detail["code"] == "object_damaged"
            with pytest.raises(ObjectDamaged):
                reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp")

    def test_who_may_not_see_personal_data_gets_no_file(self, office) -> None:
        searcher = replace(LAN, grants=(Grant(frozenset({Right.SEARCH, Right.REUSE}), None),))
        with open_desk(office[0].settings()) as desk, pytest.raises(NotAllowed):
            get(desk, searcher, office[1])

    def test_what_nobody_checked_is_not_handed_out(self, office) -> None:
        with open_desk(office[0].settings()) as desk:
            with desk.catalogue.write() as connection:
                connection.execute(documents.update().values(status="review"))
            with pytest.raises(NotAllowedNow):
                get(desk, LAN, office[1])


class TestReuse:
    def test_a_reuse_names_version_hash_right_and_who(self, office) -> None:
        with open_desk(office[0].settings()) as desk, working_as(LAN):
            done = reuse(desk, LAN, office[1], " h26.12-260315-0007 ", "Trợ  cấp")
            assert done.new and (done.reuse.dossier, done.reuse.purpose) == (DOSSIER, "Trợ cấp")
            row = desk.catalogue.document(office[1])
            assert (done.reuse.version, done.reuse.sha256) == (row.version, row.archive.sha256)
            assert (done.reuse.actor_name, done.reuse.right, done.reuse.via) == ("Lan", "reuse", "cli")
            today = date.today()
            counts = reuse_counts(desk, LAN, date(today.year, 1, 1), date(today.year + 1, 1, 1))
            assert (counts.uses, counts.records, counts.dossiers) == (1, 1, 1)

    @pytest.mark.parametrize(("dossier", "purpose"), [("x", "Trợ cấp"), (DOSSIER, "  "), (DOSSIER, "…"), (DOSSIER, "x" * 501)])
    def test_a_reuse_needs_a_dossier_and_a_purpose(self, office, dossier, purpose) -> None:
        with open_desk(office[0].settings()) as desk, pytest.raises(WrongUse):
            reuse(desk, LAN, office[1], dossier, purpose)

    @pytest.mark.parametrize(
        ("act", "why"),
        [
            (Act("revoked", "cấp sai đối tượng", "QĐ 99/QĐ-UBND"), "cấp sai đối tượng"),
            (Act("in_force", "có thời hạn", "QĐ 12/QĐ-UBND", until=date(2024, 1, 1)), "Hết hiệu lực"),
        ],
    )
    def test_what_is_not_in_force_is_refused_with_the_reason(self, office, act, why) -> None:
        with open_desk(office[0].settings()) as desk:
            record_act(desk.catalogue, office[1], act, who="lan")
            with pytest.raises(NotReusable) as refused:
                reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp")
            assert why in refused.value.detail

    def test_without_the_right_nothing_is_used(self, office) -> None:
        searcher = replace(LAN, grants=(Grant(frozenset({Right.SEARCH}), None),))
        with open_desk(office[0].settings()) as desk, pytest.raises(NotAllowed):
            reuse(desk, searcher, office[1], DOSSIER, "Trợ cấp")


class TestCopy:
    def test_the_office_copies_what_it_issued_or_holds(self, office) -> None:
        with office[0].desk() as desk:
            done = reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp", copy=WANTED)
            again = reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp", copy=WANTED)
            assert again.copy_issued == done.copy_issued and not again.new
            assert (done.copy_issued.number, done.copy_issued.verdict) == ("01/SY-UBND", Verdict.VALID)
            entry = desk.register.entry(done.copy_issued.entry)
            assert DOSSIER in entry.draft.note and entry.draft.document == office[1]
            held = WANTED.model_copy(update={"held_as": HeldAs.MAIN})
            other = reuse(desk, LAN, office[1], DOSSIER, "Việc khác", copy=held)
            assert other.copy_issued.number == "02/SY-UBND"

    def test_what_another_office_issued_is_no_original_here(self, office) -> None:
        with office[0].desk() as desk:
            desk.catalogue.set_field(office[1], "co_quan_ban_hanh", "Ủy ban nhân dân xã Hòa Bình", who="lan", why="sai")
            with pytest.raises(NotEntitled):
                reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp", copy=WANTED)
            assert desk.register.entry_by_key(f"reuse/{office[1]}") is None
            assert not desk.register.books()

    def test_a_copy_of_a_copy_and_who_does_not_operate_the_key(self, office) -> None:
        with office[0].desk() as desk:
            with pytest.raises(NotEntitled):
                copied = WANTED.model_copy(update={"held_as": HeldAs.TRUE_COPY})
                reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp", copy=copied)
            official = replace(LAN, grants=(Grant(frozenset({Right.SEARCH, Right.REUSE}), None),))
            with pytest.raises(NotAllowed):
                reuse(desk, official, office[1], DOSSIER, "Trợ cấp", copy=WANTED)
            assert not desk.register.books()

    def test_what_is_revoked_is_neither_used_nor_copied(self, office) -> None:
        with office[0].desk() as desk:
            record_act(desk.catalogue, office[1], Act("revoked", "cấp sai", "QĐ 9"), who="lan")
            with pytest.raises(NotReusable):
                reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp", copy=WANTED)
            assert not desk.register.books()


class TestCommand:
    @pytest.fixture
    def typed(self, home, capsys):
        """Types a command in this process; (code, stdout, stderr)."""

        def type_it(*arguments: object) -> tuple[int, str, str]:
            with pytest.raises(SystemExit) as left, working_as(LAN):  # what the command sets ends with it
                main([*map(str, arguments), "--home", str(home)])
            said = capsys.readouterr()
            return left.value.code, said.out, said.err

        return type_it

    @pytest.fixture
    def home(self, office) -> Path:
        settings = '[office]\ncode = "H26.12"\nname = "Ủy ban nhân dân xã Đại Đồng"\n'
        (office[0].home / "sohoa.toml").write_text(settings, "utf-8")
        return office[0].home

    def test_get_writes_the_file_and_says_what_is_known(self, office, typed, tmp_path) -> None:
        code, out, err = typed("get", office[1], "--to", tmp_path)
        assert code == 0, err
        (written,) = tmp_path.glob("*.pdf")
        assert "V2/2" in out and "SHA-256" in out and "Chữ ký" in out
        first = f"{written.name.rsplit('_V2', 1)[0]}_V1"
        code, out, err = typed("get", first, "--to", tmp_path / "v1.pdf", "--json")
        assert code == 0 and json.loads(out)["version"] == 1, err
        code, _, err = typed("get", office[1], "--to", tmp_path / "v1.pdf")
        assert code == 2 and "target_exists" in err

    def test_reuse_with_a_copy(self, office, typed, tmp_path) -> None:
        asked = ("reuse", office[1], "--dossier", DOSSIER, "--purpose", "Trợ cấp")
        assert "Đã ghi nhận:" in typed(*asked)[1]
        copy = ("--copy", "--held", "ban_goc", "--requester", "Ngọc", "--original", "QĐ 12/QĐ-UBND")
        code, out, err = typed(*asked, *copy, "--to", tmp_path / "sao-y.pdf")
        assert code == 0 and "01/SY-UBND" in out and "từ trước" in out, err
        assert (tmp_path / "sao-y.pdf").read_bytes().startswith(b"%PDF")
        assert typed(*asked, "--copy")[0] == typed(*asked, "--held", "ban_goc")[0] == 2
        assert typed("validity", office[1], "--revoked", "--why", "cấp sai", "--source", "QĐ 9")[0] == 0
        code, _, err = typed("reuse", office[1], "--dossier", DOSSIER, "--purpose", "khác")
        assert code == 2 and "cấp sai" in err and "not_reusable" in err

    def test_lookup_says_where_it_looked_and_ends_with_the_citizen(self, typed) -> None:
        asked = ("lookup", "--kind", "giay_khai_sinh", "--id-number")
        code, out, err = typed(*asked, "079 087 001 234")
        assert code == 1 and "MÔ PHỎNG" in out and "Giấy khai sinh" in out, err
        assert json.loads(typed(*asked, "079087001234", "--json")[1])["answered_by"] == "citizen"
        assert typed(*asked, "1")[0] == 2
        assert typed("lookup", "--id-number", "079087001234", "--kind", "bay_nham")[0] == 2


def test_moments_are_those_of_vietnam(office) -> None:
    with open_desk(office[0].settings()) as desk:
        done = reuse(desk, LAN, office[1], DOSSIER, "Trợ cấp")
    assert done.reuse.at.utcoffset() == datetime.fromisoformat("2026-01-01T00:00:00+07:00").utcoffset()
