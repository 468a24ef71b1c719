"""The command from the first call to the last, as a clerk types it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pikepdf
import pytest
from PIL import Image

from cli.digitise import asked_to_stop
from cli.home import settings_text
from cli.main import main
from cli.progress import duration, text
from cli.terminal import clean
from flows.progress import Counts
from schemas.errors import all_errors
from schemas.settings import Settings, load_settings
from tests.kills import child, ended
from tests.small_papers import continued, decision, drawn, pdf, separator, tiff
from tests.sohoa_command import Ran, command, environment, schema_of, small_office, sohoa


def locked_pdf() -> bytes:
    buffer = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf(decision(99)))) as opened:
        opened.save(buffer, encryption=pikepdf.Encryption(owner="chu", user="mat-khau"))
    return buffer.getvalue()


@dataclass
class Office:
    home: Path
    scans: Path
    digitised: Ran
    result: dict

    def run(self, *arguments: object, **more: str) -> Ran:
        return sohoa(*arguments, home=self.home, **more)

    def with_number(self, number: str) -> str:
        """Id of the record with this number."""
        return next(d["id"] for d in self.result["documents"] if d["fields"]["so_ky_hieu"]["value"] == number)


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Office:
    """Digitised: a stack of two decisions (one of two pages) with a separator, an empty file, a locked one."""
    folder = tmp_path_factory.mktemp("office")
    home, scans = small_office(folder / "nhà số hoá"), folder / "ảnh quét"
    scans.mkdir()
    (scans / "chồng 1.tif").write_bytes(tiff(decision(45), continued(2), separator(), decision(46)))
    (scans / "rỗng.pdf").write_bytes(b"")
    (scans / "khoá\x1b[31m.pdf").write_bytes(locked_pdf())
    done = sohoa("digitise", scans, "--json", "--pages", 4, "--name", "Lô thử", home=home)
    assert done.code == 1, done.err
    return Office(home, scans, done, done.json("digitise"))


# --- starting ----------------------------------------------------------------------------------------------------
def test_help_is_quick_and_in_both_languages():
    started = time.process_time()
    seen = sohoa("--help")
    assert seen.code == 0 and "Số hoá kết quả" in seen.out and "Digitise" in seen.out
    for name in (
        "init",
        "doctor",
        "digitise",
        "watch",
        "extract",
        "review",
        "show",
        "export",
        "quarantine",
        "find",
    ):
        assert name in seen.out
    assert time.process_time() - started < 1


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom cli.main import main\n"
        "try:\n    main(['digitise', '--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'cv2', 'prefect', 'numpy', 'sqlalchemy', 'PIL', 'onnxruntime', 'ocr', 'flows', 'storage'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([command()[0], "-c", code], env=environment(), capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


def test_init_makes_a_private_home_and_never_overwrites(tmp_path):
    home = tmp_path / "nha"
    assert sohoa("init", home=home).code == 0
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for path in home.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert {"root.pem", "ca.pem", "tsa.pem", "scanner.p12", "certifier.p12", "agency.p12"} <= {
        path.name for path in (home / "demo-pki").iterdir()
    }
    (home / "sohoa.toml").write_text('[office]\nname = "UBND xã Đại Đồng"\n', "utf-8")
    again = sohoa("--home", home, "init")
    assert again.code == 0 and "không thay đổi gì" in again.out
    assert load_settings(home).office.name == "UBND xã Đại Đồng"


def test_settings_file_says_every_default():
    """The commented settings are the real ones: taken in, they change nothing."""
    import tomllib

    lines = [line.removeprefix("# ") if " = " in line else line for line in settings_text().splitlines()]
    lines = [line for line in lines if line.startswith("[") or (" = " in line and not line.startswith("#"))]
    values = tomllib.loads("\n".join(line for line in lines if "catalogue_url" not in line))
    values["reading"]["tessdata"] = None  # TOML has no null: empty says it
    said = Settings(**values)
    assert said == Settings()
    for section, default in Settings().model_dump().items():
        if isinstance(default, dict):
            assert set(values[section]) == set(default), section


def test_settings_file_is_the_same_whatever_the_environment_says(monkeypatch):
    before = settings_text()
    monkeypatch.setenv("SOHOA_WORK__PROCESSES", "7")
    monkeypatch.setenv("SOHOA_OFFICE__NAME", "UBND xã Ở Môi Trường")
    assert settings_text() == before


def test_codes_that_the_law_leaves_open_carry_their_source():
    said = settings_text()
    for source in (
        "NĐ 45/2020/NĐ-CP Đ14 k3",
        "TT 01/2023/TT-VPCP Đ10",
        "CV 7197/BKHCN-CĐSQG",
        "NĐ 30/2020/NĐ-CP",
    ):
        assert source in said


# --- digitise ----------------------------------------------------------------------------------------------------
def test_digitise_accounts_for_every_page(office):
    pages = office.result["pages"]
    assert pages == {
        "in": 4, "in_documents": 3, "blank": 0, "separator": 1, "quarantined": 0, "declared": 4,
    }  # fmt: skip
    assert [d["pages"] for d in office.result["documents"]] == [[1, 2], [4]]
    assert {q["code"] for q in office.result["quarantine"]} == {"empty_file", "encrypted_file"}


def test_progress_goes_to_stderr_and_json_stays_alone(office):
    assert office.digitised.out.startswith("{") and "trang" in office.digitised.err
    assert "\x1b" not in office.digitised.err


def test_the_same_again_is_recognised_and_told_to_people(office):
    again = office.run("digitise", office.scans / "chồng 1.tif")
    said = again.out
    assert "4 trang = 3 trong giấy tờ + 0 trắng + 1 phân cách + 0 cách ly (khớp)" in said
    assert "Quyết định" in said and "Lệnh tiếp theo:" in said and "\x1b" not in said
    listed = office.run("review", "list", "--json").json("review")
    assert again.code == (1 if listed["total"] else 0)


def test_declared_pages_that_differ_are_said(office, tmp_path):
    (tmp_path / "một.tif").write_bytes(tiff(decision(45)))
    done = office.run("digitise", tmp_path / "một.tif", "--pages", 2)
    assert done.code == 1 and "khai báo 2 trang: KHÔNG KHỚP" in done.out
    listed = office.run("batch", "list", "--json")
    (open_batch,) = [b for b in listed.json()["batches"] if b["status"] == "open"]
    assert listed.code == 1 and open_batch["declared"] == 2 and open_batch["pages"]["in"] == 1
    assert office.run("batch", "close", open_batch["id"]).code == 2, "no reason, no closing"
    closed = office.run("batch", "close", open_batch["id"], "--reason", "Tờ bìa không quét")
    assert closed.code == 0 and "1 trang, khai báo 2" in closed.out
    assert office.run("batch", "list").code == 0
    assert office.run("batch", "close", "B-KHONGCO", "--reason", "x").code == 2


def test_interrupted_work_is_kept_and_the_way_on_is_said(tmp_path):
    home = small_office(tmp_path / "nha")
    scans = tmp_path / "nhiều.tif"
    scans.write_bytes(tiff(*(decision(n) for n in range(100, 112))))
    arguments = ("digitise", scans, "--dossier", "HS-1", "--home", home)
    process = subprocess.Popen(
        command(*arguments), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    stored = home / "store" / "content"
    while sum(path.is_file() for path in stored.rglob("*")) < 3:  # the scan and two pages as read
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "không mất gì" in said and f"--dossier HS-1 --home {home}" in said and "Traceback" not in said
    done = sohoa("digitise", scans, "--dossier", "HS-1", "--json", home=home)
    assert done.json("digitise")["pages"]["in_documents"] == 12


# --- find, show, export ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "words", [("quyết định", "Đại Đồng"), ("quyet dinh dai dong",), ("QUYET", "DINH", "45")]
)
def test_find_minds_neither_accents_nor_case(office, words):
    found = office.run("find", *words, "--json")
    document = found.json("find")
    assert found.code == 0 and document["total"] >= 1
    assert office.with_number("45/QĐ-UBND") in [hit["id"] for hit in document["hits"]]


def test_find_for_people_and_without_luck(office):
    assert "45/QĐ-UBND" in office.run("find", "45 qd ubnd").out
    nothing = office.run("find", "xyzzyx", "--json")
    assert nothing.code == 0 and nothing.json("find") == {"total": 0, "hits": []}


def test_show_writes_a_picture_of_a_page(office, tmp_path):
    """That the boxes lie over the words is shown in test_review."""
    record = office.with_number("45/QĐ-UBND")
    assert office.run("show", record, "--page", 2, "--png", tmp_path / "trang.png").code == 0
    with Image.open(tmp_path / "trang.png") as picture:
        assert picture.format == "PNG" and picture.width > 800 / 150 * 110
    assert office.run("show", record, "--page", 3, "--png", tmp_path / "x.png").code == 2


def test_show_json_has_the_evidence(office):
    record = office.run("show", office.with_number("45/QĐ-UBND"), "--json").json("record")
    number = record["fields"]["so_ky_hieu"]
    assert number["printed"] and number["box"] and number["page"] == 1
    assert record["archive"]["key"].startswith("archive/")


def test_export_hands_out_verified_files_and_overwrites_nothing(office, tmp_path):
    record = office.with_number("46/QĐ-UBND")
    if office.run("show", record, "--json").json()["status"] == "review":
        assert office.run("review", "confirm", record, "--all").code == 0
    out = tmp_path / "xuất"
    assert office.run("export", record, "--to", out).code == 0
    exported, facts = sorted(out.glob("*.pdf")), sorted(out.glob("*.json"))
    assert [p.stem for p in exported] == [p.stem for p in facts]
    # CV 7197: CODE_YYYYMMDD_DESC, where CODE is MCQ_LV_STT_PB.
    assert exported[0].name == "H26.12_QĐ_000001_V1_20230315_QuyetDinh.pdf"
    data = json.loads(facts[0].read_text("utf-8"))
    jsonschema.validate(data, schema_of("record"))
    assert data["archive"]["sha256"] == hashlib.sha256(exported[0].read_bytes()).hexdigest()
    with pikepdf.open(exported[0]) as opened:
        assert len(opened.pages) == 1
    check = subprocess.run(["sha256sum", "--check", "manifest-sha256.txt"], cwd=out, capture_output=True)
    assert check.returncode == 0, check.stderr
    assert office.run("export", record, "--to", out).code == 0  # the same again
    facts[0].write_text("đổi", "utf-8")
    refused = office.run("export", record, "--to", out)
    assert refused.code == 2 and "target_exists" in refused.err
    assert facts[0].read_text("utf-8") == "đổi"


def test_a_damaged_archive_file_does_not_leave_the_house(office, tmp_path):
    record = office.with_number("46/QĐ-UBND")
    digest = office.run("show", record, "--json").json()["archive"]["sha256"]
    stored = [p for p in (office.home / "store").rglob("*") if p.is_file()]
    file = next(p for p in stored if hashlib.sha256(p.read_bytes()).hexdigest() == digest)
    whole = file.read_bytes()
    file.chmod(0o600)
    try:
        file.write_bytes(whole[:-10] + b"0123456789")
        if office.run("show", record, "--json").json()["status"] == "review":
            assert office.run("review", "confirm", record, "--all").code == 0
        refused = office.run("export", record, "--to", tmp_path / "x")
        assert refused.code == 3 and "object_damaged" in refused.err and not list((tmp_path).rglob("*.pdf"))
    finally:
        file.write_bytes(whole)
        file.chmod(0o400)


# --- quarantine --------------------------------------------------------------------------------------------------
def test_quarantine_is_listed_retried_and_dropped(office):
    listed = office.run("quarantine", "list", "--json")
    entries = {e["code"]: e for e in listed.json("quarantine")["entries"]}
    assert listed.code == 1
    people = office.run("quarantine", "list")
    assert "mật" in people.out and "\x1b" not in people.out
    locked = entries["encrypted_file"]["id"]
    shown = office.run("quarantine", "show", locked[:6].lower())
    assert "Xin bản không đặt mật khẩu" in shown.out and "khoá?[31m.pdf" in shown.out
    assert office.run("quarantine", "drop", locked).code == 2  # no reason
    assert office.run("quarantine", "drop", locked, "--reason", "đã xin bản khác").code == 0
    twice = office.run("quarantine", "drop", locked, "--reason", "lần nữa")
    assert twice.code == 2 and "not_allowed_now" in twice.err
    empty = entries["empty_file"]["id"]
    assert office.run("quarantine", "retry", empty).code == 1
    left = office.run("quarantine", "list", "--all", "--json").json("quarantine")["entries"]
    assert {e["code"]: e["status"] for e in left} == {"encrypted_file": "dropped", "empty_file": "open"}


# --- extract -----------------------------------------------------------------------------------------------------
def test_extract_writes_json_and_archives_nothing(tmp_path):
    home = small_office(tmp_path / "nha")
    before = {p for p in home.rglob("*") if p.is_file()}
    (tmp_path / "hai.tif").write_bytes(
        tiff(decision(57), separator(), drawn(["TỜ TRÌNH", "Về việc sửa đường"]))
    )
    done = sohoa("extract", tmp_path / "hai.tif", "--out", tmp_path / "json", home=home)
    assert done.code in (0, 1), done.err
    written = sorted((tmp_path / "json").glob("*.json"))
    assert len(written) == 2
    first = json.loads(written[0].read_text("utf-8"))
    assert set(first) == {"source", "pages", "type", "rotation", "text", "fields"}
    assert first["type"] == "quyet_dinh" and first["pages"] == [1] and first["rotation"] == 0
    assert first["fields"]["so_ky_hieu"]["value"] == "57/QĐ-UBND"
    assert set(first["fields"]["so_ky_hieu"]) == {"value", "printed", "confidence", "page", "box", "status"}
    assert {p for p in home.rglob("*") if p.is_file() and p.name != "sohoa.log"} == before


# --- watch -------------------------------------------------------------------------------------------------------
def test_watch_takes_what_is_dropped_and_stops_when_asked(tmp_path):
    home, inbox = small_office(tmp_path / "nha"), tmp_path / "hộp"
    inbox.mkdir()
    process = subprocess.Popen(
        command("watch", inbox, "--home", home), env=environment(SOHOA_WORK__SETTLE_SECONDS="0.2"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent,
    )  # fmt: skip
    assert "Đang theo dõi" in process.stdout.readline()
    (inbox / "quét.tif").write_bytes(tiff(decision(8)))
    said = process.stdout.readline()
    assert "quét.tif: 1 trang, 1 giấy tờ" in said
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert "Đã nhận 1 mục" in out and process.returncode in (0, 1) and "Traceback" not in err
    assert not [p for p in inbox.iterdir() if p.name != ".sohoa"]


def test_a_signal_stops_whatever_moment_it_comes():
    """Also while the one that waits holds the lock of what it waits for."""
    ready, tell = os.pipe()

    def work():
        signal.alarm(30)  # what hangs is killed
        stop = asked_to_stop()
        os.write(tell, b".")
        while not stop.is_set():
            stop.wait(1e-6)

    for turn in range(30):
        pid = child(work)
        assert os.read(ready, 1) == b"."
        time.sleep(turn * 0.0003)
        os.kill(pid, signal.SIGTERM)
        assert ended(pid) == 0


# --- errors ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("kham_pha",), "không có lệnh „kham_pha“"),
        (("find",), "thiếu TỪ…"),
        (("find", "a", "--la"), "không có tuỳ chọn --la"),
        (("find", "a", "--limit", "nhiều"), "--limit SỐ"),
        (("find", "a", "--lang", "fr"), "--lang fr"),
        (("digitise", "khong-co-o-day.pdf"), "khong-co-o-day.pdf"),
        (("show", "D-0000"), "D-0000"),
        (("export", "--to", "x"), "--batch"),
        (("review", "confirm", "D-0000"), "--all"),
        (("review", "list", "--batch", "B-0000"), "B-0000"),
    ],
)
def test_wrong_use_is_code_2_and_told_in_vietnamese(office, arguments, said, capsys, monkeypatch):
    """In this process: fifty interpreters would only measure their own start."""
    monkeypatch.setenv("SOHOA_HOME", str(office.home))
    with pytest.raises(SystemExit) as left:
        main(list(arguments))
    seen = capsys.readouterr()
    assert left.value.code == 2 and seen.out == ""
    assert "Lỗi: " in seen.err and "Cần làm: " in seen.err and "Mã lỗi: " in seen.err and said in seen.err


def test_errors_in_english_on_request(office):
    for seen in (
        office.run("show", "D-0000", "--lang", "en"),
        office.run("review", "show", "D-0", SOHOA_LANG="en"),
    ):
        assert "Error: Not found." in seen.err and "What to do: " in seen.err and "Lỗi" not in seen.err


def test_without_a_home_the_command_says_how_to_make_one(tmp_path):
    seen = sohoa("find", "a", home=tmp_path / "none")
    assert seen.code == 3 and "sohoa init" in seen.err and "no_home" in seen.err
    assert not (tmp_path / "none").exists()


def test_bad_settings_and_a_broken_catalogue_are_code_3(tmp_path):
    home = small_office(tmp_path / "nha")
    (home / "sohoa.toml").write_text("[reading]\ndpii = 3\n", "utf-8")
    seen = sohoa("find", "a", home=home)
    assert seen.code == 3 and "bad_settings" in seen.err and "dpii" in seen.err
    (home / "sohoa.toml").write_text("", "utf-8")
    (home / "catalogue.sqlite").write_bytes(b"khong phai co so du lieu" * 100)
    seen = sohoa("find", "a", home=home)
    assert seen.code == 3 and "Cần làm" in seen.err


def test_the_log_holds_frames_but_no_personal_data(tmp_path):
    home = small_office(tmp_path / "nha")
    seen = sohoa("show", "D-Nguyễn Văn Bí Mật", "--debug", home=home)
    log = home / "sohoa.log"
    written = log.read_text("utf-8")
    assert seen.code == 2 and "not_found" in written and ".py:" in written and "Bí Mật" not in written
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_every_error_has_something_to_show():
    for cls in all_errors().values():
        assert cls.advice_vi and cls.vi and cls.code


def test_global_options_stand_anywhere(office):
    assert sohoa("find", f"--home={office.home}", "a", "--json").code == 0
    assert sohoa("find", "a", "--json", SOHOA_HOME=str(office.home)).code == 0


# --- what is shown -----------------------------------------------------------------------------------------------
def test_clean_neutralises_the_terminal():
    assert clean("a\x1b[31mđỏ\x07\u202egnp.exe\r\nb\udc80") == "a?[31mđỏ??gnp.exe b?"


def test_progress_line():
    counts = Counts(
        files_seen=12, files_done=3, pages_seen=57, pages_done=17, pages_per_second=2.44, seconds_left=150.0,
        intake_done=True, current="a\x1bb.pdf",
    )  # fmt: skip
    assert text(counts) == "Tệp 3/12 · trang 17/57 · 2,4 trang/giây · còn khoảng 2 phút · a?b.pdf"
    assert text(Counts(files_seen=1, pages_seen=4)) == "Tệp 0/1+ · trang 0/4+"
    assert [duration(s) for s in (45, 180, 7500)] == ["45 giây", "3 phút", "2 giờ 5 phút"]
