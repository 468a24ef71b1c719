"""Runs the command as a person does: another process, its exit code, what it wrote to which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jsonschema

from cli.home import make_home
from tests.small_papers import DPI

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    def json(self, schema: str | None = None):
        """The one document on stdout, checked against `schemas/<schema>.schema.json`."""
        document = json.loads(self.out)
        if schema is not None:
            jsonschema.validate(document, schema_of(schema))
        return document


def schema_of(name: str) -> dict:
    return json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "cli.main", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "SOHOA_USER": "lan"} | more


def sohoa(*arguments: object, home: Path | None = None, cwd: Path | None = None, **more: str) -> Ran:
    """Runs it to the end. `home` is given the way most calls do, after the command."""
    given = [*arguments, *(["--home", home] if home is not None else [])]
    done = subprocess.run(
        command(*given), cwd=cwd or ROOT, env=environment(**more), capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def small_office(home: Path) -> Path:
    """A home as `sohoa init` makes it, with settings that suit `tests.small_papers`."""
    make_home(home)
    settings = home / "sohoa.toml"
    text = settings.read_text("utf-8")
    changes = {"# dpi = 200": f"dpi = {DPI}", "# min_dpi = 200.0": "min_dpi = 140.0"}
    changes |= {"# processes = 0": "processes = 1", '# code = ""': 'code = "H26.12"'}
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    settings.write_text(text, "utf-8")
    return home
