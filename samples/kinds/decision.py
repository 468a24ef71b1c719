"""QUYẾT ĐỊNH: allowances (with a table), appointments, land, awards with a list on a second page, plans, fines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from samples import marks
from samples.agencies import (
    Agency,
    commune_committee,
    department,
    district_committee,
    institution,
    province_committee,
    signing,
)
from samples.frame import heading, number_runs, place_date, sign, title
from samples.kinds import prose
from samples.kinds.building import comma
from samples.kinds.case import Case, paper_number, slashed
from samples.page import Doc, Runs, t
from samples.people import kinh_name, money_words, person


@dataclass
class Content:
    """What is decided: subject, articles (lists of paragraphs; a table may follow an article) and the fields it prints."""

    subject: str
    articles: list[list[Runs]]
    table: tuple[list[float], list[list[Runs]]] | None = None
    table_after: int = 0
    table_page: str = ""
    fields: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _allowance(case: Case, agency: Agency) -> Content:
    rng = case.rng
    many = rng.random() < 0.5
    factor = rng.choice([1.0, 1.5, 2.0, 2.5])
    base = 270_000 if case.today.year < 2021 else 360_000 if case.today.year < 2024 else 500_000
    start = case.today.replace(day=1)
    groups = [("Người cao tuổi từ đủ 80 tuổi", (80, 94)), ("Người khuyết tật nặng", (6, 70)), ("Trẻ em mồ côi cả cha và mẹ", (4, 15)),
              ("Người khuyết tật đặc biệt nặng", (6, 70)), ("Người đơn thân nghèo nuôi con", (22, 45))]  # fmt: skip
    if many:
        subject = rng.choice(
            [
                "Về việc trợ cấp xã hội hằng tháng cho các đối tượng bảo trợ xã hội",
                "Về việc hưởng trợ cấp xã hội hàng tháng",
            ]
        )
        heads = ["STT", "Họ và tên", "Ngày sinh", "Địa chỉ", "Hệ số", "Mức hưởng (đồng)"]
        rows: list[list[Runs]] = [[[t(text, "b")] for text in heads]]
        total = 0
        for k in range(rng.randint(3, 7)):
            who = person(rng, case.place, case.today, (6, 90))
            share = rng.choice([1.0, 1.5, 2.0])
            total += round(base * share)
            rows.append([[t(str(k + 1))], [t(who.name)], [t(f"{who.born:%d/%m/%Y}")], [t(who.home.split(",")[0])], [t(comma(share))],
                         [t(f"{round(base * share):,}".replace(",", "."))]])  # fmt: skip
        rows.append([[], [t("Tổng cộng", "b")], [], [], [], [t(f"{total:,}".replace(",", "."), "b")]])
        first = [
            [
                t(
                    f"Quyết định trợ cấp xã hội hằng tháng cho {len(rows) - 2:02d} đối tượng có tên sau đây, kể từ ngày {start:%d/%m/%Y}:"
                )
            ]
        ]
        return Content(subject, [first, [[t(f"Tổng số tiền trợ cấp mỗi tháng là {total:,} đồng ({money_words(total)}).".replace(",", "."))]]],
                       ([0.07, 0.26, 0.15, 0.22, 0.10, 0.20], rows), 0)  # fmt: skip
    group, ages = rng.choice(groups)
    who = person(rng, case.place, case.today, ages)
    amount = round(base * factor)
    subject = (
        f"Về việc trợ cấp xã hội hàng tháng đối với {who.title.lower()} {who.name}"
        if rng.random() < 0.6
        else "Về việc trợ cấp xã hội hằng tháng"
    )
    paras: list[Runs] = [
        [t("Trợ cấp xã hội hàng tháng đối với "), t(f"{who.title.lower()}: "), t(who.name, "b", "doi_tuong")],
        [t("Sinh ngày: "), t(slashed(who.born, rng), "", "ngay_sinh")],
        [t(rng.choice(["Nơi ở:", "Nơi cư trú:", "Địa chỉ:"]) + " "), t(who.home, "", "noi_cu_tru")],
        [t(f"Thuộc diện: {group}; hệ số: {comma(factor)}.")],
        [
            t("Mức trợ cấp: "),
            t(f"{amount:,}".replace(",", "."), "", "muc_tro_cap"),
            t(f" đồng/tháng (Bằng chữ: {money_words(amount)})."),
        ],
        [t(f"Kể từ ngày {start.day:02d} tháng {start.month:02d} năm {start.year}.")],
    ]
    dotted = f"{amount:,}".replace(",", ".")
    return Content(subject, [paras], fields={"doi_tuong": (who.name,), "ngay_sinh": (who.born.isoformat(),), "noi_cu_tru": (who.home,),
                                            "muc_tro_cap": (dotted, f"{dotted} đồng/tháng", str(amount))})  # fmt: skip


def _land(case: Case, agency: Agency) -> Content:
    rng = case.rng
    who = person(rng, case.place, case.today, (28, 75))
    area, plot, sheet = comma(rng.uniform(60, 2400)), str(rng.randint(2, 1300)), str(rng.randint(1, 130))
    act = rng.choice(
        [
            "cho phép chuyển mục đích sử dụng đất",
            "thu hồi đất",
            "công nhận quyền sử dụng đất",
            "giao đất ở",
            "cấp Giấy chứng nhận quyền sử dụng đất",
        ]
    )
    subject = f"Về việc {act} {'của' if 'thu hồi' in act else 'đối với' if 'phép' in act else 'cho'} {rng.choice([who.title.lower(), 'hộ ' + who.title.lower()])} {who.name}"
    text: Runs = [t(f"{act[0].upper()}{act[1:]} đối với "), t(f"{who.title.lower()} "), t(who.name, "b", "doi_tuong"), t(f", địa chỉ thường trú: {who.home}; diện tích "),
                  t(area, "", "dien_tich"), t(f" {rng.choice(['m2', 'm²'])} thuộc thửa đất số "), t(plot, "", "thua_dat"), t(", tờ bản đồ số "), t(sheet, "", "to_ban_do"),
                  t(f", tại {case.place.address}.")]  # fmt: skip
    more: list[Runs] = [
        [
            t(
                f"Vị trí, ranh giới thửa đất được xác định theo mảnh trích đo địa chính số {rng.randint(2, 300)}-{case.today.year} do Chi nhánh Văn phòng Đăng ký đất đai lập."
            )
        ]
    ]
    if rng.random() < 0.5:
        more.append(
            [t(f"Thời hạn sử dụng đất: {rng.choice(['lâu dài', '50 năm kể từ ngày ký Quyết định'])}.")]
        )
    return Content(
        subject,
        [[text, *more]],
        fields={
            "doi_tuong": (who.name,),
            "thua_dat": (plot,),
            "to_ban_do": (sheet,),
            "dien_tich": (area, f"{area} m2", f"{area} m²"),
        },
    )


def _staff(case: Case, agency: Agency) -> Content:
    rng = case.rng
    who = person(rng, case.place, case.today, (24, 58))
    post = rng.choice(
        [
            "Trưởng thôn",
            "công chức Tư pháp - Hộ tịch",
            "Phó Chỉ huy trưởng Ban Chỉ huy Quân sự",
            "giáo viên Toán",
            "kế toán",
            "viên chức văn thư",
        ]
    )
    act = rng.choice(
        [
            "bổ nhiệm",
            "điều động",
            "nâng bậc lương thường xuyên đối với",
            "nghỉ hưu hưởng chế độ bảo hiểm xã hội đối với",
            "tiếp nhận",
        ]
    )
    subject = (
        f"Về việc {act} {who.title.lower()} {who.name}"
        if "đối với" in act
        else f"Về việc {act} {rng.choice(['cán bộ', 'công chức', 'viên chức', 'người hoạt động không chuyên trách'])}"
    )
    begin = case.today + timedelta(days=rng.randint(1, 40))
    text: Runs = [t(f"{act[0].upper()}{act[1:]} {who.title.lower()} ".replace("đối với đối với", "đối với")), t(who.name, "b", "doi_tuong"), t(", sinh ngày "), t(slashed(who.born, rng), "", "ngay_sinh"),
                  t(f", hiện là {post}, kể từ ngày {begin:%d/%m/%Y}.")]  # fmt: skip
    more: list[Runs] = []
    if "lương" in act:
        more.append(
            [
                t(
                    f"Từ bậc {rng.randint(1, 4)}, hệ số 2,{rng.randint(34, 99)} lên bậc {rng.randint(5, 7)}, hệ số 3,{rng.randint(10, 99)}; mã ngạch 01.00{rng.randint(3, 4)}."
                )
            ]
        )
    return Content(
        subject, [[text, *more]], fields={"doi_tuong": (who.name,), "ngay_sinh": (who.born.isoformat(),)}
    )


def _award(case: Case, agency: Agency) -> Content:
    rng = case.rng
    cause = rng.choice(
        [
            "phong trào “Toàn dân bảo vệ an ninh Tổ quốc”",
            "công tác bầu cử",
            "phong trào thi đua yêu nước",
            "năm học",
            "Tháng hành động vì trẻ em",
        ]
    )
    count = rng.randint(4, 16)
    subject = (
        f"Về việc khen thưởng các tập thể, cá nhân có thành tích trong {cause} năm {case.today.year - 1}"
    )
    rows: list[list[Runs]] = [
        [[t(text, "b")] for text in ("TT", "Họ và tên", "Chức vụ, đơn vị", "Mức thưởng")]
    ]
    posts = [
        "Bí thư Chi bộ",
        "Trưởng thôn",
        "Hội viên Hội Phụ nữ",
        "Giáo viên",
        "Dân quân",
        "Công an viên",
        "Cán bộ y tế",
        "Học sinh lớp 9A",
    ]
    money = f"{rng.choice([300, 450, 700])}.000"
    for k in range(count):
        rows.append(
            [
                [t(str(k + 1))],
                [t(f"{rng.choice(['Ông', 'Bà', ''])} {kinh_name(rng, rng.random() < 0.5)}".strip())],
                [t(f"{rng.choice(posts)}, {case.place.commune}")],
                [t(money)],
            ]
        )
    first: list[Runs] = [
        [
            t(
                f"Tặng Giấy khen cho {count:02d} cá nhân có thành tích trong {cause} năm {case.today.year - 1} (có danh sách kèm theo)."
            )
        ]
    ]
    return Content(subject, [first, [[t(f"Kinh phí khen thưởng trích từ Quỹ thi đua, khen thưởng của {agency.name}.")]]],
                   ([0.10, 0.34, 0.38, 0.18], rows), 0, "DANH SÁCH CÁC CÁ NHÂN ĐƯỢC KHEN THƯỞNG")  # fmt: skip


def _body(case: Case, agency: Agency) -> Content:
    rng = case.rng
    topic = rng.choice(prose.TOPICS)
    kind = rng.choice(
        [
            "thành lập Tổ công tác",
            "kiện toàn Ban Chỉ đạo",
            "phê duyệt Kế hoạch",
            "ban hành Quy chế phối hợp về",
            "thành lập Đoàn kiểm tra",
        ]
    )
    subject = f"Về việc {kind} {topic}" if rng.random() < 0.5 else f"{kind[0].upper()}{kind[1:]} {topic}"
    count = rng.randint(3, 6)
    members: list[Runs] = [[t(f"{k}. {rng.choice(['Ông', 'Bà'])} {kinh_name(rng, rng.random() < 0.6)} - {rng.choice(['Trưởng ban', 'Phó Trưởng ban', 'Ủy viên', 'Thành viên', 'Thư ký'])}{';' if k < count else '.'}")]
                           for k in range(1, count + 1)]  # fmt: skip
    first: list[Runs] = [[t(f"{kind[0].upper()}{kind[1:]} {topic} gồm các ông, bà có tên sau:")], *members]
    return Content(
        subject,
        [first, *[[[t(text)]] for text in prose.measures(rng, agency, case.today, topic, rng.randint(1, 3))]],
    )


CONTENTS: tuple[tuple[Callable[[Case, Agency], Content], int], ...] = (
    (_allowance, 4),
    (_land, 3),
    (_staff, 3),
    (_award, 3),
    (_body, 3),
)


def decision(case: Case) -> Doc:
    """An individual decision; sometimes over two pages."""
    rng = case.rng
    doc = case.doc("quyet_dinh")
    make = rng.choices([row for row, _ in CONTENTS], [weight for _, weight in CONTENTS])[0]
    agency = _agency(case, make)
    content = make(case, agency)
    symbol = f"QĐ-{agency.symbol}"
    heading(
        doc,
        agency,
        left=[number_runs(doc, paper_number(rng, 4800), symbol, case.pen)],
        right=[place_date(doc, agency, case.today, case.pen)],
    )
    title(doc, "QUYẾT ĐỊNH", content.subject, subject=True, rule=rng.random() < 0.75)
    doc.set("trich_yeu", content.subject, content.subject.removeprefix("Về việc ").capitalize())
    doc.skip(2)
    officer = agency.officer if rng.random() < 0.75 else agency.name.upper()
    doc.para([t(officer, "b")], align="center", after=6)
    look = "i" if case.today.year >= 2020 and rng.random() < 0.85 else rng.choice(["", "i"])
    for text in prose.grounds(rng, case.today, rng.randint(1, 3)):
        doc.para([t(text, look)])
    doc.para(
        [
            t(
                f"Theo đề nghị của {rng.choice(['Trưởng phòng Nội vụ', 'công chức chuyên môn', 'Chánh Văn phòng', 'Hội đồng xét duyệt', 'bộ phận Tổ chức - Hành chính'])}{rng.choice(['.', ';', ','])}",
                look,
            )
        ]
    )
    doc.skip(3)
    doc.para([t("QUYẾT ĐỊNH:", "b")], align="center", after=6)
    for index, paragraphs in enumerate(content.articles):
        lead = t(f"Điều {index + 1}{rng.choice(['.', '.', ':'])} ", "b")
        doc.para([lead, *paragraphs[0]])
        for runs in paragraphs[1:]:
            doc.para(runs)
        if content.table and index == content.table_after and not content.table_page:
            doc.table(content.table[0], content.table[1], size=12)
    last = len(content.articles) + 1
    doc.para(
        [
            t(f"Điều {last}. ", "b"),
            t(f"Quyết định này có hiệu lực kể từ ngày {rng.choice(['ký', 'ký ban hành'])}."),
        ]
    )
    doc.para([t(f"Điều {last + 1}. ", "b"), t(f"{rng.choice(['Chánh Văn phòng', 'Công chức Văn phòng - Thống kê', 'Bộ phận Kế toán'])}, các cơ quan, đơn vị liên quan và cá nhân có tên tại Điều 1 "
                                              f"chịu trách nhiệm thi hành Quyết định này./.")])  # fmt: skip
    for name, values in content.fields.items():
        doc.set(name, *values)
    how = signing(rng, agency, officer != agency.officer)
    sign(
        doc,
        agency,
        how,
        kinh_name(rng, rng.random() < 0.7),
        receivers=prose.receivers(rng, agency, f"- Như Điều {last + 1};"),
    )
    if content.table_page and content.table:
        number = doc.fields["so_ky_hieu"]
        doc.new_sheet()
        doc.para([t(content.table_page, "b")], align="center", after=1)
        doc.para(
            [
                t(
                    f"(Kèm theo Quyết định số {number} ngày {case.today.day:02d} tháng {case.today.month:02d} năm {case.today.year} của {agency.name})",
                    "i",
                )
            ],
            align="center",
            after=8,
        )
        doc.table(content.table[0], content.table[1])
    marks.spoil(doc, agency, case.today, True, rng)
    return doc


def _agency(case: Case, make: Callable[[Case, Agency], Content]) -> Agency:
    rng, place = case.rng, case.place
    if place.modern or make in (_allowance,) and rng.random() < 0.4:
        return commune_committee(rng, place) if rng.random() < 0.8 else province_committee(rng, place)
    choices = [commune_committee, district_committee, district_committee, province_committee]
    if make in (_staff, _award, _body):
        choices += [department, institution, institution]
    return rng.choice(choices)(rng, place)
