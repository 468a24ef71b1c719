"""Signing and verifying: who signs, what is asked for, what came of it, and what a verifier says.

`SignatureEvidence` is what is kept of a signature that was made; `FileVerdict` is what anyone finds on checking a file,
and the contract of `sohoa verify --json`.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from schemas.page import Box


class Level(StrEnum):
    """PAdES baseline level (ETSI EN 319 142-1). Ordered: each holds what the one before it holds."""

    B_B = "B-B"  # signed with the certificate in it
    B_T = "B-T"  # and a timestamp over the signature
    B_LT = "B-LT"  # and chain, CRL and OCSP answers
    B_LTA = "B-LTA"  # and a timestamp over the whole file

    @property
    def rank(self) -> int:
        return list(Level).index(self)

    def reaches(self, wanted: Level) -> bool:
        return self.rank >= wanted.rank


class Role(StrEnum):
    """In what capacity somebody signs; decides field, place and looks."""

    SCANNER = "scanner"  # người sao chụp, TT 01/2023 Đ8 k1: page 1, top left
    CERTIFIER = "certifier"  # người thực hiện chứng thực, NĐ 45/2020 Đ10
    AGENCY = "agency"  # cơ quan, NĐ 30/2020 PL I and CV 7197: page 1, top right


FIELD_NAMES: dict[Role, str] = {
    Role.SCANNER: "NguoiSaoChup",
    Role.CERTIFIER: "NguoiChungThuc",
    Role.AGENCY: "CoQuan",
}
"""Name of the form field each role signs."""


class Product(StrEnum):
    """The legally different things that are signed (domain law §0.1); never mixed."""

    DIGITISED = "so_hoa"  # kết quả số hoá, TT 01/2023
    TRUE_COPY = "sao_y"  # NĐ 30/2020 Đ25 k1c
    COPY_OF_COPY = "sao_luc"
    EXTRACT = "trich_sao"
    REGISTER_COPY = "so_goc"  # bản sao từ sổ gốc, NĐ 45/2020 Đ10
    CERTIFIED_COPY = "chung_thuc"  # chứng thực bản sao từ bản chính


FORM_OF_COPY: dict[Product, str] = {
    Product.DIGITISED: "",
    Product.TRUE_COPY: "SAO Y",
    Product.COPY_OF_COPY: "SAO LỤC",
    Product.EXTRACT: "TRÍCH SAO",
    Product.REGISTER_COPY: "BẢN SAO TỪ SỔ GỐC",
    Product.CERTIFIED_COPY: "CHỨNG THỰC BẢN SAO TỪ BẢN CHÍNH",
}
"""First line of the agency's signature (NĐ 30/2020 PL I names the first three)."""


class KeyKind(StrEnum):
    """Where the private key is."""

    PKCS12 = "pkcs12"
    PKCS11 = "pkcs11"
    REMOTE = "csc"
    DEFERRED = "deferred"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Identity(_Frozen):
    """A certificate and who holds it. No secret is ever in it."""

    id: str
    role: Role
    kind: KeyKind
    signer: str
    """Common name in the certificate."""
    agency: str = ""
    """Organisation in the certificate; for an agency's certificate its own name."""
    serial: str
    """Of the certificate, lower-case hexadecimal."""
    sha256: str
    """Fingerprint of the certificate."""
    issuer: str
    not_before: datetime
    not_after: datetime
    key: str
    """For example RSA-2048 or ECDSA-256."""
    demo: bool = False
    """A test key: everything it signs is marked, and production refuses it."""


class DelegationKind(StrEnum):
    AUTHORISATION = "uy_quyen"
    ASSIGNMENT = "phan_cong"


class DelegationRecord(_Frozen):
    """Written authorisation or assignment to sign for an agency (NĐ 280/2025; NĐ 30/2020 Đ13, Đ32)."""

    kind: DelegationKind
    number: str
    """Number and symbol of the decision."""
    person: str
    agency: str
    roles: tuple[Role, ...]
    products: tuple[Product, ...] = tuple(Product)
    valid_from: date
    valid_to: date | None = None
    """Last day, inclusive; None: until withdrawn."""
    withdrawn_on: date | None = None
    """From this day on it no longer holds."""

    @model_validator(mode="after")
    def _in_order(self) -> DelegationRecord:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("the delegation ends before it begins")
        return self


def _with_offset(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("the time needs an offset from UTC")
    return moment


class SignatureRequest(_Frozen):
    """One signature that is wanted on one file."""

    document_id: str
    role: Role
    product: Product
    person: str = ""
    """Who must hold the certificate; for an agency: who operates the key (văn thư)."""
    agency: str = ""
    captured_at: datetime | None = None
    """When the paper was captured; shown by the scanning clerk's signature."""
    level: Level = Level.B_B
    own_right: bool = False
    """The person is the competent one (Chủ tịch UBND cấp xã, NĐ 280/2025) and needs no delegation."""
    delegation: DelegationRecord | None = None

    _offset = field_validator("captured_at")(lambda value: value and _with_offset(value))

    @property
    def field(self) -> str:
        return FIELD_NAMES[self.role]


class SignatureEvidence(_Frozen):
    """What is kept of a signature that was made, beside the file."""

    document_id: str
    field: str
    role: Role
    product: Product
    signer: str
    agency: str
    person: str = ""
    certificate_serial: str
    certificate_sha256: str
    signed_at: datetime
    """As claimed by the signer, +07:00."""
    timestamp_at: datetime | None = None
    """As proven by the timestamp authority."""
    digest: str
    """Digest algorithm, for example sha256."""
    level_wanted: Level
    level_reached: Level
    sha256_before: str
    sha256_after: str
    bytes_after: int
    delegation: str = ""
    """Number of the decision signed under."""
    demo: bool = False


class FieldPlace(_Frozen):
    """Where an empty signature field was put."""

    role: Role
    field: str
    page: int
    """1-based."""
    box: Box
    """Shown frame, points, origin top left."""
    in_band: bool = False
    """The page had no room: it stands in a margin added beside the scan."""


# --- signing elsewhere -----------------------------------------------------------------------------------------------
class JobItem(_Frozen):
    """One file of a deferred job, as the key holder sees it: no page leaves the server."""

    id: str = Field(pattern=r"^[0-9a-f]{64}$")
    document_id: str
    name: str = Field(pattern=r"^[^/\\\x00]+$")
    """File name, for the key holder's list; never a path."""
    field: str
    role: Role
    product: Product
    sha256: str
    """Of the reviewed file before it was made ready."""
    signed_attributes: str
    """DER, base64: what the signature is over."""
    digest: str
    """SHA-256 of the signed attributes, base64: all that a device needs."""


class SigningJob(_Frozen):
    """What is exported to the holder of a key elsewhere."""

    format: Literal["sohoa-signing-job/1"] = "sohoa-signing-job/1"
    id: str = Field(pattern=r"^[0-9a-f]{64}$")
    certificate: str
    """DER, base64: only this certificate's key can answer."""
    items: tuple[JobItem, ...]


class JobAnswers(_Frozen):
    """What comes back: raw signatures by item."""

    format: Literal["sohoa-signing-answers/1"] = "sohoa-signing-answers/1"
    job: str
    signatures: dict[str, str]
    """Item id -> raw signature, base64."""


# --- what a verifier says --------------------------------------------------------------------------------------------
class Verdict(StrEnum):
    """One bottom line (ETSI EN 319 102-1: TOTAL-PASSED, TOTAL-FAILED, INDETERMINATE)."""

    VALID = "valid"  # Hợp lệ
    INVALID = "invalid"  # Không hợp lệ
    INDETERMINATE = "indeterminate"  # Chưa xác định


class Revocation(StrEnum):
    """What is known of the signer's certificate at signing time."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class TimestampState(StrEnum):
    NONE = "none"
    VALID = "valid"
    INVALID = "invalid"
    UNTRUSTED = "untrusted"  # sound in itself, maker not trusted


class Changes(StrEnum):
    """What was added to the file after a signature."""

    NONE = "none"
    ALLOWED = "allowed"  # further signatures, timestamps, validation data
    FORBIDDEN = "forbidden"
    UNKNOWN = "unknown"


class SignatureVerdict(BaseModel):
    """One signature of a file."""

    model_config = ConfigDict(extra="forbid")

    field: str
    signer: str
    """Common name; empty when there is no readable certificate."""
    agency: str = ""
    time: str | None
    """ISO 8601 with +07:00: of the timestamp where there is a sound one, else as claimed."""
    intact: bool
    """The signed bytes are the signed ones and the signature is the certificate's."""
    whole_file: bool
    """Nothing stands in the file after what it covers."""
    trusted: bool
    """A chain leads to a trust anchor."""
    revocation: Revocation
    timestamp: TimestampState
    level: Level | None
    """None: no PAdES level (for example adbe.pkcs7.detached)."""
    weak_algorithm: bool
    """SHA-1 or older, RSA below 2048, ECDSA below 256."""
    changes_after: Changes
    verdict: Verdict
    reasons: list[str] = Field(default_factory=list)
    """Stable codes, most serious first; each is explained in `FileVerdict.explanations`."""
    changes: list[str] = Field(default_factory=list)
    """What was added or changed after this signature, in Vietnamese, in the order of the file."""
    claimed_time: str | None = None
    """ISO 8601 with +07:00, as the signer's machine said; proves nothing."""
    timestamp_authority: str = ""
    """Common name of who made the timestamp."""
    sub_indication: str | None = None
    """ETSI EN 319 102-1, for example HASH_FAILURE or NO_CERTIFICATE_CHAIN_FOUND."""
    subfilter: str = ""
    algorithm: str = ""
    """For example RSA-2048 with SHA-256."""
    issuer: str = ""
    serial: str = ""
    demo: bool = False
    """Made by a test key: no legal value."""


class Reason(_Frozen):
    """Why a verdict is what it is."""

    code: str
    """Stable; the lower-case ETSI sub-indication where that says it."""
    sub_indication: str | None = None
    """ETSI EN 319 102-1 §5.1.3; None where the standard has no word."""
    weight: Verdict
    """What it does to the verdict: `valid` is a remark that changes nothing."""
    text: str
    """A sentence in Vietnamese."""
    field: str | None = None
    """Of the signature or document timestamp; None: the whole file."""


class DocumentTimestampVerdict(BaseModel):
    """A timestamp over the whole file (PAdES B-LTA)."""

    model_config = ConfigDict(extra="forbid")

    field: str
    authority: str
    time: str | None
    intact: bool
    whole_file: bool
    trusted: bool
    revocation: Revocation
    verdict: Verdict
    reasons: list[str] = Field(default_factory=list)


class KnownStatus(StrEnum):
    ACTIVE = "active"
    SUPERSEDED = "superseded"  # a later version of the record took its place
    CANCELLED = "cancelled"


class KnownCopy(_Frozen):
    """What the archive says of a file or of the code printed on it; no personal data beyond what the holder has."""

    record: str
    """Id of the record; of an issued copy: of its row in the register."""
    register_entry: str = ""
    """Number in the register, for example 12/2026/SCT-BS."""
    product: Product | None = None
    status: KnownStatus = KnownStatus.ACTIVE
    cancelled_on: date | None = None
    same_bytes: bool
    """The file is byte for byte the archived one."""


class FileVerdict(BaseModel):
    """All signatures of one file and its bottom line."""

    model_config = ConfigDict(extra="forbid")

    file: str
    verdict: Verdict
    reasons: list[str] = Field(default_factory=list)
    """Stable codes, most serious first, each once."""
    signatures: list[SignatureVerdict] = Field(default_factory=list)
    sha256: str = ""
    explanations: list[Reason] = Field(default_factory=list)
    """All reasons and remarks with their sentences, those of `reasons` first."""
    document_timestamps: list[DocumentTimestampVerdict] = Field(default_factory=list)
    known: KnownCopy | None = None
    """None: nobody was asked, or it is not one of ours."""
    checked_at: str = ""
    """ISO 8601 with +07:00: the time for which the verdict holds."""


class VerifyResult(BaseModel):
    """What `sohoa verify FILE… --json` prints."""

    model_config = ConfigDict(extra="forbid")

    files: list[FileVerdict]

    def exit_code(self) -> int:
        """0: all valid; 1: something is not valid or not known."""
        return 0 if self.files and all(file.verdict is Verdict.VALID for file in self.files) else 1

    def to_json(self) -> str:
        """One JSON document in UTF-8 letters, with a line feed at the end."""
        return self.model_dump_json(indent=2) + "\n"


def json_schema() -> dict:
    """JSON Schema of `sohoa verify --json` (schemas/verify.schema.json)."""
    schema = VerifyResult.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


# --- settings --------------------------------------------------------------------------------------------------------
class SigningSettings(BaseModel):
    """How this installation signs and whom it trusts; section `[signing]` of the settings."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    production: bool = False
    """True: test keys are refused."""
    levels: dict[Product, Level] = Field(default_factory=lambda: dict.fromkeys(Product, Level.B_LTA))
    """Wanted level by product. What goes to the archive: B-LT or B-LTA (TT 05/2025/TT-BNV asks for long proof [M-M])."""
    seal_image: dict[Product, bool] = Field(default_factory=lambda: dict.fromkeys(Product, False))
    """Whether the agency's signature shows the seal: no for sao y (NĐ 30/2020 PL I), yes in TT 02/2019 [M-M]."""
    seal_file: Path | None = None
    """PNG with transparent background."""
    tsa_url: str = ""
    """RFC 3161 timestamp authority; empty: the demo one while not in production."""
    trust_folder: Path | None = None
    """Trust anchors, each with its source; `<home>/trust` when None."""
    cache_folder: Path | None = None
    """CRL and OCSP answers; `<home>/revocation` when None."""
    offline: bool = False
    """True: nothing is fetched; only what is cached or embedded counts."""
    network_seconds: float = 10.0
    """Limit for one answer of a TSA, OCSP, CRL or remote signing service."""

    @field_validator("seal_file", "trust_folder", "cache_folder", mode="before")
    @classmethod
    def _empty_is_not_set(cls, value: object) -> object:
        """TOML has no null: the settings file says it by an empty text, which must not become the current folder."""
        return None if value == "" else value
