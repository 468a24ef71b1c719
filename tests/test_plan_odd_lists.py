"""Lists as people really hand them in: printed tables with heads over two rows and sums below, spreadsheets that turned numbers
into days, files that are something else, cells made to do harm. What cannot be read is told; nothing is swallowed in silence."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime

import pytest

from flows.list_columns import columns_of, is_heading
from flows.list_files import read_table
from flows.list_rows import Reader, Rules, UnitOfRow, read_day
from schemas.errors import TooLarge, WrongUse
from schemas.plan import Level, ListKind, Severity
from schemas.plan_errors import ListUnreadable

HEAD = "Mã hồ sơ,Chủ hồ sơ,Ngày tiếp nhận,Ngày hẹn trả,Ngày trả kết quả,Trạng thái\n"
ROW = "H26.12.5-220405-0001,Đặng Thị Ngọc Ánh,05/04/2022,08/04/2022,07/04/2022,Đã giải quyết\n"


def read(path, kind=ListKind.DOSSIERS, **more):
    table = read_table(path, is_heading)
    rules = Rules(kind, lambda text, day: UnitOfRow(text, Level.COMMUNE), today=date(2026, 11, 22), **more)
    reader = Reader(table, columns_of(table.headings), rules)
    return list(reader.cases()), reader


def csv_of(tmp_path, text: str | bytes):
    path = tmp_path / "danh-sach.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def book_of(tmp_path, *rows, hidden=(), then=(), name="ds.xlsx"):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    if hidden:
        sheet.sheet_state = "hidden"
        for row in hidden:
            sheet.append(row)
        sheet = book.create_sheet("Danh sách")
    for row in rows:
        sheet.append(row)
    if then:
        other = book.create_sheet("Quý trước")
        for row in then:
            other.append(row)
    path = tmp_path / name
    book.save(path)
    return path


def told(reader, severity=Severity.ERROR) -> list[tuple[str, int | None]]:
    return [(f.code, f.row) for f in reader.findings if f.severity is severity]


# --- tables made for print ------------------------------------------------------------------------------------------
def test_a_printed_table(tmp_path):
    path = book_of(
        tmp_path,
        ["UBND XÃ AN BÌNH", None, "CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM"],
        ["DANH SÁCH HỒ SƠ QUÝ II NĂM 2022"],
        [None],
        ["STT", "Mã hồ sơ", "Chủ hồ sơ", "Thời gian", None, None, "Trạng thái"],
        [None, None, None, "Ngày tiếp nhận", "Ngày hẹn trả", "Ngày trả kết quả", None],
        ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)", "(7)"],
        ["I", "Lĩnh vực Hộ tịch"],
        [1, "H26.12.5-220405-0001", "Đặng Thị Ngọc Ánh", "05/04/2022", datetime(2022, 4, 8), 44658, "Đã giải quyết"],
        [2, "H26.12.5-220405-0002", "-", "05/04/2022", "08/04/2022", None, "Đang giải quyết"],
        [None, "Tổng cộng", None, None, None, None, 2],
        [None, None, None, None, "An Bình, ngày 30 tháng 6 năm 2022"],
        [None, None, None, None, "Người lập biểu"],
    )
    cases, reader = read(path)
    assert [(c.dossier_code, c.owner, c.due, c.finished) for c in cases] == [
        ("H26.12.5-220405-0001", "Đặng Thị Ngọc Ánh", date(2022, 4, 8), date(2022, 4, 7)),
        ("H26.12.5-220405-0002", None, date(2022, 4, 8), None),
    ]
    assert told(reader) == []
    assert told(reader, Severity.WARNING) == [("row_passed_over", n) for n in (7, 10, 11, 12)]


def test_a_row_that_only_lacks_its_code_is_not_taken_for_a_sum(tmp_path):
    lacking = ROW.replace("H26.12.5-220405-0001", "")
    cases, _ = read(csv_of(tmp_path, HEAD + lacking), default_unit="H26.12.5")
    assert [case.owner for case in cases] == ["Đặng Thị Ngọc Ánh"]
    # „Công văn“ begins like „Cộng“.
    results = "Loại kết quả,Số ký hiệu,Chủ hồ sơ\nCông văn,45/UBND,Lê Văn Tám\nCộng,,1\n"
    cases, reader = read(csv_of(tmp_path, results), ListKind.RESULTS, default_unit="H26.12.5")
    assert [case.number for case in cases] == ["45"] and told(reader, Severity.WARNING) == [("row_passed_over", 3)]


def test_hidden_sheets_are_passed_over_and_further_ones_are_told(tmp_path):
    row = ["H26.12.5-220405-0001", "Đặng Thị Ngọc Ánh", "05/04/2022", "08/04/2022", "07/04/2022", "Đã giải quyết"]
    old = ["H26.12.5-210405-0001", "Ai Khác", "05/04/2021", "08/04/2021", "07/04/2021", "Đã giải quyết"]
    head = HEAD.strip().split(",")
    cases, reader = read(book_of(tmp_path, head, row, hidden=[head, old], then=[head, old]))
    assert [case.owner for case in cases] == ["Đặng Thị Ngọc Ánh"]
    assert [(f.code, f.value) for f in reader.findings] == [("sheet_unread", "Quý trước")]


def test_blank_columns_and_two_columns_of_one_name(tmp_path):
    text = "Mã hồ sơ,,Ghi chú,Ngày tiếp nhận,Ghi chú,\nH26.12.5-220405-0001,,x,05/04/2022,Lê Văn Tám,\n"
    path = csv_of(tmp_path, text)
    ((case,), _) = read(path)
    assert case.owner is None
    headings = read_table(path, is_heading).headings
    with pytest.raises(WrongUse, match="owner=#3"):
        columns_of(headings, {"owner": "Ghi chú"})
    assert columns_of(headings, {"owner": "#5"})["owner"] == 4


# --- what spreadsheets do to values ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("44656", date(2022, 4, 5)), ("44656.5", date(2022, 4, 5)), ("20220405", date(2022, 4, 5)), ("2022-04-05T18:30:00Z", date(2022, 4, 6)),
        ("2022-04-05T18:30:00+07:00", date(2022, 4, 5)), ("04/05/2022 12:00:00 AM", None), ("05/04/2022 08:15 SA", date(2022, 4, 5)),
        ("05/04/2022 14 giờ", date(2022, 4, 5)), ("13/13/2022", None), ("99999", None), ("29/02/2023", None), ("29/02/2024", date(2024, 2, 29)),
    ],
)  # fmt: skip
def test_days_as_spreadsheets_and_systems_keep_them(text, day):
    assert read_day(text) == day


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("Đặng Thị Ngọc Ánh", "#N/A"), "cell_broken"), (("Đặng Thị Ngọc Ánh", "A" * 5_001), "cell_too_long"),
        (("H26.12.5-220405-0001", "8.7087E+10"), "number_rounded"), (("05/04/2022", "4/5/2022 12:00:00 AM"), "date_unreadable"),
        (("Đặng Thị Ngọc Ánh", "Đặng Thị Ngọc Ánh, Lê Văn Tám"), "too_many_cells"), (("Đặng Thị", "\u200b=1+1"), "formula"),
        (("Đặng Thị", "\u202e=1+1"), "formula"), (("Đặng Thị", "'=1+1"), "formula"),
    ],
)  # fmt: skip
def test_what_would_be_wrong_in_silence_is_told(tmp_path, change, code):
    cases, reader = read(csv_of(tmp_path, HEAD + ROW.replace(*change)))
    assert cases == [] and code in [found for found, _ in told(reader)]


def test_a_number_that_became_a_day(tmp_path):
    """12/2021 typed into a cell that is no text."""
    path = book_of(tmp_path, ["Số ký hiệu", "Ngày cấp", "Chủ hồ sơ"], [datetime(2021, 12, 1), "05/12/2021", "Lê Văn Tám"])
    cases, reader = read(path, ListKind.RESULTS, default_unit="H26.12.5")
    assert cases == [] and told(reader) == [("number_is_day", 2)]


@pytest.mark.parametrize(
    ("given", "owner"),
    [
        ("-", None), ("…", None), ("N\u200bguyễn\ufeff Văn\u202c An", "Nguyễn Văn An"), ("'0123", "0123"), ("-Lê Văn Tám", "-Lê Văn Tám"),
        ('"Nguyễn Văn A, Lê Thị B"', "Nguyễn Văn A, Lê Thị B"), ('"Nguyễn\nVăn A"', "Nguyễn Văn A"), ("Nguye\u0302\u0303n Văn An", "Nguyễn Văn An"),
    ],
)  # fmt: skip
def test_names_are_what_people_see(tmp_path, given, owner):
    ((case,), reader) = read(csv_of(tmp_path, HEAD + ROW.replace("Đặng Thị Ngọc Ánh", given)))
    assert case.owner == owner and told(reader) == []


def test_capitals_of_tcvn3_fonts(tmp_path):
    """Fonts .VnTimeH show capitals for small letters: only the case is lost."""
    text = (HEAD + ROW).encode().replace("Đặng Thị Ngọc Ánh".encode(), "®Æng thÞ ngäc ¸nh".encode("latin-1"))
    ((case,), _) = read(csv_of(tmp_path, text), old_encodings=True)
    assert case.owner == "đặng thị ngọc ánh"


# --- files that are something else ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ".xls"), (b"<html><table><tr><td>M\xc3\xa3</td></tr></table>", "HTML"),
        (b"\xef\xbb\xbf  <?xml version='1.0'?><Workbook/>", "XML"), (b"%PDF-1.7", "PDF"), (b"a\0b,c\0d", "văn bản"),
        ((HEAD + '"' + ROW * 3).encode(), "ngoặc kép"),
    ],
)  # fmt: skip
def test_what_a_file_is_instead_is_said(tmp_path, data, said):
    with pytest.raises(ListUnreadable, match=said):
        read(csv_of(tmp_path, data))


def test_a_nul_in_the_middle_of_a_file(tmp_path):
    text = HEAD + "".join(ROW.replace("0001", f"{n:04d}") for n in range(1, 200))
    cases, _ = read(csv_of(tmp_path, text.encode() + ROW.replace("0001", "0200").replace("Ánh", "Á\0nh").encode()))
    assert len(cases) == 200 and cases[-1].owner == "Đặng Thị Ngọc Ánh"


def changed(path, part: str, data: bytes):
    """The same workbook with one part replaced."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, data if name == part else old.read(name))
    path.write_bytes(made.getvalue())
    return path


def test_entities_are_not_expanded(tmp_path):
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "' + b"x" * 1000 + b'">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 100) for n in range(5)
    ) + b"]>"
    sheet = bomb + (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
        b'<c r="A1" t="inlineStr"><is><t>&f;</t></is></c></row></sheetData></worksheet>'
    )
    path = changed(book_of(tmp_path, HEAD.strip().split(",")), "xl/worksheets/sheet1.xml", sheet)
    with pytest.raises(ListUnreadable):
        read(path)


def test_a_part_that_is_too_large_is_not_unpacked(tmp_path):
    path = changed(book_of(tmp_path, HEAD.strip().split(",")), "xl/styles.xml", b" " * 310_000_000)
    with pytest.raises(TooLarge):
        read(path)


def test_a_sheet_that_lies_about_its_size(tmp_path):
    path = book_of(tmp_path, HEAD.strip().split(","), ROW.strip().split(","))
    with zipfile.ZipFile(path) as package:
        sheet = package.read("xl/worksheets/sheet1.xml")
    lying = sheet.replace(b'<dimension ref="A1:F2"', b'<dimension ref="A1:A1"')
    assert lying != sheet
    cases, _ = read(changed(path, "xl/worksheets/sheet1.xml", lying))
    assert len(cases) == 1


def test_macros_and_links_to_other_workbooks_are_left_alone(tmp_path):
    path = book_of(tmp_path, HEAD.strip().split(","), ROW.strip().split(","), name="ds.xlsm")
    with zipfile.ZipFile(path, "a") as package:
        package.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 not run")
        package.writestr("xl/externalLinks/externalLink1.xml", b"<externalLink/>")
    assert len(read(path)[0]) == 1
