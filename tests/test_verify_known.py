"""One of ours: by its bytes, by the QR on its pages, cancelled, superseded; nothing personal said; no home needed."""

from __future__ import annotations

import io
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pikepdf
import pytest
import segno
from PIL import Image

from flows.copies import certified_copy
from flows.page_codes import PageCodes
from flows.verify import verify_paths
from flows.verify_known import has_catalogue, known_copies
from schemas.copies import CopyResult
from schemas.errors import NoHome, SetupError
from schemas.register import Cancelling
from schemas.settings import Settings
from schemas.signing import KnownStatus, Product, Verdict
from storage.objects import archive_key
from tests import attacks
from tests.copies_office import CopyOffice
from tests.made_catalogue import paper, recorded
from tests.sohoa_command import sohoa

pytest_plugins = ["copies_office"]

PERSONAL = ("Nguyễn Thị Bích Ngọc", "079087001234", "ngoc@example.vn", "Trần Văn Chứng", "Quyết định")
"""What the register holds of the requester and the paper."""


@dataclass(frozen=True)
class Issued:
    home: Path
    result: CopyResult
    data: bytes

    @property
    def office(self) -> CopyOffice:
        return CopyOffice(self.home)


@pytest.fixture(scope="module")
def issued(keys_of_a_module, tmp_path_factory) -> Issued:
    home = tmp_path_factory.mktemp("known") / "home"
    shutil.copytree(keys_of_a_module, home)
    office = CopyOffice(home)
    with office.desk() as desk:
        result = certified_copy(desk, office.request(desk))
        return Issued(home, result, desk.store.get(result.archive.key, result.archive.version))


def settings(home: Path) -> Settings:
    return CopyOffice(home).settings()


def verdict_of(data: bytes, home: Path, folder: Path):
    path = folder / "nhận.pdf"
    path.write_bytes(data)
    with known_copies(settings(home)) as ours:
        [file] = verify_paths([path], settings(home), ours=ours).files
    return file


def with_code(text: str, pages: int = 1) -> bytes:
    """A PDF whose last page carries a QR."""
    picture = io.BytesIO()
    segno.make(text, micro=False).save(picture, kind="png", scale=6)
    sheets = [Image.new("L", (1240, 1754), 255) for _ in range(pages)]
    sheets[-1].paste(Image.open(picture).convert("L"), (200, 300))
    made = io.BytesIO()
    sheets[0].save(made, "PDF", resolution=150, save_all=True, append_images=sheets[1:])
    return made.getvalue()


# --- issued copies ----------------------------------------------------------------------------------------------------
def test_issued_copy_is_known_by_its_bytes(issued, tmp_path):
    file = verdict_of(issued.data, issued.home, tmp_path)
    assert file.verdict is Verdict.VALID and "known_copy" in [each.code for each in file.explanations]
    assert file.known.register_entry == issued.result.number == "01 quyển số 01/2026 - SCT/BS"
    assert (file.known.record, file.known.product) == (issued.result.entry, Product.CERTIFIED_COPY)
    assert file.known.status is KnownStatus.ACTIVE and file.known.same_bytes


def test_altered_copy_is_found_by_its_qr(issued, tmp_path):
    """Bytes appended: no longer ours by its hash, still by the code on page 1."""
    file = verdict_of(attacks.bytes_appended(issued.data), issued.home, tmp_path)
    assert file.verdict is Verdict.INVALID and "differs_from_archive" in file.reasons
    assert file.known.register_entry == issued.result.number and not file.known.same_bytes


def test_copy_with_its_signatures_taken_out_is_not_taken_for_ours(issued, tmp_path):
    """Printed and scanned again, or rewritten by another program: the QR alone proves nothing."""
    with pikepdf.open(io.BytesIO(issued.data)) as pdf:
        del pdf.Root.AcroForm
        for page in pdf.pages:
            if "/Annots" in page:
                del page.Annots
        rewritten = io.BytesIO()
        pdf.save(rewritten)
    file = verdict_of(rewritten.getvalue(), issued.home, tmp_path)
    assert file.verdict is not Verdict.VALID and "differs_from_archive" in file.reasons


def test_cancelled_copy_is_not_valid_whatever_its_signatures_are(issued, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(issued.home, home)
    with CopyOffice(home).desk() as desk:
        day = desk.moment().date()
        cancelling = Cancelling(decision="9/QĐ-UBND", decision_date=day, decided_by="Chủ tịch", reason="sai")
        desk.register.cancel(issued.result.entry, cancelling, who="lan")
    file = verdict_of(issued.data, home, tmp_path)
    assert file.verdict is Verdict.INVALID and file.reasons[0] == "cancelled"
    assert file.known.status is KnownStatus.CANCELLED and file.known.cancelled_on == day
    assert all(signature.verdict is Verdict.VALID for signature in file.signatures)
    forged = verdict_of(with_code(issued.result.code), home, tmp_path)
    assert forged.reasons[0] == "cancelled" and not forged.known.same_bytes


def test_renewed_copy_is_still_the_issued_one(issued, tmp_path):
    """Later timestamps lie as a further version under the same key."""
    home = tmp_path / "home"
    shutil.copytree(issued.home, home)
    renewed = issued.data + b"\n% later timestamp\n"
    with CopyOffice(home).desk() as desk:
        ref = desk.store.put(issued.result.archive.key, renewed, new_version=True)
    with known_copies(settings(home)) as ours:
        assert ours(ref.sha256, [issued.result.code]).same_bytes
        assert ours.of(renewed)(ref.sha256, ()).same_bytes, "by the QR on its page"
        assert ours(ref.sha256, ()) is None, "not by its bytes alone: nobody wrote the renewal down"
    with CopyOffice(home).desk() as desk:
        desk.register.note_renewal(issued.result.entry, ref.sha256, who="lan")
    with known_copies(settings(home)) as ours:
        assert ours(ref.sha256, ()).same_bytes, "by its bytes, whatever can be read from its pages"


def test_nothing_personal_in_the_answer(issued, tmp_path):
    with known_copies(settings(issued.home)) as ours:
        for found in (ours(issued.result.archive.sha256, ()), ours("0" * 64, [issued.result.code])):
            said = found.model_dump_json()
            assert not [word for word in PERSONAL if word in said]


# --- digitised records ------------------------------------------------------------------------------------------------
def test_records_by_version(issued, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(issued.home, home)
    old, new, other = with_code("cũ"), with_code("mới"), b"%PDF-1.7 khac"
    with CopyOffice(home).desk() as desk:
        [row] = recorded(desk.catalogue, paper([1]))
        for version, data in ((1, old), (2, new)):
            ref = desk.store.put(archive_key(row.id, version), data)
            row = desk.catalogue.mark_archived(row.id, ref)
        [rejected] = recorded(desk.catalogue, paper([1], archive="archive/x/V1.pdf"))
        desk.catalogue.reject_document(rejected.id, who="lan", reason="không phải hồ sơ")
    with known_copies(settings(home)) as ours:
        first, second = (ours(sha(data), ()) for data in (old, new))
        claimed = ours(sha(other), [f"||| {row.id}|x"])
        assert ours(sha(other), [rejected.id]) is None
        assert ours(sha(other), [f"{row.id}0", f"x{row.id}", "D-000000000000"]) is None
    assert (first.status, first.same_bytes, first.record) == (KnownStatus.SUPERSEDED, True, row.id)
    assert (second.status, second.same_bytes) == (KnownStatus.ACTIVE, True)
    assert (claimed.status, claimed.same_bytes, claimed.product) == (
        KnownStatus.ACTIVE,
        False,
        Product.DIGITISED,
    )
    file = verdict_of(old, home, tmp_path)
    assert {"known_copy", "superseded_version"} <= {each.code for each in file.explanations}


def sha(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


# --- codes on pages ---------------------------------------------------------------------------------------------------
def test_codes_of_first_and_last_page():
    reader = PageCodes()
    assert reader.read(with_code("https://x.example/kt?ma=V-000000000001", pages=3)) == [
        "https://x.example/kt?ma=V-000000000001"
    ]
    for hostile in (b"", b"%PDF-1.7", b"no pdf" * 1000, with_code("a")[:2000]):
        assert reader.read(hostile) == []
    assert reader.read(with_code("Giấy tờ")) == ["Giấy tờ"], "after files that could not be read"
    reader.close()


def test_a_reader_that_hangs_or_dies_is_replaced():
    reader = PageCodes(seconds=20)
    assert reader.read(with_code("một")) == ["một"]
    reader._child.kill()
    assert reader.read(with_code("hai")) in ([], ["hai"])
    assert reader.read(with_code("ba")) == ["ba"]
    reader.seconds, started = 0.0, time.monotonic()
    assert reader.read(with_code("bốn")) == [] and time.monotonic() - started < 2
    reader.seconds = 20
    assert reader.read(with_code("năm")) == ["năm"], "not the late answer about the file before"
    reader.close()


# --- the command, many files, no home -----------------------------------------------------------------------------------
def test_command_asks_the_home_and_works_without_one(issued, tmp_path):
    good, forged = tmp_path / "bản sao.pdf", tmp_path / "giả.pdf"
    good.write_bytes(issued.data)
    forged.write_bytes(with_code(issued.result.code))
    ran = sohoa("verify", good, "--json", home=issued.home)
    [file] = ran.json("verify")["files"]
    assert file["known"]["register_entry"] == issued.result.number and ran.code == 0
    told = sohoa("verify", forged, home=issued.home)
    assert told.code == 1 and "nội dung tệp khác bản lưu" in told.out and "01 quyển số 01/2026" in told.out
    stranger = sohoa("verify", good, "--json", home=tmp_path / "nowhere")
    assert json.loads(stranger.out)["files"][0]["known"] is None
    assert not (tmp_path / "nowhere" / "catalogue.sqlite").exists()


def test_many_files_over_processes(issued, tmp_path):
    files = [issued.data, with_code(issued.result.code), with_code("lạ"), issued.data, with_code("lạ", 2)]
    paths = [tmp_path / f"{at}.pdf" for at in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    with known_copies(settings(issued.home)) as ours:
        found = [file.known for file in verify_paths(paths, settings(issued.home), ours=ours).files]
    assert [copy and copy.same_bytes for copy in found] == [True, False, None, True, None]


def test_an_archive_that_cannot_be_asked_is_an_error(issued, tmp_path):
    with pytest.raises(NoHome):
        known_copies(Settings(home=tmp_path))
    assert not has_catalogue(Settings(home=tmp_path))
    path = tmp_path / "a.pdf"
    path.write_bytes(issued.data)
    away = settings(issued.home).model_copy(update={"catalogue_url": f"sqlite:///{tmp_path}/away.sqlite"})
    with known_copies(away) as ours, pytest.raises(SetupError):
        verify_paths([path], away, ours=ours)
