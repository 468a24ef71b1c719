"""A report as one page of HTML that needs nothing from the network and prints well."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from flows.report_tables import Picture, Section, headline, sections, shown, spoken_of, sums, title
from schemas.plan_report import ReportFigures

_TEMPLATES = Path(__file__).parent / "templates"


def report_page(figures: ReportFigures, chart: Picture) -> bytes:
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True)

    def picture(section: Section) -> str:
        made = chart(section.chart) if section.chart else None
        return b64encode(made).decode() if made else ""

    def foot(section: Section) -> list:
        total = sums(section)
        return [*([total] if total else []), *section.extra]

    page = environment.get_template("report.html").render(
        title=title(figures),
        spoken_of=spoken_of(figures),
        headline=headline(figures),
        sections=sections(figures),
        notes=figures.notes,
        shown=shown,
        foot=foot,
        chart=picture,
    )
    return page.encode()
