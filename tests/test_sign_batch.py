"""A batch of digitised records signed in the order of the law: resumed after kill -9, each file verified, nothing rewritten;
and the copies that the agency alone signs, made of such records."""

from __future__ import annotations

import io
import os
import shutil
import signal

import pikepdf
import pytest
from pydantic import ValidationError

from flows.copies import register_copy, true_copy
from flows.copies_desk import open_copy_desk
from flows.digitise import digitise
from flows.sign_batch import sign_batch
from flows.sign_lanes import OneLane
from ocr.pdfa_check import check_pdfa2b
from schemas.copies import (
    HeldAs,
    RegisterCopyRequest,
    RegisterData,
    RegisterPlace,
    RegisterScan,
    Requester,
    TrueCopyRequest,
)
from schemas.document import DocumentStatus
from schemas.errors import NotAllowedNow, NotFound, OutputInvalid
from schemas.signing import Product, Role, SigningSettings, Verdict
from schemas.signing_errors import DemoKeyRefused
from tests.copies_office import CopyOffice
from tests.kills import ended
from tests.small_papers import continued, decision, separator, signed_pdf, tiff
from tests.test_copies import text_of
from tests.test_copies_kill import in_child

pytest_plugins = ["copies_office"]


@pytest.fixture(scope="module")
def digitised(keys_of_a_module, tmp_path_factory):
    """Three scanned records and one PDF that arrived signed, as one batch; the last scan is left unchecked."""
    home = tmp_path_factory.mktemp("digitised") / "home"
    shutil.copytree(keys_of_a_module, home)
    office, scans = CopyOffice(home), home.parent / "scans"
    scans.mkdir()
    (scans / "chong.tif").write_bytes(
        tiff(decision(1), continued(2), separator(), decision(2), separator(), decision(3))
    )
    (scans / "den.pdf").write_bytes(signed_pdf(decision(4)))
    batch = digitise([scans], office.settings()).batch
    with office.desk() as desk:
        rows = desk.catalogue.documents(batch)
        assert len(rows) == 4
        for row in rows:
            if row.pages != [6]:
                confirm(desk, row.id)
    return home, batch


def confirm(desk, document: str) -> None:
    from flows.coding import coding_of

    row = desk.catalogue.document(document)
    if row.status is DocumentStatus.REVIEW:
        desk.catalogue.confirm_document(
            row.id,
            who="lan",
            confirm_waiting=True,
            coding=coding_of(desk.settings),
            expected_revision=row.revision,
        )


@pytest.fixture
def batch_office(digitised, tmp_path):
    home, batch = digitised
    shutil.copytree(home, tmp_path / "home")
    return CopyOffice(tmp_path / "home"), batch


def by_state(desk, batch):
    found: dict[DocumentStatus, list] = {}
    for row in desk.catalogue.documents(batch):
        found.setdefault(row.status, []).append(row)
    return found


class TestOrder:
    def test_both_signatures_and_the_archive(self, batch_office):
        office, batch = batch_office
        told = []
        with office.desk() as desk:
            before = {row.id: row.archive for row in desk.catalogue.documents(batch)}
            result = sign_batch(
                desk, batch, approved_by="lan", progress=lambda done, count: told.append((done, count))
            )
            rows = by_state(desk, batch)
            assert len(result.scanned) == 3 and len(result.archived) == 2 and len(result.as_came) == 1
            assert list(result.waiting.values()) == ["chưa kiểm tra xong"] and not result.failed
            for row in rows[DocumentStatus.ARCHIVED]:
                data = desk.store.get(row.archive.key, row.archive.version)
                if row.id in result.as_came:
                    assert row.archive == before[row.id] and row.version == 1
                    continue
                assert (
                    row.version == 2 and row.archive.key.endswith("V2.pdf") and row.doc_code.endswith("_V2")
                )
                verdict = desk.keys.verify(data, "x.pdf")
                assert verdict.verdict is Verdict.VALID
                assert [s.field for s in verdict.signatures] == ["NguoiSaoChup", "CoQuan"]
                assert check_pdfa2b(data) == []
                evidence = desk.store.get(f"evidence/{row.id}/V2.json")
                assert row.archive.sha256.encode() in evidence
                first = desk.catalogue.versions(row.id)[0].archive
                assert data.startswith(desk.store.get(first.key, first.version)), (
                    "an incremental update of the PDF/A"
                )
            approved = [e for e in desk.catalogue.events(batch) if e.what == "signing_approved"]
            assert len(approved) == 1 and approved[0].who == "lan"
            assert list(desk.store.list("signing/")) != [], "the unchecked record keeps its first signature"
        assert told == [(n, 4) for n in range(1, 5)]

    def test_the_unchecked_one_follows_when_it_is_checked(self, batch_office):
        office, batch = batch_office
        with office.desk() as desk:
            sign_batch(desk, batch, approved_by="lan")
            (waiting,) = by_state(desk, batch)[DocumentStatus.REVIEW]
            confirm(desk, waiting.id)
            again = sign_batch(desk, batch, approved_by="lan")
        assert again.archived == [waiting.id] and again.scanned == [] and len(again.done_before) == 3

    def test_the_agency_does_not_sign_first(self, batch_office):
        office, batch = batch_office
        with office.desk() as desk:
            result = sign_batch(desk, batch, approved_by="lan", roles=[Role.AGENCY])
            assert result.archived == [] and "chưa có chữ ký của người sao chụp" in result.waiting.values()
            one = sign_batch(desk, batch, approved_by="lan", roles=[Role.SCANNER])
            assert len(one.scanned) == 3 and DocumentStatus.ARCHIVED in by_state(
                desk, batch
            )  # the one that came signed
            two = sign_batch(desk, batch, approved_by="lan", roles=[Role.AGENCY])
            assert len(two.archived) == 2

    def test_a_file_that_is_not_sound_does_not_count_and_stops_nobody(self, batch_office, monkeypatch):
        office, batch = batch_office
        with office.desk() as desk:
            real, calls = OneLane.checked, []

            def unsound(lane, pdf, name, signatures):
                calls.append(name)
                if name == calls[0]:
                    raise OutputInvalid("broken on purpose")
                return real(lane, pdf, name, signatures)

            monkeypatch.setattr(OneLane, "checked", unsound)
            result = sign_batch(desk, batch, approved_by="lan")
            bad = calls[0].removesuffix(".pdf")
            assert list(result.failed) == [bad] and len(result.archived) == 1
            assert desk.catalogue.document(bad).status is DocumentStatus.CHECKED
            monkeypatch.undo()
            assert sign_batch(desk, batch, approved_by="lan").archived == [bad]

    def test_production_refuses_demo_keys_before_anything_is_written(self, batch_office):
        office, batch = batch_office
        with office.desk(signing=SigningSettings(production=True)) as desk:
            with pytest.raises(DemoKeyRefused):
                sign_batch(desk, batch, approved_by="lan")
            assert DocumentStatus.ARCHIVED not in by_state(desk, batch)

    def test_one_pin_for_a_batch(self, batch_office):
        """The key named in keys.toml asks once, however many files it signs."""
        office, batch = batch_office
        asked = []
        with office.desk() as desk:
            password = desk.keys.demo_pki.password
        (office.home / "keys.toml").write_text(
            '[scanner]\nkind = "pkcs12"\nfile = "demo-pki/scanner.p12"\nperson = "Nguyễn Thị Quét"\n', "utf-8"
        )

        def ask(role, what):
            asked.append((role, what))
            return password

        with open_copy_desk(office.settings(), who="lan", ask_pin=ask) as desk:
            desk.keys._real_validation = desk.keys._demo_validation  # the demo PKI's answers for a real seat
            result = sign_batch(desk, batch, approved_by="lan", roles=[Role.SCANNER])
        assert asked == [(Role.SCANNER, "scanner.p12")] and len(result.scanned) == 3


def test_killed_between_any_two_writes_it_goes_on(batch_office):
    office, batch = batch_office
    for n in (1, 2, 4, 6, 9, 12, 15):
        pid = in_child(office, lambda desk: sign_batch(desk, batch, approved_by="lan"), die_after=n)
        if ended(pid) != -signal.SIGKILL:
            break
    with office.desk() as desk:
        sign_batch(desk, batch, approved_by="lan")
        for row in by_state(desk, batch)[DocumentStatus.ARCHIVED]:
            versions = desk.catalogue.versions(row.id)
            assert [v.version for v in versions] == list(range(1, len(versions) + 1)) and len(versions) <= 2
            if len(versions) == 2:
                data = desk.store.get(row.archive.key, row.archive.version)
                assert desk.keys.verify(data, "x").verdict is Verdict.VALID
                assert os.path.basename(row.archive.key) == "V2.pdf"


class TestCopiesByTheAgency:
    def request(self, document: str, **changes) -> TrueCopyRequest:
        facts = {
            "request_key": "sy-1", "product": Product.TRUE_COPY, "document": document, "held_as": HeldAs.MAIN,
            "requester": Requester(name="Phòng Tư pháp"), "original": "Quyết định số 1/QĐ-UBND",
        }  # fmt: skip
        return TrueCopyRequest(**facts | changes)

    def whole(self, desk, batch):
        return next(row for row in desk.catalogue.documents(batch) if row.pages == [1, 2])

    def test_sao_y_of_a_signed_record_starts_from_the_unsigned_one(self, batch_office):
        office, batch = batch_office
        with office.desk() as desk:
            sign_batch(desk, batch, approved_by="lan")
            row = self.whole(desk, batch)
            result = true_copy(desk, self.request(row.id))
            assert true_copy(desk, self.request(row.id)) == result
            data = desk.store.get(result.archive.key)
            verdict = desk.keys.verify(data, "x.pdf")
            assert desk.catalogue.document(row.id).archive == row.archive, "the record stays as it is"
        assert result.number == "01/SY-UBND" and verdict.verdict is Verdict.VALID
        assert [s.field for s in verdict.signatures] == ["CoQuan"] and check_pdfa2b(data) == []
        assert "lời chứng" not in text_of(data).lower() and "CHỨNG THỰC" not in text_of(data)

    def test_trich_sao_takes_its_pages_and_each_kind_has_its_book(self, batch_office):
        office, batch = batch_office
        with office.desk() as desk:
            row = self.whole(desk, batch)
            part = true_copy(
                desk,
                self.request(
                    row.id, request_key="t", product=Product.EXTRACT, pages=(2,), held_as=HeldAs.ORIGINAL
                ),
            )
            again = true_copy(
                desk,
                self.request(row.id, request_key="l", product=Product.COPY_OF_COPY, held_as=HeldAs.TRUE_COPY),
            )
            data = desk.store.get(part.archive.key)
            with pytest.raises(NotFound):
                true_copy(desk, self.request(row.id, request_key="u", product=Product.EXTRACT, pages=(3,)))
        assert (part.number, again.number) == ("01/TrS-UBND", "01/SL-UBND")
        with pikepdf.open(io.BytesIO(data)) as opened:
            assert len(opened.pages) == 1
        assert "Điều 2" in text_of(data) and "QUYẾT ĐỊNH" not in text_of(data)

    def test_what_may_not_be_copied_so(self, batch_office):
        office, batch = batch_office
        with office.desk() as desk:
            rows = desk.catalogue.documents(batch)
            signed = next(row for row in rows if row.pages == [1])
            unchecked = next(row for row in rows if row.status is DocumentStatus.REVIEW)
            for row in (signed, unchecked):
                with pytest.raises(NotAllowedNow):
                    true_copy(desk, self.request(row.id, request_key=row.id))
            assert desk.register.books() == []
        for changes in (
            {"document": "K-52PRWNP41AGZ"},
            {"capture": "K-52PRWNP41AGZ"},
            {"product": Product.CERTIFIED_COPY},
            {"held_as": HeldAs.TRUE_COPY},
            {"pages": (1,)},
            {"product": Product.EXTRACT},
        ):
            with pytest.raises(ValidationError):
                self.request(**{"document": "D-52PRWNP41AGZ"} | changes)

    def test_from_the_register_by_data_and_by_its_page(self, batch_office):
        office, batch = batch_office
        facts = {
            "place": RegisterPlace(book="Sổ đăng ký khai sinh năm 2019", number="45", page="12"),
            "requester": Requester(name="Trần Thị Bình"),
            "original": "Giấy khai sinh số 45/2019",
        }
        rows = (("Họ, chữ đệm, tên", "Trần Thị Ánh Tuyết"), ("Nơi sinh", ""))
        with office.desk() as desk:
            data = RegisterData(title="TRÍCH LỤC KHAI SINH", rows=rows)
            one = register_copy(desk, RegisterCopyRequest(request_key="g1", source=data, **facts))
            page = RegisterScan(document=self.whole(desk, batch).id)
            two = register_copy(desk, RegisterCopyRequest(request_key="g2", source=page, **facts))
            said = " ".join(text_of(desk.store.get(one.archive.key)).split())
            for result in (one, two):
                made = desk.store.get(result.archive.key)
                assert desk.keys.verify(made, "x").verdict is Verdict.VALID and check_pdfa2b(made) == []
        assert (one.number, two.number) == ("01/2026", "02/2026")
        for wanted in (
            "Trần Thị Ánh Tuyết",
            "(sổ gốc để trống)",
            "Số: 01/2026",
            "số 45, trang 12",
            "Bản sao từ sổ gốc",
        ):
            assert wanted in said, wanted
