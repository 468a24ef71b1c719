"""`sohoa plan report`, `reports`, `again`, `sync`: reports made, fetched and made again; results handed to the Kho."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import typer

from cli.call import NEEDS_PERSON
from cli.plan import done, open_plan, told
from cli.terminal import clean, moment, print_json, say, table
from schemas.errors import WrongUse
from schemas.people import Right

_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")
_UNITS = typer.Option(None, "--unit", metavar="MÃ", help="Chỉ những cơ quan này. / Only these agencies.")
_SHOWN = 40


def report(
    context: typer.Context,
    quarter: str = typer.Option(None, "--quarter", metavar="QUÝ", help="Ví dụ 2022Q2. / For example 2022Q2."),
    period: str = typer.Option(
        None,
        "--period",
        metavar="KỲ",
        help="2022, 2022H1, 2022-9M, 2022-05, 2022-04-01..2022-06-30. / Any period.",
    ),
    unit: list[str] = _UNITS,
    to: Path = typer.Option(Path("."), "--to", metavar="THƯ MỤC", help="Ghi các tệp vào đây. / Folder."),
    form: list[str] = typer.Option(
        None, "--format", metavar="DẠNG", help="pdf, xlsx, html, csv; mặc định tất cả. / Formats."
    ),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    if not quarter and not period:
        raise WrongUse("cần --quarter 2022Q2 hoặc --period KỲ")
    from flows.chart_process import Charts

    # Before all that the rest loads: what draws charts loads for as long.
    with nullcontext() if form == ["csv"] else Charts() as charts, open_plan(context.obj, Right.REPORT, who) as plan:
        from flows.plan_figures import period_of
        from flows.report import FORMATS, make_report, write_files

        units = plan.offices.wanted(tuple(unit or ()), plan.allowed())
        made = make_report(
            plan, period_of(quarter or period), units=units, formats=form or tuple(FORMATS), charts=charts, told=told
        )
        paths = write_files(made, to)
    done()
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


def reports(
    context: typer.Context,
    get: str = typer.Option(None, "--get", metavar="MÃ", help="Lấy lại các tệp của báo cáo này. / Fetch its files again."),
    to: Path = typer.Option(Path("."), "--to", metavar="THƯ MỤC", help="Ghi các tệp vào đây. / Folder."),
    as_json: bool = _JSON,
) -> None:
    from storage.plan.reports import PlanReports

    with open_plan(context.obj, Right.REPORT, None) as plan:
        from flows.report import fetch, visible

        filed = PlanReports(plan.catalogue)
        rows = visible(plan, filed.list()) if get is None else [filed.get(get)]
        paths = fetch(plan, rows[0], to) if get is not None else []
    if as_json:
        facts = [
            {"id": r.id, "label": r.label, "first": r.first, "last": r.last, "units": r.units, "as_of": r.as_of.isoformat(), "by": r.made_by}
            for r in rows
        ]  # fmt: skip
        print_json({"reports": facts, "files": [str(path) for path in paths]})
    elif get is not None:
        for path in paths:
            say(f"  {path}")
    elif not rows:
        say("Chưa lập báo cáo nào.")
    else:
        table(
            ("Mã", "Kỳ", "Cơ quan", "Số liệu đến", "Người lập"),
            [
                (r.id[:8], r.label, ", ".join(r.units) or "tất cả", moment(r.as_of), clean(r.made_by))
                for r in rows
            ],
        )


def again(
    context: typer.Context,
    report_id: str = typer.Argument(..., metavar="MÃ", help="Mã báo cáo (sohoa plan reports). / Its id."),
) -> int:
    from flows.report import again as compute
    from storage.plan.reports import PlanReports

    with open_plan(context.obj, Right.REPORT, None) as plan:
        row = PlanReports(plan.catalogue).get(report_id)
        _, same = compute(plan, row)
    say(f"{row.label}, số liệu đến {moment(row.as_of)}: " + ("ra đúng như đã lập." if same else "KHÁC với lần đã lập."))
    return 0 if same else NEEDS_PERSON


def sync(context: typer.Context, unit: list[str] = _UNITS, who: str = _WHO, as_json: bool = _JSON) -> int:
    with open_plan(context.obj, Right.EXPORT, who) as plan:
        from flows.synchronise import synchronise

        units = plan.offices.wanted(tuple(unit or ()), plan.allowed(Right.EXPORT))
        found = synchronise(plan, units=units, told=told)
    done()
    if as_json:
        print_json(
            {"sent": found.sent, "left_out": found.left_out, "later": found.later, "simulated": found.simulated}
        )
    else:
        where = "kho mô phỏng (chưa cấu hình delivery.kho_url)" if found.simulated else "Kho"
        say(f"Đã gửi {len(found.sent)} kết quả vào {where}.")
        if found.left_out:
            table(("Mã giấy tờ", "Chưa gửi được vì"), list(found.left_out.items())[:_SHOWN], unbroken=("Mã giấy tờ",))
        if found.later:
            say(f"Kho không trả lời; còn {found.later} kết quả, chạy lại sau.")
    return NEEDS_PERSON if found.left_out or found.later else 0


def add_to(app: typer.Typer) -> None:
    app.command(
        help="Lập báo cáo và lưu vào kho. / Make a report and file it."
    )(report)
    app.command(
        help="Các báo cáo đã lập; lấy lại một báo cáo bằng --get. / Reports that were made; fetch one with --get."
    )(reports)
    app.command(
        help="Tính lại một báo cáo cũ và so với lần trước. / Compute an old report again and compare."
    )(again)
    app.command(
        help="Gửi kết quả đã số hoá vào Kho của chủ kết quả trên Cổng DVCQG. / Hand results to the Kho of their owners."
    )(sync)
