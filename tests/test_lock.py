"""The lock files: everything pinned and hashed, no address, nothing undeclared."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def declared(name: str) -> dict[str, Requirement]:
    """Direct requirements of a `.in` file, following `-r`."""
    found: dict[str, Requirement] = {}
    for line in (ROOT / name).read_text("utf-8").splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            found |= declared(line[3:].strip())
        elif line:
            requirement = Requirement(line)
            found[canonicalize_name(requirement.name)] = requirement
    return found


def entries(name: str) -> list[str]:
    """Logical lines of a lock file: continuation lines joined, comments dropped."""
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def pins(name: str) -> dict[tuple[str, str], str]:
    """(package, marker) -> version."""
    found = {}
    for entry in entries(name):
        requirement = Requirement(HASH.sub("", entry).strip())
        (specifier,) = requirement.specifier
        found[canonicalize_name(requirement.name), str(requirement.marker or "")] = specifier.version
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_one_exact_version_with_hashes(lock):
    for entry in entries(lock):
        assert HASH.search(entry), entry
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^=\s*]+ ", entry), entry


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_and_no_option(lock):
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"://|@\s*(file|git)|^\s*-(?!-hash)", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "lock"), [("requirements.in", LOCKS[0]), ("requirements-dev.in", LOCKS[1])]
)
def test_lock_holds_what_is_declared(source, lock):
    locked: dict[str, list[str]] = {}
    for (package, _), version in pins(lock).items():
        locked.setdefault(package, []).append(version)
    for package, requirement in declared(source).items():
        assert package in locked, f"{package}: run `make lock`"
        for version in locked[package]:
            assert requirement.specifier.contains(version, prereleases=True), f"{package}: run `make lock`"


def test_tests_run_on_the_versions_that_users_get():
    run, dev = pins(LOCKS[0]), pins(LOCKS[1])
    assert {key: dev.get(key) for key in run} == run


@pytest.mark.parametrize("lock", LOCKS)
def test_no_heavy_framework(lock):
    packages = {package for package, _ in pins(lock)}
    assert not {name for name in packages if re.match(r"torch|nvidia|tensorflow|triton", name)}


def test_installed_versions_are_the_locked_ones():
    wrong = []
    for entry in entries(LOCKS[1]):
        requirement = Requirement(HASH.sub("", entry).strip())
        if requirement.marker is None or requirement.marker.evaluate():
            installed = importlib.metadata.version(requirement.name)
            if not requirement.specifier.contains(installed, prereleases=True):
                wrong.append(f"{requirement.name}: {installed} installed, {requirement.specifier} locked")
    assert not wrong, wrong


def test_the_command_is_installed():
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="sohoa")
    assert command.value == "cli.main:main"
    assert (Path(sys.executable).parent / "sohoa").exists()


def tracked_python(*skip: str) -> list[Path]:
    command = ["git", "ls-files", "-z", "*.py"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    names = [name for name in out.split("\0") if name and not name.startswith(skip)]
    return [ROOT / name for name in names if (ROOT / name).exists()]


def imported(paths: list[Path]) -> dict[str, Path]:
    """Top-level modules imported anywhere in the files -> one file that does."""
    found: dict[str, Path] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names = [node.module]
            else:
                continue
            for name in names:
                found.setdefault(name.split(".")[0], path)
    return found


@pytest.mark.parametrize(
    ("source", "skip"), [("requirements.in", ("tests/", "bench/", "scripts/")), ("requirements-dev.in", ("bench/train_",))]
)
def test_what_is_imported_is_declared(source, skip):
    """A package that comes only with another one may go with the next version of that one. The training programs use
    torch, which is not in any lock: docs/handwriting.md says how to install it for that."""
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir()}
    owners = importlib.metadata.packages_distributions()
    direct = set(declared(source))
    stray = {}
    for module, path in imported(tracked_python(*skip)).items():
        if module in sys.stdlib_module_names or module in rooms or (path.parent / f"{module}.py").exists():
            continue
        if not direct & {canonicalize_name(owner) for owner in owners.get(module, [])}:
            stray[module] = str(path.relative_to(ROOT))
    assert not stray, f"imported, but not declared in {source}: {stray}"


def test_packaging_takes_every_room():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    include = project["tool"]["setuptools"]["packages"]["find"]["include"]
    for room in ("schemas", "ocr", "signing", "storage", "flows", "cli", "portal", "samples"):
        assert f"{room}*" in include
