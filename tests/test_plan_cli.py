"""`sohoa plan` as typed: exit codes, one JSON document, what a clerk sees."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from cli.home import make_home
from cli.main import main
from samples.one_stop import Shape, dossiers, write_csv
from storage.catalogue import Catalogue
from tests.made_catalogue import field, paper, recorded
from tests.sohoa_command import sohoa

QUARTER = Shape("H26.12.5", date(2022, 4, 1), date(2022, 6, 30), new=494, carried=1, online=6, in_time=492, procedures=117)


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_home(tmp_path / "sohoa-data")
    monkeypatch.setenv("SOHOA_OFFICE__CODE", "H26.12.5")
    monkeypatch.setenv("SOHOA_OFFICE__NAME", "UBND xã An Bình")
    return tmp_path / "sohoa-data"


@pytest.fixture
def typed(home, capsys):
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([*map(str, arguments), "--home", str(home)])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


def quarter(tmp_path: Path) -> Path:
    path = tmp_path / "quy.csv"
    write_csv(dossiers(QUARTER, 1), path, "DANH SÁCH")
    return path


def test_a_quarter_from_the_list_to_the_report(typed, tmp_path):
    code, out, _ = typed("plan", "import", quarter(tmp_path), "--period", "2022Q2")
    assert code == 0 and "Đã nhập 495 dòng: 495 mới" in out
    code, out, _ = typed("plan", "report", "--quarter", "2022Q2", "--to", "bao-cao")
    assert code == 1 and "Hồ sơ phải giải quyết: 495" in out and "492 (100,0 %)" in out  # two are about to be late
    assert sorted(path.suffix for path in (tmp_path / "bao-cao").iterdir()) == [".csv", ".html", ".pdf", ".xlsx"]
    code, out, _ = typed("plan", "reports", "--json")
    report = json.loads(out)["reports"][0]
    code, out, _ = typed("plan", "again", report["id"][:8])
    assert code == 0 and "ra đúng như đã lập" in out
    assert typed("plan", "reports", "--get", report["id"][:8], "--to", "lay-lai")[0] == 0
    assert (tmp_path / "lay-lai" / "bao-cao-quy-ii-2022.pdf").read_bytes() == (tmp_path / "bao-cao" / "bao-cao-quy-ii-2022.pdf").read_bytes()


def test_lists_and_reports_are_no_orphans(typed, tmp_path, home):
    """Asked in a process that has loaded nothing of the plan."""
    typed("plan", "import", quarter(tmp_path))
    typed("plan", "report", "--quarter", "2022Q2", "--to", "bao-cao", "--format", "csv")
    ran = sohoa("preserve", "sanity", "--json", "--home", str(home), cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["findings"] == []


def test_totals_and_the_kho_as_typed(typed, tmp_path):
    path = tmp_path / "tong.csv"
    path.write_text("Loại kết quả,Lĩnh vực,Tổng số\nGiấy khai sinh,Hộ tịch,1.200\nQuyết định,,x\n", "utf-8")
    code, out, err = typed("plan", "totals", path, "--year", 2022)
    assert code == 3 and "Cần một số nguyên" in out and "list_refused" in err
    path.write_text("Loại kết quả,Lĩnh vực,Tổng số\nGiấy khai sinh,Hộ tịch,1.200\n", "utf-8")
    assert typed("plan", "totals", path, "--year", 2022, "--user", "lan")[0] == 0
    assert typed("plan", "approve", "--year", 2022, "--user", "minh")[0] == 0
    code, out, _ = typed("plan", "status", "--year", 2022, "--unit", "H26.12.5", "--json")
    assert [(x["sector"], x["in_force"]) for x in json.loads(out)["lines"]] == [("Hộ tịch", 1200)]
    code, out, _ = typed("plan", "sync", "--json")
    assert code == 0 and json.loads(out) == {"sent": [], "left_out": {}, "later": 0, "simulated": True}


def test_a_wrong_cell_is_shown_by_row_and_column_and_nothing_goes_in(typed, tmp_path):
    path = quarter(tmp_path)
    path.write_text(path.read_text("utf-8-sig").replace("Trực tuyến", "Trực tuyến").replace("05/04/2022", "35/04/2022"), "utf-8")
    code, out, err = typed("plan", "import", path)
    assert code == 3 and "Dòng" in out and "35/04/2022" in out and "list_refused" in err
    code, out, _ = typed("plan", "import", path, "--json")
    document = json.loads(out)
    assert document["imported"] is False and {"row", "column", "code"} <= document["findings"][0].keys()
    assert typed("plan", "status")[1].startswith("Chưa có gì để tính")


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "x.csv", "--kind", "lạ"), ("import", "x.csv", "--column", "không"), ("report",), ("report", "--quarter", "2022Q7"),
        ("total", "5", "--kind", "giấy lạ"), ("target", "500", "--source", "x"), ("target", "50", "--source", "x", "--level", "làng"),
        ("missing", "--kind", "lạ"),
    ],
)  # fmt: skip
def test_wrong_use_is_told_and_nothing_happens(typed, tmp_path, arguments):
    (tmp_path / "x.csv").write_text("a,b,c\n1,2,3\n")
    code, _, err = typed("plan", *arguments)
    assert code == 2 and "wrong_use" in err


def test_doubts_are_decided_and_the_missing_are_listed_to_scan_from(typed, tmp_path, home):
    with Catalogue.open(f"sqlite:///{home / 'catalogue.sqlite'}") as catalogue:
        (row,) = recorded(
            catalogue,
            paper([1], fields={"so_ky_hieu": field("45/QĐ-UBND"), "ngay_ban_hanh": field("2021-03-09"), "doi_tuong": field("Đặng Thị Ngọc Ánh")}),
        )
    path = tmp_path / "kq.csv"
    path.write_text(
        "Loại kết quả,Số ký hiệu,Ngày cấp,Chủ hồ sơ\n"
        "Quyết định,46/QĐ-UBND,09/03/2021,Đặng Thị Ngọc Ánh\n"
        "Quyết định,47/QĐ-UBND,10/03/2021,-Lê Văn Tám\n", "utf-8",
    )  # fmt: skip
    code, out, _ = typed("plan", "import", path, "--kind", "results")
    assert code == 1 and "1 cặp cần người xem" in out
    code, out, _ = typed("plan", "doubts", "--json")
    (doubt,) = json.loads(out)["doubts"]
    assert doubt["document"] == row.id and "số gần giống" in doubt["reasons"]
    assert typed("plan", "confirm", doubt["case"], row.id, "--why", "xem bản giấy")[0] == 0
    assert typed("plan", "doubts")[0] == 0
    code, out, _ = typed("plan", "missing", "--to", "thieu.csv")
    assert code == 1 and "1 dòng còn thiếu" in out
    listed = (tmp_path / "thieu.csv").read_text("utf-8-sig")
    assert "47/QĐ-UBND" in listed and "Ngọc Ánh" not in listed and "'-Lê Văn Tám" in listed
    assert "UBND xã An Bình" in listed and "Quyết định" in listed  # as people call them, not by code
    code, out, _ = typed("plan", "missing", "--json")
    assert json.loads(out)["total"] == 1
    code, out, _ = typed("plan", "status", "--json", "--year", 2026)
    (line,) = json.loads(out)["lines"]
    assert (line["unit_name"], line["in_force"], line["digitised"], line["missing"]) == ("UBND xã An Bình", 2, 1, 1)


def test_one_enters_another_approves(typed):
    assert typed("plan", "total", 300, "--kind", "Giấy khai sinh", "--year", 2022, "--user", "lan")[0] == 0
    code, out, _ = typed("plan", "approve", "--year", 2022, "--waiting")
    assert code == 1 and "Giấy khai sinh" in out and "300" in out and "lan" in out
    code, _, err = typed("plan", "approve", "--year", 2022, "--user", "lan")
    assert code != 0 and "not_allowed_now" in err
    assert typed("plan", "approve", "--year", 2022, "--user", "minh")[0] == 0
    assert typed("plan", "target", "50", "--source", "KH 12", "--year", 2022)[0] == 0
    code, out, _ = typed("plan", "status", "--year", 2022)
    assert code == 0 and "300" in out and "150" in out and "50 % (KH 12)" in out
    assert typed("plan", "approve", "--year", 2022, "--waiting")[1].startswith("Không có")


def test_a_list_imported_by_mistake_is_withdrawn(typed, tmp_path):
    path = quarter(tmp_path)
    assert typed("plan", "import", path, "--no-match")[0] in (0, 1)
    (one,) = json.loads(typed("plan", "lists", "--json")[1])["lists"]
    assert (one["name"], one["kind"], one["counting"]) == (path.name, "dossiers", 495)
    assert typed("plan", "withdraw", one["id"][:8])[0] == 2  # it needs a reason
    code, out, _ = typed("plan", "withdraw", one["id"][:8], "--why", "nhầm quý")
    assert code == 0 and "495 dòng thôi tính, 0 dòng cũ được tính lại" in out
    assert "Chưa nhập danh sách nào" in typed("plan", "lists")[1]
    assert "495 mới" in typed("plan", "import", path, "--no-match")[1]
