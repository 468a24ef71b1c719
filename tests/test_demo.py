"""What `make run` ends with: a record checked and signed, a copy certified, both verified, a forgery refused;
a record found without accents, fetched, with its audit; the plan before and after."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from flows.fixity import open_keeping
from schemas.settings import load_settings
from storage.objects import LocalStore
from tests.catalogue_fixtures import fresh_database
from tests.small_papers import decision, tiff
from tests.sohoa_command import environment, small_office, sohoa

pytest_plugins = ["catalogue_fixtures", "s3_server"]
ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(not (ROOT / ".venv/bin/sohoa").exists(), reason="set up elsewhere: make run uses .venv")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("place", ["default", "servers"])
def test_the_demonstration_signs_certifies_verifies_and_refuses(place, tmp_path, request, monkeypatch):
    """On what one PC has, and on an S3 server with a PostgreSQL."""
    home = small_office(tmp_path / "nhà")
    if place == "servers":
        postgres, store = request.getfixturevalue("postgres"), request.getfixturevalue("s3_url")
        monkeypatch.setenv("SOHOA_CATALOGUE_URL", fresh_database(postgres, "demo", "postgres"))
        monkeypatch.setenv("SOHOA_STORE_URL", store)
    (tmp_path / "quét.tif").write_bytes(tiff(decision(7)))
    assert sohoa("digitise", tmp_path / "quét.tif", home=home).code in (0, 1)
    settings = load_settings(home)
    with open_keeping(settings) as archive:
        kinds = (archive.catalogue.is_sqlite, isinstance(archive.primary, LocalStore), len(archive.catalogue.documents()))
    assert kinds == (place == "default", place == "default", 1)
    before = subprocess.run(
        ["scripts/demo.sh", str(home), "before"], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert before.returncode == 0 and "còn thiếu 40" in before.stdout, before.stdout + before.stderr
    done = subprocess.run(
        ["scripts/demo.sh", str(home)], cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    valid, rest = done.stdout.split("== Bản giả bị từ chối")
    forged, kept = rest.split("== Tìm không dấu")
    assert "Đã cấp bản sao số 01" in valid and "SCT/BS" in valid and "KHÔNG HỢP LỆ" not in valid
    assert "CHỮ KÝ THỬ NGHIỆM – KHÔNG CÓ GIÁ TRỊ PHÁP LÝ" in valid
    assert "KHÔNG HỢP LỆ" in forged and "HASH_FAILURE" in forged
    assert [p.name for p in (home / "demo").glob("ban-gia*")] == []
    assert "SHA-256 khớp" in kept and "Nhật ký nguyên vẹn" in kept and "downloaded" in kept
    assert "Hồ sơ phải giải quyết: 495" in kept and (home / "demo" / "bao-cao-quy-ii-2022.xlsx").is_file()
