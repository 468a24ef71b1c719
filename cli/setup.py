"""`sohoa init` and `sohoa doctor`."""

from __future__ import annotations

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, coloured, print_json, say, where

COULD_NOT_RUN = 3
_MARKS = {"ok": ("✓", "32"), "warning": ("!", "33"), "failed": ("✗", "31")}


def add_to(app: typer.Typer) -> None:
    app.command(help="Tạo thư mục dữ liệu. / Make the data folder.")(init)
    app.command(help="Kiểm tra máy này đã đủ điều kiện chưa. / Check that everything needed is there.")(
        doctor
    )


def init(context: typer.Context) -> None:
    from cli.home import SETTINGS_FILE, make_home
    from cli.users import show_code
    from flows.people import open_people

    call: Call = context.obj
    settings, made = make_home(call.home)
    if not (call.home / "demo-pki").exists():
        from flows.sign_desk import make_demo_keys

        if keys := make_demo_keys(settings):
            made.append(keys)
    for path in made:
        say(f"Đã tạo: {clean(path)}")
    say(
        "Thư mục dữ liệu đã sẵn sàng."
        if made
        else f"Thư mục dữ liệu đã có sẵn, không thay đổi gì: {clean(call.home)}"
    )
    say(f"Cấu hình: {clean(call.home / SETTINGS_FILE)}")
    with open_people(settings) as people:
        if not people.first_code.issued() and people.users.count() == 0:
            show_code(people.first_code.issue(), settings.people.first_code_hours)
    say(f"Tiếp theo: sohoa digitise ĐƯỜNG_DẪN{where(call.home)}")


def doctor(
    context: typer.Context, as_json: bool = typer.Option(False, "--json", help="In ra JSON. / JSON.")
) -> int:
    from dataclasses import asdict

    from flows.doctor import Result, examine

    settings = context.obj.settings()
    findings = []
    for finding in examine(settings):
        findings.append(finding)
        if not as_json:
            _show(finding)
    worst = {finding.result for finding in findings}
    if as_json:
        print_json({"ok": Result.FAILED not in worst, "checks": [asdict(finding) for finding in findings]})
    elif Result.FAILED in worst:
        say("Chưa dùng được: hãy sửa các mục có dấu ✗.")
    elif Result.WARNING in worst:
        say("Dùng được; nên xem các mục có dấu !.")
    else:
        say("Mọi thứ đều ổn.")
    return COULD_NOT_RUN if Result.FAILED in worst else NEEDS_PERSON if Result.WARNING in worst else 0


def _show(finding) -> None:
    mark, colour = _MARKS[finding.result]
    say(f"{coloured(mark, colour)} {finding.title}: {clean(finding.found)}")
    if finding.advice:
        say(f"    {finding.advice}")
    if finding.command:
        say(f"    Gõ lệnh: {clean(finding.command)}")
