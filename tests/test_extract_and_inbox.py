"""Files read without keeping anything, and the watched folder at work."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from flows.extract import extract_files
from flows.inbox import watch_folder
from tests.small_papers import continued, decision, pdf, png, separator, tiff

pytest_plugins = ["tests.small_office"]


def test_extract_writes_one_file_a_document_and_keeps_nothing(office, tmp_path):
    office.drop("stack.tif", tiff(decision(1), separator(), decision(2)))
    office.drop("one.pdf", pdf(decision(3), continued(2)))
    office.drop("bad.pdf", b"%PDF-1.4 nothing")
    out = tmp_path / "out"
    result = extract_files([office.scans], out, office.settings(processes=2))
    assert sorted(p.name for p in result.written) == ["one.json", "stack-1.json", "stack-2.json"]
    assert sorted(p.name for p in out.iterdir()) == ["one.json", "stack-1.json", "stack-2.json"]
    assert [(Path(q.source).name, q.page) for q in result.refused] == [("bad.pdf", None)] and result.exit_code() == 1
    one = json.loads((out / "one.json").read_text("utf-8"))
    assert one.keys() == {"source", "pages", "type", "rotation", "text", "fields"}
    assert (one["pages"], one["type"], one["rotation"]) == ([1, 2], "quyet_dinh", 0)
    assert one["fields"]["so_ky_hieu"].keys() == {"value", "printed", "confidence", "page", "box", "status"}
    assert one["fields"]["ngay_ban_hanh"]["value"] == "2023-03-15" and "QUYẾT ĐỊNH" in one["text"]
    assert not office.home.exists()


def test_files_of_one_name_do_not_overwrite_each_other(office, tmp_path):
    for folder in ("x", "y"):
        (office.scans / folder).mkdir()
        office.drop(f"{folder}/a.png", png(decision(3)))
    result = extract_files([office.scans], tmp_path / "out", office.settings())
    assert sorted(p.name for p in result.written) == ["a.json", "y_a.json"]


def test_a_watched_folder_is_digitised(office):
    inbox = office.scans
    stop, done = threading.Event(), []

    def on_batch(path, result):
        done.append((path, result))
        if len(done) == 2:
            stop.set()

    office.drop("a.png", png(decision(31)))
    (inbox / "case").mkdir()
    office.drop("case/1.png", png(decision(32)))
    office.drop("case/2.png", png(continued(2)))
    guard = threading.Timer(60, stop.set)
    guard.start()
    handled = watch_folder(inbox, office.settings(), stop, poll_seconds=0.1, on_batch=on_batch)
    guard.cancel()
    assert handled == 2 and sorted(path.name for path, _ in done) == ["a.png", "case"]
    assert all(str(inbox) in d.source and ".sohoa" not in d.source for _, r in done for d in r.documents)
    assert [p.name for p in inbox.iterdir()] == [".sohoa"], "put aside, not left"
    assert len(list((inbox / ".sohoa" / "done").rglob("*.png"))) == 3


def test_a_thing_that_cannot_be_a_batch_does_not_stop_the_watch(office):
    settings = office.settings()
    settings.limits.batch_files = 2
    (office.scans / "many").mkdir()
    for number in range(3):
        office.drop(f"many/{number}.png", png(decision(33)))
    stop, problems = threading.Event(), []
    guard = threading.Timer(60, stop.set)
    guard.start()
    watch_folder(
        office.scans, settings, stop, poll_seconds=0.1, on_problem=lambda e: problems.append(e.code) or stop.set()
    )
    guard.cancel()
    assert problems == ["too_large"]
    assert [p.name for p in (office.scans / ".sohoa" / "refused").glob("*/*/*")] == ["many"]
