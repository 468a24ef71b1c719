"""`sohoa plan`: the digitisation plan: lists in, what is missing, how far it is, reports."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, moment, print_json, say, table
from schemas.errors import WrongUse
from schemas.people import Right

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.plan import Plan
    from schemas.plan import Finding, PlanLine

app = typer.Typer(
    no_args_is_help=True,
    help="Kế hoạch số hoá: danh sách, tiến độ, báo cáo. / The digitisation plan: lists, progress, reports.",
)
_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")
_YEAR = typer.Option(None, "--year", metavar="NĂM", help="Năm kế hoạch; mặc định năm nay. / Year of the plan.")
_UNIT = typer.Option(None, "--unit", metavar="MÃ", help="Mã cơ quan. / Code of the agency.")
_KINDS = ("results", "dossiers")
_SHOWN = 40


@contextmanager
def _plan(call: Call, right: Right, who: str | None) -> Iterator[Plan]:
    from flows.plan import Plan
    from flows.review import open_desk

    actor = call.actor(right, who)
    settings = call.settings()
    with open_desk(settings) as desk:
        yield Plan(settings, desk.catalogue, desk.store, actor.who)


@app.command("import", help="Nhập danh sách từ hệ thống một cửa (CSV, XLSX, JSON). / Import a list.")
def import_list(
    context: typer.Context,
    file: Path = typer.Argument(..., metavar="TỆP", help="Danh sách. / The list."),
    kind: str = typer.Option(
        "dossiers",
        "--kind",
        metavar="LOẠI",
        help="dossiers: hồ sơ trong kỳ; results: kết quả còn hiệu lực. / What the rows are.",
    ),
    column: list[str] = typer.Option(
        None,
        "--column",
        metavar="TÊN=TIÊU ĐỀ",
        help="Cột nào chứa gì; nhớ cho lần sau. / Which column holds what; remembered.",
    ),
    unit: str = _UNIT,
    period: str = typer.Option(None, "--period", metavar="KỲ", help="Kỳ của danh sách, ví dụ 2022Q2. / Its period."),
    old_encodings: bool = typer.Option(
        False, "--old-encodings", help="Đổi ô viết bằng TCVN3, VNI sang Unicode. / Convert old encodings."
    ),
    no_match: bool = typer.Option(False, "--no-match", help="Chưa đối chiếu với giấy tờ đã số hoá. / Do not match yet."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from schemas.plan import ListKind
    from schemas.plan_errors import ListRefused

    call: Call = context.obj
    with _plan(call, Right.REPORT, who) as plan:
        from flows.plan_figures import period_of

        if kind not in _KINDS:
            raise WrongUse(f"--kind {kind}: {', '.join(_KINDS)}")
        try:
            taken = plan.import_list(
                file,
                ListKind(kind),
                columns=_named(column or ()),
                unit=unit,
                period=period_of(period) if period else None,
                old_encodings=old_encodings,
                told=_told,
            )
        except ListRefused as refused:
            _done()
            if as_json:
                print_json({"imported": False, "findings": [f.model_dump() for f in refused.findings]})
            else:
                _show_findings(refused.findings, refused.left_out)
            raise
        sure, doubtful = plan.match(ListKind(kind), told=_told) if not no_match else (0, 0)
    _done()
    if as_json:
        print_json(taken.model_dump(mode="json") | {"imported": True, "matched": sure, "doubtful": doubtful})
    elif not taken.rows:
        say(f"Tệp này đã nhập trước đây (danh sách {taken.id[:8]}); không nhập lại.")
    else:
        say(f"Đã nhập {taken.rows} dòng: {taken.added} mới, {taken.changed} có thay đổi, {taken.same} như cũ.")
        _show_findings(taken.findings, taken.findings_left_out)
    if not no_match and not as_json:
        say(f"Đối chiếu: {sure} dòng khớp chắc chắn, {doubtful} cần người xem (sohoa plan doubts).")
    return NEEDS_PERSON if doubtful or taken.findings else 0


def _named(columns: Sequence[str]) -> dict[str, str]:
    named = {}
    for text in columns:
        thing, is_given, heading = text.partition("=")
        if not is_given:
            raise WrongUse(f"--column {text}: TÊN=TIÊU ĐỀ")
        named[thing.strip()] = heading.strip()
    return named


def _show_findings(findings: Sequence[Finding], left_out: int) -> None:
    from schemas.plan import Severity

    if not findings:
        return
    rows = [
        ("LỖI" if f.severity is Severity.ERROR else "lưu ý", f.row or "", clean(f.column or ""), clean(f.value)[:30], f.vi)
        for f in findings[:_SHOWN]
    ]
    table(("", "Dòng", "Cột", "Giá trị", "Vì sao"), rows)
    more = len(findings) - len(rows) + left_out
    if more:
        say(f"… và {more} chỗ nữa; xem hết với --json.")


@app.command(help="Đối chiếu danh sách với giấy tờ đã số hoá. / Match lists with records.")
def match(context: typer.Context, who: str = _WHO) -> int:
    from schemas.plan import ListKind

    with _plan(context.obj, Right.REPORT, who) as plan:
        found = [plan.match(kind, told=_told) for kind in ListKind]
    _done()
    sure, doubtful = (sum(counts) for counts in zip(*found, strict=True))
    say(f"Khớp chắc chắn thêm {sure} dòng; {doubtful} dòng cần người xem (sohoa plan doubts).")
    return NEEDS_PERSON if doubtful else 0


@app.command(help="Những cặp chưa chắc, chờ người quyết định. / Doubtful matches that wait for a person.")
def doubts(context: typer.Context, as_json: bool = _JSON) -> int:
    from flows.people import looked

    call: Call = context.obj
    with _plan(call, Right.REPORT, None) as plan:
        waiting = plan.doubts()
        looked(plan.catalogue, call.actor(Right.REPORT), [d.match.document for d in waiting], "đối chiếu danh sách")
    if as_json:
        print_json({"total": len(waiting), "doubts": [d.facts() for d in waiting]})
    elif not waiting:
        say("Không có cặp nào chờ quyết định.")
    else:
        rows = [
            (d.match.case, clean(d.row_said), d.match.document, clean(d.record_said), f"{d.match.score:.0f}", d.reasons)
            for d in waiting[:_SHOWN]
        ]
        table(("Dòng", "Danh sách ghi", "Mã giấy tờ", "Giấy tờ ghi", "Điểm", "So sánh"), rows, unbroken=("Mã giấy tờ",))
        say(f"Xác nhận: sohoa plan confirm {rows[0][0]} {rows[0][2]}; không phải: sohoa plan reject {rows[0][0]} {rows[0][2]}")
    return NEEDS_PERSON if waiting else 0


_CASE = typer.Argument(..., metavar="DÒNG", help="Số của dòng (sohoa plan doubts). / Number of the row.")
_DOCUMENT = typer.Argument(..., metavar="MÃ", help="Mã giấy tờ. / Id of the record.")
_WHY = typer.Option("", "--why", metavar="LÝ DO", help="Vì sao. / Why.")


@app.command(help="Đúng là giấy tờ của dòng này. / It is the paper of this row.")
def confirm(
    context: typer.Context, case: int = _CASE, document: str = _DOCUMENT, why: str = _WHY, who: str = _WHO
) -> None:
    _decide(context.obj, case, document, True, why, who)
    say("Đã ghi: đúng là giấy tờ của dòng này.")


@app.command(help="Không phải giấy tờ của dòng này. / It is not the paper of this row.")
def reject(
    context: typer.Context, case: int = _CASE, document: str = _DOCUMENT, why: str = _WHY, who: str = _WHO
) -> None:
    _decide(context.obj, case, document, False, why, who)
    say("Đã ghi: không phải giấy tờ của dòng này.")


def _decide(call: Call, case: int, document: str, confirmed: bool, why: str, who: str | None) -> None:
    from storage.plan.matches import PlanMatches

    with _plan(call, Right.CHECK, who) as plan:
        PlanMatches(plan.catalogue).decide(case, document, confirmed, who=plan.who, why=why)


@app.command(help="Dòng nào của danh sách chưa có giấy tờ số hoá. / What is still missing.")
def missing(
    context: typer.Context,
    kind: str = typer.Option("results", "--kind", metavar="LOẠI", help="results hoặc dossiers. / Which lists."),
    unit: str = _UNIT,
    to: Path = typer.Option(None, "--to", metavar="TỆP", help="Ghi ra CSV để quét theo. / Write a CSV to scan from."),
    as_json: bool = _JSON,
) -> int:
    from schemas.plan import ListKind

    if kind not in _KINDS:
        raise WrongUse(f"--kind {kind}: {', '.join(_KINDS)}")
    call: Call = context.obj
    with _plan(call, Right.REPORT, None) as plan:
        from flows.people import downloaded
        from flows.plan_missing import facts_of, write_missing

        if to is not None:
            downloaded(plan.catalogue, call.actor(Right.REPORT), f"missing:{kind}", "danh sách còn thiếu")
            count = write_missing(plan, ListKind(kind), unit, to)
            say(f"Đã ghi {count} dòng còn thiếu vào {to}.")
            return NEEDS_PERSON if count else 0
        rows = list(plan.missing(ListKind(kind), unit))
        found = [facts_of(row) for row in rows]
    if as_json:
        print_json({"total": len(found), "missing": found})
    elif not found:
        say("Không còn dòng nào thiếu.")
    else:
        # Owners are left out on the screen; the file for who scans has them.
        table(
            ("Dòng", "Cơ quan", "Loại", "Số, ký hiệu", "Ngày", "Mã hồ sơ"),
            [
                (f["case"], clean(f["unit"]), clean(f["kind"]), clean(f["number"]), f["issued"], clean(f["dossier_code"]))
                for f in found[:_SHOWN]
            ],
        )
        say(f"Còn thiếu {len(found)} dòng" + (f"; {len(found) - _SHOWN} dòng nữa với --to TỆP." if len(found) > _SHOWN else "."))
    return NEEDS_PERSON if found else 0


@app.command(help="Nhập tổng số kết quả còn hiệu lực. / Enter how many results are in force.")
def total(
    context: typer.Context,
    count: int = typer.Argument(..., metavar="SỐ", help="Tổng số. / How many."),
    kind: str = typer.Option(..., "--kind", metavar="LOẠI", help="Loại giấy tờ. / Kind of paper."),
    sector: str = typer.Option("", "--sector", metavar="LĨNH VỰC", help="Lĩnh vực. / Sector."),
    unit: str = _UNIT,
    year: int = _YEAR,
    who: str = _WHO,
) -> None:
    with _plan(context.obj, Right.REPORT, who) as plan:
        plan.enter_total(count, kind=kind, sector=sector, unit=unit, year=year or _this_year())
    say("Đã nhập, chờ người khác duyệt: sohoa plan approve")


@app.command(help="Duyệt các tổng số đang chờ. / Approve totals that wait.")
def approve(context: typer.Context, year: int = _YEAR, unit: str = _UNIT, who: str = _WHO) -> None:
    from storage.plan.progress import PlanTotals

    with _plan(context.obj, Right.REPORT, who) as plan:
        count = PlanTotals(plan.catalogue).approve(year or _this_year(), unit, who=plan.who)
    say(f"Đã duyệt {count} tổng số.")


@app.command(help="Đặt chỉ tiêu, kèm nguồn. / Set a target, with its source.")
def target(
    context: typer.Context,
    percent: float = typer.Argument(..., metavar="%", help="Tỷ lệ phải đạt. / Percent."),
    source: str = typer.Option(..., "--source", metavar="NGUỒN", help="Văn bản giao chỉ tiêu. / Where it is written."),
    unit: str = _UNIT,
    level: str = typer.Option(
        None, "--level", metavar="CẤP", help="central, province, district, commune. / Level."
    ),
    sector: str = typer.Option(None, "--sector", metavar="LĨNH VỰC", help="Lĩnh vực. / Sector."),
    kind: str = typer.Option(None, "--kind", metavar="LOẠI", help="Loại giấy tờ. / Kind of paper."),
    year: int = _YEAR,
    who: str = _WHO,
) -> None:
    from pydantic import ValidationError

    from schemas.plan import Target
    from storage.plan.progress import PlanTotals

    try:
        wanted = Target(
            year=year or _this_year(), level=level, unit=unit, sector=sector, kind=kind, percent=percent, source=source
        )
    except ValidationError as error:
        raise WrongUse("; ".join(f"{e['loc'][0]}: {e['input']}" for e in error.errors())) from None
    with _plan(context.obj, Right.REPORT, who) as plan:
        PlanTotals(plan.catalogue).set_target(wanted, who=plan.who)
    say(f"Đã đặt chỉ tiêu {percent:g} % năm {wanted.year}.")


@app.command(help="Tiến độ kế hoạch. / How far the plan is.")
def status(context: typer.Context, year: int = _YEAR, as_json: bool = _JSON) -> int:
    year = year or _this_year()
    with _plan(context.obj, Right.REPORT, None) as plan:
        lines = plan.lines(year)
    if as_json:
        print_json({"year": year, "lines": [line.model_dump(mode="json") | {"share": line.share} for line in lines]})
    elif not lines:
        say("Chưa có gì để tính: chưa nhập tổng số, danh sách, cũng chưa số hoá giấy tờ nào.")
    else:
        _show_lines(lines)
    return NEEDS_PERSON if any(line.missing for line in lines) else 0


def _show_lines(lines: Sequence[PlanLine]) -> None:
    from flows.report_tables import shown

    rows = [
        (
            clean(line.unit_name), clean(line.kind_name), shown(line.in_force, "count"), shown(line.wanted, "count"),
            line.digitised, shown(line.share, "percent"), line.signed, line.archived, line.reused, shown(line.missing, "count"),
        )
        for line in lines[:_SHOWN]
    ]  # fmt: skip
    table(
        ("Cơ quan", "Loại", "Còn hiệu lực", "Phải số hoá", "Đã số hoá", "%", "Đã ký", "Đã lưu", "Dùng lại", "Còn thiếu"), rows
    )
    if len(lines) > _SHOWN:
        say(f"… và {len(lines) - _SHOWN} dòng nữa; xem hết với --json.")
    if any(line.in_force is None for line in lines):
        say("Ô trống: chưa có tổng số còn hiệu lực (sohoa plan total, sohoa plan import --kind results).")


@app.command(help="Lập báo cáo và lưu vào kho. / Make a report and file it.")
def report(
    context: typer.Context,
    quarter: str = typer.Option(None, "--quarter", metavar="QUÝ", help="Ví dụ 2022Q2. / For example 2022Q2."),
    period: str = typer.Option(
        None,
        "--period",
        metavar="KỲ",
        help="2022, 2022H1, 2022-9M, 2022-05, 2022-04-01..2022-06-30. / Any period.",
    ),
    unit: list[str] = typer.Option(None, "--unit", metavar="MÃ", help="Chỉ những cơ quan này. / Only these agencies."),
    to: Path = typer.Option(Path("."), "--to", metavar="THƯ MỤC", help="Ghi các tệp vào đây. / Folder."),
    form: list[str] = typer.Option(
        None, "--format", metavar="DẠNG", help="pdf, xlsx, html, csv; mặc định tất cả. / Formats."
    ),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    if not quarter and not period:
        raise WrongUse("cần --quarter 2022Q2 hoặc --period KỲ")
    with _plan(context.obj, Right.REPORT, who) as plan:
        from flows.plan_figures import period_of
        from flows.plan_report import FORMATS, make_report, write_files

        made = make_report(
            plan, period_of(quarter or period), units=unit or None, formats=form or tuple(FORMATS), told=_told
        )
        paths = write_files(made, to)
    _done()
    if as_json:
        print_json({"id": made.row.id, "figures": made.figures.model_dump(mode="json"), "files": [str(p) for p in paths]})
    else:
        from flows.report_tables import headline, title

        say(title(made.figures))
        for name, value in headline(made.figures):
            say(f"  {name}: {value}")
        for path in paths:
            say(f"  {path}")
        for note in made.figures.notes:
            say(f"  Lưu ý: {clean(note)}")
    return NEEDS_PERSON if made.figures.urgent else 0


@app.command(help="Các báo cáo đã lập. / Reports that were made.")
def reports(context: typer.Context, as_json: bool = _JSON) -> None:
    from storage.plan.reports import PlanReports

    with _plan(context.obj, Right.REPORT, None) as plan:
        rows = PlanReports(plan.catalogue).list()
    if as_json:
        print_json({"reports": [{"id": r.id, "label": r.label, "as_of": r.as_of.isoformat(), "by": r.made_by} for r in rows]})
    elif not rows:
        say("Chưa lập báo cáo nào.")
    else:
        table(("Mã", "Kỳ", "Số liệu đến", "Người lập"), [(r.id[:8], r.label, moment(r.as_of), clean(r.made_by)) for r in rows])


@app.command(help="Tính lại một báo cáo cũ và so với lần trước. / Compute an old report again and compare.")
def again(
    context: typer.Context,
    report_id: str = typer.Argument(..., metavar="MÃ", help="Mã báo cáo (sohoa plan reports). / Its id."),
) -> int:
    from flows.plan_report import again as compute
    from storage.plan.reports import PlanReports

    with _plan(context.obj, Right.REPORT, None) as plan:
        row = PlanReports(plan.catalogue).get(report_id)
        _, same = compute(plan, row)
    say(f"{row.label}, số liệu đến {moment(row.as_of)}: " + ("ra đúng như đã lập." if same else "KHÁC với lần đã lập."))
    return 0 if same else NEEDS_PERSON


def _this_year() -> int:
    return date.today().year


_STAGES = {
    "list": "Đọc danh sách", "records": "Nạp giấy tờ", "rows": "Đối chiếu", "lines": "Tính tiến độ", "dossiers": "Đếm hồ sơ",
    "indicators": "Tính chỉ số", "work": "Tính khối lượng", "pdf": "Ghi PDF", "xlsx": "Ghi XLSX", "html": "Ghi trang", "csv": "Ghi CSV",
}  # fmt: skip


def _told(stage: str, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{_STAGES.get(stage, stage)}{f': {count}' if count else ''} …", end="", file=sys.stderr, flush=True)


def _done() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
