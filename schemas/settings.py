"""Settings, read from `<home>/sohoa.toml` and the environment (`SOHOA_<SECTION>__<NAME>`). No global: callers pass them on.

A value that the law leaves open carries its source beside it (domain [M-M]/[M-L] items are settings, never code).
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from datetime import date, time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.agent import AgentSettings
from schemas.api_settings import ApiSettings, ReuseSettings
from schemas.errors import BadSettings
from schemas.objects import ReplicaSettings, S3Settings
from schemas.people import AuditSettings, PeopleSettings
from schemas.plan import PlanSettings
from schemas.preserve import PreserveSettings
from schemas.register import BookKind
from schemas.signing import SigningSettings


class Section(BaseModel):
    """A misspelt setting is an error, not a default."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Limits(Section):
    """Bounds against bombs. One file, one page at a time."""

    file_bytes: int = 500_000_000
    pages: int = 2_000
    page_pixels: int = 120_000_000
    """A0 at 200 dpi is about 62 million."""
    decompressed_bytes: int = 2_000_000_000
    page_seconds: float = 120.0
    batch_files: int = 20_000


class Reading(Section):
    """How a page is read."""

    engine: str = "tesserocr"
    """tesserocr (in process) or pytesseract (program)."""
    language: str = "vie"
    tessdata: str | None = None
    """Folder of the language data; found by itself when None."""
    dpi: int = 200
    """Resolution of the picture that is read; the kept image is never resampled."""
    min_dpi: float = 200.0
    """Floor for the stored image. NĐ 30/2020 PL I; CV 7197/BKHCN-CĐSQG."""
    wanted_dpi: float = 300.0
    """CV 7197/BKHCN-CĐSQG default."""
    accept_confidence: float = 0.955
    """A field below this goes to a person; calibrated, see docs/calibration.md."""


class Office(Section):
    """Who uses this installation."""

    code: str = ""
    """Mã định danh điện tử (QĐ 20/2020/QĐ-TTg), for example H26.12."""
    name: str = "Cơ quan chưa đặt tên"


class Codes(Section):
    """Templates of codes. Each with its source and how sure it is."""

    result: str = "{dossier}-KQ{n}"
    """NĐ 45/2020 Đ14 k3: `Mã hồ sơ thủ tục hành chính-KQ(n)`; whether the brackets are printed is not settled by the text."""
    digitised: str = "{owner}.{kind_code}"
    """TT 01/2023/TT-VPCP Đ10: formula missing in every copy found [M-M]; confirm with a legal officer."""
    doc_code: str = "{office}_{field}_{serial:06d}_V{version}"
    """CV 7197/BKHCN-CĐSQG: MCQ_LV_STT_PB, at most 30 characters."""
    file_name: str = "{doc_code}_{date}_{description}.{extension}"
    """CV 7197/BKHCN-CĐSQG: CODE_YYYYMMDD_DESC.EXT."""


class Work(Section):
    processes: int = 0
    """Page processes; 0: one a core."""
    pages_a_process: int = 400
    """Recycled after so many pages, so that memory stays flat."""
    settle_seconds: float = 2.0
    """A watched file is taken when it did not change for so long."""


SYMBOLS: dict[BookKind, str] = {
    BookKind.CERTIFIED: "SCT/BS",
    BookKind.TRUE_COPY: "SY-{agency}",
    BookKind.COPY_OF_COPY: "SL-{agency}",
    BookKind.EXTRACT: "TrS-{agency}",
    BookKind.REGISTER_COPY: "",
}


class Copies(Section):
    """Rules of copies and their registers, each with its source."""

    symbols: dict[BookKind, str] = SYMBOLS
    """NĐ 23/2015 Đ13; NĐ 30/2020 PL I. SCTĐT/BS for a separate electronic book, as one provincial product has it. A book
    keeps the symbol it was opened with. For the book of copies from the sổ gốc no symbol was found in the law."""
    agency_symbol: str = "UBND"
    """Abbreviation of the agency in the symbols of NĐ 30/2020."""
    one_series_for_copies: bool = False
    """True: SY, SL and TrS share one run of numbers ("đánh chung cho các loại bản sao", NĐ 30/2020 PL I [M-H]; not verified)."""
    volume_label: str = "{volume:02d}/{year}"
    """What stands on the cover as quyển số; NĐ 280/2025 Mẫu 01 says only "ghi theo thông tin đã ghi tại bìa sổ"."""
    cut_off: time = time(15, 0)
    """Received later than this: next working day. NĐ 23/2015 Đ7."""
    return_by: time = time(17, 0)
    """Hour put on the appointment slip; the office's own."""
    extension_days: int = Field(2, ge=0)
    """Working days, NĐ 23/2015 Đ21."""
    weekend: list[Annotated[int, Field(ge=1, le=7)]] = Field([6, 7], max_length=6)
    """Days without work, 1 Monday to 7 Sunday."""
    fixed_holidays: list[str] = ["01-01", "04-30", "05-01", "09-02"]
    """Month-day, every year. Bộ luật Lao động 2019 Đ112 [M-H]."""
    holidays: list[date] = []
    """Holidays of a year by the yearly notice: Tết, Giỗ Tổ, the second day of 2/9, days in lieu."""
    extra_working_days: list[date] = []
    """Weekend days that are worked in exchange."""
    fee_first_pages: int = Field(2, ge=0)
    fee_first: int = Field(2_000, ge=0)
    """Đồng a page of the original, first pages. TT 226/2016/TT-BTC."""
    fee_next: int = Field(1_000, ge=0)
    """Đồng a page after them."""
    fee_max: int = Field(200_000, ge=0)
    """Đồng a copy."""
    charge_electronic: bool = True
    """Whether an electronic copy costs the same; TT 226/2016 does not say."""

    @field_validator("symbols")
    @classmethod
    def _rest_by_default(cls, value: dict[BookKind, str]) -> dict[BookKind, str]:
        return SYMBOLS | value

    @field_validator("fixed_holidays")
    @classmethod
    def _month_and_day(cls, value: list[str]) -> list[str]:
        for text in value:
            date.fromisoformat(f"2000-{text}")
        return value


class Certifying(Section):
    """How an original is captured and certified."""

    capture_minutes: int = Field(30, ge=1, le=480)
    """A capture serves for so long, and a file of it is no older: the original lies before the certifying person. The law
    says "at that moment"; the figure is the office's own."""
    verify_url: str = ""
    """Address of the verify page, put into the QR with the code of the copy."""
    system_name: str = "Hệ thống số hoá sohoa"
    """Name of the system in the QR (TT 01/2023/TT-VPCP: tên hệ thống thông tin cung cấp dữ liệu)."""


class Delivery(Section):
    """How copies are handed over (NĐ 45/2020 Đ10: by e-mail, or to the Kho of the citizen on Cổng DVCQG)."""

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_starttls: bool = True
    """Required where set: nothing is sent to a server that does not offer it."""
    smtp_user: str = ""
    smtp_password: str = Field("", repr=False)
    """Better given as SOHOA_DELIVERY__SMTP_PASSWORD than written here."""
    smtp_ca_file: str = ""
    """Certificates that the server's must lead to; empty: those of the system."""
    sender: str = ""
    """Address of the office."""
    attach: bool = True
    """True: the file goes with the letter; False: a link to the verify page with the code of the copy."""
    kho_url: str = ""
    """Gateway to the Kho (LGSP/NDXP); its interface is agreed with whoever runs it. Empty: the simulator, outside production."""
    kho_token: str = Field("", repr=False)
    attempts: int = Field(8, ge=1, le=50)
    """Then a person looks at it."""
    first_wait_seconds: float = Field(60.0, gt=0)
    """Doubled after each attempt, at most six hours."""
    seconds: float = Field(20.0, gt=0)
    """Limit for one answer of a server."""


class Settings(BaseSettings):
    """Everything that may differ between two installations."""

    model_config = SettingsConfigDict(env_prefix="SOHOA_", env_nested_delimiter="__", extra="forbid")

    home: Path = Path("sohoa-data")
    catalogue_url: str = ""
    """SQLAlchemy URL; empty: SQLite in the home folder."""
    store_url: str = ""
    """Object store; empty: a folder in the home folder."""
    office: Office = Field(default_factory=Office)
    limits: Limits = Field(default_factory=Limits)
    reading: Reading = Field(default_factory=Reading)
    codes: Codes = Field(default_factory=Codes)
    copies: Copies = Field(default_factory=Copies)
    work: Work = Field(default_factory=Work)
    agent: AgentSettings = Field(default_factory=AgentSettings)
    reuse: ReuseSettings = Field(default_factory=ReuseSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    signing: SigningSettings = Field(default_factory=SigningSettings)
    plan: PlanSettings = Field(default_factory=PlanSettings)
    preserve: PreserveSettings = Field(default_factory=PreserveSettings)
    s3: S3Settings = Field(default_factory=S3Settings)
    replicas: ReplicaSettings = Field(default_factory=ReplicaSettings)
    certifying: Certifying = Field(default_factory=Certifying)
    delivery: Delivery = Field(default_factory=Delivery)
    people: PeopleSettings = Field(default_factory=PeopleSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)

    @property
    def database(self) -> str:
        return self.catalogue_url or f"sqlite:///{(self.home / 'catalogue.sqlite').resolve()}"

    @property
    def store(self) -> str:
        return self.store_url or (self.home / "store").resolve().as_uri()

    def reading_hash(self) -> str:
        """Hash of what changes the outcome of reading; part of every step key (DESIGN decision 6)."""
        facts = self.reading.model_dump(exclude={"tessdata"})
        return hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()[:16]


def load_settings(home: Path | None = None) -> Settings:
    """Settings of a home folder; the environment wins over the file.

    Raises BadSettings when the file or a value is not valid.
    """
    home = home or Path(os.environ.get("SOHOA_HOME", "sohoa-data"))
    path = home / "sohoa.toml"
    values: dict = {}
    try:
        if path.exists():
            values = tomllib.loads(path.read_text("utf-8"))
        from_env = Settings().model_dump(exclude_unset=True)
        merged = _merge(values, from_env)
        merged["home"] = home
        return Settings(**merged)
    except (ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path}: {error}") from error


def _merge(base: dict, over: dict) -> dict:
    merged = dict(base)
    for key, value in over.items():
        merged[key] = _merge(merged.get(key, {}), value) if isinstance(value, dict) else value
    return merged
