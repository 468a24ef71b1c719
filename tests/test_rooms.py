"""The house rules no linter knows: rooms are declared, files stay small, nothing of one machine gets in."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from schemas.errors import Fault, SohoaError, all_errors

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("schemas", "ocr", "signing", "storage", "flows", "cli", "portal")
MAX_LINES = 500


def tracked(pattern: str = "") -> list[Path]:
    """Files under version control that exist."""
    command = ["git", "ls-files", "-z"] + ([pattern] if pattern else [])
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return [ROOT / name for name in out.split("\0") if name and (ROOT / name).is_file()]


def contracts() -> tuple[set[str], dict[str, dict]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return set(config["root_packages"]), {contract["id"]: contract for contract in config["contracts"]}


def test_every_room_is_under_the_linter():
    roots, by_id = contracts()
    rooms = {room for room in ROOMS if (ROOT / room / "__init__.py").exists()}
    assert roots == rooms | {"samples"}
    layers = " ".join(by_id["arrows-point-down"]["layers"])
    assert set(re.findall(r"\w+", layers)) == set(ROOMS)
    assert set(by_id["prefect-in-flows"]["source_modules"]) == rooms - {"flows"} | {"samples"}
    assert set(by_id["front-rooms"]["source_modules"]) == rooms & {"cli", "portal"}
    assert set(by_id["front-rooms"]["forbidden_modules"]) == rooms & {"ocr", "signing"}
    assert set(by_id["samples-apart"]["source_modules"]) == rooms


def test_files_stay_small():
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in tracked("*.py")}
    long = {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > MAX_LINES}
    assert not long, f"asking to be two: {long}"


def test_a_thing_lives_where_its_noun_lives():
    rooms_for_everything = {"utils", "util", "helpers", "helper", "common", "misc"}
    found = [path for path in tracked() if rooms_for_everything & {*path.relative_to(ROOT).parts, path.stem}]
    assert not found, found


# One letter of each stands in brackets, so that this file does not hold what it forbids.
OF_ONE_MACHINE = {
    "a machine's path": r"(?<![\w.\-/{}$])/(?:[w]ork|[r]oot|[h]ome/\w+|[m]nt|[U]sers/\w+)/",
    "a temporary path": r"(?<![\w.\-/{}$])/[t]mp/\w",
    "a package index": r"[p]ypi\.org|[p]ythonhosted|--(?:extra-)?[i]ndex-url\s|--[f]ind-links\s",
    "a login in an address": r"://[^/\s:@\"'{}]+:[^/\s@\"'{}]+@(?!localhost|127\.0\.0\.1|\.\.\.)",
    "a private key": r"-----BEGIN (?:RSA |EC |ENCRYPTED )?[P]RIVATE KEY-----\s*\n\s*\S",
}


@pytest.mark.parametrize("what", OF_ONE_MACHINE)
def test_nothing_of_one_machine_is_tracked(what):
    pattern = re.compile(OF_ONE_MACHINE[what])
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data[:4096]:
            continue
        text = data.decode("utf-8", errors="replace")
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{path.relative_to(ROOT)}:{line}: {match[0]}")
    assert not found, found


def classes(base: type[SohoaError] = SohoaError) -> list[type[SohoaError]]:
    return [base] + [found for child in base.__subclasses__() for found in classes(child)]


def test_each_error_code_is_one_error():
    """`all_errors` is keyed by code and would hide a second class with the same one."""
    own = [cls for cls in classes() if cls.__module__ == "schemas.errors"]
    assert len(own) == len({cls.code for cls in own}) > 20
    assert set(own) <= set(all_errors().values())
    for cls in own:
        assert "code" in vars(cls), f"{cls.__name__} takes its code from its base"
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", cls.code)


@pytest.mark.parametrize("cls", all_errors().values(), ids=lambda cls: cls.code)
def test_each_error_speaks_both_languages(cls):
    assert isinstance(cls.fault, Fault) and isinstance(cls.retry, bool)
    for text in (cls.vi, cls.en, cls.advice_vi, cls.advice_en):
        assert text.strip() == text != ""
    vietnamese_only = r"[À-ỹđĐ]"
    assert re.search(vietnamese_only, cls.vi) and not re.search(vietnamese_only, cls.en)


def test_scripts_are_executable():
    command = ["git", "ls-files", "-s", "scripts/*.sh", ".ci/run"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    assert {line.split()[0] for line in out.splitlines()} == {"100755"}
