"""The measurement of signing measures what it says: run once, small."""

from __future__ import annotations

import pytest

from bench import signing
from bench.report_rows import Result, Row
from bench.signing_files import large_scan, scan_pdf
from ocr.pdfa_check import check_pdfa2b


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("bench")
    (made / "scan.pdf").write_bytes(scan_pdf(2, signing.SCAN_BYTES))
    return made


def test_the_scan_weighs_what_it_should_and_is_an_archive_file(folder):
    data = (folder / "scan.pdf").read_bytes()
    assert 0.9 * signing.SCAN_BYTES < len(data) < 1.1 * signing.SCAN_BYTES
    assert check_pdfa2b(data) == []


def test_one_file_and_a_few(folder):
    said = signing._measured("one", folder, 1)
    assert set(said) == {"prepare", "sign", "both", "verify", "verify wall", "renew"}
    assert 1 < said["sign"] < said["both"]  # milliseconds
    rows = signing._many_files(folder, 3, 1)
    assert len(rows) == 11 and all(row.reached > 0 for row in rows)
    assert len(list((folder / "batch").glob("*.pdf"))) == 3


def test_a_large_scan_is_signed_and_verified(folder):
    pages = large_scan(folder / "large.pdf", 16_000_000)
    assert pages == 3 and 16_000_000 < (folder / "large.pdf").stat().st_size < 17_000_000
    assert 30 < signing._measured("large", folder, 1)["peak"] < 600
    assert 30 < signing._measured("large-verify", folder, 1)["peak"] < 600


def test_the_page_is_written(tmp_path):
    result = Result(
        "signing", [Row("x", "own scan", 0.5, "s", 1, True, "one")], ["How."], facts={"date": "today"}
    )
    signing.write(result, tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    assert "| x " in text and "How." in text and "date: today" in text
