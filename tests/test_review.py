"""What a checker does: look, correct, confirm, reject, note; two of them at once; pictures whose boxes lie over words."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows.digitise import digitise
from flows.picture import shown_page, vietnamese_font
from flows.review import (
    Desk,
    confirm,
    crops,
    is_ready,
    note_sticky,
    open_desk,
    page_image,
    page_reading,
    reasons,
    reject,
    set_value,
    unsettled,
)
from flows.typed import kind_of, typed_value
from ocr.forms import ValueKind, load_forms
from schemas.document import Check, CheckResult, DocumentReading, DocumentStatus, FieldStatus, FieldValue
from schemas.errors import BadValue, ChangedMeanwhile, NotAllowedNow, NotFound, WrongUse
from schemas.texts import CHECKS, ISSUES, check_text, field_name
from storage.catalogue import NewDocument, NewPage, NewSource, PageStatus
from tests.small_papers import decision, settings_for, signed_pdf, tiff
from tests.sohoa_command import command, environment, small_office, sohoa

SHA = "ab" * 32


@dataclass
class Waiting:
    """A record that waits, in a catalogue of its own; no page was ever read for it."""

    desk: Desk
    id: str
    home: Path

    @property
    def row(self):
        return self.desk.catalogue.document(self.id)


def birth(**fields: FieldValue) -> DocumentReading:
    base = {
        "so_ky_hieu": FieldValue(
            value="12", printed="/2", status=FieldStatus.REVIEW, handwritten=True, confidence=0.4
        ),
        "ho_ten": FieldValue(value="Võ Tuấn Giáp", printed="VÕ TUẤN GIÁP", status=FieldStatus.ACCEPTED),
        "ngay_sinh": FieldValue(value="2021-06-23", status=FieldStatus.ACCEPTED, confidence=0.99),
        "so_dinh_danh": FieldValue(value="049221251215", status=FieldStatus.ACCEPTED, confidence=0.99),
        "gioi_tinh": FieldValue(value="Nam", status=FieldStatus.ACCEPTED, confidence=0.99),
        "noi_sinh": FieldValue(value="Xã Duy Xuyên", status=FieldStatus.ACCEPTED, confidence=0.99),
        "noi_dang_ky": FieldValue(
            value="Ủy ban nhân dân xã Duy Xuyên", status=FieldStatus.ACCEPTED, confidence=0.99
        ),
        "ngay_dang_ky": FieldValue(value=None, status=FieldStatus.MISSING, checks=["required"]),
    }
    return DocumentReading(pages=[1], type="giay_khai_sinh", type_confidence=0.99, fields=base | fields)


def recorded(folder: Path, reading: DocumentReading) -> str:
    """A home with one record in it; its id."""
    home = small_office(folder / "nha")
    with open_desk(settings_for(home)) as desk:
        batch = desk.catalogue.start_batch("lô")
        file = desk.catalogue.add_file(batch.id, "a.pdf", NewSource(sha256=SHA, size=1, pages=1))
        rows = desk.catalogue.record_file(
            file.id, pages=[NewPage(1, PageStatus.DOCUMENT)], documents=[NewDocument(reading)]
        )
    return rows[0].id


@pytest.fixture
def waiting(tmp_path) -> Waiting:
    record = recorded(tmp_path, birth())
    with open_desk(settings_for(tmp_path / "nha")) as desk:
        yield Waiting(desk, record, tmp_path / "nha")


# --- from waiting to checked -------------------------------------------------------------------------------------
def test_the_last_field_makes_it_checked(waiting):
    desk, record = waiting.desk, waiting.id
    assert reasons(desk, waiting.row) == ["viết tay: Số, ký hiệu", "không tìm thấy: Ngày đăng ký"]
    row = set_value(desk, record, "ngay_dang_ky", "15/8/2021", who="lan")
    assert row.fields["ngay_dang_ky"].value == "2021-08-15" and row.status is DocumentStatus.REVIEW
    assert row.fields["ngay_dang_ky"].source == "person:lan"
    row = confirm(desk, record, ["so_ky_hieu"], who="lan")
    assert row.status is DocumentStatus.CHECKED and row.confirmed_by == "lan" and not reasons(desk, row)
    changes = [
        (c.field, c.old_value, c.new_value, c.who) for c in desk.catalogue.history(record) if c.who == "lan"
    ]
    assert changes == [("ngay_dang_ky", None, "2021-08-15", "lan"), ("so_ky_hieu", "12", "12", "lan")]


def test_a_correction_is_checked_again_and_can_fail(waiting):
    """The birth year told by the identity number no longer fits: said at once, and the record waits on."""
    row = set_value(waiting.desk, waiting.id, "ngay_sinh", "23/06/1985", who="lan")
    assert row.fields["ngay_sinh"].checks == ["identity_year"]
    confirm(waiting.desk, waiting.id, ["so_ky_hieu"], who="lan")
    row = set_value(waiting.desk, waiting.id, "ngay_dang_ky", "15/08/2021", who="lan")
    assert row.status is DocumentStatus.REVIEW and not is_ready(row)
    assert [c.code for c in unsettled(row)] == ["identity_year"]
    assert "Số định danh không khớp năm sinh." in reasons(waiting.desk, row)
    # The person looks at the number too and stands by it: settled, and written down.
    row = confirm(waiting.desk, waiting.id, ["so_dinh_danh"], who="lan")
    assert row.status is DocumentStatus.CHECKED


def test_a_correct_value_settles_the_check(waiting):
    set_value(waiting.desk, waiting.id, "ngay_sinh", "23/06/1985", who="lan")
    row = set_value(waiting.desk, waiting.id, "ngay_sinh", "23/06/2021", who="lan")
    assert row.fields["ngay_sinh"].checks == [] and "identity_year" not in {c.code for c in unsettled(row)}


def test_a_failed_page_check_waits_for_the_whole_record(tmp_path):
    reading = birth(ngay_dang_ky=FieldValue(value="2021-08-15", status=FieldStatus.ACCEPTED))
    reading.checks = [Check(code="blurred", result=CheckResult.FAILED, detail="1")]
    record = recorded(tmp_path, reading)
    with open_desk(settings_for(tmp_path / "nha")) as desk:
        row = confirm(desk, record, ["so_ky_hieu"], who="lan")
        assert row.status is DocumentStatus.REVIEW and reasons(desk, row) == ["trang 1: Ảnh bị mờ."]
        row = set_value(desk, record, "ho_ten", "Võ Tuấn Giáp", who="lan")
        assert [c.code for c in row.checks if not c.fields] == ["blurred"], "checks of pages stay"
        assert confirm(desk, record, everything=True, who="lan").status is DocumentStatus.CHECKED


def test_the_corrected_date_decides_how_long_it_is_in_force(tmp_path):
    fields = {"ngay_ban_hanh": FieldValue(value="2021-01-01", status=FieldStatus.REVIEW)}
    reading = DocumentReading(pages=[1], type="giay_xac_nhan_tinh_trang_hon_nhan", fields=fields)
    record = recorded(tmp_path, reading)
    with open_desk(settings_for(tmp_path / "nha")) as desk:
        row = set_value(desk, record, "ngay_ban_hanh", "31/08/2026", who="lan")
        assert (row.valid_from, row.valid_to) == ("2026-08-31", "2027-02-28")


def test_a_checked_record_changes_only_with_a_reason(waiting):
    confirm(waiting.desk, waiting.id, everything=True, who="lan")
    with pytest.raises(WrongUse):
        set_value(waiting.desk, waiting.id, "ho_ten", "Võ Tấn Giáp", who="hoa")
    row = set_value(waiting.desk, waiting.id, "ho_ten", "Võ Tấn Giáp", who="hoa", why="đối chiếu sổ gốc")
    assert row.fields["ho_ten"].status is FieldStatus.CORRECTED
    assert waiting.desk.catalogue.history(waiting.id)[-1].why == "đối chiếu sổ gốc"


def test_reject_needs_a_reason_and_ends_it(waiting):
    with pytest.raises(WrongUse):
        reject(waiting.desk, waiting.id, reason=" ", who="lan")
    assert reject(waiting.desk, waiting.id, reason="giấy nháp", who="lan").status is DocumentStatus.REJECTED
    with pytest.raises(NotAllowedNow):
        set_value(waiting.desk, waiting.id, "ho_ten", "A B", who="lan")


def test_sticky_note_is_written_down_with_the_page(waiting):
    note_sticky(waiting.desk, waiting.id, 1, who="lan")
    page = waiting.desk.catalogue.pages(SHA)[0]
    assert page.quality["issues"] == ["sticky_note"] and page.status is PageStatus.DOCUMENT
    event = waiting.desk.catalogue.events(waiting.id)[0]
    assert (event.who, event.what) == ("lan", "page_captured_twice")
    with pytest.raises(NotFound):
        note_sticky(waiting.desk, waiting.id, 2, who="lan")
    with pytest.raises(NotFound):
        note_sticky(waiting.desk, waiting.id, 1, twin=1, who="lan")


def test_unknown_fields_are_named(waiting):
    for change in (lambda: set_value(waiting.desk, waiting.id, "khong_co", "x", who="lan"),
                   lambda: confirm(waiting.desk, waiting.id, ["khong_co"], who="lan")):  # fmt: skip
        with pytest.raises(NotFound, match="so_ky_hieu"):
            change()
    assert set_value(waiting.desk, waiting.id, "que_quan", "xã Duy Xuyên", who="lan").fields["que_quan"].value


# --- two clerks --------------------------------------------------------------------------------------------------
def test_of_two_clerks_one_wins_and_the_other_is_told(waiting):
    """Both looked at the same state; both save at once."""
    for who in ("lan", "hoa"):
        assert sohoa("review", "show", waiting.id, "--user", who, home=waiting.home).code == 1
    both = [
        subprocess.Popen(
            command("review", "set", waiting.id, "so_ky_hieu", f"{number}/2021", "--user", who, "--home", waiting.home),
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for who, number in (("lan", 21), ("hoa", 22))
    ]  # fmt: skip
    said = [process.communicate(timeout=60) for process in both]
    codes = [process.returncode for process in both]
    assert sorted(codes) == [1, 3], said
    loser = codes.index(3)
    assert "changed_meanwhile" in said[loser][1] and "Người khác vừa sửa" in said[loser][1]
    assert waiting.row.fields["so_ky_hieu"].value == f"{(21, 22)[1 - loser]}/2021"
    # Having looked again, the other may correct it.
    name = ("lan", "hoa")[loser]
    sohoa("review", "show", waiting.id, "--user", name, home=waiting.home)
    again = sohoa("review", "set", waiting.id, "so_ky_hieu", "30/2021", "--user", name, home=waiting.home)
    assert again.code == 1 and waiting.row.fields["so_ky_hieu"].value == "30/2021"


def test_an_old_revision_is_refused(waiting):
    old = waiting.row.revision
    set_value(waiting.desk, waiting.id, "ho_ten", "Võ Tấn Giáp", who="lan", expected_revision=old)
    for change in (
        lambda: set_value(
            waiting.desk, waiting.id, "ho_ten", "Võ Tân Giáp", who="hoa", expected_revision=old
        ),
        lambda: confirm(waiting.desk, waiting.id, ["so_ky_hieu"], who="hoa", expected_revision=old),
        lambda: confirm(waiting.desk, waiting.id, everything=True, who="hoa", expected_revision=old),
        lambda: reject(waiting.desk, waiting.id, reason="x", who="hoa", expected_revision=old),
    ):
        with pytest.raises(ChangedMeanwhile):
            change()


def test_the_round_in_the_terminal(waiting):
    listed = sohoa("review", "list", "--json", home=waiting.home)
    assert listed.code == 1 and listed.json("review")["documents"][0]["id"] == waiting.id
    shown = sohoa("review", "show", waiting.id, home=waiting.home)
    assert "VIẾT TAY" in shown.out and "còn thiếu" in shown.out and "23/06/2021" in shown.out
    evidence = sohoa("review", "show", waiting.id, "--json", home=waiting.home).json("record")
    assert evidence["reasons"] and evidence["fields"]["so_ky_hieu"]["handwritten"]
    wrong = sohoa("review", "set", waiting.id, "ngay_dang_ky", "31/2/2021", home=waiting.home)
    assert wrong.code == 2 and "bad_value" in wrong.err and "không có ngày 31/02/2021" in wrong.err
    right = sohoa("review", "set", waiting.id, "ngay_dang_ky", "15/08/2021", home=waiting.home)
    assert right.code == 1 and "Đã lưu Ngày đăng ký: 15/08/2021" in right.out
    done = sohoa("review", "confirm", waiting.id, "so_ky_hieu", home=waiting.home)
    assert done.code == 0 and "đã kiểm tra xong" in done.out
    assert "đồng ý với 12" in sohoa("show", waiting.id, home=waiting.home).out
    assert sohoa("review", "list", home=waiting.home).code == 0


# --- what people type --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [
        (ValueKind.DATE, "5/3/2020", "2020-03-05"),
        (ValueKind.DATE, "05-03-2020", "2020-03-05"),
        (ValueKind.DATE, "2020-03-05", "2020-03-05"),
        (ValueKind.DATE, "Ngày 29 tháng 02 năm 2024", "2024-02-29"),
        (ValueKind.YEAR, "1984", "1984"),
        (ValueKind.TIME, "21 giờ 30 phút", "21:30"),
        (ValueKind.TIME, "7:05", "07:05"),
        (ValueKind.IDENTITY, "049 084 772 981", "049084772981"),
        (ValueKind.IDENTITY, "b1234567", "B1234567"),
        (ValueKind.MONEY, "500.000.000 đồng", "500.000.000"),
        (ValueKind.MONEY, "1500000", "1.500.000"),
        (ValueKind.DECIMAL, "137.7 m2", "137,7"),
        (ValueKind.DECIMAL, "1.137,7", "1.137,7"),
        (ValueKind.INTEGER, "03", "3"),
        (ValueKind.PHONE, "0912 345 678", "0912345678"),
        (ValueKind.NAME, "VÕ TUẤN GIÁP", "Võ Tuấn Giáp"),
        (ValueKind.NAME, "H'Bia Niê", "H'Bia Niê"),
        (ValueKind.CODE, "15 / QÐ - UBND", "15/QĐ-UBND"),
        (ValueKind.SEX, "nữ", "Nữ"),
        (ValueKind.ETHNIC, "kinh", "Kinh"),
        (ValueKind.ETHNIC, "Brâu khác", "Brâu khác"),
        (ValueKind.TEXT, "Ha\u0300 No\u0302\u0323i", "Hà Nội"),
        (ValueKind.TEXT, "  hai   chữ \n", "hai chữ"),
        (ValueKind.DATE, "   ", None),
    ],
)
def test_typed_values_become_normal(kind, typed, value):
    assert typed_value(kind, typed) == value


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (ValueKind.DATE, "31/02/2020"), (ValueKind.DATE, "5/3/20"), (ValueKind.DATE, "hôm qua"),
        (ValueKind.DATE, "O5/03/2020"), (ValueKind.YEAR, "84"), (ValueKind.TIME, "25:00"),
        (ValueKind.IDENTITY, "12345"), (ValueKind.IDENTITY, "O49084772981"), (ValueKind.MONEY, "nhiều"),
        (ValueKind.DECIMAL, "1,2,3"), (ValueKind.INTEGER, "ba"), (ValueKind.INTEGER, "²"), (ValueKind.PHONE, "113"),
        (ValueKind.NAME, "Võ 2 Giáp"), (ValueKind.SEX, "khác"), (ValueKind.TEXT, "a\x1b[31mb"),
        (ValueKind.TEXT, "a\u202eb"), (ValueKind.TEXT, "x" * 3000),
    ],
)  # fmt: skip
def test_typed_values_are_never_repaired(kind, typed):
    with pytest.raises(BadValue):
        typed_value(kind, typed)


def test_kinds_of_fields_come_from_forms_then_names():
    forms = load_forms()
    assert kind_of(forms["giay_khai_sinh"], "me_nam_sinh") is ValueKind.YEAR
    assert kind_of(None, "ngay_ban_hanh") is ValueKind.DATE
    assert kind_of(None, "ngay_sinh_bang_chu") is ValueKind.TEXT
    assert kind_of(None, "nguoi_ky") is ValueKind.NAME


def test_every_field_check_and_issue_has_a_vietnamese_name():
    for form in load_forms():
        for name, field in form.fields.items():
            label = field.labels[0] if field.labels else ""
            assert field_name(name, label) != name.replace("_", " "), (form.code, name)
    room = Path(__file__).resolve().parent.parent / "ocr"
    said = "\n".join((room / name).read_text("utf-8") for name in ("checks.py", "extract.py"))
    codes = set(re.findall(r'report\.add\(\s*"(\w+)"', said))
    assert len(codes) > 10 and codes <= set(CHECKS), codes - set(CHECKS)
    assert check_text("blurred") == ISSUES["blurred"]


# --- pictures ----------------------------------------------------------------------------------------------------
def turned(page: Image.Image, degrees: float) -> Image.Image:
    grey = page.convert("L").rotate(-degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)
    return grey.convert("1")


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """Digitised: an upright page, one turned by 90°, one upside down, a crooked one; and a signed file, kept as it came."""
    folder = tmp_path_factory.mktemp("pictures")
    home, scans = folder / "nha", folder / "quet"
    scans.mkdir()
    for number, degrees in enumerate((0, 90, 180, 2.5)):
        (scans / f"{number}.tif").write_bytes(tiff(turned(decision(60 + number), degrees)))
    (scans / "ky_so.pdf").write_bytes(signed_pdf(turned(decision(70), 180)))
    settings = settings_for(home)
    result = digitise([scans], settings)
    assert len(result.documents) == 5
    with open_desk(settings) as desk:
        yield desk, {d.source.rpartition("/")[2]: d.id for d in result.documents}


@pytest.mark.parametrize(
    ("source", "rotation"), [("0.tif", 0), ("1.tif", 90), ("2.tif", 180), ("3.tif", 0), ("ky_so.pdf", 180)]
)
def test_boxes_lie_over_the_words(pictured, source, rotation):
    """In the picture that is shown, ink reaches from one end of each long word's box to the other, and there is none in
    the space below it."""
    desk, ids = pictured
    row = desk.catalogue.document(ids[source])
    reading = page_reading(desk, row, 1)
    assert reading.rotation == rotation
    page = np.asarray(page_image(desk, row, reading, 110).convert("L")) < 128
    scale_x, scale_y = page.shape[1] / reading.page_size_pt[0], page.shape[0] / reading.page_size_pt[1]
    over, beside, words = 0, 0, [w for w in reading.words if len(w.text) > 2]
    for word in words:
        left, top, right, bottom = reading.box_to_points(word.box)
        across = slice(round(left * scale_x), round(right * scale_x))
        columns = page[round(top * scale_y) : round(bottom * scale_y), across].any(axis=0)
        end = max(2, len(columns) // 6)
        over += columns[:end].any() and columns[-end:].any()
        beside += not page[round((bottom + 4) * scale_y) : round((bottom + 9) * scale_y), across].any()
    assert len(words) > 15 and over >= 0.95 * len(words) and beside >= 0.8 * len(words), (
        over,
        beside,
        len(words),
    )


def test_crops_show_the_doubtful_field_and_the_proposal(pictured, tmp_path):
    desk, ids = pictured
    row = desk.catalogue.document(ids["2.tif"])
    name = next(n for n, f in row.fields.items() if f.box)
    changed = row.fields[name].model_copy(update={"status": FieldStatus.REVIEW})
    waiting = replace(row, fields={name: changed})
    ((named, data),) = crops(desk, waiting)
    (tmp_path / "x.png").write_bytes(data)
    with Image.open(tmp_path / "x.png") as crop:
        assert named == name and crop.format == "PNG" and crop.height > 80
        # The colour of what waits is there: the frame of the field and the proposal below it.
        assert sum(n for n, colour in crop.convert("RGB").getcolors(2**24) if colour == (205, 90, 0)) > 100


def test_the_font_has_every_letter():
    from fontTools.ttLib import TTFont

    with TTFont(vietnamese_font()) as font:
        assert all(ord(c) in font.getBestCmap() for c in "ạằẫếỗợữỵĐđƯ")


def test_a_page_that_is_not_there_is_not_found():
    with pytest.raises(NotFound):
        shown_page(tiff(decision(1)), 2, settings_for(Path("x")).limits, dpi=72)
