"""CÔNG VĂN and the named kinds of Decree 30/2020: reports, plans, notices, submissions, resolutions, minutes ..."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial

from samples import marks
from samples.agencies import (
    Agency,
    commune_committee,
    council,
    department,
    district_committee,
    division,
    institution,
    province_committee,
    signing,
)
from samples.frame import heading, number_runs, place_date, sign, title
from samples.kinds import prose
from samples.kinds.case import Case, Maker, paper_number
from samples.page import Doc, Runs, pt, t
from samples.people import kinh_name
from samples.places import bare, neighbour


def _agency(case: Case) -> Agency:
    rng, place = case.rng, case.place
    choices = [commune_committee, commune_committee, province_committee, department, institution, division]
    if not place.modern:
        choices += [district_committee, district_committee]
    return rng.choice(choices)(rng, place)


def _addressees(case: Case) -> list[str]:
    rng = case.rng
    place = case.place
    pool = [
        f"Ủy ban nhân dân {neighbour(rng, place).commune}", "Các cơ quan, đơn vị trên địa bàn", f"Công an {place.commune}", f"Sở Tư pháp {place.province}",
        "Trưởng các thôn, tổ dân phố", "Hiệu trưởng các trường học", f"Hội đồng nhân dân {place.commune}", f"Ủy ban nhân dân {place.province}",
        f"{rng.choice(['Ông', 'Bà'])} {kinh_name(rng, rng.random() < 0.5)}", "Trạm Y tế", "Đài Truyền thanh", "Các hợp tác xã nông nghiệp",
    ]  # fmt: skip
    return rng.sample(pool, rng.choice([1, 1, 1, 2, 3, 4]))


def _to(doc: Doc, names: list[str]) -> None:
    rng = doc.rng
    if len(names) == 1:
        doc.para([t(f"Kính gửi: {names[0]}{rng.choice(['', '.', ''])}")], align="center", after=8)
        return
    indent = pt(rng.uniform(70, 120))
    doc.para([t("Kính gửi:")], indent=indent, align="left", after=1)
    for index, name in enumerate(names):
        doc.para(
            [t(f"- {name}{';' if index < len(names) - 1 else '.'}")],
            indent=indent + pt(50),
            align="left",
            after=1,
        )
    doc.skip(6)


def official_letter(case: Case) -> Doc:
    """Công văn: subject under the number, addressees, body."""
    rng = case.rng
    doc = case.doc("cong_van")
    agency = _agency(case)
    topic = rng.choice(prose.TOPICS)
    subject = rng.choice([f"V/v {topic}", f"V/v tăng cường {topic}", f"V/v báo cáo kết quả {topic}", f"V/v triển khai {topic} năm {case.today.year}",
                          f"V/v phối hợp {topic}", f"về việc {topic}"])  # fmt: skip
    unit = rng.choice(["VP", "KT", "TNMT", "NC", "VX", "TH", "QLĐT", "HCTP", "TCKH", "VHXH", ""])
    symbol = f"{agency.symbol}-{unit}" if unit else agency.symbol
    head: list[Runs] = [
        number_runs(doc, paper_number(rng, 6000), symbol, case.pen),
        [t(subject, rng.choice(["", "", "i"]), "trich_yeu", size=12)],
    ]
    heading(doc, agency, left=head, right=[place_date(doc, agency, case.today, case.pen)])
    doc.set("loai_van_ban", "CÔNG VĂN")
    plain = subject.removeprefix("V/v ").removeprefix("về việc ")
    doc.set("trich_yeu", subject, plain, f"V/v {plain}", f"Về việc {plain}")
    _to(doc, _addressees(case))
    lead = prose.opening(rng, agency, case.today, topic)
    doc.para(
        [
            t(
                f"{lead}, {agency.name} {rng.choice(['đề nghị các cơ quan, đơn vị thực hiện một số nội dung sau:', 'yêu cầu các đơn vị tập trung thực hiện:', 'có ý kiến như sau:'])}"
            )
        ]
    )
    _points(doc, prose.measures(rng, agency, case.today, topic, rng.randint(2, 7)))
    doc.para([t(rng.choice([f"{agency.name} đề nghị các đơn vị nghiêm túc triển khai thực hiện./.", "Rất mong nhận được sự quan tâm phối hợp./.",
                            "Trong quá trình thực hiện nếu có vướng mắc, kịp thời phản ánh để được hướng dẫn./.", "Trân trọng./."]))])  # fmt: skip
    sign(
        doc,
        agency,
        signing(rng, agency, True, orders=True),
        kinh_name(rng, rng.random() < 0.7),
        receivers=prose.receivers(rng, agency),
    )
    marks.spoil(doc, agency, case.today, True, rng)
    return doc


def _points(doc: Doc, texts: list[str]) -> None:
    rng = doc.rng
    style = rng.choice(["1.", "-", "a)", "bold"])
    for index, text in enumerate(texts, 1):
        if style == "bold" and len(text) > 60:
            head, _, rest = text.partition(",")
            doc.para([t(f"{index}. {head},", "b"), t(rest)])
        else:
            lead = {"1.": f"{index}. ", "-": "- ", "a)": f"{'abcdeghik'[index - 1]}) ", "bold": f"{index}. "}[
                style
            ]
            doc.para([t(lead + text)])


@dataclass(frozen=True)
class Form:
    """How a named kind is laid out."""

    name: str
    abbreviation: str
    grounds: bool = False
    addressed: bool = False
    articles: bool = False
    sections: bool = False
    by_council: bool = False
    minutes: bool = False


FORMS: dict[str, Form] = {
    "to_trinh": Form("TỜ TRÌNH", "TTr", addressed=True, grounds=True),
    "thong_bao": Form("THÔNG BÁO", "TB"),
    "bao_cao": Form("BÁO CÁO", "BC", addressed=True, sections=True),
    "ke_hoach": Form("KẾ HOẠCH", "KH", sections=True),
    "nghi_quyet": Form("NGHỊ QUYẾT", "NQ", grounds=True, articles=True, by_council=True),
    "chi_thi": Form("CHỈ THỊ", "CT"),
    "giay_moi": Form("GIẤY MỜI", "GM", addressed=True),
    "bien_ban": Form("BIÊN BẢN", "BB", minutes=True),
    "chuong_trinh": Form("CHƯƠNG TRÌNH", "CTr", sections=True),
    "phuong_an": Form("PHƯƠNG ÁN", "PA", sections=True),
    "huong_dan": Form("HƯỚNG DẪN", "HD"),
    "giay_gioi_thieu": Form("GIẤY GIỚI THIỆU", "GGT"),
    "giay_uy_quyen": Form("GIẤY ỦY QUYỀN", "GUQ"),
    "cong_dien": Form("CÔNG ĐIỆN", "CĐ", addressed=True),
    "de_an": Form("ĐỀ ÁN", "ĐA", sections=True),
    "quy_che": Form("QUY CHẾ", "QC", articles=True),
    "quy_dinh": Form("QUY ĐỊNH", "QyĐ", articles=True),
}  # fmt: skip

SECTIONS = (
    ("I. MỤC ĐÍCH, YÊU CẦU", "II. NỘI DUNG THỰC HIỆN", "III. TỔ CHỨC THỰC HIỆN"),
    ("I. TÌNH HÌNH CHUNG", "II. KẾT QUẢ THỰC HIỆN", "III. PHƯƠNG HƯỚNG, NHIỆM VỤ"),
    ("Phần I: ĐẶC ĐIỂM TÌNH HÌNH", "Phần II: NHIỆM VỤ VÀ GIẢI PHÁP", "Phần III: ĐỀ XUẤT, KIẾN NGHỊ"),
)


def _subject(rng: random.Random, form: Form, topic: str, year: int) -> str:
    starts = {
        "TỜ TRÌNH": ["Về việc xin phê duyệt kinh phí {0}", "Về việc đề nghị ban hành kế hoạch {0}"],
        "THÔNG BÁO": ["Về việc {0}", "Kết luận của Chủ tịch Ủy ban nhân dân tại cuộc họp về {0}", "Lịch tiếp công dân và {0}"],
        "BÁO CÁO": ["Kết quả {0} năm {1}", "Tình hình {0} 6 tháng đầu năm {1}", "Công tác {0} quý I năm {1}"],
        "GIẤY MỜI": ["Họp triển khai {0}", "Dự hội nghị tổng kết {0}", "Về việc dự họp bàn {0}"],
        "BIÊN BẢN": ["Họp về việc {0}", "Kiểm tra công tác {0}"],
        "CHỈ THỊ": ["Về việc tăng cường {0}", "Về tăng cường {0} trên địa bàn"],
        "GIẤY GIỚI THIỆU": [""], "GIẤY ỦY QUYỀN": ["Về việc ký các văn bản {0}"],
    }  # fmt: skip
    text = rng.choice(
        starts.get(form.name, ["{0} năm {1}", "Về {0} giai đoạn {1} - 2030", "Về việc {0}"])
    ).format(topic, year)
    return text[:1].upper() + text[1:]


def named(kind: str, case: Case) -> Doc:
    """A paper with the name of its kind as title."""
    rng, form = case.rng, FORMS[kind]
    doc = case.doc(kind)
    agency = council(rng, case.place) if form.by_council and rng.random() < 0.8 else _agency(case)
    topic = rng.choice(prose.TOPICS)
    subject = _subject(rng, form, topic, case.today.year)
    heading(doc, agency, left=[number_runs(doc, paper_number(rng, 700), f"{form.abbreviation}-{agency.symbol}", case.pen)],
            right=[place_date(doc, agency, case.today, case.pen)])  # fmt: skip
    title(doc, form.name, *([subject] if subject else []), subject=True, rule=rng.random() < 0.7)
    if subject:
        doc.set("trich_yeu", subject, subject.removeprefix("Về việc ").capitalize())
    if form.addressed:
        _to(doc, _addressees(case))
    if form.grounds:
        look = rng.choice(["i", "i", ""])
        for text in prose.grounds(rng, case.today, rng.randint(1, 3)):
            doc.para([t(text, look)])
    if form.articles:
        _articles(doc, case, agency, topic, form)
    elif form.minutes:
        _minutes(doc, case, agency, topic)
    elif form.sections:
        _sections(doc, case, agency, topic)
    elif kind == "giay_gioi_thieu":
        _introduction(doc, case, agency)
    else:
        doc.para([t(f"{prose.opening(rng, agency, case.today, topic)}, {agency.name} {rng.choice(['trân trọng', 'kính'])} "
                    f"{'mời' if kind == 'giay_moi' else 'trình' if kind == 'to_trinh' else 'thông báo'} như sau:")])  # fmt: skip
        if kind == "giay_moi":
            doc.para(
                [
                    t(
                        f"1. Thời gian: {rng.choice(['07 giờ 30', '08 giờ 00', '14 giờ 00'])} phút, ngày {rng.randint(1, 28):02d}/{case.today.month:02d}/{case.today.year}."
                    )
                ]
            )
            doc.para([t(f"2. Địa điểm: Hội trường {agency.name}.")])
        else:
            _points(doc, prose.measures(rng, agency, case.today, topic, rng.randint(2, 7)))
    closing = rng.choice(
        [
            f"Trên đây là {form.name.capitalize().lower()} của {agency.name}./.",
            "Đề nghị các đơn vị nghiêm túc thực hiện./.",
            "Trân trọng./.",
        ]
    )
    doc.para([t(closing)])
    sign(doc, agency, signing(rng, agency, True, orders=True), kinh_name(rng, rng.random() < 0.7),
         receivers=prose.receivers(rng, agency) if not form.minutes or rng.random() < 0.3 else None)  # fmt: skip
    marks.spoil(doc, agency, case.today, True, rng)
    return doc


def _articles(doc: Doc, case: Case, agency: Agency, topic: str, form: Form) -> None:
    rng = case.rng
    if form.by_council:
        doc.para([t("QUYẾT NGHỊ:", "b")], align="center", after=6)
    for number, text in enumerate(prose.measures(rng, agency, case.today, topic, rng.randint(3, 6)), 1):
        doc.para([t(f"Điều {number}. ", "b"), t(text)])


def _sections(doc: Doc, case: Case, agency: Agency, topic: str) -> None:
    rng = case.rng
    doc.para(
        [
            t(
                prose.opening(rng, agency, case.today, topic)
                + f", {agency.name} xây dựng các nội dung cụ thể như sau:"
            )
        ]
    )
    texts = prose.measures(rng, agency, case.today, topic, rng.randint(5, 9))
    heads = rng.choice(SECTIONS)
    for index, head in enumerate(heads):
        doc.para([t(head, "b")])
        for number, text in enumerate(texts[index::3], 1):
            doc.para([t(f"{number}. {text}")])


def _minutes(doc: Doc, case: Case, agency: Agency, topic: str) -> None:
    rng = case.rng
    doc.para([t(f"Hôm nay, hồi {rng.randint(7, 15):02d} giờ {rng.choice(['00', '15', '30'])} phút, ngày {case.today.day:02d} tháng {case.today.month:02d} năm "
                f"{case.today.year}, tại trụ sở {agency.name}.")])  # fmt: skip
    doc.para([t("I. Thành phần tham dự:", "b")])
    for number in range(1, rng.randint(3, 6)):
        doc.para(
            [
                t(
                    f"{number}. {rng.choice(['Ông', 'Bà'])}: {kinh_name(rng, rng.random() < 0.5)} - {rng.choice(['Chủ tịch UBND', 'Công chức địa chính', 'Trưởng thôn', 'Thư ký', 'Đại diện hộ dân'])}"
                )
            ],
            after=1,
        )
    doc.para([t("II. Nội dung:", "b")])
    _points(doc, prose.measures(rng, agency, case.today, topic, rng.randint(2, 4)))


def _introduction(doc: Doc, case: Case, agency: Agency) -> None:
    rng = case.rng
    name = kinh_name(rng, rng.random() < 0.5)
    hand = "h" if rng.random() < 0.5 else ""
    doc.para([t(f"{agency.name} trân trọng giới thiệu:")])
    doc.para([t("Ông (bà): "), t(name, hand)])
    doc.para([t("Chức vụ: "), t(rng.choice(["Công chức văn hóa", "Kế toán", "Chuyên viên"]), hand)])
    doc.para([t(f"Được cử đến: {bare(neighbour(rng, case.place).province)}")])
    doc.para([t(f"Về việc: liên hệ công tác {rng.choice(prose.TOPICS)}.")])
    doc.para(
        [
            t(
                f"Giấy này có giá trị đến hết ngày {rng.randint(1, 28):02d}/{case.today.month % 12 + 1:02d}/{case.today.year + (case.today.month == 12)}."
            )
        ]
    )


NAMED: dict[str, Maker] = {kind: partial(named, kind) for kind in FORMS}
