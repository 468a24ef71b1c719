"""From the words of a page to fields with their evidence."""

from __future__ import annotations

import pytest

from ocr import agencies
from ocr.extract import read_document
from ocr.forms import load_forms
from schemas.document import FieldStatus
from schemas.page import GapReading
from schemas.settings import Settings
from tests.made_pages import STATE, birth_certificate, decision, page, stacked

FORMS, SETTINGS = load_forms(), Settings()


def read(*pages):
    return read_document(list(pages), forms=FORMS, settings=SETTINGS)


def values(reading) -> dict[str, str | None]:
    return {name: field.value for name, field in reading.fields.items()}


def test_a_birth_certificate():
    reading = read(birth_certificate())
    assert reading.type == "giay_khai_sinh" and reading.type_confidence > 0.9
    wanted = {
        "loai_van_ban": "GIẤY KHAI SINH", "so_ky_hieu": "57", "ho_ten": "Trần Gia Bảo", "ngay_sinh": "2022-03-14",
        "gioi_tinh": "Nam", "dan_toc": "Kinh", "quoc_tich": "Việt Nam", "so_dinh_danh": "036222004512",
        "noi_sinh": "Bệnh viện Đa khoa huyện Ý Yên, tỉnh Nam Định", "me_ho_ten": "Phạm Thị Thanh Hà", "me_nam_sinh": "1996",
        "me_dan_toc": "Tày", "me_noi_cu_tru": "Xóm 4, xã Yên Chính, huyện Ý Yên, tỉnh Nam Định", "cha_ho_ten": "Trần Văn Sơn",
        "cha_dan_toc": "Kinh", "nguoi_di_khai_sinh": "Trần Văn Sơn", "giay_to_tuy_than": "036093001234",
        "ngay_dang_ky": "2022-03-21", "ngay_ban_hanh": "2022-03-21", "co_quan_ban_hanh": "Ủy ban nhân dân xã Yên Chính",
        "quyen_han_ky": "KT. CHỦ TỊCH", "chuc_vu": "PHÓ CHỦ TỊCH", "nguoi_ky": "Đỗ Minh Tuấn",
    }  # fmt: skip
    found = values(reading)
    assert {name: found.get(name) for name in wanted} == wanted
    assert found["ngay_sinh_bang_chu"].endswith("hai mươi hai")


def test_every_value_shows_where_it_stands():
    reading = read(birth_certificate())
    field = reading.fields["ho_ten"]
    assert field.page == 1 and field.printed == "TRẦN GIA BẢO"
    left, top, right, bottom = field.box
    assert 0 < left < right < 595 and 150 < top < bottom < 180
    assert 0 <= field.confidence <= 1


def test_clean_agreeing_fields_are_accepted_without_a_person():
    reading = read(birth_certificate())
    accepted = [n for n, f in reading.fields.items() if f.status is FieldStatus.ACCEPTED]
    assert {"ngay_sinh", "so_dinh_danh", "ho_ten", "gioi_tinh"} <= set(accepted)


def test_words_against_digits_send_both_to_a_person():
    reading = read(birth_certificate(ngay="15/03/2022"))
    for name in ("ngay_sinh", "ngay_sinh_bang_chu"):
        assert reading.fields[name].status is FieldStatus.REVIEW
        assert "date_words" in reading.fields[name].checks
    assert reading.needs_person()


def test_identity_number_against_sex():
    reading = read(birth_certificate(gioi_tinh="Nữ"))
    assert reading.fields["gioi_tinh"].status is FieldStatus.REVIEW
    assert reading.fields["so_dinh_danh"].checks == ["identity_sex"]


def test_an_unreadable_date_is_proposed_from_its_words_and_never_accepted():
    reading = read(birth_certificate(ngay="l4//Z0ZZ"))
    assert reading.fields["ngay_sinh"].value == "2022-03-14"
    assert reading.fields["ngay_sinh"].status is FieldStatus.REVIEW


def test_a_field_written_by_hand_goes_to_a_person():
    made = birth_certificate()
    words = [
        w.model_copy(update={"handwritten": 0.9}) if w.text in ("TRẦN", "GIA", "BẢO") else w
        for w in made.words
    ]
    field = read(made.model_copy(update={"words": words})).fields["ho_ten"]
    assert field.handwritten and field.status is FieldStatus.REVIEW and field.value == "Trần Gia Bảo"


def test_an_entry_by_hand_that_nobody_could_read_is_found_and_waits():
    reading = birth_certificate(ho_ten="")
    label = next(w for w in reading.words if w.text == "tên:")
    box = (label.box[2] + 10, label.box[1], label.box[2] + 300, label.box[3])
    entry = GapReading(kind="muc", box=box, text="", confidence=0.0, handwritten=0.9)
    field = read(reading.model_copy(update={"gaps": [entry]})).fields["ho_ten"]
    assert (field.value, field.handwritten, field.status) == (None, True, FieldStatus.REVIEW)
    assert field.box[0] >= label.box[2] * 0.36 and field.page == 1
    strokes = read(birth_certificate(ho_ten="//# /Z").model_copy(update={"gaps": []}))
    assert strokes.fields["ho_ten"].status is not FieldStatus.ACCEPTED


def test_a_position_is_not_accepted_when_the_block_around_it_was_not_read_whole():
    whole = decision()
    head = [w for w in whole.words if w.text != "PHÓ" and not (w.box[1] == 960 and w.box[0] > 900)]
    signed = read(whole.model_copy(update={"words": head})).fields["chuc_vu"]
    assert (signed.value, signed.confidence > 0.9) == ("CHỦ TỊCH", True)
    nameless = [w for w in head if w.text not in ("Ngô", "Quang", "Vinh")]
    alone = read(whole.model_copy(update={"words": nameless})).fields["chuc_vu"]
    assert alone.value == "CHỦ TỊCH" and alone.status is FieldStatus.REVIEW, "KT. or PHÓ may lie under the seal too"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (("SỞ NÔNG NGHIỆP VÀ MÔI", "TRƯỜNG TỈNH HÀ NAM", "CHI CỤC KIỂM LÂM"), ("Chi cục Kiểm Lâm", "Sở Nông nghiệp và Môi trường tỉnh Hà Nam")),
        (("UBND HUYỆN ĐẮK MIL", "PHÒNG QUẢN LÝ ĐÔ"), ("Phòng Quản lý đô thị", "UBND huyện Đắk Mil")),
    ],
)  # fmt: skip
def test_departments_whose_name_is_broken_or_cut(lines, name):
    agency = agencies.from_lines(list(lines))
    assert (agency.name, agency.parent) == name


def test_a_required_field_that_is_not_there_is_missing():
    made = birth_certificate()
    line = next(w.line for w in made.words if w.text == "sinh:" and w.box[1] > 600)
    reading = read(made.model_copy(update={"words": [w for w in made.words if w.line != line]}))
    missing = [n for n, f in reading.fields.items() if f.status is FieldStatus.MISSING]
    assert "noi_sinh" in missing and reading.fields["noi_sinh"].value is None


def test_a_damaged_name_is_proposed_for_review():
    made = birth_certificate()
    words = [
        w.model_copy(update={"text": "Ðồ", "confidence": 0.2}) if w.text == "Đỗ" else w for w in made.words
    ]
    field = read(made.model_copy(update={"words": words})).fields["nguoi_ky"]
    assert field.value.endswith("Minh Tuấn") and field.status is FieldStatus.REVIEW


def test_a_decision():
    reading = read(decision())
    found = values(reading)
    wanted = {
        "so_ky_hieu": "125/QĐ-UBND", "dia_danh": "Yên Chính", "ngay_ban_hanh": "2023-08-07",
        "co_quan_ban_hanh": "Ủy ban nhân dân xã Yên Chính", "doi_tuong": "Lê Thị Mùi", "ngay_sinh": "1941-09-02",
        "trich_yeu": "Về việc trợ cấp xã hội hàng tháng đối với bà Lê Thị Mùi", "muc_tro_cap": "720.000",
        "quyen_han_ky": "KT. CHỦ TỊCH", "chuc_vu": "PHÓ CHỦ TỊCH", "nguoi_ky": "Ngô Quang Vinh",
    }  # fmt: skip
    assert reading.type == "quyet_dinh"
    assert {name: found.get(name) for name in wanted} == wanted


def test_hand_written_number_and_day_come_from_the_gaps_and_wait():
    gaps = [
        GapReading(kind="so", box=(330, 255, 400, 290), text="125", confidence=0.99, handwritten=0.98),
        GapReading(kind="ngay", box=(1120, 258, 1160, 292), text="07", confidence=0.99, handwritten=0.97),
    ]
    reading = read(decision("Số: ⁄ZS /QĐ-UBND", "Yên Chính, ngày Øf tháng 8 năm 2023", gaps=gaps))
    for name, value in (("so_ky_hieu", "125/QĐ-UBND"), ("ngay_ban_hanh", "2023-08-07")):
        field = reading.fields[name]
        assert (field.value, field.source, field.handwritten, field.status) == (
            value,
            "digits",
            True,
            FieldStatus.REVIEW,
        )


def test_a_letter_has_no_title():
    reading = read(page([
        (230.0, 150.0, "UBND TỈNH NAM ĐỊNH"), (290.0, 198.0, "SỞ TƯ PHÁP"), *STATE,
        (270.0, 260.0, "Số: 410/STP-HCTP"), (880.0, 262.0, "Nam Định, ngày 11 tháng 4 năm 2022"),
        (230.0, 310.0, "V/v rà soát sổ hộ tịch"), (300.0, 356.0, "giấy năm 2022"),
        (600.0, 440.0, "Kính gửi: Ủy ban nhân dân huyện Ý Yên"),
        *stacked(520.0, 220.0, "Thực hiện kế hoạch công tác năm 2022, Sở Tư pháp đề nghị quý cơ quan rà soát."),
        (220.0, 700.0, "Nơi nhận:"), (1000.0, 700.0, "KT. GIÁM ĐỐC"), (970.0, 748.0, "PHÓ GIÁM ĐỐC"),
        (960.0, 1000.0, "Vũ Thị Hồng Nhung"),
    ]))  # fmt: skip
    found = values(reading)
    assert reading.type == "cong_van" and found["trich_yeu"] == "V/v rà soát sổ hộ tịch giấy năm 2022"
    assert (
        found["co_quan_ban_hanh"] == "Sở Tư pháp"
        and found["co_quan_chu_quan"] == "UBND tỉnh Nam Định"
    )
    assert found["nguoi_ky"] == "Vũ Thị Hồng Nhung" and found["so_ky_hieu"] == "410/STP-HCTP"


def test_who_certified_a_copy_did_not_sign_the_paper():
    copied = page([
        (500.0, 300.0, "CHỨNG THỰC BẢN SAO ĐÚNG VỚI BẢN CHÍNH"), (500.0, 350.0, "Số chứng thực: 318 Quyển số: 02-SCT/BS"),
        (1000.0, 460.0, "CHỦ TỊCH"), (960.0, 700.0, "Bùi Thị Lan Hương"),
    ], number=2)  # fmt: skip
    found = values(read(decision(), copied))
    assert found["nguoi_ky"] == "Ngô Quang Vinh" and found["chuc_vu"] == "PHÓ CHỦ TỊCH"


@pytest.mark.parametrize("side_by_side", [True, False])
def test_wife_and_husband_beside_or_below_each_other(side_by_side):
    wife = ["Họ, chữ đệm, tên vợ: HÀ THỊ YẾN", "Ngày, tháng, năm sinh: 01/02/1995", "Dân tộc: Kinh Quốc tịch: Việt Nam",
            "Nơi cư trú: Thôn 2, xã Yên Phú,", "huyện Ý Yên, tỉnh Nam Định"]  # fmt: skip
    husband = ["Họ, chữ đệm, tên chồng: LÒ VĂN PHONG", "Ngày, tháng, năm sinh: 11/12/1991", "Dân tộc: Thái Quốc tịch: Việt Nam",
               "Nơi cư trú: Bản Na Sang, xã Núa", "Ngam, tỉnh Điện Biên"]  # fmt: skip
    if side_by_side:
        body, below = [*stacked(440.0, 150.0, *wife), *stacked(440.0, 860.0, *husband)], 720.0
    else:
        body, below = stacked(440.0, 150.0, *wife, *husband), 960.0
    reading = read(page([
        (560.0, 150.0, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"), (640.0, 198.0, "Độc lập - Tự do - Hạnh phúc"),
        (620.0, 300.0, "GIẤY CHỨNG NHẬN KẾT HÔN"), (780.0, 360.0, "Số: 12/2021"), *body,
        *stacked(below, 150.0, "Nơi đăng ký kết hôn: Ủy ban nhân dân xã Yên Phú, huyện Ý Yên, tỉnh Nam Định",
                 "Ngày, tháng, năm đăng ký: 09/09/2021"),
        (1010.0, 1400.0, "CHỦ TỊCH"), (985.0, 1700.0, "Đỗ Minh Tuấn"),
    ]))  # fmt: skip
    found = values(reading)
    assert (found["vo_ho_ten"], found["vo_ngay_sinh"], found["vo_dan_toc"]) == (
        "Hà Thị Yến",
        "1995-02-01",
        "Kinh",
    )
    assert (found["chong_ho_ten"], found["chong_ngay_sinh"], found["chong_dan_toc"]) == (
        "Lò Văn Phong",
        "1991-12-11",
        "Thái",
    )
    assert found["vo_noi_cu_tru"] == "Thôn 2, xã Yên Phú, huyện Ý Yên, tỉnh Nam Định"
    assert found["chong_noi_cu_tru"] == "Bản Na Sang, xã Núa Ngam, tỉnh Điện Biên"
    assert found["ngay_ban_hanh"] == "2021-09-09"


def test_tables_of_a_household_business():
    reading = read(page([
        (200.0, 150.0, "UBND HUYỆN Ý YÊN"), (130.0, 198.0, "PHÒNG TÀI CHÍNH - KẾ HOẠCH"), *STATE,
        (680.0, 290.0, "GIẤY CHỨNG NHẬN"), (610.0, 338.0, "ĐĂNG KÝ HỘ KINH DOANH"), (720.0, 390.0, "Số: 25A8001234"),
        (560.0, 436.0, "Đăng ký lần đầu, ngày 17 tháng 5 năm 2021"),
        *stacked(500.0, 200.0, "1. Tên hộ kinh doanh: HỘ KINH DOANH HOA SEN", "2. Địa chỉ trụ sở hộ kinh doanh: Xóm 4, xã Yên Chính, huyện Ý Yên, tỉnh Nam Định",
                 "3. Ngành, nghề kinh doanh:"),
        (210.0, 650.0, "STT"), (560.0, 650.0, "Tên ngành"), (1250.0, 650.0, "Mã ngành"),
        (230.0, 700.0, "1"), (330.0, 700.0, "Cắt tóc, gội đầu"), (1270.0, 700.0, "9631"),
        (330.0, 750.0, "Bán lẻ hàng may mặc, giày dép trong các cửa hàng"), (330.0, 786.0, "chuyên doanh"),
        (230.0, 768.0, "2"), (1270.0, 768.0, "4771"),
        *stacked(850.0, 200.0, "4. Vốn kinh doanh: 80.000.000 đồng (Bằng chữ: Tám mươi triệu đồng)", "5. Thông tin về chủ hộ kinh doanh",
                 "Họ và tên: ĐẶNG THỊ SEN Giới tính: Nữ", "Sinh ngày: 20/10/1988 Dân tộc: Kinh Quốc tịch: Việt Nam",
                 "Số giấy tờ pháp lý của cá nhân: 036188009876"),
        (1000.0, 1300.0, "TRƯỞNG PHÒNG"), (985.0, 1560.0, "Mai Văn Thuận"),
    ]))  # fmt: skip
    found = values(reading)
    assert reading.type == "giay_chung_nhan_ho_kinh_doanh"
    assert found["so_ky_hieu"] == "25A8001234" and found["ngay_ban_hanh"] == "2021-05-17"
    assert found["von_kinh_doanh"] == "80.000.000" and found["chu_ho"] == "Đặng Thị Sen"
    assert reading.tables["nganh_nghe"] == [
        {"stt": "1", "ten": "Cắt tóc, gội đầu", "ma": "9631"},
        {"stt": "2", "ten": "Bán lẻ hàng may mặc, giày dép trong các cửa hàng chuyên doanh", "ma": "4771"},
    ]
    assert found["ma_nganh"] == "9631; 4771"


def test_nothing_on_a_page_is_no_document_and_no_error():
    reading = read(page([], blank=True))
    assert reading.type == "khac" and not reading.fields


def test_accents_lost_and_words_fused_to_labels():
    made = birth_certificate()
    swaps = {"tộc:": "tôc:", "Kinh": "Kinh", "đệm,": "dem,", "Quê": "Que"}
    words = [w.model_copy(update={"text": swaps.get(w.text, w.text)}) for w in made.words]
    found = values(read(made.model_copy(update={"words": words})))
    assert found["ho_ten"] == "Trần Gia Bảo" and found["dan_toc"] == "Kinh"
    assert found["que_quan"] == "xã Yên Chính, huyện Ý Yên, tỉnh Nam Định"
