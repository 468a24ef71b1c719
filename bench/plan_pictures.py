"""Pictures of reports on the figures of three real offices, for the guides: `python -m bench.plan_pictures`.

The figures are those of published quarter reports (a commune, a ward, a district with its communes); the dossiers are made.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path

import pypdfium2

from bench.report_rows import ROOT
from flows.plan import Plan
from flows.plan_figures import figures, period_of
from flows.report import render
from samples.one_stop import Shape, dossiers, write_csv
from schemas.people import Actor
from schemas.plan import ListKind
from schemas.settings import Settings
from storage.catalogue import Catalogue
from storage.objects import open_store
from storage.people import Units

QUARTER = (date(2022, 4, 1), date(2022, 6, 30))
SIXTEEN_MONTHS = (date(2021, 1, 1), date(2022, 4, 30))
DISTRICT = "2021-01-01..2022-04-30"


def offices() -> dict[str, tuple[str, str, list[tuple[str, str, Shape]]]]:
    """Name of the picture → (office, period, units with level and shape)."""
    communes = [
        (f"UBND xã An Phú {n}", "commune", Shape(f"H30.12.{n}", *SIXTEEN_MONTHS, new=new, in_time=new - 60, late=17))
        for n, new in enumerate((31_204, 28_911, 26_530, 24_102, 32_786), 1)
    ]
    district = Shape("H30.12", *SIXTEEN_MONTHS, new=27_866, online=5_104, in_time=27_700, late=41, procedures=240)
    return {
        "bao-cao-xa": (
            "UBND xã An Bình", "2022Q2",
            [("UBND xã An Bình", "commune", Shape("H26.12.5", *QUARTER, new=494, carried=1, online=6, in_time=492, procedures=117))],
        ),
        "bao-cao-phuong": (
            "UBND phường An Hoà", "2022Q2",
            [("UBND phường An Hoà", "commune", Shape("H29.1.7", *QUARTER, new=1_350, online=301, in_time=1_318, late=6, procedures=130))],
        ),
        "bao-cao-huyen": ("UBND huyện An Phú", DISTRICT, [*communes, ("UBND huyện An Phú", "district", district)]),
    }  # fmt: skip


def main() -> None:
    for name, (office, period, units) in offices().items():
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            settings = Settings(home=home, office={"code": units[-1][2].unit, "name": office})
            with Catalogue.open(settings.database) as catalogue, closing(open_store(settings.store)) as store:
                for unit, level, shape in units:
                    Units(catalogue).add(unit, code=shape.unit, level=level, by=Actor.system())
                plan = Plan(settings, catalogue, store, "lan")
                for _, _, shape in units:
                    path = home / f"{shape.unit}.csv"
                    write_csv(dossiers(shape, 1), path)
                    plan.import_list(path, ListKind.DOSSIERS)
                pdf = pypdfium2.PdfDocument(render(figures(plan, period_of(period)), "pdf"))
        # The page with the dossiers, which is what the published reports tell.
        page = next(page for page in pdf if "Tiếp nhận và giải quyết hồ sơ" in page.get_textpage().get_text_range())
        image = page.render(scale=110 / 72).to_pil().convert("P", palette=1, colors=64)
        image.save(ROOT / "docs" / "images" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
