"""Words of the digitisation plan (Kế hoạch số hoá kết quả giải quyết TTHC còn hiệu lực): what is in force, what is to be reached,
lists of one-stop systems and how their rows are matched with records. NĐ 45/2020 Đ25, QĐ 468/QĐ-TTg, QĐ 766/QĐ-TTg."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

DISTRICTS_UNTIL = date(2025, 6, 30)
"""Last day of the district level; communes and the province carry its work on (NĐ 118/2025/NĐ-CP, two-level government)."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(StrEnum):
    CENTRAL = "central"
    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"

    def exists_on(self, day: date) -> bool:
        return self is not Level.DISTRICT or day <= DISTRICTS_UNTIL


class CaseState(StrEnum):
    """Where a dossier stands in the one-stop system."""

    RECEIVED = "received"
    WORKING = "working"
    STOPPED = "stopped"  # tạm dừng, yêu cầu bổ sung (NĐ 118/2025 Đ21)
    RESOLVED = "resolved"
    REFUSED = "refused"  # từ chối, trả lại
    WITHDRAWN = "withdrawn"

    @property
    def ended(self) -> bool:
        return self in (CaseState.RESOLVED, CaseState.REFUSED, CaseState.WITHDRAWN)


class Channel(StrEnum):
    DIRECT = "direct"
    ONLINE = "online"
    POST = "post"
    UNKNOWN = "unknown"


class Case(_Frozen):
    """One row of a list: a dossier with its result, or a result alone. Texts are NFC, as written in the list."""

    row: int
    """1-based row in the file, the heading counted."""
    unit: str
    """Code of the agency (QĐ 20/2020/QĐ-TTg) that resolves it."""
    level: Level
    dossier_code: str | None = None
    dossier_day: date | None = None
    """Day within the dossier code."""
    procedure: str | None = None
    """Mã TTHC."""
    procedure_name: str | None = None
    sector: str | None = None
    """Lĩnh vực, as written."""
    kind: str | None = None
    """Code of the kind of paper, where the list or the procedure says it."""
    number: str | None = None
    """Số of the result, without symbol: `45`, `12/2021`."""
    symbol: str | None = None
    """Ký hiệu: `QĐ-UBND`."""
    issued: date | None = None
    issuer: str | None = None
    """Agency that issued the result, as written."""
    owner: str | None = None
    owner_id: str | None = None
    summary: str | None = None
    received: date | None = None
    due: date | None = None
    finished: date | None = None
    state: CaseState | None = None
    channel: Channel = Channel.UNKNOWN
    in_force_until: date | None = None


class Severity(StrEnum):
    ERROR = "error"  # nothing of the file is imported
    WARNING = "warning"  # imported, and told


class Finding(_Frozen):
    """What is wrong in a file, by row and column."""

    severity: Severity
    code: str
    row: int | None
    column: str | None
    """Heading, as written in the file."""
    value: str = ""
    """What stands there, cut to 80 characters; never written to a log (personal data)."""
    vi: str = ""


class ListKind(StrEnum):
    RESULTS = "results"  # results still in force: the denominator of the plan
    DOSSIERS = "dossiers"  # dossiers of a period from the one-stop system


class ListImport(_Frozen):
    """What an import did."""

    id: str
    name: str
    sha256: str
    kind: str
    """Of ListKind, or `totals`."""
    rows: int
    added: int
    changed: int
    """Known dossiers whose state or dates are now others."""
    same: int
    gone: int = 0
    """Known before, and no longer in a list that was said to be complete."""
    unread: tuple[str, ...] = ()
    """Headings of columns that nothing is taken from."""
    findings: tuple[Finding, ...] = ()
    findings_left_out: int = 0


class MatchState(StrEnum):
    SURE = "sure"  # by the evidence alone
    DOUBTFUL = "doubtful"  # waits for a person
    CONFIRMED = "confirmed"  # by a person
    REJECTED = "rejected"  # by a person


class Evidence(_Frozen):
    """How two values of one feature compare."""

    feature: str
    """number, symbol, day, issuer, owner, owner_id, dossier, kind"""
    outcome: str
    """same | near | other | unknown"""
    weight: float
    """Natural logarithm of how much more often this is seen for the same paper than for another."""


class Match(_Frozen):
    """A row of a list and the record that is (or may be) its paper."""

    case: int
    document: str
    state: MatchState
    score: float
    evidence: tuple[Evidence, ...] = ()


class Target(_Frozen):
    """What is to be reached, with where it is written."""

    year: int
    level: Level | None = None
    unit: str | None = None
    """For one agency only; it then goes before its level's."""
    sector: str | None = None
    kind: str | None = None
    percent: float = Field(ge=0, le=100)
    source: str
    """Legal or own source, shown beside the figure."""


class Total(_Frozen):
    """How many results are still in force, as people entered and approved or a list told."""

    unit: str
    sector: str
    kind: str
    year: int
    """Year of the plan."""
    count: int = Field(ge=0)
    source: str
    """`entered` or the id of the list."""
    entered_by: str
    entered_at: AwareDatetime
    approved_by: str | None = None
    approved_at: AwareDatetime | None = None


class PlanLine(_Frozen):
    """Progress of one unit, sector and kind in one year of the plan."""

    year: int
    unit: str
    unit_name: str
    level: Level
    sector: str
    kind: str
    kind_name: str
    in_force: int | None
    """None: nobody entered a total, so no share can be told."""
    target_percent: float | None
    target_source: str
    wanted: int | None
    """Records that meet the target, rounded up."""
    digitised: int
    signed: int
    archived: int
    synchronised: int
    reused: int
    listed: int | None = None
    """Rows of lists of results in force; None where there is no list."""
    missing: int | None
    """Of them without a record."""

    @property
    def share(self) -> float | None:
        """Percent of what is in force that is digitised."""
        return 100 * self.digitised / self.in_force if self.in_force else None


class Period(_Frozen):
    """Days from `first` to `last`, both counted, in Asia/Ho_Chi_Minh."""

    label: str
    first: date
    last: date


class PlanSettings(BaseModel):
    """Targets and terms; section `[plan]` of the settings. What the law leaves open carries its source."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    first_year: int = 2021
    """Year of the first stage of QĐ 468/QĐ-TTg (27/3/2021)."""
    first_percent: dict[Level, float] = {
        Level.CENTRAL: 40.0,
        Level.PROVINCE: 30.0,
        Level.DISTRICT: 20.0,
        Level.COMMUNE: 15.0,
    }
    """Share of results still in force that is digitised in the first stage. QĐ 468/QĐ-TTg: 40/30/20/15 %; which level each belongs
    to is the usual reading [M-H]."""
    yearly_step: float = Field(20.0, ge=0, le=100)
    """Percent more each following year, until 100. QĐ 468/QĐ-TTg: "mỗi năm tăng thêm tối thiểu 20%" [M-H]."""
    default_level: Level = Level.COMMUNE
    """Level of an agency that the list of units does not know."""
    nearly_late_days: int = Field(2, ge=0)
    """So many days before the term a dossier is told as about to be late; the office's own."""
    pace_days: int = Field(90, ge=7)
    """Days over which today's pace is taken for the forecast; the office's own."""
    indicators: dict[str, list[str]] = {
        "4.1": ["resolved_with_result", "resolved"],
        "4.2": ["dossiers_digitised", "received"],
        "4.3": ["dossiers_reusing", "received"],
        "4.4": ["dossiers_synchronised", "dossiers_digitised"],
    }
    """What is divided by what. QĐ 766/QĐ-TTg (23/6/2022) names the indicators; its formulas were not seen [M-M]."""
