"""A home folder and a folder of scans, and what a clerk does with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.digitise import digitise
from schemas.results import DigitiseResult
from storage.catalogue import Catalogue
from storage.objects import LocalStore, open_store
from tests.small_papers import blank, continued, decision, png, separator, settings_for, tiff


@dataclass
class Office:
    """A home folder and a folder of scans."""

    home: Path
    scans: Path

    def drop(self, name: str, data: bytes) -> Path:
        path = self.scans / name
        path.write_bytes(data)
        return path

    def settings(self, **more):
        return settings_for(self.home, **more)

    def digitise(self, *paths: Path, **more) -> DigitiseResult:
        options = {k: more.pop(k) for k in ("processes", "page_seconds", "min_dpi", "office") if k in more}
        return digitise(list(paths) or [self.scans], self.settings(**options), **more)

    def catalogue(self) -> Catalogue:
        return Catalogue.open(self.settings().database)

    def store(self) -> LocalStore:
        return open_store(self.settings().store)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    scans = tmp_path / "scans"
    scans.mkdir()
    return Office(tmp_path / "home", scans)


@pytest.fixture(scope="module")
def stack_done(tmp_path_factory) -> tuple[Office, DigitiseResult]:
    """A stack of two decisions (one of two pages) with a separator and a blank page, and a single scan."""
    root = tmp_path_factory.mktemp("stack")
    (root / "scans").mkdir()
    made = Office(root / "home", root / "scans")
    made.drop("stack.tif", tiff(decision(12), continued(2), blank(), separator(), decision(13)))
    made.drop("single.png", png(decision(14)))
    return made, made.digitise(processes=2, dossier_code="H26.12-230315-0007", declared_pages=6)
