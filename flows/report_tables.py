"""What a report says, set out in tables once for all its renderings (page, PDF, XLSX, CSV)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from schemas.plan_report import CopyFigures, DossierFigures, Forecast, ReportFigures
from schemas.texts import field_name
from schemas.zone import VIETNAM

Picture = Callable[[str], bytes | None]
"""A chart by its name (flows/report_charts): PNG, None where there is nothing to draw."""
Cell = str | int | float | date | None
TEXT, COUNT, PERCENT, MONEY, DAY, DECIMAL = "text", "count", "percent", "money", "day", "decimal"

STAGES = {
    "digitised": "Số hoá",
    "checked": "Kiểm tra",
    "signed": "Ký số, lưu trữ",
    "certified": "Chứng thực, cấp bản sao",
    "matched": "Đối chiếu danh sách",
}
COPIES = {
    "sct_bs": "Chứng thực bản sao từ bản chính",
    "sy": "Sao y",
    "sl": "Sao lục",
    "trs": "Trích sao",
    "so_goc": "Bản sao từ sổ gốc",
}


@dataclass(frozen=True)
class Column:
    heading: str
    kind: str = COUNT
    sum: bool = False
    """The last row holds the sum: a formula in the spreadsheet."""
    width: float = 1.0
    """Relative to a column of counts."""


@dataclass(frozen=True)
class Section:
    """One table with its heading. `share`: columns (percent, part, whole) that are computed from others in each row."""

    name: str
    """ASCII, for file names and sheets."""
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    chart: str = ""
    """Chart that belongs to it (flows/report_charts)."""
    shares: tuple[tuple[int, int, int], ...] = ()
    extra: tuple[tuple[Cell, ...], ...] = field(default=())
    """Rows that are no parts of the sum (figures of whole levels), below it."""
    on_paper: int = 120
    """Rows that are printed; the spreadsheet has all."""


def title(figures: ReportFigures) -> str:
    return f"Báo cáo số hoá và giải quyết thủ tục hành chính – {figures.period.label}"


def spoken_of(figures: ReportFigures) -> str:
    """Which data the report speaks of; the same data give the same report later."""
    at = figures.as_of.astimezone(VIETNAM)
    return (
        f"{figures.office}. Kỳ từ {figures.period.first:%d/%m/%Y} đến {figures.period.last:%d/%m/%Y}. "
        f"Số liệu tính đến {at:%H:%M:%S ngày %d/%m/%Y}."
    )


def headline(figures: ReportFigures) -> list[tuple[str, str]]:
    """The few figures that a manager looks at first: (name, value)."""
    whole = [one for one in figures.dossiers if not one.unit]
    to_do, resolved = sum(x.to_do for x in whole), sum(x.resolved for x in whole)
    in_time, late = sum(x.resolved_in_time for x in whole), sum(x.resolved_late for x in whole)
    lines = [line for line in figures.plan if line.in_force]
    in_force, digitised = sum(x.in_force or 0 for x in lines), sum(x.digitised for x in lines)
    return [
        ("Hồ sơ phải giải quyết", number(to_do)),
        ("Đã giải quyết đúng hạn", f"{number(in_time)} ({percent(in_time, resolved)})"),
        ("Quá hạn", f"{number(late)} đã xong, {number(sum(x.in_progress_late for x in whole))} đang giải quyết"),
        ("Kết quả còn hiệu lực đã số hoá", f"{number(digitised)}/{number(in_force)} ({percent(digitised, in_force)})"),
        ("Giấy tờ đã số hoá", number(sum(x.digitised for x in figures.plan))),
        ("Lệ phí bản sao", f"{number(sum(x.fee for x in figures.copies))} đồng"),
    ]


def sections(figures: ReportFigures) -> list[Section]:
    """Every table that has something to say, in the order of the report."""
    every: Sequence[Callable[[ReportFigures], Section]] = (
        _plan, _dossiers, _compared, _sectors, _months, _indicators, _copies, _throughput, _corrections, _backlog, _forecast, _urgent,
    )  # fmt: skip
    return [section for make in every if (section := make(figures)).rows or section.extra]


def _plan(figures: ReportFigures) -> Section:
    rows = tuple(
        (
            line.unit_name, line.sector or "", line.kind_name, line.in_force, line.target_percent, line.wanted, line.digitised,
            line.share, line.signed, line.archived, line.synchronised, line.reused, line.missing,
        )
        for line in figures.plan
    )  # fmt: skip
    sources = sorted({line.target_source for line in figures.plan if line.target_source})
    return Section(
        "ke_hoach",
        f"Tiến độ kế hoạch số hoá kết quả còn hiệu lực năm {figures.plan_year}",
        (
            Column("Cơ quan", TEXT, width=2.4),
            Column("Lĩnh vực", TEXT, width=1.5),
            Column("Loại kết quả", TEXT, width=2.6),
            Column("Còn hiệu lực", sum=True),
            Column("Chỉ tiêu %", PERCENT),
            Column("Phải số hoá", sum=True),
            Column("Đã số hoá", sum=True),
            Column("Đạt %", PERCENT),
            Column("Đã ký số", sum=True),
            Column("Đã lưu trữ", sum=True),
            Column("Đã đồng bộ", sum=True),
            Column("Đã dùng lại", sum=True),
            Column("Còn thiếu", sum=True),
        ),
        rows,
        note="Chỉ tiêu: " + "; ".join(sources) + "." if sources else "",
        chart="plan",
        shares=((7, 6, 3),),
    )


_DOSSIER_COLUMNS = (
    Column("Tổng số", sum=True),
    Column("Kỳ trước chuyển", sum=True),
    Column("Mới tiếp nhận", sum=True),
    Column("Trực tuyến", sum=True),
    Column("Trực tiếp", sum=True),
    Column("Bưu chính", sum=True),
    Column("Giải quyết trước hạn", sum=True),
    Column("Đúng hạn", sum=True),
    Column("Quá hạn", sum=True),
    Column("Từ chối, rút", sum=True),
    Column("Đang giải quyết, trong hạn", sum=True),
    Column("Đang giải quyết, quá hạn", sum=True),
    Column("Sắp quá hạn", sum=True),
    Column("Số TTHC"),
)


def _counts(x: DossierFigures) -> tuple[int, ...]:
    return (
        x.to_do, x.carried, x.received, x.online, x.direct, x.post, x.resolved_early, x.resolved_on_day, x.resolved_late,
        x.refused + x.withdrawn, x.in_progress_in_time, x.in_progress_late, x.nearly_late, x.procedures,
    )  # fmt: skip


def _dossiers(figures: ReportFigures) -> Section:
    return Section(
        "ho_so",
        "Tiếp nhận và giải quyết hồ sơ",
        (Column("Cơ quan", TEXT, width=3.0), *_DOSSIER_COLUMNS),
        tuple((x.unit_name, *_counts(x)) for x in figures.dossiers if x.unit),
        extra=tuple((x.unit_name, *_counts(x)) for x in figures.dossiers if not x.unit),
        note="Thủ tục hành chính có ở nhiều cơ quan chỉ đếm một lần ở dòng của cấp.",
        chart="dossiers",
    )


def _compared(figures: ReportFigures) -> Section:
    now = {x.unit: x for x in figures.dossiers if x.unit}
    before = {x.unit: x for x in figures.dossiers_before}
    rows = []
    for unit in sorted({*now, *before}):
        here, there = now.get(unit), before.get(unit)
        name = (here or there).unit_name
        received, received_before = (x.received if x else 0 for x in (here, there))
        rows.append(
            (
                name, received, received_before, received - received_before, here.in_time_share if here else None,
                there.in_time_share if there else None,
            )
        )  # fmt: skip
    return Section(
        "so_sanh",
        f"So với cùng kỳ ({figures.before.first:%d/%m/%Y} – {figures.before.last:%d/%m/%Y})",
        (
            Column("Cơ quan", TEXT, width=3.0),
            Column("Tiếp nhận kỳ này", sum=True),
            Column("Tiếp nhận cùng kỳ", sum=True),
            Column("Tăng, giảm", sum=True),
            Column("Đúng hạn kỳ này %", PERCENT),
            Column("Đúng hạn cùng kỳ %", PERCENT),
        ),
        tuple(rows),
    )


def _sectors(figures: ReportFigures) -> Section:
    return Section(
        "linh_vuc",
        "Theo lĩnh vực",
        (Column("Lĩnh vực", TEXT, width=3.0), *_DOSSIER_COLUMNS),
        tuple((x.sector, *_counts(x)) for x in figures.sectors),
    )


def _months(figures: ReportFigures) -> Section:
    told = [x for x in figures.months if x.digitised or x.received or x.resolved_in_time or x.resolved_late]
    return Section(
        "theo_thang",
        "Theo tháng",
        (
            Column("Tháng", TEXT),
            Column("Giấy tờ số hoá", sum=True),
            Column("Hồ sơ tiếp nhận", sum=True),
            Column("Giải quyết đúng hạn", sum=True),
            Column("Giải quyết quá hạn", sum=True),
        ),
        tuple((f"{x.month[5:]}/{x.month[:4]}", x.digitised, x.received, x.resolved_in_time, x.resolved_late) for x in figures.months)
        if told
        else (),
        note=f"Giấy tờ số hoá trong kỳ: {number(sum(x.digitised for x in figures.months))}; cùng kỳ: {number(figures.digitised_before)}.",
        chart="months" if len(figures.months) > 1 else "",
    )  # fmt: skip


def _indicators(figures: ReportFigures) -> Section:
    return Section(
        "qd_766",
        "Chỉ số nhóm số hoá hồ sơ (QĐ 766/QĐ-TTg)",
        (
            Column("Mã", TEXT),
            Column("Chỉ số", TEXT, width=4.0),
            Column("Tử số", COUNT),
            Column("Là", TEXT, width=3.0),
            Column("Mẫu số", COUNT),
            Column("Là", TEXT, width=2.6),
            Column("Tỷ lệ %", PERCENT),
            Column("Cùng kỳ %", PERCENT),
            Column("Điểm tối đa", DECIMAL),
        ),
        tuple(
            (x.code, x.name, x.numerator, x.numerator_name, x.denominator, x.denominator_name, x.share, x.share_before, x.points)
            for x in figures.indicators
        ),
        note="Công thức của từng chỉ số chưa thấy trong văn bản tìm được nên là cấu hình [plan] indicators; số liệu gốc ghi kèm.",
        shares=((6, 2, 4),),
    )


def _copies(figures: ReportFigures) -> Section:
    before = {x.kind: x for x in figures.copies_before}

    def row(x: CopyFigures) -> tuple[Cell, ...]:
        earlier = before.get(x.kind)
        return (COPIES.get(x.kind, x.kind), x.entries, x.copies, x.pages, x.cancelled, x.failed, x.fee, earlier.copies if earlier else 0)

    return Section(
        "ban_sao",
        "Bản sao và lệ phí",
        (
            Column("Loại bản sao", TEXT, width=3.0),
            Column("Số đã cấp", sum=True),
            Column("Số bản", sum=True),
            Column("Số trang", sum=True),
            Column("Đã huỷ", sum=True),
            Column("Không thành", sum=True),
            Column("Lệ phí (đồng)", MONEY, sum=True, width=1.4),
            Column("Số bản cùng kỳ", sum=True),
        ),
        tuple(row(x) for x in figures.copies),
    )


def _throughput(figures: ReportFigures) -> Section:
    stages = [stage for stage in STAGES if any(x.stage == stage for x in figures.throughput)]
    people = sorted({x.who for x in figures.throughput})
    done = {(x.who, x.stage): x.count for x in figures.throughput}
    return Section(
        "nang_suat",
        "Khối lượng theo người và khâu",
        (Column("Người thực hiện", TEXT, width=2.4), *(Column(STAGES[stage], sum=True) for stage in stages)),
        tuple((who, *(done.get((who, stage), 0) for stage in stages)) for who in people),
    )


def _corrections(figures: ReportFigures) -> Section:
    return Section(
        "sua_chua",
        "Trường phải sửa nhiều nhất",
        (
            Column("Loại giấy tờ", TEXT, width=2.6),
            Column("Trường", TEXT, width=2.6),
            Column("Đã sửa", sum=True),
            Column("Trong đó viết tay", sum=True),
            Column("Giấy tờ cùng loại trong kỳ", COUNT),
            Column("Tỷ lệ sửa %", PERCENT),
        ),
        tuple(
            (
                x.kind_name or x.kind, field_name(x.field), x.corrected, x.handwritten, x.recorded,
                100 * x.corrected / x.recorded if x.recorded else None,
            )
            for x in figures.corrections
        ),
        shares=((5, 2, 4),),
    )  # fmt: skip


def _backlog(figures: ReportFigures) -> Section:
    rows = tuple((x.label, x.count) for x in figures.backlog)
    return Section(
        "ton_dong",
        "Giấy tờ chờ kiểm tra, theo tuổi",
        (Column("Đã chờ", TEXT, width=2.0), Column("Số giấy tờ", sum=True)),
        rows if any(x.count for x in figures.backlog) else (),
    )


def _forecast(figures: ReportFigures) -> Section:
    def row(x: Forecast) -> tuple[Cell, ...]:
        # Nothing tells on which day a target was met, so no day is shown, and a report made later must not call it late.
        met = x.done >= x.wanted
        late = "chưa đạt được với tốc độ này" if x.day is None else "chậm so với hạn" if x.day > x.due else "kịp hạn"
        day, said = (None, "đã đạt") if met else (x.day, late)
        return (x.unit_name, x.kind_name or "Tất cả các loại", x.wanted, x.done, round(x.pace, 2), day, x.due, said)

    return Section(
        "du_bao",
        "Dự báo ngày đạt chỉ tiêu",
        (
            Column("Cơ quan", TEXT, width=2.4),
            Column("Loại kết quả", TEXT, width=2.4),
            Column("Phải số hoá", sum=True),
            Column("Đã tính vào chỉ tiêu", sum=True),
            Column("Giấy tờ/ngày", DECIMAL),
            Column("Ngày đạt", DAY),
            Column("Hạn", DAY),
            Column("Nhận xét", TEXT, width=2.0),
        ),
        tuple(row(x) for x in figures.forecasts if x.kind),
        extra=tuple(row(x) for x in figures.forecasts if not x.kind),
        note=f"Tốc độ của {figures.forecasts[0].pace_days} ngày gần nhất." if figures.forecasts else "",
    )  # fmt: skip


def _urgent(figures: ReportFigures) -> Section:
    names = {x.unit: x.unit_name for x in figures.dossiers if x.unit}
    return Section(
        "can_lam_ngay",
        "Hồ sơ quá hạn hoặc sắp quá hạn",
        (
            Column("Mã hồ sơ", TEXT, width=2.6),
            Column("Cơ quan", TEXT, width=3.0),
            Column("Hạn trả", DAY),
            Column("Số ngày quá hạn"),
        ),
        tuple(
            (x.dossier_code, names.get(x.unit, x.unit), x.due, max(0, (figures.judged_on - x.due).days)) for x in figures.urgent
        ),
        note="Tối đa 200 hồ sơ gấp nhất." if len(figures.urgent) >= 200 else "",
        on_paper=30,
    )


# --- how values are shown --------------------------------------------------------------------------------------------
def shown(value: Cell, kind: str) -> str:
    """A value as it is printed, Vietnamese: 1.234,5; empty where it is not known."""
    if value is None:
        return ""
    if kind == PERCENT:
        return f"{value:,.1f}".replace(",", "\0").replace(".", ",").replace("\0", ".")
    if kind == DECIMAL:
        text = f"{value:,.2f}".rstrip("0").rstrip(".")
        return text.replace(",", "\0").replace(".", ",").replace("\0", ".")
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    return number(value) if isinstance(value, int) else str(value)


def number(value: int) -> str:
    return f"{value:,}".replace(",", ".")


def percent(part: int, whole: int) -> str:
    return f"{shown(100 * part / whole, PERCENT)} %" if whole else "–"


def sums(section: Section) -> tuple[Cell, ...] | None:
    """The row of sums; None where nothing is summed or one row says it all. Shares are made of the sums."""
    if len(section.rows) < 2 or not any(column.sum for column in section.columns):
        return None
    row: list[Cell] = [
        sum(cells[at] or 0 for cells in section.rows) if column.sum else None
        for at, column in enumerate(section.columns)
    ]
    row[0] = "Cộng"
    for share, part, whole in section.shares:
        if section.columns[part].sum and section.columns[whole].sum:
            # Only of rows whose whole is known: parts of an unknown whole would make the share too good.
            known = sum(cells[part] or 0 for cells in section.rows if cells[whole] is not None)
            row[share] = 100 * known / row[whole] if row[whole] else None
    return tuple(row)
