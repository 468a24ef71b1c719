"""An office that issues copies: a home with demo keys, papers captured now, requests of all three paths."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from flows.copies_capture import open_capture, take_capture
from flows.copies_desk import CopyDesk, open_copy_desk
from schemas.copies import CertifiedCopyRequest, Checklist, Declaration, Requester
from schemas.settings import Office as OfficeSettings
from schemas.signing import Role
from storage.catalogue import Catalogue
from storage.catalogue.events import now
from tests.small_papers import decision, png, settings_for

NOTHING_APPLIES = Checklist(
    altered=False, unreadable=False, secret=False, unlawful=False, foreign=False, private=False
)


@dataclass
class CopyOffice:
    home: Path

    def settings(self, **more):
        office = OfficeSettings(code="H26.12", name="Ủy ban nhân dân xã Đại Đồng")
        return settings_for(self.home, office=office, **more)

    @contextmanager
    def desk(self, *, clock: Callable[[], datetime] = now, **more) -> Iterator[CopyDesk]:
        with open_copy_desk(self.settings(**more), who="lan", clock=clock) as desk:
            yield desk

    def paper(self, number: int = 12, name: str = "ban-chup.png") -> Path:
        """A paper that was scanned a moment ago."""
        path = self.home.parent / name
        path.write_bytes(png(decision(number)))
        return path

    def request(self, desk: CopyDesk, key: str = "yc-1", *papers: Path, **changes) -> CertifiedCopyRequest:
        """Captures the papers and asks for a certified copy of them."""
        capture = open_capture(desk, key)
        taken = take_capture(desk, capture, papers or [self.paper()])
        facts: dict = {
            "request_key": key,
            "capture": capture,
            "checklist": NOTHING_APPLIES,
            "declaration": Declaration(
                by=desk.keys.person(Role.CERTIFIER),
                all_pages=True,
                compared_with_original=True,
                pages=taken.pages,
            ),
            "requester": Requester(
                name="Nguyễn Thị Bích Ngọc", identity="079087001234", email="ngoc@example.vn"
            ),
            "original": "Quyết định số 12/QĐ-UBND ngày 15/3/2023",
            "received_at": desk.moment(),
        }
        return CertifiedCopyRequest(**facts | changes)


@pytest.fixture(scope="module")
def keys_of_a_module(tmp_path_factory) -> Path:
    """Demo keys are dear: made once for the tests of a file."""
    home = tmp_path_factory.mktemp("keys") / "home"
    home.mkdir()
    made = CopyOffice(home)
    Catalogue.open(made.settings().database).close()
    with made.desk() as desk:
        _ = desk.keys.demo_pki
    return home


@pytest.fixture
def copy_office(tmp_path: Path, keys_of_a_module: Path) -> CopyOffice:
    import shutil

    home = tmp_path / "home"
    home.mkdir()
    for name in ("demo-pki", "trust"):
        shutil.copytree(keys_of_a_module / name, home / name)
    made = CopyOffice(home)
    Catalogue.open(made.settings().database).close()
    return made
