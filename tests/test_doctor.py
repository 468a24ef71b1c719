"""The doctor finds what is wrong, says what to type, and never falls over itself."""

from __future__ import annotations

import os

import pytest

import flows.doctor as doctor
import flows.picture as picture
from flows.doctor import Result, examine
from schemas.errors import MissingProgram
from schemas.settings import Reading, Settings
from tests.sohoa_command import small_office, sohoa


def found(settings: Settings) -> dict[str, doctor.Finding]:
    return {finding.code: finding for finding in examine(settings)}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return small_office(tmp_path_factory.mktemp("doctor") / "nha")


def test_a_sound_installation(home):
    seen = sohoa("doctor", "--json", home=home)
    report = seen.json("doctor")
    by_code = {check["code"]: check for check in report["checks"]}
    assert report["ok"] and seen.code in (0, 1), report
    needed = (
        "python",
        "tesseract",
        "language_data",
        "reads",
        "fonts",
        "models",
        "forms",
        "home",
        "catalogue",
        "store",
    )
    for code in needed:
        assert by_code[code]["result"] == "ok", by_code[code]
    assert "Cộng hòa xã hội chủ nghĩa Việt Nam" in by_code["reads"]["found"]
    assert "phần mềm giữ" in by_code["store"]["found"], "what a folder cannot enforce is said"


def test_people_see_marks_and_a_verdict(home):
    seen = sohoa("doctor", home=home)
    assert "✓ Đọc thử" in seen.out and "\x1b" not in seen.out
    assert "Mọi thứ đều ổn" in seen.out or "Dùng được" in seen.out


def test_before_init_it_says_what_to_type(tmp_path):
    findings = found(Settings(home=tmp_path / "chua co"))
    for code in ("home", "catalogue", "store"):
        assert findings[code].result is Result.WARNING
        assert findings[code].command == f'sohoa init --home "{tmp_path / "chua co"}"'
    assert not (tmp_path / "chua co").exists(), "looking makes nothing"


def test_missing_language_data_fails_and_reads_nothing(home, tmp_path):
    findings = found(Settings(home=home, reading=Reading(tessdata=str(tmp_path))))
    for code in ("tesseract", "language_data", "reads"):
        assert findings[code].result is Result.FAILED and findings[code].advice
    assert findings["language_data"].command == "sudo apt-get install -y tesseract-ocr-vie"


def test_missing_orientation_data_is_a_warning_with_the_package(home, tmp_path, monkeypatch):
    from ocr.engines.tessdata import find_tessdata

    (tmp_path / "vie.traineddata").symlink_to(find_tessdata(None, "vie") / "vie.traineddata")
    finding = found(Settings(home=home, reading=Reading(tessdata=str(tmp_path))))["language_data"]
    assert finding.result is Result.WARNING and finding.command == "sudo apt-get install -y tesseract-ocr-osd"


def test_fonts_without_vietnamese_letters(home, monkeypatch):
    def none() -> str:
        raise MissingProgram("no font with Vietnamese letters; install fonts-dejavu-core")

    monkeypatch.setattr(picture, "vietnamese_font", none)
    findings = found(Settings(home=home))
    assert findings["fonts"].result is Result.FAILED and findings["fonts"].command.endswith(
        "fonts-dejavu-core"
    )


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_home_open_to_others_and_one_that_cannot_be_written(tmp_path, home):
    open_home = small_office(tmp_path / "nha")
    open_home.chmod(0o755)
    finding = found(Settings(home=open_home))["home"]
    assert finding.result is Result.WARNING and finding.command == f'chmod 700 "{open_home}"'


def test_a_full_disk(home, monkeypatch):
    usage = type("Usage", (), {"free": 10_000_000})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    finding = found(Settings(home=home))["disk"]
    assert finding.result is Result.FAILED and "0,0 GB" in finding.found


def test_a_broken_catalogue(tmp_path):
    home = small_office(tmp_path / "nha")
    (home / "catalogue.sqlite").write_bytes(b"rac" * 1000)
    assert found(Settings(home=home))["catalogue"].result is Result.FAILED
    seen = sohoa("doctor", "--json", home=home)
    assert seen.code == 3 and not seen.json("doctor")["ok"]


def test_a_check_that_breaks_is_a_failed_check(home, monkeypatch):
    def broken(settings, code, title):
        raise RuntimeError("personal data")

    monkeypatch.setitem(doctor._CHECKS, "Máy", broken)
    findings = list(examine(Settings(home=home)))
    assert len(findings) == len(doctor._CHECKS)
    (failed,) = [f for f in findings if f.title == "Máy"]
    assert failed.result is Result.FAILED and failed.found == "RuntimeError"
