"""Pages of a stack: nothing is lost, headings and separator sheets cut, blanks fall out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ocr.forms import load_forms
from ocr.separate import separate
from schemas.page import Barcode, PageReading
from tests.made_pages import birth_certificate, decision, page, stacked

FORMS = load_forms()


def at(number: int, reading: PageReading) -> PageReading:
    return reading.model_copy(update={"page": number})


def sheet(code: str, barcode: bool = True) -> PageReading:
    marks = [Barcode(text=code, format="Code128", box=(300, 300, 900, 500))] if barcode else []
    return page([(500.0, 600.0, "TỜ PHÂN CÁCH HỒ SƠ"), (520.0, 700.0, code)], barcodes=marks)


def following() -> PageReading:
    return page([(820.0, 90.0, "2"), *stacked(200.0, 220.0, "Điều 3. Chánh Văn phòng và các đơn vị liên quan chịu trách nhiệm",
                                              "thi hành Quyết định này kể từ ngày ký và báo cáo kết quả trước tháng sau./.")])  # fmt: skip


def empty() -> PageReading:
    return page([(900.0, 1200.0, "•")], blank=True)


KINDS = {
    "birth": birth_certificate, "decision": decision, "following": following, "blank": empty,
    "separator": lambda: sheet("000.00.12.H26-230105-0007"), "patch": lambda: page([(600.0, 900.0, "PATCH T")]),
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=12))
def test_every_page_is_in_exactly_one_place(names):
    made = separate([at(i, KINDS[name]()) for i, name in enumerate(names, 1)], FORMS)
    numbers = [*made.blank, *made.separators, *(n for document in made.documents for n in document)]
    assert sorted(numbers) == list(range(1, len(names) + 1))
    assert all(document == sorted(document) and document for document in made.documents)


def test_headings_begin_documents_and_pages_without_follow():
    order = [birth_certificate(), decision(), following(), empty(), decision()]
    made = separate([at(i, reading) for i, reading in enumerate(order, 1)], FORMS)
    assert made.documents == [[1], [2, 3], [5]] and made.blank == [4] and made.separators == []


def test_a_blank_back_does_not_cut_a_document():
    order = [decision(), empty(), following(), empty()]
    made = separate([at(i, reading) for i, reading in enumerate(order, 1)], FORMS)
    assert made.documents == [[1, 3]] and made.blank == [2, 4]


def test_a_last_page_of_which_only_the_title_of_the_signer_was_read_is_not_blank():
    last = page([(950.0, 300.0, "TRƯỞNG PHÒNG")], number=2)
    made = separate([decision(), last], FORMS)
    assert made.documents == [[1, 2]] and made.blank == []
    specks = page([(950.0, 300.0, "TRƯỞNG PHÒNG")], number=2, weak={"TRƯỞNG": 0.4})
    assert separate([decision(), specks], FORMS).blank == [2]


def test_a_dossier_code_holds_until_the_next_separator():
    order = [birth_certificate(), sheet("H47.06-261005-0155"), decision(), birth_certificate(),
             sheet("HS-2024-000031", barcode=False), decision()]  # fmt: skip
    made = separate([at(i, reading) for i, reading in enumerate(order, 1)], FORMS)
    assert made.separators == [2, 5] and made.documents == [[1], [3], [4], [6]]
    assert made.dossier_codes == {1: "H47.06-261005-0155", 2: "H47.06-261005-0155", 3: "HS-2024-000031"}


def test_a_barcode_on_a_paper_does_not_make_it_a_separator():
    paper = decision(barcodes=[Barcode(text="GCN|AB12345678", format="QRCode", box=(1400, 100, 1550, 250))])
    assert separate([at(1, paper)], FORMS).documents == [[1]]


def test_a_second_page_that_quotes_a_title_follows():
    second = page([(820.0, 90.0, "2"), *stacked(180.0, 220.0, "Căn cứ kết quả họp, Ủy ban nhân dân xã ban hành"),
                   (740.0, 260.0, "QUYẾT ĐỊNH:"), *stacked(330.0, 220.0, "Điều 1. Phê duyệt danh sách kèm theo Quyết định này.")])  # fmt: skip
    made = separate([at(1, decision()), at(2, second)], FORMS)
    assert made.documents == [[1, 2]]
