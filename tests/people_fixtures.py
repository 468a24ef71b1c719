"""An office without users, for tests; its clock can be set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from people_office import QUICK, Clock

from flows.people import People
from schemas.settings import Settings
from storage.catalogue import Catalogue


@pytest.fixture
def people(catalogue: Catalogue, tmp_path: Path) -> People:
    return People(Settings(home=tmp_path, people=QUICK), catalogue)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[People]:
    """Where the database makes no difference."""
    with Catalogue.open(f"sqlite:///{tmp_path}/x.sqlite") as opened:
        yield People(Settings(home=tmp_path, people=QUICK), opened)


@pytest.fixture
def wall(monkeypatch) -> Clock:
    return Clock(monkeypatch)
