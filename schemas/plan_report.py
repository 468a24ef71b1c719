"""Figures of a report. All counts come from rows and events, for a period and as known at a moment (`as_of`)."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime, BaseModel, ConfigDict

from schemas.plan import Level, Period, PlanLine


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DossierFigures(_Frozen):
    """Dossiers of one unit (or of all) in a period. received + carried = resolved + refused + withdrawn + in_progress."""

    unit: str
    unit_name: str
    level: Level | None
    """None: all levels together."""
    sector: str | None = None
    """None: all sectors together."""
    carried: int = 0
    """Received before the period and not finished when it began."""
    received: int = 0
    """Received within the period."""
    online: int = 0
    direct: int = 0
    post: int = 0
    """Of the received."""
    resolved_early: int = 0
    """Before the last day."""
    resolved_on_day: int = 0
    """On the last day, or without a term."""
    resolved_late: int = 0
    refused: int = 0
    withdrawn: int = 0
    in_progress_in_time: int = 0
    """Open at the end of the period, term not yet over."""
    in_progress_late: int = 0
    nearly_late: int = 0
    """Of those in time: the term ends within the days that the settings name."""
    procedures: int = 0
    """Different procedures among them."""

    @property
    def to_do(self) -> int:
        return self.carried + self.received

    @property
    def resolved_in_time(self) -> int:
        return self.resolved_early + self.resolved_on_day

    @property
    def resolved(self) -> int:
        return self.resolved_in_time + self.resolved_late

    @property
    def in_progress(self) -> int:
        return self.in_progress_in_time + self.in_progress_late

    @property
    def in_time_share(self) -> float | None:
        """Percent of the resolved."""
        return 100 * self.resolved_in_time / self.resolved if self.resolved else None


class Indicator(_Frozen):
    """One indicator of QĐ 766/QĐ-TTg, with the raw counts: the text of its formula was not seen, so it is a setting."""

    code: str
    name: str
    numerator: int
    denominator: int
    numerator_name: str
    denominator_name: str
    numerator_before: int
    denominator_before: int
    """In the same period before."""
    points: float
    """Most points it can bring."""
    source: str

    @property
    def share(self) -> float | None:
        return 100 * self.numerator / self.denominator if self.denominator else None

    @property
    def share_before(self) -> float | None:
        return 100 * self.numerator_before / self.denominator_before if self.denominator_before else None


class CopyFigures(_Frozen):
    """Issued copies of one register kind."""

    kind: str
    entries: int
    """Numbers of the book that were issued."""
    copies: int
    pages: int
    cancelled: int
    failed: int
    fee: int
    """Đồng."""


class Throughput(_Frozen):
    """What one person did in the period, by stage."""

    who: str
    stage: str
    """digitised | checked | signed | certified | matched"""
    count: int


class CorrectionCause(_Frozen):
    """Fields that people had to correct."""

    kind: str
    kind_name: str = ""
    field: str
    corrected: int
    recorded: int
    """Records of this kind of the period; the share tells more than the count."""
    handwritten: int


class BacklogAge(_Frozen):
    """Records waiting for a check, by days since they were scanned."""

    label: str
    first_day: int
    last_day: int | None
    count: int


class Forecast(_Frozen):
    """When a unit meets its target for a kind at the pace of the last days; kind "": all of its kinds."""

    unit: str
    unit_name: str
    kind: str
    kind_name: str
    wanted: int
    done: int
    pace: float
    """Records a calendar day over `pace_days`."""
    pace_days: int
    day: date | None
    """None: not at this pace."""
    due: date
    """Last day of the plan year."""


class Urgent(_Frozen):
    """An open dossier over its term or about to be."""

    dossier_code: str
    unit: str
    due: date


class Month(_Frozen):
    """One month of the period, for the charts."""

    month: str
    """YYYY-MM"""
    digitised: int
    received: int
    resolved_in_time: int
    resolved_late: int


class ReportFigures(_Frozen):
    """Everything a report says; the renderings (page, PDF, XLSX, CSV) only set it out."""

    office: str
    period: Period
    before: Period
    """The same period before, for comparison."""
    as_of: AwareDatetime
    judged_on: date
    """Terms are over or not on this day: the last of the period, or that of `as_of` while the period runs."""
    plan_year: int
    plan: tuple[PlanLine, ...]
    dossiers: tuple[DossierFigures, ...]
    """One per unit, then one per level with unit ''."""
    sectors: tuple[DossierFigures, ...]
    dossiers_before: tuple[DossierFigures, ...]
    indicators: tuple[Indicator, ...]
    copies: tuple[CopyFigures, ...]
    copies_before: tuple[CopyFigures, ...]
    throughput: tuple[Throughput, ...]
    corrections: tuple[CorrectionCause, ...]
    backlog: tuple[BacklogAge, ...]
    forecasts: tuple[Forecast, ...]
    months: tuple[Month, ...]
    digitised_before: int
    """Records made in the same period before, to compare with those of the months."""
    urgent: tuple[Urgent, ...] = ()
    """At most 200, the most urgent first."""
    notes: tuple[str, ...] = ()
    """What cannot be told and why (no total entered, no list imported), Vietnamese."""
