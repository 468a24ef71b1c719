"""`sohoa plan`: the digitisation plan: lists in, what is missing, how far it is, reports."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict
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
    from schemas.plan_errors import ListRefused

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
def open_plan(call: Call, right: Right, who: str | None) -> Iterator[Plan]:
    from flows.plan import Plan
    from flows.review import open_desk

    actor = call.actor(right, who)
    settings = call.settings()
    with open_desk(settings) as desk:
        yield Plan(settings, desk.catalogue, desk.store, actor.who, actor)


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
    complete: bool = typer.Option(
        False,
        "--complete",
        help="Danh sách đủ mọi hồ sơ của cơ quan (và kỳ): dòng cũ không còn trong đó thì thôi tính. / Nothing is left out.",
    ),
    no_match: bool = typer.Option(False, "--no-match", help="Chưa đối chiếu với giấy tờ đã số hoá. / Do not match yet."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from schemas.plan import ListKind
    from schemas.plan_errors import ListRefused

    call: Call = context.obj
    with open_plan(call, Right.REPORT, who) as plan:
        from flows.plan_figures import period_of
        from flows.plan_match import match as match_list

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
                complete=complete,
                told=told,
            )
        except ListRefused as refused:
            _show_refused(refused, as_json)
            raise
        sure, doubtful = match_list(plan, ListKind(kind), told=told) if not no_match else (0, 0)
    done()
    if as_json:
        print_json(taken.model_dump(mode="json") | {"imported": True, "matched": sure, "doubtful": doubtful})
    elif not taken.rows:
        say(f"Tệp này đã nhập trước đây (danh sách {taken.id[:8]}); không nhập lại.")
    else:
        say(f"Đã nhập {taken.rows} dòng: {taken.added} mới, {taken.changed} có thay đổi, {taken.same} như cũ.")
        if taken.gone:
            say(f"{taken.gone} dòng cũ không còn trong danh sách: thôi tính.")
        if taken.unread:
            say(f"Cột không dùng đến: {', '.join(map(clean, taken.unread))}. Cần cột nào thì nhập lại với --column TÊN=TIÊU ĐỀ.")
        _show_findings(taken.findings, taken.findings_left_out)
    if not no_match and not as_json:
        say(f"Đối chiếu: {sure} dòng khớp chắc chắn, {doubtful} cặp cần người xem (sohoa plan doubts).")
    return NEEDS_PERSON if doubtful or taken.findings else 0


def _show_refused(refused: ListRefused, as_json: bool) -> None:
    done()
    if as_json:
        print_json(
            {"imported": False, "findings": [f.model_dump() for f in refused.findings], "findings_left_out": refused.left_out}
        )
    else:
        _show_findings(refused.findings, refused.left_out)


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


@app.command("lists", help="Các danh sách đã nhập. / Lists that were imported.")
def show_lists(context: typer.Context, as_json: bool = _JSON) -> None:
    from storage.plan.lists import PlanLists

    with open_plan(context.obj, Right.REPORT, None) as plan:
        rows = PlanLists(plan.catalogue).lists()
    if as_json:
        print_json({"lists": [asdict(row) | {"imported_at": row.imported_at.isoformat()} for row in rows]})
    elif not rows:
        say("Chưa nhập danh sách nào.")
    else:
        table(
            ("Mã", "Tệp", "Loại", "Số dòng", "Đang tính", "Nhập lúc", "Người nhập"),
            [
                (r.id[:8], clean(r.name), r.kind, r.rows, r.counting, moment(r.imported_at), clean(r.imported_by))
                for r in rows
            ],
            unbroken=("Mã",),
        )


@app.command(help="Rút một danh sách nhập nhầm. / Withdraw a list that was imported by mistake.")
def withdraw(
    context: typer.Context,
    list_id: str = typer.Argument(..., metavar="MÃ", help="Mã danh sách (sohoa plan lists). / Its id."),
    why: str = typer.Option("", "--why", metavar="LÝ DO", help="Vì sao. / Why."),
    who: str = _WHO,
) -> None:
    from storage.plan.lists import PlanLists

    if not why:
        raise WrongUse("cần --why LÝ DO")
    with open_plan(context.obj, Right.REPORT, who) as plan:
        gone, again = PlanLists(plan.catalogue).withdraw(list_id, plan.allowed(), who=plan.who, why=why)
    say(f"Đã rút: {gone} dòng thôi tính, {again} dòng cũ được tính lại. Báo cáo đã lập không đổi.")


@app.command(help="Đối chiếu danh sách với giấy tờ đã số hoá. / Match lists with records.")
def match(context: typer.Context, who: str = _WHO) -> int:
    from schemas.plan import ListKind

    with open_plan(context.obj, Right.REPORT, who) as plan:
        from flows.plan_match import match as match_list

        found = [match_list(plan, kind, told=told) for kind in ListKind]
    done()
    sure, doubtful = (sum(counts) for counts in zip(*found, strict=True))
    say(f"Khớp chắc chắn thêm {sure} dòng; {doubtful} cặp cần người xem (sohoa plan doubts).")
    return NEEDS_PERSON if doubtful else 0


@app.command(help="Những cặp chưa chắc, chờ người quyết định. / Doubtful matches that wait for a person.")
def doubts(context: typer.Context, as_json: bool = _JSON) -> int:
    from flows.people import looked

    call: Call = context.obj
    with open_plan(call, Right.REPORT, None) as plan:
        from flows.plan_match import doubts as waiting_pairs

        waiting = waiting_pairs(plan)
        looked(plan.catalogue, plan.actor, [d.match.document for d in waiting], "đối chiếu danh sách")
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
    with open_plan(call, Right.CHECK, who) as plan:
        from flows.plan_match import decide

        decide(plan, case, document, confirmed, why)


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
    with open_plan(call, Right.REPORT, None) as plan:
        from flows.people import downloaded, looked
        from flows.plan_missing import facts_of, write_missing

        scope = {"unit": unit or ""}
        if to is not None:
            downloaded(plan.catalogue, plan.actor, f"missing:{kind}", "danh sách còn thiếu", detail=scope)
            count = write_missing(plan, ListKind(kind), unit, to)
            say(f"Đã ghi {count} dòng còn thiếu vào {to}.")
            return NEEDS_PERSON if count else 0
        if as_json:  # the screen shows no names
            looked(plan.catalogue, plan.actor, f"missing:{kind}", "danh sách còn thiếu", detail=scope)
        found = [facts_of(plan, row) for row in plan.missing(ListKind(kind), unit)]
    if as_json:
        print_json({"total": len(found), "missing": found})
    elif not found:
        say("Không còn dòng nào thiếu.")
    else:
        # Owners are left out on the screen; the file for who scans has them.
        table(
            ("Dòng", "Cơ quan", "Loại", "Số, ký hiệu", "Ngày", "Mã hồ sơ"),
            [
                (f["case"], clean(f["unit_name"]), clean(f["kind_name"]), clean(f["number"]), f["issued"], clean(f["dossier_code"]))
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
    with open_plan(context.obj, Right.REPORT, who) as plan:
        from flows.plan_totals import enter_total

        enter_total(plan, count, kind=kind, sector=sector, unit=unit, year=year or _this_year())
    say("Đã nhập, chờ người khác duyệt: sohoa plan approve")


@app.command(help="Nhập tổng số từ tệp (CSV, XLSX, JSON). / Enter totals from a file.")
def totals(
    context: typer.Context,
    file: Path = typer.Argument(..., metavar="TỆP", help="Cột: cơ quan, lĩnh vực, loại, tổng số. / Columns: agency, sector, kind, total."),
    year: int = _YEAR,
    column: list[str] = typer.Option(
        None, "--column", metavar="TÊN=TIÊU ĐỀ", help="Cột nào chứa gì: unit, sector, kind, count. / Which column holds what."
    ),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> None:
    from schemas.plan_errors import ListRefused

    with open_plan(context.obj, Right.REPORT, who) as plan:
        from flows.plan_totals import import_totals

        try:
            taken = import_totals(plan, file, year=year or _this_year(), columns=_named(column or ()))
        except ListRefused as refused:
            _show_refused(refused, as_json)
            raise
    if as_json:
        print_json(taken.model_dump(mode="json") | {"imported": True})
    else:
        say(f"Đã nhập {taken.rows} tổng số, chờ người khác duyệt: sohoa plan approve")


@app.command(help="Duyệt các tổng số đang chờ. / Approve totals that wait.")
def approve(
    context: typer.Context,
    year: int = _YEAR,
    unit: str = _UNIT,
    look: bool = typer.Option(False, "--waiting", help="Chỉ xem những gì đang chờ duyệt. / Only show what waits."),
    who: str = _WHO,
) -> int:
    with open_plan(context.obj, Right.REPORT, who) as plan:
        from flows.plan_totals import approve as approve_totals
        from flows.plan_totals import waiting
        from flows.report_tables import shown

        totals = waiting(plan, year or _this_year(), unit)
        if totals:
            names = plan.offices.names
            table(
                ("Cơ quan", "Lĩnh vực", "Loại", "Tổng số", "Người nhập", "Lúc"),
                [
                    (
                        clean(names.get(x.unit, x.unit)), clean(x.sector), plan.kind_name(x.kind), shown(x.count, "count"),
                        clean(x.entered_by), moment(x.entered_at),
                    )
                    for x in totals
                ],
            )  # fmt: skip
        count = 0 if look else approve_totals(plan, year or _this_year(), unit)
    if look:
        say(f"{len(totals)} tổng số chờ duyệt." if totals else "Không có tổng số nào chờ duyệt.")
        return NEEDS_PERSON if totals else 0
    say(f"Đã duyệt {count} tổng số.")
    return 0


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
    with open_plan(context.obj, Right.REPORT, who) as plan:
        from flows.plan_totals import set_target

        wanted = set_target(
            plan, percent, source=source, year=year or _this_year(), unit=unit, level=level, sector=sector, kind=kind
        )
    say(f"Đã đặt chỉ tiêu {percent:g} % năm {wanted.year}.")


@app.command(help="Tiến độ kế hoạch. / How far the plan is.")
def status(context: typer.Context, unit: str = _UNIT, year: int = _YEAR, as_json: bool = _JSON) -> int:
    year = year or _this_year()
    with open_plan(context.obj, Right.REPORT, None) as plan:
        wanted = plan.offices.wanted((unit,) if unit else (), plan.allowed())
        lines = [line for line in plan.lines(year) if wanted is None or line.unit in wanted]
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
            clean(line.unit_name), clean(line.sector), clean(line.kind_name), shown(line.in_force, "count"), shown(line.wanted, "count"),
            line.digitised, shown(line.share, "percent"), line.signed, line.synchronised, line.reused, shown(line.missing, "count"),
        )
        for line in lines[:_SHOWN]
    ]  # fmt: skip
    table(
        ("Cơ quan", "Lĩnh vực", "Loại", "Còn hiệu lực", "Phải số hoá", "Đã số hoá", "%", "Đã ký", "Đồng bộ", "Dùng lại", "Còn thiếu"), rows
    )
    if len(lines) > _SHOWN:
        say(f"… và {len(lines) - _SHOWN} dòng nữa; xem hết với --json.")
    targets = {(line.target_percent, line.target_source) for line in lines if line.target_percent is not None}
    if targets:
        say("Chỉ tiêu: " + "; ".join(f"{shown(percent, 'decimal')} % ({clean(source or '')})" for percent, source in sorted(targets)) + ".")
    if any(line.in_force is None for line in lines):
        say("Ô trống: chưa có tổng số còn hiệu lực (sohoa plan total, sohoa plan import --kind results).")


def _this_year() -> int:
    return date.today().year


_STAGES = {
    "list": "Đọc danh sách", "records": "Nạp giấy tờ", "rows": "Đối chiếu", "lines": "Tính tiến độ", "dossiers": "Đếm hồ sơ",
    "indicators": "Tính chỉ số", "work": "Tính khối lượng", "pdf": "Ghi PDF", "xlsx": "Ghi XLSX", "html": "Ghi trang", "csv": "Ghi CSV",
    "sync": "Gửi vào Kho",
}  # fmt: skip


def told(stage: str, count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{_STAGES.get(stage, stage)}{f': {count}' if count else ''} …", end="", file=sys.stderr, flush=True)


def done() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
