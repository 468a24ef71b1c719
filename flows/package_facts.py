"""What descriptions of a package say of its records, in words of the law; and the page a reader sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from flows.locks import class_of
from ocr.forms import load_forms
from schemas.packages import PackagedEvent, PackagedFile, PackagedRecord, PackageInfo
from schemas.preserve import PreserveSettings
from schemas.texts import field_name, shown_value
from schemas.zone import VIETNAM
from storage.catalogue import Catalogue, DocumentRow
from storage.keeping.retention import Terms

EVENTS = {
    "documents_recorded": "ingestion", "archived": "archiving", "codes_given": "metadata modification",
    "timestamp_renewed": "timestamp renewal", "exported": "export", "handed_over": "transfer", "hold_set": "hold",
    "hold_lifted": "release", "retention_changed": "appraisal", "object_healed": "recovery", "signed": "digital signature",
}  # fmt: skip
"""Our events -> PREMIS event types."""
PERMANENT = "Vĩnh viễn"


def describe(
    catalogue: Catalogue, settings: PreserveSettings, row: DocumentRow, versions: list[PackagedFile]
) -> PackagedRecord:
    form = load_forms().get(row.type)
    kind = form.name if form else "Giấy tờ khác"

    def value(*names: str) -> str:
        return next((f.value for name in names if (f := row.fields.get(name)) and f.value), "")

    def label(name: str) -> str:
        labels = form.fields[name].labels if form and name in form.fields else []
        return field_name(name, labels[0] if labels else "")

    subject = value("trich_yeu")
    number = value("so_ky_hieu", "so")
    title = " ".join(part for part in (kind, number and f"số {number}", subject and f"– {subject}") if part)
    return PackagedRecord(
        id=row.id,
        title=title,
        kind=kind,
        code=row.doc_code or "",
        number=number,
        issued=value("ngay_ban_hanh", "ngay_cap", "ngay_dang_ky"),
        agency=value("co_quan_ban_hanh", "co_quan_cap", "noi_dang_ky"),
        subject=subject,
        language="Tiếng Việt",
        pages=len(row.pages),
        valid_to=row.valid_to or "",
        retention=_term(catalogue, settings, row),
        values=[(label(name), shown_value(field.value)) for name, field in row.fields.items() if field.value],
        versions=versions,
        events=[
            PackagedEvent(
                id=f"{row.id}-{event.id}", kind=EVENTS.get(event.what, event.what), at=event.at, who=event.who or "system",
                detail=str(event.detail.get("sha256", "")) if event.detail else "",
            )
            for event in reversed(catalogue.events(row.id, limit=10_000))
        ],
    )  # fmt: skip


def _term(catalogue: Catalogue, settings: PreserveSettings, row: DocumentRow) -> str:
    known = Terms(catalogue).get(row.id)
    years = settings.retention_years.get(known.record_class if known else class_of(settings, row.type), 0)
    return f"{years:02d} năm" if years else PERMANENT


def reading_page(
    info: PackageInfo, records: Sequence[PackagedRecord], path_of: Callable[[PackagedFile], str] = lambda file: file.path
) -> bytes:
    """An index that any browser shows, without scripts and without a network."""
    parts = []
    for record in records:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in record.values)
        links = "".join(
            f'<li><a href="{escape(path_of(file), quote=True)}">{escape(file.path.rpartition("/")[2])}</a>'
            f" <small>SHA-256 {file.sha256}</small></li>"
            for file in record.versions
        )
        parts.append(
            f'<section id="{record.id}"><h2>{escape(record.title)}</h2><p>Mã: {escape(record.code or record.id)}</p>'
            f"<table>{rows}</table><h3>Tệp</h3><ul>{links}</ul></section>"
        )
    contents = "".join(f'<li><a href="#{r.id}">{escape(r.title)}</a></li>' for r in records)
    made = f"{info.created.astimezone(VIETNAM):%d/%m/%Y %H:%M}"
    return (
        '<!doctype html><html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(info.title)}</title><style>body{{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
        "line-height:1.5}table{border-collapse:collapse}th,td{border:1px solid #767676;padding:.3rem .6rem;text-align:left;"
        "vertical-align:top}small{overflow-wrap:anywhere}</style></head><body>"
        f"<header><p>{escape(info.office)}</p><h1>{escape(info.title)}</h1><p>Gói dữ liệu phục vụ khai thác, lập lúc {made}. "
        "Giá trị của tệp do chữ ký số trong tệp PDF; hãy kiểm tra chữ ký trước khi dùng.</p></header>"
        f"<nav><h2>Mục lục</h2><ol>{contents}</ol></nav><main>{''.join(parts)}</main></body></html>"
    ).encode()
