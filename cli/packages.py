"""`sohoa package`: archive packages (TT 05/2025/TT-BNV) made, checked, taken in."""

from __future__ import annotations

from pathlib import Path

import typer

from cli.call import NEEDS_PERSON, Call
from cli.terminal import clean, place, print_json, say

app = typer.Typer(
    no_args_is_help=True, help="Gói lưu trữ AIP, SIP, DIP, BagIt. / Archive packages (METS, EAD, PREMIS)."
)
_WHO = typer.Option(None, "--user", metavar="TÊN", help="Người thực hiện. / Who does it.")
_JSON = typer.Option(False, "--json", help="In ra một tài liệu JSON. / One JSON document.")
_PATH = typer.Argument(..., metavar="GÓI", help="Thư mục hoặc tệp .zip. / Folder or .zip.")


@app.command("make", help="Đóng gói hồ sơ. / Make a package of records.")
def make(
    context: typer.Context,
    documents: list[str] = typer.Argument(None, metavar="[MÃ…]", help="Hồ sơ. / Records."),
    dossier: str = typer.Option(None, "--dossier", metavar="MÃ_HS", help="Mọi hồ sơ của mã này. / All of a dossier."),
    kind: str = typer.Option("aip", "--kind", metavar="LOẠI", help="aip, sip, dip, bagit."),
    to: Path = typer.Option(Path("goi"), "--to", metavar="THƯ_MỤC", help="Nơi ghi. / Where."),
    zipped: bool = typer.Option(False, "--zip", help="Một tệp .zip. / As one .zip."),
    who: str = _WHO,
    as_json: bool = _JSON,
) -> int:
    from flows.fixity import open_keeping
    from flows.packages import make as pack
    from flows.packages import of_dossier
    from schemas.errors import WrongUse
    from schemas.packages import PackageKind
    from schemas.people import Right

    call: Call = context.obj
    if kind not in list(PackageKind):
        raise WrongUse(f"--kind {kind}: {', '.join(PackageKind)}")
    rights = (Right.PRESERVE, Right.EXPORT) if kind == PackageKind.DIP else Right.PRESERVE
    settings, actor = call.settings(), call.actor(rights, who)
    with open_keeping(settings) as archive:
        chosen = [*(documents or ()), *(of_dossier(archive, dossier) if dossier else ())]
        made = pack(archive, settings, chosen, PackageKind(kind), to, zipped=zipped, who=actor.who)
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        say(f"{place(made.path)}: {len(made.records)} hồ sơ, {made.files} tệp.")
        say(f"Mã gói {made.id}, SHA-256 {made.sha256}")
    return 0


@app.command("check", help="Kiểm tra gói: đủ tệp, đúng mã băm, XML hợp lệ. / Is a package whole and valid?")
def check(context: typer.Context, path: Path = _PATH, as_json: bool = _JSON) -> int:
    from flows.packages import check as look

    found = look(path)
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif found.problems:
        say(f"{place(path)}: KHÔNG hợp lệ, {len(found.problems)} vấn đề.")
        for problem in found.problems[:20]:
            say(f"✗ {clean(problem)}")
    else:
        say(f"{place(path)}: hợp lệ; {found.kind}, {found.files} tệp, {len(found.records)} hồ sơ.")
    return NEEDS_PERSON if found.problems else 0


@app.command("import", help="Nhập hồ sơ từ gói vào hệ thống này. / Take the records of a package in.")
def take_in(context: typer.Context, path: Path = _PATH, who: str = _WHO, as_json: bool = _JSON) -> int:
    from flows.fixity import open_keeping
    from flows.packages import import_package
    from schemas.people import Right

    call: Call = context.obj
    settings, actor = call.settings(), call.actor(Right.PRESERVE, who)
    with open_keeping(settings) as archive:
        taken = import_package(archive, path, who=actor.who)
    if as_json:
        print_json(taken.model_dump(mode="json"))
    else:
        say(f"Đã nhập {len(taken.records)} hồ sơ; đã có sẵn {len(taken.already_here)}.")
    return 0
