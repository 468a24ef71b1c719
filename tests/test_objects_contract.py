# ruff: noqa: F811 - fixtures are imported and named as arguments
"""One contract, run on a folder and on a real S3 server: both pass the same tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.objects import ObjectStore, open_store
from tests.object_store_contract import ObjectStoreContract
from tests.s3_server import s3_keys, s3_server, s3_url  # noqa: F401 - fixtures


class TestFolder(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[ObjectStore]:
        opened = open_store((tmp_path / "kho lưu trữ").as_uri())
        yield opened
        opened.close()


class TestS3(ObjectStoreContract):
    @pytest.fixture
    def store(self, s3_url: str) -> Iterator[ObjectStore]:
        opened = open_store(s3_url)
        yield opened
        opened.close()
