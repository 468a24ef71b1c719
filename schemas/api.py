"""What the REST API of CV 7197/BKHCN-CĐSQG takes and gives. Names of metadata are those of the letter."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from schemas.document import DocumentStatus
from schemas.register import Sha256
from schemas.reuse import Reuse
from schemas.signing import FileVerdict


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


# No control characters: what comes in goes on paper, into XML and into logs. Nothing empty.
_PLAIN = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
Word20 = Annotated[str, StringConstraints(max_length=20, pattern=_PLAIN)]
Word30 = Annotated[str, StringConstraints(max_length=30, pattern=_PLAIN)]
Word50 = Annotated[str, StringConstraints(max_length=50, pattern=_PLAIN)]
Word100 = Annotated[str, StringConstraints(max_length=100, pattern=_PLAIN)]
Text200 = Annotated[str, StringConstraints(max_length=200, pattern=_PLAIN)]
Text500 = Annotated[str, StringConstraints(max_length=500, pattern=_PLAIN)]
DocCodeText = Annotated[str, StringConstraints(max_length=30, pattern=r"^[0-9A-Z.]{1,20}_[^\W\d_]{1,8}_[0-9]{1,6}_V[1-9][0-9]{0,3}$")]


class _Optional(_Wire):
    """The metadata that the letter leaves open."""

    Language: Word100 | None = None
    PageAmount: int | None = Field(None, ge=1, le=9999)
    """Compared with the file; another number is refused (TT 01/2023/TT-VPCP Đ8 k2)."""
    Description: Text500 | None = None
    InforSign: Word30 | None = None
    Keyword: Word100 | None = None
    Mode: Word20 | None = None
    ConfidenceLevel: Word30 | None = None
    Format: Word50 | None = None
    """Tình trạng vật lý."""
    ValidFrom: date | None = None
    """Thời hạn có hiệu lực (TT 01/2023/TT-VPCP Đ9); not in the letter. By the kind of paper when left out."""
    ValidTo: date | None = None
    Fields: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,40}$")], Text500] = Field(
        default_factory=dict, max_length=60
    )
    """Further fields by our names (so_dinh_danh, ho_ten …); not in the letter."""


class ImportMetadata(_Optional):
    """Metadata of CV 7197 beside the file. With a DocCode the document is already digitised and described, and is recorded as
    it is: the fields that the letter requires are required. Without one the file is a scan that this office digitises."""

    DocCode: DocCodeText | None = None
    TypeName: Word100 | None = None
    CodeNumber: Annotated[str, StringConstraints(max_length=11, pattern=r"^[0-9A-Za-z]{1,11}$")] | None = None
    CodeNotation: Word30 | None = None
    IssuedDate: date | None = None
    OrganName: Text200 | None = None
    Subject: Text500 | None = None
    Dossier: Word50 | None = None
    """Mã số hồ sơ TTHC; not in the letter."""

    @model_validator(mode="after")
    def _described(self) -> ImportMetadata:
        if self.ValidFrom and self.ValidTo and self.ValidTo < self.ValidFrom:
            raise ValueError("ValidTo is before ValidFrom")
        missing = [name for name in REQUIRED if getattr(self, name) is None]
        if self.DocCode is not None and missing:
            raise ValueError(f"with a DocCode these are required: {', '.join(missing)}")
        return self


REQUIRED = ("TypeName", "CodeNumber", "CodeNotation", "IssuedDate", "OrganName", "Subject")


class PutMetadata(_Optional):
    """What changes; what is left out stays."""

    TypeName: Word100 | None = None
    CodeNumber: Annotated[str, StringConstraints(max_length=11, pattern=r"^[0-9A-Za-z]{1,11}$")] | None = None
    CodeNotation: Word30 | None = None
    IssuedDate: date | None = None
    OrganName: Text200 | None = None
    Subject: Text500 | None = None
    Reason: Text500 | None = None
    """Why it is corrected; not in the letter."""


class VersionGiven(_Given):
    """One version of a document."""

    version: int
    DocCode: str | None
    sha256: str
    size: int
    made: AwareDatetime


class DocumentGiven(_Given):
    """A document: the metadata of CV 7197, and what this system knows beyond. Personal data is masked for a token without the
    scope see_personal."""

    DocCode: str | None
    TypeName: str
    CodeNumber: str | None = None
    CodeNotation: str | None = None
    IssuedDate: str | None = None
    OrganName: str | None = None
    Subject: str | None = None
    Language: str | None = None
    PageAmount: int
    Description: str | None = None
    InforSign: str | None = None
    Keyword: str | None = None
    Mode: str | None = None
    ConfidenceLevel: str | None = None
    Format: str | None = None
    ValidFrom: str | None = None
    ValidTo: str | None = None
    id: str
    kind: str
    status: DocumentStatus
    version: int
    """The one that was asked for."""
    newest: int
    validity: str
    validity_reason: str
    dossier: str | None = None
    result_code: str | None = None
    masked: bool
    fields: dict[str, str | None]
    versions: tuple[VersionGiven, ...]


class DocumentTaken(_Given):
    """What import and put answer: where the document is now. No personal data."""

    state: Literal["recorded", "waiting", "corrected", "unchanged"]
    """waiting: the file is being digitised; see `status_url`."""
    id: str | None = None
    DocCode: str | None = None
    version: int | None = None
    sha256: Sha256
    """Of the file; of the newest one where only metadata came."""
    import_id: str | None = None
    status_url: str | None = None
    warnings: tuple[str, ...] = ()
    """Codes of checks that did not pass."""


class ImportState(_Given):
    """How far a file is that was sent to be digitised."""

    import_id: str
    state: Literal["waiting", "done", "needs_person", "refused"]
    DocCode: str | None = None
    received: AwareDatetime
    documents: tuple[ImportedDocument, ...] = ()
    refused: tuple[RefusedPart, ...] = ()


class ImportedDocument(_Given):
    id: str
    DocCode: str | None
    kind: str
    status: DocumentStatus


class RefusedPart(_Given):
    """A file or page in quarantine."""

    page: int | None
    code: str
    reason: str


ImportState.model_rebuild()


class SearchAsked(_Wire):
    """What is looked for; conditions hold together. Sent as a body, so that numbers of persons stand in no address."""

    text: Annotated[str, StringConstraints(max_length=200)] = ""
    id_number: Annotated[str, StringConstraints(max_length=20, pattern=r"^[0-9A-Za-z. -]*$")] | None = None
    name: Word100 | None = None
    number: Word50 | None = None
    symbol: Word50 | None = None
    kind: list[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{2,60}$")]] = Field([], max_length=20)
    agency: list[Text200] = Field([], max_length=20)
    issued_from: date | None = None
    issued_to: date | None = None
    dossier: Word50 | None = None
    tthc: Word50 | None = None
    code: Word50 | None = None
    validity: list[Literal["in_force", "expired", "revoked", "replaced", "not_yet", "unknown"]] = Field([], max_length=6)
    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[0-9A-Za-z_.=~-]+$")] | None = None


class HitGiven(_Given):
    id: str
    DocCode: str | None
    kind: str
    score: float
    validity: str
    validity_reason: str
    status: str
    fields: dict[str, str | None]


class SearchGiven(_Given):
    total: int
    total_is: str
    """exact, at_least or about."""
    hits: tuple[HitGiven, ...]
    next_cursor: str | None
    """Give it back with the same conditions for the next page; null at the end."""
    spelled: tuple[str, ...] = ()


class ReuseAsked(_Wire):
    dossier: Word50
    """Mã số hồ sơ TTHC for which the result is used."""
    purpose: Text500


class ReuseGiven(_Given):
    new: bool
    reuse: Reuse


class LookupAsked(_Wire):
    id_number: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z.-]{6,20}$")]
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{2,60}$")]
    dossier: Word50
    purpose: Text500


class VerifyMetadata(_Wire):
    """Nothing has to be said of a file that is verified."""


class VerifyGiven(_Given):
    file: FileVerdict
    known: bool
    """The file, or the code on it, is known to this office."""


class Ready(_Given):
    ready: bool
    catalogue: bool
    store: bool


class Health(_Given):
    alive: bool = True


class Problem(_Given):
    """RFC 9457."""

    type: str
    """urn:sohoa:error:<code>"""
    title: str
    """Vietnamese."""
    status: int
    detail: str = ""
    instance: str
    """urn:uuid of the request; it stands in the log too."""
    code: str
    """Stable."""
    title_en: str
    advice: str
    """Vietnamese."""
    retry: bool
    errors: tuple[ProblemPlace, ...] = ()


class ProblemPlace(_Given):
    """A place in the request that is not as it should be; its value is not repeated."""

    where: str
    what: str


Problem.model_rebuild()
