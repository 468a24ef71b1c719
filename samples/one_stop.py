"""Lists as one-stop systems export them, made to given figures: so many received, carried over, in time, late, open."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from samples.people import kinh_name

HEADINGS = (
    "STT", "Mã hồ sơ", "Mã TTHC", "Tên thủ tục", "Lĩnh vực", "Chủ hồ sơ", "Số CCCD", "Ngày tiếp nhận", "Ngày hẹn trả",
    "Ngày trả kết quả", "Trạng thái", "Hình thức nộp", "Cơ quan giải quyết",
)  # fmt: skip
PROCEDURES = (
    ("Đăng ký khai sinh", "Hộ tịch"), ("Đăng ký kết hôn", "Hộ tịch"), ("Đăng ký khai tử", "Hộ tịch"),
    ("Cấp giấy xác nhận tình trạng hôn nhân", "Hộ tịch"), ("Cấp bản sao trích lục hộ tịch", "Hộ tịch"),
    ("Chứng thực bản sao từ bản chính", "Chứng thực"), ("Chứng thực chữ ký", "Chứng thực"),
    ("Cấp giấy phép xây dựng nhà ở riêng lẻ", "Xây dựng"), ("Đăng ký thành lập hộ kinh doanh", "Đăng ký kinh doanh"),
    ("Trợ cấp xã hội hàng tháng", "Bảo trợ xã hội"), ("Xác nhận mức độ khuyết tật", "Bảo trợ xã hội"),
    ("Đăng ký biến động đất đai", "Đất đai"), ("Hoà giải tranh chấp đất đai", "Đất đai"), ("Liên thông khai sinh, thẻ BHYT", "Hộ tịch"),
)  # fmt: skip
"""Name and sector; further procedures are numbered variants."""


@dataclass(frozen=True)
class Shape:
    """Figures that a list of one office and period must give. new + carried = in_time + late + still open."""

    unit: str
    first: date
    last: date
    new: int
    carried: int = 0
    online: int = 0
    in_time: int = 0
    late: int = 0
    procedures: int = 20

    @property
    def open(self) -> int:
        return self.new + self.carried - self.in_time - self.late


def dossiers(shape: Shape, seed: int) -> Iterator[dict[str, str]]:
    """Rows of the list, in the order of reception; the same seed gives the same rows."""
    rng = random.Random(f"{seed} {shape}")
    days = (shape.last - shape.first).days
    received = sorted(shape.first + timedelta(days=int(days * rng.random() ** 1.1)) for _ in range(shape.new))
    received = [shape.first - timedelta(days=rng.randrange(2, 6)) for _ in range(shape.carried)] + received
    # The last received are those still open; who is late is drawn among the rest.
    ended = len(received) - shape.open
    late = set(rng.sample(range(ended), shape.late))
    online = set(rng.sample(range(shape.carried, len(received)), shape.online))
    serial: dict[date, int] = {}
    for at, day in enumerate(received):
        serial[day] = serial.get(day, 0) + 1
        number = at % shape.procedures if at < shape.procedures * 3 else rng.randrange(shape.procedures)
        name, sector = PROCEDURES[number % len(PROCEDURES)]
        if number >= len(PROCEDURES):
            name = f"{name} (trường hợp {number // len(PROCEDURES) + 1})"
        term = rng.choice((0, 1, 3, 5, 10))
        finished = None
        if at < ended:
            earliest = max(day, shape.first)
            finished = min(shape.last, earliest + timedelta(days=rng.randrange(0, max(1, term + 1))))
            due = max(finished, day + timedelta(days=term))
            if at in late:
                finished = min(shape.last, max(earliest, day + timedelta(days=1)))
                due = max(day, finished - timedelta(days=1))
        else:
            due = shape.last + timedelta(days=term)
        yield {
            "STT": str(at + 1),
            "Mã hồ sơ": f"{shape.unit}-{day:%y%m%d}-{serial[day]:04d}",
            "Mã TTHC": f"1.{number + 100:06d}",
            "Tên thủ tục": name,
            "Lĩnh vực": sector,
            "Chủ hồ sơ": kinh_name(rng, rng.random() < 0.5),
            "Số CCCD": f"{rng.randrange(10**11):012d}",
            "Ngày tiếp nhận": f"{day:%d/%m/%Y}",
            "Ngày hẹn trả": f"{due:%d/%m/%Y}",
            "Ngày trả kết quả": f"{finished:%d/%m/%Y}" if finished else "",
            "Trạng thái": "Đã giải quyết" if finished else "Đang giải quyết",
            "Hình thức nộp": "Trực tuyến" if at in online else "Trực tiếp",
            "Cơ quan giải quyết": shape.unit,
        }


def write_csv(rows: Iterator[dict[str, str]], path: Path, title: str = "") -> int:
    """UTF-8 with a mark, as spreadsheets save it; how many rows."""
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        if title:
            file.write(f"{title}\n")
        writer = csv.DictWriter(file, HEADINGS)
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


# --- results still in force ------------------------------------------------------------------------------------------
RESULT_HEADINGS = ("STT", "Loại kết quả", "Số, ký hiệu", "Ngày cấp", "Cơ quan ban hành", "Chủ hồ sơ", "Lĩnh vực")
_OWNERS = ("ho_ten", "vo_ho_ten", "chu_ho", "chu_dau_tu", "doi_tuong")
_SECTOR = {
    "giay_phep_xay_dung": "Xây dựng", "giay_chung_nhan_ho_kinh_doanh": "Đăng ký kinh doanh",
    "giay_chung_nhan_quyen_su_dung_dat": "Đất đai",
    **dict.fromkeys(("cong_van", "bao_cao", "thong_bao", "to_trinh", "nghi_quyet"), "Văn phòng"),
}  # fmt: skip


def results(truth: Path, missing: int, seed: int) -> list[dict[str, str]]:
    """The list of results in force that an office keeps: every paper of the sample stacks, and some never scanned."""
    rng = random.Random(seed)
    rows = []
    for path in sorted(truth.glob("*.json")):
        given = json.loads(path.read_text("utf-8"))
        for document in given.get("documents", [given]):
            fields = document["fields"]
            day = date.fromisoformat(fields["ngay_ban_hanh"])
            owner = next((fields[name] for name in _OWNERS if fields.get(name)), "")
            rows.append((document["type"], fields["so_ky_hieu"], day, fields["co_quan_ban_hanh"], owner))
    for _ in range(missing):
        kind = rng.choice(("giay_khai_sinh", "giay_chung_nhan_ket_hon", "quyet_dinh"))
        day = date(2016, 1, 4) + timedelta(days=rng.randrange(3_000))
        number = f"{rng.randrange(1, 300)}/{day.year}" if kind != "quyet_dinh" else f"{rng.randrange(1, 900)}/QĐ-UBND"
        rows.append((kind, number, day, "Ủy ban nhân dân xã Bình Thành", kinh_name(rng, rng.random() < 0.5)))
    rows.sort(key=lambda row: (row[0], row[2], row[1]))
    return [
        {
            "STT": str(at),
            "Loại kết quả": kind.replace("_", " "),
            "Số, ký hiệu": number,
            "Ngày cấp": f"{day:%d/%m/%Y}",
            "Cơ quan ban hành": issuer,
            "Chủ hồ sơ": owner,
            "Lĩnh vực": _SECTOR.get(kind, "Hộ tịch"),
        }
        for at, (kind, number, day, issuer, owner) in enumerate(rows, 1)
    ]


def make_lists(folder: Path) -> list[Path]:
    """The sample lists: the dossiers of a commune's quarter, and results in force with the papers of the sample stacks."""
    folder.mkdir(parents=True, exist_ok=True)
    quarter = folder / "ho-so-quy-2-2022.csv"
    shape = Shape("H26.12.5", date(2022, 4, 1), date(2022, 6, 30), new=494, carried=1, online=6, in_time=492, procedures=117)
    write_csv(dossiers(shape, 20220630), quarter, "DANH SÁCH HỒ SƠ TIẾP NHẬN, GIẢI QUYẾT QUÝ II/2022")
    in_force = folder / "ket-qua-con-hieu-luc.csv"
    with in_force.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, RESULT_HEADINGS)
        writer.writeheader()
        writer.writerows(results(folder.parent / "truth", 24, 7))
    return [quarter, in_force]
