"""Sentences of official papers: subjects, legal grounds, measures. Put together anew for every document."""

from __future__ import annotations

import random
from datetime import date

from samples.agencies import Agency
from samples.places import bare

TOPICS = (
    "phòng, chống dịch tả lợn châu Phi", "phòng cháy, chữa cháy rừng mùa hanh khô", "rà soát hộ nghèo, hộ cận nghèo",
    "chuyển đổi số và cải cách hành chính", "xây dựng nông thôn mới nâng cao", "bảo đảm trật tự, an toàn giao thông dịp Tết Nguyên đán",
    "tuyển chọn và gọi công dân nhập ngũ", "số hóa kết quả giải quyết thủ tục hành chính", "giải phóng mặt bằng dự án đường liên xã",
    "tiêm phòng vắc xin cho đàn gia súc, gia cầm", "thu quỹ phòng, chống thiên tai", "tổ chức Ngày hội Đại đoàn kết toàn dân tộc",
    "kiểm tra an toàn thực phẩm Tháng hành động", "đăng ký khai sinh lưu động tại các thôn, bản", "chi trả chế độ bảo trợ xã hội qua tài khoản",
    "quản lý vật liệu nổ, pháo và đồ chơi nguy hiểm", "tập huấn phần mềm hộ tịch điện tử", "phổ biến, giáo dục pháp luật",
    "bảo vệ nguồn nước sinh hoạt nông thôn", "thực hiện dân chủ ở cơ sở", "thống kê diện tích cây trồng vụ đông xuân",
    "duy tu, sửa chữa kênh mương nội đồng", "phòng, chống đuối nước cho trẻ em", "kiểm kê tài sản công", "chỉnh lý tài liệu lưu trữ tồn đọng",
    "khắc phục hậu quả mưa lũ", "cấp căn cước cho công dân từ đủ 06 tuổi", "thu gom, phân loại rác thải tại nguồn",
)  # fmt: skip

LAWS = (
    ("Luật Tổ chức Hội đồng nhân dân và Ủy ban nhân dân", ((1994, "ngày 21 tháng 6 năm 1994"), (2003, "ngày 26 tháng 11 năm 2003"))),
    ("Luật Tổ chức chính quyền địa phương", ((2015, "ngày 19 tháng 6 năm 2015"), (2025, "ngày 16 tháng 6 năm 2025"))),
    ("Luật Ngân sách nhà nước", ((2015, "ngày 25 tháng 6 năm 2015"),)), ("Luật Đất đai", ((2003, "ngày 26 tháng 11 năm 2003"), (2013, "ngày 29 tháng 11 năm 2013"), (2024, "ngày 18 tháng 01 năm 2024"))),
    ("Luật Hộ tịch", ((2014, "ngày 20 tháng 11 năm 2014"),)), ("Luật Cán bộ, công chức", ((2008, "ngày 13 tháng 11 năm 2008"),)),
    ("Luật Xây dựng", ((2003, "ngày 26 tháng 11 năm 2003"), (2014, "ngày 18 tháng 6 năm 2014"))), ("Luật Bảo vệ môi trường", ((2005, "ngày 29 tháng 11 năm 2005"), (2020, "ngày 17 tháng 11 năm 2020"))),
    ("Luật Thi đua, Khen thưởng", ((2003, "ngày 26 tháng 11 năm 2003"), (2022, "ngày 15 tháng 6 năm 2022"))), ("Luật Lưu trữ", ((2011, "ngày 11 tháng 11 năm 2011"), (2024, "ngày 21 tháng 6 năm 2024"))),
)  # fmt: skip
# number, in force after the end of this year, last year in force, date, subject
DECREES = (
    ("30/2020/NĐ-CP", 2020, 9999, "ngày 05 tháng 3 năm 2020", "về công tác văn thư"), ("61/2018/NĐ-CP", 2018, 2024, "ngày 23 tháng 4 năm 2018", "về thực hiện cơ chế một cửa, một cửa liên thông"),
    ("20/2021/NĐ-CP", 2021, 9999, "ngày 15 tháng 3 năm 2021", "quy định chính sách trợ giúp xã hội đối với đối tượng bảo trợ xã hội"),
    ("123/2015/NĐ-CP", 2015, 9999, "ngày 15 tháng 11 năm 2015", "quy định chi tiết một số điều và biện pháp thi hành Luật Hộ tịch"),
    ("43/2014/NĐ-CP", 2014, 2023, "ngày 15 tháng 5 năm 2014", "quy định chi tiết thi hành một số điều của Luật Đất đai"),
    ("118/2025/NĐ-CP", 2025, 9999, "ngày 09 tháng 6 năm 2025", "về thực hiện thủ tục hành chính theo cơ chế một cửa"),
    ("110/2004/NĐ-CP", 2004, 2019, "ngày 08 tháng 4 năm 2004", "về công tác văn thư"), ("63/2010/NĐ-CP", 2010, 9999, "ngày 08 tháng 6 năm 2010", "về kiểm soát thủ tục hành chính"),
)  # fmt: skip

MEASURES = (
    "Tiếp tục quán triệt, triển khai đầy đủ các văn bản chỉ đạo của cấp trên về {topic}; phân công rõ người, rõ việc, rõ thời gian hoàn thành.",
    "Tăng cường công tác tuyên truyền trên hệ thống truyền thanh, cổng thông tin điện tử và mạng xã hội để người dân hiểu, đồng thuận và tích cực tham gia.",
    "Bố trí kinh phí, phương tiện, vật tư theo phương châm “bốn tại chỗ”; thanh quyết toán đúng quy định hiện hành.",
    "Chủ trì, phối hợp với Công an, Quân sự và các đoàn thể kiểm tra, đôn đốc các {unit} thực hiện; kịp thời báo cáo những vấn đề vượt thẩm quyền.",
    "Rà soát, lập danh sách cụ thể theo từng {unit}, gửi về {agency} trước ngày {deadline} để tổng hợp.",
    "Xử lý nghiêm các tổ chức, cá nhân vi phạm; biểu dương, khen thưởng tập thể, cá nhân có thành tích xuất sắc trong công tác {topic}.",
    "Định kỳ trước ngày {day:02d} hằng tháng báo cáo kết quả thực hiện về {agency} (qua bộ phận Văn phòng) để theo dõi, chỉ đạo.",
    "Kết quả đạt được: đã tổ chức {n1} cuộc họp, {n2} lượt kiểm tra với {n3} người tham gia, đạt {percent}% kế hoạch được giao.",
    "Tổng kinh phí thực hiện là {money} đồng, trong đó ngân sách nhà nước hỗ trợ {percent}%, phần còn lại huy động từ nguồn xã hội hóa.",
    "Một số hạn chế, khó khăn: địa bàn rộng, dân cư phân tán; một bộ phận người dân chưa thực sự quan tâm đến công tác {topic}.",
    "Giao công chức chuyên môn tham mưu {agency} ban hành văn bản hướng dẫn, giải đáp vướng mắc phát sinh trong quá trình thực hiện.",
    "Đề nghị Ủy ban Mặt trận Tổ quốc và các tổ chức thành viên phối hợp vận động đoàn viên, hội viên gương mẫu chấp hành.",
)  # fmt: skip

OPENINGS = (
    "Thực hiện Kế hoạch số {n1}/KH-UBND ngày {past} của Ủy ban nhân dân {above} về {topic}",
    "Căn cứ Công văn số {n2}/UBND-VX ngày {past} của Ủy ban nhân dân {above} về việc tăng cường {topic}",
    "Tiếp theo Công văn số {n1}/UBND ngày {past} về {topic}",
    "Trước diễn biến phức tạp của tình hình thời tiết và yêu cầu thực tiễn tại địa phương về {topic}",
    "Qua kiểm tra thực tế tại cơ sở về công tác {topic}",
)  # fmt: skip


def fill(rng: random.Random, text: str, agency: Agency, today: date, topic: str) -> str:
    """A template with made facts put in."""
    above = agency.place.district or agency.place.province
    deadline = f"{rng.randint(5, 28):02d}/{today.month % 12 + 1:02d}/{today.year + (today.month == 12)}"
    past = f"{rng.randint(1, 28):02d}/{max(1, today.month - 1):02d}/{today.year}"
    return text.format(
        topic=topic, unit=rng.choice(["thôn", "tổ dân phố", "ấp", "khu dân cư"]), agency=agency.name, deadline=deadline, past=past,
        above=above, n1=rng.randint(2, 180), n2=rng.randint(100, 4000), n3=rng.randint(150, 2600), percent=rng.randint(38, 100),
        money=f"{rng.randint(12, 900) * 1_000_000:,}".replace(",", "."), day=rng.randint(5, 25),
    )  # fmt: skip


def measures(rng: random.Random, agency: Agency, today: date, topic: str, count: int) -> list[str]:
    """Different sentences about a topic."""
    return [fill(rng, text, agency, today, topic) for text in rng.sample(MEASURES, count)]


def opening(rng: random.Random, agency: Agency, today: date, topic: str) -> str:
    return fill(rng, rng.choice(OPENINGS), agency, today, topic)


def grounds(rng: random.Random, today: date, count: int) -> list[str]:
    """ "Căn cứ Luật ..." lines in force on the day, each ending with a semicolon."""
    out = []
    laws = [(name, forms) for name, forms in LAWS if forms[0][0] < today.year]
    if len(laws) > 1 and laws[1][0].endswith("địa phương"):
        laws.pop(0)
    for name, forms in laws[:1] + rng.sample(laws[1:], min(len(laws) - 1, count - 1)) if laws else []:
        when = [text for year, text in forms if year < today.year][-1]
        out.append(f"Căn cứ {name} {when};")
    decrees = [row for row in DECREES if row[1] < today.year <= row[2]]
    for number, _, _, when, about in rng.sample(decrees, min(len(decrees), max(1, count - 1))):
        out.append(f"Căn cứ Nghị định số {number} {when} của Chính phủ {about};")
    return out


def receivers(rng: random.Random, agency: Agency, first: str = "- Như trên;") -> list[str]:
    """The "Nơi nhận" list; its last line names the archive copy."""
    pool = [f"- TT Đảng ủy, HĐND {bare(agency.place.commune)};", "- CT, các PCT UBND;", "- Ủy ban MTTQ và các đoàn thể;", "- Các ban ngành liên quan;",
            "- Cổng Thông tin điện tử;", "- Trưởng các thôn, tổ dân phố;", "- Lãnh đạo cơ quan;", "- Công an, Quân sự;", f"- UBND {agency.place.province} (b/c);"]  # fmt: skip
    archive = rng.choice(["VT", "VT, VP", "VT, KT", "VT, TNMT", "VP", "VT, NC", "VT, Hg", "VT.03b", "HS, VT"])
    return [first, *rng.sample(pool, rng.randint(0, 4)), f"- Lưu: {archive}."]
