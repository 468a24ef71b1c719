"""The report of a verification: what it rests on is in it, it is PDF/A, people can read it, and it stays with the record."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path

import pypdfium2
import pytest

from flows.verify import verify_paths
from flows.verify_known import known_copies
from flows.verify_report import VerificationReport, report_of, store_report, write_report
from ocr.pdfa_check import check_pdfa2b
from schemas.errors import NotAllowedNow, WrongUse
from schemas.settings import Settings
from schemas.signing import SigningSettings, Verdict
from tests import attacks
from tests.attack_pki import Pki
from tests.sohoa_command import schema_of, sohoa
from tests.test_copies import text_of
from tests.test_verify_known import issued, settings, with_code  # noqa: F401 - a fixture

pytest_plugins = ["copies_office"]


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki()


@pytest.fixture(scope="module")
def archived(pki) -> bytes:
    """B-LTA by somebody else: chain, lists and timestamps are in the file."""
    signer = pki.signer(pki.issue("Đặng Thị Ngọc Huyền"))
    return attacks.signed(
        attacks.paper(), signer, timestamper=pki.timestamper(), context=pki.context(), archive=True
    )


def report_on(data: bytes, pki: Pki, folder: Path, name: str = "Giấy xác nhận.pdf") -> VerificationReport:
    home = folder / "home"
    pki.trust(home / "trust", pki.crls())
    path = folder / name
    path.write_bytes(data)
    chosen = Settings(home=home, signing=SigningSettings(offline=True))
    [verdict] = verify_paths([path], chosen).files
    return report_of(verdict, chosen)


def said_in(pdf: bytes) -> str:
    return " ".join(text_of(pdf).split())


def test_report_holds_what_the_verdict_rests_on(archived, pki, tmp_path):
    report = report_on(archived, pki, tmp_path)
    assert report.verdict.verdict is Verdict.VALID and report.sha256 == hashlib.sha256(archived).hexdigest()
    assert (report.file, report.verdict.file) == ("Giấy xác nhận.pdf",) * 2, "no folder of this machine"
    assert report.checked_at.endswith("+07:00") and report.software.startswith("sohoa")
    [anchor] = report.anchors
    assert (anchor.name, anchor.sha256) == ("Gốc thử", hashlib.sha256(pki.root.der).hexdigest())
    assert {(each.kind, each.origin) for each in report.evidence} >= {("crl", "file")}
    issuers = {each.issuer for each in report.evidence}
    assert issuers == {"CA cấp dưới", "Gốc thử"}
    assert VerificationReport.model_validate_json(report.to_json()) == report


def test_evidence_says_where_it_came_from(pki, tmp_path):
    """A B-B file carries none: what counted was brought by hand."""
    report = report_on(attacks.signed(attacks.paper(), pki.signer(pki.issue("An"))), pki, tmp_path)
    assert report.verdict.verdict is Verdict.VALID
    assert {each.origin for each in report.evidence} == {"trust_folder"}
    assert all(each.this_update < each.next_update for each in report.evidence)


def test_page_for_people(archived, pki, tmp_path):
    report = report_on(archived, pki, tmp_path)
    pdf = report.to_pdf()
    said = said_in(pdf)
    assert check_pdfa2b(pdf) == []
    time.sleep(1.1)  # the moment of writing must not show: PDF writes seconds
    assert report.to_pdf() == pdf
    for wanted in (
        "BÁO CÁO KIỂM TRA CHỮ KÝ SỐ",
        "Kết luận: HỢP LỆ",
        "Đặng Thị Ngọc Huyền",
        "chưa bị thu hồi lúc ký",
        "mức B-LTA",
        "Dấu thời gian cho cả tệp: Hợp lệ",
        report.anchors[0].sha256[:40],
    ):
        assert wanted in said, wanted
    assert report.sha256 in said.replace(" ", "")
    document = pypdfium2.PdfDocument(pdf)
    picture = document[0].render(scale=1).to_pil().convert("L")
    document.close()
    left, top, right, bottom = picture.point(lambda tone: 255 * (tone < 128)).getbbox()
    assert left > 50 and right < picture.width - 50 and top > 50 and bottom < picture.height - 15


def test_forged_and_hostile_files_have_a_report_too(archived, pki, tmp_path):
    forged = report_on(attacks.content_byte_flipped(archived), pki, tmp_path)
    assert "KHÔNG HỢP LỆ" in said_in(forged.to_pdf()) and "KHÔNG nguyên vẹn" in said_in(forged.to_pdf())
    strange = "Tên \u202egnp.exe \U0001f600 " + "dài" * 8
    signer = pki.signer(pki.issue(strange, strange))
    for data, name in (
        (attacks.signed(attacks.paper(), signer), "a.pdf"),
        (b"", "rỗng.pdf"),
        (b"not a pdf", "\u202efdp.pdf"),
        (archived[: len(archived) // 2], "cụt.pdf"),
    ):
        report = report_on(data, pki, tmp_path, name)
        assert check_pdfa2b(report.to_pdf()) == [] and json.loads(report.to_json())["file"] == name


def test_many_signatures_go_on_over_pages(archived, pki, tmp_path):
    report = report_on(archived, pki, tmp_path)
    many = report.verdict.model_copy(update={"signatures": report.verdict.signatures * 12})
    pdf = report.model_copy(update={"verdict": many}).to_pdf()
    assert check_pdfa2b(pdf) == [] and "Chữ ký 12: Hợp lệ" in said_in(pdf) and "Trang 3" in said_in(pdf)


def test_files_of_one_name_do_not_meet(archived, pki, tmp_path):
    forged = attacks.content_byte_flipped(archived)
    out = tmp_path / "báo cáo" / "2026"
    paths = [p for data in (archived, forged) for p in write_report(report_on(data, pki, tmp_path), out)]
    assert len(set(paths)) == 4 and sorted(out.iterdir()) == sorted(paths)
    with pytest.raises(WrongUse):
        write_report(report_on(archived, pki, tmp_path), paths[0] / "x")


# --- with the record --------------------------------------------------------------------------------------------------
def test_kept_with_the_record(issued, tmp_path):  # noqa: F811
    home = tmp_path / "home"
    shutil.copytree(issued.home, home)
    good, copied = tmp_path / "bản sao.pdf", tmp_path / "khác.pdf"
    good.write_bytes(issued.data)
    copied.write_bytes(with_code(issued.result.code))
    out = tmp_path / "ra"
    ran = sohoa("verify", good, copied, "--json", "--report", out, "--store", home=home)
    assert ran.code == 1 and ran.json("verify") and schema_of("verify")
    assert "Không lưu báo cáo" in ran.err and ran.err.count("Đã lưu báo cáo") == 2
    assert len(list(out.glob("*.json"))) == len(list(out.glob("*.pdf"))) == 2
    entry = issued.result.entry
    with issued.office.__class__(home).desk() as desk:
        kept = {ref.key: desk.store.get(ref.key) for ref in desk.store.list("reports/")}
        [event] = [each for each in desk.catalogue.events(entry) if each.what == "verified"]
    assert all(key.startswith(f"reports/{entry}/") for key in kept) and len(kept) == 2
    assert sorted(event.detail["reports"]) == sorted(kept) and event.who == "lan"
    assert (event.detail["verdict"], event.detail["sha256"]) == ("valid", issued.result.archive.sha256)
    pdf = next(data for key, data in kept.items() if key.endswith(".pdf"))
    said = said_in(pdf)
    assert check_pdfa2b(pdf) == [] and "01 quyển số 01/2026 - SCT/BS" in said
    assert "trùng từng byte với bản lưu" in said and "THỬ NGHIỆM" in said
    assert "Nguyễn Thị Bích Ngọc" not in said and "079087001234" not in said, (
        "the requester is nobody's business"
    )


def test_a_code_alone_attaches_nothing_to_a_record(issued, tmp_path):  # noqa: F811
    path = tmp_path / "khác.pdf"
    path.write_bytes(with_code(issued.result.code))
    chosen = settings(issued.home)
    with known_copies(chosen) as ours:
        [verdict] = verify_paths([path], chosen, ours=ours).files
    assert verdict.known is not None
    with pytest.raises(NotAllowedNow):
        store_report(report_of(verdict, chosen), chosen, "lan")


def test_without_a_home_nothing_can_be_kept(archived, tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(archived)
    ran = sohoa("verify", path, "--store", home=tmp_path / "nowhere")
    assert ran.code == 3 and "no_home" in ran.err and not (tmp_path / "nowhere").exists()
