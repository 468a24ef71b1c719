"""The commands of copies as an official types them: exit codes, one JSON document, and how long it takes."""

from __future__ import annotations

import json
import time

import pytest

from cli.main import main
from tests.small_papers import continued, decision, png, tiff
from tests.sohoa_command import Ran, small_office, sohoa

DECLARED = ("--answers", "kkkkkk", "--all-pages", "--compared")
ASKED = ("--requester", "Nguyễn Thị Bích Ngọc", "--original", "Quyết định số 12/QĐ-UBND")


@pytest.fixture
def type_in(capsys):
    """Types a command in this process: starting one costs a second."""

    def run(*arguments: object, home) -> Ran:
        with pytest.raises(SystemExit) as left:
            main([*map(str, arguments), "--home", str(home)])
        told = capsys.readouterr()
        return Ran(left.value.code, told.out, told.err)

    return run


def test_an_official_issues_a_certified_copy_in_under_a_minute(tmp_path, type_in):
    home = small_office(tmp_path / "home")
    scan, copy = tmp_path / "ban-chup.png", tmp_path / "ban-sao.pdf"
    scan.write_bytes(png(decision(12)))
    certify = ("copy", "certify", scan, "--pages", 1, *ASKED)

    started = time.monotonic()
    made = sohoa(*certify, *DECLARED, "--identity", "079087001234", "--to", copy, "--json", home=home)
    seconds = time.monotonic() - started
    assert made.code == 0, made.err
    told = made.json()
    assert (told["number"], told["verdict"], told["demo"]) == ("01 quyển số 01/2026 - SCT/BS", "valid", True)
    assert seconds < 60

    again = type_in(*certify, *DECLARED, "--identity", "079087001234", "--to", copy, "--json", home=home)
    assert (again.code, again.json()) == (0, told), "typed again: the same copy"

    judged = type_in("verify", copy, "--json", home=home)
    assert judged.code == 0 and judged.json("verify")["files"][0]["verdict"] == "valid"

    sent = type_in("deliver", home=home)
    assert sent.code == 0 and "MÔ PHỎNG" in sent.out

    # A copy is no original; what is not answered or declared is wrong use; none of it takes a number.
    refused = type_in("copy", "certify", copy, "--pages", 1, *ASKED, *DECLARED, home=home)
    assert refused.code == 3 and "capture_rejected" in refused.err
    for missing in (
        ("--all-pages", "--compared"),
        ("--answers", "kkkkkk", "--compared"),
        ("--answers", "kk"),
    ):
        wrong = type_in(*certify, *missing, home=home)
        assert wrong.code == 2, wrong.err
    notice = tmp_path / "tu-choi.pdf"
    turned_down = type_in(*certify, "--answers", "ckkkkk", "--key", "tc-1", "--to", notice, home=home)
    assert turned_down.code == 1 and "altered" in turned_down.out and notice.read_bytes().startswith(b"%PDF")

    listed = type_in("copy", "list", "--json", home=home)
    (row,) = json.loads(listed.out)
    assert row["state"] == "completed" and row["deliveries"][0]["receipt"]["simulated"] is True


def test_a_batch_is_signed_and_a_true_copy_made_of_it(tmp_path, type_in):
    home = small_office(tmp_path / "home")
    (tmp_path / "chong.tif").write_bytes(tiff(decision(45), continued(2)))
    batch = sohoa("digitise", tmp_path / "chong.tif", "--json", home=home).json("digitise")
    (document,) = (found["id"] for found in batch["documents"])
    early = type_in("sign", "batch", batch["batch"], "--yes", home=home)
    assert early.code == 1 and "chưa kiểm tra xong" in early.out and "thử nghiệm" in early.err
    assert type_in("review", "confirm", document, "--all", home=home).code == 0
    signed = type_in("sign", "batch", batch["batch"], "--yes", home=home)
    assert signed.code == 0 and "đã kiểm tra lại và lưu: 1" in signed.out
    copied = type_in("copy", "true", document, "--held", "ban_chinh", *ASKED, home=home)
    assert copied.code == 0 and "01/SY-UBND" in copied.out
    printed = type_in("copy", "register-print", "--kind", "sy", "--to", tmp_path / "so.pdf", home=home)
    assert printed.code == 0 and (tmp_path / "so.pdf").read_bytes().startswith(b"%PDF")
    assert type_in("sign", "batch", batch["batch"], "--role", "certifier", "--yes", home=home).code == 2
