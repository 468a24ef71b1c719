"""Entry of `sohoa`: global options wherever they stand, one place for errors, exit codes, the log."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import typer

from cli import (
    agent,
    api,
    archive,
    audit,
    backup,
    batch,
    copies,
    copies_register,
    digitise,
    find,
    packages,
    plan,
    plan_reports,
    preserve,
    quarantine,
    records,
    reuse,
    review,
    setup,
    sign,
    users,
    validity,
    verify,
)
from cli.call import Call
from cli.terminal import clean, prepare_streams, say, show_error
from schemas.errors import ChangedMeanwhile, Fault, SohoaError, SystemFault, WrongUse
from schemas.people_errors import NotAllowed
from schemas.zone import VIETNAM

GLOBAL_VALUES = ("--home", "--lang")
GLOBAL_FLAGS = ("--debug",)
DONE, WRONG_USE, COULD_NOT_RUN, INTERRUPTED = 0, 2, 3, 130
_EPILOG = (
    "--home, --lang, --debug đặt trước hay sau tên lệnh đều được / may stand before or after the command. "
    "Mã kết thúc / exit codes: 0 xong · 1 xong nhưng có việc cần người xem / needs a person · "
    "2 dùng sai / wrong use · 3 không chạy được / could not run."
)

app = typer.Typer(
    name="sohoa",
    help="Số hoá kết quả giải quyết thủ tục hành chính. / Digitise results of administrative procedures.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
setup.add_to(app)
digitise.add_to(app)
records.add_to(app)
find.add_to(app)
validity.add_to(app)
reuse.add_to(app)
verify.add_to(app)
copies_register.add_to(app)
backup.add_to(app)
api.add_to(app)
app.add_typer(sign.app, name="sign")
app.add_typer(copies.app, name="copy")
plan_reports.add_to(plan.app)
app.add_typer(plan.app, name="plan")
app.add_typer(preserve.app, name="preserve")
app.add_typer(packages.app, name="package")
app.add_typer(archive.app, name="archive")
app.add_typer(review.app, name="review")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(batch.app, name="batch")
app.add_typer(users.unit_app, name="unit")
app.add_typer(users.user_app, name="user")
app.add_typer(users.token_app, name="token")
app.add_typer(audit.app, name="audit")
app.add_typer(agent.app, name="agent")


@app.callback()
def _everywhere(
    context: typer.Context,
    home: Path = typer.Option(
        Path("sohoa-data"),
        "--home",
        envvar="SOHOA_HOME",
        help="Thư mục dữ liệu. / Data folder.",
        show_default=True,
    ),
    lang: str = typer.Option(
        "vi", "--lang", envvar="SOHOA_LANG", help="Ngôn ngữ báo lỗi: vi, en. / Language of errors."
    ),
    debug: bool = typer.Option(False, "--debug", help="Ghi thêm vào nhật ký. / Write more to the log."),
) -> None:
    if lang not in ("vi", "en"):
        raise WrongUse(f"--lang {lang}: vi, en")
    context.obj = Call(home, lang, debug)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command and leaves with its exit code."""
    prepare_streams()
    os.umask(0o077)  # what is written holds personal data
    given = list(sys.argv[1:] if arguments is None else arguments)
    chosen, rest = _global_first(given)
    try:
        code = app([*chosen, *rest], prog_name="sohoa", standalone_mode=False)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python must not complain again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as error:
        code = _failed(error, chosen, rest)
    sys.exit(code if isinstance(code, int) else DONE)


def _global_first(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Global options brought to the front, where typer wants them."""
    chosen: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in GLOBAL_VALUES:
            chosen += [argument, *([value] if (value := next(waiting, None)) is not None else [])]
        elif argument in GLOBAL_FLAGS or argument.startswith(tuple(f"{name}=" for name in GLOBAL_VALUES)):
            chosen.append(argument)
        else:
            rest.append(argument)
    return chosen, rest


def _failed(error: Exception, chosen: list[str], rest: list[str]) -> int:
    """Shows an error, writes it to the log, gives the exit code. Never a traceback."""
    if type(error).__name__ == "NoArgsIsHelpError":
        return WRONG_USE  # the help was shown
    language = _option(chosen, "--lang") or os.environ.get("SOHOA_LANG", "vi")
    home = Path(_option(chosen, "--home") or os.environ.get("SOHOA_HOME") or "sohoa-data")
    known = _as_ours(error)
    show_error(known, language)
    if isinstance(known, NotAllowed):
        _write_down(known, home, rest)
    frames = known.fault is Fault.BUG or "--debug" in chosen
    written = _log(home, error, known, frames) if known.fault is not Fault.USER or frames else None
    if written and frames:
        say(f"  {'Log' if language == 'en' else 'Nhật ký'}: {clean(written)}", file=sys.stderr)
    return (
        WRONG_USE
        if isinstance(known, WrongUse) and not isinstance(known, ChangedMeanwhile)
        else COULD_NOT_RUN
    )


def _write_down(error: NotAllowed, home: Path, rest: list[str]) -> None:
    """That a right was refused, with the name of the command and nothing of what was typed after it."""
    from flows.refusals import refused_here
    from schemas.people import current_actor

    command, names = typer.main.get_command(app), ["sohoa"]
    for word in rest:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        names.append(word)
    refused_here(home, current_actor(), error, " ".join(names))


def _as_ours(error: Exception) -> SohoaError:
    if isinstance(error, SohoaError):
        return error
    if isinstance(error, typer.TyperException):
        return WrongUse(_usage(error))
    if isinstance(error, OSError):
        return SystemFault(f"{error.strerror or type(error).__name__}: {error.filename or ''}")
    return SohoaError(type(error).__name__)


def _usage(error: typer.TyperException) -> str:
    """Typer's English usage errors, said in Vietnamese. Told apart by name: their classes are not public."""
    kind, said = type(error).__name__, error.format_message()
    parameter = getattr(error, "param", None)
    name = getattr(parameter, "metavar", None) or getattr(parameter, "name", "")
    option = next((o for o in getattr(parameter, "opts", ()) if o.startswith("--")), "")
    name = f"{option} {name}".strip() if option else name
    if kind == "NoSuchOption":
        return f"không có tuỳ chọn {error.option_name}"
    if kind == "MissingParameter":
        return f"thiếu {name}"
    if kind == "BadParameter":
        return f"giá trị không hợp lệ cho {name}: {error.message}"
    if unknown := re.match(r"No such command '([^']*)'", said):
        return f"không có lệnh „{unknown[1]}“"
    return said


def _option(chosen: list[str], name: str) -> str | None:
    for at, argument in enumerate(chosen):
        if argument == name and at + 1 < len(chosen):
            return chosen[at + 1]
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
    return None


def _log(home: Path, error: Exception, known: SohoaError, frames: bool) -> Path | None:
    """One line, with the frames where asked for. Messages of exceptions are left out: they may hold personal data."""
    from datetime import datetime
    from traceback import extract_tb

    if not home.is_dir():
        return None
    now = datetime.now(VIETNAM).isoformat(timespec="seconds")
    lines = [f"{now} {known.fault} {known.code} {type(error).__name__}"]
    if frames:
        lines += [f"    {Path(f.filename).name}:{f.lineno} {f.name}" for f in extract_tb(error.__traceback__)]
    path = home / "sohoa.log"
    try:
        with path.open("a", encoding="utf-8") as log:
            log.write("\n".join(lines) + "\n")
    except OSError:
        return None
    return path


if __name__ == "__main__":
    main()
