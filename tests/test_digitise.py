"""The main job as a clerk uses it, with everything that goes wrong on the way."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest

from flows.batch_run import BatchRun, doubtful_pages
from flows.digitise import continue_batch, digitise
from flows.pages import Bench, Original, ReadPage, unpacked
from flows.pool import WorkerPool
from ocr.intake import inspect
from ocr.separate import Separation
from schemas.document import DocumentStatus
from schemas.errors import DiskFull, MissingProgram, PageFailed, PageTimeout, SohoaError, WrongUse
from schemas.results import json_schema
from schemas.settings import Office as OfficeSettings
from storage.catalogue import FileStatus, PageStatus
from storage.objects import LocalStore, original_key
from tests.small_papers import (
    continued,
    decision,
    png,
    signed_pdf,
    tiff,
)

pytest_plugins = ["tests.small_office"]
SCHEMA = Path(__file__).resolve().parents[1] / "schemas" / "digitise.schema.json"


def broken_on(page: int, how: str):
    """A Bench class that misbehaves on one page, in the page process."""
    return f"""
import os, time, flows.pages as pages
read = pages.ReadPage.run
def run(self, bench):
    if self.page == {page}:
        {how}
    return read(self, bench)
pages.ReadPage.run = run
"""


@pytest.fixture
def sabotage(tmp_path: Path, monkeypatch):
    """Runs code in each page process before its first job: the fault comes in through the real seam."""

    def plant(code: str) -> None:
        folder = tmp_path / "sabotage"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(folder))

    return plant


# --- the stack -------------------------------------------------------------------------------------------------------
def test_a_stack_becomes_documents(stack_done):
    _, result = stack_done
    assert result.pages.model_dump(by_alias=True) == {
        "in": 6, "in_documents": 4, "blank": 1, "separator": 1, "quarantined": 0, "declared": 6,
    }  # fmt: skip
    assert result.finished and result.pages.adds_up and result.quarantine == [] == result.messages
    found = {(Path(d.source).name, tuple(d.pages)): d for d in result.documents}
    assert set(found) == {("single.png", (1,)), ("stack.tif", (1, 2)), ("stack.tif", (5,))}
    assert {d.type for d in result.documents} == {"quyet_dinh"}
    assert all(d.fields["ngay_ban_hanh"].value == "2023-03-15" for d in result.documents)
    assert {d.status for d in result.documents} <= {DocumentStatus.REVIEW, DocumentStatus.CHECKED}
    assert all("needs_colour" in d.reasons for d in result.documents)


def test_the_archive_copy_is_there_and_searchable(stack_done):
    office, result = stack_done
    store = office.store()
    for document in result.documents:
        data = store.get(document.archive.key, document.archive.version)
        assert document.archive.key == f"archive/{document.id}/V1.pdf"
        assert data.startswith(b"%PDF-1.7") and b"<pdfaid:part>" in data
    with office.catalogue() as catalogue:
        row = catalogue.document(result.documents[0].id)
        assert row.dossier_code == "H26.12-230315-0007"
        assert [e.what for e in catalogue.events(result.batch)] == ["batch_finished", "batch_started"]
        total, hits = catalogue.find("binh xet")
        assert total == 3 and {hit.id for hit in hits} == {d.id for d in result.documents}


def test_originals_are_kept_untouched(stack_done):
    office, _ = stack_done
    with office.catalogue() as catalogue:
        for file in catalogue.files(catalogue.batches()[0].id):
            assert office.store().get(original_key(file.source.sha256)) == Path(file.path).read_bytes()


def test_the_result_keeps_its_contract(stack_done):
    _, result = stack_done
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert schema == json_schema(), "make it again: python -m schemas.results > schemas/digitise.schema.json"
    told = json.loads(result.to_json())
    jsonschema.validate(told, schema)
    assert {"batch", "pages", "documents", "quarantine"} <= told.keys()
    assert told["pages"].keys() >= {"in", "in_documents", "blank", "separator", "quarantined"}
    assert told["documents"][0].keys() >= {"id", "type", "status", "fields", "archive"}
    assert told["documents"][0]["archive"].keys() == {"key", "sha256", "version"}


def test_the_same_again_is_linked_not_redone(stack_done, sabotage):
    office, first = stack_done
    sabotage("raise SystemExit('nothing is to be read')")
    again = office.digitise(processes=2, dossier_code="H26.12-230315-0007", declared_pages=6)
    assert again.batch != first.batch and again.finished
    assert again.documents == first.documents and again.pages == first.pages
    assert again.messages and again.messages[0].startswith("2 tệp trùng nội dung")


def test_progress_comes_from_finished_pages(office):
    office.drop("a.tif", tiff(decision(1), decision(2), decision(3)))
    seen = []

    class Screen:
        def update(self, counts):
            seen.append(counts)

    office.digitise(progress=Screen())
    last = seen[-1]
    assert (last.files_seen, last.files_done, last.pages_seen, last.pages_done, last.documents) == (1, 1, 3, 3, 3)
    assert last.pages_per_second > 0 and last.intake_done and last.seconds_left == 0
    assert [c.pages_done for c in seen] == sorted(c.pages_done for c in seen)
    assert all(c.seconds_left is None for c in seen if c.pages_done < 2)


# --- what goes wrong with files --------------------------------------------------------------------------------------
def test_bad_files_do_not_stop_the_batch(office):
    office.drop("empty.pdf", b"")
    office.drop("word.docx", b"PK\x03\x04" + bytes(200))
    office.drop("cut.tif", tiff(decision(5), decision(6))[:-700])
    os.mkfifo(office.scans / "pipe.pdf")
    (office.scans / "link.pdf").symlink_to(office.scans / "good.png")
    office.drop("good.png", png(decision(7)))
    result = office.digitise()
    codes = {Path(q.source).name: q.code for q in result.quarantine}
    assert codes == {
        "empty.pdf": "empty_file", "word.docx": "unsupported_file", "cut.tif": "truncated_file",
        "pipe.pdf": "not_a_regular_file", "link.pdf": "not_a_regular_file",
    }  # fmt: skip
    assert all("ệp" in q.reason for q in result.quarantine)
    assert [Path(d.source).name for d in result.documents] == ["good.png"]
    assert result.finished and result.exit_code() == 1 and result.pages.in_ == 1
    with office.catalogue() as catalogue:
        kept = {Path(f.path).name for f in catalogue.files(result.batch) if f.source and f.source.object}
    assert kept == {"word.docx", "cut.tif", "good.png"}, "bytes that could be read are kept"


def test_the_same_bytes_twice_in_one_batch(office):
    office.drop("a.png", png(decision(8)))
    office.drop("b.png", png(decision(8)))
    result = office.digitise()
    assert len(result.documents) == 1 and result.pages.in_ == 1 and result.finished


def test_a_signed_pdf_is_kept_as_it_is(office):
    data = signed_pdf(decision(9), continued(2), decision(10))
    office.drop("signed.pdf", data)
    result = office.digitise()
    (document,) = result.documents
    assert document.pages == [1, 2, 3], "signed as one, kept as one"
    assert office.store().get(document.archive.key) == data
    assert document.type == "quyet_dinh" and document.fields["ngay_ban_hanh"].value == "2023-03-15", "read all the same"
    with office.catalogue() as catalogue:
        (file,) = catalogue.files(result.batch)
        assert file.source.signed and file.source.signature_notes[0]["field"] == "ChuKy1"
        checks = {c.code: c for c in catalogue.document(document.id).checks}
    assert checks["signed_original"].detail == "Ủy ban nhân dân xã Đại Đồng"


def test_declared_and_counted_pages_differ(office):
    office.drop("a.tif", tiff(decision(1), continued(2)))
    result = office.digitise(declared_pages=3)
    assert not result.finished and result.exit_code() == 1
    assert result.messages == ["Đã khai 3 trang nhưng đếm được 2 trang: cần người đối chiếu."]
    office.drop("b.png", png(decision(2)))
    again = office.digitise(declared_pages=3)
    assert again.batch == result.batch and again.finished and again.pages.in_ == 3


def test_nothing_to_do(office):
    with pytest.raises(WrongUse):
        digitise([office.scans / "not there"], office.settings())


def test_a_poor_scan_goes_to_a_person(office):
    office.drop("a.png", png(decision(3)))
    result = office.digitise(min_dpi=200)
    assert result.documents[0].status is DocumentStatus.REVIEW and "low_dpi" in result.documents[0].reasons


# --- what goes wrong with pages and processes ------------------------------------------------------------------------
def test_a_page_that_fails_is_set_aside_and_read_when_given_back(office, sabotage, monkeypatch):
    office.drop("a.tif", tiff(decision(1), continued(2), decision(3)))
    sabotage(broken_on(2, "raise ValueError('no such thing')"))
    result = office.digitise()
    (entry,) = result.quarantine
    assert (entry.page, entry.code, result.pages.quarantined) == (2, "page_failed", 1)
    assert result.finished and result.exit_code() == 1
    by_pages = {tuple(d.pages): d for d in result.documents}
    assert set(by_pages) == {(1,), (3,)}
    assert "page_missing" in by_pages[1,].reasons and "page_missing" not in by_pages[3,].reasons
    monkeypatch.delenv("PYTHONPATH")
    with office.catalogue() as catalogue:
        catalogue.quarantine_retry(entry.id, "lan")
    again = continue_batch(result.batch, office.settings())
    assert [d.pages for d in again.documents] == [[1, 2], [3]] and again.quarantine == []
    assert again.pages.quarantined == 0 and again.finished


@pytest.mark.parametrize(
    "how, code, error",
    [("os.kill(os.getpid(), 11)", "page_failed", PageFailed), ("time.sleep(60)", "page_timeout", PageTimeout)],
    ids=["crash", "hang"],
)
def test_a_page_that_takes_its_process_down_harms_no_other(office, sabotage, how, code, error):
    office.drop("a.tif", tiff(decision(1), decision(2), decision(3)))
    sabotage(broken_on(2, how))
    result = office.digitise(page_seconds=4)
    assert [(q.page, q.code, q.reason) for q in result.quarantine] == [(2, code, error.vi)]
    assert [d.pages for d in result.documents] == [[1], [3]] and result.pages.adds_up


def test_a_process_that_crashes_once_costs_nothing(office, sabotage, tmp_path):
    once = tmp_path / "once"
    sabotage(broken_on(2, f"p = {str(once)!r}; os.path.exists(p) or (open(p, 'w').close(), os.kill(os.getpid(), 9))"))
    office.drop("a.tif", tiff(decision(1), decision(2), decision(3)))
    result = office.digitise()
    assert once.exists() and result.quarantine == [] and len(result.documents) == 3


def test_a_document_that_cannot_be_made_is_never_lost(office, sabotage, monkeypatch):
    office.drop("a.tif", tiff(decision(1), continued(2), decision(3)))
    sabotage("""
import ocr.searchable as p
make = p.make_searchable
def broken(source, readings, *, pages, metadata):
    if pages == [1, 2]:
        raise p.OutputInvalid("words lost")
    return make(source, readings, pages=pages, metadata=metadata)
p.make_searchable = broken
""")
    result = office.digitise()
    assert [(q.page, q.code) for q in result.quarantine] == [(1, "output_invalid")]
    assert result.pages.quarantined == 2 and result.pages.adds_up and [d.pages for d in result.documents] == [[3]]
    monkeypatch.delenv("PYTHONPATH")
    with office.catalogue() as catalogue:
        catalogue.quarantine_retry(result.quarantine[0].id, "lan")
    again = continue_batch(result.batch, office.settings())
    assert [d.pages for d in again.documents] == [[1, 2], [3]] and again.pages.quarantined == 0


def test_processes_are_recycled(office):
    office.drop("a.tif", tiff(*(decision(n) for n in range(1, 5))))
    settings = office.settings()
    settings.work.pages_a_process = 2
    started = []
    start = WorkerPool._start
    WorkerPool._start = lambda pool: started.append(1) or start(pool)
    try:
        assert len(digitise([office.scans], settings).documents) == 4
    finally:
        WorkerPool._start = start
    assert len(started) >= 4  # four pages, one cut, four documents: nine jobs


def test_processes_that_cannot_start_are_an_error_not_a_loop(office, sabotage):
    office.drop("a.png", png(decision(1)))
    sabotage("raise SystemExit('broken installation')")
    with pytest.raises(SohoaError) as caught:
        office.digitise()
    assert caught.value.code == "setup"


def test_a_missing_language_is_told_once(office):
    office.drop("a.png", png(decision(1)))
    settings = office.settings()
    settings.reading.language = "xyz"
    with pytest.raises(MissingProgram):
        digitise([office.scans], settings)
    with office.catalogue() as catalogue:
        (file,) = catalogue.files(catalogue.batches()[0].id)
        assert file.status is FileStatus.WAITING and file.source.object, "what was taken in is kept"
    assert len(office.digitise().documents) == 1, "and read once it is there"


def test_a_full_disk_loses_nothing_that_was_taken_in(office, monkeypatch):
    office.drop("a.tif", tiff(decision(1), decision(2)))
    put = LocalStore.put

    def full(self, key, *args, **kwargs):
        if key.startswith("readings/") and key.endswith("/2.json.gz"):
            raise DiskFull("no space left")
        return put(self, key, *args, **kwargs)

    monkeypatch.setattr(LocalStore, "put", full)
    with pytest.raises(DiskFull):
        office.digitise()
    monkeypatch.undo()
    result = office.digitise()
    assert len(result.documents) == 2 and result.finished
    with office.catalogue() as catalogue:
        assert len(catalogue.batches()) == 1


def test_a_file_that_another_worker_took_over_is_left_to_it(office, monkeypatch):
    office.drop("a.png", png(decision(1)))
    record = BatchRun._record

    def taken_before(run, file):
        run.catalogue.release_claims(run.batch.id)
        run.catalogue.claim_file(run.batch.id, "another~machine")
        record(run, file)

    monkeypatch.setattr(BatchRun, "_record", taken_before)
    result = office.digitise()
    assert result.documents == [] and not result.finished
    assert result.messages[0].endswith("đã được tiến trình khác nhận xử lý.")


# --- read again ------------------------------------------------------------------------------------------------------
def test_other_settings_read_again_and_keep_what_a_person_did(office):
    office.drop("a.png", png(decision(21)))
    first = office.digitise()
    (document,) = first.documents
    with office.catalogue() as catalogue:
        catalogue.set_field(document.id, "nguoi_ky", "Trần Văn Bình", who="lan")
    second = office.digitise(min_dpi=145)
    (again,) = second.documents
    assert again.id == document.id and again.fields["nguoi_ky"].value == "Trần Văn Bình"
    assert again.fields["nguoi_ky"].status == "corrected"
    with office.catalogue() as catalogue:
        assert len(catalogue.versions(document.id)) == 1, "same bytes, same version"
        source = catalogue.files(second.batch)[0].source.sha256
        assert catalogue.pages(source)[0].reading_key != ""
        assert len(list(office.store().list(f"readings/{source}/"))) == 2


def test_other_bytes_are_the_next_version(office):
    office.drop("a.png", png(decision(22)))
    (document,) = office.digitise().documents
    renamed = OfficeSettings(name="UBND xã Đại Đồng")
    (again,) = office.digitise(min_dpi=145, office=renamed).documents
    assert again.id == document.id and again.archive.key == f"archive/{document.id}/V2.pdf"
    with office.catalogue() as catalogue:
        assert [v.version for v in catalogue.versions(document.id)] == [1, 2]
        assert catalogue.document(document.id).version == 2


# --- small parts -----------------------------------------------------------------------------------------------------
def test_which_document_an_unread_page_may_belong_to():
    cut = Separation(documents=[[2, 3], [6], [7]], blank=[4], separators=[5])
    assert doubtful_pages(cut, {1}) == {0: (1,)}
    assert doubtful_pages(cut, {8}) == {2: (8,)}
    assert doubtful_pages(Separation(documents=[[1], [5]], separators=[2]), {3, 4}) == {1: (3, 4)}
    assert doubtful_pages(Separation(documents=[[1, 3]]), {2}) == {0: (2,)}
    assert doubtful_pages(Separation(blank=[2]), {1}) == {}


def test_pages_know_what_became_of_them(stack_done):
    office, result = stack_done
    with office.catalogue() as catalogue:
        stack = next(f for f in catalogue.files(result.batch) if f.path.endswith("stack.tif"))
        pages = catalogue.pages(stack.source.sha256)
    d = PageStatus.DOCUMENT
    assert [p.status for p in pages] == [d, d, PageStatus.BLANK, PageStatus.SEPARATOR, d]
    assert all(p.reading_key and p.quality for p in pages)


def test_a_process_keeps_the_file_open_between_pages(office):
    path = office.drop("a.tif", tiff(decision(1), decision(2)))
    settings = office.settings()
    bench = Bench(settings, None)
    try:
        original = Original(inspect(path.read_bytes(), "a.tif", settings.limits), path)
        assert bench.source(original) is bench.source(original)
        reading = unpacked(ReadPage("f", original, 2, 10).run(bench))
        assert reading.page == 2 and "QUYẾT ĐỊNH" in reading.text
    finally:
        bench.close()
