"""Certified copies from a paper original: what is demanded, what is refused, what is on the file, what is in the book."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import time
from datetime import datetime, timedelta

import pikepdf
import pypdfium2
import pytest
from pydantic import ValidationError

from flows.attestation import FOLDER, attest, wording
from flows.copies import appointment, certified_copy
from flows.copies_capture import open_capture, take_capture
from ocr.pdfa_check import check_pdfa2b
from schemas.copies import CertifiedCopyRequest, Checklist, CopyState, Declaration, Requester
from schemas.errors import (
    BadSettings,
    CaptureRejected,
    NotAllowedNow,
    NotFound,
    OutputInvalid,
    RequestKeyReused,
)
from schemas.register import Cancelling, EntryState, PublicState
from schemas.signing import Verdict
from schemas.signing_errors import DemoKeyRefused, NoDelegation
from schemas.zone import VIETNAM
from storage.register import CHECKLIST
from tests.copies_office import NOTHING_APPLIES
from tests.made_scans import made, scan, stored
from tests.small_papers import blank, continued, decision, png, tiff

pytest_plugins = ["copies_office"]


def text_of(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


class TestIssuing:
    def test_from_captured_paper_to_a_completed_row(self, copy_office):
        with copy_office.desk() as desk:
            started = time.monotonic()
            result = certified_copy(desk, copy_office.request(desk, copies=3))
            seconds = time.monotonic() - started
            entry = desk.register.entry(result.entry)
            data = desk.store.get(result.archive.key, result.archive.version)
            verdict = desk.keys.verify(data, "x.pdf")
            status = desk.register.public_status(sha256=result.archive.sha256)
            by_code = desk.register.public_status(code=result.code)
        assert seconds < 30, "an official issues one in under a minute"
        assert result.number == "01 quyển số 01/2026 - SCT/BS" and result.verdict is Verdict.VALID
        assert (result.fee, entry.draft.copies, entry.draft.pages) == (3 * 2000, 3, 1)
        assert entry.state is EntryState.COMPLETED and entry.draft.signer == "Trần Văn Chứng"
        assert [s.field for s in verdict.signatures] == ["NguoiChungThuc", "CoQuan"]
        assert all(s.verdict is Verdict.VALID for s in verdict.signatures)
        assert status.state is by_code.state is PublicState.VALID
        assert check_pdfa2b(data) == []

    def test_what_the_file_says(self, copy_office, tmp_path):
        with copy_office.desk() as desk:
            result = certified_copy(desk, copy_office.request(desk))
            data = desk.store.get(result.archive.key)
        said = " ".join(text_of(data).split())
        for wanted in (
            "CHỨNG THỰC BẢN SAO ĐÚNG VỚI BẢN CHÍNH",
            "Số chứng thực: 01 quyển số 01/2026 - SCT/BS",
            "Bản điện tử được chuyển đổi từ văn bản giấy",
            "CHỮ KÝ THỬ NGHIỆM – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ",
            "QUYẾT ĐỊNH",
        ):
            assert wanted in said, wanted
        path = tmp_path / "copy.pdf"
        path.write_bytes(data)
        if shutil.which("pdfsig"):
            told = subprocess.run(["pdfsig", path], capture_output=True, text=True).stdout
            assert told.count("Signature is Valid") == 2
        if shutil.which("qpdf"):
            assert subprocess.run(["qpdf", "--check", path], capture_output=True).returncode == 0

    def test_the_scan_keeps_its_pixels(self, copy_office):
        paper = copy_office.paper()
        with copy_office.desk() as desk:
            result = certified_copy(desk, copy_office.request(desk, "yc", paper))
            data = desk.store.get(result.archive.key)
        with pikepdf.open(io.BytesIO(data)) as opened:
            shown = next(iter(opened.pages[0].get_images().values()))
            picture = pikepdf.PdfImage(shown).as_pil_image().convert("1")
        assert picture.tobytes() == decision(12).convert("1").tobytes()

    def test_pages_of_several_captured_files_follow_each_other(self, copy_office):
        first, second = copy_office.paper(), copy_office.home.parent / "hai.tif"
        second.write_bytes(tiff(continued(2), continued(3)))
        with copy_office.desk() as desk:
            result = certified_copy(desk, copy_office.request(desk, "yc", first, second))
            data = desk.store.get(result.archive.key)
        assert result.fee == 2 * 2000 + 1000
        with pikepdf.open(io.BytesIO(data)) as opened:
            assert len(opened.pages) == 3

    def test_again_is_the_same_copy_and_other_contents_are_refused(self, copy_office):
        with copy_office.desk() as desk:
            request = copy_office.request(desk)
            first = certified_copy(desk, request)
            assert certified_copy(desk, request) == first
            with pytest.raises(RequestKeyReused):
                certified_copy(desk, request.model_copy(update={"copies": 2}))
            kept = {ref.key for ref in desk.store.list("copies/")}
            assert len(desk.register.entries(desk.register.books()[0].id)) == 1
        assert kept == set(), "half-made files are not kept"

    def test_numbers_run_on_and_a_cancelled_copy_says_so(self, copy_office):
        with copy_office.desk() as desk:
            one = certified_copy(desk, copy_office.request(desk, "a", copy_office.paper(1, "1.png")))
            two = certified_copy(desk, copy_office.request(desk, "b", copy_office.paper(2, "2.png")))
            assert (one.number[:2], two.number[:2]) == ("01", "02")
            cancelling = Cancelling(
                decision="9/QĐ-UBND", decision_date=desk.moment().date(), decided_by="Chủ tịch", reason="sai"
            )
            desk.register.cancel(one.entry, cancelling, who="lan")
            assert desk.register.public_status(code=one.code).state is PublicState.CANCELLED
            assert desk.register.audit(desk.register.books()[0].id) == []


class TestDemands:
    def test_an_archived_scan_cannot_be_certified(self, copy_office, tmp_path):
        """The bytes of the archive, its PDF/A under any name, an issued copy: none gets in, and no number is taken."""
        with copy_office.desk() as desk:
            issued = certified_copy(desk, copy_office.request(desk))
            source = copy_office.paper(12, "lai.png")  # the very bytes that were captured before
            picture, reading = scan()
            archived = tmp_path / "luu-tru.pdf"
            archived.write_bytes(made(stored(picture, quality=80), reading))
            bare = tmp_path / "khong-mo-ta.pdf"  # the same file, its description taken out
            with pikepdf.open(archived) as opened:
                del opened.Root.Metadata
                opened.save(bare)
            copied = tmp_path / "ban-sao.pdf"
            copied.write_bytes(desk.store.get(issued.archive.key))
            typed = tmp_path / "go-may.pdf"
            typed.write_bytes(_typed_pdf())
            for number, (path, why) in enumerate(
                (
                    (source, "đã có trong kho"),
                    (archived, "kho lưu trữ"),
                    (bare, "kho lưu trữ"),
                    (copied, "đã ký số"),
                    (typed, "không phải ảnh"),
                )
            ):
                with pytest.raises(CaptureRejected, match=why):
                    copy_office.request(desk, f"gian-{number}", path)
            assert len(desk.register.entries(desk.register.books()[0].id)) == 1

    def test_types_hold_the_paths_apart(self, copy_office):
        with copy_office.desk() as desk:
            facts = copy_office.request(desk).model_dump()
        for changed in (
            {"capture": "D-52PRWNP41AGZ"},
            {"document": "D-52PRWNP41AGZ"},
            {"held_as": "ban_chinh"},
        ):
            with pytest.raises(ValidationError):
                CertifiedCopyRequest(**facts | changed)
        for name in ("all_pages", "compared_with_original"):
            with pytest.raises(ValidationError):
                Declaration(**facts["declaration"] | {name: False})
        with pytest.raises(ValidationError):
            CertifiedCopyRequest(**facts | {"declaration": None})
        assert tuple(Checklist.model_fields) == tuple(item.code for item in CHECKLIST)
        with pytest.raises(ValidationError):
            Checklist(altered=False, unreadable=False, secret=False, unlawful=False, foreign=False)

    def test_an_old_file_is_no_capture(self, copy_office):
        paper = copy_office.paper()
        old = time.time() - 3600
        os.utime(paper, (old, old))
        with copy_office.desk() as desk, pytest.raises(CaptureRejected, match="không phải chụp lúc này"):
            copy_office.request(desk, "yc", paper)

    def test_a_capture_does_not_wait(self, copy_office):
        moments = [datetime.now(VIETNAM)]
        with copy_office.desk(clock=lambda: moments[-1]) as desk:
            request = copy_office.request(desk)
            moments.append(moments[0] + timedelta(minutes=31))
            with pytest.raises(CaptureRejected, match="quá 30 phút"):
                certified_copy(desk, request)
            assert desk.register.books() == []

    def test_a_capture_serves_one_request(self, copy_office):
        with copy_office.desk() as desk:
            request = copy_office.request(desk, "a")
            with pytest.raises(CaptureRejected, match="yêu cầu khác"):
                certified_copy(desk, request.model_copy(update={"request_key": "b"}))
            with pytest.raises(NotFound):
                take_capture(desk, "K-000000000000", [copy_office.paper()])
            with pytest.raises(CaptureRejected, match="tệp khác"):
                take_capture(desk, open_capture(desk, "a"), [copy_office.paper(99, "khac.png")])

    def test_all_pages_with_content_are_counted(self, copy_office):
        two_sides = copy_office.home.parent / "hai-mat.tif"
        two_sides.write_bytes(tiff(decision(5), blank()))
        with copy_office.desk() as desk:
            request = copy_office.request(desk, "yc", two_sides)
            with pytest.raises(CaptureRejected, match="có 2 trang, bản chụp có 1 trang"):
                certified_copy(desk, request)
            assert desk.register.books() == []

    def test_who_compares_is_who_signs(self, copy_office):
        with copy_office.desk() as desk:
            request = copy_office.request(desk)
            other = request.declaration.model_copy(update={"by": "Người Khác"})
            with pytest.raises(CaptureRejected, match="phải là một"):
                certified_copy(desk, request.model_copy(update={"declaration": other}))

    def test_too_coarse_a_picture(self, copy_office):
        paper = copy_office.home.parent / "mo.png"
        small = decision(7).resize((400, 450))
        small.save(paper, "PNG", dpi=(75, 75))
        with copy_office.desk() as desk, pytest.raises(CaptureRejected, match="low_dpi"):
            certified_copy(desk, copy_office.request(desk, "yc", paper))

    def test_without_delegation_no_number(self, copy_office):
        """Real keys.toml with the demo files as its keys: the certifying person is named, but nobody delegated."""
        keys = copy_office.home / "keys.toml"
        with copy_office.desk() as desk:
            password = desk.keys.demo_pki.password
        seat = '[{role}]\nkind = "pkcs12"\nfile = "demo-pki/{role}.p12"\nperson = "{person}"\n'
        keys.write_text(seat.format(role="certifier", person="Trần Văn Chứng"), "utf-8")
        with copy_office.desk() as desk:
            desk.keys._ask = lambda role, what: password
            desk.keys._real_validation = desk.keys._demo_validation
            request = copy_office.request(desk)
            with pytest.raises(NoDelegation):
                certified_copy(desk, request)
            assert desk.register.books() == []

    def test_production_refuses_demo_keys(self, copy_office):
        from schemas.signing import SigningSettings

        with (
            copy_office.desk(signing=SigningSettings(production=True)) as desk,
            pytest.raises(DemoKeyRefused),
        ):
            copy_office.request(desk)


class TestRefusing:
    def test_a_reason_of_article_22_gives_a_notice_and_no_number(self, copy_office):
        with copy_office.desk() as desk:
            request = CertifiedCopyRequest(
                request_key="tc-1",
                checklist=NOTHING_APPLIES.model_copy(update={"altered": True}),
                requester=Requester(name="Lê Văn Tám"),
                original="Giấy khai sinh",
                explanation="Dòng ngày sinh bị tẩy.",
                received_at=desk.moment(),
            )
            result = certified_copy(desk, request)
            assert certified_copy(desk, request) == result
            notice = text_of(desk.store.get(result.archive.key))
            assert desk.register.books() == []
            kept = desk.register.refusals("H26.12")
        assert result.state is CopyState.REFUSED and result.reasons == ("altered",) and result.number == ""
        for said in (
            "từ chối chứng thực",
            "tẩy xóa",
            "Điều 22 khoản 1",
            "Dòng ngày sinh bị tẩy",
            "Lê Văn Tám",
        ):
            assert said in " ".join(notice.split()), said
        assert [refusal.reasons for refusal in kept] == [("altered",)]

    def test_an_unsound_file_leaves_its_number_failed(self, copy_office, monkeypatch):
        """Something breaks the signed file: the number stays with its reason and is never given again."""
        with copy_office.desk() as desk:
            request = copy_office.request(desk)
            with monkeypatch.context() as broken:
                broken.setattr("flows.copies_issue.must_be_pdfa", _finds_a_fault)
                with pytest.raises(OutputInvalid):
                    certified_copy(desk, request)
            entry = desk.register.entry_by_key("yc-1")
            assert entry.state is EntryState.FAILED and "6.2.11" in entry.failure
            with pytest.raises(NotAllowedNow):
                certified_copy(desk, request)
            follow = certified_copy(desk, copy_office.request(desk, "yc-2", copy_office.paper(8, "8.png")))
            assert follow.number.startswith("02")


def _finds_a_fault(data: bytes) -> None:
    raise OutputInvalid("6.2.11 font_not_embedded")


class TestTime:
    @pytest.mark.parametrize(
        ("received", "delayed", "day"),
        [
            (datetime(2026, 11, 23, 14, 59, tzinfo=VIETNAM), False, None),
            (datetime(2026, 11, 23, 15, 1, tzinfo=VIETNAM), False, 24),
            (datetime(2026, 11, 27, 15, 1, tzinfo=VIETNAM), False, 30),
            (datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM), True, 25),
        ],
    )
    def test_a_slip_when_it_is_not_the_same_day(self, copy_office, received, delayed, day):
        with copy_office.desk() as desk:
            made_slip = appointment(desk, "h-1", "Lê Văn Tám", "Bằng tốt nghiệp", received, delayed=delayed)
            assert (made_slip.slip is None) == (day is None)
            if day is not None:
                said = " ".join(text_of(desk.store.get(made_slip.slip.key)).split())
                assert f"trước 17 giờ 00 ngày {day}/11/2026" in said and "Bằng tốt nghiệp" in said

    def test_the_year_of_a_number_is_that_of_viet_nam(self, copy_office):
        """17:30 UTC on 31 December is the new year here."""
        new_year = datetime.fromisoformat("2026-12-31T17:30:00+00:00")
        with copy_office.desk() as desk:
            assert copy_office  # keys are of today: only the register's clock is moved
            desk.register.clock = lambda: new_year
            entry_number = certified_copy(desk, copy_office.request(desk)).number
        assert entry_number == "01 quyển số 01/2027 - SCT/BS"


class TestAttestation:
    def test_wording_has_versions_with_sources(self):
        old, new = (
            wording("loi-chung-ban-sao", datetime(2025, 10, 31).date()),
            wording("loi-chung-ban-sao", datetime(2025, 11, 1).date()),
        )
        assert (old.version, new.version) == (1, 2) and "280/2025" in new.source
        for path in FOLDER.glob("*.toml"):
            name = path.name.split(".")[0]
            assert wording(name, datetime(2026, 11, 23).date()).source
        with pytest.raises(BadSettings):
            wording("khong-co", datetime(2026, 1, 1).date())

    def test_the_office_may_have_its_own(self, tmp_path):
        (tmp_path / "loi-chung-ban-sao.v9.toml").write_text(
            'name = "loi-chung-ban-sao"\nversion = 9\nvalid_from = 2026-01-01\nsource = "QĐ riêng"\n'
            'lines = [["", "{number}"], ["sign", ""]]\n',
            "utf-8",
        )
        assert wording("loi-chung-ban-sao", datetime(2026, 11, 1).date(), tmp_path).version == 9

    @pytest.mark.parametrize("rotation", [0, 90, 180, 270])
    def test_upright_on_a_turned_page(self, rotation):
        picture, reading = scan(rotation)
        data = made(stored(picture, quality=80), reading)
        result = self._attested(data)
        assert not result.added_page and check_pdfa2b(result.data) == []
        document = pypdfium2.PdfDocument(result.data)
        page = document[0]
        searcher = page.get_textpage().search("Số chứng thực")
        assert searcher.get_next() is not None
        # Upright as shown: the block stands above the signature's box, in the picture as in the numbers.
        shown = page.render(scale=1, grayscale=True).to_numpy()
        left, top, right, bottom = (round(side) for side in result.box)
        shown = shown.reshape(shown.shape[0], shown.shape[1])
        assert (shown[top - 60 : top, left:right] < 128).any() and not (
            shown[top:bottom, left:right] < 128
        ).any()
        document.close()

    def test_a_full_page_gets_another_one(self):
        full = decision(3).copy()
        full.paste(0, (0, 400, 800, 900))
        result = self._attested(_as_pdfa(full))
        assert result.added_page and result.page == 2
        with pikepdf.open(io.BytesIO(result.data)) as opened:
            assert len(opened.pages) == 2

    @staticmethod
    def _attested(data: bytes):
        moment = datetime(2026, 11, 23, 9, 0, tzinfo=VIETNAM)
        return attest(
            data, wording("loi-chung-ban-sao", moment.date()), moment, (200.0, 40.0),
            number="05 quyển số 01/2026 - SCT/BS", day=moment.date(), title="Chủ tịch", signer="Trần Văn Chứng",
        )  # fmt: skip


def _as_pdfa(picture) -> bytes:
    from ocr.searchable import make_searchable
    from schemas.page import PageQuality, PageReading
    from schemas.record import RecordMetadata

    width, height = picture.size
    scale = 72 / 150
    reading = PageReading(
        page=1, width=width, height=height, dpi=150, quality=PageQuality(width_px=width, height_px=height, dpi=150, colour=False),
        to_points=(scale, 0, 0, 0, scale, 0), page_size_pt=(width * scale, height * scale),
    )  # fmt: skip
    metadata = RecordMetadata(title="x", document_id="K-1", scanned_at="2026-11-23T09:00:00+07:00")
    return make_searchable(png(picture), [reading], pages=[1], metadata=metadata).data


def _typed_pdf() -> bytes:
    from fpdf import FPDF

    from storage.print_fonts import serif_fonts

    page = FPDF()
    page.add_font("Serif", "", serif_fonts()[0])
    page.set_font("Serif", size=14)
    page.add_page()
    for line in range(12):
        page.cell(
            0,
            10,
            f"Dòng {line}: văn bản gõ trên máy, không phải ảnh chụp giấy",
            new_x="LMARGIN",
            new_y="NEXT",
        )
    return bytes(page.output())
