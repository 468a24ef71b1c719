"""Packages: made, valid against the published schemas, checked, taken into an empty system and equal there."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from lxml import etree

from flows.packages import check, import_package, make
from flows.sanity import check_sanity
from schemas.errors import NotAllowedNow, NotFound, TargetExists
from schemas.keeping_errors import AlreadyHere, PackageInvalid
from schemas.packages import PackageKind
from schemas.settings import Office, Settings
from schemas.signing import Verdict
from signing.verify import verify_file
from storage.catalogue import tables as t
from storage.objects import original_key
from storage.packages import xml_schemas
from storage.packages.bagit import check_bag, make_bag
from storage.packages.mets import METS
from storage.packages.rows import rows_of
from tests import attacks
from tests.attack_pki import Pki
from tests.kills import Killer
from tests.made_archive import archived, bytes_of, small_archive

pytest_plugins = ["catalogue_fixtures"]

KILLS = int(os.environ.get("KEEPING_KILLS", "4"))
SETTINGS = Settings(office=Office(code="H26.12", name="UBND xã Đại Đồng"))
FULL = (PackageKind.AIP, PackageKind.SIP, PackageKind.BAGIT)


@pytest.fixture
def archive(request, tmp_path):
    """On SQLite, and where records are taken in on PostgreSQL too."""
    url = request.getfixturevalue("url") if request.cls is TestTakenIn else None
    (tmp_path / "here").mkdir()
    with small_archive(tmp_path / "here", url) as made:
        row = archived(made, "một")
        made.catalogue.set_field(row.id, "ten", "Nguyễn Thị Ánh <b>&", who="hoa", why="sửa", printed="<b>")
        made.catalogue.set_field(row.id, "so", "13/QĐ-UBND", who="hoa", why="đọc nhầm", printed="12")
        again = made.store.put(f"archive/{row.id}/V2.pdf", b"%PDF signed again", media_type="application/pdf")
        made.catalogue.mark_archived(row.id, again, who="lan", why="renewed")
        made.store.put(f"evidence/{row.id}/V2.json", b'{"report": 1}', media_type="application/json")
        archived(made, "hai")
        yield made


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "there").mkdir()
    with small_archive(tmp_path / "there") as made:
        yield made


def ids(archive) -> list[str]:
    return [row.id for row in archive.catalogue.documents()]


def packaged(archive, kind: PackageKind, folder: Path, **more) -> Path:
    return Path(make(archive, SETTINGS, ids(archive), kind, folder, who="lan", **more).path)


class TestMade:
    @pytest.mark.parametrize("kind", PackageKind)
    @pytest.mark.parametrize("zipped", [False, True])
    def test_whole_and_valid(self, archive, tmp_path, kind, zipped):
        path = packaged(archive, kind, tmp_path / "out", zipped=zipped)
        found = check(path)
        assert found.problems == [] and found.files > 10
        assert found.kind == ("AIP" if kind is PackageKind.BAGIT else kind.value.upper())

    def test_shape_of_the_circular(self, archive, tmp_path):
        folder = packaged(archive, PackageKind.AIP, tmp_path)
        one = ids(archive)[0]
        for name in (
            "METS.xml", "metadata/descriptive/EAD.xml", "metadata/preservation/PREMIS.xml", "representations/rep1/METS.xml",
            f"representations/rep1/data/{one}/V1.pdf", f"representations/rep1/data/{one}/V2.pdf",
            f"representations/rep1/metadata/descriptive/EAD_doc_{one}.xml",
            "representations/rep1/metadata/preservation/PREMIS_rep1.xml", "schemas/mets.xsd", "documentation",
        ):  # fmt: skip
            assert (folder / name).exists(), name
        root = etree.fromstring((folder / "METS.xml").read_bytes())
        assert root.get("OBJID").startswith("urn:H26.12:uuid:")
        notes = {note.text for note in root.iter(f"{{{METS}}}note")}
        assert "H26.12" in notes
        header = root.find(f"{{{METS}}}metsHdr")
        assert header.get("CREATEDATE").endswith("+07:00") and "AIP" in header.attrib.values()
        assert (folder / "schemas" / "premis.xsd").read_bytes() == (
            xml_schemas.FOLDER / "premis.xsd"
        ).read_bytes()

    def test_all_xml_is_valid_and_the_check_can_fail(self, archive, tmp_path):
        folder = packaged(archive, PackageKind.SIP, tmp_path)
        looked_at = 0
        for path in folder.rglob("*.xml"):
            assert xml_schemas.problems_of(path.read_bytes()) == [], path
            looked_at += 1
        assert looked_at == 2 + 2 + 2 + 1 + 2  # METS, EAD, PREMIS of the package and its parts
        for name, old, new in (
            ("METS.xml", b"<structMap", b"<structmap"), ("metadata/descriptive/EAD.xml", b'langcode="vie"', b'langcode="vn"'),
            ("metadata/preservation/PREMIS.xml", b"<eventDateTime>", b"<eventDateTime>n"),
        ):  # fmt: skip
            data = (folder / name).read_bytes()
            assert old in data
            assert xml_schemas.problems_of(data.replace(old, new)) != [] or name.endswith("PREMIS.xml"), name
        assert xml_schemas.problems_of(b"<a/>") and xml_schemas.problems_of(b"not xml")

    def test_vietnamese_and_markup_in_values_survive(self, archive, tmp_path):
        folder = packaged(archive, PackageKind.DIP, tmp_path)
        page = (folder / "index.html").read_text("utf-8")
        assert (
            "Nguyễn Thị Ánh" in page and "<script" not in page and "H26.12" not in page.partition("<main>")[0]
        )
        assert (
            folder / "representations" / "rep1" / "data" / f"{ids(archive)[1]}.pdf"
        ).read_bytes() == bytes_of("hai pdf")

    def test_the_same_records_are_the_same_package(self, archive, tmp_path):
        path = packaged(archive, PackageKind.AIP, tmp_path)
        with pytest.raises(TargetExists):
            packaged(archive, PackageKind.AIP, tmp_path)
        assert packaged(archive, PackageKind.AIP, tmp_path / "other").name == path.name

    def test_only_what_is_archived(self, archive, tmp_path):
        with pytest.raises(NotFound):
            make(archive, SETTINGS, ["D-ZZZZZZZZZZZZ"], PackageKind.AIP, tmp_path, who="lan")
        row = ids(archive)[0]
        with archive.catalogue.write() as connection:
            connection.execute(t.documents.update().where(t.documents.c.id == row).values(status="checked"))
        with pytest.raises(NotAllowedNow):
            make(archive, SETTINGS, [row], PackageKind.AIP, tmp_path, who="lan")
        assert list(tmp_path.glob(".aip*")) == []


@pytest.mark.usefixtures("url")
class TestTakenIn:
    @pytest.mark.parametrize("kind", FULL)
    def test_equal_in_an_empty_system(self, archive, empty, tmp_path, kind):
        path = packaged(archive, kind, tmp_path / "out", zipped=kind is PackageKind.SIP)
        taken = import_package(empty, path, who="hoa")
        assert sorted(taken.records) == sorted(ids(archive)) and taken.already_here == []
        for document in ids(archive):
            was, now = archive.catalogue.document(document), empty.catalogue.document(document)
            assert now == was
            assert [
                (h.field, h.old_value, h.new_value, h.who, h.at) for h in empty.catalogue.history(document)
            ] == [
                (h.field, h.old_value, h.new_value, h.who, h.at) for h in archive.catalogue.history(document)
            ]
            versions = empty.catalogue.versions(document)
            assert versions == archive.catalogue.versions(document)
            for version in versions:
                assert (
                    hashlib.sha256(empty.store.get(version.archive.key, version.archive.version)).hexdigest()
                    == version.archive.sha256
                )
            scan = archive.store.stat(original_key(was.source))
            assert empty.store.stat(original_key(was.source)).created == scan.created
        with archive.catalogue.read() as here, empty.catalogue.read() as there:
            mine, theirs = rows_of(here, ids(archive)), rows_of(there, ids(archive))
        mine.pop("events"), theirs.pop("events")
        for rows in (mine, theirs):
            for row in rows["field_history"]:
                row.pop("id")
        assert theirs == mine
        assert empty.catalogue.find("Nguyễn Thị Ánh")[0] == 2
        assert check_sanity(empty, hashed=True).sound

    def test_again_changes_nothing(self, archive, empty, tmp_path):
        path = packaged(archive, PackageKind.AIP, tmp_path / "out")
        import_package(empty, path, who="hoa")
        again = import_package(empty, path, who="hoa")
        assert again.records == [] and len(again.already_here) == 2
        with empty.catalogue.read() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(t.documents)) == 2

    def test_another_content_under_a_known_id_is_refused(self, archive, empty, tmp_path):
        path = packaged(archive, PackageKind.AIP, tmp_path / "out")
        import_package(empty, path, who="hoa")
        row = ids(archive)[1]
        empty.catalogue.set_field(row, "so", "99/QĐ-UBND", who="hoa", why="sửa")
        with pytest.raises(AlreadyHere):
            import_package(empty, path, who="hoa")

    def test_numbers_that_came_are_not_given_again(self, archive, empty, tmp_path):
        row = ids(archive)[0]
        with archive.catalogue.write() as connection:
            connection.execute(
                t.documents.update().where(t.documents.c.id == row).values(
                    code_office="H26.12", code_field="QĐ", serial=7, doc_code="H26.12_QĐ_000007_V2",
                    dossier_code="H26.12-230315-0007", result_code="H26.12-230315-0007-KQ3",
                )
            )  # fmt: skip
        import_package(empty, packaged(archive, PackageKind.AIP, tmp_path / "out"), who="hoa")
        with empty.catalogue.read() as connection:
            counters = dict(connection.execute(sa.select(t.counters.c.name, t.counters.c.value)).all())
        assert counters == {"doc_code/H26.12/QĐ": 7, "result/H26.12-230315-0007": 3}

    def test_a_dip_is_for_reading(self, archive, empty, tmp_path):
        with pytest.raises(PackageInvalid):
            import_package(empty, packaged(archive, PackageKind.DIP, tmp_path), who="hoa")

    def test_killed_at_any_moment(self, archive, tmp_path):
        path = packaged(archive, PackageKind.AIP, tmp_path / "out")
        place, killer = tmp_path / "killed", Killer(0.5)
        place.mkdir()
        while killer.kills < KILLS and killer.turn < 40 + 6 * KILLS:

            def work() -> None:
                with small_archive(place) as there:
                    import_package(there, path, who="hoa")

            if not killer.killed(work) or killer.turn % 3 == 0:
                shutil.rmtree(place)
                place.mkdir()
        with small_archive(place) as there:
            import_package(there, path, who="hoa")
            assert sorted(ids(there)) == sorted(ids(archive)) and check_sanity(there, hashed=True).sound
        assert killer.kills == KILLS


def test_signatures_are_valid_after_the_way(empty, tmp_path):
    """Signed, archived, packed, zipped, taken into an empty system: the file there verifies as it did here."""
    pki = Pki()
    trust = pki.trust(tmp_path / "trust", pki.crls())
    official = pki.issue("Nguyễn Văn A")
    signed = attacks.signed(
        attacks.paper(), pki.signer(official), timestamper=pki.timestamper(), box=(300, 50, 400, 90)
    )
    (tmp_path / "here").mkdir()
    with small_archive(tmp_path / "here") as archive:
        row = archived(archive, "có ký")
        again = archive.store.put(f"archive/{row.id}/V2.pdf", signed, media_type="application/pdf")
        archive.catalogue.mark_archived(row.id, again, who="lan", why="signed")
        path = packaged(archive, PackageKind.AIP, tmp_path / "out", zipped=True)
    import_package(empty, path, who="hoa")
    there = empty.catalogue.document(row.id).archive
    for data in (signed, empty.store.get(there.key, there.version)):
        found = verify_file(data, "x.pdf", trust)
        assert found.verdict is Verdict.VALID, found.reasons
    assert there.sha256 == again.sha256


class TestRefused:
    @pytest.mark.parametrize("how", ["changed", "missing", "added", "metadata", "no mets"])
    def test_what_is_not_as_it_says(self, archive, empty, tmp_path, how):
        folder = packaged(archive, PackageKind.AIP, tmp_path / "out")
        pdf = folder / "representations" / "rep1" / "data" / ids(archive)[0] / "V1.pdf"
        if how == "changed":
            pdf.write_bytes(pdf.read_bytes()[:-1] + b"!")
        elif how == "missing":
            pdf.unlink()
        elif how == "added":
            (folder / "documentation" / "virus.exe").write_bytes(b"x")
        elif how == "metadata":
            rows = folder / "metadata" / "other" / "sohoa.json"
            rows.write_bytes(rows.read_bytes().replace("Ánh".encode(), "Ảnh".encode()))
        else:
            (folder / "METS.xml").unlink()
        with pytest.raises(PackageInvalid):
            import_package(empty, folder, who="hoa")
        assert ids(empty) == [] and list(empty.store.walk()) == []

    @pytest.mark.parametrize("name", ["../out", "/etc/x", "a/../../b", "a\\..\\b"])
    def test_a_zip_that_reaches_out(self, empty, tmp_path, name):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as file:
            file.writestr(name, "x")
        (tmp_path / "bad.zip").write_bytes(data.getvalue())
        with pytest.raises(PackageInvalid):
            import_package(empty, tmp_path / "bad.zip", who="hoa")

    def test_what_is_no_zip(self, empty, tmp_path):
        (tmp_path / "bad.zip").write_bytes(b"<html>")
        with pytest.raises(PackageInvalid):
            check(tmp_path / "bad.zip")
        with pytest.raises(NotFound):
            check(tmp_path / "nothing")

    def test_xml_from_outside_expands_nothing(self):
        bomb = b'<!DOCTYPE a [<!ENTITY x "y"><!ENTITY z SYSTEM "file:///etc/passwd">]><mets xmlns="http://www.loc.gov/METS/">&z;</mets>'
        assert xml_schemas.problems_of(bomb)


class TestBags:
    def test_made_and_checked(self, tmp_path):
        (tmp_path / "data" / "thư mục").mkdir(parents=True)
        (tmp_path / "data" / "thư mục" / "100% giấy.txt").write_text("x", "utf-8")
        digest = make_bag(tmp_path, info={"Source-Organization": "UBND\nxã"}, made=date(2026, 11, 22))
        assert len(digest) == 64 and check_bag(tmp_path) == []
        text = (tmp_path / "bag-info.txt").read_text("utf-8")
        assert "Payload-Oxum: 1.1" in text and "Bagging-Date: 2026-11-22" in text and "UBND xã" in text
        (tmp_path / "data" / "more").write_text("y")
        (tmp_path / "bag-info.txt").write_text("z")
        assert sorted(check_bag(tmp_path)) == ["bag-info.txt: changed", "data/more: in no manifest"]

    def test_a_manifest_that_reaches_out(self, tmp_path):
        (tmp_path / "bag" / "data").mkdir(parents=True)
        (tmp_path / "bag" / "data" / "a").write_text("x")
        make_bag(tmp_path / "bag", info={}, made=date(2026, 1, 1))
        with (tmp_path / "bag" / "manifest-sha256.txt").open("a") as file:
            file.write(f"{'0' * 64}  ../outside\n")
        assert "../outside: leads out of the bag" in check_bag(tmp_path / "bag")
