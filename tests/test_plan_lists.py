"""Lists as offices really export them: old encodings, titles above the table, dates and codes in every form; one wrong cell
and nothing is imported, told by row and column."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest

from flows import list_files
from flows.legacy_text import modern
from flows.list_columns import columns_of
from flows.list_files import read_table
from flows.list_rows import Reader, Rules, UnitOfRow, read_day, split_number
from flows.plan_figures import period_of
from schemas.errors import TooLarge, WrongUse
from schemas.plan import CaseState, Channel, Level, ListKind, Severity
from schemas.plan_errors import ColumnsUnknown, ListUnreadable

HEAD = "Mã hồ sơ,Chủ hồ sơ,Ngày tiếp nhận,Ngày hẹn trả,Ngày trả kết quả,Trạng thái,Hình thức nộp\n"
ROW = "H26.12.5-220405-0001,Đặng Thị Ngọc Ánh,05/04/2022,08/04/2022,07/04/2022,Đã giải quyết,Trực tuyến\n"


def unit_of(text: str, day=None) -> UnitOfRow | None:
    if text == "H26.12.5":
        return UnitOfRow(text, Level.COMMUNE)
    if text == "H26.12":
        return UnitOfRow(text, Level.DISTRICT, closed_on=date(2025, 6, 30), successor="H26.99")
    return None


def read(path, kind=ListKind.DOSSIERS, **more):
    table = read_table(path)
    reader = Reader(table, columns_of(table.headings), Rules(kind, unit_of, today=date(2026, 11, 22), **more))
    return list(reader.cases()), reader


def csv_of(tmp_path, text: str, encoding="utf-8-sig"):
    path = tmp_path / "danh-sach.csv"
    path.write_bytes(text.encode(encoding))
    return path


def codes(reader) -> list[tuple[str, int | None, str | None]]:
    return [(f.code, f.row, f.column) for f in reader.findings if f.severity is Severity.ERROR]


# --- old encodings ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("NguyÔn V¨n An", "Nguyễn Văn An", "TCVN3"),
        ("ñy ban nh©n d©n", "ủy ban nhân dân", "TCVN3"),
        ("Lª ThÞ H­¬ng", "Lê Thị Hương", "TCVN3"),
        ("Nguyeãn Vaên An", "Nguyễn Văn An", "VNI"),
        ("Traàn Höõu Ñöùc", "Trần Hữu Đức", "VNI"),
    ],
)
def test_text_from_before_unicode_is_known(old, new, name):
    assert modern(old) == (new, name)


@pytest.mark.parametrize(
    "text", ["Nguyễn Văn An", "Đặng Thị Ngọc Ánh", "H'Hen Niê", "K' Brẻo", "Müller", "12/QĐ-UBND", "Hoà Bình", "YÊN BÁI", "A Lưới", "Võ Thyù Mai", "Lâm Bùi Loân", "Hà eá Nhân"]
)
def test_unicode_stays_as_it_is(text):
    assert modern(text) == (text, None)


def test_every_vietnamese_letter_survives_the_way_through_tcvn3():
    from flows.legacy_text import _TCVN3, tcvn3

    letters = {new: chr(old) for old, new in _TCVN3.items()}
    lower = "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ"
    assert set(lower) <= letters.keys()
    assert tcvn3("".join(letters[c] for c in lower)) == lower


def test_a_cell_in_an_old_encoding_is_an_error_until_somebody_allows_it(tmp_path):
    path = csv_of(tmp_path, HEAD + ROW.replace("Đặng Thị Ngọc Ánh", "NguyÔn V¨n An"))
    cases, reader = read(path)
    assert cases == [] and codes(reader) == [("old_encoding", 2, "Chủ hồ sơ")]
    assert reader.findings[0].value == "NguyÔn V¨n An" and "Nguyễn Văn An" in reader.findings[0].vi  # as it stands in the file
    cases, reader = read(path, old_encodings=True)
    assert cases[0].owner == "Nguyễn Văn An" and reader.findings[0].severity is Severity.WARNING


def test_one_file_in_two_encodings(tmp_path):
    path = tmp_path / "hai.csv"
    path.write_bytes(
        (HEAD + ROW).encode()
        + b"H26.12.5-220405-0002,Nguy\xd4n V\xa8n An,05/04/2022,08/04/2022,07/04/2022,,\n"
    )
    cases, reader = read(path, old_encodings=True)
    assert [case.owner for case in cases] == ["Đặng Thị Ngọc Ánh", "Nguyễn Văn An"]


# --- files -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_of_every_office(tmp_path, encoding, delimiter):
    path = csv_of(tmp_path, "DANH SÁCH HỒ SƠ\n\n" + (HEAD + ROW).replace(",", delimiter), encoding)
    ((case,), reader) = read(path)
    assert (case.row, case.owner, case.received, case.due, case.finished) == (
        4, "Đặng Thị Ngọc Ánh", date(2022, 4, 5), date(2022, 4, 8), date(2022, 4, 7),
    )  # fmt: skip
    assert (case.state, case.channel, case.unit) == (CaseState.RESOLVED, Channel.ONLINE, "H26.12.5")
    assert not reader.findings


def test_xlsx_with_dates_numbers_and_a_title(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.append(["UBND XÃ", None])
    sheet.append(["Mã hồ sơ", "Số, ký hiệu", "Ngày cấp", "Họ và tên", "Số CCCD"])
    sheet.append(["H26.12.5-220405-0001", 45, datetime(2022, 4, 6), "Trần Thị Bưởi", 1087000123])
    sheet.append(["H26.12.5-220405-0002", "46/QĐ-UBND", "6/4/2022", "=HYPERLINK(\"http://x\")", None])
    path = tmp_path / "ds.xlsx"
    book.save(path)
    cases, reader = read(path, ListKind.RESULTS)
    assert (cases[0].number, cases[0].issued, cases[0].owner_id) == ("45", date(2022, 4, 6), "1087000123")
    assert codes(reader) == [("formula", 4, "Họ và tên")]


def test_json_of_a_system(tmp_path):
    path = tmp_path / "ds.json"
    path.write_text(
        json.dumps({"data": [{"Mã hồ sơ": "H26.12.5-220405-0001", "Ngày tiếp nhận": "2022-04-05", "Trạng thái": None}]})
    )
    ((case,), _) = read(path)
    assert (case.received, case.state) == (date(2022, 4, 5), None)


@pytest.mark.parametrize("data", [b"", b"\0\1\2\3", b"PK\3\4not a zip", b"{", b"[1, 2]", b"a,b\n1,2\n", b"\xff\xfe\x00"])
def test_what_is_no_list_is_refused(tmp_path, data):
    path = tmp_path / "x"
    path.write_bytes(data)
    with pytest.raises((ListUnreadable, ColumnsUnknown)):
        read(path)


def test_a_bomb_is_bounded(tmp_path, monkeypatch):
    import zipfile

    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/workbook.xml", b"0" * 3_000_000)
    monkeypatch.setattr(list_files, "UNPACKED_BYTES", 1_000_000)
    with pytest.raises(TooLarge):
        read_table(path)
    monkeypatch.setattr(list_files, "ROWS", 2)
    with pytest.raises(TooLarge):
        read(csv_of(tmp_path, HEAD + "".join(ROW.replace("0001", f"{n:04d}") for n in range(1, 5))))


# --- values ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("05/3/2022", date(2022, 3, 5)), ("5-3-22", date(2022, 3, 5)), ("2022-03-05 07:30", date(2022, 3, 5)),
        ("05.03.1998", date(1998, 3, 5)), ("07:30 05/03/2022", date(2022, 3, 5)), ("31/02/2022", None), ("2022", None), ("05/03/75", date(1975, 3, 5)),
    ],
)  # fmt: skip
def test_days(text, day):
    assert read_day(text) == day


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("45/QĐ-UBND", ("45", "QĐ-UBND")), ("245/2015", ("245/2015", None)), ("12/2021/QĐ-UBND", ("12/2021", "QĐ-UBND")),
        ("Số: 07 / GPXD", ("07", "GPXD")), ("45A/TB", ("45A", "TB")), ("QĐ-UBND", (None, "QĐ-UBND")), ("", (None, None)), ("36D8518265", ("36D8518265", None)), ("CH 72757", ("CH 72757", None)),
    ],
)  # fmt: skip
def test_numbers(text, parts):
    assert split_number(text) == parts


@pytest.mark.parametrize(
    "code", ["000.05.12.H26-220405-0001", "H26.12.5-220405-0001", "H26.12.5-260405-010001"]
)
def test_the_three_forms_of_dossier_codes(tmp_path, code):
    path = csv_of(tmp_path, HEAD + ROW.replace("H26.12.5-220405-0001", code).replace("/2022", "/2026"))
    cases, reader = read(path, default_unit="H26.12.5")
    assert cases[0].dossier_code == code


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("05/04/2022", "31/02/2022"), ("date_unreadable", 2, "Ngày tiếp nhận")),
        (("05/04/2022", "05/04/2027"), ("date_impossible", 2, "Ngày tiếp nhận")),
        (("07/04/2022", "01/04/2022"), ("dates_in_order", 2, "Ngày trả kết quả")),
        (("07/04/2022", ""), ("finished_missing", 2, "Ngày trả kết quả")),
        (("Đã giải quyết", "Đang giải quyết"), ("state_against_date", 2, "Trạng thái")),
        (("Đã giải quyết", "???"), ("state_unknown", 2, "Trạng thái")),
        (("H26.12.5-220405-0001", "HS 1"), ("dossier_code", 2, "Mã hồ sơ")),
        (("H26.12.5-", "H99.1-"), ("unit_unknown", 2, None)),
        (("Đặng Thị Ngọc Ánh", "=cmd|'/c calc'!A1"), ("formula", 2, "Chủ hồ sơ")),
        (("Đặng Thị Ngọc Ánh", "@SUM(A1)"), ("formula", 2, "Chủ hồ sơ")),
    ],
)
def test_what_does_not_add_up_is_told_by_row_and_column(tmp_path, change, expected):
    cases, reader = read(csv_of(tmp_path, HEAD + ROW.replace(*change)))
    assert expected in codes(reader)
    assert cases == []


def test_one_wrong_day_is_one_error(tmp_path):
    _, reader = read(csv_of(tmp_path, HEAD + ROW.replace("05/04/2022", "31/04/2022")))
    assert codes(reader) == [("date_unreadable", 2, "Ngày tiếp nhận")]


def test_a_dossier_counted_twice(tmp_path):
    cases, reader = read(csv_of(tmp_path, HEAD + ROW + ROW))
    assert codes(reader) == [("counted_twice", 3, "Mã hồ sơ")] and "dòng 2" in reader.findings[0].vi


def test_a_day_outside_the_period(tmp_path):
    _, reader = read(csv_of(tmp_path, HEAD + ROW), period=period_of("2022Q1"))
    assert ("date_outside", 2, "Ngày tiếp nhận") in codes(reader)
    assert "05/04/2022" in {finding.value for finding in reader.findings}  # a day as it is written in the list


def test_an_abolished_unit_keeps_its_history_and_gets_nothing_new(tmp_path):
    old = ROW.replace("H26.12.5", "H26.12")
    cases, reader = read(csv_of(tmp_path, HEAD + old))
    assert cases[0].level is Level.DISTRICT and not reader.findings
    later = old.replace("/2022", "/2025").replace("04/2025", "07/2025").replace("220405", "250705")
    _, reader = read(csv_of(tmp_path, HEAD + later))
    assert codes(reader) == [("unit_abolished", 2, None)] and "H26.99" in reader.findings[0].vi


def test_columns_are_named_by_people_where_headings_are_strange():
    headings = ["Mã HS", "Ai", "Hôm nào"]
    with pytest.raises(ColumnsUnknown):
        columns_of(headings)
    assert columns_of(headings, {"dossier_code": "mã hs", "owner": "Ai"}) == {"dossier_code": 0, "owner": 1}
    with pytest.raises(WrongUse):
        columns_of(headings, {"dossier_code": "không có"})
    with pytest.raises(WrongUse):
        columns_of(headings, {"lạ": "Ai"})
    with pytest.raises(ColumnsUnknown, match="Chủ hồ sơ"):
        columns_of(["Mã hồ sơ", "Chủ hồ sơ", "Họ tên"])


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2022Q2", date(2022, 4, 1), date(2022, 6, 30)), ("2022H1", date(2022, 1, 1), date(2022, 6, 30)),
        ("2022-9M", date(2022, 1, 1), date(2022, 9, 30)), ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2022", date(2022, 1, 1), date(2022, 12, 31)), ("2022-03-15..2022-04-02", date(2022, 3, 15), date(2022, 4, 2)),
    ],
)  # fmt: skip
def test_periods(text, first, last):
    assert (period_of(text).first, period_of(text).last) == (first, last)
    for wrong in ("2022Q5", "", "2022-13", "2022-04-02..2022-04-01"):
        with pytest.raises(WrongUse):
            period_of(wrong)
