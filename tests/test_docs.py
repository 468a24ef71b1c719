"""The documents tell the truth: their commands run, every option, setting and error is in them, every place named exists."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from cli.main import app, main
from schemas.errors import all_errors
from tests.small_papers import continued, decision, separator, tiff
from tests.sohoa_command import ROOT, small_office, sohoa

GUIDES = [path for path in ("README.md", "docs/huong-dan.md", "docs/operator.md") if (ROOT / path).exists()]
IN_ANOTHER_PROCESS = ("digitise", "extract", "quarantine retry")
"""These start processes of their own."""
NEVER_ENDING = ("watch",)


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def commands(name: str) -> list[list[str]]:
    """Arguments of the `$ sohoa …` lines in ```console blocks."""
    blocks = re.findall(r"^```console\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("$ sohoa ")]
    return [shlex.split(line)[2:] for line in lines]


@pytest.fixture
def desk_of_a_reader(tmp_path, monkeypatch):
    """A folder as the guides take it: `ho-so` with a stack of four pages and an empty file, a second stack, an inbox."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ho-so").mkdir()
    (tmp_path / "hop-nhan").mkdir()
    (tmp_path / "ho-so" / "chong-1.tif").write_bytes(
        tiff(decision(45), continued(2), separator(), decision(46))
    )
    (tmp_path / "ho-so" / "rong.pdf").write_bytes(b"")
    (tmp_path / "chong-2.tif").write_bytes(tiff(decision(47)))
    shutil.copytree(ROOT / "samples" / "lists", tmp_path / "samples" / "lists")
    stacks = tmp_path / "samples" / "stacks"
    stacks.mkdir(parents=True)
    (stacks / "chong.tif").write_bytes(tiff(decision(48), separator(), decision(49)))
    small_office(tmp_path / "sohoa-data")
    return tmp_path


class Reader:
    """Types what a guide says, with the ids that the command really printed in place of those in the guide."""

    def __init__(self, folder: Path, capsys) -> None:
        self.folder = folder
        self.capsys = capsys
        self.real: dict[str, str] = {}

    def type(self, arguments: list[str]) -> tuple[int, str]:
        name = " ".join(arguments[:2])
        arguments = [re.sub(r"\b[DBQ]-[0-9A-Z]{12}\b", self._real, a) for a in arguments]
        if arguments[0] in NEVER_ENDING:
            arguments = [arguments[0], "--help"]
        if name.startswith(IN_ANOTHER_PROCESS):
            ran = sohoa(*arguments, cwd=self.folder)
            return ran.code, ran.err
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return left.value.code, self.capsys.readouterr().err

    def _real(self, found: re.Match) -> str:
        """The next id of that sort that is not in use yet; a record before it is dropped is the one with an open entry."""
        from flows.review import open_desk
        from schemas.settings import load_settings

        if found[0] not in self.real:
            with open_desk(load_settings(self.folder / "sohoa-data")) as desk:
                known = {
                    "D": [row.id for row in desk.catalogue.documents()],
                    "B": [row.id for row in desk.catalogue.batches()],
                    "Q": [row.id for row in desk.catalogue.quarantine_list()],
                }[found[0][0]]
            self.real[found[0]] = next(i for i in known if i not in self.real.values())
        return self.real[found[0]]


@pytest.mark.parametrize("name", GUIDES)
def test_the_commands_of_a_guide_run_in_order(name, desk_of_a_reader, capsys):
    reader = Reader(desk_of_a_reader, capsys)
    typed = commands(name)
    assert typed, "a guide without a command"
    if not any(arguments[0] == "digitise" for arguments in typed[:4]):
        reader.type(["digitise", "ho-so"])
    for arguments in typed:
        code, said = reader.type(arguments)
        assert code in (0, 1), (arguments, said)


def options_of(group: typer.Typer) -> dict[str, set[str]]:
    """Options of each command by its full name."""
    found = {}

    def walk(command, name: str) -> None:
        for child, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {child}".strip())
        if not getattr(command, "commands", None):
            found[name] = {
                o for p in command.params for o in getattr(p, "opts", ()) if o.startswith("--")
            } - {"--help"}

    walk(typer.main.get_command(group), "")
    return found


def test_every_command_and_option_is_in_the_operators_guide():
    rows = {
        m[1]: m[0]
        for m in re.finditer(
            r"^\| `([a-z -]+?)(?: [\[A-Z].*?)?` \|.*$", text("docs/operator.md"), re.MULTILINE
        )
    }
    for name, options in options_of(app).items():
        assert name in rows, f"docs/operator.md does not name {name}"
        told = set(re.findall(r"`(--[a-z-]+)`", rows[name]))
        assert told == options, (name, told ^ options)
    for option in ("--home", "--lang", "--debug"):
        assert option in text("docs/operator.md")


def test_every_command_is_in_the_clerks_guide():
    told = text("docs/huong-dan.md")
    for name in options_of(app):
        assert f"sohoa {name}" in told, name


def test_every_error_is_in_the_operators_guide():
    told = set(re.findall(r"^\| `(\w+)` \| \w+ \| (?:yes|no) \|", text("docs/operator.md"), re.MULTILINE))
    wanted = {code for code, cls in all_errors().items() if cls.__module__.startswith("schemas.")}
    assert told == wanted, f"docs/operator.md, section Errors: {told ^ wanted}"


LINKING = [*GUIDES, "docs/law-map.md"]


@pytest.mark.parametrize("name", LINKING)
def test_links_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text(name)):
        if "://" not in target:
            assert ((ROOT / name).parent / target).exists(), target


def test_the_law_map_names_code_and_tests_that_exist():
    rows = [line for line in text("docs/law-map.md").splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) > 20
    for row in rows:
        places = re.findall(
            r"`((?:schemas|ocr|signing|storage|flows|cli|portal|tests|samples|bench)/[\w./]+?)(?:::(\w+))?`", row
        )
        assert any(path.startswith("tests/") for path, _ in places), f"no test: {row}"
        assert any(not path.startswith("tests/") for path, _ in places), f"no code: {row}"
        for path, name in places:
            assert (ROOT / path).exists(), path
            assert not name or re.search(rf"\b(?:def|class) {name}\b|^{name}\b", text(path), re.MULTILINE), (
                f"{path}::{name}"
            )
