"""The audit chain of an empty catalogue, for tests on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_book import Book

from storage.audit import heads as heads_module
from storage.catalogue import Catalogue
from storage.objects import LocalStore


@pytest.fixture(autouse=True)
def heads_of_this_test(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(heads_module, "_home", tmp_path)


@pytest.fixture
def book(catalogue: Catalogue, tmp_path: Path) -> Iterator[Book]:
    store = LocalStore(tmp_path / "store")
    yield Book(catalogue, store)
    store.close()
