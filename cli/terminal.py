"""What the terminal shows. Names and texts from outside are neutralised: a file name must not move the cursor or
colour a line.

People's output goes to stdout, and to stderr where stdout belongs to a JSON document. Rich is loaded when a table
is drawn.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from schemas.errors import SohoaError

WIDTH_OF_A_FILE = 120
"""Columns when the output is not a terminal."""


def clean(text: object) -> str:
    """One line of harmless text: control and format characters (also those that turn the direction of writing) and
    broken surrogates become `?`, line breaks become spaces."""
    folded = re.sub(r"[\t\r\n\v\f\u2028\u2029]+", " ", str(text))
    return "".join("?" if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") else c for c in folded)


def prepare_streams() -> None:
    """UTF-8 whatever the locale says; what cannot be written is replaced, never a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


def say(text: str = "", *, file=None) -> None:
    """A line for people; what stands in it from outside has been through `clean`."""
    print(text, file=file or sys.stdout, flush=True)


def coloured(text: str, code: str) -> str:
    """Text in an ANSI colour, where stdout is a terminal that wants colours."""
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    colours: Sequence[str | None] = (),
    unbroken: Sequence[str] = (),
) -> None:
    """Rows under headings, columns without any entry left out. `colours` names a colour a row; `unbroken` the headings of
    columns that a person copies from."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    used = [n for n in range(len(headings)) if any(str(row[n]) for row in rows)]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for n in used:
        drawn.add_column(headings[n], overflow="fold", no_wrap=headings[n] in unbroken)
    for number, row in enumerate(rows):
        colour = colours[number] if number < len(colours) else None
        drawn.add_row(*(Text(clean(row[n]), style=colour or "") for n in used))
    console.print(drawn)


def print_json(document: object) -> None:
    """The one JSON document of a command."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def shown(value: str | None) -> str:
    """A value for people, harmless."""
    from schemas.texts import shown_value

    return clean(shown_value(value))


def place(path: str | Path) -> str:
    """A path, short where it lies below the current folder."""
    path, here = Path(path), Path.cwd()
    return clean(path.relative_to(here) if path.is_absolute() and path.is_relative_to(here) else path)


def where(home: Path) -> str:
    """` --home …` as the next command needs it; nothing where it finds the home by itself."""
    known = home == Path(os.environ.get("SOHOA_HOME") or "sohoa-data")
    return "" if known else f" --home {clean(shlex.quote(str(home)))}"


def moment(at: datetime) -> str:
    """A time as clocks here show it."""
    return f"{at.astimezone(ZoneInfo('Asia/Ho_Chi_Minh')):%d/%m/%Y %H:%M:%S}"


def show_error(error: SohoaError, language: str, *, detail: bool = True) -> None:
    """What happened, the facts, what to do, and the code, on stderr."""
    english = language == "en"
    lines = [("Error" if english else "Lỗi", error.en if english else error.message_vi)]
    if detail and error.detail:
        lines.append(("  Detail" if english else "  Chi tiết", clean(error.detail)))
    lines.append(
        ("  What to do" if english else "  Cần làm", error.advice_en if english else error.advice_vi)
    )
    lines.append(("  Code" if english else "  Mã lỗi", error.code))
    for name, text in lines:
        say(f"{name}: {text}", file=sys.stderr)
