"""An office with a plan, for tests: its lists, its scanned decisions."""


from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import pytest

from flows.plan import Plan
from flows.plan_figures import period_of
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.objects import open_store
from tests.made_catalogue import field, paper, recorded

Q2 = period_of("2022Q2")
YEAR = 2026
HEAD = "Loại kết quả,Số ký hiệu,Ngày cấp,Chủ hồ sơ,Lĩnh vực,Cơ quan\n"


@pytest.fixture
def plan(catalogue: Catalogue, tmp_path: Path):
    yield from opened(catalogue, tmp_path)


@pytest.fixture
def small(tmp_path: Path):
    """For what does not depend on the database."""
    with Catalogue.open(f"sqlite:///{tmp_path / 'c.sqlite'}") as catalogue:
        yield from opened(catalogue, tmp_path)


def opened(catalogue: Catalogue, tmp_path: Path, code: str = "H26.12.5"):
    settings = Settings(home=tmp_path / "nhà", office={"code": code, "name": "UBND xã An Bình"})
    with closing(open_store(settings.store)) as store:
        yield Plan(settings, catalogue, store, "lan")


def listed(tmp_path: Path, *rows: str, name: str = "") -> Path:
    path = tmp_path / (name or f"kq-{time.monotonic_ns()}.csv")
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), "utf-8")
    return path


def row(number: int, sector: str = "Đất đai", unit: str = "H26.12.5", kind: str = "Quyết định") -> str:
    return f"{kind},{number}/QĐ-UBND,09/03/2021,Người Số {number},{sector},{unit}"


def scanned(plan: Plan, *numbers: int, **more):
    return [
        recorded(
            plan.catalogue,
            paper([1], fields={"so_ky_hieu": field(f"{n}/QĐ-UBND"), "ngay_ban_hanh": field("2021-03-09"), "doi_tuong": field(f"Người Số {n}")}, **more),
        )[0]
        for n in numbers
    ]  # fmt: skip


def by_sector(plan: Plan, what: str, year: int = YEAR) -> dict[str, int | None]:
    return {line.sector: getattr(line, what) for line in plan.lines(year)}
